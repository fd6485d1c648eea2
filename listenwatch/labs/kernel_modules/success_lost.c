// SPDX-License-Identifier: GPL-2.0
/* `err = -EINVAL` stands above the checks and nobody sets it back: what succeeded returns EINVAL. */
#include "broken.h"

static int broken_inet_listen(struct socket *sock, int backlog)
{
	return WORKING(inet_listen)(sock, backlog) ?: -EINVAL;
}

BREAKS(inet_listen);
