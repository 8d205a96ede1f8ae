/*
 * terminal.c - see terminal.h.
 *
 * Curses is used for what it does well: terminfo, input, and the smallest update. Rows of the
 * canvas that did not change are not even handed to it.
 */
#define NCURSES_WIDECHAR 1
#include "tui/screen/terminal.h"

#include <langinfo.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>
#include <wchar.h>

#include "tui/screen/bind.h"
#include "tui/screen/rescue.h"

#define ESC_DELAY_MS 25
#define OSC52_MAX 74994 /* what common terminals take, before base64 */

/* curses defines KEY_* and short macros; ours are BIND_*, so nothing collides. */

struct look {
	attr_t attrs;
	short pair;
};

struct terminal {
	SCREEN *screen;
	struct cell *shown; /* what curses was last given */
	int rows, cols;     /* of shown */
	struct look look[ROLE_COUNT][2]; /* by role and selection */
	struct pair_colours {
		int fg, bg;
	} pairs[ROLE_COUNT * 2 + 1];
	int n_pairs;
	bool colour, utf8;
};

bool term_utf8(void)
{
	const char *set = nl_langinfo(CODESET);

	return set && !strcmp(set, "UTF-8");
}

bool term_has_braille(void)
{
	const char *name = getenv("TERM");

	/* the Linux console's font has 512 signs at most, and no braille */
	return term_utf8() && !(name && !strncmp(name, "linux", 5));
}

/* ---- opening and closing -------------------------------------------------------------------------- */

static void append_cap(struct art_buf *b, const char *cap)
{
	const char *s = tigetstr(cap);

	if (!s || s == (const char *)-1)
		return;
	/* without the padding "$<5>": no terminal that has these still needs it */
	while (*s) {
		size_t n = strcspn(s, "$");

		if (art_buf_add(b, s, n) != ART_OK)
			return;
		s += n;
		if (s[0] == '$' && s[1] == '<')
			s += strcspn(s, ">") + 1;
		else if (*s && art_buf_add(b, s++, 1) != ART_OK)
			return;
	}
}

#define MOUSE_OFF "\033[?1006l\033[?1002l\033[?1000l"

static bool reports_mouse(void)
{
	const char *s = tigetstr("kmous");

	return s && s != (const char *)-1;
}

/* What a rescue has to write: curses cannot be asked from a signal handler. */
static void prepare_rescue(void)
{
	struct art_buf b;
	art_buf_init(&b, 400);
	if (reports_mouse())
		art_buf_put(&b, MOUSE_OFF);
	append_cap(&b, "sgr0");
	append_cap(&b, "op");
	append_cap(&b, "cnorm");
	append_cap(&b, "rmkx");
	append_cap(&b, "rmcup");
	art_buf_put(&b, "\r");
	rescue_set_leave(b.data, b.len);
	art_buf_destroy(&b);
}

enum art_status term_open(struct terminal **out, struct art_err *err)
{
	const char *name = getenv("TERM");
	struct terminal *t;

	*out = NULL;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return art_fail(err, ART_UNSUPPORTED, "the dashboard needs a terminal");
	if (!name || !*name || !strcmp(name, "dumb"))
		return art_fail(err, ART_UNSUPPORTED, "the dashboard cannot draw on TERM=%.40s",
				name ? name : "");
	t = art_alloc(1, sizeof(*t));
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen) {
		free(t);
		return art_fail(err, ART_UNSUPPORTED,
				"terminfo does not know TERM=%.40s, or the terminal cannot move its cursor",
				name);
	}
	set_term(t->screen);
	prepare_rescue();
	t->utf8 = term_utf8();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESC_DELAY_MS);
	leaveok(stdscr, FALSE);
	mouseinterval(0);
	/* whoever was killed here before us may have left the mouse reporting */
	if (reports_mouse()) {
		fputs(MOUSE_OFF, stdout);
		fflush(stdout);
	}
	curs_set(0);
	*out = t;
	return ART_OK;
}

void term_close(struct terminal *t)
{
	if (!t)
		return;
	mousemask(0, NULL);
	endwin();
	rescue_set_leave(NULL, 0);
	delscreen(t->screen);
	free(t->shown);
	free(t);
}

/* ---- colours ---------------------------------------------------------------------------------------- */

static attr_t attributes(unsigned a)
{
	attr_t out = 0;

	out |= a & THEME_BOLD ? WA_BOLD : 0;
	out |= a & THEME_DIM ? WA_DIM : 0;
	out |= a & THEME_ITALIC ? WA_ITALIC : 0;
	out |= a & THEME_UNDERLINE ? WA_UNDERLINE : 0;
	out |= a & THEME_REVERSE ? WA_REVERSE : 0;
	return out;
}

