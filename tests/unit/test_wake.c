// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_wake.c - wake.c: who waits is told, and nobody is told for nothing
 *
 * The system calls that wake.c waits and wakes with go through this file, so that a test can have
 * something happen just before one of them, as a handler or another thread would. The value of an
 * eventfd says how often it was written to.
 */
#include "bare_calls.h"
#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT		(1 << BPFSTREAM_STDOUT)
#define ERR		(1 << BPFSTREAM_STDERR)
#define WAITERS		4

/*
 * A thread's own.
 * @poll: run before the next poll(2), once
 * @clock: run before the second look at the clock from now, once, and a minute passes
 * @clocks: looks at the clock until then
 * @minutes: that have passed so
 * @read: run before the next read(2), once
 * @arg: for both
 * @poll_errno: with what the next poll(2) fails, once; 0 not
 * @eventfd_errno: with what eventfd(2) fails; 0 not
 * @polls: poll(2)s so far
 * @timeout_ms: the last one's
 */
static __thread struct {
	void (*poll)(void *arg);
	void (*read)(void *arg);
	void (*clock)(void *arg);
	void *arg;
	int clocks;
	int minutes;
	int poll_errno;
	int eventfd_errno;
	int polls;
	int timeout_ms;
} calls;

static int (*real_poll)(struct pollfd *fds, nfds_t nr, int timeout_ms);
static int (*real_eventfd)(unsigned int count, int flags);

static void run_once(void (**fn)(void *arg))
{
	void (*now)(void *arg) = *fn;

	if (!now)
		return;
	*fn = NULL;
	now(calls.arg);
}

static int fails(int *err)
{
	errno = *err;
	*err = 0;
	return -1;
}

int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	calls.polls++;
	calls.timeout_ms = timeout_ms;
	run_once(&calls.poll);
	return calls.poll_errno ? fails(&calls.poll_errno) : real_poll(fds, nr, timeout_ms);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	static int (*real)(clockid_t id, struct timespec *now);
	int err;

	if (calls.clock && ++calls.clocks == 2) {
		run_once(&calls.clock);
		calls.minutes++;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	err = real(id, now);
	now->tv_sec += 60 * calls.minutes;
	return err;
}

static bool bare_call_hook(long nr, const long *arg, long *ret)
{
	(void)arg;
	(void)ret;
	if (nr == SYS_read)
		run_once(&calls.read);
	return false;
}

int eventfd(unsigned int count, int flags)
{
	return calls.eventfd_errno ? fails(&calls.eventfd_errno) : real_eventfd(count, flags);
}

static int group_setup(void **state)
{
	(void)state;
	*(void **)&real_poll = dlsym(RTLD_NEXT, "poll");
	*(void **)&real_eventfd = dlsym(RTLD_NEXT, "eventfd");
	return real_poll && real_eventfd ? 0 : -1;
}

static int setup(void **state)
{
	memset(&calls, 0, sizeof(calls));
	return fixture_setup(state);
}

static struct bpfstream_prog *prog_of(void **state)
{
	return ((struct fixture *)*state)->prog;
}

/* How often the eventfd was written to since this was asked last. */
static u64 told(const struct bpfstream_prog *prog)
{
	int saved = errno;
	u64 count = 0;

	if (read(prog->efd, &count, sizeof(count)) < 0)
		count = 0;
	errno = saved;
	return count;
}

static bool is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return real_poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN;
}

static void print(struct bpfstream_prog *prog, enum bpfstream_id id, const char *text)
{
	assert_int_equal(bpfstream_write(prog, id, text, strlen(text)), 0);
}

static void read_away(struct bpfstream_prog *prog)
{
	char buf[100];

	assert_true(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, sizeof(buf)) >= 0);
	assert_true(bpfstream_prog_read(prog, BPFSTREAM_STDERR, buf, sizeof(buf)) >= 0);
}

static s64 now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (s64)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- the descriptor ---- */

static void the_descriptor_is_one_and_the_same(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int fd = bpfstream_prog_fd(prog);

	assert_true(fd >= 0);
	assert_int_equal(bpfstream_prog_fd(prog), fd);
	assert_int_equal(bpfstream_prog_wait(prog, 1), 0);
	assert_int_equal(bpfstream_prog_fd(prog), fd);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_false(is_readable(fd));
	assert_int_equal(prog->watchers, 1);
}

