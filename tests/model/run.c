// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run.c - a sequence of random operations on the library and on the model, compared
 *
 * A call that changes a stream is a frame while it is under way. An operation that interrupts it
 * first settles it: what the call has done so far, as bpfstream_prog_stat() shows it, is done to
 * the model too. So the model always sees things in the order in which they became visible.
 *
 * Three things the model is told, since no caller can know them: that a message was lost for lack
 * of memory (only where pages were made to fail or are used up), how many bytes of a message that
 * cannot be formatted or is too long were formatted (within bounds), and, where memory is short,
 * that a place for a line about losses could not be had.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "live.h"
#include "run_priv.h"

#define PAGE_TEXT	4080u	/* bytes of one message in a page, at most */
#define CHECK_ALL	64u	/* operations between looks at all streams */

/* The first difference is the one that counts. */
void run_fail(struct run *r, const char *fmt, ...)
{
	char *to = r->result->failure;
	size_t size = sizeof(r->result->failure);
	va_list ap;
	int n;

	if (run_failed(r))
		return;
	n = snprintf(to, size, "operation %llu (%s, depth %u): ",
		     (unsigned long long)r->result->operations, r->doing, r->depth);
	va_start(ap, fmt);
	vsnprintf(to + n, size - (size_t)n, fmt, ap);
	va_end(ap);
}

bool run_failed(const struct run *r)
{
	return r->result->failure[0];
}

struct model_stream *run_model(const struct prog *prog, unsigned int id)
{
	return (struct model_stream *)(uintptr_t)&prog->stream[id];
}

enum bpfstream_id run_id(unsigned int id)
{
	return id ? BPFSTREAM_STDERR : BPFSTREAM_STDOUT;
}

/*
 * A stream to work on. Not one with lines where a call is under way: which losses a line tells of
 * then depends on the instruction.
 */
bool run_pick(struct run *r, struct prog **prog, unsigned int *id)
{
	const struct frame *f;

	*prog = &r->prog[seeded_below(&r->rng, r->profile->programs)];
	*id = (unsigned int)seeded_below(&r->rng, 2);
	if (!(*prog)->prog)
		return false;
	for (f = r->top; f; f = f->outer)
		if (f->kind != FRAME_ALONE && f->prog == *prog && f->id == *id &&
		    run_model(*prog, *id)->lines)
			return false;
	return true;
}

/* Whether one of the page allocations during a call was made to fail. */
bool run_page_failed(const struct frame *f)
{
	unsigned long from = bsp_fault.page_fail_from;
	unsigned long nr = bsp_fault.page_fail_nr;
	unsigned long first = from > f->allocs ? from : f->allocs + 1;

	return from && first <= bsp_fault.page_allocs && (!nr || first < from + nr);
}

/*
 * Whether what failed was only the turn of a page near its end, which a message may begin with. The
 * rest of the old page is then used, and what does not fit takes a second page.
 */
bool run_only_a_turn_failed(const struct frame *f)
{
	unsigned long from = bsp_fault.page_fail_from;
	unsigned long nr = bsp_fault.page_fail_nr;

	return f->allocs + 1 >= from && (bsp_fault.page_allocs == f->allocs + 1 ||
					 (nr && f->allocs + 1 == from + nr - 1));
}

/*
 * Whether a page may have been missing: made to fail, or all in use. Those that the message had
 * taken before are free again by now: its whole pages, and perhaps the one that it began in.
 */
bool run_pages_short(const struct frame *f)
{
	unsigned long freed = f->len / PAGE_TEXT + 1 + (f->fired ? 64 : 0);

	return run_page_failed(f) || bsp_arena_live() + freed >= bsp_arena_budget();
}

static void operation(struct run *r);

/* What a signal handler would be. */
static void interrupt(void *arg)
{
	struct run *r = arg;
	struct frame *f = r->top;
	const char *doing = r->doing;
	int saved = errno;

	if (run_failed(r))
		return;
	f->fired++;
	run_settle(r, f);
	r->depth++;
	r->result->nested++;
	operation(r);
	r->depth--;
	r->doing = doing;
	errno = saved;
}

/* Begin a call; sometimes, plan that it be interrupted. */
void run_begin(struct run *r, struct frame *f)
{
	f->outer = r->top;
	f->allocs = bsp_fault.page_allocs;
	r->top = f;
	if (r->depth < MAX_DEPTH && r->profile->nest_in &&
	    seeded_once_in(&r->rng, r->profile->nest_in)) {
		/* What is lost inside a look at the losses may be seen by it or not: not there. */
		bsp_fault.at = (enum bsp_point)seeded_below(&r->rng, BSP_POINT_COUNTER);
		bsp_fault.fn = interrupt;
		bsp_fault.arg = r;
		bsp_fault.countdown = (long)seeded_below(&r->rng, 3);
	}
	errno = NO_ERRNO;
}

