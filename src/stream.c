// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stream.c - one stream: bounded, ordered, read in parts
 *
 * Invariants
 *   I1  Charged and published are one: the log's weight is the text on log and backlog, less
 *       what a deliver in progress has yet to settle.
 *   I2  The weight never reaches the capacity, and a message that fits is not refused.
 *   I3  A message is readable whole or not at all, once, and in the order of publication.
 *   I4  A refused message changed nothing but a loss counter, and always that.
 *   I5  Backlog and in_hand belong to the holder of the mutex. At every instruction the backlog
 *       is a list that the same thread, interrupting itself, may walk (deliver_hidden).
 *   I6  Bytes at the backlog's front, up to in_hand, are in the hands of the deliver that was
 *       interrupted last, or of those under it: nobody else delivers them. What lies behind
 *       may be consumed under all of these.
 *
 * Ordering: that of llist.c (push:A -> take:A: text, then the log) and page.c (a reader's last
 * look at an element, then its page's next life). Counters of losses publish nothing but their own
 * turns (tally.h).
 */
#include "stream.h"

#define PIECES	16u
#define AHEAD	1024	/* bytes behind an element to fetch while it is looked at */
#define SETTLE	65536u	/* bytes of a read after which room is made for writers */

static_assert(sizeof(struct bpfstream_total) == BPFSTREAM_MARK_LEN, "a loss mark is two counters");

/**
 * bpfstream_init() - make a stream, empty
 * @s: storage
 * @capacity: exclusive bound of the bytes waiting
 * @flags: BPFSTREAM_FLAG_LOST_LINES or 0
 *
 * Context: Process; may sleep.
 */
void bpfstream_init(struct bpfstream *s, u32 capacity, u32 flags)
{
	unsigned int i;

	bpfstream_llist_init(&s->log);
	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++)
		bpfstream_tally_init(&s->lost[i]);
	bsp_store_relaxed(&s->marked, (u64)0);
	s->capacity = capacity;
	s->flags = flags;
	bsp_mutex_init(&s->lock);
	s->backlog.first = NULL;
	s->in_hand = 0;
	s->told = 0;
	s->told_bytes = 0;
	s->line_len = 0;
	s->line_pos = 0;
}

/**
 * bpfstream_destroy() - free all text and what init made
 * @s: stream that nobody uses
 *
 * Context: Process.
 */
void bpfstream_destroy(struct bpfstream *s)
{
	bpfstream_discard(s);
	bsp_mutex_destroy(&s->lock);
}

/* ---- losses ---- */

/**
 * bpfstream_account_loss() - count messages that were refused
 * @s: stream
 * @cause: why
 * @messages: how many
 * @bytes: of text, as far as it was formatted
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_account_loss(struct bpfstream *s, enum bpfstream_cause cause, u64 messages,
			    u64 bytes)
{
	bpfstream_tally_add(&s->lost[cause], messages, bytes);
}

/**
 * bpfstream_cause_of() - the cause that goes with an error
 * @err: negative errno of a writer
 *
 * Context: Any.
 * Return: cause.
 */
enum bpfstream_cause bpfstream_cause_of(int err)
{
	if (err == -ENOSPC)
		return BPFSTREAM_LOST_FULL;
	return err == -ENOMEM ? BPFSTREAM_LOST_NOMEM : BPFSTREAM_LOST_INVALID;
}

/**
 * bpfstream_lost() - what was refused so far, for any cause
 * @s: stream
 *
 * Context: Any context, NMI-safe.
 * Return: messages and their bytes.
 */
struct bpfstream_total bpfstream_lost(const struct bpfstream *s)
{
	struct bpfstream_total sum = { 0, 0 };
	unsigned int i;

	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++) {
		struct bpfstream_total one = bpfstream_tally_read(&s->lost[i]);

		sum.count += one.count;
		sum.sum += one.sum;
	}
	return sum;
}

