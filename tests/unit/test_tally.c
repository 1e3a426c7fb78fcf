// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tally.c - a count and a sum in one addition: what carries, and what is made up for
 */
#include "fixture.h"

#include "tally.h"

#define COUNT_TURN	((u64)1 << 23)	/* half of what the count's part of the word holds */
#define SUM_TURN	((u64)1 << 39)

static struct bpfstream_tally tally;

static void assert_total(u64 count, u64 sum)
{
	struct bpfstream_total total = bpfstream_tally_read(&tally);

	assert_true(total.count == count);
	assert_true(total.sum == sum);
}

static int begin(void **state)
{
	(void)state;
	bpfstream_tally_init(&tally);
	return 0;
}

static void ones_add_up(void **state)
{
	u64 n, sum = 0;

	(void)state;
	assert_total(0, 0);
	for (n = 1; n <= 1000; n++) {
		bpfstream_tally_one(&tally, n * 3);
		sum += n * 3;
		assert_total(n, sum);
	}
	bpfstream_tally_one(&tally, 0);
	assert_total(1001, sum);
	bpfstream_tally_add(&tally, 0, 7);
	assert_total(1001, sum + 7);
	bpfstream_tally_add(&tally, 3, 0);
	assert_total(1004, sum + 7);
}

/* Every half turn of either part, and both at once, from just below it to just past. */
static void parts_carry_at_each_turn(void **state)
{
	u64 turn, step;

	(void)state;
	for (turn = 1; turn < 9; turn++) {
		begin(NULL);
		bpfstream_tally_add(&tally, turn * COUNT_TURN - 2, turn * SUM_TURN - 20);
		for (step = 0; step < 5; step++) {
			assert_total(turn * COUNT_TURN - 2 + step, turn * SUM_TURN - 20 + 10 * step);
			bpfstream_tally_one(&tally, 10);
		}
	}
}

/* Two turns of one part by single steps: a reader makes up for one that is missing, not for two. */
static void each_part_turns_by_itself(void **state)
{
	u64 turn;

	(void)state;
	for (turn = 1; turn < 4; turn++) {
		bpfstream_tally_add(&tally, COUNT_TURN - 1, 0);
		bpfstream_tally_one(&tally, 0);
		assert_total(turn * COUNT_TURN, 0);
	}
	begin(NULL);
	for (turn = 1; turn < 4; turn++) {
		bpfstream_tally_add(&tally, 0, SUM_TURN - 1);
		bpfstream_tally_one(&tally, 1);
		assert_total(turn, turn * SUM_TURN);
	}
}

static void any_number_is_added_at_once(void **state)
{
	static const u64 part[] = {
		0, 1, COUNT_TURN - 1, COUNT_TURN, 2 * COUNT_TURN, 5 * COUNT_TURN + 3, SUM_TURN - 1,
		SUM_TURN, 2 * SUM_TURN, 3 * SUM_TURN + COUNT_TURN, (u64)1 << 62
	};
	const u32 nr = sizeof(part) / sizeof(*part);
	u32 a, b, c;

	(void)state;
	for (a = 0; a < nr; a++) {
		for (b = 0; b < nr; b++) {
			for (c = 0; c < nr - 1; c++) {
				begin(NULL);
				bpfstream_tally_add(&tally, part[c], part[a]);
				bpfstream_tally_add(&tally, part[a], part[b]);
				assert_total(part[c] + part[a], part[a] + part[b]);
				bpfstream_tally_one(&tally, 1);
				assert_total(part[c] + part[a] + 1, part[a] + part[b] + 1);
			}
		}
	}
}

static void a_token_tells_any_two_apart(void **state)
{
	u64 before, n;

	(void)state;
	bpfstream_tally_add(&tally, COUNT_TURN - 3, SUM_TURN - 3);
	for (n = 0; n < 6; n++) {
		before = bpfstream_tally_token(&tally);
		bpfstream_tally_one(&tally, n % 2);
		assert_true(bpfstream_tally_token(&tally) != before);
	}
}

