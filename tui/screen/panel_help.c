/* panel_help.c - the help, made from the table of actions and the signs in use. See ui.h. */
#include "tui/screen/ui.h"

#include <stdlib.h>
#include <string.h>

#define HELP_LINES 160

struct help_line {
	char keys[40];
	char text[120];
	enum theme_role role; /* of the keys; HEADING: a heading */
};

struct help {
	struct list list;
	int keys, width; /* columns of the keys and of the text */
	struct help_line lines[HELP_LINES];
	int n;
	char match[64];
};

static void *help_open(struct ui *ui)
{
	(void)ui;
	return art_alloc(1, sizeof(struct help));
}

static void help_close(void *data) { free(data); }

static struct help_line *new_line(struct help *h, enum theme_role role, const char *keys)
{
	struct help_line *l = &h->lines[h->n];

	if (h->n == HELP_LINES)
		return &h->lines[HELP_LINES - 1];
	memset(l, 0, sizeof(*l));
	art_copy(l->keys, sizeof(l->keys), keys);
	l->role = role;
	h->n++;
	return l;
}

static void add_heading(struct help *h, const char *text)
{
	/* a heading nothing followed gives its place */
	if (h->n > 0 && h->lines[h->n - 1].role == ROLE_HEADING)
		h->n--;
	new_line(h, ROLE_HEADING, text);
}

