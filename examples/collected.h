/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * collected.h - what the collected files hold
 */
#ifndef COLLECTED_H
#define COLLECTED_H

#include "ledger.h"

enum file { FILE_STDOUT, FILE_STDERR, FILE_CHILDREN, NR_FILES };

/*
 * What was found of a writer.
 * @last: number of its last message
 * @missing: messages that were accepted and are not there
 * @undecided_there: the message that a crash cut short is there
 */
struct found {
	uint64_t last;
	uint64_t printed;
	uint64_t refused;
	uint64_t missing;
	bool undecided_there;
};

extern const struct ledger *ledger;
extern struct found found[NR_WRITERS];
extern uint64_t told_lost[NR_FILES];
extern const char *const file_name[NR_FILES];
extern const char *const kind_name[NR_KINDS];

enum file file_of(unsigned int writer);
uint64_t undecided(const struct ledger_writer *w);
void read_file(enum file file, const char *path);
void check_ends(void);
void fail(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif
