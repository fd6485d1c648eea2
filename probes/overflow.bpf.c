// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Who was refused room by which listener, counted in the kernel: a flood costs no more to read than
 * a single drop.
 *
 * The kernel's own counters decide. Each processor has its own, so what they moved by between the
 * entry and the return of a function that handles one packet is what became of that packet: no test of
 * the kernel's is done again here, and what is attributed is what /proc/net/netstat counts.
 *
 * With kprobes the functions are those that handle a SYN or a final ACK, and name the listener.
 * Without, it is a packet's whole way from netif_receive_skb until it is freed: the packet's
 * destination then names the listener.
 */
#include "listen.h"
#include "kernel.h"
#include "overflow.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define TCP_SYN 0x02
#define TCP_ACK 0x10
#define TASK_INTERRUPTIBLE 1
#define EAGAIN 11

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct overflow_config config = {};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net_device { possible_net_t nd_net; };
struct sk_buff {
	struct net_device *dev;
	unsigned char *head;
	unsigned char *data;
	__u16 network_header;
};
struct request_sock_queue { atomic_t qlen; };
struct inet_connection_sock___queue { struct request_sock_queue icsk_accept_queue; };
struct nsproxy { struct net *net_ns; };
struct task_struct___named { struct nsproxy *nsproxy; };
struct task_struct___state { unsigned int __state; };
struct task_struct___older { volatile long state; };
struct bpf_array { __u32 elem_size; void *pptrs[]; };
#pragma clang attribute pop

#define LISTENERS 4096
#define PEERS 65536
#define PROBES 8

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENERS);
	__type(key, struct overflow_key);
	__type(value, struct overflow_value);
} listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENERS);
	__type(key, struct overflow_netns);
	__type(value, struct overflow_total);
} totals SEC(".maps");

/* Which interval it is; the reader counts it up. A peer is told once in each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/* A hash table of the peers of this epoch: a place with an older one is free, so nothing is cleared. */
struct peer {
	__u64 tag;
	__u32 epoch;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PEERS);
	__type(key, __u32);
	__type(value, struct peer);
} peers SEC(".maps");

/* The packet this processor handles. */
struct window {
	__u64 net; /* 0: none */
	__u64 sk;
	__u64 skb;
	__u64 head;
	__u64 before[OVERFLOW_COUNTERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct window);
} windows SEC(".maps");

static struct overflow_value new_value;
static struct overflow_total new_total;

/* The cookie of before v5.12 is given when somebody asks for it: no identity to rely on. */
static __always_inline void name_netns(struct overflow_key *key, struct net *net)
{
	key->netns = BPF_CORE_READ(net, ns.inum);
	if (bpf_core_field_exists(net->net_cookie))
		key->netns_cookie = BPF_CORE_READ(net, net_cookie);
}

/* ---- counting -------------------------------------------------------------------------------- */

static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
	return hash ^ (hash >> 29);
}

static __always_inline void tell_peer(struct overflow_value *value, __u64 tag, __u32 now)
{
	if (value->epoch != now) {
		value->epoch = now;
		value->peers = 0;
		value->peers_untold = 0;
	}
#pragma unroll
	for (int i = 0; i < PROBES; i++) {
		__u32 place = (tag + i) % PEERS;
		struct peer *peer = bpf_map_lookup_elem(&peers, &place);

		if (!peer)
			return;
		if (peer->epoch != now) {
			peer->tag = tag;
			peer->epoch = now;
			__sync_fetch_and_add(&value->peers, 1);
			return;
		}
		if (peer->tag == tag)
			return;
	}
	__sync_fetch_and_add(&value->peers_untold, 1);
}

static __always_inline struct overflow_total *total_of(const struct overflow_key *key)
{
	struct overflow_netns netns = { .cookie = key->netns_cookie, .inode = key->netns };
	struct overflow_total *total = bpf_map_lookup_elem(&totals, &netns);

	if (total)
		return total;
	bpf_map_update_elem(&totals, &netns, &new_total, BPF_NOEXIST);
	return bpf_map_lookup_elem(&totals, &netns);
}

static __always_inline struct overflow_value *count(struct overflow_key *key, __u64 peer)
{
	struct overflow_value *value = bpf_map_lookup_elem(&listeners, key);
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);

	if (!value) {
		bpf_map_update_elem(&listeners, key, &new_value, BPF_NOEXIST);
		value = bpf_map_lookup_elem(&listeners, key);
	}
	if (!value || !now) {
		struct overflow_total *total = total_of(key);

		if (total)
			__sync_fetch_and_add(&total->unplaced, 1);
		return NULL;
	}
	__sync_fetch_and_add(&value->count, 1);
	peer = mix(mix(peer, key->sk ^ key->netns), ((__u64)key->port << 8) | key->kind);
	tell_peer(value, peer, *now);
	return value;
}

