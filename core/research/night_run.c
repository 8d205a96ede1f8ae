/*
 * night_run.c - one run: its child, its live curve, its end in the store.
 *
 * The end of a child is written to the store before the child is forgotten, so a store that was
 * busy is asked again on the next turn with the same answer.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/exec/hardware.h"
#include "core/exec/job_tree.h"
#include "core/research/night_private.h"

#define FLUSH_US 1000000
#define LOST_MAX 5            /* times in a row that someone else may kill one run */
#define POINT_STEP (1.0 / (CURVE_MAX - 12))
#define EVAL_ANSWER_MAX (64u << 10)

enum art_status night_device(struct night *n, const char *state, int64_t run_id,
			     struct art_err *err)
{
	struct device_row d = { .run_id = run_id, .updated_at = art_now_us() };

	art_copy(d.name, sizeof(d.name), NIGHT_DEVICE);
	art_copy(d.detail, sizeof(d.detail), n->t.device);
	art_copy(d.state, sizeof(d.state), state);
	if (n->live.last.tokens_per_s > 0)
		d.tokens_per_s = OPT_F64(n->live.last.tokens_per_s);
	return device_set(n->env.store, &d, err);
}

static void live_reset(struct night *n)
{
	struct live_run *l = &n->live;

	job_close(l->job);
	early_destroy(&l->peers);
	art_buf_destroy(&l->answer);
	memset(l, 0, sizeof(*l));
}

/* ---- what comes in while it runs -------------------------------------------------------------- */

static void take_metric(struct live_run *l, const struct trainer_metric *m, bool early_stop)
{
	/* What still comes after the decision to stop is chance. */
	if (l->diverged || l->hopeless)
		return;
	l->last = *m;
	if (early_stop && !isfinite(m->loss) && !l->diverged) {
		l->diverged = true;
		snprintf(l->why, sizeof(l->why), "the loss was not a number at %.0f %%",
			 100 * m->progress);
	}
	if (!isfinite(m->loss) || !early_live_add(&l->curve, m->progress, m->loss))
		return;
	if (m->progress < 1 && l->kept_progress >= 0 &&
	    m->progress < l->kept_progress + POINT_STEP)
		return;
	l->kept_progress = m->progress;
	if (l->n_batch < NIGHT_BATCH)
		l->batch[l->n_batch++] = (struct curve_point){ m->progress, m->seconds, m->tokens,
							       l->curve.loss };
	if (!early_stop)
		return;
	if (early_diverged(&l->curve)) {
		l->diverged = true;
		snprintf(l->why, sizeof(l->why), "the loss rose from %.4f to %.4f by %.0f %%",
			 l->curve.best, l->curve.loss, 100 * m->progress);
	} else if (early_hopeless(&l->peers, m->progress, l->curve.loss, l->why)) {
		l->hopeless = true;
	}
}

static void flush_points(struct night *n)
{
	struct live_run *l = &n->live;

	enum art_status st = ART_OK;

	if (l->n_batch)
		st = curve_add(n->env.store, l->row.id, l->batch, l->n_batch, NULL);
	/* A busy store gets them with the next ones; a full batch has to go. */
	if (st == ART_OK || l->n_batch == NIGHT_BATCH)
		l->n_batch = 0;
}

static void on_line(void *arg, bool side, const char *text)
{
	struct night *n = arg;
	struct live_run *l = &n->live;
	bool early_stop = config_bool(n->env.config, CONFIG_SEARCH_EARLY_STOP_KEY);
	struct trainer_metric m;

	if (side) {
		if (!trainer_metric_json(&m, text))
			return;
		l->has_metrics = true;
	} else {
		trainer_summary_line(&l->summary, text);
		if (n->t.native || l->has_metrics || !trainer_metric_log(&m, text))
			return;
		m.seconds = m.progress * n->t.budget_s;
	}
	take_metric(l, &m, early_stop);
	if (l->n_batch == NIGHT_BATCH)
		flush_points(n);
	if ((l->diverged || l->hopeless) && l->job)
		job_stop(l->job);
}

static void flush(struct night *n, bool force)
{
	struct live_run *l = &n->live;
	int64_t now = art_mono_us();

	if (!force && now < l->flushed_us + FLUSH_US)
		return;
	l->flushed_us = now;
	flush_points(n);
	if (l->job && job_log_bytes(l->job) != l->log_bytes) {
		l->log_bytes = job_log_bytes(l->job);
		if (run_set_log_tail(n->env.store, l->row.id, job_tail(l->job), NULL))
			l->log_bytes = -1;
	}
	/* The device's line is news, not a fact that anything hangs on. */
	(void)!night_device(n, "busy", l->row.id, NULL);
}

