// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run_read.c - operations that read
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run_priv.h"

#define ELEM_MAX	4096u	/* a reader may have one element in hand beyond what it asked for */

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void begin_read(struct run *r, struct frame *f, size_t asked)
{
	f->kind = FRAME_READS;
	f->asked = asked;
	f->start = model_text(run_model(f->prog, f->id));
	run_begin(r, f);
}

/* How much the model should be asked for: all; or, with interruptions, what was got if it is sane. */
static size_t wanted(struct run *r, const struct frame *f, ssize_t n)
{
	const struct model_stream *m = run_model(f->prog, f->id);
	uint64_t low = min_of(f->asked, f->start > f->cut ? f->start - f->cut : 0);
	uint64_t high = min_of(f->asked, model_text(m));

	if (!f->fired || m->lines)
		return f->asked;
	if ((uint64_t)n < low || (uint64_t)n > high)
		run_fail(r, "read %zd bytes, expected %llu to %llu", n, (unsigned long long)low,
			 (unsigned long long)high);
	return (size_t)n;
}

/* @got must be the next @n bytes of the model. */
static void compare(struct run *r, struct frame *f, const char *got, ssize_t n, size_t want)
{
	struct model_stream *m = run_model(f->prog, f->id);
	uint64_t text;
	size_t at = 0;

	want = model_take(m, r->want, want, &text);
	if (n < 0 || (size_t)n != want) {
		run_fail(r, "read returns %zd, expected %zu", n, want);
		return;
	}
	if (memcmp(got, r->want, want)) {
		while (got[at] == r->want[at])
			at++;
		run_fail(r, "byte %zu of %zu read is %#x, expected %#x", at, want,
			 (unsigned char)got[at], (unsigned char)r->want[at]);
	}
	if (text < f->taken)
		run_fail(r, "charge of %llu bytes returned, and %llu bytes read",
			 (unsigned long long)f->taken, (unsigned long long)text);
	m->pending -= text - f->taken;
	r->result->bytes += want;
}

static void end_read(struct run *r, struct frame *f, const char *got, ssize_t n)
{
	run_end(r, f);
	compare(r, f, got, n, n < 0 ? f->asked : wanted(r, f, n));
	run_check_stat(r, f->prog, f->id);
}

static size_t pick_size(struct run *r)
{
	switch (seeded_below(&r->rng, 8)) {
	case 0:
		return seeded_below(&r->rng, 3);
	case 1:
		return 4096 - 20 + seeded_below(&r->rng, 40);
	case 2:
		return seeded_below(&r->rng, 20000);
	case 3:
	case 4:
		return READ_MAX;
	default:
		return seeded_below(&r->rng, 300);
	}
}

