/*
 * bind.h - the one table of actions: keys, help, where they work. Key bar, help screen and the
 * manual's KEYS come from it.
 *
 * Layer: tui/screen (store/base.h only, no curses). Threads: any; constants.
 */
#ifndef TUI_SCREEN_BIND_H
#define TUI_SCREEN_BIND_H

#include "store/base.h"

/* The panels, in the order of their number keys: (ID, name, title, title where room is short) */
#define PANEL_LIST(_)                                       \
	_(DASHBOARD, "dashboard", "Dashboard", "Dash")      \
	_(EXPERIMENTS, "experiments", "Experiments", "Exp") \
	_(DETAIL, "detail", "Detail", "Detail")             \
	_(LOG, "log", "Log", "Log")                         \
	_(IDEAS, "ideas", "Ideas", "Ideas")                 \
	_(LEADERBOARD, "leaderboard", "Leaderboard", "Board") \
	_(MARKET, "market", "Market", "Market")             \
	_(WORKER, "worker", "Worker", "Worker")             \
	_(HELP, "help", "Help", "Help")

enum panel_id {
#define PANEL_ENUM(id, name, title, brief) PANEL_##id,
	PANEL_LIST(PANEL_ENUM)
#undef PANEL_ENUM
	PANEL_COUNT
};
const char *panel_name(enum panel_id p);
const char *panel_title(enum panel_id p);
const char *panel_title_short(enum panel_id p);

enum bind_where {
	IN_DASHBOARD = 1 << PANEL_DASHBOARD,
	IN_EXPERIMENTS = 1 << PANEL_EXPERIMENTS,
	IN_DETAIL = 1 << PANEL_DETAIL,
	IN_LOG = 1 << PANEL_LOG,
	IN_IDEAS = 1 << PANEL_IDEAS,
	IN_LEADERBOARD = 1 << PANEL_LEADERBOARD,
	IN_MARKET = 1 << PANEL_MARKET,
	IN_WORKER = 1 << PANEL_WORKER,
	IN_HELP = 1 << PANEL_HELP,
	IN_TABLES = IN_DASHBOARD | IN_EXPERIMENTS,
	IN_RESEARCH = IN_DASHBOARD | IN_EXPERIMENTS | IN_DETAIL,
	IN_ALL = (1 << PANEL_COUNT) - 1,
	IN_BUT_WORKER = IN_ALL & ~IN_WORKER, /* there p is about what we sell, and nothing is filtered */
};

/*
 * (ID, keys, label in the key bar or NULL, where, help). The first key is the one shown. The order
 * is that of the help; the key bar takes from left to right what has a label and fits, in the panels of
 * the market and of selling their own actions before those of all panels.
 * Key names: one character, ^X, Up Down Left Right PgUp PgDn Home End Enter Esc Tab BackTab
 * Backspace F1.
 */
