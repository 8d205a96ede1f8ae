/*
 * gemm_pairs.h - the loops of kernels that multiply pairs along k as they are stored (AVX-512's bf16 and fp16).
 *
 * A pair of A is one broadcast load, whether rows are contiguous (nn) or pairs are (tn), so A needs
 * no packing. The including file defines KC, the k done at a time, before it includes this, and
 * block_8x32 after.
 */
#ifndef TRAIN_KERNEL_GEMM_PAIRS_H
#define TRAIN_KERNEL_GEMM_PAIRS_H

#include "worker/train/kernel/simd.h"

/* 8 rows and 32 columns of C (+)= A B over @pairs. Rows of A are @rs apart, its pairs @ps, in halves. */
static void block_8x32(int pairs, const uint16_t *a, size_t rs, size_t ps, const uint16_t *b, size_t ldb,
		       float *c, size_t ldc, bool add);

INL void kernel_begin(void)
{
}

INL void kernel_end(void)
{
}

INL __m512i pair_broadcast(const void *p)
{
	int32_t t;

	memcpy(&t, p, sizeof(t));
	return _mm512_set1_epi32(t);
}

/*
 * Loops around the block. The operand of the inner loop stays in L1 while the outer one streams
 * by: a 32-column slice of B against all rows, or 32 rows of A against all columns, whichever
 * operand is the larger being streamed once.
 */
INL void gemm_loops(const struct gemm_args *g, bool tn)
{
	const int rows_at_once = g->m > g->n ? PANEL : g->m;
	int i, i0, j, k0;

	for (k0 = 0; k0 < g->k; k0 += KC) {
		const int pairs = (g->k - k0 < KC ? g->k - k0 : KC) / 2;
		const uint16_t *b = g->b + (size_t)k0 * 16;
		const bool add = g->add || k0;

		for (i0 = 0; i0 < g->m; i0 += rows_at_once)
			for (j = 0; j < g->n; j += 32)
				for (i = i0; i < i0 + rows_at_once; i += 8) {
					const uint16_t *a =
						tn ? g->a + (size_t)(i / 16) * g->lda + (size_t)k0 * 16 + (size_t)(i % 16) * 2
						   : g->a + (size_t)i * g->lda + k0;

					block_8x32(pairs, a, tn ? 2 : g->lda, tn ? 32 : 2,
						   b + (size_t)(j / 16) * g->ldb, g->ldb,
						   g->c + (size_t)i * g->ldc + j, g->ldc, add);
				}
	}
}

static void gemm_nn(const struct gemm_args *g)
{
	gemm_loops(g, false);
}

static void gemm_tn(const struct gemm_args *g)
{
	gemm_loops(g, true);
}

#endif
