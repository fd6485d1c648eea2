/* SPDX-License-Identifier: MIT */
/* One listen() and what it is to be judged by; and connections that nobody accepts. */
#ifndef CALLS_H
#define CALLS_H
#include "looks.h"

/* What the case knows beside what can be seen: of its own socket, and of others. */
struct known {
	int port_free;       /* no other socket stands in the way of this one's port; -1: not known */
	int waiting;         /* connections that it made and nobody accepted */
	int never_connected; /* since the socket was made nobody called connect() on it, nor was it accepted */
	int failed_before;   /* an earlier listen() or connect() on it failed */
};
static const struct known FRESH = { 1, 0, 1, 0 }, CONNECTED = { 1, 0, 0, 0 };

static void put_kind(int family, int type, int protocol)
{
	number("family", family);
	number("type", type);
	number("protocol", protocol);
}

/* In place of a family, of a descriptor that is no socket. */
enum { NO_FILE = 0, FILE_ONLY = -1, O_PATH_ONLY = -2 };

static word call_listen(const char *name, int fd, int family, int type, int protocol, int backlog, struct known known)
{
	word result;

	begin_line("listen");
	string("case", name);
	flag("is_file", family != NO_FILE);
	flag("is_socket", family > 0);
	flag("is_path", family == O_PATH_ONLY);
	put_kind(family < 0 ? 0 : family, type, protocol);
	number("asked", backlog);
	put_sysctls();
	flag("port_free", known.port_free);
	number("waiting", known.waiting);
	flag("never_connected", known.never_connected);
	flag("failed_before", known.failed_before);
	if (family > 0)
		put_look("pre", fd, family, type, protocol);
	result = socket_call(LISTEN, fd, backlog, 0, 0, 0);
	number("result", result);
	if (family > 0)
		put_look("post", fd, family, type, protocol);
	end_line();
	return result;
}

static word listen_tcp(const char *name, int fd, int family, int backlog)
{
	return call_listen(name, fd, family, STREAM, TCP, backlog, FRESH);
}

/* ---- sockets */

/* A socket, or a line that says why there is none. */
static int open_socket(const char *name, int family, int type, int protocol)
{
	int fd = socket_call(SOCKET, family, type, protocol, 0, 0);

	if (fd < 0)
		not_tried(name, "socket", fd);
	return fd;
}

static int bind_here(const char *name, int fd)
{
	word result = socket_call(BIND, fd, (word)address, address_size, 0, 0);

	if (result < 0)
		not_tried(name, "bind", result);
	return result < 0 ? -1 : 0;
}

