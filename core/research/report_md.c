/*
 * report_md.c - the report as Markdown.
 *
 * Layer: core. Titles and reasons may hold anything a recipe or an imported file said: the
 * characters Markdown gives a meaning to are escaped, newlines never get here (the store cleans).
 */
#include "core/research/report_gather.h"

#include <stdio.h>
#include <string.h>

static void put_escaped(struct art_buf *b, const char *s)
{
	char two[3] = "\\";

	for (; *s; s++) {
		two[1] = *s;
		art_buf_put(b, strchr("\\`*_{}[]<>()#+!|~&", *s) ? two : two + 1);
	}
}

static void put_cell(struct art_buf *b, const char *s)
{
	put_escaped(b, s[0] ? s : "-");
	art_buf_put(b, " | ");
}

static void put_head(const struct report *r, struct art_buf *b)
{
	const struct board *d = &r->board;
	const struct experiment_row *c = &d->champion;
	char v[FIGURE_TEXT], i[FIGURE_TEXT], from[24], to[24], class[512];

	art_buf_putf(b, "# artui: night %lld\n\n", (long long)r->night.id);
	if (!d->has_champion) {
		art_buf_put(b, "**No champion yet: the baseline is not measured.**\n\n");
	} else {
		art_buf_putf(b, "**Champion: experiment %lld, val\\_bpb %s, 95 %% %s, n = %lld.** ",
			     (long long)c->id, figure_bpb(c->val_bpb, v),
			     figure_interval(c->lo, c->hi, i), (long long)c->n);
		put_escaped(b, c->title);
		art_buf_put(b, "\n\n");
		if (r->gain.known)
			art_buf_putf(b, "%s bits per byte below the baseline (%.4f, n = %lld), "
				     "95 %% %s.\n\n", figure_bpb(r->gain, v),
				     d->baseline.val_bpb.v, (long long)d->baseline.n,
				     figure_interval(r->gain_lo, r->gain_hi, i));
		else
			art_buf_put(b, "Nothing beat the baseline.\n\n");
	}
	art_buf_putf(b, "From %s to %s. ", art_time_iso(r->night.started_at, from, sizeof(from)),
		     r->night.ended_at ? art_time_iso(r->night.ended_at, to, sizeof(to)) : "now");
	if (r->night.ended_at) {
		art_buf_put(b, "Ended: ");
		put_escaped(b, r->night.end_reason);
		art_buf_put(b, ".\n");
	} else {
		art_buf_put(b, "The night is open and can be resumed.\n");
	}
	if (r->has_class) {
		art_buf_put(b, "Numbers compare within one class: ");
		put_escaped(b, class_text(&r->class, class, sizeof(class)));
		art_buf_put(b, ".\n");
	}
}

static void put_figures(const struct report *r, struct art_buf *b)
{
	const struct board *d = &r->board;
	char x[FIGURE_TEXT], y[FIGURE_TEXT];

	art_buf_put(b, "\n| figure | value |\n| --- | --- |\n");
	if (d->sigma.known)
		art_buf_putf(b, "| sigma between seeds | %.5f (%lld degrees of freedom) |\n",
			     d->sigma.v, (long long)d->sigma_df);
	else
		art_buf_put(b, "| sigma between seeds | not known |\n");
	art_buf_putf(b, "| candidates judged | %lld |\n", (long long)r->night.judged);
	for (int v = 0; v < VERDICT_COUNT; v++)
		if (r->verdicts[v] && v != VERDICT_BASELINE)
			art_buf_putf(b, "| %s | %lld |\n", verdict_text((enum verdict)v),
				     (long long)r->verdicts[v]);
	art_buf_putf(b, "| expected false keeps in this class | %.2f |\n", d->expected_false_keeps);
	art_buf_putf(b, "| runs | %lld (%lld throttled, %lld started again) |\n",
		     (long long)r->n_runs, (long long)r->n_throttled, (long long)r->n_retried);
	art_buf_putf(b, "| training time | %s |\n", figure_duration(r->train_seconds, x));
	art_buf_putf(b, "| tokens | %s |\n", figure_count(r->tokens, x));
	art_buf_putf(b, "| busy | %s of %s |\n", figure_percent(r->busy_share, x),
		     figure_duration(r->elapsed_seconds, y));
	art_buf_put(b, "| money | 0.00 USD (no paid runs) |\n");
	for (int f = RUN_FAULT_NONE + 1; f < RUN_FAULT_COUNT; f++)
		if (r->faults[f])
			art_buf_putf(b, "| runs: %s | %lld |\n", run_fault_text((enum run_fault)f),
				     (long long)r->faults[f]);
}

