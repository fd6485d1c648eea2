// SPDX-License-Identifier: GPL-2.0
/* The limit for datagrams (net.unix.max_dgram_qlen) is applied to connections as well. */
#include "broken.h"

static int broken_unix_listen(struct socket *sock, int backlog)
{
	return WORKING(unix_listen)(sock, min(backlog, sock_net(sock->sk)->unx.sysctl_max_dgram_qlen));
}

BREAKS(unix_listen);
