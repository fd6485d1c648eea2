/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The life of a call: begun by one hook, filled by others, handed over by the return of the first. */
#ifndef LISTENWATCH_LIFE_H
#define LISTENWATCH_LIFE_H

/* In place of MPTCP where its subflow, which does the listening, cannot be read: a protocol nobody models. */
#define PROTOCOL_UNREADABLE 0xffff

static __always_inline struct call *begin_call(__u32 origin, __u8 entry_path, int fd, int backlog)
{
	bool by_kernel = origin >= ORIGIN_INET_LISTEN;
	__u64 id = bpf_get_current_pid_tgid();
	__u32 own = own_tgid();
	struct thread *thread;
	struct listen_event *e;
	struct call *call;
	bool followed;

	/* Once we know whom to follow, the rest of the machine costs neither room nor counts. */
	followed = is_followed();
	if (config.follow && own && !followed)
		return NULL;
	thread = find_thread(&id);
	if (!thread) {
		add_thread(&id);
		thread = find_thread(&id);
	}
	if (!thread) {
		if (own) {
			COUNT(lost_threads);
			COUNT(calls);
		}
		return NULL;
	}
	call = by_kernel ? &thread->kernel : &thread->user;
	if (call->active && call->sk) /* its return was never seen */
		vacate(call);
	__builtin_memset(call, 0, sizeof(*call));
	call->active = 1;
	call->counts = own != 0;
	if (own)
		COUNT(calls); /* not before it is active: whoever reads both would take it for lost */
	call->origin = origin;
	e = &call->event;
	e->version = LISTEN_WIRE_VERSION;
	e->size = sizeof(*e);
	e->time_ns = bpf_ktime_get_ns();
	e->repeats = 1;
	e->cgroup_id = bpf_get_current_cgroup_id();
	e->pid = id >> 32;
	e->tid = (__u32)id;
	e->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->fd = fd;
	e->backlog = backlog;
	e->entry_path = entry_path;
	e->hooks = config.hooks;
	call->switches = context_switches();
	if (followed)
		e->flags |= FLAG_FOLLOWED;
	if (by_kernel && thread->user.active)
		e->flags |= thread->user.event.flags & (FLAG_SHARED_TABLE | FLAG_SHARED_FILE);
	return call;
}

/* The call now has a socket: its state before, and the sysctls of its namespace. */
static __always_inline void set_socket(struct call *call, struct socket *socket, struct sock *sk)
{
	struct listen_socket *pre = &call->event.pre;
	struct sock_common *common;
	struct common copy;

	call->socket = (__u64)socket;
	call->sk = (__u64)sk;
	call->stage_sk = (__u64)sk;
	call->event.flags |= FLAG_FILE | FLAG_SOCKET;
	if (socket_is_shared(socket))
		call->event.flags |= FLAG_SHARED_FILE;
	occupy(call); /* before the first look at the socket */
	common = read_common(&copy, sk);
	__builtin_memset(pre, 0, sizeof(*pre));
	pre->family = common->skc_family;
	pre->type = read_field(sk, sk_type);
	pre->protocol = read_field(sk, sk_protocol);
	if (is_mptcp(pre) && !subflows_are_known)
		pre->protocol = PROTOCOL_UNREADABLE;
	if (is_inet(pre->family) && pre->protocol == IPPROTO_TCP)
		pre->ulp = read_ulp(sk);
	read_socket(pre, socket, sk, common);
	read_environment(&call->event, common->skc_net.net);
}

static __always_inline void set_descriptor(struct call *call, int fd)
{
	struct file **slot = file_slot(fd);
	struct file *file = file_in(slot);
	struct socket *socket;
	struct sock *sk;

	call->slot = (__u64)slot;
	call->file = (__u64)file;
	if (table_is_shared())
		call->event.flags |= FLAG_SHARED_TABLE;
	if (!file)
		return;
	if (is_socket(file)) {
		socket = read_field(file, private_data);
		sk = read_field(socket, sk);
		if (sk)
			set_socket(call, socket, sk);
	} else if (!(read_field(file, f_mode) & FMODE_PATH)) {
		/* fdget() (fs/file.c) does not return a descriptor opened with O_PATH */
		call->event.flags |= FLAG_FILE;
	}
}

/*
 * A wake-up costs more than all the rest, so there is one in 10 ms: the reader looks again 15 ms
 * after each (LOOK_AGAIN, listenwatch/bpf/engine.py), and finds what came without one.
 */
static __always_inline __u64 wakeup_flag(__u64 now)
{
	struct globals *shared = globals();

	if (!shared || now - shared->last_wakeup_ns < 10000000)
		return BPF_RB_NO_WAKEUP;
	shared->last_wakeup_ns = now;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void end_call(struct call *call, __u32 origin, int result)
{
	struct sock_common *common;
	struct listen_event *e;
	struct common copy;
	__u64 now;

	if (!call || !call->active || call->origin != origin)
		return;
	e = &call->event;
	now = bpf_ktime_get_ns();
	e->duration_ns = now - e->time_ns;
	e->is_long = e->duration_ns >= LISTEN_LONG_NS;
	e->result = result;
	if (e->entry_path != ENTRY_UNKNOWN)
		e->flags |= FLAG_RETURNED;
	if (call->switches != context_switches())
		e->flags |= FLAG_SWITCHED;
	if (call->slot && call->file != (__u64)file_in((struct file **)call->slot))
		e->flags |= FLAG_FD_CHANGED;
	if (call->sk) {
		if (!(e->flags & FLAG_FD_CHANGED)) {
			common = read_common(&copy, (struct sock *)call->sk);
			e->post.family = e->pre.family;
			e->post.type = e->pre.type;
			e->post.protocol = e->pre.protocol;
			e->post.ulp = e->pre.ulp;
			read_somaxconn_again(call, common->skc_net.net);
			read_socket(&e->post, (struct socket *)call->socket, (struct sock *)call->sk, common);
			if (socket_is_shared((struct socket *)call->socket))
				e->flags |= FLAG_SHARED_FILE;
			read_address(e, (struct sock *)call->sk, common);
			e->socket_cookie = common->skc_cookie.counter;
		}
		vacate(call); /* after the last look at the socket */
	}
	/* If our first marker came after it began, one of its hooks may not have been attached yet. */
	if (call->counts) {
		if (!ring_output(e, wakeup_flag(now)))
			COUNT(records);
		else if (count_repeat(e))
			COUNT(repeats);
		else
			COUNT(lost_ring);
	}
	call->active = 0; /* not before it is counted: whoever reads both would take it for lost */
}

static __always_inline void end_user_call(__u32 origin, int result)
{
	struct thread *thread = this_thread();

	if (thread)
		end_call(&thread->user, origin, result);
}

static __always_inline void end_kernel_call(__u32 origin, int result)
{
	struct thread *thread = this_thread();

	if (thread)
		end_call(&thread->kernel, origin, result);
}

/* What a stage saw; index is a constant at every call, so the verifier sees fixed offsets */
static __always_inline void fill_stage(struct call *call, int index, struct sock *sk, struct socket *socket,
				       int value)
{
	struct listen_stage *stage = &call->event.stages[index];

	if (!sk)
		return;
	stage->seen = 1;
	stage->value = value;
	read_backlogs(sk, &stage->ack_backlog, &stage->max_ack_backlog);
	stage->state = read_field(sk, __sk_common.skc_state);
	if (!socket)
		socket = read_field(sk, sk_socket);
	stage->socket_state = socket ? read_field(socket, state) : 0xff;
}

#endif
