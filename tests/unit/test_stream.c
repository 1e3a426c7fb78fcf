// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_stream.c - stream.c: bounded, ordered, read in parts, and honest about losses
 *
 * The numbers of messages that fit are those of a kernel stream of 100,000 bytes.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "stage.h"
#include "stream.h"

#define PLENTY	FIXTURE_TEXT_MAX

static char pattern[FIXTURE_CAPACITY + 100];

static struct bpfstream *stream_of(void **state)
{
	return ((struct fixture *)*state)->s;
}

static int push_bytes(struct bpfstream *s, size_t len)
{
	bool was_empty;

	return bpfstream_push(s, pattern, len, &was_empty);
}

/* Push messages of @len bytes until one is refused; returns how many went. */
static u32 fill_with(struct bpfstream *s, size_t len, int *err)
{
	u32 n = 0;

	while (!(*err = push_bytes(s, len)))
		n++;
	return n;
}

static int group_setup(void **state)
{
	(void)state;
	fixture_pattern(pattern, sizeof(pattern), 3);
	return 0;
}

/* ---- publishing and its bound ---- */

static void a_new_stream_holds_nothing(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(bpfstream_pending(s), 0);
	assert_int_equal(bpfstream_lost(s).count, 0);
	assert_reads(s, "");
}

static void a_published_message_is_charged_until_it_is_read(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(fixture_push(s, "hello"), 0);
	assert_int_equal(bpfstream_pending(s), 5);
	assert_int_equal(fixture_push(s, "\n"), 0);
	assert_int_equal(bpfstream_pending(s), 6);
	assert_int_equal(fixture_deliver(s, sink, 2), 2);
	assert_int_equal(bpfstream_pending(s), 4);
	assert_reads(s, "llo\n");
}

static void only_the_first_message_finds_the_stream_empty(void **state)
{
	struct bpfstream *s = stream_of(state);
	bool was_empty = false;

	assert_int_equal(bpfstream_push(s, "a", 1, &was_empty), 0);
	assert_true(was_empty);
	assert_int_equal(bpfstream_push(s, "b", 1, &was_empty), 0);
	assert_false(was_empty);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 1), 1);
	assert_int_equal(bpfstream_push(s, "c", 1, &was_empty), 0);
	assert_false(was_empty);
	assert_reads(s, "bc");
	was_empty = true;
	assert_int_equal(bpfstream_push(s, "", 0, &was_empty), 0);
	assert_false(was_empty);
	was_empty = true;
	assert_int_equal(bpfstream_push(s, pattern, FIXTURE_CAPACITY, &was_empty), -ENOSPC);
	assert_false(was_empty);
	assert_int_equal(bpfstream_push(s, "d", 1, &was_empty), 0);
	assert_true(was_empty);
	assert_reads(s, "d");
}

static void a_refused_message_was_not_the_first(void **state)
{
	struct bpfstream *s = stream_of(state);
	bool was_empty = true;

	s->capacity = 8;
	assert_int_equal(bpfstream_push(s, "1234", 4, &was_empty), 0);
	was_empty = true;
	assert_int_equal(bpfstream_push(s, "5678", 4, &was_empty), -ENOSPC);
	assert_false(was_empty);
	assert_reads(s, "1234");
}

static void the_largest_message_is_one_byte_short_of_the_capacity(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY), -ENOSPC);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY + 1), -ENOSPC);
	assert_int_equal(bsp_fault.page_allocs, 0);	/* not even tried */
	assert_int_equal(bpfstream_pending(s), 0);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 1), 0);
	assert_int_equal(bpfstream_pending(s), FIXTURE_CAPACITY - 1);
	assert_int_equal(push_bytes(s, 1), -ENOSPC);
	assert_reads_bytes(s, pattern, FIXTURE_CAPACITY - 1);
}

static void a_message_that_fits_beside_what_waits_is_not_refused(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(push_bytes(s, 60000), 0);
	assert_int_equal(push_bytes(s, 40000), -ENOSPC);
	assert_int_equal(push_bytes(s, 39999), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 10), 10);
	assert_int_equal(push_bytes(s, 11), -ENOSPC);
	assert_int_equal(push_bytes(s, 10), 0);
	assert_int_equal(bpfstream_pending(s), FIXTURE_CAPACITY - 1);
	bpfstream_discard(s);
}

static void the_kernels_numbers_of_messages_fit(void **state)
{
	static const struct {
		size_t len;
		u32 nr;
	} row[] = {
		{ 1, 99999 }, { 54, 1851 }, { 303, 330 }, { 1000, 99 }, { 1025, 97 },
		{ 99999, 1 }, { 100000, 0 },
	};
	struct bpfstream *s = stream_of(state);
	u32 i;
	int err;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		assert_int_equal(fill_with(s, row[i].len, &err), row[i].nr);
		assert_int_equal(err, -ENOSPC);
		assert_int_equal(push_bytes(s, 0), 0);
		assert_int_equal(bpfstream_pending(s), row[i].nr * row[i].len);
		assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), PLENTY),
				 row[i].nr * row[i].len);
		assert_int_equal(bpfstream_pending(s), 0);
	}
}

static void a_message_longer_than_a_kilobyte_is_like_any_other(void **state)
{
	struct bpfstream *s = stream_of(state);
	size_t len;
	int i;

	for (len = 1023; len <= 1025; len++) {
		assert_int_equal(push_bytes(s, len), 0);
		assert_reads_bytes(s, pattern, len);
	}
	for (i = 0; i < 300; i++) {
		assert_int_equal(push_bytes(s, 1025), 0);
		assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), PLENTY), 1025);
	}
}

static void empty_messages_cost_nothing(void **state)
{
	struct bpfstream *s = stream_of(state);
	unsigned long i, loops = fixture_loops(400000);

	for (i = 0; i < loops; i++)
		assert_int_equal(push_bytes(s, 0), 0);
	assert_int_equal(bsp_fault.page_allocs, 0);
	assert_true(bpfstream_llist_empty(&s->log));
	assert_reads(s, "");
}

