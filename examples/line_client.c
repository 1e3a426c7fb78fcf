// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * line_client - traffic for lined, every answer verified
 *
 * usage: line_client PORT CONNECTIONS SECONDS [segv|abort|bus]
 *
 * Keeps one request open on each connection for so many seconds. Then, if asked to, requests that
 * the daemon crash, on the first connection, and goes on with the others until the daemon has
 * gone. Succeeds if every answer was right and the daemon went away only when asked to.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS	64u
#define PATIENCE_MS	30000	/* for an answer, or for the crash */

struct connection {
	int fd;
	uint64_t nr;		/* requests sent */
	char expected[64];
	char got[64];
	size_t used;
};

static struct connection connection[MAX_CONNECTIONS];
static unsigned int nr_connections;
static uint64_t answers;

static void die(const char *what)
{
	fprintf(stderr, "line_client: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_to(unsigned int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("cannot connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Small operands, some of them 0: the answers are easy to know, and some are faults. */
static void make_request(struct connection *c, char *line, size_t size)
{
	static const char *const names[] = { "add", "sub", "mul", "div", "pow" };
	unsigned int op = c->nr % 16 == 15 ? 4 : (unsigned int)(c->nr / 3 % 4);
	long a = (long)(c->nr * 37 % 1001) - 500;
	long b = (long)(c->nr * 11 % 23) - 11;

	snprintf(line, size, "%s %ld %ld\n", names[op], a, b);
	if (op == 4)
		snprintf(c->expected, sizeof(c->expected), "! not a request\n");
	else if (op == 3 && !b)
		snprintf(c->expected, sizeof(c->expected), "! division by zero\n");
	else
		snprintf(c->expected, sizeof(c->expected), "= %ld\n",
			 op == 0 ? a + b : op == 1 ? a - b : op == 2 ? a * b : a / b);
}

static bool send_request(struct connection *c)
{
	char line[64];
	size_t len;

	make_request(c, line, sizeof(line));
	len = strlen(line);
	c->nr++;
	c->used = 0;
	return send(c->fd, line, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Returns false if the daemon has gone. */
static bool receive(struct connection *c)
{
	ssize_t n = recv(c->fd, c->got + c->used, sizeof(c->got) - c->used, 0);

	if (n <= 0)
		return false;
	c->used += (size_t)n;
	if (c->got[c->used - 1] != '\n' && c->used < sizeof(c->got))
		return true;
	if (c->used != strlen(c->expected) || memcmp(c->got, c->expected, c->used))
		die("wrong answer");
	answers++;
	return send_request(c);
}

/* Serve what is ready; returns false as soon as the daemon has gone from a connection. */
static bool serve(struct pollfd *pfd, unsigned int first)
{
	int ready = poll(pfd + first, nr_connections - first, PATIENCE_MS);
	unsigned int i;

	if (ready < 0)
		die("cannot poll");
	if (!ready)
		die("the daemon is silent");
	for (i = first; i < nr_connections; i++)
		if (pfd[i].revents && !receive(&connection[i]))
			return false;
	return true;
}

static void ask_for_crash(int fd, const char *how)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "crash %s\n", how);

	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) != len)
		die("cannot ask for the crash");
}

/* The first connection has its answer outstanding: take that, and ask for no other. */
static void finish_first(struct connection *c, const char *how)
{
	while (!memchr(c->got, '\n', c->used)) {
		ssize_t n = recv(c->fd, c->got + c->used, sizeof(c->got) - c->used, 0);

		if (n <= 0)
			die("the daemon has gone too early");
		c->used += (size_t)n;
	}
	ask_for_crash(c->fd, how);
}

int main(int argc, char **argv)
{
	struct pollfd pfd[MAX_CONNECTIONS];
	unsigned int i;
	double end;

	if (argc != 4 && argc != 5)
		die("usage: line_client PORT CONNECTIONS SECONDS [segv|abort|bus]");
	nr_connections = (unsigned int)strtoul(argv[2], NULL, 10);
	if (nr_connections < 2 || nr_connections > MAX_CONNECTIONS)
		die("2 to 64 connections");
	end = now() + strtod(argv[3], NULL);
	for (i = 0; i < nr_connections; i++) {
		connection[i].fd = connect_to((unsigned int)strtoul(argv[1], NULL, 10));
		connection[i].nr = i * 1000;
		pfd[i] = (struct pollfd){ .fd = connection[i].fd, .events = POLLIN };
		if (!send_request(&connection[i]))
			die("cannot send");
	}
	while (now() < end)
		if (!serve(pfd, 0))
			die("the daemon has gone too early");
	if (argc == 5) {
		finish_first(&connection[0], argv[4]);
		end = now() + PATIENCE_MS / 1000.0;
		while (serve(pfd, 1))
			if (now() > end)
				die("the daemon does not crash");
	}
	printf("client: %" PRIu64 " answers on %u connections, all right\n", answers,
	       nr_connections);
	return 0;
}
