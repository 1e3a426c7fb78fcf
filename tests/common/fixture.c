// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fixture.c - a program to test with, and what must hold when a test is over
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct fixture_sink *shared_sink;

/**
 * fixture_make() - a fixture with a program of one's own making
 * @opts: how
 *
 * Return: the fixture, or NULL.
 */
struct fixture *fixture_make(const struct bpfstream_opts *opts)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	if (!shared_sink)
		shared_sink = calloc(1, sizeof(*shared_sink));
	f->prog = bpfstream_prog_create(opts);
	if (!f->prog || !shared_sink) {
		free(f);
		return NULL;
	}
	f->s = &f->prog->stream[0];
	bsp_slots_reap();
	fixture_forget_pages();
	bsp_fault = (struct bsp_fault_plan){ .countdown = -1 };
	errno = FIXTURE_ERRNO;
	return f;
}

static int setup_with(void **state, uint32_t flags)
{
	struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = FIXTURE_CAPACITY, .flags = flags,
	};

	*state = fixture_make(&opts);
	return *state ? 0 : -1;
}

/** fixture_setup() - a fixture, for cmocka */
int fixture_setup(void **state)
{
	return setup_with(state, 0);
}

/** fixture_setup_lost_lines() - a fixture whose streams tell of losses, for cmocka */
int fixture_setup_lost_lines(void **state)
{
	return setup_with(state, BPFSTREAM_LOST_LINES);
}

/* Pages that this thread holds and of which more or less was released than was carved. */
static u32 pages_off_balance(void)
{
	const struct bsp_slot *slot = bsp_slot_self();
	u32 level, off = 0;

	for (level = 0; slot && level < BSP_LEVELS; level++) {
		const struct bpfstream_cpu *cpu = &slot->level[level].cpu;
		u32 carved = (u32)((cpu->carved - sizeof(*cpu->page)) / BPFSTREAM_GRAIN);

		off += cpu->page && cpu->page->ref + carved != BPFSTREAM_PAGE_BIAS;
	}
	return off;
}

/* Levels that tests before this one have left by longjmp, and whether this one does. */
static u32 levels_before;
static bool may_jump;

/** fixture_jumps() - this test leaves levels by longjmp */
void fixture_jumps(void)
{
	may_jump = true;
}

/** fixture_teardown() - end the fixture, and check that nothing was left; for cmocka */
int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	int err = errno;
	u32 live = bsp_arena_live();
	u32 held = bsp_slots_pages();
	struct bsp_slot *slot = bsp_slot_self();
	u32 levels = slot ? fixture_levels(slot) : 0;
	u32 levels_left = may_jump ? BSP_LEVELS : levels_before;
	u64 pending = 0, in_hand = 0, holders = 0;
	u32 off_balance, i;

	bsp_fault.countdown = -1;
	fixture_fail_no_page();
	for (i = 0; f->prog && i < BSP_NR_STREAMS; i++) {
		pending += bpfstream_pending(&f->prog->stream[i]);
		in_hand += f->prog->stream[i].in_hand;
		holders += f->prog->stream[i].lock.holder;
	}
	/* What one test leaves shall not fail the next. */
	bpfstream_prog_destroy(f->prog);
	off_balance = pages_off_balance();
	free(f);
	free(shared_sink);
	shared_sink = NULL;
	may_jump = false;
	levels_before = levels;
	assert_int_equal(err, FIXTURE_ERRNO);
	assert_int_equal(bsp_fault.warnings, 0);
	assert_int_equal(pending, 0);
	assert_int_equal(in_hand, 0);
	assert_int_equal(holders, 0);
	assert_int_equal(live, held);
	assert_int_equal(off_balance, 0);
	assert_in_range(levels, 0, levels_left);
	return 0;
}

/* ---- streams ---- */

/**
 * fixture_sink() - the sink, empty
 * @room: bytes it takes
 * @err: what it returns then: negative errno, or 0
 */
struct fixture_sink *fixture_sink(size_t room, int err)
{
	shared_sink->len = 0;
	shared_sink->room = room;
	shared_sink->err = err;
	shared_sink->calls = 0;
	return shared_sink;
}

/** fixture_take() - a struct fixture_sink as the streams see it */
long fixture_take(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct fixture_sink *sink = ctx;
	size_t before = sink->len;
	unsigned int i;

	sink->calls++;
	for (i = 0; i < nr && sink->room; i++) {
		size_t n = piece[i].len < sink->room ? piece[i].len : sink->room;

		if (n > sizeof(sink->text) - sink->len)
			n = sizeof(sink->text) - sink->len;
		memcpy(sink->text + sink->len, piece[i].text, n);
		sink->len += n;
		sink->room -= n;
	}
	return sink->len > before ? (long)(sink->len - before) : sink->err;
}

/** fixture_deliver() - bpfstream_deliver() to a sink, with the mutex */
long fixture_deliver(struct bpfstream *s, struct fixture_sink *sink, size_t max)
{
	long n;

	bsp_mutex_lock(&s->lock);
	n = bpfstream_deliver(s, fixture_take, sink, max);
	bsp_mutex_unlock(&s->lock);
	return n;
}

/** fixture_push() - push a string */
int fixture_push(struct bpfstream *s, const char *text)
{
	bool was_empty;

	return bpfstream_push(s, text, strlen(text), &was_empty);
}