static void a_descriptor_that_a_wait_has_made_is_given_out(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	assert_int_equal(prog->efd, -1);
	assert_int_equal(bpfstream_prog_wait(prog, 1), 0);
	assert_true(prog->efd >= 0);
	assert_int_equal(bpfstream_prog_fd(prog), prog->efd);
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_true(is_readable(prog->efd));
	read_away(prog);
}

static void it_closes_with_the_program(void **state)
{
	struct bpfstream_prog *other = bpfstream_prog_create(NULL);
	int fd;

	(void)state;
	assert_non_null(other);
	fd = bpfstream_prog_fd(other);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	bpfstream_prog_destroy(other);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	errno = FIXTURE_ERRNO;
}

static void it_is_readable_while_either_stream_has_text(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int fd = bpfstream_prog_fd(prog);
	char buf[10];

	print(prog, BPFSTREAM_STDOUT, "abc");
	assert_true(is_readable(fd));
	print(prog, BPFSTREAM_STDERR, "d");
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, 2), 2);
	assert_true(is_readable(fd));
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, 2), 1);
	assert_true(is_readable(fd));
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDERR, buf, 1), 1);
	assert_false(is_readable(fd));
	print(prog, BPFSTREAM_STDERR, "e");
	assert_true(is_readable(fd));
	read_away(prog);
	assert_false(is_readable(fd));
}

static void it_is_readable_at_once_if_text_waits_already(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	print(prog, BPFSTREAM_STDERR, "early");
	assert_true(is_readable(bpfstream_prog_fd(prog)));
	read_away(prog);
	assert_false(is_readable(prog->efd));
}

static void each_reader_takes_it_back(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int fd = bpfstream_prog_fd(prog);
	int null = open("/dev/null", O_WRONLY);
	char buf[10];

	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, 10), 1);
	assert_false(is_readable(fd));
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(bpfstream_prog_drain(prog, BPFSTREAM_STDOUT, null), 1);
	assert_false(is_readable(fd));
	close(null);
}

/* A dump may be a handler's: it does not care. What it leaves is mended by who comes next. */
static void what_a_dump_leaves_readable_is_mended_by_the_next_read_or_wait(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int fd = bpfstream_prog_fd(prog);
	int null = open("/dev/null", O_WRONLY);
	char buf[10];

	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(bpfstream_prog_dump(prog, BPFSTREAM_STDOUT, null), 1);
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDERR, buf, 10), 0);
	assert_false(is_readable(fd));
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(bpfstream_prog_dump(prog, BPFSTREAM_STDOUT, null), 1);
	assert_int_equal(bpfstream_prog_wait(prog, 1), 0);
	assert_false(is_readable(fd));
	close(null);
}

static void without_a_descriptor_there_is_an_error_and_nothing_is_watched(void **state)
{
	static const int row[] = { EMFILE, ENFILE, ENOMEM };
	struct bpfstream_prog *prog = prog_of(state);
	u32 i;

	assert_int_equal(bpfstream_prog_fd(NULL), -EINVAL);
	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		calls.eventfd_errno = row[i];
		assert_int_equal(bpfstream_prog_fd(prog), -row[i]);
		calls.eventfd_errno = row[i];
		assert_int_equal(bpfstream_prog_wait(prog, 1), -row[i]);
		calls.eventfd_errno = row[i];
		assert_int_equal(bpfstream_prog_wait(prog, -1), -row[i]);
	}
	assert_int_equal(errno, FIXTURE_ERRNO);
	assert_int_equal(prog->watchers, 0);
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_true(is_readable(bpfstream_prog_fd(prog)));
	read_away(prog);
}

/* ---- who is told, and when ---- */

static void only_text_in_an_empty_stream_is_told(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	char buf[10];

	assert_true(bpfstream_prog_fd(prog) >= 0);
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(told(prog), 1);
	print(prog, BPFSTREAM_STDOUT, "b");
	assert_int_equal(told(prog), 0);
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, 1), 1);
	print(prog, BPFSTREAM_STDOUT, "c");
	assert_int_equal(told(prog), 0);
	print(prog, BPFSTREAM_STDERR, "d");
	assert_int_equal(told(prog), 1);
	read_away(prog);
	assert_int_equal(told(prog), 0);
	print(prog, BPFSTREAM_STDOUT, "e");
	assert_int_equal(told(prog), 1);
	read_away(prog);
}

