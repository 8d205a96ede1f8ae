/*
 * cli.h - the command line: its table of commands, its arguments, its tables on paper.
 *
 * Layer: tui (store, and core's doors: core.h, config.h, workspace.h, research/report.h). Threads:
 * main only. main.c parses, opens what a command needs, calls it and turns the answer into an exit
 * status. One table (cli_command_at) gives parsing, --help, suggestions and the lists that the
 * manual and the completion are checked against.
 */
#ifndef TUI_CLI_CLI_H
#define TUI_CLI_CLI_H

#include <stdio.h>

#include "core/config.h"
#include "core/workspace.h"
#include "store/base.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/money.h"
#include "store/store.h"

/* Exit statuses: a promise to scripts. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_POLICY = 3, /* a rule about money said no */
	CLI_UNKNOWN = 4 /* money may have moved */
};

/* ---- arguments (args.c) ----------------------------------------------------------------- */

enum cli_option_type {
	CLI_FLAG,
	CLI_TEXT,   /* not empty */
	CLI_STRING, /* may be empty */
	CLI_LIST,   /* not empty, may be repeated: cli_args.list; one such option a command */
	CLI_INT,
	CLI_REAL,
	CLI_MONEY,  /* dollars, exact */
	CLI_CHOICE
};

struct cli_option {
	const char *name; /* long form without dashes */
	char letter;      /* short form, 0: none */
	enum cli_option_type type;
	const char *arg;  /* "N"; for CHOICE "md|json|svg"; NULL for FLAG */
	double lo, hi;    /* INT and REAL: what is allowed */
	const char *help;
};

#define CLI_OPTIONS_MAX 32
#define CLI_LIST_MAX 48
#define CLI_OVERRIDES_MAX 64

/* What every command takes: -C, -c, --help. */
struct cli_globals {
	const char *dir; /* -C: main.c has gone there before a command runs; NULL: not given */
	const char *overrides[CLI_OVERRIDES_MAX];
	int n_overrides;
	bool help, version;
};

struct cli_command;
struct cli_args {
	const struct cli_command *command;
	const char *values[CLI_OPTIONS_MAX]; /* by place in the command's table; NULL: not given */
	const char *list[CLI_LIST_MAX];      /* of the CLI_LIST option, in order */
	int n_list;
	char **operands;                     /* borrowed from argv */
	int n_operands;
};

/*
 * Parse @argv from @argv[0] on against @cmd. Options and operands may mix; "--" ends options.
 * With @stop_at_operand parsing ends before the first operand (the name of a command).
 * @consumed counts the words used. @argv's order may change.
 * Errors: INVALID, in a sentence, with the nearest option when one is near.
 */
ART_MUST_USE enum art_status cli_parse(struct cli_args *a, struct cli_globals *g, int *consumed,
				       const struct cli_command *cmd, int argc, char **argv,
				       bool stop_at_operand, struct art_err *err);

/* The option must be in the command's table (bug otherwise); values were checked while parsing. */
bool cli_given(const struct cli_args *a, const char *option);
const char *cli_text(const struct cli_args *a, const char *option, const char *absent);
int64_t cli_int(const struct cli_args *a, const char *option, int64_t absent);
double cli_real(const struct cli_args *a, const char *option, double absent);
struct usdc cli_money(const struct cli_args *a, const char *option, struct usdc absent);

/* Edit distance with transpositions, capped at @cap + 1. */
int cli_distance(const char *a, const char *b, int cap);

/* ---- what a command works with (context.c) ------------------------------------------------ */

struct cli_stop;
struct cli {
	struct cli_globals globals;
	/* From here on SIGINT and SIGTERM end by being asked about; main.c's. */
	enum art_status (*catch_stop)(struct cli_stop *stop, struct art_err *err);
	FILE *out;              /* stdout */
	bool tty;               /* out is a terminal that can do more than print lines */
	bool colour;            /* and NO_COLOR is unset */
	int columns;            /* of the terminal; 0: not one, nothing is clipped */
	struct workspace ws;
	struct config *config;  /* NULL until a command that needs it */
	struct store *store;    /* NULL until a command that needs it */
};

void cli_init(struct cli *c);
void cli_destroy(struct cli *c);
/* Find the workspace, load the configuration, open the store. */
ART_MUST_USE enum art_status cli_open(struct cli *c, struct art_err *err);
/* The configuration alone; without a workspace defaults, the user's file and -c. */
ART_MUST_USE enum art_status cli_open_config(struct cli *c, struct art_err *err);
/* Configuration and store: the workspace's, or outside of one the user's own (its ledger, its list of workers). */
ART_MUST_USE enum art_status cli_open_anywhere(struct cli *c, struct art_err *err);
/*
 * The engine in this process, its threads deaf to signals. *out is NULL, and that is OK, when
 * another process has the workspace.
 */
struct core;
ART_MUST_USE enum art_status cli_open_engine(struct cli *c, struct bell *bell, bool offline,
					     struct core **out, struct art_err *err);
/* Says "artui: sentence" on stderr; CLI_FAILED, or CLI_USAGE for @usage. */
int cli_fail(const struct art_err *err);
int cli_usage(const struct cli_command *cmd, const char *fmt, ...) ART_PRINTF(2, 3);

/* ---- the table of commands (commands.c) ---------------------------------------------------- */

enum cli_needs {
	CLI_NEEDS_NOTHING,
	CLI_NEEDS_STORE, /* cli_open before run */
};

