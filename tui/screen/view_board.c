/*
 * view_board.c - see view.h.
 *
 * The list counts experiments alone, so that a window of them is one query with offset and limit
 * however many there are. Reference lines are few and all known; the ones that belong between two
 * visible experiments are put there while drawing, and push experiments down. When they push the
 * selected one out, the window moves on.
 */
#include "tui/screen/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct show_entry {
	unsigned mask;
	const char *text;
};
#define BIT(v) (1u << VERDICT_##v)
static const struct show_entry shows[SHOW_COUNT] = {
	[SHOW_STANDING] = { BIT(PENDING) | BIT(BASELINE) | BIT(KEPT) | BIT(IMPORTED), "standing" },
	[SHOW_ALL] = { 0, "all verdicts" },
	[SHOW_KEPT] = { BIT(KEPT) | BIT(BASELINE), "kept" },
	[SHOW_PENDING] = { BIT(PENDING), "pending" },
	[SHOW_DISCARDED] = { BIT(DISCARDED), "discarded" },
	[SHOW_FAILED] = { BIT(FAILED) | BIT(STOPPED) | BIT(CANCELLED), "failed or stopped" },
};

enum { C_MARK, C_ID, C_BPB, C_HALF, C_N, C_GAP, C_VERDICT, C_OWNER, C_TITLE, C_COUNT };
static const struct column columns[C_COUNT] = {
	[C_MARK] = { .title = "", .width = 1, .sort = -1 },
	[C_ID] = { .title = "#", .width = 5, .priority = 4, .right = true, .sort = -1 },
	[C_BPB] = { .title = "val_bpb", .width = 7, .right = true, .sort = -1 },
	[C_HALF] = { .title = "95 %", .width = 7, .priority = 2, .right = true, .sort = -1 },
	[C_N] = { .title = "n", .width = 2, .priority = 3, .right = true, .sort = -1 },
	[C_GAP] = { .title = "behind", .width = 7, .priority = 7, .right = true, .sort = -1 },
	[C_VERDICT] = { .title = "verdict", .width = 9, .priority = 5, .sort = -1 },
	[C_OWNER] = { .title = "owner", .width = 5, .priority = 6, .sort = -1 },
	[C_TITLE] = { .title = "experiment", .width = 27, .flexible = true, .sort = -1 },
};

unsigned verdict_filter_mask(enum verdict_filter f)
{
	ART_BUG_ON((unsigned)f >= SHOW_COUNT);
	return shows[f].mask;
}

const char *verdict_filter_text(enum verdict_filter f)
{
	ART_BUG_ON((unsigned)f >= SHOW_COUNT);
	return shows[f].text;
}

void board_view_destroy(struct board_view *v)
{
	experiment_list_destroy(&v->rows);
	memset(v, 0, sizeof(*v));
}

void board_view_ask(struct board_view *v, enum verdict_filter show, const char *match)
{
	v->show = show;
	art_copy(v->match, sizeof(v->match), match);
	v->changed = true;
	v->list.sel = v->list.top = 0;
}

/* The rows in hand are those of the window, with one before it and one after. */
static bool at_hand(const struct board_view *v, int rows)
{
	int64_t from = v->list.top > 0 ? v->list.top - 1 : 0, end = v->list.top + rows + 1;

	if (end > v->list.n)
		end = v->list.n;
	return v->loaded && !v->changed && v->first <= from && v->first + (int64_t)v->rows.n >= end;
}

enum art_status board_view_refresh(struct ui *ui, struct board_view *v, unsigned what, int rows,
				   struct art_err *err)
{
	struct experiment_query q = { .sort = EXPERIMENT_BY_SCORE };
	struct experiment_list got = { 0 };
	enum art_status rc;