#define ACTION_LIST(_)                                                                                  \
	_(HELP, "? F1", "help", IN_ALL, "this help")                                                    \
	_(QUIT, "q ^C", "quit", IN_ALL, "leave")                                                        \
	_(OPEN, "Enter l Right", "open", IN_TABLES | IN_LOG | IN_IDEAS | IN_LEADERBOARD | IN_MARKET,    \
	  "open what is selected")                                                                      \
	_(BACK, "Esc h Left Backspace", "back", IN_DETAIL | IN_MARKET | IN_HELP,                        \
	  "go back; in a list: clear the filter")                                                       \
	_(FIND, "/", "filter", IN_BUT_WORKER, "filter the list by typing; in a text: search it")        \
	_(IDEA, "i", "idea", IN_ALL, "type an idea for the next experiment")                            \
	_(BEGIN, "b", "begin", IN_ALL, "begin a night, or resume the open one")                         \
	_(PAUSE, "p", "pause", IN_BUT_WORKER, "pause after the present run; again: go on")              \
	_(END, "e", "end", IN_ALL, "end the night, with a report")                                      \
	_(CANCEL, "x", "cancel", IN_RESEARCH, "cancel the selected experiment")                         \
	_(SORT, "s", "sort", IN_EXPERIMENTS | IN_MARKET, "sort by the next column; a click on a heading does too") \
	_(REVERSE, "S", NULL, IN_EXPERIMENTS | IN_MARKET, "reverse the order")                          \
	_(VERDICT, "f", "verdicts", IN_TABLES, "show all verdicts or only some")                        \
	_(FOLLOWING, "]", "next", IN_DETAIL, "the following experiment")                                \
	_(PRECEDING, "[", "previous", IN_DETAIL, "the preceding experiment")                            \
	_(FOCUS, "Tab BackTab", "log", IN_DASHBOARD, "move between leaderboard and log")                \
	_(DEAD, "d", "dead", IN_MARKET, "show dead workers, or only count them")                        \
	_(SKILLS, "f", "skills", IN_MARKET, "only workers that tell a skill we look for, or all")       \
	_(CHAIN, "c", "chain", IN_MARKET, "only the selected worker's chain; again: every chain")       \
	_(PARTS, "f", "measured", IN_LEADERBOARD, "measured and claimed numbers, or one of both")       \
	_(REFRESH, "r", "refresh", IN_MARKET, "ask the sources for agents and workers")                 \
	_(PROBE, "v", "probe", IN_MARKET, "probe the selected worker now")                              \
	_(BAN, "B", "ban", IN_MARKET, "no work and no money for the selected worker; again: lift it")   \
	_(PIN, "P", "pin", IN_MARKET, "prefer the selected worker; again: no more")                     \
	_(RELEASE, "R", NULL, IN_MARKET, "let the selected worker out of its quarantine")               \
	_(SELL_PAUSE, "p", "pause", IN_WORKER, "start no run for buyers; again: sell on")               \
	_(SELL_DRAIN, "d", "drain", IN_WORKER, "accept no order, finish what waits; again: sell on")    \
	_(SELL_OPEN, "o", "open", IN_WORKER, "sell again")                                              \
	_(COPY, "y", "copy", IN_ALL, "copy the selected row or text (OSC 52, and to a file)")           \
	_(THEME, "t", "theme", IN_ALL, "next theme")                                                    \
	_(MOUSE, "M", "mouse", IN_ALL, "mouse on or off (off: the terminal selects text)")              \
	_(DOWN, "j Down", NULL, IN_ALL, "down")                                                         \
	_(UP, "k Up", NULL, IN_ALL, "up")                                                               \
	_(HALF_DOWN, "^D", NULL, IN_ALL, "half a page down")                                            \
	_(HALF_UP, "^U", NULL, IN_ALL, "half a page up")                                                \
	_(PAGE_DOWN, "PgDn ^F", NULL, IN_ALL, "a page down")                                            \
	_(PAGE_UP, "PgUp ^B", NULL, IN_ALL, "a page up")                                                \
	_(TOP, "g Home", NULL, IN_ALL, "to the top")                                                    \
	_(BOTTOM, "G End", NULL, IN_ALL, "to the bottom; the log follows from there")                   \
	_(NEXT, "n", NULL, IN_ALL, "next match")                                                        \
	_(PREVIOUS, "N", NULL, IN_ALL, "previous match")                                                \
	_(PANEL_1, "1", NULL, IN_ALL, "Dashboard: champion, leaderboard, workers, log")                 \
	_(PANEL_2, "2", NULL, IN_ALL, "Experiments: all of them")                                       \
	_(PANEL_3, "3", NULL, IN_ALL, "Detail: change, runs, curves, verdict of one experiment")        \
	_(PANEL_4, "4", NULL, IN_ALL, "Log: everything that happened")                                  \
	_(PANEL_5, "5", NULL, IN_ALL, "Ideas: what people proposed and what became of it")              \
	_(PANEL_6, "6", NULL, IN_ALL, "Leaderboard: agents by measured numbers; claims apart")          \
	_(PANEL_7, "7", NULL, IN_ALL, "Market: workers, their prices, and how far we trust each")       \
	_(PANEL_8, "8", NULL, IN_ALL, "Worker: what this machine sells")                                \
	_(REDRAW, "^L", NULL, IN_ALL, "draw everything anew")

enum action {
	ACTION_NONE,
#define ACTION_ENUM(id, keys, bar, where, help) ACTION_##id,
	ACTION_LIST(ACTION_ENUM)
#undef ACTION_ENUM
	ACTION_COUNT
};

/* Keys beyond Unicode; a key code is a character or one of these. */
enum bind_key {
	BIND_UP = 0x110000, BIND_DOWN, BIND_LEFT, BIND_RIGHT, BIND_PGUP, BIND_PGDN, BIND_HOME, BIND_END,
	BIND_ENTER, BIND_ESC, BIND_TAB, BIND_BACKTAB, BIND_BACKSPACE, BIND_DELETE, BIND_F1,
	BIND_RESIZE, BIND_MOUSE,
};

struct action_entry {
	const char *name; /* "HELP" */
	const char *keys;
	const char *bar;  /* NULL: not in the key bar */
	unsigned where;
	const char *help;
};
const struct action_entry *action_entry(enum action a); /* not of ACTION_NONE */

/* What @key does in @panel; ACTION_NONE when nothing. */
enum action bind_find(int key, enum panel_id panel);

/* Code of the first key name in *@names, which moves past it; -1 at the end or for no key name. */
int bind_next_key(const char **names);

#endif
