/*
 * kernel.h - what model.c and the CPU kernels share: shapes, weights, one thread's memory, and the
 * table of operations each instruction set provides.
 *
 * Layer: worker/train, private to model*.c and kernel_*.c. Threads: struct net is read by all
 * worker threads while they run; each struct worker belongs to one of them.
 *
 * Letters for shapes are those of model.h. M is the number of token positions a worker holds at
 * once (whole sequences, at most chunk_seqs of them). "Strips" are explained in kernel/simd.h;
 * everything else is row-major.
 */
#ifndef TRAIN_KERNEL_H
#define TRAIN_KERNEL_H

#include "worker/train/model.h"

#define PANEL 32        /* rows of attention's panels; every tensor is a multiple of it high */
#define TALL_PANEL 64   /* rows of one pass through a layer: weights leave L3 once for all of them */
#define HEAD_TOKENS 256 /* positions whose logit gradients are held before they become dW */
#define HEAD_COLUMNS 256 /* logits of a panel computed at a time */
#define QUERY_BLOCK 512 /* query positions whose probabilities attention's backward holds */
#define MUON_STEPS 5

/* One layer's weights: halves (kernel/simd.h) packed for y = x W^T (fwd) and dx = dy W (bwd), the rest fp32. */
struct layer_weights {
	int window; /* keys a query looks back at, besides itself */
	const float *gate; /* [H, 32], NULL where the layer has no value embedding */
	const float *ve;   /* [V, C] or NULL */
	const uint16_t *qkv_fwd, *qkv_bwd, *o_fwd, *o_bwd, *fc_fwd, *fc_bwd, *proj_fwd, *proj_bwd;
};

struct net {
	int V, V_pad, L, H, C, D, F, T;
	int chunk_seqs;
	size_t chunk_tokens; /* chunk_seqs * T: the M that all strides are made from */
	const float *wte;    /* [V, C] */
	const float *resid, *x0; /* [L] */
	const uint16_t *head_fwd, *head_bwd;
	const float *rope_cos, *rope_sin; /* [T, D / 2] */
	struct layer_weights *layer;      /* [L] */
};

/* What the forward pass leaves for the backward pass, one layer. */
struct layer_saved {
	uint16_t *x_prev;             /* [M, C] residual stream before the layer's scalars */
	uint16_t *xn1, *xn2;          /* strips [M, C] normed inputs of attention and MLP */
	uint16_t *q, *k, *v;          /* [M, C] rotated and normed; v with its embedding */
	uint16_t *att;                /* strips [M, C] attention output */
	uint16_t *act;                /* strips [M, F] relu(h)^2 */
	float *rs1, *rs2;             /* [M] reciprocal root mean squares */
	float *rq, *rk, *gate, *inv;  /* [M, H]; inv: 1 / sum of the softmax's exponentials */
};

/* One thread's part of the gradients, same shapes as the parameters. */
struct layer_grads {
	float *qkv, *o, *fc, *proj, *gate, *ve;
};

struct worker {
	struct layer_saved *saved; /* [L]; all the same memory when not trainable */
	struct layer_grads *grad;  /* [L] */
	float *g_wte, *g_head, *g_resid, *g_x0;
	double loss; /* sum, nats */
	int next;    /* row of the batch to be done next */
	/* whole chunk */
	float *x;       /* [M, C] residual stream */
	uint16_t *x0;   /* [M, C] */
	float *rs0;     /* [M] */
	float *dx, *dx0; /* [M, C] */
	uint16_t *dx_s, *dx2_s; /* strips [M, C]: gradient into the MLP's and attention's output */
	uint16_t *dh_s;         /* strips [M, F] */
	uint16_t *dqkv_s;       /* strips [M, 3C] */
	/* one sequence */
	uint16_t *seq_o;                      /* [T, C] attention output */
	uint16_t *d_att, *d_att_s;            /* [T, C] row-major and strips */
	float *delta;                         /* [T, H] */
	uint16_t *dqkv;                       /* [T, 3C] */
	/* one head */
	uint16_t *kt, *vt, *ks, *vs, *qs;     /* [T, D] packed several ways */
	uint16_t *p_s, *ds_s;                 /* strips [QUERY_BLOCK, T] */
	uint16_t *ds;                         /* [PANEL, T] */
	float *scores, *dscores;              /* [PANEL, T] */
	float *dk_acc, *dv_acc;               /* [T, D] */
	/* one panel */
	float *panel;        /* [TALL_PANEL, max(C, HEAD_COLUMNS)] */
	float *logits;       /* [TALL_PANEL, V_pad], in training */
	uint16_t *a_c;        /* [TALL_PANEL, C] */
	uint16_t *a_f;       /* [TALL_PANEL, F] */
	uint16_t *a_v;       /* [TALL_PANEL, V_pad] logit gradients */
	uint16_t *head_dl_s; /* strips [HEAD_TOKENS, V_pad] */
	uint16_t *head_x_s;  /* strips [HEAD_TOKENS, C] */
	/* optimizer: one matrix of at most muon_rows x muon_cols */
	uint16_t *mx, *mx_s, *ma_s, *mb_s;
	float *mpanel, *mscale;
};

