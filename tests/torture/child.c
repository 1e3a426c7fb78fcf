// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * child.c - processes forked in the middle of it all
 *
 * A child logs at once, is interrupted while it does, reads what it has printed, and ends. To the
 * history the program that it inherited is another one: nothing of its parent's may be in it, and
 * nothing of its own in its parent's.
 */
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "round.h"
#include "slow.h"

#define RECORDS		8u	/* that each writer has room for, so that it may be a group */
#define CHUNK		16384u	/* of its text */
#define PATIENCE	300	/* seconds: the history is a file, and a disk may stall */

/* Of all that this process will ever note: @kind by @kind the writer's number. */
struct birth {
	uint32_t prog;
	uint32_t writer[ACTOR_KINDS];
};

static bool prepare(struct actor *a, struct birth *b)
{
	const struct load *load = &a->round->load;
	uint32_t flags = HISTORY_ORDERED | HISTORY_CHILD | (load->poor ? 0 : HISTORY_ROOMY);
	unsigned int kind;

	b->prog = history_add_prog(a->round->h, flags);
	for (kind = 0; kind < ACTOR_KINDS; kind++) {
		b->writer[kind] = history_add_writer(a->round->h, RECORDS, kind);
		if (b->writer[kind] == HISTORY_NONE)
			return false;
	}
	return b->prog != HISTORY_NONE;
}

static void read_own(struct outlet *o, const struct target *t, uint32_t stream)
{
	struct history_stream *told = &o->round->h->prog[t->nr].stream[stream - 1];
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	outlet_pieces(o, t, stream, 1, 5);
	outlet_pieces(o, t, stream, 97, 3);
	(void)bpfstream_prog_stat(t->prog, (enum bpfstream_id)stream, &stat);
	told->pending = stat.pending;
	outlet_drain(o, t, stream, true);
	(void)bpfstream_prog_stat(t->prog, (enum bpfstream_id)stream, &stat);
	told->left = stat.pending;
}

/* Where it hangs: with luck the frame that the alarm has interrupted is the third. */
static void on_alarm(int sig)
{
	static const char text[] = "a child hangs:\n";
	void *frame[32];

	(void)sig;
	alarm(10);	/* this may hang as well, and then ends */
	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	backtrace_symbols_fd(frame, backtrace(frame, 32), STDOUT_FILENO);
	_exit(4);
}

/* This process is a copy: what is changed here stays here, but the history. */
static void live(struct actor *a, const struct birth *b)
{
	struct round *r = a->round;
	struct outlet outlet;
	unsigned int kind;

	a->timed = false;
	a->forks = false;
	a->own.prog = NULL;
	for (kind = 0; kind < ACTOR_KINDS; kind++)
		a->scribe[kind]->nr = b->writer[kind];
	r->target[0].nr = b->prog;
	r->targets = 1;
	actor_print(a);
	actor_signals(SIG_UNBLOCK);
	for (kind = ACTOR_KINDS - 1; kind; kind--)
		actor_raise(kind);
	actor_print(a);
	actor_signals(SIG_BLOCK);
	outlet_open(&outlet, r, b->prog, CHUNK);
	read_own(&outlet, &r->target[0], 1);
	read_own(&outlet, &r->target[0], 2);
}

/**
 * child_fork() - fork, and wait until the child is done
 * @a: this thread's; may be in a handler of its own, but where ThreadSanitizer runs, which may
 *	hold locks that the fork waits for
 */
void child_fork(struct actor *a)
{
	const struct sigaction hangs = {
		.sa_handler = on_alarm, .sa_flags = (int)SA_RESETHAND | SA_NODEFER,
	};
	struct history_head *head = a->round->h->head;
	struct birth b;
	int status = -1;
	pid_t pid;

	if (!prepare(a, &b))
		return;
	/* ThreadSanitizer puts handlers off, and would run them in the child. */
	if (slow_by() > 1)
		actor_signals(SIG_BLOCK);
	pid = fork();
	if (!pid) {
		if (slow_by() == 1)	/* ThreadSanitizer puts handlers off, of what hangs for good */
			sigaction(SIGALRM, &hangs, NULL);
		alarm(PATIENCE);
		live(a, &b);
		_exit(0);
	}
	if (slow_by() > 1)
		actor_signals(SIG_UNBLOCK);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	history_count(&head->children, 1);
	history_count(&head->bad_children, status != 0);
}
