/*
 * table.c - text for people: tables that fit the terminal, colour when wanted, clean words.
 *
 * Layer: tui.
 */
#include "tui/cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/json.h"

#define CELL_MAX 4096
#define GAP 2

const char *cli_on(const struct cli *c, enum cli_colour colour)
{
	static const char *const codes[] = {
		[CLI_PLAIN] = "",           [CLI_BOLD] = "\033[1m",    [CLI_DIM] = "\033[2m",
		[CLI_GREEN] = "\033[32m",   [CLI_YELLOW] = "\033[33m", [CLI_RED] = "\033[31m",
	};

	return c->colour ? codes[colour] : "";
}

const char *cli_off(const struct cli *c)
{
	return c->colour ? "\033[0m" : "";
}

enum cli_colour cli_verdict_colour(enum verdict v)
{
	switch (v) {
	case VERDICT_KEPT:
		return CLI_GREEN;
	case VERDICT_BASELINE:
		return CLI_BOLD;
	case VERDICT_FAILED:
		return CLI_RED;
	case VERDICT_PENDING:
		return CLI_YELLOW;
	case VERDICT_STOPPED:
	case VERDICT_CANCELLED:
	case VERDICT_IMPORTED:
		return CLI_DIM;
	case VERDICT_DISCARDED:
	case VERDICT_COUNT:
		break;
	}
	return CLI_PLAIN;
}

void cli_table_init(struct cli_table *t, const struct cli_column *columns, int n)
{
	ART_BUG_ON(n < 1 || n > CLI_COLUMNS_MAX);
	*t = (struct cli_table){ .columns = columns, .n_columns = n };
}

void cli_table_destroy(struct cli_table *t)
{
	for (size_t i = 0; i < t->n_rows * (size_t)t->n_columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->colours);
	memset(t, 0, sizeof(*t));
}

void cli_table_row(struct cli_table *t, enum cli_colour colour)
{
	size_t width = (size_t)t->n_columns;

	ART_BUG_ON(t->n_rows && t->filled != t->n_columns);
	if (t->n_rows == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 32;
		t->cells = art_grow(t->cells, t->cap * width, sizeof(*t->cells));
		t->colours = art_grow(t->colours, t->cap, sizeof(*t->colours));
	}
	for (size_t i = 0; i < width; i++)
		t->cells[t->n_rows * width + i] = NULL;
	t->colours[t->n_rows] = colour;
	t->n_rows++;
	t->filled = 0;
}

void cli_table_cell(struct cli_table *t, const char *fmt, ...)
{
	char raw[CELL_MAX], clean[CELL_MAX];
	va_list ap;

	ART_BUG_ON(!t->n_rows || t->filled >= t->n_columns);
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	art_text_clean(clean, sizeof(clean), raw, strlen(raw), false);
	t->cells[(t->n_rows - 1) * (size_t)t->n_columns + (size_t)t->filled++] = art_strdup(clean);
}

static int total(const int *width, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		if (width[i])
			sum += width[i] + (sum ? GAP : 0);
	return sum;
}

/* Fit @width into @limit: shrink what may shrink, then drop columns, highest drop first. */
static void fit(const struct cli_table *t, int *width, int limit)
{
	for (int excess; (excess = total(width, t->n_columns) - limit) > 0;) {
		int victim = -1;

		for (int i = 0; i < t->n_columns; i++) {
			int room = width[i] - t->columns[i].shrink;

			if (!width[i] || !t->columns[i].shrink || room <= 0)
				continue;
			width[i] -= room < excess ? room : excess;
			victim = i;
			break;
		}
		if (victim >= 0)
			continue;
		for (int i = 0; i < t->n_columns; i++)
			if (width[i] && t->columns[i].drop &&
			    (victim < 0 || t->columns[i].drop > t->columns[victim].drop))
				victim = i;
		if (victim < 0)
			return;
		width[victim] = 0;
	}
}

static void print_cell(const struct cli *c, const char *text, int width, bool right, bool last)
{
	int used, columns = art_text_columns(text);

	if (columns <= width) {
		if (right)
			fprintf(c->out, "%*s", width - columns, "");
		fputs(text, c->out);
		if (!right && !last)
			fprintf(c->out, "%*s", width - columns, "");
		return;
	}
	/* Clipped text ends in ".." so that nobody takes it for the whole. */
	fwrite(text, 1, art_text_clip(text, width > 4 ? width - 2 : width, &used), c->out);
	if (width > 4)
		fputs("..", c->out);
	if (!last)
		fprintf(c->out, "%*s", width - used - (width > 4 ? 2 : 0), "");
}

static void print_row(const struct cli *c, const struct cli_table *t, char *const *cells,
		      const int *width, enum cli_colour colour)
{
	int last = t->n_columns - 1;
	bool any = false;

	while (last > 0 && (!width[last] || (cells && !*cells[last])))
		last--;
	fputs(cli_on(c, colour), c->out);
	for (int i = 0; i <= last; i++) {
		if (!width[i])
			continue;
		if (any)
			fprintf(c->out, "%*s", GAP, "");
		any = true;
		print_cell(c, cells ? cells[i] : t->columns[i].title, width[i],
			   t->columns[i].right, i == last);
	}
	if (colour != CLI_PLAIN)
		fputs(cli_off(c), c->out);
	fputc('\n', c->out);
}

void cli_table_print(struct cli_table *t, const struct cli *c)
{
	int width[CLI_COLUMNS_MAX];

	ART_BUG_ON(t->n_rows && t->filled != t->n_columns);
	for (int i = 0; i < t->n_columns; i++) {
		width[i] = art_text_columns(t->columns[i].title);
		for (size_t r = 0; r < t->n_rows; r++) {
			int w = art_text_columns(t->cells[r * (size_t)t->n_columns + (size_t)i]);

			if (w > width[i])
				width[i] = w;
		}
	}
	if (c->columns)
		fit(t, width, c->columns);
	print_row(c, t, NULL, width, CLI_BOLD);
	for (size_t r = 0; r < t->n_rows; r++)
		print_row(c, t, t->cells + r * (size_t)t->n_columns, width, t->colours[r]);
}

void cli_print_text(const struct cli *c, const char *text, bool keep_newlines)
{
	size_t len = strlen(text), n;
	char *clean = art_alloc(len + 1, 1);

	n = art_text_clean(clean, len + 1, text, len, keep_newlines);
	fwrite(clean, 1, n, c->out);
	if (!n || clean[n - 1] != '\n')
		fputc('\n', c->out);
	free(clean);
}

void cli_print_json(const struct cli *c, struct art_buf *b)
{
	fwrite(b->data, 1, b->len, c->out);
	fputc('\n', c->out);
	art_buf_reset(b);
}

void cli_array_open(struct json_out *o, struct art_buf *b)
{
	art_buf_init(b, CLI_JSON_MAX);
	json_out_init(o, b, true);
	json_open_array(o, NULL);
}

void cli_array_close(const struct cli *c, struct json_out *o)
{
	json_close_array(o);
	cli_print_json(c, o->b);
	art_buf_destroy(o->b);
}

const char *cli_clock(int64_t at_us, char buf[16])
{
	time_t t = (time_t)(at_us / 1000000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, 16, "%H:%M:%S", &tm))
		art_copy(buf, 16, "--:--:--");
	return buf;
}

enum art_status cli_parse_id(const char *s, int64_t *out, struct art_err *err)
{
	int64_t v;

	if (!art_parse_i64(s[0] == '#' ? s + 1 : s, &v) || v < 1)
		return art_fail(err, ART_INVALID, "'%s' is no experiment's number", s);
	*out = v;
	return ART_OK;
}
