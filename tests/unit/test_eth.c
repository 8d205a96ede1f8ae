/* test_eth.c - hex, numbers, Keccak, keys, typed data, ABI, RLP, transactions: vectors and edges. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/abi.h"
#include "core/chain/eip712.h"
#include "core/chain/keccak.h"
#include "core/chain/keys.h"
#include "core/chain/rlp.h"
#include "core/chain/tx.h"
#include "store/json.h"

static struct art_err err;

#define ok(call)                                                                     \
	do {                                                                         \
		enum art_status ok_status = (call);                                  \
		if (ok_status != ART_OK)                                             \
			fail_msg("%s: %s: %s", #call, art_status_text(ok_status), err.text); \
	} while (0)

static struct json *vectors(const char *name)
{
	char path[128];
	struct art_buf text;
	struct json *root;

	snprintf(path, sizeof(path), "tests/vectors/%s.json", name);
	art_buf_init(&text, 1 << 20);
	ok(art_read_file(&text, path, 1 << 20, &err));
	ok(json_parse(&root, text.data, text.len, 1 << 20, &err));
	art_buf_destroy(&text);
	return root;
}

static const char *str(const struct json *j, const char *key)
{
	const char *s = json_str(json_get(j, key));

	if (!s)
		fail_msg("the vector has no %s", key);
	return s;
}

static struct eth_address address(const char *s)
{
	struct eth_address a;

	ok(eth_address_parse(s, &a, &err));
	return a;
}

static struct eth_word word(const char *s)
{
	struct eth_word w;

	assert_true(eth_word_parse(s, &w));
	return w;
}

static struct u256 number(const char *s)
{
	struct u256 v;

	assert_true(u256_parse(s, &v));
	return v;
}

static struct u256 member(const struct json *j, const char *key)
{
	struct opt_i64 i = json_int(json_get(j, key));

	if (i.known)
		return u256_from_u64((uint64_t)i.v);
	return json_get(j, key) ? number(str(j, key)) : u256_from_u64(0);
}

static struct keys *keys;

static int open_keys(void **state)
{
	(void)state;
	return keys_open(&keys, &err) == ART_OK ? 0 : -1;
}

static int close_keys(void **state)
{
	(void)state;
	keys_close(keys);
	return 0;
}

/* ---- hex and numbers --------------------------------------------------------------------------- */

static void hex_decode_must_take_exactly_what_was_asked_for(void **state)
{
	static const char *const bad[] = { "", "0x", "0x1", "0x123", "123", "0x12345", "0x12g4", "0x 123", "x1234", "0x0x12",
					   "-0x12", "0x1234 " };
	uint8_t b[2];
	size_t n;

	(void)state;
	assert_true(hex_decode("0x12aF", b, 2) && b[0] == 0x12 && b[1] == 0xaf);
	assert_true(hex_decode("0X12af", b, 2) && hex_decode("12af", b, 2));
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		if (hex_decode(bad[i], b, 2))
			fail_msg("took \"%s\"", bad[i]);
	assert_false(hex_decode(NULL, b, 2));
	assert_true(hex_decode_some("0x", b, 2, &n) && n == 0);
	assert_true(hex_decode_some("0xff", b, 2, &n) && n == 1 && b[0] == 0xff);
	assert_false(hex_decode_some("0x123456", b, 2, &n));
}

static void address_parse_must_hold_checksums(void **state)
{
	/* The examples of EIP-55. */
	static const char *const good[] = {
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77",
	};
	static const char *const bad[] = {
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0", "", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedzz",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
	};
	char text[ETH_ADDRESS_TEXT], lower[ETH_ADDRESS_TEXT];
	struct eth_address a, b;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(good); i++) {
		a = address(good[i]);
		assert_string_equal(eth_address_text(&a, text), i < 5 ? good[i] : text);
		for (size_t c = 0; c <= 42; c++)
			lower[c] = (char)(good[i][c] >= 'A' && good[i][c] <= 'F' ? good[i][c] + 32 : good[i][c]);
		b = address(lower);
		assert_true(eth_address_equal(&a, &b));
	}
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		err.text[0] = 0;
		if (eth_address_parse(bad[i], &a, &err) != ART_INVALID || strlen(err.text) < 10)
			fail_msg("\"%s\": %s", bad[i], err.text);
	}
}

