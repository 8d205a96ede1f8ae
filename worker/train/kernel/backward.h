/*
 * backward.h - gradients of a worker's chunk: the head fused with the loss, then layers in reverse.
 *
 * dx runs through the chunk in fp32. What a weight gradient needs (an operand's gradient and the
 * operand) is left in strips, and one product a layer and matrix turns them into dW at the end of
 * the chunk.
 */
#ifndef TRAIN_KERNEL_BACKWARD_H
#define TRAIN_KERNEL_BACKWARD_H

#include "worker/train/kernel/forward.h"

/*
 * Logits of columns [v, v + cols) of the panel's row @r to e^z (1 - tanh^2), in place: the loss's
 * gradient but for the factor scale / sum of e^z, and the target's own term. Returns that sum.
 */
INL float head_grad_row(struct worker *w, const struct net *n, int r, int v, int cols)
{
	float *p = w->logits + (size_t)r * n->V_pad + v;
	const int valid = n->V - v;
	vf s = vset(0), t;
	int c;

	for (c = 0; c < cols; c += VW) {
		vf e = vexp2(softcap(vload(p + c), &t) * vset(LOG2E));

		if (c + VW > valid)
			e = (vf)((vi)e & (viota() + c < valid));
		s += e;
		vstore(p + c, e * (vset(1.0f) - t * t));
	}
	return vsum(s);
}

/* The target's term and the row's loss. @x its logit before the cap; returns the row's factor. */
INL float head_finish_row(struct worker *w, const struct net *n, int r, int target, float x,
			  float sum, float scale)
{
	float t, z;

	if (target < 0)
		return 0;
	t = tanhf(x / SOFTCAP);
	z = SOFTCAP * t;
	w->logits[(size_t)r * n->V_pad + target] = (expf(z) - sum) * (1.0f - t * t);
	w->loss += (double)logf(sum) - (double)z;
	return scale / sum;
}

/* Loss of a panel, dx of it, and its operands of the head's dW at rows @row of the strips */
static void head_train_panel(const struct net *n, struct worker *w, size_t m, int rows, size_t row,
			     const int32_t *targets, float scale)
{
	const int C = n->C, V = n->V_pad;
	const size_t strip = (size_t)C * 16;
	float sums[TALL_PANEL] = { 0 }, picked[TALL_PANEL] = { 0 }, rs[TALL_PANEL];
	int c, r, v;

	for (r = 0; r < rows; r += 2)
		norm_pair(w->x + (m + r) * C, C, w->a_c + (size_t)r * C, w->head_x_s, HEAD_TOKENS * 16,
			  (row + r) / 2, rs + r);
	for (v = 0; v < V; v += HEAD_COLUMNS) {
		int cols = V - v < HEAD_COLUMNS ? V - v : HEAD_COLUMNS;

		mul_nn(rows, cols, C, w->a_c, (size_t)C, n->head_fwd + (size_t)(v / 16) * strip, strip,
		       w->logits + v, (size_t)V, false);
		for (r = 0; r < rows; r++) {
			if (targets[r] >= v && targets[r] < v + cols)
				picked[r] = w->logits[(size_t)r * V + targets[r]];
			sums[r] += head_grad_row(w, n, r, v, cols);
		}
	}
	for (r = 0; r < rows; r += 2) {
		vf f0 = vset(head_finish_row(w, n, r, targets[r], picked[r], sums[r], scale));
		vf f1 = vset(head_finish_row(w, n, r + 1, targets[r + 1], picked[r + 1], sums[r + 1], scale));
		const float *p = w->logits + (size_t)r * V;
		uint16_t *out = w->a_v + (size_t)r * V;

		for (c = 0; c < V; c += VW) {
			vf g0 = vload(p + c) * f0, g1 = vload(p + V + c) * f1;

			vstore_half(out + c, g0);
			vstore_half(out + V + c, g1);
			vstore_pair(strip_at(w->head_dl_s, HEAD_TOKENS * 16, (row + r) / 2, c), g0, g1);
		}
	}
	mul_nn(rows, C, V, w->a_v, (size_t)V, n->head_bwd, (size_t)V * 16, w->panel, (size_t)C, false);
	for (r = 0; r < rows; r++)
		norm_back_row(w->panel + (size_t)r * C, C, w->a_c + (size_t)r * C, rs[r],
			      w->dx + (m + r) * C, false);
	memset(w->dx0 + m * C, 0, (size_t)rows * (size_t)C * sizeof(*w->dx0));
}

