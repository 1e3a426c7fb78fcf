// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * arena.c - the pages of the process: reserved address space, handed out page by page
 *
 * All programs of the process share one arena, as the programs of a kernel share its CPUs' pages.
 * It may hand out as many pages as the live programs' budgets add up to. Address space is reserved
 * when the first program is made and memory when a budget is added, so a writer meets no mmap.
 *
 * Invariants
 *   I1  tag[i] is the truth: 0 is free, else who took the page, with TAKEN as long as its first
 *       word is still that of an earlier life. A page changes hands by one compare-and-swap or
 *       one store of it, so a stop (longjmp) leaves it with who took it, or free.
 *   I2  map is a hint, a bit set for a page that may be free. It is wrong only while somebody is
 *       between the tag and the bit; a stop there leaves a free page unseen until
 *       bsp_arena_sweep() sets the bit again, or a taken page looked at in vain.
 *   I3  Lower pages go first, so the memory in use stays small and warm.
 *   I4  Page 0 is never handed out: link 0 is NULL.
 *
 * Ordering
 *   free:D -> alloc:D   the last use of a page, then its next life
 *   tag:L -> sweep:L    whose the page is, then its first word: a sweep that sees the word of a
 *                       later life sees the later tag too
 *
 * Of the pages that a sweep acts on, the levels are its own: what was stored in them is in its
 * program's order, or was passed with the slot (F), or is of a thread that the kernel says has
 * ended, or was copied whole by a fork, and so is seen. Other threads' pages need no more than that
 * their tags differ.
 */
#include <sys/auxv.h>
#include <sys/mman.h>

#include "arena.h"
#include "page.h"

#define MAX_PAGES	(1u << 22)	/* 16 GiB; a link reaches 32 */
#define MIN_PAGES	(1u << 14)
#define MAX_SLOTS	(1u << 15)
#define TAKEN		4u		/* in a tag, beside the level */

static_assert(BSP_LEVELS <= TAKEN && TAKEN + BSP_LEVELS <= BSP_NO_LEVEL, "a tag has room for both");

char *bsp_arena;

static u32 *tag;
static u64 *map;
static u32 limit;	/* pages below it may be handed out */
static u32 ready;	/* pages below it are accessible */
static u32 max_pages;
static u32 budget;
static u32 shortages;

static size_t round_page(size_t bytes)
{
	return (bytes + BSP_PAGE_SIZE - 1) & ~((size_t)BSP_PAGE_SIZE - 1);
}

