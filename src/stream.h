/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.h - one stream: many writers, readers in turn
 *
 * Who may run with whom: publish, push, account and stat run beside everything, in any context.
 * deliver and deliver_all want the stream's mutex. deliver_log and discard_log run beside
 * everything, in any context, and deliver_hidden may interrupt a deliver of its own thread.
 */
#ifndef BPFSTREAM_STREAM_H
#define BPFSTREAM_STREAM_H

#include "page.h"
#include "tally.h"

#define BPFSTREAM_FLAG_LOST_LINES	1u

/* Why a message was lost. */
enum bpfstream_cause {
	BPFSTREAM_LOST_FULL,
	BPFSTREAM_LOST_NOMEM,
	BPFSTREAM_LOST_INVALID,
	BPFSTREAM_NR_CAUSES
};

/* Elements that one reader owns, oldest first. */
struct bpfstream_queue {
	struct bpfstream_elem *first;
};

/* Bytes of text on a list that nobody has taken yet. */
static inline u64 bpfstream_text_rest(const struct bpfstream_elem *elem)
{
	u64 bytes = 0;

	for (; elem; elem = bpfstream_elem_of(bpfstream_node_next(&elem->node)))
		if (elem->len != BPFSTREAM_ELEM_MARK)
			bytes += (u32)elem->len - bsp_load_relaxed(&elem->consumed);
	return bytes;
}

/*
 * @capacity: exclusive bound of the weight
 * @log: newest first; its weight is the bytes on log and backlog together
 * @marked: bpfstream_loss_token() when a loss mark was last published; a hint
 * @lost: messages refused, by cause, and their bytes
 * The rest is the reader's:
 * @backlog: oldest first
 * @in_hand: bytes at the backlog's front that a deliver has handed out and not yet settled
 * @told, @told_bytes: losses that the reader has been told of
 * @line, @line_len, @line_pos: a loss line being read
 */
struct bpfstream {
	u32 capacity;		/* apart from what writers contend for: they read it first */
	u32 flags;

	struct bpfstream_llist log BSP_LINE_ALIGNED;
	u64 marked;
	struct bpfstream_tally lost[BPFSTREAM_NR_CAUSES];

	struct bsp_mutex lock BSP_LINE_ALIGNED;
	struct bpfstream_queue backlog;
	u64 in_hand;
	u64 told;
	u64 told_bytes;
	u32 line_len;
	u32 line_pos;
	char line[72];
};

/* Text inside an element. */
struct bpfstream_piece {
	const char *text;
	size_t len;
};

#define BPFSTREAM_SINK_PAGES	4u	/* that the text of one sink call comes from, at most */

/*
 * Takes text off a reader's hands: all of @piece or a first part.
 * Returns bytes taken, or -errno if none could be.
 */
typedef long (*bpfstream_sink_fn)(void *ctx, const struct bpfstream_piece *piece, unsigned int nr);

void bpfstream_init(struct bpfstream *s, u32 capacity, u32 flags);
void bpfstream_destroy(struct bpfstream *s);
void bpfstream_discard(struct bpfstream *s);
void bpfstream_discard_log(struct bpfstream *s);

BSP_MUST_CHECK int bpfstream_publish(struct bpfstream *s, struct bpfstream_chain *chain,
				     bool *was_empty);
BSP_MUST_CHECK int bpfstream_publish_out(struct bpfstream *s, struct bpfstream_out *out, int err,
					 bool *was_empty);
BSP_MUST_CHECK int bpfstream_push(struct bpfstream *s, const char *text, size_t len,
				  bool *was_empty);
void bpfstream_account_loss(struct bpfstream *s, enum bpfstream_cause cause, u64 messages,
			    u64 bytes);
enum bpfstream_cause bpfstream_cause_of(int err);

long bpfstream_deliver(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx, size_t max);
long bpfstream_deliver_all(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx,
			   struct bpfstream_piece *piece, unsigned int nr);
long bpfstream_deliver_log(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx);
long bpfstream_deliver_hidden(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx);

u64 bpfstream_pending(const struct bpfstream *s);

struct bpfstream_total bpfstream_lost(const struct bpfstream *s);

/* Another value whenever more was lost. */
static inline u64 bpfstream_loss_token(const struct bpfstream *s)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++)
		sum += bpfstream_tally_token(&s->lost[i]);
	return sum;
}

/* Whether a message may go out from a spot: it is one, and no loss is to be told with it. */
static BSP_INLINE bool bpfstream_spot_will_do(const struct bpfstream *s,
					      const struct bpfstream_spot *spot)
{
	if (!bpfstream_spot_bytes(spot))
		return false;
	/* Relaxed: a hint. */
	return !(s->flags & BPFSTREAM_FLAG_LOST_LINES) ||
	       bpfstream_loss_token(s) == bsp_load_relaxed(&s->marked);
}

/**
 * bpfstream_publish_spot() - end the writing of a message that is complete in its spot
 * @s: stream
 * @spot: where it is, bpfstream_spot_will_do() for @s
 * @flags: as bpfstream_spot_open() has set them: the level is left
 * @was_empty: set to whether the stream was empty and is not now
 *
 * As bpfstream_publish_out(), for what most messages are.
 *
 * Context: Any context, NMI-safe.
 * Return: 0; -ENOSPC if the stream cannot hold the message.
 */
static BSP_INLINE int bpfstream_publish_spot(struct bpfstream *s,
					     const struct bpfstream_spot *spot,
					     unsigned long flags, bool *was_empty)
{
	u64 word = bsp_load_relaxed(&s->log.word);	/* Relaxed: only a guess. */
	u32 bytes = bpfstream_spot_bytes(spot);
	struct bpfstream_node *node = &spot->elem->node;
	u64 before = 1;
	int err = 0;

	if (bsp_unlikely(!bpfstream_llist_fits(word, bytes, s->capacity))) {
		err = -ENOSPC;
	} else {
		bpfstream_spot_close(spot);
		if (!bpfstream_llist_push_on(&s->log, word, node, node, bytes, s->capacity,
					     &before)) {
			bpfstream_spot_undo(spot);
			err = -ENOSPC;
		}
	}
	if (bsp_unlikely(err))
		bpfstream_tally_one(&s->lost[BPFSTREAM_LOST_FULL], bytes);
	*was_empty = !err && !before;
	bsp_cpu_leave(spot->cpu, flags);
	return err;
}

#endif
