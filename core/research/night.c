/*
 * night.c - wishes, beginning and end of a night, and the turn that drives it.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/exec/job_tree.h"
#include "core/research/night_private.h"
#include "core/research/report.h"
#include "store/hash.h"
#include "store/json.h"
#include "store/recipe.h"

#define REPORT_MAX (16u << 20)
#define STEPS_PER_TURN 64

void night_finish(struct night *n, bool failed, const char *fmt, ...)
{
	va_list ap;

	if (n->ending[0])
		return;
	va_start(ap, fmt);
	vsnprintf(n->ending, sizeof(n->ending), fmt, ap);
	va_end(ap);
	n->ending_failed = failed;
}

struct night *night_new(const struct night_env *env)
{
	struct night *n = art_alloc(1, sizeof(*n));

	n->env = *env;
	return n;
}

void night_free(struct night *n)
{
	if (!n)
		return;
	night_run_abandon(n);
	free(n);
}

/* ---- report ----------------------------------------------------------------------------------- */

static const char *const report_ext[REPORT_FORMAT_COUNT] = {
	[REPORT_MD] = "md", [REPORT_JSON] = "json", [REPORT_SVG] = "svg", [REPORT_TEXT] = "txt",
};

/* Never ends anything: what cannot be written is told, and tried again at the next start. */
static void write_reports(struct night *n, int64_t id)
{
	char path[WORKSPACE_PATH_MAX];
	struct art_err err = { 0 };
	enum art_status st = art_mkdirs(workspace_path(n->env.w, path, "reports"), 0755, &err);

	for (int f = 0; f < REPORT_FORMAT_COUNT && !st; f++) {
		struct art_buf b;
		art_buf_init(&b, REPORT_MAX);
		st = report_write(n->env.store, id, (enum report_format)f, &b, &err);
		workspace_path(n->env.w, path, "reports/night-%" PRId64 ".%s", id, report_ext[f]);
		if (!st)
			st = art_write_file(path, b.data ? b.data : "", b.len, 0644, &err);
		art_buf_destroy(&b);
	}
	workspace_path(n->env.w, path, "reports/night-%" PRId64 ".md", id);
	if (st)
		st = event_add(n->env.store, EVENT_WARN, "report.failed", 0, 0, NULL,
			       "the report of night %" PRId64 " could not be written: %s", id, err.text);
	else
		st = event_add(n->env.store, EVENT_INFO, "report.written", 0, 0, NULL,
			       "report of night %" PRId64 ": %s", id, path);
	n->wait = st != ART_OK;
}

static bool has_report(struct night *n, int64_t id)
{
	char path[WORKSPACE_PATH_MAX];

	return access(workspace_path(n->env.w, path, "reports/night-%" PRId64 ".txt", id), F_OK) == 0;
}

/* ---- end -------------------------------------------------------------------------------------- */

static enum art_status end_night(struct night *n, int64_t id, const char *reason, bool failed,
				 struct art_err *err)
{
	enum art_status st = store_begin(n->env.store, err);

	if (st)
		return st;
	st = night_end(n->env.store, id, reason, err);
	if (!st)
		st = event_add(n->env.store, failed ? EVENT_ERROR : EVENT_GOOD, "night.end", 0, 0, err,
			       "night %" PRId64 " ends: %s", id, reason);
	if (st) {
		store_rollback(n->env.store);
		/* Ended already: by whoever did, with its event. */
		return st == ART_CONFLICT ? ART_OK : st;
	}
	return store_commit(n->env.store, err);
}

static enum art_status pending(struct night *n, int64_t night_id, struct experiment_row *out,
			       bool *found, struct art_err *err)
{
	struct experiment_query q = { .night_id = night_id, .verdicts = 1u << VERDICT_PENDING,
				      .limit = 1 };
	struct experiment_list l = { 0 };
	enum art_status st = experiment_query(n->env.store, &q, &l, err);

	*found = !st && l.n;
	if (*found)
		*out = l.rows[0];
	experiment_list_destroy(&l);
	return st;
}

