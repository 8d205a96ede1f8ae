/*
 * test_judge.c - the rule's decisions one by one, and the null test: many simulated nights of
 * candidates without effect through judge_next itself, against the figures the rule was chosen by.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/research/judge.h"
#include "core/research/stats.h"

#define CANDIDATES 100
#define NIGHTS 4000
#define SIGMA 0.004
#define MEAN 1.8

static const double incumbent[3] = { 1.810, 1.806, 1.808 };

static struct judge_result ask(int k, enum judge_screen s, double screen, const double *confirm,
			       int n)
{
	struct judge_rule rule = { k, s };
	struct judge_input in = { .incumbent = incumbent, .n_incumbent = 3, .sigma = OPT_F64(0.001),
				  .screen = isnan(screen) ? (struct opt_f64){ 0 } : OPT_F64(screen),
				  .confirm = confirm, .n_confirm = n };
	struct judge_result r;

	judge_next(&rule, &in, &r);
	return r;
}

/* ---- one decision at a time ------------------------------------------------------------------ */

static void judge_next_must_screen_first(void **state)
{
	(void)state;
	assert_int_equal(ask(3, JUDGE_SCREEN_MIN, NAN, NULL, 0).action, JUDGE_RUN_SCREEN);
}

static void judge_next_must_take_the_bar_of_its_screen(void **state)
{
	(void)state;
	assert_int_equal(ask(3, JUDGE_SCREEN_MIN, 1.8059, NULL, 0).action, JUDGE_RUN_CONFIRM);
	assert_int_equal(ask(3, JUDGE_SCREEN_MIN, 1.8061, NULL, 0).action, JUDGE_DISCARD);
	assert_int_equal(ask(3, JUDGE_SCREEN_MEAN, 1.8079, NULL, 0).action, JUDGE_RUN_CONFIRM);
	assert_int_equal(ask(3, JUDGE_SCREEN_MEAN, 1.8081, NULL, 0).action, JUDGE_DISCARD);
	assert_int_equal(ask(3, JUDGE_SCREEN_SIGMA, 1.8069, NULL, 0).action, JUDGE_RUN_CONFIRM);
	assert_int_equal(ask(3, JUDGE_SCREEN_SIGMA, 1.8071, NULL, 0).action, JUDGE_DISCARD);
}

static void judge_next_must_discard_a_tie(void **state)
{
	double tie[] = { 1.806 };

	(void)state;
	assert_int_equal(ask(3, JUDGE_SCREEN_MIN, 1.806, NULL, 0).action, JUDGE_DISCARD);
	assert_int_equal(ask(3, JUDGE_SCREEN_MIN, 1.80, tie, 1).action, JUDGE_DISCARD);
}

static void judge_next_must_confirm_one_by_one_and_stop_at_the_first_failure(void **state)
{
	double good[] = { 1.801, 1.802, 1.8059 }, bad[] = { 1.801, 1.8065 };
	struct judge_result r;

	(void)state;
	for (int n = 0; n < 3; n++) {
		r = ask(3, JUDGE_SCREEN_MIN, 1.80, good, n);
		assert_int_equal(r.action, JUDGE_RUN_CONFIRM);
		assert_int_equal(r.confirm, n);
	}
	assert_int_equal(ask(3, JUDGE_SCREEN_MIN, 1.80, good, 3).action, JUDGE_KEEP);
	r = ask(3, JUDGE_SCREEN_MIN, 1.80, bad, 2);
	assert_int_equal(r.action, JUDGE_DISCARD);
	assert_non_null(strstr(r.reason, "1.8065"));
	assert_non_null(strstr(r.reason, "2 of 3"));
	assert_non_null(strstr(r.reason, "1.8060"));
}

static void judge_next_must_discard_what_is_no_number(void **state)
{
	struct judge_rule rule = { 3, JUDGE_SCREEN_MIN };
	struct judge_input in = { .incumbent = incumbent, .n_incumbent = 3,
				  .screen = OPT_F64(NAN) };
	struct judge_result r;

	(void)state;
	judge_next(&rule, &in, &r);
	assert_int_equal(r.action, JUDGE_DISCARD);
}

