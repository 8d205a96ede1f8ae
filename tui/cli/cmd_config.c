/*
 * cmd_config.c - what the program knows of itself: config, help, and lists for tests.
 *
 * Layer: tui.
 */
#include "tui/cli/cli.h"

#include <string.h>

#include "store/json.h"
#include "store/knobs.h"
#include "tui/screen/bind.h"
#include "tui/screen/screen.h"

static const char *type_text(enum config_type t)
{
	switch (t) {
	case CONFIG_TEXT:
		return "text";
	case CONFIG_INT:
		return "whole number";
	case CONFIG_REAL:
		return "number";
	case CONFIG_BOOL:
		return "true or false";
	case CONFIG_MONEY:
		return "dollars";
	}
	return "";
}

static void value_json(struct json_out *o, const struct config *cfg, enum config_key k)
{
	switch (config_entry(k)->type) {
	case CONFIG_TEXT:
	case CONFIG_MONEY: /* exact: no binary fraction stands between */
		json_put_str(o, "value", config_text(cfg, k));
		return;
	case CONFIG_INT:
		json_put_int(o, "value", config_int(cfg, k));
		return;
	case CONFIG_REAL:
		json_put_f64(o, "value", config_real(cfg, k));
		return;
	case CONFIG_BOOL:
		json_put_bool(o, "value", config_bool(cfg, k));
		return;
	}
}

static void value_text(const struct config *cfg, enum config_key k, char *buf, size_t n)
{
	char money[MONEY_TEXT];

	switch (config_entry(k)->type) {
	case CONFIG_TEXT:
		snprintf(buf, n, "%s", *config_text(cfg, k) ? config_text(cfg, k) : "(empty)");
		return;
	case CONFIG_INT:
		snprintf(buf, n, "%lld", (long long)config_int(cfg, k));
		return;
	case CONFIG_REAL:
		art_f64_text(config_real(cfg, k), buf, n);
		return;
	case CONFIG_BOOL:
		snprintf(buf, n, "%s", config_bool(cfg, k) ? "true" : "false");
		return;
	case CONFIG_MONEY:
		snprintf(buf, n, "%s", usdc_text(config_money(cfg, k), money));
		return;
	}
}

/* Calls @fn for every field of a [chain.NAME] section that is set. */
static void each_chain_value(const struct config *cfg,
			     void (*fn)(void *arg, const char *key, const char *value,
					const char *origin, const char *help),
			     void *arg)
{
	char key[128];

	for (int i = 0; i < config_chain_count(cfg); i++)
		for (int f = 0; f < CONFIG_CHAIN_FIELD_COUNT; f++) {
			const char *origin;
			const char *v = config_chain(cfg, i, (enum config_chain_field)f, &origin);

			if (!v)
				continue;
			snprintf(key, sizeof(key), "chain.%s.%s", config_chain_name(cfg, i),
				 config_chain_field_name((enum config_chain_field)f));
			fn(arg, key, v, origin, config_chain_field_help((enum config_chain_field)f));
		}
}

static void chain_json(void *arg, const char *key, const char *value, const char *origin,
		       const char *help)
{
	struct json_out *o = arg;

	json_open_object(o, NULL);
	json_put_str(o, "key", key);
	json_put_str(o, "value", value);
	json_put_str(o, "origin", origin);
	json_put_null(o, "default");
	json_put_str(o, "type", "text");
	json_put_str(o, "help", help);
	json_close_object(o);
}

static void chain_row(void *arg, const char *key, const char *value, const char *origin,
		      const char *help)
{
	struct cli_table *t = arg;

	cli_table_row(t, CLI_BOLD);
	cli_table_cell(t, "%s", key);
	cli_table_cell(t, "%s", value);
	cli_table_cell(t, "%s", origin);
	cli_table_cell(t, "%s", help);
}

static void print_json(struct cli *c)
{
	struct art_buf b;
	struct json_out o;

	cli_array_open(&o, &b);
	for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_entry *e = config_entry((enum config_key)i);

		json_open_object(&o, NULL);
		json_put_str(&o, "key", e->name);
		value_json(&o, c->config, (enum config_key)i);
		json_put_str(&o, "origin", config_origin(c->config, (enum config_key)i));
		json_put_str(&o, "default", e->def);
		json_put_str(&o, "type", type_text(e->type));
		json_put_str(&o, "help", e->help);
		json_close_object(&o);
	}
	each_chain_value(c->config, chain_json, &o);
	cli_array_close(c, &o);
}

