// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay.c - the inputs of a corpus as a regression test, where there is no libFuzzer
 *
 *   fuzz_TARGET FILE-OR-DIRECTORY...
 *
 * Without coverage nothing new is made up, but every compiler, valgrind and qemu can run it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned long inputs;

/* An input lies in memory of just its size, as libFuzzer has it. */
static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);
	size_t n = file && data ? fread(data, 1, size, file) : 0;

	if (file)
		fclose(file);
	if (!file || !data || n != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		return 1;
	}
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	inputs++;
	free(data);
	return 0;
}

static int replay(const char *path);

static int replay_directory(const char *path)
{
	struct dirent **entry;
	int nr = scandir(path, &entry, NULL, alphasort);
	int failed = nr < 0;
	int i;

	for (i = 0; i < nr; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.')
			failed |= replay(name);
		free(entry[i]);
	}
	if (nr >= 0)
		free(entry);
	return failed;
}

static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		fprintf(stderr, "%s: not there\n", path);
		return 1;
	}
	return S_ISDIR(st.st_mode) ? replay_directory(path) : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int failed = 0;
	int i;

	for (i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%lu inputs replayed\n", inputs);
	return failed || !inputs;
}
