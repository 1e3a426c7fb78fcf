// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_slot.c - a thread's slot: who gets it, who gets it next, and what is found again
 *
 * What the shim promises is in contract/test_cpus.c. Here are the states that a promise rests on,
 * made by hand, and interruptions at the points where once something went wrong.
 *
 * The linker's --wrap puts __wrap_syscall() between the port and the kernel, so that a handler can
 * come where a claim or a reap asks for the thread's id. A frame is left, as by longjmp, by
 * overwriting its flags: that holds under tools that keep dead frames as they were.
 */
#include "fixture.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "slot.h"
#include "stream.h"

#define OUT		BPFSTREAM_STDOUT
#define ALL_SLOTS	(1u << 15)
#define REAPING		0x80000000u
#define DEEPEST		(BSP_LEVELS - 1)

static struct bpfstream_prog *prog_of(void **state)
{
	return ((struct fixture *)*state)->prog;
}

/* ---- the kernel's part ---- */

static __thread void (*in_gettid)(void *arg);
static __thread void *in_gettid_arg;
static __thread bool tgkill_refused;
static bool silent;	/* nobody says what memory can be read */

long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* As on every machine that we know, the first arguments lie as if there were not more to come. */
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	void (*fn)(void *arg) = in_gettid;

	if (nr == SYS_gettid && fn) {
		in_gettid = NULL;
		fn(in_gettid_arg);
	}
	if (silent && (nr == SYS_process_vm_readv || nr == SYS_rt_sigprocmask)) {
		errno = EPERM;
		return -1;
	}
	if (nr == SYS_tgkill && tgkill_refused) {
		errno = EPERM;
		return -1;
	}
	return __real_syscall(nr, a, b, c, d, e, f);
}

static void interrupt_gettid(void (*fn)(void *arg), void *arg)
{
	in_gettid_arg = arg;
	in_gettid = fn;
}

/* ---- threads: what they run asserts nothing ---- */

/*
 * @fn: what to run
 * @prog: for @fn
 * @slot, @nested: slots that @fn got
 * @page: page that @fn was about to use
 * @fails: what @fn found wrong
 */
struct worker {
	void (*fn)(struct worker *w);
	struct bpfstream_prog *prog;
	struct bsp_slot *slot;
	struct bsp_slot *nested;
	struct bpfstream_page *page;
	u32 fails;
	u32 tid;
	pthread_t id;
	pthread_barrier_t *stay;
};

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	w->tid = bsp_asktid();
	w->fn(w);
	return NULL;
}

static bool is_gone(void *arg)
{
	int saved = errno;
	bool gone = __real_syscall(SYS_tgkill, getpid(), *(u32 *)arg, 0, 0, 0, 0) && errno == ESRCH;

	errno = saved;
	return gone;
}

static void start(struct worker *w)
{
	assert_int_equal(pthread_create(&w->id, NULL, worker_main, w), 0);
}

/* A thread that was joined may live on in the kernel for a moment. */
static void finish(struct worker *w)
{
	assert_int_equal(pthread_join(w->id, NULL), 0);
	assert_true(fixture_soon(is_gone, &w->tid));
}

static void run(struct worker *w, void (*fn)(struct worker *w), void **state)
{
	*w = (struct worker){ .fn = fn, .prog = prog_of(state) };
	start(w);
	finish(w);
	assert_int_equal(w->fails, 0);
}

static void claim(struct worker *w)
{
	w->slot = bsp_slot_self();
}

static void claim_and_stay(struct worker *w)
{
	w->fails += bpfstream_write(w->prog, OUT, "alive\n", 6) != 0;
	w->slot = bsp_slot_self();
	pthread_barrier_wait(w->stay);
	pthread_barrier_wait(w->stay);
	w->fails += bsp_slot_self() != w->slot;
}

/* ---- claims ---- */

static u32 slots_of(u32 tid)
{
	struct bsp_slot *slots = bsp_slot_self() - bsp_slot_index(bsp_slot_self());
	u32 i, n = 0;

	for (i = 0; i < 100; i++)
		n += bsp_load_relaxed(&slots[i].owner) == tid;
	return n;
}

static void claim_nested(void *arg)
{
	struct worker *w = arg;

	w->nested = bsp_slot_self();
}

