/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * llist.h - lock-free list with a bounded weight
 *
 * Who may run with whom: any number of pushes, takes and lightens, in any context, none of
 * them waiting for another.
 */
#ifndef BPFSTREAM_LLIST_H
#define BPFSTREAM_LLIST_H

#include "bsp.h"

struct bpfstream_node {
	bsp_link_t next;
};

/* One word: { weight : 64 - BSP_LINK_BITS, newest node : BSP_LINK_BITS } */
struct bpfstream_llist {
	u64 word;
};

void bpfstream_llist_init(struct bpfstream_llist *list);
BSP_MUST_CHECK bool bpfstream_llist_push(struct bpfstream_llist *list,
					 struct bpfstream_node *newest,
					 struct bpfstream_node *oldest, u64 weight, u64 limit,
					 u64 *before);
struct bpfstream_node *bpfstream_llist_take(struct bpfstream_llist *list);
u64 bpfstream_llist_lighten(struct bpfstream_llist *list, u64 weight);
u64 bpfstream_llist_weight(const struct bpfstream_llist *list);
bool bpfstream_llist_empty(const struct bpfstream_llist *list);
struct bpfstream_node *bpfstream_llist_reverse(struct bpfstream_node *newest);

static inline struct bpfstream_node *bpfstream_node_next(const struct bpfstream_node *node)
{
	return bsp_link_ptr(bsp_load_relaxed(&node->next));
}

static inline void bpfstream_node_set_next(struct bpfstream_node *node,
					   const struct bpfstream_node *next)
{
	bsp_store_relaxed(&node->next, bsp_link_of(next));
}

#endif
