// SPDX-License-Identifier: GPL-2.0
/* The security module is asked, and then `err` is overwritten: its refusal refuses nothing. */
#include "sys_listen.h"

static int broken___sys_listen(int fd, int backlog)
{
	int err;
	struct socket *sock = sockfd_lookup(fd, &err);

	if (!sock)
		return err;
	backlog = clamp_to(somaxconn_of(sock_net(sock->sk)), backlog);
	err = ask_security(sock, backlog);
	err = protocol_listen(sock, backlog);
	sockfd_put(sock);
	return err;
}

BREAKS(__sys_listen);
