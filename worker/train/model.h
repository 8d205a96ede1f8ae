/*
 * model.h - autoresearch's GPT on a CPU: forward, backward, Muon + AdamW.
 *
 * Layer: worker/train (libc, libm, OpenMP, store/base). One struct model belongs to one caller
 * thread; it runs its own OpenMP threads inside each call.
 *
 * Letters used for shapes everywhere: B rows in a batch, T sequence length, C width (n_embd),
 * H heads, D head width (C / H), V vocabulary, L layers, F hidden width of the MLP (4 C).
 *
 * Source of the model and optimizer: karpathy/autoresearch train.py (GPT, MuonAdamW).
 */
#ifndef TRAIN_MODEL_H
#define TRAIN_MODEL_H

#include "store/base.h"

#define MODEL_PATTERN_MAX 32
#define MODEL_NAME_MAX 64

struct model_config {
	int vocab_size; /* V: tokens the tokenizer knows; any number >= 2, padded inside */
	int n_layer;    /* L */
	int n_head;     /* H */
	int n_embd;     /* C, a multiple of 32; D = C / H is 32, 64, 128 or 256 */
	int seq_len;    /* T, a multiple of 32 */
	char window_pattern[MODEL_PATTERN_MAX]; /* of 'S' and 'L'; S is T/2; last layer always L */
};

/* Which micro-kernels: AUTO takes the fastest this CPU has (feature bits, then a short
 * measurement where instruction sets compete: AVX512_BF16, AVX512_FP16, AVX-512 fp32).
 * AVX512FP16 keeps activations and gradients in fp16 with a scaled loss and goes on as AVX512 when
 * a forward pass leaves fp16's range; the others keep bf16. */
#define MODEL_KERNEL_LIST(_) \
	_(AUTO, "auto")      \
	_(PLAIN, "plain")    \
	_(AVX2, "avx2")      \
	_(AVX512, "avx512")  \
	_(AVX512BF16, "avx512bf16") \
	_(AVX512FP16, "avx512fp16") \
	_(AMX, "amx")
enum model_kernel {
#define MODEL_KERNEL_ENUM(name, text) MODEL_KERNEL_##name,
	MODEL_KERNEL_LIST(MODEL_KERNEL_ENUM)
#undef MODEL_KERNEL_ENUM
	MODEL_KERNEL_COUNT
};
const char *model_kernel_name(enum model_kernel k);
ART_MUST_USE bool model_kernel_parse(const char *name, enum model_kernel *out);
bool model_kernel_available(enum model_kernel k); /* on this CPU; AUTO and PLAIN always */
/* Measured peak of one kernel's multiply-add instruction on @threads threads, FLOP/s (~0.1 s). */
double model_kernel_peak(enum model_kernel k, int threads);

struct model_options {
	enum model_kernel kernel;
	int threads;   /* >= 1 */
	int max_rows;  /* largest B of any call; memory is sized by it */
	bool trainable; /* false: no gradients, no optimizer state */
};

struct model;

/* Everything in one arena. Errors: INVALID (a size that does not fit the rules above, with the
 * rule), LIMIT (more than @mem_max bytes needed; 0 = no limit), UNSUPPORTED (kernel forced, not here). */
ART_MUST_USE enum art_status model_open(struct model **out, const struct model_config *cfg,
					const struct model_options *opt, size_t mem_max,
					struct art_err *err);
void model_close(struct model *m);

const struct model_config *model_config(const struct model *m);
/* The one in use, never AUTO; may change from AVX512FP16 to AVX512 in a call that computes. */
enum model_kernel model_kernel(const struct model *m);
size_t model_bytes(const struct model *m);             /* size of the arena */

/* autoresearch's init_weights; the same on every machine for a seed. Resets optimizer state. */
void model_init_weights(struct model *m, uint64_t seed);

/*
 * Parameters by PyTorch name ("transformer.wte.weight", "transformer.h.0.attn.c_q.weight",
 * "value_embeds.1.weight", "resid_lambdas", ...), in the order of model.named_parameters().
 * @data and @grad are fp32, row-major, contiguous, of the *unpadded* shape; @grad is NULL when
 * not trainable. Both are the model's, valid until model_close. After writing @data call
 * model_params_changed.  @grad is valid after model_grads_finish (which model_step also does).
 */
struct model_param {
	char name[MODEL_NAME_MAX];
	int n_dims;
	int dims[2];
	size_t count;
	float *data;
	float *grad;
};
int model_param_count(const struct model *m);
struct model_param model_param(struct model *m, int i);
void model_params_changed(struct model *m); /* repacks the 16-bit copies */

/* Number of parameters and FLOPs per token (forward + backward), by autoresearch's estimate_flops. */
int64_t model_num_params(const struct model_config *cfg);
double model_flops_per_token(const struct model_config *cfg);

/*
 * Forward and backward of one micro-batch: @inputs, @targets [rows * T]; a target of -1 is not
 * scored. Adds d(scale * sum of losses)/dw to the gradients; returns the sum of losses in nats.
 * For the mean over a step of N tokens, scale = 1 / N. The first call after model_step starts
 * from zero gradients. Deterministic for a thread count. NaN when a forward pass overflows even
 * float: gradients are then incomplete.
 */
double model_forward_backward(struct model *m, const int32_t *inputs, const int32_t *targets,
			      int rows, float scale);
void model_grads_finish(struct model *m); /* sum the threads' parts into model_param().grad */

/* One optimizer step with the schedule already applied (autoresearch's names). */
struct model_step {
	double matrix_lr, embedding_lr, unembedding_lr, scalar_lr; /* after the lr multiplier; the
	       1/sqrt(C/768) scale of the Adam groups is applied inside, as setup_optimizer does */
	double beta1, beta2;   /* ADAM_BETAS */
	double muon_momentum;  /* 0.85 -> 0.95 over 300 steps */
	double weight_decay;   /* WEIGHT_DECAY * (1 - progress) */
};
void model_step(struct model *m, const struct model_step *step);
/* Steps that changed nothing because a gradient left fp16's range (the scale of the loss is lowered
 * after each, as PyTorch's GradScaler does). 0 with every kernel but AVX512FP16. */
int64_t model_skipped_steps(const struct model *m);

/* Loss in nats of each position, [rows * T] (0 where target is -1). No gradients touched. */
void model_losses(struct model *m, const int32_t *inputs, const int32_t *targets, int rows,
		  float *losses);
/* Soft-capped logits [rows * T, V] for tests and sampling. */
void model_logits(struct model *m, const int32_t *inputs, int rows, float *logits);

#endif
