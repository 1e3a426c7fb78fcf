/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bsp.h - the shim, Linux kernel port: a CPU is a CPU, an NMI is an NMI
 *
 * What the core (src/) needs of its world, and all it may use of it: the same names and promises
 * as the user port's, for trees like 7.2 and 7.3. An operation is one kernel primitive; where the
 * primitive promises more than the name asks for, the comment says so. All but bsp_mutex_* work
 * in any context, NMI included, and never wait.
 *
 * 32 bits: the head word takes a 64-bit compare-and-swap. Where that is a spin lock in disguise
 * (CONFIG_GENERIC_ATOMIC64) an NMI must not write; BSP_NMI_SAFE tells.
 */
#ifndef BSP_H
#define BSP_H

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/prefetch.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#define BSP_NMI_SAFE		(!IS_ENABLED(CONFIG_GENERIC_ATOMIC64))

/* 4 to 64 KiB, of a page that may be larger: an element's length has 16 bits. */
#define BSP_PAGE_SIZE		((u32)(PAGE_SIZE < 65536 ? PAGE_SIZE : 65536))
#define BSP_MUST_CHECK		__must_check
#define BSP_INLINE		__always_inline
#define BSP_LINE_ALIGNED	____cacheline_aligned_in_smp

#define bsp_container_of(ptr, type, member)	container_of(ptr, type, member)
#define bsp_likely(cond)	likely(cond)
#define bsp_unlikely(cond)	unlikely(cond)
#define bsp_barrier()		barrier()
#define bsp_warn_once(cond)	WARN_ON_ONCE(cond)
#define bsp_prefetch(p)		prefetch(p)	/* a hint; @p may be any address */

/* ---- atomics ---- */

#ifdef CONFIG_64BIT

#define bsp_load_relaxed(p)	READ_ONCE(*(p))
#define bsp_store_relaxed(p, v)	WRITE_ONCE(*(p), v)

/* Swap if *p is *oldp, else refresh *oldp. */
#define bsp_try_cmpxchg_release(p, oldp, new)	try_cmpxchg_release(p, oldp, new)
#define bsp_try_cmpxchg_acquire(p, oldp, new)	try_cmpxchg_acquire(p, oldp, new)
#define bsp_try_cmpxchg_relaxed(p, oldp, new)	try_cmpxchg_relaxed(p, oldp, new)

#else

/* A u64 in one piece. */
static inline u64 bsp_load64(const void *p)
{
	return atomic64_read((const atomic64_t *)p);
}

static inline void bsp_store64(void *p, u64 v)
{
	atomic64_set((atomic64_t *)p, v);
}

#define bsp_load_relaxed(p) ({						\
	__auto_type p_ = (p);						\
									\
	__builtin_choose_expr(sizeof(*p_) == 8, bsp_load64(p_), READ_ONCE(*p_)); })

#define bsp_store_relaxed(p, v) do {					\
	__auto_type p_ = (p);						\
	typeof(*p_) v_ = (v);						\
									\
	if (sizeof(v_) == 8)						\
		bsp_store64(p_, __builtin_choose_expr(sizeof(v_) == 8, v_, 0));	\
	else								\
		WRITE_ONCE(*p_, v_);					\
} while (0)

#define bsp_try_cmpxchg_release(p, oldp, new)	\
	atomic64_try_cmpxchg_release((atomic64_t *)(p), (s64 *)(oldp), (s64)(new))
#define bsp_try_cmpxchg_acquire(p, oldp, new)	\
	atomic64_try_cmpxchg_acquire((atomic64_t *)(p), (s64 *)(oldp), (s64)(new))
#define bsp_try_cmpxchg_relaxed(p, oldp, new)	\
	atomic64_try_cmpxchg_relaxed((atomic64_t *)(p), (s64 *)(oldp), (s64)(new))

#endif

/* A loop: fetch-and-add of a plain word is not something every architecture has. */
static inline u64 bsp_sub_return_relaxed(u64 *p, u64 n)
{
	u64 old = bsp_load_relaxed(p);

	while (!bsp_try_cmpxchg_relaxed(p, &old, old - n))
		;
	return old - n;
}

/* Statistics: publish nothing but, where the name says so, that they were counted. */
#define bsp_counter_t		atomic64_t

#define bsp_counter_set(c, v)		atomic64_set(c, v)
#define bsp_counter_add_return(c, n)	((u64)atomic64_add_return_relaxed((s64)(n), c))
#define bsp_counter_add_release(c, n)	((void)atomic64_add_return_release((s64)(n), c))
#define bsp_counter_read(c)		((u64)atomic64_read(c))
#define bsp_counter_read_acquire(c)	((u64)atomic64_read_acquire(c))

