/*
 * config.c - recipe constants to configuration, with the rules between them.
 */
#include "worker/train/config.h"

#include "store/knobs.h"
#include "store/recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One constant as the table sees it. line 0: the table's default. */
struct value {
	int line;
	struct recipe_value v;
};

static enum art_status bad(struct art_err *err, enum knob_id id, int line, const char *rule)
{
	const char *name = knob_by_id(id)->name;

	if (line)
		return art_fail(err, ART_INVALID, "recipe line %d: %s %s", line, name, rule);
	return art_fail(err, ART_INVALID, "%s (not in the recipe, default %s) %s", name,
			knob_by_id(id)->def, rule);
}

static enum art_status check_range(const struct knob *k, enum knob_id id, const struct value *v,
				   double x, struct art_err *err)
{
	char rule[128], lo[32], hi[32];

	if (x >= k->valid_lo && x <= k->valid_hi)
		return ART_OK;
	snprintf(rule, sizeof(rule), "must lie in %s to %s",
		 art_f64_text(k->valid_lo, lo, sizeof(lo)),
		 art_f64_text(k->valid_hi, hi, sizeof(hi)));
	return bad(err, id, v->line, rule);
}

static enum art_status check_value(enum knob_id id, const struct value *v, struct art_err *err)
{
	const struct knob *k = knob_by_id(id);

	switch (k->kind) {
	case KNOB_INT:
	case KNOB_POW2:
	case KNOB_SEED:
		if (v->v.type != RECIPE_INT)
			return bad(err, id, v->line, "must be a whole number");
		return check_range(k, id, v, v->v.num, err);
	case KNOB_REAL:
	case KNOB_LOG:
		if (v->v.type != RECIPE_INT && v->v.type != RECIPE_REAL)
			return bad(err, id, v->line, "must be a number");
		return check_range(k, id, v, v->v.num, err);
	case KNOB_PAIR:
		if (v->v.type != RECIPE_TUPLE || v->v.n_parts != 2)
			return bad(err, id, v->line, "must be a pair of numbers, like (0.8, 0.95)");
		for (int i = 0; i < 2; i++) {
			enum art_status st = check_range(k, id, v, v->v.parts[i], err);
			if (st != ART_OK)
				return st;
		}
		return ART_OK;
	case KNOB_CHOICE:
		if (v->v.type != RECIPE_STRING)
			return bad(err, id, v->line, "must be a string");
		return ART_OK;
	}
	return ART_OK;
}

/* All values in the table's order: from the recipe, or the default read by the same parser. */
static enum art_status take_values(struct value *out, const struct recipe *r, struct art_err *err)
{
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);
		const struct recipe_constant *c = recipe_find(r, k->name);

		if (c) {
			out[i] = (struct value){ .line = c->line, .v = c->value };
		} else {
			char line[256];
			struct recipe *def = art_alloc(1, sizeof(*def));
			int n = snprintf(line, sizeof(line), "%s = %s\n", k->name, k->def);

			ART_BUG_ON(recipe_parse(def, line, (size_t)n, NULL) != ART_OK || def->n != 1);
			out[i] = (struct value){ .v = def->c[0].value };
			free(def);
		}
		enum art_status st = check_value((enum knob_id)i, &out[i], err);
		if (st != ART_OK)
			return st;
	}
	return ART_OK;
}

static enum art_status set_model(struct train_config *c, const struct value *v,
				 struct art_err *err)
{
	const struct value *pattern = &v[KNOB_WINDOW_PATTERN_ID];
	struct model_config *m = &c->model;
	int64_t head = (int64_t)v[KNOB_HEAD_DIM_ID].v.num;
	int64_t base = (int64_t)v[KNOB_DEPTH_ID].v.num * (int64_t)v[KNOB_ASPECT_RATIO_ID].v.num;
	int64_t width = (base + head - 1) / head * head;

	if (head != 32 && head != 64 && head != 128 && head != 256)
		return bad(err, KNOB_HEAD_DIM_ID, v[KNOB_HEAD_DIM_ID].line,
			   "must be 32, 64, 128 or 256");
	if (width > 65536)
		return bad(err, KNOB_ASPECT_RATIO_ID, v[KNOB_ASPECT_RATIO_ID].line,
			   "times DEPTH must be at most 65536");
	/* autoresearch takes lower case too. */
	size_t n = strlen(pattern->v.text);
	if (n == 0 || n >= sizeof(m->window_pattern) || strspn(pattern->v.text, "SLsl") != n)
		return bad(err, KNOB_WINDOW_PATTERN_ID, pattern->line,
			   "must be 1 to 31 letters S and L");
	for (size_t i = 0; i <= n; i++)
		m->window_pattern[i] = (char)(pattern->v.text[i] & ~0x20);
	m->n_layer = (int)v[KNOB_DEPTH_ID].v.num;
	m->n_embd = (int)width;
	m->n_head = (int)(width / head);
	return ART_OK;
}

