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
 * frame that a variadic function has anyway. The others go on in bsp_vformat_rest().
 */
static BSP_INLINE int
print(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt, va_list *ap)
{
	struct bpfstream_spot spot;
	struct bpfstream_out out;
	struct bpfstream *s;
	struct bsp_run run;
	bool was_empty;
	int err = bsp_stream_find(prog, (int)id, &s);

	if (err)
		return err;
	if (!fmt)
		return refuse(s, -EINVAL);
	bpfstream_spot_open(&spot, &out.flags);
	run = bsp_format_fast(spot.pos, spot.end, fmt, ap);
	spot.pos = run.pos;
	if (bsp_likely(!run.str && !*run.fmt && bpfstream_spot_will_do(s, &spot))) {
		err = bpfstream_publish_spot(s, &spot, out.flags, &was_empty);
		return finish(prog, err, was_empty);
	}
	bpfstream_out_go_on(&out, &spot, s->capacity);
	err = bsp_vformat_rest(&out, run.fmt, run.str, ap);
	err = bpfstream_publish_out(s, &out, err, &was_empty);
	return finish(prog, err, was_empty);
}

int bpfstream_vprintf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt,
		      va_list ap)
{
	return print(prog, id, fmt, bsp_pointer_to(ap));
}

int bpfstream_printf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = print(prog, id, fmt, &ap);
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
