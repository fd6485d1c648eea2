/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel structures the probe reads, by the running kernel's own headers: what kernel.h is for CO-RE.
 */
#ifndef LISTENWATCH_KERNEL_BCC_H
#define LISTENWATCH_KERNEL_BCC_H

#include <linux/version.h>

/*
 * bcc brings a <uapi/linux/bpf.h> of its own time, and the BPF headers inside newer kernels need theirs.
 * They are marked as included already: no structure we read contains any of theirs.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define _LINUX_BPF_H
#define __LINUX_FILTER_H__
#define _BPF_CGROUP_H
#endif

#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/tcp.h>
#include <net/af_unix.h>
#include <net/inet_connection_sock.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <uapi/linux/vm_sockets.h>

/* Of <net/tcp.h> we want struct tcp_ulp_ops, and not the functions that call BPF programs. */
#undef CONFIG_BPF
#undef CONFIG_CGROUP_BPF
#include <net/tcp.h>

#define read_member(pointer, field)                                                                \
	({                                                                                         \
		typeof((pointer)->field) _value;                                                   \
		bpf_probe_read_kernel((void *)&_value, sizeof(_value), (const void *)&(pointer)->field); \
		_value;                                                                            \
	})
#define read_1(p, a) read_member(p, a)
#define read_2(p, a, b) read_member(read_1(p, a), b)
#define read_3(p, a, b, c) read_member(read_2(p, a, b), c)
#define read_4(p, a, b, c, d) read_member(read_3(p, a, b, c), d)
#define read_by_count(p, a, b, c, d, name, ...) name
#define read_field(pointer, ...)                                                                   \
	read_by_count(pointer, ##__VA_ARGS__, read_4, read_3, read_2, read_1)(pointer, ##__VA_ARGS__)

#define read_bit_field(copy, field) ((copy)->field)
#define offset_in(pointer, field) offsetof(typeof(*(pointer)), field)
#define size_in(pointer, field) sizeof((pointer)->field)
#define size_of_sock() sizeof(struct sock)

/* See kernel.h for what made each of these differ. */
#define read_sysctl(net, field) ((__s32)read_member(net, field))

static __always_inline __u64 read_netns_cookie(struct net *net)
{
	__u64 cookie = 0;

	bpf_probe_read_kernel(&cookie, sizeof(cookie), &net->net_cookie);
	return cookie;
}

static __always_inline bool file_is_shared(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	return (__s64)read_field(file, f_ref.refcnt.counter) > 0;
#else
	return (__s64)read_field(file, f_count.counter) > 1;
#endif
}

static __always_inline __u8 read_ulp(struct sock *sk)
{
	const struct tcp_ulp_ops *ops = read_field((struct inet_connection_sock *)sk, icsk_ulp_ops);

	if (!ops)
		return ULP_NONE;
	return read_field(ops, clone) ? ULP_CLONES : ULP_NO_CLONE;
}

static __always_inline bool in_32bit_call(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

#if defined(__x86_64__)
	return read_field(task, thread_info.status) & TS_COMPAT;
#else
	return read_field(task, thread_info.flags) >> TIF_32BIT & 1;
#endif
}

#if defined(__x86_64__)
#define NATIVE_LISTEN __x64_sys_listen
#define native_entry_path() ENTRY_SYSCALL
#define native_argument(user, number) (number ? &(user)->si : &(user)->di)
#else
#define NATIVE_LISTEN __arm64_sys_listen
#define native_entry_path() (in_32bit_call() ? ENTRY_COMPAT : ENTRY_SYSCALL)
#define native_argument(user, number) (&(user)->regs[number])
#endif

static __always_inline void read_native_arguments(struct pt_regs *user, int *fd, int *backlog)
{
	bpf_probe_read_kernel(fd, sizeof(*fd), native_argument(user, 0));
	bpf_probe_read_kernel(backlog, sizeof(*backlog), native_argument(user, 1));
}

static __always_inline void read_ia32_arguments(struct pt_regs *user, int *fd, int *backlog)
{
#if defined(__x86_64__)
	bpf_probe_read_kernel(fd, sizeof(*fd), &user->bx);
	bpf_probe_read_kernel(backlog, sizeof(*backlog), &user->cx);
#endif
}

/* struct mptcp_sock is in no header. LISTEN_MPTCP_FIRST says where its `first` lies; -1: not known. */
#define subflows_are_known (LISTEN_MPTCP_FIRST >= 0)

static __always_inline struct sock *read_subflow(struct sock *msk)
{
	struct sock *first = NULL;

	if (subflows_are_known)
		bpf_probe_read_kernel(&first, sizeof(first), (void *)msk + LISTEN_MPTCP_FIRST);
	return first;
}

#endif
