/*
 * context.c - what a command works with: terminal facts, workspace, configuration, store.
 *
 * Layer: tui.
 */
#include "tui/cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/core.h"
#include "core/pay/purse.h"

#define STORE_BUSY_MS 3000

void cli_init(struct cli *c)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	struct winsize size;

	*c = (struct cli){ .out = stdout };
	c->tty = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
	c->colour = c->tty && !(no_colour && *no_colour);
	if (isatty(STDOUT_FILENO))
		c->columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col
				     ? size.ws_col : 80;
}

void cli_destroy(struct cli *c)
{
	store_close(c->store);
	config_free(c->config);
	memset(c, 0, sizeof(*c));
}

enum art_status cli_open_config(struct cli *c, struct art_err *err)
{
	enum art_status s;

	if (c->config)
		return ART_OK;
	s = workspace_find(&c->ws, NULL, err);
	if (s != ART_OK && s != ART_NOT_FOUND)
		return s;
	return config_load(&c->config, s == ART_OK ? &c->ws : NULL, c->globals.overrides,
			   c->globals.n_overrides, err);
}

enum art_status cli_open(struct cli *c, struct art_err *err)
{
	enum art_status s = workspace_find(&c->ws, NULL, err);

	if (s == ART_OK)
		s = config_load(&c->config, &c->ws, c->globals.overrides, c->globals.n_overrides,
				err);
	if (s == ART_OK)
		s = workspace_store(&c->ws, &c->store, 0, STORE_BUSY_MS, err);
	return s;
}

enum art_status cli_open_anywhere(struct cli *c, struct art_err *err)
{
	enum art_status found = workspace_find(&c->ws, NULL, err), s;

	if (found != ART_OK && found != ART_NOT_FOUND)
		return found;
	s = cli_open_config(c, err);
	if (s == ART_OK && found == ART_NOT_FOUND)
		s = purse_user_ledger(&c->ws, true, err);
	if (s == ART_OK)
		s = workspace_store(&c->ws, &c->store, 0, STORE_BUSY_MS, err);
	return s;
}

enum art_status cli_open_engine(struct cli *c, struct bell *bell, bool offline, struct core **out,
				struct art_err *err)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT };
	struct core_options opt = {
		.workspace = &c->ws, .config = c->config, .bell = bell, .offline = offline,
	};
	sigset_t set, before;
	enum art_status s;

	/* New threads inherit the mask: signals stay the main thread's. */
	sigemptyset(&set);
	for (size_t i = 0; i < ART_COUNT(ours); i++)
		sigaddset(&set, ours[i]);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	s = core_open(out, &opt, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (s == ART_OK)
		return s;
	*out = NULL;
	return s == ART_CONFLICT ? ART_OK : s;
}

int cli_fail(const struct art_err *err)
{
	char text[sizeof(err->text)];

	art_text_clean(text, sizeof(text), err->text, strlen(err->text), false);
	fprintf(stderr, "artui: %s\n", text);
	return CLI_FAILED;
}

int cli_usage(const struct cli_command *cmd, const char *fmt, ...)
{
	va_list ap;

	fputs("artui: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (cmd) {
		cli_print_usage(stderr, cmd);
		if (*cmd->name)
			fprintf(stderr, "'artui help %s' tells more.\n", cmd->name);
		else
			fputs("'artui help' lists the commands.\n", stderr);
	}
	return CLI_USAGE;
}
