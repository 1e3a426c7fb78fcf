// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_live.c - live.c: the list of programs, who walks it, and how a program leaves it
 *
 * Threads assert nothing: what they found is looked at when they have ended. A thread that ought
 * to wait is given time in which it could wrongly go on; no test fails for being slow.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slot.h"

#define OUT		BPFSTREAM_STDOUT
#define CHUNKS		40u		/* programs: more than two chunks of storage */
#define WRONGLY_MS	20		/* time for what must not happen */
#define NR(a)		(sizeof(a) / sizeof(*(a)))
#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			return __LINE__ % 255 + 1;			\
	} while (0)

static struct bpfstream_prog *first;	/* the fixture's */
static bool mmap_fails;
static bool sigaltstack_fails;

/* Storage for programs is what is mapped once the arena is there. */
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (mmap_fails) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap64(addr, len, prot, flags, fd, offset);
}

int __real_sigaltstack(const stack_t *stack, stack_t *old);
int __wrap_sigaltstack(const stack_t *stack, stack_t *old);

int __wrap_sigaltstack(const stack_t *stack, stack_t *old)
{
	if (sigaltstack_fails) {
		errno = EPERM;
		return -1;
	}
	return __real_sigaltstack(stack, old);
}

static int setup(void **state)
{
	int err = fixture_setup(state);

	if (err)
		return err;
	first = ((struct fixture *)*state)->prog;
	return 0;
}

static struct bpfstream_prog *make(const char *name)
{
	struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = 1000, .page_budget = 4, .name = name,
	};

	return bpfstream_prog_create(&opts);
}

#ifdef BSP_ANNOTATE
#define LIBURCU_IS_SEEN	false	/* nobody tells Helgrind of its orderings */
#else
#define LIBURCU_IS_SEEN	true
#endif

static void skip_if_liburcu_is_not_seen(void)
{
	if (!LIBURCU_IS_SEEN) {
		print_message("skipped: nobody tells Helgrind of the orderings in liburcu\n");
		skip();
	}
}

/* A walk meets these, in this order, and nothing else. */
static int meets(struct bpfstream_prog *const *prog, size_t nr)
{
	struct bpfstream_prog *at = NULL;
	bool locked = LIBURCU_IS_SEEN && bsp_live_begin();
	bool as_told = true;
	size_t i = 0;

	while ((at = bsp_live_next(at))) {
		as_told = as_told && i < nr && at == prog[i];
		i++;
	}
	bsp_live_end(locked);
	return as_told && i == nr;
}

#define MEETS(...) \
	meets((struct bpfstream_prog *const []){ __VA_ARGS__ }, \
	      NR(((struct bpfstream_prog *const []){ __VA_ARGS__ })))

static bool is_off(void *prog)
{
	return !__atomic_load_n(&((struct bpfstream_prog *)prog)->live, __ATOMIC_SEQ_CST);
}

/* ---- the list ---- */

static void before_there_is_a_program_nobody_is_met(void **state)
{
	bool locked = bsp_live_begin();

	(void)state;
	assert_false(locked);
	assert_null(bsp_live_next(NULL));
	bsp_live_end(locked);
	assert_int_equal(bsp_live_max_capacity(), 0);
}

static void programs_are_met_in_the_order_they_were_made(void **state)
{
	struct bpfstream_prog *a = make("a"), *b = make("b"), *c = make("c"), *d;

	(void)state;
	assert_true(a && b && c);
	assert_true(MEETS(first, a, b, c));
	bpfstream_prog_destroy(b);
	assert_true(MEETS(first, a, c));
	d = make("d");
	assert_non_null(d);
	assert_true(MEETS(first, a, c, d));
	bpfstream_prog_destroy(d);
	assert_true(MEETS(first, a, c));
	bpfstream_prog_destroy(a);
	assert_true(MEETS(first, c));
	bpfstream_prog_destroy(c);
	assert_true(MEETS(first));
}

static void the_head_and_the_last_may_go_too(void **state)
{
	struct fixture *f = *state;
	struct bpfstream_prog *a = make("a");

	bpfstream_prog_destroy(f->prog);
	assert_true(MEETS(a));
	bpfstream_prog_destroy(a);
	assert_true(meets(NULL, 0));
	f->prog = make("new");
	assert_true(MEETS(f->prog));
}

