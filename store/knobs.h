/*
 * knobs.h - the one table of recipe constants: name, kind, default, search range, help.
 *
 * Layer: store. The trainer reads its configuration through it, the search proposer takes its
 * space from it, artui-recipe(5) is checked against it. Names and meaning are those of
 * karpathy/autoresearch's train.py; SEED is added.
 */
#ifndef STORE_KNOBS_H
#define STORE_KNOBS_H

#include "store/base.h"

enum knob_kind {
	KNOB_INT,     /* whole number, linear steps */
	KNOB_POW2,    /* power of two */
	KNOB_REAL,    /* real, linear */
	KNOB_LOG,     /* real > 0, searched on a log scale */
	KNOB_PAIR,    /* two reals "(a, b)" */
	KNOB_CHOICE,  /* one of a list of strings, '|' separated in choices */
	KNOB_SEED,    /* never searched */
};

/* (name, kind, default text, search low, search high, valid low, valid high, choices, help)
 * PAIR: the range is of 1 - value of each part on a log scale, as for Adam's betas. */
#define KNOB_LIST(_)                                                                                        \
	_(DEPTH, KNOB_INT, "4", 2, 8, 1, 64, NULL, "number of transformer layers")                          \
	_(ASPECT_RATIO, KNOB_INT, "64", 32, 96, 1, 1024, NULL, "width is DEPTH * ASPECT_RATIO, rounded up to a multiple of HEAD_DIM") \
	_(HEAD_DIM, KNOB_POW2, "64", 32, 128, 32, 256, NULL, "width of one attention head")                 \
	_(WINDOW_PATTERN, KNOB_CHOICE, "\"SSSL\"", 0, 0, 0, 0, "L|SL|SSL|SSSL", "attention window by layer, repeated: L full, S half; the last layer is always L") \
	_(TOTAL_BATCH_SIZE, KNOB_POW2, "4096", 2048, 32768, 256, 4194304, NULL, "tokens per optimizer step; a multiple of DEVICE_BATCH_SIZE * sequence length") \
	_(DEVICE_BATCH_SIZE, KNOB_POW2, "8", 1, 64, 1, 4096, NULL, "rows per forward and backward pass")     \
	_(EMBEDDING_LR, KNOB_LOG, "0.6", 0.05, 3.0, 0, 100, NULL, "learning rate of token and value embeddings (Adam)") \
	_(UNEMBEDDING_LR, KNOB_LOG, "0.004", 0.0005, 0.05, 0, 100, NULL, "learning rate of the output head (Adam)") \
	_(MATRIX_LR, KNOB_LOG, "0.04", 0.005, 0.2, 0, 100, NULL, "learning rate of the matrices (Muon)")     \
	_(SCALAR_LR, KNOB_LOG, "0.5", 0.05, 3.0, 0, 100, NULL, "learning rate of the per-layer scalars (Adam)") \
	_(WEIGHT_DECAY, KNOB_REAL, "0.2", 0.0, 0.6, 0, 10, NULL, "cautious weight decay of the matrices, falling to 0 with progress") \
	_(ADAM_BETAS, KNOB_PAIR, "(0.8, 0.95)", 0.02, 0.3, 0, 1, NULL, "Adam's beta1 and beta2")             \
	_(WARMUP_RATIO, KNOB_REAL, "0.0", 0.0, 0.2, 0, 1, NULL, "share of the budget spent raising the learning rate") \
	_(WARMDOWN_RATIO, KNOB_REAL, "0.5", 0.2, 0.9, 0, 1, NULL, "share of the budget spent lowering the learning rate") \
	_(FINAL_LR_FRAC, KNOB_REAL, "0.0", 0.0, 0.2, 0, 1, NULL, "learning rate at the end, as a share of the start") \
	_(SEED, KNOB_SEED, "42", 0, 0, 0, 2147483647, NULL, "seed of weights and data order; the harness sets its own per run")

enum knob_id {
#define KNOB_ENUM(name, ...) KNOB_##name##_ID,
	KNOB_LIST(KNOB_ENUM)
#undef KNOB_ENUM
	KNOB_COUNT
};

struct knob {
	const char *name;
	enum knob_kind kind;
	const char *def;
	double search_lo, search_hi, valid_lo, valid_hi;
	const char *choices; /* NULL but for CHOICE */
	const char *help;
};

const struct knob *knob_by_id(enum knob_id id);
const struct knob *knob_by_name(const char *name); /* NULL when unknown */

#endif
