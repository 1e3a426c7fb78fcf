// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_regress_slot.c - pages and levels that somebody lost hold of: what once went wrong
 *
 * Each test is the interruption that showed an error, at the very point where it did.
 */
#include "fixture.h"

#include <pthread.h>
#include <setjmp.h>

#include "slot.h"
#include "stream.h"

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

/* ---- levels ---- */

static void enter_all(unsigned long *flags, struct bpfstream_cpu **cpu)
{
	u32 n;

	for (n = 0; n < BSP_LEVELS; n++)
		cpu[n] = bsp_cpu_enter(&flags[n]);
	assert_non_null(cpu[BSP_LEVELS - 1]);
}

static void leave_all(const unsigned long *flags, struct bpfstream_cpu *const *cpu)
{
	u32 n;

	for (n = BSP_LEVELS; n--;)
		bsp_cpu_leave(cpu[n], flags[n]);
}

static void a_page_of_its_own_is_not_the_deepest_levels_to_sweep(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream *s = &prog->stream[0];
	unsigned long flags[BSP_LEVELS], kept[BSP_LEVELS];
	struct bpfstream_cpu *cpu[BSP_LEVELS];
	struct bpfstream_out out;
	bool was_empty;

	enter_all(flags, cpu);
	memcpy(kept, flags, sizeof(kept));
	bpfstream_out_open(&out, s->capacity);
	assert_ptr_equal(out.cpu, &out.own);
	assert_int_equal(bpfstream_out_write(&out, "outer, ", 7), 0);
	flags[BSP_LEVELS - 1] = 0;	/* this level was left, and only now its frame is overwritten */
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "nested, ", 8), 0);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "nested, ", 8), 0);
	assert_int_equal(bpfstream_out_write(&out, "whole", 5), 0);
	assert_int_equal(bpfstream_publish_out(s, &out, 0, &was_empty), 0);
	leave_all(kept, cpu);
	assert_reads(s, "nested, nested, outer, whole");
}

static void a_page_taken_after_a_jump_is_not_the_left_levels_to_sweep(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long outer, left[BSP_LEVELS];
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&outer);
	struct bpfstream_page *page;
	u32 n;

	for (n = 1; n < BSP_LEVELS; n++)
		assert_non_null(bsp_cpu_enter(&left[n]));
	page = bsp_page_alloc_for(cpu);
	assert_non_null(page);
	for (n = 1; n < BSP_LEVELS; n++)
		left[n] = 0;
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "x", 1), 0);
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	bsp_page_free(page);
	bsp_cpu_leave(cpu, outer);
	assert_reads(&prog->stream[0], "x");
}

static void print_newline(void *prog)
{
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "\n", 1), 0);
}

static sigjmp_buf back;

static void jump(void *arg)
{
	(void)arg;
	siglongjmp(back, 1);
}

/* A handler, with a message that it does not end; jumps with a page in hand that is not its level's. */
static void print_and_jump(void *prog)
{
	struct bsp_slot *slot = bsp_slot_self();
	struct bpfstream_cpu *cpu = &slot->cpu[slot->level];

	if (cpu->page)
		bpfstream_page_retire(cpu->page, cpu->carved);
	cpu->page = NULL;
	fixture_at(BSP_POINT_PAGE_ALLOC, 1, jump, NULL);
	if (!sigsetjmp(back, 1))
		(void)bpfstream_printf(prog, BPFSTREAM_STDOUT, "%f\n", 1e300);
}

static void a_level_left_by_a_jump_and_lowered_is_swept_when_it_is_entered(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	u32 i;

	for (i = 0; i < 20; i++) {
		fixture_at(BSP_POINT_CMPXCHG, 0, print_and_jump, prog);
		assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "x", 1), 0);
	}
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	fixture_at(BSP_POINT_CMPXCHG, 0, print_newline, prog);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "x", 1), 0);
	assert_no_page_adrift();
	assert_reads(&prog->stream[0], "xxxxxxxxxxxxxxxxxxxx\nx");
}

static void *print_a_line(void *prog)
{
	return (void *)(long)bpfstream_write(prog, BPFSTREAM_STDOUT, "left behind\n", 12);
}

/* Who takes a dead thread's pages may stop in the middle too. */
static void the_page_of_a_dead_thread_says_how_far_it_was_carved(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	const struct bpfstream_page *page;
	struct bpfstream_node *newest;
	pthread_t thread;
	void *ret;

	assert_int_equal(pthread_create(&thread, NULL, print_a_line, prog), 0);
	pthread_join(thread, &ret);
	assert_int_equal(bsp_slots_reap(), 1);
	newest = bsp_link_ptr((bsp_link_t)prog->stream[0].log.word);
	page = (const void *)((uintptr_t)newest & ~((uintptr_t)BSP_PAGE_SIZE - 1));
	assert_int_equal(page->carved, sizeof(*page) + 24);
	assert_int_equal(page->ref, 24 / BPFSTREAM_GRAIN);
	assert_reads(&prog->stream[0], "left behind\n");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_page_being_freed_is_not_freed_by_a_sweep_too),
		TEST(a_page_of_its_own_is_not_the_deepest_levels_to_sweep),
		TEST(a_page_taken_after_a_jump_is_not_the_left_levels_to_sweep),
		TEST(a_level_left_by_a_jump_and_lowered_is_swept_when_it_is_entered),
		TEST(the_page_of_a_dead_thread_says_how_far_it_was_carved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
