// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ops_write.c - printing, with pages and wake-ups refused
 *
 * A message that is refused for want of a page was formatted as far as there were pages.
 */
#include "ops.h"

#include <pthread.h>
#include <stdio.h>

#define LEFT_AT_END	96u	/* of a page, of which an element's text has 8 less */
#define FEW_PAGES	6
#define TOO_LONG	(FIXTURE_CAPACITY + 1)

static char text[TOO_LONG + 1] __attribute__((__aligned__(64)));

static void make_text(size_t len)
{
	fixture_pattern(text, len, 5);
	text[len] = '\0';
}

static void before(struct world *w)
{
	make_text(LONG_TEXT);
	world_print(w, OUT, "before\n");
	world_print(w, ERR, text);
	fixture_forget_pages();
	make_text(40);
}

static void before_long(struct world *w)
{
	before(w);
	make_text(LONG_TEXT);
}

static size_t formatted(void)
{
	size_t room = plan->granted * PAGE_TEXT, len = strlen(text);

	return room < len ? room : len;
}

/* All of @text was accepted, or none. */
static void text_or_loss(struct world *w, long ret)
{
	if (ret)
		world_lost(w, OUT, (int)ret, formatted());
	else
		world_accepted(w, OUT, text, strlen(text));
}

static long do_printf(struct world *w)
{
	return bpfstream_printf(w->prog, OUT, "%s", text);
}

__attribute__((__format__(__printf__, 2, 3)))
static long vprint(struct world *w, const char *fmt, ...)
{
	va_list ap;
	long ret;

	va_start(ap, fmt);
	ret = bpfstream_vprintf(w->prog, OUT, fmt, ap);
	va_end(ap);
	return ret;
}

static long do_vprintf(struct world *w)
{
	return vprint(w, "%s", text);
}

static long do_write(struct world *w)
{
	return bpfstream_write(w->prog, OUT, text, strlen(text));
}

static void before_string(struct world *w)
{
	(void)w;
	make_text(40);
}

static long do_bprintf(struct world *w)
{
	uint64_t args[1] = { (uint64_t)(uintptr_t)text };

	return bpfstream_bprintf(w->prog, OUT, "%s", args, sizeof(args));
}

/* A string that cannot be read, because nobody says whether it can, prints as nothing. */
static void string_or_loss(struct world *w, long ret)
{
	bool unread = !ret && !bpfstream_pending(&w->prog->stream[0]) && plan->hits > 1;

	if (!unread)
		text_or_loss(w, ret);
}

/* ---- a number of many digits ---- */

static long do_float(struct world *w)
{
	return bpfstream_printf(w->prog, OUT, "%.9000f", 0.5);
}

static void float_or_loss(struct world *w, long ret)
{
	snprintf(text, sizeof(text), "%.9000f", 0.5);
	text_or_loss(w, ret);
}

/* ---- a text that no stream can hold ---- */

static void before_too_long(struct world *w)
{
	before(w);
	make_text(TOO_LONG);
}

static void always_lost(struct world *w, long ret)
{
	CHECK(ret);
	CHECK(plan->hits || ret == -ENOSPC);
	world_lost(w, OUT, (int)ret, formatted());
}

/* ---- near a page's end: the page is turned first, or else the text begins there ---- */

static void before_page_end(struct world *w)
{
	before(w);
	make_text(BSP_PAGE_SIZE - BPFSTREAM_PAGE_HDR - BPFSTREAM_ELEM_HDR - LEFT_AT_END);
	world_print(w, OUT, text);
	make_text(150);
}

static void page_end_or_loss(struct world *w, long ret)
{
	if (!ret)
		world_accepted(w, OUT, text, strlen(text));
	else
		world_lost(w, OUT, (int)ret, LEFT_AT_END - BPFSTREAM_ELEM_HDR);
}

/* ---- past the deepest level: each level is in use, as its word on a stack says ---- */

static unsigned long frames[BSP_LEVELS];

