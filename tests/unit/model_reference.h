/*
 * model_reference.h - autoresearch's GPT loss and optimizer in plain double precision, for tests.
 *
 * Written from the model's definition with triple loops and nothing shared with worker/train.
 */
#ifndef TESTS_MODEL_REFERENCE_H
#define TESTS_MODEL_REFERENCE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/train/model.h"

#define REF_MAX_PARAMS 64

/* A double copy of every parameter, in the model's order. */
struct reference {
	struct model_config cfg;
	int n;
	struct model_param p[REF_MAX_PARAMS]; /* names and shapes; data is not used */
	double *w[REF_MAX_PARAMS];
};

static inline void reference_open(struct reference *ref, struct model *m)
{
	size_t j;
	int i;

	memset(ref, 0, sizeof(*ref));
	ref->cfg = *model_config(m);
	ref->n = model_param_count(m);
	for (i = 0; i < ref->n; i++) {
		ref->p[i] = model_param(m, i);
		ref->w[i] = art_alloc(ref->p[i].count, sizeof(double));
		for (j = 0; j < ref->p[i].count; j++)
			ref->w[i][j] = (double)ref->p[i].data[j];
	}
}

static inline void reference_close(struct reference *ref)
{
	int i;

	for (i = 0; i < ref->n; i++)
		free(ref->w[i]);
}

/* A layer's matrix by its short name, or with @layer -1 a parameter by its whole name. */
static inline const double *reference_find(const struct reference *ref, const char *name, int layer)
{
	char full[MODEL_NAME_MAX];
	int i;

	if (layer < 0)
		snprintf(full, sizeof(full), "%s", name);
	else if (!strcmp(name, "value_embeds"))
		snprintf(full, sizeof(full), "value_embeds.%d.weight", layer);
	else
		snprintf(full, sizeof(full), "transformer.h.%d.%s.weight", layer, name);
	for (i = 0; i < ref->n; i++)
		if (!strcmp(ref->p[i].name, full))
			return ref->w[i];
	return NULL;
}

/* out[n] = W[n, k] x */
static inline void ref_linear(const double *w, const double *x, int n, int k, double *out)
{
	int i, j;

	for (i = 0; i < n; i++) {
		out[i] = 0;
		for (j = 0; j < k; j++)
			out[i] += w[i * k + j] * x[j];
	}
}

static inline void ref_norm(const double *x, int n, double *out)
{
	double s = 0;
	int i;

	for (i = 0; i < n; i++)
		s += x[i] * x[i];
	s = 1.0 / sqrt(s / n + 1.1920928955078125e-7);
	for (i = 0; i < n; i++)
		out[i] = x[i] * s;
}

static inline void ref_rope(double *x, int d, int t)
{
	int i, half = d / 2;

	for (i = 0; i < half; i++) {
		double a = t * pow(10000.0, -2.0 * i / d), u = x[i], v = x[half + i];

		x[i] = u * cos(a) + v * sin(a);
		x[half + i] = -u * sin(a) + v * cos(a);
	}
	ref_norm(x, d, x);
}

static inline int ref_window(const struct model_config *c, int l)
{
	char letter = c->window_pattern[(size_t)l % strlen(c->window_pattern)];

	return l == c->n_layer - 1 || letter == 'L' ? c->seq_len : c->seq_len / 2;
}

