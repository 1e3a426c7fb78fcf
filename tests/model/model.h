/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model.h - a stream as a plain array of strings
 *
 * What a stream is to do, said in the simplest way: one thread, malloc, and no thought of speed.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_cause {
	MODEL_FULL,
	MODEL_NOMEM,
	MODEL_INVALID,
	MODEL_NR_CAUSES
};

/*
 * A message, or with @text NULL the place where a line about losses belongs.
 * @pos: bytes already read
 * @lost, @lost_bytes: the losses up to that place
 */
struct model_item {
	char *text;
	size_t len;
	size_t pos;
	uint64_t lost;
	uint64_t lost_bytes;
};

/*
 * @item: the array; @first is the oldest, @end is past the newest, @room is how many fit
 * @pending: what the stream should say waits
 * @marked: losses at the newest place for a line
 * @told, @told_bytes: losses that lines have told of
 * @line: one that is being read
 */
struct model_stream {
	uint64_t capacity;
	bool lines;
	struct model_item *item;
	size_t first;
	size_t end;
	size_t room;
	uint64_t pending;
	uint64_t lost[MODEL_NR_CAUSES];
	uint64_t lost_bytes;
	uint64_t marked;
	uint64_t told;
	uint64_t told_bytes;
	char line[96];
	size_t line_len;
	size_t line_pos;
};

void model_init(struct model_stream *m, uint64_t capacity, bool lines);
void model_end(struct model_stream *m);
bool model_fits(const struct model_stream *m, uint64_t len);
uint64_t model_losses(const struct model_stream *m);
bool model_line_belongs(const struct model_stream *m, size_t len);
void model_accept(struct model_stream *m, const char *text, size_t len, bool with_line);
void model_lose(struct model_stream *m, enum model_cause cause, uint64_t messages, uint64_t bytes);
bool model_prepare(struct model_stream *m);
size_t model_take(struct model_stream *m, char *to, size_t max, uint64_t *text);
uint64_t model_text(const struct model_stream *m);
bool model_cut(struct model_stream *m, const char *tail, size_t len);

#endif
