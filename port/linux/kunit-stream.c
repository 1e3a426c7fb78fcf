// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kunit-stream.c - KUnit tests: streams, and groups of messages
 */
#include "kunit.h"

/* ---- streams ---- */

static int push_bytes(struct bpfstream *s, const char *text, size_t len)
{
	bool was_empty;

	return bpfstream_push(s, text, len, &was_empty);
}

static void a_new_stream_holds_nothing(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 0);
	bsp_test_reads(test, &t->stream, "");
	KUNIT_EXPECT_EQ(test, t->calls, 0);
	bsp_test_lost(test, &t->stream, 0, 0, 0);
}

static void messages_are_read_in_the_order_in_which_they_came(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "one "), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "two "), 0);
	t->room = 3;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, 3), 3);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "three"), 0);
	bsp_test_reads(test, &t->stream, " two three");
}

static void text_is_charged_for_until_it_is_read(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned int n;

	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 10), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern + 10, 20), 0);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 30);
	t->room = SIZE_MAX;
	for (n = 1; n <= 30; n++) {
		KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, 1), 1);
		KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 30 - n);
	}
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, 1), 0);
	KUNIT_EXPECT_MEMEQ(test, t->back, t->pattern, 30);
}

static void only_the_message_that_ends_an_emptiness_says_so(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream *s = &t->stream;
	bool was_empty;

	KUNIT_EXPECT_EQ(test, bpfstream_push(s, "", 0, &was_empty), 0);
	KUNIT_EXPECT_FALSE(test, was_empty);
	KUNIT_EXPECT_EQ(test, bpfstream_push(s, "ab", 2, &was_empty), 0);
	KUNIT_EXPECT_TRUE(test, was_empty);
	t->room = 1;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, s, 1), 1);
	KUNIT_EXPECT_EQ(test, bpfstream_push(s, "c", 1, &was_empty), 0);
	KUNIT_EXPECT_FALSE(test, was_empty);
	KUNIT_EXPECT_EQ(test, bpfstream_push(s, t->pattern, TEST_CAPACITY - 2, &was_empty),
			-ENOSPC);
	KUNIT_EXPECT_FALSE(test, was_empty);
	bsp_test_reads(test, s, "bc");
	KUNIT_EXPECT_EQ(test, bpfstream_push(s, "d", 1, &was_empty), 0);
	KUNIT_EXPECT_TRUE(test, was_empty);
}

static void parts_of_any_size_make_up_the_text(struct kunit *test)
{
	static const size_t part[] = { 1, 2, 7, 100, 4095, 4096, 50000 };
	struct bsp_test *t = test->priv;
	size_t at, len, want;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(part); i++) {
		for (at = 0, len = 1; at + len < 10 * part[i] && at + len < TEST_CAPACITY; len++) {
			KUNIT_ASSERT_EQ(test, push_bytes(&t->stream, t->pattern + at, len), 0);
			at += len;
		}
		t->len = 0;
		t->room = SIZE_MAX;
		while (t->len < at) {
			want = min(part[i], at - t->len);
			KUNIT_ASSERT_EQ(test, bsp_test_read(t, &t->stream, part[i]), want);
		}
		KUNIT_EXPECT_MEMEQ(test, t->back, t->pattern, at);
	}
}

static void the_largest_message_is_one_byte_short_of_the_capacity(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY + 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY), -ENOSPC);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 1), 0);
	bsp_test_reads_bytes(test, &t->stream, t->pattern, TEST_CAPACITY - 1);
	bsp_test_lost(test, &t->stream, 2, 0, 0);
	KUNIT_EXPECT_EQ(test, bpfstream_lost(&t->stream).sum, 2 * TEST_CAPACITY + 1);
}

/* Whether the last one comes by way of a spot or over pages. */
static void a_message_that_fits_beside_what_waits_is_not_refused(struct kunit *test)
{
	static const size_t last[] = { 1, 2, 100, 5000 };
	struct bsp_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(last); i++) {
		const size_t first = TEST_CAPACITY - 1 - last[i];

		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, first), 0);
		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, last[i] + 1), -ENOSPC);
		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern + first, last[i]), 0);
		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 1), -ENOSPC);
		bsp_test_reads_bytes(test, &t->stream, t->pattern, TEST_CAPACITY - 1);
	}
}

