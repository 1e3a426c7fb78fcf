// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_stack.c - a call trace over a stack that is broken, with a maps file that is too
 *
 * What a crash handler walks is what the crash has left. An input's arguments (input.h) are the
 * words of a stack behind which there is no memory: a number is itself, #12 an address in the
 * stack, !0 that of the code that a signal handler returns to. Instead of a format it has the text
 * of /proc/self/maps; without one there is no such file, and the trace is exact.
 *
 * Numbers: byte of the stack where the innermost record is; bytes of a read of the maps file; as
 * the first and fourth of scene_open(); how many sound records follow on the stack, one page of
 * code apart from 0x100000 on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "brink.h"
#include "fuzz.h"
#include "input.h"
#include "scene.h"
#include "stack.h"
#include "stage.h"

#define MAPS_FD		0x7fffL
#define USER_END	((uint64_t)1 << 47)
#define FIRST_PAGE	65536u

long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* mov $15, %rax; syscall */
static const unsigned char restorer[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };

/* What of the maps file has not been read. */
static const char *maps;
static size_t maps_left;
static size_t maps_step;

static long read_maps(char *to, size_t size)
{
	size_t n = maps_left < size ? maps_left : size;

	n = n < maps_step ? n : maps_step;
	memcpy(to, maps, n);
	maps += n;
	maps_left -= n;
	return (long)n;
}

/* Here, the first arguments lie as if there were not more to come. */
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == SYS_openat && strstr((const char *)b, "/maps")) {
		errno = ENOENT;
		return maps ? MAPS_FD : -1;
	}
	if (nr == SYS_read && a == MAPS_FD)
		return read_maps((char *)b, (size_t)c);
	if (nr == SYS_close && a == MAPS_FD)
		return 0;
	return __real_syscall(nr, a, b, c, d, e, f);
}

/* ---- the trace as it must be ---- */

struct trace {
	uint64_t pc[BSP_MAX_FRAMES];
	unsigned int nr;
	bool unsure;	/* it leads to memory that is not ours */
};

static bool word_at(struct trace *t, uint64_t addr, uint64_t *word)
{
	if (brink_readable(addr) >= sizeof(*word)) {
		memcpy(word, (const void *)(uintptr_t)addr, sizeof(*word));
		return true;
	}
	t->unsure |= !brink_readable(addr) && addr >= FIRST_PAGE && addr < USER_END;
	return false;
}

static void tell(struct trace *t, uint64_t pc)
{
	if (t->nr < BSP_MAX_FRAMES)
		t->pc[t->nr++] = pc;
}

/* A signal frame is believed if the frame pointer in its ucontext is the one in the chain. */
static void tell_interrupted(struct trace *t, uint64_t record, uint64_t caller, uint64_t pc)
{
	uint64_t fp_at = record + 16 + offsetof(ucontext_t, uc_mcontext.gregs[REG_RBP]);
	uint64_t pc_at = record + 16 + offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]);
	uint64_t fp, at;

	if (pc == (uint64_t)(uintptr_t)restorer && word_at(t, fp_at, &fp) && fp == caller &&
	    word_at(t, pc_at, &at) && at)
		tell(t, at);
}

/* Up, once down, never on the spot; to what cannot be read, to no address, or as far as is told. */
static void make_trace(struct trace *t, uint64_t record)
{
	bool down = false;

	t->nr = 0;
	t->unsure = false;
	while (record && record % 8 == 0 && t->nr < BSP_MAX_FRAMES) {
		uint64_t caller, pc;

		if (!word_at(t, record, &caller) || !word_at(t, record + 8, &pc) || !pc)
			break;
		tell(t, pc);
		tell_interrupted(t, record, caller, pc);
		if (caller == record || (caller < record && down))
			break;
		down |= caller < record;
		record = caller;
	}
}

/* ---- the trace as it is ---- */

/* Whether a kernel may write such a maps file: mappings in order. Names may be anything. */
static bool maps_are_sane(const char *text)
{
	unsigned long long start, end, last = 0;
	char canonical[40];

	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!*text)
			break;
		if (sscanf(text, "%16llx-%16llx ", &start, &end) != 2 || start < last ||
		    end <= start)
			return false;
		sprintf(canonical, "%08llx-%08llx ", start, end);
		if (strncmp(text, canonical, strlen(canonical)))
			return false;
		last = end;
	}
	return true;
}

