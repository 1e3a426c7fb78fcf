// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_fork.c - children: what they have of their parent's, and that they go on as they should
 *
 * Whose thread calls first, what it calls, and what a handler's fork has interrupted in it. The
 * scenes below are played on three kernels, which the linker's --wrap makes: one that wipes a page
 * on fork, one that refuses to, and one that says yes to whatever is asked (as qemu does).
 *
 * The children assert nothing: their exit status is the line of the first check that failed, modulo
 * 255 plus one, or 0.
 */
#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fork.h"
#include "mutex.h"
#include "slot.h"
#include "slow.h"
#include "stream.h"

#define OUT	BPFSTREAM_STDOUT
#define THREADS	4u
#define LINES	100u
#define MESSAGES	20u	/* more than one sink call of a read has, less than two */
#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			return __LINE__ % 255 + 1;			\
	} while (0)

static struct bpfstream_prog *prog;
static pthread_barrier_t barrier;
static struct bsp_slot *slot_of_thread;

/* ---- the kernel's part ---- */

static enum { WIPES, REFUSES, SAYS_YES } kernel;
static void (*in_gettid)(void);
static void (*in_madvise)(void);

int __real_madvise(void *addr, size_t len, int advice);
int __wrap_madvise(void *addr, size_t len, int advice);
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

int __wrap_madvise(void *addr, size_t len, int advice)
{
	void (*fn)(void) = in_madvise;

	if (fn) {
		in_madvise = NULL;
		fn();
	}
	if (kernel == WIPES)
		return __real_madvise(addr, len, advice);
	if (kernel == SAYS_YES)
		return 0;
	errno = EINVAL;
	return -1;
}

/* As on every machine that we know, the first arguments lie as if there were not more to come. */
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	void (*fn)(void) = in_gettid;

	if (nr == SYS_gettid && fn) {
		in_gettid = NULL;
		fn();
	}
	return __real_syscall(nr, a, b, c, d, e, f);
}

static int setup(void **state)
{
	int err = fixture_setup(state);

	if (!err)
		prog = ((struct fixture *)*state)->prog;
	return err;
}

static bool reads(const char *text)
{
	char buf[8000];
	ssize_t n = bpfstream_prog_read(prog, OUT, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, strlen(text));
}

static void drop(void)
{
	bpfstream_discard(&prog->stream[0]);
}

/* Valgrind goes on with the parent's threads in mind, and can hang in a child that has its own. */
static void skip_on_valgrind(void)
{
	if (RUNNING_ON_VALGRIND) {
		drop();
		print_message("skipped: valgrind does not follow the threads of a forked child\n");
		skip();
	}
}

/* ---- scenes: of one process and its children, for every kernel ---- */

static int first_call;

static bool is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static bool settled(void)
{
	return bsp_arena_live() == bsp_slots_pages() && !bpfstream_pending(&prog->stream[0]) &&
	       fixture_levels(bsp_slot_self()) == 0 && bsp_slot_owner() == (u32)getpid();
}

static int child_logs(void *arg)
{
	(void)arg;
	CHECK(!bpfstream_printf(prog, OUT, "child %d\n", 1));
	CHECK(reads("child 1\n"));
	CHECK(settled());
	return 0;
}

static int parents_text_is_its_own(void *arg)
{
	(void)arg;
	CHECK(!bpfstream_write(prog, OUT, "taken, parent\n", 14));
	CHECK(fixture_deliver(&prog->stream[0], fixture_sink(7, 0), 7) == 7);
	CHECK(!bpfstream_write(prog, OUT, "parent\n", 7));
	CHECK(!fixture_in_child(child_logs, NULL));
	CHECK(reads("parent\nparent\n"));
	CHECK(settled());
	return 0;
}

enum { READ, DRAIN, DUMP, DUMP_ALL, STAT, WAIT, DESCRIPTOR, CREATE, REAP_AND_READ, NR_CALLS };

/* Whether the first call tells of no text. */
static bool calls_find_nothing(int fd)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	char buf[10];

	switch (first_call) {
	case READ:
		return !bpfstream_prog_read(prog, OUT, buf, sizeof(buf));
	case DRAIN:
		return !bpfstream_prog_drain(prog, OUT, fd);
	case DUMP:
		return !bpfstream_prog_dump(prog, OUT, fd);
	case DUMP_ALL:
		return !bpfstream_dump_all(fd);
	case STAT:
		return !bpfstream_prog_stat(prog, OUT, &stat) && !stat.pending;
	case WAIT:
		return !bpfstream_prog_wait(prog, 0);
	case DESCRIPTOR:
		return !is_readable(bpfstream_prog_fd(prog));
	case CREATE:
		bpfstream_prog_destroy(bpfstream_prog_create(NULL));
		return true;
	default:
		bsp_slots_reap();
		return true;
	}
}

static int child_finds_nothing(void *arg)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)arg;
	CHECK(fd >= 0);
	alarm(FIXTURE_PATIENCE_MS / 1000);
	CHECK(calls_find_nothing(fd));
	CHECK(reads(""));
	CHECK(!bpfstream_write(prog, OUT, "child\n", 6));
	CHECK(reads("child\n"));
	CHECK(settled());
	return 0;
}

static int every_first_call_finds_nothing(void *arg)
{
	(void)arg;
	CHECK(!bpfstream_write(prog, OUT, "taken, parent\n", 14));
	CHECK(fixture_deliver(&prog->stream[0], fixture_sink(7, 0), 7) == 7);
	CHECK(!bpfstream_write(prog, OUT, "parent\n", 7));
	for (first_call = 0; first_call < NR_CALLS; first_call++)
		CHECK(!fixture_in_child(child_finds_nothing, NULL));
	CHECK(reads("parent\nparent\n"));
	return 0;
}