static void as_many_messages_fit_as_have_room(struct kunit *test)
{
	static const size_t len[] = { 1, 54, 500, 1000 };
	struct bsp_test *t = test->priv;
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(len); i++) {
		for (n = 0; !push_bytes(&t->stream, t->pattern, len[i]); n++)
			;
		KUNIT_EXPECT_EQ(test, n, (TEST_CAPACITY - 1) / len[i]);
		t->len = 0;
		t->room = SIZE_MAX;
		KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, SIZE_MAX), n * len[i]);
	}
	bsp_test_lost(test, &t->stream, ARRAY_SIZE(len), 0, 0);
}

static void empty_messages_cost_nothing(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned long live = bsp_pages_live();
	unsigned int i;
	u32 carved;

	for (i = 0; i < 1000; i++)
		KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, ""), 0);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "x"), 0);
	carved = bsp_test_level(0).carved;
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, ""), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_level(0).carved, carved);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 2), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, ""), 0);
	bsp_test_lost(test, &t->stream, 0, 0, 0);
}

static void a_full_stream_refuses_without_using_memory(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned long live;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 1), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 5000), -ENOSPC);
	live = bsp_pages_live();
	for (i = 0; i < 1000; i++) {
		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 1 + i % 200), -ENOSPC);
		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 5000), -ENOSPC);
	}
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
	bsp_test_reads_bytes(test, &t->stream, t->pattern, TEST_CAPACITY - 1);
	bsp_test_lost(test, &t->stream, 2001, 0, 0);
}

static void without_a_page_nothing_changes_but_the_loss(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned int i;

	bsp_pages_fail(1, ~0ul);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "lost"), -ENOMEM);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 0);
	bsp_test_lost(test, &t->stream, 0, 100, 0);
	bsp_pages_fail(0, 0);
	for (i = 0; !bsp_test_push(&t->stream, "1234567890"); i++)
		;
	KUNIT_EXPECT_EQ(test, i, (TEST_CAPACITY - 1) / 10);	/* no capacity went with them */
	bsp_test_lost(test, &t->stream, 1, 100, 0);
}

/* Text that nobody reads, a byte of each page: a stream's own limit is far away. */
static void past_the_bound_of_pages_a_message_is_lost_and_counted(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned long most = bsp_pages_limit(bsp_pages_live() + 10);
	struct bpfstream *chatty = kunit_kzalloc(test, sizeof(*chatty), GFP_KERNEL);
	unsigned int i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, chatty);
	bpfstream_init(chatty, TEST_CAPACITY, 0);
	for (i = 0; i < 100; i++) {
		err = bsp_test_push(&t->stream, "x");
		if (err)
			break;
		(void)push_bytes(chatty, t->pattern, BSP_PAGE_SIZE - 100);
		t->len = 0;
		t->room = PATTERN_LEN;
		(void)bsp_test_read(t, chatty, PATTERN_LEN);
	}
	bsp_pages_limit(most);
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_GE(test, i, 8);
	KUNIT_EXPECT_LE(test, i, 12);
	bsp_test_lost(test, &t->stream, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), i);
	bpfstream_destroy(chatty);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "y"), 0);
}

/* Whole or not at all, and no page adrift that does not hold text. */
static void without_the_nth_page_a_message_is_not_there_at_all(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned long nth, failed = 0;
	int err;

	bpfstream_init(&t->stream, 2 * LONG_TEXT, 0);
	for (nth = 1, err = -ENOMEM; err; nth++) {
		bsp_test_forget_pages();
		KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "before "), 0);
		bsp_pages_fail(nth, 1);
		err = push_bytes(&t->stream, t->pattern, LONG_TEXT);
		bsp_pages_fail(0, 0);
		failed += !!err;
		KUNIT_ASSERT_TRUE(test, err == 0 || err == -ENOMEM);
		if (!err)
			break;
		KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), strlen("before "));
		KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "after"), 0);
		bsp_test_reads(test, &t->stream, "before after");
		KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
	}
	KUNIT_EXPECT_EQ(test, failed, 4);
	bsp_test_lost(test, &t->stream, 0, failed, 0);
	t->room = strlen("before ");
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, t->room), strlen("before "));
	bsp_test_reads_bytes(test, &t->stream, t->pattern, LONG_TEXT);
	KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
}

