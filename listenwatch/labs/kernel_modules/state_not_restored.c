// SPDX-License-Identifier: GPL-2.0
/* The way out of a failed listen forgets to put the state back: LISTEN, but nobody can reach it. */
#include "broken.h"

static void broken_inet_sk_set_state(struct sock *sk, int state)
{
	if (sk->sk_state == TCP_LISTEN && state == TCP_CLOSE)
		return;
	WORKING(inet_sk_set_state)(sk, state);
}

BREAKS(inet_sk_set_state);
