// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_mutex.c - the readers' mutex: readers wait for each other, a dump for nobody
 */
#include "contract.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "mutex.h"

static struct bsp_mutex mutex;

static int setup(void **state)
{
	bsp_mutex_init(&mutex);
	return fixture_setup(state);
}

static int teardown(void **state)
{
	bsp_mutex_destroy(&mutex);
	return fixture_teardown(state);
}

/* One try, as a dump makes it. */
struct attempt {
	bool got;
	u32 by;
};

static void attempt(void *arg)
{
	struct attempt *try = arg;

	try->got = bsp_mutex_try_hold(&mutex, &try->by);
	if (try->got)
		bsp_mutex_release(&mutex);
}

static struct attempt attempt_by_another_thread(void)
{
	struct attempt try = { false, 0 };
	struct contract_thread thread;

	contract_start(&thread, attempt, &try);
	contract_join(&thread);
	return try;
}

static u32 my_tid(void)
{
	return (u32)syscall(SYS_gettid);
}

static void a_new_mutex_is_nobodys(void **state)
{
	struct attempt try = { false, 1 };

	(void)state;
	assert_int_equal(mutex.holder, 0);
	attempt(&try);
	assert_true(try.got);
	assert_int_equal(try.by, 0);
	assert_int_equal(mutex.holder, 0);
}

static void the_holder_is_the_thread_that_locked(void **state)
{
	(void)state;
	bsp_mutex_lock(&mutex);
	assert_int_equal(mutex.holder, my_tid());
	bsp_mutex_unlock(&mutex);
	assert_int_equal(mutex.holder, 0);
}

static void a_try_tells_who_holds_it_and_does_not_wait(void **state)
{
	struct attempt mine = { true, 0 }, other;

	(void)state;
	bsp_mutex_lock(&mutex);
	attempt(&mine);
	other = attempt_by_another_thread();
	assert_false(mine.got || other.got);
	assert_int_equal(mine.by, my_tid());
	assert_int_equal(other.by, my_tid());
	bsp_mutex_unlock(&mutex);
	other = attempt_by_another_thread();
	assert_true(other.got);
}

static void a_try_that_holds_it_keeps_other_tries_out(void **state)
{
	struct attempt other;
	u32 by = 1;

	(void)state;
	assert_true(bsp_mutex_try_hold(&mutex, &by));
	assert_int_equal(by, 0);
	assert_int_equal(mutex.holder, my_tid());
	other = attempt_by_another_thread();
	assert_false(other.got);
	assert_int_equal(other.by, my_tid());
	bsp_mutex_release(&mutex);
	other = attempt_by_another_thread();
	assert_true(other.got);
}

static void a_handler_finds_its_own_thread_in_the_way(void **state)
{
	struct attempt try = { true, 0 };

	(void)state;
	bsp_mutex_lock(&mutex);
	contract_any_context(attempt, &try);
	assert_false(try.got);
	assert_int_equal(try.by, my_tid());
	assert_int_equal(mutex.holder, my_tid());
	bsp_mutex_unlock(&mutex);
	contract_any_context(attempt, &try);
	assert_true(try.got);
}

/* Lock, and say so. */
static void lock_and_tell(void *arg)
{
	bsp_mutex_lock(&mutex);
	bsp_store_relaxed((u32 *)arg, 1u);
	bsp_mutex_unlock(&mutex);
}

static bool is_told(void *arg)
{
	return bsp_load_relaxed((u32 *)arg) != 0;
}

static void a_reader_waits_for_the_reader_before_it(void **state)
{
	struct contract_thread thread;
	u32 told = 0;

	(void)state;
	bsp_note_unordered(&told, sizeof(told));
	bsp_mutex_lock(&mutex);
	contract_start(&thread, lock_and_tell, &told);
	fixture_pause();
	assert_false(is_told(&told));
	bsp_mutex_unlock(&mutex);
	assert_true(fixture_soon(is_told, &told));
	contract_join(&thread);
}

static void a_reader_waits_for_a_dump_too(void **state)
{
	struct contract_thread thread;
	u32 told = 0, by;

	(void)state;
	bsp_note_unordered(&told, sizeof(told));
	assert_true(bsp_mutex_try_hold(&mutex, &by));
	contract_start(&thread, lock_and_tell, &told);
	fixture_pause();
	assert_false(is_told(&told));
	bsp_mutex_release(&mutex);
	assert_true(fixture_soon(is_told, &told));
	contract_join(&thread);
}

/* What a dump does not wait for: a reader that waits for the reader before it. */
static void a_queue_of_readers_is_not_in_a_dumps_way_once_nobody_holds_it(void **state)
{
	struct contract_thread thread;
	struct attempt try = { false, 0 };
	u32 told = 0;

	(void)state;
	bsp_note_unordered(&told, sizeof(told));
	pthread_mutex_lock(&mutex.mutex);	/* a reader between the two locks */
	contract_start(&thread, lock_and_tell, &told);
	contract_any_context(attempt, &try);
	assert_true(try.got);
	pthread_mutex_unlock(&mutex.mutex);
	contract_join(&thread);
	assert_true(is_told(&told));
}

static void a_mutex_can_be_made_anew(void **state)
{
	(void)state;
	bsp_mutex_destroy(&mutex);
	bsp_mutex_init(&mutex);
	bsp_mutex_lock(&mutex);
	bsp_mutex_unlock(&mutex);
	assert_int_equal(mutex.holder, 0);
}

static void locking_leaves_errno_alone(void **state)
{
	(void)state;
	bsp_mutex_lock(&mutex);
	assert_int_equal(errno, FIXTURE_ERRNO);
	bsp_mutex_unlock(&mutex);
	assert_int_equal(errno, FIXTURE_ERRNO);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_mutex_is_nobodys),
		TEST(the_holder_is_the_thread_that_locked),
		TEST(a_try_tells_who_holds_it_and_does_not_wait),
		TEST(a_try_that_holds_it_keeps_other_tries_out),
		TEST(a_handler_finds_its_own_thread_in_the_way),
		TEST(a_reader_waits_for_the_reader_before_it),
		TEST(a_reader_waits_for_a_dump_too),
		TEST(a_queue_of_readers_is_not_in_a_dumps_way_once_nobody_holds_it),
		TEST(a_mutex_can_be_made_anew),
		TEST(locking_leaves_errno_alone),
	};

	return cmocka_run_group_tests_name("mutex", tests, NULL, NULL);
}
