// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_writers.c - many writers, one reader
 */
#include "storm.h"

#define WRITERS	4u

static const struct bpfstream_opts roomy = { .sz = sizeof(roomy), .capacity = FIXTURE_CAPACITY };

/* Read until all writers have ended, in pieces that cut messages anywhere. */
static void read_all(struct storm *s, struct seeded *rng)
{
	unsigned int i;

	while (storm_writing(s))
		storm_read(s, &s->outlet[0], 1 + seeded_below(rng, 30000));
	for (i = 0; i < WRITERS; i++)
		storm_join(s, i);
	storm_over(s);
	storm_drain(&s->outlet[0], s->prog);
}

static void run(bool signals, u32 messages)
{
	struct storm *s = storm_open(&roomy, storm_loops(messages, 100), ACCOUNT_FILL_MAX);
	struct seeded rng = { storm_seed };
	unsigned int i;

	for (i = 0; i < WRITERS; i++)
		storm_start(s, i, storm_write_all);
	if (signals)
		storm_flood(s);
	read_all(s, &rng);
	storm_prove_sole(s, &s->outlet[0]);
	storm_close(s);
}

static void many_writers_are_read_whole_once_and_in_order(void **state)
{
	(void)state;
	run(false, 500000);
}

static void so_are_writers_that_nested_signals_interrupt(void **state)
{
	(void)state;
	run(true, 1000000);
}

static void print_a_little(struct storm_thread *thread)
{
	u32 end = thread->account[0]->next + 20;

	while (thread->account[0]->next < end)
		if (!account_print(thread->account[0], thread->storm->prog))
			return;
}

static void hundreds_of_short_threads_leave_no_slot_and_no_page(void **state)
{
	u32 rounds = storm_loops(150, 15), i, nr, highest = 0;
	struct storm *s = storm_open(&roomy, 25 * rounds, 400);

	(void)state;
	storm_flood(s);
	for (i = 0; i < rounds; i++) {
		for (nr = 0; nr < WRITERS; nr++)
			storm_start(s, nr, print_a_little);
		storm_drain(&s->outlet[0], s->prog);
		for (nr = 0; nr < WRITERS; nr++) {
			storm_join(s, nr);
			if (s->thread[nr].slot > highest)
				highest = s->thread[nr].slot;
		}
	}
	storm_over(s);
	storm_drain(&s->outlet[0], s->prog);
	/* This thread's, the writers', and some whose thread the kernel took its time to forget. */
	assert_in_range(highest, 1, 8 * WRITERS);
	assert_in_range(bsp_slots_pages(), 1, 8 * WRITERS * BSP_LEVELS);
	storm_prove_sole(s, &s->outlet[0]);
	storm_close(s);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_writers_are_read_whole_once_and_in_order),
		cmocka_unit_test(so_are_writers_that_nested_signals_interrupt),
		cmocka_unit_test(hundreds_of_short_threads_leave_no_slot_and_no_page),
	};

	storm_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
