// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * page.c - bump allocation of elements from refcounted pages, and writing text into them
 *
 * Invariants
 *   I1  A page is owned by one (CPU, level) at most. Only the owner carves from it, alone against
 *       all that can interrupt it: what interrupts has a level, and so a page, of its own.
 *   I2  ref = BIAS - grains released while the page is owned, and = grains carved - grains
 *       released after. So the owner touches ref once a page, not once an element.
 *   I3  An element counts as carved from the one store that closes it; an open element is
 *       room past the carved part and costs nothing to forget.
 *   I4  A page is freed once: by its owner if all was released before it retires, else by who
 *       releases the last grain after. That one may leave ref as it is.
 *   I5  A context stopped between any two stores here leaves a page whose state tells what is
 *       left to do: ref > BIAS / 2 is unsettled, page->carved says by how much (page_turn()); a
 *       BLANK one has been used by nobody yet.
 *
 * Ordering
 *   release:B -> release:C   the last use of an element, then the page's next life
 *   release:B -> retire:C    the same where the owner finds itself alone, and ends the page
 *   release:B -> again:C     or begins it again
 */
#include "page.h"

#define PAGE_HDR	BPFSTREAM_PAGE_HDR

static_assert(sizeof(struct bpfstream_page) % BPFSTREAM_GRAIN == 0, "the first element is aligned");
static_assert(BSP_PAGE_SIZE - PAGE_HDR - BPFSTREAM_ELEM_HDR < BPFSTREAM_ELEM_MARK,
	      "an element's length fits its field");
static_assert(BSP_PAGE_SIZE / BPFSTREAM_GRAIN < BPFSTREAM_PAGE_BIAS / 2, "unsettled is visible");

static u32 elem_size(const struct bpfstream_elem *elem)
{
	bool mark = elem->len == BPFSTREAM_ELEM_MARK;

	return bpfstream_elem_size(mark ? BPFSTREAM_MARK_LEN : elem->len);
}

/* What ref comes to for the owner of a page, of which @carved bytes are, when all is released. */
static u32 owners_ref(u32 carved)
{
	return BPFSTREAM_PAGE_BIAS - (carved - PAGE_HDR) / BPFSTREAM_GRAIN;
}

/* Release what a page that is going out of use still holds for its owner. */
void bpfstream_page_retire(struct bpfstream_page *page, u32 carved)
{
	u32 mine = owners_ref(carved);
	/*
	 * ORD(retire:C) ACQUIRE, pairs with release:B: if all elements were released, the uses
	 * of them are over before the page's next life begins.
	 */
	u32 old = bsp_ref_read_acquire(&page->ref);

	while (old != mine) {
		/* ORD(release:B) RELEASE, pairs with release:C: our text, then the page's end. */
		if (bsp_ref_try_sub_release(&page->ref, &old, mine))
			return;
	}
	bsp_page_free(page);
}

/* Take @cpu's page off it; the page then says itself how much of it is carved. */
static struct bpfstream_page *page_off(struct bpfstream_cpu *cpu)
{
	struct bpfstream_page *page = cpu->page;

	page->carved = cpu->carved;
	bsp_barrier();
	bsp_store_relaxed(&cpu->page, NULL);
	bsp_barrier();
	return page;
}

/* @cpu's own page, blank as a new one, if all that lay in it is released; or NULL. */
static struct bpfstream_page *page_again(struct bpfstream_cpu *cpu)
{
	struct bpfstream_page *page = cpu->page;

	/* ORD(again:C) ACQUIRE, pairs with release:B: the uses of all elements are over. */
	if (!page || bsp_ref_read_acquire(&page->ref) != owners_ref(cpu->carved))
		return NULL;
	bsp_ref_init(&page_off(cpu)->ref, BPFSTREAM_PAGE_BLANK);
	bsp_barrier();
	return page;
}

