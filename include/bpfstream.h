/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bpfstream.h - log from any context, a signal handler included, and read in order
 *
 * A program owns two streams, BPFSTREAM_STDOUT and BPFSTREAM_STDERR. Anybody may print into
 * them, in any context; process context reads them.
 *
 * Every function says its context:
 *
 *   any      async-signal-safe: no lock that a handler could meet, no malloc, no stdio, no
 *            locale; never waits; leaves errno and the signal mask alone. May interrupt, and
 *            be interrupted by, every other function here, itself included, to any depth.
 *   process  may sleep and take locks: not from a signal handler.
 *
 * None is a cancellation point, whatever it writes to, but bpfstream_prog_wait(): a thread with a
 * pthread_cancel() pending finishes its call. (Asynchronous cancellation stops it anywhere.)
 *
 * Errors are returned as negative errno. A message that is refused is counted, by cause, in
 * struct bpfstream_stat; nothing that was accepted before is touched.
 */
#ifndef BPFSTREAM_H
#define BPFSTREAM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BPFSTREAM_PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define BPFSTREAM_API __attribute__((__visibility__("default")))
#else
#define BPFSTREAM_PRINTF(fmt, args)
#define BPFSTREAM_API
#endif

/** enum bpfstream_id - the two streams of a program; there is no stream 0 */
enum bpfstream_id {
	BPFSTREAM_STDOUT = 1,
	BPFSTREAM_STDERR = 2
};

/* Capacity of a stream whose creator names none: 4 MiB; the bound is exclusive. */
#define BPFSTREAM_DEFAULT_CAPACITY	(4u << 20)

/* opts.flags: put a line like "[12 messages, 640 bytes lost]" where messages are missing */
#define BPFSTREAM_LOST_LINES		1u

struct bpfstream_prog;

/**
 * struct bpfstream_opts - how to create a program; all zeros but @sz are the defaults
 * @sz: sizeof(struct bpfstream_opts)
 * @capacity: bytes a stream may hold, exclusive: at most @capacity - 1 wait; 0 means 4 MiB
 * @page_budget: 4096-byte pages this program adds to the process's common pool; 0 means enough
 *	for both streams filled with messages of any length. A context exchanges a page that is
 *	full, or has 200 bytes left or less, for an empty one, so there must be one more page than
 *	contexts that print at a time
 * @flags: BPFSTREAM_LOST_LINES or 0
 * @name: shown by bpfstream_dump_all(); NULL for none; cut to 31 bytes
 */
struct bpfstream_opts {
	size_t sz;
	uint32_t capacity;
	uint32_t page_budget;
	uint32_t flags;
	const char *name;
};

/**
 * struct bpfstream_stat - what a stream holds and what it has refused
 * @sz: set by the caller to sizeof(struct bpfstream_stat)
 * @capacity: exclusive bound of @pending, bytes
 * @pending: bytes accepted and not yet read
 * @lost_full: messages refused with -ENOSPC: the stream was full
 * @lost_nomem: messages refused with -ENOMEM: no page was left
 * @lost_invalid: messages refused for their format or arguments
 * @lost_bytes: bytes of all refused messages, as far as they were formatted
 */
struct bpfstream_stat {
	size_t sz;
	uint64_t capacity;
	uint64_t pending;
	uint64_t lost_full;
	uint64_t lost_nomem;
	uint64_t lost_invalid;
	uint64_t lost_bytes;
};

/** struct bpfstream_stage - storage of a group, placed by the caller; its content is private */
struct bpfstream_stage {
	uint64_t opaque[8];
};

/**
 * bpfstream_prog_create() - make a program with two empty streams
 * @opts: how, or NULL for the defaults
 *
 * Reserves all memory that the program's writers will need.
 *
 * Context: process.
 * Return: the program, or NULL with errno EINVAL (nonsense in @opts) or ENOMEM.
 */
BPFSTREAM_API struct bpfstream_prog *bpfstream_prog_create(const struct bpfstream_opts *opts);

/**
 * bpfstream_prog_destroy() - end a program; text nobody has read goes with it
 * @prog: program, or NULL; no other call with it may be under way or follow
 *
 * Waits until a bpfstream_dump_all() that met @prog is past it.
 *
 * Context: process.
 */
BPFSTREAM_API void bpfstream_prog_destroy(struct bpfstream_prog *prog);

