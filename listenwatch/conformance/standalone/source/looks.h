/* SPDX-License-Identifier: MIT */
/* What can be seen of a socket and of its namespace without privilege. */
#ifndef LOOKS_H
#define LOOKS_H
#include "lines.h"

static char file[32768];

/* The length of what could be read into file, or -errno. */
static word slurp(const char *path)
{
	int fd = sys_open(path, 0);
	word size = 0, more;

	file[0] = 0;
	if (fd < 0)
		return fd;
	while (size < (word)sizeof(file) - 1 && (more = sys(READ, fd, (word)(file + size), sizeof(file) - 1 - size, 0, 0)) > 0)
		size += more;
	file[size] = 0;
	sys_close(fd);
	return size;
}

static word number_at(const char *at)
{
	word value = 0, sign = 1;

	if (*at == '-') {
		sign = -1;
		at++;
	}
	while (*at >= '0' && *at <= '9')
		value = value * 10 + (*at++ - '0');
	return sign * value;
}

static word read_number(const char *path)
{
	return slurp(path) > 0 ? number_at(file) : UNKNOWN;
}

/* 0 or -errno */
static word write_text(const char *path, const char *value)
{
	int fd = sys_open(path, 1);
	word size = 0, result;

	if (fd < 0)
		return fd;
	while (value[size])
		size++;
	result = sys(WRITE, fd, (word)value, size, 0, 0);
	sys_close(fd);
	return result < 0 ? result : 0;
}

static word write_number(const char *path, word value)
{
	char digits[24];
	u32 before = length;

	put_number(value);
	memcpy(digits, text + before, length - before);
	digits[length - before] = 0;
	length = before;
	return write_text(path, digits);
}

#define SOMAXCONN "/proc/sys/net/core/somaxconn"
#define IPV4(name) "/proc/sys/net/ipv4/" name

static void put_sysctls(void)
{
	fact("somaxconn", read_number(SOMAXCONN));
	fact("fastopen", read_number(IPV4("tcp_fastopen")));
	fact("max_syn_backlog", read_number(IPV4("tcp_max_syn_backlog")));
	fact("syncookies", read_number(IPV4("tcp_syncookies")));
	fact("abort_on_overflow", read_number(IPV4("tcp_abort_on_overflow")));
}

/* ---- addresses */

static u8 address[128];
static int address_size;

static void inet_address(int family, u16 port)
{
	memset(address, 0, sizeof(address));
	*(u16 *)address = family;
	*(u16 *)(address + 2) = swapped(port);
	if (family == AF_INET) {
		address[4] = 127;
		address[7] = 1;
	} else {
		address[23] = 1;
	}
	address_size = family == AF_INET ? 16 : 28;
}

#define UNIX_PATH "/tmp/listenwatch"

/* A name that nobody else has: abstract, or a path where there are no abstract names. */
static void unix_address(int which, int is_path)
{
	static int pid;
	u8 *at = address + 2 + !is_path;
	int i;

	if (!pid)
		pid = sys(GETPID, 0, 0, 0, 0, 0);
	memset(address, 0, sizeof(address));
	*(u16 *)address = AF_UNIX;
	memcpy(at, UNIX_PATH, sizeof(UNIX_PATH) - 1);
	at += sizeof(UNIX_PATH) - 1;
	for (i = 0; i < 8; i++)
		*at++ = 'a' + (pid >> 4 * i & 15);
	*at++ = 'a' + which / 26;
	*at++ = 'a' + which % 26;
	address_size = at - address + is_path;
}

static u16 port_of(int fd)
{
	u8 name[128];
	int size = sizeof(name);

	if (socket_call(GETSOCKNAME, fd, (word)name, (word)&size, 0, 0) < 0)
		return 0;
	return swapped(*(u16 *)(name + 2));
}

/* ---- sockets */

static word option_of(int fd, int level, int option)
{
	int value = 0, size = sizeof(value);

	return socket_call(GETSOCKOPT, fd, level, option, (word)&value, (word)&size) < 0 ? UNKNOWN : value;
}

/* struct tcp_info: the state, unacked and sacked, and from 4.2 on how many segments went out and came in. */
struct tcp_info {
	word state, unacked, sacked, segments;
};

static struct tcp_info tcp_info_of(int fd)
{
	struct tcp_info info = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
	u32 words[64];
	int size = sizeof(words);