static void losses_are_counted_by_cause(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream *s = &t->stream;

	KUNIT_EXPECT_EQ(test, push_bytes(s, t->pattern, TEST_CAPACITY), -ENOSPC);
	bpfstream_account_loss(s, bpfstream_cause_of(-EINVAL), 2, 30);
	bpfstream_account_loss(s, bpfstream_cause_of(-ENOMEM), 1, 7);
	bsp_test_lost(test, s, 1, 1, 2);
	KUNIT_EXPECT_EQ(test, bpfstream_lost(s).count, 4);
	KUNIT_EXPECT_EQ(test, bpfstream_lost(s).sum, TEST_CAPACITY + 37);
}

/* ---- loss lines ---- */

static int tell_of_losses(struct kunit *test)
{
	int err = bsp_test_init(test);
	struct bsp_test *t = test->priv;

	if (!err)
		bpfstream_init(&t->stream, TEST_CAPACITY, BPFSTREAM_FLAG_LOST_LINES);
	return err;
}

static void lose(struct bpfstream *s, u64 messages, u64 bytes)
{
	bpfstream_account_loss(s, BPFSTREAM_LOST_NOMEM, messages, bytes);
}

static void without_the_flag_nothing_is_told_of_losses(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	lose(&t->stream, 3, 30);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "text"), 0);
	lose(&t->stream, 1, 1);
	bsp_test_reads(test, &t->stream, "text");
}

static void a_loss_line_stands_where_messages_are_missing(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "first\n"), 0);
	lose(&t->stream, 2, 30);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "second\n"), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "third\n"), 0);
	lose(&t->stream, 1, 5);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 19);	/* the line costs nothing */
	bsp_test_reads(test, &t->stream,
		       "first\n[2 messages, 30 bytes lost]\nsecond\nthird\n[1 message, 5 bytes lost]\n");
	bsp_test_reads(test, &t->stream, "");
}

static void a_loss_line_stands_before_a_full_stream_too(struct kunit *test)
{
	static const char line[] = "[2 messages, 5001 bytes lost]\n";
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 11), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 5000), -ENOSPC);
	lose(&t->stream, 1, 1);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 10), 0);
	t->room = SIZE_MAX;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, TEST_CAPACITY - 11), TEST_CAPACITY - 11);
	t->len = 0;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, strlen(line)), strlen(line));
	KUNIT_EXPECT_MEMEQ(test, t->back, line, strlen(line));
	bsp_test_reads_bytes(test, &t->stream, t->pattern, 10);
}

static void without_a_page_for_the_mark_the_loss_is_told_at_the_end(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	u32 left;

	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "first\n"), 0);
	left = BSP_PAGE_SIZE - bsp_test_level(0).carved;
	lose(&t->stream, 1, 9);
	bsp_pages_fail(1, ~0ul);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, left - BPFSTREAM_ELEM_HDR), 0);
	bsp_pages_fail(0, 0);
	t->room = SIZE_MAX;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, 6 + left - BPFSTREAM_ELEM_HDR),
			6 + left - BPFSTREAM_ELEM_HDR);
	KUNIT_EXPECT_MEMEQ(test, t->back + 6, t->pattern, left - BPFSTREAM_ELEM_HDR);
	bsp_test_reads(test, &t->stream, "[1 message, 9 bytes lost]\n");
}

static void a_loss_line_may_be_read_in_parts_of_any_size(struct kunit *test)
{
	static const char line[] = "[2 messages, 30 bytes lost]\n";
	struct bsp_test *t = test->priv;
	size_t part;

	for (part = 1; part <= strlen(line); part++) {
		lose(&t->stream, 2, 30);
		KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "text\n"), 0);
		t->len = 0;
		t->room = SIZE_MAX;
		while (bsp_test_read(t, &t->stream, part) > 0)
			;
		KUNIT_EXPECT_EQ(test, t->len, strlen(line) + 5);
		t->back[t->len] = '\0';
		KUNIT_EXPECT_STREQ(test, t->back, "[2 messages, 30 bytes lost]\ntext\n");
	}
}

/* ---- reading ---- */

static void what_a_failing_reader_did_not_take_stays(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned int n;

	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, 10), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern + 10, 9000), 0);
	t->err = -EFAULT;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, SIZE_MAX), -EFAULT);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 9010);
	for (n = 0; n < 9000; n += 1000) {
		t->room = 1000;
		KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, SIZE_MAX), 1000);
		KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, SIZE_MAX), -EFAULT);
		KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 9010 - t->len);
	}
	KUNIT_EXPECT_MEMEQ(test, t->back, t->pattern, 9000);
	bsp_test_reads_bytes(test, &t->stream, t->pattern + 9000, 10);
}

