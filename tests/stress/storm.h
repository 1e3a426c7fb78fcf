/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * storm.h - threads that print, handlers that interrupt them and each other, readers, and the proof
 *
 * A test opens a storm, starts threads, takes what they print, ends the storm and has it proved.
 * Each thread is a set of writers: itself and four kinds of handlers, so that the deepest nesting
 * is one deeper than a slot has levels. The main thread prints nothing and meets no signal.
 */
#ifndef STRESS_STORM_H
#define STRESS_STORM_H

#include <setjmp.h>

#include "fixture.h"
#include "verdict.h"

#define STORM_THREADS	8u
#define STORM_KINDS	5u	/* of writers in a thread: its own code, then handlers */
#define STORM_WRITERS	(STORM_THREADS * STORM_KINDS)
#define STORM_OUTLETS	8u

struct storm;
struct storm_thread;

/* Where one reader puts what it gets. @shared: others read beside it, so calls are marked */
struct storm_outlet {
	int fd;
	bool shared;
	bool failed;
};

/*
 * @account: by kind
 * @deaf: no handler is to run in it
 * @tid: the kernel's id while handlers may come, else 0
 * @noting: not 0 while an account of this thread is written to
 * @may_jump: handlers may leave by siglongjmp(@jump)
 * @in_handler: what a handler does besides printing
 * @at_end: runs last, with no handler any more
 * @level: of the slot, when all was over
 * @slot: index of the slot
 */
struct storm_thread {
	struct storm *storm;
	unsigned int nr;
	struct account *account[STORM_KINDS];
	void (*run)(struct storm_thread *thread);
	void (*in_handler)(struct storm_thread *thread, unsigned int kind);
	void (*at_end)(struct storm_thread *thread);
	pthread_t pthread;
	bool deaf;
	pid_t tid;
	volatile sig_atomic_t noting;
	volatile sig_atomic_t may_jump;
	sigjmp_buf jump;
	u32 level;
	u32 slot;
};

/*
 * @messages: that each thread prints by itself
 * @writing: threads that still do
 * @over: no writer is left; for readers
 * @calm: the flood is to end
 * @count, @failed: for the test: what it does with all its threads, and what went wrong
 * @adrift: pages in use that no thread holds, when all was proved
 * @elsewhere: losses of other programs that the writers printed into
 */
struct storm {
	struct fixture *f;
	struct bpfstream_prog *prog;
	struct account account[STORM_WRITERS];
	struct storm_thread thread[STORM_THREADS];
	struct storm_outlet outlet[STORM_OUTLETS];
	u32 messages;
	u32 writing;
	bool over;
	bool calm;
	bool flooded;
	pthread_t flood;
	u32 count;
	u32 failed;
	u32 adrift;
	struct bpfstream_stat elsewhere;
};

extern u64 storm_seed;

int storm_main(int argc, char **argv);
u32 storm_loops(u32 natively, u32 at_least);

struct storm *storm_open(const struct bpfstream_opts *opts, u32 messages, u32 fill);
void storm_start(struct storm *s, unsigned int nr, void (*run)(struct storm_thread *thread));
void storm_join(struct storm *s, unsigned int nr);
void storm_signals(int how);
void storm_flood(struct storm *s);
void storm_calm(struct storm *s);
bool storm_is_over(struct storm *s);
void storm_over(struct storm *s);
void storm_close(struct storm *s);

void storm_write_all(struct storm_thread *thread);
bool storm_writing(struct storm *s);
void storm_count(u32 *count, int by);
struct bpfstream_stat storm_stat(struct bpfstream_prog *prog);
void storm_pause_us(unsigned int us);

void storm_read(struct storm *s, struct storm_outlet *to, size_t len);
void storm_drain(struct storm_outlet *to, struct bpfstream_prog *prog);
void storm_dump(struct storm_outlet *to, struct bpfstream_prog *prog);
void storm_dump_all(struct storm_outlet *to);

void storm_prove_sole(struct storm *s, struct storm_outlet *from);
void storm_prove_shared(struct storm *s);

#endif
