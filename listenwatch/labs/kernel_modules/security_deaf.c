// SPDX-License-Identifier: GPL-2.0
/* The hook is compiled out: no security module is asked any more, and everything is allowed. */
#include "broken.h"

static int broken_security_socket_listen(struct socket *sock, int backlog)
{
	return 0;
}

BREAKS(security_socket_listen);
