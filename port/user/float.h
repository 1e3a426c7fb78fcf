/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * float.h - floating point numbers as text
 */
#ifndef BSP_FLOAT_H
#define BSP_FLOAT_H

#include "text.h"

BSP_MUST_CHECK int bsp_format_double(struct bpfstream_out *out, const struct bsp_field *field,
				     double value);

#endif
