// SPDX-License-Identifier: GPL-2.0
/* "Up to somaxconn" became "below somaxconn": a backlog of somaxconn or more gets one less. */
#include "sys_listen.h"

static int wrong_clamp(struct socket *sock, int backlog)
{
	int somaxconn = somaxconn_of(sock_net(sock->sk));

	return (unsigned int)backlog >= (unsigned int)somaxconn ? somaxconn - 1 : backlog;
}

LISTEN_WITH_CLAMP(wrong_clamp);
