/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sweep.h - stop a writer at each of its instructions, from another process
 *
 * main.c     which operations and which fates; the table
 * judge.c    one attempt: to the point, the fate, and what is seen from outside
 * trace.c    ptrace(2): a thread stepped, stopped, let go
 * image.c    a stopped or killed process's streams and pages, read from outside
 * subject.c  the process: it brings about the state, runs the operation, and checks itself after
 * fate.c     what becomes of the thread that runs the operation, and what it does then
 * others.c   the threads that go on meanwhile
 * cast.c     the operations
 * tags.c     the port's arena, with an eye on whose its pages are
 *
 * The judge forks a subject for every attempt. Both are one static program, so addresses of text
 * and data are the same in both. In a subject the first thread is the manager; another one, the
 * victim, runs the operation, traced by the judge.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "bpfstream.h"
#include "live.h"
#include "path.h"

#define SWEEP_TEXT	16384u	/* bytes of text that waits, at most */
#define SWEEP_SLOTS	8u	/* threads of a subject, at most */
#define SWEEP_BUDGET	16u	/* pages of a program; there are two */
#define SWEEP_OPS	10000u	/* that others complete while the victim is stopped */
/*
 * Seconds without a single call completed, or a stop told: it hangs. No measure of speed: the calls
 * of one point take milliseconds, and on a machine with a long queue ten times that.
 */
#define SWEEP_STILL	30u

/* What happens to the victim at the point. */
enum sweep_fate {
	SWEEP_KILL,		/* SIGKILL to the process */
	SWEEP_STOP,		/* it stands still, others go on; then it goes on, too */
	SWEEP_FORK,		/* a handler forks; the child prints at once */
	SWEEP_FORK_SILENT,	/* a handler forks; the child prints when the operation is over */
	SWEEP_FORK_BESIDE,	/* it stands still, another thread forks; then it goes on */
	SWEEP_CANCEL,		/* pthread_cancel(), deferred */
	SWEEP_CANCEL_ASYNC,	/* pthread_cancel(), asynchronous */
	SWEEP_JUMP,		/* siglongjmp() out of a handler */
	SWEEP_NR_FATES
};

/* ---- cast.c ---- */

enum sweep_prog {
	SWEEP_ROOMY,	/* large */
	SWEEP_TIGHT,	/* 400 bytes large */
	SWEEP_TOLD	/* large, and losses are told in lines */
};

/* What is special about an operation */
#define SWEEP_FIRST	0x01u	/* the thread's first call */
#define SWEEP_REFUSED	0x02u	/* is refused: the stream is full */
#define SWEEP_EMPTY	0x04u	/* the stream is empty and somebody watches it */
#define SWEEP_READS	0x08u	/* takes text; prints none */
#define SWEEP_UNSTEADY	0x10u	/* its path differs a little from time to time */

/*
 * @before: brings about the state; NULL for nothing
 * @run: the operation; returns what its calls did
 * @text: what it prints
 * @is_text: whether @text, of @len bytes, is what it prints; NULL: it is what @text says
 * @line: that is read before its text; NULL for none
 * @messages: in its text
 */
struct sweep_op {
	const char *name;
	enum sweep_prog prog;
	uint32_t traits;
	void (*before)(void);
	int (*run)(void);
	size_t (*text)(char *to);
	bool (*is_text)(const char *text, size_t len);
	const char *line;
	unsigned int messages;
};

extern const struct sweep_op sweep_ops[];
extern const unsigned int sweep_nr_ops;

bool sweep_op_printed(const struct sweep_op *op, const char *text, size_t len);

/* ---- what judge and subject share ---- */

/* What the judge has seen at the point. */
struct sweep_seen {
	bool published;		/* the operation's text is on the stream */
	uint64_t lost;		/* messages lost */
	uint32_t adrift;	/* pages with text closed and not published */
	uint32_t retired;	/* of these, such as no level writes to any more */
};

/*
 * @beat: changes as long as there is progress
 * @victim: its tid
 * @refused: errno of a ptrace(2) that is not allowed here
 * @pc: where the subject crashed
 * @why: what it found wrong
 * @prog, @slots, @tags: for the judge to look at
 * @base, @base_len, @base_lost: text that waits, and messages lost, when the operation begins
 * @settled: threads that wait where no breakpoint is ever planted
 * @go, @done: the others may begin; how many of them have ended
 * @proceed: the manager's turn; @acted: it has cancelled the victim, or forked
 * @ops: that the others have completed
 * @kept: the child of a silent fork kept the operation's text
 * @seen: by the judge
 */
