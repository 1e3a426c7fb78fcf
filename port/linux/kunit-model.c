// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kunit-model.c - KUnit test: many random operations, each compared with what it should have done
 *
 * The model of a stream is an array of messages, of which the first may have been read in part;
 * that of a group is another one. Whether a page failure that is planned hits an operation depends
 * on the pages: while one is, the model takes either result, and knows what each must look like.
 */
#include <linux/prandom.h>

#include "kunit.h"

#define OPERATIONS	5000u	/* a seed */
#define NR_GROUPS	2u
#define MAX_MESSAGES	2000u	/* as a group or a stream may have; one more is not tried */
#define MAX_GROUP	50000u	/* bytes */

/* A message: @len bytes of the pattern, from @from on. */
struct message {
	u32 from;
	u32 len;
};

struct messages {
	struct message at[MAX_MESSAGES];
	u32 nr;
	u64 bytes;
};

/* What should be there. @lost_bytes: at most */
struct model {
	struct messages stream;
	struct messages group[NR_GROUPS];
	u64 group_lost[NR_GROUPS];
	u64 lost;
	u64 lost_bytes;
	bool failing;
};

struct run {
	struct bsp_test *t;
	struct rnd_state random;
	struct model *model;
	struct bpfstream_staged group[NR_GROUPS];
	unsigned int hit;	/* operations that found no page */
};

static u32 below(struct run *run, u32 bound)
{
	return prandom_u32_state(&run->random) % bound;
}

/* A length as messages have it: most are short, some fill pages, few the stream. */
static struct message any_message(struct run *run)
{
	struct message m;

	switch (below(run, 10)) {
	case 0:
		m.len = below(run, 3);
		break;
	case 1:
		m.len = BSP_PAGE_SIZE - 40 + below(run, 50);
		break;
	case 2:
		m.len = below(run, 4 * BSP_PAGE_SIZE);
		break;
	case 3:
		m.len = below(run, 20) ? below(run, 500) : TEST_CAPACITY - 20 + below(run, 21);
		break;
	default:
		m.len = below(run, 150);
	}
	m.len = min(m.len, TEST_CAPACITY);
	m.from = below(run, TEST_CAPACITY + 1 - m.len);
	return m;
}

static void append(struct messages *list, struct message m)
{
	if (!m.len)
		return;
	list->at[list->nr++] = m;
	list->bytes += m.len;
}

static bool has_room_for(const struct messages *list, u32 messages)
{
	return list->nr + messages <= MAX_MESSAGES;
}

/* Check what an operation returned that should have returned @should, but for a failing page. */
static void expect_result(struct kunit *test, struct run *run, int err, int should)
{
	if (err == -ENOMEM && run->model->failing)
		run->hit++;
	else
		KUNIT_ASSERT_EQ(test, err, should);
}

/* A message of @bytes was refused. Count it as the stream does: no more than that was formatted. */
static void note_loss(struct kunit *test, struct run *run, u64 bytes, bool exact)
{
	struct model *model = run->model;
	u64 sum = bpfstream_lost(&run->t->stream).sum;

	KUNIT_ASSERT_LE(test, sum - model->lost_bytes, bytes);
	if (exact)
		KUNIT_ASSERT_EQ(test, sum - model->lost_bytes, bytes);
	model->lost++;
	model->lost_bytes = sum;
}

static void try_push(struct kunit *test, struct run *run)
{
	const char *pattern = run->t->pattern;
	struct bpfstream *s = &run->t->stream;
	struct messages *list = &run->model->stream;
	struct message m = any_message(run);
	struct bsp_test_levels levels;
	bool was_empty;
	int err, should;

	if (!has_room_for(list, 1))
		return;
	should = m.len && list->bytes + m.len >= TEST_CAPACITY ? -ENOSPC : 0;
	bsp_test_enter(&levels, below(run, 4) ? 0 : below(run, BSP_LEVELS + 1));
	err = bpfstream_push(s, pattern + m.from, m.len, &was_empty);
	bsp_test_leave(&levels);
	expect_result(test, run, err, should);
	KUNIT_ASSERT_EQ(test, was_empty, !err && m.len && !list->bytes);
	if (err)
		note_loss(test, run, m.len, err == -ENOSPC);
	else
		append(list, m);
}

/* Take @n bytes off the front, and check them against what was read. */
static void expect_front(struct kunit *test, struct run *run, size_t n)
{
	struct messages *list = &run->model->stream;
	struct bsp_test *t = run->t;
	size_t at = 0;
	u32 used = 0;

	while (at < n) {
		struct message *m = &list->at[used];
		u32 part = min_t(size_t, m->len, n - at);

		KUNIT_ASSERT_LT(test, used, list->nr);
		if (memcmp(t->back + at, t->pattern + m->from, part))
			KUNIT_FAIL_AND_ABORT(test, "message %u is another one", used);
		at += part;
		m->from += part;
		m->len -= part;
		used += !m->len;
	}
	list->bytes -= n;
	list->nr -= used;
	memmove(list->at, list->at + used, list->nr * sizeof(*list->at));
}

static void try_read(struct kunit *test, struct run *run)
{
	struct bsp_test *t = run->t;
	u64 waiting = run->model->stream.bytes;
	size_t ask = below(run, 2) ? below(run, 3000) : below(run, TEST_CAPACITY);
	long n, should;

	t->len = 0;
	t->room = below(run, 3) ? ask : below(run, ask + 1);
	t->err = below(run, 2) ? -EFAULT : 0;
	should = min3(t->room, ask, (size_t)waiting);
	if (!should && ask && waiting)
		should = t->err;
	n = bsp_test_read(t, &t->stream, ask);
	KUNIT_ASSERT_EQ(test, n, should);
	KUNIT_ASSERT_EQ(test, t->len, (size_t)max(n, 0l));
	expect_front(test, run, t->len);
}

