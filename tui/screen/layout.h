/*
 * layout.h - where everything goes: a pure function from a screen's size to rectangles.
 *
 * Layer: tui/screen (libc only). Threads: any; values.
 *
 * Invariants at every size: no two areas overlap, none leaves the screen, an area that is not
 * wanted or has no room is empty (rows or cols 0), and when too_small is set all are empty.
 */
#ifndef TUI_SCREEN_LAYOUT_H
#define TUI_SCREEN_LAYOUT_H

#include <stdbool.h>

#define LAYOUT_MIN_ROWS 10
#define LAYOUT_MIN_COLS 40

struct rect {
	int row, col, rows, cols;
};

enum layout_view {
	LAYOUT_DASHBOARD, /* big header, board, workers, log */
	LAYOUT_LIST,      /* one line of header, body */
	LAYOUT_DETAIL,    /* one line of header, body with a curve above or beside it */
};

enum layout_area {
	AREA_TITLE,   /* tabs */
	AREA_HEADER,  /* facts about the champion and the night */
	AREA_TREND,   /* the champion's chart, right of the header */
	AREA_BOARD,   /* leaderboard, its heading included */
	AREA_WORKERS, /* its heading included */
	AREA_LOG,     /* its heading included */
	AREA_BODY,    /* the list or the document */
	AREA_CURVE,   /* curves in Detail, heading included */
	AREA_KEYS,    /* key bar, prompt, messages */
	AREA_COUNT,
};

struct layout_wanted {
	enum layout_view view;
	int board_rows;   /* rows the leaderboard could fill, without headings */
	int worker_rows;  /* rows the workers could fill, without heading */
	bool curve;       /* Detail: there is something to plot */
};

struct layout {
	bool too_small;
	struct rect area[AREA_COUNT];
};

void layout_compute(int rows, int cols, const struct layout_wanted *wanted, struct layout *out);

bool rect_empty(struct rect r);
bool rect_contains(struct rect r, int row, int col);

#endif
