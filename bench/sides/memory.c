// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * memory.c - how many pages text takes
 *
 * Threads, taking turns on all CPUs, print F2 until about 2 MiB wait; with a storm, a timer in each
 * thread interrupts it, and the handler prints too. Then pages in use are counted, against what
 * cannot be done without: the text and a header for each message. After that the text is read, and
 * the threads go on. A case is a process of its own, so that none finds pages of the one before.
 *
 * --rounds 9  --bytes 2097152  --storm 50 (us)
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "common.h"
#include "plain.h"
#include "side.h"

#define PAGE		4096.0
#define MEAN_BYTES	40u
#define MAX_THREADS	64u

static const unsigned int thread_counts[] = { 1, 4, 16, 64 };

static struct {
	const struct bench_side *side;
	unsigned int nr_threads;
	unsigned int calls;		/* of a thread, a round */
	unsigned int storm_us;
	unsigned int rounds;
	pthread_barrier_t begin, end;
	atomic_ulong accepted, refused;
} c;

static char room[1 << 16];

static unsigned int pages_of(unsigned int side)
{
	return side ? plain_pages_used() : bsp_arena_live();
}

static double header_of(unsigned int side)
{
	return side ? 16 : 8;
}

static void print(unsigned int i, unsigned int nr)
{
	unsigned int done = 0, went;

	while (done < nr) {
		went = c.side->run[BENCH_FORMAT_F2](i + done, nr - done);
		atomic_fetch_add(&c.accepted, went);
		done += went;
		if (done < nr) {
			atomic_fetch_add(&c.refused, 1);
			done++;
		}
	}
}

static void on_storm(int sig)
{
	int saved = errno;

	print((unsigned int)sig, 1);
	errno = saved;
}

static void set_storm(timer_t timer, unsigned int us)
{
	struct itimerspec period = { .it_value.tv_nsec = us * 1000l, .it_interval.tv_nsec = us * 1000l };

	if (timer_settime(timer, 0, &period, NULL))
		bench_die("timer_settime");
}

static timer_t make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		bench_die("timer_create");
	return timer;
}

static void *thread_main(void *arg)
{
	unsigned int number = (unsigned int)(size_t)arg;
	timer_t timer = make_timer();

	bench_pin(number);
	for (unsigned int r = 0; r < c.rounds; r++) {
		pthread_barrier_wait(&c.begin);
		if (c.storm_us)
			set_storm(timer, c.storm_us);
		for (unsigned int i = 0; i < c.calls; i += 64)
			print(number * 131 + i, c.calls - i < 64 ? c.calls - i : 64);
		if (c.storm_us)
			set_storm(timer, 0);
		pthread_barrier_wait(&c.end);	/* counted */
		pthread_barrier_wait(&c.end);	/* read */
	}
	timer_delete(timer);
	return NULL;
}

static void start_threads(pthread_t *thread)
{
	pthread_barrier_init(&c.begin, NULL, c.nr_threads + 1);
	pthread_barrier_init(&c.end, NULL, c.nr_threads + 1);
	for (size_t i = 0; i < c.nr_threads; i++)
		if (pthread_create(&thread[i], NULL, thread_main, (void *)i))
			bench_die("pthread_create");
}

static void report(unsigned int side, double pages, double needed, double ratio)
{
	bench_json_begin("memory");
	bench_json_string("candidate", bench_side[side].name);
	bench_json_number("threads", c.nr_threads);
	bench_json_number("storm", c.storm_us);
	bench_json_number("pages", pages);
	bench_json_number("needed", needed);
	bench_json_number("of_needed", ratio);
	bench_json_number("messages", (double)atomic_load(&c.accepted));
	bench_json_number("refused", (double)atomic_load(&c.refused));
	bench_json_end();
}

static void run_case(unsigned int side)
{
	double *pages = calloc(c.rounds, sizeof(double)), *needed = calloc(c.rounds, sizeof(double));
	double *ratio = calloc(c.rounds, sizeof(double));
	pthread_t thread[MAX_THREADS];

	c.side = &bench_side[side];
	signal(SIGUSR1, on_storm);
	bench_sides_init();
	start_threads(thread);
	for (unsigned int r = 0; r < c.rounds; r++) {
		unsigned long before = atomic_load(&c.accepted);

		pthread_barrier_wait(&c.begin);
		pthread_barrier_wait(&c.end);
		pages[r] = pages_of(side);
		needed[r] = ((double)bench_side_read_all(c.side, room, sizeof(room)) +
			     (double)(atomic_load(&c.accepted) - before) * header_of(side)) / PAGE;
		ratio[r] = pages[r] / needed[r];
		pthread_barrier_wait(&c.end);
	}
	for (unsigned int i = 0; i < c.nr_threads; i++)
		pthread_join(thread[i], NULL);
	bench_sort(pages, c.rounds);
	bench_sort(needed, c.rounds);
	bench_sort(ratio, c.rounds);
	report(side, bench_percentile(pages, c.rounds, 0.5), bench_percentile(needed, c.rounds, 0.5),
	       bench_percentile(ratio, c.rounds, 0.5));
}

static void run_in_child(unsigned int side)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		run_case(side);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		bench_die("a case");
}

int main(int argc, char **argv)
{
	unsigned int storm_us = (unsigned int)bench_option_number(argc, argv, "--storm", 50);
	size_t bytes = bench_option_number(argc, argv, "--bytes", 2u << 20);

	c.rounds = (unsigned int)bench_option_number(argc, argv, "--rounds", 9);
	for (size_t i = 0; i < sizeof(thread_counts) / sizeof(*thread_counts); i++) {
		for (unsigned int storm = 0; storm < 2; storm++) {
			for (unsigned int side = 0; side < BENCH_NR_SIDES; side++) {
				c.nr_threads = thread_counts[i];
				c.calls = (unsigned int)(bytes / MEAN_BYTES) / c.nr_threads + 1;
				c.storm_us = storm ? storm_us : 0;
				run_in_child(side);
			}
		}
	}
	return 0;
}
