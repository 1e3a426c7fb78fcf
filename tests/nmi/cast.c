// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cast.c - who is interrupted, and by whom
 *
 * Texts that are expected come from the C library's snprintf(), never from what is tested.
 * Everybody prints to one stream of one program, the scene's.
 */
#include <stdio.h>
#include <string.h>

#include "nmi.h"

#define OUT	BPFSTREAM_STDOUT
#define PROG	nmi_now.prog

/* ---- scenes ---- */

static void empty(void)
{
}

/* A page is there and has room. */
static void page_begun(void)
{
	nmi_scene_fill(2000);
}

static void text_waits(void)
{
	nmi_scene_fill(2000);
	nmi_scene_lay("before\n");
}

/* The message begins in a page and goes on in the next. */
static void page_ends(void)
{
	nmi_scene_fill(64);
}

/* The same, and the old page has text that waits. */
static void page_with_text_ends(void)
{
	nmi_scene_fill(96);
	nmi_scene_lay("in the old page\n");
}

static void text_above_ends(void)
{
	nmi_scene_fill(64);
	nmi_scene_lay("in a handler's page\n");
}

/* And so has the page of who interrupts. */
static void both_pages_end(void)
{
	page_with_text_ends();
	nmi_scene_above(text_above_ends);
}

/* No room for an element is left, and nothing waits in the page: its retirement frees it. */
static void page_is_over(void)
{
	nmi_scene_fill(24);
}

static void messages_wait(void)
{
	nmi_scene_fill(96);
	nmi_scene_lay("A message in the page that ends here\n");
	nmi_scene_lay("begins in that page, Breaks off, and goes on in another one\n");
	nmi_scene_lay("Comes third\n");
	nmi_scene_lay("Does not come after anything but these\n");
}

/* The next to print retires the page in which they are. */
static void messages_fill_page(void)
{
	nmi_scene_fill(64);
	nmi_scene_lay("First of two\n");
	nmi_scene_lay("Second\n");
}

static void many_wait(void)
{
	char text[4];
	unsigned int i;

	nmi_scene_fill(2000);
	for (i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%c%u\n", (char)('a' + i), i % 10);
		nmi_scene_lay(text);
	}
}

static void nearly_full(void)
{
	char text[181];

	snprintf(text, sizeof(text), "%-179s\n", "Of 199 bytes this takes 180, and so");
	nmi_scene_lay(text);
}

static void nearly_full_and_page_ends(void)
{
	nearly_full();
	nmi_scene_fill(64);
}

static void no_page(void)
{
	nmi_scene_starve(0);
}

static void one_page(void)
{
	nmi_scene_starve(1);
}

static void lost_one(void)
{
	char text[161];

	snprintf(text, sizeof(text), "%159s\n", "never to be seen");
	nmi_scene_lay("The next message does not fit, and is lost\n");
	nmi_scene_lose(text);
	nmi_scene_loss_line("[1 message, 160 bytes lost]\n");
}

static void lost_between(void)
{
	lost_one();
	nmi_scene_lay("Until there is room\n");
}

/* ---- victims that print ---- */

#define MANY_ARGS	"%d %5u|%-6s|%#x %c %lld %s%%\n", -42, 7u, "ab", 48879u, 'c', 1234567890123ll, "end"
#define FLOAT_ARGS	"%.2f %e %g\n", 3.14159, 6.02214076e23, 0.1
#define LONG_ARGS	"Long enough to need two pages, or so it is said: %s %d %08lx\n", \
			"a string that is not short either", 99, 0xabcdefUL
#define SHORT_ARGS	"Victim %d\n", 1
#define REFUSED_ARGS	"Victim %d, too long for what is left\n", 2
#define WRITTEN		"Victim's bytes\n"
#define BPF_FMT		"%d %s %llx %5u\n"

static void run_printf(void)
{
	nmi_now.ret = bpfstream_printf(PROG, OUT, MANY_ARGS);
}

static size_t text_printf(char *to)
{
	return (size_t)sprintf(to, MANY_ARGS);
}

static void run_float(void)
{
	nmi_now.ret = bpfstream_printf(PROG, OUT, FLOAT_ARGS);
}

static size_t text_float(char *to)
{
	return (size_t)sprintf(to, FLOAT_ARGS);
}

static void run_long(void)
{
	nmi_now.ret = bpfstream_printf(PROG, OUT, LONG_ARGS);
}

static size_t text_long(char *to)
{
	return (size_t)sprintf(to, LONG_ARGS);
}

static void run_short(void)
{
	nmi_now.ret = bpfstream_printf(PROG, OUT, SHORT_ARGS);
}

static size_t text_short(char *to)
{
	return (size_t)sprintf(to, SHORT_ARGS);
}

