// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_stage.c - stage.c: groups, private until they are committed, then visible at once
 */
#include "fixture.h"

#include "stage.h"

#define NO_LIMIT	(~(u64)0)
#define LONG_TEXT	20000u	/* five pages */

static char pattern[FIXTURE_CAPACITY + 1];
static bool was_empty;

static int setup(void **state)
{
	fixture_pattern(pattern, sizeof(pattern), 3);
	return fixture_setup(state);
}

static int setup_lost_lines(void **state)
{
	fixture_pattern(pattern, sizeof(pattern), 3);
	return fixture_setup_lost_lines(state);
}

static struct bpfstream *stream_of(void **state)
{
	return ((struct fixture *)*state)->s;
}

static struct bpfstream *other_stream_of(void **state)
{
	return &((struct fixture *)*state)->prog->stream[1];
}

static int add(struct bpfstream_staged *group, const char *text)
{
	return bpfstream_staged_push(group, text, strlen(text));
}

/* Write a message and have it end in an error, or not. */
static int add_with(struct bpfstream_staged *group, size_t len, u64 limit, int err)
{
	struct bpfstream_out out;

	bpfstream_out_open(&out, limit);
	assert_int_equal(bpfstream_out_write(&out, pattern, len), 0);
	return bpfstream_staged_add_out(group, &out, err);
}

static int commit(struct bpfstream_staged *group, struct bpfstream *s)
{
	was_empty = true;
	return bpfstream_staged_commit(group, s, &was_empty);
}

static void fill_up_to(struct bpfstream *s, size_t bytes)
{
	bool ignored;

	assert_int_equal(bpfstream_push(s, pattern, bytes, &ignored), 0);
}

static void assert_empty(const struct bpfstream_staged *group)
{
	u32 i;

	assert_null(group->chain.newest);
	assert_null(group->chain.oldest);
	assert_int_equal(group->chain.bytes, 0);
	assert_int_equal(group->messages, 0);
	assert_int_equal(group->lost_bytes, 0);
	for (i = 0; i < BPFSTREAM_NR_CAUSES; i++)
		assert_int_equal(group->lost[i], 0);
}

static void assert_lost(const struct bpfstream *s, u64 full, u64 nomem, u64 invalid, u64 bytes)
{
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_FULL]).count, full);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_NOMEM]).count, nomem);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_INVALID]).count, invalid);
	assert_int_equal(bpfstream_lost(s).sum, bytes);
}

/* ---- one at a time ---- */

static void storage_needs_no_preparation(void **state)
{
	struct bpfstream_staged group;

	memset(&group, 0xa5, sizeof(group));
	bpfstream_staged_init(&group);
	assert_empty(&group);
	assert_int_equal(add(&group, "text"), 0);
	assert_int_equal(commit(&group, stream_of(state)), 0);
	assert_lost(stream_of(state), 0, 0, 0, 0);
	assert_reads(stream_of(state), "text");
}

static void a_group_is_nobodys_before_its_commit_and_the_readers_from_then_on(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "one "), 0);
	assert_int_equal(add(&group, "two "), 0);
	assert_int_equal(group.messages, 2);
	assert_int_equal(group.chain.bytes, 8);
	assert_int_equal(bpfstream_pending(s), 0);
	assert_true(bpfstream_llist_empty(&s->log));
	assert_reads(s, "");
	assert_int_equal(commit(&group, s), 0);
	assert_int_equal(bpfstream_pending(s), 8);
	assert_reads(s, "one two ");
}

