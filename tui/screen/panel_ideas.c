/* panel_ideas.c - what people proposed, and what became of it. See ui.h. */
#include "tui/screen/ui.h"

#include <stdlib.h>
#include <string.h>

#define IDEAS_MAX 1000 /* newest so many */

struct ideas {
	struct list list;
	struct note_list notes;
	size_t *shown; /* indices into notes that match */
	char match[64];
};

enum { C_MARK, C_ID, C_WHEN, C_STATE, C_RESULT, C_TEXT, C_COUNT };
static const struct column columns[C_COUNT] = {
	[C_MARK] = { .title = "", .width = 1, .sort = -1 },
	[C_ID] = { .title = "idea", .width = 5, .priority = 2, .right = true, .sort = -1 },
	[C_WHEN] = { .title = "when", .width = 12, .priority = 4, .sort = -1 },
	[C_STATE] = { .title = "state", .width = 8, .priority = 1, .sort = -1 },
	[C_RESULT] = { .title = "became", .width = 7, .priority = 3, .sort = -1 },
	[C_TEXT] = { .title = "text", .width = 24, .flexible = true, .sort = -1 },
};

static void *ideas_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct ideas));
}

static void ideas_close(void *data)
{
	struct ideas *d = data;

	note_list_destroy(&d->notes);
	free(d->shown);
	free(d);
}

static int visible(const struct ui *ui)
{
	int rows = ui->layout.area[AREA_BODY].rows - 3;

	return rows > 1 ? rows : 1;
}

static enum art_status ideas_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	struct ideas *d = data;
	int64_t n = 0;

	if ((what & TOPIC_NOTE) || !d->shown) {
		struct note_list got = { 0 };
		enum art_status rc = note_list(ui->st, IDEAS_MAX, &got, err);

		if (rc != ART_OK) {
			note_list_destroy(&got);
			return rc;
		}
		note_list_destroy(&d->notes);
		d->notes = got;
		free(d->shown);
		d->shown = art_alloc(got.n + 1, sizeof(*d->shown));
	}
	for (size_t i = 0; i < d->notes.n; i++) {
		if (text_matches(d->notes.rows[i].text, d->match) ||
		    text_matches(d->notes.rows[i].answer, d->match))
			d->shown[n++] = i;
	}
	list_resize(&d->list, n, visible(ui));
	return ART_OK;
}

static const struct note_row *selected(const struct ideas *d)
{
	return d->list.n > 0 ? &d->notes.rows[d->shown[d->list.sel]] : NULL;
}

static void draw_row(struct ui *ui, struct rect r, int row, const int *widths,
		     const struct note_row *note)
{
	static const enum theme_role state_role[NOTE_STATE_COUNT] = {
		[NOTE_WAITING] = ROLE_LIVE, [NOTE_TAKEN] = ROLE_GOOD, [NOTE_REFUSED] = ROLE_WARN,
	};
	const char *mark[NOTE_STATE_COUNT] = {
		[NOTE_WAITING] = ui->g->waiting, [NOTE_TAKEN] = ui->g->kept,
		[NOTE_REFUSED] = ui->g->failed,
	};
	char id[24], when[FMT_MAX], became[24] = "";
	const char *text[C_COUNT];
	enum theme_role roles[C_COUNT];

	for (int i = 0; i < C_COUNT; i++)
		roles[i] = ROLE_TEXT;
	snprintf(id, sizeof(id), "%lld", (long long)note->id);
	if (note->experiment_id)
		snprintf(became, sizeof(became), "#%lld", (long long)note->experiment_id);
	text[C_MARK] = mark[note->state];
	text[C_ID] = id;
	text[C_WHEN] = fmt_date(note->made_at, when);
	text[C_STATE] = note_state_text(note->state);
	text[C_RESULT] = became;
	text[C_TEXT] = note->text;
	roles[C_MARK] = roles[C_STATE] = state_role[note->state];
	roles[C_ID] = roles[C_WHEN] = ROLE_DIM;
	draw_table_row(&ui->canvas, r, row, columns, C_COUNT, widths, text, roles);
}

static void ideas_draw(struct ui *ui, void *data)
{
	struct ideas *d = data;
	struct rect r = ui->layout.area[AREA_BODY];
	const struct note_row *note = selected(d);
	int widths[TABLE_MAX_COLUMNS];
	char head[128];

	snprintf(head, sizeof(head), d->match[0] ? "%lld matching \"%s\"" : "%lld", (long long)d->list.n,
		 d->match);
	draw_heading(&ui->canvas, r, 0, "Ideas", head);
	table_fit(columns, C_COUNT, r.cols, widths);
	draw_table_head(&ui->canvas, r, 1, columns, C_COUNT, widths, -1, false);
	for (int i = 0; i < visible(ui) && d->list.top + i < d->list.n; i++) {
		draw_row(ui, r, i + 2, widths, &d->notes.rows[d->shown[d->list.top + i]]);
		if (d->list.top + i == d->list.sel && !ui->once)
			draw_selected(&ui->canvas, r, i + 2);
	}
	if (!note) {
		draw_text(&ui->canvas, r, 3, 2, ROLE_DIM,
			  d->match[0] ? "nothing matches"
				      : "no idea yet: press i and type, for example  MATRIX_LR = 0.06");
		return;
	}
	if (note->answer[0])
		draw_field(&ui->canvas, r, r.rows - 1, 2, r.cols - 2, ROLE_DIM, false, note->answer);
}

static bool ideas_act(struct ui *ui, void *data, enum action a)
{
	struct ideas *d = data;

	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	return list_act(&d->list, a, visible(ui));
}

static void ideas_click(struct ui *ui, void *data, int row, int col, bool again)
{
	struct ideas *d = data;
	struct rect r = ui->layout.area[AREA_BODY];
	int64_t at = d->list.top + row - r.row - 2;

	if (!rect_contains(r, row, col) || row < r.row + 2 || at >= d->list.n)
		return;
	list_select(&d->list, at, visible(ui));
	if (again && selected(d)->experiment_id)
		ui_show_experiment(ui, selected(d)->experiment_id);
}

static void ideas_filter(struct ui *ui, void *data, const char *text)
{
	struct ideas *d = data;

	art_copy(d->match, sizeof(d->match), text);
	list_select(&d->list, 0, visible(ui));
}

static const char *ideas_filter_text(void *data)
{
	return ((struct ideas *)data)->match;
}

static int64_t ideas_experiment(struct ui *ui, void *data)
{
	const struct note_row *note = selected(data);

	(void)ui;
	return note ? note->experiment_id : 0;
}

static void ideas_copy(struct ui *ui, void *data, struct art_buf *b)
{
	const struct note_row *note = selected(data);

	(void)ui;
	if (note)
		art_buf_putf(b, "%s\n", note->text);
}

static int64_t ideas_height(struct ui *ui, void *data)
{
	(void)ui;
	return ((struct ideas *)data)->list.n + 6;
}

const struct panel_ops panel_ideas = {
	.topics = TOPIC_NOTE,
	.view = LAYOUT_LIST,
	.open = ideas_open,
	.close = ideas_close,
	.refresh = ideas_refresh,
	.draw = ideas_draw,
	.act = ideas_act,
	.click = ideas_click,
	.filter = ideas_filter,
	.filter_text = ideas_filter_text,
	.experiment = ideas_experiment,
	.copy = ideas_copy,
	.height = ideas_height,
};
