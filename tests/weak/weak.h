/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weak.h - the compiler's atomics, played on a memory that orders no more than they ask for
 *
 * Included before all else in each file of the library: the port's own text runs, and its every
 * atomic operation is a place where another thread may go on, and each load one where an older value
 * may be seen. See weak.c for the rules of that memory.
 */
#ifndef TESTS_WEAK_H
#define TESTS_WEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEAK_THREADS	4u

/*
 * @begin, @end: before and after each run, with nothing played
 * @thread: run together
 * @holds: what must be so when all have ended
 * @least: runs at least that there must have been; fewer means that nothing was played
 */
struct weak_scene {
	const char *name;
	void (*begin)(void);
	void (*thread[WEAK_THREADS])(void);
	bool (*holds)(void);
	void (*end)(void);
	unsigned long least;
};

bool weak_explore(const struct weak_scene *scene);
void weak_broken(const char *what);
void weak_yield(void);

enum weak_op { WEAK_ADD, WEAK_AND, WEAK_OR, WEAK_XCHG };

uint64_t weak_load(const void *at, size_t size, int order);
void weak_store(void *at, size_t size, uint64_t value, int order);
uint64_t weak_rmw(void *at, size_t size, enum weak_op op, uint64_t value, int order);
bool weak_cas(void *at, size_t size, uint64_t *old, uint64_t value, int order, int failure);

#ifndef WEAK_SELF

#define weak_type(p)	__typeof__(((void)0, *(p)))	/* without its qualifiers */
#define weak_word(v)	((uint64_t)(uintptr_t)(v))
#define weak_fetch(p, op, v, o) ({ \
	(weak_type(p))weak_rmw((p), sizeof(*(p)), (op), weak_word(v), (o)); })

#define __atomic_load_n(p, o)		((weak_type(p))weak_load((p), sizeof(*(p)), (o)))
#define __atomic_store_n(p, v, o)	weak_store((p), sizeof(*(p)), weak_word(v), (o))
#define __atomic_exchange_n(p, v, o)	weak_fetch(p, WEAK_XCHG, v, o)
#define __atomic_fetch_add(p, v, o)	weak_fetch(p, WEAK_ADD, v, o)
#define __atomic_fetch_or(p, v, o)	weak_fetch(p, WEAK_OR, v, o)
#define __atomic_fetch_and(p, v, o)	weak_fetch(p, WEAK_AND, v, o)
#define __atomic_add_fetch(p, v, o)	(weak_fetch(p, WEAK_ADD, v, o) + (v))
#define __atomic_sub_fetch(p, v, o)	(weak_fetch(p, WEAK_ADD, 0 - (v), o) - (v))

#define __atomic_compare_exchange_n(p, oldp, v, weak, o, failure) ({				\
	uint64_t weak_old_ = weak_word(*(oldp));					\
	bool weak_ok_ = weak_cas((p), sizeof(*(p)), &weak_old_, weak_word(v), (o), (failure)); \
											\
	if (!weak_ok_)									\
		*(oldp) = (weak_type(oldp))weak_old_;					\
	weak_ok_; })

#endif
#endif
