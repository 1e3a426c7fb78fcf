// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_printf.c - printf in all its forms against the C library's
 *
 * Integers and pointers are passed in one order and doubles in another: on x86-64 and arm64 a
 * variadic call keeps them apart, so one call with many of both serves every format, as long as no
 * double has to go on the stack.
 *
 * Numbers of an input (input.h): the five of scene_open(); the form of the call; how many bytes
 * stand behind the format and the strings before there is no memory.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "brink.h"
#include "cformat.h"
#include "fuzz.h"
#include "input.h"
#include "scene.h"

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "how are integers and doubles passed here?"
#endif

#define MAX_INTS	20u
#define MAX_REALS	8u
#define LONG_MAX_LEN	(BRINK_SIZE - 64)
#define FORMAT_REGION	(BRINK_REGIONS - 1)

enum form { PRINTF, VPRINTF, STAGE_PRINTF, STAGE_VPRINTF, NR_FORMS };

/*
 * A call.
 * @word, @real: arguments as they are passed
 * @prefix: the format up to what is to be refused; all of it if nothing is
 * @err: whether something is
 * @many: there are more arguments than can be passed
 * @too_long: a field is longer than any stream
 * @apart: why the text is not compared, if it is not
 */
struct call {
	const char *fmt;
	const struct input *in;
	size_t tail;
	unsigned int next;
	uint64_t word[MAX_INTS];
	unsigned int words;
	double real[MAX_REALS];
	unsigned int reals;
	size_t prefix;
	int err;
	bool many;
	bool too_long;
	enum cformat_apart apart;
};

#define WORDS(w)	(w)[0], (w)[1], (w)[2], (w)[3], (w)[4], (w)[5], (w)[6], (w)[7], (w)[8], \
			(w)[9], (w)[10], (w)[11], (w)[12], (w)[13], (w)[14], (w)[15], (w)[16], \
			(w)[17], (w)[18], (w)[19]
#define REALS(r)	(r)[0], (r)[1], (r)[2], (r)[3], (r)[4], (r)[5], (r)[6], (r)[7]

static char expected[SCENE_TEXT_MAX];

static const struct input_arg *next_arg(struct call *c)
{
	static const struct input_arg none = { .text = "" };

	return c->next < c->in->nr_args ? &c->in->arg[c->next++] : &none;
}

static void pass_word(struct call *c, uint64_t word)
{
	if (c->words < MAX_INTS)
		c->word[c->words++] = word;
	else
		c->many = true;
}

static void pass_real(struct call *c, double real)
{
	if (c->reals < MAX_REALS)
		c->real[c->reals++] = real;
	else
		c->many = true;
}

/* A string where memory ends. @max is how much of it is looked at, if it is not terminated. */
static const char *string_of(struct call *c, const struct input_arg *arg, int max)
{
	bool open = arg->kind == INPUT_OPEN && max >= 0;
	size_t len = arg->len < LONG_MAX_LEN ? arg->len : LONG_MAX_LEN;
	char *text;
	size_t i;

	if (c->words >= MAX_INTS)
		return NULL;
	if (arg->kind == INPUT_NUMBER && (!len || (len == 1 && arg->text[0] == '0')))
		return NULL;	/* one that is missing, too */
	if (open && len > (size_t)max)
		len = (size_t)max;
	open &= len == (size_t)max;
	text = brink_at(c->words, len + !open, open ? 0 : c->tail);
	if (arg->kind == INPUT_LONG || arg->kind == INPUT_OPEN) {
		for (i = 0; i < len; i++)
			text[i] = (char)('!' + (i + i / 89) % 94);
	} else {
		memcpy(text, arg->text, len);
	}
	if (!open)
		text[len] = '\0';
	return text;
}

/* A width or precision that an argument gives. */
static int pass_extent(struct call *c)
{
	const struct input_arg *arg = next_arg(c);

	pass_word(c, arg->word);
	return (int)arg->word;
}