/*
 * A loss mark is an element that carries the loss counters as they were when it was published.
 * The reader tells the difference to what it told before, so a stale or a second mark says
 * nothing false; and a mark costs the charge nothing.
 *
 * Puts one under @chain if losses are to be told. Returns the token of what it tells, or less.
 */
static u64 mark_losses(struct bpfstream *s, struct bpfstream_chain *chain)
{
	u64 token = bpfstream_loss_token(s);
	struct bpfstream_total now;
	struct bpfstream_elem *mark;

	if (token == bsp_load_relaxed(&s->marked))	/* Relaxed: a hint. */
		return 0;
	bsp_barrier();
	now = bpfstream_lost(s);
	mark = bpfstream_elem_mark(&now);
	if (mark) {
		bpfstream_node_set_next(&chain->oldest->node, &mark->node);
		chain->oldest = mark;
	}
	return token;
}

/* Take the mark off again, if there is one, for a chain whose oldest element is @oldest. */
static void unmark(struct bpfstream_chain *chain, struct bpfstream_elem *oldest)
{
	struct bpfstream_release rel = { NULL, 0 };

	if (chain->oldest == oldest)
		return;
	bpfstream_release_elem(&rel, chain->oldest);
	bpfstream_release_end(&rel);
	bpfstream_node_set_next(&oldest->node, NULL);
	chain->oldest = oldest;
}

static char *put_text(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_number(char *to, u64 value)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		*to++ = digits[--n];
	return to;
}

/* Have the reader told what was lost by now. */
static void tell_losses(struct bpfstream *s, struct bpfstream_total lost)
{
	u64 messages = lost.count - s->told, told_bytes = s->told_bytes;
	u64 bytes = lost.sum - told_bytes;
	char *end = s->line;

	if ((s64)messages <= 0)
		return;
	if ((s64)bytes < 0)	/* causes are not read at once: more of one, less of another */
		bytes = 0;
	end = put_text(end, "[");
	end = put_number(end, messages);
	end = put_text(end, messages == 1 ? " message, " : " messages, ");
	end = put_number(end, bytes);
	end = put_text(end, " bytes lost]\n");
	/* Never back: a fork in between may have told the child's of all there was. */
	if ((s64)(lost.count - s->told) > 0)
		s->told = lost.count;
	if ((s64)(told_bytes + bytes - s->told_bytes) > 0)
		s->told_bytes = told_bytes + bytes;
	s->line_pos = 0;
	s->line_len = (u32)(end - s->line);
}

static void tell_mark(struct bpfstream *s, const struct bpfstream_elem *mark)
{
	struct bpfstream_total then;

	memcpy(&then, mark->text, sizeof(then));
	tell_losses(s, then);
}

/* ---- writing ---- */

/**
 * bpfstream_publish() - charge for a chain and make it visible, or do neither
 * @s: stream, kept alive by the caller for the whole call
 * @chain: closed elements; the stream's on success, the caller's still otherwise
 * @was_empty: set to whether nothing waited just before
 *
 * Context: Any context, NMI-safe. Never sleeps, never spins on a lock.
 * Return: 0; -ENOSPC if the stream cannot hold it.
 */
int bpfstream_publish(struct bpfstream *s, struct bpfstream_chain *chain, bool *was_empty)
{
	struct bpfstream_elem *oldest = chain->oldest;
	u64 before, told = 0;

	*was_empty = false;
	if (!chain->newest)
		return 0;
	if (s->flags & BPFSTREAM_FLAG_LOST_LINES)
		told = mark_losses(s, chain);
	if (!bpfstream_llist_push(&s->log, &chain->newest->node, &chain->oldest->node,
				  chain->bytes, s->capacity, &before)) {
		unmark(chain, oldest);
		return -ENOSPC;
	}
	/* Not earlier: who publishes before us has to tell of the losses too. */
	if (chain->oldest != oldest)
		bsp_store_relaxed(&s->marked, told);
	*was_empty = !before;
	bpfstream_chain_init(chain);
	return 0;
}

