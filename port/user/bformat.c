// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bformat.c - BPF's printf: the kernel's grammar, limits and errors
 *
 * The kernel first packs all arguments into an area of 512 bytes, which checks the format, and
 * then prints from there into 1024 bytes. Here both happen in one pass, so:
 *
 * Invariants
 *   I1  A format error or a full area is returned however much was printed before: the message
 *       is dropped. What printing runs into (@err) only counts when the format was good.
 *   I2  Of the area only the arithmetic is kept (@packed); no byte is stored twice.
 *   I3  Strings are read with bsp_peek() alone, and a byte that the kernel would not look at is
 *       not read.
 *   I4  Nothing is printed that would make the message MESSAGE_MAX bytes or longer.
 */
#include "format.h"

#include <limits.h>

#include "peek.h"
#include "text.h"

#define ARGS_MAX	96u	/* bytes of arguments */
#define AREA_SIZE	512u
#define MESSAGE_MAX	1024u
#define PEEK_CHUNK	64u

/*
 * @packed: bytes used of the area
 * @len: bytes of message
 * @err: why nothing is printed any more
 */
struct printer {
	struct bpfstream_out *out;
	const u64 *args;
	u32 nr_args;
	u32 used_args;
	u32 packed;
	u32 len;
	int err;
};

/* The kernel's classes of characters are Latin-1's, in part. */
static bool is_latin_punct(unsigned char ch)
{
	return (ch >= 0xa1 && ch <= 0xbf) || ch == 0xd7 || ch == 0xf7;
}

static bool is_space(unsigned char ch)
{
	return ch == ' ' || (ch >= '\t' && ch <= '\r') || ch == 0xa0;
}

static bool is_alnum(unsigned char ch)
{
	return bsp_is_digit((char)ch) || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') ||
	       (ch >= 0xc0 && !is_latin_punct(ch));
}

static bool is_punct(unsigned char ch)
{
	return (ch > ' ' && ch < 0x7f && !is_alnum(ch)) || is_latin_punct(ch);
}

/* May stand right after a conversion that has a name of several letters. */
static bool is_end(char ch)
{
	return !ch || is_space((unsigned char)ch) || is_punct((unsigned char)ch);
}

static bool is_literal(unsigned char ch)
{
	return (ch >= ' ' && ch < 0x7f && ch != '%') || is_space(ch) || ch >= 0x80;
}

/* Take room in the area. False if there is not enough. */
static bool pack(struct printer *p, u32 bytes)
{
	if (AREA_SIZE - p->packed < bytes)
		return false;
	p->packed += bytes;
	return true;
}

static bool pack_number(struct printer *p, u32 size)
{
	p->packed = (p->packed + 3) & ~3u;
	return pack(p, size);
}

/* What ignores its flags and width prints with this. */
static const struct bsp_field no_field = { .prec = -1 };

/* Charge @len bytes to the message. False if nothing is to be printed. */
static bool may_print(struct printer *p, u64 len)
{
	if (p->err)
		return false;
	if (len >= MESSAGE_MAX - p->len) {
		p->err = -E2BIG;
		return false;
	}
	p->len += (u32)len;
	return true;
}

/* Inline: a frame less in the writer that needs most. */
static inline __attribute__((__always_inline__)) void
print_body(struct printer *p, const struct bsp_field *field, const struct bsp_body *body)
{
	u64 len = bsp_body_len(body);

	if (may_print(p, len > (u64)field->width ? len : (u64)field->width))
		p->err = bsp_text_field(p->out, field, body);
}

static void print_text(struct printer *p, const struct bsp_field *field, const char *text, u32 len)
{
	struct bsp_body body = { .text = text, .len = len };

	print_body(p, field, &body);
}

static void print_number(struct printer *p, const struct bsp_field *field, u64 value)
{
	char digits[BSP_DIGITS_MAX];
	struct bsp_body body;

	bsp_text_integer(&body, field, value, digits);
	print_body(p, field, &body);
}

/* What the kernel packs as text. */
static int print_packed(struct printer *p, const char *text, u32 len)
{
	if (!pack(p, len + 1))
		return -ENOSPC;
	print_text(p, &no_field, text, len);
	return 0;
}

/* Bytes of a string at @from that one peek asks for: none beyond the page, or @max. */
static u32 peek_size(uintptr_t from, u32 max)
{
	u32 in_page = BSP_PAGE_SIZE - (u32)(from & (BSP_PAGE_SIZE - 1));
	u32 size = in_page < PEEK_CHUNK ? in_page : PEEK_CHUNK;

	return size < max ? size : max;
}

/*
 * Length of the string at @from, if it ends within @max bytes; else, if those can be read,
 * @max - 1; else 0. The string's last chunk is left in @chunk.
 */
