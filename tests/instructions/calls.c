// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * calls.c - bursts of one kind of call, for an instruction counter
 *
 * usage: calls CASE
 *
 * Only what measured() does is to be counted: in each of ROUNDS rounds prepare() is called before
 * it and settle() after. All text comes from fixed tables, so every run takes the same path.
 * Prints how many messages (or groups) the rounds made.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpfstream.h"
#include "workload.h"

#define ROUNDS	20u
#define BURST	1024u
#define LINES	5u

/* @burst: the call to count, for messages [0, n); what comes before and after is not counted */
struct counted {
	const char *name;
	void (*prepare)(unsigned int n);
	void (*burst)(unsigned int n);
	void (*settle)(unsigned int n);
};

static struct bpfstream_prog *prog;
static char buf[1u << 16];
static long sum;	/* of results, so that none is left out */

/* ---- the calls ---- */

static void print_f1(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += bpfstream_printf(prog, BPFSTREAM_STDOUT, BENCH_F1);
}

static void print_f2(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct bench_args *a = bench_args_of(i);

		sum += bpfstream_printf(prog, BPFSTREAM_STDOUT, BENCH_F2, a->number, a->word);
	}
}

static void print_f3(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct bench_args *a = bench_args_of(i);

		sum += bpfstream_printf(prog, BPFSTREAM_STDOUT, BENCH_F3, a->number, a->addr,
					a->word, a->count, a->state, a->total);
	}
}

static void print_1000(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += bpfstream_write(prog, BPFSTREAM_STDOUT, bench_text, 1000);
}

static void stage(unsigned int n)
{
	unsigned int i, k;

	for (i = 0; i < n; i++) {
		struct bpfstream_stage ss;

		bpfstream_stage_init(&ss);
		for (k = 0; k < LINES; k++) {
			const struct bench_args *a = bench_args_of(i + k);

			sum += bpfstream_stage_printf(&ss, BENCH_F2, a->number, a->word);
		}
		sum += bpfstream_stage_commit(&ss, prog, BPFSTREAM_STDOUT);
		bpfstream_stage_free(&ss);
	}
}

static void read_all(unsigned int n)
{
	(void)n;
	while (bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, sizeof(buf)) > 0)
		;
}

/* ---- around them ---- */

static void nothing(unsigned int n)
{
	(void)n;
}

static void fill(unsigned int n)
{
	(void)n;
	while (!bpfstream_write(prog, BPFSTREAM_STDOUT, bench_text, 1000))
		;
	while (!bpfstream_write(prog, BPFSTREAM_STDOUT, bench_text, 1))
		;
}

static const struct counted all[] = {
	{ "print-F1", nothing, print_f1, read_all },
	{ "print-F2", nothing, print_f2, read_all },
	{ "print-F3", nothing, print_f3, read_all },
	{ "write-1000", nothing, print_1000, read_all },
	{ "dropped-F2", fill, print_f2, nothing },
	{ "stage-F2x5", nothing, stage, read_all },
	{ "read-F1", print_f1, read_all, read_all },
	{ "read-F2", print_f2, read_all, read_all },
	{ "read-F3", print_f3, read_all, read_all },
	{ "read-1000", print_1000, read_all, read_all },
};

/* What the counter is switched on for. */
__attribute__((__noipa__)) static void measured(void (*burst)(unsigned int n), unsigned int n)
{
	burst(n);
	__asm__ __volatile__("" : : : "memory");	/* a call, not a jump */
}

int main(int argc, char **argv)
{
	unsigned int i, round;

	bench_workload_init();
	prog = bpfstream_prog_create(NULL);
	for (i = 0; argc == 2 && prog && i < sizeof(all) / sizeof(*all); i++) {
		const struct counted *c = &all[i];

		if (strcmp(c->name, argv[1]))
			continue;
		for (round = 0; round < ROUNDS; round++) {
			c->prepare(BURST);
			measured(c->burst, BURST);
			c->settle(BURST);
		}
		if (sum != (c->prepare == fill ? -ENOSPC * (long)(ROUNDS * BURST) : 0)) {
			fputs("the calls did not do what they are counted for\n", stderr);
			return 1;
		}
		printf("%u\n", ROUNDS * BURST);
		return 0;
	}
	return 1;
}
