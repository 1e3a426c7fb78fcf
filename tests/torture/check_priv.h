/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * check_priv.h - what the two halves of the checker share: reading the text, and the sums
 */
#ifndef TORTURE_CHECK_PRIV_H
#define TORTURE_CHECK_PRIV_H

#include "check.h"
#include "record.h"

/* What of a group has to follow, if @open. */
struct group {
	bool open;
	uint32_t writer;
	uint32_t seq;
};

/*
 * One stream of one program, as far as it has been read.
 * @carry, @carried: begin of what has not been read to its end; @want: bytes it needs first
 * @writer, @place: whose records are being gone through, and the latest place of one so far
 * @begun: latest begin of a print that has been read
 * @empty: when the last call began that found nothing more
 * @lines, @line_messages, @line_bytes: loss lines
 * @last_bytes: that the last call read, without loss lines
 */
struct stream {
	char *carry;
	size_t carried;
	size_t want;
	uint32_t writer;
	uint32_t place;
	uint64_t begun;
	uint64_t empty;
	struct group group;
	uint64_t line_messages;
	uint64_t line_bytes;
	uint64_t last_bytes;
	bool in_last;
};

/*
 * @seen: of each record, how often it was read
 * @place: of each record, the number that it was read as, from 1; 0 if it was not
 * @places: numbers given so far
 * @stream: two of each program
 */
struct checker {
	const struct history *h;
	struct check *c;
	FILE *out;
	uint8_t *seen;
	uint32_t *place;
	uint32_t places;
	struct stream *stream;
};

void check_fault(struct checker *k, enum check_fault fault, const char *format, ...)
	__attribute__((__format__(__printf__, 3, 4)));
void check_text(struct checker *k);
void check_sums(struct checker *k);

static inline struct stream *check_stream(const struct checker *k, uint32_t prog, uint32_t stream)
{
	return &k->stream[prog * HISTORY_STREAMS + stream - 1];
}

#endif
