// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * judge.c - an operation stopped at its points, one in each of many processes
 *
 * Invariants that are checked from outside, at every point and whatever the fate
 *   I1  All that was published before is readable, in order, and after it nothing or all of the
 *       operation's text. At one point nothing turns into all.
 *   I2  The stream is charged for exactly that: the head word's weight is the sum of its list.
 *   I3  No message is counted lost, or all that the operation prints are.
 *   I4  Pages hold what is on the lists, and beside that at most the operation's text.
 * A dump has text in its hands: then what it has written and what is left make up the whole.
 *
 * Points are all of the path; or every seventh, another one for each fate, those next to an
 * instruction that changes state which threads share, and all between two such that are close
 * together: a commit's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweep.h"
#include "symbol.h"
#include "word.h"

#define EVERY		7u
#define NEAR		3u	/* points from a change of state */
#define WINDOW		40u	/* between two changes: all is swept, as a commit is */
#define SAMPLES		150u	/* of a long path: then fewer than every seventh */
#define TRIES		4u	/* to get to a point of a path that is not always the same */
#define MISSED_PERCENT	5u	/* points of such a path */

struct sweep_shared *shared;
int sweep_fd[3];

static struct path path;
static bool chosen[PATH_MAX_POINTS];	/* around changes of state */
static uint32_t every;			/* of the others */
static struct sweep_image image, after;
static double others_took;	/* seconds, beside a thread that stood still */
static char dumped[2 * SWEEP_TEXT];

static const char *const names[SWEEP_NR_FATES] = {
	[SWEEP_KILL] = "killed",
	[SWEEP_STOP] = "stopped",
	[SWEEP_FORK] = "forks",
	[SWEEP_FORK_SILENT] = "forks, silent",
	[SWEEP_FORK_BESIDE] = "fork beside",
	[SWEEP_CANCEL] = "cancelled",
	[SWEEP_CANCEL_ASYNC] = "cancelled, async",
	[SWEEP_JUMP] = "jumps",
};

const char *sweep_fate_name(enum sweep_fate fate)
{
	return names[fate];
}

/* Memory that is shared with subjects, and files that they write to. */
bool sweep_judge_init(void)
{
	sigset_t child;
	unsigned int i;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	for (i = 0; i < 3; i++)
		sweep_fd[i] = memfd_create("sweep", 0);
	return shared != MAP_FAILED && sweep_fd[0] >= 0 && sweep_fd[1] >= 0 && sweep_fd[2] >= 0;
}

static void begin(void)
{
	unsigned int i;

	memset(shared, 0, sizeof(*shared));
	for (i = 0; i < 3; i++)
		if (ftruncate(sweep_fd[i], 0) || lseek(sweep_fd[i], 0, SEEK_SET))
			perror("memfd");
}

static bool wrong(const char *what)
{
	if (!*shared->why)
		snprintf(shared->why, sizeof(shared->why), "%s", what);
	return false;
}

static bool hangs(const struct sweep_trace *t, const char *what)
{
	wrong(what);
	sweep_trace_where(t);
	return false;
}

/* ---- what is seen at the point ---- */

/* Of a dump: first what it has written, then what is left. In between it has some in its hands. */
static bool see_taken(const struct sweep_image *img, struct sweep_seen *seen)
{
	ssize_t n = pread(sweep_fd[SWEEP_FD_VICTIM], dumped, sizeof(dumped), 0);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len > shared->base_len || memcmp(dumped, shared->base, len))
		return wrong("what was dumped is not what waited");
	if (img->len > shared->base_len ||
	    memcmp(img->text, shared->base + shared->base_len - img->len, img->len))
		return wrong("what a dump has left is not the end of what waited");
	if (img->len && len + img->len < shared->base_len)
		return wrong("a dump has left a gap");
	if (img->weight > shared->base_len || img->weight + len < shared->base_len)
		return wrong("a dump is charged for too much, or too little");
	seen->adrift = img->adrift;
	return true;
}

/* I1 to I4. */
static bool see(const struct sweep_op *op, const struct sweep_image *img, struct sweep_seen *seen)
{
	size_t rest = img->len - shared->base_len;
	uint64_t lost = img->lost - shared->base_lost;

	if (op->traits & SWEEP_READS)
		return see_taken(img, seen);
	if (img->weight != img->len)
		return wrong("the stream's weight is not the sum of its list");
	if (img->len < shared->base_len || memcmp(img->text, shared->base, shared->base_len))
		return wrong("what waited before is not readable");
	if (rest && !sweep_op_printed(op, img->text + shared->base_len, rest))
		return wrong("the operation's text is readable in part");
	if (lost && (lost != op->messages || !(op->traits & SWEEP_REFUSED)))
		return wrong("losses are counted that are none");
	if (rest && img->grains)
		return wrong("a page has grains that are published by nobody");
	if (img->adrift > 3)
		return wrong("more pages hold text than the operation prints");
	seen->published = rest;
	seen->lost = img->lost;
	seen->adrift = img->adrift;
	seen->retired = img->retired;
	return true;
}

