// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ops_read.c - reading, draining, dumping and waiting, with files that take less or nothing
 *
 * What a file has taken is gone from the stream, all else is still there, and the result says how
 * much went; an error is returned only where nothing did.
 */
#include "ops.h"

#include <stdio.h>

#define SHORTS	300	/* messages: more than one writev(2) is offered */

static char taken[TEXT_MAX];

static void short_texts(struct world *w)
{
	char line[32];
	int i;

	for (i = 0; i < SHORTS; i++) {
		snprintf(line, sizeof(line), "a short message, %d\n", i);
		world_print(w, OUT, line);
	}
	world_print(w, ERR, "another stream's\n");
}

static void long_texts(struct world *w)
{
	char *text = taken;
	int i;

	for (i = 0; i < 12; i++) {
		fixture_pattern(text, 1500, (unsigned int)i);
		text[1500] = '\0';
		world_print(w, OUT, text);
	}
	world_print(w, ERR, "another stream's\n");
}

static void nothing_before(struct world *w)
{
	(void)w;
}

static void one_text(struct world *w)
{
	world_print(w, OUT, "all there is\n");
}

/* ---- read ---- */

static long do_read_part(struct world *w)
{
	return bpfstream_prog_read(w->prog, OUT, taken, 3000);
}

static long do_read_all(struct world *w)
{
	return bpfstream_prog_read(w->prog, OUT, taken, sizeof(taken));
}

static void was_read(struct world *w, long ret)
{
	CHECK(ret > 0);
	world_given(w, OUT, taken, (size_t)ret);
}

/* ---- drain and dump: to a file ---- */

static long do_drain(struct world *w)
{
	return bpfstream_prog_drain(w->prog, OUT, w->file);
}

static long do_dump(struct world *w)
{
	return bpfstream_prog_dump(w->prog, OUT, w->file);
}

static void in_file(struct world *w, long ret)
{
	size_t n = world_file(w, taken);

	CHECK(plan->hits || !w->waits[0].len || n == w->waits[0].len);
	CHECK(n || ret < 0 || !w->waits[0].len);
	CHECK_EQ(n, ret < 0 ? 0 : ret);
	world_given(w, OUT, taken, n);
}

/* ---- a dump past a reader that is some other thread ---- */

static void held_by_another(struct world *w)
{
	long_texts(w);
	w->prog->stream[0].lock.holder = 1;
}

static void held_in_file(struct world *w, long ret)
{
	CHECK_EQ(w->prog->stream[0].lock.holder, 1);
	w->prog->stream[0].lock.holder = 0;
	in_file(w, ret);
}

/*
 * ---- a dump on top of a drain of its own thread: each word goes once, whichever way ----
 *
 * The last message is published when the drain has its backlog already.
 */

#define WORDS	6000	/* more than a sink call is offered */
#define EACH	100	/* in a message */

static long dumped;

static void print_words(struct world *w, int from, int to)
{
	char text[4 * EACH + 12];
	int i;

	for (i = from; i < to; i++) {
		snprintf(text + i % EACH * 4, 12, "%04d", i);
		if (i % EACH == EACH - 1)
			world_print(w, OUT, text);
	}
}

static void all_but_the_last(struct world *w)
{
	print_words(w, 0, WORDS - EACH);
}

static void dump_on_top(void *arg)
{
	plan->armed = false;
	print_words(arg, WORDS - EACH, WORDS);
	plan->armed = true;
	dumped = do_dump(arg);
}

static long do_drain_interrupted(struct world *w)
{
	dumped = 0;
	plan_on_write = dump_on_top;
	plan_on_arg = w;
	return do_drain(w);
}

static int word_at(const char *d)
{
	return (d[0] - '0') * 1000 + (d[1] - '0') * 100 + (d[2] - '0') * 10 + d[3] - '0';
}

/* The dump has left nothing out, between what it wrote. */
static void each_word_once(struct world *w, long ret)
{
	static unsigned char seen[WORDS];
	ssize_t n = (ssize_t)world_file(w, taken);
	ssize_t i;

	CHECK_EQ(n, (ret < 0 ? 0 : ret) + (dumped < 0 ? 0 : dumped));
	CHECK_EQ(bpfstream_pending(&w->prog->stream[0]), WORDS * 4 - n);
	n += bpfstream_prog_read(w->prog, OUT, taken + n, sizeof(taken) - (size_t)n);
	CHECK_EQ(n, WORDS * 4);
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < n; i += 4) {
		int word = word_at(taken + i);

		CHECK(word >= 0 && word < WORDS && !seen[word]++);
		CHECK(i >= dumped - 4 || word_at(taken + i + 4) == word + 1);
	}
	w->waits[0].len = 0;
}

