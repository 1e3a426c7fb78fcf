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

/**
 * bsp_format_fast() - the common conversions, as long as there is room
 * @pos: where the text goes
 * @end: end of the room
 * @fmt: C format
 * @ap: its arguments
 *
 * Context: Any context, NMI-safe.
 * Return: how far it came. What is left may be anything where room is short, else it is no bare
 *	conversion.
 */
static BSP_INLINE struct bsp_run
bsp_format_fast(char *pos, const char *end, const char *fmt, va_list *ap)
{
	const char *str = NULL;

	while (end - pos >= BSP_FAST_ROOM && bsp_chunk_readable(fmt)) {
		bsp_chunk_hit_t hit = bsp_chunk_copy(pos, fmt, '%');
		unsigned int n;
		bool twice;

		if (!hit) {
			pos += BSP_CHUNK;
			fmt += BSP_CHUNK;
			continue;
		}
		n = bsp_chunk_index(hit);
		pos += n;
		fmt += n;
		if (!*fmt)
			break;
		switch (fmt[1]) {
		case 'd':
			pos = bsp_fast_signed(pos, va_arg(*ap, int));
			fmt += 2;
			continue;
		case 'u':
			pos = bsp_fast_unsigned(pos, va_arg(*ap, unsigned int));
			fmt += 2;
			continue;
		case 'x':
			pos = bsp_fast_hex(pos, va_arg(*ap, unsigned int));
			fmt += 2;
			continue;
		case 'c':
			*pos++ = (char)va_arg(*ap, int);
			fmt += 2;
			continue;
		case 's':
			str = va_arg(*ap, const char *);
			pos = bsp_fast_string(pos, end, &str);
			fmt += 2;
			if (!str)
				continue;
			break;
		case 'l':
			twice = fmt[2] == 'l';
			switch (fmt[2 + twice]) {
			case 'd':
				pos = bsp_fast_signed(pos, va_arg(*ap, long));
				fmt += 3 + twice;
				continue;
			case 'u':
				pos = bsp_fast_unsigned(pos, va_arg(*ap, unsigned long));
				fmt += 3 + twice;
				continue;
			case 'x':
				pos = bsp_fast_hex(pos, va_arg(*ap, unsigned long));
				fmt += 3 + twice;
				continue;
			}
		}
		break;
	}
	return (struct bsp_run){ pos, fmt, str };
}

#endif
