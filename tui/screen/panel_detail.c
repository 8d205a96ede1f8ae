/*
 * panel_detail.c - one experiment: what changed, its runs, its curve over the incumbent's, the
 * verdict and why. See ui.h.
 *
 * The text is a document of lines that scrolls; the curve stands beside or above it. Lines are made
 * anew when something about the experiment changed or the width did.
 */
#include "tui/screen/ui.h"

#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"
#include "tui/screen/view_doc.h"

#define DIFF_MAX (2u << 20)
#define LOG_TAIL_LINES 40

struct curve {
	struct run_row run;
	bool has;
	struct curve_point p[CURVE_MAX];
	size_t n;
};

struct detail {
	int64_t id;            /* 0: the champion, else the newest */
	bool found;
	struct experiment_row row, parent;
	bool has_parent;
	struct run_list runs;
	struct curve now, old;
	struct art_buf knobs, diff; /* of the recipe against the parent's */
	int64_t diffed;        /* experiment the diff is of, 0 none */
	char tail[LOG_TAIL_MAX];
	struct doc doc;
};

static void *detail_open(struct ui *ui)
{
	struct detail *d = art_alloc(1, sizeof(*d));

	(void)ui;
	art_buf_init(&d->knobs, DIFF_MAX);
	art_buf_init(&d->diff, DIFF_MAX);
	return d;
}

static void detail_close(void *data)
{
	struct detail *d = data;

	run_list_destroy(&d->runs);
	art_buf_destroy(&d->knobs);
	art_buf_destroy(&d->diff);
	doc_destroy(&d->doc);
	free(d);
}

void detail_show(void *data, int64_t experiment_id)
{
	struct detail *d = data;

	d->id = experiment_id;
	d->doc.list.sel = d->doc.list.top = 0;
	d->diffed = 0;
	d->found = false;
}

/* ---- querying ------------------------------------------------------------------------------------- */

/* The run whose curve is of interest: the one running, else the last that drew one. */
static enum art_status load_curve(struct ui *ui, const struct run_list *runs, bool newest,
				  struct curve *c, struct art_err *err)
{
	c->has = false;
	c->n = 0;
	for (size_t k = 0; k < runs->n; k++) {
		const struct run_row *r = &runs->rows[newest ? runs->n - 1 - k : k];
		enum art_status rc;

		if (r->state == RUN_QUEUED || (!newest && r->state != RUN_DONE))
			continue;
		rc = curve_list(ui->st, r->id, c->p, &c->n, err);
		if (rc != ART_OK)
			return rc;
		if (c->n > 0) {
			c->run = *r;
			c->has = true;
			return ART_OK;
		}
	}
	return ART_OK;
}

static enum art_status load_incumbent(struct ui *ui, struct detail *d, struct art_err *err)
{
	const struct board *b = &ui->facts.board;
	struct run_list runs = { 0 };
	enum art_status rc;
	int64_t id = d->has_parent ? d->parent.id : b->has_champion ? b->champion.id : 0;

	d->old.has = false;
	if (!id || id == d->row.id)
		return ART_OK;
	rc = run_list(ui->st, id, &runs, err);
	if (rc == ART_OK)
		rc = load_curve(ui, &runs, false, &d->old, err);
	run_list_destroy(&runs);
	return rc;
}

static void diff_recipes(struct detail *d, const char *from, size_t from_len, const char *to,
			 size_t to_len)
{
	struct recipe *a = art_alloc(1, sizeof(*a)), *b = art_alloc(1, sizeof(*b));
	char from_name[32], to_name[32];

	if (recipe_parse(a, from, from_len, NULL) == ART_OK &&
	    recipe_parse(b, to, to_len, NULL) == ART_OK)
		recipe_diff_knobs(&d->knobs, a, from, b, to);
	snprintf(from_name, sizeof(from_name), "#%lld", (long long)d->parent.id);
	snprintf(to_name, sizeof(to_name), "#%lld", (long long)d->row.id);
	recipe_diff_text(&d->diff, from, to, from_name, to_name);
	free(a);
	free(b);
}

static enum art_status load_diff(struct ui *ui, struct detail *d, struct art_err *err)
{
	char *from = NULL, *to = NULL;
	size_t from_len = 0, to_len = 0;
	enum art_status rc;

