// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cpus.c - the shim's CPUs: a thread, one level for each context that nests on it
 */
#include "contract.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static u32 level_of(const struct bpfstream_cpu *cpu)
{
	return bsp_slot_tag(cpu) % 16;
}

/* ---- levels ---- */

static void the_first_level_is_the_same_at_every_call(void **state)
{
	struct bpfstream_cpu *first;
	unsigned long flags;
	u32 i;

	(void)state;
	first = bsp_cpu_enter(&flags);
	assert_non_null(first);
	bsp_cpu_leave(first, flags);
	for (i = 0; i < 100; i++) {
		assert_ptr_equal(bsp_cpu_enter(&flags), first);
		bsp_cpu_leave(first, flags);
	}
	assert_int_equal(fixture_levels(bsp_slot_self()), 0);
}

static void each_context_that_nests_is_alone(void **state)
{
	struct bpfstream_cpu *cpu[BSP_LEVELS];
	unsigned long flags[BSP_LEVELS];
	u32 i, k;

	(void)state;
	for (i = 0; i < BSP_LEVELS; i++) {
		cpu[i] = bsp_cpu_enter(&flags[i]);
		assert_non_null(cpu[i]);
		for (k = 0; k < i; k++)
			assert_ptr_not_equal(cpu[i], cpu[k]);
	}
	while (i--)
		bsp_cpu_leave(cpu[i], flags[i]);
	assert_int_equal(fixture_levels(bsp_slot_self()), 0);
}

static void past_the_deepest_level_there_is_none(void **state)
{
	struct bpfstream_cpu *cpu[BSP_LEVELS], *again;
	unsigned long flags[BSP_LEVELS], more;
	u32 i;

	(void)state;
	for (i = 0; i < BSP_LEVELS; i++)
		cpu[i] = bsp_cpu_enter(&flags[i]);
	for (i = 0; i < 3; i++)
		assert_null(bsp_cpu_enter(&more));
	/* One level less, and there is one again. */
	bsp_cpu_leave(cpu[BSP_LEVELS - 1], flags[BSP_LEVELS - 1]);
	again = bsp_cpu_enter(&more);
	assert_ptr_equal(again, cpu[BSP_LEVELS - 1]);
	assert_null(bsp_cpu_enter(&flags[BSP_LEVELS - 1]));
	bsp_cpu_leave(again, more);
	for (i = BSP_LEVELS - 1; i--;)
		bsp_cpu_leave(cpu[i], flags[i]);
	assert_int_equal(fixture_levels(bsp_slot_self()), 0);
}

static void a_level_is_found_as_it_was_left(void **state)
{
	struct bpfstream_cpu *outer, *inner;
	unsigned long outer_flags, inner_flags;

	(void)state;
	outer = bsp_cpu_enter(&outer_flags);
	outer->carved = 1111;
	inner = bsp_cpu_enter(&inner_flags);
	inner->carved = 2222;
	bsp_cpu_leave(inner, inner_flags);
	assert_int_equal(outer->carved, 1111);
	bsp_cpu_leave(outer, outer_flags);

	outer = bsp_cpu_enter(&outer_flags);
	assert_int_equal(outer->carved, 1111);
	inner = bsp_cpu_enter(&inner_flags);
	assert_int_equal(inner->carved, 2222);
	bsp_cpu_leave(inner, inner_flags);
	bsp_cpu_leave(outer, outer_flags);
}

/* ---- handlers ---- */

/* Enter and leave; say where that was. */
struct visit {
	const struct bpfstream_cpu *cpu;
	u32 tid;
};

static void visit(void *arg)
{
	struct visit *v = arg;
	unsigned long flags;
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&flags);

	v->cpu = cpu;
	v->tid = bsp_gettid();
	if (cpu)
		bsp_cpu_leave(cpu, flags);
}

static void a_handler_uses_the_next_level(void **state)
{
	struct visit v = { NULL, 0 };
	struct bpfstream_cpu *cpu;
	unsigned long flags;

	(void)state;
	contract_in_handler(visit, &v);
	assert_int_equal(level_of(v.cpu), 0);	/* it interrupted no print */
	cpu = bsp_cpu_enter(&flags);
	contract_any_context(visit, &v);
	assert_int_equal(level_of(v.cpu), 1);
	bsp_cpu_leave(cpu, flags);
	contract_in_handler(visit, &v);
	assert_int_equal(level_of(v.cpu), 0);
}

/* Handlers in handlers, as deep as levels go and deeper. */
#define DEEPER	2u

/* Volatile: to the compiler, raise() is not a call that comes back here. */
static volatile struct {
	u32 depth;
	u32 deepest;
	u32 wrong;
} descent;

