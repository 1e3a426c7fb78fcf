// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trace.c - ptrace(2): a subject's victim stepped, stopped, let go
 *
 * Invariants
 *   I1  One breakpoint at most is planted, and none when a stop has been told: other threads of the
 *       subject share the text. While one is, they wait in word.h.
 *   I2  Whoever waits here notices that nothing has moved for SWEEP_STILL seconds.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sweep.h"
#include "symbol.h"

#define INT3		0xcc
#define EXIT_STOP	(SIGTRAP | PTRACE_EVENT_EXIT << 8)

static uint32_t stops[PATH_MAX_POINTS];
static bool still;	/* somebody has begun to wait in this attempt */

/* ---- waiting ---- */

/* Who takes may find nothing for ever: beyond its share of calls that is no progress. */
static uint64_t beats(void)
{
	uint64_t taken = __atomic_load_n(&shared->ops[1], __ATOMIC_RELAXED);

	return __atomic_load_n(&shared->beat, __ATOMIC_RELAXED) +
	       __atomic_load_n(&shared->ops[0], __ATOMIC_RELAXED) +
	       (taken < SWEEP_OPS / 2 ? taken : SWEEP_OPS / 2);
}

/**
 * sweep_trace_progress() - whether there is hope
 *
 * Context: process; the judge, about once a second while it waits.
 * Return: false if nothing has moved for SWEEP_STILL seconds.
 */
bool sweep_trace_progress(void)
{
	static uint64_t before;
	static time_t since;
	struct timespec now_is;

	clock_gettime(CLOCK_MONOTONIC, &now_is);
	if (beats() != before || !still) {
		before = beats();
		since = now_is.tv_sec;
		still = true;
	}
	return now_is.tv_sec - since < (time_t)SWEEP_STILL;
}

/* Wait for the subject, or its victim, to stop or end. Returns which; 0 if it hangs. */
static pid_t wait_any(struct sweep_trace *t, int *status)
{
	struct timespec second = { .tv_sec = 1 };
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (!(pid = waitpid(-1, status, __WALL | WNOHANG))) {
		if (sigtimedwait(&child, NULL, &second) != SIGCHLD && !sweep_trace_progress())
			return 0;
	}
	if (pid == t->pid && !WIFSTOPPED(*status)) {
		t->ended = true;
		t->status = *status;
	}
	shared->beat++;
	return pid;
}

/* Wait for the victim to stop. Returns why it has; 0 if it does not. */
static int wait_stop(struct sweep_trace *t)
{
	int status;

	for (;;) {
		pid_t pid = wait_any(t, &status);

		if (pid <= 0 || t->ended)
			return 0;
		if (pid == t->victim || (!t->victim && WIFSTOPPED(status))) {
			t->victim = pid;
			return WIFSTOPPED(status) ? status >> 8 : 0;
		}
	}
}

/* ---- to the point ---- */

/**
 * sweep_trace_start() - fork a subject, and wait for its victim to stop before the operation
 * @t: set up
 * @op: operation
 * @fate: what is to become of the victim
 *
 * Context: process; the judge.
 * Return: false if that does not happen.
 */
bool sweep_trace_start(struct sweep_trace *t, const struct sweep_op *op, enum sweep_fate fate)
{
	long options = PTRACE_O_EXITKILL | (fate == SWEEP_KILL ? PTRACE_O_TRACEEXIT : 0);

	memset(t, 0, sizeof(*t));
	still = false;
	t->pid = fork();
	if (t->pid < 0)
		return false;
	if (!t->pid)
		sweep_subject(op, fate);
	return wait_stop(t) == SIGTRAP &&
	       !ptrace(PTRACE_SETOPTIONS, t->victim, NULL, options);
}

/**
 * sweep_trace_step() - have the victim execute one instruction
 * @t: stopped
 * @pc: set to the next one's address
 * @sp: set to its stack pointer
 *
 * Context: process; the judge.
 * Return: false if it does not stop again.
 */
