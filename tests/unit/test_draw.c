/* test_draw.c - draw.h, fmt.h and chart.h: cells, clipping, hostile text, tables, numbers, charts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/screen/chart.h"
#include "tui/screen/draw.h"

static struct canvas canvas_of(int rows, int cols)
{
	struct canvas c;

	canvas_init(&c, glyphs_get(GLYPHS_FULL));
	canvas_reset(&c, rows, cols);
	return c;
}

static struct rect whole(const struct canvas *c) { return (struct rect){ 0, 0, c->rows, c->cols }; }

static void row_is(const struct canvas *c, int row, const char *text)
{
	struct art_buf b;

	art_buf_init(&b, 65536);
	canvas_row_text(c, row, &b);
	assert_string_equal(b.data ? b.data : "", text);
	art_buf_destroy(&b);
}

/* No half of a wide character without the other, and widths that add up. */
static void sound(const struct canvas *c)
{
	for (int row = 0; row < c->rows; row++) {
		for (int col = 0; col < c->cols; col++) {
			const struct cell *cell = canvas_at(c, row, col);

			if (cell->width == 2) {
				assert_true(col + 1 < c->cols);
				assert_int_equal(canvas_at(c, row, col + 1)->width, 0);
			}
			if (cell->width == 0) {
				assert_true(col > 0);
				assert_int_equal(canvas_at(c, row, col - 1)->width, 2);
			}
			assert_true(strlen(cell->s) < CELL_BYTES);
		}
	}
}

static void draw_text_is_clipped_to_its_rectangle(void **state)
{
	struct canvas c = canvas_of(3, 10);
	struct rect r = { 1, 2, 1, 4 };

	(void)state;
	assert_int_equal(draw_text(&c, r, 0, 0, ROLE_TEXT, "abcdefgh"), 4);
	draw_text(&c, r, 1, 0, ROLE_TEXT, "below");
	draw_text(&c, r, -1, 0, ROLE_TEXT, "above");
	draw_text(&c, r, 0, 9, ROLE_TEXT, "right");

	row_is(&c, 0, "");
	row_is(&c, 1, "  abcd");
	row_is(&c, 2, "");
	canvas_destroy(&c);
}

static void draw_text_lets_no_control_character_through(void **state)
{
	struct canvas c = canvas_of(1, 40);

	(void)state;
	draw_text(&c, whole(&c), 0, 0, ROLE_TEXT,
		  "\033[31mred\033[0m\a\b \xe2\x80\xae" "bidi\xe2\x80\x8b \x9b" "2J\xff.");

	for (int col = 0; col < c.cols; col++) {
		const unsigned char *s = (const unsigned char *)canvas_at(&c, 0, col)->s;

		assert_true(s[0] >= ' ' && s[0] != 0x7f);
		assert_false(s[0] == 0xc2 && s[1] < 0xa0);
	}
	sound(&c);
	canvas_destroy(&c);
}

static void draw_text_keeps_wide_and_combining_together(void **state)
{
	struct canvas c = canvas_of(1, 8);

	(void)state;
	assert_int_equal(draw_text(&c, whole(&c), 0, 0, ROLE_TEXT, "e\xcc\x81\xe5\xad\xa6x"), 4);

	assert_string_equal(canvas_at(&c, 0, 0)->s, "e\xcc\x81");
	assert_int_equal(canvas_at(&c, 0, 1)->width, 2);
	assert_int_equal(canvas_at(&c, 0, 2)->width, 0);
	assert_string_equal(canvas_at(&c, 0, 3)->s, "x");
	sound(&c);
	canvas_destroy(&c);
}

static void draw_text_never_leaves_half_a_wide_character(void **state)
{
	struct canvas c = canvas_of(1, 7);

	(void)state;
	draw_text(&c, whole(&c), 0, 0, ROLE_TEXT, "\xe5\xad\xa6\xe5\xad\xa6\xe5\xad\xa6\xe5\xad\xa6");
	sound(&c);
	draw_text(&c, whole(&c), 0, 1, ROLE_TEXT, "ab");
	sound(&c);
	draw_text(&c, whole(&c), 0, 2, ROLE_TEXT, "\xe5\xad\xa6");
	sound(&c);

	row_is(&c, 0, " a\xe5\xad\xa6\xe5\xad\xa6");
	canvas_destroy(&c);
}

