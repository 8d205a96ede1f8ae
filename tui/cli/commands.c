/*
 * commands.c - the table of commands, and the help that comes from it.
 *
 * Layer: tui. artui(1), artui.bash and tests/lint-man.sh are checked against this table.
 */
#include "tui/cli/cli.h"

#include <string.h>

#define END { 0 }
#define JSON_OPTION { "json", 0, CLI_FLAG, NULL, 0, 0, "print JSON for scripts" }
#define ROUNDS_MAX 1000000
#define SEED_MAX 9007199254740991.0 /* 2^53 - 1: JSON carries it whole */

static const struct cli_option global_options[] = {
	{ "directory", 'C', CLI_TEXT, "DIR", 0, 0, "work in DIR instead of the current directory" },
	{ "set", 'c', CLI_TEXT, "section.key=value", 0, 0, "override a setting; may be repeated" },
	{ "help", 'h', CLI_FLAG, NULL, 0, 0, "tell about the command and exit" },
	{ "version", 'V', CLI_FLAG, NULL, 0, 0, "print the version and exit" },
	END,
};

static const struct cli_option top_options[] = {
	{ "headless", 0, CLI_FLAG, NULL, 0, 0, "no dashboard: print one line an event" },
	{ "overnight", 0, CLI_FLAG, NULL, 0, 0, "start a night, or resume the open one" },
	{ "rounds", 0, CLI_INT, "N", 1, ROUNDS_MAX, "end the night after N candidates" },
	{ "hours", 0, CLI_REAL, "H", 0.0001, 8760, "end the night after H hours" },
	{ "time-budget", 0, CLI_REAL, "S", 1, 604800, "training seconds of one run" },
	{ "seed", 0, CLI_INT, "N", 1, SEED_MAX, "seed of the night's choices" },
	{ "confirm", 0, CLI_INT, "K", 1, 20, "fresh seeds that confirm a candidate" },
	{ "offline", 0, CLI_FLAG, NULL, 0, 0, "nothing on the network" },
	{ "once", 0, CLI_TEXT, "PANEL", 0, 0, "print one panel of the dashboard as plain text" },
	{ "panel", 0, CLI_TEXT, "PANEL", 0, 0, "begin with this panel" },
	{ "theme", 0, CLI_TEXT, "NAME", 0, 0, "colours: default, light, mono, contrast, or a file" },
	{ "no-mouse", 0, CLI_FLAG, NULL, 0, 0, "leave the mouse to the terminal" },
	{ "read-only", 0, CLI_FLAG, NULL, 0, 0, "look only: start no engine, change nothing" },
	{ "db", 0, CLI_TEXT, "FILE", 0, 0, "show this database; no workspace, no engine" },
	END,
};