static void a_group_takes_its_place_at_the_commit_and_not_before(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(fixture_push(s, "a "), 0);
	assert_int_equal(add(&group, "(1 "), 0);
	assert_int_equal(fixture_push(s, "b "), 0);
	assert_int_equal(add(&group, "2 "), 0);
	assert_int_equal(fixture_push(s, "c "), 0);
	assert_int_equal(add(&group, "3) "), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_int_equal(fixture_push(s, "d"), 0);
	assert_reads(s, "a b c (1 2 3) d");
}

static void a_committed_group_is_empty_and_may_be_used_again(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "first "), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_empty(&group);
	assert_int_equal(commit(&group, s), 0);
	assert_int_equal(add(&group, "second"), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_reads(s, "first second");
}

static void an_empty_group_commits_to_nothing_even_where_nothing_fits(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(commit(&group, s), 0);
	assert_false(was_empty);
	assert_true(bpfstream_llist_empty(&s->log));
	assert_int_equal(bsp_fault.page_allocs, 0);
	fill_up_to(s, FIXTURE_CAPACITY - 1);
	assert_int_equal(commit(&group, s), 0);
	assert_int_equal(bpfstream_lost(s).count, 0);
	bpfstream_discard(s);
}

static void empty_messages_are_no_messages(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;
	u32 carved;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, ""), 0);
	assert_int_equal(bsp_fault.page_allocs, 0);
	assert_empty(&group);
	assert_int_equal(add(&group, "x"), 0);
	carved = bsp_slot_self()->level[0].cpu.carved;
	assert_int_equal(add(&group, ""), 0);
	assert_int_equal(bsp_slot_self()->level[0].cpu.carved, carved);
	assert_int_equal(group.messages, 1);
	assert_int_equal(commit(&group, s), 0);
	assert_reads(s, "x");
}

static void only_the_commit_that_ends_an_emptiness_says_so(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "a"), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_true(was_empty);
	assert_int_equal(add(&group, "b"), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_false(was_empty);
	assert_int_equal(bpfstream_staged_push(&group, pattern, FIXTURE_CAPACITY), 0);
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_false(was_empty);
	bpfstream_staged_free(&group);
	assert_reads(s, "ab");
}

static void messages_over_many_pages_are_whole_in_their_group(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(bpfstream_staged_push(&group, pattern, 100), 0);
	assert_int_equal(bpfstream_staged_push(&group, pattern + 100, LONG_TEXT), 0);
	assert_int_equal(bpfstream_staged_push(&group, pattern + 100 + LONG_TEXT, 9000), 0);
	assert_int_equal(group.messages, 3);
	assert_int_equal(commit(&group, s), 0);
	assert_reads_bytes(s, pattern, 100 + LONG_TEXT + 9000);
}

static void freeing_a_group_gives_all_of_it_up(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(bpfstream_staged_push(&group, pattern, LONG_TEXT), 0);
	assert_int_equal(add_with(&group, 10, NO_LIMIT, -EINVAL), -EINVAL);
	assert_int_equal(bsp_arena_live(), 5);
	bpfstream_staged_free(&group);
	assert_empty(&group);
	assert_int_equal(bsp_arena_live(), 1);
	bpfstream_staged_free(&group);
	assert_int_equal(add(&group, "again"), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_lost(s, 0, 0, 0, 0);
	assert_reads(s, "again");
}

/* ---- several at a time ---- */

static void groups_that_grow_side_by_side_do_not_mix(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged one, two;
	int i;

	bpfstream_staged_init(&one);
	bpfstream_staged_init(&two);
	for (i = 0; i < 3; i++) {
		assert_int_equal(add(&one, "1"), 0);
		assert_int_equal(add(&two, "2"), 0);
	}
	assert_int_equal(commit(&two, s), 0);
	assert_int_equal(add(&one, "1"), 0);
	assert_int_equal(commit(&one, s), 0);
	assert_reads(s, "2221111");
}

struct nmi {
	struct bpfstream *s;
	int err;
};

static void commit_nmi_group(void *arg)
{
	struct nmi *nmi = arg;
	struct bpfstream_staged group;
	bool ignored;

	bpfstream_staged_init(&group);
	nmi->err = add(&group, "<nmi ");
	if (!nmi->err)
		nmi->err = add(&group, "nmi>");
	if (!nmi->err)
		nmi->err = bpfstream_staged_commit(&group, nmi->s, &ignored);
}

static void a_group_inside_the_staging_of_another_stands_before_it(void **state)
{
	static const enum bsp_point points[] = {
		BSP_POINT_CPU_ENTER, BSP_POINT_PAGE_ALLOC, BSP_POINT_CPU_LEAVE,
	};
	struct bpfstream *s = stream_of(state);
	u32 i;

	for (i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct nmi nmi = { s, -1 };
		struct bpfstream_staged group;

		fixture_forget_pages();
		bpfstream_staged_init(&group);
		fixture_at(points[i], 0, commit_nmi_group, &nmi);
		assert_int_equal(add(&group, "(task "), 0);
		assert_int_equal(bsp_fault.countdown, -1);
		assert_int_equal(nmi.err, 0);
		assert_int_equal(add(&group, "task)"), 0);
		assert_int_equal(commit(&group, s), 0);
		assert_reads(s, "<nmi nmi>(task task)");
	}
}

static void a_group_inside_the_commit_of_another_does_not_part_it(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct nmi nmi = { s, -1 };
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "(task "), 0);
	assert_int_equal(add(&group, "task)"), 0);
	fixture_at(BSP_POINT_CMPXCHG, 0, commit_nmi_group, &nmi);
	assert_int_equal(commit(&group, s), 0);
	assert_false(was_empty);
	assert_int_equal(nmi.err, 0);
	assert_reads(s, "<nmi nmi>(task task)");
}

