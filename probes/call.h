/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the probe keeps of the calls in flight. */
#ifndef LISTENWATCH_CALL_H
#define LISTENWATCH_CALL_H

/* Which hook began a call: only the return of the same hook ends it. */
enum origin {
	ORIGIN_SYSCALL,       /* the native system call: its function, or syscalls:sys_enter_listen */
	ORIGIN_SYS_LISTEN,    /* __sys_listen: 32-bit callers, who come by neither */
	ORIGIN_LISTEN_SOCKET, /* __sys_listen_socket: io_uring */
	ORIGIN_INET_LISTEN,   /* kernel code through ops->listen */
	ORIGIN_INET_LISTEN_SK,/* kernel code below it: the MPTCP path manager */
};

struct call {
	__u32 active; /* first, where listenwatch/bpf/engine.py looks for calls in flight */
	__u32 origin;
	struct listen_event event;
	__u64 slot; /* where the descriptor table keeps `file` */
	__u64 file;
	__u64 socket;
	__u64 sk;
	__u64 stage_sk; /* the sock inet_listen works on: sk itself, or the MPTCP subflow */
	__u32 generation; /* of the slot in `occupied`, as the call began */
	__u32 counts; /* begun after every program was attached */
	__u32 somaxconn_is_read; /* after the kernel has looked at it */
	__u32 pad;
	__u64 switches; /* context switches of the thread, as the call began */
};

/* What one thread is in: two calls, no more. Kept when they end, so that the next one needs no allocation. */
struct thread {
	struct call user;   /* a call by user space */
	struct call kernel; /* a listen by kernel code, perhaps beneath the other (SMC) */
};

/*
 * How many calls are under way on the socks that share a slot: shows when two threads listen on the same
 * socket at once. Two socks may share a slot; that costs a warning at worst, never a wrong record.
 */
struct occupancy {
	__u32 calls;
	__u32 generation;
};

#define OCCUPANCY_SLOTS 4096

/*
 * When a call last saw somaxconn change between its entry and its return, by network namespace. Whoever changes it
 * once may change it and change it back within the next call, which nobody sees. Two namespaces may share a slot.
 */
struct movement {
	__u64 time_ns;
};

#define MOVEMENT_SLOTS 256
#define MOVEMENT_LASTS_NS 10000000000ull

/*
 * Calls that found no room in the ring, by the part of the record that is the same for all of them: what comes before
 * it, of the first one, with how many they are. There are two such maps: one that is counted in, and one that is empty
 * or being read (listenwatch/bpf/repeats.py).
 */
struct repeated {
	__u32 version;
	__u32 size;
	__u64 time_ns;
	__u64 duration_ns;
	__u64 repeats;
};

struct repeated_part {
	__u8 bytes[sizeof(struct listen_event) - sizeof(struct repeated)];
};

_Static_assert(__builtin_offsetof(struct listen_event, repeats) == __builtin_offsetof(struct repeated, repeats),
	       "a listen_event begins as a struct repeated");
_Static_assert(__builtin_offsetof(struct listen_event, cgroup_id) == sizeof(struct repeated),
	       "the rest is a struct repeated_part");

#define REPEATED_MOST 1024

/* What all programs share. */
struct globals {
	__u64 last_wakeup_ns;
	__u64 socket_file_ops; /* the address of the kernel's own, once known */
	__u32 own_tgid;        /* the process that sent the marker, as the kernel numbers it */
	__u32 pad;
};

#endif
