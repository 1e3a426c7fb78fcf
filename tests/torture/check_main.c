// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_main.c - check histories that torture has kept: check FILE...
 */
#include "check.h"
#include "record.h"

static bool check_file(const char *path)
{
	struct history h;
	struct check c;
	bool good;

	if (!history_open(&h, path)) {
		fprintf(stderr, "%s: no history\n", path);
		return false;
	}
	good = check_history(&h, &c, stdout);
	printf("%llu records accepted, %llu refused, %u writers, %u programs; %llu bytes in %u "
	       "calls: %s\n", (unsigned long long)c.accepted, (unsigned long long)c.refused,
	       h.head->writers, h.head->progs, (unsigned long long)c.bytes, h.head->calls,
	       good ? "as promised" : "NOT AS PROMISED");
	history_close(&h);
	return good;
}

int main(int argc, char **argv)
{
	bool good = argc > 1;
	int i;

	record_init();
	for (i = 1; i < argc; i++)
		good &= check_file(argv[i]);
	return good ? 0 : 1;
}
