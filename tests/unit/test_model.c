/* test_model.c - the CPU model against double-precision references and against itself. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/model_fixture.h"

/* ------------------------------------------------------------- products */

/* Bits of a 16-bit float: 7 of mantissa in bf16, 10 in fp16. */
static int mantissa_bits(enum model_kernel k)
{
	return k == MODEL_KERNEL_AVX512FP16 ? 10 : 7;
}

/* Numbers of either sign from 1/8 to 4. */
static void random_halves(uint16_t *p, size_t n, int bits, struct art_rng *rng)
{
	const unsigned bias = (1u << (14 - bits)) - 1;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t r = art_rng_u64(rng);

		p[i] = (uint16_t)((r & 1) << 15 | (bias - 3 + (r >> 1) % 5) << bits |
				  ((r >> 32) & ((1u << bits) - 1)));
	}
}

static double from_half(uint16_t x, int bits)
{
	const int bias = (1 << (14 - bits)) - 1;
	double f = ldexp(1 + ldexp(x & ((1 << bits) - 1), -bits), ((x & 0x7fff) >> bits) - bias);

	return x & 0x8000 ? -f : f;
}

static uint16_t strip_element(const uint16_t *p, size_t stride, int row, int col)
{
	return p[(size_t)(col / 16) * stride + (size_t)(row / 2) * 32 + (size_t)(col % 16) * 2 +
		 (size_t)(row % 2)];
}

static void check_product(const struct kernel_ops *ops, int m, int n, int k, bool tn, bool add)
{
	struct art_rng rng;
	uint16_t *a = aligned_alloc(64, (size_t)(m * k) * 2), *b = aligned_alloc(64, (size_t)(n * k) * 2);
	float *c = aligned_alloc(64, (size_t)(m * n) * 4);
	const struct gemm_args g = { m, n, k, a, tn ? (size_t)k * 16 : (size_t)k, b, (size_t)k * 16, c,
				     (size_t)n, add };
	const int bits = mantissa_bits(ops->id);
	double worst = 0;
	int i, j, p;

	art_rng_seed(&rng, SEED);
	random_halves(a, (size_t)(m * k), bits, &rng);
	random_halves(b, (size_t)(n * k), bits, &rng);
	for (i = 0; i < m * n; i++)
		c[i] = 0.5f;
	(tn ? ops->gemm_tn : ops->gemm_nn)(&g);
	for (i = 0; i < m; i++)
		for (j = 0; j < n; j++) {
			double want = add ? 0.5 : 0;

			for (p = 0; p < k; p++)
				want += from_half(tn ? strip_element(a, g.lda, p, i) : a[i * k + p], bits) *
					from_half(strip_element(b, g.ldb, p, j), bits);
			worst = fmax(worst, fabs(want - (double)c[i * n + j]));
		}
	/* sums of k products near 2.5 in fp32; by 32 in fp16, whose last bit is 2^-7 at 8 to 16 */
	assert_below(worst, (bits == 10 ? 2e-2 : 4e-5) * sqrt(k), model_kernel_name(ops->id));
	free(a);
	free(b);
	free(c);
}

static void gemm_of_every_kernel_must_equal_the_double_product(void **state)
{
	static const int sizes[][3] = { { 32, 32, 32 }, { 64, 96, 64 }, { 32, 64, 1056 }, { 96, 32, 320 } };
	size_t i;
	int k, variant;

	(void)state;
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++) {
		if (!model_kernel_available((enum model_kernel)k)) {
			print_message("SKIP kernel %s: not on this processor\n",
				      model_kernel_name((enum model_kernel)k));
			continue;
		}
		for (i = 0; i < ART_COUNT(sizes); i++)
			for (variant = 0; variant < 4; variant++)
				check_product(cpu_kernel((enum model_kernel)k), sizes[i][0], sizes[i][1], sizes[i][2],
					      variant & 1, variant & 2);
	}
}

/* ------------------------------------------------------------- forward */

