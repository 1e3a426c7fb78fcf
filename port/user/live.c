// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * live.c - programs, and the list of those that live
 *
 * The list has two kinds of walkers. A thread that is registered with liburcu walks it in a read
 * side critical section. A crash handler in a thread that never registered, or on an alternate
 * stack (where liburcu's read side must not be used), walks it bare. Both pin what they use.
 *
 * Invariants
 *   I1  A program's storage is never unmapped and only ever holds programs: a bare walker that
 *       is overtaken by a destroy meets a program or the end of the list, never something else.
 *   I2  A pinned live program stays whole: destroy takes it off the list, waits a grace period,
 *       waits for the pins, and only then empties it.
 *   I3  One lock orders create and destroy. It is not taken in handlers.
 *
 * Ordering
 *   add:G -> walk:G      a program's making, then its place on the list
 *   remove:H <-> pin:H   of "no longer live, then look for pins" and "pin, then look whether it
 *                        is live" one sees the other: all four are sequentially consistent
 *   unpin:J -> drained:J  what a walker did to a program, then its emptying
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <urcu-bp.h>

#include "fork.h"
#include "live.h"
#include "mutex.h"
#include "slot.h"

#define CHUNK	16u	/* programs mapped at a time */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static u32 lock_holder;
static struct bpfstream_prog *head;
static struct bpfstream_prog *spare;
static u64 max_capacity;

/* A child makes the lock anew before it takes it: who held it in the parent is not here. */
void bsp_live_lock(void)
{
	if (bsp_fork_unseen())
		bsp_fork_child();
	bsp_mutex_wait(&lock);
	bsp_store_relaxed(&lock_holder, bsp_gettid());
}

void bsp_live_unlock(void)
{
	bsp_store_relaxed(&lock_holder, 0u);
	pthread_mutex_unlock(&lock);
}

static bool map_chunk(void)
{
	size_t bytes = CHUNK * sizeof(struct bpfstream_prog);
	struct bpfstream_prog *prog;
	u32 i;

	prog = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (prog == MAP_FAILED)
		return false;
	bsp_note_own_memory(prog, bytes);
	bsp_note_shared(&head, sizeof(head));
	bsp_note_shared(&max_capacity, sizeof(max_capacity));
	bsp_note_shared(&lock_holder, sizeof(lock_holder));
	for (i = 0; i < CHUNK; i++) {
		bsp_note_shared(&prog[i].next, sizeof(prog[i].next));
		bsp_note_shared(&prog[i].live, sizeof(prog[i].live));
		bsp_note_shared(&prog[i].pins, sizeof(prog[i].pins));
		prog[i].next = spare;
		spare = &prog[i];
	}
	return true;
}

/**
 * bsp_live_new() - storage for a program
 *
 * Context: Process, with bsp_live_lock().
 * Return: storage, or NULL.
 */
struct bpfstream_prog *bsp_live_new(void)
{
	struct bpfstream_prog *prog;

	if (!spare && !map_chunk())
		return NULL;
	prog = spare;
	spare = prog->next;
	/* Walkers meet these words at any time: pin:H and walk:G say what they order. */
	bsp_note_unordered(&head, sizeof(head));
	bsp_note_unordered(&max_capacity, sizeof(max_capacity));
	bsp_note_unordered(&prog->next, sizeof(prog->next));
	bsp_note_unordered(&prog->live, sizeof(prog->live));
	return prog;
}

/* Storage of a program that is no more, for the next. With bsp_live_lock(). */
void bsp_live_recycle(struct bpfstream_prog *prog)
{
	bsp_store_relaxed(&prog->next, spare);
	spare = prog;
}

static struct bpfstream_prog **slot_of(const struct bpfstream_prog *prog)
{
	struct bpfstream_prog **at = &head;

	while (*at != prog)
		at = &(*at)->next;
	return at;
}

/**
 * bsp_live_add() - put a program at the end of the list
 * @prog: program, complete
 *
 * Context: Process, with bsp_live_lock().
 */
void bsp_live_add(struct bpfstream_prog *prog)
{
	struct bpfstream_prog **end = slot_of(NULL);
	u32 i;

	bsp_store_relaxed(&prog->next, NULL);
	bsp_note_release(&prog->live);
	/* ORD(add:G) RELEASE (by SEQ_CST), pairs with walk:G where a stale link leads here. */
	__atomic_store_n(&prog->live, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < BSP_NR_STREAMS; i++)
		if (prog->stream[i].capacity > max_capacity)
			bsp_store_relaxed(&max_capacity, (u64)prog->stream[i].capacity);
	bsp_note_release(end);
	__atomic_store_n(end, prog, __ATOMIC_RELEASE);	/* ORD(add:G) RELEASE, pairs with walk:G */
}

/* The largest capacity that any program had so far: no longer group can ever be committed. */
u64 bsp_live_max_capacity(void)
{
	return bsp_load_relaxed(&max_capacity);
}

/* liburcu waits in a cancellation point, with locks of its own held. */
static void grace_period(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	urcu_bp_synchronize_rcu();
	pthread_setcancelstate(state, NULL);
}

/* Until those who found it are past it. If a handler has forked since @life, they are not here. */
static void wait_for_pins(struct bpfstream_prog *prog, u32 life)
{
	/* ORD(drained:J) ACQUIRE (by SEQ_CST), pairs with unpin:J. */
	while (__atomic_load_n(&prog->pins, __ATOMIC_SEQ_CST)) {
		if (bsp_fork_unseen())
			bsp_fork_child();
		/* Relaxed, both: as in bsp_fork_settle(), and then nobody else is here. */
		if (bsp_load_relaxed(&bsp_fork_life) != life)
			bsp_store_relaxed(&prog->pins, 0u);
		sched_yield();
	}
	bsp_note_acquire(&prog->pins);
}

/**
 * bsp_live_remove() - take a program off the list and wait for those who found it there
 * @prog: program
 *
 * In a forked child liburcu's state is the parent's, so there the pins alone are waited for.
 *
 * Context: Process; may sleep.
 */
void bsp_live_remove(struct bpfstream_prog *prog)
{
	struct bpfstream_prog **at;
	u32 life;

	bsp_live_lock();
	life = bsp_load_relaxed(&bsp_fork_life);
	/* ORD(remove:H) SEQ_CST, pairs with pin:H. */
	__atomic_store_n(&prog->live, 0, __ATOMIC_SEQ_CST);
	at = slot_of(prog);
	bsp_note_release(at);
	/* ORD(add:G) RELEASE, pairs with walk:G: the lock has brought us the next one's making. */
	__atomic_store_n(at, prog->next, __ATOMIC_RELEASE);
	bsp_live_unlock();
	if (!bsp_fork_is_child())
		grace_period();
	wait_for_pins(prog, life);
}

/* Have liburcu know this thread, so that its walks are covered. Context: Process. */
void bsp_live_register(void)
{
	struct bsp_slot *slot = bsp_slot_self();

	if (!slot || bsp_load_relaxed(&slot->rcu) || bsp_fork_is_child())
		return;
	urcu_bp_register_thread();
	bsp_store_relaxed(&slot->rcu, true);
}

static bool on_alternate_stack(void)
{
	stack_t now = { .ss_flags = SS_ONSTACK };	/* in doubt */
	int saved = errno;

	if (sigaltstack(NULL, &now))
		errno = saved;
	return now.ss_flags & SS_ONSTACK;
}

/**
 * bsp_live_begin() - begin a walk
 *
 * Context: Any.
 * Return: for bsp_live_end().
 */
bool bsp_live_begin(void)
{
	struct bsp_slot *slot = bsp_slot_self();

	if (!slot || !bsp_load_relaxed(&slot->rcu) || on_alternate_stack())
		return false;
	urcu_bp_read_lock();
	return true;
}

/* A child forgets all pins, those of a walk too that a handler's fork has interrupted. */
static void unpin(struct bpfstream_prog *prog)
{
	u32 pins = bsp_load_relaxed(&prog->pins);

	bsp_note_release(&prog->pins);
	/* ORD(unpin:J) RELEASE, pairs with drained:J. */
	while (pins && !__atomic_compare_exchange_n(&prog->pins, &pins, pins - 1, false,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/**
 * bsp_live_next() - the next live program, pinned
 * @prog: the one before, whose pin goes; NULL at first
 *
 * Context: Any, between bsp_live_begin() and bsp_live_end().
 * Return: program, or NULL at the end.
 */
struct bpfstream_prog *bsp_live_next(struct bpfstream_prog *prog)
{
	struct bpfstream_prog *next = prog;

	for (;;) {
		struct bpfstream_prog **from = next ? &next->next : &head;
		u32 live;

		next = __atomic_load_n(from, __ATOMIC_ACQUIRE);	/* ORD(walk:G), pairs with add:G */
		bsp_note_acquire(from);
		if (!next)
			break;
		/*
		 * ORD(pin:H) SEQ_CST, pairs with remove:H. ORD(walk:G) ACQUIRE, the second: the
		 * link may be that of a program that is no more, whose successor ended and was
		 * made anew.
		 */
		__atomic_fetch_add(&next->pins, 1, __ATOMIC_SEQ_CST);
		live = __atomic_load_n(&next->live, __ATOMIC_SEQ_CST);
		bsp_note_acquire(&next->live);
		if (live)
			break;
		unpin(next);
	}
	if (prog)
		unpin(prog);
	return next;
}

/* End a walk that has come to its end. */
void bsp_live_end(bool locked)
{
	if (locked)
		urcu_bp_read_unlock();
}

static long swallow(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	long bytes = 0;

	(void)ctx;
	while (nr--)
		bytes += (long)piece[nr].len;
	return bytes;
}

/*
 * The parent's text is not the child's to print. A read that the fork has interrupted in this
 * thread, @parent_tid in the parent, keeps the lock and what it has in hand.
 */
static void __attribute__((__noinline__)) stream_after_fork(struct bpfstream *s, u32 parent_tid)
{
	u32 holder = bsp_load_relaxed(&s->lock.holder);
	struct bpfstream_total lost = bpfstream_lost(s);

	s->told = lost.count;		/* losses of the parent are the parent's to tell */
	s->told_bytes = lost.sum;
	if (holder && holder == parent_tid) {
		bsp_store_relaxed(&s->lock.holder, bsp_asktid());
		(void)bpfstream_deliver_hidden(s, swallow, NULL);
		bpfstream_discard_log(s);
		return;
	}
	bsp_mutex_renew(&s->lock.mutex);
	bsp_store_relaxed(&s->lock.holder, 0u);
	s->in_hand = 0;
	bpfstream_discard(s);
	if (!bsp_slot_dumps())
		bpfstream_llist_init(&s->log);	/* a reader left behind may have had text */
}

/**
 * bsp_live_after_fork() - in a forked child: forget the parent's text, eventfds and locks
 * @parent_tid: what this thread was in the parent
 *
 * Context: Any; nobody else is in the process, and signals are blocked.
 */
void bsp_live_after_fork(u32 parent_tid)
{
	struct bpfstream_prog *prog;
	u32 i;

	/* Another thread may have had the lock and not said so yet. */
	if (!lock_holder || lock_holder != parent_tid) {
		bsp_mutex_renew(&lock);
		lock_holder = 0;
	}
	for (prog = head; prog; prog = prog->next) {
		prog->efd = -1;
		prog->efd_given = false;
		prog->watchers = 0;
		prog->told = (prog->told | 1) + 1;
		prog->pins = 0;
		for (i = 0; i < BSP_NR_STREAMS; i++)
			stream_after_fork(&prog->stream[i], parent_tid);
	}
}

/* Relaxed: nobody else is in the process. */
static void recount(struct bpfstream *s)
{
	u64 link = bsp_load_relaxed(&s->log.word) & BPFSTREAM_LINK_MASK;
	u64 bytes = bpfstream_text_rest(s->backlog.first);

	bytes += bpfstream_text_rest(bpfstream_elem_of(bsp_link_ptr((bsp_link_t)link)));
	bsp_store_relaxed(&s->log.word, bytes << BSP_LINK_BITS | link);
}

/**
 * bsp_live_settle() - in a forked child: charge for what waits, and nothing else
 *
 * But for a stream that this thread reads.
 *
 * Context: Any; nobody else is in the process, and signals are blocked.
 */
void bsp_live_settle(void)
{
	struct bpfstream_prog *prog;
	u32 i;

	for (prog = head; prog; prog = prog->next)
		for (i = 0; i < BSP_NR_STREAMS; i++)
			if (bsp_load_relaxed(&prog->stream[i].lock.holder) != bsp_gettid())
				recount(&prog->stream[i]);
}
