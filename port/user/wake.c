// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wake.c - telling those who wait for text
 *
 * An eventfd a program, made when somebody first waits. A writer that finds the stream empty and
 * watchers present writes to it; others do only while nobody has. A reader that leaves both
 * streams empty takes it back.
 *
 * Invariants
 *   I1  With watchers present, text that waits means the eventfd is readable, or somebody is on
 *       the way to make it so; should that one never arrive (longjmp), the next writer is.
 *   I2  The eventfd may be readable with no text waiting; the next read or wait mends that.
 *   I3  Writers are no cancellation points: a thread cancelled here would leave its watchers
 *       asleep. Raw system calls are none, those of libc are.
 *   I4  In a forked child nobody watches. A wait that the fork has interrupted ends there, as by a
 *       signal, and takes no watcher away: its own was the parent's. A print or a read that it has
 *       interrupted leaves the parent's eventfd alone, unless that was between its look whether it
 *       is a child and the system call.
 *
 * Ordering
 *   wake:K <-> watch:K   text and watcher: both are read-modify-writes of @watchers, so the later
 *                        sees the earlier: a writer the watcher, or the watcher the text
 *   emptying the eventfd, then looking for text: write(2) and read(2) of one eventfd are
 *   serialised by the kernel, so text whose wake-up was taken back is seen
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpfstream.h"
#include "fork.h"
#include "wake.h"

static int readable(const struct bpfstream_prog *prog)
{
	int mask = 0;
	u32 i;

	for (i = 0; i < BSP_NR_STREAMS; i++)
		if (bpfstream_pending(&prog->stream[i]))
			mask |= 2 << i;
	return mask;
}

static void efd_set(struct bpfstream_prog *prog)
{
	int fd = bsp_load_relaxed(&prog->efd);
	/*
	 * Relaxed, here and below: who takes back what we write has the eventfd's lock, in the
	 * kernel, after us; so this is before its change of told, and our own change fails then.
	 */
	u32 untold = bsp_load_relaxed(&prog->told);
	u64 one = 1;
	int saved = errno;

	if (fd < 0)
		return;
	/* Fails only when the count is at its maximum, and then it is readable. */
	if (syscall(SYS_write, (long)fd, &one, sizeof(one)) < 0)
		errno = saved;
	(void)__atomic_compare_exchange_n(&prog->told, &untold, untold | 1, false, __ATOMIC_RELAXED,
					  __ATOMIC_RELAXED);
}

