/*
 * chart.h - line charts out of characters: braille, half blocks or ASCII.
 *
 * Layer: tui/screen (no curses). Threads: any; draws on the caller's canvas.
 *
 * Series differ by pattern as well as by role: an old one is dotted, so that no colour is needed to
 * tell it from the one in question, which is drawn last and on top.
 */
#ifndef TUI_SCREEN_CHART_H
#define TUI_SCREEN_CHART_H

#include "tui/screen/draw.h"

enum chart_style {
	CHART_BRAILLE, /* 2 x 4 dots a cell */
	CHART_BLOCKS,  /* 1 x 2 halves a cell: terminals without braille, the Linux console */
	CHART_ASCII,   /* 1 x 2: ' above, . below, : both; a dotted series uses ` , ; */
};

struct chart_point {
	double x, y; /* points that are not finite are left out */
};

struct chart_series {
	const struct chart_point *p; /* by x, ascending */
	size_t n;
	enum theme_role role;
	bool dotted;
	bool stairs; /* hold a value until the next point: a champion stays until it is beaten */
};

struct chart {
	enum chart_style style;
	const struct chart_series *series; /* later ones lie on top */
	int n_series;
	double x_lo, x_hi;      /* x_lo < x_hi, or both 0: from the points */
	const char *x_lo_label; /* below the axis, left and right; both NULL: no row for labels */
	const char *x_hi_label;
	int decimals;           /* of the labels of y */
	double settle;          /* share of x whose points do not widen the range of y while later
				 * ones exist: a loss starts far above what matters */
};

/* The range of y over all series, a little widened; false when there is nothing to plot. */
bool chart_range(const struct chart *ch, double *lo, double *hi);

/* Draw into @r: labels of y at the left, the plot, labels of x below. Nothing to plot: a dim "no
 * points yet". Rectangles too small for a plot stay as they are. */
void chart_draw(struct canvas *c, struct rect r, const struct chart *ch);

#endif
