/* model.c - a model's life: opening, closing, weights, parameters, packing. */

#include "worker/train/model_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static enum art_status choose_kernel(struct model *m, struct art_err *err)
{
	enum model_kernel k = m->opt.kernel;

	if ((unsigned)k >= MODEL_KERNEL_COUNT)
		return art_fail(err, ART_INVALID, "model: no such kernel (%u)", (unsigned)k);
	if (!cpu_has(k))
		return art_fail(err, ART_UNSUPPORTED, "kernel %s: this processor or system lacks it",
				model_kernel_name(k));
	m->ops = cpu_kernel(k == MODEL_KERNEL_AUTO ? cpu_best_kernel() : k);
	return ART_OK;
}

bool model_widen(struct model *m)
{
	if (!m->ops->wider)
		return false;
	m->ops = m->ops->wider;
	model_params_changed(m); /* halves are another format now */
	return true;
}

static enum art_status map_arena(struct model *m, size_t mem_max, struct art_err *err)
{
	const struct model_config *c = &m->cfg;
	void *p;

	if (!model_layout(m))
		return art_fail(err, ART_LIMIT, "model: depth %d, width %d is too large to address",
				c->n_layer, c->n_embd);
	if (mem_max && m->arena_bytes > mem_max)
		return art_fail(err, ART_LIMIT,
				"model: depth %d, width %d needs %zu MiB, the limit is %zu MiB", c->n_layer,
				c->n_embd, (m->arena_bytes >> 20) + 1, mem_max >> 20);
	p = mmap(NULL, m->arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return art_fail(err, ART_LIMIT, "model: the system refused %zu MiB of memory",
				(m->arena_bytes >> 20) + 1);
	madvise(p, m->arena_bytes, MADV_HUGEPAGE); /* advice: a refusal changes nothing */
	m->arena = p;
	ART_BUG_ON(!model_layout(m));
	return ART_OK;
}

static void fill_rope(struct model *m)
{
	float *cosines = (float *)m->net.rope_cos, *sines = (float *)m->net.rope_sin;
	const int half = m->net.D / 2;
	int i, t;

	for (t = 0; t < m->net.T; t++)
		for (i = 0; i < half; i++) {
			double a = t * pow(10000.0, -(double)i / half);

			cosines[(size_t)t * (size_t)half + (size_t)i] = (float)cos(a);
			sines[(size_t)t * (size_t)half + (size_t)i] = (float)sin(a);
		}
}

enum art_status model_open(struct model **out, const struct model_config *cfg,
			   const struct model_options *opt, size_t mem_max, struct art_err *err)
{
	enum art_status s = model_check(cfg, opt, err);
	struct model *m;
	int i;

	if (s)
		return s;
	m = art_alloc(1, sizeof(*m));
	m->cfg = *cfg;
	m->opt = *opt;
	s = choose_kernel(m, err);
	if (s)
		goto out;
	model_layout_tables(m);
	s = map_arena(m, mem_max, err);
	if (s)
		goto out;
	for (i = 0; i < opt->threads; i++)
		m->stale[i] = true;
	fill_rope(m);
	*out = m;
	m = NULL;
out:
	model_close(m);
	return s;
}

void model_close(struct model *m)
{
	if (!m)
		return;
	if (m->arena)
		munmap(m->arena, m->arena_bytes);
	free(m->params);
	free(m->tasks);
	free(m->net.layer);
	free(m->workers);
	free(m->parts);
	free(m->stale);
	free(m);
}

const struct model_config *model_config(const struct model *m)
{
	return &m->cfg;
}

enum model_kernel model_kernel(const struct model *m)
{
	return m->ops->id;
}

int64_t model_skipped_steps(const struct model *m)
{
	return m->skipped;
}

size_t model_bytes(const struct model *m)
{
	return m->arena_bytes;
}

int model_param_count(const struct model *m)
{
	return m->n_params;
}

struct model_param model_param(struct model *m, int i)
{
	const struct param *p = &m->params[i];
	struct model_param out = {
		.n_dims = p->n_dims,
		.dims = { p->dims[0], p->dims[1] },
		.count = p->count,
		.data = m->weights + p->at,
		.grad = m->opt.trainable ? m->parts[0] + p->at : NULL,
	};

	art_copy(out.name, sizeof(out.name), p->name);
	return out;
}

/* ------------------------------------------------------------- weights */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && !strcmp(s + n - k, end);
}

static void fill(float *w, size_t n, float v)
{
	size_t i;

	for (i = 0; i < n; i++)
		w[i] = v;
}

static void init_param(struct model *m, int i, uint64_t seed)
{
	const struct param *p = &m->params[i];
	const double bound = sqrt(3.0 / m->net.C); /* uniform with standard deviation 1 / sqrt(C) */
	float *w = m->weights + p->at;
	struct art_rng rng;
	size_t j;

	/* a stream of its own for each parameter: any order of filling gives the same weights */
	art_rng_seed(&rng, art_mix64(seed, (uint64_t)i));
	switch (p->kind) {
	case PARAM_RESID:
		fill(w, p->count, 1.0f);
		break;
	case PARAM_X0:
		fill(w, p->count, 0.1f);
		break;
	case PARAM_WTE:
	case PARAM_HEAD:
		for (j = 0; j < p->count; j++)
			w[j] = (float)(art_rng_normal(&rng) * (p->kind == PARAM_HEAD ? 0.001 : 1.0));
		break;
	case PARAM_MATRIX:
		/* output projections and gates begin at zero */
		if (ends_with(p->name, "c_proj.weight") || ends_with(p->name, "ve_gate.weight")) {
			fill(w, p->count, 0);
			break;
		}
		/* fallthrough */
	case PARAM_VE:
		for (j = 0; j < p->count; j++)
			w[j] = (float)((2.0 * art_rng_f64(&rng) - 1.0) * bound);
		break;
	}
}

void model_init_weights(struct model *m, uint64_t seed)
{
	int i;

#pragma omp parallel for schedule(dynamic) num_threads(m->opt.threads)
	for (i = 0; i < m->n_params; i++)
		init_param(m, i, seed);
	if (m->opt.trainable) {
		memset(m->first, 0, m->block * sizeof(float));
		memset(m->second, 0, m->second_count * sizeof(float));
		for (i = 0; i < m->opt.threads; i++)
			m->stale[i] = true;
	}
	m->steps = m->skipped = 0;
	m->loss_exponent = MODEL_LOSS_EXPONENT;
	model_params_changed(m);
}

void model_pack_param(struct model *m, int i, int row, int rows)
{
	const struct param *p = &m->params[i];
	const struct pack_job j = {
		.w = m->weights + p->at + (size_t)row * (size_t)p->dims[1],
		.rows = rows,
		.cols = p->dims[1],
		.row0 = p->row0 + row,
		.rows_all = p->rows_all,
		.fwd = p->fwd,
		.bwd = p->bwd,
	};

	if (p->fwd)
		m->ops->pack(&j);
}

void model_pack_head(struct model *m)
{
	int head = 0, row;

	while (m->params[head].kind != PARAM_HEAD)
		head++;
#pragma omp parallel for schedule(static) num_threads(m->opt.threads)
	for (row = 0; row < m->net.V_pad; row += PANEL)
		model_pack_param(m, head, row, PANEL);
}

void model_params_changed(struct model *m)
{
	int i;

#pragma omp parallel for schedule(dynamic) num_threads(m->opt.threads)
	for (i = 0; i < m->n_params; i++)
		if (m->params[i].kind == PARAM_MATRIX)
			model_pack_param(m, i, 0, m->params[i].dims[0]);
	model_pack_head(m);
}
