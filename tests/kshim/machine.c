// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * machine.c - the core on the kernel's shim, made to work
 *
 * The byte at a stream's position p is a function of p, so a reader knows what to expect.
 */
#include <linux/irq_work.h>

#include "percpu.h"
#include "stage.h"

#include "machine.h"

#define CAPACITY	(4u << 20)
#define TEXT_MAX	(3 * (1u << 16))
#define CHECK(cond)	do { if (!(cond)) return __LINE__; } while (0)
#define RUN(call)	do { int line_ = (call); if (line_) return line_; } while (0)

static struct bpfstream stream;
static char text[TEXT_MAX];
static u64 written;
static u64 read;

static struct bpfstream_cpu *cpu[BSP_LEVELS];
static unsigned long cpu_flags[BSP_LEVELS];

/* ---- levels ---- */

/* Leave no level to who comes now. */
void kshim_go_deep(void)
{
	unsigned int n;

	for (n = 0; n < BSP_LEVELS; n++)
		cpu[n] = bsp_cpu_enter(&cpu_flags[n]);
}

void kshim_come_back(void)
{
	unsigned int n;

	for (n = BSP_LEVELS; n--;)
		bsp_cpu_leave(cpu[n], cpu_flags[n]);
}

/* Give back the pages that the levels hold. */
void kshim_retire(void)
{
	unsigned int n;

	kshim_go_deep();
	for (n = 0; n < BSP_LEVELS; n++) {
		struct bpfstream_page *page = cpu[n]->page;

		cpu[n]->page = NULL;
		if (page)
			bpfstream_page_retire(page, cpu[n]->carved);
	}
	kshim_come_back();
}

/* An irq_work. */
void kshim_run(void *work)
{
	struct irq_work *it = work;

	it->func(it);
}

void kshim_refill(void)
{
	bsp_pages_refill();
}

/* Where the allocator refuses, all that can be had are spares. */
void kshim_drop_spares(void)
{
	struct bpfstream_page *page[16];
	unsigned int nr = 0;

	while (nr < 16 && (page[nr] = bsp_page_alloc()))
		nr++;
	while (nr)
		bsp_page_free(page[--nr]);
}

/* ---- text ---- */

unsigned long kshim_page_size(void)
{
	return BSP_PAGE_SIZE;
}

static char byte_at(u64 pos)
{
	return (char)(pos * 0x9e3779b97f4a7c15ull >> 56);
}

static int put(u32 len)
{
	bool was_empty;
	u32 i;
	int err;

	for (i = 0; i < len; i++)
		text[i] = byte_at(written + i);
	err = bpfstream_push(&stream, text, len, &was_empty);
	if (!err)
		written += len;
	return err;
}

static long compare(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	bool *same = ctx;
	long taken = 0;
	unsigned int i;
	size_t n;

	for (i = 0; i < nr; i++)
		for (n = 0; n < piece[i].len; n++, taken++)
			if (piece[i].text[n] != byte_at(read++))
				*same = false;
	return taken;
}

static int get(size_t max)
{
	u64 before = read;
	bool same = true;
	long n;

	bsp_mutex_lock(&stream.lock);
	n = bpfstream_deliver(&stream, compare, &same, max);
	bsp_mutex_unlock(&stream.lock);
	CHECK(same);
	CHECK(n >= 0 && read - before == (u64)n);
	CHECK(bpfstream_pending(&stream) == written - read);
	return 0;
}

static void begin(u32 capacity, u32 flags)
{
	written = 0;
	read = 0;
	bpfstream_init(&stream, capacity, flags);
}

static int end(void)
{
	RUN(get(~(size_t)0));
	CHECK(written == read);
	bpfstream_destroy(&stream);
	return 0;
}

/* ---- the tests ---- */

int kshim_every_length(void)
{
	u32 max = 2 * BSP_PAGE_SIZE + 64;
	u32 step = BSP_PAGE_SIZE / 4096;
	u32 len;

	begin(CAPACITY, 0);
	for (len = 0; len < max; len += step) {
		CHECK(!put(len));
		CHECK(!put(1));
		RUN(get(~(size_t)0));
	}
	return end();
}

