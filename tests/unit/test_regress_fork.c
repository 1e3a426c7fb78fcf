// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_regress_fork.c - children that did not go on as they should
 *
 * Whose thread calls first, what it calls, and what a handler's fork has interrupted in it. The
 * children assert nothing: their exit status is the line of the first check that failed, modulo
 * 255 plus one, or 0.
 */
#include "fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slot.h"
#include "stream.h"

#define OUT	BPFSTREAM_STDOUT
#define THREADS	4u
#define LINES	100u
#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			return __LINE__ % 255 + 1;			\
	} while (0)

static struct bpfstream_prog *prog;
static pthread_barrier_t barrier;
static struct bsp_slot *slot_of_thread;

static int setup(void **state)
{
	int err = fixture_setup(state);

	if (!err)
		prog = ((struct fixture *)*state)->prog;
	return err;
}

static bool reads(const char *text)
{
	char buf[200];
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

static void *hold_lock(void *arg)
{
	(void)arg;
	bsp_live_lock();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	bsp_live_unlock();
	return NULL;
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

static pid_t pid;

/* As a handler that forks, and whose child prints, would do. */
static void fork_and_print(void)
{
	int saved = errno;

	pid = fork();
	if (!pid)
		(void)bpfstream_write(prog, BPFSTREAM_STDERR, "", 0);
	errno = saved;
}

static int status_of_child(void)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
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

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_childs_thread_that_prints_first_has_a_slot_of_its_own),
		TEST(so_has_a_grandchilds),
		TEST(a_childs_threads_may_all_call_first),
		TEST(a_group_that_a_child_commits_first_is_not_taken_for_the_parents),
		TEST(a_child_may_create_first_while_a_thread_of_its_parent_does),
		TEST(a_walk_over_the_programs_does_not_pin_one_for_ever),
		TEST(a_dump_past_a_reader_settles_what_it_took),
		TEST(a_wait_is_not_counted_off_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
