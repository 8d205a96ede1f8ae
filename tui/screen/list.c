/* list.c - see list.h. */
#include "tui/screen/list.h"

#include <string.h>

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
	if (v > hi)
		v = hi;
	return v < lo ? lo : v;
}

void list_resize(struct list *l, int64_t n, int rows)
{
	if (rows < 1)
		rows = 1;
	l->n = n < 0 ? 0 : n;
	l->sel = clamp(l->sel, 0, l->n - 1);
	if (l->sel < l->top)
		l->top = l->sel;
	if (l->sel >= l->top + rows)
		l->top = l->sel - rows + 1;
	/* no empty rows below the end while there are rows above */
	l->top = clamp(l->top, 0, l->n - rows);
}

void list_select(struct list *l, int64_t to, int rows)
{
	l->sel = to;
	list_resize(l, l->n, rows);
}

bool list_act(struct list *l, enum action a, int rows)
{
	int64_t half = rows > 3 ? rows / 2 : 1, page = rows > 2 ? rows - 1 : 1, step;

	if (a == ACTION_DOWN || a == ACTION_UP)
		step = 1;
	else if (a == ACTION_HALF_DOWN || a == ACTION_HALF_UP)
		step = half;
	else if (a == ACTION_PAGE_DOWN || a == ACTION_PAGE_UP)
		step = page;
	else if (a == ACTION_TOP || a == ACTION_BOTTOM)
		step = l->n;
	else
		return false;
	if (a == ACTION_UP || a == ACTION_HALF_UP || a == ACTION_PAGE_UP || a == ACTION_TOP)
		step = -step;
	list_select(l, l->sel + step, rows);
	return true;
}

void line_init(struct line *l, size_t max, const char *text)
{
	memset(l, 0, sizeof(*l));
	l->max = max > sizeof(l->text) ? sizeof(l->text) : max;
	art_text_clean(l->text, l->max, text, strlen(text), false);
	l->at = strlen(l->text);
}

static size_t before(const char *s, size_t at)
{
	while (at > 0 && ((unsigned char)s[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t after(const char *s, size_t at)
{
	if (s[at])
		at++;
	while (((unsigned char)s[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void cut(struct line *l, size_t from, size_t to)
{
	memmove(l->text + from, l->text + to, strlen(l->text + to) + 1);
	l->at = from;
}

static size_t encode(int key, char out[5])
{
	unsigned c = (unsigned)key;
	size_t n = 0;

	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | c >> 6);
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[n++] = (char)(0xe0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	}
	out[n] = '\0';
	return n;
}

static bool insert(struct line *l, int key)
{
	char raw[5], clean[8];
	size_t n, len = strlen(l->text);

	n = encode(key, raw);
	/* what the cleaner would drop or change has no place in a line */
	if (art_text_clean(clean, sizeof(clean), raw, n, false) != n || memcmp(clean, raw, n) != 0)
		return false;
	if (len + n >= l->max)
		return true;
	memmove(l->text + l->at + n, l->text + l->at, len - l->at + 1);
	memcpy(l->text + l->at, raw, n);
	l->at += n;
	return true;
}

bool line_key(struct line *l, int key)
{
	size_t to = l->at;

	switch (key) {
	case BIND_LEFT:
		l->at = before(l->text, l->at);
		return true;
	case BIND_RIGHT:
		l->at = after(l->text, l->at);
		return true;
	case BIND_HOME:
	case 'A' & 0x1f:
		l->at = 0;
		return true;
	case BIND_END:
	case 'E' & 0x1f:
		l->at = strlen(l->text);
		return true;
	case BIND_BACKSPACE:
		cut(l, before(l->text, l->at), l->at);
		return true;
	case BIND_DELETE:
		cut(l, l->at, after(l->text, l->at));
		return true;
	case 'U' & 0x1f:
		cut(l, 0, strlen(l->text));
		return true;
	case 'K' & 0x1f:
		cut(l, l->at, strlen(l->text));
		return true;
	case 'W' & 0x1f:
		while (to > 0 && l->text[to - 1] == ' ')
			to--;
		while (to > 0 && l->text[to - 1] != ' ')
			to--;
		cut(l, to, l->at);
		return true;
	}
	if (key < ' ' || key > 0x10ffff || (key >= 0xd800 && key <= 0xdfff))
		return false;
	return insert(l, key);
}
