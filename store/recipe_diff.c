/*
 * recipe_diff.c - what changed between two recipes: by constant, and line by line.
 *
 * Layer: store. Lines are interned to numbers, then compared by Myers' O(ND) algorithm in its
 * linear-space form ("An O(ND) Difference Algorithm and Its Variations", 1986, section 4b). Both
 * the number of lines and the work are bounded: past the bound a stretch is shown as replaced
 * whole, which is still a right diff. When @b is full the text ends after a whole line.
 */
#include "store/recipe.h"

#include <stdlib.h>
#include <string.h>

enum {
	LINES_MAX = 20000,
	WORK_MAX = 50000000, /* steps of the inner loop: well under a second */
	CONTEXT = 3,
	SHOWN_MAX = 160, /* bytes of one value in the list of constants */
};

struct line {
	const char *s;
	size_t len; /* with its '\n', if it has one */
	int id;     /* equal text, equal id */
	bool changed;
};

struct lines {
	struct line *v;
	int n;
};

struct diff {
	struct line *a, *b;
	int *forward, *backward; /* furthest x by diagonal, both centred on their middle */
	long work_left;
};

static const char *show(char buf[SHOWN_MAX], const struct recipe_constant *c, const char *text)
{
	art_text_clean(buf, SHOWN_MAX, text + c->value_at, c->value_len, false);
	return buf;
}

/* By meaning: 2**19 and 524288 are the same. */
static bool same_value(const struct recipe_constant *x, const char *x_text,
		       const struct recipe_constant *y, const char *y_text)
{
	const struct recipe_value *a = &x->value, *b = &y->value;

	if (a->type != b->type)
		return false;
	switch (a->type) {
	case RECIPE_INT:
	case RECIPE_REAL:
		return a->num == b->num;
	case RECIPE_STRING:
		return !strcmp(a->text, b->text);
	case RECIPE_TUPLE:
		for (int i = 0; i < a->n_parts && i < b->n_parts; i++)
			if (a->parts[i] != b->parts[i])
				return false;
		return a->n_parts == b->n_parts;
	case RECIPE_OTHER:
		break;
	}
	return x->value_len == y->value_len &&
	       !memcmp(x_text + x->value_at, y_text + y->value_at, x->value_len);
}

void recipe_diff_knobs(struct art_buf *b, const struct recipe *from, const char *from_text,
		       const struct recipe *to, const char *to_text)
{
	char was[SHOWN_MAX], is[SHOWN_MAX];

	for (int i = 0; i < to->n; i++) {
		const struct recipe_constant *now = &to->c[i];
		const struct recipe_constant *old = recipe_find(from, now->name);

		if (old && same_value(old, from_text, now, to_text))
			continue;
		if (art_buf_printf(b, "%s: %s -> %s\n", now->name,
				   old ? show(was, old, from_text) : "(absent)",
				   show(is, now, to_text)))
			return;
	}
	for (int i = 0; i < from->n; i++) {
		const struct recipe_constant *old = &from->c[i];

		if (!recipe_find(to, old->name) &&
		    art_buf_printf(b, "%s: %s -> (absent)\n", old->name,
				   show(was, old, from_text)))
			return;
	}
}

static struct lines split(const char *text)
{
	struct lines l = { 0 };
	int room = 0;

	while (*text) {
		const char *end = strchr(text, '\n');
		size_t len = end ? (size_t)(end - text) + 1 : strlen(text);

		if (l.n == room) {
			room = room ? room * 2 : 64;
			l.v = art_grow(l.v, (size_t)room, sizeof(*l.v));
		}
		l.v[l.n++] = (struct line){ .s = text, .len = len };
		text += len;
	}
	return l;
}

static uint64_t hash_line(const struct line *l)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < l->len; i++)
		h = (h ^ (unsigned char)l->s[i]) * 0x100000001b3u;
	return art_mix64(h, l->len);
}

/* Give equal lines equal ids. @table holds line pointers; its size is a power of two at least
 * twice the number of lines of both texts. */
static void intern(struct lines *l, struct line **table, size_t size, int *next_id)
{
	for (int i = 0; i < l->n; i++) {
		struct line *x = &l->v[i];
		size_t at = hash_line(x) & (size - 1);

		while (table[at] && (table[at]->len != x->len || memcmp(table[at]->s, x->s, x->len) != 0))
			at = (at + 1) & (size - 1);
		if (!table[at]) {
			table[at] = x;
			x->id = (*next_id)++;
		}
		x->id = table[at]->id;
	}
}

