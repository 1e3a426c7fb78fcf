// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * weak.c - a weak memory, and all the ways in which a few threads can meet there
 *
 * Threads are coroutines. Before each atomic operation the next to go on is chosen, and for a load
 * which of the values that the thread may still see; a run is the list of these choices, and all
 * lists are tried in turn, with a bound on how often a thread is stopped that could go on.
 *
 * The memory is that of views: each location has all its values, oldest first, and each thread a
 * view, the oldest value of each location that it may still see. A store with RELEASE leaves its
 * thread's view with the value; a load with ACQUIRE takes that over. A read-modify-write sees the
 * newest value and hands on the view that came with it. Of SEQ_CST accesses to a location a load
 * sees none older than the last. A relaxed store hands on nothing, not even to the same location:
 * C11's release sequence by the same thread is gone from C++20. Loads never see the future, so
 * what only a speculating machine does is not played.
 *
 * Locations that nobody has touched yet have the value that memory has. Plain accesses see the
 * newest value: scenes use them for what is known to be ordered, or to look at from outside.
 */
#define WEAK_SELF
#include "weak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK		(256u << 10)
#define LOCATIONS	128u
#define VALUES		48u	/* of a location in a run */
#define CHOICES		4096u
#define STOPS		3u	/* of threads that could go on */
#define OPERATIONS	3000u	/* of a run: more and it does not end */

struct view {
	uint8_t at[LOCATIONS];
};

struct location {
	char *address;
	size_t size;
	unsigned int nr;
	uint8_t sc;		/* the newest value that a SEQ_CST access has met */
	uint64_t value[VALUES];
	struct view view[VALUES];
};

struct thread {
	ucontext_t context;
	void (*fn)(void);
	struct view view;
	bool ended;
	bool yielded;		/* asks to go on after the others, and then to see what is new */
	bool fresh;
};

static struct location location[LOCATIONS];
static unsigned int nr_locations;
static struct thread thread[WEAK_THREADS];
static unsigned int nr_threads, now, stops, operations;
static ucontext_t outside;
static bool playing;
static const char *broken;

/* ---- choices ---- */

static struct { uint8_t chosen, of; } choice[CHOICES];
static unsigned int nr_choices, next_choice;

static unsigned int choose(unsigned int of)
{
	if (of == 1)
		return 0;
	if (next_choice == CHOICES) {
		weak_broken("too many choices");
		return 0;
	}
	if (next_choice == nr_choices) {
		choice[nr_choices].chosen = 0;
		choice[nr_choices++].of = (uint8_t)of;
	}
	return choice[next_choice++].chosen;
}

/* Make the last choice that has something left another one. */
static bool choose_otherwise(void)
{
	while (nr_choices && choice[nr_choices - 1].chosen + 1 == choice[nr_choices - 1].of)
		nr_choices--;
	if (!nr_choices)
		return false;
	choice[nr_choices - 1].chosen++;
	return true;
}

/** weak_broken() - say what must not be; the run is over and was a bad one */
void weak_broken(const char *what)
{
	if (!broken)
		broken = what;
}

/* ---- threads ---- */

static bool can_go_on(unsigned int i)
{
	return !thread[i].ended && !thread[i].yielded;
}

/* Who goes on: the same thread as a rule, another as often as the bound permits. */
static bool pick(void)
{
	unsigned int may[WEAK_THREADS], nr = 0, i;
	bool same = can_go_on(now);

	if (same)
		may[nr++] = now;
	for (i = 0; i < nr_threads; i++)
		if (i != now && can_go_on(i) && (!same || stops < STOPS))
			may[nr++] = i;
	for (i = 0; !nr && i < nr_threads; i++)	/* all that are left wait */
		if (!thread[i].ended)
			may[nr++] = i;
	if (!nr)
		return false;
	i = may[choose(nr)];
	stops += same && i != now;
	now = i;
	return true;
}

static void go_out(void)
{
	swapcontext(&thread[now].context, &outside);
}

static void point(void)
{
	unsigned int i;

	go_out();
	for (i = 0; i < nr_threads; i++)	/* something happens: who waits may look again */
		if (i != now)
			thread[i].yielded = false;
}

/** weak_yield() - for loops that wait: others go on, and then what is new is seen */
void weak_yield(void)
{
	if (!playing)
		return;
	thread[now].yielded = true;
	thread[now].fresh = true;
	go_out();
}

static void begin_thread(void)
{
	thread[now].fn();
	thread[now].ended = true;
	for (unsigned int i = 0; i < nr_threads; i++)
		thread[i].yielded = false;
}

/* Let threads go on until all have ended. */
static void play(void)
{
	while (!broken && pick()) {
		if (++operations > OPERATIONS)
			weak_broken("does not end");
		else
			swapcontext(&outside, &thread[now].context);
	}
}

/* ---- memory ---- */

