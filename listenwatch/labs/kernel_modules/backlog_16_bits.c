// SPDX-License-Identifier: GPL-2.0
/* The limit is 16 bits wide again, as before 4.1: 65536 connections become none. */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	return WORKING(inet_listen)(sock, (u16)backlog);
}

BREAKS(inet_listen);
