/*
 * test_json.c - the strict reader (hostile texts) and the writer (round trips).
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/json.h"

#define SEED 20260113u

static struct json *must_parse(const char *text)
{
	struct json *j = NULL;
	struct art_err err;

	if (json_parse(&j, text, strlen(text), 1 << 20, &err))
		fail_msg("%s: %s", text, err.text);
	return j;
}

static void json_parse_must_take_every_kind_of_value(void **state)
{
	static const char *const good[] = {
		"null", " true ", "false\n", "0", "-0", "1", "-12.5e-3", "1E+2", "\"\"", "[]", "{}",
		"[ ]", "{ }", "[1,2,[3,{\"a\":[]}]]", "{\"a\":1,\"b\":{\"a\":1}}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"", "\"\xe6\xbc\xa2\"", "\"\x7f\"",
		"[{\"k\":1},{\"k\":2}]", "1e-400", "{\"\":0}",
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(good); i++)
		json_free(must_parse(good[i]));
	json_free(NULL);
}

static void json_parse_must_refuse_with_the_offset(void **state)
{
	static const struct {
		const char *text;
		int at;
		const char *why;
	} bad[] = {
		{ "", 0, "ends" }, { "  ", 2, "ends" }, { "[1] x", 4, "follows" },
		{ "{} {}", 3, "follows" }, { "tru", 0, "value" }, { "nul", 0, "value" },
		{ "True", 0, "value" }, { "NaN", 0, "value" }, { "-Infinity", 1, "value" },
		{ "01", 1, "follows" }, { "1.", 2, "after the point" }, { ".5", 0, "value" },
		{ "+1", 0, "value" }, { "-", 1, "value" }, { "1e", 2, "exponent" },
		{ "0x10", 1, "follows" }, { "1e999", 5, "too large" }, { "-1e999", 6, "too large" },
		{ "[1,]", 3, "value" }, { "[1 2]", 3, "','" }, { "[1", 2, "','" }, { "[", 1, "ends" },
		{ "{\"a\":1,}", 7, "key" }, { "{\"a\" 1}", 5, "':'" }, { "{a:1}", 1, "key" },
		{ "{\"a\":}", 5, "value" }, { "{\"a\":1", 6, "','" }, { "{'a':1}", 1, "key" },
		{ "\"abc", 4, "not end" }, { "\"a\nb\"", 2, "control" }, { "\"\\x\"", 2, "escape" },
		{ "\"\\u12g4\"", 5, "hex" }, { "\"\\u0000\"", 7, "NUL" },
		{ "\"\\ud800\"", 7, "surrogate" }, { "\"\\udc00\"", 7, "surrogate" },
		{ "\"\\ud800\\u0041\"", 13, "surrogate" }, { "\"\xff\"", 1, "UTF-8" },
		{ "\"ab\xc0\x80\"", 3, "UTF-8" }, { "\xef\xbb\xbf{}", 0, "value" },
		{ "[1]//c", 3, "follows" }, { "\v1", 0, "value" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", 13, "\"a\" is there twice" },
		{ "[0,{\"x\":{\"k\":[],\"k\":0}}]", 16, "\"k\" is there twice" },
		{ "{\"a\":1,\"\\u0061\":2}", 7, "\"a\" is there twice" },
		{ "\"\\", 2, "escape" }, { "\"\\u", 3, "hex" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		struct json *j = NULL;
		struct art_err err = { .code = ART_OK };
		char head[40];

		snprintf(head, sizeof(head), "JSON byte %d: ", bad[i].at);
		if (json_parse(&j, bad[i].text, strlen(bad[i].text), 1000, &err) != ART_INVALID || j)
			fail_msg("took %s", bad[i].text);
		if (strncmp(err.text, head, strlen(head)) != 0 || !strstr(err.text, bad[i].why))
			fail_msg("%s: %s", bad[i].text, err.text);
	}
}

static void json_parse_must_refuse_a_nul_anywhere(void **state)
{
	struct json *j;

	(void)state;
	assert_int_equal(json_parse(&j, "\"a\0b\"", 5, 100, NULL), ART_INVALID);
	assert_int_equal(json_parse(&j, "[1]\0", 4, 100, NULL), ART_INVALID);
	assert_int_equal(json_parse(&j, "\0", 1, 100, NULL), ART_INVALID);
}

static void json_parse_must_refuse_numbers_it_would_split(void **state)
{
	char text[80];
	struct json *j;

	(void)state;
	memset(text, '1', sizeof(text));
	assert_int_equal(json_parse(&j, text, 63, 100, NULL), ART_OK);
	assert_true(json_num(j).v > 1e62);
	json_free(j);
	assert_int_equal(json_parse(&j, text, 64, 100, NULL), ART_INVALID);
}

static void json_parse_must_hold_its_limits(void **state)
{
	char text[200];
	struct json *j;
	struct art_err err;

	(void)state;
	assert_int_equal(json_parse(&j, "[1,2]", 5, 4, &err), ART_LIMIT);
	for (int depth = 60; depth < 70; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		enum art_status s = json_parse(&j, text, (size_t)depth * 2, 1000, &err);
		assert_int_equal(s, depth <= 64 ? ART_OK : ART_LIMIT);
		json_free(j);
	}
	assert_non_null(strstr(err.text, "byte 64: nested deeper than 64"));
}

static void json_parse_must_stay_quick_on_a_huge_object(void **state)
{
	struct art_buf b;
	struct json *j;
	struct art_err err;
	int64_t from = art_mono_us();

	(void)state;
	art_buf_init(&b, 8 << 20);
	art_buf_put(&b, "{");
	for (int i = 0; i < 200000; i++)
		art_buf_putf(&b, "\"k%d\":%d,", i, i);
	art_buf_put(&b, "\"k0\":1}");
	assert_int_equal(json_parse(&j, b.data, b.len, b.max, &err), ART_INVALID);

	assert_non_null(strstr(err.text, "\"k0\" is there twice"));
	assert_true(art_mono_us() - from < 20000000); /* quadratic would take minutes */
	art_buf_destroy(&b);
}

