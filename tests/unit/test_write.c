// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_write.c - write.c and prog.c: what is accepted, what is refused, and how that is told
 *
 * Whatever is refused, nothing but one loss counter, and the bytes lost, has changed.
 */
#include "fixture.h"

#include <limits.h>
#include <stdlib.h>

#define OUT	BPFSTREAM_STDOUT
#define ERR	BPFSTREAM_STDERR
#define NR(a)	(sizeof(a) / sizeof(*(a)))

static char pattern[FIXTURE_CAPACITY + 100];
static char buf[FIXTURE_CAPACITY + 100];

static const int no_id[] = { 0, 3, -1, 4, INT_MAX, INT_MIN };

/* What is wrong on purpose is kept from the compiler, which would say so. */
static const char *volatile no_string;
static volatile int int_max = INT_MAX;
static volatile int int_min = INT_MIN;

/* No %: the pattern is a format too. */
static int group_setup(void **state)
{
	size_t i;

	(void)state;
	fixture_pattern(pattern, sizeof(pattern), 9);
	for (i = 0; i < sizeof(pattern); i++)
		if (pattern[i] == '%')
			pattern[i] = '~';
	return 0;
}

static struct bpfstream_prog *prog_of(void **state)
{
	return ((struct fixture *)*state)->prog;
}

static struct bpfstream *stream_of(void **state)
{
	return ((struct fixture *)*state)->s;
}

static struct bpfstream_stat stat_of(struct bpfstream_prog *prog, enum bpfstream_id id)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };

	assert_int_equal(bpfstream_prog_stat(prog, id, &stat), 0);
	return stat;
}

static void assert_lost(struct bpfstream_prog *prog, u64 full, u64 nomem, u64 invalid, u64 bytes)
{
	struct bpfstream_stat stat = stat_of(prog, OUT);

	assert_int_equal(stat.lost_full, full);
	assert_int_equal(stat.lost_nomem, nomem);
	assert_int_equal(stat.lost_invalid, invalid);
	assert_int_equal(stat.lost_bytes, bytes);
	assert_int_equal(errno, FIXTURE_ERRNO);
}

/* A program of one's own making; its end is the fixture's. */
static struct fixture *make(struct bpfstream_opts opts)
{
	struct fixture *f;

	opts.sz = sizeof(opts);
	f = fixture_make(&opts);
	assert_non_null(f);
	return f;
}

static void unmake(struct fixture *f)
{
	void *state = f;

	fixture_teardown(&state);
}

/* ---- the writers, alike: @len bytes of the pattern ---- */

static int put_printf(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len)
{
	return bpfstream_printf(prog, id, "%.*s", (int)len, pattern);
}

static int put_padded(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len)
{
	return bpfstream_printf(prog, id, "%*s", (int)len, "");
}

static int call_vprintf(struct bpfstream_prog *prog, enum bpfstream_id id, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = bpfstream_vprintf(prog, id, fmt, ap);
	va_end(ap);
	return err;
}

static int put_vprintf(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len)
{
	return call_vprintf(prog, id, "%.*s", (int)len, pattern);
}

static int put_write(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len)
{
	return bpfstream_write(prog, id, pattern, len);
}

static int put_bprintf(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len)
{
	memcpy(buf, pattern, len);
	buf[len] = '\0';
	return bpfstream_bprintf(prog, id, buf, NULL, 0);
}

/* A line whose format is not checked when it is compiled. */
static int stage_wrong(struct bpfstream_stage *ss, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = bpfstream_stage_vprintf(ss, fmt, ap);
	va_end(ap);
	return err;
}

/* Of a line that is lost the line's call tells: the commit is then one of an empty group. */
static int put_group(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len)
{
	struct bpfstream_stage ss;
	int line = 0;
	int err;

	err = bpfstream_stage(&ss, prog, id,
			      line = bpfstream_stage_printf(&ss, "%.*s", (int)len, pattern));
	return err ? err : line;
}

static int (*const writer[])(struct bpfstream_prog *prog, enum bpfstream_id id, size_t len) = {
	put_printf, put_padded, put_vprintf, put_write, put_bprintf, put_group
};

/* ---- what is asked for ---- */

static void a_stream_that_is_not_there_is_refused_and_nothing_counted(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t w, i;

	for (w = 0; w < NR(writer); w++) {
		assert_int_equal(writer[w](NULL, OUT, 5), -EINVAL);
		for (i = 0; i < NR(no_id); i++) {
			assert_int_equal(writer[w](prog, (enum bpfstream_id)no_id[i], 5), -ENOENT);
			assert_int_equal(writer[w](NULL, (enum bpfstream_id)no_id[i], 5), -EINVAL);
		}
	}
	assert_lost(prog, 0, 0, 0, 0);
	assert_int_equal(bpfstream_lost(&prog->stream[1]).count, 0);
	assert_reads(stream_of(state), "");
	assert_no_page_adrift();
}

static void the_streams_of_a_program_are_two(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t w;

	for (w = 0; w < NR(writer); w++) {
		assert_int_equal(writer[w](prog, ERR, 3), 0);
		assert_int_equal(stat_of(prog, OUT).pending, 0);
		assert_int_equal(stat_of(prog, ERR).pending, 3);
		assert_int_equal(writer[w](prog, OUT, 2), 0);
		assert_int_equal(stat_of(prog, OUT).pending, 2);
		bpfstream_discard(&prog->stream[0]);
		bpfstream_discard(&prog->stream[1]);
	}
}

