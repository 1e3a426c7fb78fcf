// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_page.c - page.c: carving, references, and writing text
 */
#include "fixture.h"

#include "page.h"

#define PAGE_HDR	((u32)sizeof(struct bpfstream_page))
#define ELEM_HDR	((u32)sizeof(struct bpfstream_elem))
#define NO_LIMIT	(~(u64)0)
#define LONG_TEXT	20000u	/* five pages */

static char text[LONG_TEXT];
static char back[LONG_TEXT + BSP_PAGE_SIZE];

static int setup(void **state)
{
	fixture_pattern(text, sizeof(text), 1);
	return fixture_setup(state);
}

static struct bpfstream_cpu *my_cpu(void)
{
	return &bsp_slot_self()->level[0].cpu;
}

static u32 size_of(u32 len)
{
	return (ELEM_HDR + len + BPFSTREAM_GRAIN - 1) / BPFSTREAM_GRAIN * BPFSTREAM_GRAIN;
}

/* Write text into a chain of one's own. */
static int write_chain(struct bpfstream_chain *chain, const char *from, size_t len)
{
	struct bpfstream_out out;
	int err;

	bpfstream_out_open(&out, NO_LIMIT);
	err = bpfstream_out_write(&out, from, len);
	if (err) {
		bpfstream_out_drop(&out);
	} else {
		bpfstream_out_close(&out);
		*chain = out.chain;
	}
	bpfstream_out_leave(&out);
	return err;
}

static u32 nr_elems(const struct bpfstream_chain *chain)
{
	struct bpfstream_elem *elem;
	u32 n = 0;

	for (elem = chain->newest; elem; elem = bpfstream_elem_of(bpfstream_node_next(&elem->node)))
		n++;
	return n;
}

/* A chain reads as this text, and each of its elements lies within a page. */
static void assert_chain_is(const struct bpfstream_chain *chain, const char *expected, size_t len)
{
	struct bpfstream_elem *elem = chain->newest;
	struct bpfstream_elem *last = NULL;
	size_t at = len;

	assert_int_equal(chain->bytes, len);
	assert_true(len <= sizeof(back));
	for (; elem; elem = bpfstream_elem_of(bpfstream_node_next(&elem->node))) {
		uintptr_t offset = (uintptr_t)elem % BSP_PAGE_SIZE;

		assert_in_range(elem->len, 1, at);
		assert_int_equal(elem->consumed, 0);
		assert_int_equal(offset % BPFSTREAM_GRAIN, 0);
		assert_true(offset >= PAGE_HDR);
		assert_true(offset + ELEM_HDR + elem->len <= BSP_PAGE_SIZE);
		at -= elem->len;
		memcpy(back + at, elem->text, elem->len);
		last = elem;
	}
	assert_int_equal(at, 0);
	assert_ptr_equal(chain->oldest, last);
	assert_memory_equal(back, expected, len);
}

/* ---- carving ---- */

static void an_opened_writer_that_writes_nothing_uses_nothing(void **state)
{
	struct bpfstream_out out;

	(void)state;
	bpfstream_out_open(&out, NO_LIMIT);
	assert_int_equal(bpfstream_out_bytes(&out), 0);
	bpfstream_out_close(&out);
	assert_null(out.chain.newest);
	bpfstream_out_leave(&out);
	assert_int_equal(bsp_arena_live(), 0);
	assert_int_equal(bsp_fault.page_allocs, 0);
	assert_null(my_cpu()->page);
}

static void an_open_element_costs_nothing_to_forget(void **state)
{
	struct bpfstream_chain chain;
	struct bpfstream_out out;
	u32 carved;

	(void)state;
	assert_int_equal(write_chain(&chain, "x", 1), 0);
	carved = my_cpu()->carved;
	bpfstream_out_open(&out, NO_LIMIT);
	assert_int_equal(bpfstream_out_write(&out, text, 100), 0);
	assert_int_equal(bpfstream_out_bytes(&out), 100);
	assert_int_equal(my_cpu()->carved, carved);
	bpfstream_out_leave(&out);
	assert_int_equal(my_cpu()->carved, carved);
	bpfstream_chain_free(&chain);
}