	if (d->diffed == d->row.id)
		return ART_OK;
	art_buf_reset(&d->knobs);
	art_buf_reset(&d->diff);
	if (!d->has_parent) {
		d->diffed = d->row.id;
		return ART_OK;
	}
	rc = experiment_recipe(ui->st, d->parent.id, &from, &from_len, err);
	if (rc == ART_OK)
		rc = experiment_recipe(ui->st, d->row.id, &to, &to_len, err);
	if (rc == ART_OK) {
		diff_recipes(d, from, from_len, to, to_len);
		d->diffed = d->row.id;
	}
	free(from);
	free(to);
	return rc;
}

/* Which experiment: the one asked for, else the champion, else the newest. */
static enum art_status choose(struct ui *ui, struct detail *d, struct art_err *err)
{
	struct experiment_query q = { .sort = EXPERIMENT_BY_ID, .descending = true, .limit = 1 };
	struct experiment_list got = { 0 };
	enum art_status rc;

	d->found = false;
	if (!d->id && ui->facts.board.has_champion)
		d->id = ui->facts.board.champion.id;
	if (!d->id) {
		rc = experiment_query(ui->st, &q, &got, err);
		if (rc == ART_OK && got.n > 0)
			d->id = got.rows[0].id;
		experiment_list_destroy(&got);
		if (rc != ART_OK || !d->id)
			return rc;
	}
	rc = experiment_find(ui->st, d->id, &d->row, err);
	if (rc == ART_NOT_FOUND)
		return ART_OK;
	d->found = rc == ART_OK;
	return rc;
}

static enum art_status load(struct ui *ui, struct detail *d, struct art_err *err)
{
	struct run_list got = { 0 };
	enum art_status rc = choose(ui, d, err);

	if (rc != ART_OK || !d->found)
		return rc;
	d->has_parent = d->row.parent_id &&
			experiment_find(ui->st, d->row.parent_id, &d->parent, NULL) == ART_OK;
	rc = run_list(ui->st, d->row.id, &got, err);
	if (rc != ART_OK) {
		run_list_destroy(&got);
		return rc;
	}
	run_list_destroy(&d->runs);
	d->runs = got;
	rc = load_diff(ui, d, err);
	if (rc == ART_OK)
		rc = load_incumbent(ui, d, err);
	return rc;
}

static enum art_status load_live(struct ui *ui, struct detail *d, struct art_err *err)
{
	enum art_status rc = load_curve(ui, &d->runs, true, &d->now, err);
	const struct run_row *last = NULL;

	d->tail[0] = '\0';
	for (size_t i = 0; i < d->runs.n; i++) {
		if (d->runs.rows[i].state != RUN_QUEUED)
			last = &d->runs.rows[i];
	}
	if (rc == ART_OK && last)
		rc = run_log_tail(ui->st, last->id, d->tail, err);
	if (rc == ART_NOT_FOUND) {
		d->tail[0] = '\0';
		rc = ART_OK;
	}
	return rc;
}

/* ---- the document ----------------------------------------------------------------------------------- */

static void add_verdict(struct ui *ui, struct detail *d)
{
	const struct experiment_row *e = &d->row;
	const struct glyphs *g = ui->g;
	bool champion = ui->facts.board.has_champion && ui->facts.board.champion.id == e->id;
	char text[512], bpb[FMT_MAX], half[FMT_MAX], lo[FMT_MAX], hi[FMT_MAX];

	snprintf(text, sizeof(text), "%s %s%s", verdict_glyph(g, e->verdict, champion),
		 champion ? "champion, " : "", verdict_text(e->verdict));
	doc_wrapped(&d->doc, verdict_role(e->verdict, champion), "verdict", text);
	if (e->reason[0])
		doc_wrapped(&d->doc, ROLE_TEXT, "why", e->reason);
	if (e->val_bpb.known) {
		snprintf(text, sizeof(text), "%s %s, n %lld", fmt_bpb(g, e->val_bpb, bpb),
			 fmt_half(g, e->lo, e->hi, half), (long long)e->n);
		if (e->lo.known && e->hi.known)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), ", 95 %% in %s to %s",
				 fmt_bpb(g, e->lo, lo), fmt_bpb(g, e->hi, hi));
		doc_wrapped(&d->doc, ROLE_VALUE, ui->facts.board.has_class ? ui->facts.board.class.metric
								     : "value", text);
	}
	if (d->has_parent) {
		snprintf(text, sizeof(text), "#%lld %s", (long long)d->parent.id, d->parent.title);
		if (d->parent.val_bpb.known && e->val_bpb.known)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), ", %s: %+.4f",
				 fmt_bpb(g, d->parent.val_bpb, bpb), e->val_bpb.v - d->parent.val_bpb.v);
		doc_wrapped(&d->doc, ROLE_TEXT, "against", text);
	}
	if (e->p_false_keep.known && e->verdict == VERDICT_KEPT) {
		snprintf(text, sizeof(text), "%.1f %% had there been no effect",
			 100 * e->p_false_keep.v);
		doc_wrapped(&d->doc, ROLE_TEXT, "by chance", text);
	}
}

