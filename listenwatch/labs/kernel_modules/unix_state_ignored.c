// SPDX-License-Identifier: GPL-2.0
/*
 * The defect of v6.16 to v7.1: a bound AF_UNIX socket in the wrong state is told that it listens. It
 * does not.
 */
#include <net/af_unix.h>
#include "broken.h"

static int broken_unix_listen(struct socket *sock, int backlog)
{
	int err = WORKING(unix_listen)(sock, backlog);
	int stream = sock->type == SOCK_STREAM || sock->type == SOCK_SEQPACKET;

	return err == -EINVAL && stream && unix_sk(sock->sk)->addr ? 0 : err;
}

BREAKS(unix_listen);