static void descend(int sig)
{
	unsigned long flags;
	struct bpfstream_cpu *cpu;

	cpu = bsp_cpu_enter(&flags);
	descent.wrong += (cpu != NULL) != (descent.depth < BSP_LEVELS);
	if (cpu)
		descent.wrong += level_of(cpu) != descent.depth;
	descent.depth++;
	if (descent.deepest < descent.depth)
		descent.deepest = descent.depth;
	if (descent.depth < BSP_LEVELS + DEEPER)
		raise(sig);
	descent.depth--;
	if (cpu)
		bsp_cpu_leave(cpu, flags);
}

static void handlers_in_handlers_have_a_level_each_and_none_past_the_deepest(void **state)
{
	const struct sigaction sa = { .sa_handler = descend, .sa_flags = SA_NODEFER };
	struct sigaction old_sa;

	(void)state;
#ifdef BSP_TSAN
	print_message("skipped: ThreadSanitizer runs no handler inside a handler\n");
	skip();
#endif
	assert_int_equal(sigaction(SIGUSR2, &sa, &old_sa), 0);
	descend(SIGUSR2);
	sigaction(SIGUSR2, &old_sa, NULL);
	assert_int_equal(descent.wrong, 0);
	assert_int_equal(descent.deepest, BSP_LEVELS + DEEPER);
	assert_int_equal(fixture_levels(bsp_slot_self()), 0);
}

/* At either end of the other's stay: a handler finds the level taken or free, never shared. */
static void a_handler_at_the_door_gets_a_whole_level(void **state)
{
	const enum bsp_point doors[] = { BSP_POINT_CPU_ENTER, BSP_POINT_CPU_LEAVE };
	u32 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct visit v = { NULL, 0 };
		struct bpfstream_cpu *cpu;
		unsigned long flags;

		fixture_at(doors[i], 0, visit, &v);
		cpu = bsp_cpu_enter(&flags);
		assert_int_equal(level_of(cpu), 0);
		assert_int_equal(fixture_levels(bsp_slot_self()), 1);
		bsp_cpu_leave(cpu, flags);
		assert_non_null(v.cpu);
		assert_int_equal(level_of(v.cpu), i);
		assert_int_equal(fixture_levels(bsp_slot_self()), 0);
	}
}

static sigjmp_buf out_of_here;

static void leave_for_good(void *arg)
{
	(void)arg;
	siglongjmp(out_of_here, 1);
}

/* A frame that goes away, and its level with it. */
__attribute__((__noinline__)) static void enter_and_jump(void)
{
	unsigned long flags;

	fixture_at(BSP_POINT_CPU_LEAVE, 0, leave_for_good, NULL);
	bsp_cpu_leave(bsp_cpu_enter(&flags), flags);
}

/* What others put where those frames were. */
__attribute__((__noinline__)) static void use_stack(void)
{
	volatile char bytes[4096];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0x55;
}

static void levels_left_by_longjmp_are_found_again(void **state)
{
	volatile u32 i;

	fixture_jumps();
	(void)state;
	if (FIXTURE_SANITIZED) {
		print_message("skipped: sanitizers keep dead frames as they were\n");
		skip();
	}
	for (i = 0; i < 5 * BSP_LEVELS; i++) {
		struct visit v = { NULL, 0 };

		if (!sigsetjmp(out_of_here, 1))
			enter_and_jump();
		use_stack();
		visit(&v);
		assert_non_null(v.cpu);
	}
}

/* ---- threads ---- */

static void each_thread_is_a_cpu_of_its_own(void **state)
{
	struct visit mine = { NULL, 0 }, other = { NULL, 0 };
	struct contract_thread thread;
	unsigned long flags;
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&flags);

	(void)state;
	contract_start(&thread, visit, &other);
	contract_join(&thread);
	bsp_cpu_leave(cpu, flags);
	visit(&mine);
	assert_ptr_equal(mine.cpu, cpu);
	assert_non_null(other.cpu);
	/* The other began at its first level while ours was in use. */
	assert_int_not_equal((uintptr_t)other.cpu / sizeof(struct bsp_slot),
			     (uintptr_t)mine.cpu / sizeof(struct bsp_slot));
	assert_int_equal(mine.tid, syscall(SYS_gettid));
	assert_int_not_equal(other.tid, mine.tid);
}

static void visit_in_handler(void *arg)
{
	contract_in_handler(visit, arg);
}

static void a_threads_first_call_may_be_a_handlers(void **state)
{
	struct visit v = { NULL, 0 };
	struct contract_thread thread;

	(void)state;
	contract_start(&thread, visit_in_handler, &v);
	contract_join(&thread);
	assert_non_null(v.cpu);
	assert_int_not_equal(v.tid, syscall(SYS_gettid));
}

