/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.h - how every part of the daemon logs, in any context
 *
 * log_line() is bpfstream_printf(), and log_group_*() is bpfstream_stage_*(), with a proof around
 * each line and a note in the ledger. A daemon that needs no proof calls the library directly.
 *
 * A line looks so:
 *
 *	[writer:number index/count fill] text ffff [writer:number]
 *
 * with @fill times one letter before the end. The letter and the repeated head tell a torn or
 * mixed line; index and count tell a group that was not kept together.
 */
#ifndef LOG_H
#define LOG_H

#include <inttypes.h>
#include <signal.h>

#include "bpfstream.h"
#include "ledger.h"

#define LOG_FILL_MAX	5000u	/* more than a page, so that some messages span two */
#define LOG_HEAD	"[%u:%" PRIu64 " %u/%u %u] "
#define LOG_TAIL	" %.*s [%u:%" PRIu64 "]\n"

extern struct bpfstream_prog *log_prog;
extern struct ledger *log_ledger;

/* A message on its way. */
struct log_note {
	struct ledger_writer *writer;
	uint64_t seq;
	const char *fill_text;
	unsigned int id;
	unsigned int fill;
	int saved_errno;
};

/* A group on its way; @lost, if not 0, is why a line is missing from it. */
struct log_group {
	struct log_note note;
	struct bpfstream_stage stage;
	enum bpfstream_id stream;
	unsigned int index;
	unsigned int count;
	int lost;
};

int log_init(struct bpfstream_prog *prog, struct ledger *ledger);
void log_thread_begin(unsigned int thread);
unsigned int log_thread(void);
bool log_in_library(void);
void log_count_malloc_inside(void);

enum bpfstream_id log_stream_of(enum ledger_kind kind);
bool log_begin(struct log_note *note, enum ledger_kind kind);
void log_end(struct log_note *note, int err, unsigned int messages);
bool log_group_begin(struct log_group *g, enum ledger_kind kind, unsigned int count);
int log_group_commit(struct log_group *g);

#define LOG_HEAD_ARGS(note, index, count)	\
	(note)->id, (note)->seq, (index), (count), (note)->fill
#define LOG_TAIL_ARGS(note)			\
	(int)(note)->fill, (note)->fill_text, (note)->id, (note)->seq

/* Log one line; the format is a literal without a newline, its text has no bracket. */
#define log_line(kind, fmt, ...)						\
	do {									\
		struct log_note note_;						\
										\
		if (log_begin(&note_, (kind)))					\
			log_end(&note_,						\
				bpfstream_printf(log_prog, log_stream_of(kind),	\
						 LOG_HEAD fmt LOG_TAIL,		\
						 LOG_HEAD_ARGS(&note_, 1u, 1u),	\
						 ##__VA_ARGS__,			\
						 LOG_TAIL_ARGS(&note_)), 1);	\
	} while (0)

/* Add the next line to a group that log_group_begin() has begun. */
#define log_group_line(g, fmt, ...)						\
	do {									\
		int err_ = bpfstream_stage_printf(&(g)->stage,			\
						  LOG_HEAD fmt LOG_TAIL,	\
						  LOG_HEAD_ARGS(&(g)->note,	\
								++(g)->index,	\
								(g)->count),	\
						  ##__VA_ARGS__,		\
						  LOG_TAIL_ARGS(&(g)->note));	\
										\
		if (err_)							\
			(g)->lost = err_;					\
	} while (0)

#endif
