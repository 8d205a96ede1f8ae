/*
 * optim.h - Muon and AdamW on one matrix or run of parameters, and packing of weights to bf16.
 *
 * Muon works on the tall orientation always (a wide matrix is transposed on the way in and out;
 * the polar factor of the transpose is the transpose of the polar factor), padded with zeros to
 * multiples of 32, which every step leaves zero. Its two symmetric products compute one
 * triangle of blocks and mirror it. The iteration runs in halves (autoresearch's in bf16); learning
 * rate, decay and the row scales stay fp32 where its code rounds them to bf16 too.
 *
 * X, A and B are kept larger than they are, by powers of two, so that fp16 holds them well: X's
 * elements begin near 1 / sqrt(rows cols) and end near 1 / sqrt(rows).
 */
#ifndef TRAIN_KERNEL_OPTIM_H
#define TRAIN_KERNEL_OPTIM_H

#include "worker/train/kernel/rows.h"

#define BLOCK 32
#define POLAR_GAIN 16.0f /* of A and B */

INL void transpose_block(const float *src, size_t ld, float *dst)
{
	int i, j;

	for (i = 0; i < BLOCK; i += 16)
		for (j = 0; j < BLOCK; j += 16)
			transpose16(src + (size_t)i * ld + j, ld, dst + j * BLOCK + i, BLOCK);
}

/* ------------------------------------------------------------- packing */

static void pack(const struct pack_job *j)
{
	uint16_t tile[16 * 32] __attribute__((aligned(64)));
	const size_t fwd_strip = (size_t)j->cols * 16, bwd_strip = (size_t)j->rows_all * 16;
	int c, i, k, r;

	for (r = 0; r < j->rows; r += 16)
		for (c = 0; c < j->cols; c += 32) {
			const float *w = j->w + (size_t)r * j->cols + c;

			for (i = 0; i < 16; i++)
				for (k = 0; k < 32; k += VW)
					vstore_half(tile + i * 32 + k, vload(w + (size_t)i * j->cols + k));
			transpose16(tile, 16,
				    j->fwd + (size_t)((j->row0 + r) / 16) * fwd_strip + (size_t)c * 16, 16);
			if (!j->bwd)
				continue;
			weave(tile, 32, 16, 32,
			      j->bwd + (size_t)(c / 16) * bwd_strip + (size_t)(j->row0 + r) * 16, bwd_strip);
		}
}

static void sum(float *dst, const float *src, size_t n)
{
	size_t i;

	for (i = 0; i + VW <= n; i += VW)
		vstore(dst + i, vload(dst + i) + vload(src + i));
	for (; i < n; i++)
		dst[i] += src[i];
}

static bool multiply(float *x, size_t n, float factor)
{
	size_t i;

	for (i = 0; i + VW <= n; i += VW)
		vstore(x + i, vload(x + i) * vset(factor));
	for (; i < n; i++)
		x[i] *= factor;
	return all_finite(x, n);
}

/* ------------------------------------------------------------- AdamW (autoresearch uses no decay) */

static void adam(const struct adam_job *j)
{
	const vf keep1 = vset(1.0f - j->beta1), keep2 = vset(1.0f - j->beta2);
	size_t i;

	for (i = 0; i + VW <= j->n; i += VW) {
		vf g = vload(j->grad + i), m = vload(j->m + i), v = vload(j->v + i);

		m += keep1 * (g - m);
		v += keep2 * (g * g - v);
		vstore(j->m + i, m);
		vstore(j->v + i, v);
		vstore(j->w + i, vload(j->w + i) - vset(j->step_size) * m /
				 (vsqrt(v * vset(j->inv_bias2)) + vset(j->eps)));
	}
	for (; i < j->n; i++) {
		float g = j->grad[i];

		j->m[i] += (1.0f - j->beta1) * (g - j->m[i]);
		j->v[i] += (1.0f - j->beta2) * (g * g - j->v[i]);
		j->w[i] -= j->step_size * j->m[i] / (sqrtf(j->v[i] * j->inv_bias2) + j->eps);
	}
}

