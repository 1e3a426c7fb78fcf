// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_check.c - the checker sees what it is there to see, and nothing else
 *
 * Each test tells a history by hand, times included, and says exactly which kinds of faults are to
 * be found in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "record.h"

#define WRITERS		3u
#define ROOM		100u	/* records a writer */
#define MAIN		0u	/* programs */
#define PASSING		1u
#define CHILD		2u
#define NONE		0u
#define FAULT(kind)	(1u << CHECK_##kind)

/* @now: a clock that goes on by itself; @call: the one being told of; @text: where its text ends */
struct tale {
	struct history h;
	uint64_t now;
	struct history_call *call;
	char *text;
	char path[64];
};

static void begin_call(struct tale *t, uint32_t prog, uint32_t stream)
{
	t->call = history_add_call(&t->h);
	assert_non_null(t->call);
	t->call->prog = prog;
	t->call->stream = (uint8_t)stream;
	t->call->begin = ++t->now;
	t->call->end = t->now;
	t->call->text = (uint64_t)(t->text - t->h.text);
}

static int setup(void **state)
{
	static const uint32_t flags[] = {
		[MAIN] = HISTORY_ORDERED, [PASSING] = 0,
		[CHILD] = HISTORY_ORDERED | HISTORY_CHILD | HISTORY_ROOMY
	};
	struct tale *t = calloc(1, sizeof(*t));
	uint32_t i;

	record_init();
	snprintf(t->path, sizeof(t->path), "test-check-%d.history", getpid());
	if (!history_create(&t->h, t->path))
		return -1;
	history_begin(&t->h, 1);
	t->text = history_add_text(&t->h, 1u << 20);
	for (i = 0; i < WRITERS; i++)
		history_add_writer(&t->h, ROOM, 0);
	for (i = 0; i < 3; i++)
		history_add_prog(&t->h, flags[i]);
	t->h.head->complete = 1;
	begin_call(t, MAIN, 1);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tale *t = *state;

	history_close(&t->h);
	unlink(t->path);
	free(t);
	return 0;
}

static struct history_record *belief(struct tale *t, const struct record *r)
{
	return history_record(&t->h, &t->h.writer[r->writer], r->seq);
}

/* A writer prints a message of @fill, place @index of @size in its group, and is told @err. */
static struct record print(struct tale *t, uint32_t writer, uint32_t fill, uint32_t index,
			   uint32_t size, int err)
{
	struct history_writer *w = &t->h.writer[writer];
	struct record r = { MAIN, 1, writer, w->next++, index, size, fill };
	struct history_stream *told = &t->h.prog[MAIN].stream[0];
	struct history_record *n = belief(t, &r);

	*n = (struct history_record){
		.begin = t->now + 1, .end = t->now + 2, .len = record_len(fill),
		.err = (int16_t)err, .prog = MAIN, .stream = 1,
		.index = (uint8_t)index, .size = (uint8_t)size,
		.full = err == -ENOSPC, .vague = err == -ENOMEM,
	};
	t->now += 10;
	told->lost_full += err == -ENOSPC;
	told->lost_nomem += err == -ENOMEM;
	told->lost_bytes += err == -ENOSPC ? n->len : 0;
	return r;
}

static struct record say(struct tale *t, uint32_t writer)
{
	return print(t, writer, 50, 1, 1, 0);
}

static void hear_text(struct tale *t, const char *text, size_t len)
{
	memcpy(t->text, text, len);
	t->text += len;
	t->call->len += len;
	t->call->end = ++t->now;
}

/* A reader gets a record. Returns where it is. */
static char *hear(struct tale *t, const struct record *r)
{
	char text[RECORD_MAX];
	size_t len = record_compose(text, r);

	hear_text(t, text, len);
	return t->text - len;
}

static void assert_found(struct tale *t, uint32_t kinds)
{
	struct check c;
	uint32_t found = 0, i;

	assert_int_equal(check_history(&t->h, &c, NULL), !kinds);
	for (i = 0; i < CHECK_FAULTS; i++)
		if (c.faults[i])
			found |= 1u << i;
	for (i = 0; i < CHECK_FAULTS; i++)
		if ((found ^ kinds) & 1u << i)
			fail_msg("%s: %s", check_fault_name((enum check_fault)i),
				 found & 1u << i ? "found, and not there" : "there, and not found");
}

/* ---- nothing wrong ---- */

