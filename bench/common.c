// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* common.c - see common.h */
#include "common.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t bench_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double bench_ns_per_tick(void)
{
	static double ns_per_tick;
	uint64_t ns, ticks;

	if (ns_per_tick > 0)
		return ns_per_tick;
	ns = bench_now_ns();
	ticks = bench_ticks();
	while (bench_now_ns() - ns < 20000000u)
		;
	ns = bench_now_ns() - ns;
	ns_per_tick = (double)ns / (double)(bench_ticks() - ticks);
	return ns_per_tick;
}

const char *bench_clock_name(void)
{
#ifdef __x86_64__
	return "rdtsc";
#else
	return "clock_gettime";
#endif
}

/* The CPUs that the process started with: a thread that is pinned sees only its own. */
static const cpu_set_t *our_cpus(void)
{
	static cpu_set_t cpus;

	if (!CPU_COUNT(&cpus) && sched_getaffinity(0, sizeof(cpus), &cpus))
		bench_die("sched_getaffinity");
	return &cpus;
}

unsigned int bench_nr_cpus(void)
{
	return (unsigned int)CPU_COUNT(our_cpus());
}

void bench_pin(unsigned int thread)
{
	unsigned int skip = thread % bench_nr_cpus();
	cpu_set_t one;
	unsigned int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, our_cpus()) && !skip--)
			break;
	}
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		bench_die("sched_setaffinity");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *v, size_t nr)
{
	qsort(v, nr, sizeof(*v), compare);
}

double bench_percentile(const double *sorted, size_t nr, double p)
{
	size_t i = (size_t)(p * (double)nr);

	return nr ? sorted[i < nr ? i : nr - 1] : 0;
}

const char *bench_option(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = argc - 2; i > 0; i--) {	/* the last one counts */
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	}
	return otherwise;
}

unsigned long bench_option_number(int argc, char **argv, const char *name,
				  unsigned long otherwise)
{
	const char *value = bench_option(argc, argv, name, NULL);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

void bench_json_begin(const char *bench)
{
	printf("{\"bench\":\"%s\"", bench);
}

void bench_json_string(const char *key, const char *value)
{
	printf(",\"%s\":\"%s\"", key, value);
}

void bench_json_number(const char *key, double value)
{
	if (value == floor(value) && fabs(value) < 1e15)
		printf(",\"%s\":%.0f", key, value);
	else
		printf(",\"%s\":%.5g", key, value);
}

void bench_json_end(void)
{
	puts("}");
	fflush(stdout);
}

void bench_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}