/* ------------------------------------------------------------- Muon */

/* The matrix being worked on, in its tall orientation. */
struct tall {
	int rows, cols;   /* padded */
	int true_rows, true_cols;
	bool wide;        /* the parameter is the transpose of this */
	float gain;       /* of X: sqrt(rows) / 4, rounded to a power of two */
};

INL struct tall tall_of(const struct muon_job *j)
{
	struct tall t = { .wide = j->rows < j->cols };

	t.true_rows = t.wide ? j->cols : j->rows;
	t.true_cols = t.wide ? j->rows : j->cols;
	t.rows = (t.true_rows + BLOCK - 1) / BLOCK * BLOCK;
	t.cols = (t.true_cols + BLOCK - 1) / BLOCK * BLOCK;
	t.gain = exp2f(roundf(0.5f * log2f((float)t.rows)) - 2.0f);
	return t;
}

/* Momentum updated; returns the squared norm of the Nesterov gradient. */
INL float muon_momentum(const struct muon_job *j)
{
	const size_t n = (size_t)j->rows * (size_t)j->cols;
	const vf mu = vset(j->mu), keep = vset(1.0f - j->mu);
	vf s = vset(0), g, m;
	float tail = 0;
	size_t i;

	for (i = 0; i + VW <= n; i += VW) {
		g = vload(j->grad + i);
		m = vload(j->momentum + i);
		m += keep * (g - m);
		vstore(j->momentum + i, m);
		g += mu * (m - g);
		s += g * g;
	}
	for (; i < n; i++) {
		float x = j->grad[i];

		j->momentum[i] += (1.0f - j->mu) * (x - j->momentum[i]);
		x += j->mu * (j->momentum[i] - x);
		tail += x * x;
	}
	return vsum(s) + tail;
}

/* Nesterov gradient of the parameter's block at (r, c), scaled; zero beyond the edges. */
INL void muon_load_block(const struct muon_job *j, int r, int c, float scale, float *out)
{
	const int rows = j->rows - r < BLOCK ? j->rows - r : BLOCK;
	const int cols = j->cols - c < BLOCK ? j->cols - c : BLOCK;
	int a, b;

	for (a = 0; a < BLOCK; a++, out += BLOCK) {
		size_t at = (size_t)(r + a) * (size_t)j->cols + (size_t)c;

		for (b = 0; a < rows && b + VW <= cols; b += VW) {
			vf g = vload(j->grad + at + b);

			vstore(out + b, (g + vset(j->mu) * (vload(j->momentum + at + b) - g)) * vset(scale));
		}
		if (a >= rows)
			b = 0;
		for (; a < rows && b < cols; b++) {
			float g = j->grad[at + b];

			out[b] = (g + j->mu * (j->momentum[at + b] - g)) * scale;
		}
		for (; b < BLOCK; b++)
			out[b] = 0;
	}
}

/* 32 rows of @n columns to row-major (may be NULL) and strips; rows @ld apart */
INL void store_rows(const float *x, size_t ld, int n, uint16_t *row, size_t row_ld, uint16_t *strips,
		    size_t stride, size_t pair)
{
	int c, r;

	for (r = 0; r < BLOCK; r += 2)
		for (c = 0; c < n; c += VW) {
			vf a = vload(x + (size_t)r * ld + c), b = vload(x + (size_t)(r + 1) * ld + c);

			if (row) {
				vstore_half(row + (size_t)r * row_ld + c, a);
				vstore_half(row + (size_t)(r + 1) * row_ld + c, b);
			}
			vstore_pair(strip_at(strips, stride, pair + (size_t)r / 2, c), a, b);
		}
}