/**
 * bpfstream_publish_out() - end the writing of a message: publish it, or drop and count it
 * @s: stream
 * @out: writer's state, left afterwards
 * @err: 0, or why the message is not to be published
 * @was_empty: set to whether the stream was empty and is not now
 *
 * Context: Any context, NMI-safe.
 * Return: 0; @err; -ENOSPC if the stream cannot hold the message.
 */
int bpfstream_publish_out(struct bpfstream *s, struct bpfstream_out *out, int err, bool *was_empty)
{
	u64 bytes = bpfstream_out_bytes(out);

	*was_empty = false;
	if (!err) {
		bpfstream_out_close(out);
		err = bpfstream_publish(s, &out->chain, was_empty);
	}
	if (err) {
		bpfstream_account_loss(s, bpfstream_cause_of(err), 1, bytes);
		bpfstream_out_drop(out);
	}
	bpfstream_out_leave(out);
	return err;
}

/**
 * bpfstream_push() - append one message to a stream
 * @s: stream, kept alive by the caller for the whole call
 * @text: message bytes; need not be NUL-terminated
 * @len: bytes in @text
 * @was_empty: set to whether the stream was empty and is not now
 *
 * Readers see the message whole or not at all. On error only a loss counter has changed.
 *
 * Context: Any context, NMI-safe. Never sleeps, never spins on a lock.
 * Return: 0; -ENOSPC if the stream cannot hold @len more bytes; -ENOMEM if no page could be
 *	had.
 */
int bpfstream_push(struct bpfstream *s, const char *text, size_t len, bool *was_empty)
{
	struct bpfstream_spot spot;
	struct bpfstream_out out;
	int err;

	if (len >= s->capacity) {
		*was_empty = false;
		bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, len);
		return -ENOSPC;
	}
	bpfstream_spot_open(&spot, &out.flags);
	if (len && len <= (size_t)(spot.end - spot.pos)) {
		memcpy(spot.pos, text, len);
		spot.pos += len;
		if (bpfstream_spot_will_do(s, &spot))
			return bpfstream_publish_spot(s, &spot, out.flags, was_empty);
		len = 0;
	}
	bpfstream_out_go_on(&out, &spot, s->capacity);
	err = bpfstream_out_write(&out, text, len);
	return bpfstream_publish_out(s, &out, err, was_empty);
}

/* ---- reading ---- */

static u32 elem_rest(const struct bpfstream_elem *elem)
{
	/* Relaxed: a deliver_hidden of this very thread may have consumed the element. */
	return (u32)elem->len - bsp_load_relaxed(&elem->consumed);
}

static bool is_mark(const struct bpfstream_elem *elem)
{
	return elem->len == BPFSTREAM_ELEM_MARK;
}

static struct bpfstream_elem *elem_next(struct bpfstream_elem *elem)
{
	return bpfstream_elem_of(bpfstream_node_next(&elem->node));
}

/*
 * Take the log, newest first, and make it @queue, oldest first, which is empty. One store: a child
 * that is forked beside it finds all of the queue or nothing.
 */
static void queue_take(struct bpfstream_queue *queue, struct bpfstream *s)
{
	struct bpfstream_node *newest = bpfstream_llist_take(&s->log);

	if (newest)
		bsp_store_relaxed(&queue->first,
				  bpfstream_elem_of(bpfstream_llist_reverse(newest)));
}

/* Unlink the first element, then release it: an interrupting walk never meets it released. */
static void queue_pop(struct bpfstream_queue *queue, struct bpfstream_release *rel)
{
	struct bpfstream_elem *elem = queue->first;

	bsp_store_relaxed(&queue->first, elem_next(elem));
	bsp_barrier();
	bpfstream_release_elem(rel, elem);
}

