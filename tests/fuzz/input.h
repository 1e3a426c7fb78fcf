/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * input.h - a fuzzer's bytes as a call of printf
 *
 * A text that one can read, write, and mutate without breaking it:
 *
 *	40 2 1			numbers that say how to call; those that are missing are 0
 *	-12			an argument a line, until a line that is empty
 *	"some text
 *	#5000
 *
 *	%d: %s and %.3s		the rest, up to a zero byte: the format
 *
 * Every text is an input: what cannot be understood is 0.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_NUMBERS	8u
#define INPUT_ARGS	40u

enum input_kind {
	INPUT_NUMBER,	/* 12, -3, 0xff, 1.5e300: a number; ?12: 64 random bits; =3ff: those bits */
	INPUT_TEXT,	/* "text: these bytes */
	INPUT_LONG,	/* #12: so many bytes of a pattern */
	INPUT_OPEN	/* !12: the same, and no zero byte behind them: nothing at all */
};

/*
 * @word, @real: a number, as an integer and as a double
 * @text, @len: of a text; of a number, its line; of a pattern, @len alone
 */
struct input_arg {
	enum input_kind kind;
	uint64_t word;
	double real;
	const char *text;
	size_t len;
};

struct input {
	uint64_t number[INPUT_NUMBERS];
	struct input_arg arg[INPUT_ARGS];
	unsigned int nr_args;
	const char *fmt;	/* not terminated */
	size_t fmt_len;
};

void input_parse(struct input *in, const uint8_t *data, size_t size);

#endif