static const struct cli_option init_options[] = {
	{ "recipe", 0, CLI_TEXT, "FILE", 0, 0, "begin with this recipe instead of the native one" },
	END,
};
static const struct cli_option json_options[] = { JSON_OPTION, END };
static const struct cli_option no_options[] = { END };
static const struct cli_option experiments_options[] = {
	JSON_OPTION,
	{ "all", 'a', CLI_FLAG, NULL, 0, 0, "every class and verdict, imported ones too" },
	{ "limit", 'n', CLI_INT, "N", 1, 1000000000, "at most N" },
	{ "sort", 0, CLI_CHOICE, "score|id|time|verdict|proposer", 0, 0, "order (score: best first)" },
	{ "verdict", 0, CLI_TEXT, "V", 0, 0, "only this verdict; several with commas" },
	{ "match", 0, CLI_TEXT, "TEXT", 0, 0, "only with TEXT in title, idea, proposer or knobs" },
	{ "class", 0, CLI_INT, "ID", 1, SEED_MAX, "only this class; default: the newest night's" },
	END,
};
static const struct cli_option show_options[] = {
	JSON_OPTION,
	{ "recipe", 0, CLI_FLAG, NULL, 0, 0, "print its recipe, byte for byte" },
	{ "log", 0, CLI_FLAG, NULL, 0, 0, "print the end of each run's log" },
	END,
};
static const struct cli_option log_options[] = {
	JSON_OPTION,
	{ "follow", 'f', CLI_FLAG, NULL, 0, 0, "go on printing as things happen" },
	{ "limit", 'n', CLI_INT, "N", 1, 1000000000, "the newest N (50)" },
	{ "experiment", 'e', CLI_INT, "ID", 1, SEED_MAX, "only of this experiment" },
	END,
};
static const struct cli_option idea_options[] = {
	JSON_OPTION,
	{ "recipe", 0, CLI_TEXT, "FILE", 0, 0, "a whole recipe to try" },
	{ "list", 'l', CLI_FLAG, NULL, 0, 0, "list the ideas and what became of them" },
	END,
};
static const struct cli_option start_options[] = {
	JSON_OPTION,
	{ "rounds", 0, CLI_INT, "N", 1, ROUNDS_MAX, "end the night after N candidates" },
	{ "hours", 0, CLI_REAL, "H", 0.0001, 8760, "end the night after H hours" },
	{ "time-budget", 0, CLI_REAL, "S", 1, 604800, "training seconds of one run" },
	{ "seed", 0, CLI_INT, "N", 1, SEED_MAX, "seed of the night's choices" },
	{ "confirm", 0, CLI_INT, "K", 1, 20, "fresh seeds that confirm a candidate" },
	END,
};
static const struct cli_option report_options[] = {
	{ "format", 0, CLI_CHOICE, "text|md|json|svg", 0, 0, "what to write (text)" },
	JSON_OPTION,
	{ "night", 0, CLI_INT, "N", 1, SEED_MAX, "of this night; default: the newest" },
	{ "output", 'o', CLI_TEXT, "FILE", 0, 0, "into FILE instead of standard output" },
	END,
};
static const struct cli_option export_options[] = {
	{ "output", 'o', CLI_TEXT, "FILE", 0, 0, "into FILE; -: standard output" },
	END,
};

static const struct cli_option fetch_options[] = {
	{ "request", 'X', CLI_TEXT, "METHOD", 0, 0, "method; default GET, or POST with -d" },
	{ "data", 'd', CLI_STRING, "BODY", 0, 0, "body to send; @FILE: from FILE, @-: standard input" },
	{ "header", 'H', CLI_LIST, "'Name: value'", 0, 0, "header to send; may be repeated" },
	{ "max-usd", 0, CLI_MONEY, "X", 0, 0, "pay up to X without asking, and never more" },
	{ "dry-run", 0, CLI_FLAG, NULL, 0, 0, "tell the price; sign and pay nothing" },
	{ "yes", 'y', CLI_FLAG, NULL, 0, 0, "answer yes where the policy would ask" },
	{ "id", 0, CLI_TEXT, "NAME", 0, 0, "name of this request: a name is paid for once, ever" },
	{ "wallet", 0, CLI_TEXT, "NAME", 0, 0, "wallet to pay with" },
	{ "password-file", 0, CLI_TEXT, "FILE", 0, 0, "file with the wallet's password, readable by its owner alone" },
	{ "password-fd", 0, CLI_INT, "N", 3, 1023, "open descriptor to read the password from" },
	{ "timeout", 0, CLI_INT, "S", 1, 604800, "seconds for one request" },
	{ "output", 'o', CLI_TEXT, "FILE", 0, 0, "write the body into FILE" },
	JSON_OPTION,
	END,
};
static const struct cli_option wallet_options[] = {
	{ "private-key-file", 0, CLI_TEXT, "FILE", 0, 0, "import the key in FILE (64 hex digits); -: standard input" },
	{ "keystore", 0, CLI_TEXT, "FILE", 0, 0, "import this keystore file of geth, foundry or artui" },
	{ "password-file", 0, CLI_TEXT, "FILE", 0, 0, "file with the wallet's password, readable by its owner alone" },
	{ "password-fd", 0, CLI_INT, "N", 3, 1023, "open descriptor to read the password from" },
	{ "kdf", 0, CLI_CHOICE, "scrypt|pbkdf2", 0, 0, "how the password becomes a key (scrypt)" },
	{ "work", 0, CLI_INT, "N", 2, 10000000, "scrypt's n or PBKDF2's rounds (262144); less is weaker" },
	{ "chain", 0, CLI_TEXT, "NAME", 0, 0, "balance on this chain alone" },
	JSON_OPTION,
	END,
};
static const struct cli_option payments_options[] = {
	JSON_OPTION,
	{ "csv", 0, CLI_FLAG, NULL, 0, 0, "print CSV for bookkeeping, oldest first" },
	{ "state", 0, CLI_TEXT, "STATE", 0, 0, "only this state" },
	{ "match", 0, CLI_TEXT, "TEXT", 0, 0, "only with TEXT in URL, payee or transaction" },
	{ "limit", 'n', CLI_INT, "N", 1, 1000000000, "the newest N" },
	END,
};

