// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * program.c - the processes of a litmus test, interpreted
 *
 * Of the language, which is C, it knows what the tests here use: READ_ONCE, WRITE_ONCE, smp_*,
 * xchg, cmpxchg, atomic_add_return, atomic_sub_return and their suffixes, if, and arithmetic on
 * registers. The tokens are interpreted as they stand.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define MAX_TOKENS	1024u

char tokens[MAX_TOKENS][PROGRAM_NAME];
struct variable shared[PROGRAM_VARS];
uint32_t nr_shared;
struct process processes[SIM_TASKS];

static uint32_t nr_tokens;

void bad_token(const char *what, uint32_t at)
{
	fprintf(stderr, "litmus: %s at '%s'\n", what, at < nr_tokens ? tokens[at] : "the end");
	exit(2);
}

/* ---- tokens ---- */

static size_t token_length(const char *text)
{
	static const char *const pairs[] = { "/\\", "\\/", "==", "!=", "&&", "||" };
	size_t i, n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	for (i = 0; !n && i < sizeof(pairs) / sizeof(*pairs); i++)
		if (!strncmp(text, pairs[i], 2))
			n = 2;
	return n ? n : 1;
}

void program_split(const char *text)
{
	nr_tokens = 0;
	text = strchr(text, '{');	/* behind name and remarks */
	while (text && *text) {
		size_t n;

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		n = token_length(text);
		if (n >= PROGRAM_NAME || nr_tokens == MAX_TOKENS)
			bad_token("too much", nr_tokens);
		memcpy(tokens[nr_tokens], text, n);
		tokens[nr_tokens++][n] = 0;
		text += n;
	}
}

bool token_is(uint32_t at, const char *what)
{
	return at < nr_tokens && !strcmp(tokens[at], what);
}

void token_want(uint32_t *at, const char *what)
{
	if (!token_is(*at, what))
		bad_token(what, *at);
	++*at;
}

uint32_t token_behind(uint32_t at)
{
	uint32_t depth = 0;

	do {
		depth += token_is(at, "{");
		depth -= token_is(at, "}");
		if (++at > nr_tokens)
			bad_token("no end", at);
	} while (depth);
	return at;
}

struct variable *variable_find(struct variable *of, uint32_t *nr, const char *name)
{
	uint32_t i;

	for (i = 0; i < *nr; i++)
		if (!strcmp(of[i].name, name))
			return &of[i];
	if (*nr == PROGRAM_VARS)
		bad_token("too many variables", nr_tokens);
	of[*nr] = (struct variable){ .word = NULL };
	snprintf(of[*nr].name, PROGRAM_NAME, "%s", name);
	return &of[(*nr)++];
}

/* ---- a process: its registers are the values of its variables ---- */

static uint64_t expression(struct process *p);

static uint64_t *location(struct process *p)
{
	while (token_is(p->at, "*") || token_is(p->at, "&"))
		p->at++;
	return variable_find(shared, &nr_shared, tokens[p->at++])->word;
}

static int order_of(const char *name)
{
	if (strstr(name, "_relaxed"))
		return 0;
	if (strstr(name, "_acquire"))
		return SIM_ACQUIRE;
	if (strstr(name, "_release"))
		return SIM_RELEASE;
	return SIM_FULL | SIM_ACQUIRE | SIM_RELEASE;
}

static uint64_t read_of(struct process *p, const char *name)
{
	uint64_t *word = location(p);

	return sim_load_order(word, 8, name[0] == 'R' ? 0 : SIM_ACQUIRE);
}

static uint64_t exchange(struct process *p, const char *name)
{
	uint64_t *word = location(p);
	uint64_t value;

	token_want(&p->at, ",");
	value = expression(p);
	return sim_swap(word, 8, value, order_of(name));
}

static uint64_t compare_exchange(struct process *p, const char *name)
{
	uint64_t *word = location(p);
	uint64_t old, value;

	token_want(&p->at, ",");
	old = expression(p);
	token_want(&p->at, ",");
	value = expression(p);
	(void)sim_swap_if(word, 8, &old, value, order_of(name));
	return old;
}

