// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_text.c - whether a history is one that the library promises: what was read, in order
 *
 * Real time: if one print ended before another began, it is read first. Where records are looked
 * at in the order in which they were read, that is so if none has ended before the latest begin so
 * far: one comparison each, across all writers. The same holds for readers: a call that began when
 * a print had ended, and then found the stream empty, has read it, or an earlier call has.
 */
#include <stdlib.h>
#include <string.h>

#include "check_priv.h"

#define CARRY_MAX	(RECORD_MAX + 64u)
#define LINE_MAX	72u	/* of a loss line */

/* Where text stands. */
struct place {
	struct checker *k;
	struct stream *s;
	uint32_t prog;
	uint32_t stream;
	const struct history_call *call;
};

/* The first of [@from, @to) of a group that was accepted, or @to. */
static uint32_t next_kept(const struct place *p, const struct record *r, uint32_t from, uint32_t to)
{
	const struct history_writer *w = &p->k->h->writer[r->writer];

	while (from < to && from < w->next && history_record(p->k->h, w, from)->err)
		from++;
	return from;
}

static void check_group(const struct place *p, const struct record *r)
{
	struct group *g = &p->s->group;
	uint32_t first = r->seq + 1 - r->index, end = first + r->size;

	if (g->open && (g->writer != r->writer || g->seq != r->seq))
		check_fault(p->k, CHECK_GROUP, "%04x:%u stands where %04x:%u of a group should",
			    r->writer, r->seq, g->writer, g->seq);
	else if (!g->open && next_kept(p, r, first, r->seq) != r->seq)
		check_fault(p->k, CHECK_GROUP, "%04x:%u stands without its group", r->writer,
			    r->seq);
	g->writer = r->writer;
	g->seq = next_kept(p, r, r->seq + 1, end);
	g->open = g->seq < end;
}

static void check_times(const struct place *p, const struct record *r,
			const struct history_record *believed)
{
	if (believed->end < p->s->begun)
		check_fault(p->k, CHECK_REAL_TIME, "%04x:%u ended at %llu, and stands behind one "
			    "that began at %llu", r->writer, r->seq,
			    (unsigned long long)believed->end, (unsigned long long)p->s->begun);
	if (believed->begin > p->s->begun)
		p->s->begun = believed->begin;
	if (believed->begin > p->call->end)
		check_fault(p->k, CHECK_EARLY, "%04x:%u", r->writer, r->seq);
	if (believed->end < p->s->empty)
		check_fault(p->k, CHECK_STALE, "%04x:%u ended at %llu, a call that began at %llu "
			    "found nothing more", r->writer, r->seq,
			    (unsigned long long)believed->end, (unsigned long long)p->s->empty);
}

/* A whole record. Its writer's belief is there unless the round ended in the middle of it. */
static void see(const struct place *p, const struct record *r)
{
	const struct history *h = p->k->h;
	const struct history_writer *w = &h->writer[r->writer];
	const struct history_record *believed;

	if (r->writer >= h->head->writers || r->seq >= w->next + w->open) {
		check_fault(p->k, CHECK_UNKNOWN, "%04x:%u", r->writer, r->seq);
		return;
	}
	if (r->prog != p->prog || r->stream != p->stream)
		check_fault(p->k, CHECK_FOREIGN, "%04x:%u, to %04x.%u, is in %04x.%u", r->writer,
			    r->seq, r->prog, r->stream, p->prog, p->stream);
	if (p->k->seen[w->first + r->seq]++)
		check_fault(p->k, CHECK_DOUBLE, "%04x:%u", r->writer, r->seq);
	p->k->place[w->first + r->seq] = ++p->k->places;
	if (r->seq >= w->next)
		return;
	believed = history_record(h, w, r->seq);
	if (believed->err)
		check_fault(p->k, CHECK_REFUSED, "%04x:%u, with %d", r->writer, r->seq,
			    believed->err);
	if (believed->prog != r->prog || believed->stream != r->stream ||
	    believed->index != r->index || believed->size != r->size ||
	    believed->len != record_len(r->fill))
		check_fault(p->k, CHECK_UNKNOWN, "%04x:%u was printed otherwise", r->writer,
			    r->seq);
	check_group(p, r);
	check_times(p, r, believed);
}

/* A loss line that is whole: its length; 0 if it is none, or has no end yet. */
static size_t take_line(const struct place *p, const char *text, size_t len)
{
	unsigned long long messages, bytes;
	const char *end = memchr(text, '\n', len < LINE_MAX ? len : LINE_MAX);
	char line[LINE_MAX + 1], more[16];

	if (!end)
		return 0;
	memcpy(line, text, (size_t)(end - text));
	line[end - text] = '\0';
	if (sscanf(line, "[%llu messag%15[es], %llu bytes lost]", &messages, more, &bytes) != 3)
		return 0;
	if (p->s->group.open)
		check_fault(p->k, CHECK_GROUP, "a loss line stands in the middle of one");
	p->s->line_messages += messages;
	p->s->line_bytes += bytes;
	return (size_t)(end - text) + 1;
}

/* How many bytes of a loss line lie in this call, which ended with it. */
static void line_in_last(const struct place *p, size_t line, size_t in_call)
{
	if (p->call->last)
		p->s->last_bytes -= line < in_call ? line : in_call;
}

/*
 * What stands at @text: its length, or 0 if more text is needed to tell; then @want is how much.
 * What is neither a record nor a loss line is a fault, and passed over up to the next '<'.
 */
