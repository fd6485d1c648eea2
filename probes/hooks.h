/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What happens at each hook, the same for every engine and attach mode.
 *
 * ENTRY1 and ENTRY2 (a function entered; the arguments we read), RETURN (a function left; `result`),
 * TRACEPOINT and RAW_TRACEPOINT make the programs of the names given: each engine's own file says how.
 */
#ifndef LISTENWATCH_HOOKS_H
#define LISTENWATCH_HOOKS_H

/* ---- system call entry and exit -------------------------------------------------------------- */

struct enter_listen {
	__u64 common;
	__s64 nr;
	__u64 fd;
	__u64 backlog;
};

struct exit_listen {
	__u64 common;
	__s64 nr;
	__s64 result;
};

static __always_inline void send_marker(int backlog)
{
	struct listen_event *marker;
	struct globals *shared = globals();

	if (!shared)
		return;
	shared->own_tgid = bpf_get_current_pid_tgid() >> 32;
	marker = ring_reserve();
	if (!marker)
		return; /* the sender tries again */
	__builtin_memset(marker, 0, sizeof(*marker));
	marker->version = LISTEN_WIRE_VERSION;
	marker->size = sizeof(*marker);
	marker->door = DOOR_MARKER;
	marker->backlog = backlog;
	marker->pid = shared->own_tgid;
	ring_submit(marker);
}

TRACEPOINT(syscalls, sys_enter_listen, sys_listen_entry, struct enter_listen)
{
	int fd = at->fd, backlog = at->backlog;
	struct call *call;

	if (fd == LISTEN_MARKER_FD) {
		if ((__u32)backlog == config.marker_backlog)
			send_marker(backlog);
		return;
	}
	call = begin_call(ORIGIN_TRACEPOINT, DOOR_SYSCALL, fd, backlog);
	if (call)
		set_descriptor(call, fd);
}

TRACEPOINT(syscalls, sys_exit_listen, sys_listen_exit, struct exit_listen)
{
	end_user_call(ORIGIN_TRACEPOINT, at->result);
}

/*
 * The way of 32-bit callers (compat entries of listen and socketcall). A native call is in flight
 * already and passes by, unless the kernel skipped the program at its entry: then it begins here.
 */
ENTRY2(__sys_listen, compat_listen_entry, int, fd, int, backlog)
{
	bool compat = in_32bit_call();
	struct call *call;

	if (user_call() || fd == LISTEN_MARKER_FD)
		return;
	if (!compat)
		COUNT(recovered);
	call = begin_call(ORIGIN_SYS_LISTEN, compat ? DOOR_COMPAT : DOOR_SYSCALL, fd, backlog);
	if (call)
		set_descriptor(call, fd);
}

RETURN(__sys_listen, compat_listen_exit)
{
	end_user_call(ORIGIN_SYS_LISTEN, result);
}

/*
 * listen of a 32-bit caller where the compiler folded __sys_listen into it. The arguments lie in
 * the caller's registers: ebx and ecx.
 */
ENTRY1(__ia32_sys_listen, ia32_listen_entry, struct pt_regs *, user)
{
	int fd, backlog;
	struct call *call;

	if (user_call())
		return;
	read_ia32_arguments(user, &fd, &backlog);
	call = begin_call(ORIGIN_SYS_LISTEN, DOOR_COMPAT, fd, backlog);
	if (call)
		set_descriptor(call, fd);
}

RETURN(__ia32_sys_listen, ia32_listen_exit)
{
	end_user_call(ORIGIN_SYS_LISTEN, result);
}

/* io_uring calls this directly; a system call is in flight already and passes by. */
ENTRY2(__sys_listen_socket, io_uring_listen_entry, struct socket *, socket, int, backlog)
{
	struct call *call;

	if (user_call())
		return;
	call = begin_call(ORIGIN_LISTEN_SOCKET, DOOR_IO_URING, -1, backlog);
	if (call)
		set_socket(call, socket, read_field(socket, sk));
}

RETURN(__sys_listen_socket, io_uring_listen_exit)
{
	end_user_call(ORIGIN_LISTEN_SOCKET, result);
}

/* ---- stages ---------------------------------------------------------------------------------- */

