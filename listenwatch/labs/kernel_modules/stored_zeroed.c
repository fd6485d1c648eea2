// SPDX-License-Identifier: GPL-2.0
/* The socket is prepared after the limit was stored, not before, and that sets the limit back to 0. */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	int err = WORKING(inet_listen)(sock, backlog);

	if (!err)
		WRITE_ONCE(sock->sk->sk_max_ack_backlog, 0);
	return err;
}

BREAKS(inet_listen);