static size_t take(const struct place *p, const char *text, size_t len, size_t in_call,
		   size_t *want)
{
	struct record r;
	const char *at;
	size_t line;

	*want = RECORD_HEAD;
	if (*text == '[') {
		line = take_line(p, text, len);
		if (line)
			line_in_last(p, line, in_call);
		*want = len + 1;
		if (line || len < LINE_MAX)
			return line;
	} else if (len < RECORD_HEAD) {
		return 0;
	} else if (record_parse_head(text, &r)) {
		*want = record_len(r.fill);
		if (len < *want)
			return 0;
		if (record_is_whole(text, &r)) {
			see(p, &r);
			return *want;
		}
	}
	check_fault(p->k, CHECK_TORN, "%04x.%u: %.*s", p->prog, p->stream,
		    (int)(len < 80 ? len : 80), text);
	at = memchr(text + 1, '<', len - 1);
	return at ? (size_t)(at - text) : len;
}

static void carry(struct stream *s, const char *text, size_t len)
{
	if (!s->carry)
		s->carry = malloc(CARRY_MAX);
	if (!s->carry || s->carried + len > CARRY_MAX)
		abort();
	memcpy(s->carry + s->carried, text, len);
	s->carried += len;
}

/* As much of @text as completes what was carried over. Returns bytes used. */
static size_t complete(const struct place *p, const char *text, size_t len)
{
	struct stream *s = p->s;
	size_t used = 0;

	while (s->carried) {
		size_t more = s->want - s->carried, taken;

		if (more > len - used)
			more = len - used;
		carry(s, text + used, more);
		used += more;
		if (s->carried < s->want)
			break;
		taken = take(p, s->carry, s->carried, used, &s->want);
		if (!taken)
			continue;
		memmove(s->carry, s->carry + taken, s->carried - taken);
		s->carried -= taken;
		s->want = s->carried + 1;
	}
	return used;
}

static void read_on(const struct place *p, const char *text, size_t len)
{
	struct stream *s = p->s;
	size_t at = complete(p, text, len);

	while (at < len) {
		size_t taken = take(p, text + at, len - at, len, &s->want);

		if (!taken) {
			carry(s, text + at, len - at);
			return;
		}
		at += taken;
	}
}

/* A call that is no part of a sequence: whole messages and groups. */
static void end_scope(const struct place *p)
{
	struct stream *s = p->s;

	if (s->carried)
		check_fault(p->k, CHECK_TORN, "%04x.%u: the end of a call: %.*s", p->prog,
			    p->stream, (int)(s->carried < 80 ? s->carried : 80), s->carry);
	if (s->group.open)
		check_fault(p->k, CHECK_GROUP, "%04x.%u: %04x:%u is missing where text ends",
			    p->prog, p->stream, s->group.writer, s->group.seq);
	s->carried = 0;
	s->group.open = false;
	s->begun = 0;
	s->empty = 0;
}

static void read_part(struct checker *k, const struct history_call *call, uint32_t prog,
		      uint32_t stream, const char *text, size_t len)
{
	struct place p = { k, check_stream(k, prog, stream), prog, stream, call };

	k->c->bytes += len;
	if (call->last) {
		p.s->in_last = true;
		p.s->last_bytes += len;
	}
	read_on(&p, text, len);
	if (call->empty)
		p.s->empty = call->empty;
	if (!(k->h->prog[prog].flags & HISTORY_ORDERED))
		end_scope(&p);
}

static bool heading(const struct checker *k, const char *at, const char *end, uint32_t *prog,
		    uint32_t *stream, size_t *len)
{
	static const char *const name[HISTORY_STREAMS] = { "stdout", "stderr" };
	char line[32] = "";
	int n;

	/* Of a line, not of all text: sscanf() would look for its end each time. */
	memcpy(line, at, (size_t)(end - at) < sizeof(line) ? (size_t)(end - at) : sizeof(line) - 1);
	if (sscanf(line, "==> p%4x", prog) != 1 || *prog >= k->h->head->progs)
		return false;
	for (*stream = 1; *stream <= HISTORY_STREAMS; ++*stream) {
		n = snprintf(line, sizeof(line), "==> p%04x (%s) <==\n", *prog,
			     name[*stream - 1]);
		if (end - at >= n && !memcmp(at, line, (size_t)n)) {
			*len = (size_t)n;
			return true;
		}
	}
	return false;
}

/* All programs' text, each under its heading. */
static void read_dump(struct checker *k, const struct history_call *call, const char *text,
		      size_t len)
{
	const char *at = text, *end = text + len, *next;
	uint32_t prog, stream;
	size_t n;

	while (at < end) {
		if (!heading(k, at, end, &prog, &stream, &n)) {
			check_fault(k, CHECK_TORN, "a dump: %.*s", 60, at);
			return;
		}
		at += n;
		next = memmem(at, (size_t)(end - at), "==> p", 5);
		if (!next)
			next = end;
		read_part(k, call, prog, stream, at, (size_t)(next - at));
		at = next;
	}
}

/* All that was read, call by call. */
void check_text(struct checker *k)
{
	const struct history_head *head = k->h->head;
	uint32_t nr, prog, stream;

	for (nr = 0; nr < head->calls; nr++) {
		const struct history_call *call = &k->h->call[nr];

		if (call->err)
			check_fault(k, CHECK_CALL, "%u failed with %d", nr, call->err);
		if (call->prog == HISTORY_NONE)
			read_dump(k, call, k->h->text + call->text, call->len);
		else
			read_part(k, call, call->prog, call->stream, k->h->text + call->text,
				  call->len);
	}
	for (prog = 0; prog < head->progs && head->complete; prog++) {
		for (stream = 1; stream <= HISTORY_STREAMS; stream++) {
			struct place p = { k, check_stream(k, prog, stream), prog, stream, NULL };

			end_scope(&p);
		}
	}
}
