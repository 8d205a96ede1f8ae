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
static const struct cli_option worker_options[] = {
	JSON_OPTION,
	{ "data", 0, CLI_TEXT, "DIR", 0, 0, "keep orders and sales in DIR; default: the workspace, else the user's own" },
	{ "listen", 0, CLI_TEXT, "ADDR:PORT", 0, 0, "serve: address to listen on (127.0.0.1:8080); port 0: any" },
	{ "port-file", 0, CLI_TEXT, "FILE", 0, 0, "serve: write the port here once it listens" },
	{ "public-url", 0, CLI_TEXT, "URL", 0, 0, "under which buyers reach the worker" },
	{ "name", 0, CLI_TEXT, "TEXT", 0, 0, "its name, for people" },
	{ "price", 0, CLI_MONEY, "USD", 0, 0, "serve: price of one experiment (0.05); 0: free" },
	{ "pay-to", 0, CLI_TEXT, "0x...", 0, 0, "serve: who is paid; default: the wallet" },
	{ "network", 0, CLI_TEXT, "NAME", 0, 0, "chain to be paid on, or registered on (base-sepolia)" },
	{ "facilitator", 0, CLI_TEXT, "URL|self", 0, 0, "serve: who verifies and settles; self: this program" },
	{ "settle", 0, CLI_CHOICE, "after|upfront", 0, 0, "serve: take the money after the run (default) or before it" },
	{ "charge-failed", 0, CLI_CHOICE, "yes|no", 0, 0, "serve: charge when the buyer's code fails or is too slow (yes)" },
	{ "queue", 0, CLI_INT, "N", 1, 1000, "serve: orders that wait or run at most; default: one a device" },
	{ "time-budget", 0, CLI_REAL, "S", 1, 604800, "serve: training seconds of one experiment (300)" },
	{ "grace", 0, CLI_REAL, "S", 0, 86400, "serve: seconds beyond it before a run is ended (120)" },
	{ "train-command", 0, CLI_TEXT, "CMD", 0, 0, "serve: shell command run beside the buyer's train.py; default: the native trainer" },
	{ "evaluator", 0, CLI_TEXT, "FILES", 0, 0, "serve: files of evaluator and data, separated by spaces: read-only, hashed" },
	{ "read-only", 0, CLI_TEXT, "DIRS", 0, 0, "serve: more that runs may read, separated by spaces: a Python environment" },
	{ "gpu", 0, CLI_FLAG, NULL, 0, 0, "serve: give the runs the GPUs, one each" },
	{ "unsafe-no-sandbox", 0, CLI_FLAG, NULL, 0, 0, "serve: run strangers' code as you" },
	{ "inline", 0, CLI_FLAG, NULL, 0, 0, "register, update: the document itself goes on the chain" },
	{ "wallet", 0, CLI_TEXT, "NAME", 0, 0, "key for settling, receipts and the registry" },
	{ "password-file", 0, CLI_TEXT, "FILE", 0, 0, "its password" },
	{ "password-fd", 0, CLI_INT, "N", 3, 1024, "its password, from an open descriptor" },
	{ "limit", 'n', CLI_INT, "N", 1, 1000000, "orders, sales: the newest N (50)" },
	END,
};
static const struct cli_option sell_options[] = {
	{ "upstream", 0, CLI_TEXT, "URL", 0, 0, "the service that is sold" },
	{ "price", 0, CLI_MONEY, "USD", 0, 0, "price of one request" },
	{ "pay-to", 0, CLI_TEXT, "0x...", 0, 0, "who is paid; default: the wallet" },
	{ "network", 0, CLI_TEXT, "NAME", 0, 0, "chain to be paid on (base-sepolia)" },
	{ "facilitator", 0, CLI_TEXT, "URL|self", 0, 0, "who verifies and settles; self: this program" },
	{ "settle", 0, CLI_CHOICE, "after|upfront", 0, 0, "take the money after the answer (default) or before it" },
	{ "listen", 0, CLI_TEXT, "ADDR:PORT", 0, 0, "address to listen on (127.0.0.1:8402); port 0: any" },
	{ "port-file", 0, CLI_TEXT, "FILE", 0, 0, "write the port here once it listens" },
	{ "public-url", 0, CLI_TEXT, "URL", 0, 0, "under which buyers reach it" },
	{ "description", 0, CLI_TEXT, "TEXT", 0, 0, "what is sold, for people" },
	{ "free", 0, CLI_LIST, "PATH", 0, 0, "path that costs nothing, or a prefix that ends with *; may be repeated" },
	{ "max-body-mb", 0, CLI_INT, "MB", 1, 1024, "largest request (10)" },
	{ "timeout", 0, CLI_INT, "S", 1, 86400, "seconds for the service's whole answer (600)" },
	{ "data", 0, CLI_TEXT, "DIR", 0, 0, "keep sales in DIR; default: the workspace, else the user's own" },
	{ "wallet", 0, CLI_TEXT, "NAME", 0, 0, "key for settling by yourself" },
	{ "password-file", 0, CLI_TEXT, "FILE", 0, 0, "its password" },
	{ "password-fd", 0, CLI_INT, "N", 3, 1024, "its password, from an open descriptor" },
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

#define CHAIN_OPTION { "chain", 0, CLI_TEXT, "NAME", 0, 0, "only of this chain" }
#define SKILL_OPTION { "skill", 0, CLI_TEXT, "SLUG", 0, 0, "only with this OASF skill, or one below it" }
#define WORKER_SORT_OPTION \
	{ "sort", 0, CLI_CHOICE, "trust|price|name|latency|claim|verified", 0, 0, "order (trust: pinned first)" }
static const struct cli_option discover_options[] = {
	JSON_OPTION,
	CHAIN_OPTION,
	SKILL_OPTION,
	{ "limit", 'n', CLI_INT, "N", 1, 10000, "ask each index for at most N agents, list at most N workers" },
	{ "all", 'a', CLI_FLAG, NULL, 0, 0, "list every endpoint told of, not only those that match" },
	{ "alive", 0, CLI_FLAG, NULL, 0, 0, "list only those that answer" },
	WORKER_SORT_OPTION,
	{ "fresh", 0, CLI_FLAG, NULL, 0, 0, "read documents again, however new what is known is" },
	{ "no-probe", 0, CLI_FLAG, NULL, 0, 0, "ask no worker itself" },
	END,
};
static const struct cli_option workers_options[] = {
	JSON_OPTION,
	{ "all", 'a', CLI_FLAG, NULL, 0, 0, "every endpoint told of, not only those that match" },
	{ "alive", 0, CLI_FLAG, NULL, 0, 0, "only those that answered" },
	CHAIN_OPTION,
	SKILL_OPTION,
	{ "match", 0, CLI_TEXT, "TEXT", 0, 0, "only with TEXT in name, URL, GPU or skills" },
	WORKER_SORT_OPTION,
	{ "limit", 'n', CLI_INT, "N", 1, 1000000000, "at most N" },
	{ "note", 0, CLI_TEXT, "TEXT", 0, 0, "with ban, pin and the like: why" },
	END,
};
static const struct cli_option agents_options[] = {
	JSON_OPTION,
	{ "all", 'a', CLI_FLAG, NULL, 0, 0, "everyone told of, not only those that match" },
	CHAIN_OPTION,
	SKILL_OPTION,
	{ "match", 0, CLI_TEXT, "TEXT", 0, 0, "only with TEXT in name, skills, owner or token id" },
	{ "limit", 'n', CLI_INT, "N", 1, 1000000000, "at most N" },
	END,
};
static const struct cli_option leaderboard_options[] = {
	JSON_OPTION,
	{ "all", 'a', CLI_FLAG, NULL, 0, 0, "claims of everyone, not only of those that match" },
	CHAIN_OPTION,
	SKILL_OPTION,
	{ "limit", 'n', CLI_INT, "N", 1, 1000000000, "at most N" },
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
	  "what was tried here, best first", NULL },
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
	{ "discover", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_discover, discover_options,
	  "ask the indexes and registries who runs experiments for others, and probe those",
	  "Asks market.sources, reads the registration documents they name, and asks each matching\n"
	  "endpoint for its price; pays nothing. A source that fails takes nothing off the list.\n"
	  "Exit status: 0 also when the list is empty, 1 when no source could be asked." },
	{ "workers", "[add URL | remove|ban|unban|pin|unpin|release ID]", 0, 2, CLI_NEEDS_NOTHING, false,
	  cmd_workers, workers_options, "the endpoints known, what each measured, and how far it is trusted",
	  "Asks nobody. ID is the number in the list, or the endpoint's URL. A banned worker gets no\n"
	  "work, a pinned one comes first, release ends a quarantine." },
	{ "probe", "URL|ID", 1, 1, CLI_NEEDS_NOTHING, false, cmd_probe, json_options,
	  "ask one endpoint whether it is alive, and its price; pay nothing",
	  "What is found is kept when the endpoint is on the list. Exit status: 0 alive, 1 not." },
	{ "agents", "[show ID]", 0, 2, CLI_NEEDS_NOTHING, false, cmd_agents, agents_options,
	  "who is registered; with show, everything said of one: by whom, and when",
	  "ID is CHAIN:NUMBER, as in 84532:17. Asks nobody." },
	{ "leaderboard", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_leaderboard, leaderboard_options,
	  "own champion, verified results of others, and claims, apart",
	  "Ranked is what was verified within our own class; other classes and claims follow. Asks\n"
	  "nobody." },
	{ "worker", "serve|pause|drain|open|orders|sales|register|update|withdraw [DEVICE]", 1, 2,
	  CLI_NEEDS_NOTHING, false, cmd_worker, worker_options,
	  "sell this machine's time: run others' experiments in a sandbox, and be paid",
	  "serve answers POST /experiment until it is ended; without a GPU it sells the CPU with the native\n"
	  "trainer. pause starts no run, drain takes no order, open undoes both, for the whole worker or a\n"
	  "device. register writes it into the ERC-8004 registry, update its address, withdraw takes it back." },
	{ "sell", "http NAME", 1, 2, CLI_NEEDS_NOTHING, false, cmd_sell, sell_options,
	  "put a payment before any local HTTP service",
	  "Each request is paid for over x402, and charged when the service's answer is below 400. Answers go\n"
	  "through as they come, server-sent events too. --free may be repeated (default: /health). NAME is what\n"
	  "it is called in the ledger (artui worker sales)." },
	{ "freeze", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_freeze, json_options,
	  "sign nothing from now on, in any process of this user", NULL },
	{ "thaw", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_freeze, json_options,
	  "sign again", NULL },
	{ "doctor", "", 0, 0, CLI_NEEDS_NOTHING, false, cmd_doctor, json_options,
	  "check terminal, workspace, store, disk, trainer, data, configuration, market", NULL },
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
