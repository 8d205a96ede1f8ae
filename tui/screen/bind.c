/* bind.c - see bind.h. */
#include "tui/screen/bind.h"

#include <string.h>

static const struct action_entry actions[ACTION_COUNT] = {
#define ACTION_ENTRY(id, k, b, w, h) [ACTION_##id] = { #id, k, b, w, h },
	ACTION_LIST(ACTION_ENTRY)
#undef ACTION_ENTRY
};

struct panel_entry {
	const char *name, *title, *brief;
};
static const struct panel_entry panels[PANEL_COUNT] = {
#define PANEL_ENTRY(id, n, t, b) [PANEL_##id] = { n, t, b },
	PANEL_LIST(PANEL_ENTRY)
#undef PANEL_ENTRY
};

struct key_name {
	const char *name;
	int code;
};
static const struct key_name key_names[] = {
	{ "Up", BIND_UP },	 { "Down", BIND_DOWN },		  { "Left", BIND_LEFT },
	{ "Right", BIND_RIGHT }, { "PgUp", BIND_PGUP },		  { "PgDn", BIND_PGDN },
	{ "Home", BIND_HOME },	 { "End", BIND_END },		  { "Enter", BIND_ENTER },
	{ "Esc", BIND_ESC },	 { "Tab", BIND_TAB },		  { "BackTab", BIND_BACKTAB },
	{ "F1", BIND_F1 },	 { "Backspace", BIND_BACKSPACE },
};

const char *panel_name(enum panel_id p)
{
	ART_BUG_ON((unsigned)p >= PANEL_COUNT);
	return panels[p].name;
}

const char *panel_title(enum panel_id p)
{
	ART_BUG_ON((unsigned)p >= PANEL_COUNT);
	return panels[p].title;
}

const char *panel_title_short(enum panel_id p)
{
	ART_BUG_ON((unsigned)p >= PANEL_COUNT);
	return panels[p].brief;
}

const struct action_entry *action_entry(enum action a)
{
	ART_BUG_ON(a == ACTION_NONE || (unsigned)a >= ACTION_COUNT);
	return &actions[a];
}

static int key_code(const char *s, size_t n)
{
	if (n == 1)
		return (unsigned char)*s;
	if (n == 2 && *s == '^')
		return s[1] & 0x1f;
	for (size_t i = 0; i < ART_COUNT(key_names); i++) {
		if (strlen(key_names[i].name) == n && !strncmp(s, key_names[i].name, n))
			return key_names[i].code;
	}
	return -1;
}

int bind_next_key(const char **names)
{
	const char *s = *names + strspn(*names, " ");
	size_t n = strcspn(s, " ");

	*names = s + n;
	return n ? key_code(s, n) : -1;
}

enum action bind_find(int key, enum panel_id panel)
{
	for (int a = ACTION_NONE + 1; a < ACTION_COUNT; a++) {
		const char *names = actions[a].keys;
		int code;

		if (!(actions[a].where & (1u << panel)))
			continue;
		while ((code = bind_next_key(&names)) >= 0) {
			if (code == key)
				return (enum action)a;
		}
	}
	return ACTION_NONE;
}