static void add(struct help *h, enum theme_role role, const char *keys, const char *text)
{
	if (!text_matches(keys, h->match) && !text_matches(text, h->match))
		return;
	do {
		struct help_line *l = new_line(h, role, keys);
		int used;
		size_t n = art_text_clip(text, h->width, &used), cut = n;

		while (text[n] && cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = n;
		if (cut == 0)
			return;
		snprintf(l->text, sizeof(l->text), "%.*s", (int)cut, text);
		text += cut + strspn(text + cut, " ");
		keys = "";
	} while (*text);
}

static void where_text(unsigned where, char *out, size_t size)
{
	bool but = where != IN_ALL && __builtin_popcount(where) > PANEL_COUNT / 2 + 1;

	out[0] = '\0';
	for (int p = 0; p < PANEL_COUNT && where != IN_ALL; p++) {
		size_t n = strlen(out);

		if (!!(where & (1u << p)) != but)
			snprintf(out + n, size - n, "%s%s", n ? ", " : but ? " (not in " : " (",
				 panel_title((enum panel_id)p));
	}
	if (out[0])
		snprintf(out + strlen(out), size - strlen(out), ")");
}

static void add_actions(struct help *h)
{
	add_heading(h, "Keys");
	for (int a = ACTION_NONE + 1; a < ACTION_COUNT; a++) {
		const struct action_entry *e = action_entry((enum action)a);
		char text[200], where[100];

		where_text(e->where, where, sizeof(where));
		snprintf(text, sizeof(text), "%s%s", e->help, where);
		add(h, ROLE_VALUE, e->keys, text);
	}
}

static void add_signs(struct ui *ui, struct help *h)
{
	add_heading(h, "Signs");
	add(h, ROLE_CHAMPION, ui->g->champion, "the champion: what a candidate has to beat");
	for (int v = 0; v < VERDICT_COUNT; v++)
		add(h, verdict_role((enum verdict)v, false), verdict_glyph(ui->g, (enum verdict)v, false),
		    verdict_text((enum verdict)v));
	add(h, ROLE_REFERENCE, ui->g->reference, "a reference line of the data set: another compressor");
	add(h, ROLE_WARN, ui->g->claimed, "a claim: nobody here has measured it");
	add(h, ROLE_WARN, "!", "look at it: its payee changed or is not the agent's wallet");
	add(h, ROLE_LIVE, ui->g->live, "busy or running");
	add(h, ROLE_DIM, ui->g->idle, "idle");
	add_heading(h, "Numbers");
	add(h, ROLE_VALUE, "val_bpb", "bits per byte of the held-out text, lower is better");
	add(h, ROLE_VALUE, "95 %", "half of the 95 % interval of the mean over n runs");
	add(h, ROLE_VALUE, ui->g->sigma, "noise between seeds, pooled over all repeats, with its freedom (df)");
	add(h, ROLE_VALUE, "kept 3 (0.02 by chance)",
	    "kept so far, and how many keeps chance alone would have given");
	add(h, ROLE_VALUE, "claimed", "told by others, never ranked among measured numbers");
	add(h, ROLE_VALUE, "good 12/12", "12 of 12 experiments handed to it held");
	add(h, ROLE_VALUE, "busy", "share of the night in which something trained");
}

static void rebuild(struct ui *ui, struct help *h)
{
	int cols = ui->layout.area[AREA_BODY].cols;

	h->n = 0;
	h->keys = cols >= 60 ? 23 : 12;
	h->width = cols - h->keys - 4;
	add_actions(h);
	add_signs(ui, h);
	if (h->lines[h->n - 1].role == ROLE_HEADING)
		h->n--;
}

static int visible(const struct ui *ui) { return ui->layout.area[AREA_BODY].rows - 1; }

static enum art_status help_refresh(struct ui *ui, void *data, unsigned what, struct art_err *err)
{
	struct help *h = data;

	(void)what;
	(void)err;
	rebuild(ui, h);
	/* the selection is the top line: a text scrolls, it has no cursor */
	h->list.n = h->n > visible(ui) ? h->n - visible(ui) + 1 : 1;
	list_resize(&h->list, h->list.n, 1);
	return ART_OK;
}

static void help_draw(struct ui *ui, void *data)
{
	struct help *h = data;
	struct rect r = ui->layout.area[AREA_BODY];
	char note[128] = "";

	if (h->match[0])
		snprintf(note, sizeof(note), "matching \"%s\"", h->match);
	else if (ui->opt->version)
		snprintf(note, sizeof(note), "artui %s", ui->opt->version);
	draw_heading(&ui->canvas, r, 0, "Help", note[0] ? note : NULL);
	for (int i = 0; i < visible(ui); i++) {
		const struct help_line *l = &h->lines[h->list.sel + i];

		if (h->list.sel + i >= h->n)
			break;
		if (l->role == ROLE_HEADING) {
			draw_text(&ui->canvas, r, i + 1, 1, ROLE_HEADING, l->keys);
			continue;
		}
		draw_field(&ui->canvas, r, i + 1, 2, h->keys, l->role, false, l->keys);
		draw_field(&ui->canvas, r, i + 1, h->keys + 3, h->width, ROLE_TEXT, false, l->text);
	}
	if (h->n == 0)
		draw_text(&ui->canvas, r, 2, 2, ROLE_DIM, "nothing matches: Esc takes the filter away");
}

static bool help_act(struct ui *ui, void *data, enum action a)
{
	struct help *h = data;
	int64_t page = visible(ui);

	if (a == ACTION_NEXT || a == ACTION_PREVIOUS)
		a = a == ACTION_NEXT ? ACTION_DOWN : ACTION_UP;
	if (a == ACTION_PAGE_DOWN || a == ACTION_PAGE_UP || a == ACTION_HALF_DOWN ||
	    a == ACTION_HALF_UP) {
		if (a == ACTION_HALF_DOWN || a == ACTION_HALF_UP)
			page /= 2;
		if (a == ACTION_PAGE_UP || a == ACTION_HALF_UP)
			page = -page;
		list_select(&h->list, h->list.sel + page, 1);
		return true;
	}
	return list_act(&h->list, a, 1);
}

static void help_filter(struct ui *ui, void *data, const char *text)
{
	struct help *h = data;

	(void)ui;
	art_copy(h->match, sizeof(h->match), text);
	h->list.sel = h->list.top = 0;
}

static const char *help_filter_text(void *data)
{
	return ((struct help *)data)->match;
}

static int64_t help_height(struct ui *ui, void *data)
{
	(void)ui;
	return ((struct help *)data)->n + 4;
}

const struct panel_ops panel_help = {
	.topics = 0,
	.view = LAYOUT_LIST,
	.open = help_open,
	.close = help_close,
	.refresh = help_refresh,
	.draw = help_draw,
	.act = help_act,
	.filter = help_filter,
	.filter_text = help_filter_text,
	.height = help_height,
};
