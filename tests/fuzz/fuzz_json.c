/*
 * fuzz_json.c - what json_parse accepts, the writer writes and json_parse reads again, unchanged.
 */
#include <stdlib.h>
#include <string.h>

#include "store/json.h"
#include "tests/fuzz/fuzz.h"

#define DEPTH_MAX 64 /* json.h's */
#define WRITER_DEPTH_MAX 30
#define TEXT_MAX ((size_t)64 << 20)

/* Copies a tree through the reader's accessors and the writer; returns its depth. */
static int copy(struct json_out *o, const char *key, const struct json *j, int depth)
{
	int deepest = depth;

	FUZZ_MUST(depth <= DEPTH_MAX);
	if (json_is_object(j) || json_is_array(j)) {
		bool object = json_is_object(j);
		const struct json *member = json_at(j, 0);
		int n = 0;

		FUZZ_MUST(!json_str(j) && !json_num(j).known && !json_is_null(j));
		if (o)
			object ? json_open_object(o, key) : json_open_array(o, key);
		for (; member; member = json_next(member), n++) {
			const char *name = json_key(member);
			int d = copy(o, object ? name : NULL, member, depth + 1);

			FUZZ_MUST(!object || json_get(j, name) == member);
			deepest = d > deepest ? d : deepest;
		}
		FUZZ_MUST(n == json_count(j) && !json_at(j, n));
		if (o)
			object ? json_close_object(o) : json_close_array(o);
	} else if (o && json_str(j)) {
		FUZZ_MUST(art_utf8_valid(json_str(j), strlen(json_str(j)), NULL));
		json_put_str(o, key, json_str(j));
	} else if (o && json_num(j).known) {
		FUZZ_MUST(!json_int(j).known || (double)json_int(j).v == json_num(j).v);
		json_put_f64(o, key, json_num(j).v);
	} else if (o && json_is_null(j)) {
		json_put_null(o, key);
	} else if (o) {
		FUZZ_MUST(json_bool(j, true) == json_bool(j, false));
		json_put_bool(o, key, json_bool(j, false));
	}
	return deepest;
}

static void write_tree(struct art_buf *b, const struct json *j, bool pretty)
{
	struct json_out o;

	art_buf_init(b, TEXT_MAX);
	json_out_init(&o, b, pretty);
	copy(&o, NULL, j, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *j = NULL, *again = NULL;
	struct art_err err = { 0 };
	struct art_buf a, b;

	if (json_parse(&j, (const char *)data, size, 1 << 20, &err) != ART_OK) {
		FUZZ_MUST(err.code != ART_OK && err.text[0]);
		return 0;
	}
	FUZZ_MUST(art_utf8_valid((const char *)data, size, NULL));
	if (copy(NULL, NULL, j, 0) < WRITER_DEPTH_MAX) {
		write_tree(&a, j, size % 2);
		FUZZ_MUST(json_parse(&again, a.data, a.len, TEXT_MAX, &err) == ART_OK);
		write_tree(&b, again, size % 2);
		FUZZ_MUST(a.len == b.len && !memcmp(a.data, b.data, a.len));
		art_buf_destroy(&a);
		art_buf_destroy(&b);
		json_free(again);
	}
	json_free(j);
	return 0;
}
