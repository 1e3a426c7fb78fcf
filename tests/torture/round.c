// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * round.c - one round: programs, eight threads, their end, and what is left then
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "round.h"
#include "slow.h"

#define YIELD_ONCE	32u
#define PATIENCE_MS	20000	/* for the kernel to forget a thread that has ended */

/* The first program, where it is that of all rounds; and what it had lost before this one. */
static struct bpfstream_prog *lasting;
static struct history_stream lost_before[HISTORY_STREAMS];

/** round_die() - what a test cannot go on without; the history stays */
void round_die(const char *what)
{
	perror(what);
	_exit(3);
}

/** round_pause_us() - let others go on */
void round_pause_us(uint32_t us)
{
	struct timespec time = { us / 1000000, (long)(us % 1000000) * 1000 };

	(void)nanosleep(&time, NULL);
}

/** round_goes_on() - whether threads that do not count what they do are to do more */
bool round_goes_on(const struct round *r)
{
	return !__atomic_load_n(&r->over, __ATOMIC_RELAXED) && !history_is_nearly_full(r->h);
}

/** round_note_losses() - what the library has counted */
void round_note_losses(struct history_stream *to, struct bpfstream_prog *prog, uint32_t stream)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	(void)bpfstream_prog_stat(prog, (enum bpfstream_id)stream, &stat);
	to->left = stat.pending;
	to->lost_full = stat.lost_full;
	to->lost_nomem = stat.lost_nomem;
	to->lost_invalid = stat.lost_invalid;
	to->lost_bytes = stat.lost_bytes;
}

/* ---- threads ---- */

static void *write_all(void *arg)
{
	struct actor *a = arg;

	actor_begin(a);
	while (!history_is_nearly_full(a->round->h) && actor_print(a))
		if (a->scribe[0]->refused || seeded_once_in(&a->scribe[0]->rng, YIELD_ONCE))
			sched_yield();	/* or most would be lost, and the others see little */
	actor_end(a);
	history_count(&a->round->writing, (uint32_t)-1);
	return NULL;
}

static void *read_on(void *arg)
{
	struct actor *a = arg;
	struct outlet o;

	outlet_open(&o, a->round, a->scribe[0]->nr, ROUND_CHUNK);
	actor_begin(a);
	while (round_goes_on(a->round)) {
		outlet_turn(&o);
		if (seeded_once_in(&o.rng, 8))
			(void)actor_print(a);
	}
	actor_end(a);
	outlet_close(&o);
	return NULL;
}

static void *churn_on(void *arg)
{
	struct actor *a = arg;

	actor_begin(a);
	churn(a);
	actor_end(a);
	return NULL;
}

static void *fork_on(void *arg)
{
	struct actor *a = arg;

	actor_begin(a);
	while (round_goes_on(a->round)) {
		child_fork(a);
		(void)actor_print(a);
		round_pause_us(a->round->load.fork_us);
	}
	actor_end(a);
	return NULL;
}

static void *(*body_of(uint32_t nr))(void *)
{
	if (nr < ROUND_WRITERS)
		return write_all;
	if (nr < ROUND_WRITERS + ROUND_READERS)
		return read_on;
	return nr == ROUND_THREADS - 1 ? fork_on : churn_on;
}

static void run_threads(struct round *r)
{
	struct actor *a[ROUND_THREADS];
	pthread_t thread[ROUND_THREADS];
	uint32_t i;

	r->writing = ROUND_WRITERS;
	for (i = 0; i < ROUND_THREADS; i++) {
		a[i] = actor_new(r, r->load.records, r->load.handler_records);
		if (!a[i])
			round_die("the history is full of writers");
		a[i]->timed = true;
		a[i]->forks = i < ROUND_WRITERS && slow_by() == 1;
	}
	for (i = 0; i < ROUND_THREADS; i++)
		if (pthread_create(&thread[i], NULL, body_of(i), a[i]))
			round_die("no thread");
	for (i = 0; i < ROUND_WRITERS; i++)
		pthread_join(thread[i], NULL);
	__atomic_store_n(&r->over, true, __ATOMIC_RELAXED);
	for (; i < ROUND_THREADS; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < ROUND_THREADS; i++)
		actor_free(a[i]);
}

