/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Reads what a record holds out of the kernel: descriptors, sockets, sysctls. */
#ifndef LISTENWATCH_READ_H
#define LISTENWATCH_READ_H

/* Every read of kernel memory costs some 20 ns, so what lies together is read together. */

/* How often the current thread gave up its processor. */
static __always_inline __u64 context_switches(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct { unsigned long voluntary, involuntary; } both = {};
	__u32 at = offset_in(task, nvcsw);

	if (offset_in(task, nivcsw) != at + sizeof(both.voluntary))
		return read_field(task, nvcsw) + read_field(task, nivcsw);
	bpf_probe_read_kernel(&both, sizeof(both), (void *)task + at);
	return both.voluntary + both.involuntary;
}

/* Where the current process keeps the pointer to the file of a descriptor; NULL if out of range. */
static __always_inline struct file **file_slot(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *fdt = read_field(task, files, fdt);

	if (fd < 0 || (__u32)fd >= read_field(fdt, max_fds))
		return NULL;
	return read_field(fdt, fd) + fd;
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

	return read_field(task, files, count.counter) > 1;
}

/*
 * Whether the file is a socket: sock_from_file() (net/socket.c) compares f_op with its own
 * socket_file_ops. That address is no exported symbol, so it is taken from the first file on sockfs.
 */
static __always_inline bool is_socket(struct file *file)
{
	__u64 operations = (__u64)read_field(file, f_op);
	struct globals *known = globals();

	if (!known)
		return false;
	if (operations && operations == known->socket_file_ops)
		return true;
	/* An O_PATH descriptor of a socket lies on sockfs too, but has no socket's operations. */
	if (read_field(file, f_mode) & FMODE_PATH ||
	    read_field(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return false;
	known->socket_file_ops = operations;
	return true;
}

/* Whether another process, or another descriptor of this one, may do something to the socket meanwhile. */
static __always_inline bool socket_is_shared(struct socket *socket)
{
	struct file *file = socket ? read_field(socket, file) : NULL;

	return file && file_is_shared(file);
}

static __always_inline bool is_inet(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline bool is_mptcp(const struct listen_socket *s)
{
	return is_inet(s->family) && s->protocol == IPPROTO_MPTCP;
}

/* The first members of struct sockaddr_vm (include/uapi/linux/vm_sockets.h). */
struct vsock_address {
	__u16 family;
	__u16 reserved;
	__u32 port;
	__u32 cid;
};

/*
 * vsk->local_addr; false where it is not there. struct vsock_sock (include/net/af_vsock.h) is in a module's type
 * information, if the module is loaded yet: the struct sock, a pointer to the transport, the local address. The
 * address names its family from the beginning (vsock_addr_init()), which shows that it was met.
 */
static __always_inline bool read_vsock_address(struct sock *sk, struct vsock_address *address)
{
	bpf_probe_read_kernel(address, sizeof(*address), (void *)sk + size_of_sock() + sizeof(void *));
	return address->family == AF_VSOCK;
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
	__u32 at = offset_in(sk, sk_ack_backlog);

	if (offset_in(sk, sk_max_ack_backlog) == at + 4) {
		bpf_probe_read_kernel(&both, sizeof(both), (void *)sk + at);
		*ack_backlog = both.first;
		*max_ack_backlog = both.second;
	} else {
		*ack_backlog = read_field(sk, sk_ack_backlog);
		*max_ack_backlog = read_field(sk, sk_max_ack_backlog);
	}
}

/* Fills in what may change during a call; family, type and protocol are there already. */
static __always_inline void read_socket(struct listen_socket *s, struct socket *socket, struct sock *sk,
					struct sock_common *common)
{
	s->seen = 1;
	s->socket_state = socket ? read_field(socket, state) : 0xff;
	read_backlogs(sk, &s->ack_backlog, &s->max_ack_backlog);
	s->state = common->skc_state;
	s->reuse = read_bit_field(common, skc_reuse);
	s->reuseport = read_bit_field(common, skc_reuseport);
	if (is_inet(s->family)) {
		s->local_port = common->skc_num;
		s->bound = s->local_port != 0;
		s->source_port = bpf_ntohs(read_field((struct inet_sock *)sk, inet_sport));
	} else if (s->family == AF_UNIX) {
		s->bound = read_field((struct unix_sock *)sk, addr) != NULL;
		/* Its accept queue is the receive queue (unix_recvq_full(), net/unix/af_unix.c). */
		s->ack_backlog = read_field(sk, sk_receive_queue.qlen);
	} else if (s->family == AF_VSOCK) {
		struct vsock_address address = {};

		s->bound = !read_vsock_address(sk, &address) ? BOUND_UNKNOWN :
			   address.port == VMADDR_PORT_ANY   ? BOUND_NO :
							       BOUND_YES;
	}
	if (is_mptcp(s)) {
		struct sock *subflow = read_subflow(sk);

		if (subflow) {
			s->subflow_state = read_field(subflow, __sk_common.skc_state);
			s->subflow_local_port = read_field(subflow, __sk_common.skc_num);
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
		struct unix_address *address = read_field((struct unix_sock *)sk, addr);
		int length = address ? read_field(address, len) - 2 : 0; /* without sun_family */

		if (length <= 0)
			return;
		/* A path that fills sun_path ends behind it: unix_mkname() (net/unix/af_unix.c) adds its own 0. */
		if (length > LISTEN_ADDRESS_LEN)
			length = LISTEN_ADDRESS_LEN;
		e->address_len = length;
		bpf_probe_read_kernel(e->address, LISTEN_ADDRESS_LEN, &address->name[0].sun_path);
	} else if (e->post.family == AF_VSOCK) {
		struct vsock_address address = {};

		if (!read_vsock_address(sk, &address))
			return;
		e->address_len = 8;
		*(__be32 *)e->address = bpf_htonl(address.cid);
		*(__be32 *)(e->address + 4) = bpf_htonl(address.port);
	}
}

/* A sysctl out of a copy of the sysctls around it, or read by itself where the copy does not reach. */
#define sysctl_in(copy, start, net, field)                                                         \
	({                                                                                         \
		__u32 _at = offset_in(net, field) - (start);                         \
		__s32 _value;                                                                      \
		if (_at > sizeof(copy) - 4)                                                        \
			_value = read_sysctl(net, field);                                          \
		else if (size_in(net, field) == 1)                                   \
			_value = (copy)[_at];                                                      \
		else                                                                               \
			__builtin_memcpy(&_value, (copy) + _at, 4);                                \
		_value;                                                                            \
	})

static __always_inline void read_environment(struct listen_event *e, struct net *net)
{
	__u32 start = offset_in(net, ipv4.sysctl_tcp_syncookies);
	__u8 copy[128];

	bpf_probe_read_kernel(copy, sizeof(copy), (void *)net + start);
	e->netns_inode = read_field(net, ns.inum);
	e->netns_cookie = read_netns_cookie(net);
	e->somaxconn = read_field(net, core.sysctl_somaxconn);
	e->somaxconn_after = e->somaxconn;
	e->max_syn_backlog = sysctl_in(copy, start, net, ipv4.sysctl_max_syn_backlog);
	e->syncookies = sysctl_in(copy, start, net, ipv4.sysctl_tcp_syncookies);
	e->fastopen = sysctl_in(copy, start, net, ipv4.sysctl_tcp_fastopen);
	e->abort_on_overflow = sysctl_in(copy, start, net, ipv4.sysctl_tcp_abort_on_overflow);
}

#endif
