// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <unistd.h>

#include <bpfstream.h>

int main(void)
{
	struct bpfstream_prog *prog = bpfstream_prog_create(NULL);

	if (!prog || bpfstream_printf(prog, BPFSTREAM_STDOUT, "hello from a %s\n", "subproject") ||
	    bpfstream_prog_drain(prog, BPFSTREAM_STDOUT, STDOUT_FILENO) < 0)
		return 1;
	bpfstream_prog_destroy(prog);
	return 0;
}
