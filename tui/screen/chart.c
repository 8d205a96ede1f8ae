/* chart.c - see chart.h. */
#include "tui/screen/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_COLS 8 /* of y, the axis included */

/* Dots of a plot: one byte a dot, 0 or the series' number + 1. */
struct dots {
	int w, h;
	int cell_w, cell_h;
	unsigned char *at;
};

static bool usable(struct chart_point p) { return isfinite(p.x) && isfinite(p.y); }

static void x_range(const struct chart *ch, double *lo, double *hi)
{
	*lo = ch->x_lo;
	*hi = ch->x_hi;
	if (*lo < *hi)
		return;
	*lo = INFINITY;
	*hi = -INFINITY;
	for (int s = 0; s < ch->n_series; s++) {
		for (size_t i = 0; i < ch->series[s].n; i++) {
			if (!usable(ch->series[s].p[i]))
				continue;
			*lo = fmin(*lo, ch->series[s].p[i].x);
			*hi = fmax(*hi, ch->series[s].p[i].x);
		}
	}
	if (!(*lo < *hi))
		*hi = *lo + 1;
}

/* Range of y over the points from @x on. */
static bool range_from(const struct chart *ch, double x, double *lo, double *hi)
{
	double a = INFINITY, b = -INFINITY;

	for (int s = 0; s < ch->n_series; s++) {
		for (size_t i = 0; i < ch->series[s].n; i++) {
			struct chart_point p = ch->series[s].p[i];

			if (!usable(p) || p.x < x)
				continue;
			a = fmin(a, p.y);
			b = fmax(b, p.y);
		}
	}
	*lo = a;
	*hi = b;
	return a <= b;
}

bool chart_range(const struct chart *ch, double *lo, double *hi)
{
	double x_lo, x_hi, a, b, pad;

	x_range(ch, &x_lo, &x_hi);
	if (!(ch->settle > 0 && range_from(ch, x_lo + ch->settle * (x_hi - x_lo), &a, &b)) &&
	    !range_from(ch, -INFINITY, &a, &b))
		return false;
	pad = (b - a) * 0.04;
	if (!(pad > 0))
		pad = fmax(fabs(a) * 0.01, 1e-6);
	*lo = a - pad;
	*hi = b + pad;
	return isfinite(*lo) && isfinite(*hi);
}

static void dot(struct dots *d, int x, int y, int series, bool dotted)
{
	if (x < 0 || y < 0 || x >= d->w || y >= d->h)
		return;
	if (dotted && d->cell_w == 2 && (x / 2) % 2)
		return;
	d->at[(size_t)y * (size_t)d->w + (size_t)x] = (unsigned char)(series + 1);
}

/* Bresenham, so that steep parts have no holes. */
static void line(struct dots *d, int x0, int y0, int x1, int y1, int series, bool dotted)
{
	int dx = abs(x1 - x0), sx = x0 < x1 ? 1 : -1;
	int dy = -abs(y1 - y0), sy = y0 < y1 ? 1 : -1;
	int e = dx + dy;

	for (;;) {
		dot(d, x0, y0, series, dotted);
		if (x0 == x1 && y0 == y1)
			return;
		int e2 = 2 * e;

		if (e2 >= dy)
			e += dy, x0 += sx;
		if (e2 <= dx)
			e += dx, y0 += sy;
	}
}

static int to_dot(double v, double lo, double hi, int n)
{
	double t = (v - lo) / (hi - lo) * (n - 1);

	/* points outside a given range of x are kept near, so that casts stay defined */
	return (int)lround(fmin(fmax(t, -1.0), n + 0.0));
}

static void plot(struct dots *d, const struct chart *ch, int index, double y_lo, double y_hi)
{
	const struct chart_series *s = &ch->series[index];
	double x_lo, x_hi;
	int px = 0, py = 0;
	bool pen = false;

	x_range(ch, &x_lo, &x_hi);
	for (size_t i = 0; i < s->n; i++) {
		int x, y;

		if (!usable(s->p[i]))
			continue;
		x = to_dot(s->p[i].x, x_lo, x_hi, d->w);
		y = d->h - 1 - to_dot(s->p[i].y, y_lo, y_hi, d->h);
		if (!pen) {
			dot(d, x, y, index, s->dotted);
		} else if (s->stairs) {
			line(d, px, py, x, py, index, s->dotted);
			line(d, x, py, x, y, index, s->dotted);
		} else {
			line(d, px, py, x, y, index, s->dotted);
		}
		px = x;
		py = y;
		pen = true;
	}
	if (pen && s->stairs)
		line(d, px, py, d->w - 1, py, index, s->dotted);
}