static void add_origin(struct ui *ui, struct detail *d)
{
	const struct experiment_row *e = &d->row;
	char text[512], when[FMT_MAX], took[FMT_MAX];

	snprintf(text, sizeof(text), "%s%s, %s, %lld run%s%s%s", e->proposer,
		 e->night_id ? "" : ", imported", fmt_date(e->created_at, when), (long long)e->runs,
		 e->runs == 1 ? "" : "s", e->seconds > 0 ? ", " : "",
		 e->seconds > 0 ? fmt_seconds(ui->g, OPT_F64(e->seconds), took) : "");
	doc_wrapped(&d->doc, ROLE_TEXT, "by", text);
	if (e->idea[0])
		doc_wrapped(&d->doc, ROLE_TEXT, "idea", e->idea);
	snprintf(text, sizeof(text), "%.16s", e->recipe_sha256);
	doc_wrapped(&d->doc, ROLE_DIM, "recipe", text);
}

static enum theme_role run_role(const struct run_row *r)
{
	if (r->throttled)
		return ROLE_WARN;
	switch (r->state) {
	case RUN_RUNNING:
	case RUN_EVALUATING:
		return ROLE_LIVE;
	case RUN_FAILED:
		return ROLE_BAD;
	case RUN_STOPPED:
	case RUN_CANCELLED:
		return ROLE_WARN;
	case RUN_QUEUED:
		return ROLE_DIM;
	case RUN_DONE:
	case RUN_STATE_COUNT:
		break;
	}
	return ROLE_TEXT;
}

/* Columns of the runs by the width each adds to; the last ones go first when room is short. */
static void run_line(struct detail *d, enum theme_role role, const char *idx, const char *purpose,
		     const char *state, const char *bpb, const char *took, const char *tokens,
		     const char *rate, const char *mfu)
{
	char text[DOC_TEXT];
	int room = d->doc.width - 1;

	snprintf(text, sizeof(text), "%2s %-8s %-10s %8s", idx, purpose, state, bpb);
	if (room >= 41)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %8s", took);
	if (room >= 49)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %7s", rate);
	if (room >= 57)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %7s", tokens);
	if (room >= 65)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %7s", mfu);
	doc_line(&d->doc, role, text);
}

static void add_run(struct ui *ui, struct detail *d, const struct run_row *r)
{
	char idx[24], bpb[FMT_MAX] = "", took[FMT_MAX] = "", tokens[FMT_MAX] = "", rate[FMT_MAX] = "";
	char mfu[FMT_MAX] = "", text[DOC_TEXT];

	/* unknown is blank here: the dash is three bytes wide and one column, which printf cannot pad */
	if (r->val_bpb.known)
		fmt_bpb(ui->g, r->val_bpb, bpb);
	if (r->seconds.known)
		fmt_seconds(ui->g, r->seconds, took);
	if (r->tokens.known)
		fmt_count(ui->g, OPT_F64((double)r->tokens.v), tokens);
	if (r->tokens.known && r->seconds.known && r->seconds.v > 0)
		fmt_count(ui->g, OPT_F64((double)r->tokens.v / r->seconds.v), rate);
	if (r->mfu.known)
		snprintf(mfu, sizeof(mfu), "%.1f %%", r->mfu.v);
	snprintf(idx, sizeof(idx), "%lld", (long long)r->idx + 1);
	run_line(d, run_role(r), idx, run_purpose_text(r->purpose), run_state_text(r->state), bpb, took,
		 tokens, rate, mfu);
	snprintf(text, sizeof(text), "%s%s%s%s%s", r->throttled ? "throttled, not ranked" : "",
		 r->throttled && r->fault ? "; " : "", run_fault_text(r->fault),
		 r->fault && r->error[0] ? ": " : "", r->error);
	if (text[0])
		doc_wrapped(&d->doc, run_role(r), "", text);
}

static void add_runs(struct ui *ui, struct detail *d)
{
	doc_heading(&d->doc, "Runs");
	if (d->runs.n == 0) {
		doc_line(&d->doc, ROLE_DIM, "none yet");
		return;
	}
	run_line(d, ROLE_COLUMN, "", "for", "state", "val_bpb", "time", "tokens", "tok/s", "mfu");
	for (size_t i = 0; i < d->runs.n; i++)
		add_run(ui, d, &d->runs.rows[i]);
}

