/* view_log.c - see view.h. */
#include "tui/screen/view.h"

#include <stdlib.h>
#include <string.h>

void log_view_destroy(struct log_view *v)
{
	event_list_destroy(&v->rows);
	memset(v, 0, sizeof(*v));
}

/* Join @more to @at's end or front; @more is emptied. */
static void join(struct event_list *at, struct event_list *more, bool front)
{
	size_t n = at->n + more->n;
	struct event_row *rows;

	if (more->n == 0) {
		event_list_destroy(more);
		return;
	}
	rows = art_alloc(n, sizeof(*rows));
	if (at->n > 0)
		memcpy(rows + (front ? more->n : 0), at->rows, at->n * sizeof(*rows));
	memcpy(rows + (front ? 0 : at->n), more->rows, more->n * sizeof(*rows));
	event_list_destroy(at);
	event_list_destroy(more);
	at->rows = rows;
	at->n = n;
}

static enum art_status load(struct ui *ui, struct log_view *v, int64_t after, int64_t before,
			    struct event_list *out, struct art_err *err)
{
	struct event_query q = { .after_id = after, .before_id = before, .limit = LOG_CHUNK };

	art_copy(q.match, sizeof(q.match), v->match);
	return event_query(ui->st, &q, out, err);
}

static enum art_status load_newer(struct ui *ui, struct log_view *v, struct art_err *err)
{
	struct event_list got = { 0 };
	enum art_status rc;

	rc = load(ui, v, v->rows.n ? v->rows.rows[v->rows.n - 1].id : 0, 0, &got, err);
	if (rc != ART_OK)
		return rc;
	if (v->rows.n == 0) {
		v->whole = got.n < LOG_CHUNK;
	} else if (got.n >= LOG_CHUNK) {
		/* more came than one chunk: what we have no longer joins up, so begin anew */
		event_list_destroy(&v->rows);
		v->whole = false;
		v->left = false;
	}
	join(&v->rows, &got, false);
	if (v->rows.n > LOG_MAX && !v->left) {
		size_t drop = v->rows.n - LOG_MAX / 2;

		memmove(v->rows.rows, v->rows.rows + drop, (v->rows.n - drop) * sizeof(*v->rows.rows));
		v->rows.n -= drop;
		v->whole = false;
	}
	return ART_OK;
}

static enum art_status load_older(struct ui *ui, struct log_view *v, struct art_err *err)
{
	struct event_list got = { 0 };
	enum art_status rc;
	int64_t n;

	rc = load(ui, v, 0, v->rows.rows[0].id, &got, err);
	if (rc != ART_OK)
		return rc;
	n = (int64_t)got.n;
	v->whole = n < LOG_CHUNK;
	join(&v->rows, &got, true);
	v->list.sel += n;
	v->list.top += n;
	return ART_OK;
}

enum art_status log_view_refresh(struct ui *ui, struct log_view *v, int rows, struct art_err *err)
{
	enum art_status rc = load_newer(ui, v, err);

	if (rc != ART_OK)
		return rc;
	while (!v->whole && v->rows.n > 0 && v->rows.n < LOG_MAX &&
	       (v->to_top || (int64_t)v->rows.n < rows || (v->left && v->list.top < rows))) {
		rc = load_older(ui, v, err);
		if (rc != ART_OK)
			return rc;
	}
	if (v->to_top)
		v->list.sel = 0;
	v->to_top = false;
	list_resize(&v->list, (int64_t)v->rows.n, rows);
	if (!v->left)
		list_select(&v->list, v->list.n - 1, rows);
	return ART_OK;
}

bool log_view_act(struct log_view *v, enum action a, int rows)
{
	if (!list_act(&v->list, a, rows))
		return false;
	v->left = v->list.sel < v->list.n - 1;
	v->to_top = a == ACTION_TOP;
	return true;
}

void log_view_filter(struct log_view *v, const char *match)
{
	if (!strcmp(match, v->match))
		return;
	art_copy(v->match, sizeof(v->match), match);
	event_list_destroy(&v->rows);
	v->rows = (struct event_list){ 0 };
	memset(&v->list, 0, sizeof(v->list));
	v->whole = v->left = false;
}

const struct event_row *log_view_selected(const struct log_view *v)
{
	return v->list.sel < (int64_t)v->rows.n ? &v->rows.rows[v->list.sel] : NULL;
}

static void draw_event(struct ui *ui, struct rect r, int row, const struct event_row *e)
{
	char at[FMT_MAX];
	int x = 0;

	if (r.cols >= 60)
		x = draw_text(&ui->canvas, r, row, 0, ROLE_DIM,
			      r.cols >= 100 ? fmt_date(e->at, at) : fmt_clock(e->at, at)) + 1;
	draw_text(&ui->canvas, r, row, x, event_role(e->level), event_glyph(ui->g, e->level));
	x += 2;
	draw_field(&ui->canvas, r, row, x, r.cols - x,
		   e->level == EVENT_INFO ? ROLE_TEXT : event_role(e->level), false, e->text);
}

void log_view_draw(struct ui *ui, struct log_view *v, struct rect r, bool focused)
{
	struct rect body = { r.row + 1, r.col, r.rows - 1, r.cols };
	char note[128] = "";

	if (r.rows < 2)
		return;
	if (v->match[0])
		snprintf(note, sizeof(note), "%lld matching \"%s\"", (long long)v->list.n, v->match);
	else if (v->left)
		snprintf(note, sizeof(note), "G follows");
	draw_heading(&ui->canvas, r, 0, "Log", note[0] ? note : NULL);
	for (int i = 0; i < body.rows && v->list.top + i < (int64_t)v->rows.n; i++) {
		int64_t at = v->list.top + i;

		draw_event(ui, body, i, &v->rows.rows[at]);
		if (focused && at == v->list.sel && !ui->once)
			draw_selected(&ui->canvas, body, i);
	}
	if (v->rows.n == 0)
		draw_text(&ui->canvas, body, 0, 2, ROLE_DIM,
			  v->match[0] ? "nothing matches" : "nothing happened yet");
}
