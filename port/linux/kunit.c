// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kunit.c - KUnit tests: what each begins and ends with; lists, tallies, pages, levels
 *
 * A failed check may sleep. So what is found with interrupts off is noted, and checked later.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>

#include "kunit.h"

/* ---- begin and end ---- */

/* Bytes of which no two stretches are alike for long. */
static void fill_pattern(char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		text[i] = (char)('!' + (i * 31 + i / 89) % 90);
}

/**
 * bsp_test_enter() - enter levels on top of each other
 * @levels: bsp_test_leave() must follow, and nothing that sleeps before that
 * @nr: how many; one more than BSP_LEVELS, and the last is not had
 */
void bsp_test_enter(struct bsp_test_levels *levels, unsigned int nr)
{
	unsigned int n;

	levels->nr = nr;
	for (n = 0; n < nr; n++)
		levels->cpu[n] = bsp_cpu_enter(&levels->flags[n]);
}

/**
 * bsp_test_leave() - leave what bsp_test_enter() has entered
 * @levels: from there
 */
void bsp_test_leave(struct bsp_test_levels *levels)
{
	while (levels->nr--)
		if (levels->cpu[levels->nr])
			bsp_cpu_leave(levels->cpu[levels->nr], levels->flags[levels->nr]);
}

/**
 * bsp_test_level() - what a level of this CPU looks like
 * @n: which, 0 for a task's
 *
 * Return: a copy.
 */
struct bpfstream_cpu bsp_test_level(unsigned int n)
{
	struct bsp_test_levels levels;
	struct bpfstream_cpu cpu;

	bsp_test_enter(&levels, n + 1);
	cpu = *levels.cpu[n];
	bsp_test_leave(&levels);
	return cpu;
}

/**
 * bsp_test_forget_pages() - have this CPU begin with a new page at every level
 */
void bsp_test_forget_pages(void)
{
	struct bsp_test_levels levels;
	unsigned int n;

	bsp_test_enter(&levels, BSP_LEVELS);
	for (n = 0; n < BSP_LEVELS; n++) {
		struct bpfstream_page *page = levels.cpu[n]->page;

		levels.cpu[n]->page = NULL;
		if (page)
			bpfstream_page_retire(page, levels.cpu[n]->carved);
	}
	bsp_test_leave(&levels);
}

/**
 * bsp_test_adrift() - count the pages in use that no level holds
 *
 * Return: how many.
 */
unsigned long bsp_test_adrift(void)
{
	return bsp_pages_live() - bsp_pages_held();
}

/* Levels of this CPU on whose page something else was released than was carved. */
static unsigned int levels_off_balance(void)
{
	unsigned int n, off = 0;

	for (n = 0; n < BSP_LEVELS; n++) {
		struct bpfstream_cpu cpu = bsp_test_level(n);
		u32 carved = (cpu.carved - BPFSTREAM_PAGE_HDR) / BPFSTREAM_GRAIN;

		off += cpu.page &&
		       bsp_ref_read_acquire(&cpu.page->ref) + carved != BPFSTREAM_PAGE_BIAS;
	}
	return off;
}

static int stay_on(int cpu)
{
	return set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/**
 * bsp_test_init() - prepare a test: an init function of suites
 * @test: to be run by this thread
 *
 * Return: 0, and @test's priv is a struct bsp_test; -errno.
 */
int bsp_test_init(struct kunit *test)
{
	struct bsp_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int err;

	if (!t)
		return -ENOMEM;
	t->pattern = kunit_kmalloc(test, PATTERN_LEN, GFP_KERNEL);
	t->back = kunit_kmalloc(test, PATTERN_LEN + BSP_PAGE_SIZE, GFP_KERNEL);
	if (!t->pattern || !t->back)
		return -ENOMEM;
	t->cpu = raw_smp_processor_id();
	err = stay_on(t->cpu);
	if (err)
		return err;
	fill_pattern(t->pattern, PATTERN_LEN);
	bpfstream_init(&t->stream, TEST_CAPACITY, 0);
	bsp_pages_fail(0, 0);
	bsp_test_forget_pages();
	t->adrift = bsp_test_adrift();
	test->priv = t;
	return 0;
}

/**
 * bsp_test_exit() - see what a test has left: an exit function of suites
 * @test: has ended, or was given up; this is another thread
 */
void bsp_test_exit(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	bsp_pages_fail(0, 0);
	if (!t)
		return;
	KUNIT_EXPECT_EQ(test, stay_on(t->cpu), 0);
	if (t->prog)
		bpf_prog_stream_free(t->prog);
	bpfstream_destroy(&t->stream);
	KUNIT_EXPECT_EQ_MSG(test, bpfstream_pending(&t->stream), 0, "charged, and not there");
	KUNIT_EXPECT_EQ_MSG(test, bsp_test_adrift(), t->adrift, "pages adrift");
	KUNIT_EXPECT_EQ_MSG(test, levels_off_balance(), 0, "a page's references");
}

/* ---- streams ---- */

/**
 * bsp_test_push() - push a string
 * @s: stream
 * @text: string
 *
 * Return: 0 or -errno, as bpfstream_push().
 */
int bsp_test_push(struct bpfstream *s, const char *text)
{
	bool was_empty;

	return bpfstream_push(s, text, strlen(text), &was_empty);
}

static long take(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct bsp_test *t = ctx;
	size_t before = t->len;
	unsigned int i;

	t->calls++;
	for (i = 0; i < nr && t->room; i++) {
		size_t n = min(piece[i].len, t->room);

		n = min(n, PATTERN_LEN + BSP_PAGE_SIZE - t->len);
		memcpy(t->back + t->len, piece[i].text, n);
		t->len += n;
		t->room -= n;
	}
	return t->len > before ? (long)(t->len - before) : t->err;
}

/**
 * bsp_test_read() - read on, to where the last read has ended
 * @t: test
 * @s: stream
 * @max: bytes to ask for
 *
 * Return: bytes read, or -errno, as bpfstream_deliver().
 */
long bsp_test_read(struct bsp_test *t, struct bpfstream *s, size_t max)
{
	long n;

	bsp_mutex_lock(&s->lock);
	n = bpfstream_deliver(s, take, t, max);
	bsp_mutex_unlock(&s->lock);
	return n;
}

static void read_anew(struct bsp_test *t, struct bpfstream *s)
{
	t->len = 0;
	t->room = SIZE_MAX;
	t->err = 0;
	(void)bsp_test_read(t, s, SIZE_MAX);
}

/**
 * bsp_test_reads_bytes() - expect that a stream has to tell these bytes, and nothing else
 * @test: test
 * @s: stream
 * @text: bytes
 * @len: how many
 */
void bsp_test_reads_bytes(struct kunit *test, struct bpfstream *s, const char *text, size_t len)
{
	struct bsp_test *t = test->priv;

	read_anew(t, s);
	KUNIT_EXPECT_EQ(test, t->len, len);
	KUNIT_EXPECT_MEMEQ(test, t->back, text, min(len, t->len));
	KUNIT_EXPECT_EQ(test, bpfstream_pending(s), 0);
}

/**
 * bsp_test_reads() - expect that a stream has to tell this string, and nothing else
 * @test: test
 * @s: stream
 * @text: string
 */
void bsp_test_reads(struct kunit *test, struct bpfstream *s, const char *text)
{
	struct bsp_test *t = test->priv;

	read_anew(t, s);
	t->back[min(t->len, PATTERN_LEN)] = '\0';
	KUNIT_EXPECT_STREQ(test, t->back, text);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(s), 0);
}