static void elements_lie_one_behind_the_other(void **state)
{
	struct bpfstream_chain chain[3];
	u32 at = PAGE_HDR;
	u32 len[3] = { 1, 8, 13 };
	u32 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(write_chain(&chain[i], text, len[i]), 0);
		assert_ptr_equal(chain[i].newest, (char *)my_cpu()->page + at);
		at += size_of(len[i]);
		assert_int_equal(my_cpu()->carved, at);
	}
	assert_int_equal(bsp_fault.page_allocs, 1);
	for (i = 0; i < 3; i++) {
		assert_chain_is(&chain[i], text, len[i]);
		bpfstream_chain_free(&chain[i]);
	}
}

static void one_byte_takes_sixteen(void **state)
{
	struct bpfstream_chain chain;

	(void)state;
	assert_int_equal(write_chain(&chain, "x", 1), 0);
	assert_int_equal(my_cpu()->carved, PAGE_HDR + 16);
	bpfstream_chain_free(&chain);
}

/* Whatever is left of the page when a message begins, the message is whole. */
static void a_page_may_end_anywhere_in_a_message(void **state)
{
	static const u32 lens[] = { 1, 7, 8, 23, 24, 25, 31, 33, 100, 4080, 4081, 4200, 9000 };
	u32 step = RUNNING_ON_VALGRIND ? 64 : 8;
	u32 carved, i;

	(void)state;
	for (carved = 24; carved <= BSP_PAGE_SIZE; carved += step) {
		for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
			struct bpfstream_chain before, chain;
			u32 pages;

			fixture_forget_pages();
			assert_int_equal(write_chain(&before, text, carved - PAGE_HDR - ELEM_HDR), 0);
			assert_int_equal(my_cpu()->carved, carved);
			assert_int_equal(nr_elems(&before), 1);
			assert_int_equal(write_chain(&chain, text + 5, lens[i]), 0);
			assert_chain_is(&chain, text + 5, lens[i]);
			/* no scrap is used that is hardly more than its header */
			pages = BSP_PAGE_SIZE - carved < BPFSTREAM_MIN_ROOM ? 0 : 1;
			assert_int_equal((uintptr_t)chain.oldest / BSP_PAGE_SIZE ==
					 (uintptr_t)before.oldest / BSP_PAGE_SIZE, pages);
			assert_chain_is(&before, text, carved - PAGE_HDR - ELEM_HDR);
			bpfstream_chain_free(&before);
			bpfstream_chain_free(&chain);
			assert_int_equal(bsp_arena_live(), 1);
		}
	}
}

static void a_message_may_be_written_in_any_parts(void **state)
{
	static const size_t parts[] = { 1, 3, 24, 4079, 4080, 4081 };
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct bpfstream_out out;
		size_t at = 0;

		bpfstream_out_open(&out, NO_LIMIT);
		while (at < LONG_TEXT) {
			size_t n = LONG_TEXT - at < parts[i] ? LONG_TEXT - at : parts[i];

			assert_int_equal(bpfstream_out_write(&out, text + at, n), 0);
			at += n;
			assert_int_equal(bpfstream_out_bytes(&out), at);
		}
		bpfstream_out_close(&out);
		assert_chain_is(&out.chain, text, LONG_TEXT);
		bpfstream_chain_free(&out.chain);
		bpfstream_out_leave(&out);
	}
}

static void a_long_message_is_one_chain_over_its_pages(void **state)
{
	struct bpfstream_chain chain;

	(void)state;
	assert_int_equal(write_chain(&chain, text, LONG_TEXT), 0);
	assert_int_equal(nr_elems(&chain), 5);
	assert_int_equal(bsp_arena_live(), 5);
	assert_int_equal(bsp_fault.page_allocs, 5);
	assert_chain_is(&chain, text, LONG_TEXT);
	bpfstream_chain_free(&chain);
	assert_null(chain.newest);
	assert_null(chain.oldest);
	assert_int_equal(chain.bytes, 0);
	assert_int_equal(bsp_arena_live(), 1);
}

