// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_stack.c - stack.c: the block's shape, real walks, chains that are broken, names
 *
 * Made-up return addresses lie in the first page, which nobody can map, or in a mapping that the
 * test has made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "bpfstream.h"
#include "peek.h"
#include "stack.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND	0
#endif

/* A sanitizer's frames and its own part of a handler's stack are large. */
#if defined(__SANITIZE_ADDRESS__) || defined(BSP_TSAN)
#define SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED	1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED	0
#endif

#define PAGE		((size_t)BSP_PAGE_SIZE)
#define MAX_LINES	80u
#define MAX_TEXT	8192u
#define FILE_SPACE	(64u << 10)
#define SKIPPED		77

/* A function with a frame record, whatever the flags, that nothing is merged with. */
#define FRAME		__attribute__((__noinline__, __noclone__))
#ifdef __clang__
#undef FRAME
#define FRAME		__attribute__((__noinline__))
#endif
#define KEEP_FRAME()	(frame_sink = (uintptr_t)__builtin_frame_address(0))

static volatile uintptr_t frame_sink;

/* What a dump has written. */
struct dump {
	int err;
	u32 messages;
	u32 lost_nomem;
	u32 nr_lines;
	char *line[MAX_LINES];
	char text[MAX_TEXT];
};

static struct bpfstream_prog *prog;
static struct bpfstream_staged stage;
static struct dump dump;
static char program[256];

/* ---- around each test ---- */

static int make_arena(void **state)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)state;
	if (n < 0)
		return -1;
	path[n] = '\0';
	snprintf(program, sizeof(program), "%s", strrchr(path, '/') + 1);
	prog = bpfstream_prog_create(NULL);
	return prog ? 0 : -1;
}

static int unmake_arena(void **state)
{
	(void)state;
	bpfstream_prog_destroy(prog);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	bpfstream_staged_init(&stage);
	memset(&dump, 0, sizeof(dump));
	return 0;
}

/* Whatever a test did, all pages are their threads' again. */
static int tear_down(void **state)
{
	(void)state;
	bsp_fault.page_fail_from = 0;
	bsp_fault.page_fail_nr = 0;
	bsp_fault.countdown = -1;
	bpfstream_staged_free(&stage);
	bsp_slots_reap();
	if (bsp_arena_live() == bsp_slots_pages())
		return 0;
	print_error("%u pages in use, %u of them in slots\n", bsp_arena_live(), bsp_slots_pages());
	return -1;
}

/* ---- reading what was staged ---- */

static void split_lines(void)
{
	char *pos = dump.text;

	while (*pos && dump.nr_lines < MAX_LINES) {
		char *end = strchr(pos, '\n');

		dump.line[dump.nr_lines++] = pos;
		if (!end)
			break;
		*end = '\0';
		pos = end + 1;
	}
}

/* The staged text, oldest first; the stage is empty afterwards. */
static void collect(int err)
{
	struct bpfstream_elem *elem = stage.chain.newest;
	char *pos = dump.text + stage.chain.bytes;

	assert_true(stage.chain.bytes < MAX_TEXT);
	memset(&dump, 0, sizeof(dump));
	dump.err = err;
	dump.messages = stage.messages;
	dump.lost_nomem = stage.lost[BPFSTREAM_LOST_NOMEM];
	for (; elem; elem = bpfstream_elem_of(bpfstream_node_next(&elem->node))) {
		pos -= elem->len;
		memcpy(pos, elem->text, elem->len);
	}
	assert_ptr_equal(pos, dump.text);
	split_lines();
	bpfstream_staged_free(&stage);
}

static void dump_from(const void *frame)
{
	collect(bsp_dump_stack_from(&stage, frame));
}

/* A whole block: a header, a title, @frames lines, an empty line. */
static void assert_block(u32 frames)
{
	assert_int_equal(dump.err, 0);
	assert_int_equal(dump.nr_lines, frames + 3);
	assert_int_equal(dump.messages, dump.nr_lines);
	assert_int_equal(strncmp(dump.line[0], "CPU: ", 5), 0);
	assert_string_equal(dump.line[1], "Call trace:");
	assert_string_equal(dump.line[frames + 2], "");
}

static const char *frame_line(u32 i)
{
	assert_true(i + 3 < dump.nr_lines);
	return dump.line[i + 2];
}

static u32 nr_frames(void)
{
	return dump.nr_lines - 3;
}

