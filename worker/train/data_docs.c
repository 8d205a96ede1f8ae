/*
 * data_docs.c - collect documents from plain text and JSONL.
 */
#include "worker/train/data_prep.h"

#include "store/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void docs_init(struct docs *d)
{
	*d = (struct docs){ 0 };
	art_buf_init(&d->text, DOCS_MAX_BYTES);
}

void docs_destroy(struct docs *d)
{
	art_buf_destroy(&d->text);
	free(d->v);
	*d = (struct docs){ 0 };
}

enum art_status docs_add(struct docs *d, const char *p, size_t n, struct art_err *err)
{
	if (n == 0)
		return ART_OK;
	size_t at = d->text.len;
	if (art_buf_add(&d->text, p, n) != ART_OK)
		return art_fail(err, ART_LIMIT, "text is larger than %zu bytes", d->text.max);
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 256;
		d->v = art_grow(d->v, d->cap, sizeof(*d->v));
	}
	d->v[d->n++] = (struct doc_at){ at, n };
	return ART_OK;
}

struct text_span docs_at(const struct docs *d, size_t i)
{
	ART_BUG_ON(i >= d->n);
	return (struct text_span){ d->text.data + d->v[i].at, d->v[i].n };
}

enum art_status docs_add_text_file(struct docs *d, const char *path, struct art_err *err)
{
	struct art_buf b;
	enum art_status st;

	art_buf_init(&b, DOCS_MAX_BYTES);
	st = art_read_file(&b, path, DOCS_MAX_BYTES, err);
	for (size_t at = 0; st == ART_OK && at < b.len;) {
		const char *end = memchr(b.data + at, '\f', b.len - at);
		size_t n = end ? (size_t)(end - b.data) - at : b.len - at;

		st = docs_add(d, b.data + at, n, err);
		at += n + 1;
	}
	art_buf_destroy(&b);
	return st;
}

static enum art_status add_json_line(struct docs *d, const char *path, long line, const char *p,
				     size_t n, const char *field, struct art_err *err)
{
	struct json *j = NULL;
	struct art_err why = { 0 };
	enum art_status st = json_parse(&j, p, n, DOCS_LINE_MAX, &why);

	if (st != ART_OK)
		return art_fail(err, st, "%s:%ld: %s", path, line, why.text);
	const char *text = json_str(json_get(j, field));
	if (!text)
		st = art_fail(err, ART_INVALID, "%s:%ld: no text in member \"%s\"", path, line,
			      field);
	else
		st = docs_add(d, text, strlen(text), err);
	json_free(j);
	return st;
}

/* fgets into a bounded buffer: getline would follow a file without newlines into all memory. */
static enum art_status read_lines(struct docs *d, FILE *f, char *buf, const char *path,
				  const char *field, struct art_err *err)
{
	for (long line = 1; fgets(buf, (int)DOCS_LINE_MAX, f); line++) {
		size_t n = strlen(buf);

		if (n > 0 && buf[n - 1] == '\n')
			n--;
		else if (!feof(f))
			return art_fail(err, ART_LIMIT,
					"%s:%ld: line is longer than %zu bytes or holds a NUL",
					path, line, DOCS_LINE_MAX);
		if (n > 0 && buf[n - 1] == '\r')
			n--;
		if (n == 0)
			continue;
		enum art_status st = add_json_line(d, path, line, buf, n, field, err);
		if (st != ART_OK)
			return st;
	}
	return ferror(f) ? art_fail_errno(err, "cannot read %s", path) : ART_OK;
}

enum art_status docs_add_jsonl_file(struct docs *d, const char *path, const char *field,
				    struct art_err *err)
{
	FILE *f = fopen(path, "re");

	if (!f)
		return art_fail_errno(err, "cannot open %s", path);
	char *buf = art_alloc(DOCS_LINE_MAX, 1);
	enum art_status st = read_lines(d, f, buf, path, field, err);
	free(buf);
	fclose(f);
	return st;
}
