// SPDX-License-Identifier: GPL-2.0
/* The rule of AF_UNIX, applied to TCP: a socket without an address cannot listen. */
#include "broken.h"

static int broken_inet_csk_listen_start(struct sock *sk)
{
	if (!inet_sk(sk)->inet_num)
		return -EINVAL;
	return WORKING(inet_csk_listen_start)(sk);
}

BREAKS(inet_csk_listen_start);
