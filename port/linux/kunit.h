/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kunit.h - what the KUnit tests of BPF streams share
 *
 * Each test runs on one CPU, with a stream of its own, and begins without a page at any level of
 * that CPU. When it has ended no text may be charged for, and no page in use but those that levels
 * hold. Programs that print at the same time would disturb it: run it at boot, or when idle.
 */
#ifndef BSP_KUNIT_H
#define BSP_KUNIT_H

#include <kunit/test.h>
#include <linux/minmax.h>

#include "glue.h"
#include "percpu.h"
#include "stage.h"

#define TEST_CAPACITY	100000u
#define LONG_TEXT	(4 * BSP_PAGE_SIZE + BSP_PAGE_SIZE / 2)	/* needs five pages */
#define PATTERN_LEN	MAX(LONG_TEXT, TEST_CAPACITY + 1)

/*
 * A test's own.
 * @stream: of TEST_CAPACITY
 * @pattern: PATTERN_LEN bytes that tell where they belong
 * @back: where what is read goes, of PATTERN_LEN bytes and one page; @len of it are used
 * @room: how many bytes the next reads take in all, and @err what they return then
 * @calls: how often text was offered
 * @adrift: pages in use at the start that no level held
 * @cpu: where the test runs
 * @prog: of bsp_test_prog(), or NULL
 */
struct bsp_test {
	struct bpfstream stream;
	char *pattern;
	char *back;
	size_t len;
	size_t room;
	int err;
	unsigned int calls;
	unsigned long adrift;
	int cpu;
	struct bpf_prog *prog;
};

/* Levels of this CPU that were entered on top of each other: what is called next is nested. */
struct bsp_test_levels {
	struct bpfstream_cpu *cpu[BSP_LEVELS + 1];
	unsigned long flags[BSP_LEVELS + 1];
	unsigned int nr;
};

int bsp_test_init(struct kunit *test);
void bsp_test_exit(struct kunit *test);

void bsp_test_enter(struct bsp_test_levels *levels, unsigned int nr);
void bsp_test_leave(struct bsp_test_levels *levels);
struct bpfstream_cpu bsp_test_level(unsigned int n);
void bsp_test_forget_pages(void);
unsigned long bsp_test_adrift(void);

struct bpf_prog *bsp_test_prog(struct kunit *test);

int bsp_test_push(struct bpfstream *s, const char *text);
long bsp_test_read(struct bsp_test *t, struct bpfstream *s, size_t max);
void bsp_test_reads_bytes(struct kunit *test, struct bpfstream *s, const char *text, size_t len);
void bsp_test_reads(struct kunit *test, struct bpfstream *s, const char *text);
void bsp_test_lost(struct kunit *test, const struct bpfstream *s, u64 full, u64 nomem, u64 invalid);

static inline struct bpfstream *bsp_test_stream_of(struct bpf_prog *prog, enum bpf_stream_id id)
{
	return &prog->aux->stream[id - 1].core;
}

/* Print as a program does: numbers and BSP_TEST_TEXT()s for @fmt. */
#define bsp_test_print(prog, id, fmt, ...)					\
({										\
	const u64 args_[] = { __VA_ARGS__ };					\
										\
	bpf_stream_vprintk(id, fmt, args_, sizeof(args_), (prog)->aux);		\
})

#define BSP_TEST_TEXT(text)	((u64)(unsigned long)(text))

#endif
