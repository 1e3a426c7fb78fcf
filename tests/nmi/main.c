// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c - every call of the library, interrupted before each of its instructions
 *
 * For each victim a job notes its path. Then, for each handler, a job interrupts it at each point
 * in turn, and checks everything after each. Handlers that are interrupted themselves are
 * sampled. A job is a process, so that what it breaks is broken for it alone; the first thing
 * that is wrong ends it. If it stands still, it is ended, and what it did is told.
 *
 * usage: nmi [--full] [VICTIM [HANDLER]]   only jobs whose names begin so; --full: more samples
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "nmi.h"
#include "symbol.h"

#define STILL_SECONDS	20u	/* without any progress */
#define TRIES		4u	/* the path of a call may differ now and then: it looks for dead threads */
#define MISSED_PERCENT	5u	/* points of a handler, whose path depends on what was before */
#define STACK_BYTES	65536u
#define STACK_LIMIT	1024u	/* what a writer may use, optimised */
#define PAINT		0xa5

struct job {
	const struct nmi_victim *victim;
	enum nmi_handler_nr handler;
	void (*run)(const struct job *job);
	const char *how;	/* of the handler */
};

/* Shared with the jobs: the victim's path is noted in one and used in the others. */
static struct {
	struct nmi_report report;
	struct path path;
	struct {
		uint32_t used[NMI_NR_HANDLERS];
	} stack;
} *shared;

/* Of a victim whose handlers are interrupted, and of such a handler. */
static uint32_t outer_samples = 5;
static uint32_t inner_samples = 48;

static struct path inner;

#ifdef __OPTIMIZE__
static const bool optimised = true;
#else
static const bool optimised;
#endif

struct nmi_report *nmi_report;

/**
 * nmi_fail() - end the job, which has found something wrong
 * @fmt: what
 *
 * Context: process; also a signal handler, where nothing can be right any more.
 */
_Noreturn void nmi_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(nmi_report->why, sizeof(nmi_report->why), fmt, ap);
	va_end(ap);
	_exit(1);
}

/* ---- jobs ---- */

static void link_path(struct path *path)
{
	if (!path_link(path))
		nmi_fail("no memory");
}

static void record(const struct job *job)
{
	nmi_attempt_init(job->victim);
	nmi_attempt_record(&shared->path);
	link_path(&shared->path);
}

/* There is one point before which nothing was published and after which all was. */
static bool must_turn(const struct job *job)
{
	uint32_t traits = job->victim->traits;

	if (traits & NMI_REFUSED)
		return job->handler == NMI_DUMP || job->handler == NMI_DUMP_ALL;
	return (traits & NMI_PRINTS) && !(traits & NMI_STARVED);
}

static int interrupt_at(uint32_t point, enum nmi_handler_nr by)
{
	unsigned int tries = 0;
	int turn;

	do {
		turn = nmi_attempt(&shared->path, point, by);
	} while (turn < 0 && ++tries < TRIES);
	if (turn < 0)
		nmi_fail("the point is not reached");
	return turn;
}

static void sweep(const struct job *job)
{
	unsigned int turns = 0;
	int last = -1;
	uint32_t i;

	nmi_attempt_init(job->victim);
	for (i = 0; i < shared->path.nr; i++) {
		int turn = interrupt_at(i, job->handler);

		if (turn < last)
			nmi_fail("what was published at an earlier point is not at this one");
		turns += last >= 0 && turn > last;
		last = turn;
	}
	nmi_report->points = shared->path.nr;
	if (must_turn(job) && turns != 1)
		nmi_fail("published at %u points, not at one", turns);
}

static uint32_t sample(uint32_t i, uint32_t nr, uint32_t of)
{
	return nr > of ? i : (uint32_t)((uint64_t)i * of / nr);
}

static void nest_at(uint32_t point, enum nmi_handler_nr by, uint32_t shift, unsigned int depth)
{
	uint32_t nr = inner.nr < inner_samples ? inner.nr : inner_samples;
	enum nmi_handler_nr first = depth > 2 ? by : NMI_PRINTF;
	enum nmi_handler_nr last = depth > 2 ? by : NMI_DUMP;
	enum nmi_handler_nr with;
	uint32_t i, at;

	for (i = 0; i < nr; i++) {
		at = sample(i, nr, inner.nr) + shift * inner.nr / nr / outer_samples;
		if (depth > 2 && inner.point[at].hops > 1)
			continue;
		for (with = first; with <= last; with++)
			nmi_attempt_nested(&shared->path, point, by, &inner, at, with, depth);
	}
}

