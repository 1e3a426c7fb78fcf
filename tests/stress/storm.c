// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * storm.c - threads that print, handlers that interrupt them and each other, readers, and the proof
 */
#include "storm.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "slot.h"

#define HANDLER_MESSAGES	60000u	/* that a handler has room to account for */
#define READ_MAX		65536u

static const int signal_of[STORM_KINDS] = { 0, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM };
static __thread struct storm_thread *me;

u64 storm_seed;

/** storm_main() - find a seed and say it. To be had again: the first argument, or BPFSTREAM_SEED */
int storm_main(int argc, char **argv)
{
	if (!seeded_asked(argc, argv, &storm_seed))
		storm_seed = seeded_fresh();
	print_message("seed %llu\n", (unsigned long long)storm_seed);
	account_init_fill();
	return 0;
}

/** storm_loops() - how often to do a thing: fixture_loops(), but not less than makes sense */
u32 storm_loops(u32 natively, u32 at_least)
{
	u32 loops = (u32)fixture_loops(natively);

	return loops > at_least ? loops : at_least;
}

/** storm_pause_us() - let others go on; errno stays */
void storm_pause_us(unsigned int us)
{
	struct timespec time = { .tv_nsec = (long)us * 1000 };
	int saved = errno;

	(void)nanosleep(&time, NULL);
	errno = saved;
}

/* ---- handlers ---- */

static void on_signal(int sig)
{
	struct storm_thread *thread = me;
	int saved = errno;
	unsigned int kind;

	if (!thread)
		return;
	for (kind = 1; signal_of[kind] != sig; kind++)
		;
	(void)account_print(thread->account[kind], thread->storm->prog);
	if (thread->in_handler)
		thread->in_handler(thread, kind);
	errno = saved;
}

/** storm_signals() - SIG_BLOCK or SIG_UNBLOCK the flood in this thread */
void storm_signals(int how)
{
	sigset_t set;
	unsigned int kind;

	sigemptyset(&set);
	for (kind = 1; kind < STORM_KINDS; kind++)
		sigaddset(&set, signal_of[kind]);
	pthread_sigmask(how, &set, NULL);
}

/* None blocks another: they nest. */
static void set_handlers(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	unsigned int kind;

	sigemptyset(&sa.sa_mask);
	for (kind = 1; kind < STORM_KINDS; kind++)
		assert_int_equal(sigaction(signal_of[kind], &sa, NULL), 0);
}

/* A signal to each thread in turn, of a random kind. */
static void *flood(void *arg)
{
	struct storm *s = arg;
	struct seeded rng = { storm_seed };
	unsigned int pause = (unsigned int)(10000 / fixture_loops(100));
	unsigned int i;

	while (!bsp_load_relaxed(&s->calm)) {
		for (i = 0; i < STORM_THREADS; i++) {
			pid_t tid = bsp_load_relaxed(&s->thread[i].tid);

			if (tid)
				syscall(SYS_tgkill, getpid(), tid,
					signal_of[1 + seeded_below(&rng, STORM_KINDS - 1)]);
		}
		storm_pause_us(pause);
	}
	return NULL;
}

/** storm_flood() - send signals from now on */
void storm_flood(struct storm *s)
{
	s->flooded = true;
	bsp_store_relaxed(&s->calm, false);
	assert_int_equal(pthread_create(&s->flood, NULL, flood, s), 0);
}

/** storm_calm() - end that */
void storm_calm(struct storm *s)
{
	if (!s->flooded)
		return;
	bsp_store_relaxed(&s->calm, true);
	pthread_join(s->flood, NULL);
	s->flooded = false;
}

/* ---- begin and end ---- */

static void open_account(struct account *a, unsigned int nr, u32 max, u32 fill)
{
	a->nr = nr;
	a->max = max;
	a->fill = fill;
	a->fate = calloc(max, 1);
	assert_non_null(a->fate);
	a->rng = (struct seeded){ .state = storm_seed * 1000 + nr };
}

static void open_thread(struct storm *s, unsigned int nr, u32 fill)
{
	struct storm_thread *thread = &s->thread[nr];
	unsigned int kind;

	thread->storm = s;
	thread->nr = nr;
	for (kind = 0; kind < STORM_KINDS; kind++) {
		struct account *a = &s->account[nr * STORM_KINDS + kind];

		open_account(a, nr * STORM_KINDS + kind,
			     kind ? HANDLER_MESSAGES : s->messages + ACCOUNT_GROUP_MAX, fill);
		a->noting = &thread->noting;
		thread->account[kind] = a;
	}
}

