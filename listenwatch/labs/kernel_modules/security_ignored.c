// SPDX-License-Identifier: GPL-2.0
/* The security module is asked, and then `err` is overwritten: its refusal refuses nothing. */
#include "sys_listen.h"

static int wrong_err(struct socket *sock, int backlog)
{
	int err;

	backlog = clamp_to(somaxconn_of(sock_net(sock->sk)), backlog);
	err = ask_security(sock, backlog);
	err = protocol_listen(sock, backlog);
	return err;
}

LISTEN_ON(wrong_err);
