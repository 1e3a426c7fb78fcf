// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * glue.c - BPF streams, by the names that the rest of the kernel knows
 *
 * Invariants
 *   I1  The kfuncs check and refuse in the order and with the errnos of kernel/bpf/stream.c, which
 *       this replaces; where the result is another one, port/linux/README.md says why.
 *   I2  A message that is not accepted is counted with its stream; bpf_prog_stream_show_fdinfo()
 *       tells. One without a stream (a bad id) has nowhere to be counted; nor has one that an NMI
 *       prints where 64-bit atomics are locks, counters among them (may_write()): -EBUSY is all
 *       that is left of it.
 *   I3  Text is complete in a bprintf buffer before a level is taken: nothing is formatted with
 *       interrupts off.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/filter.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "glue.h"
#include "percpu.h"
#include "stage.h"

#ifdef CONFIG_BPF_STREAM_4MIB
#define CAPACITY	(4u << 20)
#else
#define CAPACITY	BPF_STREAM_MAX_CAPACITY
#endif

#define NR_STREAMS	2u

static_assert((u64)CAPACITY <= (u64)1 << (64 - BSP_LINK_BITS), "a weight fits the head word");
static_assert(sizeof(struct bpfstream_staged) <= sizeof(struct bpf_stream_stage),
	      "a group fits what its user has on the stack");

/* NULL: there is no such stream, or no streams, as of what bpf(2) has not loaded. */
static struct bpfstream *stream_get(const struct bpf_prog_aux *aux, int stream_id)
{
	if ((stream_id != BPF_STDOUT && stream_id != BPF_STDERR) || !aux->stream)
		return NULL;
	return &aux->stream[stream_id - 1].core;
}

/* ---- a program's streams ---- */

/**
 * bpf_prog_stream_init() - make a program's streams
 * @prog: program that nobody else knows yet; subprograms print to the main program's
 *
 * Context: Process; may sleep.
 * Return: 0; -ENOMEM.
 */
int bpf_prog_stream_init(struct bpf_prog *prog)
{
	struct bpf_stream *stream;
	unsigned int i;

	stream = kcalloc(NR_STREAMS, sizeof(*stream), bpf_memcg_flags(GFP_KERNEL));
	if (!stream)
		return -ENOMEM;
	for (i = 0; i < NR_STREAMS; i++)
		bpfstream_init(&stream[i].core, CAPACITY, 0);
	prog->aux->stream = stream;
	return 0;
}

/**
 * bpf_prog_stream_free() - free a program's streams and all that is unread
 * @prog: program that nobody runs or reads from any more
 *
 * Context: Any context that may free memory.
 */
void bpf_prog_stream_free(struct bpf_prog *prog)
{
	struct bpf_stream *stream = prog->aux->stream;
	unsigned int i;

	if (!stream)
		return;
	prog->aux->stream = NULL;
	for (i = 0; i < NR_STREAMS; i++)
		bpfstream_destroy(&stream[i].core);
	kfree(stream);
}

/**
 * bpf_prog_stream_show_fdinfo() - tell what a program's streams have refused
 * @m: /proc/<pid>/fdinfo/<fd>
 * @prog: program
 *
 * Messages and bytes, as far as they were stored: of one that got no page, what did fit.
 *
 * Context: Process.
 */
void bpf_prog_stream_show_fdinfo(struct seq_file *m, const struct bpf_prog *prog)
{
	static const char * const name[NR_STREAMS] = { "stdout", "stderr" };
	unsigned int i;

	for (i = 0; prog->aux->stream && i < NR_STREAMS; i++) {
		struct bpfstream_total lost = bpfstream_lost(&prog->aux->stream[i].core);

		seq_printf(m, "stream_lost_%s:\t%llu %llu\n", name[i], lost.count, lost.sum);
	}
}

/* ---- reading ---- */

static long copy_pieces(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	char __user **to = ctx;
	long copied = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned long left = copy_to_user(*to, piece[i].text, piece[i].len);

		*to += piece[i].len - left;
		copied += piece[i].len - left;
		if (left)
			return copied ?: -EFAULT;
	}
	return copied;
}

/**
 * bpf_prog_stream_read() - take text from a stream
 * @prog: program
 * @stream_id: BPF_STDOUT or BPF_STDERR
 * @buf: where to
 * @len: bytes at most
 *
 * Context: Process; may sleep and fault.
 * Return: bytes, 0 if nothing waits; -ENOENT no such stream; -EINVAL @len over INT_MAX; -EFAULT
 *	@buf could not be written at all, and nothing is lost; -EINTR killed.
 */
