/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * common.h - what all benches need: a clock, CPUs, statistics, options, results as JSON lines
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdint.h>
#include <stddef.h>
#include <time.h>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_LINE	128	/* two cache lines: the CPU fetches them in pairs */

/* Tells the compiler that all memory may have changed. */
#define bench_barrier()	__asm__ __volatile__("" : : : "memory")

/* ---- clock: ticks are cheap to read, and become nanoseconds afterwards ---- */

static inline uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t bench_ticks(void)
{
#ifdef __x86_64__
	return __rdtsc();
#else
	return bench_now_ns();
#endif
}

static inline void bench_relax(void)
{
#ifdef __x86_64__
	_mm_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

uint64_t bench_cpu_ns(void);		/* of this thread */
double bench_ns_per_tick(void);		/* the first call takes 20 ms */
const char *bench_clock_name(void);

/* ---- CPUs: those that we may run on, numbered from 0 ---- */

unsigned int bench_nr_cpus(void);
void bench_pin(unsigned int thread);	/* to CPU number @thread modulo their number */

/* ---- statistics ---- */

void bench_sort(double *v, size_t nr);
double bench_percentile(const double *sorted, size_t nr, double p);	/* p from 0 to 1 */

/* ---- options: --name value ---- */

const char *bench_option(int argc, char **argv, const char *name, const char *otherwise);
unsigned long bench_option_number(int argc, char **argv, const char *name,
				  unsigned long otherwise);

/* ---- results: one JSON object a line, on stdout ---- */

void bench_json_begin(const char *bench);
void bench_json_string(const char *key, const char *value);
void bench_json_number(const char *key, double value);
void bench_json_end(void);

void bench_die(const char *what) __attribute__((__noreturn__));	/* says errno, exits 1 */

#ifdef __cplusplus
}
#endif
#endif
