// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * task.c - coroutines, and what may happen to one between two operations
 *
 * Invariants
 *   I1  One task runs at a time. Control passes only in sim_point(), in sim_wait_while(), and where
 *       a task ends.
 *   I2  An NMI is a call on the stack of the task it interrupts; other tasks may run meanwhile.
 *   I3  At one point a task may be interrupted and preempted any number of times, in any order,
 *       except preempted twice with nothing in between.
 *   I4  A killed task's stack stays as it is until the next run, which begins it anew.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sim.h"

#define STACK		(64u * 1024)
#define MAX_STEPS	20000u

enum state { UNUSED, READY, DONE, GONE };

/*
 * @base: where its stack begins a body
 * @at: where it was when another took over
 * @escape: where a longjmp out of an interrupting handler would lead
 * @allowed: what may happen now, SIM_MAY_*
 * @blocked: no NMI comes
 * @waits: a word that has to be 0 before it goes on
 */
struct task {
	jmp_buf base;
	jmp_buf at;
	jmp_buf escape;
	unsigned int allowed;
	bool blocked;
	enum state state;
	void (*body)(uint32_t n);
	void (*nmi)(uint32_t n);
	uint32_t depth;
	const uint32_t *waits;
	char *stack;
};

uint32_t sim_self;
bool sim_switch_everywhere;
const struct sim_watch *sim_watch;

static struct task tasks[SIM_TASKS];
static uint32_t nr_tasks;
static uint32_t steps;
static bool child;
static ucontext_t booter;

static void task_end(void);

static void task_main(void)
{
	static ucontext_t never;

	if (!_setjmp(tasks[sim_self].base))
		swapcontext(&never, &booter);
	tasks[sim_self].body(sim_self);
	task_end();
}

static void task_boot(uint32_t n)
{
	static ucontext_t start;

	tasks[n].stack = malloc(STACK);
	if (!tasks[n].stack)
		abort();
	getcontext(&start);
	start.uc_stack.ss_sp = tasks[n].stack;
	start.uc_stack.ss_size = STACK;
	start.uc_link = NULL;
	sim_self = n;
	makecontext(&start, task_main, 0);
	swapcontext(&booter, &start);
	sim_self = 0;
}

/* A run begins: only the main program is there. */
void sim_tasks_reset(void)
{
	uint32_t i;

	for (i = 0; i < SIM_TASKS; i++) {
		tasks[i].state = UNUSED;
		tasks[i].depth = 0;
		tasks[i].waits = NULL;
		tasks[i].allowed = 0;
		tasks[i].blocked = false;
		tasks[i].nmi = NULL;
	}
	sim_self = 0;
	nr_tasks = 1;
	steps = 0;
	child = false;
}

/**
 * sim_task_start() - one more task
 * @body: what it does
 * @nmi: what an NMI on it does, called with how many there were before; or NULL
 *
 * Context: The main program. Tasks run in sim_tasks_run().
 */
void sim_task_start(void (*body)(uint32_t n), void (*nmi)(uint32_t n))
{
	struct task *task = &tasks[nr_tasks];

	if (nr_tasks == SIM_TASKS)
		abort();
	if (!task->stack)
		task_boot(nr_tasks);
	task->body = body;
	task->nmi = nmi;
	task->state = READY;
	sim_join(nr_tasks, 0);
	nr_tasks++;
}

static bool can_run(const struct task *task)
{
	return task->state == READY && !(task->waits && *task->waits);
}

static uint32_t others(void)
{
	uint32_t i, n = 0;

	for (i = 1; i < nr_tasks; i++)
		n += i != sim_self && can_run(&tasks[i]);
	return n;
}

static uint32_t nth_other(uint32_t n)
{
	uint32_t i;

	for (i = 1; i < nr_tasks; i++)
		if (i != sim_self && can_run(&tasks[i]) && !n--)
			return i;
	abort();
}

static void enter(uint32_t n)
{
	sim_self = n;
	_longjmp(tasks[n].at, 1);
}

static __attribute__((__noinline__)) void switch_to(uint32_t n)
{
	sim_trace("-- task %u", n);
	if (!_setjmp(tasks[sim_self].at))
		enter(n);
}

/* The task that runs cannot go on: which one does? The main program, if none is left. */
static uint32_t next_task(void)
{
	uint32_t i, n = others();

	if (n)
		return nth_other(sim_choose(n, "who goes on"));
	for (i = 1; i < nr_tasks; i++)
		if (tasks[i].state == READY && i != sim_self)
			sim_fail("deadlock: task %u waits and nobody runs", i);
	return 0;
}