/* ---- fates ---- */

/* The memory of the process is as it was when it stopped. */
static bool kill_it(struct sweep_trace *t)
{
	const char *why;

	if (!sweep_trace_kill(t))
		return wrong("the victim does not end by SIGKILL");
	why = sweep_image_read(t->victim, &after);
	if (why)
		return wrong(why);
	if (after.len != image.len || memcmp(after.text, image.text, image.len) ||
	    after.weight != image.weight || after.grains != image.grains ||
	    after.lost != image.lost)
		return wrong("the killed process is not as it was");
	if (!sweep_trace_end(t) || !WIFSIGNALED(t->status) || WTERMSIG(t->status) != SIGKILL)
		return wrong("it does not die");
	return true;
}

/* The others make their calls, all of them, while the victim stands still. */
static bool let_others_run(const struct sweep_trace *t)
{
	double begin = sweep_seconds();
	uint32_t done = 0;

	word_add(&shared->go);
	while (done < 2 && !*shared->why) {
		done = word_wait_while(&shared->done, done);
		if (done < 2 && !sweep_trace_progress())
			return hangs(t, "others do not go on while the victim stands still");
	}
	others_took = sweep_seconds() - begin;
	return !*shared->why;
}

/* The manager does its part while the victim stands still. */
static bool let_manager_act(struct sweep_trace *t)
{
	word_add(&shared->proceed);
	while (!word_wait_while(&shared->acted, 0) && !*shared->why)
		if (!sweep_trace_progress())
			return hangs(t, "the manager, or its child, does not come to an end");
	sweep_trace_release(t, 0);
	return !*shared->why;
}

static bool manager_acts(enum sweep_fate fate)
{
	return fate == SWEEP_CANCEL || fate == SWEEP_CANCEL_ASYNC || fate == SWEEP_FORK_BESIDE;
}

static bool meet(struct sweep_trace *t, enum sweep_fate fate)
{
	static const int signals[SWEEP_NR_FATES] = {
		[SWEEP_FORK] = SIGUSR1, [SWEEP_FORK_SILENT] = SIGUSR1, [SWEEP_JUMP] = SIGUSR2,
	};

	if (fate == SWEEP_KILL)
		return kill_it(t);
	if (fate == SWEEP_STOP && !let_others_run(t))
		return false;
	if (manager_acts(fate)) {
		if (!let_manager_act(t))
			return false;
	} else {
		sweep_trace_release(t, signals[fate]);
		word_add(&shared->proceed);
	}
	if (!sweep_trace_end(t))
		return hangs(t, "it hangs");
	if (WIFSIGNALED(t->status) && !*shared->why)
		snprintf(shared->why, sizeof(shared->why), "it dies of signal %d",
			 WTERMSIG(t->status));
	return !*shared->why && WIFEXITED(t->status) && !WEXITSTATUS(t->status);
}

/* ---- attempts ---- */

enum outcome { WELL, WRONG, NOT_REACHED };

static enum outcome attempt(const struct sweep_op *op, enum sweep_fate fate, uint32_t point)
{
	enum outcome outcome = WRONG;
	struct sweep_trace t;
	const char *why;

	begin();
	if (!sweep_trace_start(&t, op, fate)) {
		wrong("no subject");
	} else if (!sweep_trace_to(&t, &path, point)) {
		wrong("the point is not reached");
		outcome = NOT_REACHED;
	} else {
		why = sweep_image_read(t.victim, &image);
		if (why)
			wrong(why);
		else if (see(op, &image, &shared->seen) && meet(&t, fate))
			outcome = WELL;
	}
	if (outcome != WELL)
		sweep_trace_drop(&t);
	return outcome;
}

static void explain(const struct sweep_op *op, enum sweep_fate fate, uint32_t point)
{
	char where[SYMBOL_NAME], pc[SYMBOL_NAME];

	symbol_name(path.point[point].pc, where);
	printf("[  ERROR   ] at point %u of %u, %s: %s", point, path.nr, where,
	       *shared->why ? shared->why : "it ends without a word");
	if (shared->pc) {
		symbol_name(shared->pc, pc);
		printf(" (at %s)", pc);
	}
	printf("\n[  FAILED  ] %s: %s\n", op->name, names[fate]);
}

/* Something that grows, if it changes, as the point moves on. */
static int turn(enum sweep_fate fate)
{
	return fate == SWEEP_FORK_SILENT && shared->kept ? -1 : shared->seen.published;
}

static enum outcome try_point(const struct sweep_op *op, enum sweep_fate fate, uint32_t point)
{
	unsigned int tries = 0;
	enum outcome outcome;

	do {
		outcome = attempt(op, fate, point);
	} while (outcome == NOT_REACHED && (op->traits & SWEEP_UNSTEADY) && ++tries < TRIES);
	if (outcome == NOT_REACHED && !(op->traits & SWEEP_UNSTEADY))
		outcome = WRONG;
	if (outcome == WRONG)
		explain(op, fate, point);
	return outcome;
}

