/*
 * headless.c - a night without a dashboard: one plain line an event, the report at the end.
 *
 * Layer: tui. Holds the engine while it follows it; when another process has the workspace, follows
 * that one. On a terminal one more line tells where the night stands; it is rewritten in place,
 * only when its text changes, and never appears in a file.
 */
#include "tui/cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "core/research/report.h"

#define LOOK_MS 1000
#define SETTLE_US (15 * 1000000LL) /* for the engine to write its report after the night's end */
#define START_US (30 * 1000000LL)  /* for a wish to become a night */
#define STATUS_MAX 320

struct follower {
	struct cli *c;
	const struct cli_stop *stop;
	struct core *core;       /* NULL: attached to another process */
	struct bell *bell;
	struct bell_sub *sub;
	bool overnight;
	int64_t last_event;
	int64_t wish;            /* START, 0: none made */
	bool granted;
	int64_t granted_at;
	struct night_row before; /* the newest night when we came; id 0: none */
	int64_t night;           /* the one followed, 0: not known yet */
	bool failed;             /* the night's end was an error */
	char status[STATUS_MAX]; /* on the screen now */
};

/* ---- lines -------------------------------------------------------------------------------- */

static void clear_status(struct follower *f)
{
	if (f->status[0])
		fputs("\r\033[K", f->c->out);
	f->status[0] = 0;
}

static void say(void *arg, const char *line)
{
	struct follower *f = arg;
	char t[16];

	clear_status(f);
	fprintf(f->c->out, "%s  ", cli_clock(art_now_us(), t));
	cli_print_text(f->c, line, false);
	fflush(f->c->out);
}

static void sayf(struct follower *f, const char *fmt, ...) ART_PRINTF(2, 3);
static void sayf(struct follower *f, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	say(f, line);
}

static enum art_status print_news(struct follower *f, struct art_err *err)
{
	struct event_query q = { .after_id = f->last_event };
	struct event_list l = { 0 };
	enum art_status s = event_query(f->c->store, &q, &l, err);

	for (size_t i = 0; s == ART_OK && i < l.n; i++) {
		const struct event_row *e = &l.rows[i];

		clear_status(f);
		cli_print_event(f->c, e);
		f->last_event = e->id;
		if (strcmp(e->kind, "night.end") == 0)
			f->failed = e->level == EVENT_ERROR;
	}
	if (l.n)
		fflush(f->c->out);
	event_list_destroy(&l);
	return s;
}

static double tokens_per_s(struct store *st)
{
	struct device_list l = { 0 };
	double sum = 0;

	if (device_list(st, &l, NULL) == ART_OK)
		for (size_t i = 0; i < l.n; i++)
			if (l.rows[i].run_id && l.rows[i].tokens_per_s.known)
				sum += l.rows[i].tokens_per_s.v;
	device_list_destroy(&l);
	return sum;
}

static void draw_status(struct follower *f)
{
	struct board *b;
	struct engine_row e;
	char text[STATUS_MAX], v[FIGURE_TEXT], k[FIGURE_TEXT];
	double speed;
	int used, n;

	if (!f->c->tty)
		return;
	b = art_alloc(1, sizeof(*b));
	if (engine_get(f->c->store, &e, NULL) == ART_OK &&
	    board_get(f->c->store, 0, b, NULL) == ART_OK) {
		speed = tokens_per_s(f->c->store);
		n = snprintf(text, sizeof(text), "%s%s%s", e.state, e.doing[0] ? ": " : "", e.doing);
		if (b->has_champion)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " | champion #%lld %s",
				      (long long)b->champion.id,
				      figure_bpb(b->champion.val_bpb, v));
		n += snprintf(text + n, sizeof(text) - (size_t)n, " | %lld judged, %lld kept",
			      (long long)b->night.judged, (long long)b->night.kept);
		if (speed > 0)
			snprintf(text + n, sizeof(text) - (size_t)n, " | %s tokens/s",
				 figure_count(speed, k));
		text[art_text_clip(text, f->c->columns - 1, &used)] = 0;
		if (strcmp(text, f->status) != 0) {
			clear_status(f);
			fprintf(f->c->out, "%s%s%s", cli_on(f->c, CLI_DIM), text, cli_off(f->c));
			fflush(f->c->out);
			art_copy(f->status, sizeof(f->status), text);
		}
	}
	free(b);
}

/* ---- where the night stands ------------------------------------------------------------------ */