static void a_full_stream_refuses_without_using_memory(void **state)
{
	struct bpfstream *s = stream_of(state);
	unsigned long i, loops = fixture_loops(20000);
	u32 pages;

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 1), 0);
	pages = bsp_arena_live();
	for (i = 0; i < loops; i++) {
		assert_int_equal(push_bytes(s, 100), -ENOSPC);
		assert_in_range(bsp_arena_live(), pages, pages + 1);
	}
	assert_int_equal(bpfstream_lost(s).count, loops);
	assert_reads_bytes(s, pattern, FIXTURE_CAPACITY - 1);
}

static void publishing_an_empty_chain_is_success_and_stores_nothing(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_chain chain;
	bool was_empty = true;

	bpfstream_chain_init(&chain);
	assert_int_equal(bpfstream_publish(s, &chain, &was_empty), 0);
	assert_false(was_empty);
	assert_true(bpfstream_llist_empty(&s->log));
}

static void a_chain_is_the_streams_when_published_and_the_callers_when_refused(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_elem *elem;
	struct bpfstream_out out;
	bool was_empty;

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 4), 0);
	bpfstream_out_open(&out, PLENTY);
	assert_int_equal(bpfstream_out_write(&out, "four", 4), 0);
	bpfstream_out_close(&out);
	elem = out.chain.newest;
	assert_int_equal(bpfstream_publish(s, &out.chain, &was_empty), -ENOSPC);
	assert_ptr_equal(out.chain.newest, elem);
	assert_int_equal(out.chain.bytes, 4);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 1), 1);
	assert_int_equal(bpfstream_publish(s, &out.chain, &was_empty), 0);
	assert_null(out.chain.newest);
	assert_int_equal(out.chain.bytes, 0);
	bpfstream_out_leave(&out);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), FIXTURE_CAPACITY - 5),
			 FIXTURE_CAPACITY - 5);
	assert_reads(s, "four");
}

static void a_writer_that_failed_publishes_nothing(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_out out;
	bool was_empty = true;

	bpfstream_out_open(&out, PLENTY);
	assert_int_equal(bpfstream_out_write(&out, pattern, 5000), 0);
	assert_int_equal(bpfstream_publish_out(s, &out, -EINVAL, &was_empty), -EINVAL);
	assert_false(was_empty);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_INVALID]).count, 1);
	assert_int_equal(bpfstream_lost(s).sum, 5000);
	assert_reads(s, "");
}

static void without_a_page_nothing_changes_but_the_loss(void **state)
{
	struct bpfstream *s = stream_of(state);
	unsigned long n;

	assert_int_equal(push_bytes(s, 30), 0);
	for (n = 1; n <= 5; n++) {
		fixture_fail_page(n, 1);
		assert_int_equal(push_bytes(s, 30000), -ENOMEM);
		assert_int_equal(bpfstream_pending(s), 30);
		assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_NOMEM]).count, n);
		assert_in_range(bsp_arena_live(), 1, 2);
	}
	fixture_fail_no_page();
	assert_int_equal(fixture_push(s, "|"), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 30), 30);
	assert_reads(s, "|");
}

/* ---- losses ---- */

static void losses_are_counted_by_cause(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(bpfstream_cause_of(-ENOSPC), BPFSTREAM_LOST_FULL);
	assert_int_equal(bpfstream_cause_of(-ENOMEM), BPFSTREAM_LOST_NOMEM);
	assert_int_equal(bpfstream_cause_of(-EINVAL), BPFSTREAM_LOST_INVALID);
	assert_int_equal(bpfstream_cause_of(-E2BIG), BPFSTREAM_LOST_INVALID);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 1), 0);
	assert_int_equal(push_bytes(s, 7), -ENOSPC);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY), -ENOSPC);
	bpfstream_discard(s);
	fixture_forget_pages();
	fixture_fail_page(1, 0);
	assert_int_equal(push_bytes(s, 10), -ENOMEM);
	fixture_fail_no_page();
	bpfstream_account_loss(s, BPFSTREAM_LOST_INVALID, 3, 33);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_FULL]).count, 2);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_NOMEM]).count, 1);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_INVALID]).count, 3);
	assert_int_equal(bpfstream_lost(s).count, 6);
	assert_int_equal(bpfstream_lost(s).sum, 7 + FIXTURE_CAPACITY + 0 + 33);
}

static void without_the_flag_nothing_is_told_of_losses(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY), -ENOSPC);
	assert_int_equal(fixture_push(s, "text"), 0);
	assert_reads(s, "text");
}

static void a_loss_line_stands_where_messages_are_missing(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(fixture_push(s, "before\n"), 0);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY), -ENOSPC);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY + 2), -ENOSPC);
	assert_int_equal(fixture_push(s, "after\n"), 0);
	assert_int_equal(fixture_push(s, "later\n"), 0);
	assert_reads(s, "before\n[2 messages, 200002 bytes lost]\nafter\nlater\n");
}

static void one_lost_message_is_in_the_singular(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_INVALID, 1, 0);
	assert_int_equal(fixture_push(s, "x"), 0);
	assert_reads(s, "[1 message, 0 bytes lost]\nx");
}

static void the_largest_numbers_fit_a_loss_line(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, INT64_MAX, INT64_MAX);
	assert_int_equal(fixture_push(s, "x"), 0);
	assert_reads(s, "[9223372036854775807 messages, 9223372036854775807 bytes lost]\nx");
}

static void a_loss_costs_no_charge(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 5);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 1), 0);
	assert_int_equal(bpfstream_pending(s), FIXTURE_CAPACITY - 1);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), PLENTY),
			 FIXTURE_CAPACITY - 1 + strlen("[1 message, 5 bytes lost]\n"));
	assert_reads(s, "");
}