static void claim_twice(struct worker *w)
{
	interrupt_gettid(claim_nested, w);
	w->slot = bsp_slot_self();
	w->fails += slots_of(w->tid) != 1;
	w->fails += bsp_slot_self() != w->slot;
}

static void a_thread_keeps_the_slot_that_a_handler_inside_its_claim_got(void **state)
{
	struct worker w;

	run(&w, claim_twice, state);
	assert_non_null(w.slot);
	assert_ptr_equal(w.slot, w.nested);
}

static void a_thread_is_known_by_the_kernels_id(void **state)
{
	struct worker w;

	run(&w, claim, state);
	assert_int_equal(w.slot->owner, w.tid);
	assert_int_equal(bsp_slot_owner(), getpid());
	assert_int_equal(bsp_gettid(), getpid());
}

static void print_without_slot(struct worker *w)
{
	unsigned long flags;

	w->slot = bsp_slot_self();
	w->fails += bsp_cpu_enter(&flags) != NULL;
	w->fails += bsp_gettid() != w->tid;
	w->fails += bsp_slot_owner() != 0;
	bsp_slot_dump_begin();
	w->fails += bsp_slot_dumps();
	bsp_slot_dump_end();
	w->fails += bpfstream_printf(w->prog, OUT, "slotless %d\n", 1) != 0;
}

static void a_thread_for_which_there_is_no_slot_prints_all_the_same(void **state)
{
	struct bsp_slot *self = bsp_slot_self();
	struct bsp_slot *slots = self - bsp_slot_index(self);
	struct worker w;

	bsp_slots_reap();
	bsp_slots_init(slots, bsp_slot_index(self) + 1);
	run(&w, print_without_slot, state);
	assert_null(w.slot);
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	assert_reads(&prog_of(state)->stream[0], "slotless 1\n");
	assert_no_page_adrift();
	bsp_slots_init(slots, ALL_SLOTS);
	run(&w, claim, state);
	assert_non_null(w.slot);
}

/* ---- threads that ended ---- */

/* All that a slot can tell of its thread. */
static void leave_traces(struct worker *w)
{
	static __thread unsigned long flags[BSP_LEVELS];
	u32 n;

	w->slot = bsp_slot_self();
	for (n = 0; n < BSP_LEVELS; n++) {
		w->fails += bpfstream_write(w->prog, OUT, "x", 1) != 0;
		w->fails += bsp_cpu_enter(&flags[n]) == NULL;
	}
	w->slot->rcu = true;
	bsp_slot_dump_begin();
}

static void a_slot_tells_its_next_thread_nothing_of_the_last(void **state)
{
	struct worker w;
	u32 n;

	run(&w, leave_traces, state);
	assert_int_equal(fixture_levels(w.slot), BSP_LEVELS);
	assert_int_equal(bsp_slots_reap(), 1);
	assert_int_equal(w.slot->owner, 0);
	assert_int_equal(fixture_levels(w.slot), 0);
	assert_false(w.slot->rcu);
	assert_int_equal(w.slot->dumps, 0);
	for (n = 0; n < BSP_LEVELS; n++) {
		assert_null(w.slot->level[n].cpu.page);
		assert_null(w.slot->level[n].where);
	}
	assert_reads(&prog_of(state)->stream[0], "xxxx");
}

static void the_pages_of_all_a_dead_threads_levels_come_back(void **state)
{
	u32 before = bsp_slots_pages();
	struct worker w;

	run(&w, leave_traces, state);
	assert_int_equal(bsp_slots_pages(), before + BSP_LEVELS);
	assert_reads(&prog_of(state)->stream[0], "xxxx");
	assert_int_equal(bsp_arena_live(), before + BSP_LEVELS);
	assert_int_equal(bsp_slots_reap(), 1);
	assert_int_equal(bsp_arena_live(), before);
}

static void a_thread_that_lives_is_not_reaped(void **state)
{
	struct worker w = { .fn = claim_and_stay, .prog = prog_of(state) };
	pthread_barrier_t stay;
	u32 pages;

	bsp_slots_reap();
	pthread_barrier_init(&stay, NULL, 2);
	w.stay = &stay;
	start(&w);
	pthread_barrier_wait(&stay);
	pages = bsp_slots_pages();
	assert_int_equal(bsp_slots_reap(), 0);
	tgkill_refused = true;	/* as a sandbox may */
	assert_int_equal(bsp_slots_reap(), 0);
	tgkill_refused = false;
	assert_int_equal(w.slot->owner, w.tid);
	assert_int_equal(bsp_slots_pages(), pages);
	pthread_barrier_wait(&stay);
	finish(&w);
	assert_int_equal(w.fails, 0);
	pthread_barrier_destroy(&stay);
	assert_int_equal(bsp_slots_reap(), 1);
	assert_reads(&prog_of(state)->stream[0], "alive\n");
}