static void assert_raw(u32 i, uintptr_t pc)
{
	char line[32];

	snprintf(line, sizeof(line), "0x%016lx", (unsigned long)pc);
	assert_string_equal(frame_line(i), line);
}

static void assert_named(u32 i, const char *name, size_t off, size_t size)
{
	char line[512];

	snprintf(line, sizeof(line), "%s+0x%zx/0x%zx", name, off, size);
	assert_string_equal(frame_line(i), line);
}

/* The address that a line tells, 0 if it is not in the test's own program. */
static uintptr_t own_address(const char *line)
{
	extern const char __executable_start[];
	size_t len = strlen(program);

	if (strncmp(line, program, len) || strncmp(line + len, "+0x", 3))
		return 0;
	return (uintptr_t)__executable_start + strtoul(line + len + 3, NULL, 16);
}

/* Index of the first frame, from @from on, with an address in [@first, @last]; or nr_frames(). */
static u32 find_frame(u32 from, uintptr_t first, uintptr_t last)
{
	for (; from < nr_frames(); from++) {
		uintptr_t pc = own_address(frame_line(from));

		if (pc >= first && pc <= last)
			break;
	}
	return from;
}

/* ---- a real stack ---- */

static uintptr_t returns[3];

FRAME static int call_dump(void)
{
	int err;

	KEEP_FRAME();
	returns[0] = (uintptr_t)__builtin_return_address(0);
	err = bsp_dump_stack(&stage);
	KEEP_FRAME();
	return err;
}

FRAME static int call_middle(void)
{
	int err;

	KEEP_FRAME();
	returns[1] = (uintptr_t)__builtin_return_address(0);
	err = call_dump();
	KEEP_FRAME();
	return err;
}

FRAME static int call_outer(void)
{
	int err;

	KEEP_FRAME();
	returns[2] = (uintptr_t)__builtin_return_address(0);
	err = call_middle();
	KEEP_FRAME();
	return err;
}

static void a_block_is_a_header_a_trace_and_an_empty_line(void **state)
{
	(void)state;
	collect(call_outer());
	assert_true(dump.nr_lines > 6);
	assert_block(dump.nr_lines - 3);
}

static void callers_are_told_innermost_first(void **state)
{
	uintptr_t here = (uintptr_t)call_dump;
	u32 i;

	(void)state;
	collect(call_outer());
	assert_in_range(own_address(frame_line(0)), here, here + 512);
	for (i = 0; i < 3; i++)
		assert_int_equal(own_address(frame_line(i + 1)), returns[i]);
}

static void a_module_is_told_with_its_extent(void **state)
{
	extern const char __executable_start[], _etext[];
	size_t size;
	u32 i;

	(void)state;
	collect(call_outer());
	for (i = 0; i < 4; i++) {
		const char *slash = strchr(frame_line(i), '/');

		assert_non_null(slash);
		assert_int_equal(strncmp(slash, "/0x", 3), 0);
		size = strtoul(slash + 3, NULL, 16);
		assert_true(size % PAGE == 0);
		assert_true(size >= (size_t)(_etext - __executable_start));
		assert_true(size < (64u << 20));
	}
}

static void the_header_tells_who_is_running(void **state)
{
	char expected[128], before[16] = "";
	cpu_set_t all, one;
	int cpu = sched_getcpu();

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(prctl(PR_GET_NAME, before), 0);
	assert_int_equal(prctl(PR_SET_NAME, "who runs 7/9"), 0);
	dump_from(NULL);
	assert_int_equal(prctl(PR_SET_NAME, before), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	snprintf(expected, sizeof(expected), "CPU: %d UID: %u PID: %ld Comm: who runs 7/9", cpu,
		 geteuid(), syscall(SYS_gettid));
	assert_block(0);
	assert_string_equal(dump.line[0], expected);
}

static void *dump_in_thread(void *arg)
{
	prctl(PR_SET_NAME, "another");
	*(long *)arg = syscall(SYS_gettid);
	dump.err = bsp_dump_stack_from(&stage, NULL);
	return NULL;
}

static void a_thread_is_told_by_its_own_id_and_name(void **state)
{
	char expected[64];
	pthread_t thread;
	long tid;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, dump_in_thread, &tid), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	collect(dump.err);
	assert_block(0);
	snprintf(expected, sizeof(expected), " PID: %ld Comm: another", tid);
	assert_non_null(strstr(dump.line[0], expected));
}

