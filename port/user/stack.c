// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stack.c - who is running, and how it got here
 *
 * Everything here may run in the handler of a crash: the stack that is walked, and all of the
 * process's memory but our own, may be broken.
 *
 * Invariants
 *   I1  What a frame record points to is read through bsp_peek() only.
 *   I2  A walk ends: BSP_MAX_FRAMES at most. Records of one stack lie ever higher; only once may
 *       the next be lower, where a handler's own stack is left for the interrupted one.
 *   I3  Our stack use is small and does not depend on the depth: what is gathered lies in a page
 *       from the arena, taken at a nesting level of our own. Its first words are left alone, so
 *       whoever finds that level abandoned (longjmp) can give the page back. Only the
 *       descriptor of the maps file is lost then.
 *   I4  No page, no /proc or no descriptor cost names, not the trace.
 *
 * A call leaves a frame record: { caller's record, return address }. A signal leaves none of the
 * interrupted function, whose address is in the ucontext that the kernel has put on the stack.
 * It is found by the code that the handler returns to, and believed only if its frame pointer is
 * the one in the chain.
 *
 * Names are of mapped files: an image is a run of mappings of one file that go on where the one
 * before ends in the file, or in its last page, or later; so a file that is mapped twice has two.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "peek.h"
#include "slot.h"
#include "stack.h"

#define MAX_IMAGES	32u
#define NO_IMAGE	255u
#define MAX_NAME	265u	/* NAME_MAX and " (deleted)" */
#define MAX_COMM	16u
#define HEADER_ROOM	80u
#define RAW_ROOM	20u

/* ---- text; the caller has room ---- */

static char *add(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}

static char *add_str(char *to, const char *text)
{
	return add(to, text, strlen(text));
}

/* At least @digits of them, 16 at most. */
static char *add_hex(char *to, u64 value, unsigned int digits)
{
	while (digits < 16 && value >> (4 * digits))
		digits++;
	while (digits--)
		*to++ = "0123456789abcdef"[value >> (4 * digits) & 15];
	return to;
}

static char *add_dec(char *to, s64 value)
{
	char digits[20];
	size_t n = sizeof(digits);
	u64 rest = value < 0 ? 0 - (u64)value : (u64)value;

	if (value < 0)
		*to++ = '-';
	do {
		digits[--n] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	return add(to, digits + n, sizeof(digits) - n);
}

/* ---- the walk ---- */

/*
 * @record: address of the frame record to be read next, 0 at the end
 * @interrupted: address to be told before it, 0 for none
 * @left: addresses that may still be told
 * @switched: a stack has been left
 */
struct walk {
	uintptr_t record;
	uintptr_t interrupted;
	unsigned int left;
	bool switched;
};

static bool peek_word(uintptr_t addr, uintptr_t *word)
{
	return bsp_peek(word, (const void *)addr, sizeof(*word)) == sizeof(*word);
}

#if defined(__x86_64__)

#define HAVE_RECORDS	true
#define UC_FP		offsetof(ucontext_t, uc_mcontext.gregs[REG_RBP])
#define UC_PC		offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP])

/* mov $15, %rax; syscall: rt_sigreturn */
static const unsigned char restorer[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };

static uintptr_t code_of(uintptr_t ret)
{
	return ret;
}

/* The ucontext lies above the return address that the handler was entered with. */
static bool ucontext_of(uintptr_t record, uintptr_t caller, uintptr_t *uc, uintptr_t *fp)
{
	*uc = record + 2 * sizeof(uintptr_t);
	*fp = caller;
	return true;
}

#elif defined(__aarch64__)

#define HAVE_RECORDS	true
#define UC_FP		offsetof(ucontext_t, uc_mcontext.regs[29])
#define UC_PC		offsetof(ucontext_t, uc_mcontext.pc)

/* mov x8, #139; svc #0: rt_sigreturn */
static const unsigned char restorer[] = { 0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4 };

/* A return address may be signed; xpaclri, a no-op to older processors, takes that off. */
static uintptr_t code_of(uintptr_t ret)
{
	register uintptr_t lr __asm__("x30") = ret;

	__asm__ volatile("hint #7" : "+r"(lr));
	return lr;
}

/* The kernel puts a record of the interrupted function right above siginfo and ucontext. */
static bool ucontext_of(uintptr_t record, uintptr_t caller, uintptr_t *uc, uintptr_t *fp)
{
	(void)record;
	*uc = caller - sizeof(ucontext_t);
	return peek_word(caller, fp);
}

#else

#define HAVE_RECORDS	false	/* no frame records that we know of: an empty trace */
#define UC_FP		0u
#define UC_PC		0u

static const unsigned char restorer[1];

static uintptr_t code_of(uintptr_t ret)
{
	return ret;
}

static bool ucontext_of(uintptr_t record, uintptr_t caller, uintptr_t *uc, uintptr_t *fp)
{
	(void)record, (void)caller, (void)uc, (void)fp;
	return false;
}

#endif

/* Where a signal came, if @pc is what its handler returns to; else 0. */
static uintptr_t interrupted_at(uintptr_t record, uintptr_t caller, uintptr_t pc)
{
	unsigned char code[sizeof(restorer)];
	uintptr_t uc, fp, uc_fp, uc_pc;

	if (bsp_peek(code, (const void *)pc, sizeof(code)) != sizeof(code) ||
	    memcmp(code, restorer, sizeof(code)) || !ucontext_of(record, caller, &uc, &fp) ||
	    !peek_word(uc + UC_FP, &uc_fp) || uc_fp != fp || !peek_word(uc + UC_PC, &uc_pc))
		return 0;
	return uc_pc;
}

static uintptr_t follow(struct walk *w, uintptr_t next)
{
	if (next > w->record)
		return next;
	if (next == w->record || w->switched)
		return 0;
	w->switched = true;
	return next;
}

static void walk_begin(struct walk *w, const void *frame)
{
	w->record = HAVE_RECORDS ? (uintptr_t)frame : 0;
	w->interrupted = 0;
	w->left = BSP_MAX_FRAMES;
	w->switched = false;
}

/* The next address, innermost first; false at the end. */
static bool walk_next(struct walk *w, u64 *pc)
{
	uintptr_t record[2];

	if (!w->left)
		return false;
	w->left--;
	if (w->interrupted) {
		*pc = w->interrupted;
		w->interrupted = 0;
		return true;
	}
	if (!w->record || w->record % sizeof(uintptr_t) ||
	    bsp_peek(record, (const void *)w->record, sizeof(record)) != sizeof(record) ||
	    !record[1])
		return false;
	*pc = code_of(record[1]);
	w->interrupted = interrupted_at(w->record, record[0], (uintptr_t)*pc);
	w->record = follow(w, record[0]);
	return true;
}

/* ---- names ---- */

/* Fields of a line of /proc/self/maps, in order; a name may follow. */
enum field {
	FIELD_START,
	FIELD_END,
	FIELD_MODE,
	FIELD_OFFSET,
	FIELD_MAJOR,
	FIELD_MINOR,
	FIELD_INODE,
	NR_FIELDS
};

struct image {
	u64 start;
	u64 end;
	u16 name;
	u16 name_len;
};

/*
 * What does not go on the stack.
 * @page: left alone (I3)
 * @pc: the trace; @image: index of the image of each
 * @nr_pcs, @nr_images: how many
 * @names_len: bytes of @names in use; the line's name is written behind them
 * @num, @field, @name_len: the line being read
 * @run: fields of the last line of the run of mappings that is being read
 * @run_start: where the run began
 * @run_image: its image, or NO_IMAGE as long as no address is in it
 * @buf: of the maps file; then of the line being written
 */
struct scratch {
	struct bpfstream_page page;
	u64 pc[BSP_MAX_FRAMES];
	unsigned char image[BSP_MAX_FRAMES];
	struct image images[MAX_IMAGES];
	u32 nr_pcs;
	u32 nr_images;
	u32 names_len;
	u32 field;
	u32 name_len;
	u32 run_image;
	u64 num[NR_FIELDS];
	u64 run[NR_FIELDS];
	u64 run_start;
	char buf[1024];
	char names[1280];
};

static_assert(sizeof(struct scratch) <= BSP_PAGE_SIZE, "the scratch is one page");
static_assert(MAX_NAME + 64 < sizeof(((struct scratch *)NULL)->buf), "a frame's line fits");

static void line_begin(struct scratch *s)
{
	memset(s->num, 0, sizeof(s->num));
	s->field = FIELD_START;
	s->name_len = 0;
}

/* The file's base name; escapes stay as the kernel writes them. */
static void name_char(struct scratch *s, char c)
{
	if (c == '/')
		s->name_len = 0;
	else if ((c != ' ' || s->name_len) && s->name_len < MAX_NAME &&
		 s->names_len + s->name_len < sizeof(s->names))
		s->names[s->names_len + s->name_len++] = c;
}

static bool run_goes_on(const struct scratch *s)
{
	u64 end = s->run[FIELD_OFFSET] + s->run[FIELD_END] - s->run[FIELD_START];

	return s->num[FIELD_INODE] && s->num[FIELD_INODE] == s->run[FIELD_INODE] &&
	       s->num[FIELD_MINOR] == s->run[FIELD_MINOR] &&
	       s->num[FIELD_MAJOR] == s->run[FIELD_MAJOR] &&
	       s->num[FIELD_OFFSET] + getauxval(AT_PAGESZ) >= end;
}

static u32 image_add(struct scratch *s)
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	const char *name = s->names + s->names_len;
	struct image *image = &s->images[s->nr_images];

	if (s->nr_images == MAX_IMAGES || !s->name_len)
		return NO_IMAGE;
	if (s->name_len > tail && !memcmp(name + s->name_len - tail, deleted, tail))
		s->name_len -= (u32)tail;
	image->start = s->run_start;
	image->name = (u16)s->names_len;
	image->name_len = (u16)s->name_len;
	s->names_len += s->name_len;
	return s->nr_images++;
}

/* A mapping is known: does it belong to the run, and is one of our addresses in it? */
static void line_end(struct scratch *s)
{
	u32 i;

	if (!s->num[FIELD_INODE] && !s->name_len)
		return;		/* nobody's memory may lie between the mappings of a file */
	if (!run_goes_on(s)) {
		s->run_start = s->num[FIELD_START];
		s->run_image = NO_IMAGE;
	}
	memcpy(s->run, s->num, sizeof(s->run));
	for (i = 0; i < s->nr_pcs; i++) {
		if (s->pc[i] < s->num[FIELD_START] || s->pc[i] >= s->num[FIELD_END])
			continue;
		if (s->run_image == NO_IMAGE)
			s->run_image = image_add(s);
		s->image[i] = (unsigned char)s->run_image;
	}
	if (s->run_image != NO_IMAGE)
		s->images[s->run_image].end = s->num[FIELD_END];
}

static unsigned int digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

/* All numbers are read as hexadecimal: the decimal one, the inode, is only compared. */
static void maps_char(struct scratch *s, char c)
{
	static const char ends[NR_FIELDS + 1] = "-   :  ";

	if (c == '\n') {
		line_end(s);
		line_begin(s);
	} else if (s->field == NR_FIELDS) {
		name_char(s, c);
	} else if (c == ends[s->field]) {
		s->field++;
	} else if (s->field != FIELD_MODE) {
		s->num[s->field] = s->num[s->field] << 4 | digit(c);
	}
}

/* Raw calls: those of libc are cancellation points, and sanitizers act in them. */
static bool read_maps(struct scratch *s, const char *path)
{
	long fd = syscall(SYS_openat, (long)AT_FDCWD, path, (long)(O_RDONLY | O_CLOEXEC), 0L);
	bool any = false;
	long n, i;

	if (fd < 0)
		return false;
	line_begin(s);
	for (;;) {
		n = syscall(SYS_read, fd, s->buf, sizeof(s->buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		any = true;
		for (i = 0; i < n; i++)
			maps_char(s, s->buf[i]);
	}
	syscall(SYS_close, fd);
	return any;
}

static void find_names(struct scratch *s)
{
	memset(s->image, NO_IMAGE, sizeof(s->image));
	s->nr_images = 0;
	s->names_len = 0;
	s->run_image = NO_IMAGE;
	memset(s->run, 0, sizeof(s->run));
	/* The first has no maps once the process's first thread has ended. */
	if (!read_maps(s, "/proc/self/maps"))
		(void)read_maps(s, "/proc/thread-self/maps");
}

/* ---- the lines ---- */

static int push(struct bpfstream_staged *stage, const char *from, const char *end)
{
	return bpfstream_staged_push(stage, from, (size_t)(end - from));
}

static int __attribute__((__noinline__)) push_header(struct bpfstream_staged *stage)
{
	char comm[MAX_COMM] = "";
	char line[HEADER_ROOM];
	char *end;
	int cpu = -1;

	(void)syscall(SYS_getcpu, &cpu, NULL, NULL);
	(void)syscall(SYS_prctl, (long)PR_GET_NAME, comm, 0L, 0L, 0L);
	end = add_dec(add_str(line, "CPU: "), cpu);
	end = add_dec(add_str(end, " UID: "), (s64)(uid_t)syscall(SYS_geteuid));
	end = add_dec(add_str(end, " PID: "), (s64)bsp_asktid());
	end = add(add_str(end, " Comm: "), comm, strnlen(comm, sizeof(comm) - 1));
	*end++ = '\n';
	return push(stage, line, end);
}

static int push_raw(struct bpfstream_staged *stage, u64 pc)
{
	char line[RAW_ROOM];
	char *end = add_hex(add_str(line, "0x"), pc, 16);

	*end++ = '\n';
	return push(stage, line, end);
}

static int push_named(struct bpfstream_staged *stage, struct scratch *s, u64 pc,
		      const struct image *image)
{
	char *end = add(s->buf, s->names + image->name, image->name_len);

	end = add_hex(add_str(end, "+0x"), pc - image->start, 1);
	end = add_hex(add_str(end, "/0x"), image->end - image->start, 1);
	*end++ = '\n';
	return push(stage, s->buf, end);
}

static int push_frames(struct bpfstream_staged *stage, const void *frame, struct scratch *s)
{
	struct walk w;
	int err = 0;
	u32 i;

	walk_begin(&w, frame);
	s->nr_pcs = 0;
	while (walk_next(&w, &s->pc[s->nr_pcs]))
		s->nr_pcs++;
	find_names(s);
	for (i = 0; i < s->nr_pcs && !err; i++)
		err = s->image[i] == NO_IMAGE ? push_raw(stage, s->pc[i]) :
		      push_named(stage, s, s->pc[i], &s->images[s->image[i]]);
	return err;
}

static int push_raw_frames(struct bpfstream_staged *stage, const void *frame)
{
	struct walk w;
	int err = 0;
	u64 pc;

	walk_begin(&w, frame);
	while (!err && walk_next(&w, &pc))
		err = push_raw(stage, pc);
	return err;
}

static int __attribute__((__noinline__))
push_trace(struct bpfstream_staged *stage, const void *frame)
{
	unsigned long flags;
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&flags);	/* I3: only for its level */
	struct bpfstream_page *page = bsp_page_alloc_for(cpu);
	int err;

	if (page) {
		err = push_frames(stage, frame, (struct scratch *)page);
		bsp_page_free(page);
	} else {
		err = push_raw_frames(stage, frame);
	}
	if (cpu)
		bsp_cpu_leave(cpu, flags);
	return err;
}

/**
 * bsp_dump_stack_from() - add who is running and the call trace from a given frame
 * @stage: group
 * @frame: innermost frame record; need not be one, nor readable
 *
 * Context: any; errno is kept. Some ten system calls, four a frame, one a KiB of the maps file.
 * Return: 0; -ENOMEM no page, the rest is not tried. Lines added before stay.
 */
int bsp_dump_stack_from(struct bpfstream_staged *stage, const void *frame)
{
	static const char title[] = "Call trace:\n";
	int saved = errno;
	int err = push_header(stage);

	if (!err)
		err = bpfstream_staged_push(stage, title, sizeof(title) - 1);
	if (!err)
		err = push_trace(stage, frame);
	if (!err)
		err = bpfstream_staged_push(stage, "\n", 1);
	errno = saved;
	return err;
}

/**
 * bsp_dump_stack() - add who is running and how it got here
 * @stage: group
 *
 * The first address of the trace is the caller's.
 *
 * Context: any; errno is kept.
 * Return: 0; -ENOMEM no page, the rest is not tried. Lines added before stay.
 */
__attribute__((__noinline__)) int bsp_dump_stack(struct bpfstream_staged *stage)
{
	int err = bsp_dump_stack_from(stage, __builtin_frame_address(0));

	bsp_barrier();	/* no tail call: it would give the frame away */
	return err;
}
