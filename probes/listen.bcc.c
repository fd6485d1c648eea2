// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The same as listen.bpf.c, for bcc, which compiles it as it starts (listenwatch/bpf/bcc.py).
 *
 * bpf/bcc.py puts before it LISTEN_CONFIG (a struct listen_config) and LISTEN_MPTCP_FIRST, and
 * after it a function for each program, which calls run_NAME: bcc makes programs only of what stands in
 * its main text, and there alone turns a -> that meets kernel memory into a read.
 */
#include "listen.h"
#include "kernel_bcc.h"
#include "call.h"

static const struct listen_config config = LISTEN_CONFIG;

BPF_RINGBUF_OUTPUT(ring, 4096);
BPF_TABLE("lru_hash", u64, struct thread, threads, 4096);
BPF_ARRAY(occupied, struct occupancy, OCCUPANCY_SLOTS);
BPF_ARRAY(moved, struct movement, MOVEMENT_SLOTS);
BPF_PERCPU_ARRAY(counters, struct listen_counters, 1);
BPF_TABLE("hash", struct repeated_part, struct repeated, repeats_a, REPEATED_MOST);
BPF_TABLE("hash", struct repeated_part, struct repeated, repeats_b, REPEATED_MOST);
BPF_ARRAY_OF_MAPS(repeats_now, "repeats_a", 1);

/* bcc has no variables: each of these arrays has the one entry. */
BPF_ARRAY(new_thread, struct thread, 1);
BPF_ARRAY(shared_by_all, struct globals, 1);

static __always_inline struct globals *globals(void)
{
	int zero = 0;

	return shared_by_all.lookup(&zero);
}

static __always_inline struct thread *find_thread(u64 *id)
{
	return threads.lookup(id);
}

static __always_inline void add_thread(u64 *id)
{
	int zero = 0;
	struct thread *zeroes = new_thread.lookup(&zero);

	if (zeroes)
		threads.insert(id, zeroes);
}

static __always_inline struct occupancy *occupancy_at(u32 *slot)
{
	return occupied.lookup(slot);
}

static __always_inline struct movement *movement_at(u32 *slot)
{
	return moved.lookup(slot);
}

static __always_inline struct listen_counters *counters_here(void)
{
	int zero = 0;

	return counters.lookup(&zero);
}

static __always_inline void *repeats_map(void)
{
	int zero = 0;

	return repeats_now.lookup(&zero);
}

static __always_inline int ring_output(struct listen_event *event, u64 flags)
{
	return ring.ringbuf_output(event, sizeof(*event), flags);
}

#define ENTRY1(function, type1, arg1)                                                              \
	static __always_inline void at_##function##_entry(type1 arg1);                             \
	static __always_inline int run_##function##_entry(struct pt_regs *ctx)                     \
	{                                                                                          \
		at_##function##_entry((type1)PT_REGS_PARM1(ctx));                                  \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##function##_entry(type1 arg1)

#define ENTRY2(function, type1, arg1, type2, arg2)                                                 \
	static __always_inline void at_##function##_entry(type1 arg1, type2 arg2);                 \
	static __always_inline int run_##function##_entry(struct pt_regs *ctx)                     \
	{                                                                                          \
		at_##function##_entry((type1)PT_REGS_PARM1(ctx), (type2)PT_REGS_PARM2(ctx));       \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##function##_entry(type1 arg1, type2 arg2)

#define RETURN(function)                                                                           \
	static __always_inline void at_##function##_return(int result);                            \
	static __always_inline int run_##function##_return(struct pt_regs *ctx)                    \
	{                                                                                          \
		at_##function##_return(PT_REGS_RC(ctx));                                           \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##function##_return(int result)

#define TRACEPOINT(group, event, type)                                                             \
	static __always_inline void at_##event##_tracepoint(type *at);                             \
	static __always_inline int run_##event##_tracepoint(void *ctx)                             \
	{                                                                                          \
		at_##event##_tracepoint(ctx);                                                      \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##event##_tracepoint(type *at)

#define RAW_TRACEPOINT(event)                                                                      \
	static __always_inline void at_##event##_tracepoint(__u64 *at);                            \
	static __always_inline int run_##event##_tracepoint(void *ctx)                             \
	{                                                                                          \
		at_##event##_tracepoint(ctx);                                                      \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##event##_tracepoint(__u64 *at)

#include "read.h"
#include "thread.h"
#include "repeats.h"
#include "life.h"
#include "entry_paths.h"
#include "hooks.h"