static void reap_nested(void *reaped)
{
	*(u32 *)reaped += bsp_slots_reap();
}

static void a_reap_inside_a_reap_takes_no_slot_twice(void **state)
{
	struct worker w;
	u32 nested = 0;

	run(&w, leave_traces, state);
	interrupt_gettid(reap_nested, &nested);
	assert_int_equal(bsp_slots_reap(), 0);
	assert_int_equal(nested, 1);
	assert_int_equal(w.slot->owner, 0);
	assert_reads(&prog_of(state)->stream[0], "xxxx");
	assert_no_page_adrift();
}

static void read_nothing(struct worker *w)
{
	char byte;

	w->fails += bpfstream_prog_read(w->prog, OUT, &byte, 1) != 0;
	w->fails += bpfstream_prog_read(w->prog, OUT, &byte, 1) != 0;
}

static void count_a_dump(struct worker *w)
{
	(void)w;
	bsp_slot_dump_begin();
	bsp_slot_dump_end();
}

static bool reap_one(void *reaped)
{
	*(u32 *)reaped += bsp_slots_reap();
	return *(u32 *)reaped;
}

static void wait_and_reap(struct worker *w)
{
	u32 reaped = 0;

	w->fails += !fixture_soon(reap_one, &reaped);
	w->fails += reaped != 1;
}

/* Nobody joins the one before the other is done: race detectors know of no order. */
static void reaped_by_a_stranger(void (*fn)(struct worker *w), void **state)
{
	struct worker dead = { .fn = fn, .prog = prog_of(state) };
	struct worker reaper = { .fn = wait_and_reap };

	bsp_slots_reap();
	start(&dead);
	start(&reaper);
	finish(&reaper);
	finish(&dead);
	assert_int_equal(reaper.fails, 0);
	assert_int_equal(dead.fails, 0);
}

static void a_thread_whose_last_call_was_a_read_is_reaped_by_another(void **state)
{
	reaped_by_a_stranger(read_nothing, state);
}

static void a_thread_whose_last_call_was_a_dump_is_reaped_by_another(void **state)
{
	reaped_by_a_stranger(count_a_dump, state);
}

static void begin_to_reap(struct worker *w)
{
	w->slot = bsp_slot_self();
	w->fails += bpfstream_write(w->prog, OUT, "x", 1) != 0;
	bsp_store_relaxed(&w->slot->owner, w->tid | REAPING);
}

static void what_a_thread_was_reaping_when_it_died_is_reaped(void **state)
{
	struct worker w;

	run(&w, begin_to_reap, state);
	assert_int_equal(bsp_slots_reap(), 1);
	assert_int_equal(w.slot->owner, 0);
	assert_reads(&prog_of(state)->stream[0], "x");
	assert_no_page_adrift();
}

static void a_slot_that_a_living_thread_reaps_is_left_to_it(void **state)
{
	struct worker dead, next;

	run(&dead, claim, state);
	dead.slot->owner = bsp_asktid() | REAPING;
	assert_int_equal(bsp_slots_reap(), 0);
	run(&next, claim, state);
	assert_ptr_not_equal(next.slot, dead.slot);
	dead.slot->owner = 0;
	assert_int_equal(bsp_slots_reap(), 1);
}

static void end_with_a_page_in_hand(struct worker *w)
{
	static __thread unsigned long flags[2];

	w->slot = bsp_slot_self();
	w->fails += bsp_cpu_enter(&flags[0]) == NULL;
	w->page = bsp_page_alloc_for(bsp_cpu_enter(&flags[1]));
	w->fails += !w->page;
}

static void a_page_that_a_dead_thread_had_just_taken_comes_back(void **state)
{
	struct worker w;

	run(&w, end_with_a_page_in_hand, state);
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	assert_int_equal(bsp_slots_reap(), 1);
	assert_no_page_adrift();
}

