/*
 * driver.c - the dashboard alone, over any database: what the screen tests start. It links the
 * store and the screen and nothing else, so a screen test proves something about these two.
 *
 *   driver [options] PATH
 *     --theme NAME  --themes DIR  --panel NAME  --experiment ID  --copy FILE  --workspace NAME
 *     --mouse  --read-only  --engine-here  --once [COLUMNS]
 *     --die SIGNAL   raise the signal from a second thread after the first frame
 */
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base.h"
#include "store/store.h"
#include "tui/screen/screen.h"

struct args {
	struct screen_options opt;
	bool once;
	int64_t columns, die;
};

static int usage(const char *what)
{
	fprintf(stderr, "driver: %s\n", what);
	return 2;
}

static int parse(int argc, char **argv, struct args *a)
{
	for (int i = 1; i < argc; i++) {
		const char *s = argv[i], *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(s, "--theme"))
			a->opt.theme = argv[++i];
		else if (!strcmp(s, "--themes"))
			a->opt.theme_dirs[0] = argv[++i];
		else if (!strcmp(s, "--panel"))
			a->opt.panel = argv[++i];
		else if (!strcmp(s, "--copy"))
			a->opt.copy_path = argv[++i];
		else if (!strcmp(s, "--workspace"))
			a->opt.workspace = argv[++i];
		else if (!strcmp(s, "--mouse"))
			a->opt.mouse = true;
		else if (!strcmp(s, "--read-only"))
			a->opt.read_only = true;
		else if (!strcmp(s, "--engine-here"))
			a->opt.engine_here = true;
		else if (!strcmp(s, "--once"))
			a->once = true, i += art_parse_i64(next, &a->columns);
		else if (!strcmp(s, "--experiment") && art_parse_i64(next, &a->opt.experiment_id))
			i++;
		else if (!strcmp(s, "--die") && art_parse_i64(next, &a->die))
			i++;
		else if (s[0] == '-')
			return usage(s);
		else
			a->opt.db = s;
	}
	return a->opt.db ? 0 : usage("no database");
}

static void *killer(void *arg)
{
	int64_t sig = *(int64_t *)arg;
	volatile int *nowhere = NULL;

	sleep(1);
	if (sig == SIGSEGV)
		*nowhere = 1; /* a real one, on a thread that is not the screen's */
	raise((int)sig);
	return NULL;
}

int main(int argc, char **argv)
{
	struct args a = { .opt = { .version = "test" } };
	struct bell *bell = bell_new();
	struct art_err err;
	pthread_t thread;
	sigset_t set;
	int rc;

	if (parse(argc, argv, &a) != 0)
		return 2;
	setlocale(LC_ALL, "");
	a.opt.bell = bell;
	screen_rescue_install();
	/* as the program does: threads start with signals blocked, the screen's alone lets them in */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (a.die && pthread_create(&thread, NULL, killer, &a.die) != 0)
		return 1;
	if (a.once)
		rc = screen_once(&a.opt, stdout, (int)a.columns, &err);
	else
		rc = screen_main(&a.opt, &err);
	bell_free(bell);
	if (rc > 0)
		screen_rescue_raise(rc);
	if (rc < 0)
		fprintf(stderr, "driver: %s\n", err.text);
	return rc < 0;
}
