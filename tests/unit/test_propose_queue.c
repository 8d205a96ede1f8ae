/*
 * test_propose_queue.c - ideas in people's words: what is taken, what is refused and how.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/research/propose.h"

static const char recipe[] = "\"\"\"DEPTH = 9 is not one\"\"\"\n"
			     "DEPTH = 4            # layers\n"
			     "MATRIX_LR = 0.04\n"
			     "WINDOW_PATTERN = \"SSSL\"\n"
			     "ADAM_BETAS = (0.8, 0.95)\n"
			     "TOTAL_BATCH_SIZE = 2**13\n"
			     "DEVICE_BATCH_SIZE = 8\n"
			     "MY_OWN = 3\n"
			     "SEED = 42\n";

static enum art_status ask(const char *idea, const char *whole, struct proposal *p,
			   struct art_err *err)
{
	struct propose_ctx c = { .recipe = recipe, .recipe_len = sizeof(recipe) - 1, .seq_len = 256,
				 .allow = "", .idea = idea, .idea_recipe = whole,
				 .idea_recipe_len = whole ? strlen(whole) : 0 };

	return propose_queue.propose(&c, p, err);
}

static void taken(const char *idea, const char *title, const char *line)
{
	struct proposal p;
	struct art_err err = { 0 };

	if (ask(idea, NULL, &p, &err))
		fail_msg("\"%s\" was refused: %s", idea, err.text);
	assert_string_equal(p.title, title);
	if (!strstr(p.recipe, line))
		fail_msg("\"%s\" gave\n%s", idea, p.recipe);
	proposal_destroy(&p);
}

static void refused(const char *idea, const char *part)
{
	struct proposal p;
	struct art_err err = { 0 };

	assert_int_equal(ask(idea, NULL, &p, &err), ART_INVALID);
	assert_null(p.recipe);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" was refused with: %s", idea, err.text);
}

static void queue_must_answer_not_found_without_an_idea(void **state)
{
	struct proposal p;

	(void)state;
	assert_int_equal(ask(NULL, NULL, &p, NULL), ART_NOT_FOUND);
}

static void queue_must_take_assignments(void **state)
{
	(void)state;
	taken("MATRIX_LR = 0.06", "MATRIX_LR 0.04 -> 0.06", "MATRIX_LR = 0.06\n");
	taken("  MATRIX_LR=0.06 ;\n DEPTH= 5 ,", "DEPTH 4 -> 5, MATRIX_LR 0.04 -> 0.06",
	      "DEPTH = 5            # layers\n");
	taken("ADAM_BETAS = (0.9, 0.99)", "ADAM_BETAS (0.8, 0.95) -> (0.9, 0.99)",
	      "ADAM_BETAS = (0.9, 0.99)\n");
	taken("WINDOW_PATTERN = \"SL\"", "WINDOW_PATTERN \"SSSL\" -> \"SL\"", "= \"SL\"\n");
	taken("TOTAL_BATCH_SIZE = 2**14", "TOTAL_BATCH_SIZE 2**13 -> 2**14", "= 2**14\n");
	taken("MY_OWN = 4", "MY_OWN 3 -> 4", "MY_OWN = 4\n");
}

static void queue_must_list_knobs_canonically(void **state)
{
	struct proposal p, q;

	(void)state;
	assert_int_equal(ask("TOTAL_BATCH_SIZE = 2**14", NULL, &p, NULL), ART_OK);
	assert_int_equal(ask("TOTAL_BATCH_SIZE = 16384", NULL, &q, NULL), ART_OK);
	assert_string_equal(p.knobs, q.knobs);
	assert_non_null(strstr(p.knobs, "TOTAL_BATCH_SIZE=16384;"));
	assert_null(strstr(p.knobs, "SEED"));
	proposal_destroy(&p);
	proposal_destroy(&q);
}

static void queue_must_refuse_with_the_rule(void **state)
{
	(void)state;
	refused("make it learn faster", "an agent");
	refused("", "an agent");
	refused("try MATRIX_LR = 0.06", "an agent");
	refused("MATRIX_LR = fast", "no number");
	refused("MATRIX_LR = __import__('os')", "no number");
	refused("MATRIX_LR = -1", "MATRIX_LR must be a number from 0 to 100");
	refused("DEPTH = 4.5", "DEPTH must be a whole number");
	refused("DEPTH = 1000", "DEPTH must be a whole number from 1 to 64");
	refused("WINDOW_PATTERN = \"XL\"", "letters S and L");
	refused("ADAM_BETAS = (0.9, 1.5)", "each from 0 to below 1");
	refused("SEED = 3", "set by the harness");
	refused("UNHEARD_OF = 3", "no constant UNHEARD_OF");
	refused("MATRIX_LR = 0.04", "already");
	refused("TOTAL_BATCH_SIZE = 1024", "must be a multiple");
	refused("MATRIX_LR = 0.05, then hope", "an agent");
}

static void queue_must_take_a_whole_recipe(void **state)
{
	struct proposal p;
	struct art_err err = { 0 };

	(void)state;
	assert_int_equal(ask("from a friend", "DEPTH = 6\nMATRIX_LR = 0.04\n", &p, &err), ART_OK);
	assert_string_equal(p.recipe, "DEPTH = 6\nMATRIX_LR = 0.04\n");
	assert_string_equal(p.idea, "from a friend");
	proposal_destroy(&p);
	assert_int_equal(ask("broken", "DEPTH = (\n", &p, &err), ART_INVALID);
	assert_int_equal(ask("wrong", "DEPTH = 600\n", &p, &err), ART_INVALID);
	assert_non_null(strstr(err.text, "line 1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_must_answer_not_found_without_an_idea),
		cmocka_unit_test(queue_must_take_assignments),
		cmocka_unit_test(queue_must_list_knobs_canonically),
		cmocka_unit_test(queue_must_refuse_with_the_rule),
		cmocka_unit_test(queue_must_take_a_whole_recipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
