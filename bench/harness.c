// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * harness.c - what a candidate's log call costs
 *
 * Threads make bursts of calls side by side and meet between bursts, where thread 0 takes the
 * text off, untimed. A burst is shorter than a time slice, so its median is that of a thread
 * that ran. Every other burst is timed as a whole, for the mean cost of a call; the rest in
 * batches of eight, for the distribution: a clock reading costs as much as a call.
 *
 * More threads than CPUs take turns in the middle of bursts, so there the time is the thread's
 * own CPU time, and bursts are longer. What the CPUs do besides shows in the time of all bursts.
 *
 * A storm is a timer in each thread whose handler makes one call of format F2.
 *
 * --format F2  --threads 1  --storm PERIOD_US  --ms 100 (at most)  --bursts 200 (at most)
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

#define BATCH		8u
#define BURST		1024u
#define LONG_BURST	8192u			/* where threads take turns */
#define BURSTS_FIT	(3u << 20)		/* bytes that one burst of all threads may leave */
#define MAX_THREADS	64u

struct bench_thread {
	pthread_t thread;
	unsigned int number;
	double *burst;			/* ticks, or ns of CPU time, a call */
	double *batch;			/* ticks a call */
	size_t nr_bursts;
	size_t nr_batches;
};

static struct {
	enum bench_format format;
	unsigned int nr_threads;
	unsigned int nr_calls;
	unsigned int max_bursts;
	unsigned int storm_us;
	uint64_t until_ns;
	bool crowded;
	bool stop;
	uint64_t drained;
	double *wall;			/* ns of bursts that are timed as a whole, waits included */
	size_t nr_wall;
	pthread_barrier_t crowd;
	atomic_uint arrived;
	atomic_uint generation;
	struct bench_thread thread[MAX_THREADS];
} bench;

static atomic_ulong storm_calls;

static void meet(void)
{
	unsigned int generation = atomic_load(&bench.generation);

	if (bench.crowded) {
		pthread_barrier_wait(&bench.crowd);
		return;
	}
	if (atomic_fetch_add(&bench.arrived, 1) + 1 == bench.nr_threads) {
		atomic_store(&bench.arrived, 0);
		atomic_store(&bench.generation, generation + 1);
		return;
	}
	for (unsigned int i = 0; atomic_load(&bench.generation) == generation; i++) {
		if (i < 20000)
			bench_relax();
		else
			sched_yield();
	}
}

static void time_burst(struct bench_thread *t, unsigned int base)
{
	uint64_t start = bench.crowded ? bench_cpu_ns() : bench_ticks();

	bench_candidate.run[bench.format](base, bench.nr_calls);
	start = (bench.crowded ? bench_cpu_ns() : bench_ticks()) - start;
	t->burst[t->nr_bursts++] = (double)start / bench.nr_calls;
}

static void time_batches(struct bench_thread *t, unsigned int base)
{
	void (*run)(unsigned int, unsigned int) = bench_candidate.run[bench.format];
	uint64_t start = bench_ticks();

	for (unsigned int i = 0; i < bench.nr_calls; i += BATCH) {
		uint64_t now;

		run(base + i, BATCH);
		now = bench_ticks();
		t->batch[t->nr_batches++] = (double)(now - start) / BATCH;
		start = now;
	}
}

static void on_storm(int sig)
{
	int saved = errno;

	(void)sig;
	bench_candidate.run[BENCH_FORMAT_F2](
		(unsigned int)atomic_fetch_add_explicit(&storm_calls, 1, memory_order_relaxed), 1);
	errno = saved;
}

static void begin_storm(timer_t *timer)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec period = { .it_value.tv_nsec = bench.storm_us * 1000l,
				     .it_interval.tv_nsec = bench.storm_us * 1000l };

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, timer) ||
	    timer_settime(*timer, 0, &period, NULL))
		bench_die("timer");
}

/* Thread 0, while the others wait. */
static void between_bursts(unsigned int nr, uint64_t ns)
{
	if (nr % 2 == 0)
		bench.wall[bench.nr_wall++] = (double)ns;
	if (bench_candidate.drain)
		bench.drained += bench_candidate.drain();
	bench.stop = nr + 1 >= bench.max_bursts ||
		     (nr >= 3 && bench_now_ns() > bench.until_ns);
}

static void *thread_main(void *arg)
{
	struct bench_thread *t = arg;
	timer_t timer;

	bench_pin(t->number);
	if (bench_candidate.thread_init)
		bench_candidate.thread_init(t->number);
	if (bench.storm_us)
		begin_storm(&timer);
	for (unsigned int i = 0;; i++) {
		unsigned int base = i * 977u + t->number * 131u;
		uint64_t start = bench_now_ns();	/* thread 0 is the last to come */

		meet();
		if (bench.stop)
			break;
		if (i % 2)
			time_batches(t, base);
		else
			time_burst(t, base);
		meet();
		if (!t->number)
			between_bursts(i, bench_now_ns() - start);
	}
	if (bench.storm_us)
		timer_delete(timer);
	return NULL;
}

static void thread_alloc(struct bench_thread *t, unsigned int number)
{
	size_t batches = (size_t)bench.max_bursts * (bench.nr_calls / BATCH + 1);

	t->number = number;
	t->burst = calloc(bench.max_bursts, sizeof(double));
	t->batch = calloc(batches, sizeof(double));
	if (!t->burst || !t->batch)
		bench_die("calloc");
	for (size_t i = 0; i < batches; i++)	/* no page fault while the clock runs */
		((volatile double *)t->batch)[i] = 0;
}