/**
 * bpfstream_printf() - print one message
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @fmt: C format: flags, width, precision, ``*``; d i u o x X c s p f F e E g G and %;
 *	hh h l ll j z t. Not: %n, wide characters, %a, long double.
 *
 * A reader sees the message whole or not at all. Messages appear in the order in which the
 * calls publish. An empty message is success and stores nothing. NULL for %s prints "(null)".
 *
 * Context: any.
 * Return: 0; -ENOENT no such stream; -EINVAL @prog or @fmt is NULL or the format is not one
 *	of the above; -ENOSPC it does not fit beside what waits; -ENOMEM no page is left.
 */
BPFSTREAM_API int bpfstream_printf(struct bpfstream_prog *prog, enum bpfstream_id id,
				   const char *fmt, ...) BPFSTREAM_PRINTF(3, 4);

/** bpfstream_vprintf() - bpfstream_printf() with a va_list */
BPFSTREAM_API int bpfstream_vprintf(struct bpfstream_prog *prog, enum bpfstream_id id,
				    const char *fmt, va_list ap) BPFSTREAM_PRINTF(3, 0);

/**
 * bpfstream_write() - print bytes as they are, zeros included
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @text: first byte
 * @len: bytes
 *
 * Context: any.
 * Return: 0; -ENOENT; -EINVAL @prog is NULL, or @text is and @len is not 0; -ENOSPC; -ENOMEM.
 */
BPFSTREAM_API int bpfstream_write(struct bpfstream_prog *prog, enum bpfstream_id id,
				  const void *text, size_t len);

/**
 * bpfstream_bprintf() - print with BPF's calling convention and grammar
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @fmt: format as the kernel's bpf_stream_vprintk() takes it
 * @args: arguments, one 64-bit word each; pointers as numbers
 * @args_sz: bytes in @args, a multiple of 8, at most 96
 *
 * An unreadable string prints as nothing. No symbols are known in user space: %ps, %pS and
 * %pB print the address.
 *
 * Context: any.
 * Return: 0; -ENOENT; -EINVAL bad @args_sz, format, or too few arguments; -ENOSPC the strings
 *	and numbers need more than 512 bytes packed, or the stream is full; -E2BIG the message
 *	is longer than 1023 bytes; -ENOMEM.
 */
BPFSTREAM_API int bpfstream_bprintf(struct bpfstream_prog *prog, enum bpfstream_id id,
				    const char *fmt, const uint64_t *args, uint32_t args_sz);

/**
 * bpfstream_stage_init() - begin a group of messages
 * @ss: storage; needs no other preparation
 *
 * Context: any.
 */
BPFSTREAM_API void bpfstream_stage_init(struct bpfstream_stage *ss);

/**
 * bpfstream_stage_printf() - add a message to a group
 * @ss: group
 * @fmt: as for bpfstream_printf()
 *
 * A message that cannot be added is counted as lost in the stream of the commit.
 *
 * Context: any.
 * Return: 0; -EINVAL; -ENOSPC longer than any program's capacity; -ENOMEM. The group holds
 *	what it held before.
 */
BPFSTREAM_API int bpfstream_stage_printf(struct bpfstream_stage *ss, const char *fmt, ...)
	BPFSTREAM_PRINTF(2, 3);

/** bpfstream_stage_vprintf() - bpfstream_stage_printf() with a va_list */
BPFSTREAM_API int bpfstream_stage_vprintf(struct bpfstream_stage *ss, const char *fmt, va_list ap)
	BPFSTREAM_PRINTF(2, 0);

/**
 * bpfstream_stage_dump_stack() - add who is running and a call trace to a group
 * @ss: group
 *
 * Walks frame pointers; every frame is checked to be readable before it is used, and a broken
 * one ends the walk. Callees are printed as module+offset.
 *
 * Context: any.
 * Return: 0; -ENOSPC; -ENOMEM. Lines added before an error stay.
 */
BPFSTREAM_API int bpfstream_stage_dump_stack(struct bpfstream_stage *ss);

/**
 * bpfstream_stage_commit() - make a group visible, at once and contiguous, or not at all
 * @ss: group
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 *
 * Context: any.
 * Return: 0, and the group is empty; -ENOENT; -EINVAL; -ENOSPC; -ENOMEM. On error the group is
 *	as before and may be committed again; each -ENOSPC counts its messages as lost.
 */
BPFSTREAM_API int bpfstream_stage_commit(struct bpfstream_stage *ss, struct bpfstream_prog *prog,
					 enum bpfstream_id id);

/**
 * bpfstream_stage_free() - give up what is still in a group
 * @ss: group; may be used again after bpfstream_stage_init()
 *
 * Context: any.
 */
