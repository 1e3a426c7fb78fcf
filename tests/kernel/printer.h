/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * printer.h - programs that print, for who wants to know what a kernel answers
 *
 * A program is told at each run which of its calls to make, how often, and with what arguments.
 */
#ifndef PRINTER_H
#define PRINTER_H

#include "bpfraw.h"
#include "constants.h"

static const char *stimulus;	/* what is asked just now */

/*
 * A call that a program can be told to make.
 * @stream: id
 * @fmt: what to print; NULL: a stack
 * @spin: print nothing, loop until the kernel ends it
 * @args_len: bytes of arguments
 * @kernel: for each argument, 0: as given to run(), or a place + 1 in the constants
 */
struct call {
	int stream;
	const char *fmt;
	bool spin;
	uint32_t args_len;
	uint8_t kernel[BPFRAW_MAX_ARGS];
};

#define MAX_CALLS	10
#define MAX_SLOTS	14	/* one more than a format may have, for what is refused */

/* A program's context. */
struct job {
	uint64_t which;		/* of its calls */
	uint64_t count;		/* how often */
	uint64_t go_on;		/* past a failure */
	uint64_t calls;		/* made */
	uint64_t ok;		/* of them returned 0 */
	uint64_t args[MAX_SLOTS];
};

struct prog {
	int fd;			/* or -errno */
	int map;
};

static inline int kfunc(const char *name)
{
	int id = bpfraw_kernel_func(name);

	if (id < 0) {
		printf("this kernel has no %s\n", name);
		exit(2);
	}
	return id;
}

static inline int vprintk_id(void)
{
	static int id;

	if (!id)
		id = kfunc("bpf_stream_vprintk");
	return id;
}

static inline int print_stack_id(void)
{
	static int id;

	if (!id)
		id = kfunc("bpf_stream_print_stack");
	return id;
}

/* Arguments, from the context in r6 or the map, to the top of the stack. */
static inline void emit_args(struct bpfraw_code *c, const struct call *call, int map)
{
	uint32_t slots = (call->args_len + 7) / 8;
	uint32_t i;

	for (i = 0; i < slots || !i; i++) {
		int to = ((int)i - MAX_SLOTS) * 8;

		if (i < BPFRAW_MAX_ARGS && call->kernel[i])
			bpfraw_map_value(c, 1, map, call->kernel[i] - 1u);
		else
			bpfraw_load(c, 1, 6, (int)(offsetof(struct job, args) + 8 * i));
		bpfraw_store(c, 10, to, 1);
	}
}

static inline void emit_vprintk(struct bpfraw_code *c, int stream, int map, uint32_t fmt, int args,
			 uint32_t args_len)
{
	bpfraw_movi(c, 1, stream);
	bpfraw_map_value(c, 2, map, fmt);
	bpfraw_mov(c, 3, 10);
	bpfraw_alui(c, BPF_ADD, 3, args);
	bpfraw_movi(c, 4, (int32_t)args_len);
	bpfraw_kfunc(c, vprintk_id());
}

/* r6: context, r7: calls to come, r8: the last one's result */
static inline void emit_call(struct bpfraw_code *c, const struct call *call, int map, uint32_t fmt)
{
	uint32_t loop, tired, done, good, stop;

	if (call->spin) {
		loop = c->len;
		tired = bpfraw_may_goto(c);
		bpfraw_jump_back(c, loop);
		bpfraw_land(c, tired);
		bpfraw_movi(c, 0, 0);
		bpfraw_exit(c);
		return;
	}
	if (call->fmt)
		emit_args(c, call, map);
	loop = c->len;
	tired = bpfraw_may_goto(c);
	done = bpfraw_jump(c, BPF_JEQ, 7, 0);
	bpfraw_alui(c, BPF_ADD, 7, -1);
	if (call->fmt) {
		emit_vprintk(c, call->stream, map, fmt, -MAX_SLOTS * 8, call->args_len);
	} else {
		bpfraw_movi(c, 1, call->stream);
		bpfraw_kfunc(c, print_stack_id());
	}
	bpfraw_emit(c, BPF_ALU | BPF_MOV | BPF_X, 8, 0, 0, 0);
	bpfraw_count(c, 6, offsetof(struct job, calls), 1);
	good = bpfraw_jump(c, BPF_JEQ, 8, 0);
	bpfraw_load(c, 1, 6, offsetof(struct job, go_on));
	stop = bpfraw_jump(c, BPF_JEQ, 1, 0);
	bpfraw_jump_back(c, loop);
	bpfraw_land(c, good);
	bpfraw_count(c, 6, offsetof(struct job, ok), 1);
	bpfraw_jump_back(c, loop);
	bpfraw_land(c, tired);
	bpfraw_land(c, done);
	bpfraw_land(c, stop);
	bpfraw_mov(c, 0, 8);
	bpfraw_exit(c);
}