static void use_all_levels(struct world *w)
{
	struct bsp_slot *slot = bsp_slot_self();
	u32 i;

	before(w);
	for (i = 0; i < BSP_LEVELS; i++) {
		frames[i] = slot->level[i].what + 4711 + i;
		slot->level[i].what = frames[i];
		slot->level[i].where = &frames[i];
	}
	make_text(LONG_TEXT);
}

/* Nobody has taken a level from its user. */
static void free_all_levels(struct world *w, long ret)
{
	struct bsp_slot *slot = bsp_slot_self();
	u32 i;

	for (i = 0; i < BSP_LEVELS; i++) {
		CHECK(slot->level[i].where == &frames[i]);
		CHECK(!slot->level[i].cpu.page);
		slot->level[i].where = NULL;
	}
	text_or_loss(w, ret);
}

/* ---- a loss is to be told with the message ---- */

static void lose_one(struct world *w)
{
	before(w);
	CHECK_EQ(bpfstream_write(w->prog, OUT, NULL, 1), -EINVAL);
	world_lost(w, OUT, -EINVAL, 0);
}

/* ---- somebody waits ---- */

static void nothing_before(struct world *w)
{
	(void)w;
	make_text(40);
}

static void text_is_seen(struct world *w, long ret)
{
	text_or_loss(w, ret);
	CHECK_EQ(bpfstream_prog_wait(w->prog, 0), ret ? 0 : 1 << OUT);
}

/* ---- all pages but the one are a dead thread's ---- */

static void *print_and_end(void *arg)
{
	struct world *w = arg;

	fixture_forget_pages();
	(void)bpfstream_printf(w->prog, ERR, "thread\n");
	return NULL;
}

static void kill_a_thread(struct world *w)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, print_and_end, w));
	pthread_join(thread, NULL);
	world_accepted(w, ERR, "thread\n", 7);
	CHECK_EQ(bpfstream_prog_drain(w->prog, ERR, w->file), 7);
	world_given(w, ERR, "thread\n", 7);
	w->file_at += 7;
	make_text(FEW_PAGES * PAGE_TEXT);
}

/* The last page was granted by the plan, and not had from the arena. */
static void all_pages_or_loss(struct world *w, long ret)
{
	plan->granted -= ret && plan->granted == FEW_PAGES;
	text_or_loss(w, ret);
	world_read_all(w);
}

const struct op write_ops[] = {
	{ "printf", OP_HERE, { 0 }, { -ENOMEM }, before, do_printf, text_or_loss },
	{ "printf, long", OP_HERE, { 0 }, { -ENOMEM }, before_long, do_printf, text_or_loss },
	{ "printf, a float", OP_HERE, { 0 }, { -ENOMEM }, before, do_float, float_or_loss },
	{ "printf, too long", OP_HERE, { 0 }, { -ENOMEM, -ENOSPC }, before_too_long, do_printf,
	  always_lost },
	{ "printf, at a page's end", OP_HERE, { 0 }, { -ENOMEM }, before_page_end, do_printf,
	  page_end_or_loss },
	{ "printf, past the deepest level", OP_HERE, { 0 }, { -ENOMEM }, use_all_levels, do_printf,
	  free_all_levels },
	{ "printf, a loss to tell", OP_HERE, { .flags = BPFSTREAM_LOST_LINES }, { -ENOMEM },
	  lose_one, do_printf, text_or_loss },
	{ "printf, watched", OP_HERE, { .watched = true }, { -ENOMEM }, nothing_before, do_printf,
	  text_is_seen },
	{ "printf, pages of the dead", OP_FRESH, { .pages = FEW_PAGES }, { -ENOMEM },
	  kill_a_thread, do_printf, all_pages_or_loss },
	{ "vprintf", OP_HERE, { 0 }, { -ENOMEM }, before, do_vprintf, text_or_loss },
	{ "write", OP_HERE, { 0 }, { -ENOMEM }, before, do_write, text_or_loss },
	{ "write, long", OP_HERE, { 0 }, { -ENOMEM }, before_long, do_write, text_or_loss },
	{ "bprintf", OP_HERE, { 0 }, { -ENOMEM }, before_string, do_bprintf, string_or_loss },
	{ NULL }
};