static void judge_interval_must_be_students(void **state)
{
	double lo, hi;

	(void)state;
	assert_true(judge_interval(1.8, 3, OPT_F64(0.003), 2, &lo, &hi));
	assert_true(fabs(hi - 1.8 - 4.30265273 * 0.003 / sqrt(3)) < 1e-9);
	assert_true(fabs(hi + lo - 3.6) < 1e-12);
	assert_false(judge_interval(1.8, 3, (struct opt_f64){ 0 }, 0, &lo, &hi));
}

/* ---- many nights ------------------------------------------------------------------------------ */

struct nights {
	double keeps, keeps_sq; /* sums over nights */
	double runs;            /* confirming runs made */
	double runs_full;       /* had all k been made for each that passed the screen */
	double expected;        /* sum of judge_false_keep as the engine computes it */
};

/* The incumbent as the engine sees it. */
struct throne {
	double v[JUDGE_VALUES_MAX];
	int n;
	double mean; /* judged true mean */
};

static bool candidate(const struct judge_rule *rule, struct throne *t, struct stats_pool *pool,
		      struct art_rng *rng, double mean, struct nights *out)
{
	double confirm[JUDGE_VALUES_MAX], floor;
	struct opt_f64 sigma = stats_pool_sigma(pool);
	struct judge_input in = { .incumbent = t->v, .n_incumbent = t->n, .sigma = sigma,
				  .confirm = confirm };
	struct judge_result r;

	/* The table's nights know sigma for their screen; so does a class after its first night. */
	in.sigma = OPT_F64(SIGMA);
	if (out)
		out->expected += judge_false_keep(rule, t->v, t->n, t->mean,
						  sigma.known ? sigma.v : SIGMA);
	for (;;) {
		judge_next(rule, &in, &r);
		if (r.action == JUDGE_RUN_SCREEN) {
			in.screen = OPT_F64(mean + SIGMA * art_rng_normal(rng));
			continue;
		}
		if (r.action != JUDGE_RUN_CONFIRM)
			break;
		assert_int_equal(r.confirm, in.n_confirm);
		if (out && !in.n_confirm)
			out->runs_full += rule->confirm;
		if (out)
			out->runs++;
		confirm[in.n_confirm++] = mean + SIGMA * art_rng_normal(rng);
	}
	stats_pool_add(pool, confirm, (size_t)in.n_confirm);
	if (r.action != JUDGE_KEEP)
		return false;
	floor = stats_min(t->v, (size_t)t->n);
	sigma = stats_pool_sigma(pool);
	if (rule->confirm) {
		t->mean = judge_true_mean(confirm, rule->confirm, floor,
					  sigma.known ? sigma.v : SIGMA, t->mean);
		memcpy(t->v, confirm, sizeof(double) * (size_t)rule->confirm);
	} else {
		t->v[0] = t->mean = in.screen.v;
	}
	return true;
}

static void coronate(struct throne *t, struct stats_pool *pool, int n, struct art_rng *rng)
{
	t->n = n;
	for (int i = 0; i < n; i++)
		t->v[i] = MEAN + SIGMA * art_rng_normal(rng);
	t->mean = stats_mean(t->v, (size_t)n);
	*pool = (struct stats_pool){ 0 };
	stats_pool_add(pool, t->v, (size_t)n);
}

static struct nights null_nights(struct judge_rule rule)
{
	struct nights s = { 0 };
	struct stats_pool pool;
	struct throne t;
	struct art_rng rng;

	art_rng_seed(&rng, 20260101);
	for (int night = 0; night < NIGHTS; night++) {
		int keeps = 0;
		coronate(&t, &pool, rule.confirm ? rule.confirm : 1, &rng);
		for (int i = 0; i < CANDIDATES; i++)
			keeps += candidate(&rule, &t, &pool, &rng, MEAN, &s);
		s.keeps += keeps;
		s.keeps_sq += (double)keeps * keeps;
	}
	return s;
}

static double power(struct judge_rule rule, double gain)
{
	struct stats_pool pool;
	struct throne t;
	struct art_rng rng;
	int kept = 0, n = 10 * NIGHTS;

	art_rng_seed(&rng, 20260102);
	for (int i = 0; i < n; i++) {
		coronate(&t, &pool, rule.confirm, &rng);
		kept += candidate(&rule, &t, &pool, &rng, MEAN - gain * SIGMA, NULL);
	}
	return (double)kept / n;
}

/*
 * The table the rule was chosen by: false keeps a night, runs if all k were always made, power at 2
 * and 3 sigma. It is printed to two digits and was simulated with 6,000 nights or more, so both
 * simulations' errors and its rounding are allowed for.
 */
