/*
 * panel_leaderboard.c - who has the lowest val_bpb: numbers measured here in one order, claims apart and
 * without a rank. See ui.h.
 *
 * What is measured is little, for each number cost a run, and is kept whole: our champion, workers whose
 * number we saw reproduced, reference lines. Numbers of another class do not compare with ours and stand
 * below a line. Claims may be many: of them a window is read, below another line.
 */
#include "tui/screen/ui.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/agents.h"

#define MEASURED_MAX 200 /* verified workers shown; each was paid for */
#define HEAD_ROWS 2      /* heading, column titles */
#define SAID_ROWS_MIN 7  /* of the body: with fewer the line about the selected one is left out */

enum entry_kind { ENTRY_OWN, ENTRY_WORKER, ENTRY_REFERENCE, ENTRY_LINE, ENTRY_CLAIM };
struct entry {
	enum entry_kind kind;
	size_t index;      /* into measured */
	double val_bpb;
	int rank;          /* 0: none */
	bool foreign;      /* of another class */
	const char *text;  /* of a line */
	struct reference_row ref;
};

/* What 8004scan says of an agent. */
struct quote {
	struct opt_f64 score, feedbacks;
	int64_t at;
};

enum parts { PARTS_BOTH, PARTS_MEASURED, PARTS_CLAIMED, PARTS_COUNT };

struct leaderboard {
	struct list list;            /* over entries, then claims */
	struct worker_list measured;
	struct quote *quotes;        /* of the measured ones */
	struct entry *entries;
	size_t n_entries;
	struct agent_list claims;    /* of the window */
	enum fact_origin *origins;   /* of their numbers */
	int64_t first;               /* index of claims.rows[0] among all claims */
	int64_t n_claims;
	enum parts parts;
	char match[64];
	bool changed;
};

enum { C_MARK, C_RANK, C_BPB, C_GAP, C_HOW, C_AGE, C_NAME, C_HARDWARE, C_ORIGIN, C_SCAN, C_COUNT };
static const struct column columns[C_COUNT] = {
	[C_MARK] = { .title = "", .width = 1, .sort = -1 },
	[C_RANK] = { .title = "#", .width = 3, .priority = 2, .right = true, .sort = -1 },
	[C_BPB] = { .title = "val_bpb", .width = 7, .right = true, .sort = -1 },
	[C_GAP] = { .title = "behind", .width = 7, .priority = 6, .right = true, .sort = -1 },
	[C_HOW] = { .title = "how", .width = 9, .sort = -1 },
	[C_AGE] = { .title = "age", .width = 5, .priority = 1, .right = true, .sort = -1 },
	[C_NAME] = { .title = "agent", .width = 22, .flexible = true, .sort = -1 },
	[C_HARDWARE] = { .title = "hardware", .width = 16, .priority = 4, .sort = -1 },
	[C_ORIGIN] = { .title = "by", .width = 8, .priority = 3, .sort = -1 },
	[C_SCAN] = { .title = "8004scan says", .width = 20, .priority = 5, .sort = -1 },
};

static void *leaderboard_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct leaderboard));
}

static void leaderboard_close(void *data)
{
	struct leaderboard *b = data;

	worker_list_destroy(&b->measured);
	agent_list_destroy(&b->claims);
	free(b->quotes);
	free(b->entries);
	free(b->origins);
	free(b);
}

static int said_rows(const struct ui *ui)
{
	return ui->layout.area[AREA_BODY].rows >= SAID_ROWS_MIN && !ui->once;
}

static int visible(const struct ui *ui)
{
	int rows = ui->layout.area[AREA_BODY].rows - HEAD_ROWS - said_rows(ui);

	return rows > 1 ? rows : 1;
}

/* ---- what was measured --------------------------------------------------------------------------------- */

static enum art_status read_measured(struct ui *ui, struct leaderboard *b, struct art_err *err)
{
	struct worker_query q = { .all = true, .verified = true, .sort = WORKERS_BY_VERIFIED,
				  .limit = MEASURED_MAX };
	struct worker_list got = { 0 };
	struct quote *quotes;
	enum art_status rc;