/* ---- what does not fit ---- */

static void a_group_is_committed_exactly_if_it_fits_beside_what_waits(void **state)
{
	static const struct {
		size_t waits, first, second;
		int err;
	} row[] = {
		{ 0, 1, FIXTURE_CAPACITY - 2, 0 },
		{ 0, 1, FIXTURE_CAPACITY - 1, -ENOSPC },
		{ 0, FIXTURE_CAPACITY, 1, -ENOSPC },
		{ 60000, 20000, 19999, 0 },
		{ 60000, 20000, 20000, -ENOSPC },
		{ FIXTURE_CAPACITY - 3, 1, 1, 0 },
		{ FIXTURE_CAPACITY - 2, 1, 1, -ENOSPC },
		{ FIXTURE_CAPACITY - 1, 1, 0, -ENOSPC },
	};
	struct bpfstream *s = stream_of(state);
	u32 i;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct bpfstream_staged group;
		size_t bytes = row[i].first + row[i].second;

		fill_up_to(s, row[i].waits);
		bpfstream_staged_init(&group);
		assert_int_equal(add_with(&group, row[i].first, NO_LIMIT, 0), 0);
		assert_int_equal(add_with(&group, row[i].second, NO_LIMIT, 0), 0);
		assert_int_equal(commit(&group, s), row[i].err);
		assert_int_equal(bpfstream_pending(s), row[i].waits + (row[i].err ? 0 : bytes));
		bpfstream_staged_free(&group);
		bpfstream_discard(s);
	}
}

static void a_refused_group_is_as_before_and_may_go_elsewhere_or_later(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream *other = other_stream_of(state);
	struct bpfstream_staged group;
	struct bpfstream_chain chain;

	fill_up_to(s, FIXTURE_CAPACITY - 5);
	fill_up_to(other, FIXTURE_CAPACITY - 5);
	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "one "), 0);
	assert_int_equal(add(&group, "two"), 0);
	chain = group.chain;
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_int_equal(commit(&group, other), -ENOSPC);
	assert_memory_equal(&group.chain, &chain, sizeof(chain));
	assert_null(bpfstream_node_next(&chain.oldest->node));
	assert_int_equal(group.messages, 2);
	bpfstream_discard(other);
	assert_int_equal(add(&group, " three"), 0);
	assert_int_equal(commit(&group, other), 0);
	assert_empty(&group);
	assert_reads(other, "one two three");
	assert_reads_bytes(s, pattern, FIXTURE_CAPACITY - 5);
}

/* A mark of one stream's losses would have the other tell what is not true of it. */
static void a_refused_group_takes_no_loss_mark_to_another_stream(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream *other = other_stream_of(state);
	struct bpfstream_staged group;

	fill_up_to(s, FIXTURE_CAPACITY - 1);
	bpfstream_account_loss(s, BPFSTREAM_LOST_FULL, 3, 30);
	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "text\n"), 0);
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_int_equal(commit(&group, other), 0);
	assert_reads(other, "text\n");
	bpfstream_discard(s);
	assert_reads(s, "[5 messages, 40 bytes lost]\n");
}

static void each_refusal_counts_every_message_of_the_group(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	fill_up_to(s, FIXTURE_CAPACITY - 1);
	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "abc"), 0);
	assert_int_equal(add(&group, ""), 0);
	assert_int_equal(add(&group, "de"), 0);
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_lost(s, 2, 0, 0, 5);
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_lost(s, 4, 0, 0, 10);
	bpfstream_staged_free(&group);
	assert_lost(s, 4, 0, 0, 10);
	bpfstream_discard(s);
}