static void each_gap_has_its_own_line(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 12, 640);
	assert_int_equal(fixture_push(s, "a\n"), 0);
	assert_int_equal(fixture_push(s, "b\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_NOMEM, 1, 10);
	assert_int_equal(fixture_push(s, "c\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_INVALID, 2, 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 1);
	assert_int_equal(fixture_push(s, "d\n"), 0);
	assert_reads(s, "[12 messages, 640 bytes lost]\na\nb\n[1 message, 10 bytes lost]\nc\n"
		     "[3 messages, 1 bytes lost]\nd\n");
}

static void losses_after_the_last_message_are_told_at_the_end(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(fixture_push(s, "last\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 4, 44);
	assert_reads(s, "last\n[4 messages, 44 bytes lost]\n");
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 2, 22);
	assert_reads(s, "[2 messages, 22 bytes lost]\n");
	assert_int_equal(fixture_push(s, "more\n"), 0);
	assert_reads(s, "more\n");
}

/* A full stream, a line before each of its messages and one at the end: more than its capacity. */
static void all_is_delivered_with_its_loss_lines_on_top(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);
	const size_t line = strlen("[1 message, 1 bytes lost]\n");
	struct bpfstream_piece piece[16];
	u64 nr;

	for (nr = 0; !push_bytes(s, 999); nr++)
		bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 1);
	assert_int_equal(bpfstream_pending(s), nr * 999);
	bsp_mutex_lock(&s->lock);
	assert_int_equal(bpfstream_deliver_all(s, fixture_take, sink, piece, 16),
			 nr * (999 + line) + strlen("[2 messages, 1000 bytes lost]\n") - line);
	bsp_mutex_unlock(&s->lock);
	assert_int_equal(sink->text[sink->len - 1], '\n');
	assert_reads(s, "");
}

/* What was lost while a line was read in parts is told by a line of its own, in the same call. */
static void the_rest_of_a_loss_line_is_not_the_end(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_deliver(s, sink, 9), 9);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 2, 20);
	assert_int_equal(fixture_deliver(s, sink, PLENTY),
			 strlen("e, 10 bytes lost]\n[2 messages, 20 bytes lost]\n"));
	assert_reads(s, "");
}

/* A sink during whose every call a message is lost, and one is printed if there is room. */
static long take_and_lose(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct bpfstream *s = ctx;
	long taken = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		taken += (long)piece[i].len;
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 1);
	assert_int_equal(push_bytes(s, 1), 0);
	return taken;
}

static void delivering_all_ends_while_others_print_and_lose(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_piece piece[1];
	long n;

	assert_int_equal(push_bytes(s, 10), 0);
	bsp_mutex_lock(&s->lock);
	n = bpfstream_deliver_all(s, take_and_lose, s, piece, 1);
	bsp_mutex_unlock(&s->lock);
	assert_true(n >= (long)FIXTURE_CAPACITY);
	bpfstream_discard(s);
}

static void a_loss_is_told_once_though_it_was_marked_and_read_past(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "a"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 20);
	assert_reads(s, "[1 message, 10 bytes lost]\na[1 message, 20 bytes lost]\n");
	assert_int_equal(fixture_push(s, "b"), 0);
	assert_reads(s, "b");
}

static void lose_and_print_and_lose(void *stream)
{
	struct bpfstream *s = stream;

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 500);
	assert_int_equal(fixture_push(s, "b\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_INVALID, 2, 0);
}

/* The mark of the print that was interrupted knows of the last loss, and not of all bytes. */
static void bytes_of_a_loss_that_a_mark_has_missed_are_told_once(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	fixture_at(BSP_POINT_COUNTER, 2, lose_and_print_and_lose, s);
	assert_int_equal(fixture_push(s, "a\n"), 0);
	assert_reads(s, "[2 messages, 510 bytes lost]\nb\n[1 message, 0 bytes lost]\na\n"
			"[1 message, 0 bytes lost]\n");
}

static void a_loss_line_may_be_read_in_parts_of_any_size(void **state)
{
	static const char expected[] = "ab[12 messages, 640 bytes lost]\ncd";
	struct bpfstream *s = stream_of(state);
	size_t part;

	for (part = 1; part <= sizeof(expected); part++) {
		struct fixture_sink *sink;
		long n;

		assert_int_equal(fixture_push(s, "ab"), 0);
		bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 12, 640);
		assert_int_equal(fixture_push(s, "cd"), 0);
		sink = fixture_sink(SIZE_MAX, 0);
		while ((n = fixture_deliver(s, sink, part)) > 0)
			assert_true((size_t)n <= part);
		assert_int_equal(n, 0);
		assert_int_equal(sink->len, sizeof(expected) - 1);
		assert_memory_equal(sink->text, expected, sizeof(expected) - 1);
	}
}

static void a_loss_line_that_the_sink_did_not_take_is_told_later(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink;

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "x"), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(0, -EIO), PLENTY), -EIO);
	sink = fixture_sink(5, -EIO);
	assert_int_equal(fixture_deliver(s, sink, PLENTY), 5);
	assert_memory_equal(sink->text, "[1 me", 5);
	assert_reads(s, "ssage, 10 bytes lost]\nx");
}

static void without_a_page_for_the_mark_the_loss_is_told_at_the_end(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(fixture_push(s, "a\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	/* The mark would lie one level up, where there is no page yet. */
	fixture_fail_page(1, 0);
	assert_int_equal(fixture_push(s, "b\n"), 0);
	fixture_fail_no_page();
	assert_reads(s, "a\nb\n[1 message, 10 bytes lost]\n");
}

static void without_a_page_for_the_mark_the_loss_is_told_by_the_next_message(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(fixture_push(s, "a\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	fixture_fail_page(1, 0);
	assert_int_equal(fixture_push(s, "b\n"), 0);
	fixture_fail_no_page();
	assert_int_equal(fixture_push(s, "c\n"), 0);
	assert_int_equal(fixture_push(s, "d\n"), 0);
	assert_reads(s, "a\nb\n[1 message, 10 bytes lost]\nc\nd\n");
}

/* As a handler would: lose one more, print, and read all that, mark included. */
static void lose_print_and_read(void *arg)
{
	struct bpfstream *s = arg;

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 5);
	assert_int_equal(fixture_push(s, "in\n"), 0);
	assert_reads(s, "[2 messages, 15 bytes lost]\nin\n");
}

static void a_mark_that_a_newer_one_has_overtaken_says_nothing(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	fixture_at(BSP_POINT_CMPXCHG, 0, lose_print_and_read, s);
	assert_int_equal(fixture_push(s, "out\n"), 0);
	assert_reads(s, "out\n");
}

static void a_mark_that_was_refused_with_its_message_is_made_anew(void **state)
{
	struct bpfstream *s = stream_of(state);
	u32 pages;
	int i;

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 1), 0);
	assert_int_equal(push_bytes(s, 10), -ENOSPC);
	pages = bsp_arena_live();
	for (i = 0; i < 500; i++)
		assert_int_equal(push_bytes(s, 10), -ENOSPC);
	assert_in_range(bsp_arena_live(), pages, pages + 2);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), FIXTURE_CAPACITY - 1),
			 FIXTURE_CAPACITY - 1);
	assert_int_equal(fixture_push(s, "x"), 0);
	assert_reads(s, "[501 messages, 5010 bytes lost]\nx");
}

