// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * model.c - a stream as a plain array of strings
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static void *checked(void *mem)
{
	if (!mem)
		abort();
	return mem;
}

void model_init(struct model_stream *m, uint64_t capacity, bool lines)
{
	memset(m, 0, sizeof(*m));
	m->capacity = capacity;
	m->lines = lines;
}

void model_end(struct model_stream *m)
{
	for (; m->first < m->end; m->first++)
		free(m->item[m->first].text);
	free(m->item);
	memset(m, 0, sizeof(*m));
}

/* The bound is exclusive. */
bool model_fits(const struct model_stream *m, uint64_t len)
{
	return !len || (len < m->capacity && m->pending < m->capacity - len);
}

uint64_t model_losses(const struct model_stream *m)
{
	return m->lost[MODEL_FULL] + m->lost[MODEL_NOMEM] + m->lost[MODEL_INVALID];
}

static struct model_item *add_item(struct model_stream *m)
{
	if (m->end == m->room && m->first) {
		memmove(m->item, m->item + m->first, (m->end - m->first) * sizeof(*m->item));
		m->end -= m->first;
		m->first = 0;
	}
	if (m->end == m->room) {
		m->room = m->room * 2 + 16;
		m->item = checked(realloc(m->item, m->room * sizeof(*m->item)));
	}
	memset(&m->item[m->end], 0, sizeof(*m->item));
	return &m->item[m->end++];
}

/* Whether a line about losses belongs before a message of @len bytes. */
bool model_line_belongs(const struct model_stream *m, size_t len)
{
	return len && m->lines && model_losses(m) != m->marked;
}

/* Append a message that fits. */
void model_accept(struct model_stream *m, const char *text, size_t len, bool with_line)
{
	struct model_item *item;

	if (with_line) {
		item = add_item(m);
		item->lost = model_losses(m);
		item->lost_bytes = m->lost_bytes;
		m->marked = item->lost;
	}
	if (!len)
		return;
	item = add_item(m);
	item->text = checked(malloc(len));
	item->len = len;
	memcpy(item->text, text, len);
	m->pending += len;
}

void model_lose(struct model_stream *m, enum model_cause cause, uint64_t messages, uint64_t bytes)
{
	m->lost[cause] += messages;
	m->lost_bytes += bytes;
}

static void tell(struct model_stream *m, uint64_t lost, uint64_t bytes)
{
	if (lost <= m->told)
		return;
	m->line_pos = 0;
	m->line_len = (size_t)snprintf(m->line, sizeof(m->line), "[%llu message%s, %llu bytes lost]\n",
				       (unsigned long long)(lost - m->told),
				       lost - m->told == 1 ? "" : "s",
				       (unsigned long long)(bytes - m->told_bytes));
	m->told = lost;
	m->told_bytes = bytes;
}

/* Come to what is to be read next: a line, or the first message. False if there is neither. */
bool model_prepare(struct model_stream *m)
{
	while (m->line_pos == m->line_len && m->first < m->end && !m->item[m->first].text) {
		tell(m, m->item[m->first].lost, m->item[m->first].lost_bytes);
		m->first++;
	}
	if (m->line_pos == m->line_len && m->first == m->end && m->lines)
		tell(m, model_losses(m), m->lost_bytes);
	return m->line_pos < m->line_len || m->first < m->end;
}

static size_t take_part(char *to, size_t max, const char *from, size_t len, size_t *pos)
{
	size_t n = len - *pos < max ? len - *pos : max;

	memcpy(to, from + *pos, n);
	*pos += n;
	return n;
}

/*
 * Read up to @max bytes; @text is how many of them are messages'. What is pending is left to the
 * caller, who may be in the middle of a read.
 */
size_t model_take(struct model_stream *m, char *to, size_t max, uint64_t *text)
{
	size_t done = 0;

	*text = 0;
	while (done < max && model_prepare(m)) {
		struct model_item *item;
		size_t n;

		if (m->line_pos < m->line_len) {
			done += take_part(to + done, max - done, m->line, m->line_len, &m->line_pos);
			continue;
		}
		item = &m->item[m->first];
		n = take_part(to + done, max - done, item->text, item->len, &item->pos);
		done += n;
		*text += n;
		if (item->pos == item->len) {
			free(item->text);
			m->first++;
		}
	}
	return done;
}

/* Bytes of messages in the array. */
uint64_t model_text(const struct model_stream *m)
{
	uint64_t sum = 0;
	size_t i;

	for (i = m->first; i < m->end; i++)
		sum += m->item[i].len - m->item[i].pos;
	return sum;
}

/* Take the last @len bytes away, if they are @tail. There are no places for lines among them. */
bool model_cut(struct model_stream *m, const char *tail, size_t len)
{
	while (len) {
		struct model_item *item = &m->item[m->end - 1];
		size_t n = item->len - item->pos < len ? item->len - item->pos : len;

		if (memcmp(item->text + item->len - n, tail + len - n, n))
			return false;
		len -= n;
		item->len -= n;
		if (item->pos == item->len) {
			free(item->text);
			m->end--;
		}
	}
	return true;
}
