// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_kshim.c - the core on the kernel's shim: the host plays the kernel
 *
 * Between any two pages lies one that nobody may touch, and the direct map begins where a test
 * wants it to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "machine.h"

#define NR_PAGES	16384u
#define REACH		((uintptr_t)1 << 45)
#define KSHIM_MAP_BEFORE	(1ul << 52)	/* as linux/mm.h has it here */

static char *memory;
static size_t page_size;
static unsigned char used[NR_PAGES];
static unsigned int nr_used;
static unsigned int warnings;
static bool refuses;
static unsigned int works_queued;

static unsigned long ram_pages;
static int (*cpu_prepare)(unsigned int cpu);
static int (*cpu_dead)(unsigned int cpu);
static void *work_asked_for;

unsigned long kshim_page_offset;
unsigned long kshim_irqs_off;
unsigned long min_low_pfn, max_pfn, jiffies;

/* ---- the kernel ---- */

struct page *alloc_pages_nolock(unsigned int gfp_flags, int nid, unsigned int order);
void free_pages_nolock(struct page *page, unsigned int order);
bool irq_work_queue(void *work);
void kshim_warn(const char *file, int line);
void __mutex_init(int64_t *lock, const char *name, void *key);
void mutex_destroy(int64_t *lock);
void mutex_lock(int64_t *lock);
void mutex_unlock(int64_t *lock);

struct page *alloc_pages_nolock(unsigned int gfp_flags, int nid, unsigned int order)
{
	unsigned int i;
	char *page;

	assert_int_equal(gfp_flags, 0);
	assert_in_range(nid + 1, 0, 1);		/* here, or the only node */
	assert_int_equal(order, 0);
	for (i = 0; i < NR_PAGES && used[i]; i++)
		;
	if (i == NR_PAGES || refuses)
		return NULL;
	used[i] = 1;
	nr_used++;
	page = memory + 2 * i * page_size;
	assert_int_equal(mprotect(page, page_size, PROT_READ | PROT_WRITE), 0);
	memset(page, 0xa5, page_size);
	return (struct page *)(void *)page;
}

void free_pages_nolock(struct page *page, unsigned int order)
{
	size_t where = (size_t)((char *)page - memory);
	size_t i = where / (2 * page_size);

	assert_int_equal(order, 0);
	assert_int_equal(where % (2 * page_size), 0);
	assert_true(i < NR_PAGES && used[i]);
	used[i] = 0;
	nr_used--;
	assert_int_equal(mprotect(page, page_size, PROT_NONE), 0);
}

int cpuhp_setup_state(int state, const char *name, int (*startup)(unsigned int cpu),
		      int (*teardown)(unsigned int cpu));
unsigned long totalram_pages(void);
unsigned long totalhigh_pages(void);
void pr_warn(const char *fmt, ...);

int cpuhp_setup_state(int state, const char *name, int (*startup)(unsigned int cpu),
		      int (*teardown)(unsigned int cpu))
{
	(void)state;
	assert_non_null(name);
	cpu_prepare = startup;
	cpu_dead = teardown;
	return startup(0);
}

/* A hundred of them high ones, which the kernel has no address for. */
unsigned long totalram_pages(void)
{
	return ram_pages + 100;
}

unsigned long totalhigh_pages(void)
{
	return 100;
}

void pr_warn(const char *fmt, ...)
{
	assert_non_null(fmt);
	warnings++;
}

bool irq_work_queue(void *work)
{
	assert_non_null(work);
	work_asked_for = work;
	works_queued++;
	return true;
}

void kshim_warn(const char *file, int line)
{
	fprintf(stderr, "%s:%d: warning\n", file, line);
	warnings++;
}

void __mutex_init(int64_t *lock, const char *name, void *key)
{
	(void)key;
	assert_non_null(name);
	*lock = 0;
}

void mutex_destroy(int64_t *lock)
{
	assert_int_equal(*lock, 0);
}

void mutex_lock(int64_t *lock)
{
	assert_int_equal(*lock, 0);
	*lock = 1;
}

void mutex_unlock(int64_t *lock)
{
	assert_int_equal(*lock, 1);
	*lock = 0;
}

/* ---- the tests ---- */

static void *map(size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *mem = mmap(NULL, bytes, PROT_NONE, flags, -1, 0);

	assert_true(mem != MAP_FAILED);
	return mem;
}

/* @at: the first address that a link reaches */
static void memory_begins(unsigned long at)
{
	kshim_page_offset = at;
	min_low_pfn = KSHIM_MAP_BEFORE / page_size;
	max_pfn = min_low_pfn + 1;
	assert_int_equal(kshim_early_initcall(), 0);
}

static int setup(void **state)
{
	size_t bytes;

	(void)state;
	page_size = kshim_page_size();
	bytes = (2 * NR_PAGES + 1) * page_size;
	memory = map(bytes);
	memory += -(uintptr_t)memory % page_size;
	memset(used, 0, sizeof(used));
	nr_used = 0;
	warnings = 0;
	refuses = false;
	works_queued = 0;
	jiffies = 1000;
	ram_pages = 16ul * NR_PAGES;
	memory_begins((unsigned long)memory);
	kshim_irqs_off = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	refuses = true;
	kshim_retire();
	kshim_drop_spares();
	assert_int_equal(nr_used, 0);
	munmap(memory, 2 * NR_PAGES * page_size);
	return 0;
}

static void assert_clean(unsigned int pages)
{
	assert_int_equal(nr_used, pages);
	assert_int_equal(warnings, 0);
	assert_int_equal(kshim_irqs_off, 0);
}