/* More than a page, so that the writer gives its first one up. */
static void print_past_a_page(struct worker *w)
{
	char text[5000];

	fixture_pattern(text, sizeof(text), 1);
	w->fails += bpfstream_write(w->prog, OUT, text, sizeof(text)) != 0;
}

static void reap_and_print(void *prog)
{
	assert_int_equal(bsp_slots_reap(), 1);
	assert_int_equal(bpfstream_write(prog, OUT, "next owner", 10), 0);
}

static void a_page_being_freed_is_not_freed_by_a_sweep_too(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	char text[5000];
	struct worker w;

	run(&w, print_past_a_page, state);
	fixture_at(BSP_POINT_PAGE_FREE, 0, reap_and_print, prog);
	assert_int_equal(bpfstream_prog_read(prog, OUT, text, sizeof(text)), 5000);
	assert_no_page_adrift();
	assert_int_equal(bpfstream_prog_read(prog, OUT, text, sizeof(text)), 10);
	assert_memory_equal(text, "next owner", 10);
}

static void print_a_line(struct worker *w)
{
	w->fails += bpfstream_write(w->prog, OUT, "left behind\n", 12) != 0;
}

/* Who takes a dead thread's pages may stop in the middle too. */
static void the_page_of_a_dead_thread_says_how_far_it_was_carved(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	const struct bpfstream_page *page;
	struct bpfstream_node *newest;
	struct worker w;

	run(&w, print_a_line, state);
	assert_int_equal(bsp_slots_reap(), 1);
	newest = bsp_link_ptr((bsp_link_t)prog->stream[0].log.word);
	page = (const void *)((uintptr_t)newest & ~((uintptr_t)BSP_PAGE_SIZE - 1));
	assert_int_equal(page->carved, sizeof(*page) + 24);
	assert_int_equal(page->ref, 24 / BPFSTREAM_GRAIN);
	assert_reads(&prog->stream[0], "left behind\n");
}

/* ---- levels ---- */

static void enter_all(unsigned long *flags, struct bpfstream_cpu **cpu)
{
	u32 n;

	for (n = 0; n < BSP_LEVELS; n++)
		cpu[n] = bsp_cpu_enter(&flags[n]);
	assert_non_null(cpu[BSP_LEVELS - 1]);
}

static void leave_all(const unsigned long *flags, struct bpfstream_cpu *const *cpu)
{
	u32 n;

	for (n = BSP_LEVELS; n--;)
		bsp_cpu_leave(cpu[n], flags[n]);
}

static void a_left_level_comes_back_from_under_those_in_use(void **state)
{
	unsigned long flags[BSP_LEVELS], again, more;
	struct bpfstream_cpu *cpu[BSP_LEVELS];

	(void)state;
	enter_all(flags, cpu);
	assert_null(bsp_cpu_enter(&again));
	flags[1] = 0;
	assert_ptr_equal(bsp_cpu_enter(&again), cpu[1]);
	assert_null(bsp_cpu_enter(&more));
	bsp_cpu_leave(cpu[1], again);
	assert_int_equal(fixture_levels(bsp_slot_self()), BSP_LEVELS - 1);
	assert_ptr_equal(bsp_cpu_enter(&flags[1]), cpu[1]);
	leave_all(flags, cpu);
}

static void a_level_left_where_memory_is_no_more_comes_back(void **state)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned long *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long flags[BSP_LEVELS];
	struct bpfstream_cpu *cpu;
	u32 n;

	fixture_jumps();
	(void)state;
	assert_true(stack != MAP_FAILED);
	for (n = 0; n < DEEPEST; n++)
		assert_non_null(bsp_cpu_enter(&flags[n]));
	cpu = bsp_cpu_enter(stack);
	munmap(stack, size);
	assert_ptr_equal(bsp_cpu_enter(&flags[DEEPEST]), cpu);
	for (n = BSP_LEVELS; n--;)
		bsp_cpu_leave(cpu - DEEPEST + n, flags[n]);
}

/* As in a sandbox that refuses both ways of asking. */
static void a_level_is_in_use_where_nobody_can_say(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long flags[BSP_LEVELS];
	struct bpfstream_cpu *cpu[BSP_LEVELS];
	u32 levels;
	int err;

	enter_all(flags, cpu);
	silent = true;
	err = bpfstream_write(prog, OUT, "past them", 9);
	silent = false;
	levels = fixture_levels(bsp_slot_self());
	leave_all(flags, cpu);
	assert_int_equal(err, 0);
	assert_int_equal(levels, BSP_LEVELS);
	assert_reads(&prog->stream[0], "past them");
}

