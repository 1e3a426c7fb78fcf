// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * verdict.c - hold what readers got against what writers say they printed
 *
 * The text of a sole reader is one sequence of whole messages. Readers beside each other cut
 * messages where their buffers end and where a dump takes what a reader has not in hand; the
 * parts are put together again, and each has to fit somewhere. Their calls end in a NUL each, and
 * a dump of several programs has a heading for each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "verdict.h"

/* What a message says of itself. */
struct head {
	unsigned int writer;
	u32 seq;
	u32 index;
	u32 count;
	u32 len;
};

static bool take_number(const char **at, unsigned int digits, u32 *value)
{
	for (*value = 0; digits; digits--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (u32)(**at - '0');
	}
	return true;
}

static bool take_byte(const char **at, char byte)
{
	return *(*at)++ == byte;
}

/* At least ACCOUNT_HEAD bytes. */
static bool parse_head(const char *at, struct head *h)
{
	return take_byte(&at, '<') && take_number(&at, 3, &h->writer) && take_byte(&at, ' ') &&
	       take_number(&at, 7, &h->seq) && take_byte(&at, ' ') &&
	       take_number(&at, 1, &h->index) && take_byte(&at, '/') &&
	       take_number(&at, 1, &h->count) && take_byte(&at, ' ') &&
	       take_number(&at, 4, &h->len) && take_byte(&at, ' ') && h->index &&
	       h->index <= h->count && h->count <= ACCOUNT_GROUP_MAX && h->len <= ACCOUNT_FILL_MAX;
}

static size_t whole_len(const struct head *h)
{
	return ACCOUNT_HEAD + h->len + ACCOUNT_TAIL;
}

/* Whether @text begins with a message that is whole. */
static bool parse(const char *text, size_t len, struct head *h)
{
	char letter, tail[ACCOUNT_TAIL];
	u32 i;

	if (len < ACCOUNT_HEAD || !parse_head(text, h) || len < whole_len(h))
		return false;
	letter = account_letter(h->writer, h->seq);
	for (i = 0; i < h->len; i++)
		if (text[ACCOUNT_HEAD + i] != letter)
			return false;
	account_compose_tail(tail, h->writer, h->seq);
	return !memcmp(text + ACCOUNT_HEAD + h->len, tail, ACCOUNT_TAIL);
}

static uint8_t *fate_of(const struct verdict_book *book, const struct head *h)
{
	if (h->writer >= book->nr || h->seq >= book->account[h->writer].next)
		return NULL;
	return &book->account[h->writer].fate[h->seq];
}

static void see(const struct verdict_book *book, const struct head *h)
{
	uint8_t *fate = fate_of(book, h);

	if (!fate)
		fail_msg("message %u:%u was never printed", h->writer, h->seq);
	else if (*fate & FATE_SEEN)
		fail_msg("message %u:%u is there twice", h->writer, h->seq);
	else if (*fate == FATE_REFUSED)
		fail_msg("message %u:%u was refused and is there", h->writer, h->seq);
	else
		*fate |= FATE_SEEN;
}

/* ---- order ---- */

/* Of each writer the next sequence number that may come. */
static u32 *order_new(const struct verdict_book *book)
{
	u32 *next = calloc(book->nr, sizeof(*next));

	assert_non_null(next);
	return next;
}

static void order_check(u32 *next, const struct head *h)
{
	if (h->seq < next[h->writer])
		fail_msg("message %u:%u comes after its successor", h->writer, h->seq);
	next[h->writer] = h->seq + 1;
}

/* The first of [@from, @to) that was not refused, or @to. */
static u32 next_kept(const struct account *a, u32 from, u32 to)
{
	while (from < to && a->fate[from] == FATE_REFUSED)
		from++;
	return from;
}

/*
 * A group's messages follow each other, but for those that were refused.
 * @writer, @seq: what has to follow, if @open
 */
struct group {
	bool open;
	unsigned int writer;
	u32 seq;
};

static void group_check(const struct verdict_book *book, struct group *g, const struct head *h)
{
	const struct account *a = &book->account[h->writer];
	u32 first = h->seq + 1 - h->index;
	u32 end = first + h->count;

	if (g->open && (g->writer != h->writer || g->seq != h->seq))
		fail_msg("message %u:%u stands where %u:%u of a group should", h->writer, h->seq,
			 g->writer, g->seq);
	if (!g->open && next_kept(a, first, h->seq) != h->seq)
		fail_msg("message %u:%u stands without its group", h->writer, h->seq);
	g->writer = h->writer;
	g->seq = next_kept(a, h->seq + 1, end);
	g->open = g->seq < end;
}