/* What stands in the cell at (row, col): its character into @ch, its series or -1 when empty. */
static int cell_of(const struct dots *d, enum chart_style style, int row, int col, char ch[4],
		   const struct chart *chart)
{
	/* bit of each braille dot, by row and column in the cell (Unicode's numbering) */
	static const unsigned char bit[4][2] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 },
						 { 0x40, 0x80 } };
	int top = -1, bits = 0;

	for (int y = 0; y < d->cell_h; y++) {
		for (int x = 0; x < d->cell_w; x++) {
			int v = d->at[(size_t)(row * d->cell_h + y) * (size_t)d->w +
				      (size_t)(col * d->cell_w + x)] - 1;

			if (v < 0)
				continue;
			top = v > top ? v : top;
			bits |= style == CHART_BRAILLE ? bit[y][x] : 1 << y;
		}
	}
	if (top < 0)
		return -1;
	memset(ch, 0, 4);
	switch (style) {
	case CHART_BRAILLE: /* U+2800 + bits */
		ch[0] = (char)0xe2;
		ch[1] = (char)(0xa0 | bits >> 6);
		ch[2] = (char)(0x80 | (bits & 0x3f));
		break;
	case CHART_BLOCKS: /* U+2580 upper, U+2584 lower, U+2588 full; dotted: U+2591 shade */
		ch[0] = (char)0xe2;
		ch[1] = (char)0x96;
		ch[2] = (char)(chart->series[top].dotted ? 0x91
			       : bits == 1 ? 0x80 : bits == 2 ? 0x84 : 0x88);
		break;
	case CHART_ASCII:
		ch[0] = (chart->series[top].dotted ? " `,;" : " '.:")[bits & 3];
		break;
	}
	return top;
}

static void labels(struct canvas *c, struct rect r, const struct chart *ch, int plot_rows,
		   double lo, double hi)
{
	for (int row = 0; row < plot_rows; row++) {
		draw_cell(c, r, row, LABEL_COLS - 1, ROLE_AXIS, c->glyphs->bar);
		if (row == 0 || row == plot_rows - 1 || (plot_rows >= 9 && row == plot_rows / 2)) {
			double v = hi - (hi - lo) * row / (plot_rows - 1 > 0 ? plot_rows - 1 : 1);
			char text[FMT_MAX];

			if (fabs(v) < 1000)
				snprintf(text, sizeof(text), "%.*f", ch->decimals, v);
			else
				snprintf(text, sizeof(text), "%.0e", v);
			draw_field(c, r, row, 0, LABEL_COLS - 2, ROLE_AXIS, true, text);
		}
	}
	if (ch->x_lo_label && ch->x_hi_label) {
		int n = art_text_columns(ch->x_hi_label);

		draw_text(c, r, plot_rows, LABEL_COLS, ROLE_AXIS, ch->x_lo_label);
		draw_text(c, r, plot_rows, r.cols - n, ROLE_AXIS, ch->x_hi_label);
	}
}

void chart_draw(struct canvas *c, struct rect r, const struct chart *ch)
{
	int rows = r.rows - (ch->x_lo_label && ch->x_hi_label ? 1 : 0), cols = r.cols - LABEL_COLS;
	struct dots d;
	double lo, hi;

	if (rows < 2 || cols < 4 || rows > CANVAS_MAX_ROWS || cols > CANVAS_MAX_COLS)
		return;
	if (!chart_range(ch, &lo, &hi)) {
		draw_text(c, r, rows / 2, LABEL_COLS, ROLE_DIM, "no points yet");
		return;
	}
	d.cell_w = ch->style == CHART_BRAILLE ? 2 : 1;
	d.cell_h = ch->style == CHART_BRAILLE ? 4 : 2;
	d.w = cols * d.cell_w;
	d.h = rows * d.cell_h;
	d.at = art_alloc((size_t)d.w * (size_t)d.h, 1);
	for (int s = 0; s < ch->n_series; s++)
		plot(&d, ch, s, lo, hi);
	for (int row = 0; row < rows; row++) {
		for (int col = 0; col < cols; col++) {
			char text[4];
			int s = cell_of(&d, ch->style, row, col, text, ch);

			if (s >= 0)
				draw_cell(c, r, row, LABEL_COLS + col, ch->series[s].role, text);
		}
	}
	free(d.at);
	labels(c, r, ch, rows, lo, hi);
}
