/*
 * gemm_fma.h - products by fp32 multiply-add on the same bf16 operands (AVX2 and AVX-512).
 *
 * A panel of 32 rows of A is widened to fp32 once; B is widened on the way through registers
 * (one shift or mask a vector, shared by all rows of the block).
 */
#ifndef TRAIN_KERNEL_GEMM_H
#define TRAIN_KERNEL_GEMM_H

#include "worker/train/kernel/simd.h"

#define KC 128        /* k done at a time: the widened panel is 16 KiB, a slice of B 8 KiB */
#define LDW (KC + 16) /* its rows must not be a power of two apart: they would share cache sets */

#define NV 2 /* vectors of a register block */
#if VW == 16
#define MR 8 /* rows: 16 accumulators of 32 registers */
#else
#define MR 5 /* 10 of 16, enough to cover the 4 cycles of a multiply-add; 12 make gcc spill */
#endif

INL void kernel_begin(void)
{
}

INL void kernel_end(void)
{
}

/* @b: first vector of pairs; vector v of the block is VW columns further */
INL void block_fma(const int rows, int pairs, const float *a, size_t rs, size_t ks, const uint16_t *b,
		   size_t ldb, float *c, size_t ldc, bool add)
{
	vf x[MR][NV];
	int p, r, v;

	UNROLL for (r = 0; r < rows; r++)
		UNROLL for (v = 0; v < NV; v++)
			x[r][v] = add ? vload(c + (size_t)r * ldc + v * VW) : vset(0);
	for (p = 0; p < pairs; p++) {
		vf low[NV], high[NV], unused;

		UNROLL for (v = 0; v < NV; v++)
			vload_pair(strip_get(b, ldb, (size_t)p, v * VW), &low[v], &unused);
		UNROLL for (r = 0; r < rows; r++) {
			vf s = vset(a[(size_t)r * rs]);

			UNROLL for (v = 0; v < NV; v++)
				x[r][v] += s * low[v];
		}
		/* the other halves are loaded only now: with both at hand 16 registers overflow */
		__asm__ volatile("" ::: "memory");
		UNROLL for (v = 0; v < NV; v++)
			vload_pair(strip_get(b, ldb, (size_t)p, v * VW), &unused, &high[v]);
		UNROLL for (r = 0; r < rows; r++) {
			vf s = vset(a[(size_t)r * rs + ks]);

			UNROLL for (v = 0; v < NV; v++)
				x[r][v] += s * high[v];
		}
		a += 2 * ks;
	}
	UNROLL for (r = 0; r < rows; r++)
		UNROLL for (v = 0; v < NV; v++)
			vstore(c + (size_t)r * ldc + v * VW, x[r][v]);
}

INL void panel_fma(const struct gemm_args *g, int i, int k0, int kc, const float *wide, size_t rs,
		   size_t ks)
{
	int j, r;

	for (j = 0; j < g->n; j += NV * VW) {
		const uint16_t *b =
			g->b + (size_t)(j / 16) * g->ldb + (size_t)k0 * 16 + (size_t)(j % 16) * 2;
		float *c = g->c + (size_t)i * g->ldc + j;

		for (r = 0; r + MR <= PANEL; r += MR)
			block_fma(MR, kc / 2, wide + (size_t)r * rs, rs, ks, b, g->ldb,
				  c + (size_t)r * g->ldc, g->ldc, g->add || k0);
		if (PANEL % MR)
			block_fma(PANEL % MR, kc / 2, wide + (size_t)r * rs, rs, ks, b, g->ldb,
				  c + (size_t)r * g->ldc, g->ldc, g->add || k0);
	}
}

static void gemm_nn(const struct gemm_args *g)
{
	float wide[PANEL * LDW] __attribute__((aligned(64)));
	int i, k, k0, r;

	for (k0 = 0; k0 < g->k; k0 += KC) {
		int kc = g->k - k0 < KC ? g->k - k0 : KC;

		for (i = 0; i < g->m; i += PANEL) {
			for (r = 0; r < PANEL; r++)
				for (k = 0; k < kc; k += VW)
					vstore(wide + r * LDW + k,
					       vload_half(g->a + (size_t)(i + r) * g->lda + k0 + k));
			panel_fma(g, i, k0, kc, wide, LDW, 1);
		}
	}
}

static void gemm_tn(const struct gemm_args *g)
{
	float wide[PANEL * KC] __attribute__((aligned(64)));
	int c, i, k0, p;

	for (k0 = 0; k0 < g->k; k0 += KC) {
		int kc = g->k - k0 < KC ? g->k - k0 : KC;

		for (i = 0; i < g->m; i += PANEL) {
			for (p = 0; p < kc / 2; p++)
				for (c = 0; c < PANEL; c += VW) {
					vf even, odd;

					vload_pair(strip_get(g->a, g->lda, (size_t)(k0 / 2 + p), i + c),
						   &even, &odd);
					vstore(wide + 2 * p * PANEL + c, even);
					vstore(wide + (2 * p + 1) * PANEL + c, odd);
				}
			panel_fma(g, i, k0, kc, wide, 1, PANEL);
		}
	}
}

static double kernel_peak_pass(int64_t n)
{
	vf x[12];
	vf y = vset(0);
	int64_t i;
	int j;

	UNROLL for (j = 0; j < 12; j++)
		x[j] = vset(0);
	for (i = 0; i < n; i++) {
		UNROLL for (j = 0; j < 12; j++)
			x[j] = x[j] * y + y;
		__asm__ volatile("" : "+x"(x[0]), "+x"(x[1]), "+x"(x[2]), "+x"(x[3]), "+x"(x[4]),
				 "+x"(x[5]), "+x"(x[6]), "+x"(x[7]), "+x"(x[8]), "+x"(x[9]),
				 "+x"(x[10]), "+x"(x[11]), "+x"(y));
	}
	return 12.0 * 2.0 * VW * (double)n;
}

#endif
