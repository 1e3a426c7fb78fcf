// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bref.c - what bpfstream_bprintf() has to make of a call, from the kernel's rules
 */
#include "bref.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brink.h"

#define MAX_ARGS	12u
#define AREA		512u
#define MAX_SPECS	MAX_ARGS
#define USER_END	((uint64_t)1 << 47)	/* no address from here on is mapped */
#define FIRST_PAGE	65536u			/* nor any below this one */

enum what { NUMBER, CHAR, STRING, POINTER, SYMBOL, TRACE, IP };

/*
 * A conversion that was checked and packed.
 * @fmt: what follows its %
 * @width: digits as they stand in the format
 * @size: bytes of an integer
 * @text: what was packed as text
 */
struct spec {
	enum what what;
	char flags[5];
	unsigned long width;
	unsigned int size;
	char conv;
	uint64_t arg;
	char text[AREA];
};

struct pass {
	struct bref *ref;
	const uint64_t *args;
	unsigned int nr_args;
	size_t packed;
	struct spec spec[MAX_SPECS];
	unsigned int nr;
};

/* ---- the kernel's ctype.h: ASCII, and the upper half of Latin-1 ---- */

static bool in(unsigned char ch, unsigned char first, unsigned char last)
{
	return ch >= first && ch <= last;
}

static bool k_isspace(unsigned char ch)
{
	return in(ch, 9, 13) || ch == 32 || ch == 160;
}

static bool k_isalpha(unsigned char ch)
{
	return in(ch, 'a', 'z') || in(ch, 'A', 'Z') || (ch >= 192 && ch != 215 && ch != 247);
}

static bool k_isdigit(unsigned char ch)
{
	return in(ch, '0', '9');
}

static bool k_ispunct(unsigned char ch)
{
	return (in(ch, 33, 126) && !k_isalpha(ch) && !k_isdigit(ch)) || in(ch, 161, 191) ||
	       ch == 215 || ch == 247;
}

/* Printable ASCII, white space, and all that is not ASCII. */
static bool is_allowed(unsigned char ch)
{
	return in(ch, 32, 126) || in(ch, 9, 13) || ch >= 128;
}

static bool ends_name(char ch)
{
	return !ch || k_isspace((unsigned char)ch) || k_ispunct((unsigned char)ch);
}

/* ---- memory ---- */

/* Bytes that can be read at @addr. Of addresses that are not ours only some are known. */
static size_t readable(struct pass *p, uint64_t addr)
{
	size_t n = brink_readable(addr);

	if (!n && addr >= FIRST_PAGE && addr < USER_END)
		p->ref->unsure = true;
	return n;
}

/* ---- packing: an area of 512 bytes, filled in order ---- */

static int pack(struct pass *p, size_t align, size_t size)
{
	p->packed = (p->packed + align - 1) / align * align;
	if (AREA < p->packed + size)
		return -ENOSPC;
	p->packed += size;
	return 0;
}

/* A string: what fits of it, with a zero byte. One that cannot be read up to there is empty. */
static int pack_string(struct pass *p, struct spec *s)
{
	const char *from = (const char *)(uintptr_t)s->arg;
	size_t room = AREA - p->packed;
	size_t there, len;

	if (!room)
		return -ENOSPC;
	there = readable(p, s->arg);
	len = there ? strnlen(from, there < room ? there : room) : 0;
	if (len == there && len < room)
		len = 0;
	else if (len == room)
		len = room - 1;
	if (len)
		memcpy(s->text, from, len);
	s->text[len] = '\0';
	return pack(p, 1, len + 1);
}

static int pack_text(struct pass *p, const struct spec *s)
{
	return pack(p, 1, strlen(s->text) + 1);
}

static int pack_ip(struct pass *p, struct spec *s, char letter, char version)
{
	unsigned char ip[16] = "";
	size_t size = version == '4' ? 4 : 16;
	char *to = s->text;
	unsigned int i;

	if (readable(p, s->arg) >= size)
		memcpy(ip, (const void *)(uintptr_t)s->arg, size);
	if (version == '4') {
		sprintf(to, letter == 'i' ? "%03d.%03d.%03d.%03d" : "%d.%d.%d.%d", ip[0], ip[1],
			ip[2], ip[3]);
	} else {
		for (i = 0; i < 8; i++)
			to += sprintf(to, "%s%02x%02x", i && letter == 'I' ? ":" : "", ip[2 * i],
				      ip[2 * i + 1]);
	}
	return pack_text(p, s);
}

/* ---- checking ---- */

/* After a 'p'. @fmt is left at the last letter that has a meaning. */
static int check_pointer(struct pass *p, struct spec *s, const char **fmt)
{
	const char *after = *fmt + 1;

	s->what = POINTER;
	if (ends_name(after[0]))
		return pack(p, 4, 8);
	if ((after[0] == 'k' || after[0] == 'u') && after[1] == 's') {
		if (!ends_name(after[2]))
			return -EINVAL;
		*fmt += 2;
		s->what = STRING;
		s->flags[0] = '\0';
		s->width = 0;
		return pack_string(p, s);
	}
	if (strchr("KxsS", after[0])) {
		s->what = after[0] == 'K' || after[0] == 'x' ? POINTER : SYMBOL;
		*fmt += 1;
		return pack(p, 4, 8);
	}
	if (after[0] == 'B') {
		s->what = TRACE;
		*fmt += 1;
		sprintf(s->text, "0x%llx", (unsigned long long)s->arg);
		return pack_text(p, s);
	}
	if ((after[0] != 'i' && after[0] != 'I') || (after[1] != '4' && after[1] != '6'))
		return -EINVAL;
	s->what = IP;
	*fmt += 2;
	return pack_ip(p, s, after[0], after[1]);
}

