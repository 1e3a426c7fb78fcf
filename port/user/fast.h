/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fast.h - the bare conversions of printf, as long as there is plenty of room
 *
 * Inline, so that a writer whose message needs nothing else has all in registers and in one frame.
 * format.c does the rest.
 */
#ifndef BSP_FAST_H
#define BSP_FAST_H

#include "chunk.h"
#include "format.h"
#include "text.h"

/*
 * Room for one round of the fast loop: a chunk, of which all but a byte may be text, then a
 * sign and BSP_DIGITS_MAX.
 */
#define BSP_FAST_ROOM	48

static_assert(BSP_CHUNK + 1 + BSP_DIGITS_MAX <= BSP_FAST_ROOM, "one round of the fast loop fits");

static inline u32 bsp_hex_len(u64 value)
{
	return (67 - (u32)__builtin_clzll(value | 1)) / 4;
}

/* Eight hex digits, the first in the lowest byte. */
static inline u64 bsp_hex_digits(u32 value)
{
	u64 x = value;
	u64 letters;

	x = (x | x << 16) & 0x0000ffff0000ffffu;
	x = (x | x << 8) & 0x00ff00ff00ff00ffu;
	x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
	letters = (x + 0x0606060606060606u) >> 4 & 0x0101010101010101u;
	return __builtin_bswap64(x + 0x3030303030303030u + letters * ('a' - '0' - 10));
}

static inline char *bsp_fast_hex(char *pos, u64 value)
{
	u32 len = bsp_hex_len(value);
	u64 digits;

	value <<= 64 - 4 * len;
	digits = bsp_hex_digits((u32)(value >> 32));
	memcpy(pos, &digits, sizeof(digits));
	if (len > 8) {
		digits = bsp_hex_digits((u32)value);
		memcpy(pos + 8, &digits, sizeof(digits));
	}
	return pos + len;
}

static inline char *bsp_fast_unsigned(char *pos, u64 value)
{
	u32 len = bsp_decimal_len(value);

	bsp_put_decimal(pos, value, len);
	return pos + len;
}

static inline char *bsp_fast_unsigned32(char *pos, u32 value)
{
	u32 len = bsp_decimal_len32(value);

	bsp_put_decimal32(pos, value, len);
	return pos + len;
}

static inline char *bsp_fast_int(char *pos, int value)
{
	*pos = '-';
	pos += value < 0;
	return bsp_fast_unsigned32(pos, value < 0 ? 0 - (u32)value : (u32)value);
}

static inline char *bsp_fast_signed(char *pos, long value)
{
	*pos = '-';
	pos += value < 0;
	return bsp_fast_unsigned(pos, value < 0 ? 0 - (u64)value : (u64)value);
}

/* As much of a string as goes by chunks. *@str is what is left, NULL for nothing. */
static inline char *bsp_fast_string(char *pos, const char *end, const char **str)
{
	const char *from = *str ? *str : "(null)";

	while (end - pos >= (ptrdiff_t)BSP_CHUNK && bsp_chunk_readable(from)) {
		bsp_chunk_hit_t hit = bsp_chunk_copy(pos, from, 0);

		if (hit) {
			*str = NULL;
			return pos + bsp_chunk_index(hit);
		}
		pos += BSP_CHUNK;
		from += BSP_CHUNK;
	}
	*str = from;
	return pos;
}

/*
 * Literal text, as long as there is room. Returns true before a '%', with room for what a bare
 * conversion makes but for a string; false at the format's end, or where the room is.
 */
static BSP_INLINE bool bsp_fast_literal(struct bsp_run *run, const char *end)
{
	while (end - run->pos >= BSP_FAST_ROOM && bsp_chunk_readable(run->fmt)) {
		bsp_chunk_hit_t hit = bsp_chunk_copy(run->pos, run->fmt, '%');
		unsigned int n;

		if (!hit) {
			run->pos += BSP_CHUNK;
			run->fmt += BSP_CHUNK;
			continue;
		}
		n = bsp_chunk_index(hit);
		run->pos += n;
		run->fmt += n;
		return *run->fmt;
	}
	return false;
}

/* Integers that are longs. @conv is what follows the modifier. */
static BSP_INLINE bool bsp_fast_long(struct bsp_run *run, const char *conv, va_list *ap)
{
	switch (*conv) {
	case 'd':
		run->pos = bsp_fast_signed(run->pos, va_arg(*ap, long));
		break;
	case 'u':
		run->pos = bsp_fast_unsigned(run->pos, va_arg(*ap, unsigned long));
		break;
	case 'x':
		run->pos = bsp_fast_hex(run->pos, va_arg(*ap, unsigned long));
		break;
	default:
		return false;
	}
	run->fmt = conv + 1;
	return true;
}

/**
 * bsp_fast_rest() - the common conversions and the text between, as long as there is room
 * @run: at a '%', where bsp_fast_literal() has come to
 * @end: end of the room
 * @ap: arguments
 *
 * What is left then may be anything where room is short, else it is no bare conversion.
 *
 * Context: Any context, NMI-safe.
 */
static BSP_INLINE void bsp_fast_rest(struct bsp_run *run, const char *end, va_list *ap)
{
	do {
		const char *fmt = run->fmt + 1;

		switch (*fmt) {
		case 'd':
		case 'i':
			run->pos = bsp_fast_int(run->pos, va_arg(*ap, int));
			break;
		case 'u':
			run->pos = bsp_fast_unsigned32(run->pos, va_arg(*ap, unsigned int));
			break;
		case 'x':
			run->pos = bsp_fast_hex(run->pos, va_arg(*ap, unsigned int));
			break;
		case 'c':
			*run->pos++ = (char)va_arg(*ap, int);
			break;
		case '%':
			*run->pos++ = '%';
			break;
		case 's':
			run->str = va_arg(*ap, const char *);
			run->pos = bsp_fast_string(run->pos, end, &run->str);
			run->fmt = fmt + 1;
			if (run->str)
				return;
			continue;
		case 'z':
			if (!bsp_fast_long(run, fmt + 1, ap))
				return;
			continue;
		case 'l':
			if (!bsp_fast_long(run, fmt + 1 + (fmt[1] == 'l'), ap))
				return;
			continue;
		default:
			return;
		}
		run->fmt = fmt + 1;
	} while (bsp_fast_literal(run, end));
}

/**
 * bsp_format_fast() - text and common conversions, as long as there is room
 * @pos: where the text goes
 * @end: end of the room
 * @fmt: C format
 * @ap: its arguments
 *
 * Context: Any context, NMI-safe.
 * Return: how far it came; see bsp_fast_rest().
 */
static BSP_INLINE struct bsp_run
bsp_format_fast(char *pos, const char *end, const char *fmt, va_list *ap)
{
	struct bsp_run run = { pos, fmt, NULL };

	if (bsp_fast_literal(&run, end))
		bsp_fast_rest(&run, end, ap);
	return run;
}

#endif