static void a_frame_just_where_a_left_one_was_is_not_taken_for_it(void **state)
{
	unsigned long flags[BSP_LEVELS];
	struct bpfstream_cpu *cpu[BSP_LEVELS];

	(void)state;
	enter_all(flags, cpu);
	assert_ptr_equal(bsp_cpu_enter(&flags[DEEPEST]), cpu[DEEPEST]);
	leave_all(flags, cpu);
}

/* As by a handler that always leaves from the same depth of its stack: only the last is in doubt. */
static void leave_all_from_one_place(struct worker *w)
{
	unsigned long place, other[DEEPEST], more;
	u32 n;

	w->slot = bsp_slot_self();
	for (n = 0; n < BSP_LEVELS; n++)
		w->fails += bsp_cpu_enter(&place) != &w->slot->level[n].cpu;
	for (n = 0; n < DEEPEST; n++)
		w->fails += bsp_cpu_enter(&other[n]) != &w->slot->level[n].cpu;
	w->fails += bsp_cpu_enter(&more) != NULL;
}

static void levels_left_from_one_place_are_told_apart(void **state)
{
	struct worker w;

	run(&w, leave_all_from_one_place, state);
	assert_int_equal(bsp_slots_reap(), 1);
}

static void what_an_earlier_stay_left_on_the_stack_does_not_keep_a_level(void **state)
{
	unsigned long flags[BSP_LEVELS], earlier, again;
	struct bpfstream_cpu *cpu[BSP_LEVELS];

	(void)state;
	enter_all(flags, cpu);
	earlier = flags[DEEPEST];
	bsp_cpu_leave(cpu[DEEPEST], flags[DEEPEST]);
	assert_ptr_equal(bsp_cpu_enter(&flags[DEEPEST]), cpu[DEEPEST]);
	assert_null(bsp_cpu_enter(&again));
	flags[DEEPEST] = earlier;
	assert_ptr_equal(bsp_cpu_enter(&again), cpu[DEEPEST]);
	flags[DEEPEST] = again;
	leave_all(flags, cpu);
}

static void print_and_note_cpu(void *arg)
{
	unsigned long flags;

	*(struct bpfstream_cpu **)arg = bsp_cpu_enter(&flags);
	bsp_cpu_leave(*(struct bpfstream_cpu **)arg, flags);
}

/* Who comes before the frame is set uses the level, and is gone when it is. */
static void a_level_that_a_handler_used_on_the_way_in_is_taken_again(void **state)
{
	struct bsp_slot *slot = bsp_slot_self();
	unsigned long flags[BSP_LEVELS], more;
	struct bpfstream_cpu *in_handler = NULL;
	u32 n;

	(void)state;
	for (n = 0; n < BSP_LEVELS - 1; n++)
		assert_non_null(bsp_cpu_enter(&flags[n]));
	fixture_at(BSP_POINT_LEVEL, 0, print_and_note_cpu, &in_handler);
	assert_ptr_equal(bsp_cpu_enter(&flags[n]), &slot->level[n].cpu);
	assert_ptr_equal(in_handler, &slot->level[n].cpu);
	assert_int_equal(fixture_levels(slot), BSP_LEVELS);
	assert_null(bsp_cpu_enter(&more));
	for (n = BSP_LEVELS; n--;)
		bsp_cpu_leave(&slot->level[n].cpu, flags[n]);
}

static void a_level_that_comes_back_gives_its_page_in_hand_back(void **state)
{
	unsigned long flags[BSP_LEVELS];
	struct bpfstream_cpu *cpu[BSP_LEVELS];

	(void)state;
	enter_all(flags, cpu);
	assert_non_null(bsp_page_alloc_for(cpu[DEEPEST]));
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	flags[DEEPEST] = 0;
	assert_ptr_equal(bsp_cpu_enter(&flags[DEEPEST]), cpu[DEEPEST]);
	assert_no_page_adrift();
	leave_all(flags, cpu);
}