static void a_refused_group_is_as_before_and_uses_no_memory(void **state)
{
	struct bpfstream *s = stream_of(state);
	unsigned long i, loops = fixture_loops(1000);
	struct bpfstream_staged group;
	struct bpfstream_elem *oldest;
	bool was_empty;
	u32 pages;

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 1), 0);
	bpfstream_staged_init(&group);
	assert_int_equal(bpfstream_staged_push(&group, "a group\n", 8), 0);
	oldest = group.chain.oldest;
	pages = bsp_arena_live();
	for (i = 0; i < loops; i++) {
		assert_int_equal(bpfstream_staged_commit(&group, s, &was_empty), -ENOSPC);
		assert_ptr_equal(group.chain.oldest, oldest);
		assert_null(bpfstream_node_next(&oldest->node));
	}
	assert_in_range(bsp_arena_live(), pages, pages + 1);
	bpfstream_staged_free(&group);
	bpfstream_discard(s);
	assert_int_equal(bpfstream_lost(s).count, loops);
	assert_true(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), PLENTY) > 0);
}

static void print_b(void *s)
{
	assert_int_equal(fixture_push(s, "b\n"), 0);
}

/* Whoever of the two is published first, the line stands before both. */
static void a_loss_line_stands_before_a_print_inside_the_print(void **state)
{
	static const enum bsp_point points[] = { BSP_POINT_CPU_ENTER, BSP_POINT_CPU_LEAVE,
						 BSP_POINT_CMPXCHG };
	struct bpfstream *s = stream_of(state);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
		fixture_at(points[i], 0, print_b, s);
		assert_int_equal(fixture_push(s, "a\n"), 0);
		assert_reads(s, "[1 message, 10 bytes lost]\nb\na\n");
	}
}

/* ---- reading ---- */

static void a_message_may_be_read_in_parts(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(fixture_push(s, "foo"), 0);
	assert_int_equal(fixture_deliver(s, sink, 2), 2);
	assert_int_equal(fixture_deliver(s, sink, 2), 1);
	assert_int_equal(fixture_deliver(s, sink, 1), 0);
	assert_memory_equal(sink->text, "foo", 3);
}

static void reading_nothing_takes_nothing(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(fixture_push(s, "foo"), 0);
	assert_int_equal(fixture_deliver(s, sink, 0), 0);
	assert_int_equal(sink->calls, 0);
	assert_int_equal(bpfstream_pending(s), 3);
	assert_reads(s, "foo");
}

static void parts_of_any_size_make_up_the_text(void **state)
{
	struct bpfstream *s = stream_of(state);
	static const size_t parts[] = { 1, 2, 7, 100, 4079, 4080, 4081, 30000 };
	u32 i;

	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct fixture_sink *sink;
		size_t total = 0;
		long n;

		while (total < 30000) {	/* lengths 1 to some 240, then one over pages */
			size_t len = total < 15000 ? total % 240 + 1 : 30000 - total;
			bool was_empty;

			assert_int_equal(bpfstream_push(s, pattern + total, len, &was_empty), 0);
			total += len;
		}
		sink = fixture_sink(SIZE_MAX, 0);
		while ((n = fixture_deliver(s, sink, parts[i])) > 0) {
			total -= (size_t)n;
			assert_int_equal(bpfstream_pending(s), total);
			assert_true((size_t)n == parts[i] || !total);
		}
		assert_int_equal(sink->len, 30000);
		assert_memory_equal(sink->text, pattern, 30000);
	}
}

static void messages_published_between_parts_come_after(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(fixture_push(s, "abcdef"), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 3), 3);
	assert_int_equal(fixture_push(s, "ghi"), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 1), 1);
	assert_int_equal(fixture_push(s, "jkl"), 0);
	assert_reads(s, "efghijkl");
}

static void what_a_failing_sink_did_not_take_stays(void **state)
{
	struct bpfstream *s = stream_of(state);
	size_t taken;

	for (taken = 0; taken <= 120; taken++) {
		struct fixture_sink *sink;
		char expected[121];
		int i;

		for (i = 0; i < 40; i++)
			assert_int_equal(push_bytes(s, 3), 0);
		for (i = 0; i < 40; i++)
			memcpy(expected + i * 3, pattern, 3);
		sink = fixture_sink(taken, -EIO);
		assert_int_equal(fixture_deliver(s, sink, PLENTY), taken ? (long)taken : -EIO);
		assert_memory_equal(sink->text, expected, taken);
		assert_int_equal(bpfstream_pending(s), 120 - taken);
		assert_reads_bytes(s, expected + taken, 120 - taken);
	}
}

static void a_sink_that_takes_less_is_not_asked_again(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(4, -EIO);

	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(fixture_push(s, "def"), 0);
	assert_int_equal(fixture_deliver(s, sink, PLENTY), 4);
	assert_int_equal(sink->calls, 1);
	assert_reads(s, "ef");
}

static void a_sink_that_takes_less_again_gets_what_comes_next(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink;

	assert_int_equal(fixture_push(s, "abcdefgh"), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(2, 0), PLENTY), 2);
	sink = fixture_sink(3, 0);
	assert_int_equal(fixture_deliver(s, sink, PLENTY), 3);
	assert_memory_equal(sink->text, "cde", 3);
	assert_reads(s, "fgh");
}

static void what_is_read_to_the_byte_leaves_no_page_behind(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(fixture_push(s, "def"), 0);
	fixture_forget_pages();
	assert_int_equal(bsp_arena_live(), 1);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 6), 6);
	assert_int_equal(bsp_arena_live(), 0);
}

/* A sink that counts the pages that the text of a call comes from. */
static long count_pages(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	unsigned int *most = ctx, pages = 0, i;
	uintptr_t page = 0;
	long bytes = 0;

	for (i = 0; i < nr; i++) {
		pages += (uintptr_t)piece[i].text / BSP_PAGE_SIZE != page;
		page = (uintptr_t)piece[i].text / BSP_PAGE_SIZE;
		bytes += (long)piece[i].len;
	}
	*most = pages > *most ? pages : *most;
	return bytes;
}