/* The night our wish began or resumed: the one open before, else the first after it. */
static enum art_status find_night(struct follower *f, struct art_err *err)
{
	struct night_row now;
	enum art_status s;

	if (f->night)
		return ART_OK;
	if (f->before.id && !f->before.ended_at) {
		f->night = f->before.id;
		return ART_OK;
	}
	s = night_find(f->c->store, 0, &now, err);
	if (s == ART_OK && now.id > f->before.id)
		f->night = now.id;
	return s == ART_NOT_FOUND ? ART_OK : s;
}

static enum art_status look_wish(struct follower *f, struct art_err *err)
{
	struct wish_row w;
	enum art_status s;

	if (!f->wish || f->granted)
		return ART_OK;
	s = wish_find(f->c->store, f->wish, &w, err);
	if (s != ART_OK || !w.done_at)
		return s;
	if (!w.granted)
		return art_fail(err, ART_REFUSED, "the night did not start: %s",
				w.answer[0] ? w.answer : "no reason given");
	f->granted = true;
	f->granted_at = art_mono_us();
	return ART_OK;
}

/* OK with *over once the night has ended; an error when there will be no night. */
static enum art_status look_night(struct follower *f, bool *over, struct art_err *err)
{
	struct night_row n;
	enum art_status s;

	*over = false;
	if (!f->overnight)
		return ART_OK;
	s = look_wish(f, err);
	if (s != ART_OK || (f->wish && !f->granted))
		return s;
	s = find_night(f, err);
	if (s != ART_OK)
		return s;
	if (!f->night) {
		if (f->granted_at && art_mono_us() - f->granted_at > START_US)
			return art_fail(err, ART_IO, "the engine took the wish, but no night began");
		return ART_OK;
	}
	s = night_find(f->c->store, f->night, &n, err);
	*over = s == ART_OK && n.ended_at != 0;
	return s;
}

static bool engine_gone(struct follower *f)
{
	return !f->core && !workspace_engine_pid(&f->c->ws);
}

static void wait_a_turn(struct follower *f)
{
	struct pollfd p[] = {
		{ .fd = f->stop->fd, .events = POLLIN },
		{ .fd = bell_fd(f->sub), .events = POLLIN },
	};

	if (poll(p, ART_COUNT(p), LOOK_MS) > 0 && p[1].revents)
		bell_take(f->sub);
}

/* Until the night is over or a signal came. */
static enum art_status follow(struct follower *f, bool *over, struct art_err *err)
{
	for (;;) {
		enum art_status s = look_night(f, over, err);

		/* After the look: the line of the night's end is written with the end itself. */
		if (s == ART_OK)
			s = print_news(f, err);
		if (s != ART_OK || *over || f->stop->requested())
			return s;
		if (engine_gone(f))
			return art_fail(err, ART_CANCELLED,
					"the engine is gone; the night stays open and is resumed "
					"by the same command");
		draw_status(f);
		wait_a_turn(f);
	}
}

/* The engine turns idle when its report is on disk. */
static void settle(struct follower *f)
{
	int64_t until = art_mono_us() + SETTLE_US;
	struct engine_row e;

	while (art_mono_us() < until && !f->stop->requested() && !engine_gone(f) &&
	       engine_get(f->c->store, &e, NULL) == ART_OK && strcmp(e.state, "idle") != 0)
		wait_a_turn(f);
}

/* ---- beginning and end --------------------------------------------------------------------- */

