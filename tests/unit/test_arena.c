// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_arena.c - the arena: how large it gets, which page is next, and what a sweep finds
 *
 * What the shim promises is in contract/test_pages.c. Here the port's file is part of the test, so
 * that the hint can be wrong on purpose. The linker's --wrap puts the functions below between it
 * and the kernel: they refuse memory, or behave as on an arm64 host with pages of 64 KiB. (Meson
 * has files of 64 bits everywhere: mmap64.)
 *
 * A process has one arena. What happens when it is made is tested in children of a process that
 * has none yet. The children assert nothing: their exit status is the line of the first check that
 * failed, modulo 255 plus one, or 0.
 */
#include "../../port/user/arena.c"

#include "fixture.h"

#include <setjmp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stream.h"

#define OUT	BPFSTREAM_STDOUT
#define BUDGET	200u		/* several words of the hint */
#define BIG_PAGE	65536u
#define GIB	((size_t)1 << 30)
#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			return __LINE__ % 255 + 1;			\
	} while (0)

/*
 * @big_pages: the host's pages are of BIG_PAGE
 * @most: the largest reservation granted
 * @mprotects, @refuse: calls so far, and which to refuse; 0 none
 * @misaligned: calls whose address was no host page's
 * @reserved: length of the last reservation granted
 * @reservations: calls so far
 * @unmapped: length of the last munmap
 */
static struct {
	bool big_pages;
	size_t most;
	unsigned int mprotects, refuse, misaligned, reservations;
	size_t reserved, unmapped;
} kernel = { .most = SIZE_MAX };

static struct bpfstream_page *taken[BUDGET + 1];

/* ---- the kernel's part ---- */

void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_mprotect(void *addr, size_t len, int prot);
int __real_munmap(void *addr, size_t len);
unsigned long __real_getauxval(unsigned long type);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_mprotect(void *addr, size_t len, int prot);
int __wrap_munmap(void *addr, size_t len);
unsigned long __wrap_getauxval(unsigned long type);

static size_t round_big(size_t len)
{
	return (len + BIG_PAGE - 1) & ~((size_t)BIG_PAGE - 1);
}

static void *map_big(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	char *mem = __real_mmap64(addr, round_big(len) + BIG_PAGE, prot, flags, fd, offset);

	if (mem == MAP_FAILED)
		return mem;
	return mem + (BIG_PAGE - (uintptr_t)mem % BIG_PAGE) % BIG_PAGE;
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *mem;

	if (prot == PROT_NONE) {
		kernel.reservations++;
		if (len > kernel.most) {
			errno = ENOMEM;
			return MAP_FAILED;
		}
	}
	mem = (kernel.big_pages ? map_big : __real_mmap64)(addr, len, prot, flags, fd, offset);
	if (prot == PROT_NONE && mem != MAP_FAILED)
		kernel.reserved = len;
	return mem;
}

int __wrap_mprotect(void *addr, size_t len, int prot)
{
	if (++kernel.mprotects == kernel.refuse) {
		errno = ENOMEM;
		return -1;
	}
	if (!kernel.big_pages)
		return __real_mprotect(addr, len, prot);
	if ((uintptr_t)addr % BIG_PAGE) {
		kernel.misaligned++;
		errno = EINVAL;
		return -1;
	}
	return __real_mprotect(addr, round_big(len), prot);
}

int __wrap_munmap(void *addr, size_t len)
{
	kernel.unmapped = len;
	return __real_munmap(addr, len);
}

unsigned long __wrap_getauxval(unsigned long type)
{
	return type == AT_PAGESZ && kernel.big_pages ? BIG_PAGE : __real_getauxval(type);
}

/* ---- how large: in children, where there is no arena yet ---- */

static struct bpfstream_prog *create(u32 pages)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = pages };

	return bpfstream_prog_create(&opts);
}

static int write_and_read(struct bpfstream_prog *prog)
{
	char text[16];

	CHECK(!bpfstream_write(prog, OUT, "a message", 9));
	CHECK(bpfstream_prog_read(prog, OUT, text, sizeof(text)) == 9);
	CHECK(!memcmp(text, "a message", 9));
	return 0;
}

