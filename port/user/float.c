// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * float.c - floating point numbers as text, exact and correctly rounded
 *
 * A double is an integer times a power of two, so its decimal digits end. They are made as words
 * of nine: those before the point by multiplication with powers of two, those after it one by
 * one, by multiplying the binary fraction with 10^9 and taking what passes the point. What is
 * left of the fraction tells whether a rounding is exact.
 *
 * Invariants
 *   I1  The digits made go on past the one rounded at, or nothing is left of the fraction.
 *   I2  word[0] is zero before rounding, so a carry has somewhere to go.
 *   I3  The arithmetic is over, and off the stack, when printing begins: what is printed is a
 *       text and counts of zeros.
 *   I4  Numbers of common size with few digits fit a short text on the stack. The others use a
 *       page for as long as they are printed.
 */
#include "text.h"

#define DIGITS		9u		/* in a word */
#define BASE		1000000000u
#define MANTISSA_BITS	52
#define MIN_EXP		(-1074)		/* of the lowest bit of a denormal */
#define NOT_FINITE	0x7ff		/* no exponent is as high */

/* Small numbers: 64 bits before the point, 128 after it, and of digits after it 17 at most. */
#define SMALL_MIN_EXP	(-128)
#define SMALL_MAX_EXP	(63 - MANTISSA_BITS)
#define SMALL_DIGITS	17u
#define SMALL_BEFORE	4u		/* words: 20 digits and the word of I2 */
#define SMALL_WORDS	(SMALL_BEFORE + 8u)	/* zeros 4, digits 2, and 2 for I1 */
#define SMALL_LIMBS	2u
#define SMALL_TEXT	40u		/* 20 digits, point, 17, and the rest of a word */

/* Any number: 1024 bits before the point, 1074 after it. */
#define BIG_BEFORE	36u		/* words: 309 digits and the word of I2 */
#define BIG_WORDS	(BIG_BEFORE + 120u)
#define BIG_LIMBS	17u
#define BIG_TEXT	(BIG_WORDS * DIGITS + 1)

__extension__ typedef unsigned __int128 u128;

/* The number is (-1)^@negative * @bits * 2^@exp. */
struct real {
	u64 bits;
	int exp;
	bool negative;
};

/*
 * Decimal digits, counted from 0 at the first of word[0].
 * @word: values below BASE
 * @nr: words
 * @point: words before the decimal point, at least one
 * @exact: nothing follows the last word
 */
struct decimal {
	u32 *word;
	u32 nr;
	u32 point;
	bool exact;
};

/* A binary fraction: limb[nr - 1] begins right after the point; all but lo..hi - 1 are zero. */
struct fraction {
	u64 *limb;
	u32 nr;
	u32 lo;
	u32 hi;
};

/*
 * What is printed of a decimal.
 * @from: first digit
 * @whole: digits before the point
 * @frac: digits after it
 * @exp: exponent, if @has_exp
 */
struct layout {
	u32 from;
	u32 whole;
	u32 frac;
	int exp;
	bool has_exp;
	bool dot;
};

/*
 * A number on its way to a text.
 * @limb: room for its fraction
 * @text: room for its digits
 */
struct work {
	struct decimal d;
	struct layout l;
	u64 *limb;
	char *text;
};

/* What is left of a small number when its arithmetic is over. */
struct small {
	struct bsp_body body;
	char text[SMALL_TEXT];
};

/*
 * What a page is while a big number is printed.
 * @page: left alone, so whoever finds the level abandoned (longjmp) can give the page back
 */
struct big {
	struct bpfstream_page page;
	u64 limb[BIG_LIMBS];
	u32 word[BIG_WORDS];
	struct work work;
	struct bsp_body body;
	char text[BIG_TEXT];
};

static_assert(sizeof(struct big) <= BSP_PAGE_SIZE, "a page holds any number");
static_assert(-MIN_EXP <= 64 * (int)BIG_LIMBS, "the smallest number's fraction has so many bits");

static u32 power_of_ten(u32 exp)
{
	static const u32 power[DIGITS + 1] = {
		1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, BASE
	};

	return power[exp];
}