static void a_message_that_would_make_the_group_too_long_is_not_added(void **state)
{
	static const struct {
		size_t has, adds;
		u64 limit;
		int err;
	} row[] = {
		{ 10, 4, 15, 0 },
		{ 10, 5, 15, -ENOSPC },
		{ 10, 6, 15, -ENOSPC },
		{ 5000, 4999, 10000, 0 },
		{ 5000, 5000, 10000, -ENOSPC },
		{ 15, 0, 15, 0 },
		{ 14, 0, 15, 0 },
	};
	struct bpfstream *s = stream_of(state);
	u32 i;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		u64 lost_before = bpfstream_lost(s).count;
		struct bpfstream_staged group;

		bpfstream_staged_init(&group);
		assert_int_equal(add_with(&group, row[i].has, NO_LIMIT, 0), 0);
		assert_int_equal(add_with(&group, row[i].adds, row[i].limit, 0), row[i].err);
		assert_int_equal(group.chain.bytes, row[i].has + (row[i].err ? 0 : row[i].adds));
		assert_int_equal(group.lost[BPFSTREAM_LOST_FULL], row[i].err ? 1 : 0);
		assert_int_equal(group.lost_bytes, row[i].err ? row[i].adds : 0);
		assert_int_equal(commit(&group, s), 0);
		assert_int_equal(bpfstream_lost(s).count, lost_before + (row[i].err ? 1 : 0));
		bpfstream_discard(s);
	}
}

/* ---- what could not be added ---- */

static void a_message_that_cannot_be_added_leaves_the_group_and_its_page_as_they_were(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;
	struct bpfstream_chain chain;
	u32 carved;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "kept"), 0);
	chain = group.chain;
	carved = bsp_slot_self()->level[0].cpu.carved;
	assert_int_equal(add_with(&group, 100, NO_LIMIT, -EINVAL), -EINVAL);
	assert_int_equal(add_with(&group, 100, 50, 0), -ENOSPC);
	assert_int_equal(add_with(&group, 100, 50, -ENOMEM), -ENOMEM);
	assert_int_equal(bsp_slot_self()->level[0].cpu.carved, carved);
	assert_memory_equal(&group.chain, &chain, sizeof(chain));
	assert_int_equal(group.messages, 1);
	assert_int_equal(commit(&group, s), 0);
	assert_lost(s, 1, 1, 1, 300);
	assert_reads(s, "kept");
}

static void without_the_nth_page_a_message_is_not_added_and_what_was_stays(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;
	unsigned long n;

	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "kept "), 0);
	for (n = 1; n <= 4; n++) {
		fixture_fail_page(n, 1);
		assert_int_equal(bpfstream_staged_push(&group, pattern, LONG_TEXT), -ENOMEM);
		assert_int_equal(group.lost[BPFSTREAM_LOST_NOMEM], n);
		assert_int_equal(group.chain.bytes, 5);
		assert_int_equal(bsp_arena_live(), n == 1 ? 1 : 2);
	}
	fixture_fail_no_page();
	assert_int_equal(bpfstream_lost(s).count, 0);
	assert_int_equal(add(&group, "added"), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_int_equal(bpfstream_tally_read(&s->lost[BPFSTREAM_LOST_NOMEM]).count, 4);
	assert_in_range(bpfstream_lost(s).sum, 4 * 4000 + 1, 4 * LONG_TEXT - 1);
	assert_reads(s, "kept added");
}