/* The lines of @text; each may get its own role by its first character when @is_diff. */
static void add_text(struct detail *d, const char *text, bool is_diff)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char line[DOC_TEXT];
		enum theme_role role = ROLE_TEXT;

		if (is_diff && *text == '+')
			role = ROLE_ADDED;
		else if (is_diff && *text == '-')
			role = ROLE_REMOVED;
		else if (is_diff && *text == '@')
			role = ROLE_LABEL;
		snprintf(line, sizeof(line), "%.*s", n < DOC_TEXT ? (int)n : DOC_TEXT - 1, text);
		doc_line(&d->doc, role, line);
		text += n + (text[n] == '\n');
	}
}

static void add_tail(struct detail *d)
{
	const char *p = d->tail + strlen(d->tail);
	int lines = 0;

	if (!d->tail[0])
		return;
	while (p > d->tail && lines < LOG_TAIL_LINES) {
		p--;
		lines += p > d->tail && p[-1] == '\n';
	}
	doc_heading(&d->doc, "Log of the last run");
	add_text(d, p, false);
}

static bool beside(const struct ui *ui)
{
	return ui->layout.area[AREA_CURVE].col > 0 && !rect_empty(ui->layout.area[AREA_CURVE]);
}

static void build(struct ui *ui, struct detail *d)
{
	doc_begin(&d->doc, ui->layout.area[AREA_BODY].cols, 10);
	add_verdict(ui, d);
	add_origin(ui, d);
	if (d->knobs.len > 0) {
		doc_heading(&d->doc, "Change");
		add_text(d, d->knobs.data, false);
	}
	add_runs(ui, d);
	if (d->diff.len > 0) {
		doc_heading(&d->doc, "Recipe against its parent");
		add_text(d, d->diff.data, true);
	}
	if (!beside(ui))
		add_tail(d);
}

static int visible(const struct ui *ui)
{
	int rows = ui->layout.area[AREA_BODY].rows - 1;

	return rows > 1 ? rows : 1;
}

static enum art_status detail_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	struct detail *d = data;
	enum art_status rc = ART_OK;
	bool fresh = !d->found || (what & TOPIC_EXPERIMENT);

	if (fresh)
		rc = load(ui, d, err);
	if (rc == ART_OK && d->found && (fresh || (what & TOPIC_CURVE)))
		rc = load_live(ui, d, err);
	if (rc != ART_OK)
		return rc;
	if (d->found && (fresh || (what & TOPIC_CURVE) || !d->doc.lines ||
			 d->doc.width != ui->layout.area[AREA_BODY].cols))
		build(ui, d);
	doc_fit(&d->doc, visible(ui));
	return ART_OK;
}

static void detail_wanted(struct ui *ui, void *data, struct layout_wanted *w)
{
	struct detail *d = data;

	(void)ui;
	w->curve = d->found && (d->now.has || d->old.has);
}

/* ---- drawing ------------------------------------------------------------------------------------------ */

static void draw_curve(struct ui *ui, struct detail *d, struct rect r)
{
	struct chart_point old[CURVE_MAX], now[CURVE_MAX];
	struct chart_series s[2] = {
		{ .p = old, .n = d->old.has ? d->old.n : 0, .role = ROLE_CHART_OLD, .dotted = true },
		{ .p = now, .n = d->now.has ? d->now.n : 0, .role = ROLE_CHART },
	};
	struct chart ch = { .style = ui->chart_style, .series = s, .n_series = 2, .x_lo = 0, .x_hi = 1,
			    .x_lo_label = "0 % of the budget", .x_hi_label = "100 %", .decimals = 2,
			    .settle = 0.1 };
	char note[96] = "", title[64] = "Loss, nats per token";

	for (size_t i = 0; i < s[0].n; i++)
		old[i] = (struct chart_point){ d->old.p[i].progress, d->old.p[i].loss };
	for (size_t i = 0; i < s[1].n; i++)
		now[i] = (struct chart_point){ d->now.p[i].progress, d->now.p[i].loss };
	if (d->now.has)
		snprintf(title, sizeof(title), "Loss, run %lld", (long long)d->now.run.idx + 1);
	if (d->old.has)
		snprintf(note, sizeof(note), "dotted: #%lld", (long long)d->old.run.experiment_id);
	draw_heading(&ui->canvas, r, 0, title, note[0] ? note : NULL);
	chart_draw(&ui->canvas, (struct rect){ r.row + 1, r.col, r.rows - 1, r.cols }, &ch);
}