/* y [T, C] += attention of xn [T, C] */
static inline void ref_attention(const struct reference *ref, int l, const double *xn,
				 const int32_t *tokens, double *y)
{
	const struct model_config *c = &ref->cfg;
	const int T = c->seq_len, C = c->n_embd, H = c->n_head, D = C / H;
	const double *ve = reference_find(ref, "value_embeds", l);
	const double *gate = reference_find(ref, "attn.ve_gate", l);
	double *q = art_alloc((size_t)(3 * T * C), sizeof(*q)), *k = q + T * C, *v = k + T * C;
	double *o = art_alloc((size_t)C, sizeof(*o)), *out = art_alloc((size_t)C, sizeof(*out));
	double *p = art_alloc((size_t)T, sizeof(*p));
	int d, h, i, j;

	for (i = 0; i < T; i++) {
		ref_linear(reference_find(ref, "attn.c_q", l), xn + i * C, C, C, q + i * C);
		ref_linear(reference_find(ref, "attn.c_k", l), xn + i * C, C, C, k + i * C);
		ref_linear(reference_find(ref, "attn.c_v", l), xn + i * C, C, C, v + i * C);
		for (h = 0; h < H; h++) {
			double z = 0;

			ref_rope(q + i * C + h * D, D, i);
			ref_rope(k + i * C + h * D, D, i);
			if (!ve)
				continue;
			for (d = 0; d < 32; d++)
				z += gate[h * 32 + d] * xn[i * C + d];
			for (d = 0; d < D; d++)
				v[i * C + h * D + d] += 2.0 / (1.0 + exp(-z)) * ve[tokens[i] * C + h * D + d];
		}
	}
	for (i = 0; i < T; i++) {
		int first = i - ref_window(c, l) > 0 ? i - ref_window(c, l) : 0;

		for (h = 0; h < H; h++) {
			double sum = 0;

			for (j = first; j <= i; j++) {
				p[j] = 0;
				for (d = 0; d < D; d++)
					p[j] += q[i * C + h * D + d] * k[j * C + h * D + d];
				p[j] = exp(p[j] / sqrt(D));
				sum += p[j];
			}
			for (d = 0; d < D; d++) {
				o[h * D + d] = 0;
				for (j = first; j <= i; j++)
					o[h * D + d] += p[j] / sum * v[j * C + h * D + d];
			}
		}
		ref_linear(reference_find(ref, "attn.c_proj", l), o, C, C, out);
		for (d = 0; d < C; d++)
			y[i * C + d] += out[d];
	}
	free(q);
	free(o);
	free(out);
	free(p);
}

static inline void ref_mlp(const struct reference *ref, int l, double *x)
{
	const int C = ref->cfg.n_embd, F = 4 * C;
	double *xn = art_alloc((size_t)(2 * C + F), sizeof(*xn)), *out = xn + C, *h = out + C;
	int i;

	ref_norm(x, C, xn);
	ref_linear(reference_find(ref, "mlp.c_fc", l), xn, F, C, h);
	for (i = 0; i < F; i++)
		h[i] = h[i] > 0 ? h[i] * h[i] : 0;
	ref_linear(reference_find(ref, "mlp.c_proj", l), h, C, F, out);
	for (i = 0; i < C; i++)
		x[i] += out[i];
	free(xn);
}

/* Sum of losses; @losses and @logits (either may be NULL) get every position's. */
static inline double reference_loss(const struct reference *ref, const int32_t *inputs,
				    const int32_t *targets, int rows, double *losses, double *logits)
{
	const struct model_config *c = &ref->cfg;
	const int T = c->seq_len, C = c->n_embd, V = c->vocab_size;
	const double *resid = reference_find(ref, "resid_lambdas", -1);
	const double *mix = reference_find(ref, "x0_lambdas", -1);
	double *x = art_alloc((size_t)(3 * T * C), sizeof(*x)), *x0 = x + T * C, *xn = x0 + T * C;
	double *z = art_alloc((size_t)V, sizeof(*z)), total = 0;
	int b, i, l, v;

	for (b = 0; b < rows; b++) {
		for (i = 0; i < T; i++) {
			ref_norm(reference_find(ref, "transformer.wte.weight", -1) + inputs[b * T + i] * C, C, x + i * C);
			memcpy(x0 + i * C, x + i * C, (size_t)C * sizeof(*x));
		}
		for (l = 0; l < c->n_layer; l++) {
			for (i = 0; i < T * C; i++)
				x[i] = resid[l] * x[i] + mix[l] * x0[i];
			for (i = 0; i < T; i++)
				ref_norm(x + i * C, C, xn + i * C);
			ref_attention(ref, l, xn, inputs + b * T, x);
			for (i = 0; i < T; i++)
				ref_mlp(ref, l, x + i * C);
		}
		for (i = 0; i < T; i++) {
			int t = targets ? targets[b * T + i] : -1;
			double sum = 0;

			ref_norm(x + i * C, C, xn);
			ref_linear(reference_find(ref, "lm_head.weight", -1), xn, V, C, z);
			for (v = 0; v < V; v++) {
				z[v] = 15.0 * tanh(z[v] / 15.0);
				sum += exp(z[v]);
				if (logits)
					logits[(size_t)(b * T + i) * (size_t)V + (size_t)v] = z[v];
			}
			if (losses)
				losses[b * T + i] = t < 0 ? 0 : log(sum) - z[t];
			total += t < 0 ? 0 : log(sum) - z[t];
		}
	}
	free(x);
	free(z);
	return total;
}