void run_end(struct run *r, struct frame *f)
{
	bsp_fault.countdown = -1;
	if (errno != NO_ERRNO)
		run_fail(r, "errno has become %d", errno);
	r->top = f->outer;
}

static bool get_stat(struct run *r, const struct prog *prog, unsigned int id,
		     struct bpfstream_stat *now)
{
	int saved = errno;
	int err;

	now->sz = sizeof(*now);
	err = bpfstream_prog_stat(prog->prog, run_id(id), now);
	errno = saved;
	if (err)
		run_fail(r, "stat says %d", err);
	return !err;
}

/* Pending as a frame that reads has left it so far. */
static void settle_reader(struct run *r, struct frame *f)
{
	struct model_stream *m = run_model(f->prog, f->id);
	struct bpfstream_stat now;
	uint64_t taken;

	if (!get_stat(r, f->prog, f->id, &now))
		return;
	taken = m->pending - now.pending;
	if (now.pending > m->pending || f->taken + taken > f->asked)
		run_fail(r, "%llu pending in the middle of a read of %zu, before it %llu",
			 (unsigned long long)now.pending, f->asked, (unsigned long long)m->pending);
	f->taken += taken;
	m->pending = now.pending;
}

/* The call was refused with @err, for @bytes of text. */
static void settle_refused(struct run *r, struct frame *f, int err, enum model_cause cause,
			   uint64_t bytes)
{
	struct model_stream *m = run_model(f->prog, f->id);
	bool room = model_fits(m, f->len);
	bool whole = !f->expect && cause == MODEL_FULL && f->len < m->capacity;

	if (cause == MODEL_INVALID ? !f->expect || f->expect == -ENOSPC :
	    cause == MODEL_NOMEM ? !run_pages_short(f) : room && f->expect != -ENOSPC)
		run_fail(r, "refused with %d, expected %d: %zu bytes, %llu pending of %llu, "
			 "%u of %u pages used", err, f->expect, f->len,
			 (unsigned long long)m->pending, (unsigned long long)m->capacity,
			 bsp_arena_live(), bsp_arena_budget());
	if (bytes > f->len || (whole && bytes != f->len))
		run_fail(r, "%llu bytes of %zu counted as lost", (unsigned long long)bytes, f->len);
	model_lose(m, cause, f->messages, bytes);
	r->result->refused[cause] += f->messages;
	f->settled = true;
	f->result = cause == MODEL_INVALID ? f->expect : err;
}

static void settle_accepted(struct run *r, struct frame *f)
{
	struct model_stream *m = run_model(f->prog, f->id);
	const struct bpfstream *s = &f->prog->prog->stream[f->id];
	bool line = model_line_belongs(m, f->len);

	if (f->expect || !model_fits(m, f->len))
		run_fail(r, "accepted, expected %d: %zu bytes, %llu pending of %llu", f->expect,
			 f->len, (unsigned long long)m->pending, (unsigned long long)m->capacity);
	if (run_page_failed(f) && !f->fired && !m->lines && !run_only_a_turn_failed(f))
		run_fail(r, "accepted without a page");
	if (line && s->marked != bpfstream_loss_token(s)) {
		line = false;
		if (!run_pages_short(f))
			run_fail(r, "no line before this message");
	}
	model_accept(m, f->text, f->len, line);
	f->settled = true;
	f->result = 0;
}

static void settle_writer(struct run *r, struct frame *f)
{
	static const int error[MODEL_NR_CAUSES] = { -ENOSPC, -ENOMEM, -EINVAL };
	struct model_stream *m = run_model(f->prog, f->id);
	struct bpfstream_stat now;
	uint64_t lost[MODEL_NR_CAUSES];
	unsigned int cause;

	if (f->settled || !get_stat(r, f->prog, f->id, &now))
		return;
	lost[MODEL_FULL] = now.lost_full - m->lost[MODEL_FULL];
	lost[MODEL_NOMEM] = now.lost_nomem - m->lost[MODEL_NOMEM];
	lost[MODEL_INVALID] = now.lost_invalid - m->lost[MODEL_INVALID];
	for (cause = 0; cause < MODEL_NR_CAUSES; cause++) {
		if (lost[cause] && lost[cause] != f->messages)
			run_fail(r, "%llu messages counted as lost, not %llu",
				 (unsigned long long)lost[cause], (unsigned long long)f->messages);
		if (lost[cause])
			settle_refused(r, f, error[cause], (enum model_cause)cause,
				       now.lost_bytes - m->lost_bytes);
	}
	if (!f->settled && now.pending != m->pending)
		settle_accepted(r, f);
}

