// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * collected.c - go through a collected file, line by line
 *
 * What a line says of itself (proof.h) is held against the ledger and against the lines before it.
 * A writer's numbers only rise, so one number a writer is all that must be remembered: a number
 * that is skipped is missing, one that does not rise is there twice or out of order.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collected.h"
#include "proof.h"

#define CRASH_TRACE	3u	/* the report's line after which the call trace comes */

/*
 * Where in a file we are.
 * @group: the last line of a group that is not complete, or count 0
 * @bad: nothing more can be said of this file
 */
struct scan {
	enum file file;
	const char *base;
	const char *line;
	struct proof group;
	bool bad;
};

const char *const file_name[NR_FILES] = { "stdout", "stderr", "children" };
const char *const kind_name[NR_KINDS] = {
	"work", "fault", "malloc hook", "SIGALRM", "SIGCHLD", "SIGUSR1", "crash report"
};

const struct ledger *ledger;
struct found found[NR_WRITERS];
uint64_t told_lost[NR_FILES];

static void fail_at(struct scan *s, const char *what)
{
	size_t len = strcspn(s->line, "\n");

	s->bad = true;
	fail("%s: %s, byte %td: \"%.*s\"", file_name[s->file], what, s->line - s->base,
	     len < 100 ? (int)len : 100, s->line);
}

/* ---- one writer ---- */

static bool is_child(unsigned int writer)
{
	return writer / NR_KINDS == THREAD_CHILDREN;
}

static bool goes_to_stderr(enum ledger_kind kind)
{
	return kind == KIND_FAULT || kind == KIND_ALLOC || kind == KIND_USR1 ||
	       kind == KIND_CRASH;
}

/**
 * file_of() - the file in which a writer's messages are collected
 * @writer: its number
 */
enum file file_of(unsigned int writer)
{
	if (is_child(writer))
		return FILE_CHILDREN;
	return goes_to_stderr(ledger_kind_of(writer)) ? FILE_STDERR : FILE_STDOUT;
}

/**
 * undecided() - the message that a crash cut short
 * @w: writer
 *
 * The crash handler noted it, except for children, which outlive it and finish.
 *
 * Return: its number, 0 for none.
 */
uint64_t undecided(const struct ledger_writer *w)
{
	uint64_t seq = w->undecided;

	if (!seq && w->started != w->finished)
		seq = w->started;
	return seq;
}

/* Numbers from @from up to and not including @to are not there: were all of them refused? */
static void check_gap(unsigned int writer, uint64_t from, uint64_t to)
{
	const struct ledger_writer *w = &ledger->writer[writer];
	uint64_t seq;

	for (seq = from; seq < to; seq++) {
		if (seq == undecided(w))
			continue;
		if (ledger_is_refused(w, seq)) {
			found[writer].refused++;
			continue;
		}
		if (!ledger->reader_cut)
			fail("%s: message %" PRIu64 " of writer %u (%s) was accepted and is missing",
			     file_name[file_of(writer)], seq, writer,
			     kind_name[ledger_kind_of(writer)]);
		found[writer].missing++;
	}
}

static void check_message(struct scan *s, const struct proof *p)
{
	const struct ledger_writer *w = &ledger->writer[p->writer];
	struct found *f = &found[p->writer];

	if (p->seq <= f->last)
		return fail_at(s, p->seq == f->last ? "message twice" : "message out of order");
	if (p->seq == undecided(w))
		f->undecided_there = true;
	else if (p->seq > w->finished)
		return fail_at(s, "message that was never begun");
	else if (ledger_is_refused(w, p->seq))
		return fail_at(s, "message that was refused");
	check_gap(p->writer, f->last + 1, p->seq);
	f->last = p->seq;
	f->printed++;
}

/**
 * check_ends() - look at what should have come after each writer's last message
 *
 * After an undecided message nothing was begun.
 */
void check_ends(void)
{
	unsigned int i;

	for (i = 0; i < NR_WRITERS; i++) {
		const struct ledger_writer *w = &ledger->writer[i];

		check_gap(i, found[i].last + 1, undecided(w) ? undecided(w) : w->finished + 1);
	}
}

/* ---- one file ---- */

static void check_line(struct scan *s, const struct proof *p)
{
	const struct proof *g = &s->group;

	if (p->writer >= NR_WRITERS || file_of(p->writer) != s->file)
		return fail_at(s, "message of a writer that does not belong here");
	if (g->count) {
		if (p->writer != g->writer || p->seq != g->seq || p->index != g->index + 1 ||
		    p->count != g->count)
			return fail_at(s, "group is interrupted");
	} else if (p->index != 1) {
		return fail_at(s, "group without its beginning");
	}
	if (p->index == 1)
		check_message(s, p);
	s->group = *p;
	if (p->index == p->count)
		s->group.count = 0;
}

/* The call trace in a crash report is the only text without proof. */
static bool in_call_trace(const struct scan *s)
{
	const struct proof *g = &s->group;

	return g->count && ledger_kind_of(g->writer) == KIND_CRASH && g->index == CRASH_TRACE;
}

static void check_file(enum file file, const char *text, size_t size)
{
	struct scan s = { .file = file, .base = text, .line = text };
	const char *end = text + size;
	struct proof p;

	while (s.line < end && !s.bad) {
		const char *newline = memchr(s.line, '\n', (size_t)(end - s.line));

		if (!newline)
			return fail("%s: the last line is cut off", file_name[file]);
		switch (proof_parse(&p, s.line, (size_t)(newline - s.line))) {
		case PROOF_MESSAGE:
			check_line(&s, &p);
			break;
		case PROOF_LOSS:
			told_lost[file] += p.lost;
			if (s.group.count)
				fail_at(&s, "group is interrupted");
			break;
		case PROOF_OTHER:
			if (!in_call_trace(&s))
				fail_at(&s, "broken line");
			break;
		}
		s.line = newline + 1;
	}
	if (s.group.count && !s.bad)
		fail("%s: the last group is not complete", file_name[file]);
}

/**
 * read_file() - check all of a collected file
 * @file: which
 * @path: its name
 */
void read_file(enum file file, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *text;

	if (fd < 0 || fstat(fd, &st))
		return fail("%s: cannot be read", path);
	if (st.st_size) {
		text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (text == MAP_FAILED) {
			fail("%s: cannot be read", path);
		} else {
			check_file(file, text, (size_t)st.st_size);
			munmap(text, (size_t)st.st_size);
		}
	}
	close(fd);
}
