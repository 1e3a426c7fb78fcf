// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cast.c - the operations
 *
 * Texts that are expected come from the C library's snprintf(), never from what is tested. Texts of
 * an operation begin with 'V', those that wait before it with 'B', a line each.
 */
#include <stdio.h>
#include <string.h>

#include "sweep.h"

#define OUT	BPFSTREAM_STDOUT
#define PROG	now.prog

/* ---- before ---- */

/* A page is there and has room. */
static void page_begun(void)
{
	sweep_fill(2000);
	sweep_lay("B: in the victim's page\n");
}

/* The page has less left than a message begins in, and text that waits. */
static void page_ends(void)
{
	sweep_fill(BPFSTREAM_SPOT_ROOM + 8);
	sweep_lay("B: in the page that ends\n");
}

/* No room for an element is left, and nothing waits in the page: its retirement frees it. */
static void page_is_over(void)
{
	sweep_fill(24);
}

static void nearly_full(void)
{
	char text[351];

	snprintf(text, sizeof(text), "%-349s\n", "B: of 399 bytes this takes 350, and so");
	sweep_lay(text);
}

/* A page is there, and nothing in the stream. */
static void watched(void)
{
	sweep_fill(2000);
	if (bpfstream_prog_fd(PROG) < 0)
		sweep_fail("no eventfd");
}

/*
 * The message begins in a page that nothing waits in, and goes on in the next: the first fill ends
 * the page of what waits, and goes on for 304 bytes in another.
 */
static void nearly_full_and_page_ends(void)
{
	nearly_full();
	sweep_fill(64);
	sweep_fill(304 + BPFSTREAM_SPOT_ROOM + 8);
}

static void lost_one(void)
{
	page_begun();
	sweep_lose(70000);
}

static void messages_wait(void)
{
	page_ends();
	sweep_lay("B: begins in that page, breaks off, and goes on in another, as it is long\n");
	sweep_lay("B: comes third\n");
	sweep_lay("B: does not come after anything but these\n");
}

/* Text was read here before, so that this thread is known as a reader, and what waits is new. */
static void messages_wait_again(void)
{
	static char text[SWEEP_TEXT];

	if (sweep_take(text, sizeof(text)) != shared->base_len)
		sweep_fail("what was laid cannot be read");
	shared->base_len = 0;
	messages_wait();
}

/* ---- printing ---- */

#define SHORT_ARGS	"Victim %d\n", 1
#define MANY_ARGS	"V %d %5u|%-6s|%#x %c %lld %s%% %.2f %g\n", -42, 7u, "ab", 48879u, 'c', \
			1234567890123ll, "end", 3.14159, 0.1
#define LONG_ARGS	"V%05000d|\n", 7
#define SPLIT_ARGS	"V%0250d|\n", 7
#define STEPS_ARGS	"Victim, long enough not to begin in what is left: %s %d %08lx\n", \
			"a string that is not short either", 99, 0xabcdefUL
#define WRITTEN		"Victim's bytes\n"
#define BPF_FMT		"V %d %s %llx %5u\n"

static int run_short(void)
{
	return bpfstream_printf(PROG, OUT, SHORT_ARGS);
}

static size_t text_short(char *to)
{
	return (size_t)sprintf(to, SHORT_ARGS);
}

static int run_many(void)
{
	return bpfstream_printf(PROG, OUT, MANY_ARGS);
}

static size_t text_many(char *to)
{
	return (size_t)sprintf(to, MANY_ARGS);
}

static int __attribute__((__format__(__printf__, 1, 2))) by_list(const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = bpfstream_vprintf(PROG, OUT, fmt, ap);
	va_end(ap);
	return err;
}

static int run_list(void)
{
	return by_list(STEPS_ARGS);
}

static size_t text_list(char *to)
{
	return (size_t)sprintf(to, STEPS_ARGS);
}

static int run_long(void)
{
	return bpfstream_printf(PROG, OUT, LONG_ARGS);
}

static size_t text_long(char *to)
{
	return (size_t)sprintf(to, LONG_ARGS);
}

static int run_split(void)
{
	return bpfstream_printf(PROG, OUT, SPLIT_ARGS);
}

static size_t text_split(char *to)
{
	return (size_t)sprintf(to, SPLIT_ARGS);
}

static int run_write(void)
{
	return bpfstream_write(PROG, OUT, WRITTEN, sizeof(WRITTEN) - 1);
}

static size_t text_write(char *to)
{
	return (size_t)sprintf(to, WRITTEN);
}

static int run_bprintf(void)
{
	uint64_t args[4] = { 17, (uintptr_t)"a string", 0x1122334455667788, 9 };

	return bpfstream_bprintf(PROG, OUT, BPF_FMT, args, sizeof(args));
}

static size_t text_bprintf(char *to)
{
	return (size_t)sprintf(to, BPF_FMT, 17, "a string", 0x1122334455667788ull, 9u);
}

/* ---- groups ---- */

