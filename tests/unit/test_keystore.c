/*
 * test_keystore.c - key files: those of other programs, our own, and files that are wrong or hostile.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/pay/keystore.h"
#include "store/json.h"

#define KEY "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"
#define ADDRESS "90f79bf6eb2c4f870365e785982e1f101e93b906"
#define PASSWORD "testpassword"

struct fixture {
	struct keys *keys;
	struct eth_key key, got;
	struct art_buf vectors;
	struct art_err err;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	assert_int_equal(keys_open(&f->keys, NULL), ART_OK);
	assert_true(hex_decode(KEY, f->key.b, sizeof(f->key.b)));
	assert_int_equal(art_read_file(&f->vectors, "tests/vectors/keystores.json", 1 << 20, &f->err), ART_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	keys_close(f->keys);
	art_buf_destroy(&f->vectors);
	free(f);
	return 0;
}

static enum art_status decrypt(struct fixture *f, const char *text, size_t len, const char *password)
{
	memset(&f->err, 0, sizeof(f->err));
	memset(&f->got, 0x5a, sizeof(f->got));
	return keystore_decrypt(f->keys, text, len, password, strlen(password), &f->got, &f->err);
}

static bool all_zero(const struct eth_key *k)
{
	static const struct eth_key zero;

	return !memcmp(k, &zero, sizeof(zero));
}

/* The text is refused with @want and @says, and no byte of a key is left behind. */
static void refused(struct fixture *f, const char *text, enum art_status want, const char *says)
{
	enum art_status s = decrypt(f, text, strlen(text), PASSWORD);

	if (s != want || !strstr(f->err.text, says))
		fail_msg("%s: \"%s\" instead of \"%s\" for\n%s", art_status_text(s), f->err.text, says, text);
	assert_true(all_zero(&f->got));
}

/* ---- files of other programs ------------------------------------------------------------------- */

