// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reader.c - what a reader alone delivers
 *
 * Text is put into a stream by this thread or by one on the other CPU, and then read, timed, into
 * 64 KiB until there is none: 2 MiB, more than a level-2 cache holds, or 256 KiB. The library and the baseline take turns, and so does what bounds
 * both: memcpy() of as many bytes, 1000 at a time, inside 512 KiB and from as much memory as the
 * backlog is. Ratios are those inside a round; all results are medians.
 *
 * --rounds 61  --bytes 2097152 (backlog; otherwise both)  --only FORMAT-OR-BYTES
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "side.h"

#define ROOM		(1u << 16)
#define COPY		1000u
#define COPY_STRIDE	1024u
#define COPY_NEAR	(256u * COPY_STRIDE)
#define NR_COPIES	2u
#define NR_RUNNERS	(BENCH_NR_SIDES + NR_COPIES)

/* @len: bytes of a message, or 0: then @format says */
struct text {
	const char *name;
	enum bench_format format;
	size_t len;
};

static const struct text texts[] = {
	{ "F1", BENCH_FORMAT_F1, 0 },
	{ "F2", BENCH_FORMAT_F2, 0 },
	{ "F3", BENCH_FORMAT_F3, 0 },
	{ "16", BENCH_FORMAT_F1, 16 },
	{ "32", BENCH_FORMAT_F1, 32 },
	{ "64", BENCH_FORMAT_F1, 64 },
	{ "128", BENCH_FORMAT_F1, 128 },
	{ "256", BENCH_FORMAT_F1, 256 },
	{ "512", BENCH_FORMAT_F1, 512 },
	{ "1000", BENCH_FORMAT_F1, 1000 },
	{ "2000", BENCH_FORMAT_F1, 2000 },
	{ "4000", BENCH_FORMAT_F1, 4000 },
};

static const char *const copy_name[NR_COPIES] = { "memcpy", "memcpy-backlog" };

static const size_t backlogs[] = { 2u << 20, 256u << 10 };

static char room[COPY_NEAR] __attribute__((__aligned__(4096)));
static char *backlog;
static size_t backlog_bytes;
static unsigned int nr_rounds;

/* ---- the other CPU's writer ---- */

static struct {
	const struct bench_side *side;
	const struct text *text;
	atomic_uint asked;
	atomic_uint done;
	bool stop;
} other;

static void wait_for(atomic_uint *count, unsigned int value)
{
	while (atomic_load(count) != value)
		bench_relax();
}

static void *other_main(void *arg)
{
	(void)arg;
	bench_pin(1);
	for (unsigned int i = 1;; i++) {
		wait_for(&other.asked, i);
		if (other.stop)
			return NULL;
		bench_side_fill(other.side, other.text->format, other.text->len, backlog_bytes);
		atomic_store(&other.done, i);
	}
}

static void other_fill(const struct bench_side *side, const struct text *text)
{
	other.side = side;
	other.text = text;
	wait_for(&other.done, atomic_fetch_add(&other.asked, 1) + 1);
}

/* ---- one measurement: bytes a tick ---- */

static double copy_rate(unsigned int which, size_t bytes)
{
	size_t span = which && backlog_bytes > COPY_STRIDE ? backlog_bytes : COPY_NEAR;
	size_t nr = bytes / COPY, from = 0, to = 0;
	size_t to_span = which ? ROOM : COPY_NEAR;
	uint64_t start = bench_ticks();

	for (size_t i = 0; i < nr; i++) {
		memcpy(room + to, backlog + from, COPY);
		bench_barrier();
		from = from + COPY_STRIDE + COPY <= span ? from + COPY_STRIDE : 0;
		to = to + COPY_STRIDE + COPY <= to_span ? to + COPY_STRIDE : 0;
	}
	return (double)(nr * COPY) / (double)(bench_ticks() - start);
}

static double read_rate(const struct bench_side *side, const struct text *text, bool cross)
{
	uint64_t start;
	size_t bytes;

	if (cross)
		other_fill(side, text);
	else
		bench_side_fill(side, text->format, text->len, backlog_bytes);
	start = bench_ticks();
	bytes = bench_side_read_all(side, room, ROOM);
	return (double)bytes / (double)(bench_ticks() - start);
}

