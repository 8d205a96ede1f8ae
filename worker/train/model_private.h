/*
 * model_private.h - the inside of struct model, shared by model.c, model_layout.c and model_run.c.
 *
 * Layer: worker/train. Threads: as model.h; worker threads write only their own struct worker and
 * the parameters of the task they hold.
 */
#ifndef TRAIN_MODEL_PRIVATE_H
#define TRAIN_MODEL_PRIVATE_H

#include "worker/train/kernel.h"

enum param_kind { PARAM_RESID, PARAM_X0, PARAM_WTE, PARAM_HEAD, PARAM_VE, PARAM_MATRIX };

/* Offsets are in floats, into the blocks of weights, gradients and first moments alike. */
struct param {
	char name[MODEL_NAME_MAX];
	enum param_kind kind;
	int n_dims, dims[2];
	size_t count, at;
	size_t second_at; /* into the block of second moments */
	/* matrices and the head: where their copies in halves live; NULL fwd for gates and embeddings */
	uint16_t *fwd, *bwd;
	int row0, rows_all;
};

/* One piece of optimizer work: a whole matrix (Muon), or a run of elements (AdamW). */
struct step_task {
	int param;
	size_t from, n;
};

#define MODEL_LOSS_EXPONENT 5 /* to begin with: gradients of logits up to 32 */

struct model {
	struct model_config cfg;
	struct model_options opt;
	const struct kernel_ops *ops;
	struct net net;
	char *arena;
	size_t arena_bytes;

	int n_params, n_tasks;
	struct param *params;
	struct step_task *tasks; /* largest matrices first */
	size_t block;            /* floats in one block of parameters */
	float *weights, *first, *second;
	size_t second_count;

	struct worker *workers; /* [threads] */
	float **parts;          /* [threads] blocks of gradients; parts[0] holds the sum when finished */
	bool *stale;            /* [threads] part holds nothing to be kept */
	int64_t steps;          /* optimizer steps taken */

	/* Where kernels need it (ops->wider), losses are scaled by a power of two. */
	int loss_exponent; /* so that scale times that power is below 2^loss_exponent */
	float unit;        /* that power, for the gradients of this step */
	bool in_units;     /* such a kernel began these gradients, and they are not divided by it yet */
	bool overflowed;   /* they were not all finite when they were */
	int64_t skipped;
};

/* model_info.c: the rules of model.h and of the layers. */
ART_MUST_USE enum art_status model_check(const struct model_config *c, const struct model_options *o,
					 struct art_err *err);
bool model_layer_has_ve(const struct model_config *c, int layer);
int model_layer_window(const struct model_config *c, int layer);

/* model_layout.c: size everything (arena NULL) or place everything (arena set). False: too big. */
bool model_layout(struct model *m);
void model_layout_tables(struct model *m); /* before it, once: shapes, parameters, tasks */

/* model.c: copies in halves of @rows rows from @row of one parameter (nothing where it has none). */
void model_pack_param(struct model *m, int i, int row, int rows);
void model_pack_head(struct model *m);
/* model.c: to the kernel with float's range; false when this one has it. */
bool model_widen(struct model *m);

#endif