static int make_the_smallest(void *arg)
{
	struct bpfstream_prog *first, *second;

	(void)arg;
	kernel.most = GIB / 8;	/* 64 MiB of pages and what there is to say of them */
	first = create(1000);
	CHECK(first);
	CHECK(kernel.reservations == 9);	/* of 2^22 pages down to 2^14 */
	CHECK(kernel.reserved < GIB / 8);
	CHECK(!create(16384 - 1000) && errno == ENOMEM);
	CHECK(!create(INT32_MAX) && errno == ENOMEM);
	CHECK(bsp_arena_budget() == 1000);
	second = create(16384 - 1000 - 1);
	CHECK(second);
	CHECK(!create(1) && errno == ENOMEM);
	return write_and_read(second);
}

static void what_cannot_be_reserved_is_tried_at_half_and_bounds_the_budget(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(make_the_smallest, NULL), 0);
}

static int make_later(void *arg)
{
	struct bpfstream_prog *prog;

	(void)arg;
	kernel.most = GIB / 32;
	CHECK(!create(10) && errno == ENOMEM);
	CHECK(!bsp_arena_budget());
	CHECK(!bsp_page_alloc());
	kernel.most = SIZE_MAX;
	prog = create(10);
	CHECK(prog);
	return write_and_read(prog);
}

static void where_nothing_can_be_reserved_create_fails_and_may_be_tried_again(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(make_later, NULL), 0);
}

static int make_without_slots(void *arg)
{
	struct bpfstream_prog *prog;

	(void)arg;
	kernel.refuse = 1;
	CHECK(!create(10) && errno == ENOMEM);
	CHECK(kernel.reserved > 16 * GIB && kernel.unmapped == kernel.reserved);
	prog = create(10);
	CHECK(prog);
	return write_and_read(prog);
}

static void a_reservation_that_cannot_be_used_is_given_back_whole(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(make_without_slots, NULL), 0);
}

static int limit_address_space(void)
{
	const struct rlimit eight = { 8 * GIB, 8 * GIB };

	return setrlimit(RLIMIT_AS, &eight);
}

static int is_limited(void *arg)
{
	(void)arg;
	return !limit_address_space() && !reserve(12 * GIB);
}

static int make_in_limits(void *arg)
{
	struct bpfstream_prog *prog;

	(void)arg;
	CHECK(!limit_address_space());
	prog = create(1000);
	CHECK(prog);
	CHECK(kernel.reserved > 4 * GIB && kernel.reserved < 5 * GIB);
	CHECK(!create(1u << 20) && errno == ENOMEM);
	return write_and_read(prog);
}

static void a_limit_on_address_space_makes_the_arena_smaller(void **state)
{
	(void)state;
	if (FIXTURE_SANITIZED || RUNNING_ON_VALGRIND) {
		print_message("skipped: the tool itself needs the address space\n");
		skip();
	}
	if (fixture_in_child(is_limited, NULL) != 1) {
		print_message("skipped: RLIMIT_AS has no effect here (qemu)\n");
		skip();
	}
	assert_int_equal(fixture_in_child(make_in_limits, NULL), 0);
}

static int make_of_any_size(void *arg)
{
	struct bpfstream_prog *first;
	u32 pages;

	(void)arg;
	kernel.big_pages = true;
	first = create(1000);
	CHECK(first);
	for (pages = 1; pages <= 40; pages++) {
		struct bpfstream_prog *prog = create(pages);

		CHECK(prog);
		bpfstream_prog_destroy(prog);
	}
	CHECK(!kernel.misaligned);
	return write_and_read(first);
}

static void programs_are_made_whatever_the_size_of_the_hosts_pages(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(make_of_any_size, NULL), 0);
}

static int write_everywhere(void *arg)
{
	u32 pages, n;

	(void)arg;
	kernel.big_pages = true;
	for (pages = 0; pages < BUDGET; pages += 50) {
		CHECK(create(50));	/* ends in the midst of a host page */
		for (n = 0; n < 50; n++) {
			struct bpfstream_page *page = bsp_page_alloc();

			CHECK(page);
			memset(page, 'x', BSP_PAGE_SIZE);
		}
		CHECK(!bsp_page_alloc());
	}
	CHECK(!kernel.misaligned);
	return 0;
}

static void every_page_can_be_written_to_whatever_the_size_of_the_hosts(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(write_everywhere, NULL), 0);
}

/* ---- budget ---- */

static int setup(void **state)
{
	const struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = BUDGET };

	memset(taken, 0, sizeof(taken));
	*state = fixture_make(&opts);
	return *state ? 0 : -1;
}

static u32 index_of(const struct bpfstream_page *page)
{
	return (u32)((size_t)((const char *)page - bsp_arena) / BSP_PAGE_SIZE);
}

