// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * percpu.c - a CPU's levels, and pages from any context
 *
 * Invariants
 *   I1  A level is in use from the store that sets @busy to the one that clears it, with interrupts
 *       off on its CPU: what comes between two instructions is an NMI, or a program that traces
 *       what we call, and has gone when they go on. Plain stores suffice.
 *   I2  A spare page belongs to whoever swaps it out of its place, on whatever CPU.
 *   I3  @pages_taken are not given back yet, never more than @pages_allowed: text that nobody reads
 *       takes a sixteenth of the memory at boot at the worst. Spare pages come on top.
 *
 * A level turns to a spare page, so that with interrupts off nothing is allocated or cleared as a
 * rule. Who writes next fills the spares again before it takes a level. The allocator refuses where
 * its lock is taken, in an NMI on UP, and on PREEMPT_RT in every hard IRQ and NMI. Then irq_work is
 * asked to fill them. Where that fails it is not asked again in this jiffy: a program that traces
 * its interrupt, or the end of it, would have it come back for ever.
 */
#include <linux/cpuhotplug.h>
#include <linux/error-injection.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kasan.h>
#include <linux/memblock.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "page.h"
#include "percpu.h"

#define SPARES	(IS_ENABLED(CONFIG_PREEMPT_RT) ? 8u : 2u)

struct bsp_level {
	struct bpfstream_cpu cpu;
	bool busy;
};

struct bsp_percpu {
	struct bsp_level level[BSP_LEVELS];
	struct bpfstream_page *spare[SPARES];
	struct irq_work refill;
	unsigned long refill_failed;	/* jiffies */
};

static void refill_work(struct irq_work *work);

static DEFINE_PER_CPU(struct bsp_percpu, bsp_percpu) = {
	.refill = IRQ_WORK_INIT(refill_work),
};

unsigned long bsp_link_base __ro_after_init;

static atomic_long_t pages_taken;
static unsigned long pages_allowed = ULONG_MAX;

#if IS_ENABLED(CONFIG_BPF_STREAM_KUNIT_TEST)

static atomic_long_t allocs;
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

unsigned long bsp_pages_live(void)
{
	return (unsigned long)atomic_long_read(&pages_taken);
}

unsigned long bsp_pages_limit(unsigned long limit)
{
	return xchg(&pages_allowed, limit);
}

/* Pages that the levels of all CPUs hold. */
unsigned long bsp_pages_held(void)
{
	unsigned long held = 0;
	unsigned int n;
	int cpu;

	for_each_possible_cpu(cpu)
		for (n = 0; n < BSP_LEVELS; n++)
			held += !!per_cpu(bsp_percpu, cpu).level[n].cpu.page;
	return held;
}

#else

static bool planned_failure(void)
{
	return false;
}

#endif

#ifdef CONFIG_BPF_STREAM_KMALLOC

/* A slab's object of a page's size is aligned to it. */
static struct bpfstream_page *mem_alloc(int node)
{
	return kasan_reset_tag(kmalloc_nolock(BSP_PAGE_SIZE, __GFP_ZERO, node));
}

static void mem_free(struct bpfstream_page *page)
{
	kfree_nolock(page);
}

#else

/* Not charged to a memory cgroup: that would be whichever the CPU happens to run. */
static struct bpfstream_page *mem_alloc(int node)
{
	struct page *page = alloc_pages_nolock(0, node, 0);

	return page ? kasan_reset_tag(page_address(page)) : NULL;
}

static void mem_free(struct bpfstream_page *page)
{
	free_pages_nolock(virt_to_page(page), 0);
}

#endif

/*
 * The pointer has lost KASAN's tag: a link cannot carry it, and the core compares addresses. Memory
 * that no link reaches is as good as none.
 */
static struct bpfstream_page *mem_alloc_linkable(int node)
{
	struct bpfstream_page *page = mem_alloc(node);

	if (page && !bsp_link_reaches(page)) {
		mem_free(page);
		return NULL;
	}
	return page;
}

static struct bpfstream_page *spare_take(struct bsp_percpu *there)
{
	struct bpfstream_page *page = NULL;
	unsigned int n;

	for (n = 0; n < SPARES && !page; n++)
		if (READ_ONCE(there->spare[n]))
			/* ORD(take:S) full, ACQUIRE is needed, pairs with fill:S. */
			page = xchg(&there->spare[n], NULL);
	return page;
}