	if (rows < 1)
		rows = 1;
	list_resize(&v->list, v->list.n, rows);
	if (!(what & TOPIC_EXPERIMENT) && at_hand(v, rows))
		return ART_OK;
	q.class_id = ui->facts.board.has_class ? ui->facts.board.class.id : 0;
	q.verdicts = verdict_filter_mask(v->show);
	art_copy(q.match, sizeof(q.match), v->match);
	q.offset = v->list.top > 0 ? v->list.top - 1 : 0;
	q.limit = rows + 2;
	rc = experiment_query(ui->st, &q, &got, err);
	if (rc == ART_OK && got.n == 0 && got.total > 0) {
		/* the list became shorter than the window's start */
		experiment_list_destroy(&got);
		list_resize(&v->list, got.total, rows);
		q.offset = v->list.top > 0 ? v->list.top - 1 : 0;
		rc = experiment_query(ui->st, &q, &got, err);
	}
	if (rc != ART_OK) {
		experiment_list_destroy(&got);
		return rc;
	}
	experiment_list_destroy(&v->rows);
	v->rows = got;
	v->first = q.offset;
	v->loaded = true;
	v->changed = false;
	list_resize(&v->list, got.total, rows);
	return ART_OK;
}

static const struct experiment_row *row_at(const struct board_view *v, int64_t index)
{
	if (index < v->first || index >= v->first + (int64_t)v->rows.n)
		return NULL;
	return &v->rows.rows[index - v->first];
}

const struct experiment_row *board_view_selected(const struct board_view *v)
{
	return row_at(v, v->list.sel);
}

/* Order on the board: what has no number comes last. */
static double score(const struct board_view *v, int64_t index)
{
	const struct experiment_row *row;

	if (index < 0)
		return -INFINITY;
	row = row_at(v, index);
	return row && row->val_bpb.known ? row->val_bpb.v : INFINITY;
}

static bool reference_shown(const struct ui *ui, const struct board_view *v, size_t i)
{
	return (v->show == SHOW_STANDING || v->show == SHOW_ALL) &&
	       text_matches(ui->facts.references.rows[i].name, v->match);
}

/* A drawn row: an experiment's index, or -1 - index of a reference. */
static int place(const struct ui *ui, const struct board_view *v, int64_t top, int rows, int64_t *out)
{
	const struct reference_list *refs = &ui->facts.references;
	int n = 0;

	for (int64_t i = top; i <= v->list.n && n < rows; i++) {
		double lo = score(v, i - 1), hi = i < v->list.n ? score(v, i) : INFINITY;

		if (i > top && i < v->list.n && !row_at(v, i))
			break;
		for (size_t r = 0; r < refs->n && n < rows; r++) {
			double x = refs->rows[r].val_bpb;

			if (x >= lo && (x < hi || (i == v->list.n && isfinite(lo))) &&
			    reference_shown(ui, v, r))
				out[n++] = -1 - (int64_t)r;
		}
		if (i < v->list.n && n < rows)
			out[n++] = i;
	}
	/* an empty board still shows what there is to beat */
	for (size_t r = 0; v->list.n == 0 && n == 0 && r < refs->n && (int)r < rows; r++)
		out[n++] = -1 - (int64_t)r;
	return n;
}

static void draw_experiment(struct ui *ui, struct rect r, int row, const int *widths,
			    const struct experiment_row *e)
{
	bool champion = ui->facts.board.has_champion && ui->facts.board.champion.id == e->id;
	enum theme_role role = verdict_role(e->verdict, champion);
	enum theme_role plain = champion ? ROLE_CHAMPION : ROLE_TEXT;
	char id[24], bpb[FMT_MAX], half[FMT_MAX], n[24], gap[FMT_MAX] = "";
	const char *text[C_COUNT];
	enum theme_role roles[C_COUNT];

	snprintf(id, sizeof(id), "%lld", (long long)e->id);
	snprintf(n, sizeof(n), "%lld", (long long)e->n);
	if (e->val_bpb.known && ui->facts.board.has_champion && ui->facts.board.champion.val_bpb.known &&
	    !champion)
		snprintf(gap, sizeof(gap), "%+.4f", e->val_bpb.v - ui->facts.board.champion.val_bpb.v);
	for (int i = 0; i < C_COUNT; i++)
		roles[i] = plain;
	text[C_MARK] = verdict_glyph(ui->g, e->verdict, champion);
	text[C_ID] = id;
	text[C_BPB] = fmt_bpb(ui->g, e->val_bpb, bpb);
	text[C_HALF] = e->val_bpb.known ? fmt_half(ui->g, e->lo, e->hi, half) : "";
	text[C_N] = e->n > 0 ? n : "";
	text[C_GAP] = gap;
	text[C_VERDICT] = champion ? "champion" : e->runs_live > 0 ? "running"
							: verdict_text(e->verdict);
	text[C_OWNER] = "own";
	text[C_TITLE] = e->title;
	roles[C_MARK] = roles[C_VERDICT] = role;
	roles[C_ID] = roles[C_GAP] = roles[C_OWNER] = roles[C_N] = roles[C_HALF] = ROLE_DIM;
	draw_table_row(&ui->canvas, r, row, columns, C_COUNT, widths, text, roles);
}

