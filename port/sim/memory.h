/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * memory.h - what race.c, memory.c, trace.c and world.c share
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim.h"

/* A clock for each task. */
typedef uint16_t sim_clocks __attribute__((__vector_size__(16)));

_Static_assert(sizeof(sim_clocks) == SIM_TASKS * sizeof(uint16_t), "a clock for each task");

/*
 * What was done last to some bytes.
 * @read, @wtask, @wclock: by plain accesses
 * @aread, @awrite: by operations
 * @run: of which this is true
 * @word: number of the word they belong to, or 0
 */
struct sim_cell {
	sim_clocks read;
	sim_clocks aread;
	sim_clocks awrite;
	uint32_t run;
	uint16_t wclock;
	uint16_t word;
	uint8_t wtask;
	bool shared;
};

extern bool sim_page_used[SIM_PAGES];
extern sim_clocks sim_now[SIM_TASKS];	/* of each task: what happened before its next step */

void sim_race_reset(void);
struct sim_cell *sim_cell(const volatile void *p);
void sim_race_check(const volatile void *p, bool write);
bool sim_is_shared(const volatile void *p);
void sim_word_end(uint32_t n);

void sim_names_reset(void);
void sim_name_add(const void *p, size_t size, const char *name);

static inline bool sim_any_above(sim_clocks a, sim_clocks b)
{
	union { sim_clocks v; uint64_t u[2]; } above = { .v = (sim_clocks)(a > b) };

	return above.u[0] | above.u[1];
}

static inline sim_clocks sim_clocks_join(sim_clocks a, sim_clocks b)
{
	sim_clocks above = (sim_clocks)(a > b);

	return (a & above) | (b & ~above);
}

#endif