static void draw_text_bounds_a_heap_of_combining_marks(void **state)
{
	struct canvas c = canvas_of(1, 4);
	char text[400] = "a";

	(void)state;
	for (int i = 0; i < 150; i++)
		strncat(text, "\xcc\x81", 3);
	strncat(text, "b", 2);
	draw_text(&c, whole(&c), 0, 0, ROLE_TEXT, text);

	sound(&c);
	assert_string_equal(canvas_at(&c, 0, 1)->s, "b");
	canvas_destroy(&c);
}

static void draw_field_marks_what_it_cuts(void **state)
{
	struct canvas c = canvas_of(3, 12);

	(void)state;
	draw_field(&c, whole(&c), 0, 0, 6, ROLE_TEXT, false, "abcdefgh");
	draw_field(&c, whole(&c), 1, 0, 6, ROLE_TEXT, true, "abc");
	draw_field(&c, whole(&c), 2, 0, 6, ROLE_TEXT, false, "\xe5\xad\xa6\xe5\xad\xa6\xe5\xad\xa6\xe5\xad\xa6");

	row_is(&c, 0, "abcde…");
	row_is(&c, 1, "   abc");
	row_is(&c, 2, "\xe5\xad\xa6\xe5\xad\xa6…");
	sound(&c);
	canvas_destroy(&c);
}

static void canvas_reset_bounds_any_size(void **state)
{
	struct canvas c = canvas_of(2, 2);

	(void)state;
	canvas_reset(&c, -5, 10);
	assert_int_equal(c.rows, 0);
	canvas_reset(&c, 1, 1 << 30);
	assert_int_equal(c.cols, CANVAS_MAX_COLS);
	draw_heading(&c, whole(&c), 0, "title", "note");
	canvas_destroy(&c);
	canvas_destroy(&c);
}

static const struct column cols[] = {
	{ .title = "a", .width = 3 },
	{ .title = "b", .width = 10, .flexible = true },
	{ .title = "c", .width = 5, .priority = 1 },
	{ .title = "d", .width = 7, .priority = 2 },
};

static void table_fit_drops_by_priority_and_stretches_one(void **state)
{
	int w[TABLE_MAX_COLUMNS];

	(void)state;
	table_fit(cols, 4, 40, w);
	assert_int_equal(w[0] + w[1] + w[2] + w[3] + 3, 40);
	table_fit(cols, 4, 27, w);
	assert_int_equal(w[3], 0);
	assert_int_equal(w[0] + w[1] + w[2] + 2, 27);
	table_fit(cols, 4, 16, w);
	assert_int_equal(w[2], 0);
	assert_int_equal(w[0] + w[1] + 1, 16);
}

static void table_fit_stays_in_every_width(void **state)
{
	(void)state;
	for (int width = 5; width < 200; width++) {
		int w[TABLE_MAX_COLUMNS], sum = -1;

		table_fit(cols, 4, width, w);
		for (int i = 0; i < 4; i++)
			sum += w[i] ? w[i] + 1 : 0;
		assert_true(sum <= width);
	}
}

static void table_hit_finds_the_column_under_the_pointer(void **state)
{
	int w[TABLE_MAX_COLUMNS] = { 3, 0, 5 };

	(void)state;
	assert_int_equal(table_hit(w, 3, 0), 0);
	assert_int_equal(table_hit(w, 3, 4), 2);
	assert_int_equal(table_hit(w, 3, 8), 2);
	assert_int_equal(table_hit(w, 3, 30), -1);
}