static void what_was_read_in_order_is_as_promised(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1), c = say(*state, 0);

	hear(*state, &a);
	hear(*state, &b);
	hear(*state, &c);
	assert_found(*state, NONE);
}

static void prints_at_the_same_time_may_be_read_in_either_order(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1);

	belief(*state, &a)->end = belief(*state, &b)->begin;
	hear(*state, &b);
	hear(*state, &a);
	assert_found(*state, NONE);
}

static void text_may_be_cut_anywhere(void **state)
{
	struct record a = print(*state, 0, 9000, 1, 1, 0), b = say(*state, 1);
	struct tale *t = *state;
	uint64_t len;
	uint32_t i;

	hear(t, &a);
	hear(t, &b);
	len = t->call->len;
	t->call->len = 1;
	for (i = 1; i < len; i++) {
		begin_call(t, MAIN, 1);
		t->call->text = i;
		t->call->len = 1;
	}
	assert_found(t, NONE);
}

static void a_dump_goes_on_where_reads_stopped(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1);
	struct tale *t = *state;
	char text[RECORD_MAX];
	size_t len = record_compose(text, &a);

	hear_text(t, text, 40);
	begin_call(t, HISTORY_NONE, 0);
	hear_text(t, "==> p0000 (stdout) <==\n", 23);
	hear_text(t, text + 40, len - 40);
	hear(t, &b);
	hear_text(t, "==> p0001 (stderr) <==\n", 23);
	assert_found(t, NONE);
}

static void refused_members_are_missing_from_their_group(void **state)
{
	struct record a, b;

	a = print(*state, 0, 5, 1, 3, 0);
	print(*state, 0, 5, 2, 3, -ENOMEM);
	b = print(*state, 0, 5, 3, 3, 0);
	hear(*state, &a);
	hear(*state, &b);
	assert_found(*state, NONE);
}

static void a_commit_that_was_tried_again_is_counted_for_each_time(void **state)
{
	struct record a = say(*state, 0);
	struct tale *t = *state;

	belief(t, &a)->full = 2;
	t->h.prog[MAIN].stream[0].lost_full = 2;
	t->h.prog[MAIN].stream[0].lost_bytes = 2 * belief(t, &a)->len;
	hear(t, &a);
	assert_found(t, NONE);
}

static void loss_lines_add_up(void **state)
{
	struct tale *t = *state;
	struct record a;
	char line[64];
	int len;

	print(t, 0, 5, 1, 1, -ENOSPC);
	a = say(t, 0);
	t->h.prog[MAIN].flags |= HISTORY_LINES;
	len = snprintf(line, sizeof(line), "[1 message, %u bytes lost]\n", record_len(5));
	hear_text(t, line, 5);
	begin_call(t, MAIN, 1);
	hear_text(t, line + 5, (size_t)len - 5);
	hear(t, &a);
	assert_found(t, NONE);
	t->h.prog[MAIN].flags &= ~HISTORY_LINES;
	assert_found(t, FAULT(LINES));
}

/* ---- what is there too often or not at all ---- */

static void a_record_that_nobody_read_is_lost(void **state)
{
	struct record a = say(*state, 0);

	say(*state, 1);
	hear(*state, &a);
	assert_found(*state, FAULT(LOST));
}

static void a_record_that_was_read_twice_is_double(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1);

	hear(*state, &a);
	hear(*state, &b);
	hear(*state, &a);
	assert_found(*state, FAULT(DOUBLE) | FAULT(REAL_TIME));
}

static void a_record_that_nobody_printed_is_unknown(void **state)
{
	struct record a = say(*state, 0), b = a;

	b.seq++;
	hear(*state, &a);
	hear(*state, &b);
	b.writer = WRITERS;
	hear(*state, &b);
	assert_found(*state, FAULT(UNKNOWN));
}

static void a_refused_record_must_not_be_read(void **state)
{
	struct record a = print(*state, 0, 5, 1, 1, -ENOSPC);

	hear(*state, &a);
	assert_found(*state, FAULT(REFUSED));
}

/* ---- order ---- */

static void two_of_a_writer_that_are_swapped_are_out_of_order(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 0);

	belief(*state, &a)->end = belief(*state, &b)->begin;
	hear(*state, &b);
	hear(*state, &a);
	assert_found(*state, FAULT(ORDER));
}

static void two_of_different_writers_are_out_of_order_in_real_time(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1), c = say(*state, 2);

	hear(*state, &b);
	hear(*state, &a);
	hear(*state, &c);
	assert_found(*state, FAULT(REAL_TIME));
}

