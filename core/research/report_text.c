/*
 * report_text.c - the report as plain text, with a chart of characters.
 *
 * Layer: core. ASCII but for titles, 78 columns: a mail, a log, a terminal of any kind.
 */
#include "core/research/report_gather.h"

#include <stdio.h>
#include <string.h>

#define CHART_W 60
#define CHART_H 14

static void put_time(struct art_buf *b, int64_t at)
{
	char t[24];

	art_buf_put(b, at ? art_time_iso(at, t, sizeof(t)) : "-");
}

static void put_experiment(struct art_buf *b, const char *label, const struct experiment_row *e)
{
	char v[FIGURE_TEXT], i[FIGURE_TEXT];

	art_buf_putf(b, "%-14s #%lld  %s %s n=%lld  %s\n", label, (long long)e->id,
		     figure_bpb(e->val_bpb, v), figure_interval(e->lo, e->hi, i), (long long)e->n,
		     e->title);
}

static void put_head(const struct report *r, struct art_buf *b)
{
	const struct board *d = &r->board;
	char class[512], v[FIGURE_TEXT], i[FIGURE_TEXT];

	art_buf_putf(b, "artui report: night %lld\n\n%-14s ", (long long)r->night.id, "Time");
	put_time(b, r->night.started_at);
	art_buf_put(b, " to ");
	put_time(b, r->night.ended_at);
	art_buf_putf(b, "\n%-14s %s\n", "Ended",
		     r->night.ended_at ? r->night.end_reason : "not yet: open, to be resumed");
	if (r->has_class)
		art_buf_putf(b, "%-14s %s\n", "Class", class_text(&r->class, class, sizeof(class)));
	art_buf_put(b, "\n");
	if (d->has_champion)
		put_experiment(b, "Champion", &d->champion);
	if (d->has_baseline && (!d->has_champion || d->champion.id != d->baseline.id))
		put_experiment(b, "Baseline", &d->baseline);
	if (!d->has_champion)
		art_buf_putf(b, "%-14s none yet: the baseline is not measured\n", "Champion");
	else if (r->gain.known)
		art_buf_putf(b, "%-14s %s bits per byte below the baseline, 95 %% %s\n", "Gain",
			     figure_bpb(r->gain, v), figure_interval(r->gain_lo, r->gain_hi, i));
	else
		art_buf_putf(b, "%-14s none: nothing beat the baseline\n", "Gain");
}

static void put_figures(const struct report *r, struct art_buf *b)
{
	const struct board *d = &r->board;
	char x[FIGURE_TEXT], y[FIGURE_TEXT], z[FIGURE_TEXT];

	if (d->sigma.known)
		art_buf_putf(b, "%-14s %.5f between seeds, from %lld degrees of freedom\n", "Sigma",
			     d->sigma.v, (long long)d->sigma_df);
	else
		art_buf_putf(b, "%-14s not known: too few repeats\n", "Sigma");
	art_buf_putf(b, "%-14s %lld judged: %lld kept, %lld discarded, %lld failed, %lld stopped, "
		     "%lld cancelled; %lld undecided\n", "Candidates", (long long)r->night.judged,
		     (long long)r->verdicts[VERDICT_KEPT],
		     (long long)r->verdicts[VERDICT_DISCARDED],
		     (long long)r->verdicts[VERDICT_FAILED],
		     (long long)r->verdicts[VERDICT_STOPPED],
		     (long long)r->verdicts[VERDICT_CANCELLED],
		     (long long)r->verdicts[VERDICT_PENDING]);
	art_buf_putf(b, "%-14s %.2f expected among all judged in this class\n", "False keeps",
		     d->expected_false_keeps);
	art_buf_putf(b, "%-14s %lld, %s training, %s tokens%s\n", "Runs", (long long)r->n_runs,
		     figure_duration(r->train_seconds, x), figure_count(r->tokens, y),
		     r->n_throttled ? ", some throttled" : "");
	art_buf_putf(b, "%-14s %s of %s (idle %s)\n", "Busy", figure_percent(r->busy_share, x),
		     figure_duration(r->elapsed_seconds, y),
		     figure_percent((struct opt_f64){ r->busy_share.known, 1 - r->busy_share.v }, z));
	art_buf_putf(b, "%-14s 0.00 USD: no paid runs\n", "Money");
}

