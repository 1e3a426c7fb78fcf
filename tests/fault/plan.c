// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * plan.c - which of an operation's fallible calls fail, and how
 *
 * The linker's --wrap puts the functions below between the port and its world.
 */
#include "plan.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fixture.h"

#define SHORT	(-1)	/* not an error: half of it is done */
#define ERRORS	6

/*
 * Errors that each kind of call has for the library. Not among them: what would be a lie about
 * something that is so (a thread that lives is gone, memory that is there is not).
 */
static const struct {
	const char *name;
	int error[ERRORS];
} kinds[PLAN_NR_KINDS] = {
	[PLAN_PAGE] = { "page", { ENOMEM } },
	[PLAN_MMAP] = { "mmap", { ENOMEM } },
	[PLAN_MPROTECT] = { "mprotect", { ENOMEM } },
	[PLAN_MADVISE] = { "madvise", { EINVAL, ENOSYS } },
	[PLAN_EVENTFD] = { "eventfd", { EMFILE, ENFILE, ENOMEM } },
	[PLAN_POLL] = { "poll", { EINTR, ENOMEM } },
	[PLAN_WRITE] = { "write", { EINTR, EAGAIN, ENOSPC, EPIPE, EIO, SHORT } },
	[PLAN_READ] = { "read", { EINTR, EAGAIN, EIO } },
	[PLAN_OPEN] = { "open", { EMFILE, EACCES } },
	[PLAN_CLOSE] = { "close", { EINTR, EIO } },
	[PLAN_PEEK] = { "peek", { EPERM, ENOSYS } },
	[PLAN_PROBE] = { "probe", { EPERM, ENOSYS } },
	[PLAN_ASK] = { "ask", { ENOSYS, EPERM } },
	[PLAN_TGKILL] = { "tgkill", { EPERM, EAGAIN } },
	[PLAN_ALTSTACK] = { "sigaltstack", { EPERM } },
};

struct plan *plan;
long plan_maps;
void (*plan_on_write)(void *arg);
void (*plan_on_poll)(void *arg);
void *plan_on_arg;

/** plan_begin() - make the plan, for this process and its children; false if there is no memory */
bool plan_begin(void)
{
	void *mem = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);

	plan = mem == MAP_FAILED ? NULL : mem;
	return plan;
}

/** plan_arm() - begin to count, and to fail call @from, or all from there on */
void plan_arm(unsigned long from, bool on, unsigned int flavour)
{
	plan->from = from;
	plan->on = on;
	plan->flavour = flavour;
	plan->calls = 0;
	plan->hits = 0;
	plan->granted = 0;
	plan->armed = true;
}

void plan_disarm(void)
{
	plan->armed = false;
	plan_on_write = NULL;
	plan_on_poll = NULL;
}

static unsigned int nr_errors(enum plan_kind kind)
{
	unsigned int n = 0;

	while (n < ERRORS && kinds[kind].error[n])
		n++;
	return n;
}

/** plan_flavours() - in how many ways the calls that were seen so far can fail */
unsigned int plan_flavours(void)
{
	unsigned int kind, most = 1;

	for (kind = 0; kind < PLAN_NR_KINDS; kind++)
		if (plan->seen[kind] && nr_errors(kind) > most)
			most = nr_errors(kind);
	return most;
}

const char *plan_kind_name(enum plan_kind kind)
{
	return kinds[kind].name;
}

/*
 * 0, or what this call is to fail with. Where all fail, those that the library rightly tries again
 * or goes on with, interrupted or done by half, fail otherwise every other time.
 */
static int hit(enum plan_kind kind)
{
	int error;

	if (!plan || !plan->armed)
		return 0;
	plan->calls++;
	plan->seen[kind]++;
	if (!plan->from || (plan->on ? plan->calls < plan->from : plan->calls != plan->from))
		return 0;
	error = kinds[kind].error[plan->flavour % nr_errors(kind)];
	if ((error == SHORT || (error == EINTR && kind != PLAN_POLL)) && plan->on && plan->hits % 2)
		error = EAGAIN;
	plan->hits++;
	return error;
}

/* -1 and errno where a call is to fail. */
static long fails(enum plan_kind kind)
{
	int error = hit(kind);

	if (error)
		errno = error;
	return error ? -1 : 0;
}

/* ---- between the port and the kernel ---- */

bool __real_bsp_fault_page(void);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t len);
int __real_mprotect(void *addr, size_t len, int prot);
int __real_madvise(void *addr, size_t len, int advice);
int __real_eventfd(unsigned int count, int flags);
int __real_poll(struct pollfd *fds, nfds_t nr, int timeout);
int __real_sigaltstack(const stack_t *stack, stack_t *old);
long __real_syscall(long nr, ...);

