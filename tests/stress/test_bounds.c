// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_bounds.c - writers for whom there is not room enough
 */
#include "storm.h"

#define WRITERS		4u
#define SAMPLER		4u
#define TINY		300u
#define SMALL_BUDGET	24u

static void sample(struct storm_thread *thread)
{
	u64 lost = 0;

	while (!storm_is_over(thread->storm)) {
		struct bpfstream_stat stat = storm_stat(thread->storm->prog);

		if (stat.pending >= stat.capacity || stat.lost_full < lost)
			storm_count(&thread->storm->failed, 1);
		lost = stat.lost_full;
	}
}

/* Exactly @capacity - 1 bytes fit into an empty stream. */
static void exactly_what_fits_fits(struct bpfstream_prog *prog, u32 capacity)
{
	static char text[TINY], back[TINY];

	assert_in_range(capacity, 1, TINY);
	memset(text, '.', capacity);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, text, capacity), -ENOSPC);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, text, capacity - 1), 0);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, text, 1), -ENOSPC);
	assert_int_equal(storm_stat(prog).pending, capacity - 1);
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, back, TINY), capacity - 1);
	assert_memory_equal(back, text, capacity - 1);
}

static void a_tiny_stream_is_never_over_its_capacity(void **state)
{
	const struct bpfstream_opts tiny = { .sz = sizeof(tiny), .capacity = TINY };
	struct storm *s = storm_open(&tiny, storm_loops(8000, 200), 200);
	struct seeded rng = { storm_seed };
	unsigned int i;

	(void)state;
	storm_start(s, SAMPLER, sample);
	for (i = 0; i < WRITERS; i++)
		storm_start(s, i, storm_write_all);
	storm_flood(s);
	while (storm_writing(s))
		storm_read(s, &s->outlet[0], 1 + seeded_below(&rng, TINY));
	for (i = 0; i < WRITERS; i++)
		storm_join(s, i);
	storm_over(s);
	storm_join(s, SAMPLER);
	storm_drain(&s->outlet[0], s->prog);
	assert_int_equal(s->failed, 0);
	assert_true(storm_stat(s->prog).lost_full > 0);
	storm_prove_sole(s, &s->outlet[0]);
	exactly_what_fits_fits(s->prog, TINY);
	storm_close(s);
}

static void losses_for_want_of_pages_are_counted(void **state)
{
	const struct bpfstream_opts poor = { .sz = sizeof(poor), .page_budget = SMALL_BUDGET };
	struct storm *s = storm_open(&poor, storm_loops(100000, 500), ACCOUNT_FILL_MAX);
	unsigned int i;

	(void)state;
	for (i = 0; i < WRITERS; i++)
		storm_start(s, i, storm_write_all);
	storm_flood(s);
	while (storm_writing(s) && !storm_stat(s->prog).lost_nomem)
		storm_pause_us(100);
	while (storm_writing(s)) {
		storm_read(s, &s->outlet[0], 30000);
		storm_pause_us(100);
	}
	for (i = 0; i < WRITERS; i++)
		storm_join(s, i);
	storm_over(s);
	assert_true(bsp_arena_live() <= SMALL_BUDGET);
	storm_drain(&s->outlet[0], s->prog);
	assert_true(storm_stat(s->prog).lost_nomem > 0);
	storm_prove_sole(s, &s->outlet[0]);
	storm_close(s);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tiny_stream_is_never_over_its_capacity),
		cmocka_unit_test(losses_for_want_of_pages_are_counted),
	};

	storm_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