/* What threads tell each other with no order: Helgrind takes it for races. */
static void note_unordered(struct storm *s)
{
	unsigned int i;

	bsp_note_unordered(&s->writing, sizeof(s->writing));
	bsp_note_unordered(&s->over, sizeof(s->over));
	bsp_note_unordered(&s->calm, sizeof(s->calm));
	bsp_note_unordered(&s->count, sizeof(s->count));
	bsp_note_unordered(&s->failed, sizeof(s->failed));
	bsp_note_unordered(&s->elsewhere, sizeof(s->elsewhere));
	for (i = 0; i < STORM_THREADS; i++)
		bsp_note_unordered(&s->thread[i].tid, sizeof(s->thread[i].tid));
}

/**
 * storm_open() - a program and accounts for all who will print
 * @opts: how to make the program
 * @messages: that each thread prints by itself
 * @fill: their longest fill
 */
struct storm *storm_open(const struct bpfstream_opts *opts, u32 messages, u32 fill)
{
	struct storm *s = calloc(1, sizeof(*s));
	unsigned int i;

	assert_non_null(s);
	s->messages = messages;
	note_unordered(s);
	for (i = 0; i < STORM_THREADS; i++)
		open_thread(s, i, fill);
	for (i = 0; i < STORM_OUTLETS; i++) {
		s->outlet[i].fd = memfd_create("outlet", MFD_CLOEXEC);
		assert_true(s->outlet[i].fd >= 0);
	}
	storm_signals(SIG_BLOCK);
	set_handlers();
	s->f = fixture_make(opts);
	assert_non_null(s->f);
	s->prog = s->f->prog;
	return s;
}

static void *thread_main(void *arg)
{
	struct storm_thread *thread = arg;
	struct bsp_slot *slot;

	me = thread;
	if (!thread->deaf) {
		bsp_store_relaxed(&thread->tid, gettid());
		storm_signals(SIG_UNBLOCK);
	}
	thread->run(thread);
	storm_signals(SIG_BLOCK);
	bsp_store_relaxed(&thread->tid, 0);
	me = NULL;
	if (thread->at_end)
		thread->at_end(thread);
	slot = bsp_slot_self();
	thread->slot = bsp_slot_index(slot);
	thread->level = fixture_levels(slot);
	return NULL;
}

/** storm_start() - start a thread */
void storm_start(struct storm *s, unsigned int nr, void (*run)(struct storm_thread *thread))
{
	s->thread[nr].run = run;
	if (run == storm_write_all)
		storm_count(&s->writing, 1);
	assert_int_equal(pthread_create(&s->thread[nr].pthread, NULL, thread_main,
					&s->thread[nr]), 0);
}

/** storm_join() - wait for a thread's end */
void storm_join(struct storm *s, unsigned int nr)
{
	pthread_join(s->thread[nr].pthread, NULL);
}

/** storm_over() - tell the readers that nobody writes any more */
void storm_over(struct storm *s)
{
	storm_calm(s);
	bsp_store_relaxed(&s->over, true);
}

bool storm_is_over(struct storm *s)
{
	return bsp_load_relaxed(&s->over);
}

bool storm_writing(struct storm *s)
{
	return bsp_load_relaxed(&s->writing);
}

/** storm_count() - change a count that threads share */
void storm_count(u32 *count, int by)
{
	__atomic_fetch_add(count, (u32)by, __ATOMIC_RELAXED);
}

/** storm_write_all() - what a writer runs */
void storm_write_all(struct storm_thread *thread)
{
	struct account *a = thread->account[0];
	u64 refused = 0;

	while (a->next < thread->storm->messages && account_print(a, thread->storm->prog)) {
		u64 now = a->refused[BPFSTREAM_LOST_FULL] + a->refused[BPFSTREAM_LOST_NOMEM];

		if (now != refused)
			sched_yield();	/* or most messages would be lost */
		refused = now;
	}
	storm_count(&thread->storm->writing, -1);
}

/** storm_close() - end all. What fixture_teardown() asserts holds, if no page was left adrift */
void storm_close(struct storm *s)
{
	unsigned int i;

	errno = FIXTURE_ERRNO;
	for (i = 0; i < STORM_OUTLETS; i++)
		close(s->outlet[i].fd);
	for (i = 0; i < STORM_WRITERS; i++)
		free(s->account[i].fate);
	if (s->adrift) {
		bpfstream_prog_destroy(s->prog);
		free(s->f);
	} else {
		fixture_teardown((void **)&s->f);
	}
	free(s);
}

/* ---- readers ---- */

static void put(struct storm_outlet *to, const char *text, size_t len)
{
	to->failed |= write(to->fd, text, len) != (ssize_t)len;
}

/* A call that took @n bytes is over. */
static void call_ends(struct storm_outlet *to, ssize_t n)
{
	to->failed |= n < 0;
	if (n > 0 && to->shared)
		put(to, "", 1);
}

