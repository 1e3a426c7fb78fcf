// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The guest's first process (static): mounts what programs want, runs each program that the kernel's
 * command line names as run=/path,argument,..., one after the other, lets kmemleak look if the
 * kernel has it, and reboots, which ends QEMU. A program that takes longer than limit=SECONDS (600) is
 * killed. Before a program's turn, put=/file,text writes to a file.
 *
 * All output goes to the second serial line. Around a program's own stands
 *	@run /path,argument,...
 *	@exit STATUS SECONDS
 * and the first also in the kernel's log, so that a report there tells whose it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE "/dev/ttyS1"
#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define MAX_ARGS 32

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} wanted[] = {
		{ "devtmpfs", "/dev" }, { "proc", "/proc" }, { "sysfs", "/sys" }, { "tmpfs", "/tmp" },
		{ "tmpfs", "/run" }, { "debugfs", "/sys/kernel/debug" },
		{ "tracefs", "/sys/kernel/tracing" }, { "bpf", "/sys/fs/bpf" },
		{ "cgroup2", "/sys/fs/cgroup" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		mkdir(wanted[i].where, 0755);
		/* what this kernel does not have, its programs can do without */
		mount(wanted[i].type, wanted[i].where, wanted[i].type, 0, NULL);
	}
}

static void take_line(void)
{
	int fd = open(LINE, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void tell_kernel(const char *what)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "<4>bpfstream: %s\n", what);
	close(fd);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pid_t child;

static void too_late(int signo)
{
	(void)signo;
	kill(-child, SIGKILL);
}

static void run(char *words, unsigned int limit)
{
	char *args[MAX_ARGS + 1] = {}, *rest = words;
	double start = now();
	int count = 0, status = 0;

	printf("@run %s\n", words);
	tell_kernel(words);
	fflush(stdout);
	while (count < MAX_ARGS && (args[count] = strsep(&rest, ",")))
		count++;
	child = fork();
	if (!child) {
		setsid();
		execv(args[0], args);
		printf("%s: %s\n", args[0], strerror(errno));
		_exit(127);
	}
	alarm(limit);
	/* SIGALRM restarts it */
	waitpid(child, &status, 0);
	alarm(0);
	printf("\n@exit %d %.1f\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       now() - start);
	fflush(stdout);
}

static void put(char *words)
{
	char *path = strsep(&words, ",");
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || !words || write(fd, words, strlen(words)) < 0)
		printf("@put %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Objects younger than some seconds are no leaks to it, and the first scan only counts. */
static void look_for_leaks(void)
{
	int fd = open(KMEMLEAK, O_RDWR);
	char text[4096];
	ssize_t got;

	if (fd < 0)
		return;
	printf("@leaks\n");
	for (int scan = 0; scan < 2; scan++) {
		sleep(6);
		if (write(fd, "scan", 4) != 4)
			printf("kmemleak does not scan: %s\n", strerror(errno));
	}
	while ((got = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)got, stdout);
	printf("@scanned\n");
	fflush(stdout);
	close(fd);
}

int main(void)
{
	static char line[4096];
	char *rest = line, *word;
	unsigned int limit = 600;
	int fd;

	mount_all();
	take_line();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/tmp", 1);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, too_late);
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd >= 0 && read(fd, line, sizeof(line) - 1) > 0)
		close(fd);
	while ((word = strsep(&rest, " \n"))) {
		if (strncmp(word, "limit=", 6) == 0)
			limit = (unsigned int)atoi(word + 6);
		else if (strncmp(word, "put=", 4) == 0)
			put(word + 4);
		else if (strncmp(word, "run=", 4) == 0)
			run(word + 4, limit);
	}
	look_for_leaks();
	printf("@done\n");
	fflush(stdout);
	tell_kernel("done");
	sync();
	usleep(100000);		/* the line's last bytes */
	reboot(RB_AUTOBOOT);
	return 0;
}