static int by_printf(struct bpfstream_prog *prog)
{
	return bpfstream_printf(prog, BPFSTREAM_STDOUT, "%d", 1);
}

static int by_write(struct bpfstream_prog *prog)
{
	return bpfstream_write(prog, BPFSTREAM_STDERR, "1", 1);
}

static int by_bprintf(struct bpfstream_prog *prog)
{
	static const uint64_t one = 1;

	return bpfstream_bprintf(prog, BPFSTREAM_STDOUT, "%d", &one, sizeof(one));
}

static int by_commit(struct bpfstream_prog *prog)
{
	struct bpfstream_stage ss;

	return bpfstream_stage(&ss, prog, BPFSTREAM_STDERR, bpfstream_stage_printf(&ss, "1"));
}

static void every_writer_tells(void **state)
{
	static int (*const writer[])(struct bpfstream_prog *prog) = {
		by_printf, by_write, by_bprintf, by_commit
	};
	struct bpfstream_prog *prog = prog_of(state);
	u32 i;

	assert_true(bpfstream_prog_fd(prog) >= 0);
	for (i = 0; i < sizeof(writer) / sizeof(*writer); i++) {
		assert_int_equal(writer[i](prog), 0);
		assert_int_equal(told(prog), 1);
		read_away(prog);
	}
}

static void what_stores_no_text_is_not_told(void **state)
{
	static char much[FIXTURE_CAPACITY];
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;

	assert_true(bpfstream_prog_fd(prog) >= 0);
	assert_int_equal(bpfstream_printf(prog, BPFSTREAM_STDOUT, "%s", ""), 0);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, "", 0), 0);
	assert_int_equal(bpfstream_write(prog, BPFSTREAM_STDOUT, much, sizeof(much)), -ENOSPC);
	assert_int_equal(bpfstream_printf(prog, BPFSTREAM_STDOUT, "%*d", 1 << 20, 1), -ENOSPC);
	assert_int_equal(bpfstream_bprintf(prog, BPFSTREAM_STDOUT, "%d", NULL, 0), -EINVAL);
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, BPFSTREAM_STDOUT), 0);
	assert_int_equal(told(prog), 0);
}

static void when_nobody_waits_nobody_is_told(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(bpfstream_prog_wait(prog, -1), OUT);
	assert_int_equal(prog->efd, -1);
	read_away(prog);
	assert_int_equal(bpfstream_prog_wait(prog, 1), 0);
	print(prog, BPFSTREAM_STDOUT, "b");
	print(prog, BPFSTREAM_STDERR, "c");
	assert_int_equal(told(prog), 0);
	read_away(prog);
}

static void a_full_eventfd_does_no_harm(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	const u64 most = ~(u64)0 - 1;
	int fd = bpfstream_prog_fd(prog);

	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(errno, FIXTURE_ERRNO);
	assert_true(is_readable(fd));
	assert_int_equal(bpfstream_prog_wait(prog, -1), OUT);
	read_away(prog);
	assert_false(is_readable(fd));
}

static void print_x(void *prog)
{
	print(prog, BPFSTREAM_STDERR, "x");
}

/* The reader has seen that nothing waits, and is about to take the eventfd back. */
static void text_that_comes_while_the_eventfd_is_taken_back_is_told(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int fd = bpfstream_prog_fd(prog);
	char buf[10];

	calls.read = print_x;
	calls.arg = prog;
	print(prog, BPFSTREAM_STDOUT, "a");
	assert_int_equal(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, 10), 1);
	assert_null(calls.read);
	assert_true(is_readable(fd));
	read_away(prog);
	assert_false(is_readable(fd));
}

/* ---- waiting ---- */

static void a_wait_with_text_there_returns_at_once_and_says_where(void **state)
{
	static const struct {
		const char *out;
		const char *err;
		int mask;
	} row[] = {
		{ "a", "", OUT }, { "", "b", ERR }, { "a", "b", OUT | ERR },
	};
	static const int timeout_ms[] = { 0, 1, 60000, INT32_MAX, -1, INT32_MIN };
	struct bpfstream_prog *prog = prog_of(state);
	u32 i, t;

	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		print(prog, BPFSTREAM_STDOUT, row[i].out);
		print(prog, BPFSTREAM_STDERR, row[i].err);
		for (t = 0; t < sizeof(timeout_ms) / sizeof(*timeout_ms); t++)
			assert_int_equal(bpfstream_prog_wait(prog, timeout_ms[t]), row[i].mask);
		read_away(prog);
	}
	assert_int_equal(calls.polls, 0);
	assert_int_equal(prog->watchers, 0);
}