/* Cancel what is pending in night @id, end it, write its report. */
static enum art_status close_night(struct night *n, int64_t id, const char *reason, bool failed,
				   struct art_err *err)
{
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	bool found = true;
	enum art_status st = ART_OK;

	for (int i = 0; i < STEPS_PER_TURN && !st && found; i++) {
		st = pending(n, id, e, &found, err);
		if (!st && found)
			st = night_cancel(n, e, "the night ended before it was judged", err);
	}
	if (!st)
		st = end_night(n, id, reason, failed, err);
	free(e);
	if (st)
		return st;
	write_reports(n, id);
	return ART_OK;
}

static enum art_status finish_night(struct night *n, struct art_err *err)
{
	enum art_status st = close_night(n, n->row.id, n->ending, n->ending_failed, err);

	if (st)
		return st;
	n->active = n->paused = false;
	n->ending[0] = 0;
	n->live.last.tokens_per_s = 0;
	return night_device(n, "idle", 0, err);
}

/*
 * The reasons to start no other candidate. Asked between candidates: one that has passed its screen
 * is judged to the end, even when the hours are over.
 */
static enum art_status check_end(struct night *n, struct art_err *err)
{
	struct experiment_query q = { .night_id = n->row.id };
	struct experiment_list l = { 0 };
	int64_t judged = 0, since_keep = 0, failures = 0;
	int64_t plateau = config_int(n->env.config, CONFIG_SEARCH_PLATEAU_KEY);
	int64_t failures_max = config_int(n->env.config, CONFIG_SEARCH_FAILURES_KEY);
	double hours = (double)(art_now_us() - n->row.started_at) / 3.6e9;
	enum art_status st = experiment_query(n->env.store, &q, &l, err);

	for (size_t i = 0; i < l.n; i++) {
		const struct experiment_row *e = &l.rows[i];
		if (!strcmp(e->proposer, "baseline") || e->verdict == VERDICT_CANCELLED)
			continue;
		judged++;
		since_keep = e->verdict == VERDICT_KEPT ? 0 : since_keep + 1;
		failures = e->verdict == VERDICT_FAILED ? failures + 1 : 0;
	}
	experiment_list_destroy(&l);
	if (st)
		return st;
	if (n->row.rounds && judged >= n->row.rounds)
		night_finish(n, false, "%" PRId64 " round%s done", judged, judged == 1 ? "" : "s");
	else if (n->row.hours > 0 && hours >= n->row.hours)
		night_finish(n, false, "%g hours are over", n->row.hours);
	else if (failures >= failures_max)
		night_finish(n, true, "%" PRId64 " candidates failed in a row", failures);
	else if (plateau && since_keep >= plateau)
		night_finish(n, false, "plateau: %" PRId64 " candidates without a keep", since_keep);
	return ART_OK;
}

/* ---- turn ------------------------------------------------------------------------------------- */

static void stop_live(struct night *n, const char *why)
{
	struct live_run *l = &n->live;

	if (l->phase == PHASE_NONE || l->cancelled)
		return;
	l->cancelled = true;
	art_copy(l->why, sizeof(l->why), why);
	if (l->job)
		job_stop(l->job);
}

enum art_status night_turn(struct night *n, struct art_err *err)
{
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	enum art_status st = ART_OK;
	bool found;

	n->wait = false;
	for (int i = 0; i < STEPS_PER_TURN && n->active && !n->wait && !st; i++) {
		if (n->live.phase != PHASE_NONE) {
			bool ended;
			if (n->ending[0])
				stop_live(n, "the night ended before it was judged");
			st = night_run_turn(n, &ended, err);
			n->wait = !st && n->live.phase != PHASE_NONE;
			if (ended && !st)
				st = night_device(n, "idle", 0, err);
			continue;
		}
		if (n->ending[0]) {
			st = finish_night(n, err);
			break;
		}
		st = pending(n, n->row.id, e, &found, err);
		if (st)
			break;
		if (found) {
			st = night_step(n, e, err);
			continue;
		}
		st = check_end(n, err);
		if (st || n->ending[0])
			continue;
		if (n->paused)
			n->wait = true;
		else
			st = night_next(n, &found, err);
	}
	free(e);
	return st;
}

