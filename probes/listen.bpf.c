// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One record per listen() call, assembled stage by stage in the kernel.
 *
 * A call in flight lives in the map `inflight`, one slot per thread for the call user space made
 * (system call or io_uring) and one for a listen by kernel code beneath it (SMC, in-kernel servers),
 * so threads cannot mix. Each hook fills its stage; the return of the hook that began the call hands
 * the record to the ring buffer. Nothing here judges anything.
 */
#include "listen.h"
#include "kernel.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct listen_config config = {};

/* Which hook began a call: only the return of the same hook ends it. */
enum origin {
	ORIGIN_TRACEPOINT,    /* syscalls:sys_enter_listen */
	ORIGIN_SYS_LISTEN,    /* __sys_listen: 32-bit callers, which the tracepoint leaves out */
	ORIGIN_LISTEN_SOCKET, /* __sys_listen_socket: io_uring */
	ORIGIN_INET_LISTEN,   /* kernel code through ops->listen */
	ORIGIN_INET_LISTEN_SK,/* kernel code below it: the MPTCP path manager */
};

enum slot { SLOT_USER, SLOT_KERNEL };

struct call_key {
	__u64 thread;
	__u64 slot;
};

struct call {
	struct listen_event event;
	__u64 file;
	__u64 socket;
	__u64 sk;
	__u64 stage_sk; /* the sock inet_listen works on: sk itself, or the MPTCP subflow */
	__u32 origin;
	__u32 generation;
};

/* Calls under way on one sock: tells when two threads listen on the same socket at once. */
struct occupancy {
	__u32 calls;
	__u32 generation;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct call_key);
	__type(value, struct call);
} inflight SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct occupancy);
} occupied SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct listen_counters);
} counters SEC(".maps");

static struct call new_call;   /* zeroes: a call as it begins */
static __u32 own_tgid;         /* the process that sent the marker, as the kernel numbers it */

#define COUNT(field)                                                                               \
	do {                                                                                       \
		__u32 _zero = 0;                                                                   \
		struct listen_counters *_c = bpf_map_lookup_elem(&counters, &_zero);               \
		if (_c)                                                                            \
			__sync_fetch_and_add(&_c->field, 1);                                       \
	} while (0)

/* ---- reading the kernel ---------------------------------------------------------------------- */

static __always_inline struct file *current_file(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(fdt, fd) + fd);
	/* fdget() does not return a descriptor opened with O_PATH (__fget_light, fs/file.c) */
	if (file && BPF_CORE_READ(file, f_mode) & FMODE_PATH)
		return NULL;
	return file;
}

