// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * storm.c - signals and forks, at a rate that no daemon meets by itself
 *
 *   SIGALRM   a timer for each thread, so that handlers land in every thread, wherever it is
 *   SIGUSR1   sent by the storm thread, to one thread after the other
 *   SIGCHLD   from forked children, in whichever worker the kernel picks
 *
 * The handlers do nothing but log, single lines and groups, and interrupt each other. They need
 * not save errno: the library leaves it alone.
 *
 * A forked child has a copy of the streams in which nothing is pending. It logs and writes out
 * what it logged, with bpfstream_prog_dump(): it must not lock, and does not know what the other
 * threads of its parent were doing. Only one child lives at a time, so all of them are one writer
 * in the ledger and share one file.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash.h"
#include "log.h"
#include "mishap.h"
#include "storm.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id	_sigev_un._tid
#endif

#define CHILD_PAUSE_US	2000u
#define CHILD_LINES	6u
#define GROUP_EVERY	16u	/* signals of a kind in a thread */

static pthread_t target[NR_THREADS];
static timer_t timer[NR_THREADS];
static bool has_timer[NR_THREADS];
static pthread_t storm_thread, forker_thread;
static unsigned int period;
static int children_fd = -1;
static atomic_bool over;

/* ---- handlers ---- */

static void log_signal(enum ledger_kind kind, const char *name, unsigned int nr)
{
	bool inside = log_in_library();
	struct log_group g;

	if (nr % GROUP_EVERY) {
		log_line(kind, "%s %u in thread %u", name, nr, log_thread());
		return;
	}
	if (!log_group_begin(&g, kind, 3))
		return;
	log_group_line(&g, "%s %u in thread %u, at length:", name, nr, log_thread());
	log_group_line(&g, "  interrupted the library: %s", inside ? "yes" : "no");
	log_group_line(&g, "  stream %d", (int)g.stream);
	log_group_commit(&g);
}

static void on_signal(int sig)
{
	static __thread unsigned int alarms, children, users;

	switch (sig) {
	case SIGALRM:
		log_signal(KIND_ALRM, "alarm", ++alarms);
		break;
	case SIGCHLD:
		log_signal(KIND_CHLD, "child ended", ++children);
		break;
	default:
		mishap_if_armed();
		log_signal(KIND_USR1, "user signal", ++users);
	}
}

static void storm_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGALRM);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGCHLD);
}

/**
 * storm_install() - set the handlers
 *
 * None blocks another: they nest.
 *
 * Return: 0; -1 with errno.
 */
int storm_install(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigemptyset(&sa.sa_mask);
	return sigaction(SIGALRM, &sa, NULL) || sigaction(SIGUSR1, &sa, NULL) ||
	       sigaction(SIGCHLD, &sa, NULL) ? -1 : 0;
}

/* Keep the storm off the calling thread, and off those that it makes, until they are ready. */
void storm_block(void)
{
	sigset_t set;

	storm_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/**
 * storm_thread_begin() - make the calling thread known to all who care, then let the storm in
 * @thread: one of enum ledger_thread
 * @period_us: microseconds between two alarms of this thread
 *
 * Return: 0; -1 with errno.
 */
int storm_thread_begin(unsigned int thread, unsigned int period_us)
{
	struct itimerspec every = {
		.it_interval.tv_nsec = (long)period_us * 1000,
		.it_value.tv_nsec = (long)period_us * 1000,
	};
	struct sigevent to_me = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	sigset_t set;

	log_thread_begin(thread);
	if (crash_thread_begin(thread))
		return -1;
	target[thread] = pthread_self();
	storm_set(&set);
	if (thread == THREAD_MAIN)
		sigdelset(&set, SIGCHLD);	/* else the kernel would give it nearly all of them */
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	to_me.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &to_me, &timer[thread]))
		return -1;
	has_timer[thread] = true;
	return timer_settime(timer[thread], 0, &every, NULL);
}

static void pause_us(unsigned int us)
{
	const struct timespec time = { .tv_nsec = (long)us * 1000 };

	nanosleep(&time, NULL);
}

/* ---- SIGUSR1 ---- */

static void *send_signals(void *arg)
{
	unsigned int n = 0;

	(void)arg;
	log_thread_begin(THREAD_STORM);
	crash_thread_begin(THREAD_STORM);
	while (!atomic_load(&over)) {
		unsigned int thread = n++ % (NR_WORKERS + 1);

		pthread_kill(target[thread ? THREAD_WORKER + thread - 1 : THREAD_MAIN], SIGUSR1);
		pause_us(period);
	}
	return NULL;
}

/* ---- children ---- */

static void child_log(unsigned int nr)
{
	struct log_group g;
	unsigned int i;

	for (i = 0; i < CHILD_LINES; i++)
		log_line(i % 2 ? KIND_FAULT : KIND_WORK, "child %u says %u", nr, i);
	if (!log_group_begin(&g, KIND_WORK, 2))
		return;
	log_group_line(&g, "child %u has", nr);
	log_group_line(&g, "nothing more to say");
	log_group_commit(&g);
}

/* All signals are blocked. The parent's text is none of ours, and neither is its reader. */
static void child_main(unsigned int nr)
{
	enum bpfstream_id id;
	ssize_t n = 0;

	log_thread_begin(THREAD_CHILDREN);
	child_log(nr);
	for (id = BPFSTREAM_STDOUT; id <= BPFSTREAM_STDERR && n >= 0; id++)
		n = bpfstream_prog_dump(log_prog, id, children_fd);
	_exit(n < 0);
}

static bool run_child(unsigned int nr)
{
	sigset_t all, old;
	int status;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (!pid)
		child_main(nr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void *fork_children(void *arg)
{
	unsigned int nr;

	(void)arg;
	log_thread_begin(THREAD_FORKER);
	crash_thread_begin(THREAD_FORKER);
	for (nr = 1; !atomic_load(&over); nr++) {
		if (!run_child(nr))
			atomic_fetch_add(&log_ledger->child_failures, 1);
		else if (nr % 8 == 0)
			log_line(KIND_WORK, "%u children so far", nr);
		pause_us(CHILD_PAUSE_US);
	}
	return NULL;
}

/* ---- begin and end ---- */

/**
 * storm_begin() - start the storm and the children; all threads are ready for it
 * @period_us: microseconds between two SIGUSR1
 * @children_path: file for what children log
 *
 * With the storm blocked in the caller: the two threads it makes keep it so.
 *
 * Return: 0 or a negative errno.
 */
int storm_begin(unsigned int period_us, const char *children_path)
{
	int err;

	period = period_us;
	target[THREAD_MAIN] = pthread_self();	/* the caller, who lets the storm in later */
	children_fd = open(children_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
			   0600);
	if (children_fd < 0)
		return -errno;
	err = pthread_create(&forker_thread, NULL, fork_children, NULL);
	if (!err)
		err = pthread_create(&storm_thread, NULL, send_signals, NULL);
	return -err;
}

/* Call before the threads it strikes end. */
void storm_end(void)
{
	unsigned int i;

	atomic_store(&over, true);
	pthread_join(storm_thread, NULL);
	pthread_join(forker_thread, NULL);
	for (i = 0; i < NR_THREADS; i++)
		if (has_timer[i])
			timer_delete(timer[i]);
}