/* Who has loaded it before may have written in vain. Relaxed: see efd_set(). */
static void untell(struct bpfstream_prog *prog)
{
	u32 told = bsp_load_relaxed(&prog->told);

	while (!__atomic_compare_exchange_n(&prog->told, &told, (told | 1) + 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Untold before, should we stop behind the read, and after: what was written till then is read. */
static void efd_clear(struct bpfstream_prog *prog)
{
	int fd = bsp_load_relaxed(&prog->efd);
	u64 count;
	int saved = errno;

	untell(prog);
	if (fd >= 0 && syscall(SYS_read, (long)fd, &count, sizeof(count)) < 0)
		errno = saved;	/* it was not set */
	untell(prog);
}

/**
 * bsp_wake_readable() - an empty stream has text now
 * @prog: its program
 *
 * Context: Any context, NMI-safe.
 */
void bsp_wake_readable(struct bpfstream_prog *prog)
{
	u32 watchers;

	if (bsp_fork_unseen())	/* a handler has forked since this call began */
		bsp_fork_child();
	bsp_note_release(&prog->watchers);
	/* ORD(wake:K) ACQ_REL, pairs with watch:K: the text, then the watchers and the eventfd. */
	watchers = __atomic_fetch_add(&prog->watchers, 0, __ATOMIC_ACQ_REL);
	bsp_note_acquire(&prog->watchers);
	if (watchers && readable(prog))
		efd_set(prog);
}

static void watch(struct bpfstream_prog *prog)
{
	bsp_note_release(&prog->watchers);
	/* ORD(watch:K) ACQ_REL, pairs with wake:K: the eventfd and the watcher, then the text. */
	__atomic_fetch_add(&prog->watchers, 1, __ATOMIC_ACQ_REL);
	bsp_note_acquire(&prog->watchers);
	if (readable(prog))
		efd_set(prog);
}

static void unwatch(void *arg)
{
	struct bpfstream_prog *prog = arg;
	u32 watchers = bsp_load_relaxed(&prog->watchers);

	/* Relaxed: at worst one wake-up too many. */
	while (watchers && !__atomic_compare_exchange_n(&prog->watchers, &watchers, watchers - 1,
							false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/**
 * bsp_wake_drained() - a reader may have left the program empty
 * @prog: program
 *
 * Context: Process.
 */
void bsp_wake_drained(struct bpfstream_prog *prog)
{
	u32 watchers;

	if (bsp_fork_unseen())	/* a handler has forked since this call began */
		bsp_fork_child();
	/* ORD(wake:K) ACQUIRE, pairs with watch:K: the watchers, then their eventfd. */
	watchers = __atomic_load_n(&prog->watchers, __ATOMIC_ACQUIRE);
	bsp_note_acquire(&prog->watchers);
	if (!watchers || readable(prog))
		return;
	efd_clear(prog);
	if (readable(prog))
		efd_set(prog);
}

/* End of the program. Context: Process. */
void bsp_wake_close(struct bpfstream_prog *prog)
{
	if (prog->efd >= 0)
		syscall(SYS_close, (long)prog->efd);
	prog->efd = -1;
}

static int efd_get(struct bpfstream_prog *prog, bool give)
{
	bool first;
	int fd;

	bsp_live_lock();
	fd = prog->efd;
	if (fd < 0) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fd < 0)
			fd = -errno;
		else
			bsp_store_relaxed(&prog->efd, fd);
	}
	first = fd >= 0 && give && !prog->efd_given;
	if (first)
		prog->efd_given = true;
	bsp_live_unlock();
	if (first)
		watch(prog);	/* for as long as the program lives */
	return fd;
}

int bpfstream_prog_fd(struct bpfstream_prog *prog)
{
	int saved = errno;
	int fd;

	if (!prog)
		return -EINVAL;
	if (bsp_fork_unseen())
		bsp_fork_child();
	fd = efd_get(prog, true);
	errno = saved;
	return fd;
}

static s64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (s64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The only place where a thread may be cancelled: it has nothing in hand but its watch. */
static int poll_watched(struct bpfstream_prog *prog, struct pollfd *pfd, int ms)
{
	int ret;

	pthread_cleanup_push(unwatch, prog);
	ret = poll(pfd, 1, ms) < 0 ? -errno : 1;
	pthread_cleanup_pop(0);
	return ret;
}

/* Wait for the eventfd. 1 look again, 0 time is up, -errno. */
static int wait_once(struct bpfstream_prog *prog, int fd, int timeout_ms, s64 end)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	s64 left = timeout_ms < 0 ? -1 : end - now_ms();

	if (timeout_ms >= 0 && left <= 0)
		return 0;
	return poll_watched(prog, &pfd, (int)left);
}

/* Whether a handler has forked since, and this is the child (I4). */
static bool was_forked(u32 life)
{
	if (bsp_fork_unseen())
		bsp_fork_child();
	return bsp_load_relaxed(&bsp_fork_life) != life;
}

int bpfstream_prog_wait(struct bpfstream_prog *prog, int timeout_ms)
{
	s64 end = now_ms() + timeout_ms;
	int saved = errno;
	int fd, ret;
	u32 life;

	if (!prog)
		return -EINVAL;
	if (bsp_fork_unseen())
		bsp_fork_child();
	life = bsp_load_relaxed(&bsp_fork_life);
	ret = readable(prog);
	if (ret || !timeout_ms)
		return ret;
	fd = efd_get(prog, false);
	if (fd < 0) {
		errno = saved;
		return fd;
	}
	watch(prog);
	do {
		bsp_wake_drained(prog);
		ret = readable(prog);
		if (ret)
			break;
		ret = was_forked(life) ? -EINTR : wait_once(prog, fd, timeout_ms, end);
	} while (ret > 0);
	if (!ret)
		ret = readable(prog);
	if (!was_forked(life))
		unwatch(prog);
	errno = saved;
	return ret;
}
