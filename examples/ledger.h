/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ledger.h - the daemon's own account of what it logged, in a file that outlives it
 *
 * The daemon keeps it in a shared mapping, so that a crash, whatever it destroys, leaves the
 * account as it was at that instant. The verdict checker holds the collected text against it.
 *
 * A writer is one context that logs: one thread, and in it either the thread's own code or one
 * kind of handler. A handler is not interrupted by its own signal, so every writer is sequential,
 * and writers that interrupt each other share nothing.
 *
 * A writer numbers its messages 1, 2, 3. It raises @started before it prints and @finished after
 * it has noted what came of it. In between the message is undecided; a crash can leave one such
 * message per writer, and no more.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum ledger_kind {
	KIND_WORK,	/* what the thread itself does */
	KIND_FAULT,	/* what it finds wrong */
	KIND_ALLOC,	/* the malloc hook, from inside the allocator */
	KIND_ALRM,	/* handlers */
	KIND_CHLD,
	KIND_USR1,
	KIND_CRASH,
	NR_KINDS
};

enum ledger_thread {
	THREAD_MAIN,
	THREAD_FORKER,
	THREAD_STORM,
	THREAD_CHILDREN,	/* forked children, of which one lives at a time */
	THREAD_WORKER,		/* the first of them */
	NR_WORKERS = 3,
	NR_THREADS = THREAD_WORKER + NR_WORKERS,
	THREAD_NONE = NR_THREADS
};

#define NR_WRITERS	(NR_THREADS * NR_KINDS)
#define LEDGER_SEQS	(1u << 24)	/* messages a writer can account for; then it falls silent */
#define LEDGER_MAGIC	0x6c696e65644c4731u

/*
 * @refused_full, @refused_nomem, @refused_invalid: messages that the library said it lost; a
 *	group of three lines is three
 * @abandoned: groups given up before their commit
 * @undecided: number of the message that a crash cut short, 0 for none
 * @refused: a bit for each message number that was refused or abandoned; the file is sparse
 */
struct ledger_writer {
	_Atomic uint64_t started;
	_Atomic uint64_t finished;
	_Atomic uint64_t refused_full;
	_Atomic uint64_t refused_nomem;
	_Atomic uint64_t refused_invalid;
	_Atomic uint64_t abandoned;
	_Atomic uint64_t undecided;
	uint8_t refused[LEDGER_SEQS / 8];
};

/* What the library said of a stream at the end. */
struct ledger_stream {
	uint64_t pending;
	uint64_t lost_full;
	uint64_t lost_nomem;
	uint64_t lost_invalid;
};

/*
 * @closed: a crash is being handled; nobody begins a message or a drain any more
 * @draining: the reader is at work
 * @reader_cut: the crash hit the reader itself: what it had in hand may be missing
 * @reader_stuck: the reader did not stop in time: the files may be out of order
 * @report_refused: the crash report did not get into the stream
 * @crash_signal: what the daemon died of, 0 while it has not
 * @clean: it ended because it was asked to
 * @mallocs_inside: calls of the allocator from inside the library's any-context functions
 * @errno_changed: calls of them that changed errno
 * @child_failures: children that could not print
 * @stream: at the end; index is enum bpfstream_id
 */
struct ledger {
	uint64_t magic;
	atomic_bool closed;
	atomic_bool draining;
	bool reader_cut;
	bool reader_stuck;
	bool report_refused;
	int crash_signal;
	bool clean;
	_Atomic uint64_t mallocs_inside;
	_Atomic uint64_t errno_changed;
	_Atomic uint64_t child_failures;
	struct ledger_stream stream[3];
	struct ledger_writer writer[NR_WRITERS];
};

struct ledger *ledger_create(const char *path);
const struct ledger *ledger_open(const char *path);

static inline unsigned int ledger_writer_id(unsigned int thread, enum ledger_kind kind)
{
	return thread * NR_KINDS + (unsigned int)kind;
}

static inline enum ledger_kind ledger_kind_of(unsigned int writer)
{
	return (enum ledger_kind)(writer % NR_KINDS);
}

static inline bool ledger_is_refused(const struct ledger_writer *w, uint64_t seq)
{
	return w->refused[seq / 8] & (1u << seq % 8);
}

#endif
