/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * run.h - a sequence of random operations on the library and on the model, compared
 */
#ifndef TESTS_RUN_H
#define TESTS_RUN_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct run_profile - what kind of sequence
 * @name: for messages
 * @programs: live at once, at most
 * @max_capacity: largest capacity a program gets, bytes
 * @max_pages: largest page budget a program gets; 0 for enough
 * @lines_in: one program in so many has BPFSTREAM_LOST_LINES; 0 none
 * @nest_in: one operation in so many is interrupted at a fault point; 0 none
 * @fail_in: one operation in so many meets failing page allocations; 0 none
 */
struct run_profile {
	const char *name;
	unsigned int programs;
	uint32_t max_capacity;
	uint32_t max_pages;
	unsigned int lines_in;
	unsigned int nest_in;
	unsigned int fail_in;
};

/**
 * struct run_result - what came of it
 * @operations: done, those that interrupted others included
 * @nested: of these, those that interrupted
 * @refused: messages refused, by enum model_cause
 * @bytes: of text read and compared
 * @failure: first difference between library and model; empty if there was none
 */
struct run_result {
	uint64_t operations;
	uint64_t nested;
	uint64_t refused[3];
	uint64_t bytes;
	char failure[512];
};

void run_sequence(const struct run_profile *profile, uint64_t seed, uint64_t operations,
		  struct run_result *result);

/* A sequence that is chosen by bytes, as long as there are any. */
void run_bytes(const struct run_profile *profile, const uint8_t *bytes, size_t len,
	       struct run_result *result);

#endif