static void intern_both(struct lines *a, struct lines *b)
{
	size_t size = 16;
	int next_id = 0;

	while (size < 2 * ((size_t)a->n + (size_t)b->n))
		size *= 2;

	struct line **table = art_alloc(size, sizeof(struct line *));

	intern(a, table, size, &next_id);
	intern(b, table, size, &next_id);
	free(table);
}

static void mark(struct line *l, int from, int to)
{
	for (int i = from; i < to; i++)
		l[i].changed = true;
}

/* Furthest x on diagonal k with d edits inside an n by m box, from the d - 1 in @v; -1 for none. */
static int step(const int *v, int k, int d, int n, int m)
{
	int best = -1;

	if (d == 0)
		return 0;
	if (k < d && v[k + 1] >= 0 && v[k + 1] - k <= m)
		best = v[k + 1];
	if (k > -d && v[k - 1] >= 0 && v[k - 1] + 1 <= n && v[k - 1] + 1 > best)
		best = v[k - 1] + 1;
	return best;
}

struct box {
	int a_from, a_to, b_from, b_to;
};

/*
 * A point (*x, *y) on a shortest edit path through @box, with edits on both sides of it. The box
 * has at least two edits: its first lines differ, its last lines differ, neither side is empty.
 * False when the work ran out.
 */
static bool middle(struct diff *f, const struct box *box, int *x_out, int *y_out)
{
	const struct line *a = f->a + box->a_from, *b = f->b + box->b_from;
	int n = box->a_to - box->a_from, m = box->b_to - box->b_from;
	int delta = n - m;
	bool odd = delta & 1;

	for (int d = 0; d <= (n + m + 1) / 2; d++) {
		f->work_left -= 4 * d + 2;
		if (f->work_left < 0)
			return false;
		for (int k = -d; k <= d; k += 2) {
			int x = step(f->forward, k, d, n, m);
			while (x >= 0 && x < n && x - k < m && a[x].id == b[x - k].id)
				x++;
			f->forward[k] = x;
			int mirror = delta - k;
			if (odd && x >= 0 && abs(mirror) < d && f->backward[mirror] >= 0 &&
			    x + f->backward[mirror] >= n) {
				*x_out = box->a_from + x;
				*y_out = box->b_from + x - k;
				return true;
			}
		}
		for (int k = -d; k <= d; k += 2) {
			int x = step(f->backward, k, d, n, m);
			while (x >= 0 && x < n && x - k < m && a[n - 1 - x].id == b[m - 1 - x + k].id)
				x++;
			f->backward[k] = x;
			int mirror = delta - k;
			if (!odd && x >= 0 && abs(mirror) <= d && f->forward[mirror] >= 0 &&
			    x + f->forward[mirror] >= n) {
				*x_out = box->a_from + n - x;
				*y_out = box->b_from + m - (x - k);
				return true;
			}
		}
	}
	art_bug(__FILE__, __LINE__, "no edit path through a box");
}

/* Mark what is not common. Recursion halves the number of edits: it stays under 20 deep. */
static void compare(struct diff *f, struct box x)
{
	int split_a, split_b;

	while (x.a_from < x.a_to && x.b_from < x.b_to && f->a[x.a_from].id == f->b[x.b_from].id) {
		x.a_from++;
		x.b_from++;
	}
	while (x.a_from < x.a_to && x.b_from < x.b_to &&
	       f->a[x.a_to - 1].id == f->b[x.b_to - 1].id) {
		x.a_to--;
		x.b_to--;
	}
	if (x.a_from == x.a_to || x.b_from == x.b_to || !middle(f, &x, &split_a, &split_b)) {
		mark(f->a, x.a_from, x.a_to);
		mark(f->b, x.b_from, x.b_to);
		return;
	}
	compare(f, (struct box){ x.a_from, split_a, x.b_from, split_b });
	compare(f, (struct box){ split_a, x.a_to, split_b, x.b_to });
}

