// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run_write.c - operations that print
 */
#include <stdio.h>
#include <string.h>

#include "run_priv.h"

#define AREA		512u	/* bytes that bprintf() packs its arguments into */
#define BPRINTF_MAX	1024u	/* bytes of a bprintf() message, exclusive */

static size_t below(struct run *r, size_t bound)
{
	return seeded_below(&r->rng, bound);
}

/* A length near what the stream can take; large ones seldom, for they take long. */
static size_t near_bound(struct run *r, uint64_t bound)
{
	if (bound > 6000 && !seeded_once_in(&r->rng, 20))
		return below(r, 3000);
	return (bound > 3 ? bound - 3 : 0) + below(r, 6);
}

size_t run_pick_len(struct run *r, const struct model_stream *m)
{
	size_t len;

	switch (below(r, 20)) {
	case 0:
		len = below(r, 2);
		break;
	case 1:
	case 2:
		len = 4096 * (1 + below(r, 2)) - 60 + below(r, 80);
		break;
	case 3:
		len = near_bound(r, m->capacity - m->pending);
		break;
	case 4:
		len = near_bound(r, m->capacity);
		break;
	case 5:
		len = below(r, 22000);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		len = below(r, 300);
		break;
	default:
		len = below(r, 40);
	}
	return len < MAX_TEXT - 1000 ? len : MAX_TEXT - 1000;
}

static const char *noise(struct run *r)
{
	return r->noise + below(r, MAX_TEXT);
}

/* End of a call that writes to a stream. */
void run_write_end(struct run *r, struct frame *f, int ret)
{
	run_end(r, f);
	run_settle(r, f);
	if (!f->settled && (f->len || f->expect))
		run_fail(r, "%d, and neither text nor loss is seen: %zu bytes, expected %d", ret,
			 f->len, f->expect);
	if (ret != f->result)
		run_fail(r, "%d, and stat says %d: %zu bytes", ret, f->result, f->len);
}

/* ---- printf ---- */

static void say(struct speech *s, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	if (!s->expect)
		s->len = (size_t)vsnprintf(s->text, MAX_TEXT, fmt, again);
	va_end(again);
	s->ret = s->fn(s, fmt, ap);
	va_end(ap);
}

/* What is wrong with these, the compiler must not see. */
static void speak_wrongly(struct run *r, struct speech *s)
{
	static const char *const wrong[] = { "%q", "%n", "x%n", "%", "\n%ls", "x%La", NULL };
	size_t pick = below(r, sizeof(wrong) / sizeof(wrong[0]));
	const char *fmt = wrong[pick];

	s->expect = -EINVAL;
	s->len = fmt && fmt[0] != '%' ? 1 : 0;
	say(s, fmt, 0);
}

static void speak_numbers(struct run *r, struct speech *s)
{
	uint64_t a = seeded_next(&r->rng) >> below(r, 64);
	uint64_t b = seeded_next(&r->rng) >> below(r, 64);

	if (below(r, 2))
		say(s, "%d %-12u|%+ld|%#llx\n", (int)a, (unsigned int)b, (long)a,
		    (unsigned long long)b);
	else
		say(s, "[%08lx] %c%5hd %.3f %o%%\n", (unsigned long)a, 'a' + (int)(b % 26),
		    (short)b, (double)(int)a / 8, (unsigned int)b);
}

/* Print about @len bytes in one of many ways. */
void run_speak(struct run *r, struct speech *s, size_t len)
{
	const char *from = noise(r);
	char *copy = r->arg[r->depth];

	s->expect = 0;
	memcpy(copy, from, len);
	copy[len] = '\0';
	switch (below(r, 10)) {
	case 0:
	case 1:
		say(s, "%s", copy);
		break;
	case 2:
		say(s, "%.*s", (int)len, from);
		break;
	case 3:
		say(s, below(r, 2) ? "%*s" : "%-*s", (int)len, "right");
		break;
	case 4:
		say(s, copy);
		break;
	case 5:
		say(s, "%d:%s%c", (int)len, copy, '\n');
		break;
	case 6:
		say(s, below(r, 2) ? "" : "%s", "");
		break;
	case 7:
		if (below(r, 4))
			say(s, "%.20s: %s%.*s\n", from + len, copy, (int)below(r, 30), from);
		else
			speak_wrongly(r, s);
		break;
	default:
		speak_numbers(r, s);
	}
}

static void begin_write(struct run *r, struct frame *f, const char *text, size_t len, int expect)
{
	f->kind = FRAME_WRITES;
	f->text = text;
	f->len = len;
	f->expect = expect;
	f->messages = 1;
	run_begin(r, f);
}

/* @frame is filled in but for what @speech knows. */
struct to_stream {
	struct run *r;
	struct frame frame;
};

static int speak_to_stream(struct speech *s, const char *fmt, va_list ap)
{
	struct to_stream *to = s->to;
	struct frame *f = &to->frame;

	begin_write(to->r, f, s->text, s->len, s->expect);
	return bpfstream_vprintf(f->prog->prog, run_id(f->id), fmt, ap);
}

void run_printf(struct run *r)
{
	struct to_stream to = { .r = r };
	struct speech s = { .text = r->text[r->depth], .fn = speak_to_stream, .to = &to };

	if (!run_pick(r, &to.frame.prog, &to.frame.id))
		return;
	run_speak(r, &s, run_pick_len(r, run_model(to.frame.prog, to.frame.id)));
	run_write_end(r, &to.frame, s.ret);
}

/* ---- write ---- */

