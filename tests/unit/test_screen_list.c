/* test_screen_list.c - list.h: a selection that always shows, and a line that stays valid UTF-8. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tui/screen/list.h"

static void sound(const struct list *l, int rows)
{
	assert_true(l->top >= 0 && l->sel >= 0);
	assert_true(l->n == 0 ? l->sel == 0 : l->sel < l->n);
	assert_true(l->sel >= l->top && l->sel < l->top + rows);
	assert_true(l->top == 0 || l->top + rows <= l->n);
}

static void list_act_moves_by_line_half_and_page(void **state)
{
	struct list l = { 0 };

	(void)state;
	list_resize(&l, 100, 10);
	assert_true(list_act(&l, ACTION_DOWN, 10));
	assert_int_equal(l.sel, 1);
	list_act(&l, ACTION_HALF_DOWN, 10);
	assert_int_equal(l.sel, 6);
	list_act(&l, ACTION_PAGE_DOWN, 10);
	assert_int_equal(l.sel, 15);
	assert_int_equal(l.top, 6);
	list_act(&l, ACTION_BOTTOM, 10);
	assert_int_equal(l.sel, 99);
	assert_int_equal(l.top, 90);
	list_act(&l, ACTION_TOP, 10);
	assert_int_equal(l.sel, 0);
	assert_int_equal(l.top, 0);
	assert_false(list_act(&l, ACTION_QUIT, 10));
}

static void list_keeps_its_invariant_through_anything(void **state)
{
	struct list l = { 0 };
	struct art_rng rng;

	(void)state;
	art_rng_seed(&rng, 11);
	for (int i = 0; i < 20000; i++) {
		int rows = 1 + (int)(art_rng_u64(&rng) % 40);

		if (i % 5 == 0)
			list_resize(&l, (int64_t)(art_rng_u64(&rng) % 60) - 2, rows);
		else if (i % 7 == 0)
			list_select(&l, (int64_t)(art_rng_u64(&rng) % 200) - 60, rows);
		else
			list_act(&l, (enum action)(1 + art_rng_u64(&rng) % (ACTION_COUNT - 1)), rows);
		list_resize(&l, l.n, rows);
		sound(&l, rows);
	}
}

static void press(struct line *l, const char *ascii)
{
	while (*ascii)
		line_key(l, (unsigned char)*ascii++);
}

static void line_key_edits_where_the_cursor_is(void **state)
{
	struct line l;

	(void)state;
	line_init(&l, 64, "abc");
	line_key(&l, BIND_LEFT);
	press(&l, "x");
	assert_string_equal(l.text, "abxc");
	line_key(&l, BIND_BACKSPACE);
	line_key(&l, BIND_HOME);
	line_key(&l, BIND_DELETE);
	assert_string_equal(l.text, "bc");
	line_key(&l, BIND_END);
	press(&l, " two words");
	line_key(&l, 'W' & 0x1f);
	assert_string_equal(l.text, "bc two ");
	line_key(&l, 'A' & 0x1f);
	line_key(&l, BIND_RIGHT);
	line_key(&l, 'K' & 0x1f);
	assert_string_equal(l.text, "b");
	line_key(&l, 'U' & 0x1f);
	assert_string_equal(l.text, "");
	line_key(&l, BIND_BACKSPACE);
	line_key(&l, BIND_DELETE);
	assert_string_equal(l.text, "");
}

static void line_key_takes_characters_whole(void **state)
{
	struct line l;

	(void)state;
	line_init(&l, 64, "");
	line_key(&l, 0xe9);
	line_key(&l, 0x5b66);
	line_key(&l, 0x1f600);
	assert_string_equal(l.text, "\xc3\xa9\xe5\xad\xa6\xf0\x9f\x98\x80");
	line_key(&l, BIND_BACKSPACE);
	line_key(&l, BIND_LEFT);
	line_key(&l, BIND_BACKSPACE);
	assert_string_equal(l.text, "\xe5\xad\xa6");
}

static void line_key_refuses_controls_and_what_does_not_fit(void **state)
{
	struct line l;

	(void)state;
	line_init(&l, 6, "");
	assert_false(line_key(&l, 27));
	assert_false(line_key(&l, 0x202e));
	assert_false(line_key(&l, 0xd800));
	assert_false(line_key(&l, 0x9b));
	press(&l, "abcdefgh");
	assert_string_equal(l.text, "abcde");
	line_key(&l, BIND_BACKSPACE);
	line_key(&l, 0xe9);
	assert_string_equal(l.text, "abcd");
}

static void line_init_cleans_and_bounds(void **state)
{
	struct line l;

	(void)state;
	line_init(&l, 5, "a\033[31mbcdefgh");
	assert_string_equal(l.text, "abcd");
	assert_int_equal(l.at, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_act_moves_by_line_half_and_page),
		cmocka_unit_test(list_keeps_its_invariant_through_anything),
		cmocka_unit_test(line_key_edits_where_the_cursor_is),
		cmocka_unit_test(line_key_takes_characters_whole),
		cmocka_unit_test(line_key_refuses_controls_and_what_does_not_fit),
		cmocka_unit_test(line_init_cleans_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
