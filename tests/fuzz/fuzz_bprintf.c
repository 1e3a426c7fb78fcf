// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fuzz_bprintf.c - bprintf against the kernel's rules
 *
 * Numbers of an input (input.h): the five of scene_open(); bytes of arguments that are announced
 * beyond those that there are, or short of them; how many bytes stand behind the format and the
 * strings before there is no memory; 1 for no format, 2 for no arguments.
 */
#include <errno.h>
#include <string.h>

#include "bref.h"
#include "brink.h"
#include "fuzz.h"
#include "input.h"
#include "scene.h"

#define LONG_MAX_LEN	(BRINK_SIZE - 64)
#define ARGS_REGION	(BRINK_REGIONS - 1)
#define FORMAT_REGION	(BRINK_REGIONS - 2)

/* An argument where memory ends, if it is no number. */
static uint64_t word_of(const struct input_arg *arg, unsigned int region, size_t tail)
{
	bool open = arg->kind == INPUT_OPEN;
	size_t len = arg->len < LONG_MAX_LEN ? arg->len : LONG_MAX_LEN;
	char *text;
	size_t i;

	if (arg->kind == INPUT_NUMBER)
		return arg->word;
	text = brink_at(region, len + !open, open ? 0 : tail);
	for (i = 0; i < len; i++)
		text[i] = arg->kind == INPUT_TEXT ? arg->text[i] : (char)('!' + (i + i / 89) % 94);
	if (!open)
		text[len] = '\0';
	return (uint64_t)(uintptr_t)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene_want want = { .err = 0 };
	static struct bref ref;
	struct input in;
	struct scene sc;
	uint64_t *args;
	uint32_t args_sz;
	unsigned int i;
	size_t tail;
	char *fmt;
	int ret;

	input_parse(&in, data, size);
	if (in.fmt_len > LONG_MAX_LEN)
		return 0;
	tail = in.number[6] % 33;
	args_sz = (uint32_t)(8 * in.nr_args);
	args = (uint64_t *)(void *)brink_at(ARGS_REGION, args_sz, 0);
	for (i = 0; i < in.nr_args; i++)
		args[i] = word_of(&in.arg[i], i, tail);
	fmt = brink_at(FORMAT_REGION, in.fmt_len + 1, tail);
	memcpy(fmt, in.fmt, in.fmt_len);
	fmt[in.fmt_len] = '\0';
	if (in.number[5])	/* a size that is not right must not be believed */
		args_sz = in.number[5] % 8 ? args_sz + (uint32_t)(in.number[5] % 8) :
			  args_sz - (args_sz ? 8 : 0);
	if (in.number[7] & 1)
		fmt = NULL;
	if (in.number[7] & 2)
		args = NULL;

	bref_print(&ref, fmt, args, args_sz);
	if (ref.unsure)
		return 0;
	want.err = ref.err;
	want.first = ref.err && ref.err != -E2BIG;
	want.text = ref.text;
	want.len = want.first ? BREF_MAX : ref.len;
	scene_open(&sc, in.number);
	ret = bpfstream_bprintf(sc.prog, BPFSTREAM_STDOUT, fmt, args, args_sz);
	scene_close(&sc, ret, &want);
	return 0;
}
