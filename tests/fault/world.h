/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * world.h - a program to fail calls of, and what it must hold whatever fails
 *
 * The world keeps beside the program what the program has accepted and not yet given, and what it
 * has to have counted as lost. An operation tells the world what came of it; world_audit() then
 * compares. A check that fails ends the process.
 */
#ifndef FAULT_WORLD_H
#define FAULT_WORLD_H

#include "fixture.h"

#include "plan.h"

#define OUT		BPFSTREAM_STDOUT
#define ERR		BPFSTREAM_STDERR
#define PAGE_TEXT	4080u	/* bytes of a message in a page of its own */
#define LONG_TEXT	10000u	/* takes three pages */
#define TEXT_MAX	65536u

#define CHECK(cond) \
	((cond) ? (void)0 : world_failed(__FILE__, __LINE__, #cond, 0, 0))
#define CHECK_EQ(have, want) \
	world_check_eq(__FILE__, __LINE__, #have " is " #want, (long long)(have), (long long)(want))

struct text {
	char bytes[TEXT_MAX];
	size_t len;
};

/*
 * How the world is before an operation.
 * @flags: of the program
 * @pages: its budget
 * @watched: somebody waits on its descriptor
 * @none: there is no program
 */
struct start {
	uint32_t flags;
	uint32_t pages;
	bool watched;
	bool none;
};

/*
 * @waits: of each stream, what was accepted and not given
 * @lost: of each stream, what it has to have counted
 * @staged: what @ss holds
 * @file, @file_at: where operations write to, and how much of it was looked at
 * @maps, @fds, @budget: as they were without a program
 */
struct world {
	struct bpfstream_prog *prog;
	struct text waits[2];
	struct bpfstream_stat lost[2];
	struct bpfstream_stage ss;
	struct text staged;
	uint32_t flags;
	int file;
	size_t file_at;
	long maps;
	long fds;
	u32 budget;
};

_Noreturn void world_failed(const char *file, int line, const char *what, long long have,
			    long long want);
void world_check_eq(const char *file, int line, const char *what, long long have, long long want);
void world_says(const char *operation);

void world_begin(struct world *w, const struct start *start);
void world_audit(struct world *w);
void world_read_all(struct world *w);
void world_goes_on(struct world *w);
void world_end(struct world *w);

void world_accepted(struct world *w, enum bpfstream_id id, const char *text, size_t len);
void world_lost(struct world *w, enum bpfstream_id id, int err, uint64_t bytes);
void world_given(struct world *w, enum bpfstream_id id, const char *text, size_t len);
void world_print(struct world *w, enum bpfstream_id id, const char *text);
size_t world_file(struct world *w, char *text);
void world_knows_its_children(struct world *w);

#endif
