/*
 * test_recipe.c - constants found, changed and listed; line diffs checked by applying them.
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
#include <time.h>

#include "store/knobs.h"
#include "store/recipe.h"

#define SEED 20260115u

static struct recipe *must_parse(const char *text)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_err err;

	if (recipe_parse(r, text, strlen(text), &err))
		fail_msg("%s\n%s", text, err.text);
	return r;
}

/* A file of the shape of an autoresearch train.py: the constants amid code that looks alike. */
static const char script[] =
	"\"\"\"\n"
	"DEPTH = 99\n"
	"A docstring with \\\"\"\" in it.\n"
	"\"\"\"\n"
	"import os\n"
	"os.environ[\"X\"] = \"expandable_segments:True\"\n"
	"\n"
	"@dataclass\n"
	"class GPTConfig:\n"
	"    n_layer: int = 12\n"
	"    DEPTH = 77\n"
	"\n"
	"polar = [\n"
	"(8.15, -22.4, 15.8),\n"
	"(4.04, -2.8, 0.5), ]\n"
	"f(a, \n"
	"DEPTH=5,\n"
	"b='it\\'s # no comment')\n"
	"if DEPTH == 3: pass\n"
	"DEPTH == 4\n"
	"depth = 11\n"
	"LIMIT: int = 3\n"
	"COUNT += 1\n"
	"# Model architecture\n"
	"ASPECT_RATIO = 64       # model_dim = depth * ASPECT_RATIO\n"
	"WINDOW_PATTERN = \"SSSL\" # sliding \"window\" pattern\n"
	"TOTAL_BATCH_SIZE = 2**19 # ~524K tokens\n"
	"MATRIX_LR=0.04# tight\n"
	"ADAM_BETAS = (0.8, 0.95) # Adam beta1, beta2\n"
	"LONG = (1,\n"
	"    2, # two\n"
	"    3)\n"
	"H100_BF16_PEAK_FLOPS = 989.5e12\n"
	"t = f\"{DEPTH:,}\"\n"
	"DEPTH = 8               # number of transformer layers\n";

static void recipe_parse_must_find_the_constants_only(void **state)
{
	static const struct {
		const char *name;
		int line;
		const char *source;
	} want[] = {
		{ "ASPECT_RATIO", 25, "64" },	     { "WINDOW_PATTERN", 26, "\"SSSL\"" },
		{ "TOTAL_BATCH_SIZE", 27, "2**19" }, { "MATRIX_LR", 28, "0.04" },
		{ "ADAM_BETAS", 29, "(0.8, 0.95)" }, { "LONG", 30, "(1,\n    2, # two\n    3)" },
		{ "H100_BF16_PEAK_FLOPS", 33, "989.5e12" }, { "DEPTH", 35, "8" },
	};
	struct recipe *r = must_parse(script);

	(void)state;
	assert_int_equal(r->n, ART_COUNT(want));
	for (int i = 0; i < r->n; i++) {
		assert_string_equal(r->c[i].name, want[i].name);
		assert_int_equal(r->c[i].line, want[i].line);
		assert_int_equal(r->c[i].value_len, strlen(want[i].source));
		assert_memory_equal(script + r->c[i].value_at, want[i].source, r->c[i].value_len);
	}
	free(r);
}

