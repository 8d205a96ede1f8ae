/*
 * config.h - from a recipe's constants to a model and a training schedule.
 *
 * Layer: worker/train; pure. Names, defaults and valid ranges are store/knobs.h's. Constants the
 * table does not know are ignored (autoresearch scripts have others).
 */
#ifndef TRAIN_CONFIG_H
#define TRAIN_CONFIG_H

#include "store/base.h"
#include "worker/train/model.h"

struct train_config {
	struct model_config model;
	int64_t total_batch_size;  /* tokens of an optimizer step */
	int device_batch_size;     /* rows of a pass */
	double embedding_lr, unembedding_lr, matrix_lr, scalar_lr;
	double weight_decay, beta1, beta2;
	double warmup_ratio, warmdown_ratio, final_lr_frac;
	uint64_t seed;
};

/*
 * Errors: INVALID naming the constant, its line and the rule it breaks; or the recipe's own
 * syntax error. A constant not in the recipe has the table's default.
 */
ART_MUST_USE enum art_status config_from_recipe(struct train_config *out, const char *text,
						size_t len, int vocab_size, int seq_len,
						struct art_err *err);

/* autoresearch's schedules; @progress in 0..1, @step from 0. */
double config_lr_multiplier(const struct train_config *c, double progress);
double config_muon_momentum(int64_t step);
double config_weight_decay(const struct train_config *c, double progress);
/* All of a step's numbers. */
struct model_step config_step(const struct train_config *c, int64_t step, double progress);

#endif