/* Packing of one fp32 matrix [rows, cols] into part of two packed operands. */
struct pack_job {
	const float *w;
	int rows, cols;    /* multiples of 32 */
	int row0, rows_all; /* place of this matrix in an operand that joins several by rows */
	uint16_t *fwd, *bwd; /* bwd may be NULL */
};

/* One matrix's Muon step. Rows and columns as in the parameter, any size. */
struct muon_job {
	float *w;
	const float *grad;
	float *momentum;      /* [rows, cols] */
	float *second;        /* [max(rows, cols)] */
	int rows, cols;
	float lr, mu, weight_decay, beta2; /* lr before the sqrt(rows / cols) factor */
};

struct adam_job {
	float *w, *m, *v;
	const float *grad;
	size_t n;
	float step_size;  /* lr / (1 - beta1^t) */
	float inv_bias2;  /* 1 / (1 - beta2^t) */
	float beta1, beta2, eps;
};

/* Products, for every k a multiple of 32, m and n multiples of 32.  C (=|+=) A B, fp32. */
struct gemm_args {
	int m, n, k;
	const uint16_t *a; /* nn: [m, k] row-major, stride lda. tn: strips [k, m], stride lda */
	size_t lda;
	const uint16_t *b; /* strips [k, n], stride ldb */
	size_t ldb;
	float *c;
	size_t ldc;
	bool add;
};

/*
 * The whole contract between the model and an instruction set. Every function works on one
 * thread's data and starts and ends its own processor state (AMX tiles).
 */
struct kernel_ops {
	enum model_kernel id;
	/* NULL where halves have float's range. Elsewhere (fp16) the operations to go on with when a
	 * forward pass leaves that range; gradients then want a loss scaled up (model_run.c). */
	const struct kernel_ops *wider;
	void (*gemm_nn)(const struct gemm_args *g);
	void (*gemm_tn)(const struct gemm_args *g);
	/* @rows whole sequences; adds to the worker's gradients and loss. Returns the rows done: all,
	 * or those before the first of which the forward pass left the range of numbers. */
	int (*train)(const struct net *n, struct worker *w, const int32_t *inputs,
		     const int32_t *targets, int rows, float scale);
	/* Either output may be NULL. Returns false when a pass left the range of numbers. */
	bool (*infer)(const struct net *n, struct worker *w, const int32_t *inputs,
		      const int32_t *targets, int rows, float *losses, float *logits);
	void (*pack)(const struct pack_job *j);
	void (*sum)(float *dst, const float *src, size_t n); /* dst += src */
	bool (*multiply)(float *x, size_t n, float factor);  /* returns whether all are finite */
	void (*muon)(struct worker *w, const struct muon_job *j);
	void (*adam)(const struct adam_job *j);
	double (*peak)(double seconds); /* FLOP/s of this thread's multiply-add unit */
};

extern const struct kernel_ops kernel_plain;
#if defined(__x86_64__)
extern const struct kernel_ops kernel_avx2, kernel_avx512, kernel_avx512bf16, kernel_avx512fp16,
	kernel_amx;
#endif

/* cpu.c: what this processor and kernel of the operating system allow. */
bool cpu_has(enum model_kernel k);
/* The operations of @k (not AUTO), NULL when the program was built without them. */
const struct kernel_ops *cpu_kernel(enum model_kernel k);
enum model_kernel cpu_best_kernel(void);

#endif
