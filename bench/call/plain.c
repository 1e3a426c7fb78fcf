// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* plain.c - the kernel's original algorithm, see ../plain.h */
#include "plain.h"

#include "common.h"
#include "harness.h"

static struct plain_stream stream;
static char buf[1 << 16];
static unsigned long refused;

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	if (plain_init(PLAIN_DEFAULT_PAGES))
		bench_die("plain_init");
	plain_stream_init(&stream, PLAIN_DEFAULT_CAPACITY);
}

static unsigned long drain(void)
{
	unsigned long bytes = 0;
	size_t n;

	while ((n = plain_read(&stream, buf, sizeof(buf))) > 0)
		bytes += n;
	return bytes;
}

static unsigned long lost(void)
{
	return __atomic_load_n(&refused, __ATOMIC_RELAXED);
}

/* The algorithm counts no losses itself. */
#define LOG(...) do {									\
	if (plain_printf(&stream, __VA_ARGS__))						\
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);			\
} while (0)

BENCH_LOOPS(LOG)

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
	.signal_safe = 1,
	.init = init,
	.drain = drain,
	.lost = lost,
	.run = BENCH_RUNS,
};
