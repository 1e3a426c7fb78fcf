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

/* The page a context writes to at one nesting level. @carved: bytes in use, header included */
struct bpfstream_cpu {
	struct bpfstream_page *page;
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

#define BPFSTREAM_PAGE_BIAS	(1u << 30)
#define BPFSTREAM_GRAIN		8u
#define BPFSTREAM_ELEM_MARK	0xffffu
#define BPFSTREAM_MARK_LEN	16u

void bpfstream_out_open(struct bpfstream_out *out, u64 limit);
BSP_MUST_CHECK int bpfstream_out_more(struct bpfstream_out *out);
BSP_MUST_CHECK int bpfstream_out_write(struct bpfstream_out *out, const char *text, size_t len);
void bpfstream_out_close(struct bpfstream_out *out);
void bpfstream_out_drop(struct bpfstream_out *out);
void bpfstream_out_leave(struct bpfstream_out *out);

void bpfstream_chain_init(struct bpfstream_chain *chain);
void bpfstream_chain_append(struct bpfstream_chain *chain, const struct bpfstream_chain *newer);
void bpfstream_chain_free(struct bpfstream_chain *chain);

/* Elements released together: one reference operation a page. */
struct bpfstream_release {
	struct bpfstream_page *page;
	u32 grains;
};

void bpfstream_release_elem(struct bpfstream_release *rel, const struct bpfstream_elem *elem);
void bpfstream_release_end(struct bpfstream_release *rel);
void bpfstream_page_retire(struct bpfstream_page *page, u32 carved);

static inline struct bpfstream_elem *bpfstream_elem_of(struct bpfstream_node *node)
{
	return node ? bsp_container_of(node, struct bpfstream_elem, node) : NULL;
}

/* Bytes of text written so far. */
static inline u64 bpfstream_out_bytes(const struct bpfstream_out *out)
{
	return out->chain.bytes + (out->elem ? (u64)(out->pos - out->elem->text) : 0);
}

#endif
