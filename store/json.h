/*
 * json.h - strict, bounded JSON: reading over cJSON, writing into an art_buf.
 *
 * Layer: store. Threads: any, one value per thread. Foreign header cJSON.h stays in json.c.
 * Reading refuses: more than @max bytes, depth over 64, more than 500,000 values, trailing bytes,
 * duplicate keys, invalid UTF-8, NUL in strings.
 */
#ifndef STORE_JSON_H
#define STORE_JSON_H

#include "store/base.h"

struct json; /* borrowed views into one owned tree */

/* Owns: *out, free with json_free. Errors: INVALID (with byte offset), LIMIT. */
ART_MUST_USE enum art_status json_parse(struct json **out, const char *text, size_t len, size_t max,
					struct art_err *err);
void json_free(struct json *j); /* NULL is fine */

/* All of these accept NULL (absent) and answer NULL / false / unknown for a wrong type. */
const struct json *json_get(const struct json *obj, const char *key);
const struct json *json_at(const struct json *arr, int i);
const struct json *json_next(const struct json *j); /* the sibling after @j: json_at is linear in i */
int json_count(const struct json *arr_or_obj);
/* Takes the member @key out of @obj: the caller owns it now (json_free). NULL when absent. */
struct json *json_detach(struct json *obj, const char *key);
const char *json_key(const struct json *member); /* name of a member reached by json_at on an object */
const char *json_str(const struct json *j);      /* NULL when not a string */
bool json_is_object(const struct json *j);
bool json_is_array(const struct json *j);
bool json_is_null(const struct json *j);
struct opt_f64 json_num(const struct json *j);
struct opt_i64 json_int(const struct json *j);   /* whole numbers below 2^53 only: above, a double is not exact */
bool json_bool(const struct json *j, bool absent);

/*
 * Where in @text, which json_parse took, the value of a member @key of the object at its top lies, or
 * with @key NULL the element @index of the array: for passing a piece on byte for byte. A key is
 * compared as written; one with escapes is not found.
 */
ART_MUST_USE bool json_slice(const char *text, size_t len, const char *key, int index, size_t *at,
			     size_t *n);

/*
 * Writer: commas and quoting are its business, nesting is the caller's. @key is NULL inside
 * arrays and at the top. Doubles print in shortest round-trip form; non-finite prints null.
 */
struct json_out {
	struct art_buf *b;
	int depth;
	bool first[32];
	bool pretty; /* two-space indentation */
};
void json_out_init(struct json_out *o, struct art_buf *b, bool pretty);
void json_open_object(struct json_out *o, const char *key);
void json_close_object(struct json_out *o);
void json_open_array(struct json_out *o, const char *key);
void json_close_array(struct json_out *o);
void json_put_str(struct json_out *o, const char *key, const char *v); /* NULL: null */
void json_put_int(struct json_out *o, const char *key, int64_t v);
void json_put_f64(struct json_out *o, const char *key, double v);
void json_put_opt_f64(struct json_out *o, const char *key, struct opt_f64 v);
void json_put_opt_i64(struct json_out *o, const char *key, struct opt_i64 v);
void json_put_bool(struct json_out *o, const char *key, bool v);
void json_put_null(struct json_out *o, const char *key);
void json_put_raw(struct json_out *o, const char *key, const char *text, size_t n); /* valid JSON already */
void json_put_time(struct json_out *o, const char *key, int64_t at_us); /* ISO; 0: null */

#endif