/*
 * What is offered to a sink.
 * @bytes: in all pieces
 * @after: the first element that is not offered as a whole, or NULL
 * @cut: how many bytes of @after are offered
 * @run: what the elements before @after take of each page
 */
struct bpfstream_offer {
	u64 bytes;
	struct bpfstream_elem *after;
	u32 cut;
	u32 nr_runs;
	struct bpfstream_release run[BPFSTREAM_SINK_PAGES];
};

/* The run of @elem's page in @offer; NULL if that would be one too many. */
static struct bpfstream_release *offer_run(struct bpfstream_offer *offer,
					   const struct bpfstream_elem *elem)
{
	struct bpfstream_page *page = bpfstream_elem_page(elem);
	struct bpfstream_release *run;

	for (run = offer->run; run < offer->run + offer->nr_runs; run++)
		if (run->page == page)
			return run;
	if (offer->nr_runs == BPFSTREAM_SINK_PAGES)
		return NULL;
	offer->nr_runs++;
	run->page = page;
	run->grains = 0;
	return run;
}

/*
 * Up to @room pieces at the front of @queue, of @max bytes at most, up to the first loss mark and
 * out of a few pages only. Returns how many.
 */
static unsigned int queue_peek(const struct bpfstream_queue *queue, struct bpfstream_piece *piece,
			       unsigned int room, u64 max, struct bpfstream_offer *offer)
{
	struct bpfstream_piece *next = piece, *end = piece + room;
	struct bpfstream_release *run = offer->run;
	struct bpfstream_page *page = NULL;
	struct bpfstream_elem *elem;
	u64 left = max;
	u32 grains = 0;

	offer->cut = 0;
	offer->nr_runs = 0;
	for (elem = queue->first; elem && next < end && !is_mark(elem); elem = elem_next(elem)) {
		u32 from = bsp_load_relaxed(&elem->consumed);
		u32 rest = elem->len - from;

		bsp_prefetch((char *)elem + AHEAD);
		if (rest > left) {
			offer->cut = (u32)left;
			break;
		}
		if (bpfstream_elem_page(elem) != page) {
			run->grains = grains;
			run = offer_run(offer, elem);
			if (!run)
				break;
			page = run->page;
			grains = run->grains;
		}
		grains += bpfstream_elem_grains(elem->len);
		if (!rest)	/* a deliver_hidden was here */
			continue;
		next->text = elem->text + from;
		next->len = rest;
		next++;
		left -= rest;
	}
	if (run)
		run->grains = grains;
	if (offer->cut) {
		next->text = elem->text + elem->consumed;
		next->len = left;
		next++;
		left = 0;
	}
	offer->after = elem;
	offer->bytes = max - left;
	return (unsigned int)(next - piece);
}

/* All of an offer was taken: unlink it, before offer_release(), as queue_pop(). */
static void queue_unlink(struct bpfstream_queue *queue, const struct bpfstream_offer *offer)
{
	struct bpfstream_elem *after = offer->after;

	if (offer->cut)
		bsp_store_relaxed(&after->consumed, (u16)(after->consumed + offer->cut));
	bsp_store_relaxed(&queue->first, after);
}

static void offer_release(const struct bpfstream_offer *offer, struct bpfstream_release *rel)
{
	u32 i;

	for (i = 0; i < offer->nr_runs; i++)
		bpfstream_release_grains(rel, offer->run[i].page, offer->run[i].grains);
}

/* Consume @bytes at the front of @queue; elements that are used up go. Stops at a loss mark. */
static void queue_consume(struct bpfstream_queue *queue, u64 bytes, struct bpfstream_release *rel)
{
	while (queue->first && !is_mark(queue->first)) {
		struct bpfstream_elem *elem = queue->first;
		u32 rest = elem_rest(elem);

		if (rest > bytes) {
			bsp_store_relaxed(&elem->consumed, (u16)(elem->consumed + bytes));
			return;
		}
		bytes -= rest;
		bsp_store_relaxed(&elem->consumed, elem->len);
		queue_pop(queue, rel);
	}
}

