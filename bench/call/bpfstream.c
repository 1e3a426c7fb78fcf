// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bpfstream.c - the library, as a daemon uses it; linked shared, and once more static */
#include <bpfstream.h>

#include "common.h"
#include "harness.h"

static struct bpfstream_prog *prog;
static char buf[1 << 16];

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	prog = bpfstream_prog_create(NULL);
	if (!prog)
		bench_die("bpfstream_prog_create");
}

static unsigned long drain(void)
{
	unsigned long bytes = 0;
	ssize_t n;

	while ((n = bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, sizeof(buf))) > 0)
		bytes += (unsigned long)n;
	return bytes;
}

static unsigned long lost(void)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	bpfstream_prog_stat(prog, BPFSTREAM_STDOUT, &stat);
	return stat.lost_full + stat.lost_nomem + stat.lost_invalid;
}

static void fini(void)
{
	bpfstream_prog_destroy(prog);
}

#define LOG(...) bpfstream_printf(prog, BPFSTREAM_STDOUT, __VA_ARGS__)

BENCH_LOOPS(LOG)

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
	.signal_safe = 1,
	.init = init,
	.drain = drain,
	.lost = lost,
	.fini = fini,
	.run = BENCH_RUNS,
};