static uint64_t peek(const void *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static struct location *find(const void *at, size_t size)
{
	unsigned int i;

	for (i = 0; i < nr_locations; i++)
		if (location[i].address == at)
			return &location[i];
	if (i == LOCATIONS) {
		fprintf(stderr, "weak: too many locations\n");
		abort();
	}
	nr_locations++;
	memset(&location[i], 0, sizeof(location[i]));
	location[i].address = (char *)(uintptr_t)at;
	location[i].size = size;
	location[i].value[0] = peek(at, size);
	location[i].nr = 1;
	return &location[i];
}

static void see(struct view *view, const struct view *other)
{
	unsigned int i;

	for (i = 0; i < nr_locations; i++)
		if (other->at[i] > view->at[i])
			view->at[i] = other->at[i];
}

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME ||
	       order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void read_value(struct location *l, unsigned int i, int order)
{
	struct view *view = &thread[now].view;

	if (view->at[l - location] < i)
		view->at[l - location] = (uint8_t)i;
	if (acquires(order))
		see(view, &l->view[i]);
	if (order == __ATOMIC_SEQ_CST && l->sc < i)
		l->sc = (uint8_t)i;
}

/* A new value. @handed: the view that a read-modify-write hands on, or NULL */
static void add_value(struct location *l, uint64_t value, const struct view *handed, int order)
{
	unsigned int i = l->nr++;

	if (i == VALUES) {
		fprintf(stderr, "weak: too many values\n");
		abort();
	}
	thread[now].view.at[l - location] = (uint8_t)i;
	l->value[i] = value;
	memset(&l->view[i], 0, sizeof(l->view[i]));
	if (handed)
		see(&l->view[i], handed);
	if (releases(order))
		see(&l->view[i], &thread[now].view);
	if (order == __ATOMIC_SEQ_CST)
		l->sc = (uint8_t)i;
	memcpy(l->address, &value, l->size);
}

uint64_t weak_load(const void *at, size_t size, int order)
{
	struct location *l;
	unsigned int oldest, i;

	if (!playing)
		return peek(at, size);
	point();
	l = find(at, size);
	oldest = thread[now].view.at[l - location];
	if (order == __ATOMIC_SEQ_CST && oldest < l->sc)
		oldest = l->sc;
	if (thread[now].fresh)
		oldest = l->nr - 1;
	thread[now].fresh = false;
	i = l->nr - 1 - choose(l->nr - oldest);
	read_value(l, i, order);
	return l->value[i];
}

void weak_store(void *at, size_t size, uint64_t value, int order)
{
	if (!playing) {
		memcpy(at, &value, size);
		return;
	}
	point();
	add_value(find(at, size), value, NULL, order);
}

static uint64_t result(enum weak_op op, uint64_t old, uint64_t value)
{
	switch (op) {
	case WEAK_ADD:
		return old + value;
	case WEAK_AND:
		return old & value;
	case WEAK_OR:
		return old | value;
	default:
		return value;
	}
}

uint64_t weak_rmw(void *at, size_t size, enum weak_op op, uint64_t value, int order)
{
	struct location *l;
	uint64_t old;

	if (!playing) {
		old = peek(at, size);
		value = result(op, old, value);
		memcpy(at, &value, size);
		return old;
	}
	point();
	l = find(at, size);
	old = l->value[l->nr - 1];
	read_value(l, l->nr - 1, order);
	add_value(l, result(op, old, value), &l->view[l->nr - 1], order);
	return old;
}

static uint64_t cut(uint64_t value, size_t size)
{
	return size == sizeof(value) ? value : value & (((uint64_t)1 << size * 8) - 1);
}

bool weak_cas(void *at, size_t size, uint64_t *old, uint64_t value, int order, int failure)
{
	struct location *l;
	uint64_t newest;

	if (playing)
		point();
	newest = cut(peek(at, size), size);
	if (newest != cut(*old, size)) {
		if (playing) {
			l = find(at, size);
			read_value(l, l->nr - 1, failure);
		}
		*old = newest;
		return false;
	}
	if (!playing) {
		memcpy(at, &value, size);
		return true;
	}
	l = find(at, size);
	read_value(l, l->nr - 1, order);
	add_value(l, value, &l->view[l->nr - 1], order);
	return true;
}

/* ---- scenes ---- */

static char *stack[WEAK_THREADS];

static void begin(const struct weak_scene *scene)
{
	unsigned int i;

	nr_locations = stops = operations = next_choice = now = nr_threads = 0;
	broken = NULL;
	scene->begin();
	for (i = 0; i < WEAK_THREADS && scene->thread[i]; i++) {
		memset(&thread[i], 0, sizeof(thread[i]));
		thread[i].fn = scene->thread[i];
		if (!stack[i])
			stack[i] = malloc(STACK);
		if (!stack[i])
			abort();
		getcontext(&thread[i].context);
		thread[i].context.uc_stack.ss_sp = stack[i];
		thread[i].context.uc_stack.ss_size = STACK;
		thread[i].context.uc_link = &outside;
		makecontext(&thread[i].context, begin_thread, 0);
		nr_threads++;
	}
}

static void tell(const struct weak_scene *scene)
{
	unsigned int i;

	printf("%s: %s, by these choices:", scene->name, broken);
	for (i = 0; i < nr_choices; i++)
		printf(" %u", choice[i].chosen);
	printf("\n");
}

/**
 * weak_explore() - play a scene in all ways
 * @scene: scene
 *
 * Return: whether it held in each.
 */
bool weak_explore(const struct weak_scene *scene)
{
	unsigned long runs = 0;

	nr_choices = 0;
	do {
		begin(scene);
		playing = true;
		play();
		playing = false;
		if (!broken && !scene->holds())
			weak_broken("does not hold");
		if (broken) {
			tell(scene);
			return false;
		}
		scene->end();
		runs++;
	} while (choose_otherwise());
	printf("%s: %lu runs\n", scene->name, runs);
	return runs >= scene->least;
}