/**
 * bsp_test_lost() - expect that as many messages were refused as this
 * @test: test
 * @s: stream
 * @full: messages that found no room
 * @nomem: messages that found no page
 * @invalid: messages that were none
 */
void bsp_test_lost(struct kunit *test, const struct bpfstream *s, u64 full, u64 nomem, u64 invalid)
{
	const struct bpfstream_tally *lost = s->lost;

	KUNIT_EXPECT_EQ(test, bpfstream_tally_read(&lost[BPFSTREAM_LOST_FULL]).count, full);
	KUNIT_EXPECT_EQ(test, bpfstream_tally_read(&lost[BPFSTREAM_LOST_NOMEM]).count, nomem);
	KUNIT_EXPECT_EQ(test, bpfstream_tally_read(&lost[BPFSTREAM_LOST_INVALID]).count, invalid);
}

/* ---- lists ---- */

#define NR_NODES	16u
#define PLENTY		1000u
#define WEIGHT_BITS	(64 - BSP_LINK_BITS)

/* @page: where the nodes lie: links do not reach everything */
struct list_test {
	struct bpfstream_page *page;
	struct bpfstream_node *node[NR_NODES];
	struct bpfstream_llist list;
	u64 before;
};

static int list_init(struct kunit *test)
{
	struct list_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i;

	if (!t)
		return -ENOMEM;
	t->page = bsp_page_alloc();
	if (!t->page)
		return -ENOMEM;
	for (i = 0; i < NR_NODES; i++) {
		t->node[i] = (void *)((char *)t->page + 64 + 16 * i);
		bpfstream_node_set_next(t->node[i], NULL);
	}
	bpfstream_llist_init(&t->list);
	t->before = ~(u64)0;
	test->priv = t;
	return 0;
}

static void list_exit(struct kunit *test)
{
	struct list_test *t = test->priv;

	if (t)
		bsp_page_free(t->page);
}

static bool push_node(struct list_test *t, unsigned int i, u64 weight, u64 limit)
{
	return bpfstream_llist_push(&t->list, t->node[i], t->node[i], weight, limit, &t->before);
}

/* Expect that a chain is these nodes, a letter each from 'a' on, and no more. */
static void expect_chain(struct kunit *test, const struct bpfstream_node *first, const char *nodes)
{
	struct list_test *t = test->priv;
	char found[NR_NODES + 1];
	unsigned int n = 0, i;

	for (; first && n < NR_NODES; first = bpfstream_node_next(first), n++) {
		found[n] = '?';
		for (i = 0; i < NR_NODES; i++)
			if (first == t->node[i])
				found[n] = (char)('a' + i);
	}
	found[n] = '\0';
	KUNIT_EXPECT_STREQ(test, found, nodes);
}

static void a_link_leads_back_to_where_it_was_made(struct kunit *test)
{
	struct list_test *t = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, bsp_link_of(NULL), 0);
	KUNIT_EXPECT_NULL(test, bsp_link_ptr(0));
	for (i = 0; i < NR_NODES; i++) {
		bsp_link_t link = bsp_link_of(t->node[i]);

		KUNIT_EXPECT_NE(test, link, 0);
		KUNIT_EXPECT_LE(test, (u64)link, BPFSTREAM_LINK_MASK);
		KUNIT_EXPECT_PTR_EQ(test, bsp_link_ptr(link), t->node[i]);
	}
}

static void a_new_list_is_empty_and_weighs_nothing(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, bpfstream_llist_empty(&t->list));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 0);
	KUNIT_EXPECT_NULL(test, bpfstream_llist_take(&t->list));
}

static void a_push_links_and_charges(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 7, PLENTY));
	KUNIT_EXPECT_EQ(test, t->before, 0);
	KUNIT_EXPECT_FALSE(test, bpfstream_llist_empty(&t->list));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 7);
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, 5, PLENTY));
	KUNIT_EXPECT_EQ(test, t->before, 7);
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 12);
}

static void a_take_gets_all_newest_first_and_leaves_the_weight(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 1, PLENTY));
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, 2, PLENTY));
	KUNIT_EXPECT_TRUE(test, push_node(t, 2, 3, PLENTY));
	expect_chain(test, bpfstream_llist_take(&t->list), "cba");
	KUNIT_EXPECT_TRUE(test, bpfstream_llist_empty(&t->list));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 6);
	KUNIT_EXPECT_NULL(test, bpfstream_llist_take(&t->list));
}

static void a_push_after_a_take_does_not_find_what_was_taken(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 1, PLENTY));
	expect_chain(test, bpfstream_llist_take(&t->list), "a");
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, 1, PLENTY));
	KUNIT_EXPECT_EQ(test, t->before, 1);
	expect_chain(test, bpfstream_llist_take(&t->list), "b");
}

