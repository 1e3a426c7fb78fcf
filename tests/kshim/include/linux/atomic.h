/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each operation has its kernel order and no more: a failed compare-and-swap has none.
 */
#ifndef KSHIM_LINUX_ATOMIC_H
#define KSHIM_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

#define KSHIM_TRY_CMPXCHG(p, oldp, new, order) \
	__atomic_compare_exchange_n((p), (oldp), (new), false, (order), __ATOMIC_RELAXED)

#define try_cmpxchg_relaxed(p, oldp, new)	KSHIM_TRY_CMPXCHG(p, oldp, new, __ATOMIC_RELAXED)
#define try_cmpxchg_acquire(p, oldp, new)	KSHIM_TRY_CMPXCHG(p, oldp, new, __ATOMIC_ACQUIRE)
#define try_cmpxchg_release(p, oldp, new)	KSHIM_TRY_CMPXCHG(p, oldp, new, __ATOMIC_RELEASE)

static inline void atomic_set(atomic_t *v, int i)
{
	WRITE_ONCE(v->counter, i);
}

static inline int atomic_read_acquire(const atomic_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}

static inline bool atomic_sub_and_test(int i, atomic_t *v)
{
	return !__atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

static inline bool atomic_try_cmpxchg_release(atomic_t *v, int *old, int new)
{
	return try_cmpxchg_release(&v->counter, old, new);
}

static inline void atomic64_set(atomic64_t *v, s64 i)
{
	WRITE_ONCE(v->counter, i);
}

static inline s64 atomic64_read(const atomic64_t *v)
{
	return READ_ONCE(v->counter);
}

static inline s64 atomic64_read_acquire(const atomic64_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);
}

static inline s64 atomic64_add_return_relaxed(s64 i, atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_RELAXED);
}

static inline s64 atomic64_add_return_release(s64 i, atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_RELEASE);
}

static inline long atomic_long_read(const atomic_long_t *v)
{
	return READ_ONCE(v->counter);
}

static inline bool atomic_long_try_cmpxchg_relaxed(atomic_long_t *v, long *old, long new)
{
	return try_cmpxchg_relaxed(&v->counter, old, new);
}

static inline void atomic_long_dec(atomic_long_t *v)
{
	__atomic_sub_fetch(&v->counter, 1, __ATOMIC_RELAXED);
}

#define xchg(p, v)		__atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define cmpxchg(p, o, n) ({						\
	__typeof__(*(p)) old_ = (o);					\
									\
	__atomic_compare_exchange_n((p), &old_, (n), false, __ATOMIC_SEQ_CST,	\
				    __ATOMIC_SEQ_CST);			\
	old_; })

#endif
