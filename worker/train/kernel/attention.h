/*
 * attention.h - causal, windowed attention of one sequence, forward and backward.
 *
 * A query panel of 32 rows meets only the 32-key blocks its window touches. Because q and k are
 * normed, a score is at most sqrt(D): the exponentials need no running maximum. They are divided
 * by their sum before they become halves. The backward pass computes the probabilities again
 * rather than keeping T x T numbers a head.
 */
#ifndef TRAIN_KERNEL_ATTENTION_H
#define TRAIN_KERNEL_ATTENTION_H

#include "worker/train/kernel/rows.h"

/* Gradients of scores are the smallest numbers of the backward pass; kept this many times larger
 * they stay clear of the end of fp16's range. A power of two, so that bf16 loses no bit by it. */
#define SCORE_GAIN 16.0f

/* First key block of the panel of queries at @i. */
INL int first_key(int i, int window)
{
	int j = i - window;

	return j > 0 ? j & ~(PANEL - 1) : 0;
}

/*
 * Scores of one query to exponentials, in place; 0 outside the keys [lo, hi). @p: @n scores of
 * the keys from the panel's first on. Returns their sum.
 */
INL float exp_row(float *p, int n, int lo, int hi, float scale)
{
	vf sum = vset(0), e;
	vi at;
	int c;

	for (c = 0; c < n; c += VW) {
		if (c + VW <= lo || c >= hi) {
			vstore(p + c, vset(0));
			continue;
		}
		e = vexp2(vload(p + c) * vset(scale));
		if (c < lo || c + VW > hi) {
			at = viota() + c;
			e = (vf)((vi)e & (at >= lo) & (at < hi));
		}
		sum += e;
		vstore(p + c, e);
	}
	return vsum(sum);
}

/* Exponentials of a 32-query panel at @i against keys from @j0; scores in @p [32, n]. */
INL void exp_panel(float *p, int n, int i, int j0, int window, float scale, float *sums)
{
	int r;

	for (r = 0; r < PANEL; r++) {
		int lo = i + r - window - j0;

		sums[r] = exp_row(p + (size_t)r * (size_t)n, n, lo > 0 ? lo : 0, i + r + 1 - j0, scale);
	}
}

static void attention_forward(const struct net *n, struct worker *w, int l, size_t m0)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C, D = n->D, T = n->T, window = n->layer[l].window;
	const float scale = LOG2E / sqrtf((float)D);
	float sums[PANEL];
	int c, h, i, r;

	for (h = 0; h < n->H; h++) {
		const uint16_t *q = y->q + m0 * (size_t)C + h * D, *k = y->k + m0 * (size_t)C + h * D,
			       *v = y->v + m0 * (size_t)C + h * D;

		weave_transposed(k, (size_t)C, T, D, w->kt);
		weave(v, (size_t)C, T, D, w->vs, (size_t)T * 16);
		for (i = 0; i < T; i += PANEL) {
			int j0 = first_key(i, window), nk = i + PANEL - j0;

			mul_nn(PANEL, nk, D, q + (size_t)i * C, (size_t)C, w->kt + (size_t)j0 * D, (size_t)D * 16,
			       w->scores, (size_t)nk, false);
			exp_panel(w->scores, nk, i, j0, window, scale, sums);
			for (r = 0; r < PANEL; r++) {
				const float inv = 1.0f / sums[r];
				const size_t row = (size_t)r * nk;

				y->inv[(m0 + (size_t)(i + r)) * (size_t)n->H + h] = inv;
				for (c = 0; c < nk; c += VW)
					vstore_half(w->ds + row + c, vload(w->scores + row + c) * vset(inv));
			}
			mul_nn(PANEL, D, nk, w->ds, (size_t)nk, w->vs + (size_t)j0 * 16, (size_t)T * 16,
			       w->panel, (size_t)D, false);
			for (r = 0; r < PANEL; r += 2) {
				size_t m = m0 + (size_t)(i + r);
				uint16_t *o = w->seq_o + (size_t)(i + r) * C + h * D;
				const float *p = w->panel + (size_t)r * D;

				for (c = 0; c < D; c += VW) {
					vf a = vload(p + c), b = vload(p + D + c);

					vstore_half(o + c, a);
					vstore_half(o + C + c, b);
					vstore_pair(strip_at(y->att, n->chunk_tokens * 16, m / 2, h * D + c), a, b);
				}
			}
		}
	}
}

/* Probabilities and score gradients of a panel to strips (and ds row-major). @inv [PANEL, H] */
INL void score_grads(struct worker *w, const struct net *n, int h, int i, int j0, int nk,
		     size_t stride, int qs, const float *inv)
{
	const vf scale = vset(SCORE_GAIN / sqrtf((float)n->D));
	int c, r;

	for (r = 0; r < PANEL; r += 2) {
		const float *p = w->scores + (size_t)r * nk, *d = w->dscores + (size_t)r * nk;
		vf d0 = vset(w->delta[(size_t)(i + r) * n->H + h]);
		vf d1 = vset(w->delta[(size_t)(i + r + 1) * n->H + h]);
		vf i0 = vset(inv[(size_t)r * n->H + h]), i1 = vset(inv[(size_t)(r + 1) * n->H + h]);
		size_t pair = (size_t)(i + r - qs) / 2;

		for (c = 0; c < nk; c += VW) {
			vf p0 = vload(p + c) * i0, p1 = vload(p + nk + c) * i1;
			vf g0 = p0 * (vload(d + c) - d0) * scale;
			vf g1 = p1 * (vload(d + nk + c) - d1) * scale;

			vstore_pair(strip_at(w->p_s, stride, pair, j0 + c), p0, p1);
			vstore_pair(strip_at(w->ds_s, stride, pair, j0 + c), g0, g1);
			vstore_half(w->ds + (size_t)r * nk + c, g0);
			vstore_half(w->ds + (size_t)(r + 1) * nk + c, g1);
		}
	}
}