static void a_sink_call_has_text_of_a_few_pages(void **state)
{
	struct bpfstream *s = stream_of(state);
	unsigned int pages = 0;

	assert_int_equal(push_bytes(s, 10 * BSP_PAGE_SIZE), 0);
	bsp_mutex_lock(&s->lock);
	assert_int_equal(bpfstream_deliver(s, count_pages, &pages, PLENTY), 10 * BSP_PAGE_SIZE);
	bsp_mutex_unlock(&s->lock);
	assert_int_equal(pages, BPFSTREAM_SINK_PAGES);
}

static void discard_frees_all_and_keeps_the_losses(void **state)
{
	struct bpfstream *s = stream_of(state);

	assert_int_equal(push_bytes(s, 30000), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 100), 100);
	assert_int_equal(push_bytes(s, 30000), 0);
	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY), -ENOSPC);
	bpfstream_discard(s);
	assert_int_equal(bpfstream_pending(s), 0);
	assert_int_equal(bpfstream_lost(s).count, 1);
	assert_no_page_adrift();
	assert_reads(s, "");
	assert_int_equal(fixture_push(s, "new"), 0);
	assert_reads(s, "new");
}

static void discard_takes_marks_and_a_half_read_loss_line_with_it(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "a"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "b"), 0);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), 5), 5);
	bpfstream_discard(s);
	assert_int_equal(bpfstream_pending(s), 0);
	assert_no_page_adrift();
	assert_int_equal(fixture_push(s, "c"), 0);
	/* The second loss has not been told yet; what was cut off is gone. */
	assert_reads(s, "c[1 message, 10 bytes lost]\n");
}

/* ---- order, and interruptions ---- */

struct nmi {
	struct bpfstream *s;
	const char *text;
	int err;
};

static void print_nmi(void *arg)
{
	struct nmi *nmi = arg;

	nmi->err = fixture_push(nmi->s, nmi->text);
}

static void a_print_inside_a_print_is_stored_and_first_to_be_published(void **state)
{
	static const struct {
		enum bsp_point at;
		const char *order;
	} row[] = {
		{ BSP_POINT_CPU_ENTER, "nmi task " },
		{ BSP_POINT_PAGE_ALLOC, "nmi task " },
		{ BSP_POINT_CMPXCHG, "nmi task " },
		{ BSP_POINT_CPU_LEAVE, "task nmi " },
	};
	struct bpfstream *s = stream_of(state);
	u32 i;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct nmi nmi = { s, "nmi ", -1 };

		fixture_forget_pages();
		fixture_at(row[i].at, 0, print_nmi, &nmi);
		assert_int_equal(fixture_push(s, "task "), 0);
		assert_int_equal(bsp_fault.countdown, -1);
		assert_int_equal(nmi.err, 0);
		assert_reads(s, row[i].order);
	}
}

static void a_print_inside_a_long_print_does_not_tear_it(void **state)
{
	struct bpfstream *s = stream_of(state);
	long nth;

	for (nth = 0; nth < 5; nth++) {
		struct nmi nmi = { s, "nmi", -1 };
		struct fixture_sink *sink;

		fixture_forget_pages();
		fixture_at(BSP_POINT_PAGE_ALLOC, nth, print_nmi, &nmi);
		assert_int_equal(push_bytes(s, 20000), 0);
		assert_int_equal(bsp_fault.countdown, -1);
		assert_int_equal(nmi.err, 0);
		sink = fixture_sink(SIZE_MAX, 0);
		assert_int_equal(fixture_deliver(s, sink, PLENTY), 20003);
		assert_memory_equal(sink->text, "nmi", 3);
		assert_memory_equal(sink->text + 3, pattern, 20000);
	}
}

static void a_print_inside_a_print_that_takes_the_last_room_has_the_outer_refused(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct nmi nmi = { s, "nmi", -1 };

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 4), 0);
	fixture_at(BSP_POINT_CMPXCHG, 0, print_nmi, &nmi);
	assert_int_equal(fixture_push(s, "t"), -ENOSPC);
	assert_int_equal(nmi.err, 0);
	assert_int_equal(bpfstream_lost(s).count, 1);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), FIXTURE_CAPACITY - 4),
			 FIXTURE_CAPACITY - 4);
	assert_reads(s, "nmi");
}

/* Where the next message of this thread will lie, and what it looks like from outside. */
struct next {
	struct bpfstream_elem *elem;
	u32 carved;
	u32 len;
	u32 consumed;
};

static struct bpfstream_cpu *my_cpu(void)
{
	return &bsp_slot_self()->level[0].cpu;
}

static void find_next(struct next *next)
{
	next->elem = (void *)((char *)my_cpu()->page + my_cpu()->carved);
	memset(next->elem, 0xee, sizeof(*next->elem));
}

static void look_at_next(void *arg)
{
	struct next *next = arg;

	next->carved = my_cpu()->carved;
	next->len = next->elem->len;
	next->consumed = next->elem->consumed;
}

/* A reader may have it before its writer goes on. */
static void a_message_is_complete_and_carved_before_it_is_published(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct next next;
	u32 carved;

	assert_int_equal(fixture_push(s, "first "), 0);
	carved = my_cpu()->carved;
	find_next(&next);
	fixture_at(BSP_POINT_CMPXCHG, 0, look_at_next, &next);
	assert_int_equal(fixture_push(s, "second"), 0);
	assert_int_equal(next.len, 6);
	assert_int_equal(next.consumed, 0);
	assert_int_equal(next.carved, carved + 16);
	assert_int_equal(my_cpu()->carved, carved + 16);
	assert_reads(s, "first second");
}

static void a_message_that_is_refused_late_gives_its_room_back(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct nmi nmi = { s, "nmi", -1 };
	u32 carved;

	assert_int_equal(push_bytes(s, FIXTURE_CAPACITY - 4), 0);
	carved = my_cpu()->carved;
	fixture_at(BSP_POINT_CMPXCHG, 0, print_nmi, &nmi);
	assert_int_equal(fixture_push(s, "own"), -ENOSPC);
	assert_int_equal(nmi.err, 0);
	assert_int_equal(my_cpu()->carved, carved);
	assert_int_equal(my_cpu()->page->ref, BPFSTREAM_PAGE_BIAS);
	bpfstream_discard(s);
}

