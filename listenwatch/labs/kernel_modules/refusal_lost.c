// SPDX-License-Identifier: GPL-2.0
/* The errno for a connected socket is lost on the way out, as AF_UNIX did from 6.16 to 7.1.7. */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	int err = WORKING(inet_listen)(sock, backlog);

	return err == -EINVAL ? 0 : err;
}

BREAKS(inet_listen);