static void a_reader_that_takes_less_is_not_asked_again(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern + i, 1), 0);
	t->room = 1;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, SIZE_MAX), 1);
	KUNIT_EXPECT_EQ(test, t->calls, 1);
	bsp_test_reads_bytes(test, &t->stream, t->pattern + 1, 99);
}

static void a_read_of_no_bytes_takes_nothing(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "text"), 0);
	t->room = SIZE_MAX;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, 0), 0);
	KUNIT_EXPECT_EQ(test, t->calls, 0);
	bsp_test_reads(test, &t->stream, "text");
}

static void discard_frees_all_text_and_keeps_the_losses(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream *s = &t->stream;

	KUNIT_EXPECT_EQ(test, push_bytes(s, t->pattern, 9000), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(s, t->pattern, TEST_CAPACITY), -ENOSPC);
	t->room = 5000;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, s, 5000), 5000);	/* the rest is on the backlog */
	KUNIT_EXPECT_EQ(test, push_bytes(s, t->pattern, 100), 0);
	bpfstream_discard(s);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(s), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
	bsp_test_lost(test, s, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, push_bytes(s, t->pattern, TEST_CAPACITY - 1), 0);
	bsp_test_reads_bytes(test, s, t->pattern, TEST_CAPACITY - 1);
}

static void discard_of_the_log_leaves_the_backlog(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream *s = &t->stream;

	KUNIT_EXPECT_EQ(test, bsp_test_push(s, "half read"), 0);
	t->room = 5;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, s, 5), 5);
	KUNIT_EXPECT_EQ(test, push_bytes(s, t->pattern, 9000), 0);
	bpfstream_discard_log(s);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(s), 4);
	bsp_test_reads(test, s, "read");
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE(a_new_stream_holds_nothing),
	KUNIT_CASE(messages_are_read_in_the_order_in_which_they_came),
	KUNIT_CASE(text_is_charged_for_until_it_is_read),
	KUNIT_CASE(only_the_message_that_ends_an_emptiness_says_so),
	KUNIT_CASE(parts_of_any_size_make_up_the_text),
	KUNIT_CASE(the_largest_message_is_one_byte_short_of_the_capacity),
	KUNIT_CASE(a_message_that_fits_beside_what_waits_is_not_refused),
	KUNIT_CASE(as_many_messages_fit_as_have_room),
	KUNIT_CASE(empty_messages_cost_nothing),
	KUNIT_CASE(a_full_stream_refuses_without_using_memory),
	KUNIT_CASE(without_a_page_nothing_changes_but_the_loss),
	KUNIT_CASE(past_the_bound_of_pages_a_message_is_lost_and_counted),
	KUNIT_CASE(without_the_nth_page_a_message_is_not_there_at_all),
	KUNIT_CASE(losses_are_counted_by_cause),
	KUNIT_CASE(without_the_flag_nothing_is_told_of_losses),
	KUNIT_CASE(what_a_failing_reader_did_not_take_stays),
	KUNIT_CASE(a_reader_that_takes_less_is_not_asked_again),
	KUNIT_CASE(a_read_of_no_bytes_takes_nothing),
	KUNIT_CASE(discard_frees_all_text_and_keeps_the_losses),
	KUNIT_CASE(discard_of_the_log_leaves_the_backlog),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "bpf_stream_stream",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = stream_cases,
};

static struct kunit_case loss_line_cases[] = {
	KUNIT_CASE(a_loss_line_stands_where_messages_are_missing),
	KUNIT_CASE(a_loss_line_stands_before_a_full_stream_too),
	KUNIT_CASE(without_a_page_for_the_mark_the_loss_is_told_at_the_end),
	KUNIT_CASE(a_loss_line_may_be_read_in_parts_of_any_size),
	{}
};

static struct kunit_suite loss_line_suite = {
	.name = "bpf_stream_loss_line",
	.init = tell_of_losses,
	.exit = bsp_test_exit,
	.test_cases = loss_line_cases,
};

/* ---- groups ---- */

static int add(struct bpfstream_staged *group, const char *text)
{
	return bpfstream_staged_push(group, text, strlen(text));
}

static int commit(struct bpfstream_staged *group, struct bpfstream *s)
{
	bool was_empty;

	return bpfstream_staged_commit(group, s, &was_empty);
}

