/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * script.h - carries out a script of prints, stages and reads, and puts down what comes of it
 *
 * Included by script-kernel.c, where a BPF program prints and bpf(2) reads, and by script-user.c,
 * where the library does; each defines the world_...() functions. A stimulus prints one line:
 *
 *   SCRIPT name words
 *
 * script.txt says what there is in a script, and what its words mean.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "escape.h"

#define SCRIPT_ARGS	13u		/* one more than a format may have */
#define SCRIPT_PRINTS	8u
#define SCRIPT_STEPS	64u
#define SCRIPT_LIMIT	100000u		/* of a stream's bytes, exclusive */

/* @kernel: for each argument 0, or a place + 1 in the constants, whose address it is */
struct script_print {
	int id;
	char *fmt;
	uint32_t nr_args;
	uint64_t args[SCRIPT_ARGS];
	uint8_t kernel[SCRIPT_ARGS];
};

enum script_do { DO_PRINT, DO_FILL, DO_READ, DO_DRAIN, DO_STACK, DO_MEASURE, DO_FILL_FOR_STACK };

/* @print: of the stimulus's prints; for what fills it and the next, a thousand bytes and one */
struct script_step {
	enum script_do what;
	int id;
	uint32_t print;
	uint64_t number;
};

/* A stimulus has two streams of its own: made with what it is going to print. */
static void world_begin(const char *name, const struct script_print *prints, uint32_t nr);
static long world_print(const struct script_print *prints, uint32_t which);
static long world_stack(int id);
static long world_read(int id, void *buf, size_t len);
static void world_end(void);

static struct {
	char name[64];
	struct script_print prints[SCRIPT_PRINTS];
	struct script_step steps[SCRIPT_STEPS];
	uint32_t nr_prints;
	uint32_t nr_steps;
} script;

static char script_text[1 << 17];
static unsigned int script_line;

static void __attribute__((__noreturn__)) script_wrong(const char *what)
{
	printf("script: line %u: %s\n", script_line, what);
	exit(2);
}

/* ---- what comes of it ---- */

static char script_words[4096];

static void __attribute__((__format__(__printf__, 1, 2))) script_say(const char *fmt, ...)
{
	size_t len = strlen(script_words);
	va_list ap;

	if (len && len < sizeof(script_words) - 1)
		script_words[len++] = ' ';
	va_start(ap, fmt);
	vsnprintf(script_words + len, sizeof(script_words) - len, fmt, ap);
	va_end(ap);
}

static void script_say_result(long ret)
{
	if (ret >= 0)
		script_say("%ld", ret);
	else
		script_say("%s", strerrorname_np((int)-ret));
}