static int generation(void *arg)
{
	unsigned int *left = arg;
	char text[20];

	snprintf(text, sizeof(text), "%u left\n", *left);
	CHECK(!bpfstream_write(prog, OUT, text, strlen(text)));
	CHECK(bsp_slot_owner() == (u32)getpid());
	if (*left) {
		(*left)--;
		CHECK(!fixture_in_child(generation, left));
	}
	CHECK(reads(text));
	CHECK(settled());
	return 0;
}

/* More than there are lives to be told apart by the low bits of a slot's address. */
static int generations(void *arg)
{
	unsigned int left = RUNNING_ON_VALGRIND || kernel != WIPES ? 2 : 40;

	(void)arg;
	return generation(&left);
}

static int child_makes_programs(void *arg)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = 7 };
	u32 budget = bsp_arena_budget();
	struct bpfstream_prog *parents = prog;

	(void)arg;
	alarm(FIXTURE_PATIENCE_MS / 1000);
	prog = bpfstream_prog_create(&opts);
	CHECK(prog);
	CHECK(bsp_arena_budget() == budget + 7);
	CHECK(!bpfstream_write(prog, OUT, "mine\n", 5));
	CHECK(!bpfstream_write(parents, OUT, "inherited\n", 10));
	CHECK(reads("mine\n"));
	bpfstream_prog_destroy(prog);
	prog = parents;
	CHECK(reads("inherited\n"));
	CHECK(settled());
	bpfstream_prog_destroy(parents);
	CHECK(bsp_arena_budget() == 0);
	prog = bpfstream_prog_create(&opts);
	CHECK(prog);
	CHECK(!bpfstream_write(prog, OUT, "again\n", 6));
	CHECK(reads("again\n"));
	return 0;
}

static int child_has_its_own_programs(void *arg)
{
	u32 budget = bsp_arena_budget();

	(void)arg;
	CHECK(!bpfstream_write(prog, OUT, "parent\n", 7));
	CHECK(!fixture_in_child(child_makes_programs, NULL));
	CHECK(bsp_arena_budget() == budget);
	CHECK(reads("parent\n"));
	return 0;
}

static volatile int handled, handled_in_first_call, unblocked;

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
	(void)bpfstream_write(prog, OUT, "handler\n", 8);
}

/* In the child's first call: a signal comes, and has to wait. */
static void be_interrupted(void)
{
	sigset_t now;

	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	unblocked = !sigismember(&now, SIGUSR1) + !sigismember(&now, SIGTERM) +
		    !sigismember(&now, SIGSEGV);
	handled_in_first_call = handled;
}

/* ThreadSanitizer brings handlers when it likes. */
static bool reads_in_either_order(const char *first, const char *second)
{
	char buf[100], other[100];
	ssize_t n = bpfstream_prog_read(prog, OUT, buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	snprintf(other, sizeof(other), "%s%s", second, first);
	if (FIXTURE_SANITIZED && !strcmp(buf, other))
		return true;
	snprintf(other, sizeof(other), "%s%s", first, second);
	return !strcmp(buf, other);
}

static int child_is_interrupted_first(void *arg)
{
	struct sigaction action = { .sa_handler = on_usr1 };
	sigset_t before, after;
	int sig;

	(void)arg;
	CHECK(!sigaction(SIGUSR1, &action, NULL));
	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	CHECK(!sigprocmask(SIG_SETMASK, &before, NULL));
	in_gettid = be_interrupted;
	errno = FIXTURE_ERRNO;
	CHECK(!bpfstream_write(prog, OUT, "first\n", 6));
	CHECK(errno == FIXTURE_ERRNO);
	CHECK(!in_gettid && !unblocked && !handled_in_first_call);
	fixture_pause();
	CHECK(handled == 1);
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (sig = 1; sig < 32; sig++)
		CHECK(sigismember(&after, sig) == (sig == SIGUSR2));
	CHECK(reads_in_either_order("handler\n", "first\n"));
	CHECK(settled());
	return 0;
}

static int first_call_is_whole_before_a_handlers(void *arg)
{
	(void)arg;
	CHECK(!bpfstream_write(prog, OUT, "parent\n", 7));
	CHECK(!fixture_in_child(child_is_interrupted_first, NULL));
	CHECK(reads("parent\n"));
	return 0;
}

static pid_t pid;

static int status_of_child(void)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void fork_quietly(void *arg)
{
	int saved = errno;

	(void)arg;
	pid = fork();
	errno = saved;
}

static void fork_and_say_so(void *arg)
{
	fork_quietly(arg);
	if (!pid)
		(void)bpfstream_write(prog, OUT, "handler\n", 8);
}

/* Where a print can be interrupted. @late: it is published by then, and so the parent's text */
static const struct place {
	enum bsp_point point;
	long countdown;
	bool late;
} places[] = {
	{ BSP_POINT_CPU_ENTER, 0, false },
	{ BSP_POINT_PAGE_ALLOC, 0, false },
	{ BSP_POINT_PAGE_ALLOC, 1, false },
	{ BSP_POINT_CMPXCHG, 0, false },
	{ BSP_POINT_CPU_LEAVE, 0, true },
};

#define LONG	6000u	/* more than a page */

static bool reads_both(const char *before, const char *text)
{
	char both[LONG + 20];

	snprintf(both, sizeof(both), "%s%s", before, text);
	return reads(both);
}

static int print_interrupted(const struct place *at, void (*handler)(void *arg))
{
	char text[LONG + 1] = "";

	fixture_pattern(text, LONG, 1);
	CHECK(!bpfstream_write(prog, OUT, "parent\n", 7));
	fixture_forget_pages();
	fixture_at(at->point, at->countdown, handler, NULL);
	errno = FIXTURE_ERRNO;
	CHECK(!bpfstream_write(prog, OUT, text, LONG));
	CHECK(errno == FIXTURE_ERRNO);
	CHECK(bsp_fault.countdown < 0);
	if (pid) {
		CHECK(!status_of_child());
		CHECK(reads_both("parent\n", text));
	} else if (handler == fork_and_say_so) {
		CHECK(reads_both("handler\n", at->late ? "" : text));
	} else {
		/* Published before the child's first call, so it looks like the parent's. */
		CHECK(reads(""));
	}
	CHECK(settled());
	return pid ? 0 : child_logs(NULL);
}

static int print_goes_on_in_both(void *handler)
{
	void (*fn)(void *arg) = handler ? fork_and_say_so : fork_quietly;
	unsigned int i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int status = print_interrupted(&places[i], fn);

		if (!pid)
			_exit(status);
		CHECK(!status);
	}
	return 0;
}

