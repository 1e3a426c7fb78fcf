// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kunit-glue.c - KUnit tests: what the rest of the kernel, and programs, call
 *
 * The programs are made up: nothing is loaded, the kfuncs are called as functions.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "kunit.h"

#define MAX_LINE	(MAX_BPRINTF_BUF - 1)	/* bytes of the longest message of a program */

#define stream_of(prog, id)	bsp_test_stream_of(prog, id)

/**
 * bsp_test_prog() - make a program up, with streams
 * @test: whose end is the program's
 *
 * Return: one a test.
 */
struct bpf_prog *bsp_test_prog(struct kunit *test)
{
	struct bpf_prog *prog = kunit_kzalloc(test, sizeof(*prog), GFP_KERNEL);
	struct bsp_test *t = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, prog);
	prog->aux = kunit_kzalloc(test, sizeof(*prog->aux), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, prog->aux);
	prog->aux->prog = prog;
	prog->aux->main_prog_aux = prog->aux;
	KUNIT_ASSERT_EQ(test, bpf_prog_stream_init(prog), 0);
	t->prog = prog;
	return prog;
}

static int push_pattern(struct bsp_test *t, struct bpfstream *s, size_t len)
{
	bool was_empty;

	return bpfstream_push(s, t->pattern, len, &was_empty);
}

/* All text of a stream, as a string, in the test's buffer. */
static const char *text_of(struct kunit *test, struct bpf_prog *prog, enum bpf_stream_id id)
{
	struct bsp_test *t = test->priv;

	t->len = 0;
	t->room = PATTERN_LEN;
	t->err = 0;
	(void)bsp_test_read(t, stream_of(prog, id), SIZE_MAX);
	t->back[t->len] = '\0';
	return t->back;
}

static int stage_one(struct bpf_prog *prog, enum bpf_stream_id id, const char *text)
{
	struct bpf_stream_stage ss;
	int err;

	bpf_stream_stage_init(&ss);
	err = bpf_stream_stage_printk(&ss, "%s", text);
	if (!err)
		err = bpf_stream_stage_commit(&ss, prog, id);
	bpf_stream_stage_free(&ss);
	return err;
}

/* ---- a program's streams ---- */

static void the_streams_of_a_program_are_two_and_apart(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);

	KUNIT_EXPECT_EQ(test, stage_one(prog, BPF_STDOUT, "out"), 0);
	KUNIT_EXPECT_EQ(test, stage_one(prog, BPF_STDERR, "err"), 0);
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDOUT), "out");
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDERR), "err");
}

static void text_that_nobody_has_read_goes_with_the_program(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bsp_test *t = test->priv;
	unsigned int n;

	for (n = 0; n < 10; n++) {
		KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDOUT), 9000), 0);
		KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDERR), 9000), 0);
	}
	KUNIT_EXPECT_GT(test, bsp_test_adrift(), t->adrift + 40);
	bpf_prog_stream_free(prog);
	KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
	KUNIT_EXPECT_NULL(test, prog->aux->stream);
	bpf_prog_stream_free(prog);	/* again is no harm */
}

static void a_stream_holds_what_it_always_held(struct kunit *test)
{
	static const char text[] = "a text that fits the capacity some 1,851 times over\n";
	u32 capacity = BPF_STREAM_MAX_CAPACITY;
	struct bpf_prog *prog = bsp_test_prog(test);
	unsigned int n;

	if (IS_ENABLED(CONFIG_BPF_STREAM_4MIB))
		capacity = 4u << 20;
	for (n = 0; !bsp_test_print(prog, BPF_STDOUT, "%s", BSP_TEST_TEXT(text)); n++)
		;
	KUNIT_EXPECT_EQ(test, n, (capacity - 1) / strlen(text));
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 1, 0, 0);
}

