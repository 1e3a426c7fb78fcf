// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * format.c - C's printf, written straight into the pages
 *
 * Invariants
 *   I1  Nothing is formatted twice and nothing is buffered but the digits of one number: where
 *       the room ends, at whatever byte, the text goes on in the next element.
 *   I2  Bytes past out->pos, up to out->end, are nobody's: the fast paths scribble there.
 *   I3  No run of padding is begun that would reach the limit: an absurd width costs nothing.
 *   I4  There is one va_list, the caller's: copying it costs more than a short message does. All
 *       take their arguments off it through a pointer, which is what C allows.
 */
#include "format.h"

#include <limits.h>

#include "fast.h"

#define STAR_WIDTH	0x100u
#define STAR_PREC	0x200u

static_assert(sizeof(long) == 8 && sizeof(long long) == 8 && sizeof(intmax_t) == 8 &&
	      sizeof(size_t) == 8 && sizeof(ptrdiff_t) == 8 && sizeof(void *) == 8,
	      "every argument wider than an int is a long");

const char bsp_digit_pairs[201] =
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899";

u32 bsp_chunk_starts;

/**
 * bsp_chunk_init() - find out whether chunks may be read
 *
 * Context: Process.
 */
void bsp_chunk_init(void)
{
	if (BSP_OVERREAD && !bsp_note_is_watched())
		bsp_store_relaxed(&bsp_chunk_starts, BSP_PAGE_SIZE - BSP_CHUNK + 1);
}

/**
 * bsp_text_pad() - append one byte many times
 * @out: writer's state
 * @ch: byte
 * @n: how many times
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC the limit would be reached, nothing was appended; -ENOMEM.
 */
int __attribute__((__noinline__)) bsp_text_pad(struct bpfstream_out *out, char ch, u64 n)
{
	if (n && bpfstream_out_bytes(out) + n >= out->limit)
		return -ENOSPC;
	while (n) {
		size_t room = (size_t)(out->end - out->pos);

		if (!room) {
			int err = bpfstream_out_more(out);

			if (err)
				return err;
			continue;
		}
		if (room > n)
			room = n;
		memset(out->pos, ch, room);
		out->pos += room;
		n -= room;
	}
	return 0;
}

/* Most parts of most fields are empty: those cost no call. */
static inline int pad(struct bpfstream_out *out, char ch, u64 n)
{
	return n ? bsp_text_pad(out, ch, n) : 0;
}

static inline int put(struct bpfstream_out *out, const char *text, u32 len)
{
	return len ? bpfstream_out_write(out, text, len) : 0;
}

/**
 * bsp_text_field() - append a text in its field
 * @out: writer's state
 * @field: width, and BSP_FIELD_LEFT
 * @body: the text
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC, -ENOMEM: a part may have been appended.
 */
int bsp_text_field(struct bpfstream_out *out, const struct bsp_field *field,
		   const struct bsp_body *body)
{
	u64 len = bsp_body_len(body);
	u64 spaces = (u64)field->width > len ? (u64)field->width - len : 0;
	bool left = field->flags & BSP_FIELD_LEFT;
	int err;

	err = pad(out, ' ', left ? 0 : spaces);
	if (!err)
		err = put(out, body->sign, body->sign_len);
	if (!err)
		err = pad(out, '0', body->zeros);
	if (!err)
		err = bpfstream_out_write(out, body->text, body->len);
	if (!err)
		err = pad(out, '0', body->more_zeros);
	if (!err)
		err = put(out, body->exp, body->exp_len);
	if (!err)
		err = pad(out, ' ', left ? spaces : 0);
	return err;
}

/* Digits of a number in base 1 << @shift, written so that they end before @end. */
static char *put_binary(char *end, u64 value, unsigned int shift, char ten)
{
	do {
		unsigned int digit = (unsigned int)value & ((1u << shift) - 1);

		*--end = (char)(digit < 10 ? '0' + digit : (unsigned int)ten + digit - 10);
		value >>= shift;
	} while (value);
	return end;
}

