// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * contract.c - what the shim's promises have in common: any context, and two threads
 */
#include "contract.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WRITER_STACK	1024u		/* what the library promises to be content with */
#define OUR_STACK	1024u		/* for run() and the functions it is given */
#define TOOL_STACK	(256u << 10)	/* what instrumented code needs */
#define SPINS		200000000ul	/* bound of all spinning */

/* A call, and whether it left alone what it has to. */
struct call {
	void (*fn)(void *arg);
	void *arg;
	bool errno_kept;
	bool mask_kept;
	bool done;
};

static struct call *volatile from_handler;

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

static void run(struct call *call)
{
	sigset_t before, after;
	int saved = errno;

	pthread_sigmask(SIG_BLOCK, NULL, &before);
	errno = FIXTURE_ERRNO;
	call->fn(call->arg);
	call->errno_kept = errno == FIXTURE_ERRNO;
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	call->mask_kept = same_mask(&before, &after);
	call->done = true;
	errno = saved;
}

static void assert_was_quiet(const struct call *call)
{
	assert_true(call->done);
	assert_true(call->errno_kept);
	assert_true(call->mask_kept);
}

static void on_signal(int sig)
{
	(void)sig;
	run(from_handler);
}

static size_t smallest_stack(void)
{
	long min = sysconf(_SC_MINSIGSTKSZ);	/* the kernel's frame on this machine */

	return (size_t)(min > 0 ? min : MINSIGSTKSZ) + OUR_STACK +
	       (FIXTURE_SANITIZED || RUNNING_ON_VALGRIND ? TOOL_STACK : WRITER_STACK);
}

/**
 * contract_in_handler() - run a function in a signal handler, on the smallest stack there may be
 * @fn: asserts nothing
 * @arg: for @fn
 *
 * Asserts that errno and the signal mask are left alone.
 */
void contract_in_handler(void (*fn)(void *arg), void *arg)
{
	const struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (smallest_stack() + guard - 1) / guard * guard;
	struct call call = { .fn = fn, .arg = arg };
	struct sigaction old_sa;
	stack_t alt, old_alt;
	char *mem;

	mem = mmap(NULL, guard + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(mem, guard, PROT_NONE), 0);
	alt = (stack_t){ .ss_sp = mem + guard, .ss_size = smallest_stack() };
	assert_int_equal(sigaltstack(&alt, &old_alt), 0);
	assert_int_equal(sigaction(SIGUSR1, &sa, &old_sa), 0);
	from_handler = &call;
	bsp_barrier();	/* to the compiler, raise() is not a call that comes back here */
	raise(SIGUSR1);
	bsp_barrier();
	sigaction(SIGUSR1, &old_sa, NULL);
	sigaltstack(&old_alt, NULL);
	munmap(mem, guard + room);
	assert_was_quiet(&call);
}

/**
 * contract_any_context() - run a function as it is, and in a signal handler
 * @fn: asserts nothing
 * @arg: for @fn
 *
 * Asserts that errno and the signal mask are left alone.
 */
void contract_any_context(void (*fn)(void *arg), void *arg)
{
	struct call call = { .fn = fn, .arg = arg };

	run(&call);
	assert_was_quiet(&call);
	contract_in_handler(fn, arg);
}

static void *thread_main(void *arg)
{
	struct contract_thread *thread = arg;

	thread->tid = gettid();
	thread->fn(thread->arg);
	return NULL;
}

/** contract_start() - run a function, which asserts nothing, in a thread */
void contract_start(struct contract_thread *thread, void (*fn)(void *arg), void *arg)
{
	thread->fn = fn;
	thread->arg = arg;
	assert_int_equal(pthread_create(&thread->id, NULL, thread_main, thread), 0);
}

static bool is_gone(void *tid)
{
	int saved = errno;
	bool gone = tgkill(getpid(), *(pid_t *)tid, 0) && errno == ESRCH;

	errno = saved;
	return gone;
}

/** contract_join() - wait until a thread is gone: one that ended lives on in the kernel for a moment */
void contract_join(struct contract_thread *thread)
{
	assert_int_equal(pthread_join(thread->id, NULL), 0);
	assert_true(fixture_soon(is_gone, &thread->tid));
}

/** contract_relax() - a moment for others; orders nothing */
void contract_relax(void)
{
	sched_yield();
}

/** contract_becomes_32() - wait, within bounds, until a word is @value; orders nothing */
bool contract_becomes_32(const u32 *word, u32 value)
{
	unsigned long i;

	for (i = 0; i < SPINS; i++) {
		if (bsp_load_relaxed(word) == value)
			return true;
		if (i % 64 == 63)
			contract_relax();
	}
	return false;
}

/** contract_becomes_64() - wait, within bounds, until a word is @value; orders nothing */
bool contract_becomes_64(const u64 *word, u64 value)
{
	unsigned long i;

	for (i = 0; i < SPINS; i++) {
		if (bsp_load_relaxed(word) == value)
			return true;
		if (i % 64 == 63)
			contract_relax();
	}
	return false;
}
