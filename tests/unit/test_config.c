/*
 * test_config.c - the settings table, its files and -c options, and what they refuse.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "worker/train/model.h"

struct fixture {
	char dir[64];
	struct workspace w;
	struct art_err err;
	struct config *c;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	art_copy(f->dir, sizeof(f->dir), "/tmp/artui-config-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	setenv("XDG_CONFIG_HOME", f->dir, 1);
	snprintf(f->w.root, sizeof(f->w.root), "%s/ws", f->dir);
	snprintf(f->w.dir, sizeof(f->w.dir), "%s/ws/.artui", f->dir);
	assert_int_equal(art_mkdirs(f->w.dir, 0755, NULL), ART_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[WORKSPACE_PATH_MAX];

	config_free(f->c);
	snprintf(path, sizeof(path), "%s/artui/config", f->dir);
	unlink(path);
	unlink(workspace_path(&f->w, path, "config"));
	rmdir(f->w.dir);
	rmdir(f->w.root);
	snprintf(path, sizeof(path), "%s/artui", f->dir);
	rmdir(path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void write_config(struct fixture *f, bool user, const char *text)
{
	char path[WORKSPACE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/artui", f->dir);
	assert_int_equal(art_mkdirs(path, 0755, NULL), ART_OK);
	snprintf(path, sizeof(path), user ? "%s/artui/config" : "%s/ws/.artui/config", f->dir);
	assert_int_equal(art_write_file(path, text, strlen(text), 0644, NULL), ART_OK);
}

static enum art_status load(struct fixture *f, const char *const *over, int n)
{
	config_free(f->c);
	f->c = NULL;
	return config_load(&f->c, &f->w, over, n, &f->err);
}

static void refused(struct fixture *f, const char *text, const char *part)
{
	write_config(f, false, text);
	assert_int_equal(load(f, NULL, 0), ART_INVALID);
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, part);
	assert_null(f->c);
}

static void config_load_must_give_defaults_without_files(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, NULL, 0), ART_OK);
	assert_string_equal(config_text(f->c, CONFIG_DATA_CORPUS_KEY), "kjv");
	assert_true(config_real(f->c, CONFIG_TRAIN_BUDGET_S_KEY) == 300);
	assert_int_equal(config_int(f->c, CONFIG_SEARCH_CONFIRM_KEY), 3);
	assert_true(config_bool(f->c, CONFIG_SEARCH_EARLY_STOP_KEY));
	assert_string_equal(config_origin(f->c, CONFIG_TUI_THEME_KEY), "default");
}

static void config_load_must_let_the_workspace_win_over_the_user_and_c_over_both(void **state)
{
	struct fixture *f = *state;
	const char *over[] = { "train.threads = 7", "tui.mouse=off", "train.command=a = b ; c" };

	write_config(f, true, "[train]\nbudget_s = 10\nthreads=3\nlog_mb = 9\n");
	write_config(f, false, "# a comment\n\n[train]\nbudget_s = 20\nthreads = 5\n");
	assert_int_equal(load(f, over, 3), ART_OK);
	assert_int_equal(config_int(f->c, CONFIG_TRAIN_LOG_MB_KEY), 9);
	assert_true(config_real(f->c, CONFIG_TRAIN_BUDGET_S_KEY) == 20);
	assert_int_equal(config_int(f->c, CONFIG_TRAIN_THREADS_KEY), 7);
	assert_false(config_bool(f->c, CONFIG_TUI_MOUSE_KEY));
	assert_string_equal(config_text(f->c, CONFIG_TRAIN_COMMAND_KEY), "a = b ; c");
	assert_string_equal(config_origin(f->c, CONFIG_TRAIN_THREADS_KEY), "-c");
	assert_non_null(strstr(config_origin(f->c, CONFIG_TRAIN_BUDGET_S_KEY), "ws/.artui/config:4"));
}

/* The engine does not include the trainer, so its list of kernels is written there again. */
static void config_load_must_take_every_kernel_of_the_trainer(void **state)
{
	struct fixture *f = *state;
	char text[64];
	const char *over[] = { text };

	for (int k = 0; k < MODEL_KERNEL_COUNT; k++) {
		snprintf(text, sizeof(text), "train.kernel=%s", model_kernel_name((enum model_kernel)k));
		assert_int_equal(load(f, over, 1), ART_OK);
		assert_non_null(strstr(config_entry(CONFIG_TRAIN_KERNEL_KEY)->help, model_kernel_name((enum model_kernel)k)));
	}
	art_copy(text, sizeof(text), "train.kernel=avx1024");
	assert_int_equal(load(f, over, 1), ART_INVALID);
}

static void config_load_must_name_file_line_and_rule(void **state)
{
	struct fixture *f = *state;

	refused(f, "[train]\nbudgets = 3\n", "config:2: unknown setting train.budgets");
	refused(f, "[train]\n\nbudget_s = long\n", "config:3: train.budget_s must be a number");
	refused(f, "[train]\nbudget_s = 0\n", "must be from 1 to 604800");
	refused(f, "[train]\nthreads = 1.5\n", "whole number");
	refused(f, "[search]\nearly_stop = maybe\n", "true or false");
	refused(f, "[search]\nscreen = best\n", "one of: min mean sigma");
	refused(f, "[search]\nknobs = MATRIX_LR LUCK\n", "LUCK");
	refused(f, "[train]\nkernel = mmx\n", "one of: auto");
	refused(f, "[train]\nlog_mb = 1\nlog_mb = 2\n", "set twice");
	refused(f, "[train\n", "config:1");
	refused(f, "what is this\n", "config:1");
}

