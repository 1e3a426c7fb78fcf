/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * peek.h - reading memory that may not be there
 */
#ifndef BSP_PEEK_H
#define BSP_PEEK_H

#include "bsp.h"

size_t bsp_peek(void *to, const void *from, size_t len);

#endif
