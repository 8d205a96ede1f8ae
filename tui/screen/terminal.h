/*
 * terminal.h - the one file pair that includes curses: opens the terminal, shows a canvas, reads keys.
 *
 * Layer: tui/screen. Threads: main.
 */
#ifndef TUI_SCREEN_TERMINAL_H
#define TUI_SCREEN_TERMINAL_H

#include "tui/screen/draw.h"

struct terminal;

/* Errors: UNSUPPORTED when there is no terminal or terminfo does not know it. */
ART_MUST_USE enum art_status term_open(struct terminal **out, struct art_err *err);
/* Leave the screen as it was; NULL is fine. */
void term_close(struct terminal *t);

/* What the terminal and the locale can do. Callable before term_open. */
bool term_utf8(void);
bool term_has_braille(void);

void term_theme(struct terminal *t, const struct theme *theme);
void term_mouse(struct terminal *t, bool on);
void term_size(struct terminal *t, int *rows, int *cols);
/* Forget what is shown: the next term_show draws every cell. */
void term_redraw(struct terminal *t);
/* Show @c; the cursor at (row, col), hidden when row is below 0. */
void term_show(struct terminal *t, const struct canvas *c, int cursor_row, int cursor_col);
/* Hand @text to the terminal's clipboard (OSC 52). */
void term_copy(struct terminal *t, const char *text, size_t n);

struct term_event {
	int key; /* a character or enum bind_key */
	int row, col; /* BIND_MOUSE */
	enum { TERM_PRESS, TERM_WHEEL_UP, TERM_WHEEL_DOWN } mouse;
};
/* The next event that has come; false when there is none. */
bool term_event(struct terminal *t, struct term_event *out);

#endif
