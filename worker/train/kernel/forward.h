/*
 * forward.h - the model's forward pass over a worker's chunk of sequences, panel by panel.
 *
 * Every product's epilogue runs while its 32-row panel is still in L1/L2. The residual stream x is
 * fp32 and is itself the accumulator of the two products that add to it.
 */
#ifndef TRAIN_KERNEL_FORWARD_H
#define TRAIN_KERNEL_FORWARD_H

#include "worker/train/kernel/attention.h"

#define FC_COLUMNS 128 /* hidden columns of a panel done at a time: 32 KiB of fp32 */
#define SOFTCAP 15.0f

/* Rows of the panel at @at of @n; the last one of a sequence may be shorter. */
INL int panel_rows(int at, int n)
{
	return n - at < TALL_PANEL ? n - at : TALL_PANEL;
}

/* x = x0 = norm(wte[token]) */
static void embed(const struct net *n, struct worker *w, const int32_t *inputs, size_t tokens)
{
	const int C = n->C;
	size_t m;
	int c;

	for (m = 0; m < tokens; m++) {
		const float *e = n->wte + (size_t)inputs[m] * C;
		float r = norm_scale(row_dot(e, e, C), C);

		w->rs0[m] = r;
		for (c = 0; c < C; c += VW) {
			vf v = vload(e + c) * vset(r);

			vstore(w->x + m * C + c, v);
			vstore_half(w->x0 + m * C + c, v);
		}
	}
}

/* x = resid x + x0_lambda x0, keeping what was before; its norm into a_c and xn1 */
INL void enter_layer(const struct net *n, struct worker *w, int l, size_t m, int rows)
{
	const struct layer_saved *y = &w->saved[l];
	const int C = n->C;
	const vf keep = vset(n->resid[l]), mix = vset(n->x0[l]);
	float *x = w->x + m * C;
	int c, r;

	for (c = 0; c < rows * C; c += VW) {
		vf v = vload(x + c);

		vstore_half(y->x_prev + m * C + c, v);
		vstore(x + c, keep * v + mix * vload_half(w->x0 + m * C + c));
	}
	for (r = 0; r < rows; r += 2)
		norm_pair(x + (size_t)r * C, C, w->a_c + (size_t)r * C, y->xn1, n->chunk_tokens * 16,
			  m / 2 + (size_t)r / 2, y->rs1 + m + r);
}

/* v of one head, with the value embedding where the layer has one */
INL void value_panel(const struct net *n, struct worker *w, int l, int h, size_t m, int rows,
		     const int32_t *inputs)
{
	const struct layer_saved *y = &w->saved[l];
	const struct layer_weights *p = &n->layer[l];
	const int C = n->C, D = n->D;
	int c, r;

	for (r = 0; r < rows; r++) {
		const float *v = w->panel + (size_t)r * D;
		uint16_t *out = y->v + (m + r) * C + h * D;
		float gate = 0, z;
		const float *ve;
		vf s = vset(0);

		if (!p->ve) {
			for (c = 0; c < D; c += VW)
				vstore_half(out + c, vload(v + c));
			continue;
		}
		for (c = 0; c < 32; c += VW)
			s += vload(p->gate + h * 32 + c) * vload_half(w->a_c + (size_t)r * C + c);
		z = vsum(s);
		gate = 2.0f / (1.0f + expf(-z));
		y->gate[(m + r) * n->H + h] = gate;
		ve = p->ve + (size_t)inputs[m + r] * C + h * D;
		for (c = 0; c < D; c += VW)
			vstore_half(out + c, vload(v + c) + vset(gate) * vload(ve + c));
	}
}

INL void qkv_panel(const struct net *n, struct worker *w, int l, int at, size_t m, int rows,
		   const int32_t *inputs)
{
	const struct layer_saved *y = &w->saved[l];
	const uint16_t *wt = n->layer[l].qkv_fwd;
	const int C = n->C, D = n->D;
	const size_t strip = (size_t)C * 16;
	int h, part, r;

	for (h = 0; h < n->H; h++) {
		for (part = 0; part < 2; part++) {
			uint16_t *out = (part ? y->k : y->q) + m * C + h * D;
			float *scales = (part ? y->rk : y->rq) + m * n->H + h;

			mul_nn(rows, D, C, w->a_c, (size_t)C, wt + (size_t)((part * C + h * D) / 16) * strip,
			       strip, w->panel, (size_t)D, false);
			for (r = 0; r < rows; r++)
				scales[(size_t)r * n->H] =
					rope_norm(w->panel + (size_t)r * D,
						  n->rope_cos + (size_t)(at + r) * (D / 2),
						  n->rope_sin + (size_t)(at + r) * (D / 2), D,
						  out + (size_t)r * C);
		}
		mul_nn(rows, D, C, w->a_c, (size_t)C, wt + (size_t)((2 * C + h * D) / 16) * strip, strip,
		       w->panel, (size_t)D, false);
		value_panel(n, w, l, h, m, rows, inputs);
	}
}

/* relu(h)^2 of hidden columns [f, f + cols) in the panel */
INL void relu2_panel(struct worker *w, const struct net *n, const struct layer_saved *y, size_t m,
		     int rows, int f, int cols)
{
	int c, r;

	for (r = 0; r < rows; r += 2) {
		const float *p = w->panel + (size_t)r * cols;
		uint16_t *a = w->a_f + (size_t)r * n->F + f;

		for (c = 0; c < cols; c += VW) {
			vf s = vrelu(vload(p + c)), t = vrelu(vload(p + cols + c));

			s *= s;
			t *= t;
			vstore_half(a + c, s);
			vstore_half(a + n->F + c, t);
			vstore_pair(strip_at(y->act, n->chunk_tokens * 16, (m + r) / 2, f + c), s, t);
		}
	}
}

