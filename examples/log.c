// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * log.c - numbers, proofs and notes around the library's calls
 *
 * Everything but log_init() runs in any context: it uses thread-local words, the shared ledger
 * and the library. The thread-local words are part of the executable, so that a handler's first
 * touch of them allocates nothing.
 *
 * Ordering
 *   "started, then closed?" in log_begin() and "closed, then started?" in crash.c: sequentially
 *   consistent all four, so either the writer sees that the log is closed, or the crash handler
 *   sees that the writer has begun.
 */
#include <errno.h>
#include <string.h>

#include "log.h"

#define LETTERS		8u

struct bpfstream_prog *log_prog;
struct ledger *log_ledger;

static char fill_text[LETTERS][LOG_FILL_MAX];

static __thread unsigned int self = THREAD_NONE;
static __thread volatile sig_atomic_t in_library;

/**
 * log_init() - log to a program from now on
 * @prog: program
 * @ledger: account of it
 *
 * Return: 0; -EINVAL if there is nothing to log to.
 */
int log_init(struct bpfstream_prog *prog, struct ledger *ledger)
{
	unsigned int i;

	if (!prog || !ledger)
		return -EINVAL;
	for (i = 0; i < LETTERS; i++)
		memset(fill_text[i], 'a' + (int)i, sizeof(fill_text[i]));
	log_prog = prog;
	log_ledger = ledger;
	return 0;
}

/**
 * log_thread_begin() - say which thread this is
 * @thread: one of enum ledger_thread; THREAD_NONE: this thread and its handlers log no more
 *
 * Until then nothing that the thread does is logged.
 */
void log_thread_begin(unsigned int thread)
{
	self = thread;
}

/* Which thread this is, THREAD_NONE if it has not said. */
unsigned int log_thread(void)
{
	return self;
}

/* Whether this thread is inside the library, or was interrupted there. */
bool log_in_library(void)
{
	return in_library;
}

/* The allocator was called from inside the library, which must not be. */
void log_count_malloc_inside(void)
{
	atomic_fetch_add(&log_ledger->mallocs_inside, 1);
}

/* Faults and what could become one go to stderr, the daemon's daily work to stdout. */
enum bpfstream_id log_stream_of(enum ledger_kind kind)
{
	switch (kind) {
	case KIND_FAULT:
	case KIND_ALLOC:
	case KIND_USR1:
	case KIND_CRASH:
		return BPFSTREAM_STDERR;
	default:
		return BPFSTREAM_STDOUT;
	}
}

/* Short mostly, sometimes longer than a page; told by the number alone. */
static unsigned int fill_of(uint64_t seq)
{
	return seq % 512 == 500 ? LOG_FILL_MAX - (unsigned int)(seq % 97)
				: (unsigned int)(seq * 7 % 41);
}

/**
 * log_begin() - number a message, before it is printed
 * @note: filled in
 * @kind: who logs
 *
 * Return: false if it must not be printed: the daemon is dying and has said its last words, or
 *	the thread is not known.
 */
bool log_begin(struct log_note *note, enum ledger_kind kind)
{
	struct ledger_writer *w;
	uint64_t seq;

	if (self == THREAD_NONE)
		return false;
	note->id = ledger_writer_id(self, kind);
	w = &log_ledger->writer[note->id];
	seq = atomic_load_explicit(&w->finished, memory_order_relaxed) + 1;
	if (seq >= LEDGER_SEQS)
		return false;
	atomic_store(&w->started, seq);
	/* A forked child is not its dying parent, and the report is what a crash is there for. */
	if (atomic_load(&log_ledger->closed) && kind != KIND_CRASH && self != THREAD_CHILDREN) {
		atomic_store(&w->started, seq - 1);
		return false;
	}
	note->writer = w;
	note->seq = seq;
	note->fill = fill_of(seq);
	note->fill_text = fill_text[(note->id + seq) % LETTERS];
	note->saved_errno = errno;
	in_library++;
	return true;
}

static void note_refusal(struct log_note *note, int err, unsigned int messages)
{
	struct ledger_writer *w = note->writer;

	w->refused[note->seq / 8] |= (uint8_t)(1u << note->seq % 8);
	switch (err) {
	case -ENOSPC:
		atomic_fetch_add(&w->refused_full, messages);
		break;
	case -ENOMEM:
		atomic_fetch_add(&w->refused_nomem, messages);
		break;
	default:
		atomic_fetch_add(&w->refused_invalid, messages);
	}
}

/**
 * log_end() - note what came of a message
 * @note: from log_begin()
 * @err: what the library returned
 * @messages: how many messages it takes this for
 */
void log_end(struct log_note *note, int err, unsigned int messages)
{
	in_library--;
	if (errno != note->saved_errno)
		atomic_fetch_add(&log_ledger->errno_changed, 1);
	if (err)
		note_refusal(note, err, messages);
	/* Release: the refusal, then the number; the checker also relies on it after a crash. */
	atomic_store_explicit(&note->writer->finished, note->seq, memory_order_release);
}

/**
 * log_group_begin() - begin a group of lines that will appear together
 * @g: filled in
 * @kind: who logs
 * @count: lines that log_group_line() will add
 *
 * Return: as log_begin().
 */
bool log_group_begin(struct log_group *g, enum ledger_kind kind, unsigned int count)
{
	if (!log_begin(&g->note, kind))
		return false;
	bpfstream_stage_init(&g->stage);
	g->stream = log_stream_of(kind);
	g->index = 0;
	g->count = count;
	g->lost = 0;
	return true;
}

/* A group with a line missing would mislead its reader: give it up. The streams count nothing. */
static int group_abandon(struct log_group *g)
{
	struct ledger_writer *w = g->note.writer;

	w->refused[g->note.seq / 8] |= (uint8_t)(1u << g->note.seq % 8);
	atomic_fetch_add(&w->abandoned, 1);
	bpfstream_stage_free(&g->stage);
	log_end(&g->note, 0, 0);
	return g->lost;
}

/**
 * log_group_commit() - make a group visible, or note that it was refused
 * @g: group; over, either way
 *
 * Return: 0, or why the group is not in the stream.
 */
int log_group_commit(struct log_group *g)
{
	int err;

	if (g->lost)
		return group_abandon(g);
	err = bpfstream_stage_commit(&g->stage, log_prog, g->stream);
	bpfstream_stage_free(&g->stage);
	log_end(&g->note, err, g->count);
	return err;
}
