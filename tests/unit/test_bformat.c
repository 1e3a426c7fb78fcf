// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_bformat.c - bformat.c: BPF's printf, with the kernel's grammar, limits and errors
 *
 * Where a text says "measured", a 7.3.4 kernel printed the same.
 */
#include <errno.h>

#include "format.h"
#include "written.h"

#define NO_LIMIT	((u64)1 << 40)
#define ERRNO_BEFORE	4711

/* Format @args_sz bytes of @args with @room bytes left in the page. */
static int print_raw(u64 limit, size_t room, const char *fmt, const u64 *args, u32 args_sz)
{
	struct bpfstream_out *out = written_open(limit, room);
	int err;

	errno = ERRNO_BEFORE;
	err = bsp_bformat(out, fmt, args, args_sz);
	assert_int_equal(errno, ERRNO_BEFORE);
	written_close();
	return err;
}

static u64 address(const void *ptr)
{
	return (u64)(uintptr_t)ptr;
}

#define ARGS(...)	((const u64[]){ __VA_ARGS__ }), (u32)sizeof((const u64[]){ __VA_ARGS__ })
#define NO_ARGS		NULL, 0

static int print(const char *fmt, const u64 *args, u32 args_sz)
{
	return print_raw(NO_LIMIT, ANY_ROOM, fmt, args, args_sz);
}

/* Prints @len bytes of @text, however much room is left in the page. */
static void assert_prints_bytes(const char *fmt, const char *text, size_t len, const u64 *args,
				u32 args_sz)
{
	size_t room;

	for (room = 0; room <= 48; room++) {
		int err = print_raw(NO_LIMIT, room < 48 ? room : ANY_ROOM, fmt, args, args_sz);

		if (err || written->len != len || memcmp(written->text, text, len))
			fail_msg("\"%s\", room %zu: %d, \"%s\", expected \"%s\"", fmt, room, err,
				 written->text, text);
	}
}

static void assert_prints(const char *fmt, const char *text, const u64 *args, u32 args_sz)
{
	assert_prints_bytes(fmt, text, strlen(text), args, args_sz);
}

static void assert_returns(int expected, const char *fmt, const u64 *args, u32 args_sz)
{
	int err = print(fmt, args, args_sz);

	if (err != expected)
		fail_msg("\"%s\": %d, expected %d", fmt ? fmt : "NULL", err, expected);
}

/* A string of @len times 'A', until the next call. */
static u64 string_of(size_t len)
{
	static char str[4096];

	assert_true(len < sizeof(str));
	memset(str, 'A', len);
	str[len] = '\0';
	return address(str);
}

static void measured_outputs_are_ours(void **state)
{
	(void)state;
	assert_prints("%5d|%-5d|%05d", "   42|42   |00042", ARGS(42, 42, 42));
	assert_prints("%+d|% d", "+42| 42", ARGS(42, 42));
	assert_prints("%c|%5c|%-5c|", "a|    b|c    |", ARGS('a', 'b', 'c'));
	assert_prints("%s|%10s|", "|          |", ARGS(0, 0));
	assert_prints("%s|%10s|%-8s|", "hello|     world|        |",
		      ARGS(address("hello"), address("world"), 0));
	assert_prints("%-+ 07d|", "+5     |", ARGS(5));
	assert_prints("%x %X %lx", "ff FF 123456789ab", ARGS(255, 255, 0x123456789ab));
	assert_prints("%lld%%", "3%", ARGS(3));
	assert_prints("%ps %pS %pB", "0x0 0x0 0x0", ARGS(0, 0, 0));
	assert_prints("%d", "1", ARGS(1, 2));
	assert_prints("caf\xc3\xa9\t\n", "caf\xc3\xa9\t\n", NO_ARGS);
}

static void literal_text_is_copied(void **state)
{
	(void)state;
	assert_prints("", "", NO_ARGS);
	assert_prints("a", "a", NO_ARGS);
	assert_prints("%%", "%", NO_ARGS);
	assert_prints("100%%, %%%%", "100%, %%", NO_ARGS);
	assert_prints("\t\n\v\f\r ~!\x80\xa0\xff", "\t\n\v\f\r ~!\x80\xa0\xff", NO_ARGS);
}

