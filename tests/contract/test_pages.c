// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_pages.c - the shim's pages: aligned, distinct, bounded, to be had and given in any context
 */
#include "contract.h"

#define BUDGET	40u	/* pages of the program that these tests make */

static struct bpfstream_page *taken[BUDGET + 1];

static int setup(void **state)
{
	const struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = BUDGET };

	memset(taken, 0, sizeof(taken));
	*state = fixture_make(&opts);
	return *state ? 0 : -1;
}

/* Take pages until there are no more. */
static u32 take_all(void)
{
	u32 n;

	for (n = 0; n <= BUDGET; n++) {
		taken[n] = bsp_page_alloc();
		if (!taken[n])
			break;
	}
	return n;
}

static void give_all(void)
{
	u32 n;

	for (n = 0; n < BUDGET; n++)
		if (taken[n])
			bsp_page_free(taken[n]);
	memset(taken, 0, sizeof(taken));
}

static void a_page_is_aligned_to_its_size(void **state)
{
	u32 n;

	(void)state;
	assert_int_equal(take_all(), BUDGET);
	for (n = 0; n < BUDGET; n++)
		assert_int_equal((uintptr_t)taken[n] % BSP_PAGE_SIZE, 0);
	give_all();
}

static void every_byte_of_every_page_is_its_holders(void **state)
{
	u32 n, i;

	(void)state;
	assert_int_equal(take_all(), BUDGET);
	for (n = 0; n < BUDGET; n++)
		memset(taken[n], (int)n, BSP_PAGE_SIZE);
	for (n = 0; n < BUDGET; n++)
		for (i = 0; i < BSP_PAGE_SIZE; i++)
			assert_int_equal(((unsigned char *)taken[n])[i], n);
	give_all();
}

static void no_page_has_link_0(void **state)
{
	u32 n;

	(void)state;
	assert_int_equal(take_all(), BUDGET);
	for (n = 0; n < BUDGET; n++)
		assert_int_not_equal(bsp_link_of(taken[n]), 0);
	give_all();
}

static void the_budget_is_exact_and_null_is_final(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(bsp_arena_budget(), BUDGET);
	assert_int_equal(take_all(), BUDGET);
	assert_int_equal(bsp_arena_live(), BUDGET);
	for (i = 0; i < 200; i++)
		assert_null(bsp_page_alloc());
	give_all();
	assert_int_equal(bsp_arena_live(), 0);
}

static void a_page_given_back_can_be_had_again(void **state)
{
	struct bpfstream_page *page;
	u32 i;

	(void)state;
	assert_int_equal(take_all(), BUDGET);
	for (i = 0; i < 3 * BUDGET; i++) {
		page = taken[i * 7 % BUDGET];
		bsp_page_free(page);
		assert_ptr_equal(bsp_page_alloc(), page);
		assert_null(bsp_page_alloc());
	}
	give_all();
	assert_int_equal(take_all(), BUDGET);
	give_all();
}

static void another_program_adds_its_budget_and_takes_it_away(void **state)
{
	const struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = 1 };
	struct bpfstream_prog *other;

	(void)state;
	assert_int_equal(take_all(), BUDGET);
	other = bpfstream_prog_create(&opts);
	assert_non_null(other);
	taken[BUDGET] = bsp_page_alloc();
	assert_non_null(taken[BUDGET]);
	assert_null(bsp_page_alloc());
	bpfstream_prog_destroy(other);
	assert_null(bsp_page_alloc());
	bsp_page_free(taken[BUDGET]);
	assert_null(bsp_page_alloc());
	give_all();
	assert_int_equal(take_all(), BUDGET);
	give_all();
}

static void hold_a_page(void *arg)
{
	struct fixture *f = arg;

	(void)bpfstream_printf(f->prog, BPFSTREAM_STDOUT, "x");
}

static void a_dead_threads_page_is_found_when_pages_run_short(void **state)
{
	struct fixture *f = *state;
	struct contract_thread thread;
	u32 n, i;

	contract_start(&thread, hold_a_page, f);
	contract_join(&thread);
	assert_reads(f->s, "x");
	n = take_all();
	for (i = 0; n < BUDGET && i < 64; i++) {	/* not every shortage looks for it */
		taken[n] = bsp_page_alloc();
		n += taken[n] != NULL;
	}
	assert_int_equal(n, BUDGET);
	assert_null(bsp_page_alloc());
	give_all();
}

/* ---- in and between handlers ---- */

static void take_and_give(void *arg)
{
	u32 *had = arg;
	struct bpfstream_page *page = bsp_page_alloc();

	if (!page)
		return;
	memset(page, 0x77, BSP_PAGE_SIZE);
	bsp_page_free(page);
	++*had;
}

static void pages_are_had_and_given_in_any_context(void **state)
{
	u32 had = 0;

	(void)state;
	contract_any_context(take_and_give, &had);
	assert_int_equal(had, 2);
	assert_int_equal(bsp_arena_live(), 0);
}

static void a_refusal_is_as_quiet_as_a_page(void **state)
{
	u32 had = 0;

	(void)state;
	assert_int_equal(take_all(), BUDGET);
	contract_any_context(take_and_give, &had);
	assert_int_equal(had, 0);
	give_all();
}

static void give_one(void *arg)
{
	bsp_page_free(arg);
}

static void take_one(void *arg)
{
	*(struct bpfstream_page **)arg = bsp_page_alloc();
}