static void whom_a_walk_has_met_is_pinned_until_the_next(void **state)
{
	struct bpfstream_prog *a = make("a"), *b = make("b");
	bool locked = bsp_live_begin();
	struct bpfstream_prog *at = bsp_live_next(NULL);

	(void)state;
	assert_ptr_equal(at, first);
	assert_int_equal(first->pins, 1);
	assert_int_equal(a->pins, 0);
	at = bsp_live_next(at);
	assert_ptr_equal(at, a);
	assert_int_equal(first->pins, 0);
	assert_int_equal(a->pins, 1);
	assert_true(MEETS(first, a, b));	/* as a handler's walk would */
	assert_int_equal(a->pins, 1);
	at = bsp_live_next(at);
	assert_ptr_equal(at, b);
	assert_int_equal(a->pins, 0);
	assert_null(bsp_live_next(at));
	assert_int_equal(b->pins, 0);
	bsp_live_end(locked);
	bpfstream_prog_destroy(a);
	bpfstream_prog_destroy(b);
}

/* Between its flag's fall and its leave from the list, and for who came to it just before. */
static void a_program_that_is_going_is_passed_over_and_not_pinned(void **state)
{
	struct bpfstream_prog *a = make("a"), *b = make("b");

	(void)state;
	a->live = 0;
	assert_true(MEETS(first, b));
	assert_int_equal(a->pins, 0);
	first->live = 0;
	b->live = 0;
	assert_true(meets(NULL, 0));
	assert_int_equal(first->pins + a->pins + b->pins, 0);
	first->live = 1;
	a->live = 1;
	b->live = 1;
	assert_true(MEETS(first, a, b));
	bpfstream_prog_destroy(a);
	bpfstream_prog_destroy(b);
}

static void the_largest_capacity_is_remembered(void **state)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = 1 };
	u64 most = bsp_live_max_capacity();

	(void)state;
	assert_true(most >= FIXTURE_CAPACITY);
	bpfstream_prog_destroy(make("smaller"));
	assert_int_equal(bsp_live_max_capacity(), most);
	opts.capacity = (u32)most + 5;
	bpfstream_prog_destroy(bpfstream_prog_create(&opts));
	assert_int_equal(bsp_live_max_capacity(), most + 5);
}

/* ---- storage ---- */

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)*(struct bpfstream_prog *const *)a;
	uintptr_t y = (uintptr_t)*(struct bpfstream_prog *const *)b;

	return (x > y) - (x < y);
}

static void storage_is_used_again_for_programs_and_only_then_mapped(void **state)
{
	struct bpfstream_prog *prog[CHUNKS], *again[CHUNKS];
	u32 i;

	(void)state;
	for (i = 0; i < CHUNKS; i++) {
		prog[i] = make("one");
		assert_non_null(prog[i]);
	}
	for (i = 0; i < CHUNKS; i++)
		bpfstream_prog_destroy(prog[i]);
	mmap_fails = true;
	for (i = 0; i < CHUNKS; i++)
		again[i] = make("another");
	mmap_fails = false;
	qsort(prog, CHUNKS, sizeof(*prog), by_address);
	qsort(again, CHUNKS, sizeof(*again), by_address);
	assert_memory_equal(prog, again, sizeof(prog));
	for (i = 1; i < CHUNKS; i++)
		assert_true((char *)again[i] - (char *)again[i - 1] >= (long)sizeof(**again));
	for (i = 0; i < CHUNKS; i++)
		bpfstream_prog_destroy(again[i]);
	errno = FIXTURE_ERRNO;
}

static void storage_of_the_dead_says_that_they_are(void **state)
{
	struct bpfstream_prog *a = make("a");

	(void)state;
	assert_int_equal(bpfstream_write(a, OUT, "text", 4), 0);
	bpfstream_prog_destroy(a);
	assert_int_equal(a->live, 0);	/* it is there to be read */
	assert_int_equal(a->pins, 0);
	assert_int_equal(bpfstream_pending(&a->stream[0]), 0);
	assert_ptr_equal(make("b"), a);
	assert_int_equal(a->live, 1);
	assert_string_equal(a->name, "b");
	bpfstream_prog_destroy(a);
}

