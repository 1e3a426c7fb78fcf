/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * request.h - what the daemon is for: it calculates
 *
 * A request is a line "add|sub|mul|div A B", the answer a line "= RESULT" or "! REASON".
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_ANSWER_MAX	64u	/* bytes, its newline and NUL included */

void request_allow_crash(bool allow);
size_t request_answer(int connection, const char *line, char answer[REQUEST_ANSWER_MAX]);

#endif
