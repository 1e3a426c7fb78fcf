// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ops_stage.c - groups, with pages and whatever a stack dump asks for refused
 *
 * What could not be added is told to the stream of the commit, which each outcome here makes.
 */
#include "ops.h"

#include "stage.h"

static char text[LONG_TEXT + 1];
static int inner;

static void stage_text(struct world *w, size_t len)
{
	static const char first[] = "first|";

	world_print(w, OUT, "before\n");
	fixture_forget_pages();
	CHECK_EQ(bpfstream_stage_printf(&w->ss, first), 0);
	memcpy(w->staged.bytes, first, sizeof(first) - 1);
	w->staged.len = sizeof(first) - 1;
	fixture_forget_pages();
	fixture_pattern(text, len, 9);
	text[len] = '\0';
}

static void stage_short(struct world *w)
{
	stage_text(w, 40);
}

static void stage_long(struct world *w)
{
	stage_text(w, LONG_TEXT);
}

static void add_staged(struct world *w, const char *bytes, size_t len)
{
	memcpy(w->staged.bytes + w->staged.len, bytes, len);
	w->staged.len += len;
}

static void commit(struct world *w)
{
	CHECK_EQ(bpfstream_stage_commit(&w->ss, w->prog, OUT), 0);
	world_accepted(w, OUT, w->staged.bytes, w->staged.len);
	w->staged.len = 0;
}

static void added_or_loss(struct world *w, long ret)
{
	if (ret)
		world_lost(w, OUT, (int)ret, plan->granted * PAGE_TEXT);
	else
		add_staged(w, text, strlen(text));
	commit(w);
}

static long do_stage_printf(struct world *w)
{
	return bpfstream_stage_printf(&w->ss, "%s", text);
}

__attribute__((__format__(__printf__, 2, 3)))
static long stage_vprint(struct world *w, const char *fmt, ...)
{
	va_list ap;
	long ret;

	va_start(ap, fmt);
	ret = bpfstream_stage_vprintf(&w->ss, fmt, ap);
	va_end(ap);
	return ret;
}

static long do_stage_vprintf(struct world *w)
{
	return stage_vprint(w, "%s", text);
}

/* ---- a stack dump ---- */

static long do_dump_stack(struct world *w)
{
	return bpfstream_stage_dump_stack(&w->ss);
}

/* Lines that were added stay, each of them whole. What they say is not known here. */
static void whole_lines(struct world *w, long ret)
{
	static char lines[TEXT_MAX];
	size_t behind = w->waits[0].len + w->staged.len;
	ssize_t n;

	if (ret)
		world_lost(w, OUT, (int)ret, 0);
	CHECK_EQ(bpfstream_stage_commit(&w->ss, w->prog, OUT), 0);
	world_accepted(w, OUT, w->staged.bytes, w->staged.len);
	w->staged.len = 0;
	n = bpfstream_prog_read(w->prog, OUT, lines, sizeof(lines));
	CHECK(n >= (ssize_t)behind);
	world_given(w, OUT, lines, behind);
	CHECK_EQ(n > (ssize_t)behind ? lines[n - 1] : '\n', '\n');
	CHECK(n == (ssize_t)behind || !memcmp(lines + behind, "CPU: ", 5));
	CHECK(ret || n - (ssize_t)behind > 40);
}

/* ---- all in one ---- */

static long do_stage(struct world *w)
{
	return bpfstream_stage(&w->ss, w->prog, OUT,
			       inner = bpfstream_stage_printf(&w->ss, "%s", text));
}

static void nothing_staged(struct world *w)
{
	world_print(w, OUT, "before\n");
	fixture_forget_pages();
	fixture_pattern(text, LONG_TEXT, 9);
	text[LONG_TEXT] = '\0';
}

/* The value is the commit's, and a group without the message is empty. */
static void staged_or_loss(struct world *w, long ret)
{
	CHECK_EQ(ret, 0);
	if (inner)
		world_lost(w, OUT, inner, plan->granted * PAGE_TEXT);
	else
		world_accepted(w, OUT, text, LONG_TEXT);
	CHECK(!inner || inner == -ENOMEM);
}

/* ---- commit and free: nothing that is refused is any matter to them ---- */

static void stage_after_a_loss(struct world *w)
{
	stage_long(w);
	CHECK_EQ(bpfstream_write(w->prog, OUT, NULL, 1), -EINVAL);
	world_lost(w, OUT, -EINVAL, 0);
}

static long do_commit(struct world *w)
{
	return bpfstream_stage_commit(&w->ss, w->prog, OUT);
}

static void committed(struct world *w, long ret)
{
	CHECK_EQ(ret, 0);
	world_accepted(w, OUT, w->staged.bytes, w->staged.len);
	w->staged.len = 0;
}

static void stage_watched(struct world *w)
{
	stage_long(w);
	CHECK_EQ(bpfstream_prog_drain(w->prog, OUT, w->file), 7);
	w->waits[0].len = 0;
}

static long do_free(struct world *w)
{
	bpfstream_stage_free(&w->ss);
	return 0;
}

static void freed(struct world *w, long ret)
{
	CHECK_EQ(ret, 0);
	w->staged.len = 0;
}

const struct op stage_ops[] = {
	{ "stage_printf", OP_HERE, { 0 }, { -ENOMEM }, stage_short, do_stage_printf,
	  added_or_loss },
	{ "stage_printf, long", OP_HERE, { 0 }, { -ENOMEM }, stage_long, do_stage_printf,
	  added_or_loss },
	{ "stage_vprintf", OP_HERE, { 0 }, { -ENOMEM }, stage_short, do_stage_vprintf,
	  added_or_loss },
	{ "stage_dump_stack", OP_HERE, { 0 }, { -ENOMEM }, stage_short, do_dump_stack,
	  whole_lines },
	{ "stage", OP_HERE, { 0 }, { 0 }, nothing_staged, do_stage, staged_or_loss },
	{ "stage_commit, a loss to tell", OP_HERE, { .flags = BPFSTREAM_LOST_LINES }, { 0 },
	  stage_after_a_loss, do_commit, committed },
	{ "stage_commit, watched", OP_HERE, { .watched = true }, { 0 }, stage_watched, do_commit,
	  committed },
	{ "stage_free", OP_HERE, { 0 }, { 0 }, stage_long, do_free, freed },
	{ NULL }
};