static void losses_are_told_in_fdinfo(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bsp_test *t = test->priv;
	char text[100] = "";
	struct seq_file m = { .buf = text, .size = sizeof(text) };

	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%"), -EINVAL);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%2000d", 1), -E2BIG);
	bsp_pages_fail(1, ~0ul);
	KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDERR), 9), -ENOMEM);
	bpf_prog_stream_show_fdinfo(&m, prog);
	KUNIT_EXPECT_EQ(test, m.count, strlen(text));
	KUNIT_EXPECT_STREQ(test, text, "stream_lost_stdout:\t2 0\nstream_lost_stderr:\t1 0\n");
}

/* ---- the kernel's reports ---- */

static void a_report_is_formatted_and_appears_at_the_commit(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpf_stream_stage ss;

	bpf_stream_stage_init(&ss);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "one %d\n", 1), 0);
	KUNIT_EXPECT_EQ(test, stage_one(prog, BPF_STDERR, "between\n"), 0);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "two %s\n", "x"), 0);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(stream_of(prog, BPF_STDERR)), 8);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, BPF_STDERR), 0);
	bpf_stream_stage_free(&ss);
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDERR), "between\none 1\ntwo x\n");
}

static void a_line_of_a_report_is_cut_where_it_does_not_fit_a_buffer(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bsp_test *t = test->priv;
	struct bpf_stream_stage ss;
	const char *text;
	int len;

	for (len = MAX_LINE - 1; len < MAX_LINE + 3; len++) {
		int stored = min(len, MAX_LINE);

		bpf_stream_stage_init(&ss);
		KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "%.*s", len, t->pattern), 0);
		KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "next"), 0);
		KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, BPF_STDERR), 0);
		bpf_stream_stage_free(&ss);
		text = text_of(test, prog, BPF_STDERR);
		KUNIT_EXPECT_EQ(test, strlen(text), stored + 4);
		KUNIT_EXPECT_MEMEQ(test, text, t->pattern, stored - (len > stored));
		if (len > stored)
			KUNIT_EXPECT_EQ(test, text[stored - 1], '\n');
		KUNIT_EXPECT_STREQ(test, text + stored, "next");
	}
	bsp_test_lost(test, stream_of(prog, BPF_STDERR), 0, 0, 0);
}

static void a_report_to_a_stream_that_is_not_there_is_refused_and_kept(struct kunit *test)
{
	static const int no_id[] = { 0, 3, -1, 0xbadcafe };
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpf_stream_stage ss;
	unsigned int i;

	bpf_stream_stage_init(&ss);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "text"), 0);
	for (i = 0; i < ARRAY_SIZE(no_id); i++)
		KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, no_id[i]), -EINVAL);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, BPF_STDOUT), 0);
	bpf_stream_stage_free(&ss);
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDOUT), "text");
}

static void a_report_that_is_not_committed_leaves_nothing(struct kunit *test)
{
	struct bsp_test *t = test->priv;
	struct bpf_stream_stage ss;
	unsigned int n;

	bpf_stream_stage_init(&ss);
	for (n = 0; n < 100; n++)
		KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "%.*s", 500, t->pattern), 0);
	KUNIT_EXPECT_GT(test, bsp_test_adrift(), t->adrift);
	bpf_stream_stage_free(&ss);
	KUNIT_EXPECT_EQ(test, bsp_test_adrift(), t->adrift);
}

static void a_line_of_a_report_without_a_page_is_counted_at_the_commit(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpf_stream_stage ss;

	bpf_stream_stage_init(&ss);
	bsp_pages_fail(1, 1);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "lost\n"), -ENOMEM);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_printk(&ss, "kept\n"), 0);
	bsp_test_lost(test, stream_of(prog, BPF_STDERR), 0, 0, 0);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, BPF_STDERR), 0);
	bpf_stream_stage_free(&ss);
	bsp_test_lost(test, stream_of(prog, BPF_STDERR), 0, 1, 0);
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDERR), "kept\n");
}