struct cli_command {
	const char *name;     /* "" for artui without a command */
	const char *operands; /* for the usage line: "ID [ID2]"; "" none */
	int min_operands, max_operands;
	enum cli_needs needs;
	bool hidden;
	int (*run)(struct cli *c, const struct cli_args *a); /* NULL: main.c's own (the dashboard) */
	const struct cli_option *options; /* ends with a NULL name */
	const char *help;     /* one line */
	const char *more;     /* a paragraph for --help, or NULL */
};

const struct cli_command *cli_command_at(int i); /* NULL past the last; 0 is "" */
const struct cli_command *cli_command_find(const char *name);
/* The nearest command's name, or NULL. */
const char *cli_command_near(const char *name);
/* Options every command takes, ending with a NULL name. */
const struct cli_option *cli_global_options(void);
void cli_print_usage(FILE *to, const struct cli_command *cmd);
void cli_print_help(FILE *to, const struct cli_command *cmd);
void cli_print_overview(FILE *to);

/* ---- text for people (table.c) -------------------------------------------------------------- */

enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GREEN, CLI_YELLOW, CLI_RED };
/* The escape sequence, or "" without colour. */
const char *cli_on(const struct cli *c, enum cli_colour colour);
const char *cli_off(const struct cli *c);

#define CLI_COLUMNS_MAX 12
struct cli_column {
	const char *title;
	bool right; /* numbers */
	int shrink; /* may shrink to this many columns, 0: never */
	int drop;   /* dropped first when the terminal is narrow: higher goes first; 0: never */
};
struct cli_table {
	const struct cli_column *columns;
	int n_columns;
	char **cells; /* n_rows * n_columns, owned */
	enum cli_colour *colours;
	size_t n_rows, cap;
	int filled;
};
void cli_table_init(struct cli_table *t, const struct cli_column *columns, int n);
void cli_table_row(struct cli_table *t, enum cli_colour colour); /* begins a row */
/* The next cell of the row; cleaned. */
void cli_table_cell(struct cli_table *t, const char *fmt, ...) ART_PRINTF(2, 3);
void cli_table_print(struct cli_table *t, const struct cli *c);
void cli_table_destroy(struct cli_table *t);

/* Print text from outside, cleaned, a newline after it unless it ends with one. */
void cli_print_text(const struct cli *c, const char *text, bool keep_newlines);
/* Print a JSON buffer and a newline, empty it. */
void cli_print_json(const struct cli *c, struct art_buf *b);
/*
 * A JSON array on its own: its rows go into @o between the two. What is in @b may be printed and reset on the way. Owns: *b, which
 * cli_array_close prints and destroys.
 */
struct json_out;
void cli_array_open(struct json_out *o, struct art_buf *b);
void cli_array_close(const struct cli *c, struct json_out *o);
/* "22:10:05" in local time. @buf of 16 bytes; returns it. */
const char *cli_clock(int64_t at_us, char buf[16]);
/* "22:10:05  what happened"; warnings and errors say so in words. */
void cli_print_event(const struct cli *c, const struct event_row *e);
enum cli_colour cli_verdict_colour(enum verdict v);
#define CLI_JSON_MAX (256u << 20)

/* An experiment's id from a word ("12", "#12"). INVALID. */
ART_MUST_USE enum art_status cli_parse_id(const char *s, int64_t *out, struct art_err *err);

/* ---- following a night (headless.c) ---------------------------------------------------------- */

/* How SIGINT and SIGTERM reach a command: main.c catches them, a second one ends the process. */
struct cli_stop {
	int fd;                  /* readable once one came */
	bool (*requested)(void);
};
/* Without a workspace one is made in the current directory, and said. */
int cli_headless(struct cli *c, const struct cli_args *a, const struct cli_stop *stop);
/* What --rounds, --hours, --time-budget, --confirm and --seed ask, as the text of a START wish. */
void cli_night_json(const struct cli_args *a, struct art_buf *b);

/* ---- the commands, one file per group ------------------------------------------------------- */

int cmd_init(struct cli *c, const struct cli_args *a);
int cmd_status(struct cli *c, const struct cli_args *a);
int cmd_experiments(struct cli *c, const struct cli_args *a);
int cmd_show(struct cli *c, const struct cli_args *a);
int cmd_diff(struct cli *c, const struct cli_args *a);
int cmd_log(struct cli *c, const struct cli_args *a);
int cmd_idea(struct cli *c, const struct cli_args *a);
int cmd_wish(struct cli *c, const struct cli_args *a);
int cmd_report(struct cli *c, const struct cli_args *a);
int cmd_export(struct cli *c, const struct cli_args *a);
int cmd_import(struct cli *c, const struct cli_args *a);
int cmd_doctor(struct cli *c, const struct cli_args *a);
int cmd_config(struct cli *c, const struct cli_args *a);
int cmd_help(struct cli *c, const struct cli_args *a);
int cmd_list(struct cli *c, const struct cli_args *a);
int cmd_wallet(struct cli *c, const struct cli_args *a);
int cmd_fetch(struct cli *c, const struct cli_args *a);
int cmd_payments(struct cli *c, const struct cli_args *a);
int cmd_freeze(struct cli *c, const struct cli_args *a); /* freeze and thaw */
int cmd_discover(struct cli *c, const struct cli_args *a);
int cmd_workers(struct cli *c, const struct cli_args *a);
int cmd_probe(struct cli *c, const struct cli_args *a);
int cmd_agents(struct cli *c, const struct cli_args *a);
int cmd_leaderboard(struct cli *c, const struct cli_args *a);
int cmd_worker(struct cli *c, const struct cli_args *a);
int cmd_sell(struct cli *c, const struct cli_args *a);

#endif
