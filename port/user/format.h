/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * format.h - formatted text straight into the pages
 */
#ifndef BSP_FORMAT_H
#define BSP_FORMAT_H

#include <stdarg.h>

#include "page.h"

/*
 * How far a format has been followed.
 * @pos: where the next byte goes
 * @fmt: what is left of the format, behind @str
 * @str: what is left of a string argument, or NULL
 */
struct bsp_run {
	char *pos;
	const char *fmt;
	const char *str;
};

/* A pointer to a va_list parameter. If the type is an array, the parameter is a pointer to it. */
#define bsp_pointer_to(ap) \
	((va_list *)(__builtin_types_compatible_p(__typeof__(ap), va_list) ? \
		     (void *)&(ap) : *(void **)&(ap)))

BSP_MUST_CHECK int bsp_vformat_rest(struct bpfstream_out *out, const char *fmt, const char *str,
				    va_list *ap);
BSP_MUST_CHECK int bsp_vformat(struct bpfstream_out *out, const char *fmt, va_list ap);

BSP_MUST_CHECK int bsp_bformat(struct bpfstream_out *out, const char *fmt, const u64 *args,
			       u32 args_sz);

#endif
