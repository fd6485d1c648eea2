/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One more of a kind at a listener, its peer if this interval has not seen it, its connection if none has. */
#ifndef LISTENWATCH_OVERFLOW_COUNT_H
#define LISTENWATCH_OVERFLOW_COUNT_H

static struct overflow_value new_value;
static struct overflow_total new_total;

/* The cookie of before v5.12 is given when somebody asks for it: no identity to rely on. */
static __always_inline void name_netns(struct overflow_key *key, struct net *net)
{
	key->netns = BPF_CORE_READ(net, ns.inum);
	if (bpf_core_field_exists(net->net_cookie))
		key->netns_cookie = BPF_CORE_READ(net, net_cookie);
}

static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
	return hash ^ (hash >> 29);
}

static __always_inline void count_peer(struct overflow_value *value, __u64 tag, __u32 now)
{
	if (value->epoch != now) {
		value->epoch = now;
		value->peers = 0;
		value->peers_uncounted = 0;
		value->connections_now = 0;
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
	__sync_fetch_and_add(&value->peers_uncounted, 1);
}

/* After count_peer(), which begins an epoch. Once the table is full nothing is added to it any more. */
static __always_inline void count_connection(struct overflow_value *value, __u64 tag, __u32 now)
{
	__u32 *last = bpf_map_lookup_elem(&connections, &tag);
	long error;

	if (last) {
		if (*last != now) {
			*last = now;
			__sync_fetch_and_add(&value->connections_now, 1);
		}
		return;
	}
	error = value->connections_uncounted ? -E2BIG :
					       bpf_map_update_elem(&connections, &tag, &now, BPF_NOEXIST);
	if (!error) {
		__sync_fetch_and_add(&value->connections, 1);
		__sync_fetch_and_add(&value->connections_now, 1);
	} else if (error != -EEXIST) {
		__sync_fetch_and_add(&value->connections_uncounted, 1);
	}
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

/* `connection` is 0 where the peer's port is not known. */
static __always_inline struct overflow_value *count(struct overflow_key *key, __u64 peer, __u64 connection)
{
	struct overflow_value *value = bpf_map_lookup_elem(&listeners, key);
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);
	__u64 listener;

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
	__sync_fetch_and_add(&value->times, 1);
	listener = mix(mix(key->sk ^ key->netns, *(__u64 *)key->address), *(__u64 *)(key->address + 8));
	listener = mix(listener, ((__u64)key->port << 8) | key->kind);
	count_peer(value, mix(peer, listener), *now);
	if (connection)
		count_connection(value, mix(connection, listener), *now);
	return value;
}

#endif
