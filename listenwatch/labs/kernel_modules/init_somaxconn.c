// SPDX-License-Identifier: GPL-2.0
/* As before 2.6.25: the machine's somaxconn counts, and that of the socket's namespace is ignored. */
#include "sys_listen.h"

static int wrong_clamp(struct socket *sock, int backlog)
{
	return clamp_to(somaxconn_of(&init_net), backlog);
}

LISTEN_WITH_CLAMP(wrong_clamp);
