// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * explore.c - which way each choice goes: all ways depth first, random ones, or those of a replay
 *
 * Invariants
 *   I1  A run depends on its choices alone. A choice of another width than last time, with the same
 *       choices before it, is a fault of the simulator and stops it.
 *   I2  Depth first: the first run chooses 0 throughout; each next run differs from the last in
 *       the latest choice that has a way left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

#define MAX_CHOICES	65536u
#define CALM		6u	/* of so many random choices one is not 0 */

struct sim_budget sim_budget, sim_used;

static struct {
	uint16_t taken[MAX_CHOICES];
	uint16_t ways[MAX_CHOICES];
	uint32_t nr;		/* made in this run */
	uint32_t planned;	/* given by the search before it */
	const char *replay;
	uint64_t random;
	bool is_random;
	jmp_buf failed;
	struct sim_result *result;
} now;

static uint64_t next_random(void)
{
	now.random ^= now.random << 13;
	now.random ^= now.random >> 7;
	now.random ^= now.random << 17;
	return now.random * 0x2545f4914f6cdd1du >> 32;
}

/* What a replay says of choice @i: "i:way,i:way..." in rising order, all others are 0. */
static uint32_t replayed(uint32_t i)
{
	char *end;
	unsigned long at;

	if (!*now.replay)
		return 0;
	at = strtoul(now.replay, &end, 10);
	if (at != i || *end != ':')
		return 0;
	at = strtoul(end + 1, &end, 10);
	now.replay = *end == ',' ? end + 1 : end;
	return (uint32_t)at;
}

static uint32_t new_choice(uint32_t ways)
{
	if (now.replay)
		return replayed(now.nr);
	if (now.is_random && !(next_random() % CALM))
		return (uint32_t)(next_random() % ways);
	return 0;
}

/**
 * sim_choose() - one of several ways to go on
 * @ways: how many
 * @what: of what kind, for the trace
 *
 * Return: below @ways.
 */
uint32_t sim_choose(uint32_t ways, const char *what)
{
	uint32_t i = now.nr;

	if (ways <= 1)
		return 0;
	if (i == MAX_CHOICES)
		sim_fail("more than %u choices", MAX_CHOICES);
	if (i >= now.planned) {
		now.taken[i] = (uint16_t)new_choice(ways);
		now.ways[i] = (uint16_t)ways;
	}
	if (now.ways[i] != ways || now.taken[i] >= ways) {
		fprintf(stderr, "sim: choice %u (%s) has %u ways, of %u expected\n", i, what,
			ways, now.replay ? now.taken[i] + 1u : now.ways[i]);
		exit(2);
	}
	now.nr++;
	if (now.taken[i])
		sim_trace("choice %u: %s, way %u of %u", i, what, now.taken[i], ways);
	return now.taken[i];
}

static void print_choices(char *text, size_t size)
{
	size_t len = 0;
	uint32_t i;

	text[0] = 0;
	for (i = 0; i < now.nr && len + 16 < size; i++)
		if (now.taken[i])
			len += (size_t)snprintf(text + len, size - len, "%s%u:%u", len ? "," : "",
						i, now.taken[i]);
	if (i < now.nr)
		snprintf(text, size, "too many");
}

/**
 * sim_fail() - end this run, which has shown a fault
 * @fmt: what it is
 */
void sim_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(now.result->message, sizeof(now.result->message), fmt, ap);
	va_end(ap);
	sim_trace("FAILED: %s", now.result->message);
	print_choices(now.result->choices, sizeof(now.result->choices));
	longjmp(now.failed, 1);
}

static bool next_plan(void)
{
	uint32_t i = now.nr;

	while (i && now.taken[i - 1] + 1u == now.ways[i - 1])
		i--;
	now.planned = i;
	if (i)
		now.taken[i - 1]++;
	return i != 0;
}

/* Of this program's own time, whatever else the machine does. */
static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool one_run(const struct sim_search *search)
{
	now.nr = 0;
	sim_used = (struct sim_budget){ 0 };
	if (setjmp(now.failed))
		return false;
	search->run();
	return true;
}

static bool wants_more(const struct sim_search *search, const struct sim_result *result,
		       double start)
{
	if (search->limit && result->runs >= search->limit)
		return false;
	return search->seconds <= 0 || result->runs % 256 ||
	       seconds_now() - start < search->seconds;
}

/**
 * sim_explore() - run until a run fails, all were run, or it is enough
 * @search: what and how
 * @result: what came out
 */
void sim_explore(const struct sim_search *search, struct sim_result *result)
{
	double start = seconds_now();

	memset(result, 0, sizeof(*result));
	now.result = result;
	now.planned = 0;
	now.replay = search->replay;
	now.is_random = search->seed != 0;
	now.random = search->seed;
	do {
		result->failed = !one_run(search);
		result->runs++;
		if (now.is_random)
			now.planned = 0;
		else if (!now.replay)
			result->whole = !result->failed && !next_plan();
	} while (!result->failed && !result->whole && !now.replay &&
		 wants_more(search, result, start));
	result->seconds = seconds_now() - start;
}