static void losses_go_to_the_stream_of_the_commit_by_their_cause(void **state)
{
	static const struct {
		int err;
		enum bpfstream_cause cause;
	} row[] = {
		{ -ENOSPC, BPFSTREAM_LOST_FULL },
		{ -ENOMEM, BPFSTREAM_LOST_NOMEM },
		{ -EINVAL, BPFSTREAM_LOST_INVALID },
		{ -E2BIG, BPFSTREAM_LOST_INVALID },
	};
	struct bpfstream *s = stream_of(state);
	u64 expected[BPFSTREAM_NR_CAUSES] = { 0 };
	struct bpfstream_staged group;
	u64 bytes = 0;
	u32 i, n;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		bpfstream_staged_init(&group);
		for (n = 0; n <= i; n++) {
			assert_int_equal(add_with(&group, 7, NO_LIMIT, row[i].err), row[i].err);
			bpfstream_staged_account_loss(&group, row[i].err, 3);
		}
		expected[row[i].cause] += 2 * (i + 1);
		bytes += 10 * (i + 1);
		assert_int_equal(commit(&group, s), 0);
		assert_empty(&group);
		for (n = 0; n < BPFSTREAM_NR_CAUSES; n++)
			assert_int_equal(bpfstream_tally_read(&s->lost[n]).count, expected[n]);
		assert_int_equal(bpfstream_lost(s).sum, bytes);
	}
	assert_int_equal(bpfstream_lost(other_stream_of(state)).count, 0);
}

static void losses_are_told_to_one_stream_once_though_its_commit_is_refused(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream *other = other_stream_of(state);
	struct bpfstream_staged group;

	fill_up_to(s, FIXTURE_CAPACITY - 1);
	bpfstream_staged_init(&group);
	assert_int_equal(add(&group, "text"), 0);
	bpfstream_staged_account_loss(&group, -EINVAL, 50);
	assert_int_equal(commit(&group, s), -ENOSPC);
	assert_lost(s, 1, 0, 1, 54);
	assert_int_equal(commit(&group, other), 0);
	assert_lost(other, 0, 0, 0, 0);
	assert_lost(s, 1, 0, 1, 54);
	assert_reads(other, "text");
	bpfstream_discard(s);
}

static void a_loss_line_about_the_group_stands_before_it(void **state)
{
	struct bpfstream *s = stream_of(state);
	struct bpfstream_staged group;

	bpfstream_staged_init(&group);
	assert_int_equal(fixture_push(s, "before\n"), 0);
	assert_int_equal(add(&group, "a\n"), 0);
	assert_int_equal(add_with(&group, 12, NO_LIMIT, -EINVAL), -EINVAL);
	assert_int_equal(add(&group, "b\n"), 0);
	assert_int_equal(commit(&group, s), 0);
	assert_int_equal(fixture_push(s, "after\n"), 0);
	assert_reads(s, "before\n[1 message, 12 bytes lost]\na\nb\nafter\n");
}

#define TEST(name)		cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define TEST_LOST_LINES(name)	cmocka_unit_test_setup_teardown(name, setup_lost_lines,	\
								fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(storage_needs_no_preparation),
		TEST(a_group_is_nobodys_before_its_commit_and_the_readers_from_then_on),
		TEST(a_group_takes_its_place_at_the_commit_and_not_before),
		TEST(a_committed_group_is_empty_and_may_be_used_again),
		TEST(an_empty_group_commits_to_nothing_even_where_nothing_fits),
		TEST(empty_messages_are_no_messages),
		TEST(only_the_commit_that_ends_an_emptiness_says_so),
		TEST(messages_over_many_pages_are_whole_in_their_group),
		TEST(freeing_a_group_gives_all_of_it_up),
		TEST(groups_that_grow_side_by_side_do_not_mix),
		TEST(a_group_inside_the_staging_of_another_stands_before_it),
		TEST(a_group_inside_the_commit_of_another_does_not_part_it),
		TEST(a_group_is_committed_exactly_if_it_fits_beside_what_waits),
		TEST(a_refused_group_is_as_before_and_may_go_elsewhere_or_later),
		TEST_LOST_LINES(a_refused_group_takes_no_loss_mark_to_another_stream),
		TEST(each_refusal_counts_every_message_of_the_group),
		TEST(a_message_that_would_make_the_group_too_long_is_not_added),
		TEST(a_message_that_cannot_be_added_leaves_the_group_and_its_page_as_they_were),
		TEST(without_the_nth_page_a_message_is_not_added_and_what_was_stays),
		TEST(losses_go_to_the_stream_of_the_commit_by_their_cause),
		TEST(losses_are_told_to_one_stream_once_though_its_commit_is_refused),
		TEST_LOST_LINES(a_loss_line_about_the_group_stands_before_it),
	};

	return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
