/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What only the overflow probe reads of the kernel: more of what kernel.h has. */
#ifndef LISTENWATCH_OVERFLOW_KERNEL_H
#define LISTENWATCH_OVERFLOW_KERNEL_H

#define TCP_SYN 0x02
#define TCP_ACK 0x10
#define TASK_INTERRUPTIBLE 1
#define E2BIG 7
#define EAGAIN 11
#define EEXIST 17
#define O_NONBLOCK 04000 /* include/uapi/asm-generic/fcntl.h */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net_device { possible_net_t nd_net; };
struct sk_buff {
	struct net_device *dev;
	unsigned char *head;
	unsigned char *data;
	__u16 network_header;
};
struct request_sock_queue { atomic_t qlen; };
struct inet_connection_sock___queue { struct request_sock_queue icsk_accept_queue; };
struct nsproxy { struct net *net_ns; };
struct task_struct___named { struct nsproxy *nsproxy; };
struct task_struct___state { unsigned int __state; };
struct task_struct___older { volatile long state; };
struct file___flags { unsigned int f_flags; };
struct bpf_array { __u32 elem_size; void *pptrs[]; };
#pragma clang attribute pop

#endif