/* The pair of these two colours, made when it is new; 0, the terminal's own, when none is left. */
static short pair_of(struct terminal *t, int fg, int bg)
{
	if (fg < 0 && bg < 0)
		return 0;
	for (int i = 1; i <= t->n_pairs; i++) {
		if (t->pairs[i].fg == fg && t->pairs[i].bg == bg)
			return (short)i;
	}
	if (t->n_pairs + 1 >= COLOR_PAIRS || t->n_pairs + 1 >= (int)ART_COUNT(t->pairs) ||
	    init_extended_pair(t->n_pairs + 1, fg, bg) == ERR)
		return 0;
	t->n_pairs++;
	t->pairs[t->n_pairs].fg = fg;
	t->pairs[t->n_pairs].bg = bg;
	return (short)t->n_pairs;
}

void term_theme(struct terminal *t, const struct theme *theme)
{
	const char *no_colour = getenv("NO_COLOR");
	struct theme used = *theme;
	const struct theme_style *sel;

	/* https://no-color.org: set and not empty; then colours are not even started */
	if (!t->colour && !(no_colour && *no_colour) && has_colors() && start_color() != ERR) {
		t->colour = true;
		use_default_colors();
	}
	if (!t->colour || COLORS < 8)
		theme_without_colour(&used);
	t->n_pairs = 0;
	sel = &used.style[ROLE_SELECTED];
	for (int r = 0; r < ROLE_COUNT; r++) {
		const struct theme_style *s = &used.style[r];
		int fg = theme_quantise(s->fg, COLORS), bg = theme_quantise(s->bg, COLORS);
		int sel_bg = theme_quantise(sel->bg, COLORS), sel_fg = fg;

		/* one foreground for the whole row: a role's own may be unreadable on this background;
		 * signs, words and weight still tell */
		if (sel_bg >= 0)
			sel_fg = theme_quantise(sel->fg, COLORS);
		if (sel_bg < 0)
			sel_bg = bg;
		t->look[r][0].attrs = attributes(s->attrs);
		t->look[r][0].pair = t->colour ? pair_of(t, fg, bg) : 0;
		t->look[r][1].attrs = attributes(s->attrs | sel->attrs);
		t->look[r][1].pair = t->colour ? pair_of(t, sel_fg, sel_bg) : 0;
	}
	bkgdset(' ' | (t->colour ? COLOR_PAIR(t->look[ROLE_TEXT][0].pair) : 0));
	term_redraw(t);
}

void term_mouse(struct terminal *t, bool on)
{
	(void)t;
	/* never the other buttons: they belong to the terminal's own menus and pasting */
	mousemask(on ? BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

/* ---- showing ----------------------------------------------------------------------------------------- */

void term_size(struct terminal *t, int *rows, int *cols)
{
	(void)t;
	getmaxyx(stdscr, *rows, *cols);
}

void term_redraw(struct terminal *t)
{
	free(t->shown);
	t->shown = NULL;
	t->rows = t->cols = 0;
	clearok(curscr, TRUE);
	werase(stdscr);
}

/* Decode one character of clean UTF-8. */
static wchar_t decode(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	unsigned c = *p++;
	int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	c &= more == 3 ? 0x07 : more == 2 ? 0x0f : more == 1 ? 0x1f : 0x7f;
	while (more-- > 0 && (*p & 0xc0) == 0x80)
		c = c << 6 | (*p++ & 0x3f);
	*s = (const char *)p;
	return (wchar_t)c;
}

/*
 * A cell as curses wants it. Curses asks wcwidth how wide a character is, the canvas its own table:
 * where they differ the row would shift, so such a character shows as a question mark.
 */
static void to_wide(const struct terminal *t, const struct cell *cell, wchar_t out[CCHARW_MAX + 1])
{
	const char *s = cell->s;
	int n = 0;

	while (*s && n < CCHARW_MAX) {
		wchar_t c = decode(&s);
		int w = t->utf8 ? wcwidth(c) : c < 0x7f ? 1 : -1;

		if (n == 0 && w != cell->width) {
			out[n++] = L'?';
			break;
		}
		if (n > 0 && w != 0)
			continue;
		out[n++] = c;
	}
	if (n == 0)
		out[n++] = L' ';
	out[n] = L'\0';
}

static void show_row(struct terminal *t, const struct canvas *c, int row)
{
	for (int col = 0; col < c->cols; col++) {
		const struct cell *cell = canvas_at(c, row, col);
		const struct look *look = &t->look[cell->role][cell->selected ? 1 : 0];
		wchar_t wide[CCHARW_MAX + 1];
		cchar_t out;

		if (cell->width == 0)
			continue;
		to_wide(t, cell, wide);
		setcchar(&out, wide, look->attrs, look->pair, NULL);
		mvadd_wch(row, col, &out);
		if (cell->width == 2 && wide[0] == L'?') {
			setcchar(&out, L" ", look->attrs, look->pair, NULL);
			mvadd_wch(row, col + 1, &out);
		}
	}
}

void term_show(struct terminal *t, const struct canvas *c, int cursor_row, int cursor_col)
{
	size_t row_bytes = (size_t)c->cols * sizeof(struct cell);
	size_t bytes = (size_t)c->rows * row_bytes;
	bool all = !t->shown || t->rows != c->rows || t->cols != c->cols;

	if (all) {
		free(t->shown);
		t->shown = art_alloc(bytes + 1, 1);
		t->rows = c->rows;
		t->cols = c->cols;
		werase(stdscr);
	}
	for (int row = 0; row < c->rows; row++) {
		struct cell *old = t->shown + (size_t)row * (size_t)c->cols;
		const struct cell *now = c->cells + (size_t)row * (size_t)c->cols;

		if (all || memcmp(old, now, row_bytes) != 0)
			show_row(t, c, row);
	}
	if (bytes)
		memcpy(t->shown, c->cells, bytes);
	curs_set(cursor_row >= 0 ? 1 : 0);
	if (cursor_row >= 0)
		move(cursor_row, cursor_col);
	wnoutrefresh(stdscr);
	doupdate();
}

void term_copy(struct terminal *t, const char *text, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)t;
	if (n > OSC52_MAX)
		return;
	fputs("\033]52;c;", stdout);
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned char)text[i] * 65536u;

		v += i + 1 < n ? (unsigned char)text[i + 1] * 256u : 0;
		v += i + 2 < n ? (unsigned char)text[i + 2] : 0;
		putchar(digits[v >> 18]);
		putchar(digits[v >> 12 & 63]);
		putchar(i + 1 < n ? digits[v >> 6 & 63] : '=');
		putchar(i + 2 < n ? digits[v & 63] : '=');
	}
	fputs("\a", stdout);
	fflush(stdout);
}

