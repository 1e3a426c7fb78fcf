// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_atomics.c - the shim's words: loads, stores, swaps, counters, links, references
 *
 * What one thread can see of them, and what two can see that does not depend on order; what they
 * order is in test_orders.c.
 */
#include "contract.h"

#define ONES		(~(u64)0)
#define LINK_MAX	0xffffffffu

/* ---- loads, stores, swaps ---- */

static void a_load_gives_what_a_store_put_in_any_width(void **state)
{
	u64 eight = 0;
	u32 four = 0;
	u16 two = 0;
	void *pointer = NULL;

	(void)state;
	bsp_store_relaxed(&eight, 0x0123456789abcdefu);
	bsp_store_relaxed(&four, 0x89abcdefu);
	bsp_store_relaxed(&two, (u16)0xcdef);
	bsp_store_relaxed(&pointer, &pointer);
	assert_true(bsp_load_relaxed(&eight) == 0x0123456789abcdefu);
	assert_int_equal(bsp_load_relaxed(&four), 0x89abcdefu);
	assert_int_equal(bsp_load_relaxed(&two), 0xcdef);
	assert_ptr_equal(bsp_load_relaxed(&pointer), &pointer);
}

static void a_store_leaves_its_neighbours_alone(void **state)
{
	u16 two[3] = { 0xffff, 0xffff, 0xffff };
	u32 four[3] = { LINK_MAX, LINK_MAX, LINK_MAX };

	(void)state;
	bsp_store_relaxed(&two[1], (u16)0);
	bsp_store_relaxed(&four[1], 0u);
	assert_int_equal(two[0] & two[2], 0xffff);
	assert_int_equal(four[0] & four[2], LINK_MAX);
	assert_int_equal(two[1] | four[1], 0);
}

static void a_swap_that_finds_the_old_value_puts_the_new(void **state)
{
	u64 word = 5, old = 5;

	(void)state;
	assert_true(bsp_try_cmpxchg_release(&word, &old, ONES));
	assert_true(word == ONES);
	assert_int_equal(old, 5);
	old = ONES;
	assert_true(bsp_try_cmpxchg_acquire(&word, &old, (u64)7));
	assert_int_equal(word, 7);
	assert_true(old == ONES);
}

static void a_swap_that_finds_another_value_tells_it_and_changes_nothing(void **state)
{
	u64 word = (u64)1 << 32, old = 0;

	(void)state;
	assert_false(bsp_try_cmpxchg_release(&word, &old, (u64)9));
	assert_true(word == (u64)1 << 32);
	assert_true(old == (u64)1 << 32);
	old = 1;	/* differs in the upper half alone, too */
	assert_false(bsp_try_cmpxchg_acquire(&word, &old, (u64)9));
	assert_true(word == (u64)1 << 32);
	assert_true(old == (u64)1 << 32);
}

static void a_swap_that_failed_succeeds_with_what_it_was_told(void **state)
{
	u64 word = 3, old = 0;

	(void)state;
	assert_false(bsp_try_cmpxchg_release(&word, &old, (u64)4));
	assert_true(bsp_try_cmpxchg_release(&word, &old, (u64)4));
	assert_int_equal(word, 4);
	old = 0;
	assert_false(bsp_try_cmpxchg_acquire(&word, &old, (u64)5));
	assert_true(bsp_try_cmpxchg_acquire(&word, &old, (u64)5));
	assert_int_equal(word, 5);
}

static void sub_return_tells_what_is_left_and_wraps(void **state)
{
	u64 word = (u64)3 << 32 | 1;

	(void)state;
	assert_true(bsp_sub_return_relaxed(&word, (u64)1 << 32) == ((u64)2 << 32 | 1));
	assert_true(bsp_sub_return_relaxed(&word, (u64)0) == ((u64)2 << 32 | 1));
	assert_true(bsp_sub_return_relaxed(&word, word) == 0);
	assert_true(bsp_sub_return_relaxed(&word, (u64)1) == ONES);
	assert_true(word == ONES);
}

/* ---- counters ---- */

static void a_counter_has_64_bits(void **state)
{
	bsp_counter_t counter;

	(void)state;
	bsp_counter_set(&counter, 0);
	assert_true(bsp_counter_read(&counter) == 0);
	assert_true(bsp_counter_add_return(&counter, 0xffffffffu) == 0xffffffffu);
	assert_true(bsp_counter_add_return(&counter, 1) == (u64)1 << 32);
	assert_true(bsp_counter_read(&counter) == (u64)1 << 32);
	bsp_counter_add_release(&counter, (u64)1 << 62);
	assert_true(bsp_counter_read_acquire(&counter) == ((u64)1 << 62) + ((u64)1 << 32));
	bsp_counter_set(&counter, ONES);
	assert_true(bsp_counter_read(&counter) == ONES);
	assert_true(bsp_counter_read_acquire(&counter) == ONES);
	assert_true(bsp_counter_add_return(&counter, 1) == 0);
	bsp_counter_add_release(&counter, ONES);
	assert_true(bsp_counter_read(&counter) == ONES);
}

