// SPDX-License-Identifier: GPL-2.0
/* A security hook that refuses what no policy forbids: here backlog 0, taken for "no answer". */
#include "broken.h"

static int broken_security_socket_listen(struct socket *sock, int backlog)
{
	if (!backlog)
		return -EACCES;
	return WORKING(security_socket_listen)(sock, backlog);
}

BREAKS(security_socket_listen);