static void without_storage_there_is_no_program_and_its_pages_are_given_back(void **state)
{
	struct bpfstream_prog *prog[CHUNKS];
	u32 budget = 0, made = 0;

	(void)state;
	mmap_fails = true;
	for (made = 0; made < CHUNKS; made++) {
		budget = bsp_arena_budget();
		prog[made] = make("one");
		if (!prog[made])
			break;
	}
	if (made == CHUNKS) {	/* those of the tests before */
		while (made)
			bpfstream_prog_destroy(prog[--made]);
		mmap_fails = false;
		fail_msg("storage for %u programs was there", CHUNKS);
	}
	assert_int_equal(errno, ENOMEM);
	errno = FIXTURE_ERRNO;
	assert_int_equal(bsp_arena_budget(), budget);
	assert_null(make("again"));
	mmap_fails = false;
	errno = FIXTURE_ERRNO;
	prog[made] = make("now");
	assert_non_null(prog[made]);
	do
		bpfstream_prog_destroy(prog[made]);
	while (made--);
	assert_true(MEETS(first));
}

/* ---- who walks how ---- */

static bool began;
static u32 pins_seen;

static void on_signal(int sig)
{
	(void)sig;
	began = bsp_live_begin();
	pins_seen = bsp_live_next(NULL)->pins;
	(void)bsp_live_next(first);
	bsp_live_end(began);
}

static void signal_with(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags }, old;

	sigaction(SIGUSR1, &action, &old);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &old, NULL);
}

static void on_an_alternate_stack_the_walk_is_bare(void **state)
{
	static char mem[1 << 16];
	stack_t stack = { .ss_sp = mem, .ss_size = sizeof(mem) }, old;
	bool locked = bsp_live_begin();

	(void)state;
	assert_true(locked);	/* this thread has made a program */
	assert_ptr_equal(bsp_live_next(NULL), first);
	assert_int_equal(sigaltstack(&stack, &old), 0);
	signal_with(SA_ONSTACK);
	assert_false(began);
	assert_int_equal(pins_seen, 2);
	signal_with(0);
	assert_true(began);
	assert_int_equal(pins_seen, 2);
	assert_int_equal(first->pins, 1);
	assert_int_equal(sigaltstack(&old, NULL), 0);
	assert_null(bsp_live_next(first));
	bsp_live_end(locked);
	errno = FIXTURE_ERRNO;
}

/*
 * What a thread does, and how its walks are then.
 * @slot: the one it had
 */
struct known {
	void (*act)(void);
	bool before;
	bool after;
	struct bsp_slot *slot;
};

static bool begins(void)
{
	bool locked = bsp_live_begin();

	bsp_live_end(locked);
	return locked;
}

static void *become_known(void *arg)
{
	struct known *known = arg;

	known->before = begins();
	known->act();
	known->after = begins();
	known->slot = bsp_slot_self();
	return NULL;
}

static void act_write(void)
{
	(void)bpfstream_printf(first, OUT, "%d", 1);
	(void)bpfstream_prog_dump(first, OUT, STDERR_FILENO + 1000);
	(void)bpfstream_dump_all(STDERR_FILENO + 1000);
}

static void act_read(void)
{
	char buf[10];

	(void)bpfstream_prog_read(first, OUT, buf, sizeof(buf));
}

static void act_drain(void)
{
	(void)bpfstream_prog_drain(first, OUT, STDERR_FILENO + 1000);
}

static void act_create(void)
{
	bpfstream_prog_destroy(make("its own"));
}

static void run_known(struct known *known)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, become_known, known), 0);
	pthread_join(thread, NULL);
	errno = FIXTURE_ERRNO;
}

/* A thread that was joined may be there for the kernel a little longer. */
static bool is_reaped(void *slot)
{
	bsp_slots_reap();
	return !bsp_load_relaxed(&((struct bsp_slot *)slot)->owner);
}

