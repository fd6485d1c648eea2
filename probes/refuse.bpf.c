// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A security module for one scenario of `listenwatch verify`: refuses every listen() on a socket of
 * one network namespace, the scenario's own, and has no opinion on any other.
 */
#include "listen.h"
#include "kernel.h"

#define EPERM 1

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile __u32 netns_inode = 0;

SEC("lsm/socket_listen")
int BPF_PROG(refuse_listen, struct socket *socket, int backlog, int decided)
{
	if (decided)
		return decided;
	if (BPF_CORE_READ(socket, sk, __sk_common.skc_net.net, ns.inum) == netns_inode)
		return -EPERM;
	return 0;
}