static void a_chain_is_pushed_whole_and_in_its_order(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 1, PLENTY));
	bpfstream_node_set_next(t->node[3], t->node[2]);
	bpfstream_node_set_next(t->node[2], t->node[1]);
	KUNIT_EXPECT_TRUE(test, bpfstream_llist_push(&t->list, t->node[3], t->node[1], 9, PLENTY,
						     &t->before));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 10);
	expect_chain(test, bpfstream_llist_take(&t->list), "dcba");
}

static void reverse_turns_a_chain_round(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_NULL(test, bpfstream_llist_reverse(NULL));
	expect_chain(test, bpfstream_llist_reverse(t->node[0]), "a");
	bpfstream_node_set_next(t->node[0], t->node[1]);
	bpfstream_node_set_next(t->node[1], t->node[2]);
	expect_chain(test, bpfstream_llist_reverse(t->node[0]), "cba");
}

static void lighten_takes_weight_off_and_tells_what_is_left(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 10, PLENTY));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_lighten(&t->list, 3), 7);
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 7);
	expect_chain(test, bpfstream_llist_take(&t->list), "a");
	KUNIT_EXPECT_EQ(test, bpfstream_llist_lighten(&t->list, 7), 0);
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 0);
}

static void the_limit_of_a_list_is_exclusive_and_exact(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, push_node(t, 0, 11, 10));
	KUNIT_EXPECT_FALSE(test, push_node(t, 0, 10, 10));
	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 4, 10));
	KUNIT_EXPECT_FALSE(test, push_node(t, 1, 6, 10));
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, 5, 10));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 9);
	KUNIT_EXPECT_FALSE(test, push_node(t, 2, 1, 10));
	KUNIT_EXPECT_TRUE(test, push_node(t, 2, 0, 10));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_lighten(&t->list, 1), 8);
	KUNIT_EXPECT_FALSE(test, push_node(t, 3, 2, 10));
	KUNIT_EXPECT_TRUE(test, push_node(t, 3, 1, 10));
	expect_chain(test, bpfstream_llist_take(&t->list), "dcba");
}

static void each_push_is_judged_by_its_own_limit(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 50, 100));
	KUNIT_EXPECT_FALSE(test, push_node(t, 1, 1, 50));
	KUNIT_EXPECT_FALSE(test, push_node(t, 1, 1, 51));
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, 1, 52));
}

static void a_refused_push_changes_nothing(struct kunit *test)
{
	struct list_test *t = test->priv;
	u64 word;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 9, 10));
	word = t->list.word;
	KUNIT_EXPECT_FALSE(test, push_node(t, 1, 1, 10));
	KUNIT_EXPECT_EQ(test, t->before, 9);
	KUNIT_EXPECT_EQ(test, t->list.word, word);
	expect_chain(test, t->node[1], "b");
	expect_chain(test, bpfstream_llist_take(&t->list), "a");
}

/* As if others had pushed since the list was looked at. */
static void a_stale_guess_of_the_word_is_put_right(struct kunit *test)
{
	struct list_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 3, 10));
	KUNIT_EXPECT_TRUE(test, bpfstream_llist_push_on(&t->list, 0, t->node[1], t->node[1], 2, 10,
							&t->before));
	KUNIT_EXPECT_EQ(test, t->before, 3);
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), 5);
	expect_chain(test, bpfstream_llist_take(&t->list), "ba");
}

static void a_chain_that_is_refused_late_ends_where_it_ended(struct kunit *test)
{
	struct list_test *t = test->priv;
	u64 stale;

	KUNIT_EXPECT_TRUE(test, push_node(t, 0, 1, 10));
	stale = t->list.word;
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, 8, 10));
	bpfstream_node_set_next(t->node[3], t->node[2]);
	KUNIT_EXPECT_FALSE(test, bpfstream_llist_push_on(&t->list, stale, t->node[3], t->node[2], 1,
							 10, &t->before));
	KUNIT_EXPECT_EQ(test, t->before, 9);
	expect_chain(test, t->node[3], "dc");
	expect_chain(test, bpfstream_llist_take(&t->list), "ba");
}

static void the_largest_weight_and_any_link_keep_apart(struct kunit *test)
{
	struct bpfstream_node *high = bsp_link_ptr((bsp_link_t)BPFSTREAM_LINK_MASK);
	const u64 most = ((u64)1 << WEIGHT_BITS) - 1;
	struct list_test *t = test->priv;

	/* The highest node that a link can name; nobody looks into it. */
	KUNIT_EXPECT_TRUE(test, bpfstream_llist_push(&t->list, high, t->node[0], most / 2, most + 1,
						     &t->before));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), most / 2);
	KUNIT_EXPECT_FALSE(test, push_node(t, 1, most / 2 + 2, most + 1));
	KUNIT_EXPECT_TRUE(test, push_node(t, 1, most / 2 + 1, most + 1));
	KUNIT_EXPECT_EQ(test, bpfstream_llist_weight(&t->list), most);
	KUNIT_EXPECT_FALSE(test, push_node(t, 2, 1, most + 1));
	KUNIT_EXPECT_PTR_EQ(test, bpfstream_node_next(t->node[1]), high);
	KUNIT_EXPECT_PTR_EQ(test, bpfstream_llist_take(&t->list), t->node[1]);
	KUNIT_EXPECT_EQ(test, bpfstream_llist_lighten(&t->list, most), 0);
	KUNIT_EXPECT_EQ(test, t->list.word, 0);
}

