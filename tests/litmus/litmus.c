// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * litmus.c - what the simulator's memory makes of the kernel's litmus tests
 *
 * usage: litmus VERDICTS DIR [NAME...]
 *
 * Runs all executions of DIR/NAME.litmus for each test of VERDICTS, or those named, and compares
 * what was seen with the table's simulator column.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define ENDLESS		1000000u

static uint32_t nr_processes;
static uint32_t condition;
static uint64_t with, without;

static void parse_first_values(void)
{
	uint32_t at = 1, end = token_behind(0) - 1;

	for (; at < end; at++)
		if (token_is(at + 1, "="))
			variable_find(shared, &nr_shared, tokens[at])->value =
				strtoull(tokens[at + 2], NULL, 0);
}

static void parse(void)
{
	uint32_t at = token_behind(0);

	nr_shared = 0;
	nr_processes = 0;
	parse_first_values();
	while (tokens[at][0] == 'P' && isdigit((unsigned char)tokens[at][1])) {
		if (nr_processes == SIM_TASKS - 1)
			bad_token("too many processes", at);
		for (; !token_is(at, "{"); at++)
			if (token_is(at, "*"))
				variable_find(shared, &nr_shared, tokens[at + 1]);
		processes[nr_processes++].begin = at;
		at = token_behind(at);
	}
	if (!token_is(at, "exists"))
		bad_token("no condition", at);
	condition = at + 1;
}

static bool holds(uint32_t *at);

static bool term(uint32_t *at)
{
	const struct variable *v;
	bool value;

	if (token_is(*at, "~")) {
		++*at;
		return !term(at);
	}
	if (token_is(*at, "(")) {
		++*at;
		value = holds(at);
		token_want(at, ")");
		return value;
	}
	if (token_is(*at + 1, ":")) {
		struct process *p = &processes[atoi(tokens[*at])];

		v = variable_find(p->reg, &p->nr, tokens[*at + 2]);
		*at += 3;
		token_want(at, "=");
		return v->value == strtoull(tokens[(*at)++], NULL, 0);
	}
	v = variable_find(shared, &nr_shared, tokens[*at]);
	++*at;
	token_want(at, "=");
	return sim_peek(v->word, 8) == strtoull(tokens[(*at)++], NULL, 0);
}

static bool holds(uint32_t *at)
{
	bool value = term(at);

	while (token_is(*at, "/\\") || token_is(*at, "\\/")) {
		bool both = token_is(*at, "/\\");
		bool other;

		++*at;
		other = term(at);
		value = both ? value && other : value || other;
	}
	return value;
}

static void run(void)
{
	static const struct sim_watch nobody;
	uint32_t i, at = condition;

	sim_watch = &nobody;
	sim_memory_reset();
	sim_tasks_reset();
	for (i = 0; i < nr_shared; i++) {
		shared[i].word = sim_heap(sizeof(uint64_t));
		*shared[i].word = shared[i].value;
		sim_share(shared[i].word, sizeof(uint64_t), shared[i].name);
	}
	for (i = 0; i < nr_processes; i++) {
		processes[i].nr = 0;
		processes[i].at = processes[i].begin;
		sim_task_start(program_run, NULL);
	}
	sim_tasks_run();
	if (holds(&at))
		with++;
	else
		without++;
}

/* What herd7 would say, in a word. */
static const char *observe(const char *path)
{
	struct sim_search search = { .run = run };
	struct sim_result result;
	static char text[16384];
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(2);
	}
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	program_split(text);
	parse();
	with = 0;
	without = 0;
	sim_explore(&search, &result);
	if (result.failed) {
		fprintf(stderr, "%s: %s\n", path, result.message);
		exit(2);
	}
	return !with ? "Never" : without ? "Sometimes" : "Always";
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	char line[256], name[128], lkmm[16], expected[16], path[512];
	uint32_t tests = 0, wrong = 0;
	FILE *table;

	if (argc < 3 || !(table = fopen(argv[1], "r"))) {
		fputs("usage: litmus VERDICTS DIR [NAME...]\n", stderr);
		return 2;
	}
	sim_weak = true;
	sim_budget = (struct sim_budget){ .preempt = ENDLESS, .stale = ENDLESS };
	while (fgets(line, sizeof(line), table)) {
		const char *seen;

		if (line[0] == '#' || sscanf(line, "%127s %15s %15s", name, lkmm, expected) != 3 ||
		    !wanted(name, argv + 3))
			continue;
		snprintf(path, sizeof(path), "%s/%s.litmus", argv[2], name);
		seen = observe(path);
		printf("%-40s %-10s %llu of %llu executions%s\n", name, seen,
		       (unsigned long long)with, (unsigned long long)(with + without),
		       strcmp(seen, expected) ? ", NOT AS IN THE TABLE" : "");
		wrong += strcmp(seen, expected) != 0;
		tests++;
	}
	fclose(table);
	printf("%u tests, %u not as in the table\n", tests, wrong);
	return !tests || wrong;
}
