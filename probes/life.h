/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The life of a call: begun by one hook, filled by others, handed over by the return of the first.
 *
 * An engine's own file comes before this one: it has the maps, and `config`.
 */
#ifndef LISTENWATCH_LIFE_H
#define LISTENWATCH_LIFE_H

/* How far up a followed process may be from the command that is followed; the verifier wants a bound. */
#define MAX_ANCESTORS 128

/* In place of MPTCP where its subflow, which does the listening, cannot be read: a protocol nobody models. */
#define PROTOCOL_UNREADABLE 0xffff

#define COUNT(field)                                                                               \
	do {                                                                                       \
		struct listen_counters *_c = counters_here();                                      \
		if (_c)                                                                            \
			__sync_fetch_and_add(&_c->field, 1);                                       \
	} while (0)

static __always_inline __u32 own_tgid(void)
{
	struct globals *shared = globals();

	return shared ? shared->own_tgid : 0;
}

/* Every descendant of the listenwatch process keeps it as an ancestor: it is their subreaper. */
static __always_inline bool is_followed(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	__u32 own = own_tgid();

	if (!config.follow || !own)
		return false;
	for (int depth = 0; depth < MAX_ANCESTORS; depth++) {
		__u32 tgid = read_field(task, tgid);

		if (tgid == own)
			return true;
		if (tgid <= 1)
			return false;
		task = read_field(task, real_parent);
	}
	return false;
}

/* ---- two threads on one socket --------------------------------------------------------------- */

static __always_inline struct occupancy *occupancy_of(__u64 sk)
{
	__u32 slot = (__u32)(sk >> 6) * 2654435761u >> 20; /* the top 12 bits: OCCUPANCY_SLOTS */

	return occupancy_at(&slot);
}

static __always_inline void occupy(struct call *call)
{
	struct occupancy *here = occupancy_of(call->sk);

	if (!here)
		return;
	__sync_fetch_and_add(&here->calls, 1);
	__sync_fetch_and_add(&here->generation, 1);
	call->generation = here->generation;
	if (here->calls > 1)
		call->event.flags |= FLAG_CONTENDED;
}

static __always_inline void vacate(struct call *call)
{
	struct occupancy *here = occupancy_of(call->sk);

	if (!here)
		return;
	if (here->generation != call->generation)
		call->event.flags |= FLAG_CONTENDED;
	__sync_fetch_and_add(&here->calls, -1);
}

/* ---- the life of a call ---------------------------------------------------------------------- */

static __always_inline struct thread *this_thread(void)
{
	__u64 key = bpf_get_current_pid_tgid();

	return find_thread(&key);
}

static __always_inline struct call *user_call(void)
{
	struct thread *thread = this_thread();

	return thread && thread->user.active ? &thread->user : NULL;
}

/* The call this thread is in: the kernel's own beneath, else that of user space. */
static __always_inline struct call *current_call(void)
{
	struct thread *thread = this_thread();

	if (!thread)
		return NULL;
	if (thread->kernel.active)
		return &thread->kernel;
	return thread->user.active ? &thread->user : NULL;
}

static __always_inline struct call *begin_call(__u32 origin, __u8 door, int fd, int backlog)
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
	call->armed = own != 0;
	if (own)
		COUNT(calls); /* not before it is active: whoever reads both would take it for lost */
	call->origin = origin;
	e = &call->event;
	e->version = LISTEN_WIRE_VERSION;
	e->size = sizeof(*e);
	e->time_ns = bpf_ktime_get_ns();
	e->cgroup_id = bpf_get_current_cgroup_id();
	e->pid = id >> 32;
	e->tid = (__u32)id;
	e->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->fd = fd;
	e->backlog = backlog;
	e->door = door;
	e->hooks = config.hooks;
	if (followed)
		e->flags |= FLAG_FOLLOWED;
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

	if (!file)
		return;
	call->slot = (__u64)slot;
	call->file = (__u64)file;
	if (table_is_shared())
		call->event.flags |= FLAG_SHARED_TABLE;
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
 * after each (LOOK_AGAIN, engines/engine.py), and finds what came without one.
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
	e->result = result;
	if (e->door != DOOR_UNKNOWN)
		e->flags |= FLAG_RETURNED;
	if (call->slot && call->file != (__u64)file_in((struct file **)call->slot))
		e->flags |= FLAG_FD_CHANGED;
	if (call->sk) {
		if (!(e->flags & FLAG_FD_CHANGED)) {
			common = read_common(&copy, (struct sock *)call->sk);
			e->post.family = e->pre.family;
			e->post.type = e->pre.type;
			e->post.protocol = e->pre.protocol;
			e->post.ulp = e->pre.ulp;
			read_socket(&e->post, (struct socket *)call->socket, (struct sock *)call->sk, common);
			read_address(e, (struct sock *)call->sk, common);
			e->socket_cookie = common->skc_cookie.counter;
		}
		vacate(call); /* after the last look at the socket */
	}
	/* Without arms our first marker came after it began: one of its hooks may not have been attached yet. */
	if (call->armed) {
		if (ring_output(e, wakeup_flag(now)))
			COUNT(lost_ring);
		else
			COUNT(records);
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

/* The call this thread is in for `sk`. */
static __always_inline struct call *call_on(struct sock *sk)
{
	struct call *call = current_call();

	if (!call || !call->sk)
		return NULL;
	if (call->sk != (__u64)sk && !is_mptcp(&call->event.pre))
		return NULL;
	return call;
}

/* index is a constant at every call, so the verifier sees fixed offsets */
static __always_inline void see(struct call *call, int index, struct sock *sk, struct socket *socket, int value)
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
