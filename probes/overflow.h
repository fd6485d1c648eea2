/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the overflow probe counts, and the layout of its maps: listenwatch/bpf/overflow.py reads
 * them, and a test holds the two against each other. Fixed widths, explicit padding.
 */
#ifndef LISTENWATCH_OVERFLOW_H
#define LISTENWATCH_OVERFLOW_H

#include <linux/types.h>

/* What became of a connection attempt. */
enum overflow_kind {
	SYN_ACCEPT_QUEUE_FULL, /* SYN dropped */
	SYN_QUEUE_FULL,        /* SYN dropped, without syncookies */
	SYN_COOKIE_SENT,       /* SYN answered with a cookie, for which no room is needed */
	SYN_DROPPED,           /* for another reason */
	ACK_IGNORED,           /* the final ACK: accept queue full */
	ACK_RESET,             /* the same, with tcp_abort_on_overflow */
	ACK_DROPPED,           /* for another reason */
	UNIX_EAGAIN,           /* connect() failed: queue full */
	UNIX_BLOCKED,          /* connect() waits: queue full */
	OVERFLOW_KINDS,
};

/* The counters of /proc/net/netstat (struct linux_mib) that distinguish these. */
enum overflow_counter {
	LISTEN_OVERFLOWS,
	LISTEN_DROPS,
	REQQ_FULL_DROP,
	REQQ_FULL_DO_COOKIES,
	EMBRYONIC_RSTS,
	OVERFLOW_COUNTERS,
};

#define OVERFLOW_ADDRESS 112 /* sockaddr_un.sun_path, rounded up */

/*
 * A network namespace: its inode number, which another may have after it, and the cookie, which none
 * will (0 before v5.12).
 */
struct overflow_netns {
	__u64 cookie;
	__u32 inode;
	__u32 pad;
};

/*
 * A listener and a kind. `sk` distinguishes listeners at one address; it is 0 where the probe sees
 * packets and no sockets. `port` of an AF_UNIX listener is the length of its address.
 */
struct overflow_key {
	__u64 sk;
	__u64 netns_cookie;
	__u32 netns;
	__u16 port;
	__u8 family;
	__u8 kind;
	__u8 address[OVERFLOW_ADDRESS];
};

/*
 * `queue`, `limit` and `qlen` as they were the last time; `peers` and `connections_now` are the distinct ones of
 * one epoch, `connections` of all: a client sends its SYN again. Those `uncounted` found no room in a table: then
 * the number is at least so many.
 */
struct overflow_value {
	__u64 times;
	__u64 cookie;
	__u32 queue;
	__u32 limit;
	__u32 qlen;
	__u32 epoch;
	__u32 peers;
	__u32 peers_uncounted;
	__u32 connections;
	__u32 connections_now;
	__u32 connections_uncounted;
	__u32 pad;
};

/* By how much each counter of one network namespace moved while the probe looked. */
struct overflow_total {
	__u64 moved[OVERFLOW_COUNTERS];
	__u64 unplaced; /* counted here, for want of room not among the listeners */
};

struct overflow_config {
	__u32 index[OVERFLOW_COUNTERS]; /* the place of each counter in struct linux_mib */
};

#endif