static void run_refused(void)
{
	nmi_now.ret = bpfstream_printf(PROG, OUT, REFUSED_ARGS);
}

static size_t text_refused(char *to)
{
	return (size_t)sprintf(to, REFUSED_ARGS);
}

static void run_invalid(void)
{
	static const char *volatile no_format = "Victim's %d and a bad %y\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	nmi_now.ret = bpfstream_printf(PROG, OUT, no_format, 1);
#pragma GCC diagnostic pop
}

static size_t text_invalid(char *to)
{
	return (size_t)sprintf(to, "Victim's %d and a bad ", 1);
}

static void run_empty(void)
{
	nmi_now.ret = bpfstream_printf(PROG, OUT, "%s", "");
}

static void run_write(void)
{
	nmi_now.ret = bpfstream_write(PROG, OUT, WRITTEN, sizeof(WRITTEN) - 1);
}

static size_t text_write(char *to)
{
	return (size_t)sprintf(to, WRITTEN);
}

static void run_bprintf(void)
{
	uint64_t args[4] = { 17, (uintptr_t)"a string", 0x1122334455667788, 9 };

	nmi_now.ret = bpfstream_bprintf(PROG, OUT, BPF_FMT, args, sizeof(args));
}

static size_t text_bprintf(char *to)
{
	return (size_t)sprintf(to, BPF_FMT, 17, "a string", 0x1122334455667788ull, 9u);
}

/* ---- victims that print groups ---- */

static void run_stage(void)
{
	struct bpfstream_stage stage;
	int err;

	nmi_now.ret = bpfstream_stage(&stage, PROG, OUT, ({
		err = bpfstream_stage_printf(&stage, SHORT_ARGS);
		err = err ? err : bpfstream_stage_printf(&stage, LONG_ARGS);
	}));
	if (err)
		nmi_now.ret = err;
}

static size_t text_stage(char *to)
{
	size_t len = text_short(to);

	return len + text_long(to + len);
}

static void run_stage_free(void)
{
	struct bpfstream_stage stage;
	int err;

	bpfstream_stage_init(&stage);
	err = bpfstream_stage_printf(&stage, SHORT_ARGS);
	err = err ? err : bpfstream_stage_printf(&stage, LONG_ARGS);
	bpfstream_stage_free(&stage);
	nmi_now.ret = err;
}

/* ---- victims that read ---- */

static void run_read(void)
{
	struct nmi_taken *mine = &nmi_now.taken[NMI_BY_VICTIM];

	nmi_now.ret = bpfstream_prog_read(PROG, OUT, mine->text, sizeof(mine->text));
}

/* Ends in the third message. */
static void run_read_part(void)
{
	struct nmi_taken *mine = &nmi_now.taken[NMI_BY_VICTIM];

	nmi_now.ret = bpfstream_prog_read(PROG, OUT, mine->text, 100);
}

static void run_drain(void)
{
	nmi_now.ret = bpfstream_prog_drain(PROG, OUT, nmi_now.drain_fd);
}

static void run_dump(void)
{
	nmi_now.ret = bpfstream_prog_dump(PROG, OUT, nmi_now.dump_fd[0]);
}

static void run_dump_all(void)
{
	nmi_now.ret = bpfstream_dump_all(nmi_now.dump_fd[0]);
}

static void run_stat(void)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	nmi_now.ret = bpfstream_prog_stat(PROG, OUT, &stat);
}