/* False if the allocator refused. */
static bool spares_fill(struct bsp_percpu *there, int node)
{
	unsigned int n;

	for (n = 0; n < SPARES; n++) {
		struct bpfstream_page *page;

		if (READ_ONCE(there->spare[n]))
			continue;
		page = mem_alloc_linkable(node);
		if (!page)
			return false;
		/* ORD(fill:S) full, RELEASE is needed, pairs with take:S. */
		if (cmpxchg(&there->spare[n], NULL, page))
			mem_free(page);		/* somebody was faster */
	}
	return true;
}

static void refill_work(struct irq_work *work)
{
	struct bsp_percpu *there = container_of(work, struct bsp_percpu, refill);

	if (!spares_fill(there, NUMA_NO_NODE))
		WRITE_ONCE(there->refill_failed, jiffies);
}

/*
 * Not an addition taken back: that would refuse a page to others who have room. Relaxed: a number,
 * which orders no use of a page; the allocator and S do.
 */
static bool count_page(void)
{
	long taken = atomic_long_read(&pages_taken);

	do {
		if ((unsigned long)taken >= READ_ONCE(pages_allowed))
			return false;
	} while (!atomic_long_try_cmpxchg_relaxed(&pages_taken, &taken, taken + 1));
	return true;
}

/**
 * bsp_pages_refill() - see to it that there are spare pages
 *
 * Context: Any context, NMI-safe; where nothing can be had, irq_work is asked.
 */
void bsp_pages_refill(void)
{
	struct bsp_percpu *here = raw_cpu_ptr(&bsp_percpu);

	if (!spares_fill(here, NUMA_NO_NODE) && time_after(jiffies, READ_ONCE(here->refill_failed)))
		irq_work_queue(&here->refill);
}

/**
 * bsp_page_alloc() - a page
 *
 * Context: Any context, NMI-safe.
 * Return: page; NULL if there is none to be had here and now, or all that are allowed are taken.
 */
struct bpfstream_page *bsp_page_alloc(void)
{
	struct bpfstream_page *page = NULL;

	if (!count_page())
		return NULL;
	if (!planned_failure()) {
		page = spare_take(raw_cpu_ptr(&bsp_percpu));
		if (!page)
			page = mem_alloc_linkable(NUMA_NO_NODE);
	}
	if (!page)
		atomic_long_dec(&pages_taken);
	return page;
}

#if IS_ENABLED(CONFIG_BPF_STREAM_KUNIT_TEST)
/* For tests only: the verifier takes what may fail for what may sleep. */
ALLOW_ERROR_INJECTION(bsp_page_alloc, NULL);
#endif

/**
 * bsp_page_free() - give a page back
 * @page: page that nobody uses any more
 *
 * Context: Any context, NMI-safe.
 */
void bsp_page_free(struct bpfstream_page *page)
{
	mem_free(page);
	atomic_long_dec(&pages_taken);
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
	struct bsp_percpu *here;
	unsigned int n;

	local_irq_save(*flags);
	here = this_cpu_ptr(&bsp_percpu);
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
	struct bsp_level *level = container_of(cpu, struct bsp_level, cpu);

	barrier();
	WRITE_ONCE(level->busy, false);
	local_irq_restore(flags);
}

/* ---- CPUs that come and go ---- */

static int cpu_prepare(unsigned int cpu)
{
	struct bsp_percpu *there = per_cpu_ptr(&bsp_percpu, cpu);

	there->refill_failed = jiffies - 1;
	spares_fill(there, cpu_to_node(cpu));
	return 0;
}

/* Nobody runs there any more: what its levels and its spares hold is given back. */
static int cpu_dead(unsigned int cpu)
{
	struct bsp_percpu *there = per_cpu_ptr(&bsp_percpu, cpu);
	struct bpfstream_page *page;
	unsigned int n;

	for (n = 0; n < BSP_LEVELS; n++) {
		struct bpfstream_cpu *level = &there->level[n].cpu;

		page = level->page;
		level->page = NULL;
		if (page)
			bpfstream_page_retire(page, level->carved);
	}
	while ((page = spare_take(there)))
		mem_free(page);
	return 0;
}

/* Before any CPU is ours, and before anybody prints. */
static int __init links_init(void)
{
	bsp_link_base = (unsigned long)__va(PFN_PHYS(min_low_pfn));
	return 0;
}
early_initcall(links_init);

static int __init bsp_pages_init(void)
{
	int err;

	pages_allowed = (totalram_pages() - totalhigh_pages()) / 16;
	if (!bsp_link_reaches(__va(PFN_PHYS(max_pfn) - 8)))
		pr_warn("BPF streams: no text can lie in the uppermost memory\n");
	err = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "bpf/stream:prepare", cpu_prepare, cpu_dead);
	return err < 0 ? err : 0;
}
core_initcall(bsp_pages_init);
