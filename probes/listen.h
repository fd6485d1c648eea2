/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The wire: what crosses from the kernel to Python. One struct listen_event per listen() call.
 *
 * Fixed-width integers only, padding written out, native byte order. listenwatch/call/layout.py names
 * the same; tests/unit/bpf/test_wire.py compares every offset with it. Change anything here and
 * LISTEN_WIRE_VERSION goes up.
 */
#ifndef LISTENWATCH_LISTEN_H
#define LISTENWATCH_LISTEN_H

#include <linux/types.h>

#define LISTEN_WIRE_VERSION 3
#define LISTEN_COMM_LEN 16
#define LISTEN_ADDRESS_LEN 108 /* sizeof(sun_path) */
#define LISTEN_LONG_NS 10000000 /* as LONG_NS, listenwatch/verdict/inputs.py */

/* How the call came in. */
enum listen_entry_path {
	ENTRY_SYSCALL = 1,  /* listen(2) of a native caller */
	ENTRY_COMPAT = 2,   /* listen(2) or socketcall(2) of a 32-bit caller */
	ENTRY_IO_URING = 3, /* IORING_OP_LISTEN */
	ENTRY_KERNEL = 4,   /* kernel code listens: no clamp, no security hook, no descriptor */
	ENTRY_UNKNOWN = 5,  /* only the change of state was seen, not the call that made it */
};

enum listen_flag {
	FLAG_FILE = 1 << 0,       /* the descriptor named an open file (not O_PATH) */
	FLAG_SOCKET = 1 << 1,     /* that file is a socket */
	FLAG_RETURNED = 1 << 2,   /* the return was seen: `result` is valid */
	FLAG_CONTENDED = 1 << 3,  /* another thread was in listen() on the same socket */
	FLAG_FD_CHANGED = 1 << 4, /* the descriptor named another file when the call returned */
	FLAG_FOLLOWED = 1 << 5,   /* the caller descends from the listenwatch process */
	FLAG_SHARED_TABLE = 1 << 6, /* other threads share the descriptor table */
	FLAG_SHARED_FILE = 1 << 7, /* another descriptor, of any process, refers to the same socket */
	FLAG_SOMAXCONN_MOVES = 1 << 8, /* somaxconn changed during this call, or one in the same namespace lately */
	FLAG_SWITCHED = 1 << 9, /* the thread had to wait for a processor, or for something else, during the call */
	FLAG_SYSCTLS_UNSEEN = 1 << 10, /* the environment could not be read; never so in a record of the probe */
};

/* Stages in the order the kernel passes them. */
enum listen_stage_index {
	STAGE_SECURITY,            /* security_socket_listen entry; value: its backlog */
	STAGE_SECURITY_RETURN,     /* value: 0 or the refusal, -errno */
	STAGE_INET_LISTEN,         /* inet_listen entry; value: its backlog */
	STAGE_INET_LISTEN_SK,      /* __inet_listen_sk entry (6.6+); value: its backlog */
	STAGE_LISTEN_START,        /* inet_csk_listen_start entry */
	STAGE_STATE_LISTEN,        /* sock:inet_sock_set_state to TCP_LISTEN; value: old state */
	STAGE_HASH,                /* inet_hash or inet6_hash entry; value: enum listen_hash */
	STAGE_STATE_CLOSE,         /* sock:inet_sock_set_state back to TCP_CLOSE; value: old state */
	STAGE_LISTEN_START_RETURN, /* value: return value */
	STAGE_INET_LISTEN_RETURN,  /* value: return value (of __inet_listen_sk where MPTCP calls it) */
	STAGE_COUNT,
};

enum listen_hash { HASH_INET = 1, HASH_INET6 = 2 };

/* An upper layer protocol on the socket: what inet_ulp_can_listen() looks at. */
enum listen_ulp { ULP_NONE = 0, ULP_CLONES = 1, ULP_NO_CLONE = 2 };

/* Whether a socket has an address (AF_UNIX, AF_VSOCK) or a port (all others). */
enum listen_bound { BOUND_NO = 0, BOUND_YES = 1, BOUND_UNKNOWN = 2 };

struct listen_stage {
	__s32 value;
	__u32 max_ack_backlog;
	__u32 ack_backlog;
	__u8 seen;
	__u8 state;        /* sk_state as the function was entered or left */
	__u8 socket_state; /* sock->state (enum socket_state), 0xff where there is no struct socket */
	__u8 pad;
};

