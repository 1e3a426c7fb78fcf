// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trap.c - a call's path, recorded by the processor's trap flag, and breakpoints on it
 *
 * A path (tests/common/path.c) is recorded once: a signal an instruction. A single step costs
 * several times a breakpoint (int3) here, so later none is made.
 *
 * Invariants
 *   I1  One breakpoint at most is planted. None is while a handler of ours runs, so the test
 *       and the library may share functions.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "nmi.h"

#define TRAP_FLAG	0x100
#define INT3		0xcc

extern const char __executable_start[], etext[];

/* What the trap handler is to do; shared with it, and only changed while nothing is armed. */
static struct {
	struct path *volatile recording;
	volatile uintptr_t entry;	/* of the function that is recorded */
	volatile uintptr_t entry_sp;	/* stack pointer there, 0 before */
	volatile uintptr_t planted;
	volatile unsigned char instead;	/* the byte the breakpoint stands in for */
	volatile uint32_t left;		/* breakpoints after this one */
	void (*volatile then)(void);
} trap;

static const struct path *way;
static uint32_t stops[PATH_MAX_POINTS];	/* the last one first */

/* An instruction is about to be executed. Returns false behind the end of the function. */
static bool record(struct path *path, uintptr_t pc, uintptr_t sp)
{
	nmi_report->beat++;
	if (!trap.entry_sp) {
		if (pc != trap.entry)
			return true;
		trap.entry_sp = sp;
	}
	if (sp > trap.entry_sp)
		return false;
	if (!path_note(path, pc))
		nmi_fail("the call has more than %u instructions", PATH_MAX_POINTS);
	return true;
}

static void plant(uintptr_t pc)
{
	volatile unsigned char *code = (volatile unsigned char *)pc;

	trap.planted = pc;
	trap.instead = *code;
	*code = INT3;
}

static void take_out(void)
{
	*(volatile unsigned char *)trap.planted = trap.instead;
	trap.planted = 0;
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t pc = (uintptr_t)regs[REG_RIP];
	struct path *path = trap.recording;

	(void)sig, (void)info;
	if (path) {
		if (!record(path, pc, (uintptr_t)regs[REG_RSP])) {
			trap.recording = NULL;
			regs[REG_EFL] &= ~TRAP_FLAG;
		}
		return;
	}
	if (pc - 1 != trap.planted)
		nmi_fail("a trap that nobody set at %#lx", (unsigned long)pc);
	take_out();
	regs[REG_RIP]--;
	if (trap.left) {
		plant(way->point[stops[--trap.left]].pc);
		return;
	}
	nmi_report->injections++;
	trap.then();
}

/**
 * nmi_call() - call a function on a stack that begins where a page does
 * @fn: function
 *
 * libc's memset() and its kin go another way where an address is close to a page's end. So the
 * way to be noted and the ways to be interrupted are the same wherever the stack is.
 *
 * Context: any.
 */
void __attribute__((__noinline__)) nmi_call(void (*fn)(void))
{
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "sub $4096, %%rsp\n\t"
			 "and $-4096, %%rsp\n\t"
			 "call *%0\n\t"
			 "mov %%rbx, %%rsp"
			 : : "r"(fn)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc", "memory");
}

static void __attribute__((__noinline__)) call_trapped(void (*fn)(void))
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "orq %0, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp" : : "i"(TRAP_FLAG) : "memory", "cc");
	nmi_call(fn);
	__asm__ volatile("" : : : "memory");
}

/**
 * nmi_path_record() - run a function and write down its instructions
 * @path: filled in
 * @fn: function
 *
 * Context: any but under an armed breakpoint.
 */
void nmi_path_record(struct path *path, void (*fn)(void))
{
	path->nr = 0;
	trap.entry = (uintptr_t)fn;
	trap.entry_sp = 0;
	trap.recording = path;
	call_trapped(fn);
}

/**
 * nmi_arm() - have the next run of a path stop at a point
 * @path: linked; stays as it is until nmi_disarm()
 * @point: where
 * @then: called there, in the signal's handler
 *
 * Context: any, once the last one armed was hit or disarmed.
 */
void nmi_arm(const struct path *path, uint32_t point, void (*then)(void))
{
	uint32_t nr = path_stops(path, point, stops);

	way = path;
	trap.then = then;
	trap.left = nr - 1;
	plant(path->point[stops[nr - 1]].pc);
}

/**
 * nmi_disarm() - take out what was not hit
 *
 * Context: any.
 * Return: true if there was nothing left: the point was reached.
 */
bool nmi_disarm(void)
{
	if (!trap.planted)
		return true;
	take_out();
	return false;
}

static void __attribute__((__noinline__)) nothing(void)
{
	__asm__ volatile("nop\n\tnop\n\tnop\n\tnop");
}

static void noted(void)
{
}

/**
 * nmi_path_usable() - whether instructions can be trapped and breakpoints planted here
 *
 * Context: process, in a process that may die of it; after nmi_path_init().
 */
bool nmi_path_usable(void)
{
	static struct path path;
	uint64_t before = nmi_report->injections;
	bool reached;

	nmi_path_record(&path, nothing);
	if (path.nr < 5)
		return false;
	if (!path_link(&path))
		return false;
	nmi_arm(&path, 2, noted);
	nothing();
	reached = nmi_disarm();
	return reached && nmi_report->injections == before + 1;
}

/**
 * nmi_path_init() - make the text writable, and traps ours
 *
 * Context: process; a child of fork inherits it.
 */
void nmi_path_init(void)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)__executable_start & ~(page - 1);
	uintptr_t to = ((uintptr_t)etext + page - 1) & ~(page - 1);

	if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE | PROT_EXEC))
		nmi_fail("the text cannot be made writable: %s", strerror(errno));
	sigaction(SIGTRAP, &action, NULL);
}
