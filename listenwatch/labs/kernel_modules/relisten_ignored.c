// SPDX-License-Identifier: GPL-2.0
/* "It listens already, there is nothing to do": the new limit of a second listen() is lost. */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	if (sock->sk->sk_state == TCP_LISTEN)
		return 0;
	return WORKING(inet_listen)(sock, backlog);
}

BREAKS(inet_listen);
