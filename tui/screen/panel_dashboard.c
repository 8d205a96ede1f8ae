/* panel_dashboard.c - champion, leaderboard, workers and live log on one screen. See ui.h. */
#include "tui/screen/ui.h"

#include <stdlib.h>

#include "tui/screen/view.h"

#define BOARD_WANTED 200 /* rows; no screen shows more */

struct dashboard {
	struct board_view board;
	struct log_view log;
	bool log_focused;
};

static void *dashboard_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct dashboard));
}

static void dashboard_close(void *data)
{
	struct dashboard *d = data;

	board_view_destroy(&d->board);
	log_view_destroy(&d->log);
	free(d);
}

static int board_rows(const struct ui *ui) { return ui->layout.area[AREA_BOARD].rows - 2; }
static int log_rows(const struct ui *ui) { return ui->layout.area[AREA_LOG].rows - 1; }

static enum art_status dashboard_refresh(struct ui *ui, void *data, unsigned what,
					 struct art_err *err)
{
	struct dashboard *d = data;
	enum art_status rc = ART_OK;

	if (what & (TOPIC_EXPERIMENT | UI_LOCAL))
		rc = board_view_refresh(ui, &d->board, what, board_rows(ui), err);
	if (rc == ART_OK && (what & (TOPIC_EVENT | UI_LOCAL)))
		rc = log_view_refresh(ui, &d->log, log_rows(ui), err);
	return rc;
}

static void dashboard_wanted(struct ui *ui, void *data, struct layout_wanted *w)
{
	struct dashboard *d = data;

	/* before the first query, ask for much: what is read for a big area does for a smaller one */
	w->board_rows = d->board.loaded && d->board.list.n < BOARD_WANTED ? (int)d->board.list.n
									  : BOARD_WANTED;
	w->board_rows += (int)ui->facts.references.n;
	w->worker_rows = workers_rows(ui);
}

static void dashboard_draw(struct ui *ui, void *data)
{
	struct dashboard *d = data;

	board_view_draw(ui, &d->board, ui->layout.area[AREA_BOARD], !d->log_focused);
	workers_draw(ui, ui->layout.area[AREA_WORKERS]);
	log_view_draw(ui, &d->log, ui->layout.area[AREA_LOG], d->log_focused);
	draw_gap(&ui->canvas, ui->layout.area[AREA_WORKERS]);
}

static bool dashboard_act(struct ui *ui, void *data, enum action a)
{
	struct dashboard *d = data;

	if (a == ACTION_FOCUS) {
		d->log_focused = !d->log_focused;
		return true;
	}
	if (a == ACTION_VERDICT) {
		board_view_ask(&d->board, (enum verdict_filter)((d->board.show + 1) % SHOW_COUNT),
			       d->board.match);
		return true;
	}
	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	if (d->log_focused)
		return log_view_act(&d->log, a, log_rows(ui));
	return list_act(&d->board.list, a, board_rows(ui));
}

static void dashboard_point(struct ui *ui, void *data, int row, int col)
{
	struct dashboard *d = data;

	if (rect_contains(ui->layout.area[AREA_LOG], row, col))
		d->log_focused = true;
	else if (rect_contains(ui->layout.area[AREA_BOARD], row, col))
		d->log_focused = false;
}

static void dashboard_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct dashboard *d = data;
	struct rect r;

	dashboard_point(ui, data, row, col);
	r = ui->layout.area[AREA_BOARD];
	if (rect_contains(r, row, col) && row - r.row >= 2 && row - r.row - 2 < d->board.n_hit) {
		int64_t hit = d->board.hit[row - r.row - 2];
		const struct experiment_row *e;

		if (hit < 0)
			return;
		list_select(&d->board.list, hit, board_rows(ui));
		e = board_view_selected(&d->board);
		if (again && e)
			ui_show_experiment(ui, e->id);
	}
	r = ui->layout.area[AREA_LOG];
	if (rect_contains(r, row, col) && row > r.row) {
		const struct event_row *e;

		list_select(&d->log.list, d->log.list.top + row - r.row - 1, log_rows(ui));
		d->log.left = d->log.list.sel < d->log.list.n - 1;
		e = log_view_selected(&d->log);
		if (again && e && e->experiment_id)
			ui_show_experiment(ui, e->experiment_id);
	}
}

static void dashboard_filter(struct ui *ui, void *data, const char *text)
{
	struct dashboard *d = data;

	(void)ui;
	if (d->log_focused) {
		log_view_filter(&d->log, text);
		return;
	}
	board_view_ask(&d->board, d->board.show, text);
}

static const char *dashboard_filter_text(void *data)
{
	struct dashboard *d = data;

	return d->log_focused ? d->log.match : d->board.match;
}

static int64_t dashboard_experiment(struct ui *ui, void *data)
{
	struct dashboard *d = data;

	(void)ui;
	if (d->log_focused) {
		const struct event_row *e = log_view_selected(&d->log);

		return e ? e->experiment_id : 0;
	}
	const struct experiment_row *row = board_view_selected(&d->board);

	return row ? row->id : 0;
}

static void dashboard_copy(struct ui *ui, void *data, struct art_buf *b)
{
	struct dashboard *d = data;
	const struct experiment_row *row = board_view_selected(&d->board);
	const struct event_row *e = log_view_selected(&d->log);
	char bpb[FMT_MAX];

	if (d->log_focused && e)
		art_buf_putf(b, "%s\n", e->text);
	else if (!d->log_focused && row)
		art_buf_putf(b, "#%lld %s %s %s\n", (long long)row->id, fmt_bpb(ui->g, row->val_bpb, bpb),
			     verdict_text(row->verdict), row->title);
}

static int64_t dashboard_height(struct ui *ui, void *data)
{
	struct dashboard *d = data;

	/* printed: the whole board, the workers, and the last events */
	return 24 + 2 * (d->board.list.n + (int64_t)ui->facts.references.n + workers_rows(ui));
}

const struct panel_ops panel_dashboard = {
	.topics = TOPIC_EXPERIMENT | TOPIC_EVENT | TOPIC_DEVICE | TOPIC_REFERENCE | TOPIC_ENGINE |
		  TOPIC_WISH | TOPIC_WORKER,
	.view = LAYOUT_DASHBOARD,
	.open = dashboard_open,
	.close = dashboard_close,
	.refresh = dashboard_refresh,
	.draw = dashboard_draw,
	.act = dashboard_act,
	.click = dashboard_click,
	.point = dashboard_point,
	.filter = dashboard_filter,
	.filter_text = dashboard_filter_text,
	.experiment = dashboard_experiment,
	.copy = dashboard_copy,
	.wanted = dashboard_wanted,
	.height = dashboard_height,
};