	art_copy(q.match, sizeof(q.match), b->match);
	rc = worker_query(ui->st, &q, &got, err);
	quotes = art_alloc(got.n + 1, sizeof(*quotes));
	for (size_t i = 0; i < got.n && rc == ART_OK; i++) {
		struct agent_row a;

		if (!got.rows[i].agent_id)
			continue;
		rc = agent_find(ui->st, got.rows[i].agent_id, &a, err);
		if (rc == ART_OK)
			quotes[i] = (struct quote){ a.score, a.feedbacks, a.scored_at };
		rc = rc == ART_NOT_FOUND ? ART_OK : rc;
	}
	if (rc != ART_OK) {
		worker_list_destroy(&got);
		free(quotes);
		return rc;
	}
	worker_list_destroy(&b->measured);
	free(b->quotes);
	b->measured = got;
	b->quotes = quotes;
	return ART_OK;
}

/* Ours first, then by number. References come after the runs that they equal. */
static int by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->foreign != y->foreign)
		return x->foreign - y->foreign;
	if (x->val_bpb < y->val_bpb || x->val_bpb > y->val_bpb)
		return x->val_bpb < y->val_bpb ? -1 : 1;
	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void add(struct leaderboard *b, enum entry_kind kind, size_t index, double val_bpb, bool foreign)
{
	b->entries[b->n_entries++] = (struct entry){ .kind = kind, .index = index, .val_bpb = val_bpb,
						     .foreign = foreign };
}

static void add_reference(struct leaderboard *b, const struct reference_row *ref)
{
	b->entries[b->n_entries] = (struct entry){ .kind = ENTRY_REFERENCE, .index = b->n_entries,
						   .val_bpb = ref->val_bpb, .ref = *ref };
	b->n_entries++;
}

static void add_line(struct leaderboard *b, size_t at, const char *text)
{
	memmove(b->entries + at + 1, b->entries + at, (b->n_entries - at) * sizeof(*b->entries));
	b->entries[at] = (struct entry){ .kind = ENTRY_LINE, .text = text };
	b->n_entries++;
}

/* A person may run several workers under one class text; without a class of our own the best one's is it. */
static void arrange(struct ui *ui, struct leaderboard *b)
{
	const struct facts *f = &ui->facts;
	char class[256] = "";
	size_t ranked;
	int rank = 0;

	free(b->entries);
	b->entries = art_alloc(b->measured.n + f->references.n + 3, sizeof(*b->entries));
	b->n_entries = 0;
	if (b->parts == PARTS_CLAIMED)
		return;
	if (f->board.has_class)
		class_text(&f->board.class, class, sizeof(class));
	else if (b->measured.n > 0)
		art_copy(class, sizeof(class), b->measured.rows[0].verified_class);
	if (f->board.has_champion && f->board.champion.val_bpb.known &&
	    (text_matches(f->board.champion.title, b->match) || text_matches("own", b->match)))
		add(b, ENTRY_OWN, 0, f->board.champion.val_bpb.v, false);
	for (size_t i = 0; i < b->measured.n; i++)
		add(b, ENTRY_WORKER, i, b->measured.rows[i].verified_bpb.v,
		    strcmp(b->measured.rows[i].verified_class, class) != 0);
	for (size_t i = 0; i < f->references.n; i++) {
		if (text_matches(f->references.rows[i].name, b->match))
			add_reference(b, &f->references.rows[i]);
	}
	qsort(b->entries, b->n_entries, sizeof(*b->entries), by_number);
	for (ranked = 0; ranked < b->n_entries && !b->entries[ranked].foreign; ranked++) {
		/* among those that match there is no rank: it would be another number than among all */
		if (b->entries[ranked].kind != ENTRY_REFERENCE && !b->match[0])
			b->entries[ranked].rank = ++rank;
	}
	if (ranked < b->n_entries)
		add_line(b, ranked, "measured elsewhere: other hardware or data, not comparable with the above");
}

/* ---- what is claimed ------------------------------------------------------------------------------------- */

static int64_t claim_index(const struct leaderboard *b, int64_t at)
{
	return at - (int64_t)b->n_entries;
}

/* The window's claims as offset and count. */
static void window(const struct ui *ui, const struct leaderboard *b, int64_t *from, int64_t *n)
{
	int64_t end = claim_index(b, b->list.top + visible(ui));

	*from = claim_index(b, b->list.top);
	*from = *from > 0 ? *from : 0;
	*n = end > *from ? end - *from : 0;
}