/* The read that frees a page has taken all and looks once more. */
static void a_print_inside_a_read_comes_after_what_was_taken(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct nmi nmi = { s, "nmi", -1 };
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(push_bytes(s, 5000), 0);
	fixture_forget_pages();
	fixture_at(BSP_POINT_PAGE_FREE, 0, print_nmi, &nmi);
	assert_int_equal(fixture_deliver(s, sink, 5000), 5000);
	assert_int_equal(nmi.err, 0);
	assert_memory_equal(sink->text, pattern, 5000);
	assert_reads(s, "nmi");
}

static void a_print_inside_a_take_is_taken_too(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct nmi nmi = { s, "nmi", -1 };

	assert_int_equal(fixture_push(s, "task "), 0);
	fixture_at(BSP_POINT_CMPXCHG, 0, print_nmi, &nmi);
	assert_reads(s, "task nmi");
	assert_int_equal(nmi.err, 0);
}

/* ---- past the mutex ---- */

static void deliver_log_takes_the_log_alone(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(bpfstream_deliver_log(s, fixture_take, sink), 0);
	assert_int_equal(sink->calls, 0);
	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(fixture_deliver(s, sink, 1), 1);
	assert_int_equal(fixture_push(s, "de"), 0);
	assert_int_equal(fixture_push(s, "fg"), 0);
	sink = fixture_sink(SIZE_MAX, 0);
	assert_int_equal(bpfstream_deliver_log(s, fixture_take, sink), 4);
	assert_memory_equal(sink->text, "defg", 4);
	assert_int_equal(bpfstream_pending(s), 2);
	assert_reads(s, "bc");
}

static void deliver_log_delivers_more_than_a_sink_call_holds(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);
	int i;

	for (i = 0; i < 100; i++)
		assert_int_equal(push_bytes(s, 3), 0);
	assert_int_equal(bpfstream_deliver_log(s, fixture_take, sink), 300);
	assert_in_range(sink->calls, 2, 100);
	assert_int_equal(bpfstream_pending(s), 0);
}

static void deliver_log_puts_back_what_a_failing_sink_did_not_take(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink;
	size_t taken;

	for (taken = 0; taken < 6; taken++) {
		assert_int_equal(fixture_push(s, "ab"), 0);
		assert_int_equal(fixture_push(s, "cd"), 0);
		assert_int_equal(fixture_push(s, "ef"), 0);
		sink = fixture_sink(taken, -EIO);
		assert_int_equal(bpfstream_deliver_log(s, fixture_take, sink),
				 taken ? (long)taken : -EIO);
		assert_int_equal(bpfstream_pending(s), 6 - taken);
		assert_reads(s, &"abcdef"[taken]);
	}
}

static long print_and_fail(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	(void)piece;
	(void)nr;
	print_nmi(ctx);
	return -EIO;
}

static void deliver_log_puts_back_behind_what_was_published_meanwhile(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct nmi nmi = { s, "nmi ", -1 };

	assert_int_equal(fixture_push(s, "one "), 0);
	assert_int_equal(fixture_push(s, "two "), 0);
	assert_int_equal(bpfstream_deliver_log(s, print_and_fail, &nmi), -EIO);
	assert_int_equal(nmi.err, 0);
	assert_int_equal(bpfstream_pending(s), 12);
	assert_reads(s, "nmi one two ");
}

static void deliver_log_passes_marks_and_the_loss_is_told_later(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "a"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "b"), 0);
	assert_int_equal(bpfstream_deliver_log(s, fixture_take, sink), 2);
	assert_memory_equal(sink->text, "ab", 2);
	assert_reads(s, "[2 messages, 20 bytes lost]\n");
}

static void discard_log_frees_the_log_alone(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	bpfstream_discard_log(s);
	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(fixture_deliver(s, sink, 1), 1);
	assert_int_equal(push_bytes(s, 20000), 0);
	assert_int_equal(fixture_push(s, "de"), 0);
	bpfstream_discard_log(s);
	assert_int_equal(bpfstream_pending(s), 2);
	assert_reads(s, "bc");
}

static void discard_log_charges_off_what_was_half_delivered_and_passes_marks(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(bpfstream_deliver_log(s, fixture_take, fixture_sink(1, 0)), 1);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 5);
	assert_int_equal(fixture_push(s, "de"), 0);
	assert_int_equal(bpfstream_pending(s), 4);
	bpfstream_discard_log(s);
	assert_int_equal(bpfstream_pending(s), 0);
	assert_reads(s, "[2 messages, 15 bytes lost]\n");
}

static void discard_log_frees_marks_and_charges_nothing_off_for_them(void **state)
{
	struct bpfstream *s = stream_of(state);

	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(fixture_push(s, "de"), 0);
	bpfstream_discard_log(s);
	assert_int_equal(bpfstream_pending(s), 0);
	assert_no_page_adrift();
	assert_reads(s, "[1 message, 10 bytes lost]\n");
}

/* A sink that is interrupted by another reader of the same thread. */
struct interrupted {
	struct bpfstream *s;
	struct fixture_sink own;
	struct fixture_sink handler;
	struct fixture_sink nested;
	bool armed;
	bool interrupt_handler;
	bool log_too;
	long hidden;
	long log;
};

static long handler_take(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct interrupted *in = ctx;

	if (in->interrupt_handler) {
		in->interrupt_handler = false;
		(void)bpfstream_deliver_hidden(in->s, fixture_take, &in->nested);
	}
	return fixture_take(&in->handler, piece, nr);
}

static long take_interrupted(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct interrupted *in = ctx;
	struct fixture_sink *sink = &in->handler;

	if (in->armed) {
		in->armed = false;
		in->hidden = bpfstream_deliver_hidden(in->s, handler_take, in);
		if (in->log_too)
			in->log = bpfstream_deliver_log(in->s, fixture_take, sink);
	}
	return fixture_take(&in->own, piece, nr);
}

static struct interrupted *interrupted_new(struct bpfstream *s)
{
	struct interrupted *in = calloc(1, sizeof(*in));

	assert_non_null(in);
	in->s = s;
	in->own.room = SIZE_MAX;
	in->handler.room = SIZE_MAX;
	in->nested.room = SIZE_MAX;
	in->armed = true;
	return in;
}