static struct kunit_case list_cases[] = {
	KUNIT_CASE(a_link_leads_back_to_where_it_was_made),
	KUNIT_CASE(a_new_list_is_empty_and_weighs_nothing),
	KUNIT_CASE(a_push_links_and_charges),
	KUNIT_CASE(a_take_gets_all_newest_first_and_leaves_the_weight),
	KUNIT_CASE(a_push_after_a_take_does_not_find_what_was_taken),
	KUNIT_CASE(a_chain_is_pushed_whole_and_in_its_order),
	KUNIT_CASE(reverse_turns_a_chain_round),
	KUNIT_CASE(lighten_takes_weight_off_and_tells_what_is_left),
	KUNIT_CASE(the_limit_of_a_list_is_exclusive_and_exact),
	KUNIT_CASE(each_push_is_judged_by_its_own_limit),
	KUNIT_CASE(a_refused_push_changes_nothing),
	KUNIT_CASE(a_stale_guess_of_the_word_is_put_right),
	KUNIT_CASE(a_chain_that_is_refused_late_ends_where_it_ended),
	KUNIT_CASE(the_largest_weight_and_any_link_keep_apart),
	{}
};

static struct kunit_suite list_suite = {
	.name = "bpf_stream_llist",
	.init = list_init,
	.exit = list_exit,
	.test_cases = list_cases,
};

/* ---- tallies ---- */

#define COUNT_TURN	((u64)1 << 23)	/* half of what the count's part of the word holds */
#define SUM_TURN	((u64)1 << 39)

static void expect_total(struct kunit *test, const struct bpfstream_tally *tally, u64 count,
			 u64 sum)
{
	struct bpfstream_total total = bpfstream_tally_read(tally);

	KUNIT_EXPECT_EQ(test, total.count, count);
	KUNIT_EXPECT_EQ(test, total.sum, sum);
}

static void ones_add_up(struct kunit *test)
{
	struct bpfstream_tally tally;
	u64 n, sum = 0;

	bpfstream_tally_init(&tally);
	expect_total(test, &tally, 0, 0);
	for (n = 1; n <= 100; n++) {
		bpfstream_tally_one(&tally, n * 3);
		sum += n * 3;
		expect_total(test, &tally, n, sum);
	}
	bpfstream_tally_one(&tally, 0);
	bpfstream_tally_add(&tally, 0, 7);
	bpfstream_tally_add(&tally, 3, 0);
	expect_total(test, &tally, 104, sum + 7);
}

/* Every half turn of either part, and both at once, from just below it to just past. */
static void parts_carry_at_each_turn(struct kunit *test)
{
	struct bpfstream_tally tally;
	u64 turn, step;

	for (turn = 1; turn < 9; turn++) {
		bpfstream_tally_init(&tally);
		bpfstream_tally_add(&tally, turn * COUNT_TURN - 2, turn * SUM_TURN - 20);
		for (step = 0; step < 5; step++) {
			expect_total(test, &tally, turn * COUNT_TURN - 2 + step,
				     turn * SUM_TURN - 20 + 10 * step);
			bpfstream_tally_one(&tally, 10);
		}
	}
}

static void any_number_is_added_at_once(struct kunit *test)
{
	static const u64 part[] = {
		0, 1, COUNT_TURN - 1, COUNT_TURN, 2 * COUNT_TURN, 5 * COUNT_TURN + 3, SUM_TURN - 1,
		SUM_TURN, 2 * SUM_TURN, 3 * SUM_TURN + COUNT_TURN,
	};
	struct bpfstream_tally tally;
	unsigned int a, b;

	for (a = 0; a < ARRAY_SIZE(part); a++) {
		for (b = 0; b < ARRAY_SIZE(part); b++) {
			bpfstream_tally_init(&tally);
			bpfstream_tally_add(&tally, part[b], part[a]);
			bpfstream_tally_add(&tally, part[a], part[b]);
			bpfstream_tally_one(&tally, 1);
			expect_total(test, &tally, part[a] + part[b] + 1, part[a] + part[b] + 1);
		}
	}
}

static void a_token_tells_any_two_apart(struct kunit *test)
{
	struct bpfstream_tally tally;
	u64 before, n;

	bpfstream_tally_init(&tally);
	bpfstream_tally_add(&tally, COUNT_TURN - 3, SUM_TURN - 3);
	for (n = 0; n < 6; n++) {
		before = bpfstream_tally_token(&tally);
		bpfstream_tally_one(&tally, n % 2);
		KUNIT_EXPECT_NE(test, bpfstream_tally_token(&tally), before);
	}
}

/* As by who is interrupted between the addition and the turn it has to tell of. */
static void a_turn_that_is_not_told_yet_is_made_up_for(struct kunit *test)
{
	struct bpfstream_tally tally;
	u64 turn;

	for (turn = 1; turn < 5; turn++) {
		bpfstream_tally_init(&tally);
		bpfstream_tally_add(&tally, turn * COUNT_TURN - 1, turn * SUM_TURN - 1);
		(void)bsp_counter_add_return(&tally.low, (u64)1 << BPFSTREAM_TALLY_COUNT | 1);
		expect_total(test, &tally, turn * COUNT_TURN, turn * SUM_TURN);
		bpfstream_tally_one(&tally, 5);
		expect_total(test, &tally, turn * COUNT_TURN + 1, turn * SUM_TURN + 5);
	}
}

static struct kunit_case tally_cases[] = {
	KUNIT_CASE(ones_add_up),
	KUNIT_CASE(parts_carry_at_each_turn),
	KUNIT_CASE(any_number_is_added_at_once),
	KUNIT_CASE(a_token_tells_any_two_apart),
	KUNIT_CASE(a_turn_that_is_not_told_yet_is_made_up_for),
	{}
};

static struct kunit_suite tally_suite = {
	.name = "bpf_stream_tally",
	.test_cases = tally_cases,
};

/* ---- pages ---- */

#define NO_LIMIT	(~(u64)0)
#define FIRST		BPFSTREAM_PAGE_HDR	/* where a page's first element begins */
#define ELEM_HDR	BPFSTREAM_ELEM_HDR

/* What ends the writing of a text. */
enum ending { CHAINED, DROPPED, FORGOTTEN };