static void errno_and_descriptors_are_kept(void **state)
{
	int before = dup(0), after;

	(void)state;
	close(before);
	errno = 4242;
	(void)!bsp_dump_stack(&stage);
	assert_int_equal(errno, 4242);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	collect(0);
}

/* ---- made-up chains ---- */

struct record {
	uintptr_t caller;
	uintptr_t ret;
};

static struct record chain[200];

static uintptr_t at(const struct record *record)
{
	return (uintptr_t)record;
}

static void no_frame_is_an_empty_trace(void **state)
{
	(void)state;
	dump_from(NULL);
	assert_block(0);
}

static void a_chain_ends_at_null(void **state)
{
	(void)state;
	chain[0] = (struct record){ at(&chain[1]), 0x123 };
	chain[1] = (struct record){ 0, 0xffe };
	dump_from(chain);
	assert_block(2);
	assert_raw(0, 0x123);
	assert_raw(1, 0xffe);
}

static void a_chain_ends_without_a_return_address(void **state)
{
	(void)state;
	chain[0] = (struct record){ at(&chain[1]), 0x123 };
	chain[1] = (struct record){ at(&chain[2]), 0 };
	chain[2] = (struct record){ 0, 0x456 };
	dump_from(chain);
	assert_block(1);
	assert_raw(0, 0x123);
}

static void a_chain_into_unreadable_memory_ends_there(void **state)
{
	char *none = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct record *last;

	(void)state;
	assert_true(none != MAP_FAILED);
	assert_int_equal(mprotect(none + PAGE, PAGE, PROT_NONE), 0);
	chain[0] = (struct record){ (uintptr_t)none + PAGE, 0x123 };
	dump_from(chain);
	assert_block(1);
	assert_raw(0, 0x123);

	/* Half a record can be read: that is none. */
	last = (struct record *)(void *)(none + PAGE - sizeof(uintptr_t));
	last->caller = 0;
	chain[0].caller = at(last);
	dump_from(chain);
	assert_block(1);

	/* The last that can be. */
	last = (struct record *)(void *)(none + PAGE - sizeof(*last));
	*last = (struct record){ (uintptr_t)none + PAGE, 0x456 };
	chain[0].caller = at(last);
	dump_from(chain);
	assert_block(2);
	assert_raw(1, 0x456);
	munmap(none, 2 * PAGE);
}

static void a_chain_to_any_address_ends_there(void **state)
{
	static const uintptr_t wild[] = {
		sizeof(uintptr_t), UINTPTR_MAX - 7, UINTPTR_MAX - 15, UINTPTR_MAX / 2 + 1,
	};
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		chain[0] = (struct record){ wild[i], 0x123 };
		dump_from(chain);
		assert_block(1);
		dump_from((void *)wild[i]);
		assert_block(0);
	}
}

static void a_misaligned_record_ends_the_walk(void **state)
{
	uintptr_t off;

	(void)state;
	memset(chain, 0x11, sizeof(chain));
	for (off = 1; off < sizeof(uintptr_t); off++) {
		chain[0] = (struct record){ at(&chain[4]) + off, 0x123 };
		dump_from(chain);
		assert_block(1);
		dump_from((char *)chain + off);
		assert_block(0);
	}
}

static void a_record_that_is_its_own_caller_ends_the_walk(void **state)
{
	(void)state;
	chain[0] = (struct record){ at(&chain[0]), 0x123 };
	dump_from(chain);
	assert_block(1);
}

static void a_cycle_ends_the_walk(void **state)
{
	(void)state;
	chain[0] = (struct record){ at(&chain[1]), 0x100 };
	chain[1] = (struct record){ at(&chain[2]), 0x200 };
	chain[2] = (struct record){ at(&chain[0]), 0x300 };
	dump_from(chain);
	assert_block(6);	/* the way down may have been another stack, the second cannot */
	assert_raw(0, 0x100);
	assert_raw(5, 0x300);
}

static void one_stack_may_be_left_for_a_lower_one(void **state)
{
	(void)state;
	chain[0] = (struct record){ at(&chain[1]), 0x100 };
	chain[1] = (struct record){ 0, 0x200 };
	chain[8] = (struct record){ at(&chain[9]), 0x300 };
	chain[9] = (struct record){ at(&chain[0]), 0x400 };
	dump_from(&chain[8]);
	assert_block(4);
	assert_raw(0, 0x300);
	assert_raw(3, 0x200);
}