static void wait_for_each_other(void)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
}

static void *fork_meanwhile(void *arg)
{
	long status;

	(void)arg;
	pthread_barrier_wait(&barrier);
	status = fixture_in_child(child_finds_nothing, NULL);
	pthread_barrier_wait(&barrier);
	return (void *)status;
}

static int child_forks_in_first_call(void *arg)
{
	pthread_t thread;
	void *status;

	(void)arg;
	first_call = READ;
	CHECK(!pthread_barrier_init(&barrier, NULL, 2));
	CHECK(!pthread_create(&thread, NULL, fork_meanwhile, NULL));
	in_gettid = wait_for_each_other;
	CHECK(!bpfstream_write(prog, OUT, "child\n", 6));
	CHECK(!in_gettid);
	pthread_join(thread, &status);
	pthread_barrier_destroy(&barrier);
	CHECK(!status);
	CHECK(reads("child\n"));
	return 0;
}

static int fork_while_another_thread_makes_the_first_call(void *arg)
{
	(void)arg;
	CHECK(!bpfstream_write(prog, OUT, "parent\n", 7));
	if (!RUNNING_ON_VALGRIND)
		CHECK(!fixture_in_child(child_forks_in_first_call, NULL));
	CHECK(reads("parent\n"));
	return 0;
}

/* Who has no slot yet is interrupted in the claim of one, and the child's handler calls first. */
static bool handler_calls;
static struct bsp_slot *slot_of_handler;

static void fork_in_claim(void)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	pid = fork();
	if (pid)
		return;
	(void)bpfstream_prog_stat(prog, OUT, &stat);	/* claims no slot */
	slot_of_handler = handler_calls ? bsp_slot_self() : NULL;
}

static bool claims_right(void)
{
	struct bsp_slot *slot = bsp_slot_self();
	struct bsp_slot *slots = slot - bsp_slot_index(slot);
	u32 me = bsp_asktid(), n = 0, i;

	for (i = 0; i < 100; i++)
		n += slots[i].owner == me;
	return n == 1 && slot->owner == me && (!slot_of_handler || slot == slot_of_handler);
}

static void *claim_and_fork(void *arg)
{
	bool right;

	(void)arg;
	in_gettid = fork_in_claim;
	(void)bsp_slot_self();
	right = claims_right();
	if (!pid)
		_exit(right ? 0 : 1);
	return (void *)(long)(right ? status_of_child() : -1);
}

static int claim_goes_on_in_both(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < 2; i++) {
		pthread_t thread;
		void *status;

		handler_calls = i;
		CHECK(!pthread_create(&thread, NULL, claim_and_fork, NULL));
		pthread_join(thread, &status);
		CHECK(!status);
	}
	return 0;
}

static int create(void *arg)
{
	struct bpfstream_prog *mine;

	(void)arg;
	alarm(FIXTURE_PATIENCE_MS / 1000);
	mine = bpfstream_prog_create(NULL);
	CHECK(mine);
	bpfstream_prog_destroy(mine);
	return 0;
}

static void *create_first(void *arg)
{
	(void)arg;
	return bpfstream_prog_create(NULL);
}

/* In a process that has had no program yet. */
static int fork_while_the_first_is_made(void *arg)
{
	pthread_t thread;
	void *made;

	(void)arg;
	pthread_barrier_init(&barrier, NULL, 2);
	in_madvise = wait_for_each_other;
	CHECK(!pthread_create(&thread, NULL, create_first, NULL));
	pthread_barrier_wait(&barrier);
	CHECK(!fixture_in_child(create, NULL));
	pthread_barrier_wait(&barrier);
	pthread_join(thread, &made);
	CHECK(made);
	bpfstream_prog_destroy(made);
	return 0;
}

static void a_child_may_create_while_its_parents_first_program_is_made(void **state)
{
	(void)state;
	if (slow_by() > 5) {
		print_message("skipped: Valgrind follows no threads of a forked child, and "
			      "ThreadSanitizer's pthread_once() knows nothing of forks\n");
		skip();
	}
	assert_int_equal(fixture_in_child(fork_while_the_first_is_made, NULL), 0);
}

static int (*const scenes[])(void *arg) = {
	parents_text_is_its_own, every_first_call_finds_nothing, generations,
	child_has_its_own_programs, first_call_is_whole_before_a_handlers, print_goes_on_in_both,
	fork_while_another_thread_makes_the_first_call, claim_goes_on_in_both,
};

static int play_all(void *arg)
{
	const struct bpfstream_opts opts = { .sz = sizeof(opts) };
	struct fixture *f;
	unsigned int i;

	(void)arg;
	f = fixture_make(&opts);
	CHECK(f);
	prog = f->prog;
	free(f);
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		int status = scenes[i](prog);

		if (status) {
			print_message("scene %u: %d\n", i, status);
			return 1;
		}
	}
	return 0;
}

static void where_the_kernel_refuses_to_wipe_all_goes_as_well(void **state)
{
	(void)state;
	kernel = REFUSES;
	assert_int_equal(fixture_in_child(play_all, NULL), 0);
	kernel = WIPES;
}

static void where_the_kernel_only_says_that_it_wipes_all_goes_as_well(void **state)
{
	(void)state;
	kernel = SAYS_YES;
	assert_int_equal(fixture_in_child(play_all, NULL), 0);
	kernel = WIPES;
}