static void fmt_says_unknown_and_picks_units(void **state)
{
	const struct glyphs *g = glyphs_get(GLYPHS_ASCII);
	struct opt_f64 unknown = { false, 0 };
	char b[FMT_MAX];

	(void)state;
	assert_string_equal(fmt_bpb(g, unknown, b), "-");
	assert_string_equal(fmt_bpb(g, OPT_F64(1.37214), b), "1.3721");
	assert_string_equal(fmt_bpb(g, OPT_F64(1e300), b), "1.0e+300");
	assert_string_equal(fmt_bpb(g, OPT_F64(NAN), b), "-");
	assert_string_equal(fmt_half(g, OPT_F64(1.0), OPT_F64(1.002), b), "+-0.0010");
	assert_string_equal(fmt_half(g, unknown, OPT_F64(1.0), b), "-");
	assert_string_equal(fmt_count(g, OPT_F64(999), b), "999");
	assert_string_equal(fmt_count(g, OPT_F64(999.6), b), "1.00k");
	assert_string_equal(fmt_count(g, OPT_F64(12340), b), "12.3k");
	assert_string_equal(fmt_count(g, OPT_F64(3.7e6), b), "3.70M");
	assert_string_equal(fmt_count(g, OPT_F64(1e30), b), "1000000000000000P");
	assert_string_equal(fmt_seconds(g, OPT_F64(59.6), b), "60 s");
	assert_string_equal(fmt_seconds(g, OPT_F64(8040), b), "2 h 14 m");
	assert_string_equal(fmt_seconds(g, OPT_F64(28800), b), "8 h");
	assert_string_equal(fmt_seconds(g, OPT_F64(-1), b), "-");
	assert_string_equal(fmt_seconds(g, OPT_F64(1e18), b), "-");
}

static void chart_of(struct canvas *c, enum chart_style style, const struct chart_point *p, size_t n)
{
	struct chart_series s = { .p = p, .n = n, .role = ROLE_CHART };
	struct chart ch = { .style = style, .series = &s, .n_series = 1, .decimals = 1,
			    .x_lo_label = "0", .x_hi_label = "1" };

	chart_draw(c, whole(c), &ch);
}

static void chart_draw_puts_high_above_low(void **state)
{
	/* 8 x 8 halves for the plot: a straight fall is the diagonal */
	struct canvas c = canvas_of(5, 16);
	struct chart_point p[] = { { 0, 2 }, { 1, 1 } };

	(void)state;
	chart_of(&c, CHART_ASCII, p, 2);

	row_is(&c, 0, "   2.0 │'.");
	row_is(&c, 1, "       │  '.");
	row_is(&c, 2, "       │    '.");
	row_is(&c, 3, "   1.0 │      '.");
	canvas_destroy(&c);
}

static void chart_draw_leaves_out_what_is_not_finite(void **state)
{
	struct chart_point p[] = { { 0, NAN }, { INFINITY, 1 }, { 0.2, -INFINITY }, { 0.5, 3 }, { 1, 4 } };
	struct chart_point bad[] = { { NAN, NAN } };

	(void)state;
	for (int style = CHART_BRAILLE; style <= CHART_ASCII; style++) {
		struct canvas c = canvas_of(6, 30);

		chart_of(&c, (enum chart_style)style, p, 5);
		chart_of(&c, (enum chart_style)style, bad, 1);
		sound(&c);
		canvas_destroy(&c);
	}
}

static void chart_draw_survives_every_small_size(void **state)
{
	struct chart_point p[] = { { 0, 1e308 }, { 0.5, -1e308 }, { 1, 0 } };

	(void)state;
	for (int rows = 0; rows < 8; rows++) {
		for (int width = 0; width < 24; width++) {
			struct canvas c = canvas_of(rows, width);

			chart_of(&c, CHART_BRAILLE, p, 3);
			chart_of(&c, CHART_BLOCKS, p, 1);
			sound(&c);
			canvas_destroy(&c);
		}
	}
}