static void expect_nothing_in(struct kunit *test, const struct bpfstream_staged *group)
{
	unsigned int i;

	KUNIT_EXPECT_NULL(test, group->chain.newest);
	KUNIT_EXPECT_NULL(test, group->chain.oldest);
	KUNIT_EXPECT_EQ(test, group->chain.bytes, 0);
	KUNIT_EXPECT_EQ(test, group->messages, 0);
	KUNIT_EXPECT_EQ(test, group->lost_bytes, 0);
	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++)
		KUNIT_EXPECT_EQ(test, group->lost[i], 0);
}

static void a_group_is_in_one_piece_and_stands_where_it_was_committed(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;

	memset(&group, 0xa5, sizeof(group));	/* storage needs no preparation */
	bpfstream_staged_init(&group);
	expect_nothing_in(test, &group);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "a "), 0);
	KUNIT_EXPECT_EQ(test, add(&group, "(1 "), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "b "), 0);
	KUNIT_EXPECT_EQ(test, add(&group, ""), 0);
	KUNIT_EXPECT_EQ(test, add(&group, "2 "), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "c "), 0);
	KUNIT_EXPECT_EQ(test, add(&group, "3) "), 0);
	KUNIT_EXPECT_EQ(test, group.messages, 3);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), 6);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	expect_nothing_in(test, &group);
	KUNIT_EXPECT_EQ(test, bsp_test_push(&t->stream, "d"), 0);
	bsp_test_reads(test, &t->stream, "a b c (1 2 3) d");
}

static void a_committed_group_may_be_used_again(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	KUNIT_EXPECT_EQ(test, add(&group, "first "), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	KUNIT_EXPECT_EQ(test, add(&group, "second"), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	bsp_test_reads(test, &t->stream, "first second");
}

static void an_empty_group_commits_to_nothing_even_where_nothing_fits(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 1), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	bsp_test_lost(test, &t->stream, 0, 0, 0);
}

static void messages_over_many_pages_are_whole_in_their_group(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;
	size_t at;

	bpfstream_staged_init(&group);
	bpfstream_init(&t->stream, PATTERN_LEN, 0);
	for (at = 0; at + 9000 < PATTERN_LEN; at += 9000)
		KUNIT_EXPECT_EQ(test, bpfstream_staged_push(&group, t->pattern + at, 9000), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	bsp_test_reads_bytes(test, &t->stream, t->pattern, at);
}

static void groups_that_grow_side_by_side_do_not_mix(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group[2];
	unsigned int i;

	bpfstream_staged_init(&group[0]);
	bpfstream_staged_init(&group[1]);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, add(&group[0], "one,"), 0);
		KUNIT_EXPECT_EQ(test, add(&group[1], "two,"), 0);
	}
	KUNIT_EXPECT_EQ(test, commit(&group[1], &t->stream), 0);
	KUNIT_EXPECT_EQ(test, commit(&group[0], &t->stream), 0);
	bsp_test_reads(test, &t->stream, "two,two,two,one,one,one,");
}

static void freeing_a_group_gives_all_of_it_up(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	KUNIT_EXPECT_EQ(test, bpfstream_staged_push(&group, t->pattern, LONG_TEXT), 0);
	KUNIT_EXPECT_EQ(test, bpfstream_staged_push(&group, t->pattern, 10), 0);
	KUNIT_EXPECT_GE(test, bsp_test_adrift(), t->adrift + 4);
	bpfstream_staged_free(&group);
	expect_nothing_in(test, &group);
	KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	bsp_test_reads(test, &t->stream, "");
}

static void a_refused_group_is_as_before_and_all_of_it_is_counted(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	KUNIT_EXPECT_EQ(test, add(&group, "12345 "), 0);
	KUNIT_EXPECT_EQ(test, add(&group, "67890"), 0);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 11), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), -ENOSPC);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), -ENOSPC);
	bsp_test_lost(test, &t->stream, 4, 0, 0);
	KUNIT_EXPECT_EQ(test, bpfstream_lost(&t->stream).sum, 22);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), TEST_CAPACITY - 11);
	t->room = 1;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, 1), 1);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);	/* one byte more, and it fits */
	KUNIT_EXPECT_EQ(test, bpfstream_pending(&t->stream), TEST_CAPACITY - 1);
	t->room = SIZE_MAX;
	KUNIT_EXPECT_EQ(test, bsp_test_read(t, &t->stream, TEST_CAPACITY - 12), TEST_CAPACITY - 12);
	bsp_test_reads(test, &t->stream, "12345 67890");
}

