/*
 * recipe.c - the constants of a recipe: found, changed, listed, written for the first time.
 *
 * Layer: store. The lexer below knows just enough of Python to tell where a top-level statement
 * starts and ends: strings, brackets, comments and line joining. What a value says is
 * recipe_value.c's business, differences are recipe_diff.c's.
 */
#include "store/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "store/knobs.h"
#include "store/recipe_value.h"

enum { BRACKETS_MAX = 64 };

struct lexer {
	const char *text;
	size_t len, at;
	int line;
	struct {
		char close;
		int line;
	} open[BRACKETS_MAX];
	int n_open;
	struct art_err *err;
};

/* The bytes of a statement without the white space and comments around it. */
struct span {
	size_t from, to;
	bool any;
};

/* The byte @ahead of the cursor; 0 past the end (there is no NUL inside: checked before). */
static char look(const struct lexer *x, size_t ahead)
{
	return ahead < x->len - x->at ? x->text[x->at + ahead] : '\0';
}

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

/* Python ends lines at \n, \r\n and a lone \r. */
static void take_newline(struct lexer *x)
{
	x->at += look(x, 0) == '\r' && look(x, 1) == '\n' ? 2 : 1;
	x->line++;
}

static void take_comment(struct lexer *x)
{
	while (x->at < x->len && !is_newline(look(x, 0)))
		x->at++;
}

/* From the opening quote to past the closing one. A backslash shields the next character, in
 * raw strings too. */
static enum art_status take_string(struct lexer *x)
{
	char quote = look(x, 0);
	bool triple = look(x, 1) == quote && look(x, 2) == quote;
	int line = x->line;

	x->at += triple ? 3 : 1;
	while (x->at < x->len) {
		char c = look(x, 0);

		if (c == quote && !triple) {
			x->at++;
			return ART_OK;
		}
		if (c == quote && look(x, 1) == quote && look(x, 2) == quote) {
			x->at += 3;
			return ART_OK;
		}
		if (c == '\\' && x->at + 1 < x->len) {
			x->at++;
			c = look(x, 0);
		} else if (is_newline(c) && !triple) {
			break;
		}
		if (is_newline(c))
			take_newline(x);
		else
			x->at++;
	}
	return art_fail(x->err, ART_INVALID, "recipe line %d: a string does not end", line);
}

static enum art_status take_bracket(struct lexer *x)
{
	char c = look(x, 0);
	char close = c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : '\0';

	x->at++;
	if (close) {
		if (x->n_open == BRACKETS_MAX)
			return art_fail(x->err, ART_LIMIT,
					"recipe line %d: brackets nested deeper than %d", x->line,
					BRACKETS_MAX);
		x->open[x->n_open].close = close;
		x->open[x->n_open++].line = x->line;
		return ART_OK;
	}
	if (!x->n_open || x->open[x->n_open - 1].close != c)
		return art_fail(x->err, ART_INVALID, "recipe line %d: '%c' closes nothing", x->line,
				c);
	x->n_open--;
	return ART_OK;
}

/* One token that matters: a string, a bracket, or a single byte of anything else. */
static enum art_status take_token(struct lexer *x)
{
	char c = look(x, 0);

	if (c == '"' || c == '\'')
		return take_string(x);
	if (strchr("()[]{}", c))
		return take_bracket(x);
	if (c == '\\')
		return art_fail(x->err, ART_INVALID,
				"recipe line %d: a backslash that ends no line", x->line);
	x->at++;
	return ART_OK;
}

/*
 * To the start of the next logical line. @first gets the span up to the first ';' outside
 * brackets, or up to the end.
 */
static enum art_status take_logical_line(struct lexer *x, struct span *first)
{
	bool past = false;

	*first = (struct span){ .from = x->at, .to = x->at };
	while (x->at < x->len) {
		char c = look(x, 0);
		size_t from = x->at;

		if (is_newline(c)) {
			take_newline(x);
			if (!x->n_open)
				return ART_OK;
		} else if (c == '#') {
			take_comment(x);
		} else if (c == '\\' && is_newline(look(x, 1))) {
			x->at++;
			take_newline(x);
		} else if (c == ' ' || c == '\t' || c == '\f') {
			x->at++;
		} else if (c == ';' && !x->n_open) {
			x->at++;
			past = true;
		} else {
			enum art_status s = take_token(x);

			if (s)
				return s;
			if (past)
				continue;
			if (!first->any)
				first->from = from;
			first->to = x->at;
			first->any = true;
		}
	}
	if (x->n_open)
		return art_fail(x->err, ART_INVALID, "recipe line %d: a bracket is never closed",
				x->open[x->n_open - 1].line);
	return ART_OK;
}

