/*
 * exchange.c - experiments as JSON, results.tsv and results.jsonl.
 *
 * Layer: core. Reading them back is exchange_import.c.
 */
#include "core/research/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void interval_json(struct json_out *o, const char *key, struct opt_f64 lo, struct opt_f64 hi)
{
	if (!lo.known || !hi.known) {
		json_put_null(o, key);
		return;
	}
	json_open_array(o, key);
	json_put_f64(o, NULL, lo.v);
	json_put_f64(o, NULL, hi.v);
	json_close_array(o);
}

static void put_id(struct json_out *o, const char *key, int64_t id)
{
	if (id)
		json_put_int(o, key, id);
	else
		json_put_null(o, key);
}

void run_json_members(struct json_out *o, const struct run_row *r)
{
	json_put_int(o, "id", r->id);
	json_put_int(o, "idx", r->idx);
	json_put_str(o, "purpose", run_purpose_text(r->purpose));
	json_put_str(o, "executor", r->executor);
	json_put_int(o, "seed", r->seed);
	json_put_str(o, "state", run_state_text(r->state));
	json_put_int(o, "attempt", r->attempt);
	json_put_opt_f64(o, "val_bpb", r->val_bpb);
	json_put_opt_f64(o, "claimed_bpb", r->claimed_bpb);
	json_put_time(o, "started_at", r->started_at);
	json_put_time(o, "finished_at", r->finished_at);
	json_put_opt_f64(o, "seconds", r->seconds);
	json_put_opt_i64(o, "tokens", r->tokens);
	json_put_opt_i64(o, "steps", r->steps);
	json_put_opt_i64(o, "params", r->params);
	json_put_opt_f64(o, "mfu", r->mfu);
	json_put_opt_f64(o, "peak_mem_mb", r->peak_mem_mb);
	json_put_bool(o, "throttled", r->throttled);
	json_put_str(o, "fault", r->fault == RUN_FAULT_NONE ? NULL : run_fault_text(r->fault));
	json_put_str(o, "error", r->error[0] ? r->error : NULL);
	json_put_str(o, "checkpoint_sha256", r->checkpoint_sha256[0] ? r->checkpoint_sha256 : NULL);
}

void experiment_json(struct json_out *o, const char *key, const struct experiment_row *e,
		     const struct class_row *class, const struct run_list *runs)
{
	char text[512];

	json_open_object(o, key);
	json_put_int(o, "id", e->id);
	json_put_str(o, "title", e->title);
	json_put_str(o, "proposer", e->proposer);
	put_id(o, "parent", e->parent_id);
	json_put_str(o, "recipe_sha256", e->recipe_sha256);
	json_put_str(o, "verdict", verdict_text(e->verdict));
	json_put_opt_f64(o, "val_bpb", e->val_bpb);
	json_put_int(o, "n", e->n);
	interval_json(o, "interval", e->lo, e->hi);
	json_put_str(o, "class", class ? class_text(class, text, sizeof(text)) : NULL);
	put_id(o, "class_id", e->class_id);
	put_id(o, "night", e->night_id);
	json_put_str(o, "idea", e->idea);
	json_put_str(o, "reason", e->reason);
	json_put_str(o, "knobs", e->knobs);
	json_put_opt_f64(o, "p_false_keep", e->p_false_keep);
	json_put_time(o, "created_at", e->created_at);
	json_put_time(o, "decided_at", e->decided_at);
	json_put_f64(o, "seconds", e->seconds);
	if (runs) {
		json_open_array(o, "runs");
		for (size_t i = 0; i < runs->n; i++) {
			json_open_object(o, NULL);
			run_json_members(o, &runs->rows[i]);
			json_close_object(o);
		}
		json_close_array(o);
	}
	json_close_object(o);
}

static enum art_status all_experiments(struct store *st, struct experiment_list *out,
				       struct art_err *err)
{
	struct experiment_query q = { .sort = EXPERIMENT_BY_ID };

	return experiment_query(st, &q, out, err);
}

/* autoresearch's three words. An imported row says its own at the start of its reason. */
static const char *tsv_status(const struct experiment_row *e)
{
	switch (e->verdict) {
	case VERDICT_BASELINE:
	case VERDICT_KEPT:
		return "keep";
	case VERDICT_FAILED:
		return "crash";
	case VERDICT_DISCARDED:
	case VERDICT_STOPPED:
		return "discard";
	case VERDICT_IMPORTED:
		if (strncmp(e->reason, "keep", 4) == 0)
			return "keep";
		return strncmp(e->reason, "crash", 5) == 0 ? "crash" : "discard";
	case VERDICT_PENDING:
	case VERDICT_CANCELLED:
	case VERDICT_COUNT:
		break;
	}
	return NULL;
}

