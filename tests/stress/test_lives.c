// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_lives.c - processes and programs that come and go while others print
 *
 * A child asserts nothing: its exit status is the line of the first check that failed, modulo 255
 * plus one, or 0.
 */
#include "storm.h"

#include <sys/wait.h>
#include <unistd.h>

#define WRITERS		3u
#define FORKER		3u
#define MAKER		4u	/* and the next */
#define DUMPER		6u
#define CHILD_LINES	30u
#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			return __LINE__ % 255 + 1;			\
	} while (0)

static const struct bpfstream_opts roomy = { .sz = sizeof(roomy), .capacity = FIXTURE_CAPACITY };
static int child_status;

/* ---- fork ---- */

/* Nothing is there but what this child prints. */
static int child_prints_alone(struct storm_thread *thread, struct account *a)
{
	static char said[CHILD_LINES * ACCOUNT_TEXT_MAX], read[sizeof(said)];
	struct bpfstream_prog *prog = thread->storm->prog;
	size_t len = 0;
	unsigned int i;

	CHECK(!storm_stat(prog).pending);
	for (i = 0; i < CHILD_LINES; i++) {
		size_t n = account_compose(said + len, a, i * 40);

		CHECK(!bpfstream_write(prog, BPFSTREAM_STDOUT, said + len, n));
		len += n;
	}
	CHECK(storm_stat(prog).pending == len);
	CHECK(bpfstream_prog_read(prog, BPFSTREAM_STDOUT, read, sizeof(read)) == (ssize_t)len);
	CHECK(!memcmp(said, read, len));
	CHECK(!bpfstream_prog_read(prog, BPFSTREAM_STDOUT, read, sizeof(read)));
	CHECK(!storm_stat(prog).pending);
	return 0;
}

static void fork_one(struct storm_thread *thread, struct account *a)
{
	int status = -1;
	pid_t pid;

	/* ThreadSanitizer puts handlers off, and would run them in the child. */
	if (FIXTURE_SANITIZED)
		storm_signals(SIG_BLOCK);
	pid = fork();
	if (!pid)
		_exit(child_prints_alone(thread, a));
	if (FIXTURE_SANITIZED)
		storm_signals(SIG_UNBLOCK);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	storm_count(&thread->storm->count, 1);
	if (status) {
		storm_count(&thread->storm->failed, 1);
		bsp_store_relaxed(&child_status, status);
	}
}

static void fork_on(struct storm_thread *thread)
{
	u32 i;

	for (i = storm_loops(200, 5); i; i--) {
		fork_one(thread, thread->account[0]);
		(void)account_print(thread->account[0], thread->storm->prog);
	}
	storm_count(&thread->storm->writing, -1);
}

/*
 * Out of a print, too. Not where a detector runs beside us: it may hold locks of its own when the
 * handler comes, which the fork waits for.
 */
static void fork_in_handler(struct storm_thread *thread, unsigned int kind)
{
	if (kind == 1 && thread->nr < WRITERS && !RUNNING_ON_VALGRIND && !FIXTURE_SANITIZED &&
	    seeded_once_in(&thread->account[kind]->rng, 8))
		fork_one(thread, thread->account[kind]);
}

/* To Helgrind a child's first call races with what the parent's threads did before the fork. */
static void skip_on_helgrind(void)
{
#ifdef BSP_ANNOTATE
	print_message("skipped: helgrind does not know that a fork comes after what was before it\n");
	skip();
#endif
}

static void forks_in_the_storm_take_nothing_from_the_parent(void **state)
{
	struct storm *s;
	unsigned int i;

	(void)state;
	skip_on_helgrind();
	s = storm_open(&roomy, storm_loops(500000, 300), 3000);
	for (i = 0; i < WRITERS; i++) {
		s->thread[i].in_handler = fork_in_handler;
		storm_start(s, i, storm_write_all);
	}
	storm_count(&s->writing, 1);
	storm_start(s, FORKER, fork_on);
	storm_flood(s);
	while (storm_writing(s))
		storm_read(s, &s->outlet[0], 30000);
	for (i = 0; i <= FORKER; i++)
		storm_join(s, i);
	storm_over(s);
	storm_drain(&s->outlet[0], s->prog);
	if (s->failed)
		fail_msg("%u of %u children, one with status 0x%x", s->failed, s->count,
			 (unsigned int)child_status);
	print_message("%u children\n", s->count);
	storm_prove_sole(s, &s->outlet[0]);
	storm_close(s);
}

/* ---- programs ---- */

static void add_losses(struct bpfstream_stat *sum, const struct bpfstream_stat *more)
{
	__atomic_fetch_add(&sum->lost_full, more->lost_full, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum->lost_nomem, more->lost_nomem, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum->lost_bytes, more->lost_bytes, __ATOMIC_RELAXED);
}

/* A program of this thread's own, which the dumper finds too. */
static void make_on(struct storm_thread *thread)
{
	const struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = 2000, .name = "passing",
	};
	struct bpfstream_stat stat;
	u32 i, n;

	for (i = storm_loops(400, 10); i; i--) {
		struct bpfstream_prog *prog = bpfstream_prog_create(&opts);

		if (!prog)
			break;
		for (n = 0; n < 30; n++)
			(void)account_print(thread->account[0], prog);
		storm_drain(&thread->storm->outlet[thread->nr], prog);
		stat = storm_stat(prog);
		add_losses(&thread->storm->elsewhere, &stat);
		bpfstream_prog_destroy(prog);
	}
	storm_count(&thread->storm->writing, -1);
}

static void dump_on(struct storm_thread *thread)
{
	while (!storm_is_over(thread->storm))
		storm_dump_all(&thread->storm->outlet[thread->nr]);
}

/* One kind of handler, of one writer, so that one context writes to the outlet. */
static void dump_in_handler(struct storm_thread *thread, unsigned int kind)
{
	if (kind == 2 && !thread->nr)
		storm_dump_all(&thread->storm->outlet[0]);
}

static void programs_come_and_go_while_others_print_and_dump(void **state)
{
	const struct bpfstream_opts lasting = {
		.sz = sizeof(lasting), .capacity = FIXTURE_CAPACITY, .name = "lasting",
	};
	struct storm *s = storm_open(&lasting, storm_loops(100000, 300), 1000);
	unsigned int i;

	(void)state;
	for (i = 0; i < STORM_OUTLETS; i++)
		s->outlet[i].shared = true;
	s->thread[0].in_handler = dump_in_handler;
	storm_start(s, DUMPER, dump_on);
	for (i = 0; i < WRITERS; i++)
		storm_start(s, i, storm_write_all);
	storm_count(&s->writing, 2);
	for (i = MAKER; i < DUMPER; i++)
		storm_start(s, i, make_on);
	storm_flood(s);
	for (i = 0; i < DUMPER; i++)
		if (i < WRITERS || i >= MAKER)
			storm_join(s, i);
	assert_int_equal(storm_writing(s), 0);
	storm_over(s);
	storm_join(s, DUMPER);
	storm_drain(&s->outlet[1], s->prog);
	storm_prove_shared(s);
	storm_close(s);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forks_in_the_storm_take_nothing_from_the_parent),
		cmocka_unit_test(programs_come_and_go_while_others_print_and_dump),
	};

	storm_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