static enum art_status set_batch(struct train_config *c, const struct value *v,
				 struct art_err *err)
{
	int64_t pass;
	char rule[160];

	c->total_batch_size = (int64_t)v[KNOB_TOTAL_BATCH_SIZE_ID].v.num;
	c->device_batch_size = (int)v[KNOB_DEVICE_BATCH_SIZE_ID].v.num;
	pass = (int64_t)c->device_batch_size * c->model.seq_len;
	if (c->total_batch_size % pass == 0)
		return ART_OK;
	snprintf(rule, sizeof(rule),
		 "is %lld, not a multiple of DEVICE_BATCH_SIZE * sequence length = %d * %d = %lld",
		 (long long)c->total_batch_size, c->device_batch_size, c->model.seq_len,
		 (long long)pass);
	return bad(err, KNOB_TOTAL_BATCH_SIZE_ID, v[KNOB_TOTAL_BATCH_SIZE_ID].line, rule);
}

static enum art_status set_optimizer(struct train_config *c, const struct value *v,
				     struct art_err *err)
{
	const struct value *betas = &v[KNOB_ADAM_BETAS_ID];

	c->embedding_lr = v[KNOB_EMBEDDING_LR_ID].v.num;
	c->unembedding_lr = v[KNOB_UNEMBEDDING_LR_ID].v.num;
	c->matrix_lr = v[KNOB_MATRIX_LR_ID].v.num;
	c->scalar_lr = v[KNOB_SCALAR_LR_ID].v.num;
	c->weight_decay = v[KNOB_WEIGHT_DECAY_ID].v.num;
	c->beta1 = betas->v.parts[0];
	c->beta2 = betas->v.parts[1];
	c->warmup_ratio = v[KNOB_WARMUP_RATIO_ID].v.num;
	c->warmdown_ratio = v[KNOB_WARMDOWN_RATIO_ID].v.num;
	c->final_lr_frac = v[KNOB_FINAL_LR_FRAC_ID].v.num;
	c->seed = (uint64_t)v[KNOB_SEED_ID].v.num;
	/* 1 - beta^t divides: a beta of 1 never learns, it only makes NaN. */
	if (c->beta1 >= 1 || c->beta2 >= 1)
		return bad(err, KNOB_ADAM_BETAS_ID, betas->line, "must both be below 1");
	return ART_OK;
}

enum art_status config_from_recipe(struct train_config *out, const char *text, size_t len,
				   int vocab_size, int seq_len, struct art_err *err)
{
	struct value v[KNOB_COUNT];
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct train_config c = { 0 };
	enum art_status st = recipe_parse(r, text, len, err);

	if (st == ART_OK)
		st = take_values(v, r, err);
	free(r);
	c.model.vocab_size = vocab_size;
	c.model.seq_len = seq_len;
	if (st == ART_OK)
		st = set_model(&c, v, err);
	if (st == ART_OK)
		st = set_batch(&c, v, err);
	if (st == ART_OK)
		st = set_optimizer(&c, v, err);
	if (st == ART_OK)
		*out = c;
	return st;
}

double config_lr_multiplier(const struct train_config *c, double progress)
{
	if (progress < c->warmup_ratio)
		return progress / c->warmup_ratio;
	if (progress < 1.0 - c->warmdown_ratio)
		return 1.0;
	/* Reached with a ratio of 0 only at the very end. */
	double cooldown = c->warmdown_ratio > 0 ? (1.0 - progress) / c->warmdown_ratio : 0.0;
	return cooldown + (1.0 - cooldown) * c->final_lr_frac;
}

double config_muon_momentum(int64_t step)
{
	double frac = fmin((double)step / 300.0, 1.0);

	return (1.0 - frac) * 0.85 + frac * 0.95;
}

double config_weight_decay(const struct train_config *c, double progress)
{
	return c->weight_decay * (1.0 - progress);
}

struct model_step config_step(const struct train_config *c, int64_t step, double progress)
{
	double lrm = config_lr_multiplier(c, progress);

	return (struct model_step){
		.matrix_lr = c->matrix_lr * lrm,
		.embedding_lr = c->embedding_lr * lrm,
		.unembedding_lr = c->unembedding_lr * lrm,
		.scalar_lr = c->scalar_lr * lrm,
		.beta1 = c->beta1,
		.beta2 = c->beta2,
		.muon_momentum = config_muon_momentum(step),
		.weight_decay = config_weight_decay(c, progress),
	};
}