static void nest(const struct job *job, unsigned int depth)
{
	uint32_t nr = shared->path.nr < outer_samples ? shared->path.nr : outer_samples;
	uint32_t i;

	nmi_attempt_init(job->victim);
	for (i = 0; i < nr; i++) {
		uint32_t point = sample(2 * i + 1, 2 * nr, shared->path.nr);

		nmi_attempt_record_inner(&shared->path, point, job->handler, &inner);
		link_path(&inner);
		nest_at(point, job->handler, i, depth);
		nmi_report->points++;
	}
}

static void nest_two(const struct job *job)
{
	nest(job, 2);
	if (nmi_report->missed * 100 > nmi_report->injections * MISSED_PERCENT)
		nmi_fail("%lu points in the handler were not reached",
			 (unsigned long)nmi_report->missed);
}

static void nest_deep(const struct job *job)
{
	nest(job, NMI_DEPTH);
}

/* ---- stack ---- */

static enum nmi_handler_nr on_stack;
static unsigned char *volatile stack_top;

static void stack_handler(int sig)
{
	(void)sig;
	stack_top = __builtin_frame_address(0);
	nmi_handlers[on_stack].run(1);
}

/* What a handler's call takes of its stack: the part of it that is no longer painted. */
static void measure_stack(const struct job *job)
{
	struct sigaction action = { .sa_handler = stack_handler, .sa_flags = SA_ONSTACK };
	unsigned char *stack = malloc(STACK_BYTES);
	stack_t alternate = { .ss_sp = stack, .ss_size = STACK_BYTES };
	unsigned int i;

	if (!stack || sigaltstack(&alternate, NULL) || sigaction(SIGUSR1, &action, NULL))
		nmi_fail("no stack: %s", strerror(errno));
	nmi_attempt_init(job->victim);
	on_stack = job->handler;
	for (i = 0; i < 2; i++) {
		unsigned char *low = stack;

		nmi_scene_set(job->victim);
		memset(stack, PAINT, STACK_BYTES);
		raise(SIGUSR1);
		while (*low == PAINT)
			low++;
		shared->stack.used[job->handler] = (uint32_t)(stack_top - low);
	}
	if (optimised && job->handler <= NMI_STAGE &&
	    shared->stack.used[job->handler] > STACK_LIMIT)
		nmi_fail("a writer takes %u bytes of stack", shared->stack.used[job->handler]);
}

/* ---- the watchdog ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* In a job that crashes, or stands still: where? */
static void on_end(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	nmi_report->pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static void catch_ends(void)
{
	static const int ends[] = { SIGUSR2, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_sigaction = on_end };
	size_t i;

	action.sa_flags = SA_SIGINFO | (int)SA_RESETHAND;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &action, NULL);
}

static void end_still(pid_t pid)
{
	struct timespec moment = { .tv_nsec = 200000000 };

	kill(pid, SIGUSR2);	/* it notes where it is */
	nanosleep(&moment, NULL);
	kill(pid, SIGKILL);
	snprintf(nmi_report->why, sizeof(nmi_report->why), "no progress for %u seconds",
		 STILL_SECONDS);
}

/* Wait for a job. Returns its status. */
static int watch(pid_t pid)
{
	struct timespec second = { .tv_sec = 1 };
	unsigned int still = 0;
	uint64_t beat = 0;
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (sigtimedwait(&child, NULL, &second) == SIGCHLD)
			continue;
		still = nmi_report->beat == beat ? still + 1 : 0;
		beat = nmi_report->beat;
		if (still == STILL_SECONDS)
			end_still(pid);
	}
	return status;
}

static void explain(const struct job *job, int status)
{
	char where[SYMBOL_NAME], pc[SYMBOL_NAME] = "";
	const struct nmi_report *report = nmi_report;

	symbol_name(report->where, where);
	if (report->pc)
		symbol_name(report->pc, pc);
	printf("[  ERROR   ] at point %u of %u, %s: %s", report->point, shared->path.nr, where,
	       report->why);
	if (WIFSIGNALED(status))
		printf(" (signal %d%s%s)", WTERMSIG(status), report->pc ? " at " : "", pc);
	printf("\n[  FAILED  ] %s: %s%s\n", job->victim->name, nmi_handlers[job->handler].name,
	       job->how);
}