static void keystore_decrypt_must_open_the_files_of_other_programs(void **state)
{
	static const struct {
		const char *label, *password;
		bool named;
	} rows[] = {
		{ "scrypt_n8192", PASSWORD, false },
		{ "pbkdf2_c10240", PASSWORD, false },
		{ "ethers_scrypt_n4096_r8_p1", PASSWORD, true },
		{ "scrypt_n262144_r8_p1_utf8pw", "p\xc3\xa4ssw\xc3\xb6rd \xe2\x98\x83", true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct eth_address who;
		char hex[64];
		size_t at, n;

		assert_true(json_slice(f->vectors.data, f->vectors.len, rows[i].label, 0, &at, &n));
		if (decrypt(f, f->vectors.data + at, n, rows[i].password) != ART_OK)
			fail_msg("%s: %s", rows[i].label, f->err.text);
		assert_memory_equal(&f->got, &f->key, sizeof(f->key));
		assert_int_equal(keystore_address(f->vectors.data + at, n, &who, &f->err),
				 rows[i].named ? ART_OK : ART_NOT_FOUND);
		if (rows[i].named)
			assert_string_equal(hex_encode(who.b, sizeof(who.b), hex), "0x" ADDRESS);
	}
}

static void keystore_decrypt_must_refuse_a_wrong_password_in_words(void **state)
{
	static const char *const wrong[] = { "", "testpasswor", "testpassword ", "Testpassword", "\n" };
	struct fixture *f = *state;
	size_t at, n;

	assert_true(json_slice(f->vectors.data, f->vectors.len, "ethers_scrypt_n4096_r8_p1", 0, &at, &n));
	for (size_t i = 0; i < ART_COUNT(wrong); i++) {
		assert_int_equal(decrypt(f, f->vectors.data + at, n, wrong[i]), ART_REFUSED);
		assert_string_equal(f->err.text, "wrong password");
		assert_true(all_zero(&f->got));
	}
}

/* ---- our own ----------------------------------------------------------------------------------- */

static struct art_buf encrypted(struct fixture *f, enum keystore_kdf kdf, int64_t work, const char *password)
{
	struct keystore_options opt = { .kdf = kdf, .work = work };
	struct art_buf out;

	art_buf_init(&out, KEYSTORE_FILE_MAX);
	assert_int_equal(keystore_encrypt(f->keys, &f->key, password, strlen(password), &opt, &out, &f->err),
			 ART_OK);
	return out;
}

static void keystore_encrypt_must_make_what_keystore_decrypt_opens(void **state)
{
	static const struct {
		enum keystore_kdf kdf;
		int64_t work;
		const char *password;
	} rows[] = {
		{ KEYSTORE_SCRYPT, 2, PASSWORD },
		{ KEYSTORE_SCRYPT, 1024, "" },
		{ KEYSTORE_SCRYPT, 4096, "\xe2\x98\x83 \"\\\x01" },
		{ KEYSTORE_PBKDF2, 1, PASSWORD },
		{ KEYSTORE_PBKDF2, 1000, "" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct art_buf b = encrypted(f, rows[i].kdf, rows[i].work, rows[i].password);

		assert_int_equal(decrypt(f, b.data, b.len, rows[i].password), ART_OK);
		assert_memory_equal(&f->got, &f->key, sizeof(f->key));
		assert_int_equal(decrypt(f, b.data, b.len, "another"), ART_REFUSED);
		art_buf_destroy(&b);
	}
}

static void keystore_encrypt_must_write_the_form_that_others_read(void **state)
{
	struct fixture *f = *state;
	struct art_buf b = encrypted(f, KEYSTORE_SCRYPT, 2, PASSWORD);
	const struct json *crypto, *params;
	struct json *j = NULL;
	const char *id;

	assert_int_equal(json_parse(&j, b.data, b.len, KEYSTORE_FILE_MAX, NULL), ART_OK);
	crypto = json_get(j, "crypto");
	params = json_get(crypto, "kdfparams");
	id = json_str(json_get(j, "id"));
	assert_string_equal(json_str(json_get(j, "address")), ADDRESS);
	assert_int_equal(json_int(json_get(j, "version")).v, 3);
	assert_string_equal(json_str(json_get(crypto, "cipher")), "aes-128-ctr");
	assert_string_equal(json_str(json_get(crypto, "kdf")), "scrypt");
	assert_int_equal(json_int(json_get(params, "n")).v, 2);
	assert_int_equal(json_int(json_get(params, "r")).v, 8);
	assert_int_equal(json_int(json_get(params, "p")).v, 1);
	assert_int_equal(json_int(json_get(params, "dklen")).v, 32);
	assert_int_equal(strlen(json_str(json_get(params, "salt"))), 64);
	assert_int_equal(strlen(json_str(json_get(json_get(crypto, "cipherparams"), "iv"))), 32);
	/* A random UUID: 8-4-4-4-12, version 4, variant 1. */
	assert_int_equal(strlen(id), 36);
	assert_true(id[8] == '-' && id[13] == '-' && id[14] == '4' && id[18] == '-' && id[23] == '-');
	assert_non_null(strchr("89ab", id[19]));
	assert_null(strstr(b.data, KEY));
	json_free(j);
	art_buf_destroy(&b);
}

static void keystore_encrypt_must_never_repeat_salt_iv_and_id(void **state)
{
	static const char *const path[][3] = { { "crypto", "kdfparams", "salt" },
					       { "crypto", "cipherparams", "iv" } };
	struct fixture *f = *state;
	struct art_buf a = encrypted(f, KEYSTORE_PBKDF2, 1, PASSWORD);
	struct art_buf b = encrypted(f, KEYSTORE_PBKDF2, 1, PASSWORD);
	struct json *ja = NULL, *jb = NULL;

	assert_int_equal(json_parse(&ja, a.data, a.len, KEYSTORE_FILE_MAX, NULL), ART_OK);
	assert_int_equal(json_parse(&jb, b.data, b.len, KEYSTORE_FILE_MAX, NULL), ART_OK);
	for (size_t i = 0; i < ART_COUNT(path); i++)
		assert_string_not_equal(
			json_str(json_get(json_get(json_get(ja, path[i][0]), path[i][1]), path[i][2])),
			json_str(json_get(json_get(json_get(jb, path[i][0]), path[i][1]), path[i][2])));
	assert_string_not_equal(json_str(json_get(ja, "id")), json_str(json_get(jb, "id")));
	json_free(ja);
	json_free(jb);
	art_buf_destroy(&a);
	art_buf_destroy(&b);
}

static void keystore_encrypt_must_refuse_bad_work_and_keys(void **state)
{
	static const struct {
		enum keystore_kdf kdf;
		int64_t work;
		enum art_status want;
	} rows[] = {
		{ KEYSTORE_SCRYPT, 3, ART_INVALID },	      { KEYSTORE_SCRYPT, 1, ART_INVALID },
		{ KEYSTORE_SCRYPT, -2, ART_INVALID },	      { KEYSTORE_SCRYPT, 1 << 30, ART_LIMIT },
		{ KEYSTORE_PBKDF2, -1, ART_INVALID },	      { KEYSTORE_PBKDF2, 10000001, ART_LIMIT },
	};
	struct fixture *f = *state;
	struct keystore_options cheap = { .kdf = KEYSTORE_PBKDF2, .work = 1 };
	struct eth_key zero = { { 0 } };
	struct art_buf out;

	art_buf_init(&out, KEYSTORE_FILE_MAX);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct keystore_options opt = { .kdf = rows[i].kdf, .work = rows[i].work };

		assert_int_equal(keystore_encrypt(f->keys, &f->key, "x", 1, &opt, &out, &f->err),
				 rows[i].want);
	}
	assert_int_equal(keystore_encrypt(f->keys, &zero, "x", 1, &cheap, &out, &f->err), ART_INVALID);
	assert_int_equal(out.len, 0);
	art_buf_destroy(&out);
}

/* ---- malformed and hostile files --------------------------------------------------------------- */

#define HEX32 "0101010101010101010101010101010101010101010101010101010101010101"
#define IV "02020202020202020202020202020202"
#define HEAD "{\"version\":3,\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"" IV "\"}," \
	     "\"ciphertext\":\"" HEX32 "\",\"mac\":\"" HEX32 "\","
#define SCRYPT(n, r, p) HEAD "\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":" n ",\"r\":" r \
			     ",\"p\":" p ",\"salt\":\"" HEX32 "\"}}}"
#define PBKDF2(c) HEAD "\"kdf\":\"pbkdf2\",\"kdfparams\":{\"dklen\":32,\"c\":" c \
		       ",\"prf\":\"hmac-sha256\",\"salt\":\"" HEX32 "\"}}}"

static void keystore_decrypt_must_say_what_is_wrong_with_a_text(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "not a keystore" },
		{ "not json", "not a keystore" },
		{ "{}", "there is no \"crypto\"" },
		{ "[]", "there is no \"crypto\"" },
		{ "{\"version\":3,\"crypto\":\"x\"}", "there is no \"crypto\"" },
		{ "{\"crypto\":{}}", "another version than 3" },
		{ "{\"version\":1,\"crypto\":{}}", "another version than 3" },
		{ "{\"version\":\"3\",\"crypto\":{}}", "another version than 3" },
		{ "{\"version\":3,\"crypto\":{},\"crypto\":{}}", "not a keystore" },
		{ "{\"version\":3,\"crypto\":{}}", "cipher is not aes-128-ctr" },
		{ "{\"version\":3,\"crypto\":{\"cipher\":\"aes-256-gcm\"}}", "cipher is not aes-128-ctr" },
		{ "{\"version\":3,\"crypto\":{\"cipher\":\"aes-128-ctr\"}}", "iv (16 bytes)" },
		{ SCRYPT("2", "8", "1") " trailing", "not a keystore" },
		{ SCRYPT("0", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("1", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("3", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("-2", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("2.5", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("\"2\"", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("null", "8", "1"), "no scrypt parameters" },
		{ SCRYPT("2", "0", "1"), "no scrypt parameters" },
		{ SCRYPT("2", "8", "0"), "no scrypt parameters" },
		{ SCRYPT("2", "8", "-1"), "no scrypt parameters" },
		/* RFC 7914: n < 2^(128 r / 8). */
		{ SCRYPT("65536", "1", "1"), "own limits" },
		{ PBKDF2("0"), "count must be positive" },
		{ PBKDF2("-1"), "count must be positive" },
		{ PBKDF2("1e300"), "count must be positive" },
		{ HEAD "\"kdf\":\"argon2\",\"kdfparams\":{}}}", "neither scrypt nor pbkdf2" },
		{ HEAD "\"kdfparams\":{}}}", "neither scrypt nor pbkdf2" },
		{ HEAD "\"kdf\":\"pbkdf2\",\"kdfparams\":{\"prf\":\"hmac-md5\"}}}", "not over hmac-sha256" },
		{ HEAD "\"kdf\":\"pbkdf2\",\"kdfparams\":{}}}", "not over hmac-sha256" },
		{ HEAD "\"kdf\":\"scrypt\"}}", "dklen is not 32" },
		{ HEAD "\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":64}}}", "dklen is not 32" },
		{ HEAD "\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32}}}", "salt is missing" },
		{ HEAD "\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"salt\":\"zz\"}}}", "salt is missing" },
		{ HEAD "\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"salt\":\"" HEX32 HEX32 "00\"}}}",
		  "salt is missing" },
	};

	for (size_t i = 0; i < ART_COUNT(rows); i++)
		refused(*state, rows[i].text, ART_INVALID, rows[i].says);
}

/* Each of the fixed fields one digit short, long, no hex, no text, and absent. */
static void keystore_decrypt_must_refuse_every_malformed_field(void **state)
{
	static const char *const fields[] = { "\"iv\":\"" IV "\"", "\"ciphertext\":\"" HEX32 "\"",
					      "\"mac\":\"" HEX32 "\"" };
	static const char *const instead[] = { "\"\"", "\"01\"", "\"" HEX32 "01\"", "\"" HEX32 "0\"",
					       "\"zz" IV "\"", "7", "null", "{}" };
	static const char whole[] = PBKDF2("1");
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(fields); i++) {
		const char *at = strstr(whole, fields[i]);
		int name = (int)(strchr(fields[i], ':') - fields[i]) + 1;

		assert_non_null(at);
		for (size_t k = 0; k < ART_COUNT(instead); k++) {
			char *text = art_printf("%.*s%.*s%s%s", (int)(at - whole), whole, name, fields[i],
						instead[k], at + strlen(fields[i]));

			refused(f, text, ART_INVALID, "iv (16 bytes), ciphertext (32) or mac (32)");
			free(text);
		}
	}
	refused(f, whole, ART_REFUSED, "wrong password");
}

/* What they ask for is refused before it is asked of the system. Runs first: an honest file has not made
 * the process large yet. */
static void keystore_decrypt_must_refuse_costly_parameters_unspent(void **state)
{
	static const char *const rows[] = {
		SCRYPT("1073741824", "8", "1"),	      SCRYPT("1073741824", "1", "1"),
		SCRYPT("2", "1000000000", "1"),	      SCRYPT("2", "8", "1000000000"),
		SCRYPT("2097152", "8", "1"),	      SCRYPT("1048576", "8", "16"),
		SCRYPT("2", "9007199254740991", "9007199254740991"),
		SCRYPT("4503599627370496", "9007199254740991", "1"),
		/* Not the block mixes but the blocks themselves: 128 r p = 4 GiB. */
		SCRYPT("2", "1", "33554432"),	      SCRYPT("2", "33554432", "1"),
		SCRYPT("2", "4096", "4096"),
		PBKDF2("10000001"),		      PBKDF2("1000000000"),
		PBKDF2("9007199254740991"),
	};
	struct fixture *f = *state;
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < ART_COUNT(rows); i++)
		refused(f, rows[i], ART_LIMIT, "a keystore's");
	getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
	assert_true(after.ru_utime.tv_sec - before.ru_utime.tv_sec <= 1);
}

static void keystore_decrypt_must_refuse_a_file_beyond_its_size(void **state)
{
	struct fixture *f = *state;
	struct art_buf b = encrypted(f, KEYSTORE_PBKDF2, 1, PASSWORD);
	char *text = art_alloc(KEYSTORE_FILE_MAX + 2, 1);

	memset(text, ' ', KEYSTORE_FILE_MAX + 1);
	memcpy(text, b.data, b.len);
	assert_int_equal(decrypt(f, text, KEYSTORE_FILE_MAX, PASSWORD), ART_OK);
	assert_int_equal(decrypt(f, text, KEYSTORE_FILE_MAX + 1, PASSWORD), ART_LIMIT);
	assert_true(all_zero(&f->got));
	free(text);
	art_buf_destroy(&b);
}

/* ---- the address ------------------------------------------------------------------------------- */

/* Our file with the address replaced by @json, "" to leave it out; @upper writes "Crypto". */
static char *with_address(struct fixture *f, const char *json, bool upper)
{
	struct art_buf b = encrypted(f, KEYSTORE_PBKDF2, 1, PASSWORD);
	char *rest = strchr(b.data, ','), *text;

	rest = strstr(rest, "\"crypto\":") + strlen("\"crypto\":");
	text = art_printf("{%s%s%s\"%s\":%s", *json ? "\"address\":" : "", json, *json ? "," : "",
			  upper ? "Crypto" : "crypto", rest);
	art_buf_destroy(&b);
	return text;
}

static void keystore_decrypt_must_hold_the_key_against_the_address(void **state)
{
	static const struct {
		const char *json;
		enum art_status want, of_address;
	} rows[] = {
		{ "", ART_OK, ART_NOT_FOUND },
		{ "\"\"", ART_OK, ART_NOT_FOUND },
		{ "null", ART_OK, ART_NOT_FOUND },
		{ "\"" ADDRESS "\"", ART_OK, ART_OK },
		{ "\"0x" ADDRESS "\"", ART_OK, ART_OK },
		{ "\"90F79BF6EB2C4F870365E785982E1F101E93B906\"", ART_OK, ART_OK },
		{ "\"90f79bf6eb2c4f870365e785982e1f101e93b907\"", ART_CORRUPT, ART_OK },
		{ "\"0000000000000000000000000000000000000000\"", ART_CORRUPT, ART_OK },
		{ "\"90f79bf6eb2c4f870365e785982e1f101e93b9\"", ART_INVALID, ART_INVALID },
		{ "\"xyz\"", ART_INVALID, ART_INVALID },
		{ "7", ART_INVALID, ART_INVALID },
		{ "[]", ART_INVALID, ART_INVALID },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2 * ART_COUNT(rows); i++) {
		size_t r = i / 2;
		char *text = with_address(f, rows[r].json, i % 2);
		struct eth_address who;
		enum art_status s = decrypt(f, text, strlen(text), PASSWORD);

		if (s != rows[r].want)
			fail_msg("%s (%s) for %s", art_status_text(s), f->err.text, text);
		assert_int_equal(!memcmp(&f->got, &f->key, sizeof(f->key)), s == ART_OK);
		assert_int_equal(all_zero(&f->got), s != ART_OK);
		assert_int_equal(keystore_address(text, strlen(text), &who, &f->err), rows[r].of_address);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keystore_decrypt_must_refuse_costly_parameters_unspent),
		cmocka_unit_test(keystore_decrypt_must_open_the_files_of_other_programs),
		cmocka_unit_test(keystore_decrypt_must_refuse_a_wrong_password_in_words),
		cmocka_unit_test(keystore_encrypt_must_make_what_keystore_decrypt_opens),
		cmocka_unit_test(keystore_encrypt_must_write_the_form_that_others_read),
		cmocka_unit_test(keystore_encrypt_must_never_repeat_salt_iv_and_id),
		cmocka_unit_test(keystore_encrypt_must_refuse_bad_work_and_keys),
		cmocka_unit_test(keystore_decrypt_must_say_what_is_wrong_with_a_text),
		cmocka_unit_test(keystore_decrypt_must_refuse_every_malformed_field),
		cmocka_unit_test(keystore_decrypt_must_refuse_a_file_beyond_its_size),
		cmocka_unit_test(keystore_decrypt_must_hold_the_key_against_the_address),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