/* As in what interrupts three contexts that each format something. */
static void without_a_buffer_a_line_is_refused_and_counted(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpf_bprintf_buffers *unused;
	struct bpf_stream_stage ss;
	int had = 0, err[2];

	bpf_stream_stage_init(&ss);
	while (!bpf_try_get_buffers(&unused))
		had++;
	err[0] = bpf_stream_stage_printk(&ss, "text");
	err[1] = bsp_test_print(prog, BPF_STDOUT, "text");
	for (; had; had--)
		bpf_put_buffers();
	KUNIT_EXPECT_EQ(test, err[0], -EBUSY);
	KUNIT_EXPECT_EQ(test, err[1], -EBUSY);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, BPF_STDERR), 0);
	bpf_stream_stage_free(&ss);
	bsp_test_lost(test, stream_of(prog, BPF_STDERR), 0, 1, 0);
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 0, 1, 0);
}

static void a_stack_dump_says_who_and_where(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpf_stream_stage ss;
	char head[100];
	const char *text;

	bpf_stream_stage_init(&ss);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_dump_stack(&ss), 0);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_commit(&ss, prog, BPF_STDERR), 0);
	bpf_stream_stage_free(&ss);
	scnprintf(head, sizeof(head), "CPU: %d UID: 0 PID: %d Comm: %s\nCall trace:\n",
		  raw_smp_processor_id(), current->pid, current->comm);
	text = text_of(test, prog, BPF_STDERR);
	KUNIT_ASSERT_GT(test, strlen(text), strlen(head));
	KUNIT_EXPECT_MEMEQ(test, text, head, strlen(head));
	KUNIT_EXPECT_STREQ(test, text + strlen(text) - 2, "\n\n");
	if (IS_ENABLED(CONFIG_UNWINDER_ORC) && IS_ENABLED(CONFIG_KALLSYMS))
		KUNIT_EXPECT_NOT_NULL(test, strstr(text, __func__));
}

static void a_stack_dump_ends_with_the_first_line_that_finds_no_page(struct kunit *test)
{
	struct bpf_stream_stage ss;

	bpf_stream_stage_init(&ss);
	bsp_pages_fail(1, ~0ul);
	KUNIT_EXPECT_EQ(test, bpf_stream_stage_dump_stack(&ss), -ENOMEM);
	bpf_stream_stage_free(&ss);
}

/* ---- programs ---- */

static void a_program_prints_its_arguments(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);

	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%d %s %llx|", -5,
					     BSP_TEST_TEXT("text"), 0xdeadbeefcafeull), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, ""), 0);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "100%%\n"), 0);
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDOUT), "-5 text deadbeefcafe|100%\n");
}

static void a_program_is_refused_for_every_cause(struct kunit *test)
{
	static const char * const bad[] = { "%", "%o", "%n", "%f", "%zu", "%.3s", "%p%", "\x01" };
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpf_prog_aux *aux = prog->aux;
	u64 args[MAX_BPRINTF_VARARGS + 1] = {};
	unsigned int i;

	KUNIT_EXPECT_EQ(test, bpf_stream_vprintk(0, "text", NULL, 0, aux), -ENOENT);
	KUNIT_EXPECT_EQ(test, bpf_stream_vprintk(3, "text", NULL, 0, aux), -ENOENT);
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 0, 0, 0);
	KUNIT_EXPECT_EQ(test, bpf_stream_vprintk(BPF_STDOUT, "%d", args, 7, aux), -EINVAL);
	KUNIT_EXPECT_EQ(test, bpf_stream_vprintk(BPF_STDOUT, "%d", NULL, 8, aux), -EINVAL);
	KUNIT_EXPECT_EQ(test, bpf_stream_vprintk(BPF_STDOUT, "%d", args, sizeof(args), aux),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, bpf_stream_vprintk(BPF_STDOUT, "%d %d", args, 8, aux), -EINVAL);
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 0, 0, 4);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, bsp_test_print(prog, BPF_STDOUT, bad[i], 1, 2), -EINVAL,
				    "format %s", bad[i]);
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 0, 0, 4 + ARRAY_SIZE(bad));
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDOUT), "");
}