static void json_get_and_friends_must_read_the_right_type_only(void **state)
{
	struct json *j = must_parse("{\"s\":\"x\",\"n\":1.5,\"i\":-7,\"t\":true,\"f\":false,"
				    "\"z\":null,\"a\":[1,\"two\"],\"o\":{\"k\":0}}");

	(void)state;
	assert_string_equal(json_str(json_get(j, "s")), "x");
	assert_null(json_str(json_get(j, "n")));
	assert_true(json_num(json_get(j, "n")).known && json_num(json_get(j, "n")).v == 1.5);
	assert_false(json_num(json_get(j, "s")).known);
	assert_true(json_int(json_get(j, "i")).known && json_int(json_get(j, "i")).v == -7);
	assert_false(json_int(json_get(j, "n")).known);
	assert_true(json_bool(json_get(j, "t"), false));
	assert_false(json_bool(json_get(j, "f"), true));
	assert_true(json_bool(json_get(j, "s"), true));
	assert_true(json_is_null(json_get(j, "z")));
	assert_false(json_is_null(json_get(j, "absent")));
	assert_true(json_is_array(json_get(j, "a")) && json_is_object(json_get(j, "o")));
	assert_null(json_get(j, "S"));
	assert_null(json_get(json_get(j, "a"), "k"));
	assert_null(json_at(json_get(j, "s"), 0));
	json_free(j);
}

static void json_readers_must_accept_absence(void **state)
{
	(void)state;
	assert_null(json_get(NULL, "k"));
	assert_null(json_at(NULL, 0));
	assert_null(json_next(NULL));
	assert_null(json_key(NULL));
	assert_null(json_str(NULL));
	assert_int_equal(json_count(NULL), 0);
	assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_null(NULL));
	assert_false(json_num(NULL).known || json_int(NULL).known);
	assert_true(json_bool(NULL, true));
}