/* Curves of finished runs of the class, to hold a screen against; the newest, incumbent's first. */
static enum art_status load_peers(struct night *n, struct art_err *err)
{
	struct curve_point *p = art_alloc(CURVE_MAX, sizeof(*p));
	struct experiment_row *champion = art_alloc(1, sizeof(*champion));
	struct run_list runs = { 0 };
	size_t points;
	enum art_status st = experiment_champion(n->env.store, n->class.id, champion, err);

	if (!st)
		st = run_list_class(n->env.store, n->class.id, &runs, err);
	for (int own = 1; own >= 0; own--) {
		for (size_t i = runs.n; i-- > 0 && !st;) {
			const struct run_row *r = &runs.rows[i];
			if ((r->experiment_id == champion->id) != own || r->throttled)
				continue;
			if (n->live.peers.n == EARLY_CURVES_MAX)
				break;
			st = curve_list(n->env.store, r->id, p, &points, err);
			if (!st)
				early_add(&n->live.peers, p, points, own);
		}
	}
	run_list_destroy(&runs);
	free(champion);
	free(p);
	return st;
}

/* ---- beginning -------------------------------------------------------------------------------- */

static enum art_status move_with_event(struct night *n, const struct run_row *row,
				       enum run_state from, enum event_level level, const char *kind,
				       const char *text, struct art_err *err)
{
	enum art_status st = store_begin(n->env.store, err);

	if (st)
		return st;
	st = run_move(n->env.store, row, from, err);
	if (!st)
		st = event_add(n->env.store, level, kind, row->experiment_id, row->id, err, "%s",
			       text);
	if (!st)
		return store_commit(n->env.store, err);
	store_rollback(n->env.store);
	return st;
}

static void run_name(char *out, size_t size, const struct run_row *r)
{
	snprintf(out, size, "experiment %" PRId64 " %s run (seed %" PRId64 ")", r->experiment_id,
		 run_purpose_text(r->purpose), r->seed);
}

/* RUNNING -> FAILED before there was a child. */
static enum art_status fail_setup(struct night *n, const struct art_err *why, struct art_err *err)
{
	struct run_row *row = &n->live.row;
	char text[512], name[96];
	enum run_state from = row->state;
	enum art_status st;

	row->state = RUN_FAILED;
	row->fault = RUN_FAULT_SETUP;
	row->finished_at = art_now_us();
	row->pid = row->pid_started = 0;
	art_copy(row->error, sizeof(row->error), why->text);
	run_name(name, sizeof(name), row);
	snprintf(text, sizeof(text), "%s could not start: %s", name, why->text);
	st = move_with_event(n, row, from, EVENT_WARN, "run.failed", text, err);
	live_reset(n);
	return st;
}

enum art_status night_run_start(struct night *n, const struct experiment_row *e,
				const struct run_row *r, struct art_err *err)
{
	struct live_run *l = &n->live;
	struct art_err why = { 0 };
	char text[512], name[96];
	char *recipe = NULL;
	size_t len = 0;
	enum art_status st;

	live_reset(n);
	art_buf_init(&l->answer, EVAL_ANSWER_MAX);
	l->row = *r;
	l->kept_progress = -1;
	workspace_path(n->env.w, l->dir, "runs/%" PRId64 "/%" PRId64, e->id, r->idx);
	st = night_number(n, e->id, &l->number, err);
	if (!st)
		st = experiment_recipe(n->env.store, e->id, &recipe, &len, err);
	if (!st && r->purpose == RUN_FOR_SCREEN &&
	    config_bool(n->env.config, CONFIG_SEARCH_EARLY_STOP_KEY))
		st = load_peers(n, err);
	if (!st)
		st = curve_clear(n->env.store, r->id, err);
	if (st)
		goto out;
	l->row.state = RUN_RUNNING;
	l->row.attempt++;
	l->row.started_at = art_now_us();
	l->row.pid = l->row.pid_started = 0;
	run_name(name, sizeof(name), r);
	snprintf(text, sizeof(text), "%s starts: %s", name, e->title);
	st = move_with_event(n, &l->row, RUN_QUEUED, EVENT_INFO, "run.start", text, err);
	if (st)
		goto out;
	l->oom_before = hardware_oom_kills();
	if (trainer_inputs(&n->t, l->dir, recipe, len, r->seed, &why) ||
	    trainer_train(&n->t, &l->job, l->dir, r->seed, on_line, n, &why)) {
		st = fail_setup(n, &why, err);
		goto out;
	}
	l->phase = PHASE_TRAIN;
	l->row.pid = job_pid(l->job);
	l->row.pid_started = job_pid_started(l->job);
	/* Without it in the store an orphan is still found by its mark. */
	if (run_set_pid(n->env.store, r->id, l->row.pid, l->row.pid_started, NULL) == ART_OK)
		flush(n, true);
out:
	free(recipe);
	return st;
}