static enum art_status read_origins(struct ui *ui, struct leaderboard *b, struct agent_list *l,
				    struct art_err *err)
{
	enum fact_origin *origins = art_alloc(l->n + 1, sizeof(*origins));
	enum art_status rc = ART_OK;

	for (size_t i = 0; i < l->n && rc == ART_OK; i++) {
		struct agent_facts facts = { 0 };
		const struct agent_fact *f;

		rc = agent_facts(ui->st, l->rows[i].id, &facts, err);
		f = rc == ART_OK ? agent_fact_of(&facts, "best_val_bpb", ORIGIN_COUNT) : NULL;
		origins[i] = f ? f->origin : ORIGIN_COUNT;
		agent_facts_destroy(&facts);
	}
	if (rc != ART_OK) {
		free(origins);
		return rc;
	}
	free(b->origins);
	b->origins = origins;
	return ART_OK;
}

static enum art_status read_claims(struct ui *ui, struct leaderboard *b, int64_t from, int64_t n,
				   struct art_err *err)
{
	struct agent_query q = { .with_claim = true, .sort = AGENTS_BY_CLAIM, .offset = from,
				 .limit = n > 0 ? n : 1 };
	struct agent_list got = { 0 };
	enum art_status rc;

	art_copy(q.match, sizeof(q.match), b->match);
	rc = agent_query(ui->st, &q, &got, err);
	if (rc == ART_OK)
		rc = read_origins(ui, b, &got, err);
	if (rc != ART_OK) {
		agent_list_destroy(&got);
		return rc;
	}
	agent_list_destroy(&b->claims);
	b->claims = got;
	b->first = from;
	b->n_claims = got.total;
	return ART_OK;
}

static const struct entry *entry_at(const struct leaderboard *b, int64_t at)
{
	return at >= 0 && at < (int64_t)b->n_entries ? &b->entries[at] : NULL;
}

/* A line between parts is not for selecting: on from it in the direction of the move. */
static void skip_line(struct ui *ui, struct leaderboard *b, int64_t was)
{
	const struct entry *e = entry_at(b, b->list.sel);
	int64_t to = b->list.sel + (b->list.sel >= was ? 1 : -1);

	if (!e || e->kind != ENTRY_LINE)
		return;
	if (to < 0 || to >= b->list.n)
		to = to < 0 ? 1 : b->list.n - 2;
	list_select(&b->list, to, visible(ui));
}

static enum art_status leaderboard_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	struct leaderboard *b = data;
	bool fresh = b->changed || (what & (TOPIC_WORKER | TOPIC_AGENT)) || !b->entries;
	enum art_status rc = ART_OK;
	int64_t from, n;

	if (fresh)
		rc = read_measured(ui, b, err);
	if (rc != ART_OK)
		return rc;
	arrange(ui, b);
	if (b->parts == PARTS_MEASURED)
		b->n_claims = 0;
	else if (fresh)
		rc = read_claims(ui, b, 0, visible(ui), err); /* how many there are */
	if (rc == ART_OK && b->n_claims > 0 && b->parts != PARTS_MEASURED)
		add_line(b, b->n_entries, "claimed: measured by nobody here, no rank");
	list_resize(&b->list, (int64_t)b->n_entries + b->n_claims, visible(ui));
	skip_line(ui, b, b->list.sel);
	window(ui, b, &from, &n);
	if (rc == ART_OK && n > 0 && b->n_claims > 0 &&
	    (b->first > from || b->first + (int64_t)b->claims.n < (from + n < b->n_claims ? from + n : b->n_claims)))
		rc = read_claims(ui, b, from, n, err);
	if (rc == ART_OK)
		b->changed = false;
	return rc;
}

/* ---- drawing ------------------------------------------------------------------------------------------------ */

static const struct agent_row *claim_at(const struct leaderboard *b, int64_t at)
{
	int64_t i = claim_index(b, at) - b->first;

	return claim_index(b, at) >= 0 && i >= 0 && i < (int64_t)b->claims.n ? &b->claims.rows[i] : NULL;
}

static enum fact_origin origin_at(const struct leaderboard *b, int64_t at)
{
	return b->origins[claim_index(b, at) - b->first];
}