static void json_at_and_next_must_walk_in_order(void **state)
{
	struct json *j = must_parse("{\"b\":1,\"a\":[10,20,30]}");
	const struct json *a = json_at(j, 1);
	int i = 0;

	(void)state;
	assert_int_equal(json_count(j), 2);
	assert_string_equal(json_key(json_at(j, 0)), "b");
	assert_string_equal(json_key(a), "a");
	assert_int_equal(json_count(a), 3);
	for (const struct json *m = json_at(a, 0); m; m = json_next(m), i++) {
		assert_true(json_int(m).v == 10 * (i + 1));
		assert_ptr_equal(m, json_at(a, i));
		assert_null(json_key(m));
	}
	assert_int_equal(i, 3);
	assert_null(json_at(a, 3));
	assert_null(json_at(a, -1));
	json_free(j);
}

static void json_int_must_refuse_what_a_double_cannot_hold(void **state)
{
	static const struct {
		const char *text;
		bool known;
	} row[] = { { "9007199254740991", true }, { "-9007199254740991", true },
		    { "9007199254740992", false }, { "9007199254740993", false }, { "1e3", true },
		    { "1.5", false }, { "1e300", false }, { "-0", true } };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(row); i++) {
		struct json *j = must_parse(row[i].text);
		assert_int_equal(json_int(j).known, row[i].known);
		json_free(j);
	}
}

static void json_parse_must_not_depend_on_the_locale(void **state)
{
	(void)state;
	if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
		print_message("SKIP: no locale with a decimal comma is installed\n");
		skip();
	}
	struct json *j = must_parse("[0.25]");
	assert_true(json_num(json_at(j, 0)).v == 0.25);
	json_free(j);
	setlocale(LC_ALL, "C");
}

static void write_sample(struct art_buf *b, bool pretty)
{
	struct json_out o;

	json_out_init(&o, b, pretty);
	json_open_object(&o, NULL);
	json_put_str(&o, "s", "a\"b\\c\n\x01\xe6\xbc\xa2");
	json_put_str(&o, "none", NULL);
	json_open_array(&o, "a");
	json_put_int(&o, NULL, INT64_MIN);
	json_put_f64(&o, NULL, 0.1);
	json_put_f64(&o, NULL, NAN);
	json_open_object(&o, NULL);
	json_close_object(&o);
	json_close_array(&o);
	json_open_array(&o, "empty");
	json_close_array(&o);
	json_put_opt_f64(&o, "of", OPT_F64(2.5));
	json_put_opt_f64(&o, "of0", (struct opt_f64){ 0 });
	json_put_opt_i64(&o, "oi", OPT_I64(3));
	json_put_opt_i64(&o, "oi0", (struct opt_i64){ 0 });
	json_put_bool(&o, "t", true);
	json_put_null(&o, "z");
	json_put_time(&o, "at", 1000000);
	json_put_time(&o, "never", 0);
	json_close_object(&o);
}

static void json_out_must_write_compact_text(void **state)
{
	struct art_buf b;

	(void)state;
	art_buf_init(&b, 10000);
	write_sample(&b, false);

	assert_string_equal(b.data,
		"{\"s\":\"a\\\"b\\\\c\\n\\u0001\xe6\xbc\xa2\",\"none\":null,"
		"\"a\":[-9223372036854775808,0.1,null,{}],\"empty\":[],\"of\":2.5,\"of0\":null,"
		"\"oi\":3,\"oi0\":null,\"t\":true,\"z\":null,\"at\":\"1970-01-01T00:00:01Z\","
		"\"never\":null}");
	art_buf_destroy(&b);
}