extern unsigned long bsp_link_base;	/* percpu.c */

#ifdef CONFIG_64BIT
/*
 * ---- links: how far from the begin of memory, in units of 8 bytes; 0 is NULL ----
 *
 * A capacity of 100000 bytes, exclusive, leaves 47 bits: 1 PiB is reached. One of 4 MiB leaves 42,
 * and not a bit to spare: 32 TiB. The begin is that of the first memory there is, in the direct
 * map: this may begin far below it (arm64). A node never stands where a page begins, so none has
 * link 0, the first page of memory included.
 */
typedef u64 bsp_link_t;

#define BSP_LINK_BITS	(IS_ENABLED(CONFIG_BPF_STREAM_4MIB) ? 42 : 47)

static inline bsp_link_t bsp_link_of(const void *ptr)
{
	return ptr ? ((unsigned long)ptr - bsp_link_base) >> 3 : 0;
}

static inline void *bsp_link_ptr(bsp_link_t link)
{
	return link ? (void *)(bsp_link_base + ((unsigned long)link << 3)) : NULL;
}

static inline bool bsp_link_reaches(const void *ptr)
{
	return !(bsp_link_of(ptr) >> BSP_LINK_BITS);
}

#else
/* ---- links: pointers, which leave 32 bits for the weight ---- */

typedef u32 bsp_link_t;

#define BSP_LINK_BITS	32

static inline bsp_link_t bsp_link_of(const void *ptr)
{
	return (bsp_link_t)(unsigned long)ptr;
}

static inline void *bsp_link_ptr(bsp_link_t link)
{
	return (void *)(unsigned long)link;
}

static inline bool bsp_link_reaches(const void *ptr)
{
	(void)ptr;
	return true;
}

#endif

/*
 * ---- page references ----
 *
 * Not refcount_t: that has no subtraction that depends on the value seen.
 */
typedef atomic_t bsp_ref_t;

static inline void bsp_ref_init(bsp_ref_t *ref, u32 n)
{
	atomic_set(ref, (int)n);
}

static inline u32 bsp_ref_read_acquire(bsp_ref_t *ref)
{
	return (u32)atomic_read_acquire(ref);
}

/* Each RELEASE, the last also ACQUIRE; true for the last. The primitive is fully ordered. */
static inline bool bsp_ref_sub(bsp_ref_t *ref, u32 n)
{
	return atomic_sub_and_test((int)n, ref);
}

/*
 * RELEASE on success; on failure *old is refreshed with ACQUIRE, which takes a load of its own: a
 * failed compare-and-swap has no order.
 */
static inline bool bsp_ref_try_sub_release(bsp_ref_t *ref, u32 *old, u32 n)
{
	int seen = (int)*old;

	if (atomic_try_cmpxchg_release(ref, &seen, (int)(*old - n)))
		return true;
	*old = bsp_ref_read_acquire(ref);
	return false;
}

#include "cpu.h"

/* ---- pages: aligned to their size, contents undefined; NULL is final (percpu.c) ---- */

struct bpfstream_page *bsp_page_alloc(void);
void bsp_page_free(struct bpfstream_page *page);

/* A CPU's pages are like any other's: nobody leaves by longjmp here. */
static inline struct bpfstream_page *bsp_page_alloc_for(const struct bpfstream_cpu *cpu)
{
	(void)cpu;
	return bsp_page_alloc();
}

/* ---- CPUs (percpu.c) ---- */

struct bpfstream_cpu *bsp_cpu_enter(unsigned long *flags);
void bsp_cpu_leave(struct bpfstream_cpu *cpu, unsigned long flags);

/* ---- the readers' mutex: readers are system calls, and may sleep ---- */

struct bsp_mutex {
	struct mutex mutex;	/* protects what the core calls the reader's */
};

static inline void bsp_mutex_init(struct bsp_mutex *m)
{
	mutex_init(&m->mutex);
}

static inline void bsp_mutex_destroy(struct bsp_mutex *m)
{
	mutex_destroy(&m->mutex);
}

static inline void bsp_mutex_lock(struct bsp_mutex *m)
{
	mutex_lock(&m->mutex);
}

static inline void bsp_mutex_unlock(struct bsp_mutex *m)
{
	mutex_unlock(&m->mutex);
}

#endif
