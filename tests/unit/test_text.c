/*
 * test_text.c - UTF-8 decoding, cleaning of hostile text, columns.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "store/base.h"

#define SEED 20260112u

/* A plain encoder of our own for the tests: 0 for what UTF-8 cannot say. */
static size_t put_utf8(char out[5], uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xf0) | c);
	out[n] = '\0';
	return n;
}

static void art_utf8_decode_must_take_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 1; c <= 0x10ffff; c++) {
		char s[5];
		size_t n = put_utf8(s, c);
		uint32_t got = 0;

		if (!n)
			continue;
		if (art_utf8_decode(s, n, &got) != (int)n || got != c)
			fail_msg("U+%04X came back as U+%04X", c, got);
		if (art_utf8_decode(s, n - 1, NULL) != 0)
			fail_msg("U+%04X was taken though cut short", c);
	}
}

static void art_utf8_decode_must_refuse_what_is_not_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80",	 "\xbf",	     "\xc0\x80",	 "\xc1\xbf",	     "\xc2",
		"\xc2x", "\xe0\x80\x80",     "\xe0\x9f\xbf",	 "\xed\xa0\x80",     "\xed\xbf\xbf",
		"\xe2\x82",		     "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",	     "\xff",		 "\xfe",
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		if (art_utf8_decode(bad[i], strlen(bad[i]), NULL))
			fail_msg("row %zu was taken", i);
	assert_int_equal(art_utf8_decode("a", 0, NULL), 0);
}

static void art_utf8_valid_must_find_the_first_bad_byte(void **state)
{
	size_t at = 99;

	(void)state;
	assert_true(art_utf8_valid("", 0, &at));
	assert_true(art_utf8_valid("na\xc3\xafve \xe6\xbc\xa2\xf0\x9f\x98\x80", 15, &at));
	assert_int_equal(at, 99);
	assert_false(art_utf8_valid("ab\xc3(", 4, &at));
	assert_int_equal(at, 2);
	assert_false(art_utf8_valid("ab\xc3", 3, NULL));
}

static void art_text_clean_must_match_the_table(void **state)
{
	static const struct {
		const char *in, *line, *text; /* as one line, and with newlines kept */
	} row[] = {
		{ "", "", "" },
		{ "plain", "plain", "plain" },
		{ "a\tb\nc", "a b c", "a b\nc" },
		{ "a\r\nb\rc", "a b c", "a\nb\nc" },
		{ "a\x01\x07\x7f" "b", "ab", "ab" },
		{ "\x1b[31mred\x1b[0m", "red", "red" },
		{ "\x1b[38;5;196;1mx\x1b[K", "x", "x" },
		{ "\x1b]0;title\x07rest", "rest", "rest" },
		{ "\x1b]8;;http://e/\x1b\\link\x1b]8;;\x1b\\", "link", "link" },
		{ "\x1bPq#0\x1b\\x", "x", "x" },
		{ "\x1b(Bx\x1b=y\x1b" "7z", "xyz", "xyz" },
		{ "\xc2\x9b" "31mred", "red", "red" },
		{ "\xc2\x9d" "0;t\xc2\x9cx", "x", "x" },
		{ "\x1b]0;never ends\nnext", " next", "\nnext" },
		{ "\x1b[31\nx", " x", "\nx" },
		{ "end\x1b", "end", "end" },
		{ "end\x1b[", "end", "end" },
		{ "bad\xff\xc3(", "bad\xef\xbf\xbd\xef\xbf\xbd(", "bad\xef\xbf\xbd\xef\xbf\xbd(" },
		{ "user\xe2\x80\xae" "gpj.exe", "usergpj.exe", "usergpj.exe" },
		{ "z\xe2\x80\x8bw\xe2\x80\x8dj\xef\xbb\xbf", "zwj", "zwj" },
		{ "soft\xc2\xadhy", "softhy", "softhy" },
		{ "tag\xf3\xa0\x81\xa1", "tag", "tag" },
		{ "\xe2\x80\xa8p\xe2\x80\xa9", " p ", "\np\n" },
		{ "\xc2\x85next", " next", "\nnext" },
		{ "\xcc\x81" "at the start", "at the start", "at the start" },
		{ "\xef\xbf\xbf", "\xef\xbf\xbd", "\xef\xbf\xbd" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97" },
	};
	char out[100];

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		size_t n = art_text_clean(out, sizeof(out), row[i].in, strlen(row[i].in), false);
		if (strcmp(out, row[i].line) != 0 || n != strlen(out))
			fail_msg("row %zu as a line: \"%s\"", i, out);
		art_text_clean(out, sizeof(out), row[i].in, strlen(row[i].in), true);
		if (strcmp(out, row[i].text) != 0)
			fail_msg("row %zu as text: \"%s\"", i, out);
	}
}

static void art_text_clean_must_drop_nul_bytes(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(art_text_clean(out, sizeof(out), "a\0b", 3, false), 2);
	assert_string_equal(out, "ab");
}

