// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One record per listen() call, assembled stage by stage in the kernel.
 *
 * A call in flight lives in the map `threads`, with room per thread for the call user space made
 * (system call or io_uring) and for a listen by kernel code beneath it (SMC, in-kernel servers), so
 * threads cannot mix. Each hook fills its stage; the return of the hook that began the call hands the
 * record to the ring buffer. Nothing here judges anything.
 */
#include "listen.h"
#include "kernel.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct listen_config config = {};

/* How far up a followed process may be from the command that is followed; the verifier wants a bound. */
#define MAX_ANCESTORS 128

/* Which hook began a call: only the return of the same hook ends it. */
enum origin {
	ORIGIN_TRACEPOINT,    /* syscalls:sys_enter_listen */
	ORIGIN_SYS_LISTEN,    /* __sys_listen: 32-bit callers, which the tracepoint leaves out */
	ORIGIN_LISTEN_SOCKET, /* __sys_listen_socket: io_uring */
	ORIGIN_INET_LISTEN,   /* kernel code through ops->listen */
	ORIGIN_INET_LISTEN_SK,/* kernel code below it: the MPTCP path manager */
};

struct call {
	struct listen_event event;
	__u64 slot; /* where the descriptor table keeps `file` */
	__u64 file;
	__u64 socket;
	__u64 sk;
	__u64 stage_sk; /* the sock inet_listen works on: sk itself, or the MPTCP subflow */
	__u32 active;
	__u32 origin;
	__u32 generation; /* of the slot in `occupied`, as the call began */
	__u32 armed; /* begun after all was attached: it counts */
};

/* engines/core.py looks for calls in flight by these two numbers */
_Static_assert(sizeof(struct call) == 512, "CALL_SIZE");
_Static_assert(offsetof(struct call, active) == 496, "ACTIVE_OFFSET");

/* What one thread is in. Kept when the call ends, so that the next one needs no allocation. */
struct thread {
	struct call user;   /* a call by user space */
	struct call kernel; /* a listen by kernel code, perhaps beneath the other (SMC) */
};

/*
 * Calls under way on the socks that share a slot: tells when two threads listen on the same socket
 * at once. Two socks may share a slot; that costs a warning at worst, never a wrong record.
 */
struct occupancy {
	__u32 calls;
	__u32 generation;
};

#define OCCUPANCY_SLOTS 4096

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
static __u32 own_tgid;           /* the process that sent the marker, as the kernel numbers it */
static __u64 last_wakeup_ns;
static __u64 socket_file_ops;

#define COUNT(field)                                                                               \
	do {                                                                                       \
		__u32 _zero = 0;                                                                   \
		struct listen_counters *_c = bpf_map_lookup_elem(&counters, &_zero);               \
		if (_c)                                                                            \
			__sync_fetch_and_add(&_c->field, 1);                                       \
	} while (0)

/* ---- reading the kernel ---------------------------------------------------------------------- */

/* Every read of kernel memory costs some 20 ns, so what lies together is read together. */

/* Where the current process keeps the pointer to the file of a descriptor; NULL if out of range. */
static __always_inline struct file **file_slot(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	return BPF_CORE_READ(fdt, fd) + fd;
}

static __always_inline struct file *file_in(struct file **slot)
{
	struct file *file = NULL;

	if (slot)
		bpf_probe_read_kernel(&file, sizeof(file), slot);
	return file;
}

/* Whether other threads may put another file in the descriptor's place meanwhile: fdget()'s own test. */
static __always_inline bool table_is_shared(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, files, count.counter) > 1;
}

/*
 * Whether the file is a socket: sock_from_file() (net/socket.c) compares f_op with its own
 * socket_file_ops. That address is no exported symbol, so it is learnt from the first file on sockfs.
 */
