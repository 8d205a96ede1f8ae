/* layout.c - see layout.h. */
#include "tui/screen/layout.h"

#include <string.h>

#define HEADER_ROWS_FULL 5
#define HEADER_ROWS_SMALL 2
#define WIDE_COLS 110        /* from here things stand beside each other */
#define TREND_MIN_COLS 72    /* a chart beside the header needs this much screen */
#define GAP_COLS 3           /* between things beside each other: a line with air */
#define BOARD_HEADINGS 2     /* title rule and column heads */
#define BOARD_MIN_ROWS 3
#define LOG_MIN_ROWS 3
#define LOG_LEAST 2          /* its heading and one line, whatever the board wants */

static int at_least(int a, int b) { return a > b ? a : b; }
static int at_most(int a, int b) { return a < b ? a : b; }

bool rect_empty(struct rect r) { return r.rows <= 0 || r.cols <= 0; }

bool rect_contains(struct rect r, int row, int col)
{
	return row >= r.row && row < r.row + r.rows && col >= r.col && col < r.col + r.cols;
}

static struct rect rect_of(int row, int col, int rows, int cols)
{
	struct rect r = { row, col, at_least(rows, 0), at_least(cols, 0) };

	if (r.rows == 0 || r.cols == 0)
		r.rows = r.cols = 0;
	return r;
}

/* Header rows grow with the screen because the trend beside it gains from height. */
static int header_rows(int rows)
{
	if (rows >= 44)
		return HEADER_ROWS_FULL + 4;
	if (rows >= 32)
		return HEADER_ROWS_FULL + 2;
	if (rows >= 20)
		return HEADER_ROWS_FULL;
	return rows >= 14 ? HEADER_ROWS_SMALL + 1 : HEADER_ROWS_SMALL;
}

/* Board left, workers right, log below both. */
static void dashboard_wide(int top, int bottom, int cols, const struct layout_wanted *w,
			   struct layout *out)
{
	int rows = bottom - top;
	int wanted = at_least(BOARD_HEADINGS + at_least(w->board_rows, BOARD_MIN_ROWS),
			      1 + w->worker_rows);
	int upper = at_most(wanted + 1, at_least(rows * 3 / 5, rows - 24));
	int left = cols * 16 / 25;

	upper = at_least(upper, BOARD_HEADINGS + BOARD_MIN_ROWS);
	upper = at_most(upper, rows);
	out->area[AREA_BOARD] = rect_of(top, 0, upper, left);
	out->area[AREA_WORKERS] = rect_of(top, left + GAP_COLS, upper, cols - left - GAP_COLS);
	out->area[AREA_LOG] = rect_of(top + upper, 0, rows - upper, cols);
}

/* Board, workers, log above each other; workers give way first, then the log. */
static void dashboard_narrow(int top, int bottom, int cols, const struct layout_wanted *w,
			     struct layout *out)
{
	int rows = bottom - top;
	int least = BOARD_HEADINGS + BOARD_MIN_ROWS + 1 + LOG_MIN_ROWS;
	int spare = at_least(rows - least, 0);
	int workers = spare >= 3 ? at_most(1 + w->worker_rows, at_least(3, spare / 3)) : 0;
	int board, want = BOARD_HEADINGS + at_least(w->board_rows, BOARD_MIN_ROWS);

	if (w->worker_rows <= 0)
		workers = 0;
	rows -= workers;
	board = at_most(want, rows * 12 / 20);
	board = at_least(board, at_most(rows - LOG_LEAST, BOARD_HEADINGS + BOARD_MIN_ROWS));
	out->area[AREA_BOARD] = rect_of(top, 0, board, cols);
	out->area[AREA_WORKERS] = rect_of(top + board, 0, workers, cols);
	out->area[AREA_LOG] = rect_of(top + board + workers, 0, rows - board, cols);
}

static void dashboard(int top, int bottom, int rows, int cols, const struct layout_wanted *w,
		      struct layout *out)
{
	int header = header_rows(rows);
	int trend = cols >= TREND_MIN_COLS && header >= HEADER_ROWS_FULL ? cols * 3 / 10 : 0;

	out->area[AREA_HEADER] = rect_of(top, 0, header, trend ? cols - trend - 1 : cols);
	if (trend)
		out->area[AREA_TREND] = rect_of(top, cols - trend, header, trend);
	top += header;
	if (cols >= WIDE_COLS && bottom - top >= 12)
		dashboard_wide(top, bottom, cols, w, out);
	else
		dashboard_narrow(top, bottom, cols, w, out);
}

static void detail(int top, int bottom, int cols, bool curve, struct layout *out)
{
	int rows = bottom - top;

	if (curve && cols >= WIDE_COLS) {
		int left = cols * 11 / 20;

		out->area[AREA_BODY] = rect_of(top, 0, rows, left);
		out->area[AREA_CURVE] = rect_of(top, left + GAP_COLS, rows, cols - left - GAP_COLS);
	} else if (curve && rows >= 14) {
		int above = at_most(at_least(rows * 2 / 5, 7), 16);

		out->area[AREA_CURVE] = rect_of(top, 0, above, cols);
		out->area[AREA_BODY] = rect_of(top + above, 0, rows - above, cols);
	} else {
		out->area[AREA_BODY] = rect_of(top, 0, rows, cols);
	}
}

void layout_compute(int rows, int cols, const struct layout_wanted *wanted, struct layout *out)
{
	int bottom = rows - 1;

	memset(out, 0, sizeof(*out));
	if (rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS) {
		out->too_small = true;
		return;
	}
	out->area[AREA_TITLE] = rect_of(0, 0, 1, cols);
	out->area[AREA_KEYS] = rect_of(bottom, 0, 1, cols);
	switch (wanted->view) {
	case LAYOUT_DASHBOARD:
		dashboard(1, bottom, rows, cols, wanted, out);
		break;
	case LAYOUT_LIST:
		out->area[AREA_HEADER] = rect_of(1, 0, 1, cols);
		out->area[AREA_BODY] = rect_of(2, 0, bottom - 2, cols);
		break;
	case LAYOUT_DETAIL:
		out->area[AREA_HEADER] = rect_of(1, 0, 1, cols);
		detail(2, bottom, cols, wanted->curve, out);
		break;
	}
}