static void an_empty_message_is_success_and_stores_nothing(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t w;

	for (w = 0; w < NR(writer); w++)
		assert_int_equal(writer[w](prog, OUT, 0), 0);
	assert_int_equal(bpfstream_printf(prog, OUT, "%s%.0s", "", "text"), 0);
	assert_int_equal(bpfstream_write(prog, OUT, NULL, 0), 0);
	assert_int_equal(stat_of(prog, OUT).pending, 0);
	assert_int_equal(bsp_arena_live(), 0);
	assert_lost(prog, 0, 0, 0, 0);
}

static void bytes_are_written_as_they_are(void **state)
{
	static const char text[] = "nul \0 percent %s %n\xff\n";

	assert_int_equal(bpfstream_write(prog_of(state), OUT, text, sizeof(text)), 0);
	assert_reads_bytes(stream_of(state), text, sizeof(text));
}

static void null_prints_as_null(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	assert_int_equal(bpfstream_printf(prog, OUT, "%s|%8s|%-8s|", no_string, no_string, no_string),
			 0);
	assert_reads(stream_of(state), "(null)|  (null)|(null)  |");
}

/* ---- refused formats and arguments ---- */

static void a_format_that_is_not_known_is_refused_and_counted(void **state)
{
	static const char *const fmt[] = {
		"%", "%n", "%hhn", "%ln", "%*n", "%ls", "%lc", "%S", "%C", "%a", "%A", "%Lf", "%Lg",
		"%hf", "%hs", "%zs", "%lp", "%l%", "%y", "%v", "%5", "%-", "%.", "%ll", "%'d", "%1$d",
		"%2147483648d", "%.2147483648d", "%99999999999999999999d", "%lld%n", "%w8d", "% ",
	};
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;
	char text[100];
	size_t i;

	bpfstream_stage_init(&ss);
	for (i = 0; i < NR(fmt); i++) {
		strcpy(text, "abc");
		strcat(text, strcmp(fmt[i], "%lld%n") ? fmt[i] : "%%%n");
		assert_int_equal(bpfstream_printf(prog, OUT, text, 1, 2), -EINVAL);
		assert_int_equal(call_vprintf(prog, OUT, text, 1, 2), -EINVAL);
		assert_int_equal(bpfstream_stage_printf(&ss, text, 1, 2), -EINVAL);
	}
	assert_lost(prog, 0, 0, 2 * NR(fmt), 2 * (3 * NR(fmt) + 1));
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_lost(prog, 0, 0, 3 * NR(fmt), 3 * (3 * NR(fmt) + 1));
	assert_reads(stream_of(state), "");
}

static void no_format_and_no_text_are_refused_and_counted(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;

	assert_int_equal(bpfstream_printf(prog, OUT, NULL), -EINVAL);
	assert_int_equal(call_vprintf(prog, OUT, NULL), -EINVAL);
	assert_int_equal(bpfstream_write(prog, OUT, NULL, 1), -EINVAL);
	assert_int_equal(bpfstream_write(prog, OUT, NULL, SIZE_MAX), -EINVAL);
	assert_int_equal(bpfstream_bprintf(prog, OUT, NULL, NULL, 0), -EINVAL);
	assert_lost(prog, 0, 0, 5, 0);
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, NULL), -EINVAL);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_lost(prog, 0, 0, 6, 0);
	assert_int_equal(bpfstream_lost(&prog->stream[1]).count, 0);
}

static void arguments_of_a_bprintf_are_whole_words_and_twelve_at_most(void **state)
{
	static const uint32_t bad[] = { 1, 4, 7, 9, 12, 95, 97, 104, 1024, INT32_MAX, 1u << 31,
					UINT32_MAX, UINT32_MAX - 7 };
	static const uint64_t args[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct bpfstream_prog *prog = prog_of(state);
	size_t i;

	for (i = 0; i < NR(bad); i++)
		assert_int_equal(bpfstream_bprintf(prog, OUT, "abc", args, bad[i]), -EINVAL);
	assert_int_equal(bpfstream_bprintf(prog, OUT, "abc", NULL, 8), -EINVAL);
	assert_lost(prog, 0, 0, NR(bad) + 1, 0);
	for (i = 0; i <= 96; i += 8)	/* more than are used do no harm */
		assert_int_equal(bpfstream_bprintf(prog, OUT, ".", args, (uint32_t)i), 0);
	assert_reads(stream_of(state), ".............");
	assert_int_equal(bpfstream_bprintf(prog, OUT, "%d%d%d%d%d%d%d%d%d%d%d%d", args, 96), 0);
	assert_reads(stream_of(state), "01234567891011");
	assert_lost(prog, 0, 0, NR(bad) + 1, 0);
}

static void a_bprintf_is_refused_for_each_of_its_causes(void **state)
{
	static char long_text[600];
	uint64_t args[12];
	const struct {
		const char *fmt;
		uint32_t args_sz;
		int err;
		u64 bytes;
	} row[] = {
		{ "ab%d", 0, -EINVAL, 2 },		/* too few arguments */
		{ "ab%s%d", 8, -EINVAL, 513 },
		{ "ab%f", 8, -EINVAL, 2 },
		{ "ab\x01", 0, -EINVAL, 2 },
		{ "ab%", 8, -EINVAL, 2 },
		{ "ab%s%s", 16, -ENOSPC, 513 },		/* packed, more than 512 bytes */
		{ "ab%1022d", 8, -E2BIG, 2 },
		{ "ab%99999999999d", 8, -E2BIG, 2 },
	};
	struct bpfstream_prog *prog = prog_of(state);
	u64 full = 0, invalid = 0, bytes = 0;
	size_t i;

	memset(long_text, 'x', sizeof(long_text) - 1);
	for (i = 0; i < NR(args); i++)
		args[i] = (uintptr_t)long_text;
	for (i = 0; i < NR(row); i++) {
		assert_int_equal(bpfstream_bprintf(prog, OUT, row[i].fmt, args, row[i].args_sz),
				 row[i].err);
		full += row[i].err == -ENOSPC;
		invalid += row[i].err != -ENOSPC;
		bytes += row[i].bytes;
		assert_lost(prog, full, 0, invalid, bytes);
	}
	assert_reads(stream_of(state), "");
}

static void a_bprintf_of_1023_bytes_is_the_longest(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);

	assert_int_equal(put_bprintf(prog, OUT, 1023), 0);
	assert_reads_bytes(stream_of(state), pattern, 1023);
	assert_int_equal(put_bprintf(prog, OUT, 1024), -E2BIG);
	assert_int_equal(put_bprintf(prog, OUT, 1025), -E2BIG);
	assert_int_equal(put_bprintf(prog, OUT, 5000), -E2BIG);
	assert_int_equal(stat_of(prog, OUT).lost_invalid, 3);
}