static void take_pages(u32 from, u32 to)
{
	u32 n;

	for (n = from; n < to; n++) {
		taken[n] = bsp_page_alloc();
		assert_non_null(taken[n]);
	}
}

static void give_pages(u32 from, u32 to)
{
	u32 n;

	for (n = from; n < to; n++) {
		bsp_page_free(taken[n]);
		taken[n] = NULL;
	}
}

static void a_refused_grow_changes_nothing(void **state)
{
	u32 n;

	(void)state;
	for (n = 1; n <= 3; n++) {	/* tags, hint, pages */
		kernel.refuse = kernel.mprotects + n;
		assert_int_equal(bsp_arena_grow(5000 * n), -ENOMEM);
		assert_int_equal(bsp_arena_budget(), BUDGET);
		take_pages(0, BUDGET);
		assert_null(bsp_page_alloc());
		give_pages(0, BUDGET);
	}
	kernel.refuse = 0;
	errno = FIXTURE_ERRNO;
	assert_int_equal(bsp_arena_grow(1), 0);
	take_pages(0, BUDGET + 1);
	give_pages(0, BUDGET + 1);
	bsp_arena_shrink(1);
}

static void a_program_that_is_not_made_leaves_the_budget_as_it_was(void **state)
{
	(void)state;
	kernel.refuse = kernel.mprotects + 1;
	assert_null(create(1u << 20));
	assert_int_equal(errno, ENOMEM);
	kernel.refuse = 0;
	errno = FIXTURE_ERRNO;
	assert_int_equal(bsp_arena_budget(), BUDGET);
}

static void memory_that_was_once_allowed_needs_no_system_call_again(void **state)
{
	unsigned int before;

	(void)state;
	assert_int_equal(bsp_arena_grow(1000), 0);
	bsp_arena_shrink(1000);
	before = kernel.mprotects;
	assert_int_equal(bsp_arena_grow(1000), 0);
	assert_int_equal(kernel.mprotects, before);
	bsp_arena_shrink(1000);
	assert_int_equal(bsp_arena_budget(), BUDGET);
}

static void pages_in_use_above_a_lower_limit_are_counted_and_not_had_again(void **state)
{
	u32 n;

	(void)state;
	take_pages(0, BUDGET);
	bsp_arena_shrink(BUDGET - 10);
	assert_int_equal(bsp_arena_live(), BUDGET);
	give_pages(100, BUDGET);
	assert_int_equal(bsp_arena_live(), 100);
	assert_null(bsp_page_alloc());	/* those above the limit are free, and nobody's */
	give_pages(3, 4);
	take_pages(3, 4);
	assert_int_equal(index_of(taken[3]), 4);
	assert_null(bsp_page_alloc());
	assert_int_equal(bsp_arena_grow(BUDGET - 10), 0);
	take_pages(100, BUDGET);
	for (n = 0; n < BUDGET; n++)
		assert_int_equal(index_of(taken[n]), n + 1);
	give_pages(0, BUDGET);
}

/* ---- the next page, and the hint ---- */

static void the_lowest_free_page_is_the_next(void **state)
{
	(void)state;
	take_pages(0, 130);
	give_pages(100, 101);
	give_pages(5, 6);
	give_pages(70, 71);
	take_pages(5, 6);
	take_pages(70, 71);
	take_pages(100, 101);
	take_pages(130, 131);
	assert_int_equal(index_of(taken[5]), 6);
	assert_int_equal(index_of(taken[70]), 71);
	assert_int_equal(index_of(taken[100]), 101);
	assert_int_equal(index_of(taken[130]), 131);
	give_pages(0, 131);
}

static void a_page_that_the_hint_calls_free_and_is_not_is_passed_over(void **state)
{
	(void)state;
	take_pages(0, 70);
	show_free(index_of(taken[7]));
	show_free(index_of(taken[69]));
	take_pages(70, BUDGET);
	assert_int_equal(index_of(taken[70]), 71);
	assert_null(bsp_page_alloc());
	give_pages(0, BUDGET);
}

static void a_free_page_that_the_hint_does_not_know_is_shown_by_a_sweep(void **state)
{
	struct bsp_slot *self = bsp_slot_self();

	(void)state;
	take_pages(0, BUDGET);
	give_pages(77, 78);
	map[78 / 64] &= ~bit_of(78);	/* as before show_free() in bsp_page_free() */
	assert_null(bsp_page_alloc());
	bsp_arena_sweep(self, 0);
	take_pages(77, 78);
	assert_int_equal(index_of(taken[77]), 78);
	assert_null(bsp_page_alloc());
	give_pages(0, BUDGET);
}