static void put_list(const struct report *r, struct art_buf *b)
{
	bool any = false;

	art_buf_put(b, "\nKept\n");
	for (size_t i = 0; i < r->all.n; i++) {
		if (r->all.rows[i].verdict != VERDICT_KEPT)
			continue;
		any = true;
		put_experiment(b, " ", &r->all.rows[i]);
		art_buf_putf(b, "%-14s %s\n", "", r->all.rows[i].reason);
	}
	if (!any)
		art_buf_put(b, "  nothing\n");
	if (!r->n_near)
		return;
	art_buf_put(b, "\nNear misses: passed the screen, not the fresh seeds\n");
	for (size_t i = 0; i < r->n_near; i++) {
		const struct experiment_row *e = &r->all.rows[r->near[i]];

		put_experiment(b, " ", e);
		art_buf_putf(b, "%-14s %s\n", "", e->reason);
	}
}

static void put_faults(const struct report *r, struct art_buf *b)
{
	bool any = false;

	for (int f = RUN_FAULT_NONE + 1; f < RUN_FAULT_COUNT; f++) {
		if (!r->faults[f])
			continue;
		art_buf_putf(b, "%s%lld %s", any ? ", " : "\nRuns without a result: ",
			     (long long)r->faults[f], run_fault_text((enum run_fault)f));
		any = true;
	}
	if (any)
		art_buf_put(b, "\n");
}

static void put_references(const struct report *r, struct art_buf *b)
{
	const struct experiment_row *e = &r->board.champion;
	bool placed = !r->board.has_champion || !e->val_bpb.known;

	if (!r->references.n)
		return;
	art_buf_put(b, "\nReference lines of this text (bits per byte)\n");
	for (size_t i = 0; i < r->references.n; i++) {
		const struct reference_row *f = &r->references.rows[i];

		if (!placed && e->val_bpb.v <= f->val_bpb) {
			art_buf_putf(b, "> %.4f  the champion, #%lld\n", e->val_bpb.v,
				     (long long)e->id);
			placed = true;
		}
		art_buf_putf(b, "  %.4f  %s%s%s\n", f->val_bpb, f->name, f->note[0] ? ", " : "",
			     f->note);
	}
	if (!placed)
		art_buf_putf(b, "> %.4f  the champion, #%lld\n", e->val_bpb.v, (long long)e->id);
}

static void put_knobs(const struct report *r, struct art_buf *b)
{
	char v[FIGURE_TEXT];

	if (!r->n_knobs)
		return;
	art_buf_put(b, "\nConstants: the best seen away from the baseline's value\n");
	art_buf_putf(b, "  %-18s %-14s %-14s %6s  %-8s %s\n", "constant", "baseline", "best",
		     "tried", "val_bpb", "in");
	for (int i = 0; i < r->n_knobs; i++) {
		const struct report_knob *k = &r->knobs[i];

		art_buf_putf(b, "  %-18s %-14s %-14s %6lld  %-8s ", k->name, k->base,
			     k->best[0] ? k->best : "-", (long long)k->tried,
			     figure_bpb(k->val_bpb, v));
		if (k->best_id)
			art_buf_putf(b, "#%lld", (long long)k->best_id);
		art_buf_put(b, "\n");
	}
	art_buf_put(b, "  (candidates change several at once: a hint, not an effect)\n");
}

struct canvas {
	char cell[CHART_H][CHART_W + 1];
	struct report_range range;
	int64_t from, to;
};

static int canvas_row(const struct canvas *c, double v)
{
	double share = (c->range.hi - v) / (c->range.hi - c->range.lo);
	int y = (int)(share * (CHART_H - 1) + 0.5);

	return y < 0 ? 0 : y >= CHART_H ? CHART_H - 1 : y;
}

