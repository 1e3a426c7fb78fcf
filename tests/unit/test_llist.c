// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_llist.c - llist.c: linking and charging are one
 */
#include "fixture.h"

#include "llist.h"

#define NR_NODES	64u
#define PLENTY		1000u

/* Nodes live in the arena, as links reach nothing else. */
static struct bpfstream_page *page;
static struct bpfstream_llist list;
static u64 before;

static struct bpfstream_node *node(u32 i)
{
	return (struct bpfstream_node *)(void *)((char *)page + 64 + i * 16);
}

static int setup(void **state)
{
	u32 i;

	if (fixture_setup(state))
		return -1;
	page = bsp_page_alloc();
	if (!page)
		return -1;
	for (i = 0; i < NR_NODES; i++)
		bpfstream_node_set_next(node(i), NULL);
	bpfstream_llist_init(&list);
	before = ~(u64)0;
	return 0;
}

static int teardown(void **state)
{
	bsp_page_free(page);
	return fixture_teardown(state);
}

static bool push(u32 i, u64 weight, u64 limit)
{
	return bpfstream_llist_push(&list, node(i), node(i), weight, limit, &before);
}

/* A chain is these nodes, in this order, and no more; the last argument is -1. */
static void assert_chain(const struct bpfstream_node *first, ...)
{
	va_list ap;
	int i;

	va_start(ap, first);
	for (i = va_arg(ap, int); i >= 0; i = va_arg(ap, int)) {
		assert_ptr_equal(first, node((u32)i));
		first = bpfstream_node_next(first);
	}
	va_end(ap);
	assert_null(first);
}

static void a_new_list_is_empty_and_weighs_nothing(void **state)
{
	(void)state;
	assert_true(bpfstream_llist_empty(&list));
	assert_int_equal(bpfstream_llist_weight(&list), 0);
	assert_null(bpfstream_llist_take(&list));
}

static void a_push_links_and_charges(void **state)
{
	(void)state;
	assert_true(push(0, 7, PLENTY));
	assert_int_equal(before, 0);
	assert_false(bpfstream_llist_empty(&list));
	assert_int_equal(bpfstream_llist_weight(&list), 7);
	assert_true(push(1, 5, PLENTY));
	assert_int_equal(before, 7);
	assert_int_equal(bpfstream_llist_weight(&list), 12);
}

static void a_take_gets_all_newest_first_and_leaves_the_weight(void **state)
{
	(void)state;
	assert_true(push(0, 1, PLENTY));
	assert_true(push(1, 2, PLENTY));
	assert_true(push(2, 3, PLENTY));
	assert_chain(bpfstream_llist_take(&list), 2, 1, 0, -1);
	assert_true(bpfstream_llist_empty(&list));
	assert_int_equal(bpfstream_llist_weight(&list), 6);
	assert_null(bpfstream_llist_take(&list));
}

static void a_push_after_a_take_does_not_find_what_was_taken(void **state)
{
	(void)state;
	assert_true(push(0, 1, PLENTY));
	assert_non_null(bpfstream_llist_take(&list));
	assert_true(push(1, 1, PLENTY));
	assert_int_equal(before, 1);
	assert_chain(bpfstream_llist_take(&list), 1, -1);
}

static void a_chain_is_pushed_whole_and_in_its_order(void **state)
{
	(void)state;
	assert_true(push(0, 1, PLENTY));
	bpfstream_node_set_next(node(3), node(2));
	bpfstream_node_set_next(node(2), node(1));
	assert_true(bpfstream_llist_push(&list, node(3), node(1), 9, PLENTY, &before));
	assert_int_equal(bpfstream_llist_weight(&list), 10);
	assert_chain(bpfstream_llist_take(&list), 3, 2, 1, 0, -1);
}

static void reverse_turns_a_chain_round(void **state)
{
	(void)state;
	assert_null(bpfstream_llist_reverse(NULL));
	assert_chain(bpfstream_llist_reverse(node(0)), 0, -1);
	bpfstream_node_set_next(node(0), node(1));
	bpfstream_node_set_next(node(1), node(2));
	assert_chain(bpfstream_llist_reverse(node(0)), 2, 1, 0, -1);
}

