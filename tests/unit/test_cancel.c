// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cancel.c - a thread that is to be cancelled finishes its call, and only then ends
 *
 * A call runs in a thread of its own with its cancellation pending, so the first cancellation
 * point on its way would be the last. What it did must be whole, no lock held, and no page lost
 * (fixture_teardown()).
 */
#include "fixture.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#ifdef BSP_HAVE_VALGRIND
#include <valgrind/helgrind.h>
#else
#define VALGRIND_HG_DISABLE_CHECKING(p, len)	((void)(p))
#endif

#include "mutex.h"

#define TEXT	"text that waits"

/*
 * @call: what the thread does; returns whether all went well
 * @fd: the writing end of a pipe
 * @was_well: what @call returned
 * @kept_errno: errno was as before
 * @went_on: a cancellation point did not end the thread
 */
struct victim {
	bool (*call)(struct victim *v);
	struct bpfstream_prog *prog;
	int fd;
	bool was_well;
	bool kept_errno;
	bool went_on;
};

static void *run(void *arg)
{
	struct victim *v = arg;

	errno = FIXTURE_ERRNO;
	(void)pthread_cancel(pthread_self());
	v->was_well = v->call(v);
	v->kept_errno = errno == FIXTURE_ERRNO;
	pthread_testcancel();
	v->went_on = true;
	return NULL;
}

static void assert_is_free(struct bpfstream *s)
{
	u32 holder;

	assert_true(bsp_mutex_try_hold(&s->lock, &holder));
	bsp_mutex_release(&s->lock);
	assert_int_equal(pthread_mutex_trylock(&s->lock.mutex), 0);
	assert_int_equal(pthread_mutex_unlock(&s->lock.mutex), 0);
	assert_int_equal(s->in_hand, 0);
}

static void assert_ends(struct victim *v, pthread_t thread)
{
	void *result;

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_true(v->was_well);
	assert_true(v->kept_errno);
	assert_false(v->went_on);
	assert_is_free(&v->prog->stream[0]);
	assert_is_free(&v->prog->stream[1]);
}

static void assert_finishes(struct fixture *f, int fd, bool (*call)(struct victim *v))
{
	struct victim v = { .call = call, .prog = f->prog, .fd = fd };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, &v), 0);
	assert_ends(&v, thread);
}

/* ---- writers: the program is watched, so the first print writes to the eventfd ---- */

static bool prints(struct victim *v)
{
	return !bpfstream_printf(v->prog, BPFSTREAM_STDOUT, "%s %f %g %9000d", "string", 1.5, 1e300,
				 1);
}

static bool writes(struct victim *v)
{
	return !bpfstream_write(v->prog, BPFSTREAM_STDOUT, TEXT, strlen(TEXT));
}

static bool prints_as_bpf(struct victim *v)
{
	u64 args[] = { (u64)(uintptr_t)TEXT, 1 };

	return !bpfstream_bprintf(v->prog, BPFSTREAM_STDOUT, "%s %d", args, sizeof(args));
}

static bool stages(struct victim *v)
{
	struct bpfstream_stage ss;

	return !bpfstream_stage(&ss, v->prog, BPFSTREAM_STDOUT,
				bpfstream_stage_printf(&ss, "%5000s", TEXT));
}

static bool stages_and_gives_up(struct victim *v)
{
	struct bpfstream_stage ss;
	int err;

	bpfstream_stage_init(&ss);
	err = bpfstream_stage_printf(&ss, "%5000s", TEXT);
	bpfstream_stage_free(&ss);
	return !err && writes(v);
}

static bool dumps_its_stack(struct victim *v)
{
	struct bpfstream_stage ss;
	int err = -1;

	return !bpfstream_stage(&ss, v->prog, BPFSTREAM_STDOUT,
				err = bpfstream_stage_dump_stack(&ss)) && !err;
}

static void a_writer_finishes(void **state)
{
	static bool (*const call[])(struct victim *v) = {
		prints, writes, prints_as_bpf, stages, stages_and_gives_up, dumps_its_stack,
	};
	struct fixture *f = *state;
	struct pollfd pfd = { .fd = bpfstream_prog_fd(f->prog), .events = POLLIN };
	size_t i;

	assert_true(pfd.fd >= 0);
	for (i = 0; i < sizeof(call) / sizeof(*call); i++) {
		assert_int_equal(poll(&pfd, 1, 0), 0);
		assert_finishes(f, -1, call[i]);
		assert_int_equal(poll(&pfd, 1, 0), 1);
		assert_true(bpfstream_pending(f->s) > 0);
		assert_true(bpfstream_prog_read(f->prog, BPFSTREAM_STDOUT, fixture_sink(0, 0)->text,
						FIXTURE_TEXT_MAX) > 0);
		assert_int_equal(bpfstream_pending(f->s), 0);
	}
	assert_no_page_adrift();
}

/* More than once: a thread that was joined may yet have to end, and not each shortage asks. */
static bool writes_in_the_end(struct victim *v)
{
	long i;

	for (i = 0; i < 1000000; i++) {
		if (writes(v))
			return true;
		sched_yield();
	}
	return false;
}