/* ---- the bound ---- */

#define SMALL	14u

static void the_capacity_is_exact_and_exclusive_for_every_writer(void **state)
{
	struct fixture *f = make((struct bpfstream_opts){ .capacity = SMALL });
	size_t w, waits, len;
	u64 full = 0, bytes = 0;

	(void)state;
	for (w = 0; w < NR(writer); w++) {
		for (waits = 0; waits < SMALL; waits++) {
			for (len = 1; len <= SMALL + 3; len++) {
				bool fits = waits + len < SMALL;

				assert_int_equal(put_write(f->prog, OUT, waits), 0);
				assert_int_equal(writer[w](f->prog, OUT, len), fits ? 0 : -ENOSPC);
				assert_int_equal(stat_of(f->prog, OUT).pending,
						 fits ? waits + len : waits);
				full += !fits;
				assert_int_equal(stat_of(f->prog, OUT).lost_full, full);
				assert_int_equal(stat_of(f->prog, OUT).lost_nomem, 0);
				assert_int_equal(stat_of(f->prog, OUT).lost_invalid, 0);
				/* A width that no stream has room for is not even begun. */
				bytes += !fits && (w != 1 || len < SMALL) ? len : 0;
				assert_int_equal(stat_of(f->prog, OUT).lost_bytes, bytes);
				bpfstream_discard(f->s);
			}
		}
	}
	unmake(f);
}

static void a_message_up_to_the_capacity_is_whole_for_every_writer(void **state)
{
	static const size_t length[] = { 4000, 4080, 4081, 8192, 50000, FIXTURE_CAPACITY - 1 };
	struct bpfstream_prog *prog = prog_of(state);
	size_t w, i;

	for (w = 0; w < NR(writer); w++) {
		if (writer[w] == put_bprintf || writer[w] == put_padded)
			continue;
		for (i = 0; i < NR(length); i++) {
			assert_int_equal(writer[w](prog, OUT, length[i]), 0);
			assert_reads_bytes(stream_of(state), pattern, length[i]);
		}
		assert_int_equal(writer[w](prog, OUT, FIXTURE_CAPACITY), -ENOSPC);
	}
}

static void a_length_that_cannot_be_is_refused_unseen(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long allocs = bsp_fault.page_allocs;

	assert_int_equal(bpfstream_write(prog, OUT, "abc", SIZE_MAX), -ENOSPC);
	assert_int_equal(bpfstream_write(prog, OUT, "abc", (size_t)1 << 32), -ENOSPC);
	assert_int_equal(bpfstream_write(prog, OUT, "abc", ((size_t)1 << 32) + 3), -ENOSPC);
	assert_int_equal(stat_of(prog, OUT).lost_full, 3);
	assert_int_equal(bsp_fault.page_allocs, allocs);
}

/* Widths are checked before they are filled in, so a mistake in a format does not cost a pool. */
static void a_width_beyond_the_capacity_costs_no_page(void **state)
{
	static const char *const fmt[] = {
		"%100001d", "%8388607d", "%2147483647d", "%-2147483647d", "%.2147483647d",
		"%02147483647d", "%+.2147483647d", "%2147483647x", "%2147483647c", "%-2147483647c",
		"%2147483647u%d", "%#2147483647o", "%2147483647i%100000d",
	};
	static const char *const with_double[] = {
		"%2147483647f", "%-2147483647e", "%.2147483647f", "%.2147483647e", "%02147483647g",
	};
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long allocs;
	size_t i;

	assert_int_equal(put_write(prog, OUT, 1), 0);
	allocs = bsp_fault.page_allocs;
	for (i = 0; i < NR(fmt); i++)
		assert_int_equal(bpfstream_printf(prog, OUT, fmt[i], 1, 2), -ENOSPC);
	for (i = 0; i < NR(with_double); i++)
		assert_int_equal(bpfstream_printf(prog, OUT, with_double[i], 1.5), -ENOSPC);
	assert_int_equal(bpfstream_printf(prog, OUT, "%*d%.*d", int_max, 1, 3, 1), -ENOSPC);
	assert_int_equal(bpfstream_printf(prog, OUT, "%*s", -int_max, ""), -ENOSPC);
	assert_int_equal(bpfstream_printf(prog, OUT, "%*d", int_min, 1), -EINVAL);
	assert_int_equal(bsp_fault.page_allocs, allocs);
	assert_int_equal(bpfstream_printf(prog, OUT, "%99998d", 1), 0);
	bpfstream_discard(stream_of(state));
}

