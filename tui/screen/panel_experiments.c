/* panel_experiments.c - every experiment: filtered, sorted, a window of rows at a time. See ui.h. */
#include "tui/screen/ui.h"

#include <stdlib.h>
#include <string.h>

#include "tui/screen/view.h"

struct experiments {
	struct list list;
	struct experiment_list rows; /* of the window */
	int64_t first;
	enum experiment_sort sort;
	bool descending;
	enum verdict_filter show;
	char match[64];
	bool placed;  /* the newest was selected once at the start */
	bool changed; /* what is asked for differs from what rows were */
};

enum { C_MARK, C_ID, C_TITLE, C_PROPOSER, C_VERDICT, C_BPB, C_HALF, C_N, C_RUNS, C_TIME, C_COUNT };
static const struct column columns[C_COUNT] = {
	[C_MARK] = { .title = "", .width = 1, .sort = -1 },
	[C_ID] = { .title = "#", .width = 5, .right = true, .sort = EXPERIMENT_BY_ID },
	[C_TITLE] = { .title = "experiment", .width = 25, .flexible = true, .sort = -1 },
	[C_PROPOSER] = { .title = "proposer", .width = 9, .priority = 5, .sort = EXPERIMENT_BY_PROPOSER },
	[C_VERDICT] = { .title = "verdict", .width = 9, .priority = 2, .sort = EXPERIMENT_BY_VERDICT },
	[C_BPB] = { .title = "val_bpb", .width = 8, .right = true, .sort = EXPERIMENT_BY_SCORE },
	[C_HALF] = { .title = "95 %", .width = 7, .priority = 3, .right = true, .sort = -1 },
	[C_N] = { .title = "n", .width = 2, .priority = 4, .right = true, .sort = -1 },
	[C_RUNS] = { .title = "runs", .width = 4, .priority = 7, .right = true, .sort = -1 },
	[C_TIME] = { .title = "time", .width = 9, .priority = 6, .right = true, .sort = EXPERIMENT_BY_TIME },
};
static const enum experiment_sort sort_order[] = { EXPERIMENT_BY_ID, EXPERIMENT_BY_SCORE,
						   EXPERIMENT_BY_VERDICT, EXPERIMENT_BY_PROPOSER,
						   EXPERIMENT_BY_TIME };

static void *experiments_open(struct ui *ui)
{
	struct experiments *x = art_alloc(1, sizeof(*x));

	(void)ui;
	x->show = SHOW_ALL;
	return x;
}

static void experiments_close(void *data)
{
	struct experiments *x = data;

	experiment_list_destroy(&x->rows);
	free(x);
}

static int visible(const struct ui *ui)
{
	int rows = ui->layout.area[AREA_BODY].rows - 2;

	return rows > 1 ? rows : 1;
}

static enum art_status query(struct ui *ui, struct experiments *x, struct experiment_list *out,
			     struct art_err *err)
{
	struct experiment_query q = { .sort = x->sort, .descending = x->descending };

	q.verdicts = verdict_filter_mask(x->show);
	q.offset = x->list.top;
	q.limit = visible(ui);
	art_copy(q.match, sizeof(q.match), x->match);
	return experiment_query(ui->st, &q, out, err);
}

/* The rows in hand are those of the window. */
static bool at_hand(const struct ui *ui, const struct experiments *x)
{
	int64_t need = x->list.n - x->list.top;

	return !x->changed && x->first == x->list.top &&
	       (int64_t)x->rows.n >= (need < visible(ui) ? need : visible(ui)) && x->rows.n > 0;
}

static enum art_status experiments_refresh(struct ui *ui, void *data, unsigned what,
					   struct art_err *err)
{
	struct experiments *x = data;
	struct experiment_list got = { 0 };
	enum art_status rc;
	int64_t top;