static void task_end(void)
{
	tasks[sim_self].state = DONE;
	sim_join(0, sim_self);
	sim_trace("ends");
	enter(next_task());
}

static void task_killed(void)
{
	tasks[sim_self].state = GONE;
	sim_trace("is killed");
	sim_watch->killed(sim_self);
	sim_join(0, sim_self);
	enter(next_task());
}

/**
 * sim_tasks_run() - let all tasks run to their ends
 *
 * Context: The main program, which sees afterwards all that they did.
 */
void sim_tasks_run(void)
{
	uint32_t i, first;

	for (i = 1; i < nr_tasks; i++)
		memcpy(tasks[i].at, tasks[i].base, sizeof(jmp_buf));
	first = next_task();
	if (first)
		switch_to(first);
}

/* The process forks and this is the child: no other task came along. */
static void become_child(void)
{
	uint32_t i;

	sim_trace("forks, and goes on as the child");
	for (i = 1; i < nr_tasks; i++) {
		if (i == sim_self)
			continue;
		sim_join(sim_self, i);
		sim_join(0, i);
		if (tasks[i].state == READY)
			tasks[i].state = GONE;
	}
	child = true;
	sim_watch->forked(sim_self);
}

static void nmi(void)
{
	struct task *self = &tasks[sim_self];
	uint32_t nth = sim_used.nmi++;

	sim_trace("{ NMI");
	self->depth++;
	self->nmi(nth);
	self->depth--;
	sim_trace("} NMI");
}

static void leave(void)
{
	struct task *self = &tasks[sim_self];

	sim_trace("leaves by longjmp");
	self->depth = 0;
	self->allowed = 0;
	sim_watch->left(sim_self);
	_longjmp(self->escape, 1);
}

/**
 * sim_point() - an operation is about to be done: what happens first?
 * @kind: whether other tasks could tell
 * @what: operation, for the trace
 */
void sim_point(enum sim_point kind, const char *what)
{
	struct task *self = &tasks[sim_self];
	bool fresh = kind == SIM_SHARED || sim_switch_everywhere;

	if (!sim_self)
		return;
	if (++steps > MAX_STEPS)
		sim_fail("no end after %u operations", MAX_STEPS);
	for (;;) {
		uint32_t switches = fresh && sim_used.preempt < sim_budget.preempt ? others() : 0;
		uint32_t nmis = self->nmi && !self->blocked && sim_used.nmi < sim_budget.nmi &&
				self->depth < sim_budget.depth;
		uint32_t ends = self->allowed & SIM_MAY_END;
		uint32_t leaves = ends && sim_used.leave < sim_budget.leave;
		uint32_t kills = ends && sim_used.kill < sim_budget.kill;
		uint32_t forks = (self->allowed & SIM_MAY_FORK) && sim_used.fork < sim_budget.fork;
		uint32_t way = sim_choose(1 + switches + nmis + leaves + kills + forks,
					  what ? what : "between two stores");

		if (!way--)
			return;
		if (way < switches) {
			sim_used.preempt++;
			switch_to(nth_other(way));
			fresh = false;
			continue;
		}
		way -= switches;
		fresh = kind == SIM_SHARED || sim_switch_everywhere;
		if (way < nmis) {
			nmi();
		} else if (way < nmis + leaves) {
			sim_used.leave++;
			leave();
		} else if (way < nmis + leaves + kills) {
			sim_used.kill++;
			task_killed();
		} else {
			sim_used.fork++;
			become_child();
		}
	}
}

/* Let others run until *@word is 0. */
void sim_wait_while(const uint32_t *word)
{
	tasks[sim_self].waits = word;
	while (*word) {
		uint32_t next = next_task();

		if (!next)
			sim_fail("deadlock: task %u waits for a word that nobody clears", sim_self);
		switch_to(next);
	}
	tasks[sim_self].waits = NULL;
}

/* Whether @task was killed, or left behind by a fork. */
bool sim_task_gone(uint32_t task)
{
	return tasks[task].state == GONE;
}

uint32_t sim_nmi_depth(void)
{
	return tasks[sim_self].depth;
}

bool sim_is_child(void)
{
	return child;
}

/* Where this task goes on if it leaves by longjmp. */
jmp_buf *sim_escape(void)
{
	return &tasks[sim_self].escape;
}

/* Whether NMIs, which are signals, are blocked. */
void sim_block(bool on)
{
	tasks[sim_self].blocked = on;
}

/* What may happen to this task from now on; returns what might before. */
unsigned int sim_allow(unsigned int what)
{
	unsigned int before = tasks[sim_self].allowed;

	tasks[sim_self].allowed = what;
	return before;
}