/* inih would cut the command, or join lines: what runs must be what is written. */
static void config_load_must_refuse_what_would_be_changed_silently(void **state)
{
	struct fixture *f = *state;
	char text[600];

	refused(f, "[train]\ncommand = cd x ; rm y\n", "would begin a comment");
	refused(f, "[train]\ncommand = a\n  b\n", "may not begin with white space");
	snprintf(text, sizeof(text), "[train]\ncommand = %0500d\n", 1);
	refused(f, text, "too long");
	write_config(f, false, "[train]\ncommand = python train.py --x=1;echo done\r\n");
	assert_int_equal(load(f, NULL, 0), ART_OK);
	assert_string_equal(config_text(f->c, CONFIG_TRAIN_COMMAND_KEY),
			    "python train.py --x=1;echo done");
}

static void config_load_must_refuse_bad_overrides(void **state)
{
	struct fixture *f = *state;
	const char *bad[] = { "train.budget_s", "nothing.here=1", "=1", "train.threads=x" };

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		assert_int_equal(load(f, &bad[i], 1), ART_INVALID);
		assert_non_null(strstr(f->err.text, "-c"));
	}
}

static void config_entry_must_have_valid_defaults_and_help(void **state)
{
	(void)state;
	for (int k = 0; k < CONFIG_KEY_COUNT; k++) {
		const struct config_entry *e = config_entry((enum config_key)k);
		assert_non_null(strchr(e->name, '.'));
		assert_true(strlen(e->help) > 10);
	}
}

static void config_money_must_be_exact_and_refuse_what_is_no_amount(void **state)
{
	struct fixture *f = *state;
	const char *good = "pay.cap_payment_usd=$0.000001";

	assert_int_equal(load(f, &good, 1), ART_OK);
	assert_int_equal(usdc_to_micro(config_money(f->c, CONFIG_PAY_CAP_PAYMENT_KEY)), 1);
	assert_int_equal(usdc_to_micro(config_money(f->c, CONFIG_PAY_AUTO_KEY)), 100000);
	refused(f, "[pay]\ncap_hour_usd = 1e3\n", "config:2");
	refused(f, "[pay]\ncap_hour_usd = -1\n", "cap_hour_usd must be dollars");
	refused(f, "[pay]\ncap_hour_usd = 0.0000001\n", "at most 6 decimals");
}

static void config_chain_must_take_sections_and_overrides(void **state)
{
	struct fixture *f = *state;
	const char *over[] = { "chain.base-sepolia.rpc=http://127.0.0.1:8545" };
	const char *origin;

	write_config(f, false, "[chain.base-sepolia]\nrpc = https://example.org\n"
			       "[chain.my-chain]\nid = 77\nusdc_name = USDC\n");
	assert_int_equal(load(f, over, 1), ART_OK);
	assert_int_equal(config_chain_count(f->c), 2);
	assert_string_equal(config_chain_name(f->c, 0), "base-sepolia");
	assert_string_equal(config_chain(f->c, 0, CONFIG_CHAIN_RPC, &origin),
			    "http://127.0.0.1:8545");
	assert_string_equal(origin, "-c");
	assert_null(config_chain(f->c, 0, CONFIG_CHAIN_ID, NULL));
	assert_string_equal(config_chain(f->c, 1, CONFIG_CHAIN_ID, &origin), "77");
	assert_non_null(strstr(origin, "config:4"));
}

static void config_chain_must_refuse_what_is_no_chain_setting(void **state)
{
	struct fixture *f = *state;
	const char *bad[] = { "chain.base.colour=1", "chain..rpc=1", "chain.Base.rpc=1",
			      "chain.a_b.rpc=1",
			      "chain.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.rpc=1" };

	refused(f, "[chain.base]\nrpc = a\nrpc = b\n", "set twice");
	refused(f, "[chain.base]\nrpx = a\n", "config:2");
	unlink(workspace_path(&f->w, (char[WORKSPACE_PATH_MAX]){ 0 }, "config"));
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		assert_int_equal(load(f, &bad[i], 1), ART_INVALID);
		assert_non_null(strstr(f->err.text, "-c"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(config_load_must_give_defaults_without_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			config_load_must_let_the_workspace_win_over_the_user_and_c_over_both, setup,
			teardown),
		cmocka_unit_test_setup_teardown(config_load_must_take_every_kernel_of_the_trainer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(config_load_must_name_file_line_and_rule, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			config_load_must_refuse_what_would_be_changed_silently, setup, teardown),
		cmocka_unit_test_setup_teardown(config_load_must_refuse_bad_overrides, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			config_money_must_be_exact_and_refuse_what_is_no_amount, setup, teardown),
		cmocka_unit_test_setup_teardown(config_chain_must_take_sections_and_overrides,
						setup, teardown),
		cmocka_unit_test_setup_teardown(config_chain_must_refuse_what_is_no_chain_setting,
						setup, teardown),
		cmocka_unit_test(config_entry_must_have_valid_defaults_and_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
