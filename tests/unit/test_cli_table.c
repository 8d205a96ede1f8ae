/*
 * test_cli_table.c - tables on paper: widths, clipping, hostile cells.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tui/cli/cli.h"

static const struct cli_column columns[] = {
	{ "ID", true, 0, 0 },
	{ "EXTRA", false, 0, 1 },
	{ "TITLE", false, 8, 0 },
};

/* What a table of one row with @title prints at @width columns (0: no terminal). */
static char *printed(const char *title, int width, bool colour)
{
	struct cli c = { .columns = width, .colour = colour };
	struct cli_table t;
	char *text = NULL;
	size_t n;

	c.out = open_memstream(&text, &n);
	cli_table_init(&t, columns, ART_COUNT(columns));
	cli_table_row(&t, CLI_GREEN);
	cli_table_cell(&t, "%d", 7);
	cli_table_cell(&t, "%s", "more");
	cli_table_cell(&t, "%s", title);
	cli_table_print(&t, &c);
	cli_table_destroy(&t);
	fclose(c.out);
	return text;
}

static void prints(const char *title, int width, const char *want)
{
	char *text = printed(title, width, false);

	assert_string_equal(text, want);
	free(text);
}

static void cli_table_print_must_align(void **state)
{
	(void)state;
	prints("short", 0, "ID  EXTRA  TITLE\n 7  more   short\n");
}

static void cli_table_print_must_clip_what_is_too_wide(void **state)
{
	(void)state;
	prints("abcdefghijklmnop", 24, "ID  EXTRA  TITLE\n 7  more   abcdefghijk..\n");
}

static void cli_table_print_must_drop_a_column_before_it_breaks(void **state)
{
	(void)state;
	prints("abcdefghijklmnop", 12, "ID  TITLE\n 7  abcdef..\n");
}

static void cli_table_print_must_not_clip_for_a_file(void **state)
{
	char *text = printed("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", 0, false);

	(void)state;
	assert_non_null(strstr(text, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"));
	free(text);
}

static void cli_table_print_must_count_wide_characters_as_two(void **state)
{
	(void)state;
	prints("日本語日本語", 20, "ID  EXTRA  TITLE\n 7  more   日本語..\n");
}

static void cli_table_cell_must_clean_escapes(void **state)
{
	char *text = printed("\033[31mred\nline", 0, false);

	(void)state;
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "line\n"));
	free(text);
}

static void cli_table_print_must_colour_only_when_asked(void **state)
{
	char *with = printed("x", 80, true), *without = printed("x", 80, false);

	(void)state;
	assert_non_null(strstr(with, "\033[32m"));
	assert_null(strchr(without, '\033'));
	free(with);
	free(without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cli_table_print_must_align),
		cmocka_unit_test(cli_table_print_must_clip_what_is_too_wide),
		cmocka_unit_test(cli_table_print_must_drop_a_column_before_it_breaks),
		cmocka_unit_test(cli_table_print_must_not_clip_for_a_file),
		cmocka_unit_test(cli_table_print_must_count_wide_characters_as_two),
		cmocka_unit_test(cli_table_cell_must_clean_escapes),
		cmocka_unit_test(cli_table_print_must_colour_only_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
