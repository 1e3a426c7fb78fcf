/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * written.h - what a writer has written, read back without a stream
 */
#ifndef WRITTEN_H
#define WRITTEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arena.h"
#include "bpfstream.h"
#include "page.h"

#define WRITTEN_MAX	(1u << 20)
#define ANY_ROOM	SIZE_MAX

/*
 * @text: what was written, without the filler, and a NUL
 * @len: its bytes
 * @filler: bytes that only made the room short
 * @pages: pages in use before all tests
 * @allocs: page allocations it took
 */
struct written {
	char text[WRITTEN_MAX];
	size_t len;
	size_t filler;
	u32 pages;
	unsigned long allocs;
	struct bpfstream_out out;
};

static struct written *written;
static struct bpfstream_prog *written_prog;

/* Write so much that @room bytes are left in the page. */
static inline void written_fill(size_t room)
{
	static const char filler[BSP_PAGE_SIZE];
	struct bpfstream_out *out = &written->out;

	written->filler = 0;
	if (room == ANY_ROOM)
		return;
	while ((size_t)(out->end - out->pos) != room) {
		size_t left = (size_t)(out->end - out->pos);
		size_t n = left > room ? left - room : left + 1;

		assert_int_equal(bpfstream_out_write(out, filler, n), 0);
		written->filler += n;
	}
}

/* Begin to write, with @room bytes left in the page. */
static inline struct bpfstream_out *written_open(u64 limit, size_t room)
{
	bpfstream_out_open(&written->out, limit);
	written_fill(room);
	written->allocs = bsp_fault.page_allocs;
	return &written->out;
}

/* End it: the text is in written->text. */
static inline void written_close(void)
{
	struct bpfstream_out *out = &written->out;
	struct bpfstream_elem *elem;
	size_t len;
	char *to;

	written->allocs = bsp_fault.page_allocs - written->allocs;
	bpfstream_out_close(out);
	len = out->chain.bytes;
	assert_true(len - written->filler < WRITTEN_MAX);
	to = written->text + len - written->filler;
	*to = '\0';
	written->len = len - written->filler;
	for (elem = out->chain.newest; elem;
	     elem = bpfstream_elem_of(bpfstream_node_next(&elem->node))) {
		size_t n = elem->len;
		size_t room = (size_t)(to - written->text);

		if (n > room) {
			memcpy(written->text, elem->text + n - room, room);
			break;
		}
		to -= n;
		memcpy(to, elem->text, n);
	}
	bpfstream_out_drop(out);
	bpfstream_out_leave(out);
}

/* Teardown of each test: no page is in use that was not before. */
static inline int written_no_leak(void **state)
{
	(void)state;
	return bsp_arena_live() == written->pages ? 0 : -1;
}

#define WRITTEN_TEST(name)	cmocka_unit_test_teardown(name, written_no_leak)

/* The arena exists from the first program on, this thread's page from its first byte on. */
static inline int written_setup(void **state)
{
	(void)state;
	written = calloc(1, sizeof(*written));
	written_prog = bpfstream_prog_create(NULL);
	if (!written || !written_prog)
		return -1;
	bpfstream_out_open(&written->out, 1);
	written_fill(1);
	bpfstream_out_drop(&written->out);
	bpfstream_out_leave(&written->out);
	written->pages = bsp_arena_live();
	return 0;
}

static inline int written_teardown(void **state)
{
	(void)state;
	bpfstream_prog_destroy(written_prog);
	free(written);
	return 0;
}

/* No page is left for whoever asks next. */
static inline void fail_next_page(void)
{
	bsp_fault.page_fail_from = bsp_fault.page_allocs + 1;
	bsp_fault.page_fail_nr = 0;
}

static inline void fail_no_page(void)
{
	bsp_fault.page_fail_from = 0;
}

/* Two pages, the second of which nobody may touch. Returns the end of the first. */
static inline char *edge_of_memory(void)
{
	char *base = mmap(NULL, 2 * BSP_PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(base != MAP_FAILED);
	assert_int_equal(mprotect(base + BSP_PAGE_SIZE, BSP_PAGE_SIZE, PROT_NONE), 0);
	return base + BSP_PAGE_SIZE;
}

static inline void edge_unmap(char *edge)
{
	munmap(edge - BSP_PAGE_SIZE, 2 * BSP_PAGE_SIZE);
}

#endif
