// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * crash.c - what the daemon still says when it dies
 *
 * On SIGSEGV, SIGABRT, SIGBUS, SIGILL and SIGFPE, on a stack of its own:
 *
 *   1. stage a report: reason, address, registers, call trace. Nothing of it is visible yet;
 *   2. close the log: no thread begins a message or a drain any more;
 *   3. let the others finish the message or the drain they are in, for a bounded time;
 *   4. note for each writer what is still undecided: what this crash itself has interrupted;
 *   5. dump what waits, which makes room, then commit the report and dump it;
 *   6. die of the signal, so that whoever waits for the daemon sees what it died of.
 *
 * A daemon that may lose the last lines of its other threads, or may have them out of order, needs
 * only 1, 5 and 6. Each stream goes to its own file, by bpfstream_prog_dump(), since the reader
 * has put its older text there; a daemon with one crash file would call bpfstream_dump_all().
 *
 * All waiting is counted in naps, not in time: a nap lets the others run, however slow the
 * machine is.
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "collector.h"
#include "crash.h"
#include "log.h"

#define ALT_STACK	65536u
#define NAPS		5000u	/* of a millisecond */
#define REPORT_LINES	4u

static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE };

static char alt_stack[NR_THREADS][ALT_STACK] __attribute__((__aligned__(16)));
static atomic_flag dying = ATOMIC_FLAG_INIT;

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

static const char *signal_name(int sig)
{
	switch (sig) {
	case SIGSEGV:
		return "SIGSEGV, invalid memory reference";
	case SIGABRT:
		return "SIGABRT, abort";
	case SIGBUS:
		return "SIGBUS, memory that is not there";
	case SIGILL:
		return "SIGILL, illegal instruction";
	default:
		return "SIGFPE, arithmetic";
	}
}

struct registers {
	uint64_t pc;
	uint64_t sp;
	uint64_t fp;
};

static struct registers registers_of(const ucontext_t *uc)
{
	struct registers r = { 0, 0, 0 };

#if defined(__x86_64__)
	r.pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	r.sp = (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
	r.fp = (uint64_t)uc->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
	r.pc = uc->uc_mcontext.pc;
	r.sp = uc->uc_mcontext.sp;
	r.fp = uc->uc_mcontext.regs[29];
#else
	(void)uc;
#endif
	return r;
}

static void stage_report(struct log_group *report, int sig, const siginfo_t *info,
			 const ucontext_t *uc)
{
	struct registers r = registers_of(uc);
	int err;

	log_group_line(report, "lined dies: %s (signal %d, code %d) in thread %u",
		       signal_name(sig), sig, info->si_code, log_thread());
	log_group_line(report, "fault address %p pc 0x%016" PRIx64 " sp 0x%016" PRIx64
		       " fp 0x%016" PRIx64, info->si_addr, r.pc, r.sp, r.fp);
	log_group_line(report, "call trace:");
	err = bpfstream_stage_dump_stack(&report->stage);
	log_group_line(report, "end of report, stack %s", err ? "incomplete" : "complete");
}

/* A writer of this very thread was interrupted by the crash and will never finish. */
static bool others_are_writing(void)
{
	unsigned int i;

	for (i = 0; i < NR_WRITERS; i++) {
		struct ledger_writer *w = &log_ledger->writer[i];

		if (i / NR_KINDS == log_thread() || i / NR_KINDS == THREAD_CHILDREN)
			continue;
		if (atomic_load(&w->started) != atomic_load(&w->finished))
			return true;
	}
	return false;
}

static bool other_is_draining(void)
{
	return atomic_load(&log_ledger->draining) && !collector_is_mine();
}

static void close_log(void)
{
	unsigned int naps;

	atomic_store(&log_ledger->closed, true);
	for (naps = 0; naps < NAPS && (others_are_writing() || other_is_draining()); naps++)
		nap();
	log_ledger->reader_stuck = other_is_draining();
	log_ledger->reader_cut = collector_is_mine();
}

static void note_undecided(void)
{
	unsigned int i;

	for (i = 0; i < NR_WRITERS; i++) {
		struct ledger_writer *w = &log_ledger->writer[i];
		uint64_t started = atomic_load(&w->started);

		if (i / NR_KINDS != THREAD_CHILDREN && ledger_kind_of(i) != KIND_CRASH &&
		    started != atomic_load(&w->finished))
			atomic_store(&w->undecided, started);
	}
}

static uint64_t pending(enum bpfstream_id id)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	return bpfstream_prog_stat(log_prog, id, &stat) ? 0 : stat.pending;
}

/*
 * Again until nothing is left: a dump leaves to a reader what that one has in hand. The reader
 * that this crash interrupted will not come back for it.
 */
static void dump(enum bpfstream_id id)
{
	unsigned int naps;

	for (naps = 0; naps < NAPS; naps++) {
		if (bpfstream_prog_dump(log_prog, id, collector_fd(id)) < 0)
			return;
		if (!pending(id) || log_ledger->reader_cut)
			return;
		nap();
	}
}

/**
 * crash_snapshot_streams() - note in the ledger what the library says of the streams
 *
 * Context: any.
 */
void crash_snapshot_streams(void)
{
	enum bpfstream_id id;

	for (id = BPFSTREAM_STDOUT; id <= BPFSTREAM_STDERR; id++) {
		struct bpfstream_stat stat = { .sz = sizeof(stat) };

		if (bpfstream_prog_stat(log_prog, id, &stat))
			continue;
		log_ledger->stream[id].pending = stat.pending;
		log_ledger->stream[id].lost_full = stat.lost_full;
		log_ledger->stream[id].lost_nomem = stat.lost_nomem;
		log_ledger->stream[id].lost_invalid = stat.lost_invalid;
	}
}

/* The signal is blocked in its handler: raised, it waits, and comes when it is let in. */
static void die(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	raise(sig);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	struct log_group report;
	bool staged;

	while (atomic_flag_test_and_set(&dying))
		pause();	/* another thread says the last words, and then all die */
	staged = log_group_begin(&report, KIND_CRASH, REPORT_LINES);
	if (staged)
		stage_report(&report, sig, info, context);
	close_log();
	note_undecided();
	dump(BPFSTREAM_STDOUT);
	dump(BPFSTREAM_STDERR);
	log_ledger->report_refused = !staged || log_group_commit(&report);
	dump(BPFSTREAM_STDERR);
	crash_snapshot_streams();
	log_ledger->crash_signal = sig;
	die(sig);
}

/**
 * crash_install() - handle the signals a program dies of
 *
 * Everything else is blocked in the handler: last words are not interrupted. A fault in the
 * handler itself finds its signal blocked, and the kernel then kills the process.
 *
 * Return: 0; -1 with errno.
 */
int crash_install(void)
{
	struct sigaction sa = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	unsigned int i;

	sigfillset(&sa.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &sa, NULL))
			return -1;
	return 0;
}

/**
 * crash_thread_begin() - give the calling thread a stack to die on
 * @thread: one of enum ledger_thread
 *
 * A thread that has overrun its stack cannot run a handler on it.
 *
 * Return: 0; -1 with errno.
 */
int crash_thread_begin(unsigned int thread)
{
	stack_t stack = { .ss_sp = alt_stack[thread], .ss_size = ALT_STACK };

	return sigaltstack(&stack, NULL);
}