static void check_losses(const struct shape *s, enum model_kernel k)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const int tokens = s->rows * s->cfg.seq_len;
	const size_t n_logits = (size_t)tokens * (size_t)s->cfg.vocab_size;
	struct model *m = open_model(&s->cfg, k, 2, s->rows);
	double *want = art_alloc((size_t)tokens, sizeof(*want)), *logits = art_alloc(n_logits, sizeof(*logits));
	float *got = art_alloc((size_t)tokens, sizeof(*got)), *cap = art_alloc(n_logits, sizeof(*cap));
	double total, sum = 0, worst = 0, worst_logit = 0;
	struct reference ref;
	size_t j;
	int i;

	spread_weights(m);
	fill_batch(s, inputs, targets);
	reference_open(&ref, m);
	total = reference_loss(&ref, inputs, targets, s->rows, want, logits);
	model_losses(m, inputs, targets, s->rows, got);
	model_logits(m, inputs, s->rows, cap);
	for (i = 0; i < tokens; i++) {
		sum += (double)got[i];
		worst = fmax(worst, fabs((double)got[i] - want[i]));
		if (targets[i] < 0)
			assert_true(got[i] == 0);
	}
	for (j = 0; j < n_logits; j++)
		worst_logit = fmax(worst_logit, fabs((double)cap[j] - logits[j]));
	/* weights and activations carry 8 bits of mantissa; logits here reach about 9 */
	assert_below(worst, 0.25, "loss of a position");
	assert_below(worst_logit, 0.3, "logit");
	assert_below(fabs(sum - total) / tokens, 0.01, "mean loss");
	assert_below(fabs(model_forward_backward(m, inputs, targets, s->rows, 1.0f) - sum) / tokens, 1e-4,
		     "training loss against model_losses");
	reference_close(&ref);
	free(want);
	free(logits);
	free(got);
	free(cap);
	model_close(m);
}

static void losses_of_every_kernel_must_equal_the_reference(void **state)
{
	size_t i;
	int k;

	(void)state;
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
		for (i = 0; i < ART_COUNT(shapes) && model_kernel_available((enum model_kernel)k); i++)
			check_losses(&shapes[i], (enum model_kernel)k);
}

/* ------------------------------------------------------------- gradients */

static double slope(struct reference *ref, double *w, const int32_t *inputs, const int32_t *targets,
		    int rows)
{
	const double eps = 1e-5, keep = *w;
	double up, down;

	*w = keep + eps;
	up = reference_loss(ref, inputs, targets, rows, NULL, NULL);
	*w = keep - eps;
	down = reference_loss(ref, inputs, targets, rows, NULL, NULL);
	*w = keep;
	return (up - down) / (2 * eps);
}

/* The largest element of the gradient and @extra others against finite differences. */
static void check_slopes(struct reference *ref, const struct shape *s, struct model *m, int param,
			 int extra, const int32_t *inputs, const int32_t *targets)
{
	struct model_param p = model_param(m, param);
	struct art_rng rng;
	size_t at = 0, j;
	double largest;
	int i;

	art_rng_seed(&rng, SEED + (uint64_t)param);
	for (j = 0; j < p.count; j++)
		if (fabsf(p.grad[j]) > fabsf(p.grad[at]))
			at = j;
	largest = fabs((double)p.grad[at]);
	assert_true(largest > 0);
	for (i = 0; i <= extra; i++) {
		double want = slope(ref, &ref->w[param][at], inputs, targets, s->rows);

		if (!(fabs(want - (double)p.grad[at]) < 0.05 * largest))
			fail_msg("%s[%zu] of V %d L %d C %d T %d: %g, finite difference %g, largest %g", p.name, at,
				 s->cfg.vocab_size, s->cfg.n_layer, s->cfg.n_embd, s->cfg.seq_len,
				 (double)p.grad[at], want, largest);
		at = (size_t)(art_rng_u64(&rng) % p.count);
	}
}

static void check_gradients(const struct shape *s, int extra, const char *only)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	struct model *m = open_model(&s->cfg, MODEL_KERNEL_PLAIN, 1, s->rows);
	struct reference ref;
	int i;

	spread_weights(m);
	fill_batch(s, inputs, targets);
	reference_open(&ref, m);
	(void)model_forward_backward(m, inputs, targets, s->rows, 1.0f);
	model_grads_finish(m);
	for (i = 0; i < ref.n; i++)
		if (!only || strstr(ref.p[i].name, only))
			check_slopes(&ref, s, m, i, extra, inputs, targets);
	reference_close(&ref);
	model_close(m);
}

static void gradients_of_plain_must_equal_finite_differences(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ART_COUNT(shapes); i++)
		check_gradients(&shapes[i], shapes[i].cfg.n_embd < 128 ? 2 : 0, NULL);
}

