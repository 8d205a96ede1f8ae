/*
 * view.h - the leaderboard and the log: lists that more than one panel shows.
 *
 * Layer: tui/screen. Threads: main.
 */
#ifndef TUI_SCREEN_VIEW_H
#define TUI_SCREEN_VIEW_H

#include "tui/screen/ui.h"

/* ---- leaderboard: experiments by score, reference lines between them ------------------------- */

/* Which verdicts are shown; f goes through them. */
enum verdict_filter {
	SHOW_STANDING, /* baseline, kept, imported, pending */
	SHOW_ALL,
	SHOW_KEPT,
	SHOW_PENDING,
	SHOW_DISCARDED,
	SHOW_FAILED,   /* failed, stopped, cancelled */
	SHOW_COUNT,
};
unsigned verdict_filter_mask(enum verdict_filter f);
const char *verdict_filter_text(enum verdict_filter f);

struct board_view {
	struct list list;            /* over experiments; references cannot be selected */
	struct experiment_list rows; /* the window, with one row before it when first > 0 */
	int64_t first;               /* index of rows.rows[0] */
	enum verdict_filter show;
	char match[64];
	bool loaded;                 /* rows were read once */
	bool changed;                /* show or match did: the rows are of another question */
	int64_t hit[256];              /* experiment index of each drawn row, -1: none */
	int n_hit;
};
void board_view_destroy(struct board_view *v);
/* Change the question; the view begins at its top again. */
void board_view_ask(struct board_view *v, enum verdict_filter show, const char *match);
/* @rows: what the area can show below its headings. Unless @what says that experiments changed,
 * rows at hand are not read again. */
enum art_status board_view_refresh(struct ui *ui, struct board_view *v, unsigned what, int rows,
				   struct art_err *err);
void board_view_draw(struct ui *ui, struct board_view *v, struct rect r, bool focused);
const struct experiment_row *board_view_selected(const struct board_view *v);

/* ---- log: events, newest last, following the end --------------------------------------------- */

#define LOG_CHUNK 200
#define LOG_MAX 20000 /* rows kept in memory; older ones are let go while following */

struct log_view {
	struct list list;
	struct event_list rows;
	bool whole;   /* rows begin with the first event there is */
	bool left;    /* the person moved up: do not follow */
	bool to_top;  /* read all there is, then go to the first */
	char match[64];
};
void log_view_destroy(struct log_view *v);
/* Read what came since; when the window reaches the oldest row, read older ones. */
enum art_status log_view_refresh(struct ui *ui, struct log_view *v, int rows, struct art_err *err);
void log_view_draw(struct ui *ui, struct log_view *v, struct rect r, bool focused);
bool log_view_act(struct log_view *v, enum action a, int rows);
void log_view_filter(struct log_view *v, const char *match);
const struct event_row *log_view_selected(const struct log_view *v);

#endif
