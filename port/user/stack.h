/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stack.h - who is running, and how it got here
 */
#ifndef BSP_STACK_H
#define BSP_STACK_H

#include "stage.h"

BSP_MUST_CHECK int bsp_dump_stack(struct bpfstream_staged *stage);

#endif