/* ---- TCP: what the counters of this processor moved by ----------------------------------------- */

static __always_inline struct window *window_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&windows, &zero);
}

/* A pointer as a number, to calculate with: the verifier lets nobody do so with the pointer. */
static __always_inline __u64 as_number(const void *pointer)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/*
 * How far this processor's copy of per-CPU memory lies from the pointer the kernel keeps of it. The
 * table of these (__per_cpu_offset) has a name only where CONFIG_KALLSYMS_ALL is set, so the map is
 * asked: a window is this processor's copy of what `pptrs` points to (kernel/bpf/arraymap.c).
 */
static __always_inline __u64 read_per_cpu_offset(const struct window *window)
{
	__u64 pointer = 0;

	bpf_probe_read_kernel(&pointer, sizeof(pointer),
			      (void *)as_number(&windows) +
				      bpf_core_field_offset(struct bpf_array, pptrs));
	return as_number(window) - pointer;
}

static __always_inline void read_counters(const struct window *window, __u64 *counters)
{
	struct net *net = (struct net *)window->net;
	__u64 mibs = (__u64)BPF_CORE_READ(net, mib.net_statistics) + read_per_cpu_offset(window);

#pragma unroll
	for (int i = 0; i < OVERFLOW_COUNTERS; i++)
		bpf_probe_read_kernel(&counters[i], 8, (void *)(mibs + 8ULL * config.index[i]));
}

static __always_inline void open_window(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct window *window = window_here();

	if (!window)
		return;
	window->net = (__u64)net;
	window->sk = (__u64)sk;
	window->skb = (__u64)skb;
	window->head = (__u64)BPF_CORE_READ(skb, head);
	read_counters(window, window->before);
}

/* What the packet is, from its headers. */
struct packet {
	__u64 peer;
	__u16 port; /* its destination's */
	__u8 family;
	__u8 flags;
	__u8 destination[16];
};

static __always_inline bool read_packet(__u64 start, struct packet *packet)
{
	__u8 ip[40] = {}, tcp[14] = {};
	__u64 length = 40;

	bpf_probe_read_kernel(ip, 20, (void *)start);
	if (ip[0] >> 4 == 4 && ip[9] == IPPROTO_TCP) {
		packet->family = AF_INET;
		__builtin_memcpy(packet->destination, ip + 16, 4);
		packet->peer = mix(4, *(__u32 *)(ip + 12));
		length = (ip[0] & 15) * 4;
	} else if (ip[0] >> 4 == 6 && ip[6] == IPPROTO_TCP) {
		bpf_probe_read_kernel(ip, 40, (void *)start);
		packet->family = AF_INET6;
		__builtin_memcpy(packet->destination, ip + 24, 16);
		packet->peer = mix(mix(6, *(__u64 *)(ip + 8)), *(__u64 *)(ip + 16));
	} else {
		return false;
	}
	bpf_probe_read_kernel(tcp, sizeof(tcp), (void *)start + length);
	packet->port = (tcp[2] << 8) | tcp[3];
	packet->flags = tcp[13];
	return true;
}

static __always_inline __u64 headers_of(struct sk_buff *skb)
{
	return (__u64)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
}

static __always_inline __u8 kind_of(const __u64 *moved, bool syn)
{
	if (!syn) {
		if (!moved[LISTEN_OVERFLOWS])
			return ACK_DROPPED;
		return moved[EMBRYONIC_RSTS] ? ACK_RESET : ACK_IGNORED;
	}
	if (moved[LISTEN_OVERFLOWS])
		return SYN_ACCEPT_QUEUE_FULL;
	if (moved[REQQ_FULL_DROP])
		return SYN_QUEUE_FULL;
	return moved[LISTEN_DROPS] ? SYN_DROPPED : SYN_COOKIE_SENT;
}

/* Whether the counters moved since the window was opened, and by how much. */
static __always_inline bool read_moved(struct window *window, __u64 *moved)
{
	__u64 any = 0;

	read_counters(window, moved);
#pragma unroll
	for (int i = 0; i < OVERFLOW_COUNTERS; i++) {
		moved[i] -= window->before[i];
		if (i != EMBRYONIC_RSTS) /* a reset by itself is no want of room */
			any |= moved[i];
	}
	return any;
}

static __always_inline void add_up(const struct overflow_key *key, const __u64 *moved)
{
	struct overflow_total *total = total_of(key);

	if (!total)
		return;
#pragma unroll
	for (int i = 0; i < OVERFLOW_COUNTERS; i++)
		__sync_fetch_and_add(&total->moved[i], moved[i]);
}

