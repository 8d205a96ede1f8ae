/*
 * test_money.c - amounts: checked arithmetic, text both ways.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store/money.h"

#define SEED 20260114u

static struct usdc micro(int64_t n)
{
	struct usdc a = { 0 };

	assert_true(usdc_from_micro(n, &a));
	return a;
}

static void usdc_from_micro_must_refuse_negatives(void **state)
{
	struct usdc a = micro(5);

	(void)state;
	assert_false(usdc_from_micro(-1, &a));
	assert_false(usdc_from_micro(INT64_MIN, &a));
	assert_true(usdc_to_micro(a) == 5);
	assert_true(usdc_to_micro(micro(INT64_MAX)) == INT64_MAX);
	assert_true(usdc_to_micro(usdc_zero()) == 0);
}

static void usdc_add_must_refuse_overflow(void **state)
{
	struct usdc out = micro(7);

	(void)state;
	assert_true(usdc_add(micro(INT64_MAX - 1), micro(1), &out));
	assert_true(usdc_to_micro(out) == INT64_MAX);
	assert_false(usdc_add(micro(INT64_MAX), micro(1), &out));
	assert_true(usdc_to_micro(out) == INT64_MAX);
}

static void usdc_sub_must_refuse_going_below_zero(void **state)
{
	struct usdc out = micro(7);

	(void)state;
	assert_true(usdc_sub(micro(50000), micro(50000), &out));
	assert_true(usdc_to_micro(out) == 0);
	assert_false(usdc_sub(micro(1), micro(2), &out));
	assert_true(usdc_to_micro(out) == 0);
}

static void usdc_cmp_must_order(void **state)
{
	(void)state;
	assert_true(usdc_cmp(micro(1), micro(2)) < 0);
	assert_true(usdc_cmp(micro(2), micro(1)) > 0);
	assert_true(usdc_cmp(micro(2), micro(2)) == 0);
	assert_true(usdc_cmp(micro(0), micro(INT64_MAX)) < 0);
}

static void usdc_parse_must_match_the_table(void **state)
{
	static const struct {
		const char *text;
		int64_t v;
	} row[] = { { "0", 0 }, { "0.05", 50000 }, { "$0.05", 50000 }, { "12", 12000000 },
		    { "0.000001", 1 }, { "1.5", 1500000 }, { "$1", 1000000 }, { "007.10", 7100000 },
		    { "9223372036854.775807", INT64_MAX } };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		struct usdc a;
		struct art_err err;
		if (usdc_parse(row[i].text, &a, &err))
			fail_msg("%s: %s", row[i].text, err.text);
		assert_true(usdc_to_micro(a) == row[i].v);
	}
}

static void usdc_parse_must_refuse_anything_else(void **state)
{
	static const char *const bad[] = {
		"", "$", "-1", "+1", "1.", ".5", "1e3", "0.0000001", "0.0500000", "1,5", "1 ", " 1",
		"$ 1", "1$", "$$1", "0x1", "nan", "1.2.3", "9223372036854.775808", "9223372036855",
		"99999999999999999999", "1_000",
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		struct usdc a = micro(3);
		struct art_err err;
		if (usdc_parse(bad[i], &a, &err) != ART_INVALID)
			fail_msg("took \"%s\"", bad[i]);
		assert_non_null(strstr(err.text, bad[i]));
		assert_true(usdc_to_micro(a) == 3);
	}
}

static void usdc_parse_must_clean_what_it_repeats(void **state)
{
	struct usdc a;
	struct art_err err;

	(void)state;
	assert_int_equal(usdc_parse("\x1b[31m5x", &a, &err), ART_INVALID);
	assert_null(strchr(err.text, '\x1b'));
}

static void usdc_text_must_match_the_table(void **state)
{
	static const struct {
		int64_t v;
		const char *text;
	} row[] = { { 0, "0.00" }, { 50000, "0.05" }, { 1, "0.000001" }, { 1500000, "1.50" },
		    { 12000000, "12.00" }, { 123456, "0.123456" }, { 120000, "0.12" }, { 123000, "0.123" },
		    { INT64_MAX, "9223372036854.775807" } };
	char b[MONEY_TEXT];

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++)
		assert_string_equal(usdc_text(micro(row[i].v), b), row[i].text);
}

static void usdc_text_must_parse_back(void **state)
{
	struct art_rng r;

	(void)state;
	art_rng_seed(&r, SEED);
	for (int i = 0; i < 20000; i++) {
		int64_t v = (int64_t)(art_rng_u64(&r) >> (1 + art_rng_u64(&r) % 62));
		char b[MONEY_TEXT];
		struct usdc back;
		if (usdc_parse(usdc_text(micro(v), b), &back, NULL) || usdc_to_micro(back) != v)
			fail_msg("seed %u: %lld became %s", SEED, (long long)v, b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usdc_from_micro_must_refuse_negatives),
		cmocka_unit_test(usdc_add_must_refuse_overflow),
		cmocka_unit_test(usdc_sub_must_refuse_going_below_zero),
		cmocka_unit_test(usdc_cmp_must_order),
		cmocka_unit_test(usdc_parse_must_match_the_table),
		cmocka_unit_test(usdc_parse_must_refuse_anything_else),
		cmocka_unit_test(usdc_parse_must_clean_what_it_repeats),
		cmocka_unit_test(usdc_text_must_match_the_table),
		cmocka_unit_test(usdc_text_must_parse_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