int night_pollfds(const struct night *n, struct pollfd fds[JOB_POLLFDS])
{
	return n->live.job ? job_pollfds(n->live.job, fds) : 0;
}

int64_t night_wake_us(const struct night *n)
{
	if (n->live.job)
		return night_run_wake_us(n);
	return n->active && !n->wait ? art_mono_us() : INT64_MAX;
}

const char *night_state(const struct night *n)
{
	return !n->active ? "idle" : n->paused ? "paused" : "running";
}

void night_doing(const struct night *n, char *out, size_t size)
{
	const struct live_run *l = &n->live;

	if (!n->active)
		art_copy(out, size, "");
	else if (l->phase != PHASE_NONE)
		snprintf(out, size, "experiment %" PRId64 ", %s run %" PRId64 "%s",
			 l->row.experiment_id, run_purpose_text(l->row.purpose), l->row.idx + 1,
			 l->phase == PHASE_EVALUATE ? ", evaluating" : "");
	else
		snprintf(out, size, "night %" PRId64 "%s", n->row.id,
			 n->paused ? ", paused" : "");
}

/* ---- beginning -------------------------------------------------------------------------------- */

static void say_event(void *arg, const char *line)
{
	struct night *n = arg;

	if (event_add(n->env.store, EVENT_INFO, "prepare", 0, 0, NULL, "%s", line))
		n->wait = false;
}

static enum art_status parse_options(const char *text, struct night_options *o, struct art_err *err)
{
	struct json *j = NULL;
	struct opt_i64 rounds, confirm;
	struct opt_f64 hours, budget;
	const char *seed;
	int64_t v = 0;
	enum art_status st;

	memset(o, 0, sizeof(*o));
	if (!text[0])
		return ART_OK;
	st = json_parse(&j, text, strlen(text), 4096, err);
	if (st)
		return st;
	rounds = json_int(json_get(j, "rounds"));
	confirm = json_int(json_get(j, "confirm"));
	hours = json_num(json_get(j, "hours"));
	budget = json_num(json_get(j, "budget_s"));
	seed = json_str(json_get(j, "seed"));
	o->rounds = rounds.known ? rounds.v : 0;
	o->confirm = confirm.known ? confirm.v : 0;
	o->hours = hours.known ? hours.v : 0;
	o->budget_s = budget.known ? budget.v : 0;
	if (seed && (!art_parse_i64(seed, &v) || v < 0))
		st = art_fail(err, ART_INVALID, "the night's seed must be a whole number");
	o->seed = (uint64_t)v;
	if (!st && (o->rounds < 0 || o->hours < 0 || o->confirm < 0 || o->confirm > 20 ||
		    o->budget_s < 0 || o->budget_s > 604800))
		st = art_fail(err, ART_INVALID,
			      "rounds, hours, budget_s and confirm must not be negative, confirm at most "
			      "20, budget_s at most a week");
	json_free(j);
	return st;
}

void night_options_json(const struct night_options *o, struct art_buf *b)
{
	struct json_out out;
	char seed[24];

	json_out_init(&out, b, false);
	json_open_object(&out, NULL);
	json_put_int(&out, "rounds", o->rounds);
	json_put_f64(&out, "hours", o->hours);
	json_put_f64(&out, "budget_s", o->budget_s);
	json_put_int(&out, "confirm", o->confirm);
	/* As text: a number of JSON holds 53 bits. */
	snprintf(seed, sizeof(seed), "%" PRIu64, o->seed & INT64_MAX);
	json_put_str(&out, "seed", seed);
	json_close_object(&out);
}

static enum art_status open_class(struct night *n, double budget_s, struct class_row *class,
				  struct art_err *err)
{
	struct trainer_env env = { .w = n->env.w, .config = n->env.config, .store = n->env.store,
				   .trainer = n->env.trainer, .launcher = n->env.launcher,
				   .offline = n->env.offline, .cancel_fd = n->env.cancel_fd,
				   .say = say_event, .arg = n };
	enum art_status st = trainer_open(&n->t, &env, budget_s, err);

