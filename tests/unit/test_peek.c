// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_peek.c - peek.c: every way to read memory that may not be there
 *
 * Tests of all ways get the way as their initial state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peek.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND	0
#endif

#define PAGE		((size_t)BSP_PAGE_SIZE)
#define CANARY		0xa5
#define SKIPPED		77

struct way {
	const char *name;
	bsp_peek_fn fn;		/* NULL: bsp_peek(), which chooses */
};

static struct way way_chosen = { "chosen", NULL };
static struct way way_vm = { "vm", bsp_peek_vm };
static struct way way_probe = { "probe", bsp_peek_probe };

/* Far from where anything else is mapped, so holes stay holes; only a wish. */
#define LONELY		((void *)0x40000000)

/* Pages: one hole, two with text, one hole, one that may not be touched, one hole. */
static unsigned char *area;
static unsigned char *text;
static unsigned char *text_end;
static unsigned char *forbidden;

static int map_area(void **state)
{
	size_t i;

	(void)state;
	area = mmap(LONELY, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return -1;
	text = area + PAGE;
	text_end = text + 2 * PAGE;
	forbidden = area + 4 * PAGE;
	for (i = 0; i < 2 * PAGE; i++)
		text[i] = (unsigned char)(i * 31 + i / 256);
	return munmap(area, PAGE) || munmap(text_end, PAGE) || munmap(area + 5 * PAGE, PAGE) ||
	       mprotect(forbidden, PAGE, PROT_NONE);
}

static int unmap_area(void **state)
{
	(void)state;
	return munmap(text, 2 * PAGE) || munmap(forbidden, PAGE);
}

static size_t peek(const struct way *way, void *to, const void *from, size_t len)
{
	return way->fn ? bsp_peek_by(way->fn, to, from, len) : bsp_peek(to, from, len);
}

/* Valgrind reports a probe; not every world has process_vm_readv. */
static void skip_if_closed(const struct way *way)
{
	unsigned char byte;

	if (way->fn == bsp_peek_probe && RUNNING_ON_VALGRIND)
		skip();
	if (way->fn == bsp_peek_vm && bsp_peek_vm(&byte, text, 1))
		skip();
}

/* Peeks and checks all: the count, the bytes, and that no other was written. */
static void assert_peeks(const struct way *way, const unsigned char *from, size_t len,
			 size_t expected)
{
	static unsigned char to[4 * BSP_PAGE_SIZE];
	size_t i;

	memset(to, CANARY, len + 1);
	assert_int_equal(peek(way, to, from, len), expected);
	assert_memory_equal(to, from, expected);
	for (i = expected; i <= len; i++)
		assert_int_equal(to[i], CANARY);
}

static void mapped_memory_is_read_whole(void **state)
{
	skip_if_closed(*state);
	assert_peeks(*state, text, 1, 1);
	assert_peeks(*state, text + 3, 64, 64);
	assert_peeks(*state, text, 0, 0);
	assert_peeks(*state, text, 2 * PAGE, 2 * PAGE);
}

static void mapped_pages_are_read_across_their_border(void **state)
{
	size_t before;

	skip_if_closed(*state);
	for (before = 0; before <= 64; before++)
		assert_peeks(*state, text + PAGE - before, 64, 64);
}

static void reading_stops_exactly_where_the_mapping_ends(void **state)
{
	size_t before, len;

	skip_if_closed(*state);
	for (before = 0; before <= 20; before++)
		for (len = 0; len <= 24; len++)
			assert_peeks(*state, text_end - before, len,
				     len < before ? len : before);
	assert_peeks(*state, text + 5, 3 * PAGE, 2 * PAGE - 5);
}

static void reading_does_not_start_before_the_mapping(void **state)
{
	skip_if_closed(*state);
	assert_peeks(*state, text - 1, 64, 0);
	assert_peeks(*state, text - 64, 128, 0);
}

static void forbidden_memory_is_not_read(void **state)
{
	skip_if_closed(*state);
	assert_peeks(*state, forbidden, 64, 0);
	assert_peeks(*state, forbidden + 9, 1, 0);
	assert_int_equal(mprotect(text + PAGE, PAGE, PROT_NONE), 0);
	assert_peeks(*state, text + PAGE - 7, 64, 7);
	assert_int_equal(mprotect(text + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
}

static void addresses_that_cannot_be_are_not_read(void **state)
{
	unsigned char to[64];
	unsigned int bit;
	uintptr_t k;

	skip_if_closed(*state);
	assert_int_equal(peek(*state, to, NULL, 1), 0);
	assert_int_equal(peek(*state, to, NULL, sizeof(to)), 0);
	for (k = 0; k < 80; k++) {
		assert_int_equal(peek(*state, to, (void *)k, sizeof(to)), 0);
		assert_int_equal(peek(*state, to, (void *)(UINTPTR_MAX - k), sizeof(to)), 0);
	}
	for (bit = 8 * sizeof(uintptr_t) - 1; bit >= 56; bit--)
		assert_int_equal(peek(*state, to, (void *)((uintptr_t)1 << bit), sizeof(to)), 0);
	assert_int_equal(peek(*state, to, (void *)(UINTPTR_MAX / 2), sizeof(to)), 0);
}

static void a_file_is_read_to_its_last_page_and_no_further(void **state)
{
	unsigned char *file;
	int fd;

	skip_if_closed(*state);
	skip_if_closed(&way_vm);	/* qemu-user knows nothing of a file's end */
	fd = memfd_create("short", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, 100), 100);
	file = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(file != MAP_FAILED);
	assert_peeks(*state, file + PAGE - 10, 64, 10);	/* behind it is SIGBUS */
	assert_peeks(*state, file + PAGE, 64, 0);
	munmap(file, 2 * PAGE);
	close(fd);
}

static void errno_is_kept(void **state)
{
	unsigned char to[64];

	skip_if_closed(*state);
	errno = 4242;
	assert_int_equal(peek(*state, to, text, sizeof(to)), sizeof(to));
	assert_int_equal(errno, 4242);
	assert_int_equal(peek(*state, to, text_end - 1, sizeof(to)), 1);
	assert_int_equal(errno, 4242);
	assert_int_equal(peek(*state, to, NULL, sizeof(to)), 0);
	assert_int_equal(errno, 4242);
}

static void the_signal_mask_is_kept(void **state)
{
	unsigned char to[64];
	sigset_t ones[8], before, after;

	skip_if_closed(*state);
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
	assert_int_equal(peek(*state, to, ones, sizeof(to)), sizeof(to));
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	assert_memory_equal(&before, &after, 8);
}

/* Checkers must not mistake a peek for an access. */
static void freed_memory_is_peeked_without_a_report(void **state)
{
	unsigned char to[64];
	char *volatile block;
	uintptr_t addr;

	skip_if_closed(*state);
	block = malloc(40);
	assert_non_null(block);
	addr = (uintptr_t)block;
	assert_int_equal(peek(*state, to, (void *)addr, sizeof(to)), sizeof(to));
	free(block);
	assert_int_equal(peek(*state, to, (void *)addr, sizeof(to)), sizeof(to));
}

static unsigned char anywhere[3 * BSP_PAGE_SIZE];
static unsigned int pieces;
static unsigned int crossing_pieces;

static int count_piece(void *to, const void *from, size_t len)
{
	uintptr_t first = (uintptr_t)from;

	(void)to;
	pieces++;
	crossing_pieces += !len || len > PAGE || first / PAGE != (first + len - 1) / PAGE;
	return 0;
}

static void a_piece_never_crosses_a_page(void **state)
{
	(void)state;
	pieces = 0;
	crossing_pieces = 0;
	assert_int_equal(bsp_peek_by(count_piece, anywhere, (void *)(7 * PAGE - 1), 2 * PAGE + 2),
			 2 * PAGE + 2);
	assert_int_equal(pieces, 4);
	assert_int_equal(crossing_pieces, 0);
}

static void reading_ends_with_the_address_space(void **state)
{
	(void)state;
	pieces = 0;
	crossing_pieces = 0;
	assert_int_equal(bsp_peek_by(count_piece, anywhere, (void *)(UINTPTR_MAX - 9), 64), 10);
	assert_int_equal(bsp_peek_by(count_piece, anywhere, (void *)(UINTPTR_MAX - PAGE), SIZE_MAX),
			 PAGE + 1);
	assert_int_equal(pieces, 3);
	assert_int_equal(crossing_pieces, 0);
}

/* ---- children with a world of their own; they answer by their exit status ---- */

static int run_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void assert_child(int (*fn)(void))
{
	int status = run_child(fn);

	if (status == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

/* Refuse a system call from now on, with an errno. */
static bool refuse(long nr, unsigned int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return !RUNNING_ON_VALGRIND && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* 0 if bsp_peek() does as it should. */
static int peeks_badly(void)
{
	unsigned char to[64];

	return bsp_peek(to, text + 1, sizeof(to)) != sizeof(to) ||
	       memcmp(to, text + 1, sizeof(to)) ||
	       bsp_peek(to, text_end - 5, sizeof(to)) != 5 || memcmp(to, text_end - 5, 5) ||
	       bsp_peek(to, forbidden, sizeof(to)) || bsp_peek(to, NULL, sizeof(to));
}

static int peek_where_vm_is_refused(void)
{
	unsigned char byte;

	if (!refuse(SYS_process_vm_readv, EPERM))
		return SKIPPED;
	return bsp_peek_vm(&byte, text, 1) != -EPERM || peeks_badly();
}

static int peek_where_vm_is_missing(void)
{
	unsigned char byte;

	if (!refuse(SYS_process_vm_readv, ENOSYS))
		return SKIPPED;
	return bsp_peek_vm(&byte, text, 1) != -ENOSYS || peeks_badly();
}

/* A kernel that looks at the operation before the set would answer EINVAL, whatever the set. */
static int peek_where_probes_lie(void)
{
	unsigned char byte;

	if (!refuse(SYS_process_vm_readv, ENOSYS) || !refuse(SYS_rt_sigprocmask, EINVAL))
		return SKIPPED;
	return bsp_peek(&byte, forbidden, 1) || bsp_peek(&byte, text, 1);
}

static int peek_where_all_is_refused(void)
{
	unsigned char byte;

	if (!refuse(SYS_process_vm_readv, EPERM) || !refuse(SYS_rt_sigprocmask, EPERM))
		return SKIPPED;
	return bsp_peek(&byte, forbidden, 1) || bsp_peek(&byte, text, 1);
}

static bool first_thread_is_gone(void)
{
	char stat[256];
	ssize_t n;
	int fd = open("/proc/self/stat", O_RDONLY);

	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	stat[n > 0 ? n : 0] = '\0';
	return strstr(stat, ") Z ");
}

static void *outlive_first_thread(void *vm_before)
{
	unsigned int tries = 10000;
	unsigned char byte;

	while (!first_thread_is_gone() && --tries)
		usleep(1000);
	if (!tries)
		_exit(SKIPPED);
	_exit(peeks_badly() || bsp_peek_vm(&byte, text, 1) != *(int *)vm_before);
	return NULL;
}

/* Ends by hand: checkers do not know of a first thread that ends before the process. */
static int peek_without_first_thread(void)
{
	static int vm;
	unsigned char byte;
	pthread_t second;

	vm = bsp_peek_vm(&byte, text, 1);
	if (pthread_create(&second, NULL, outlive_first_thread, &vm))
		return 1;
	for (;;)
		syscall(SYS_exit, 0);
}

static void a_refused_call_is_replaced(void **state)
{
	(void)state;
	assert_child(peek_where_vm_is_refused);
}

static void a_missing_call_is_replaced(void **state)
{
	(void)state;
	assert_child(peek_where_vm_is_missing);
}

static void a_probe_without_meaning_is_not_believed(void **state)
{
	(void)state;
	assert_child(peek_where_probes_lie);
}

static void nothing_is_read_where_no_way_is_open(void **state)
{
	(void)state;
	assert_child(peek_where_all_is_refused);
}

static void a_forked_child_peeks(void **state)
{
	(void)state;
	assert_child(peeks_badly);
}

static void a_vforked_child_peeks(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	pid = vfork();
	if (!pid)
		_exit(peeks_badly());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_thread_peeks_after_the_first_has_ended(void **state)
{
	(void)state;
	assert_child(peek_without_first_thread);
}

#define each_way(test) \
	{ #test " (chosen)", test, NULL, NULL, &way_chosen }, \
	{ #test " (vm)", test, NULL, NULL, &way_vm }, \
	{ #test " (probe)", test, NULL, NULL, &way_probe }

int main(void)
{
	const struct CMUnitTest tests[] = {
		each_way(mapped_memory_is_read_whole),
		each_way(mapped_pages_are_read_across_their_border),
		each_way(reading_stops_exactly_where_the_mapping_ends),
		each_way(reading_does_not_start_before_the_mapping),
		each_way(forbidden_memory_is_not_read),
		each_way(addresses_that_cannot_be_are_not_read),
		each_way(a_file_is_read_to_its_last_page_and_no_further),
		each_way(errno_is_kept),
		each_way(the_signal_mask_is_kept),
		each_way(freed_memory_is_peeked_without_a_report),
		cmocka_unit_test(a_piece_never_crosses_a_page),
		cmocka_unit_test(reading_ends_with_the_address_space),
		cmocka_unit_test(a_refused_call_is_replaced),
		cmocka_unit_test(a_missing_call_is_replaced),
		cmocka_unit_test(a_probe_without_meaning_is_not_believed),
		cmocka_unit_test(nothing_is_read_where_no_way_is_open),
		cmocka_unit_test(a_forked_child_peeks),
		cmocka_unit_test(a_vforked_child_peeks),
		cmocka_unit_test(a_thread_peeks_after_the_first_has_ended),
	};

	return cmocka_run_group_tests_name("peek", tests, map_area, unmap_area);
}
