// SPDX-License-Identifier: GPL-2.0
/* A protocol whose .hash was never filled in: the listener is in no table, no SYN finds it. */
#include <linux/module.h>
#include <net/tcp.h>

static int (*hash)(struct sock *sk);

static int hash_nothing(struct sock *sk)
{
	return 0;
}

static int __init break_it(void)
{
	hash = tcp_prot.hash;
	tcp_prot.hash = hash_nothing;
	return 0;
}

static void __exit mend_it(void)
{
	tcp_prot.hash = hash;
}

module_init(break_it);
module_exit(mend_it);
MODULE_LICENSE("GPL");
