// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * verdict - did everything that the daemon's streams accepted arrive?
 *
 * usage: verdict LEDGER STDOUTFILE STDERRFILE CHILDRENFILE
 *
 * Holds the collected text against the ledger (ledger.h), once the daemon and all its children
 * are gone:
 *
 *   - each line is whole, and from a writer of this file;
 *   - a writer's messages appear in its order, none twice;
 *   - a number that is missing was refused, and one that was refused is missing;
 *   - the lines of a group follow each other;
 *   - what the library counted as lost is what the writers were refused;
 *   - children printed their own text and none of their parent's;
 *   - nothing is left in the streams, no writer allocated memory or changed errno inside the
 *     library, and the crash report is there.
 *
 * A crash may catch a writer between printing a message and noting what came of it. Such a
 * message may be there or not; there is at most one for each writer, and the table counts them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "bpfstream.h"
#include "collected.h"

#define GROUP_MAX	4u	/* lines; the most that an undecided message can be */

static char failure[256];	/* the first one */

/**
 * fail() - say what is wrong; the first word counts
 * @fmt: as for printf()
 */
void fail(const char *fmt, ...)
{
	va_list ap;

	if (failure[0])
		return;
	va_start(ap, fmt);
	vsnprintf(failure, sizeof(failure), fmt, ap);
	va_end(ap);
}

/* ---- all writers ---- */

struct sum {
	uint64_t printed;
	uint64_t refused;
	uint64_t full;
	uint64_t nomem;
	uint64_t invalid;
	uint64_t undecided;
	uint64_t undecided_there;
	uint64_t missing;
	unsigned int writers;
};

static void add_up(struct sum *sum, unsigned int writer)
{
	const struct ledger_writer *w = &ledger->writer[writer];
	const struct found *f = &found[writer];

	sum->printed += f->printed;
	sum->refused += f->refused;
	sum->full += w->refused_full;
	sum->nomem += w->refused_nomem;
	sum->invalid += w->refused_invalid;
	sum->undecided += undecided(w) != 0;
	sum->undecided_there += f->undecided_there;
	sum->missing += f->missing;
	sum->writers += w->started != 0;
}

static void show_table(void)
{
	enum file file;
	unsigned int kind, i;

	printf("  %-9s %-13s %7s %9s %9s %9s %8s\n", "file", "writer", "threads", "printed",
	       "refused", "undecided", "missing");
	for (file = 0; file < NR_FILES; file++) {
		for (kind = 0; kind < NR_KINDS; kind++) {
			struct sum sum = { 0 };

			for (i = kind; i < NR_WRITERS; i += NR_KINDS)
				if (file_of(i) == file)
					add_up(&sum, i);
			if (sum.writers)
				printf("  %-9s %-13s %7u %9" PRIu64 " %9" PRIu64 " %9" PRIu64
				       " %8" PRIu64 "\n", file_name[file], kind_name[kind],
				       sum.writers, sum.printed, sum.refused, sum.undecided,
				       sum.missing);
		}
	}
}

/*
 * The library counts a loss before the writer notes it, so an undecided message may be counted
 * by the one and not yet by the other.
 */
static void check_cause(enum file file, const char *cause, uint64_t library, uint64_t writers,
			uint64_t slack)
{
	if (library < writers || library - writers > slack)
		fail("%s: the library counted %" PRIu64 " messages lost (%s), its writers %" PRIu64,
		     file_name[file], library, cause, writers);
}

static void check_losses(enum file file, const struct ledger_stream *stream)
{
	struct sum sum = { 0 };
	uint64_t lost, slack;
	unsigned int i;

	for (i = 0; i < NR_WRITERS; i++)
		if (file_of(i) == file)
			add_up(&sum, i);
	slack = (sum.undecided - sum.undecided_there) * GROUP_MAX;
	check_cause(file, "full", stream->lost_full, sum.full, slack);
	check_cause(file, "no page", stream->lost_nomem, sum.nomem, slack);
	check_cause(file, "invalid", stream->lost_invalid, sum.invalid, 0);
	lost = stream->lost_full + stream->lost_nomem + stream->lost_invalid;
	if (told_lost[file] > lost)
		fail("%s: loss lines tell of %" PRIu64 " messages of %" PRIu64, file_name[file],
		     told_lost[file], lost);
	if (stream->pending && !ledger->reader_cut)
		fail("%s: %" PRIu64 " bytes were left behind", file_name[file], stream->pending);
	printf("  %s: lost %" PRIu64 " messages by the library's count, %" PRIu64 " by the writers', "
	       "%" PRIu64 " told in place; undecided %" PRIu64 " (%" PRIu64 " of them printed)\n",
	       file_name[file], lost, sum.full + sum.nomem + sum.invalid, told_lost[file],
	       sum.undecided, sum.undecided_there);
}

static void check_ledger(void)
{
	if (ledger->mallocs_inside)
		fail("%" PRIu64 " allocations inside the library", ledger->mallocs_inside);
	if (ledger->errno_changed)
		fail("%" PRIu64 " calls changed errno", ledger->errno_changed);
	if (ledger->child_failures)
		fail("%" PRIu64 " children could not print", ledger->child_failures);
	if (ledger->reader_stuck)
		fail("the reader did not stop");
	if (ledger->report_refused)
		fail("the crash report was refused");
	if (!ledger->clean && !ledger->crash_signal)
		fail("the daemon ended without its last words");
}

int main(int argc, char **argv)
{
	enum file file;

	if (argc != 2 + NR_FILES) {
		fputs("usage: verdict LEDGER STDOUTFILE STDERRFILE CHILDRENFILE\n", stderr);
		return 2;
	}
	ledger = ledger_open(argv[1]);
	if (!ledger) {
		printf("FAIL: %s is not a ledger\n", argv[1]);
		return 1;
	}
	check_ledger();
	for (file = 0; file < NR_FILES; file++)
		read_file(file, argv[2 + file]);
	check_ends();
	show_table();
	check_losses(FILE_STDOUT, &ledger->stream[BPFSTREAM_STDOUT]);
	check_losses(FILE_STDERR, &ledger->stream[BPFSTREAM_STDERR]);
	if (failure[0]) {
		printf("FAIL: %s\n", failure);
		return 1;
	}
	puts("PASS");
	return 0;
}
