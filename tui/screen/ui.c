/* ui.c - see ui.h. The actions that ask the engine for something are in wish.c. */
#include "tui/screen/ui.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tui/screen/wish.h"

#define UI_BUSY_MS 250
#define FACT_TOPICS                                                                         \
	(TOPIC_EXPERIMENT | TOPIC_ENGINE | TOPIC_DEVICE | TOPIC_REFERENCE | TOPIC_WISH | TOPIC_WORKER)
#define MESSAGE_US 10000000
#define COPIED_MAX (1u << 20)

static const struct panel_ops *const all_panels[PANEL_COUNT] = {
	[PANEL_DASHBOARD] = &panel_dashboard, [PANEL_EXPERIMENTS] = &panel_experiments,
	[PANEL_DETAIL] = &panel_detail,	      [PANEL_LOG] = &panel_log,
	[PANEL_IDEAS] = &panel_ideas,	      [PANEL_LEADERBOARD] = &panel_leaderboard,
	[PANEL_MARKET] = &panel_market,	      [PANEL_WORKER] = &panel_worker,
	[PANEL_HELP] = &panel_help,
};

const struct panel_ops *panel_ops(enum panel_id p)
{
	ART_BUG_ON((unsigned)p >= PANEL_COUNT);
	return all_panels[p];
}

const char *screen_panel_name(int i)
{
	return i >= 0 && i < PANEL_COUNT ? panel_name((enum panel_id)i) : NULL;
}

/* ---- opening and closing ------------------------------------------------------------------------ */

static enum art_status first_panel(struct ui *ui, struct art_err *err)
{
	char names[200] = "";

	if (!ui->opt->panel)
		return ART_OK;
	for (int p = 0; p < PANEL_COUNT; p++) {
		if (!strcmp(ui->opt->panel, panel_name((enum panel_id)p))) {
			ui->panel = (enum panel_id)p;
			return ART_OK;
		}
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", p ? ", " : "",
			 panel_name((enum panel_id)p));
	}
	return art_fail(err, ART_INVALID, "there is no panel \"%.40s\", but these: %s", ui->opt->panel, names);
}

enum art_status ui_open(struct ui *ui, const struct screen_options *opt, bool utf8,
			enum chart_style chart, struct art_err *err)
{
	enum art_status rc;

	memset(ui, 0, sizeof(*ui));
	ui->opt = opt;
	ui->g = glyphs_get(!utf8 ? GLYPHS_ASCII : chart == CHART_BLOCKS ? GLYPHS_CONSOLE : GLYPHS_FULL);
	ui->chart_style = utf8 ? chart : CHART_ASCII;
	ui->mouse = opt->mouse;
	ui->cursor_row = -1;
	canvas_init(&ui->canvas, ui->g);
	art_buf_init(&ui->copied, COPIED_MAX);
	rc = first_panel(ui, err);
	if (rc == ART_OK)
		rc = theme_load(&ui->theme, opt->theme ? opt->theme : "default", opt->theme_dirs,
				SCREEN_THEME_DIRS, err);
	if (rc == ART_OK)
		rc = store_open(&ui->st, opt->db, opt->read_only ? STORE_READ_ONLY : 0, UI_BUSY_MS, err);
	if (rc != ART_OK) {
		ui_close(ui);
		return rc;
	}
	if (opt->bell)
		store_attach_bell(ui->st, opt->bell);
	for (int p = 0; p < PANEL_COUNT; p++)
		ui->data[p] = all_panels[p]->open(ui);
	if (opt->experiment_id)
		detail_show(ui->data[PANEL_DETAIL], opt->experiment_id);
	ui_stale(ui, TOPIC_ALL);
	return ART_OK;
}

void ui_close(struct ui *ui)
{
	for (int p = 0; p < PANEL_COUNT; p++) {
		if (ui->data[p] && all_panels[p]->close)
			all_panels[p]->close(ui->data[p]);
	}
	device_list_destroy(&ui->facts.devices);
	reference_list_destroy(&ui->facts.references);
	canvas_destroy(&ui->canvas);
	art_buf_destroy(&ui->copied);
	store_close(ui->st);
	memset(ui, 0, sizeof(*ui));
}

/* ---- what is known ------------------------------------------------------------------------------- */

