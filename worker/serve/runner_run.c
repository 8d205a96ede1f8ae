/*
 * runner_run.c - one order's run: its beginning, what is watched while it goes on, its end.
 *
 * The end is decided once and kept until the store has taken it; a store that is busy is asked again with
 * the same answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/exec/sandbox.h"
#include "worker/serve/runner_private.h"

#define LOOK_US 250000
#define FLUSH_US 1000000
#define RETRY_US 250000
#define HOLD_US (int64_t)1000000
#define HOLD_DOUBLES 9 /* 8.5 minutes */
#define HASH_PIECE (16u << 20)
#define FILES_MAX 200000
#define POINT_STEP (1.0 / 500)
#define MIB ((int64_t)1 << 20)

/* ---- the curve --------------------------------------------------------------------------------------- */

static void take_metric(struct device *d, const struct trainer_metric *m)
{
	if (m->tokens_per_s > 0)
		d->tokens_per_s = OPT_F64(m->tokens_per_s);
	if (!isfinite(m->loss) || !isfinite(m->seconds) ||
	    (m->progress < 1 && m->progress < d->kept_progress + POINT_STEP) || d->n_points == RUNNER_POINTS)
		return;
	d->kept_progress = m->progress;
	d->points[d->n_points++] = (struct order_point){ m->progress, m->seconds, m->loss, m->tokens };
}

void run_line(void *arg, bool side, const char *text)
{
	struct device *d = arg;
	struct trainer_metric m;

	if (side) {
		if (!trainer_metric_json(&m, text))
			return;
		d->has_metrics = true;
	} else {
		if (d->has_metrics || !trainer_metric_log(&m, text))
			return;
		m.seconds = m.progress * d->order.budget_s;
	}
	take_metric(d, &m);
}

/*
 * News about a run are no facts that anything hangs on: what the store does not take now it gets with the
 * next.
 */
static void flush(struct device *d, bool force)
{
	int64_t now = art_mono_us(), bytes = d->job ? job_log_bytes(d->job) : d->log_bytes;
	struct store *st = d->r->store;
	enum art_status s = ART_OK;

	if (!force && now < d->flushed_us + FLUSH_US)
		return;
	d->flushed_us = now;
	if (d->n_points && store_begin(st, NULL) == ART_OK) {
		for (int i = 0; i < d->n_points && s == ART_OK; i++)
			s = order_point_add(st, d->order.id, &d->points[i], NULL);
		if (s == ART_OK)
			s = store_commit(st, NULL);
		if (s != ART_OK)
			store_rollback(st);
		else
			d->news = true;
		if (s == ART_OK || d->n_points == RUNNER_POINTS || s == ART_INVALID)
			d->n_points = 0;
	}
	if (bytes == d->log_bytes && !d->news)
		return;
	d->log_bytes = bytes;
	d->news = false;
	if (d->r->opt.progress)
		d->r->opt.progress(d->r->opt.arg, d->order.id);
}

/* ---- deciding the end -------------------------------------------------------------------------------- */

static void stop_hashing(struct device *d)
{
	if (d->hash)
		hash_end(d->hash);
	d->hash = NULL;
	if (d->hash_fd >= 0)
		close(d->hash_fd);
	d->hash_fd = -1;
}

/* Children, pipes and scratch go at once; what is known stays for the store. */
static void decide(struct device *d, enum run_end end)
{
	struct order_row *o = &d->order;
	char path[RUNNER_PATH_MAX];

	flush(d, true);
	if (d->job && d->phase == PHASE_TRAIN)
		o->log_bytes = job_log_bytes(d->job);
	job_close(d->job);
	d->job = NULL;
	stop_hashing(d);
	dir_clear(d->r->dir, o->experiment_id);
	/* A model without an outcome is nobody's. */
	if (end != END_FINISH || o->state != ORDER_COMPLETED) {
		if (o->artifact_name[0])
			unlink(runner_path(path, sizeof(path), d->r->dir, o->experiment_id, o->artifact_name));
		o->artifact_name[0] = o->artifact_sha256[0] = 0;
		o->artifact_bytes = 0;
		o->val_bpb = (struct opt_f64){ 0 };
	}
	d->end = end;
	d->phase = PHASE_OUTCOME;
	d->look_us = 0;
}