static void recipe_parse_must_read_numbers(void **state)
{
	static const struct {
		const char *source;
		enum recipe_type type;
		double v;
	} row[] = {
		{ "8", RECIPE_INT, 8 }, { "-3", RECIPE_INT, -3 }, { "+3", RECIPE_INT, 3 },
		{ "2**19", RECIPE_INT, 524288 }, { "-2**2", RECIPE_INT, -4 },
		{ "2**3**2", RECIPE_INT, 512 }, { "(-2)**2", RECIPE_INT, 4 },
		{ "64 * 1024", RECIPE_INT, 65536 }, { "3*2**4*5", RECIPE_INT, 240 },
		{ "(64*1024)", RECIPE_INT, 65536 }, { "((7))", RECIPE_INT, 7 },
		{ "0x1F", RECIPE_INT, 31 }, { "0b101", RECIPE_INT, 5 }, { "0o17", RECIPE_INT, 15 },
		{ "1_000_000", RECIPE_INT, 1000000 }, { "0x_ff", RECIPE_INT, 255 },
		{ "0", RECIPE_INT, 0 }, { "00", RECIPE_INT, 0 }, { "-0", RECIPE_INT, 0 },
		{ "True", RECIPE_INT, 1 }, { "False", RECIPE_INT, 0 },
		{ "9007199254740991", RECIPE_INT, 9007199254740991.0 },
		{ "64 * \\\n  2", RECIPE_INT, 128 },
		{ "0.04", RECIPE_REAL, 0.04 }, { "1.", RECIPE_REAL, 1 }, { ".5", RECIPE_REAL, 0.5 },
		{ "1e-5", RECIPE_REAL, 1e-5 }, { "1_0.2_5E+1_0", RECIPE_REAL, 10.25e10 },
		{ "-0.5", RECIPE_REAL, -0.5 }, { "(0.5)", RECIPE_REAL, 0.5 }, { "007.5", RECIPE_REAL, 7.5 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *text = art_printf("X = %s  # note", row[i].source);
		struct recipe *r = must_parse(text);

		assert_int_equal(r->n, 1);
		if (r->c[0].value.type != row[i].type || r->c[0].value.num != row[i].v)
			fail_msg("%s: type %d, %g", row[i].source, (int)r->c[0].value.type,
				 r->c[0].value.num);
		free(r);
		free(text);
	}
}

static void recipe_parse_must_keep_other_values_verbatim(void **state)
{
	static const char *const row[] = {
		"None", "a + 1", "4 * DEPTH", "0.5 * 2", "2 * 0.5", "2**-1", "2**0.5", "1__0", "1_", "007",
		"0x", "0xg", "0x1_", "0b2", "1j", "5abc", "1 2", "1e", "1e999", "10**400", "2**1e3",
		"float(\"inf\")", "[[1, 2]]", "(1, \"a\")", "(1 2)", "{1: 2}", "\"a\" \"b\"", "r\"raw\"",
		"f'{x}'", "\"\"\"triple\"\"\"", "'bad \\x41 escape'", "B = 3", "1, 2 if x else 3",
		"(1,2,3,4,5,6,7,8,9)", "lambda x: x", "-", "((((((((((((((((((7))))))))))))))))))",
		"1 if True else 2", "[1, 2][0]", "6 // 2", "8 - 1", "True * 2",
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *text = art_printf("X = %s\n", row[i]);
		struct recipe *r = must_parse(text);

		if (r->n != 1 || r->c[0].value.type != RECIPE_OTHER)
			fail_msg("%s: type %d", row[i], (int)r->c[0].value.type);
		assert_string_equal(r->c[0].value.text, row[i]);
		free(r);
		free(text);
	}
}

static void recipe_parse_must_read_strings(void **state)
{
	static const struct {
		const char *source, *content;
	} row[] = { { "\"SSSL\"", "SSSL" }, { "'L'", "L" }, { "\"\"", "" }, { "''", "" },
		    { "'a#b'", "a#b" }, { "\"it's\"", "it's" }, { "'it\\'s'", "it's" },
		    { "'a\\\\b\\n\\t\\\"'", "a\\b\n\t\"" }, { "\"\xe6\xbc\xa2\"", "\xe6\xbc\xa2" } };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *text = art_printf("X = %s # c", row[i].source);
		struct recipe *r = must_parse(text);

		if (r->c[0].value.type != RECIPE_STRING)
			fail_msg("%s: type %d", row[i].source, (int)r->c[0].value.type);
		assert_string_equal(r->c[0].value.text, row[i].content);
		free(r);
		free(text);
	}
}

static void recipe_parse_must_not_cut_a_string_silently(void **state)
{
	char text[200];
	struct recipe *r;

	(void)state;
	for (int n = 126; n <= 129; n++) {
		snprintf(text, sizeof(text), "X = \"%0*d\"", n, 0);
		r = must_parse(text);
		assert_int_equal(r->c[0].value.type, n < RECIPE_TEXT_MAX ? RECIPE_STRING : RECIPE_OTHER);
		assert_int_equal(strlen(r->c[0].value.text), n < RECIPE_TEXT_MAX ? n : RECIPE_TEXT_MAX - 1);
		free(r);
	}
}