/* Write text of a limited length, a part at a time. @end: CHAINED if that is to be a chain */
static int write_parts(struct bpfstream_chain *chain, const char *text, size_t len, size_t part,
		       u64 limit, enum ending end)
{
	struct bpfstream_out out;
	size_t at, n;
	int err = 0;

	bpfstream_chain_init(chain);
	bpfstream_out_open(&out, limit);
	for (at = 0; at < len && !err; at += n) {
		n = min(part, len - at);
		err = bpfstream_out_write(&out, text + at, n);
	}
	chain->bytes = bpfstream_out_bytes(&out);
	if (err || end == DROPPED) {
		bpfstream_out_drop(&out);
	} else if (end == CHAINED) {
		bpfstream_out_close(&out);
		*chain = out.chain;
	}
	bpfstream_out_leave(&out);
	return err;
}

static int write_chain(struct bpfstream_chain *chain, const char *text, size_t len)
{
	return write_parts(chain, text, len, len, NO_LIMIT, CHAINED);
}

static struct bpfstream_elem *older(const struct bpfstream_elem *elem)
{
	return bpfstream_elem_of(bpfstream_node_next(&elem->node));
}

static unsigned int nr_elems(const struct bpfstream_chain *chain)
{
	const struct bpfstream_elem *elem;
	unsigned int n = 0;

	for (elem = chain->newest; elem; elem = older(elem))
		n++;
	return n;
}

/* Expect that a chain reads as this text, and that each of its elements lies within a page. */
static void expect_text(struct kunit *test, const struct bpfstream_chain *chain, const char *text,
			size_t len)
{
	const struct bpfstream_elem *elem, *last = NULL;
	struct bsp_test *t = test->priv;
	size_t at = len;

	KUNIT_EXPECT_EQ(test, chain->bytes, len);
	for (elem = chain->newest; elem; elem = older(elem)) {
		unsigned long offset = offset_in_page(elem);

		KUNIT_ASSERT_GT(test, elem->len, 0);
		KUNIT_ASSERT_LE(test, (size_t)elem->len, at);
		KUNIT_EXPECT_EQ(test, elem->consumed, 0);
		KUNIT_EXPECT_EQ(test, offset % BPFSTREAM_GRAIN, 0);
		KUNIT_EXPECT_GE(test, offset, (unsigned long)FIRST);
		KUNIT_EXPECT_LE(test, offset + ELEM_HDR + elem->len, PAGE_SIZE);
		at -= elem->len;
		memcpy(t->back + at, elem->text, elem->len);
		last = elem;
	}
	KUNIT_EXPECT_EQ(test, at, 0);
	KUNIT_EXPECT_PTR_EQ(test, (const struct bpfstream_elem *)chain->oldest, last);
	KUNIT_EXPECT_MEMEQ(test, t->back, text, len);
}

static u32 refs(const struct bpfstream_cpu *cpu)
{
	return bsp_ref_read_acquire(&cpu->page->ref);
}

/* Pages in use since the test began, but those that levels hold. */
static unsigned long pages_adrift(struct kunit *test)
{
	struct bsp_test *t = test->priv;

	return bsp_test_adrift() - t->adrift;
}

static void a_writer_that_writes_nothing_uses_nothing(struct kunit *test)
{
	unsigned long live = bsp_pages_live();
	struct bpfstream_chain chain;

	KUNIT_EXPECT_EQ(test, write_chain(&chain, "", 0), 0);
	KUNIT_EXPECT_NULL(test, chain.newest);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
	KUNIT_EXPECT_NULL(test, bsp_test_level(0).page);
}

static void an_open_element_costs_nothing_to_forget(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain, none;
	u32 carved;

	KUNIT_EXPECT_EQ(test, write_chain(&chain, "x", 1), 0);
	carved = bsp_test_level(0).carved;
	KUNIT_EXPECT_EQ(test, carved, FIRST + bpfstream_elem_size(1));
	KUNIT_EXPECT_EQ(test, write_parts(&none, t->pattern, 100, 100, NO_LIMIT, FORGOTTEN), 0);
	KUNIT_EXPECT_EQ(test, none.bytes, 100);
	KUNIT_EXPECT_EQ(test, bsp_test_level(0).carved, carved);
	expect_text(test, &chain, "x", 1);
	bpfstream_chain_free(&chain);
}

static void elements_lie_one_behind_the_other(struct kunit *test)
{
	static const u32 len[] = { 1, 8, 13 };
	struct bpfstream_chain chain[ARRAY_SIZE(len)];
	unsigned long live = bsp_pages_live();
	struct bsp_test *t = test->priv;
	u32 at = FIRST;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(len); i++) {
		KUNIT_ASSERT_EQ(test, write_chain(&chain[i], t->pattern, len[i]), 0);
		KUNIT_EXPECT_PTR_EQ(test, (char *)chain[i].newest,
				    (char *)bsp_test_level(0).page + at);
		at += bpfstream_elem_size(len[i]);
		KUNIT_EXPECT_EQ(test, bsp_test_level(0).carved, at);
	}
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		expect_text(test, &chain[i], t->pattern, len[i]);
		bpfstream_chain_free(&chain[i]);
	}
}

/* Whatever is left of the page when a message begins, the message is whole. */
static void a_page_may_end_anywhere_in_a_message(struct kunit *test)
{
	static const u32 len[] = {
		1, 8, 23, 24, 25, 33, 100, BSP_PAGE_SIZE - 16, BSP_PAGE_SIZE - 15,
		2 * BSP_PAGE_SIZE,
	};
	struct bsp_test *t = test->priv;
	unsigned int i;
	u32 carved;

	for (carved = FIRST + 16; carved <= BSP_PAGE_SIZE; carved += BSP_PAGE_SIZE / 512) {
		for (i = 0; i < ARRAY_SIZE(len); i++) {
			struct bpfstream_chain before, chain;
			bool shared;

			bsp_test_forget_pages();
			KUNIT_ASSERT_EQ(test, write_chain(&before, t->pattern,
							  carved - FIRST - ELEM_HDR), 0);
			KUNIT_ASSERT_EQ(test, bsp_test_level(0).carved, carved);
			KUNIT_ASSERT_EQ(test, write_chain(&chain, t->pattern + 5, len[i]), 0);
			expect_text(test, &before, t->pattern, carved - FIRST - ELEM_HDR);
			expect_text(test, &chain, t->pattern + 5, len[i]);
			shared = bpfstream_elem_page(chain.oldest) ==
				 bpfstream_elem_page(before.oldest);
			/* No scrap is used that is hardly more than its header. */
			KUNIT_EXPECT_EQ(test, shared, BSP_PAGE_SIZE - carved >= BPFSTREAM_MIN_ROOM);
			bpfstream_chain_free(&before);
			bpfstream_chain_free(&chain);
			KUNIT_ASSERT_EQ(test, pages_adrift(test), 0);
		}
	}
}

