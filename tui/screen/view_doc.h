/*
 * view_doc.h - a text of lines that scrolls and can be searched: what Detail and the market's details show.
 *
 * Layer: tui/screen. Threads: main.
 *
 * It is written anew whenever what it tells or its width changes: doc_begin, lines, doc_fit.
 */
#ifndef TUI_SCREEN_VIEW_DOC_H
#define TUI_SCREEN_VIEW_DOC_H

#include "tui/screen/ui.h"

#define DOC_TEXT 512 /* bytes of a line */
#define DOC_MAX 4000 /* lines; what follows is left out */

struct doc_line {
	enum theme_role role;
	char text[DOC_TEXT];
};

struct doc {
	struct doc_line *lines;
	int n, width;
	int indent;       /* columns of the labels before wrapped text */
	struct list list; /* sel is the top line: a text has no cursor */
	char match[64];
};

void doc_destroy(struct doc *d); /* fine on a zeroed one */
void doc_begin(struct doc *d, int width, int indent);
/* Text is cleaned here. */
void doc_line(struct doc *d, enum theme_role role, const char *text);
void doc_heading(struct doc *d, const char *text); /* after an empty line, unless it is the first */
/* @label, then @text broken between words to the width, indented under itself. */
void doc_wrapped(struct doc *d, enum theme_role role, const char *label, const char *text);
void doc_wrappedf(struct doc *d, enum theme_role role, const char *label, const char *fmt, ...)
	ART_PRINTF(4, 5);

/* @rows: what can be seen of it at once. */
void doc_fit(struct doc *d, int rows);
bool doc_act(struct ui *ui, struct doc *d, enum action a, int rows);
void doc_find(struct doc *d, const char *text);
void doc_copy(const struct doc *d, struct art_buf *b);
/* Under a heading of @title, with the place in the text at its right. */
void doc_draw(struct ui *ui, const struct doc *d, struct rect r, const char *title);

#endif
