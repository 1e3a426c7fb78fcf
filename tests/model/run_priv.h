/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * run_priv.h - what the parts of a run share
 */
#ifndef TESTS_RUN_PRIV_H
#define TESTS_RUN_PRIV_H

#include <stdarg.h>

#include "bpfstream.h"
#include "model.h"
#include "run.h"
#include "seeded.h"
#include "stage.h"

#define MAX_PROGS	6u
#define NR_GROUPS	4u
#define MAX_DEPTH	7u		/* more than there are levels */
#define MAX_TEXT	(256u << 10)
#define READ_MAX	(1u << 20)
#define NO_ERRNO	7777		/* errno before each call that must leave it alone */

/* @pages: budget; @serial: the order of making, which is dump_all's; @fd: -1 until asked for */
struct prog {
	struct bpfstream_prog *prog;
	struct model_stream stream[2];
	uint32_t pages;
	uint64_t serial;
	int fd;
	char name[40];
};

/* A stage and what should be in it. @bytes_min, @bytes_max: of the messages that it lost */
struct group {
	struct bpfstream_stage ss;
	char *text;
	size_t len;
	uint32_t messages;
	uint64_t lost[MODEL_NR_CAUSES];
	uint64_t bytes_min;
	uint64_t bytes_max;
	bool busy;
};

enum frame_kind {
	FRAME_ALONE,	/* changes no stream */
	FRAME_WRITES,
	FRAME_READS
};

/*
 * A call under way, perhaps with others on top of it.
 * @prog, @id: the stream, as an index
 * @allocs: page allocations asked for before the call
 * @fired: operations that interrupted it
 * A call that writes:
 * @text, @len: what becomes visible if it succeeds
 * @expect: 0, or why it must fail however much room there is
 * @messages: lost if it fails
 * @settled: its effect was seen and the model has it too; @result says which
 * A call that reads:
 * @asked: bytes, at most
 * @start: bytes of text that were there
 * @taken: bytes already taken off what is pending
 * @cut: bytes that a dump has taken from under it
 */
struct frame {
	struct frame *outer;
	enum frame_kind kind;
	struct prog *prog;
	unsigned int id;
	unsigned long allocs;
	unsigned int fired;

	const char *text;
	size_t len;
	int expect;
	uint64_t messages;
	bool settled;
	int result;

	size_t asked;
	uint64_t start;
	uint64_t taken;
	uint64_t cut;
};

struct run {
	const struct run_profile *profile;
	struct run_result *result;
	struct seeded rng;
	struct prog prog[MAX_PROGS];
	struct group group[NR_GROUPS];
	struct frame *top;
	unsigned int depth;
	uint64_t serial;
	uint32_t adrift;	/* pages that an earlier, failed sequence has lost */
	const char *doing;
	/* Kept from sequence to sequence: */
	int memfd[MAX_DEPTH + 1];
	int pipe[2];
	char *noise;		/* 2 * MAX_TEXT of bytes without zeros or percent signs */
	/* By depth: */
	char *text[MAX_DEPTH + 1];	/* MAX_TEXT: what should be written */
	char *arg[MAX_DEPTH + 1];	/* MAX_TEXT: what it is made from */
	char *got[MAX_DEPTH + 1];	/* READ_MAX: what was read */
	char *want;			/* READ_MAX: what should have been, while that is compared */
};

/* The largest capacity that any program of this process had. */
extern uint64_t run_max_capacity;

/* run.c */
__attribute__((__format__(__printf__, 2, 3)))
void run_fail(struct run *r, const char *fmt, ...);
bool run_failed(const struct run *r);
struct model_stream *run_model(const struct prog *prog, unsigned int id);
bool run_pick(struct run *r, struct prog **prog, unsigned int *id);
bool run_page_failed(const struct frame *f);
bool run_only_a_turn_failed(const struct frame *f);
bool run_pages_short(const struct frame *f);
void run_begin(struct run *r, struct frame *f);
void run_end(struct run *r, struct frame *f);
void run_settle(struct run *r, struct frame *f);
void run_check_stat(struct run *r, const struct prog *prog, unsigned int id);
enum bpfstream_id run_id(unsigned int id);

/* run_write.c, run_group.c, run_read.c, run_life.c: one random operation each */
size_t run_pick_len(struct run *r, const struct model_stream *m);
void run_write_end(struct run *r, struct frame *f, int ret);
void run_printf(struct run *r);
void run_write(struct run *r);
void run_bprintf(struct run *r);
void run_refused_call(struct run *r);
void run_group_add(struct run *r);
void run_group_commit(struct run *r);
void run_group_free(struct run *r);
void run_group_whole(struct run *r);
void run_group_drop(struct run *r, struct group *g);
void run_read(struct run *r);
void run_read_fault(struct run *r);
void run_drain(struct run *r);
void run_drain_part(struct run *r);
void run_dump(struct run *r);
void run_dump_all(struct run *r);
void run_read_out(struct run *r, struct prog *prog, unsigned int id);
void run_wait(struct run *r);
void run_watch(struct run *r);
void run_live(struct run *r);
void run_create(struct run *r, struct prog *prog);
void run_destroy(struct run *r, struct prog *prog);
void run_check_watched(struct run *r, const struct prog *prog);

/*
 * Something to be printed, into a stream or into a group.
 * @text, @len: what it should become; with @expect, @len is how much of it may be counted as lost
 * @fn, @to: make the call; @fn sees all that is above
 * @ret: what it returned
 */
struct speech {
	char *text;
	size_t len;
	int expect;
	int (*fn)(struct speech *s, const char *fmt, va_list ap);
	void *to;
	int ret;
};

void run_speak(struct run *r, struct speech *s, size_t len);

#endif
