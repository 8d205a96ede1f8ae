/*
 * main.c - arguments, wiring, signals, the order of starting and stopping.
 *
 * The one file that sees all layers. What runs: a command of the table (tui/cli), a night without
 * a dashboard (tui/cli/headless.c), or the dashboard (tui/screen) with the engine (core) beside it.
 *
 * Order: locale, terminal rescue, signals blocked, engine, signals unblocked in this thread, face;
 * then face, engine, stores. Two writable globals: what a signal handler must reach.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/core.h"
#include "core/exec/job.h"
#include "core/exec/sandbox.h"
#include "core/pay/signer.h"
#include "store/events.h"
#include "tui/cli/cli.h"
#include "tui/screen/screen.h"

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t stop_event_fd;

/* ---- signals ----------------------------------------------------------------------------------- */

static void on_stop(int sig)
{
	const uint64_t one = 1;
	int saved = errno;

	if (stop_requested)
		_exit(128 + sig);
	stop_requested = 1;
	/* A full counter is readable too: the result says nothing new. */
	(void)!write((int)stop_event_fd, &one, sizeof(one));
	errno = saved;
}

static bool is_stop_requested(void)
{
	return stop_requested != 0;
}

static enum art_status catch_stop(struct cli_stop *stop, struct art_err *err)
{
	struct sigaction sa = { .sa_handler = on_stop, .sa_flags = SA_RESTART }, hup;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return art_fail_errno(err, "eventfd");
	stop_event_fd = fd;
	*stop = (struct cli_stop){ fd, is_stop_requested };
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* nohup(1) asked to ignore it: so it stays. */
	sigaction(SIGHUP, NULL, &hup);
	if (hup.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
	/* A reader that went away must not end the night. */
	signal(SIGPIPE, SIG_IGN);
	return ART_OK;
}

/* ---- a night without a dashboard --------------------------------------------------------------- */

static int headless(struct cli *c, const struct cli_args *a)
{
	struct cli_stop stop;
	struct art_err err;
	int rc;

	if (catch_stop(&stop, &err) != ART_OK)
		return cli_fail(&err);
	rc = cli_headless(c, a, &stop);
	close(stop.fd);
	return rc;
}

/* ---- the dashboard ----------------------------------------------------------------------------- */

#define PATH_ROOM (WORKSPACE_PATH_MAX + 64)

/* Where themes and copied text live; filled once, borrowed by the screen. */
struct places {
	char user_themes[PATH_ROOM], near_themes[PATH_ROOM], tree_themes[PATH_ROOM];
	char copied[PATH_ROOM];
};

static void find_places(struct places *p, struct screen_options *o)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char exe[WORKSPACE_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int k = 0;

	if (config && config[0] == '/')
		snprintf(p->user_themes, PATH_ROOM, "%s/artui/themes", config);
	else if (home && home[0] == '/')
		snprintf(p->user_themes, PATH_ROOM, "%s/.config/artui/themes", home);
	if (state && state[0] == '/')
		snprintf(p->copied, PATH_ROOM, "%s/artui/copied.txt", state);
	else if (home && home[0] == '/')
		snprintf(p->copied, PATH_ROOM, "%s/.local/state/artui/copied.txt", home);
	if (n > 0) {
		char *slash;

		exe[n] = 0;
		slash = strrchr(exe, '/');
		*slash = 0;
		snprintf(p->near_themes, PATH_ROOM, "%s/../share/artui/themes", exe);
		/* In the source tree the program lies in build/NAME/. */
		snprintf(p->tree_themes, PATH_ROOM, "%s/../../themes", exe);
	}
	if (p->user_themes[0])
		o->theme_dirs[k++] = p->user_themes;
	if (n > 0) {
		o->theme_dirs[k++] = p->near_themes;
		o->theme_dirs[k++] = p->tree_themes;
	}
	o->theme_dirs[k] = ART_DATADIR "/themes";
	o->copy_path = p->copied[0] ? p->copied : NULL;
}

static bool on_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

static bool ask_to_make(const char *where)
{
	char answer[16];

	printf("%s is no artui workspace. Make one here? [y/N] ", where);
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* Without one: on a terminal ask, elsewhere say how. */
static enum art_status find_or_make(struct cli *c, bool ask, struct art_err *err)
{
	char where[WORKSPACE_PATH_MAX];
	enum art_status s = workspace_find(&c->ws, NULL, err);

	if (s != ART_NOT_FOUND || !ask || !getcwd(where, sizeof(where)))
		return s;
	if (!ask_to_make(where))
		return art_fail(err, ART_NOT_FOUND, "no workspace: artui init makes one");
	return workspace_init(&c->ws, ".", NULL, err);
}

/* No terminal to draw on: what can be said in lines, and how to get more. */
static int plain_status(struct cli *c)
{
	const struct cli_command *cmd = cli_command_find("status");
	struct cli_args a = { .command = cmd };
	struct art_err err;
	int rc;

	if (cli_open(c, &err) != ART_OK)
		return cli_fail(&err);
	rc = cmd_status(c, &a);
	fputs("\nThe dashboard needs a terminal. Without one: artui --headless --overnight, "
	      "artui log --follow, artui report.\n", c->out);
	return rc;
}

static enum art_status begin_night(struct cli *c, const struct cli_args *a, struct bell *bell,
				   struct art_err *err)
{
	struct art_buf b;
	int64_t wish;
	enum art_status s;

	store_attach_bell(c->store, bell);
	art_buf_init(&b, 500);
	cli_night_json(a, &b);
	s = wish_add(c->store, WISH_START, 0, b.data ? b.data : "", &wish, err);
	art_buf_destroy(&b);
	return s;
}

static void screen_fill(struct screen_options *o, const struct cli *c, const struct cli_args *a)
{
	o->read_only = cli_given(a, "read-only");
	o->panel = cli_text(a, "panel", NULL);
	o->theme = cli_text(a, "theme", c->config ? config_text(c->config, CONFIG_TUI_THEME_KEY)
						  : NULL);
	o->mouse = !cli_given(a, "no-mouse") &&
		   (!c->config || config_bool(c->config, CONFIG_TUI_MOUSE_KEY));
	o->version = ART_VERSION;
}

/* @db: a database to look at without workspace or engine. */
static int dashboard(struct cli *c, const struct cli_args *a, const char *db)
{
	struct screen_options o = { 0 };
	struct places places = { 0 };
	char path[WORKSPACE_PATH_MAX];
	struct core *core = NULL;
	struct art_err err;
	enum art_status s = ART_OK;
	int sig = -1;

	screen_rescue_install();
	if (db) {
		o.db = db;
	} else {
		s = find_or_make(c, true, &err);
		if (s == ART_OK)
			s = cli_open(c, &err);
		if (s != ART_OK)
			return cli_fail(&err);
		o.db = workspace_path(&c->ws, path, "artui.db");
		o.workspace = c->ws.root;
	}
	screen_fill(&o, c, a);
	find_places(&places, &o);
	o.bell = bell_new();
	if (!db && !o.read_only)
		s = cli_open_engine(c, o.bell, cli_given(a, "offline"), &core, &err);
	if (s == ART_OK && cli_given(a, "overnight"))
		s = begin_night(c, a, o.bell, &err);
	if (s == ART_OK) {
		o.engine_here = core != NULL;
		sig = screen_main(&o, &err);
	}
	core_close(core);
	store_close(c->store);
	c->store = NULL;
	bell_free(o.bell);
	if (sig > 0)
		screen_rescue_raise(sig);
	return sig == 0 ? CLI_DONE : cli_fail(&err);
}

static int once(struct cli *c, const struct cli_args *a, const char *db)
{
	struct screen_options o = { 0 };
	char path[WORKSPACE_PATH_MAX];
	struct art_err err;

	if (!db) {
		if (cli_open(c, &err) != ART_OK)
			return cli_fail(&err);
		db = workspace_path(&c->ws, path, "artui.db");
		o.workspace = c->ws.root;
	}
	screen_fill(&o, c, a);
	o.db = db;
	o.panel = cli_text(a, "once", NULL);
	if (screen_once(&o, stdout, c->columns, &err) != 0) {
		cli_fail(&err);
		return err.code == ART_INVALID ? CLI_USAGE : CLI_FAILED;
	}
	return CLI_DONE;
}

/* ---- which of them ----------------------------------------------------------------------------- */

static bool asks_night(const struct cli_args *a)
{
	return cli_given(a, "rounds") || cli_given(a, "hours") || cli_given(a, "time-budget") ||
	       cli_given(a, "seed") || cli_given(a, "confirm");
}

static int run_top(struct cli *c, const struct cli_args *a)
{
	const char *db = cli_text(a, "db", NULL);

	if (asks_night(a) && !cli_given(a, "overnight"))
		return cli_usage(a->command, "--rounds, --hours, --time-budget, --seed and "
				 "--confirm belong to --overnight");
	if (cli_given(a, "overnight") && (db || cli_given(a, "read-only") || cli_given(a, "once")))
		return cli_usage(a->command, "--overnight cannot go with --db, --read-only or --once");
	if (cli_given(a, "headless") && (db || cli_given(a, "once")))
		return cli_usage(a->command, "--headless cannot go with --db or --once");
	if (cli_given(a, "once"))
		return once(c, a, db);
	if (cli_given(a, "headless"))
		return headless(c, a);
	if (!on_terminal()) {
		if (db || cli_given(a, "overnight"))
			return cli_usage(a->command, "the dashboard needs a terminal; "
					 "without one: --headless, --once PANEL");
		return plain_status(c);
	}
	return dashboard(c, a, db);
}

static int run_command(struct cli *c, const struct cli_args *a)
{
	const struct cli_command *cmd = a->command;
	struct art_err err;

	if (a->n_operands < cmd->min_operands)
		return cli_usage(cmd, "%s needs %s", cmd->name, cmd->operands);
	if (a->n_operands > cmd->max_operands)
		return cli_usage(cmd, "'%s' is one word too many",
				 a->operands[cmd->max_operands]);
	if (cmd->needs == CLI_NEEDS_STORE && cli_open(c, &err) != ART_OK)
		return cli_fail(&err);
	return cmd->run(c, a);
}

/* Options of the top level may stand before a command's name only when they are everybody's. */
static const struct cli_option *own_option(const struct cli_args *top)
{
	for (int i = 0; i < CLI_OPTIONS_MAX && top->command->options[i].name; i++)
		if (top->values[i])
			return &top->command->options[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *near = cli_command_near(name);

	return cli_usage(cli_command_at(0), "there is no command %s%s%s%s", name,
			 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int dispatch(struct cli *c, int argc, char **argv)
{
	const struct cli_command *cmd = cli_command_at(0);
	struct cli_args a;
	struct art_err err;
	int used, more;

	if (cli_parse(&a, &c->globals, &used, cmd, argc, argv, true, &err) != ART_OK)
		return cli_usage(cmd, "%s", err.text);
	if (used < argc) {
		const struct cli_option *own = own_option(&a);

		cmd = cli_command_find(argv[used]);
		if (!cmd)
			return unknown_command(argv[used]);
		if (own)
			return cli_usage(cmd, "--%s does not go with a command", own->name);
		if (cli_parse(&a, &c->globals, &more, cmd, argc - used - 1, argv + used + 1, false,
			      &err) != ART_OK)
			return cli_usage(cmd, "%s", err.text);
	}
	if (c->globals.version) {
		printf("artui %s\n", ART_VERSION);
		return CLI_DONE;
	}
	if (c->globals.help) {
		if (cmd->run)
			cli_print_help(c->out, cmd);
		else
			cli_print_overview(c->out);
		return CLI_DONE;
	}
	if (c->globals.dir && chdir(c->globals.dir) != 0) {
		art_fail_errno(&err, "-C %.150s", c->globals.dir);
		return cli_fail(&err);
	}
	return cmd->run ? run_command(c, &a) : run_top(c, &a);
}

int main(int argc, char **argv)
{
	struct cli c;
	int rc;

	/* The launcher of a training child: before anything that a child should not inherit. */
	if (argc > 1 && strcmp(argv[1], "__job") == 0)
		return job_launcher_main(argc, argv);
	/* Between the launcher and a stranger's program. */
	if (argc > 1 && strcmp(argv[1], "__sandbox") == 0)
		return sandbox_main(argc, argv);
	/* The process that holds a key: before anything from outside was read. */
	if (argc > 1 && strcmp(argv[1], "__signer") == 0)
		return signer_main(argc, argv);
	setlocale(LC_CTYPE, "");
	cli_init(&c);
	c.catch_stop = catch_stop;
	rc = argc > 0 ? dispatch(&c, argc - 1, argv + 1) : CLI_USAGE;
	cli_destroy(&c);
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == CLI_DONE && errno != EPIPE) {
		fprintf(stderr, "artui: standard output: %s\n", strerror(errno));
		rc = CLI_FAILED;
	}
	return rc;
}
