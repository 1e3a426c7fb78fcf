// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scribe.c - one writer: prints records in every way there is, and notes what it was told
 *
 * Runs in handlers: no allocation, no stdio, no lock.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "scribe.h"

#define MARK		4713	/* in errno */
#define BPRINTF_FILL	400u	/* its arguments are 512 bytes at most */

/** scribe_open() - a new writer; false if the history is full */
bool scribe_open(struct scribe *s, struct history *h, const struct load *load, uint32_t max,
		 uint32_t kind)
{
	s->h = h;
	s->load = load;
	s->nr = history_add_writer(h, max, kind);
	s->may_retry = !kind;
	s->refused = false;
	s->rng = (struct seeded){ .state = h->head->seed * 100003 + s->nr };
	return s->nr != HISTORY_NONE;
}

static struct history_writer *writer_of(const struct scribe *s)
{
	return &s->h->writer[s->nr];
}

static uint32_t choose_fill(struct scribe *s)
{
	bool is_long = seeded_once_in(&s->rng, s->load->long_once);

	return (uint32_t)seeded_below(&s->rng,
				      (is_long ? s->load->long_fill : s->load->fill) + 1);
}

static void note(struct scribe *s, uint32_t ahead, const struct record *r, int err)
{
	const struct history_writer *w = writer_of(s);
	struct history_record *n = history_record(s->h, w, w->next + ahead);

	n->len = record_len(r->fill);
	n->err = (int16_t)err;
	n->prog = (uint16_t)r->prog;
	n->stream = (uint8_t)r->stream;
	n->index = (uint8_t)r->index;
	n->size = (uint8_t)r->size;
	n->full = err == -ENOSPC;
	n->vague = err == -ENOMEM;
}

static void note_times(struct scribe *s, uint32_t ahead, uint64_t begin, uint64_t end)
{
	const struct history_writer *w = writer_of(s);
	struct history_record *n = history_record(s->h, w, w->next + ahead);

	n->begin = begin;
	n->end = end;
}

static int bprint(struct scribe *s, struct bpfstream_prog *prog, enum bpfstream_id id,
		  const struct record *r)
{
	uint64_t args[] = {
		r->prog, r->stream, r->writer, r->seq, r->index, r->size, r->fill,
		(uintptr_t)s->text, record_sum(r)
	};

	memcpy(s->text, record_fill(r), r->fill);
	s->text[r->fill] = '\0';
	return bpfstream_bprintf(prog, id, RECORD_BFORMAT, args, sizeof(args));
}

static int print(struct scribe *s, struct bpfstream_prog *prog, const struct record *r)
{
	enum bpfstream_id id = (enum bpfstream_id)r->stream;

	if (r->fill <= BPRINTF_FILL && seeded_once_in(&s->rng, s->load->bprintf_once))
		return bprint(s, prog, id, r);
	if (seeded_once_in(&s->rng, 3))
		return bpfstream_write(prog, id, s->text, record_compose(s->text, r));
	return bpfstream_printf(prog, id, RECORD_FORMAT, r->prog, r->stream, r->writer, r->seq,
				r->index, r->size, r->fill, (int)r->fill, record_fill(r),
				record_sum(r));
}

static void print_one(struct scribe *s, struct bpfstream_prog *prog, struct record *r)
{
	uint64_t begin;
	int err;

	r->fill = choose_fill(s);
	begin = history_now();
	err = print(s, prog, r);
	note_times(s, 0, begin, history_now());
	note(s, 0, r, err);
	s->refused = err != 0;
}

/* Nothing comes of it, and no byte, but it is counted. */
static void print_nonsense(struct scribe *s, struct bpfstream_prog *prog, struct record *r)
{
	uint64_t begin = history_now();
	int err = bpfstream_write(prog, (enum bpfstream_id)r->stream, NULL, 9);

	r->fill = 0;
	note_times(s, 0, begin, history_now());
	note(s, 0, r, err);
}

/* A commit that found no room: each of the group's messages was counted. Once more? */
static bool try_again(struct scribe *s, uint32_t size)
{
	struct history_writer *w = writer_of(s);
	uint32_t i;

	if (!s->may_retry || !seeded_once_in(&s->rng, 2))
		return false;
	s->may_retry = false;
	for (i = 0; i < size; i++) {
		struct history_record *n = history_record(s->h, w, w->next + i);

		if (!n->err)
			n->full++;
	}
	sched_yield();
	return true;
}

static int commit(struct scribe *s, struct bpfstream_stage *ss, struct bpfstream_prog *prog,
		  uint32_t stream, uint32_t size)
{
	bool may_retry = s->may_retry;
	uint64_t begin;
	uint32_t i;
	int err;

	do {
		begin = history_now();
		err = bpfstream_stage_commit(ss, prog, (enum bpfstream_id)stream);
	} while (err == -ENOSPC && try_again(s, size));
	for (i = 0; i < size; i++)
		note_times(s, i, begin, history_now());
	s->may_retry = may_retry;
	return err;
}

static void print_group(struct scribe *s, struct bpfstream_prog *prog, struct record *r)
{
	struct bpfstream_stage ss;
	uint32_t i;
	int err;

	bpfstream_stage_init(&ss);
	for (i = 0; i < r->size; i++, r->seq++) {
		r->fill = choose_fill(s);
		r->index = i + 1;
		err = bpfstream_stage_printf(&ss, RECORD_FORMAT, r->prog, r->stream, r->writer,
					     r->seq, r->index, r->size, r->fill, (int)r->fill,
					     record_fill(r), record_sum(r));
		note(s, i, r, err);
	}
	err = commit(s, &ss, prog, r->stream, r->size);
	bpfstream_stage_free(&ss);
	for (i = 0; err && i < r->size; i++) {
		struct history_writer *w = writer_of(s);
		struct history_record *n = history_record(s->h, w, w->next + i);

		if (!n->err) {
			n->err = (int16_t)err;
			n->full++;
		}
	}
	s->refused = err != 0;
}

/**
 * scribe_print() - print a message, or a group, and note what became of it
 * @s: the calling context's
 * @target: where to
 *
 * Return: false if the history has no room for more.
 */
bool scribe_print(struct scribe *s, const struct target *target)
{
	struct history_writer *w = writer_of(s);
	bool group = seeded_once_in(&s->rng, s->load->group_once);
	uint32_t size = group ? 2 + (uint32_t)seeded_below(&s->rng, RECORD_GROUP - 1) : 1;
	struct record r = {
		.prog = target->nr, .stream = 1 + (uint32_t)seeded_below(&s->rng, 2),
		.writer = s->nr, .seq = w->next, .index = 1, .size = size,
	};

	if (w->max - w->next < size)
		return false;
	w->open = size;
	__asm__ __volatile__("" : : : "memory");
	errno = MARK;
	if (size > 1)
		print_group(s, target->prog, &r);
	else if (seeded_once_in(&s->rng, s->load->invalid_once))
		print_nonsense(s, target->prog, &r);
	else
		print_one(s, target->prog, &r);
	if (errno != MARK)
		__atomic_fetch_add(&s->h->head->errno_changed, 1, __ATOMIC_RELAXED);
	w->open = 0;
	w->next += size;
	return true;
}