/* Queries [qs, qe) of head @h: dq finished, dk and dv added to the accumulators. */
INL void attention_back_block(const struct net *n, struct worker *w, int l, int h, size_t m0, int qs,
			      int qe)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C, D = n->D, T = n->T, window = n->layer[l].window;
	const uint16_t *q = y->q + m0 * (size_t)C + h * D;
	const size_t stride = (size_t)(T < QUERY_BLOCK ? T : QUERY_BLOCK) * 16, full = (size_t)T * 16;
	const float scale = LOG2E / sqrtf((float)D);
	float sums[PANEL];
	int i, j, r;

	for (i = qs; i < qe; i += PANEL) {
		int j0 = first_key(i, window), nk = i + PANEL - j0;

		mul_nn(PANEL, nk, D, q + (size_t)i * C, (size_t)C, w->kt + (size_t)j0 * D, (size_t)D * 16,
		       w->scores, (size_t)nk, false);
		mul_nn(PANEL, nk, D, w->d_att + (size_t)i * C + h * D, (size_t)C, w->vt + (size_t)j0 * D,
		       (size_t)D * 16, w->dscores, (size_t)nk, false);
		exp_panel(w->scores, nk, i, j0, window, scale, sums);
		score_grads(w, n, h, i, j0, nk, stride, qs, y->inv + (m0 + (size_t)i) * (size_t)n->H);
		mul_nn(PANEL, D, nk, w->ds, (size_t)nk, w->ks + (size_t)j0 * 16, full, w->panel, (size_t)D,
		       false);
		for (r = 0; r < PANEL; r++)
			rope_norm_back(w->panel + (size_t)r * D, q + (size_t)(i + r) * C,
				       y->rq[(m0 + (size_t)(i + r)) * n->H + h] / SCORE_GAIN,
				       n->rope_cos + (size_t)(i + r) * (D / 2),
				       n->rope_sin + (size_t)(i + r) * (D / 2), D,
				       w->dqkv + (size_t)(i + r) * 3 * C + h * D);
	}
	for (j = first_key(qs, window); j < qe; j += PANEL) {
		int q0 = j > qs ? j : qs;
		int q1 = (j + PANEL + window + PANEL - 1) & ~(PANEL - 1);
		int nq = (q1 < qe ? q1 : qe) - q0;
		size_t a = (size_t)(j / 16) * stride + (size_t)(q0 - qs) * 16;

		mul_tn(PANEL, D, nq, w->p_s + a, stride,
		       w->d_att_s + (size_t)(h * D / 16) * full + (size_t)q0 * 16, full,
		       w->dv_acc + (size_t)j * D, (size_t)D, j < qs);
		mul_tn(PANEL, D, nq, w->ds_s + a, stride, w->qs + (size_t)q0 * 16, full,
		       w->dk_acc + (size_t)j * D, (size_t)D, j < qs);
	}
}

/* dv to its place; through the value embedding and its gate where the layer has them. */
INL void value_back_row(const struct net *n, struct worker *w, int l, int h, size_t m, int token,
			const float *dv, uint16_t *out)
{
	const int C = n->C, D = n->D;
	float *gate = &w->saved[l].gate[m * (size_t)n->H + h];
	const float *ve;
	float *g_ve;
	vf s = vset(0);
	int c;

	for (c = 0; c < D; c += VW)
		vstore_half(out + c, vload(dv + c));
	if (!n->layer[l].ve)
		return;
	ve = n->layer[l].ve + (size_t)token * C + h * D;
	g_ve = w->grad[l].ve + (size_t)token * C + h * D;
	for (c = 0; c < D; c += VW) {
		s += vload(dv + c) * vload(ve + c);
		vstore(g_ve + c, vload(g_ve + c) + vset(*gate) * vload(dv + c));
	}
	/* gate = 2 sigmoid(z): d gate / dz = gate (1 - gate / 2); kept for the gate's own weights */
	*gate = vsum(s) * *gate * (1.0f - 0.5f * *gate);
}

/* From d_att, d_att_s and delta of the sequence at @m0 to dqkv [T, 3C]; gate becomes dz. */
static void attention_backward(const struct net *n, struct worker *w, int l, size_t m0,
			       const int32_t *inputs)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C, D = n->D, T = n->T;
	const size_t full = (size_t)T * 16;
	int h, j, qs;

	for (h = 0; h < n->H; h++) {
		size_t at = m0 * (size_t)C + (size_t)(h * D);

		weave_transposed(y->k + at, (size_t)C, T, D, w->kt);
		weave_transposed(y->v + at, (size_t)C, T, D, w->vt);
		weave(y->k + at, (size_t)C, T, D, w->ks, full);
		weave(y->q + at, (size_t)C, T, D, w->qs, full);
		for (qs = 0; qs < T; qs += QUERY_BLOCK)
			attention_back_block(n, w, l, h, m0, qs, qs + QUERY_BLOCK < T ? qs + QUERY_BLOCK : T);
		for (j = 0; j < T; j++) {
			size_t m = m0 + (size_t)j;
			uint16_t *out = w->dqkv + (size_t)j * 3 * C + h * D;

			rope_norm_back(w->dk_acc + (size_t)j * D, y->k + at + (size_t)j * C,
				       y->rk[m * (size_t)n->H + h] / SCORE_GAIN, n->rope_cos + (size_t)j * (D / 2),
				       n->rope_sin + (size_t)j * (D / 2), D, out + C);
			value_back_row(n, w, l, h, m, inputs[m], w->dv_acc + (size_t)j * D, out + 2 * C);
		}
	}
}

#endif
