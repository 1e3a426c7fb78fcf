// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * llist.c - lock-free list with a bounded weight
 *
 * A list of nodes, newest first, and a weight, in one word: linking a chain and charging for
 * it are one compare-and-swap, so neither happens without the other.
 *
 * Invariants
 *   I1  A node on the list does not change until a taker owns it.
 *   I2  A taker owns the whole chain it took; nobody else can reach it.
 *   I3  Whoever stops anywhere delays nobody else.
 *   I4  The weight never reaches the limit of the push that raised it, and a push whose
 *       weight fits at the moment it is judged is not refused.
 *   I5  A chain ends in NULL while nobody but its owner knows it: before a push, and after one
 *       that was refused, however far it had come.
 *
 * A push never looks into the node it lands on and a take takes all, so a word that went away
 * and came back (ABA) means what it meant before.
 *
 * Ordering
 *   push:A -> take:A   the nodes and what hangs on them, then the word
 */
#include "llist.h"

#define AHEAD		2048	/* bytes in front of a node to fetch while it is turned round */

/**
 * bpfstream_llist_init() - make @list empty and weightless
 * @list: list nobody else knows yet
 *
 * Context: Any.
 */
void bpfstream_llist_init(struct bpfstream_llist *list)
{
	bsp_store_relaxed(&list->word, (u64)0);
}

/**
 * bpfstream_llist_take() - detach everything; the weight stays
 * @list: list
 *
 * Context: Any context, NMI-safe. Lock-free.
 * Return: newest node of the chain taken, or NULL.
 */
struct bpfstream_node *bpfstream_llist_take(struct bpfstream_llist *list)
{
	/* Relaxed: only a guess, which the compare-and-swap checks. */
	u64 old = bsp_load_relaxed(&list->word);

	do {
		if (!(old & BPFSTREAM_LINK_MASK))
			return NULL;
		/* ORD(take:A) ACQUIRE, pairs with push:A: the word, then the nodes it leads to. */
	} while (!bsp_try_cmpxchg_acquire(&list->word, &old, old & ~BPFSTREAM_LINK_MASK));
	return bsp_link_ptr((bsp_link_t)(old & BPFSTREAM_LINK_MASK));
}

/**
 * bpfstream_llist_lighten() - take weight off
 * @list: list
 * @weight: part of what pushes have charged
 *
 * Context: Any context, NMI-safe.
 * Return: the weight left.
 */
u64 bpfstream_llist_lighten(struct bpfstream_llist *list, u64 weight)
{
	/* Relaxed: a push that fits because of this gets no memory through it. */
	return bpfstream_weight_of(bsp_sub_return_relaxed(&list->word, weight << BSP_LINK_BITS));
}

/**
 * bpfstream_llist_weight() - the weight of a list
 * @list: list
 *
 * Context: Any context, NMI-safe.
 * Return: what it was at some moment during the call.
 */
u64 bpfstream_llist_weight(const struct bpfstream_llist *list)
{
	/* Relaxed: one whole value. */
	return bpfstream_weight_of(bsp_load_relaxed(&list->word));
}

/**
 * bpfstream_llist_empty() - whether no node is on a list
 * @list: list
 *
 * Context: Any context, NMI-safe.
 * Return: whether it was so at some moment during the call.
 */
bool bpfstream_llist_empty(const struct bpfstream_llist *list)
{
	/* Relaxed: a hint, as its name. */
	return !(bsp_load_relaxed(&list->word) & BPFSTREAM_LINK_MASK);
}

/**
 * bpfstream_llist_reverse() - turn a chain round
 * @newest: first node of a chain that the caller owns, or NULL
 *
 * Context: Any.
 * Return: what was the last node.
 */
struct bpfstream_node *bpfstream_llist_reverse(struct bpfstream_node *newest)
{
	struct bpfstream_node *node = newest, *last = NULL;
	bsp_link_t done = 0, link = bsp_link_of(newest);

	while (node) {
		bsp_link_t next = bsp_load_relaxed(&node->next);

		bsp_prefetch((char *)node - AHEAD);
		bsp_store_relaxed(&node->next, done);
		last = node;
		done = link;
		link = next;
		node = bsp_link_ptr(next);
	}
	return last;
}
