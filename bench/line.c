// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * line.c - how long a cache line takes from CPU 0 to CPU 1, one way
 *
 * It decides what two writers pay, and on a virtual machine it changes: the two may sit beside
 * each other now and far apart in a minute. With one CPU there is nothing to measure.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "common.h"

#define ROUNDS		300u
#define HOPS		50u
#define STOP		(~0ul)

static atomic_ulong ball __attribute__((__aligned__(BENCH_LINE)));

static void *other(void *arg)
{
	unsigned long expected = 1, seen;

	(void)arg;
	bench_pin(1);
	while ((seen = atomic_load_explicit(&ball, memory_order_acquire)) != STOP) {
		if (seen == expected) {
			atomic_store_explicit(&ball, expected + 1, memory_order_release);
			expected += 2;
		}
	}
	return NULL;
}

static unsigned long play(unsigned long at)
{
	for (unsigned int i = 0; i < HOPS; i++, at += 2) {
		atomic_store_explicit(&ball, at + 1, memory_order_release);
		while (atomic_load_explicit(&ball, memory_order_acquire) != at + 2)
			;
	}
	return at;
}

int main(int argc, char **argv)
{
	uint64_t until = bench_now_ns() + bench_option_number(argc, argv, "--ms", 40) * 1000000u;
	static double ticks[ROUNDS];
	unsigned long at = 0;
	pthread_t thread;
	size_t nr = 0;

	bench_ns_per_tick();
	if (bench_nr_cpus() < 2)
		return 0;
	bench_pin(0);
	if (pthread_create(&thread, NULL, other, NULL))
		bench_die("pthread_create");
	at = play(at);
	while (nr < ROUNDS && (!nr || bench_now_ns() < until)) {
		uint64_t start = bench_ticks();

		at = play(at);
		ticks[nr++] = (double)(bench_ticks() - start) / (2 * HOPS);
	}
	atomic_store(&ball, STOP);
	pthread_join(thread, NULL);
	bench_sort(ticks, nr);
	bench_json_begin("line");
	bench_json_number("ns", bench_percentile(ticks, nr, 0.5) * bench_ns_per_tick());
	bench_json_number("best", ticks[0] * bench_ns_per_tick());
	bench_json_end();
	return 0;
}
