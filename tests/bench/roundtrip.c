/*
 * What everybody else pays: a byte to and fro over a loopback TCP connection, TIMES times. Prints the nanoseconds a round
 * trip took on average.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void check(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void pass(int from, int to)
{
	char byte = 1;

	check(write(from, &byte, 1) - 1, "write");
	check(read(to, &byte, 1) - 1, "read");
}

int main(int argc, char **argv)
{
	long times = argc > 1 ? atol(argv[1]) : 100000;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), server, on = 1;
	socklen_t length = sizeof(address);
	double start;

	check(bind(listener, (struct sockaddr *)&address, length), "bind");
	check(listen(listener, 1), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	check(connect(client, (struct sockaddr *)&address, length), "connect");
	server = accept(listener, NULL, NULL);
	check(server, "accept");
	check(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "TCP_NODELAY");
	check(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "TCP_NODELAY");
	start = now();
	for (long i = 0; i < times; i++) {
		pass(client, server);
		pass(server, client);
	}
	printf("%.2f\n", (now() - start) / times * 1e9);
	return 0;
}