/* A sequence longer than one of attention's query blocks, with a window that crosses them. */
static void gradients_of_long_sequences_must_equal_finite_differences(void **state)
{
	static const struct shape s = { { 32, 2, 1, 32, QUERY_BLOCK + 64, "S" }, 1 };

	(void)state;
	check_gradients(&s, 0, "h.0.attn.c_");
}

static void check_against_plain(const struct shape *s, enum model_kernel k, int threads)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	struct model *plain = open_model(&s->cfg, MODEL_KERNEL_PLAIN, 1, s->rows);
	struct model *m = open_model(&s->cfg, k, threads, s->rows);
	char what[128];
	int i;

	spread_weights(plain);
	spread_weights(m);
	fill_batch(s, inputs, targets);
	(void)model_forward_backward(plain, inputs, targets, s->rows, 0.1f);
	(void)model_forward_backward(m, inputs, targets, s->rows, 0.1f);
	model_grads_finish(plain);
	model_grads_finish(m);
	for (i = 0; i < model_param_count(m); i++) {
		struct model_param a = model_param(m, i), b = model_param(plain, i);

		/* the same roundings to bf16, but of sums taken in another order; those of plain alone
		 * beside fp16, which cancel no more */
		snprintf(what, sizeof(what), "%s by %s", a.name, model_kernel_name(k));
		assert_below(distance(a.grad, b.grad, a.count), k == MODEL_KERNEL_AVX512FP16 ? 0.03 : 0.02,
			     what);
	}
	model_close(plain);
	model_close(m);
}

static void gradients_of_every_kernel_must_equal_plain(void **state)
{
	size_t i;
	int k;

	(void)state;
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
		for (i = 0; i < ART_COUNT(shapes) && model_kernel_available((enum model_kernel)k); i++)
			check_against_plain(&shapes[i], (enum model_kernel)k, 1 + (int)(i % 3));
}

static void check_micro_batches(enum model_kernel k)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct shape *s = &shapes[3];
	struct model *a = open_model(&s->cfg, k, 2, s->rows), *b = open_model(&s->cfg, k, 2, s->rows);
	double whole, parts = 0;
	int i;

	spread_weights(a);
	spread_weights(b);
	fill_batch(s, inputs, targets);
	model_grads_finish(b); /* of nothing */
	whole = model_forward_backward(a, inputs, targets, s->rows, 1.0f);
	for (i = 0; i < s->rows; i++) {
		size_t at = (size_t)(i * s->cfg.seq_len);

		parts += model_forward_backward(b, inputs + at, targets + at, 1, 1.0f);
		if (i == 1)
			model_grads_finish(b); /* reading between micro-batches must not lose any */
	}
	model_grads_finish(a);
	model_grads_finish(b);
	assert_below(fabs(whole - parts), 1e-3, "sum of losses");
	for (i = 0; i < model_param_count(a); i++) {
		struct model_param p = model_param(a, i), q = model_param(b, i);

		/* fp16 sums 64 tokens at a time, and they are others in each micro-batch */
		assert_below(distance(q.grad, p.grad, p.count), k == MODEL_KERNEL_AVX512FP16 ? 2e-3 : 1e-5,
			     p.name);
	}
	model_close(a);
	model_close(b);
}

static void gradients_must_add_up_over_micro_batches(void **state)
{
	int k;

	(void)state;
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
		if (model_kernel_available((enum model_kernel)k))
			check_micro_batches((enum model_kernel)k);
}

/* A mean over a million tokens is as well resolved as a sum: fp16's loss is scaled for that. */
static void gradients_must_follow_the_scale_of_the_loss(void **state)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct shape *s = &shapes[3];
	const float small = 0x1p-20f; /* a power of two: not a bit may differ but the exponent's */
	size_t j;
	int i, k;

	(void)state;
	fill_batch(s, inputs, targets);
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++) {
		struct model *a, *b;

		if (!model_kernel_available((enum model_kernel)k))
			continue;
		a = open_model(&s->cfg, (enum model_kernel)k, 1, s->rows);
		b = open_model(&s->cfg, (enum model_kernel)k, 1, s->rows);
		spread_weights(a);
		spread_weights(b);
		(void)model_forward_backward(a, inputs, targets, s->rows, 1.0f);
		(void)model_forward_backward(b, inputs, targets, s->rows, small);
		model_grads_finish(a);
		model_grads_finish(b);
		for (i = 0; i < model_param_count(a); i++) {
			struct model_param p = model_param(a, i), q = model_param(b, i);

			for (j = 0; j < p.count; j++)
				q.grad[j] /= small;
			assert_memory_equal(q.grad, p.grad, p.count * sizeof(float));
		}
		model_close(a);
		model_close(b);
	}
}

