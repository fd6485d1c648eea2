// SPDX-License-Identifier: GPL-2.0
/* The namespace of the process instead of the socket's: the same, until a process moves to another. */
#include "sys_listen.h"

static int wrong_clamp(struct socket *sock, int backlog)
{
	return clamp_to(somaxconn_of(current->nsproxy->net_ns), backlog);
}

LISTEN_WITH_CLAMP(wrong_clamp);
