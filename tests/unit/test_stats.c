/*
 * test_stats.c - figures against published tables and hand-worked cases.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/research/stats.h"

static void near_to(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("got %.10g, want %.10g within %g", got, want, tolerance);
}

static void stats_mean_min_median_must_be_exact(void **state)
{
	double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 };

	(void)state;
	near_to(stats_mean(odd, 3), 2, 0);
	near_to(stats_min(even, 4), 1, 0);
	near_to(stats_median(odd, 3), 2, 0);
	near_to(stats_median(even, 4), 2.5, 0);
}

static void stats_normal_must_match_tables(void **state)
{
	(void)state;
	near_to(stats_normal_cdf(0), 0.5, 1e-15);
	near_to(stats_normal_cdf(1.959963984540054), 0.975, 1e-12);
	near_to(stats_normal_cdf(-3), 0.001349898031630095, 1e-15);
	near_to(stats_normal_pdf(0), 0.3989422804014327, 1e-15);
}

static void stats_t_must_match_tables(void **state)
{
	(void)state;
	near_to(stats_t_quantile(0.975, 1), 12.706204736, 1e-6);
	near_to(stats_t_quantile(0.975, 2), 4.302652730, 1e-7);
	near_to(stats_t_quantile(0.975, 5), 2.570581836, 1e-8);
	near_to(stats_t_quantile(0.975, 30), 2.042272456, 1e-8);
	near_to(stats_t_quantile(0.5, 7), 0, 1e-7);
	near_to(stats_t_quantile(0.025, 10), -2.228138852, 1e-8);
	near_to(stats_t_cdf(2.0, 1e6), stats_normal_cdf(2.0), 1e-6);
}

static void stats_pool_must_ignore_differences_between_groups(void **state)
{
	double a[] = { 1.0, 1.2 }, b[] = { 101.0, 101.4 }, lone[] = { 7 };
	struct stats_pool p = { 0 };

	(void)state;
	assert_false(stats_pool_sigma(&p).known);
	stats_pool_add(&p, lone, 1);
	assert_false(stats_pool_sigma(&p).known);
	stats_pool_add(&p, a, 2);
	stats_pool_add(&p, b, 2);
	assert_int_equal(p.df, 2);
	near_to(stats_pool_sigma(&p).v, sqrt((0.02 + 0.08) / 2), 1e-12);
}

/* The mean of N(mu, 1) below a bar is known in closed form; going back must find mu. */
static void stats_untruncated_mean_must_undo_truncation(void **state)
{
	(void)state;
	for (double mu = -1; mu <= 2; mu += 0.5) {
		double seen = mu - stats_normal_pdf(-mu) / stats_normal_cdf(-mu);
		near_to(stats_untruncated_mean(seen, 0, 1, 10), mu, 1e-5);
	}
	near_to(stats_untruncated_mean(-0.1, 0, 1, 0.3), 0.3, 0);
	near_to(stats_untruncated_mean(0.5, 1, 0, 2), 0.5, 0);
	near_to(stats_untruncated_mean(3, 1, 1, 2), 2, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats_mean_min_median_must_be_exact),
		cmocka_unit_test(stats_normal_must_match_tables),
		cmocka_unit_test(stats_t_must_match_tables),
		cmocka_unit_test(stats_pool_must_ignore_differences_between_groups),
		cmocka_unit_test(stats_untruncated_mean_must_undo_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