/* What two threads do to the same words. */
struct shared {
	unsigned long rounds;
	bsp_counter_t counter;
	u64 sum;
	u64 swapped;
	bsp_ref_t ref;
	u32 lasts;
	u64 whole;
	bool torn;
};

static void count_down_and_up(void *arg)
{
	struct shared *shared = arg;
	unsigned long i;

	for (i = 0; i < shared->rounds; i++) {
		u64 old = bsp_load_relaxed(&shared->swapped);

		bsp_counter_add_return(&shared->counter, ((u64)1 << 32) + 1);
		(void)bsp_sub_return_relaxed(&shared->sum, (u64)3);
		while (!bsp_try_cmpxchg_release(&shared->swapped, &old, old + 2))
			;
		if (bsp_ref_sub(&shared->ref, 1))
			__atomic_fetch_add(&shared->lasts, 1, __ATOMIC_RELAXED);
	}
}

static void no_step_of_two_threads_is_lost(void **state)
{
	struct shared shared = { .rounds = fixture_loops(100000) };
	struct contract_thread thread;
	u64 n = 2 * shared.rounds;

	(void)state;
	shared.sum = 3 * n + 1;
	bsp_ref_init(&shared.ref, (u32)n);
	contract_start(&thread, count_down_and_up, &shared);
	count_down_and_up(&shared);
	contract_join(&thread);
	assert_true(bsp_counter_read(&shared.counter) == (n << 32) + n);
	assert_int_equal(shared.sum, 1);
	assert_int_equal(shared.swapped, 2 * n);
	assert_int_equal(shared.ref, 0);
	assert_int_equal(shared.lasts, 1);
}

static void flip(void *arg)
{
	struct shared *shared = arg;
	unsigned long i;

	for (i = 0; i < shared->rounds; i++)
		bsp_store_relaxed(&shared->whole, i % 2 ? ONES : (u64)0);
}

static void a_word_is_seen_whole_while_another_thread_stores(void **state)
{
	struct shared shared = { .rounds = fixture_loops(1000000) };
	struct contract_thread thread;
	unsigned long i;

	(void)state;
	bsp_note_unordered(&shared.whole, sizeof(shared.whole));
	contract_start(&thread, flip, &shared);
	for (i = 0; i < shared.rounds; i++) {
		u64 seen = bsp_load_relaxed(&shared.whole);

		shared.torn |= seen && seen != ONES;
	}
	contract_join(&thread);
	assert_false(shared.torn);
}

/* ---- links ---- */

static void link_0_is_null_and_null_is_link_0(void **state)
{
	(void)state;
	assert_int_equal(bsp_link_of(NULL), 0);
	assert_null(bsp_link_ptr(0));
}

static void a_link_names_any_grain_of_32_gib(void **state)
{
	const bsp_link_t links[] = { 1, 2, 511, 512, 0x7fffffff, 0x80000000u, 0xfffffffeu, LINK_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(links) / sizeof(*links); i++) {
		char *ptr = bsp_link_ptr(links[i]);

		assert_ptr_equal(ptr, bsp_arena + (size_t)links[i] * 8);
		assert_int_equal(bsp_link_of(ptr), links[i]);
	}
	assert_int_equal(sizeof(bsp_link_t) * 8, BSP_LINK_BITS);
}

static void every_grain_of_a_page_has_a_link_of_its_own(void **state)
{
	char *page = (char *)bsp_page_alloc();
	bsp_link_t first = bsp_link_of(page);
	u32 at;

	(void)state;
	assert_non_null(page);
	assert_int_not_equal(first, 0);
	for (at = 0; at < BSP_PAGE_SIZE; at += 8) {
		assert_int_equal(bsp_link_of(page + at), first + at / 8);
		assert_ptr_equal(bsp_link_ptr(first + at / 8), page + at);
	}
	bsp_page_free((struct bpfstream_page *)(void *)page);
}

/* ---- references ---- */

static void the_last_sub_alone_is_told_so(void **state)
{
	bsp_ref_t ref;

	(void)state;
	bsp_ref_init(&ref, 10);
	assert_int_equal(bsp_ref_read_acquire(&ref), 10);
	assert_false(bsp_ref_sub(&ref, 3));
	assert_false(bsp_ref_sub(&ref, 6));
	assert_int_equal(bsp_ref_read_acquire(&ref), 1);
	assert_true(bsp_ref_sub(&ref, 1));
	assert_int_equal(bsp_ref_read_acquire(&ref), 0);
	bsp_ref_init(&ref, 7);
	assert_true(bsp_ref_sub(&ref, 7));
}