static void recipe_parse_must_read_rows_of_numbers(void **state)
{
	static const struct {
		const char *source;
		int n;
		double first, last;
	} row[] = {
		{ "(0.8, 0.95)", 2, 0.8, 0.95 }, { "[1, 2, 3]", 3, 1, 3 }, { "0.8, 0.95", 2, 0.8, 0.95 },
		{ "(5,)", 1, 5, 5 }, { "[5]", 1, 5, 5 }, { "5,", 1, 5, 5 }, { "(1, 2,)", 2, 1, 2 },
		{ "( -1 ,2**3 )", 2, -1, 8 }, { "(1,2,3,4,5,6,7,8)", 8, 1, 8 },
		{ "(1, # one\n  2)", 2, 1, 2 }, { "()", 0, 0, 0 }, { "[]", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *text = art_printf("X = %s\n", row[i].source);
		struct recipe *r = must_parse(text);
		const struct recipe_value *v = &r->c[0].value;

		if (v->type != RECIPE_TUPLE || v->n_parts != row[i].n)
			fail_msg("%s: type %d, %d parts", row[i].source, (int)v->type, v->n_parts);
		if (v->n_parts) {
			assert_true(v->parts[0] == row[i].first);
			assert_true(v->parts[v->n_parts - 1] == row[i].last);
		}
		free(r);
		free(text);
	}
}

static void recipe_parse_must_keep_the_last_assignment(void **state)
{
	struct recipe *r = must_parse("A = 1\nB = 2\nA = 3 # again\n");

	(void)state;
	assert_int_equal(r->n, 2);
	assert_string_equal(r->c[0].name, "B");
	assert_string_equal(r->c[1].name, "A");
	assert_int_equal(r->c[1].line, 3);
	assert_true(recipe_find(r, "A")->value.num == 3);
	assert_null(recipe_find(r, "C"));
	free(r);
}

static void recipe_parse_must_understand_every_line_end(void **state)
{
	struct recipe *r = must_parse("\xef\xbb\xbf" "A = 1\r\nB = 2\rC = '''x\r\ny'''\nD = 4");

	(void)state;
	assert_int_equal(r->n, 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(r->c[i].line, i + 1);
	assert_int_equal(r->c[3].line, 5);
	assert_int_equal(r->c[1].value_len, 1);
	free(r);
}

static void recipe_parse_must_follow_joined_lines_and_semicolons(void **state)
{
	struct recipe *r = must_parse("x = 1 + \\\nA = 2\nB = \\\n  7 ; C = 3\nD = (4); E = 5 # e\n");

	(void)state;
	assert_int_equal(r->n, 2);
	assert_string_equal(r->c[0].name, "B");
	assert_true(r->c[0].value.num == 7);
	assert_int_equal(r->c[0].value_len, 1);
	assert_string_equal(r->c[1].name, "D");
	assert_int_equal(r->c[1].value_len, 3);
	free(r);
}

static void recipe_parse_must_refuse_with_the_line(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *why;
	} bad[] = {
		{ "A = 1\nB = \"x\n", 2, "string" }, { "A = 1\n\n'''x\ny\n", 3, "string" },
		{ "A = 'x\\", 1, "string" }, { "A = 1\nB = (1,\n2\n", 2, "never closed" },
		{ "A = [1)\n", 1, "closes nothing" }, { "A = 1\n)\n", 2, "closes nothing" },
		{ "A = 1\nB = 2\n# \xff\n", 3, "UTF-8" }, { "A = 1\r\rB = \xc0\x80", 3, "UTF-8" },
		{ "A =\nB = 1\n", 1, "no value" }, { "A = # note\n", 1, "no value" },
		{ "A = 2 \\ 3\n", 1, "backslash" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		struct recipe *r = art_alloc(1, sizeof(*r));
		struct art_err err;
		char head[40];

		snprintf(head, sizeof(head), "recipe line %d: ", bad[i].line);
		if (recipe_parse(r, bad[i].text, strlen(bad[i].text), &err) != ART_INVALID)
			fail_msg("took row %zu", i);
		if (strncmp(err.text, head, strlen(head)) != 0 || !strstr(err.text, bad[i].why))
			fail_msg("row %zu: %s", i, err.text);
		free(r);
	}
}

static void recipe_parse_must_hold_its_limits(void **state)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_buf b;
	struct art_err err;

	(void)state;
	art_buf_init(&b, 4 << 20);
	for (int i = 0; i < RECIPE_MAX_CONSTANTS; i++)
		art_buf_putf(&b, "X%d = %d\n", i, i);
	assert_int_equal(recipe_parse(r, b.data, b.len, &err), ART_OK);
	assert_int_equal(r->n, RECIPE_MAX_CONSTANTS);
	art_buf_put(&b, "X0 = 5\n"); /* a known name takes no new place */
	assert_int_equal(recipe_parse(r, b.data, b.len, &err), ART_OK);
	art_buf_put(&b, "ONE_MORE = 1\n");
	assert_int_equal(recipe_parse(r, b.data, b.len, &err), ART_LIMIT);
	assert_non_null(strstr(err.text, "line 258"));

	assert_int_equal(recipe_parse(r, "A\0=1", 4, &err), ART_INVALID);
	assert_int_equal(recipe_parse(r, "", 0, &err), ART_OK);
	assert_int_equal(r->n, 0);

	char *big = art_alloc(RECIPE_MAX_BYTES + 2, 1);
	memset(big, '\n', RECIPE_MAX_BYTES + 1);
	assert_int_equal(recipe_parse(r, big, RECIPE_MAX_BYTES, &err), ART_OK);
	assert_int_equal(recipe_parse(r, big, RECIPE_MAX_BYTES + 1, &err), ART_LIMIT);
	memset(big, '[', 100);
	assert_int_equal(recipe_parse(r, big, 100, &err), ART_LIMIT);
	memset(big, 'N', 64);
	memcpy(big + 64, " = 1", 5);
	assert_int_equal(recipe_parse(r, big, 68, &err), ART_LIMIT);
	assert_int_equal(recipe_parse(r, big + 1, 67, &err), ART_OK);
	free(big);
	free(r);
	art_buf_destroy(&b);
}

static void recipe_set_must_change_the_value_alone(void **state)
{
	static const struct {
		const char *text, *name, *value, *want;
	} row[] = {
		{ "A = 1\n", "A", "22", "A = 22\n" },
		{ "A=1# x\r\nB =  2\t # y\r\n", "B", "3", "A=1# x\r\nB =  3\t # y\r\n" },
		{ "A = 1\nA = 2", "A", "9", "A = 1\nA = 9" },
		{ "P = (0.8,\n 0.9) ; Q = 1\n", "P", "(0.9, 0.95)", "P = (0.9, 0.95) ; Q = 1\n" },
		{ "S = \"SSSL\" # it's", "S", "\"L\"", "S = \"L\" # it's" },
		{ "A = \\\n  1\n", "A", "2 *\\\n 3", "A = \\\n  2 *\\\n 3\n" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *out;
		struct art_err err;

		if (recipe_set(row[i].text, strlen(row[i].text), row[i].name, row[i].value, &out, &err))
			fail_msg("row %zu: %s", i, err.text);
		assert_string_equal(out, row[i].want);
		free(out);
	}
}

static void recipe_set_must_refuse_what_is_not_one_value(void **state)
{
	static const char *const bad[] = {
		"", " ", "1 ", " 1", "1 # note", "1\nB = 2", "1; B = 2", "(1", "1)", "\"x", "'''", "1\\",
		"\xff", "\n", "#",
	};
	static const char text[] = "A = 1 # one\nB = 5\n";
	char *out;
	struct art_err err;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		if (recipe_set(text, strlen(text), "A", bad[i], &out, &err) != ART_INVALID)
			fail_msg("took \"%s\"", bad[i]);
		assert_null(out);
	}
	assert_int_equal(recipe_set(text, strlen(text), "C", "1", &out, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "C"));
	assert_int_equal(recipe_set("A = (", 5, "A", "1", &out, &err), ART_INVALID);
}

/* Any constant of the script, any value of a few: the others and every byte around stay. */
static void recipe_set_must_leave_the_rest_of_a_script(void **state)
{
	static const char *const value[] = { "1", "0.125", "\"text\"", "(1, 2)", "None", "[3,\n4]" };
	struct recipe *r = must_parse(script);
	struct art_rng rng;

	(void)state;
	art_rng_seed(&rng, SEED);
	for (int i = 0; i < 500; i++) {
		const struct recipe_constant *c = &r->c[art_rng_u64(&rng) % (uint64_t)r->n];
		const char *v = value[art_rng_u64(&rng) % ART_COUNT(value)];
		size_t tail = c->value_at + c->value_len;
		char *out;

		assert_int_equal(recipe_set(script, sizeof(script) - 1, c->name, v, &out, NULL), ART_OK);
		if (memcmp(out, script, c->value_at) != 0 ||
		    strncmp(out + c->value_at, v, strlen(v)) != 0 ||
		    strcmp(out + c->value_at + strlen(v), script + tail) != 0)
			fail_msg("seed %u, round %d: %s = %s", SEED, i, c->name, v);
		free(out);
	}
	free(r);
}

static void recipe_diff_knobs_must_name_each_change(void **state)
{
	static const char from[] = "MATRIX_LR = 0.04\nGONE = 1\nB = 2**19\nS = 'a'\nT = (1, 2)\nO = f(1)\n";
	static const char to[] = "B = 524288\nMATRIX_LR = 0.06 # up\nS = \"b\"\nT = [1,  2]\nO = f(2,\n3)\nNEW = 5\n";
	struct recipe *a = must_parse(from), *b = must_parse(to);
	struct art_buf out;

	(void)state;
	art_buf_init(&out, 1000);
	recipe_diff_knobs(&out, a, from, b, to);
	assert_string_equal(out.data, "MATRIX_LR: 0.04 -> 0.06\nS: 'a' -> \"b\"\nO: f(1) -> f(2, 3)\n"
				      "NEW: (absent) -> 5\nGONE: 1 -> (absent)\n");
	art_buf_reset(&out);
	recipe_diff_knobs(&out, a, from, a, from);
	assert_int_equal(out.len, 0);
	out.max = 30; /* room for one line: the list ends after it, and nobody dies */
	recipe_diff_knobs(&out, a, from, b, to);
	assert_string_equal(out.data, "MATRIX_LR: 0.04 -> 0.06\n");
	art_buf_destroy(&out);
	free(a);
	free(b);
}

static char *diff_of(const char *from, const char *to)
{
	struct art_buf b;

	art_buf_init(&b, 64 << 20);
	recipe_diff_text(&b, from, to, "a", "b");
	return art_buf_take(&b);
}

static void recipe_diff_text_must_match_the_table(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} row[] = {
		{ "same\n", "same\n", "" },
		{ "", "x\n", "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n" },
		{ "x\ny\n", "", "--- a\n+++ b\n@@ -1,2 +0,0 @@\n-x\n-y\n" },
		{ "a\nb\nc\n", "a\nB\nc\n", "--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n" },
		{ "a", "a\n", "--- a\n+++ b\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n" },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
		  "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n" },
		{ "x\n1\n2\n3\n4\n5\n6\n7\ny\n", "X\n1\n2\n3\n4\n5\n6\n7\nY\n",
		  "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-x\n+X\n 1\n 2\n 3\n"
		  "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-y\n+Y\n" },
		{ "x\n1\n2\n3\n4\n5\n6\ny\n", "1\n2\n3\n4\n5\n6\nz\ny\n",
		  "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-x\n 1\n 2\n 3\n 4\n 5\n 6\n+z\n y\n" },
		{ "a\r\n", "a\n", "--- a\n+++ b\n@@ -1 +1 @@\n-a\r\n+a\n" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *got = diff_of(row[i].from, row[i].to);

		if (strcmp(got, row[i].want) != 0)
			fail_msg("row %zu:\n%s", i, got);
		free(got);
	}
}

