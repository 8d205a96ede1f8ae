/*
 * recipe_value.c - what the source of a constant's value says.
 *
 * Layer: store. A value is a number, a product of integers, a string, or a row of numbers. Every
 * reader works on a cursor and answers false when the text is something else; the whole text has
 * to be consumed, or the value is RECIPE_OTHER.
 */
#include "store/recipe_value.h"

#include <math.h>
#include <string.h>

/* No sane constant nests signs or parentheses deeper, and the stack stays small. */
enum { DEPTH_MAX = 16, DIGITS_MAX = 64 };

struct cursor {
	const char *s;
	size_t len, at;
	int depth;
};

struct number {
	double v;
	bool is_int;
};

static bool read_product(struct cursor *c, struct number *out);

static char look(const struct cursor *c)
{
	return c->at < c->len ? c->s[c->at] : '\0';
}

/* White space, joined lines, and comments (those can only stand inside brackets here). */
static void skip_space(struct cursor *c)
{
	for (;;) {
		char x = look(c);

		if (x == '#')
			while (c->at < c->len && look(c) != '\n' && look(c) != '\r')
				c->at++;
		else if (x && strchr(" \t\f\r\n", x))
			c->at++;
		else if (x == '\\' && c->at + 1 < c->len && strchr("\r\n", c->s[c->at + 1]))
			c->at++;
		else
			return;
	}
}

static bool take(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if (c->len - c->at < n || memcmp(c->s + c->at, word, n) != 0)
		return false;
	c->at += n;
	skip_space(c);
	return true;
}

static int digit_in(char ch, int base)
{
	int v = ch >= '0' && ch <= '9'   ? ch - '0'
		: ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
		: ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
					 : base;

	return v < base ? v : -1;
}

/* 0x1F, 0b101, 0o17, the prefix being at the cursor: a '_' may stand before any digit. */
static bool read_based(struct cursor *c, int base, struct number *out)
{
	double v = 0;
	int digits = 0;

	c->at += 2;
	for (;;) {
		if (look(c) == '_')
			c->at++;
		int d = digit_in(look(c), base);
		if (d < 0)
			break;
		v = v * base + d;
		digits++;
		c->at++;
	}
	*out = (struct number){ v, true };
	return digits && isfinite(v) && c->s[c->at - 1] != '_';
}

/* Copy digits, '_' allowed between two of them; false for a '_' anywhere else or too many. */
static bool copy_digits(struct cursor *c, char buf[DIGITS_MAX], size_t *n)
{
	while (digit_in(look(c), 10) >= 0) {
		if (*n + 1 >= DIGITS_MAX)
			return false;
		buf[(*n)++] = c->s[c->at++];
		if (look(c) == '_') {
			c->at++;
			if (digit_in(look(c), 10) < 0)
				return false;
		}
	}
	return true;
}

static bool copy_byte(struct cursor *c, char buf[DIGITS_MAX], size_t *n)
{
	if (*n + 1 >= DIGITS_MAX)
		return false;
	buf[(*n)++] = c->s[c->at++];
	return true;
}

static bool read_decimal(struct cursor *c, struct number *out)
{
	char buf[DIGITS_MAX];
	size_t n = 0;

	out->is_int = true;
	if (!copy_digits(c, buf, &n))
		return false;
	/* Python refuses 007, to keep it from looking octal. */
	bool odd_zero = n > 1 && buf[0] == '0' && strspn(buf, "0") < n;
	if (look(c) == '.') {
		out->is_int = false;
		if (!copy_byte(c, buf, &n) || !copy_digits(c, buf, &n))
			return false;
	}
	if (look(c) == 'e' || look(c) == 'E') {
		out->is_int = false;
		if (!copy_byte(c, buf, &n))
			return false;
		if ((look(c) == '+' || look(c) == '-') && !copy_byte(c, buf, &n))
			return false;
		if (!copy_digits(c, buf, &n))
			return false;
	}
	buf[n] = '\0';
	return !(out->is_int && odd_zero) && art_parse_f64(buf, &out->v);
}

static bool read_atom(struct cursor *c, struct number *out)
{
	char next = c->at + 1 < c->len ? c->s[c->at + 1] | 0x20 : '\0';
	bool ok;

	if (take(c, "("))
		return read_product(c, out) && take(c, ")");
	if (look(c) == '0' && (next == 'x' || next == 'o' || next == 'b'))
		ok = read_based(c, next == 'x' ? 16 : next == 'o' ? 8 : 2, out);
	else
		ok = read_decimal(c, out);
	/* "5abc", "1j", "0x1g": a number has to end where a name could not go on. */
	char end = look(c);
	if (end == '_' || (end >= '0' && end <= '9') || ((end | 0x20) >= 'a' && (end | 0x20) <= 'z'))
		return false;
	skip_space(c);
	return ok;
}

