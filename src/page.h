/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * page.h - elements, the pages they live in, and writing text into them
 *
 * Who may run with whom: a struct bpfstream_out and a chain belong to one context; contexts
 * that nest or run beside each other each have their own, and may all run together.
 */
#ifndef BPFSTREAM_PAGE_H
#define BPFSTREAM_PAGE_H

#include "llist.h"

/*
 * A piece of text inside a page. A message is a chain of one or more.
 * @len: bytes of text, or BPFSTREAM_ELEM_MARK for a loss mark
 * @consumed: bytes of text already read
 */
struct bpfstream_elem {
	struct bpfstream_node node;
	u16 len;
	u16 consumed;
	char text[];
};

/*
 * @ref: grains carved and not yet released, and BPFSTREAM_PAGE_BIAS while a writer owns it
 * @carved: set when the owner retires the page: bytes carved, header included
 */
struct bpfstream_page {
	bsp_ref_t ref;
	u32 carved;
};

/* Closed elements, newest first, that nobody else can reach. @bytes: of text */
struct bpfstream_chain {
	struct bpfstream_elem *newest;
	struct bpfstream_elem *oldest;
	u64 bytes;
};

/*
 * Text being written.
 * @pos: where the next byte goes
 * @end: end of the room that needs no call
 * @elem: element being filled, or NULL
 * @chain: elements closed so far
 * @limit: bytes at which the text is given up
 * @cpu: whose page it is: this level's, or @own past the deepest level
 */
struct bpfstream_out {
	char *pos;
	char *end;
	struct bpfstream_elem *elem;
	struct bpfstream_chain chain;
	u64 limit;
	struct bpfstream_cpu *cpu;
	struct bpfstream_cpu own;
	unsigned long flags;
};

/*
 * Text that probably fits what is left of the page: a writer's state in four words, which stay in
 * registers as long as nothing takes their address. bpfstream_out_go_on() takes over when it does
 * not fit, or anything else is unusual.
 * @elem: element being filled, or NULL if there is no room to begin one
 */
struct bpfstream_spot {
	char *pos;
	char *end;
	struct bpfstream_elem *elem;
	struct bpfstream_cpu *cpu;
};

#define BPFSTREAM_PAGE_BIAS	0x40000000u
#define BPFSTREAM_PAGE_BLANK	0xffffffffu	/* a page's ref before it is begun */
#define BPFSTREAM_GRAIN		8u
#define BPFSTREAM_ELEM_MARK	0xffffu
#define BPFSTREAM_MARK_LEN	16u
#define BPFSTREAM_PAGE_HDR	((u32)sizeof(struct bpfstream_page))
#define BPFSTREAM_ELEM_HDR	((u32)offsetof(struct bpfstream_elem, text)) /* sizeof may pad */
#define BPFSTREAM_MIN_ROOM	64u	/* less room than this at a page's end is left unused */
#define BPFSTREAM_SPOT_ROOM	208u	/* than this, if there is another page: most messages fit */

void bpfstream_out_open(struct bpfstream_out *out, u64 limit);
bool bpfstream_cpu_turn(struct bpfstream_cpu *cpu);
BSP_MUST_CHECK int bpfstream_out_more(struct bpfstream_out *out);
BSP_MUST_CHECK int bpfstream_out_write(struct bpfstream_out *out, const char *text, size_t len);
void bpfstream_out_close(struct bpfstream_out *out);
void bpfstream_out_drop(struct bpfstream_out *out);
void bpfstream_out_leave(struct bpfstream_out *out);

struct bpfstream_elem *bpfstream_elem_mark(const void *text);

void bpfstream_chain_free(struct bpfstream_chain *chain);

/* Elements released together: one reference operation a page. */
struct bpfstream_release {
	struct bpfstream_page *page;
	u32 grains;
};

void bpfstream_release_elem(struct bpfstream_release *rel, const struct bpfstream_elem *elem);
void bpfstream_release_end(struct bpfstream_release *rel);
void bpfstream_page_retire(struct bpfstream_page *page, u32 carved);

/**
 * bpfstream_chain_init() - make a chain empty
 * @chain: chain
 *
 * Context: Any.
 */
static inline void bpfstream_chain_init(struct bpfstream_chain *chain)
{
	chain->newest = NULL;
	chain->oldest = NULL;
	chain->bytes = 0;
}

static inline struct bpfstream_page *bpfstream_elem_page(const struct bpfstream_elem *elem)
{
	return (struct bpfstream_page *)((unsigned long)elem & ~((unsigned long)BSP_PAGE_SIZE - 1));
}

/* Release @grains of a page that nobody uses any more. Any context, NMI-safe. */
static inline void bpfstream_release_grains(struct bpfstream_release *rel,
					    struct bpfstream_page *page, u32 grains)
{
	if (page != rel->page) {
		bpfstream_release_end(rel);
		rel->page = page;
	}
	rel->grains += grains;
}