static void a_reference_takes_a_bias_and_more(void **state)
{
	bsp_ref_t ref;

	(void)state;
	bsp_ref_init(&ref, BPFSTREAM_PAGE_BIAS);
	assert_false(bsp_ref_sub(&ref, BPFSTREAM_PAGE_BIAS - 1));
	assert_true(bsp_ref_sub(&ref, 1));
	bsp_ref_init(&ref, LINK_MAX);
	assert_false(bsp_ref_sub(&ref, LINK_MAX - 1));
	assert_true(bsp_ref_sub(&ref, 1));
}

static void a_try_sub_subtracts_from_what_it_was_shown_alone(void **state)
{
	bsp_ref_t ref;
	u32 old = 4;

	(void)state;
	bsp_ref_init(&ref, 5);
	assert_false(bsp_ref_try_sub_release(&ref, &old, 2));
	assert_int_equal(old, 5);
	assert_int_equal(bsp_ref_read_acquire(&ref), 5);
	assert_true(bsp_ref_try_sub_release(&ref, &old, 2));
	assert_int_equal(old, 5);
	assert_int_equal(bsp_ref_read_acquire(&ref), 3);
}

/* ---- warnings, containers ---- */

static void warn_once_gives_its_condition(void **state)
{
	(void)state;
	assert_false(bsp_warn_once(false));
	assert_int_equal(bsp_fault.warnings, 0);
	assert_true(bsp_warn_once(true));
	assert_int_equal(bsp_fault.warnings, 1);
	bsp_fault.warnings = 0;
}

static void container_of_finds_the_whole(void **state)
{
	struct bsp_slot slot;

	(void)state;
	assert_ptr_equal(bsp_container_of(&slot.level[1], struct bsp_slot, level[1]), &slot);
	assert_ptr_equal(bsp_container_of(&slot.rcu, struct bsp_slot, rcu), &slot);
}

/* ---- any context ---- */

/* Each operation once; counts what went wrong. */
static void use_all(void *arg)
{
	u32 *wrong = arg;
	u64 word = 1, old = 0;
	bsp_counter_t counter;
	bsp_ref_t ref;
	u32 seen;

	*wrong += bsp_try_cmpxchg_release(&word, &old, (u64)2);
	*wrong += !bsp_try_cmpxchg_acquire(&word, &old, (u64)3);
	*wrong += bsp_sub_return_relaxed(&word, (u64)3) != 0;
	bsp_counter_set(&counter, 1);
	*wrong += bsp_counter_add_return(&counter, 1) != 2;
	bsp_counter_add_release(&counter, 1);
	*wrong += bsp_counter_read(&counter) != 3;
	*wrong += bsp_counter_read_acquire(&counter) != 3;
	bsp_ref_init(&ref, 3);
	*wrong += bsp_ref_sub(&ref, 1);
	seen = bsp_ref_read_acquire(&ref);
	*wrong += !bsp_ref_try_sub_release(&ref, &seen, 1);
	*wrong += !bsp_ref_sub(&ref, 1);
	*wrong += bsp_link_ptr(bsp_link_of(bsp_arena + 8)) != bsp_arena + 8;
	*wrong += bsp_warn_once(false);
}

static void all_of_them_work_in_any_context(void **state)
{
	u32 wrong = 0;

	(void)state;
	contract_any_context(use_all, &wrong);
	assert_int_equal(wrong, 0);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_load_gives_what_a_store_put_in_any_width),
		TEST(a_store_leaves_its_neighbours_alone),
		TEST(a_swap_that_finds_the_old_value_puts_the_new),
		TEST(a_swap_that_finds_another_value_tells_it_and_changes_nothing),
		TEST(a_swap_that_failed_succeeds_with_what_it_was_told),
		TEST(sub_return_tells_what_is_left_and_wraps),
		TEST(a_counter_has_64_bits),
		TEST(no_step_of_two_threads_is_lost),
		TEST(a_word_is_seen_whole_while_another_thread_stores),
		TEST(link_0_is_null_and_null_is_link_0),
		TEST(a_link_names_any_grain_of_32_gib),
		TEST(every_grain_of_a_page_has_a_link_of_its_own),
		TEST(the_last_sub_alone_is_told_so),
		TEST(a_reference_takes_a_bias_and_more),
		TEST(a_try_sub_subtracts_from_what_it_was_shown_alone),
		TEST(warn_once_gives_its_condition),
		TEST(container_of_finds_the_whole),
		TEST(all_of_them_work_in_any_context),
	};

	return cmocka_run_group_tests_name("atomics", tests, NULL, NULL);
}
