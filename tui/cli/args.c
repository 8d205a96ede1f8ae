/*
 * args.c - words of the command line against a command's table of options.
 *
 * Layer: tui. Pure but for reordering argv.
 */
#include "tui/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

int cli_distance(const char *a, const char *b, int cap)
{
	size_t la = strlen(a), lb = strlen(b);
	int d[WORD_MAX + 1][WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return cap + 1;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = (int)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (int)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb] > cap ? cap + 1 : d[la][lb];
}

/* The nearest of two tables of options, NULL when none is near. */
static const char *near_option(const struct cli_command *cmd, const char *word, size_t len)
{
	const struct cli_option *tables[] = { cmd->options, cli_global_options() };
	const char *best = NULL;
	int best_d = 3;
	char name[WORD_MAX];

	if (len == 0 || len >= sizeof(name))
		return NULL;
	memcpy(name, word, len);
	name[len] = 0;
	for (size_t t = 0; t < ART_COUNT(tables); t++) {
		for (const struct cli_option *o = tables[t]; o && o->name; o++) {
			int d = strncmp(o->name, name, len) == 0 && len >= 3 ? 1
				: cli_distance(o->name, name, 2);

			if (d < best_d) {
				best_d = d;
				best = o->name;
			}
		}
	}
	return best;
}

static const struct cli_option *find_long(const struct cli_option *table, const char *word,
					  size_t len)
{
	for (const struct cli_option *o = table; o && o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, word, len) == 0)
			return o;
	return NULL;
}

