// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * scene.c - what tasks do in a scenario, and one run of it
 */
#include "scene.h"

#include <stdlib.h>

#define PLENTY	100000u

struct bpfstream *the_stream;

static const struct scene *scene;
static bool child_knows;
static u32 nr_dumps;
static u32 dumps_under_way[SIM_TASKS];

/* ---- the child of a fork, at its first call: as the user port's ---- */

static long swallow(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	long total = 0;

	(void)ctx;
	while (nr--)
		total += (long)piece++->len;
	return total;
}

static void drop_inherited(void)
{
	struct bpfstream *s = the_stream;
	u32 i;

	child_knows = true;
	sim_block(true);
	if (sim_peek(&s->lock.holder, 4) == sim_self + 1) {
		(void)bpfstream_deliver_hidden(s, swallow, NULL);
		bpfstream_discard_log(s);
	} else {
		bsp_mutex_init(&s->lock);
		s->in_hand = 0;
		bpfstream_discard(s);
		if (!dumps_under_way[sim_self])
			bpfstream_llist_init(&s->log);
	}
	for (i = 1; i < SIM_TASKS; i++)
		if (sim_task_gone(i))
			sim_world_reap(i);
	sim_block(false);
}

static void begin(void)
{
	if (sim_is_child() && !child_knows)
		drop_inherited();
}

/* A read ends, which began when the child that this may be @knew, or not: as the user port's. */
static void settle(bool knew)
{
	struct bpfstream *s = the_stream;
	u64 log = sim_peek(&s->log.word, 8) & BPFSTREAM_LINK_MASK;
	u64 bytes;

	if (child_knows == knew || dumps_under_way[sim_self] ||
	    sim_peek(&s->lock.holder, 4) == sim_self + 1)
		return;
	sim_block(true);
	bytes = bpfstream_text_rest(s->backlog.first) +
		bpfstream_text_rest(bpfstream_elem_of(bsp_link_ptr((bsp_link_t)log)));
	bpfstream_llist_lighten(&s->log, bpfstream_pending(s) - bytes);
	sim_block(false);
}

/* A child that waits does not wait for who stayed behind. */
static void lock(void)
{
	while (!sim_mutex_try(&the_stream->lock)) {
		begin();
		sim_wait_while(&the_stream->lock.holder);
	}
}

/* ---- writing ---- */

/* Run @publish. It may be left by longjmp where no NMI is under way. */
static int guarded(int (*publish)(const char *text, struct call *call), u32 nr, const u32 *len)
{
	char text[ACCOUNT_LONGEST];
	struct call *call;
	int err;

	begin();
	call = account_begin(nr, len, text);
	if (!sim_nmi_depth()) {
		if (_setjmp(*sim_escape()))
			return -EINTR;
		(void)sim_allow(SIM_MAY_END | SIM_MAY_FORK);
	}
	err = publish(text, call);
	if (!sim_nmi_depth())
		(void)sim_allow(0);
	account_end(call, err);
	return err;
}

static int push(const char *text, struct call *call)
{
	bool was_empty;

	return bpfstream_push(the_stream, text, call->bytes, &was_empty);
}

/* Print a message of @len bytes. */
int say(u32 len)
{
	return guarded(push, 1, &len);
}

static int commit_in(u32 tries, const char *text, struct call *call)
{
	u32 nr = call->nr, len = call->bytes / call->nr, i;
	struct bpfstream_staged stage;
	bool was_empty;
	int err;

	bpfstream_staged_init(&stage);
	for (i = 0; i < nr; i++, text += len) {
		err = bpfstream_staged_push(&stage, text, len);
		if (!err)
			continue;
		/* The others may be staged yet: that is not for here. */
		account_refused(call, nr - i, err, (nr - i) * len);
		while (++i < nr)
			bpfstream_staged_account_loss(&stage, err, len);
	}
	err = bpfstream_staged_commit(&stage, the_stream, &was_empty);
	for (i = 1; i < tries && err == -ENOSPC; i++) {
		account_again(call);
		err = bpfstream_staged_commit(&stage, the_stream, &was_empty);
	}
	bpfstream_staged_free(&stage);
	return err;
}

static int commit(const char *text, struct call *call)
{
	return commit_in(1, text, call);
}

static int commit_or_again(const char *text, struct call *call)
{
	return commit_in(2, text, call);
}

/* Print @nr messages of @len bytes at once; if that is refused, @again. */
int say_together(u32 nr, u32 len, bool again)
{
	u32 lens[8], i;

	for (i = 0; i < nr; i++)
		lens[i] = len;
	return guarded(again ? commit_or_again : commit, nr, lens);
}

