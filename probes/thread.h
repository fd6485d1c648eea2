/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which call the current thread is in, whether it is to be watched, and who else uses its socket.
 *
 * An engine's own file comes before this one: it has the maps, and `config`.
 */
#ifndef LISTENWATCH_THREAD_H
#define LISTENWATCH_THREAD_H

/* How far up a followed process may be from the command that is followed; the verifier wants a bound. */
#define MAX_ANCESTORS 128

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

/*
 * somaxconn once more, as soon after the kernel's own look as a hook comes by, and whether it is one that moves: see
 * struct movement.
 */
static __always_inline void read_somaxconn_again(struct call *call, struct net *net)
{
	__u32 slot = (__u32)((__u64)net >> 6) * 2654435761u >> 24; /* the top 8 bits: MOVEMENT_SLOTS */
	struct movement *here = movement_at(&slot);
	struct listen_event *e = &call->event;

	if (call->somaxconn_is_read || !here)
		return;
	call->somaxconn_is_read = 1;
	e->somaxconn_after = read_field(net, core.sysctl_somaxconn);
	if (e->somaxconn_after != e->somaxconn)
		here->time_ns = bpf_ktime_get_ns();
	if (here->time_ns && (__s64)(bpf_ktime_get_ns() - here->time_ns) < (__s64)MOVEMENT_LASTS_NS)
		e->flags |= FLAG_SOMAXCONN_MOVES;
}

/* ---- the call a thread is in ----------------------------------------------------------------- */

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

#endif
