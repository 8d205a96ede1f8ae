/* model_run.c - the calls that compute: forward, backward, losses, logits, optimizer step. */

#include "worker/train/model_private.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define ADAM_EPS 1e-10f
#define MUON_BETA2 0.95f
#define X0_BETA1 0.96 /* the x0 scalars have betas of their own */
#define X0_BETA2 0.95
/* After a gradient too large for fp16 the loss is scaled by 1/16 of before, as often as these say. */
#define LOSS_EXPONENT_STEP 4
#define LOSS_EXPONENT_MIN (MODEL_LOSS_EXPONENT - 4 * LOSS_EXPONENT_STEP)

/* Rows of a batch that worker @t of @n takes: as equal as whole sequences allow. */
static int first_row(int rows, int t, int n)
{
	return (int)((int64_t)rows * t / n);
}

static void check_batch(const struct model *m, const int32_t *inputs, const int32_t *targets, int rows)
{
	const int32_t V = m->net.V;
	size_t i, n = (size_t)rows * (size_t)m->net.T;
	int bad = 0;

	ART_BUG_ON(rows < 0 || rows > m->opt.max_rows);
	for (i = 0; i < n; i++)
		bad |= inputs[i] < 0 || inputs[i] >= V;
	for (i = 0; targets && i < n; i++)
		bad |= targets[i] < -1 || targets[i] >= V;
	ART_BUG_ON(bad);
}

static bool multiply_gradients(struct model *m, float factor)
{
	const size_t piece = 1 << 14;
	const int64_t pieces = (int64_t)((m->block + piece - 1) / piece);
	bool finite = true;
	int64_t i;

#pragma omp parallel for schedule(static) num_threads(m->opt.threads) reduction(&& : finite)
	for (i = 0; i < pieces; i++) {
		size_t at = (size_t)i * piece;

		finite = m->ops->multiply(m->parts[0] + at, m->block - at < piece ? m->block - at : piece,
					  factor) && finite;
	}
	return finite;
}

/* fp16 ends at 65504 and 6e-8, so gradients are computed larger, by one power of two a step. */
static void begin_units(struct model *m, float scale)
{
	bool fresh = true;
	int e = 0, t;

	for (t = 0; t < m->opt.threads; t++)
		fresh &= m->stale[t];
	if (m->in_units && !fresh)
		return;
	m->unit = 1;
	m->in_units = m->ops->wider != NULL;
	if (!m->in_units)
		return;
	if (scale > 1e-30f && isfinite(scale)) {
		(void)frexpf(scale, &e);
		m->unit = ldexpf(1, m->loss_exponent - e);
	}
	if (!fresh)
		(void)multiply_gradients(m, m->unit);
}

double model_forward_backward(struct model *m, const int32_t *inputs, const int32_t *targets, int rows,
			      float scale)
{
	const int n = m->opt.threads;
	double loss = 0;
	int left, t;

	ART_BUG_ON(!m->opt.trainable);
	check_batch(m, inputs, targets, rows);
	begin_units(m, scale);
	for (t = 0; t < n; t++) {
		m->workers[t].loss = 0;
		m->workers[t].next = first_row(rows, t, n);
	}
	do {
		left = 0;
#pragma omp parallel for schedule(static, 1) num_threads(n) reduction(+ : left)
		for (t = 0; t < n; t++) {
			struct worker *w = &m->workers[t];
			int to = first_row(rows, t + 1, n);
			size_t at = (size_t)w->next * (size_t)m->net.T;

			if (w->next == to)
				continue;
			if (m->stale[t])
				memset(m->parts[t], 0, m->block * sizeof(float));
			m->stale[t] = false;
			w->next += m->ops->train(&m->net, w, inputs + at, targets + at, to - w->next,
						 scale * m->unit);
			left += to - w->next;
		}
	} while (left && model_widen(m));
	for (t = 0; t < n; t++)
		loss += m->workers[t].loss;
	return left ? (double)NAN : loss;
}

static void run_infer(struct model *m, const int32_t *inputs, const int32_t *targets, int rows,
		      float *losses, float *logits)
{
	const int n = m->opt.threads;
	const size_t T = (size_t)m->net.T, V = (size_t)m->net.V;
	bool finite;
	int t;

	check_batch(m, inputs, targets, rows);
	do {
		finite = true;
#pragma omp parallel for schedule(static, 1) num_threads(n) reduction(&& : finite)
		for (t = 0; t < n; t++) {
			int from = first_row(rows, t, n), to = first_row(rows, t + 1, n);
			size_t at = (size_t)from * T;

			if (from < to)
				finite = m->ops->infer(&m->net, &m->workers[t], inputs + at,
						       targets ? targets + at : NULL, to - from,
						       losses ? losses + at : NULL,
						       logits ? logits + at * V : NULL) && finite;
		}
	} while (!finite && model_widen(m));
}

