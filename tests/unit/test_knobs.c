/*
 * test_knobs.c - the table of recipe constants holds together.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/knobs.h"
#include "store/recipe.h"

/* The default of @k read as the recipe parser reads it. */
static struct recipe_value default_of(const struct knob *k)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	char *text = art_printf("%s = %s\n", k->name, k->def);
	struct art_err err;

	if (recipe_parse(r, text, strlen(text), &err))
		fail_msg("%s: %s", k->name, err.text);
	assert_int_equal(r->n, 1);

	struct recipe_value v = r->c[0].value;

	free(text);
	free(r);
	return v;
}

static void knob_by_name_must_find_each_and_nothing_else(void **state)
{
	(void)state;
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);
		assert_ptr_equal(knob_by_name(k->name), k);
	}
	assert_ptr_equal(knob_by_name("MATRIX_LR"), knob_by_id(KNOB_MATRIX_LR_ID));
	assert_null(knob_by_name("matrix_lr"));
	assert_null(knob_by_name("MATRIX_L"));
	assert_null(knob_by_name(""));
}

static void every_name_must_be_a_recipe_constant_with_help(void **state)
{
	(void)state;
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);
		assert_in_range(strlen(k->name), 1, RECIPE_NAME_MAX - 1);
		assert_int_equal(strspn(k->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
				 strlen(k->name));
		assert_true(strlen(k->help) > 10 && !strchr(k->help, '\n'));
		assert_int_equal(k->choices != NULL, k->kind == KNOB_CHOICE);
	}
}

static void every_default_must_have_the_type_of_its_kind(void **state)
{
	(void)state;
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);
		struct recipe_value v = default_of(k);

		switch (k->kind) {
		case KNOB_INT:
		case KNOB_SEED:
			assert_int_equal(v.type, RECIPE_INT);
			break;
		case KNOB_POW2:
			assert_int_equal(v.type, RECIPE_INT);
			assert_true(exp2(round(log2(v.num))) == v.num);
			break;
		case KNOB_REAL:
		case KNOB_LOG:
			assert_int_equal(v.type, RECIPE_REAL);
			break;
		case KNOB_PAIR:
			assert_int_equal(v.type, RECIPE_TUPLE);
			assert_int_equal(v.n_parts, 2);
			break;
		case KNOB_CHOICE:
			assert_int_equal(v.type, RECIPE_STRING);
			break;
		}
	}
}

static void every_default_must_lie_in_its_ranges(void **state)
{
	(void)state;
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);
		struct recipe_value v = default_of(k);

		if (k->kind == KNOB_CHOICE)
			continue;
		int parts = k->kind == KNOB_PAIR ? v.n_parts : 1;
		for (int p = 0; p < parts; p++) {
			double x = k->kind == KNOB_PAIR ? v.parts[p] : v.num;
			double searched = k->kind == KNOB_PAIR ? 1 - x : x;
			assert_true(x >= k->valid_lo && x <= k->valid_hi);
			if (k->kind != KNOB_SEED)
				assert_true(searched >= k->search_lo && searched <= k->search_hi);
		}
	}
}

static void every_search_range_must_lie_in_the_valid_one(void **state)
{
	(void)state;
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);

		if (k->kind == KNOB_CHOICE || k->kind == KNOB_SEED) {
			assert_true(k->search_lo == 0 && k->search_hi == 0);
			continue;
		}
		assert_true(k->search_lo < k->search_hi);
		assert_true(k->search_lo >= k->valid_lo && k->search_hi <= k->valid_hi);
		if (k->kind == KNOB_LOG || k->kind == KNOB_PAIR)
			assert_true(k->search_lo > 0);
		if (k->kind == KNOB_POW2)
			assert_true(exp2(round(log2(k->search_lo))) == k->search_lo &&
				    exp2(round(log2(k->search_hi))) == k->search_hi);
	}
}

static void the_default_window_pattern_must_be_a_choice(void **state)
{
	const struct knob *k = knob_by_id(KNOB_WINDOW_PATTERN_ID);
	struct recipe_value v = default_of(k);
	char list[128], want[RECIPE_TEXT_MAX + 2];

	(void)state;
	snprintf(list, sizeof(list), "|%s|", k->choices);
	snprintf(want, sizeof(want), "|%s|", v.text);

	assert_non_null(strstr(list, want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knob_by_name_must_find_each_and_nothing_else),
		cmocka_unit_test(every_name_must_be_a_recipe_constant_with_help),
		cmocka_unit_test(every_default_must_have_the_type_of_its_kind),
		cmocka_unit_test(every_default_must_lie_in_its_ranges),
		cmocka_unit_test(every_search_range_must_lie_in_the_valid_one),
		cmocka_unit_test(the_default_window_pattern_must_be_a_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