static void chart_draw_tells_series_apart_without_colour(void **state)
{
	struct canvas c = canvas_of(4, 24);
	struct chart_point a[] = { { 0, 1 }, { 1, 1 } }, b[] = { { 0, 2 }, { 1, 2 } };
	struct chart_series s[] = { { .p = a, .n = 2, .role = ROLE_CHART_OLD, .dotted = true },
				    { .p = b, .n = 2, .role = ROLE_CHART } };
	struct chart ch = { .style = CHART_ASCII, .series = s, .n_series = 2 };

	(void)state;
	chart_draw(&c, whole(&c), &ch);

	assert_non_null(strchr("`,;", canvas_at(&c, 3, 10)->s[0]));
	assert_non_null(strchr("'.:", canvas_at(&c, 0, 10)->s[0]));
	canvas_destroy(&c);
}

static void chart_range_ignores_the_settling_part_once_there_is_more(void **state)
{
	struct chart_point p[] = { { 0.0, 9 }, { 0.05, 6 }, { 0.5, 3 }, { 1, 2 } };
	struct chart_series s = { .p = p, .n = 4 };
	struct chart ch = { .series = &s, .n_series = 1, .x_lo = 0, .x_hi = 1, .settle = 0.1 };
	double lo, hi;

	(void)state;
	assert_true(chart_range(&ch, &lo, &hi));
	assert_true(hi < 4 && lo > 1.5);
	s.n = 2;
	assert_true(chart_range(&ch, &lo, &hi));
	assert_true(hi > 9);
	s.n = 0;
	assert_false(chart_range(&ch, &lo, &hi));
}

static void fmt_age_takes_one_unit_and_never_goes_below_nothing(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} cases[] = {
		{ -5, "0 s" },	  { 0, "0 s" },	       { 119, "119 s" },       { 120, "2 m" },	   { 7199, "119 m" },
		{ 7200, "2 h" },  { 172799, "47 h" },  { 172800, "2 d" },      { 40000000, "462 d" },
	};
	const struct glyphs *g = glyphs_get(GLYPHS_FULL);
	char b[FMT_MAX];

	(void)state;
	art_clock_set_for_test(1700000000000000);
	for (size_t i = 0; i < ART_COUNT(cases); i++)
		assert_string_equal(fmt_age(g, 1700000000000000 - cases[i].s * 1000000, b), cases[i].text);
	assert_string_equal(fmt_age(g, 0, b), g->unknown);
	art_clock_set_for_test(0);
}

static void fmt_chain_names_what_it_knows(void **state)
{
	const struct glyphs *g = glyphs_get(GLYPHS_FULL);
	char b[FMT_MAX];

	(void)state;
	assert_string_equal(fmt_chain(g, 84532, b), "base-sepolia");
	assert_string_equal(fmt_chain(g, UINT64_MAX, b), "chain 18446744073709551615");
	assert_string_equal(fmt_chain(g, 0, b), g->unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draw_text_is_clipped_to_its_rectangle),
		cmocka_unit_test(draw_text_lets_no_control_character_through),
		cmocka_unit_test(draw_text_keeps_wide_and_combining_together),
		cmocka_unit_test(draw_text_never_leaves_half_a_wide_character),
		cmocka_unit_test(draw_text_bounds_a_heap_of_combining_marks),
		cmocka_unit_test(draw_field_marks_what_it_cuts),
		cmocka_unit_test(canvas_reset_bounds_any_size),
		cmocka_unit_test(table_fit_drops_by_priority_and_stretches_one),
		cmocka_unit_test(table_fit_stays_in_every_width),
		cmocka_unit_test(table_hit_finds_the_column_under_the_pointer),
		cmocka_unit_test(fmt_says_unknown_and_picks_units),
		cmocka_unit_test(chart_draw_puts_high_above_low),
		cmocka_unit_test(chart_draw_leaves_out_what_is_not_finite),
		cmocka_unit_test(chart_draw_survives_every_small_size),
		cmocka_unit_test(chart_draw_tells_series_apart_without_colour),
		cmocka_unit_test(chart_range_ignores_the_settling_part_once_there_is_more),
		cmocka_unit_test(fmt_age_takes_one_unit_and_never_goes_below_nothing),
		cmocka_unit_test(fmt_chain_names_what_it_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
