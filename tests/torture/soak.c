// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * soak.c - rounds for minutes in one process, and what memory it has after each
 *
 * Memory is the process's private pages, at rest: its threads have ended, one program goes on. The
 * history, a shared mapping of a file, is not among them, nor what the checker takes: it runs in a
 * child.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "check.h"
#include "soak.h"

#define PROGRESS_S	10u

struct sums {
	uint64_t messages;
	uint64_t bytes;
	uint64_t lost;
};

static FILE *csv;
static uint64_t began, ends, told;
static struct sums sums;
static uint64_t rounds;

/** soak_open() - begin; false if there can be no @path */
bool soak_open(const char *path, uint32_t minutes)
{
	csv = fopen(path, "we");
	if (!csv)
		return false;
	fprintf(csv, "# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
		     "seconds,rounds,messages,bytes,lost,private_kb,pages\n");
	began = history_now();
	told = began;
	ends = began + minutes * (uint64_t)60000000000u;
	return true;
}

bool soak_goes_on(void)
{
	return history_now() < ends;
}

void soak_close(void)
{
	fclose(csv);
}

/* Pages of its own that the process has in memory. */
static unsigned long private_kb(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long kb = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %lu kB", &kb) == 1)
			break;
	if (status)
		fclose(status);
	return kb;
}

/* The checker takes as much memory as it likes: in a child. */
static bool check_apart(const struct history *h, struct sums *found)
{
	int status = -1, result[2];
	bool got;
	pid_t pid;

	fflush(stdout);
	fflush(csv);
	if (pipe(result))
		return false;
	pid = fork();
	if (!pid) {
		struct check c;
		bool good = check_history(h, &c, stdout);
		struct sums s = { c.accepted, c.bytes, c.refused };

		fflush(stdout);
		_exit(write(result[1], &s, sizeof(s)) == sizeof(s) && good ? 0 : 1);
	}
	close(result[1]);
	got = read(result[0], found, sizeof(*found)) == sizeof(*found);
	close(result[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && got;
}

static void progress(uint64_t now, unsigned long kb, uint32_t pages)
{
	double s = (double)(now - began) / 1e9;

	printf("%6.0f s, %llu rounds, %llu messages, %llu MB, %.0f/s, %llu refused, "
	       "%lu kB, %u pages\n", s, (unsigned long long)rounds,
	       (unsigned long long)sums.messages, (unsigned long long)sums.bytes / 1000000,
	       (double)sums.messages / s, (unsigned long long)sums.lost, kb, pages);
	fflush(stdout);
	told = now;
}

/** soak_round() - a round is over: check it, and note what memory there is */
bool soak_round(const struct history *h)
{
	unsigned long kb = private_kb();
	uint32_t pages = bsp_arena_live();
	struct sums found = { 0, 0, 0 };
	bool good = check_apart(h, &found);
	uint64_t now = history_now();

	rounds++;
	sums.messages += found.messages;
	sums.bytes += found.bytes;
	sums.lost += found.lost;
	fprintf(csv, "%.3f,%llu,%llu,%llu,%llu,%lu,%u\n", (double)(now - began) / 1e9,
		(unsigned long long)rounds, (unsigned long long)sums.messages,
		(unsigned long long)sums.bytes, (unsigned long long)sums.lost, kb, pages);
	if (now - told >= PROGRESS_S * (uint64_t)1000000000u || !good)
		progress(now, kb, pages);
	return good;
}