void run_write(struct run *r)
{
	struct frame f = { .kind = FRAME_WRITES };
	char *text = r->text[r->depth];
	size_t len;
	int ret;

	if (!run_pick(r, &f.prog, &f.id))
		return;
	len = run_pick_len(r, run_model(f.prog, f.id));
	if (seeded_once_in(&r->rng, 50)) {
		begin_write(r, &f, NULL, 0, len ? -EINVAL : 0);
		ret = bpfstream_write(f.prog->prog, run_id(f.id), NULL, len);
	} else {
		memcpy(text, noise(r), len);
		if (len)
			text[below(r, len)] = '\0';	/* a byte as any other */
		begin_write(r, &f, text, len, 0);
		ret = bpfstream_write(f.prog->prog, run_id(f.id), text, len);
	}
	run_write_end(r, &f, ret);
}

/* ---- bprintf ---- */

static uint64_t word_of(const void *ptr)
{
	return (uint64_t)(uintptr_t)ptr;
}

static void bprint(struct run *r, struct frame *f, size_t len, int expect, const char *fmt,
		   const uint64_t *args, uint32_t args_sz)
{
	begin_write(r, f, r->text[r->depth], len, expect);
	run_write_end(r, f, bpfstream_bprintf(f->prog->prog, run_id(f->id), fmt, args, args_sz));
}

/* A string: as much of it as the area holds. */
static void bprint_string(struct run *r, struct frame *f)
{
	char *text = r->text[r->depth];
	size_t len = below(r, below(r, 3) ? 60 : 700);
	uint64_t args[2] = { word_of(text), word_of(text) };

	memcpy(text, noise(r), len);
	text[len] = '\0';
	if (len >= AREA - 1 && below(r, 2))
		bprint(r, f, AREA - 1, -ENOSPC, "%s%s", args, sizeof(args));
	else
		bprint(r, f, len < AREA ? len : AREA - 1, 0, "%s", args, sizeof(args[0]));
}

static void bprint_numbers(struct run *r, struct frame *f)
{
	uint64_t args[5];
	char name[40];
	size_t len = below(r, sizeof(name));
	int n;

	memset(name, 'n', len);
	name[len] = '\0';
	args[0] = seeded_next(&r->rng) >> below(r, 64);
	args[1] = seeded_next(&r->rng) >> below(r, 64);
	args[2] = 'a' + below(r, 26);
	args[3] = word_of(name);
	args[4] = seeded_next(&r->rng) >> below(r, 64);
	n = snprintf(r->text[r->depth], MAX_TEXT, "%d %08lx %c|%-10s|%llu%%\n", (int)args[0],
		     (unsigned long)args[1], (int)args[2], name, (unsigned long long)args[4]);
	bprint(r, f, (size_t)n, 0, "%d %08lx %c|%-10s|%llu%%\n", args, sizeof(args));
}

/* Text alone, shorter and longer than a message may be. */
static void bprint_literal(struct run *r, struct frame *f)
{
	char *text = r->text[r->depth];
	size_t len = below(r, 2) ? below(r, 100) : BPRINTF_MAX - 50 + below(r, 100);

	memset(text, 'l', len);
	text[len] = '\0';
	bprint(r, f, len, len < BPRINTF_MAX ? 0 : -E2BIG, text, NULL, 0);
}

static void bprint_wrongly(struct run *r, struct frame *f)
{
	static const uint64_t args[13];

	switch (below(r, 5)) {
	case 0:
		bprint(r, f, 0, -EINVAL, "%q", args, 8);
		break;
	case 1:
		bprint(r, f, 1, -EINVAL, "%d%d", args, 8);
		break;
	case 2:
		bprint(r, f, 0, -EINVAL, "%d", args, 7);
		break;
	case 3:
		bprint(r, f, 0, -EINVAL, "", args, sizeof(args));
		break;
	default:
		bprint(r, f, 0, -EINVAL, NULL, args, 8);
	}
}

void run_bprintf(struct run *r)
{
	static void (*const ways[])(struct run *r, struct frame *f) = {
		bprint_string, bprint_numbers, bprint_literal, bprint_wrongly,
	};
	struct frame f = { .kind = FRAME_WRITES };

	if (run_pick(r, &f.prog, &f.id))
		ways[below(r, 4)](r, &f);
}

/* ---- calls for streams that are not there ---- */

void run_refused_call(struct run *r)
{
	static const enum bpfstream_id none[] = { (enum bpfstream_id)0, (enum bpfstream_id)3 };
	enum bpfstream_id id = none[below(r, 2)];
	struct frame f = { .kind = FRAME_ALONE };
	struct bpfstream_prog *prog;
	unsigned int unused;
	struct bpfstream_stage ss;
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	int ret[7], i, want;

	if (!run_pick(r, &f.prog, &unused))
		return;
	prog = below(r, 3) ? f.prog->prog : NULL;
	want = prog ? -ENOENT : -EINVAL;
	bpfstream_stage_init(&ss);
	run_begin(r, &f);
	ret[0] = bpfstream_printf(prog, id, "%d", 1);
	ret[1] = bpfstream_write(prog, id, "text", 4);
	ret[2] = bpfstream_bprintf(prog, id, "text", NULL, 0);
	ret[3] = bpfstream_stage_commit(&ss, prog, id);
	ret[4] = (int)bpfstream_prog_dump(prog, id, -1);
	ret[5] = bpfstream_prog_stat(prog, id, &stat);
	ret[6] = bpfstream_stage_commit(NULL, f.prog->prog, BPFSTREAM_STDOUT);
	run_end(r, &f);
	for (i = 0; i < 7; i++)
		if (ret[i] != (i == 6 ? -EINVAL : want))
			run_fail(r, "call %d returns %d", i, ret[i]);
}
