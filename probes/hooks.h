/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What is recorded at each stage of a call, the same for every engine and attach mode.
 *
 * ENTRY1 and ENTRY2 (a function is entered; the arguments we read) make the program FUNCTION_entry, RETURN
 * (it returns; `result`) FUNCTION_return, TRACEPOINT and RAW_TRACEPOINT (an event; `at`) EVENT_tracepoint:
 * each engine's own file says how. listenwatch/bpf/programs.py derives the same names from the table of stages.
 */
#ifndef LISTENWATCH_HOOKS_H
#define LISTENWATCH_HOOKS_H

ENTRY2(security_socket_listen, struct socket *, socket, int, backlog)
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
	read_somaxconn_again(call, read_field(sk, __sk_common.skc_net.net));
	fill_stage(call, STAGE_SECURITY, sk, socket, backlog);
}

RETURN(security_socket_listen)
{
	struct call *call = user_call();

	if (call)
		fill_stage(call, STAGE_SECURITY_RETURN, (struct sock *)call->sk, (struct socket *)call->socket, result);
}

/* The call this is part of; a listen by kernel code, which no other hook has seen, begins here. */
static __always_inline struct call *call_or_kernel_call(__u32 origin, struct sock *sk, struct socket *socket,
							int backlog)
{
	struct call *call = call_on(sk);

	if (!call) {
		call = begin_call(origin, ENTRY_KERNEL, -1, backlog);
		if (!call)
			return NULL;
		set_socket(call, socket ?: read_field(sk, sk_socket), sk);
	}
	call->stage_sk = (__u64)sk;
	return call;
}

ENTRY2(inet_listen, struct socket *, socket, int, backlog)
{
	struct sock *sk = read_field(socket, sk);
	struct call *call = call_or_kernel_call(ORIGIN_INET_LISTEN, sk, socket, backlog);

	if (call)
		fill_stage(call, STAGE_INET_LISTEN, sk, socket, backlog);
}

static __always_inline void leave_inet_listen(__u32 origin, int result)
{
	struct call *call = current_call();

	if (call)
		fill_stage(call, STAGE_INET_LISTEN_RETURN, (struct sock *)call->stage_sk, NULL, result);
	end_kernel_call(origin, result);
}

RETURN(inet_listen)
{
	leave_inet_listen(ORIGIN_INET_LISTEN, result);
}

ENTRY2(__inet_listen_sk, struct sock *, sk, int, backlog)
{
	struct call *call = call_or_kernel_call(ORIGIN_INET_LISTEN_SK, sk, NULL, backlog);

	if (call)
		fill_stage(call, STAGE_INET_LISTEN_SK, sk, NULL, backlog);
}

RETURN(__inet_listen_sk)
{
	leave_inet_listen(ORIGIN_INET_LISTEN_SK, result);
}

ENTRY1(inet_csk_listen_start, struct sock *, sk)
{
	struct call *call = call_on(sk);

	if (call) {
		call->stage_sk = (__u64)sk;
		fill_stage(call, STAGE_LISTEN_START, sk, NULL, 0);
	}
}

RETURN(inet_csk_listen_start)
{
	struct call *call = current_call();

	if (call)
		fill_stage(call, STAGE_LISTEN_START_RETURN, (struct sock *)call->stage_sk, NULL, result);
}

static __always_inline void fill_hash(struct sock *sk, enum listen_hash function)
{
	struct call *call = call_on(sk);

	if (call)
		fill_stage(call, STAGE_HASH, sk, NULL, function);
}

ENTRY1(inet_hash, struct sock *, sk)
{
	fill_hash(sk, HASH_INET);
}

ENTRY1(inet6_hash, struct sock *, sk)
{
	fill_hash(sk, HASH_INET6);
}

/*
 * A change of state: fires on the stack of the call. The MPTCP socket's own changes are
 * left out: its stages are those of the subflow, where the listening happens.
 */
RAW_TRACEPOINT(inet_sock_set_state)
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
		fill_stage(call, STAGE_STATE_LISTEN, sk, NULL, old);
	} else if (call && new == TCP_CLOSE) {
		fill_stage(call, STAGE_STATE_CLOSE, sk, NULL, old);
	} else if (!call && new == TCP_LISTEN) {
		/* A listener appears outside any call we can see: say so instead of missing it. */
		call = begin_call(ORIGIN_INET_LISTEN, ENTRY_UNKNOWN, -1, 0);
		if (!call)
			return;
		set_socket(call, read_field(sk, sk_socket), sk);
		fill_stage(call, STAGE_STATE_LISTEN, sk, NULL, old);
		end_kernel_call(ORIGIN_INET_LISTEN, 0);
	}
}

#endif