bool __wrap_bsp_fault_page(void);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t len);
int __wrap_mprotect(void *addr, size_t len, int prot);
int __wrap_madvise(void *addr, size_t len, int advice);
int __wrap_eventfd(unsigned int count, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout);
int __wrap_sigaltstack(const stack_t *stack, stack_t *old);
long __wrap_syscall(long nr, ...);

bool __wrap_bsp_fault_page(void)
{
	bool fail = hit(PLAN_PAGE);

	plan->granted += plan->armed && !fail;
	return fail;
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *mem = MAP_FAILED;

	if (!fails(PLAN_MMAP))
		mem = __real_mmap64(addr, len, prot, flags, fd, offset);
	plan_maps += mem != MAP_FAILED;
	return mem;
}

int __wrap_munmap(void *addr, size_t len)
{
	plan_maps--;
	return __real_munmap(addr, len);
}

int __wrap_mprotect(void *addr, size_t len, int prot)
{
	return fails(PLAN_MPROTECT) ? -1 : __real_mprotect(addr, len, prot);
}

int __wrap_madvise(void *addr, size_t len, int advice)
{
	return fails(PLAN_MADVISE) ? -1 : __real_madvise(addr, len, advice);
}

int __wrap_eventfd(unsigned int count, int flags)
{
	return fails(PLAN_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	void (*first)(void *arg) = plan && plan->armed ? plan_on_poll : NULL;

	if (fails(PLAN_POLL))
		return -1;
	if (first)
		first(plan_on_arg);
	return __real_poll(fds, nr, timeout);
}

int __wrap_sigaltstack(const stack_t *stack, stack_t *old)
{
	return fails(PLAN_ALTSTACK) ? -1 : __real_sigaltstack(stack, old);
}

/* The first half of a write, rounded up to whole words, of which some tests' texts consist. */
static long write_half(long fd, const char *text, size_t len)
{
	size_t half = ((len + 1) / 2 + 3) & ~(size_t)3;

	return __real_syscall(SYS_write, fd, text, half < len ? half : len);
}

static long writev_half(long fd, const struct iovec *piece, long nr)
{
	static char text[1 << 16];
	size_t len = 0;
	long i;

	for (i = 0; i < nr && len + piece[i].iov_len <= sizeof(text); i++) {
		memcpy(text + len, piece[i].iov_base, piece[i].iov_len);
		len += piece[i].iov_len;
	}
	return write_half(fd, text, len);
}

static long do_write(long nr, long fd, long b, long c)
{
	void (*first)(void *arg) = plan && plan->armed ? plan_on_write : NULL;
	int error;

	if (first) {
		plan_on_write = NULL;
		first(plan_on_arg);
	}
	error = hit(PLAN_WRITE);
	if (error == SHORT)
		return nr == SYS_write ? write_half(fd, (const char *)b, (size_t)c) :
		       writev_half(fd, (const struct iovec *)b, c);
	if (!error)
		return __real_syscall(nr, fd, b, c);
	errno = error;
	return -1;
}

static long do_close(long fd)
{
	long ret = __real_syscall(SYS_close, fd);

	return fails(PLAN_CLOSE) ? -1 : ret;	/* Linux closes in any case */
}

/* Which kind of fallible call a system call is; PLAN_NR_KINDS for one that cannot fail. */
static enum plan_kind kind_of(long nr, const long *arg)
{
	switch (nr) {
	case SYS_read:
		return PLAN_READ;
	case SYS_openat:
		return PLAN_OPEN;
	case SYS_process_vm_readv:	/* Valgrind does not know the other way */
		return RUNNING_ON_VALGRIND ? PLAN_NR_KINDS : PLAN_PEEK;
	case SYS_rt_sigprocmask:
		return (int)arg[0] == -1 ? PLAN_PROBE : PLAN_NR_KINDS;
	case SYS_getcpu:
	case SYS_prctl:
		return PLAN_ASK;
	case SYS_tgkill:
		return PLAN_TGKILL;
	default:	/* gettid, geteuid */
		return PLAN_NR_KINDS;
	}
}

long __wrap_syscall(long nr, ...)
{
	enum plan_kind kind;
	long arg[6];
	va_list ap;
	int i;

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_write || nr == SYS_writev)
		return do_write(nr, arg[0], arg[1], arg[2]);
	if (nr == SYS_close)
		return do_close(arg[0]);
	kind = kind_of(nr, arg);
	if (kind != PLAN_NR_KINDS && fails(kind))
		return -1;
	return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
