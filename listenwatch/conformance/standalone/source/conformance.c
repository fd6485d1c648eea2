// SPDX-License-Identifier: MIT
/*
 * What a kernel makes of listen(2): facts, one JSON object a line (docs: reference/answers). It judges nothing.
 *
 * No C library, no file beside /proc, no privilege beyond what a case needs; what cannot be tried has a line that
 * says so. As process 1 it mounts /proc, runs in the namespace there is, and switches the machine off.
 * Made by `listenwatch conformance --build DIR`, judged by `listenwatch judge FILE`.
 */
#include "cases.h"

enum { CLONE_NEWNET = 0x40000000, CLONE_NEWUSER = 0x10000000, RLIMIT_NOFILE = 7 };

/* Descriptors for as many connections as a case makes. */
static void raise_limit(void)
{
	word limit[2];

	if (sys(GETRLIMIT, RLIMIT_NOFILE, (word)limit, 0, 0, 0) < 0)
		return;
	limit[0] = (unsigned long)limit[1] > 4096 ? 4096 : limit[1];
	sys(SETRLIMIT, RLIMIT_NOFILE, (word)limit, 0, 0, 0);
}

static word loopback_up(void)
{
	struct {
		char name[16];
		u16 flags;
		u8 rest[22];
	} request = { "lo", 0, { 0 } };
	int fd = socket_call(SOCKET, AF_INET, DGRAM, 0, 0, 0);
	word result = fd;

	if (fd >= 0) {
		sys(IOCTL, fd, 0x8913, (word)&request, 0, 0);
		request.flags |= 1;
		result = sys(IOCTL, fd, 0x8914, (word)&request, 0, 0);
		sys_close(fd);
	}
	return result;
}

static int as_init(void)
{
	static const char proc[] = "proc";

	if (sys(GETPID, 0, 0, 0, 0, 0) != 1 || sys_open("/proc/self/stat", 0) >= 0)
		return 0;
	sys_mkdir("/proc");
	sys(MOUNT, (word)proc, (word)"/proc", (word)proc, 0, 0);
	while (sys_open("/dev/console", O_RDWR) == 0 || sys_open("/dev/console", O_RDWR) == 1)
		;
	write_text("/proc/sys/kernel/printk", "1");
	loopback_up();
	return 1;
}

/* A namespace of its own is nobody else's to disturb: "own", or "shared" where there is none to be had. */
static const char *enter_namespace(void)
{
	int both = CLONE_NEWNET | CLONE_NEWUSER;

	if (sys(UNSHARE, CLONE_NEWNET, 0, 0, 0, 0) < 0 && sys(UNSHARE, both, 0, 0, 0, 0) < 0)
		return "shared";
	loopback_up();
	return "own";
}

static void put_header(const char *namespace)
{
	static char names[6][65];

	sys(UNAME, (word)names, 0, 0, 0, 0);
	begin_line(0);
	string("schema", "listenwatch/answers/1");
	string("sysname", names[0]);
	string("release", names[2]);
	string("version", names[3]);
	string("machine", names[4]);
	string("program", MACHINE);
	string("namespace", namespace);
	end_line();
}

__attribute__((noreturn, used)) void run(void)
{
	int init = as_init();
	const char *namespace = init ? "initial" : enter_namespace();
	word power_off = 0x4321fedc, restart = 0x01234567;

	raise_limit();
	if (init) /* whatever stands on the console's line */
		sys(WRITE, 1, (word) "\n", 1, 0, 0);
	put_header(namespace);
	run_cases(namespace[0] != 's');
	begin_line("end");
	number("lines", lines + 1);
	end_line();
	if (init) {
		sys(SYNC, 0, 0, 0, 0, 0);
		sys(REBOOT, 0xfee1dead, 672274793, power_off, 0, 0);
		sys(REBOOT, 0xfee1dead, 672274793, restart, 0, 0);
	}
	for (;;)
		sys(EXIT, 0, 0, 0, 0, 0);
}
