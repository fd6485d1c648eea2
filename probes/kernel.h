/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel structures the probe reads: only the fields it uses, relocated at load time (CO-RE).
 * A field this kernel does not have makes the load fail rather than read something else; where
 * kernels truly differ there is one accessor below, with the commit that made the difference.
 */
#ifndef LISTENWATCH_KERNEL_H
#define LISTENWATCH_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#include "registers.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_VSOCK 40
#define VMADDR_PORT_ANY 0xffffffff /* include/uapi/linux/vm_sockets.h */
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define SOCK_STREAM 1
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define SOCKFS_MAGIC 0x534F434B /* include/uapi/linux/magic.h */
#define TS_COMPAT 0x0002        /* arch/x86/include/asm/thread_info.h: in a 32-bit system call */
#define TIF_32BIT 22            /* arch/arm64/include/asm/thread_info.h: the number of the bit for a 32-bit process */
#define FMODE_PATH 0x4000       /* include/linux/fs.h: opened with O_PATH */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __s64 counter; } atomic64_t;

struct ns_common { unsigned int inum; };
struct netns_core { int sysctl_somaxconn; };
struct netns_ipv4 {
	int sysctl_max_syn_backlog;
	int sysctl_tcp_syncookies;
	int sysctl_tcp_fastopen;
	int sysctl_tcp_abort_on_overflow;
};
struct linux_mib { unsigned long mibs[1]; };
struct netns_mib { struct linux_mib *net_statistics; /* one for each processor */ };
struct net {
	struct ns_common ns;
	struct netns_core core;
	struct netns_mib mib;
	struct netns_ipv4 ipv4;
	__u64 net_cookie;
};
struct net___atomic { atomic64_t net_cookie; };

typedef struct { struct net *net; } possible_net_t;
struct in6_addr { union { __u8 u6_addr8[16]; } in6_u; };

struct sock_common {
	__be32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	possible_net_t skc_net;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};
struct sk_buff_head { __u32 qlen; };
struct socket;
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	__u16 sk_type;
	__u16 sk_protocol;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	struct sk_buff_head sk_receive_queue;
};
typedef enum { SS_FREE, SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING } socket_state;
struct socket {
	socket_state state;
	short type;
	struct file *file;
	struct sock *sk;
};
struct tcp_ulp_ops { void *clone; };
struct inet_connection_sock { const struct tcp_ulp_ops *icsk_ulp_ops; };
struct inet_sock { __be16 inet_sport; };
struct mptcp_sock { struct sock *first; };
struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[0];
};
struct unix_sock { struct unix_address *addr; };

struct super_block { unsigned long s_magic; };
struct inode { struct super_block *i_sb; };
typedef struct { atomic64_t refcnt; } file_ref_t;
struct file {
	file_ref_t f_ref;
	unsigned int f_mode;
	const void *f_op;
	void *private_data;
	struct inode *f_inode;
};
struct file___count { atomic64_t f_count; };
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
typedef struct { int counter; } atomic_t;
struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};
struct thread_info {
	unsigned long flags;
	__u32 status; /* x86 */
};
struct pt_regs___riscv { unsigned long orig_a0, a1; };
struct task_struct {
	struct thread_info thread_info;
	int tgid;
	struct task_struct *real_parent;
	struct files_struct *files;
	unsigned long nvcsw;
	unsigned long nivcsw;
};

#pragma clang attribute pop

#define read_field BPF_CORE_READ
#define read_bit_field BPF_CORE_READ_BITFIELD
#define offset_in(pointer, field) bpf_core_field_offset((pointer)->field)
#define size_in(pointer, field) bpf_core_field_size((pointer)->field)
#define size_of_sock() bpf_core_type_size(struct sock)

/*
 * An integer sysctl whose width changed: tcp_syncookies and tcp_abort_on_overflow became u8 in v5.13
 * (Linux kernel commit 4ecc1baf362c ("tcp: convert elligible sysctls to u8") (in v5.13)).
 */
#define read_sysctl(net, field)                                                                    \
	({                                                                                         \
		__s32 _value = 0;                                                                  \
		if (bpf_core_field_size((net)->field) == 1) {                                      \
			__u8 _byte = 0;                                                            \
			bpf_probe_read_kernel(&_byte, 1, &(net)->field);                           \
			_value = _byte;                                                            \
		} else {                                                                           \
			bpf_probe_read_kernel(&_value, 4, &(net)->field);                          \
		}                                                                                  \
		_value;                                                                            \
	})

