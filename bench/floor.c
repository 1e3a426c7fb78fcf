// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * floor.c - single pieces: locked operations alone and contended, copies, clocks, lookups
 *
 * A contended operation counts only while the other thread was seen to make them, too.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

#define ROUNDS		61u
#define WINDOWS		2000u		/* of a contended operation */
#define WINDOW		1000u

static struct {
	uint64_t v __attribute__((__aligned__(BENCH_LINE)));
	char rest[BENCH_LINE - sizeof(uint64_t)];
} line;

static char from[1 << 20] __attribute__((__aligned__(64)));
static char to[1 << 20] __attribute__((__aligned__(64)));
static volatile uint64_t sink;

/* ---- the pieces: each does its thing @nr times ---- */

static void locked_cmpxchg(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t old = __atomic_load_n(&line.v, __ATOMIC_RELAXED);

		__atomic_compare_exchange_n(&line.v, &old, old + 1, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED);
	}
}

static void locked_add(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += __atomic_fetch_add(&line.v, 1, __ATOMIC_ACQ_REL);
	sink = sum;
}

static void locked_exchange(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += __atomic_exchange_n(&line.v, i, __ATOMIC_ACQ_REL);
	sink = sum;
}

static void clock_ticks(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += bench_ticks();
	sink = sum;
}

static void clock_read(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += bench_now_ns();
	sink = sum;
}

static void get_cpu(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += (uint64_t)sched_getcpu();
	sink = sum;
}

static void system_call(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += (uint64_t)syscall(SYS_getppid);
	sink = sum;
}

/* Sizes are not known to the compiler. @stride: within 8 KiB or all of 256 KiB */
#define COPY(name, bytes, places)							\
	static void name(unsigned int nr)						\
	{										\
		volatile size_t len = bytes;						\
											\
		for (unsigned int i = 0; i < nr; i++) {					\
			memcpy(to + i % (places) * 1024, from + i % (places) * 1024, len); \
			bench_barrier();						\
		}									\
	}

COPY(copy_16, 16, 8)
COPY(copy_64, 64, 8)
COPY(copy_256, 256, 8)
COPY(copy_1000, 1000, 8)
COPY(copy_16_l2, 16, 256)
COPY(copy_64_l2, 64, 256)
COPY(copy_256_l2, 256, 256)
COPY(copy_1000_l2, 1000, 256)
COPY(copy_1m, 1 << 20, 1)

static const struct piece {
	const char *name;
	void (*run)(unsigned int nr);
	unsigned int nr;
	unsigned int bytes;
} pieces[] = {
	{ "locked-cmpxchg", locked_cmpxchg, 10000, 0 },
	{ "locked-add", locked_add, 10000, 0 },
	{ "locked-exchange", locked_exchange, 10000, 0 },
	{ "clock-ticks", clock_ticks, 10000, 0 },
	{ "clock_gettime", clock_read, 5000, 0 },
	{ "sched_getcpu", get_cpu, 10000, 0 },
	{ "system-call", system_call, 2000, 0 },
	{ "memcpy-16-L1", copy_16, 10000, 16 },
	{ "memcpy-64-L1", copy_64, 10000, 64 },
	{ "memcpy-256-L1", copy_256, 10000, 256 },
	{ "memcpy-1000-L1", copy_1000, 10000, 1000 },
	{ "memcpy-16-L2", copy_16_l2, 10000, 16 },
	{ "memcpy-64-L2", copy_64_l2, 10000, 64 },
	{ "memcpy-256-L2", copy_256_l2, 10000, 256 },
	{ "memcpy-1000-L2", copy_1000_l2, 10000, 1000 },
	{ "memcpy-1MiB", copy_1m, 20, 1 << 20 },
};

static void report(const char *name, double *ticks, size_t nr, unsigned int bytes)
{
	double ns;

	bench_sort(ticks, nr);
	ns = bench_percentile(ticks, nr, 0.5) * bench_ns_per_tick();
	bench_json_begin("floor");
	bench_json_string("piece", name);
	bench_json_number("ns", ns);
	bench_json_number("best", ticks[0] * bench_ns_per_tick());
	if (bytes)
		bench_json_number("gbps", bytes / ns);
	bench_json_end();
}

static void measure(const struct piece *piece, unsigned int rounds)
{
	double ticks[ROUNDS];

	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t start = bench_ticks();

		piece->run(piece->nr);
		ticks[i] = (double)(bench_ticks() - start) / piece->nr;
	}
	report(piece->name, ticks, rounds, piece->bytes);
}

/* ---- contended ---- */

static atomic_bool contend;
static atomic_ulong contended;		/* what the other thread has made */

static void *contender(void *arg)
{
	void (*run)(unsigned int) = *(void (*const *)(unsigned int))arg;

	bench_pin(1);
	while (atomic_load_explicit(&contend, memory_order_relaxed)) {
		run(16);
		atomic_fetch_add_explicit(&contended, 16, memory_order_relaxed);
	}
	return NULL;
}

static void measure_contended(const struct piece *piece, unsigned int windows)
{
	void (*run)(unsigned int) = piece->run;
	uint64_t until = bench_now_ns() + 500000000u;
	static double ticks[WINDOWS];
	char name[64];
	pthread_t thread;
	size_t nr = 0;

	contend = true;
	if (pthread_create(&thread, NULL, contender, &run))
		bench_die("pthread_create");
	while (nr < windows && bench_now_ns() < until) {
		unsigned long before = atomic_load(&contended);
		uint64_t start = bench_ticks();

		run(WINDOW);
		start = bench_ticks() - start;
		if (atomic_load(&contended) - before >= WINDOW / 4)
			ticks[nr++] = (double)start / WINDOW;
	}
	contend = false;
	pthread_join(thread, NULL);
	snprintf(name, sizeof(name), "%s-contended", piece->name);
	if (nr)
		report(name, ticks, nr, 0);
}

int main(int argc, char **argv)
{
	unsigned int rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", ROUNDS);

	if (!rounds || rounds > ROUNDS)
		rounds = ROUNDS;
	bench_ns_per_tick();
	bench_nr_cpus();
	bench_pin(0);
	memset(from, 'a', sizeof(from));
	memset(to, 'b', sizeof(to));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		measure(&pieces[i], rounds);
	for (size_t i = 0; bench_nr_cpus() > 1 && i < 3; i++)
		measure_contended(&pieces[i], rounds < ROUNDS ? 20 : WINDOWS);
	return 0;
}
