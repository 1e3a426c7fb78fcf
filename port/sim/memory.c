// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * memory.c - operations on shared words, each of which has a history
 *
 * The machine is that of release and acquire views: a task carries a clock vector, what happened
 * before all that it does next. A word is a list of messages in the order that all tasks agree on,
 * each with the vector that its store released. A load reads any message that is not older than
 * what happened before says the task has seen; a read-modify-write reads the newest one.
 *
 * Invariants
 *   I1  Tasks execute in program order; a value is never read before its store (no load
 *       buffering). Else nothing is in order that the operations do not order: dependencies
 *       neither.
 *   I2  A read-modify-write stands right behind the message it has read, for ever, and hands on
 *       what that one released.
 *   I3  A word's memory holds its newest message. A plain write, which nobody races for (race.c),
 *       ends a word's history: the next access finds only what memory holds.
 *
 * Of a word's messages and who has seen them the oldest are forgotten beyond MESSAGES and ACCESSES:
 * then less is explored.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define WORDS		128u
#define MESSAGES	16u
#define ACCESSES	64u
#define SPACE		(1u << 14)	/* between messages, for one that comes in between */

typedef sim_clocks clocks;

struct message {
	clocks released;
	uint64_t value;
	uint32_t at;
	bool rmw;
};

/* That a task had seen the message at @at when its clock was @clock. */
struct seen {
	uint32_t at;
	uint16_t clock;
	uint16_t task;
};

struct word {
	uint32_t nr;
	uint32_t nr_seen;
	uint32_t forgotten;	/* before it all is taken as seen by all */
	struct message message[MESSAGES];
	struct seen seen[ACCESSES];
};

bool sim_weak;

static struct word words[WORDS];
static uint32_t nr_words;
static clocks to_release[SIM_TASKS];	/* by a fence that its stores follow */
static clocks to_acquire[SIM_TASKS];	/* by its loads, for a fence that follows */
static clocks full;			/* of all full fences */

/* A run begins. */
void sim_memory_reset(void)
{
	sim_race_reset();
	nr_words = 0;
	memset(to_release, 0, sizeof(to_release));
	memset(to_acquire, 0, sizeof(to_acquire));
	memset(&full, 0, sizeof(full));
}

/* Word number @n has been written by a plain access. */
void sim_word_end(uint32_t n)
{
	words[n - 1].nr = 0;
}

static uint64_t raw_load(const volatile void *p, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)(uintptr_t)p, size);
	return value;
}

static void raw_store(volatile void *p, size_t size, uint64_t value)
{
	memcpy((void *)(uintptr_t)p, &value, size);
}

static struct word *word_at(const volatile void *p, size_t size)
{
	struct sim_cell *cell = sim_cell(p);
	struct word *word;

	if (!cell->word) {
		if (nr_words == WORDS)
			abort();
		words[nr_words].nr = 0;
		cell->word = (uint16_t)++nr_words;
	}
	word = &words[cell->word - 1];
	if (!word->nr) {
		word->message[0] = (struct message){ .value = raw_load(p, size), .at = SPACE };
		word->nr = 1;
		word->nr_seen = 0;
		word->forgotten = 0;
	}
	return word;
}

static struct message *newest(struct word *word)
{
	return &word->message[word->nr - 1];
}

/* The oldest message that this task may still read. */
static uint32_t floor_of(const struct word *word)
{
	const clocks *before = &sim_now[sim_self];
	uint32_t i, at = word->forgotten;

	for (i = 0; i < word->nr_seen; i++)
		if (word->seen[i].at > at && word->seen[i].clock <= (*before)[word->seen[i].task])
			at = word->seen[i].at;
	for (i = word->nr - 1; i && word->message[i - 1].at >= at; i--)
		;
	return i;
}

static void note_seen(struct word *word, uint32_t at)
{
	uint32_t i;

	if (!sim_weak)
		return;
	for (i = 0; i < word->nr_seen; i++)
		if (word->seen[i].task == sim_self && word->seen[i].at >= at)
			return;
	if (word->nr_seen == ACCESSES) {
		if (word->forgotten < word->seen[0].at)
			word->forgotten = word->seen[0].at;
		memmove(word->seen, word->seen + 1, (ACCESSES - 1) * sizeof(struct seen));
		word->nr_seen--;
	}
	word->seen[word->nr_seen++] = (struct seen){ at, sim_now[sim_self][sim_self],
						     (uint16_t)sim_self };
}