static void text_past_the_limit_is_given_up_at_the_page(void **state)
{
	struct bpfstream_out out;

	(void)state;
	bpfstream_out_open(&out, 5000);
	assert_int_equal(bpfstream_out_write(&out, text, LONG_TEXT), -ENOSPC);
	assert_in_range(bpfstream_out_bytes(&out), 5000, 5000 + BSP_PAGE_SIZE);
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
	bpfstream_out_open(&out, 5000);
	assert_int_equal(bpfstream_out_write(&out, text, 5000), 0);
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
}

static void appending_chains_keeps_their_order(void **state)
{
	struct bpfstream_chain all, one;

	(void)state;
	bpfstream_chain_init(&all);
	bpfstream_chain_init(&one);
	bpfstream_chain_append(&all, &one);
	assert_null(all.newest);
	assert_null(all.oldest);
	assert_int_equal(write_chain(&one, text, 10), 0);
	bpfstream_chain_append(&all, &one);
	assert_int_equal(write_chain(&one, text + 10, 9000), 0);
	bpfstream_chain_append(&all, &one);
	assert_int_equal(write_chain(&one, text + 9010, 1), 0);
	bpfstream_chain_append(&all, &one);
	assert_chain_is(&all, text, 9011);
	bpfstream_chain_free(&all);
}

/* ---- references ---- */

static void an_owned_page_counts_what_is_released_against_its_bias(void **state)
{
	struct bpfstream_chain first, second;
	struct bpfstream_page *page;

	(void)state;
	assert_int_equal(write_chain(&first, text, 8), 0);
	assert_int_equal(write_chain(&second, text, 24), 0);
	page = my_cpu()->page;
	assert_int_equal(page->ref, BPFSTREAM_PAGE_BIAS);
	bpfstream_chain_free(&first);
	assert_int_equal(page->ref, BPFSTREAM_PAGE_BIAS - 2);
	bpfstream_chain_free(&second);
	assert_int_equal(page->ref, BPFSTREAM_PAGE_BIAS - 2 - 4);
	assert_int_equal(bsp_arena_live(), 1);
}

static void a_page_retired_with_nothing_unread_is_freed_at_once(void **state)
{
	struct bpfstream_chain chain;

	(void)state;
	assert_int_equal(write_chain(&chain, text, 50), 0);
	bpfstream_chain_free(&chain);
	assert_int_equal(bsp_arena_live(), 1);
	fixture_forget_pages();
	assert_int_equal(bsp_arena_live(), 0);
}

static void a_page_retired_with_nothing_carved_is_freed_at_once(void **state)
{
	struct bpfstream_out out;

	(void)state;
	bpfstream_out_open(&out, NO_LIMIT);
	assert_int_equal(bpfstream_out_write(&out, "x", 1), 0);
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
	assert_int_equal(bsp_arena_live(), 1);
	fixture_forget_pages();
	assert_int_equal(bsp_arena_live(), 0);
}

static void a_page_retired_with_text_unread_is_freed_with_the_last_of_it(void **state)
{
	struct bpfstream_chain chain[3];
	struct bpfstream_page *page;
	u32 i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(write_chain(&chain[i], text + i, 8), 0);
	page = my_cpu()->page;
	bpfstream_chain_free(&chain[1]);
	fixture_forget_pages();
	assert_int_equal(page->ref, 2 + 2);
	assert_int_equal(bsp_arena_live(), 1);
	assert_chain_is(&chain[2], text + 2, 8);
	bpfstream_chain_free(&chain[2]);
	assert_int_equal(bsp_arena_live(), 1);
	assert_chain_is(&chain[0], text, 8);
	bpfstream_chain_free(&chain[0]);
	assert_int_equal(bsp_arena_live(), 0);
}

static void a_run_of_elements_is_released_at_once_for_each_page(void **state)
{
	struct bpfstream_release rel = { NULL, 0 };
	struct bpfstream_chain chain;
	struct bpfstream_elem *newest, *older;

	(void)state;
	assert_int_equal(write_chain(&chain, text, 5000), 0);
	newest = chain.newest;
	older = bpfstream_elem_of(bpfstream_node_next(&newest->node));
	bpfstream_release_elem(&rel, newest);
	assert_int_equal(my_cpu()->page->ref, BPFSTREAM_PAGE_BIAS);
	bpfstream_release_elem(&rel, older);
	assert_int_equal(my_cpu()->page->ref,
			 BPFSTREAM_PAGE_BIAS - size_of(newest->len) / BPFSTREAM_GRAIN);
	assert_int_equal(bsp_arena_live(), 2);
	bpfstream_release_end(&rel);
	assert_int_equal(bsp_arena_live(), 1);
	bpfstream_release_end(&rel);
	assert_int_equal(bsp_arena_live(), 1);
}

