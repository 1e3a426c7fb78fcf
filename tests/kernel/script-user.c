// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * script-user.c - what the library answers to a script
 *
 * usage: script-user SCRIPT
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <bpfstream.h>

#include "script.h"

static struct bpfstream_prog *prog;

static void world_begin(const char *name, const struct script_print *prints, uint32_t nr)
{
	const struct bpfstream_opts opts = { .sz = sizeof(opts), .capacity = SCRIPT_LIMIT };

	(void)prints;
	(void)nr;
	prog = bpfstream_prog_create(&opts);
	if (!prog) {
		perror(name);
		exit(2);
	}
}

static long world_print(const struct script_print *prints, uint32_t which)
{
	const struct script_print *print = &prints[which];
	uint64_t args[SCRIPT_ARGS];
	uint32_t i;

	for (i = 0; i < print->nr_args; i++)
		args[i] = print->kernel[i] ? (uintptr_t)&constants[print->kernel[i] - 1] : print->args[i];
	return bpfstream_bprintf(prog, (enum bpfstream_id)print->id, print->fmt, args,
				 8 * print->nr_args);
}

static long world_stack(int id)
{
	struct bpfstream_stage stage;
	int err;

	bpfstream_stage_init(&stage);
	err = bpfstream_stage_dump_stack(&stage);
	if (!err)
		err = bpfstream_stage_commit(&stage, prog, (enum bpfstream_id)id);
	bpfstream_stage_free(&stage);
	return err;
}

static long world_read(int id, void *buf, size_t len)
{
	return bpfstream_prog_read(prog, (enum bpfstream_id)id, buf, len);
}

static void world_end(void)
{
	bpfstream_prog_destroy(prog);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	printf("SCRIPT-KERNEL libbpfstream\n");
	script_play(argv[1]);
	return 0;
}