static void a_second_stack_is_not_left_for_a_lower_one(void **state)
{
	(void)state;
	chain[8] = (struct record){ at(&chain[4]), 0x100 };
	chain[4] = (struct record){ at(&chain[5]), 0x200 };
	chain[5] = (struct record){ at(&chain[0]), 0x300 };
	chain[0] = (struct record){ 0, 0x400 };
	dump_from(&chain[8]);
	assert_block(3);
	assert_raw(2, 0x300);
}

static void make_long_chain(void)
{
	u32 i;

	for (i = 0; i < 100; i++)
		chain[i] = (struct record){ at(&chain[i + 1]), 0x100 + i };
	chain[100] = (struct record){ 0, 0x900 };
}

static void a_long_chain_is_cut(void **state)
{
	u32 i;

	(void)state;
	make_long_chain();
	dump_from(chain);
	assert_block(BSP_MAX_FRAMES);
	for (i = 0; i < BSP_MAX_FRAMES; i++)
		assert_raw(i, 0x100 + i);
}

/* ---- names ---- */

static char *space;
static u32 nr_chained;

/* Address space that nothing else is mapped into. */
static void begin_names(void)
{
	space = mmap(NULL, FILE_SPACE * 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(space != MAP_FAILED);
	nr_chained = 0;
}

static void end_names(void)
{
	munmap(space, FILE_SPACE * 16);
}

static int make_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FILE_SPACE), 0);
	return fd;
}

/* Map pages of a file at a page of the space. */
static void map_file(size_t page, int fd, size_t file_page, size_t pages, int prot)
{
	void *mem = mmap(space + page * PAGE, pages * PAGE, prot, MAP_PRIVATE | MAP_FIXED, fd,
			 (off_t)(file_page * PAGE));

	assert_true(mem != MAP_FAILED);
}

/* One more address of the trace to be made up. */
static void chain_address(uintptr_t pc)
{
	chain[nr_chained] = (struct record){ 0, pc };
	if (nr_chained)
		chain[nr_chained - 1].caller = at(&chain[nr_chained]);
	nr_chained++;
}

static void chain_space(size_t off)
{
	chain_address((uintptr_t)space + off);
}

static void dump_names(void)
{
	dump_from(chain);
	assert_block(nr_chained);
}

static void an_address_in_a_file_is_told_by_its_base_name(void **state)
{
	int fd = make_file("some lib.so");

	(void)state;
	begin_names();
	map_file(1, fd, 0, 2, PROT_READ);
	chain_space(PAGE - 1);
	chain_space(PAGE);
	chain_space(PAGE + 0x123);
	chain_space(3 * PAGE - 1);
	chain_space(3 * PAGE);
	dump_names();
	assert_raw(0, (uintptr_t)space + PAGE - 1);
	assert_named(1, "memfd:some lib.so", 0, 2 * PAGE);
	assert_named(2, "memfd:some lib.so", 0x123, 2 * PAGE);
	assert_named(3, "memfd:some lib.so", 2 * PAGE - 1, 2 * PAGE);
	assert_raw(4, (uintptr_t)space + 3 * PAGE);
	end_names();
	close(fd);
}

static void an_image_spans_all_mappings_of_its_file(void **state)
{
	int fd = make_file("spread");
	int other = make_file("other");

	(void)state;
	begin_names();
	map_file(1, fd, 0, 1, PROT_READ);
	map_file(2, fd, 1, 1, PROT_READ | PROT_EXEC);
	/* page 3 is nobody's */
	map_file(4, fd, 3, 2, PROT_READ | PROT_WRITE);
	map_file(6, other, 0, 1, PROT_READ);
	chain_space(2 * PAGE + 0x10);
	chain_space(3 * PAGE + 0x10);
	chain_space(5 * PAGE + 0x10);
	chain_space(6 * PAGE + 0x10);
	dump_names();
	assert_named(0, "memfd:spread", PAGE + 0x10, 5 * PAGE);
	assert_raw(1, (uintptr_t)space + 3 * PAGE + 0x10);
	assert_named(2, "memfd:spread", 4 * PAGE + 0x10, 5 * PAGE);
	assert_named(3, "memfd:other", 0x10, PAGE);
	end_names();
	close(fd);
	close(other);
}

