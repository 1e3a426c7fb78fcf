// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ready.c - text that needs no format: bpfstream_write(), and plain's */
#ifdef READY_PLAIN
#include "plain.h"
#else
#include <bpfstream.h>
#endif

#include "common.h"
#include "harness.h"

static char buf[1 << 16];

#ifdef READY_PLAIN
static struct plain_stream stream;
#define WRITE(text, len)	((void)plain_write(&stream, text, len))
#define READ()			((long)plain_read(&stream, buf, sizeof(buf)))
#else
static struct bpfstream_prog *prog;
#define WRITE(text, len)	((void)bpfstream_write(prog, BPFSTREAM_STDOUT, text, len))
#define READ()			bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, sizeof(buf))
#endif

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
#ifdef READY_PLAIN
	if (plain_init(PLAIN_DEFAULT_PAGES))
		bench_die("plain_init");
	plain_stream_init(&stream, PLAIN_DEFAULT_CAPACITY);
#else
	prog = bpfstream_prog_create(NULL);
	if (!prog)
		bench_die("bpfstream_prog_create");
#endif
}

static unsigned long drain(void)
{
	unsigned long bytes = 0;
	long n;

	while ((n = READ()) > 0)
		bytes += (unsigned long)n;
	return bytes;
}

BENCH_LOOP(run_f1, WRITE(BENCH_F1, sizeof(BENCH_F1) - 1))
BENCH_LOOP(run_t1000, WRITE(bench_text, sizeof(bench_text) - 1))

const struct bench_candidate bench_candidate = {
	.name = BENCH_NAME,
	.signal_safe = 1,
	.init = init,
	.drain = drain,
	.run = { run_f1, NULL, NULL, run_t1000 },
};