ENTRY2(security_socket_listen, security_listen_entry, struct socket *, socket, int, backlog)
{
	struct call *call = user_call();
	struct sock *sk = read_field(socket, sk);

	if (!call || !sk)
		return;
	/* The kernel looked the descriptor up after us; if it found another socket, that one counts. */
	if (call->sk != (__u64)sk) {
		if (call->sk)
			vacate(call);
		set_socket(call, socket, sk);
	}
	see(call, STAGE_SECURITY, sk, socket, backlog);
}

RETURN(security_socket_listen, security_listen_return)
{
	struct call *call = user_call();

	if (call)
		see(call, STAGE_SECURITY_RETURN, (struct sock *)call->sk, (struct socket *)call->socket, result);
}

ENTRY2(inet_listen, inet_listen_entry, struct socket *, socket, int, backlog)
{
	struct sock *sk = read_field(socket, sk);
	struct call *call = call_on(sk);

	if (!call) {
		call = begin_call(ORIGIN_INET_LISTEN, DOOR_KERNEL, -1, backlog);
		if (!call)
			return;
		set_socket(call, socket, sk);
	}
	call->stage_sk = (__u64)sk;
	see(call, STAGE_INET_LISTEN, sk, socket, backlog);
}

static __always_inline void inet_listen_left(__u32 origin, int result)
{
	struct call *call = current_call();

	if (call)
		see(call, STAGE_INET_LISTEN_RETURN, (struct sock *)call->stage_sk, NULL, result);
	end_kernel_call(origin, result);
}

RETURN(inet_listen, inet_listen_return)
{
	inet_listen_left(ORIGIN_INET_LISTEN, result);
}

ENTRY2(__inet_listen_sk, inet_listen_sk_entry, struct sock *, sk, int, backlog)
{
	struct call *call = call_on(sk);

	if (!call) {
		call = begin_call(ORIGIN_INET_LISTEN_SK, DOOR_KERNEL, -1, backlog);
		if (!call)
			return;
		set_socket(call, read_field(sk, sk_socket), sk);
	}
	call->stage_sk = (__u64)sk;
	see(call, STAGE_INET_LISTEN_SK, sk, NULL, backlog);
}

RETURN(__inet_listen_sk, inet_listen_sk_return)
{
	inet_listen_left(ORIGIN_INET_LISTEN_SK, result);
}

ENTRY1(inet_csk_listen_start, listen_start_entry, struct sock *, sk)
{
	struct call *call = call_on(sk);

	if (call) {
		call->stage_sk = (__u64)sk;
		see(call, STAGE_LISTEN_START, sk, NULL, 0);
	}
}

RETURN(inet_csk_listen_start, listen_start_return)
{
	struct call *call = current_call();

	if (call)
		see(call, STAGE_LISTEN_START_RETURN, (struct sock *)call->stage_sk, NULL, result);
}

static __always_inline void saw_hash(struct sock *sk, enum listen_hash function)
{
	struct call *call = call_on(sk);

	if (call)
		see(call, STAGE_HASH, sk, NULL, function);
}

ENTRY1(inet_hash, inet_hash_entry, struct sock *, sk)
{
	saw_hash(sk, HASH_INET);
}

ENTRY1(inet6_hash, inet6_hash_entry, struct sock *, sk)
{
	saw_hash(sk, HASH_INET6);
}

/*
 * A change of state on the way: fires on the stack of the call. The MPTCP socket's own changes are
 * left out: its stages are those of the subflow, where the listening happens.
 */
RAW_TRACEPOINT(inet_sock_set_state, set_state)
{
	struct sock *sk = (struct sock *)at[0];
	int old = at[1], new = at[2];
	struct call *call;

	if (new != TCP_LISTEN && old != TCP_LISTEN)
		return;
	if (read_field(sk, sk_protocol) == IPPROTO_MPTCP)
		return;
	call = call_on(sk);
	if (call && new == TCP_LISTEN) {
		call->stage_sk = (__u64)sk;
		see(call, STAGE_STATE_LISTEN, sk, NULL, old);
	} else if (call && new == TCP_CLOSE) {
		see(call, STAGE_STATE_CLOSE, sk, NULL, old);
	} else if (!call && new == TCP_LISTEN) {
		/* A listener appears outside any call we can see: say so instead of missing it. */
		call = begin_call(ORIGIN_INET_LISTEN, DOOR_UNKNOWN, -1, 0);
		if (!call)
			return;
		set_socket(call, read_field(sk, sk_socket), sk);
		see(call, STAGE_STATE_LISTEN, sk, NULL, old);
		end_kernel_call(ORIGIN_INET_LISTEN, 0);
	}
}

#endif
