/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * round.h - one round: a load, a history, and eight threads that do what they can
 */
#ifndef TORTURE_ROUND_H
#define TORTURE_ROUND_H

#include <pthread.h>
#include <sys/types.h>

#include "scribe.h"

#define ROUND_WRITERS	4u
#define ROUND_READERS	2u
#define ROUND_THREADS	(ROUND_WRITERS + ROUND_READERS + 2u)	/* and a churner and a forker */
#define ACTOR_KINDS	6u	/* of writers in a thread: its own code, then handlers */
#define ACTOR_TIMERS	2u	/* of the first kinds of handlers; the others are raised */

/*
 * @target, @targets: programs that everybody prints into
 * @conch: of each stream, who holds it reads, where readers take turns
 * @writing: threads that still print their records
 * @over: the others are to end
 */
struct round {
	struct history *h;
	struct load load;
	struct target target[LOAD_PROGS];
	uint32_t targets;
	pthread_mutex_t conch[LOAD_PROGS][HISTORY_STREAMS];
	uint32_t writing;
	bool over;
};

/*
 * A thread, and the writers in it.
 * @scribe: by kind
 * @own: a program of this thread's own, if its prog is not NULL
 * @timed, @timer: signals come by themselves
 * @forks: a handler may fork
 */
struct actor {
	struct round *round;
	struct scribe *scribe[ACTOR_KINDS];
	struct target own;
	bool timed;
	bool forks;
	timer_t timer[ACTOR_TIMERS];
};

/*
 * Text on its way into the history.
 * @pipe, @file: where a drain or a dump goes first
 * @room, @left: of the history's text, taken @chunk by chunk
 */
struct outlet {
	struct round *round;
	struct seeded rng;
	int pipe[2];
	int file;
	char *room;
	size_t left;
	size_t chunk;
};

/* ---- actor.c ---- */

void actor_set_handlers(void);
struct actor *actor_new(struct round *round, uint32_t records, uint32_t handler_records);
void actor_free(struct actor *a);
void actor_begin(struct actor *a);
void actor_end(struct actor *a);
bool actor_print(struct actor *a);
void actor_raise(unsigned int kind);
void actor_signals(int how);

/* ---- outlet.c ---- */

void outlet_open(struct outlet *o, struct round *round, uint64_t salt, size_t chunk);
void outlet_close(struct outlet *o);
void outlet_turn(struct outlet *o);
void outlet_pieces(struct outlet *o, const struct target *t, uint32_t stream, size_t size,
		   uint32_t most);
void outlet_drain(struct outlet *o, const struct target *t, uint32_t stream, bool last);

/* ---- child.c, churn.c ---- */

void child_fork(struct actor *a);
void churn(struct actor *a);

/* ---- round.c ---- */

bool round_goes_on(const struct round *r);
void round_pause_us(uint32_t us);
void round_note_losses(struct history_stream *to, struct bpfstream_prog *prog, uint32_t stream);
void round_die(const char *what) __attribute__((__noreturn__));
void round_run(struct history *h, uint64_t seed, uint32_t scale, bool lasting);
void round_end_lasting(void);

#define ROUND_CHUNK	((size_t)1 << 19)	/* of a reader's text */

#endif
