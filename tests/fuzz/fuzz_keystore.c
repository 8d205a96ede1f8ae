/*
 * fuzz_keystore.c - a key file of anybody's: what is refused leaves no byte of a key, and what opens is the key
 * of the address in it. Only files that ask for next to no work are opened.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pay/keystore.h"
#include "store/json.h"
#include "tests/fuzz/fuzz.h"

#define CHEAP 64

static bool is_cheap(const struct json *crypto)
{
	static const char *const work[] = { "n", "r", "p", "c" };
	const struct json *params = json_get(crypto, "kdfparams");

	for (size_t i = 0; i < ART_COUNT(work); i++) {
		struct opt_i64 v = json_int(json_get(params, work[i]));

		if (v.known && v.v > CHEAP)
			return false;
	}
	return true;
}

static void open_it(const char *text, size_t size, const struct eth_address *named)
{
	static const struct eth_key zero;
	struct eth_key key;
	struct eth_address who;
	struct keys *k = NULL;
	struct art_err err = { 0 };
	enum art_status s;

	FUZZ_MUST(keys_open(&k, NULL) == ART_OK);
	memset(&key, 0x5a, sizeof(key));
	s = keystore_decrypt(k, text, size, "testpassword", 12, &key, &err);
	if (s == ART_OK) {
		FUZZ_MUST(keys_address(k, &key, &who, NULL) == ART_OK);
		FUZZ_MUST(!named || eth_address_equal(&who, named));
	} else {
		FUZZ_MUST(s == ART_INVALID || s == ART_LIMIT || s == ART_REFUSED || s == ART_CORRUPT);
		FUZZ_MUST(err.code == s && err.text[0]);
		FUZZ_MUST(!memcmp(&key, &zero, sizeof(key)));
	}
	keys_close(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct eth_address named;
	struct art_err err = { 0 };
	struct json *j = NULL;
	enum art_status s = keystore_address(text, size, &named, &err);

	FUZZ_MUST(s == ART_OK || (err.code == s && err.text[0]));
	/* Named or not, a file whose shape is wrong is found out without a password. */
	if ((s == ART_OK || s == ART_NOT_FOUND) && json_parse(&j, text, size, KEYSTORE_FILE_MAX, NULL) == ART_OK &&
	    is_cheap(json_get(j, "crypto")) && is_cheap(json_get(j, "Crypto")))
		open_it(text, size, s == ART_OK ? &named : NULL);
	json_free(j);
	return 0;
}