/* One struct socket and its struct sock at one moment. For MPTCP also its first subflow. */
struct listen_socket {
	__u32 max_ack_backlog;
	__u32 ack_backlog; /* AF_UNIX: the length of sk_receive_queue, its accept queue */
	__u32 subflow_max_ack_backlog;
	__u32 subflow_ack_backlog;
	__u16 family;
	__u16 type;
	__u16 protocol;
	__u16 local_port; /* skc_num, host order; 0: not bound to a port */
	__u8 seen; /* 1: all of it; a look from user space has bits for what it cannot see (call/unseen.py) */
	__u8 state;
	__u8 socket_state;
	__u8 bound; /* enum listen_bound */
	__u8 reuse;
	__u8 reuseport;
	__u8 ulp;
	__u8 subflow_state; /* 0: no subflow */
	__u16 subflow_local_port; /* the subflow's own: disconnecting leaves that of the MPTCP socket as it was */
	__u16 source_port; /* inet_sport, host order: what getsockname(2) gives, also when local_port is lost */
};

/* Calls that the ring has no room for count as one where all that follows `repeats` is the same (repeats.h). */
struct listen_event {
	__u32 version;
	__u32 size;
	__u64 time_ns;     /* CLOCK_MONOTONIC at entry; of several calls, of the first */
	__u64 duration_ns; /* entry to return; the same */
	__u64 repeats;     /* how many calls this is the record of: 1, but where the ring was full */

	__u64 cgroup_id;
	__u64 socket_cookie; /* 0: none was assigned yet */
	__u64 netns_cookie;
	__u32 netns_inode; /* of the socket, not of the caller */
	__u32 pid;         /* thread group, as the initial pid namespace numbers it */
	__u32 tid;
	__u32 uid;
	__u8 comm[LISTEN_COMM_LEN];

	__s32 fd;
	__s32 backlog; /* as asked */
	__s32 result;  /* 0 or -errno */
	__u8 entry_path;
	__u8 pad;
	__u16 hooks; /* bit per stage that was attached: a stage outside is "not seen", never "not reached" */

	/* environment: sysctls of the socket's network namespace, at entry; and after the kernel's own look */
	__s32 somaxconn;
	__s32 max_syn_backlog;
	__s32 syncookies;
	__s32 fastopen;
	__s32 abort_on_overflow;
	__s32 somaxconn_after;

	struct listen_socket pre;
	struct listen_socket post;
	struct listen_stage stages[STAGE_COUNT];

	/* IPv4: 4 bytes; IPv6: 16; AF_UNIX: sun_path; AF_VSOCK: context id and port, big-endian */
	__u8 address[LISTEN_ADDRESS_LEN];
	__u8 address_len;
	__u8 is_long; /* duration_ns is LISTEN_LONG_NS or more, which a verdict heeds */
	__u16 flags;
};

_Static_assert(sizeof(struct listen_stage) == 16, "wire layout");
_Static_assert(sizeof(struct listen_socket) == 36, "wire layout");
_Static_assert(sizeof(struct listen_event) == 312 + 16 * STAGE_COUNT, "wire layout");

/* Set before the program is loaded. */
struct listen_config {
	/*
	 * listen(marker_fd, marker_backlog) by process own_tgid of that pid namespace is our marker: it says
	 * whom we follow, and that our programs run. No such descriptor is open, so the kernel answers EBADF.
	 */
	__u64 pid_namespace_device;
	__u64 pid_namespace_inode;
	__u32 own_tgid;
	__s32 marker_fd;
	__s32 marker_backlog;
	__u32 follow; /* record only descendants of the process that sent the marker */
	__u32 hooks;
	__u32 pad;
};

/*
 * Kept per CPU. Every call begun ends as a record or in one of the losses, or is still in flight;
 * what is then missing is a call whose return never came.
 */
struct listen_counters {
	__u64 calls;        /* calls begun */
	__u64 records;      /* records handed over */
	__u64 repeats;      /* ring buffer full: counted with those of which all but the time is the same */
	__u64 lost_ring;    /* ring buffer full, and as many different ones counted already as there is room for */
	__u64 lost_threads; /* no room for another thread */
	__u64 recovered;    /* seen late, because the kernel skipped the program at system call entry */
	__u64 markers;      /* our own markers */
};

#endif