/* Have the model know what a call under way has done so far. */
void run_settle(struct run *r, struct frame *f)
{
	if (f->kind == FRAME_READS)
		settle_reader(r, f);
	else if (f->kind == FRAME_WRITES)
		settle_writer(r, f);
	if (f->kind != FRAME_ALONE)
		run_check_stat(r, f->prog, f->id);
}

void run_check_stat(struct run *r, const struct prog *prog, unsigned int id)
{
	const struct model_stream *m = run_model(prog, id);
	struct bpfstream_stat now;

	if (!get_stat(r, prog, id, &now))
		return;
	if (now.sz != sizeof(now) || now.capacity != m->capacity || now.pending != m->pending ||
	    now.lost_full != m->lost[MODEL_FULL] || now.lost_nomem != m->lost[MODEL_NOMEM] ||
	    now.lost_invalid != m->lost[MODEL_INVALID] || now.lost_bytes != m->lost_bytes)
		run_fail(r, "stat of stream %u.%u: pending %llu of %llu, lost %llu %llu %llu, %llu "
			 "bytes; expected %llu of %llu, %llu %llu %llu, %llu",
			 (unsigned int)(prog - r->prog), id, (unsigned long long)now.pending,
			 (unsigned long long)now.capacity, (unsigned long long)now.lost_full,
			 (unsigned long long)now.lost_nomem, (unsigned long long)now.lost_invalid,
			 (unsigned long long)now.lost_bytes, (unsigned long long)m->pending,
			 (unsigned long long)m->capacity, (unsigned long long)m->lost[MODEL_FULL],
			 (unsigned long long)m->lost[MODEL_NOMEM],
			 (unsigned long long)m->lost[MODEL_INVALID],
			 (unsigned long long)m->lost_bytes);
}

static void check_all(struct run *r)
{
	unsigned int i, id;

	for (i = 0; i < r->profile->programs; i++) {
		for (id = 0; r->prog[i].prog && id < 2; id++)
			run_check_stat(r, &r->prog[i], id);
		run_check_watched(r, &r->prog[i]);
	}
	for (i = 0; i < BSP_LEVELS; i++)
		if (bsp_slot_self()->level[i].where)
			run_fail(r, "level %u is still in use", i);
	if (bsp_fault.warnings)
		run_fail(r, "the library has warned");
}

/* @weight: how often, @process: not from a handler */
struct choice {
	const char *name;
	unsigned int weight;
	bool process;
	void (*fn)(struct run *r);
};

static const struct choice choices[] = {
	{ "printf", 30, false, run_printf },
	{ "write", 16, false, run_write },
	{ "bprintf", 8, false, run_bprintf },
	{ "a call to be refused", 2, false, run_refused_call },
	{ "stage_printf", 8, false, run_group_add },
	{ "stage_commit", 5, false, run_group_commit },
	{ "stage_free", 1, false, run_group_free },
	{ "stage", 3, false, run_group_whole },
	{ "dump", 2, false, run_dump },
	{ "read", 22, true, run_read },
	{ "read without a buffer", 1, true, run_read_fault },
	{ "drain", 3, true, run_drain },
	{ "drain into a pipe", 1, true, run_drain_part },
	{ "dump_all", 1, true, run_dump_all },
	{ "wait", 1, true, run_wait },
	{ "fd", 1, true, run_watch },
	{ "create or destroy", 1, true, run_live },
};

static void operation(struct run *r)
{
	unsigned int nr = sizeof(choices) / sizeof(choices[0]);
	unsigned int total = 0, pick, i;

	for (i = 0; i < nr; i++)
		total += r->depth && choices[i].process ? 0 : choices[i].weight;
	pick = (unsigned int)seeded_below(&r->rng, total);
	for (i = 0;; i++) {
		unsigned int weight = r->depth && choices[i].process ? 0 : choices[i].weight;

		if (pick < weight)
			break;
		pick -= weight;
	}
	r->result->operations++;
	r->doing = choices[i].name;
	choices[i].fn(r);
}