static bool power(double base, double exponent, double *out)
{
	double v = 1;

	/* Beyond this every base but 0 and +-1 has left the doubles. */
	if (exponent < 0 || exponent > 1100)
		return false;
	for (int i = 0; i < (int)exponent; i++)
		v *= base;
	*out = v;
	return isfinite(v);
}

/* [+-]* atom [** factor]: as in Python the sign is taken after the power. */
static bool read_factor(struct cursor *c, struct number *out)
{
	bool ok;

	if (c->depth == DEPTH_MAX)
		return false;
	c->depth++;
	if (take(c, "-")) {
		ok = read_factor(c, out);
		out->v = -out->v;
	} else if (take(c, "+")) {
		ok = read_factor(c, out);
	} else {
		struct number e;

		ok = read_atom(c, out);
		if (ok && take(c, "**"))
			ok = out->is_int && read_factor(c, &e) && e.is_int &&
			     power(out->v, e.v, &out->v);
	}
	c->depth--;
	return ok;
}

static bool read_product(struct cursor *c, struct number *out)
{
	if (!read_factor(c, out))
		return false;
	while (take(c, "*")) {
		struct number f;

		if (!out->is_int || !read_factor(c, &f) || !f.is_int)
			return false;
		out->v *= f.v;
	}
	return isfinite(out->v);
}

static bool read_scalar(struct cursor *c, struct recipe_value *v)
{
	struct number n = { 0 };

	if (!read_product(c, &n) || c->at != c->len)
		return false;
	v->type = n.is_int ? RECIPE_INT : RECIPE_REAL;
	v->num = n.is_int ? n.v + 0.0 : n.v; /* Python's -0 is an integer 0 */
	return true;
}

/* "(a, b)", "[a, b]" or "a, b"; a lone element needs its comma, but not in a list. */
static bool read_tuple(struct cursor *c, struct recipe_value *v)
{
	bool list = take(c, "[");
	const char *close = list ? "]" : take(c, "(") ? ")" : NULL;
	bool comma = false;

	v->n_parts = 0;
	while (c->at < c->len && !(close && look(c) == *close)) {
		struct number n = { 0 };

		if (v->n_parts && !comma)
			return false;
		if (v->n_parts == RECIPE_PARTS_MAX || !read_product(c, &n))
			return false;
		v->parts[v->n_parts++] = n.v;
		comma = take(c, ",");
	}
	if (close && !take(c, close))
		return false;
	if (c->at != c->len || (!list && v->n_parts == 1 && !comma))
		return false;
	v->type = RECIPE_TUPLE;
	return true;
}

/* "text" or 'text' with the plain escapes; no prefix, no triple quotes, no second string. */
static bool read_string(struct cursor *c, struct recipe_value *v)
{
	static const char from[] = "\\'\"nt", to[] = "\\'\"\n\t";
	char quote = look(c);
	size_t n = 0;

	if (quote != '"' && quote != '\'')
		return false;
	for (c->at++; look(c) != quote; c->at++) {
		char x = look(c);

		if (x == '\\') {
			c->at++;
			const char *known = look(c) ? strchr(from, look(c)) : NULL;
			if (!known)
				return false;
			x = to[known - from];
		}
		if (!x || n + 1 >= sizeof(v->text))
			return false;
		v->text[n++] = x;
	}
	c->at++;
	v->text[n] = '\0';
	v->type = RECIPE_STRING;
	return c->at == c->len;
}

static bool read_bool(const struct cursor *c, struct recipe_value *v)
{
	bool yes = c->len == 4 && !memcmp(c->s, "True", 4);

	if (!yes && !(c->len == 5 && !memcmp(c->s, "False", 5)))
		return false;
	v->type = RECIPE_INT; /* as in Python */
	v->num = yes;
	return true;
}

/* None comes out as RECIPE_OTHER with the text "None": there is no number in it. */
static void keep_source(struct recipe_value *v, const char *s, size_t len)
{
	char text[RECIPE_TEXT_MAX + 4]; /* so that art_copy sees a character it has to cut */
	size_t n = len < sizeof(text) ? len : sizeof(text) - 1;

	memcpy(text, s, n);
	text[n] = '\0';
	*v = (struct recipe_value){ .type = RECIPE_OTHER };
	art_copy(v->text, sizeof(v->text), text);
}

void recipe_value_read(struct recipe_value *v, const char *s, size_t len)
{
	static bool (*const reader[])(struct cursor *, struct recipe_value *) = {
		read_scalar, read_tuple, read_string,
	};
	const struct cursor start = { .s = s, .len = len };

	*v = (struct recipe_value){ 0 };
	if (read_bool(&start, v))
		return;
	for (size_t i = 0; i < ART_COUNT(reader); i++) {
		struct cursor c = start;

		*v = (struct recipe_value){ 0 };
		if (reader[i](&c, v))
			return;
	}
	keep_source(v, s, len);
}
