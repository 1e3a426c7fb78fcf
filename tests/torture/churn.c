// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * churn.c - threads and programs that come and go
 *
 * A thread's own program is found by everybody's dumps: what its owner does not read, they do. It
 * has more room than its few messages need, so no call ends in the middle of one.
 */
#include <stdio.h>

#include "round.h"

#define SHORT_RECORDS	40u
#define SHORT_THREADS	3u
#define OWN_RECORDS	30u
#define OWN_CAPACITY	(16u << 20)
#define OWN_PAGES	64u

static void *live_shortly(void *arg)
{
	struct actor *a = arg;
	uint32_t i, n = 1 + (uint32_t)seeded_below(&a->scribe[0]->rng, SHORT_RECORDS / 2);

	actor_begin(a);
	for (i = 0; i < n; i++) {
		(void)actor_print(a);
		if (i % 8 == 0)
			actor_raise(1 + i % 3);
	}
	actor_end(a);
	return NULL;
}

static void churn_threads(struct round *r, uint32_t nr)
{
	struct actor *a[SHORT_THREADS];
	pthread_t thread[SHORT_THREADS];
	uint32_t i, started = 0;

	for (i = 0; i < nr; i++) {
		a[started] = actor_new(r, SHORT_RECORDS, SHORT_RECORDS);
		if (!a[started])
			break;
		if (pthread_create(&thread[started], NULL, live_shortly, a[started]))
			round_die("no thread");
		started++;
	}
	for (i = 0; i < started; i++) {
		pthread_join(thread[i], NULL);
		actor_free(a[i]);
	}
}

static void use(struct actor *a, struct outlet *o, const struct target *own)
{
	struct history *h = a->round->h;
	uint32_t i, stream;

	a->own = *own;
	for (i = 0; i < OWN_RECORDS && actor_print(a); i++)
		if (i == OWN_RECORDS / 2)
			outlet_drain(o, own, 1, false);
	a->own.prog = NULL;
	for (stream = 1; stream <= HISTORY_STREAMS; stream++) {
		outlet_drain(o, own, stream, false);
		round_note_losses(&h->prog[own->nr].stream[stream - 1], own->prog, stream);
	}
}

static void churn_program(struct actor *a, struct outlet *o)
{
	char name[16];
	const struct bpfstream_opts opts = {
		.sz = sizeof(opts), .capacity = OWN_CAPACITY, .page_budget = OWN_PAGES,
		.name = name,
	};
	bool poor = a->round->load.poor;
	struct target own;

	own.nr = history_add_prog(a->round->h, poor ? 0 : HISTORY_ROOMY);
	if (own.nr == HISTORY_NONE)
		return;
	snprintf(name, sizeof(name), "p%04x", own.nr);
	own.prog = bpfstream_prog_create(&opts);
	if (!own.prog)
		round_die("no program");
	use(a, o, &own);
	bpfstream_prog_destroy(own.prog);
}

/** churn() - what the churning thread does until the round is over */
void churn(struct actor *a)
{
	struct seeded *rng = &a->scribe[0]->rng;
	struct outlet o;

	outlet_open(&o, a->round, 77, ROUND_CHUNK);
	while (round_goes_on(a->round)) {
		churn_threads(a->round, 1 + (uint32_t)seeded_below(rng, SHORT_THREADS));
		churn_program(a, &o);
		if (!actor_print(a))
			round_pause_us(1000);	/* no room in the history for more of anything */
	}
	outlet_close(&o);
}