static u32 string_len(char *chunk, uintptr_t from, u32 max)
{
	u32 len = 0;

	while (len < max) {
		u32 size = peek_size(from + len, max - len);
		u32 got = (u32)bsp_peek(chunk, (const void *)(from + len), size);
		u32 n = (u32)strnlen(chunk, got);

		len += n;
		if (n < got)
			return len;
		if (got < size)
			return 0;
	}
	return max - 1;
}

/* Print a string again as it was measured; should it have become shorter, it is. */
static int copy_string(struct bpfstream_out *out, char *chunk, uintptr_t from, u32 len)
{
	while (len) {
		u32 size = peek_size(from, len);
		u32 n = (u32)strnlen(chunk, bsp_peek(chunk, (const void *)from, size));
		int err = bpfstream_out_write(out, chunk, n);

		if (err || n < size)
			return err;
		from += n;
		len -= n;
	}
	return 0;
}

static int print_string(struct printer *p, const struct bsp_field *field, u64 arg)
{
	uintptr_t from = (uintptr_t)arg;	/* a pointer's arithmetic is for what is there */
	u32 width = (u32)field->width;
	char chunk[PEEK_CHUNK];
	u32 len, spaces;
	bool left = field->flags & BSP_FIELD_LEFT;

	if (p->packed == AREA_SIZE)
		return -ENOSPC;
	len = string_len(chunk, from, AREA_SIZE - p->packed);
	p->packed += len + 1;
	spaces = width > len ? width - len : 0;
	if (!may_print(p, len + spaces))
		return 0;
	p->err = bsp_text_pad(p->out, ' ', left ? 0 : spaces);
	if (!p->err && len < peek_size(from, PEEK_CHUNK))
		p->err = bpfstream_out_write(p->out, chunk, len);
	else if (!p->err)
		p->err = copy_string(p->out, chunk, from, len);
	if (!p->err)
		p->err = bsp_text_pad(p->out, ' ', left ? spaces : 0);
	return 0;
}

/* A pointer as a number. A width of its own takes its zeros away. */
static int print_pointer(struct printer *p, struct bsp_field *field, u64 arg)
{
	if (!pack_number(p, sizeof(u64)))
		return -ENOSPC;
	field->conv = 'x';
	if (!field->width) {
		field->width = 2 * sizeof(u64);
		field->flags |= BSP_FIELD_ZERO;
	}
	print_number(p, field, arg);
	return 0;
}

/* A symbol: no address has one. */
static void address_text(struct bsp_body *body, u64 arg, char *digits)
{
	static const struct bsp_field plain = { .prec = -1, .conv = 'p' };

	bsp_text_integer(body, &plain, arg, digits);
}

static int print_symbol(struct printer *p, const struct bsp_field *field, u64 arg)
{
	char digits[BSP_DIGITS_MAX];
	struct bsp_body body;

	if (!pack_number(p, sizeof(u64)))
		return -ENOSPC;
	address_text(&body, arg, digits);
	print_body(p, field, &body);
	return 0;
}

static int print_backtrace(struct printer *p, u64 arg)
{
	char digits[BSP_DIGITS_MAX];
	struct bsp_body body;

	address_text(&body, arg, digits);
	if (!pack(p, (u32)bsp_body_len(&body) + 1))
		return -ENOSPC;
	print_body(p, &no_field, &body);
	return 0;
}

/* Dotted numbers, each of three digits if @full. Returns the length. */
static u32 ip4_text(char *text, const unsigned char *ip, bool full)
{
	char *pos = text;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		u32 len = full ? 3 : bsp_decimal_len(ip[i]);

		if (i)
			*pos++ = '.';
		memset(pos, '0', len);
		bsp_put_decimal(pos, ip[i], len);
		pos += len;
	}
	return (u32)(pos - text);
}

/* Hex digits, with a colon after each four if @colons. Returns the length. */
static u32 ip6_text(char *text, const unsigned char *ip, bool colons)
{
	static const char digit[] = "0123456789abcdef";
	char *pos = text;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (colons && i && i % 2 == 0)
			*pos++ = ':';
		*pos++ = digit[ip[i] >> 4];
		*pos++ = digit[ip[i] & 15];
	}
	return (u32)(pos - text);
}

static int print_ip(struct printer *p, char letter, char version, u64 arg)
{
	u32 size = version == '4' ? 4 : 16;
	bool fancy = letter == 'I';
	unsigned char ip[16];
	char text[40];
	u32 len;

	if (bsp_peek(ip, (const void *)(uintptr_t)arg, size) < size)
		memset(ip, 0, size);
	len = version == '4' ? ip4_text(text, ip, !fancy) : ip6_text(text, ip, fancy);
	return print_packed(p, text, len);
}

static bool is_ip(const char *fmt)
{
	return (fmt[0] == 'i' || fmt[0] == 'I') && (fmt[1] == '4' || fmt[1] == '6');
}

