// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_jumps.c - handlers that leave by siglongjmp() and never return to the print they interrupted
 */
#include "storm.h"

#include "slot.h"

#define WRITERS	3u
#define JUMP_IN	4u	/* signals */

/* Whatever handlers and thread were printing is left in the middle. */
static void jump_away(struct storm_thread *thread, unsigned int kind)
{
	if (thread->may_jump && !thread->noting &&
	    seeded_once_in(&thread->account[kind]->rng, JUMP_IN))
		siglongjmp(thread->jump, 1);
}

static void landed(struct storm_thread *thread)
{
	unsigned int kind;

	for (kind = 0; kind < STORM_KINDS; kind++)
		if (thread->account[kind]->in_flight)
			account_cut_short(thread->account[kind]);
	storm_count(&thread->storm->count, 1);
}

/* Overwrite what dead frames have left on the stack. */
static void __attribute__((__noinline__)) scrub(void)
{
	volatile char stack[65536];
	unsigned int i;

	for (i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

/* With no handler any more: the levels that were left by jumps are to be had again. */
static void levels_come_back(struct storm_thread *thread)
{
	scrub();
	(void)account_print(thread->account[0], thread->storm->prog);
}

static void print_and_jump(struct storm_thread *thread)
{
	struct account *a = thread->account[0];

	if (sigsetjmp(thread->jump, 1))
		landed(thread);
	thread->may_jump = 1;
	while (a->next < thread->storm->messages)
		if (!account_print(a, thread->storm->prog))
			break;
	thread->may_jump = 0;
	storm_count(&thread->storm->writing, -1);
}

static void prints_that_handlers_jump_out_of_cost_no_level_and_no_capacity(void **state)
{
	const struct bpfstream_opts roomy = { .sz = sizeof(roomy), .capacity = FIXTURE_CAPACITY };
	struct storm *s = storm_open(&roomy, storm_loops(1000000, 500), 300);
	unsigned int i;

	(void)state;
	storm_count(&s->writing, WRITERS);
	for (i = 0; i < WRITERS; i++) {
		s->thread[i].in_handler = jump_away;
		s->thread[i].at_end = levels_come_back;
		storm_start(s, i, print_and_jump);
	}
	storm_flood(s);
	while (storm_writing(s))
		storm_read(s, &s->outlet[0], 30000);
	for (i = 0; i < WRITERS; i++)
		storm_join(s, i);
	storm_over(s);
	storm_drain(&s->outlet[0], s->prog);
	for (i = 0; i < WRITERS; i++)
		assert_true(s->thread[i].level < BSP_LEVELS);
	storm_prove_sole(s, &s->outlet[0]);
	print_message("%u jumps, %u pages kept\n", s->count, s->adrift);
	storm_close(s);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_that_handlers_jump_out_of_cost_no_level_and_no_capacity),
	};

	storm_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
