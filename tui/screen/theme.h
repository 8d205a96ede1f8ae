/*
 * theme.h - colours are roles: what a theme file says of each, and how a terminal can show it.
 *
 * Layer: tui/screen (store/base.h only, no curses). Threads: any; values.
 *
 * A theme file is data. Each line: ROLE = FOREGROUND BACKGROUND [ATTRIBUTE ...]
 *   colours      default, black red green yellow blue magenta cyan white, bright-black ... bright-white,
 *                0 ... 255 of the 256-colour palette, #rrggbb
 *   attributes   bold dim italic underline reverse, or - for none
 *   # at the start of a line, or between blanks, begins a comment
 * A role not mentioned keeps what the built-in default theme says. An unknown role, colour or
 * attribute, or a role given twice, is INVALID with file and line.
 */
#ifndef TUI_SCREEN_THEME_H
#define TUI_SCREEN_THEME_H

#include "store/base.h"

/* (ROLE, name in theme files, the built-in default, what it is for) */
#define THEME_ROLE_LIST(_)                                                                         \
	_(TEXT, "text", "default default", "ordinary text")                                        \
	_(DIM, "dim", "bright-black default", "what matters less")                                 \
	_(BAR, "bar", "252 236", "title bar")                                                      \
	_(BAR_NAME, "bar-name", "#7fd7af 236 bold", "the program's name in the title bar")          \
	_(TAB, "tab", "247 236", "a panel's name in the title bar")                                \
	_(TAB_ON, "tab-on", "#ffffff 24 bold", "the open panel's name")                            \
	_(RULE, "rule", "240 default", "lines between areas")                                      \
	_(HEADING, "heading", "#87afd7 default bold", "an area's heading")                         \
	_(COLUMN, "column", "245 default underline", "a column's heading")                         \
	_(LABEL, "label", "245 default", "the name before a value")                                \
	_(VALUE, "value", "default default bold", "a value that matters")                          \
	_(CHAMPION, "champion", "#ffd75f default bold", "the champion")                            \
	_(GOOD, "good", "#5fd787 default", "kept, done, better")                                   \
	_(WARN, "warn", "#ffaf5f default", "stopped, doubtful")                                    \
	_(BAD, "bad", "#ff6b6b default", "failed")                                                 \
	_(LIVE, "live", "#5fd7ff default", "running now")                                          \
	_(REFERENCE, "reference", "#af87d7 default italic", "reference lines of the data set")     \
	_(CHART, "chart", "#5fd7ff default", "the curve in question")                              \
	_(CHART_OLD, "chart-old", "#d7af5f default", "the curve compared with")                    \
	_(AXIS, "axis", "242 default", "axes and their labels")                                    \
	_(ADDED, "added", "#5fd787 default", "a line added")                                       \
	_(REMOVED, "removed", "#ff8787 default", "a line removed")                                 \
	_(MATCH, "match", "black #ffd75f", "what the search found")                                \
	_(KEY, "key", "#7fd7af 236 bold", "a key in the key bar")                                  \
	_(KEY_TEXT, "key-text", "250 236", "what it does")                                         \
	_(PROMPT, "prompt", "#ffffff 24", "a question or an input line")                           \
	_(SELECTED, "selected", "#ffffff 24", "the selected row")

enum theme_role {
#define THEME_ROLE_ENUM(name, text, def, help) ROLE_##name,
	THEME_ROLE_LIST(THEME_ROLE_ENUM)
#undef THEME_ROLE_ENUM
	ROLE_COUNT
};
const char *theme_role_name(enum theme_role r);
const char *theme_role_help(enum theme_role r);

enum theme_attr {
	THEME_BOLD = 1,
	THEME_DIM = 2,
	THEME_ITALIC = 4,
	THEME_UNDERLINE = 8,
	THEME_REVERSE = 16,
};

enum theme_colour_kind { THEME_DEFAULT, THEME_INDEX, THEME_RGB };
struct theme_colour {
	enum theme_colour_kind kind;
	unsigned char index;   /* INDEX */
	unsigned char r, g, b; /* RGB */
};
struct theme_style {
	struct theme_colour fg, bg;
	unsigned attrs;
};
struct theme {
	char name[64];
	struct theme_style style[ROLE_COUNT];
};

#define THEME_FILE_MAX (64u << 10)

void theme_default(struct theme *t);
/* @t is set to the default first. @name is the file's name in errors. */
ART_MUST_USE enum art_status theme_parse(struct theme *t, const char *text, size_t len,
					 const char *name, struct art_err *err);
/*
 * @name with a slash is a path; otherwise DIR/@name.theme is looked for in @dirs (NULL entries
 * skipped), and "default" and "mono" exist without a file. Errors: NOT_FOUND, INVALID, LIMIT, IO.
 */
ART_MUST_USE enum art_status theme_load(struct theme *t, const char *name, const char *const *dirs,
					int n_dirs, struct art_err *err);

/* How a terminal of @colours colours (8, 16, 256, more: direct RGB) shows @c: -1 its default, else
 * a palette index, or 0xrrggbb when @colours is above 256. */
int theme_quantise(struct theme_colour c, int colours);

/* The same without any colour: backgrounds become reverse, attributes stay. */
void theme_without_colour(struct theme *t);

#endif
