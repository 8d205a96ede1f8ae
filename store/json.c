/*
 * json.c - strict, bounded JSON over cJSON.
 *
 * Layer: store. cJSON is lenient (leading zeros, raw control characters, lone surrogates, infinite
 * numbers, trailing bytes, repeated keys) and gives no position. So a checker of our own walks the
 * text by RFC 8259 first, and cJSON only builds the tree of a text already known to be good.
 */
#define _GNU_SOURCE
#include "store/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* cJSON copies a number into 64 bytes and silently splits a longer one. */
enum { DEPTH_MAX = 64, NUMBER_MAX = 63, VALUES_MAX = 500000 };

struct scan {
	const char *text;
	size_t len, at;
	int depth;
	size_t values;
	size_t keys;        /* object members met so far, in document order */
	size_t wanted_key;  /* stop at the member of this ordinal; SIZE_MAX: none */
	size_t wanted_at;   /* its offset */
	struct art_err *err;
};

static enum art_status scan_value(struct scan *s);

static enum art_status bad(const struct scan *s, const char *what)
{
	return art_fail(s->err, ART_INVALID, "JSON byte %zu: %s", s->at, what);
}

static int peek(const struct scan *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(struct scan *s)
{
	for (int c = peek(s); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(s))
		s->at++;
}

/* Four hex digits at the cursor, or -1. */
static int hex4(struct scan *s)
{
	int v = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		int c = peek(s);

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			v = v * 16 + c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			v = v * 16 + c - 'A' + 10;
		else
			return -1;
	}
	return v;
}

/* After the "\u". */
static enum art_status scan_unicode_escape(struct scan *s)
{
	int hi = hex4(s);

	if (hi < 0)
		return bad(s, "\\u wants four hex digits");
	if (hi == 0)
		return bad(s, "a NUL in a string");
	if (hi < 0xd800 || hi > 0xdfff)
		return ART_OK;
	if (hi < 0xdc00 && s->len - s->at >= 2 && !memcmp(s->text + s->at, "\\u", 2)) {
		s->at += 2;
		int lo = hex4(s);
		if (lo >= 0xdc00 && lo <= 0xdfff)
			return ART_OK;
	}
	return bad(s, "half of a surrogate pair");
}

static enum art_status scan_string(struct scan *s)
{
	s->at++;
	for (;;) {
		int c = peek(s);
		enum art_status st;
		int len;

		if (c < 0)
			return bad(s, "a string does not end");
		if (c == '"') {
			s->at++;
			return ART_OK;
		}
		if (c < 0x20)
			return bad(s, "a control character in a string");
		if (c != '\\') {
			len = art_utf8_decode(s->text + s->at, s->len - s->at, NULL);
			if (!len)
				return bad(s, "not UTF-8");
			s->at += (size_t)len;
			continue;
		}
		s->at++;
		c = peek(s);
		if (c <= 0 || !strchr("\"\\/bfnrtu", c))
			return bad(s, "an unknown escape in a string");
		s->at++;
		if (c == 'u') {
			st = scan_unicode_escape(s);
			if (st)
				return st;
		}
	}
}

static bool scan_digits(struct scan *s)
{
	size_t from = s->at;

	for (int c = peek(s); c >= '0' && c <= '9'; c = peek(s))
		s->at++;
	return s->at > from;
}

static enum art_status scan_number(struct scan *s)
{
	char copy[NUMBER_MAX + 1];
	size_t from = s->at;
	double v;

	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (!scan_digits(s))
		return bad(s, "not a value");
	if (peek(s) == '.') {
		s->at++;
		if (!scan_digits(s))
			return bad(s, "a number wants digits after the point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!scan_digits(s))
			return bad(s, "a number wants digits in the exponent");
	}

	size_t n = s->at - from;

	if (n > NUMBER_MAX)
		return bad(s, "a number longer than 63 characters");
	memcpy(copy, s->text + from, n);
	copy[n] = '\0';
	if (!art_parse_f64(copy, &v))
		return bad(s, "a number too large for a double");
	return ART_OK;
}

static enum art_status scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len - s->at < n || memcmp(s->text + s->at, word, n) != 0)
		return bad(s, "not a value");
	s->at += n;
	return ART_OK;
}

/* One "key": value, the cursor on what should be the key. */
static enum art_status scan_member(struct scan *s)
{
	enum art_status st;

	if (peek(s) != '"')
		return bad(s, "a key in double quotes was expected");
	if (s->keys++ == s->wanted_key)
		s->wanted_at = s->at;
	st = scan_string(s);
	if (st)
		return st;
	skip_space(s);
	if (peek(s) != ':')
		return bad(s, "':' was expected after a key");
	s->at++;
	return scan_value(s);
}

