// SPDX-License-Identifier: GPL-2.0
/* One errno for every bad descriptor: what is not open is reported as "not a socket". */
#include "broken.h"

static int broken___sys_listen(int fd, int backlog)
{
	int err = WORKING(__sys_listen)(fd, backlog);

	return err == -EBADF ? -ENOTSOCK : err;
}

BREAKS(__sys_listen);
