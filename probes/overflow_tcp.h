/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* With kprobes: the functions that handle a SYN or a final ACK, and name the listener. */
#ifndef LISTENWATCH_OVERFLOW_TCP_H
#define LISTENWATCH_OVERFLOW_TCP_H

static __always_inline void name_listener(struct overflow_key *key, struct sock *sk)
{
	key->sk = (__u64)sk;
	key->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	key->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (key->family == AF_INET6)
		bpf_core_read(key->address, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	else
		bpf_core_read(key->address, 4, &sk->__sk_common.skc_rcv_saddr);
}

static __always_inline void begin(struct sock *sk, struct sk_buff *skb)
{
	open_window(BPF_CORE_READ(sk, __sk_common.skc_net.net), sk, skb);
}

static __always_inline void end(bool syn)
{
	__u64 moved[OVERFLOW_COUNTERS] = {};
	struct window *window = window_here();
	struct overflow_value *value;
	struct overflow_key key = {};
	struct packet packet = {};
	struct sk_buff *skb;
	struct sock *sk;
	bool any;

	if (!window || !window->net)
		return;
	any = read_moved(window, moved);
	name_netns(&key, (struct net *)window->net);
	window->net = 0;
	if (!any)
		return;
	sk = (struct sock *)window->sk;
	name_listener(&key, sk);
	key.kind = kind_of(moved, syn);
	add_up(&key, moved);
	/* the function refused the packet, so it is still there: its caller frees it */
	skb = (struct sk_buff *)window->skb;
	read_packet(headers_of(skb), &packet);
	value = count(&key, packet.peer, packet.connection);
	if (!value)
		return;
	value->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	value->queue = BPF_CORE_READ(sk, sk_ack_backlog);
	value->limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	value->qlen = BPF_CORE_READ((struct inet_connection_sock___queue *)sk,
				    icsk_accept_queue.qlen.counter);
}

#define HANDLES(function, packet_is_syn, listener, packet)                                         \
	SEC("kprobe/" #function) int function##_entry(struct pt_regs *ctx)                         \
	{                                                                                          \
		begin((struct sock *)listener(ctx), (struct sk_buff *)packet(ctx));                \
		return 0;                                                                          \
	}                                                                                          \
	SEC("kretprobe/" #function) int function##_return(struct pt_regs *ctx)                     \
	{                                                                                          \
		end(packet_is_syn);                                                                \
		return 0;                                                                          \
	}

/* net/ipv4/tcp_input.c, tcp_minisocks.c, syncookies.c, net/ipv6/syncookies.c */
HANDLES(tcp_conn_request, true, PT_REGS_PARM3, PT_REGS_PARM4)
HANDLES(tcp_check_req, false, PT_REGS_PARM1, PT_REGS_PARM2)
HANDLES(cookie_v4_check, false, PT_REGS_PARM1, PT_REGS_PARM2)
HANDLES(cookie_v6_check, false, PT_REGS_PARM1, PT_REGS_PARM2)

#endif