/* Lines of one diff applied to @from: what a plain reading of the format gives, and how many lines
 * were removed or added. Checks every head's numbers on the way. */
static char *apply(const char *from, const char *diff, int *edits)
{
	struct art_buf out;
	int line = 1, made = 1, old_left = 0, new_left = 0;

	*edits = 0;
	art_buf_init(&out, 64 << 20);
	if (*diff) {
		assert_memory_equal(diff, "--- a\n+++ b\n", 12);
		diff += 12;
	}
	while (*diff) {
		const char *end = strchr(diff, '\n');
		size_t len = (size_t)(end - diff) + 1;
		bool no_newline = end[1] == '\\';

		if (*diff == '@') {
			int a, an = 1, b, bn = 1, used = 0;
			assert_true(old_left == 0 && new_left == 0);
			if (sscanf(diff, "@@ -%d,%d +%d,%d @@%n", &a, &an, &b, &bn, &used) != 4 &&
			    (bn = 1, sscanf(diff, "@@ -%d,%d +%d @@%n", &a, &an, &b, &used)) != 3 &&
			    (an = 1, sscanf(diff, "@@ -%d +%d,%d @@%n", &a, &b, &bn, &used)) != 3)
				assert_int_equal((bn = 1, sscanf(diff, "@@ -%d +%d @@%n", &a, &b, &used)), 2);
			a += an == 0;
			b += bn == 0;
			for (; line < a; line++, made++) {
				size_t n = strcspn(from, "\n") + 1;
				assert_int_equal(art_buf_add(&out, from, n), ART_OK);
				from += n;
			}
			assert_int_equal(made, b);
			old_left = an;
			new_left = bn;
		} else if (*diff == ' ' || *diff == '-' || *diff == '+') {
			size_t n = len - 1 - (no_newline ? 1 : 0);
			if (*diff != '+') {
				assert_memory_equal(from, diff + 1, n);
				from += n;
				line++;
				old_left--;
			}
			if (*diff != '-') {
				assert_int_equal(art_buf_add(&out, diff + 1, n), ART_OK);
				made++;
				new_left--;
			}
			*edits += *diff != ' ';
		}
		diff += len;
	}
	assert_true(old_left == 0 && new_left == 0);
	art_buf_put(&out, from);
	return art_buf_take(&out);
}

