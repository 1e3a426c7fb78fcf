/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * program.h - the processes of a litmus test
 */
#ifndef TEST_LITMUS_PROGRAM_H
#define TEST_LITMUS_PROGRAM_H

#include "sim.h"

#define PROGRAM_NAME	32u
#define PROGRAM_VARS	16u

/* @word: of a shared one; @value: of a register, or what a shared one has at first */
struct variable {
	char name[PROGRAM_NAME];
	uint64_t *word;
	uint64_t value;
};

/* @at: the token that is read next */
struct process {
	uint32_t begin;
	uint32_t at;
	uint32_t nr;
	struct variable reg[PROGRAM_VARS];
};

extern char tokens[][PROGRAM_NAME];
extern struct variable shared[PROGRAM_VARS];
extern uint32_t nr_shared;
extern struct process processes[SIM_TASKS];

void program_split(const char *text);
bool token_is(uint32_t at, const char *what);
void token_want(uint32_t *at, const char *what);
uint32_t token_behind(uint32_t at);
struct variable *variable_find(struct variable *of, uint32_t *nr, const char *name);
void program_run(uint32_t n);
__attribute__((__noreturn__)) void bad_token(const char *what, uint32_t at);

#endif
