/*
 * rows.h - element-wise work on the rows of a panel: norms, packing to strips, small sums.
 *
 * "Pair" functions take two neighbouring rows, because strips keep rows by pairs.
 */
#ifndef TRAIN_KERNEL_ROWS_H
#define TRAIN_KERNEL_ROWS_H

#include "worker/train/kernel.h"
#include "worker/train/kernel/simd.h"

#define NORM_EPS 1.1920929e-7f /* what F.rms_norm adds for fp32 */
#define LOG2E 1.44269504f

INL void mul_nn(int m, int n, int k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb,
		float *c, size_t ldc, bool add)
{
	const struct gemm_args g = { m, n, k, a, lda, b, ldb, c, ldc, add };

	gemm_nn(&g);
}

INL void mul_tn(int m, int n, int k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb,
		float *c, size_t ldc, bool add)
{
	const struct gemm_args g = { m, n, k, a, lda, b, ldb, c, ldc, add };

	gemm_tn(&g);
}

INL float row_dot(const float *a, const float *b, int n)
{
	vf s = vset(0);
	int c;

	for (c = 0; c < n; c += VW)
		s += vload(a + c) * vload(b + c);
	return vsum(s);
}

INL bool all_finite(const float *x, size_t n)
{
	vf s = vset(0);
	float tail = 0;
	size_t i;

	for (i = 0; i + VW <= n; i += VW)
		s += vload(x + i) * vset(0); /* NaN from infinity and from NaN */
	for (; i < n; i++)
		tail += x[i] * 0;
	return vsum(s) + tail == 0;
}

INL float norm_scale(float sum_of_squares, int n)
{
	return 1.0f / sqrtf(sum_of_squares / (float)n + NORM_EPS);
}

/* @x two rows of @n: normed copies to @row [2, n] and to strips; @rs gets the two scales. */
INL void norm_pair(const float *x, int n, uint16_t *row, uint16_t *strips, size_t stride, size_t pair,
		   float *rs)
{
	vf a, b;
	int c;

	rs[0] = norm_scale(row_dot(x, x, n), n);
	rs[1] = norm_scale(row_dot(x + n, x + n, n), n);
	for (c = 0; c < n; c += VW) {
		a = vload(x + c) * vset(rs[0]);
		b = vload(x + n + c) * vset(rs[1]);
		vstore_half(row + c, a);
		vstore_half(row + n + c, b);
		vstore_pair(strip_at(strips, stride, pair, c), a, b);
	}
}

/* dx += norm's backward of @dn, two rows of @n; @xn the normed rows in strips. */
INL void norm_back_pair(const float *dn, int n, const uint16_t *xn, size_t stride, size_t pair,
			const float *rs, float *dx)
{
	vf s = vset(0), t = vset(0), a, b, mean_s, mean_t;
	int c;

	for (c = 0; c < n; c += VW) {
		vload_pair(strip_get(xn, stride, pair, c), &a, &b);
		s += a * vload(dn + c);
		t += b * vload(dn + n + c);
	}
	mean_s = vset(vsum(s) / (float)n);
	mean_t = vset(vsum(t) / (float)n);
	for (c = 0; c < n; c += VW) {
		vload_pair(strip_get(xn, stride, pair, c), &a, &b);
		vstore(dx + c, vload(dx + c) + vset(rs[0]) * (vload(dn + c) - a * mean_s));
		vstore(dx + n + c, vload(dx + n + c) + vset(rs[1]) * (vload(dn + n + c) - b * mean_t));
	}
}

/* The same for one row with the normed row in row-major halves; @out = (add ? @out : 0) + ... */
INL void norm_back_row(const float *dn, int n, const uint16_t *xn, float rs, float *out, bool add)
{
	vf s = vset(0), mean;
	int c;

	for (c = 0; c < n; c += VW)
		s += vload_half(xn + c) * vload(dn + c);
	mean = vset(vsum(s) / (float)n);
	for (c = 0; c < n; c += VW) {
		vf d = vset(rs) * (vload(dn + c) - vload_half(xn + c) * mean);

		vstore(out + c, add ? vload(out + c) + d : d);
	}
}

/* fp32 rows to halves, both row-major and strips */
INL void pack_pair(const float *x, int n, uint16_t *row, uint16_t *strips, size_t stride, size_t pair)
{
	int c;

	for (c = 0; c < n; c += VW) {
		vf a = vload(x + c), b = vload(x + n + c);

		vstore_half(row + c, a);
		vstore_half(row + n + c, b);
		vstore_pair(strip_at(strips, stride, pair, c), a, b);
	}
}

/* Rows [m, n] of halves, row stride @ld, to strips */
INL void weave(const uint16_t *x, size_t ld, int m, int n, uint16_t *strips, size_t stride)
{
	int c, r;

	for (r = 0; r < m; r += 2)
		for (c = 0; c < n; c += VW)
			vstore_pair(strip_at(strips, stride, (size_t)r / 2, c),
				    vload_half(x + (size_t)r * ld + c),
				    vload_half(x + (size_t)(r + 1) * ld + c));
}

/* Rows [m, n] of halves to strips of the transpose: columns of the strips are rows of @x. */
INL void weave_transposed(const uint16_t *x, size_t ld, int m, int n, uint16_t *strips)
{
	int c, r;

	for (r = 0; r < m; r += 16)
		for (c = 0; c < n; c += 32)
			transpose16(x + (size_t)r * ld + c, ld / 2,
				    strips + (size_t)(r / 16) * (size_t)n * 16 + (size_t)c * 16, 16);
}

/* Rotate a head's row and norm it: @q halves; returns the norm's scale. */
INL float rope_norm(const float *x, const float *co, const float *si, int d, uint16_t *q)
{
	float y[256] __attribute__((aligned(64)));
	vf s = vset(0), u, w;
	float r;
	int c, half = d / 2;

	for (c = 0; c < half; c += VW) {
		vf a = vload(x + c), b = vload(x + half + c);

		u = a * vload(co + c) + b * vload(si + c);
		w = b * vload(co + c) - a * vload(si + c);
		s += u * u;
		s += w * w;
		vstore(y + c, u);
		vstore(y + half + c, w);
	}
	r = norm_scale(vsum(s), d);
	for (c = 0; c < d; c += VW)
		vstore_half(q + c, vload(y + c) * vset(r));
	return r;
}

/* Backward of rope_norm: @dn gradient of the normed rotated row @q; @out halves. */
INL void rope_norm_back(const float *dn, const uint16_t *q, float r, const float *co, const float *si,
			int d, uint16_t *out)
{
	vf s = vset(0), mean, a, b;
	int c, half = d / 2;

	for (c = 0; c < d; c += VW)
		s += vload(dn + c) * vload_half(q + c);
	mean = vset(vsum(s) / (float)d);
	for (c = 0; c < half; c += VW) {
		a = vset(r) * (vload(dn + c) - vload_half(q + c) * mean);
		b = vset(r) * (vload(dn + half + c) - vload_half(q + half + c) * mean);
		vstore_half(out + c, a * vload(co + c) - b * vload(si + c));
		vstore_half(out + half + c, b * vload(co + c) + a * vload(si + c));
	}
}

#endif
