// SPDX-License-Identifier: GPL-2.0
/*
 * One of several bugs in listen(), or none. It is the same module with the same names each time, and
 * the number is shown nowhere: whoever wants to know it has to look at what listen() does.
 */
#include "sys_listen.h"

enum bug { HEALTHY, NO_CLAMP, NEGATIVE_ZERO, HALF, RELISTEN_IGNORED, REFUSAL_LOST };

static unsigned int bug;
module_param(bug, uint, 0);

static int clamp_it(struct socket *sock, int backlog)
{
	if (bug == NO_CLAMP)
		return backlog;
	if (bug == NEGATIVE_ZERO)
		backlog = max(backlog, 0);
	return clamp_to(somaxconn_of(sock_net(sock->sk)), backlog);
}

static int listen_with_bug(struct socket *sock, int backlog)
{
	int err;

	backlog = clamp_it(sock, backlog);
	err = ask_security(sock, backlog);
	if (err)
		return err;
	if (bug == HALF)
		backlog /= 2;
	if (bug == RELISTEN_IGNORED && sock->sk->sk_state == TCP_LISTEN)
		return 0;
	err = protocol_listen(sock, backlog);
	return bug == REFUSAL_LOST ? 0 : err;
}

LISTEN_ON(listen_with_bug);