/* sock_from_file(), net/socket.c, which compares f_op: a sockfs inode says the same */
static __always_inline struct socket *socket_of(struct file *file)
{
	if (!file || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

static __always_inline bool is_inet(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline bool is_mptcp(const struct listen_socket *s)
{
	return is_inet(s->family) && s->protocol == IPPROTO_MPTCP;
}

static __always_inline void read_socket(struct listen_socket *s, struct socket *socket, struct sock *sk)
{
	__builtin_memset(s, 0, sizeof(*s));
	s->seen = 1;
	s->socket_state = socket ? BPF_CORE_READ(socket, state) : 0xff;
	s->max_ack_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
	s->ack_backlog = BPF_CORE_READ(sk, sk_ack_backlog);
	s->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	s->type = BPF_CORE_READ(sk, sk_type);
	s->protocol = BPF_CORE_READ(sk, sk_protocol);
	s->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	s->reuse = BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuse);
	s->reuseport = BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuseport);
	if (is_inet(s->family)) {
		s->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
		s->bound = s->local_port != 0;
		if (s->protocol == IPPROTO_TCP)
			s->ulp = read_ulp(sk);
	} else if (s->family == AF_UNIX) {
		s->bound = BPF_CORE_READ((struct unix_sock *)sk, addr) != NULL;
	}
	if (is_mptcp(s)) {
		struct sock *subflow = read_subflow(sk);

		if (subflow) {
			s->subflow_state = BPF_CORE_READ(subflow, __sk_common.skc_state);
			s->subflow_max_ack_backlog = BPF_CORE_READ(subflow, sk_max_ack_backlog);
			s->subflow_ack_backlog = BPF_CORE_READ(subflow, sk_ack_backlog);
		}
	}
}

static __always_inline void read_address(struct listen_event *e, struct sock *sk)
{
	if (e->post.family == AF_INET) {
		e->address_len = 4;
		BPF_CORE_READ_INTO((__be32 *)e->address, sk, __sk_common.skc_rcv_saddr);
	} else if (e->post.family == AF_INET6) {
		e->address_len = 16;
		BPF_CORE_READ_INTO((struct in6_addr *)e->address, sk, __sk_common.skc_v6_rcv_saddr);
	} else if (e->post.family == AF_UNIX) {
		struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
		int length = address ? BPF_CORE_READ(address, len) - 2 : 0; /* without sun_family */

		if (length <= 0 || length > LISTEN_ADDRESS_LEN)
			return;
		e->address_len = length;
		bpf_probe_read_kernel(e->address, LISTEN_ADDRESS_LEN, &address->name[0].sun_path);
	}
}

static __always_inline void read_environment(struct listen_event *e, struct sock *sk)
{
	struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);

	e->netns_inode = BPF_CORE_READ(net, ns.inum);
	e->netns_cookie = read_netns_cookie(net);
	e->somaxconn = BPF_CORE_READ(net, core.sysctl_somaxconn);
	e->max_syn_backlog = read_sysctl(net, ipv4.sysctl_max_syn_backlog);
	e->syncookies = read_sysctl(net, ipv4.sysctl_tcp_syncookies);
	e->fastopen = read_sysctl(net, ipv4.sysctl_tcp_fastopen);
	e->abort_on_overflow = read_sysctl(net, ipv4.sysctl_tcp_abort_on_overflow);
}

