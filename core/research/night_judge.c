/*
 * night_judge.c - what the pending experiment needs next, and its verdict.
 *
 * Rows in, rows out: the runs of the experiment decide, so that it does not matter how often the
 * engine died on the way.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/night_private.h"
#include "core/research/stats.h"
#include "store/knobs.h"

#define THROTTLE_SHARE 0.6   /* of its peers' median tokens: less is not the same machine */
#define THROTTLE_PEERS 2
#define BASELINE_RERUNS 3    /* throttled runs of a baseline that are run again */

int64_t night_run_seed(uint64_t night_seed, int64_t number, int64_t idx)
{
	uint64_t x = art_mix64(art_mix64(night_seed, (uint64_t)number), (uint64_t)idx);

	return 1 + (int64_t)(x % 2147483646u);
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static bool counts(const struct run_row *r)
{
	return r->state == RUN_DONE && !r->throttled && r->val_bpb.known;
}

static void collect(const struct run_list *runs, bool screen, struct night_values *out)
{
	out->n = 0;
	for (size_t i = 0; i < runs->n && out->n < JUDGE_VALUES_MAX; i++)
		if (counts(&runs->rows[i]) && (runs->rows[i].purpose == RUN_FOR_SCREEN) == screen)
			out->v[out->n++] = runs->rows[i].val_bpb.v;
}

enum art_status night_values(struct night *n, int64_t experiment_id, struct night_values *out,
			     struct art_err *err)
{
	struct run_list runs = { 0 };
	enum art_status st = run_list(n->env.store, experiment_id, &runs, err);

	if (!st)
		collect(&runs, false, out);
	run_list_destroy(&runs);
	return st;
}

enum art_status night_number(struct night *n, int64_t experiment_id, int64_t *out,
			     struct art_err *err)
{
	struct experiment_query q = { .night_id = n->row.id };
	struct experiment_list l = { 0 };
	enum art_status st = experiment_query(n->env.store, &q, &l, err);

	*out = 0;
	for (size_t i = 0; i < l.n; i++)
		*out += l.rows[i].id <= experiment_id;
	experiment_list_destroy(&l);
	return st;
}

static enum art_status noise(struct night *n, struct opt_f64 *sigma, long *df, struct art_err *err)
{
	struct board *b = art_alloc(1, sizeof(*b));
	enum art_status st = board_get(n->env.store, n->class.id, b, err);

	if (!st) {
		*sigma = b->sigma;
		*df = (long)b->sigma_df;
	}
	free(b);
	return st;
}

/* Mean and interval of @v into @e. */
static enum art_status set_numbers(struct night *n, struct experiment_row *e, const double *v,
				   int count, struct art_err *err)
{
	struct opt_f64 sigma = { 0 };
	double lo, hi;
	long df = 0;
	enum art_status st = noise(n, &sigma, &df, err);

	e->n = count;
	e->val_bpb = e->lo = e->hi = (struct opt_f64){ 0 };
	if (st || !count)
		return st;
	e->val_bpb = OPT_F64(stats_mean(v, (size_t)count));
	if (judge_interval(e->val_bpb.v, count, sigma, df, &lo, &hi)) {
		e->lo = OPT_F64(lo);
		e->hi = OPT_F64(hi);
	}
	return ART_OK;
}

/*
 * What the incumbent's true mean was judged to be: the baseline's average, then from keep to keep
 * the average of the kept one's confirming runs freed of their selection.
 */
static enum art_status incumbent_mean(struct night *n, double sigma, double *mean,
				      struct art_err *err)
{
	struct experiment_query q = { .class_id = n->class.id,
				      .verdicts = 1u << VERDICT_KEPT | 1u << VERDICT_BASELINE };
	struct experiment_list l = { 0 };
	struct night_values before = { .n = 0 }, v;
	enum art_status st = experiment_query(n->env.store, &q, &l, err);

	for (size_t i = 0; i < l.n && !st; i++) {
		st = night_values(n, l.rows[i].id, &v, err);
		if (st || !v.n)
			continue;
		if (l.rows[i].verdict == VERDICT_BASELINE || !before.n)
			*mean = stats_mean(v.v, (size_t)v.n);
		else
			*mean = judge_true_mean(v.v, v.n, stats_min(before.v, (size_t)before.n),
						sigma, *mean);
		before = v;
	}
	experiment_list_destroy(&l);
	return st;
}

static enum art_status set_false_keep(struct night *n, struct experiment_row *e,
				      const struct judge_rule *rule, const struct night_values *inc,
				      struct opt_f64 sigma, struct art_err *err)
{
	double mean = 0;
	enum art_status st;

	e->p_false_keep = (struct opt_f64){ 0 };
	if (!sigma.known)
		return ART_OK;
	st = incumbent_mean(n, sigma.v, &mean, err);
	if (!st)
		e->p_false_keep = OPT_F64(judge_false_keep(rule, inc->v, inc->n, mean, sigma.v));
	return st;
}

/* ---- throttling ------------------------------------------------------------------------------- */

/* The constants that do not change what a token costs are taken out of @knobs. */
static void cost_knobs(char out[KNOBS_MAX], const char *knobs)
{
	static const char *const free_ones[] = { "EMBEDDING_LR", "UNEMBEDDING_LR", "MATRIX_LR",
						 "SCALAR_LR", "WEIGHT_DECAY", "ADAM_BETAS",
						 "WARMUP_RATIO", "WARMDOWN_RATIO", "FINAL_LR_FRAC" };
	size_t n = 0;

	for (const char *p = knobs; *p;) {
		size_t m = strcspn(p, ";"), name = strcspn(p, "=;");
		bool skip = false;
		for (size_t i = 0; i < ART_COUNT(free_ones); i++)
			skip |= strlen(free_ones[i]) == name && !memcmp(free_ones[i], p, name);
		m += p[m] == ';';
		if (!skip) {
			memcpy(out + n, p, m);
			n += m;
		}
		p += m;
	}
	out[n] = 0;
}

enum art_status night_throttled(struct night *n, const struct run_row *r, bool *out,
				char text[REASON_MAX], struct art_err *err)
{
	struct experiment_query q = { .class_id = n->class.id };
	struct experiment_list l = { 0 };
	struct run_list runs = { 0 };
	char own[KNOBS_MAX] = "", other[KNOBS_MAX];
	double *tokens = NULL, median;
	size_t count = 0;
	enum art_status st;

	*out = false;
	if (!r->tokens.known || r->tokens.v <= 0)
		return ART_OK;
	st = experiment_query(n->env.store, &q, &l, err);
	if (!st)
		st = run_list_class(n->env.store, n->class.id, &runs, err);
	if (st)
		goto out;
	tokens = art_alloc(runs.n + 1, sizeof(*tokens));
	for (size_t i = 0; i < l.n; i++)
		if (l.rows[i].id == r->experiment_id)
			cost_knobs(own, l.rows[i].knobs);
	/* Runs come by id, experiments too: one walk over both would do, but nights are short. */
	for (size_t i = 0; i < runs.n; i++) {
		const struct run_row *p = &runs.rows[i];
		bool peer = p->experiment_id == r->experiment_id;
		for (size_t k = 0; k < l.n && !peer; k++) {
			if (l.rows[k].id != p->experiment_id || !own[0])
				continue;
			cost_knobs(other, l.rows[k].knobs);
			peer = !strcmp(own, other);
		}
		if (peer && p->id != r->id && !p->throttled && p->tokens.known)
			tokens[count++] = (double)p->tokens.v;
	}
	if (count < THROTTLE_PEERS)
		goto out;
	median = stats_median(tokens, count);
	if ((double)r->tokens.v < THROTTLE_SHARE * median) {
		*out = true;
		snprintf(text, REASON_MAX,
			 "%.2f M tokens where its %zu peers had %.2f M: the machine was busy or throttled",
			 (double)r->tokens.v * 1e-6, count, median * 1e-6);
	}
out:
	free(tokens);
	run_list_destroy(&runs);
	experiment_list_destroy(&l);
	return st;
}

/* ---- verdicts --------------------------------------------------------------------------------- */

static enum art_status decide(struct night *n, struct experiment_row *e, enum verdict v,
			      const char *reason, struct art_err *err)
{
	static const char *const kinds[VERDICT_COUNT] = {
		[VERDICT_BASELINE] = "experiment.baseline",   [VERDICT_KEPT] = "experiment.kept",
		[VERDICT_DISCARDED] = "experiment.discarded", [VERDICT_FAILED] = "experiment.failed",
		[VERDICT_STOPPED] = "experiment.stopped",     [VERDICT_CANCELLED] = "experiment.cancelled",
	};
	enum event_level level = v == VERDICT_KEPT || v == VERDICT_BASELINE ? EVENT_GOOD :
				 v == VERDICT_FAILED			    ? EVENT_WARN :
									      EVENT_INFO;
	enum art_status st;

	e->verdict = v;
	art_copy(e->reason, sizeof(e->reason), reason);
	st = store_begin(n->env.store, err);
	if (st)
		return st;
	st = experiment_judge(n->env.store, e, err);
	if (!st)
		st = event_add(n->env.store, level, kinds[v], e->id, 0, err,
			       "experiment %" PRId64 " %s: %s (%s)", e->id, verdict_text(v), reason,
			       e->title);
	if (st) {
		store_rollback(n->env.store);
		return st;
	}
	st = store_commit(n->env.store, err);
	if (!st)
		night_prune(n, e->id);
	return st;
}

static enum art_status add_run(struct night *n, const struct experiment_row *e,
			       enum run_purpose purpose, size_t n_runs, struct art_err *err)
{
	struct run_row r = { .experiment_id = e->id, .purpose = purpose };
	int64_t number;
	enum art_status st = night_number(n, e->id, &number, err);

	art_copy(r.executor, sizeof(r.executor), NIGHT_DEVICE);
	for (int64_t salt = 0; !st; salt += 1000) {
		r.seed = night_run_seed(n->row.seed, number, (int64_t)n_runs + salt);
		st = run_add(n->env.store, &r, err);
		if (st != ART_CONFLICT)
			break;
		st = ART_OK; /* the seed is taken in this experiment: one in 2^31 */
	}
	return st;
}

static int throttled_runs(const struct run_list *runs)
{
	int count = 0;

	for (size_t i = 0; i < runs->n; i++)
		count += runs->rows[i].state == RUN_DONE && runs->rows[i].throttled;
	return count;
}

/* The run that ended otherwise than DONE, if any: it decides the experiment. */
static const struct run_row *fallen(const struct run_list *runs)
{
	for (size_t i = 0; i < runs->n; i++)
		if (run_state_final(runs->rows[i].state) && runs->rows[i].state != RUN_DONE)
			return &runs->rows[i];
	return NULL;
}

static enum art_status decide_fallen(struct night *n, struct experiment_row *e,
				     const struct run_list *runs, const struct run_row *r,
				     struct art_err *err)
{
	struct night_values v;
	enum verdict verdict = r->state == RUN_CANCELLED ? VERDICT_CANCELLED :
			       r->state == RUN_STOPPED	 ? VERDICT_STOPPED :
							   VERDICT_FAILED;
	char reason[REASON_MAX];
	enum art_status st;

	collect(runs, false, &v);
	if (!v.n)
		collect(runs, true, &v);
	st = set_numbers(n, e, v.v, v.n, err);
	if (st)
		return st;
	if (verdict == VERDICT_FAILED)
		snprintf(reason, sizeof(reason), "%s run %s: %.180s", run_purpose_text(r->purpose),
			 run_fault_text(r->fault), r->error);
	else
		art_copy(reason, sizeof(reason), r->error);
	if (r->purpose == RUN_FOR_BASELINE)
		night_finish(n, verdict == VERDICT_FAILED, "the baseline %s: %.180s",
			     verdict == VERDICT_FAILED ? "failed" : "was not finished", reason);
	return decide(n, e, verdict, reason, err);
}

enum art_status night_cancel(struct night *n, const struct experiment_row *e, const char *why,
			     struct art_err *err)
{
	struct experiment_row row = *e;
	struct run_list runs = { 0 };
	struct night_values v;
	const struct run_row *bad;
	enum art_status st = run_list(n->env.store, e->id, &runs, err);

	for (size_t i = 0; i < runs.n && !st; i++) {
		struct run_row r = runs.rows[i];
		if (r.state != RUN_QUEUED)
			continue;
		r.state = RUN_CANCELLED;
		r.finished_at = art_now_us();
		art_copy(r.error, sizeof(r.error), why);
		st = run_move(n->env.store, &r, RUN_QUEUED, err);
	}
	/* What fell by itself, at the very end, is told as that. */
	bad = fallen(&runs);
	if (!st && bad) {
		st = decide_fallen(n, &row, &runs, bad, err);
	} else if (!st) {
		collect(&runs, false, &v);
		if (!v.n)
			collect(&runs, true, &v);
		st = set_numbers(n, &row, v.v, v.n, err);
		if (!st)
			st = decide(n, &row, VERDICT_CANCELLED, why, err);
	}
	run_list_destroy(&runs);
	return st;
}

static enum art_status step_baseline(struct night *n, struct experiment_row *e,
				     const struct run_list *runs, struct art_err *err)
{
	struct night_values v;
	char reason[REASON_MAX];
	enum art_status st;

	collect(runs, false, &v);
	if (throttled_runs(runs) > BASELINE_RERUNS) {
		snprintf(reason, sizeof(reason),
			 "%d of %zu runs were throttled: the speed of this machine is not steady enough "
			 "to compare runs", throttled_runs(runs), runs->n);
		night_finish(n, true, "the baseline failed: %s", reason);
		st = set_numbers(n, e, v.v, v.n, err);
		return st ? st : decide(n, e, VERDICT_FAILED, reason, err);
	}
	if (v.n < n->row.confirm)
		return add_run(n, e, RUN_FOR_BASELINE, runs->n, err);
	st = set_numbers(n, e, v.v, v.n, err);
	if (st)
		return st;
	snprintf(reason, sizeof(reason), "%d seeds: mean %.4f, best %.4f", v.n, e->val_bpb.v,
		 stats_min(v.v, (size_t)v.n));
	return decide(n, e, VERDICT_BASELINE, reason, err);
}

/* The judge's answer for a candidate without mishap. */
static enum art_status step_candidate(struct night *n, struct experiment_row *e,
				      const struct run_list *runs, struct art_err *err)
{
	struct experiment_row *champion = art_alloc(1, sizeof(*champion));
	struct night_values inc = { .n = 0 }, screen, confirm;
	struct judge_rule rule = { .confirm = n->row.confirm };
	struct judge_input in = { 0 };
	struct judge_result j;
	struct opt_f64 sigma = { 0 };
	long df = 0;
	enum art_status st;

	collect(runs, true, &screen);
	collect(runs, false, &confirm);
	if (!judge_screen_parse(config_text(n->env.config, CONFIG_SEARCH_SCREEN_KEY), &rule.screen))
		rule.screen = JUDGE_SCREEN_MIN;
	st = experiment_champion(n->env.store, n->class.id, champion, err);
	if (!st)
		st = night_values(n, champion->id, &inc, err);
	if (!st && !inc.n)
		st = art_fail(err, ART_CORRUPT, "the incumbent, experiment %" PRId64 ", has no runs",
			      champion->id);
	if (!st)
		st = noise(n, &sigma, &df, err);
	if (st)
		goto out;
	in = (struct judge_input){ .incumbent = inc.v, .n_incumbent = inc.n, .sigma = sigma,
				   .confirm = confirm.v, .n_confirm = confirm.n };
	if (in.n_confirm > rule.confirm)
		in.n_confirm = rule.confirm;
	if (screen.n)
		in.screen = OPT_F64(screen.v[0]);
	judge_next(&rule, &in, &j);
	st = set_numbers(n, e, confirm.n ? confirm.v : screen.v, confirm.n ? confirm.n : screen.n,
			 err);
	if (st)
		goto out;
	switch (j.action) {
	case JUDGE_RUN_SCREEN:
		st = add_run(n, e, RUN_FOR_SCREEN, runs->n, err);
		break;
	case JUDGE_RUN_CONFIRM:
		st = experiment_numbers(n->env.store, e, err);
		if (!st)
			st = add_run(n, e, RUN_FOR_CONFIRM, runs->n, err);
		break;
	case JUDGE_KEEP:
	case JUDGE_DISCARD:
		st = set_false_keep(n, e, &rule, &inc, sigma, err);
		if (!st)
			st = decide(n, e, j.action == JUDGE_KEEP ? VERDICT_KEPT : VERDICT_DISCARDED,
				    j.reason, err);
		break;
	}
out:
	free(champion);
	return st;
}

enum art_status night_step(struct night *n, const struct experiment_row *pending,
			   struct art_err *err)
{
	struct experiment_row *e = art_alloc(1, sizeof(*e));
	struct run_list runs = { 0 };
	const struct run_row *bad;
	enum art_status st;

	*e = *pending;
	st = run_list(n->env.store, e->id, &runs, err);
	if (st)
		goto out;
	for (size_t i = 0; i < runs.n; i++) {
		if (runs.rows[i].state != RUN_QUEUED)
			continue;
		if (n->paused)
			n->wait = true;
		else
			st = night_run_start(n, e, &runs.rows[i], err);
		goto out;
	}
	bad = fallen(&runs);
	if (bad) {
		st = decide_fallen(n, e, &runs, bad, err);
	} else if (!strcmp(e->proposer, "baseline")) {
		st = step_baseline(n, e, &runs, err);
	} else if (throttled_runs(&runs) > 1) {
		struct night_values v;
		collect(&runs, false, &v);
		st = set_numbers(n, e, v.v, v.n, err);
		if (!st)
			st = decide(n, e, VERDICT_DISCARDED,
				    "not ranked: two of its runs were throttled", err);
	} else {
		st = step_candidate(n, e, &runs, err);
	}
out:
	run_list_destroy(&runs);
	free(e);
	return st;
}