/* ---- dropping ---- */

static void a_dropped_message_leaves_the_page_as_it_was(void **state)
{
	struct bpfstream_chain kept;
	unsigned long allocs;
	u32 carved, ref;
	int i;

	(void)state;
	assert_int_equal(write_chain(&kept, text, 33), 0);
	carved = my_cpu()->carved;
	ref = my_cpu()->page->ref;
	allocs = bsp_fault.page_allocs;
	for (i = 0; i < 1000; i++) {
		struct bpfstream_out out;

		bpfstream_out_open(&out, NO_LIMIT);
		assert_int_equal(bpfstream_out_write(&out, text, 100), 0);
		if (i % 2)
			bpfstream_out_close(&out);
		bpfstream_out_drop(&out);
		bpfstream_out_leave(&out);
		assert_int_equal(my_cpu()->carved, carved);
		assert_int_equal(my_cpu()->page->ref, ref);
	}
	assert_int_equal(bsp_fault.page_allocs, allocs);
	assert_chain_is(&kept, text, 33);
	bpfstream_chain_free(&kept);
}

static void a_dropped_message_of_many_pages_leaves_one_and_that_is_blank(void **state)
{
	unsigned long i, loops = fixture_loops(500);

	(void)state;
	for (i = 0; i < loops; i++) {
		struct bpfstream_out out;

		bpfstream_out_open(&out, NO_LIMIT);
		assert_int_equal(bpfstream_out_write(&out, text, LONG_TEXT), 0);
		bpfstream_out_close(&out);
		bpfstream_out_drop(&out);
		bpfstream_out_leave(&out);
		assert_int_equal(bsp_arena_live(), 1);
		assert_int_equal(my_cpu()->carved, PAGE_HDR);
		assert_int_equal(my_cpu()->page->ref, BPFSTREAM_PAGE_BIAS);
	}
}

/* What lies on top of a dropped message is not the dropper's to take away. */
static void a_drop_does_not_rewind_what_is_not_on_top(void **state)
{
	struct bpfstream_chain older, newer;
	struct bpfstream_out out;
	u32 carved;

	(void)state;
	assert_int_equal(write_chain(&older, text, 40), 0);
	assert_int_equal(write_chain(&newer, text + 40, 40), 0);
	carved = my_cpu()->carved;
	bpfstream_out_open(&out, NO_LIMIT);
	out.elem = NULL;
	out.chain = older;
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
	assert_int_equal(my_cpu()->carved, carved);
	assert_int_equal(my_cpu()->page->ref, BPFSTREAM_PAGE_BIAS - 48 / BPFSTREAM_GRAIN);
	assert_chain_is(&newer, text + 40, 40);
	bpfstream_chain_free(&newer);
}

/* ---- all levels in use ---- */

static unsigned long flags[BSP_LEVELS];
static struct bpfstream_cpu *cpus[BSP_LEVELS];

static void use_all_levels(void)
{
	u32 i;

	for (i = 0; i < BSP_LEVELS; i++) {
		cpus[i] = bsp_cpu_enter(&flags[i]);
		assert_non_null(cpus[i]);
	}
}

static void leave_all_levels(void)
{
	u32 i;

	for (i = BSP_LEVELS; i; i--)
		bsp_cpu_leave(cpus[i - 1], flags[i - 1]);
}

/* ---- spots ---- */

/* Have this thread's page end @room bytes from now. */
static void leave_room(struct bpfstream_chain *before, u32 room)
{
	fixture_forget_pages();
	assert_int_equal(write_chain(before, text, BSP_PAGE_SIZE - room - PAGE_HDR - ELEM_HDR), 0);
	assert_int_equal(my_cpu()->carved, BSP_PAGE_SIZE - room);
}

