// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * drop.c - what a call costs whose message is refused, for the stream is full
 *
 * Bursts of calls on an empty stream, all accepted, and on a full one, all refused, by the library
 * and the baseline in turns. Ratios are those inside a round, all results medians.
 *
 * --rounds 201
 */
#include <stdlib.h>

#include "common.h"
#include "side.h"

#define ROOM	(1u << 16)
#define BURST	1024u

static const enum bench_format formats[] = { BENCH_FORMAT_F1, BENCH_FORMAT_F2, BENCH_FORMAT_F3 };

static char room[ROOM];

static double burst(const struct bench_side *side, enum bench_format format, unsigned int base)
{
	uint64_t start = bench_ticks();

	side->try_all[format](base, BURST);
	return (double)(bench_ticks() - start) / BURST;
}

static void fill(const struct bench_side *side)
{
	side->write(1000, ~0u);
	side->write(1, ~0u);
}

static double median(double *v, unsigned int nr)
{
	bench_sort(v, nr);
	return bench_percentile(v, nr, 0.5);
}

static void measure(enum bench_format format, unsigned int rounds)
{
	double *accepted[BENCH_NR_SIDES], *dropped[BENCH_NR_SIDES], *ratio[BENCH_NR_SIDES];
	double ns = bench_ns_per_tick();
	unsigned int i, r;

	for (i = 0; i < BENCH_NR_SIDES; i++) {
		accepted[i] = calloc(rounds, sizeof(double));
		dropped[i] = calloc(rounds, sizeof(double));
		ratio[i] = calloc(rounds, sizeof(double));
	}
	for (r = 0; r < rounds; r++) {
		for (i = 0; i < BENCH_NR_SIDES; i++) {
			const struct bench_side *side = &bench_side[i];

			burst(side, format, r * 977);	/* after the long read, unmeasured */
			bench_side_read_all(side, room, ROOM);
			accepted[i][r] = burst(side, format, r * 977) * ns;
			fill(side);
			burst(side, format, r * 977);
			dropped[i][r] = burst(side, format, r * 977) * ns;
			bench_side_read_all(side, room, ROOM);
			ratio[i][r] = dropped[i][r] / accepted[i][r];
		}
	}
	for (i = 0; i < BENCH_NR_SIDES; i++) {
		bench_json_begin("drop");
		bench_json_string("candidate", bench_side[i].name);
		bench_json_string("format", bench_format_name[format]);
		bench_json_number("ns", median(dropped[i], rounds));
		bench_json_number("accepted_ns", median(accepted[i], rounds));
		bench_json_number("of_accepted", median(ratio[i], rounds));
		bench_json_end();
		free(accepted[i]);
		free(dropped[i]);
		free(ratio[i]);
	}
}

int main(int argc, char **argv)
{
	unsigned int rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", 201);

	bench_sides_init();
	bench_pin(0);
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		measure(formats[i], rounds);
	return 0;
}