/** assert_reads_bytes() - all that a stream has to tell is these bytes */
void assert_reads_bytes(struct bpfstream *s, const char *text, size_t len)
{
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_int_equal(fixture_deliver(s, sink, FIXTURE_TEXT_MAX), len);
	assert_int_equal(sink->len, len);
	assert_memory_equal(sink->text, text, len);
	assert_int_equal(fixture_deliver(s, sink, FIXTURE_TEXT_MAX), 0);
	assert_int_equal(bpfstream_pending(s), 0);
}

/** assert_reads() - all that a stream has to tell is this string */
void assert_reads(struct bpfstream *s, const char *text)
{
	struct fixture_sink *sink = fixture_sink(SIZE_MAX, 0);

	assert_true(fixture_deliver(s, sink, FIXTURE_TEXT_MAX) >= 0);
	sink->text[sink->len < sizeof(sink->text) ? sink->len : 0] = '\0';
	assert_string_equal(sink->text, text);
	assert_int_equal(fixture_deliver(s, sink, FIXTURE_TEXT_MAX), 0);
	assert_int_equal(bpfstream_pending(s), 0);
}

/** fixture_pattern() - bytes that tell where they belong */
void fixture_pattern(char *text, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		text[i] = (char)('!' + (i * 31 + i / 89 + seed * 7) % 90);
}

/* ---- pages ---- */

/** fixture_forget_pages() - have this thread begin with a page of its own at every level */
void fixture_forget_pages(void)
{
	struct bsp_slot *slot = bsp_slot_self();
	u32 n;

	for (n = 0; slot && n < BSP_LEVELS; n++) {
		struct bpfstream_page *page = slot->level[n].cpu.page;

		slot->level[n].cpu.page = NULL;
		if (page)
			bpfstream_page_retire(page, slot->level[n].cpu.carved);
	}
}

/** assert_no_page_adrift() - every page in use is one that a slot holds */
void assert_no_page_adrift(void)
{
	assert_int_equal(bsp_arena_live(), bsp_slots_pages());
}

/** fixture_levels() - how many of a slot's levels are in use, or were left by longjmp */
u32 fixture_levels(const struct bsp_slot *slot)
{
	u32 i, n = 0;

	for (i = 0; i < BSP_LEVELS; i++)
		n += bsp_load_relaxed(&slot->level[i].where) != NULL;
	return n;
}

/* ---- faults ---- */

/**
 * fixture_at() - plan to run a function, once, as a signal handler would be
 * @point: where
 * @countdown: how often the point is passed before
 * @fn: function
 * @arg: for @fn
 */
void fixture_at(enum bsp_point point, long countdown, void (*fn)(void *arg), void *arg)
{
	bsp_fault.countdown = -1;
	bsp_fault.at = point;
	bsp_fault.fn = fn;
	bsp_fault.arg = arg;
	bsp_fault.countdown = countdown;
}

/**
 * fixture_fail_page() - plan to fail page allocations
 * @nth: the first to fail, counted from now, from 1
 * @nr: how many; 0 all from then on
 */
void fixture_fail_page(unsigned long nth, unsigned long nr)
{
	bsp_fault.page_fail_from = bsp_fault.page_allocs + nth;
	bsp_fault.page_fail_nr = nr;
}

/** fixture_fail_no_page() - end fixture_fail_page() */
void fixture_fail_no_page(void)
{
	bsp_fault.page_fail_from = 0;
}

/* ---- threads and processes ---- */

/** fixture_pause() - let others go on for a millisecond */
void fixture_pause(void)
{
	struct timespec ms = { 0, 1000000 };
	int saved = errno;

	(void)nanosleep(&ms, NULL);
	errno = saved;
}

/**
 * fixture_soon() - wait, within bounds, for others to make something so
 * @is_so: asks
 * @arg: for @is_so
 *
 * Return: whether it is.
 */
bool fixture_soon(bool (*is_so)(void *arg), void *arg)
{
	int i;

	for (i = 0; i < FIXTURE_PATIENCE_MS; i++) {
		if (is_so(arg))
			return true;
		fixture_pause();
	}
	return false;
}

/* A child that crashes shall end, not go on as cmocka would: with the next test. */
static void crash_for_good(void)
{
	const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	size_t i;

	for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		signal(crashes[i], SIG_DFL);
}

/**
 * fixture_in_child() - run a function in a forked child
 * @fn: returns the exit status; asserts nothing
 * @arg: for @fn
 *
 * Return: exit status; 256 and more for the signal that ended the child.
 */
int fixture_in_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		crash_for_good();
		_exit(fn(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/** fixture_is_held() - whether somebody reads or dumps a stream; for fixture_soon() */
bool fixture_is_held(void *stream)
{
	struct bpfstream *s = stream;

	return bsp_load_relaxed(&s->lock.holder) != 0;
}

/**
 * fixture_fill_pipe() - fill a pipe to the brim
 * @fd: its writing end; left as it was, blocking or not
 *
 * Return: bytes it took.
 */
long fixture_fill_pipe(int fd)
{
	static const char filler[4096];
	int flags = fcntl(fd, F_GETFL);
	size_t n = sizeof(filler);
	int saved = errno;
	long total = 0;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (n) {
		ssize_t done = write(fd, filler, n);

		if (done > 0)
			total += done;
		else
			n /= 2;
	}
	fcntl(fd, F_SETFL, flags);
	errno = saved;
	return total;
}

/** fixture_loops() - how often to do a thing that is done @natively times at full speed */
unsigned long fixture_loops(unsigned long natively)
{
	unsigned long divisor = RUNNING_ON_VALGRIND ? 100 : FIXTURE_SANITIZED ? 10 : 1;

	return natively > divisor ? natively / divisor : 1;
}