/**
 * verdict_sole() - all that a stream said, to one reader at a time
 * @book: accounts
 * @text: text
 */
void verdict_sole(const struct verdict_book *book, const struct verdict_text *text)
{
	u32 *next = order_new(book);
	struct group g = { false, 0, 0 };
	struct head h;
	size_t at;

	for (at = 0; at < text->len; at += whole_len(&h)) {
		if (!parse(text->text + at, text->len - at, &h))
			fail_msg("no whole message at byte %zu: %.*s", at, 60, text->text + at);
		see(book, &h);
		order_check(next, &h);
		group_check(book, &g, &h);
	}
	assert_false(g.open);
	free(next);
}

/* ---- parts of messages ---- */

enum part_kind {
	PART_HEAD,	/* begins a message */
	PART_MIDDLE,
	PART_TAIL,	/* ends one */
	PART_WHOLE,
	PART_USED
};

struct part {
	const char *text;
	size_t len;
	enum part_kind kind;
};

struct parts {
	struct part *part;
	size_t nr;
	size_t room;
};

static void parts_add(struct parts *parts, const struct part *part)
{
	if (parts->nr == parts->room) {
		parts->room = parts->room ? 2 * parts->room : 1024;
		parts->part = realloc(parts->part, parts->room * sizeof(*part));
		assert_non_null(parts->part);
	}
	parts->part[parts->nr++] = *part;
}

/* What is at @text up to a message's begin or end, or the end of a reader's call. */
static struct part part_at(const char *text, size_t len, struct head *h)
{
	struct part part = { text, 0, *text == '<' ? PART_HEAD : PART_MIDDLE };

	if (parse(text, len, h)) {
		part.len = whole_len(h);
		part.kind = PART_WHOLE;
		return part;
	}
	do {
		part.len++;
	} while (part.len < len && text[part.len - 1] != '\n' && !strchr("<=", text[part.len]));
	if (text[part.len - 1] == '\n') {
		if (part.kind == PART_HEAD)
			fail_msg("a message is not whole: %.*s", (int)part.len, text);
		part.kind = PART_TAIL;
	}
	return part;
}

/* Bytes of what is not text: the NUL after a call, or a program's heading. */
static size_t between(const char *text, size_t len)
{
	static const char begin[] = "==> ", end[] = " (stdout) <==\n";
	const char *at;

	if (!*text)
		return 1;
	if (len < sizeof(begin) || memcmp(text, begin, sizeof(begin) - 1))
		return 0;
	at = memmem(text, len < 80 ? len : 80, end, sizeof(end) - 1);
	assert_non_null(at);
	return (size_t)(at - text) + sizeof(end) - 1;
}

/* One reader's calls: whole messages, in order within a call, and parts of others. */
static void split(const struct verdict_book *book, const struct verdict_text *text,
		  struct parts *parts)
{
	u32 *next = order_new(book);
	struct head h;
	size_t at = 0;

	while (at < text->len) {
		size_t gap = between(text->text + at, text->len - at);
		struct part part;

		if (gap) {
			memset(next, 0, book->nr * sizeof(*next));
			at += gap;
			continue;
		}
		part = part_at(text->text + at, text->len - at, &h);
		at += part.len;
		if (part.kind == PART_WHOLE) {
			see(book, &h);
			order_check(next, &h);
		} else {
			parts_add(parts, &part);
		}
	}
	free(next);
}

/* Whether two or three parts are a message that nobody has seen yet. */
static bool join(const struct verdict_book *book, struct part *head, struct part *middle,
		 struct part *tail)
{
	size_t len = head->len + (middle ? middle->len : 0) + tail->len;
	char text[ACCOUNT_TEXT_MAX], *to;
	struct head h;
	uint8_t *fate;

	if (len > sizeof(text))
		return false;
	/* Cheaper than to copy it. */
	if (head->len >= ACCOUNT_HEAD && (!parse_head(head->text, &h) || len != whole_len(&h)))
		return false;
	memcpy(text, head->text, head->len);
	to = text + head->len;
	if (middle) {
		memcpy(to, middle->text, middle->len);
		to += middle->len;
	}
	memcpy(to, tail->text, tail->len);
	if (!parse(text, len, &h) || len != whole_len(&h))
		return false;
	fate = fate_of(book, &h);
	if (!fate || *fate & FATE_SEEN || *fate == FATE_REFUSED)
		return false;
	see(book, &h);
	head->kind = PART_USED;
	tail->kind = PART_USED;
	if (middle)
		middle->kind = PART_USED;
	return true;
}

