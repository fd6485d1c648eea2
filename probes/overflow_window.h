/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A packet handled: by how much this processor's counters moved meanwhile, and so what became of it.
 */
#ifndef LISTENWATCH_OVERFLOW_WINDOW_H
#define LISTENWATCH_OVERFLOW_WINDOW_H

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

#endif
