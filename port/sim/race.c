// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * race.c - the memory that tasks share, and plain accesses to it, for which nobody may race
 *
 * Invariants
 *   I1  A task's clocks (sim_now) say what happened before all that it does next. Its own goes on
 *       with each of its stores, so what it does after one is not covered by it.
 *   I2  A plain access and another to the same unit, one of them a write, are ordered by what
 *       happened before, or the run fails. The same is asked of relaxed accesses to words that
 *       were not declared shared: so nobody can tell when in between they happen (SIM_LOCAL).
 *   I3  Nobody touches a page that is free.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define HEAP		8192u
#define AREA		(SIM_PAGES * SIM_PAGE_SIZE + HEAP)
#define UNIT		4u	/* bytes that have a cell; an element's fields have one owner */

typedef sim_clocks clocks;

char sim_area[AREA] __attribute__((__aligned__(4096)));
struct sim_site sim_here;
bool sim_page_used[SIM_PAGES];
clocks sim_now[SIM_TASKS];

static struct sim_cell cells[AREA / UNIT];
static uint32_t run;
static uint32_t heap_used;

static size_t offset_of(const volatile void *p)
{
	return (size_t)((const volatile char *)p - sim_area);
}

static bool in_area(const volatile void *p)
{
	return (uintptr_t)p - (uintptr_t)sim_area < AREA;
}

static struct sim_cell *cell_of(size_t unit)
{
	struct sim_cell *cell = &cells[unit];

	if (cell->run != run) {
		memset(cell, 0, sizeof(*cell));
		cell->run = run;
	}
	return cell;
}

/* A run begins: nothing has been accessed, and nothing is on the heap. */
void sim_race_reset(void)
{
	uint32_t i;

	run++;
	heap_used = 0;
	memset(sim_now, 0, sizeof(sim_now));
	for (i = 0; i < SIM_TASKS; i++)
		sim_now[i][i] = 1;
	sim_names_reset();
}

/* Memory for what a scenario's tasks share, for one run. */
void *sim_heap(size_t size)
{
	size_t at = SIM_PAGES * SIM_PAGE_SIZE + heap_used;

	heap_used += (uint32_t)((size + 63) & ~(size_t)63);
	if (heap_used > HEAP)
		abort();
	return sim_area + at;
}

/* Words at @p are for several tasks at once, by operations alone. */
void sim_share(const void *p, size_t size, const char *name)
{
	size_t unit = offset_of(p) / UNIT, end = unit + size / UNIT;

	sim_name_add(p, size, name);
	for (; unit < end; unit++)
		cell_of(unit)->shared = true;
}

/* All that happened before @from's next step did so before @into's. */
void sim_join(uint32_t into, uint32_t from)
{
	sim_now[into] = sim_clocks_join(sim_now[into], sim_now[from]);
	sim_now[from][from]++;
}

/* ---- races ---- */

static void check_page(const volatile void *p)
{
	size_t page = offset_of(p) / SIM_PAGE_SIZE;

	if (page < SIM_PAGES && !sim_page_used[page])
		sim_fail("use of a free page: %s, near %s:%d", sim_name(p), sim_here.func,
			 sim_here.line);
}

/* Who has done to @cell what did not happen before. */
static uint32_t rival(const struct sim_cell *cell, const clocks *before)
{
	uint32_t i;

	for (i = 0; i < SIM_TASKS; i++) {
		uint16_t clock = (*before)[i];

		if ((cell->wtask == i && cell->wclock > clock) || cell->awrite[i] > clock ||
		    cell->read[i] > clock || cell->aread[i] > clock)
			break;
	}
	return i;
}

static void race(const struct sim_cell *cell, const clocks *before, const char *how)
{
	size_t at = (size_t)(cell - cells) * UNIT;

	sim_fail("race: task %u %s %s, unordered with task %u, near %s:%d", sim_self, how,
		 sim_name(sim_area + at), rival(cell, before), sim_here.func, sim_here.line);
}

static void plain_read(struct sim_cell *cell, clocks *before)
{
	if (cell->wclock > (*before)[cell->wtask] || sim_any_above(cell->awrite, *before))
		race(cell, before, "reads");
	cell->read[sim_self] = (*before)[sim_self];
}

static void plain_write(struct sim_cell *cell, clocks *before)
{
	if (cell->wclock > (*before)[cell->wtask] || sim_any_above(cell->awrite, *before) ||
	    sim_any_above(cell->read, *before) || sim_any_above(cell->aread, *before))
		race(cell, before, "writes");
	cell->read = cell->aread = cell->awrite = (clocks){ 0 };
	cell->wtask = (uint8_t)sim_self;
	cell->wclock = (*before)[sim_self];
	if (cell->word)
		sim_word_end(cell->word);
}

/**
 * sim_plain() - an access that is no operation
 * @p: where
 * @size: bytes
 * @write: whether it writes
 */
void sim_plain(const volatile void *p, size_t size, bool write)
{
	size_t unit, end;

	if (!in_area(p) || !size)
		return;
	check_page(p);
	end = (offset_of(p) + size - 1) / UNIT;
	for (unit = offset_of(p) / UNIT; unit <= end; unit++) {
		if (write)
			plain_write(cell_of(unit), &sim_now[sim_self]);
		else
			plain_read(cell_of(unit), &sim_now[sim_self]);
	}
}

void *sim_memcpy(void *dst, const void *src, size_t n)
{
	sim_plain(src, n, false);
	sim_plain(dst, n, true);
	return memcpy(dst, src, n);
}

/* What is known of the word at @p. */
struct sim_cell *sim_cell(const volatile void *p)
{
	return cell_of(offset_of(p) / UNIT);
}

/* An operation on a shared word. */
void sim_race_check(const volatile void *p, bool write)
{
	struct sim_cell *cell = sim_cell(p);
	clocks *before = &sim_now[sim_self];

	check_page(p);
	if (cell->wclock > (*before)[cell->wtask] || (write && sim_any_above(cell->read, *before)))
		race(cell, before, write ? "changes" : "loads");
	if (write)
		cell->awrite[sim_self] = (*before)[sim_self];
	else
		cell->aread[sim_self] = (*before)[sim_self];
}

/* Whether the word at @p was declared shared. */
bool sim_is_shared(const volatile void *p)
{
	return in_area(p) && sim_cell(p)->shared;
}

bool sim_warn(bool cond)
{
	if (cond)
		sim_fail("a warning, near %s:%d", sim_here.func, sim_here.line);
	return cond;
}