static void try_add(struct kunit *test, struct run *run)
{
	unsigned int i = below(run, NR_GROUPS);
	struct bpfstream_staged *group = &run->group[i];
	struct messages *list = &run->model->group[i];
	struct message m = any_message(run);
	u64 lost_bytes = group->lost_bytes;
	int err;

	if (!has_room_for(list, 1) || list->bytes + m.len > MAX_GROUP)
		return;
	err = bpfstream_staged_push(group, run->t->pattern + m.from, m.len);
	expect_result(test, run, err, 0);
	if (err) {
		KUNIT_ASSERT_LE(test, group->lost_bytes - lost_bytes, (u64)m.len);
		run->model->group_lost[i]++;
	} else {
		append(list, m);
	}
	KUNIT_ASSERT_EQ(test, group->chain.bytes, list->bytes);
	KUNIT_ASSERT_EQ(test, group->messages, list->nr);
}

static void try_commit(struct kunit *test, struct run *run)
{
	unsigned int i = below(run, NR_GROUPS), n;
	struct bpfstream_staged *group = &run->group[i];
	struct model *model = run->model;
	struct messages *list = &model->group[i];
	struct bpfstream *s = &run->t->stream;
	bool was_empty;
	int err, should;

	if (!has_room_for(&model->stream, list->nr))
		return;
	should = list->bytes && model->stream.bytes + list->bytes >= TEST_CAPACITY ? -ENOSPC : 0;
	model->lost += model->group_lost[i];
	model->lost_bytes += group->lost_bytes;
	model->group_lost[i] = 0;
	err = bpfstream_staged_commit(group, s, &was_empty);
	KUNIT_ASSERT_EQ(test, err, should);
	KUNIT_ASSERT_EQ(test, was_empty, !err && list->bytes && !model->stream.bytes);
	if (err) {
		model->lost += list->nr;
		model->lost_bytes += list->bytes;
		return;
	}
	for (n = 0; n < list->nr; n++)
		append(&model->stream, list->at[n]);
	list->nr = 0;
	list->bytes = 0;
}

static void give_group_up(struct kunit *test, struct run *run)
{
	unsigned int i = below(run, NR_GROUPS);

	bpfstream_staged_free(&run->group[i]);
	run->model->group[i].nr = 0;
	run->model->group[i].bytes = 0;
	run->model->group_lost[i] = 0;
}

static void discard(struct kunit *test, struct run *run)
{
	bpfstream_discard(&run->t->stream);
	run->model->stream.nr = 0;
	run->model->stream.bytes = 0;
}

static void turn_failures(struct kunit *test, struct run *run)
{
	run->model->failing = below(run, 3);
	if (run->model->failing)
		bsp_pages_fail(1 + below(run, 4), below(run, 3) ? 1 + below(run, 3) : ~0ul);
	else
		bsp_pages_fail(0, 0);
}

static void forget_pages(struct kunit *test, struct run *run)
{
	bsp_test_forget_pages();
}

/* How often of a hundred times. */
static const struct {
	unsigned int share;
	void (*operate)(struct kunit *test, struct run *run);
} operations[] = {
	{ 48, try_push },
	{ 24, try_read },
	{ 12, try_add },
	{ 6, try_commit },
	{ 1, give_group_up },
	{ 1, discard },
	{ 6, turn_failures },
	{ 2, forget_pages },
};

static void operate(struct kunit *test, struct run *run)
{
	unsigned int dice = below(run, 100), i = 0;

	while (dice >= operations[i].share)
		dice -= operations[i++].share;
	operations[i].operate(test, run);
}

static void expect_as_modelled(struct kunit *test, const struct run *run)
{
	struct bpfstream_total lost = bpfstream_lost(&run->t->stream);

	KUNIT_ASSERT_EQ(test, bpfstream_pending(&run->t->stream), run->model->stream.bytes);
	KUNIT_ASSERT_EQ(test, lost.count, run->model->lost);
	KUNIT_ASSERT_EQ(test, lost.sum, run->model->lost_bytes);
}

static const u64 seeds[] = { 1, 4711, 20250703, 0xfeedbeefcafeull };

static void describe_seed(const u64 *seed, char *text)
{
	scnprintf(text, KUNIT_PARAM_DESC_SIZE, "seed %llu", *seed);
}

KUNIT_ARRAY_PARAM(seed, seeds, describe_seed);

static void random_operations_do_what_the_model_says(struct kunit *test)
{
	struct run *run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, run);
	run->model = kunit_kzalloc(test, sizeof(*run->model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, run->model);
	run->t = test->priv;
	prandom_seed_state(&run->random, *(const u64 *)test->param_value);
	for (i = 0; i < NR_GROUPS; i++)
		bpfstream_staged_init(&run->group[i]);
	for (i = 0; i < OPERATIONS; i++) {
		operate(test, run);
		expect_as_modelled(test, run);
		cond_resched();
	}
	bsp_pages_fail(0, 0);
	for (i = 0; i < NR_GROUPS; i++)
		bpfstream_staged_free(&run->group[i]);
	kunit_info(test, "%u operations, %u without a page, %llu messages lost", OPERATIONS,
		   run->hit, run->model->lost);
	KUNIT_EXPECT_GT(test, run->hit, 10);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE_PARAM(random_operations_do_what_the_model_says, seed_gen_params),
	{}
};

static struct kunit_suite model_suite = {
	.name = "bpf_stream_model",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