/* Nine more digits: multiply by BASE, take what passes the point. */
static u32 fraction_next(struct fraction *f)
{
	u64 carry = 0;
	u32 i;

	for (i = f->lo; i < f->hi; i++) {
		u128 product = (u128)f->limb[i] * BASE + carry;

		f->limb[i] = (u64)product;
		carry = (u64)(product >> 64);
	}
	if (f->hi < f->nr && carry) {
		f->limb[f->hi++] = carry;
		carry = 0;
	}
	while (f->lo < f->hi && !f->limb[f->lo])
		f->lo++;
	return (u32)carry;
}

static bool fraction_zero(const struct fraction *f)
{
	return f->lo == f->hi;
}

/* @bits / 2^@shift, less than one. */
static void fraction_init(struct fraction *f, u64 *limb, u64 bits, u32 shift)
{
	u32 up;

	f->limb = limb;
	f->nr = (shift + 63) / 64;
	f->lo = 0;
	f->hi = 0;
	if (!bits)
		return;
	up = 64 * f->nr - shift;
	limb[f->hi++] = bits << up;
	if (up && bits >> (64 - up))
		limb[f->hi++] = bits >> (64 - up);
	if (!limb[0])
		f->lo++;
}

/* Words of an integer, written so that they end at @end; returns the first. */
static u32 *integer_words(u32 *end, u64 bits, u32 shift)
{
	u32 *first = end;

	for (; bits; bits /= BASE)
		*--first = (u32)(bits % BASE);
	while (shift) {
		u32 step = shift < 32 ? shift : 32;
		u64 carry = 0;
		u32 *word;

		for (word = end; word != first;) {
			carry += (u64)*--word << step;
			*word = (u32)(carry % BASE);
			carry /= BASE;
		}
		for (; carry; carry /= BASE)
			*--first = (u32)(carry % BASE);
		shift -= step;
	}
	return first;
}

/*
 * Make digits: all before the point, and after it @digits more than needed to round (I1),
 * counted from the point or, if @significant, from the first that is not zero.
 */
static void __attribute__((__noinline__))
decimal_make(struct decimal *d, u64 *limb, struct real real, u32 digits, bool significant)
{
	u32 shift = real.exp < 0 ? (u32)-real.exp : 0;
	u64 whole = shift < 64 ? real.bits >> shift : 0;
	u32 words = digits / DIGITS + 2;
	u32 *end = d->word + d->point;
	u32 *first = integer_words(end, whole, real.exp > 0 ? (u32)real.exp : 0);
	bool started = !significant || first != end;
	struct fraction f;

	*--first = 0;
	d->word = first;
	d->point = (u32)(end - first);
	d->nr = d->point;
	fraction_init(&f, limb, shift < 64 ? real.bits - (whole << shift) : real.bits, shift);
	while (words && !fraction_zero(&f)) {
		u32 word = fraction_next(&f);

		started |= word != 0;
		words -= started;
		d->word[d->nr++] = word;
	}
	d->exact = fraction_zero(&f);
}

/* The first digit that is not zero; of zero the one before the point. */
static u32 decimal_first(const struct decimal *d)
{
	u32 i;

	for (i = 0; i < d->nr; i++) {
		if (d->word[i])
			return i * DIGITS + DIGITS - bsp_decimal_len(d->word[i]);
	}
	return d->point * DIGITS - 1;
}

/* Past the last digit that is not zero; of zero 0. */
static u32 decimal_end(const struct decimal *d)
{
	u32 i = d->nr;
	u32 end;

	while (i && !d->word[i - 1])
		i--;
	end = i * DIGITS;
	if (i) {
		u32 word;

		for (word = d->word[i - 1]; word % 10 == 0; word /= 10)
			end--;
	}
	return end;
}

static bool decimal_zero_after(const struct decimal *d, u32 i)
{
	while (++i < d->nr) {
		if (d->word[i])
			return false;
	}
	return true;
}

