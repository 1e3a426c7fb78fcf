// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fate.c - what becomes of the thread that runs the operation, and what must be so then
 *
 * The judge stops the victim at the point and lets it go with a signal, or none, or has the manager
 * cancel it before. If the operation goes on, its text is there once and whole. If it is over there
 * (asynchronous cancellation, siglongjmp()), its text is there if it was already at the point.
 *
 * A child that a handler has forked starts with no text. If it prints at once, in the handler, that
 * is the first it can read, and the operation's text follows, unless the parent had published it.
 * If it says nothing, the operation's text is dropped with the parent's once it was published.
 *
 * A child that another thread has forked beside the operation reads what it prints, nothing else.
 * What the victim had in hand is in nobody's hands there, and keeps its pages.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweep.h"

#define CHILD	"Child prints\n"
#define AFTER	"After the jump\n"
#define ERRNO	0x5a5a	/* no errno that anybody sets */
#define NO_RET	0x5a5a	/* nor that anything returns */

static sigjmp_buf back;
static volatile pid_t child = -1;	/* 0 in it */
static char got[2 * SWEEP_TEXT], wanted[2 * SWEEP_TEXT];
static size_t wanted_len;

static void want(const char *text, size_t len)
{
	memcpy(wanted + wanted_len, text, len);
	wanted_len += len;
}

/* Whether text is what is wanted, with the operation's text in it or not. */
static void check_text(const char *text, size_t len, bool printed, const char *behind)
{
	size_t tail = strlen(behind);

	if (len < wanted_len + tail || memcmp(text, wanted, wanted_len) ||
	    memcmp(text + len - tail, behind, tail))
		sweep_fail("%zu bytes are read, which are not what waited: \"%.*s\"", len,
			   (int)(len > 200 ? 200 : len), text);
	text += wanted_len;
	len -= wanted_len + tail;
	if (printed ? !sweep_op_printed(now.op, text, len) : len)
		sweep_fail("%s \"%.*s\"", printed ? "not the operation's text:" :
			   "text that was not published:", (int)(len > 200 ? 200 : len), text);
}

static void print(const char *text)
{
	int saved = errno;
	int err;

	errno = ERRNO;
	err = bpfstream_printf(now.prog, BPFSTREAM_STDOUT, "%s", text);
	if (err)
		sweep_fail("a print returns %d", err);
	if (errno != ERRNO)
		sweep_fail("a print changes errno");
	errno = saved;
}

/* ---- fork ---- */

static void on_fork(int sig)
{
	int saved = errno;

	(void)sig;
	child = _Fork();
	if (child < 0)
		sweep_fail("no child: %s", strerror(errno));
	if (!child) {
		dup2(sweep_fd[SWEEP_FD_CHILD], sweep_fd[SWEEP_FD_VICTIM]);
		if (now.fate == SWEEP_FORK)
			print(CHILD);
	}
	errno = saved;
}

/* What the child of a dump prints of the parent's text: a part that the dump had in hand. */
static void check_childs_dump(void)
{
	size_t len = sweep_take_file(sweep_fd[SWEEP_FD_CHILD], got, sizeof(got));
	size_t tail = strlen(CHILD);

	len += sweep_take(got + len, sizeof(got) - len);
	if (len < tail || memcmp(got + len - tail, CHILD, tail))
		sweep_fail("the child's text is not there");
	len -= tail;
	if (len && !memmem(shared->base, shared->base_len, got, len))
		sweep_fail("the child's dump writes what never waited");
}

static _Noreturn void end_child(void)
{
	bool printed = !now.ret && !shared->seen.published;
	size_t len;

	if (now.fate == SWEEP_FORK_SILENT)
		print(CHILD);
	if (now.op->traits & SWEEP_READS) {
		check_childs_dump();
	} else if (now.fate == SWEEP_FORK) {
		len = sweep_take(got, sizeof(got));
		want(CHILD, strlen(CHILD));
		check_text(got, len, printed, "");
	} else {
		len = sweep_take(got, sizeof(got));
		shared->kept = len > strlen(CHILD);
		if (shared->kept && !printed)
			sweep_fail("the child reads what its parent had published");
		check_text(got, len, shared->kept, CHILD);
	}
	sweep_check_pages(0);
	_exit(0);
}

static void wait_for_child(void)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		sweep_fail("no child to wait for");
	if (WIFSIGNALED(status))
		sweep_fail("the child dies of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		_exit(1);	/* it has told why */
}

