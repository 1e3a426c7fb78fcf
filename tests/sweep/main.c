// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - every writer stopped at its instructions, and what becomes of it there
 *
 * usage: sweep [--full] [OPERATION [FATE]]   only those whose names begin so; --full: every
 *	instruction, and progress told; else every seventh and those that change shared state
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sweep.h"

#define ENOUGH	7u	/* sweeps that fail: one that hangs takes half a minute */

static bool full;
static const char *only[2];
static const char *op_name;
static const char *fate_name;

static struct {
	uint64_t points;
	uint64_t missed;
	uint64_t operations;
	uint64_t stops;
	double beside, longest;
	unsigned int sweeps;
	unsigned int failed;
} total;

static const char legend[] =
	"Points at which the thread of an operation met a fate. At each, from outside: text is\n"
	"whole or not there, in order, its weight the list's; pages hold that, no more. Then:\n"
	"  killed   the memory of a process that SIGKILL ends is the same\n"
	"  stopped  10000 calls of others complete; it goes on; all is there once, in order\n"
	"  forks    the child prints at once and reads that first; both go on\n"
	"  silent   the child prints last; what its parent had published is not there\n"
	"  beside   another thread forks; the child reads what it prints, and nothing else\n"
	"  cancel   deferred: the operation goes on to its end\n"
	"  async    no capacity is lost; slot, levels and pages are found when the thread is gone\n"
	"  jumps    siglongjmp(): no capacity is lost; levels and pages are found while it lives\n"
	"After each, in the process: text, losses, levels, slots and pages are exact.\n";

double sweep_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool wanted(unsigned int nr, const char *name)
{
	return !only[nr] || !strncmp(only[nr], name, strlen(only[nr]));
}

/* In the long form, a line now and then. */
static void tell_progress(uint32_t point, uint32_t nr)
{
	static double told;
	double moment = sweep_seconds();

	if (told <= 0)
		told = moment;
	if (full && moment - told > 10) {
		printf("  ... %s, %s: point %u of %u\n", op_name, fate_name, point, nr);
		told = moment;
	}
}

/*
 * What makes no sense: who leaves a dump, or dies in it, keeps the readers' mutex (README's limits
 * speak of prints).
 */
static bool applies(const struct sweep_op *op, enum sweep_fate fate)
{
	return !(op->traits & SWEEP_READS) ||
	       (fate != SWEEP_CANCEL_ASYNC && fate != SWEEP_JUMP);
}

static void sweep(const struct sweep_op *op)
{
	struct sweep_count count = { 0 };
	double begin = sweep_seconds();
	enum sweep_fate fate;
	char points[SWEEP_NR_FATES * 16];
	size_t len = 0;

	op_name = op->name;
	if (!sweep_op_record(op, &count)) {
		total.failed++;
		return;
	}
	for (fate = 0; fate < SWEEP_NR_FATES; fate++) {
		bool on = wanted(1, sweep_fate_name(fate)) && applies(op, fate);

		fate_name = sweep_fate_name(fate);
		total.sweeps += on;
		if (on && !sweep_op_fate(op, fate, full, &count, tell_progress))
			total.failed++;
		if (on)
			len += (size_t)sprintf(points + len, " %7u", count.points[fate]);
		else
			len += (size_t)sprintf(points + len, " %7s", "-");
		total.points += count.points[fate];
	}
	total.missed += count.missed;
	total.operations += count.operations;
	total.stops += count.points[SWEEP_STOP];
	total.beside += count.beside;
	if (count.longest > total.longest)
		total.longest = count.longest;
	printf("%-26s %6u %7u%s %7.1f\n", op->name, count.instructions, count.changes, points,
	       sweep_seconds() - begin);
}

int main(int argc, char **argv)
{
	double begin = sweep_seconds();
	unsigned int nr = 0, i;
	const char *why_not;
	int n;

	for (n = 1; n < argc; n++) {
		if (!strcmp(argv[n], "--full"))
			full = true;
		else if (nr < 2)
			only[nr++] = argv[n];
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!sweep_judge_init())
		return 1;
	if (!sweep_allowed(&why_not)) {
		if (!why_not)
			return 1;
		printf("skipped: a thread cannot be traced here: %s\n", why_not);
		return 77;
	}
	printf("[==========] Running test(s).\n");
	printf("%s%-26s %6s %7s %7s %7s %7s %7s %7s %7s %7s %7s %7s\n", legend, "operation",
	       "instr.", "changes", "killed", "stopped", "forks", "silent", "beside", "cancel",
	       "async", "jumps", "seconds");
	for (i = 0; i < sweep_nr_ops && total.failed < ENOUGH; i++)
		if (wanted(0, sweep_ops[i].name))
			sweep(&sweep_ops[i]);
	if (i < sweep_nr_ops)
		printf("%u failed: the rest is not tried\n", total.failed);
	printf("[==========] %u test(s) run.\n", total.sweeps);
	printf("%lu points, %lu not reached, %lu calls of others beside stopped threads, %.1f s\n",
	       (unsigned long)total.points, (unsigned long)total.missed,
	       (unsigned long)total.operations, sweep_seconds() - begin);
	if (total.stops)
		printf("these took %.0f ms beside each, %.0f ms at most\n",
		       total.beside / (double)total.stops * 1e3, total.longest * 1e3);
	printf("[  %s  ] %u test(s).\n", total.failed ? "FAILED" : "PASSED",
	       total.failed ? total.failed : total.sweeps);
	return total.failed != 0;
}