/* ---- begin and end ---- */

static void make_program(struct round *r, uint32_t nr, bool lasts)
{
	struct bpfstream_opts *opts = &r->load.opts[nr];
	uint32_t flags = r->load.ordered ? HISTORY_ORDERED : 0;
	struct target *t = &r->target[nr];
	char name[16];

	if (opts->flags & BPFSTREAM_LOST_LINES)
		flags |= HISTORY_LINES;
	t->nr = history_add_prog(r->h, flags);
	snprintf(name, sizeof(name), "p%04x", t->nr);
	opts->name = name;
	t->prog = lasts && lasting ? lasting : bpfstream_prog_create(opts);
	if (!t->prog)
		round_die("no program");
	if (lasts)
		lasting = t->prog;
}

static void subtract_before(struct history_stream *now, uint32_t stream)
{
	struct history_stream *before = &lost_before[stream - 1];
	struct history_stream all = *now;

	now->lost_full -= before->lost_full;
	now->lost_nomem -= before->lost_nomem;
	now->lost_invalid -= before->lost_invalid;
	now->lost_bytes -= before->lost_bytes;
	*before = all;
}

/* All that is still there; all threads have ended. */
static void read_last(struct round *r)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	struct outlet o;
	uint32_t nr, stream;

	outlet_open(&o, r, 0, ROUND_CHUNK);
	for (nr = 0; nr < LOAD_PROGS; nr++) {
		for (stream = 1; stream <= HISTORY_STREAMS; stream++) {
			const struct target *t = &r->target[nr];
			struct history_stream *told = &r->h->prog[t->nr].stream[stream - 1];

			(void)bpfstream_prog_stat(t->prog, (enum bpfstream_id)stream, &stat);
			told->pending = stat.pending;
			outlet_drain(&o, t, stream, true);
			round_note_losses(told, t->prog, stream);
			if (t->prog == lasting)
				subtract_before(told, stream);
		}
	}
	outlet_close(&o);
}

/* Pages in use that no thread holds. */
static uint32_t pages_adrift(void)
{
	uint32_t ms;

	for (ms = 0; ms < PATIENCE_MS; ms++) {
		bsp_slots_reap();
		if (bsp_slots_pages() <= BSP_LEVELS)
			break;
		round_pause_us(1000);
	}
	return bsp_arena_live() - bsp_slots_pages();
}

/**
 * round_run() - run a round
 * @h: where to note it
 * @seed: decides what it is like
 * @scale: how much longer than by default
 * @lasts: its first program is that of all rounds
 */
void round_run(struct history *h, uint64_t seed, uint32_t scale, bool lasts)
{
	struct round r = { .h = h, .targets = LOAD_PROGS };
	uint32_t i;

	history_begin(h, seed);
	load_choose(&r.load, seed, scale, lasts);
	for (i = 0; i < LOAD_PROGS * HISTORY_STREAMS; i++)
		pthread_mutex_init(&r.conch[i / HISTORY_STREAMS][i % HISTORY_STREAMS], NULL);
	for (i = 0; i < LOAD_PROGS; i++)
		make_program(&r, i, lasts && !i);
	run_threads(&r);
	read_last(&r);
	for (i = 0; i < LOAD_PROGS; i++)
		if (r.target[i].prog != lasting)
			bpfstream_prog_destroy(r.target[i].prog);
	h->head->adrift = pages_adrift();
	h->head->complete = 1;
}

/** round_end_lasting() - when all rounds are over */
void round_end_lasting(void)
{
	bpfstream_prog_destroy(lasting);
	lasting = NULL;
}
