// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_regress_arena.c - the arena on a kernel whose pages are larger than the library's
 *
 * The linker's --wrap puts the functions here between the port and the kernel. They behave as on
 * an arm64 host with pages of 64 KiB. (Meson has files of 64 bits everywhere: mmap64.)
 */
#include "fixture.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#define HOST_PAGE	65536u

static unsigned int refused;

void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_mprotect(void *addr, size_t len, int prot);
unsigned long __real_getauxval(unsigned long type);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_mprotect(void *addr, size_t len, int prot);
unsigned long __wrap_getauxval(unsigned long type);

static size_t round_host(size_t len)
{
	return (len + HOST_PAGE - 1) & ~((size_t)HOST_PAGE - 1);
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	char *mem = __real_mmap64(addr, round_host(len) + HOST_PAGE, prot, flags, fd, offset);

	if (mem == MAP_FAILED)
		return mem;
	return mem + (HOST_PAGE - (uintptr_t)mem % HOST_PAGE) % HOST_PAGE;
}

int __wrap_mprotect(void *addr, size_t len, int prot)
{
	if ((uintptr_t)addr % HOST_PAGE) {
		refused++;
		errno = EINVAL;
		return -1;
	}
	return __real_mprotect(addr, round_host(len), prot);
}

unsigned long __wrap_getauxval(unsigned long type)
{
	return type == AT_PAGESZ ? HOST_PAGE : __real_getauxval(type);
}

static void programs_are_made_whatever_the_size_of_the_hosts_pages(void **state)
{
	struct fixture *f = *state;
	u32 budget;

	for (budget = 1; budget <= 40; budget++) {
		struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = budget };
		struct bpfstream_prog *prog = bpfstream_prog_create(&opts);

		assert_non_null(prog);
		bpfstream_prog_destroy(prog);
	}
	assert_int_equal(refused, 0);
	assert_int_equal(fixture_push(f->s, "a message"), 0);
	assert_reads(f->s, "a message");
}

static void every_page_of_the_budget_can_be_written_to(void **state)
{
	const u32 mine = 100;
	struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = mine };
	struct bpfstream_prog *prog = bpfstream_prog_create(&opts);
	struct bpfstream_page **page;
	u32 n = 0, nr = bsp_arena_budget();

	(void)state;
	assert_non_null(prog);
	page = test_calloc(nr + 1, sizeof(*page));
	while (n <= nr && (page[n] = bsp_page_alloc())) {
		memset(page[n], 'x', BSP_PAGE_SIZE);
		n++;
	}
	assert_in_range(n, nr - bsp_slots_pages(), nr);
	while (n--)
		bsp_page_free(page[n]);
	test_free(page);
	bpfstream_prog_destroy(prog);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(programs_are_made_whatever_the_size_of_the_hosts_pages),
		TEST(every_page_of_the_budget_can_be_written_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