static void many_short_threads_use_few_slots(void **state)
{
	struct contract_thread thread;
	struct visit v = { NULL, 0 };
	u32 first = bsp_slot_index(bsp_slot_self());
	u32 highest = 0, i;

	(void)state;
	for (i = 0; i < (RUNNING_ON_VALGRIND ? 30 : 300); i++) {
		u32 slot;

		contract_start(&thread, visit, &v);
		contract_join(&thread);
		assert_non_null(v.cpu);
		slot = (u32)((const struct bsp_slot *)(const void *)v.cpu - (bsp_slot_self() - first));
		highest = slot > highest ? slot : highest;
	}
	/* An ended thread may linger in the kernel for a moment after its join. */
	assert_in_range(highest, 0, first + 10);
}

/* ---- fork ---- */

/* In a child; 0 if all is well. */
static int check_child(void *arg)
{
	struct bpfstream_cpu *outer = arg;
	struct visit v = { NULL, 0 };

	visit(&v);
	if (!v.cpu || v.tid != (u32)syscall(SYS_gettid) || bsp_slot_self()->owner != v.tid)
		return 1;
	if (level_of(v.cpu) != (outer ? 1 : 0))
		return 2;
	return errno == FIXTURE_ERRNO ? 0 : 3;
}

static void a_child_is_a_cpu_at_once(void **state)
{
	(void)state;
	(void)bsp_slot_self();
	assert_int_equal(fixture_in_child(check_child, NULL), 0);
}

static int check_child_in_handler(void *arg)
{
	struct visit v = { NULL, 0 };

	(void)arg;
	contract_in_handler(visit, &v);
	return v.cpu && v.tid == (u32)syscall(SYS_gettid) ? 0 : 1;
}

static void a_childs_first_call_may_be_a_handlers(void **state)
{
	(void)state;
	assert_int_equal(fixture_in_child(check_child_in_handler, NULL), 0);
}

static void a_level_that_a_fork_interrupts_is_in_use_in_both(void **state)
{
	struct visit v = { NULL, 0 };
	unsigned long flags;
	struct bpfstream_cpu *cpu = bsp_cpu_enter(&flags);

	(void)state;
	assert_int_equal(fixture_in_child(check_child, cpu), 0);
	visit(&v);
	assert_int_equal(level_of(v.cpu), 1);
	bsp_cpu_leave(cpu, flags);
}

/* Stay a CPU until told to end. */
static void stay(void *arg)
{
	u32 *stage = arg;
	struct visit v = { NULL, 0 };

	visit(&v);
	bsp_store_relaxed(stage, 1u);
	(void)contract_becomes_32(stage, 2);
}

static int other_slot_is_free(void *arg)
{
	struct bsp_slot *other = bsp_slot_self() - bsp_slot_index(bsp_slot_self()) + *(u32 *)arg;

	return other->owner ? 1 : 0;
}

static bool is_staying(void *stage)
{
	return bsp_load_relaxed((u32 *)stage) == 1;
}

static void a_childs_other_cpus_are_free(void **state)
{
	struct bsp_slot *slots = bsp_slot_self() - bsp_slot_index(bsp_slot_self());
	struct contract_thread thread;
	u32 stage = 0, other = 0;

	(void)state;
	bsp_slots_reap();
	bsp_note_unordered(&stage, sizeof(stage));
	contract_start(&thread, stay, &stage);
	assert_true(fixture_soon(is_staying, &stage));
	while (!bsp_load_relaxed(&slots[other].owner) || &slots[other] == bsp_slot_self())
		other++;
	assert_int_equal(fixture_in_child(other_slot_is_free, &other), 0);
	assert_int_not_equal(bsp_load_relaxed(&slots[other].owner), 0);
	bsp_store_relaxed(&stage, 2u);
	contract_join(&thread);
}

/* ---- before there is anything ---- */

static void before_the_first_program_there_is_no_cpu(void **state)
{
	struct visit v = { NULL, 0 };

	(void)state;
	contract_any_context(visit, &v);
	assert_null(v.cpu);
	assert_int_equal(v.tid, syscall(SYS_gettid));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_first_program_there_is_no_cpu),
		TEST(the_first_level_is_the_same_at_every_call),
		TEST(each_context_that_nests_is_alone),
		TEST(past_the_deepest_level_there_is_none),
		TEST(a_level_is_found_as_it_was_left),
		TEST(a_handler_uses_the_next_level),
		TEST(handlers_in_handlers_have_a_level_each_and_none_past_the_deepest),
		TEST(a_handler_at_the_door_gets_a_whole_level),
		TEST(levels_left_by_longjmp_are_found_again),
		TEST(each_thread_is_a_cpu_of_its_own),
		TEST(a_threads_first_call_may_be_a_handlers),
		TEST(many_short_threads_use_few_slots),
		TEST(a_child_is_a_cpu_at_once),
		TEST(a_childs_first_call_may_be_a_handlers),
		TEST(a_level_that_a_fork_interrupts_is_in_use_in_both),
		TEST(a_childs_other_cpus_are_free),
	};

	return cmocka_run_group_tests_name("cpus", tests, NULL, NULL);
}