int bpf_prog_stream_read(struct bpf_prog *prog, enum bpf_stream_id stream_id, void __user *buf,
			 int len)
{
	struct bpfstream *s = stream_get(prog->aux, stream_id);
	char __user *to = buf;
	long n;

	if (!s)
		return -ENOENT;
	if (len < 0)
		return -EINVAL;
	if (mutex_lock_killable(&s->lock.mutex))
		return -EINTR;
	n = bpfstream_deliver(s, copy_pieces, &to, len);
	mutex_unlock(&s->lock.mutex);
	return n;
}

/* ---- programs that write ---- */

/* Not where an NMI could meet the lock of an atomic64_t that it interrupts. */
static bool may_write(void)
{
	return BSP_NMI_SAFE || !in_nmi();
}

static int refuse(struct bpfstream *s, int err)
{
	bpfstream_account_loss(s, err == -EBUSY ? BPFSTREAM_LOST_NOMEM : BPFSTREAM_LOST_INVALID, 1,
			       0);
	return err;
}

/* Whether a field is wider than any message, in a format that bpf_bprintf_prepare() has taken. */
static bool too_wide(const char *fmt)
{
	unsigned int width;

	while ((fmt = strchr(fmt, '%'))) {
		fmt++;
		if (*fmt == '%') {
			fmt++;
			continue;
		}
		while (*fmt == '0' || *fmt == '+' || *fmt == '-' || *fmt == ' ')
			fmt++;
		for (width = 0; *fmt >= '0' && *fmt <= '9'; fmt++) {
			width = 10 * width + (*fmt - '0');
			if (width >= MAX_BPRINTF_BUF)
				return true;
		}
	}
	return false;
}

static int push_formatted(struct bpfstream *s, const char *fmt, struct bpf_bprintf_data *data)
{
	bool was_empty;
	int len;

	if (too_wide(fmt))
		return refuse(s, -E2BIG);
	len = bstr_printf(data->buf, MAX_BPRINTF_BUF, fmt, data->bin_args);
	if (len >= MAX_BPRINTF_BUF)
		return refuse(s, -E2BIG);
	return bpfstream_push(s, data->buf, len, &was_empty);
}

__bpf_kfunc_start_defs();

/**
 * bpf_stream_vprintk() - print to a stream of the program
 * @stream_id: BPF_STDOUT or BPF_STDERR; not an enum, so that users need none
 * @fmt__str: format, as bpf_trace_vprintk() takes it
 * @args: its arguments, 8 bytes each
 * @len__sz: bytes of @args
 * @aux: the main program's, from the verifier
 *
 * Context: Any context, NMI included.
 * Return: 0; -ENOENT no such stream; -EINVAL bad format or arguments; -E2BIG over 1023 bytes of
 *	text; -ENOSPC the stream is full, or over 512 bytes of packed arguments; -ENOMEM no page;
 *	-EBUSY nested too deep for a bprintf buffer, or in an NMI, where 64-bit atomics are locks.
 */
__bpf_kfunc int bpf_stream_vprintk(int stream_id, const char *fmt__str, const void *args,
				   u32 len__sz, struct bpf_prog_aux *aux)
{
	struct bpf_bprintf_data data = {
		.get_bin_args = true,
		.get_buf = true,
	};
	struct bpfstream *s = stream_get(aux, stream_id);
	int err;

	if (!s)
		return -ENOENT;
	if (!may_write())
		return -EBUSY;
	if (len__sz % 8 || len__sz > MAX_BPRINTF_VARARGS * 8 || (len__sz && !args))
		return refuse(s, -EINVAL);
	bsp_pages_refill();
	err = bpf_bprintf_prepare(fmt__str, strlen(fmt__str) + 1, args, len__sz / 8, &data);
	if (err)
		return refuse(s, err);
	err = push_formatted(s, fmt__str, &data);
	bpf_bprintf_cleanup(&data);
	return err;
}

/**
 * bpf_stream_print_stack() - print the calling program's stack to one of its streams
 * @stream_id: BPF_STDOUT or BPF_STDERR
 * @aux: the main program's, from the verifier
 *
 * Context: Any context, NMI included.
 * Return: 0, and a stack that does not fit is counted; -ENOENT no such stream. In an NMI where
 *	64-bit atomics are locks, 0 and nothing.
 */
__bpf_kfunc int bpf_stream_print_stack(int stream_id, struct bpf_prog_aux *aux)
{
	struct bpf_stream_stage ss;

	if (!stream_get(aux, stream_id))
		return -ENOENT;
	bpf_stream_stage(ss, aux->main_prog_aux->prog, stream_id, ({
		bpf_stream_dump_stack(ss);
	}));
	return 0;
}