/* As in a sandbox that does not say where we are; errno is the fixture's to check. */
static void where_the_stack_is_not_told_the_walk_is_bare(void **state)
{
	bool locked;

	(void)state;
	sigaltstack_fails = true;
	locked = bsp_live_begin();
	bsp_live_end(locked);
	sigaltstack_fails = false;
	assert_false(locked);
}

static void a_thread_is_known_from_its_first_call_that_no_handler_makes(void **state)
{
	static const struct {
		void (*act)(void);
		bool makes_known;
	} row[] = {
		{ act_write, false }, { act_read, true }, { act_drain, true }, { act_create, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR(row); i++) {
		struct known known = { .act = row[i].act };

		run_known(&known);
		assert_false(known.before);
		assert_int_equal(known.after, row[i].makes_known);
		assert_true(fixture_soon(is_reaped, known.slot));
	}
	bpfstream_discard(&first->stream[0]);
}

static void the_next_thread_in_a_slot_is_not_known_for_the_last(void **state)
{
	struct known one = { .act = act_create }, two = { .act = act_write };

	(void)state;
	run_known(&one);
	assert_true(fixture_soon(is_reaped, one.slot));
	run_known(&two);
	assert_true(fixture_soon(is_reaped, two.slot));
	assert_ptr_equal(one.slot, two.slot);
	assert_true(one.after);
	assert_false(two.before);
	assert_false(two.after);
	bpfstream_discard(&first->stream[0]);
}

/* ---- destroying what others walk over ---- */

/*
 * A walk that stops where it is told.
 * @knows: it is known to liburcu
 * @stand: at which program it stops
 * @then: whom it met next, or NULL
 * @after: whom after that
 * @name: of @then
 */
struct walker {
	pthread_t thread;
	bool knows;
	struct bpfstream_prog *stand;
	struct bpfstream_prog *then;
	struct bpfstream_prog *after;
	char name[BSP_NAME_LEN];
};

/* How far walker and test are; who waits does so within bounds, so that no failure hangs. */
static u32 step;

static bool is_reached(void *at)
{
	return __atomic_load_n(&step, __ATOMIC_ACQUIRE) >= *(const u32 *)at;
}

static bool await(u32 at)
{
	bool reached = fixture_soon(is_reached, &at);

	bsp_note_acquire(&step);
	return reached;
}

static void advance(u32 to)
{
	bsp_note_release(&step);
	__atomic_store_n(&step, to, __ATOMIC_RELEASE);
}

/* Says that it stands, is told to go on, says that it has, and is told to end. */
static void *walk(void *arg)
{
	struct walker *w = arg;
	struct bpfstream_prog *at = NULL;
	bool locked;

	if (w->knows)
		bsp_live_register();
	locked = bsp_live_begin();
	do
		at = bsp_live_next(at);
	while (at && at != w->stand);
	advance(1);
	await(2);
	w->then = at ? bsp_live_next(at) : NULL;
	if (w->then)
		memcpy(w->name, w->then->name, sizeof(w->name));
	advance(3);
	await(4);
	w->after = w->then ? bsp_live_next(w->then) : NULL;
	for (at = w->after; at;)
		at = bsp_live_next(at);
	bsp_live_end(locked);
	return NULL;
}

static void walk_to(struct walker *w)
{
	bsp_note_unordered(&step, sizeof(step));
	advance(0);
	assert_int_equal(pthread_create(&w->thread, NULL, walk, w), 0);
	assert_true(await(1));
}

static void walk_on(void)
{
	advance(2);
	assert_true(await(3));
}

static void walk_end(struct walker *w)
{
	advance(4);
	pthread_join(w->thread, NULL);
}

struct ender {
	pthread_t thread;
	struct bpfstream_prog *prog;
	bool done;
};

static void *end_program(void *arg)
{
	struct ender *ender = arg;

	bpfstream_prog_destroy(ender->prog);
	__atomic_store_n(&ender->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Begin to destroy a program in another thread; it is off the list afterwards. */
static void begin_to_end(struct ender *ender, struct bpfstream_prog *prog)
{
	ender->prog = prog;
	ender->done = false;
	bsp_note_unordered(&ender->done, sizeof(ender->done));
	assert_int_equal(pthread_create(&ender->thread, NULL, end_program, ender), 0);
	assert_true(fixture_soon(is_off, prog));
}

/* It waits, and the program is as whole as it was. */
static void assert_waits(struct ender *ender, u64 pending)
{
	int i;

	for (i = 0; i < WRONGLY_MS; i++)
		fixture_pause();
	assert_false(__atomic_load_n(&ender->done, __ATOMIC_ACQUIRE));
	assert_int_equal(bpfstream_pending(&ender->prog->stream[0]), pending);
}

static void assert_ends(struct ender *ender)
{
	pthread_join(ender->thread, NULL);
	assert_true(ender->done);
	assert_int_equal(bpfstream_pending(&ender->prog->stream[0]), 0);
}

static void a_pinned_program_stays_whole_until_it_is_let_go(void **state)
{
	struct bpfstream_prog *a = make("a"), *b = make("b");
	struct walker w = { .stand = a };
	struct ender ender;

	(void)state;
	assert_int_equal(bpfstream_write(a, OUT, "text", 4), 0);
	walk_to(&w);
	begin_to_end(&ender, a);
	assert_true(MEETS(first, b));
	assert_waits(&ender, 4);
	walk_on();
	assert_ends(&ender);	/* a walker that liburcu does not know keeps what it has pinned */
	walk_end(&w);
	assert_ptr_equal(w.then, b);
	assert_null(w.after);
	bpfstream_prog_destroy(b);
	bsp_slots_reap();
}

static void a_known_walker_keeps_all_that_it_could_have_met(void **state)
{
	struct walker w = { .stand = first, .knows = true };
	struct bpfstream_prog *a, *b;
	struct ender ender;

	(void)state;
	skip_if_liburcu_is_not_seen();
	a = make("a");
	b = make("b");
	assert_int_equal(bpfstream_write(a, OUT, "text", 4), 0);
	walk_to(&w);
	begin_to_end(&ender, a);
	assert_waits(&ender, 4);
	walk_on();
	assert_waits(&ender, 4);
	assert_int_equal(bsp_load_relaxed(&a->pins), 0);
	walk_end(&w);
	assert_ends(&ender);
	assert_ptr_equal(w.then, b);
	bpfstream_prog_destroy(b);
	bsp_slots_reap();
}

static void others_are_made_and_ended_while_one_is_waited_for(void **state)
{
	struct bpfstream_prog *a = make("a"), *b, *c;
	struct walker w = { .stand = a };
	struct ender ender;

	(void)state;
	walk_to(&w);
	begin_to_end(&ender, a);
	b = make("b");
	c = make("c");
	assert_true(MEETS(first, b, c));
	assert_true(b != a && c != a);	/* its storage is not free yet */
	bpfstream_prog_destroy(b);
	assert_true(MEETS(first, c));
	walk_on();
	walk_end(&w);
	assert_ends(&ender);
	bpfstream_prog_destroy(c);
	bsp_slots_reap();
}

static void two_walkers_are_both_waited_for(void **state)
{
	struct bpfstream_prog *a = make("a");
	struct bpfstream_prog *at = bsp_live_next(NULL);
	struct walker w = { .stand = a };
	struct ender ender;

	(void)state;
	at = bsp_live_next(at);		/* bare, as on an alternate stack */
	assert_ptr_equal(at, a);
	walk_to(&w);
	assert_int_equal(a->pins, 2);
	begin_to_end(&ender, a);
	walk_on();
	walk_end(&w);
	assert_waits(&ender, 0);
	assert_null(bsp_live_next(at));
	assert_ends(&ender);
	bsp_slots_reap();
}

/* Its place leads to one that has gone too, whose place leads to storage that nobody uses. */
static void a_bare_walker_that_was_overtaken_comes_to_the_end(void **state)
{
	struct bpfstream_prog *a = make("a"), *b = make("b"), *c = make("c");
	struct walker w = { .stand = a };
	struct ender ender;

	(void)state;
	walk_to(&w);
	begin_to_end(&ender, a);
	bpfstream_prog_destroy(b);
	walk_on();
	walk_end(&w);
	assert_null(w.then);
	assert_ends(&ender);
	assert_int_equal(b->pins, 0);
	bpfstream_prog_destroy(c);
	bsp_slots_reap();
}

static void a_bare_walker_that_was_overtaken_meets_a_program_that_is_whole(void **state)
{
	struct bpfstream_prog *a = make("a"), *b = make("b"), *c = make("c"), *again;
	struct walker w = { .stand = a };
	struct ender ender;

	(void)state;
	walk_to(&w);
	begin_to_end(&ender, a);
	bpfstream_prog_destroy(b);
	again = make("again");
	assert_ptr_equal(again, b);
	walk_on();
	assert_int_equal(again->pins, 1);
	walk_end(&w);
	assert_ptr_equal(w.then, again);
	assert_string_equal(w.name, "again");
	assert_null(w.after);
	assert_ends(&ender);
	assert_true(MEETS(first, c, again));
	bpfstream_prog_destroy(c);
	bpfstream_prog_destroy(again);
	bsp_slots_reap();
}

/* ---- a dump of all ---- */

struct dumper {
	pthread_t thread;
	int fd;
	bool knows;
	ssize_t wrote;
};

static void *dump_all(void *arg)
{
	struct dumper *d = arg;

	if (d->knows)
		bsp_live_register();
	d->wrote = bpfstream_dump_all(d->fd);
	return NULL;
}

static void read_exactly(int fd, char *to, size_t len)
{
	while (len) {
		ssize_t n = read(fd, to, len);

		assert_true(n > 0);
		to += n;
		len -= (size_t)n;
	}
}

static void dump_while_destroyed(bool knows)
{
	static const char all[] = "==> a (stdout) <==\ntext\n==> b (stdout) <==\nmore\n";
	struct bpfstream_prog *a = make("a"), *b = make("b");
	struct dumper d = { .knows = knows };
	struct ender ender;
	char buf[sizeof(all)];
	int end[2];
	long filler;

	assert_int_equal(bpfstream_write(a, OUT, "text\n", 5), 0);
	assert_int_equal(bpfstream_write(b, OUT, "more\n", 5), 0);
	assert_int_equal(pipe(end), 0);
	filler = fixture_fill_pipe(end[1]);
	d.fd = end[1];
	assert_int_equal(pthread_create(&d.thread, NULL, dump_all, &d), 0);
	assert_true(fixture_soon(fixture_is_held, &a->stream[0]));
	begin_to_end(&ender, a);
	assert_waits(&ender, 5);
	while (filler > 0) {
		read_exactly(end[0], buf, 16);
		filler -= 16;
	}
	pthread_join(d.thread, NULL);
	pthread_join(ender.thread, NULL);
	assert_true(ender.done);
	assert_int_equal(d.wrote, sizeof(all) - 1);
	read_exactly(end[0], buf, sizeof(all) - 1);
	assert_memory_equal(buf, all, sizeof(all) - 1);
	close(end[0]);
	close(end[1]);
	bpfstream_prog_destroy(b);
	bsp_slots_reap();
	errno = FIXTURE_ERRNO;
}

static void a_program_is_not_destroyed_under_a_known_threads_dump(void **state)
{
	(void)state;
	skip_if_liburcu_is_not_seen();
	dump_while_destroyed(true);
}

static void a_program_is_not_destroyed_under_a_bare_dump(void **state)
{
	(void)state;
	dump_while_destroyed(false);
}

#define LINE	7u	/* bytes of "%06u\n" */

static bool enough;

static void *dump_and_dump(void *arg)
{
	struct dumper *d = arg;

	if (d->knows)
		bsp_live_register();
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		d->wrote += bpfstream_dump_all(d->fd);
	return NULL;
}

/* Each line in the file is whole, of a program that was, and seen for the first time. */
static void check_lines(FILE *file, char *seen, unsigned int nr, ssize_t wrote)
{
	char line[LINE + 1];
	ssize_t bytes = 0;

	rewind(file);
	while (fread(line, 1, LINE, file) == LINE) {
		unsigned long number;
		char *end;

		line[LINE] = '\0';
		number = strtoul(line, &end, 10);
		assert_int_equal(end - line, LINE - 1);
		assert_int_equal(*end, '\n');
		assert_true(number < nr);
		assert_int_equal(seen[number]++, 0);
		bytes += LINE;
	}
	assert_int_equal(bytes, wrote);
}

static void dumps_and_programs_that_come_and_go_get_along(void **state)
{
	unsigned int i, t, nr = (unsigned int)fixture_loops(500);
	struct dumper d[2] = { { .knows = LIBURCU_IS_SEEN }, { .knows = false } };
	char *seen = calloc(nr, 1);
	FILE *file[2];

	(void)state;
	assert_non_null(seen);
	__atomic_store_n(&enough, false, __ATOMIC_RELAXED);
	bsp_note_unordered(&enough, sizeof(enough));
	for (t = 0; t < 2; t++) {
		file[t] = tmpfile();
		assert_non_null(file[t]);
		d[t].fd = fileno(file[t]);
		assert_int_equal(pthread_create(&d[t].thread, NULL, dump_and_dump, &d[t]), 0);
	}
	for (i = 0; i < nr; i++) {
		struct bpfstream_prog *prog = make(NULL);

		assert_non_null(prog);
		assert_int_equal(bpfstream_printf(prog, OUT, "%06u\n", i), 0);
		if (i % 3 == 0)
			sched_yield();
		bpfstream_prog_destroy(prog);
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (t = 0; t < 2; t++) {
		pthread_join(d[t].thread, NULL);
		check_lines(file[t], seen, nr, d[t].wrote);
		fclose(file[t]);
	}
	free(seen);
	assert_true(MEETS(first));
	bsp_slots_reap();
	errno = FIXTURE_ERRNO;
}

/* ---- in a forked child ---- */

static struct bpfstream_prog *pa, *pb;
static int parents_fd;

static int is_a_process_of_its_own(void *arg)
{
	struct bpfstream_prog *c;
	char buf[16];

	(void)arg;
	alarm(FIXTURE_PATIENCE_MS / 1000);
	CHECK(bpfstream_write(pb, OUT, "child", 5) == 0);
	CHECK(MEETS(first, pa, pb));
	CHECK(bpfstream_pending(&pa->stream[0]) == 0);
	CHECK(bpfstream_prog_read(pb, OUT, buf, sizeof(buf)) == 5);
	CHECK(pa->efd == -1 && !pa->efd_given && !pa->watchers && !(pa->told & 1));
	CHECK(bpfstream_prog_fd(pa) >= 0 && bpfstream_prog_fd(pa) != parents_fd);
	c = make("c");
	CHECK(c && MEETS(first, pa, pb, c));
	bpfstream_prog_destroy(pa);
	CHECK(MEETS(first, pb, c));
	bpfstream_prog_destroy(c);
	bpfstream_prog_destroy(first);
	bpfstream_prog_destroy(pb);
	CHECK(meets(NULL, 0));
	CHECK(bsp_arena_live() == bsp_slots_pages());
	return 0;
}

static void a_child_has_the_programs_and_not_their_text(void **state)
{
	(void)state;
	pa = make("a");
	pb = make("b");
	assert_int_equal(bpfstream_write(pa, OUT, "parent", 6), 0);
	assert_int_equal(bpfstream_write(pb, OUT, "parent", 6), 0);
	parents_fd = bpfstream_prog_fd(pa);
	assert_true(parents_fd >= 0);
	assert_int_equal(fixture_in_child(is_a_process_of_its_own, NULL), 0);
	assert_true(MEETS(first, pa, pb));
	assert_reads(&pa->stream[0], "parent");
	assert_reads(&pb->stream[0], "parent");
	assert_int_equal(bpfstream_prog_fd(pa), parents_fd);
	bpfstream_prog_destroy(pa);
	bpfstream_prog_destroy(pb);
	errno = FIXTURE_ERRNO;
}

static void skip_on_valgrind(void)
{
	if (RUNNING_ON_VALGRIND) {
		print_message("skipped: valgrind does not follow the threads of a forked child\n");
		skip();
	}
}

static int destroys_all(void *arg)
{
	(void)arg;
	alarm(FIXTURE_PATIENCE_MS / 1000);
	bpfstream_prog_destroy(pa);
	bpfstream_prog_destroy(pb);
	CHECK(MEETS(first));
	return 0;
}

/* Neither a pin of theirs nor a read side critical section. */
static void a_child_waits_for_no_thread_of_its_parent(void **state)
{
	struct walker w;

	(void)state;
	skip_on_valgrind();
	pa = make("a");
	pb = make("b");
	w = (struct walker){ .stand = pa, .knows = true };
	walk_to(&w);
	assert_int_equal(fixture_in_child(destroys_all, NULL), 0);
	assert_int_equal(bsp_load_relaxed(&pa->pins), 1);
	walk_on();
	walk_end(&w);
	assert_ptr_equal(w.then, pb);
	bpfstream_prog_destroy(pa);
	bpfstream_prog_destroy(pb);
	bsp_slots_reap();
	errno = FIXTURE_ERRNO;
}

static int threads_are_bare(void *arg)
{
	struct known known = { .act = act_create };
	pthread_t thread;

	(void)arg;
	CHECK(!pthread_create(&thread, NULL, become_known, &known));
	pthread_join(thread, NULL);
	CHECK(!known.before && !known.after);
	return 0;
}

static void a_childs_threads_are_not_made_known(void **state)
{
	(void)state;
	skip_on_valgrind();
	assert_int_equal(fixture_in_child(threads_are_bare, NULL), 0);
}

/* A handler has forked in the middle of a create: the child's is in its middle too. */
static int keeps_the_lock(void *arg)
{
	struct ender ender = { .prog = pa };
	int i;

	(void)arg;
	alarm(FIXTURE_PATIENCE_MS / 1000);
	CHECK(bpfstream_write(first, OUT, "", 0) == 0);
	CHECK(!pthread_create(&ender.thread, NULL, end_program, &ender));
	for (i = 0; i < WRONGLY_MS; i++)
		fixture_pause();
	CHECK(!__atomic_load_n(&ender.done, __ATOMIC_ACQUIRE));
	CHECK(!is_off(pa));
	bsp_live_unlock();
	CHECK(!pthread_join(ender.thread, NULL));
	CHECK(MEETS(first));
	return 0;
}

static void a_child_forked_under_the_lock_has_it_still(void **state)
{
	int status;

	(void)state;
	skip_on_valgrind();
	pa = make("a");
	bsp_live_lock();
	status = fixture_in_child(keeps_the_lock, NULL);
	bsp_live_unlock();
	assert_int_equal(status, 0);
	bpfstream_prog_destroy(pa);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_there_is_a_program_nobody_is_met),
		TEST(programs_are_met_in_the_order_they_were_made),
		TEST(the_head_and_the_last_may_go_too),
		TEST(whom_a_walk_has_met_is_pinned_until_the_next),
		TEST(a_program_that_is_going_is_passed_over_and_not_pinned),
		TEST(the_largest_capacity_is_remembered),
		TEST(without_storage_there_is_no_program_and_its_pages_are_given_back),
		TEST(storage_is_used_again_for_programs_and_only_then_mapped),
		TEST(storage_of_the_dead_says_that_they_are),
		TEST(on_an_alternate_stack_the_walk_is_bare),
		TEST(where_the_stack_is_not_told_the_walk_is_bare),
		TEST(a_thread_is_known_from_its_first_call_that_no_handler_makes),
		TEST(the_next_thread_in_a_slot_is_not_known_for_the_last),
		TEST(a_pinned_program_stays_whole_until_it_is_let_go),
		TEST(a_known_walker_keeps_all_that_it_could_have_met),
		TEST(others_are_made_and_ended_while_one_is_waited_for),
		TEST(two_walkers_are_both_waited_for),
		TEST(a_bare_walker_that_was_overtaken_comes_to_the_end),
		TEST(a_bare_walker_that_was_overtaken_meets_a_program_that_is_whole),
		TEST(a_program_is_not_destroyed_under_a_known_threads_dump),
		TEST(a_program_is_not_destroyed_under_a_bare_dump),
		TEST(dumps_and_programs_that_come_and_go_get_along),
		TEST(a_child_has_the_programs_and_not_their_text),
		TEST(a_child_waits_for_no_thread_of_its_parent),
		TEST(a_childs_threads_are_not_made_known),
		TEST(a_child_forked_under_the_lock_has_it_still),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
