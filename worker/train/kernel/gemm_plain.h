/*
 * gemm_plain.h - both products in plain C: the slow statement the other kernels are tested against.
 */
#ifndef TRAIN_KERNEL_GEMM_H
#define TRAIN_KERNEL_GEMM_H

#include "worker/train/kernel/simd.h"

INL void kernel_begin(void)
{
}

INL void kernel_end(void)
{
}

INL void gemm_any(const struct gemm_args *g, bool tn)
{
	float row[32];
	int i, j, p, q;

	for (j = 0; j < g->n; j += 16) {
		const uint16_t *b = g->b + (size_t)(j / 16) * g->ldb;

		for (i = 0; i < g->m; i++) {
			float *c = g->c + (size_t)i * g->ldc + j;
			const uint16_t *a = tn ? g->a + (size_t)(i / 16) * g->lda + (size_t)(i % 16) * 2
					       : g->a + (size_t)i * g->lda;
			size_t step = tn ? 32 : 2;

			for (q = 0; q < 16; q++)
				row[q] = g->add ? c[q] : 0;
			for (p = 0; p < g->k / 2; p++) {
				float x = half_to_float(a[(size_t)p * step]);
				float y = half_to_float(a[(size_t)p * step + 1]);

				for (q = 0; q < 16; q++)
					row[q] += x * half_to_float(b[p * 32 + q * 2]) +
						  y * half_to_float(b[p * 32 + q * 2 + 1]);
			}
			for (q = 0; q < 16; q++)
				c[q] = row[q];
		}
	}
}

static void gemm_nn(const struct gemm_args *g)
{
	gemm_any(g, false);
}

static void gemm_tn(const struct gemm_args *g)
{
	gemm_any(g, true);
}

static double kernel_peak_pass(int64_t n)
{
	volatile float sink;
	float x[8] = { 0 }, y = 0.999f;
	int64_t i;
	int j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < 8; j++)
			x[j] = x[j] * y + y;
		__asm__ volatile("" : "+m"(y));
	}
	for (j = 1; j < 8; j++)
		x[0] += x[j];
	sink = x[0];
	(void)sink;
	return 16.0 * (double)n;
}

#endif
