// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fork.c - how a forked child learns that it is one, without pthread_atfork()
 *
 * A word lives in a page that the kernel wipes on fork. Whoever finds it 0 is a child at its first
 * call, in whatever context: it drops what it inherited and sets the word. Other threads did not
 * come along, and whatever locks they held are made anew.
 *
 * Where the kernel cannot wipe, the word stays 0 and every call compares process ids.
 *
 * Invariants
 *   I1  Nothing of the parent is touched: its eventfds are forgotten, not closed or written.
 *   I2  A print that the fork interrupted goes on in both processes and finds its level, its page
 *       and what it has written so far.
 *   I3  The child's first call runs with all signals blocked, so it is whole before a handler's.
 */
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fork.h"
#include "live.h"
#include "slot.h"

static u32 no_fork = 1;	/* stands in until the first program is made */
static u32 *wiped;
static bool can_wipe;
static u32 home;	/* the process that knows itself */
static bool child;

const u32 *bsp_fork_word = &no_fork;

/**
 * bsp_fork_init() - make the word, the first time
 *
 * Context: Process; one at a time.
 * Return: 0; -ENOMEM.
 */
int bsp_fork_init(void)
{
	void *page;

	if (wiped)
		return 0;
	page = mmap(NULL, BSP_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -ENOMEM;
	bsp_note_own_memory(page, BSP_PAGE_SIZE);
	wiped = page;
	home = (u32)getpid();
	can_wipe = !madvise(page, BSP_PAGE_SIZE, MADV_WIPEONFORK);
	*wiped = can_wipe;
	bsp_fork_word = wiped;
	return 0;
}

/* Whether this process was forked from one that had programs. */
bool bsp_fork_is_child(void)
{
	return child;
}

/**
 * bsp_fork_child() - become a process of its own, if that has not happened yet
 *
 * Context: Any context, NMI-safe.
 */
void bsp_fork_child(void)
{
	int saved = errno;
	sigset_t all, old;

	if (!can_wipe && (u32)getpid() == home)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (can_wipe ? !bsp_load_relaxed(wiped) : (u32)getpid() != home) {
		child = true;
		home = (u32)getpid();
		bsp_live_after_fork(bsp_slot_owner());
		bsp_slots_after_fork();
		bsp_store_relaxed(wiped, (u32)can_wipe);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}
