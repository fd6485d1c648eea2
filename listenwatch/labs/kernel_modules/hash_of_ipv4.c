// SPDX-License-Identifier: GPL-2.0
/* Copied and not changed: the protocol of IPv6 hashes with the function of IPv4. */
#include <linux/module.h>
#include <net/inet_hashtables.h>
#include <net/transp_v6.h>

static int (*hash)(struct sock *sk);

static int __init break_it(void)
{
	hash = tcpv6_prot.hash;
	tcpv6_prot.hash = inet_hash;
	return 0;
}

static void __exit mend_it(void)
{
	tcpv6_prot.hash = hash;
}

module_init(break_it);
module_exit(mend_it);
MODULE_LICENSE("GPL");
