// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mutex.c - the readers' mutex, which a crash handler may try and never waits for
 *
 * Readers wait for each other on a pthread mutex. A dump does not touch that: it contends for
 * @holder only, which is held by whoever reads or dumps. A reader that finds a dump there waits;
 * a dump that finds a reader goes another way.
 *
 * Ordering
 *   unlock:E -> lock:E   the backlog as the last holder left it
 */
#include <sched.h>
#include <time.h>

#include "fork.h"
#include "mutex.h"
#include "slot.h"

#define ASK_MS	50	/* how often who waits asks whether it was forked */

void bsp_mutex_init(struct bsp_mutex *mutex)
{
	pthread_mutex_init(&mutex->mutex, NULL);
	/* Tried by others while it is let go: Helgrind takes an atomic store for a plain one. */
	bsp_note_unordered(&mutex->holder, sizeof(mutex->holder));
	bsp_store_relaxed(&mutex->holder, 0u);
}

void bsp_mutex_destroy(struct bsp_mutex *mutex)
{
	pthread_mutex_destroy(&mutex->mutex);
}

/**
 * bsp_mutex_renew() - make a mutex anew that somebody may hold who is not in this process
 * @mutex: a mutex
 *
 * DRD wants it ended before, and not held when it is; ThreadSanitizer looks at the latter alone.
 *
 * Context: any, in a forked child at its first call.
 */
void bsp_mutex_renew(pthread_mutex_t *mutex)
{
	if (bsp_note_is_watched()) {
		bsp_note_mute();
		pthread_mutex_destroy(mutex);
		bsp_note_unmute();
	}
	pthread_mutex_init(mutex, NULL);
}

/**
 * bsp_mutex_try_hold() - get the backlog without waiting
 * @mutex: a stream's
 * @by: set to the holder's tid if it is held
 *
 * Context: Any.
 * Return: true if it is the caller's until bsp_mutex_release().
 */
bool bsp_mutex_try_hold(struct bsp_mutex *mutex, u32 *by)
{
	bool ok;

	*by = 0;
	/* ORD(lock:E) ACQUIRE, pairs with unlock:E. */
	ok = __atomic_compare_exchange_n(&mutex->holder, by, bsp_gettid(), false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED);
	if (ok)
		bsp_note_acquire(&mutex->holder);
	return ok;
}

/**
 * bsp_mutex_release() - end bsp_mutex_try_hold()
 * @mutex: a stream's
 *
 * Context: Any.
 */
void bsp_mutex_release(struct bsp_mutex *mutex)
{
	bsp_note_release(&mutex->holder);
	/* ORD(unlock:E), pairs with lock:E */
	__atomic_store_n(&mutex->holder, 0, __ATOMIC_RELEASE);
}

static struct timespec soon(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += ASK_MS * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

/**
 * bsp_mutex_wait() - pthread_mutex_lock(), in a process that a handler may fork meanwhile
 * @mutex: a mutex that a child makes anew at its first call
 *
 * Who holds it stays behind in the parent, so who waits on in the child has to find out that it is
 * one. It asks by a clock that may be set back, and then asks later.
 *
 * Context: Process; may sleep.
 */
void bsp_mutex_wait(pthread_mutex_t *mutex)
{
	struct timespec until;

	if (!pthread_mutex_trylock(mutex))
		return;
	do {
		if (bsp_fork_unseen())
			bsp_fork_child();
		until = soon();
	} while (pthread_mutex_timedlock(mutex, &until));
}

void bsp_mutex_lock(struct bsp_mutex *mutex)
{
	u32 by;

	bsp_mutex_wait(&mutex->mutex);
	/* To try is a call in which a child finds out that it is one. */
	while (!bsp_mutex_try_hold(mutex, &by))
		sched_yield();	/* a dump, somewhere, for as long as its write(2) takes */
}

void bsp_mutex_unlock(struct bsp_mutex *mutex)
{
	bsp_mutex_release(mutex);
	pthread_mutex_unlock(&mutex->mutex);
}
