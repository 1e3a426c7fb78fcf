// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * proof.c - read the proof around a line (log.h has its form)
 *
 * A line is whole if its head is complete, its end repeats the head, as many fill letters as the
 * head says stand before the end, all of them the same, and nothing in between is a byte that the
 * daemon never prints.
 */
#include <stdbool.h>
#include <string.h>

#include "proof.h"

/* Text still to be read. */
struct cursor {
	const char *at;
	const char *end;
};

static bool take_number(struct cursor *c, uint64_t *value)
{
	const char *first = c->at;

	*value = 0;
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		*value = *value * 10 + (uint64_t)(*c->at++ - '0');
	return c->at > first && c->at - first < 19;
}

static bool take_text(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, text, len))
		return false;
	c->at += len;
	return true;
}

static bool take_loss(struct cursor c, struct proof *p)
{
	uint64_t bytes;

	return take_text(&c, "[") && take_number(&c, &p->lost) &&
	       take_text(&c, p->lost == 1 ? " message, " : " messages, ") &&
	       take_number(&c, &bytes) && take_text(&c, " bytes lost]") && c.at == c.end;
}

static bool take_head(struct cursor *c, struct proof *p, uint64_t *fill)
{
	uint64_t writer, index, count;

	if (!(take_text(c, "[") && take_number(c, &writer) && take_text(c, ":") &&
	      take_number(c, &p->seq) && take_text(c, " ") && take_number(c, &index) &&
	      take_text(c, "/") && take_number(c, &count) && take_text(c, " ") &&
	      take_number(c, fill) && take_text(c, "] ")))
		return false;
	if (writer > 10000 || count > 10000 || !index || index > count)
		return false;
	p->writer = (unsigned int)writer;
	p->index = (unsigned int)index;
	p->count = (unsigned int)count;
	return true;
}

static bool tail_repeats(struct cursor c, const struct proof *p)
{
	uint64_t writer, seq;

	return take_text(&c, "[") && take_number(&c, &writer) && take_text(&c, ":") &&
	       take_number(&c, &seq) && take_text(&c, "]") && c.at == c.end &&
	       writer == p->writer && seq == p->seq;
}

/* " ffff " at the end of what is left. */
static bool fill_is_whole(struct cursor *c, uint64_t fill)
{
	const char *first;

	if ((uint64_t)(c->end - c->at) < fill + 2)
		return false;
	first = c->end - 1 - fill;
	if (c->end[-1] != ' ' || first[-1] != ' ')
		return false;
	if (fill && (*first < 'a' || *first > 'z' || memcmp(first, first + 1, fill - 1)))
		return false;
	c->end = first - 1;
	return true;
}

static bool text_is_clean(const struct cursor *c)
{
	const char *at;

	for (at = c->at; at < c->end; at++)
		if (*at < ' ' || *at > '~' || *at == '[' || *at == ']')
			return false;
	return true;
}

/**
 * proof_parse() - take a collected line apart
 * @p: filled in as far as the kind of line says
 * @line: line
 * @len: its bytes, without the newline
 */
enum proof_line proof_parse(struct proof *p, const char *line, size_t len)
{
	struct cursor c = { line, line + len }, tail;
	uint64_t fill;

	if (take_loss(c, p))
		return PROOF_LOSS;
	if (!take_head(&c, p, &fill))
		return PROOF_OTHER;
	tail = c;
	tail.at = memrchr(c.at, '[', (size_t)(c.end - c.at));
	if (!tail.at || !tail_repeats(tail, p))
		return PROOF_OTHER;
	c.end = tail.at;
	return fill_is_whole(&c, fill) && text_is_clean(&c) ? PROOF_MESSAGE : PROOF_OTHER;
}