	if (st)
		return st;
	trainer_class(&n->t, class);
	st = class_get(n->env.store, class, err);
	if (!st)
		st = trainer_references(&n->t, n->env.store, err);
	if (!st)
		st = night_device(n, "idle", 0, err);
	return st;
}

/* Answer, night row and event in one transaction: a wish is granted once. */
static enum art_status begin(struct night *n, const struct wish_row *w, bool fresh,
			     const char *kind, struct art_err *err)
{
	char answer[256], class[200];
	enum art_status st = store_begin(n->env.store, err);

	if (st)
		return st;
	if (fresh)
		st = night_add(n->env.store, &n->row, err);
	snprintf(answer, sizeof(answer), "night %" PRId64 " %s", n->row.id, fresh ? "begins" : "goes on");
	if (!st)
		st = event_add(n->env.store, EVENT_INFO, kind, 0, 0, err,
			       "%s: %s, %d confirming seeds, seed %" PRIu64, answer,
			       class_text(&n->class, class, sizeof(class)), n->row.confirm, n->row.seed);
	if (!st)
		st = wish_answer(n->env.store, w->id, true, answer, err);
	if (st) {
		store_rollback(n->env.store);
		return st;
	}
	st = store_commit(n->env.store, err);
	if (!st) {
		n->active = true;
		n->paused = false;
		n->ending[0] = 0;
	}
	return st;
}

/*
 * recipe.py is the researcher's: edited since, and this class has an incumbent already, it is an idea
 * like any other and has to beat the incumbent.
 */
static enum art_status offer_edited_recipe(struct night *n, struct art_err *err)
{
	struct experiment_query q = { .class_id = n->class.id };
	struct experiment_list l = { 0 };
	struct note_list notes = { 0 };
	struct note_row note = { .kind = "idea", .origin = "workspace",
				 .text = "recipe.py as it is in the workspace now" };
	char path[WORKSPACE_PATH_MAX + 16];
	struct hash_hex hash;
	struct art_buf b;
	bool known = true;
	enum art_status st = ART_OK;

	art_buf_init(&b, RECIPE_MAX_BYTES);
	snprintf(path, sizeof(path), "%s/recipe.py", n->env.w->root);
	if (art_read_file(&b, path, RECIPE_MAX_BYTES, NULL) || !b.len)
		goto out;
	hash = hash_bytes(b.data, b.len);
	st = experiment_query(n->env.store, &q, &l, err);
	if (!st)
		st = note_list(n->env.store, 0, &notes, err);
	/* Without experiments it will be the baseline. */
	known = st || l.n == 0;
	for (size_t i = 0; i < l.n && !known; i++)
		known = !strcmp(l.rows[i].recipe_sha256, hash.s);
	for (size_t i = 0; i < notes.n && !known; i++)
		known = !strcmp(notes.rows[i].recipe_sha256, hash.s);
	if (!known)
		st = note_add(n->env.store, &note, b.data, b.len, err);
out:
	experiment_list_destroy(&l);
	note_list_destroy(&notes);
	art_buf_destroy(&b);
	return st;
}

static enum art_status begin_new(struct night *n, const struct wish_row *w,
				 const struct night_options *o, struct art_err *err)
{
	const struct config *c = n->env.config;
	struct night_row *row = &n->row;
	uint64_t seed = o->seed ? o->seed : (uint64_t)config_int(c, CONFIG_NIGHT_SEED_KEY);
	enum art_status st;

	memset(row, 0, sizeof(*row));
	row->budget_s = o->budget_s > 0 ? o->budget_s : config_real(c, CONFIG_TRAIN_BUDGET_S_KEY);
	row->confirm = (int)(o->confirm ? o->confirm : config_int(c, CONFIG_SEARCH_CONFIRM_KEY));
	row->rounds = o->rounds;
	row->hours = o->hours;
	st = open_class(n, row->budget_s, &n->class, err);
	if (st)
		return st;
	if (!seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)art_now_us();
	/* What people type and read back fits a signed number. */
	row->seed = (seed & INT64_MAX) ? (seed & INT64_MAX) : 1;
	row->class_id = n->class.id;
	row->started_at = art_now_us();
	st = offer_edited_recipe(n, err);
	return st ? st : begin(n, w, true, "night.start", err);
}

