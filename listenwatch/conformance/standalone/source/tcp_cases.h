/* SPDX-License-Identifier: MIT */
/* Descriptors, and sockets of TCP: which calls are made. What they must come to is not known here. */
#ifndef TCP_CASES_H
#define TCP_CASES_H
#include "calls.h"

static const int BACKLOGS[] = { -2147483647 - 1, -1, 0, 1, 2, 5, 127, 128, 129, 1023, 1024, 1025, 4096, 4097, 65535, 65536,
	65537, 2147483647 };
#define NUMBER(array) ((int)(sizeof(array) / sizeof(array[0])))

static void first_listens(int family)
{
	int i, fd;

	for (i = 0; i < NUMBER(BACKLOGS); i++) {
		fd = bound_tcp("backlog", family, 0);
		if (fd < 0)
			return;
		listen_tcp("backlog", fd, family, BACKLOGS[i]);
		sys_close(fd);
	}
}

static void listens_again(int family)
{
	static const int pairs[][2] = { { 5, 10 }, { 10, 5 }, { 5, 0 }, { 0, 5 }, { 100, -1 }, { 3, 70000 }, { 9, 9 } };
	int i, fd;

	for (i = 0; i < NUMBER(pairs); i++) {
		fd = bound_tcp("relisten", family, 0);
		if (fd < 0)
			return;
		listen_tcp("relisten", fd, family, pairs[i][0]);
		listen_tcp("relisten", fd, family, pairs[i][1]);
		if (family == AF_INET && pairs[i][1] == 5)
			fill_listener("relisten", fd, family, 5, MOST);
		sys_close(fd);
	}
}

static void no_sockets(void)
{
	static const struct known nothing = { -1, 0, 1, 0 };
	int ends[2], fd;

	call_listen("descriptor-minus-1", -1, NO_FILE, 0, 0, 5, nothing);
	fd = socket_call(SOCKET, AF_UNIX, STREAM, 0, 0, 0);
	sys_close(fd);
	call_listen("descriptor-closed", fd, NO_FILE, 0, 0, 5, nothing);
	if (!sys_pipe(ends)) {
		call_listen("pipe", ends[0], FILE_ONLY, 0, 0, 5, nothing);
		sys_close(ends[0]);
		sys_close(ends[1]);
	}
	fd = sys_open("/", 0);
	call_listen("folder", fd, fd < 0 ? NO_FILE : FILE_ONLY, 0, 0, 5, nothing);
	sys_close(fd);
	fd = sys_open("/", O_PATH);
	if (fd < 0)
		not_tried("o-path", "open", fd);
	else {
		call_listen("o-path", fd, O_PATH_ONLY, 0, 0, 5, nothing);
		sys_close(fd);
	}
}

/* Sockets whose kind has no listen. */
static void cannot_listen(void)
{
	static const struct {
		const char *name;
		int family, type, asked, protocol;
	} kinds[] = { { "udp", AF_INET, DGRAM, 0, UDP }, { "udp6", AF_INET6, DGRAM, 0, UDP }, { "raw", AF_INET, RAW, 1, 1 },
		{ "unix-dgram", AF_UNIX, DGRAM, 0, 0 }, { "netlink", AF_NETLINK, RAW, 0, 0 }, { "packet", AF_PACKET, DGRAM, 0, 0 } };
	int i, fd;

	for (i = 0; i < NUMBER(kinds); i++) {
		fd = open_socket(kinds[i].name, kinds[i].family, kinds[i].type, kinds[i].asked);
		if (fd < 0)
			continue;
		call_listen(kinds[i].name, fd, kinds[i].family, kinds[i].type, kinds[i].protocol, 5, FRESH);
		sys_close(fd);
	}
}

static void unbound(int family)
{
	int fd = open_socket("unbound", family, STREAM, 0);

	if (fd < 0)
		return;
	listen_tcp("unbound", fd, family, 7);
	listen_tcp("unbound-again", fd, family, 3);
	sys_close(fd);
}

#define RANGE IPV4("ip_local_port_range")

/* Every port of the range has a listener, and nobody else gets one either. */
static void no_port_left(void)
{
	static const struct known taken = { 0, 0, 1, 0 }, failed = { 1, 0, 1, 1 };
	int first, second, fd, other;
	word written = write_text(RANGE, "40000 40001");

	if (written < 0) {
		not_tried("no-port-left", RANGE, written);
		return;
	}
	first = bound_tcp("no-port-left", AF_INET, 40000);
	second = bound_tcp("no-port-left", AF_INET, 40001);
	listen_tcp("port-holder", first, AF_INET, 1);
	listen_tcp("port-holder", second, AF_INET, 1);
	other = open_socket("no-port-left", AF_INET, STREAM, 0);
	fd = open_socket("no-port-left", AF_INET, STREAM, 0);
	inet_address(AF_INET, 0);
	if (!socket_call(BIND, other, (word)address, address_size, 0, 0)) {
		not_tried("no-port-left", "the range is kept", port_of(other));
	} else {
		call_listen("no-port-left", fd, AF_INET, STREAM, TCP, 5, taken);
		sys_close(first);
		call_listen("port-given-back", fd, AF_INET, STREAM, TCP, 6, failed);
	}
	sys_close(first);
	sys_close(second);
	sys_close(other);
	sys_close(fd);
	write_text(RANGE, "32768 60999");
}

