/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * escape.h - a byte of text as it stands between quotes in a line
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>

/* Write @c to @to, of 5 bytes. How many bytes that were, without the NUL that may follow. */
static inline size_t escape(char *to, unsigned char c)
{
	if (c == '\\' || c == '"')
		return (size_t)sprintf(to, "\\%c", c);
	if (!isprint(c))
		return (size_t)sprintf(to, "\\x%02x", c);
	*to = (char)c;
	return 1;
}

#endif