/* All pages are in use but the one that a thread held which has ended. */
static void a_writer_that_looks_for_dead_threads_finishes(void **state)
{
	static struct bpfstream_page *page[1u << 14];
	struct fixture *f = *state;
	u32 n = 0;

	assert_finishes(f, -1, writes);
	bpfstream_discard(f->s);
	assert_int_equal(bsp_arena_live(), 1);
	while (n < sizeof(page) / sizeof(*page) && n + 1 < bsp_arena_budget())
		page[n++] = bsp_page_alloc();
	assert_int_equal(bsp_arena_live(), bsp_arena_budget());
	assert_finishes(f, -1, writes_in_the_end);
	while (n)
		bsp_page_free(page[--n]);
	assert_reads(f->s, TEXT);
}

/* ---- readers: TEXT waits in both streams ---- */

static bool reads(struct victim *v)
{
	char buf[100];

	return bpfstream_prog_read(v->prog, BPFSTREAM_STDOUT, buf, sizeof(buf)) == strlen(TEXT) &&
	       !memcmp(buf, TEXT, strlen(TEXT));
}

static bool drains(struct victim *v)
{
	return bpfstream_prog_drain(v->prog, BPFSTREAM_STDOUT, v->fd) == strlen(TEXT);
}

static bool dumps(struct victim *v)
{
	return bpfstream_prog_dump(v->prog, BPFSTREAM_STDOUT, v->fd) == strlen(TEXT);
}

static bool dumps_all(struct victim *v)
{
	return bpfstream_dump_all(v->fd) >= 2 * (ssize_t)strlen(TEXT);
}

static bool asks(struct victim *v)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	return !bpfstream_prog_stat(v->prog, BPFSTREAM_STDOUT, &stat) &&
	       stat.pending == strlen(TEXT) && bpfstream_prog_fd(v->prog) >= 0;
}

static bool waits_for_what_is_there(struct victim *v)
{
	int both = 1 << BPFSTREAM_STDOUT | 1 << BPFSTREAM_STDERR;

	return bpfstream_prog_wait(v->prog, -1) == both &&
	       bpfstream_prog_wait(v->prog, 0);
}

static void a_reader_finishes(void **state)
{
	static const struct {
		bool (*call)(struct victim *v);
		bool takes;
	} row[] = {
		{ reads, true }, { drains, true }, { dumps, true }, { dumps_all, true },
		{ asks, false }, { waits_for_what_is_there, false },
	};
	struct fixture *f = *state;
	struct bpfstream *other = &f->prog->stream[1];
	int end[2];
	size_t i;

	assert_int_equal(pipe(end), 0);
	for (i = 0; i < sizeof(row) / sizeof(*row); i++) {
		assert_int_equal(fixture_push(f->s, TEXT), 0);
		assert_int_equal(fixture_push(other, TEXT), 0);
		assert_finishes(f, end[1], row[i].call);
		assert_int_equal(bpfstream_pending(f->s), row[i].takes ? 0 : strlen(TEXT));
		bpfstream_discard(f->s);
		bpfstream_discard(other);
	}
	assert_no_page_adrift();
	close(end[0]);
	close(end[1]);
}

static bool drains_in_vain(struct victim *v)
{
	return bpfstream_prog_drain(v->prog, BPFSTREAM_STDOUT, v->fd) == -EBADF &&
	       bpfstream_prog_dump(v->prog, BPFSTREAM_STDOUT, v->fd) == -EBADF;
}

static void a_reader_whose_sink_fails_finishes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_push(f->s, TEXT), 0);
	assert_finishes(f, -1, drains_in_vain);
	assert_reads(f->s, TEXT);
}

/* ---- threads cancelled where they wait ---- */

/* Without a cancellation that is pending from the start. */
static void *run_until_cancelled(void *arg)
{
	struct victim *v = arg;

	errno = FIXTURE_ERRNO;
	v->was_well = v->call(v);
	v->kept_errno = errno == FIXTURE_ERRNO;
	while (true) {
		pthread_testcancel();
		sched_yield();
	}
	return NULL;
}

/* For fixture_soon(). A look from outside, of which Helgrind knows no order. */
static bool is_held(void *stream)
{
	u32 *holder = &((struct bpfstream *)stream)->lock.holder;

	VALGRIND_HG_DISABLE_CHECKING(holder, sizeof(*holder));
	return fixture_is_held(stream);
}

static void empty_pipe(int fd, long bytes)
{
	char buf[4096];

	while (bytes > 0) {
		ssize_t n = read(fd, buf, bytes < (long)sizeof(buf) ? (size_t)bytes : sizeof(buf));

		assert_true(n > 0);
		bytes -= n;
	}
}

