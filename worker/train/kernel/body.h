/*
 * body.h - the table of operations, made from the headers above under one file's -m flags.
 *
 * The including file defines KERNEL_TABLE (the table's name), KERNEL_ID, and KERNEL_WIDER where its
 * halves have not float's range, and has included one gemm_*.h. Everything but the table is static, so nothing compiled for a newer processor can be
 * picked by the linker for an older one.
 */
#ifndef TRAIN_KERNEL_BODY_H
#define TRAIN_KERNEL_BODY_H

#include <time.h>

#include "worker/train/kernel/backward.h"
#include "worker/train/kernel/optim.h"

static void op_gemm_nn(const struct gemm_args *g)
{
	kernel_begin();
	gemm_nn(g);
	kernel_end();
}

static void op_gemm_tn(const struct gemm_args *g)
{
	kernel_begin();
	gemm_tn(g);
	kernel_end();
}

static int op_train(const struct net *n, struct worker *w, const int32_t *inputs,
		    const int32_t *targets, int rows, float scale)
{
	int done;

	kernel_begin();
	done = train(n, w, inputs, targets, rows, scale);
	kernel_end();
	return done;
}

static bool op_infer(const struct net *n, struct worker *w, const int32_t *inputs,
		     const int32_t *targets, int rows, float *losses, float *logits)
{
	bool finite;

	kernel_begin();
	finite = infer(n, w, inputs, targets, rows, losses, logits);
	kernel_end();
	return finite;
}

static void op_muon(struct worker *w, const struct muon_job *j)
{
	kernel_begin();
	muon(w, j);
	kernel_end();
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double op_peak(double seconds)
{
	double best = 0, start = seconds_now(), from, to = start;
	double flop;

	kernel_begin();
	/* the best of short passes: a neighbour's turn on the core must not count */
	do {
		from = to;
		flop = kernel_peak_pass(20000);
		to = seconds_now();
		if (to > from && flop / (to - from) > best)
			best = flop / (to - from);
	} while (to - start < seconds);
	kernel_end();
	return best;
}

const struct kernel_ops KERNEL_TABLE = {
	.id = KERNEL_ID,
#ifdef KERNEL_WIDER
	.wider = &KERNEL_WIDER,
#endif
	.gemm_nn = op_gemm_nn,
	.gemm_tn = op_gemm_tn,
	.train = op_train,
	.infer = op_infer,
	.pack = pack,
	.sum = sum,
	.multiply = multiply,
	.muon = op_muon,
	.adam = adam,
	.peak = op_peak,
};

#endif