/** storm_read() - bpfstream_prog_read() of @len bytes at most */
void storm_read(struct storm *s, struct storm_outlet *to, size_t len)
{
	static __thread char buf[READ_MAX];
	ssize_t n = bpfstream_prog_read(s->prog, BPFSTREAM_STDOUT, buf,
					len < READ_MAX ? len : READ_MAX);

	if (n > 0)
		put(to, buf, (size_t)n);
	call_ends(to, n);
}

void storm_drain(struct storm_outlet *to, struct bpfstream_prog *prog)
{
	call_ends(to, bpfstream_prog_drain(prog, BPFSTREAM_STDOUT, to->fd));
}

void storm_dump(struct storm_outlet *to, struct bpfstream_prog *prog)
{
	call_ends(to, bpfstream_prog_dump(prog, BPFSTREAM_STDOUT, to->fd));
}

void storm_dump_all(struct storm_outlet *to)
{
	call_ends(to, bpfstream_dump_all(to->fd));
}

/** storm_stat() - a program's standard output */
struct bpfstream_stat storm_stat(struct bpfstream_prog *prog)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	(void)bpfstream_prog_stat(prog, BPFSTREAM_STDOUT, &stat);
	return stat;
}

/* ---- the proof ---- */

static struct verdict_text text_of(const struct storm_outlet *from)
{
	struct verdict_text text = { "", (size_t)lseek(from->fd, 0, SEEK_END) };

	assert_false(from->failed);
	if (text.len)
		text.text = mmap(NULL, text.len, PROT_READ, MAP_SHARED, from->fd, 0);
	assert_true(text.text != MAP_FAILED);
	return text;
}

static void text_done(const struct verdict_text *text)
{
	if (text->len)
		munmap((void *)(uintptr_t)text->text, text->len);
}

/* No thread but this one holds a page. The kernel may take its time to forget a thread. */
static bool only_own_pages(void *arg)
{
	(void)arg;
	bsp_slots_reap();
	return bsp_slots_pages() <= BSP_LEVELS;
}

static void say_figures(const struct storm *s, const struct bpfstream_stat *stat)
{
	unsigned long own = 0, handlers = 0;
	unsigned int i;

	for (i = 0; i < STORM_WRITERS; i++)
		*(i % STORM_KINDS ? &handlers : &own) += s->account[i].next;
	print_message("%lu messages, %lu of handlers; lost %lu full, %lu nomem\n", own + handlers,
		      handlers, (unsigned long)stat->lost_full, (unsigned long)stat->lost_nomem);
}

static void prove_sums(struct storm *s, const struct verdict_book *book)
{
	struct bpfstream_stat stat = storm_stat(s->prog);

	assert_int_equal(stat.pending, 0);
	stat.lost_full += s->elsewhere.lost_full;
	stat.lost_nomem += s->elsewhere.lost_nomem;
	stat.lost_invalid += s->elsewhere.lost_invalid;
	stat.lost_bytes += s->elsewhere.lost_bytes;
	verdict_complete(book);
	verdict_losses(book, &stat);
	say_figures(s, &stat);
}

/*
 * No level and no page is left behind, but by those who jumped out of a message that then did not
 * appear: it may have kept its pages.
 */
static void prove_nothing_left(struct storm *s, const struct verdict_book *book)
{
	u64 kept = verdict_vanished(book) * (2 + s->account[0].fill / BSP_PAGE_SIZE);
	unsigned int i;

	for (i = 0; i < STORM_THREADS && !kept; i++)
		assert_int_equal(s->thread[i].level, 0);
	assert_in_range(bsp_arena_live() - bsp_slots_pages(), 0, kept);
	assert_true(fixture_soon(only_own_pages, NULL));
	s->adrift = bsp_arena_live() - bsp_slots_pages();
	assert_in_range(s->adrift, 0, kept);
}

/**
 * storm_prove_sole() - all was said whole, once and in order; all threads have ended
 * @s: storm
 * @from: where all text is
 */
void storm_prove_sole(struct storm *s, struct storm_outlet *from)
{
	const struct verdict_book book = { s->account, STORM_WRITERS };
	struct verdict_text text = text_of(from);

	verdict_sole(&book, &text);
	prove_sums(s, &book);
	prove_nothing_left(s, &book);
	text_done(&text);
}

/** storm_prove_shared() - all was said once, to one reader or another; all threads have ended */
void storm_prove_shared(struct storm *s)
{
	const struct verdict_book book = { s->account, STORM_WRITERS };
	struct verdict_text text[STORM_OUTLETS];
	unsigned int i;

	for (i = 0; i < STORM_OUTLETS; i++)
		text[i] = text_of(&s->outlet[i]);
	verdict_shared(&book, text, STORM_OUTLETS);
	prove_sums(s, &book);
	prove_nothing_left(s, &book);
	for (i = 0; i < STORM_OUTLETS; i++)
		text_done(&text[i]);
}