int kshim_random_traffic(unsigned int seed)
{
	unsigned int round;
	u64 draw = seed;

	begin(100000, 0);
	for (round = 0; round < 4000; round++) {
		u32 len, kind;
		int err;

		draw = draw * 6364136223846793005ull + 1442695040888963407ull;
		kind = (u32)(draw >> 60);
		len = (u32)(draw >> 33) % (kind ? 200 : 50000);
		if (kind < 12) {
			bool fits = written - read + len < 100000;

			err = put(len);
			CHECK(err == (fits ? 0 : -ENOSPC));
		} else {
			RUN(get(kind == 12 ? ~(size_t)0 : len * 7));
		}
	}
	return end();
}

/* The weight has no bit to spare at 4 MiB: the last byte must not spill into anything. */
int kshim_full_stream(void)
{
	begin(CAPACITY, 0);
	while (written + TEXT_MAX < CAPACITY)
		CHECK(!put(TEXT_MAX));
	CHECK(put(CAPACITY - (u32)written) == -ENOSPC);
	CHECK(!put(CAPACITY - 1 - (u32)written));
	CHECK(bpfstream_pending(&stream) == CAPACITY - 1);
	CHECK(put(1) == -ENOSPC);
	RUN(get(1));
	CHECK(!put(1));
	CHECK(put(1) == -ENOSPC);
	CHECK(bpfstream_lost(&stream).count == 3);
	return end();
}

int kshim_stage(void)
{
	struct bpfstream_staged stage;
	bool was_empty;
	u32 len, i;

	begin(CAPACITY, 0);
	bpfstream_staged_init(&stage);
	for (len = 1; len < 3000; len += 7) {
		for (i = 0; i < len; i++)
			text[i] = byte_at(written + i);
		CHECK(!bpfstream_staged_push(&stage, text, len));
		written += len;
	}
	CHECK(!bpfstream_pending(&stream));
	CHECK(!bpfstream_staged_commit(&stage, &stream, &was_empty));
	CHECK(was_empty);
	bpfstream_staged_free(&stage);
	return end();
}

static long keep(void *ctx, const struct bpfstream_piece *piece, unsigned int nr)
{
	char **to = ctx;
	long taken = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		memcpy(*to, piece[i].text, piece[i].len);
		*to += piece[i].len;
		taken += (long)piece[i].len;
	}
	return taken;
}

int kshim_loss_line(void)
{
	static const char want[] = "before[1 message, 9 bytes lost]\nafter";
	char got[64];
	char *pos = got;
	bool was_empty;

	bpfstream_init(&stream, 8, BPFSTREAM_FLAG_LOST_LINES);
	CHECK(!bpfstream_push(&stream, "before", 6, &was_empty));
	CHECK(bpfstream_push(&stream, "to a flood", 9, &was_empty) == -ENOSPC);
	CHECK(bpfstream_deliver(&stream, keep, &pos, 6) == 6);
	CHECK(!bpfstream_push(&stream, "after", 5, &was_empty));
	CHECK(bpfstream_deliver(&stream, keep, &pos, 64) == sizeof(want) - 7);
	CHECK(pos - got == sizeof(want) - 1 && !memcmp(got, want, sizeof(want) - 1));
	bpfstream_destroy(&stream);
	return 0;
}

int kshim_no_page(void)
{
	bool was_empty;

	bpfstream_init(&stream, CAPACITY, 0);
	CHECK(bpfstream_push(&stream, "text", 4, &was_empty) == -ENOMEM);
	CHECK(bpfstream_tally_read(&stream.lost[BPFSTREAM_LOST_NOMEM]).count == 1);
	CHECK(!bpfstream_pending(&stream));
	bpfstream_destroy(&stream);
	return 0;
}

/* Print @pages pages full; it stays unread. */
int kshim_pages_used(unsigned int pages)
{
	begin(CAPACITY, 0);
	while (pages--)
		CHECK(!put(BSP_PAGE_SIZE - 64));
	return 0;
}

/* Print until there is no page any more; what was accepted stays unread. */
int kshim_pages_used_up(void)
{
	u32 len = BSP_PAGE_SIZE / 2;
	int err;

	begin(CAPACITY, 0);
	while (!(err = put(len)))
		;
	CHECK(err == -ENOMEM);
	CHECK(written >= len);
	return 0;
}

int kshim_read_all(void)
{
	return end();
}
