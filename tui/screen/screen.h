/*
 * screen.h - the dashboard's one door: run it, print one panel of it, save the terminal from it.
 *
 * Layer: tui/screen (store and ncursesw; never core). Threads: everything here belongs to the main
 * thread, but for the signal handlers, which may run on any.
 *
 * The caller has called setlocale(LC_CTYPE, "") before any thread; where that gives no UTF-8, the
 * screen keeps to ASCII.
 *
 * The screen reads facts from the store and writes wishes into it; it starts nothing. Whoever calls
 * screen_main opens the engine before and closes it after.
 */
#ifndef TUI_SCREEN_SCREEN_H
#define TUI_SCREEN_SCREEN_H

#include <stdio.h>

#include "store/base.h"
#include "store/store.h"

#define SCREEN_THEME_DIRS 4

struct screen_options {
	const char *db;        /* path of the workspace's database; it must exist */
	struct bell *bell;     /* the process's bell, or NULL: changes are seen within a second */
	bool engine_here;      /* the engine runs in this process: quitting ends it */
	bool read_only;        /* look, write no wish and no idea */
	bool mouse;            /* mouse on at the start; M toggles */
	const char *theme;     /* a name ("default") or a path with a slash; NULL: "default" */
	const char *theme_dirs[SCREEN_THEME_DIRS]; /* searched for NAME.theme, in order; NULL: unused */
	const char *copy_path; /* file that y writes beside OSC 52; its directory is made; NULL: none */
	const char *workspace; /* shown in the title bar; NULL: none */
	const char *version;   /* shown in the help; NULL: none */
	const char *panel;     /* the first one's name, see screen_panel_name; NULL: dashboard */
	int64_t experiment_id; /* what Detail shows first; 0: the champion, else the newest */
};

/*
 * Run the dashboard on the controlling terminal until the person leaves or a signal says so. The
 * terminal is as before on return, also after a failure. screen_rescue_install comes first.
 *
 * Returns 0 when the person left; the signal's number when SIGTERM, SIGHUP or a repeated SIGINT
 * ended it (the caller shuts down, then screen_rescue_raise(n)); -1 with @err filled on failure:
 *   UNSUPPORTED  no terminal, or TERM unknown or dumb
 *   INVALID      the theme, with file and line; or no such panel
 *   NOT_FOUND, BUSY, CORRUPT, IO  the store or the theme file
 */
int screen_main(const struct screen_options *opt, struct art_err *err);

/*
 * Print panel @opt->panel as plain text without curses: no escape codes, no braille. Lists come
 * whole. @columns is the width to use (0: COLUMNS, else 100). Returns 0, or -1 with @err filled.
 */
int screen_once(const struct screen_options *opt, FILE *to, int columns, struct art_err *err);

/* The panels' names for a usage text, NULL past the last. */
const char *screen_panel_name(int i);

/*
 * Remember the terminal as it is (healing one that a dead program left raw), and see to it that
 * TERM, HUP, INT, QUIT, SEGV, BUS, ILL, FPE and ABRT restore it before they end the process; sets
 * art_on_death to the same. Harmless without a terminal, fine twice. Call once in main before
 * threads start. While screen_main runs, TERM, HUP and INT end its loop first; a second one does
 * not wait.
 */
void screen_rescue_install(void);

/* Give the terminal back now. Async-signal-safe, any thread, fine twice. */
void screen_rescue_now(void);

/* Restore the terminal and die of @sig as if it had never been caught. Does not return. */
ART_NORETURN void screen_rescue_raise(int sig);

#endif
