// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * init.c - process 1 of the test guest: run the commands of the kernel command line, switch off
 *
 *   run=PROGRAM,WORD,...   a command; as many as wanted, one after the other, a comma between words
 *   limit=SECONDS          what one command may take before it is killed (600)
 *
 * Words of the kernel command line that are neither are left alone. What the host looks for, each on
 * a line of its own:
 *
 *   INIT up SECONDS                        the time since the kernel started
 *   INIT start PROGRAM WORD...
 *   INIT exit STATUS SECONDS PROGRAM WORD...   128 + N: ended by signal N; 124: took too long
 *   INIT done COMMANDS FAILED
 *
 * A guest that dies on the way says no "INIT done". Switching off is a reboot: QEMU is told not to.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORDS	32
#define MAX_COMMANDS	64

static const struct {
	const char *where;
	const char *type;
} mounts[] = {
	{ "/proc", "proc" },
	{ "/sys", "sysfs" },
	{ "/dev", "devtmpfs" },
	{ "/tmp", "tmpfs" },
	{ "/sys/kernel/debug", "debugfs" },
	{ "/sys/kernel/tracing", "tracefs" },
	{ "/sys/fs/bpf", "bpf" },
	{ "/sys/fs/cgroup", "cgroup2" },
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void mount_all(void)
{
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		/* What a kernel does not have, its tests do not use. */
		mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL);
	}
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

static void print_words(const char *head, char *const *words)
{
	fputs(head, stdout);
	for (; *words; words++)
		printf(" %s", *words);
	putchar('\n');
	fflush(stdout);
}

/* Reap whatever ends until @child did or @limit seconds are over; its wait status, -1 for too late. */
static int wait_for(pid_t child, double limit)
{
	double end = now() + limit;
	struct timespec pause = { 0, 100000000 };
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (now() < end) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == child)
			return status;
		if (pid <= 0)
			sigtimedwait(&chld, NULL, &pause);
	}
	return -1;
}

static int run(char *const *words, double limit)
{
	double began = now();
	char head[64];
	int status, result;
	pid_t child;

	print_words("INIT start", words);
	child = fork();
	if (!child) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		execv(words[0], words);
		perror(words[0]);
		_exit(127);
	}
	status = child < 0 ? -1 : wait_for(child, limit);
	if (status < 0) {
		if (child > 0)
			kill(-child, SIGKILL);
		result = 124;
	} else if (WIFSIGNALED(status)) {
		result = 128 + WTERMSIG(status);
	} else {
		result = WEXITSTATUS(status);
	}
	snprintf(head, sizeof(head), "INIT exit %d %.2f", result, now() - began);
	print_words(head, words);
	return result;
}

static int run_command(char *spec, double limit)
{
	char *words[MAX_WORDS + 1] = { NULL };
	char *save = NULL;
	char *word;
	int n = 0;

	for (word = strtok_r(spec, ",", &save); word && n < MAX_WORDS; word = strtok_r(NULL, ",", &save))
		words[n++] = word;
	return n ? run(words, limit) : 127;
}

static void switch_off(void)
{
	fflush(stdout);
	usleep(200000);		/* the serial line is slower than we are */
	sync();
	reboot(RB_AUTOBOOT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

int main(void)
{
	static char line[4096];
	char *commands[MAX_COMMANDS];
	int nr_commands = 0, failed = 0, i, fd;
	double limit = 600;
	char *save = NULL;
	char *word;
	sigset_t chld;

	if (getpid() != 1) {
		fputs("init: only as process 1 of a test guest\n", stderr);
		return 2;
	}
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	mount_all();
	open_console();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/tmp", 1);
	printf("\nINIT up %.2f\n", now());
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
		perror("/proc/cmdline");
	for (word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (!strncmp(word, "limit=", 6))
			limit = atof(word + 6);
		else if (!strncmp(word, "run=", 4) && nr_commands < MAX_COMMANDS)
			commands[nr_commands++] = word + 4;
	}
	for (i = 0; i < nr_commands; i++)
		failed += run_command(commands[i], limit) != 0;
	printf("INIT done %d %d\n", nr_commands, failed);
	switch_off();
}