/* A new page for @cpu. The order of the stores is I5: at each of them one page at most drifts. */
static bool page_turn(struct bpfstream_cpu *cpu)
{
	struct bpfstream_page *page = bsp_page_alloc_for(cpu);
	struct bpfstream_page *old;

	if (!page)
		page = page_again(cpu);
	if (!page)
		return false;
	page->carved = PAGE_HDR;
	bsp_barrier();
	bsp_ref_init(&page->ref, BPFSTREAM_PAGE_BIAS);
	if (cpu->page) {
		old = page_off(cpu);
		bpfstream_page_retire(old, old->carved);
	}
	bsp_store_relaxed(&cpu->carved, PAGE_HDR);
	bsp_barrier();
	bsp_store_relaxed(&cpu->page, page);
	return true;
}

static u32 page_room(const struct bpfstream_cpu *cpu)
{
	return cpu->page ? BSP_PAGE_SIZE - cpu->carved : 0;
}

static void elem_open(struct bpfstream_out *out)
{
	out->elem = bpfstream_cpu_top(out->cpu);
	out->pos = out->elem->text;
	out->end = (char *)out->cpu->page + BSP_PAGE_SIZE;
}

/**
 * bpfstream_cpu_turn() - turn a page near its end, rather than begin a message there
 * @cpu: a level's state, the caller's; or NULL
 *
 * A level without a page gets none: the message may turn out empty.
 *
 * Context: Any context, NMI-safe.
 * Return: whether there is room to begin an element.
 */
bool bpfstream_cpu_turn(struct bpfstream_cpu *cpu)
{
	return cpu && cpu->page && (page_turn(cpu) || page_room(cpu) >= BPFSTREAM_MIN_ROOM);
}

/**
 * bpfstream_out_open() - begin to write text
 * @out: writer's state, on the caller's stack; bpfstream_out_leave() must follow
 * @limit: bytes at which the text is too long for anybody
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_out_open(struct bpfstream_out *out, u64 limit)
{
	struct bpfstream_spot spot = { .cpu = bsp_cpu_enter(&out->flags) };

	bpfstream_out_go_on(out, &spot, limit);
	if (page_room(out->cpu) >= BPFSTREAM_MIN_ROOM)
		elem_open(out);
}

/**
 * bpfstream_out_more() - make room for at least one more byte
 * @out: writer's state with no room left
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC the text has reached its limit; -ENOMEM no page.
 */
int bpfstream_out_more(struct bpfstream_out *out)
{
	bpfstream_out_close(out);
	if (out->chain.bytes >= out->limit)
		return -ENOSPC;
	if (page_room(out->cpu) < BPFSTREAM_MIN_ROOM && !page_turn(out->cpu))
		return -ENOMEM;
	elem_open(out);
	return 0;
}

/**
 * bpfstream_out_write() - append bytes
 * @out: writer's state
 * @text: bytes
 * @len: how many
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC, -ENOMEM: part of @text may have been appended.
 */
int bpfstream_out_write(struct bpfstream_out *out, const char *text, size_t len)
{
	while (len) {
		size_t n = (size_t)(out->end - out->pos);

		if (!n) {
			int err = bpfstream_out_more(out);

			if (err)
				return err;
			continue;
		}
		if (n > len)
			n = len;
		memcpy(out->pos, text, n);
		out->pos += n;
		text += n;
		len -= n;
	}
	return 0;
}