static long deliver_interrupted(struct interrupted *in, size_t max)
{
	long n;

	bsp_mutex_lock(&in->s->lock);
	n = bpfstream_deliver(in->s, take_interrupted, in, max);
	bsp_mutex_unlock(&in->s->lock);
	return n;
}

/* 40 messages of 4 bytes: more than one sink call is handed. */
static void push_forty(struct bpfstream *s, char *expected)
{
	int i;

	for (i = 0; i < 40; i++) {
		sprintf(expected + i * 4, "m%02d ", i);
		assert_int_equal(fixture_push(s, expected + i * 4), 0);
	}
}

static void deliver_hidden_takes_what_the_interrupted_reader_has_not_in_hand(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct interrupted *in = interrupted_new(s);
	char expected[161];

	push_forty(s, expected);
	assert_int_equal(deliver_interrupted(in, PLENTY) + in->hidden, 160);
	assert_in_range(in->own.len, 4, 156);
	assert_memory_equal(in->own.text, expected, in->own.len);
	assert_int_equal(in->handler.len, 160 - in->own.len);
	assert_memory_equal(in->handler.text, expected + in->own.len, in->handler.len);
	assert_int_equal(bpfstream_pending(s), 0);
	assert_reads(s, "");
	free(in);
}

static void what_was_taken_under_an_interrupted_reader_is_not_charged_twice(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct interrupted *in = interrupted_new(s);
	char expected[161];

	push_forty(s, expected);
	in->own.room = 0;
	in->own.err = -EIO;
	assert_int_equal(deliver_interrupted(in, PLENTY), -EIO);
	assert_in_range(in->hidden, 4, 156);
	assert_int_equal(bpfstream_pending(s), 160 - in->hidden);
	expected[160 - in->hidden] = '\0';
	assert_reads(s, expected);
	free(in);
}

static void a_handler_that_takes_all_leaves_the_reader_what_it_has_in_hand(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct interrupted *in = interrupted_new(s);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	in->log_too = true;
	assert_int_equal(fixture_push(s, "0123456789"), 0);
	assert_int_equal(fixture_deliver(s, sink, 1), 1);
	assert_int_equal(fixture_push(s, "on the log"), 0);
	/* All of the element counts as in hand, though only a part was asked for. */
	assert_int_equal(deliver_interrupted(in, 3), 3);
	assert_memory_equal(in->own.text, "123", 3);
	assert_int_equal(in->hidden, 0);
	assert_int_equal(in->log, 10);
	assert_memory_equal(in->handler.text, "on the log", 10);
	assert_reads(s, "456789");
	free(in);
}

static void deliver_hidden_may_take_a_part(void **state)
{
	struct bpfstream *s = stream_of(state);
	size_t room;

	for (room = 0; room < 12; room++) {
		struct interrupted *in = interrupted_new(s);
		char expected[161];

		push_forty(s, expected);
		in->handler.room = room;
		in->handler.err = -EIO;
		assert_int_equal(deliver_interrupted(in, PLENTY), 160 - room);
		assert_int_equal(in->hidden, room ? (long)room : -EIO);
		assert_int_equal(in->handler.len, room);
		/* The handler's bytes are missing from the reader's text, in one place. */
		assert_memory_equal(in->own.text, expected, 64);
		assert_memory_equal(in->handler.text, expected + 64, room);
		assert_memory_equal(in->own.text + 64, expected + 64 + room, 96 - room);
		assert_int_equal(bpfstream_pending(s), 0);
		free(in);
	}
}

/* A deliver_hidden whose sink is interrupted by another, each time at the text after. */
static void deliver_hidden_may_be_interrupted_by_another(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct interrupted *in = interrupted_new(s);
	struct fixture_sink *last = &in->nested;
	char expected[161];

	push_forty(s, expected);
	in->interrupt_handler = true;
	/* The reader has 64 bytes in hand, the first handler an element, the second the rest. */
	assert_int_equal(deliver_interrupted(in, PLENTY), 64);
	assert_memory_equal(in->own.text, expected, 64);
	assert_int_equal(in->hidden, 4);
	assert_memory_equal(in->handler.text, expected + 64, 4);
	assert_int_equal(last->len, 92);
	assert_memory_equal(last->text, expected + 68, 92);
	assert_int_equal(bpfstream_pending(s), 0);
	free(in);
}

static long take_under_two_handlers(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct interrupted *in = ctx;

	in->hidden += bpfstream_deliver_hidden(in->s, fixture_take, &in->handler);
	in->log += bpfstream_deliver_hidden(in->s, fixture_take, &in->nested);
	return fixture_take(&in->own, piece, nr);
}

static void what_is_in_hand_is_so_for_a_second_handler_too(void **state)
{
	struct interrupted *in = calloc(1, sizeof(*in));
	struct bpfstream *s = stream_of(state);
	long n;
	int i;

	assert_non_null(in);
	in->s = s;
	in->own.room = in->handler.room = in->nested.room = SIZE_MAX;
	for (i = 0; i < 20; i++)
		assert_int_equal(fixture_push(s, "x"), 0);
	bsp_mutex_lock(&s->lock);
	n = bpfstream_deliver(s, take_under_two_handlers, in, PLENTY);
	bsp_mutex_unlock(&s->lock);
	assert_int_equal(n, in->own.len);
	assert_int_equal(in->own.len + in->handler.len, 20);
	assert_in_range(in->handler.len, 1, 19);
	assert_int_equal(in->log, 0);
	assert_int_equal(in->nested.len, 0);
	free(in);
}

struct freeing {
	struct bpfstream *s;
	struct bpfstream_elem *first;
	bool seen;
};

static void look_at_the_backlog(void *arg)
{
	struct freeing *f = arg;

	f->first = f->s->backlog.first;
	f->seen = true;
}

/* stream.c, I5: whoever comes in between and walks there meets no page that is another's by now. */
static void a_page_is_freed_when_no_walk_meets_it_any_more(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct freeing f = { .s = s };

	assert_int_equal(fixture_push(s, "abc"), 0);
	assert_int_equal(fixture_push(s, "def"), 0);
	fixture_forget_pages();
	fixture_at(BSP_POINT_PAGE_FREE, 0, look_at_the_backlog, &f);
	assert_int_equal(fixture_deliver(s, fixture_sink(SIZE_MAX, 0), PLENTY), 6);
	assert_true(f.seen);
	assert_null(f.first);
}