/* As by who is interrupted, or killed, between the addition and the turn it has to tell of. */
static void a_turn_that_is_not_told_yet_is_made_up_for(void **state)
{
	u64 turn;

	(void)state;
	for (turn = 1; turn < 5; turn++) {
		begin(NULL);
		bpfstream_tally_add(&tally, turn * COUNT_TURN - 1, turn * SUM_TURN - 1);
		(void)bsp_counter_add_return(&tally.low, (u64)1 << BPFSTREAM_TALLY_COUNT | 1);
		assert_total(turn * COUNT_TURN, turn * SUM_TURN);
		bpfstream_tally_one(&tally, 5);
		assert_total(turn * COUNT_TURN + 1, turn * SUM_TURN + 5);
	}
}

static void a_turn_that_is_never_told_is_made_up_for_at_the_next(void **state)
{
	(void)state;
	bpfstream_tally_add(&tally, COUNT_TURN - 1, SUM_TURN - 1);
	(void)bsp_counter_add_return(&tally.low, (u64)1 << BPFSTREAM_TALLY_COUNT | 1);
	bpfstream_tally_add(&tally, COUNT_TURN - 1, SUM_TURN - 1);
	assert_total(2 * COUNT_TURN - 1, 2 * SUM_TURN - 1);
	bpfstream_tally_one(&tally, 1);
	assert_total(2 * COUNT_TURN, 2 * SUM_TURN);
}

/* ---- interrupted ---- */

/* As a handler: it finds what there is, and adds to it. */
struct nested {
	struct bpfstream_total found;
	u64 count;
	u64 sum;
};

static void look_and_add(void *arg)
{
	struct nested *n = arg;

	n->found = bpfstream_tally_read(&tally);
	bpfstream_tally_add(&tally, n->count, n->sum);
}

/* Both parts turn: before the one is told of, and before the other. */
static void who_comes_before_a_turn_is_told_finds_it_counted(void **state)
{
	u64 turn;
	long nth;

	(void)state;
	for (turn = 1; turn < 5; turn++) {
		for (nth = 0; nth < 2; nth++) {
			struct nested n = { .count = 3, .sum = 40 };

			begin(NULL);
			bpfstream_tally_add(&tally, turn * COUNT_TURN - 1, turn * SUM_TURN - 7);
			fixture_at(BSP_POINT_COUNTER, nth, look_and_add, &n);
			bpfstream_tally_one(&tally, 9);
			assert_int_equal(bsp_fault.countdown, -1);
			assert_true(n.found.count == turn * COUNT_TURN);
			assert_true(n.found.sum == turn * SUM_TURN + 2);
			assert_total(turn * COUNT_TURN + 3, turn * SUM_TURN + 42);
		}
	}
}

/* One turn is made up for; after two the parts look as if there had been none. */
static void a_reader_that_turns_come_upon_looks_again(void **state)
{
	u64 counts, sums;
	long nth;

	(void)state;
	for (counts = 0; counts < 5; counts++) {
		for (sums = 0; sums < 5; sums++) {
			for (nth = 0; nth < 2; nth++) {
				struct nested n = {
					.count = counts * COUNT_TURN, .sum = sums * SUM_TURN
				};

				begin(NULL);
				bpfstream_tally_add(&tally, 11, 22);
				fixture_at(BSP_POINT_COUNTER, nth, look_and_add, &n);
				assert_total(11 + n.count, 22 + n.sum);
				assert_int_equal(bsp_fault.countdown, -1);
				assert_true(n.found.count == 11 && n.found.sum == 22);
			}
		}
	}
}

#define TEST(fn)	cmocka_unit_test_setup(fn, begin)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(ones_add_up),
		TEST(parts_carry_at_each_turn),
		TEST(each_part_turns_by_itself),
		TEST(any_number_is_added_at_once),
		TEST(a_token_tells_any_two_apart),
		TEST(a_turn_that_is_not_told_yet_is_made_up_for),
		TEST(a_turn_that_is_never_told_is_made_up_for_at_the_next),
		TEST(who_comes_before_a_turn_is_told_finds_it_counted),
		TEST(a_reader_that_turns_come_upon_looks_again),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
