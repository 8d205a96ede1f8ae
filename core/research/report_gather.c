/*
 * report_gather.c - the facts of a night, read once from the store.
 *
 * Layer: core.
 */
#include "core/research/report_gather.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/stats.h"

bool report_candidate(const struct experiment_row *e)
{
	return e->verdict != VERDICT_BASELINE && e->verdict != VERDICT_IMPORTED &&
	       strcmp(e->proposer, "baseline") != 0;
}

int64_t report_when(const struct report *r, size_t i)
{
	const struct experiment_row *e = &r->all.rows[i];

	return e->decided_at ? e->decided_at : e->created_at;
}

static int by_decided(const void *a, const void *b)
{
	const struct report_step *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

size_t report_steps(const struct report *r, struct report_step *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < r->all.n && n < max; i++) {
		const struct experiment_row *e = &r->all.rows[i];

		if ((e->verdict == VERDICT_KEPT || e->verdict == VERDICT_BASELINE) &&
		    e->val_bpb.known)
			out[n++] = (struct report_step){ e->decided_at, e->id, e->val_bpb.v };
	}
	qsort(out, n, sizeof(*out), by_decided);
	return n;
}

struct report_range report_range(const struct report *r)
{
	struct report_range g = { 0 };
	double base = 0, span;
	bool has_base = r->board.has_baseline && r->board.baseline.val_bpb.known;

	if (has_base)
		base = r->board.baseline.val_bpb.v;
	for (size_t i = 0; i < r->all.n; i++) {
		const struct opt_f64 v = r->all.rows[i].val_bpb;

		if (!v.known)
			continue;
		if (!g.known || v.v < g.lo)
			g.lo = v.v;
		if (!g.known || v.v > g.hi)
			g.hi = v.v;
		g.known = true;
	}
	if (!g.known)
		return g;
	/* A few candidates far above would press everything else into one line: clip them. */
	if (has_base) {
		double room = 3 * (base - g.lo);

		if (room < 0.01 * base)
			room = 0.01 * base;
		if (g.hi > base + room)
			g.hi = base + room;
	}
	span = g.hi - g.lo > 0.01 ? g.hi - g.lo : 0.01;
	for (size_t i = 0; i < r->references.n; i++) {
		double v = r->references.rows[i].val_bpb;

		if (v > g.hi && v <= g.hi + span)
			g.hi = v;
		else if (v < g.lo && v >= g.lo - span)
			g.lo = v;
	}
	span = g.hi - g.lo > 0.001 ? g.hi - g.lo : 0.001;
	g.lo -= 0.05 * span;
	g.hi += 0.05 * span;
	return g;
}

bool report_in_range(struct report_range range, double v)
{
	return v >= range.lo && v <= range.hi;
}

static void count_runs(struct report *r)
{
	for (size_t i = 0; i < r->all.n; i++) {
		r->verdicts[r->all.rows[i].verdict]++;
		for (size_t k = 0; k < r->runs[i].n; k++) {
			const struct run_row *run = &r->runs[i].rows[k];

			r->n_runs++;
			r->faults[run->fault]++;
			r->n_throttled += run->throttled;
			r->n_retried += run->attempt > 1;
			if (run->seconds.known)
				r->train_seconds += run->seconds.v;
			if (run->tokens.known)
				r->tokens += (double)run->tokens.v;
		}
	}
}

struct span {
	int64_t from, to;
};

static int by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Share of the night with a run active: the union of the runs' times over the night's. */
static void measure_busy(struct report *r)
{
	int64_t end = r->night.ended_at ? r->night.ended_at : r->made_at, busy = 0, upto;
	struct span *s = art_alloc((size_t)r->n_runs + 1, sizeof(*s));
	size_t n = 0;

	for (size_t i = 0; i < r->all.n; i++) {
		for (size_t k = 0; k < r->runs[i].n; k++) {
			const struct run_row *run = &r->runs[i].rows[k];

			if (run->started_at)
				s[n++] = (struct span){ run->started_at,
							run->finished_at ? run->finished_at : end };
		}
	}
	qsort(s, n, sizeof(*s), by_from);
	upto = r->night.started_at;
	for (size_t i = 0; i < n; i++) {
		int64_t from = s[i].from > upto ? s[i].from : upto;
		int64_t to = s[i].to < end ? s[i].to : end;

		if (to > from) {
			busy += to - from;
			upto = to;
		}
	}
	free(s);
	if (end <= r->night.started_at)
		return;
	r->elapsed_seconds = (double)(end - r->night.started_at) / 1e6;
	r->busy_share = OPT_F64((double)busy / (double)(end - r->night.started_at));
	/* Of the newest night the status says it too, without the time no engine was up: one figure,
	 * not two, and the time it is a share of. */
	if (r->board.has_night && r->board.night.id == r->night.id && r->board.busy_share.known &&
	    r->board.busy_share.v > 0) {
		r->busy_share = r->board.busy_share;
		r->elapsed_seconds = (double)busy / 1e6 / r->busy_share.v;
	}
}

static void measure_gain(struct report *r)
{
	const struct board *b = &r->board;
	double gain, half;

	if (!b->has_champion || !b->has_baseline || b->champion.id == b->baseline.id ||
	    !b->champion.val_bpb.known || !b->baseline.val_bpb.known)
		return;
	gain = b->baseline.val_bpb.v - b->champion.val_bpb.v;
	r->gain = OPT_F64(gain);
	if (!b->sigma.known || b->sigma_df < 1 || b->champion.n < 1 || b->baseline.n < 1)
		return;
	half = stats_t_quantile(0.975, (double)b->sigma_df) * b->sigma.v *
	       sqrt(1.0 / (double)b->champion.n + 1.0 / (double)b->baseline.n);
	r->gain_lo = OPT_F64(gain - half);
	r->gain_hi = OPT_F64(gain + half);
}

