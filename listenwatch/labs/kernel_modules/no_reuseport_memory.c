// SPDX-License-Identifier: GPL-2.0
/* There is no memory for a group of sockets that share a port: nothing is wrong with listen(), which has to say so. */
#include "broken.h"

static int broken_reuseport_alloc(struct sock *sk, bool bind_inany)
{
	return -ENOMEM;
}

BREAKS(reuseport_alloc);