static void a_string_beyond_the_capacity_costs_no_more_than_the_capacity(void **state)
{
	size_t len = 10 * FIXTURE_CAPACITY;
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long allocs = bsp_fault.page_allocs;
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	assert_int_equal(bpfstream_printf(prog, OUT, "%s", text), -ENOSPC);
	assert_true(bsp_fault.page_allocs - allocs <= FIXTURE_CAPACITY / 4000 + 1);
	assert_int_equal(bpfstream_printf(prog, OUT, text, 1), -ENOSPC);
	assert_true(bsp_fault.page_allocs - allocs <= 2 * (FIXTURE_CAPACITY / 4000 + 1));
	assert_int_equal(stat_of(prog, OUT).lost_full, 2);
	assert_no_page_adrift();
	free(text);
}

static void a_full_stream_refuses_without_a_page(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned long allocs;
	size_t w, i;

	assert_int_equal(put_write(prog, OUT, FIXTURE_CAPACITY - 1), 0);
	assert_int_equal(put_write(prog, OUT, 1), -ENOSPC);
	allocs = bsp_fault.page_allocs;
	for (w = 0; w < NR(writer) && writer[w] != put_group; w++)
		for (i = 0; i < 500; i++)
			assert_int_equal(writer[w](prog, OUT, 40), -ENOSPC);
	assert_int_equal(bsp_fault.page_allocs, allocs);
	for (i = 0; i < 500; i++)	/* a group takes its room, but gives it back */
		assert_int_equal(put_group(prog, OUT, 40), -ENOSPC);
	assert_in_range(bsp_fault.page_allocs - allocs, 1, 500 * 48 / 4000 + 1);
	assert_in_range(bsp_arena_live(), 1, FIXTURE_CAPACITY / 4000 + 1);
	assert_lost(prog, 1 + 500 * NR(writer), 0, 0, 1 + 500 * NR(writer) * 40);
	assert_int_equal(put_write(prog, ERR, 40), 0);
	bpfstream_discard(&prog->stream[0]);
	bpfstream_discard(&prog->stream[1]);
}

/* ---- the end of a page ---- */

static const size_t rooms[] = { 0, 8, 32, 40, 56, 200, 208, 216, 264, 1000 };

/* Carve the page, of which @carved bytes are, until @room is left; what is in there is read. */
static void carve_up_to(struct bpfstream_prog *prog, size_t carved, size_t room)
{
	assert_int_equal(put_write(prog, OUT, 4096 - carved - 8 - room), 0);
	bpfstream_discard(&prog->stream[0]);
	assert_int_equal(bsp_slot_self()->level[0].cpu.carved, 4096 - room);
}

/* Have this thread's page end @room bytes from now, and no text wait. */
static void leave_room(struct bpfstream_prog *prog, size_t room)
{
	fixture_forget_pages();
	carve_up_to(prog, 8, room);
}

/* The same, and a byte of the page is unread: it cannot be begun again. */
static void leave_room_unread(struct bpfstream_prog *prog, size_t room)
{
	fixture_forget_pages();
	assert_int_equal(put_write(prog, BPFSTREAM_STDERR, 1), 0);
	carve_up_to(prog, 8 + 16, room);
}

/* All ways to say the same: its last conversion, or its literal text, may meet the page's end. */
static int say(unsigned int way, struct bpfstream_prog *prog, const char *text)
{
	struct bpfstream_stage ss;

	switch (way) {
	case 0:
		return bpfstream_printf(prog, OUT, "%s", text);
	case 1:
		return bpfstream_printf(prog, OUT, text, 0);
	case 2:
		return bpfstream_printf(prog, OUT, "%s%s", "", text);
	case 3:
		return call_vprintf(prog, OUT, "%s", text);
	case 4:
		return call_vprintf(prog, OUT, text);
	case 5:
		return bpfstream_stage(&ss, prog, OUT, bpfstream_stage_printf(&ss, "%s", text));
	case 6:
		return bpfstream_stage(&ss, prog, OUT, bpfstream_stage_printf(&ss, text, 0));
	default:
		return bpfstream_write(prog, OUT, text, strlen(text));
	}
}

#define WAYS	8u

static void a_page_may_end_anywhere_in_a_print(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t step = RUNNING_ON_VALGRIND ? 13 : 1;
	unsigned int way;
	char text[1101];
	size_t r, len;

	for (way = 0; way < WAYS; way++) {
		for (r = 0; r < NR(rooms); r++) {
			for (len = rooms[r] > 60 ? rooms[r] - 60 : 1; len < rooms[r] + 100; len += step) {
				memcpy(text, pattern, len);
				text[len] = '\0';
				leave_room(prog, rooms[r]);
				assert_int_equal(say(way, prog, text), 0);
				assert_reads_bytes(stream_of(state), pattern, len);
			}
		}
	}
}

