// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * peek.c - reading memory that may not be there
 *
 * Invariants
 *   I1  No address makes us fault: the kernel looks at it before we do.
 *   I2  Memory is read in pieces that do not cross a multiple of 4096. What may be read changes
 *       only there, so a piece can be read whole or not at all, and the result is exact.
 *   I3  Nothing is remembered from call to call: a child of fork or vfork, and a thread that
 *       gets a seccomp filter later, find out anew.
 *
 * Two ways:
 *
 *   vm     process_vm_readv(2) on ourselves. The kernel copies, so the memory may go away at any
 *          moment, and sanitizers and Valgrind have nothing to object to. It names the calling
 *          thread, not the process, whose first thread may have ended. Memory that is not memory
 *          (device mappings, secretmem) is unreadable this way.
 *   probe  where that is refused (seccomp) or missing (qemu-user, CROSS_MEMORY_ATTACH=n):
 *          rt_sigprocmask(2), which every sandbox permits, told to do something that does not
 *          exist with a set at the address in question. The set is read first: EFAULT tells
 *          that it cannot be, EINVAL that it can. Then we load the bytes. Limits: memory that
 *          another thread unmaps between the two faults; so does a file mapping past the file's
 *          end in qemu-user, which knows mappings only; Valgrind reports the probe itself.
 *          A kernel that looks at the operation first would say EINVAL for any address, so one
 *          that is never readable is probed as well.
 *
 * A pipe would do without loads of our own, but takes five system calls and two descriptors,
 * which a process in trouble may not have.
 *
 * A seccomp filter that kills instead of refusing leaves no choice: such a sandbox has to permit
 * process_vm_readv.
 */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "peek.h"

#define PROBE_BYTES	8u	/* the kernel's sigset_t; the probe is aligned to it */
#define NO_SUCH_HOW	(-1L)

/**
 * bsp_peek_vm() - let the kernel copy
 * @to: room for @len bytes
 * @from: first byte
 * @len: bytes, not across a multiple of BSP_PAGE_SIZE
 *
 * Context: any; errno may change.
 * Return: 0; -EFAULT; another errno if the call is refused.
 */
int bsp_peek_vm(void *to, const void *from, size_t len)
{
	struct iovec local = { to, len };
	struct iovec remote = { (void *)(uintptr_t)from, len };
	long n = syscall(SYS_process_vm_readv, syscall(SYS_gettid), &local, 1L, &remote, 1L, 0L);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

/* errno of a probe at an address: EFAULT cannot be read, EINVAL can; else no answer. */
static int probe(uintptr_t addr)
{
	addr &= ~(uintptr_t)(PROBE_BYTES - 1);
	if (!syscall(SYS_rt_sigprocmask, NO_SUCH_HOW, addr, NULL, (long)PROBE_BYTES))
		return 0;
	return errno;
}

/*
 * Bytes that may lie in what a sanitizer takes for nobody's. Volatile keeps the compiler from
 * making it the call of a memcpy() that they watch.
 */
__attribute__((__noinline__, __no_sanitize__("address"), __no_sanitize__("thread")))
static void load(void *to, const void *from, size_t len)
{
	const volatile unsigned char *src = from;
	volatile unsigned char *dst = to;

	while (len--)
		*dst++ = *src++;
}

/**
 * bsp_peek_probe() - ask the kernel, then load
 * @to: room for @len bytes
 * @from: first byte
 * @len: bytes, not across a multiple of BSP_PAGE_SIZE
 *
 * Context: any; errno may change.
 * Return: 0; -EFAULT, also if the kernel's answer means nothing.
 */
int bsp_peek_probe(void *to, const void *from, size_t len)
{
	if (probe((uintptr_t)from) != EINVAL || probe(UINTPTR_MAX) != EFAULT)
		return -EFAULT;
	load(to, from, len);
	return 0;
}

static int peek_piece(void *to, const void *from, size_t len)
{
	int err = bsp_peek_vm(to, from, len);

	return !err || err == -EFAULT ? err : bsp_peek_probe(to, from, len);
}

/**
 * bsp_peek_by() - bsp_peek() in a given way
 * @way: how to read a piece
 * @to: room for @len bytes
 * @from: first byte
 * @len: bytes
 *
 * Context: any.
 * Return: bytes read before the first that cannot be.
 */
size_t bsp_peek_by(bsp_peek_fn way, void *to, const void *from, size_t len)
{
	uintptr_t addr = (uintptr_t)from;
	int saved = errno;
	size_t done = 0;

	while (done < len) {
		size_t piece = BSP_PAGE_SIZE - addr % BSP_PAGE_SIZE;

		if (piece > len - done)
			piece = len - done;
		if (way((char *)to + done, (const void *)addr, piece))
			break;
		done += piece;
		addr += piece;
		if (!addr)	/* behind the last byte there is */
			break;
	}
	errno = saved;
	return done;
}

/**
 * bsp_peek() - read memory that may not be there
 * @to: room for @len bytes
 * @from: first byte, any address
 * @len: bytes
 *
 * Two system calls a page, one of them to know the thread; four where the other is refused.
 *
 * Context: any; errno is kept.
 * Return: bytes read before the first that cannot be.
 */
size_t bsp_peek(void *to, const void *from, size_t len)
{
	return bsp_peek_by(peek_piece, to, from, len);
}