static void a_child_logs_at_once_and_its_parents_text_is_printed_once(void **state)
{
	(void)state;
	assert_int_equal(parents_text_is_its_own(NULL), 0);
}

static void whatever_a_child_calls_first_it_finds_none_of_its_parents_text(void **state)
{
	(void)state;
	assert_int_equal(every_first_call_finds_nothing(NULL), 0);
	errno = FIXTURE_ERRNO;
}

static void a_grandchild_is_as_good_as_a_child_for_forty_generations(void **state)
{
	(void)state;
	assert_int_equal(generations(NULL), 0);
}

static void a_child_makes_and_ends_programs_its_parents_too(void **state)
{
	(void)state;
	assert_int_equal(child_has_its_own_programs(NULL), 0);
}

static void a_childs_first_call_is_whole_before_a_handlers_and_keeps_errno_and_mask(void **state)
{
	(void)state;
	assert_int_equal(first_call_is_whole_before_a_handlers(NULL), 0);
}

static void a_print_that_a_handler_forks_in_and_prints_goes_on_in_both(void **state)
{
	(void)state;
	assert_int_equal(print_goes_on_in_both(prog), 0);
}

static void a_print_that_a_handler_only_forks_in_leaves_nothing_behind(void **state)
{
	(void)state;
	assert_int_equal(print_goes_on_in_both(NULL), 0);
}

static void a_fork_while_another_thread_makes_the_first_call_waits_for_nobody(void **state)
{
	(void)state;
	skip_on_valgrind();
	assert_int_equal(fork_while_another_thread_makes_the_first_call(NULL), 0);
}

static void a_claim_that_a_fork_interrupts_gives_each_process_one_slot(void **state)
{
	(void)state;
	assert_int_equal(claim_goes_on_in_both(NULL), 0);
}

/* ---- what other threads of the parent have in hand ---- */

static long wait_in_sink(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	wait_for_each_other();
	return fixture_take(ctx, piece, nr);
}

static void *read_slowly(void *arg)
{
	bsp_mutex_lock(&prog->stream[0].lock);
	bpfstream_deliver(&prog->stream[0], wait_in_sink, arg, FIXTURE_TEXT_MAX);
	bsp_mutex_unlock(&prog->stream[0].lock);
	return NULL;
}

static void *dump_slowly(void *arg)
{
	struct bpfstream_piece piece[4];
	u32 by;

	if (!bsp_mutex_try_hold(&prog->stream[0].lock, &by))
		return prog;
	bpfstream_deliver_all(&prog->stream[0], wait_in_sink, arg, piece, 4);
	bsp_mutex_release(&prog->stream[0].lock);
	return NULL;
}

static void *walk_slowly(void *arg)
{
	struct bpfstream_prog *at;
	bool locked;

	bsp_live_register();
	locked = bsp_live_begin();
	at = bsp_live_next(NULL);
	wait_for_each_other();
	while (at)
		at = bsp_live_next(at);
	bsp_live_end(locked);
	(void)arg;
	return NULL;
}

/* Run @thread up to where it waits, then @child, then let @thread end. */
static void beside(void *(*thread)(void *arg), int (*child)(void *arg))
{
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);
	pthread_t id;
	void *ret;

	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&id, NULL, thread, sink), 0);
	pthread_barrier_wait(&barrier);
	assert_int_equal(fixture_in_child(child, NULL), 0);
	pthread_barrier_wait(&barrier);
	pthread_join(id, &ret);
	assert_null(ret);
	pthread_barrier_destroy(&barrier);
}

static void a_child_reads_at_once_while_a_thread_of_its_parent_reads(void **state)
{
	(void)state;
	skip_on_valgrind();
	assert_int_equal(bpfstream_write(prog, OUT, "in hand\n", 8), 0);
	for (first_call = 0; first_call < NR_CALLS; first_call++)
		if (first_call == READ || first_call == DRAIN || first_call == DUMP) {
			beside(read_slowly, child_finds_nothing);
			assert_int_equal(bpfstream_write(prog, OUT, "in hand\n", 8), 0);
		}
	assert_true(reads("in hand\n"));
	errno = FIXTURE_ERRNO;
}

/* What the first call took is not settled when the second waits. */
static long wait_in_second_sink(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct fixture_sink *sink = ctx;

	if (sink->calls)
		wait_for_each_other();
	return fixture_take(ctx, piece, nr);
}

static void *read_in_two(void *arg)
{
	bsp_mutex_lock(&prog->stream[0].lock);
	bpfstream_deliver(&prog->stream[0], wait_in_second_sink, arg, MESSAGES);
	bsp_mutex_unlock(&prog->stream[0].lock);
	return NULL;
}

static int child_owes_nothing(void *arg)
{
	bsp_fork_child();
	CHECK(!bpfstream_pending(&prog->stream[0]));
	CHECK(!prog->stream[0].in_hand);
	return child_finds_nothing(arg);
}

static void a_child_is_not_charged_for_what_a_thread_of_its_parent_reads(void **state)
{
	unsigned int i;

	(void)state;
	skip_on_valgrind();
	first_call = READ;
	for (i = 0; i < MESSAGES; i++)
		assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	beside(read_in_two, child_owes_nothing);
	assert_true(reads(""));
	errno = FIXTURE_ERRNO;
}

static void a_child_reads_at_once_while_a_thread_of_its_parent_dumps(void **state)
{
	(void)state;
	skip_on_valgrind();
	first_call = READ;
	assert_int_equal(bpfstream_write(prog, OUT, "in hand\n", 8), 0);
	beside(dump_slowly, child_finds_nothing);
	assert_true(reads(""));
	errno = FIXTURE_ERRNO;
}

static int child_ends_the_program(void *arg)
{
	(void)arg;
	alarm(FIXTURE_PATIENCE_MS / 1000);
	bpfstream_prog_destroy(prog);
	CHECK(bsp_arena_budget() == 0);
	return 0;
}

