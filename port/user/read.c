// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * read.c - the public readers: read and drain in process context, dump in any
 *
 * All three hand text straight from the pages to a sink. A dump tries for the backlog and never
 * waits for it: where another thread reads, it takes the log alone; where it has interrupted a
 * reader of its own thread, it takes what that one has not in hand.
 *
 * No cancellation points: who is cancelled in the middle would keep the mutex, or a pin. Raw system
 * calls are none, those of libc are.
 */
#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "api.h"
#include "fork.h"
#include "mutex.h"
#include "slot.h"
#include "wake.h"

struct target {
	char *buf;
};

struct copy_chunk {
	u64 half[2];
};

/* memcpy() of 16 to 48 bytes: no branch on how many. */
static inline void copy_chunks(char *to, const char *from, size_t len)
{
	size_t last = len - sizeof(struct copy_chunk), middle = last / 2;
	struct copy_chunk a, b, c;

	memcpy(&a, from, sizeof(a));
	memcpy(&b, from + middle, sizeof(b));
	memcpy(&c, from + last, sizeof(c));
	memcpy(to, &a, sizeof(a));
	memcpy(to + middle, &b, sizeof(b));
	memcpy(to + last, &c, sizeof(c));
}

/* memcpy(), without a call for what most messages are. */
static inline void copy_text(char *to, const char *from, size_t len)
{
	if (len >= 16 && len <= 48) {
		copy_chunks(to, from, len);
	} else if (len > 48 && len <= 96) {
		copy_chunks(to, from, 48);
		copy_chunks(to + len - 48, from + len - 48, 48);
	} else {
		memcpy(to, from, len);
	}
}

static long copy_out(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct target *to = ctx;
	char *at = to->buf;
	unsigned int i;
	long copied;

	if (!at)
		return -EFAULT;
	for (i = 0; i < nr; i++) {
		copy_text(at, piece[i].text, piece[i].len);
		at += piece[i].len;
	}
	copied = at - to->buf;
	to->buf = at;
	return copied;
}

static int begin_read(struct bpfstream_prog *prog, int id, struct bpfstream **s)
{
	int err = bsp_stream_find(prog, id, s);

	if (err)
		return err;
	if (bsp_fork_unseen())
		bsp_fork_child();
	bsp_live_register();
	return 0;
}

ssize_t bpfstream_prog_read(struct bpfstream_prog *prog, enum bpfstream_id id, void *buf,
			    size_t len)
{
	struct target to = { .buf = buf };
	struct bpfstream *s;
	long n = begin_read(prog, (int)id, &s);
	u32 life = bsp_load_relaxed(&bsp_fork_life);

	if (n)
		return n;
	if (len > SSIZE_MAX || (uintptr_t)buf + len < (uintptr_t)buf)
		to.buf = NULL;	/* no such buffer: the sink refuses, if there is text at all */
	bsp_mutex_lock(&s->lock);
	n = bpfstream_deliver(s, copy_out, &to, len);
	bsp_mutex_unlock(&s->lock);
	bsp_fork_settle(life);
	bsp_wake_drained(prog);
	return n;
}

/*
 * Where a drain goes. Short pieces are copied together, for the kernel takes as long for each piece
 * as we for the copy; there is room for all that a sink is called with.
 */
struct drain_to {
	int fd;
	struct bpfstream_piece piece[256];
	char text[BPFSTREAM_SINK_PAGES * BSP_PAGE_SIZE];
};

static_assert(sizeof(struct bpfstream_piece) == sizeof(struct iovec) &&
	      offsetof(struct bpfstream_piece, text) == offsetof(struct iovec, iov_base) &&
	      offsetof(struct bpfstream_piece, len) == offsetof(struct iovec, iov_len),
	      "pieces are what writev(2) takes");

#define SHORT_PIECE	512u

/* Bytes copied together; 0 if the pieces are too long for that to pay. */
static size_t gather(struct drain_to *to, const struct bpfstream_piece *piece, unsigned int nr)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		len += piece[i].len;
	if (nr == 1 || len / nr > SHORT_PIECE || len > sizeof(to->text))
		return 0;
	len = 0;
	for (i = 0; i < nr; i++) {
		copy_text(to->text + len, piece[i].text, piece[i].len);
		len += piece[i].len;
	}
	return len;
}

