// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trace.c - a run, for people
 */
#include <stdarg.h>
#include <stdio.h>

#include "memory.h"

#define NAMES	16u

bool sim_tracing;

static struct {
	const char *from;
	size_t size;
	const char *name;
} names[NAMES];

static uint32_t nr_names;

void sim_names_reset(void)
{
	nr_names = 0;
}

void sim_name_add(const void *p, size_t size, const char *name)
{
	if (nr_names == NAMES)
		return;
	names[nr_names].from = p;
	names[nr_names].size = size;
	names[nr_names++].name = name;
}

/* Where @p points to: a word by name, a page and offset, or nothing that is shared. */
const char *sim_name(const volatile void *p)
{
	static char text[64];
	size_t at = (size_t)((uintptr_t)p - (uintptr_t)sim_area);
	uint32_t i;

	for (i = 0; i < nr_names; i++) {
		size_t in = (size_t)((uintptr_t)p - (uintptr_t)names[i].from);

		if (in < names[i].size) {
			snprintf(text, sizeof(text), in ? "%s+%zu" : "%s", names[i].name, in);
			return text;
		}
	}
	if (at < SIM_PAGES * SIM_PAGE_SIZE)
		snprintf(text, sizeof(text), "page %zu+%zu", at / SIM_PAGE_SIZE,
			 at % SIM_PAGE_SIZE);
	else if (at < SIM_PAGES * SIM_PAGE_SIZE * 2)
		snprintf(text, sizeof(text), "heap+%zu", at - SIM_PAGES * SIM_PAGE_SIZE);
	else
		snprintf(text, sizeof(text), "private");
	return text;
}

void sim_say(const char *fmt, ...)
{
	va_list ap;

	printf("  %u.%u ", sim_self, sim_nmi_depth());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	if (sim_here.func)
		printf("  (%s:%d)", sim_here.func, sim_here.line);
	putchar('\n');
}
