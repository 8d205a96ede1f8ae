/*
 * fuzz_recipe.c - recipes: spans lie inside the text, and setting a constant changes it and no more.
 */
#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"
#include "tests/fuzz/fuzz.h"

static bool same_value(const struct recipe_value *a, const struct recipe_value *b)
{
	return a->type == b->type && !memcmp(&a->num, &b->num, sizeof(a->num)) &&
	       !strcmp(a->text, b->text) && a->n_parts == b->n_parts &&
	       !memcmp(a->parts, b->parts, sizeof(a->parts));
}

static void must_be_sound(const struct recipe *r, const char *text, size_t len)
{
	FUZZ_MUST(r->n >= 0 && r->n <= RECIPE_MAX_CONSTANTS);
	for (int i = 0; i < r->n; i++) {
		const struct recipe_constant *c = &r->c[i];
		size_t n = strlen(c->name);

		FUZZ_MUST(n > 0 && n < RECIPE_NAME_MAX && recipe_find(r, c->name) == c);
		FUZZ_MUST(strspn(c->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == n);
		FUZZ_MUST(c->value_len > 0 && c->value_at <= len && c->value_len <= len - c->value_at);
		FUZZ_MUST(c->line >= 1 && text[c->value_at] != ' ' &&
			  text[c->value_at + c->value_len - 1] != ' ');
		FUZZ_MUST(c->value.n_parts >= 0 && c->value.n_parts <= RECIPE_PARTS_MAX);
		FUZZ_MUST(memchr(c->value.text, 0, sizeof(c->value.text)));
	}
}

/* @name set to 0.25: every other constant and every byte beside the value stay. */
static void must_set(const struct recipe *r, const char *text, size_t len, const char *name)
{
	const struct recipe_constant *c = recipe_find(r, name);
	struct recipe *after = art_alloc(1, sizeof(*after));
	const size_t tail = len - c->value_at - c->value_len;
	struct art_err err = { 0 };
	char *out = NULL;

	if (recipe_set(text, len, name, "0.25", &out, &err) != ART_OK) {
		FUZZ_MUST(err.code == ART_LIMIT);
		free(after);
		return;
	}
	FUZZ_MUST(strlen(out) == c->value_at + 4 + tail);
	FUZZ_MUST(!memcmp(out, text, c->value_at) && !memcmp(out + c->value_at, "0.25", 4));
	FUZZ_MUST(!memcmp(out + c->value_at + 4, text + c->value_at + c->value_len, tail));
	FUZZ_MUST(recipe_parse(after, out, strlen(out), &err) == ART_OK && after->n == r->n);
	for (int i = 0; i < r->n; i++) {
		FUZZ_MUST(!strcmp(after->c[i].name, r->c[i].name));
		if (&r->c[i] == c)
			FUZZ_MUST(after->c[i].value.type == RECIPE_REAL && after->c[i].value.num == 0.25);
		else
			FUZZ_MUST(same_value(&after->c[i].value, &r->c[i].value));
	}
	free(out);
	free(after);
}

/* Set to its own source: nothing changes. A value over several lines may be refused. */
static void must_keep(const struct recipe *r, const char *text, size_t len, const char *name)
{
	const struct recipe_constant *c = recipe_find(r, name);
	char *source = art_alloc(c->value_len + 1, 1), *out = NULL;
	struct art_err err = { 0 };

	memcpy(source, text + c->value_at, c->value_len);
	if (recipe_set(text, len, name, source, &out, &err) == ART_OK)
		FUZZ_MUST(strlen(out) == len && !memcmp(out, text, len));
	else
		FUZZ_MUST(err.code == ART_LIMIT || strpbrk(source, "\r\n"));
	free(out);
	free(source);
}

static void must_diff(const struct recipe *r, const char *text, const uint8_t *data, size_t size)
{
	struct art_buf b;
	char *half = art_alloc(size / 2 + 1, 1);

	art_buf_init(&b, 1 << 16);
	recipe_diff_text(&b, text, text, "a", "b");
	recipe_diff_knobs(&b, r, text, r, text);
	FUZZ_MUST(b.len == 0);
	memcpy(half, data, size / 2);
	if (strlen(half) == size / 2) {
		recipe_diff_text(&b, text, half, "a", "b");
		FUZZ_MUST(b.len > 0 || !strcmp(text, half));
	}
	art_buf_destroy(&b);
	free(half);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct art_err err = { 0 };
	char *text = art_alloc(size + 1, 1), *out = NULL;

	memcpy(text, data, size);
	if (recipe_parse(r, (const char *)data, size, &err) == ART_OK) {
		FUZZ_MUST(strlen(text) == size && art_utf8_valid(text, size, NULL));
		must_be_sound(r, text, size);
		FUZZ_MUST(recipe_set(text, size, "NO_SUCH_NAME_", "1", &out, NULL) != ART_OK);
		for (int i = 0; i < r->n && i < 8; i++) {
			must_set(r, text, size, r->c[i].name);
			must_keep(r, text, size, r->c[i].name);
		}
		if (size < 4096)
			must_diff(r, text, data, size);
	} else {
		FUZZ_MUST(err.code != ART_OK && err.text[0]);
		FUZZ_MUST(recipe_set(text, size, "A", "1", &out, NULL) != ART_OK);
	}
	free(text);
	free(r);
	return 0;
}
