/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * history.h - what everybody who printed or read in a round believes to have happened
 *
 * A file mapped shared: it survives a crash, children write into it too, and nothing but plain
 * stores and relaxed additions is needed, so handlers may. A writer is one sequential context (a
 * thread's own code, or one of its handlers, in the parent or in a child): nobody shares one. Who
 * notes is not ordered with anybody else by it, which would hide races from ThreadSanitizer. Times
 * are CLOCK_MONOTONIC's, which all CPUs share.
 */
#ifndef TORTURE_HISTORY_H
#define TORTURE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_WRITERS	65535u
#define HISTORY_PROGS	16384u
#define HISTORY_CALLS	(1u << 20)
#define HISTORY_RECORDS	(1u << 23)
#define HISTORY_TEXT	((size_t)1 << 31)
#define HISTORY_NONE	0xffffffffu
#define HISTORY_STREAMS	2u

/*
 * @first, @max: its records
 * @next: records that are complete; the sequence number of the next
 * @open: records behind them that a call is about to print
 */
struct history_writer {
	uint64_t first;
	uint32_t max;
	uint32_t next;
	uint32_t open;
	uint32_t kind;
};

/*
 * One message.
 * @begin, @end: of the call that published or refused it: for a group, of its last commit
 * @len: bytes
 * @err: 0, accepted; or why not, negative errno
 * @prog, @stream: where to
 * @index, @size: place in its group from 1, and how large the group is
 * @full: how often -ENOSPC refused it: a commit that is tried again is counted each time
 * @vague: if refused, how much of it was formatted is not known
 */
struct history_record {
	uint64_t begin;
	uint64_t end;
	uint32_t len;
	int16_t err;
	uint16_t prog;
	uint8_t stream;
	uint8_t index;
	uint8_t size;
	uint8_t full;
	uint8_t vague;
};

/* @pending: before the last call that reads; @left: after it; the others: losses of this round */
struct history_stream {
	uint64_t pending;
	uint64_t left;
	uint64_t lost_full;
	uint64_t lost_nomem;
	uint64_t lost_invalid;
	uint64_t lost_bytes;
};

/* The calls that read this program are one sequence; otherwise each has whole messages. */
#define HISTORY_ORDERED		1u
/* Loss lines stand in the text. */
#define HISTORY_LINES		2u
/* There is room for all that is printed here: a refusal is a fault. */
#define HISTORY_ROOMY		4u
/* What a child inherited: only its text is judged. */
#define HISTORY_CHILD		8u

struct history_prog {
	uint32_t flags;
	struct history_stream stream[HISTORY_STREAMS];
};

/*
 * One call that reads, or some made one after another in the same turn.
 * @empty: when the call began that found less than it asked for, 0 if none did
 * @text, @len: what it got
 * @prog: HISTORY_NONE for a dump of all programs, each under its heading
 * @last: the last of this stream: nobody prints any more
 */
struct history_call {
	uint64_t begin;
	uint64_t end;
	uint64_t empty;
	uint64_t text;
	uint64_t len;
	uint32_t prog;
	uint8_t stream;
	uint8_t last;
	int16_t err;
};

/*
 * @complete: the round came to its end
 * @recs, @text: used up
 * @errno_changed: calls that changed errno, which none may
 * @levels: that threads had in use at their end
 * @adrift: pages in use at the end that no thread holds
 * @children, @bad_children: that were forked, and that ended otherwise than by _exit(0)
 */
struct history_head {
	uint64_t magic;
	uint64_t seed;
	uint32_t complete;
	uint32_t writers;
	uint32_t progs;
	uint32_t calls;
	uint64_t recs;
	uint64_t text;
	uint64_t errno_changed;
	uint32_t levels;
	uint32_t adrift;
	uint32_t children;
	uint32_t bad_children;
	uint32_t threads;
	uint32_t signals;
};

struct history {
	struct history_head *head;
	struct history_writer *writer;
	struct history_prog *prog;
	struct history_call *call;
	struct history_record *rec;
	char *text;
	int fd;
};

bool history_create(struct history *h, const char *path);
bool history_open(struct history *h, const char *path);
void history_close(struct history *h);
void history_begin(struct history *h, uint64_t seed);

uint32_t history_add_writer(struct history *h, uint32_t max, uint32_t kind);
uint32_t history_add_prog(struct history *h, uint32_t flags);
struct history_call *history_add_call(struct history *h);
char *history_add_text(struct history *h, size_t len);
bool history_is_nearly_full(const struct history *h);
uint64_t history_now(void);

static inline struct history_record *history_record(const struct history *h,
						    const struct history_writer *w, uint32_t seq)
{
	return &h->rec[w->first + seq];
}

static inline void history_count(uint32_t *count, uint32_t by)
{
	__atomic_fetch_add(count, by, __ATOMIC_RELAXED);
}

#endif