static void *write_a_byte(void *prog)
{
	return (void *)(long)bpfstream_write(prog, OUT, "x", 1);
}

static bool is_reaped(void *arg)
{
	shortages = 64;
	taken[BUDGET - 1] = bsp_page_alloc();
	(void)arg;
	return taken[BUDGET - 1] != NULL;
}

static void only_one_shortage_in_64_asks_after_dead_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *ret;
	u32 n;

	assert_int_equal(pthread_create(&thread, NULL, write_a_byte, f->prog), 0);
	pthread_join(thread, &ret);
	assert_null(ret);
	assert_reads(f->s, "x");
	take_pages(0, BUDGET - 1);
	shortages = 1;
	for (n = 1; n < 64; n++)
		assert_null(bsp_page_alloc());
	assert_int_equal(shortages, 64);
	assert_true(fixture_soon(is_reaped, NULL));	/* it may take a moment to be dead */
	give_pages(0, BUDGET);
}

/* ---- sweep ---- */

static void a_sweep_frees_what_was_taken_for_the_level_and_not_used(void **state)
{
	struct bsp_slot *self = bsp_slot_self();
	struct bpfstream_page *other;

	(void)state;
	assert_non_null(bsp_page_alloc_for(&self->level[1].cpu));
	other = bsp_page_alloc_for(&self->level[2].cpu);
	assert_non_null(bsp_page_alloc_for(&self->level[1].cpu));
	bsp_arena_sweep(self, 0);
	assert_int_equal(bsp_arena_live(), 3);
	bsp_arena_sweep(self, 1);
	assert_int_equal(bsp_arena_live(), 1);
	assert_int_not_equal(tag[index_of(other)], 0);
	bsp_page_free(other);
}

static void a_sweep_of_all_levels_leaves_other_slots_and_nobodys_pages_alone(void **state)
{
	struct bsp_slot *self = bsp_slot_self();
	struct bpfstream_cpu own = { NULL, 0 };
	struct bpfstream_page *neighbours, *nobodys, *too_deep;
	u32 n;

	(void)state;
	neighbours = bsp_page_alloc_for(&self[1].level[0].cpu);
	nobodys = bsp_page_alloc();
	too_deep = bsp_page_alloc_for(&own);
	for (n = 0; n < BSP_LEVELS; n++)
		assert_non_null(bsp_page_alloc_for(&self->level[n].cpu));
	bsp_arena_sweep(self, BSP_NO_LEVEL);
	assert_int_equal(bsp_arena_live(), 3);
	bsp_page_free(neighbours);
	bsp_page_free(nobodys);
	bsp_page_free(too_deep);
}

static void a_sweep_leaves_a_levels_page_to_it(void **state)
{
	struct fixture *f = *state;
	struct bsp_slot *self = bsp_slot_self();
	struct bpfstream_page *page;

	assert_int_equal(bpfstream_write(f->prog, OUT, "kept", 4), 0);
	page = self->level[0].cpu.page;
	bsp_arena_sweep(self, BSP_NO_LEVEL);
	assert_ptr_equal(self->level[0].cpu.page, page);
	assert_int_equal(page->ref, BPFSTREAM_PAGE_BIAS);
	assert_reads(f->s, "kept");
}

/* As memory is at first. Right behind the compare-and-swap its word is no word of ours. */
static void a_page_that_was_never_used_is_found_by_a_sweep(void **state)
{
	static const u32 word[] = { 0, 3, BPFSTREAM_PAGE_BIAS, BPFSTREAM_PAGE_BLANK };
	const struct bsp_slot *self = bsp_slot_self();
	u32 who = bsp_slot_tag(&self->level[1].cpu);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(word) / sizeof(*word); i++) {
		assert_true(take(7, who));
		page_at(7)->ref = word[i];
		tag[7] = who | TAKEN;
		bsp_arena_sweep(self, 2);
		assert_int_equal(bsp_arena_live(), 1);
		bsp_arena_sweep(self, i % 2 ? 1 : BSP_NO_LEVEL);
		assert_int_equal(bsp_arena_live(), 0);
	}
}

static jmp_buf out_of_free;

static void leave(void *arg)
{
	(void)arg;
	longjmp(out_of_free, 1);
}

