/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nmi.h - interrupt a call before each of its instructions
 *
 * main.c     jobs, each in a process of its own; the table; the watchdog
 * attempt.c  one call, interrupted at one point
 * trap.c     a call's path through the text, and how to stop it at a point of it
 * scene.c    the state before a call, and what must hold after
 * cast.c     who is interrupted, and by whom
 */
#ifndef NMI_H
#define NMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpfstream.h"
#include "path.h"

#define NMI_DEPTH	6u		/* handlers on top of each other; more than BSP_LEVELS */
#define NMI_TEXT	1024u		/* bytes of a message, or of a scene's text */
#define NMI_ERRNO	0x5a5a		/* no errno that anybody sets */

/* ---- main.c: what a job tells the process that watches it ---- */

/*
 * @pc: where the call stood still, in its turn or for good
 * @where: instruction that was interrupted
 * @beat: changes as long as there is progress
 * @why: what went wrong
 */
struct nmi_report {
	uintptr_t pc;
	uintptr_t where;
	uint64_t beat;
	uint64_t points;
	uint64_t injections;
	uint64_t missed;
	uint32_t point;
	char why[512];
};

extern struct nmi_report *nmi_report;

_Noreturn void nmi_fail(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

/* ---- trap.c ---- */

bool nmi_path_usable(void);
void nmi_path_init(void);
void nmi_call(void (*fn)(void));
void nmi_path_record(struct path *path, void (*fn)(void));
void nmi_arm(const struct path *path, uint32_t point, void (*then)(void));
bool nmi_disarm(void);

/* ---- cast.c ---- */

enum nmi_prog {
	NMI_ROOMY,	/* large */
	NMI_TIGHT,	/* a few lines large */
	NMI_TOLD,	/* the same, and losses are told in lines */
	NMI_NR_PROGS
};

/* What is special about a victim */
#define NMI_READS	0x01u	/* takes text; else it prints */
#define NMI_PRINTS	0x02u	/* prints text, and must succeed with it unless: */
#define NMI_REFUSED	0x04u	/* is refused unless a handler has made room */
#define NMI_THREAD	0x08u	/* each attempt in a new thread */
#define NMI_EFD_FULL	0x10u	/* the eventfd takes no more: write(2) fails with EAGAIN */
#define NMI_INVALID	0x20u	/* is refused for its format */
#define NMI_STARVED	0x40u	/* gets no page; with NMI_PRINTS: or the last one there is */

/*
 * @before: brings about the state
 * @run: what is interrupted
 * @text: what it prints; NULL for nothing
 * @messages: in @text; 0 means 1
 */
struct nmi_victim {
	const char *name;
	enum nmi_prog prog;
	uint32_t traits;
	void (*before)(void);
	void (*run)(void);
	size_t (*text)(char *to);
	unsigned int messages;
};

/*
 * @run: what a handler does at nesting depth @depth, 1 for the outermost
 * @text: what it prints; NULL for nothing
 * @messages: in @text
 */
struct nmi_handler {
	const char *name;
	void (*run)(unsigned int depth);
	size_t (*text)(char *to, unsigned int depth);
	unsigned int messages;
};

enum nmi_handler_nr {
	NMI_PRINTF,
	NMI_STAGE,
	NMI_DUMP,
	NMI_STAT,
	NMI_DUMP_ALL,
	NMI_NR_HANDLERS
};

extern const struct nmi_victim nmi_victims[];
extern const unsigned int nmi_nr_victims;
extern const struct nmi_handler nmi_handlers[NMI_NR_HANDLERS];

/* ---- scene.c ---- */

/* Where text ended up: with the victim, with the handlers' dumps, or in the last read. */
enum nmi_taker {
	NMI_BY_VICTIM,
	NMI_BY_DUMP,	/* the outermost handler's, then those on top of it */
	NMI_BY_END = NMI_BY_DUMP + NMI_DEPTH,
	NMI_NR_TAKERS
};

struct nmi_taken {
	size_t len;
	char text[2 * NMI_TEXT];
};

/*
 * @ret: what the victim's call returned
 * @wrong: what a handler, or the context of the victim, found wrong; NULL for nothing
 * @by: the handler at each depth that was run, @handler_ret: what its call returned
 * @reached: how deep it went
 * @pending_seen: by a handler's stat
 */
struct nmi_now {
	struct bpfstream_prog *prog;
	const struct nmi_victim *victim;
	long ret;
	const char *wrong;
	unsigned int reached;
	const struct nmi_handler *by[NMI_DEPTH + 1];
	long handler_ret[NMI_DEPTH + 1];
	uint64_t pending_seen;
	int dump_fd[NMI_DEPTH + 1];
	int drain_fd;
	struct nmi_taken taken[NMI_NR_TAKERS];
};

extern struct nmi_now nmi_now;

void nmi_scene_init(void);
void nmi_scene_set(const struct nmi_victim *victim);
void nmi_scene_drain(void);
int nmi_scene_judge(void);
void nmi_scene_lay(const char *text);
void nmi_scene_lose(const char *text);
void nmi_scene_loss_line(const char *line);
void nmi_scene_fill(size_t room);
void nmi_scene_starve(unsigned int left);
void nmi_scene_above(void (*fn)(void));

/* ---- attempt.c ---- */

void nmi_attempt_init(const struct nmi_victim *victim);
int nmi_attempt(const struct path *path, uint32_t point, enum nmi_handler_nr by);
void nmi_attempt_record(struct path *path);
void nmi_attempt_record_inner(const struct path *path, uint32_t point, enum nmi_handler_nr by,
			      struct path *inner);
void nmi_attempt_nested(const struct path *path, uint32_t point, enum nmi_handler_nr by,
			const struct path *inner, uint32_t inner_point,
			enum nmi_handler_nr inner_by, unsigned int depth);

#endif