static void gradients_must_vanish_without_targets(void **state)
{
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct shape *s = &shapes[1];
	struct model *m = open_model(&s->cfg, MODEL_KERNEL_AUTO, 1, s->rows);
	size_t j;
	int i;

	(void)state;
	spread_weights(m);
	fill_batch(s, inputs, targets);
	for (i = 0; i < s->rows * s->cfg.seq_len; i++)
		targets[i] = -1;
	assert_true(model_forward_backward(m, inputs, targets, s->rows, 1.0f) == 0);
	model_grads_finish(m);
	for (i = 0; i < model_param_count(m); i++) {
		struct model_param p = model_param(m, i);

		for (j = 0; j < p.count; j++)
			assert_true(p.grad[j] == 0);
	}
	model_close(m);
}

static void loss_must_be_nan_when_a_weight_is(void **state)
{
	static const char *const names[] = { "transformer.wte.weight", "resid_lambdas",
					     "transformer.h.0.attn.c_q.weight", "transformer.h.0.mlp.c_fc.weight",
					     "transformer.h.1.attn.ve_gate.weight", "lm_head.weight" };
	static int32_t inputs[MAX_TOKENS], targets[MAX_TOKENS];
	const struct shape *s = &shapes[3];
	size_t i;
	int j, k;

	(void)state;
	fill_batch(s, inputs, targets);
	for (k = MODEL_KERNEL_PLAIN; k < MODEL_KERNEL_COUNT; k++)
		for (i = 0; i < ART_COUNT(names) && model_kernel_available((enum model_kernel)k); i++) {
			struct model *m = open_model(&s->cfg, (enum model_kernel)k, 1, s->rows);

			spread_weights(m);
			for (j = 0; j < model_param_count(m); j++) {
				struct model_param p = model_param(m, j);

				if (!strcmp(p.name, names[i]))
					memset(p.data, 0xff, p.count * sizeof(float)); /* NaN, every bit set */
			}
			model_params_changed(m);
			if (!isnan(model_forward_backward(m, inputs, targets, s->rows, 1.0f)))
				fail_msg("kernel %s: NaN in %s got lost", model_kernel_name((enum model_kernel)k),
					 names[i]);
			model_close(m);
		}
}

/* ------------------------------------------------------------- contract */

static void open_must_refuse_what_does_not_fit(void **state)
{
	static const struct {
		struct model_config cfg;
		const char *says;
	} bad[] = {
		{ { 1, 1, 1, 32, 32, "L" }, "vocabulary" },
		{ { 9, 0, 1, 32, 32, "L" }, "layers" },
		{ { 9, 1, 1, 48, 32, "L" }, "width 48" },
		{ { 9, 1, 3, 96, 40, "L" }, "40" },
		{ { 9, 1, 2, 96, 32, "L" }, "head width" },
		{ { 9, 1, 1, 32, 32, "LX" }, "pattern" },
		{ { 9, 1, 1, 32, 32, "" }, "pattern" },
		{ { 9, 1, 1, 1 << 20, 32, "L" }, "width" },
		{ { 9, 1, -1, 32, 32, "L" }, "heads" },
	};
	const struct model_options opt = { MODEL_KERNEL_AUTO, 1, 1, true };
	struct model *m = NULL;
	struct art_err err;
	size_t i;

	(void)state;
	for (i = 0; i < ART_COUNT(bad); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(model_open(&m, &bad[i].cfg, &opt, 0, &err), ART_INVALID);
		if (!strstr(err.text, bad[i].says))
			fail_msg("\"%s\" does not speak of \"%s\"", err.text, bad[i].says);
	}
	assert_null(m);
}

static void open_must_keep_to_the_memory_limit(void **state)
{
	const struct model_options opt = { MODEL_KERNEL_AUTO, 1, 1, true };
	struct art_err err = { 0 };
	struct model *m = NULL;
	size_t need;

	(void)state;
	m = open_model(&shapes[0].cfg, MODEL_KERNEL_AUTO, 1, 1);
	need = model_bytes(m);
	model_close(m);
	m = NULL;
	assert_int_equal(model_open(&m, &shapes[0].cfg, &opt, need - 1, &err), ART_LIMIT);
	assert_int_equal(model_open(&m, &shapes[0].cfg, &opt, need, &err), ART_OK);
	model_close(m);
}

