/*
 * scan8004_page.c - an index's answers: pages, details, refusals.
 *
 * Layer: core. Pure functions. A page is taken apart by its brackets first, and each row is read by itself:
 * a row that is no JSON, or too large, or nonsense, costs no other row, and never more than one row's tree
 * is in memory.
 */
#include "core/market/scan8004_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENVELOPE_MAX (1u << 20) /* bytes of a page beside its rows */

/* ---- taking a page apart by its brackets ----------------------------------------------------- */

struct walk {
	const char *text;
	size_t len, at;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct walk *w)
{
	while (w->at < w->len && is_space(w->text[w->at]))
		w->at++;
}

/* The cursor on the opening quote; behind the closing one after it. False: it does not end. */
static bool skip_string(struct walk *w)
{
	for (w->at++; w->at < w->len; w->at++) {
		if (w->text[w->at] == '"') {
			w->at++;
			return true;
		}
		if (w->text[w->at] == '\\')
			w->at++;
	}
	w->at = w->len;
	return false;
}

/* One value, right or not: what stands up to the next comma or closing bracket of its level. False: the
 * text ends within it. */
static bool skip_value(struct walk *w)
{
	int64_t depth = 0;

	while (w->at < w->len) {
		char c = w->text[w->at];

		if (c == '"') {
			if (!skip_string(w))
				return false;
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		if (!depth && (c == ',' || c == '}' || c == ']'))
			return true;
		if (c == '}' || c == ']')
			depth--;
		w->at++;
	}
	return !depth;
}

/* The value of the first member @key of the object at @obj. */
bool slice_member(const char *text, struct slice obj, const char *key, struct slice *out)
{
	struct walk w = { text, obj.at + obj.n, obj.at };

	if (!obj.n || text[obj.at] != '{')
		return false;
	w.at++;
	for (;;) {
		struct slice name, value;

		skip_space(&w);
		name.at = w.at;
		if (w.at >= w.len || text[w.at] != '"' || !skip_string(&w))
			return false;
		name.n = w.at - name.at;
		skip_space(&w);
		if (w.at >= w.len || text[w.at] != ':')
			return false;
		w.at++;
		skip_space(&w);
		value.at = w.at;
		if (!skip_value(&w))
			return false;
		for (value.n = w.at - value.at; value.n && is_space(text[value.at + value.n - 1]);)
			value.n--;
		if (name.n == strlen(key) + 2 && !memcmp(text + name.at + 1, key, strlen(key))) {
			*out = value;
			return true;
		}
		if (w.at >= w.len || text[w.at] != ',')
			return false;
		w.at++;
	}
}

static bool find_array(const char *text, struct slice obj, const char *key, struct slice *out)
{
	return slice_member(text, obj, key, out) && text[out->at] == '[';
}

/* Where the rows are: at the top, under data, or below that. */
static bool find_rows(const char *text, struct slice root, struct slice *out)
{
	static const char *const keys[] = { "items", "agents" };
	struct slice data = { 0, 0 };

	if (root.n && text[root.at] == '[') {
		*out = root;
		return true;
	}
	if (find_array(text, root, "data", out))
		return true;
	if (!slice_member(text, root, "data", &data) || text[data.at] != '{')
		data.n = 0;
	for (size_t i = 0; i < ART_COUNT(keys); i++)
		if (find_array(text, data, keys[i], out) || find_array(text, root, keys[i], out))
			return true;
	return false;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Whether the row says that it is of another protocol than was asked for: the service ignores filters it
 * does not like. */
static bool is_other_protocol(const struct json *row, const struct scan_ask *ask)
{
	const struct json *list = json_either(row, "supported_protocols", "supportedProtocols");

	if (!ask->oasf_only || json_count(list) < 1 || !json_is_array(list))
		return false;
	for (const struct json *m = json_at(list, 0); m; m = json_next(m))
		if (json_str(m) && !strcasecmp(json_str(m), "OASF"))
			return false;
	return true;
}

static bool is_other_kind_of_chain(const struct json *row)
{
	const char *type = json_str(json_either(row, "chain_type", "chainType"));

	return type && strcasecmp(type, "evm") != 0;
}

static bool same_key(const struct agent_key *a, const struct agent_key *b)
{
	return a->chain_id == b->chain_id && !strcmp(a->registry, b->registry) && !strcmp(a->token_id, b->token_id);
}

static bool is_known(const struct scan_page *p, const struct agent_key *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (same_key(&p->rows[i].key, key))
			return true;
	return false;
}

static void add_bad(struct scan_page *p, int64_t row, size_t at, const char *why)
{
	char text[160];

	if (p->bad++)
		return;
	art_text_clean(text, sizeof(text), why, strlen(why), false);
	snprintf(p->why, sizeof(p->why), "row %lld at byte %zu: %s", (long long)row, at, text);
}

/* One row into the page: a new agent, nothing, or a bad one. */
static void take_row(struct scan_page *p, const char *text, struct slice at, int64_t row,
		     const struct scan_ask *ask)
{
	struct json *j = NULL;
	struct art_err why = { 0 };
	struct agent_key key;
	const char *bad;

	while (at.n && is_space(text[at.at + at.n - 1]))
		at.n--;
	if (row >= SCAN_ROWS_MAX) {
		add_bad(p, row, at.at, "more rows than a page may have");
		return;
	}
	if (json_parse(&j, text + at.at, at.n, SCAN_ROW_MAX, &why) != ART_OK) {
		add_bad(p, row, at.at, why.text);
		return;
	}
	bad = json_is_object(j) ? NULL : "it is no object";
	if (!bad && !is_other_kind_of_chain(j)) {
		bad = scan_row_key(j, ask, &key);
		if (!bad && (!ask->chain_id || key.chain_id == ask->chain_id) && !is_other_protocol(j, ask) &&
		    !is_known(p, &key)) {
			p->rows[p->n].key = key;
			scan_row_agent(&p->rows[p->n++], j, text + at.at, at.n);
		}
	}
	if (bad)
		add_bad(p, row, at.at, bad);
	json_free(j);
}

/* ---- a page ---------------------------------------------------------------------------------- */

void scan_page_destroy(struct scan_page *p)
{
	for (size_t i = 0; i < p->n; i++)
		scan_agent_destroy(&p->rows[i]);
	free(p->rows);
	memset(p, 0, sizeof(*p));
}

/* How many elements the array at @list has. */
static int64_t count_rows(const char *text, struct slice list)
{
	struct walk w = { text, list.at + list.n - 1, list.at + 1 };
	int64_t n = 0;

	skip_space(&w);
	if (w.at >= w.len)
		return 0;
	for (n = 1; skip_value(&w) && w.at < w.len && text[w.at] == ','; n++)
		w.at++;
	return n;
}

static void take_rows(struct scan_page *p, const char *text, struct slice list, int64_t total,
		      const struct scan_ask *ask)
{
	/* Without the closing bracket: the last row ends where the text does. */
	struct walk w = { text, list.at + list.n - 1, list.at + 1 };

	p->rows = art_alloc(total < SCAN_ROWS_MAX ? (size_t)total + 1 : SCAN_ROWS_MAX, sizeof(*p->rows));
	for (int64_t i = 0; i < total; i++, w.at++) {
		struct slice row;

		skip_space(&w);
		row.at = w.at;
		if (!skip_value(&w))
			w.at = w.len;
		row.n = w.at - row.at;
		take_row(p, text, row, i, ask);
	}
}

/* The words of an error body: error.code and message, a text, FastAPI's detail or list of details. */
static bool error_words(const struct json *root, char *out, size_t size)
{
	const struct json *error = json_get(root, "error"), *detail = json_get(root, "detail");
	const struct json *first = json_at(detail, 0);
	const char *code = json_str(json_get(error, "code"));
	const char *words = json_str(error) ? json_str(error) : json_str(json_get(error, "message"));
	char text[400], kind[32] = "";

	words = words ? words : json_str(detail);
	words = words || !json_is_array(detail) ? words : json_str(json_get(first, "msg"));
	words = words ? words : json_str(json_get(detail, "message"));
	words = words ? words : json_str(json_get(root, "message"));
	if (!words && json_str(json_either(root, "limit_type", "limitType"))) {
		snprintf(text, sizeof(text), "over its limit of requests for a %.40s",
			 json_str(json_either(root, "limit_type", "limitType")));
		art_text_clean(out, size, text, strlen(text), false);
		return true;
	}
	if (!words && !code)
		return false;
	if (code)
		art_text_clean(kind, sizeof(kind), code, strlen(code), false);
	snprintf(text, sizeof(text), "%s%s%.300s", kind, kind[0] && words ? ": " : "", words ? words : "");
	art_text_clean(out, size, text, strlen(text), false);
	return out[0] != '\0';
}

/* OK: it is no error. @rows: it has rows. */
static enum art_status check_error(const struct json *root, bool rows, struct art_err *err)
{
	char words[180];
	bool failed = !json_bool(json_get(root, "success"), true);
	bool told = error_words(root, words, sizeof(words));

	if (failed || (told && !rows))
		return art_fail(err, ART_REFUSED, "the index refuses: %s", told ? words : "it does not say why");
	return ART_OK;
}

static struct opt_i64 whole(const struct json *obj, const char *a, const char *b)
{
	uint64_t v;

	if (!json_count_of(json_either(obj, a, b), &v) || v > INT64_MAX)
		return (struct opt_i64){ 0 };
	return OPT_I64((int64_t)v);
}

/* Whether there is a page after this one, by whatever the answer says of it. */
static void read_paging(struct scan_page *p, const struct json *root, int64_t rows, const struct scan_ask *ask)
{
	const struct json *data = json_get(root, "data");
	const struct json *places[] = { json_get(json_get(root, "meta"), "pagination"), json_get(root, "pagination"),
					json_get(data, "pagination"), json_get(root, "meta"), root, data };
	int64_t page = scan_page_number(ask), limit = scan_limit(ask);
	struct opt_i64 pages = { 0 };
	const struct json *says = NULL;

	for (size_t i = 0; i < ART_COUNT(places); i++) {
		says = says ? says : json_either(places[i], "hasMore", "has_more");
		pages = pages.known ? pages : whole(places[i], "totalPages", "total_pages");
		p->total = p->total.known ? p->total : whole(places[i], "total", "totalCount");
	}
	p->more = rows >= limit;
	if (json_bool(says, true) == json_bool(says, false))
		p->more = json_bool(says, false);
	else if (pages.known)
		p->more = page + 1 < pages.v;
	else if (p->total.known)
		p->more = (page + 1) * limit < p->total.v;
	/* Nothing follows nothing, whoever says so: else one could be kept asking for ever. */
	p->more = p->more && rows > 0;
}

/* The page without its rows, each byte at its place, so that an error's offset is right. */
static enum art_status parse_envelope(struct json **out, const char *text, size_t len, struct slice rows,
				      struct art_err *err)
{
	char *copy;
	enum art_status s;

	if (len - rows.n > ENVELOPE_MAX)
		return art_fail(err, ART_LIMIT, "%zu bytes beside the rows are more than %u", len - rows.n,
				ENVELOPE_MAX);
	copy = art_alloc(len + 1, 1);
	memcpy(copy, text, len);
	memset(copy + rows.at + 1, ' ', rows.n - 2);
	s = json_parse(out, copy, len, SCAN_BODY_MAX, err);
	free(copy);
	return s;
}

/* A body without rows: words of an error, or nothing that is understood. */
static enum art_status read_refusal(const char *text, size_t len, struct art_err *err)
{
	struct json *root = NULL;
	struct art_err why = { 0 };
	enum art_status s = json_parse(&root, text, len, SCAN_ERROR_MAX, &why);

	if (s != ART_OK)
		return art_fail(err, ART_INVALID, "the index's answer: %.200s", why.text);
	s = check_error(root, false, err);
	json_free(root);
	return s != ART_OK ? s : art_fail(err, ART_INVALID, "the index's answer holds neither agents nor an error");
}

/* The one value of @text, or where it breaks. */
static enum art_status find_root(const char *text, size_t len, struct slice *out, struct art_err *err)
{
	struct walk w = { text, len, 0 };

	if (len > SCAN_BODY_MAX)
		return art_fail(err, ART_LIMIT, "the index's answer of %zu bytes is larger than %u", len,
				SCAN_BODY_MAX);
	skip_space(&w);
	out->at = w.at;
	if (w.at == len)
		return art_fail(err, ART_INVALID, "the index's answer is empty");
	if (!skip_value(&w))
		return art_fail(err, ART_INVALID, "the index's answer breaks off at byte %zu", len);
	out->n = w.at - out->at;
	return ART_OK;
}

enum art_status scan_page_read(struct scan_page *out, const char *text, size_t len, const struct scan_ask *ask,
			       struct art_err *err)
{
	struct json *root = NULL;
	struct slice whole_text, rows;
	struct art_err why = { 0 };
	int64_t total;
	enum art_status s;

	memset(out, 0, sizeof(*out));
	s = find_root(text, len, &whole_text, err);
	if (s != ART_OK)
		return s;
	if (!find_rows(text, whole_text, &rows))
		return read_refusal(text, len, err);
	while (rows.n && text[rows.at + rows.n - 1] != ']')
		rows.n--;
	s = rows.n < 2 ? art_fail(&why, ART_INVALID, "JSON byte %zu: ']' was expected", rows.at + 1)
		       : parse_envelope(&root, text, len, rows, &why);
	if (s != ART_OK)
		return art_fail(err, ART_INVALID, "the index's answer: %.200s", why.text);
	s = check_error(root, true, err);
	if (s == ART_OK) {
		total = count_rows(text, rows);
		take_rows(out, text, rows, total, ask);
		read_paging(out, root, total, ask);
	}
	json_free(root);
	return s;
}

/* ---- a detail -------------------------------------------------------------------------------- */

enum art_status scan_detail_read(struct scan_agent *out, const char *text, size_t len, const struct agent_key *key,
				 struct art_err *err)
{
	struct scan_ask ask = { .chain_id = key->chain_id, .registry = key->registry };
	struct slice root_at = { 0, len }, at = { 0, len };
	struct json *root = NULL;
	struct art_err why = { 0 };
	struct agent_key told;
	const struct json *row;
	const char *bad;
	enum art_status s;

	memset(out, 0, sizeof(*out));
	s = find_root(text, len, &root_at, err);
	if (s != ART_OK)
		return s;
	s = json_parse(&root, text, len, SCAN_ROW_MAX, &why);
	if (s != ART_OK)
		return art_fail(err, ART_INVALID, "the index's answer: %.200s", why.text);
	row = json_is_object(json_get(root, "data")) ? json_get(root, "data") : root;
	if (row == root || !slice_member(text, root_at, "data", &at))
		at = root_at;
	bad = json_is_object(row) ? scan_row_key(row, &ask, &told) : "it is no object";
	s = check_error(root, !bad, err);
	if (s == ART_OK && bad)
		s = art_fail(err, ART_INVALID, "the index's answer is no agent: %s", bad);
	else if (s == ART_OK && !same_key(&told, key))
		s = art_fail(err, ART_CONFLICT, "the index answers another agent, %s on chain %llu", told.token_id,
			     (unsigned long long)told.chain_id);
	if (s == ART_OK) {
		out->key = told;
		scan_row_agent(out, row, text + at.at, at.n);
	}
	json_free(root);
	return s;
}