static void acquired(const struct message *message, int order)
{
	if (order & SIM_ACQUIRE)
		sim_now[sim_self] = sim_clocks_join(sim_now[sim_self], message->released);
	else
		to_acquire[sim_self] = sim_clocks_join(to_acquire[sim_self], message->released);
}

/* Which message to read: the newest, or as @not asks an older one of another value than *@not. */
static struct message *pick(struct word *word, const uint64_t *not)
{
	uint32_t fits[MESSAGES], n = 1, i, end;

	if (!sim_weak || word->nr == 1 || sim_used.stale >= sim_budget.stale || !sim_self)
		return newest(word);
	end = floor_of(word);
	for (i = word->nr - 1; i-- > end;)
		if (!not || word->message[i].value != *not)
			fits[n++] = i;
	i = sim_choose(n, "how old a value");
	if (!i)
		return newest(word);
	sim_used.stale++;
	return &word->message[fits[i]];
}

static struct message *insert(struct word *word, uint32_t i, uint32_t at)
{
	if (!sim_weak) {
		word->nr = 0;
		i = 0;
	}
	if (word->nr == MESSAGES) {
		memmove(word->message, word->message + 1, (MESSAGES - 1) * sizeof(struct message));
		word->nr--;
		i--;
	}
	memmove(word->message + i + 1, word->message + i, (word->nr - i) * sizeof(struct message));
	word->nr++;
	word->message[i].at = at;
	return &word->message[i];
}

/* Where a store goes: behind all that its task has seen, not between those that belong together. */
static struct message *place(struct word *word)
{
	uint32_t fits[MESSAGES], n = 1, i, way;

	if (sim_weak && sim_self && sim_used.stale < sim_budget.stale) {
		uint32_t end = floor_of(word);

		for (i = word->nr - 1; i > end; i--)
			if (!word->message[i].rmw &&
			    word->message[i].at - word->message[i - 1].at > 1)
				fits[n++] = i;
		way = sim_choose(n, "how early a store");
		if (way) {
			sim_used.stale++;
			i = fits[way];
			return insert(word, i, word->message[i - 1].at +
				      (word->message[i].at - word->message[i - 1].at) / 2);
		}
	}
	return insert(word, word->nr, newest(word)->at + SPACE);
}

static void released(struct word *word, struct message *message, int order)
{
	message->released = order & SIM_RELEASE ? sim_now[sim_self] : to_release[sim_self];
	note_seen(word, message->at);
	sim_now[sim_self][sim_self]++;
}

/**
 * sim_fence() - order by itself
 * @order: SIM_FULL, SIM_ACQUIRE, SIM_RELEASE, or several
 */
void sim_fence(int order)
{
	if (order & (SIM_ACQUIRE | SIM_FULL))
		sim_now[sim_self] = sim_clocks_join(sim_now[sim_self], to_acquire[sim_self]);
	if (order & SIM_FULL)
		sim_now[sim_self] = full = sim_clocks_join(sim_now[sim_self], full);
	if (order & (SIM_RELEASE | SIM_FULL))
		to_release[sim_self] = sim_now[sim_self];
	sim_now[sim_self][sim_self]++;
}

static uint64_t word_load(const volatile void *p, size_t size, int order)
{
	struct word *word = word_at(p, size);
	struct message *message;

	sim_race_check(p, false);
	message = pick(word, NULL);
	note_seen(word, message->at);
	acquired(message, order);
	sim_trace("load %s: %llx%s", sim_name(p), (unsigned long long)message->value,
		  message == newest(word) ? "" : " (stale)");
	return message->value;
}

static uint64_t word_change(volatile void *p, size_t size, struct word *word, uint64_t value,
			    int order)
{
	struct message read = *newest(word);
	struct message *message;

	if (order & SIM_FULL)
		sim_fence(SIM_FULL);
	sim_race_check(p, true);
	note_seen(word, read.at);
	acquired(&read, order);
	message = insert(word, word->nr, read.at + SPACE);
	message->value = value;
	message->rmw = true;
	released(word, message, order);
	message->released = sim_clocks_join(message->released, read.released);
	raw_store(p, size, value);
	if (order & SIM_FULL)
		sim_fence(SIM_FULL);
	sim_trace("change %s: %llx -> %llx", sim_name(p), (unsigned long long)read.value,
		  (unsigned long long)value);
	if (sim_watch->swapped)
		sim_watch->swapped((const void *)(uintptr_t)p, read.value, value);
	return read.value;
}

