/*
 * model_fixture.h - small models, weights and batches that the tests of the trainer's model share.
 *
 * Include after cmocka.h.
 */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "tests/unit/model_reference.h"
#include "worker/train/kernel.h"

#define SEED 12345
#define MAX_TOKENS 4096

struct shape {
	struct model_config cfg;
	int rows;
};

/* Head widths 32 to 256, both windows, value embeddings on and off, odd vocabularies. */
static const struct shape shapes[] = {
	{ { 257, 1, 1, 32, 32, "L" }, 3 },
	{ { 50, 2, 2, 64, 64, "S" }, 1 },
	{ { 33, 3, 1, 32, 96, "SSL" }, 2 },
	{ { 64, 4, 2, 64, 32, "SL" }, 3 },
	{ { 40, 2, 1, 128, 32, "S" }, 1 },
	{ { 31, 1, 1, 256, 32, "L" }, 1 },
};

static inline struct model *open_model(const struct model_config *cfg, enum model_kernel k, int threads,
				int rows)
{
	const struct model_options opt = { k, threads, rows, true };
	struct art_err err = { 0 };
	struct model *m = NULL;

	if (model_open(&m, cfg, &opt, 0, &err))
		fail_msg("model_open: %s", err.text);
	return m;
}

/* Weights at which nothing is zero, flat or saturated, the same for every kernel. */
static inline void spread_weights(struct model *m)
{
	struct art_rng rng;
	size_t j;
	int i;

	model_init_weights(m, SEED);
	art_rng_seed(&rng, SEED + 1);
	for (i = 0; i < model_param_count(m); i++) {
		struct model_param p = model_param(m, i);
		double size = 1.0 / sqrt(p.n_dims == 2 ? p.dims[1] : 1);

		for (j = 0; j < p.count; j++)
			if (p.n_dims == 1)
				p.data[j] += (float)(0.2 * art_rng_normal(&rng));
			else if (strstr(p.name, "c_proj") || strstr(p.name, "ve_gate"))
				p.data[j] = (float)(size * art_rng_normal(&rng));
			else if (!strcmp(p.name, "lm_head.weight"))
				p.data[j] = (float)(3 * size * art_rng_normal(&rng));
	}
	model_params_changed(m);
}

static inline void fill_batch(const struct shape *s, int32_t *inputs, int32_t *targets)
{
	struct art_rng rng;
	int i;

	art_rng_seed(&rng, SEED + 2);
	for (i = 0; i < s->rows * s->cfg.seq_len; i++) {
		inputs[i] = (int32_t)(art_rng_u64(&rng) % (uint64_t)s->cfg.vocab_size);
		targets[i] = (int32_t)(art_rng_u64(&rng) % (uint64_t)s->cfg.vocab_size);
		if (i % 11 == 5)
			targets[i] = -1;
	}
}

/* |a - b| / |b| */
static inline double distance(const float *a, const float *b, size_t n)
{
	double d = 0, s = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
		s += (double)b[i] * (double)b[i];
	}
	return sqrt(d) / (sqrt(s) + 1e-30);
}

static inline void assert_below(double value, double limit, const char *what)
{
	if (!(value < limit))
		fail_msg("%s: %g, must be below %g", what, value, limit);
}

#endif