static void quote_text(const struct quote *q, char out[64])
{
	char date[FMT_MAX];

	out[0] = '\0';
	/* of "22 Nov 22:10" the day is enough */
	fmt_date(q->at, date);
	if (q->score.known && q->feedbacks.known)
		snprintf(out, 64, "%.1f (%.0f), %.6s", q->score.v, q->feedbacks.v, date);
	else if (q->score.known)
		snprintf(out, 64, "%.1f, %.6s", q->score.v, date);
	else if (q->feedbacks.known)
		snprintf(out, 64, "(%.0f), %.6s", q->feedbacks.v, date);
}

struct cells {
	const char *text[C_COUNT];
	enum theme_role roles[C_COUNT];
	char rank[16], bpb[FMT_MAX], gap[FMT_MAX], age[FMT_MAX], quote[64], name[256], hardware[256];
};

static void fill(struct ui *ui, struct cells *c, enum theme_role role, double val_bpb, bool compare)
{
	const struct board *board = &ui->facts.board;

	memset(c, 0, sizeof(*c));
	for (int i = 0; i < C_COUNT; i++)
		c->roles[i] = role;
	c->text[C_RANK] = c->rank;
	c->text[C_BPB] = fmt_bpb(ui->g, OPT_F64(val_bpb), c->bpb);
	c->text[C_GAP] = c->gap;
	c->text[C_AGE] = c->age;
	c->text[C_NAME] = c->name;
	c->text[C_HARDWARE] = c->hardware;
	c->text[C_SCAN] = c->quote;
	c->roles[C_RANK] = c->roles[C_GAP] = c->roles[C_AGE] = c->roles[C_HARDWARE] = c->roles[C_ORIGIN] =
		c->roles[C_SCAN] = ROLE_DIM;
	if (compare && board->has_champion && board->champion.val_bpb.known &&
	    fabs(val_bpb - board->champion.val_bpb.v) > 0)
		snprintf(c->gap, sizeof(c->gap), "%+.4f", val_bpb - board->champion.val_bpb.v);
}

static void fill_entry(struct ui *ui, const struct leaderboard *b, const struct entry *e, struct cells *c)
{
	const struct board *board = &ui->facts.board;
	const struct worker_row *w;

	if (e->kind == ENTRY_OWN) {
		fill(ui, c, ROLE_CHAMPION, e->val_bpb, true);
		c->text[C_MARK] = ui->g->champion;
		c->text[C_HOW] = "measured";
		c->text[C_ORIGIN] = "own";
		snprintf(c->name, sizeof(c->name), "own champion: #%lld %s", (long long)board->champion.id,
			 board->champion.title);
		art_copy(c->hardware, sizeof(c->hardware), board->class.hardware);
		fmt_age(ui->g, board->champion.decided_at, c->age);
	} else if (e->kind == ENTRY_REFERENCE) {
		const struct reference_row *ref = &e->ref;

		fill(ui, c, ROLE_REFERENCE, e->val_bpb, true);
		c->text[C_MARK] = ui->g->reference;
		c->text[C_HOW] = "reference";
		snprintf(c->name, sizeof(c->name), "%s%s%s", ref->name, ref->note[0] ? ", " : "", ref->note);
	} else {
		w = &b->measured.rows[e->index];
		fill(ui, c, e->foreign ? ROLE_DIM : ROLE_TEXT, e->val_bpb, !e->foreign);
		c->text[C_MARK] = ui->g->kept;
		c->text[C_HOW] = "verified";
		c->text[C_ORIGIN] = "us";
		c->roles[C_MARK] = c->roles[C_HOW] = ROLE_GOOD;
		art_copy(c->name, sizeof(c->name), w->name[0] ? w->name : w->url);
		art_copy(c->hardware, sizeof(c->hardware),
			 e->foreign || !w->probe.gpu[0] ? w->verified_class : w->probe.gpu);
		fmt_age(ui->g, w->verified_at, c->age);
		quote_text(&b->quotes[e->index], c->quote);
	}
	if (e->rank)
		snprintf(c->rank, sizeof(c->rank), "%d", e->rank);
}