static void a_child_ends_a_program_that_a_thread_of_its_parent_walks_over(void **state)
{
	(void)state;
	skip_on_valgrind();
	beside(walk_slowly, child_ends_the_program);
	assert_int_equal(prog->pins, 0);
}

/* ---- who calls first ---- */

static void *print_and_stay(void *arg)
{
	int err = bpfstream_write(prog, OUT, "thread\n", 7);

	(void)arg;
	slot_of_thread = bsp_slot_self();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return (void *)(long)err;
}

static int thread_before_main(void *arg)
{
	struct bsp_slot *slot_of_main;
	pthread_t thread;

	(void)arg;
	CHECK(!pthread_barrier_init(&barrier, NULL, 2));
	CHECK(!pthread_create(&thread, NULL, print_and_stay, NULL));
	pthread_barrier_wait(&barrier);
	CHECK(!bpfstream_write(prog, OUT, "main\n", 5));
	slot_of_main = bsp_slot_self();
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	CHECK(!pthread_barrier_destroy(&barrier));
	CHECK(slot_of_main && slot_of_thread && slot_of_main != slot_of_thread);
	CHECK(slot_of_main->owner == (u32)getpid());
	CHECK(reads("thread\nmain\n"));
	return 0;
}

static void a_childs_thread_that_prints_first_has_a_slot_of_its_own(void **state)
{
	(void)state;
	skip_on_valgrind();
	assert_int_equal(bpfstream_write(prog, OUT, "parent\n", 7), 0);
	assert_int_equal(fixture_in_child(thread_before_main, NULL), 0);
	drop();
}

static int fork_again(void *arg)
{
	int status = thread_before_main(arg);

	return status ? status : fixture_in_child(thread_before_main, arg);
}

static void so_has_a_grandchilds(void **state)
{
	(void)state;
	skip_on_valgrind();
	assert_int_equal(bpfstream_write(prog, OUT, "parent\n", 7), 0);
	assert_int_equal(fixture_in_child(fork_again, NULL), 0);
	drop();
}

static void *print_lines(void *arg)
{
	unsigned int i;

	(void)arg;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < LINES; i++)
		if (bpfstream_write(prog, OUT, "line\n", 5))
			return prog;
	return NULL;
}

static int threads_at_once(void *arg)
{
	pthread_t thread[THREADS];
	struct fixture_sink *sink = arg;
	void *ret, *failed = NULL;
	unsigned int i;

	CHECK(!pthread_barrier_init(&barrier, NULL, THREADS));
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&thread[i], NULL, print_lines, NULL));
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &ret);
		failed = ret ? ret : failed;
	}
	CHECK(!failed);
	CHECK(bpfstream_pending(&prog->stream[0]) == 5u * THREADS * LINES);
	CHECK(fixture_deliver(&prog->stream[0], sink, FIXTURE_TEXT_MAX) == 5L * THREADS * LINES);
	for (i = 0; i < sink->len; i += 5)
		CHECK(!memcmp(sink->text + i, "line\n", 5));
	bsp_slots_reap();
	CHECK(bsp_arena_live() == bsp_slots_pages());
	return 0;
}

static void a_childs_threads_may_all_call_first(void **state)
{
	unsigned long i, n = fixture_loops(20);

	(void)state;
	skip_on_valgrind();
	for (i = 0; i < 1000; i++)
		assert_int_equal(bpfstream_write(prog, OUT, "parent\n", 7), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(fixture_in_child(threads_at_once, fixture_sink(SIZE_MAX, 0)), 0);
	drop();
}

/* ---- what it calls first ---- */

static int commit(void *stage)
{
	CHECK(!bpfstream_stage_commit(stage, prog, OUT));
	CHECK(!bpfstream_write(prog, OUT, ", more", 6));
	CHECK(reads("group, more"));
	return 0;
}

static void a_group_that_a_child_commits_first_is_not_taken_for_the_parents(void **state)
{
	struct bpfstream_stage stage;

	(void)state;
	assert_int_equal(bpfstream_write(prog, OUT, "parent\n", 7), 0);
	bpfstream_stage_init(&stage);
	assert_int_equal(bpfstream_stage_printf(&stage, "group"), 0);
	assert_int_equal(fixture_in_child(commit, &stage), 0);
	bpfstream_stage_free(&stage);
	drop();
}

static struct bpfstream_prog *telling;

static int child_tells_of_its_own(void *arg)
{
	static const char want[] = "[1 message, 40 bytes lost]\n";
	char buf[100];

	(void)arg;
	CHECK(!bpfstream_prog_read(telling, OUT, buf, sizeof(buf)));
	CHECK(bpfstream_write(telling, OUT, "more than that, if only by a little: 40.", 40) == -ENOSPC);
	CHECK(bpfstream_prog_read(telling, OUT, buf, sizeof(buf)) == sizeof(want) - 1);
	CHECK(!memcmp(buf, want, sizeof(want) - 1));
	return 0;
}

static void a_child_tells_of_no_loss_of_its_parents(void **state)
{
	const struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = 20, .flags = BPFSTREAM_LOST_LINES,
	};

	(void)state;
	telling = bpfstream_prog_create(&opts);
	assert_non_null(telling);
	assert_int_equal(bpfstream_write(telling, OUT, "more than twenty bytes, by ten", 30), -ENOSPC);
	assert_int_equal(fixture_in_child(child_tells_of_its_own, NULL), 0);
	bpfstream_prog_destroy(telling);
}

