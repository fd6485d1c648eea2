// SPDX-License-Identifier: GPL-2.0
/*
 * An upper layer protocol, "listenwatch", that does nothing and that accepted sockets could not
 * inherit, as TLS is one: listen() has to refuse a socket with it.
 */
#include <linux/module.h>
#include <net/tcp.h>

static int no_work(struct sock *sk)
{
	return 0;
}

static struct tcp_ulp_ops without_clone = {
	.name = "listenwatch",
	.owner = THIS_MODULE,
	.init = no_work,
};

static int __init add(void)
{
	return tcp_register_ulp(&without_clone);
}

static void __exit take_away(void)
{
	tcp_unregister_ulp(&without_clone);
}

module_init(add);
module_exit(take_away);
MODULE_LICENSE("GPL");
