// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * brink.c - memory behind which there is none
 */
#include "brink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARD	65536u	/* a multiple of every page size there is */
#define STRIDE	(GUARD + GUARD)

static char *regions;

static void make(void)
{
	unsigned int i;

	regions = mmap(NULL, (size_t)BRINK_REGIONS * STRIDE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (regions == MAP_FAILED)
		abort();
	for (i = 0; i < BRINK_REGIONS; i++)
		if (mprotect(regions + (size_t)i * STRIDE + GUARD, GUARD, PROT_NONE))
			abort();
}

char *brink_at(unsigned int region, size_t len, size_t before)
{
	char *end;

	if (!regions)
		make();
	if (region >= BRINK_REGIONS || len + before > BRINK_SIZE)
		abort();
	end = regions + (size_t)region * STRIDE + GUARD;
	memset(end - before, '~', before);
	return end - before - len;
}

size_t brink_readable(uint64_t addr)
{
	uint64_t from = addr - (uint64_t)(uintptr_t)regions;

	if (!regions || from >= (uint64_t)BRINK_REGIONS * STRIDE || from % STRIDE >= GUARD)
		return 0;
	return GUARD - (size_t)(from % STRIDE);
}
