/* test_bind.c - bind.h: every key name is one, no key means two things, every panel can be left. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tui/screen/bind.h"

static void bind_next_key_knows_every_name_in_the_table(void **state)
{
	(void)state;
	for (int a = ACTION_NONE + 1; a < ACTION_COUNT; a++) {
		const struct action_entry *e = action_entry((enum action)a);
		const char *names = e->keys;
		int n = 0;

		while (names[strspn(names, " ")]) {
			if (bind_next_key(&names) < 0)
				fail_msg("%s: unknown key name in \"%s\"", e->name, e->keys);
			n++;
		}
		assert_true(n > 0);
		assert_true(e->help[0] != '\0');
		assert_true(e->where != 0);
	}
}

static void bind_find_never_has_two_meanings_for_a_key(void **state)
{
	(void)state;
	for (int a = ACTION_NONE + 1; a < ACTION_COUNT; a++) {
		const struct action_entry *e = action_entry((enum action)a);
		const char *names = e->keys;
		int key;

		while ((key = bind_next_key(&names)) >= 0) {
			for (int p = 0; p < PANEL_COUNT; p++) {
				if (e->where & (1u << p) && (int)bind_find(key, (enum panel_id)p) != a)
					fail_msg("%s: key %d means something else in %s", e->name, key,
						 panel_name((enum panel_id)p));
			}
		}
	}
}

static void bind_find_leaves_help_and_motion_in_every_panel(void **state)
{
	(void)state;
	for (int p = 0; p < PANEL_COUNT; p++) {
		assert_int_equal(bind_find('?', (enum panel_id)p), ACTION_HELP);
		assert_int_equal(bind_find('q', (enum panel_id)p), ACTION_QUIT);
		assert_int_equal(bind_find('j', (enum panel_id)p), ACTION_DOWN);
		assert_int_equal(bind_find(BIND_UP, (enum panel_id)p), ACTION_UP);
		assert_int_equal(bind_find('D' & 0x1f, (enum panel_id)p), ACTION_HALF_DOWN);
		assert_int_equal(bind_find('/', (enum panel_id)p),
				 p == PANEL_WORKER ? ACTION_NONE : ACTION_FIND);
	}
}

static void bind_find_knows_nothing_of_other_keys(void **state)
{
	(void)state;
	assert_int_equal(bind_find('Z', PANEL_DASHBOARD), ACTION_NONE);
	assert_int_equal(bind_find(0x1f600, PANEL_DASHBOARD), ACTION_NONE);
	assert_int_equal(bind_find(-1, PANEL_DASHBOARD), ACTION_NONE);
	assert_int_equal(bind_find('s', PANEL_LOG), ACTION_NONE);
}

static void panel_name_is_a_word_of_its_own(void **state)
{
	(void)state;
	for (int p = 0; p < PANEL_COUNT; p++) {
		for (int q = p + 1; q < PANEL_COUNT; q++)
			assert_string_not_equal(panel_name((enum panel_id)p), panel_name((enum panel_id)q));
		assert_true(panel_title((enum panel_id)p)[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind_next_key_knows_every_name_in_the_table),
		cmocka_unit_test(bind_find_never_has_two_meanings_for_a_key),
		cmocka_unit_test(bind_find_leaves_help_and_motion_in_every_panel),
		cmocka_unit_test(bind_find_knows_nothing_of_other_keys),
		cmocka_unit_test(panel_name_is_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
