/* test_model_step.c - training steps: the optimizer, repeating bit for bit, numbers beyond fp16. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/model_fixture.h"

/* ------------------------------------------------------------- beyond fp16 */

static void multiply_params(struct model *m, const char *name, float factor)
{
	size_t j;
	int i;

	for (i = 0; i < model_param_count(m); i++) {
		struct model_param p = model_param(m, i);

		for (j = 0; strstr(p.name, name) && j < p.count; j++)
			p.data[j] *= factor;
	}
	model_params_changed(m);
}

static bool no_fp16(void)
{
	if (model_kernel_available(MODEL_KERNEL_AVX512FP16))
		return false;
	print_message("SKIP kernel avx512fp16: not on this processor\n");
	return true;
}

/* Two models alike, by fp16 and by the kernel it goes over to, activations beyond 65504. */
static void open_overflowing(const struct shape *s, struct model **half, struct model **wide)
{
	*half = open_model(&s->cfg, MODEL_KERNEL_AVX512FP16, 2, s->rows);
	*wide = open_model(&s->cfg, MODEL_KERNEL_AVX512, 2, s->rows);
	spread_weights(*half);
	spread_weights(*wide);
	multiply_params(*half, "h.2.mlp.c_fc", 500);
	multiply_params(*wide, "h.2.mlp.c_fc", 500);
}

static void passes_beyond_fp16_must_be_done_again_in_bf16(void **state)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	static float got[MAX_TOKENS], want[MAX_TOKENS];
	const struct shape *s = &shapes[3];
	struct model *half, *wide;
	int i;

	(void)state;
	if (no_fp16())
		return;
	fill_batch(s, inputs, targets);
	open_overflowing(s, &half, &wide);
	assert_true(model_forward_backward(half, inputs, targets, s->rows, 0.01f) ==
		    model_forward_backward(wide, inputs, targets, s->rows, 0.01f));
	assert_int_equal(model_kernel(half), MODEL_KERNEL_AVX512);
	model_grads_finish(half);
	model_grads_finish(wide);
	for (i = 0; i < model_param_count(half); i++) {
		struct model_param p = model_param(half, i), q = model_param(wide, i);

		assert_true(isfinite(p.grad[0]));
		assert_below(distance(p.grad, q.grad, p.count), 1e-6, p.name);
	}
	assert_int_equal(model_skipped_steps(half), 0);
	model_close(half);
	model_close(wide);

	open_overflowing(s, &half, &wide);
	model_losses(half, inputs, targets, s->rows, got);
	model_losses(wide, inputs, targets, s->rows, want);
	assert_memory_equal(got, want, (size_t)(s->rows * s->cfg.seq_len) * sizeof(*got));
	assert_int_equal(model_kernel(half), MODEL_KERNEL_AVX512);
	model_close(half);
	model_close(wide);
}

/* What is kept of the residual stream for the scalars' gradients passes 65504, nothing else does. */
static void check_skipped_steps(float scale)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct model_step step = { 0.04, 0.6, 0.004, 0.5, 0.8, 0.95, 0.85, 0.2 };
	const struct shape *s = &shapes[3];
	struct model *m;
	struct model_param p;
	float before;
	int i;

	m = open_model(&s->cfg, MODEL_KERNEL_AVX512FP16, 2, s->rows);
	spread_weights(m);
	multiply_params(m, "resid_lambdas", 1000);
	fill_batch(s, inputs, targets);
	p = model_param(m, 3);
	before = p.data[0];
	for (i = 1; model_kernel(m) == MODEL_KERNEL_AVX512FP16; i++) {
		assert_true(isfinite(model_forward_backward(m, inputs, targets, s->rows, scale)));
		model_step(m, &step);
		assert_int_equal(model_skipped_steps(m), i);
		assert_true(p.data[0] == before);
		assert_in_range(i, 1, 8); /* a lower scale is no help here, so bf16 must follow soon */
	}
	(void)model_forward_backward(m, inputs, targets, s->rows, scale);
	model_step(m, &step);
	assert_int_equal(model_skipped_steps(m), i - 1);
	assert_true(isfinite(p.data[0]) && p.data[0] != before);
	model_close(m);
}

static void steps_with_gradients_beyond_fp16_must_change_nothing(void **state)
{
	int e;

	(void)state;
	/* each lowers the loss's scale through other powers of two, some through 1 */
	for (e = 0; e <= 16 && !no_fp16(); e++)
		check_skipped_steps(ldexpf(1, -e));
}

/* ------------------------------------------------------------- determinism, optimizer */

static void train_steps(struct model *m, const struct shape *s, int steps)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct model_step step = { 0.04, 0.6, 0.004, 0.5, 0.8, 0.95, 0.85, 0.2 };
	int i;

	fill_batch(s, inputs, targets);
	for (i = 0; i < steps; i++) {
		(void)model_forward_backward(m, inputs, targets, s->rows, 0.01f);
		model_step(m, &step);
	}
}

