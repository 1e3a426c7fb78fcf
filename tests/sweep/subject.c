// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * subject.c - the process in which the victim runs an operation
 *
 * The manager makes the programs, lays a first message, and starts the victim; then it waits until
 * the victim has met its fate. What must hold after, in this process:
 *   I1  What is read is what waited before and, if the operation's text was published, all of that.
 *       A line about losses stands where it belongs.
 *   I2  Nothing is charged for then, and messages are counted lost that were refused.
 *   I3  No slot is taken but the manager's, no level is in use, and no page but those that are
 *       adrift: of a context that was stopped for good, with text it had closed and not published.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sweep.h"
#include "word.h"

#define REAP_TRIES	1000000u	/* a thread ends for the kernel after pthread_join() */

struct sweep_now now;

/**
 * sweep_fail() - end the subject, which has found something wrong
 * @fmt: what
 *
 * Context: process; also a signal handler, where nothing can be right any more.
 */
_Noreturn void sweep_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->why, sizeof(shared->why), fmt, ap);
	va_end(ap);
	word_add(&shared->done);	/* the judge may wait for the others */
	_exit(1);
}

/* ---- the state before ---- */

/* A message that waits when the operation begins. */
void sweep_lay(const char *text)
{
	size_t len = strlen(text);

	if (bpfstream_write(now.prog, BPFSTREAM_STDOUT, text, len))
		sweep_fail("the scene cannot be laid");
	memcpy(shared->base + shared->base_len, text, len);
	shared->base_len += len;
}

/* A message that is refused before the operation begins. */
void sweep_lose(size_t len)
{
	static char text[1u << 17];

	if (bpfstream_write(now.prog, BPFSTREAM_STDOUT, text, len) != -ENOSPC)
		sweep_fail("a message that does not fit was not refused");
	shared->base_lost++;
}

/* Leave @room bytes in the thread's page, all others used and released. */
void sweep_fill(size_t room)
{
	static char filler[BSP_PAGE_SIZE];
	size_t len = BSP_PAGE_SIZE - sizeof(struct bpfstream_page) -
		     sizeof(struct bpfstream_elem) - room;

	if (bpfstream_write(now.roomy, BPFSTREAM_STDERR, filler, len) ||
	    bpfstream_prog_read(now.roomy, BPFSTREAM_STDERR, filler, len) != (ssize_t)len)
		sweep_fail("the page cannot be filled");
}

static struct bpfstream_prog *make(uint32_t capacity, uint32_t flags)
{
	struct bpfstream_opts opts = {
		.sz = sizeof(opts),
		.capacity = capacity,
		.page_budget = SWEEP_BUDGET,
		.flags = flags,
	};
	struct bpfstream_prog *prog = bpfstream_prog_create(&opts);

	if (!prog)
		sweep_fail("a program cannot be made");
	return prog;
}

/* The manager has a slot and a page, and text in it unless nothing is to wait. */
static void lay_scene(void)
{
	char nothing[16];

	now.roomy = make(65536, 0);
	now.prog = make(now.op->prog == SWEEP_TIGHT ? 400 : 65536,
			now.op->prog == SWEEP_TOLD ? BPFSTREAM_LOST_LINES : 0);
	shared->prog = now.prog;
	if (now.op->traits & SWEEP_EMPTY) {
		if (bpfstream_write(now.roomy, BPFSTREAM_STDERR, "nothing", 7) ||
		    bpfstream_prog_read(now.roomy, BPFSTREAM_STDERR, nothing, sizeof(nothing)) != 7)
			sweep_fail("no page for the manager");
	} else {
		sweep_lay("B: the manager's\n");
	}
	shared->tags = sweep_tags();
	shared->slots = bsp_slot_self() - bsp_slot_index(bsp_slot_self());
}

/* ---- the state after ---- */

/* All text that waits. */
size_t sweep_take(char *text, size_t room)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = bpfstream_prog_read(now.prog, BPFSTREAM_STDOUT, text + len, room - len);
		if (n < 0)
			sweep_fail("a read returns %zd", n);
		len += (size_t)n;
	} while (n);
	return len;
}

/* What was written to a memory file. */
size_t sweep_take_file(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room, 0);

	if (n < 0)
		sweep_fail("a memory file cannot be read: %s", strerror(errno));
	return (size_t)n;
}

static void check_slots(const struct bsp_slot *own)
{
	unsigned int i;

	for (i = 0; i < SWEEP_SLOTS; i++)
		if (&shared->slots[i] != own && shared->slots[i].owner)
			sweep_fail("slot %u is still taken", i);
}

