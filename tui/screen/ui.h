/*
 * ui.h - the dashboard's state, and what a panel is: a table of functions over rows it copied.
 *
 * Layer: tui/screen (store; no curses: the terminal is terminal.h, the loop screen.c). Threads: main.
 *
 * One turn: keys become actions, actions change the state or add wishes; ui_refresh queries what is
 * stale of what is visible; ui_draw paints the canvas. Nothing here waits.
 */
#ifndef TUI_SCREEN_UI_H
#define TUI_SCREEN_UI_H

#include "store/base.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/store.h"
#include "store/workers.h"
#include "tui/screen/bind.h"
#include "tui/screen/chart.h"
#include "tui/screen/draw.h"
#include "tui/screen/layout.h"
#include "tui/screen/list.h"
#include "tui/screen/screen.h"
#include "tui/screen/theme.h"

#define TREND_MAX 512

/* What the header and several panels show. */
struct facts {
	struct board board;
	struct trend_point trend[TREND_MAX];
	size_t n_trend;
	struct engine_row engine;
	bool engine_alive; /* its process is there */
	struct device_list devices;
	struct reference_list references;
	struct worker_counts market;
};

enum ui_mode {
	MODE_NORMAL,
	MODE_FILTER,  /* typing a filter: applied at each key */
	MODE_IDEA,    /* typing an idea */
	MODE_CONFIRM, /* a question; only y means yes */
};

/* Not a topic of the store: the panel's own view changed. Topics use the low bits. */
#define UI_LOCAL (1u << 31)

struct ui {
	const struct screen_options *opt;
	struct store *st;
	struct canvas canvas;
	const struct glyphs *g;
	enum chart_style chart_style;
	bool once;                /* printing, not on a terminal: nothing is selected */

	struct facts facts;
	unsigned stale_facts;     /* topics */
	unsigned stale[PANEL_COUNT];
	enum panel_id panel, before;
	void *data[PANEL_COUNT];
	struct layout layout;
	int rows, cols;
	int tab_end[PANEL_COUNT]; /* columns of the title bar, for the mouse */

	enum ui_mode mode;
	struct line line;
	enum action question;     /* CONFIRM: what y does */
	int64_t question_target;
	char text[200];           /* of the question */
	char message[300];        /* shown over the key bar until the next key, or a while */
	int64_t message_at;       /* monotonic */
	enum theme_role message_role;
	bool message_hold;        /* an error of the store: goes when a query succeeds again */
	int64_t wish_id;          /* the last wish made here, until it is answered */
	int cursor_row, cursor_col; /* where the cursor stands while typing; row -1: hidden */

	struct theme theme;
	bool mouse;
	bool theme_changed, mouse_changed, redraw_all; /* for the terminal; it clears them */
	struct art_buf copied;    /* text for the clipboard; the terminal takes it */
	bool leave;
};

/* Every function but open and draw may be NULL. */
struct panel_ops {
	unsigned topics;
	enum layout_view view;
	void *(*open)(struct ui *ui);
	void (*close)(void *data);
	/* @what: topics that changed, UI_LOCAL when the view may have; layout is current. */
	enum art_status (*refresh)(struct ui *ui, void *data, unsigned what, struct art_err *err);
	void (*draw)(struct ui *ui, void *data);
	bool (*act)(struct ui *ui, void *data, enum action a); /* false: not handled */
	void (*click)(struct ui *ui, void *data, int row, int col, bool again);
	/* The wheel turns here: take the focus. */
	void (*point)(struct ui *ui, void *data, int row, int col);
	void (*filter)(struct ui *ui, void *data, const char *text);
	const char *(*filter_text)(void *data);
	int64_t (*experiment)(struct ui *ui, void *data); /* selected, 0 none */
	/* Selected or shown, NULL for none; valid until the next refresh. */
	const struct worker_row *(*worker)(struct ui *ui, void *data);
	void (*copy)(struct ui *ui, void *data, struct art_buf *b);
	void (*wanted)(struct ui *ui, void *data, struct layout_wanted *w);
	/* Printing: rows of body the whole panel needs. */
	int64_t (*height)(struct ui *ui, void *data);
};
extern const struct panel_ops panel_dashboard, panel_experiments, panel_detail, panel_log,
	panel_ideas, panel_leaderboard, panel_market, panel_worker, panel_help;
const struct panel_ops *panel_ops(enum panel_id p);

/* @opt is borrowed until ui_close. Opens the store and the theme. Without @utf8 all is ASCII;
 * CHART_BLOCKS stands for a console that has few signs beyond it. */
ART_MUST_USE enum art_status ui_open(struct ui *ui, const struct screen_options *opt, bool utf8,
				     enum chart_style chart, struct art_err *err);
void ui_close(struct ui *ui); /* fine on a zeroed struct */

void ui_stale(struct ui *ui, unsigned topics);
/* Something is to be queried before the next frame. */
bool ui_is_stale(const struct ui *ui);
void ui_resize(struct ui *ui, int rows, int cols);
/* Query what is stale and visible. A failure becomes the message; old rows stay. */
void ui_refresh(struct ui *ui);
void ui_draw(struct ui *ui);
void ui_key(struct ui *ui, int key);
/* A press of the first button; @again: a second one soon after at the same place. */
void ui_click(struct ui *ui, int row, int col, bool again);
void ui_wheel(struct ui *ui, int row, int col, int rows);
/* Let an old message go; true when there is something to draw for it. */
bool ui_age(struct ui *ui);
/* Another minute of the wall clock: true when what is shown grew old by it. */
bool ui_minute(struct ui *ui);
/* A night is open and a living engine is at it. Then its elapsed time moves with the clock alone. */
bool ui_night_runs(const struct ui *ui);

/* For panels. */
bool ui_process_lives(int64_t pid);
void ui_say(struct ui *ui, enum theme_role role, const char *fmt, ...) ART_PRINTF(3, 4);
void ui_show(struct ui *ui, enum panel_id p);
void ui_show_experiment(struct ui *ui, int64_t id);
const char *verdict_glyph(const struct glyphs *g, enum verdict v, bool champion);
enum theme_role verdict_role(enum verdict v, bool champion);
enum theme_role event_role(enum event_level l);
const char *event_glyph(const struct glyphs *g, enum event_level l);
bool text_matches(const char *text, const char *match); /* case-insensitive for ASCII; "" matches */

/* Parts of the screen several panels use. */
void header_draw(struct ui *ui, struct rect header, struct rect trend);
void header_draw_line(struct ui *ui, struct rect r);
void workers_draw(struct ui *ui, struct rect r);
int workers_rows(const struct ui *ui);
void detail_show(void *data, int64_t experiment_id); /* panel_detail's data */
/* Show all that is known of a worker, or of an agent that has none (worker 0); back leads to where one came from. */
void ui_show_worker(struct ui *ui, int64_t worker_id, int64_t agent_id);
bool market_is_open(const void *data); /* panel_market's data: a worker is shown, not the list */

#endif
