// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * input.c - a fuzzer's bytes as a call of printf
 */
#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "seeded.h"

#define LINE_MAX_LEN	80u

struct line {
	const char *text;
	size_t len;
};

static struct line next_line(const char **pos, const char *end)
{
	struct line line = { *pos, 0 };
	const char *stop = memchr(*pos, '\n', (size_t)(end - *pos));

	line.len = (size_t)((stop ? stop : end) - *pos);
	*pos = stop ? stop + 1 : end;
	return line;
}

/* For strtod() and its like, which want an end. */
static const char *terminated(char *buf, const char *text, size_t len)
{
	len = len < LINE_MAX_LEN ? len : LINE_MAX_LEN;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return buf;
}

static uint64_t integer(const char *text)
{
	return text[0] == '-' ? 0 - strtoull(text + 1, NULL, 0) : strtoull(text, NULL, 0);
}

static void parse_numbers(struct input *in, struct line line)
{
	char buf[LINE_MAX_LEN + 1];
	char *pos = buf;
	unsigned int i;

	terminated(buf, line.text, line.len);
	for (i = 0; i < INPUT_NUMBERS; i++)
		in->number[i] = strtoull(pos, &pos, 0);
}

static void set_bits(struct input_arg *arg, uint64_t bits)
{
	arg->word = bits;
	memcpy(&arg->real, &bits, sizeof(bits));
}

static void parse_arg(struct input_arg *arg, struct line line)
{
	char buf[LINE_MAX_LEN + 1];
	const char *text = terminated(buf, line.text, line.len);
	struct seeded rng = { .state = 0 };

	memset(arg, 0, sizeof(*arg));
	arg->text = line.text;
	arg->len = line.len;
	switch (text[0]) {
	case '"':
		arg->kind = INPUT_TEXT;
		arg->text++;
		arg->len--;
		break;
	case '#':
	case '!':
		arg->kind = text[0] == '#' ? INPUT_LONG : INPUT_OPEN;
		arg->len = (size_t)strtoull(text + 1, NULL, 0);
		break;
	case '?':
		rng.state = strtoull(text + 1, NULL, 0);
		set_bits(arg, seeded_next(&rng));
		break;
	case '=':
		set_bits(arg, strtoull(text + 1, NULL, 16));
		break;
	default:
		arg->word = integer(text);
		arg->real = strtod(text, NULL);
	}
}

void input_parse(struct input *in, const uint8_t *data, size_t size)
{
	const char *pos = (const char *)data;
	const char *end = pos + size;
	struct line line;

	memset(in, 0, sizeof(*in));
	parse_numbers(in, next_line(&pos, end));
	for (line = next_line(&pos, end); line.len; line = next_line(&pos, end)) {
		if (in->nr_args < INPUT_ARGS)
			parse_arg(&in->arg[in->nr_args++], line);
	}
	in->fmt = pos;
	in->fmt_len = strnlen(pos, (size_t)(end - pos));
}
