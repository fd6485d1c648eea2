/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the probe keeps of the calls in flight. */
#ifndef LISTENWATCH_CALL_H
#define LISTENWATCH_CALL_H

/* Which hook began a call: only the return of the same hook ends it. */
enum origin {
	ORIGIN_TRACEPOINT,    /* syscalls:sys_enter_listen */
	ORIGIN_SYS_LISTEN,    /* __sys_listen: 32-bit callers, which the tracepoint leaves out */
	ORIGIN_LISTEN_SOCKET, /* __sys_listen_socket: io_uring */
	ORIGIN_INET_LISTEN,   /* kernel code through ops->listen */
	ORIGIN_INET_LISTEN_SK,/* kernel code below it: the MPTCP path manager */
};

struct call {
	struct listen_event event;
	__u64 slot; /* where the descriptor table keeps `file` */
	__u64 file;
	__u64 socket;
	__u64 sk;
	__u64 stage_sk; /* the sock inet_listen works on: sk itself, or the MPTCP subflow */
	__u32 active;
	__u32 origin;
	__u32 generation; /* of the slot in `occupied`, as the call began */
	__u32 armed; /* begun after all was attached: it counts */
};

/* engines/engine.py looks for calls in flight by these two numbers */
_Static_assert(sizeof(struct call) == 512, "CALL_SIZE");
_Static_assert(offsetof(struct call, active) == 496, "ACTIVE_OFFSET");

/* What one thread is in. Kept when the call ends, so that the next one needs no allocation. */
struct thread {
	struct call user;   /* a call by user space */
	struct call kernel; /* a listen by kernel code, perhaps beneath the other (SMC) */
};

/*
 * Calls under way on the socks that share a slot: tells when two threads listen on the same socket
 * at once. Two socks may share a slot; that costs a warning at worst, never a wrong record.
 */
struct occupancy {
	__u32 calls;
	__u32 generation;
};

#define OCCUPANCY_SLOTS 4096

/* What all programs share. */
struct globals {
	__u64 last_wakeup_ns;
	__u64 socket_file_ops; /* the kernel's own, once learnt */
	__u32 own_tgid;        /* the process that sent the marker, as the kernel numbers it */
	__u32 pad;
};

#endif