/* Attention's output projection and the MLP, both added to x */
INL void output_panel(const struct net *n, struct worker *w, int l, int at, size_t m, int rows)
{
	const struct layer_saved *y = &w->saved[l];
	const struct layer_weights *p = &n->layer[l];
	const int C = n->C, F = n->F;
	const size_t strip = (size_t)C * 16;
	float *x = w->x + m * C;
	int f, r;

	mul_nn(rows, C, C, w->seq_o + (size_t)at * C, (size_t)C, p->o_fwd, strip, x, (size_t)C, true);
	for (r = 0; r < rows; r += 2)
		norm_pair(x + (size_t)r * C, C, w->a_c + (size_t)r * C, y->xn2, n->chunk_tokens * 16,
			  (m + r) / 2, y->rs2 + m + r);
	for (f = 0; f < F; f += FC_COLUMNS) {
		int cols = F - f < FC_COLUMNS ? F - f : FC_COLUMNS;

		mul_nn(rows, cols, C, w->a_c, (size_t)C, p->fc_fwd + (size_t)(f / 16) * strip, strip,
		       w->panel, (size_t)cols, false);
		relu2_panel(w, n, y, m, rows, f, cols);
	}
	mul_nn(rows, C, F, w->a_f, (size_t)F, p->proj_fwd, (size_t)F * 16, x, (size_t)C, true);
}

/* Returns whether the residual stream is finite at the end (what went wrong before shows there). */
static bool layers_forward(const struct net *n, struct worker *w, const int32_t *inputs, int seqs)
{
	int at, l, rows, s;

	embed(n, w, inputs, (size_t)seqs * n->T);
	for (l = 0; l < n->L; l++)
		for (s = 0; s < seqs; s++) {
			size_t m0 = (size_t)s * n->T;

			for (at = 0; at < n->T; at += TALL_PANEL) {
				rows = panel_rows(at, n->T);
				enter_layer(n, w, l, m0 + at, rows);
				qkv_panel(n, w, l, at, m0 + at, rows, inputs);
			}
			attention_forward(n, w, l, m0);
			for (at = 0; at < n->T; at += TALL_PANEL)
				output_panel(n, w, l, at, m0 + at, panel_rows(at, n->T));
		}
	return all_finite(w->x, (size_t)seqs * (size_t)n->T * (size_t)n->C);
}

/* 15 tanh(x / 15), and tanh itself in @t */
INL vf softcap(vf x, vf *t)
{
	vf e = vexp2(x * vset(2.0f * LOG2E / SOFTCAP));

	*t = vset(1.0f) - vset(2.0f) / (e + vset(1.0f));
	return vset(SOFTCAP) * *t;
}

/* Soft-capped logits [32, V] and losses of a panel; outputs may be NULL. */
static void head_infer_panel(const struct net *n, struct worker *w, size_t m, int rows,
			     const int32_t *targets, float *losses, float *logits)
{
	const int C = n->C, V = n->V;
	double sums[TALL_PANEL] = { 0 };
	float picked[TALL_PANEL] = { 0 };
	int c, r, v;

	for (r = 0; r < rows; r += 2)
		norm_pair(w->x + (m + r) * C, C, w->a_c + (size_t)r * C, w->head_x_s, HEAD_TOKENS * 16,
			  (size_t)r / 2, (float[2]){ 0 });
	for (v = 0; v < n->V_pad; v += HEAD_COLUMNS) {
		int cols = n->V_pad - v < HEAD_COLUMNS ? n->V_pad - v : HEAD_COLUMNS;
		int valid = V - v < cols ? V - v : cols;

		mul_nn(rows, cols, C, w->a_c, (size_t)C, n->head_fwd + (size_t)(v / 16) * C * 16,
		       (size_t)C * 16, w->panel, (size_t)cols, false);
		for (r = 0; r < rows; r++) {
			float *p = w->panel + (size_t)r * cols;
			vf sum = vset(0), t;

			for (c = 0; c < cols; c += VW) {
				vf z = softcap(vload(p + c), &t), e = vexp2(z * vset(LOG2E));

				vstore(p + c, z);
				sum += (vf)((vi)e & (viota() + c < valid));
			}
			sums[r] += vsum(sum);
			if (targets && targets[r] >= v && targets[r] < v + cols)
				picked[r] = p[targets[r] - v];
			if (logits)
				memcpy(logits + (size_t)r * V + v, p, (size_t)valid * sizeof(*p));
		}
	}
	for (r = 0; losses && r < rows; r++)
		losses[r] = targets[r] < 0 ? 0 : (float)(log(sums[r]) - picked[r]);
}

/* Returns whether every row's forward pass stayed within the range of numbers. */
static bool infer(const struct net *n, struct worker *w, const int32_t *inputs, const int32_t *targets,
		  int rows, float *losses, float *logits)
{
	bool finite = true;
	int done, seqs;
	size_t m, at;

	for (done = 0; done < rows; done += seqs) {
		seqs = rows - done < n->chunk_seqs ? rows - done : n->chunk_seqs;
		at = (size_t)done * n->T;
		finite &= layers_forward(n, w, inputs + at, seqs);
		for (m = 0; m < (size_t)seqs * n->T; m += TALL_PANEL)
			head_infer_panel(n, w, m, panel_rows((int)m, seqs * n->T), targets ? targets + at + m : NULL,
					 losses ? losses + at + m : NULL,
					 logits ? logits + (at + m) * n->V : NULL);
	}
	return finite;
}

#endif