/* Pass what a conversion takes. False if it is to be refused for it. */
static bool pass_args(struct call *c, struct cformat *f)
{
	if (f->star_width) {
		f->width = pass_extent(c);
		if (f->width == INT_MIN)
			return false;
	}
	if (f->star_prec)
		f->prec = pass_extent(c);
	if (f->width > CFORMAT_MAX || f->width < -CFORMAT_MAX || f->prec > CFORMAT_MAX)
		c->apart = CFORMAT_HUGE;
	if (f->width >= SCENE_TEXT_MAX || f->width <= -SCENE_TEXT_MAX)
		c->too_long |= f->conv != '%';
	if (strchr("fFeEgG", f->conv))
		pass_real(c, next_arg(c)->real);
	else if (f->conv == 's')
		pass_word(c, (uint64_t)(uintptr_t)string_of(c, next_arg(c), f->prec));
	else if (f->conv != '%')
		pass_word(c, next_arg(c)->word);
	else if (!f->bare)
		c->apart = CFORMAT_PERCENT;
	return true;
}

/* Go through the format: what to pass, and where it is to be refused. */
static void make_call(struct call *c, const char *fmt)
{
	const char *pos = fmt;

	while (*pos) {
		struct cformat f;
		size_t len = 1;

		if (*pos == '%')
			len = cformat_parse(&f, pos);
		if (!len || (*pos == '%' && !pass_args(c, &f))) {
			c->err = -EINVAL;
			break;
		}
		pos += len;
	}
	c->prefix = (size_t)(pos - fmt);
}

/* What libc makes of the format, as far as it is not refused. */
static void ask_libc(const struct call *c, struct scene_want *want)
{
	char *fmt = brink_at(FORMAT_REGION, c->prefix + 1, 0);
	int n;

	memcpy(fmt, c->fmt, c->prefix);
	fmt[c->prefix] = '\0';
	n = snprintf(expected, sizeof(expected), fmt, WORDS(c->word), REALS(c->real));
	if (n < 0)
		fuzz_fail("the C library says %d", n);
	want->len = (uint64_t)n;
	want->text = want->len < sizeof(expected) ? expected : NULL;
}

static int vprint(const struct scene *sc, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = bpfstream_vprintf(sc->prog, BPFSTREAM_STDOUT, fmt, ap);
	va_end(ap);
	return ret;
}

static int stage_vprint(struct bpfstream_stage *ss, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = bpfstream_stage_vprintf(ss, fmt, ap);
	va_end(ap);
	return ret;
}

/* Losses of a group are its stream's when it is committed. */
static int print_staged(const struct scene *sc, const struct call *c, bool v)
{
	struct bpfstream_stage ss;
	int ret, err;

	bpfstream_stage_init(&ss);
	ret = v ? stage_vprint(&ss, c->fmt, WORDS(c->word), REALS(c->real)) :
		  bpfstream_stage_printf(&ss, c->fmt, WORDS(c->word), REALS(c->real));
	err = bpfstream_stage_commit(&ss, sc->prog, BPFSTREAM_STDOUT);
	bpfstream_stage_free(&ss);
	if (ret && err)
		fuzz_fail("an empty group is refused with %d", err);
	return ret ? ret : err;
}

static int print(const struct scene *sc, const struct call *c, enum form form)
{
	switch (form) {
	case VPRINTF:
		return vprint(sc, c->fmt, WORDS(c->word), REALS(c->real));
	case STAGE_PRINTF:
	case STAGE_VPRINTF:
		return print_staged(sc, c, form == STAGE_VPRINTF);
	default:
		return bpfstream_printf(sc->prog, BPFSTREAM_STDOUT, c->fmt, WORDS(c->word),
					REALS(c->real));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene_want want = { .text = expected };
	struct call c = { .fmt = NULL };
	struct input in;
	struct scene sc;
	char *fmt;
	int ret;

	input_parse(&in, data, size);
	if (in.fmt_len > LONG_MAX_LEN)
		return 0;
	c.in = &in;
	c.tail = in.number[6] % 33;
	fmt = brink_at(FORMAT_REGION - 1, in.fmt_len + 1, c.tail);
	memcpy(fmt, in.fmt, in.fmt_len);
	fmt[in.fmt_len] = '\0';
	c.fmt = fmt;
	make_call(&c, fmt);
	if (c.many)
		return 0;	/* there is nothing to pass */
	want.err = c.err;
	want.any = c.apart != CFORMAT_COMPARED;
	if (!want.any)
		ask_libc(&c, &want);
	scene_open(&sc, in.number);
	ret = print(&sc, &c, (enum form)(in.number[5] % NR_FORMS));
	if (c.too_long && !ret)
		fuzz_fail("a field longer than the stream is accepted");
	scene_close(&sc, ret, &want);
	return 0;
}
