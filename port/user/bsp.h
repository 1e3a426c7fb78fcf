/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bsp.h - the shim, user port: a CPU is a thread, an NMI is a signal handler
 *
 * What the core (src/) needs of its world, and all it may use of it. The order of an operation is
 * in its name. Atomics are the compiler's, which sanitizers understand. All but bsp_mutex_* work
 * in any context, never wait, and leave errno alone.
 */
#ifndef BSP_H
#define BSP_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fault.h"
#include "note.h"

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define BSP_PAGE_SIZE		4096u
#define BSP_MUST_CHECK		__attribute__((__warn_unused_result__))
#ifndef BSP_INLINE	/* what counts branches wants each function once */
#define BSP_INLINE		inline __attribute__((__always_inline__))
#endif
#define BSP_LINE_ALIGNED	__attribute__((__aligned__(64)))

#define bsp_container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define bsp_likely(cond)		__builtin_expect(!!(cond), 1)
#define bsp_unlikely(cond)	__builtin_expect(!!(cond), 0)
#define bsp_barrier()		__asm__ __volatile__("" : : : "memory")
#define bsp_warn_once(cond)	bsp_fault_warn(cond)
#define bsp_prefetch(p)		__builtin_prefetch(p)	/* a hint; @p may be any address */

/* ---- atomics ---- */

#define bsp_load_relaxed(p)	__atomic_load_n((p), __ATOMIC_RELAXED)
#define bsp_store_relaxed(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* Swap if *p is *oldp, else refresh *oldp. */
#define bsp_try_cmpxchg_release(p, oldp, new) ({					\
	bsp_note_release(p);								\
	bsp_fault_point(BSP_POINT_CMPXCHG);						\
	__atomic_compare_exchange_n((p), (oldp), (new), false, __ATOMIC_RELEASE,	\
				    __ATOMIC_RELAXED); })

#define bsp_try_cmpxchg_acquire(p, oldp, new) ({					\
	bool ok_;									\
											\
	bsp_fault_point(BSP_POINT_CMPXCHG);						\
	ok_ = __atomic_compare_exchange_n((p), (oldp), (new), false, __ATOMIC_ACQUIRE,	\
					  __ATOMIC_RELAXED);				\
	bsp_note_acquire(p);								\
	ok_; })

#define bsp_sub_return_relaxed(p, n)	__atomic_sub_fetch((p), (n), __ATOMIC_RELAXED)

/* Statistics: publish nothing but, where the name says so, that they were counted. */
typedef u64 bsp_counter_t;

#define bsp_counter_set(c, v)	__atomic_store_n((c), (v), __ATOMIC_RELAXED)
#define bsp_counter_add_return(c, n)	__atomic_add_fetch((c), (n), __ATOMIC_RELAXED)
#define bsp_counter_read(c)	__atomic_load_n((c), __ATOMIC_RELAXED)

static inline void bsp_counter_add_release(bsp_counter_t *c, u64 n)
{
	bsp_fault_point(BSP_POINT_COUNTER);
	bsp_note_release(c);
	(void)__atomic_fetch_add(c, n, __ATOMIC_RELEASE);
}

static inline u64 bsp_counter_read_acquire(const bsp_counter_t *c)
{
	u64 n = __atomic_load_n(c, __ATOMIC_ACQUIRE);

	bsp_note_acquire(c);
	bsp_fault_point(BSP_POINT_COUNTER);
	return n;
}

/* ---- links: a pointer into the arena in half a word; 0 is NULL ---- */

typedef u32 bsp_link_t;

#define BSP_LINK_BITS	32

extern char *bsp_arena __attribute__((__visibility__("hidden")));

static inline bsp_link_t bsp_link_of(const void *ptr)
{
	return ptr ? (bsp_link_t)((size_t)((const char *)ptr - bsp_arena) >> 3) : 0;
}

static inline void *bsp_link_ptr(bsp_link_t link)
{
	return link ? bsp_arena + ((size_t)link << 3) : NULL;
}

/* ---- page references ---- */

typedef u32 bsp_ref_t;

/* ORD(tag:L) RELEASE, pairs with sweep:L: this is the first word of a page that has an owner. */
static inline void bsp_ref_init(bsp_ref_t *ref, u32 n)
{
	bsp_note_release(ref);
	__atomic_store_n(ref, n, __ATOMIC_RELEASE);
}

static inline u32 bsp_ref_read_acquire(bsp_ref_t *ref)
{
	u32 n = __atomic_load_n(ref, __ATOMIC_ACQUIRE);

	bsp_note_acquire(ref);
	return n;
}

/* Each RELEASE, the last also ACQUIRE; true for the last. */
static inline bool bsp_ref_sub(bsp_ref_t *ref, u32 n)
{
	bsp_note_release(ref);
	if (__atomic_sub_fetch(ref, n, __ATOMIC_ACQ_REL))
		return false;
	bsp_note_acquire(ref);
	return true;
}

/* RELEASE on success; on failure *old is refreshed with ACQUIRE. */
static inline bool bsp_ref_try_sub_release(bsp_ref_t *ref, u32 *old, u32 n)
{
	bool ok;

	bsp_note_release(ref);
	ok = __atomic_compare_exchange_n(ref, old, *old - n, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED);
	if (!ok)	/* a load of its own: ThreadSanitizer ignores the order of a failure */
		*old = bsp_ref_read_acquire(ref);
	return ok;
}

/* ---- CPUs: bsp_cpu_enter() and bsp_cpu_leave() ---- */

#include "cpu.h"
#include "slot.h"

/* ---- pages: aligned to their size, contents undefined; NULL is final (arena.c) ---- */

struct bpfstream_page *bsp_page_alloc(void);
struct bpfstream_page *bsp_page_alloc_for(const struct bpfstream_cpu *cpu);
void bsp_page_free(struct bpfstream_page *page);

/* ---- the readers' mutex (mutex.c) ---- */

/* @holder: tid of the thread that reads or dumps; a dump only ever tries it */
struct bsp_mutex {
	pthread_mutex_t mutex;
	u32 holder;
};

void bsp_mutex_init(struct bsp_mutex *mutex);
void bsp_mutex_destroy(struct bsp_mutex *mutex);
void bsp_mutex_lock(struct bsp_mutex *mutex);
void bsp_mutex_unlock(struct bsp_mutex *mutex);

#endif
