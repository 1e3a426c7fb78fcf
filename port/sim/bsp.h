/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bsp.h - the shim, simulator port: a CPU is a coroutine, an NMI is a call on top of it
 *
 * The same names and promises as the other ports', and never more order than a name asks for: what
 * relies on more fails here. Each operation is a point at which the explorer may do something else
 * first. The core's plain accesses are seen too: it is compiled with -fsanitize=thread, whose calls
 * end in memory.c.
 */
#ifndef BSP_H
#define BSP_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#include "sim.h"

#define BSP_PAGE_SIZE		SIM_PAGE_SIZE	/* small: a few messages turn a page */
#define BSP_MUST_CHECK		__attribute__((__warn_unused_result__))
#define BSP_INLINE		inline __attribute__((__always_inline__))
#define BSP_LINE_ALIGNED	__attribute__((__aligned__(64)))

#define bsp_container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define bsp_likely(cond)	(cond)
#define bsp_unlikely(cond)	(cond)
#define bsp_barrier()		sim_point(SIM_LOCAL, NULL)
#define bsp_warn_once(cond)	sim_warn(cond)
#define bsp_prefetch(p)		((void)(p))
#define memcpy(dst, src, n)	sim_memcpy((dst), (src), (n))

/* ---- atomics ---- */

/* Where the core is, for traces and for labels that share an operation. */
#define SIM_HERE	(sim_here = (struct sim_site){ __func__, __LINE__ })

#define bsp_load_relaxed(p) ({								\
	union { __typeof__(*(p)) typed; u64 raw; } word_;				\
											\
	SIM_HERE;									\
	word_.raw = sim_load((p), sizeof(*(p)));					\
	word_.typed; })

#define bsp_store_relaxed(p, v) do {							\
	union { __typeof__(*(p)) typed; u64 raw; } word_ = { .raw = 0 };		\
											\
	word_.typed = (v);								\
	SIM_HERE;									\
	sim_store((p), sizeof(*(p)), word_.raw);					\
} while (0)

#define bsp_try_cmpxchg_release(p, oldp, new)	\
	(SIM_HERE, sim_cmpxchg((p), (oldp), (new), SIM_RELEASE, SIM_PUSH_A))
#define bsp_try_cmpxchg_acquire(p, oldp, new)	\
	(SIM_HERE, sim_cmpxchg((p), (oldp), (new), SIM_ACQUIRE, SIM_TAKE_A))
#define bsp_sub_return_relaxed(p, n)	(SIM_HERE, sim_add((p), 8, -(u64)(n), 0))

typedef u64 bsp_counter_t;

#define bsp_counter_set(c, v)		(SIM_HERE, sim_store((c), 8, (v)))
#define bsp_counter_add_return(c, n)	(SIM_HERE, sim_add((c), 8, (n), 0))
#define bsp_counter_add_release(c, n)	\
	(SIM_HERE, (void)sim_add((c), 8, (n), sim_order(SIM_TURN_N, SIM_RELEASE)))
#define bsp_counter_read(c)		(SIM_HERE, sim_load((c), 8))
#define bsp_counter_read_acquire(c)	\
	(SIM_HERE, sim_load_order((c), 8, sim_order(SIM_READ_N, SIM_ACQUIRE)))

/* ---- links ---- */

typedef u32 bsp_link_t;

#define BSP_LINK_BITS	32

static inline bsp_link_t bsp_link_of(const void *ptr)
{
	return ptr ? (bsp_link_t)((size_t)((const char *)ptr - sim_area) >> 3) : 0;
}

static inline void *bsp_link_ptr(bsp_link_t link)
{
	return link ? sim_area + ((size_t)link << 3) : NULL;
}

/* ---- page references (world.c) ---- */

typedef u32 bsp_ref_t;

#define bsp_ref_init(ref, n)		(SIM_HERE, sim_ref_init((ref), (n)))
#define bsp_ref_read_acquire(ref)	(SIM_HERE, sim_ref_read(ref))
#define bsp_ref_sub(ref, n)		(SIM_HERE, sim_ref_sub((ref), (n)))
#define bsp_ref_try_sub_release(ref, old, n)	(SIM_HERE, sim_ref_try_sub((ref), (old), (n)))

void sim_ref_init(bsp_ref_t *ref, u32 n);
u32 sim_ref_read(bsp_ref_t *ref);
bool sim_ref_sub(bsp_ref_t *ref, u32 n);
bool sim_ref_try_sub(bsp_ref_t *ref, u32 *old, u32 n);

/* ---- CPUs, pages, the readers' mutex (world.c) ---- */

#include "cpu.h"

struct bpfstream_cpu *bsp_cpu_enter(unsigned long *flags);
void bsp_cpu_leave(struct bpfstream_cpu *cpu, unsigned long flags);

struct bpfstream_page *bsp_page_alloc_for(const struct bpfstream_cpu *cpu);
void bsp_page_free(struct bpfstream_page *page);

/* @holder: 0, or the number of the task that has it */
struct bsp_mutex {
	u32 holder;
};

void bsp_mutex_init(struct bsp_mutex *mutex);
void bsp_mutex_destroy(struct bsp_mutex *mutex);
void bsp_mutex_lock(struct bsp_mutex *mutex);
void bsp_mutex_unlock(struct bsp_mutex *mutex);

#endif
