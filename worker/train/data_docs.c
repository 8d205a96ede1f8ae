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

/* The next line without its end into @line (reset first). CANCELLED: no more lines. */
static enum art_status read_line(struct art_buf *line, FILE *f)
{
	char chunk[8192];

	art_buf_reset(line);
	while (fgets(chunk, sizeof(chunk), f)) {
		size_t n = strlen(chunk);
		bool ends = n > 0 && chunk[n - 1] == '\n';

		if (art_buf_add(line, chunk, ends ? n - 1 : n) != ART_OK)
			return ART_LIMIT;
		if (ends)
			return ART_OK;
	}
	return line->len > 0 ? ART_OK : ART_CANCELLED;
}

static enum art_status read_lines(struct docs *d, FILE *f, struct art_buf *line, const char *path,
				  const char *field, struct art_err *err)
{
	enum art_status st;
	long number;

	for (number = 1; (st = read_line(line, f)) == ART_OK; number++) {
		size_t n = line->len;

		if (n > 0 && line->data[n - 1] == '\r')
			n--;
		if (n == 0)
			continue;
		st = add_json_line(d, path, number, line->data, n, field, err);
		if (st != ART_OK)
			return st;
	}
	if (st == ART_LIMIT)
		return art_fail(err, ART_LIMIT, "%s:%ld: line is longer than %zu bytes", path,
				number, line->max);
	return ferror(f) ? art_fail_errno(err, "cannot read %s", path) : ART_OK;
}

enum art_status docs_add_jsonl_file(struct docs *d, const char *path, const char *field,
				    struct art_err *err)
{
	struct art_buf line;
	FILE *f = fopen(path, "re");

	if (!f)
		return art_fail_errno(err, "cannot open %s", path);
	art_buf_init(&line, DOCS_LINE_MAX);
	enum art_status st = read_lines(d, f, &line, path, field, err);
	art_buf_destroy(&line);
	fclose(f);
	return st;
}