static void a_wait_without_text_ends_with_its_time(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	s64 start;

	assert_int_equal(bpfstream_prog_wait(prog, 0), 0);
	assert_int_equal(calls.polls, 0);
	assert_int_equal(prog->efd, -1);
	start = now_us();
	assert_int_equal(bpfstream_prog_wait(prog, 30), 0);
	assert_true(now_us() - start >= 29000);
	assert_true(calls.polls > 0 && calls.timeout_ms <= 30);
	assert_int_equal(prog->watchers, 0);
}

static void a_wait_needs_a_program(void **state)
{
	(void)state;
	assert_int_equal(bpfstream_prog_wait(NULL, 0), -EINVAL);
	assert_int_equal(bpfstream_prog_wait(NULL, -1), -EINVAL);
}

static void text_that_comes_just_before_the_sleep_ends_it(void **state)
{
	static const int timeout_ms[] = { FIXTURE_PATIENCE_MS, -1 };
	struct bpfstream_prog *prog = prog_of(state);
	u32 i;

	for (i = 0; i < sizeof(timeout_ms) / sizeof(*timeout_ms); i++) {
		calls.poll = print_x;
		calls.arg = prog;
		calls.polls = 0;
		assert_int_equal(bpfstream_prog_wait(prog, timeout_ms[i]), ERR);
		assert_int_equal(calls.polls, 1);
		assert_true(timeout_ms[i] < 0 ? calls.timeout_ms < 0 : calls.timeout_ms > 0);
		read_away(prog);
	}
	assert_int_equal(prog->watchers, 0);
}

static struct bpfstream_prog *handlers_prog;

static void print_from_handler(int sig)
{
	(void)sig;
	(void)bpfstream_printf(handlers_prog, BPFSTREAM_STDOUT, "signal %d\n", sig);
}

static void raise_usr1(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
}

static void handle(int sig, void (*handler)(int sig))
{
	struct sigaction sa = { .sa_handler = handler };

	assert_int_equal(sigaction(sig, &sa, NULL), 0);
}

static void text_that_comes_as_the_time_runs_out_is_seen(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	calls.clock = print_x;
	calls.arg = prog;
	assert_int_equal(bpfstream_prog_wait(prog, 1000), ERR);
	assert_int_equal(calls.polls, 0);
	read_away(prog);
}

static void a_handlers_print_ends_the_wait_it_interrupts(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	handlers_prog = prog;
	handle(SIGUSR1, print_from_handler);
	calls.poll = raise_usr1;
	assert_int_equal(bpfstream_prog_wait(prog, FIXTURE_PATIENCE_MS), OUT);
	read_away(prog);
	handle(SIGUSR1, SIG_DFL);
}

static void a_signal_ends_a_wait(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	calls.poll_errno = EINTR;
	assert_int_equal(bpfstream_prog_wait(prog, -1), -EINTR);
	assert_int_equal(errno, FIXTURE_ERRNO);
	assert_int_equal(prog->watchers, 0);
	assert_int_equal(bpfstream_prog_wait(prog, 1), 0);
}

static void tell_of_nothing(void *prog)
{
	const u64 one = 1;

	assert_int_equal(write(((struct bpfstream_prog *)prog)->efd, &one, sizeof(one)), sizeof(one));
}

static void a_wake_up_without_text_does_not_end_a_wait(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	s64 start = now_us();

	calls.poll = tell_of_nothing;
	calls.arg = prog;
	assert_int_equal(bpfstream_prog_wait(prog, 30), 0);
	assert_true(now_us() - start >= 29000);
	assert_true(calls.polls > 1);
	assert_int_equal(told(prog), 0);
}