/* An array or object, the cursor on its opening bracket. */
static enum art_status scan_nested(struct scan *s, bool is_object)
{
	char close = is_object ? '}' : ']';

	if (s->depth == DEPTH_MAX)
		return art_fail(s->err, ART_LIMIT, "JSON byte %zu: nested deeper than %d", s->at,
				DEPTH_MAX);
	s->depth++;
	s->at++;
	skip_space(s);
	if (peek(s) != close) {
		for (;;) {
			skip_space(s);
			enum art_status st = is_object ? scan_member(s) : scan_value(s);
			if (st)
				return st;
			if (peek(s) != ',')
				break;
			s->at++;
		}
	}
	if (peek(s) != close)
		return bad(s, is_object ? "',' or '}' was expected" : "',' or ']' was expected");
	s->at++;
	s->depth--;
	return ART_OK;
}

/* One value and the white space on both sides of it. */
static enum art_status scan_value(struct scan *s)
{
	enum art_status st;

	/* A tree takes forty bytes and more for each byte of a text like [0,0,0: its size is bounded by itself. */
	if (++s->values > VALUES_MAX)
		return art_fail(s->err, ART_LIMIT, "JSON byte %zu: more than %d values", s->at, VALUES_MAX);
	skip_space(s);
	switch (peek(s)) {
	case -1:
		return bad(s, "the text ends where a value was expected");
	case '{':
		st = scan_nested(s, true);
		break;
	case '[':
		st = scan_nested(s, false);
		break;
	case '"':
		st = scan_string(s);
		break;
	case 't':
		st = scan_word(s, "true");
		break;
	case 'f':
		st = scan_word(s, "false");
		break;
	case 'n':
		st = scan_word(s, "null");
		break;
	default: /* a character, no enum of ours */
		st = scan_number(s);
		break;
	}
	if (!st)
		skip_space(s);
	return st;
}

static enum art_status scan_text(struct scan *s)
{
	enum art_status st = scan_value(s);

	if (!st && s->at < s->len)
		return bad(s, "something follows the value");
	return st;
}

static int by_key(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;

	return strcmp((*x)->string, (*y)->string);
}

/* The last member of @obj whose key an earlier one has too, or NULL. By sorting: hostile objects
 * are large. */
static const cJSON *repeated_in(const cJSON *obj)
{
	const char *key = NULL;
	const cJSON *found = NULL, *m;
	size_t n = 0, i = 0;

	cJSON_ArrayForEach(m, obj)
		n++;
	if (n < 2)
		return NULL;

	const cJSON **member = art_alloc(n, sizeof(*member));

	cJSON_ArrayForEach(m, obj)
		member[i++] = m;
	qsort(member, n, sizeof(*member), by_key);
	for (i = 1; i < n && !key; i++)
		if (!strcmp(member[i - 1]->string, member[i]->string))
			key = member[i]->string;
	free(member);
	if (key)
		cJSON_ArrayForEach(m, obj)
			found = strcmp(m->string, key) ? found : m;
	return found;
}

/* Depth is bounded by the scan before. */
static const cJSON *find_repeated(const cJSON *v)
{
	const cJSON *found = cJSON_IsObject(v) ? repeated_in(v) : NULL;

	for (const cJSON *m = v->child; m && !found; m = m->next)
		if (m->child)
			found = find_repeated(m);
	return found;
}

/* Count members in document order until @wanted: its ordinal in scan.keys. */
static bool ordinal_of(const cJSON *v, const cJSON *wanted, size_t *ordinal)
{
	for (const cJSON *m = v->child; m; m = m->next) {
		if (m == wanted)
			return true;
		*ordinal += m->string != NULL;
		if (ordinal_of(m, wanted, ordinal))
			return true;
	}
	return false;
}

static enum art_status fail_repeated(const cJSON *root, const cJSON *member, const char *text,
				     size_t len, struct art_err *err)
{
	struct scan again = { .text = text, .len = len };
	char key[64];

	ART_BUG_ON(!ordinal_of(root, member, &again.wanted_key));
	ART_BUG_ON(scan_text(&again) != ART_OK);
	art_text_clean(key, sizeof(key), member->string, strlen(member->string), false);
	return art_fail(err, ART_INVALID, "JSON byte %zu: the key \"%s\" is there twice",
			again.wanted_at, key);
}

/* cJSON reads numbers by strtod: pin the decimal point to '.' meanwhile. */
static cJSON *build_tree(const char *text, size_t len)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

	ART_BUG_ON(!c);

	locale_t before = uselocale(c);
	cJSON *root = cJSON_ParseWithLength(text, len);

	uselocale(before);
	freelocale(c);
	return root;
}