static void note_time(struct sweep_count *count)
{
	count->beside += others_took;
	if (others_took > count->longest)
		count->longest = others_took;
}

/**
 * sweep_op_fate() - have an operation meet a fate at each of its points
 * @op: operation, recorded
 * @fate: fate
 * @all: at every instruction
 * @count: added to
 * @progress: called after each
 *
 * Context: process; the judge.
 * Return: whether all was well.
 */
bool sweep_op_fate(const struct sweep_op *op, enum sweep_fate fate, bool all,
		   struct sweep_count *count, void (*progress)(uint32_t point, uint32_t nr))
{
	uint32_t missed = 0, i;
	enum outcome outcome;
	int last = -1;

	for (i = 0; i < path.nr; i++) {
		if (!all && !chosen[i] && i % every != (uint32_t)fate % every)
			continue;
		outcome = try_point(op, fate, i);
		if (outcome == WRONG)
			return false;
		if (outcome == NOT_REACHED) {
			missed++;
			continue;
		}
		if (turn(fate) < last && !(op->traits & SWEEP_UNSTEADY)) {
			wrong("what was published at an earlier point is not at this one");
			explain(op, fate, i);
			return false;
		}
		last = turn(fate);
		count->points[fate]++;
		count->operations += shared->ops[0] + shared->ops[1];
		if (fate == SWEEP_STOP)
			note_time(count);
		progress(i, path.nr);
	}
	count->missed += missed;
	if (missed * 100 <= count->points[fate] * MISSED_PERCENT)
		return true;
	printf("[  FAILED  ] %s: %s: %u points are not reached\n", op->name, names[fate], missed);
	return false;
}

/* ---- the path ---- */

static void choose(struct sweep_count *count, const bool *changes)
{
	uint32_t i, from, last = 0;

	memset(chosen, 0, sizeof(chosen));
	every = path.nr / SAMPLES > EVERY ? path.nr / SAMPLES : EVERY;
	for (i = 0; i < path.nr; i++) {
		if (!changes[i])
			continue;
		from = count->changes && i - last <= WINDOW ? last : i > NEAR ? i - NEAR : 0;
		memset(chosen + from, true, i - from + 1);
		memset(chosen + i, true, i + NEAR + 1 < path.nr ? NEAR + 2 : path.nr - i);
		last = i;
		count->changes++;
	}
}

/* Step through the operation and note its instructions, and which of them change state. */
static bool record(struct sweep_trace *t, const struct sweep_op *op, bool *changes)
{
	uintptr_t pc, sp, entry_sp = 0;

	path.nr = 0;
	while (sweep_trace_step(t, &pc, &sp)) {
		if (!entry_sp && pc != (uintptr_t)op->run)
			continue;
		if (!entry_sp) {
			entry_sp = sp;
			sweep_image_changed(t->victim);
		}
		if (path.nr && sweep_image_changed(t->victim))
			changes[path.nr - 1] = true;
		if (sp > entry_sp)
			return path_link(&path) || wrong("no memory");
		if (!path_note(&path, pc))
			return wrong("the operation has too many instructions");
	}
	return wrong("the operation cannot be stepped through");
}

/**
 * sweep_op_record() - note an operation's path
 * @op: operation
 * @count: its instructions and changes are set
 *
 * Context: process; the judge.
 * Return: whether all was well.
 */
bool sweep_op_record(const struct sweep_op *op, struct sweep_count *count)
{
	static bool changes[PATH_MAX_POINTS];
	struct sweep_trace t;
	bool ok;

	begin();
	memset(changes, 0, sizeof(changes));
	ok = sweep_trace_start(&t, op, SWEEP_KILL) ? record(&t, op, changes) : wrong("no subject");
	sweep_trace_drop(&t);
	if (!ok) {
		printf("[  FAILED  ] %s: %s\n", op->name, shared->why);
		return false;
	}
	choose(count, changes);
	count->instructions = path.nr;
	return true;
}

/* What there is no leave to do here, or NULL. Whether a first subject does as it should. */
bool sweep_allowed(const char **why_not)
{
	const char *why = NULL;
	struct sweep_trace t;
	uintptr_t pc, sp;
	bool ok;

	begin();
	path.nr = 0;
	path_note(&path, (uintptr_t)sweep_ops[0].run);
	ok = sweep_trace_start(&t, &sweep_ops[0], SWEEP_KILL);
	if (!ok)
		why = shared->refused ? strerror(shared->refused) : NULL;
	else if (sweep_image_read(t.victim, &image))
		why = "its memory cannot be read";
	else if (!path_link(&path) || !sweep_trace_to(&t, &path, 0))
		why = "no breakpoint can be planted";
	else if (!sweep_trace_step(&t, &pc, &sp))
		why = "it cannot be stepped";
	sweep_trace_drop(&t);
	*why_not = why;
	if (!why && !ok)
		printf("[  FAILED  ] the first subject does not get to its first stop: %s\n",
		       shared->why);
	return !why && ok;
}