/*
 * The cookie of a network namespace was an atomic64_t that is 0 until somebody asks (v5.10, v5.11), and is a
 * plain u64 given at creation since Linux kernel commit 3d368ab87cf6 ("net: initialize net->net_cookie at netns
 * setup") (in v5.12).
 */
static __always_inline __u64 read_netns_cookie(struct net *net)
{
	if (bpf_core_field_exists(net->net_cookie))
		return BPF_CORE_READ(net, net_cookie);
	return BPF_CORE_READ((struct net___atomic *)net, net_cookie.counter);
}

/*
 * Whether anything besides one descriptor refers to a file. Its count is kept less one since Linux kernel commit
 * 90ee6ed776c0 ("fs: port files to file_ref") (in v6.13).
 */
static __always_inline bool file_is_shared(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return BPF_CORE_READ(file, f_ref.refcnt.counter) > 0;
	return BPF_CORE_READ((struct file___count *)file, f_count.counter) > 1;
}

/* struct tcp_ulp_ops.clone decides whether a socket with an upper layer protocol may listen. */
static __always_inline __u8 read_ulp(struct sock *sk)
{
	const struct tcp_ulp_ops *ops = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops);

	if (!ops)
		return ULP_NONE;
	return BPF_CORE_READ(ops, clone) ? ULP_CLONES : ULP_NO_CLONE;
}

/*
 * Whether this thread is in a 32-bit system call (in_32bit_syscall(), arch/x86; is_compat_task(), arch/arm64). Those of
 * riscv64 are taken for native ones.
 */
static __always_inline bool in_32bit_call(void)
{
#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_arm64)
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
#endif

#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(task, thread_info.flags) >> TIF_32BIT & 1;
#else
	return false;
#endif
}

/*
 * The native system call's own function; its arguments lie in the caller's registers, the first one where the result
 * does not overwrite it. On arm64 the 32-bit callers come to it as well (arch/arm64/include/asm/unistd32.h).
 */
#if defined(__TARGET_ARCH_x86)
#define NATIVE_LISTEN __x64_sys_listen
#define native_entry_path() ENTRY_SYSCALL
#define native_argument(user, number) (number ? &(user)->rsi : &(user)->rdi)
#elif defined(__TARGET_ARCH_arm64)
#define NATIVE_LISTEN __arm64_sys_listen
#define native_entry_path() (in_32bit_call() ? ENTRY_COMPAT : ENTRY_SYSCALL)
#define native_argument(user, number) (&((struct user_pt_regs *)(user))->regs[number])
#elif defined(__TARGET_ARCH_riscv)
#define NATIVE_LISTEN __riscv_sys_listen
#define native_entry_path() ENTRY_SYSCALL
#define native_argument(user, number)                                                              \
	(number ? &((struct pt_regs___riscv *)(user))->a1 : &((struct pt_regs___riscv *)(user))->orig_a0)
#endif

static __always_inline void read_native_arguments(struct pt_regs *user, int *fd, int *backlog)
{
	bpf_probe_read_kernel(fd, sizeof(*fd), native_argument(user, 0));
	bpf_probe_read_kernel(backlog, sizeof(*backlog), native_argument(user, 1));
}

/* The arguments of listen() in the registers of a 32-bit caller: ebx and ecx. */
static __always_inline void read_ia32_arguments(struct pt_regs *user, int *fd, int *backlog)
{
#if defined(__TARGET_ARCH_x86)
	bpf_probe_read_kernel(fd, sizeof(*fd), &user->rbx);
	bpf_probe_read_kernel(backlog, sizeof(*backlog), &user->rcx);
#endif
}

#define subflows_are_known true

/* The first subflow of an MPTCP socket; NULL before its first listen() or connect(), or without CONFIG_MPTCP. */
static __always_inline struct sock *read_subflow(struct sock *msk)
{
	if (!bpf_core_type_exists(struct mptcp_sock))
		return NULL;
	return BPF_CORE_READ((struct mptcp_sock *)msk, first);
}

#endif