static void open_must_refuse_a_missing_kernel(void **state)
{
	const struct model_options opt = { MODEL_KERNEL_AMX, 1, 1, true };
	struct art_err err = { 0 };
	struct model *m = NULL;

	(void)state;
	if (model_kernel_available(MODEL_KERNEL_AMX)) {
		print_message("SKIP: this processor has AMX\n");
		return;
	}
	assert_int_equal(model_open(&m, &shapes[0].cfg, &opt, 0, &err), ART_UNSUPPORTED);
}

static void params_must_follow_named_parameters(void **state)
{
	static const char *const names[] = {
		"resid_lambdas", "x0_lambdas", "transformer.wte.weight",
		"transformer.h.0.attn.c_q.weight", "transformer.h.0.attn.c_k.weight",
		"transformer.h.0.attn.c_v.weight", "transformer.h.0.attn.c_proj.weight",
		"transformer.h.0.mlp.c_fc.weight", "transformer.h.0.mlp.c_proj.weight",
		"transformer.h.1.attn.c_q.weight", "transformer.h.1.attn.c_k.weight",
		"transformer.h.1.attn.c_v.weight", "transformer.h.1.attn.c_proj.weight",
		"transformer.h.1.attn.ve_gate.weight", "transformer.h.1.mlp.c_fc.weight",
		"transformer.h.1.mlp.c_proj.weight", "lm_head.weight", "value_embeds.1.weight",
	};
	struct model *m = open_model(&shapes[1].cfg, MODEL_KERNEL_AUTO, 1, 1);
	int64_t total = 0;
	size_t i;

	(void)state;
	assert_int_equal(model_param_count(m), ART_COUNT(names));
	for (i = 0; i < ART_COUNT(names); i++) {
		assert_string_equal(model_param(m, (int)i).name, names[i]);
		total += (int64_t)model_param(m, (int)i).count;
	}
	assert_int_equal(total, model_num_params(&shapes[1].cfg));
	model_close(m);
}

/* depth 4, width 256, 2 heads, 256 positions, 256 tokens: worked by hand from estimate_flops */
static void flops_must_follow_estimate_flops(void **state)
{
	struct model_config c = { 256, 4, 2, 256, 256, "L" };
	double matrices = 4.0 * 12 * 256 * 256 + 2 * 2 * 32 + 256 * 256;

	(void)state;
	assert_true(model_flops_per_token(&c) == 6 * matrices + 4 * 12.0 * 256 * 256);
	assert_true(art_copy(c.window_pattern, sizeof(c.window_pattern), "SSSL"));
	assert_true(model_flops_per_token(&c) == 6 * matrices + (3 * 128 + 256) * 12.0 * 256);
}

static void kernel_names_must_parse_back(void **state)
{
	enum model_kernel k;
	int i;

	(void)state;
	for (i = 0; i < MODEL_KERNEL_COUNT; i++) {
		assert_true(model_kernel_parse(model_kernel_name((enum model_kernel)i), &k));
		assert_int_equal(k, i);
	}
	assert_false(model_kernel_parse("avx1024", &k));
	assert_true(model_kernel_available(MODEL_KERNEL_PLAIN));
	assert_true(model_kernel_peak(MODEL_KERNEL_AUTO, 1) > 1e8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gemm_of_every_kernel_must_equal_the_double_product),
		cmocka_unit_test(losses_of_every_kernel_must_equal_the_reference),
		cmocka_unit_test(gradients_of_plain_must_equal_finite_differences),
		cmocka_unit_test(gradients_of_long_sequences_must_equal_finite_differences),
		cmocka_unit_test(gradients_of_every_kernel_must_equal_plain),
		cmocka_unit_test(gradients_must_add_up_over_micro_batches),
		cmocka_unit_test(gradients_must_follow_the_scale_of_the_loss),
		cmocka_unit_test(gradients_must_vanish_without_targets),
		cmocka_unit_test(loss_must_be_nan_when_a_weight_is),
		cmocka_unit_test(open_must_refuse_what_does_not_fit),
		cmocka_unit_test(open_must_keep_to_the_memory_limit),
		cmocka_unit_test(open_must_refuse_a_missing_kernel),
		cmocka_unit_test(params_must_follow_named_parameters),
		cmocka_unit_test(flops_must_follow_estimate_flops),
		cmocka_unit_test(kernel_names_must_parse_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