static void u256_parse_must_take_plain_numbers_alone(void **state)
{
	static const char max[] = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1.0", "1e4", "0x10", "007", "00", "1_000", "1,000", "\xd9\xa1",
		"115792089237316195423570985008687907853269984665640564039457584007913129639936",
		"999999999999999999999999999999999999999999999999999999999999999999999999999999",
		"1157920892373161954235709850086879078532699846656405640394575840079131296399350",
	};
	char text[U256_TEXT];
	struct u256 v, w;
	uint64_t u;

	(void)state;
	v = number(max);
	for (size_t i = 0; i < sizeof(v.be); i++)
		assert_int_equal(v.be[i], 0xff);
	assert_string_equal(u256_text(&v, text), max);
	assert_false(u256_to_u64(&v, &u));
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		if (u256_parse(bad[i], &w))
			fail_msg("took \"%s\"", bad[i]);
	v = number("0");
	assert_string_equal(u256_text(&v, text), "0");
	v = number("18446744073709551615");
	assert_true(u256_to_u64(&v, &u) && u == UINT64_MAX);
	v = number("18446744073709551616");
	assert_false(u256_to_u64(&v, &u));
	w = u256_from_u64(UINT64_MAX);
	assert_true(u256_cmp(&w, &v) < 0 && u256_cmp(&v, &w) > 0 && u256_cmp(&v, &v) == 0);
	assert_string_equal(u256_quantity(&v, text), "0x10000000000000000");
}

static void u256_parse_hex_must_take_quantities_and_words(void **state)
{
	static const char *const bad[] = { "", "0x", "1f", "0x-1", "0xg", " 0x1",
					   "0x10000000000000000000000000000000000000000000000000000000000000000" };
	struct u256 v;
	uint64_t u;
	char text[U256_TEXT];

	(void)state;
	assert_true(u256_parse_hex("0x0", &v) && u256_to_u64(&v, &u) && u == 0);
	assert_string_equal(u256_quantity(&v, text), "0x0");
	assert_true(u256_parse_hex("0x00000000000000000000000000000000000000000000000000000000000001aF", &v));
	assert_string_equal(u256_quantity(&v, text), "0x1af");
	for (size_t i = 0; i < ART_COUNT(bad); i++)
		if (u256_parse_hex(bad[i], &v))
			fail_msg("took \"%s\"", bad[i]);
}

/* ---- Keccak ------------------------------------------------------------------------------------ */