static int canvas_column(const struct canvas *c, int64_t at)
{
	double share = (double)(at - c->from) / (double)(c->to - c->from);
	int x = (int)(share * (CHART_W - 1) + 0.5);

	return x < 0 ? 0 : x >= CHART_W ? CHART_W - 1 : x;
}

static char mark(enum verdict v)
{
	switch (v) {
	case VERDICT_KEPT:
		return '*';
	case VERDICT_BASELINE:
		return 'B';
	case VERDICT_PENDING:
		return '?';
	case VERDICT_DISCARDED:
	case VERDICT_FAILED:
	case VERDICT_STOPPED:
	case VERDICT_CANCELLED:
	case VERDICT_IMPORTED:
	case VERDICT_COUNT:
		break;
	}
	return '.';
}

static void draw_steps(const struct report *r, struct canvas *c)
{
	struct report_step steps[256];
	size_t n = report_steps(r, steps, ART_COUNT(steps));

	for (size_t i = 0; i < n; i++) {
		int x = canvas_column(c, steps[i].at), y = canvas_row(c, steps[i].val_bpb);
		int end = i + 1 < n ? canvas_column(c, steps[i + 1].at) : CHART_W - 1;

		for (; x <= end; x++)
			c->cell[y][x] = '-';
	}
}

static void put_chart(const struct report *r, struct art_buf *b)
{
	struct canvas c = { .range = report_range(r), .from = r->night.started_at };
	char span[FIGURE_TEXT];

	c.to = r->night.ended_at ? r->night.ended_at : r->made_at;
	if (!c.range.known || c.to <= c.from)
		return;
	for (int y = 0; y < CHART_H; y++) {
		memset(c.cell[y], ' ', CHART_W);
		c.cell[y][CHART_W] = 0;
	}
	draw_steps(r, &c);
	for (size_t i = 0; i < r->all.n; i++) {
		const struct experiment_row *e = &r->all.rows[i];
		int x, y;

		if (!e->val_bpb.known)
			continue;
		x = canvas_column(&c, report_when(r, i));
		y = canvas_row(&c, e->val_bpb.v);
		c.cell[y][x] = e->val_bpb.v > c.range.hi ? '^' : mark(e->verdict);
	}
	art_buf_put(b, "\nval_bpb over the night (B baseline, * kept, . not kept, - champion)\n");
	for (int y = 0; y < CHART_H; y++) {
		int end = CHART_W;

		while (end > 0 && c.cell[y][end - 1] == ' ')
			end--;
		if (y == 0 || y == CHART_H - 1 || y == CHART_H / 2)
			art_buf_putf(b, "%9.4f |%.*s\n",
				     c.range.hi - (c.range.hi - c.range.lo) * y / (CHART_H - 1), end,
				     c.cell[y]);
		else
			art_buf_putf(b, "%9s |%.*s\n", "", end, c.cell[y]);
	}
	art_buf_putf(b, "%9s +", "");
	for (int x = 0; x < CHART_W; x++)
		art_buf_put(b, "-");
	figure_duration((double)(c.to - c.from) / 1e6, span);
	art_buf_putf(b, "\n%10s 0%*s\n", "", CHART_W - 1, span);
}

static void put_again(const struct report *r, struct art_buf *b)
{
	char budget[32];

	art_buf_put(b, "\nAgain\n");
	art_buf_putf(b, "  artui --headless --overnight --seed %llu --time-budget %s --confirm %d",
		     (unsigned long long)r->night.seed,
		     art_f64_text(r->night.budget_s, budget, sizeof(budget)), r->night.confirm);
	if (r->night.rounds)
		art_buf_putf(b, " --rounds %lld", (long long)r->night.rounds);
	art_buf_put(b, "\n");
	if (r->board.has_champion)
		art_buf_putf(b, "  artui show %lld --recipe > recipe.py    (sha256 %.16s...)\n",
			     (long long)r->board.champion.id, r->board.champion.recipe_sha256);
}

void report_put_text(const struct report *r, struct art_buf *b)
{
	put_head(r, b);
	put_figures(r, b);
	put_chart(r, b);
	put_list(r, b);
	put_faults(r, b);
	put_references(r, b);
	put_knobs(r, b);
	put_again(r, b);
}