static void json_out_must_write_pretty_text(void **state)
{
	struct art_buf b;
	struct json_out o;

	(void)state;
	art_buf_init(&b, 10000);
	json_out_init(&o, &b, true);
	json_open_object(&o, NULL);
	json_put_int(&o, "a", 1);
	json_open_array(&o, "b");
	json_put_str(&o, NULL, "x");
	json_open_object(&o, NULL);
	json_close_object(&o);
	json_close_array(&o);
	json_close_object(&o);

	assert_string_equal(b.data, "{\n  \"a\": 1,\n  \"b\": [\n    \"x\",\n    {}\n  ]\n}");
	art_buf_destroy(&b);
}

static void json_out_must_be_readable_by_json_parse(void **state)
{
	struct art_buf b;

	(void)state;
	for (int pretty = 0; pretty < 2; pretty++) {
		art_buf_init(&b, 10000);
		write_sample(&b, pretty);
		struct json *j = must_parse(b.data);
		assert_string_equal(json_str(json_get(j, "s")), "a\"b\\c\n\x01\xe6\xbc\xa2");
		assert_int_equal(json_count(json_get(j, "a")), 4);
		json_free(j);
		art_buf_destroy(&b);
	}
}

/* Any bytes may come in as a string; what goes out is JSON, and valid text survives exactly. */
static void json_put_str_must_survive_any_bytes(void **state)
{
	struct art_rng r;

	(void)state;
	art_rng_seed(&r, SEED);
	for (int i = 0; i < 20000; i++) {
		char s[40];
		size_t n = art_rng_u64(&r) % sizeof(s);
		struct art_buf b;
		struct json_out o;

		for (size_t k = 0; k < n; k++)
			s[k] = (char)(art_rng_u64(&r) % (i & 1 ? 255 : 127) + 1);
		s[n ? n - 1 : 0] = '\0';
		art_buf_init(&b, 1000);
		json_out_init(&o, &b, false);
		json_put_str(&o, NULL, s);
		struct json *j = NULL;
		if (json_parse(&j, b.data, b.len, b.max, NULL))
			fail_msg("seed %u, round %d: %s", SEED, i, b.data);
		if (art_utf8_valid(s, strlen(s), NULL) && strcmp(json_str(j), s) != 0)
			fail_msg("seed %u, round %d: changed", SEED, i);
		json_free(j);
		art_buf_destroy(&b);
	}
}

static void put_random(struct json_out *o, struct art_rng *r, const char *key, int depth)
{
	uint64_t kind = art_rng_u64(r) % (depth > 5 ? 4 : 6);
	double v;
	uint64_t bits;
	char name[16];

	switch (kind) {
	case 0:
		json_put_int(o, key, (int64_t)art_rng_u64(r));
		break;
	case 1:
		bits = art_rng_u64(r);
		memcpy(&v, &bits, sizeof(v));
		json_put_f64(o, key, v);
		break;
	case 2:
		json_put_bool(o, key, art_rng_u64(r) & 1);
		break;
	case 3:
		json_put_str(o, key, "\xe2\x82\xac\t\"");
		break;
	case 4:
		json_open_array(o, key);
		for (uint64_t n = art_rng_u64(r) % 4; n; n--)
			put_random(o, r, NULL, depth + 1);
		json_close_array(o);
		break;
	case 5:
		json_open_object(o, key);
		for (uint64_t n = art_rng_u64(r) % 4; n; n--) {
			snprintf(name, sizeof(name), "k%d", (int)n);
			put_random(o, r, name, depth + 1);
		}
		json_close_object(o);
		break;
	}
}

/* Write @j again through the writer. */
static void put_back(struct json_out *o, const struct json *j, const char *key)
{
	bool object = json_is_object(j);

	if (object || json_is_array(j)) {
		(object ? json_open_object : json_open_array)(o, key);
		for (const struct json *m = json_at(j, 0); m; m = json_next(m))
			put_back(o, m, json_key(m));
		(object ? json_close_object : json_close_array)(o);
	} else if (json_str(j)) {
		json_put_str(o, key, json_str(j));
	} else if (json_num(j).known) {
		json_put_f64(o, key, json_num(j).v);
	} else if (json_is_null(j)) {
		json_put_null(o, key);
	} else {
		json_put_bool(o, key, json_bool(j, false));
	}
}