static void a_message_may_be_written_in_any_parts(struct kunit *test)
{
	static const size_t parts[] = { 1, 3, 24, BSP_PAGE_SIZE - 17, BSP_PAGE_SIZE };
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		KUNIT_EXPECT_EQ(test, write_parts(&chain, t->pattern, LONG_TEXT, parts[i], NO_LIMIT,
						  CHAINED), 0);
		expect_text(test, &chain, t->pattern, LONG_TEXT);
		bpfstream_chain_free(&chain);
	}
}

static void a_long_message_is_one_chain_over_its_pages(struct kunit *test)
{
	unsigned long live = bsp_pages_live();
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain;

	KUNIT_ASSERT_EQ(test, write_chain(&chain, t->pattern, LONG_TEXT), 0);
	KUNIT_EXPECT_EQ(test, nr_elems(&chain), 5);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 5);
	KUNIT_EXPECT_EQ(test, pages_adrift(test), 4);
	expect_text(test, &chain, t->pattern, LONG_TEXT);
	bpfstream_chain_free(&chain);
	KUNIT_EXPECT_NULL(test, chain.newest);
	KUNIT_EXPECT_EQ(test, chain.bytes, 0);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
}

static void text_past_the_limit_is_given_up_at_the_page(struct kunit *test)
{
	const u32 limit = BSP_PAGE_SIZE + 900;
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain;

	KUNIT_EXPECT_EQ(test, write_parts(&chain, t->pattern, LONG_TEXT, LONG_TEXT, limit, CHAINED),
			-ENOSPC);
	KUNIT_EXPECT_GE(test, chain.bytes, limit);
	KUNIT_EXPECT_LT(test, chain.bytes, limit + BSP_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, write_parts(&chain, t->pattern, limit, limit, limit, DROPPED), 0);
}

static void an_owned_page_counts_what_is_released_against_its_bias(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_chain first, second;
	struct bpfstream_cpu cpu;

	KUNIT_ASSERT_EQ(test, write_chain(&first, t->pattern, 8), 0);
	KUNIT_ASSERT_EQ(test, write_chain(&second, t->pattern, 24), 0);
	cpu = bsp_test_level(0);
	KUNIT_EXPECT_EQ(test, refs(&cpu), BPFSTREAM_PAGE_BIAS);
	bpfstream_chain_free(&first);
	KUNIT_EXPECT_EQ(test, refs(&cpu), BPFSTREAM_PAGE_BIAS - bpfstream_elem_grains(8));
	bpfstream_chain_free(&second);
	KUNIT_EXPECT_EQ(test, refs(&cpu), BPFSTREAM_PAGE_BIAS - bpfstream_elem_grains(8) -
			bpfstream_elem_grains(24));
}

static void a_page_retired_with_nothing_unread_is_freed_at_once(struct kunit *test)
{
	unsigned long live = bsp_pages_live();
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain;

	KUNIT_ASSERT_EQ(test, write_chain(&chain, t->pattern, 50), 0);
	bpfstream_chain_free(&chain);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	bsp_test_forget_pages();
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
	KUNIT_ASSERT_EQ(test, write_parts(&chain, t->pattern, 50, 50, NO_LIMIT, DROPPED), 0);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	bsp_test_forget_pages();
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
}

static void a_page_retired_with_text_unread_is_freed_with_the_last_of_it(struct kunit *test)
{
	unsigned long live = bsp_pages_live();
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain[3];
	struct bpfstream_cpu cpu;
	unsigned int i;

	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, write_chain(&chain[i], t->pattern + i, 8), 0);
	cpu = bsp_test_level(0);
	bpfstream_chain_free(&chain[1]);
	bsp_test_forget_pages();
	KUNIT_EXPECT_EQ(test, refs(&cpu), 2 * bpfstream_elem_grains(8));
	expect_text(test, &chain[2], t->pattern + 2, 8);
	bpfstream_chain_free(&chain[2]);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	expect_text(test, &chain[0], t->pattern, 8);
	bpfstream_chain_free(&chain[0]);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
}

static void a_run_of_elements_is_released_a_page_at_a_time(struct kunit *test)
{
	struct bpfstream_release rel = { NULL, 0 };
	unsigned long live = bsp_pages_live();
	struct bsp_test *t = test->priv;
	struct bpfstream_elem *first;
	struct bpfstream_chain chain;
	struct bpfstream_cpu cpu;

	KUNIT_ASSERT_EQ(test, write_chain(&chain, t->pattern, BSP_PAGE_SIZE + 900), 0);
	cpu = bsp_test_level(0);
	first = older(chain.newest);
	bpfstream_release_elem(&rel, chain.newest);
	KUNIT_EXPECT_EQ(test, refs(&cpu), BPFSTREAM_PAGE_BIAS);
	bpfstream_release_elem(&rel, first);
	KUNIT_EXPECT_EQ(test, refs(&cpu),
			BPFSTREAM_PAGE_BIAS - bpfstream_elem_grains(chain.newest->len));
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 2);
	bpfstream_release_end(&rel);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	bpfstream_release_end(&rel);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
}

static void a_dropped_message_leaves_the_page_as_it_was(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_chain kept, none;
	struct bpfstream_cpu before, after;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, write_chain(&kept, t->pattern, 33), 0);
	before = bsp_test_level(0);
	for (i = 0; i < 1000; i++)
		KUNIT_ASSERT_EQ(test, write_parts(&none, t->pattern, 100, 9, NO_LIMIT, DROPPED), 0);
	after = bsp_test_level(0);
	KUNIT_EXPECT_PTR_EQ(test, after.page, before.page);
	KUNIT_EXPECT_EQ(test, after.carved, before.carved);
	KUNIT_EXPECT_EQ(test, refs(&after), BPFSTREAM_PAGE_BIAS);
	expect_text(test, &kept, t->pattern, 33);
	bpfstream_chain_free(&kept);
}

