/* gemm_avx512bf16.h - products by vdpbf16ps: an 8 x 32 block of C in 16 registers. */
#ifndef TRAIN_KERNEL_GEMM_H
#define TRAIN_KERNEL_GEMM_H

#define KC 1024 /* k done at a time, so that a 32-column slice of B stays in L1/L2 */

#include "worker/train/kernel/gemm_pairs.h"

INL void block_8x32(int pairs, const uint16_t *a, size_t rs, size_t ps, const uint16_t *b,
		    size_t ldb, float *c, size_t ldc, bool add)
{
	__m512 x[8][2];
	int p, r;

	UNROLL for (r = 0; r < 8; r++) {
		float *q = c + (size_t)r * ldc;

		x[r][0] = add ? _mm512_loadu_ps(q) : _mm512_setzero_ps();
		x[r][1] = add ? _mm512_loadu_ps(q + 16) : _mm512_setzero_ps();
	}
	for (p = 0; p < pairs; p++) {
		__m512bh u = (__m512bh)_mm512_loadu_si512(b + (size_t)p * 32);
		__m512bh v = (__m512bh)_mm512_loadu_si512(b + ldb + (size_t)p * 32);

		UNROLL for (r = 0; r < 8; r++) {
			__m512bh z = (__m512bh)pair_broadcast(a + (size_t)r * rs);

			x[r][0] = _mm512_dpbf16_ps(x[r][0], z, u);
			x[r][1] = _mm512_dpbf16_ps(x[r][1], z, v);
		}
		a += ps;
	}
	UNROLL for (r = 0; r < 8; r++) {
		float *q = c + (size_t)r * ldc;

		_mm512_storeu_ps(q, x[r][0]);
		_mm512_storeu_ps(q + 16, x[r][1]);
	}
}

static double kernel_peak_pass(int64_t n)
{
	__m512 x[16];
	__m512bh z = (__m512bh)_mm512_setzero_si512();
	int64_t i;
	int j;

	UNROLL for (j = 0; j < 16; j++)
		x[j] = _mm512_setzero_ps();
	for (i = 0; i < n; i++) {
		UNROLL for (j = 0; j < 16; j++)
			x[j] = _mm512_dpbf16_ps(x[j], z, z);
		__asm__ volatile("" : "+v"(x[0]), "+v"(x[1]), "+v"(x[2]), "+v"(x[3]), "+v"(x[4]),
				 "+v"(x[5]), "+v"(x[6]), "+v"(x[7]), "+v"(x[8]), "+v"(x[9]),
				 "+v"(x[10]), "+v"(x[11]), "+v"(x[12]), "+v"(x[13]), "+v"(x[14]));
		__asm__ volatile("" : "+v"(x[15]), "+v"(z));
	}
	return 16.0 * 64.0 * (double)n;
}

#endif