/* The end of the log, in what room there is. */
static void draw_tail(struct ui *ui, struct detail *d, struct rect r)
{
	const char *p = d->tail + strlen(d->tail);
	int lines = 0, row = 1;

	draw_heading(&ui->canvas, r, 0, "Log of the last run", NULL);
	while (p > d->tail && p[-1] == '\n')
		p--;
	while (p > d->tail) {
		if (p[-1] == '\n' && ++lines >= r.rows - 1)
			break;
		p--;
	}
	while (*p && row < r.rows) {
		size_t n = strcspn(p, "\n");
		char line[DOC_TEXT];

		snprintf(line, sizeof(line), "%.*s", n < DOC_TEXT ? (int)n : DOC_TEXT - 1, p);
		draw_field(&ui->canvas, r, row++, 0, r.cols, ROLE_TEXT, false, line);
		p += n + (p[n] == '\n');
	}
	if (row == 1)
		draw_text(&ui->canvas, r, 1, 1, ROLE_DIM, "empty");
}

static void detail_draw(struct ui *ui, void *data)
{
	struct detail *d = data;
	struct rect body = ui->layout.area[AREA_BODY], curve = ui->layout.area[AREA_CURVE];
	char title[TITLE_MAX + 32];

	if (!d->found) {
		draw_heading(&ui->canvas, body, 0, "Detail", NULL);
		if (d->id)
			draw_textf(&ui->canvas, body, 2, 2, ROLE_WARN, "there is no experiment #%lld",
				   (long long)d->id);
		else
			draw_text(&ui->canvas, body, 2, 2, ROLE_DIM,
				  "no experiment yet: press b to begin a night");
		return;
	}
	if (beside(ui) && curve.rows >= 20) {
		struct rect tail = curve;

		curve.rows = curve.rows * 11 / 20;
		tail.row += curve.rows;
		tail.rows -= curve.rows;
		draw_tail(ui, d, tail);
	}
	if (!rect_empty(curve))
		draw_curve(ui, d, curve);
	snprintf(title, sizeof(title), "#%lld %s", (long long)d->row.id, d->row.title);
	doc_draw(ui, &d->doc, body, title);
	draw_gap(&ui->canvas, ui->layout.area[AREA_CURVE]);
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void neighbour(struct ui *ui, struct detail *d, bool following)
{
	/* ids grow without holes in a store that deletes nothing; a hole only says "none" */
	int64_t id = d->id + (following ? 1 : -1);
	struct experiment_row row;

	if (id > 0 && experiment_find(ui->st, id, &row, NULL) == ART_OK)
		detail_show(d, id);
	else
		ui_say(ui, ROLE_DIM, "no experiment %s #%lld", following ? "after" : "before",
		       (long long)d->id);
}

static bool detail_act(struct ui *ui, void *data, enum action a)
{
	struct detail *d = data;

	if (a == ACTION_FOLLOWING || a == ACTION_PRECEDING) {
		neighbour(ui, d, a == ACTION_FOLLOWING);
		return true;
	}
	return doc_act(ui, &d->doc, a, visible(ui));
}

static void detail_filter(struct ui *ui, void *data, const char *text)
{
	struct detail *d = data;

	(void)ui;
	doc_find(&d->doc, text);
}

static const char *detail_filter_text(void *data)
{
	return ((struct detail *)data)->doc.match;
}

static int64_t detail_experiment(struct ui *ui, void *data)
{
	struct detail *d = data;

	(void)ui;
	return d->found ? d->row.id : 0;
}

static void detail_copy(struct ui *ui, void *data, struct art_buf *b)
{
	struct detail *d = data;

	(void)ui;
	doc_copy(&d->doc, b);
}

static int64_t detail_height(struct ui *ui, void *data)
{
	struct detail *d = data;

	(void)ui;
	return d->doc.n + 28;
}

const struct panel_ops panel_detail = {
	.topics = TOPIC_EXPERIMENT | TOPIC_CURVE,
	.view = LAYOUT_DETAIL,
	.open = detail_open,
	.close = detail_close,
	.refresh = detail_refresh,
	.draw = detail_draw,
	.act = detail_act,
	.filter = detail_filter,
	.filter_text = detail_filter_text,
	.experiment = detail_experiment,
	.copy = detail_copy,
	.wanted = detail_wanted,
	.height = detail_height,
};