/* All pieces to a file: bytes written, or -errno if none. Starts over after a signal. */
static long write_out(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct drain_to *to = ctx;
	size_t len = gather(to, piece, nr);
	int saved = errno;
	long n;

	do {
		if (len)
			n = syscall(SYS_write, (long)to->fd, to->text, len);
		else
			n = syscall(SYS_writev, (long)to->fd, piece, (long)nr);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	errno = saved;
	return n;
}

ssize_t bpfstream_prog_drain(struct bpfstream_prog *prog, enum bpfstream_id id, int fd)
{
	struct drain_to to;
	struct bpfstream *s;
	long n = begin_read(prog, (int)id, &s);
	u32 life = bsp_load_relaxed(&bsp_fork_life);

	if (n)
		return n;
	to.fd = fd;
	bsp_mutex_lock(&s->lock);
	n = bpfstream_deliver_all(s, write_out, &to, to.piece,
				  sizeof(to.piece) / sizeof(*to.piece));
	bsp_mutex_unlock(&s->lock);
	bsp_fork_settle(life);
	bsp_wake_drained(prog);
	return n;
}

/* ---- last words ---- */

static long write_all(int fd, const char *text, size_t len)
{
	int saved = errno;
	size_t done = 0;
	long n = 0;

	while (done < len) {
		n = syscall(SYS_write, (long)fd, text + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (!done && n < 0)
		n = -errno;
	errno = saved;
	return done ? (long)done : n;
}

/*
 * Where a dump goes.
 * @name: of the program, to be told before the first text; NULL for none, or when it was
 * @stream: what follows the name
 * @heading: bytes written of the heading
 * @cut: not all was taken
 */
struct dump_to {
	int fd;
	const char *name;
	const char *stream;
	long heading;
	bool cut;
};

static char *put_text(char *at, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	memcpy(at, text, len);
	return at + len;
}

/* One write(2), so that nobody else's text comes in between. -errno if nothing was written. */
static long write_heading(struct dump_to *to)
{
	char line[BSP_NAME_LEN + 20];
	char *end = put_text(line, "==> ", 4);
	long n;

	end = put_text(end, to->name, BSP_NAME_LEN);
	end = put_text(end, to->stream, 16);
	n = write_all(to->fd, line, (size_t)(end - line));
	to->cut = n < end - line;
	if (n >= 0) {
		to->name = NULL;
		to->heading = n;
	}
	return n;
}

static long write_pieces(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	struct dump_to *to = ctx;
	long total = 0, n;
	unsigned int i;

	if (to->name) {
		n = write_heading(to);
		if (to->cut)
			return n < 0 ? n : 0;
	}
	for (i = 0; i < nr; i++) {
		n = write_all(to->fd, piece[i].text, piece[i].len);
		if (n > 0)
			total += n;
		to->cut = n < (long)piece[i].len;
		if (to->cut)
			return total ? total : n;
	}
	return total;
}

static long dump(struct bpfstream *s, struct dump_to *to)
{
	struct bpfstream_piece piece[4];	/* the stack may be a small one */
	u32 life = bsp_load_relaxed(&bsp_fork_life);
	long hidden = 0, n;
	u32 holder;

	if (bsp_mutex_try_hold(&s->lock, &holder)) {
		n = bpfstream_deliver_all(s, write_pieces, to, piece,
					  sizeof(piece) / sizeof(*piece));
		bsp_mutex_release(&s->lock);
		bsp_fork_settle(life);
		return n;
	}
	if (holder == bsp_gettid())
		hidden = bpfstream_deliver_hidden(s, write_pieces, to);
	if (to->cut)
		return hidden;	/* no newer text before the rest of this */
	bsp_slot_dump_begin();
	n = bpfstream_deliver_log(s, write_pieces, to);
	bsp_slot_dump_end();
	bsp_fork_settle(life);
	return n < 0 && hidden ? hidden : n + hidden;
}

ssize_t bpfstream_prog_dump(struct bpfstream_prog *prog, enum bpfstream_id id, int fd)
{
	struct dump_to to = { .fd = fd };
	struct bpfstream *s;
	int err = bsp_stream_find(prog, (int)id, &s);

	if (err)
		return err;
	if (bsp_fork_unseen())
		bsp_fork_child();
	return dump(s, &to);
}

ssize_t bpfstream_dump_all(int fd)
{
	static const char stream[BSP_NR_STREAMS][16] = { " (stdout) <==\n", " (stderr) <==\n" };
	struct bpfstream_prog *prog = NULL;
	bool locked = bsp_live_begin();
	ssize_t total = 0;
	long err = 0;
	u32 i;

	while ((prog = bsp_live_next(prog))) {
		for (i = 0; i < BSP_NR_STREAMS; i++) {
			struct dump_to to = { .fd = fd, .stream = stream[i] };
			long n;

			to.name = prog->name[0] ? prog->name : NULL;
			n = dump(&prog->stream[i], &to);
			total += to.heading + (n > 0 ? n : 0);
			if (n < 0)
				err = n;
		}
	}
	bsp_live_end(locked);
	return total ? total : err;
}
