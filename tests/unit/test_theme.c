/* test_theme.c - theme.h: the file format with its errors, loading, and fewer colours. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/screen/theme.h"

static enum art_status parse(struct theme *t, const char *text, struct art_err *err)
{
	return theme_parse(t, text, strlen(text), "x.theme", err);
}

static void parse_must_fail(const char *text, const char *says)
{
	struct theme t;
	struct art_err err = { ART_OK, "" };

	assert_int_equal(parse(&t, text, &err), ART_INVALID);
	if (!strstr(err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void theme_default_knows_every_role(void **state)
{
	struct theme t;

	(void)state;
	theme_default(&t);

	assert_string_equal(t.name, "default");
	assert_true(t.style[ROLE_CHAMPION].attrs & THEME_BOLD);
	assert_int_equal(t.style[ROLE_TEXT].fg.kind, THEME_DEFAULT);
	assert_int_equal(t.style[ROLE_CHAMPION].fg.kind, THEME_RGB);
}

static void theme_parse_reads_colours_and_attributes(void **state)
{
	struct theme t;

	(void)state;
	assert_int_equal(parse(&t, "good = #0a0B0c bright-red bold underline # why\r\n"
				   "bad=12 default", NULL), ART_OK);

	assert_int_equal(t.style[ROLE_GOOD].fg.kind, THEME_RGB);
	assert_int_equal(t.style[ROLE_GOOD].fg.r, 10);
	assert_int_equal(t.style[ROLE_GOOD].fg.g, 11);
	assert_int_equal(t.style[ROLE_GOOD].fg.b, 12);
	assert_int_equal(t.style[ROLE_GOOD].bg.index, 9);
	assert_int_equal(t.style[ROLE_GOOD].attrs, THEME_BOLD | THEME_UNDERLINE);
	assert_int_equal(t.style[ROLE_BAD].fg.index, 12);
	assert_int_equal(t.style[ROLE_BAD].bg.kind, THEME_DEFAULT);
}

static void theme_parse_lets_a_missing_role_keep_the_default(void **state)
{
	struct theme t, def;

	(void)state;
	theme_default(&def);
	assert_int_equal(parse(&t, "# nothing but a comment\n\n   \ngood = red default\n", NULL), ART_OK);

	assert_memory_equal(&t.style[ROLE_CHAMPION], &def.style[ROLE_CHAMPION], sizeof(def.style[0]));
	assert_int_equal(t.style[ROLE_GOOD].attrs, 0);
}

static void theme_parse_names_line_and_culprit(void **state)
{
	(void)state;
	parse_must_fail("good = red default\nglod = red default", "x.theme:2: unknown role \"glod\"");
	parse_must_fail("good = rot default", "x.theme:1: unknown colour \"rot\"");
	parse_must_fail("good = #12345 default", "unknown colour");
	parse_must_fail("good = 256 default", "unknown colour \"256\"");
	parse_must_fail("good = -1 default", "unknown colour");
	parse_must_fail("good = red default blink", "unknown attribute \"blink\"");
	parse_must_fail("good = red", "FOREGROUND BACKGROUND");
	parse_must_fail("good", "expected ROLE");
	parse_must_fail("good bad = red default", "one role");
	parse_must_fail("good = red default\n\ngood = red default", "x.theme:3: role \"good\" was given in line 1");
}

static void theme_parse_refuses_binary_and_endless_lines(void **state)
{
	struct theme t;
	char *line = malloc(2000);

	(void)state;
	assert_int_equal(theme_parse(&t, "good\0= red", 10, "x", NULL), ART_INVALID);
	memset(line, 'a', 1999);
	line[1999] = '\0';
	assert_int_equal(parse(&t, line, NULL), ART_INVALID);
	free(line);
}

static void theme_load_reads_every_theme_that_ships(void **state)
{
	static const char *const names[] = { "default", "light", "mono", "contrast" };
	const char *dirs[] = { NULL, "themes" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct theme t;
		struct art_err err = { ART_OK, "" };

		if (theme_load(&t, names[i], dirs, 2, &err) != ART_OK)
			fail_msg("%s", err.text);
		assert_string_equal(t.name, names[i]);
	}
}

static void theme_load_default_file_says_what_is_built_in(void **state)
{
	const char *dirs[] = { "themes" };
	struct theme t, def;

	(void)state;
	theme_default(&def);
	assert_int_equal(theme_load(&t, "default", dirs, 1, NULL), ART_OK);

	for (int r = 0; r < ROLE_COUNT; r++) {
		if (memcmp(&t.style[r], &def.style[r], sizeof(t.style[r])) != 0)
			fail_msg("themes/default.theme differs in role %s", theme_role_name(r));
	}
}

static void theme_load_has_default_and_mono_without_files(void **state)
{
	struct theme t;

	(void)state;
	assert_int_equal(theme_load(&t, "default", NULL, 0, NULL), ART_OK);
	assert_int_equal(theme_load(&t, "mono", NULL, 0, NULL), ART_OK);
	assert_int_equal(t.style[ROLE_GOOD].fg.kind, THEME_DEFAULT);
}

static void theme_load_tells_missing_from_wrong(void **state)
{
	char dir[] = "/tmp/artui-theme-XXXXXX", path[64];
	const char *dirs[] = { dir };
	struct theme t;
	struct art_err err;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(theme_load(&t, "sunset", dirs, 1, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "sunset"));
	snprintf(path, sizeof(path), "%s/sunset.theme", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("sky = red blue\n", f);
	fclose(f);
	assert_int_equal(theme_load(&t, "sunset", dirs, 1, &err), ART_INVALID);
	assert_non_null(strstr(err.text, ":1: unknown role"));
	assert_int_equal(theme_load(&t, path, NULL, 0, &err), ART_INVALID);
	unlink(path);
	rmdir(dir);
}

static struct theme_colour rgb(unsigned char r, unsigned char g, unsigned char b)
{
	return (struct theme_colour){ .kind = THEME_RGB, .r = r, .g = g, .b = b };
}

static void theme_quantise_falls_from_truecolour_to_eight(void **state)
{
	struct theme_colour red = rgb(255, 0, 0), none = { .kind = THEME_DEFAULT };
	struct theme_colour index = { .kind = THEME_INDEX, .index = 208 };

	(void)state;
	assert_int_equal(theme_quantise(red, 1 << 24), 0xff0000);
	assert_int_equal(theme_quantise(red, 256), 196);
	assert_int_equal(theme_quantise(rgb(8, 8, 8), 256), 232);
	assert_int_equal(theme_quantise(red, 8), 1);
	assert_in_range(theme_quantise(index, 16), 0, 15);
	assert_int_equal(theme_quantise(index, 256), 208);
	assert_int_equal(theme_quantise(index, 1 << 24), 0xff8700);
	assert_int_equal(theme_quantise(none, 256), -1);
	assert_int_equal(theme_quantise(red, 0), -1);
}

static void theme_quantise_stays_in_the_palette_for_every_colour(void **state)
{
	(void)state;
	for (int v = 0; v < 256; v++) {
		struct theme_colour c = { .kind = THEME_INDEX, .index = (unsigned char)v };
		struct theme_colour g = rgb((unsigned char)v, (unsigned char)(255 - v), (unsigned char)(v / 2));

		assert_in_range(theme_quantise(c, 8), 0, 7);
		assert_in_range(theme_quantise(c, 16), 0, 15);
		assert_in_range(theme_quantise(g, 256), 16, 255);
		assert_in_range(theme_quantise(g, 16), 0, 15);
	}
}

static void theme_without_colour_keeps_attributes_and_reverses_backgrounds(void **state)
{
	struct theme t;

	(void)state;
	theme_default(&t);
	theme_without_colour(&t);

	assert_true(t.style[ROLE_CHAMPION].attrs & THEME_BOLD);
	assert_true(t.style[ROLE_SELECTED].attrs & THEME_REVERSE);
	for (int r = 0; r < ROLE_COUNT; r++) {
		assert_int_equal(t.style[r].fg.kind, THEME_DEFAULT);
		assert_int_equal(t.style[r].bg.kind, THEME_DEFAULT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(theme_default_knows_every_role),
		cmocka_unit_test(theme_parse_reads_colours_and_attributes),
		cmocka_unit_test(theme_parse_lets_a_missing_role_keep_the_default),
		cmocka_unit_test(theme_parse_names_line_and_culprit),
		cmocka_unit_test(theme_parse_refuses_binary_and_endless_lines),
		cmocka_unit_test(theme_load_reads_every_theme_that_ships),
		cmocka_unit_test(theme_load_default_file_says_what_is_built_in),
		cmocka_unit_test(theme_load_has_default_and_mono_without_files),
		cmocka_unit_test(theme_load_tells_missing_from_wrong),
		cmocka_unit_test(theme_quantise_falls_from_truecolour_to_eight),
		cmocka_unit_test(theme_quantise_stays_in_the_palette_for_every_colour),
		cmocka_unit_test(theme_without_colour_keeps_attributes_and_reverses_backgrounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