INL void muon_load(struct worker *w, const struct muon_job *j, const struct tall *t, float scale)
{
	float block[BLOCK * BLOCK] __attribute__((aligned(64)));
	float turned[BLOCK * BLOCK] __attribute__((aligned(64)));
	const size_t stride = (size_t)t->rows * 16;
	int c, r;

	for (r = 0; r < t->rows; r += BLOCK)
		for (c = 0; c < t->cols; c += BLOCK) {
			muon_load_block(j, t->wide ? c : r, t->wide ? r : c, scale, block);
			if (t->wide)
				transpose_block(block, BLOCK, turned);
			store_rows(t->wide ? turned : block, BLOCK, BLOCK, w->mx + (size_t)r * t->cols + c,
				   (size_t)t->cols, w->mx_s + (size_t)(c / 16) * stride, stride, (size_t)r / 2);
		}
}

/* 32 rows of a symmetric [n, n] matrix from its diagonal at @i on, and their mirror image */
INL void store_symmetric(const float *x, int i, int n, uint16_t *strips)
{
	float turned[BLOCK * BLOCK] __attribute__((aligned(64)));
	const size_t stride = (size_t)n * 16;
	const int cols = n - i;
	int j;

	store_rows(x, (size_t)cols, cols, NULL, 0, strips + (size_t)(i / 16) * stride, stride,
		   (size_t)i / 2);
	for (j = BLOCK; j < cols; j += BLOCK) {
		transpose_block(x + j, (size_t)cols, turned);
		store_rows(turned, BLOCK, BLOCK, NULL, 0, strips + (size_t)(i / 16) * stride, stride,
			   (size_t)(i + j) / 2);
	}
}

/* One polar express step: A = X'X, B = b A + c A A, X = a X + X B, each times its gain */
INL void muon_polar_step(struct worker *w, const struct tall *t, float a, float b, float c)
{
	const int n = t->cols;
	const size_t sx = (size_t)t->rows * 16, sa = (size_t)n * 16;
	float *p = w->mpanel;
	int i, k, r;

	for (i = 0; i < n; i += BLOCK) {
		const uint16_t *x = w->mx_s + (size_t)(i / 16) * sx;

		mul_tn(BLOCK, n - i, t->rows, x, sx, x, sx, p, (size_t)(n - i), false);
		for (k = 0; k < BLOCK * (n - i); k += VW)
			vstore(p + k, vload(p + k) * vset(POLAR_GAIN / (t->gain * t->gain)));
		store_symmetric(p, i, n, w->ma_s);
	}
	for (i = 0; i < n; i += BLOCK) {
		const uint16_t *x = w->ma_s + (size_t)(i / 16) * sa;
		const int cols = n - i;

		mul_tn(BLOCK, cols, n, x, sa, x, sa, p, (size_t)cols, false);
		for (r = 0; r < BLOCK; r += 2)
			for (k = 0; k < cols; k += VW) {
				float *p0 = p + (size_t)r * cols + k, *p1 = p0 + cols;
				vf a0, a1;

				vload_pair(strip_get(x, sa, (size_t)(i + r) / 2, k), &a0, &a1);
				vstore(p0, vset(b) * a0 + vset(c / POLAR_GAIN) * vload(p0));
				vstore(p1, vset(b) * a1 + vset(c / POLAR_GAIN) * vload(p1));
			}
		store_symmetric(p, i, n, w->mb_s);
	}
	for (i = 0; i < t->rows; i += BLOCK) {
		uint16_t *x = w->mx + (size_t)i * n;

		mul_nn(BLOCK, n, n, x, (size_t)n, w->mb_s, sa, p, (size_t)n, false);
		for (k = 0; k < BLOCK * n; k += VW)
			vstore(p + k, vset(a) * vload_half(x + k) + vset(1.0f / POLAR_GAIN) * vload(p + k));
		store_rows(p, (size_t)n, n, x, (size_t)n, w->mx_s, sx, (size_t)i / 2);
	}
}

