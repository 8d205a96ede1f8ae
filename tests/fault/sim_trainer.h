/*
 * sim_trainer.h - a training command that trains nothing: val_bpb is a pure function of the recipe's
 * constants and its SEED, told as autoresearch's train.py tells it, within milliseconds.
 *
 * Constants that make it misbehave, all 0 when absent: SIM_SLEEP_MS (of the whole run), SIM_CRASH,
 * SIM_HANG, SIM_DIVERGE, SIM_NAN, SIM_FORK (leaves a process that left group and session), SIM_FLOOD,
 * SIM_SILENT (no val_bpb), SIM_SLOW (a third of the tokens), SIM_TAMPER (writes to evaluator.txt), SIM_KILL (kills its launcher).
 * DEPTH above 7 with MATRIX_LR above 0.1 crashes like a recipe that does not fit.
 */
#ifndef TESTS_FAULT_SIM_TRAINER_H
#define TESTS_FAULT_SIM_TRAINER_H

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/base.h"
#include "store/recipe.h"

#define SIM_STEPS 60
#define SIM_NOISE 0.004

static double sim_get(const struct recipe *r, const char *name, double absent)
{
	const struct recipe_constant *c = recipe_find(r, name);

	return c && (c->value.type == RECIPE_INT || c->value.type == RECIPE_REAL) ? c->value.num
										  : absent;
}

static void sim_nap_ms(double ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(fmod(ms, 1000) * 1e6) };

	nanosleep(&t, NULL);
}

/* Best at MATRIX_LR 0.07, EMBEDDING_LR 0.9, DEPTH 5, WARMDOWN_RATIO 0.7, TOTAL_BATCH_SIZE 8192. */
static double sim_quality(const struct recipe *r)
{
	double lr = log(sim_get(r, "MATRIX_LR", 0.04) / 0.07);
	double emb = log(sim_get(r, "EMBEDDING_LR", 0.6) / 0.9);
	double depth = sim_get(r, "DEPTH", 4) - 5;
	double down = sim_get(r, "WARMDOWN_RATIO", 0.5) - 0.7;
	double batch = log2(sim_get(r, "TOTAL_BATCH_SIZE", 4096) / 8192);

	return 1.80 + 0.02 * lr * lr + 0.008 * emb * emb + 0.006 * depth * depth +
	       0.1 * down * down + 0.006 * batch * batch;
}

static void sim_leave_orphan(void)
{
	if (fork())
		return;
	setsid();
	if (fork())
		_exit(0);
	for (;;)
		pause();
}

static void sim_misbehave(const struct recipe *r)
{
	if (sim_get(r, "SIM_FORK", 0))
		sim_leave_orphan();
	if (sim_get(r, "SIM_KILL", 0))
		kill(getppid(), SIGKILL);
	if (sim_get(r, "SIM_HANG", 0))
		for (;;)
			pause();
	while (sim_get(r, "SIM_FLOOD", 0))
		puts("the same line over and over, so that the log grows without end");
	if (sim_get(r, "SIM_TAMPER", 0)) {
		FILE *f = fopen("../../../../evaluator.txt", "a");
		if (f) {
			fputs("easier\n", f);
			fclose(f);
		}
	}
	if (sim_get(r, "SIM_CRASH", 0) ||
	    (sim_get(r, "DEPTH", 4) > 7 && sim_get(r, "MATRIX_LR", 0.04) > 0.1)) {
		fprintf(stderr, "Traceback (most recent call last):\n"
				"RuntimeError: this recipe does not run\n");
		exit(1);
	}
}

static void sim_step(const struct recipe *r, int fd, int i, double end)
{
	double progress = (double)(i + 1) / SIM_STEPS, down = sim_get(r, "WARMDOWN_RATIO", 0.5);
	double loss = end * 0.7 + 3 * exp(-6 * progress) +
		      0.15 * fmax(0, fmin(1, (1 - progress) / down));
	char line[256];
	int n;

	if (sim_get(r, "SIM_DIVERGE", 0) && progress > 0.3)
		loss *= 1 + 20 * (progress - 0.3);
	printf("\rstep %05d (%.1f%%) | loss: %.6f | lrm: 1.00 | dt: 1ms | tok/sec: 1,000 | mfu: 1.0%% | "
	       "epoch: 1 | remaining: 0s    ", i, 100 * progress, loss);
	if (sim_get(r, "SIM_NAN", 0) && progress > 0.4)
		n = snprintf(line, sizeof(line), "{\"step\":%d,\"progress\":%.4f,\"loss\":null}\n", i,
			     progress);
	else
		n = snprintf(line, sizeof(line),
			     "{\"step\":%d,\"progress\":%.4f,\"seconds\":%.2f,\"tokens\":%d,"
			     "\"loss\":%.6f,\"tok_per_sec\":1000}\n",
			     i, progress, progress, (i + 1) * (sim_get(r, "SIM_SLOW", 0) ? 300 : 1000),
			     loss);
	if (fd >= 0 && write(fd, line, (size_t)n) != n)
		exit(3);
}

static int sim_trainer_main(void)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	const char *fd_text = getenv("ARTUI_METRICS_FD");
	int64_t fd = -1;
	struct art_err err;
	struct art_buf b;
	struct art_rng rng;
	double val;

	art_buf_init(&b, RECIPE_MAX_BYTES);
	if (art_read_file(&b, "train.py", RECIPE_MAX_BYTES, &err) ||
	    recipe_parse(r, b.data, b.len, &err)) {
		fprintf(stderr, "sim_trainer: %s\n", err.text);
		return 1;
	}
	if (fd_text && !art_parse_i64(fd_text, &fd))
		return 2;
	sim_misbehave(r);
	art_rng_seed(&rng, (uint64_t)sim_get(r, "SEED", 0));
	val = sim_quality(r) + SIM_NOISE * art_rng_normal(&rng);
	for (int i = 0; i < SIM_STEPS; i++) {
		sim_nap_ms(sim_get(r, "SIM_SLEEP_MS", 0) / SIM_STEPS);
		sim_step(r, (int)fd, i, val);
	}
	printf("\n---\n");
	if (!sim_get(r, "SIM_SILENT", 0))
		printf("val_bpb:          %.6f\n", val);
	printf("training_seconds: 1.0\ntotal_seconds:    1.1\npeak_vram_mb:     12.5\n"
	       "mfu_percent:      1.00\ntotal_tokens_M:   0.06\nnum_steps:        %d\n"
	       "num_params_M:     0.1\ndepth:            %.0f\n", SIM_STEPS, sim_get(r, "DEPTH", 4));
	art_buf_destroy(&b);
	free(r);
	return 0;
}

#endif