/**
 * sweep_check_pages() - I3, by the only thread there is; its pages are given back
 * @adrift: pages that nothing can free any more
 *
 * Context: process; nothing waits.
 */
void sweep_check_pages(uint32_t adrift)
{
	struct bsp_slot *own = bsp_slot_self();
	unsigned int level;

	check_slots(own);
	for (level = 0; level < BSP_LEVELS; level++) {
		struct bpfstream_cpu *cpu = &own->level[level].cpu;

		if (own->level[level].where)
			sweep_fail("level %u is still in use", level);
		if (cpu->page)
			bpfstream_page_retire(cpu->page, cpu->carved);
		cpu->page = NULL;
	}
	if (bsp_arena_live() != adrift)
		sweep_fail("%u pages are in use, not %u", bsp_arena_live(), adrift);
}

static void check_stat(void)
{
	bool over = now.fate == SWEEP_JUMP || now.fate == SWEEP_CANCEL_ASYNC;
	uint64_t wanted = over ? shared->seen.lost :
			  shared->base_lost + (now.ret ? now.op->messages : 0);
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	uint64_t lost;

	if (bpfstream_prog_stat(now.prog, BPFSTREAM_STDOUT, &stat))
		sweep_fail("no statistics");
	if (stat.pending)
		sweep_fail("%lu bytes are charged for that nobody can read",
			   (unsigned long)stat.pending);
	lost = stat.lost_full + stat.lost_nomem + stat.lost_invalid;
	if (now.fate != SWEEP_STOP && lost != wanted)
		sweep_fail("%lu messages are counted lost, not %lu", (unsigned long)lost,
			   (unsigned long)wanted);
}

/* Ask the kernel until all threads but this one have ended, then free their slots. */
static void reap(void)
{
	unsigned int tries = 0, i;
	bool any;

	do {
		bsp_slots_reap();
		any = false;
		for (i = 0; i < SWEEP_SLOTS; i++)
			any |= &shared->slots[i] != bsp_slot_self() && shared->slots[i].owner;
		if (any)
			sched_yield();
	} while (any && ++tries < REAP_TRIES);
}

/* ---- the process ---- */

static void *victim_main(void *arg)
{
	(void)arg;
	if (now.op->before)
		now.op->before();
	sweep_fate_prepare();
	word_wait_for(&shared->settled, now.fate == SWEEP_STOP ? 3 : 1);
	shared->victim = (pid_t)syscall(SYS_gettid);
	sweep_fate_run();
	return NULL;
}

/* Where does it crash? */
static void on_end(int sig, siginfo_t *info, void *context)
{
	static const char crash[] = "it crashes";

	(void)sig, (void)info;
	shared->pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	if (!*shared->why)
		memcpy(shared->why, crash, sizeof(crash));
	word_add(&shared->done);	/* as above */
}

static void catch_ends(void)
{
	static const int ends[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_sigaction = on_end };
	size_t i;

	action.sa_flags = SA_SIGINFO | (int)SA_RESETHAND;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &action, NULL);
}

/**
 * sweep_subject() - be the process in which one attempt is made
 * @op: operation
 * @fate: what is to become of the victim
 *
 * Context: process, in a child of the judge.
 */
_Noreturn void sweep_subject(const struct sweep_op *op, enum sweep_fate fate)
{
	bool over = fate == SWEEP_CANCEL_ASYNC || fate == SWEEP_JUMP;
	pthread_t victim;
	void *result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	catch_ends();
	now.op = op;
	now.fate = fate;
	lay_scene();
	if (pthread_create(&victim, NULL, victim_main, NULL))
		sweep_fail("no thread");
	if (fate == SWEEP_STOP)
		sweep_others_start();
	word_add(&shared->settled);
	word_wait_for(&shared->proceed, 1);
	if (fate == SWEEP_CANCEL || fate == SWEEP_CANCEL_ASYNC)
		pthread_cancel(victim);
	else if (fate == SWEEP_FORK_BESIDE)
		sweep_fate_fork_beside();
	word_add(&shared->acted);
	pthread_join(victim, &result);
	if (fate == SWEEP_STOP)
		sweep_others_end();
	if ((result == PTHREAD_CANCELED) != (fate == SWEEP_CANCEL || fate == SWEEP_CANCEL_ASYNC))
		sweep_fail("the thread does not end as it should");
	sweep_fate_after();
	reap();
	check_stat();
	sweep_check_pages(over ? shared->seen.adrift : 0);
	_exit(0);
}
