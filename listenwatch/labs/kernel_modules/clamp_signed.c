// SPDX-License-Identifier: GPL-2.0
/* The casts to unsigned were "cleaned up": a negative backlog is now below every somaxconn. */
#include "sys_listen.h"

static int wrong_clamp(struct socket *sock, int backlog)
{
	int somaxconn = somaxconn_of(sock_net(sock->sk));

	return backlog > somaxconn ? somaxconn : backlog;
}

LISTEN_WITH_CLAMP(wrong_clamp);
