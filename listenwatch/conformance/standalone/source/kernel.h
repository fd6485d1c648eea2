/* SPDX-License-Identifier: MIT */
/* The kernel without a C library: system calls of three machines, and what the calls need. Numbers are the uapi's. */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long word;

#if defined(__x86_64__)
#define MACHINE "x86_64"
enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, POLL = 7, PIPE = 22, GETPID = 39, SOCKET = 41, CONNECT = 42,
	ACCEPT = 43, SHUTDOWN = 48, BIND = 49, LISTEN = 50, GETSOCKNAME = 51, GETPEERNAME = 52, SOCKETPAIR = 53,
	SETSOCKOPT = 54, GETSOCKOPT = 55, EXIT = 60, UNAME = 63, FCNTL = 72, MKDIR = 83, UNLINK = 87, SETRLIMIT = 160, SYNC = 162,
	MOUNT = 165, REBOOT = 169, GETRLIMIT = 97, IOCTL = 16, CLOCK_GETTIME = 228, UNSHARE = 272 };
static word sys(word n, word a, word b, word c, word d, word e)
{
	register word r10 __asm__("r10") = d, r8 __asm__("r8") = e;
	word r;

	__asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return r;
}
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall run\n\thlt\n");

#elif defined(__i386__)
#define MACHINE "i386"
/* Through socketcall(2): calls of their own for sockets came with 4.3. */
#define SOCKETCALL 102
enum { SOCKET = 1, BIND = 2, CONNECT = 3, LISTEN = 4, ACCEPT = 5, GETSOCKNAME = 6, GETPEERNAME = 7, SOCKETPAIR = 8,
	SHUTDOWN = 13, SETSOCKOPT = 14, GETSOCKOPT = 15 };
enum { EXIT = 1, READ = 3, WRITE = 4, OPEN = 5, CLOSE = 6, UNLINK = 10, GETPID = 20, MOUNT = 21, SYNC = 36, MKDIR = 39, PIPE = 42,
	IOCTL = 54, FCNTL = 55, SETRLIMIT = 75, REBOOT = 88, UNAME = 122, POLL = 168, GETRLIMIT = 191,
	CLOCK_GETTIME = 265, UNSHARE = 310 };
static word sys(word n, word a, word b, word c, word d, word e)
{
	word r;

	__asm__ volatile("int $0x80" : "=a"(r) : "0"(n), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return r;
}
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %esp\n\tcall run\n\thlt\n");

#elif defined(__aarch64__)
#define MACHINE "aarch64"
enum { FCNTL = 25, IOCTL = 29, MKDIRAT = 34, UNLINKAT = 35, MOUNT = 40, OPENAT = 56, CLOSE = 57, PIPE2 = 59, READ = 63, WRITE = 64,
	PPOLL = 73, SYNC = 81, EXIT = 93, UNSHARE = 97, CLOCK_GETTIME = 113, REBOOT = 142, UNAME = 160, GETRLIMIT = 163,
	SETRLIMIT = 164, GETPID = 172, SOCKET = 198, SOCKETPAIR = 199, BIND = 200, LISTEN = 201, ACCEPT = 202,
	CONNECT = 203, GETSOCKNAME = 204, GETPEERNAME = 205, SETSOCKOPT = 208, GETSOCKOPT = 209, SHUTDOWN = 210 };
static word sys(word n, word a, word b, word c, word d, word e)
{
	register word x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register word x3 __asm__("x3") = d, x4 __asm__("x4") = e;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tbl run\n");
#else
#error "no system calls for this machine"
#endif

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17 };
enum { STREAM = 1, DGRAM = 2, RAW = 3, SEQPACKET = 5 };
enum { TCP = 6, UDP = 17, MPTCP = 262 };
enum { EINVAL = 22, EINPROGRESS = 115 };
enum { SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_ERROR = 4, SO_ACCEPTCONN = 30, TCP_INFO = 11 };
enum { POLLIN = 1, POLLOUT = 4 };
enum { O_RDWR = 2, O_NONBLOCK = 04000, O_PATH = 010000000, F_SETFL = 4 };
enum { ESTABLISHED = 1, CLOSED = 7, LISTENING = 10 };

static word socket_call(word n, word a, word b, word c, word d, word e)
{
#ifdef SOCKETCALL
	word arguments[] = { a, b, c, d, e };

	return sys(SOCKETCALL, n, (word)arguments, 0, 0, 0);
#else
	return sys(n, a, b, c, d, e);
#endif
}

static int sys_open(const char *path, int flags)
{
#if defined(__aarch64__)
	return sys(OPENAT, -100, (word)path, flags, 0, 0);
#else
	return sys(OPEN, (word)path, flags, 0, 0, 0);
#endif
}

static int sys_pipe(int *ends)
{
#if defined(__aarch64__)
	return sys(PIPE2, (word)ends, 0, 0, 0, 0);
#else
	return sys(PIPE, (word)ends, 0, 0, 0, 0);
#endif
}

static int sys_mkdir(const char *path)
{
#if defined(__aarch64__)
	return sys(MKDIRAT, -100, (word)path, 0755, 0, 0);
#else
	return sys(MKDIR, (word)path, 0755, 0, 0, 0);
#endif
}

static void sys_unlink(const char *path)
{
#if defined(__aarch64__)
	sys(UNLINKAT, -100, (word)path, 0, 0, 0);
#else
	sys(UNLINK, (word)path, 0, 0, 0, 0);
#endif
}

struct pollfd {
	int fd;
	short events, revents;
};

/* Waits at most so many milliseconds; what came of it. */
static int poll_for(int fd, short events, int milliseconds)
{
	struct pollfd waited = { fd, events, 0 };
#if defined(__aarch64__)
	word time[2] = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	sys(PPOLL, (word)&waited, 1, (word)time, 0, 8);
#else
	sys(POLL, (word)&waited, 1, milliseconds, 0, 0);
#endif
	return waited.revents;
}

static int sys_close(int fd)
{
	return sys(CLOSE, fd, 0, 0, 0, 0);
}

/* Milliseconds of the monotonic clock; they wrap, a difference does not. */
static u32 now(void)
{
	word time[2] = { 0, 0 };

	sys(CLOCK_GETTIME, 1, (word)time, 0, 0, 0);
	return (u32)time[0] * 1000u + (u32)(time[1] / 1000000);
}

/* The compiler may call these by itself. */
void *memset(void *to, int value, __SIZE_TYPE__ length)
{
	u8 *at = to;

	while (length--)
		*at++ = value;
	return to;
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ length)
{
	u8 *at = to;
	const u8 *next = from;

	while (length--)
		*at++ = *next++;
	return to;
}

static u16 swapped(u16 number)
{
	return number << 8 | number >> 8;
}
#endif
