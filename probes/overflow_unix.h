/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* AF_UNIX: connect() by its address, whose queue is full (EAGAIN) or who waits for room. */
#ifndef LISTENWATCH_OVERFLOW_UNIX_H
#define LISTENWATCH_OVERFLOW_UNIX_H

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
		count(&call->key, thread >> 32, 0);
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
	count(&call->key, thread >> 32, 0);
	return 0;
}

#endif
