// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_regress_slot.c - pages and levels that somebody lost hold of: what once went wrong
 *
 * Each test is the interruption that showed an error, at the very point where it did.
 */
#include "fixture.h"

#include <pthread.h>

#include "slot.h"

static struct bpfstream_prog *prog_of(void **state)
{
	return ((struct fixture *)*state)->prog;
}

/* More than a page, so that the writer gives its first one up. */
static void *print_past_a_page(void *prog)
{
	char text[5000];

	fixture_pattern(text, sizeof(text), 1);
	return (void *)(long)bpfstream_write(prog, BPFSTREAM_STDOUT, text, sizeof(text));
}

static void reap_and_print(void *prog)
{
	assert_int_equal(bsp_slots_reap(), 1);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "next owner", 10), 0);
}

static void a_page_being_freed_is_not_freed_by_a_sweep_too(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	char text[5000];
	pthread_t thread;
	void *ret;

	assert_int_equal(pthread_create(&thread, NULL, print_past_a_page, prog), 0);
	pthread_join(thread, &ret);
	assert_null(ret);
	fixture_at(BSP_POINT_PAGE_FREE, 0, reap_and_print, prog);
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, text, sizeof(text)), 5000);
	assert_no_page_adrift();
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, text, sizeof(text)), 10);
	assert_memory_equal(text, "next owner", 10);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_page_being_freed_is_not_freed_by_a_sweep_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
