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

#define BPFSTREAM_LINK_MASK	(((u64)1 << BSP_LINK_BITS) - 1)

void bpfstream_llist_init(struct bpfstream_llist *list);
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

static inline u64 bpfstream_weight_of(u64 word)
{
	return word >> BSP_LINK_BITS;
}

/* Whether @weight fits below @limit on a list whose word is @word. */
static BSP_INLINE bool bpfstream_llist_fits(u64 word, u64 weight, u64 limit)
{
	return weight < limit && bpfstream_weight_of(word) < limit - weight;
}

/**
 * bpfstream_llist_push_on() - link a chain and charge for it, or do neither
 * @list: list
 * @old: guess at the list's word, which the compare-and-swap checks
 * @newest: first node of the chain
 * @oldest: last node of the chain: linked to what is on @list, to nothing if refused
 * @weight: weight of the chain
 * @limit: weight that @list must stay below
 * @before: set to the weight @list had just before, or has now if refused
 *
 * Context: Any context, NMI-safe. Lock-free.
 * Return: true if the chain is on @list now; false if @limit forbids it.
 */
BSP_MUST_CHECK static BSP_INLINE bool
bpfstream_llist_push_on(struct bpfstream_llist *list, u64 old, struct bpfstream_node *newest,
			struct bpfstream_node *oldest, u64 weight, u64 limit, u64 *before)
{
	u64 link = bsp_link_of(newest);
	u64 new;

	do {
		*before = bpfstream_weight_of(old);
		if (!bpfstream_llist_fits(old, weight, limit)) {
			bsp_store_relaxed(&oldest->next, (bsp_link_t)0);	/* llist.c, I5 */
			return false;
		}
		bsp_store_relaxed(&oldest->next, (bsp_link_t)(old & BPFSTREAM_LINK_MASK));
		new = (*before + weight) << BSP_LINK_BITS | link;
		/*
		 * ORD(push:A) RELEASE, pairs with take:A: nodes before word. Older pushes stay
		 * ordered: all operations on the word are read-modify-writes, so every release
		 * sequence runs on through here.
		 */
	} while (!bsp_try_cmpxchg_release(&list->word, &old, new));
	return true;
}

/* bpfstream_llist_push_on() whatever there is now. */
BSP_MUST_CHECK static BSP_INLINE bool
bpfstream_llist_push(struct bpfstream_llist *list, struct bpfstream_node *newest,
		     struct bpfstream_node *oldest, u64 weight, u64 limit, u64 *before)
{
	/* Relaxed: only a guess. */
	return bpfstream_llist_push_on(list, bsp_load_relaxed(&list->word), newest, oldest,
				       weight, limit, before);
}

#endif
