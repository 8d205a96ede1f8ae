/*
 * gemm_avx512fp16.h - products by fp16 multiply-add: twice the numbers an instruction of fp32.
 *
 * The operands' pairs along k stay side by side: even rows are summed in even lanes, odd rows in
 * odd ones. A lane takes SUM_PAIRS products in fp16, then the two lanes of a column are added and
 * go to the fp32 sum in C. With 32 products of random sign such a sum is off by about 2^-10 of its
 * size: less than what rounding operands to bf16 costs a product summed in fp32. A sum beyond 65504
 * becomes an infinity, which everything after it keeps.
 */
#ifndef TRAIN_KERNEL_GEMM_H
#define TRAIN_KERNEL_GEMM_H

#define KC 512 /* k done at a time, so that a 32-column slice of B stays in L1 */
#define SUM_PAIRS 32

#include "worker/train/kernel/gemm_pairs.h"

/* Lanes 2 c and 2 c + 1 added and widened */
INL __m512 pair_sums(__m512h x)
{
	__m512h s = _mm512_add_ph(x, (__m512h)_mm512_srli_epi32((__m512i)x, 16));

	return _mm512_cvtph_ps(_mm512_cvtepi32_epi16((__m512i)s));
}

/* Not inlined: its three row pointers and their stride want the registers to themselves. */
static __attribute__((noinline)) void block_8x32(int pairs, const uint16_t *a, size_t rs, size_t ps,
						 const uint16_t *b, size_t ldb, float *c, size_t ldc,
						 bool add)
{
	const char *a0 = (const char *)a, *a3 = (const char *)(a + 3 * rs), *a6 = (const char *)(a + 6 * rs);
	int left, n, p, r;

	rs *= sizeof(*a);
	ps *= sizeof(*a);
	for (left = pairs; left > 0; left -= n) {
		__m512h x[8][2];

		n = left < SUM_PAIRS ? left : SUM_PAIRS;
		UNROLL for (r = 0; r < 8; r++)
			x[r][0] = x[r][1] = _mm512_setzero_ph();
		for (p = 0; p < n; p++, b += 32, a0 += ps, a3 += ps, a6 += ps) {
			__m512h u = (__m512h)_mm512_loadu_si512(b);
			__m512h v = (__m512h)_mm512_loadu_si512(b + ldb);

			UNROLL for (r = 0; r < 8; r++) {
				__m512h z = (__m512h)pair_broadcast(
					(r < 3 ? a0 : r < 6 ? a3 : a6) + (size_t)(r % 3) * rs);

				x[r][0] = _mm512_fmadd_ph(z, u, x[r][0]);
				x[r][1] = _mm512_fmadd_ph(z, v, x[r][1]);
			}
		}
		UNROLL for (r = 0; r < 8; r++) {
			float *q = c + (size_t)r * ldc;
			__m512 s = pair_sums(x[r][0]), t = pair_sums(x[r][1]);

			_mm512_storeu_ps(q, add ? _mm512_add_ps(_mm512_loadu_ps(q), s) : s);
			_mm512_storeu_ps(q + 16, add ? _mm512_add_ps(_mm512_loadu_ps(q + 16), t) : t);
		}
		add = true;
	}
}

static double kernel_peak_pass(int64_t n)
{
	__m512h x[12], y = _mm512_setzero_ph();
	int64_t i;
	int j;

	UNROLL for (j = 0; j < 12; j++)
		x[j] = _mm512_setzero_ph();
	for (i = 0; i < n; i++) {
		UNROLL for (j = 0; j < 12; j++)
			x[j] = _mm512_fmadd_ph(x[j], y, y);
		__asm__ volatile("" : "+v"(x[0]), "+v"(x[1]), "+v"(x[2]), "+v"(x[3]), "+v"(x[4]),
				 "+v"(x[5]), "+v"(x[6]), "+v"(x[7]), "+v"(x[8]), "+v"(x[9]),
				 "+v"(x[10]), "+v"(x[11]), "+v"(y));
	}
	return 12.0 * 2.0 * 32 * (double)n;
}

#endif