static void head_train(const struct net *n, struct worker *w, const int32_t *targets, size_t tokens,
		       float scale)
{
	size_t m, row = 0;

	for (m = 0; m < tokens; m += TALL_PANEL) {
		int rows = panel_rows((int)m, (int)tokens);

		head_train_panel(n, w, m, rows, row, targets + m, scale);
		row += (size_t)rows;
		if (row == HEAD_TOKENS || m + rows == tokens) {
			mul_tn(n->V_pad, n->C, (int)row, w->head_dl_s, HEAD_TOKENS * 16, w->head_x_s,
			       HEAD_TOKENS * 16, w->g_head, (size_t)n->C, true);
			row = 0;
		}
	}
}

/* dx through the MLP of one panel; leaves dh and dx in strips */
INL void mlp_back_panel(const struct net *n, struct worker *w, int l, size_t m, int rows)
{
	const struct layer_saved *y = &w->saved[l];
	const struct layer_weights *p = &n->layer[l];
	const int C = n->C, F = n->F;
	const size_t full = n->chunk_tokens * 16;
	float *dx = w->dx + m * C;
	int c, f, r;

	for (r = 0; r < rows; r += 2)
		pack_pair(dx + (size_t)r * C, C, w->a_c + (size_t)r * C, w->dx_s, full, (m + r) / 2);
	for (f = 0; f < F; f += FC_COLUMNS) {
		int cols = F - f < FC_COLUMNS ? F - f : FC_COLUMNS;

		mul_nn(rows, cols, C, w->a_c, (size_t)C, p->proj_bwd + (size_t)(f / 16) * C * 16,
		       (size_t)C * 16, w->panel, (size_t)cols, false);
		for (r = 0; r < rows; r += 2) {
			const float *d = w->panel + (size_t)r * cols;
			uint16_t *a = w->a_f + (size_t)r * F + f;

			for (c = 0; c < cols; c += VW) {
				vf s, t;

				/* d relu(h)^2 = 2 relu(h), and relu(h) is the root of what was kept */
				vload_pair(strip_get(y->act, full, (m + r) / 2, f + c), &s, &t);
				s = vset(2.0f) * vsqrt(s) * vload(d + c);
				t = vset(2.0f) * vsqrt(t) * vload(d + cols + c);
				vstore_half(a + c, s);
				vstore_half(a + F + c, t);
				vstore_pair(strip_at(w->dh_s, full, (m + r) / 2, f + c), s, t);
			}
		}
	}
	mul_nn(rows, C, F, w->a_f, (size_t)F, p->fc_bwd, (size_t)F * 16, w->panel, (size_t)C, false);
	for (r = 0; r < rows; r += 2)
		norm_back_pair(w->panel + (size_t)r * C, C, y->xn2, full, (m + r) / 2, y->rs2 + m + r,
			       dx + (size_t)r * C);
}

/* d attention output = dx W_o, with its delta, for attention_backward */
INL void att_out_back_panel(const struct net *n, struct worker *w, int l, int at, size_t m, int rows)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C, D = n->D, H = n->H;
	const size_t full = n->chunk_tokens * 16;
	int c, h, r;

	for (r = 0; r < rows; r += 2)
		pack_pair(w->dx + (m + r) * C, C, w->a_c + (size_t)r * C, w->dx2_s, full, (m + r) / 2);
	mul_nn(rows, C, C, w->a_c, (size_t)C, n->layer[l].o_bwd, (size_t)C * 16, w->panel, (size_t)C,
	       false);
	for (r = 0; r < rows; r += 2)
		for (h = 0; h < H; h++) {
			const float *p = w->panel + (size_t)r * C + h * D;
			uint16_t *out = w->d_att + (size_t)(at + r) * C + h * D;
			vf s = vset(0), t = vset(0), a, b;

			for (c = 0; c < D; c += VW) {
				vf d0 = vload(p + c), d1 = vload(p + C + c);

				vload_pair(strip_get(y->att, full, (m + r) / 2, h * D + c), &a, &b);
				s += a * d0;
				t += b * d1;
				vstore_half(out + c, d0);
				vstore_half(out + C + c, d1);
				vstore_pair(strip_at(w->d_att_s, (size_t)n->T * 16, (size_t)(at + r) / 2, h * D + c),
					    d0, d1);
			}
			w->delta[(size_t)(at + r) * H + h] = vsum(s);
			w->delta[(size_t)(at + r + 1) * H + h] = vsum(t);
		}
}

/* The gate's part: its weights' gradient, and what it adds to d xn1's first 32 columns */
INL void gate_back_pair(const struct net *n, struct worker *w, int l, size_t m, float *dn)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C;
	int c, h;

	for (h = 0; h < n->H; h++) {
		const float *gate = n->layer[l].gate + h * 32;
		float *g = w->grad[l].gate + h * 32;
		vf z0 = vset(y->gate[m * n->H + h]), z1 = vset(y->gate[(m + 1) * n->H + h]);
		vf a, b;

		for (c = 0; c < 32; c += VW) {
			vload_pair(strip_get(y->xn1, n->chunk_tokens * 16, m / 2, c), &a, &b);
			vstore(g + c, vload(g + c) + z0 * a + z1 * b);
			vstore(dn + c, vload(dn + c) + z0 * vload(gate + c));
			vstore(dn + C + c, vload(dn + C + c) + z1 * vload(gate + c));
		}
	}
}