static void without_another_page_what_fits_the_rest_of_one_is_accepted(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned int way;
	char text[1101];
	size_t r;

	for (way = 0; way < WAYS; way++) {
		for (r = 0; r < NR(rooms); r++) {
			size_t most = rooms[r] < BPFSTREAM_MIN_ROOM ? 0 : rooms[r] - 8;
			size_t len;

			for (len = most ? most - 1 : 1; len <= most + 1; len++) {
				memcpy(text, pattern, len);
				text[len] = '\0';
				leave_room_unread(prog, rooms[r]);
				fixture_fail_page(1, 0);
				/* A group's commit has nothing to say of a line that was lost. */
				assert_int_equal(say(way, prog, text),
						 len <= most || way == 5 || way == 6 ? 0 : -ENOMEM);
				fixture_fail_no_page();
				assert_reads_bytes(stream_of(state), pattern, len <= most ? len : 0);
				bpfstream_discard(&prog->stream[1]);
			}
		}
	}
	assert_int_equal(stat_of(prog, OUT).lost_nomem, WAYS * NR(rooms));
}

static void without_another_page_one_that_was_read_is_begun_again(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	unsigned int way;
	char text[1101];
	size_t r;

	memcpy(text, pattern, 1000);
	text[1000] = '\0';
	for (way = 0; way < WAYS; way++) {
		for (r = 0; r < NR(rooms) && rooms[r] < BPFSTREAM_SPOT_ROOM; r++) {
			leave_room(prog, rooms[r]);
			fixture_fail_page(1, 0);
			assert_int_equal(say(way, prog, text), 0);
			fixture_fail_no_page();
			assert_reads_bytes(stream_of(state), pattern, 1000);
		}
	}
	assert_int_equal(stat_of(prog, OUT).lost_nomem, 0);
}

static void an_empty_message_with_a_page_at_hand_is_none_either(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;
	unsigned int way;
	size_t r;

	for (r = 0; r < NR(rooms); r++) {
		for (way = 0; way < WAYS; way++) {
			leave_room(prog, rooms[r]);
			assert_int_equal(say(way, prog, ""), 0);
			assert_true(bpfstream_llist_empty(&prog->stream[0].log));
		}
	}
	assert_int_equal(put_write(prog, OUT, FIXTURE_CAPACITY - 1), 0);
	for (way = 0; way < WAYS; way++)
		assert_int_equal(say(way, prog, ""), 0);
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", ""), 0);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_lost(prog, 0, 0, 0, 0);
	bpfstream_discard(stream_of(state));
}

/* ---- memory ---- */

static void without_a_page_every_writer_says_so_and_counts(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	size_t w;

	assert_int_equal(put_write(prog, OUT, 3), 0);
	for (w = 0; w < NR(writer); w++) {
		fixture_forget_pages();
		fixture_fail_page(1, 0);
		assert_int_equal(writer[w](prog, OUT, 40), -ENOMEM);
		fixture_fail_no_page();
		assert_lost(prog, 0, w + 1, 0, 0);
		assert_int_equal(stat_of(prog, OUT).pending, 3);
	}
	assert_reads_bytes(stream_of(state), pattern, 3);
}

static void a_page_that_fails_in_the_middle_costs_the_message_alone(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	u64 bytes = 0;
	unsigned long nth;

	for (nth = 1; nth <= 3; nth++) {
		assert_int_equal(put_write(prog, OUT, 10), 0);
		fixture_forget_pages();
		fixture_fail_page(nth, 1);
		assert_int_equal(put_printf(prog, OUT, 15000), -ENOMEM);
		fixture_fail_no_page();
		assert_int_equal(stat_of(prog, OUT).lost_nomem, nth);
		assert_in_range(stat_of(prog, OUT).lost_bytes - bytes, (nth - 1) * 4000, (nth - 1) * 4096);
		bytes = stat_of(prog, OUT).lost_bytes;
		assert_reads_bytes(stream_of(state), pattern, 10);
		assert_no_page_adrift();
	}
}

static void a_page_budget_is_kept_to_the_page(void **state)
{
	struct fixture *f;
	u32 pages;

	(void)state;
	for (pages = 1; pages <= 4; pages++) {
		f = make((struct bpfstream_opts){ .page_budget = pages, .capacity = 1 << 20 });
		assert_int_equal(bsp_arena_budget(), pages);
		assert_int_equal(put_write(f->prog, OUT, pages * 4096), -ENOMEM);
		assert_int_equal(put_write(f->prog, OUT, pages * 4080), 0);
		assert_int_equal(put_write(f->prog, OUT, 4000), -ENOMEM);
		assert_int_equal(stat_of(f->prog, OUT).lost_nomem, 2);
		assert_reads_bytes(f->s, pattern, pages * 4080);
		if (pages > 1)	/* one is this thread's, which turns it when it has another */
			assert_int_equal(put_write(f->prog, OUT, (pages - 1) * 4080), 0);
		bpfstream_discard(f->s);
		unmake(f);
	}
}

#define THREAD_PAGES	1024u	/* of a default budget, for what threads hold: one of them is ours */

