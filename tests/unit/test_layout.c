/* test_layout.c - layout.h: properties at every size from 1x1 to 200x60, and what fits where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tui/screen/layout.h"

static const struct layout_wanted wanted[] = {
	{ .view = LAYOUT_DASHBOARD, .board_rows = 0, .worker_rows = 1 },
	{ .view = LAYOUT_DASHBOARD, .board_rows = 6, .worker_rows = 2 },
	{ .view = LAYOUT_DASHBOARD, .board_rows = 200, .worker_rows = 64 },
	{ .view = LAYOUT_LIST },
	{ .view = LAYOUT_DETAIL, .curve = true },
	{ .view = LAYOUT_DETAIL, .curve = false },
};
#define WANTED ((int)(sizeof(wanted) / sizeof(wanted[0])))

typedef void (*check_fn)(const struct layout *l, int rows, int cols, const struct layout_wanted *w);

static void at_all_sizes(check_fn check)
{
	for (int rows = 1; rows <= 60; rows++) {
		for (int cols = 1; cols <= 200; cols++) {
			for (int i = 0; i < WANTED; i++) {
				struct layout l;

				layout_compute(rows, cols, &wanted[i], &l);
				check(&l, rows, cols, &wanted[i]);
			}
		}
	}
}

static void inside(const struct layout *l, int rows, int cols, const struct layout_wanted *w)
{
	(void)w;
	for (int a = 0; a < AREA_COUNT; a++) {
		struct rect r = l->area[a];

		if (rect_empty(r))
			continue;
		assert_true(r.row >= 0 && r.col >= 0);
		assert_true(r.row + r.rows <= rows);
		assert_true(r.col + r.cols <= cols);
	}
}

static void layout_compute_leaves_no_area_outside_the_screen(void **state)
{
	(void)state;
	at_all_sizes(inside);
}

static void apart(const struct layout *l, int rows, int cols, const struct layout_wanted *w)
{
	(void)rows, (void)cols, (void)w;
	for (int a = 0; a < AREA_COUNT; a++) {
		for (int b = a + 1; b < AREA_COUNT; b++) {
			struct rect x = l->area[a], y = l->area[b];

			if (rect_empty(x) || rect_empty(y))
				continue;
			assert_true(x.row + x.rows <= y.row || y.row + y.rows <= x.row ||
				    x.col + x.cols <= y.col || y.col + y.cols <= x.col);
		}
	}
}

static void layout_compute_lets_no_areas_overlap(void **state)
{
	(void)state;
	at_all_sizes(apart);
}

static void complete(const struct layout *l, int rows, int cols, const struct layout_wanted *w)
{
	bool small = rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS;

	assert_int_equal(l->too_small, small);
	for (int a = 0; small && a < AREA_COUNT; a++)
		assert_true(rect_empty(l->area[a]));
	if (small)
		return;
	assert_int_equal(l->area[AREA_TITLE].row, 0);
	assert_int_equal(l->area[AREA_KEYS].row, rows - 1);
	assert_false(rect_empty(l->area[AREA_HEADER]));
	if (w->view == LAYOUT_DASHBOARD) {
		assert_true(l->area[AREA_BOARD].rows >= 4);
		assert_true(l->area[AREA_LOG].rows >= 2);
	} else {
		assert_true(l->area[AREA_BODY].rows >= 6);
	}
}

static void layout_compute_gives_each_view_what_it_needs_or_says_too_small(void **state)
{
	(void)state;
	at_all_sizes(complete);
}

static void covered(const struct layout *l, int rows, int cols, const struct layout_wanted *w)
{
	if (l->too_small)
		return;
	/* every row of the screen belongs to some area; only the gap between columns does not */
	for (int row = 0; row < rows; row++) {
		int used = 0;

		for (int a = 0; a < AREA_COUNT; a++) {
			struct rect r = l->area[a];

			if (row >= r.row && row < r.row + r.rows)
				used += r.cols;
		}
		assert_true(used >= cols - 3);
	}
	(void)w;
}

static void layout_compute_leaves_no_row_unused(void **state)
{
	(void)state;
	at_all_sizes(covered);
}

static void layout_compute_puts_workers_beside_the_board_when_wide(void **state)
{
	struct layout l;

	(void)state;
	layout_compute(40, 120, &wanted[1], &l);

	assert_int_equal(l.area[AREA_WORKERS].row, l.area[AREA_BOARD].row);
	assert_true(l.area[AREA_WORKERS].col > l.area[AREA_BOARD].col);
}

static void layout_compute_stacks_when_narrow(void **state)
{
	struct layout l;

	(void)state;
	layout_compute(24, 80, &wanted[1], &l);

	assert_int_equal(l.area[AREA_BOARD].cols, 80);
	assert_true(l.area[AREA_WORKERS].row >= l.area[AREA_BOARD].row + l.area[AREA_BOARD].rows);
	assert_true(l.area[AREA_LOG].row > l.area[AREA_WORKERS].row);
}

static void rect_contains_takes_the_first_and_not_the_last_plus_one(void **state)
{
	struct rect r = { 2, 3, 4, 5 };

	(void)state;
	assert_true(rect_contains(r, 2, 3));
	assert_true(rect_contains(r, 5, 7));
	assert_false(rect_contains(r, 6, 7));
	assert_false(rect_contains(r, 5, 8));
	assert_false(rect_contains(r, 1, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_compute_leaves_no_area_outside_the_screen),
		cmocka_unit_test(layout_compute_lets_no_areas_overlap),
		cmocka_unit_test(layout_compute_gives_each_view_what_it_needs_or_says_too_small),
		cmocka_unit_test(layout_compute_leaves_no_row_unused),
		cmocka_unit_test(layout_compute_puts_workers_beside_the_board_when_wide),
		cmocka_unit_test(layout_compute_stacks_when_narrow),
		cmocka_unit_test(rect_contains_takes_the_first_and_not_the_last_plus_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
