// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * percpu.c - a CPU's levels, and pages from any context
 *
 * Invariants
 *   I1  A level is in use from the store that sets @busy to the one that clears it, with interrupts
 *       off on its CPU: what comes between two instructions is an NMI, or a program that traces
 *       what we call, and has gone when they go on. Plain stores suffice.
 *   I2  A spare page belongs to whoever swaps it out of its place, on whatever CPU.
 *
 * The allocator refuses where its lock is taken, in an NMI on UP, and on PREEMPT_RT in every hard
 * IRQ and NMI. Then a spare page is used. The spares are filled again by whoever writes next where
 * the allocator does not refuse, and at the latest by irq_work, which is a thread on RT.
 */
#include <linux/error-injection.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/kasan.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "page.h"
#include "percpu.h"

#define SPARES	(IS_ENABLED(CONFIG_PREEMPT_RT) ? 8u : 2u)

struct level {
	struct bpfstream_cpu cpu;
	bool busy;
};

struct percpu {
	struct level level[BSP_LEVELS];
	struct bpfstream_page *spare[SPARES];
	struct irq_work refill;
};

static void refill_work(struct irq_work *work)
{
	bsp_pages_refill();
}

static DEFINE_PER_CPU(struct percpu, percpu) = {
	.refill = IRQ_WORK_INIT(refill_work),
};

#if IS_ENABLED(CONFIG_BPF_STREAM_KUNIT_TEST)

static atomic_long_t allocs, live;
static unsigned long fail_from, fail_nr;

void bsp_pages_fail(unsigned long nth, unsigned long nr)
{
	WRITE_ONCE(fail_nr, 0);
	WRITE_ONCE(fail_from, (unsigned long)atomic_long_read(&allocs) + nth);
	WRITE_ONCE(fail_nr, nr);
}

/* Whether an allocation is to fail. */
static bool planned_failure(void)
{
	unsigned long nth = (unsigned long)atomic_long_inc_return(&allocs);

	return READ_ONCE(fail_nr) && nth - READ_ONCE(fail_from) < READ_ONCE(fail_nr);
}

/* Pages that were taken and not given back. */
unsigned long bsp_pages_live(void)
{
	return (unsigned long)atomic_long_read(&live);
}

/* Pages that the levels of all CPUs hold. */
unsigned long bsp_pages_held(void)
{
	unsigned long held = 0;
	unsigned int n;
	int cpu;

	for_each_possible_cpu(cpu)
		for (n = 0; n < BSP_LEVELS; n++)
			held += !!per_cpu(percpu, cpu).level[n].cpu.page;
	return held;
}

static void count_live(int n)
{
	atomic_long_add(n, &live);
}

#else

static bool planned_failure(void)
{
	return false;
}

static void count_live(int n)
{
}

#endif

#ifdef CONFIG_BPF_STREAM_KMALLOC

/* A slab's object of a page's size is aligned to it. */
static struct bpfstream_page *mem_alloc(void)
{
	return kasan_reset_tag(kmalloc_nolock(PAGE_SIZE, __GFP_ZERO, NUMA_NO_NODE));
}

static void mem_free(struct bpfstream_page *page)
{
	kfree_nolock(page);
}

#else

/* Not charged to a memory cgroup: that would be whichever the CPU happens to run. */
static struct bpfstream_page *mem_alloc(void)
{
	struct page *page = alloc_pages_nolock(0, NUMA_NO_NODE, 0);

	return page ? kasan_reset_tag(page_address(page)) : NULL;
}

static void mem_free(struct bpfstream_page *page)
{
	free_pages_nolock(virt_to_page(page), 0);
}

#endif

/*
 * The pointer has lost KASAN's tag: a link cannot carry it, and the core compares addresses. Memory
 * that no link reaches, on machines with more than 32 TiB, is as good as none.
 */
static struct bpfstream_page *mem_alloc_linkable(void)
{
	struct bpfstream_page *page = mem_alloc();

	if (page && (u64)bsp_link_of(page) >> BSP_LINK_BITS) {
		mem_free(page);
		return NULL;
	}
	return page;
}

static struct bpfstream_page *spare_take(void)
{
	struct percpu *here = raw_cpu_ptr(&percpu);
	struct bpfstream_page *page = NULL;
	unsigned int n;

	for (n = 0; n < SPARES && !page; n++)
		if (READ_ONCE(here->spare[n]))
			page = xchg(&here->spare[n], NULL);
	if (page)
		irq_work_queue(&here->refill);
	return page;
}

static void spares_fill(struct percpu *there)
{
	unsigned int n;

	for (n = 0; n < SPARES; n++) {
		struct bpfstream_page *page;

		if (READ_ONCE(there->spare[n]))
			continue;
		page = mem_alloc_linkable();
		if (!page)
			return;
		if (cmpxchg(&there->spare[n], NULL, page))
			mem_free(page);		/* somebody was faster */
	}
}

/**
 * bsp_pages_refill() - see to it that there are spare pages
 *
 * Context: Any context, NMI-safe; does nothing where nothing can be had.
 */
void bsp_pages_refill(void)
{
	spares_fill(raw_cpu_ptr(&percpu));
}

/**
 * bsp_page_alloc() - a page
 *
 * Context: Any context, NMI-safe.
 * Return: page; NULL if there is none to be had here and now.
 */
struct bpfstream_page *bsp_page_alloc(void)
{
	struct bpfstream_page *page;

	if (planned_failure())
		return NULL;
	page = mem_alloc_linkable();
	if (!page)
		page = spare_take();
	if (page)
		count_live(1);
	return page;
}
ALLOW_ERROR_INJECTION(bsp_page_alloc, NULL);

/**
 * bsp_page_free() - give a page back
 * @page: page that nobody uses any more
 *
 * Context: Any context, NMI-safe.
 */
void bsp_page_free(struct bpfstream_page *page)
{
	count_live(-1);
	mem_free(page);
}

/**
 * bsp_cpu_enter() - get the page of this CPU at this nesting level
 * @flags: for bsp_cpu_leave()
 *
 * Context: Any context, NMI-safe. Interrupts are off until bsp_cpu_leave().
 * Return: state that nothing else touches until then; NULL past the deepest level, with interrupts
 *	as they were.
 */
struct bpfstream_cpu *bsp_cpu_enter(unsigned long *flags)
{
	struct percpu *here;
	unsigned int n;

	local_irq_save(*flags);
	here = this_cpu_ptr(&percpu);
	for (n = 0; n < BSP_LEVELS; n++) {
		if (READ_ONCE(here->level[n].busy))
			continue;
		WRITE_ONCE(here->level[n].busy, true);
		barrier();	/* what is the level's, after it is ours */
		return &here->level[n].cpu;
	}
	local_irq_restore(*flags);
	return NULL;
}

/**
 * bsp_cpu_leave() - give the level back
 * @cpu: from bsp_cpu_enter()
 * @flags: as bsp_cpu_enter() set them
 *
 * Context: Any context, NMI-safe.
 */
void bsp_cpu_leave(struct bpfstream_cpu *cpu, unsigned long flags)
{
	struct level *level = container_of(cpu, struct level, cpu);

	barrier();
	WRITE_ONCE(level->busy, false);
	local_irq_restore(flags);
}

static int __init bsp_pages_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		spares_fill(per_cpu_ptr(&percpu, cpu));
	return 0;
}
core_initcall(bsp_pages_init);