/* A TCP socket on a free loopback port; port 0 is any. */
static int bound_tcp(const char *name, int family, u16 port)
{
	int fd = open_socket(name, family, STREAM, 0), yes = 1;

	if (fd < 0)
		return fd;
	socket_call(SETSOCKOPT, fd, SOL_SOCKET, SO_REUSEADDR, (word)&yes, sizeof(yes));
	inet_address(family, port);
	if (bind_here(name, fd) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

static void do_not_block(int fd)
{
	sys(FCNTL, fd, F_SETFL, O_RDWR | O_NONBLOCK, 0, 0);
}

static word connect_to(int fd)
{
	return socket_call(CONNECT, fd, (word)address, address_size, 0, 0);
}

static word accept_from(int fd)
{
	return socket_call(ACCEPT, fd, 0, 0, 0, 0);
}

/* ---- connections that nobody accepts */

enum { MOST = 1100, PATIENCE = 600, STEP = 10, ELSEWHERE = 4, LONGEST = 10000 };
static int clients[MOST];

/* Listeners that nothing is asked about; by family. */
static int elsewhere[2] = { -1, -1 };

static void listen_elsewhere(int family)
{
	int fd = bound_tcp("elsewhere", family, 0);

	if (fd >= 0)
		listen_tcp("elsewhere", fd, family, 16);
	elsewhere[family == AF_INET6] = fd;
}

/*
 * Connections to another listener, from beginning to end. A stack that counts no drops may be slow: what it was sent
 * before these it has dealt with after them, if at all.
 */
static void connect_elsewhere(int family)
{
	int i, client, kept_size = address_size, listener = elsewhere[family == AF_INET6];
	u8 kept[sizeof(address)];

	if (listener < 0)
		return;
	memcpy(kept, address, sizeof(kept));
	inet_address(family, port_of(listener));
	for (i = 0; i < ELSEWHERE; i++) {
		client = socket_call(SOCKET, family, STREAM, 0, 0, 0);
		do_not_block(client);
		connect_to(client);
		poll_for(client, POLLOUT, LONGEST);
		if (poll_for(listener, POLLIN, LONGEST))
			sys_close(accept_from(listener));
		sys_close(client);
	}
	memcpy(address, kept, sizeof(kept));
	address_size = kept_size;
}

/* Waits for a connect() under way: until it came to an end, or the listener's drop was counted. */
static int has_connected(int fd, int family, const word *before)
{
	word counted[COUNTERS];
	u32 begun = now();
	int waited = 0;

	for (;;) {
		if (poll_for(fd, POLLOUT, STEP))
			return tcp_info_of(fd).state == ESTABLISHED;
		read_counters(counted);
		if (waited || counted[LISTEN_DROPS] != before[LISTEN_DROPS])
			return 0;
		if (now() - begun > PATIENCE) {
			connect_elsewhere(family);
			waited = 1;
		}
	}
}

static void put_counters(const word *before)
{
	word after[COUNTERS];
	int i;

	read_counters(after);
	begin_object("counters");
	for (i = 0; i < COUNTERS; i++)
		fact(NAMES[i], before[i] == UNKNOWN || after[i] == UNKNOWN ? UNKNOWN : after[i] - before[i]);
	end_object();
}

/* Takes out all that waits; as it is known that so many came to an end, a little patience for those. */
static int accept_all(int fd, int family, int expected)
{
	int accepted = 0, client, rest = 20;

	do_not_block(fd);
	for (;;) {
		while ((client = accept_from(fd)) >= 0) {
			accepted++;
			sys_close(client);
		}
		if (accepted >= expected || rest < 0)
			return accepted;
		if (!rest-- && family != AF_UNIX)
			connect_elsewhere(family);
		poll_for(fd, POLLIN, STEP);
	}
}

/* Connects until one does not get through, at most `most` times. The address is the listener's; returns how many wait. */
static int connect_many(int family, int type, int protocol, int most, int *attempted, word *error)
{
	word before[COUNTERS];
	int connected = 0, i;

	read_counters(before);
	*error = 0;
	for (i = 0; i < most && !*error; i++) {
		clients[i] = socket_call(SOCKET, family, type, 0, 0, 0);
		if (clients[i] < 0) {
			*error = clients[i];
			break;
		}
		do_not_block(clients[i]);
		*error = connect_to(clients[i]);
		if (protocol == TCP && *error == -EINPROGRESS) {
			*error = has_connected(clients[i], family, before) ? 0 : option_of(clients[i], SOL_SOCKET, SO_ERROR);
			if (!*error && tcp_info_of(clients[i]).state != ESTABLISHED)
				*error = EINPROGRESS;
			*error = *error > 0 ? -*error : *error;
		}
		connected += !*error;
	}
	*attempted = i;
	return connected;
}

static void close_clients(int from, int to)
{
	for (; from < to; from++)
		if (clients[from] >= 0)
			sys_close(clients[from]);
}

/* A line with what a listener held. `asked` is the backlog of its last listen(). */
static void fill(const char *name, int fd, int family, int type, int protocol, int asked, int most)
{
	word before[COUNTERS], error, queue = UNKNOWN;
	u32 begun = now();
	int attempted, connected;

	begin_line("fill");
	string("case", name);
	put_kind(family, type, protocol);
	number("asked", asked);
	put_sysctls();
	read_counters(before);
	connected = connect_many(family, type, protocol, most, &attempted, &error);
	if (protocol == TCP)
		queue = tcp_info_of(fd).unacked;
	number("attempted", attempted);
	number("connected", connected);
	number("error", error);
	fact("queue", queue);
	put_counters(before);
	if (error) /* whoever is not through must not come later */
		close_clients(connected, attempted);
	number("accepted", accept_all(fd, family, connected));
	number("milliseconds", now() - begun);
	end_line();
	close_clients(0, error ? connected : attempted);
}

static void fill_listener(const char *name, int fd, int family, int asked, int most)
{
	inet_address(family, port_of(fd));
	fill(name, fd, family, STREAM, TCP, asked, most);
}

static void fill_tcp(const char *name, int family, int backlog, int most)
{
	int fd = bound_tcp(name, family, 0);

	if (fd < 0)
		return;
	if (!listen_tcp(name, fd, family, backlog))
		fill_listener(name, fd, family, backlog, most);
	sys_close(fd);
}
#endif