static void name_report_files(struct follower *f)
{
	char dir[WORKSPACE_PATH_MAX], prefix[48];
	struct dirent **names = NULL;
	int n;

	workspace_path(&f->c->ws, dir, "reports");
	snprintf(prefix, sizeof(prefix), "night-%lld.", (long long)f->night);
	n = scandir(dir, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (strncmp(names[i]->d_name, prefix, strlen(prefix)) == 0)
			fprintf(f->c->out, "%s/%s\n", dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

static void print_report(struct follower *f, bool over)
{
	struct art_buf b;
	struct art_err err;
	enum art_status s;

	if (!f->night)
		return;
	clear_status(f);
	art_buf_init(&b, CLI_JSON_MAX);
	s = report_write(f->c->store, f->night, REPORT_TEXT, &b, &err);
	fputc('\n', f->c->out);
	if (s == ART_OK)
		cli_print_text(f->c, b.data, true);
	else
		cli_fail(&err);
	art_buf_destroy(&b);
	fputc('\n', f->c->out);
	if (over)
		name_report_files(f);
	else
		fputs("The night is open: the same command resumes it.\n", f->c->out);
	fflush(f->c->out);
}

static enum art_status open_workspace(struct follower *f, struct art_err *err)
{
	struct cli *c = f->c;
	enum art_status s = workspace_find(&c->ws, NULL, err);

	if (s == ART_NOT_FOUND) {
		s = workspace_init(&c->ws, ".", NULL, err);
		if (s == ART_OK)
			sayf(f, "made a workspace in %s", c->ws.root);
	}
	return s == ART_OK ? cli_open(c, err) : s;
}

static enum art_status open_engine(struct follower *f, bool offline, struct art_err *err)
{
	struct core_options opt = {
		.workspace = &f->c->ws, .config = f->c->config, .bell = f->bell, .offline = offline,
	};
	enum art_status s;

	/* Data and trainer first: what is missing is said before a night begins. */
	if (f->overnight && !workspace_engine_pid(&f->c->ws)) {
		s = core_prepare(&opt, say, f, err);
		if (s != ART_OK)
			return s;
	}
	s = cli_open_engine(f->c, f->bell, offline, &f->core, err);
	if (s == ART_OK && !f->core)
		sayf(f, "another artui (pid %lld) has this workspace: following it",
		     (long long)workspace_engine_pid(&f->c->ws));
	return s;
}

/* Remember what was there before, then ask for the night. */
static enum art_status ask(struct follower *f, const struct cli_args *a, struct art_err *err)
{
	struct engine_row e;
	struct art_buf b;
	enum art_status s;

	s = night_find(f->c->store, 0, &f->before, err);
	if (s == ART_NOT_FOUND) {
		memset(&f->before, 0, sizeof(f->before));
		s = ART_OK;
	}
	if (s != ART_OK || !f->overnight)
		return s;
	if (!f->core && f->before.id && !f->before.ended_at &&
	    engine_get(f->c->store, &e, NULL) == ART_OK && strcmp(e.state, "idle") != 0) {
		sayf(f, "night %lld is under way there", (long long)f->before.id);
		return ART_OK;
	}
	art_buf_init(&b, 500);
	cli_night_json(a, &b);
	s = wish_add(f->c->store, WISH_START, 0, b.data ? b.data : "", &f->wish, err);
	art_buf_destroy(&b);
	return s;
}

static enum art_status newest_event(struct follower *f, struct art_err *err)
{
	struct event_query q = { .limit = 1 };
	struct event_list l = { 0 };
	enum art_status s = event_query(f->c->store, &q, &l, err);

	if (s == ART_OK && l.n)
		f->last_event = l.rows[0].id;
	event_list_destroy(&l);
	return s;
}

static int finish(struct follower *f, enum art_status s, bool over, struct art_err *err)
{
	bool attached = !f->core, stopped = f->stop->requested();
	struct art_err ignored;

	if (s == ART_OK && over)
		settle(f);
	core_close(f->core);
	f->core = NULL;
	if (f->c->store && print_news(f, &ignored) != ART_OK)
		cli_fail(&ignored);
	clear_status(f);
	if (s != ART_OK)
		cli_fail(err);
	if (f->c->store && (over || (stopped && !attached)))
		print_report(f, over);
	if (stopped && attached && !over)
		sayf(f, "left; the engine goes on in the other process");
	return s != ART_OK || (over && f->failed) ? CLI_FAILED : CLI_DONE;
}

int cli_headless(struct cli *c, const struct cli_args *a, const struct cli_stop *stop)
{
	struct follower f = { .c = c, .stop = stop, .overnight = cli_given(a, "overnight") };
	struct art_err err;
	bool over = false;
	enum art_status s;
	int rc;

	f.bell = bell_new();
	f.sub = bell_subscribe(f.bell, TOPIC_ALL);
	s = open_workspace(&f, &err);
	if (s == ART_OK) {
		store_attach_bell(c->store, f.bell);
		s = newest_event(&f, &err);
	}
	if (s == ART_OK)
		s = open_engine(&f, cli_given(a, "offline"), &err);
	if (s == ART_OK && !stop->requested())
		s = ask(&f, a, &err);
	if (s == ART_OK && !f.overnight)
		sayf(&f, "ready: artui start begins a night here");
	if (s == ART_OK)
		s = follow(&f, &over, &err);
	rc = finish(&f, s, over, &err);
	/* The store rings the bell until it is closed. */
	store_close(c->store);
	c->store = NULL;
	bell_unsubscribe(f.bell, f.sub);
	bell_free(f.bell);
	return rc;
}
