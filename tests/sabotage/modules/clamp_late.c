// SPDX-License-Identifier: GPL-2.0
/* The clamp moved below the security hook, which now judges a backlog that is never used. */
#include "sys_listen.h"

static int broken___sys_listen(int fd, int backlog)
{
	int err;
	struct socket *sock = sockfd_lookup(fd, &err);

	if (!sock)
		return err;
	err = ask_security(sock, backlog);
	backlog = clamp_to(somaxconn_of(sock_net(sock->sk)), backlog);
	if (!err)
		err = protocol_listen(sock, backlog);
	sockfd_put(sock);
	return err;
}

BREAKS(__sys_listen);
