// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* write.c - one system call a message: what a daemon does that logs by hand, and syslog(3) */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "harness.h"

#define TO_NULL		0
#define TO_PIPE		1
#define TO_TMPFS	2
#define TO_SOCKET	3	/* a datagram each, syslog(3)'s transport */
#define DPRINTF_NULL	4

static int fd = -1;

/* On the other CPU, if there is one. */
static __attribute__((__unused__)) void *swallow(void *arg)
{
	static char buf[1 << 16];
	int from = *(int *)arg;

	bench_pin(1);
	while (read(from, buf, sizeof(buf)) > 0)
		;
	return NULL;
}

static void open_pair(int pair[2])
{
#if WRITE_TO == TO_PIPE
	if (pipe(pair))
		bench_die("pipe");
	fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
#elif WRITE_TO == TO_SOCKET
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		bench_die("socketpair");
#elif WRITE_TO == TO_TMPFS
	pair[1] = open("/dev/shm", O_TMPFILE | O_WRONLY, 0600);
#else
	pair[1] = open("/dev/null", O_WRONLY);
#endif
	if (pair[1] < 0)
		bench_die("open");
}

static void init(unsigned int nr_threads)
{
	static int pair[2] = { -1, -1 };
	pthread_t thread;

	(void)nr_threads;
	open_pair(pair);
	fd = pair[1];
	if (pair[0] >= 0 && pthread_create(&thread, NULL, swallow, &pair[0]))
		bench_die("pthread_create");
}

static unsigned long drain(void)
{
#if WRITE_TO == TO_TMPFS
	return (unsigned long)lseek(fd, 0, SEEK_SET) * 0;
#else
	return 0;
#endif
}

static __attribute__((__noinline__, __format__(__printf__, 1, 2))) void call(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
#if WRITE_TO == DPRINTF_NULL
	vdprintf(fd, fmt, ap);
#else
	char buf[1024];
	int len = vsnprintf(buf, sizeof(buf), fmt, ap);

	if (write(fd, buf, (size_t)len) < 0)
		bench_die("write");
#endif
	va_end(ap);
}

BENCH_LOOPS(call)

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
	/* as far as vsnprintf() is: not promised, but these formats take no lock and no memory */
	.signal_safe = WRITE_TO != DPRINTF_NULL,
	.init = init,
	.drain = drain,
	.run = BENCH_RUNS,
};