/* What an engine that died between a verdict and its tidying has left. */
static void prune_night(struct night *n)
{
	struct experiment_query q = { .night_id = n->row.id };
	struct experiment_list l = { 0 };

	if (!experiment_query(n->env.store, &q, &l, NULL))
		for (size_t i = 0; i < l.n; i++)
			if (l.rows[i].verdict != VERDICT_PENDING)
				night_prune(n, l.rows[i].id);
	experiment_list_destroy(&l);
}

/* The open night of a dead engine. *gone: its class is no more, and it was ended. */
static enum art_status begin_again(struct night *n, const struct wish_row *w,
				   const struct night_row *open, bool *gone, struct art_err *err)
{
	struct class_row class = { 0 };
	enum art_status st = open_class(n, open->budget_s, &class, err);

	*gone = false;
	if (st)
		return st;
	if (class.id == open->class_id) {
		n->row = *open;
		n->class = class;
		prune_night(n);
		return begin(n, w, false, "night.resume", err);
	}
	*gone = true;
	st = class_find(n->env.store, open->class_id, &n->class, err);
	if (st)
		return st;
	n->row = *open;
	return close_night(n, open->id,
			   "data, evaluator, hardware or budget are no longer those it began with",
			   false, err);
}

static enum art_status wish_start(struct night *n, const struct wish_row *w, struct art_err *err)
{
	struct night_options o;
	struct night_row *open = art_alloc(1, sizeof(*open));
	bool gone = false;
	char text[96];
	enum art_status st;

	if (n->active && n->paused) {
		n->paused = false;
		st = wish_answer(n->env.store, w->id, true, "the night goes on", err);
		goto out;
	}
	if (n->active) {
		snprintf(text, sizeof(text), "night %" PRId64 " runs already", n->row.id);
		st = wish_answer(n->env.store, w->id, false, text, err);
		goto out;
	}
	st = parse_options(w->text, &o, err);
	if (st)
		goto out;
	st = night_find(n->env.store, 0, open, NULL);
	if (st == ART_OK && !open->ended_at) {
		st = begin_again(n, w, open, &gone, err);
		if (st || !gone)
			goto out;
	} else if (st && st != ART_NOT_FOUND) {
		st = night_find(n->env.store, 0, open, err);
		if (st)
			goto out;
	}
	st = begin_new(n, w, &o, err);
out:
	free(open);
	return st;
}

/* ---- other wishes ----------------------------------------------------------------------------- */

static enum art_status wish_stop(struct night *n, const struct wish_row *w, struct art_err *err)
{
	struct night_row *open = art_alloc(1, sizeof(*open));
	enum art_status st;

	if (n->active) {
		night_finish(n, false, "stopped as wished");
		st = wish_answer(n->env.store, w->id, true, "the night ends", err);
		goto out;
	}
	st = night_find(n->env.store, 0, open, err);
	if (st == ART_NOT_FOUND || (!st && open->ended_at)) {
		st = wish_answer(n->env.store, w->id, false, "no night is open", err);
	} else if (!st) {
		n->row = *open;
		st = class_find(n->env.store, open->class_id, &n->class, err);
		if (!st)
			st = close_night(n, open->id, "stopped as wished", false, err);
		if (!st)
			st = wish_answer(n->env.store, w->id, true, "the open night is ended", err);
	}
out:
	free(open);
	return st;
}

static enum art_status wish_pause(struct night *n, const struct wish_row *w, bool pause,
				  struct art_err *err)
{
	enum art_status st;