static __always_inline bool is_socket(struct file *file)
{
	__u64 operations = (__u64)BPF_CORE_READ(file, f_op);

	if (operations && operations == socket_file_ops)
		return true;
	/* An O_PATH descriptor of a socket lies on sockfs too, but has no socket's operations. */
	if (BPF_CORE_READ(file, f_mode) & FMODE_PATH ||
	    BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return false;
	socket_file_ops = operations;
	return true;
}

static __always_inline bool is_inet(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline bool is_mptcp(const struct listen_socket *s)
{
	return is_inet(s->family) && s->protocol == IPPROTO_MPTCP;
}

/*
 * struct sock_common in one read: it holds most of what we want, and a read costs more than what it
 * brings. The verifier refuses the program where a field lies beyond the copy.
 */
struct common {
	__u8 bytes[136];
};

static __always_inline struct sock_common *read_common(struct common *copy, struct sock *sk)
{
	bpf_probe_read_kernel(copy->bytes, sizeof(copy->bytes), sk);
	return (struct sock_common *)copy->bytes;
}

static __always_inline void read_backlogs(struct sock *sk, __u32 *ack_backlog, __u32 *max_ack_backlog)
{
	struct { __u32 first, second; } both = {};
	__u32 at = bpf_core_field_offset(sk->sk_ack_backlog);

	if (bpf_core_field_offset(sk->sk_max_ack_backlog) == at + 4) {
		bpf_probe_read_kernel(&both, sizeof(both), (void *)sk + at);
		*ack_backlog = both.first;
		*max_ack_backlog = both.second;
	} else {
		*ack_backlog = BPF_CORE_READ(sk, sk_ack_backlog);
		*max_ack_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
	}
}

/* Fills in what may change during a call; family, type and protocol are there already. */
static __always_inline void read_socket(struct listen_socket *s, struct socket *socket, struct sock *sk,
					struct sock_common *common)
{
	s->seen = 1;
	s->socket_state = socket ? BPF_CORE_READ(socket, state) : 0xff;
	read_backlogs(sk, &s->ack_backlog, &s->max_ack_backlog);
	s->state = common->skc_state;
	s->reuse = BPF_CORE_READ_BITFIELD(common, skc_reuse);
	s->reuseport = BPF_CORE_READ_BITFIELD(common, skc_reuseport);
	if (is_inet(s->family)) {
		s->local_port = common->skc_num;
		s->bound = s->local_port != 0;
	} else if (s->family == AF_UNIX) {
		s->bound = BPF_CORE_READ((struct unix_sock *)sk, addr) != NULL;
		/* Its accept queue is the receive queue (unix_recvq_full(), net/unix/af_unix.c). */
		s->ack_backlog = BPF_CORE_READ(sk, sk_receive_queue.qlen);
	}
	if (is_mptcp(s)) {
		struct sock *subflow = read_subflow(sk);

		if (subflow) {
			s->subflow_state = BPF_CORE_READ(subflow, __sk_common.skc_state);
			read_backlogs(subflow, &s->subflow_ack_backlog, &s->subflow_max_ack_backlog);
		}
	}
}

static __always_inline void read_address(struct listen_event *e, struct sock *sk, struct sock_common *common)
{
	if (e->post.family == AF_INET) {
		e->address_len = 4;
		*(__be32 *)e->address = common->skc_rcv_saddr;
	} else if (e->post.family == AF_INET6) {
		e->address_len = 16;
		__builtin_memcpy(e->address, &common->skc_v6_rcv_saddr, 16);
	} else if (e->post.family == AF_UNIX) {
		struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
		int length = address ? BPF_CORE_READ(address, len) - 2 : 0; /* without sun_family */

		if (length <= 0 || length > LISTEN_ADDRESS_LEN)
			return;
		e->address_len = length;
		bpf_probe_read_kernel(e->address, LISTEN_ADDRESS_LEN, &address->name[0].sun_path);
	}
}

/* A sysctl out of a copy of the sysctls around it, or read by itself where the copy does not reach. */
#define sysctl_in(copy, start, net, field)                                                         \
	({                                                                                         \
		__u32 _at = bpf_core_field_offset((net)->field) - (start);                         \
		__s32 _value;                                                                      \
		if (_at > sizeof(copy) - 4)                                                        \
			_value = read_sysctl(net, field);                                          \
		else if (bpf_core_field_size((net)->field) == 1)                                   \
			_value = (copy)[_at];                                                      \
		else                                                                               \
			__builtin_memcpy(&_value, (copy) + _at, 4);                                \
		_value;                                                                            \
	})

static __always_inline void read_environment(struct listen_event *e, struct net *net)
{
	__u32 start = bpf_core_field_offset(net->ipv4.sysctl_tcp_syncookies);
	__u8 copy[128];

	bpf_probe_read_kernel(copy, sizeof(copy), (void *)net + start);
	e->netns_inode = BPF_CORE_READ(net, ns.inum);
	e->netns_cookie = read_netns_cookie(net);
	e->somaxconn = BPF_CORE_READ(net, core.sysctl_somaxconn);
	e->max_syn_backlog = sysctl_in(copy, start, net, ipv4.sysctl_max_syn_backlog);
	e->syncookies = sysctl_in(copy, start, net, ipv4.sysctl_tcp_syncookies);
	e->fastopen = sysctl_in(copy, start, net, ipv4.sysctl_tcp_fastopen);
	e->abort_on_overflow = sysctl_in(copy, start, net, ipv4.sysctl_tcp_abort_on_overflow);
}

/* Every descendant of the listenwatch process keeps it as an ancestor: it is their subreaper. */
static __always_inline bool is_followed(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (!config.follow || !own_tgid)
		return false;
	for (int depth = 0; depth < MAX_ANCESTORS; depth++) {
		__u32 tgid = BPF_CORE_READ(task, tgid);

		if (tgid == own_tgid)
			return true;
		if (tgid <= 1)
			return false;
		task = BPF_CORE_READ(task, real_parent);
	}
	return false;
}

/* ---- two threads on one socket --------------------------------------------------------------- */

static __always_inline struct occupancy *occupancy_of(__u64 sk)
{
	__u32 slot = (__u32)(sk >> 6) * 2654435761u >> 20; /* the top 12 bits: OCCUPANCY_SLOTS */

	return bpf_map_lookup_elem(&occupied, &slot);
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

	return bpf_map_lookup_elem(&threads, &key);
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
	struct thread *thread;
	struct listen_event *e;
	struct call *call;
	bool followed;

	/* Once we know whom to follow, the rest of the machine costs neither room nor counts. */
	followed = is_followed();
	if (config.follow && own_tgid && !followed)
		return NULL;
	if (own_tgid)
		COUNT(calls);
	thread = bpf_map_lookup_elem(&threads, &id);
	if (!thread) {
		bpf_map_update_elem(&threads, &id, &new_thread, BPF_NOEXIST);
		thread = bpf_map_lookup_elem(&threads, &id);
	}
	if (!thread) {
		if (own_tgid)
			COUNT(lost_threads);
		return NULL;
	}
	call = by_kernel ? &thread->kernel : &thread->user;
	if (call->active && call->sk) /* its return was never seen */
		vacate(call);
	__builtin_memset(call, 0, sizeof(*call));
	call->active = 1;
	call->armed = own_tgid != 0;
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
	pre->type = BPF_CORE_READ(sk, sk_type);
	pre->protocol = BPF_CORE_READ(sk, sk_protocol);
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
		socket = BPF_CORE_READ(file, private_data);
		sk = BPF_CORE_READ(socket, sk);
		if (sk)
			set_socket(call, socket, sk);
	} else if (!(BPF_CORE_READ(file, f_mode) & FMODE_PATH)) {
		/* fdget() (fs/file.c) does not return a descriptor opened with O_PATH */
		call->event.flags |= FLAG_FILE;
	}
}

/*
 * A wake-up costs more than all the rest, so there is one in 10 ms: the reader looks again 15 ms
 * after each (WAKEUP_NS, engines/core.py), and finds what came without one.
 */
static __always_inline __u64 wakeup_flag(__u64 now)
{
	if (now - last_wakeup_ns < 10000000)
		return BPF_RB_NO_WAKEUP;
	last_wakeup_ns = now;
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
	call->active = 0;
	if (!call->armed)
		return; /* our first marker came after it began: one of its hooks may not have been attached yet */
	if (bpf_ringbuf_output(&ring, e, sizeof(*e), wakeup_flag(now)))
		COUNT(lost_ring);
	else
		COUNT(records);
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
	stage->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (!socket)
		socket = BPF_CORE_READ(sk, sk_socket);
	stage->socket_state = socket ? BPF_CORE_READ(socket, state) : 0xff;
}

/* ---- system call entry and exit -------------------------------------------------------------- */

struct enter_listen {
	__u64 common;
	__s64 nr;
	__u64 fd;
	__u64 backlog;
};

struct exit_listen {
	__u64 common;
	__s64 nr;
	__s64 result;
};

static __always_inline void send_marker(int backlog)
{
	struct listen_event *marker = bpf_ringbuf_reserve(&ring, sizeof(*marker), 0);

	own_tgid = bpf_get_current_pid_tgid() >> 32;
	if (!marker)
		return; /* the sender tries again */
	__builtin_memset(marker, 0, sizeof(*marker));
	marker->version = LISTEN_WIRE_VERSION;
	marker->size = sizeof(*marker);
	marker->door = DOOR_MARKER;
	marker->backlog = backlog;
	marker->pid = own_tgid;
	bpf_ringbuf_submit(marker, BPF_RB_FORCE_WAKEUP);
}

SEC("tracepoint/syscalls/sys_enter_listen")
int sys_listen_entry(struct enter_listen *ctx)
{
	int fd = ctx->fd, backlog = ctx->backlog;
	struct call *call;

	if (fd == LISTEN_MARKER_FD) {
		if ((__u32)backlog == config.marker_backlog)
			send_marker(backlog);
		return 0;
	}
	call = begin_call(ORIGIN_TRACEPOINT, DOOR_SYSCALL, fd, backlog);
	if (call)
		set_descriptor(call, fd);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_listen")
int sys_listen_exit(struct exit_listen *ctx)
{
	end_user_call(ORIGIN_TRACEPOINT, ctx->result);
	return 0;
}

/*
 * The way of 32-bit callers (compat entries of listen and socketcall). A native call is in flight
 * already and passes by, unless the kernel skipped the program at its entry: then it begins here.
 */
SEC("kprobe/__sys_listen")
int BPF_KPROBE(compat_listen_entry, int fd, int backlog)
{
	bool compat = in_compat_syscall();
	struct call *call;

	if (user_call() || fd == LISTEN_MARKER_FD)
		return 0;
	if (!compat)
		COUNT(recovered);
	call = begin_call(ORIGIN_SYS_LISTEN, compat ? DOOR_COMPAT : DOOR_SYSCALL, fd, backlog);
	if (call)
		set_descriptor(call, fd);
	return 0;
}

SEC("kretprobe/__sys_listen")
int BPF_KRETPROBE(compat_listen_exit, int result)
{
	end_user_call(ORIGIN_SYS_LISTEN, result);
	return 0;
}

/*
 * listen of a 32-bit caller where the compiler folded __sys_listen into it. The arguments lie in
 * the caller's registers: ebx and ecx.
 */
SEC("kprobe/__ia32_sys_listen")
int ia32_listen_entry(struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs *user = (struct pt_regs *)PT_REGS_PARM1(ctx);
	unsigned long fd = 0, backlog = 0;
	struct call *call;

	if (user_call())
		return 0;
	bpf_probe_read_kernel(&fd, sizeof(fd), &user->rbx);
	bpf_probe_read_kernel(&backlog, sizeof(backlog), &user->rcx);
	call = begin_call(ORIGIN_SYS_LISTEN, DOOR_COMPAT, fd, backlog);
	if (call)
		set_descriptor(call, fd);
#endif
	return 0;
}

SEC("kretprobe/__ia32_sys_listen")
int BPF_KRETPROBE(ia32_listen_exit, int result)
{
	end_user_call(ORIGIN_SYS_LISTEN, result);
	return 0;
}

/* io_uring calls this directly; a system call is in flight already and passes by. */
SEC("kprobe/__sys_listen_socket")
int BPF_KPROBE(io_uring_listen_entry, struct socket *socket, int backlog)
{
	struct call *call;

	if (user_call())
		return 0;
	call = begin_call(ORIGIN_LISTEN_SOCKET, DOOR_IO_URING, -1, backlog);
	if (call)
		set_socket(call, socket, BPF_CORE_READ(socket, sk));
	return 0;
}

SEC("kretprobe/__sys_listen_socket")
int BPF_KRETPROBE(io_uring_listen_exit, int result)
{
	end_user_call(ORIGIN_LISTEN_SOCKET, result);
	return 0;
}

/* ---- stages ---------------------------------------------------------------------------------- */

SEC("kprobe/security_socket_listen")
int BPF_KPROBE(security_listen_entry, struct socket *socket, int backlog)
{
	struct call *call = user_call();
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!call || !sk)
		return 0;
	/* The kernel looked the descriptor up after us; if it found another socket, that one counts. */
	if (call->sk != (__u64)sk) {
		if (call->sk)
			vacate(call);
		set_socket(call, socket, sk);
	}
	see(call, STAGE_SECURITY, sk, socket, backlog);
	return 0;
}

SEC("kretprobe/security_socket_listen")
int BPF_KRETPROBE(security_listen_return, int result)
{
	struct call *call = user_call();

	if (call)
		see(call, STAGE_SECURITY_RETURN, (struct sock *)call->sk, (struct socket *)call->socket, result);
	return 0;
}

SEC("kprobe/inet_listen")
int BPF_KPROBE(inet_listen_entry, struct socket *socket, int backlog)
{
	struct sock *sk = BPF_CORE_READ(socket, sk);
	struct call *call = call_on(sk);

	if (!call) {
		call = begin_call(ORIGIN_INET_LISTEN, DOOR_KERNEL, -1, backlog);
		if (!call)
			return 0;
		set_socket(call, socket, sk);
	}
	call->stage_sk = (__u64)sk;
	see(call, STAGE_INET_LISTEN, sk, socket, backlog);
	return 0;
}

static __always_inline void inet_listen_left(__u32 origin, int result)
{
	struct call *call = current_call();

	if (call)
		see(call, STAGE_INET_LISTEN_RETURN, (struct sock *)call->stage_sk, NULL, result);
	end_kernel_call(origin, result);
}

SEC("kretprobe/inet_listen")
int BPF_KRETPROBE(inet_listen_return, int result)
{
	inet_listen_left(ORIGIN_INET_LISTEN, result);
	return 0;
}

SEC("kprobe/__inet_listen_sk")
int BPF_KPROBE(inet_listen_sk_entry, struct sock *sk, int backlog)
{
	struct call *call = call_on(sk);

	if (!call) {
		call = begin_call(ORIGIN_INET_LISTEN_SK, DOOR_KERNEL, -1, backlog);
		if (!call)
			return 0;
		set_socket(call, BPF_CORE_READ(sk, sk_socket), sk);
	}
	call->stage_sk = (__u64)sk;
	see(call, STAGE_INET_LISTEN_SK, sk, NULL, backlog);
	return 0;
}

SEC("kretprobe/__inet_listen_sk")
int BPF_KRETPROBE(inet_listen_sk_return, int result)
{
	inet_listen_left(ORIGIN_INET_LISTEN_SK, result);
	return 0;
}

SEC("kprobe/inet_csk_listen_start")
int BPF_KPROBE(listen_start_entry, struct sock *sk)
{
	struct call *call = call_on(sk);

	if (call) {
		call->stage_sk = (__u64)sk;
		see(call, STAGE_LISTEN_START, sk, NULL, 0);
	}
	return 0;
}

SEC("kretprobe/inet_csk_listen_start")
int BPF_KRETPROBE(listen_start_return, int result)
{
	struct call *call = current_call();

	if (call)
		see(call, STAGE_LISTEN_START_RETURN, (struct sock *)call->stage_sk, NULL, result);
	return 0;
}

static __always_inline int saw_hash(struct sock *sk, enum listen_hash function)
{
	struct call *call = call_on(sk);

	if (call)
		see(call, STAGE_HASH, sk, NULL, function);
	return 0;
}

SEC("kprobe/inet_hash")
int BPF_KPROBE(inet_hash_entry, struct sock *sk)
{
	return saw_hash(sk, HASH_INET);
}

SEC("kprobe/inet6_hash")
int BPF_KPROBE(inet6_hash_entry, struct sock *sk)
{
	return saw_hash(sk, HASH_INET6);
}

/*
 * A change of state on the way: fires on the stack of the call. The MPTCP socket's own changes are
 * left out: its stages are those of the subflow, where the listening happens.
 */
SEC("raw_tp/inet_sock_set_state")
int set_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int old = ctx->args[1], new = ctx->args[2];
	struct call *call;

	if (new != TCP_LISTEN && old != TCP_LISTEN)
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP)
		return 0;
	call = call_on(sk);
	if (call && new == TCP_LISTEN) {
		call->stage_sk = (__u64)sk;
		see(call, STAGE_STATE_LISTEN, sk, NULL, old);
	} else if (call && new == TCP_CLOSE) {
		see(call, STAGE_STATE_CLOSE, sk, NULL, old);
	} else if (!call && new == TCP_LISTEN) {
		/* A listener appears outside any call we can see: say so instead of missing it. */
		call = begin_call(ORIGIN_INET_LISTEN, DOOR_UNKNOWN, -1, 0);
		if (!call)
			return 0;
		set_socket(call, BPF_CORE_READ(sk, sk_socket), sk);
		see(call, STAGE_STATE_LISTEN, sk, NULL, old);
		end_kernel_call(ORIGIN_INET_LISTEN, 0);
	}
	return 0;
}