/* Round to @keep digits, to the nearest, halves to even. @keep is past word[0]. */
static void decimal_round(struct decimal *d, u32 keep)
{
	u32 i = keep / DIGITS;
	u32 unit = power_of_ten(DIGITS - keep % DIGITS);
	u32 rest;
	bool up, odd;

	if (i >= d->nr)
		return;
	rest = d->word[i] % unit;
	odd = (unit == BASE ? d->word[i - 1] : d->word[i] / unit) & 1;
	up = rest > unit / 2 ||
	     (rest == unit / 2 && (odd || !decimal_zero_after(d, i) || !d->exact));
	d->word[i] -= rest;
	d->nr = i + 1;
	if (!up)
		return;
	d->word[i] += unit;
	for (; d->word[i] >= BASE; i--) {
		d->word[i] -= BASE;
		d->word[i - 1]++;
	}
}

/* What %f, %e or %g (@style) prints of a decimal that has been rounded. */
static void layout_make(struct layout *l, const struct decimal *d, char style, u32 prec, bool alt)
{
	u32 point = d->point * DIGITS;
	u32 first = decimal_first(d);
	u32 end;

	l->exp = (int)point - 1 - (int)first;
	l->has_exp = style == 'e' ||
		     (style == 'g' && (l->exp < -4 || (l->exp >= 0 && (u32)l->exp >= prec)));
	l->from = l->has_exp || first < point ? first : point - 1;
	l->whole = l->has_exp ? 1 : point - l->from;
	l->frac = prec;
	if (style == 'g') {
		/* There @prec counts from the first digit, and zeros at the end are left out. */
		l->frac = prec - 1 - (l->has_exp ? 0 : (u32)l->exp);
		end = decimal_end(d);
		if (!alt)
			end = end > l->from + l->whole ? end - l->from - l->whole : 0;
		if (!alt && l->frac > end)
			l->frac = end;
	}
	l->dot = l->frac || alt;
}

/* Returns its length. */
static unsigned char exponent_text(char *text, char e, int exp)
{
	u32 abs = (u32)(exp < 0 ? -exp : exp);
	u32 len = abs < 100 ? 2 : 3;

	text[0] = e;
	text[1] = exp < 0 ? '-' : '+';
	text[2] = '0';
	bsp_put_decimal(text + 2 + (abs < 10), abs, abs < 10 ? 1 : len);
	return (unsigned char)(len + 2);
}

/* Digits from digit @from on, @n at most, up to the end of the last word. Returns their end. */
static char *put_digits(char *to, const struct decimal *d, u32 from, u32 n)
{
	while (n && from / DIGITS < d->nr) {
		u32 word = d->word[from / DIGITS];
		u32 rest = DIGITS - from % DIGITS;	/* of the word */
		u32 len = rest < n ? rest : n;

		if (len < DIGITS)
			word = word % power_of_ten(rest) / power_of_ten(rest - len);
		memset(to, '0', len);
		bsp_put_decimal(to, word, len);
		to += len;
		from += len;
		n -= len;
	}
	return to;
}

/* The text of a decimal that has been rounded. */
static void body_make(struct bsp_body *body, const struct bsp_field *field, const struct work *w)
{
	const struct layout *l = &w->l;
	char *point = put_digits(w->text, &w->d, l->from, l->whole);
	char *end = point;
	u64 len;

	if (l->dot)
		*end++ = '.';
	end = put_digits(end, &w->d, l->from + l->whole, l->frac);
	body->text = w->text;
	body->len = (u32)(end - w->text);
	body->more_zeros = l->frac + l->dot - (u32)(end - point);
	if (l->has_exp)
		body->exp_len = exponent_text(body->exp, (char)('E' | (field->conv & 0x20)),
					      l->exp);
	len = bsp_body_len(body);
	if ((field->flags & (BSP_FIELD_ZERO | BSP_FIELD_LEFT)) == BSP_FIELD_ZERO &&
	    (u64)field->width > len)
		body->zeros = (u32)((u64)field->width - len);
}