/* @page's owner stops where it is about to be freed. */
static void stop_in_free(struct bpfstream_page *page, u32 carved)
{
	fixture_at(BSP_POINT_PAGE_FREE, 0, leave, NULL);
	if (!setjmp(out_of_free)) {
		if (carved)
			bpfstream_page_retire(page, carved);
		else
			bsp_page_free(page);
		fail();
	}
	assert_int_equal(bsp_arena_live(), 1);
}

static struct bpfstream_page *lose_page(struct bpfstream_cpu *cpu);

static void a_page_whose_owner_stops_while_it_frees_it_is_found_by_a_sweep(void **state)
{
	struct fixture *f = *state;
	struct bsp_slot *self = bsp_slot_self();
	struct bpfstream_page *page;

	stop_in_free(bsp_page_alloc_for(&self->level[0].cpu), 0);
	bsp_arena_sweep(self, 0);
	assert_int_equal(bsp_arena_live(), 0);

	assert_int_equal(bpfstream_write(f->prog, OUT, "read", 4), 0);
	assert_reads(f->s, "read");
	page = lose_page(&self->level[0].cpu);
	stop_in_free(page, page->carved);
	bsp_arena_sweep(self, 0);
	assert_int_equal(bsp_arena_live(), 0);
}

/* As a context that stopped between letting go of its full page and retiring it. */
static struct bpfstream_page *lose_page(struct bpfstream_cpu *cpu)
{
	struct bpfstream_page *page = cpu->page;

	page->carved = cpu->carved;
	cpu->page = NULL;
	return page;
}

static void a_page_about_to_be_retired_lives_as_long_as_its_text(void **state)
{
	struct fixture *f = *state;
	struct bsp_slot *self = bsp_slot_self();
	struct bpfstream_page *page;
	u32 i;

	assert_int_equal(bpfstream_write(f->prog, OUT, "unread", 6), 0);
	page = lose_page(&self->level[0].cpu);
	for (i = 0; i < 2; i++) {	/* the second time, it is settled */
		bsp_arena_sweep(self, 0);
		assert_int_equal(page->ref, 16 / BPFSTREAM_GRAIN);
		assert_int_equal(bsp_arena_live(), 1);
	}
	assert_reads(f->s, "unread");
	assert_int_equal(bsp_arena_live(), 0);
}

static void a_page_about_to_be_retired_whose_text_was_read_is_freed(void **state)
{
	struct fixture *f = *state;
	struct bsp_slot *self = bsp_slot_self();

	assert_int_equal(bpfstream_write(f->prog, OUT, "read", 4), 0);
	(void)lose_page(&self->level[0].cpu);
	assert_reads(f->s, "read");
	assert_int_equal(bsp_arena_live(), 1);
	bsp_arena_sweep(self, 0);
	assert_int_equal(bsp_arena_live(), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_reserved_is_tried_at_half_and_bounds_the_budget),
		cmocka_unit_test(where_nothing_can_be_reserved_create_fails_and_may_be_tried_again),
		cmocka_unit_test(a_reservation_that_cannot_be_used_is_given_back_whole),
		cmocka_unit_test(a_limit_on_address_space_makes_the_arena_smaller),
		cmocka_unit_test(programs_are_made_whatever_the_size_of_the_hosts_pages),
		cmocka_unit_test(every_page_can_be_written_to_whatever_the_size_of_the_hosts),
		TEST(a_refused_grow_changes_nothing),
		TEST(a_program_that_is_not_made_leaves_the_budget_as_it_was),
		TEST(memory_that_was_once_allowed_needs_no_system_call_again),
		TEST(pages_in_use_above_a_lower_limit_are_counted_and_not_had_again),
		TEST(the_lowest_free_page_is_the_next),
		TEST(a_page_that_the_hint_calls_free_and_is_not_is_passed_over),
		TEST(a_free_page_that_the_hint_does_not_know_is_shown_by_a_sweep),
		TEST(only_one_shortage_in_64_asks_after_dead_threads),
		TEST(a_sweep_frees_what_was_taken_for_the_level_and_not_used),
		TEST(a_sweep_of_all_levels_leaves_other_slots_and_nobodys_pages_alone),
		TEST(a_sweep_leaves_a_levels_page_to_it),
		TEST(a_page_that_was_never_used_is_found_by_a_sweep),
		TEST(a_page_whose_owner_stops_while_it_frees_it_is_found_by_a_sweep),
		TEST(a_page_about_to_be_retired_lives_as_long_as_its_text),
		TEST(a_page_about_to_be_retired_whose_text_was_read_is_freed),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
