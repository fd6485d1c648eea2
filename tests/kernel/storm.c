/*
 * listen() calls a test can tell apart: each thread counts its backlogs up from 0. Prints the
 * number of each thread (threads, same, shared) or child (fork) that made calls, one a line.
 *
 *   storm threads THREADS CALLS   each thread on a socket of its own
 *   storm same THREADS CALLS      the same, each with the backlog that is its place among them, every time
 *   storm shared THREADS CALLS    all threads on one socket
 *   storm dup2 CALLS              while another thread puts other sockets in the descriptor's place
 *   storm dup2-kinds CALLS        the same with sockets of different kinds
 *   storm fork CHILDREN           children listen while the threads of their parent do
 *   storm spin                    until it is killed
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARED_BACKLOGS 1000

static long calls;
static int shared = -1, same, place, first, second;
static volatile int begun, stop;
static pthread_barrier_t all_here;
static cpu_set_t may; /* the processors this process was given */

static int stream(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

/* A processor for each thread in turn, so that they truly run at once. */
static void run_on(long number)
{
	cpu_set_t one;
	int nth = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &may) && nth++ == number % CPU_COUNT(&may)) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
			return;
		}
}

static void *count_up(void *number)
{
	int fd = shared < 0 ? stream() : shared;
	long backlogs = same ? 1 : shared < 0 ? calls : SHARED_BACKLOGS; /* how many each thread counts through */
	long base = same || shared >= 0 ? (long)number * backlogs : 0;

	if (shared >= 0)
		run_on((long)number);
	pthread_barrier_wait(&all_here);
	for (long i = 0; i < calls; i++)
		if (listen(fd, base + i % backlogs))
			abort();
	return (void *)(long)gettid();
}

static void run_threads(int threads)
{
	pthread_t thread[64];
	void *tid;

	pthread_barrier_init(&all_here, NULL, threads);
	for (long i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, count_up, (void *)i);
	for (int i = 0; i < threads; i++) {
		pthread_join(thread[i], &tid);
		printf("%ld\n", (long)tid);
	}
}

static void *swap(void *unused)
{
	run_on(1);
	while (!stop) {
		dup2(first, place);
		dup2(second, place);
		begun = 1;
	}
	return unused;
}

static void *spin(void *unused)
{
	int fd = stream();

	while (!stop) {
		listen(fd, 3);
		begun = 1;
	}
	return unused;
}

static void with(void *(*other)(void *), void (*work)(void))
{
	pthread_t thread;

	pthread_create(&thread, NULL, other, NULL);
	run_on(0);
	while (!begun)
		sched_yield();
	work();
	stop = 1;
	pthread_join(thread, NULL);
}

static void listen_in_place(void)
{
	for (long i = 0; i < calls; i++)
		listen(place, i % SHARED_BACKLOGS);
}

static void fork_children(void)
{
	for (long i = 0; i < calls; i++) {
		pid_t child = fork();

		if (child == 0) {
			int fd = stream();

			for (int backlog = 0; backlog < 5; backlog++)
				listen(fd, backlog);
			_exit(0);
		}
		printf("%d\n", child);
		waitpid(child, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	calls = atol(argv[argc - 1]);
	sched_getaffinity(0, sizeof(may), &may);
	if (!strcmp(mode, "threads") || !strcmp(mode, "same")) {
		same = !strcmp(mode, "same");
		run_threads(atoi(argv[2]));
	} else if (!strcmp(mode, "shared")) {
		shared = stream();
		run_threads(atoi(argv[2]));
	} else if (!strcmp(mode, "dup2")) {
		first = stream();
		second = stream();
		place = dup(first);
		with(swap, listen_in_place);
	} else if (!strcmp(mode, "dup2-kinds")) {
		first = stream();
		second = socket(AF_INET, SOCK_DGRAM, 0);
		place = dup(first);
		with(swap, listen_in_place);
	} else if (!strcmp(mode, "fork")) {
		setvbuf(stdout, NULL, _IOLBF, 0);
		with(spin, fork_children);
	} else if (!strcmp(mode, "spin")) {
		puts("ready");
		fflush(stdout);
		spin(NULL);
	} else {
		return 2;
	}
	return 0;
}