/* NorMuon: mscale[row] such that rows have even second moments and the norm stays. */
INL void muon_row_scales(struct worker *w, const struct muon_job *j, const struct tall *t)
{
	double norm = 0, scaled = 0;
	float ratio;
	int c, r;

	for (r = 0; r < t->true_rows; r++) {
		vf s = vset(0);
		float mean, step;

		for (c = 0; c < t->cols; c += VW) {
			vf x = vload_half(w->mx + (size_t)r * t->cols + c);

			s += x * x;
		}
		mean = vsum(s) / ((float)t->true_cols * t->gain * t->gain);
		j->second[r] += (mean - j->second[r]) * (1.0f - j->beta2);
		step = 1.0f / sqrtf(j->second[r] > 1e-10f ? j->second[r] : 1e-10f);
		norm += (double)mean * t->true_cols;
		scaled += (double)mean * t->true_cols * step * step;
		w->mscale[r] = step;
	}
	norm = sqrt(norm);
	scaled = sqrt(scaled);
	ratio = (float)(norm / (scaled > 1e-10 ? scaled : 1e-10));
	for (r = 0; r < t->true_rows; r++)
		w->mscale[r] *= ratio / t->gain;
}

/* Cautious weight decay: only where the step already shrinks the weight. */
INL void muon_apply_block(const struct muon_job *j, int r, int c, const float *u, float lr)
{
	const int rows = j->rows - r < BLOCK ? j->rows - r : BLOCK;
	const int cols = j->cols - c < BLOCK ? j->cols - c : BLOCK;
	const float decay = lr * j->weight_decay;
	int a, b;

	for (a = 0; a < rows; a++, u += BLOCK) {
		float *p = j->w + (size_t)(r + a) * (size_t)j->cols + c;

		for (b = 0; b + VW <= cols; b += VW) {
			vf w = vload(p + b), g = vload(u + b);
			vf shrink = (vf)((vi)(vset(decay) * w) & (vi)(g * w >= vset(0)));

			vstore(p + b, w - (vset(lr) * g + shrink));
		}
		for (; b < cols; b++)
			p[b] -= lr * u[b] + (u[b] * p[b] >= 0 ? decay * p[b] : 0);
	}
}

static void muon(struct worker *w, const struct muon_job *j)
{
	static const float polar[MUON_STEPS][3] = {
		{ 8.156554524902461f, -22.48329292557795f, 15.878769915207462f },
		{ 4.042929935166739f, -2.808917465908714f, 0.5000178451051316f },
		{ 3.8916678022926607f, -2.772484153217685f, 0.5060648178503393f },
		{ 3.285753657755655f, -2.3681294933425376f, 0.46449024233003106f },
		{ 2.3465413258596377f, -1.7097828382687081f, 0.42323551169305323f },
	};
	float block[BLOCK * BLOCK] __attribute__((aligned(64)));
	float turned[BLOCK * BLOCK] __attribute__((aligned(64)));
	const struct tall t = tall_of(j);
	const float tallness = (float)j->rows / (float)j->cols;
	const float lr = j->lr * sqrtf(tallness > 1 ? tallness : 1);
	int c, i, k, r;

	muon_load(w, j, &t, t.gain / (sqrtf(muon_momentum(j)) * 1.02f + 1e-6f));
	for (i = 0; i < MUON_STEPS; i++)
		muon_polar_step(w, &t, polar[i][0], polar[i][1], polar[i][2]);
	muon_row_scales(w, j, &t);
	for (r = 0; r < t.rows; r += BLOCK)
		for (c = 0; c < t.cols; c += BLOCK) {
			for (i = 0; i < BLOCK; i++)
				for (k = 0; k < BLOCK; k += VW)
					vstore(block + i * BLOCK + k,
					       vload_half(w->mx + (size_t)(r + i) * t.cols + c + k) *
						       vset(r + i < t.true_rows ? w->mscale[r + i] : 0));
			if (t.wide)
				transpose_block(block, BLOCK, turned);
			muon_apply_block(j, t.wide ? c : r, t.wide ? r : c, t.wide ? turned : block, lr);
		}
}

#endif