/* Two sockets share a port by SO_REUSEADDR until one of them listens. */
static void port_conflict(int family)
{
	static const struct known taken = { 0, 0, 1, 0 }, failed = { 1, 0, 1, 1 };
	int first = bound_tcp("port-conflict", family, 0), second;

	if (first < 0)
		return;
	second = bound_tcp("port-conflict", family, port_of(first));
	if (second >= 0) {
		listen_tcp("port-first", first, family, 5);
		call_listen("port-conflict", second, family, STREAM, TCP, 7, taken);
		sys_close(first);
		call_listen("port-free-again", second, family, STREAM, TCP, 9, failed);
		sys_close(second);
		return;
	}
	sys_close(first);
}

static void connections(int family)
{
	static const struct known waits = { 1, 1, 1, 0 }, refused = { 1, 0, 0, 1 };
	word result;
	int listener = bound_tcp("connected", family, 0), client, accepted;

	if (listener < 0)
		return;
	listen_tcp("for-connections", listener, family, 5);
	client = open_socket("connected", family, STREAM, 0);
	inet_address(family, port_of(listener));
	result = connect_to(client);
	accepted = result < 0 ? -1 : accept_from(listener);
	if (accepted < 0) {
		not_tried("connected", "connect", result < 0 ? result : accepted);
		goto out;
	}
	call_listen("connected", client, family, STREAM, TCP, 5, CONNECTED);
	call_listen("accepted", accepted, family, STREAM, TCP, 5, CONNECTED);
	memset(address, 0, sizeof(address)); /* AF_UNSPEC */
	result = connect_to(client);
	if (result < 0)
		not_tried("disconnected", "connect to AF_UNSPEC", result);
	else
		call_listen("disconnected", client, family, STREAM, TCP, 5, CONNECTED);
	sys_close(accepted);
	sys_close(client);
	client = open_socket("refused", family, STREAM, 0);
	inet_address(family, 1);
	if (connect_to(client) < 0)
		call_listen("refused", client, family, STREAM, TCP, 5, refused);
out:
	sys_close(client);
	/* listen() on a listener that somebody waits for */
	client = open_socket("waited-for", family, STREAM, 0);
	inet_address(family, port_of(listener));
	if (!connect_to(client)) {
		poll_for(listener, POLLIN, LONGEST);
		call_listen("waited-for", listener, family, STREAM, TCP, 8, waits);
	}
	sys_close(client);
	sys_close(listener);
}

/* Bound to a port that it names, and so keeps whatever happens to it. */
static int bound_by_name(const char *name, int family)
{
	int fd = bound_tcp(name, family, 0);
	u16 port = fd < 0 ? 0 : port_of(fd);

	if (fd < 0)
		return fd;
	sys_close(fd);
	return bound_tcp(name, family, port);
}

/* A listener that was shut down, and listens again. */
static void shut_down(int family)
{
	static const char *const names[] = { "shutdown-read", "shutdown-write", "shutdown-both" };
	int how, fd;

	for (how = 0; how < 3; how++) {
		fd = bound_by_name(names[how], family);
		if (fd < 0)
			return;
		listen_tcp("before-shutdown", fd, family, 20);
		socket_call(SHUTDOWN, fd, how, 0, 0, 0);
		listen_tcp(names[how], fd, family, 3);
		if (family == AF_INET && how == 2)
			fill_listener(names[how], fd, family, 3, MOST);
		sys_close(fd);
	}
}

/* More wait than a later, smaller backlog has room for. */
static void shrink(int family)
{
	static const struct known eight = { 1, 8, 1, 0 };
	int fd = bound_tcp("shrink", family, 0), attempted, connected;
	word error;

	if (fd < 0)
		return;
	if (!listen_tcp("before-shrink", fd, family, 10)) {
		inet_address(family, port_of(fd));
		connected = connect_many(family, STREAM, TCP, 8, &attempted, &error);
		if (connected == 8) {
			poll_for(fd, POLLIN, LONGEST);
			connect_elsewhere(family); /* all eight wait at the listener, and not only the first */
			call_listen("shrink", fd, family, STREAM, TCP, 3, eight);
		} else {
			not_tried("shrink", "connect", error);
		}
		begin_line("shrunk");
		string("case", "shrink");
		put_kind(family, STREAM, TCP);
		number("waiting", connected);
		number("accepted", accept_all(fd, family, connected));
		end_line();
		close_clients(0, attempted);
	}
	sys_close(fd);
}
#endif
