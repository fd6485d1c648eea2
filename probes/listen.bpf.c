// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One record per listen() call, assembled stage by stage in the kernel: the CO-RE object.
 *
 * A call in flight lives in the map `threads`, with room per thread for the call user space made
 * (system call or io_uring) and for a listen by kernel code beneath it (SMC, in-kernel servers), so
 * threads cannot mix. Each hook fills its stage; the return of the hook that began the call hands the
 * record to the ring buffer. Nothing here judges anything. listen.bcc.c makes the same of the same headers.
 */
#include "listen.h"
#include "kernel.h"
#include "call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct listen_config config = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

/* Least recently used threads make room: an ended thread costs nothing for long. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OCCUPANCY_SLOTS);
	__type(key, __u32);
	__type(value, struct occupancy);
} occupied SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct listen_counters);
} counters SEC(".maps");

static struct thread new_thread; /* zeroes */
static struct globals shared_by_all;

static __always_inline struct globals *globals(void)
{
	return &shared_by_all;
}

static __always_inline struct thread *find_thread(__u64 *id)
{
	return bpf_map_lookup_elem(&threads, id);
}

static __always_inline void add_thread(__u64 *id)
{
	bpf_map_update_elem(&threads, id, &new_thread, BPF_NOEXIST);
}

static __always_inline struct occupancy *occupancy_at(__u32 *slot)
{
	return bpf_map_lookup_elem(&occupied, slot);
}

static __always_inline struct listen_counters *counters_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline int ring_output(struct listen_event *event, __u64 flags)
{
	return bpf_ringbuf_output(&ring, event, sizeof(*event), flags);
}

static __always_inline struct listen_event *ring_reserve(void)
{
	return bpf_ringbuf_reserve(&ring, sizeof(struct listen_event), 0);
}

static __always_inline void ring_submit(struct listen_event *event)
{
	bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

/*
 * Each function is hooked in two ways, of which one is loaded: NAME is a kprobe or kretprobe,
 * NAME_fentry and NAME_fexit1 or NAME_fexit2 are trampolines. What a function returned lies behind
 * its arguments, whose number differs between kernels: the loader takes fexit1 or fexit2 by BTF.
 */
#define ENTRY1(target, name, type1, arg1)                                                          \
	static __always_inline void at_##name(type1 arg1);                                         \
	SEC("kprobe/" #target) int name(struct pt_regs *ctx)                                       \
	{                                                                                          \
		at_##name((type1)PT_REGS_PARM1(ctx));                                              \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fentry/" #target) int name##_fentry(__u64 *ctx)                                       \
	{                                                                                          \
		at_##name((type1)ctx[0]);                                                          \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##name(type1 arg1)

#define ENTRY2(target, name, type1, arg1, type2, arg2)                                             \
	static __always_inline void at_##name(type1 arg1, type2 arg2);                             \
	SEC("kprobe/" #target) int name(struct pt_regs *ctx)                                       \
	{                                                                                          \
		at_##name((type1)PT_REGS_PARM1(ctx), (type2)PT_REGS_PARM2(ctx));                   \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fentry/" #target) int name##_fentry(__u64 *ctx)                                       \
	{                                                                                          \
		at_##name((type1)ctx[0], (type2)ctx[1]);                                           \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##name(type1 arg1, type2 arg2)

#define RETURN(target, name)                                                                       \
	static __always_inline void at_##name(int result);                                         \
	SEC("kretprobe/" #target) int name(struct pt_regs *ctx)                                    \
	{                                                                                          \
		at_##name(PT_REGS_RC(ctx));                                                        \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fexit/" #target) int name##_fexit1(__u64 *ctx)                                        \
	{                                                                                          \
		at_##name(ctx[1]);                                                                 \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fexit/" #target) int name##_fexit2(__u64 *ctx)                                        \
	{                                                                                          \
		at_##name(ctx[2]);                                                                 \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##name(int result)

#define TRACEPOINT(group, event, name, type)                                                       \
	static __always_inline void at_##name(type *at);                                           \
	SEC("tracepoint/" #group "/" #event) int name(type *ctx)                                   \
	{                                                                                          \
		at_##name(ctx);                                                                    \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##name(type *at)

#define RAW_TRACEPOINT(event, name)                                                                \
	static __always_inline void at_##name(__u64 *at);                                          \
	SEC("raw_tp/" #event) int name(__u64 *ctx)                                                 \
	{                                                                                          \
		at_##name(ctx);                                                                    \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##name(__u64 *at)

#include "read.h"
#include "life.h"
#include "hooks.h"
