// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * allocator.c - a malloc hook that logs from inside the allocator
 *
 * Defining malloc() and its kin in the executable puts them before the C library's for the whole
 * process. Each forwards to the C library's own (glibc exports it as __libc_malloc()) and logs
 * now and then. A logger that allocates would call itself here without end; this one may even be
 * called for an allocation that a print had interrupted, or the other way round.
 *
 * The hook also watches the library: an allocation from inside an any-context call is counted in
 * the ledger, and the checker will not have it. Handlers of this daemon do not allocate.
 */
#include <errno.h>
#include <stdlib.h>

#include "log.h"

#define LOG_EVERY	64u	/* allocations of a thread */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t nr, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *mem);

static __thread unsigned int allocs;

static void hook(const char *what, size_t size, const void *mem)
{
	if (log_in_library())
		log_count_malloc_inside();
	if (++allocs % LOG_EVERY == 0)
		log_line(KIND_ALLOC, "allocation %u of this thread: %s of %zu bytes at %p", allocs,
			 what, size, mem);
}

void *malloc(size_t size)
{
	void *mem = __libc_malloc(size);

	hook("malloc", size, mem);
	return mem;
}

void *calloc(size_t nr, size_t size)
{
	void *mem = __libc_calloc(nr, size);

	hook("calloc", nr * size, mem);
	return mem;
}

void *realloc(void *old, size_t size)
{
	void *mem = __libc_realloc(old, size);

	hook("realloc", size, mem);
	return mem;
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
	void *mem = __libc_memalign(align, size);

	hook("memalign", size, mem);
	return mem;
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **memp, size_t align, size_t size)
{
	void *mem = memalign(align, size);

	if (!mem)
		return ENOMEM;
	*memp = mem;
	return 0;
}

void free(void *mem)
{
	if (log_in_library() && mem)
		log_count_malloc_inside();
	__libc_free(mem);
}
