// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * write.c - the public writers: any context
 *
 * Each call is: open text in this context's page, write, publish or drop, leave, and wake who
 * waits if the stream was empty. Nothing here waits, and errno is only touched around system
 * calls that put it back.
 */
#include "api.h"
#include "fast.h"
#include "fork.h"
#include "stack.h"
#include "stage.h"
#include "wake.h"

static_assert(sizeof(struct bpfstream_staged) <= sizeof(struct bpfstream_stage),
	      "a group fits the storage that its user places");
static_assert(_Alignof(struct bpfstream_staged) <= _Alignof(struct bpfstream_stage),
	      "and its alignment");

static int finish(struct bpfstream_prog *prog, int err, bool was_empty)
{
	if (was_empty || bsp_wake_owed(prog))
		bsp_wake_readable(prog);
	return err;
}

static int refuse(struct bpfstream *s, int err)
{
	bpfstream_account_loss(s, bpfstream_cause_of(err), 1, 0);
	return err;
}

/*
 * Most messages fit the page at hand and ask for bare conversions: for those, all happens in the
 * frame that a variadic function has anyway, and what the arguments need is made ready after the
 * first literal text, if there are any. The others go on in bsp_vformat_rest().
 */
struct print {
	struct bpfstream_prog *prog;
	struct bpfstream *s;
	struct bpfstream_spot spot;
	struct bsp_run run;
	bool more;
};

static BSP_INLINE int print_begin(struct print *p, unsigned long *flags,
				  struct bpfstream_prog *prog, enum bpfstream_id id,
				  const char *fmt)
{
	int err = bsp_stream_find(prog, (int)id, &p->s);

	if (err)
		return err;
	if (!fmt)
		return refuse(p->s, -EINVAL);
	p->prog = prog;
	bpfstream_spot_open(&p->spot, flags);
	p->run = (struct bsp_run){ p->spot.pos, fmt, NULL };
	p->more = bsp_fast_literal(&p->run, p->spot.end);
	return 0;
}

static BSP_INLINE bool print_is_done(struct print *p)
{
	p->spot.pos = p->run.pos;
	return !p->run.str && !*p->run.fmt && bpfstream_spot_will_do(p->s, &p->spot);
}

static BSP_INLINE int print_done(struct print *p, unsigned long flags)
{
	bool was_empty;
	int err = bpfstream_publish_spot(p->s, &p->spot, flags, &was_empty);

	return finish(p->prog, err, was_empty);
}

static BSP_INLINE int print_rest(struct print *p, struct bpfstream_out *out, va_list *ap)
{
	bool was_empty;
	int err;

	if (p->more)
		bsp_fast_rest(&p->run, p->spot.end, ap);
	if (bsp_likely(print_is_done(p)))
		return print_done(p, out->flags);
	bpfstream_out_go_on(out, &p->spot, p->s->capacity);
	err = bsp_vformat_rest(out, p->run.fmt, p->run.str, ap);
	err = bpfstream_publish_out(p->s, out, err, &was_empty);
	return finish(p->prog, err, was_empty);
}

int bpfstream_vprintf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt,
		      va_list ap)
{
	struct bpfstream_out out;
	struct print p;
	int err = print_begin(&p, &out.flags, prog, id, fmt);

	return err ? err : print_rest(&p, &out, bsp_pointer_to(ap));
}

int bpfstream_printf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt, ...)
{
	struct bpfstream_out out;
	struct print p;
	va_list ap;
	int err = print_begin(&p, &out.flags, prog, id, fmt);

	if (err)
		return err;
	if (!p.more && print_is_done(&p))
		return print_done(&p, out.flags);
	va_start(ap, fmt);
	err = print_rest(&p, &out, &ap);
	va_end(ap);
	return err;
}

int bpfstream_write(struct bpfstream_prog *prog, enum bpfstream_id id, const void *text,
		    size_t len)
{
	struct bpfstream *s;
	bool was_empty;
	int err = bsp_stream_find(prog, (int)id, &s);

	if (err)
		return err;
	if (!text && len)
		return refuse(s, -EINVAL);
	err = bpfstream_push(s, text, len, &was_empty);
	return finish(prog, err, was_empty);
}

int bpfstream_bprintf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt,
		      const uint64_t *args, uint32_t args_sz)
{
	struct bpfstream_out out;
	struct bpfstream *s;
	bool was_empty;
	int err = bsp_stream_find(prog, (int)id, &s);

	if (err)
		return err;
	bpfstream_out_open(&out, s->capacity);
	err = bsp_bformat(&out, fmt, args, args_sz);
	err = bpfstream_publish_out(s, &out, err, &was_empty);
	return finish(prog, err, was_empty);
}

/* ---- groups ---- */

static struct bpfstream_staged *staged(struct bpfstream_stage *ss)
{
	return (struct bpfstream_staged *)(void *)ss;
}

void bpfstream_stage_init(struct bpfstream_stage *ss)
{
	if (ss)
		bpfstream_staged_init(staged(ss));
}

static BSP_INLINE int
stage_print(struct bpfstream_stage *ss, const char *fmt, va_list ap)
{
	struct bpfstream_out out;

	if (!ss)
		return -EINVAL;
	if (!fmt) {
		bpfstream_staged_account_loss(staged(ss), -EINVAL, 0);
		return -EINVAL;
	}
	bpfstream_out_open(&out, bsp_live_max_capacity());
	return bpfstream_staged_add_out(staged(ss), &out, bsp_vformat(&out, fmt, ap));
}

int bpfstream_stage_vprintf(struct bpfstream_stage *ss, const char *fmt, va_list ap)
{
	return stage_print(ss, fmt, ap);
}

int bpfstream_stage_printf(struct bpfstream_stage *ss, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = stage_print(ss, fmt, ap);
	va_end(ap);
	return err;
}

int bpfstream_stage_dump_stack(struct bpfstream_stage *ss)
{
	return ss ? bsp_dump_stack(staged(ss)) : -EINVAL;
}

int bpfstream_stage_commit(struct bpfstream_stage *ss, struct bpfstream_prog *prog,
			   enum bpfstream_id id)
{
	struct bpfstream *s;
	bool was_empty;
	int err = ss ? bsp_stream_find(prog, (int)id, &s) : -EINVAL;

	if (err)
		return err;
	/* The others find out when they enter; a group is there already. */
	if (bsp_fork_unseen())
		bsp_fork_child();
	err = bpfstream_staged_commit(staged(ss), s, &was_empty);
	return finish(prog, err, was_empty);
}

void bpfstream_stage_free(struct bpfstream_stage *ss)
{
	if (ss)
		bpfstream_staged_free(staged(ss));
}