static bool was_confirmed(const struct run_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].purpose == RUN_FOR_CONFIRM && l->rows[i].state == RUN_DONE)
			return true;
	return false;
}

static int by_score(const void *a, const void *b, void *arg)
{
	const struct experiment_row *rows = arg;
	double x = rows[*(const size_t *)a].val_bpb.v, y = rows[*(const size_t *)b].val_bpb.v;

	return (x > y) - (x < y);
}

static void find_near(struct report *r)
{
	r->near = art_alloc(r->all.n + 1, sizeof(*r->near));
	for (size_t i = 0; i < r->all.n; i++)
		if (r->all.rows[i].verdict == VERDICT_DISCARDED && r->all.rows[i].val_bpb.known &&
		    was_confirmed(&r->runs[i]))
			r->near[r->n_near++] = i;
	qsort_r(r->near, r->n_near, sizeof(*r->near), by_score, r->all.rows);
	if (r->n_near > REPORT_NEAR_MAX)
		r->n_near = REPORT_NEAR_MAX;
}

/* The value of @name in a canonical "NAME=value;" list, false when it is not there. */
static bool knob_value(const char *list, const char *name, char *out, size_t n)
{
	size_t len = strlen(name);

	for (const char *p = list; *p;) {
		const char *end = strchrnul(p, ';');

		if (strncmp(p, name, len) == 0 && p[len] == '=') {
			snprintf(out, n, "%.*s", (int)(end - p - (ptrdiff_t)len - 1), p + len + 1);
			return true;
		}
		p = *end ? end + 1 : end;
	}
	return false;
}

static void knob_effect(struct report *r, const char *name)
{
	struct report_knob k = { 0 };
	char value[sizeof(k.base)];

	if (!knob_value(r->board.baseline.knobs, name, k.base, sizeof(k.base)))
		return;
	for (size_t i = 0; i < r->all.n; i++) {
		const struct experiment_row *e = &r->all.rows[i];

		if (!report_candidate(e) || !knob_value(e->knobs, name, value, sizeof(value)) ||
		    strcmp(value, k.base) == 0)
			continue;
		k.tried++;
		if (e->val_bpb.known && (!k.val_bpb.known || e->val_bpb.v < k.val_bpb.v)) {
			k.val_bpb = e->val_bpb;
			k.best_id = e->id;
			art_copy(k.best, sizeof(k.best), value);
		}
	}
	if (!k.tried)
		return;
	art_copy(k.name, sizeof(k.name), name);
	r->knobs[r->n_knobs++] = k;
}

static int by_knob_score(const void *a, const void *b)
{
	const struct report_knob *x = a, *y = b;

	if (x->val_bpb.known != y->val_bpb.known)
		return x->val_bpb.known ? -1 : 1;
	if (x->val_bpb.known && x->val_bpb.v != y->val_bpb.v)
		return x->val_bpb.v < y->val_bpb.v ? -1 : 1;
	return strcmp(x->name, y->name);
}

enum art_status report_gather(struct report *r, struct store *st, int64_t night_id,
			      struct art_err *err)
{
	struct experiment_query q = { .sort = EXPERIMENT_BY_ID };
	enum art_status s;

	memset(r, 0, sizeof(*r));
	r->made_at = art_now_us();
	s = night_find(st, night_id, &r->night, err);
	if (s == ART_NOT_FOUND)
		return night_id ? art_fail(err, s, "there is no night %lld", (long long)night_id)
				: art_fail(err, s, "there was no night here yet: "
					   "artui --headless --overnight starts one");
	if (s == ART_OK && r->night.class_id) {
		r->has_class = true;
		s = class_find(st, r->night.class_id, &r->class, err);
	}
	if (s == ART_OK && r->has_class)
		s = board_get(st, r->night.class_id, &r->board, err);
	q.night_id = r->night.id;
	if (s == ART_OK)
		s = experiment_query(st, &q, &r->all, err);
	if (s != ART_OK)
		goto out;
	r->runs = art_alloc(r->all.n + 1, sizeof(*r->runs));
	for (size_t i = 0; i < r->all.n && s == ART_OK; i++)
		s = run_list(st, r->all.rows[i].id, &r->runs[i], err);
	if (s == ART_OK && r->has_class)
		s = reference_list(st, r->class.data_sha256, &r->references, err);
	if (s != ART_OK)
		goto out;
	count_runs(r);
	measure_busy(r);
	measure_gain(r);
	find_near(r);
	for (int i = 0; i < KNOB_COUNT && r->board.has_baseline; i++)
		knob_effect(r, knob_by_id((enum knob_id)i)->name);
	qsort(r->knobs, (size_t)r->n_knobs, sizeof(r->knobs[0]), by_knob_score);
	return ART_OK;
out:
	report_destroy(r);
	return s;
}

void report_destroy(struct report *r)
{
	for (size_t i = 0; r->runs && i < r->all.n; i++)
		run_list_destroy(&r->runs[i]);
	free(r->runs);
	free(r->near);
	experiment_list_destroy(&r->all);
	reference_list_destroy(&r->references);
	memset(r, 0, sizeof(*r));
}
