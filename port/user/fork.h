/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fork.h - how a forked child learns that it is one
 */
#ifndef BSP_FORK_H
#define BSP_FORK_H

#include "bsp.h"

void bsp_fork_init(void);
void bsp_fork_child(void);
bool bsp_fork_is_child(void);
void bsp_fork_settle(u32 life);

/* Whether this process may be a child that does not know yet: a load, nothing more. */
static inline bool bsp_fork_unseen(void)
{
	/* ORD(know:M) ACQUIRE, pairs with born:M: the first call may have been another thread's. */
	return bsp_unlikely(!__atomic_load_n(bsp_fork_word, __ATOMIC_ACQUIRE));
}

#endif