static void assert_spot_is_at(const struct bpfstream_spot *spot, struct bpfstream_page *page,
			      u32 at)
{
	assert_ptr_equal(spot->cpu, my_cpu());
	assert_ptr_equal(my_cpu()->page, page);
	assert_int_equal(my_cpu()->carved, at);
	assert_ptr_equal(spot->elem, (char *)page + at);
	assert_ptr_equal(spot->pos, spot->elem->text);
	assert_ptr_equal(spot->end, (char *)page + BSP_PAGE_SIZE);
	assert_int_equal(bpfstream_spot_bytes(spot), 0);
}

static void assert_no_spot(const struct bpfstream_spot *spot)
{
	assert_null(spot->elem);
	assert_ptr_equal(spot->pos, spot->end);
	assert_int_equal(bpfstream_spot_bytes(spot), 0);
}

static void a_page_near_its_end_is_turned_before_a_message_begins(void **state)
{
	u32 room;

	(void)state;
	for (room = 0; room <= 2 * BPFSTREAM_SPOT_ROOM; room += BPFSTREAM_GRAIN) {
		bool turns = room < BPFSTREAM_SPOT_ROOM;
		struct bpfstream_chain before;
		struct bpfstream_page *page;
		struct bpfstream_spot spot;
		unsigned long left;

		leave_room(&before, room);
		page = my_cpu()->page;
		bpfstream_spot_open(&spot, &left);
		assert_int_equal(my_cpu()->page != page, turns);
		assert_spot_is_at(&spot, my_cpu()->page, turns ? PAGE_HDR : BSP_PAGE_SIZE - room);
		bsp_cpu_leave(spot.cpu, left);
		assert_int_equal(bsp_arena_live(), turns ? 2 : 1);
		bpfstream_chain_free(&before);
		assert_int_equal(bsp_arena_live(), 1);
	}
}

/* What a context leaves behind that is stopped just as it frees the page it has turned. */
struct turning {
	struct bpfstream_page *old;
	struct bpfstream_page *next;
	struct bpfstream_page *held;
	u32 old_carved;
	u32 next_ref;
};

static void look_at_the_turn(void *arg)
{
	struct turning *t = arg;

	t->held = my_cpu()->page;
	t->old_carved = t->old->carved;
	t->next_ref = bsp_ref_read_acquire(&t->next->ref);
}

/* page.c, I5: at each step a sweep can tell what is left to do. */
static void a_page_is_turned_in_an_order_that_may_be_left_anywhere(void **state)
{
	struct turning t = { .held = NULL };
	struct bpfstream_chain before;
	struct bpfstream_spot spot;
	unsigned long left;

	(void)state;
	leave_room(&before, 0);
	bpfstream_chain_free(&before);
	t.old = my_cpu()->page;
	t.old->carved = 0;
	t.next = bsp_page_alloc();	/* the lowest free page, and the next again */
	bsp_page_free(t.next);
	fixture_at(BSP_POINT_PAGE_FREE, 0, look_at_the_turn, &t);
	bpfstream_spot_open(&spot, &left);
	assert_ptr_equal(my_cpu()->page, t.next);
	assert_null(t.held);
	assert_int_equal(t.old_carved, BSP_PAGE_SIZE);
	assert_int_equal(t.next_ref, BPFSTREAM_PAGE_BIAS);
	bsp_cpu_leave(spot.cpu, left);
}

static void without_another_page_a_message_begins_in_what_is_left(void **state)
{
	u32 room;

	(void)state;
	for (room = 0; room <= 2 * BPFSTREAM_SPOT_ROOM; room += BPFSTREAM_GRAIN) {
		struct bpfstream_chain before;
		struct bpfstream_page *page;
		struct bpfstream_spot spot;
		unsigned long left, allocs;

		leave_room(&before, room);
		page = my_cpu()->page;
		allocs = bsp_fault.page_allocs;
		fixture_fail_page(1, 0);
		bpfstream_spot_open(&spot, &left);
		fixture_fail_no_page();
		assert_int_equal(bsp_fault.page_allocs - allocs, room < BPFSTREAM_SPOT_ROOM);
		if (room < BPFSTREAM_MIN_ROOM)
			assert_no_spot(&spot);
		else
			assert_spot_is_at(&spot, page, BSP_PAGE_SIZE - room);
		bsp_cpu_leave(spot.cpu, left);
		assert_ptr_equal(my_cpu()->page, page);
		bpfstream_chain_free(&before);
	}
}

