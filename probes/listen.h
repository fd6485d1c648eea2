/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The wire: what crosses from the kernel to Python. One struct listen_event per listen() call.
 *
 * Fixed-width integers only, padding written out, native byte order. listenwatch/record.py decodes
 * it; tests/unit/test_wire.py compares every offset with this header. Change anything here and
 * LISTEN_WIRE_VERSION goes up.
 */
#ifndef LISTENWATCH_LISTEN_H
#define LISTENWATCH_LISTEN_H

#include <linux/types.h>

#define LISTEN_WIRE_VERSION 1
#define LISTEN_COMM_LEN 16
#define LISTEN_ADDRESS_LEN 108 /* sizeof(sun_path) */

/* Which way the call came in. */
enum listen_door {
	DOOR_SYSCALL = 1,  /* listen(2) of a native caller */
	DOOR_COMPAT = 2,   /* listen(2) or socketcall(2) of a 32-bit caller */
	DOOR_IO_URING = 3, /* IORING_OP_LISTEN */
	DOOR_KERNEL = 4,   /* kernel code listens: no clamp, no security hook, no descriptor */
	DOOR_UNKNOWN = 5,  /* only the change of state was seen, not the call that made it */
	DOOR_MARKER = 6,   /* listenwatch's own marker: says "everything before me has arrived" */
};

enum listen_flag {
	FLAG_FILE = 1 << 0,       /* the descriptor named an open file (not O_PATH) */
	FLAG_SOCKET = 1 << 1,     /* that file is a socket */
	FLAG_RETURNED = 1 << 2,   /* the return was seen: `result` is valid */
	FLAG_CONTENDED = 1 << 3,  /* another thread was in listen() on the same socket */
	FLAG_FD_CHANGED = 1 << 4, /* the descriptor named another file when the call returned */
	FLAG_FOLLOWED = 1 << 5,   /* the caller descends from the listenwatch process */
	FLAG_SHARED_TABLE = 1 << 6, /* other threads share the descriptor table */
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
	__u16 local_port; /* host order; 0: not bound to a port */
	__u8 seen;
	__u8 state;
	__u8 socket_state;
	__u8 bound; /* AF_UNIX: has an address; otherwise: has a port */
	__u8 reuse;
	__u8 reuseport;
	__u8 ulp;
	__u8 subflow_state; /* 0: no subflow */
};

struct listen_event {
	__u32 version;
	__u32 size;
	__u64 time_ns;     /* CLOCK_MONOTONIC at entry */
	__u64 duration_ns; /* entry to return */
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
	__u8 door;
	__u8 flags;
	__u16 hooks; /* bit per stage that was attached: a stage outside is "not seen", never "not reached" */

	/* environment: sysctls of the socket's network namespace, at entry */
	__s32 somaxconn;
	__s32 max_syn_backlog;
	__s32 syncookies;
	__s32 fastopen;
	__s32 abort_on_overflow;
	__s32 pad;

	struct listen_socket pre;
	struct listen_socket post;
	struct listen_stage stages[STAGE_COUNT];

	__u8 address[LISTEN_ADDRESS_LEN]; /* IPv4: 4 bytes; IPv6: 16; AF_UNIX: sun_path */
	__u8 address_len;
	__u8 pad2[3];
};

_Static_assert(sizeof(struct listen_stage) == 16, "wire layout");
_Static_assert(sizeof(struct listen_socket) == 32, "wire layout");
_Static_assert(sizeof(struct listen_event) == 456, "wire layout");

/* Set before the program is loaded. */
struct listen_config {
	__u32 marker_backlog; /* listen(LISTEN_MARKER_FD, marker_backlog) is our marker */
	__u32 follow;         /* record only descendants of the process that sent the marker */
	__u32 hooks;
	__u32 pad;
};

/* No descriptor, so the kernel answers EBADF. Markers, ours or another listenwatch's, are not recorded. */
#define LISTEN_MARKER_FD (-0x4c57)

/*
 * Kept per CPU. Every call begun ends as a record or in one of the losses, or is still in flight;
 * what is then missing is a call whose return never came.
 */
struct listen_counters {
	__u64 calls;        /* calls begun */
	__u64 records;      /* records handed over */
	__u64 lost_ring;    /* ring buffer full */
	__u64 lost_threads; /* no room for another thread */
	__u64 recovered;    /* begun late, because the kernel skipped the program at system call entry */
};

#endif
