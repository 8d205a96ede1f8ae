/* draw.c - see draw.h. */
#include "tui/screen/draw.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096 /* bytes of one drawn text; a screen line has less */

void canvas_init(struct canvas *c, const struct glyphs *g)
{
	memset(c, 0, sizeof(*c));
	c->glyphs = g;
}

void canvas_destroy(struct canvas *c)
{
	free(c->cells);
	memset(c, 0, sizeof(*c));
}

static void blank(struct cell *cell, enum theme_role role)
{
	memset(cell, 0, sizeof(*cell));
	cell->s[0] = ' ';
	cell->width = 1;
	cell->role = (unsigned char)role;
}

void canvas_reset(struct canvas *c, int rows, int cols)
{
	if (rows < 0)
		rows = 0;
	if (cols < 0)
		cols = 0;
	rows = rows > CANVAS_MAX_ROWS ? CANVAS_MAX_ROWS : rows;
	cols = cols > CANVAS_MAX_COLS ? CANVAS_MAX_COLS : cols;
	if (rows != c->rows || cols != c->cols || !c->cells) {
		free(c->cells);
		c->cells = art_alloc((size_t)rows * (size_t)cols + 1, sizeof(struct cell));
		c->rows = rows;
		c->cols = cols;
	}
	for (size_t i = 0; i < (size_t)rows * (size_t)cols; i++)
		blank(&c->cells[i], ROLE_TEXT);
}

static struct cell *at(const struct canvas *c, int row, int col)
{
	if (row < 0 || col < 0 || row >= c->rows || col >= c->cols)
		return NULL;
	return &c->cells[(size_t)row * (size_t)c->cols + (size_t)col];
}

const struct cell *canvas_at(const struct canvas *c, int row, int col)
{
	const struct cell *cell = at(c, row, col);

	ART_BUG_ON(!cell);
	return cell;
}

/* The cell at (row, col) of @r, NULL when clipped. */
static struct cell *cell_in(const struct canvas *c, struct rect r, int row, int col)
{
	if (row < 0 || col < 0 || row >= r.rows || col >= r.cols)
		return NULL;
	return at(c, r.row + row, r.col + col);
}

/* Before a cell is overwritten: the other half of a wide character must not stay. */
static void unhook(const struct canvas *c, int row, int col)
{
	struct cell *cell = at(c, row, col), *left = at(c, row, col - 1), *right = at(c, row, col + 1);

	if (cell->width == 0 && left)
		blank(left, (enum theme_role)left->role);
	if (cell->width == 2 && right)
		blank(right, (enum theme_role)right->role);
}

static size_t utf8_len(const char *s)
{
	unsigned char b = (unsigned char)*s;

	return b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
}

/* Columns of one character of clean text. */
static int char_columns(const char *s, size_t n)
{
	char one[8] = { 0 };

	if (n == 1)
		return 1;
	memcpy(one, s, n);
	return art_text_columns(one);
}

/* Put a base character of @width columns; false when it does not fit any more. */
static bool put_char(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
		     const char *s, size_t n, int width)
{
	struct cell *cell = cell_in(c, r, row, col);

	if (!cell)
		return false;
	if (width == 2 && !cell_in(c, r, row, col + 1)) {
		/* half a wide character would hang over the edge */
		unhook(c, r.row + row, r.col + col);
		blank(cell, role);
		return false;
	}
	for (int i = 0; i < width; i++)
		unhook(c, r.row + row, r.col + col + i);
	memset(cell->s, 0, sizeof(cell->s));
	memcpy(cell->s, s, n);
	cell->width = (unsigned char)width;
	cell->role = (unsigned char)role;
	if (width == 2) {
		cell[1].s[0] = '\0';
		cell[1].width = 0;
		cell[1].role = (unsigned char)role;
		cell[1].selected = cell->selected;
	}
	return true;
}

/* Draw clean text within @limit columns. */
static int put_clean(struct canvas *c, struct rect r, int row, int col, int limit,
		     enum theme_role role, const char *s)
{
	struct cell *last = NULL;
	int used = 0;

	while (*s) {
		size_t n = utf8_len(s);
		int w = char_columns(s, n);

		if (w <= 0) {
			size_t have = last ? strlen(last->s) : CELL_BYTES;

			if (have + n < CELL_BYTES)
				memcpy(last->s + have, s, n);
			s += n;
			continue;
		}
		if (used + w > limit)
			break;
		if (col + used >= 0) {
			if (!put_char(c, r, row, col + used, role, s, n, w))
				break;
			last = cell_in(c, r, row, col + used);
		}
		used += w;
		s += n;
	}
	return used;
}

int draw_text(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
	      const char *text)
{
	char clean[TEXT_MAX];

	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	return put_clean(c, r, row, col, r.cols - col, role, clean);
}

int draw_textf(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
	       const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return draw_text(c, r, row, col, role, text);
}

int draw_field(struct canvas *c, struct rect r, int row, int col, int width, enum theme_role role,
	       bool right, const char *text)
{
	char clean[TEXT_MAX];
	int used;
	size_t n;

	if (width <= 0)
		return 0;
	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	used = art_text_columns(clean);
	if (used <= width) {
		put_clean(c, r, row, right ? col + width - used : col, width, role, clean);
		return width;
	}
	n = art_text_clip(clean, width - 1, &used);
	clean[n] = '\0';
	put_clean(c, r, row, col, width, role, clean);
	draw_cell(c, r, row, col + used, role, c->glyphs->more);
	return width;
}

void draw_cell(struct canvas *c, struct rect r, int row, int col, enum theme_role role,
	       const char *ch)
{
	put_char(c, r, row, col, role, ch, utf8_len(ch), 1);
}