BPFSTREAM_API void bpfstream_stage_free(struct bpfstream_stage *ss);

/*
 * bpfstream_stage(ss, prog, id, expr) - init @ss (a pointer), evaluate @expr, commit, free;
 * the value is the commit's result. Do not jump out of @expr.
 */
#define bpfstream_stage(ss, prog, id, expr)						\
	__extension__ ({								\
		struct bpfstream_stage *bpfstream_ss_ = (ss);				\
		int bpfstream_ret_;							\
											\
		bpfstream_stage_init(bpfstream_ss_);					\
		(void)(expr);								\
		bpfstream_ret_ = bpfstream_stage_commit(bpfstream_ss_, (prog), (id));	\
		bpfstream_stage_free(bpfstream_ss_);					\
		bpfstream_ret_;								\
	})

/**
 * bpfstream_prog_read() - take text off a stream, oldest first
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @buf: where to
 * @len: room in @buf, bytes
 *
 * Message boundaries are not kept; a message may be read in parts.
 *
 * Context: process.
 * Return: bytes read, 0 when nothing waits; -ENOENT; -EINVAL; -EFAULT @buf is NULL or @len
 *	cannot be true. Nothing is lost on error.
 */
BPFSTREAM_API ssize_t bpfstream_prog_read(struct bpfstream_prog *prog, enum bpfstream_id id,
					  void *buf, size_t len);

/**
 * bpfstream_prog_drain() - write all text of a stream to a file
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @fd: open for writing; if non-blocking, what it does not take stays in the stream
 *
 * Long messages go straight from their pages, short ones some hundred a write(2). Needs 24 KiB of
 * stack.
 *
 * Context: process.
 * Return: bytes written; -ENOENT; -EINVAL; or, if nothing could be written, writev(2)'s errno.
 */
BPFSTREAM_API ssize_t bpfstream_prog_drain(struct bpfstream_prog *prog, enum bpfstream_id id,
					   int fd);

/**
 * bpfstream_prog_wait() - wait until a stream has text
 * @prog: program
 * @timeout_ms: milliseconds at most; 0 not at all, negative for ever
 *
 * A cancellation point where it has to wait; a thread that ends there leaves nothing behind.
 *
 * Context: process.
 * Return: mask with bit 1 << id set for each stream that has text; 0 time is up; -EINTR a
 *	signal came; -EINVAL; -EMFILE, -ENFILE, -ENOMEM.
 */
BPFSTREAM_API int bpfstream_prog_wait(struct bpfstream_prog *prog, int timeout_ms);

/**
 * bpfstream_prog_fd() - a descriptor for poll(2): readable while either stream has text
 * @prog: program
 *
 * Belongs to the program: neither read nor close it. In a forked child ask again: the child
 * gets one of its own.
 *
 * Context: process.
 * Return: descriptor; -EINVAL; -EMFILE, -ENFILE, -ENOMEM.
 */
BPFSTREAM_API int bpfstream_prog_fd(struct bpfstream_prog *prog);

/**
 * bpfstream_prog_stat() - what a stream holds and has refused
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @stat: filled in as far as its @sz goes
 *
 * Context: any.
 * Return: 0; -ENOENT; -EINVAL @prog or @stat is NULL or @stat->sz is too small to hold any.
 */
BPFSTREAM_API int bpfstream_prog_stat(struct bpfstream_prog *prog, enum bpfstream_id id,
				      struct bpfstream_stat *stat);

/**
 * bpfstream_prog_dump() - last words: write a stream's text with write(2) alone
 * @prog: program
 * @id: BPFSTREAM_STDOUT or BPFSTREAM_STDERR
 * @fd: open for writing
 *
 * Takes what it writes. Never waits for a reader: text that a reader has in hand is left to
 * it, the rest is written.
 *
 * Context: any.
 * Return: bytes written; -ENOENT; -EINVAL; or write(2)'s errno if nothing could be written.
 */
BPFSTREAM_API ssize_t bpfstream_prog_dump(struct bpfstream_prog *prog, enum bpfstream_id id,
					  int fd);

/**
 * bpfstream_dump_all() - bpfstream_prog_dump() of both streams of every program
 * @fd: open for writing
 *
 * A program with a name has its text headed by a line "==> name (stdout) <==".
 *
 * Context: any.
 * Return: bytes written; write(2)'s errno if nothing could be written.
 */
BPFSTREAM_API ssize_t bpfstream_dump_all(int fd);

#ifdef __cplusplus
}
#endif
#endif