/* Mean over the threads of a percentile of each; the first tenth of a thread's is warm-up. */
static double over_threads(bool batches, double p)
{
	double sum = 0;

	for (unsigned int i = 0; i < bench.nr_threads; i++) {
		const struct bench_thread *t = &bench.thread[i];
		const double *v = batches ? t->batch : t->burst;
		size_t nr = batches ? t->nr_batches : t->nr_bursts;

		sum += bench_percentile(v, nr - nr / 10, p);
	}
	return sum / bench.nr_threads;
}

static void sort_all(void)
{
	for (unsigned int i = 0; i < bench.nr_threads; i++) {
		struct bench_thread *t = &bench.thread[i];
		size_t skip = t->nr_bursts / 10, skip_batches = t->nr_batches / 10;

		memmove(t->burst, t->burst + skip, (t->nr_bursts - skip) * sizeof(double));
		memmove(t->batch, t->batch + skip_batches,
			(t->nr_batches - skip_batches) * sizeof(double));
		bench_sort(t->burst, t->nr_bursts - skip);
		bench_sort(t->batch, t->nr_batches - skip_batches);
	}
}

static uint64_t calls_made(void)
{
	uint64_t calls = atomic_load(&storm_calls);

	for (unsigned int i = 0; i < bench.nr_threads; i++)
		calls += bench.thread[i].nr_bursts * (uint64_t)bench.nr_calls +
			 bench.thread[i].nr_batches * (uint64_t)BATCH;
	return calls;
}

/* Time of the CPUs in use, all that they did in it, a call. */
static double wall_ns(void)
{
	unsigned int cpus = bench_nr_cpus() < bench.nr_threads ? bench_nr_cpus() : bench.nr_threads;

	bench_sort(bench.wall, bench.nr_wall);
	return bench_percentile(bench.wall, bench.nr_wall, 0.5) * cpus /
	       ((double)bench.nr_threads * bench.nr_calls);
}

static void report(void)
{
	double tick = bench_ns_per_tick(), burst = bench.crowded ? 1 : tick;
	uint64_t calls = calls_made();

	sort_all();
	bench_json_begin(bench_candidate.bench ? bench_candidate.bench : "call");
	bench_json_string("candidate", bench_candidate.name);
	bench_json_string("format", bench_format_name[bench.format]);
	bench_json_number("threads", bench.nr_threads);
	bench_json_number("storm", bench.storm_us);
	bench_json_number("ns", over_threads(false, 0.5) * burst);
	bench_json_number("best", over_threads(false, 0) * burst);
	bench_json_number("wall", wall_ns());
	bench_json_number("p50", over_threads(true, 0.5) * tick);
	bench_json_number("p90", over_threads(true, 0.9) * tick);
	bench_json_number("p99", over_threads(true, 0.99) * tick);
	bench_json_number("p999", over_threads(true, 0.999) * tick);
	bench_json_number("calls", (double)calls);
	bench_json_number("bytes_per_call", (double)bench.drained / (double)calls);
	bench_json_number("lost", bench_candidate.lost ? (double)bench_candidate.lost() : 0);
	bench_json_number("handler_calls", (double)atomic_load(&storm_calls));
	bench_json_number("signal_safe", bench_candidate.signal_safe);
	bench_json_end();
}

static void choose_format(const char *name)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR_FORMATS && strcmp(name, bench_format_name[i]); i++)
		;
	if (i == BENCH_NR_FORMATS || !bench_candidate.run[i]) {
		fprintf(stderr, "%s: no format %s\n", bench_candidate.name, name);
		exit(2);
	}
	bench.format = (enum bench_format)i;
}

static void set_up(int argc, char **argv)
{
	unsigned int fit;

	choose_format(bench_option(argc, argv, "--format", "F2"));
	bench.nr_threads = (unsigned int)bench_option_number(argc, argv, "--threads", 1);
	bench.max_bursts = (unsigned int)bench_option_number(argc, argv, "--bursts", 200);
	bench.storm_us = (unsigned int)bench_option_number(argc, argv, "--storm", 0);
	if (!bench.nr_threads || bench.nr_threads > MAX_THREADS || !bench.max_bursts ||
	    (bench.storm_us && !(bench_candidate.signal_safe &&
				 bench_candidate.run[BENCH_FORMAT_F2]))) {
		fprintf(stderr, "%s: cannot do that\n", bench_candidate.name);
		exit(2);
	}
	bench.crowded = bench.nr_threads > bench_nr_cpus();
	bench.nr_calls = bench.crowded ? LONG_BURST : BURST;
	fit = BURSTS_FIT / bench_format_bytes[bench.format] / bench.nr_threads;
	while (bench.nr_calls > fit)
		bench.nr_calls /= 2;
	pthread_barrier_init(&bench.crowd, NULL, bench.nr_threads);
}

int main(int argc, char **argv)
{
	set_up(argc, argv);
	bench_workload_init();
	bench_ns_per_tick();
	if (bench_candidate.init)
		bench_candidate.init(bench.nr_threads);
	for (unsigned int i = 0; i < bench.nr_threads; i++)
		thread_alloc(&bench.thread[i], i);
	bench.wall = calloc(bench.max_bursts, sizeof(double));
	if (!bench.wall)
		bench_die("calloc");
	signal(SIGUSR1, on_storm);
	bench.until_ns = bench_now_ns() +
			 bench_option_number(argc, argv, "--ms", 100) * 1000000u;
	for (unsigned int i = 1; i < bench.nr_threads; i++) {
		struct bench_thread *t = &bench.thread[i];

		errno = pthread_create(&t->thread, NULL, thread_main, t);
		if (errno)
			bench_die("pthread_create");
	}
	thread_main(&bench.thread[0]);
	for (unsigned int i = 1; i < bench.nr_threads; i++)
		pthread_join(bench.thread[i].thread, NULL);
	report();
	if (bench_candidate.fini)
		bench_candidate.fini();
	return 0;
}