static void lighten_takes_weight_off_and_tells_what_is_left(void **state)
{
	(void)state;
	assert_true(push(0, 10, PLENTY));
	assert_int_equal(bpfstream_llist_lighten(&list, 3), 7);
	assert_int_equal(bpfstream_llist_weight(&list), 7);
	assert_chain(bpfstream_llist_take(&list), 0, -1);
	assert_int_equal(bpfstream_llist_lighten(&list, 7), 0);
	assert_int_equal(bpfstream_llist_weight(&list), 0);
}

static void the_limit_is_exclusive_and_exact(void **state)
{
	(void)state;
	assert_false(push(0, 11, 10));
	assert_false(push(0, 10, 10));
	assert_true(push(0, 4, 10));
	assert_false(push(1, 6, 10));
	assert_true(push(1, 5, 10));
	assert_int_equal(bpfstream_llist_weight(&list), 9);
	assert_false(push(2, 1, 10));
	assert_true(push(2, 0, 10));
	assert_int_equal(bpfstream_llist_lighten(&list, 1), 8);
	assert_false(push(3, 2, 10));
	assert_true(push(3, 1, 10));
	assert_chain(bpfstream_llist_take(&list), 3, 2, 1, 0, -1);
}

static void each_push_is_judged_by_its_own_limit(void **state)
{
	(void)state;
	assert_true(push(0, 50, 100));
	assert_false(push(1, 1, 50));
	assert_false(push(1, 1, 51));
	assert_true(push(1, 1, 52));
}

static void a_sum_that_would_wrap_is_refused(void **state)
{
	(void)state;
	assert_true(push(0, 5, ~(u64)0));
	assert_false(push(1, ~(u64)0, ~(u64)0));
	assert_false(push(1, ~(u64)0 - 1, ~(u64)0));
	assert_false(push(1, ~(u64)0 - 5, ~(u64)0));
	assert_int_equal(bpfstream_llist_weight(&list), 5);
}

static void a_refused_push_changes_nothing(void **state)
{
	u64 word;

	(void)state;
	assert_true(push(0, 9, 10));
	word = list.word;
	before = ~(u64)0;
	assert_false(push(1, 1, 10));
	assert_int_equal(before, 9);
	assert_true(list.word == word);
	assert_chain(node(1), 1, -1);
	assert_chain(bpfstream_llist_take(&list), 0, -1);
}

/* A weight of 31 bits and a link of 32 share a word and do not touch. */
static void the_largest_weight_and_any_link_keep_apart(void **state)
{
	const u64 most = 0x7fffffff;
	struct bpfstream_node *high;

	(void)state;
	/* The highest node that a link can name; nobody looks into it. */
	high = (struct bpfstream_node *)(void *)(bsp_arena + (((size_t)1 << 35) - 8));
	assert_true(bpfstream_llist_push(&list, high, node(0), most, most + 1, &before));
	assert_int_equal(bpfstream_llist_weight(&list), most);
	assert_false(push(1, 1, most + 1));
	assert_true(push(1, most, 2 * most + 1));
	assert_int_equal(bpfstream_llist_weight(&list), 2 * most);
	assert_ptr_equal(bpfstream_node_next(node(1)), high);
	assert_ptr_equal(bpfstream_llist_take(&list), node(1));
	assert_int_equal(bpfstream_llist_lighten(&list, 2 * most), 0);
	assert_true(list.word == 0);
}

/* ---- interrupted ---- */

static bool nested_ok;

static void push_node_9(void *arg)
{
	u64 weight_before;

	nested_ok = bpfstream_llist_push(&list, node(9), node(9), *(u64 *)arg, PLENTY,
					 &weight_before);
}