static void nothing_is_read_before_it_is_printed(void **state)
{
	struct record a = say(*state, 0);
	struct tale *t = *state;

	hear(t, &a);
	t->call->end = belief(t, &a)->begin - 1;
	assert_found(t, FAULT(EARLY));
}

static void a_reader_that_found_nothing_was_told_the_truth(void **state)
{
	struct record a = say(*state, 0);
	struct tale *t = *state;

	begin_call(t, MAIN, 1);
	t->call->empty = belief(t, &a)->end;
	begin_call(t, MAIN, 1);
	hear(t, &a);
	assert_found(t, NONE);
	t->h.call[1].empty++;
	assert_found(t, FAULT(STALE));
}

/* ---- groups ---- */

static void a_record_in_the_middle_tears_a_group(void **state)
{
	struct record a, b, c;

	a = print(*state, 0, 5, 1, 2, 0);
	b = print(*state, 0, 5, 2, 2, 0);
	c = say(*state, 1);
	belief(*state, &c)->begin = belief(*state, &b)->begin;
	hear(*state, &a);
	hear(*state, &c);
	hear(*state, &b);
	assert_found(*state, FAULT(GROUP));
}

static void a_group_of_which_a_part_is_lost_is_torn(void **state)
{
	struct record b;

	print(*state, 0, 5, 1, 2, 0);
	b = print(*state, 0, 5, 2, 2, 0);
	hear(*state, &b);
	assert_found(*state, FAULT(GROUP) | FAULT(LOST));
}

static void a_group_is_not_whole_at_the_end(void **state)
{
	struct record a = print(*state, 0, 5, 1, 2, 0);

	print(*state, 0, 5, 2, 2, 0);
	hear(*state, &a);
	assert_found(*state, FAULT(GROUP) | FAULT(LOST));
}

/* ---- bytes ---- */

static void every_byte_that_changes_is_seen(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1);
	struct tale *t = *state;
	uint32_t len = record_len(a.fill), i;
	struct check c;
	char *at;

	at = hear(t, &a);
	hear(t, &b);
	for (i = 0; i < len; i++) {
		at[i] ^= 1;
		assert_false(check_history(&t->h, &c, NULL));
		assert_true(c.faults[CHECK_TORN]);
		at[i] ^= 1;
	}
	assert_found(t, NONE);
}

static void a_page_of_another_record_is_seen(void **state)
{
	struct record a = print(*state, 0, 9000, 1, 1, 0), b = print(*state, 1, 9000, 1, 1, 0);
	char *to = hear(*state, &a), *from = hear(*state, &b);

	memcpy(to + 4096, from + 4096, 4096);
	assert_found(*state, FAULT(TORN) | FAULT(LOST));
}

static void a_record_that_is_cut_short_is_torn_and_the_next_is_found(void **state)
{
	struct record a = say(*state, 0), b = say(*state, 1);
	struct tale *t = *state;
	char text[RECORD_MAX];

	record_compose(text, &a);
	hear_text(t, text, 60);
	hear(t, &b);
	assert_found(t, FAULT(TORN) | FAULT(LOST));
}

static void a_call_that_stands_alone_has_whole_records(void **state)
{
	struct record a = say(*state, 0);
	struct tale *t = *state;
	char text[RECORD_MAX];
	size_t len;

	a.prog = PASSING;
	belief(t, &a)->prog = PASSING;
	len = record_compose(text, &a);
	begin_call(t, PASSING, 1);
	hear_text(t, text, len - 1);
	begin_call(t, PASSING, 1);
	hear_text(t, text + len - 1, 1);
	assert_found(t, FAULT(TORN) | FAULT(LOST));
}

/* ---- counts ---- */

static void a_refusal_that_is_not_counted_is_found(void **state)
{
	struct tale *t = *state;
	struct history_stream *told = &t->h.prog[MAIN].stream[0];

	print(t, 0, 5, 1, 1, -ENOSPC);
	print(t, 0, 5, 1, 1, -ENOMEM);
	assert_found(t, NONE);
	told->lost_full--;
	assert_found(t, FAULT(COUNT));
	told->lost_full++;
	told->lost_nomem--;
	assert_found(t, FAULT(COUNT));
	told->lost_nomem++;
	told->lost_bytes--;
	assert_found(t, FAULT(COUNT));
	told->lost_bytes += 1 + record_len(5);
	assert_found(t, NONE);	/* of one it is not known how much was formatted */
	told->lost_bytes++;
	assert_found(t, FAULT(COUNT));
	told->lost_bytes--;
	told->lost_invalid++;
	assert_found(t, FAULT(COUNT));
}