static void a_page_in_hand_below_a_level_that_comes_back_is_left_alone(void **state)
{
	unsigned long flags[BSP_LEVELS];
	struct bpfstream_cpu *cpu[BSP_LEVELS];
	struct bpfstream_page *page;

	(void)state;
	enter_all(flags, cpu);
	page = bsp_page_alloc_for(cpu[1]);
	assert_non_null(page);
	flags[DEEPEST] = 0;
	assert_ptr_equal(bsp_cpu_enter(&flags[DEEPEST]), cpu[DEEPEST]);
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	bsp_page_free(page);
	leave_all(flags, cpu);
}

static void a_page_of_its_own_is_not_the_deepest_levels_to_sweep(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream *s = &prog->stream[0];
	unsigned long flags[BSP_LEVELS], kept[BSP_LEVELS];
	struct bpfstream_cpu *cpu[BSP_LEVELS];
	struct bpfstream_out out;
	bool was_empty;

	enter_all(flags, cpu);
	memcpy(kept, flags, sizeof(kept));
	bpfstream_out_open(&out, s->capacity);
	assert_ptr_equal(out.cpu, &out.own);
	assert_int_equal(bpfstream_out_write(&out, "outer, ", 7), 0);
	flags[BSP_LEVELS - 1] = 0;	/* left, and only now overwritten */
	assert_int_equal(bpfstream_write(prog, OUT, "nested, ", 8), 0);
	assert_int_equal(bpfstream_write(prog, OUT, "nested, ", 8), 0);
	assert_int_equal(bpfstream_out_write(&out, "whole", 5), 0);
	assert_int_equal(bpfstream_publish_out(s, &out, 0, &was_empty), 0);
	leave_all(kept, cpu);
	assert_reads(s, "nested, nested, outer, whole");
}

static void a_page_taken_after_a_jump_is_not_the_left_levels_to_sweep(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long outer, left[BSP_LEVELS];
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&outer);
	struct bpfstream_page *page;
	u32 n;

	for (n = 1; n < BSP_LEVELS; n++)
		assert_non_null(bsp_cpu_enter(&left[n]));
	page = bsp_page_alloc_for(cpu);
	assert_non_null(page);
	for (n = 1; n < BSP_LEVELS; n++)
		left[n] = 0;
	assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	assert_int_equal(bsp_arena_live(), bsp_slots_pages() + 1);
	bsp_page_free(page);
	bsp_cpu_leave(cpu, outer);
	for (n = 1; n < BSP_LEVELS; n++)
		bsp_cpu_leave(&bsp_slot_self()->level[n].cpu, left[n]);
	assert_reads(&prog->stream[0], "x");
}

static sigjmp_buf back;

static void jump(void *arg)
{
	(void)arg;
	siglongjmp(back, 1);
}

static void jump_with_page(void *cpu)
{
	bsp_fault.countdown = -1;
	(void)!bsp_page_alloc_for(cpu);
	siglongjmp(back, 1);
}

/* Before the store that takes a level there is nothing to leave, after the one that gives it neither. */
static void a_jump_on_the_way_in_or_out_leaves_no_level(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	volatile u32 i;

	for (i = 0; i < 6 * BSP_LEVELS; i++) {
		fixture_at(BSP_POINT_LEVEL, i % 2, jump, NULL);
		if (!sigsetjmp(back, 1))
			(void)bpfstream_write(prog, OUT, "x", 1);
		assert_int_equal(fixture_levels(bsp_slot_self()), 0);
	}
	bsp_fault.countdown = -1;
	assert_reads(&prog->stream[0], "xxxxxxxxxxxx");
}

/* A handler with a message that it does not end: jumps with a page in hand, not its level's yet. */
static void print_and_jump(void *prog)
{
	struct bsp_slot *slot = bsp_slot_self();
	struct bpfstream_cpu *cpu = &slot->level[0].cpu;
	struct bpfstream_page *page = cpu->page;

	cpu->page = NULL;
	fixture_at(BSP_POINT_PAGE_ALLOC, 0, jump_with_page, cpu);
	if (!sigsetjmp(back, 1))
		(void)bpfstream_write(prog, OUT, "y", 1);
	cpu->page = page;
}

/* It used the level that we are about to take, and its frame is still there when we do. */
static void a_level_that_a_handler_used_and_left_on_the_way_in_is_swept(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	fixture_at(BSP_POINT_LEVEL, 0, print_and_jump, prog);
	assert_int_equal(bpfstream_write(prog, OUT, "x", 1), 0);
	assert_int_equal(fixture_levels(bsp_slot_self()), 0);
	assert_no_page_adrift();
	assert_reads(&prog->stream[0], "xx");
}

