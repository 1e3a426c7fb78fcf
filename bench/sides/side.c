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

#define TRIED_LOOPS(side, log)								\
	BENCH_LOOP(side##_try_f1, log(BENCH_F1))					\
	BENCH_LOOP(side##_try_f2, log(BENCH_F2, a->number, a->word))			\
	BENCH_LOOP(side##_try_f3, log(BENCH_F3, a->number, a->addr, a->word, a->count,	\
				      a->state, a->total))				\
	BENCH_LOOP(side##_try_t1000, log(BENCH_T1000, bench_text))

#define TRIED_RUNS(side)	{ side##_try_f1, side##_try_f2, side##_try_f3, side##_try_t1000 }

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
TRIED_LOOPS(ours, OURS)
TRIED_LOOPS(plain, PLAIN)

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

static void ours_stage_f2(unsigned int base, unsigned int nr_groups, unsigned int nr_lines)
{
	for (unsigned int i = 0; i < nr_groups; i++) {
		struct bpfstream_stage ss;

		bpfstream_stage_init(&ss);
		for (unsigned int k = 0; k < nr_lines; k++, base++) {
			const struct bench_args *a = bench_args_of(base);

			bpfstream_stage_printf(&ss, BENCH_F2, a->number, a->word);
		}
		if (bpfstream_stage_commit(&ss, prog, BPFSTREAM_STDOUT))
			bench_die("bpfstream_stage_commit");
		bpfstream_stage_free(&ss);
	}
}

static size_t ours_drain(int fd)
{
	ssize_t n, total = 0;

	while ((n = bpfstream_prog_drain(prog, BPFSTREAM_STDOUT, fd)) > 0)
		total += n;
	return (size_t)total;
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

static void plain_side_stage_f2(unsigned int base, unsigned int nr_groups, unsigned int nr_lines)
{
	for (unsigned int i = 0; i < nr_groups; i++) {
		struct plain_stage ss;

		plain_stage_init(&ss);
		for (unsigned int k = 0; k < nr_lines; k++, base++) {
			const struct bench_args *a = bench_args_of(base);

			plain_stage_printf(&ss, BENCH_F2, a->number, a->word);
		}
		if (plain_stage_commit(&ss, &plain))
			bench_die("plain_stage_commit");
	}
}

static size_t plain_side_read(char *buf, size_t len)
{
	return plain_read(&plain, buf, len);
}

const struct bench_side bench_side[BENCH_NR_SIDES] = {
	{
		.name = "bpfstream",
		.max_message = BENCH_MAX_MESSAGE,
		.init = ours_init,
		.run = TAKEN_RUNS(ours),
		.try_all = TRIED_RUNS(ours),
		.stage_f2 = ours_stage_f2,
		.write = ours_write,
		.read = ours_read,
		.drain = ours_drain,
	}, {
		.name = "plain",
		.max_message = 1000,
		.init = plain_side_init,
		.run = TAKEN_RUNS(plain),
		.try_all = TRIED_RUNS(plain),
		.stage_f2 = plain_side_stage_f2,
		.write = plain_side_write,
		.read = plain_side_read,
	}
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