/* ---- with kprobes: the functions that handle a SYN and a final ACK ----------------------------- */

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
	value = count(&key, packet.peer);
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

/* ---- without kprobes: the packet's way --------------------------------------------------------- */

SEC("raw_tp/netif_receive_skb")
int packet_begins(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct packet packet = {};
	struct net_device *dev;

	/* the network layer's header is where the data begin: dev is set until its end */
	if (!read_packet((__u64)BPF_CORE_READ(skb, data), &packet))
		return 0;
	dev = BPF_CORE_READ(skb, dev);
	open_window(BPF_CORE_READ(dev, nd_net.net), NULL, skb);
	return 0;
}

static __always_inline void packet_freed(struct sk_buff *skb)
{
	struct window *window = window_here();
	__u64 moved[OVERFLOW_COUNTERS] = {};
	struct overflow_key key = {};
	struct packet packet = {};

	/* a capture leaves the kernel with a clone, which shares the headers */
	if (!window || !window->net || (__u64)BPF_CORE_READ(skb, head) != window->head)
		return;
	if (!read_moved(window, moved))
		return;
	name_netns(&key, (struct net *)window->net);
	window->net = 0;
	if (!read_packet(headers_of(skb), &packet))
		return;
	key.port = packet.port;
	key.family = packet.family;
	__builtin_memcpy(key.address, packet.destination, sizeof(packet.destination));
	key.kind = kind_of(moved, (packet.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN);
	add_up(&key, moved);
	count(&key, packet.peer);
}

SEC("raw_tp/consume_skb") int packet_consumed(__u64 *ctx)
{
	packet_freed((struct sk_buff *)ctx[0]);
	return 0;
}

SEC("raw_tp/kfree_skb") int packet_dropped(__u64 *ctx)
{
	packet_freed((struct sk_buff *)ctx[0]);
	return 0;
}

/* ---- AF_UNIX: connect() by its address ---------------------------------------------------------- */

struct connecting {
	struct overflow_key key;
	__u32 blocked;
	__u32 pad;
};

/* Least recently used threads make room: a thread that was killed in connect() costs nothing for long. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct connecting);
} connects SEC(".maps");

struct enter_connect {
	__u64 common;
	__s64 nr;
	__u64 fd;
	__u64 address;
	__u64 length;
};

struct exit_connect {
	__u64 common;
	__s64 nr;
	__s64 result;
};

SEC("tracepoint/syscalls/sys_enter_connect")
int connect_entry(struct enter_connect *ctx)
{
	struct connecting call = {};
	struct task_struct___named *task;
	__u64 thread, length = ctx->length - 2;
	__u16 family = 0;

	bpf_probe_read_user(&family, sizeof(family), (void *)ctx->address);
	if (family != AF_UNIX || ctx->length <= 2 || length > 108)
		return 0;
	call.key.family = AF_UNIX;
	call.key.port = length;
	bpf_probe_read_user(call.key.address, length & 127, (void *)(ctx->address + 2));
	task = (struct task_struct___named *)bpf_get_current_task();
	name_netns(&call.key, BPF_CORE_READ(task, nsproxy, net_ns));
	thread = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&connects, &thread, &call, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connect_exit(struct exit_connect *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct connecting *call = bpf_map_lookup_elem(&connects, &thread);

	if (!call)
		return 0;
	/* of a stream or seqpacket socket, unix_stream_connect() returns it for a full queue only */
	if (ctx->result == -EAGAIN) {
		call->key.kind = UNIX_EAGAIN;
		count(&call->key, thread >> 32);
	}
	bpf_map_delete_elem(&connects, &thread);
	return 0;
}

/*
 * The one place in a connect() to an AF_UNIX socket where a signal can end a sleep is
 * unix_wait_for_peer(), net/unix/af_unix.c: its locks are waited for uninterruptibly.
 */
SEC("raw_tp/sched_switch")
int thread_sleeps(__u64 *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct connecting *call = bpf_map_lookup_elem(&connects, &thread);
	struct task_struct *task = (struct task_struct *)ctx[1];
	long state;

	if (!call || call->blocked)
		return 0;
	if (bpf_core_field_exists(((struct task_struct___state *)task)->__state))
		state = BPF_CORE_READ((struct task_struct___state *)task, __state);
	else
		state = BPF_CORE_READ((struct task_struct___older *)task, state);
	if (state != TASK_INTERRUPTIBLE)
		return 0;
	call->blocked = 1;
	call->key.kind = UNIX_BLOCKED;
	count(&call->key, thread >> 32);
	return 0;
}