/* ---- dump_all: with headings ---- */

static long do_dump_all(struct world *w)
{
	(void)w;
	return bpfstream_dump_all(w->file);
}

#define HEADING	"==> world (std%s) <==\n"
#define CUT	12	/* bytes of a heading of which the rest was refused */

/* A stream's part of @taken, @at to @end: a heading, whole or cut, and text behind a whole one. */
static void check_part(struct world *w, enum bpfstream_id id, const char *at, const char *end)
{
	char heading[32];
	int head = snprintf(heading, sizeof(heading), HEADING, id == OUT ? "out" : "err");

	if (end - at >= head) {
		CHECK(!memcmp(at, heading, (size_t)head));
		world_given(w, id, at + head, (size_t)(end - at - head));
	} else {
		CHECK(at == end || (end - at == CUT && !memcmp(at, heading, CUT)));
	}
}

static void headed_in_file(struct world *w, long ret)
{
	size_t n = world_file(w, taken);
	const char *end = taken + n, *second = NULL;

	CHECK_EQ(n, ret < 0 ? 0 : ret);
	if (n > CUT)
		second = memmem(taken + 1, n - 1, HEADING, CUT);
	if (!second)
		second = n > CUT && !strncmp(taken, "==> world (stderr", 17) ? taken : end;
	check_part(w, OUT, taken, second);
	check_part(w, ERR, second, end);
	CHECK(plan->hits || !(w->waits[0].len + w->waits[1].len));
}

/* ---- waiting ---- */

static void text_comes(void *arg)
{
	struct world *w = arg;

	plan->armed = false;
	world_print(w, ERR, "it has come\n");
	plan->armed = true;
}

static long do_wait(struct world *w)
{
	plan_on_poll = text_comes;
	plan_on_arg = w;
	return bpfstream_prog_wait(w->prog, -1);
}

static void waited(struct world *w, long ret)
{
	CHECK_EQ(ret > 0 ? ret : 0, w->waits[1].len ? 1 << ERR : 0);
	CHECK_EQ(w->prog->watchers, 0);
}

static long do_wait_no_time(struct world *w)
{
	return bpfstream_prog_wait(w->prog, 0);
}

static long do_fd(struct world *w)
{
	return bpfstream_prog_fd(w->prog);
}

static void watched(struct world *w, long ret)
{
	CHECK_EQ(w->prog->watchers, ret >= 0);
	CHECK_EQ(w->prog->efd, ret >= 0 ? ret : -1);
}

static long do_stat(struct world *w)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	return bpfstream_prog_stat(w->prog, OUT, &stat);
}

#define WRITE_ERRORS	{ -EAGAIN, -ENOSPC, -EPIPE, -EIO }
#define FD_ERRORS	-EMFILE, -ENFILE, -ENOMEM

const struct op read_ops[] = {
	{ "read, a part", OP_HERE, { 0 }, { 0 }, short_texts, do_read_part, was_read },
	{ "read, all, watched", OP_HERE, { .watched = true }, { 0 }, one_text, do_read_all,
	  was_read },
	{ "drain, nothing", OP_HERE, { .watched = true }, WRITE_ERRORS, nothing_before, do_drain,
	  in_file },
	{ "drain, short", OP_HERE, { 0 }, WRITE_ERRORS, short_texts, do_drain, in_file },
	{ "drain, long", OP_HERE, { 0 }, WRITE_ERRORS, long_texts, do_drain, in_file },
	{ "drain, watched", OP_HERE, { .watched = true }, WRITE_ERRORS, one_text, do_drain,
	  in_file },
	{ "drain, a dump on top", OP_HERE, { 0 }, WRITE_ERRORS, all_but_the_last,
	  do_drain_interrupted, each_word_once },
	{ "dump", OP_HERE, { 0 }, WRITE_ERRORS, long_texts, do_dump, in_file },
	{ "dump, past a reader", OP_HERE, { 0 }, WRITE_ERRORS, held_by_another, do_dump,
	  held_in_file },
	{ "dump_all", OP_HERE, { 0 }, WRITE_ERRORS, long_texts, do_dump_all, headed_in_file },
	{ "wait", OP_HERE, { 0 }, { -EINTR, FD_ERRORS }, nothing_before, do_wait, waited },
	{ "wait, no time", OP_HERE, { 0 }, { FD_ERRORS }, nothing_before, do_wait_no_time,
	  waited },
	{ "fd", OP_HERE, { 0 }, { FD_ERRORS }, nothing_before, do_fd, watched },
	{ "stat", OP_HERE, { 0 }, { 0 }, short_texts, do_stat, NULL },
	{ NULL }
};