static void art_text_clean_must_bound_combining_marks(void **state)
{
	char in[201], out[300];

	(void)state;
	in[0] = 'e';
	for (size_t i = 1; i + 2 < sizeof(in); i += 2)
		memcpy(in + i, "\xcc\x81", 2);
	size_t n = art_text_clean(out, sizeof(out), in, 199, false);

	assert_int_equal(n, 1 + 4 * 2);
	assert_int_equal(art_text_columns(out), 1);
}

static void art_text_clean_must_truncate_on_a_character(void **state)
{
	static const char in[] = "ab\xe6\xbc\xa2z";
	static const size_t want[] = { 0, 0, 1, 2, 2, 2, 5, 6, 6 };

	(void)state;
	for (size_t size = 0; size < ART_COUNT(want); size++) {
		char out[16];
		memset(out, 'X', sizeof(out));
		size_t n = art_text_clean(out, size, in, sizeof(in) - 1, false);

		assert_int_equal(n, want[size]);
		assert_int_equal(out[size], 'X');
		if (size) {
			assert_int_equal(out[n], '\0');
			assert_memory_equal(out, in, n);
		}
	}
}

/* Whether @s holds something a screen must never see. */
static bool is_dirty(const char *s, size_t n, bool newlines)
{
	for (size_t i = 0; i < n;) {
		uint32_t c;
		int len = art_utf8_decode(s + i, n - i, &c);

		if (!len || (c < 0x20 && !(newlines && c == '\n')) || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xad || c == 0x61c ||
		    (c >= 0xe0000 && c < 0xe1000))
			return true;
		i += (size_t)len;
	}
	return false;
}

static size_t hostile(struct art_rng *r, char *s, size_t max)
{
	static const char *const piece[] = {
		"\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\xc2\x9b", "\xc2\x9c", "\xc2\x9d", "\x07",
		"\n", "\r", "\t", "\xe2\x80\xae", "\xe2\x80\x8d", "\xf0\x9f\x98\x80", "\xe6\xbc\xa2",
		"\xcc\x81", "31;1m", "text", "\xff", "\xe2\x82", ";", "0",
	};
	size_t n = 0;

	while (n + 8 < max && art_rng_u64(r) % 24) {
		uint64_t pick = art_rng_u64(r);
		if (pick % 3 == 0) {
			s[n++] = (char)(pick >> 8);
		} else if (pick % 3 == 1) {
			char one[5];
			size_t len = put_utf8(one, (uint32_t)(pick >> 8) & 0x1fffff);
			memcpy(s + n, one, len);
			n += len;
		} else {
			const char *p = piece[(pick >> 8) % ART_COUNT(piece)];
			memcpy(s + n, p, strlen(p));
			n += strlen(p);
		}
	}
	return n;
}

static void art_text_clean_must_make_anything_clean(void **state)
{
	struct art_rng r;

	(void)state;
	art_rng_seed(&r, SEED);
	for (int i = 0; i < 50000; i++) {
		char in[300], out[600], again[600];
		size_t n = hostile(&r, in, sizeof(in));
		size_t room = art_rng_u64(&r) % sizeof(out) + 1;
		bool newlines = i & 1;
		char *exact = art_alloc(n, 1); /* so that reading past the end is seen */

		memcpy(exact, in, n);
		size_t len = art_text_clean(out, room, exact, n, newlines);
		free(exact);
		if (len >= room || strlen(out) != len || is_dirty(out, len, newlines))
			fail_msg("seed %u, round %d: dirty", SEED, i);
		art_text_clean(again, sizeof(again), out, len, newlines);
		if (strcmp(again, out) != 0)
			fail_msg("seed %u, round %d: cleaning twice differs", SEED, i);
	}
}