/* ---- tags and counts ---- */

static void a_tag_names_one_level_of_one_slot(void **state)
{
	struct bsp_slot *self = bsp_slot_self();
	struct bsp_slot *slots = self - bsp_slot_index(self);
	const u32 at[] = { 0, 1, 7, ALL_SLOTS - 1 };
	u32 i, n;

	(void)state;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		assert_int_equal(bsp_slot_index(&slots[at[i]]), at[i]);
		for (n = 0; n < BSP_LEVELS; n++)
			assert_int_equal(bsp_slot_tag(&slots[at[i]].level[n].cpu), (at[i] + 1) * 16 + n);
	}
}

static void what_is_no_slots_level_has_no_tag(void **state)
{
	struct bsp_slot *self = bsp_slot_self();
	struct bsp_slot *slots = self - bsp_slot_index(self);
	struct bpfstream_cpu own = { NULL, 0 };

	(void)state;
	assert_int_equal(bsp_slot_tag(NULL), BSP_NO_TAG);
	assert_int_equal(bsp_slot_tag(&own), BSP_NO_TAG);
	assert_int_equal(bsp_slot_tag(&slots[ALL_SLOTS].level[0].cpu), BSP_NO_TAG);
	assert_int_equal(bsp_slot_tag(&slots[-1].level[0].cpu), BSP_NO_TAG);
}

static void dumps_are_counted_and_never_below_none(void **state)
{
	(void)state;
	assert_false(bsp_slot_dumps());
	bsp_slot_dump_end();
	assert_false(bsp_slot_dumps());
	bsp_slot_dump_begin();
	bsp_slot_dump_begin();
	bsp_slot_dump_end();
	assert_true(bsp_slot_dumps());
	bsp_slot_dump_end();
	assert_false(bsp_slot_dumps());
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_thread_keeps_the_slot_that_a_handler_inside_its_claim_got),
		TEST(a_thread_is_known_by_the_kernels_id),
		TEST(a_thread_for_which_there_is_no_slot_prints_all_the_same),
		TEST(a_slot_tells_its_next_thread_nothing_of_the_last),
		TEST(the_pages_of_all_a_dead_threads_levels_come_back),
		TEST(a_thread_that_lives_is_not_reaped),
		TEST(a_reap_inside_a_reap_takes_no_slot_twice),
		TEST(a_thread_whose_last_call_was_a_read_is_reaped_by_another),
		TEST(a_thread_whose_last_call_was_a_dump_is_reaped_by_another),
		TEST(what_a_thread_was_reaping_when_it_died_is_reaped),
		TEST(a_slot_that_a_living_thread_reaps_is_left_to_it),
		TEST(a_page_that_a_dead_thread_had_just_taken_comes_back),
		TEST(a_page_being_freed_is_not_freed_by_a_sweep_too),
		TEST(the_page_of_a_dead_thread_says_how_far_it_was_carved),
		TEST(a_left_level_comes_back_from_under_those_in_use),
		TEST(a_level_left_where_memory_is_no_more_comes_back),
		TEST(a_level_is_in_use_where_nobody_can_say),
		TEST(a_frame_just_where_a_left_one_was_is_not_taken_for_it),
		TEST(levels_left_from_one_place_are_told_apart),
		TEST(what_an_earlier_stay_left_on_the_stack_does_not_keep_a_level),
		TEST(a_level_that_a_handler_used_on_the_way_in_is_taken_again),
		TEST(a_level_that_comes_back_gives_its_page_in_hand_back),
		TEST(a_page_in_hand_below_a_level_that_comes_back_is_left_alone),
		TEST(a_page_of_its_own_is_not_the_deepest_levels_to_sweep),
		TEST(a_page_taken_after_a_jump_is_not_the_left_levels_to_sweep),
		TEST(a_jump_on_the_way_in_or_out_leaves_no_level),
		TEST(a_level_that_a_handler_used_and_left_on_the_way_in_is_swept),
		TEST(a_tag_names_one_level_of_one_slot),
		TEST(what_is_no_slots_level_has_no_tag),
		TEST(dumps_are_counted_and_never_below_none),
	};

	return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
