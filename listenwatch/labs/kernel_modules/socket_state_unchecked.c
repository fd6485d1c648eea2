// SPDX-License-Identifier: GPL-2.0
/*
 * Only sk->sk_state is looked at and not sock->state: a socket whose connection was reset, which is
 * still a connected one to its program, becomes a listener.
 */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	if (sock->sk->sk_state == TCP_CLOSE)
		sock->state = SS_UNCONNECTED;
	return WORKING(inet_listen)(sock, backlog);
}

BREAKS(inet_listen);
