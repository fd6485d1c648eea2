/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The maps in which the overflow probe counts; their layouts are in overflow.h. */
#ifndef LISTENWATCH_OVERFLOW_MAPS_H
#define LISTENWATCH_OVERFLOW_MAPS_H

const volatile struct overflow_config config = {};

#define LISTENERS 65536 /* and kinds: 20,000 listeners may each meet several */
#define NAMESPACES 4096
#define PEERS 65536
#define PROBES 8
#define CONNECTIONS 65536 /* so many are counted exactly */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENERS);
	__type(key, struct overflow_key);
	__type(value, struct overflow_value);
} listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NAMESPACES);
	__type(key, struct overflow_netns);
	__type(value, struct overflow_total);
} totals SEC(".maps");

/* Which interval it is; the reader counts it up. A peer is counted once in each. */
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

/*
 * Every connection that found no room, until it is full, and the epoch that saw it last. An update with BPF_NOEXIST
 * succeeds for one processor only.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONNECTIONS);
	__type(key, __u64);
	__type(value, __u32);
} connections SEC(".maps");

#endif