void draw_role(struct canvas *c, struct rect r, int row, int col, int width, enum theme_role role)
{
	for (int i = 0; i < width; i++) {
		struct cell *cell = cell_in(c, r, row, col + i);

		if (cell)
			cell->role = (unsigned char)role;
	}
}

void draw_selected(struct canvas *c, struct rect r, int row)
{
	for (int i = 0; i < r.cols; i++) {
		struct cell *cell = cell_in(c, r, row, i);

		if (cell)
			cell->selected = 1;
	}
}

void draw_heading(struct canvas *c, struct rect r, int row, const char *title, const char *note)
{
	int note_cols = note ? art_text_columns(note) : 0, used = 2;

	for (int i = 0; i < r.cols; i++)
		draw_cell(c, r, row, i, ROLE_RULE, c->glyphs->rule);
	if (title) {
		draw_cell(c, r, row, 1, ROLE_RULE, " ");
		used += draw_field(c, r, row, 2, art_text_columns(title) < r.cols - 4
							 ? art_text_columns(title) : r.cols - 4,
				   ROLE_HEADING, false, title);
		draw_cell(c, r, row, used, ROLE_RULE, " ");
	}
	if (note_cols > 0 && used + note_cols + 5 <= r.cols) {
		draw_cell(c, r, row, r.cols - note_cols - 3, ROLE_RULE, " ");
		draw_text(c, r, row, r.cols - note_cols - 2, ROLE_DIM, note);
		draw_cell(c, r, row, r.cols - 2, ROLE_RULE, " ");
	}
}

void draw_gap(struct canvas *c, struct rect right)
{
	struct rect gap = { right.row, right.col - 3, right.rows, 3 };

	if (rect_empty(right) || right.col < 3)
		return;
	for (int i = 0; i < 3; i++)
		draw_cell(c, gap, 0, i, ROLE_RULE, c->glyphs->rule);
	for (int row = 1; row < gap.rows; row++)
		draw_cell(c, gap, row, 1, ROLE_RULE, c->glyphs->bar);
}

void canvas_row_text(const struct canvas *c, int row, struct art_buf *b)
{
	size_t end = b->len;

	for (int col = 0; col < c->cols; col++) {
		const struct cell *cell = at(c, row, col);

		art_buf_put(b, cell->s);
		if (strcmp(cell->s, " ") != 0)
			end = b->len;
	}
	if (b->data) {
		b->len = end;
		b->data[end] = '\0';
	}
}

void canvas_print(const struct canvas *c, int from, int end, FILE *to)
{
	struct art_buf b;
	int empty = 0;

	art_buf_init(&b, (size_t)CANVAS_MAX_COLS * CELL_BYTES + 1);
	for (int row = from; row < end && row < c->rows; row++) {
		art_buf_reset(&b);
		canvas_row_text(c, row, &b);
		if (b.len == 0) {
			empty++;
			continue;
		}
		for (; empty > 0; empty--)
			fputc('\n', to);
		fprintf(to, "%s\n", b.data);
	}
	art_buf_destroy(&b);
}

void table_fit(const struct column *cols, int n, int width, int out[TABLE_MAX_COLUMNS])
{
	ART_BUG_ON(n < 0 || n > TABLE_MAX_COLUMNS);
	for (int i = 0; i < TABLE_MAX_COLUMNS; i++)
		out[i] = i < n ? cols[i].width : 0;
	for (;;) {
		int sum = -1, worst = -1;

		for (int i = 0; i < n; i++) {
			if (!out[i])
				continue;
			sum += out[i] + 1;
			if (cols[i].priority > 0 &&
			    (worst < 0 || cols[i].priority >= cols[worst].priority))
				worst = i;
		}
		if (sum > width && worst >= 0) {
			out[worst] = 0;
			continue;
		}
		for (int i = 0; i < n; i++) {
			if (cols[i].flexible && out[i]) {
				out[i] = out[i] + width - sum > 1 ? out[i] + width - sum : 1;
				break;
			}
		}
		return;
	}
}

int table_hit(const int widths[TABLE_MAX_COLUMNS], int n, int at_col)
{
	int x = 0;

	for (int i = 0; i < n; i++) {
		if (!widths[i])
			continue;
		if (at_col >= x && at_col <= x + widths[i])
			return i;
		x += widths[i] + 1;
	}
	return -1;
}

void draw_table_head(struct canvas *c, struct rect r, int row, const struct column *cols, int n,
		     const int widths[TABLE_MAX_COLUMNS], int sorted, bool descending)
{
	int x = 0;

	for (int i = 0; i < r.cols; i++)
		draw_cell(c, r, row, i, ROLE_COLUMN, " ");
	for (int i = 0; i < n; i++) {
		char title[40];

		if (!widths[i])
			continue;
		snprintf(title, sizeof(title), "%s%s", cols[i].title,
			 i != sorted ? "" : c->glyphs->utf8 ? (descending ? "▼" : "▲")
							    : (descending ? "v" : "^"));
		draw_field(c, r, row, x, widths[i], ROLE_COLUMN, cols[i].right, title);
		x += widths[i] + 1;
	}
}

void draw_table_row(struct canvas *c, struct rect r, int row, const struct column *cols, int n,
		    const int widths[TABLE_MAX_COLUMNS], const char *const *text,
		    const enum theme_role *role)
{
	int x = 0;

	for (int i = 0; i < n; i++) {
		if (!widths[i])
			continue;
		if (text[i])
			draw_field(c, r, row, x, widths[i], role[i], cols[i].right, text[i]);
		x += widths[i] + 1;
	}
}
