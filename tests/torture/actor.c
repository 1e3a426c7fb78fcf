// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * actor.c - a thread that prints, and the handlers that interrupt it and each other
 *
 * Two timers to a thread, each with a handler of its own, which arms it again when it is done: so
 * what they interrupt always comes a little further, however slow it is. Now and then a handler
 * raises the next kind, which makes the nest one deeper than a slot has levels.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "round.h"
#include "slot.h"

#define RAISE_ONCE	6u
#define FORK_ONCE	600u

static __thread struct actor *me;

static int signal_of(unsigned int kind)
{
	return SIGRTMIN + (int)kind;
}

/** actor_signals() - SIG_BLOCK or SIG_UNBLOCK all of them */
void actor_signals(int how)
{
	sigset_t set;
	unsigned int kind;

	sigemptyset(&set);
	for (kind = 1; kind < ACTOR_KINDS; kind++)
		sigaddset(&set, signal_of(kind));
	pthread_sigmask(how, &set, NULL);
}

/* Once, after one to two periods. */
static void arm(struct actor *a, unsigned int kind)
{
	uint32_t us = a->round->load.period_us;
	struct itimerspec when = { { 0, 0 }, { 0, 0 } };

	when.it_value.tv_nsec = (long)(us / 2 + seeded_below(&a->scribe[kind]->rng, us)) * 1000;
	timer_settime(a->timer[kind - 1], 0, &when, NULL);
}

static bool print(struct actor *a, struct scribe *s)
{
	const struct round *r = a->round;

	if (a->own.prog && seeded_once_in(&s->rng, 2))
		return scribe_print(s, &a->own);
	return scribe_print(s, &r->target[seeded_below(&s->rng, r->targets)]);
}

/** actor_raise() - interrupt ourselves */
void actor_raise(unsigned int kind)
{
	raise(signal_of(kind));
}

static void on_signal(int sig)
{
	unsigned int kind = (unsigned int)(sig - signal_of(0));
	struct actor *a = me;
	int saved = errno;
	struct scribe *s;

	if (!a)
		return;
	s = a->scribe[kind];
	history_count(&a->round->h->head->signals, 1);
	(void)print(a, s);
	if (kind + 1 < ACTOR_KINDS && seeded_once_in(&s->rng, RAISE_ONCE))
		actor_raise(kind + 1);
	if (a->forks && kind == 1 && seeded_once_in(&s->rng, FORK_ONCE))
		child_fork(a);
	if (a->timed && kind <= ACTOR_TIMERS)
		arm(a, kind);
	errno = saved;
}

/** actor_set_handlers() - none blocks another; none comes yet, in this thread or its children */
void actor_set_handlers(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	unsigned int kind;

	actor_signals(SIG_BLOCK);
	sigemptyset(&sa.sa_mask);
	for (kind = 1; kind < ACTOR_KINDS; kind++)
		sigaction(signal_of(kind), &sa, NULL);
}

/** actor_new() - what a thread needs; NULL if the history is full */
struct actor *actor_new(struct round *round, uint32_t records, uint32_t handler_records)
{
	struct actor *a = calloc(1, sizeof(*a));
	unsigned int kind;

	if (!a)
		round_die("no memory");
	a->round = round;
	for (kind = 0; kind < ACTOR_KINDS; kind++) {
		a->scribe[kind] = malloc(sizeof(*a->scribe[kind]));
		if (!a->scribe[kind])
			round_die("no memory");
		if (!scribe_open(a->scribe[kind], round->h, &round->load,
				 kind ? handler_records : records, kind)) {
			actor_free(a);
			return NULL;
		}
	}
	return a;
}

void actor_free(struct actor *a)
{
	unsigned int kind;

	for (kind = 0; kind < ACTOR_KINDS; kind++)
		free(a->scribe[kind]);
	free(a);
}

static void start_timers(struct actor *a)
{
	unsigned int i;

	for (i = 0; i < ACTOR_TIMERS; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID };

		event.sigev_signo = signal_of(i + 1);
		event._sigev_un._tid = gettid();
		if (timer_create(CLOCK_MONOTONIC, &event, &a->timer[i]))
			round_die("timer_create");
		arm(a, i + 1);
	}
}

/** actor_begin() - from now on this thread is interrupted */
void actor_begin(struct actor *a)
{
	history_count(&a->round->h->head->threads, 1);
	me = a;
	if (a->timed)
		start_timers(a);
	actor_signals(SIG_UNBLOCK);
}

/* What the thread leaves in use, with no handler any more. */
static uint32_t levels_in_use(void)
{
	const struct bsp_slot *slot = bsp_slot_self();
	uint32_t level, n = 0;

	for (level = 0; slot && level < BSP_LEVELS; level++)
		n += bsp_load_relaxed(&slot->level[level].where) != NULL;
	return n;
}

/** actor_end() - no more */
void actor_end(struct actor *a)
{
	unsigned int i;

	actor_signals(SIG_BLOCK);
	for (i = 0; a->timed && i < ACTOR_TIMERS; i++)
		timer_delete(a->timer[i]);
	me = NULL;
	history_count(&a->round->h->head->levels, levels_in_use());
}

/** actor_print() - print something somewhere; false if the history is full */
bool actor_print(struct actor *a)
{
	return print(a, a->scribe[0]);
}