static void without_another_page_one_that_was_read_to_its_end_is_begun_again(void **state)
{
	struct bpfstream_chain before;
	struct bpfstream_page *page;
	struct bpfstream_spot spot;
	unsigned long left;

	(void)state;
	leave_room(&before, 0);
	bpfstream_chain_free(&before);
	page = my_cpu()->page;
	fixture_fail_page(1, 0);
	bpfstream_spot_open(&spot, &left);
	fixture_fail_no_page();
	assert_spot_is_at(&spot, page, PAGE_HDR);
	bsp_cpu_leave(spot.cpu, left);
	assert_int_equal(page->ref, BPFSTREAM_PAGE_BIAS);
	assert_int_equal(bsp_arena_live(), 1);
}

static void a_long_message_does_not_begin_its_own_page_again(void **state)
{
	struct bpfstream_chain before;
	struct bpfstream_out out;
	char much[BSP_PAGE_SIZE];

	(void)state;
	memset(much, 'x', sizeof(much));
	leave_room(&before, 2000);
	bpfstream_chain_free(&before);
	fixture_fail_page(1, 0);
	bpfstream_out_open(&out, NO_LIMIT);
	assert_int_equal(bpfstream_out_write(&out, much, sizeof(much)), -ENOMEM);
	fixture_fail_no_page();
	assert_in_range(out.chain.bytes, 1, 2000);
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
}

static void no_page_is_taken_for_a_message_that_may_turn_out_empty(void **state)
{
	struct bpfstream_spot spot;
	unsigned long left;

	(void)state;
	bpfstream_spot_open(&spot, &left);
	assert_no_spot(&spot);
	bsp_cpu_leave(spot.cpu, left);
	use_all_levels();
	bpfstream_spot_open(&spot, &left);
	assert_null(spot.cpu);
	assert_no_spot(&spot);
	leave_all_levels();
	assert_int_equal(bsp_fault.page_allocs, 0);
}

static void a_spot_is_carved_when_it_is_closed_and_given_back_as_a_whole(void **state)
{
	u32 room = 2 * BPFSTREAM_SPOT_ROOM;
	struct bpfstream_chain before;
	struct bpfstream_spot spot;
	unsigned long left;
	u32 len, carved;

	(void)state;
	leave_room(&before, room);
	carved = my_cpu()->carved;
	for (len = 1; len <= room - ELEM_HDR; len++) {
		bpfstream_spot_open(&spot, &left);
		memset(spot.elem, 0xee, room);
		memcpy(spot.pos, text, len);
		spot.pos += len;
		assert_int_equal(bpfstream_spot_bytes(&spot), len);
		assert_int_equal(my_cpu()->carved, carved);
		bpfstream_spot_close(&spot);
		assert_int_equal(spot.elem->len, len);
		assert_int_equal(spot.elem->consumed, 0);
		assert_int_equal(my_cpu()->carved, carved + size_of(len));
		bpfstream_spot_undo(&spot);
		assert_int_equal(my_cpu()->carved, carved);
		bsp_cpu_leave(spot.cpu, left);
	}
	assert_int_equal(my_cpu()->page->ref, BPFSTREAM_PAGE_BIAS);
	bpfstream_chain_free(&before);
}