/* A line with a name ends in +0xOFFSET/0xSIZE; if @sane, the offset lies within. */
static void check_named(const char *line, size_t len, bool sane)
{
	unsigned long long off = 0, size = 0;
	char copy[512];
	char *plus, *slash;
	int n = 0;

	if (len >= sizeof(copy))
		fuzz_fail("a line of %zu bytes", len);
	memcpy(copy, line, len);
	copy[len] = '\0';
	slash = strrchr(copy, '/');
	if (!slash)
		fuzz_fail("no size: %s", copy);
	*slash = '\0';
	plus = strrchr(copy, '+');
	if (!plus || plus == copy || strchr(copy, '/'))
		fuzz_fail("no name: %s", copy);
	if (sscanf(plus, "+0x%llx%n", &off, &n) != 1 || plus[n] ||
	    sscanf(slash + 1, "0x%llx%n", &size, &n) != 1 || slash[1 + n] ||
	    (sane && off >= size))
		fuzz_fail("not inside: %s+0x%llx of 0x%llx", copy, off, size);
}

static void check_lines(const char *text, const struct trace *t, const char *maps_file)
{
	bool sane = maps_file && maps_are_sane(maps_file);
	const char *line = strstr(text, "Call trace:\n");
	unsigned int i;

	if (!line || strncmp(text, "CPU: ", 5))
		fuzz_fail("no header");
	line += strlen("Call trace:\n");
	for (i = 0; i < t->nr; i++) {
		const char *end = strchr(line, '\n');
		char raw[32];

		sprintf(raw, "0x%016llx", (unsigned long long)t->pc[i]);
		if (!end)
			fuzz_fail("%u lines, expected %u", i, t->nr);
		if (!memcmp(line, raw, 18) && line[18] == '\n')
			;
		else if (!maps_file)
			fuzz_fail("frame %u is %.20s, expected %s", i, line, raw);
		else
			check_named(line, (size_t)(end - line), sane);
		line = end + 1;
	}
	if (strcmp(line, "\n"))
		fuzz_fail("more than %u lines: %.40s", t->nr, line);
}

static uint64_t stack_word(const struct input_arg *arg, uint64_t base)
{
	if (arg->kind == INPUT_LONG)
		return base + arg->len;
	return arg->kind == INPUT_OPEN ? (uint64_t)(uintptr_t)restorer : arg->word;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene_want want = { .any = true };
	struct bpfstream_stage ss;
	static struct trace trace;
	struct input in;
	struct scene sc;
	uint64_t *words;
	uint64_t base, first;
	unsigned int i, deep;
	char *file;
	int err, ret;

	input_parse(&in, data, size);
	deep = (unsigned int)(in.number[4] % (BSP_MAX_FRAMES + 2));
	words = (uint64_t *)(void *)brink_at(0, in.nr_args * 8 + 16 * deep, 0);
	base = (uint64_t)(uintptr_t)words;
	for (i = 0; i < in.nr_args; i++)
		*words++ = stack_word(&in.arg[i], base);
	for (i = 0; i < deep; i++, words += 2) {
		words[0] = i + 1 < deep ? (uint64_t)(uintptr_t)(words + 2) : 0;
		words[1] = 0x100000 + i * 0x1000;
	}
	first = base + in.number[0] % (INPUT_ARGS * 8);
	make_trace(&trace, first);
	if (trace.unsure || in.fmt_len >= BRINK_SIZE)
		return 0;
	file = brink_at(1, in.fmt_len + 1, 0);
	memcpy(file, in.fmt, in.fmt_len);
	file[in.fmt_len] = '\0';
	maps = in.fmt_len ? file : NULL;
	maps_left = in.fmt_len;
	maps_step = in.number[1] ? in.number[1] % 1024 + 1 : 1024;
	scene_open(&sc, (const uint64_t[5]){ in.number[2], 0, 0, in.number[3], 0 });
	bpfstream_stage_init(&ss);
	err = bsp_dump_stack_from((struct bpfstream_staged *)(void *)&ss,
				  (const void *)(uintptr_t)first);
	ret = bpfstream_stage_commit(&ss, sc.prog, BPFSTREAM_STDOUT);
	scene_close(&sc, err ? err : ret, &want);
	if (err || ret)
		fuzz_fail("%d, and %d to commit", err, ret);
	check_lines(scene_text(&sc), &trace, in.fmt_len ? file : NULL);
	return 0;
}