static void print_table(struct cli *c)
{
	static const struct cli_column columns[] = {
		{ "KEY", false, 0, 0 },
		{ "VALUE", false, 8, 0 },
		{ "ORIGIN", false, 8, 1 },
		{ "MEANING", false, 16, 2 },
	};
	struct cli_table t;
	char value[1024];

	cli_table_init(&t, columns, ART_COUNT(columns));
	for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_entry *e = config_entry((enum config_key)i);
		const char *origin = config_origin(c->config, (enum config_key)i);

		value_text(c->config, (enum config_key)i, value, sizeof(value));
		cli_table_row(&t, strcmp(origin, "default") == 0 ? CLI_PLAIN : CLI_BOLD);
		cli_table_cell(&t, "%s", e->name);
		cli_table_cell(&t, "%s", value);
		cli_table_cell(&t, "%s", origin);
		cli_table_cell(&t, "%s", e->help);
	}
	each_chain_value(c->config, chain_row, &t);
	cli_table_print(&t, c);
	cli_table_destroy(&t);
}

int cmd_config(struct cli *c, const struct cli_args *a)
{
	struct art_err err;

	if (cli_open_config(c, &err) != ART_OK)
		return cli_fail(&err);
	if (cli_given(a, "json"))
		print_json(c);
	else
		print_table(c);
	return CLI_DONE;
}

int cmd_help(struct cli *c, const struct cli_args *a)
{
	const struct cli_command *cmd;
	const char *near;

	if (!a->n_operands) {
		cli_print_overview(c->out);
		return CLI_DONE;
	}
	cmd = cli_command_find(a->operands[0]);
	if (cmd) {
		cli_print_help(c->out, cmd);
		return CLI_DONE;
	}
	near = cli_command_near(a->operands[0]);
	return cli_usage(NULL, "there is no command %s%s%s%s", a->operands[0],
			 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ---- lists that tests/lint-man.sh compares with the manual and the completion ------------------ */

static void list_options(FILE *to, const char *command, const struct cli_option *o)
{
	for (; o->name; o++)
		fprintf(to, "%s --%s\n", *command ? command : "artui", o->name);
}

/* One key a line. */
static void list_keys(FILE *to, const char *keys)
{
	for (const char *p = keys; *p;) {
		size_t n = strcspn(p, " ");

		fprintf(to, "%.*s\n", (int)n, p);
		p += n + (p[n] == ' ');
	}
}

int cmd_list(struct cli *c, const struct cli_args *a)
{
	const char *what = a->operands[0];

	if (strcmp(what, "commands") == 0) {
		for (int i = 1; cli_command_at(i); i++)
			if (!cli_command_at(i)->hidden)
				fprintf(c->out, "%s\n", cli_command_at(i)->name);
	} else if (strcmp(what, "options") == 0) {
		list_options(c->out, "", cli_global_options());
		for (int i = 0; cli_command_at(i); i++)
			list_options(c->out, cli_command_at(i)->name, cli_command_at(i)->options);
	} else if (strcmp(what, "keys") == 0) {
		for (int i = ACTION_NONE + 1; i < ACTION_COUNT; i++)
			list_keys(c->out, action_entry((enum action)i)->keys);
	} else if (strcmp(what, "panels") == 0) {
		for (int i = 0; screen_panel_name(i); i++)
			fprintf(c->out, "%s\n", screen_panel_name(i));
	} else if (strcmp(what, "config") == 0) {
		for (int i = 0; i < CONFIG_KEY_COUNT; i++)
			fprintf(c->out, "%s\n", config_entry((enum config_key)i)->name);
		for (int f = 0; f < CONFIG_CHAIN_FIELD_COUNT; f++)
			fprintf(c->out, "chain.NAME.%s\n",
				config_chain_field_name((enum config_chain_field)f));
	} else if (strcmp(what, "knobs") == 0) {
		for (int i = 0; i < KNOB_COUNT; i++)
			fprintf(c->out, "%s\n", knob_by_id((enum knob_id)i)->name);
	} else {
		return cli_usage(a->command, "there is no list of %s", what);
	}
	return CLI_DONE;
}
