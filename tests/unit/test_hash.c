/*
 * test_hash.c - SHA-256 against the published vectors of FIPS 180-4.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/hash.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void hash_bytes_must_match_the_published_vectors(void **state)
{
	(void)state;
	assert_string_equal(hash_bytes("", 0).s, EMPTY);
	assert_string_equal(hash_bytes(NULL, 0).s, EMPTY);
	assert_string_equal(hash_bytes("abc", 3).s, ABC);
	assert_string_equal(
		hash_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56).s,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hash_add_must_not_care_how_the_bytes_are_cut(void **state)
{
	struct hash_state *h = hash_begin();
	char piece[997];
	size_t left = 1000000;

	(void)state;
	memset(piece, 'a', sizeof(piece));
	while (left) {
		size_t n = left < sizeof(piece) ? left : sizeof(piece);
		hash_add(h, piece, n);
		hash_add(h, NULL, 0);
		left -= n;
	}

	assert_string_equal(hash_end(h).s, MILLION_A);
}

static void hash_file_must_hash_the_content(void **state)
{
	char path[] = "/tmp/artui-test-hash-XXXXXX";
	char *a = art_alloc(1000000, 1);
	struct hash_hex got;
	struct art_err err;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hash_file(path, &got, &err), ART_OK);
	assert_string_equal(got.s, EMPTY);
	memset(a, 'a', 1000000);
	assert_int_equal(art_write_file(path, a, 1000000, 0600, &err), ART_OK);
	assert_int_equal(hash_file(path, &got, &err), ART_OK);

	assert_string_equal(got.s, MILLION_A);
	unlink(path);
	free(a);
}

static void hash_file_must_say_what_it_cannot_read(void **state)
{
	struct hash_hex got = { "untouched" };
	struct art_err err;

	(void)state;
	assert_int_equal(hash_file("/nonexistent/file", &got, &err), ART_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/file"));
	assert_int_equal(hash_file("/tmp", &got, &err), ART_IO);
	assert_string_equal(got.s, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_bytes_must_match_the_published_vectors),
		cmocka_unit_test(hash_add_must_not_care_how_the_bytes_are_cut),
		cmocka_unit_test(hash_file_must_hash_the_content),
		cmocka_unit_test(hash_file_must_say_what_it_cannot_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
