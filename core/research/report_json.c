/*
 * report_json.c - the report as JSON; experiments look as `artui experiments --json` has them.
 *
 * Layer: core.
 */
#include "core/research/report_gather.h"

#include <stdio.h>

static void put_night(const struct report *r, struct json_out *o)
{
	const struct night_row *n = &r->night;
	char seed[24];

	json_open_object(o, "night");
	json_put_int(o, "id", n->id);
	json_put_time(o, "started_at", n->started_at);
	json_put_time(o, "ended_at", n->ended_at);
	json_put_str(o, "end_reason", n->ended_at ? n->end_reason : NULL);
	/* Text: a seed may be larger than JSON's whole numbers. */
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)n->seed);
	json_put_str(o, "seed", seed);
	json_put_int(o, "rounds", n->rounds);
	json_put_f64(o, "hours", n->hours);
	json_put_f64(o, "budget_s", n->budget_s);
	json_put_int(o, "confirm", n->confirm);
	json_put_int(o, "judged", n->judged);
	json_put_int(o, "kept", n->kept);
	json_close_object(o);
}

static void put_class(const struct report *r, struct json_out *o)
{
	char text[512];

	if (!r->has_class) {
		json_put_null(o, "class");
		return;
	}
	json_open_object(o, "class");
	json_put_int(o, "id", r->class.id);
	json_put_str(o, "text", class_text(&r->class, text, sizeof(text)));
	json_put_str(o, "metric", r->class.metric);
	json_put_str(o, "data", r->class.data);
	json_put_str(o, "data_sha256", r->class.data_sha256);
	json_put_str(o, "evaluator_sha256", r->class.evaluator_sha256);
	json_put_str(o, "budget", r->class.budget);
	json_put_str(o, "hardware", r->class.hardware);
	json_close_object(o);
}

static void put_figures(const struct report *r, struct json_out *o)
{
	const struct board *b = &r->board;
	const struct class_row *class = r->has_class ? &r->class : NULL;

	if (b->has_champion)
		experiment_json(o, "champion", &b->champion, class, NULL);
	else
		json_put_null(o, "champion");
	if (b->has_baseline)
		experiment_json(o, "baseline", &b->baseline, class, NULL);
	else
		json_put_null(o, "baseline");
	json_put_opt_f64(o, "gain", r->gain);
	interval_json(o, "gain_interval", r->gain_lo, r->gain_hi);
	json_put_opt_f64(o, "sigma", b->sigma);
	json_put_int(o, "sigma_df", b->sigma_df);
	json_put_f64(o, "expected_false_keeps", b->expected_false_keeps);
	json_put_opt_f64(o, "busy_share", r->busy_share);
	json_put_opt_f64(o, "idle_share",
			 (struct opt_f64){ r->busy_share.known, 1 - r->busy_share.v });
	json_put_f64(o, "elapsed_seconds", r->elapsed_seconds);
	json_put_f64(o, "training_seconds", r->train_seconds);
	json_put_f64(o, "tokens", r->tokens);
	json_put_str(o, "cost_usd", "0.00");
	json_put_int(o, "runs_total", r->n_runs);
	json_put_int(o, "runs_throttled", r->n_throttled);
	json_put_int(o, "runs_retried", r->n_retried);
	json_open_object(o, "verdicts");
	for (int v = 0; v < VERDICT_COUNT; v++)
		json_put_int(o, verdict_text((enum verdict)v), r->verdicts[v]);
	json_close_object(o);
	json_open_object(o, "faults");
	for (int f = RUN_FAULT_NONE + 1; f < RUN_FAULT_COUNT; f++)
		json_put_int(o, run_fault_text((enum run_fault)f), r->faults[f]);
	json_close_object(o);
}

void report_put_json(const struct report *r, struct art_buf *b)
{
	struct json_out o;

	json_out_init(&o, b, true);
	json_open_object(&o, NULL);
	json_put_int(&o, "version", 1);
	json_put_time(&o, "made_at", r->made_at);
	put_night(r, &o);
	put_class(r, &o);
	put_figures(r, &o);
	json_open_array(&o, "near_misses");
	for (size_t i = 0; i < r->n_near; i++)
		json_put_int(&o, NULL, r->all.rows[r->near[i]].id);
	json_close_array(&o);
	json_open_array(&o, "references");
	for (size_t i = 0; i < r->references.n; i++) {
		json_open_object(&o, NULL);
		json_put_str(&o, "name", r->references.rows[i].name);
		json_put_f64(&o, "val_bpb", r->references.rows[i].val_bpb);
		json_put_str(&o, "note", r->references.rows[i].note);
		json_close_object(&o);
	}
	json_close_array(&o);
	json_open_array(&o, "knobs");
	for (int i = 0; i < r->n_knobs; i++) {
		json_open_object(&o, NULL);
		json_put_str(&o, "name", r->knobs[i].name);
		json_put_str(&o, "baseline", r->knobs[i].base);
		json_put_str(&o, "best", r->knobs[i].best[0] ? r->knobs[i].best : NULL);
		json_put_int(&o, "tried", r->knobs[i].tried);
		json_put_opt_f64(&o, "val_bpb", r->knobs[i].val_bpb);
		if (r->knobs[i].best_id)
			json_put_int(&o, "experiment", r->knobs[i].best_id);
		else
			json_put_null(&o, "experiment");
		json_close_object(&o);
	}
	json_close_array(&o);
	json_open_array(&o, "experiments");
	for (size_t i = 0; i < r->all.n; i++)
		experiment_json(&o, NULL, &r->all.rows[i], r->has_class ? &r->class : NULL,
				&r->runs[i]);
	json_close_array(&o);
	json_close_object(&o);
	art_buf_put(b, "\n");
}