/* Text in quotes; of a long one the beginning, and a hash (FNV-1a) of all. */
static void script_say_text(const char *text, size_t len)
{
	size_t shown = len > 100 ? 20 : len, n = 0, i;
	uint64_t hash = 0xcbf29ce484222325u;
	char out[512];

	for (i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	for (i = 0; i < shown; i++)
		n += escape(out + n, (unsigned char)text[i]);
	out[n] = '\0';
	if (shown == len)
		script_say("\"%s\"", out);
	else
		script_say("\"%s\"... %016llx", out, (unsigned long long)hash);
}

/* ---- carrying it out ---- */

static long script_read_all(int id)
{
	long total = 0, n;

	while ((n = world_read(id, script_text + total, sizeof(script_text) - (size_t)total)) > 0)
		total += n;
	return n < 0 ? n : total;
}

static void script_fill(uint32_t print, uint64_t bytes)
{
	uint64_t i;
	long err = 0;

	for (i = 0; i < bytes / 1000 && !err; i++)
		err = world_print(script.prints, print);
	for (i = 0; i < bytes % 1000 && !err; i++)
		err = world_print(script.prints, print + 1);
	if (err)
		script_say("not filled: %s", strerrorname_np((int)-err));
}

/* A step; the length of a report is known from the last DO_MEASURE. */
static void script_do(const struct script_step *step)
{
	static long report;
	uint64_t i;
	long n = 0;

	switch (step->what) {
	case DO_PRINT:
		for (i = 0; i < step->number && !n; i++)
			n = world_print(script.prints, step->print);
		if (step->number > 1)
			script_say("%llu", (unsigned long long)i - (n != 0));
		script_say_result(n);
		break;
	case DO_FILL:
		script_fill(step->print, step->number);
		break;
	case DO_READ:
		n = world_read(step->id, script_text, step->number);
		script_say_result(n);
		if (n > 0)
			script_say_text(script_text, (size_t)n);
		break;
	case DO_DRAIN:
		n = script_read_all(step->id);
		script_say_result(n);
		break;
	case DO_STACK:
		script_say_result(world_stack(step->id));
		break;
	case DO_MEASURE:
		report = world_stack(step->id);
		if (!report)
			report = script_read_all(step->id);
		n = report;
		script_say("%s", n > 2 && strstr(script_text, "Call trace:\n") &&
			   !memcmp(script_text + n - 2, "\n\n", 2) ? "a report" : "no report");
		break;
	case DO_FILL_FOR_STACK:
		script_fill(step->print, SCRIPT_LIMIT - 1 - (uint64_t)report + step->number);
		break;
	}
	memset(script_text, 0, sizeof(script_text));
}

static void script_run(void)
{
	uint32_t i;

	if (!script.name[0])
		return;
	script_words[0] = '\0';
	world_begin(script.name, script.prints, script.nr_prints);
	for (i = 0; i < script.nr_steps; i++)
		script_do(&script.steps[i]);
	world_end();
	printf("SCRIPT %s %s\n", script.name, script_words);
	fflush(stdout);
	for (i = 0; i < script.nr_prints; i++)
		free(script.prints[i].fmt);
	memset(&script, 0, sizeof(script));
}

/* ---- reading it ---- */

static char script_unescape(const char **at)
{
	char hex[3] = { 0 };

	if (**at != '\\')
		return *(*at)++;
	(*at)++;
	switch (*(*at)++) {
	case 'n': return '\n';
	case 't': return '\t';
	case 'v': return '\v';
	case 'f': return '\f';
	case 'r': return '\r';
	case '\\': return '\\';
	case '"': return '"';
	case 'x':
		hex[0] = (*at)[0];
		hex[1] = (*at)[1];
		*at += 2;
		return (char)strtoul(hex, NULL, 16);
	default: script_wrong("no such escape");
	}
}

/* "text" or "text"*times; 'text' likewise */
static char *script_string(const char **at)
{
	char quote = *(*at)++, *one = malloc(strlen(*at) + 1), *all;
	size_t len = 0, times = 1, i;

	while (one && **at && **at != quote)
		one[len++] = script_unescape(at);
	if (!one || *(*at)++ != quote)
		script_wrong("a string does not end");
	if (**at == '*')
		times = strtoul(*at + 1, (char **)(uintptr_t)at, 10);
	all = calloc(1, len * times + 1);
	for (i = 0; all && i < times; i++)
		memcpy(all + i * len, one, len);
	free(one);
	if (!all)
		script_wrong("no memory");
	return all;
}

static const char *script_word(const char **at, char *word, size_t size)
{
	size_t len = 0;

	*at += strspn(*at, " ");
	while (**at && **at != ' ' && len < size - 1)
		word[len++] = *(*at)++;
	word[len] = '\0';
	*at += strspn(*at, " ");
	return word;
}

static uint64_t script_number(const char **at)
{
	char word[64], *end;
	uint64_t n;

	script_word(at, word, sizeof(word));
	n = strtoull(word, &end, 0);
	if (!word[0] || *end)
		script_wrong("a number is wanted");
	return n;
}

static int script_id(const char **at)
{
	char word[64];

	script_word(at, word, sizeof(word));
	if (!strcmp(word, "out"))
		return 1;
	return strcmp(word, "err") ? atoi(word) : 2;
}

static void script_arg(const char **at, struct script_print *print)
{
	static const struct {
		const char *name;
		uint8_t place;
	} known[] = {
		{ "@ip4", KERNEL_IP4 }, { "@ip4-long", KERNEL_IP4_LONG }, { "@ip6", KERNEL_IP6 },
		{ "@string", KERNEL_STRING },
	};
	char word[64];
	size_t i;

	if (print->nr_args == SCRIPT_ARGS)
		script_wrong("too many arguments");
	if (**at == '\'') {
		print->args[print->nr_args++] = (uintptr_t)script_string(at);
		*at += strspn(*at, " ");
		return;
	}
	if (**at != '@') {
		print->args[print->nr_args++] = script_number(at);
		return;
	}
	script_word(at, word, sizeof(word));
	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(word, known[i].name)) {
			print->kernel[print->nr_args++] = known[i].place;
			return;
		}
	script_wrong("no such constant");
}