void ui_stale(struct ui *ui, unsigned topics)
{
	topics &= ~UI_LOCAL;
	ui->stale_facts |= topics & FACT_TOPICS;
	for (int p = 0; p < PANEL_COUNT; p++)
		ui->stale[p] |= topics & all_panels[p]->topics;
}

bool ui_is_stale(const struct ui *ui)
{
	return ui->stale_facts || ui->stale[ui->panel];
}

void ui_say(struct ui *ui, enum theme_role role, const char *fmt, ...)
{
	char raw[sizeof(ui->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	art_text_clean(ui->message, sizeof(ui->message), raw, strlen(raw), false);
	ui->message_role = role;
	ui->message_hold = false;
	ui->message_at = art_mono_us();
}

bool ui_age(struct ui *ui)
{
	if (!ui->message[0] || ui->message_hold || art_mono_us() - ui->message_at < MESSAGE_US)
		return false;
	ui->message[0] = '\0';
	return true;
}

/* The row of an engine or a worker outlives it after kill -9; its process does not. */
bool ui_process_lives(int64_t pid)
{
	return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static enum art_status refresh_board(struct ui *ui, struct art_err *err)
{
	struct facts *f = &ui->facts;
	enum art_status rc = board_get(ui->st, 0, &f->board, err);

	f->n_trend = 0;
	if (rc == ART_OK && f->board.has_class)
		rc = board_trend(ui->st, f->board.class.id, f->trend, TREND_MAX, &f->n_trend, err);
	return rc;
}

static enum art_status refresh_references(struct ui *ui, struct art_err *err)
{
	struct facts *f = &ui->facts;
	struct reference_list got = { 0 };
	enum art_status rc = ART_OK;

	if (f->board.has_class)
		rc = reference_list(ui->st, f->board.class.data_sha256, &got, err);
	if (rc != ART_OK) {
		reference_list_destroy(&got);
		return rc;
	}
	reference_list_destroy(&f->references);
	f->references = got;
	return ART_OK;
}

static enum art_status refresh_devices(struct ui *ui, struct art_err *err)
{
	struct device_list got = { 0 };
	enum art_status rc = device_list(ui->st, &got, err);

	if (rc != ART_OK) {
		device_list_destroy(&got);
		return rc;
	}
	device_list_destroy(&ui->facts.devices);
	ui->facts.devices = got;
	return ART_OK;
}

static enum art_status refresh_facts(struct ui *ui, struct art_err *err)
{
	unsigned what = ui->stale_facts;
	enum art_status rc = ART_OK;

	if (what & TOPIC_EXPERIMENT)
		rc = refresh_board(ui, err);
	if (rc == ART_OK && (what & (TOPIC_EXPERIMENT | TOPIC_REFERENCE)))
		rc = refresh_references(ui, err);
	if (rc == ART_OK && (what & TOPIC_DEVICE))
		rc = refresh_devices(ui, err);
	if (rc == ART_OK && (what & TOPIC_WORKER))
		rc = worker_counts(ui->st, &ui->facts.market, err);
	if (rc == ART_OK && (what & TOPIC_ENGINE))
		rc = engine_get(ui->st, &ui->facts.engine, err);
	if (rc == ART_OK && (what & TOPIC_WISH))
		rc = wish_look(ui, err);
	ui->facts.engine_alive = ui->facts.engine.state[0] && ui_process_lives(ui->facts.engine.pid);
	if (rc == ART_OK)
		ui->stale_facts = 0;
	return rc;
}

static void arrange(struct ui *ui)
{
	const struct panel_ops *ops = all_panels[ui->panel];
	struct layout_wanted w = { .view = ops->view };

	if (ops->wanted)
		ops->wanted(ui, ui->data[ui->panel], &w);
	layout_compute(ui->rows, ui->cols, &w, &ui->layout);
}

static enum art_status refresh_panel(struct ui *ui, struct art_err *err)
{
	const struct panel_ops *ops = all_panels[ui->panel];
	unsigned what = ui->stale[ui->panel];
	struct layout was;
	enum art_status rc;

	arrange(ui);
	if (!what || !ops->refresh) {
		ui->stale[ui->panel] = 0;
		return ART_OK;
	}
	rc = ops->refresh(ui, ui->data[ui->panel], what, err);
	if (rc != ART_OK)
		return rc;
	/* what was found may want other room; once more is enough, the wish does not depend on it */
	was = ui->layout;
	arrange(ui);
	if (memcmp(&was, &ui->layout, sizeof(was)) != 0)
		rc = ops->refresh(ui, ui->data[ui->panel], UI_LOCAL, err);
	if (rc == ART_OK)
		ui->stale[ui->panel] = 0;
	return rc;
}

void ui_refresh(struct ui *ui)
{
	struct art_err err = { ART_OK, "" };
	enum art_status rc = ART_OK;

	if (ui->stale_facts)
		rc = refresh_facts(ui, &err);
	if (rc == ART_OK)
		rc = refresh_panel(ui, &err);
	if (rc == ART_OK) {
		if (ui->message_hold)
			ui->message[0] = '\0';
		ui->message_hold = false;
		return;
	}
	arrange(ui);
	ui_say(ui, ROLE_BAD, "%s", err.text);
	ui->message_hold = true;
	if (rc != ART_BUSY) {
		/* trying again at once would turn a broken store into a busy loop */
		ui->stale_facts = 0;
		ui->stale[ui->panel] = 0;
	}
}

void ui_resize(struct ui *ui, int rows, int cols)
{
	ui->rows = rows;
	ui->cols = cols;
	for (int p = 0; p < PANEL_COUNT; p++)
		ui->stale[p] |= UI_LOCAL;
}

bool ui_night_runs(const struct ui *ui)
{
	return ui->facts.board.has_night && !ui->facts.board.night.ended_at &&
	       ui->facts.engine_alive && strcmp(ui->facts.engine.state, "idle") != 0;
}

bool ui_minute(struct ui *ui)
{
	bool ages = ui->panel == PANEL_LEADERBOARD || ui->panel == PANEL_MARKET || ui->panel == PANEL_WORKER;

	/* a text is made when it is refreshed, a table when it is drawn */
	if (ages)
		ui->stale[ui->panel] |= UI_LOCAL;
	return ages || ui_night_runs(ui);
}

/* ---- drawing -------------------------------------------------------------------------------------- */

/* The workspace at the right end; of a path without room the last part. */
static void draw_workspace(struct ui *ui, struct rect r, int room)
{
	const char *name = ui->opt->workspace, *slash;
	int need;

	if (!name || room < 4)
		return;
	slash = strrchr(name, '/');
	if (art_text_columns(name) > room && slash && slash[1])
		name = slash + 1;
	need = art_text_columns(name) < room ? art_text_columns(name) : room;
	draw_field(&ui->canvas, r, 0, r.cols - need - 1, need, ROLE_TAB, false, name);
}

/* How the tabs are written. Each takes less room than the one before. */
enum tabs { TABS_TITLES, TABS_SHORT, TABS_NUMBERS, TABS_COUNT };

static const char *tab_title(const struct ui *ui, enum tabs how, int p)
{
	if (how == TABS_TITLES || (how == TABS_NUMBERS && p == (int)ui->panel))
		return panel_title((enum panel_id)p);
	return how == TABS_SHORT ? panel_title_short((enum panel_id)p) : "";
}

static void tab_text(const struct ui *ui, enum tabs how, int p, char out[40])
{
	const char *title = tab_title(ui, how, p), *air = how == TABS_TITLES ? " " : "";
	char key[12] = "?";

	if (p < PANEL_HELP)
		snprintf(key, sizeof(key), "%d", p + 1);
	snprintf(out, 40, " %s%s%s%s", key, title[0] ? " " : "", title, air);
}

static int tabs_width(const struct ui *ui, enum tabs how)
{
	char text[40];
	int n = 0;

	for (int p = 0; p < PANEL_COUNT; p++) {
		tab_text(ui, how, p, text);
		n += art_text_columns(text);
	}
	return n;
}

static void draw_title(struct ui *ui)
{
	struct rect r = ui->layout.area[AREA_TITLE];
	enum tabs how = TABS_TITLES;
	char text[40];
	int x, on = 0;

	draw_role(&ui->canvas, r, 0, 0, r.cols, ROLE_BAR);
	x = 1 + draw_text(&ui->canvas, r, 0, 1, ROLE_BAR_NAME, "artui");
	while (how + 1 < TABS_COUNT && x + 2 + tabs_width(ui, how) > r.cols)
		how++;
	x += how == TABS_TITLES; /* air */
	for (int p = 0; p < PANEL_COUNT; p++) {
		enum theme_role role = p == (int)ui->panel ? ROLE_TAB_ON : ROLE_TAB;

		tab_text(ui, how, p, text);
		x += draw_text(&ui->canvas, r, 0, x, role, text);
		ui->tab_end[p] = x;
		on = p == (int)ui->panel ? x : on;
	}
	if (how != TABS_TITLES)
		draw_cell(&ui->canvas, r, 0, on, ROLE_TAB_ON, " "); /* where the next tab begins */
	draw_workspace(ui, r, r.cols - x - 2);
}

static const char *bar_label(const struct ui *ui, enum action a)
{
	bool night = ui_night_runs(ui);

	if (a == ACTION_BEGIN && night)
		return NULL;
	if ((a == ACTION_PAUSE || a == ACTION_END) && !night)
		return NULL;
	if (a == ACTION_PAUSE && !strcmp(ui->facts.engine.state, "paused"))
		return "go on";
	/* a text has neither rows nor an order */
	if (a >= ACTION_DEAD && a <= ACTION_CHAIN && market_is_open(ui->data[PANEL_MARKET]))
		return NULL;
	if (ui->opt->read_only && (a == ACTION_BEGIN || a == ACTION_PAUSE || a == ACTION_END ||
				   a == ACTION_CANCEL || a == ACTION_IDEA ||
				   (a >= ACTION_REFRESH && a <= ACTION_SELL_OPEN)))
		return NULL;
	return action_entry(a)->bar;
}

/* What comes before the rest in the bar: the keys of everywhere, and those of a panel that has many. */
static bool bar_first(const struct ui *ui, enum action a)
{
	unsigned where = action_entry(a)->where;

	return a <= ACTION_FIND || (ui->panel >= PANEL_LEADERBOARD && ui->panel <= PANEL_WORKER &&
				    where != IN_ALL && where != IN_BUT_WORKER);
}

/* One key and its label at column @x, where it fits; the column after it. */
static int draw_bar_key(struct ui *ui, struct rect r, int room, int x, enum action a)
{
	const struct action_entry *e = action_entry(a);
	const char *label = bar_label(ui, a);
	char key[16];
	size_t n = strcspn(e->keys, " ");

	if (!label || !(e->where & (1u << ui->panel)))
		return x;
	snprintf(key, sizeof(key), "%.*s", (int)n, e->keys);
	if (x + art_text_columns(key) + 1 + art_text_columns(label) + 2 > room)
		return x;
	draw_cell(&ui->canvas, r, 0, x, ROLE_KEY_TEXT, " ");
	x += 1 + draw_text(&ui->canvas, r, 0, x + 1, ROLE_KEY, key);
	return x + 1 + draw_text(&ui->canvas, r, 0, x + 1, ROLE_KEY_TEXT, label);
}

static void draw_bar(struct ui *ui, struct rect r)
{
	const char *mark = ui->mouse ? "mouse" : NULL;
	int room = r.cols - (mark ? 7 : 0), x = 0;

	draw_role(&ui->canvas, r, 0, 0, r.cols, ROLE_KEY_TEXT);
	for (int pass = 0; pass < 2; pass++) {
		for (int a = ACTION_NONE + 1; a < ACTION_COUNT; a++) {
			if (bar_first(ui, (enum action)a) == (pass == 0))
				x = draw_bar_key(ui, r, room, x, (enum action)a);
		}
	}
	if (mark)
		draw_text(&ui->canvas, r, 0, r.cols - 6, ROLE_KEY_TEXT, mark);
}

/* A line being typed, scrolled so that the cursor shows. */
static void draw_prompt(struct ui *ui, struct rect r, const char *what)
{
	int x, room, used;
	size_t from = 0;
	char head[LINE_MAX_BYTES];

	draw_role(&ui->canvas, r, 0, 0, r.cols, ROLE_PROMPT);
	x = 1 + draw_text(&ui->canvas, r, 0, 1, ROLE_PROMPT, what) + 1;
	room = r.cols - x - 1;
	if (room < 4)
		return;
	memcpy(head, ui->line.text, ui->line.at);
	head[ui->line.at] = '\0';
	while ((used = art_text_columns(head + from)) > room - 1) {
		from++;
		while (((unsigned char)head[from] & 0xc0) == 0x80)
			from++;
	}
	draw_field(&ui->canvas, r, 0, x, room, ROLE_PROMPT, false, ui->line.text + from);
	ui->cursor_row = r.row;
	ui->cursor_col = r.col + x + used;
}

/* A text is searched where a list is filtered. */
static bool searching(const struct ui *ui)
{
	return ui->panel == PANEL_DETAIL || (ui->panel == PANEL_MARKET && market_is_open(ui->data[PANEL_MARKET]));
}

static void draw_keys(struct ui *ui)
{
	struct rect r = ui->layout.area[AREA_KEYS];

	ui->cursor_row = -1;
	switch (ui->mode) {
	case MODE_FILTER:
		draw_prompt(ui, r, searching(ui) ? "search:" : "filter:");
		return;
	case MODE_IDEA:
		draw_prompt(ui, r, "idea:");
		return;
	case MODE_CONFIRM:
		draw_role(&ui->canvas, r, 0, 0, r.cols, ROLE_PROMPT);
		draw_field(&ui->canvas, r, 0, 1, r.cols - 2, ROLE_PROMPT, false, ui->text);
		return;
	case MODE_NORMAL:
		break;
	}
	if (ui->message[0])
		draw_field(&ui->canvas, r, 0, 1, r.cols - 2, ui->message_role, false, ui->message);
	else
		draw_bar(ui, r);
}

static void draw_too_small(struct ui *ui)
{
	struct rect all = { 0, 0, ui->canvas.rows, ui->canvas.cols };

	draw_textf(&ui->canvas, all, 0, 0, ROLE_WARN, "artui: the screen is %dx%d,", ui->cols, ui->rows);
	draw_textf(&ui->canvas, all, 1, 0, ROLE_WARN, "it takes %dx%d; q leaves", LAYOUT_MIN_COLS,
		   LAYOUT_MIN_ROWS);
	ui->cursor_row = -1;
}

void ui_draw(struct ui *ui)
{
	canvas_reset(&ui->canvas, ui->rows, ui->cols);
	if (ui->layout.too_small) {
		draw_too_small(ui);
		return;
	}
	draw_title(ui);
	if (all_panels[ui->panel]->view == LAYOUT_DASHBOARD)
		header_draw(ui, ui->layout.area[AREA_HEADER], ui->layout.area[AREA_TREND]);
	else
		header_draw_line(ui, ui->layout.area[AREA_HEADER]);
	all_panels[ui->panel]->draw(ui, ui->data[ui->panel]);
	draw_keys(ui);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

void ui_show(struct ui *ui, enum panel_id p)
{
	if (p == ui->panel)
		return;
	ui->before = ui->panel;
	ui->panel = p;
	ui->stale[p] |= UI_LOCAL;
}

void ui_show_experiment(struct ui *ui, int64_t id)
{
	detail_show(ui->data[PANEL_DETAIL], id);
	ui->stale[PANEL_DETAIL] |= UI_LOCAL;
	ui_show(ui, PANEL_DETAIL);
}

static void next_theme(struct ui *ui)
{
	static const char *const names[] = { "default", "light", "mono", "contrast" };
	struct theme t;
	struct art_err err;
	size_t i;

	for (i = 0; i < ART_COUNT(names); i++) {
		if (!strcmp(names[i], ui->theme.name))
			break;
	}
	/* a theme of the user's own is followed by the first of ours; a missing file is stepped over */
	for (size_t step = 1; step <= ART_COUNT(names); step++) {
		size_t next = i == ART_COUNT(names) ? step - 1 : (i + step) % ART_COUNT(names);

		if (theme_load(&t, names[next % ART_COUNT(names)], ui->opt->theme_dirs,
			       SCREEN_THEME_DIRS, &err) == ART_OK) {
			ui->theme = t;
			ui->theme_changed = true;
			ui_say(ui, ROLE_TEXT, "theme: %s", t.name);
			return;
		}
	}
	ui_say(ui, ROLE_BAD, "%s", err.text);
}

static void copy(struct ui *ui)
{
	const struct panel_ops *ops = all_panels[ui->panel];
	struct art_err err;

	art_buf_reset(&ui->copied);
	if (ops->copy)
		ops->copy(ui, ui->data[ui->panel], &ui->copied);
	if (ui->copied.len == 0) {
		ui_say(ui, ROLE_WARN, "nothing is selected");
		return;
	}
	if (!ui->opt->copy_path) {
		ui_say(ui, ROLE_GOOD, "copied %zu bytes to the clipboard, if the terminal lets it",
		       ui->copied.len);
		return;
	}
	char *slash, *dir = art_strdup(ui->opt->copy_path);
	enum art_status rc = ART_OK;

	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		rc = art_mkdirs(dir, 0700, &err);
	}
	free(dir);
	if (rc == ART_OK)
		rc = art_write_file(ui->opt->copy_path, ui->copied.data, ui->copied.len, 0600, &err);
	if (rc == ART_OK)
		ui_say(ui, ROLE_GOOD, "copied, and written to %s", ui->opt->copy_path);
	else
		ui_say(ui, ROLE_BAD, "%s", err.text);
}

static void set_filter(struct ui *ui, const char *text)
{
	const struct panel_ops *ops = all_panels[ui->panel];

	if (!ops->filter)
		return;
	ops->filter(ui, ui->data[ui->panel], text);
	ui->stale[ui->panel] |= UI_LOCAL;
}

static const char *filter_of(struct ui *ui)
{
	const struct panel_ops *ops = all_panels[ui->panel];

	return ops->filter_text ? ops->filter_text(ui->data[ui->panel]) : "";
}

static void back(struct ui *ui)
{
	if (filter_of(ui)[0])
		set_filter(ui, "");
	else if (ui->panel == PANEL_DETAIL || ui->panel == PANEL_HELP)
		ui_show(ui, ui->before == ui->panel ? PANEL_DASHBOARD : ui->before);
}

static void open_selected(struct ui *ui)
{
	const struct panel_ops *ops = all_panels[ui->panel];
	int64_t id = ops->experiment ? ops->experiment(ui, ui->data[ui->panel]) : 0;

	if (id)
		ui_show_experiment(ui, id);
	else
		ui_say(ui, ROLE_DIM, "there is no experiment behind this row");
}

static void act(struct ui *ui, enum action a)
{
	const struct panel_ops *ops = all_panels[ui->panel];

	if (a == ACTION_NONE)
		return;
	if (ops->act && ops->act(ui, ui->data[ui->panel], a)) {
		ui->stale[ui->panel] |= UI_LOCAL;
		return;
	}
	if (a >= ACTION_PANEL_1 && a <= ACTION_PANEL_8) {
		ui_show(ui, (enum panel_id)(a - ACTION_PANEL_1));
		return;
	}
	/* plain ifs: most actions belong to panels, and a switch would have to name them all */
	if (a == ACTION_HELP) {
		ui_show(ui, PANEL_HELP);
	} else if (a == ACTION_BACK) {
		back(ui);
	} else if (a == ACTION_OPEN) {
		open_selected(ui);
	} else if (a == ACTION_FIND) {
		line_init(&ui->line, 64, filter_of(ui));
		ui->mode = MODE_FILTER;
	} else if (a == ACTION_COPY) {
		copy(ui);
	} else if (a == ACTION_THEME) {
		next_theme(ui);
	} else if (a == ACTION_MOUSE) {
		ui->mouse = !ui->mouse;
		ui->mouse_changed = true;
		ui_say(ui, ROLE_TEXT, ui->mouse ? "mouse on" : "mouse off: the terminal selects text");
	} else if (a == ACTION_REDRAW) {
		ui->redraw_all = true;
		ui_stale(ui, TOPIC_ALL);
	} else {
		wish_act(ui, a);
	}
}

static void key_in_line(struct ui *ui, int key)
{
	if (key == BIND_ESC || key == ('C' & 0x1f)) {
		if (ui->mode == MODE_FILTER)
			set_filter(ui, "");
		ui->mode = MODE_NORMAL;
		return;
	}
	if (key == BIND_ENTER) {
		enum ui_mode was = ui->mode;

		ui->mode = MODE_NORMAL;
		if (was == MODE_IDEA)
			wish_idea(ui, ui->line.text);
		return;
	}
	if (ui->mode == MODE_FILTER && (key == BIND_UP || key == BIND_DOWN)) {
		act(ui, key == BIND_UP ? ACTION_UP : ACTION_DOWN);
		return;
	}
	if (line_key(&ui->line, key) && ui->mode == MODE_FILTER)
		set_filter(ui, ui->line.text);
}

void ui_key(struct ui *ui, int key)
{
	if (!ui->message_hold)
		ui->message[0] = '\0';
	switch (ui->mode) {
	case MODE_FILTER:
	case MODE_IDEA:
		key_in_line(ui, key);
		return;
	case MODE_CONFIRM:
		ui->mode = MODE_NORMAL;
		wish_confirmed(ui, key == 'y' || key == 'Y');
		return;
	case MODE_NORMAL:
		break;
	}
	/* in a list Esc and its friends take the filter away, wherever BACK is not bound */
	if (bind_find(key, ui->panel) == ACTION_NONE && key == BIND_ESC) {
		back(ui);
		return;
	}
	act(ui, bind_find(key, ui->panel));
}

/* ---- mouse ----------------------------------------------------------------------------------------- */

static void click_title(struct ui *ui, int col)
{
	int from = 0;

	for (int p = 0; p < PANEL_COUNT; p++) {
		if (col >= from && col < ui->tab_end[p]) {
			ui_show(ui, (enum panel_id)p);
			return;
		}
		from = ui->tab_end[p];
	}
}

void ui_click(struct ui *ui, int row, int col, bool again)
{
	const struct panel_ops *ops = all_panels[ui->panel];

	if (ui->mode != MODE_NORMAL || ui->layout.too_small)
		return;
	if (!ui->message_hold)
		ui->message[0] = '\0';
	if (rect_contains(ui->layout.area[AREA_TITLE], row, col)) {
		click_title(ui, col);
	} else if (ops->click) {
		ops->click(ui, ui->data[ui->panel], row, col, again);
		ui->stale[ui->panel] |= UI_LOCAL;
	}
}

void ui_wheel(struct ui *ui, int row, int col, int rows)
{
	const struct panel_ops *ops = all_panels[ui->panel];

	if (ui->mode != MODE_NORMAL || ui->layout.too_small)
		return;
	if (ops->point)
		ops->point(ui, ui->data[ui->panel], row, col);
	for (int i = 0; i < abs(rows); i++)
		act(ui, rows < 0 ? ACTION_UP : ACTION_DOWN);
}

/* ---- shared words ----------------------------------------------------------------------------------- */

const char *verdict_glyph(const struct glyphs *g, enum verdict v, bool champion)
{
	if (champion)
		return g->champion;
	switch (v) {
	case VERDICT_PENDING:
		return g->waiting;
	case VERDICT_BASELINE:
	case VERDICT_KEPT:
	case VERDICT_IMPORTED:
		return g->kept;
	case VERDICT_DISCARDED:
		return g->discarded;
	case VERDICT_FAILED:
	case VERDICT_STOPPED:
	case VERDICT_CANCELLED:
		return g->failed;
	case VERDICT_COUNT:
		break;
	}
	return g->unknown;
}

enum theme_role verdict_role(enum verdict v, bool champion)
{
	if (champion)
		return ROLE_CHAMPION;
	switch (v) {
	case VERDICT_PENDING:
		return ROLE_LIVE;
	case VERDICT_BASELINE:
	case VERDICT_IMPORTED:
		return ROLE_VALUE;
	case VERDICT_KEPT:
		return ROLE_GOOD;
	case VERDICT_FAILED:
		return ROLE_BAD;
	case VERDICT_STOPPED:
	case VERDICT_CANCELLED:
		return ROLE_WARN;
	case VERDICT_DISCARDED:
	case VERDICT_COUNT:
		break;
	}
	return ROLE_DIM;
}

enum theme_role event_role(enum event_level l)
{
	switch (l) {
	case EVENT_GOOD:
		return ROLE_GOOD;
	case EVENT_WARN:
		return ROLE_WARN;
	case EVENT_ERROR:
		return ROLE_BAD;
	case EVENT_INFO:
	case EVENT_LEVEL_COUNT:
		break;
	}
	return ROLE_DIM;
}

const char *event_glyph(const struct glyphs *g, enum event_level l)
{
	switch (l) {
	case EVENT_GOOD:
		return g->kept;
	case EVENT_WARN:
		return "!";
	case EVENT_ERROR:
		return g->failed;
	case EVENT_INFO:
	case EVENT_LEVEL_COUNT:
		break;
	}
	return g->info;
}

bool text_matches(const char *text, const char *match)
{
	size_t n = strlen(match);

	if (n == 0)
		return true;
	for (; *text; text++) {
		if (!strncasecmp(text, match, n))
			return true;
	}
	return false;
}