/* Text that a waiter was woken for and that was read when nobody watched leaves the eventfd set. */
static void a_wait_is_not_deceived_by_an_eventfd_that_was_left_set(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	calls.poll = print_x;
	calls.arg = prog;
	assert_int_equal(bpfstream_prog_wait(prog, FIXTURE_PATIENCE_MS), ERR);
	read_away(prog);
	assert_true(is_readable(prog->efd));
	calls.polls = 0;
	assert_int_equal(bpfstream_prog_wait(prog, 30), 0);
	assert_int_equal(told(prog), 0);
	assert_in_range(calls.polls, 1, 10);
}

/* ---- waiting threads ---- */

struct waiter {
	pthread_t thread;
	struct bpfstream_prog *prog;
	int timeout_ms;
	int ret;
	int err;
};

static void *waiter_fn(void *arg)
{
	struct waiter *w = arg;

	errno = FIXTURE_ERRNO;
	w->ret = bpfstream_prog_wait(w->prog, w->timeout_ms);
	w->err = errno;
	return NULL;
}

static void start_waiter(struct waiter *w, struct bpfstream_prog *prog, int timeout_ms)
{
	*w = (struct waiter){ .prog = prog, .timeout_ms = timeout_ms };
	assert_int_equal(pthread_create(&w->thread, NULL, waiter_fn, w), 0);
}

static bool all_watch(void *prog)
{
	return bsp_load_relaxed(&((struct bpfstream_prog *)prog)->watchers) == WAITERS;
}

static void one_print_wakes_all_who_wait(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct waiter waiter[WAITERS];
	u32 round, i;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < WAITERS; i++)
			start_waiter(&waiter[i], prog, i % 2 ? -1 : FIXTURE_PATIENCE_MS);
		assert_true(fixture_soon(all_watch, prog));
		print(prog, round % 2 ? BPFSTREAM_STDERR : BPFSTREAM_STDOUT, "wake up");
		for (i = 0; i < WAITERS; i++) {
			pthread_join(waiter[i].thread, NULL);
			assert_int_equal(waiter[i].ret, round % 2 ? ERR : OUT);
			assert_int_equal(waiter[i].err, FIXTURE_ERRNO);
		}
		assert_int_equal(prog->watchers, 0);
		read_away(prog);
	}
}

static bool one_watches(void *prog)
{
	return bsp_load_relaxed(&((struct bpfstream_prog *)prog)->watchers) == 1;
}

static void a_handler_on_another_thread_wakes_who_waits(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct waiter waiter;

	handlers_prog = prog;
	handle(SIGUSR1, print_from_handler);
	start_waiter(&waiter, prog, -1);
	assert_true(fixture_soon(one_watches, prog));
	raise(SIGUSR1);
	pthread_join(waiter.thread, NULL);
	assert_int_equal(waiter.ret, OUT);
	read_away(prog);
	handle(SIGUSR1, SIG_DFL);
}

static volatile sig_atomic_t handled;

static void count_signal(int sig)
{
	(void)sig;
	handled = 1;
}

static void a_signal_to_a_thread_that_sleeps_in_a_wait_ends_it(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct waiter waiter;

	handled = 0;
	handle(SIGUSR1, count_signal);
	start_waiter(&waiter, prog, FIXTURE_PATIENCE_MS);
	assert_true(fixture_soon(one_watches, prog));
	/* It may not sleep yet: again and again. */
	while (bsp_load_relaxed(&prog->watchers)) {
		pthread_kill(waiter.thread, SIGUSR1);
		fixture_pause();
	}
	pthread_join(waiter.thread, NULL);
	assert_true(handled);
	assert_int_equal(waiter.ret, -EINTR);
	handle(SIGUSR1, SIG_DFL);
}

/* ---- fork ---- */

/* Whether a print makes the program's descriptor readable, and a read not. */
static bool descriptor_works(struct bpfstream_prog *prog)
{
	int fd = bpfstream_prog_fd(prog);
	char buf[10];

	return fd >= 0 && !is_readable(fd) && !bpfstream_write(prog, BPFSTREAM_STDOUT, "a", 1) &&
	       is_readable(fd) && bpfstream_prog_read(prog, BPFSTREAM_STDOUT, buf, 10) == 1 &&
	       !is_readable(fd);
}