static void deliver_hidden_passes_marks_by(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct interrupted *in = interrupted_new(s);

	assert_int_equal(fixture_push(s, "a\n"), 0);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 1, 10);
	assert_int_equal(fixture_push(s, "b\n"), 0);
	assert_true(deliver_interrupted(in, PLENTY) > 0);
	assert_int_equal(in->hidden, 2);
	assert_memory_equal(in->handler.text, "b\n", 2);
	in->own.text[in->own.len] = '\0';
	assert_string_equal(in->own.text, "a\n[1 message, 10 bytes lost]\n");
	assert_reads(s, "");
	free(in);
}

static void deliver_hidden_finds_nothing_when_nobody_reads(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(bpfstream_deliver_hidden(s, fixture_take, sink), 0);
	assert_int_equal(sink->calls, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_LOST_LINES(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup_lost_lines, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_stream_holds_nothing),
		TEST(a_published_message_is_charged_until_it_is_read),
		TEST(only_the_first_message_finds_the_stream_empty),
		TEST(a_refused_message_was_not_the_first),
		TEST(the_largest_message_is_one_byte_short_of_the_capacity),
		TEST(a_message_that_fits_beside_what_waits_is_not_refused),
		TEST(the_kernels_numbers_of_messages_fit),
		TEST(a_message_longer_than_a_kilobyte_is_like_any_other),
		TEST(empty_messages_cost_nothing),
		TEST(a_full_stream_refuses_without_using_memory),
		TEST(publishing_an_empty_chain_is_success_and_stores_nothing),
		TEST(a_chain_is_the_streams_when_published_and_the_callers_when_refused),
		TEST(a_writer_that_failed_publishes_nothing),
		TEST(without_a_page_nothing_changes_but_the_loss),
		TEST(losses_are_counted_by_cause),
		TEST(without_the_flag_nothing_is_told_of_losses),
		TEST_LOST_LINES(a_loss_line_stands_where_messages_are_missing),
		TEST_LOST_LINES(one_lost_message_is_in_the_singular),
		TEST_LOST_LINES(the_largest_numbers_fit_a_loss_line),
		TEST_LOST_LINES(a_loss_costs_no_charge),
		TEST_LOST_LINES(each_gap_has_its_own_line),
		TEST_LOST_LINES(losses_after_the_last_message_are_told_at_the_end),
		TEST_LOST_LINES(all_is_delivered_with_its_loss_lines_on_top),
		TEST_LOST_LINES(the_rest_of_a_loss_line_is_not_the_end),
		TEST_LOST_LINES(delivering_all_ends_while_others_print_and_lose),
		TEST_LOST_LINES(a_loss_is_told_once_though_it_was_marked_and_read_past),
		TEST_LOST_LINES(bytes_of_a_loss_that_a_mark_has_missed_are_told_once),
		TEST_LOST_LINES(a_loss_line_may_be_read_in_parts_of_any_size),
		TEST_LOST_LINES(a_loss_line_that_the_sink_did_not_take_is_told_later),
		TEST_LOST_LINES(without_a_page_for_the_mark_the_loss_is_told_at_the_end),
		TEST_LOST_LINES(without_a_page_for_the_mark_the_loss_is_told_by_the_next_message),
		TEST_LOST_LINES(a_mark_that_a_newer_one_has_overtaken_says_nothing),
		TEST_LOST_LINES(a_mark_that_was_refused_with_its_message_is_made_anew),
		TEST_LOST_LINES(a_refused_group_is_as_before_and_uses_no_memory),
		TEST_LOST_LINES(a_loss_line_stands_before_a_print_inside_the_print),
		TEST(a_message_may_be_read_in_parts),
		TEST(reading_nothing_takes_nothing),
		TEST(parts_of_any_size_make_up_the_text),
		TEST(messages_published_between_parts_come_after),
		TEST(what_a_failing_sink_did_not_take_stays),
		TEST(a_sink_that_takes_less_is_not_asked_again),
		TEST(a_sink_that_takes_less_again_gets_what_comes_next),
		TEST(what_is_read_to_the_byte_leaves_no_page_behind),
		TEST(a_sink_call_has_text_of_a_few_pages),
		TEST(discard_frees_all_and_keeps_the_losses),
		TEST_LOST_LINES(discard_takes_marks_and_a_half_read_loss_line_with_it),
		TEST(a_print_inside_a_print_is_stored_and_first_to_be_published),
		TEST(a_print_inside_a_long_print_does_not_tear_it),
		TEST(a_print_inside_a_print_that_takes_the_last_room_has_the_outer_refused),
		TEST(a_message_is_complete_and_carved_before_it_is_published),
		TEST(a_message_that_is_refused_late_gives_its_room_back),
		TEST(a_print_inside_a_read_comes_after_what_was_taken),
		TEST(a_print_inside_a_take_is_taken_too),
		TEST(deliver_log_takes_the_log_alone),
		TEST(deliver_log_delivers_more_than_a_sink_call_holds),
		TEST(deliver_log_puts_back_what_a_failing_sink_did_not_take),
		TEST(deliver_log_puts_back_behind_what_was_published_meanwhile),
		TEST_LOST_LINES(deliver_log_passes_marks_and_the_loss_is_told_later),
		TEST(discard_log_frees_the_log_alone),
		TEST_LOST_LINES(discard_log_frees_marks_and_charges_nothing_off_for_them),
		TEST_LOST_LINES(discard_log_charges_off_what_was_half_delivered_and_passes_marks),
		TEST(deliver_hidden_takes_what_the_interrupted_reader_has_not_in_hand),
		TEST(what_was_taken_under_an_interrupted_reader_is_not_charged_twice),
		TEST(a_handler_that_takes_all_leaves_the_reader_what_it_has_in_hand),
		TEST(deliver_hidden_may_take_a_part),
		TEST(deliver_hidden_may_be_interrupted_by_another),
		TEST(what_is_in_hand_is_so_for_a_second_handler_too),
		TEST(a_page_is_freed_when_no_walk_meets_it_any_more),
		TEST_LOST_LINES(deliver_hidden_passes_marks_by),
		TEST(deliver_hidden_finds_nothing_when_nobody_reads),
	};

	return cmocka_run_group_tests_name("stream", tests, group_setup, NULL);
}