void model_losses(struct model *m, const int32_t *inputs, const int32_t *targets, int rows,
		  float *losses)
{
	run_infer(m, inputs, targets, rows, losses, NULL);
}

void model_logits(struct model *m, const int32_t *inputs, int rows, float *logits)
{
	run_infer(m, inputs, NULL, rows, NULL, logits);
}

/* Always in the order of the threads, so that sums repeat exactly. */
void model_grads_finish(struct model *m)
{
	const size_t piece = 1 << 14;
	const int64_t pieces = (int64_t)((m->block + piece - 1) / piece);
	int64_t i;
	int t;

	ART_BUG_ON(!m->opt.trainable);
#pragma omp parallel for schedule(static) private(t) num_threads(m->opt.threads)
	for (i = 0; i < pieces; i++) {
		size_t at = (size_t)i * piece, n = m->block - at < piece ? m->block - at : piece;

		if (m->stale[0])
			memset(m->parts[0] + at, 0, n * sizeof(float));
		for (t = 1; t < m->opt.threads; t++)
			if (!m->stale[t])
				m->ops->sum(m->parts[0] + at, m->parts[t] + at, n);
	}
	m->stale[0] = false;
	for (t = 1; t < m->opt.threads; t++)
		m->stale[t] = true;
	m->overflowed = m->in_units && !multiply_gradients(m, 1 / m->unit);
	m->in_units = false;
}

static void muon_task(struct model *m, struct worker *w, int param, const struct model_step *s)
{
	const struct param *p = &m->params[param];
	const struct muon_job j = {
		.w = m->weights + p->at,
		.grad = m->parts[0] + p->at,
		.momentum = m->first + p->at,
		.second = m->second + p->second_at,
		.rows = p->dims[0],
		.cols = p->dims[1],
		.lr = (float)s->matrix_lr,
		.mu = (float)s->muon_momentum,
		.weight_decay = (float)s->weight_decay,
		.beta2 = MUON_BETA2,
	};

	m->ops->muon(w, &j);
	model_pack_param(m, param, 0, p->dims[0]);
}

static void adam_task(struct model *m, const struct step_task *t, const struct model_step *s)
{
	const struct param *p = &m->params[t->param];
	const double width = 1.0 / sqrt(m->net.C / 768.0); /* the rates were tuned at width 768 */
	double beta1 = s->beta1, beta2 = s->beta2, lr = 0;
	struct adam_job j;

	switch (p->kind) {
	case PARAM_RESID:
		lr = s->scalar_lr * 0.01;
		break;
	case PARAM_X0:
		lr = s->scalar_lr;
		beta1 = X0_BETA1;
		beta2 = X0_BETA2;
		break;
	case PARAM_WTE:
	case PARAM_VE:
		lr = s->embedding_lr * width;
		break;
	case PARAM_HEAD:
		lr = s->unembedding_lr * width;
		break;
	case PARAM_MATRIX:
		ART_BUG_ON(true);
	}
	j = (struct adam_job){
		.w = m->weights + p->at + t->from,
		.grad = m->parts[0] + p->at + t->from,
		.m = m->first + p->at + t->from,
		.v = m->second + p->second_at + t->from,
		.n = t->n,
		.step_size = (float)(lr / (1.0 - pow(beta1, (double)m->steps))),
		.inv_bias2 = (float)(1.0 / (1.0 - pow(beta2, (double)m->steps))),
		.beta1 = (float)beta1,
		.beta2 = (float)beta2,
		.eps = ADAM_EPS,
	};
	m->ops->adam(&j);
}

void model_step(struct model *m, const struct model_step *step)
{
	int i;

	model_grads_finish(m);
	m->stale[0] = true;
	if (m->overflowed) {
		m->skipped++;
		m->loss_exponent -= LOSS_EXPONENT_STEP;
		if (m->loss_exponent < LOSS_EXPONENT_MIN)
			(void)model_widen(m);
		return;
	}
	m->steps++;
#pragma omp parallel for schedule(dynamic) num_threads(m->opt.threads)
	for (i = 0; i < m->n_tasks; i++) {
		const struct step_task *t = &m->tasks[i];

		if (m->params[t->param].kind == PARAM_MATRIX)
			muon_task(m, &m->workers[omp_get_thread_num()], t->param, step);
		else
			adam_task(m, t, step);
	}
	model_pack_head(m);
}
