// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz.c - how a target fails
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX	2000u

/* AddressSanitizer looks at what snprintf() is given, and reads a string past "%.s". */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "check_printf=0:detect_stack_use_after_return=0";
}

void fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("DIFFERENCE: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void fuzz_show(const char *what, const char *text, size_t len)
{
	size_t i;

	fprintf(stderr, "%s, %zu bytes: \"", what, len);
	for (i = 0; i < len && i < SHOWN_MAX; i++) {
		unsigned char ch = (unsigned char)text[i];

		if (ch < ' ' || ch > '~' || ch == '"' || ch == '\\')
			fprintf(stderr, "\\x%02x", ch);
		else
			fputc(ch, stderr);
	}
	fputs(len > SHOWN_MAX ? "\"...\n" : "\"\n", stderr);
}
