// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cformat.c - the grammar of bpfstream_printf()'s conversions
 */
#include "cformat.h"

#include <limits.h>
#include <string.h>

/* A number of any length. False if it is more than INT_MAX. */
static bool parse_number(const char **pos, int *number)
{
	unsigned long long n = 0;

	for (; **pos >= '0' && **pos <= '9'; ++*pos) {
		n = n * 10 + (unsigned long long)(**pos - '0');
		if (n > INT_MAX)
			return false;
	}
	*number = (int)n;
	return true;
}

static bool parse_extent(const char **pos, int *number, bool *star)
{
	*star = **pos == '*';
	*pos += *star;
	return *star || parse_number(pos, number);
}

/* Whether a modifier of @len bytes may stand before a conversion. */
static bool modifier_fits(const char *mod, size_t len, char conv)
{
	if (!len)
		return true;
	if (strchr("diuoxX", conv))
		return true;
	return strchr("fFeEgG", conv) && len == 1 && mod[0] == 'l';
}

size_t cformat_parse(struct cformat *c, const char *fmt)
{
	static const char *const modifiers[] = { "hh", "h", "ll", "l", "j", "z", "t" };
	const char *pos = fmt + 1;
	const char *mod;
	size_t i, len = 0;

	memset(c, 0, sizeof(*c));
	c->prec = -1;
	pos += strspn(pos, "-+ #0");
	if (!parse_extent(&pos, &c->width, &c->star_width))
		return 0;
	if (*pos == '.') {
		pos++;
		if (!parse_extent(&pos, &c->prec, &c->star_prec))
			return 0;
	}
	mod = pos;
	for (i = 0; !len && i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
		if (!strncmp(pos, modifiers[i], strlen(modifiers[i])))
			len = strlen(modifiers[i]);
	pos += len;
	if (!*pos || !strchr("diuoxXfFeEgGcsp%", *pos) || !modifier_fits(mod, len, *pos))
		return 0;
	c->conv = *pos++;
	c->bare = pos == fmt + 2;
	return (size_t)(pos - fmt);
}