/**
 * bsp_text_sign() - add a sign to a text
 * @body: text
 * @field: flags that ask for one
 * @negative: it has one
 *
 * Context: Any context, NMI-safe.
 */
void bsp_text_sign(struct bsp_body *body, const struct bsp_field *field, bool negative)
{
	if (negative)
		body->sign[body->sign_len++] = '-';
	else if (field->flags & BSP_FIELD_PLUS)
		body->sign[body->sign_len++] = '+';
	else if (field->flags & BSP_FIELD_SPACE)
		body->sign[body->sign_len++] = ' ';
}

/* Zeros that precision, octal's # and flag 0 ask for. */
static u32 body_zeros(const struct bsp_body *body, const struct bsp_field *field)
{
	u32 zeros = 0;
	u32 len;

	if (field->prec > 0 && (u32)field->prec > body->len)
		zeros = (u32)field->prec - body->len;
	if (!zeros && field->conv == 'o' && (field->flags & BSP_FIELD_ALT) &&
	    (!body->len || body->text[0] != '0'))
		zeros = 1;
	len = body->sign_len + zeros + body->len;
	if ((field->flags & (BSP_FIELD_ZERO | BSP_FIELD_LEFT)) == BSP_FIELD_ZERO &&
	    field->prec < 0 && (u32)field->width > len)
		zeros += (u32)field->width - len;
	return zeros;
}

/**
 * bsp_text_integer() - make a number's text
 * @body: filled in
 * @field: flags, width, precision, and the conversion: one of d i u o x X p
 * @value: the number; for d and i a signed one
 * @digits: BSP_DIGITS_MAX bytes that @body will point into
 *
 * Context: Any context, NMI-safe.
 */
void bsp_text_integer(struct bsp_body *body, const struct bsp_field *field, u64 value,
		      char *digits)
{
	char *end = digits + BSP_DIGITS_MAX;
	char *first = end;
	char conv = field->conv;

	body->sign_len = 0;
	body->more_zeros = 0;
	body->exp_len = 0;
	if (conv == 'd' || conv == 'i' || conv == 'p') {
		bool negative = conv != 'p' && (s64)value < 0;

		bsp_text_sign(body, field, negative);
		if (negative)
			value = 0 - value;
	}
	if (conv == 'p' || ((field->flags & BSP_FIELD_ALT) && (conv | 0x20) == 'x' && value)) {
		body->sign[body->sign_len++] = '0';
		body->sign[body->sign_len++] = conv == 'X' ? 'X' : 'x';
	}
	if (value || field->prec) {
		if (conv == 'o') {
			first = put_binary(end, value, 3, 0);
		} else if (conv == 'p' || (conv | 0x20) == 'x') {
			first = put_binary(end, value, 4, conv == 'X' ? 'A' : 'a');
		} else {
			first = end - bsp_decimal_len(value);
			bsp_put_decimal(first, value, (u32)(end - first));
		}
	}
	body->text = first;
	body->len = (u32)(end - first);
	body->zeros = body_zeros(body, field);
}

static bool field_is_signed(const struct bsp_field *field)
{
	return field->conv == 'd' || field->conv == 'i';
}

/* An argument was promoted: back to the size that the format gives it. */
static u64 integer_value(const struct bsp_field *field, long arg)
{
	unsigned int drop = 64 - 8u * field->size;
	u64 bits = (u64)arg << drop;

	return field_is_signed(field) ? (u64)((s64)bits >> drop) : bits >> drop;
}

static int __attribute__((__noinline__))
format_integer(struct bpfstream_out *out, const struct bsp_field *field, long arg)
{
	char digits[BSP_DIGITS_MAX];
	struct bsp_body body;

	bsp_text_integer(&body, field, integer_value(field, arg), digits);
	return bsp_text_field(out, field, &body);
}

static int __attribute__((__noinline__))
format_char(struct bpfstream_out *out, const struct bsp_field *field, char ch)
{
	struct bsp_body body = { .text = &ch, .len = 1 };

	return bsp_text_field(out, field, &body);
}