static void null_nights_must_match_the_table(void **state)
{
	static const struct {
		struct judge_rule rule;
		double keeps, runs, power2, power3;
	} rows[] = {
		{ { 0, JUDGE_SCREEN_MIN }, 4.2, 0, -1, -1 },
		{ { 2, JUDGE_SCREEN_MEAN }, 1.0, 44, 0.75, 0.94 },
		{ { 3, JUDGE_SCREEN_MEAN }, 0.49, 102, 0.61, 0.89 },
		{ { 3, JUDGE_SCREEN_MIN }, 0.41, 44, 0.56, 0.87 },
		{ { 3, JUDGE_SCREEN_SIGMA }, 0.36, 37, 0.53, 0.86 },
		{ { 4, JUDGE_SCREEN_SIGMA }, 0.15, 61, 0.42, 0.80 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct nights s = null_nights(rows[i].rule);
		double keeps = s.keeps / NIGHTS, runs = s.runs / NIGHTS, full = s.runs_full / NIGHTS;
		double se = sqrt((s.keeps_sq / NIGHTS - keeps * keeps) / NIGHTS);
		double p2 = -1, p3 = -1;
		if (rows[i].power2 >= 0) {
			p2 = power(rows[i].rule, 2);
			p3 = power(rows[i].rule, 3);
			assert_true(fabs(p2 - rows[i].power2) < 0.015);
			assert_true(fabs(p3 - rows[i].power3) < 0.015);
		}
		print_message("k=%d screen=%d: false keeps %.3f (+-%.3f) table %.2f; runs %.1f, without "
			      "stopping %.1f table %.0f; power %.2f %.2f; expected by formula %.2f\n",
			      rows[i].rule.confirm, rows[i].rule.screen, keeps, se, rows[i].keeps, runs,
			      full, rows[i].runs, p2, p3, s.expected / NIGHTS);
		/* 3.5 errors of ours, as many of the table's, half a unit of its last digit. */
		if (fabs(keeps - rows[i].keeps) >= 3.5 * se * 1.8 + (rows[i].keeps > 1.5 ? 0.05 : 0.005))
			fail_msg("row %zu: %.3f false keeps, the table has %.2f", i, keeps, rows[i].keeps);
		/* The sigma screen of the table knew the incumbent's mean a little differently. */
		if (fabs(full - rows[i].runs) > 0.11 * rows[i].runs + 0.5)
			fail_msg("row %zu: %.1f runs, the table has %.0f", i, full, rows[i].runs);
		assert_true(runs <= full);
	}
}

/* What the board shows as expected false keeps, against what really happened. */
static void judge_false_keep_must_agree_with_simulated_false_keeps(void **state)
{
	struct nights by_min = null_nights((struct judge_rule){ 3, JUDGE_SCREEN_MIN });
	struct nights by_mean = null_nights((struct judge_rule){ 3, JUDGE_SCREEN_MEAN });

	(void)state;
	assert_true(fabs(by_min.expected / by_min.keeps - 1) < 0.25);
	assert_true(fabs(by_mean.expected / by_mean.keeps - 1) < 0.35);
}

static void judge_false_keep_must_be_a_chance(void **state)
{
	struct judge_rule rule = { 3, JUDGE_SCREEN_MIN };
	double mean = stats_mean(incumbent, 3), p;

	(void)state;
	p = judge_false_keep(&rule, incumbent, 3, mean, 0.002);
	/* One sigma below the mean, four times over. */
	assert_true(fabs(p - pow(stats_normal_cdf(-1), 4)) < 1e-12);
	assert_true(judge_false_keep(&rule, incumbent, 3, mean, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judge_next_must_screen_first),
		cmocka_unit_test(judge_next_must_take_the_bar_of_its_screen),
		cmocka_unit_test(judge_next_must_discard_a_tie),
		cmocka_unit_test(judge_next_must_confirm_one_by_one_and_stop_at_the_first_failure),
		cmocka_unit_test(judge_next_must_discard_what_is_no_number),
		cmocka_unit_test(judge_interval_must_be_students),
		cmocka_unit_test(null_nights_must_match_the_table),
		cmocka_unit_test(judge_false_keep_must_agree_with_simulated_false_keeps),
		cmocka_unit_test(judge_false_keep_must_be_a_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