static inline struct prog make(const struct call *calls, size_t nr)
{
	static struct bpfraw_code c;
	struct prog prog;
	uint32_t fmt[MAX_CALLS] = { 0 };
	size_t size = sizeof(constants);
	char *value;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		fmt[i] = (uint32_t)size;
		size += calls[i].fmt ? strlen(calls[i].fmt) + 1 : 0;
	}
	value = malloc(size);
	if (!value)
		exit(2);
	memcpy(value, constants, sizeof(constants));
	for (i = 0; i < nr; i++)
		if (calls[i].fmt)
			strcpy(value + fmt[i], calls[i].fmt);
	prog.map = bpfraw_const_map(value, (uint32_t)size);
	free(value);
	c.len = 0;
	bpfraw_mov(&c, 6, 1);
	bpfraw_movi(&c, 8, 0);
	bpfraw_load(&c, 7, 6, offsetof(struct job, count));
	bpfraw_load(&c, 9, 6, offsetof(struct job, which));
	for (i = 0; i < nr; i++) {
		uint32_t other = bpfraw_jump(&c, BPF_JNE, 9, (int32_t)i);

		emit_call(&c, &calls[i], prog.map, fmt[i]);
		bpfraw_land(&c, other);
	}
	bpfraw_movi(&c, 0, 0);
	bpfraw_exit(&c);
	prog.fd = bpfraw_prog(BPF_PROG_TYPE_SYSCALL, &c);
	if (prog.fd < 0)
		printf("%s: program not loaded: %s\n%s\n", stimulus,
		       bpfraw_errno_name(prog.fd), bpfraw_log);
	return prog;
}

static inline struct prog make_one(int stream, const char *fmt, uint32_t nr_args)
{
	struct call call = { .stream = stream, .fmt = fmt, .args_len = 8 * nr_args };

	return make(&call, 1);
}

static inline void unmake(const struct prog *prog)
{
	close(prog->fd);
	close(prog->map);
}

/* The result of the last call; what happened is in @job. */
static inline long run_job(const struct prog *prog, struct job *job)
{
	job->calls = 0;
	job->ok = 0;
	return bpfraw_run(prog->fd, job, sizeof(*job));
}

/* One call, with one argument. */
static inline long call_one(const struct prog *prog, uint32_t which, uint64_t arg)
{
	struct job job = { .which = which, .count = 1, .args = { arg } };

	return run_job(prog, &job);
}

static inline long print(const struct prog *prog, uint64_t arg)
{
	return call_one(prog, 0, arg);
}

/* @count calls or until one fails; @last is its result, how many succeeded is returned */
static inline uint64_t call_many(const struct prog *prog, uint32_t which, uint64_t count, long *last)
{
	uint64_t ok = 0;

	*last = 0;
	while (ok < count && !*last) {
		uint64_t left = count - ok;
		struct job job = {
			.which = which, .count = left < BPFRAW_MAX_RUN ? left : BPFRAW_MAX_RUN,
			.args = { 'x' },
		};

		*last = run_job(prog, &job);
		if (!job.calls)
			break;
		ok += job.ok;
	}
	return ok;
}

#endif