static void a_child_drops_the_line_that_its_parent_has_begun_to_read(void **state)
{
	static const char want[] = "[1 message, 30 bytes lost]\n";
	const struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = 20, .flags = BPFSTREAM_LOST_LINES,
	};
	char buf[100];

	(void)state;
	telling = bpfstream_prog_create(&opts);
	assert_non_null(telling);
	assert_int_equal(bpfstream_write(telling, OUT, "more than twenty bytes, by ten", 30), -ENOSPC);
	assert_int_equal(bpfstream_prog_read(telling, OUT, buf, 5), 5);
	assert_int_equal(fixture_in_child(child_tells_of_its_own, NULL), 0);
	assert_int_equal(bpfstream_prog_read(telling, OUT, buf + 5, sizeof(buf) - 5), sizeof(want) - 6);
	assert_memory_equal(buf, want, sizeof(want) - 1);
	bpfstream_prog_destroy(telling);
}

static void *hold_lock(void *arg)
{
	(void)arg;
	bsp_live_lock();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	bsp_live_unlock();
	return NULL;
}

static void a_child_may_create_first_while_a_thread_of_its_parent_does(void **state)
{
	pthread_t thread;

	(void)state;
	skip_on_valgrind();
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, hold_lock, NULL), 0);
	pthread_barrier_wait(&barrier);
	assert_int_equal(fixture_in_child(create, NULL), 0);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

/* ---- what the fork has interrupted ---- */

/* As a handler that forks, and whose child prints, would do. */
static void fork_and_print(void)
{
	int saved = errno;

	pid = fork();
	if (!pid)
		(void)bpfstream_write(prog, BPFSTREAM_STDERR, "", 0);
	errno = saved;
}

static int destroy(void)
{
	alarm(FIXTURE_PATIENCE_MS / 1000);
	bpfstream_prog_destroy(prog);
	return 0;
}

static void a_walk_over_the_programs_does_not_pin_one_for_ever(void **state)
{
	struct bpfstream_prog *at;
	bool locked = bsp_live_begin();

	(void)state;
	at = bsp_live_next(NULL);
	fork_and_print();
	while (at)
		at = bsp_live_next(at);
	bsp_live_end(locked);
	if (!pid)
		_exit(destroy());
	assert_int_equal(status_of_child(), 0);
	assert_int_equal(prog->pins, 0);
}

static long fork_in_sink(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	long bytes = 0;

	(void)ctx;
	while (nr--)
		bytes += (long)piece[nr].len;
	fork_and_print();
	return bytes;
}

static int all_is_settled(void)
{
	CHECK(!bpfstream_pending(&prog->stream[0]));
	CHECK(!bpfstream_write(prog, OUT, "fits", 4));
	CHECK(reads("fits"));
	return 0;
}