static void everything(unsigned int pages_held)
{
	unsigned int seed;

	assert_int_equal(kshim_every_length(), 0);
	assert_int_equal(kshim_full_stream(), 0);
	assert_int_equal(kshim_stage(), 0);
	assert_int_equal(kshim_loss_line(), 0);
	for (seed = 1; seed <= 5; seed++)
		assert_int_equal(kshim_random_traffic(seed), 0);
	assert_clean(pages_held);
}

static void works_from_the_first_page_of_the_direct_map(void **state)
{
	(void)state;
	everything(2);	/* a loss mark is made one level up */
}

static void works_up_to_the_last_page_that_a_link_reaches(void **state)
{
	(void)state;
	memory_begins((unsigned long)memory - REACH + (2 * NR_PAGES - 1) * page_size);
	everything(2);	/* a loss mark is made one level up */
}

static void works_past_the_deepest_level(void **state)
{
	(void)state;
	kshim_go_deep();
	assert_int_equal(kshim_irqs_off, 1);
	kshim_irqs_off = 0;	/* so that it shows who leaves them off */
	everything(0);
	kshim_come_back();
	assert_int_equal(kshim_irqs_off, 0);
}

static void a_page_that_no_link_reaches_is_given_back(void **state)
{
	(void)state;
	memory_begins((unsigned long)memory - REACH);
	assert_int_equal(kshim_no_page(), 0);
	assert_clean(0);
}

static void without_a_page_a_message_is_lost_and_counted(void **state)
{
	(void)state;
	refuses = true;
	assert_int_equal(kshim_no_page(), 0);
	assert_clean(0);
}

static void spare_pages_are_used_first_and_filled_by_who_writes_next(void **state)
{
	unsigned int spares;

	(void)state;
	assert_int_equal(kshim_initcall(), 0);
	spares = nr_used;
	assert_true(spares > 0);
	assert_int_equal(kshim_pages_used(1), 0);
	assert_int_equal(nr_used, spares);
	kshim_refill();
	assert_int_equal(nr_used, spares + 1);
	kshim_refill();
	assert_int_equal(nr_used, spares + 1);
	assert_int_equal(works_queued, 0);
	assert_int_equal(kshim_read_all(), 0);
}

static void where_the_allocator_refuses_spare_pages_are_used_and_asked_for_anew(void **state)
{
	unsigned int spares;

	(void)state;
	assert_int_equal(kshim_initcall(), 0);
	spares = nr_used;
	refuses = true;
	assert_int_equal(kshim_pages_used_up(), 0);
	assert_int_equal(nr_used, spares);
	kshim_refill();
	assert_int_equal(works_queued, 1);
	kshim_run(work_asked_for);
	kshim_refill();
	assert_int_equal(works_queued, 1);	/* in vain a moment ago */
	jiffies++;
	kshim_refill();
	assert_int_equal(works_queued, 2);
	assert_int_equal(warnings, 0);
	refuses = false;
	kshim_refill();
	assert_int_equal(nr_used, 2 * spares);
	assert_int_equal(works_queued, 2);
	assert_int_equal(kshim_read_all(), 0);
}

static void text_takes_a_sixteenth_of_memory_at_most(void **state)
{
	const unsigned int most = 10;
	unsigned int spares;

	(void)state;
	ram_pages = 16 * most;
	assert_int_equal(kshim_initcall(), 0);
	spares = nr_used;
	assert_int_equal(kshim_pages_used_up(), 0);
	kshim_refill();
	assert_int_equal(nr_used, spares + most);
	assert_int_equal(kshim_read_all(), 0);
	assert_int_equal(kshim_pages_used(most / 2), 0);
	assert_int_equal(kshim_read_all(), 0);
}

static void a_cpu_that_goes_leaves_no_page(void **state)
{
	(void)state;
	assert_int_equal(kshim_initcall(), 0);
	assert_int_equal(kshim_pages_used(1), 0);
	assert_int_equal(kshim_read_all(), 0);
	assert_true(nr_used > 0);
	assert_int_equal(cpu_dead(0), 0);
	assert_clean(0);
	assert_int_equal(cpu_prepare(0), 0);
	assert_true(nr_used > 0);
}

static void memory_that_no_link_reaches_is_said(void **state)
{
	(void)state;
	max_pfn = min_low_pfn + REACH / page_size;
	assert_int_equal(kshim_initcall(), 0);
	assert_int_equal(warnings, 0);
	max_pfn++;
	assert_int_equal(kshim_initcall(), 0);
	assert_int_equal(warnings, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(works_from_the_first_page_of_the_direct_map,
						setup, teardown),
		cmocka_unit_test_setup_teardown(works_up_to_the_last_page_that_a_link_reaches,
						setup, teardown),
		cmocka_unit_test_setup_teardown(works_past_the_deepest_level, setup, teardown),
		cmocka_unit_test_setup_teardown(a_page_that_no_link_reaches_is_given_back,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			spare_pages_are_used_first_and_filled_by_who_writes_next, setup, teardown),
		cmocka_unit_test_setup_teardown(text_takes_a_sixteenth_of_memory_at_most, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_cpu_that_goes_leaves_no_page, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_that_no_link_reaches_is_said, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			where_the_allocator_refuses_spare_pages_are_used_and_asked_for_anew, setup,
			teardown),
		cmocka_unit_test_setup_teardown(without_a_page_a_message_is_lost_and_counted,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("kshim", tests, NULL, NULL);
}