/* Every descendant of the listenwatch process keeps it as an ancestor: it is their subreaper. */
static __always_inline bool is_followed(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (!config.follow || !own_tgid)
		return false;
	for (int depth = 0; depth < 32; depth++) {
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

static __always_inline void occupy(struct call *call)
{
	struct occupancy first = { .calls = 1 }, *here;
	__u64 sk = call->sk;

	if (!bpf_map_update_elem(&occupied, &sk, &first, BPF_NOEXIST))
		return;
	here = bpf_map_lookup_elem(&occupied, &sk);
	if (here) {
		__sync_fetch_and_add(&here->calls, 1);
		__sync_fetch_and_add(&here->generation, 1);
	}
	call->event.flags |= FLAG_CONTENDED;
}

static __always_inline void vacate(struct call *call)
{
	__u64 sk = call->sk;
	struct occupancy *here = bpf_map_lookup_elem(&occupied, &sk);

	if (!here || here->generation)
		call->event.flags |= FLAG_CONTENDED;
	if (!here)
		return;
	__sync_fetch_and_sub(&here->calls, 1);
	if (!here->calls)
		bpf_map_delete_elem(&occupied, &sk);
}

/* ---- the life of a call ---------------------------------------------------------------------- */

static __always_inline struct call *find_call(__u64 slot)
{
	struct call_key key = { .thread = bpf_get_current_pid_tgid(), .slot = slot };

	return bpf_map_lookup_elem(&inflight, &key);
}

static __always_inline struct call *begin_call(__u64 slot, __u32 origin, __u8 door, int fd, int backlog)
{
	struct call_key key = { .thread = bpf_get_current_pid_tgid(), .slot = slot };
	struct listen_event *e;
	struct call *call;

	COUNT(calls);
	call = bpf_map_lookup_elem(&inflight, &key);
	if (call) {
		COUNT(unreturned);
		if (call->sk)
			vacate(call);
	}
	if (bpf_map_update_elem(&inflight, &key, &new_call, BPF_ANY) ||
	    !(call = bpf_map_lookup_elem(&inflight, &key))) {
		COUNT(lost_inflight);
		return NULL;
	}
	call->origin = origin;
	e = &call->event;
	e->version = LISTEN_WIRE_VERSION;
	e->size = sizeof(*e);
	e->time_ns = bpf_ktime_get_ns();
	e->cgroup_id = bpf_get_current_cgroup_id();
	e->pid = key.thread >> 32;
	e->tid = (__u32)key.thread;
	e->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->fd = fd;
	e->backlog = backlog;
	e->door = door;
	e->hooks = config.hooks;
	if (is_followed())
		e->flags |= FLAG_FOLLOWED;
	return call;
}

/* The call now has a socket: its state before, and the sysctls of its namespace. */
static __always_inline void set_socket(struct call *call, struct socket *socket, struct sock *sk)
{
	call->socket = (__u64)socket;
	call->sk = (__u64)sk;
	call->stage_sk = (__u64)sk;
	call->event.flags |= FLAG_FILE | FLAG_SOCKET;
	read_environment(&call->event, sk);
	read_socket(&call->event.pre, socket, sk);
	occupy(call);
}

static __always_inline void set_descriptor(struct call *call, int fd)
{
	struct file *file = current_file(fd);
	struct socket *socket = socket_of(file);
	struct sock *sk;

	call->file = (__u64)file;
	if (file)
		call->event.flags |= FLAG_FILE;
	if (socket && (sk = BPF_CORE_READ(socket, sk)))
		set_socket(call, socket, sk);
}

static __always_inline void hand_over(struct listen_event *e)
{
	if (bpf_ringbuf_output(&ring, e, sizeof(*e), 0))
		COUNT(lost_ring);
	else
		COUNT(records);
}

static __always_inline void end_call(__u64 slot, __u32 origin, int result)
{
	struct call_key key = { .thread = bpf_get_current_pid_tgid(), .slot = slot };
	struct call *call = bpf_map_lookup_elem(&inflight, &key);
	struct listen_event *e;

	if (!call || call->origin != origin)
		return;
	e = &call->event;
	e->duration_ns = bpf_ktime_get_ns() - e->time_ns;
	e->result = result;
	if (e->door != DOOR_UNKNOWN)
		e->flags |= FLAG_RETURNED;
	if (origin == ORIGIN_TRACEPOINT && call->file != (__u64)current_file(e->fd))
		e->flags |= FLAG_FD_CHANGED;
	if (call->sk) {
		struct sock *sk = (struct sock *)call->sk;

		vacate(call);
		if (!(e->flags & FLAG_FD_CHANGED)) {
			read_socket(&e->post, (struct socket *)call->socket, sk);
			read_address(e, sk);
			e->socket_cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
		}
	}
	hand_over(e);
	bpf_map_delete_elem(&inflight, &key);
}

/* The call this thread is in for `sk`: of the kernel's own, else of user space. */
static __always_inline struct call *call_on(struct sock *sk)
{
	struct call *call = find_call(SLOT_KERNEL);

	if (!call)
		call = find_call(SLOT_USER);
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
	stage->max_ack_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
	stage->ack_backlog = BPF_CORE_READ(sk, sk_ack_backlog);
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
	struct listen_event marker = {};

	marker.version = LISTEN_WIRE_VERSION;
	marker.size = sizeof(marker);
	marker.door = DOOR_MARKER;
	marker.backlog = backlog;
	marker.pid = own_tgid = bpf_get_current_pid_tgid() >> 32;
	bpf_ringbuf_output(&ring, &marker, sizeof(marker), BPF_RB_FORCE_WAKEUP);
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
	call = begin_call(SLOT_USER, ORIGIN_TRACEPOINT, DOOR_SYSCALL, fd, backlog);
	if (call)
		set_descriptor(call, fd);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_listen")
int sys_listen_exit(struct exit_listen *ctx)
{
	end_call(SLOT_USER, ORIGIN_TRACEPOINT, ctx->result);
	return 0;
}

/* The compat entries of listen and socketcall; a native call is in flight already and passes by. */
SEC("kprobe/__sys_listen")
int BPF_KPROBE(compat_listen_entry, int fd, int backlog)
{
	struct call *call;

	if (find_call(SLOT_USER) || fd == LISTEN_MARKER_FD)
		return 0;
	call = begin_call(SLOT_USER, ORIGIN_SYS_LISTEN, DOOR_COMPAT, fd, backlog);
	if (call)
		set_descriptor(call, fd);
	return 0;
}

SEC("kretprobe/__sys_listen")
int BPF_KRETPROBE(compat_listen_exit, int result)
{
	end_call(SLOT_USER, ORIGIN_SYS_LISTEN, result);
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

	if (find_call(SLOT_USER))
		return 0;
	bpf_probe_read_kernel(&fd, sizeof(fd), &user->rbx);
	bpf_probe_read_kernel(&backlog, sizeof(backlog), &user->rcx);
	call = begin_call(SLOT_USER, ORIGIN_SYS_LISTEN, DOOR_COMPAT, fd, backlog);
	if (call)
		set_descriptor(call, fd);
#endif
	return 0;
}

SEC("kretprobe/__ia32_sys_listen")
int BPF_KRETPROBE(ia32_listen_exit, int result)
{
	end_call(SLOT_USER, ORIGIN_SYS_LISTEN, result);
	return 0;
}

/* io_uring calls this directly; a system call is in flight already and passes by. */
SEC("kprobe/__sys_listen_socket")
int BPF_KPROBE(io_uring_listen_entry, struct socket *socket, int backlog)
{
	struct call *call;

	if (find_call(SLOT_USER))
		return 0;
	call = begin_call(SLOT_USER, ORIGIN_LISTEN_SOCKET, DOOR_IO_URING, -1, backlog);
	if (call)
		set_socket(call, socket, BPF_CORE_READ(socket, sk));
	return 0;
}

SEC("kretprobe/__sys_listen_socket")
int BPF_KRETPROBE(io_uring_listen_exit, int result)
{
	end_call(SLOT_USER, ORIGIN_LISTEN_SOCKET, result);
	return 0;
}

/* ---- stages ---------------------------------------------------------------------------------- */

SEC("kprobe/security_socket_listen")
int BPF_KPROBE(security_listen_entry, struct socket *socket, int backlog)
{
	struct call *call = find_call(SLOT_USER);
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
	struct call *call = find_call(SLOT_USER);

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
		call = begin_call(SLOT_KERNEL, ORIGIN_INET_LISTEN, DOOR_KERNEL, -1, backlog);
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
	struct call *call = find_call(SLOT_KERNEL);

	if (!call)
		call = find_call(SLOT_USER);
	if (call)
		see(call, STAGE_INET_LISTEN_RETURN, (struct sock *)call->stage_sk, NULL, result);
	end_call(SLOT_KERNEL, origin, result);
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
		call = begin_call(SLOT_KERNEL, ORIGIN_INET_LISTEN_SK, DOOR_KERNEL, -1, backlog);
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
	struct call *call = find_call(SLOT_KERNEL);

	if (!call)
		call = find_call(SLOT_USER);
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
		call = begin_call(SLOT_KERNEL, ORIGIN_INET_LISTEN, DOOR_UNKNOWN, -1, 0);
		if (!call)
			return 0;
		set_socket(call, BPF_CORE_READ(sk, sk_socket), sk);
		see(call, STAGE_STATE_LISTEN, sk, NULL, old);
		end_call(SLOT_KERNEL, ORIGIN_INET_LISTEN, 0);
	}
	return 0;
}