/* The kernel's pages may be larger than ours: what lies in the same one is allowed too. */
static int allow(void *from, size_t bytes)
{
	size_t lead = (size_t)from & (getauxval(AT_PAGESZ) - 1);

	if (mprotect((char *)from - lead, bytes + lead, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	bsp_note_own_memory((char *)from - lead, round_page(bytes + lead));
	return 0;
}

static char *reserve(size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *mem = mmap(NULL, bytes, PROT_NONE, flags, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/**
 * bsp_arena_init() - reserve the arena, the first time
 *
 * A limit on address space (RLIMIT_AS) makes it smaller.
 *
 * Context: Process; one at a time.
 * Return: 0; -ENOMEM.
 */
int bsp_arena_init(void)
{
	size_t slot_bytes = round_page(MAX_SLOTS * sizeof(struct bsp_slot));
	size_t tag_bytes, map_bytes;
	char *mem = NULL;
	u32 pages;

	if (bsp_arena)
		return 0;
	for (pages = MAX_PAGES; !mem && pages >= MIN_PAGES; pages /= 2) {
		tag_bytes = round_page(pages * sizeof(*tag));
		map_bytes = round_page(pages / 8);
		mem = reserve(slot_bytes + tag_bytes + map_bytes + (size_t)pages * BSP_PAGE_SIZE);
		max_pages = pages;
	}
	if (!mem)
		return -ENOMEM;
	if (allow(mem, slot_bytes)) {
		munmap(mem, slot_bytes + tag_bytes + map_bytes + (size_t)max_pages * BSP_PAGE_SIZE);
		return -ENOMEM;
	}
	bsp_slots_init((struct bsp_slot *)(void *)mem, MAX_SLOTS);
	bsp_note_shared(&limit, sizeof(limit));
	tag = (u32 *)(void *)(mem + slot_bytes);
	map = (u64 *)(void *)(mem + slot_bytes + tag_bytes);
	bsp_arena = mem + slot_bytes + tag_bytes + map_bytes;
	ready = 1;
	bsp_note_unordered(&limit, sizeof(limit));
	return 0;
}

static u64 bit_of(u32 i)
{
	return (u64)1 << (i % 64);
}

static void show_free(u32 i)
{
	/* Relaxed: a hint (I2). */
	__atomic_fetch_or(&map[i / 64], bit_of(i), __ATOMIC_RELAXED);
}

/**
 * bsp_arena_grow() - add to the budget
 * @pages: how many
 *
 * Context: Process; one at a time.
 * Return: 0; -ENOMEM, nothing has changed.
 */
int bsp_arena_grow(u32 pages)
{
	u32 want, i;

	if (pages >= max_pages - budget)
		return -ENOMEM;
	want = budget + pages + 1;
	if (want > ready) {
		if (allow(&tag[ready], (want - ready) * sizeof(*tag)) ||
		    allow(&map[ready / 64], (want / 64 - ready / 64 + 1) * sizeof(*map)) ||
		    allow(bsp_arena + (size_t)ready * BSP_PAGE_SIZE,
			  (size_t)(want - ready) * BSP_PAGE_SIZE))
			return -ENOMEM;
		for (i = ready; i < want; i++)
			show_free(i);
		ready = want;
	}
	budget += pages;
	/* Relaxed: mprotect() has made the memory accessible to every thread before. */
	bsp_store_relaxed(&limit, want);
	return 0;
}

/**
 * bsp_arena_shrink() - take from the budget
 * @pages: what a grow added
 *
 * Pages above the new limit that are still in use stay so until they are freed.
 *
 * Context: Process; one at a time.
 */
void bsp_arena_shrink(u32 pages)
{
	budget -= pages;
	bsp_store_relaxed(&limit, budget + 1);
}

/* Pages that may be in use at once. */
u32 bsp_arena_budget(void)
{
	return budget;
}

/* Pages in use now. */
u32 bsp_arena_live(void)
{
	u32 i, n = 0;

	for (i = 1; i < ready; i++)
		n += bsp_load_relaxed(&tag[i]) != 0;
	return n;
}

static struct bpfstream_page *page_at(u32 i)
{
	return (struct bpfstream_page *)(void *)(bsp_arena + (size_t)i * BSP_PAGE_SIZE);
}

/* Until the first word is of this life, the tag says that it is not. */
static bool take(u32 i, u32 who)
{
	bsp_ref_t *word = &page_at(i)->ref;
	u32 none = 0;

	/* ORD(alloc:D) ACQUIRE, pairs with free:D: the page's last life is over. */
	if (bsp_load_relaxed(&tag[i]) ||
	    !__atomic_compare_exchange_n(&tag[i], &none, who | TAKEN, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	bsp_note_acquire(&tag[i]);
	__atomic_fetch_and(&map[i / 64], ~bit_of(i), __ATOMIC_RELAXED);	/* a hint (I2) */
	/* ORD(tag:L) RELEASE, pairs with sweep:L. */
	bsp_note_release(word);
	__atomic_store_n(word, BPFSTREAM_PAGE_BLANK, __ATOMIC_RELEASE);
	bsp_barrier();	/* a stop in between is in this order, too */
	/* Relaxed: to whom it is not @who's level, both tags say the same. */
	bsp_store_relaxed(&tag[i], who);
	return true;
}

static struct bpfstream_page *find(u32 who)
{
	u32 end = bsp_load_relaxed(&limit);
	u32 word;

	for (word = 0; word * 64 < end; word++) {
		u64 bits = bsp_load_relaxed(&map[word]);

		for (; bits; bits &= bits - 1) {
			u32 i = word * 64 + (u32)__builtin_ctzll(bits);

			if (i >= end)
				return NULL;
			if (take(i, who))
				return page_at(i);
		}
	}
	return NULL;
}

/*
 * Asking after every thread takes a system call each: not at every shortage. Apart, and called
 * last, so it does not add to the stack that a page takes.
 */
static struct bpfstream_page * __attribute__((__noinline__)) find_left_behind(u32 who)
{
	if (__atomic_fetch_add(&shortages, 1, __ATOMIC_RELAXED) % 64 || !bsp_slots_reap())
		return NULL;
	return find(who);
}

/**
 * bsp_page_alloc_for() - a page for a level
 * @cpu: the level's, or what stands in for it past the deepest
 *
 * Should the context stop without an end before the page is @cpu's, a sweep finds it.
 *
 * Context: Any context, NMI-safe. Lock-free; looks at the hint's words in turn.
 * Return: page, or NULL if the budget is used up, by dead threads too.
 */
struct bpfstream_page *bsp_page_alloc_for(const struct bpfstream_cpu *cpu)
{
	u32 who = bsp_slot_tag(cpu);
	struct bpfstream_page *page;

	bsp_fault_point(BSP_POINT_PAGE_ALLOC);
	if (bsp_fault_page())
		return NULL;
	page = find(who);
	return page ? page : find_left_behind(who);
}

/* A page for nobody in particular, which no sweep finds. As bsp_page_alloc_for() otherwise. */
struct bpfstream_page *bsp_page_alloc(void)
{
	return bsp_page_alloc_for(NULL);
}

/**
 * bsp_page_free() - give a page back
 * @page: page nobody uses any more
 *
 * Context: Any context, NMI-safe. Wait-free.
 */
void bsp_page_free(struct bpfstream_page *page)
{
	u32 i = (u32)((size_t)((char *)page - bsp_arena) / BSP_PAGE_SIZE);

	bsp_fault_point(BSP_POINT_PAGE_FREE);
	bsp_note_release(&tag[i]);
	/* ORD(free:D) RELEASE, pairs with alloc:D: the last use of the page, then its next life. */
	__atomic_store_n(&tag[i], 0, __ATOMIC_RELEASE);
	show_free(i);
}

/**
 * bsp_arena_sweep() - find the pages that a context has lost hold of
 * @slot: whose thread or handler stopped without an end (died, or left by longjmp)
 * @level: the level it used, or BSP_NO_LEVEL for all of @slot's
 *
 * A page it took and did not use yet is freed; one it was about to retire is retired (page.c,
 * I5); a free page it did not show yet is shown. One that is settled is left to its references,
 * which other threads may be releasing at the same time.
 *
 * Context: Any context; the caller alone uses these levels of @slot.
 */
void bsp_arena_sweep(const struct bsp_slot *slot, u32 level)
{
	u32 end = bsp_load_relaxed(&limit);
	u32 i, n;

	for (i = 1; i < end; i++) {
		struct bpfstream_page *page = page_at(i);
		u32 who = bsp_load_relaxed(&tag[i]);	/* Relaxed: its own levels', or looked at again */
		u32 ref;

		if (!who && !(bsp_load_relaxed(&map[i / 64]) & bit_of(i)))
			show_free(i);
		if (who / 16 != bsp_slot_index(slot) + 1 || who % 16 == BSP_NO_LEVEL ||
		    (level != BSP_NO_LEVEL && who % TAKEN != level))
			continue;
		for (n = 0; n < BSP_LEVELS && slot->level[n].cpu.page != page; n++)
			;
		if (n < BSP_LEVELS)
			continue;
		/* ORD(sweep:L) ACQUIRE, pairs with tag:L. */
		ref = bsp_ref_read_acquire(&page->ref);
		if (bsp_load_relaxed(&tag[i]) != who)
			continue;
		if (who & TAKEN || ref == BPFSTREAM_PAGE_BLANK)
			bsp_page_free(page);
		else if (ref > BPFSTREAM_PAGE_BIAS / 2)
			bpfstream_page_retire(page, page->carved);
	}
}