/* The next piece of a loss line, if one is due before any more text. */
static bool line_due(struct bpfstream *s, struct bpfstream_release *rel)
{
	while (s->line_pos == s->line_len && s->backlog.first && is_mark(s->backlog.first)) {
		tell_mark(s, s->backlog.first);
		queue_pop(&s->backlog, rel);
	}
	if (s->line_pos == s->line_len && !s->backlog.first &&
	    (s->flags & BPFSTREAM_FLAG_LOST_LINES))
		tell_losses(s, bpfstream_lost(s));
	return s->line_pos < s->line_len;
}

/*
 * A deliver in progress.
 * @piece: room for what a sink is called with, @nr_pieces of them
 * @max: bytes that may still be taken
 * @text: how many of them messages'
 * @total: bytes taken
 * @owed: how many of them messages' and not yet off the log's weight (I1)
 * @settle: take them off at the end, and when they come to this: writers contend for that word
 * @stuck: the sink took a part only, or none and returned @err
 * @rel: elements whose page has more to come
 */
struct bpfstream_delivery {
	struct bpfstream *s;
	bpfstream_sink_fn sink;
	void *ctx;
	struct bpfstream_piece *piece;
	unsigned int nr_pieces;
	size_t max;
	u64 text;
	size_t total;
	u64 owed;
	u64 settle;
	bool stuck;
	long err;
	struct bpfstream_release rel;
};

/* What the sink made of @offered bytes. */
static void delivered(struct bpfstream_delivery *d, u64 offered, long n)
{
	d->stuck = n < 0 || (u64)n != offered;
	d->err = n < 0 ? n : 0;
	d->total += n > 0 ? (size_t)n : 0;
	d->max -= n > 0 ? (size_t)n : 0;
}

static void deliver_line(struct bpfstream_delivery *d)
{
	struct bpfstream *s = d->s;
	struct bpfstream_piece piece = { s->line + s->line_pos, s->line_len - s->line_pos };
	long n;

	if (piece.len > d->max)
		piece.len = d->max;
	n = d->sink(d->ctx, &piece, 1);
	if (n > 0)
		s->line_pos += (u32)n;
	delivered(d, piece.len, n);
}

static void settle(struct bpfstream_delivery *d)
{
	if (d->owed)
		bpfstream_llist_lighten(&d->s->log, d->owed);
	d->owed = 0;
}

/*
 * The backlog's text up to the first loss mark, a sink call's worth at a time. in_hand covers all
 * of that before the first look (I6).
 */
static void deliver_text(struct bpfstream_delivery *d)
{
	struct bpfstream *s = d->s;

	do {
		u64 max = d->max < d->text ? d->max : d->text;
		struct bpfstream_offer offer;
		unsigned int nr;
		long n = 0;

		bsp_store_relaxed(&s->in_hand, ~(u64)0);
		bsp_barrier();
		nr = queue_peek(&s->backlog, d->piece, d->nr_pieces, max, &offer);
		bsp_store_relaxed(&s->in_hand, offer.bytes);
		if (nr)
			n = d->sink(d->ctx, d->piece, nr);
		delivered(d, offer.bytes, n);
		if (!d->stuck)
			queue_unlink(&s->backlog, &offer);
		else if (n > 0)
			queue_consume(&s->backlog, (u64)n, &d->rel);
		bsp_barrier();
		bsp_store_relaxed(&s->in_hand, (u64)0);
		if (!d->stuck)
			offer_release(&offer, &d->rel);
		if (n > 0) {
			d->text -= (u64)n;
			d->owed += (u64)n;
		}
		if (d->owed >= d->settle)
			settle(d);
	} while (!d->stuck && d->max && d->text && s->backlog.first && !is_mark(s->backlog.first));
}

/*
 * A loss line that begins when either no message waits or all text that may be taken was is the
 * last: writers that lose without end do not keep us here.
 */
