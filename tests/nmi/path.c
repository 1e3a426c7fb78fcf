// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * path.c - the way a call takes through the text, and how to stop it at a point of it
 *
 * A path is recorded once, with the processor's trap flag: a signal an instruction. To stop at a
 * point of it, a breakpoint (int3) is planted there. In a loop that would stop at the first
 * round, so the way leads over other points: each breakpoint, when hit, is taken out and the next
 * one planted, which is not passed in between. A single step costs several times a breakpoint
 * here, so none is made.
 *
 * Invariants
 *   I1  One breakpoint at most is planted. None is while a handler of ours runs, so the test
 *       and the library may share functions.
 *   I2  The library's text, libc's included if linked into the program, is all that is recorded.
 *
 * The instruction after a system call gets no trap of its own on some kernels; it is filled in.
 * A repeated string instruction counts once: a breakpoint cannot stop it half way.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "nmi.h"

#define TRAP_FLAG	0x100
#define INT3		0xcc
#define BLOCK		256u	/* points whose least number of hops is remembered together */

extern const char __executable_start[], etext[];

/* What the trap handler is to do; shared with it, and only changed while nothing is armed. */
static struct {
	struct nmi_path *volatile recording;
	volatile uintptr_t entry;	/* of the function that is recorded */
	volatile uintptr_t entry_sp;	/* stack pointer there, 0 before */
	volatile uintptr_t planted;
	volatile unsigned char instead;	/* the byte the breakpoint stands in for */
	volatile uint32_t left;		/* breakpoints after this one */
	void (*volatile then)(void);
} trap;

static const struct nmi_path *way;
static uint32_t stops[NMI_PATH_MAX];	/* the last one first */
static uint32_t *last_visit;		/* of each byte of the text: index + 1; zeros at rest */

static size_t text_offset(uintptr_t pc)
{
	return pc - (uintptr_t)__executable_start;
}

static bool in_text(uintptr_t pc)
{
	return pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
}

static bool is_syscall(uintptr_t pc)
{
	const unsigned char *code = (const unsigned char *)pc;

	return code[0] == 0x0f && code[1] == 0x05;
}

static void append(struct nmi_path *path, uintptr_t pc)
{
	if (path->nr == NMI_PATH_MAX)
		nmi_fail("the call has more than %u instructions", NMI_PATH_MAX);
	path->point[path->nr++].pc = pc;
}

/* An instruction is about to be executed. Returns false behind the end of the function. */
static bool record(struct nmi_path *path, uintptr_t pc, uintptr_t sp)
{
	uintptr_t before = path->nr ? path->point[path->nr - 1].pc : 0;

	nmi_report->beat++;
	if (!trap.entry_sp) {
		if (pc != trap.entry)
			return true;
		trap.entry_sp = sp;
	}
	if (sp > trap.entry_sp)
		return false;
	if (!in_text(pc) || pc == before)
		return true;
	if (before && is_syscall(before) && pc != before + 2)
		append(path, before + 2);
	append(path, pc);
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
	struct nmi_path *path = trap.recording;

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
void nmi_path_record(struct nmi_path *path, void (*fn)(void))
{
	path->nr = 0;
	trap.entry = (uintptr_t)fn;
	trap.entry_sp = 0;
	trap.recording = path;
	call_trapped(fn);
}

/* The point in (@after, @end) that takes the fewest hops to get to. */
static uint32_t least_hops(const struct nmi_path *path, const uint32_t *least, uint32_t after,
			   uint32_t end)
{
	const struct nmi_point *point = path->point;
	uint32_t best = end - 1;
	uint32_t i = end - 1;

	while (i-- > after + 1) {
		if ((i + 1) % BLOCK == 0 && i >= BLOCK && i - (BLOCK - 1) > after) {
			uint32_t of_block = least[i / BLOCK];

			if (point[of_block].hops < point[best].hops)
				best = of_block;
			i -= BLOCK - 1;
		} else if (point[i].hops < point[best].hops) {
			best = i;
		}
	}
	return best;
}

/**
 * nmi_path_link() - find the way to every point of a path
 * @path: recorded
 *
 * From a point p one can stop at q by a breakpoint, if q's instruction is not passed between them;
 * and p's own is not q's, for p's has to be executed.
 *
 * Context: process.
 */
void nmi_path_link(struct nmi_path *path)
{
	static uint32_t least[NMI_PATH_MAX / BLOCK];
	uint32_t i;

	for (i = 0; i < path->nr; i++) {
		struct nmi_point *point = &path->point[i];
		uint32_t *last = &last_visit[text_offset(point->pc)];

		if (!*last) {
			point->from = NMI_START;
			point->hops = 1;
		} else {
			point->from = least_hops(path, least, *last - 1, i);
			point->hops = path->point[point->from].hops + 1;
		}
		*last = i + 1;
		if (i % BLOCK == 0 || point->hops < path->point[least[i / BLOCK]].hops)
			least[i / BLOCK] = i;
	}
	for (i = 0; i < path->nr; i++)
		last_visit[text_offset(path->point[i].pc)] = 0;
}

/**
 * nmi_arm() - have the next run of a path stop at a point
 * @path: linked; stays as it is until nmi_disarm()
 * @point: where
 * @then: called there, in the signal's handler
 *
 * Context: any, once the last one armed was hit or disarmed.
 */
void nmi_arm(const struct nmi_path *path, uint32_t point, void (*then)(void))
{
	uint32_t nr = 0;

	for (; point != NMI_START; point = path->point[point].from)
		stops[nr++] = point;
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
	static struct nmi_path path;
	uint64_t before = nmi_report->injections;
	bool reached;

	nmi_path_record(&path, nothing);
	if (path.nr < 5)
		return false;
	nmi_path_link(&path);
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
	last_visit = calloc((size_t)(etext - __executable_start), sizeof(*last_visit));
	if (!last_visit)
		nmi_fail("no memory");
	sigaction(SIGTRAP, &action, NULL);
}