static void keccak_must_give_the_known_hashes(void **state)
{
	/* The team's own test vectors, and selectors' hashes that every Ethereum program knows. */
	static const struct {
		const char *text, *hash;
	} known[] = {
		{ "", "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
		{ "abc", "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45" },
		{ "Transfer(address,address,uint256)", "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef" },
		{ "AuthorizationUsed(address,bytes32)", "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5" },
	};
	char text[ETH_WORD_TEXT];

	(void)state;
	for (size_t i = 0; i < ART_COUNT(known); i++) {
		struct eth_word w = keccak256(known[i].text, strlen(known[i].text));

		assert_string_equal(eth_word_text(&w, text), known[i].hash);
	}
}

static void keccak_must_not_care_how_it_is_fed(void **state)
{
	char data[700];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	for (size_t n = 0; n < sizeof(data); n += n > 120 && n < 280 ? 1 : 37) {
		struct eth_word whole = keccak256(data, n), parts;
		struct keccak k;

		keccak_begin(&k);
		for (size_t at = 0; at < n;) {
			size_t take = at % 61 + 1 < n - at ? at % 61 + 1 : n - at;

			keccak_add(&k, data + at, take);
			at += take;
		}
		parts = keccak_end(&k);
		assert_memory_equal(whole.b, parts.b, 32);
	}
}

/* ---- keys -------------------------------------------------------------------------------------- */

static struct eth_key key_of(const char *hex)
{
	struct eth_key k;

	assert_true(hex_decode(hex, k.b, sizeof(k.b)));
	return k;
}

static void keys_must_refuse_what_is_no_key(void **state)
{
	static const char *const bad[] = {
		"0x0000000000000000000000000000000000000000000000000000000000000000",
		"0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
		"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	struct eth_key k = key_of("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140");
	struct eth_address a;
	struct eth_signature sig;
	struct eth_word w = keccak256("x", 1);
	char text[ETH_ADDRESS_TEXT];

	(void)state;
	ok(keys_address(keys, &k, &a, &err));
	k = key_of("0x0000000000000000000000000000000000000000000000000000000000000001");
	ok(keys_address(keys, &k, &a, &err));
	assert_string_equal(eth_address_text(&a, text), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		k = key_of(bad[i]);
		assert_int_equal(keys_address(keys, &k, &a, &err), ART_INVALID);
		assert_int_equal(keys_sign(keys, &k, &w, &sig, &err), ART_INVALID);
	}
}

static void keys_recover_must_refuse_malleable_signatures(void **state)
{
	static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
	struct eth_key k = key_of("0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6");
	struct eth_word w = keccak256("message", 7);
	struct eth_signature sig, again, bad;
	struct eth_address a, b;
	uint8_t n[32];
	int borrow = 0;

	(void)state;
	ok(keys_sign(keys, &k, &w, &sig, &err));
	ok(keys_sign(keys, &k, &w, &again, &err));
	assert_memory_equal(&sig, &again, sizeof(sig));
	ok(keys_address(keys, &k, &a, &err));
	ok(keys_recover(keys, &w, &sig, &b, &err));
	assert_true(eth_address_equal(&a, &b));
	/* The same point, s mirrored: valid for libraries that do not look, refused by EIP-2. */
	assert_true(hex_decode(order, n, sizeof(n)));
	bad = sig;
	for (int i = 31; i >= 0; i--) {
		int d = n[i] - sig.b[32 + i] - borrow;

		borrow = d < 0;
		bad.b[32 + i] = (uint8_t)d;
	}
	bad.b[64] = (uint8_t)(sig.b[64] == 27 ? 28 : 27);
	assert_int_equal(keys_recover(keys, &w, &bad, &b, &err), ART_INVALID);
	for (int v = 0; v < 256; v++) {
		if (v == 27 || v == 28)
			continue;
		bad = sig;
		bad.b[64] = (uint8_t)v;
		assert_int_equal(keys_recover(keys, &w, &bad, &b, &err), ART_INVALID);
	}
	bad = sig;
	memset(bad.b, 0, 32);
	assert_int_equal(keys_recover(keys, &w, &bad, &b, &err), ART_INVALID);
	bad = sig;
	memset(bad.b, 0xff, 32);
	assert_int_equal(keys_recover(keys, &w, &bad, &b, &err), ART_INVALID);
	bad = sig;
	memset(bad.b + 32, 0, 32);
	assert_int_equal(keys_recover(keys, &w, &bad, &b, &err), ART_INVALID);
	/* Another digest recovers to somebody else, or nobody. */
	w.b[0] ^= 1;
	if (keys_recover(keys, &w, &sig, &b, &err) == ART_OK)
		assert_false(eth_address_equal(&a, &b));
}

static void keys_random_must_not_repeat(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	(void)state;
	ok(keys_random(a, sizeof(a), &err));
	ok(keys_random(b, sizeof(b), &err));
	assert_memory_not_equal(a, b, sizeof(a));
	keys_wipe(a, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		assert_int_equal(a[i], 0);
}

/* ---- typed data -------------------------------------------------------------------------------- */

static void expect_word(const struct eth_word *w, const struct json *v, const char *key)
{
	char text[ETH_WORD_TEXT];

	assert_string_equal(eth_word_text(w, text), str(v, key));
}

static void expect_signed(const struct eth_word *digest, const struct json *v)
{
	struct eth_key k = key_of(str(v, "privateKey"));
	struct eth_signature sig;
	char text[ETH_SIGNATURE_TEXT];

	ok(keys_sign(keys, &k, digest, &sig, &err));
	assert_string_equal(hex_encode(sig.b, sizeof(sig.b), text), str(v, "signature"));
}

static struct eip712_domain domain_of(const struct json *d)
{
	struct eip712_domain out = { .chain_id = (uint64_t)json_int(json_get(d, "chainId")).v, .has_contract = true,
				     .contract = address(str(d, "verifyingContract")) };

	assert_true(art_copy(out.name, sizeof(out.name), str(d, "name")));
	assert_true(art_copy(out.version, sizeof(out.version), str(d, "version")));
	return out;
}

static void eip3009_must_match_the_vectors(void **state)
{
	struct json *root = vectors("eip712");
	int transfers = 0;

	(void)state;
	for (const struct json *v = json_at(root, 0); v; v = json_next(v)) {
		const struct json *m = json_get(v, "message");
		struct eip712_domain d = domain_of(json_get(v, "domain"));
		struct eth_word separator = eip712_domain_separator(&d), hash, digest;
		bool cancels = !strcmp(str(v, "primaryType"), "CancelAuthorization");

		if (cancels) {
			struct eth_address who = address(str(m, "authorizer"));
			struct eth_word nonce = word(str(m, "nonce"));

			hash = eip3009_cancel_hash(&who, &nonce);
		} else {
			struct eip3009 a = { .from = address(str(m, "from")), .to = address(str(m, "to")),
					     .value = member(m, "value"), .valid_after = member(m, "validAfter"),
					     .valid_before = member(m, "validBefore"), .nonce = word(str(m, "nonce")) };

			hash = eip3009_hash(!strcmp(str(v, "primaryType"), "TransferWithAuthorization")
						    ? EIP3009_TRANSFER : EIP3009_RECEIVE, &a);
			transfers++;
		}
		digest = eip712_digest(&separator, &hash);
		expect_word(&hash, v, "structHash");
		expect_word(&digest, v, "digest");
		expect_signed(&digest, v);
	}
	assert_true(transfers >= 4);
	json_free(root);
}

/* Other structs than authorizations, with and without a contract in the domain. */
static void eip712_struct_must_match_the_vectors(void **state)
{
	struct json *root = vectors("agent-wallet"), *list = vectors("offer-receipt");
	const struct json *m = json_get(root, "message"), *offer = json_get(json_at(list, 0), "offer");
	struct eip712_domain d = domain_of(json_get(root, "domain"));
	struct eip712_domain x = { .name = "x402 offer", .version = "1", .chain_id = 1 };
	struct eth_address wallet = address(str(m, "newWallet")), owner = address(str(m, "owner"));
	struct eth_word separator = eip712_domain_separator(&d), hash, digest;
	struct u256 id = number(str(m, "agentId")), deadline = number(str(m, "deadline"));
	struct eip712_struct s;

	(void)state;
	eip712_begin(&s, "AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
	eip712_put_u256(&s, &id);
	eip712_put_address(&s, &wallet);
	eip712_put_address(&s, &owner);
	eip712_put_u256(&s, &deadline);
	hash = eip712_end(&s);
	digest = eip712_digest(&separator, &hash);
	expect_word(&digest, root, "digest");
	expect_signed(&digest, root);

	eip712_begin(&s, "Offer(uint256 version,string resourceUrl,string scheme,string network,string asset,"
			 "string payTo,string amount,uint256 validUntil)");
	eip712_put_u64(&s, 1);
	eip712_put_text(&s, str(offer, "resourceUrl"));
	eip712_put_text(&s, str(offer, "scheme"));
	eip712_put_text(&s, str(offer, "network"));
	eip712_put_text(&s, str(offer, "asset"));
	eip712_put_text(&s, str(offer, "payTo"));
	eip712_put_text(&s, str(offer, "amount"));
	eip712_put_u64(&s, (uint64_t)json_int(json_get(offer, "validUntil")).v);
	hash = eip712_end(&s);
	separator = eip712_domain_separator(&x);
	digest = eip712_digest(&separator, &hash);
	expect_word(&digest, json_at(list, 0), "digest");
	json_free(root);
	json_free(list);
}

/* ---- RLP --------------------------------------------------------------------------------------- */

static void expect_rlp(const struct art_buf *b, const char *hex)
{
	char text[256];

	assert_true(b->len < 120);
	assert_string_equal(hex_encode((const uint8_t *)b->data, b->len, text), hex);
}

static void rlp_put_must_give_the_examples_of_the_specification(void **state)
{
	struct art_buf b, inner;
	uint8_t long_text[56];
	char head[8];

	(void)state;
	memset(long_text, 'a', sizeof(long_text));
	art_buf_init(&b, 4096);
	art_buf_init(&inner, 4096);
	ok(rlp_put_bytes(&b, "dog", 3));
	expect_rlp(&b, "0x83646f67");
	art_buf_reset(&b);
	ok(rlp_put_bytes(&inner, "cat", 3));
	ok(rlp_put_bytes(&inner, "dog", 3));
	ok(rlp_put_list(&b, inner.data, inner.len));
	expect_rlp(&b, "0xc88363617483646f67");
	art_buf_reset(&b);
	ok(rlp_put_bytes(&b, "", 0));
	ok(rlp_put_list(&b, NULL, 0));
	ok(rlp_put_u64(&b, 0));
	ok(rlp_put_u64(&b, 15));
	ok(rlp_put_u64(&b, 127));
	ok(rlp_put_u64(&b, 128));
	ok(rlp_put_u64(&b, 1024));
	expect_rlp(&b, "0x80c0800f7f8180820400");
	art_buf_reset(&b);
	ok(rlp_put_bytes(&b, long_text, 55));
	assert_string_equal(hex_encode((const uint8_t *)b.data, 1, head), "0xb7");
	art_buf_reset(&b);
	ok(rlp_put_bytes(&b, long_text, 56));
	assert_string_equal(hex_encode((const uint8_t *)b.data, 2, head), "0xb838");
	art_buf_destroy(&b);
	art_buf_destroy(&inner);
	art_buf_init(&b, 10);
	assert_int_equal(rlp_put_bytes(&b, long_text, 56), ART_LIMIT);
	assert_int_equal(b.len, 0);
	art_buf_destroy(&b);
}

static void rlp_get_must_refuse_what_is_not_canonical(void **state)
{
	static const char *const bad[] = {
		"0x8100", "0x817f", "0xb800", "0xb83700", "0xb90000", "0x83646f", "0xb8", "0xbfffffffffffffffff",
		"0x820001", "0x8100ff",
	};
	static const char *const bad_lists[] = { "0xc1", "0xf800", "0xf90000", "0xffffffffffffffffff", "0xf837" };
	uint8_t b[32];
	size_t n, got;
	const uint8_t *p;
	struct u256 v;
	struct rlp r, items;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		assert_true(hex_decode_some(bad[i], b, sizeof(b), &n));
		r = (struct rlp){ b, n };
		if (rlp_get_u256(&r, &v) && rlp_done(&r))
			fail_msg("took %s", bad[i]);
	}
	for (size_t i = 0; i < ART_COUNT(bad_lists); i++) {
		assert_true(hex_decode_some(bad_lists[i], b, sizeof(b), &n));
		r = (struct rlp){ b, n };
		if (rlp_get_list(&r, &items))
			fail_msg("took %s", bad_lists[i]);
	}
	assert_true(hex_decode_some("0xc88363617483646f67", b, sizeof(b), &n));
	r = (struct rlp){ b, n };
	assert_false(rlp_get_bytes(&r, &p, &got));
	assert_true(rlp_get_list(&r, &items) && rlp_done(&r));
	assert_true(rlp_get_bytes(&items, &p, &got) && got == 3 && !memcmp(p, "cat", 3));
	assert_false(rlp_get_list(&items, &r));
	assert_true(rlp_get_bytes(&items, &p, &got) && !rlp_get_bytes(&items, &p, &got) && rlp_done(&items));
}

/* ---- ABI --------------------------------------------------------------------------------------- */

static void abi_must_read_back_what_it_wrote(void **state)
{
	struct eth_address a = address("0x90F79bf6EB2c4f870365E785982E1f101E93b906"), back;
	struct eth_word w = keccak256("w", 1), w2;
	struct u256 u = number("12345678901234567890123456789"), u2;
	const uint8_t *p, *bytes;
	struct abi_call c;
	struct art_buf b;
	size_t n, len;
	uint64_t v;
	bool flag;

	(void)state;
	art_buf_init(&b, 4096);
	abi_call_begin(&c, NULL);
	abi_put_address(&c, &a);
	abi_put_bytes(&c, "hello", 5);
	abi_put_u256(&c, &u);
	abi_put_bytes(&c, NULL, 0);
	abi_put_word(&c, &w);
	abi_put_bool(&c, true);
	abi_put_i64(&c, -1);
	abi_put_u64(&c, 7);
	ok(abi_call_end(&c, &b, &err));
	p = (const uint8_t *)b.data;
	n = b.len;
	assert_int_equal(n % 32, 0);
	assert_true(abi_get_address(p, n, 0, &back) && eth_address_equal(&a, &back));
	assert_true(abi_get_bytes(p, n, 1, &bytes, &len) && len == 5 && !memcmp(bytes, "hello", 5));
	assert_true(abi_get_u256(p, n, 2, &u2) && !u256_cmp(&u, &u2));
	assert_true(abi_get_bytes(p, n, 3, &bytes, &len) && len == 0);
	assert_true(abi_get_word(p, n, 4, &w2) && !memcmp(&w, &w2, 32));
	assert_true(abi_get_bool(p, n, 5, &flag) && flag);
	assert_false(abi_get_u64(p, n, 6, &v));
	assert_true(abi_get_u64(p, n, 7, &v) && v == 7);
	assert_false(abi_get_bool(p, n, 7, &flag));
	assert_false(abi_get_address(p, n, 4, &back)); /* padding is not zero */
	assert_false(abi_get_u256(p, n, (int)(n / 32), &u2));
	assert_false(abi_get_u256(p, n, -1, &u2));
	/* Every cut leaves either the same bytes or a refusal. */
	for (size_t cut = 0; cut < n; cut++)
		if (abi_get_bytes(p, cut, 1, &bytes, &len))
			assert_true(len == 5 && bytes + len <= p + cut);
	art_buf_destroy(&b);
	art_buf_init(&b, 64);
	abi_call_begin(&c, "f(bytes)");
	abi_put_bytes(&c, &w, 32);
	assert_int_equal(abi_call_end(&c, &b, &err), ART_LIMIT);
	art_buf_destroy(&b);
}

static void abi_get_bytes_must_survive_hostile_offsets(void **state)
{
	uint8_t b[96] = { 0 };
	const uint8_t *p;
	size_t len;

	(void)state;
	memset(b, 0xff, 32); /* offset 2^256 - 1 */
	assert_false(abi_get_bytes(b, sizeof(b), 0, &p, &len));
	memset(b, 0, 32);
	b[31] = 96; /* behind the end */
	assert_false(abi_get_bytes(b, sizeof(b), 0, &p, &len));
	b[31] = 65; /* no room for the length */
	assert_false(abi_get_bytes(b, sizeof(b), 0, &p, &len));
	b[31] = 32;
	memset(b + 32, 0xff, 32); /* length 2^256 - 1 */
	assert_false(abi_get_bytes(b, sizeof(b), 0, &p, &len));
	memset(b + 32, 0, 32);
	b[63] = 33; /* one more than there is */
	assert_false(abi_get_bytes(b, sizeof(b), 0, &p, &len));
	b[63] = 32;
	assert_true(abi_get_bytes(b, sizeof(b), 0, &p, &len) && len == 32 && p == b + 64);
}

/* ---- transactions ------------------------------------------------------------------------------ */

static struct tx tx_of(const struct json *f, uint8_t data[4096], struct tx_access access[TX_ACCESS_MAX])
{
	struct tx t = { .chain_id = 84532, .value = member(f, "value"), .max_priority_fee = member(f, "maxPriorityFeePerGas"),
			.max_fee = member(f, "maxFeePerGas"), .access = access, .data = data };
	const struct json *list = json_get(f, "accessList");
	struct u256 gas = member(f, "gas"), nonce = member(f, "nonce");

	assert_true(u256_to_u64(&gas, &t.gas) && u256_to_u64(&nonce, &t.nonce));
	t.creates = !json_get(f, "to");
	if (!t.creates)
		t.to = address(str(f, "to"));
	if (json_get(f, "data"))
		assert_true(hex_decode_some(str(f, "data"), data, 4096, &t.data_len));
	for (const struct json *e = json_at(list, 0); e; e = json_next(e)) {
		struct tx_access *a = &access[t.n_access++];

		*a = (struct tx_access){ .address = address(str(e, "address")) };
		for (const struct json *k = json_at(json_get(e, "storageKeys"), 0); k; k = json_next(k))
			a->keys[a->n_keys++] = word(json_str(k));
	}
	return t;
}

static void tx_must_match_the_vectors_and_read_back(void **state)
{
	struct json *root = vectors("eip1559");
	static uint8_t data[4096];
	struct tx_access access[TX_ACCESS_MAX], back[TX_ACCESS_MAX];
	int n = 0;

	(void)state;
	for (const struct json *v = json_at(root, 0); v; v = json_next(v), n++) {
		struct tx t = tx_of(json_get(v, "fields"), data, access), again;
		struct eth_key k = key_of(str(v, "privateKey"));
		struct eth_signature sig, same;
		struct eth_word digest, hash, redone;
		struct eth_address who, from = address(str(v, "from"));
		struct art_buf raw;
		char *text;

		ok(tx_digest(&t, &digest, &err));
		expect_word(&digest, v, "signingHash");
		ok(keys_sign(keys, &k, &digest, &sig, &err));
		art_buf_init(&raw, 1 << 16);
		ok(tx_raw(&t, &sig, &raw, &hash, &err));
		text = art_alloc(2 * raw.len + 3, 1);
		assert_string_equal(hex_encode((const uint8_t *)raw.data, raw.len, text), str(v, "raw"));
		expect_word(&hash, v, "txHash");
		ok(tx_parse((const uint8_t *)raw.data, raw.len, &again, back, &same, &err));
		ok(tx_digest(&again, &redone, &err));
		assert_memory_equal(&digest, &redone, sizeof(digest));
		ok(keys_recover(keys, &redone, &same, &who, &err));
		assert_true(eth_address_equal(&who, &from));
		/* Cut short, made longer, of another type: none is a transaction. */
		for (size_t cut = 0; cut < raw.len; cut++)
			assert_int_equal(tx_parse((const uint8_t *)raw.data, cut, &again, back, &same, &err), ART_INVALID);
		ok(art_buf_add(&raw, "", 1));
		assert_int_equal(tx_parse((const uint8_t *)raw.data, raw.len, &again, back, &same, &err), ART_INVALID);
		raw.data[0] = 1;
		assert_int_equal(tx_parse((const uint8_t *)raw.data, raw.len - 1, &again, back, &same, &err), ART_INVALID);
		free(text);
		art_buf_destroy(&raw);
	}
	assert_true(n >= 8);
	json_free(root);
}

static void tx_must_hold_its_limits(void **state)
{
	static uint8_t data[TX_DATA_MAX + 1];
	struct tx t = { .chain_id = 1, .data = data, .data_len = sizeof(data) };
	struct eth_word digest;

	(void)state;
	assert_int_equal(tx_digest(&t, &digest, &err), ART_LIMIT);
	t.data_len--;
	ok(tx_digest(&t, &digest, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_decode_must_take_exactly_what_was_asked_for),
		cmocka_unit_test(address_parse_must_hold_checksums),
		cmocka_unit_test(u256_parse_must_take_plain_numbers_alone),
		cmocka_unit_test(u256_parse_hex_must_take_quantities_and_words),
		cmocka_unit_test(keccak_must_give_the_known_hashes),
		cmocka_unit_test(keccak_must_not_care_how_it_is_fed),
		cmocka_unit_test(keys_must_refuse_what_is_no_key),
		cmocka_unit_test(keys_recover_must_refuse_malleable_signatures),
		cmocka_unit_test(keys_random_must_not_repeat),
		cmocka_unit_test(eip3009_must_match_the_vectors),
		cmocka_unit_test(eip712_struct_must_match_the_vectors),
		cmocka_unit_test(rlp_put_must_give_the_examples_of_the_specification),
		cmocka_unit_test(rlp_get_must_refuse_what_is_not_canonical),
		cmocka_unit_test(abi_must_read_back_what_it_wrote),
		cmocka_unit_test(abi_get_bytes_must_survive_hostile_offsets),
		cmocka_unit_test(tx_must_match_the_vectors_and_read_back),
		cmocka_unit_test(tx_must_hold_its_limits),
	};

	return cmocka_run_group_tests(tests, open_keys, close_keys);
}
