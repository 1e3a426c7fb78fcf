// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * request.c - parse a request, answer it, log it
 *
 * Nothing of a client's text goes into the log as it came: numbers are printed as numbers and
 * operators by their names, so a client cannot forge log lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mishap.h"
#include "request.h"

#define GROUP_EVERY	8u	/* requests of a worker: logged at length */

struct request {
	const char *name;
	long a;
	long b;
	long result;
	const char *fault;
};

static const char *const names[] = { "add", "sub", "mul", "div" };

static bool crash_allowed;

/* Whether a client may have the daemon crash. Before the workers start. */
void request_allow_crash(bool allow)
{
	crash_allowed = allow;
}

static const char *name_of(const char *word)
{
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(word, names[i]))
			return names[i];
	return NULL;
}

static void calculate(struct request *r)
{
	bool overflow = false;

	switch (r->name[0]) {
	case 'a':
		overflow = __builtin_add_overflow(r->a, r->b, &r->result);
		break;
	case 's':
		overflow = __builtin_sub_overflow(r->a, r->b, &r->result);
		break;
	case 'm':
		overflow = __builtin_mul_overflow(r->a, r->b, &r->result);
		break;
	default:
		if (!r->b)
			r->fault = "division by zero";
		else if (r->b == -1)
			overflow = __builtin_sub_overflow(0L, r->a, &r->result);
		else
			r->result = r->a / r->b;
	}
	if (overflow)
		r->fault = "overflow";
}

static void parse(struct request *r, const char *line)
{
	char word[8];
	int end = 0;

	if (crash_allowed && sscanf(line, "crash %7s", word) == 1)
		mishap_request(word);
	if (sscanf(line, "%7s %ld %ld %n", word, &r->a, &r->b, &end) == 3 && !line[end])
		r->name = name_of(word);
	if (r->name)
		calculate(r);
	else
		r->fault = "not a request";
}

static void log_at_length(int connection, const struct request *r)
{
	struct log_group g;

	if (!log_group_begin(&g, KIND_WORK, 3))
		return;
	log_group_line(&g, "request on connection %d: %s", connection, r->name);
	log_group_line(&g, "  operands %ld and %ld", r->a, r->b);
	log_group_line(&g, "  result %ld", r->result);
	log_group_commit(&g);
}

static void log_fault(int connection, const struct request *r)
{
	struct log_group g;

	if (!log_group_begin(&g, KIND_FAULT, 2))
		return;
	log_group_line(&g, "connection %d: %s", connection, r->fault);
	log_group_line(&g, "  in %s %ld %ld", r->name ? r->name : "(none)", r->a, r->b);
	log_group_commit(&g);
}

static void log_request(int connection, const struct request *r)
{
	static __thread unsigned int requests;

	if (r->fault)
		log_fault(connection, r);
	else if (++requests % GROUP_EVERY == 0)
		log_at_length(connection, r);
	else
		log_line(KIND_WORK, "connection %d: %s %ld %ld = %ld", connection, r->name, r->a,
			 r->b, r->result);
}

/**
 * request_answer() - do what a client asks
 * @connection: for the log
 * @line: request without its newline
 * @answer: room for the answer
 *
 * Return: bytes in @answer, its newline included.
 */
size_t request_answer(int connection, const char *line, char answer[REQUEST_ANSWER_MAX])
{
	struct request *r = calloc(1, sizeof(*r));	/* feeds the malloc hook */
	int n;

	if (!r) {
		log_line(KIND_FAULT, "connection %d: no memory", connection);
		n = snprintf(answer, REQUEST_ANSWER_MAX, "! no memory\n");
		return (size_t)n;
	}
	parse(r, line);
	log_request(connection, r);
	if (r->fault)
		n = snprintf(answer, REQUEST_ANSWER_MAX, "! %s\n", r->fault);
	else
		n = snprintf(answer, REQUEST_ANSWER_MAX, "= %ld\n", r->result);
	free(r);
	return (size_t)n;
}
