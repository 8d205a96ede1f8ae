/*
 * propose.c - what all proposers share: their order, and words for a changed recipe.
 */
#include "core/research/propose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/knob_space.h"
#include "store/recipe.h"

const struct proposer_ops *const *proposers(void)
{
	static const struct proposer_ops *const order[] = { &propose_queue, &propose_search, NULL };

	return order;
}

void proposal_destroy(struct proposal *p)
{
	free(p->recipe);
	memset(p, 0, sizeof(*p));
}

/* "NAME: a -> b\n" lines as "NAME a -> b, ..."; what does not fit is counted. */
static void title_from_diff(char title[TITLE_MAX], const char *diff)
{
	size_t n = 0;
	int left = 0;

	title[0] = 0;
	for (const char *p = diff; *p;) {
		size_t m = strcspn(p, "\n");
		const char *colon = memchr(p, ':', m);
		int name = colon ? (int)(colon - p) : (int)m;
		int rest = colon ? (int)(m - (size_t)name - 1) : 0;
		if (!left && n + m + 24 < TITLE_MAX)
			n += (size_t)snprintf(title + n, TITLE_MAX - n, "%s%.*s%.*s", n ? ", " : "",
					      name, p, rest, p + name + (colon ? 1 : 0));
		else
			left++;
		p += m + (p[m] == '\n');
	}
	if (left && n)
		snprintf(title + n, TITLE_MAX - n, " and %d more", left);
	else if (left)
		snprintf(title, TITLE_MAX, "%d constants changed", left);
}

enum art_status proposal_describe(const struct propose_ctx *ctx, struct proposal *out,
				  struct art_err *err)
{
	struct recipe *from = art_alloc(1, sizeof(*from)), *to = art_alloc(1, sizeof(*to));
	struct art_buf diff;
	char why[128];
	enum art_status st;

	art_buf_init(&diff, RECIPE_MAX_BYTES);
	st = recipe_parse(from, ctx->recipe, ctx->recipe_len, err);
	if (!st)
		st = recipe_parse(to, out->recipe, out->recipe_len, err);
	if (st)
		goto out;
	for (int i = 0; i < to->n; i++) {
		const struct knob *k = knob_by_name(to->c[i].name);
		if (k && !knob_valid(k, &to->c[i].value, why, sizeof(why))) {
			st = art_fail(err, ART_INVALID, "line %d: %s", to->c[i].line, why);
			goto out;
		}
	}
	knob_list(out->knobs, to, out->recipe, out->recipe_len, ctx->code);
	recipe_diff_knobs(&diff, from, ctx->recipe, to, out->recipe);
	title_from_diff(out->title, diff.data ? diff.data : "");
	if (!out->title[0])
		art_copy(out->title, sizeof(out->title), "changed code, same constants");
out:
	art_buf_destroy(&diff);
	free(from);
	free(to);
	return st;
}
