// SPDX-License-Identifier: GPL-2.0
/* Someone read POSIX ("a backlog less than 0 behaves as 0") and forgot what Linux has always done. */
#include "sys_listen.h"

static int wrong_clamp(struct socket *sock, int backlog)
{
	return clamp_to(somaxconn_of(sock_net(sock->sk)), max(backlog, 0));
}

LISTEN_WITH_CLAMP(wrong_clamp);
