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
 *   I3  Numbers of common size need a few words, on the stack. The others need many more, and
 *       use a page for as long as they are printed.
 */
#include "text.h"

#define DIGITS		9u		/* in a word */
#define BASE		1000000000u
#define MANTISSA_BITS	52
#define MIN_EXP		(-1074)		/* of the lowest bit of a denormal */

/* Small numbers: 64 bits before the point, 128 after it. */
#define SMALL_MIN_EXP	(-128)
#define SMALL_MAX_EXP	(63 - MANTISSA_BITS)
#define SMALL_BEFORE	4u		/* words: 20 digits and the word of I2 */
#define SMALL_WORDS	(SMALL_BEFORE + 15u)	/* each word after the point uses 9 of 128 bits */
#define SMALL_LIMBS	2u

/* Any number: 1024 bits before the point, 1074 after it. */
#define BIG_BEFORE	36u		/* words: 309 digits and the word of I2 */
#define BIG_WORDS	(BIG_BEFORE + 120u)
#define BIG_LIMBS	17u

__extension__ typedef unsigned __int128 u128;

/*
 * What a page is while a big number is printed. Its first words are left alone: who finds this
 * context abandoned (longjmp) then knows what to do with the page.
 */
struct big {
	struct bpfstream_page page;
	u64 limb[BIG_LIMBS];
	u32 word[BIG_WORDS];
};

static_assert(sizeof(struct big) <= BSP_PAGE_SIZE, "a page holds any number");
static_assert(-MIN_EXP <= 64 * (int)BIG_LIMBS, "the smallest number has a fraction of so many bits");

/*
 * Decimal digits, counted from 0 at the first of word[0].
 * @word: values below BASE
 * @nr: words
 * @point: words before the decimal point, at least one
 */
struct decimal {
	u32 *word;
	u32 nr;
	u32 point;
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
	u64 from;
	u64 whole;
	u64 frac;
	bool dot;
	bool has_exp;
	int exp;
};

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
 * Make digits of @bits * 2^@exp: all before the point, and after it @digits more than needed
 * to round (I1), counted from the point or, if @significant, from the first that is not zero.
 */
static void decimal_make(struct decimal *d, struct fraction *f, u64 bits, int exp, u64 digits,
			 bool significant)
{
	u32 shift = exp < 0 ? (u32)-exp : 0;
	u64 whole = shift < 64 ? bits >> shift : 0;
	u64 words = digits / DIGITS + 2;
	u32 *end = d->word + d->point;
	u32 *first = integer_words(end, whole, exp > 0 ? (u32)exp : 0);
	bool started = !significant || first != end;

	*--first = 0;
	d->word = first;
	d->point = (u32)(end - first);
	d->nr = d->point;
	fraction_init(f, f->limb, shift < 64 ? bits - (whole << shift) : bits, shift);
	while (words && !fraction_zero(f)) {
		u32 word = fraction_next(f);

		started |= word != 0;
		words -= started;
		d->word[d->nr++] = word;
	}
}

/* The first digit that is not zero; of zero the one before the point. */
static u64 decimal_first(const struct decimal *d)
{
	u32 i;

	for (i = 0; i < d->nr; i++) {
		if (d->word[i])
			return (u64)i * DIGITS + DIGITS - bsp_decimal_len(d->word[i]);
	}
	return (u64)d->point * DIGITS - 1;
}

