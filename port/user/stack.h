/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stack.h - who is running, and how it got here
 *
 * Who may run with whom: as the stage, which belongs to one context.
 */
#ifndef BSP_STACK_H
#define BSP_STACK_H

#include "stage.h"

#define BSP_MAX_FRAMES	64u

BSP_MUST_CHECK int bsp_dump_stack(struct bpfstream_staged *stage);
BSP_MUST_CHECK int bsp_dump_stack_from(struct bpfstream_staged *stage, const void *frame);

#endif
