/* view_doc.c - see view_doc.h. */
#include "tui/screen/view_doc.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 20 /* columns: with less beside the labels, they are left out */

void doc_destroy(struct doc *d)
{
	free(d->lines);
	memset(d, 0, sizeof(*d));
}

void doc_begin(struct doc *d, int width, int indent)
{
	if (!d->lines)
		d->lines = art_alloc(DOC_MAX, sizeof(*d->lines));
	d->n = 0;
	d->width = width;
	d->indent = indent;
}

void doc_line(struct doc *d, enum theme_role role, const char *text)
{
	struct doc_line *l;

	if (d->n >= DOC_MAX)
		return;
	l = &d->lines[d->n++];
	l->role = role;
	art_text_clean(l->text, sizeof(l->text), text, strlen(text), false);
}

void doc_heading(struct doc *d, const char *text)
{
	if (d->n > 0)
		doc_line(d, ROLE_TEXT, "");
	doc_line(d, ROLE_HEADING, text);
}

/* The label in exactly @columns: labels may be strangers' keys, so bytes are not columns. */
static void pad_label(char *out, size_t size, const char *label, int columns)
{
	int used = 0;
	size_t n;

	art_text_clean(out, size, label, strlen(label), false);
	n = art_text_clip(out, columns > 1 ? columns - 1 : 0, &used);
	out[n] = '\0';
	snprintf(out + n, size - n, "%*s", columns - used, "");
}

void doc_wrapped(struct doc *d, enum theme_role role, const char *label, const char *text)
{
	char clean[2048], line[DOC_TEXT], head[128];
	const char *p = clean;
	int indent = d->indent, room = d->width - indent - 1;

	art_text_clean(clean, sizeof(clean), text, strlen(text), false);
	if (room < ROOM_MIN) {
		indent = 0;
		room = d->width - 1;
	}
	do {
		int used;
		size_t n = art_text_clip(p, room > 1 ? room : 1, &used), cut = n;

		if (p[n]) {
			while (cut > 0 && p[cut] != ' ')
				cut--;
			if (cut == 0)
				cut = n;
		}
		if (cut == 0)
			break;
		pad_label(head, sizeof(head), p == clean && indent ? label : "", indent);
		snprintf(line, sizeof(line), "%s%.*s", head, (int)cut, p);
		doc_line(d, role, line);
		p += cut;
		p += strspn(p, " ");
	} while (*p);
}

void doc_wrappedf(struct doc *d, enum theme_role role, const char *label, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	doc_wrapped(d, role, label, text);
}

void doc_fit(struct doc *d, int rows)
{
	d->list.n = d->n > rows ? d->n - rows + 1 : 1;
	list_resize(&d->list, d->list.n, 1);
}

static void jump(struct ui *ui, struct doc *d, int step)
{
	if (!d->match[0]) {
		ui_say(ui, ROLE_DIM, "type / and what to search");
		return;
	}
	for (int64_t i = d->list.sel + step; i >= 0 && i < d->n; i += step) {
		if (text_matches(d->lines[i].text, d->match)) {
			list_select(&d->list, i, 1);
			return;
		}
	}
	ui_say(ui, ROLE_DIM, "no further match");
}

bool doc_act(struct ui *ui, struct doc *d, enum action a, int rows)
{
	int64_t page = rows;

	if (a == ACTION_NEXT || a == ACTION_PREVIOUS) {
		jump(ui, d, a == ACTION_NEXT ? 1 : -1);
		return true;
	}
	if (a == ACTION_HALF_DOWN || a == ACTION_HALF_UP)
		page /= 2;
	if (a == ACTION_PAGE_UP || a == ACTION_HALF_UP)
		page = -page;
	if (a == ACTION_PAGE_DOWN || a == ACTION_PAGE_UP || a == ACTION_HALF_DOWN ||
	    a == ACTION_HALF_UP) {
		list_select(&d->list, d->list.sel + page, 1);
		return true;
	}
	return list_act(&d->list, a, 1);
}

void doc_find(struct doc *d, const char *text)
{
	art_copy(d->match, sizeof(d->match), text);
	for (int64_t i = d->list.sel; text[0] && i < d->n; i++) {
		if (text_matches(d->lines[i].text, text)) {
			list_select(&d->list, i, 1);
			return;
		}
	}
}

void doc_copy(const struct doc *d, struct art_buf *b)
{
	for (int i = 0; i < d->n; i++) {
		if (art_buf_printf(b, "%s\n", d->lines[i].text) != ART_OK)
			return;
	}
}

static void draw_match(struct ui *ui, struct rect r, int row, const char *text, const char *match)
{
	size_t at = 0;

	if (!match[0])
		return;
	for (; text[at]; at++) {
		char head[DOC_TEXT];

		if (((unsigned char)text[at] & 0xc0) == 0x80 || strlen(text + at) < strlen(match))
			continue;
		snprintf(head, sizeof(head), "%.*s", (int)strlen(match), text + at);
		if (!text_matches(head, match))
			continue;
		snprintf(head, sizeof(head), "%.*s", (int)at, text);
		draw_role(&ui->canvas, r, row, 1 + art_text_columns(head), art_text_columns(match),
			  ROLE_MATCH);
		at += strlen(match) - 1;
	}
}

void doc_draw(struct ui *ui, const struct doc *d, struct rect r, const char *title)
{
	char note[80] = "";

	if (d->n > r.rows - 1)
		snprintf(note, sizeof(note), "%lld-%lld of %d", (long long)d->list.sel + 1,
			 (long long)(d->list.sel + r.rows - 1 < d->n ? d->list.sel + r.rows - 1 : d->n),
			 d->n);
	draw_heading(&ui->canvas, r, 0, title, note[0] ? note : NULL);
	for (int i = 0; i < r.rows - 1 && d->list.sel + i < d->n; i++) {
		const struct doc_line *l = &d->lines[d->list.sel + i];

		draw_field(&ui->canvas, r, i + 1, 1, r.cols - 1, l->role, false, l->text);
		draw_match(ui, r, i + 1, l->text, d->match);
	}
}