static void a_dump_past_a_reader_settles_what_it_took(void **state)
{
	(void)state;
	assert_int_equal(bpfstream_write(prog, OUT, "0123456789", 10), 0);
	bsp_slot_dump_begin();
	assert_int_equal(bpfstream_deliver_log(&prog->stream[0], fork_in_sink, NULL), 10);
	bsp_slot_dump_end();
	if (!pid)
		_exit(all_is_settled());
	assert_int_equal(status_of_child(), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
	fork_and_print();
}

static int wakes_up(void)
{
	struct pollfd pfd = { .events = POLLIN };

	CHECK(prog->watchers == 0);
	pfd.fd = bpfstream_prog_fd(prog);
	CHECK(pfd.fd >= 0);
	CHECK(poll(&pfd, 1, 0) == 0);
	CHECK(!bpfstream_write(prog, OUT, "x", 1));
	CHECK(poll(&pfd, 1, 0) == 1);
	return 0;
}

static void a_wait_is_not_counted_off_twice(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, old;

	(void)state;
	sigaction(SIGALRM, &action, &old);
	alarm(1);
	assert_int_equal(bpfstream_prog_wait(prog, FIXTURE_PATIENCE_MS), -EINTR);
	sigaction(SIGALRM, &old, NULL);
	if (!pid)
		_exit(wakes_up());
	assert_int_equal(status_of_child(), 0);
	assert_int_equal(prog->watchers, 0);
}

static void a_read_that_a_handler_forks_in_is_settled_in_both(void **state)
{
	struct bpfstream *s = &prog->stream[0];
	char buf[20];

	(void)state;
	assert_int_equal(bpfstream_write(prog, OUT, "0123456789", 10), 0);
	bsp_mutex_lock(&s->lock);
	assert_int_equal(bpfstream_deliver(s, fork_in_sink, NULL, sizeof(buf)), 10);
	bsp_mutex_unlock(&s->lock);
	if (!pid)
		_exit(all_is_settled());
	assert_int_equal(status_of_child(), 0);
	assert_true(reads(""));
}

/* ---- waiting, when a handler forks and its child does nothing there ---- */

static pthread_t waiter;

static void on_usr2(int sig)
{
	int saved = errno;
	pid_t new = fork();

	(void)sig;
	if (!new)
		alarm(FIXTURE_PATIENCE_MS / 1000);
	__atomic_store_n(&pid, new, __ATOMIC_RELEASE);
	errno = saved;
}

/* The waiter has some time to begin to wait: should that not do, this tests nothing. */
static void have_the_waiter_fork(void)
{
	pthread_barrier_wait(&barrier);
	usleep(100000);
	pthread_kill(waiter, SIGUSR2);
	while (!__atomic_load_n(&pid, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void *hold_lock_meanwhile(void *arg)
{
	bsp_live_lock();
	have_the_waiter_fork();
	bsp_live_unlock();
	return arg;
}

static void *hold_mutex_meanwhile(void *arg)
{
	bsp_mutex_lock(&prog->stream[0].lock);
	have_the_waiter_fork();
	bsp_mutex_unlock(&prog->stream[0].lock);
	return arg;
}

/* As a dump does, without the readers' mutex. */
static void *hold_word_meanwhile(void *arg)
{
	u32 by;

	if (!bsp_mutex_try_hold(&prog->stream[0].lock, &by))
		return prog;
	have_the_waiter_fork();
	bsp_mutex_release(&prog->stream[0].lock);
	return arg;
}

static struct bpfstream_prog *ended;

/* Not known to liburcu, whose grace period would put the waiter's handler off. */
static void *pin_meanwhile(void *arg)
{
	struct bpfstream_prog *at = NULL;

	do {
		at = bsp_live_next(at);
	} while (at && at != ended);
	have_the_waiter_fork();
	while (at)
		at = bsp_live_next(at);
	return arg;
}

static bool destroys(void)
{
	bpfstream_prog_destroy(ended);
	return true;
}

static bool reads_nothing(void)
{
	return reads("");
}

static bool creates(void)
{
	struct bpfstream_prog *mine = bpfstream_prog_create(NULL);

	if (mine)
		bpfstream_prog_destroy(mine);
	return mine;
}

static void a_child_that_waits_does_not_wait_for_a_thread_of_its_parent(void **state)
{
	static const struct {
		void *(*hold)(void *arg);
		bool (*wait)(void);
	} scene[] = {
		{ hold_lock_meanwhile, creates },
		{ hold_mutex_meanwhile, reads_nothing },
		{ hold_word_meanwhile, reads_nothing },
		{ pin_meanwhile, destroys },
	};
	struct sigaction action = { .sa_handler = on_usr2 }, old;
	pthread_t thread;
	unsigned int i;
	void *ret;
	bool ok;

	(void)state;
	skip_on_valgrind();
	waiter = pthread_self();
	sigaction(SIGUSR2, &action, &old);
	pthread_barrier_init(&barrier, NULL, 2);
	ended = bpfstream_prog_create(NULL);
	assert_non_null(ended);
	for (i = 0; i < sizeof(scene) / sizeof(scene[0]); i++) {
		pid = 0;
		assert_int_equal(pthread_create(&thread, NULL, scene[i].hold, NULL), 0);
		pthread_barrier_wait(&barrier);
		ok = scene[i].wait();
		if (!pid)
			_exit(!ok);
		assert_true(ok);
		pthread_join(thread, &ret);
		assert_null(ret);
		assert_int_equal(status_of_child(), 0);
	}
	pthread_barrier_destroy(&barrier);
	sigaction(SIGUSR2, &old, NULL);
	errno = FIXTURE_ERRNO;
}

static ssize_t read_out(int fd)
{
	char buf[20];

	(void)fd;
	return bpfstream_prog_read(prog, OUT, buf, sizeof(buf));
}

static ssize_t drain_out(int fd)
{
	return bpfstream_prog_drain(prog, OUT, fd);
}

static ssize_t dump_out(int fd)
{
	return bpfstream_prog_dump(prog, OUT, fd);
}

static ssize_t read_a_part(int fd)
{
	char buf[4];

	(void)fd;
	return bpfstream_prog_read(prog, OUT, buf, sizeof(buf));
}

/* Past a reader, who has nothing in hand. */
static ssize_t dump_past(int fd)
{
	u32 *holder = &prog->stream[0].lock.holder;
	ssize_t n;

	bsp_store_relaxed(holder, 0x7fffffffu);
	n = dump_out(fd);
	bsp_store_relaxed(holder, 0u);
	return n;
}

static int child_has_left(const char *text)
{
	CHECK(reads(text));
	CHECK(!bpfstream_pending(&prog->stream[1]));
	return all_is_settled();
}

/* A handler forks in the midst, and its child prints. Other threads' dumps have text in hand. */
static void a_read_that_a_handler_forks_in_is_not_charged_for_what_others_dump(void **state)
{
	static ssize_t (*const ways[])(int fd) = {
		read_out, drain_out, dump_out, dump_past, read_a_part,
	};
	struct bpfstream *s = prog->stream;
	struct bpfstream_chain in_hand[2];
	int fd = memfd_create("text", 0);
	ssize_t n;
	u32 i, k;

	(void)state;
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (k = 0; k < 2; k++) {
			assert_int_equal(bpfstream_write(prog, OUT + k, "another's", 9), 0);
			in_hand[k].newest = bpfstream_elem_of(bpfstream_llist_take(&s[k].log));
		}
		assert_int_equal(bpfstream_write(prog, OUT, "mine", 4), 0);
		fixture_at(BSP_POINT_CMPXCHG, 0, fork_and_say_so, NULL);
		n = ways[i](fd);
		if (!pid)
			_exit(child_has_left(ways[i] == read_a_part ? "ler\n" : ""));
		assert_int_equal(n, 4);
		assert_int_equal(status_of_child(), 0);
		for (k = 0; k < 2; k++) {
			assert_int_equal(bpfstream_pending(&s[k]), 9);
			bpfstream_chain_free(&in_hand[k]);
			bpfstream_llist_lighten(&s[k].log, 9);
		}
	}
	close(fd);
	errno = FIXTURE_ERRNO;
}

/* What a dump, or a read, under this one has in hand is charged for until it ends. */
static int settle_in_others(void *arg)
{
	struct bpfstream *s = &prog->stream[0];
	u32 life = bsp_fork_life;
	struct bpfstream_chain in_hand;
	u32 by;

	(void)arg;
	bsp_fork_child();
	CHECK(bsp_fork_life != life);
	CHECK(!bpfstream_write(prog, OUT, "in hand", 7));
	in_hand.newest = bpfstream_elem_of(bpfstream_llist_take(&s->log));
	bsp_slot_dump_begin();
	bsp_fork_settle(life);
	CHECK(bpfstream_pending(s) == 7);
	bsp_slot_dump_end();
	CHECK(bsp_mutex_try_hold(&s->lock, &by));
	bsp_fork_settle(life);
	CHECK(bpfstream_pending(s) == 7);
	bsp_mutex_release(&s->lock);
	bsp_fork_settle(life);
	CHECK(!bpfstream_pending(s));
	bpfstream_chain_free(&in_hand);
	return 0;
}

static void what_a_child_reads_and_dumps_is_charged_for_until_that_ends(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(settle_in_others, NULL), 0);
}

static size_t taken_later;

/* The first call of it forks: what is in hand is both processes', all else the parent's. */
static long fork_in_first_sink(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	bool *forked = ctx;
	long bytes = 0;

	while (nr--)
		bytes += (long)piece[nr].len;
	if (*forked) {
		taken_later += (size_t)bytes;
		return bytes;
	}
	*forked = true;
	(void)bpfstream_write(prog, OUT, "late", 4);
	fork_quietly(NULL);
	if (!pid)
		(void)bpfstream_write(prog, OUT, "child\n", 6);
	return bytes;
}

static void a_read_that_a_handler_forks_in_has_no_more_of_the_parents_text(void **state)
{
	struct bpfstream *s = &prog->stream[0];
	bool forked = false;
	unsigned int i;

	(void)state;
	taken_later = 0;
	for (i = 0; i < MESSAGES; i++)
		assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	bsp_mutex_lock(&s->lock);
	bpfstream_deliver(s, fork_in_first_sink, &forked, FIXTURE_TEXT_MAX);
	bsp_mutex_unlock(&s->lock);
	if (!pid)
		_exit(taken_later == 6 ? all_is_settled() : 255);
	assert_int_equal(status_of_child(), 0);
	assert_in_range(taken_later, 5, MESSAGES + 4 - 1);	/* some were not in hand */
}

static int child_watches_and_prints(void *arg)
{
	int fd = bpfstream_prog_fd(prog);

	(void)arg;
	CHECK(fd >= 0);
	CHECK(!bpfstream_write(prog, OUT, "x", 1));
	CHECK(is_readable(fd));
	return 0;
}

static void a_childs_eventfd_is_its_own(void **state)
{
	int fd = bpfstream_prog_fd(prog);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fixture_in_child(child_watches_and_prints, NULL), 0);
	assert_false(is_readable(fd));
}

static int childs_end;
static bool parent_is_told;

/* The parent looks before its own call has come to set or clear the eventfd. */
static void fork_and_look(void *fd)
{
	fork_quietly(NULL);
	if (!pid)
		return;
	childs_end = status_of_child();
	parent_is_told = is_readable(*(int *)fd);
}

static void a_print_that_a_fork_interrupts_wakes_nobody_in_the_parent(void **state)
{
	int fd = bpfstream_prog_fd(prog);

	(void)state;
	fixture_at(BSP_POINT_CMPXCHG, 0, fork_and_look, &fd);
	assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	if (!pid)
		_exit(child_logs(NULL));
	assert_int_equal(childs_end, 0);
	assert_false(parent_is_told);
	assert_true(is_readable(fd));
	assert_true(reads("x"));
}

static void a_read_that_a_fork_interrupts_takes_no_wake_up_from_the_parent(void **state)
{
	int fd = bpfstream_prog_fd(prog);
	char buf[10];

	(void)state;
	assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	fixture_forget_pages();
	fixture_at(BSP_POINT_PAGE_FREE, 0, fork_and_look, &fd);
	assert_int_equal(bpfstream_prog_read(prog, OUT, buf, sizeof(buf)), 1);
	if (!pid)
		_exit(child_logs(NULL));
	assert_int_equal(childs_end, 0);
	assert_true(parent_is_told);
	assert_false(is_readable(fd));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_may_create_while_its_parents_first_program_is_made),
		cmocka_unit_test(where_the_kernel_refuses_to_wipe_all_goes_as_well),
		cmocka_unit_test(where_the_kernel_only_says_that_it_wipes_all_goes_as_well),
		TEST(a_child_logs_at_once_and_its_parents_text_is_printed_once),
		TEST(whatever_a_child_calls_first_it_finds_none_of_its_parents_text),
		TEST(a_grandchild_is_as_good_as_a_child_for_forty_generations),
		TEST(a_child_makes_and_ends_programs_its_parents_too),
		TEST(a_childs_first_call_is_whole_before_a_handlers_and_keeps_errno_and_mask),
		TEST(a_print_that_a_handler_forks_in_and_prints_goes_on_in_both),
		TEST(a_print_that_a_handler_only_forks_in_leaves_nothing_behind),
		TEST(a_fork_while_another_thread_makes_the_first_call_waits_for_nobody),
		TEST(a_claim_that_a_fork_interrupts_gives_each_process_one_slot),
		TEST(a_child_reads_at_once_while_a_thread_of_its_parent_reads),
		TEST(a_child_is_not_charged_for_what_a_thread_of_its_parent_reads),
		TEST(a_child_reads_at_once_while_a_thread_of_its_parent_dumps),
		TEST(a_child_ends_a_program_that_a_thread_of_its_parent_walks_over),
		TEST(a_childs_thread_that_prints_first_has_a_slot_of_its_own),
		TEST(so_has_a_grandchilds),
		TEST(a_childs_threads_may_all_call_first),
		TEST(a_group_that_a_child_commits_first_is_not_taken_for_the_parents),
		TEST(a_child_tells_of_no_loss_of_its_parents),
		TEST(a_child_drops_the_line_that_its_parent_has_begun_to_read),
		TEST(a_child_may_create_first_while_a_thread_of_its_parent_does),
		TEST(a_walk_over_the_programs_does_not_pin_one_for_ever),
		TEST(a_dump_past_a_reader_settles_what_it_took),
		TEST(a_wait_is_not_counted_off_twice),
		TEST(a_child_that_waits_does_not_wait_for_a_thread_of_its_parent),
		TEST(a_read_that_a_handler_forks_in_is_settled_in_both),
		TEST(a_read_that_a_handler_forks_in_is_not_charged_for_what_others_dump),
		TEST(what_a_child_reads_and_dumps_is_charged_for_until_that_ends),
		TEST(a_read_that_a_handler_forks_in_has_no_more_of_the_parents_text),
		TEST(a_childs_eventfd_is_its_own),
		TEST(a_print_that_a_fork_interrupts_wakes_nobody_in_the_parent),
		TEST(a_read_that_a_fork_interrupts_takes_no_wake_up_from_the_parent),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
