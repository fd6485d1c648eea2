/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Without kprobes: the packet from its arrival until it is freed; its destination names the listener. */
#ifndef LISTENWATCH_OVERFLOW_PACKET_H
#define LISTENWATCH_OVERFLOW_PACKET_H

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
	count(&key, packet.peer, packet.connection);
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

#endif