static void written_trees_must_read_back_the_same(void **state)
{
	struct art_rng r;

	(void)state;
	art_rng_seed(&r, SEED + 1);
	for (int i = 0; i < 2000; i++) {
		struct art_buf one, two, three;
		struct json_out o;
		struct json *j, *k;

		art_buf_init(&one, 1 << 20);
		art_buf_init(&two, 1 << 20);
		art_buf_init(&three, 1 << 20);
		json_out_init(&o, &one, i & 1);
		put_random(&o, &r, NULL, 0);
		j = must_parse(one.data);
		json_out_init(&o, &two, false);
		put_back(&o, j, NULL);
		k = must_parse(two.data);
		json_out_init(&o, &three, false);
		put_back(&o, k, NULL);
		if (strcmp(two.data, three.data) != 0)
			fail_msg("seed %u, round %d: %s", SEED + 1, i, one.data);
		json_free(j);
		json_free(k);
		art_buf_destroy(&one);
		art_buf_destroy(&two);
		art_buf_destroy(&three);
	}
}

/* Whatever a damaged text is, reading it ends, and ends cleanly. */
static void json_parse_must_survive_damage(void **state)
{
	static const char sample[] = "{\"a\":[1,2.5e-3,\"\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":null}}";
	struct art_rng r;
	int taken = 0;

	(void)state;
	art_rng_seed(&r, SEED + 2);
	for (int i = 0; i < 100000; i++) {
		size_t n = art_rng_u64(&r) % sizeof(sample);
		char *text = art_alloc(n, 1); /* exact, so that reading past the end is seen */
		struct json *j;

		memcpy(text, sample, n);
		for (uint64_t k = art_rng_u64(&r) % 4; n && k; k--)
			text[art_rng_u64(&r) % n] = sample[art_rng_u64(&r) % (sizeof(sample) - 1)];
		taken += json_parse(&j, text, n, 1000, NULL) == ART_OK;
		json_free(j);
		free(text);
	}
	assert_true(taken > 0);
}

static void json_must_refuse_more_values_than_fit_in_memory(void **state)
{
	enum { N = 2 << 20 };
	char *text = malloc(N);
	struct json *j = NULL;
	struct art_err err = { 0 };
	(void)state;

	for (int i = 0; i < N; i++)
		text[i] = i % 2 ? '0' : ',';
	text[0] = '[';
	text[N - 1] = ']';
	text[N - 2] = ' ';
	text[N - 3] = '0';
	assert_int_equal(json_parse(&j, text, N, N, &err), ART_LIMIT);
	assert_null(j);
	assert_non_null(strstr(err.text, "more than 500000 values"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_must_refuse_more_values_than_fit_in_memory),
		cmocka_unit_test(json_parse_must_take_every_kind_of_value),
		cmocka_unit_test(json_parse_must_refuse_with_the_offset),
		cmocka_unit_test(json_parse_must_refuse_a_nul_anywhere),
		cmocka_unit_test(json_parse_must_refuse_numbers_it_would_split),
		cmocka_unit_test(json_parse_must_hold_its_limits),
		cmocka_unit_test(json_parse_must_stay_quick_on_a_huge_object),
		cmocka_unit_test(json_get_and_friends_must_read_the_right_type_only),
		cmocka_unit_test(json_readers_must_accept_absence),
		cmocka_unit_test(json_at_and_next_must_walk_in_order),
		cmocka_unit_test(json_int_must_refuse_what_a_double_cannot_hold),
		cmocka_unit_test(json_parse_must_not_depend_on_the_locale),
		cmocka_unit_test(json_out_must_write_compact_text),
		cmocka_unit_test(json_out_must_write_pretty_text),
		cmocka_unit_test(json_out_must_be_readable_by_json_parse),
		cmocka_unit_test(json_put_str_must_survive_any_bytes),
		cmocka_unit_test(written_trees_must_read_back_the_same),
		cmocka_unit_test(json_parse_must_survive_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
