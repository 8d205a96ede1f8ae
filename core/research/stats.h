/*
 * stats.h - the little statistics the judge and the proposers need.
 *
 * Layer: core. Pure functions. Threads: any.
 */
#ifndef CORE_RESEARCH_STATS_H
#define CORE_RESEARCH_STATS_H

#include <stddef.h>

#include "store/base.h"

double stats_mean(const double *v, size_t n); /* n >= 1 */
double stats_min(const double *v, size_t n);  /* n >= 1 */
/* Sorts @v in place. n >= 1. */
double stats_median(double *v, size_t n);

/* Normal density and distribution, mean 0, deviation 1. */
double stats_normal_pdf(double z);
double stats_normal_cdf(double z);

/* Student's t: P(T <= t) with @df > 0 degrees of freedom, and its inverse for 0 < p < 1. */
double stats_t_cdf(double t, double df);
double stats_t_quantile(double p, double df);

/*
 * Spread pooled over groups that may have different means: add each group, then ask. Groups of
 * one add nothing.
 */
struct stats_pool {
	double ss; /* sum of squares about each group's own mean */
	long df;
};
void stats_pool_add(struct stats_pool *p, const double *v, size_t n);
struct opt_f64 stats_pool_sigma(const struct stats_pool *p); /* unknown without a repeat */

/*
 * Mean of a normal distribution of deviation @sigma whose draws were seen only because all of
 * them fell below @bar, given that they average @seen: the maximum-likelihood answer, not above
 * @limit. It undoes the selection that made a kept candidate look better than it is.
 */
double stats_untruncated_mean(double seen, double bar, double sigma, double limit);

#endif
