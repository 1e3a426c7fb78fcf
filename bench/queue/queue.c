// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * queue.c - pushing a node that is ready, nothing else: the list under the log, and others
 *
 * Nodes are a cache line apart, and a burst long, since bursts are drained.
 */
#include "common.h"
#include "harness.h"

#define MAX_THREADS	2u
#define NR_NODES	1024u

#define BPFSTREAM_LLIST	0
#define URCU_WFCQUEUE	1
#define URCU_WFSTACK	2
#define URCU_LFSTACK	3
#define CK_STACK	4
#define CK_FIFO		5
#define CK_RING_MPMC	6
#define CK_RING_SPSC	7

#define NODES(type)									\
	static struct {									\
		type node;								\
	} __attribute__((__aligned__(64))) nodes[MAX_THREADS + 1][NR_NODES]		\
		__attribute__((__aligned__(BENCH_LINE)));				\
	static __thread unsigned int next_node;						\
	static type *node(void)								\
	{										\
		return &nodes[thread + 1][next_node++ % NR_NODES].node;			\
	}

static __thread unsigned int thread;

#if QUEUE == BPFSTREAM_LLIST
#include "llist.h"
NODES(struct bpfstream_node)
static struct bpfstream_llist list __attribute__((__aligned__(BENCH_LINE)));

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	bsp_arena = (char *)nodes;	/* the first row is never used: link 0 is no node */
}

static inline void push(void)
{
	struct bpfstream_node *n = node();
	u64 before;

	if (!bpfstream_llist_push(&list, n, n, 1, 1u << 20, &before))
		bench_die("push");
}

static unsigned long drain(void)
{
	bpfstream_llist_take(&list);
	bpfstream_llist_lighten(&list, bpfstream_llist_weight(&list));
	return 0;
}
#elif QUEUE == URCU_WFCQUEUE
#define _LGPL_SOURCE
#include <urcu/wfcqueue.h>
NODES(struct cds_wfcq_node)
static struct cds_wfcq_head head __attribute__((__aligned__(BENCH_LINE)));
static struct cds_wfcq_tail tail __attribute__((__aligned__(BENCH_LINE)));

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	cds_wfcq_init(&head, &tail);
}

static inline void push(void)
{
	struct cds_wfcq_node *n = node();

	cds_wfcq_node_init(n);
	cds_wfcq_enqueue(&head, &tail, n);
}

static unsigned long drain(void)
{
	while (__cds_wfcq_dequeue_blocking(&head, &tail))
		;
	return 0;
}
#elif QUEUE == URCU_WFSTACK
#define _LGPL_SOURCE
#include <urcu/wfstack.h>
NODES(struct cds_wfs_node)
static struct cds_wfs_stack stack __attribute__((__aligned__(BENCH_LINE)));

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	cds_wfs_init(&stack);
}

static inline void push(void)
{
	struct cds_wfs_node *n = node();

	cds_wfs_node_init(n);
	cds_wfs_push(&stack, n);
}

static unsigned long drain(void)
{
	__cds_wfs_pop_all(&stack);
	return 0;
}
#elif QUEUE == URCU_LFSTACK
#define _LGPL_SOURCE
#include <urcu/lfstack.h>
NODES(struct cds_lfs_node)
static struct cds_lfs_stack stack __attribute__((__aligned__(BENCH_LINE)));

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	cds_lfs_init(&stack);
}

static inline void push(void)
{
	struct cds_lfs_node *n = node();

	cds_lfs_node_init(n);
	cds_lfs_push(&stack, n);
}

static unsigned long drain(void)
{
	__cds_lfs_pop_all(&stack);
	return 0;
}
#elif QUEUE == CK_STACK
#include <ck_stack.h>
NODES(struct ck_stack_entry)
static struct ck_stack stack __attribute__((__aligned__(BENCH_LINE)));

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	ck_stack_init(&stack);
}

static inline void push(void)
{
	ck_stack_push_upmc(&stack, node());
}

static unsigned long drain(void)
{
	ck_stack_batch_pop_upmc(&stack);
	return 0;
}
#elif QUEUE == CK_FIFO
#include <ck_fifo.h>
NODES(struct ck_fifo_mpmc_entry)
static ck_fifo_mpmc_t fifo __attribute__((__aligned__(BENCH_LINE)));
static struct ck_fifo_mpmc_entry first;

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	ck_fifo_mpmc_init(&fifo, &first);
}

static inline void push(void)
{
	ck_fifo_mpmc_enqueue(&fifo, node(), &first);
}

static unsigned long drain(void)
{
	ck_fifo_mpmc_init(&fifo, &first);
	return 0;
}
#else
#include <ck_ring.h>
NODES(char)
static ck_ring_t ring __attribute__((__aligned__(BENCH_LINE)));
static ck_ring_buffer_t slots[4 * NR_NODES];

static void init(unsigned int nr_threads)
{
	(void)nr_threads;
	ck_ring_init(&ring, 4 * NR_NODES);
}

static inline void push(void)
{
#if QUEUE == CK_RING_MPMC
	ck_ring_enqueue_mpmc(&ring, slots, node());
#else
	ck_ring_enqueue_spsc(&ring, slots, node());
#endif
}

static unsigned long drain(void)
{
	void *entry;

	while (ck_ring_dequeue_spsc(&ring, slots, &entry))
		;
	return 0;
}
#endif

static void thread_init(unsigned int number)
{
	if (number >= MAX_THREADS)
		bench_die("too many threads");
	thread = number;
}

BENCH_LOOP(run_f1, push())

const struct bench_candidate bench_candidate = {
	.bench = "queue",
	.name = BENCH_NAME,
	.init = init,
	.thread_init = thread_init,
	.drain = drain,
	.run = { run_f1 },
};