static void art_text_columns_must_match_the_table(void **state)
{
	static const struct {
		const char *s;
		int columns;
	} row[] = {
		{ "", 0 }, { "abc", 3 }, { "na\xc3\xafve", 5 }, { "e\xcc\x81", 1 },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 4 },	  /* two ideographs */
		{ "\xed\x95\x9c\xea\xb8\x80", 4 },	  /* two Hangul syllables */
		{ "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2 }, /* one, in three jamo */
		{ "\xe3\x81\x82\xe3\x82\xa2", 4 },	  /* hiragana, katakana */
		{ "\xef\xbd\xb1", 1 },			  /* half-width katakana */
		{ "\xef\xbc\xa1", 2 },			  /* full-width A */
		{ "\xf0\x9f\x98\x80", 2 },		  /* grinning face */
		{ "\xf0\x9f\xaa\xa9", 2 },		  /* mirror ball */
		{ "\xe2\x9d\xa4\xef\xb8\x8f", 1 },	  /* heart, emoji selector: as wcwidth */
		{ "\xe2\x9c\x94", 1 }, { "\xe2\x80\xa6", 1 }, /* check mark, ellipsis */
		{ "\xe2\x94\x80\xe2\x96\x88\xe2\xa3\xbf", 3 }, /* box, block, braille */
		{ "\xcf\x83", 1 }, { "\xd0\x96", 1 },	  /* sigma, zhe */
		{ "\xd7\xa9\xd6\xb8", 1 },		  /* shin with a point */
		{ "\xe0\xb8\x81\xe0\xb8\xb4", 1 },	  /* Thai with a vowel above */
		{ "\xf0\xa0\x80\x80", 2 },		  /* ideograph in plane 2 */
		{ "\xe2\x80\x8b", 0 }, { "\xc2\xa9", 1 }, { "\xff", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++)
		if (art_text_columns(row[i].s) != row[i].columns)
			fail_msg("row %zu: %d", i, art_text_columns(row[i].s));
}

/* ncurses places cells by the C library's wcwidth: where both know a character they must agree,
 * or a panel's right edge frays. The libraries' Unicode versions differ a little. */
static void art_text_columns_must_agree_with_wcwidth(void **state)
{
	int differ = 0, known = 0;

	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		print_message("SKIP: no C.UTF-8 locale\n");
		skip();
	}
	for (uint32_t c = 0x20; c <= 0x10ffff; c++) {
		char s[5];
		int w = wcwidth((wchar_t)c);

		if (w < 0 || !put_utf8(s, c) || c == 0xad)
			continue;
		known++;
		if (art_text_columns(s) != w) {
			if (differ < 20)
				print_message("U+%04X: %d, wcwidth %d\n", c, art_text_columns(s), w);
			differ++;
		}
	}
	setlocale(LC_CTYPE, "C");
	assert_true(known > 100000);
	assert_true(differ <= 100); /* none with glibc 2.36; room for another Unicode version */
}

static void art_text_columns_must_not_ask_the_locale(void **state)
{
	(void)state;
	setlocale(LC_ALL, "C");
	assert_int_equal(art_text_columns("\xe6\xbc\xa2"), 2);
	assert_int_equal(art_text_columns("e\xcc\x81"), 1);
}

static void art_text_clip_must_match_the_table(void **state)
{
	static const struct {
		const char *s;
		int columns;
		size_t bytes;
		int used;
	} row[] = {
		{ "abc", 2, 2, 2 },		      { "abc", 3, 3, 3 },
		{ "abc", 9, 3, 3 },		      { "abc", 0, 0, 0 },
		{ "abc", -5, 0, 0 },		      { "", 4, 0, 0 },
		{ "a\xe6\xbc\xa2" "b", 2, 1, 1 },     { "a\xe6\xbc\xa2" "b", 3, 4, 3 },
		{ "e\xcc\x81x", 1, 3, 1 },	      { "\xf0\x9f\x98\x80!", 1, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		int used = -1;
		size_t n = art_text_clip(row[i].s, row[i].columns, &used);
		if (n != row[i].bytes || used != row[i].used)
			fail_msg("row %zu: %zu bytes, %d columns", i, n, used);
	}
	assert_int_equal(art_text_clip("abc", 2, NULL), 2);
}

static void art_text_clip_must_be_the_longest_prefix(void **state)
{
	struct art_rng r;

	(void)state;
	art_rng_seed(&r, SEED + 1);
	for (int i = 0; i < 5000; i++) {
		char in[300], s[600], head[600];
		size_t n = hostile(&r, in, sizeof(in));
		int used, columns = (int)(art_rng_u64(&r) % 30), next;

		n = art_text_clean(s, sizeof(s), in, n, false);
		size_t got = art_text_clip(s, columns, &used);
		memcpy(head, s, got);
		head[got] = '\0';
		if (used > columns || art_text_columns(head) != used)
			fail_msg("seed %u, round %d: %d columns in %d", SEED + 1, i, used, columns);
		if (got == n)
			continue;
		int len = art_utf8_decode(s + got, n - got, NULL);
		memcpy(head, s, got + (size_t)len);
		head[got + (size_t)len] = '\0';
		next = art_text_columns(head);
		if (next <= columns)
			fail_msg("seed %u, round %d: one more would fit", SEED + 1, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(art_utf8_decode_must_take_every_character),
		cmocka_unit_test(art_utf8_decode_must_refuse_what_is_not_utf8),
		cmocka_unit_test(art_utf8_valid_must_find_the_first_bad_byte),
		cmocka_unit_test(art_text_clean_must_match_the_table),
		cmocka_unit_test(art_text_clean_must_drop_nul_bytes),
		cmocka_unit_test(art_text_clean_must_bound_combining_marks),
		cmocka_unit_test(art_text_clean_must_truncate_on_a_character),
		cmocka_unit_test(art_text_clean_must_make_anything_clean),
		cmocka_unit_test(art_text_columns_must_match_the_table),
		cmocka_unit_test(art_text_columns_must_agree_with_wcwidth),
		cmocka_unit_test(art_text_columns_must_not_ask_the_locale),
		cmocka_unit_test(art_text_clip_must_match_the_table),
		cmocka_unit_test(art_text_clip_must_be_the_longest_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