static long deliver(struct bpfstream_delivery *d)
{
	struct bpfstream *s = d->s;
	bool end = false;

	while (!end && d->max && !d->stuck) {
		if (!s->backlog.first)
			queue_take(&s->backlog, s);
		end = s->line_pos == s->line_len && (!s->backlog.first || !d->text);
		if (line_due(s, &d->rel))
			deliver_line(d);
		else if (!end)
			deliver_text(d);
	}
	bpfstream_release_end(&d->rel);
	settle(d);
	return d->total ? (long)d->total : d->err;
}

/**
 * bpfstream_deliver() - hand text to a sink, oldest first
 * @s: stream
 * @sink: takes it
 * @ctx: for @sink
 * @max: bytes at most
 *
 * Ends when @max bytes went, nothing waits, or @sink took less than it was offered. What was
 * not taken stays, and so does its charge.
 *
 * Context: Process, with the stream's mutex.
 * Return: bytes taken; if none, 0 when nothing waits, else @sink's error.
 */
long bpfstream_deliver(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx, size_t max)
{
	struct bpfstream_piece piece[PIECES];
	struct bpfstream_delivery d = {
		.s = s, .sink = sink, .ctx = ctx, .piece = piece, .nr_pieces = PIECES,
		.max = max, .text = ~(u64)0, .settle = SETTLE,
	};

	return deliver(&d);
}

/**
 * bpfstream_deliver_all() - hand all text to a sink, oldest first
 * @s: stream
 * @sink: takes it
 * @ctx: for @sink
 * @piece: scratch, for what one call of @sink is offered
 * @nr: pieces that there is room for
 *
 * As bpfstream_deliver(), but what bounds it is the stream's capacity in bytes of messages, so
 * that it ends while others print, and each call of @sink is settled with the log: it may have to
 * wait. Lines about losses come on top.
 *
 * Context: Process, with the stream's mutex; or whoever has won it without waiting.
 * Return: bytes taken; if none, 0 when nothing waits, else @sink's error.
 */
long bpfstream_deliver_all(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx,
			   struct bpfstream_piece *piece, unsigned int nr)
{
	struct bpfstream_delivery d = {
		.s = s, .sink = sink, .ctx = ctx, .piece = piece, .nr_pieces = nr,
		.max = ~(size_t)0, .text = s->capacity, .settle = 1,
	};

	return deliver(&d);
}

/* Text that could not be delivered goes back on the log. What was published since is older now. */
static void put_back(struct bpfstream *s, struct bpfstream_queue *queue)
{
	struct bpfstream_node *oldest = &queue->first->node;
	u64 before;

	if (!bpfstream_llist_push(&s->log, bpfstream_llist_reverse(oldest), oldest, 0, ~(u64)0,
				  &before))
		(void)bsp_warn_once(true);
}

/**
 * bpfstream_deliver_log() - hand the log's text to a sink, past whoever holds the mutex
 * @s: stream
 * @sink: takes it
 * @ctx: for @sink
 *
 * For last words: what a reader has on its backlog is not seen. If @sink takes only a part, the
 * rest goes back on the log behind what was published in between.
 *
 * Context: Any context, NMI-safe, as far as @sink is.
 * Return: bytes taken; if none, 0 when nothing waits, else @sink's error.
 */
long bpfstream_deliver_log(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx)
{
	struct bpfstream_queue queue = { NULL };
	struct bpfstream_release rel = { NULL, 0 };
	struct bpfstream_piece piece;	/* one at a time: the stack may be a small one */
	struct bpfstream_offer offer = { 0, NULL, 0, 0, { { NULL, 0 } } };
	size_t total = 0;
	long n = 0;

	queue_take(&queue, s);
	while (queue.first && n >= 0 && (u64)n == offer.bytes) {
		if (is_mark(queue.first)) {
			queue_pop(&queue, &rel);
			continue;
		}
		n = sink(ctx, &piece, queue_peek(&queue, &piece, 1, ~(u64)0, &offer));
		if (n > 0) {
			queue_consume(&queue, (u64)n, &rel);
			bpfstream_llist_lighten(&s->log, (u64)n);
			total += (size_t)n;
		}
	}
	bpfstream_release_end(&rel);
	if (queue.first)
		put_back(s, &queue);
	return total ? (long)total : n < 0 ? n : 0;
}

