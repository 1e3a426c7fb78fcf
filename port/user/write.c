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
 *
 * @run: how far the format has been followed
 * @args: it stands before a conversion
 */
struct text {
	struct bpfstream_spot spot;
	struct bsp_run run;
	bool args;
};

static BSP_INLINE void text_begin(struct text *t, unsigned long *flags, const char *fmt)
{
	bpfstream_spot_open(&t->spot, flags);
	t->run = (struct bsp_run){ t->spot.pos, fmt, NULL };
	t->args = bsp_fast_literal(&t->run, t->spot.end);
	t->spot.pos = t->run.pos;
}

static BSP_INLINE void text_args(struct text *t, va_list *ap)
{
	if (t->args)
		bsp_fast_rest(&t->run, t->spot.end, ap);
	t->spot.pos = t->run.pos;
}

static BSP_INLINE bool text_is_whole(const struct text *t)
{
	return !t->run.str && !*t->run.fmt;
}

static BSP_INLINE int text_rest(struct text *t, struct bpfstream_out *out, u64 limit, va_list *ap)
{
	bpfstream_out_go_on(out, &t->spot, limit);
	return bsp_vformat_rest(out, t->run.fmt, t->run.str, ap);
}

/* The stream and the format that a print has been given. */
static BSP_INLINE int print_find(struct bpfstream_prog *prog, enum bpfstream_id id,
				 const char *fmt, struct bpfstream **s)
{
	int err = bsp_stream_find(prog, (int)id, s);

	if (err)
		return err;
	return fmt ? 0 : refuse(*s, -EINVAL);
}

static BSP_INLINE int print_spot(struct bpfstream_prog *prog, struct bpfstream *s,
				 const struct text *t, unsigned long flags)
{
	bool was_empty;
	int err = bpfstream_publish_spot(s, &t->spot, flags, &was_empty);

	return finish(prog, err, was_empty);
}

static BSP_INLINE int print_args(struct bpfstream_prog *prog, struct bpfstream *s, struct text *t,
				 struct bpfstream_out *out, va_list *ap)
{
	bool was_empty;
	int err;

	text_args(t, ap);
	if (bsp_likely(text_is_whole(t) && bpfstream_spot_will_do(s, &t->spot)))
		return print_spot(prog, s, t, out->flags);
	err = text_rest(t, out, s->capacity, ap);
	err = bpfstream_publish_out(s, out, err, &was_empty);
	return finish(prog, err, was_empty);
}

int bpfstream_vprintf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt,
		      va_list ap)
{
	struct bpfstream_out out;
	struct bpfstream *s;
	struct text t;
	int err = print_find(prog, id, fmt, &s);

	if (err)
		return err;
	text_begin(&t, &out.flags, fmt);
	return print_args(prog, s, &t, &out, bsp_pointer_to(ap));
}

int bpfstream_printf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt, ...)
{
	struct bpfstream_out out;
	struct bpfstream *s;
	struct text t;
	va_list ap;
	int err = print_find(prog, id, fmt, &s);

	if (err)
		return err;
	text_begin(&t, &out.flags, fmt);
	if (!t.args && text_is_whole(&t) && bpfstream_spot_will_do(s, &t.spot))
		return print_spot(prog, s, &t, out.flags);
	va_start(ap, fmt);
	err = print_args(prog, s, &t, &out, &ap);
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

static BSP_INLINE int stage_print(struct bpfstream_stage *ss, const char *fmt, va_list *ap)
{
	struct bpfstream_out out;
	struct text t;
	u64 limit;

	if (!ss)
		return -EINVAL;
	if (!fmt) {
		bpfstream_staged_account_loss(staged(ss), -EINVAL, 0);
		return -EINVAL;
	}
	limit = bsp_live_max_capacity();
	text_begin(&t, &out.flags, fmt);
	text_args(&t, ap);
	if (bsp_likely(text_is_whole(&t) && bpfstream_spot_bytes(&t.spot)))
		return bpfstream_staged_add_spot(staged(ss), &t.spot, out.flags, limit);
	return bpfstream_staged_add_out(staged(ss), &out, text_rest(&t, &out, limit, ap));
}

int bpfstream_stage_vprintf(struct bpfstream_stage *ss, const char *fmt, va_list ap)
{
	return stage_print(ss, fmt, bsp_pointer_to(ap));
}

int bpfstream_stage_printf(struct bpfstream_stage *ss, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = stage_print(ss, fmt, &ap);
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