/* A conversion that begins with p; @fmt is what follows. */
static int format_pointer(struct printer *p, const char *fmt, struct bsp_field *field, u64 arg)
{
	if (is_end(*fmt) || *fmt == 'K' || *fmt == 'x')
		return print_pointer(p, field, arg);
	if (*fmt == 's' || *fmt == 'S')
		return print_symbol(p, field, arg);
	if (*fmt == 'B')
		return print_backtrace(p, arg);
	if ((*fmt == 'k' || *fmt == 'u') && fmt[1] == 's')
		return is_end(fmt[2]) ? print_string(p, &no_field, arg) : -EINVAL;
	if (is_ip(fmt))
		return print_ip(p, fmt[0], fmt[1], arg);
	return -EINVAL;
}

/* An integer; *@fmt is its modifiers, and then what follows it. */
static int format_integer(struct printer *p, const char **fmt, struct bsp_field *field, u64 arg)
{
	u32 size = sizeof(int);
	const char *at = *fmt;

	if (*at == 'l') {
		size = sizeof(long);
		at += at[1] == 'l' ? 2 : 1;
	}
	field->conv = *at;
	*fmt = at + 1;
	switch (field->conv) {
	case 'd':
	case 'i':
		arg = size == sizeof(int) ? (u64)(s64)(int)arg : arg;
		break;
	case 'u':
	case 'x':
	case 'X':
		arg = size == sizeof(int) ? (u32)arg : arg;
		break;
	default:
		return -EINVAL;
	}
	if (!pack_number(p, size))
		return -ENOSPC;
	print_number(p, field, arg);
	return 0;
}

/* Flags and width. Returns what follows. */
static const char *parse_field(const char *fmt, struct bsp_field *field)
{
	field->flags = 0;
	field->prec = -1;
	field->width = 0;
	for (;; fmt++) {
		if (*fmt == '-')
			field->flags |= BSP_FIELD_LEFT;
		else if (*fmt == '+')
			field->flags |= BSP_FIELD_PLUS;
		else if (*fmt == ' ')
			field->flags |= BSP_FIELD_SPACE;
		else if (*fmt == '0')
			field->flags |= BSP_FIELD_ZERO;
		else
			break;
	}
	for (; bsp_is_digit(*fmt); fmt++) {
		if (field->width < (int)MESSAGE_MAX)	/* more is all the same */
			field->width = field->width * 10 + *fmt - '0';
	}
	return fmt;
}

/* A conversion; *@fmt is what follows its '%', and then what follows it. */
static int format_one(struct printer *p, const char **fmt)
{
	struct bsp_field field;
	char byte;
	u64 arg;
	int err;

	if (p->used_args == p->nr_args)
		return -EINVAL;
	arg = p->args[p->used_args++];
	*fmt = parse_field(*fmt, &field);
	switch (**fmt) {
	case 'c':
		byte = (char)arg;
		if (!pack(p, 1))
			return -ENOSPC;
		print_text(p, &field, &byte, 1);
		++*fmt;
		return 0;
	case 's':
		++*fmt;
		return is_end(**fmt) ? print_string(p, &field, arg) : -EINVAL;
	case 'p':
		++*fmt;
		err = format_pointer(p, *fmt, &field, arg);
		while (is_alnum((unsigned char)**fmt))	/* a suffix, or what looks like one */
			++*fmt;
		return err;
	default:
		return format_integer(p, fmt, &field, arg);
	}
}

/* Literal text; *@fmt is then what follows. */
static int format_literal(struct printer *p, const char **fmt)
{
	u32 len = 0;

	while (len < MESSAGE_MAX && is_literal((unsigned char)(*fmt)[len]))
		len++;
	if (!len)
		return -EINVAL;
	print_text(p, &no_field, *fmt, len);
	*fmt += len;
	return 0;
}

/**
 * bsp_bformat() - append text formatted as the kernel's bpf_stream_vprintk() does
 * @out: writer's state
 * @fmt: format
 * @args: arguments, one word each; pointers as numbers
 * @args_sz: bytes in @args
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -EINVAL format or arguments are wrong; -ENOSPC the arguments' texts do not fit the
 *	kernel's area, or the limit was reached; -E2BIG the message is too long; -ENOMEM. On
 *	error a part may have been appended.
 */
int bsp_bformat(struct bpfstream_out *out, const char *fmt, const u64 *args, u32 args_sz)
{
	struct printer p = { .out = out, .args = args, .nr_args = args_sz / sizeof(u64) };
	int err = 0;

	if (!fmt || args_sz % sizeof(u64) || args_sz > ARGS_MAX || (args_sz && !args))
		return -EINVAL;
	while (!err && *fmt) {	/* an error may have come past the end */
		if (*fmt != '%') {
			err = format_literal(&p, &fmt);
		} else if (fmt[1] == '%') {
			print_text(&p, &no_field, "%", 1);
			fmt += 2;
		} else {
			fmt++;
			err = format_one(&p, &fmt);
		}
	}
	return err ? err : p.err;
}
