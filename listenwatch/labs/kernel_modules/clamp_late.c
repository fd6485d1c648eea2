// SPDX-License-Identifier: GPL-2.0
/* The clamp moved below the security hook, which now judges a backlog that is never used. */
#include "sys_listen.h"

static int wrong_order(struct socket *sock, int backlog)
{
	int err = ask_security(sock, backlog);

	return err ?: protocol_listen(sock, clamp_to(somaxconn_of(sock_net(sock->sk)), backlog));
}

LISTEN_ON(wrong_order);