static void put_row(const struct experiment_row *e, struct art_buf *b)
{
	char v[FIGURE_TEXT], i[FIGURE_TEXT];

	art_buf_putf(b, "| %lld | %s | %s | %lld | ", (long long)e->id, figure_bpb(e->val_bpb, v),
		     figure_interval(e->lo, e->hi, i), (long long)e->n);
	put_cell(b, e->proposer);
	put_cell(b, e->title);
	put_escaped(b, e->reason);
	art_buf_put(b, " |\n");
}

static void put_rows_head(struct art_buf *b)
{
	art_buf_put(b, "| id | val\\_bpb | 95 % | n | proposer | change | why |\n"
		       "| ---: | ---: | --- | ---: | --- | --- | --- |\n");
}

static void put_lists(const struct report *r, struct art_buf *b)
{
	art_buf_put(b, "\n## Kept\n\n");
	if (r->verdicts[VERDICT_KEPT]) {
		put_rows_head(b);
		for (size_t i = 0; i < r->all.n; i++)
			if (r->all.rows[i].verdict == VERDICT_KEPT)
				put_row(&r->all.rows[i], b);
	} else {
		art_buf_put(b, "Nothing.\n");
	}
	art_buf_put(b, "\n## Near misses\n\n");
	if (r->n_near) {
		art_buf_put(b, "Passed the screen, failed with fresh seeds.\n\n");
		put_rows_head(b);
		for (size_t i = 0; i < r->n_near; i++)
			put_row(&r->all.rows[r->near[i]], b);
	} else {
		art_buf_put(b, "None.\n");
	}
}

static void put_references(const struct report *r, struct art_buf *b)
{
	const struct experiment_row *c = &r->board.champion;

	if (!r->references.n)
		return;
	art_buf_put(b, "\n## Reference lines of this text\n\n| line | bits per byte | champion |\n"
		       "| --- | ---: | --- |\n");
	for (size_t i = 0; i < r->references.n; i++) {
		const struct reference_row *f = &r->references.rows[i];

		art_buf_put(b, "| ");
		put_escaped(b, f->name);
		if (f->note[0]) {
			art_buf_put(b, ", ");
			put_escaped(b, f->note);
		}
		art_buf_putf(b, " | %.4f | %s |\n", f->val_bpb,
			     !r->board.has_champion || !c->val_bpb.known ? "-"
			     : c->val_bpb.v < f->val_bpb		 ? "below it"
									 : "above it");
	}
}

static void put_knobs(const struct report *r, struct art_buf *b)
{
	char v[FIGURE_TEXT];

	if (!r->n_knobs)
		return;
	art_buf_put(b, "\n## Constants\n\nThe best seen away from the baseline's value. Candidates "
		       "change several at once: a hint, not an effect.\n\n"
		       "| constant | baseline | best | tried | val\\_bpb | in |\n"
		       "| --- | --- | --- | ---: | ---: | ---: |\n");
	for (int i = 0; i < r->n_knobs; i++) {
		const struct report_knob *k = &r->knobs[i];

		art_buf_put(b, "| ");
		put_cell(b, k->name);
		put_cell(b, k->base);
		put_cell(b, k->best);
		art_buf_putf(b, "%lld | %s | %lld |\n", (long long)k->tried,
			     figure_bpb(k->val_bpb, v), (long long)k->best_id);
	}
}

static void put_again(const struct report *r, struct art_buf *b)
{
	char budget[32];

	art_buf_putf(b, "\n## Again\n\n```\nartui --headless --overnight --seed %llu "
		     "--time-budget %s --confirm %d", (unsigned long long)r->night.seed,
		     art_f64_text(r->night.budget_s, budget, sizeof(budget)), r->night.confirm);
	if (r->night.rounds)
		art_buf_putf(b, " --rounds %lld", (long long)r->night.rounds);
	if (r->board.has_champion)
		art_buf_putf(b, "\nartui show %lld --recipe    # sha256 %s",
			     (long long)r->board.champion.id, r->board.champion.recipe_sha256);
	art_buf_put(b, "\n```\n");
	if (r->has_class)
		art_buf_putf(b, "\nData sha256 `%s`, evaluator sha256 `%s`.\n", r->class.data_sha256,
			     r->class.evaluator_sha256);
}

void report_put_md(const struct report *r, struct art_buf *b)
{
	put_head(r, b);
	put_figures(r, b);
	put_lists(r, b);
	put_references(r, b);
	put_knobs(r, b);
	put_again(r, b);
}