static void the_longest_message_of_a_program_is_that_of_a_buffer(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bsp_test *t = test->priv;
	char *fmt = t->back + 10 * MAX_LINE;	/* out of the way of what is read */
	int len;

	for (len = MAX_LINE - 1; len < MAX_LINE + 2; len++) {
		const bool fits = len <= MAX_LINE;

		memset(fmt, 'x', len);
		fmt[len] = '\0';
		KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, fmt), fits ? 0 : -E2BIG);
		KUNIT_EXPECT_EQ(test, strlen(text_of(test, prog, BPF_STDOUT)), fits ? len : 0);
	}
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 0, 0, 1);
}

static void a_field_wider_than_a_buffer_is_refused(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);

	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%1023d", 1), 0);
	KUNIT_EXPECT_EQ(test, strlen(text_of(test, prog, BPF_STDOUT)), MAX_LINE);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%1024d", 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "a%%%d %-99999d", 1, 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%8388607d", 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "%4294967297d", 1), -E2BIG);
	bsp_test_lost(test, stream_of(prog, BPF_STDOUT), 0, 0, 4);
	KUNIT_EXPECT_STREQ(test, text_of(test, prog, BPF_STDOUT), "");
}

static void a_program_prints_its_stack(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);

	KUNIT_EXPECT_EQ(test, bpf_stream_print_stack(0, prog->aux), -ENOENT);
	KUNIT_EXPECT_EQ(test, bpf_stream_print_stack(0xbadcafe, prog->aux), -ENOENT);
	KUNIT_EXPECT_EQ(test, bpf_stream_print_stack(BPF_STDERR, prog->aux), 0);
	KUNIT_EXPECT_EQ(test, strncmp(text_of(test, prog, BPF_STDERR), "CPU: ", 5), 0);
}

static void a_stack_that_does_not_fit_is_counted_and_no_error(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	struct bpfstream *s = stream_of(prog, BPF_STDERR);
	struct bsp_test *t = test->priv;
	u64 pending;

	while (!push_pattern(t, s, 1000))
		;
	while (!push_pattern(t, s, 10))
		;
	bsp_test_lost(test, s, 2, 0, 0);
	pending = bpfstream_pending(s);
	KUNIT_EXPECT_EQ(test, bpf_stream_print_stack(BPF_STDERR, prog->aux), 0);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(s), pending);
	KUNIT_EXPECT_GE(test, bpfstream_lost(s).count, 2 + 3);	/* who, the heading, the end */
}

/* ---- reading ---- */

/* @pages of user memory, of which the last one is not there. */
static char __user *user_pages(struct kunit *test, unsigned int pages)
{
	unsigned long addr;

	if (!IS_ENABLED(CONFIG_MMU))
		kunit_skip(test, "no MMU");
	addr = kunit_vm_mmap(test, NULL, 0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0UL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, vm_munmap(addr + (pages - 1) * PAGE_SIZE, PAGE_SIZE), 0);
	return (char __user *)addr;
}

/* Expect that user memory is this part of the pattern. */
static void expect_user(struct kunit *test, const char __user *user, size_t from, size_t len)
{
	struct bsp_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, copy_from_user(t->back, user, len), 0UL);
	KUNIT_EXPECT_MEMEQ(test, t->back, t->pattern + from, len);
}

static void a_read_takes_parts_and_ends_with_nothing(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	char __user *user = user_pages(test, 3);
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, 10), 0);
	KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDOUT), 5), 0);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, 0), 0);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, 2), 2);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user + 2, 2), 2);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user + 4, INT_MAX), 1);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, 10), 0);
	expect_user(test, user, 0, 5);
	KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDERR), 6000), 0);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDERR, user, 2 * PAGE_SIZE), 6000);
	expect_user(test, user, 0, 6000);
}

static void a_read_of_a_stream_that_is_not_there_is_refused(struct kunit *test)
{
	static const int no_id[] = { 0, 3, -1 };
	struct bpf_prog *prog = bsp_test_prog(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(no_id); i++) {
		KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, no_id[i], NULL, 10), -ENOENT);
		KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, no_id[i], NULL, -1), -ENOENT);
	}
}