static void cancel_while_it_writes(struct fixture *f, bool (*call)(struct victim *v))
{
	struct victim v = { .call = call, .prog = f->prog };
	char buf[100];
	pthread_t thread;
	long filled;
	int end[2];

	assert_int_equal(pipe(end), 0);
	v.fd = end[1];
	filled = fixture_fill_pipe(end[1]);
	assert_int_equal(fixture_push(f->s, TEXT), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_until_cancelled, &v), 0);
	assert_true(fixture_soon(is_held, f->s));
	fixture_pause();	/* it is in write(2) most likely; before it, it would be the same */
	assert_int_equal(pthread_cancel(thread), 0);
	assert_true(is_held(f->s));
	empty_pipe(end[0], filled);
	assert_ends(&v, thread);
	assert_int_equal(read(end[0], buf, sizeof(buf)), strlen(TEXT));
	assert_memory_equal(buf, TEXT, strlen(TEXT));
	assert_int_equal(bpfstream_pending(f->s), 0);
	close(end[0]);
	close(end[1]);
}

static void a_drain_cancelled_at_a_full_pipe_finishes(void **state)
{
	cancel_while_it_writes(*state, drains);
}

static void a_dump_cancelled_at_a_full_pipe_finishes(void **state)
{
	cancel_while_it_writes(*state, dumps);
}

static bool waits(struct victim *v)
{
	(void)bpfstream_prog_wait(v->prog, -1);
	return false;
}

static bool is_watched(void *prog)
{
	return bsp_load_relaxed(&((struct bpfstream_prog *)prog)->watchers) != 0;
}

static void a_wait_is_cancelled_and_leaves_no_watcher(void **state)
{
	struct fixture *f = *state;
	struct victim v = { .call = waits, .prog = f->prog };
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, run, &v), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);

	assert_int_equal(pthread_create(&thread, NULL, run_until_cancelled, &v), 0);
	assert_true(fixture_soon(is_watched, f->prog));
	assert_int_equal(pthread_cancel(thread), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);

	assert_false(v.was_well);
	assert_int_equal(f->prog->watchers, 0);
	assert_is_free(f->s);
	assert_int_equal(fixture_push(f->s, TEXT), 0);
	assert_reads(f->s, TEXT);
}

/* ---- programs come and go ---- */

static bool makes_and_ends_a_program(struct victim *v)
{
	struct bpfstream_prog *prog = bpfstream_prog_create(NULL);
	bool well = prog && bpfstream_prog_fd(prog) >= 0 &&
		    !bpfstream_printf(prog, BPFSTREAM_STDERR, "nobody reads this");

	(void)v;
	bpfstream_prog_destroy(prog);
	return well;
}

static void making_and_ending_a_program_finishes(void **state)
{
	struct fixture *f = *state;
	u32 budget = bsp_arena_budget();

	assert_finishes(f, -1, makes_and_ends_a_program);
	assert_int_equal(bsp_arena_budget(), budget);
	assert_true(makes_and_ends_a_program(NULL));	/* no lock is held, ours or liburcu's */
}

/* Known to liburcu, so who destroys a program has to wait for it. */
static void *dump_slowly(void *arg)
{
	struct victim *v = arg;
	char none;

	(void)bpfstream_prog_read(v->prog, BPFSTREAM_STDERR, &none, 1);
	v->was_well = bpfstream_dump_all(v->fd) >= (ssize_t)strlen(TEXT);
	return NULL;
}

static void ending_a_program_that_a_dump_may_see_finishes(void **state)
{
	struct fixture *f = *state;
	struct victim dumper = { .prog = f->prog };
	struct victim v = { .call = makes_and_ends_a_program, .prog = f->prog };
	pthread_t thread[2];
	long filled;
	int end[2];
	int i;

#ifdef BSP_ANNOTATE
	print_message("skipped: nobody tells Helgrind of the orderings in liburcu\n");
	skip();
#endif
	assert_int_equal(pipe(end), 0);
	dumper.fd = end[1];
	filled = fixture_fill_pipe(end[1]);
	assert_int_equal(fixture_push(f->s, TEXT), 0);
	assert_int_equal(pthread_create(&thread[0], NULL, dump_slowly, &dumper), 0);
	assert_true(fixture_soon(is_held, f->s));
	assert_int_equal(pthread_create(&thread[1], NULL, run, &v), 0);
	for (i = 0; i < 50; i++)
		fixture_pause();	/* it waits in liburcu most likely; if not, no harm */
	empty_pipe(end[0], filled);
	assert_int_equal(pthread_join(thread[0], NULL), 0);
	assert_true(dumper.was_well);
	assert_ends(&v, thread[1]);
	close(end[0]);
	close(end[1]);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_writer_finishes),
		TEST(a_writer_that_looks_for_dead_threads_finishes),
		TEST(a_reader_finishes),
		TEST(a_reader_whose_sink_fails_finishes),
		TEST(a_drain_cancelled_at_a_full_pipe_finishes),
		TEST(a_dump_cancelled_at_a_full_pipe_finishes),
		TEST(a_wait_is_cancelled_and_leaves_no_watcher),
		TEST(making_and_ending_a_program_finishes),
		TEST(ending_a_program_that_a_dump_may_see_finishes),
	};

	return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