static void control_bytes_are_refused(void **state)
{
	char fmt[] = "text ? text";
	int byte;

	(void)state;
	for (byte = 1; byte < 256; byte++) {
		bool good = byte >= 0x80 || (byte >= ' ' && byte < 0x7f) ||
			    (byte >= '\t' && byte <= '\r');

		if (byte == '%')	/* "% t": a flag and no conversion */
			good = false;
		fmt[5] = (char)byte;
		assert_returns(good ? 0 : -EINVAL, fmt, NO_ARGS);
		assert_returns(good ? 0 : -EINVAL, fmt, ARGS(1));
	}
}

/* The list of section "format errors", as measured, and more of the kind. */
static void formats_that_the_kernel_refuses_are_refused(void **state)
{
	static const char *const fmt[] = {
		"%o", "%#x", "%hd", "%zu", "%.3s", "%*d", "%n", "%f", "%pe", "%pMF", "%sfoo", "%5%",
		"%ll", "%lllx", "%ls", "%lc", "%7-d", "%D", "%", "%p%", "\x01", "%\x80", "%\xff",
		"%hhd", "%jd", "%td", "%Ld", "%qd", "%l", "%5", "%-", "%0", "%e", "%g", "%a", "%pU",
		"%ph", "%pV", "%pa", "%pi5", "%pI", "%pi", "%pk", "%pu", "%pkx", "%pksfoo", "%pus1",
		"%s1", "%sA", "%s\xc3\xa9", "%s\x80", "%p\xc3\xa9", "%p\x80", "%pd", "%b", "%C", "%S", "%m",
		"%5.2d", "%d %", "%1$d", "%'d", "%d\x7f", "text\x1b", "% ", "%+", "%lp", "%s\x01"
	};
	size_t f;

	(void)state;
	for (f = 0; f < sizeof(fmt) / sizeof(*fmt); f++)
		assert_returns(-EINVAL, fmt[f], ARGS(0, 0, 0, 0));
}

/* The zero byte that ends a format is the last there is. */
static void nothing_behind_a_format_is_read(void **state)
{
	static const char *const fmt[] = {
		"%", "%5", "%-", "%l", "%ll", "%p", "%pk", "%pi", "%s%", "%d %l", "text", ""
	};
	char *edge = edge_of_memory();
	size_t f;

	(void)state;
	for (f = 0; f < sizeof(fmt) / sizeof(fmt[0]); f++) {
		char *at = edge - strlen(fmt[f]) - 1;
		bool good = !fmt[f][0] || !strcmp(fmt[f], "text") || !strcmp(fmt[f], "%p");

		memcpy(at, fmt[f], strlen(fmt[f]) + 1);
		assert_returns(good ? 0 : -EINVAL, at, ARGS(0, 0));
	}
	edge_unmap(edge);
}

static void bad_arguments_are_refused(void **state)
{
	static const u64 args[13];
	u32 size;

	(void)state;
	assert_returns(-EINVAL, NULL, NO_ARGS);
	for (size = 0; size <= sizeof(args); size++) {
		assert_returns(size % 8 || size > 96 ? -EINVAL : 0, "text", args, size);
		assert_returns(size ? -EINVAL : 0, "text", NULL, size);
	}
	assert_returns(-EINVAL, "text", args, UINT32_MAX - 7);
}

