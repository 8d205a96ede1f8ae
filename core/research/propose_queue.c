/*
 * propose_queue.c - ideas typed by people: assignments to constants, or a whole recipe.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/knob_space.h"
#include "core/research/propose.h"
#include "store/recipe.h"

#define NO_ASSIGNMENT                                                                              \
	"an idea must give constants, like MATRIX_LR = 0.06, DEPTH = 5; plain words need an agent " \
	"as proposer, and none is configured"

struct assignment {
	char name[RECIPE_NAME_MAX];
	char value[RECIPE_TEXT_MAX];
};

/* Bytes of the part of @s before the next separator that is outside brackets and quotes. */
static size_t part_length(const char *s)
{
	int depth = 0;
	char quote = 0;
	size_t i;

	for (i = 0; s[i]; i++) {
		if (quote) {
			if (s[i] == quote)
				quote = 0;
		} else if (s[i] == '"' || s[i] == '\'') {
			quote = s[i];
		} else if (s[i] == '(' || s[i] == '[') {
			depth++;
		} else if (s[i] == ')' || s[i] == ']') {
			depth--;
		} else if (depth <= 0 && strchr(",;\n", s[i])) {
			break;
		}
	}
	return i;
}

static void trim(const char **p, size_t *n)
{
	while (*n && isspace((unsigned char)**p)) {
		(*p)++;
		(*n)--;
	}
	while (*n && isspace((unsigned char)(*p)[*n - 1]))
		(*n)--;
}

/* "NAME = value" of @p; false: not of that form. */
static bool parse_part(const char *p, size_t n, struct assignment *a)
{
	const char *eq = memchr(p, '=', n), *v;
	size_t name, value;

	if (!eq)
		return false;
	name = (size_t)(eq - p);
	v = eq + 1;
	value = n - name - 1;
	trim(&p, &name);
	trim(&v, &value);
	if (!name || name >= sizeof(a->name) || !value || value >= sizeof(a->value) ||
	    !isupper((unsigned char)p[0]) || memchr(v, '\n', value))
		return false;
	for (size_t i = 0; i < name; i++)
		if (!isupper((unsigned char)p[i]) && !isdigit((unsigned char)p[i]) && p[i] != '_')
			return false;
	snprintf(a->name, sizeof(a->name), "%.*s", (int)name, p);
	snprintf(a->value, sizeof(a->value), "%.*s", (int)value, v);
	return true;
}

/* Is the text one constant of a kind that we understand, and one this knob may have? */
static enum art_status check_value(const struct assignment *a, struct art_err *err)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	char *line = art_printf("%s = %s\n", a->name, a->value);
	const struct knob *k = knob_by_name(a->name);
	const struct recipe_constant *c;
	char why[128] = "";
	enum art_status st = recipe_parse(r, line, strlen(line), NULL);

	c = st ? NULL : recipe_find(r, a->name);
	if (k && k->kind == KNOB_SEED)
		st = art_fail(err, ART_INVALID,
			      "SEED is set by the harness, another one for each run");
	else if (!c || r->n != 1 || c->value.type == RECIPE_OTHER)
		st = art_fail(err, ART_INVALID, "%s is no number, text or pair of numbers", a->value);
	else if (k && !knob_valid(k, &c->value, why, sizeof(why)))
		st = art_fail(err, ART_INVALID, "%s", why);
	free(line);
	free(r);
	return st;
}

static enum art_status apply(char **recipe, const struct assignment *a, struct art_err *err)
{
	char *next = NULL;
	enum art_status st = check_value(a, err);

	if (st)
		return st;
	st = recipe_set(*recipe, strlen(*recipe), a->name, a->value, &next, err);
	if (st == ART_NOT_FOUND)
		return art_fail(err, ART_INVALID, "the recipe has no constant %s", a->name);
	if (st)
		return st;
	free(*recipe);
	*recipe = next;
	return ART_OK;
}

/* TOTAL_BATCH_SIZE against DEVICE_BATCH_SIZE, where the sequence length is known. */
static enum art_status check_batches(const struct propose_ctx *ctx, const struct proposal *p,
				     struct art_err *err)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	const struct recipe_constant *total, *device;
	enum art_status st = recipe_parse(r, p->recipe, p->recipe_len, err);

	if (!st && ctx->seq_len) {
		total = recipe_find(r, "TOTAL_BATCH_SIZE");
		device = recipe_find(r, "DEVICE_BATCH_SIZE");
		if (total && device && device->value.num >= 1 &&
		    (int64_t)total->value.num % ((int64_t)device->value.num * ctx->seq_len))
			st = art_fail(err, ART_INVALID,
				      "TOTAL_BATCH_SIZE %.0f must be a multiple of DEVICE_BATCH_SIZE %.0f * "
				      "sequence length %lld",
				      total->value.num, device->value.num, (long long)ctx->seq_len);
	}
	free(r);
	return st;
}

static enum art_status from_text(const struct propose_ctx *ctx, struct proposal *out,
				 struct art_err *err)
{
	char *recipe = art_alloc(ctx->recipe_len + 1, 1);
	enum art_status st = ART_OK;
	int n = 0;

	memcpy(recipe, ctx->recipe, ctx->recipe_len);
	for (const char *p = ctx->idea; *p && st == ART_OK;) {
		struct assignment a;
		size_t m = part_length(p), len = m;
		const char *q = p;
		trim(&q, &len);
		if (len && !parse_part(q, len, &a))
			st = art_fail(err, ART_INVALID, NO_ASSIGNMENT);
		else if (len)
			st = apply(&recipe, &a, err);
		n += len > 0;
		p += m + (p[m] != 0);
	}
	if (!st && !n)
		st = art_fail(err, ART_INVALID, NO_ASSIGNMENT);
	if (!st && !strcmp(recipe, ctx->recipe))
		st = art_fail(err, ART_INVALID, "the incumbent has these values already");
	if (st) {
		free(recipe);
		return st;
	}
	out->recipe = recipe;
	out->recipe_len = strlen(recipe);
	return ART_OK;
}

static enum art_status queue_propose(const struct propose_ctx *ctx, struct proposal *out,
				     struct art_err *err)
{
	enum art_status st = ART_OK;

	memset(out, 0, sizeof(*out));
	if (!ctx->idea)
		return art_fail(err, ART_NOT_FOUND, "no idea waits");
	if (ctx->idea_recipe) {
		out->recipe = art_alloc(ctx->idea_recipe_len + 1, 1);
		memcpy(out->recipe, ctx->idea_recipe, ctx->idea_recipe_len);
		out->recipe_len = ctx->idea_recipe_len;
	} else {
		st = from_text(ctx, out, err);
	}
	if (!st)
		st = proposal_describe(ctx, out, err);
	if (!st)
		st = check_batches(ctx, out, err);
	if (st) {
		proposal_destroy(out);
		return st == ART_LIMIT ? art_fail(err, ART_INVALID, "the recipe is too large") : st;
	}
	art_text_clean(out->idea, sizeof(out->idea), ctx->idea, strlen(ctx->idea), false);
	return ART_OK;
}

const struct proposer_ops propose_queue = { "queue", queue_propose };
