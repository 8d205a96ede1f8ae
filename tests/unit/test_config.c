/*
 * test_config.c - recipe to configuration: defaults, rules, schedules.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"
#include "worker/train/config.h"

static struct train_config read_ok(const char *text)
{
	struct train_config c;
	struct art_err err = { 0 };

	if (config_from_recipe(&c, text, strlen(text), 1024, 256, &err) != ART_OK)
		fail_msg("%s", err.text);
	return c;
}

static void assert_bad(const char *text, const char *where, const char *what)
{
	struct train_config c;
	struct art_err err = { 0 };

	assert_int_equal(config_from_recipe(&c, text, strlen(text), 1024, 256, &err), ART_INVALID);
	if (!strstr(err.text, where) || !strstr(err.text, what))
		fail_msg("'%s' names neither %s nor %s", err.text, where, what);
}

static void config_from_recipe_must_read_every_constant(void **state)
{
	struct train_config c = read_ok("DEPTH = 3\nASPECT_RATIO = 50\nHEAD_DIM = 64\n"
					"WINDOW_PATTERN = \"sL\"\nTOTAL_BATCH_SIZE = 2**13\n"
					"DEVICE_BATCH_SIZE = 16\nEMBEDDING_LR = 0.5\n"
					"UNEMBEDDING_LR = 0.003\nMATRIX_LR = 0.02\n"
					"SCALAR_LR = 0.4\nWEIGHT_DECAY = 0.1\n"
					"ADAM_BETAS = (0.9, 0.98)\nWARMUP_RATIO = 0.1\n"
					"WARMDOWN_RATIO = 0.3\nFINAL_LR_FRAC = 0.05\nSEED = 7\n"
					"SOMETHING_ELSE = object()\n");

	(void)state;
	assert_int_equal(c.model.n_layer, 3);
	assert_int_equal(c.model.n_embd, 192); /* 150 up to a multiple of 64 */
	assert_int_equal(c.model.n_head, 3);
	assert_int_equal(c.model.vocab_size, 1024);
	assert_int_equal(c.model.seq_len, 256);
	assert_string_equal(c.model.window_pattern, "SL");
	assert_int_equal(c.total_batch_size, 8192);
	assert_int_equal(c.device_batch_size, 16);
	assert_true(c.embedding_lr == 0.5 && c.unembedding_lr == 0.003 && c.matrix_lr == 0.02);
	assert_true(c.scalar_lr == 0.4 && c.weight_decay == 0.1);
	assert_true(c.beta1 == 0.9 && c.beta2 == 0.98);
	assert_true(c.warmup_ratio == 0.1 && c.warmdown_ratio == 0.3 && c.final_lr_frac == 0.05);
	assert_int_equal(c.seed, 7);
}

static void config_from_recipe_must_accept_the_default_recipe(void **state)
{
	char *text = recipe_native_default();
	struct train_config a = read_ok(text), b = read_ok("");

	(void)state;
	/* An empty recipe is all defaults: the same. */
	assert_memory_equal(&a.model, &b.model, sizeof(a.model));
	assert_int_equal(a.total_batch_size, b.total_batch_size);
	assert_true(a.matrix_lr == b.matrix_lr && a.beta2 == b.beta2);
	free(text);
}

static void config_from_recipe_must_name_line_and_rule(void **state)
{
	(void)state;
	assert_bad("# x\nTOTAL_BATCH_SIZE = 5000\n", "line 2", "multiple of DEVICE_BATCH_SIZE");
	assert_bad("DEPTH = 0\n", "line 1", "DEPTH");
	assert_bad("\n\nDEPTH = 2.5\n", "line 3", "whole number");
	assert_bad("MATRIX_LR = \"high\"\n", "line 1", "must be a number");
	assert_bad("MATRIX_LR = 1000\n", "line 1", "0 to 100");
	assert_bad("HEAD_DIM = 48\n", "line 1", "32, 64, 128 or 256");
	assert_bad("WINDOW_PATTERN = \"SXL\"\n", "line 1", "letters S and L");
	assert_bad("WINDOW_PATTERN = \"\"\n", "line 1", "letters S and L");
	assert_bad("WINDOW_PATTERN = 3\n", "line 1", "string");
	assert_bad("ADAM_BETAS = (0.9,)\n", "line 1", "pair");
	assert_bad("ADAM_BETAS = (0.9, 1.0)\n", "line 1", "below 1");
	assert_bad("ADAM_BETAS = 0.9\n", "line 1", "pair");
	assert_bad("WARMDOWN_RATIO = 1.5\n", "line 1", "WARMDOWN_RATIO");
	assert_bad("SEED = -1\n", "line 1", "SEED");
	assert_bad("DEPTH = make_depth()\n", "line 1", "whole number");
}

static void assert_near(double a, double b)
{
	if (fabs(a - b) > 1e-12)
		fail_msg("%.15g is not %.15g", a, b);
}

static void config_lr_multiplier_must_follow_train_py(void **state)
{
	struct train_config c = { .warmup_ratio = 0.1, .warmdown_ratio = 0.5,
				  .final_lr_frac = 0.2 };

	(void)state;
	assert_near(config_lr_multiplier(&c, 0), 0);
	assert_near(config_lr_multiplier(&c, 0.05), 0.5);
	assert_near(config_lr_multiplier(&c, 0.1), 1);
	assert_near(config_lr_multiplier(&c, 0.49), 1);
	assert_near(config_lr_multiplier(&c, 0.75), 0.6); /* half of 1 and half of 0.2 */
	assert_near(config_lr_multiplier(&c, 1), 0.2);
	c.warmup_ratio = 0;
	c.warmdown_ratio = 0;
	assert_near(config_lr_multiplier(&c, 0), 1);
	assert_near(config_lr_multiplier(&c, 1), 0.2);
}

static void config_step_must_apply_schedules(void **state)
{
	struct train_config c = { .warmdown_ratio = 0.5, .matrix_lr = 0.04, .scalar_lr = 0.5,
				  .weight_decay = 0.2, .beta1 = 0.8, .beta2 = 0.95 };
	struct model_step s = config_step(&c, 150, 0.75);

	(void)state;
	assert_near(s.matrix_lr, 0.02);
	assert_near(s.scalar_lr, 0.25);
	assert_near(s.muon_momentum, 0.90);
	assert_near(s.weight_decay, 0.05);
	assert_near(s.beta1, 0.8);
	assert_near(config_muon_momentum(0), 0.85);
	assert_near(config_muon_momentum(300), 0.95);
	assert_near(config_muon_momentum(100000), 0.95);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_from_recipe_must_read_every_constant),
		cmocka_unit_test(config_from_recipe_must_accept_the_default_recipe),
		cmocka_unit_test(config_from_recipe_must_name_line_and_rule),
		cmocka_unit_test(config_lr_multiplier_must_follow_train_py),
		cmocka_unit_test(config_step_must_apply_schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