static void plan_page_failure(struct run *r)
{
	bsp_fault.page_fail_from = 0;
	if (!r->profile->fail_in || !seeded_once_in(&r->rng, r->profile->fail_in))
		return;
	bsp_fault.page_fail_from = bsp_fault.page_allocs + 1 + seeded_below(&r->rng, 3);
	bsp_fault.page_fail_nr = seeded_below(&r->rng, 3);
}

/* What every sequence needs, and none changes: it is made once. */
static void make_room(struct run *r)
{
	struct seeded rng = { .state = 1 };
	unsigned int i;

	if (pipe2(r->pipe, O_CLOEXEC | O_NONBLOCK))
		abort();
	r->noise = malloc(2 * MAX_TEXT);
	r->want = malloc(READ_MAX);
	for (i = 0; i <= MAX_DEPTH; i++) {
		r->text[i] = malloc(MAX_TEXT);
		r->arg[i] = malloc(MAX_TEXT);
		r->got[i] = malloc(READ_MAX);
		r->memfd[i] = memfd_create("model", MFD_CLOEXEC);
		if (!r->noise || !r->want || !r->text[i] || !r->arg[i] || !r->got[i] ||
		    r->memfd[i] < 0)
			abort();
	}
	for (i = 0; i < 2 * MAX_TEXT; i++) {
		r->noise[i] = (char)(1 + seeded_below(&rng, 255));
		if (r->noise[i] == '%')
			r->noise[i] = '\n';
	}
}

static void begin(struct run *r)
{
	unsigned int i;

	bsp_fault = (struct bsp_fault_plan){ .countdown = -1 };
	r->doing = "the beginning";
	r->adrift = bsp_arena_live() - bsp_slots_pages();
	while (read(r->pipe[0], r->want, READ_MAX) > 0)
		;
	for (i = 0; i < NR_GROUPS; i++)
		bpfstream_stage_init(&r->group[i].ss);
	for (i = 0; i < r->profile->programs; i++)
		run_create(r, &r->prog[i]);
}

static void check_pages(struct run *r, const char *when)
{
	if (bsp_arena_live() != bsp_slots_pages() + r->adrift)
		run_fail(r, "%s, %u pages are in use, %u of them to be written to", when,
			 bsp_arena_live(), bsp_slots_pages());
}

static void drop_programs(struct run *r)
{
	unsigned int i;

	for (i = 0; i < r->profile->programs; i++)
		if (r->prog[i].prog)
			run_destroy(r, &r->prog[i]);
}

/* Read everything, and see that nothing is left. */
static void end(struct run *r)
{
	unsigned int i, id;

	bsp_fault.page_fail_from = 0;
	r->doing = "the end";
	for (i = 0; i < NR_GROUPS; i++)
		run_group_drop(r, &r->group[i]);
	for (i = 0; i < r->profile->programs; i++)
		for (id = 0; r->prog[i].prog && id < 2; id++)
			run_read_out(r, &r->prog[i], id);
	check_all(r);
	check_pages(r, "with all text read");
	drop_programs(r);
	check_pages(r, "with no program left");
}

/* After a failure too: what it has left shall not fail the next sequence. */
static void clean_up(struct run *r)
{
	unsigned int i;

	bsp_fault = (struct bsp_fault_plan){ .countdown = -1 };
	for (i = 0; i < NR_GROUPS; i++)
		run_group_drop(r, &r->group[i]);
	drop_programs(r);
}

static void sequence(const struct run_profile *profile, struct seeded rng, uint64_t operations,
		     struct run_result *result)
{
	static struct run fresh;
	struct run r;

	if (!fresh.noise)
		make_room(&fresh);
	r = fresh;
	r.profile = profile;
	r.result = result;
	r.rng = rng;
	memset(result, 0, sizeof(*result));
	begin(&r);
	while (result->operations < operations && !seeded_over(&r.rng) && !run_failed(&r)) {
		plan_page_failure(&r);
		operation(&r);
		if (result->operations % CHECK_ALL == 0)
			check_all(&r);
	}
	if (!run_failed(&r))
		end(&r);
	clean_up(&r);
}

void run_sequence(const struct run_profile *profile, uint64_t seed, uint64_t operations,
		  struct run_result *result)
{
	sequence(profile, (struct seeded){ .state = seed }, operations, result);
}

void run_bytes(const struct run_profile *profile, const uint8_t *bytes, size_t len,
	       struct run_result *result)
{
	struct seeded rng = { .bytes = bytes, .end = bytes + len };

	sequence(profile, rng, UINT64_MAX, result);
}
