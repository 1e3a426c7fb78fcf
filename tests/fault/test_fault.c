// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_fault.c - each operation with each of its fallible calls failing, alone and with all after
 *
 * For k = 1, 2, 3, ...: the k-th fails, until the operation goes through with none that did. Then
 * the same where all from the k-th on fail. All of that in each way in which its calls can fail.
 */
#include "ops.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CALLS	5000u	/* an operation that makes more does not come to an end */

static struct world world;

struct course {
	const struct op *op;
	unsigned long runs;
};

/* 0, or the status of a child that runs a function: it says itself what is wrong. */
static int in_child(void (*fn)(const struct course *c, struct world *w), const struct course *c,
		    struct world *w)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fn(c, w);
		fflush(stdout);
		_exit(0);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid ? -1 : status;
}

static bool may_return(const struct op *op, long ret)
{
	u32 i;

	for (i = 0; i < OP_ERRORS && op->errors[i]; i++)
		if (op->errors[i] == ret)
			return true;
	return ret >= 0;
}

/* What each operation is followed by, and the end. */
static void aftermath(struct world *w)
{
	if (w->prog) {
		world_audit(w);
		world_goes_on(w);
		world_read_all(w);
	}
	world_end(w);
}

static void act(const struct course *c, struct world *w)
{
	const struct op *op = c->op;
	long ret;
	int err;

	errno = FIXTURE_ERRNO;
	plan_arm(plan->from, plan->on, plan->flavour);
	ret = op->act(w);
	err = errno;
	plan_disarm();
	if (!may_return(op, ret))
		world_failed(__FILE__, __LINE__, "not what bpfstream.h says", ret, 0);
	if (w->prog && !op->start.none)
		CHECK_EQ(err, FIXTURE_ERRNO);
	if (op->outcome)
		op->outcome(w, ret);
	aftermath(w);
}

/* The child has none of the parent's text, and leaves the parent's eventfd alone. */
static void act_as_child(const struct course *c, struct world *w)
{
	w->waits[0].len = 0;
	w->waits[1].len = 0;
	w->fds += c->op->start.watched;
	act(c, w);
}

static void run(const struct course *c, struct world *w)
{
	const struct op *op = c->op;

	world_begin(w, &op->start);
	if (op->prepare)
		op->prepare(w);
	if (op->where == OP_CHILD) {
		CHECK_EQ(in_child(act_as_child, c, w), 0);
		aftermath(w);
	} else {
		act(c, w);
		if (!plan->from)
			plan->maps = plan_maps - w->maps;
		/* One less where there was no page for the word that tells a child: it does without. */
		CHECK(plan_maps - w->maps <= plan->maps && plan_maps - w->maps >= plan->maps - 1);
	}
}

/* One run; true if something failed in it, as planned. */
static bool fails_at(struct course *c, unsigned long from, bool on, unsigned int flavour)
{
	plan->from = from;
	plan->on = on;
	plan->flavour = flavour;
	plan->hits = 0;
	c->runs++;
	if (c->op->where != OP_FRESH)
		run(c, &world);
	else if (in_child(run, c, &world))
		_exit(1);
	return plan->hits;
}

static void sweep(struct course *c, bool on, unsigned int flavour)
{
	unsigned long k = 1;

	while (fails_at(c, k, on, flavour))
		if (++k > MAX_CALLS)
			world_failed(__FILE__, __LINE__, "it does not end", (long long)k, 0);
}

static void say(const struct course *c, unsigned long calls)
{
	unsigned int kind;

	printf("%-34s %4lu calls, %5lu runs:", c->op->name, calls, c->runs);
	for (kind = 0; kind < PLAN_NR_KINDS; kind++)
		if (plan->seen[kind])
			printf(" %s", plan_kind_name(kind));
	puts("");
}

static void take(const struct course *course, struct world *w)
{
	struct course c = { course->op, 0 };
	unsigned long calls;
	unsigned int flavour;

	memset(plan->seen, 0, sizeof(plan->seen));
	world_says(c.op->name);
	if (c.op->where != OP_FRESH) {
		world_begin(w, &(struct start){ 0 });
		world_end(w);
	}
	plan->maps = 0;
	(void)fails_at(&c, 0, false, 0);
	calls = plan->calls;
	flavour = RUNNING_ON_VALGRIND ? plan_flavours() - 1 : 0;	/* one will do there */
	for (; flavour < plan_flavours(); flavour++) {
		sweep(&c, false, flavour);
		sweep(&c, true, flavour);
	}
	say(&c, calls);
}

static unsigned int take_all(const struct op *ops)
{
	unsigned int bad = 0;

	for (; ops->name; ops++)
		bad += in_child(take, &(struct course){ .op = ops }, &world) != 0;
	return bad;
}

int main(void)
{
	unsigned int bad;

	if (!plan_begin())
		return 1;
	bad = take_all(life_ops) + take_all(write_ops) + take_all(stage_ops) + take_all(read_ops);
	if (bad)
		printf("%u operations failed\n", bad);
	return bad != 0;
}