static void check_repeats(enum model_kernel k)
{
	const struct shape *s = &shapes[3];
	struct model *a = open_model(&s->cfg, k, 2, s->rows), *b = open_model(&s->cfg, k, 2, s->rows);
	int i;

	model_init_weights(a, SEED);
	train_steps(a, s, 3);
	model_init_weights(a, SEED); /* must forget everything */
	model_init_weights(b, SEED);
	train_steps(a, s, 4);
	train_steps(b, s, 4);
	for (i = 0; i < model_param_count(a); i++) {
		struct model_param p = model_param(a, i), q = model_param(b, i);

		assert_memory_equal(p.data, q.data, p.count * sizeof(float));
	}
	model_close(a);
	model_close(b);
}

static void steps_must_repeat_bit_for_bit(void **state)
{
	int k;

	(void)state;
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
		if (model_kernel_available((enum model_kernel)k))
			check_repeats((enum model_kernel)k);
}

/* Two steps of one parameter in double: exact for AdamW; Muon's iteration runs in bf16. */
static void check_step_of(const struct model_param *before, const float *after, const float *grads[2],
			  const struct model_step *s, int width)
{
	const double scale = 1.0 / sqrt(width / 768.0);
	size_t n = before->count, i;
	double *w = art_alloc(4 * n, sizeof(*w)), *m = w + n, *v = m + n, *g = v + n;
	double moved = 0, off = 0;
	int step;

	for (i = 0; i < n; i++)
		w[i] = (double)before->data[i];
	for (step = 1; step <= 2; step++) {
		for (i = 0; i < n; i++)
			g[i] = (double)grads[step - 1][i];
		if (!strcmp(before->name, "resid_lambdas"))
			reference_adam(w, g, m, v, n, s->scalar_lr * 0.01, s->beta1, s->beta2, step);
		else if (!strcmp(before->name, "x0_lambdas"))
			reference_adam(w, g, m, v, n, s->scalar_lr, 0.96, 0.95, step);
		else if (!strcmp(before->name, "lm_head.weight"))
			reference_adam(w, g, m, v, n, s->unembedding_lr * scale, s->beta1, s->beta2, step);
		else if (strstr(before->name, "wte") || strstr(before->name, "value_embeds"))
			reference_adam(w, g, m, v, n, s->embedding_lr * scale, s->beta1, s->beta2, step);
		else
			reference_muon(w, g, m, v, before->dims[0], before->dims[1], s);
	}
	for (i = 0; i < n; i++) {
		moved += (w[i] - (double)before->data[i]) * (w[i] - (double)before->data[i]);
		off += (w[i] - (double)after[i]) * (w[i] - (double)after[i]);
	}
	assert_true(moved > 0);
	assert_below(sqrt(off / moved), strstr(before->name, ".h.") ? 0.08 : 5e-4, before->name);
	free(w);
}

static void check_steps(const struct shape *s, enum model_kernel k)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct model_step step = { 0.03, 0.3, 0.01, 0.4, 0.7, 0.9, 0.9, 0.3 };
	struct model *m = open_model(&s->cfg, k, 2, s->rows);
	int count = model_param_count(m), i, j;
	struct model_param *before = art_alloc((size_t)count, sizeof(*before));
	float **grads = art_alloc(2 * (size_t)count, sizeof(*grads));

	spread_weights(m);
	fill_batch(s, inputs, targets);
	for (i = 0; i < count; i++) {
		before[i] = model_param(m, i);
		before[i].data = art_alloc(before[i].count, sizeof(float));
		memcpy(before[i].data, model_param(m, i).data, before[i].count * sizeof(float));
	}
	for (j = 0; j < 2; j++) {
		(void)model_forward_backward(m, inputs, targets, s->rows, 0.01f);
		model_grads_finish(m);
		for (i = 0; i < count; i++) {
			grads[2 * i + j] = art_alloc(before[i].count, sizeof(float));
			memcpy(grads[2 * i + j], model_param(m, i).grad, before[i].count * sizeof(float));
		}
		model_step(m, &step);
	}
	for (i = 0; i < count; i++) {
		check_step_of(&before[i], model_param(m, i).data, (const float *[2]){ grads[2 * i], grads[2 * i + 1] },
			      &step, s->cfg.n_embd);
		free(before[i].data);
		free(grads[2 * i]);
		free(grads[2 * i + 1]);
	}
	free(before);
	free(grads);
	model_close(m);
}

static void steps_of_every_kernel_must_equal_the_reference(void **state)
{
	int k;

	(void)state;
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
		if (model_kernel_available((enum model_kernel)k)) {
			check_steps(&shapes[3], (enum model_kernel)k);
			check_steps(&shapes[0], (enum model_kernel)k);
		}
}

static void training_must_learn_a_fixed_batch(void **state)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct shape *s = &shapes[3];
	struct model *m = open_model(&s->cfg, MODEL_KERNEL_AUTO, 2, s->rows);
	double before, after;

	(void)state;
	model_init_weights(m, SEED);
	fill_batch(s, inputs, targets);
	before = model_forward_backward(m, inputs, targets, s->rows, 0);
	train_steps(m, s, 30);
	after = model_forward_backward(m, inputs, targets, s->rows, 0);
	assert_below(after, before / 4, "loss after 30 steps");
	model_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_beyond_fp16_must_be_done_again_in_bf16),
		cmocka_unit_test(steps_with_gradients_beyond_fp16_must_change_nothing),
		cmocka_unit_test(steps_must_repeat_bit_for_bit),
		cmocka_unit_test(steps_of_every_kernel_must_equal_the_reference),
		cmocka_unit_test(training_must_learn_a_fixed_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