static void a_file_that_is_mapped_twice_has_two_images(void **state)
{
	int fd = make_file("twice");
	size_t page;

	(void)state;
	begin_names();
	for (page = 1; page <= 4; page += 3) {
		map_file(page, fd, 0, 1, PROT_READ);
		map_file(page + 1, fd, 1, 2, PROT_READ | PROT_EXEC);
	}
	chain_space(2 * PAGE + 5);
	chain_space(5 * PAGE + 6);
	dump_names();
	assert_named(0, "memfd:twice", PAGE + 5, 3 * PAGE);
	assert_named(1, "memfd:twice", PAGE + 6, 3 * PAGE);
	end_names();
	close(fd);
}

/* Some linkers let two parts of a file share the page in which they meet. */
static void mappings_of_an_image_may_share_a_page_of_the_file(void **state)
{
	int fd = make_file("shared");

	(void)state;
	begin_names();
	map_file(1, fd, 0, 1, PROT_READ);
	map_file(2, fd, 0, 2, PROT_READ | PROT_EXEC);
	map_file(4, fd, 1, 1, PROT_READ);
	chain_space(2 * PAGE + 5);
	dump_names();
	assert_named(0, "memfd:shared", PAGE + 5, 4 * PAGE);
	end_names();
	close(fd);
}

static void a_name_may_be_as_long_as_a_file_name(void **state)
{
	char name[250], expected[256];
	int fd;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fd = make_file(name);
	begin_names();
	map_file(1, fd, 0, 1, PROT_READ);
	chain_space(PAGE + 1);
	dump_names();
	snprintf(expected, sizeof(expected), "memfd:%s", name);
	assert_named(0, expected, 1, PAGE);
	end_names();
	close(fd);
}

static void names_past_the_32nd_file_are_left_out(void **state)
{
	char name[32];
	u32 i;

	(void)state;
	begin_names();
	for (i = 0; i < 40; i++) {
		int fd;

		snprintf(name, sizeof(name), "file %u", i);
		fd = make_file(name);
		map_file(2 * i, fd, 0, 1, PROT_READ);
		close(fd);
		chain_space(2 * i * PAGE + i);
	}
	dump_names();
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "memfd:file %u", i);
		if (i < 32)
			assert_named(i, name, i, PAGE);
		else
			assert_raw(i, (uintptr_t)space + 2 * i * PAGE + i);
	}
	end_names();
}