static void draw_reference(struct ui *ui, struct rect r, int row, const int *widths,
			   const struct reference_row *ref)
{
	char bpb[FMT_MAX], gap[FMT_MAX] = "", title[256];
	const char *text[C_COUNT] = { NULL };
	enum theme_role roles[C_COUNT];

	for (int i = 0; i < C_COUNT; i++)
		roles[i] = ROLE_REFERENCE;
	snprintf(title, sizeof(title), "%s%s%s", ref->name, ref->note[0] ? ", " : "", ref->note);
	if (ui->facts.board.has_champion && ui->facts.board.champion.val_bpb.known)
		snprintf(gap, sizeof(gap), "%+.4f", ref->val_bpb - ui->facts.board.champion.val_bpb.v);
	text[C_MARK] = ui->g->reference;
	text[C_BPB] = fmt_bpb(ui->g, OPT_F64(ref->val_bpb), bpb);
	text[C_GAP] = gap;
	text[C_VERDICT] = "reference";
	text[C_TITLE] = title;
	draw_table_row(&ui->canvas, r, row, columns, C_COUNT, widths, text, roles);
}

static void board_heading(struct ui *ui, struct board_view *v, struct rect r)
{
	char note[160];

	if (v->match[0])
		snprintf(note, sizeof(note), "%lld %s matching \"%s\"", (long long)v->list.n,
			 verdict_filter_text(v->show), v->match);
	else
		snprintf(note, sizeof(note), "%lld %s", (long long)v->list.n,
			 verdict_filter_text(v->show));
	draw_heading(&ui->canvas, r, 0, "Leaderboard", note);
}

void board_view_draw(struct ui *ui, struct board_view *v, struct rect r, bool focused)
{
	int rows = r.rows - 2, widths[TABLE_MAX_COLUMNS], n = 0;
	int64_t items[ART_COUNT(v->hit)];
	int64_t top = v->list.top;
	bool seen = v->list.n == 0;

	v->n_hit = 0;
	if (rows < 1)
		return;
	if (rows > (int)ART_COUNT(items))
		rows = (int)ART_COUNT(items);
	board_heading(ui, v, r);
	table_fit(columns, C_COUNT, r.cols, widths);
	draw_table_head(&ui->canvas, r, 1, columns, C_COUNT, widths, -1, false);
	for (;; top++) {
		n = place(ui, v, top, rows, items);
		for (int i = 0; i < n; i++)
			seen = seen || items[i] == v->list.sel;
		if (seen || top >= v->list.sel)
			break;
	}
	v->list.top = top;
	for (int i = 0; i < n; i++) {
		v->hit[i] = items[i] >= 0 ? items[i] : -1;
		if (items[i] < 0) {
			draw_reference(ui, r, i + 2, widths,
				       &ui->facts.references.rows[-1 - items[i]]);
			continue;
		}
		draw_experiment(ui, r, i + 2, widths, row_at(v, items[i]));
		if (focused && items[i] == v->list.sel && !ui->once)
			draw_selected(&ui->canvas, r, i + 2);
	}
	v->n_hit = n;
	if (v->list.n == 0)
		draw_text(&ui->canvas, r, 2 + n, 2, ROLE_DIM,
			  v->match[0] || v->show != SHOW_STANDING
				  ? "nothing matches"
				  : "no experiment yet: press b to begin a night");
}