static bool is_readable(const struct prog *prog)
{
	struct pollfd pfd = { .fd = prog->fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

static bool has_text(const struct prog *prog)
{
	return prog->stream[0].pending || prog->stream[1].pending;
}

/* Text that waits makes the descriptor readable. */
void run_check_watched(struct run *r, const struct prog *prog)
{
	if (prog->prog && prog->fd >= 0 && has_text(prog) && !is_readable(prog))
		run_fail(r, "text waits, and the descriptor is not readable");
}

/* A reader that leaves nothing leaves a descriptor that is not readable. */
static void check_quiet(struct run *r, const struct prog *prog)
{
	if (prog->fd >= 0 && !has_text(prog) && is_readable(prog))
		run_fail(r, "nothing waits, and the descriptor is readable");
}

void run_read(struct run *r)
{
	struct frame f = { .kind = FRAME_READS };
	char *to = r->got[r->depth];
	size_t size = pick_size(r);

	if (!run_pick(r, &f.prog, &f.id))
		return;
	begin_read(r, &f, size);
	end_read(r, &f, to, bpfstream_prog_read(f.prog->prog, run_id(f.id), to, size));
	check_quiet(r, f.prog);
}

/* All that is left, while nothing else goes on. */
void run_read_out(struct run *r, struct prog *prog, unsigned int id)
{
	struct frame f = { .kind = FRAME_READS, .prog = prog, .id = id };

	bsp_fault.countdown = -1;
	f.asked = READ_MAX;
	compare(r, &f, r->got[0],
		bpfstream_prog_read(prog->prog, run_id(id), r->got[0], READ_MAX), READ_MAX);
	if (prog->stream[id].pending)
		run_fail(r, "%llu bytes cannot be read",
			 (unsigned long long)prog->stream[id].pending);
	check_quiet(r, prog);
}

/* Buffers and files that cannot be: an error if there is anything to read, and nothing is lost. */
void run_read_fault(struct run *r)
{
	struct frame f = { .kind = FRAME_ALONE };
	char *to = r->got[r->depth];
	ssize_t want, got;

	if (!run_pick(r, &f.prog, &f.id))
		return;
	want = model_prepare(run_model(f.prog, f.id)) ? -EFAULT : 0;
	run_begin(r, &f);
	switch (seeded_below(&r->rng, 4)) {
	case 0:
		got = bpfstream_prog_read(f.prog->prog, run_id(f.id), NULL, 100);
		break;
	case 1:
		got = bpfstream_prog_read(f.prog->prog, run_id(f.id), to, SIZE_MAX);
		break;
	case 2:
		got = bpfstream_prog_read(f.prog->prog, run_id(f.id), to, (size_t)1 << 63);
		break;
	default:
		got = bpfstream_prog_drain(f.prog->prog, run_id(f.id), -1);
		want = want ? -EBADF : 0;
	}
	run_end(r, &f);
	if (got != want && !f.fired)
		run_fail(r, "returns %zd, expected %zd", got, want);
	run_check_stat(r, f.prog, f.id);
}

/* What was written to this depth's file since @from. */
static const char *file_text(struct run *r, off_t from, ssize_t n)
{
	char *to = r->got[r->depth];

	if (n > 0 && pread(r->memfd[r->depth], to, READ_MAX, from) != n)
		run_fail(r, "the file does not hold the %zd bytes said to be written", n);
	return to;
}

/* Where this depth's file ends; it is made empty when it has grown large. */
static off_t file_end(struct run *r)
{
	int fd = r->memfd[r->depth];
	off_t end = lseek(fd, 0, SEEK_CUR);

	if (end < (off_t)(16 * READ_MAX))
		return end;
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
		run_fail(r, "no file");
	return 0;
}

void run_drain(struct run *r)
{
	struct frame f = { .kind = FRAME_READS };
	off_t from = file_end(r);
	ssize_t n;

	if (!run_pick(r, &f.prog, &f.id))
		return;
	begin_read(r, &f, READ_MAX);
	n = bpfstream_prog_drain(f.prog->prog, run_id(f.id), r->memfd[r->depth]);
	end_read(r, &f, file_text(r, from, n), n);
	check_quiet(r, f.prog);
}

/* A pipe takes a part; what it does not take stays. */
void run_drain_part(struct run *r)
{
	struct frame f = { .kind = FRAME_READS };
	struct model_stream *m;
	char *to = r->got[r->depth];
	ssize_t n, got;

	if (!run_pick(r, &f.prog, &f.id) || run_model(f.prog, f.id)->lines)
		return;
	m = run_model(f.prog, f.id);
	if (fcntl(r->pipe[1], F_SETPIPE_SZ, 4096) < 0)
		run_fail(r, "no small pipe");
	n = bpfstream_prog_drain(f.prog->prog, run_id(f.id), r->pipe[1]);
	got = read(r->pipe[0], to, READ_MAX);
	if (got < 0)
		got = 0;
	if (n != got || (!n && model_text(m)))
		run_fail(r, "drained %zd bytes of %llu, and the pipe holds %zd", n,
			 (unsigned long long)model_text(m), got);
	f.asked = READ_MAX;
	compare(r, &f, to, n, (size_t)got);
	run_check_stat(r, f.prog, f.id);
}

/* ---- dumps ---- */

static struct frame *reader_of(const struct run *r, const struct prog *prog, unsigned int id)
{
	struct frame *f;

	for (f = r->top; f; f = f->outer)
		if (f->kind == FRAME_READS && f->prog == prog && f->id == id)
			return f;
	return NULL;
}

/* From under a reader: all but what it has in hand, which is at the front. */
static void dump_under(struct run *r, struct frame *reader)
{
	struct model_stream *m = run_model(reader->prog, reader->id);
	uint64_t in_hand = 2 * (uint64_t)reader->asked + ELEM_MAX;
	off_t from = file_end(r);
	uint64_t text = model_text(m);
	ssize_t n;

	n = bpfstream_prog_dump(reader->prog->prog, run_id(reader->id), r->memfd[r->depth]);
	if (n < 0 || (uint64_t)n > text || text - (uint64_t)n > in_hand) {
		run_fail(r, "dumped %zd bytes of %llu under a read of %zu", n,
			 (unsigned long long)text, reader->asked);
		return;
	}
	if (!model_cut(m, file_text(r, from, n), (size_t)n))
		run_fail(r, "dumped %zd bytes, not the newest", n);
	m->pending -= (uint64_t)n;
	reader->cut += (uint64_t)n;
	r->result->bytes += (uint64_t)n;
	run_check_stat(r, reader->prog, reader->id);
}

void run_dump(struct run *r)
{
	struct frame f = { .kind = FRAME_READS };
	struct frame *reader;
	off_t from = file_end(r);
	ssize_t n;

	if (!run_pick(r, &f.prog, &f.id))
		return;
	reader = reader_of(r, f.prog, f.id);
	if (reader) {
		dump_under(r, reader);
		return;
	}
	begin_read(r, &f, READ_MAX);
	n = bpfstream_prog_dump(f.prog->prog, run_id(f.id), r->memfd[r->depth]);
	end_read(r, &f, file_text(r, from, n), n);
}

static const struct prog *next_made(const struct run *r, uint64_t after)
{
	const struct prog *next = NULL;
	unsigned int i;

	for (i = 0; i < r->profile->programs; i++) {
		const struct prog *prog = &r->prog[i];

		if (prog->prog && prog->serial > after && (!next || prog->serial < next->serial))
			next = prog;
	}
	return next;
}

static size_t want_of_stream(struct run *r, const struct prog *prog, unsigned int id, size_t at)
{
	struct model_stream *m = run_model(prog, id);
	uint64_t text;

	if (prog->name[0] && model_prepare(m)) {
		at += (size_t)sprintf(r->want + at, "==> %.31s (%s) <==\n", prog->name,
				      id ? "stderr" : "stdout");
	}
	at += model_take(m, r->want + at, READ_MAX - at, &text);
	m->pending -= text;
	return at;
}

void run_dump_all(struct run *r)
{
	const struct prog *prog = NULL;
	off_t from = file_end(r);
	size_t want = 0;
	unsigned int id;
	ssize_t n;

	errno = NO_ERRNO;
	n = bpfstream_dump_all(r->memfd[r->depth]);
	if (errno != NO_ERRNO)
		run_fail(r, "errno has become %d", errno);
	while ((prog = next_made(r, prog ? prog->serial : 0)))
		for (id = 0; id < 2; id++)
			want = want_of_stream(r, prog, id, want);
	if (n < 0 || (size_t)n != want || memcmp(file_text(r, from, n), r->want, want))
		run_fail(r, "dumped %zd bytes, expected %zu or others", n, want);
	r->result->bytes += want;
}

/* ---- waiting ---- */

void run_wait(struct run *r)
{
	struct prog *prog;
	unsigned int id;
	int want, got;

	if (!run_pick(r, &prog, &id))
		return;
	want = (prog->stream[0].pending ? 1 << BPFSTREAM_STDOUT : 0) |
	       (prog->stream[1].pending ? 1 << BPFSTREAM_STDERR : 0);
	got = bpfstream_prog_wait(prog->prog, want ? -1 : 0);
	if (got != want)
		run_fail(r, "returns %#x, expected %#x", got, want);
}

void run_watch(struct run *r)
{
	struct prog *prog;
	unsigned int id;
	int fd;

	if (!run_pick(r, &prog, &id))
		return;
	fd = bpfstream_prog_fd(prog->prog);
	if (fd < 0 || (prog->fd >= 0 && fd != prog->fd))
		run_fail(r, "descriptor %d, and before %d", fd, prog->fd);
	prog->fd = fd;
	run_check_watched(r, prog);
}