static uint64_t add_return(struct process *p, const char *name)
{
	uint64_t n = expression(p);
	uint64_t *word;

	token_want(&p->at, ",");
	word = location(p);
	return sim_add(word, 8, strstr(name, "_sub_") ? -n : n, order_of(name));
}

static uint64_t primary(struct process *p)
{
	static const struct {
		const char *name;
		uint64_t (*fn)(struct process *p, const char *name);
	} calls[] = {
		{ "READ_ONCE", read_of }, { "smp_load_acquire", read_of }, { "xchg", exchange },
		{ "cmpxchg", compare_exchange }, { "atomic_add_return", add_return },
		{ "atomic_sub_return", add_return },
	};
	const char *name = tokens[p->at];
	uint64_t value;
	uint32_t i;

	p->at++;
	if (isdigit((unsigned char)*name))
		return strtoull(name, NULL, 0);
	if (!strcmp(name, "!"))
		return !primary(p);
	if (!strcmp(name, "(")) {
		value = expression(p);
		token_want(&p->at, ")");
		return value;
	}
	if (!token_is(p->at, "("))
		return variable_find(p->reg, &p->nr, name)->value;
	p->at++;
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strncmp(name, calls[i].name, strlen(calls[i].name)))
			continue;
		value = calls[i].fn(p, name);
		token_want(&p->at, ")");
		return value;
	}
	bad_token("no such call", p->at - 2);
}

static uint64_t expression(struct process *p)
{
	uint64_t value = primary(p);

	for (;;) {
		if (token_is(p->at, "+") && ++p->at)
			value += primary(p);
		else if (token_is(p->at, "-") && ++p->at)
			value -= primary(p);
		else if (token_is(p->at, "==") && ++p->at)
			value = value == primary(p);
		else if (token_is(p->at, "!=") && ++p->at)
			value = value != primary(p);
		else
			return value;
	}
}

static bool store(struct process *p)
{
	bool release = token_is(p->at, "smp_store_release");
	uint64_t *word;
	uint64_t value;

	if (!release && !token_is(p->at, "WRITE_ONCE"))
		return false;
	p->at++;
	token_want(&p->at, "(");
	word = location(p);
	token_want(&p->at, ",");
	value = expression(p);
	token_want(&p->at, ")");
	sim_store_order(word, 8, value, release ? SIM_RELEASE : 0);
	return true;
}

static bool fence(struct process *p)
{
	int order = token_is(p->at, "smp_mb") ? SIM_FULL :
		    token_is(p->at, "smp_rmb") ? SIM_ACQUIRE :
		    token_is(p->at, "smp_wmb") ? SIM_RELEASE : 0;

	if (!order)
		return false;
	sim_point(SIM_SHARED, "fence");
	sim_fence(order);
	p->at++;
	token_want(&p->at, "(");
	token_want(&p->at, ")");
	return true;
}

static void block(struct process *p);

static void statement(struct process *p)
{
	if (token_is(p->at, "if")) {
		p->at++;
		if (primary(p))
			block(p);
		else
			p->at = token_behind(p->at);
		return;
	}
	if (token_is(p->at, "int"))
		p->at++;
	if (!store(p) && !fence(p)) {
		struct variable *reg = variable_find(p->reg, &p->nr, tokens[p->at]);

		if (token_is(p->at + 1, "=")) {
			p->at += 2;
			reg->value = expression(p);
		} else if (token_is(p->at + 1, ";")) {
			p->at++;
		} else {
			(void)expression(p);
		}
	}
	token_want(&p->at, ";");
}

static void block(struct process *p)
{
	token_want(&p->at, "{");
	while (!token_is(p->at, "}"))
		statement(p);
	p->at++;
}

/* A process, as a task of that number. */
void program_run(uint32_t n)
{
	block(&processes[n - 1]);
}