static int run_stage(void)
{
	struct bpfstream_stage stage;
	int err = 0;
	int ret = bpfstream_stage(&stage, PROG, OUT,
				  err = bpfstream_stage_printf(&stage, SHORT_ARGS));

	return err ? err : ret;
}

static int run_stages(void)
{
	struct bpfstream_stage stage;
	int err = 0;
	int ret = bpfstream_stage(&stage, PROG, OUT, ({
		err = bpfstream_stage_printf(&stage, SHORT_ARGS);
		err = err ? err : bpfstream_stage_printf(&stage, STEPS_ARGS);
		err = err ? err : bpfstream_stage_printf(&stage, SHORT_ARGS);
	}));

	return err ? err : ret;
}

static size_t text_stages(char *to)
{
	size_t len = text_short(to);

	len += text_list(to + len);
	return len + text_short(to + len);
}

static int run_stack(void)
{
	struct bpfstream_stage stage;
	int err = 0;
	int ret = bpfstream_stage(&stage, PROG, OUT, err = bpfstream_stage_dump_stack(&stage));

	return err ? err : ret;
}

/* "CPU: ..." and "Call trace:", then a line each frame, then an empty one, and nothing more. */
static bool is_stack(const char *text, size_t len)
{
	static const char title[] = "\nCall trace:\n";
	const char *at = memmem(text, len, title, sizeof(title) - 1);
	const char *end = text + len;

	if (len < 5 || memcmp(text, "CPU: ", 5) || !at || memchr(text, '\n', len) != at)
		return false;
	at += sizeof(title) - 1;
	if (end - at < 2 || memcmp(end - 2, "\n\n", 2))
		return false;
	while (at < end - 1) {
		const char *line = at;

		at = memchr(line, '\n', (size_t)(end - line)) + 1;
		if (at - line < 6 || !memmem(line, (size_t)(at - line), "0x", 2))
			return false;
	}
	return true;
}

/* ---- taking ---- */

static int run_dump(void)
{
	ssize_t n = bpfstream_prog_dump(PROG, OUT, sweep_fd[SWEEP_FD_VICTIM]);

	return n < 0 ? (int)n : 0;
}

static int run_drain(void)
{
	ssize_t n = bpfstream_prog_drain(PROG, OUT, sweep_fd[SWEEP_FD_VICTIM]);

	return n < 0 ? (int)n : 0;
}

#define LINE	"[1 message, 70000 bytes lost]\n"

#define ROOMY(name, traits, before, run, text) \
	{ name, SWEEP_ROOMY, traits, before, run, text, NULL, NULL, 1 }

#define TIGHT(name, before, run, text, messages) \
	{ name, SWEEP_TIGHT, SWEEP_REFUSED, before, run, text, NULL, NULL, messages }

const struct sweep_op sweep_ops[] = {
	ROOMY("printf, short", 0, page_begun, run_short, text_short),
	ROOMY("printf, many conversions", 0, page_begun, run_many, text_many),
	ROOMY("vprintf", 0, page_begun, run_list, text_list),
	ROOMY("bprintf", 0, page_begun, run_bprintf, text_bprintf),
	ROOMY("write", 0, page_begun, run_write, text_write),
	ROOMY("printf, over a page", 0, page_begun, run_long, text_long),
	ROOMY("printf, page is turned", 0, page_ends, run_short, text_short),
	ROOMY("printf, page is freed", 0, page_is_over, run_short, text_short),
	ROOMY("printf, first of thread", SWEEP_FIRST, NULL, run_short, text_short),
	ROOMY("printf, somebody wakes", SWEEP_EMPTY, watched, run_short, text_short),
	{ "printf, losses are told", SWEEP_TOLD, 0, lost_one, run_short, text_short, NULL, LINE,
	  1 },
	TIGHT("printf, refused", nearly_full, run_list, text_list, 1),
	TIGHT("printf, refused, pages", nearly_full_and_page_ends, run_split, text_split, 1),
	ROOMY("stage of one", 0, page_begun, run_stage, text_short),
	ROOMY("stage of several", 0, page_ends, run_stages, text_stages),
	TIGHT("stage, refused", nearly_full, run_stages, text_stages, 3),
	ROOMY("dump", SWEEP_READS, messages_wait, run_dump, NULL),
	ROOMY("drain", SWEEP_READS, messages_wait_again, run_drain, NULL),
	{ "stack dump", SWEEP_ROOMY, SWEEP_UNSTEADY, page_begun, run_stack, NULL, is_stack, NULL,
	  1 },
};

const unsigned int sweep_nr_ops = sizeof(sweep_ops) / sizeof(sweep_ops[0]);

/**
 * sweep_op_printed() - whether a text is what an operation prints
 * @op: operation
 * @text: text
 * @len: bytes
 *
 * Context: process.
 */
bool sweep_op_printed(const struct sweep_op *op, const char *text, size_t len)
{
	static char wanted[SWEEP_TEXT];

	if (op->is_text)
		return op->is_text(text, len);
	return op->text && op->text(wanted) == len && !memcmp(wanted, text, len);
}