static void a_dropped_message_of_many_pages_leaves_one_and_that_is_blank(struct kunit *test)
{
	unsigned long live = bsp_pages_live();
	struct bsp_test *t = test->priv;
	struct bpfstream_chain none;
	struct bpfstream_cpu cpu;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		KUNIT_ASSERT_EQ(test, write_parts(&none, t->pattern, LONG_TEXT, LONG_TEXT, NO_LIMIT,
						  DROPPED), 0);
		cpu = bsp_test_level(0);
		KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
		KUNIT_EXPECT_EQ(test, cpu.carved, FIRST);
		KUNIT_EXPECT_EQ(test, refs(&cpu), BPFSTREAM_PAGE_BIAS);
	}
}

static void a_drop_does_not_rewind_what_is_not_on_top(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_chain first, top, next;
	struct bpfstream_out out;

	KUNIT_ASSERT_EQ(test, write_chain(&first, t->pattern, 20), 0);
	KUNIT_ASSERT_EQ(test, write_chain(&top, t->pattern + 20, 20), 0);
	bpfstream_out_open(&out, NO_LIMIT);	/* drop a chain that lies below another */
	out.chain = first;
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
	KUNIT_EXPECT_EQ(test, write_chain(&next, t->pattern + 40, 20), 0);
	expect_text(test, &top, t->pattern + 20, 20);
	expect_text(test, &next, t->pattern + 40, 20);
	bpfstream_chain_free(&top);
	bpfstream_chain_free(&next);
}

static void without_the_nth_page_a_long_message_leaves_all_as_before(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_chain kept, chain;
	unsigned long nth;

	for (nth = 1; nth <= 4; nth++) {
		bsp_test_forget_pages();
		KUNIT_ASSERT_EQ(test, write_chain(&kept, t->pattern, 40), 0);
		bsp_pages_fail(nth, 1);
		KUNIT_EXPECT_EQ(test, write_chain(&chain, t->pattern, LONG_TEXT), -ENOMEM);
		bsp_pages_fail(0, 0);
		KUNIT_EXPECT_EQ(test, pages_adrift(test), nth > 1);	/* that of the 40 bytes */
		expect_text(test, &kept, t->pattern, 40);
		bpfstream_chain_free(&kept);
		KUNIT_EXPECT_EQ(test, pages_adrift(test), 0);
	}
	bsp_test_forget_pages();
	bsp_pages_fail(6, 1);
	KUNIT_EXPECT_EQ(test, write_chain(&chain, t->pattern, LONG_TEXT), 0);
	bsp_pages_fail(0, 0);
	bpfstream_chain_free(&chain);
}

static void without_a_page_the_rest_of_the_old_one_is_still_used(struct kunit *test)
{
	const u32 most = BSP_PAGE_SIZE - FIRST - bpfstream_elem_size(8) - ELEM_HDR;
	struct bsp_test *t = test->priv;
	struct bpfstream_chain kept, chain;

	KUNIT_ASSERT_EQ(test, write_chain(&kept, t->pattern, 8), 0);
	bsp_pages_fail(1, ~0ul);
	KUNIT_EXPECT_EQ(test, write_chain(&chain, t->pattern, most + 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, write_chain(&chain, t->pattern, most), 0);
	expect_text(test, &chain, t->pattern, most);
	bpfstream_chain_free(&chain);
	bpfstream_chain_free(&kept);
}

static void without_a_page_one_that_was_read_to_its_end_is_begun_again(struct kunit *test)
{
	const u32 most = BSP_PAGE_SIZE - FIRST - ELEM_HDR;
	struct bsp_test *t = test->priv;
	struct bpfstream_chain chain;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, write_chain(&chain, t->pattern, most), 0);
	bpfstream_chain_free(&chain);
	bsp_pages_fail(1, ~0ul);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, write_chain(&chain, t->pattern, most), 0);
		expect_text(test, &chain, t->pattern, most);
		if (i < 2)
			bpfstream_chain_free(&chain);
	}
	KUNIT_EXPECT_EQ(test, bsp_test_level(0).carved, BSP_PAGE_SIZE);
	bpfstream_chain_free(&chain);
}

static struct kunit_case page_cases[] = {
	KUNIT_CASE(a_writer_that_writes_nothing_uses_nothing),
	KUNIT_CASE(an_open_element_costs_nothing_to_forget),
	KUNIT_CASE(elements_lie_one_behind_the_other),
	KUNIT_CASE(a_page_may_end_anywhere_in_a_message),
	KUNIT_CASE(a_message_may_be_written_in_any_parts),
	KUNIT_CASE(a_long_message_is_one_chain_over_its_pages),
	KUNIT_CASE(text_past_the_limit_is_given_up_at_the_page),
	KUNIT_CASE(an_owned_page_counts_what_is_released_against_its_bias),
	KUNIT_CASE(a_page_retired_with_nothing_unread_is_freed_at_once),
	KUNIT_CASE(a_page_retired_with_text_unread_is_freed_with_the_last_of_it),
	KUNIT_CASE(a_run_of_elements_is_released_a_page_at_a_time),
	KUNIT_CASE(a_dropped_message_leaves_the_page_as_it_was),
	KUNIT_CASE(a_dropped_message_of_many_pages_leaves_one_and_that_is_blank),
	KUNIT_CASE(a_drop_does_not_rewind_what_is_not_on_top),
	KUNIT_CASE(without_the_nth_page_a_long_message_leaves_all_as_before),
	KUNIT_CASE(without_a_page_the_rest_of_the_old_one_is_still_used),
	KUNIT_CASE(without_a_page_one_that_was_read_to_its_end_is_begun_again),
	{}
};

static struct kunit_suite page_suite = {
	.name = "bpf_stream_page",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = page_cases,
};

/* ---- levels ---- */