static bool join_tail(const struct verdict_book *book, const struct parts *parts,
		      struct part *head, struct part *middle)
{
	size_t i;

	for (i = 0; i < parts->nr; i++)
		if (parts->part[i].kind == PART_TAIL &&
		    join(book, head, middle, &parts->part[i]))
			return true;
	return false;
}

static void join_head(const struct verdict_book *book, const struct parts *parts,
		      struct part *head)
{
	size_t i;

	if (join_tail(book, parts, head, NULL))
		return;
	for (i = 0; i < parts->nr; i++)
		if (parts->part[i].kind == PART_MIDDLE &&
		    join_tail(book, parts, head, &parts->part[i]))
			return;
}

/* Those whose head says which message it is choose first. */
static void join_all(const struct verdict_book *book, const struct parts *parts)
{
	size_t i, left = 0;
	int known;

	for (known = 1; known >= 0; known--)
		for (i = 0; i < parts->nr; i++)
			if (parts->part[i].kind == PART_HEAD &&
			    (parts->part[i].len >= ACCOUNT_HEAD) == known)
				join_head(book, parts, &parts->part[i]);
	for (i = 0; i < parts->nr; i++) {
		if (parts->part[i].kind == PART_USED)
			continue;
		print_error("a part that fits nowhere: %.*s\n", (int)parts->part[i].len,
			    parts->part[i].text);
		left++;
	}
	assert_int_equal(left, 0);
}

/**
 * verdict_shared() - all that a stream said, to several readers at once
 * @book: accounts
 * @text: what each got, with a NUL after each call
 * @nr: readers
 */
void verdict_shared(const struct verdict_book *book, const struct verdict_text *text,
		    unsigned int nr)
{
	struct parts parts = { NULL, 0, 0 };
	unsigned int i;

	for (i = 0; i < nr; i++)
		split(book, &text[i], &parts);
	join_all(book, &parts);
	free(parts.part);
}

/* ---- the sum ---- */

/** verdict_complete() - whatever was accepted has been seen */
void verdict_complete(const struct verdict_book *book)
{
	unsigned int i;
	u32 seq;

	for (i = 0; i < book->nr; i++) {
		const struct account *a = &book->account[i];

		assert_int_equal(a->errno_changed, 0);
		for (seq = 0; seq < a->next; seq++)
			if (a->fate[seq] == FATE_ACCEPTED)
				fail_msg("message %u:%u is missing", i, seq);
	}
}

/** verdict_vanished() - undecided messages that did not appear */
u64 verdict_vanished(const struct verdict_book *book)
{
	unsigned int i;
	u64 nr = 0;
	u32 seq;

	for (i = 0; i < book->nr; i++)
		for (seq = 0; seq < book->account[i].next; seq++)
			nr += book->account[i].fate[seq] == FATE_UNDECIDED;
	return nr;
}

/**
 * verdict_losses() - the stream counted what the writers counted
 * @book: accounts
 * @stat: of all streams they printed into, the sum
 *
 * The bytes too, where each message that was refused was formatted to its end and all messages
 * are decided.
 */
void verdict_losses(const struct verdict_book *book, const struct bpfstream_stat *stat)
{
	const u64 lost[] = { stat->lost_full, stat->lost_nomem, stat->lost_invalid };
	u64 refused[BPFSTREAM_NR_CAUSES] = { 0 }, bytes = 0, undecided = 0;
	unsigned int i, cause;

	for (i = 0; i < book->nr; i++) {
		for (cause = 0; cause < BPFSTREAM_NR_CAUSES; cause++)
			refused[cause] += book->account[i].refused[cause];
		bytes += book->account[i].refused_bytes;
		undecided += book->account[i].undecided;
	}
	for (cause = 0; cause < BPFSTREAM_NR_CAUSES; cause++)
		assert_in_range(lost[cause], refused[cause], refused[cause] + undecided);
	assert_int_equal(stat->lost_invalid, 0);
	if (!undecided && !stat->lost_nomem)
		assert_int_equal(stat->lost_bytes, bytes);
}