/* Past the last digit that is not zero; of zero 0. */
static u64 decimal_end(const struct decimal *d)
{
	u32 i = d->nr;
	u64 end;

	while (i && !d->word[i - 1])
		i--;
	end = (u64)i * DIGITS;
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
static void decimal_round(struct decimal *d, const struct fraction *left, u64 keep)
{
	u32 i = (u32)(keep / DIGITS);
	u32 unit = power_of_ten(DIGITS - (u32)(keep % DIGITS));
	u32 rest;
	bool up, odd;

	if (keep / DIGITS >= d->nr)
		return;
	rest = d->word[i] % unit;
	odd = (unit == BASE ? d->word[i - 1] : d->word[i] / unit) & 1;
	up = rest > unit / 2 ||
	     (rest == unit / 2 && (odd || !decimal_zero_after(d, i) || !fraction_zero(left)));
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
static void layout_make(struct layout *l, const struct decimal *d, char style, u64 prec, bool alt)
{
	u64 point = (u64)d->point * DIGITS;
	u64 first = decimal_first(d);
	u64 end;

	l->exp = (int)point - 1 - (int)first;
	l->has_exp = style == 'e' ||
		     (style == 'g' && (l->exp < -4 || (l->exp >= 0 && (u64)l->exp >= prec)));
	l->from = l->has_exp || first < point ? first : point - 1;
	l->whole = l->has_exp ? 1 : point - l->from;
	l->frac = prec;
	if (style == 'g') {
		/* There @prec counts from the first digit, and zeros at the end are left out. */
		l->frac = prec - 1 - (l->has_exp ? 0 : (u64)(s64)l->exp);
		end = decimal_end(d);
		if (!alt)
			end = end > l->from + l->whole ? end - l->from - l->whole : 0;
		if (!alt && l->frac > end)
			l->frac = end;
	}
	l->dot = l->frac || alt;
}

static u32 exponent_text(char *text, char e, int exp)
{
	u32 abs = (u32)(exp < 0 ? -exp : exp);
	u32 len = abs < 100 ? 2 : 3;

	text[0] = e;
	text[1] = exp < 0 ? '-' : '+';
	text[2] = '0';
	bsp_put_decimal(text + 2 + (abs < 10), abs, abs < 10 ? 1 : len);
	return len + 2;
}

/* @n digits from digit @from on; those past the last word are zeros. */
static int put_digits(struct bpfstream_out *out, const struct decimal *d, u64 from, u64 n)
{
	while (n && from / DIGITS < d->nr) {
		char text[DIGITS];
		u32 word = d->word[from / DIGITS];
		u32 skip = (u32)(from % DIGITS);
		u32 len = DIGITS - skip;
		int err;

		memset(text, '0', sizeof(text));
		bsp_put_decimal(text, word, DIGITS);
		if (len > n)
			len = (u32)n;
		err = bpfstream_out_write(out, text + skip, len);
		if (err)
			return err;
		from += len;
		n -= len;
	}
	return bsp_text_pad(out, '0', n);
}

static int put_number(struct bpfstream_out *out, const struct bsp_field *field, bool negative,
		      const struct decimal *d, const struct layout *l)
{
	struct bsp_body head = { .sign_len = 0 };
	bool left = field->flags & BSP_FIELD_LEFT;
	u32 exp_len = 0;
	char exp[5];
	u64 len, fill, zeros;
	int err;

	bsp_text_sign(&head, field, negative);
	if (l->has_exp)
		exp_len = exponent_text(exp, (char)('E' | (field->conv & 0x20)), l->exp);
	len = head.sign_len + l->whole + l->dot + l->frac + exp_len;
	fill = (u64)field->width > len ? (u64)field->width - len : 0;
	zeros = !left && (field->flags & BSP_FIELD_ZERO) ? fill : 0;

	err = bsp_text_pad(out, ' ', left ? 0 : fill - zeros);
	if (!err)
		err = bpfstream_out_write(out, head.sign, head.sign_len);
	if (!err)
		err = bsp_text_pad(out, '0', zeros);
	if (!err)
		err = put_digits(out, d, l->from, l->whole);
	if (!err)
		err = bpfstream_out_write(out, ".", l->dot);
	if (!err)
		err = put_digits(out, d, l->from + l->whole, l->frac);
	if (!err)
		err = bpfstream_out_write(out, exp, exp_len);
	if (!err)
		err = bsp_text_pad(out, ' ', left ? fill : 0);
	return err;
}

/* Print (-1)^@negative * @bits * 2^@exp. @before words of @word are for digits before the point. */
static int format_finite(struct bpfstream_out *out, const struct bsp_field *field, bool negative,
			 u64 bits, int exp, u32 *word, u32 before, u64 *limb)
{
	struct decimal d = { .word = word, .point = before };
	struct fraction f = { .limb = limb };
	struct layout l;
	char style = field->conv | 0x20;
	u64 prec = field->prec < 0 ? 6 : (u64)field->prec;
	u64 digits;

	if (style == 'g' && !prec)
		prec = 1;
	digits = prec + (style == 'e');
	decimal_make(&d, &f, bits, exp, digits, style != 'f');
	decimal_round(&d, &f, digits + (style == 'f' ? (u64)d.point * DIGITS : decimal_first(&d)));
	layout_make(&l, &d, style, prec, field->flags & BSP_FIELD_ALT);
	return put_number(out, field, negative, &d, &l);
}

static int __attribute__((__noinline__))
format_small(struct bpfstream_out *out, const struct bsp_field *field, bool negative, u64 bits,
	     int exp)
{
	u32 word[SMALL_WORDS];
	u64 limb[SMALL_LIMBS];

	return format_finite(out, field, negative, bits, exp, word, SMALL_BEFORE, limb);
}

static int __attribute__((__noinline__))
format_big(struct bpfstream_out *out, const struct bsp_field *field, bool negative, u64 bits,
	   int exp)
{
	struct bpfstream_page *page = bsp_page_alloc_for(out->cpu);
	struct big *big = (struct big *)(void *)page;
	int err;

	if (!page)
		return -ENOMEM;
	err = format_finite(out, field, negative, bits, exp, big->word, BIG_BEFORE, big->limb);
	bsp_page_free(page);
	return err;
}

/* Infinity, or not a number. */
static int format_special(struct bpfstream_out *out, const struct bsp_field *field, bool negative,
			  bool nan)
{
	static const char name[2][2][4] = { { "INF", "NAN" }, { "inf", "nan" } };
	struct bsp_body body = { .text = name[!!(field->conv & 0x20)][nan], .len = 3 };

	bsp_text_sign(&body, field, negative);
	return bsp_text_field(out, field, &body);
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
	u64 bits;
	bool negative;
	int exp;

	memcpy(&bits, &value, sizeof(bits));
	negative = bits >> 63;
	exp = (int)(bits >> MANTISSA_BITS & 0x7ff);
	bits &= ((u64)1 << MANTISSA_BITS) - 1;
	if (exp == 0x7ff)
		return format_special(out, field, negative, bits);
	if (exp) {
		bits |= (u64)1 << MANTISSA_BITS;
		exp += MIN_EXP - 1;
	} else {
		exp = bits ? MIN_EXP : 0;
	}
	if (exp >= SMALL_MIN_EXP && exp <= SMALL_MAX_EXP)
		return format_small(out, field, negative, bits, exp);
	return format_big(out, field, negative, bits, exp);
}
