/*
 * draw.h - a canvas of cells that panels draw on; a terminal or a file shows it later.
 *
 * Layer: tui/screen (store/base.h only, no curses). Threads: one canvas, one thread.
 *
 * Panels never see curses: they draw into rectangles of a canvas, so what they draw is tested
 * without a terminal and printed by --once. A cell holds one base character with its combining
 * marks, a role, and whether its row is selected. A wide character takes a cell and a
 * continuation (width 0) to its right; what would be cut in half becomes a space.
 */
#ifndef TUI_SCREEN_DRAW_H
#define TUI_SCREEN_DRAW_H

#include <stdio.h>

#include "store/base.h"
#include "tui/screen/fmt.h"
#include "tui/screen/layout.h"
#include "tui/screen/theme.h"

#define CELL_BYTES 13 /* a base character and up to two or three combining marks; more are dropped */

struct cell {
	char s[CELL_BYTES];   /* UTF-8, NUL-terminated; "" in a continuation */
	unsigned char width;  /* 1, 2, or 0 for a continuation */
	unsigned char role;   /* enum theme_role */
	unsigned char selected;
};

struct canvas {
	int rows, cols;
	struct cell *cells; /* rows * cols */
	const struct glyphs *glyphs;
};

#define CANVAS_MAX_ROWS 100000
#define CANVAS_MAX_COLS 2000

void canvas_init(struct canvas *c, const struct glyphs *g);
void canvas_destroy(struct canvas *c);
/* Set the size and blank everything. Sizes beyond the maxima are cut to them. */
void canvas_reset(struct canvas *c, int rows, int cols);
const struct cell *canvas_at(const struct canvas *c, int row, int col); /* inside only */

/*
 * All drawing below is clipped to @r and the canvas; rows and columns are relative to @r. @text is
 * cleaned here (no control characters, no escapes, no bidi), so any bytes may come in.
 * Each returns the columns used.
 */
int draw_text(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
	      const char *text);
int draw_textf(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
	       const char *fmt, ...) ART_PRINTF(6, 7);
/* Into exactly @width columns; a longer text ends in the "more" sign. @right aligns right. */
int draw_field(struct canvas *c, struct rect r, int row, int col, int width, enum theme_role role,
	       bool right, const char *text);
/* One cell that is known to be one column wide; for charts and rules. */
void draw_cell(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
	       const char *ch);
/* Give all cells of a part of a row a role, or mark them selected, whatever stands in them. */
void draw_role(struct canvas *c, struct rect r, int row, int col, int width, enum theme_role role);
void draw_selected(struct canvas *c, struct rect r, int row);
/* A rule across row @row with @title in it, and @note at its right end (either may be NULL). */
void draw_heading(struct canvas *c, struct rect r, int row, const char *title, const char *note);

/* The line between @right and what stands to its left, if anything does. */
void draw_gap(struct canvas *c, struct rect right);

/* Rows @from to @end - 1 as text, trailing spaces cut; empty rows at the end are left out. */
void canvas_print(const struct canvas *c, int from, int end, FILE *to);
/* One row as text without trailing spaces, appended. */
void canvas_row_text(const struct canvas *c, int row, struct art_buf *b);

/* ---- tables: columns that fit --------------------------------------------------------------- */

#define TABLE_MAX_COLUMNS 16

struct column {
	const char *title;
	int width;    /* columns; of a flexible one: the least it is of use with */
	int priority; /* 0: always there; the highest goes first when room is short */
	bool right, flexible;
	int sort;     /* what a click on the heading means to the owner; -1: nothing */
};

/* Widths for @n columns in @width (one space between two): 0 for those left out. */
void table_fit(const struct column *cols, int n, int width, int out[TABLE_MAX_COLUMNS]);
/* Column of the table at screen column @at (relative), -1 none. */
int table_hit(const int widths[TABLE_MAX_COLUMNS], int n, int at);
void draw_table_head(struct canvas *c, struct rect r, int row, const struct column *cols, int n,
		     const int widths[TABLE_MAX_COLUMNS], int sorted, bool descending);
/* Cells of one row; NULL texts are blank. */
void draw_table_row(struct canvas *c, struct rect r, int row, const struct column *cols, int n,
		    const int widths[TABLE_MAX_COLUMNS], const char *const *text,
		    const enum theme_role *role);

#endif
