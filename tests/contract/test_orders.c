// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_orders.c - what the shim's operations order: plain text passed from thread to thread
 *
 * In each round somebody writes plain words and lets go by the operation in question, and somebody
 * else gets hold by its partner and reads, or writes, the same words. The values must be right on
 * every machine; on a strong one the race detectors are the judges of the order, as the words are
 * plain and nothing else orders them. Waiting is done with relaxed loads, which order nothing.
 */
#include "contract.h"

#include "mutex.h"

#define WORDS	8u

struct relay {
	unsigned long rounds;
	u64 text[WORDS];	/* plain: whoever has hold */
	u64 word;
	u64 back;
	bsp_ref_t ref;
	bsp_counter_t counter;
	struct bsp_mutex mutex;
	u32 wrong;
	bool stuck;
};

/* Touched by either thread, but only when something is wrong. */
static void wrong_if(struct relay *r, bool so)
{
	if (so)
		__atomic_fetch_add(&r->wrong, 1, __ATOMIC_RELAXED);
}

static void write_text(struct relay *r, u64 value)
{
	u32 i;

	for (i = 0; i < WORDS; i++)
		r->text[i] = value * 3 + i;
}

static void check_text(struct relay *r, u64 value)
{
	u32 i;

	for (i = 0; i < WORDS; i++)
		wrong_if(r, r->text[i] != value * 3 + i);
}

/* Two threads, one doing each part. */
static void run_relay(struct relay *r, void (*one)(void *), void (*other)(void *))
{
	struct contract_thread thread;

	/* The text is what is to be ordered; these two are what orders it. */
	bsp_note_unordered(&r->word, sizeof(r->word));
	bsp_note_unordered(&r->ref, sizeof(r->ref));
	contract_start(&thread, other, r);
	one(r);
	contract_join(&thread);
	assert_false(r->stuck);
	assert_int_equal(r->wrong, 0);
}

static bool await(struct relay *r, const u64 *word, u64 value)
{
	if (contract_becomes_64(word, value))
		return true;
	__atomic_store_n(&r->stuck, true, __ATOMIC_RELAXED);
	return false;
}

/* ---- cmpxchg: release -> acquire ---- */

/* Swap once the word is what it has to be. False if it never is. */
static bool swap_release(struct relay *r, u64 *word, u64 from, u64 to)
{
	u64 old = from;

	while (!bsp_try_cmpxchg_release(word, &old, to)) {
		if (!await(r, word, from))
			return false;
		old = from;
	}
	return true;
}

static bool swap_acquire(struct relay *r, u64 *word, u64 from, u64 to)
{
	u64 old = from;

	do {
		if (!await(r, word, from))
			return false;
		old = from;
	} while (!bsp_try_cmpxchg_acquire(word, &old, to));
	return true;
}

static void send_by_cmpxchg(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		write_text(r, i);
		if (!swap_release(r, &r->word, 0, i) || !swap_acquire(r, &r->back, i, 0))
			return;
		check_text(r, i + 7);
	}
}

static void receive_by_cmpxchg(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		if (!swap_acquire(r, &r->word, i, 0))
			return;
		check_text(r, i);
		write_text(r, i + 7);
		if (!swap_release(r, &r->back, 0, i))
			return;
	}
}

static void an_acquiring_swap_sees_what_came_before_the_releasing_one(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000) };

	(void)state;
	run_relay(&r, send_by_cmpxchg, receive_by_cmpxchg);
}

/* ---- a relaxed subtraction between the two keeps the order (a reader lightens a list) ---- */

#define UNIT	((u64)1 << 32)

static void send_heavy(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		write_text(r, i);
		if (!swap_release(r, &r->word, 0, i | UNIT) || !swap_acquire(r, &r->back, i, 0))
			return;
	}
}

/* Takes the weight off, then takes the text: the release is two operations away. */
static void lighten_then_receive(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		if (!await(r, &r->word, i | UNIT))
			return;
		wrong_if(r, bsp_sub_return_relaxed(&r->word, UNIT) != i);
		if (!swap_acquire(r, &r->word, i, 0))
			return;
		check_text(r, i);
		if (!swap_release(r, &r->back, 0, i))
			return;
	}
}

static void a_subtraction_in_between_does_not_break_the_order(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000) };

	(void)state;
	run_relay(&r, send_heavy, lighten_then_receive);
}

/* ---- counters: those that say so (a tally's turns) ---- */

static void write_and_count(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		write_text(r, i);
		bsp_counter_add_release(&r->counter, 1);
		if (!swap_acquire(r, &r->back, i, 0))
			return;
	}
}

static void read_what_was_counted(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		if (!await(r, &r->counter, i))
			return;
		wrong_if(r, bsp_counter_read_acquire(&r->counter) != i);
		check_text(r, i);
		if (!swap_release(r, &r->back, 0, i))
			return;
	}
}