static const struct cli_command commands[] = {
	{ "", "", 0, 0, CLI_NEEDS_NOTHING, false, NULL, top_options,
	  "the dashboard; with --headless --overnight a night without one", NULL },
	{ "init", "[DIR]", 0, 1, CLI_NEEDS_NOTHING, false, cmd_init, init_options,
	  "make a workspace",
	  "Makes DIR (the current directory) a workspace: .artui/ with an empty database, and\n"
	  "recipe.py, the starting recipe, beside it." },
	{ "start", "", 0, 0, CLI_NEEDS_STORE, false, cmd_wish, start_options,
	  "ask the running artui to start or resume a night", NULL },
	{ "stop", "", 0, 0, CLI_NEEDS_STORE, false, cmd_wish, json_options,
	  "ask the running artui to end the night, with its report", NULL },
	{ "pause", "", 0, 0, CLI_NEEDS_STORE, false, cmd_wish, json_options,
	  "ask it to finish the present run and start no other", NULL },
	{ "resume", "", 0, 0, CLI_NEEDS_STORE, false, cmd_wish, json_options,
	  "ask it to go on after a pause", NULL },
	{ "cancel", "ID", 1, 1, CLI_NEEDS_STORE, false, cmd_wish, json_options,
	  "give an undecided experiment up", NULL },
	{ "idea", "[TEXT...]", 0, 64, CLI_NEEDS_STORE, false, cmd_idea, idea_options,
	  "hand in something to try next",
	  "TEXT is changes of constants (\"MATRIX_LR = 0.06, DEPTH = 5\") or words for people.\n"
	  "The engine takes it into the next candidate, or says why not (artui idea --list)." },
	{ "status", "", 0, 0, CLI_NEEDS_STORE, false, cmd_status, json_options,
	  "where the night stands", NULL },
	{ "experiments", "", 0, 0, CLI_NEEDS_STORE, false, cmd_experiments, experiments_options,
	  "the leaderboard", NULL },
	{ "show", "ID", 1, 1, CLI_NEEDS_STORE, false, cmd_show, show_options,
	  "one experiment: verdict and why, runs, changed constants", NULL },
	{ "diff", "ID [ID2]", 1, 2, CLI_NEEDS_STORE, false, cmd_diff, json_options,
	  "what an experiment changed in its parent's recipe, or from ID to ID2", NULL },
	{ "log", "", 0, 0, CLI_NEEDS_STORE, false, cmd_log, log_options,
	  "what happened, one line an event", NULL },
	{ "report", "", 0, 0, CLI_NEEDS_STORE, false, cmd_report, report_options,
	  "the morning report: text, Markdown, JSON, or an SVG chart", NULL },
	{ "export", "NAME", 1, 1, CLI_NEEDS_STORE, false, cmd_export, export_options,
	  "write results.tsv or results.jsonl",
	  "NAME ends in .tsv (autoresearch's five columns) or .jsonl (one object a run) and is the\n"
	  "file that is written, unless -o names another." },
	{ "import", "FILE", 1, 1, CLI_NEEDS_STORE, false, cmd_import, json_options,
	  "read results.tsv or results.jsonl, from here or elsewhere",
	  "Imported numbers are claims: listed, never champion. All rows or none; rows known\n"
	  "already are skipped. FILE may be -, standard input." },
	{ "wallet", "create|import|list|address|balance|signatures [NAME]", 1, 2, CLI_NEEDS_NOTHING, false,
	  cmd_wallet, wallet_options, "the keys to pay with, what they hold and what they signed",
	  "Wallets are keystore files (version 3) as geth and foundry write and read them. A password\n"
	  "comes from the terminal, a file or a descriptor; a raw key from a file or standard input;\n"
	  "neither ever from the command line." },
	{ "fetch", "URL", 1, 1, CLI_NEEDS_NOTHING, false, cmd_fetch, fetch_options,
	  "ask for a URL, and pay for it over x402 when it asks for money",
	  "A curl that can pay. What is about to be signed is shown in plain words first. Payments are\n"
	  "held to the caps of the configuration, and one request is paid once at most: after a crash\n"
	  "or a lost answer the same command sends the same signed payment again.\n"
	  "Exit status: 0 the answer was 2xx, 1 it was not, 3 a rule refused to pay, 4 not 2xx and\n"
	  "money may have moved (artui payments reconcile finds out)." },
	{ "payments", "[reconcile]", 0, 1, CLI_NEEDS_NOTHING, false, cmd_payments, payments_options,
	  "the ledger; with reconcile, look every doubt up on the chain",
	  "Without a workspace, the user's own ledger. reconcile exits 4 while a payment is open." },
	{ "freeze", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_freeze, json_options,
	  "sign nothing from now on, in any process of this user", NULL },
	{ "thaw", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_freeze, json_options,
	  "sign again", NULL },
	{ "doctor", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_doctor, json_options,
	  "check terminal, workspace, store, disk, trainer, data, configuration", NULL },
	{ "config", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_config, json_options,
	  "every setting, its value and where that came from", NULL },
	{ "help", "[COMMAND]", 0, 1, CLI_NEEDS_NOTHING, false, cmd_help, no_options,
	  "this list, or one command in full", NULL },
	{ "__list", "commands|options|keys|panels|config|knobs", 1, 1, CLI_NEEDS_NOTHING, true, cmd_list,
	  no_options, "tables for tests and completion", NULL },
};