static void a_page_may_be_had_here_and_given_in_a_handler(void **state)
{
	(void)state;
	assert_int_equal(take_all(), BUDGET);
	contract_in_handler(give_one, taken[3]);
	assert_int_equal(bsp_arena_live(), BUDGET - 1);
	contract_in_handler(take_one, &taken[3]);
	assert_non_null(taken[3]);
	assert_null(bsp_page_alloc());
	give_all();
}

/* The handler takes while the thread is about to. */
static void a_handler_inside_a_take_gets_another_page(void **state)
{
	struct bpfstream_page *outer, *nested = NULL;

	(void)state;
	fixture_at(BSP_POINT_PAGE_ALLOC, 0, take_one, &nested);
	outer = bsp_page_alloc();
	assert_non_null(outer);
	assert_non_null(nested);
	assert_ptr_not_equal(outer, nested);
	bsp_page_free(outer);
	bsp_page_free(nested);
}

static void a_handler_inside_a_give_gets_another_page(void **state)
{
	struct bpfstream_page *outer, *nested = NULL;

	(void)state;
	outer = bsp_page_alloc();
	assert_non_null(outer);
	fixture_at(BSP_POINT_PAGE_FREE, 0, take_one, &nested);
	bsp_page_free(outer);
	assert_non_null(nested);
	assert_ptr_not_equal(outer, nested);
	bsp_page_free(nested);
	assert_int_equal(bsp_arena_live(), 0);
}

/* ---- two threads ---- */

struct taker {
	u64 id;
	unsigned long rounds;
	u32 shared;
	u32 had;
};

/* Hold a few pages at a time, each stamped all over. */
static void stamp_pages(void *arg)
{
	struct taker *t = arg;
	u64 *page[5];
	unsigned long i;
	u32 n, k;

	for (i = 0; i < t->rounds; i++) {
		for (n = 0; n < 5; n++) {
			page[n] = (u64 *)(void *)bsp_page_alloc();
			for (k = 0; page[n] && k < BSP_PAGE_SIZE / sizeof(u64); k++)
				page[n][k] = t->id + n;
		}
		for (n = 0; n < 5; n++) {
			for (k = 0; page[n] && k < BSP_PAGE_SIZE / sizeof(u64); k++)
				t->shared += page[n][k] != t->id + n;
			if (page[n])
				bsp_page_free((struct bpfstream_page *)(void *)page[n]);
			t->had += page[n] != NULL;
		}
	}
}

static void no_page_is_two_threads_at_once(void **state)
{
	struct taker a = { .id = 1000, .rounds = fixture_loops(2000) };
	struct taker b = { .id = 2000, .rounds = a.rounds };
	struct contract_thread thread;

	(void)state;
	contract_start(&thread, stamp_pages, &b);
	stamp_pages(&a);
	contract_join(&thread);
	assert_int_equal(a.shared + b.shared, 0);
	assert_int_equal(a.had + b.had, 10 * a.rounds);	/* there are enough: nobody is refused */
	assert_int_equal(bsp_arena_live(), 0);
}

static void more_pages_wanted_than_there_are_break_nothing(void **state)
{
	struct taker a = { .id = 1000, .rounds = fixture_loops(2000) };
	struct taker b = { .id = 2000, .rounds = a.rounds };
	struct contract_thread thread;
	u32 n;

	(void)state;
	for (n = 0; n < BUDGET - 7; n++)
		taken[n] = bsp_page_alloc();
	contract_start(&thread, stamp_pages, &b);
	stamp_pages(&a);
	contract_join(&thread);
	assert_int_equal(a.shared + b.shared, 0);
	/* Five of seven are always one's own, and two at least are left for the other. */
	assert_in_range(a.had, 2 * a.rounds, 5 * a.rounds);
	assert_in_range(b.had, 2 * a.rounds, 5 * a.rounds);
	give_all();
	assert_int_equal(take_all(), BUDGET);
	give_all();
}

/* ---- before there is anything ---- */

static void before_the_first_program_there_is_no_page(void **state)
{
	(void)state;
	assert_null(bsp_page_alloc());
	assert_null(bsp_page_alloc());
}

static void a_prefetch_may_be_of_any_address(void **state)
{
	char here;

	(void)state;
	bsp_prefetch(&here);
	bsp_prefetch(NULL);
	bsp_prefetch((char *)~(uintptr_t)0);
	bsp_prefetch(bsp_arena - 1);
	bsp_prefetch((char *)((uintptr_t)1 << 63));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_first_program_there_is_no_page),
		TEST(a_page_is_aligned_to_its_size),
		TEST(every_byte_of_every_page_is_its_holders),
		TEST(no_page_has_link_0),
		TEST(a_prefetch_may_be_of_any_address),
		TEST(the_budget_is_exact_and_null_is_final),
		TEST(a_page_given_back_can_be_had_again),
		TEST(another_program_adds_its_budget_and_takes_it_away),
		TEST(a_dead_threads_page_is_found_when_pages_run_short),
		TEST(pages_are_had_and_given_in_any_context),
		TEST(a_refusal_is_as_quiet_as_a_page),
		TEST(a_page_may_be_had_here_and_given_in_a_handler),
		TEST(a_handler_inside_a_take_gets_another_page),
		TEST(a_handler_inside_a_give_gets_another_page),
		TEST(no_page_is_two_threads_at_once),
		TEST(more_pages_wanted_than_there_are_break_nothing),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
