/*
 * rng.c - random numbers that are the same on every machine.
 *
 * Layer: store. Contract in base.h. xoshiro256** by Blackman and Vigna, seeded by splitmix64
 * as they advise. The normal deviate uses only + - * / and sqrt, which IEEE 754 rounds the same
 * everywhere; libm's log and cos differ in the last bit between machines.
 */
#include "store/base.h"

#include <math.h>

/* A fused multiply-add rounds once where two operations round twice. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

static uint64_t scramble(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

#define GOLDEN 0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd */

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void art_rng_seed(struct art_rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		seed += GOLDEN;
		r->s[i] = scramble(seed);
	}
}

uint64_t art_rng_u64(struct art_rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

double art_rng_f64(struct art_rng *r)
{
	return (double)(art_rng_u64(r) >> 11) * 0x1p-53;
}

/* ln x for 0 < x < 1, within a few ulp: x = m * 2^e with m in [0.7, 1.4], then
 * ln m = 2 atanh((m - 1) / (m + 1)) as a series; the argument is at most 0.18. */
static double plain_log(double x)
{
	const double ln2 = 0.6931471805599453;
	int e;
	double m = frexp(x, &e); /* exact */

	if (m < 0.70710678118654752) {
		m *= 2;
		e--;
	}

	double t = (m - 1) / (m + 1);
	double t2 = t * t, sum = 0;

	for (int k = 21; k >= 1; k -= 2)
		sum = sum * t2 + 1.0 / k;
	return e * ln2 + 2 * t * sum;
}

/* Marsaglia's polar method; the second deviate is thrown away to keep the state at four words. */
double art_rng_normal(struct art_rng *r)
{
	double u, v, q;

	do {
		u = 2 * art_rng_f64(r) - 1;
		v = 2 * art_rng_f64(r) - 1;
		q = u * u + v * v;
	} while (q >= 1 || q == 0);
	return u * sqrt(-2 * plain_log(q) / q);
}

uint64_t art_mix64(uint64_t a, uint64_t b)
{
	return scramble(scramble(a + GOLDEN) + GOLDEN * 2 + b);
}