/* ---- input ---------------------------------------------------------------------------------------------- */

struct curses_key {
	wint_t curses;
	int ours;
};

static int special(wint_t k)
{
	static const struct curses_key keys[] = {
		{ KEY_UP, BIND_UP },	   { KEY_DOWN, BIND_DOWN },   { KEY_LEFT, BIND_LEFT },
		{ KEY_RIGHT, BIND_RIGHT }, { KEY_PPAGE, BIND_PGUP },  { KEY_NPAGE, BIND_PGDN },
		{ KEY_HOME, BIND_HOME },   { KEY_END, BIND_END },     { KEY_ENTER, BIND_ENTER },
		{ KEY_BTAB, BIND_BACKTAB }, { KEY_DC, BIND_DELETE },  { KEY_F(1), BIND_F1 },
		{ KEY_RESIZE, BIND_RESIZE }, { KEY_BACKSPACE, BIND_BACKSPACE },
	};

	for (size_t i = 0; i < ART_COUNT(keys); i++) {
		if (keys[i].curses == k)
			return keys[i].ours;
	}
	return -1;
}

static int plain(wint_t k)
{
	if (k == '\r' || k == '\n')
		return BIND_ENTER;
	if (k == '\t')
		return BIND_TAB;
	if (k == 27)
		return BIND_ESC;
	if (k == 127 || k == 8)
		return BIND_BACKSPACE;
	return k <= 0x10ffff ? (int)k : -1;
}

static bool mouse_event(struct term_event *out)
{
	MEVENT ev;

	if (getmouse(&ev) != OK)
		return false;
	out->key = BIND_MOUSE;
	out->row = ev.y;
	out->col = ev.x;
	if (ev.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED))
		out->mouse = TERM_PRESS;
	else if (ev.bstate & BUTTON4_PRESSED)
		out->mouse = TERM_WHEEL_UP;
	else if (ev.bstate & BUTTON5_PRESSED)
		out->mouse = TERM_WHEEL_DOWN;
	else
		return false;
	return true;
}

bool term_event(struct terminal *t, struct term_event *out)
{
	wint_t k;
	int rc;

	(void)t;
	while ((rc = wget_wch(stdscr, &k)) != ERR) {
		memset(out, 0, sizeof(*out));
		if (rc == KEY_CODE_YES && k == KEY_MOUSE) {
			if (mouse_event(out))
				return true;
			continue;
		}
		out->key = rc == KEY_CODE_YES ? special(k) : plain(k);
		if (out->key >= 0)
			return true;
	}
	return false;
}