__bpf_kfunc_end_defs();

/* ---- reports of the kernel: a group that appears at once ---- */

static struct bpfstream_staged *staged(struct bpf_stream_stage *ss)
{
	return (struct bpfstream_staged *)ss->state;
}

/**
 * bpf_stream_stage_init() - begin a group
 * @ss: on the caller's stack
 *
 * Context: Any.
 */
void bpf_stream_stage_init(struct bpf_stream_stage *ss)
{
	bpfstream_staged_init(staged(ss));
}

/**
 * bpf_stream_stage_free() - drop what was not committed
 * @ss: group
 *
 * Context: Any context, NMI included.
 */
void bpf_stream_stage_free(struct bpf_stream_stage *ss)
{
	bpfstream_staged_free(staged(ss));
}

/**
 * bpf_stream_stage_printk() - add a message
 * @ss: group
 * @fmt: the kernel's format
 *
 * What is longer than a bprintf buffer is cut there, and ends its line.
 *
 * Context: Any context, NMI included.
 * Return: 0; -EBUSY nested too deep for a buffer; -ENOMEM no page: both are counted when the group
 *	is committed.
 */
int bpf_stream_stage_printk(struct bpf_stream_stage *ss, const char *fmt, ...)
{
	struct bpf_bprintf_buffers *buf;
	va_list args;
	int err, len;

	if (!may_write() || bpf_try_get_buffers(&buf)) {
		bpfstream_staged_account_loss(staged(ss), -ENOMEM, 0);
		return -EBUSY;
	}
	bsp_pages_refill();
	va_start(args, fmt);
	len = vsnprintf(buf->buf, sizeof(buf->buf), fmt, args);
	va_end(args);
	if (len >= (int)sizeof(buf->buf)) {
		len = sizeof(buf->buf) - 1;
		buf->buf[len - 1] = '\n';
	}
	err = bpfstream_staged_push(staged(ss), buf->buf, len);
	bpf_put_buffers();
	return err;
}

/**
 * bpf_stream_stage_commit() - make a group readable, or none of it
 * @ss: group; as it was on error
 * @prog: the main program
 * @stream_id: BPF_STDOUT or BPF_STDERR
 *
 * Context: Any context, NMI included.
 * Return: 0; -EINVAL no such stream; -ENOSPC the stream cannot hold it, and it is counted; -EBUSY
 *	in an NMI, where 64-bit atomics are locks.
 */
int bpf_stream_stage_commit(struct bpf_stream_stage *ss, struct bpf_prog *prog,
			    enum bpf_stream_id stream_id)
{
	struct bpfstream *s = stream_get(prog->aux, stream_id);
	bool was_empty;

	if (!s)
		return -EINVAL;
	if (!may_write())
		return -EBUSY;
	return bpfstream_staged_commit(staged(ss), s, &was_empty);
}

struct bpf_stream_walk {
	struct bpf_stream_stage *ss;
	int err;
};

static bool print_frame(void *cookie, u64 ip, u64 sp, u64 bp)
{
	const char *file = "", *line = "";
	struct bpf_stream_walk *walk = cookie;
	struct bpf_prog *prog;
	int num;

	rcu_read_lock();
	prog = bpf_prog_ksym_find(ip);
	rcu_read_unlock();
	if (prog && bpf_prog_get_file_line(prog, ip, &file, &line, &num) >= 0)
		walk->err = bpf_stream_stage_printk(walk->ss, "%pS\n  %s @ %s:%d\n",
						    (void *)(long)ip, line, file, num);
	else
		walk->err = bpf_stream_stage_printk(walk->ss, "%pS\n", (void *)(long)ip);
	return !walk->err;
}

/**
 * bpf_stream_stage_dump_stack() - add who and where the caller is
 * @ss: group
 *
 * Context: Any context, NMI included.
 * Return: 0; the error of the first line that could not be added, with which it ends.
 */
int bpf_stream_stage_dump_stack(struct bpf_stream_stage *ss)
{
	struct bpf_stream_walk walk = { .ss = ss };
	int err;

	err = bpf_stream_stage_printk(ss, "CPU: %d UID: %d PID: %d Comm: %s\n",
				      raw_smp_processor_id(),
				      __kuid_val(current_real_cred()->euid), current->pid,
				      current->comm);
	if (!err)
		err = bpf_stream_stage_printk(ss, "Call trace:\n");
	if (err)
		return err;
	arch_bpf_stack_walk(print_frame, &walk);
	return walk.err ?: bpf_stream_stage_printk(ss, "\n");
}