const struct nmi_victim nmi_victims[] = {
	{ "printf", NMI_ROOMY, NMI_PRINTS | NMI_EFD_FULL, page_begun, run_printf, text_printf },
	{ "printf, float", NMI_ROOMY, NMI_PRINTS, text_waits, run_float, text_float },
	{ "printf, no page yet", NMI_ROOMY, NMI_PRINTS, empty, run_short, text_short },
	{ "printf, page ends", NMI_ROOMY, NMI_PRINTS, page_ends, run_long, text_long },
	{ "printf, pages end", NMI_ROOMY, NMI_PRINTS, both_pages_end, run_long, text_long },
	{ "printf, page is freed", NMI_ROOMY, NMI_PRINTS, page_is_over, run_long, text_long },
	{ "printf, first of thread", NMI_ROOMY, NMI_PRINTS | NMI_THREAD, empty, run_short,
	  text_short },
	{ "printf, nothing", NMI_ROOMY, 0, text_waits, run_empty, NULL },
	{ "printf, refused", NMI_TIGHT, NMI_REFUSED | NMI_PRINTS, nearly_full, run_refused,
	  text_refused },
	{ "printf, refused, pages", NMI_TIGHT, NMI_REFUSED | NMI_PRINTS, nearly_full_and_page_ends,
	  run_long, text_long },
	{ "printf, refused, told", NMI_TOLD, NMI_REFUSED | NMI_PRINTS, nearly_full, run_refused,
	  text_refused },
	{ "printf, no memory", NMI_ROOMY, NMI_STARVED, no_page, run_short, text_short },
	{ "printf, the last page", NMI_ROOMY, NMI_STARVED | NMI_PRINTS, one_page, run_short,
	  text_short },
	{ "printf, no format", NMI_ROOMY, NMI_INVALID, text_waits, run_invalid, text_invalid },
	{ "printf, with loss line", NMI_TOLD, NMI_PRINTS, lost_one, run_short, text_short },
	{ "write", NMI_ROOMY, NMI_PRINTS, text_waits, run_write, text_write },
	{ "bprintf", NMI_ROOMY, NMI_PRINTS, page_begun, run_bprintf, text_bprintf },
	{ "stage, commit", NMI_ROOMY, NMI_PRINTS | NMI_EFD_FULL, page_ends, run_stage, text_stage },
	{ "stage, refused", NMI_TIGHT, NMI_REFUSED | NMI_PRINTS, nearly_full_and_page_ends, run_stage,
	  text_stage, 2 },
	{ "stage, refused, told", NMI_TOLD, NMI_REFUSED | NMI_PRINTS, nearly_full, run_stage,
	  text_stage, 2 },
	{ "stage, no memory", NMI_ROOMY, NMI_STARVED, no_page, run_stage, text_stage },
	{ "stage, free", NMI_ROOMY, 0, page_ends, run_stage_free, NULL },
	{ "read", NMI_ROOMY, NMI_READS, messages_wait, run_read, NULL },
	{ "read, page is retired", NMI_ROOMY, NMI_READS, messages_fill_page, run_read, NULL },
	{ "read, part", NMI_ROOMY, NMI_READS, messages_wait, run_read_part, NULL },
	{ "read, many", NMI_ROOMY, NMI_READS, many_wait, run_read, NULL },
	{ "read, loss line", NMI_TOLD, NMI_READS, lost_between, run_read, NULL },
	{ "drain", NMI_ROOMY, NMI_READS, messages_wait, run_drain, NULL },
	{ "dump", NMI_ROOMY, NMI_READS, messages_wait, run_dump, NULL },
	{ "dump, page is retired", NMI_ROOMY, NMI_READS, messages_fill_page, run_dump, NULL },
	{ "dump all", NMI_ROOMY, NMI_READS, messages_wait, run_dump_all, NULL },
	{ "stat", NMI_ROOMY, 0, text_waits, run_stat, NULL },
};

const unsigned int nmi_nr_victims = sizeof(nmi_victims) / sizeof(nmi_victims[0]);

/* ---- handlers ---- */

#define HANDLER_FMT	"%u: interrupted\n"
#define FIRST_FMT	"%u) first\n"
#define SECOND_FMT	"  %u second\n"

static void handle_printf(unsigned int depth)
{
	nmi_now.handler_ret[depth] = bpfstream_printf(PROG, OUT, HANDLER_FMT, depth);
}

static size_t text_handle_printf(char *to, unsigned int depth)
{
	return (size_t)sprintf(to, HANDLER_FMT, depth);
}

static void handle_stage(unsigned int depth)
{
	struct bpfstream_stage stage;
	int err;

	nmi_now.handler_ret[depth] = bpfstream_stage(&stage, PROG, OUT, ({
		err = bpfstream_stage_printf(&stage, FIRST_FMT, depth);
		err = err ? err : bpfstream_stage_printf(&stage, SECOND_FMT, depth);
	}));
	if (err)
		nmi_now.handler_ret[depth] = err;
}

static size_t text_handle_stage(char *to, unsigned int depth)
{
	return (size_t)sprintf(to, FIRST_FMT SECOND_FMT, depth, depth);
}

static void handle_dump(unsigned int depth)
{
	nmi_now.handler_ret[depth] = bpfstream_prog_dump(PROG, OUT, nmi_now.dump_fd[depth]);
}

static void handle_stat(unsigned int depth)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	nmi_now.handler_ret[depth] = bpfstream_prog_stat(PROG, OUT, &stat);
	nmi_now.pending_seen = stat.pending;
}

static void handle_dump_all(unsigned int depth)
{
	nmi_now.handler_ret[depth] = bpfstream_dump_all(nmi_now.dump_fd[depth]);
}

const struct nmi_handler nmi_handlers[NMI_NR_HANDLERS] = {
	[NMI_PRINTF] = { "printf", handle_printf, text_handle_printf, 1 },
	[NMI_STAGE] = { "stage", handle_stage, text_handle_stage, 2 },
	[NMI_DUMP] = { "dump", handle_dump, NULL, 0 },
	[NMI_STAT] = { "stat", handle_stat, NULL, 0 },
	[NMI_DUMP_ALL] = { "dump all", handle_dump_all, NULL, 0 },
};