static void a_length_that_cannot_be_is_refused_and_nothing_lost(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	char __user *user = user_pages(test, 2);
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDOUT), 100), 0);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, INT_MIN), -EINVAL);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, 1000), 100);
	expect_user(test, user, 0, 100);
}

static void a_buffer_that_cannot_be_written_costs_no_text(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	char __user *user = user_pages(test, 2);
	struct bsp_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, NULL, 10), 0);
	KUNIT_EXPECT_EQ(test, push_pattern(t, stream_of(prog, BPF_STDOUT), 100), 0);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, NULL, 10), -EFAULT);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user + PAGE_SIZE, 10),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, bpfstream_pending(stream_of(prog, BPF_STDOUT)), 100);
	KUNIT_EXPECT_EQ(test, bpf_prog_stream_read(prog, BPF_STDOUT, user, 1000), 100);
	expect_user(test, user, 0, 100);
}

/* Where the buffer ends between two messages, in the first one, and in one over many pages. */
static void a_read_into_the_end_of_memory_takes_what_fits_and_keeps_the_rest(struct kunit *test)
{
	static const int message[] = { 50, 50, 50, 100, 100, 20000 };
	static const int room[] = { 50, 51, 99, 100, 1, 2000 };
	struct bpf_prog *prog = bsp_test_prog(test);
	char __user *end = user_pages(test, 2) + PAGE_SIZE;
	struct bpfstream *s = stream_of(prog, BPF_STDOUT);
	struct bsp_test *t = test->priv;
	unsigned int i;
	bool was_empty;
	int n, at;

	for (i = 0; i < ARRAY_SIZE(room); i++) {
		for (at = 0; at < 3 * message[i]; at += message[i])
			KUNIT_ASSERT_EQ(test, bpfstream_push(s, t->pattern + at, message[i],
							     &was_empty), 0);
		n = bpf_prog_stream_read(prog, BPF_STDOUT, end - room[i], 1 << 20);
		KUNIT_ASSERT_GT(test, n, 0);
		if (room[i] % message[i] == 0 || IS_ENABLED(CONFIG_X86))
			KUNIT_EXPECT_EQ(test, n, room[i]);
		KUNIT_ASSERT_LE(test, n, room[i]);	/* some machines copy in words */
		expect_user(test, end - room[i], 0, n);
		bsp_test_reads_bytes(test, s, t->pattern + n, at - n);
	}
}

#define LINE		16		/* bytes of a line with its number */
#define NR_LINES	4000u

/* One of two that read at the same time. */
struct reader {
	struct bpf_prog *prog;
	struct mm_struct *mm;
	char __user *buf;
	size_t room;
	size_t got;
	int err;
	struct completion *go;
	struct completion done;
};

static int read_on(void *arg)
{
	struct reader *r = arg;
	int n = 1;

	kthread_use_mm(r->mm);
	wait_for_completion(r->go);
	while (n > 0) {
		n = bpf_prog_stream_read(r->prog, BPF_STDOUT, r->buf + r->got,
					 min(r->room - r->got, 43 * LINE));
		if (n > 0)
			r->got += n;
		cond_resched();
	}
	r->err = n;
	kthread_unuse_mm(r->mm);
	complete(&r->done);
	return 0;
}

static void start_reader(struct reader *r)
{
	struct task_struct *thread;

	init_completion(&r->done);
	thread = kthread_run(read_on, r, "bpf_stream_reader");
	if (IS_ERR(thread)) {
		r->err = PTR_ERR(thread);
		complete(&r->done);
	}
}

/* Expect whole lines, numbered in rising order. Marks those that are @seen. */
static void expect_lines(struct kunit *test, const struct reader *r, unsigned long *seen)
{
	struct bsp_test *t = test->priv;
	int parsed, number, before = -1;
	char line[LINE + 1];
	size_t at;

	KUNIT_ASSERT_EQ(test, copy_from_user(t->back, r->buf, r->got), 0UL);
	for (at = 0; at < r->got; at += LINE) {
		memcpy(line, t->back + at, LINE);
		line[LINE] = '\0';
		parsed = sscanf(line, "line %d\n", &number);
		KUNIT_ASSERT_EQ_MSG(test, parsed, 1, "%s", line);
		KUNIT_ASSERT_GT(test, number, before);
		KUNIT_ASSERT_LT(test, number, NR_LINES);
		KUNIT_EXPECT_FALSE(test, __test_and_set_bit(number, seen));
		before = number;
	}
}

