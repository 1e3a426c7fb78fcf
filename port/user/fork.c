// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fork.c - how a forked child learns that it is one, without pthread_atfork()
 *
 * A word lives in a page that the kernel wipes on fork. Whoever finds it 0 is a child at its first
 * call, in whatever context: it drops what it inherited and sets the word. Other threads did not
 * come along, and whatever locks they held are made anew.
 *
 * The first to call need not be the thread that forked: a daemon forks, starts threads, and they
 * print. Then the thread that forked has lost its slot, and learns so from @bsp_fork_life.
 *
 * Where the kernel cannot wipe, the word stays 0 and every call compares process ids.
 *
 * Invariants
 *   I1  Nothing of the parent is touched: its eventfds are forgotten, not closed or written.
 *   I2  A print, read or dump that the fork interrupted goes on in both processes and finds its
 *       level, its page and what it has in hand. (Its process has no other thread before it ends.)
 *   I3  The child's first call runs with all signals blocked, so it is whole before a handler's.
 *   I4  Threads that the child has made by then take turns: one does the work, the others wait.
 *   I5  The word is there before the first lock is taken: a child can find out that it is one
 *       whatever its parent's other threads held.
 *
 * Ordering
 *   born:M -> know:M   what the first call has put in order, then that it has
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "live.h"
#include "slot.h"

/* @life: bsp_fork_life, or 0; @turn: the process one of whose threads makes its first call */
struct wiped {
	u32 life;
	u32 turn;
};

#define NO_ADVICE	0x7fffffff	/* not one that madvise(2) knows */

static u32 no_fork = 1;	/* stands in until the first program is made */
static struct wiped never_wiped;	/* stands in where there is no page to be had */
static struct wiped *wiped;
static bool can_wipe;
static u32 home;	/* the process that knows itself */

const u32 *bsp_fork_word = &no_fork;

/*
 * Grows by two with each child of a child. Odd, so that the low bits of no life look like the word
 * of a child that does not know.
 */
u32 bsp_fork_life = 1;

/* qemu says yes to whatever is asked, and does not wipe. */
static bool is_wiped(void *page)
{
	return !madvise(page, BSP_PAGE_SIZE, MADV_WIPEONFORK) &&
	       madvise(page, BSP_PAGE_SIZE, NO_ADVICE) && errno == EINVAL;
}

static void make_word(void)
{
	void *page;

	if (bsp_fork_word != &no_fork)	/* a child of a thread that was just here */
		return;
	page = mmap(NULL, BSP_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	wiped = page == MAP_FAILED ? &never_wiped : page;
	/* Written in a child, where others have read them before the fork. */
	bsp_note_shared(wiped, page == MAP_FAILED ? sizeof(*wiped) : BSP_PAGE_SIZE);
	bsp_note_shared(&bsp_fork_life, sizeof(bsp_fork_life));
	bsp_note_shared(&home, sizeof(home));
	home = (u32)getpid();
	can_wipe = page != MAP_FAILED && is_wiped(page);
	wiped->life = can_wipe ? bsp_fork_life : 0;
	bsp_barrier();	/* a child that is forked in between finds no word, or all of it */
	bsp_fork_word = &wiped->life;
}

/**
 * bsp_fork_init() - make the word, the first time
 *
 * By pthread_once(), which a child of a thread that is in the middle of it begins anew.
 *
 * Context: Process, with no lock held.
 */
void bsp_fork_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_word);
}

/* Whether this process was forked from one that had programs. */
bool bsp_fork_is_child(void)
{
	return bsp_load_relaxed(&bsp_fork_life) > 1;
}

static bool unknown(void)
{
	bool yes;

	/* ORD(know:M) ACQUIRE, pairs with born:M. */
	if (can_wipe)
		yes = !__atomic_load_n(&wiped->life, __ATOMIC_ACQUIRE);
	else
		yes = __atomic_load_n(&home, __ATOMIC_ACQUIRE) != (u32)getpid();
	bsp_note_acquire(&home);
	return yes;
}

/* A turn that another process holds was copied by the fork, where it could not be wiped. */
static void turn_take(void)
{
	u32 me = (u32)getpid();
	u32 now = bsp_load_relaxed(&wiped->turn);

	/* ORD(turn:P) ACQUIRE, pairs with give:P. */
	while (now == me || !__atomic_compare_exchange_n(&wiped->turn, &now, me, false,
							 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		sched_yield();
		now = bsp_load_relaxed(&wiped->turn);
	}
	bsp_note_acquire(&wiped->turn);
}

static void turn_give(void)
{
	bsp_note_release(&wiped->turn);
	__atomic_store_n(&wiped->turn, 0, __ATOMIC_RELEASE);	/* ORD(give:P), pairs with turn:P */
}

static void become(void)
{
	u32 life = bsp_fork_life + 2;

	bsp_live_after_fork(bsp_slot_owner());
	bsp_slots_after_fork(life);
	bsp_store_relaxed(&bsp_fork_life, life);
	bsp_note_release(&home);
	/* ORD(born:M) RELEASE, pairs with know:M. */
	__atomic_store_n(&home, (u32)getpid(), __ATOMIC_RELEASE);
	if (can_wipe)
		__atomic_store_n(&wiped->life, life, __ATOMIC_RELEASE);
}

/* The kernel's set of signals is a word; libc's, of 128 bytes, is large for a writer's stack. */
static void set_signals(int how, u64 set, u64 *old)
{
	syscall(SYS_rt_sigprocmask, (long)how, &set, old, sizeof(set));
}

/**
 * bsp_fork_child() - become a process of its own, if that has not happened yet
 *
 * Context: Any context, NMI-safe. Waits for another thread's first call.
 */
void bsp_fork_child(void)
{
	int saved = errno;
	u64 old;

	if (!unknown())
		return;
	set_signals(SIG_BLOCK, ~(u64)0, &old);
	turn_take();
	if (unknown())
		become();
	turn_give();
	set_signals(SIG_SETMASK, old, NULL);
	errno = saved;
}

/**
 * bsp_fork_settle() - end a read or a dump that a fork may have interrupted
 * @life: bsp_fork_life when it began, in a process that knew itself
 *
 * In the child, what other threads of the parent had in hand is still charged for. When the last of
 * what the fork has interrupted ends, only what waits is. Who reads under the caller ends later,
 * and keeps its stream until then.
 *
 * Context: Any; nothing is held.
 */
void bsp_fork_settle(u32 life)
{
	u64 old;

	/* Relaxed: who came through know:M before sees no later life but that of an own handler. */
	if (bsp_likely(bsp_load_relaxed(&bsp_fork_life) == life) || bsp_slot_dumps())
		return;
	set_signals(SIG_BLOCK, ~(u64)0, &old);
	bsp_live_settle();
	set_signals(SIG_SETMASK, old, NULL);
}
