// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check.c - whether a history is one that the library promises: the sums, and the verdict
 *
 * Each record is looked at once as text and once as what its writer believes, so all of it takes
 * time in proportion to the history.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check_priv.h"

#define SAID_MOST	5u	/* of each kind of fault; the others are counted */

/** check_fault_name() - what a fault is called in messages */
const char *check_fault_name(enum check_fault fault)
{
	static const char *const name[CHECK_FAULTS] = {
		"lost", "double", "unknown", "refused", "torn", "foreign", "order", "real-time",
		"group", "early", "stale", "pending", "count", "lines", "room", "call", "child",
		"left", "unfinished"
	};

	return name[fault];
}

/* Count a fault, and say the first of its kind. */
void check_fault(struct checker *k, enum check_fault fault, const char *format, ...)
{
	va_list ap;

	if (k->c->faults[fault]++ >= SAID_MOST || !k->out)
		return;
	fprintf(k->out, "%s: ", check_fault_name(fault));
	va_start(ap, format);
	vfprintf(k->out, format, ap);
	va_end(ap);
	fputc('\n', k->out);
}

/* What the writers met, of one stream. @vague: bytes at most of what was not formatted whole */
struct losses {
	struct history_stream met;
	uint64_t vague;
};

static void sum_record(struct checker *k, struct losses *all, const struct history_record *r)
{
	struct losses *sum = &all[r->prog * HISTORY_STREAMS + r->stream - 1];

	sum->met.lost_full += r->full;
	sum->met.lost_bytes += (uint64_t)r->full * r->len;
	if (!r->err) {
		k->c->accepted++;
		return;
	}
	k->c->refused++;
	sum->met.lost_nomem += r->err == -ENOMEM;
	sum->met.lost_invalid += r->err == -EINVAL;
	if (r->vague)
		sum->vague += r->len;
}

/* A writer's records, in its order, are read in this order, where it is known. */
static void check_order(struct checker *k, uint32_t nr, uint32_t seq,
			const struct history_record *r)
{
	uint32_t place = k->place[k->h->writer[nr].first + seq];
	struct stream *s = check_stream(k, r->prog, r->stream);

	if (!place || !(k->h->prog[r->prog].flags & HISTORY_ORDERED))
		return;
	if (s->writer == nr + 1 && place < s->place)
		check_fault(k, CHECK_ORDER, "%04x:%u stands before an earlier one", nr, seq);
	else
		s->place = place;
	s->writer = nr + 1;
}

static void sum_writer(struct checker *k, struct losses *all, uint32_t nr)
{
	const struct history_writer *w = &k->h->writer[nr];
	uint32_t seq;

	for (seq = 0; seq < w->next; seq++) {
		const struct history_record *r = history_record(k->h, w, seq);

		sum_record(k, all, r);
		check_order(k, nr, seq, r);
		if (!r->err && !k->seen[w->first + seq] && k->h->head->complete)
			check_fault(k, CHECK_LOST, "%04x:%u, to %04x.%u, accepted at %llu", nr,
				    seq, r->prog, r->stream, (unsigned long long)r->end);
		if (r->err && k->h->prog[r->prog].flags & HISTORY_ROOMY && r->err != -EINVAL)
			check_fault(k, CHECK_ROOM, "%04x:%u, to %04x.%u, refused with %d", nr, seq,
				    r->prog, r->stream, r->err);
	}
}

static void compare(struct checker *k, uint32_t prog, uint32_t stream, const char *what,
		    uint64_t counted, uint64_t met, uint64_t slack)
{
	if (counted < met || counted - met > slack)
		check_fault(k, CHECK_COUNT, "%04x.%u: %s: counted by the library %llu, met by the "
			    "writers %llu", prog, stream, what, (unsigned long long)counted,
			    (unsigned long long)met);
}

static void check_losses(struct checker *k, uint32_t prog, uint32_t stream,
			 const struct losses *sum)
{
	const struct history_stream *told = &k->h->prog[prog].stream[stream - 1];

	compare(k, prog, stream, "full", told->lost_full, sum->met.lost_full, 0);
	compare(k, prog, stream, "no memory", told->lost_nomem, sum->met.lost_nomem, 0);
	compare(k, prog, stream, "invalid", told->lost_invalid, sum->met.lost_invalid, 0);
	compare(k, prog, stream, "bytes", told->lost_bytes, sum->met.lost_bytes, sum->vague);
}

