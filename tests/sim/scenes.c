// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scenes.c - the scenarios
 *
 * Small, so that all their schedules can be run: each is about one thing. A page holds 512 bytes,
 * 504 of them elements; one with less than 208 left is turned if there is another.
 */
#include "scene.h"

static void print_nmi(u32 n)
{
	(void)n;
	(void)say(16);
}

static void print_one(u32 n)
{
	(void)n;
	(void)say(24);
}

static void print_two(u32 n)
{
	(void)n;
	(void)say(24);
	(void)say(7);
}

static void print_large(u32 n)
{
	(void)n;
	(void)say(160);
	(void)say(160);
}

static void print_large3(u32 n)
{
	print_large(n);
	(void)say(160);
}

/* The first leaves too little of the page for the second. */
static void print_turn(u32 n)
{
	(void)n;
	(void)say(300);
	(void)say(24);
}

static void print_long(u32 n)
{
	(void)n;
	(void)say(700);
}

static void group(u32 n)
{
	(void)n;
	(void)say_together(2, 24, false);
}

static void group_again(u32 n)
{
	(void)n;
	(void)say_together(2, 12, true);
}

static void read_all(u32 n)
{
	(void)n;
	read_some(~(size_t)0);
}

static void read_parts(u32 n)
{
	(void)n;
	read_some(10);
	read_some(~(size_t)0);
}

static void drain_slowly(u32 n)
{
	(void)n;
	read_slowly(20);
}

static void dump_all(u32 n)
{
	(void)n;
	dump(1000);
}

static void dump_part(u32 n)
{
	(void)n;
	dump(20);
}

static void set_writers2(void)
{
	sim_task_start(print_two, print_nmi);
	sim_task_start(print_two, print_nmi);
}

static void set_writers3(void)
{
	sim_task_start(print_one, print_nmi);
	sim_task_start(print_one, NULL);
	sim_task_start(print_one, NULL);
}

static void set_reader(void)
{
	sim_task_start(print_two, print_nmi);
	sim_task_start(read_parts, NULL);
}

static void set_readers(void)
{
	sim_task_start(print_one, NULL);
	sim_task_start(read_all, print_nmi);
	sim_task_start(read_parts, NULL);
}

static void set_group(void)
{
	sim_task_start(group, print_nmi);
	sim_task_start(print_one, NULL);
	sim_task_start(read_all, NULL);
}

static void set_again(void)
{
	sim_task_start(group_again, NULL);
	sim_task_start(print_two, NULL);
	sim_task_start(read_parts, NULL);
}

static void set_full(void)
{
	sim_task_start(print_two, print_nmi);
	sim_task_start(print_one, NULL);
	sim_task_start(read_all, NULL);
}

static void set_turn(void)
{
	sim_task_start(print_turn, print_nmi);
	sim_task_start(print_one, NULL);
	sim_task_start(read_all, NULL);
}

/* Two large messages fill a page, the third has it retired. */
static void set_recycle(void)
{
	sim_task_start(print_large3, NULL);
	sim_task_start(read_all, NULL);
	sim_task_start(print_one, NULL);
}

/* The third gets the page that is read, or, of the two that are not, what is left. */
static void set_reuse(void)
{
	sim_task_start(print_large3, NULL);
	sim_task_start(read_all, NULL);
}

static void set_long(void)
{
	sim_task_start(print_long, NULL);
	sim_task_start(print_one, NULL);
	sim_task_start(drain_slowly, NULL);
}

static void set_group_turn(void)
{
	sim_task_start(group, print_nmi);
	sim_task_start(print_large, NULL);
}

static void set_one(void)
{
	sim_task_start(print_turn, print_nmi);
}

static void set_nest(void)
{
	sim_task_start(print_two, print_nmi);
	sim_task_start(read_all, NULL);
}

static void set_dump(void)
{
	sim_task_start(print_two, NULL);
	sim_task_start(drain_slowly, dump_all);
}

static void set_dump_part(void)
{
	sim_task_start(print_two, NULL);
	sim_task_start(read_parts, dump_part);
}

static void set_dump_beside(void)
{
	sim_task_start(print_one, NULL);
	sim_task_start(read_parts, NULL);
	sim_task_start(dump_part, NULL);
}

static void set_dump_nest(void)
{
	sim_task_start(print_one, NULL);
	sim_task_start(read_all, NULL);
	sim_task_start(dump_all, dump_part);
}

static void print_read(u32 n)
{
	print_two(n);
	read_some(10);
	(void)say(16);
}

static void set_fork(void)
{
	sim_task_start(print_read, print_nmi);
	sim_task_start(read_parts, NULL);
}

/* One more loss turns both parts of the counter, for the second time: one turn is not missed. */
static void look_twice(u32 n)
{
	(void)n;
	look();
	look();
}

static void set_tally(void)
{
	account_earlier_losses((1u << BPFSTREAM_TALLY_COUNT) - 1,
			       ((u64)1 << BPFSTREAM_TALLY_SUM) - 2);
	sim_task_start(print_two, print_nmi);
	sim_task_start(print_one, NULL);
	sim_task_start(look_twice, NULL);
}

/* Much at once: for random schedules. */
static void print_much(u32 n)
{
	u32 i;

	for (i = 0; i < 3; i++)
		(void)say(5 + 60 * ((n + i) % 5));
	(void)say_together(3, 20 + n, true);
}