static bool is_name_byte(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* Length of NAME when the line at the cursor is "NAME =", the cursor then past the '='; else 0
 * and the cursor stays. */
static size_t take_head(struct lexer *x)
{
	size_t n = 0, i;

	while (is_name_byte(look(x, n), n == 0))
		n++;
	if (!n)
		return 0;
	for (i = n; look(x, i) == ' ' || look(x, i) == '\t'; i++)
		;
	if (look(x, i) != '=' || look(x, i + 1) == '=')
		return 0;
	x->at += i + 1;
	return n;
}

/* A later assignment wins and takes the later place. */
static void forget(struct recipe *r, const char *name)
{
	for (int i = 0; i < r->n; i++) {
		if (strcmp(r->c[i].name, name) != 0)
			continue;
		memmove(&r->c[i], &r->c[i + 1], (size_t)(r->n - i - 1) * sizeof(r->c[0]));
		r->n--;
		return;
	}
}

/* The constant whose name is the @name_len bytes at @name_at and whose '=' has been taken. */
static enum art_status take_constant(struct lexer *x, struct recipe *r, size_t name_at,
				     size_t name_len)
{
	struct recipe_constant c = { .line = x->line };
	struct span value;

	if (name_len >= sizeof(c.name))
		return art_fail(x->err, ART_LIMIT, "recipe line %d: a name longer than %d bytes",
				c.line, RECIPE_NAME_MAX - 1);
	memcpy(c.name, x->text + name_at, name_len);

	enum art_status s = take_logical_line(x, &value);

	if (s)
		return s;
	if (!value.any)
		return art_fail(x->err, ART_INVALID, "recipe line %d: %s has no value", c.line,
				c.name);
	c.value_at = value.from;
	c.value_len = value.to - value.from;
	recipe_value_read(&c.value, x->text + c.value_at, c.value_len);
	forget(r, c.name);
	if (r->n == RECIPE_MAX_CONSTANTS)
		return art_fail(x->err, ART_LIMIT, "recipe line %d: more than %d constants", c.line,
				RECIPE_MAX_CONSTANTS);
	r->c[r->n++] = c;
	return ART_OK;
}

static int line_of(const char *text, size_t at)
{
	int line = 1;

	for (size_t i = 0; i < at; i++)
		if (text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n'))
			line++;
	return line;
}

static enum art_status check_bytes(const char *text, size_t len, struct art_err *err)
{
	const char *nul;
	size_t bad_at;

	if (len > RECIPE_MAX_BYTES)
		return art_fail(err, ART_LIMIT, "the recipe has %zu bytes, more than %u", len,
				RECIPE_MAX_BYTES);
	if (!art_utf8_valid(text, len, &bad_at))
		return art_fail(err, ART_INVALID, "recipe line %d: not UTF-8",
				line_of(text, bad_at));
	nul = len ? memchr(text, '\0', len) : NULL;
	if (nul)
		return art_fail(err, ART_INVALID, "recipe line %d: a NUL byte",
				line_of(text, (size_t)(nul - text)));
	return ART_OK;
}

enum art_status recipe_parse(struct recipe *out, const char *text, size_t len, struct art_err *err)
{
	struct lexer x = { .text = text, .len = len, .line = 1, .err = err };
	enum art_status s = check_bytes(text, len, err);

	out->n = 0;
	if (s)
		return s;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) /* the byte order mark some editors leave */
		x.at = 3;
	while (x.at < len) {
		size_t name_at = x.at;
		size_t name_len = take_head(&x);
		struct span other;

		if (name_len)
			s = take_constant(&x, out, name_at, name_len);
		else
			s = take_logical_line(&x, &other);
		if (s)
			return s;
	}
	return ART_OK;
}

const struct recipe_constant *recipe_find(const struct recipe *r, const char *name)
{
	for (int i = 0; i < r->n; i++)
		if (!strcmp(r->c[i].name, name))
			return &r->c[i];
	return NULL;
}

static char *splice(const char *text, size_t len, const struct recipe_constant *c, const char *value)
{
	size_t value_len = strlen(value), tail_at = c->value_at + c->value_len;
	char *out = art_alloc(len - c->value_len + value_len + 1, 1);

	memcpy(out, text, c->value_at);
	memcpy(out + c->value_at, value, value_len);
	memcpy(out + c->value_at + value_len, text + tail_at, len - tail_at);
	return out;
}

/* Parse what came of it: a value with a line break, a comment or a loose bracket in it would
 * have changed more than one constant. */
static enum art_status check_changed(struct recipe *r, const char *text, const char *name,
				     size_t value_at, const char *value, struct art_err *err)
{
	const struct recipe_constant *c = NULL;
	char shown[48];

	if (!recipe_parse(r, text, strlen(text), NULL))
		c = recipe_find(r, name);
	if (c && c->value_at == value_at && c->value_len == strlen(value))
		return ART_OK;
	art_text_clean(shown, sizeof(shown), value, strlen(value), false);
	return art_fail(err, ART_INVALID, "\"%s\" is not one value for %s", shown, name);
}

enum art_status recipe_set(const char *text, size_t len, const char *name, const char *value,
			   char **out, struct art_err *err)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	const struct recipe_constant *c;
	char *changed = NULL;
	enum art_status s;

	*out = NULL;
	s = recipe_parse(r, text, len, err);
	if (s)
		goto out;
	c = recipe_find(r, name);
	if (!c) {
		s = art_fail(err, ART_NOT_FOUND, "the recipe has no constant %s", name);
		goto out;
	}
	if (strlen(value) > RECIPE_MAX_BYTES - (len - c->value_len)) {
		s = art_fail(err, ART_LIMIT, "%s: the recipe would grow past %u bytes", name,
			     RECIPE_MAX_BYTES);
		goto out;
	}
	changed = splice(text, len, c, value);
	s = check_changed(r, changed, name, c->value_at, value, err);
	if (!s) {
		*out = changed;
		changed = NULL;
	}
out:
	free(changed);
	free(r);
	return s;
}

