// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * outlet.c - readers: every way to read there is, straight into the history
 *
 * Where readers take turns, they hold the conch of a stream for a turn, and all conches for a dump.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "round.h"

#define TURN_MOST	65536u	/* bytes read in pieces in a turn */
#define BYTES_MOST	300u	/* reads of a turn that are of a byte each */

/** outlet_open() - somewhere to read to, which takes room in the history by the @chunk */
void outlet_open(struct outlet *o, struct round *round, uint64_t salt, size_t chunk)
{
	o->round = round;
	o->chunk = chunk;
	o->rng = (struct seeded){ .state = round->h->head->seed + salt };
	o->room = NULL;
	o->left = 0;
	o->file = memfd_create("torture", MFD_CLOEXEC);
	if (o->file < 0 || pipe2(o->pipe, O_CLOEXEC | O_NONBLOCK))
		round_die("no file to read into");
}

void outlet_close(struct outlet *o)
{
	close(o->file);
	close(o->pipe[0]);
	close(o->pipe[1]);
}

static char *room_for(struct outlet *o, size_t len)
{
	if (o->left < len) {
		o->left = len > o->chunk ? len : o->chunk;
		o->room = history_add_text(o->round->h, o->left);
		if (!o->room)
			round_die("the history is full of text");
	}
	return o->room;
}

static struct history_call *call_begin(struct outlet *o, uint32_t prog, uint32_t stream)
{
	struct history_call *call = history_add_call(o->round->h);

	if (!call)
		round_die("the history is full of calls");
	call->prog = prog;
	call->stream = (uint8_t)stream;
	call->begin = history_now();
	return call;
}

/* A call got @len bytes, which are in the room by now. */
static void call_end(struct outlet *o, struct history_call *call, size_t len)
{
	call->end = history_now();
	call->text = (uint64_t)(o->room - o->round->h->text);
	call->len = len;
	o->room += len;
	o->left -= len;
}

/**
 * outlet_pieces() - bpfstream_prog_read() of @size bytes, up to @most times, or until nothing waits
 * @o: where to
 * @t, @stream: what
 * @size: of a read
 * @most: reads
 */
void outlet_pieces(struct outlet *o, const struct target *t, uint32_t stream, size_t size,
		   uint32_t most)
{
	char *to = room_for(o, size * most);
	struct history_call *call = call_begin(o, t->nr, stream);
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < most; i++) {
		uint64_t begin = history_now();
		ssize_t n = bpfstream_prog_read(t->prog, (enum bpfstream_id)stream, to + len, size);

		if (n < 0) {
			call->err = (int16_t)n;
			break;
		}
		len += (size_t)n;
		if ((size_t)n < size) {
			call->empty = begin;
			break;
		}
	}
	call_end(o, call, len);
}

static void take_file(struct outlet *o, struct history_call *call, ssize_t n)
{
	size_t len = n > 0 ? (size_t)n : 0, done = 0;
	char *to = room_for(o, len + 1);

	if (n < 0)
		call->err = (int16_t)n;
	while (done < len) {
		n = pread(o->file, to + done, len - done, (off_t)done);
		if (n <= 0)
			round_die("a file is shorter than what was written");
		done += (size_t)n;
	}
	if (ftruncate(o->file, 0) || lseek(o->file, 0, SEEK_SET))
		round_die("a file cannot be used again");
	call_end(o, call, len);
}

/** outlet_drain() - drain to a file that takes all */
void outlet_drain(struct outlet *o, const struct target *t, uint32_t stream, bool last)
{
	struct history_call *call = call_begin(o, t->nr, stream);

	call->last = last;
	take_file(o, call, bpfstream_prog_drain(t->prog, (enum bpfstream_id)stream, o->file));
}

/* To a pipe that takes only a part. A drain that got nothing has found nothing. */
static void drain_to_pipe(struct outlet *o, const struct target *t, uint32_t stream)
{
	struct history_call *call = call_begin(o, t->nr, stream);
	ssize_t n = bpfstream_prog_drain(t->prog, (enum bpfstream_id)stream, o->pipe[1]), more;
	size_t len = n > 0 ? (size_t)n : 0, done = 0;
	char *to = room_for(o, len + 1);

	if (!n)
		call->empty = call->begin;
	if (n < 0)
		call->err = (int16_t)n;
	while (done < len) {
		more = read(o->pipe[0], to + done, len - done);
		if (more < 0 && errno == EINTR)
			continue;
		if (more <= 0)
			round_die("a pipe holds less than what was written");
		done += (size_t)more;
	}
	call_end(o, call, len);
}

static void dump(struct outlet *o)
{
	struct history_call *call = call_begin(o, HISTORY_NONE, 0);

	take_file(o, call, bpfstream_dump_all(o->file));
}

/* ---- turns ---- */

static void hold_all(struct round *r, int (*how)(pthread_mutex_t *mutex))
{
	uint32_t i;

	for (i = 0; i < LOAD_PROGS * HISTORY_STREAMS; i++)
		how(&r->conch[i / HISTORY_STREAMS][i % HISTORY_STREAMS]);
}

static void read_in_turn(struct outlet *o, const struct target *t, uint32_t stream)
{
	static const uint16_t odd[] = { 2, 7, 61, 999, 4093, 30011 };
	uint32_t size = odd[seeded_below(&o->rng, 6)];

	if (seeded_once_in(&o->rng, o->round->load.byte_once))
		outlet_pieces(o, t, stream, 1, 1 + (uint32_t)seeded_below(&o->rng, BYTES_MOST));
	else if (seeded_once_in(&o->rng, 3))
		drain_to_pipe(o, t, stream);
	else
		outlet_pieces(o, t, stream, size,
			      1 + (uint32_t)seeded_below(&o->rng, TURN_MOST / size));
}

/** outlet_turn() - read somehow from somewhere; mostly from where there is text */
void outlet_turn(struct outlet *o)
{
	struct round *r = o->round;
	uint32_t which = (uint32_t)seeded_below(&o->rng, r->targets);
	uint32_t stream = (uint32_t)seeded_below(&o->rng, HISTORY_STREAMS);

	if (seeded_once_in(&o->rng, 4))
		(void)bpfstream_prog_wait(r->target[which].prog, 1);
	if (seeded_once_in(&o->rng, r->load.dump_once)) {
		if (r->load.ordered)
			hold_all(r, pthread_mutex_lock);
		dump(o);
		if (r->load.ordered)
			hold_all(r, pthread_mutex_unlock);
	} else if (r->load.ordered) {
		pthread_mutex_lock(&r->conch[which][stream]);
		read_in_turn(o, &r->target[which], stream + 1);
		pthread_mutex_unlock(&r->conch[which][stream]);
	} else {
		outlet_drain(o, &r->target[which], stream + 1, false);
	}
}