/* The plain table of the longest common subsequence: what the fast diff has to equal. */
static int plain_edits(char **a, int n, char **b, int m)
{
	int *row = art_alloc((size_t)m + 1, sizeof(*row));

	for (int i = 1; i <= n; i++) {
		int diagonal = 0;
		for (int j = 1; j <= m; j++) {
			int above = row[j];
			row[j] = !strcmp(a[i - 1], b[j - 1]) ? diagonal + 1
				 : above > row[j - 1]	     ? above
							     : row[j - 1];
			diagonal = above;
		}
	}
	int common = row[m];
	free(row);
	return n + m - 2 * common;
}

static int random_lines(struct art_rng *r, char **line, struct art_buf *text, int max, int words)
{
	int n = (int)(art_rng_u64(r) % (uint64_t)(max + 1));

	for (int i = 0; i < n; i++) {
		int end = i == n - 1 && art_rng_u64(r) % 3 == 0;
		line[i] = art_printf("%d%s", (int)(art_rng_u64(r) % (uint64_t)words), end ? "" : "\n");
		art_buf_put(text, line[i]);
	}
	art_buf_put(text, "");
	return n;
}

static void recipe_diff_text_must_be_right_and_shortest(void **state)
{
	enum { MAX = 60 };
	struct art_rng r;

	(void)state;
	art_rng_seed(&r, SEED + 1);
	for (int i = 0; i < 4000; i++) {
		char *a[MAX], *b[MAX];
		struct art_buf from, to;
		int words = 2 + i % 40, edits, max = 1 + i % MAX;

		art_buf_init(&from, 10000);
		art_buf_init(&to, 10000);
		int n = random_lines(&r, a, &from, max, words);
		int m = random_lines(&r, b, &to, max, words);
		char *diff = diff_of(from.data, to.data);
		char *made = apply(from.data, diff, &edits);
		if (strcmp(made, to.data) != 0 || edits != plain_edits(a, n, b, m))
			fail_msg("seed %u, round %d: %d edits, %d needed\n%s", SEED + 1, i, edits,
				 plain_edits(a, n, b, m), diff);
		free(diff);
		free(made);
		while (n)
			free(a[--n]);
		while (m)
			free(b[--m]);
		art_buf_destroy(&from);
		art_buf_destroy(&to);
	}
}