	list_resize(&x->list, x->list.n, visible(ui));
	top = x->list.top;
	if (!(what & TOPIC_EXPERIMENT) && at_hand(ui, x))
		return ART_OK;
	rc = query(ui, x, &got, err);
	if (rc == ART_OK) {
		list_resize(&x->list, got.total, visible(ui));
		if (!x->placed && got.total > 0 && !ui->once) {
			x->placed = true;
			list_select(&x->list, got.total - 1, visible(ui));
		}
	}
	/* the number of rows was not known before: the window may lie elsewhere now */
	if (rc == ART_OK && x->list.top != top) {
		experiment_list_destroy(&got);
		got = (struct experiment_list){ 0 };
		rc = query(ui, x, &got, err);
	}
	if (rc != ART_OK) {
		experiment_list_destroy(&got);
		return rc;
	}
	experiment_list_destroy(&x->rows);
	x->rows = got;
	x->first = x->list.top;
	x->changed = false;
	return ART_OK;
}

static const struct experiment_row *row_at(const struct experiments *x, int64_t index)
{
	if (index < x->first || index >= x->first + (int64_t)x->rows.n)
		return NULL;
	return &x->rows.rows[index - x->first];
}

static void draw_row(struct ui *ui, struct rect r, int row, const int *widths,
		     const struct experiment_row *e)
{
	bool champion = ui->facts.board.has_champion && ui->facts.board.champion.id == e->id;
	char id[24], bpb[FMT_MAX], half[FMT_MAX], n[24], runs[24], took[FMT_MAX];
	const char *text[C_COUNT];
	enum theme_role roles[C_COUNT];

	for (int i = 0; i < C_COUNT; i++)
		roles[i] = champion ? ROLE_CHAMPION : ROLE_TEXT;
	snprintf(id, sizeof(id), "%lld", (long long)e->id);
	snprintf(n, sizeof(n), "%lld", (long long)e->n);
	snprintf(runs, sizeof(runs), "%lld", (long long)e->runs);
	text[C_MARK] = verdict_glyph(ui->g, e->verdict, champion);
	text[C_ID] = id;
	text[C_TITLE] = e->title;
	text[C_PROPOSER] = e->proposer;
	text[C_VERDICT] = champion ? "champion" : e->runs_live > 0 ? "running"
							: verdict_text(e->verdict);
	text[C_BPB] = fmt_bpb(ui->g, e->val_bpb, bpb);
	text[C_HALF] = e->val_bpb.known ? fmt_half(ui->g, e->lo, e->hi, half) : "";
	text[C_N] = e->n > 0 ? n : "";
	text[C_RUNS] = runs;
	text[C_TIME] = e->seconds > 0 ? fmt_seconds(ui->g, OPT_F64(e->seconds), took) : "";
	roles[C_MARK] = roles[C_VERDICT] = verdict_role(e->verdict, champion);
	roles[C_ID] = roles[C_PROPOSER] = roles[C_HALF] = roles[C_N] = roles[C_RUNS] =
		roles[C_TIME] = ROLE_DIM;
	draw_table_row(&ui->canvas, r, row, columns, C_COUNT, widths, text, roles);
}

static int sorted_column(const struct experiments *x)
{
	for (int i = 0; i < C_COUNT; i++) {
		if (columns[i].sort == (int)x->sort)
			return i;
	}
	return -1;
}

static void experiments_draw(struct ui *ui, void *data)
{
	struct experiments *x = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int widths[TABLE_MAX_COLUMNS];
	char note[160];

	if (x->match[0])
		snprintf(note, sizeof(note), "%lld %s matching \"%s\"", (long long)x->list.n,
			 verdict_filter_text(x->show), x->match);
	else
		snprintf(note, sizeof(note), "%lld %s", (long long)x->list.n,
			 verdict_filter_text(x->show));
	draw_heading(&ui->canvas, r, 0, "Experiments", note);
	table_fit(columns, C_COUNT, r.cols, widths);
	draw_table_head(&ui->canvas, r, 1, columns, C_COUNT, widths, sorted_column(x), x->descending);
	for (int i = 0; i < r.rows - 2; i++) {
		const struct experiment_row *e = row_at(x, x->list.top + i);

		if (!e)
			break;
		draw_row(ui, r, i + 2, widths, e);
		if (x->list.top + i == x->list.sel && !ui->once)
			draw_selected(&ui->canvas, r, i + 2);
	}
	if (x->list.n == 0)
		draw_text(&ui->canvas, r, 3, 2, ROLE_DIM,
			  x->match[0] || x->show != SHOW_ALL
				  ? "nothing matches: Esc takes the filter away, f shows other verdicts"
				  : "no experiment yet: press b to begin a night");
}

