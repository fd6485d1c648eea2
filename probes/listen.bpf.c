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
	__uint(max_entries, 16 << 20);
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
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MOVEMENT_SLOTS);
	__type(key, __u32);
	__type(value, struct movement);
} moved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct listen_counters);
} counters SEC(".maps");

struct repeats {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REPEATED_MOST);
	__type(key, struct repeated_part);
	__type(value, struct repeated);
} repeats_a SEC(".maps"), repeats_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct repeats);
} repeats_now SEC(".maps");

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

static __always_inline struct movement *movement_at(__u32 *slot)
{
	return bpf_map_lookup_elem(&moved, slot);
}

static __always_inline struct listen_counters *counters_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* Until another one is put there it is the first: to put one there takes milliseconds, which a start has better use for. */
static __always_inline void *repeats_map(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&repeats_now, &zero) ?: &repeats_a;
}

static __always_inline int ring_output(struct listen_event *event, __u64 flags)
{
	return bpf_ringbuf_output(&ring, event, sizeof(*event), flags);
}

/*
 * Each function is hooked in two ways, of which one is loaded: FUNCTION_entry is a kprobe and
 * FUNCTION_return a kretprobe; FUNCTION_fentry and FUNCTION_fexit1 or FUNCTION_fexit2 are trampolines.
 * What a function returned lies behind its arguments, whose number differs between kernels: the
 * loader takes fexit1 or fexit2 by BTF. A tracepoint has EVENT_tracepoint.
 *
 * The arguments are read as memory: of ctx[0] the verifier knows the type, and refuses to calculate
 * with a pointer (7.3), or to load one whose type BTF does not have (__ia32_sys_listen on 5.10).
 */
#define ENTRY1(function, type1, arg1)                                                              \
	static __always_inline void at_##function##_entry(type1 arg1);                             \
	SEC("kprobe/" #function) int function##_entry(struct pt_regs *ctx)                         \
	{                                                                                          \
		at_##function##_entry((type1)PT_REGS_PARM1(ctx));                                  \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fentry/" #function) int function##_fentry(__u64 *ctx)                                 \
	{                                                                                          \
		__u64 arguments[1] = {};                                                           \
                                                                                                   \
		bpf_probe_read_kernel(arguments, sizeof(arguments), ctx);                          \
		at_##function##_entry((type1)arguments[0]);                                        \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##function##_entry(type1 arg1)

#define ENTRY2(function, type1, arg1, type2, arg2)                                                 \
	static __always_inline void at_##function##_entry(type1 arg1, type2 arg2);                 \
	SEC("kprobe/" #function) int function##_entry(struct pt_regs *ctx)                         \
	{                                                                                          \
		at_##function##_entry((type1)PT_REGS_PARM1(ctx), (type2)PT_REGS_PARM2(ctx));       \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fentry/" #function) int function##_fentry(__u64 *ctx)                                 \
	{                                                                                          \
		__u64 arguments[2] = {};                                                           \
                                                                                                   \
		bpf_probe_read_kernel(arguments, sizeof(arguments), ctx);                          \
		at_##function##_entry((type1)arguments[0], (type2)arguments[1]);                   \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##function##_entry(type1 arg1, type2 arg2)

#define RETURN(function)                                                                           \
	static __always_inline void at_##function##_return(int result);                            \
	SEC("kretprobe/" #function) int function##_return(struct pt_regs *ctx)                     \
	{                                                                                          \
		at_##function##_return(PT_REGS_RC(ctx));                                           \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fexit/" #function) int function##_fexit1(__u64 *ctx)                                  \
	{                                                                                          \
		at_##function##_return(ctx[1]);                                                    \
		return 0;                                                                          \
	}                                                                                          \
	SEC("fexit/" #function) int function##_fexit2(__u64 *ctx)                                  \
	{                                                                                          \
		at_##function##_return(ctx[2]);                                                    \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##function##_return(int result)

#define TRACEPOINT(group, event, type)                                                             \
	static __always_inline void at_##event##_tracepoint(type *at);                             \
	SEC("tracepoint/" #group "/" #event) int event##_tracepoint(type *ctx)                     \
	{                                                                                          \
		at_##event##_tracepoint(ctx);                                                      \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void at_##event##_tracepoint(type *at)

#define RAW_TRACEPOINT(event)                                                                      \
	static __always_inline void at_##event##_tracepoint(__u64 *at);                            \
	SEC("raw_tp/" #event) int event##_tracepoint(__u64 *ctx)                                   \
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