static void what_waits_at_the_end_is_what_the_last_call_gets(void **state)
{
	struct tale *t = *state;
	struct history_stream *told = &t->h.prog[MAIN].stream[0];
	struct record a = say(t, 0), b = say(t, 1);

	hear(t, &a);
	begin_call(t, MAIN, 1);
	t->call->last = 1;
	hear(t, &b);
	told->pending = record_len(50);
	assert_found(t, NONE);
	told->pending++;
	assert_found(t, FAULT(PENDING));
	told->pending--;
	told->left = 1;
	assert_found(t, FAULT(PENDING));
}

/* ---- who does not belong ---- */

static void text_of_the_parent_is_not_in_the_child(void **state)
{
	struct record a = say(*state, 0);
	struct tale *t = *state;

	begin_call(t, CHILD, 1);
	hear(t, &a);
	assert_found(t, FAULT(FOREIGN));
}

static void text_of_one_stream_is_not_in_the_other(void **state)
{
	struct record a = say(*state, 0);
	struct tale *t = *state;

	begin_call(t, MAIN, 2);
	hear(t, &a);
	assert_found(t, FAULT(FOREIGN));
}

static void a_child_is_refused_nothing(void **state)
{
	struct tale *t = *state;
	struct record a = say(t, 0);

	belief(t, &a)->prog = CHILD;
	belief(t, &a)->err = -ENOSPC;
	assert_found(t, FAULT(ROOM));
}

static void what_a_round_left_is_found(void **state)
{
	struct tale *t = *state;

	t->h.head->adrift = 1;
	assert_found(t, FAULT(LEFT));
	t->h.head->bad_children = 1;
	assert_found(t, FAULT(LEFT) | FAULT(CHILD));
	t->h.call[0].err = -EFAULT;
	assert_found(t, FAULT(LEFT) | FAULT(CHILD) | FAULT(CALL));
}

/* What was read is held against it, what was not is not. */
static void of_a_round_without_an_end_the_text_is_checked(void **state)
{
	struct tale *t = *state;
	struct record a = say(t, 0), b = say(t, 0), c = b;

	c.seq++;
	t->h.writer[0].open = 1;
	t->h.head->complete = 0;
	hear(t, &c);
	assert_found(t, FAULT(UNFINISHED));
	hear(t, &b);
	hear(t, &a);
	assert_found(t, FAULT(UNFINISHED) | FAULT(ORDER) | FAULT(REAL_TIME));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_read_in_order_is_as_promised),
		TEST(prints_at_the_same_time_may_be_read_in_either_order),
		TEST(text_may_be_cut_anywhere),
		TEST(a_dump_goes_on_where_reads_stopped),
		TEST(refused_members_are_missing_from_their_group),
		TEST(a_commit_that_was_tried_again_is_counted_for_each_time),
		TEST(loss_lines_add_up),
		TEST(a_record_that_nobody_read_is_lost),
		TEST(a_record_that_was_read_twice_is_double),
		TEST(a_record_that_nobody_printed_is_unknown),
		TEST(a_refused_record_must_not_be_read),
		TEST(two_of_a_writer_that_are_swapped_are_out_of_order),
		TEST(two_of_different_writers_are_out_of_order_in_real_time),
		TEST(nothing_is_read_before_it_is_printed),
		TEST(a_reader_that_found_nothing_was_told_the_truth),
		TEST(a_record_in_the_middle_tears_a_group),
		TEST(a_group_of_which_a_part_is_lost_is_torn),
		TEST(a_group_is_not_whole_at_the_end),
		TEST(every_byte_that_changes_is_seen),
		TEST(a_page_of_another_record_is_seen),
		TEST(a_record_that_is_cut_short_is_torn_and_the_next_is_found),
		TEST(a_call_that_stands_alone_has_whole_records),
		TEST(a_refusal_that_is_not_counted_is_found),
		TEST(what_waits_at_the_end_is_what_the_last_call_gets),
		TEST(text_of_the_parent_is_not_in_the_child),
		TEST(text_of_one_stream_is_not_in_the_other),
		TEST(a_child_is_refused_nothing),
		TEST(what_a_round_left_is_found),
		TEST(of_a_round_without_an_end_the_text_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
