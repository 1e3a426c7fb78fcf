// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ops_life.c - making and ending programs, and a forked child's first call
 *
 * A program that could not be made has left nothing behind that the next try would not use: made
 * then, the process has no more mappings than without the failure.
 */
#include "ops.h"

#include <pthread.h>

#define CHUNK	16	/* programs whose storage is mapped at a time */

static char text[64];
static struct bpfstream_prog *others[CHUNK];

/* ---- create ---- */

static void create(struct world *w, const struct bpfstream_opts *opts)
{
	w->prog = bpfstream_prog_create(opts);
}

static long do_create(struct world *w)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .capacity = 50000 };

	create(w, &opts);
	return w->prog ? 0 : -errno;
}

static long do_create_with(struct world *w)
{
	struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = 50000, .page_budget = 700,
		.flags = BPFSTREAM_LOST_LINES, .name = "with options",
	};

	create(w, &opts);
	return w->prog ? 0 : -errno;
}

/* The budget is as it was, and another try works. */
static void created_at_last(struct world *w, long ret)
{
	if (ret) {
		CHECK(!w->prog);
		CHECK_EQ(bsp_arena_budget(), w->budget);
		CHECK_EQ(do_create(w), 0);
	}
	world_knows_its_children(w);
}

static void make_others(struct world *w)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .capacity = 100, .page_budget = 4 };
	int i;

	for (i = 0; i < CHUNK; i++)
		CHECK(others[i] = bpfstream_prog_create(&opts));
	w->budget = bsp_arena_budget();
}

static void end_others(struct world *w, long ret)
{
	const u32 before = bsp_arena_budget();
	int i;

	created_at_last(w, ret);
	for (i = 0; i < CHUNK; i++)
		bpfstream_prog_destroy(others[i]);
	w->budget -= before + (ret ? w->prog->pages : 0) - bsp_arena_budget();
}

/* ---- destroy ---- */

static void *print_and_end(void *arg)
{
	struct world *w = arg;

	(void)bpfstream_write(w->prog, OUT, "thread\n", 7);
	return NULL;
}

static void text_of_a_dead_thread(struct world *w)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, print_and_end, w));
	pthread_join(thread, NULL);
	CHECK_EQ(bpfstream_stage_printf(&w->ss, "staged"), 0);
	bpfstream_stage_free(&w->ss);
}

static long do_destroy(struct world *w)
{
	bpfstream_prog_destroy(w->prog);
	w->prog = NULL;
	return 0;
}

/* ---- a child ---- */

static void parents_text(struct world *w)
{
	world_print(w, OUT, "the parent's\n");
	world_print(w, ERR, "the parent's, too\n");
	fixture_forget_pages();
}

static void parents_stage(struct world *w)
{
	parents_text(w);
	CHECK_EQ(bpfstream_stage_printf(&w->ss, "staged"), 0);
	fixture_forget_pages();
	memcpy(w->staged.bytes, "staged", 6);
	w->staged.len = 6;
}

static long do_child_printf(struct world *w)
{
	return bpfstream_printf(w->prog, OUT, "%s", "child\n");
}

static void child_printed(struct world *w, long ret)
{
	if (ret)
		world_lost(w, OUT, (int)ret, 0);
	else
		world_accepted(w, OUT, "child\n", 6);
}

static long do_child_commit(struct world *w)
{
	return bpfstream_stage_commit(&w->ss, w->prog, ERR);
}

static void child_committed(struct world *w, long ret)
{
	CHECK_EQ(ret, 0);
	world_accepted(w, ERR, w->staged.bytes, w->staged.len);
	w->staged.len = 0;
}

static long do_child_read(struct world *w)
{
	return bpfstream_prog_read(w->prog, OUT, text, sizeof(text));
}

static void child_has_nothing(struct world *w, long ret)
{
	(void)w;
	CHECK_EQ(ret, 0);
}

static long do_child_fd(struct world *w)
{
	return bpfstream_prog_fd(w->prog);
}

static long do_child_dump_all(struct world *w)
{
	return bpfstream_dump_all(w->file);
}

static long do_child_create(struct world *w)
{
	int saved = errno, ret;

	(void)w;
	others[0] = bpfstream_prog_create(NULL);	/* many pages */
	ret = others[0] ? 0 : -errno;
	errno = saved;
	return ret;
}

static void child_created(struct world *w, long ret)
{
	(void)w;
	CHECK_EQ(!others[0], ret < 0);
	bpfstream_prog_destroy(others[0]);
}

#define FD_ERRORS	{ -EMFILE, -ENFILE, -ENOMEM }
#define WATCHED		{ .watched = true }

const struct op life_ops[] = {
	{ "create, the first", OP_FRESH, { .none = true }, { -ENOMEM }, NULL, do_create,
	  created_at_last },
	{ "create, the first, with options", OP_FRESH, { .none = true }, { -ENOMEM }, NULL,
	  do_create_with, created_at_last },
	{ "create, one more than is mapped", OP_FRESH, { .none = true }, { -ENOMEM }, make_others,
	  do_create, end_others },
	{ "destroy", OP_HERE, WATCHED, { 0 }, text_of_a_dead_thread, do_destroy, NULL },
	{ "a child's printf", OP_CHILD, WATCHED, { -ENOMEM }, parents_text, do_child_printf,
	  child_printed },
	{ "a child's stage_commit", OP_CHILD, WATCHED, { 0 }, parents_stage, do_child_commit,
	  child_committed },
	{ "a child's read", OP_CHILD, WATCHED, { 0 }, parents_text, do_child_read,
	  child_has_nothing },
	{ "a child's fd", OP_CHILD, WATCHED, FD_ERRORS, parents_text, do_child_fd, NULL },
	{ "a child's dump_all", OP_CHILD, WATCHED, { 0 }, parents_text, do_child_dump_all,
	  child_has_nothing },
	{ "a child's create", OP_CHILD, WATCHED, { -ENOMEM }, parents_text, do_child_create,
	  child_created },
	{ "a child's destroy", OP_CHILD, WATCHED, { 0 }, parents_text, do_destroy, NULL },
	{ NULL }
};