static int child_has_its_own(void *arg)
{
	struct bpfstream_prog *prog = arg;
	int inherited = prog->efd;

	if (bpfstream_write(prog, BPFSTREAM_STDERR, "child", 5))
		return 1;
	if (bpfstream_prog_wait(prog, 0) != ERR || prog->watchers)
		return 2;
	if (bpfstream_prog_fd(prog) == inherited)
		return 3;
	if (!is_readable(bpfstream_prog_fd(prog)))
		return 4;
	bpfstream_prog_destroy(prog);
	return fcntl(inherited, F_GETFD) < 0 ? 5 : 0;
}

static void a_child_has_a_descriptor_of_its_own(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	assert_true(bpfstream_prog_fd(prog) >= 0);
	assert_int_equal(fixture_in_child(child_has_its_own, prog), 0);
	assert_int_equal(told(prog), 0);
	assert_true(descriptor_works(prog));
}

/* ---- a handler that forks, in a wait: both processes return to it ---- */

static pid_t forked;

/* The child's first call is here, so that it knows before the wait goes on. */
static void fork_in_handler(void *prog)
{
	forked = fork();
	if (!forked && bpfstream_prog_wait(prog, 0))
		_exit(9);
}

/* Ends the child; the parent goes on. */
static void check_both(struct bpfstream_prog *prog, int ret, int polls)
{
	int status = 0;

	if (!forked)
		_exit(ret != -EINTR ? 1 : calls.polls != polls ? 2 : !descriptor_works(prog) ? 3 : 0);
	assert_true(forked > 0);
	assert_int_equal(waitpid(forked, &status, 0), forked);
	assert_int_equal(status, 0);
	assert_true(descriptor_works(prog));
}

static void a_wait_that_a_fork_has_interrupted_in_its_sleep_ends_in_the_child_too(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int ret;

	calls.poll = fork_in_handler;
	calls.arg = prog;
	calls.poll_errno = EINTR;
	ret = bpfstream_prog_wait(prog, FIXTURE_PATIENCE_MS);
	check_both(prog, ret, 1);
	assert_int_equal(ret, -EINTR);
}

static void a_wait_that_a_fork_has_interrupted_before_its_sleep_ends_in_the_child(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	int ret;

	calls.read = fork_in_handler;
	calls.arg = prog;
	ret = bpfstream_prog_wait(prog, 1);
	check_both(prog, ret, 0);
	assert_int_equal(ret, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_descriptor_is_one_and_the_same),
		TEST(a_descriptor_that_a_wait_has_made_is_given_out),
		TEST(it_closes_with_the_program),
		TEST(it_is_readable_while_either_stream_has_text),
		TEST(it_is_readable_at_once_if_text_waits_already),
		TEST(each_reader_takes_it_back),
		TEST(what_a_dump_leaves_readable_is_mended_by_the_next_read_or_wait),
		TEST(without_a_descriptor_there_is_an_error_and_nothing_is_watched),
		TEST(only_text_in_an_empty_stream_is_told),
		TEST(every_writer_tells),
		TEST(what_stores_no_text_is_not_told),
		TEST(when_nobody_waits_nobody_is_told),
		TEST(a_full_eventfd_does_no_harm),
		TEST(text_that_comes_while_the_eventfd_is_taken_back_is_told),
		TEST(a_wait_with_text_there_returns_at_once_and_says_where),
		TEST(a_wait_without_text_ends_with_its_time),
		TEST(a_wait_needs_a_program),
		TEST(text_that_comes_just_before_the_sleep_ends_it),
		TEST(text_that_comes_as_the_time_runs_out_is_seen),
		TEST(a_handlers_print_ends_the_wait_it_interrupts),
		TEST(a_signal_ends_a_wait),
		TEST(a_wake_up_without_text_does_not_end_a_wait),
		TEST(a_wait_is_not_deceived_by_an_eventfd_that_was_left_set),
		TEST(one_print_wakes_all_who_wait),
		TEST(a_handler_on_another_thread_wakes_who_waits),
		TEST(a_signal_to_a_thread_that_sleeps_in_a_wait_ends_it),
		TEST(a_child_has_a_descriptor_of_its_own),
		TEST(a_wait_that_a_fork_has_interrupted_in_its_sleep_ends_in_the_child_too),
		TEST(a_wait_that_a_fork_has_interrupted_before_its_sleep_ends_in_the_child),
	};

	return cmocka_run_group_tests_name("wake", tests, group_setup, NULL);
}