static void check_lines(struct checker *k, uint32_t prog, uint32_t stream)
{
	const struct history_stream *told = &k->h->prog[prog].stream[stream - 1];
	const struct stream *s = check_stream(k, prog, stream);
	uint64_t lost = told->lost_full + told->lost_nomem + told->lost_invalid;

	if (!(k->h->prog[prog].flags & HISTORY_LINES))
		lost = 0;
	if (s->line_messages != lost)
		check_fault(k, CHECK_LINES, "%04x.%u: %llu messages told of, %llu lost", prog,
			    stream, (unsigned long long)s->line_messages,
			    (unsigned long long)lost);
	else if (lost && s->line_bytes != told->lost_bytes)
		check_fault(k, CHECK_LINES, "%04x.%u: %llu bytes told of, %llu lost", prog, stream,
			    (unsigned long long)s->line_bytes,
			    (unsigned long long)told->lost_bytes);
}

static void check_end(struct checker *k, uint32_t prog, uint32_t stream)
{
	const struct history_stream *told = &k->h->prog[prog].stream[stream - 1];
	const struct stream *s = check_stream(k, prog, stream);

	if (s->in_last && s->last_bytes != told->pending)
		check_fault(k, CHECK_PENDING, "%04x.%u: %llu bytes waited, the last call got %llu",
			    prog, stream, (unsigned long long)told->pending,
			    (unsigned long long)s->last_bytes);
	if (s->in_last && told->left)
		check_fault(k, CHECK_PENDING, "%04x.%u: %llu bytes charged when all was read",
			    prog, stream, (unsigned long long)told->left);
}

static void check_progs(struct checker *k, const struct losses *all)
{
	uint32_t prog, stream;

	for (prog = 0; prog < k->h->head->progs; prog++) {
		for (stream = 1; stream <= HISTORY_STREAMS; stream++) {
			check_end(k, prog, stream);
			if (k->h->prog[prog].flags & HISTORY_CHILD)
				continue;
			check_losses(k, prog, stream,
				     &all[prog * HISTORY_STREAMS + stream - 1]);
			check_lines(k, prog, stream);
		}
	}
}

static void check_head(struct checker *k)
{
	const struct history_head *head = k->h->head;

	if (head->bad_children)
		check_fault(k, CHECK_CHILD, "%u of %u children", head->bad_children,
			    head->children);
	if (head->levels)
		check_fault(k, CHECK_LEFT, "%u levels in use at their threads' end", head->levels);
	if (head->adrift)
		check_fault(k, CHECK_LEFT, "%u pages that no thread holds", head->adrift);
	if (head->errno_changed)
		check_fault(k, CHECK_LEFT, "%llu calls changed errno",
			    (unsigned long long)head->errno_changed);
}

/* The sums, once all text has been read. What a round left undone is not held against it. */
void check_sums(struct checker *k)
{
	const struct history_head *head = k->h->head;
	struct losses *all = calloc((size_t)head->progs * HISTORY_STREAMS + 1, sizeof(*all));
	uint32_t nr;

	if (!all)
		abort();
	for (nr = 0; nr < head->writers; nr++)
		sum_writer(k, all, nr);
	if (head->complete) {
		check_progs(k, all);
		check_head(k);
	} else {
		check_fault(k, CHECK_UNFINISHED, "the round did not come to its end");
	}
	free(all);
}

/**
 * check_history() - hold what was read against what was printed
 * @h: history
 * @c: verdict
 * @out: where to say what is wrong, or NULL
 *
 * Return: whether nothing is.
 */
bool check_history(const struct history *h, struct check *c, FILE *out)
{
	struct checker k = { .h = h, .c = c, .out = out };
	size_t streams = (size_t)h->head->progs * HISTORY_STREAMS, i;
	uint64_t faults = 0;

	memset(c, 0, sizeof(*c));
	k.seen = calloc(h->head->recs + 1, 1);
	k.stream = calloc(streams + 1, sizeof(*k.stream));
	k.place = calloc(h->head->recs + 1, sizeof(*k.place));
	if (!k.seen || !k.place || !k.stream)
		abort();
	check_text(&k);
	check_sums(&k);
	for (i = 0; i < streams; i++)
		free(k.stream[i].carry);
	free(k.stream);
	free(k.place);
	free(k.seen);
	for (i = 0; i < CHECK_FAULTS; i++)
		faults += c->faults[i];
	return !faults;
}