static void too_few_arguments_are_refused(void **state)
{
	(void)state;
	assert_returns(-EINVAL, "%d", NO_ARGS);
	assert_returns(-EINVAL, "%s", NO_ARGS);
	assert_returns(-EINVAL, "%d %d", ARGS(1));
	assert_returns(-EINVAL, "%p %c", ARGS(1));
	assert_prints("%d%d%d%d%d%d%d%d%d%d%d%d", "123456789101112",
		      ARGS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
}

static void integers_take_as_many_bits_as_their_size(void **state)
{
	(void)state;
	assert_prints("%d %i %u %x %X", "-1 -2 4294967293 fffffffc FFFFFFFB",
		      ARGS((u64)-1, (u64)-2, (u64)-3, (u64)-4, (u64)-5));
	assert_prints("%d %u", "-2147483648 1", ARGS(0x180000000, 0xf00000001));
	assert_prints("%ld %li %lu %lx %lX",
		      "-1 -2 18446744073709551613 fffffffffffffffc FFFFFFFFFFFFFFFB",
		      ARGS((u64)-1, (u64)-2, (u64)-3, (u64)-4, (u64)-5));
	assert_prints("%lld %lli %llu %llx %llX",
		      "-9223372036854775808 2 18446744073709551615 abc ABC",
		      ARGS((u64)1 << 63, 2, UINT64_MAX, 0xabc, 0xabc));
}

static void flags_and_width_apply_to_integers(void **state)
{
	(void)state;
	assert_prints("%0-7d|", "42     |", ARGS(42));
	assert_prints("%+05d|% 05d|%+-5d|", "+0042| 0042|+42  |", ARGS(42, 42, 42));
	assert_prints("%+u|% x|%+X|", "42|2a|2A|", ARGS(42, 42, 42));
	assert_prints("%+ d|%00005d|%--5d|", "+42|00042|42   |", ARGS(42, 42, 42));
	assert_prints("%05d|%5d|%+d|", "-0042|  -42|-42|", ARGS((u64)-42, (u64)-42, (u64)-42));
	assert_prints("%20lx|%020lx|", "    123456789abcdef0|0000123456789abcdef0|",
		      ARGS(0x123456789abcdef0, 0x123456789abcdef0));
}

static void characters_are_bytes(void **state)
{
	(void)state;
	assert_prints_bytes("%c%c%c", "a\0\xff", 3, ARGS('a', 0x100, 0xffff));
	assert_prints_bytes("%3c|%-3c|", "  \0|\0  |", 8, ARGS(0, 0));
	assert_prints("%05c|%cx|%c1", "    a|bx|c1", ARGS('a', 'b', 'c'));
}

static void strings_print(void **state)
{
	u64 s = address("str");

	(void)state;
	assert_prints("%s %s, %s", "str str, str", ARGS(s, s, s));
	assert_prints("%5s|%-5s|%05s|%+2s|", "  str|str  |  str|str|", ARGS(s, s, s, s));
	assert_prints("%s%d", "str1", ARGS(s, 1));
	assert_prints("%s\xa0%s\xbf%s\xd7%s\xf7", "str\xa0str\xbfstr\xd7str\xf7", ARGS(s, s, s, s));
	assert_prints("%pks %pus|%10pks|%-10pus|", "str str|str|str|", ARGS(s, s, s, s));
}

static void strings_of_every_length_print(void **state)
{
	char spaces[300];
	size_t len;

	(void)state;
	memset(spaces, ' ', sizeof(spaces));
	for (len = 0; len <= 511; len++) {
		const char *str = (const char *)(uintptr_t)string_of(len);
		size_t pad = len < sizeof(spaces) ? sizeof(spaces) - len : 0;

		assert_returns(0, "%s|", ARGS(address(str)));
		assert_int_equal(written->len, len + 1);
		assert_memory_equal(written->text, str, len);
		assert_returns(0, "%300s|", ARGS(address(str)));
		assert_int_equal(written->len, pad + len + 1);
		assert_memory_equal(written->text, spaces, pad);
		assert_memory_equal(written->text + pad, str, len);
		assert_returns(0, "%-300s|", ARGS(address(str)));
		assert_int_equal(written->len, len + pad + 1);
		assert_memory_equal(written->text, str, len);
		assert_memory_equal(written->text + len, spaces, pad);
	}
}

static void unreadable_strings_print_as_nothing(void **state)
{
	char *edge = edge_of_memory();
	u64 at = address(edge);

	(void)state;
	memset(edge - 200, 'u', 200);
	assert_prints("[%s %5s %pks %pus]", "[        ]", ARGS(at, at, at, at));
	assert_prints("[%s]", "[]", ARGS(UINT64_MAX));
	assert_prints("[%s]", "[]", ARGS(1));
	/* No end before the edge: nothing is printed of what can be read. */
	assert_prints("[%s %s %4s %pks]", "[       ]", ARGS(at - 1, at - 64, at - 65, at - 200));
	edge[-1] = '\0';
	assert_prints("[%s %s]", "[ uu]", ARGS(at - 1, at - 3));
	assert_returns(0, "%s", ARGS(at - 200));
	assert_int_equal(written->len, 199);
	edge_unmap(edge);
}

static void pointers_print_raw(void **state)
{
	(void)state;
	assert_prints("%p %px %pK", "0000000000001234 0000000000001234 0000000000001234",
		      ARGS(0x1234, 0x1234, 0x1234));
	assert_prints("%p|%p", "0000000000000000|ffffffffffffffff", ARGS(0, UINT64_MAX));
	assert_prints("%20px|%-20px|%020px|%8p|%2p|",
		      "                1234|1234                |00000000000000001234|    1234|1234|",
		      ARGS(0x1234, 0x1234, 0x1234, 0x1234, 0x1234));
	assert_prints("%-px|%0px|%+px|", "1234            |0000000000001234|0000000000001234|",
		      ARGS(0x1234, 0x1234, 0x1234));
	assert_prints("%p.%p\n%p%d%p\xa0", "0000000000000001.0000000000000002\n"
		      "00000000000000034" "0000000000000005\xa0", ARGS(1, 2, 3, 4, 5));
}

static void symbols_print_as_addresses(void **state)
{
	(void)state;
	assert_prints("%ps %pS %pB", "0x1234 0xffffffffffffffff 0x1", ARGS(0x1234, UINT64_MAX, 1));
	assert_prints("%8ps|%-8pS|%08ps|%+ps|", "  0x1234|0x1234  |  0x1234|0x1234|",
		      ARGS(0x1234, 0x1234, 0x1234, 0x1234));
	assert_prints("%20pB|%-20pB|%9999pB|", "0x1|0x2|0x3|", ARGS(1, 2, 3));
}

static void addresses_of_networks_print(void **state)
{
	static const unsigned char ip4[] = { 127, 0, 10, 255 };
	static const unsigned char ip6[16] = { 0x20, 1, 0xd, 0xb8, [14] = 0xab, 0xcd };
	u64 four = address(ip4), six = address(ip6);

	(void)state;
	assert_prints("%pi4 %pI4", "127.000.010.255 127.0.10.255", ARGS(four, four));
	assert_prints("%pi6", "20010db800000000000000000000abcd", ARGS(six));
	assert_prints("%pI6", "2001:0db8:0000:0000:0000:0000:0000:abcd", ARGS(six));
	assert_prints("%99pi4|%-99pI4|", "127.000.010.255|127.0.10.255|", ARGS(four, four));
	assert_prints("%pi4 %pI4", "000.000.000.000 0.0.0.0", ARGS(0, 1));
	assert_prints("%pi6", "00000000000000000000000000000000", ARGS(0));
	assert_prints("%pI6", "0000:0000:0000:0000:0000:0000:0000:0000", ARGS(1));
}

static void address_that_ends_too_soon_prints_zeros(void **state)
{
	char *edge = edge_of_memory();
	u64 at = address(edge);

	(void)state;
	memset(edge - 16, 1, 16);
	assert_prints("%pI4 %pI4", "1.1.1.1 0.0.0.0", ARGS(at - 4, at - 3));
	assert_prints("%pi6", "01010101010101010101010101010101", ARGS(at - 16));
	assert_prints("%pi6", "00000000000000000000000000000000", ARGS(at - 15));
	edge_unmap(edge);
}

static void letters_after_a_pointer_are_swallowed(void **state)
{
	static const unsigned char ip[16];
	u64 at = address(ip);

	(void)state;
	assert_prints("%pxyz|%pKabc1|", "0000000000000001|0000000000000002|", ARGS(1, 2));
	assert_prints("%pSR|%pSb|%ps123|%pBfoo|", "0x1|0x2|0x3|0x4|", ARGS(1, 2, 3, 4));
	assert_prints("%pI4foo|%pi4h", "0.0.0.0|000.000.000.000", ARGS(at, at));
	assert_prints("%pI6c", "0000:0000:0000:0000:0000:0000:0000:0000", ARGS(at));
	assert_prints("%px\xc3\xa9|", "0000000000000001\xa9|", ARGS(1));
	assert_prints("%pxd%d", "000000000000000a1", ARGS(10, 1));
	assert_prints("%px_a|", "0000000000000001_a|", ARGS(1));
	assert_returns(-EINVAL, "%pxyz\x01", ARGS(1));
	assert_returns(-EINVAL, "%pxyz%", ARGS(1, 2));
}

static void long_string_is_cut_to_the_area(void **state)
{
	(void)state;
	assert_returns(0, "%s", ARGS(string_of(600)));	/* measured: 511 */
	assert_int_equal(written->len, 511);
	assert_returns(0, "%s", ARGS(string_of(511)));
	assert_int_equal(written->len, 511);
	assert_returns(0, "%d %s", ARGS(1, string_of(600)));
	assert_int_equal(written->len, 2 + 507);
	assert_returns(0, "%pks|", ARGS(string_of(600)));
	assert_int_equal(written->len, 512);
}

static void string_that_is_cut_must_be_readable_to_the_cut(void **state)
{
	char *edge = edge_of_memory();
	u64 at = address(edge);

	(void)state;
	memset(edge - 512, 'u', 512);
	assert_returns(0, "%s|", ARGS(at - 512));
	assert_int_equal(written->len, 512);
	assert_returns(0, "%s|", ARGS(at - 511));
	assert_int_equal(written->len, 1);
	edge_unmap(edge);
}

static void full_area_refuses_what_comes_next(void **state)
{
	static const char *const next[] = {
		"%s%s", "%s%d", "%s%c", "%s%ld", "%s%p", "%s%ps", "%s%pB", "%s%pi4", "%s%pI6", "%s%pks"
	};
	size_t f;

	(void)state;
	for (f = 0; f < sizeof(next) / sizeof(*next); f++) {
		assert_returns(-ENOSPC, next[f], ARGS(string_of(600), 0));
		assert_returns(-ENOSPC, next[f], ARGS(string_of(511), 0));
		assert_returns(f < 9 && f != 0 && f != 2 ? -ENOSPC : 0, next[f], ARGS(string_of(510), 0));
	}
}

/* What follows the string in @fmt needs @bytes of the area. */
static void assert_needs(const char *fmt, u32 bytes)
{
	assert_returns(0, fmt, ARGS(string_of(511 - bytes), 0));
	assert_returns(-ENOSPC, fmt, ARGS(string_of(512 - bytes), 0));
}

static void area_is_packed_as_the_kernel_packs_it(void **state)
{
	(void)state;
	assert_needs("%s%d", 4);
	assert_needs("%s%ld", 8);
	assert_needs("%s%llx", 8);
	assert_needs("%s%p", 8);
	assert_needs("%s%ps", 8);
	assert_needs("%s%c", 1);
	assert_needs("%s%s", 1);
	/* texts at their true length, which the kernel does not check */
	assert_needs("%s%pB", 4);
	assert_needs("%s%pi4", 16);
	assert_needs("%s%pI4", 8);
	assert_needs("%s%pi6", 33);
	assert_needs("%s%pI6", 40);
	/* numbers are aligned to 4, bytes and texts are not */
	assert_returns(0, "%s%c%d", ARGS(string_of(506), 0, 0));
	assert_returns(-ENOSPC, "%s%c%d", ARGS(string_of(507), 0, 0));
	assert_returns(0, "%c%s%d", ARGS(0, string_of(506), 0));
	assert_returns(-ENOSPC, "%c%s%d", ARGS(0, string_of(507), 0));
	assert_returns(0, "%c%ld%s%ld", ARGS(0, 0, string_of(491), 0));
	assert_returns(-ENOSPC, "%c%ld%s%ld", ARGS(0, 0, string_of(492), 0));
}

static void values_after_an_address_are_not_overwritten(void **state)
{
	size_t len;

	(void)state;
	for (len = 440; len < 512; len++) {
		int err = print("%s%pI6 %d %d", ARGS(string_of(len), 0, 7, 8));

		assert_int_equal(err, len + 1 + 40 + 3 <= 504 || (len + 41 + 3) / 4 * 4 + 8 <= 512 ?
				 0 : -ENOSPC);
		if (!err)
			assert_string_equal(written->text + len + 39, " 7 8");
	}
}

static void message_of_1023_bytes_is_the_longest(void **state)
{
	static char fmt[1100];

	(void)state;
	assert_returns(0, "%1023d", ARGS(1));
	assert_int_equal(written->len, 1023);
	assert_returns(-E2BIG, "%1024d", ARGS(1));
	assert_returns(-E2BIG, "%1025d", ARGS(1));
	assert_returns(-E2BIG, "%-1024s", ARGS(0));
	assert_returns(-E2BIG, "%1023c|", ARGS('a'));
	assert_returns(0, "|%1022c", ARGS('a'));
	assert_returns(-E2BIG, "%517d%s", ARGS(1, string_of(600)));	/* cut to 507 */
	assert_returns(0, "%516d%s", ARGS(1, string_of(600)));
	assert_int_equal(written->len, 1023);
	memset(fmt, 'f', sizeof(fmt));
	fmt[1023] = '\0';
	assert_returns(0, fmt, NO_ARGS);
	assert_int_equal(written->len, 1023);
	fmt[1023] = 'f';
	fmt[1024] = '\0';
	assert_returns(-E2BIG, fmt, NO_ARGS);
	fmt[1024] = 'f';
	fmt[1099] = '\0';
	assert_returns(-E2BIG, fmt, NO_ARGS);
}

static void absurd_width_writes_nothing(void **state)
{
	static const char *const fmt[] = {
		"%8388607d", "%99999d", "%-8388608s", "%99999999999999999999999c", "%4294967296px",
		"%04294967297lx", "%18446744073709551617ps"
	};
	size_t f;

	(void)state;
	for (f = 0; f < sizeof(fmt) / sizeof(*fmt); f++) {
		assert_returns(-E2BIG, fmt[f], ARGS(0));
		assert_int_equal(written->len, 0);
	}
}

static void format_errors_come_before_all_others(void **state)
{
	(void)state;
	assert_returns(-EINVAL, "%2000d%o", ARGS(1, 2));
	assert_returns(-EINVAL, "%2000d\x01", ARGS(1));
	assert_returns(-EINVAL, "%2000d%d", ARGS(1));
	assert_returns(-ENOSPC, "%2000d%s%d", ARGS(1, string_of(600), 1));
	assert_returns(-ENOSPC, "%s%d%o", ARGS(string_of(600), 1, 1));
	assert_returns(-EINVAL, "%o%s%d", ARGS(1, string_of(600), 1));
	fail_next_page();
	assert_int_equal(print_raw(NO_LIMIT, 0, "text%d", NO_ARGS), -EINVAL);
	fail_no_page();
}

static void nothing_is_written_after_an_error(void **state)
{
	(void)state;
	assert_returns(-E2BIG, "abc%2000ddef%s", ARGS(1, string_of(100)));
	assert_int_equal(written->len, 3);
}

static void no_page_is_enomem(void **state)
{
	static const char *const fmt[] = {
		"literal text", "%12d", "%-12d", "%12s", "%-12s", "%pks", "%12c", "%p", "%pI6", "%12ps",
		"abc%%def%%gh"
	};
	size_t f, room;

	(void)state;
	for (f = 0; f < sizeof(fmt) / sizeof(*fmt); f++) {
		for (room = 0; room < 12; room++) {
			fail_next_page();
			assert_int_equal(print_raw(NO_LIMIT, room, fmt[f], ARGS(string_of(100))),
					 f == 10 && room >= 10 ? 0 : -ENOMEM);
			fail_no_page();
		}
	}
}

static void limit_is_enospc(void **state)
{
	(void)state;
	assert_int_equal(print_raw(100, ANY_ROOM, "%200d", ARGS(1)), -ENOSPC);
	assert_int_equal(written->len, 0);
	assert_int_equal(print_raw(NO_LIMIT, 50, "%s", ARGS(string_of(300))), 0);
	assert_int_equal(print_raw(1, 50, "%s", ARGS(string_of(300))), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WRITTEN_TEST(measured_outputs_are_ours),
		WRITTEN_TEST(literal_text_is_copied),
		WRITTEN_TEST(control_bytes_are_refused),
		WRITTEN_TEST(formats_that_the_kernel_refuses_are_refused),
		WRITTEN_TEST(nothing_behind_a_format_is_read),
		WRITTEN_TEST(bad_arguments_are_refused),
		WRITTEN_TEST(too_few_arguments_are_refused),
		WRITTEN_TEST(integers_take_as_many_bits_as_their_size),
		WRITTEN_TEST(flags_and_width_apply_to_integers),
		WRITTEN_TEST(characters_are_bytes),
		WRITTEN_TEST(strings_print),
		WRITTEN_TEST(strings_of_every_length_print),
		WRITTEN_TEST(unreadable_strings_print_as_nothing),
		WRITTEN_TEST(pointers_print_raw),
		WRITTEN_TEST(symbols_print_as_addresses),
		WRITTEN_TEST(addresses_of_networks_print),
		WRITTEN_TEST(address_that_ends_too_soon_prints_zeros),
		WRITTEN_TEST(letters_after_a_pointer_are_swallowed),
		WRITTEN_TEST(long_string_is_cut_to_the_area),
		WRITTEN_TEST(string_that_is_cut_must_be_readable_to_the_cut),
		WRITTEN_TEST(full_area_refuses_what_comes_next),
		WRITTEN_TEST(area_is_packed_as_the_kernel_packs_it),
		WRITTEN_TEST(values_after_an_address_are_not_overwritten),
		WRITTEN_TEST(message_of_1023_bytes_is_the_longest),
		WRITTEN_TEST(absurd_width_writes_nothing),
		WRITTEN_TEST(format_errors_come_before_all_others),
		WRITTEN_TEST(nothing_is_written_after_an_error),
		WRITTEN_TEST(no_page_is_enomem),
		WRITTEN_TEST(limit_is_enospc),
	};

	return cmocka_run_group_tests(tests, written_setup, written_teardown);
}
