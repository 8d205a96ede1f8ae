/*
 * test_ckpt.c - safetensors: what is written is the format, what is read is trusted in nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/train/ckpt.h"

#define HASH64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const float matrix[6] = { 1, 2, 3, 4, 5, -6.5f }, vector[2] = { 0.25f, -0.5f };
static const struct ckpt_tensor tensors[] = {
	{ .name = "transformer.wte.weight", .n_dims = 2, .dims = { 3, 2 }, .count = 6,
	  .data = matrix },
	{ .name = "resid_lambdas", .n_dims = 1, .dims = { 2 }, .count = 2, .data = vector },
};
static const struct ckpt_meta meta = {
	.model = { .vocab_size = 300, .n_layer = 2, .n_head = 1, .n_embd = 64, .seq_len = 64,
		   .window_pattern = "SL" },
	.tokenizer_sha256 = { HASH64 }, .data_sha256 = { HASH64 }, .recipe_sha256 = { HASH64 },
	.steps = 12, .tokens = 49152, .seed = 42,
};

static int setup(void **state)
{
	char *path = art_strdup("/tmp/artui-test-ckpt-XXXXXX");
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	*state = path;
	return ckpt_write(path, &meta, tensors, 2, NULL) == ART_OK ? 0 : -1;
}

static int teardown(void **state)
{
	unlink(*state);
	free(*state);
	return 0;
}

static void ckpt_open_must_give_back_what_was_written(void **state)
{
	struct ckpt *c = NULL;
	struct hash_hex h;

	assert_int_equal(ckpt_open(&c, *state, NULL), ART_OK);
	assert_memory_equal(ckpt_meta(c), &meta, sizeof(meta));
	assert_int_equal(ckpt_count(c), 2);
	const struct ckpt_tensor *t = ckpt_find(c, "transformer.wte.weight");
	assert_non_null(t);
	assert_int_equal(t->n_dims, 2);
	assert_int_equal(t->dims[0], 3);
	assert_memory_equal(t->data, matrix, sizeof(matrix));
	t = ckpt_find(c, "resid_lambdas");
	assert_non_null(t);
	assert_memory_equal(t->data, vector, sizeof(vector));
	assert_null(ckpt_find(c, "lm_head.weight"));
	assert_int_equal(hash_file(*state, &h, NULL), ART_OK);
	assert_string_equal(ckpt_sha256(c), h.s);
	ckpt_close(c);
}

/* Independent of the reader: the bytes follow the published format. */
static void ckpt_write_must_write_safetensors(void **state)
{
	struct art_buf b;
	uint64_t len = 0;

	art_buf_init(&b, 1 << 20);
	assert_int_equal(art_read_file(&b, *state, 1 << 20, NULL), ART_OK);
	for (int i = 7; i >= 0; i--)
		len = len << 8 | (unsigned char)b.data[i];
	assert_int_equal(8 + len + sizeof(matrix) + sizeof(vector), b.len);
	assert_int_equal(b.data[8], '{');
	/* Padding is spaces after the object. */
	size_t end = 8 + (size_t)len;
	while (b.data[end - 1] == ' ')
		end--;
	assert_int_equal(b.data[end - 1], '}');
	char *header = art_printf("%.*s", (int)(end - 8), b.data + 8);
	assert_non_null(strstr(header, "\"__metadata__\":{"));
	assert_non_null(strstr(header, "\"n_embd\":\"64\""));
	assert_non_null(strstr(header, "\"transformer.wte.weight\":{\"dtype\":\"F32\","
				       "\"shape\":[3,2],\"data_offsets\":[0,24]}"));
	assert_non_null(strstr(header, "\"resid_lambdas\":{\"dtype\":\"F32\","
				       "\"shape\":[2],\"data_offsets\":[24,32]}"));
	assert_memory_equal(b.data + 8 + len, matrix, sizeof(matrix));
	assert_memory_equal(b.data + 8 + len + sizeof(matrix), vector, sizeof(vector));
	free(header);
	art_buf_destroy(&b);
}

static void ckpt_write_must_leave_the_old_file_on_failure(void **state)
{
	struct art_err err = { 0 };

	(void)state;
	assert_int_not_equal(ckpt_write("/nonexistent/dir/model", &meta, tensors, 2, &err), ART_OK);
	assert_non_null(strstr(err.text, "/nonexistent/dir/model"));
}

static void write_raw(const char *path, uint64_t len, const char *header, size_t n_header,
		      size_t n_data)
{
	unsigned char *p = art_alloc(8 + n_header + n_data, 1);

	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(len >> (8 * i));
	memcpy(p + 8, header, n_header);
	assert_int_equal(art_write_file(path, p, 8 + n_header + n_data, 0600, NULL), ART_OK);
	free(p);
}

