/*
 * listen() calls while somebody else changes what they depend on: another thread, or another process that has
 * the same sockets. In a network namespace of its own, whose sysctl it may write.
 *
 *   race WHAT WHO CALLS
 *
 * WHAT: somaxconn (written some 50,000 times a second), somaxconn-storm (as often as it goes), shutdown, disconnect
 * (connect() to AF_UNSPEC), bind (AF_UNIX), connect. WHO: thread or process. Sockets that can be used once come in batches, at which both sides go through one after the other.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 250
#define BACKLOG 1000

static struct shared {
	atomic_long turn; /* the socket in the batch, from 1; both sides wait for each other there */
	atomic_int begun, stop;
} *shared;
static const char *what;
static int batch[BATCH], sysctl_fd = -1, server, places;
static struct sockaddr_in server_address;
static cpu_set_t may; /* the processors this process was given */

static void need(int condition, const char *name)
{
	if (!condition) {
		perror(name);
		exit(2);
	}
}

static int is(const char *name)
{
	return !strcmp(what, name);
}

/* A moment that differs from time to time, so that the other side comes at every step of a call. */
static void dither(long n)
{
	for (volatile long i = n * 7919 % 400; i > 0; i--)
		;
}

/* Some 20 microseconds. */
static void rest(void)
{
	for (volatile long i = 20000; i > 0; i--)
		;
}

/* ---- the other side -------------------------------------------------------------------------- */

static void disturb(int fd, long n)
{
	static const char *const values[] = { "64", "4096", "128", "700" };
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct sockaddr_in nobody = server_address;

	if (is("somaxconn") || is("somaxconn-storm")) {
		pwrite(sysctl_fd, values[n % 4], strlen(values[n % 4]), 0);
	} else if (is("shutdown")) {
		shutdown(fd, SHUT_RDWR);
	} else if (is("disconnect")) {
		connect(fd, &unspec, sizeof(unspec));
	} else if (is("bind")) {
		snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "race-%ld", n);
		bind(fd, (struct sockaddr *)&name, sizeof(name));
	} else if (is("connect")) {
		if (n % 2)
			nobody.sin_port = htons(1);
		connect(fd, (struct sockaddr *)&nobody, sizeof(nobody));
	}
}

static void *hammer(void *unused)
{
	for (long n = 0; !atomic_load(&shared->stop); n++) {
		disturb(batch[0], n);
		dither(n);
		if (is("somaxconn"))
			rest();
		atomic_store(&shared->begun, 1);
	}
	return unused;
}

static void take_turns(long first, int ours)
{
	for (long n = 1; n <= places; n++) {
		if (ours) {
			atomic_store(&shared->turn, n);
			dither(n * 31);
			listen(batch[n - 1], BACKLOG);
		} else {
			while (atomic_load(&shared->turn) < n)
				;
			dither(n);
			disturb(batch[n - 1], first + n);
		}
	}
	while (!ours && !atomic_load(&shared->stop)) /* the sockets stay shared until our side has made its last call */
		sched_yield();
}

static void run_on(int number)
{
	cpu_set_t only;
	int nth = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &may) && nth++ == number % CPU_COUNT(&may)) {
			CPU_ZERO(&only);
			CPU_SET(cpu, &only);
			sched_setaffinity(0, sizeof(only), &only);
			return;
		}
}

static void *theirs(void *first)
{
	run_on(1);
	if (places == 1)
		return hammer(NULL);
	take_turns((long)first, 0);
	return NULL;
}

/* ---- our side -------------------------------------------------------------------------------- */

static int new_socket(long n)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(is("bind") ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

	need(fd >= 0, "socket");
	/* Of those that connect() every other one has a port of its own, as the rest of TCP has. */
	if (!is("bind") && !(is("connect") && n % 4 < 2))
		need(!bind(fd, (struct sockaddr *)&any, sizeof(any)), "bind");
	return fd;
}

static void listen_alone(long calls)
{
	while (!atomic_load(&shared->begun))
		sched_yield();
	for (long n = 0; n < calls; n++) {
		listen(batch[0], BACKLOG);
		dither(n);
	}
}

static void run_batch(long first, long calls, int by_thread)
{
	pthread_t thread;
	pid_t child = -1;

	for (int i = 0; i < places; i++)
		batch[i] = new_socket(first + i);
	atomic_store(&shared->turn, 0);
	atomic_store(&shared->stop, 0);
	if (by_thread) {
		need(!pthread_create(&thread, NULL, theirs, (void *)first), "thread");
	} else if ((child = fork()) == 0) {
		if (places == 1 && sysctl_fd >= 0)
			close(batch[0]); /* whoever writes a sysctl needs no socket */
		theirs((void *)first);
		_exit(0);
	}
	if (places == 1)
		listen_alone(calls);
	else
		take_turns(first, 1);
	atomic_store(&shared->stop, 1);
	if (by_thread)
		pthread_join(thread, NULL);
	else
		waitpid(child, NULL, 0);
	for (int i = 0; i < places; i++)
		close(batch[i]);
}

static void enter_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	socklen_t length = sizeof(server_address);
	int fd;

	need(!unshare(CLONE_NEWNET), "unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	need(!ioctl(fd, SIOCSIFFLAGS, &lo), "lo");
	if (is("somaxconn") || is("somaxconn-storm"))
		need((sysctl_fd = open("/proc/sys/net/core/somaxconn", O_WRONLY)) >= 0, "somaxconn");
	server_address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	server = socket(AF_INET, SOCK_STREAM, 0);
	need(!bind(server, (struct sockaddr *)&server_address, sizeof(server_address)), "bind server");
	getsockname(server, (struct sockaddr *)&server_address, &length);
	need(!listen(server, 4096), "listen");
}

int main(int argc, char **argv)
{
	long calls;

	if (argc != 4)
		return 2;
	what = argv[1];
	calls = atol(argv[3]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(shared != MAP_FAILED, "mmap");
	enter_namespace();
	sched_getaffinity(0, sizeof(may), &may);
	run_on(0);
	if (is("bind") || is("connect")) {
		places = BATCH;
		for (long first = 0; first < calls; first += BATCH)
			run_batch(first, BATCH, !strcmp(argv[2], "thread"));
	} else {
		places = 1;
		run_batch(0, calls, !strcmp(argv[2], "thread"));
	}
	return 0;
}
