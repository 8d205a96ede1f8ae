/*
 * stats.c - means, medians, Student's t, pooled spread, truncated normal.
 */
#include "core/research/stats.h"

#include <math.h>
#include <stdlib.h>

#define BISECTIONS 200

double stats_mean(const double *v, size_t n)
{
	double sum = 0;

	ART_BUG_ON(n == 0);
	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

double stats_min(const double *v, size_t n)
{
	double m;

	ART_BUG_ON(n == 0);
	m = v[0];
	for (size_t i = 1; i < n; i++)
		if (v[i] < m)
			m = v[i];
	return m;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_median(double *v, size_t n)
{
	ART_BUG_ON(n == 0);
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

double stats_normal_pdf(double z)
{
	return exp(-0.5 * z * z) / sqrt(2 * M_PI);
}

double stats_normal_cdf(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

/* Continued fraction of the incomplete beta function, by Lentz's method (DLMF 8.17.22). */
static double beta_fraction(double x, double a, double b)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m <= 300; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 + even * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + even / c;
		c = fabs(c) < tiny ? tiny : c;
		f *= d * c;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + odd / c;
		c = fabs(c) < tiny ? tiny : c;
		step = d * c;
		f *= step;
		if (fabs(step - 1) < 1e-15)
			break;
	}
	return f;
}

static double beta_regular(double x, double a, double b)
{
	double front;
	int sign;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	/* lgamma_r: lgamma writes a global that other threads share. */
	front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) +
		    a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(x, a, b) / a;
	return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stats_t_cdf(double t, double df)
{
	double tail;

	ART_BUG_ON(!(df > 0));
	tail = 0.5 * beta_regular(df / (df + t * t), 0.5 * df, 0.5);
	return t < 0 ? tail : 1 - tail;
}

double stats_t_quantile(double p, double df)
{
	double lo = -1, hi = 1;

	ART_BUG_ON(!(p > 0 && p < 1));
	while (stats_t_cdf(lo, df) > p)
		lo *= 2;
	while (stats_t_cdf(hi, df) < p)
		hi *= 2;
	for (int i = 0; i < BISECTIONS && hi - lo > 1e-12 * (1 + fabs(lo)); i++) {
		double mid = 0.5 * (lo + hi);
		if (stats_t_cdf(mid, df) < p)
			lo = mid;
		else
			hi = mid;
	}
	return 0.5 * (lo + hi);
}

void stats_pool_add(struct stats_pool *p, const double *v, size_t n)
{
	double mean;

	if (n < 2)
		return;
	mean = stats_mean(v, n);
	for (size_t i = 0; i < n; i++)
		p->ss += (v[i] - mean) * (v[i] - mean);
	p->df += (long)n - 1;
}

struct opt_f64 stats_pool_sigma(const struct stats_pool *p)
{
	if (p->df < 1)
		return (struct opt_f64){ 0 };
	return OPT_F64(sqrt(p->ss / (double)p->df));
}

/* Mean of N(mu, sigma) given that it is below bar. */
static double truncated_mean(double mu, double bar, double sigma)
{
	double z = (bar - mu) / sigma, p = stats_normal_cdf(z);

	/* Far in the tail the ratio pdf/cdf tends to -z - 1/z. */
	if (z < -30)
		return bar + sigma / z;
	return mu - sigma * stats_normal_pdf(z) / p;
}

double stats_untruncated_mean(double seen, double bar, double sigma, double limit)
{
	double lo = seen, hi = limit;

	if (!(sigma > 0) || hi <= lo)
		return seen < limit ? seen : limit;
	if (truncated_mean(hi, bar, sigma) <= seen)
		return hi;
	for (int i = 0; i < BISECTIONS && hi - lo > 1e-9 * sigma; i++) {
		double mid = 0.5 * (lo + hi);
		if (truncated_mean(mid, bar, sigma) > seen)
			hi = mid;
		else
			lo = mid;
	}
	return 0.5 * (lo + hi);
}