static void the_default_budget_is_enough_for_messages_of_any_length(void **state)
{
	static const uint32_t capacity[] = { 2, 100, 5000, 400000 };
	static const size_t length[] = { 1, 2, 8, 9, 100, 4057, 4073, 4080 };
	size_t c, i;

	(void)state;
	for (c = 0; c < NR(capacity); c++) {
		for (i = 0; i < NR(length); i++) {
			struct fixture *f = make((struct bpfstream_opts){ .capacity = capacity[c] });
			int err;

			while (!(err = put_write(f->prog, OUT, length[i])))
				;
			assert_int_equal(err, -ENOSPC);
			while (!(err = put_write(f->prog, ERR, length[i])))
				;
			assert_int_equal(err, -ENOSPC);
			assert_true(bsp_arena_live() <= f->prog->pages - THREAD_PAGES + 1);
			bpfstream_discard(&f->prog->stream[0]);
			bpfstream_discard(&f->prog->stream[1]);
			unmake(f);
			if (capacity[c] == 400000 && RUNNING_ON_VALGRIND)
				break;
		}
	}
}

/* ---- groups ---- */

static void a_group_appears_at_once_and_whole(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;

	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "one %d\n", 1), 0);
	assert_int_equal(put_write(prog, OUT, 0), 0);
	assert_int_equal(bpfstream_printf(prog, OUT, "between\n"), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "two %s\n", "2"), 0);
	assert_int_equal(stat_of(prog, OUT).pending, 8);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);	/* it is empty now */
	assert_reads(stream_of(state), "between\none 1\ntwo 2\n");
	assert_int_equal(bpfstream_stage_printf(&ss, "again"), 0);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, ERR), 0);
	assert_reads(&prog->stream[1], "again");
	bpfstream_stage_free(&ss);
}

static void a_group_may_be_committed_again_after_an_error(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;
	size_t i;

	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "a group"), 0);
	assert_int_equal(stage_wrong(&ss, "%n"), -EINVAL);
	assert_int_equal(bpfstream_stage_commit(&ss, NULL, OUT), -EINVAL);
	for (i = 0; i < NR(no_id); i++)
		assert_int_equal(bpfstream_stage_commit(&ss, prog, (enum bpfstream_id)no_id[i]), -ENOENT);
	assert_lost(prog, 0, 0, 0, 0);
	assert_int_equal(put_write(prog, OUT, FIXTURE_CAPACITY - 7), 0);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), -ENOSPC);
	assert_lost(prog, 1, 0, 1, 7);
	bpfstream_discard(stream_of(state));
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_lost(prog, 1, 0, 1, 7);
	assert_reads(stream_of(state), "a group");
}

static void each_line_of_a_refused_group_is_a_message_lost(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;

	assert_int_equal(put_write(prog, OUT, FIXTURE_CAPACITY - 1), 0);
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "one"), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", ""), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s %d", "two", 2), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "%5d", 3), 0);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), -ENOSPC);
	assert_lost(prog, 3, 0, 0, 3 + 5 + 5);
	bpfstream_discard(stream_of(state));
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_reads(stream_of(state), "onetwo 2    3");
}

static void a_group_that_is_given_up_leaves_nothing(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage ss;

	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "%50000d", 1), 0);
	bpfstream_stage_free(&ss);
	assert_no_page_adrift();
	bpfstream_stage_free(&ss);
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "new"), 0);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_reads(stream_of(state), "new");
	assert_lost(prog, 0, 0, 0, 0);
}

static void no_group_is_refused_everywhere(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	struct bpfstream_stage *none = NULL;

	bpfstream_stage_init(none);
	assert_int_equal(bpfstream_stage_printf(none, "text"), -EINVAL);
	assert_int_equal(bpfstream_stage_printf(none, NULL), -EINVAL);
	assert_int_equal(bpfstream_stage_dump_stack(none), -EINVAL);
	assert_int_equal(bpfstream_stage_commit(none, prog, OUT), -EINVAL);
	assert_int_equal(bpfstream_stage_commit(none, NULL, OUT), -EINVAL);
	bpfstream_stage_free(none);
	assert_int_equal(bpfstream_stage(none, prog, OUT, bpfstream_stage_printf(none, "text")),
			 -EINVAL);
	assert_lost(prog, 0, 0, 0, 0);
}

static void a_group_longer_than_any_program_holds_is_refused_line_by_line(void **state)
{
	u32 longest = (u32)bsp_live_max_capacity();
	struct fixture *f = make((struct bpfstream_opts){ .capacity = longest });
	struct bpfstream_prog *prog = f->prog;
	struct bpfstream_stage ss;
	int most = (int)longest - 1;

	(void)state;
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "%*s", most + 1, ""), -ENOSPC);
	assert_int_equal(bpfstream_stage_printf(&ss, "%*s", most - 9, ""), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", "ten bytes!"), -ENOSPC);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", "and nine."), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", ""), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", "."), -ENOSPC);
	assert_int_equal(bpfstream_stage_commit(&ss, prog, OUT), 0);
	assert_int_equal(stat_of(prog, OUT).pending, most);
	assert_lost(prog, 3, 0, 0, 11);
	bpfstream_discard(f->s);
	unmake(f);
}

static void before_there_is_a_program_a_group_takes_no_text(void **state)
{
	struct bpfstream_stage ss;

	(void)state;
	errno = FIXTURE_ERRNO;
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "%s", ""), 0);
	assert_int_equal(bpfstream_stage_printf(&ss, "text"), -ENOSPC);
	assert_int_equal(stage_wrong(&ss, "%n"), -EINVAL);
	assert_true(bpfstream_stage_dump_stack(&ss) < 0);
	bpfstream_stage_free(&ss);
	assert_int_equal(errno, FIXTURE_ERRNO);
}

/* ---- programs ---- */

