/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * peek.h - reading memory that may not be there
 *
 * Who may run with whom: everything with everything, in any context.
 */
#ifndef BSP_PEEK_H
#define BSP_PEEK_H

#include "bsp.h"

/*
 * A way to read bytes of which none lies behind a multiple of BSP_PAGE_SIZE.
 * Returns 0; -EFAULT they cannot be read; another errno: this way is closed.
 */
typedef int (*bsp_peek_fn)(void *to, const void *from, size_t len);

int bsp_peek_vm(void *to, const void *from, size_t len);
int bsp_peek_probe(void *to, const void *from, size_t len);

size_t bsp_peek_by(bsp_peek_fn way, void *to, const void *from, size_t len);
size_t bsp_peek(void *to, const void *from, size_t len);

#endif