enum art_status json_parse(struct json **out, const char *text, size_t len, size_t max,
			   struct art_err *err)
{
	struct scan s = { .text = text, .len = len, .wanted_key = SIZE_MAX, .err = err };

	*out = NULL;
	if (len > max)
		return art_fail(err, ART_LIMIT, "JSON of %zu bytes is larger than %zu", len, max);

	enum art_status st = scan_text(&s);

	if (st)
		return st;

	cJSON *root = build_tree(text, len);

	if (!root)
		art_die("out of memory: a JSON text of %zu bytes", len);

	const cJSON *repeated = find_repeated(root);

	if (repeated) {
		st = fail_repeated(root, repeated, text, len, err);
		cJSON_Delete(root);
		return st;
	}
	*out = (struct json *)root;
	return ART_OK;
}

void json_free(struct json *j)
{
	cJSON_Delete((cJSON *)j);
}

/* struct json is never defined: its pointers are cJSON's under another name. */
static const cJSON *node(const struct json *j)
{
	return (const cJSON *)j;
}

const struct json *json_get(const struct json *obj, const char *key)
{
	if (!json_is_object(obj))
		return NULL;
	return (const struct json *)cJSON_GetObjectItemCaseSensitive(node(obj), key);
}

const struct json *json_at(const struct json *arr, int i)
{
	if (i < 0 || !(json_is_array(arr) || json_is_object(arr)))
		return NULL;
	return (const struct json *)cJSON_GetArrayItem(node(arr), i);
}

const struct json *json_next(const struct json *j)
{
	return j ? (const struct json *)node(j)->next : NULL;
}

int json_count(const struct json *arr_or_obj)
{
	if (!(json_is_array(arr_or_obj) || json_is_object(arr_or_obj)))
		return 0;
	return cJSON_GetArraySize(node(arr_or_obj));
}

struct json *json_detach(struct json *obj, const char *key)
{
	if (!json_is_object(obj))
		return NULL;
	return (struct json *)cJSON_DetachItemFromObjectCaseSensitive((cJSON *)obj, key);
}

const char *json_key(const struct json *member)
{
	return member ? node(member)->string : NULL;
}

const char *json_str(const struct json *j)
{
	return cJSON_IsString(node(j)) ? node(j)->valuestring : NULL;
}

bool json_is_object(const struct json *j)
{
	return cJSON_IsObject(node(j));
}

bool json_is_array(const struct json *j)
{
	return cJSON_IsArray(node(j));
}

bool json_is_null(const struct json *j)
{
	return cJSON_IsNull(node(j));
}

struct opt_f64 json_num(const struct json *j)
{
	if (!cJSON_IsNumber(node(j)))
		return (struct opt_f64){ 0 };
	return OPT_F64(node(j)->valuedouble);
}

struct opt_i64 json_int(const struct json *j)
{
	struct opt_f64 v = json_num(j);

	if (!v.known || fabs(v.v) >= 0x1p53 || v.v != trunc(v.v))
		return (struct opt_i64){ 0 };
	return OPT_I64((int64_t)v.v);
}

bool json_bool(const struct json *j, bool absent)
{
	return cJSON_IsBool(node(j)) ? cJSON_IsTrue(node(j)) : absent;
}

void json_out_init(struct json_out *o, struct art_buf *b, bool pretty)
{
	*o = (struct json_out){ .b = b, .pretty = pretty };
	o->first[0] = true;
}

static void new_line(struct json_out *o)
{
	if (o->pretty)
		art_buf_putf(o->b, "\n%*s", 2 * o->depth, "");
}

/* The longest run of @s that goes out as it is: valid UTF-8 without '"', '\\' and what is hidden: JSON on a
 * terminal must not act on it either. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		uint32_t c;
		int len = art_utf8_decode(s + i, n - i, &c);

		if (!len || c == '"' || c == '\\' || art_text_is_hidden(c))
			break;
		i += (size_t)len;
	}
	return i;
}

static void put_escape(struct art_buf *b, uint32_t c)
{
	static const char letter[] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',
				       ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\' };

	if (c < sizeof(letter) && letter[c])
		art_buf_putf(b, "\\%c", letter[c]);
	else if (c < 0x10000)
		art_buf_putf(b, "\\u%04x", c);
	else
		art_buf_putf(b, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

static void put_quoted(struct art_buf *b, const char *s)
{
	size_t n = strlen(s);

	art_buf_put(b, "\"");
	while (n) {
		size_t run = plain_run(s, n);

		if (art_buf_add(b, s, run))
			art_die("a JSON text grew past its ceiling of %zu bytes", b->max);
		s += run;
		n -= run;
		if (!n)
			break;

		uint32_t c;
		int len = art_utf8_decode(s, n, &c);

		if (len)
			put_escape(b, c);
		else
			art_buf_put(b, "\xef\xbf\xbd"); /* a byte that is not UTF-8 */
		s += len ? len : 1;
		n -= (size_t)(len ? len : 1);
	}
	art_buf_put(b, "\"");
}

