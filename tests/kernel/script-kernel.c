// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * script-kernel.c - what a kernel answers to a script
 *
 * usage: script-kernel SCRIPT, in the test guest
 */
#include "printer.h"
#include "script.h"

#include <sys/klog.h>
#include <sys/utsname.h>

static struct prog prog;
static struct call calls[SCRIPT_PRINTS + 2];	/* and a stack for each stream */

_Static_assert(SCRIPT_PRINTS + 2 <= MAX_CALLS, "a program has as many calls");
_Static_assert(SCRIPT_ARGS < MAX_SLOTS, "and as many arguments");

static void world_begin(const char *name, const struct script_print *prints, uint32_t nr)
{
	uint32_t i, j;

	stimulus = name;
	memset(calls, 0, sizeof(calls));
	calls[0].stream = BPFRAW_STDOUT;
	calls[1].stream = BPFRAW_STDERR;
	for (i = 0; i < nr; i++) {
		calls[i + 2].stream = prints[i].id;
		calls[i + 2].fmt = prints[i].fmt;
		calls[i + 2].args_len = 8 * prints[i].nr_args;
		for (j = 0; j < BPFRAW_MAX_ARGS; j++)
			calls[i + 2].kernel[j] = prints[i].kernel[j];
	}
	prog = make(calls, nr + 2);
	if (prog.fd < 0)
		exit(2);
}

static long world_print(const struct script_print *prints, uint32_t which)
{
	struct job job = { .which = which + 2, .count = 1 };

	memcpy(job.args, prints[which].args, sizeof(prints[which].args));
	return run_job(&prog, &job);
}

static long world_stack(int id)
{
	return call_one(&prog, (uint32_t)id - 1, 0);
}

static long world_read(int id, void *buf, size_t len)
{
	return bpfraw_stream_read(prog.fd, (uint32_t)id, buf, (uint32_t)len);
}

static void world_end(void)
{
	unmake(&prog);
}

int main(int argc, char **argv)
{
	struct utsname system;

	if (argc != 2)
		return 2;
	uname(&system);
	printf("SCRIPT-KERNEL %s %s\n", system.sysname, system.release);
	klogctl(6 /* console off */, NULL, 0);
	script_play(argv[1]);
	klogctl(7 /* console on */, NULL, 0);
	return 0;
}