static void fill_claim(struct ui *ui, const struct leaderboard *b, int64_t at, struct cells *c)
{
	const struct agent_row *a = claim_at(b, at);
	struct quote q = { a->score, a->feedbacks, a->scored_at };

	fill(ui, c, ROLE_DIM, a->claimed_bpb.v, false);
	c->text[C_MARK] = ui->g->claimed;
	c->text[C_HOW] = "claimed";
	c->text[C_ORIGIN] = origin_at(b, at) < ORIGIN_COUNT ? fact_origin_text(origin_at(b, at)) : "";
	c->roles[C_MARK] = c->roles[C_HOW] = ROLE_WARN;
	c->roles[C_NAME] = ROLE_TEXT;
	if (a->name[0])
		art_copy(c->name, sizeof(c->name), a->name);
	else
		snprintf(c->name, sizeof(c->name), "agent %s", a->key.token_id);
	art_copy(c->hardware, sizeof(c->hardware), a->gpu);
	fmt_age(ui->g, a->claimed_at, c->age);
	quote_text(&q, c->quote);
}

static void draw_line(struct ui *ui, struct rect r, int row, const char *text)
{
	for (int i = 0; i < r.cols; i++)
		draw_cell(&ui->canvas, r, row, i, ROLE_RULE, ui->g->rule);
	draw_cell(&ui->canvas, r, row, 1, ROLE_RULE, " ");
	draw_field(&ui->canvas, r, row, 2, art_text_columns(text) < r.cols - 4 ? art_text_columns(text)
									      : r.cols - 4,
		   ROLE_HEADING, false, text);
	if (art_text_columns(text) < r.cols - 4)
		draw_cell(&ui->canvas, r, row, 2 + art_text_columns(text), ROLE_RULE, " ");
}

/* The selected one in words: what a narrow table leaves out. */
static void draw_said(struct ui *ui, const struct leaderboard *b, struct rect r)
{
	const struct entry *e = entry_at(b, b->list.sel);
	const struct agent_row *a = claim_at(b, b->list.sel);
	char text[512] = "", age[FMT_MAX], when[FMT_MAX];

	if (a) {
		snprintf(text, sizeof(text), "claimed%s%s, %s ago%s%s",
			 origin_at(b, b->list.sel) < ORIGIN_COUNT ? " by " : "",
			 origin_at(b, b->list.sel) < ORIGIN_COUNT ? fact_origin_text(origin_at(b, b->list.sel)) : "",
			 fmt_age(ui->g, a->claimed_at, age), a->gpu[0] ? ", " : "", a->gpu);
		if (a->score.known)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "; 8004scan on %s: score %.1f, %.0f feedbacks", fmt_date(a->scored_at, when),
				 a->score.v, a->feedbacks.known ? a->feedbacks.v : 0);
	} else if (e && e->kind == ENTRY_WORKER) {
		snprintf(text, sizeof(text), "reproduced %s ago: %s",
			 fmt_age(ui->g, b->measured.rows[e->index].verified_at, age),
			 b->measured.rows[e->index].verified_class);
	} else if (e && e->kind == ENTRY_OWN) {
		class_text(&ui->facts.board.class, text, sizeof(text));
	}
	draw_field(&ui->canvas, r, r.rows - 1, 1, r.cols - 1, ROLE_DIM, false, text);
}