static void a_nested_push_wins_and_the_outer_tries_again(void **state)
{
	u64 weight = 3;

	(void)state;
	assert_true(push(0, 1, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, push_node_9, &weight);
	assert_true(push(1, 2, PLENTY));
	assert_true(nested_ok);
	assert_int_equal(before, 4);
	assert_int_equal(bpfstream_llist_weight(&list), 6);
	assert_chain(bpfstream_llist_take(&list), 1, 9, 0, -1);
}

static void a_nested_push_that_takes_the_room_has_the_outer_refused(void **state)
{
	u64 weight = PLENTY - 1;

	(void)state;
	assert_true(push(0, 0, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, push_node_9, &weight);
	assert_false(push(1, 1, PLENTY));
	assert_int_equal(before, PLENTY - 1);
	assert_int_equal(bpfstream_llist_weight(&list), PLENTY - 1);
	assert_chain(node(1), 1, -1);	/* its first try had linked it to the list */
	assert_chain(bpfstream_llist_take(&list), 9, 0, -1);
}

static void a_nested_push_is_seen_by_the_outer_take(void **state)
{
	u64 weight = 1;

	(void)state;
	assert_true(push(0, 10, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, push_node_9, &weight);
	assert_chain(bpfstream_llist_take(&list), 9, 0, -1);
	assert_true(bpfstream_llist_empty(&list));
	assert_int_equal(bpfstream_llist_weight(&list), 11);
}

static struct bpfstream_node *nested_taken;

static void take_all(void *arg)
{
	(void)arg;
	nested_taken = bpfstream_llist_take(&list);
}

static void a_nested_take_leaves_the_outer_push_alone(void **state)
{
	(void)state;
	assert_true(push(0, 1, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, take_all, NULL);
	assert_true(push(1, 1, PLENTY));
	assert_chain(nested_taken, 0, -1);
	assert_chain(bpfstream_llist_take(&list), 1, -1);
	assert_int_equal(bpfstream_llist_weight(&list), 2);
}

static void a_nested_take_leaves_the_outer_take_nothing(void **state)
{
	(void)state;
	assert_true(push(0, 1, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, take_all, NULL);
	assert_null(bpfstream_llist_take(&list));
	assert_chain(nested_taken, 0, -1);
}

/* Take all, and bring the newest back alone: the word is what it was, the list is not. */
static void bring_back_newest(void *arg)
{
	u64 word = list.word;
	u64 weight_before;

	nested_taken = bpfstream_llist_take(&list);
	nested_ok = bpfstream_llist_push(&list, nested_taken, nested_taken, 0, PLENTY,
					 &weight_before);
	*(bool *)arg = list.word == word;
}

static void a_word_that_went_away_and_came_back_misleads_no_push(void **state)
{
	bool same = false;

	(void)state;
	assert_true(push(0, 1, PLENTY));
	assert_true(push(1, 1, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, bring_back_newest, &same);
	assert_true(push(2, 1, PLENTY));
	assert_true(same);
	assert_chain(bpfstream_llist_take(&list), 2, 1, -1);
	assert_int_equal(bpfstream_llist_weight(&list), 3);
}

static void a_word_that_went_away_and_came_back_misleads_no_take(void **state)
{
	bool same = false;

	(void)state;
	assert_true(push(0, 1, PLENTY));
	assert_true(push(1, 1, PLENTY));
	fixture_at(BSP_POINT_CMPXCHG, 0, bring_back_newest, &same);
	assert_chain(bpfstream_llist_take(&list), 1, -1);
	assert_true(same);
	assert_true(bpfstream_llist_empty(&list));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_list_is_empty_and_weighs_nothing),
		TEST(a_push_links_and_charges),
		TEST(a_take_gets_all_newest_first_and_leaves_the_weight),
		TEST(a_push_after_a_take_does_not_find_what_was_taken),
		TEST(a_chain_is_pushed_whole_and_in_its_order),
		TEST(reverse_turns_a_chain_round),
		TEST(lighten_takes_weight_off_and_tells_what_is_left),
		TEST(the_limit_is_exclusive_and_exact),
		TEST(each_push_is_judged_by_its_own_limit),
		TEST(a_sum_that_would_wrap_is_refused),
		TEST(a_refused_push_changes_nothing),
		TEST(the_largest_weight_and_any_link_keep_apart),
		TEST(a_nested_push_wins_and_the_outer_tries_again),
		TEST(a_nested_push_that_takes_the_room_has_the_outer_refused),
		TEST(a_nested_push_is_seen_by_the_outer_take),
		TEST(a_nested_take_leaves_the_outer_push_alone),
		TEST(a_nested_take_leaves_the_outer_take_nothing),
		TEST(a_word_that_went_away_and_came_back_misleads_no_push),
		TEST(a_word_that_went_away_and_came_back_misleads_no_take),
	};

	return cmocka_run_group_tests_name("llist", tests, NULL, NULL);
}