/* ---- ending ----------------------------------------------------------------------------------- */

static void fill_figures(struct night *n, struct run_row *row)
{
	const struct live_run *l = &n->live;
	const struct trainer_summary *s = &l->summary;

	row->tokens = l->last.tokens > 0 ? OPT_I64(l->last.tokens) : (struct opt_i64){ 0 };
	if (l->diverged || l->hopeless) {
		row->seconds = OPT_F64(l->last.seconds);
		return;
	}
	row->claimed_bpb = s->val_bpb;
	row->mfu = s->mfu_percent;
	row->peak_mem_mb = s->peak_mem_mb;
	row->seconds = s->training_seconds;
	if (!row->seconds.known)
		row->seconds = OPT_F64(job_result(l->job)->wall_s);
	if (s->steps.known && s->steps.v >= 0 && s->steps.v < 1e15)
		row->steps = OPT_I64((int64_t)s->steps.v);
	if (s->params_m.known && s->params_m.v >= 0 && s->params_m.v < 1e9)
		row->params = OPT_I64((int64_t)llround(s->params_m.v * 1e6));
	if (!row->tokens.known && s->tokens_m.known && s->tokens_m.v >= 0 && s->tokens_m.v < 1e9)
		row->tokens = OPT_I64((int64_t)llround(s->tokens_m.v * 1e6));
}

/* Everything of a run that its next attempt writes anew. */
static void clear_figures(struct run_row *row)
{
	row->val_bpb = row->claimed_bpb = row->seconds = row->mfu = row->peak_mem_mb =
		(struct opt_f64){ 0 };
	row->tokens = row->steps = row->params = (struct opt_i64){ 0 };
	row->throttled = false;
	row->fault = RUN_FAULT_NONE;
	row->error[0] = 0;
	row->checkpoint_sha256[0] = 0;
	row->pid = row->pid_started = 0;
	row->started_at = row->finished_at = 0;
}

enum art_status night_requeue(struct night *n, const struct run_row *r, const char *why,
			      struct art_err *err)
{
	struct run_row row = *r;
	char text[512], name[96];
	enum art_status st;

	clear_figures(&row);
	row.state = RUN_QUEUED;
	run_name(name, sizeof(name), r);
	snprintf(text, sizeof(text), "%s is put back into the queue: %s", name, why);
	st = curve_clear(n->env.store, r->id, err);
	return st ? st : move_with_event(n, &row, r->state, EVENT_WARN, "run.requeued", text, err);
}

void night_run_abandon(struct night *n)
{
	struct run_row row = n->live.row;

	if (n->live.phase == PHASE_NONE)
		return;
	live_reset(n);
	/* When the store cannot take it now, the next start finds the run as a dead engine's. */
	if (night_requeue(n, &row, "artui ends", NULL) != ART_OK)
		return;
}

/* A final state with its event; @st of the store decides whether the child is forgotten. */
static enum art_status conclude(struct night *n, struct run_row *row, enum run_state to,
				enum run_fault fault, const char *error, struct art_err *err)
{
	static const char *const kinds[RUN_STATE_COUNT] = { [RUN_DONE] = "run.done",
							    [RUN_FAILED] = "run.failed",
							    [RUN_STOPPED] = "run.stopped",
							    [RUN_CANCELLED] = "run.cancelled" };
	char text[512], name[96], throttle[REASON_MAX] = "";
	enum run_state from = row->state;
	enum art_status st;