/* ---- reading ---- */

/* @at_once: bytes taken by a call at most; @cut: not all was taken */
struct taker {
	u32 channel;
	u64 at_once;
	bool cut;
};

static long take(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct taker *taker = ctx;
	u64 left = taker->at_once, total = 0;

	sim_point(SIM_LOCAL, "sink");
	while (nr-- && left) {
		u64 n = piece->len < left ? piece->len : left;

		account_took(taker->channel, piece, n);
		taker->cut |= n < piece->len;
		left -= n;
		total += n;
		piece++;
	}
	taker->cut |= nr != ~0u;
	sim_point(SIM_LOCAL, "sink");
	return (long)total;
}

/* Read @max bytes at most. */
void read_some(size_t max)
{
	struct taker taker = { 0, PLENTY, false };
	bool knew;

	begin();
	knew = child_knows;
	lock();
	(void)sim_allow(SIM_MAY_FORK);
	(void)bpfstream_deliver(the_stream, take, &taker, max);
	(void)sim_allow(0);
	bsp_mutex_unlock(&the_stream->lock);
	settle(knew);
}

/* Read all, by a sink that takes @at_once bytes. */
void read_slowly(u32 at_once)
{
	struct bpfstream_piece piece[4];
	struct taker taker = { 0, at_once, false };
	bool knew;
	long n;

	begin();
	knew = child_knows;
	lock();
	do {
		n = bpfstream_deliver_all(the_stream, take, &taker, piece, 4);
	} while (n > 0 && at_once < PLENTY);
	bsp_mutex_unlock(&the_stream->lock);
	settle(knew);
}

/* Last words, as the user port's: never wait for a reader. The sink stops after @at_once bytes. */
void dump(u32 at_once)
{
	struct taker taker = { ++nr_dumps, at_once, false };
	struct bpfstream *s = the_stream;
	struct bpfstream_piece piece[4];
	unsigned int allowed;
	bool knew;

	begin();
	knew = child_knows;
	allowed = sim_allow(SIM_MAY_FORK);
	account_dumping(true);
	if (sim_mutex_try(&s->lock)) {
		(void)bpfstream_deliver_all(s, take, &taker, piece, 4);
		sim_mutex_release(&s->lock);
		settle(knew);
	} else {
		if (sim_peek(&s->lock.holder, 4) == sim_self + 1)
			(void)bpfstream_deliver_hidden(s, take, &taker);
		dumps_under_way[sim_self]++;
		if (!taker.cut)
			(void)bpfstream_deliver_log(s, take, &taker);
		dumps_under_way[sim_self]--;
		settle(knew);
	}
	account_dumping(false);
	(void)sim_allow(allowed);
}

/* Ask what was lost. */
void look(void)
{
	begin();
	account_looked(bpfstream_lost(the_stream));
}

/* ---- a run ---- */

const struct scene *scene_find(const char *name)
{
	const struct scene *s;

	for (s = scenes; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

/* What scene_run() runs from now on. */
void scene_choose(const struct scene *which)
{
	scene = which;
}

static void make_stream(void)
{
	the_stream = sim_heap(sizeof(*the_stream));
	sim_share(&the_stream->log, sizeof(the_stream->log.word), "log");
	sim_share(&the_stream->marked, sizeof(the_stream->marked), "marked");
	sim_share(the_stream->lost, sizeof(the_stream->lost), "lost");
	sim_share(&the_stream->lock.holder, sizeof(the_stream->lock.holder), "holder");
	bpfstream_init(the_stream, scene->capacity ? scene->capacity : PLENTY, scene->flags);
}

static void drain(void)
{
	if (scene->discard) {
		account_discarded();
		bpfstream_discard(the_stream);
	} else {
		read_some(~(size_t)0);
	}
}

/* One run of the scenario chosen. */
void scene_run(void)
{
	u32 i;

	sim_memory_reset();
	sim_tasks_reset();
	sim_watch = &account_watch;
	account_reset(NULL, scene->leniency);
	sim_world_reset(scene->pages ? scene->pages : SIM_PAGES - 1);
	make_stream();
	account_reset(the_stream, scene->leniency);
	child_knows = false;
	nr_dumps = 0;
	memset(dumps_under_way, 0, sizeof(dumps_under_way));
	scene->set();
	sim_tasks_run();
	begin();
	drain();
	account_final();
	bpfstream_destroy(the_stream);
	for (i = 0; i < SIM_TASKS; i++)
		sim_world_reap(i);
	sim_pages_check();
}