	memset(words, 0, sizeof(words));
	if (socket_call(GETSOCKOPT, fd, TCP, TCP_INFO, (word)words, (word)&size) < 0)
		return info;
	info.state = *(u8 *)words;
	if (size >= 32) {
		info.unacked = words[6];
		info.sacked = words[7];
	}
	if (size >= 144)
		info.segments = words[34] + words[35];
	return info;
}

static int hex_at(const char *at, int digits)
{
	int value = 0;

	while (digits--) {
		char c = *at++;

		value = value * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return value;
}

/* The line of /proc/net/tcp of a listener on this port: its queue, -1 where there is none. */
static word listed_queue(int family, u16 port)
{
	const char *at = file;

	if (slurp(family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6") < 0)
		return UNKNOWN;
	while (*at) { /* "  0: 0100007F:A6F3 00000000:0000 0A 00000000:00000005" */
		const char *local = at;

		while (*local && *local != '\n' && *local != ':')
			local++;
		if (*local == ':' && local[1] == ' ' && ((local[2] >= '0' && local[2] <= '9') || (local[2] >= 'A' && local[2] <= 'F'))) {
			const char *colon = local + 2 + (family == AF_INET ? 8 : 32), *state = colon + 6 + (colon - local - 2) + 6;

			if (*colon == ':' && hex_at(colon + 1, 4) == port && hex_at(state, 2) == LISTENING)
				return hex_at(state + 3 + 9, 8);
		}
		while (*at && *at++ != '\n')
			;
	}
	return -1;
}

static void put_look(const char *name, int fd, int family, int type, int protocol)
{
	int inet = family == AF_INET || family == AF_INET6, size = 128;
	struct tcp_info info = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
	word port = UNKNOWN, listed = UNKNOWN, named;
	u8 peer[128];

	if (inet && type == STREAM && protocol == TCP) {
		info = tcp_info_of(fd);
		port = port_of(fd);
		listed = listed_queue(family, port);
	} else if (inet) {
		port = port_of(fd);
	}
	named = socket_call(GETSOCKNAME, fd, (word)peer, (word)&size, 0, 0) < 0 ? -1 : size > 2;
	begin_object(name);
	fact("accepts", option_of(fd, SOL_SOCKET, SO_ACCEPTCONN));
	fact("port", port);
	flag("has_name", inet ? -1 : named);
	size = sizeof(peer);
	flag("has_peer", socket_call(GETPEERNAME, fd, (word)peer, (word)&size, 0, 0) >= 0);
	fact("tcpi_state", info.state);
	fact("tcpi_unacked", info.unacked);
	fact("tcpi_sacked", info.sacked);
	fact("tcpi_segs", info.segments);
	flag("proc_lists", listed == UNKNOWN ? -1 : listed >= 0);
	fact("proc_queue", listed < 0 ? UNKNOWN : listed);
	end_object();
}

/* ---- counters of /proc/net/netstat */

static const char *const NAMES[] = { "ListenOverflows", "ListenDrops", "TCPReqQFullDoCookies", "TCPReqQFullDrop",
	"SyncookiesSent", "SyncookiesRecv", "EmbryonicRsts" };
enum { COUNTERS = sizeof(NAMES) / sizeof(NAMES[0]), LISTEN_DROPS = 1 };

static int same_word(const char *at, const char *name)
{
	while (*name && *at == *name) {
		at++;
		name++;
	}
	return !*name && (*at == ' ' || *at == '\n');
}

/* Each counter's value; UNKNOWN where the kernel has no such one. */
static void read_counters(word *values)
{
	char *names = file, *numbers;
	int i;

	for (i = 0; i < COUNTERS; i++)
		values[i] = UNKNOWN;
	if (slurp("/proc/net/netstat") <= 0)
		return;
	for (numbers = file; *numbers && *numbers != '\n'; numbers++)
		;
	while (*names && *names != '\n' && *numbers) {
		while (*names && *names != ' ' && *names != '\n')
			names++;
		numbers++;
		while (*numbers && *numbers != ' ' && *numbers != '\n')
			numbers++;
		if (*names != ' ')
			return;
		names++;
		for (i = 0; i < COUNTERS; i++)
			if (same_word(names, NAMES[i]))
				values[i] = number_at(numbers + 1);
	}
}
#endif