/* A string up to its end, or to @max bytes, without a look at what comes after. */
static int __attribute__((__noinline__))
text_string(struct bpfstream_out *out, const char *str, size_t max)
{
	while (max && *str) {
		size_t room = (size_t)(out->end - out->pos);
		size_t len = strnlen(str, room < max ? room : max);

		if (!room) {
			int err = bpfstream_out_more(out);

			if (err)
				return err;
			continue;
		}
		memcpy(out->pos, str, len);
		out->pos += len;
		str += len;
		max -= len;
	}
	return 0;
}

static int __attribute__((__noinline__))
format_string(struct bpfstream_out *out, const struct bsp_field *field, const char *str)
{
	size_t max = field->prec < 0 ? SIZE_MAX : (size_t)field->prec;
	size_t width = (size_t)field->width;
	bool left = field->flags & BSP_FIELD_LEFT;
	size_t len;
	int err;

	if (!str)
		str = max >= 6 ? "(null)" : "";
	len = strnlen(str, width < max ? width : max);	/* all that the padding depends on */
	err = bsp_text_pad(out, ' ', left ? 0 : width - len);
	if (!err)
		err = text_string(out, str, max);
	if (!err)
		err = bsp_text_pad(out, ' ', left ? width - len : 0);
	return err;
}

static int format_pointer(struct bpfstream_out *out, struct bsp_field *field, const void *ptr)
{
	if (ptr)
		return format_integer(out, field, (long)ptr);
	field->prec = -1;
	return format_string(out, field, "(nil)");
}

/* A decimal number in a format. Returns what follows it, or NULL if it exceeds INT_MAX. */
static const char *parse_number(const char *fmt, int *number)
{
	int n = 0;

	for (; bsp_is_digit(*fmt); fmt++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *fmt - '0', &n))
			return NULL;
	}
	*number = n;
	return fmt;
}

static const char *parse_flags(const char *fmt, u32 *flags)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			*flags |= BSP_FIELD_LEFT;
			break;
		case '+':
			*flags |= BSP_FIELD_PLUS;
			break;
		case ' ':
			*flags |= BSP_FIELD_SPACE;
			break;
		case '#':
			*flags |= BSP_FIELD_ALT;
			break;
		case '0':
			*flags |= BSP_FIELD_ZERO;
			break;
		default:
			return fmt;
		}
	}
}

/* Width and precision; for a star they are the caller's to get. */
static const char *parse_extent(const char *fmt, struct bsp_field *field)
{
	field->width = 0;
	field->prec = -1;
	if (*fmt == '*') {
		field->flags |= STAR_WIDTH;
		fmt++;
	} else {
		fmt = parse_number(fmt, &field->width);
	}
	if (!fmt || *fmt != '.')
		return fmt;
	if (*++fmt == '*') {
		field->flags |= STAR_PREC;
		return fmt + 1;
	}
	return parse_number(fmt, &field->prec);
}

/* Length modifier, as the size of an integer; 0 if there is none. */
static const char *parse_size(const char *fmt, struct bsp_field *field)
{
	char mod = *fmt;

	field->size = 0;
	if (mod == 'h' || mod == 'l') {
		bool twice = fmt[1] == mod;

		field->size = mod == 'l' ? 8 : twice ? 1 : 2;
		return fmt + 1 + twice;
	}
	if (mod == 'j' || mod == 'z' || mod == 't') {
		field->size = 8;
		return fmt + 1;
	}
	return fmt;
}

/*
 * Parse a conversion, from the byte after its '%'. Returns what follows it, or NULL if we do
 * not know it. A modifier before anything but an integer is not C, but "lf" is.
 */
static const char * __attribute__((__noinline__))
parse_field(const char *fmt, struct bsp_field *field)
{
	const char *mod;

	field->flags = 0;
	fmt = parse_extent(parse_flags(fmt, &field->flags), field);
	if (!fmt)
		return NULL;
	mod = fmt;
	fmt = parse_size(fmt, field);
	field->conv = *fmt;
	switch (*fmt) {
	case 'd':
	case 'i':
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		if (!field->size)
			field->size = sizeof(int);
		return fmt + 1;
	case 'f':
	case 'F':
	case 'e':
	case 'E':
	case 'g':
	case 'G':
		return !field->size || (mod[0] == 'l' && fmt == mod + 1) ? fmt + 1 : NULL;
	case 'p':
	case 'c':
	case 's':
	case '%':
		if (field->size)
			return NULL;
		field->size = 8;
		return fmt + 1;
	default:
		return NULL;
	}
}