bool json_slice(const char *text, size_t len, const char *key, int index, size_t *at, size_t *n)
{
	struct scan s = { .text = text, .len = len, .wanted_key = SIZE_MAX };
	bool object;

	skip_space(&s);
	object = peek(&s) == '{';
	if (!object && (peek(&s) != '[' || key))
		return false;
	if (object && !key)
		return false;
	s.at++;
	for (int i = 0;; i++) {
		bool mine = !key && i == index;
		size_t from;

		skip_space(&s);
		if (object) {
			from = s.at;
			if (peek(&s) != '"' || scan_string(&s) != ART_OK)
				return false;
			mine = s.at - from == strlen(key) + 2 &&
			       !memcmp(text + from + 1, key, strlen(key));
			skip_space(&s);
			s.at++; /* the colon */
			skip_space(&s);
		}
		from = s.at;
		if (scan_value(&s) != ART_OK)
			return false;
		if (mine) {
			*at = from;
			*n = s.at - from;
			while (*n && strchr(" \t\r\n", text[from + *n - 1]))
				(*n)--;
			return true;
		}
		if (peek(&s) != ',')
			return false;
		s.at++;
	}
}

/* Comma, line break and key before a value. */
static void begin_value(struct json_out *o, const char *key)
{
	ART_BUG_ON(o->depth == 0 && (key || !o->first[0]));
	if (!o->first[o->depth])
		art_buf_put(o->b, ",");
	o->first[o->depth] = false;
	if (o->depth)
		new_line(o);
	if (key) {
		put_quoted(o->b, key);
		art_buf_put(o->b, o->pretty ? ": " : ":");
	}
}

static void open_nested(struct json_out *o, const char *key, const char *bracket)
{
	begin_value(o, key);
	art_buf_put(o->b, bracket);
	ART_BUG_ON((size_t)o->depth + 1 >= ART_COUNT(o->first));
	o->first[++o->depth] = true;
}

static void close_nested(struct json_out *o, const char *bracket)
{
	ART_BUG_ON(o->depth == 0);

	bool empty = o->first[o->depth--];

	if (!empty)
		new_line(o);
	art_buf_put(o->b, bracket);
}

void json_open_object(struct json_out *o, const char *key)
{
	open_nested(o, key, "{");
}

void json_close_object(struct json_out *o)
{
	close_nested(o, "}");
}

void json_open_array(struct json_out *o, const char *key)
{
	open_nested(o, key, "[");
}

void json_close_array(struct json_out *o)
{
	close_nested(o, "]");
}

void json_put_str(struct json_out *o, const char *key, const char *v)
{
	begin_value(o, key);
	if (v)
		put_quoted(o->b, v);
	else
		art_buf_put(o->b, "null");
}

void json_put_int(struct json_out *o, const char *key, int64_t v)
{
	begin_value(o, key);
	art_buf_putf(o->b, "%lld", (long long)v);
}

void json_put_f64(struct json_out *o, const char *key, double v)
{
	char text[32];

	begin_value(o, key);
	art_buf_put(o->b, isfinite(v) ? art_f64_text(v, text, sizeof(text)) : "null");
}

void json_put_opt_f64(struct json_out *o, const char *key, struct opt_f64 v)
{
	if (v.known)
		json_put_f64(o, key, v.v);
	else
		json_put_null(o, key);
}

void json_put_opt_i64(struct json_out *o, const char *key, struct opt_i64 v)
{
	if (v.known)
		json_put_int(o, key, v.v);
	else
		json_put_null(o, key);
}

void json_put_bool(struct json_out *o, const char *key, bool v)
{
	begin_value(o, key);
	art_buf_put(o->b, v ? "true" : "false");
}

void json_put_null(struct json_out *o, const char *key)
{
	begin_value(o, key);
	art_buf_put(o->b, "null");
}

void json_put_raw(struct json_out *o, const char *key, const char *text, size_t n)
{
	begin_value(o, key);
	if (art_buf_add(o->b, text, n))
		art_die("a JSON text grew past its ceiling of %zu bytes", o->b->max);
}

void json_put_time(struct json_out *o, const char *key, int64_t at_us)
{
	char text[32];

	if (at_us)
		json_put_str(o, key, art_time_iso(at_us, text, sizeof(text)));
	else
		json_put_null(o, key);
}