/* Run a job in a process of its own. Returns whether nothing was wrong. */
static bool run(const struct job *job)
{
	int status;
	pid_t pid;

	memset(nmi_report, 0, sizeof(*nmi_report));
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("[  FAILED  ] no process: %s\n", strerror(errno));
		return false;
	}
	if (!pid) {
		catch_ends();
		job->run(job);
		_exit(0);
	}
	status = watch(pid);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	explain(job, status);
	return false;
}

/* ---- all of it ---- */

static struct {
	uint64_t points;
	uint64_t injections;
	uint64_t missed;
	unsigned int jobs;
	unsigned int failed;
} total;

static const char *only[2];

static bool wanted(unsigned int nr, const char *name)
{
	return !only[nr] || !strncmp(only[nr], name, strlen(only[nr]));
}

static void test(const struct job *job)
{
	double begin = now();
	char by[40];

	snprintf(by, sizeof(by), "%s%s", nmi_handlers[job->handler].name, job->how);
	if (!wanted(1, by))
		return;
	total.jobs++;
	if (!run(job)) {
		total.failed++;
		return;
	}
	total.injections += nmi_report->injections;
	total.missed += nmi_report->missed;
	printf("[       OK ] %s: %s", job->victim->name, by);
	if (nmi_report->injections)
		printf(", %lu injections at %lu points", (unsigned long)nmi_report->injections,
		       (unsigned long)nmi_report->points);
	else
		printf(" %u bytes", shared->stack.used[job->handler]);
	printf(", %.2f s\n", now() - begin);
}

static void test_victim(const struct nmi_victim *victim)
{
	struct job job = { victim, NMI_PRINTF, record, "" };

	if (!run(&job)) {
		total.failed++;
		return;
	}
	total.points += shared->path.nr;
	job.run = sweep;
	for (job.handler = NMI_PRINTF; job.handler < NMI_NR_HANDLERS; job.handler++) {
		/* For who prints it is a dump like any other. */
		if (job.handler != NMI_DUMP_ALL || (victim->traits & NMI_READS))
			test(&job);
	}
	job.run = nest_two;
	job.how = ", interrupted";
	for (job.handler = NMI_PRINTF; job.handler <= NMI_DUMP; job.handler++)
		test(&job);
	job.run = nest_deep;
	job.how = ", 6 deep";
	for (job.handler = NMI_PRINTF; job.handler <= NMI_DUMP; job.handler++) {
		/* There a group may find a page for its first message and none for the second. */
		if (job.handler != NMI_STAGE || !(victim->traits & NMI_STARVED))
			test(&job);
	}
}

static void test_stack(void)
{
	struct job job = { &nmi_victims[0], NMI_PRINTF, measure_stack, "'s stack" };

	for (job.handler = NMI_PRINTF; job.handler < NMI_NR_HANDLERS; job.handler++)
		test(&job);
}

static void test_all(void)
{
	double begin = now();
	unsigned int i;

	printf("[==========] Running test(s).\n");
	for (i = 0; i < nmi_nr_victims; i++)
		if (wanted(0, nmi_victims[i].name))
			test_victim(&nmi_victims[i]);
	test_stack();
	printf("[==========] %u test(s) run.\n", total.jobs);
	printf("%lu instruction points, %lu injections, %lu not reached in handlers, %.1f s\n",
	       (unsigned long)total.points, (unsigned long)total.injections,
	       (unsigned long)total.missed, now() - begin);
	printf("[  %s  ] %u test(s).\n", total.failed ? "FAILED" : "PASSED",
	       total.failed ? total.failed : total.jobs);
}

static void try_usable(const struct job *job)
{
	(void)job;
	nmi_path_init();
	_exit(nmi_path_usable() ? 0 : 2);
}

/* Whether a process here can be trapped at all. */
static bool usable(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		try_usable(NULL);
	if (pid < 0)
		return false;
	status = watch(pid);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool init(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return false;
	nmi_report = &shared->report;
	return true;
}

int main(int argc, char **argv)
{
	unsigned int nr = 0;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--full")) {
			outer_samples = 40;
			inner_samples = 400;
		} else if (nr < 2) {
			only[nr++] = argv[i];
		}
	}
	if (!init())
		return 1;
	if (!usable()) {
		printf("skipped: no trap flag, or no breakpoints, can be had here\n");
		return 77;
	}
	nmi_path_init();
	test_all();
	return total.failed != 0;
}