const struct cli_command *cli_command_at(int i)
{
	return i >= 0 && (size_t)i < ART_COUNT(commands) ? &commands[i] : NULL;
}

const struct cli_command *cli_command_find(const char *name)
{
	for (size_t i = 1; i < ART_COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

const char *cli_command_near(const char *name)
{
	const char *best = NULL;
	int best_d = 3;

	for (size_t i = 1; i < ART_COUNT(commands); i++) {
		size_t len = strlen(name);
		int d;

		if (commands[i].hidden)
			continue;
		d = len >= 3 && strncmp(commands[i].name, name, len) == 0 ? 0
			: cli_distance(commands[i].name, name, 2);
		if (d < best_d) {
			best_d = d;
			best = commands[i].name;
		}
	}
	return best;
}

const struct cli_option *cli_global_options(void)
{
	return global_options;
}

void cli_print_usage(FILE *to, const struct cli_command *cmd)
{
	fprintf(to, "usage: artui%s%s%s%s%s%s\n", *cmd->name ? " " : "", cmd->name,
		cmd->options->name ? " [options]" : "", *cmd->operands ? " " : "", cmd->operands,
		*cmd->name ? "" : " [command ...]");
}

static void print_options(FILE *to, const struct cli_option *options)
{
	for (const struct cli_option *o = options; o->name; o++) {
		char left[96];

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		if (strlen(left) > 30)
			fprintf(to, "  %s\n  %-30s  %s\n", left, "", o->help);
		else
			fprintf(to, "  %-30s  %s\n", left, o->help);
	}
}

void cli_print_help(FILE *to, const struct cli_command *cmd)
{
	cli_print_usage(to, cmd);
	fprintf(to, "\nartui%s%s: %s\n", *cmd->name ? " " : "", cmd->name, cmd->help);
	if (cmd->more)
		fprintf(to, "\n%s\n", cmd->more);
	fputs("\n", to);
	print_options(to, cmd->options);
	print_options(to, global_options);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 refused to pay, 4 payment unclear.\n"
	      "man artui tells the rest.\n", to);
}

void cli_print_overview(FILE *to)
{
	fputs("artui: language-model experiments overnight: propose, train, judge, keep\n\n"
	      "usage: artui                        the dashboard\n"
	      "       artui --headless --overnight a night without it\n"
	      "       artui COMMAND [options]\n\n", to);
	for (size_t i = 1; i < ART_COUNT(commands); i++) {
		char left[64];

		if (commands[i].hidden)
			continue;
		snprintf(left, sizeof(left), "%s%s%s", commands[i].name,
			 *commands[i].operands ? " " : "", commands[i].operands);
		fprintf(to, "  %-18s  %s\n", left, commands[i].help);
	}
	fputs("\nWithout a command:\n", to);
	print_options(to, top_options);
	print_options(to, global_options);
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 refused to pay, 4 payment unclear.\n"
	      "man artui tells the rest.\n", to);
}