static enum art_status open_raw(const char *path)
{
	struct ckpt *c = NULL;
	struct art_err err = { 0 };
	enum art_status st = ckpt_open(&c, path, &err);

	if (st != ART_OK) {
		assert_null(c);
		assert_non_null(strstr(err.text, path));
	}
	ckpt_close(c);
	return st;
}

#define META                                                                                      \
	"\"__metadata__\":{\"framework\":\"artui-train\",\"vocab_size\":\"300\",\"n_layer\":\"2\"," \
	"\"n_head\":\"1\",\"n_embd\":\"64\",\"sequence_len\":\"64\",\"window_pattern\":\"SL\","      \
	"\"tokenizer_sha256\":\"" HASH64 "\",\"data_sha256\":\"" HASH64                              \
	"\",\"recipe_sha256\":\"" HASH64 "\",\"steps\":\"1\",\"tokens\":\"1\",\"seed\":\"1\"}"

/* Pads to a float's boundary, so that only the named fault is a fault. */
static enum art_status open_header(const char *path, const char *header, size_t n_data)
{
	char *text = art_printf("%s   ", header);
	size_t n = strlen(header);

	while (n % 4)
		n++;
	write_raw(path, n, text, n, n_data);
	free(text);
	return open_raw(path);
}

static void ckpt_open_must_refuse_hostile_headers(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"a\":1}",
		"{" META ",\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,2],\"data_offsets\":[0,8]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647],"
		"\"data_offsets\":[0,8]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,6]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}",
		"{" META ",\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
		"\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
		"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
		"\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		"{" META ",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":"
		"{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
	};

	/* The same without a fault opens. */
	assert_int_equal(open_header(*state, "{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
					     "\"data_offsets\":[0,8]}}", 8), ART_OK);
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		if (open_header(*state, bad[i], 8) != ART_CORRUPT)
			fail_msg("accepted: %s", bad[i]);
}

static void ckpt_open_must_refuse_impossible_lengths(void **state)
{
	static const uint64_t len[] = { 4, 400, CKPT_HEADER_MAX + 1, UINT64_MAX, UINT64_MAX - 7 };

	for (size_t i = 0; i < ART_COUNT(len); i++) {
		write_raw(*state, len[i], "{}      ", 8, 0);
		assert_int_equal(open_raw(*state), ART_CORRUPT);
	}
}

static void ckpt_open_must_refuse_every_truncation(void **state)
{
	struct art_buf b;

	art_buf_init(&b, 1 << 20);
	assert_int_equal(art_read_file(&b, *state, 1 << 20, NULL), ART_OK);
	for (size_t n = 0; n < b.len; n += n < 16 ? 1 : 7) {
		assert_int_equal(art_write_file(*state, b.data, n, 0600, NULL), ART_OK);
		assert_int_equal(open_raw(*state), ART_CORRUPT);
	}
	art_buf_destroy(&b);
}

/* Whatever one flipped bit makes of a file, reading it ends in a status, and what opens lies
 * inside the file (the sanitizers watch). */
static void ckpt_open_must_survive_flipped_bits(void **state)
{
	struct art_buf b;

	art_buf_init(&b, 1 << 20);
	assert_int_equal(art_read_file(&b, *state, 1 << 20, NULL), ART_OK);
	for (size_t at = 0; at < b.len - 32; at++) {
		struct ckpt *c = NULL;
		float sum = 0;

		b.data[at] ^= (char)(1 << at % 8);
		assert_int_equal(art_write_file(*state, b.data, b.len, 0600, NULL), ART_OK);
		if (ckpt_open(&c, *state, NULL) == ART_OK)
			for (int i = 0; i < ckpt_count(c); i++)
				for (size_t k = 0; k < ckpt_tensor(c, i)->count; k++)
					sum += ckpt_tensor(c, i)->data[k];
		assert_true(sum == sum);
		ckpt_close(c);
		b.data[at] ^= (char)(1 << at % 8);
	}
	art_buf_destroy(&b);
}

static void ckpt_open_must_say_when_there_is_no_file(void **state)
{
	struct ckpt *c = NULL;

	(void)state;
	assert_int_equal(ckpt_open(&c, "/nonexistent/model.safetensors", NULL), ART_NOT_FOUND);
	assert_int_equal(ckpt_open(&c, "/tmp", NULL), ART_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ckpt_open_must_give_back_what_was_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ckpt_write_must_write_safetensors, setup, teardown),
		cmocka_unit_test(ckpt_write_must_leave_the_old_file_on_failure),
		cmocka_unit_test_setup_teardown(ckpt_open_must_refuse_hostile_headers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ckpt_open_must_refuse_impossible_lengths, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ckpt_open_must_refuse_every_truncation, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ckpt_open_must_survive_flipped_bits, setup,
						teardown),
		cmocka_unit_test(ckpt_open_must_say_when_there_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
