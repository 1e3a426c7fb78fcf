/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * record.h - a message that says what it is, and can be told to be whole
 *
 *	<pppp.s wwww qqqqqqq i/n lllll ffff...f cccccccc>\n
 *
 * program and stream, writer, sequence number, place in its group and size of the group, length of
 * the fill, the fill, and a checksum of all of that. Widths are fixed. The fill is letters that
 * follow from writer and sequence number, never the same twice in a row, so that a part of one
 * message in another shows. No record contains "==>" or "[".
 */
#ifndef TORTURE_RECORD_H
#define TORTURE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEAD	31u	/* bytes before the fill */
#define RECORD_TAIL	11u	/* and after it */
#define RECORD_FILL_MAX	12000u	/* three pages */
#define RECORD_MAX	(RECORD_HEAD + RECORD_FILL_MAX + RECORD_TAIL)
#define RECORD_GROUP	6u	/* largest */

#define RECORD_FORMAT	"<%04x.%u %04x %07u %u/%u %05u %.*s %08x>\n"
#define RECORD_BFORMAT	"<%04x.%u %04x %07u %u/%u %05u %s %08x>\n"

struct record {
	uint32_t prog;
	uint32_t stream;
	uint32_t writer;
	uint32_t seq;
	uint32_t index;		/* from 1 */
	uint32_t size;
	uint32_t fill;
};

void record_init(void);
const char *record_fill(const struct record *r);
uint32_t record_sum(const struct record *r);
size_t record_compose(char *text, const struct record *r);
bool record_parse_head(const char *text, struct record *r);
bool record_is_whole(const char *text, const struct record *r);

static inline uint32_t record_len(uint32_t fill)
{
	return RECORD_HEAD + fill + RECORD_TAIL;
}

#endif
