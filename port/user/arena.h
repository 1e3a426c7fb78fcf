/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arena.h - the pages of the process
 */
#ifndef BSP_ARENA_H
#define BSP_ARENA_H

#include "bsp.h"
#include "slot.h"

BSP_MUST_CHECK int bsp_arena_init(void);
BSP_MUST_CHECK int bsp_arena_grow(u32 pages);
void bsp_arena_shrink(u32 pages);
u32 bsp_arena_budget(void);
u32 bsp_arena_live(void);
void bsp_arena_sweep(const struct bsp_slot *slot, u32 level);

#endif