static void nonsense_makes_no_program(void **state)
{
	static const struct bpfstream_opts row[] = {
		{ .sz = 0 },
		{ .sz = 8 },
		{ .sz = sizeof(*row) - 1 },
		{ .sz = sizeof(*row) + 8 },
		{ .sz = SIZE_MAX },
		{ .sz = sizeof(*row), .capacity = 1 },
		{ .sz = sizeof(*row), .capacity = 1u << 31 },
		{ .sz = sizeof(*row), .capacity = UINT32_MAX },
		{ .sz = sizeof(*row), .page_budget = 1u << 31 },
		{ .sz = sizeof(*row), .page_budget = UINT32_MAX },
		{ .sz = sizeof(*row), .flags = 2 },
		{ .sz = sizeof(*row), .flags = BPFSTREAM_LOST_LINES | 1u << 31 },
	};
	u32 budget = bsp_arena_budget();
	size_t i;

	(void)state;
	for (i = 0; i < NR(row); i++) {
		errno = 0;
		assert_null(bpfstream_prog_create(&row[i]));
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(bsp_arena_budget(), budget);
	errno = FIXTURE_ERRNO;
}

static void more_pages_than_there_are_addresses_make_no_program(void **state)
{
	struct bpfstream_opts opts = { .sz = sizeof(opts), .page_budget = INT_MAX };
	u32 budget = bsp_arena_budget();

	(void)state;
	assert_null(bpfstream_prog_create(&opts));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(bsp_arena_budget(), budget);
	opts.page_budget = 10;
	bpfstream_prog_destroy(bpfstream_prog_create(&opts));
	assert_int_equal(bsp_arena_budget(), budget);
	errno = FIXTURE_ERRNO;
}

static void the_extremes_of_a_capacity_are_taken(void **state)
{
	static const uint32_t capacity[] = { 2, 3, INT_MAX - 1, INT_MAX };
	struct fixture *f;
	size_t i;

	(void)state;
	for (i = 0; i < NR(capacity); i++) {
		f = make((struct bpfstream_opts){ .capacity = capacity[i], .page_budget = 16 });
		assert_int_equal(stat_of(f->prog, OUT).capacity, capacity[i]);
		assert_int_equal(put_write(f->prog, OUT, 1), 0);
		assert_int_equal(put_write(f->prog, OUT, capacity[i]), -ENOSPC);
		bpfstream_discard(f->s);
		unmake(f);
	}
}

static void the_defaults_are_as_told(void **state)
{
	static const struct bpfstream_opts zeros = { .sz = sizeof(zeros) };
	const struct bpfstream_opts *opts[] = { NULL, &zeros };
	size_t i;

	(void)state;
	for (i = 0; i < NR(opts); i++) {
		struct fixture *f = fixture_make(opts[i]);

		assert_non_null(f);
		assert_int_equal(stat_of(f->prog, OUT).capacity, 4 << 20);
		assert_int_equal(stat_of(f->prog, ERR).capacity, BPFSTREAM_DEFAULT_CAPACITY);
		assert_int_equal(f->prog->name[0], '\0');
		assert_int_equal(bsp_arena_budget(), f->prog->pages);
		assert_int_equal(bpfstream_printf(f->prog, OUT, NULL), -EINVAL);
		assert_int_equal(bpfstream_printf(f->prog, OUT, "a"), 0);
		assert_reads(f->s, "a");	/* no line about the loss */
		unmake(f);
	}
}

static void flags_capacity_and_name_are_the_creators(void **state)
{
	struct fixture *f = make((struct bpfstream_opts){
		.capacity = 100, .page_budget = 7, .flags = BPFSTREAM_LOST_LINES,
		.name = "a name of exactly 31 characters" "and some more",
	});

	(void)state;
	assert_int_equal(stat_of(f->prog, OUT).capacity, 100);
	assert_int_equal(stat_of(f->prog, ERR).capacity, 100);
	assert_int_equal(bsp_arena_budget(), 7);
	assert_string_equal(f->prog->name, "a name of exactly 31 characters");
	assert_int_equal(bpfstream_printf(f->prog, OUT, NULL), -EINVAL);
	assert_reads(f->s, "[1 message, 0 bytes lost]\n");
	unmake(f);
	f = make((struct bpfstream_opts){ .capacity = 100, .name = "short" });
	assert_string_equal(f->prog->name, "short");	/* nothing of the storage's last user */
	assert_reads(f->s, "");
	assert_lost(f->prog, 0, 0, 0, 0);
	unmake(f);
}

static void pages_for_a_large_capacity_are_twice_the_text(void **state)
{
	struct fixture *f = make((struct bpfstream_opts){ .capacity = 64 << 20 });

	(void)state;
	assert_in_range(f->prog->pages, 4u * (64 << 20) / 4088, 5u * (64 << 20) / 4088);
	unmake(f);
	f = make((struct bpfstream_opts){ .capacity = 20 << 20 });
	assert_in_range(f->prog->pages, 65536, 67000);
	unmake(f);
}

static void text_that_nobody_has_read_goes_with_the_program(void **state)
{
	struct bpfstream_prog *prog = bpfstream_prog_create(NULL);
	struct bpfstream_stage ss;

	assert_non_null(prog);
	errno = FIXTURE_ERRNO;
	bpfstream_stage_init(&ss);
	assert_int_equal(bpfstream_stage_printf(&ss, "a group outlives it"), 0);
	assert_int_equal(put_write(prog, OUT, 50000), 0);
	assert_int_equal(put_write(prog, ERR, 60000), 0);
	assert_int_equal(bpfstream_prog_read(prog, ERR, buf, 30000), 30000);
	assert_true(bsp_arena_live() > 18);
	bpfstream_prog_destroy(prog);
	assert_true(bsp_arena_live() <= 2);
	assert_int_equal(bpfstream_stage_commit(&ss, prog_of(state), OUT), 0);
	assert_reads(stream_of(state), "a group outlives it");
	bpfstream_prog_destroy(NULL);
}

/* ---- asking ---- */

static void a_stat_is_filled_in_as_far_as_it_goes(void **state)
{
	struct bpfstream_prog *prog = prog_of(state);
	union {
		struct bpfstream_stat stat;
		unsigned char bytes[sizeof(struct bpfstream_stat) + 16];
	} now, all;
	size_t sz, i;

	assert_int_equal(put_write(prog, OUT, 20), 0);
	assert_int_equal(put_write(prog, OUT, FIXTURE_CAPACITY), -ENOSPC);
	all.stat = stat_of(prog, OUT);
	assert_int_equal(all.stat.capacity, FIXTURE_CAPACITY);
	assert_int_equal(all.stat.pending, 20);
	assert_int_equal(all.stat.lost_full, 1);
	for (sz = 0; sz <= sizeof(now); sz++) {
		size_t filled = sz < sizeof(now.stat) ? sz : sizeof(now.stat);

		memset(&now, 0xee, sizeof(now));
		now.stat.sz = sz;
		assert_int_equal(bpfstream_prog_stat(prog, OUT, &now.stat), sz <= 8 ? -EINVAL : 0);
		assert_int_equal(now.stat.sz, sz <= 8 ? sz : filled);
		for (i = 8; i < sizeof(now); i++)
			assert_int_equal(now.bytes[i], sz > 8 && i < filled ? all.bytes[i] : 0xee);
	}
	bpfstream_discard(stream_of(state));
}

static void a_stat_of_nothing_or_into_nothing_is_refused(void **state)
{
	struct bpfstream_stat stat = { .sz = sizeof(stat) };
	size_t i;

	assert_int_equal(bpfstream_prog_stat(NULL, OUT, &stat), -EINVAL);
	assert_int_equal(bpfstream_prog_stat(prog_of(state), OUT, NULL), -EINVAL);
	for (i = 0; i < NR(no_id); i++)
		assert_int_equal(bpfstream_prog_stat(prog_of(state), (enum bpfstream_id)no_id[i], &stat),
				 -ENOENT);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_there_is_a_program_a_group_takes_no_text),
		TEST(a_stream_that_is_not_there_is_refused_and_nothing_counted),
		TEST(the_streams_of_a_program_are_two),
		TEST(an_empty_message_is_success_and_stores_nothing),
		TEST(bytes_are_written_as_they_are),
		TEST(null_prints_as_null),
		TEST(a_format_that_is_not_known_is_refused_and_counted),
		TEST(no_format_and_no_text_are_refused_and_counted),
		TEST(arguments_of_a_bprintf_are_whole_words_and_twelve_at_most),
		TEST(a_bprintf_is_refused_for_each_of_its_causes),
		TEST(a_bprintf_of_1023_bytes_is_the_longest),
		cmocka_unit_test(the_capacity_is_exact_and_exclusive_for_every_writer),
		TEST(a_message_up_to_the_capacity_is_whole_for_every_writer),
		TEST(a_length_that_cannot_be_is_refused_unseen),
		TEST(a_width_beyond_the_capacity_costs_no_page),
		TEST(a_string_beyond_the_capacity_costs_no_more_than_the_capacity),
		TEST(a_full_stream_refuses_without_a_page),
		TEST(a_page_may_end_anywhere_in_a_print),
		TEST(without_another_page_what_fits_the_rest_of_one_is_accepted),
		TEST(without_another_page_one_that_was_read_is_begun_again),
		TEST(an_empty_message_with_a_page_at_hand_is_none_either),
		TEST(without_a_page_every_writer_says_so_and_counts),
		TEST(a_page_that_fails_in_the_middle_costs_the_message_alone),
		cmocka_unit_test(a_page_budget_is_kept_to_the_page),
		cmocka_unit_test(the_default_budget_is_enough_for_messages_of_any_length),
		TEST(a_group_appears_at_once_and_whole),
		TEST(a_group_may_be_committed_again_after_an_error),
		TEST(each_line_of_a_refused_group_is_a_message_lost),
		TEST(a_group_that_is_given_up_leaves_nothing),
		TEST(no_group_is_refused_everywhere),
		cmocka_unit_test(a_group_longer_than_any_program_holds_is_refused_line_by_line),
		TEST(nonsense_makes_no_program),
		TEST(more_pages_than_there_are_addresses_make_no_program),
		cmocka_unit_test(the_extremes_of_a_capacity_are_taken),
		cmocka_unit_test(the_defaults_are_as_told),
		cmocka_unit_test(flags_capacity_and_name_are_the_creators),
		cmocka_unit_test(pages_for_a_large_capacity_are_twice_the_text),
		TEST(text_that_nobody_has_read_goes_with_the_program),
		TEST(a_stat_is_filled_in_as_far_as_it_goes),
		TEST(a_stat_of_nothing_or_into_nothing_is_refused),
	};

	return cmocka_run_group_tests_name("write", tests, group_setup, NULL);
}
