// SPDX-License-Identifier: GPL-2.0
/* Half for connections, half for requests, someone thought: only the first half is stored. */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	return WORKING(inet_listen)(sock, backlog / 2);
}

BREAKS(inet_listen);
