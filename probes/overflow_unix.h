/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * AF_UNIX: connect() by its address, whose queue is full (EAGAIN) or who waits for room.
 *
 * By trampolines, where the kernel has them, nobody pays but who connects to an AF_UNIX socket. Not by
 * kretprobes: a connect() may wait for long, and they have room for few. The system call tracepoints
 * send every system call of the machine a longer way.
 */
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

/* The bytes of an address after its family, as sent to connect(); 0: none, or more than sun_path holds. */
static __always_inline __u32 path_length(__u32 length)
{
	return length > 2 && length <= 2 + 108 ? length - 2 : 0;
}

static __always_inline void connect_begins(struct connecting *call, struct net *net)
{
	__u64 thread = bpf_get_current_pid_tgid();

	call->key.family = AF_UNIX;
	name_netns(&call->key, net);
	bpf_map_update_elem(&connects, &thread, call, BPF_ANY);
}

/* The connect() this thread is in and has not waited in yet. */
static __always_inline struct connecting *connect_here(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct connecting *call = bpf_map_lookup_elem(&connects, &thread);

	return call && !call->blocked ? call : NULL;
}

static __always_inline void connect_waits(struct connecting *call)
{
	call->blocked = 1;
	call->key.kind = UNIX_BLOCKED;
	count(&call->key, bpf_get_current_pid_tgid() >> 32, 0);
}

/* Of a stream or seqpacket socket, unix_stream_connect() returns EAGAIN for a full queue only. */
static __always_inline void connect_ends(long result)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct connecting *call = bpf_map_lookup_elem(&connects, &thread);

	if (!call)
		return;
	if (result == -EAGAIN) {
		call->key.kind = UNIX_EAGAIN;
		count(&call->key, thread >> 32, 0);
	}
	bpf_map_delete_elem(&connects, &thread);
}

/* ---- by trampolines: net/unix/af_unix.c ------------------------------------------------------ */

/*
 * io_uring tries a blocking connect() as if it were not, and after EAGAIN has a thread of its own do it
 * (io_connect(), io_uring/net.c): the caller never hears of the first.
 */
static __always_inline bool is_trial(struct socket *socket, int flags)
{
	struct file *file = BPF_CORE_READ(socket, file);

	return flags & O_NONBLOCK && file &&
	       !(BPF_CORE_READ((struct file___flags *)file, f_flags) & O_NONBLOCK);
}

/* unix_stream_connect(sock, uaddr, addr_len, flags) */
SEC("fentry/unix_stream_connect")
int unix_stream_connect_fentry(__u64 *ctx)
{
	struct connecting call = {};
	__u64 arguments[4] = {};
	struct socket *socket;
	__u32 length;

	bpf_probe_read_kernel(arguments, sizeof(arguments), ctx);
	socket = (struct socket *)arguments[0];
	length = path_length(arguments[2]);
	if (!length || is_trial(socket, arguments[3]))
		return 0;
	call.key.port = length;
	bpf_probe_read_kernel(call.key.address, length & 127, (void *)(arguments[1] + 2));
	connect_begins(&call, BPF_CORE_READ(socket, sk, __sk_common.skc_net.net));
	return 0;
}

SEC("fentry/unix_wait_for_peer")
int unix_wait_for_peer_fentry(__u64 *ctx)
{
	struct connecting *call = connect_here();

	if (call)
		connect_waits(call);
	return 0;
}

SEC("fexit/unix_stream_connect")
int unix_stream_connect_fexit4(__u64 *ctx)
{
	connect_ends((int)ctx[4]);
	return 0;
}

/* ---- by tracepoints of the system call ------------------------------------------------------- */

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
	__u32 length = path_length(ctx->length);
	__u16 family = 0;

	bpf_probe_read_user(&family, sizeof(family), (void *)ctx->address);
	if (family != AF_UNIX || !length)
		return 0;
	call.key.port = length;
	bpf_probe_read_user(call.key.address, length & 127, (void *)(ctx->address + 2));
	task = (struct task_struct___named *)bpf_get_current_task();
	connect_begins(&call, BPF_CORE_READ(task, nsproxy, net_ns));
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connect_exit(struct exit_connect *ctx)
{
	connect_ends(ctx->result);
	return 0;
}

/*
 * The one place in a connect() to an AF_UNIX socket where a signal can end a sleep is
 * unix_wait_for_peer(), net/unix/af_unix.c: its locks are waited for uninterruptibly.
 */
SEC("raw_tp/sched_switch")
int thread_sleeps(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[1];
	struct connecting *call = connect_here();
	long state;

	if (!call)
		return 0;
	if (bpf_core_field_exists(((struct task_struct___state *)task)->__state))
		state = BPF_CORE_READ((struct task_struct___state *)task, __state);
	else
		state = BPF_CORE_READ((struct task_struct___older *)task, state);
	if (state == TASK_INTERRUPTIBLE)
		connect_waits(call);
	return 0;
}

#endif