static void leaderboard_draw(struct ui *ui, void *data)
{
	static const char *const shown[PARTS_COUNT] = {
		[PARTS_BOTH] = "measured and claimed", [PARTS_MEASURED] = "measured only",
		[PARTS_CLAIMED] = "claimed only",
	};
	struct leaderboard *b = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int widths[TABLE_MAX_COLUMNS];
	char note[160];

	snprintf(note, sizeof(note), "%s%s%s%s", shown[b->parts], b->match[0] ? ", matching \"" : "", b->match,
		 b->match[0] ? "\"" : "");
	draw_heading(&ui->canvas, r, 0, "Leaderboard", note);
	table_fit(columns, C_COUNT, r.cols, widths);
	draw_table_head(&ui->canvas, r, 1, columns, C_COUNT, widths, -1, false);
	for (int i = 0; i < visible(ui); i++) {
		const struct entry *e = entry_at(b, b->list.top + i);
		struct cells c;

		if (e && e->kind == ENTRY_LINE) {
			draw_line(ui, r, i + HEAD_ROWS, e->text);
		} else if (e || claim_at(b, b->list.top + i)) {
			if (e)
				fill_entry(ui, b, e, &c);
			else
				fill_claim(ui, b, b->list.top + i, &c);
			draw_table_row(&ui->canvas, r, i + HEAD_ROWS, columns, C_COUNT, widths, c.text, c.roles);
		}
		if (b->list.top + i == b->list.sel && b->list.n > 0 && !ui->once)
			draw_selected(&ui->canvas, r, i + HEAD_ROWS);
	}
	if (b->list.n == 0)
		draw_text(&ui->canvas, r, HEAD_ROWS, 2, ROLE_DIM,
			  b->match[0] ? "nothing matches"
				      : "no number yet: b begins a night here, 7 asks the market");
	if (said_rows(ui))
		draw_said(ui, b, r);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static void open_entry(struct ui *ui, struct leaderboard *b)
{
	const struct entry *e = entry_at(b, b->list.sel);
	const struct agent_row *a = claim_at(b, b->list.sel);

	if (a)
		ui_show_worker(ui, 0, a->id);
	else if (e && e->kind == ENTRY_WORKER)
		ui_show_worker(ui, b->measured.rows[e->index].id, 0);
	else if (e && e->kind == ENTRY_OWN)
		ui_show_experiment(ui, ui->facts.board.champion.id);
	else
		ui_say(ui, ROLE_DIM, "there is no more to show of it");
}

static bool leaderboard_act(struct ui *ui, void *data, enum action a)
{
	struct leaderboard *b = data;
	int64_t was = b->list.sel;

	if (a == ACTION_OPEN) {
		open_entry(ui, b);
		return true;
	}
	if (a == ACTION_PARTS) {
		b->parts = (enum parts)((b->parts + 1) % PARTS_COUNT);
		b->changed = true;
		list_select(&b->list, 0, visible(ui));
		return true;
	}
	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	if (!list_act(&b->list, a, visible(ui)))
		return false;
	skip_line(ui, b, was);
	return true;
}

static void leaderboard_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct leaderboard *b = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int64_t at = b->list.top + row - r.row - HEAD_ROWS;

	if (!rect_contains(r, row, col) || row < r.row + HEAD_ROWS || at >= b->list.n ||
	    at >= b->list.top + visible(ui) || (entry_at(b, at) && entry_at(b, at)->kind == ENTRY_LINE))
		return;
	list_select(&b->list, at, visible(ui));
	if (again)
		open_entry(ui, b);
}

static void leaderboard_filter(struct ui *ui, void *data, const char *text)
{
	struct leaderboard *b = data;

	art_copy(b->match, sizeof(b->match), text);
	b->changed = true;
	list_select(&b->list, 0, visible(ui));
}

static const char *leaderboard_filter_text(void *data)
{
	return ((struct leaderboard *)data)->match;
}

static void leaderboard_copy(struct ui *ui, void *data, struct art_buf *out)
{
	struct leaderboard *b = data;
	const struct entry *e = entry_at(b, b->list.sel);
	struct cells c;

	if (e && e->kind != ENTRY_LINE)
		fill_entry(ui, b, e, &c);
	else if (claim_at(b, b->list.sel))
		fill_claim(ui, b, b->list.sel, &c);
	else
		return;
	art_buf_putf(out, "%s %s %s\n", c.bpb, c.text[C_HOW], c.name);
}

static int64_t leaderboard_height(struct ui *ui, void *data)
{
	(void)ui;
	return ((struct leaderboard *)data)->list.n + HEAD_ROWS + 3;
}

const struct panel_ops panel_leaderboard = {
	.topics = TOPIC_EXPERIMENT | TOPIC_REFERENCE | TOPIC_WORKER | TOPIC_AGENT,
	.view = LAYOUT_LIST,
	.open = leaderboard_open,
	.close = leaderboard_close,
	.refresh = leaderboard_refresh,
	.draw = leaderboard_draw,
	.act = leaderboard_act,
	.click = leaderboard_click,
	.filter = leaderboard_filter,
	.filter_text = leaderboard_filter_text,
	.copy = leaderboard_copy,
	.height = leaderboard_height,
};