	flush(n, true);
	row->fault = fault;
	row->finished_at = art_now_us();
	row->pid = row->pid_started = 0;
	art_text_clean(row->error, sizeof(row->error), error, strlen(error), false);
	run_name(name, sizeof(name), row);
	if (to == RUN_DONE) {
		st = night_throttled(n, row, &row->throttled, throttle, err);
		if (st)
			return st;
		snprintf(text, sizeof(text), "%s: val_bpb %.4f%s%s", name, row->val_bpb.v,
			 row->throttled ? "; not ranked: " : "", throttle);
		if (row->throttled)
			art_copy(row->error, sizeof(row->error), throttle);
	} else if (fault == RUN_FAULT_NONE) {
		snprintf(text, sizeof(text), "%s: %s", name, error);
	} else {
		snprintf(text, sizeof(text), "%s: %s: %s", name, run_fault_text(fault), row->error);
	}
	row->state = to;
	st = move_with_event(n, row, from,
			     to == RUN_DONE && !row->throttled ? EVENT_INFO : EVENT_WARN, kinds[to],
			     text, err);
	if (st) {
		row->state = from;
		return st;
	}
	if (row->purpose == RUN_FOR_SCREEN || to != RUN_DONE) {
		char path[WORKSPACE_PATH_MAX + 32];
		snprintf(path, sizeof(path), "%s/model.safetensors", n->live.dir);
		unlink(path);
	}
	live_reset(n);
	return ART_OK;
}

/* Somebody else killed it. Again with the same seed, unless that happens over and over. */
static enum art_status lost(struct night *n, const struct trainer_outcome *o, struct art_err *err)
{
	struct run_row row = n->live.row;
	enum art_status st;

	if (n->lost_run != row.id) {
		n->lost_run = row.id;
		n->lost_times = 0;
	}
	if (n->lost_times >= LOST_MAX)
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_CRASH,
				"killed from outside again and again", err);
	st = night_requeue(n, &row, o->error, err);
	if (!st) {
		n->lost_times++;
		live_reset(n);
	}
	return st;
}

static enum art_status begin_evaluation(struct night *n, struct run_row *row, struct art_err *err)
{
	struct live_run *l = &n->live;
	struct art_err why = { 0 };
	char path[WORKSPACE_PATH_MAX + 32];
	enum art_status st;

	snprintf(path, sizeof(path), "%s/model.safetensors", l->dir);
	if (access(path, R_OK))
		return conclude(n, row, RUN_FAILED, RUN_FAULT_NO_RESULT,
				"the trainer ended well but left no checkpoint", err);
	flush(n, true);
	row->state = RUN_EVALUATING;
	row->pid = row->pid_started = 0;
	st = run_move(n->env.store, row, RUN_RUNNING, err);
	if (st) {
		row->state = RUN_RUNNING;
		return st;
	}
	l->row = *row;
	job_close(l->job);
	l->job = NULL;
	l->phase = PHASE_EVALUATE;
	l->oom_before = hardware_oom_kills();
	art_buf_reset(&l->answer);
	if (trainer_evaluate(&n->t, &l->job, l->dir, &l->answer, &why))
		return fail_setup(n, &why, err);
	l->row.pid = job_pid(l->job);
	l->row.pid_started = job_pid_started(l->job);
	return run_set_pid(n->env.store, row->id, l->row.pid, l->row.pid_started, err);
}

static enum art_status end_training(struct night *n, struct art_err *err)
{
	struct live_run *l = &n->live;
	struct run_row row = l->row;
	struct trainer_outcome o;
	struct art_err why = { 0 };
	bool oom = hardware_oom_kills() > l->oom_before;

	trainer_judge_end(&o, job_result(l->job), job_tail(l->job), &l->summary, oom,
			  n->t.budget_s + n->t.grace_s);
	fill_figures(n, &row);
	if (l->cancelled)
		return conclude(n, &row, RUN_CANCELLED, RUN_FAULT_NONE, l->why, err);
	if (l->diverged)
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_DIVERGED, l->why, err);
	if (l->hopeless)
		return conclude(n, &row, RUN_STOPPED, RUN_FAULT_EARLY, l->why, err);
	if (o.lost)
		return lost(n, &o, err);
	if (trainer_check_files(&n->t, &why)) {
		night_finish(n, true, "the evaluator or data changed: %s", why.text);
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_TAMPERED, why.text, err);
	}
	if (o.fault)
		return conclude(n, &row, RUN_FAILED, o.fault, o.error, err);
	if (n->t.native)
		return begin_evaluation(n, &row, err);
	if (!l->summary.val_bpb.known)
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_NO_RESULT,
				"the log has no line \"val_bpb: <number>\"", err);
	if (!(l->summary.val_bpb.v > 0))
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_BAD_RESULT,
				"val_bpb is not above 0", err);
	row.val_bpb = l->summary.val_bpb;
	return conclude(n, &row, RUN_DONE, RUN_FAULT_NONE, "", err);
}

