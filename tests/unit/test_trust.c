/*
 * test_trust.c - trust in a worker: tables of counters, and what must hold for any counters.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/market/trust.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define NOW (INT64_C(1790000000) * SECOND)

static void trust_score_must_follow_the_table(void **state)
{
	/* The lower 80 % bounds, found by bisection of (share - p) = z sqrt(p (1 - p) / n), not by the closed form. */
	static const struct {
		struct worker_trust t;
		double score;
	} rows[] = {
		{ { 0 }, 1.0 / 3 },
		{ { .runs = 1, .succeeded = 1 }, 0.585368 },
		{ { .runs = 2, .succeeded = 2 }, 0.738463 },
		{ { .runs = 12, .succeeded = 12 }, 0.944263 },
		{ { .runs = 10, .succeeded = 7 }, 0.568171 },
		{ { .runs = 6, .succeeded = 1 }, 0.075752 },
		{ { .runs = 1 }, 0 },
		/* Money taken for nothing counts twice: 7 of 13. */
		{ { .runs = 10, .succeeded = 7, .paid_failed = 3 }, 0.423137 },
		/* A number that did not hold is no success: 6 of 10. */
		{ { .runs = 10, .succeeded = 7, .refuted = 1 }, 0.467214 },
		{ { .runs = 2, .succeeded = 1, .refuted = 5 }, 0 },
		{ { .refuted = 1 }, 0 },
		{ { .runs = 5, .succeeded = 5, .banned = true }, 0 },
		{ { .runs = 5, .pinned = true }, 1 },
		{ { .pinned = true, .banned = true }, 0 },
		{ { .runs = 5, .succeeded = 5, .quarantine_until = NOW + 1 }, 0 },
		{ { .runs = 2, .succeeded = 2, .quarantine_until = NOW }, 0.738463 },
		{ { .pinned = true, .quarantine_until = NOW + 1 }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		double got = trust_score(&rows[i].t, NOW);

		if (fabs(got - rows[i].score) > 1e-6)
			fail_msg("row %zu: %.6f instead of %.6f", i, got, rows[i].score);
	}
}

static void trust_score_must_grow_with_success_and_stay_in_bounds(void **state)
{
	(void)state;
	for (int64_t n = 1; n <= 60; n++)
		for (int64_t k = 0; k <= n; k++) {
			struct worker_trust t = { .runs = n, .succeeded = k }, better = t, longer = t;
			double s = trust_score(&t, NOW);

			better.succeeded++;
			better.runs++;
			longer.runs *= 10;
			longer.succeeded *= 10;
			assert_true(s >= 0 && s <= 1 && s <= (double)k / (double)n + 1e-12);
			assert_true(k == n || trust_score(&better, NOW) > s);
			/* The same share over more runs says more. */
			assert_true(trust_score(&longer, NOW) >= s - 1e-12);
			t.paid_failed = 1;
			assert_true(trust_score(&t, NOW) <= s + 1e-12);
		}
	/* Counters that were damaged do no harm. */
	struct worker_trust odd = { .runs = INT64_MAX, .succeeded = INT64_MAX, .paid_failed = INT64_MAX,
				    .refuted = INT64_MAX };
	assert_true(trust_score(&odd, NOW) >= 0 && trust_score(&odd, NOW) <= 1);
}

static void trust_price_per_result_must_count_failures_in(void **state)
{
	struct worker_trust t = { .runs = 4, .succeeded = 2, .paid_failed = 1 };
	struct opt_f64 price;

	(void)state;
	assert_true(usdc_from_micro(1500000, &t.spent));
	price = trust_price_per_result(&t);
	assert_true(price.known && fabs(price.v - 0.75) < 1e-12);
	t.succeeded = 0;
	assert_false(trust_price_per_result(&t).known);
}

static void trust_allows_must_say_why_not(void **state)
{
	static const struct {
		struct worker_trust t;
		const char *why; /* "" allowed */
	} rows[] = {
		{ { 0 }, "" },
		{ { .banned = true }, "banned by hand" },
		{ { .banned = true, .pinned = true, .note = "sells noise" }, "banned by hand: sells noise" },
		{ { .quarantine_until = NOW }, "" },
		{ { .quarantine_until = NOW + 1 }, "quarantined for 1 s" },
		{ { .quarantine_until = NOW + 45 * SECOND, .failures = 1 },
		  "quarantined for 45 s after 1 failure in a row" },
		{ { .quarantine_until = NOW + 5 * MINUTE, .failures = 3 },
		  "quarantined for 5 min after 3 failures in a row" },
		{ { .quarantine_until = NOW + 90 * MINUTE, .failures = 9 },
		  "quarantined for 90 min after 9 failures in a row" },
		{ { .quarantine_until = NOW + 90 * MINUTE + 1 }, "quarantined for 2 h" },
		{ { .quarantine_until = NOW + 24 * HOUR }, "quarantined for 24 h" },
		{ { .quarantine_until = INT64_MAX, .pinned = true, .failures = 50 }, "" },
	};
	char why[96];

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		assert_int_equal(trust_allows(&rows[i].t, NOW, why), !rows[i].why[0]);
		assert_string_equal(why, rows[i].why);
	}
	struct worker_trust t = { .banned = true };
	memset(t.note, 'x', sizeof(t.note) - 1);
	assert_false(trust_allows(&t, NOW, why));
	assert_true(strlen(why) < sizeof(why));
}

static void trust_quarantine_must_double_up_to_a_day(void **state)
{
	static const struct {
		int64_t failures;
		bool refuted;
		int64_t span; /* 0: none */
	} rows[] = {
		{ -1, false, 0 }, { 0, false, 0 }, { 1, false, 0 }, { 2, false, 0 },
		{ 3, false, 5 * MINUTE }, { 4, false, 10 * MINUTE }, { 5, false, 20 * MINUTE },
		{ 10, false, 640 * MINUTE }, { 11, false, 1280 * MINUTE }, { 12, false, 24 * HOUR },
		{ 100, false, 24 * HOUR }, { INT64_MAX, false, 24 * HOUR },
		{ 0, true, 24 * HOUR }, { 1, true, 24 * HOUR }, { 50, true, 24 * HOUR },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++)
		assert_int_equal(trust_quarantine(rows[i].failures, rows[i].refuted, NOW),
				 rows[i].span ? NOW + rows[i].span : 0);
	assert_int_equal(trust_quarantine(3, false, INT64_MAX), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trust_score_must_follow_the_table),
		cmocka_unit_test(trust_score_must_grow_with_success_and_stay_in_bounds),
		cmocka_unit_test(trust_price_per_result_must_count_failures_in),
		cmocka_unit_test(trust_allows_must_say_why_not),
		cmocka_unit_test(trust_quarantine_must_double_up_to_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
