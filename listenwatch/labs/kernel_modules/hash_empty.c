// SPDX-License-Identifier: GPL-2.0
/*
 * inet_hash() is called and forgets to do its work. Every number in the socket is right; only who
 * looks for the listener from outside (ss, or a SYN) finds out.
 */
#include "broken.h"

static int broken_inet_hash(struct sock *sk)
{
	return 0;
}

BREAKS(inet_hash);