/* Something else is asked for now. */
static void from_the_top(struct ui *ui, struct experiments *x)
{
	x->changed = true;
	list_select(&x->list, 0, visible(ui));
}

static void sort_by(struct experiments *x, enum experiment_sort sort)
{
	if (x->sort == sort) {
		x->descending = !x->descending;
		return;
	}
	x->sort = sort;
	x->descending = sort == EXPERIMENT_BY_TIME;
}

static bool experiments_act(struct ui *ui, void *data, enum action a)
{
	struct experiments *x = data;

	if (a == ACTION_SORT) {
		for (size_t i = 0; i < ART_COUNT(sort_order); i++) {
			if (sort_order[i] == x->sort) {
				sort_by(x, sort_order[(i + 1) % ART_COUNT(sort_order)]);
				break;
			}
		}
		from_the_top(ui, x);
		return true;
	}
	if (a == ACTION_REVERSE) {
		x->descending = !x->descending;
		from_the_top(ui, x);
		return true;
	}
	if (a == ACTION_VERDICT) {
		x->show = (enum verdict_filter)((x->show + 1) % SHOW_COUNT);
		from_the_top(ui, x);
		return true;
	}
	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	return list_act(&x->list, a, visible(ui));
}

static void experiments_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct experiments *x = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int widths[TABLE_MAX_COLUMNS], hit;

	if (!rect_contains(r, row, col) || row == r.row)
		return;
	if (row == r.row + 1) {
		table_fit(columns, C_COUNT, r.cols, widths);
		hit = table_hit(widths, C_COUNT, col - r.col);
		if (hit >= 0 && columns[hit].sort >= 0) {
			sort_by(x, (enum experiment_sort)columns[hit].sort);
			from_the_top(ui, x);
		}
		return;
	}
	if (x->list.top + row - r.row - 2 >= x->list.n)
		return;
	list_select(&x->list, x->list.top + row - r.row - 2, visible(ui));
	if (again && row_at(x, x->list.sel))
		ui_show_experiment(ui, row_at(x, x->list.sel)->id);
}

static void experiments_filter(struct ui *ui, void *data, const char *text)
{
	struct experiments *x = data;

	art_copy(x->match, sizeof(x->match), text);
	from_the_top(ui, x);
}

static const char *experiments_filter_text(void *data)
{
	struct experiments *x = data;

	return x->match;
}

static int64_t experiments_experiment(struct ui *ui, void *data)
{
	struct experiments *x = data;
	const struct experiment_row *e = row_at(x, x->list.sel);

	(void)ui;
	return e ? e->id : 0;
}

static void experiments_copy(struct ui *ui, void *data, struct art_buf *b)
{
	struct experiments *x = data;
	const struct experiment_row *e = row_at(x, x->list.sel);
	char bpb[FMT_MAX];

	if (e)
		art_buf_putf(b, "#%lld %s %s %s\n", (long long)e->id, fmt_bpb(ui->g, e->val_bpb, bpb),
			     verdict_text(e->verdict), e->title);
}

static int64_t experiments_height(struct ui *ui, void *data)
{
	struct experiments *x = data;

	(void)ui;
	return x->list.n + 5;
}

const struct panel_ops panel_experiments = {
	.topics = TOPIC_EXPERIMENT,
	.view = LAYOUT_LIST,
	.open = experiments_open,
	.close = experiments_close,
	.refresh = experiments_refresh,
	.draw = experiments_draw,
	.act = experiments_act,
	.click = experiments_click,
	.filter = experiments_filter,
	.filter_text = experiments_filter_text,
	.experiment = experiments_experiment,
	.copy = experiments_copy,
	.height = experiments_height,
};