/**
 * bpfstream_out_close() - move the open element to the chain
 * @out: writer's state; no element is open afterwards
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_out_close(struct bpfstream_out *out)
{
	struct bpfstream_elem *elem = out->elem;
	struct bpfstream_chain one;

	if (!elem)
		return;
	out->elem = NULL;
	out->end = out->pos;
	if (out->pos == elem->text)
		return;
	bpfstream_elem_close(out->cpu, elem, (u32)(out->pos - elem->text));
	one = (struct bpfstream_chain){ elem, elem, elem->len };
	bpfstream_chain_append(&out->chain, &one);
}

/**
 * bpfstream_out_drop() - forget all text that was written
 * @out: writer's state; nothing is written after
 *
 * What lies on top of the page goes back to it, so that a writer to a full stream uses no
 * memory, however often it tries.
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_out_drop(struct bpfstream_out *out)
{
	struct bpfstream_cpu *cpu = out->cpu;
	struct bpfstream_elem *elem = out->chain.newest;

	out->elem = NULL;
	out->end = out->pos;
	while (elem && bpfstream_elem_page(elem) == cpu->page &&
	       (char *)elem + elem_size(elem) == (char *)bpfstream_cpu_top(cpu)) {
		bsp_store_relaxed(&cpu->carved, cpu->carved - elem_size(elem));
		elem = bpfstream_elem_of(bpfstream_node_next(&elem->node));
	}
	out->chain.newest = elem;
	bpfstream_chain_free(&out->chain);
}

/**
 * bpfstream_out_leave() - end writing; the chain has an owner by now, or was dropped
 * @out: writer's state
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_out_leave(struct bpfstream_out *out)
{
	if (out->cpu != &out->own)
		bsp_cpu_leave(out->cpu, out->flags);
	else if (out->own.page)
		bpfstream_page_retire(out->own.page, out->own.carved);
}

/**
 * bpfstream_elem_mark() - make a loss mark
 * @text: its BPFSTREAM_MARK_LEN bytes
 *
 * Without a struct bpfstream_out: a writer may have to make one at the end of its stack.
 *
 * Context: Any context, NMI-safe.
 * Return: a closed element that nobody else knows; NULL without a page.
 */
struct bpfstream_elem *bpfstream_elem_mark(const void *text)
{
	struct bpfstream_cpu own = { NULL, 0 };
	struct bpfstream_elem *mark = NULL;
	unsigned long flags;
	struct bpfstream_cpu *mine = bsp_cpu_enter(&flags);
	struct bpfstream_cpu *cpu = mine ? mine : &own;

	if (page_room(cpu) >= BPFSTREAM_MIN_ROOM || page_turn(cpu)) {
		mark = bpfstream_cpu_top(cpu);
		memcpy(mark->text, text, BPFSTREAM_MARK_LEN);
		bpfstream_node_set_next(&mark->node, NULL);
		bpfstream_elem_close(cpu, mark, BPFSTREAM_MARK_LEN);
		mark->len = BPFSTREAM_ELEM_MARK;
	}
	if (mine)
		bsp_cpu_leave(mine, flags);
	else if (own.page)
		bpfstream_page_retire(own.page, own.carved);
	return mark;
}

/**
 * bpfstream_chain_free() - release all elements of a chain
 * @chain: chain; empty afterwards
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_chain_free(struct bpfstream_chain *chain)
{
	struct bpfstream_release rel = { NULL, 0 };
	struct bpfstream_elem *elem = chain->newest;

	while (elem) {
		struct bpfstream_elem *next = bpfstream_elem_of(bpfstream_node_next(&elem->node));

		bpfstream_release_elem(&rel, elem);
		elem = next;
	}
	bpfstream_release_end(&rel);
	bpfstream_chain_init(chain);
}

/**
 * bpfstream_release_elem() - release an element, a run of one page's at a time
 * @rel: run so far, { NULL, 0 } at first; bpfstream_release_end() must follow
 * @elem: element nobody uses any more
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_release_elem(struct bpfstream_release *rel, const struct bpfstream_elem *elem)
{
	bpfstream_release_grains(rel, bpfstream_elem_page(elem), elem_size(elem) / BPFSTREAM_GRAIN);
}

/**
 * bpfstream_release_end() - settle the run
 * @rel: run; empty afterwards
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_release_end(struct bpfstream_release *rel)
{
	struct bpfstream_page *page = rel->page;

	/*
	 * ORD(release:B) RELEASE, each; ORD(release:C) ACQUIRE, the last: our uses of the
	 * elements, then the page's next life. Pairs with each other and with retire:C. Who
	 * has all that is left is the last without a subtraction.
	 */
	if (rel->grains && (bsp_ref_read_acquire(&page->ref) == rel->grains ||
			    bsp_ref_sub(&page->ref, rel->grains)))
		bsp_page_free(page);
	rel->page = NULL;
	rel->grains = 0;
}
