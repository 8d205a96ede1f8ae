/*
 * list.h - a selection in a scrolled list, and a line being typed. Pure; no curses, no store.
 *
 * Layer: tui/screen. Threads: any; values.
 */
#ifndef TUI_SCREEN_LIST_H
#define TUI_SCREEN_LIST_H

#include "store/base.h"
#include "tui/screen/bind.h"

/* Invariant after every call: 0 <= top <= sel < n, sel in the window of @rows; n 0: all 0. */
struct list {
	int64_t n, sel, top;
};
/* The list has @n rows now, @rows of them can be seen. */
void list_resize(struct list *l, int64_t n, int rows);
/* Select row @to, or the nearest there is. */
void list_select(struct list *l, int64_t to, int rows);
/* Apply UP DOWN HALF_* PAGE_* TOP BOTTOM; false for other actions. */
bool list_act(struct list *l, enum action a, int rows);

#define LINE_MAX_BYTES 2048

/* Invariant: text is valid UTF-8, NUL-terminated; at is a character boundary <= strlen(text). */
struct line {
	char text[LINE_MAX_BYTES];
	size_t at, max; /* max: bytes with the NUL */
};
void line_init(struct line *l, size_t max, const char *text);
/* Apply a key code (a character or enum bind_key); false when it means nothing to a line. Control
 * characters: ^A ^E start and end, ^U empties, ^W takes a word, ^K cuts to the end. */
bool line_key(struct line *l, int key);

#endif