static void fail_as(struct device *d, enum order_state state, bool our_fault, int code, const char *fmt, ...)
	ART_PRINTF(5, 6);
static void fail_as(struct device *d, enum order_state state, bool our_fault, int code, const char *fmt, ...)
{
	struct order_row *o = &d->order;
	char note[sizeof(o->note)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	o->state = state;
	o->our_fault = our_fault;
	o->return_code = code;
	art_copy(o->note, sizeof(o->note), note);
	decide(d, END_FINISH);
}

static void again(struct device *d, const char *fmt, ...) ART_PRINTF(2, 3);
static void again(struct device *d, const char *fmt, ...)
{
	char text[sizeof(d->why)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	art_text_clean(d->why, sizeof(d->why), text, strlen(text), false);
	decide(d, END_AGAIN);
}

static void last_line(const struct job *j, char *out, size_t size)
{
	const char *tail = job_tail(j);
	size_t n = strlen(tail), from;

	while (n && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
		n--;
	for (from = n; from && tail[from - 1] != '\n'; from--)
		;
	art_text_clean(out, size, tail + from, n - from, false);
}

/* What every job of a run may come to but a good end; true when that was it. */
static bool ended_badly(struct device *d, const char *what, double limit_s)
{
	const struct job_result *r = job_result(d->job);
	char line[120];
	int sig;

	switch (r->end) {
	case JOB_RUNNING:
	case JOB_STOPPED:
		again(d, "%sit was stopped", what);
		return true;
	case JOB_KILLED:
		last_line(d->job, line, sizeof(line));
		again(d, "%sthe sandbox failed (signal %d): %s", what, r->signal, line);
		return true;
	case JOB_TIMEOUT:
		fail_as(d, ORDER_TIMEOUT, false, -1, "%sexperiment exceeded timeout of %.0fs", what, limit_s);
		return true;
	case JOB_LOG_FULL:
		fail_as(d, ORDER_FAILED, false, -1, "%swrote more than %lld MiB of output", what,
			(long long)(d->r->log_bytes / MIB));
		return true;
	case JOB_EXITED:
		break;
	}
	if (r->exit_code == 0)
		return false;
	sig = r->exit_code > 128 ? r->exit_code - 128 : 0;
	if (sig && sig < NSIG)
		fail_as(d, ORDER_FAILED, false, r->exit_code, "%scommand exited with status %d (signal %d, %s)", what,
			r->exit_code, sig, strsignal(sig));
	else
		fail_as(d, ORDER_FAILED, false, r->exit_code, "%scommand exited with status %d", what, r->exit_code);
	return true;
}

static bool read_score(struct device *d, struct art_err *err)
{
	char path[RUNNER_PATH_MAX];
	struct art_buf b;
	double v;
	size_t max = (size_t)d->r->log_bytes + 1;
	enum art_status st;

	art_buf_init(&b, max);
	st = art_read_file(&b, runner_path(path, sizeof(path), d->r->dir, d->order.experiment_id, "run.log"), max,
			   err);
	if (!st)
		st = runner_score(b.data ? b.data : "", b.len, &v, err);
	art_buf_destroy(&b);
	if (!st)
		d->order.val_bpb = OPT_F64(v);
	return st == ART_OK;
}

/* ---- the steps after training ------------------------------------------------------------------------ */

static void complete(struct device *d)
{
	d->order.state = ORDER_COMPLETED;
	d->order.return_code = 0;
	d->order.note[0] = 0;
	decide(d, END_FINISH);
}

static bool begin_hash(struct device *d)
{
	char path[RUNNER_PATH_MAX];

	runner_path(path, sizeof(path), d->r->dir, d->order.experiment_id, d->order.artifact_name);
	d->hash_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (d->hash_fd < 0)
		return false;
	d->hash = hash_begin();
	d->phase = PHASE_HASH;
	return true;
}

static void end_training(struct device *d)
{
	struct runner *r = d->r;
	struct order_row *o = &d->order;
	struct art_err err = { 0 };
	char name[128] = "";
	int64_t bytes = 0;
	enum art_status st;

	if (ended_badly(d, "", o->budget_s + r->opt.grace_s))
		return;
	if (kept_check(&r->files, &err)) {
		fail_as(d, ORDER_FAILED, true, 0, "%s", err.text);
		return;
	}
	if (!r->facts.native && !read_score(d, &err)) {
		fail_as(d, ORDER_FAILED, false, 0, "%s", err.text);
		return;
	}
	o->log_bytes = job_log_bytes(d->job);
	flush(d, true);
	job_close(d->job);
	d->job = NULL;
	st = dir_take_artifact(r->dir, o->experiment_id, r->disk_bytes, name, &bytes, &err);
	if (st == ART_OK) {
		art_copy(o->artifact_name, sizeof(o->artifact_name), name);
		o->artifact_bytes = bytes;
		if (!begin_hash(d))
			again(d, "the model cannot be read: %s", strerror(errno));
	} else if (r->facts.native) {
		fail_as(d, ORDER_FAILED, false, 0, "the trainer ended well but left no checkpoint: %s", err.text);
	} else {
		complete(d); /* a number without a model is what was asked for */
	}
}

static void hash_piece(struct device *d)
{
	char *piece = art_alloc(HASH_PIECE, 1);
	struct art_err err = { 0 };
	struct hash_hex hex;
	ssize_t n = read(d->hash_fd, piece, HASH_PIECE);

	if (n > 0)
		hash_add(d->hash, piece, (size_t)n);
	free(piece);
	if (n > 0 || (n < 0 && errno == EINTR))
		return;
	if (n < 0) {
		again(d, "the model cannot be read: %s", strerror(errno));
		return;
	}
	hex = hash_end(d->hash);
	d->hash = NULL;
	stop_hashing(d);
	art_copy(d->order.artifact_sha256, sizeof(d->order.artifact_sha256), hex.s);
	if (!d->r->facts.native) {
		complete(d);
		return;
	}
	d->phase = PHASE_EVALUATE;
	if (native_evaluate(d, &err))
		again(d, "the evaluation cannot start: %s", err.text);
}

static void end_evaluation(struct device *d)
{
	struct runner *r = d->r;
	char checkpoint[HASH_HEX] = "";
	struct art_err err = { 0 };
	double v = 0;
	enum art_status st;

	if (ended_badly(d, "evaluation: ", d->order.budget_s))
		return;
	st = trainer_read_eval(&r->trainer, d->answer.data ? d->answer.data : "", d->answer.len, &v, checkpoint,
			       &err);
	if (!st && strcmp(checkpoint, d->order.artifact_sha256) != 0)
		st = art_fail(&err, ART_CORRUPT, "the evaluator read another checkpoint");
	if (!st && kept_check(&r->files, &err))
		st = ART_CORRUPT;
	if (st) {
		fail_as(d, ORDER_FAILED, st == ART_CORRUPT, 0, "%s", err.text);
		return;
	}
	d->order.val_bpb = OPT_F64(v);
	complete(d);
}

/* ---- the store's turn -------------------------------------------------------------------------------- */

static enum art_status tell_store(struct device *d, bool *final, struct art_err *err)
{
	struct store *st = d->r->store;
	bool failed = false;
	enum art_status s = ART_OK;

	*final = true;
	switch (d->end) {
	case END_FINISH:
		return order_finish(st, &d->order, err);
	case END_AGAIN:
		s = order_again(st, d->order.id, RUNNER_ATTEMPTS, d->why, &failed, err);
		*final = failed;
		return s;
	case END_STOPPED:
		*final = false;
		return order_again(st, d->order.id, INT32_MAX, d->why, &failed, err);
	case END_CANCELLED:
		return ART_OK;
	}
	return s;
}

/*
 * A sandbox that fails now would fail the whole queue within seconds: each failure of ours in a row doubles
 * the pause.
 */
static void hold(struct device *d)
{
	bool ours = d->end == END_AGAIN || (d->end == END_FINISH && d->order.our_fault);

	d->faults = ours ? d->faults + 1 : 0;
	d->hold_us = ours ? art_mono_us() + (HOLD_US << (d->faults < HOLD_DOUBLES ? d->faults - 1 : HOLD_DOUBLES)) : 0;
}

/* True when the store knows. Cancelled meanwhile is an end too. */
static bool settle(struct device *d)
{
	struct runner *r = d->r;
	struct art_err err = { 0 };
	bool final = false;
	enum art_status s;

	if (art_mono_us() < d->look_us)
		return false;
	s = tell_store(d, &final, &err);
	if (s == ART_BUSY || s == ART_IO) {
		d->look_us = art_mono_us() + RETRY_US;
		art_copy(r->told, sizeof(r->told), err.text);
		return false;
	}
	/*
	 * An outcome that the store refuses would be refused for ever: what it can hold is that it was our
	 * fault.
	 */
	if (s != ART_OK && s != ART_CONFLICT && d->end == END_FINISH && !d->order.our_fault) {
		fail_as(d, ORDER_FAILED, true, -1, "the outcome could not be stored: %s", err.text);
		return false;
	}
	d->phase = PHASE_FREE;
	art_buf_reset(&d->answer);
	hold(d);
	if ((final || s == ART_CONFLICT) && r->opt.ended)
		r->opt.ended(r->opt.arg, d->order.id);
	return true;
}

/* ---- while it runs ----------------------------------------------------------------------------------- */

static void cut(struct device *d, enum run_end end, const char *fmt, ...) ART_PRINTF(3, 4);
static void cut(struct device *d, enum run_end end, const char *fmt, ...)
{
	char text[sizeof(d->why)];
	va_list ap;

	if (d->cut)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	art_text_clean(d->why, sizeof(d->why), text, strlen(text), false);
	d->cut = true;
	d->end = end;
	if (d->job)
		job_stop(d->job);
}

/* After the job that was cut has ended, or where there was none. */
static void end_cut(struct device *d)
{
	enum run_end end = d->end;
	char why[sizeof(d->why)];

	art_copy(why, sizeof(why), d->why);
	if (end == END_FINISH)
		fail_as(d, ORDER_FAILED, false, -1, "%s", why);
	else
		decide(d, end);
}

static void watch(struct device *d)
{
	struct runner *r = d->r;
	int64_t began = art_mono_us(), pid = job_pid(d->job), bytes = 0, files = 0, left, memory;
	char path[RUNNER_PATH_MAX];
	struct art_err err = { 0 };
	enum art_status st;

	if (began < d->look_us)
		return;
	runner_path(path, sizeof(path), r->dir, d->order.experiment_id,
		    d->phase == PHASE_EVALUATE ? "eval" : "scratch");
	memory = sandbox_memory(pid, r->mem_bytes);
	if (memory > r->mem_bytes)
		cut(d, END_FINISH, "used more than %lld MiB of memory", (long long)(r->mem_bytes / MIB));
	st = sandbox_usage(path, r->disk_bytes, FILES_MAX, &bytes, &files, &err);
	if (st == ART_LIMIT && bytes > r->disk_bytes)
		cut(d, END_FINISH, "used more than %lld MiB of disk", (long long)(r->disk_bytes / MIB));
	else if (st == ART_LIMIT)
		cut(d, END_FINISH, "left %s", err.text);
	else if (bytes + sandbox_unlinked(pid, path) > r->disk_bytes)
		cut(d, END_FINISH, "used more than %lld MiB of disk", (long long)(r->disk_bytes / MIB));
	left = dir_free(r->dir);
	if (left < r->floor_bytes / 4)
		cut(d, END_AGAIN, "the disk is full: %lld MiB left", (long long)(left / MIB));
	/* Looking must not become the work itself, however many files there are. */
	began = art_mono_us() - began;
	d->look_us = art_mono_us() + (10 * began > LOOK_US ? 10 * began : LOOK_US);
}

void run_look(struct device *d)
{
	struct order_row now;

	if (d->phase == PHASE_FREE || d->phase == PHASE_OUTCOME ||
	    order_find(d->r->store, d->order.id, &now, NULL) != ART_OK || now.state == ORDER_RUNNING)
		return;
	run_stop(d, END_CANCELLED, "cancelled");
}

void run_stop(struct device *d, enum run_end end, const char *why)
{
	if (d->phase == PHASE_FREE || d->phase == PHASE_OUTCOME)
		return;
	cut(d, end, "%s", why);
	if (!d->job)
		end_cut(d);
}

bool run_turn(struct device *d)
{
	switch (d->phase) {
	case PHASE_FREE:
		return false;
	case PHASE_HASH:
		hash_piece(d);
		break;
	case PHASE_TRAIN:
	case PHASE_EVALUATE:
		if (!job_pump(d->job)) {
			flush(d, false);
			watch(d);
		} else if (d->cut) {
			end_cut(d);
		} else if (d->phase == PHASE_TRAIN) {
			end_training(d);
		} else {
			end_evaluation(d);
		}
		break;
	case PHASE_OUTCOME:
		break;
	}
	return d->phase == PHASE_OUTCOME && settle(d);
}

int64_t run_wake_us(const struct device *d)
{
	int64_t at, job;

	switch (d->phase) {
	case PHASE_FREE:
		return INT64_MAX;
	case PHASE_HASH:
		return 0;
	case PHASE_OUTCOME:
		return d->look_us;
	case PHASE_TRAIN:
	case PHASE_EVALUATE:
		break;
	}
	job = job_wake_us(d->job);
	at = d->flushed_us + FLUSH_US < d->look_us ? d->flushed_us + FLUSH_US : d->look_us;
	return job < at ? job : at;
}

/* ---- beginning --------------------------------------------------------------------------------------- */

static enum art_status start_command(struct device *d, struct art_err *err)
{
	struct runner *r = d->r;
	const char *command[] = { "/bin/sh", "-c", r->opt.train_command, NULL }, *id = d->order.experiment_id;
	char scratch[RUNNER_PATH_MAX], log[RUNNER_PATH_MAX], metrics[RUNNER_PATH_MAX];
	struct child c = { .command = command,
			   .scratch = runner_path(scratch, sizeof(scratch), r->dir, id, "scratch"),
			   .log = runner_path(log, sizeof(log), r->dir, id, "run.log"),
			   .side_path = runner_path(metrics, sizeof(metrics), r->dir, id, "metrics.jsonl"),
			   .side = JOB_SIDE_METRICS,
			   .time_s = d->order.budget_s + r->opt.grace_s,
			   .line = run_line };

	return child_open(r, d, &c, &d->job, err);
}

void run_start(struct device *d)
{
	struct runner *r = d->r;
	struct order_row *o = &d->order;
	char why[256] = "";
	struct art_err err = { 0 };
	enum art_status st;

	d->phase = PHASE_TRAIN;
	d->cut = d->has_metrics = d->news = false;
	d->n_points = 0;
	d->kept_progress = -1;
	d->log_bytes = 0;
	d->tokens_per_s = (struct opt_f64){ 0 };
	d->look_us = art_mono_us() + LOOK_US;
	d->flushed_us = art_mono_us();
	d->why[0] = 0;
	if (!(o->budget_s > 0))
		o->budget_s = r->opt.budget_s;
	if (r->opt.may_start && !r->opt.may_start(r->opt.arg, o, why)) {
		fail_as(d, ORDER_FAILED, false, -1, "%s", why[0] ? why : "it may not start any more");
		return;
	}
	st = dir_prepare(&r->opt, o->experiment_id, o->train_sha256, &r->files, r->n_evaluator, &err);
	if (st == ART_CORRUPT || st == ART_NOT_FOUND) {
		fail_as(d, ORDER_FAILED, true, -1, "%s", err.text);
		return;
	}
	if (!st)
		st = r->facts.native ? native_train(d, &err) : start_command(d, &err);
	if (st)
		again(d, "it could not start: %s", err.text);
}