/* ---- all of them, in turns ---- */

static bool takes_part(unsigned int runner, const struct text *text)
{
	return runner >= BENCH_NR_SIDES || text->len <= bench_side[runner].max_message;
}

/* The first tenth of the rounds warms up. */
static double median(double *v)
{
	unsigned int skip = nr_rounds / 10, nr = nr_rounds - skip;

	bench_sort(v + skip, nr);
	return bench_percentile(v + skip, nr, 0.5);
}

static void begin_report(const struct text *text, bool cross, const char *name, double *gbps)
{
	bench_json_begin("reader");
	bench_json_string("candidate", name);
	bench_json_string("format", text->name);
	bench_json_number("bytes", (double)text->len);
	bench_json_number("backlog", (double)backlog_bytes);
	bench_json_string("writer", cross ? "other-cpu" : "same-thread");
	bench_json_number("gbps", median(gbps));
	bench_json_number("best", gbps[nr_rounds - 1]);
}

static void measure(const struct text *text, bool cross)
{
	double *gbps[NR_RUNNERS], *of_plain, *of_memcpy, ns = bench_ns_per_tick();
	unsigned int i, r;

	for (i = 0; i < NR_RUNNERS; i++)
		gbps[i] = calloc(nr_rounds, sizeof(**gbps));
	of_plain = calloc(nr_rounds, sizeof(*of_plain));
	of_memcpy = calloc(nr_rounds, sizeof(*of_memcpy));
	for (r = 0; r < nr_rounds; r++) {
		for (i = 0; i < NR_RUNNERS; i++) {
			if (i >= BENCH_NR_SIDES)
				gbps[i][r] = copy_rate(i - BENCH_NR_SIDES, backlog_bytes) / ns;
			else if (takes_part(i, text))
				gbps[i][r] = read_rate(&bench_side[i], text, cross) / ns;
		}
		of_plain[r] = gbps[0][r] / gbps[1][r];
		of_memcpy[r] = gbps[0][r] / gbps[BENCH_NR_SIDES][r];
	}
	begin_report(text, cross, bench_side[0].name, gbps[0]);
	if (takes_part(1, text))
		bench_json_number("of_plain", median(of_plain));
	bench_json_number("of_memcpy_1000", median(of_memcpy));
	bench_json_end();
	for (i = 1; i < NR_RUNNERS; i++) {
		if (i < BENCH_NR_SIDES ? takes_part(i, text) : text->len == COPY) {
			begin_report(text, cross, i < BENCH_NR_SIDES ? bench_side[i].name :
				     copy_name[i - BENCH_NR_SIDES], gbps[i]);
			bench_json_end();
		}
	}
	for (i = 0; i < NR_RUNNERS; i++)
		free(gbps[i]);
	free(of_plain);
	free(of_memcpy);
}

static void measure_all(const char *only)
{
	for (unsigned int cross = 0; cross < 2; cross++)
		for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
			if (!only || !strcmp(only, texts[i].name))
				measure(&texts[i], cross);
}

int main(int argc, char **argv)
{
	const char *only = bench_option(argc, argv, "--only", NULL);
	size_t bytes = bench_option_number(argc, argv, "--bytes", 0);
	size_t most = bytes > backlogs[0] ? bytes : backlogs[0];
	pthread_t thread;

	nr_rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", 61);
	backlog = malloc(most);
	if (!backlog || !nr_rounds)
		bench_die("reader");
	memset(backlog, 'x', most);
	memset(room, 0, sizeof(room));
	bench_sides_init();
	bench_pin(0);
	if (pthread_create(&thread, NULL, other_main, NULL))
		bench_die("pthread_create");
	for (size_t i = 0; i < (bytes ? 1 : sizeof(backlogs) / sizeof(*backlogs)); i++) {
		backlog_bytes = bytes ? bytes : backlogs[i];
		measure_all(only);
	}
	other.stop = true;
	atomic_fetch_add(&other.asked, 1);
	pthread_join(thread, NULL);
	free(backlog);
	return 0;
}