enum group { GROUP_ARCHITECTURE, GROUP_OPTIMIZATION, GROUP_SIZE, GROUP_SEED, GROUP_COUNT };

static const char *const group_title[GROUP_COUNT] = {
	[GROUP_ARCHITECTURE] = "Model architecture",
	[GROUP_OPTIMIZATION] = "Optimization",
	[GROUP_SIZE] = "Model size",
	[GROUP_SEED] = "Randomness",
};

/* A switch, so that a new knob without a group does not compile. */
static enum group group_of(enum knob_id id)
{
	switch (id) {
	case KNOB_ASPECT_RATIO_ID:
	case KNOB_HEAD_DIM_ID:
	case KNOB_WINDOW_PATTERN_ID:
		return GROUP_ARCHITECTURE;
	case KNOB_TOTAL_BATCH_SIZE_ID:
	case KNOB_EMBEDDING_LR_ID:
	case KNOB_UNEMBEDDING_LR_ID:
	case KNOB_MATRIX_LR_ID:
	case KNOB_SCALAR_LR_ID:
	case KNOB_WEIGHT_DECAY_ID:
	case KNOB_ADAM_BETAS_ID:
	case KNOB_WARMUP_RATIO_ID:
	case KNOB_WARMDOWN_RATIO_ID:
	case KNOB_FINAL_LR_FRAC_ID:
		return GROUP_OPTIMIZATION;
	case KNOB_DEPTH_ID:
	case KNOB_DEVICE_BATCH_SIZE_ID:
		return GROUP_SIZE;
	case KNOB_SEED_ID:
		return GROUP_SEED;
	case KNOB_COUNT:
		break;
	}
	art_bug(__FILE__, __LINE__, "a knob without a group");
}

char *recipe_native_default(void)
{
	struct art_buf b;

	art_buf_init(&b, RECIPE_MAX_BYTES);
	art_buf_put(&b, "# The recipe of one experiment with the native trainer: edit the values, keep the names.\n"
			"# They mean what they mean in the train.py of karpathy/autoresearch; artui-recipe(5)\n"
			"# tells more. Only lines of the form NAME = value at the left margin count.\n");
	for (int g = 0; g < GROUP_COUNT; g++) {
		art_buf_putf(&b, "\n# %s\n", group_title[g]);
		for (int i = 0; i < KNOB_COUNT; i++) {
			const struct knob *k = knob_by_id((enum knob_id)i);
			int pad = 31 - (int)(strlen(k->name) + strlen(k->def));

			if ((int)group_of((enum knob_id)i) == g)
				art_buf_putf(&b, "%s = %s%*s # %s\n", k->name, k->def,
					     pad > 0 ? pad : 0, "", k->help);
		}
	}
	return art_buf_take(&b);
}