/* From dqkv to the layer's input, the layer's two scalars included */
INL void enter_back_panel(const struct net *n, struct worker *w, int l, int at, size_t m, int rows)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C;
	const size_t full = n->chunk_tokens * 16;
	const vf keep = vset(n->resid[l]), mix = vset(n->x0[l]);
	const uint16_t *dq = w->dqkv + (size_t)at * 3 * C;
	vf s = vset(0), t = vset(0);
	int c, r;

	weave(dq, (size_t)(3 * C), rows, 3 * C, w->dqkv_s + m * 16, full);
	mul_nn(rows, C, 3 * C, dq, (size_t)(3 * C), n->layer[l].qkv_bwd, (size_t)(3 * C) * 16, w->panel,
	       (size_t)C, false);
	for (r = 0; r < rows; r += 2) {
		float *p = w->panel + (size_t)r * C;

		if (n->layer[l].ve)
			gate_back_pair(n, w, l, m + r, p);
		norm_back_pair(p, C, y->xn1, full, (m + r) / 2, y->rs1 + m + r, w->dx + (m + r) * C);
	}
	for (c = 0; c < rows * C; c += VW) {
		float *dx = w->dx + m * C + c, *dx0 = w->dx0 + m * C + c;
		vf d = vload(dx);

		s += d * vload_half(y->x_prev + m * C + c);
		t += d * vload_half(w->x0 + m * C + c);
		vstore(dx0, vload(dx0) + mix * d);
		vstore(dx, keep * d);
	}
	w->g_resid[l] += vsum(s);
	w->g_x0[l] += vsum(t);
}

static void layer_backward(const struct net *n, struct worker *w, int l, const int32_t *inputs,
			   int seqs)
{
	const struct layer_saved *y = &w->saved[l];
	const struct layer_grads *g = &w->grad[l];
	const int C = n->C, F = n->F, M = seqs * n->T;
	const size_t full = n->chunk_tokens * 16;
	int at, s;

	for (s = 0; s < seqs; s++) {
		size_t m0 = (size_t)s * n->T;

		for (at = 0; at < n->T; at += TALL_PANEL) {
			mlp_back_panel(n, w, l, m0 + at, panel_rows(at, n->T));
			att_out_back_panel(n, w, l, at, m0 + at, panel_rows(at, n->T));
		}
		attention_backward(n, w, l, m0, inputs);
		for (at = 0; at < n->T; at += TALL_PANEL)
			enter_back_panel(n, w, l, at, m0 + at, panel_rows(at, n->T));
	}
	mul_tn(C, F, M, w->dx_s, full, y->act, full, g->proj, (size_t)F, true);
	mul_tn(F, C, M, w->dh_s, full, y->xn2, full, g->fc, (size_t)C, true);
	mul_tn(C, C, M, w->dx2_s, full, y->att, full, g->o, (size_t)C, true);
	mul_tn(3 * C, C, M, w->dqkv_s, full, y->xn1, full, g->qkv, (size_t)C, true);
}

/*
 * Returns how many of the rows were done: all, or those before the first chunk whose forward pass
 * leaves the range of numbers. Of that chunk nothing is added to the loss or to a gradient.
 */
static int train(const struct net *n, struct worker *w, const int32_t *inputs, const int32_t *targets,
		 int rows, float scale)
{
	const int C = n->C;
	int c, done, l, seqs;
	size_t m, at, tokens;

	for (done = 0; done < rows; done += seqs) {
		seqs = rows - done < n->chunk_seqs ? rows - done : n->chunk_seqs;
		at = (size_t)done * n->T;
		tokens = (size_t)seqs * n->T;
		if (!layers_forward(n, w, inputs + at, seqs))
			return done;
		head_train(n, w, targets + at, tokens, scale);
		for (l = n->L - 1; l >= 0; l--)
			layer_backward(n, w, l, inputs + at, seqs);
		for (m = 0; m < tokens; m++) {
			float *d = w->dx + m * C;

			for (c = 0; c < C; c += VW)
				vstore(d + c, vload(d + c) + vload(w->dx0 + m * C + c));
			norm_back_row(d, C, w->x0 + m * C, w->rs0[m], w->g_wte + (size_t)inputs[at + m] * C, true);
		}
	}
	return rows;
}

#endif