static char *numbered(int n, int step, int offset)
{
	struct art_buf b;

	art_buf_init(&b, 64 << 20);
	for (int i = 0; i < n; i++)
		art_buf_putf(&b, "line %d\n", i * step + offset);
	return art_buf_take(&b);
}

static void recipe_diff_text_must_stay_quick_on_large_texts(void **state)
{
	/* nothing common; interleaved; past the ceiling on lines */
	static const struct {
		int n, step;
	} row[] = { { 20000, 0 }, { 20000, 2 }, { 60000, 2 } };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		char *a = numbered(row[i].n, 1, 0);
		char *b = numbered(row[i].n, row[i].step ? row[i].step : 1, row[i].step ? 1 : 1000000);
		clock_t from = clock();
		int edits;

		char *diff = diff_of(a, b);
		/* Of the processor, which a busy machine does not change: quadratic work takes minutes. */
		assert_true(clock() - from < 60 * CLOCKS_PER_SEC);
		char *made = apply(a, diff, &edits);
		assert_string_equal(made, b);
		free(a);
		free(b);
		free(diff);
		free(made);
	}
}

static void recipe_diff_text_must_end_after_a_whole_line_when_full(void **state)
{
	static const char from[] = "a\nb\nc\nd\n", to[] = "a\nX\nc\nlong enough to hit the end\n";
	char *whole = diff_of(from, to);

	(void)state;
	for (size_t max = 0; max < strlen(whole); max++) {
		struct art_buf b;
		art_buf_init(&b, max);
		recipe_diff_text(&b, from, to, "a", "b");
		assert_true(b.len <= max);
		if (b.len) {
			assert_memory_equal(b.data, whole, b.len);
			assert_int_equal(b.data[b.len - 1], '\n');
		}
		art_buf_destroy(&b);
	}
	free(whole);
}