	if (!n->active || n->paused == pause)
		return wish_answer(n->env.store, w->id, false,
				   !n->active ? "no night runs" :
				   pause      ? "the night is paused already" :
						"the night is not paused",
				   err);
	st = store_begin(n->env.store, err);
	if (st)
		return st;
	st = event_add(n->env.store, EVENT_INFO, pause ? "night.pause" : "night.resume", 0, 0, err,
		       pause ? "night %" PRId64 " pauses after the present run" :
			       "night %" PRId64 " goes on",
		       n->row.id);
	if (!st)
		st = wish_answer(n->env.store, w->id, true,
				 pause ? "the present run ends, then the night waits" :
					 "the night goes on",
				 err);
	if (st) {
		store_rollback(n->env.store);
		return st;
	}
	st = store_commit(n->env.store, err);
	if (!st)
		n->paused = pause;
	return st;
}

static enum art_status wish_cancel(struct night *n, const struct wish_row *w, struct art_err *err)
{
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	char text[96];
	enum art_status st = experiment_find(n->env.store, w->target, e, NULL);

	if (st == ART_NOT_FOUND) {
		st = wish_answer(n->env.store, w->id, false, "there is no such experiment", err);
	} else if (!st && e->verdict != VERDICT_PENDING) {
		snprintf(text, sizeof(text), "experiment %" PRId64 " is %s already", e->id,
			 verdict_text(e->verdict));
		st = wish_answer(n->env.store, w->id, false, text, err);
	} else if (!st) {
		if (n->live.phase != PHASE_NONE && n->live.row.experiment_id == e->id)
			stop_live(n, "cancelled as wished");
		else
			st = night_cancel(n, e, "cancelled as wished", err);
		if (!st)
			st = wish_answer(n->env.store, w->id, true, "it is being cancelled", err);
	}
	free(e);
	return st;
}

enum art_status night_wish(struct night *n, const struct wish_row *w, struct art_err *err)
{
	struct art_err why = { 0 };
	enum art_status st = ART_OK;

	switch (w->kind) {
	case WISH_START:
		st = wish_start(n, w, &why);
		break;
	case WISH_STOP:
		st = wish_stop(n, w, &why);
		break;
	case WISH_PAUSE:
		st = wish_pause(n, w, true, &why);
		break;
	case WISH_RESUME:
		st = wish_pause(n, w, false, &why);
		break;
	case WISH_CANCEL:
		st = wish_cancel(n, w, &why);
		break;
	case WISH_IDEA:
		st = wish_answer(n->env.store, w->id, true,
				 n->active ? "it comes before the search's next candidate" :
					     "it waits for the next night",
				 &why);
		break;
	case WISH_DISCOVER: /* the market's: WISHES_OF_ENGINE leaves them out */
	case WISH_PROBE:
	case WISH_KIND_COUNT:
		break;
	}
	if (st == ART_OK || st == ART_BUSY)
		return st == ART_OK ? ART_OK : art_fail(err, st, "%s", why.text);
	if (st == ART_CANCELLED)
		return art_fail(err, st, "%s", why.text);
	/* What stands in the way is the answer; the wish must not come again for ever. */
	st = event_add(n->env.store, EVENT_ERROR, "wish.refused", 0, 0, err, "%s: %s",
		       wish_kind_text(w->kind), why.text);
	return st ? st : wish_answer(n->env.store, w->id, false, why.text, err);
}

/* ---- after a death ---------------------------------------------------------------------------- */

enum art_status night_recover(struct night *n, struct art_err *err)
{
	struct run_list runs = { 0 };
	struct night_row *last = art_alloc(1, sizeof(*last));
	char dir[WORKSPACE_PATH_MAX];
	enum art_status st = run_list(n->env.store, 0, &runs, err);

	for (size_t i = 0; i < runs.n; i++)
		if (runs.rows[i].state != RUN_QUEUED)
			job_tree_end((pid_t)runs.rows[i].pid, runs.rows[i].pid_started);
	job_tree_kill_marked(TRAINER_MARK, workspace_path(n->env.w, dir, "runs"));
	for (size_t i = 0; i < runs.n && !st; i++)
		if (runs.rows[i].state != RUN_QUEUED)
			st = night_requeue(n, &runs.rows[i], "the engine that ran it is dead", err);
	run_list_destroy(&runs);
	if (!st && night_find(n->env.store, 0, last, NULL) == ART_OK && last->ended_at &&
	    !has_report(n, last->id))
		write_reports(n, last->id);
	free(last);
	return st;
}
