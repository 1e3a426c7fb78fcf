// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_wait.c - a reader that sleeps while there is nothing to read
 *
 * Writers print a little, then wait until it was read. So the stream is empty again and again, and
 * a wake-up that is lost is missed: nobody prints until it comes. The wait is bounded; one that
 * ends for want of patience with text there has lost its wake-up.
 */
#include "storm.h"

#include <poll.h>
#include <sched.h>
#include <time.h>

#define WRITERS		3u
#define CONSUMER	3u
#define BURST		3u

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_read(void *arg)
{
	struct storm *s = arg;

	return !storm_stat(s->prog).pending;
}

/* Mostly it is only a moment, then the patience begins. */
static bool read_soon(struct storm *s)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if (is_read(s))
			return true;
		sched_yield();
	}
	return fixture_soon(is_read, s);
}

static void print_bursts(struct storm_thread *thread)
{
	struct account *a = thread->account[0];
	unsigned int i;

	while (a->next < thread->storm->messages) {
		for (i = 0; i <= thread->nr % BURST; i++)
			(void)account_print(a, thread->storm->prog);
		if (!read_soon(thread->storm))
			break;
	}
	storm_count(&thread->storm->writing, -1);
}

static void print_one(struct storm_thread *thread)
{
	(void)account_print(thread->account[0], thread->storm->prog);
}

/* The patience of a wait is half that of writers: who is to blame shows. */
static void consume_after_wait(struct storm_thread *thread)
{
	struct storm *s = thread->storm;

	while (!storm_is_over(s)) {
		long begin = now_ms();
		int ready = bpfstream_prog_wait(s->prog, FIXTURE_PATIENCE_MS / 2);

		if (ready > 0 && now_ms() - begin >= FIXTURE_PATIENCE_MS / 2)
			storm_count(&s->failed, 1);
		storm_drain(&s->outlet[0], s->prog);
	}
}

static void consume_after_poll(struct storm_thread *thread)
{
	struct storm *s = thread->storm;
	struct pollfd pfd = { .fd = bpfstream_prog_fd(s->prog), .events = POLLIN };

	while (!storm_is_over(s)) {
		if (!poll(&pfd, 1, FIXTURE_PATIENCE_MS / 2) && !is_read(s))
			storm_count(&s->failed, 1);
		storm_drain(&s->outlet[0], s->prog);
	}
}

static void run(void (*consume)(struct storm_thread *thread), bool signals)
{
	const struct bpfstream_opts roomy = { .sz = sizeof(roomy), .capacity = FIXTURE_CAPACITY };
	struct storm *s = storm_open(&roomy, storm_loops(6000, 100), 400);
	unsigned int i;

	s->thread[CONSUMER].deaf = true;	/* to signals: they would end its wait too */
	storm_start(s, CONSUMER, consume);
	storm_count(&s->writing, WRITERS);
	for (i = 0; i < WRITERS; i++)
		storm_start(s, i, print_bursts);
	if (signals)
		storm_flood(s);
	for (i = 0; i < WRITERS; i++)
		storm_join(s, i);
	storm_over(s);
	/* Wake the consumer, so that it sees that all is over. */
	storm_start(s, 0, print_one);
	storm_join(s, 0);
	storm_join(s, CONSUMER);
	storm_drain(&s->outlet[0], s->prog);
	assert_int_equal(s->failed, 0);
	assert_int_equal(storm_writing(s), 0);
	storm_prove_sole(s, &s->outlet[0]);
	storm_close(s);
}

static void a_wait_does_not_sleep_while_text_is_there(void **state)
{
	(void)state;
	run(consume_after_wait, false);
}

static void neither_does_a_wait_with_signals_at_the_writers(void **state)
{
	(void)state;
	run(consume_after_wait, true);
}

static void a_poll_of_the_descriptor_does_not_sleep_either(void **state)
{
	(void)state;
	run(consume_after_poll, true);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_does_not_sleep_while_text_is_there),
		cmocka_unit_test(neither_does_a_wait_with_signals_at_the_writers),
		cmocka_unit_test(a_poll_of_the_descriptor_does_not_sleep_either),
	};

	storm_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