/* Push on top of @depth levels in use. */
static int push_nested(struct bpfstream *s, unsigned int depth, const char *text, size_t len)
{
	struct bsp_test_levels levels;
	bool was_empty;
	int err;

	bsp_test_enter(&levels, depth);
	err = bpfstream_push(s, text, len, &was_empty);
	bsp_test_leave(&levels);
	return err;
}

static void a_level_that_was_left_is_the_next_to_be_entered(struct kunit *test)
{
	struct bsp_test_levels all, again;
	unsigned int n, same = 0;
	bool off[2];

	bsp_test_enter(&all, BSP_LEVELS + 1);
	off[0] = irqs_disabled();
	bsp_test_leave(&all);
	off[1] = irqs_disabled();
	bsp_test_enter(&again, BSP_LEVELS + 1);
	bsp_test_leave(&again);
	KUNIT_EXPECT_TRUE(test, off[0]);
	KUNIT_EXPECT_FALSE(test, off[1]);
	for (n = 0; n < BSP_LEVELS; n++)
		same += all.cpu[n] && all.cpu[n] == again.cpu[n];
	KUNIT_EXPECT_EQ(test, same, BSP_LEVELS);
	for (n = 1; n < BSP_LEVELS; n++)
		KUNIT_EXPECT_PTR_NE(test, all.cpu[n], all.cpu[n - 1]);
	KUNIT_EXPECT_NULL(test, all.cpu[BSP_LEVELS]);
	KUNIT_EXPECT_NULL(test, again.cpu[BSP_LEVELS]);
}

static void past_the_deepest_level_interrupts_are_as_they_were(struct kunit *test)
{
	struct bsp_test_levels levels;
	unsigned long flags;
	bool none, off;

	bsp_test_enter(&levels, BSP_LEVELS);
	none = !bsp_cpu_enter(&flags);
	off = irqs_disabled();
	bsp_test_leave(&levels);
	KUNIT_EXPECT_TRUE(test, none);
	KUNIT_EXPECT_TRUE(test, off);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
}

static void each_level_writes_to_a_page_of_its_own(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	unsigned int n, m;

	for (n = 0; n < BSP_LEVELS; n++) {
		KUNIT_EXPECT_EQ(test, push_nested(&t->stream, n, t->pattern + n, 1), 0);
		KUNIT_EXPECT_NOT_NULL(test, bsp_test_level(n).page);
		KUNIT_EXPECT_EQ(test, bsp_test_level(n).carved, FIRST + bpfstream_elem_size(1));
		for (m = 0; m < n; m++)
			KUNIT_EXPECT_PTR_NE(test, bsp_test_level(m).page, bsp_test_level(n).page);
	}
	bsp_test_reads_bytes(test, &t->stream, t->pattern, BSP_LEVELS);
}

/* Begin a message, write another one of the next level in its midst, go on. */
static void a_message_inside_a_message_does_not_tear_it(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream_out out;
	bool was_empty;
	int err[4];

	bpfstream_out_open(&out, TEST_CAPACITY);
	err[0] = bpfstream_out_write(&out, "(outer ", 7);
	err[1] = bsp_test_push(&t->stream, "(inner)");
	err[2] = bpfstream_out_write(&out, "goes on)", 8);
	err[3] = bpfstream_publish_out(&t->stream, &out, 0, &was_empty);
	KUNIT_EXPECT_EQ(test, err[0] | err[1] | err[2] | err[3], 0);
	KUNIT_EXPECT_FALSE(test, was_empty);
	bsp_test_reads(test, &t->stream, "(inner)(outer goes on)");
}

static void past_the_deepest_level_a_message_is_whole(struct kunit *test)
{
	const size_t len[] = { 1, 100, BSP_PAGE_SIZE, 2 * BSP_PAGE_SIZE };
	struct bsp_test *t = test->priv;
	struct bpfstream *s = &t->stream;
	unsigned int i;

	bpfstream_init(s, 4 * BSP_PAGE_SIZE + TEST_CAPACITY, 0);
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		KUNIT_EXPECT_EQ(test, push_nested(s, BSP_LEVELS, t->pattern, len[i]), 0);
		KUNIT_EXPECT_GE(test, pages_adrift(test), 1);
		bsp_test_reads_bytes(test, s, t->pattern, len[i]);
		KUNIT_EXPECT_EQ(test, pages_adrift(test), 0);
	}
	KUNIT_EXPECT_NULL(test, bsp_test_level(0).page);
	bsp_test_lost(test, s, 0, 0, 0);
}

static void past_the_deepest_level_silence_and_refusals_leave_nothing(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpfstream *s = &t->stream;
	unsigned long live = bsp_pages_live();

	KUNIT_EXPECT_EQ(test, push_nested(s, BSP_LEVELS, "", 0), 0);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
	bpfstream_init(s, 100, 0);
	KUNIT_EXPECT_EQ(test, push_nested(s, BSP_LEVELS, t->pattern, 60), 0);
	KUNIT_EXPECT_EQ(test, push_nested(s, BSP_LEVELS, t->pattern, 60), -ENOSPC);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	bsp_pages_fail(1, 1);
	KUNIT_EXPECT_EQ(test, push_nested(s, BSP_LEVELS, t->pattern, 30), -ENOMEM);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live + 1);
	bsp_test_lost(test, s, 1, 1, 0);
	bsp_test_reads_bytes(test, s, t->pattern, 60);
	KUNIT_EXPECT_EQ(test, bsp_pages_live(), live);
}

static struct kunit_case level_cases[] = {
	KUNIT_CASE(a_level_that_was_left_is_the_next_to_be_entered),
	KUNIT_CASE(past_the_deepest_level_interrupts_are_as_they_were),
	KUNIT_CASE(each_level_writes_to_a_page_of_its_own),
	KUNIT_CASE(a_message_inside_a_message_does_not_tear_it),
	KUNIT_CASE(past_the_deepest_level_a_message_is_whole),
	KUNIT_CASE(past_the_deepest_level_silence_and_refusals_leave_nothing),
	{}
};

static struct kunit_suite level_suite = {
	.name = "bpf_stream_level",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = level_cases,
};

kunit_test_suites(&list_suite, &tally_suite, &page_suite, &level_suite);