/* A load with an order, of a shared word. */
uint64_t sim_load_order(const volatile void *p, size_t size, int order)
{
	sim_point(SIM_SHARED, "load");
	return word_load(p, size, order);
}

/* A relaxed load. */
uint64_t sim_load(const volatile void *p, size_t size)
{
	if (sim_is_shared(p))
		return sim_load_order(p, size, 0);
	sim_point(SIM_LOCAL, "load");
	sim_plain(p, size, false);
	return raw_load(p, size);
}

/* A store with an order, to a shared word. */
void sim_store_order(volatile void *p, size_t size, uint64_t value, int order)
{
	struct word *word;
	struct message *message;

	sim_point(SIM_SHARED, "store");
	word = word_at(p, size);
	sim_race_check(p, true);
	message = place(word);
	message->value = value;
	message->rmw = false;
	released(word, message, order);
	sim_trace("store %s: %llx%s", sim_name(p), (unsigned long long)value,
		  message == newest(word) ? "" : " (early)");
	if (message == newest(word))
		raw_store(p, size, value);
}

/* A relaxed store to a word that is shared though nobody has said so. */
void sim_store_shared(volatile void *p, size_t size, uint64_t value)
{
	sim_store_order(p, size, value, 0);
}

/* A relaxed store. */
void sim_store(volatile void *p, size_t size, uint64_t value)
{
	if (sim_is_shared(p)) {
		sim_store_order(p, size, value, 0);
		return;
	}
	sim_point(SIM_LOCAL, "store");
	sim_plain(p, size, true);
	raw_store(p, size, value);
	sim_trace("set %s: %llx", sim_name(p), (unsigned long long)value);
}

/* Compare and swap; a failure has no order, refreshes *@old, and may be stale. */
bool sim_swap_if(volatile void *p, size_t size, uint64_t *old, uint64_t value, int order)
{
	struct message *message;
	struct word *word;

	sim_point(SIM_SHARED, "compare-and-swap");
	word = word_at(p, size);
	message = pick(word, old);
	if (message->value == *old) {
		(void)word_change(p, size, word, value, order);
		return true;
	}
	sim_race_check(p, false);
	note_seen(word, message->at);
	acquired(message, 0);
	sim_trace("change %s: has %llx, not %llx", sim_name(p), (unsigned long long)message->value,
		  (unsigned long long)*old);
	*old = message->value;
	return false;
}

/* Add, at no point; returns the sum. */
uint64_t sim_change_by(volatile void *p, size_t size, uint64_t n, int order)
{
	struct word *word = word_at(p, size);
	uint64_t sum = newest(word)->value + n;

	if (size == 4)
		sum = (uint32_t)sum;
	(void)word_change(p, size, word, sum, order);
	return sum;
}

/* Add; returns the sum. */
uint64_t sim_add(volatile void *p, size_t size, uint64_t n, int order)
{
	sim_point(SIM_SHARED, "addition");
	return sim_change_by(p, size, n, order);
}

/* Swap; returns what was there. */
uint64_t sim_swap(volatile void *p, size_t size, uint64_t value, int order)
{
	sim_point(SIM_SHARED, "swap");
	return word_change(p, size, word_at(p, size), value, order);
}

/* The newest value, at no point. */
uint64_t sim_peek(const volatile void *p, size_t size)
{
	const struct sim_cell *cell = sim_cell(p);
	struct word *word = cell->word ? &words[cell->word - 1] : NULL;

	return word && word->nr ? newest(word)->value : raw_load(p, size);
}

/* The largest value of a word that this task may still read. */
uint64_t sim_peek_largest(const volatile void *p)
{
	struct word *word = word_at(p, 8);
	uint64_t largest = 0;
	uint32_t i;

	for (i = sim_weak ? floor_of(word) : word->nr - 1; i < word->nr; i++)
		if (word->message[i].value > largest)
			largest = word->message[i].value;
	return largest;
}