enum art_status export_tsv(struct store *st, struct art_buf *out, struct art_err *err)
{
	struct experiment_list l = { 0 };
	enum art_status s = all_experiments(st, &l, err);

	if (s == ART_OK)
		s = art_buf_printf(out, "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n");
	for (size_t i = 0; i < l.n && s == ART_OK; i++) {
		const struct experiment_row *e = &l.rows[i];
		const char *status = tsv_status(e);
		struct run_list runs = { 0 };
		char title[TITLE_MAX];
		double peak = 0;

		if (!status)
			continue;
		s = run_list(st, e->id, &runs, err);
		for (size_t r = 0; r < runs.n; r++)
			if (runs.rows[r].peak_mem_mb.known && runs.rows[r].peak_mem_mb.v > peak)
				peak = runs.rows[r].peak_mem_mb.v;
		run_list_destroy(&runs);
		if (s != ART_OK)
			break;
		/* Cleaning turns a tab in a title into a space: the columns stay five. */
		art_text_clean(title, sizeof(title), e->title, strlen(e->title), false);
		s = art_buf_printf(out, "%.7s\t%.6f\t%.1f\t%s\t%s\n", e->recipe_sha256,
				   e->val_bpb.known ? e->val_bpb.v : 0.0, peak / 1024, status,
				   title);
	}
	experiment_list_destroy(&l);
	if (s == ART_LIMIT)
		return art_fail(err, s, "results.tsv would be larger than %zu bytes", out->max);
	return s;
}

/* A run's line carries obol's names (experiment_id, train_hash, timestamp) beside our own. */
static void jsonl_line(struct art_buf *b, const struct experiment_row *e,
		       const struct class_row *class, const struct run_row *r)
{
	struct json_out o;
	char text[512];

	json_out_init(&o, b, false);
	json_open_object(&o, NULL);
	snprintf(text, sizeof(text), "exp-%lld", (long long)e->id);
	json_put_str(&o, "experiment_id", text);
	snprintf(text, sizeof(text), "sha256:%s", e->recipe_sha256);
	json_put_str(&o, "train_hash", text);
	json_put_time(&o, "timestamp", r->finished_at ? r->finished_at : e->created_at);
	json_put_null(&o, "worker_endpoint");
	json_put_int(&o, "experiment", e->id);
	json_put_str(&o, "title", e->title);
	json_put_str(&o, "proposer", e->proposer);
	put_id(&o, "parent", e->parent_id);
	json_put_str(&o, "recipe_sha256", e->recipe_sha256);
	json_put_str(&o, "verdict", verdict_text(e->verdict));
	json_put_str(&o, "class", class ? class_text(class, text, sizeof(text)) : NULL);
	put_id(&o, "class_id", e->class_id);
	run_json_members(&o, r);
	json_close_object(&o);
	art_buf_put(b, "\n");
}

enum art_status export_jsonl(struct store *st, struct art_buf *out, struct art_err *err)
{
	struct experiment_list l = { 0 };
	struct class_row class = { 0 };
	struct art_buf line;
	enum art_status s = all_experiments(st, &l, err);

	art_buf_init(&line, 1u << 20);
	for (size_t i = 0; i < l.n && s == ART_OK; i++) {
		const struct experiment_row *e = &l.rows[i];
		struct run_list runs = { 0 };

		if (e->class_id && e->class_id != class.id)
			s = class_find(st, e->class_id, &class, err);
		if (s == ART_OK)
			s = run_list(st, e->id, &runs, err);
		for (size_t r = 0; r < runs.n && s == ART_OK; r++) {
			art_buf_reset(&line);
			jsonl_line(&line, e, e->class_id ? &class : NULL, &runs.rows[r]);
			s = art_buf_add(out, line.data, line.len);
			if (s != ART_OK)
				s = art_fail(err, s, "results.jsonl would be larger than %zu bytes",
					     out->max);
		}
		run_list_destroy(&runs);
	}
	art_buf_destroy(&line);
	experiment_list_destroy(&l);
	return s;
}