static void mark_changes(struct lines *a, struct lines *b)
{
	size_t reach = (size_t)a->n + (size_t)b->n + 2;
	struct diff f = { .a = a->v, .b = b->v, .work_left = WORK_MAX };

	if (a->n > LINES_MAX || b->n > LINES_MAX) {
		mark(a->v, 0, a->n);
		mark(b->v, 0, b->n);
		return;
	}
	intern_both(a, b);

	int *room = art_alloc(2 * (2 * reach + 1), sizeof(*room));

	f.forward = room + reach;
	f.backward = room + 2 * reach + 1 + reach;
	compare(&f, (struct box){ 0, a->n, 0, b->n });
	free(room);
}

/* A line of the diff: false when the buffer is full. */
static bool put_line(struct art_buf *b, char sign, const struct line *l)
{
	size_t was = b->len;
	bool ended = l->s[l->len - 1] == '\n';

	if (!art_buf_add(b, &sign, 1) && !art_buf_add(b, l->s, l->len) &&
	    (ended || !art_buf_printf(b, "\n\\ No newline at end of file\n")))
		return true;
	b->len = was;
	b->data[was] = '\0';
	return false;
}

/* Where the hunk that starts with the change at (*i, *j) ends: after the last change that is
 * followed by more than twice the context of common lines. */
static void hunk_end(const struct lines *a, const struct lines *b, int *i, int *j)
{
	int end_i = *i, end_j = *j, common = 0;
	int x = *i, y = *j;

	while ((x < a->n || y < b->n) && common <= 2 * CONTEXT) {
		bool gone = x < a->n && a->v[x].changed;
		bool come = y < b->n && b->v[y].changed;

		if (gone || come) {
			x += gone;
			y += !gone;
			end_i = x;
			end_j = y;
			common = 0;
		} else {
			x++;
			y++;
			common++;
		}
	}
	*i = end_i;
	*j = end_j;
}

/* "12,3" in a hunk's head: start and count; an empty stretch names the line before it. */
static enum art_status put_range(struct art_buf *b, char sign, int from, int count)
{
	if (count == 1)
		return art_buf_printf(b, "%c%d", sign, from + 1);
	return art_buf_printf(b, "%c%d,%d", sign, count ? from + 1 : from, count);
}

static bool put_head(struct art_buf *b, int i, int n, int j, int m)
{
	size_t was = b->len;

	if (!art_buf_printf(b, "@@ ") && !put_range(b, '-', i, n) && !art_buf_printf(b, " ") &&
	    !put_range(b, '+', j, m) && !art_buf_printf(b, " @@\n"))
		return true;
	b->len = was;
	b->data[was] = '\0';
	return false;
}

/* Both cursors on the hunk's first line; they end behind its last. */
static bool put_hunk(struct art_buf *out, const struct lines *a, const struct lines *b, int i,
		     int i_end, int j, int j_end)
{
	if (!put_head(out, i, i_end - i, j, j_end - j))
		return false;
	while (i < i_end || j < j_end) {
		bool ok;

		if (i < i_end && a->v[i].changed) {
			ok = put_line(out, '-', &a->v[i++]);
		} else if (j < j_end && b->v[j].changed) {
			ok = put_line(out, '+', &b->v[j++]);
		} else {
			ok = put_line(out, ' ', &a->v[i++]);
			j++;
		}
		if (!ok)
			return false;
	}
	return true;
}

static void put_hunks(struct art_buf *out, const struct lines *a, const struct lines *b)
{
	int i = 0, j = 0;

	while (i < a->n || j < b->n) {
		if (!(i < a->n && a->v[i].changed) && !(j < b->n && b->v[j].changed)) {
			i++;
			j++;
			continue;
		}

		int end_i = i, end_j = j;
		int before = i < CONTEXT ? i : CONTEXT;
		int after;

		hunk_end(a, b, &end_i, &end_j);
		before = before < j ? before : j;
		after = a->n - end_i < CONTEXT ? a->n - end_i : CONTEXT;
		if (!put_hunk(out, a, b, i - before, end_i + after, j - before, end_j + after))
			return;
		i = end_i + after;
		j = end_j + after;
	}
}

void recipe_diff_text(struct art_buf *b, const char *from, const char *to, const char *from_name,
		      const char *to_name)
{
	if (!strcmp(from, to))
		return;

	struct lines x = split(from), y = split(to);

	mark_changes(&x, &y);
	if (!art_buf_printf(b, "--- %s\n+++ %s\n", from_name, to_name))
		put_hunks(b, &x, &y);
	free(x.v);
	free(y.v);
}
