// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_regress_wake.c - writers and readers that stop for good, and who waits for them
 */
#include "bare_calls.h"
#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <unistd.h>

#include "stream.h"

#define OUT	BPFSTREAM_STDOUT

static struct bpfstream_prog *prog;
static sigjmp_buf back;

static int setup(void **state)
{
	int err = fixture_setup(state);

	if (!err)
		prog = ((struct fixture *)*state)->prog;
	return err;
}

static bool is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void drop(void)
{
	bpfstream_discard(&prog->stream[0]);
}

static void print(void)
{
	(void)bpfstream_write(prog, OUT, "one\n", 4);
}

static void read_some(void)
{
	char buf[10];

	(void)bpfstream_prog_read(prog, OUT, buf, sizeof(buf));
}

static void jump(void *arg)
{
	(void)arg;
	siglongjmp(back, 1);
}

static void a_jump_between_a_message_and_its_wake_up_leaves_that_to_the_next(void **state)
{
	int fd = bpfstream_prog_fd(prog);

	fixture_jumps();
	(void)state;
	assert_true(fd >= 0);
	print();
	read_some();	/* the eventfd was told, and taken back */
	fixture_at(BSP_POINT_CPU_LEAVE, 0, jump, NULL);
	if (!sigsetjmp(back, 1))
		(void)bpfstream_write(prog, OUT, "one\n", 4);
	assert_int_equal(bpfstream_pending(&prog->stream[0]), 4);
	assert_false(is_readable(fd));
	assert_int_equal(bpfstream_write(prog, OUT, "two\n", 4), 0);
	assert_true(is_readable(fd));
	drop();
}

static bool read_in_between;

/* Just after a writer's wake-up, another thread reads all and takes that back. */
static bool bare_call_hook(long nr, const long *arg, long *ret)
{
	char buf[10];

	if (nr != SYS_write || !read_in_between)
		return false;
	read_in_between = false;
	*ret = write((int)arg[0], (const void *)arg[1], (size_t)arg[2]);
	assert_int_equal(bpfstream_prog_read(prog, OUT, buf, sizeof(buf)), 4);
	return true;
}

static void a_wake_up_that_was_taken_back_is_not_taken_for_one_that_stands(void **state)
{
	int fd = bpfstream_prog_fd(prog);

	fixture_jumps();
	(void)state;
	assert_true(fd >= 0);
	read_in_between = true;
	assert_int_equal(bpfstream_write(prog, OUT, "one\n", 4), 0);
	assert_false(read_in_between);
	assert_false(is_readable(fd));
	fixture_at(BSP_POINT_CPU_LEAVE, 0, jump, NULL);
	if (!sigsetjmp(back, 1))
		(void)bpfstream_write(prog, OUT, "two\n", 4);
	assert_int_equal(bpfstream_pending(&prog->stream[0]), 4);
	assert_false(is_readable(fd));
	assert_int_equal(bpfstream_write(prog, OUT, "three\n", 6), 0);
	assert_true(is_readable(fd));
	drop();
}

/* A thread that is to be cancelled at the first point at which it can be. */
static void *cancelled(void *call)
{
	void (*fn)(void) = *(void (**)(void))call;
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	fn();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return call;
}

static void assert_is_no_cancellation_point(void (*fn)(void))
{
	pthread_t thread;
	void *ret;

	assert_int_equal(pthread_create(&thread, NULL, cancelled, &fn), 0);
	pthread_join(thread, &ret);
	assert_ptr_equal(ret, &fn);
}

static int null_fd;

static void drain(void)
{
	(void)bpfstream_prog_drain(prog, OUT, null_fd);
}

static void dump(void)
{
	(void)bpfstream_prog_dump(prog, OUT, null_fd);
}

static void dump_all(void)
{
	(void)bpfstream_dump_all(null_fd);
}

static void no_thread_is_cancelled_with_a_lock_or_a_wake_up_to_give(void **state)
{
	static void (*const reader[])(void) = { drain, read_some, dump, dump_all };
	int fd = bpfstream_prog_fd(prog);
	unsigned int i;

	(void)state;
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0 && null_fd >= 0);
	for (i = 0; i < sizeof(reader) / sizeof(*reader); i++) {
		assert_is_no_cancellation_point(print);
		assert_true(is_readable(fd));
		assert_is_no_cancellation_point(reader[i]);
		assert_int_equal(prog->stream[0].lock.holder, 0);
		assert_int_equal(prog->pins, 0);
		assert_int_equal(bpfstream_pending(&prog->stream[0]), 0);
		read_some();
		assert_false(is_readable(fd));
	}
	close(null_fd);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_jump_between_a_message_and_its_wake_up_leaves_that_to_the_next),
		TEST(a_wake_up_that_was_taken_back_is_not_taken_for_one_that_stands),
		TEST(no_thread_is_cancelled_with_a_lock_or_a_wake_up_to_give),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