static void a_message_that_would_make_the_group_too_long_is_not_added(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;
	struct bpfstream_out out;
	int err[2];

	bpfstream_staged_init(&group);
	KUNIT_EXPECT_EQ(test, add(&group, "1234567 "), 0);
	bpfstream_out_open(&out, 12);
	err[0] = bpfstream_out_write(&out, "long", 4);
	err[1] = bpfstream_staged_add_out(&group, &out, err[0]);
	KUNIT_EXPECT_EQ(test, err[0], 0);
	KUNIT_EXPECT_EQ(test, err[1], -ENOSPC);
	bpfstream_out_open(&out, 12);
	err[0] = bpfstream_out_write(&out, "fit", 3);
	err[1] = bpfstream_staged_add_out(&group, &out, err[0]);
	KUNIT_EXPECT_EQ(test, err[0] | err[1], 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
	bsp_test_lost(test, &t->stream, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, bpfstream_lost(&t->stream).sum, 4);
	bsp_test_reads(test, &t->stream, "1234567 fit");
}

static void without_the_nth_page_a_message_is_not_added_and_what_was_stays(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;
	unsigned long nth;

	for (nth = 1; nth <= 4; nth++) {
		bsp_test_forget_pages();
		bpfstream_staged_init(&group);
		KUNIT_EXPECT_EQ(test, add(&group, "first "), 0);
		bsp_pages_fail(nth, 1);
		KUNIT_EXPECT_EQ(test, bpfstream_staged_push(&group, t->pattern, LONG_TEXT),
				-ENOMEM);
		bsp_pages_fail(0, 0);
		KUNIT_EXPECT_EQ(test, group.messages, 1);
		KUNIT_EXPECT_EQ(test, group.lost[BPFSTREAM_LOST_NOMEM], 1);
		KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift + (nth > 1));
		KUNIT_EXPECT_EQ(test, add(&group, "third"), 0);
		KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), 0);
		bsp_test_lost(test, &t->stream, 0, nth, 0);
		bsp_test_reads(test, &t->stream, "first third");
		KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
	}
}

static void a_groups_losses_are_told_to_one_stream_once(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_staged group;
	struct bpfstream other;

	bpfstream_init(&other, TEST_CAPACITY, 0);
	bpfstream_staged_init(&group);
	KUNIT_EXPECT_EQ(test, add(&group, "text"), 0);
	bpfstream_staged_account_loss(&group, -ENOMEM, 5);
	bpfstream_staged_account_loss(&group, -EINVAL, 3);
	bpfstream_staged_account_loss(&group, -EINVAL, 3);
	KUNIT_EXPECT_EQ(test, push_bytes(&t->stream, t->pattern, TEST_CAPACITY - 1), 0);
	KUNIT_EXPECT_EQ(test, commit(&group, &t->stream), -ENOSPC);
	bsp_test_lost(test, &t->stream, 1, 1, 2);
	KUNIT_EXPECT_EQ(test, bpfstream_lost(&t->stream).sum, 11 + 4);
	KUNIT_EXPECT_EQ(test, commit(&group, &other), 0);
	bsp_test_lost(test, &other, 0, 0, 0);
	bsp_test_reads(test, &other, "text");
	bpfstream_destroy(&other);
}

static struct kunit_case stage_cases[] = {
	KUNIT_CASE(a_group_is_in_one_piece_and_stands_where_it_was_committed),
	KUNIT_CASE(a_committed_group_may_be_used_again),
	KUNIT_CASE(an_empty_group_commits_to_nothing_even_where_nothing_fits),
	KUNIT_CASE(messages_over_many_pages_are_whole_in_their_group),
	KUNIT_CASE(groups_that_grow_side_by_side_do_not_mix),
	KUNIT_CASE(freeing_a_group_gives_all_of_it_up),
	KUNIT_CASE(a_refused_group_is_as_before_and_all_of_it_is_counted),
	KUNIT_CASE(a_message_that_would_make_the_group_too_long_is_not_added),
	KUNIT_CASE(without_the_nth_page_a_message_is_not_added_and_what_was_stays),
	KUNIT_CASE(a_groups_losses_are_told_to_one_stream_once),
	{}
};

static struct kunit_suite stage_suite = {
	.name = "bpf_stream_stage",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = stage_cases,
};

kunit_test_suites(&stream_suite, &loss_line_suite, &stage_suite);