/**
 * bpfstream_deliver_hidden() - hand a sink the backlog of the deliver that this call interrupts
 * @s: stream
 * @sink: takes it
 * @ctx: for @sink
 *
 * The interrupted deliver keeps what it has in hand and later finds the rest consumed (I6). It may
 * be a deliver_hidden itself: what that one hands to its sink is in hand for as long.
 *
 * Context: Any context, on top of the thread that holds the mutex.
 * Return: bytes taken; if none, 0 when nothing waits, else @sink's error.
 */
long bpfstream_deliver_hidden(struct bpfstream *s, bpfstream_sink_fn sink, void *ctx)
{
	const u64 others = bsp_load_relaxed(&s->in_hand);
	struct bpfstream_elem *elem;
	size_t total = 0;
	u64 passed = 0;		/* text that stays, in front of elem */
	long n = 0;

	for (elem = bsp_load_relaxed(&s->backlog.first); elem; elem = elem_next(elem)) {
		struct bpfstream_piece piece;

		if (is_mark(elem))
			continue;
		bsp_store_relaxed(&s->in_hand, ~(u64)0);
		bsp_barrier();
		piece.text = elem->text + elem->consumed;
		piece.len = elem_rest(elem);
		if (passed < others || !piece.len) {
			passed += piece.len;
			continue;
		}
		bsp_store_relaxed(&s->in_hand, passed + piece.len);
		n = sink(ctx, &piece, 1);
		if (n <= 0)
			break;
		bsp_store_relaxed(&elem->consumed, (u16)(elem->consumed + n));
		bpfstream_llist_lighten(&s->log, (u64)n);
		total += (size_t)n;
		if ((size_t)n < piece.len)
			break;
	}
	bsp_barrier();
	bsp_store_relaxed(&s->in_hand, others);
	return total ? (long)total : n;
}

/**
 * bpfstream_discard_log() - free the log's text, past whoever holds the mutex
 * @s: stream
 *
 * Context: Any context, NMI-safe.
 */
void bpfstream_discard_log(struct bpfstream *s)
{
	struct bpfstream_chain log = { .newest = bpfstream_elem_of(bpfstream_llist_take(&s->log)) };
	u64 bytes = bpfstream_text_rest(log.newest);

	bpfstream_chain_free(&log);
	bpfstream_llist_lighten(&s->log, bytes);
}

static void discard_backlog(struct bpfstream *s)
{
	struct bpfstream_release rel = { NULL, 0 };
	u64 bytes = 0;

	while (s->backlog.first) {
		if (!is_mark(s->backlog.first))
			bytes += elem_rest(s->backlog.first);
		queue_pop(&s->backlog, &rel);
	}
	bpfstream_release_end(&rel);
	bpfstream_llist_lighten(&s->log, bytes);
}

/**
 * bpfstream_discard() - free all text, as if it had been read
 * @s: stream; the caller holds the mutex or is alone
 *
 * Context: Any.
 */
void bpfstream_discard(struct bpfstream *s)
{
	discard_backlog(s);
	queue_take(&s->backlog, s);
	discard_backlog(s);
	s->line_pos = s->line_len;
}

/**
 * bpfstream_pending() - what was accepted and not yet delivered
 * @s: stream
 *
 * Context: Any context, NMI-safe.
 * Return: bytes.
 */
u64 bpfstream_pending(const struct bpfstream *s)
{
	return bpfstream_llist_weight(&s->log);
}
