// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cost.c - how many instructions the kernel takes for a message that is printed, and one that is read
 *
 * Only of worth in an emulator whose clock counts instructions (boot.sh, COUNTED): there the time
 * stamp counter goes on by one with each. Two programs differ in CALLS calls of
 * bpf_stream_vprintk() and in nothing else; what one takes more is theirs. A timer's interrupt may
 * come in between, so the least of ROUNDS rounds counts.
 *
 *   COST name printed N read N
 */
#include "bpfraw.h"

#include <x86intrin.h>

#define CALLS	50u
#define ROUNDS	20
#define WORD	"abcdefghijklmnopqrstuvwxyz012345"	/* 32 bytes */

/* The formats of the benches. @args: a value, or STRING for the address of WORD. */
#define STRING	UINT64_MAX
static const struct format {
	const char *name;
	const char *fmt;
	uint32_t nr_args;
	uint64_t args[6];
} formats[] = {
	{ "literal, 32 bytes", "watchdog fired, program aborted\n", 0, { 0 } },
	{ "%d %s, 40 bytes", "%d %s\n", 2, { 123456, STRING } },
	{ "six conversions", "dev=%d addr=%lx path=%s count=%u state=%c total=%lld: request finished "
	  "after a retry\n", 6, { 123456, 0x7f12345678, STRING, 42, 'R', 1234567890123 } },
};

static char text[1 << 17];

static int make(const struct format *format, bool calls)
{
	static struct bpfraw_code c;
	char constants[256] = WORD;
	uint32_t fmt = sizeof(WORD);
	int map, prog, vprintk = bpfraw_kernel_func("bpf_stream_vprintk");
	uint32_t i;

	strcpy(constants + fmt, format->fmt);
	map = bpfraw_const_map(constants, sizeof(constants));
	c.len = 0;
	for (i = 0; i < 6; i++) {
		if (format->args[i] == STRING)
			bpfraw_map_value(&c, 1, map, 0);
		else
			bpfraw_emit(&c, BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, (int32_t)format->args[i]),
			bpfraw_emit(&c, 0, 0, 0, 0, (int32_t)(format->args[i] >> 32));
		bpfraw_store(&c, 10, ((int)i - 6) * 8, 1);
	}
	for (i = 0; i < CALLS; i++) {
		bpfraw_movi(&c, 1, BPFRAW_STDOUT);
		bpfraw_map_value(&c, 2, map, fmt);
		bpfraw_mov(&c, 3, 10);
		bpfraw_alui(&c, BPF_ADD, 3, -48);
		bpfraw_movi(&c, 4, (int32_t)(8 * format->nr_args));
		if (calls)
			bpfraw_kfunc(&c, vprintk);
	}
	bpfraw_movi(&c, 0, 0);
	bpfraw_exit(&c);
	prog = bpfraw_prog(BPF_PROG_TYPE_SYSCALL, &c);
	close(map);
	return prog;
}

struct cost {
	uint64_t run;
	uint64_t read;
	long bytes;
};

static struct cost once(int prog)
{
	struct cost cost;
	uint64_t start = __rdtsc();

	bpfraw_run(prog, NULL, 0);
	cost.run = __rdtsc() - start;
	start = __rdtsc();
	cost.bytes = bpfraw_stream_read(prog, BPFRAW_STDOUT, text, sizeof(text));
	cost.read = __rdtsc() - start;
	return cost;
}

/* Which round is the least does not matter: each part has its own. */
static struct cost least(int prog)
{
	struct cost least = once(prog);
	int i;

	for (i = 1; i < ROUNDS; i++) {
		struct cost cost = once(prog);

		least.run = cost.run < least.run ? cost.run : least.run;
		least.read = cost.read < least.read ? cost.read : least.read;
		least.bytes = cost.bytes;
	}
	return least;
}

int main(void)
{
	size_t i;

	memset(text, 0, sizeof(text));		/* no page of it is missing when it is read into */
	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		int with = make(&formats[i], true), without = make(&formats[i], false);
		struct cost all, none;

		if (with < 0 || without < 0) {
			printf("cost: program not loaded\n%s\n", bpfraw_log);
			return 2;
		}
		all = least(with);
		none = least(without);
		if (all.bytes <= 0 || none.bytes) {
			printf("cost: read %ld and %ld bytes\n", all.bytes, none.bytes);
			return 1;
		}
		printf("COST %s (%ld bytes): printed %llu read %llu\n", formats[i].name, all.bytes / CALLS,
		       (unsigned long long)((all.run - none.run) / CALLS),
		       (unsigned long long)((all.read - none.read) / CALLS));
		close(with);
		close(without);
	}
	return 0;
}
