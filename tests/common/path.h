/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * path.h - the way a call takes through this program's text, and how to get to a point of it
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_MAX_POINTS	(1u << 18)	/* instructions of a call */

/*
 * An instruction that was executed.
 * @pc: its address
 * @from: the point from which a breakpoint at @pc stops here and not at an earlier visit;
 *	PATH_START for the beginning of the call
 * @hops: breakpoints on the way here, this one included
 */
struct path_point {
	uintptr_t pc;
	uint32_t from;
	uint32_t hops;
};

struct path {
	uint32_t nr;
	struct path_point point[PATH_MAX_POINTS];
};

#define PATH_START	0xffffffffu

bool path_note(struct path *path, uintptr_t pc);
bool path_link(struct path *path);
uint32_t path_stops(const struct path *path, uint32_t point, uint32_t stops[PATH_MAX_POINTS]);

#endif
