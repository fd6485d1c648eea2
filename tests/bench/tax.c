/*
 * What everybody else pays: getppid(), CALLS times. Prints the nanoseconds a call took on average.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1000000;
	double start = now();

	for (long i = 0; i < calls; i++)
		syscall(SYS_getppid);
	printf("%.2f\n", (now() - start) / calls * 1e9);
	return 0;
}