/* Begun where there is room, little room, or none, and gone on with at any place. */
static void text_that_was_begun_in_a_spot_is_whole_when_it_goes_on_elsewhere(void **state)
{
	static const u32 rooms[] = { 8, 32, 200, 208, 1000 };
	u32 i, begun, step = RUNNING_ON_VALGRIND ? 50 : 1;

	(void)state;
	for (i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		for (begun = 0; begun <= 200; begun += step) {
			struct bpfstream_chain before;
			struct bpfstream_spot spot;
			struct bpfstream_out out;
			u32 n;

			leave_room(&before, rooms[i]);
			bpfstream_spot_open(&spot, &out.flags);
			n = begun < (u32)(spot.end - spot.pos) ? begun : (u32)(spot.end - spot.pos);
			memcpy(spot.pos, text, n);
			spot.pos += n;
			bpfstream_out_go_on(&out, &spot, NO_LIMIT);
			assert_int_equal(bpfstream_out_bytes(&out), n);
			assert_int_equal(bpfstream_out_write(&out, text + n, 5000 - n), 0);
			bpfstream_out_close(&out);
			assert_chain_is(&out.chain, text, 5000);
			bpfstream_chain_free(&out.chain);
			bpfstream_out_leave(&out);
			bpfstream_chain_free(&before);
		}
	}
	assert_int_equal(bsp_arena_live(), 1);
}

/* ---- past the deepest level ---- */

static void past_the_deepest_level_a_writer_uses_a_page_of_its_own(void **state)
{
	struct bpfstream_chain chain;

	(void)state;
	use_all_levels();
	assert_int_equal(write_chain(&chain, text, 100), 0);
	leave_all_levels();
	assert_int_equal(bsp_slots_pages(), 0);
	assert_int_equal(bsp_arena_live(), 1);
	assert_chain_is(&chain, text, 100);
	bpfstream_chain_free(&chain);
	assert_int_equal(bsp_arena_live(), 0);
}

static void past_the_deepest_level_a_long_message_is_whole(void **state)
{
	struct bpfstream_chain chain;

	(void)state;
	use_all_levels();
	assert_int_equal(write_chain(&chain, text, LONG_TEXT), 0);
	leave_all_levels();
	assert_int_equal(bsp_arena_live(), 5);
	assert_chain_is(&chain, text, LONG_TEXT);
	bpfstream_chain_free(&chain);
	assert_int_equal(bsp_arena_live(), 0);
}

static void past_the_deepest_level_a_silent_or_dropped_writer_leaves_nothing(void **state)
{
	struct bpfstream_out out;

	(void)state;
	use_all_levels();
	bpfstream_out_open(&out, NO_LIMIT);
	bpfstream_out_leave(&out);
	assert_int_equal(bsp_fault.page_allocs, 0);
	bpfstream_out_open(&out, NO_LIMIT);
	assert_int_equal(bpfstream_out_write(&out, text, LONG_TEXT), 0);
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
	leave_all_levels();
	assert_int_equal(bsp_arena_live(), 0);
}

/* ---- no page ---- */

static void without_the_nth_page_a_long_message_leaves_all_as_before(void **state)
{
	struct bpfstream_chain kept, chain;
	unsigned long n;

	(void)state;
	for (n = 1; n <= 5; n++) {
		fixture_forget_pages();
		fixture_fail_page(n, 1);
		assert_int_equal(write_chain(&chain, text, LONG_TEXT), -ENOMEM);
		assert_int_equal(bsp_arena_live(), n > 1);
		assert_no_page_adrift();
		fixture_fail_no_page();
		assert_int_equal(write_chain(&chain, text, LONG_TEXT), 0);
		assert_chain_is(&chain, text, LONG_TEXT);
		bpfstream_chain_free(&chain);
	}
	fixture_forget_pages();
	assert_int_equal(write_chain(&kept, text, 30), 0);
	for (n = 1; n <= 4; n++) {
		fixture_fail_page(n, 0);
		assert_int_equal(write_chain(&chain, text, LONG_TEXT), -ENOMEM);
		assert_chain_is(&kept, text, 30);
		assert_int_equal(bsp_arena_live(), n == 1 ? 1 : 2);
	}
	fixture_fail_no_page();
	bpfstream_chain_free(&kept);
}

static void without_a_page_the_rest_of_the_old_one_is_still_used(void **state)
{
	struct bpfstream_chain first, second, third;

	(void)state;
	assert_int_equal(write_chain(&first, text, 3000), 0);
	fixture_fail_page(1, 0);
	assert_int_equal(write_chain(&second, text, 2000), -ENOMEM);
	assert_int_equal(write_chain(&third, text, 1000), 0);
	assert_chain_is(&third, text, 1000);
	bpfstream_chain_free(&first);
	bpfstream_chain_free(&third);
}

