/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * format.h - formatted text straight into the pages
 */
#ifndef BSP_FORMAT_H
#define BSP_FORMAT_H

#include <stdarg.h>

#include "page.h"

BSP_MUST_CHECK int bsp_vformat(struct bpfstream_out *out, const char *fmt, va_list ap);

BSP_MUST_CHECK int bsp_bformat(struct bpfstream_out *out, const char *fmt, const u64 *args,
			       u32 args_sz);

#endif
