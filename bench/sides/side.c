// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* side.c - see side.h */
#include "side.h"

#include <bpfstream.h>
#include <string.h>

#include "common.h"
#include "plain.h"

char bench_side_text[BENCH_MAX_MESSAGE];

static struct bpfstream_prog *prog;
static struct plain_stream plain;

#define TAKEN_LOOP(name, call)								\
	static unsigned int name(unsigned int base, unsigned int nr)			\
	{										\
		for (unsigned int i = 0; i < nr; i++) {					\
			const struct bench_args *a = bench_args_of(base + i);		\
											\
			(void)a;							\
			if (call)							\
				return i;						\
		}									\
		return nr;								\
	}

#define TAKEN_LOOPS(side, log)								\
	TAKEN_LOOP(side##_f1, log(BENCH_F1))						\
	TAKEN_LOOP(side##_f2, log(BENCH_F2, a->number, a->word))			\
	TAKEN_LOOP(side##_f3, log(BENCH_F3, a->number, a->addr, a->word, a->count,	\
				  a->state, a->total))					\
	TAKEN_LOOP(side##_t1000, log(BENCH_T1000, bench_text))

#define TAKEN_RUNS(side)	{ side##_f1, side##_f2, side##_f3, side##_t1000 }

#define OURS(...)	bpfstream_printf(prog, BPFSTREAM_STDOUT, __VA_ARGS__)
#define PLAIN(...)	plain_printf(&plain, __VA_ARGS__)

TAKEN_LOOPS(ours, OURS)
TAKEN_LOOPS(plain, PLAIN)

static void ours_init(void)
{
	prog = bpfstream_prog_create(NULL);
	if (!prog)
		bench_die("bpfstream_prog_create");
}

static unsigned int ours_write(size_t len, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (bpfstream_write(prog, BPFSTREAM_STDOUT, bench_side_text, len))
			return i;
	return nr;
}

static size_t ours_read(char *buf, size_t len)
{
	ssize_t n = bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, len);

	return n > 0 ? (size_t)n : 0;
}

static void plain_side_init(void)
{
	if (plain_init(PLAIN_DEFAULT_PAGES))
		bench_die("plain_init");
	plain_stream_init(&plain, PLAIN_DEFAULT_CAPACITY);
}

static unsigned int plain_side_write(size_t len, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (plain_write(&plain, bench_side_text, len))
			return i;
	return nr;
}

static size_t plain_side_read(char *buf, size_t len)
{
	return plain_read(&plain, buf, len);
}

const struct bench_side bench_side[BENCH_NR_SIDES] = {
	{ "bpfstream", BENCH_MAX_MESSAGE, ours_init, TAKEN_RUNS(ours), ours_write, ours_read },
	{ "plain", 1000, plain_side_init, TAKEN_RUNS(plain), plain_side_write, plain_side_read },
};

void bench_sides_init(void)
{
	bench_workload_init();
	memset(bench_side_text, 'x', sizeof(bench_side_text));
	for (unsigned int i = 0; i < BENCH_NR_SIDES; i++)
		bench_side[i].init();
}

unsigned int bench_side_fill(const struct bench_side *side, enum bench_format format, size_t len,
			     size_t bytes)
{
	static const size_t mean[BENCH_NR_FORMATS] = { 32, 40, 137, 1000 };
	unsigned int nr = (unsigned int)(bytes / (len ? len : mean[format]));

	return len ? side->write(len, nr) : side->run[format](0, nr);
}

size_t bench_side_read_all(const struct bench_side *side, char *buf, size_t len)
{
	size_t total = 0, n;

	while ((n = side->read(buf, len)))
		total += n;
	return total;
}