bool sweep_trace_step(struct sweep_trace *t, uintptr_t *pc, uintptr_t *sp)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_SINGLESTEP, t->victim, NULL, NULL) || wait_stop(t) != SIGTRAP ||
	    ptrace(PTRACE_GETREGS, t->victim, NULL, &regs))
		return false;
	*pc = (uintptr_t)regs.rip;
	*sp = (uintptr_t)regs.rsp;
	return true;
}

static bool go_to(struct sweep_trace *t, uintptr_t pc)
{
	void *word = (void *)(pc & ~(uintptr_t)7);
	unsigned int shift = 8 * (unsigned int)(pc & 7);
	struct user_regs_struct regs;
	long text;

	errno = 0;
	text = ptrace(PTRACE_PEEKTEXT, t->victim, word, NULL);
	if (errno ||
	    ptrace(PTRACE_POKETEXT, t->victim, word,
		   (text & ~(0xffL << shift)) | (long)INT3 << shift) ||
	    ptrace(PTRACE_CONT, t->victim, NULL, NULL) || wait_stop(t) != SIGTRAP ||
	    ptrace(PTRACE_POKETEXT, t->victim, word, text) ||
	    ptrace(PTRACE_GETREGS, t->victim, NULL, &regs) || regs.rip != pc + 1)
		return false;
	regs.rip = pc;
	return !ptrace(PTRACE_SETREGS, t->victim, NULL, &regs);
}

/**
 * sweep_trace_to() - have the victim run to a point of its path
 * @t: stopped before the operation
 * @path: the operation's
 * @point: the instruction that it is to execute next
 *
 * Context: process; the judge.
 * Return: false if it does not get there.
 */
bool sweep_trace_to(struct sweep_trace *t, const struct path *path, uint32_t point)
{
	uint32_t nr = path_stops(path, point, stops);

	while (nr--)
		if (!go_to(t, path->point[stops[nr]].pc))
			return false;
	return true;
}

/* ---- from there ---- */

/**
 * sweep_trace_kill() - SIGKILL to the subject; its memory is there until sweep_trace_end()
 * @t: stopped at the point
 *
 * Context: process; the judge.
 * Return: false if the victim's end is not told.
 */
bool sweep_trace_kill(struct sweep_trace *t)
{
	return !kill(t->pid, SIGKILL) && wait_stop(t) == EXIT_STOP;
}

/* Have the victim go on untraced, with a signal or (0) without. */
void sweep_trace_release(struct sweep_trace *t, int sig)
{
	ptrace(PTRACE_DETACH, t->victim, NULL, (long)sig);
	t->victim = 0;
}

/* Wait for the subject's end. Returns false if it hangs. */
bool sweep_trace_end(struct sweep_trace *t)
{
	int status;

	if (t->victim)
		ptrace(PTRACE_CONT, t->victim, NULL, NULL);
	while (!t->ended)
		if (wait_any(t, &status) <= 0)
			return false;
	return true;
}

static void tell_where(pid_t tid)
{
	struct user_regs_struct regs;
	char name[SYMBOL_NAME];
	size_t len = strlen(shared->why);
	int status;

	if (!ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		waitpid(tid, &status, __WALL);
	}
	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs))
		return;
	symbol_name((uintptr_t)regs.rip, name);
	snprintf(shared->why + len, sizeof(shared->why) - len, "; a thread%s is at %s",
		 tid == shared->victim ? ", the stopped one," : "", name);
}

/**
 * sweep_trace_where() - nothing moves any more: add to what is wrong where the threads are
 * @t: in any state
 *
 * Context: process; the judge.
 */
void sweep_trace_where(const struct sweep_trace *t)
{
	const struct dirent *task;
	char path[40];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	dir = t->ended ? NULL : opendir(path);
	while (dir && (task = readdir(dir)))
		if (*task->d_name != '.')
			tell_where((pid_t)atoi(task->d_name));
	if (dir)
		closedir(dir);
}

/**
 * sweep_trace_drop() - end a subject, with all that it has forked
 * @t: in any state
 *
 * Context: process; the judge.
 */
void sweep_trace_drop(struct sweep_trace *t)
{
	int status;

	kill(-t->pid, SIGKILL);
	kill(t->pid, SIGKILL);
	while (!t->ended) {
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 || (pid == t->pid && !WIFSTOPPED(status)))
			t->ended = true;
		else if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
}