static void read_much(u32 n)
{
	read_some(100);
	read_slowly(50);
	if (n % 2)
		dump(70);
	read_some(300);
}

static void do_anything(u32 n)
{
	if (n % 2)
		dump(30);
	else
		(void)say(90);
}

static void set_crowd(void)
{
	sim_task_start(print_much, print_nmi);
	sim_task_start(print_much, do_anything);
	sim_task_start(print_much, NULL);
	sim_task_start(print_much, print_nmi);
	sim_task_start(read_much, do_anything);
	sim_task_start(read_much, NULL);
}

#define LOST	BPFSTREAM_FLAG_LOST_LINES

const struct scene scenes[] = {
	{ "writers2", "two writers, an NMI on either", set_writers2,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 2 } },
	{ "writers3", "three writers, an NMI on one", set_writers3,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 2 } },
	{ "reader", "a writer, interrupted, and a reader of parts", set_reader,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 2 } },
	{ "readers", "two readers, one interrupted, and a writer", set_readers,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 1 } },
	{ "group", "a group against a writer and a reader", set_group,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 1 } },
	{ "full", "what fits is stored, what does not is counted", set_full, .capacity = 48,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 2 } },
	{ "lost", "losses are told of, in their place", set_full, .capacity = 33, .flags = LOST,
		.bound = { .preempt = 2, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 2, .stale = 1 } },
	{ "again", "a group that was refused, or could not be staged, is tried again", set_again,
		.capacity = 40, .flags = LOST,
		.bound = { .preempt = 2, .nomem = 1 },
		.weak = { .preempt = 1, .stale = 1 } },
	{ "turn", "pages change hands under a writer and a reader", set_turn, .pages = 5,
		.leniency = { .scarce = true },
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 },
		.weak = { .preempt = 3, .stale = 1 } },
	{ "recycle", "a page is freed by one and used by another", set_recycle,
		.bound = { .preempt = 3 },
		.weak = { .preempt = 3, .stale = 1 } },
	{ "reuse", "a page that is read is begun again, as there is no other", set_reuse, .pages = 1,
		.bound = { .preempt = 3, .kill = 1 },
		.weak = { .preempt = 3, .stale = 1 } },
	{ "tally", "a loss counter turns over", set_tally, .capacity = 20,
		.bound = { .preempt = 2, .nmi = 1, .depth = 1, .kill = 1 },
		.weak = { .preempt = 3, .stale = 2 } },
	{ "long", "a message of several pages, a bound that may refuse it", set_long,
		.capacity = 720,
		.bound = { .preempt = 3 },
		.weak = { .preempt = 2, .stale = 1 } },
	{ "destroy", "text is given up unread", set_group_turn, .discard = true,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1 } },
	{ "nopage", "any page may be missing", set_turn, .flags = LOST,
		.bound = { .preempt = 2, .nmi = 1, .depth = 1, .nomem = 1 } },
	{ "nest", "NMIs on NMIs, deeper than there are levels", set_nest,
		.bound = { .preempt = 1, .nmi = 3, .depth = 3 } },
	{ "kill", "a task is stopped for good anywhere in a print", set_turn,
		.bound = { .preempt = 2, .nmi = 1, .depth = 1, .kill = 1 } },
	{ "kill-alone", "the same, alone but for NMIs on NMIs", set_one,
		.bound = { .nmi = 2, .depth = 2, .kill = 1 } },
	{ "leave", "a handler leaves by longjmp anywhere in a print", set_one,
		.bound = { .nmi = 2, .depth = 2, .leave = 2 } },
	{ "leave-beside", "the same, beside a writer and a reader", set_turn,
		.bound = { .preempt = 2, .nmi = 1, .depth = 1, .leave = 1 } },
	{ "dump", "a dump inside a slow read", set_dump,
		.bound = { .preempt = 2, .nmi = 2, .depth = 2 } },
	{ "dump-part", "a dump inside a read, whose sink does not take all", set_dump_part,
		.bound = { .preempt = 2, .nmi = 2, .depth = 2 } },
	{ "dump-beside", "a dump beside a read, whose sink does not take all", set_dump_beside,
		.bound = { .preempt = 3 },
		.weak = { .preempt = 3, .stale = 1 } },
	{ "fork", "a child goes on from anywhere in a print or a read", set_fork,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1, .fork = 1 } },
	{ "fork-dump", "the same, in a dump inside a slow read", set_dump_part,
		.bound = { .preempt = 1, .nmi = 2, .depth = 2, .fork = 1 } },
	{ "fork-nest", "the same, in a dump beside a read, and in one inside that", set_dump_nest,
		.bound = { .preempt = 3, .nmi = 1, .depth = 1, .fork = 1 } },
	{ "crowd", "four writers, two readers", set_crowd,
		.bound = { .nmi = 6, .depth = 3 } },
	{ "crowd-full", "the same, in a small stream of few pages", set_crowd, .capacity = 300,
		.flags = LOST, .pages = 10, .leniency = { .scarce = true },
		.bound = { .nmi = 6, .depth = 3, .nomem = 3 } },
	{ "crowd-kill", "the same, and tasks are stopped, or leave", set_crowd, .capacity = 600,
		.bound = { .nmi = 6, .depth = 3, .kill = 1, .leave = 2 } },
	{ "crowd-fork", "the same, and a child goes on, once from anywhere", set_crowd,
		.capacity = 600, .bound = { .nmi = 6, .depth = 3, .fork = 1 } },
	{ NULL }
};