static const struct cli_option *find_short(const struct cli_option *table, char letter)
{
	for (const struct cli_option *o = table; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static bool choice_has(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *p = choices; n && *p;) {
		size_t len = strcspn(p, "|");

		if (len == n && memcmp(p, value, n) == 0)
			return true;
		p += len;
		if (*p)
			p++;
	}
	return false;
}

static enum art_status check_value(const struct cli_option *o, const char *v, struct art_err *err)
{
	int64_t i;
	double f;
	struct usdc money;
	char lo[32], hi[32];

	switch (o->type) {
	case CLI_FLAG:
	case CLI_STRING:
		return ART_OK;
	case CLI_MONEY:
		if (usdc_parse(v, &money, NULL) == ART_OK)
			return ART_OK;
		return art_fail(err, ART_INVALID, "--%s: '%s' is not an amount in dollars like 0.05",
				o->name, v);
	case CLI_LIST:
	case CLI_TEXT:
		if (!*v)
			return art_fail(err, ART_INVALID, "--%s needs a %s that is not empty",
					o->name, o->arg);
		return ART_OK;
	case CLI_INT:
		if (art_parse_i64(v, &i) && (double)i >= o->lo && (double)i <= o->hi)
			return ART_OK;
		break;
	case CLI_REAL:
		if (art_parse_f64(v, &f) && f >= o->lo && f <= o->hi)
			return ART_OK;
		break;
	case CLI_CHOICE:
		if (choice_has(o->arg, v))
			return ART_OK;
		return art_fail(err, ART_INVALID, "--%s: '%s' is none of %s", o->name, v, o->arg);
	}
	return art_fail(err, ART_INVALID, "--%s: '%s' is not a %snumber from %s to %s", o->name, v,
			o->type == CLI_INT ? "whole " : "", art_f64_text(o->lo, lo, sizeof(lo)),
			art_f64_text(o->hi, hi, sizeof(hi)));
}

static enum art_status set_global(struct cli_globals *g, const struct cli_option *o,
				  const char *value, struct art_err *err)
{
	switch (o->letter) {
	case 'C':
		g->dir = value;
		break;
	case 'c':
		if (g->n_overrides == CLI_OVERRIDES_MAX)
			return art_fail(err, ART_LIMIT, "-c is given more than %d times",
					CLI_OVERRIDES_MAX);
		g->overrides[g->n_overrides++] = value;
		break;
	case 'h':
		g->help = true;
		break;
	case 'V':
		g->version = true;
		break;
	}
	return ART_OK;
}

/* One option with its value (NULL for a flag) into its place. */
static enum art_status set_option(struct cli_args *a, struct cli_globals *g, bool global,
				  const struct cli_option *o, const char *value,
				  struct art_err *err)
{
	enum art_status s;

	if (o->type != CLI_FLAG) {
		s = check_value(o, value, err);
		if (s != ART_OK)
			return s;
	}
	if (global)
		return set_global(g, o, value, err);
	a->values[o - a->command->options] = value ? value : "";
	if (o->type == CLI_LIST) {
		if (a->n_list == CLI_LIST_MAX)
			return art_fail(err, ART_LIMIT, "--%s is given more than %d times", o->name,
					CLI_LIST_MAX);
		a->list[a->n_list++] = value;
	}
	return ART_OK;
}

struct words {
	int argc, at;
	char **argv;
};

static enum art_status parse_long(struct cli_args *a, struct cli_globals *g, struct words *w,
				  struct art_err *err)
{
	const char *word = w->argv[w->at] + 2, *value = NULL;
	size_t len = strcspn(word, "=");
	const struct cli_option *o = find_long(a->command->options, word, len);
	bool global = false;

	if (!o) {
		o = find_long(cli_global_options(), word, len);
		global = true;
	}
	if (!o) {
		const char *near = near_option(a->command, word, len);

		return art_fail(err, ART_INVALID, "there is no option --%.*s%s%s%s", (int)len, word,
				near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
	}
	if (word[len] == '=') {
		if (o->type == CLI_FLAG)
			return art_fail(err, ART_INVALID, "--%s takes no value", o->name);
		value = word + len + 1;
	} else if (o->type != CLI_FLAG) {
		if (w->at + 1 >= w->argc)
			return art_fail(err, ART_INVALID, "--%s needs a value: --%s %s", o->name,
					o->name, o->arg);
		value = w->argv[++w->at];
	}
	w->at++;
	return set_option(a, g, global, o, value, err);
}

static enum art_status parse_short(struct cli_args *a, struct cli_globals *g, struct words *w,
				   struct art_err *err)
{
	const char *p = w->argv[w->at] + 1;

	while (*p) {
		const struct cli_option *o = find_short(a->command->options, *p);
		bool global = !o;
		const char *value = NULL;
		enum art_status s;

		if (!o)
			o = find_short(cli_global_options(), *p);
		if (!o)
			return art_fail(err, ART_INVALID, "there is no option -%c", *p);
		p++;
		if (o->type != CLI_FLAG) {
			if (*p) {
				value = p;
			} else if (w->at + 1 < w->argc) {
				value = w->argv[++w->at];
			} else {
				return art_fail(err, ART_INVALID, "-%c needs a value: -%c %s",
						o->letter, o->letter, o->arg);
			}
			p = "";
		}
		s = set_option(a, g, global, o, value, err);
		if (s != ART_OK)
			return s;
	}
	w->at++;
	return ART_OK;
}

enum art_status cli_parse(struct cli_args *a, struct cli_globals *g, int *consumed,
			  const struct cli_command *cmd, int argc, char **argv,
			  bool stop_at_operand, struct art_err *err)
{
	struct words w = { .argc = argc, .argv = argv };
	bool options_end = false;
	enum art_status s = ART_OK;

	*a = (struct cli_args){ .command = cmd, .operands = argv };
	while (w.at < w.argc && s == ART_OK) {
		char *word = w.argv[w.at];

		if (options_end || word[0] != '-' || !word[1]) {
			if (stop_at_operand)
				break;
			a->operands[a->n_operands++] = word;
			w.at++;
		} else if (strcmp(word, "--") == 0) {
			options_end = true;
			w.at++;
		} else if (word[1] == '-') {
			s = parse_long(a, g, &w, err);
		} else {
			s = parse_short(a, g, &w, err);
		}
	}
	*consumed = w.at;
	return s;
}

static const char *value_of(const struct cli_args *a, const char *option)
{
	const struct cli_option *o = find_long(a->command->options, option, strlen(option));

	ART_BUG_ON(!o);
	return a->values[o - a->command->options];
}

bool cli_given(const struct cli_args *a, const char *option)
{
	return value_of(a, option) != NULL;
}

const char *cli_text(const struct cli_args *a, const char *option, const char *absent)
{
	const char *v = value_of(a, option);

	return v ? v : absent;
}

int64_t cli_int(const struct cli_args *a, const char *option, int64_t absent)
{
	const char *v = value_of(a, option);
	int64_t n;

	if (!v)
		return absent;
	ART_BUG_ON(!art_parse_i64(v, &n));
	return n;
}

double cli_real(const struct cli_args *a, const char *option, double absent)
{
	const char *v = value_of(a, option);
	double f;

	if (!v)
		return absent;
	ART_BUG_ON(!art_parse_f64(v, &f));
	return f;
}

struct usdc cli_money(const struct cli_args *a, const char *option, struct usdc absent)
{
	const char *v = value_of(a, option);
	struct usdc money;

	if (!v)
		return absent;
	ART_BUG_ON(usdc_parse(v, &money, NULL) != ART_OK);
	return money;
}
