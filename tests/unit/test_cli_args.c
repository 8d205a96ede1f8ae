/*
 * test_cli_args.c - words of the command line, suggestions, the table of commands.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tui/cli/cli.h"

static const struct cli_option options[] = {
	{ "json", 0, CLI_FLAG, NULL, 0, 0, "h" },
	{ "limit", 'n', CLI_INT, "N", 1, 100, "h" },
	{ "hours", 0, CLI_REAL, "H", 0.5, 10, "h" },
	{ "sort", 0, CLI_CHOICE, "score|id|time", 0, 0, "h" },
	{ "match", 'm', CLI_TEXT, "TEXT", 0, 0, "h" },
	{ 0 },
};
static const struct cli_command command = { .name = "try", .operands = "", .options = options };

static struct cli_args args;
static struct cli_globals globals;
static int used;
static struct art_err err;

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })

static enum art_status parse(char **words)
{
	int n = 0;

	while (words[n])
		n++;
	globals = (struct cli_globals){ 0 };
	err = (struct art_err){ 0 };
	return cli_parse(&args, &globals, &used, &command, n, words, false, &err);
}

static void refused(char **words, const char *why)
{
	assert_int_equal(parse(words), ART_INVALID);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

static void cli_parse_must_read_every_form_of_an_option(void **state)
{
	(void)state;
	assert_int_equal(parse(WORDS("--limit", "5", "--json")), ART_OK);
	assert_true(cli_given(&args, "json"));
	assert_int_equal(cli_int(&args, "limit", 0), 5);
	assert_int_equal(parse(WORDS("--limit=6")), ART_OK);
	assert_int_equal(cli_int(&args, "limit", 0), 6);
	assert_int_equal(parse(WORDS("-n", "7")), ART_OK);
	assert_int_equal(cli_int(&args, "limit", 0), 7);
	assert_int_equal(parse(WORDS("-n8")), ART_OK);
	assert_int_equal(cli_int(&args, "limit", 0), 8);
	assert_int_equal(parse(WORDS("--match=a=b")), ART_OK);
	assert_string_equal(cli_text(&args, "match", ""), "a=b");
}

static void cli_parse_must_answer_what_is_absent(void **state)
{
	(void)state;
	assert_int_equal(parse(WORDS("x")), ART_OK);
	assert_false(cli_given(&args, "json"));
	assert_int_equal(cli_int(&args, "limit", 42), 42);
	assert_true(cli_real(&args, "hours", 1.5) == 1.5);
	assert_null(cli_text(&args, "match", NULL));
}

static void cli_parse_must_let_options_and_operands_mix(void **state)
{
	(void)state;
	assert_int_equal(parse(WORDS("one", "--json", "two", "-", "--", "--limit", "-x")), ART_OK);
	assert_int_equal(args.n_operands, 5);
	assert_string_equal(args.operands[0], "one");
	assert_string_equal(args.operands[1], "two");
	assert_string_equal(args.operands[2], "-");
	assert_string_equal(args.operands[3], "--limit");
	assert_string_equal(args.operands[4], "-x");
}

static void cli_parse_must_stop_at_the_command(void **state)
{
	char *words[] = { "-C", "/tmp", "--json", "status", "--limit", NULL };

	(void)state;
	globals = (struct cli_globals){ 0 };
	assert_int_equal(cli_parse(&args, &globals, &used, &command, 5, words, true, &err), ART_OK);
	assert_int_equal(used, 3);
	assert_string_equal(globals.dir, "/tmp");
}

static void cli_parse_must_collect_what_every_command_takes(void **state)
{
	(void)state;
	assert_int_equal(parse(WORDS("-c", "a.b=1", "--set", "c.d=2", "-h", "--directory=/x")),
			 ART_OK);
	assert_int_equal(globals.n_overrides, 2);
	assert_string_equal(globals.overrides[1], "c.d=2");
	assert_true(globals.help);
	assert_string_equal(globals.dir, "/x");
}

static void cli_parse_must_refuse_wrong_values_by_name(void **state)
{
	(void)state;
	refused(WORDS("--limit", "0"), "--limit: '0' is not a whole number from 1 to 100");
	refused(WORDS("--limit", "101"), "--limit");
	refused(WORDS("--limit", "5x"), "--limit");
	refused(WORDS("--limit", "1.5"), "--limit");
	refused(WORDS("--limit", ""), "--limit");
	refused(WORDS("--hours", "nan"), "--hours");
	refused(WORDS("--hours", "0.4"), "--hours");
	refused(WORDS("--sort", "scor"), "none of score|id|time");
	refused(WORDS("--sort", ""), "none of");
	refused(WORDS("--sort", "score|id"), "none of");
	refused(WORDS("--match", ""), "not empty");
}

static void cli_parse_must_refuse_missing_and_unwanted_values(void **state)
{
	(void)state;
	refused(WORDS("--limit"), "--limit needs a value");
	refused(WORDS("-n"), "-n needs a value");
	refused(WORDS("--json=yes"), "--json takes no value");
}

static void cli_parse_must_suggest_the_nearest_option(void **state)
{
	(void)state;
	refused(WORDS("--jsno"), "did you mean --json?");
	refused(WORDS("--lim", "3"), "did you mean --limit?");
	refused(WORDS("--hlep"), "did you mean --help?");
	refused(WORDS("-z"), "there is no option -z");
}

static void cli_parse_must_not_suggest_what_is_far(void **state)
{
	(void)state;
	refused(WORDS("--qqqqqq"), "there is no option --qqqqqq");
	assert_null(strstr(err.text, "did you mean"));
}

static void cli_parse_must_bound_its_overrides(void **state)
{
	char *words[2 * CLI_OVERRIDES_MAX + 3];
	int n = 0;

	(void)state;
	for (int i = 0; i <= CLI_OVERRIDES_MAX; i++) {
		words[n++] = "-c";
		words[n++] = "a.b=1";
	}
	globals = (struct cli_globals){ 0 };
	assert_int_equal(cli_parse(&args, &globals, &used, &command, n, words, false, &err),
			 ART_LIMIT);
}

static void cli_distance_must_count_edits_and_swaps(void **state)
{
	char longer[200];

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(cli_distance("json", "json", 3), 0);
	assert_int_equal(cli_distance("jsno", "json", 3), 1);
	assert_int_equal(cli_distance("jso", "json", 3), 1);
	assert_int_equal(cli_distance("", "abc", 3), 3);
	assert_int_equal(cli_distance("abcdef", "uvwxyz", 3), 4);
	assert_int_equal(cli_distance(longer, "a", 2), 3);
}

static void cli_command_near_must_find_typing_errors(void **state)
{
	(void)state;
	assert_string_equal(cli_command_near("statsu"), "status");
	assert_string_equal(cli_command_near("stat"), "status");
	assert_string_equal(cli_command_near("exp"), "experiments");
	assert_null(cli_command_near("frobnicate"));
	assert_null(cli_command_near("__lis"));
}

static void the_command_table_must_be_sound(void **state)
{
	(void)state;
	for (int i = 0; cli_command_at(i); i++) {
		const struct cli_command *c = cli_command_at(i);
		int n = 0;

		assert_true(i == 0 ? !c->run : c->run != NULL);
		assert_true(strlen(c->help) > 5);
		assert_true(c->min_operands <= c->max_operands);
		assert_true((*c->operands != 0) == (c->max_operands > 0));
		if (i)
			assert_ptr_equal(cli_command_find(c->name), c);
		for (const struct cli_option *o = c->options; o->name; o++, n++) {
			assert_true((o->type == CLI_FLAG) == (o->arg == NULL));
			if (o->type == CLI_INT || o->type == CLI_REAL)
				assert_true(o->lo < o->hi);
			for (const struct cli_option *g = cli_global_options(); g->name; g++) {
				assert_string_not_equal(o->name, g->name);
				assert_true(!o->letter || o->letter != g->letter);
			}
		}
		assert_true(n < CLI_OPTIONS_MAX);
	}
}

static void cli_parse_id_must_take_numbers_of_experiments_only(void **state)
{
	int64_t id;

	(void)state;
	assert_int_equal(cli_parse_id("12", &id, &err), ART_OK);
	assert_int_equal(id, 12);
	assert_int_equal(cli_parse_id("#7", &id, &err), ART_OK);
	assert_int_equal(id, 7);
	assert_int_equal(cli_parse_id("0", &id, &err), ART_INVALID);
	assert_int_equal(cli_parse_id("-1", &id, &err), ART_INVALID);
	assert_int_equal(cli_parse_id("1x", &id, &err), ART_INVALID);
	assert_int_equal(cli_parse_id("", &id, &err), ART_INVALID);
	assert_int_equal(cli_parse_id("99999999999999999999", &id, &err), ART_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cli_parse_must_read_every_form_of_an_option),
		cmocka_unit_test(cli_parse_must_answer_what_is_absent),
		cmocka_unit_test(cli_parse_must_let_options_and_operands_mix),
		cmocka_unit_test(cli_parse_must_stop_at_the_command),
		cmocka_unit_test(cli_parse_must_collect_what_every_command_takes),
		cmocka_unit_test(cli_parse_must_refuse_wrong_values_by_name),
		cmocka_unit_test(cli_parse_must_refuse_missing_and_unwanted_values),
		cmocka_unit_test(cli_parse_must_suggest_the_nearest_option),
		cmocka_unit_test(cli_parse_must_not_suggest_what_is_far),
		cmocka_unit_test(cli_parse_must_bound_its_overrides),
		cmocka_unit_test(cli_distance_must_count_edits_and_swaps),
		cmocka_unit_test(cli_command_near_must_find_typing_errors),
		cmocka_unit_test(the_command_table_must_be_sound),
		cmocka_unit_test(cli_parse_id_must_take_numbers_of_experiments_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