static enum art_status end_evaluation(struct night *n, struct art_err *err)
{
	static const struct trainer_summary none = { .fail = false };
	struct live_run *l = &n->live;
	struct run_row row = l->row;
	struct trainer_outcome o;
	struct art_err why = { 0 };
	double v = 0;
	enum art_status st;

	if (l->cancelled)
		return conclude(n, &row, RUN_CANCELLED, RUN_FAULT_NONE, l->why, err);
	trainer_judge_end(&o, job_result(l->job), job_tail(l->job), &none,
			  hardware_oom_kills() > l->oom_before, n->t.budget_s);
	if (o.lost)
		return lost(n, &o, err);
	if (o.fault) {
		char text[REASON_MAX + 32];
		snprintf(text, sizeof(text), "evaluation: %s", o.error);
		return conclude(n, &row, RUN_FAILED,
				o.fault == RUN_FAULT_OOM ? RUN_FAULT_OOM : RUN_FAULT_NO_RESULT, text,
				err);
	}
	st = trainer_read_eval(&n->t, l->answer.data ? l->answer.data : "", l->answer.len, &v,
			       row.checkpoint_sha256, &why);
	if (st == ART_CORRUPT) {
		night_finish(n, true, "the evaluator or data changed: %s", why.text);
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_TAMPERED, why.text, err);
	}
	if (st)
		return conclude(n, &row, RUN_FAILED, RUN_FAULT_BAD_RESULT, why.text, err);
	row.val_bpb = OPT_F64(v);
	return conclude(n, &row, RUN_DONE, RUN_FAULT_NONE, "", err);
}

enum art_status night_run_turn(struct night *n, bool *ended, struct art_err *err)
{
	struct live_run *l = &n->live;
	enum night_phase before = l->phase;
	enum art_status st;

	*ended = false;
	if (!job_pump(l->job)) {
		flush(n, false);
		return ART_OK;
	}
	st = l->phase == PHASE_TRAIN ? end_training(n, err) : end_evaluation(n, err);
	*ended = !st && l->phase != before && l->phase == PHASE_NONE;
	return st;
}

int64_t night_run_wake_us(const struct night *n)
{
	int64_t job = job_wake_us(n->live.job), flush_at = n->live.flushed_us + FLUSH_US;

	return job < flush_at ? job : flush_at;
}

/* ---- checkpoints ------------------------------------------------------------------------------ */

/* Delete the checkpoints of an experiment but the one of run @keep (-1: none). */
static void delete_checkpoints(struct night *n, int64_t experiment_id, const struct run_list *runs,
			       int64_t keep)
{
	for (size_t i = 0; i < runs->n; i++) {
		char path[WORKSPACE_PATH_MAX];
		if (runs->rows[i].idx == keep)
			continue;
		unlink(workspace_path(n->env.w, path, "runs/%" PRId64 "/%" PRId64
						      "/model.safetensors",
				      experiment_id, runs->rows[i].idx));
	}
}

static void prune_one(struct night *n, const struct experiment_row *e, bool keep)
{
	struct run_list runs = { 0 };
	const struct run_row *best = NULL;

	if (run_list(n->env.store, e->id, &runs, NULL))
		return;
	for (size_t i = 0; i < runs.n; i++) {
		const struct run_row *r = &runs.rows[i];
		if (r->state == RUN_DONE && r->purpose != RUN_FOR_SCREEN && !r->throttled &&
		    (!best || r->val_bpb.v < best->val_bpb.v))
			best = r;
	}
	delete_checkpoints(n, e->id, &runs, keep && best ? best->idx : -1);
	run_list_destroy(&runs);
}

void night_prune(struct night *n, int64_t experiment_id)
{
	struct experiment_query q = { .class_id = n->class.id,
				      .verdicts = 1u << VERDICT_KEPT | 1u << VERDICT_BASELINE,
				      .descending = true };
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	struct experiment_list kept = { 0 };
	int64_t keep = config_int(n->env.config, CONFIG_NIGHT_KEEP_CHECKPOINTS_KEY);

	if (!experiment_find(n->env.store, experiment_id, e, NULL) &&
	    e->verdict != VERDICT_KEPT && e->verdict != VERDICT_BASELINE)
		prune_one(n, e, false);
	q.limit = keep + 1;
	if (!experiment_query(n->env.store, &q, &kept, NULL))
		for (size_t i = 0; i < kept.n; i++)
			prune_one(n, &kept.rows[i], (int64_t)i < keep);
	experiment_list_destroy(&kept);
	free(e);
}
