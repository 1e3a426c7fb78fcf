// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * path.c - the way a call takes through this program's text, and how to get to a point of it
 *
 * A path is recorded once, an instruction at a time. To stop at a point of it later, a breakpoint
 * is planted there. In a loop that would stop at the first round, so the way leads over other
 * points: each breakpoint, when hit, is taken out and the next one planted, which is not passed in
 * between.
 *
 * Invariants
 *   I1  The program's text, libc's included if linked into it, is all that is recorded.
 *
 * The instruction after a system call gets no trap of its own on some kernels; it is filled in.
 * A repeated string instruction counts once: a breakpoint cannot stop it half way.
 */
#include <stdlib.h>

#include "path.h"

#define BLOCK		256u	/* points whose least number of hops is remembered together */

extern const char __executable_start[], etext[];

static bool in_text(uintptr_t pc)
{
	return pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
}

static bool is_syscall(uintptr_t pc)
{
	const unsigned char *code = (const unsigned char *)pc;

	return code[0] == 0x0f && code[1] == 0x05;
}

static bool append(struct path *path, uintptr_t pc)
{
	if (path->nr == PATH_MAX_POINTS)
		return false;
	path->point[path->nr++].pc = pc;
	return true;
}

/**
 * path_note() - an instruction is about to be executed
 * @path: path so far
 * @pc: its address
 *
 * Context: any.
 * Return: false if the path has become too long.
 */
bool path_note(struct path *path, uintptr_t pc)
{
	uintptr_t before = path->nr ? path->point[path->nr - 1].pc : 0;

	if (!in_text(pc) || pc == before)
		return true;
	if (before && is_syscall(before) && pc != before + 2 && !append(path, before + 2))
		return false;
	return append(path, pc);
}

/* The point in (@after, @end) that takes the fewest hops to get to. */
static uint32_t least_hops(const struct path *path, const uint32_t *least, uint32_t after,
			   uint32_t end)
{
	const struct path_point *point = path->point;
	uint32_t best = end - 1;
	uint32_t i = end - 1;

	while (i-- > after + 1) {
		if ((i + 1) % BLOCK == 0 && i >= BLOCK && i - (BLOCK - 1) > after) {
			uint32_t of_block = least[i / BLOCK];

			if (point[of_block].hops < point[best].hops)
				best = of_block;
			i -= BLOCK - 1;
		} else if (point[i].hops < point[best].hops) {
			best = i;
		}
	}
	return best;
}

/**
 * path_link() - find the way to every point of a path
 * @path: recorded
 *
 * From a point p one can stop at q by a breakpoint, if q's instruction is not passed between them;
 * and p's own is not q's, for p's has to be executed.
 *
 * Context: process.
 * Return: false without memory.
 */
bool path_link(struct path *path)
{
	static uint32_t least[PATH_MAX_POINTS / BLOCK];
	static uint32_t *last_visit;	/* of each byte of the text: index + 1; zeros at rest */
	uint32_t i;

	if (!last_visit)
		last_visit = calloc((size_t)(etext - __executable_start), sizeof(*last_visit));
	if (!last_visit)
		return false;
	for (i = 0; i < path->nr; i++) {
		struct path_point *point = &path->point[i];
		uint32_t *last = &last_visit[point->pc - (uintptr_t)__executable_start];

		if (!*last) {
			point->from = PATH_START;
			point->hops = 1;
		} else {
			point->from = least_hops(path, least, *last - 1, i);
			point->hops = path->point[point->from].hops + 1;
		}
		*last = i + 1;
		if (i % BLOCK == 0 || point->hops < path->point[least[i / BLOCK]].hops)
			least[i / BLOCK] = i;
	}
	for (i = 0; i < path->nr; i++)
		last_visit[path->point[i].pc - (uintptr_t)__executable_start] = 0;
	return true;
}

/**
 * path_stops() - where to stop on the way to a point
 * @path: linked
 * @point: where to
 * @stops: set to points, the last one first
 *
 * Context: any.
 * Return: how many.
 */
uint32_t path_stops(const struct path *path, uint32_t point, uint32_t stops[PATH_MAX_POINTS])
{
	uint32_t nr = 0;

	for (; point != PATH_START; point = path->point[point].from)
		stops[nr++] = point;
	return nr;
}