static inline struct bpfstream_elem *bpfstream_elem_of(struct bpfstream_node *node)
{
	return node ? bsp_container_of(node, struct bpfstream_elem, node) : NULL;
}

/* Bytes of a page that an element takes which holds @len bytes of text. */
static inline u32 bpfstream_elem_size(u32 len)
{
	return (BPFSTREAM_ELEM_HDR + len + BPFSTREAM_GRAIN - 1) & ~(BPFSTREAM_GRAIN - 1);
}

static inline u32 bpfstream_elem_grains(u32 len)
{
	return bpfstream_elem_size(len) / BPFSTREAM_GRAIN;
}

/* Where the next element of a level's page begins. */
static BSP_INLINE struct bpfstream_elem *bpfstream_cpu_top(const struct bpfstream_cpu *cpu)
{
	return (struct bpfstream_elem *)((char *)cpu->page + cpu->carved);
}

/* Close @cpu's top element with @len bytes of text: the last store carves it (page.c, I3). */
static BSP_INLINE void bpfstream_elem_close(struct bpfstream_cpu *cpu, struct bpfstream_elem *elem,
					    u32 len)
{
	elem->len = (u16)len;
	elem->consumed = 0;
	bsp_store_relaxed(&cpu->carved, cpu->carved + bpfstream_elem_size(len));
}

/**
 * bpfstream_spot_open() - begin to write text where the page at hand has room
 * @spot: set up; its element is NULL if there is none
 * @flags: for bsp_cpu_leave()
 *
 * Context: Any context, NMI-safe. bpfstream_spot_close() and bsp_cpu_leave(), or
 *	bpfstream_out_go_on() must follow.
 */
static BSP_INLINE void bpfstream_spot_open(struct bpfstream_spot *spot, unsigned long *flags)
{
	struct bpfstream_cpu *cpu = bsp_cpu_enter(flags);
	bool roomy = cpu && cpu->page && BSP_PAGE_SIZE - cpu->carved >= BPFSTREAM_SPOT_ROOM;

	spot->cpu = cpu;
	spot->elem = NULL;
	spot->pos = NULL;
	spot->end = NULL;
	if (bsp_likely(roomy) || bpfstream_cpu_turn(cpu)) {
		spot->elem = bpfstream_cpu_top(cpu);
		spot->pos = spot->elem->text;
		spot->end = (char *)cpu->page + BSP_PAGE_SIZE;
	}
}

/**
 * bpfstream_out_go_on() - go on with text that was begun in a spot
 * @out: writer's state, of which bpfstream_spot_open() has set the flags
 * @spot: where the text is by now; not to be used any more
 * @limit: bytes at which the text is too long for anybody
 *
 * Context: Any context, NMI-safe.
 */
static BSP_INLINE void bpfstream_out_go_on(struct bpfstream_out *out,
					   const struct bpfstream_spot *spot, u64 limit)
{
	bpfstream_chain_init(&out->chain);
	out->limit = limit;
	out->pos = spot->pos;
	out->end = spot->end;
	out->elem = spot->elem;
	out->cpu = spot->cpu;
	if (!out->cpu) {	/* nested too deep to share: waiting would never end */
		out->own.page = NULL;
		out->cpu = &out->own;
	}
}

/* Bytes of text written so far. */
static BSP_INLINE u32 bpfstream_spot_bytes(const struct bpfstream_spot *spot)
{
	return spot->elem ? (u32)(spot->pos - spot->elem->text) : 0;
}

static BSP_INLINE void bpfstream_spot_close(const struct bpfstream_spot *spot)
{
	bpfstream_elem_close(spot->cpu, spot->elem, bpfstream_spot_bytes(spot));
}

/* Give a closed element back to the page on top of which it lies. */
static BSP_INLINE void bpfstream_spot_undo(const struct bpfstream_spot *spot)
{
	bsp_store_relaxed(&spot->cpu->carved,
			  spot->cpu->carved - bpfstream_elem_size(spot->elem->len));
}

/* Bytes of text written so far. */
static inline u64 bpfstream_out_bytes(const struct bpfstream_out *out)
{
	return out->chain.bytes + (out->elem ? (u64)(out->pos - out->elem->text) : 0);
}

/**
 * bpfstream_chain_append() - move a chain behind another
 * @chain: older text
 * @newer: newer text; the caller forgets it
 *
 * Context: Any.
 */
static inline void bpfstream_chain_append(struct bpfstream_chain *chain,
					  const struct bpfstream_chain *newer)
{
	if (!newer->newest)
		return;
	bpfstream_node_set_next(&newer->oldest->node, chain->newest ? &chain->newest->node : NULL);
	if (!chain->oldest)
		chain->oldest = newer->oldest;
	chain->newest = newer->newest;
	chain->bytes += newer->bytes;
}

#endif