/* The manager, while the victim stands still. Beside one that takes, text has come since. */
void sweep_fate_fork_beside(void)
{
	size_t len;

	if (now.op->traits & SWEEP_READS)
		sweep_lay("B: beside the victim\n");
	child = fork();
	if (child < 0)
		sweep_fail("no child: %s", strerror(errno));
	if (child) {
		wait_for_child();
		child = -1;
		return;
	}
	print(CHILD);
	len = sweep_take(got, sizeof(got));
	want(CHILD, strlen(CHILD));
	check_text(got, len, false, "");
	sweep_check_pages(shared->seen.adrift);
	_exit(0);
}

/* ---- siglongjmp ---- */

static void on_jump(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* What dead frames have left on the stack is overwritten in time; here it is now. */
static void __attribute__((__noinline__)) scrub_stack(void)
{
	volatile char room[32768];
	size_t i;

	for (i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

/* As many contexts on top of each other as there are levels: each has one. */
static void __attribute__((__noinline__)) nest(unsigned int depth)
{
	struct bpfstream_out out;

	bpfstream_out_open(&out, 1000);
	if (out.cpu == &out.own)
		sweep_fail("a level is not found again");
	if (depth > 1)
		nest(depth - 1);
	bpfstream_out_leave(&out);
}

static void after_jump(void)
{
	unsigned int level;

	print(AFTER);
	scrub_stack();
	nest(BSP_LEVELS);
	for (level = 0; level < BSP_LEVELS; level++)
		if (bsp_slot_self()->level[level].where)
			sweep_fail("level %u is still in use", level);
}

/* ---- the victim ---- */

/* Before it is traced: what makes its fate possible. */
void sweep_fate_prepare(void)
{
	struct sigaction forks = { .sa_handler = on_fork }, jumps = { .sa_handler = on_jump };

	sigaction(SIGUSR1, &forks, NULL);
	sigaction(SIGUSR2, &jumps, NULL);
	if (now.fate == SWEEP_CANCEL_ASYNC)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
}

/* Run the operation, traced, and whatever comes after. */
void sweep_fate_run(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL)) {
		shared->refused = errno;
		_exit(1);
	}
	errno = ERRNO;
	now.ret = NO_RET;
	if (sigsetjmp(back, 1)) {
		after_jump();
		return;
	}
	__asm__ volatile("int3" : : : "memory");
	now.ret = now.op->run();
	if (errno != ERRNO)
		sweep_fail("the operation changes errno");
	if (!child)
		end_child();
	if (now.fate == SWEEP_CANCEL_ASYNC)
		sweep_fail("the operation goes on although its thread is cancelled");
	pthread_testcancel();
}

/* ---- after ---- */

static void check_ret(void)
{
	bool refused = now.op->traits & SWEEP_REFUSED;

	if (now.ret != (refused ? -ENOSPC : 0) && !(refused && now.fate == SWEEP_STOP && !now.ret))
		sweep_fail("the operation returns %d", now.ret);
}

/* The manager, when the victim has ended. */
void sweep_fate_after(void)
{
	bool over = now.fate == SWEEP_CANCEL_ASYNC || now.fate == SWEEP_JUMP;
	bool printed = over ? shared->seen.published : !now.ret;
	size_t len = 0;

	if (!over)
		check_ret();
	if (child > 0)
		wait_for_child();
	if (now.fate == SWEEP_STOP) {
		sweep_others_check(got, sweep_take(got, sizeof(got)));
		return;
	}
	if (now.op->traits & SWEEP_READS)
		len = sweep_take_file(sweep_fd[SWEEP_FD_VICTIM], got, sizeof(got));
	len += sweep_take(got + len, sizeof(got) - len);
	want(shared->base, shared->base_len);
	if (now.op->line)
		want(now.op->line, strlen(now.op->line));
	check_text(got, len, printed && !(now.op->traits & SWEEP_READS),
		   now.fate == SWEEP_JUMP ? AFTER : "");
	/* Levels were found again, and with them their pages: nobody had to end for that. */
	if (now.fate == SWEEP_JUMP &&
	    bsp_arena_live() != bsp_slots_pages() + shared->seen.retired)
		sweep_fail("%u pages are in use: %u by levels, and %u are adrift", bsp_arena_live(),
			   bsp_slots_pages(), shared->seen.retired);
}
