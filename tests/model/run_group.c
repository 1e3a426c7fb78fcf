// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run_group.c - operations on groups of messages
 */
#include <stdlib.h>
#include <string.h>

#include "run_priv.h"

#define GROUP_MAX	(MAX_TEXT / 4)	/* longer ones are given up */

static struct group *pick_group(struct run *r)
{
	struct group *g = &r->group[seeded_below(&r->rng, NR_GROUPS)];

	return g->busy ? NULL : g;
}

static void append(struct group *g, const char *text, size_t len)
{
	char *more = realloc(g->text, g->len + len + 1);

	if (!more)
		abort();
	memcpy(more + g->len, text, len);
	g->text = more;
	g->len += len;
	g->messages += len != 0;
}

/* Forget what the model has in a group. */
static void forget(struct group *g)
{
	free(g->text);
	g->text = NULL;
	g->len = 0;
	g->messages = 0;
	memset(g->lost, 0, sizeof(g->lost));
	g->bytes_min = 0;
	g->bytes_max = 0;
}

void run_group_drop(struct run *r, struct group *g)
{
	(void)r;
	bpfstream_stage_free(&g->ss);
	forget(g);
}

/* ---- adding ---- */

struct to_group {
	struct run *r;
	struct group *group;
	struct frame frame;
};

static int speak_to_group(struct speech *s, const char *fmt, va_list ap)
{
	struct to_group *to = s->to;

	to->frame.kind = FRAME_ALONE;
	to->frame.len = s->len;
	run_begin(to->r, &to->frame);
	return bpfstream_stage_vprintf(&to->group->ss, fmt, ap);
}

static void added(struct run *r, struct group *g, const struct frame *f, const struct speech *s)
{
	bool too_long = s->len && g->len + s->len >= run_max_capacity;

	if (s->expect || too_long)
		run_fail(r, "%zu bytes added, expected %d, to %zu", s->len, s->expect, g->len);
	if (run_page_failed(f) && !f->fired && !run_only_a_turn_failed(f))
		run_fail(r, "added without a page");
	append(g, s->text, s->len);
}

static void not_added(struct run *r, struct group *g, const struct frame *f,
		      const struct speech *s)
{
	bool too_long = s->len && g->len + s->len >= run_max_capacity;
	enum model_cause cause = s->ret == -ENOSPC ? MODEL_FULL :
				 s->ret == -ENOMEM ? MODEL_NOMEM : MODEL_INVALID;

	if (cause == MODEL_FULL ? !too_long :
	    cause == MODEL_NOMEM ? !run_pages_short(f) : !s->expect || s->ret != s->expect)
		run_fail(r, "%d for %zu bytes, expected %d, to %zu", s->ret, s->len, s->expect,
			 g->len);
	g->lost[cause]++;
	g->bytes_max += s->len;
	if (cause == MODEL_FULL && s->len < run_max_capacity)
		g->bytes_min += s->len;
}

static void add_to(struct run *r, struct group *g)
{
	struct to_group to = { .r = r, .group = g };
	struct speech s = { .text = r->text[r->depth], .fn = speak_to_group, .to = &to };
	static const struct model_stream some = { .capacity = 5000 };

	g->busy = true;
	run_speak(r, &s, run_pick_len(r, &some));
	run_end(r, &to.frame);
	g->busy = false;
	if (s.ret)
		not_added(r, g, &to.frame, &s);
	else
		added(r, g, &to.frame, &s);
}

void run_group_add(struct run *r)
{
	struct group *g = pick_group(r);

	if (g && g->len > GROUP_MAX)
		run_group_drop(r, g);
	if (g)
		add_to(r, g);
}

/* ---- committing ---- */

/* Losses go to the stream even if the text does not. */
static void begin_commit(struct run *r, struct group *g, struct frame *f)
{
	const struct bpfstream_staged *staged = (const void *)&g->ss;
	struct model_stream *m = run_model(f->prog, f->id);
	unsigned int i;

	if (staged->lost_bytes < g->bytes_min || staged->lost_bytes > g->bytes_max)
		run_fail(r, "%llu bytes lost in a group, expected %llu to %llu",
			 (unsigned long long)staged->lost_bytes, (unsigned long long)g->bytes_min,
			 (unsigned long long)g->bytes_max);
	for (i = 0; i < MODEL_NR_CAUSES; i++) {
		model_lose(m, (enum model_cause)i, g->lost[i], 0);
		r->result->refused[i] += g->lost[i];
		g->lost[i] = 0;
	}
	model_lose(m, MODEL_FULL, 0, staged->lost_bytes);
	g->bytes_min = 0;
	g->bytes_max = 0;
	g->busy = true;
	f->kind = FRAME_WRITES;
	f->text = g->text;
	f->len = g->len;
	f->messages = g->messages;
	run_begin(r, f);
}

static void end_commit(struct run *r, struct group *g, struct frame *f, int ret)
{
	run_write_end(r, f, ret);
	g->busy = false;
	if (!ret)
		forget(g);
}

void run_group_commit(struct run *r)
{
	struct group *g = pick_group(r);
	struct frame f = { .kind = FRAME_WRITES };

	if (!g || !run_pick(r, &f.prog, &f.id))
		return;
	begin_commit(r, g, &f);
	end_commit(r, g, &f, bpfstream_stage_commit(&g->ss, f.prog->prog, run_id(f.id)));
}

void run_group_free(struct run *r)
{
	struct group *g = pick_group(r);
	struct frame f = { .kind = FRAME_ALONE };

	if (!g)
		return;
	g->busy = true;
	run_begin(r, &f);
	bpfstream_stage_free(&g->ss);
	run_end(r, &f);
	g->busy = false;
	forget(g);
}

static int fill_and_begin(struct run *r, struct group *g, struct frame *f)
{
	uint64_t nr = seeded_below(&r->rng, 5);

	while (nr--)
		add_to(r, g);
	begin_commit(r, g, f);
	return 0;
}

void run_group_whole(struct run *r)
{
	struct group g = { .busy = true };
	struct frame f = { .kind = FRAME_WRITES };
	int ret;

	if (!run_pick(r, &f.prog, &f.id))
		return;
	ret = bpfstream_stage(&g.ss, f.prog->prog, run_id(f.id), fill_and_begin(r, &g, &f));
	end_commit(r, &g, &f, ret);
	forget(&g);
}
