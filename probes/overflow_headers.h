/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a packet says of itself in its IP and TCP headers. */
#ifndef LISTENWATCH_OVERFLOW_HEADERS_H
#define LISTENWATCH_OVERFLOW_HEADERS_H

struct packet {
	__u64 peer;
	__u64 connection; /* the peer and its port */
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
	packet->connection = mix(packet->peer, (1 << 16) | (tcp[0] << 8) | tcp[1]) | 1;
	packet->port = (tcp[2] << 8) | tcp[3];
	packet->flags = tcp[13];
	return true;
}

static __always_inline __u64 headers_of(struct sk_buff *skb)
{
	return (__u64)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
}

#endif