static void what_a_counter_counts_is_there_when_it_is_read(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000) };

	(void)state;
	bsp_note_unordered(&r.counter, sizeof(r.counter));
	run_relay(&r, write_and_count, read_what_was_counted);
}

/* ---- references: every sub releases, the last acquires ---- */

#define MINE	5u	/* references of the one who may find itself alone */
#define OTHERS	3u

/* As a page's owner retires it: alone if all others are gone, else one of many. */
static bool drop_or_be_alone(bsp_ref_t *ref)
{
	u32 old = bsp_ref_read_acquire(ref);

	while (old != MINE)
		if (bsp_ref_try_sub_release(ref, &old, MINE))
			return false;
	return true;
}

/* Write one half of the text, drop; who was the last uses all of it and begins the next round. */
static void use_and_drop(struct relay *r, u32 half)
{
	u64 i;
	u32 k;

	for (i = 1; i <= r->rounds; i++) {
		bool last;

		if (!swap_acquire(r, &r->word, i, i))
			return;
		for (k = half * WORDS / 2; k < (half + 1) * WORDS / 2; k++)
			r->text[k] = i * 3 + k;
		last = half ? bsp_ref_sub(&r->ref, OTHERS) : drop_or_be_alone(&r->ref);
		if (!last)
			continue;
		check_text(r, i);
		write_text(r, 0);
		bsp_ref_init(&r->ref, MINE + OTHERS);
		if (!swap_release(r, &r->word, i, i + 1))
			return;
	}
}

static void use_as_owner(void *arg)
{
	use_and_drop(arg, 0);
}

static void use_as_reader(void *arg)
{
	use_and_drop(arg, 1);
}

static void the_last_reference_sees_all_uses_of_the_others(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000), .word = 1 };

	(void)state;
	bsp_ref_init(&r.ref, MINE + OTHERS);
	run_relay(&r, use_as_owner, use_as_reader);
	assert_int_equal(r.word, r.rounds + 1);
}

/* A try_sub that fails tells the value with ACQUIRE: nothing else is asked here. */
static bool refreshed_to(bsp_ref_t *ref, u32 value)
{
	u32 tries;

	for (tries = 0; tries < 1u << 30; tries++) {
		u32 old = value + 1000;	/* never so */

		if (bsp_ref_try_sub_release(ref, &old, 1))
			return false;
		if (old == value)
			return true;
		if (tries % 64 == 63)
			contract_relax();
	}
	return false;
}

static void learn_by_failing(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		bsp_ref_init(&r->ref, MINE + OTHERS);
		if (!swap_release(r, &r->word, 0, i))
			return;
		if (!refreshed_to(&r->ref, MINE)) {
			__atomic_store_n(&r->stuck, true, __ATOMIC_RELAXED);
			return;
		}
		check_text(r, i);
	}
}

static void write_and_drop(void *arg)
{
	struct relay *r = arg;
	u64 i;

	for (i = 1; i <= r->rounds; i++) {
		if (!swap_acquire(r, &r->word, i, 0))
			return;
		write_text(r, i);
		wrong_if(r, bsp_ref_sub(&r->ref, OTHERS));
	}
}

static void a_try_sub_that_fails_sees_what_came_before_the_sub_it_met(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000) };

	(void)state;
	run_relay(&r, learn_by_failing, write_and_drop);
}

/* ---- pages: free -> alloc ---- */

static void add_to_the_page(void *arg)
{
	struct relay *r = arg;
	unsigned long i, tries = 0;

	for (i = 0; i < r->rounds && tries < 1u << 30; tries++) {
		u64 *page = (u64 *)(void *)bsp_page_alloc();

		if (!page) {
			contract_relax();
			continue;
		}
		page[BSP_PAGE_SIZE / sizeof(u64) - 1]++;
		bsp_page_free((struct bpfstream_page *)(void *)page);
		i++;
	}
	if (i < r->rounds)
		__atomic_store_n(&r->stuck, true, __ATOMIC_RELAXED);
}

static void a_page_comes_with_all_that_its_last_holder_did(void **state)
{
	const struct bpfstream_opts one_page = { .sz = sizeof(one_page), .page_budget = 1 };
	struct relay r = { .rounds = fixture_loops(20000) };
	u64 *page;

	*state = fixture_make(&one_page);
	assert_non_null(*state);
	page = (u64 *)(void *)bsp_page_alloc();
	assert_non_null(page);
	page[BSP_PAGE_SIZE / sizeof(u64) - 1] = 0;
	bsp_page_free((struct bpfstream_page *)(void *)page);
	run_relay(&r, add_to_the_page, add_to_the_page);
	page = (u64 *)(void *)bsp_page_alloc();
	assert_int_equal(page[BSP_PAGE_SIZE / sizeof(u64) - 1], 2 * r.rounds);
	bsp_page_free((struct bpfstream_page *)(void *)page);
}