/* Each of them gets text in its order, and both together get all. */
static void two_readers_share_the_text_between_them(struct kunit *test)
{
	struct bpf_prog *prog = bsp_test_prog(test);
	char __user *user = user_pages(test, 40);
	unsigned long *seen = kunit_kcalloc(test, BITS_TO_LONGS(NR_LINES), sizeof(*seen),
					    GFP_KERNEL);
	DECLARE_COMPLETION_ONSTACK(go);
	struct reader r[2];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < NR_LINES; i++)
		KUNIT_ASSERT_EQ(test, bsp_test_print(prog, BPF_STDOUT, "line %010d\n", i), 0);
	for (i = 0; i < 2; i++) {
		r[i] = (struct reader){
			.prog = prog, .mm = current->mm, .buf = user + i * 19 * PAGE_SIZE,
			.room = 19 * PAGE_SIZE, .go = &go,
		};
		start_reader(&r[i]);
	}
	complete_all(&go);
	for (i = 0; i < 2; i++)
		wait_for_completion(&r[i].done);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, r[i].err, 0);
		expect_lines(test, &r[i], seen);
	}
	KUNIT_EXPECT_TRUE(test, bitmap_full(seen, NR_LINES));
	KUNIT_EXPECT_EQ(test, bpfstream_pending(stream_of(prog, BPF_STDOUT)), 0);
}

static struct kunit_case glue_cases[] = {
	KUNIT_CASE(the_streams_of_a_program_are_two_and_apart),
	KUNIT_CASE(text_that_nobody_has_read_goes_with_the_program),
	KUNIT_CASE(a_stream_holds_what_it_always_held),
	KUNIT_CASE(losses_are_told_in_fdinfo),
	KUNIT_CASE(a_report_is_formatted_and_appears_at_the_commit),
	KUNIT_CASE(a_line_of_a_report_is_cut_where_it_does_not_fit_a_buffer),
	KUNIT_CASE(a_report_to_a_stream_that_is_not_there_is_refused_and_kept),
	KUNIT_CASE(a_report_that_is_not_committed_leaves_nothing),
	KUNIT_CASE(a_line_of_a_report_without_a_page_is_counted_at_the_commit),
	KUNIT_CASE(without_a_buffer_a_line_is_refused_and_counted),
	KUNIT_CASE(a_stack_dump_says_who_and_where),
	KUNIT_CASE(a_stack_dump_ends_with_the_first_line_that_finds_no_page),
	KUNIT_CASE(a_program_prints_its_arguments),
	KUNIT_CASE(a_program_is_refused_for_every_cause),
	KUNIT_CASE(the_longest_message_of_a_program_is_that_of_a_buffer),
	KUNIT_CASE(a_field_wider_than_a_buffer_is_refused),
	KUNIT_CASE(a_program_prints_its_stack),
	KUNIT_CASE(a_stack_that_does_not_fit_is_counted_and_no_error),
	KUNIT_CASE(a_read_takes_parts_and_ends_with_nothing),
	KUNIT_CASE(a_read_of_a_stream_that_is_not_there_is_refused),
	KUNIT_CASE(a_length_that_cannot_be_is_refused_and_nothing_lost),
	KUNIT_CASE(a_buffer_that_cannot_be_written_costs_no_text),
	KUNIT_CASE(a_read_into_the_end_of_memory_takes_what_fits_and_keeps_the_rest),
	KUNIT_CASE(two_readers_share_the_text_between_them),
	{}
};

static struct kunit_suite glue_suite = {
	.name = "bpf_stream_glue",
	.init = bsp_test_init,
	.exit = bsp_test_exit,
	.test_cases = glue_cases,
};

kunit_test_suite(glue_suite);