static void past_the_deepest_level_a_mark_has_a_page_of_its_own(void **state)
{
	static const char told[BPFSTREAM_MARK_LEN] = "sixteen  bytes.";
	struct bpfstream_chain chain;
	struct bpfstream_elem *mark, *none;
	u32 held, live;

	(void)state;
	use_all_levels();
	held = bsp_slots_pages();
	mark = bpfstream_elem_mark(told);
	live = bsp_arena_live();
	fixture_fail_page(1, 0);
	none = bpfstream_elem_mark(told);
	fixture_fail_no_page();
	leave_all_levels();
	assert_non_null(mark);
	assert_null(none);
	assert_int_equal(live, held + 1);
	assert_memory_equal(mark->text, told, sizeof(told));
	bpfstream_chain_init(&chain);
	chain.newest = mark;
	chain.oldest = mark;
	bpfstream_chain_free(&chain);
	assert_no_page_adrift();
}

static void text_may_go_on_in_the_same_page_after_a_close(void **state)
{
	struct bpfstream_out out;

	(void)state;
	bpfstream_out_open(&out, NO_LIMIT);
	assert_int_equal(bpfstream_out_write(&out, "ab", 2), 0);
	bpfstream_out_close(&out);
	assert_int_equal(bpfstream_out_write(&out, "c", 1), 0);
	bpfstream_out_close(&out);
	assert_int_equal(out.chain.bytes, 3);
	assert_ptr_equal(bpfstream_elem_page(out.chain.newest),
			 bpfstream_elem_page(out.chain.oldest));
	assert_int_not_equal(out.chain.newest == out.chain.oldest, 1);
	bpfstream_out_drop(&out);
	bpfstream_out_leave(&out);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_opened_writer_that_writes_nothing_uses_nothing),
		TEST(an_open_element_costs_nothing_to_forget),
		TEST(elements_lie_one_behind_the_other),
		TEST(one_byte_takes_sixteen),
		TEST(a_page_may_end_anywhere_in_a_message),
		TEST(a_message_may_be_written_in_any_parts),
		TEST(a_long_message_is_one_chain_over_its_pages),
		TEST(text_past_the_limit_is_given_up_at_the_page),
		TEST(appending_chains_keeps_their_order),
		TEST(an_owned_page_counts_what_is_released_against_its_bias),
		TEST(a_page_retired_with_nothing_unread_is_freed_at_once),
		TEST(a_page_retired_with_nothing_carved_is_freed_at_once),
		TEST(a_page_retired_with_text_unread_is_freed_with_the_last_of_it),
		TEST(a_run_of_elements_is_released_at_once_for_each_page),
		TEST(a_dropped_message_leaves_the_page_as_it_was),
		TEST(a_dropped_message_of_many_pages_leaves_one_and_that_is_blank),
		TEST(a_drop_does_not_rewind_what_is_not_on_top),
		TEST(a_page_near_its_end_is_turned_before_a_message_begins),
		TEST(a_page_is_turned_in_an_order_that_may_be_left_anywhere),
		TEST(without_another_page_a_message_begins_in_what_is_left),
		TEST(without_another_page_one_that_was_read_to_its_end_is_begun_again),
		TEST(a_long_message_does_not_begin_its_own_page_again),
		TEST(no_page_is_taken_for_a_message_that_may_turn_out_empty),
		TEST(a_spot_is_carved_when_it_is_closed_and_given_back_as_a_whole),
		TEST(text_that_was_begun_in_a_spot_is_whole_when_it_goes_on_elsewhere),
		TEST(past_the_deepest_level_a_writer_uses_a_page_of_its_own),
		TEST(past_the_deepest_level_a_long_message_is_whole),
		TEST(past_the_deepest_level_a_silent_or_dropped_writer_leaves_nothing),
		TEST(past_the_deepest_level_a_mark_has_a_page_of_its_own),
		TEST(text_may_go_on_in_the_same_page_after_a_close),
		TEST(without_the_nth_page_a_long_message_leaves_all_as_before),
		TEST(without_a_page_the_rest_of_the_old_one_is_still_used),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
