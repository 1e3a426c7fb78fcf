// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stage.c - five lines that appear at once, against five calls
 *
 * Bursts of groups of five F2 lines, staged and committed, and of as many lines printed one by
 * one, by the library and the baseline in turns. Times are of five lines. Ratios are those inside
 * a round, all results medians.
 *
 * --rounds 401
 */
#include <stdlib.h>

#include "common.h"
#include "side.h"

#define ROOM	(1u << 16)
#define GROUPS	200u
#define LINES	5u

static char room[ROOM];

static double staged(const struct bench_side *side, unsigned int base)
{
	uint64_t start = bench_ticks();

	side->stage_f2(base, GROUPS, LINES);
	return (double)(bench_ticks() - start) / GROUPS;
}

static double printed(const struct bench_side *side, unsigned int base)
{
	uint64_t start = bench_ticks();

	side->run[BENCH_FORMAT_F2](base, GROUPS * LINES);
	return (double)(bench_ticks() - start) / GROUPS;
}

static double median(double *v, unsigned int nr)
{
	bench_sort(v, nr);
	return bench_percentile(v, nr, 0.5);
}

int main(int argc, char **argv)
{
	unsigned int rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", 401), i, r;
	double *stage[BENCH_NR_SIDES], *print[BENCH_NR_SIDES], *ratio[BENCH_NR_SIDES], *of_plain, ns;

	bench_sides_init();
	bench_pin(0);
	ns = bench_ns_per_tick();
	of_plain = calloc(rounds, sizeof(double));
	for (i = 0; i < BENCH_NR_SIDES; i++) {
		stage[i] = calloc(rounds, sizeof(double));
		print[i] = calloc(rounds, sizeof(double));
		ratio[i] = calloc(rounds, sizeof(double));
	}
	for (r = 0; r < rounds; r++) {
		for (i = 0; i < BENCH_NR_SIDES; i++) {
			stage[i][r] = staged(&bench_side[i], r * 977) * ns;
			bench_side_read_all(&bench_side[i], room, ROOM);
			print[i][r] = printed(&bench_side[i], r * 977) * ns;
			bench_side_read_all(&bench_side[i], room, ROOM);
			ratio[i][r] = stage[i][r] / print[i][r];
		}
		of_plain[r] = stage[0][r] / stage[1][r];
	}
	for (i = 0; i < BENCH_NR_SIDES; i++) {
		bench_json_begin("stage");
		bench_json_string("candidate", bench_side[i].name);
		bench_json_string("format", "F2");
		bench_json_number("lines", LINES);
		bench_json_number("ns", median(stage[i], rounds));
		bench_json_number("printed_ns", median(print[i], rounds));
		bench_json_number("of_printed", median(ratio[i], rounds));
		if (!i)
			bench_json_number("of_plain", median(of_plain, rounds));
		bench_json_end();
		free(stage[i]);
		free(print[i]);
		free(ratio[i]);
	}
	free(of_plain);
	return 0;
}