static void names_that_do_not_fit_are_cut_or_left_out(void **state)
{
	char name[250], expected[256];
	u32 i;

	(void)state;
	begin_names();
	for (i = 0; i < 8; i++) {
		int fd;

		memset(name, 'a' + (int)i, sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		fd = make_file(name);
		map_file(2 * i, fd, 0, 1, PROT_READ);
		close(fd);
		chain_space(2 * i * PAGE + i);
	}
	dump_names();
	for (i = 0; i < 4; i++) {
		memset(name, 'a' + (int)i, sizeof(name) - 1);
		snprintf(expected, sizeof(expected), "memfd:%s", name);
		assert_named(i, expected, i, PAGE);
	}
	assert_raw(7, (uintptr_t)space + 14 * PAGE + 7);
	end_names();
}

static void without_a_descriptor_addresses_are_raw(void **state)
{
	struct rlimit before, none;
	int err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 4242;
	err = call_outer();
	assert_int_equal(errno, 4242);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	collect(err);
	assert_block(nr_frames());
	assert_raw(1, returns[0]);
	assert_raw(2, returns[1]);
}

/* ---- the first thread has ended: the process has no maps, its threads have ---- */

static bool first_thread_is_gone(void)
{
	char stat[256];
	int fd = open("/proc/self/stat", O_RDONLY);
	ssize_t n = read(fd, stat, sizeof(stat) - 1);

	close(fd);
	stat[n > 0 ? n : 0] = '\0';
	return strstr(stat, ") Z ");
}

static void *dump_without_first_thread(void *arg)
{
	unsigned int tries = 10000;

	while (!first_thread_is_gone() && --tries)
		usleep(1000);
	if (!tries)
		_exit(SKIPPED);	/* as in qemu-user, where it cannot be seen */
	collect(call_outer());
	_exit(dump.err || own_address(frame_line(1)) != returns[0]);
	return arg;
}

static void names_are_found_after_the_first_thread_has_ended(void **state)
{
	pthread_t thread;
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) {
		/* Ends by hand: checkers do not know of a first thread that ends first. */
		if (pthread_create(&thread, NULL, dump_without_first_thread, NULL))
			_exit(1);
		for (;;)
			syscall(SYS_exit, 0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

/* ---- no pages ---- */

/* Make the page of this thread's next nesting level a fresh one. */
static void freshen_level(void)
{
	static const char filler[64];
	unsigned long allocs = bsp_fault.page_allocs;

	while (bsp_fault.page_allocs == allocs)
		assert_int_equal(bpfstream_staged_push(&stage, filler, sizeof(filler)), 0);
	bpfstream_staged_free(&stage);
	bpfstream_staged_init(&stage);
}

/* The same for the level of the lines before the trace, and for the one of its frames. */
static void freshen_levels(void)
{
	unsigned long flags;
	struct bpfstream_cpu *cpu;

	freshen_level();
	cpu = bsp_cpu_enter(&flags);
	assert_non_null(cpu);
	freshen_level();
	bsp_cpu_leave(cpu, flags);
}

static void without_a_page_addresses_are_raw(void **state)
{
	unsigned long allocs;

	(void)state;
	freshen_levels();
	allocs = bsp_fault.page_allocs;
	bsp_fault.page_fail_from = allocs + 1;
	collect(call_outer());
	assert_int_equal(bsp_fault.page_allocs, allocs + 1);
	assert_block(nr_frames());
	assert_true(nr_frames() > 3);
	assert_raw(1, returns[0]);
	assert_raw(2, returns[1]);
	assert_raw(3, returns[2]);
}

/* Dump the long chain again and again until the page of its lines ends; @failing: which fails. */
static void dump_until_failure(unsigned long failing)
{
	u32 i;
	int err = 0;

	make_long_chain();
	freshen_levels();
	for (i = 0; i < 8 && !err; i++) {
		bpfstream_staged_free(&stage);
		bsp_fault.page_fail_from = bsp_fault.page_allocs + failing;
		err = bsp_dump_stack_from(&stage, chain);
	}
	bsp_fault.page_fail_from = 0;
	collect(err);
	assert_int_equal(dump.err, -ENOMEM);
	assert_int_equal(dump.lost_nomem, 1);	/* the rest is not tried */
	assert_int_equal(dump.nr_lines, dump.messages);
	assert_in_range(dump.nr_lines, 3, BSP_MAX_FRAMES + 1);
	assert_string_equal(dump.line[1], "Call trace:");
	for (i = 2; i < dump.nr_lines; i++) {
		char line[32];

		snprintf(line, sizeof(line), "0x%016x", 0x100 + i - 2);
		assert_string_equal(dump.line[i], line);
	}
}

static void lines_before_a_failure_stay(void **state)
{
	(void)state;
	dump_until_failure(1);	/* none for the names either */
	dump_until_failure(2);
}

static void a_failure_at_the_first_line_is_told(void **state)
{
	unsigned long flags[BSP_LEVELS];
	u32 n;

	(void)state;
	for (n = 0; n < BSP_LEVELS; n++)	/* past the deepest each line takes a page */
		assert_non_null(bsp_cpu_enter(&flags[n]));
	bsp_fault.page_fail_from = bsp_fault.page_allocs + 1;
	collect(bsp_dump_stack(&stage));
	bsp_fault.page_fail_from = 0;
	while (n--)
		bsp_cpu_leave(&bsp_slot_self()->level[n].cpu, flags[n]);
	assert_int_equal(dump.err, -ENOMEM);
	assert_int_equal(dump.nr_lines, 0);
	assert_int_equal(dump.messages, 0);
	assert_int_equal(dump.lost_nomem, 1);
}

static void past_the_deepest_level_a_trace_is_whole(void **state)
{
	unsigned long flags[BSP_LEVELS];
	u32 n;

	(void)state;
	for (n = 0; n < BSP_LEVELS; n++)
		assert_non_null(bsp_cpu_enter(&flags[n]));
	collect(call_outer());
	while (n--)
		bsp_cpu_leave(&bsp_slot_self()->level[n].cpu, flags[n]);
	assert_block(nr_frames());
	assert_int_equal(own_address(frame_line(1)), returns[0]);
}

/* ---- signals ---- */

/* The interrupted function lies in a section of its own, so its bounds are known. */
extern const char __start_victim_text[], __stop_victim_text[];

static uintptr_t victim_return;
static volatile uintptr_t handler_frame;
static volatile int handler_err;

static void on_signal(int sig)
{
	(void)sig;
	handler_frame = (uintptr_t)__builtin_frame_address(0);
	handler_err = bsp_dump_stack(&stage);
}

/* Send SIGUSR1 to this thread without a call: the caller is who is interrupted. */
static inline __attribute__((__always_inline__)) void interrupt_here(long pid, long tid)
{
#if defined(__x86_64__)
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "0"((long)SYS_tgkill), "D"(pid), "S"(tid), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long nr __asm__("x8") = SYS_tgkill;
	register long x0 __asm__("x0") = pid;
	register long x1 __asm__("x1") = tid;
	register long x2 __asm__("x2") = SIGUSR1;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(nr), "r"(x1), "r"(x2) : "memory");
#else
	syscall(SYS_tgkill, pid, tid, SIGUSR1);
#endif
}

__attribute__((__section__("victim_text"))) FRAME static void victim(long pid, long tid)
{
	KEEP_FRAME();
	victim_return = (uintptr_t)__builtin_return_address(0);
	interrupt_here(pid, tid);
	KEEP_FRAME();
}

FRAME static void call_victim(void)
{
	KEEP_FRAME();
	returns[0] = (uintptr_t)__builtin_return_address(0);
	victim(getpid(), syscall(SYS_gettid));
	KEEP_FRAME();
}

/* Run victim() with a handler on the given stack, or on the same without one. */
static void interrupt_on(void *altstack, size_t size)
{
	stack_t alt = { .ss_sp = altstack, .ss_size = size, .ss_flags = 0 }, old_alt;
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = altstack ? SA_ONSTACK : 0 };
	struct sigaction old_sa;

	if (altstack)
		sigaltstack(&alt, &old_alt);
	sigaction(SIGUSR1, &sa, &old_sa);
	handler_err = 1;
	call_victim();
	sigaction(SIGUSR1, &old_sa, NULL);
	if (altstack)
		sigaltstack(&old_alt, NULL);
}

/* ThreadSanitizer calls handlers from frames of its own that have no records. */
static void skip_if_handlers_are_wrapped(void)
{
#ifdef BSP_TSAN
	skip();
#endif
}

static void assert_victim_is_told(void)
{
	u32 i = 0;

	collect(handler_err);
	assert_block(nr_frames());
	if (!RUNNING_ON_VALGRIND) {	/* whose signal frames are its own */
		i = find_frame(0, (uintptr_t)__start_victim_text,
			       (uintptr_t)__stop_victim_text - 1);
		assert_in_range(i, 1, nr_frames() - 1);
	}
	i = find_frame(i, victim_return, victim_return);
	assert_in_range(i, 1, nr_frames() - 1);
	i = find_frame(i, returns[0], returns[0]);
	assert_in_range(i, 2, nr_frames() - 1);
}

static void a_handler_on_the_same_stack_tells_whom_it_interrupted(void **state)
{
	(void)state;
	skip_if_handlers_are_wrapped();
	interrupt_on(NULL, 0);
	assert_victim_is_told();
}

struct stacks {
	char *stack;
	size_t stack_size;
	char *alt;
	size_t alt_size;
};

static void *interrupt_thread(void *arg)
{
	const struct stacks *stacks = arg;

	interrupt_on(stacks->alt, stacks->alt_size);
	return NULL;
}

/* In a thread with its stack where we want it. */
static void interrupt_with_stacks(struct stacks *stacks)
{
	pthread_attr_t attr;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstack(&attr, stacks->stack, stacks->stack_size), 0);
	assert_int_equal(pthread_create(&thread, &attr, interrupt_thread, stacks), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	assert_victim_is_told();
}

static void a_handler_on_a_stack_above_or_below_tells_whom_it_interrupted(void **state)
{
	static const size_t half = 1u << 20;
	struct stacks stacks = { .stack_size = half, .alt_size = half };
	unsigned int above;

	(void)state;
	skip_if_handlers_are_wrapped();
	for (above = 0; above < 2; above++) {
		char *mem = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_true(mem != MAP_FAILED);
		stacks.alt = mem + above * half;
		stacks.stack = mem + !above * half;
		interrupt_with_stacks(&stacks);
		munmap(mem, 2 * half);
	}
}

/* The bytes that a handler has used below its frame; its stack was filled with 0x5a. */
static size_t stack_used(const unsigned char *alt)
{
	const unsigned char *low = alt;

	while (*low == 0x5a)
		low++;
	return handler_frame - (uintptr_t)low;
}

static void a_small_stack_is_enough_for_a_handler(void **state)
{
	long min = sysconf(_SC_MINSIGSTKSZ);
	size_t size = (size_t)(min > 0 ? min : MINSIGSTKSZ) + 1024;
	unsigned char *alt;

	(void)state;
	if (SANITIZED || RUNNING_ON_VALGRIND)
		skip();
	alt = malloc(size);
	assert_non_null(alt);
	interrupt_on(NULL, 0);	/* what the dynamic linker has to do it does now */
	bpfstream_staged_free(&stage);
	memset(alt, 0x5a, size);
	interrupt_on(alt, size);
	assert_victim_is_told();
	assert_in_range(stack_used(alt), 100, 1024);
	free(alt);
}

/* ---- a handler that leaves by longjmp ---- */

static sigjmp_buf leave;

/* Other calls use the stack that the walk was on. */
__attribute__((__noinline__)) static void use_stack(void)
{
	volatile char bytes[2048];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0x77;
}

static u32 pages_in_hand;

static void leave_by_longjmp(void *arg)
{
	(void)arg;
	pages_in_hand = bsp_arena_live() - bsp_slots_pages();
	siglongjmp(leave, 1);
}

static void a_walk_left_by_longjmp_costs_no_page_for_long(void **state)
{
	volatile u32 i;

	(void)state;
	chain[0] = (struct record){ 0, 0x100 };
	for (i = 0; i < 6 * BSP_LEVELS; i++) {
		bpfstream_staged_init(&stage);
		bsp_fault.at = BSP_POINT_CPU_ENTER;	/* 4th: of the frame's line */
		bsp_fault.countdown = 3;
		bsp_fault.fn = leave_by_longjmp;
		if (!sigsetjmp(leave, 0))
			(void)!bsp_dump_stack_from(&stage, chain);
		assert_int_equal(bsp_fault.countdown, -1);
		assert_in_range(pages_in_hand, 1, 2 * BSP_LEVELS);
		use_stack();
		bpfstream_staged_free(&stage);
	}
	assert_in_range(bsp_arena_live(), bsp_slots_pages(), bsp_slots_pages() + BSP_LEVELS);
}

#define stack_test(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		stack_test(a_block_is_a_header_a_trace_and_an_empty_line),
		stack_test(callers_are_told_innermost_first),
		stack_test(a_module_is_told_with_its_extent),
		stack_test(the_header_tells_who_is_running),
		stack_test(a_thread_is_told_by_its_own_id_and_name),
		stack_test(errno_and_descriptors_are_kept),
		stack_test(no_frame_is_an_empty_trace),
		stack_test(a_chain_ends_at_null),
		stack_test(a_chain_ends_without_a_return_address),
		stack_test(a_chain_into_unreadable_memory_ends_there),
		stack_test(a_chain_to_any_address_ends_there),
		stack_test(a_misaligned_record_ends_the_walk),
		stack_test(a_record_that_is_its_own_caller_ends_the_walk),
		stack_test(a_cycle_ends_the_walk),
		stack_test(one_stack_may_be_left_for_a_lower_one),
		stack_test(a_second_stack_is_not_left_for_a_lower_one),
		stack_test(a_long_chain_is_cut),
		stack_test(an_address_in_a_file_is_told_by_its_base_name),
		stack_test(an_image_spans_all_mappings_of_its_file),
		stack_test(a_file_that_is_mapped_twice_has_two_images),
		stack_test(mappings_of_an_image_may_share_a_page_of_the_file),
		stack_test(a_name_may_be_as_long_as_a_file_name),
		stack_test(names_past_the_32nd_file_are_left_out),
		stack_test(names_that_do_not_fit_are_cut_or_left_out),
		stack_test(without_a_descriptor_addresses_are_raw),
		stack_test(names_are_found_after_the_first_thread_has_ended),
		stack_test(without_a_page_addresses_are_raw),
		stack_test(lines_before_a_failure_stay),
		stack_test(a_failure_at_the_first_line_is_told),
		stack_test(past_the_deepest_level_a_trace_is_whole),
		stack_test(a_handler_on_the_same_stack_tells_whom_it_interrupted),
		stack_test(a_handler_on_a_stack_above_or_below_tells_whom_it_interrupted),
		stack_test(a_small_stack_is_enough_for_a_handler),
		cmocka_unit_test_setup(a_walk_left_by_longjmp_costs_no_page_for_long, set_up),
	};

	return cmocka_run_group_tests_name("stack", tests, make_arena, unmake_arena);
}
