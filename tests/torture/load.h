/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * load.h - what a round is like; its seed decides
 *
 * @records: that each writing thread prints by itself
 * @handler_records: that each of its handlers has room for
 * @period_us: of a thread's timers
 * @fill, @long_fill, @long_once: fills are up to @fill long, once in @long_once up to @long_fill
 * @group_once, @bprintf_once, @invalid_once: how often what is printed is that
 * @byte_once: how often a reader reads byte by byte
 * @dump_once: how often it dumps all instead
 * @fork_us: pause between forks
 * @ordered: readers take turns, so that the order of all that was read is known; else each call
 *	stands for itself, and they run into each other
 * @poor: pages are short
 * @opts: of the two programs that everybody prints into
 */
#ifndef TORTURE_LOAD_H
#define TORTURE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bpfstream.h"

#define LOAD_PROGS	2u

struct load {
	uint32_t records;
	uint32_t handler_records;
	uint32_t period_us;
	uint32_t fill;
	uint32_t long_fill;
	uint32_t long_once;
	uint32_t group_once;
	uint32_t bprintf_once;
	uint32_t invalid_once;
	uint32_t byte_once;
	uint32_t dump_once;
	uint32_t fork_us;
	bool ordered;
	bool poor;
	struct bpfstream_opts opts[LOAD_PROGS];
};

void load_choose(struct load *load, uint64_t seed, uint32_t scale, bool lasting);
void load_print(const struct load *load);

#endif
