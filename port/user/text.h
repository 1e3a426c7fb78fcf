/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * text.h - what the formatters are made of: digits, padding, fields
 */
#ifndef BSP_TEXT_H
#define BSP_TEXT_H

#include "page.h"

#define BSP_FIELD_LEFT	0x01u
#define BSP_FIELD_PLUS	0x02u
#define BSP_FIELD_SPACE	0x04u
#define BSP_FIELD_ALT	0x08u
#define BSP_FIELD_ZERO	0x10u

#define BSP_DIGITS_MAX	24u	/* room that a 64-bit number's digits need in any base */

/*
 * A conversion as it stands in a format.
 * @width: bytes at least
 * @prec: precision, negative for none
 * @conv: conversion character
 * @size: bytes of an integer argument: 1, 2, 4 or 8; 0 where none was given
 */
struct bsp_field {
	u32 flags;
	int width;
	int prec;
	char conv;
	unsigned char size;
};

/*
 * The text of a field: sign, zeros, text, zeros, exponent.
 * @sign: what comes before all zeros: a sign, 0x, or both
 * @more_zeros: those behind the text
 */
struct bsp_body {
	const char *text;
	u32 len;
	u32 zeros;
	u32 more_zeros;
	unsigned char sign_len;
	unsigned char exp_len;
	char sign[3];
	char exp[5];
};

extern const char bsp_digit_pairs[201] __attribute__((__visibility__("hidden")));

BSP_MUST_CHECK int bsp_text_pad(struct bpfstream_out *out, char ch, u64 n);
BSP_MUST_CHECK int bsp_text_field(struct bpfstream_out *out, const struct bsp_field *field,
				  const struct bsp_body *body);
void bsp_text_sign(struct bsp_body *body, const struct bsp_field *field, bool negative);
void bsp_text_integer(struct bsp_body *body, const struct bsp_field *field, u64 value,
		      char *digits);

BSP_MUST_CHECK int bsp_format_double(struct bpfstream_out *out, const struct bsp_field *field,
				     double value);

/* Bytes of a body without its field. */
static inline u64 bsp_body_len(const struct bsp_body *body)
{
	return (u64)body->sign_len + body->zeros + body->len + body->more_zeros + body->exp_len;
}

static inline bool bsp_is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

/* Decimal digits of @value, 1 to 20. */
static inline u32 bsp_decimal_len(u64 value)
{
	static const u64 power[20] = {
		0u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u,
		1000000000u, 10000000000u, 100000000000u, 1000000000000u, 10000000000000u,
		100000000000000u, 1000000000000000u, 10000000000000000u, 100000000000000000u,
		1000000000000000000u, 10000000000000000000u
	};
	u32 bits = 64 - (u32)__builtin_clzll(value | 1);
	u32 len = bits * 1233 >> 12;	/* bits * log10(2): right, or one too few */

	return len + (value >= power[len]);
}

/*
 * The same for 32 bits, without a multiplication: Willets' table, one entry a length in
 * bits, of which the upper half is the digits of its largest value and the lower half carries into
 * it from the next power of ten on.
 */
#define BSP_DIGITS(nr, power)	(((u64)(nr) << 32) - (power))
static inline u32 bsp_decimal_len32(u32 value)
{
	static const u64 carry[32] = {
		BSP_DIGITS(1, 0), BSP_DIGITS(2, 10), BSP_DIGITS(2, 10), BSP_DIGITS(2, 10),
		BSP_DIGITS(3, 100), BSP_DIGITS(3, 100), BSP_DIGITS(3, 100),
		BSP_DIGITS(4, 1000), BSP_DIGITS(4, 1000), BSP_DIGITS(4, 1000),
		BSP_DIGITS(5, 10000), BSP_DIGITS(5, 10000), BSP_DIGITS(5, 10000),
		BSP_DIGITS(5, 10000), BSP_DIGITS(6, 100000), BSP_DIGITS(6, 100000),
		BSP_DIGITS(6, 100000), BSP_DIGITS(7, 1000000), BSP_DIGITS(7, 1000000),
		BSP_DIGITS(7, 1000000), BSP_DIGITS(8, 10000000), BSP_DIGITS(8, 10000000),
		BSP_DIGITS(8, 10000000), BSP_DIGITS(8, 10000000), BSP_DIGITS(9, 100000000),
		BSP_DIGITS(9, 100000000), BSP_DIGITS(9, 100000000), BSP_DIGITS(10, 1000000000),
		BSP_DIGITS(10, 1000000000), BSP_DIGITS(10, 1000000000), BSP_DIGITS(10, 0),
		BSP_DIGITS(10, 0)
	};

	return (u32)((value + carry[31 - __builtin_clz(value | 1)]) >> 32);
}

/* Write the @len digits of @value. */
static inline void bsp_put_decimal32(char *to, u32 value, u32 len)
{
	char *end = to + len;

	while (value >= 100) {
		end -= 2;
		memcpy(end, &bsp_digit_pairs[value % 100 * 2], 2);
		value /= 100;
	}
	if (value >= 10)
		memcpy(end - 2, &bsp_digit_pairs[value * 2], 2);
	else
		end[-1] = (char)('0' + value);
}

/* Write the @len digits of @value. */
static inline void bsp_put_decimal(char *to, u64 value, u32 len)
{
	while (value > 0xffffffffu) {
		len -= 2;
		memcpy(to + len, &bsp_digit_pairs[value % 100 * 2], 2);
		value /= 100;
	}
	bsp_put_decimal32(to, (u32)value, len);
}

#endif
