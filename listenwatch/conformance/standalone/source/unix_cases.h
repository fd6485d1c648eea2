/* SPDX-License-Identifier: MIT */
/* Sockets of AF_UNIX. */
#ifndef UNIX_CASES_H
#define UNIX_CASES_H
#include "tcp_cases.h"

static int has_no_abstract;

static int bound_unix(const char *name, int type, int which)
{
	int fd = open_socket(name, AF_UNIX, type, 0);

	if (fd < 0)
		return fd;
	unix_address(which, has_no_abstract);
	if (!has_no_abstract && socket_call(BIND, fd, (word)address, address_size, 0, 0) == 0)
		return fd;
	has_no_abstract = 1;
	unix_address(which, 1);
	if (!bind_here(name, fd))
		return fd;
	sys_close(fd);
	return -1;
}

static void close_unix(int fd, int which)
{
	sys_close(fd);
	unix_address(which, 1);
	if (has_no_abstract)
		sys_unlink((char *)address + 2);
}

static word listen_unix(const char *name, int fd, int type, int backlog)
{
	return call_listen(name, fd, AF_UNIX, type, 0, backlog, FRESH);
}

static void unix_states(int type)
{
	int fd = open_socket("unix-unbound", AF_UNIX, type, 0), listener, accepted, pair[2], which = type == STREAM ? 0 : 100;

	if (fd < 0)
		return;
	listen_unix("unix-unbound", fd, type, 5);
	sys_close(fd);
	listener = bound_unix("unix-bound", type, which);
	if (listener < 0)
		return;
	listen_unix("unix-bound", listener, type, 5);
	listen_unix("unix-again", listener, type, -1);
	fd = bound_unix("unix-bound-connected", type, which + 1);
	unix_address(which, has_no_abstract);
	if (fd >= 0 && !connect_to(fd)) {
		call_listen("unix-bound-connected", fd, AF_UNIX, type, 0, 5, CONNECTED);
		accepted = accept_from(listener);
		call_listen("unix-accepted", accepted, AF_UNIX, type, 0, 5, CONNECTED);
		sys_close(accepted);
	}
	close_unix(fd, which + 1);
	close_unix(listener, which);
	if (!socket_call(SOCKETPAIR, AF_UNIX, type, 0, (word)pair, 0)) {
		call_listen("unix-pair", pair[0], AF_UNIX, type, 0, 5, CONNECTED);
		sys_close(pair[0]);
		sys_close(pair[1]);
	}
}

static void unix_fills(int type)
{
	static const int backlogs[] = { 0, 1, 5, -1 };
	int i, fd, which = type == STREAM ? 200 : 300;

	for (i = 0; i < NUMBER(backlogs); i++) {
		fd = bound_unix("unix-fill", type, which + i);
		if (fd < 0)
			return;
		if (!listen_unix("unix-fill", fd, type, backlogs[i])) {
			unix_address(which + i, has_no_abstract);
			fill("unix-fill", fd, AF_UNIX, type, 0, backlogs[i], MOST);
		}
		close_unix(fd, which + i);
	}
}
#endif
