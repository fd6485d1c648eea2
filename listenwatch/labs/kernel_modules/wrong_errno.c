// SPDX-License-Identifier: GPL-2.0
/* A taken port is reported as one that must not be used: EACCES for EADDRINUSE. */
#include "broken.h"

static int broken_inet_csk_listen_start(struct sock *sk)
{
	int err = WORKING(inet_csk_listen_start)(sk);

	return err == -EADDRINUSE ? -EACCES : err;
}

BREAKS(inet_csk_listen_start);