static int check_integer(struct pass *p, struct spec *s, const char **fmt)
{
	s->what = NUMBER;
	s->size = 4;
	if (**fmt == 'l') {
		s->size = 8;
		*fmt += (*fmt)[1] == 'l' ? 2 : 1;
	}
	s->conv = **fmt;
	if (!s->conv || !strchr("diuxX", s->conv))
		return -EINVAL;
	return pack(p, 4, s->size);
}

/* A conversion, from behind its %. @fmt is left at its last letter. */
static int check_spec(struct pass *p, const char **fmt)
{
	struct spec *s = &p->spec[p->nr];
	size_t nr_flags = 0;

	if (p->nr == p->nr_args)
		return -EINVAL;
	memset(s, 0, sizeof(*s));
	s->arg = p->args[p->nr++];
	for (; **fmt && strchr("0+- ", **fmt); ++*fmt)
		if (!strchr(s->flags, **fmt))
			s->flags[nr_flags++] = **fmt;
	s->width = 0;
	for (; k_isdigit((unsigned char)**fmt); ++*fmt)
		if (s->width < BREF_MAX)	/* all the same from there on */
			s->width = s->width * 10 + (unsigned long)(**fmt - '0');
	switch (**fmt) {
	case 'p':
		return check_pointer(p, s, fmt);
	case 's':
		s->what = STRING;
		return ends_name((*fmt)[1]) ? pack_string(p, s) : -EINVAL;
	case 'c':
		s->what = CHAR;
		return pack(p, 1, 1);
	default:
		return check_integer(p, s, fmt);
	}
}

static int check(struct pass *p, const char *fmt)
{
	for (; *fmt; fmt++) {
		int err;

		if (!is_allowed((unsigned char)*fmt))
			return -EINVAL;
		if (*fmt != '%')
			continue;
		fmt++;
		if (*fmt == '%')
			continue;
		err = check_spec(p, &fmt);
		if (err)
			return err;
	}
	return 0;
}

/* ---- printing ---- */

static bool has(const struct spec *s, char flag)
{
	return strchr(s->flags, flag);
}

/* One field, in C's terms. Returns its bytes. */
static int print_field(const struct spec *s, char *to, size_t size)
{
	int width = (int)s->width;
	int text_width = has(s, '-') ? -width : width;
	bool wide = s->size == 8;
	char fmt[32];

	switch (s->what) {
	case CHAR:
		return snprintf(to, size, "%*c", text_width, (int)(char)s->arg);
	case STRING:
		return snprintf(to, size, "%*s", text_width, s->text);
	case SYMBOL:
		sprintf(fmt, "0x%llx", (unsigned long long)s->arg);
		return snprintf(to, size, "%*s", text_width, fmt);
	case TRACE:
	case IP:
		return snprintf(to, size, "%s", s->text);
	case POINTER:
		if (!width)	/* the kernel sets a width and the flag 0, which a - takes away */
			return snprintf(to, size, has(s, '-') ? "%-16llx" : "%016llx",
					(unsigned long long)s->arg);
		if (has(s, '0') && !has(s, '-'))
			return snprintf(to, size, "%0*llx", width, (unsigned long long)s->arg);
		return snprintf(to, size, "%*llx", text_width, (unsigned long long)s->arg);
	default:
		sprintf(fmt, "%%%s*%s%c", s->flags, wide ? "ll" : "", s->conv);
		return wide ? snprintf(to, size, fmt, width, (unsigned long long)s->arg) :
			      snprintf(to, size, fmt, width, (unsigned int)s->arg);
	}
}

/* What follows a conversion. Letters and digits behind a pointer's name go with it. */
static const char *past_spec(const struct spec *s, const char *fmt)
{
	fmt += strspn(fmt, "0+- ");
	fmt += strspn(fmt, "0123456789");
	if (*fmt == 'p') {
		while (k_isalpha((unsigned char)*fmt) || k_isdigit((unsigned char)*fmt))
			fmt++;
		return fmt;
	}
	return fmt + (s->what == NUMBER ? strcspn(fmt, "diuxX") : 0) + 1;
}

static int append(struct bref *ref, const char *text, size_t len)
{
	if (ref->len + len >= BREF_MAX)
		return -E2BIG;
	memcpy(ref->text + ref->len, text, len);
	ref->len += len;
	return 0;
}

static int print(struct pass *p, const char *fmt)
{
	unsigned int next = 0;
	int err = 0;

	while (*fmt && !err) {
		const struct spec *s = &p->spec[next];
		char field[2 * BREF_MAX];
		int n;

		if (*fmt != '%' || fmt[1] == '%') {
			err = append(p->ref, fmt, 1);
			fmt += *fmt == '%' ? 2 : 1;
			continue;
		}
		n = print_field(s, field, sizeof(field));
		err = append(p->ref, field, (size_t)n);
		fmt = past_spec(s, fmt + 1);
		next++;
	}
	return err;
}

void bref_print(struct bref *ref, const char *fmt, const uint64_t *args, uint32_t args_sz)
{
	static struct pass pass;

	pass.ref = ref;
	pass.args = args;
	pass.nr_args = args_sz / 8;
	pass.packed = 0;
	pass.nr = 0;
	ref->len = 0;
	ref->unsure = false;
	if (!fmt || args_sz % 8 || args_sz > 8 * MAX_ARGS || (args_sz && !args)) {
		ref->err = -EINVAL;
		return;
	}
	ref->err = check(&pass, fmt);
	if (!ref->err)
		ref->err = print(&pass, fmt);
}