/* ---- the readers' mutex ---- */

static void add_with_the_lock(void *arg)
{
	struct relay *r = arg;
	unsigned long i;

	for (i = 0; i < r->rounds; i++) {
		bsp_mutex_lock(&r->mutex);
		write_text(r, r->text[0] / 3 + 1);
		bsp_mutex_unlock(&r->mutex);
	}
}

static void add_if_not_held(void *arg)
{
	struct relay *r = arg;
	unsigned long i = 0, tries;
	u32 by;

	for (tries = 0; i < r->rounds && tries < 1u << 30; tries++) {
		if (!bsp_mutex_try_hold(&r->mutex, &by)) {
			contract_relax();
			continue;
		}
		write_text(r, r->text[0] / 3 + 1);
		bsp_mutex_release(&r->mutex);
		i++;
	}
	if (i < r->rounds)
		__atomic_store_n(&r->stuck, true, __ATOMIC_RELAXED);
}

static void two_lockers_see_what_each_other_did(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000) };

	(void)state;
	bsp_mutex_init(&r.mutex);
	run_relay(&r, add_with_the_lock, add_with_the_lock);
	check_text(&r, 2 * r.rounds);
	assert_int_equal(r.wrong, 0);
	bsp_mutex_destroy(&r.mutex);
}

static void a_locker_and_a_dump_see_what_each_other_did(void **state)
{
	struct relay r = { .rounds = fixture_loops(20000) };

	(void)state;
	bsp_mutex_init(&r.mutex);
	run_relay(&r, add_with_the_lock, add_if_not_held);
	check_text(&r, 2 * r.rounds);
	assert_int_equal(r.wrong, 0);
	bsp_mutex_destroy(&r.mutex);
}

/* ---- slots: from a thread that has ended to the next ---- */

static void use_a_level(void *arg)
{
	unsigned long flags;
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&flags);

	*(struct bpfstream_cpu **)arg = cpu;
	if (!cpu)
		return;
	cpu->carved++;
	bsp_cpu_leave(cpu, flags);
}

static bool has_been_reaped(void *arg)
{
	(void)arg;
	return bsp_slots_reap() > 0;
}

/* The first thread is not joined before its slot is taken: the kernel alone tells of its end. */
static void a_slot_comes_as_the_thread_that_ended_left_it(void **state)
{
	struct bpfstream_cpu *first = NULL, *second = NULL;
	struct contract_thread thread, next;
	u32 carved;

	(void)state;
	contract_start(&thread, use_a_level, &first);
	assert_true(fixture_soon(has_been_reaped, NULL));
	contract_start(&next, use_a_level, &second);
	contract_join(&next);
	contract_join(&thread);
	assert_ptr_equal(first, second);
	carved = first->carved;
	assert_in_range(carved, 2, UINT32_MAX);
	assert_true(fixture_soon(has_been_reaped, NULL));
}

static void use_a_level_when_told(void *arg)
{
	struct relay *r = arg;
	struct bpfstream_cpu *cpu;

	if (await(r, &r->word, 1))
		use_a_level(&cpu);
}

/* Nothing but the slot tells the second thread that it is free. */
static void a_slot_comes_as_who_took_it_from_the_dead_left_it(void **state)
{
	struct contract_thread thread, next;
	struct bpfstream_cpu *first = NULL;
	struct relay r = { .rounds = 1 };

	(void)state;
	bsp_note_unordered(&r.word, sizeof(r.word));
	contract_start(&next, use_a_level_when_told, &r);
	contract_start(&thread, use_a_level, &first);
	assert_true(fixture_soon(has_been_reaped, NULL));
	__atomic_store_n(&r.word, 1, __ATOMIC_RELAXED);
	contract_join(&next);
	contract_join(&thread);
	assert_false(r.stuck);
	assert_true(fixture_soon(has_been_reaped, NULL));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_acquiring_swap_sees_what_came_before_the_releasing_one),
		TEST(a_subtraction_in_between_does_not_break_the_order),
		TEST(what_a_counter_counts_is_there_when_it_is_read),
		TEST(the_last_reference_sees_all_uses_of_the_others),
		TEST(a_try_sub_that_fails_sees_what_came_before_the_sub_it_met),
		cmocka_unit_test_teardown(a_page_comes_with_all_that_its_last_holder_did,
					  fixture_teardown),
		TEST(two_lockers_see_what_each_other_did),
		TEST(a_locker_and_a_dump_see_what_each_other_did),
		TEST(a_slot_comes_as_the_thread_that_ended_left_it),
		TEST(a_slot_comes_as_who_took_it_from_the_dead_left_it),
	};

	return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