static void recipe_native_default_must_hold_every_knob(void **state)
{
	char *text = recipe_native_default();
	struct recipe *r = must_parse(text);

	(void)state;
	assert_int_equal(r->n, KNOB_COUNT);
	for (int i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = knob_by_id((enum knob_id)i);
		const struct recipe_constant *c = recipe_find(r, k->name);

		assert_non_null(c);
		assert_int_equal(c->value_len, strlen(k->def));
		assert_memory_equal(text + c->value_at, k->def, c->value_len);
		assert_int_not_equal(c->value.type, RECIPE_OTHER);
		const char *note = text + c->value_at + c->value_len;
		assert_memory_equal(strchr(note, '#') + 2, k->help, strlen(k->help));
	}
	assert_non_null(strstr(text, "\n# Model architecture\n"));
	assert_non_null(strstr(text, "\n# Optimization\n"));
	assert_non_null(strstr(text, "\n# Model size\n"));
	free(r);
	free(text);
}

/* Damage of any kind: the parser ends, and what it reports lies inside the text. */
static void recipe_parse_must_survive_damage(void **state)
{
	static const char dirt[] = "\"'()[]{}#\\\n\r;= \t0.9_eE*-+xAN,\xff";
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_rng rng;

	(void)state;
	art_rng_seed(&rng, SEED + 2);
	for (int i = 0; i < 20000; i++) {
		size_t from = art_rng_u64(&rng) % sizeof(script);
		size_t n = art_rng_u64(&rng) % (sizeof(script) - from);
		char *text = art_alloc(n, 1); /* exact, so that reading past the end is seen */

		memcpy(text, script + from, n);
		for (uint64_t k = art_rng_u64(&rng) % 6; n && k; k--)
			text[art_rng_u64(&rng) % n] = dirt[art_rng_u64(&rng) % (sizeof(dirt) - 1)];
		if (!recipe_parse(r, text, n, NULL))
			for (int c = 0; c < r->n; c++)
				if (r->c[c].value_at + r->c[c].value_len > n || !r->c[c].value_len)
					fail_msg("seed %u, round %d: span outside", SEED + 2, i);
		free(text);
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipe_parse_must_find_the_constants_only),
		cmocka_unit_test(recipe_parse_must_read_numbers),
		cmocka_unit_test(recipe_parse_must_keep_other_values_verbatim),
		cmocka_unit_test(recipe_parse_must_read_strings),
		cmocka_unit_test(recipe_parse_must_not_cut_a_string_silently),
		cmocka_unit_test(recipe_parse_must_read_rows_of_numbers),
		cmocka_unit_test(recipe_parse_must_keep_the_last_assignment),
		cmocka_unit_test(recipe_parse_must_understand_every_line_end),
		cmocka_unit_test(recipe_parse_must_follow_joined_lines_and_semicolons),
		cmocka_unit_test(recipe_parse_must_refuse_with_the_line),
		cmocka_unit_test(recipe_parse_must_hold_its_limits),
		cmocka_unit_test(recipe_parse_must_survive_damage),
		cmocka_unit_test(recipe_set_must_change_the_value_alone),
		cmocka_unit_test(recipe_set_must_refuse_what_is_not_one_value),
		cmocka_unit_test(recipe_set_must_leave_the_rest_of_a_script),
		cmocka_unit_test(recipe_diff_knobs_must_name_each_change),
		cmocka_unit_test(recipe_diff_text_must_match_the_table),
		cmocka_unit_test(recipe_diff_text_must_be_right_and_shortest),
		cmocka_unit_test(recipe_diff_text_must_stay_quick_on_large_texts),
		cmocka_unit_test(recipe_diff_text_must_end_after_a_whole_line_when_full),
		cmocka_unit_test(recipe_native_default_must_hold_every_knob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