struct sweep_shared {
	uint64_t beat;
	pid_t victim;
	int refused;
	uintptr_t pc;
	char why[512];
	struct bpfstream_prog *prog;
	struct bsp_slot *slots;
	const u32 *tags;
	size_t base_len;
	uint64_t base_lost;
	char base[SWEEP_TEXT];
	uint32_t settled;
	uint32_t go;
	uint32_t done;
	uint32_t proceed;
	uint32_t acted;
	uint64_t ops[2];
	bool kept;
	struct sweep_seen seen;
};

extern struct sweep_shared *shared;

/* Where dumps of the victim, of others and of a forked child go: memory files of the judge's. */
extern int sweep_fd[3];

enum { SWEEP_FD_VICTIM, SWEEP_FD_OTHERS, SWEEP_FD_CHILD };

/* ---- judge.c ---- */

/*
 * What an operation's sweep comes to.
 * @instructions: of its path
 * @changes: of these, such as change the library's shared state
 * @points: at which it met each fate
 * @missed: points not reached, of a path that differs from time to time
 * @operations: of others, completed while it was stopped
 * @beside, @longest: seconds that these took, in all and at most at one point
 */
struct sweep_count {
	uint32_t instructions;
	uint32_t changes;
	uint32_t points[SWEEP_NR_FATES];
	uint32_t missed;
	uint64_t operations;
	double beside;
	double longest;
};

double sweep_seconds(void);
bool sweep_judge_init(void);
bool sweep_allowed(const char **why_not);
bool sweep_op_record(const struct sweep_op *op, struct sweep_count *count);
bool sweep_op_fate(const struct sweep_op *op, enum sweep_fate fate, bool all,
		   struct sweep_count *count, void (*progress)(uint32_t point, uint32_t nr));
const char *sweep_fate_name(enum sweep_fate fate);

/* ---- trace.c ---- */

/* @pid: the subject; @victim: its thread, stopped before the operation; @ended, @status: of @pid */
struct sweep_trace {
	pid_t pid;
	pid_t victim;
	bool ended;
	int status;
};

bool sweep_trace_start(struct sweep_trace *t, const struct sweep_op *op, enum sweep_fate fate);
bool sweep_trace_step(struct sweep_trace *t, uintptr_t *pc, uintptr_t *sp);
bool sweep_trace_to(struct sweep_trace *t, const struct path *path, uint32_t point);
bool sweep_trace_kill(struct sweep_trace *t);
void sweep_trace_release(struct sweep_trace *t, int sig);
bool sweep_trace_end(struct sweep_trace *t);
bool sweep_trace_progress(void);
void sweep_trace_where(const struct sweep_trace *t);
void sweep_trace_drop(struct sweep_trace *t);

/* ---- image.c ---- */

/*
 * @text, @len: what readers would read, oldest first, without lines about losses
 * @weight: bytes that the stream is charged for
 * @lost: messages lost
 * @adrift: pages with closed elements that are in no list, @grains: their size
 * @retired: of these pages, such as no level writes to any more
 */
struct sweep_image {
	char text[2 * SWEEP_TEXT];
	size_t len;
	uint64_t weight;
	uint64_t lost;
	uint32_t adrift;
	uint32_t retired;
	uint32_t grains;
};

const char *sweep_image_read(pid_t tid, struct sweep_image *image);
bool sweep_image_changed(pid_t tid);

/* ---- tags.c ---- */

const u32 *sweep_tags(void);
bool sweep_tag_in_use(u32 its_tag);

/* ---- subject.c ---- */

/*
 * @prog: that the operation prints to
 * @roomy: another, to fill pages with
 * @ret: what the operation returned
 */
struct sweep_now {
	const struct sweep_op *op;
	enum sweep_fate fate;
	struct bpfstream_prog *prog;
	struct bpfstream_prog *roomy;
	int ret;
};

extern struct sweep_now now;

_Noreturn void sweep_subject(const struct sweep_op *op, enum sweep_fate fate);
_Noreturn void sweep_fail(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));
void sweep_lay(const char *text);
void sweep_fill(size_t room);
void sweep_lose(size_t len);
size_t sweep_take(char *text, size_t room);
size_t sweep_take_file(int fd, char *text, size_t room);
void sweep_check_pages(uint32_t adrift);

/* ---- fate.c ---- */

void sweep_fate_prepare(void);
void sweep_fate_run(void);
void sweep_fate_fork_beside(void);
void sweep_fate_after(void);

/* ---- others.c ---- */

void sweep_others_start(void);
void sweep_others_end(void);
void sweep_others_check(const char *rest, size_t len);

#endif
