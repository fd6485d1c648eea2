/*
 * The load: listen() on one listener, CALLS times, with a new backlog each time, at RATE calls a
 * second (0: as fast as it goes) from THREADS threads. Prints the nanoseconds a call took on average.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static long calls, rate;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *run(void *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	double start;

	listen(fd, 1);
	start = now();
	for (long i = 0; i < calls; i++) {
		if (rate)
			while (now() - start < (double)i / rate)
				;
		if (listen(fd, i & 1023))
			abort();
	}
	return unused;
}

int main(int argc, char **argv)
{
	int threads = argc > 3 ? atoi(argv[3]) : 1;
	pthread_t thread[64];
	double start;

	calls = argc > 1 ? atol(argv[1]) : 100000;
	rate = argc > 2 ? atol(argv[2]) : 0;
	start = now();
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, run, NULL);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%.1f\n", (now() - start) / calls / threads * 1e9);
	return 0;
}