/* The text of a number; @w has room for words, @w->d.point of them before the point. */
static void __attribute__((__noinline__))
real_text(struct bsp_body *body, const struct bsp_field *field, struct real real, struct work *w)
{
	char style = field->conv | 0x20;
	u32 prec = field->prec < 0 ? 6 : (u32)field->prec;
	u32 digits;

	if (style == 'g' && !prec)
		prec = 1;
	digits = prec + (style == 'e');
	decimal_make(&w->d, w->limb, real, digits, style != 'f');
	decimal_round(&w->d, digits + (style == 'f' ? w->d.point * DIGITS : decimal_first(&w->d)));
	layout_make(&w->l, &w->d, style, prec, field->flags & BSP_FIELD_ALT);
	memset(body, 0, sizeof(*body));
	bsp_text_sign(body, field, real.negative);
	body_make(body, field, w);
}

/* Whether a number's text is no longer than SMALL_TEXT. */
static bool is_small(struct real real, int prec)
{
	return real.exp >= SMALL_MIN_EXP && real.exp <= SMALL_MAX_EXP &&
	       (prec <= (int)SMALL_DIGITS || -real.exp <= (int)SMALL_DIGITS);
}

static void __attribute__((__noinline__))
small_text(struct small *small, const struct bsp_field *field, struct real real)
{
	u32 word[SMALL_WORDS];
	u64 limb[SMALL_LIMBS];
	struct work work;

	work.d.word = word;
	work.d.point = SMALL_BEFORE;
	work.limb = limb;
	work.text = small->text;
	real_text(&small->body, field, real, &work);
}

static int __attribute__((__noinline__))
format_small(struct bpfstream_out *out, const struct bsp_field *field, struct real real)
{
	struct small small;

	small_text(&small, field, real);
	return bsp_text_field(out, field, &small.body);
}

static void __attribute__((__noinline__))
big_text(struct big *big, const struct bsp_field *field, struct real real)
{
	big->work.d.word = big->word;
	big->work.d.point = BIG_BEFORE;
	big->work.limb = big->limb;
	big->work.text = big->text;
	real_text(&big->body, field, real, &big->work);
}

static int __attribute__((__noinline__))
format_big(struct bpfstream_out *out, const struct bsp_field *field, struct real real)
{
	struct big *big = (struct big *)(void *)bsp_page_alloc_for(out->cpu);
	int err;

	if (!big)
		return -ENOMEM;
	big_text(big, field, real);
	err = bsp_text_field(out, field, &big->body);
	bsp_page_free(&big->page);
	return err;
}

/* Infinity, or not a number. */
static int __attribute__((__noinline__))
format_special(struct bpfstream_out *out, const struct bsp_field *field, struct real real)
{
	static const char name[2][2][4] = { { "INF", "NAN" }, { "inf", "nan" } };
	struct bsp_body body = { .text = name[!!(field->conv & 0x20)][!!real.bits], .len = 3 };

	bsp_text_sign(&body, field, real.negative);
	return bsp_text_field(out, field, &body);
}

/* Of a number that is not finite only @negative is right, and @bits is zero for infinity. */
static struct real real_of(double value)
{
	struct real real;
	u64 bits;
	int exp;

	memcpy(&bits, &value, sizeof(bits));
	exp = (int)(bits >> MANTISSA_BITS & 0x7ff);
	real.negative = bits >> 63;
	real.bits = bits & (((u64)1 << MANTISSA_BITS) - 1);
	real.exp = exp;
	if (exp == NOT_FINITE || (!exp && !real.bits))
		return real;
	if (exp)
		real.bits |= (u64)1 << MANTISSA_BITS;
	real.exp = exp ? exp + MIN_EXP - 1 : MIN_EXP;
	if (real.exp < 0) {	/* as few digits after the point as will do */
		int even = __builtin_ctzll(real.bits);

		even = even < -real.exp ? even : -real.exp;
		real.bits >>= even;
		real.exp += even;
	}
	return real;
}

/**
 * bsp_format_double() - append a number
 * @out: writer's state
 * @field: flags, width, precision, and the conversion: one of f F e E g G
 * @value: the number
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC; -ENOMEM. On error a part may have been appended.
 */
int bsp_format_double(struct bpfstream_out *out, const struct bsp_field *field, double value)
{
	struct real real = real_of(value);

	if (real.exp == NOT_FINITE)
		return format_special(out, field, real);
	if (is_small(real, field->prec))
		return format_small(out, field, real);
	return format_big(out, field, real);
}