/* ------------------------------------------------------------- optimizer, first principles */

/* One Muon step on w [r, c] from zero state or the state given. */
static inline void reference_muon(double *w, const double *grad, double *momentum, double *second,
				  int r, int c, const struct model_step *s)
{
	static const double polar[5][3] = {
		{ 8.156554524902461, -22.48329292557795, 15.878769915207462 },
		{ 4.042929935166739, -2.808917465908714, 0.5000178451051316 },
		{ 3.8916678022926607, -2.772484153217685, 0.5060648178503393 },
		{ 3.285753657755655, -2.3681294933425376, 0.46449024233003106 },
		{ 2.3465413258596377, -1.7097828382687081, 0.42323551169305323 },
	};
	size_t n = (size_t)r * (size_t)c;
	double *x = art_alloc(2 * n, sizeof(*x)), *next = x + n;
	double *a = art_alloc((size_t)r * (size_t)r * 2, sizeof(*a)), *b = a + r * r;
	double *v = art_alloc((size_t)(r > c ? r : c), sizeof(*v)), norm = 0, before = 0, after = 0;
	double lr = s->matrix_lr * sqrt(r > c ? (double)r / c : 1.0);
	bool by_row = r >= c;
	int nv = by_row ? r : c, red = by_row ? c : r, i, j, k, step;

	for (i = 0; i < (int)n; i++) {
		momentum[i] += (1.0 - s->muon_momentum) * (grad[i] - momentum[i]);
		x[i] = grad[i] + s->muon_momentum * (momentum[i] - grad[i]);
		norm += x[i] * x[i];
	}
	for (i = 0; i < (int)n; i++)
		x[i] /= sqrt(norm) * 1.02 + 1e-6;
	for (step = 0; step < 5; step++) {
		for (i = 0; i < r; i++)
			for (j = 0; j < r; j++) {
				a[i * r + j] = 0;
				for (k = 0; k < c; k++)
					a[i * r + j] += x[i * c + k] * x[j * c + k];
			}
		for (i = 0; i < r; i++)
			for (j = 0; j < r; j++) {
				b[i * r + j] = polar[step][1] * a[i * r + j];
				for (k = 0; k < r; k++)
					b[i * r + j] += polar[step][2] * a[i * r + k] * a[k * r + j];
			}
		for (i = 0; i < r; i++)
			for (j = 0; j < c; j++) {
				next[i * c + j] = polar[step][0] * x[i * c + j];
				for (k = 0; k < r; k++)
					next[i * c + j] += b[i * r + k] * x[k * c + j];
			}
		memcpy(x, next, n * sizeof(*x));
	}
	for (i = 0; i < nv; i++) {
		for (j = 0; j < red; j++) {
			double u = by_row ? x[i * c + j] : x[j * c + i];

			v[i] += u * u / red;
		}
		before += v[i] * red;
		second[i] += 0.05 * (v[i] - second[i]);
		v[i] *= red;
		after += v[i] / fmax(second[i], 1e-10);
	}
	for (i = 0; i < r; i++)
		for (j = 0; j < c; j++) {
			double *p = &w[i * c + j];
			double u = x[i * c + j] / sqrt(fmax(second[by_row ? i : j], 1e-10)) * sqrt(before) /
				   fmax(sqrt(after), 1e-10);

			*p -= lr * u + (u * *p >= 0 ? lr * s->weight_decay * *p : 0);
		}
	free(x);
	free(a);
	free(v);
}

static inline void reference_adam(double *w, const double *grad, double *m, double *v, size_t n,
				  double lr, double beta1, double beta2, int step)
{
	size_t i;

	for (i = 0; i < n; i++) {
		m[i] += (1 - beta1) * (grad[i] - m[i]);
		v[i] += (1 - beta2) * (grad[i] * grad[i] - v[i]);
		w[i] -= lr / (1 - pow(beta1, step)) * m[i] / (sqrt(v[i] / (1 - pow(beta2, step))) + 1e-10);
	}
}

#endif