static bool set_width(struct bsp_field *field, int width)
{
	if (width < 0) {
		if (width == INT_MIN)
			return false;
		field->flags |= BSP_FIELD_LEFT;
		width = -width;
	}
	field->width = width;
	return true;
}

/*
 * Literal text where a chunk does not do: less room than that, or the last bytes of a page of
 * the format. *@fmt is what is left to do; at most a chunk was done.
 */
static int __attribute__((__noinline__))
text_literal(struct bpfstream_out *out, const char **fmt)
{
	const char *from = *fmt;
	unsigned int n;

	for (n = 0; n < BSP_CHUNK && from[n] && from[n] != '%'; n++) {
		if (out->pos == out->end) {
			int err = bpfstream_out_more(out);

			if (err)
				return err;
		}
		*out->pos++ = from[n];
	}
	*fmt = from + n;
	return 0;
}

/* Any conversion, in any room. @fmt is past the '%', and *@fmtp then past the conversion. */
static int __attribute__((__noinline__))
format_any(struct bpfstream_out *out, const char *fmt, const char **fmtp, va_list *ap)
{
	struct bsp_field field;

	fmt = parse_field(fmt, &field);
	if (!fmt)
		return -EINVAL;
	*fmtp = fmt;
	if ((field.flags & STAR_WIDTH) && !set_width(&field, va_arg(*ap, int)))
		return -EINVAL;
	if (field.flags & STAR_PREC)
		field.prec = va_arg(*ap, int);
	switch (field.conv) {
	case '%':
		return bpfstream_out_write(out, "%", 1);
	case 'c':
		return format_char(out, &field, (char)va_arg(*ap, int));
	case 's':
		return format_string(out, &field, va_arg(*ap, const char *));
	case 'p':
		return format_pointer(out, &field, va_arg(*ap, const void *));
	case 'd':
	case 'i':
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		return format_integer(out, &field, field.size == sizeof(long) ?
				      va_arg(*ap, long) : va_arg(*ap, int));
	default:
		return bsp_format_double(out, &field, va_arg(*ap, double));
	}
}

/**
 * bsp_vformat_rest() - append what bsp_format_fast() has left
 * @out: writer's state
 * @fmt: what is left of the format, behind @str
 * @str: what is left of a string argument, or NULL
 * @ap: the arguments left
 *
 * Context: Any context, NMI-safe.
 * Return: as bsp_vformat().
 */
int bsp_vformat_rest(struct bpfstream_out *out, const char *fmt, const char *str, va_list *ap)
{
	int err;

	for (;;) {
		struct bsp_run run;

		if (str)
			err = text_string(out, str, SIZE_MAX);
		else if (!*fmt)
			return 0;
		else if (*fmt == '%')
			err = format_any(out, fmt + 1, &fmt, ap);
		else
			err = text_literal(out, &fmt);
		if (err)
			return err;
		run = bsp_format_fast(out->pos, out->end, fmt, ap);
		out->pos = run.pos;
		fmt = run.fmt;
		str = run.str;
	}
}

/**
 * bsp_vformat() - append formatted text
 * @out: writer's state
 * @fmt: C format; see bpfstream_printf()
 * @ap: its arguments
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -EINVAL @fmt is not a format we know; -ENOSPC, -ENOMEM. On error a part may have
 *	been appended.
 */
int bsp_vformat(struct bpfstream_out *out, const char *fmt, va_list ap)
{
	va_list *args = bsp_pointer_to(ap);
	struct bsp_run run = bsp_format_fast(out->pos, out->end, fmt, args);

	out->pos = run.pos;
	return bsp_vformat_rest(out, run.fmt, run.str, args);
}
