/* panel_log.c - everything that happened, newest last. See ui.h. */
#include "tui/screen/ui.h"

#include <stdlib.h>

#include "tui/screen/view.h"

static void *log_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct log_view));
}

static void log_close(void *data)
{
	log_view_destroy(data);
	free(data);
}

static int visible(const struct ui *ui) { return ui->layout.area[AREA_BODY].rows - 1; }

static enum art_status log_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	(void)what;
	return log_view_refresh(ui, data, visible(ui), err);
}

static void log_draw(struct ui *ui, void *data)
{
	log_view_draw(ui, data, ui->layout.area[AREA_BODY], true);
}

static bool log_act(struct ui *ui, void *data, enum action a)
{
	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	return log_view_act(data, a, visible(ui));
}

static void log_filter(struct ui *ui, void *data, const char *text)
{
	(void)ui;
	log_view_filter(data, text);
}

static const char *log_filter_text(void *data)
{
	return ((struct log_view *)data)->match;
}

static int64_t log_experiment(struct ui *ui, void *data)
{
	const struct event_row *e = log_view_selected(data);

	(void)ui;
	return e ? e->experiment_id : 0;
}

static void log_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct log_view *v = data;
	struct rect r = ui->layout.area[AREA_BODY];

	if (!rect_contains(r, row, col) || row == r.row)
		return;
	list_select(&v->list, v->list.top + row - r.row - 1, visible(ui));
	v->left = v->list.sel < v->list.n - 1;
	if (again && log_experiment(ui, data))
		ui_show_experiment(ui, log_experiment(ui, data));
}

static void log_copy(struct ui *ui, void *data, struct art_buf *b)
{
	const struct event_row *e = log_view_selected(data);
	char at[32];

	(void)ui;
	if (e)
		art_buf_putf(b, "%s %s %s\n", art_time_iso(e->at, at, sizeof(at)), e->kind, e->text);
}

static int64_t log_height(struct ui *ui, void *data)
{
	(void)ui;
	/* enough for the refresh to read older rows until there are no more, or too many */
	return ((struct log_view *)data)->whole ? ((struct log_view *)data)->list.n + 4 : LOG_MAX + 4;
}

const struct panel_ops panel_log = {
	.topics = TOPIC_EVENT,
	.view = LAYOUT_LIST,
	.open = log_open,
	.close = log_close,
	.refresh = log_refresh,
	.draw = log_draw,
	.act = log_act,
	.click = log_click,
	.filter = log_filter,
	.filter_text = log_filter_text,
	.experiment = log_experiment,
	.copy = log_copy,
	.height = log_height,
};
