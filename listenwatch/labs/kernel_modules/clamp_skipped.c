// SPDX-License-Identifier: GPL-2.0
/* The clamp is gone: a program gets the backlog it asks for, whatever net.core.somaxconn says. */
#include "sys_listen.h"

static int wrong_clamp(struct socket *sock, int backlog)
{
	return backlog;
}

LISTEN_WITH_CLAMP(wrong_clamp);