static struct script_print *script_add_print(int id, char *fmt)
{
	struct script_print *print = &script.prints[script.nr_prints++];

	if (script.nr_prints > SCRIPT_PRINTS || !fmt)
		script_wrong("too many prints in a stimulus");
	print->id = id;
	print->fmt = fmt;
	return print;
}

static void script_add_fill(struct script_step *step, const char **at)
{
	struct script_print *print;

	step->id = script_id(at);
	step->number = script_number(at);
	print = script_add_print(step->id, strdup("%1000d"));
	print->args[print->nr_args++] = 7;
	print = script_add_print(step->id, strdup("%c"));
	print->args[print->nr_args++] = 'x';
}

static void script_add_step(const char *at)
{
	struct script_step *step = &script.steps[script.nr_steps++];
	struct script_print *print;
	char word[64];

	if (script.nr_steps > SCRIPT_STEPS || !script.name[0])
		script_wrong("no stimulus, or too many steps");
	step->number = 1;
	step->print = script.nr_prints;
	script_word(&at, word, sizeof(word));
	if (!strcmp(word, "repeat")) {
		step->number = script_number(&at);
		script_word(&at, word, sizeof(word));
	}
	if (!strcmp(word, "print")) {
		step->id = script_id(&at);
		if (*at != '"')
			script_wrong("a format is wanted");
		print = script_add_print(step->id, script_string(&at));
		at += strspn(at, " ");
		while (*at)
			script_arg(&at, print);
	} else if (!strcmp(word, "fill")) {
		step->what = DO_FILL;
		script_add_fill(step, &at);
	} else if (!strcmp(word, "fill-for-stack")) {
		step->what = DO_FILL_FOR_STACK;
		script_add_fill(step, &at);
	} else if (!strcmp(word, "read")) {
		step->what = DO_READ;
		step->id = script_id(&at);
		step->number = script_number(&at);
	} else if (!strcmp(word, "drain") || !strcmp(word, "stack") || !strcmp(word, "measure")) {
		step->what = word[0] == 'd' ? DO_DRAIN : word[0] == 's' ? DO_STACK : DO_MEASURE;
		step->id = script_id(&at);
	} else {
		script_wrong("no such step");
	}
	if (*at)
		script_wrong("something follows");
}

static void script_play(const char *path)
{
	FILE *file = fopen(path, "re");
	static char line[4096];

	if (!file) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), file)) {
		size_t len = strcspn(line, "\n");

		script_line++;
		line[len] = '\0';
		if (!len || line[0] == '#')
			continue;
		if (line[0] != '[') {
			script_add_step(line);
			continue;
		}
		script_run();
		line[len - 1] = '\0';
		snprintf(script.name, sizeof(script.name), "%.60s", line + 1);
	}
	fclose(file);
	script_run();
	printf("SCRIPT-DONE\n");
}

#endif
