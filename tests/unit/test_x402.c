/*
 * test_x402.c - the wire of x402: challenges as sellers send them and as they must not, payments to the
 * byte, receipts, and what answers mean.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pay/x402.h"
#include "store/json.h"

#define TOKEN "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
#define BASE_TOKEN "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
#define PAYEE "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define PAYER "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
#define HASH "0x578758932db5027262518c553dc152198543b169ab731bd580b5e4b0d595c47e"
#define MAX_WINDOW 7200

/* What the v2 reference seller was seen to send. */
#define V2 "{\"x402Version\":2,\"error\":\"Payment required\",\"resource\":{\"url\":"                          \
	   "\"http://127.0.0.1:14121/experiment\",\"description\":\"Run one training experiment\","              \
	   "\"mimeType\":\"application/json\"},\"accepts\":[{\"scheme\":\"exact\",\"network\":\"eip155:84532\"," \
	   "\"amount\":\"10000\",\"asset\":\"" TOKEN "\",\"payTo\":\"" PAYEE "\",\"maxTimeoutSeconds\":300,"     \
	   "\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}]}"
/* And the v1 one. */
#define V1 "{\"x402Version\":1,\"error\":\"X-PAYMENT header is required\",\"accepts\":[{\"scheme\":\"exact\","   \
	   "\"network\":\"base-sepolia\",\"maxAmountRequired\":\"10000\",\"resource\":"                          \
	   "\"http://127.0.0.1:14131/experiment\",\"description\":\"Run one training experiment\","              \
	   "\"mimeType\":\"application/json\",\"payTo\":\"" PAYEE "\",\"maxTimeoutSeconds\":60,\"asset\":\""     \
	   TOKEN "\",\"outputSchema\":{\"input\":{\"type\":\"http\",\"method\":\"POST\","                        \
	   "\"discoverable\":true}},\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}]}"
/* And obol's gate: each way to pay twice, and more in it than is needed. */
#define OBOL_ACCEPT(network)                                                                                    \
	"{\"scheme\":\"exact\",\"network\":\"" network "\",\"amount\":\"41666\",\"asset\":\"" TOKEN              \
	"\",\"payTo\":\"" PAYEE "\",\"maxTimeoutSeconds\":600,\"extra\":{\"name\":\"USDC\",\"version\":\"2\","   \
	"\"assetTransferMethod\":\"eip3009\",\"agentModel\":\"m\",\"agentSkills\":[\"a\",\"b\"]}}"
#define OBOL "{\"x402Version\":2,\"error\":\"payment required\",\"resource\":{\"url\":\"https://w.example/x\"," \
	     "\"description\":\"d\",\"mimeType\":\"application/json\",\"serviceName\":\"s\",\"iconUrl\":\"\"},"  \
	     "\"accepts\":[" OBOL_ACCEPT("eip155:84532") "," OBOL_ACCEPT("base-sepolia") "],"                    \
	     "\"extensions\":{\"eip2612GasSponsoring\":{},\"bazaar\":{\"info\":{}},\"paymentFailure\":"           \
	     "{\"reason\":\"payment_invalid\",\"detail\":\"x\",\"hint\":\"y\"}},\"facilitator\":\"https://f\"}"

struct fixture {
	struct chains chains;
	struct x402_challenge c;
	struct x402_terms t;
	struct art_err err;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	struct config *c = NULL;

	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	assert_int_equal(config_load(&c, NULL, NULL, 0, &f->err), ART_OK);
	assert_int_equal(chains_load(&f->chains, c, &f->err), ART_OK);
	config_free(c);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	x402_challenge_destroy(&f->c);
	free(f);
	return 0;
}

static char *base64(const char *text)
{
	struct art_buf b;

	art_buf_init(&b, 4 << 20);
	assert_true(base64_encode(text, strlen(text), &b));
	return art_buf_take(&b);
}

/* @header is JSON, encoded here. */
static enum art_status read_both(struct fixture *f, const char *header, const char *body)
{
	char *value = header ? base64(header) : NULL;
	enum art_status s;

	x402_challenge_destroy(&f->c);
	memset(&f->err, 0, sizeof(f->err));
	s = x402_challenge_read(&f->c, value, body, strlen(body), &f->err);
	free(value);
	return s;
}

static void says(struct fixture *f, enum art_status got, enum art_status want, const char *part)
{
	if (got != want || !strstr(f->err.text, part))
		fail_msg("%s: \"%s\" instead of \"%s\"", art_status_text(got), f->err.text, part);
}

static enum art_status choose(struct fixture *f)
{
	memset(&f->err, 0, sizeof(f->err));
	return x402_choose(&f->c, &f->chains, MAX_WINDOW, &f->t, &f->err);
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void x402_challenge_read_must_take_the_captured_ones(void **state)
{
	static const struct {
		const char *header, *body;
		int version, n;
		const char *error, *resource, *description, *amount, *network;
		int64_t timeout;
	} rows[] = {
		{ V2, "{}", 2, 1, "Payment required", "http://127.0.0.1:14121/experiment",
		  "Run one training experiment", "10000", "eip155:84532", 300 },
		{ NULL, V2, 2, 1, "Payment required", "http://127.0.0.1:14121/experiment",
		  "Run one training experiment", "10000", "eip155:84532", 300 },
		{ NULL, V1, 1, 1, "X-PAYMENT header is required", "http://127.0.0.1:14131/experiment",
		  "Run one training experiment", "10000", "base-sepolia", 60 },
		{ OBOL, "<html>pay here</html>", 2, 2, "payment required", "https://w.example/x", "d", "41666",
		  "eip155:84532", 600 },
		{ OBOL, OBOL, 2, 2, "payment required", "https://w.example/x", "d", "41666", "eip155:84532",
		  600 },
		/* Both at once: the header counts. */
		{ V2, V1, 2, 1, "Payment required", "http://127.0.0.1:14121/experiment",
		  "Run one training experiment", "10000", "eip155:84532", 300 },
		/* A header that is none does not hide the body. */
		{ "not json", V1, 1, 1, "X-PAYMENT header is required", "http://127.0.0.1:14131/experiment",
		  "Run one training experiment", "10000", "base-sepolia", 60 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		if (read_both(f, rows[i].header, rows[i].body) != ART_OK)
			fail_msg("row %zu: %s", i, f->err.text);
		assert_int_equal(f->c.version, rows[i].version);
		assert_int_equal(f->c.n, rows[i].n);
		assert_string_equal(f->c.error, rows[i].error);
		assert_string_equal(f->c.resource, rows[i].resource);
		assert_string_equal(f->c.description, rows[i].description);
		assert_string_equal(f->c.accepts[0].amount, rows[i].amount);
		assert_string_equal(f->c.accepts[0].network, rows[i].network);
		assert_string_equal(f->c.accepts[0].scheme, "exact");
		assert_string_equal(f->c.accepts[0].asset, TOKEN);
		assert_string_equal(f->c.accepts[0].pay_to, PAYEE);
		assert_string_equal(f->c.accepts[0].name, "USDC");
		assert_string_equal(f->c.accepts[0].version, "2");
		assert_true(f->c.accepts[0].max_timeout_s == rows[i].timeout);
		assert_false(f->c.identifier);
		assert_int_equal(choose(f), ART_OK);
		assert_int_equal(f->t.index, 0);
		assert_int_equal(f->t.chain->id, 84532);
		assert_false(f->t.upfront);
	}
}

static void x402_challenge_read_must_find_none_in_other_402s(void **state)
{
	static const char *const bodies[] = {
		"", "{}", "[]", "null", "payment required", "<html>402</html>", "{\"error\":\"pay\"}",
		"{\"accepts\":[]}", "\xff\xfe", "{\"version\":2,\"accepts\":[{}]}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(bodies); i++) {
		says(f, read_both(f, NULL, bodies[i]), ART_NOT_FOUND, "not by x402");
		x402_challenge_destroy(&f->c);
		/* The same without anybody to tell it to. */
		assert_int_equal(x402_challenge_read(&f->c, NULL, bodies[i], strlen(bodies[i]), NULL),
				 ART_NOT_FOUND);
	}
	assert_int_equal(x402_challenge_read(&f->c, NULL, NULL, 0, NULL), ART_NOT_FOUND);
}

static void x402_challenge_read_must_refuse_malformed_ones(void **state)
{
	static const struct {
		const char *header, *body;
		enum art_status want;
		const char *says;
	} rows[] = {
		{ NULL, "{\"x402Version\":3,\"accepts\":[]}", ART_UNSUPPORTED, "another x402 version" },
		{ NULL, "{\"x402Version\":0,\"accepts\":[]}", ART_UNSUPPORTED, "another x402 version" },
		{ NULL, "{\"x402Version\":-1,\"accepts\":[]}", ART_UNSUPPORTED, "another x402 version" },
		{ NULL, "{\"x402Version\":\"2\",\"accepts\":[]}", ART_INVALID, "another x402 version" },
		{ NULL, "{\"x402Version\":1.5,\"accepts\":[]}", ART_INVALID, "another x402 version" },
		{ NULL, "{\"x402Version\":null,\"accepts\":[]}", ART_INVALID, "another x402 version" },
		{ NULL, "{\"x402Version\":2}", ART_INVALID, "no list of offers" },
		{ NULL, "{\"x402Version\":2,\"accepts\":{}}", ART_INVALID, "no list of offers" },
		{ NULL, "{\"x402Version\":2,\"accepts\":[", ART_INVALID, "the challenge: " },
		{ NULL, "{\"x402Version\":2,\"accepts\":[],\"accepts\":[]}", ART_INVALID, "the challenge: " },
		{ NULL, V2 "x", ART_INVALID, "the challenge: " },
		{ "{\"x402Version\":3,\"accepts\":[]}", "{}", ART_UNSUPPORTED, "PAYMENT-REQUIRED: " },
		{ "{}", "{}", ART_INVALID, "PAYMENT-REQUIRED: " },
		{ "", "{}", ART_INVALID, "PAYMENT-REQUIRED: " },
		{ "nonsense", "nonsense", ART_INVALID, "PAYMENT-REQUIRED: " },
		{ "{\"x402Version\":2,\"accepts\":7}", "", ART_INVALID, "PAYMENT-REQUIRED: " },
		/* What is wrong with the header is said, not what is wrong with the body. */
		{ "{\"x402Version\":2}", "{\"x402Version\":3}", ART_INVALID, "PAYMENT-REQUIRED: " },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, read_both(f, rows[i].header, rows[i].body), rows[i].want, rows[i].says);
		assert_int_equal(f->c.n, 0);
	}
}

static void x402_challenge_read_must_refuse_headers_that_are_not_base64(void **state)
{
	static const char *const bad[] = { "!!!!", "abc", "eyJ4_-==", "eyJ4 NDAy", "e" };
	struct fixture *f = *state;
	char *huge = art_alloc(X402_HEADER_MAX + 5, 1);

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		enum art_status s = x402_challenge_read(&f->c, bad[i], "{}", 2, &f->err);

		if (i != 1) /* "abc" is base64, and two bytes that are no JSON */
			says(f, s, ART_INVALID, "is not base64");
		assert_int_equal(s, ART_INVALID);
		x402_challenge_destroy(&f->c);
	}
	memset(huge, 'A', X402_HEADER_MAX + 4);
	says(f, x402_challenge_read(&f->c, huge, "{}", 2, &f->err), ART_INVALID, "is not base64");
	free(huge);
}

static void x402_challenge_read_must_bound_the_body_and_the_offers(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;
	char *body = art_alloc(X402_BODY_MAX + 2, 1);

	memset(body, ' ', X402_BODY_MAX + 1);
	memcpy(body, V1, strlen(V1));
	assert_int_equal(x402_challenge_read(&f->c, NULL, body, X402_BODY_MAX, &f->err), ART_OK);
	x402_challenge_destroy(&f->c);
	assert_int_equal(x402_challenge_read(&f->c, NULL, body, X402_BODY_MAX + 1, &f->err), ART_INVALID);
	free(body);

	art_buf_init(&b, X402_BODY_MAX);
	art_buf_put(&b, "{\"x402Version\":2,\"accepts\":[7,null,[],\"x\"");
	for (int i = 0; i < X402_ACCEPTS_MAX + 10; i++)
		art_buf_putf(&b, ",{\"scheme\":\"exact\",\"amount\":\"%d\"}", i);
	art_buf_put(&b, "]}");
	assert_int_equal(read_both(f, NULL, b.data), ART_OK);
	assert_int_equal(f->c.n, X402_ACCEPTS_MAX);
	/* What is no object is skipped, and each entry keeps its own text. */
	for (int i = 0; i < X402_ACCEPTS_MAX; i++) {
		const struct x402_accept *a = &f->c.accepts[i];
		char *want = art_printf("{\"scheme\":\"exact\",\"amount\":\"%d\"}", i);

		assert_int_equal(a->raw_len, strlen(want));
		assert_memory_equal(f->c.text.data + a->raw_at, want, a->raw_len);
		free(want);
	}
	art_buf_destroy(&b);
}

static void x402_challenge_read_must_clean_the_words_for_people(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_both(f, NULL,
				   "{\"x402Version\":2,\"error\":\"\\u001b[31mred\\u202e\\n\",\"accepts\":[],"
				   "\"resource\":{\"url\":\"http://x/\\u001b[2J\",\"description\":\"a\\tb\"}}"),
			 ART_OK);
	assert_null(strpbrk(f->c.error, "\x1b\n"));
	assert_null(strstr(f->c.error, "\xe2\x80\xae"));
	assert_null(strchr(f->c.resource, 0x1b));
	assert_string_equal(f->c.description, "a b");
	/* A resource that is a text. */
	assert_int_equal(read_both(f, NULL, "{\"x402Version\":2,\"accepts\":[],\"resource\":\"http://r\"}"),
			 ART_OK);
	assert_string_equal(f->c.resource, "http://r");
}

static void x402_challenge_read_must_see_the_payment_identifier(void **state)
{
	static const struct {
		const char *extensions;
		bool offered, required;
	} rows[] = {
		{ "{}", false, false },
		{ "7", false, false },
		{ "{\"payment-identifier\":true}", false, false },
		{ "{\"payment-identifier\":{}}", true, false },
		{ "{\"payment-identifier\":{\"info\":{\"required\":false}}}", true, false },
		{ "{\"payment-identifier\":{\"info\":{\"required\":true}}}", true, true },
		{ "{\"payment-identifier\":{\"info\":{\"required\":\"true\"}}}", true, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		char *text = art_printf("{\"x402Version\":2,\"accepts\":[],\"extensions\":%s}",
					rows[i].extensions);

		assert_int_equal(read_both(f, text, ""), ART_OK);
		assert_int_equal(f->c.identifier, rows[i].offered);
		assert_int_equal(f->c.identifier_required, rows[i].required);
		free(text);
	}
}

/* ---- checking ---------------------------------------------------------------------------------- */

/* A good offer of @version with its member @key replaced by the JSON @value: "" leaves it out. */
static void put_offer(struct art_buf *b, int version, const char *key, const char *value)
{
	const struct {
		const char *key, *value;
	} members[] = {
		{ "scheme", "\"exact\"" },
		{ "network", version == 1 ? "\"base-sepolia\"" : "\"eip155:84532\"" },
		{ version == 1 ? "maxAmountRequired" : "amount", "\"10000\"" },
		{ "asset", "\"" TOKEN "\"" },
		{ "payTo", "\"" PAYEE "\"" },
		{ "maxTimeoutSeconds", "300" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\"}" },
	};
	bool known = false;

	art_buf_put(b, "{\"x\":0");
	for (size_t i = 0; i < ART_COUNT(members); i++) {
		bool is_it = !strcmp(members[i].key, key);
		const char *v = is_it ? value : members[i].value;

		known |= is_it;
		if (*v)
			art_buf_putf(b, ",\"%s\":%s", members[i].key, v);
	}
	if (!known && *key)
		art_buf_putf(b, ",\"%s\":%s", key, value);
	art_buf_put(b, "}");
}

static enum art_status check(struct fixture *f, int version, const char *key, const char *value)
{
	struct art_buf b;

	art_buf_init(&b, X402_BODY_MAX);
	art_buf_putf(&b, "{\"x402Version\":%d,\"accepts\":[", version);
	put_offer(&b, version, key, value);
	art_buf_put(&b, "]}");
	assert_int_equal(read_both(f, NULL, b.data), ART_OK);
	art_buf_destroy(&b);
	memset(&f->err, 0, sizeof(f->err));
	return x402_check(&f->c, 0, &f->chains, MAX_WINDOW, &f->t, &f->err);
}

struct check_row {
	const char *key, *value;
	enum art_status want; /* version 2 */
	enum art_status want1; /* version 1 */
	const char *says;
};

static void check_rows(struct fixture *f, const struct check_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int version = 1; version <= 2; version++) {
			enum art_status want = version == 1 ? rows[i].want1 : rows[i].want;
			enum art_status s = check(f, version, rows[i].key, rows[i].value);

			if (s != want || (s != ART_OK && !strstr(f->err.text, rows[i].says)))
				fail_msg("v%d %s = %s: %s, \"%s\"", version, rows[i].key, rows[i].value,
					 art_status_text(s), f->err.text);
			/* Nothing of the seller's may colour the screen. */
			assert_null(strchr(f->err.text, 0x1b));
		}
}

#define OK_OK ART_OK, ART_OK, ""
#define NO_NO ART_REFUSED, ART_REFUSED

static void x402_check_must_take_only_known_schemes_networks_and_tokens(void **state)
{
	static const struct check_row rows[] = {
		{ "", "", OK_OK },
		{ "scheme", "", NO_NO, "its scheme is" },
		{ "scheme", "\"upto\"", NO_NO, "its scheme is \"upto\"" },
		{ "scheme", "\"Exact\"", NO_NO, "its scheme is" },
		{ "scheme", "\"exact \"", NO_NO, "its scheme is" },
		{ "scheme", "null", NO_NO, "its scheme is" },
		{ "network", "\"eip155:84532\"", OK_OK },
		{ "network", "\"base-sepolia\"", OK_OK },
		{ "network", "\"84532\"", OK_OK },
		{ "network", "\"eip155:8453\"", NO_NO, "is not USDC on base" },
		{ "network", "\"base\"", NO_NO, "is not USDC on base" },
		{ "network", "\"eip155:999\"", NO_NO, "is not one that is known" },
		{ "network", "\"solana\"", NO_NO, "is not one that is known" },
		{ "network", "\"eip155:084532\"", NO_NO, "is not one that is known" },
		{ "network", "84532", NO_NO, "is not one that is known" },
		{ "network", "", NO_NO, "is not one that is known" },
		{ "asset", "\"0x036cbd53842c5426634e7929541ec2318f3dcf7e\"", OK_OK },
		{ "asset", "\"0x036CbD53842c5426634e7929541eC2318f3dCF7E\"", NO_NO, "its token:" },
		{ "asset", "\"" BASE_TOKEN "\"", NO_NO, "is not USDC on base-sepolia" },
		{ "asset", "\"0x0000000000000000000000000000000000000000\"", NO_NO, "is not USDC" },
		{ "asset", "\"036CbD53842c5426634e7929541eC2318f3dCF7e\"", NO_NO, "its token:" },
		{ "asset", "\"usdc\"", NO_NO, "its token:" },
		{ "asset", "", NO_NO, "its token:" },
		{ "asset", "[]", NO_NO, "its token:" },
	};

	check_rows(*state, rows, ART_COUNT(rows));
}

static void x402_check_must_hold_the_domain_against_the_table(void **state)
{
	static const struct check_row rows[] = {
		/* Version 1 leaves extra open: ours is signed under then. */
		{ "extra", "", ART_REFUSED, ART_OK, "domain's name is \"\"" },
		{ "extra", "{}", ART_REFUSED, ART_OK, "domain's name is \"\"" },
		{ "extra", "null", ART_REFUSED, ART_OK, "domain's name is \"\"" },
		{ "extra", "7", ART_REFUSED, ART_OK, "domain's name is \"\"" },
		{ "extra", "{\"name\":\"USDC\"}", ART_REFUSED, ART_OK, "domain's version is \"\"" },
		{ "extra", "{\"version\":\"2\"}", ART_REFUSED, ART_OK, "domain's name is \"\"" },
		{ "extra", "{\"name\":\"USD Coin\",\"version\":\"2\"}", NO_NO, "must be \"USDC\"" },
		{ "extra", "{\"name\":\"usdc\",\"version\":\"2\"}", NO_NO, "must be \"USDC\"" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"1\"}", NO_NO, "must be \"2\"" },
		{ "extra", "{\"name\":\"USDC\",\"version\":2}", NO_NO, "must be \"2\"" },
		{ "extra", "{\"name\":7,\"version\":\"2\"}", NO_NO, "must be \"USDC\"" },
		{ "extra", "{\"eip712Domain\":{\"name\":\"USDC\",\"version\":\"2\"}}", OK_OK },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"eip712Domain\":{\"name\":\"USDC\","
			   "\"version\":\"2\"}}", OK_OK },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"eip712Domain\":{\"name\":\"USD Coin\"}}", NO_NO,
		  "must be \"USDC\"" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"eip712Domain\":{\"version\":\"1\"}}", NO_NO,
		  "must be \"2\"" },
		{ "extra", "{\"eip712Domain\":{\"name\":\"USD Coin\",\"version\":\"2\"}}", NO_NO,
		  "must be \"USDC\"" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"assetTransferMethod\":\"eip3009\"}", OK_OK },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"assetTransferMethod\":\"permit2\"}", NO_NO,
		  "by permit2; only eip3009" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"assetTransferMethod\":7}", NO_NO,
		  "only eip3009" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":\"authorization\"}", OK_OK },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":\"escrow\"}", NO_NO,
		  "payment flow \"escrow\"" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":\"Upfront\"}", NO_NO,
		  "payment flow" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":[\"upfront\"]}", NO_NO,
		  "payment flow" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":null}", OK_OK },
	};
	struct fixture *f = *state;

	check_rows(f, rows, ART_COUNT(rows));
	assert_int_equal(check(f, 2, "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":\"upfront\"}"),
			 ART_OK);
	assert_true(f->t.upfront);
}

static void x402_check_must_take_only_plain_amounts(void **state)
{
	static const char *const bad[] = {
		"\"0.01\"", "\"1e4\"", "\"-5\"", "\"+5\"", "\" 10000\"", "\"10000 \"", "\"10000.0\"", "10000",
		"10000.5", "\"0x2710\"", "\"010000\"", "\"1_000\"", "\"1,000\"", "\"ten\"", "\"\xd9\xa1\"",
		"null", "true", "{}", "[\"10000\"]", "\"\"", "\"10000\\n\"", "\"NaN\"",
		/* 2^256, and one below it; 2^64; 2^63. */
		"\"115792089237316195423570985008687907853269984665640564039457584007913129639936\"",
		"\"115792089237316195423570985008687907853269984665640564039457584007913129639935\"",
		"\"18446744073709551616\"", "\"18446744073709551615\"", "\"9223372036854775808\"",
		"\"999999999999999999999999999999999999999999999999999999999999999999999999999999999999\"",
		"\"0\"",
	};
	struct fixture *f = *state;
	char *both;

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		for (int version = 1; version <= 2; version++) {
			if (check(f, version, version == 1 ? "maxAmountRequired" : "amount", bad[i]) !=
				    ART_REFUSED || !strstr(f->err.text, "its amount"))
				fail_msg("amount %s: \"%s\"", bad[i], f->err.text);
			assert_int_equal(choose(f), ART_REFUSED);
		}
	}
	assert_int_equal(check(f, 2, "amount", ""), ART_REFUSED);
	says(f, ART_REFUSED, ART_REFUSED, "its amount is missing");
	assert_int_equal(check(f, 2, "amount", "\"9223372036854775807\""), ART_OK);
	assert_true(usdc_to_micro(f->t.amount) == INT64_MAX);
	assert_int_equal(check(f, 2, "amount", "\"1\""), ART_OK);
	assert_int_equal(usdc_to_micro(f->t.amount), 1);
	/* The name of the other version is taken alone; two must be one. */
	assert_int_equal(check(f, 1, "maxAmountRequired", "\"7\",\"amount\":\"7\""), ART_OK);
	says(f, check(f, 1, "maxAmountRequired", "\"7\",\"amount\":\"8\""), ART_REFUSED, "two different");
	says(f, check(f, 2, "amount", "\"7\",\"maxAmountRequired\":\"8\""), ART_REFUSED, "two different");
	says(f, check(f, 2, "amount", "\"7\",\"maxAmountRequired\":7"), ART_REFUSED, "two different");
	both = art_strdup("\"7\",\"maxAmountRequired\":\"07\"");
	says(f, check(f, 2, "amount", both), ART_REFUSED, "two different");
	free(both);
}

static void x402_check_must_take_only_proper_payees_and_windows(void **state)
{
	static const struct check_row rows[] = {
		{ "payTo", "\"0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc\"", OK_OK },
		{ "payTo", "\"0x3C44CDDDB6A900FA2B585DD299E03D12FA4293BC\"", OK_OK },
		{ "payTo", "\"0x3c44CdDdB6a900fa2b585dd299e03d12FA4293BC\"", NO_NO, "its payee:" },
		{ "payTo", "\"3C44CdDdB6a900fa2b585dd299e03d12FA4293BC\"", NO_NO, "its payee:" },
		{ "payTo", "\"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293\"", NO_NO, "its payee:" },
		{ "payTo", "\"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC00\"", NO_NO, "its payee:" },
		{ "payTo", "\"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC \"", NO_NO, "its payee:" },
		{ "payTo", "\"vitalik.eth\"", NO_NO, "its payee:" },
		{ "payTo", "", NO_NO, "its payee:" },
		{ "payTo", "7", NO_NO, "its payee:" },
		{ "payTo", "\"0x0000000000000000000000000000000000000000\"", NO_NO, "is nobody" },
		{ "payTo", "\"" TOKEN "\"", NO_NO, "is the token itself" },
		{ "maxTimeoutSeconds", "1", OK_OK },
		{ "maxTimeoutSeconds", "7200", OK_OK },
		{ "maxTimeoutSeconds", "", OK_OK },
		{ "maxTimeoutSeconds", "0", OK_OK },
		{ "maxTimeoutSeconds", "7201", NO_NO, "it wants 7201 s" },
		{ "maxTimeoutSeconds", "1e9", NO_NO, "it wants 1000000000 s" },
		{ "maxTimeoutSeconds", "9007199254740991", NO_NO, "it wants 9007199254740991 s" },
		{ "maxTimeoutSeconds", "1e300", NO_NO, "is no whole number" },
		{ "maxTimeoutSeconds", "-1", NO_NO, "is no whole number" },
		{ "maxTimeoutSeconds", "-2", NO_NO, "is no whole number" },
		{ "maxTimeoutSeconds", "1.5", NO_NO, "is no whole number" },
		{ "maxTimeoutSeconds", "\"300\"", NO_NO, "is no whole number" },
		{ "maxTimeoutSeconds", "null", NO_NO, "is no whole number" },
	};
	struct fixture *f = *state;

	check_rows(f, rows, ART_COUNT(rows));
	assert_int_equal(check(f, 2, "maxTimeoutSeconds", "0"), ART_OK);
	assert_true(f->t.max_timeout_s == 3600);
	assert_int_equal(check(f, 2, "maxTimeoutSeconds", ""), ART_OK);
	assert_true(f->t.max_timeout_s == 3600);
	assert_int_equal(check(f, 2, "maxTimeoutSeconds", "299"), ART_OK);
	assert_true(f->t.max_timeout_s == 299);
	/* None given, and the hour that stands for it is more than allowed. */
	assert_int_equal(check(f, 2, "maxTimeoutSeconds", ""), ART_OK);
	says(f, x402_check(&f->c, 0, &f->chains, 3599, &f->t, &f->err), ART_REFUSED, "it wants 3600 s");
}

/* A text that is not shown as it came equals nothing, whatever is left of it. */
static void x402_check_must_refuse_texts_that_had_to_be_cleaned_or_cut(void **state)
{
	static const char *const dirt[] = { "\\u001b[0m", "\\u200b", "\\u202e", "\\u0001", "\\n", "\\ufeff", "\\u007f" };
	static const struct {
		const char *key, *before, *good, *after;
	} fields[] = {
		{ "scheme", "", "exact", "" },
		{ "network", "", "eip155:84532", "" },
		{ "amount", "", "10000", "" },
		{ "asset", "", TOKEN, "" },
		{ "payTo", "", PAYEE, "" },
		{ "extra", "{\"version\":\"2\",\"name\":", "USDC", "}" },
		{ "extra", "{\"name\":\"USDC\",\"version\":", "2", "}" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":", "upfront", "}" },
		{ "extra", "{\"name\":\"USDC\",\"version\":\"2\",\"assetTransferMethod\":", "eip3009", "}" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(fields); i++) {
		char *good = art_printf("%s\"%s\"%s", fields[i].before, fields[i].good, fields[i].after);

		assert_int_equal(check(f, 2, fields[i].key, good), ART_OK);
		free(good);
		for (size_t d = 0; d < 3 * ART_COUNT(dirt); d++) {
			size_t cut = d % 3 == 0 ? 0 : d % 3 == 1 ? 1 : strlen(fields[i].good);
			char *value = art_printf("%s\"%.*s%s%s\"%s", fields[i].before, (int)cut, fields[i].good,
						 dirt[d / 3], fields[i].good + cut, fields[i].after);

			if (check(f, 2, fields[i].key, value) != ART_REFUSED)
				fail_msg("%s = %s was taken", fields[i].key, value);
			assert_null(strchr(f->err.text, 0x1b));
			free(value);
		}
		/* Only invisible characters are not the same as none. */
		good = art_printf("%s\"\\u200b\"%s", fields[i].before, fields[i].after);
		assert_int_equal(check(f, 2, fields[i].key, good), ART_REFUSED);
		free(good);
	}
	/* 32 bytes are cut to 31. */
	assert_int_equal(check(f, 2, "scheme", "\"exactexactexactexactexactexactexact\""), ART_REFUSED);
	assert_int_equal(f->c.accepts[0].scheme[0], '?');
}

/* ---- choosing ---------------------------------------------------------------------------------- */

struct offer {
	const char *key, *value;
};

static enum art_status choose_among(struct fixture *f, const struct offer *offers, size_t n)
{
	struct art_buf b;

	art_buf_init(&b, X402_BODY_MAX);
	art_buf_put(&b, "{\"x402Version\":2,\"accepts\":[");
	for (size_t i = 0; i < n; i++) {
		art_buf_put(&b, i ? "," : "");
		put_offer(&b, 2, offers[i].key, offers[i].value);
	}
	art_buf_put(&b, "]}");
	assert_int_equal(read_both(f, NULL, b.data), ART_OK);
	assert_int_equal(f->c.n, n);
	art_buf_destroy(&b);
	return choose(f);
}

#define UPFRONT "{\"name\":\"USDC\",\"version\":\"2\",\"paymentFlow\":\"upfront\"}"

static void x402_choose_must_take_the_cheapest_that_is_good(void **state)
{
	static const struct offer offers[] = {
		{ "amount", "\"900\"" }, { "scheme", "\"upto\"" }, { "amount", "\"7\"" }, { "amount", "\"70\"" },
		{ "amount", "\"7\"" },	 { "amount", "\"0\"" },	   { "payTo", "\"\"" },
	};
	static const struct offer with_upfront[] = {
		{ "extra", UPFRONT }, { "amount", "\"10001\"" }, { "amount", "\"900000\"" },
	};
	static const struct offer only_upfront[] = { { "scheme", "\"upto\"" }, { "extra", UPFRONT } };
	struct fixture *f = *state;

	assert_int_equal(choose_among(f, offers, ART_COUNT(offers)), ART_OK);
	assert_int_equal(f->t.index, 2);
	assert_int_equal(usdc_to_micro(f->t.amount), 7);
	assert_int_equal(choose_among(f, with_upfront, ART_COUNT(with_upfront)), ART_OK);
	assert_int_equal(f->t.index, 1);
	assert_false(f->t.upfront);
	assert_int_equal(choose_among(f, only_upfront, ART_COUNT(only_upfront)), ART_OK);
	assert_int_equal(f->t.index, 1);
	assert_true(f->t.upfront);
}

static void x402_choose_must_say_why_none_can_be_taken(void **state)
{
	static const struct offer offers[] = {
		{ "scheme", "\"upto\"" }, { "amount", "\"0\"" }, { "scheme", "\"upto\"" },
	};
	static const struct offer good[] = { { "", "" } };
	struct fixture *f = *state;
	struct offer many[X402_ACCEPTS_MAX];
	char values[X402_ACCEPTS_MAX][48];

	says(f, choose_among(f, offers, ART_COUNT(offers)), ART_REFUSED,
	     "no offer can be taken: its scheme is \"upto\"; only exact is known; its amount is zero");
	assert_null(strstr(strstr(f->err.text, "upto") + 4, "upto")); /* once */
	says(f, choose_among(f, NULL, 0), ART_REFUSED, "offers no way to pay");
	for (size_t i = 0; i < ART_COUNT(many); i++) {
		snprintf(values[i], sizeof(values[i]), "\"a-scheme-called-%zu\"", i);
		many[i] = (struct offer){ "scheme", values[i] };
	}
	says(f, choose_among(f, many, ART_COUNT(many)), ART_REFUSED, "a-scheme-called-0");
	/* Known, but not to be paid on. */
	for (int i = 0; i < f->chains.n; i++)
		f->chains.list[i].may_pay = false;
	says(f, choose_among(f, good, 1), ART_REFUSED, "base-sepolia is not a chain to pay on (pay.chains)");
}

static void x402_same_terms_must_notice_every_change(void **state)
{
	static const struct check_row rows[] = {
		{ "", "", ART_OK, ART_OK, "same" },
		{ "x2", "1", ART_OK, ART_OK, "same" },
		{ "amount", "\"10001\"", ART_OK, ART_OK, "" },
		{ "payTo", "\"" PAYER "\"", ART_OK, ART_OK, "" },
		{ "network", "\"base-sepolia\"", ART_OK, ART_OK, "" },
		{ "asset", "\"" BASE_TOKEN "\"", ART_OK, ART_OK, "" },
		{ "maxTimeoutSeconds", "301", ART_OK, ART_OK, "" },
		{ "maxTimeoutSeconds", "", ART_OK, ART_OK, "" },
		{ "scheme", "\"upto\"", ART_OK, ART_OK, "" },
	};
	struct fixture *f = *state;
	struct fixture was = { .chains = f->chains };

	assert_int_equal(check(&was, 2, "", ""), ART_OK);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		if (check(f, 2, rows[i].key, rows[i].value) != ART_OK)
			assert_int_equal(rows[i].says[0], 0);
		if (x402_same_terms(&f->c, &was.c, &was.t) != (rows[i].says[0] == 's'))
			fail_msg("%s = %s", rows[i].key, rows[i].value);
	}
	assert_int_equal(read_both(f, NULL, "{\"x402Version\":2,\"accepts\":[]}"), ART_OK);
	assert_false(x402_same_terms(&f->c, &was.c, &was.t));
	x402_challenge_destroy(&was.c);
}

/* ---- payments ---------------------------------------------------------------------------------- */

#define SIG "0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f" \
	    "05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b91c"
#define NONCE "0x738d23f81b03e0fa2a462218a3de9571464079959d1cc0b91e00a2e4b10f75ed"
#define PAYLOAD "\"payload\":{\"authorization\":{\"from\":\"" PAYER "\",\"to\":\"" PAYEE "\",\"value\":\"10000\"," \
		"\"validAfter\":\"0\",\"validBefore\":\"1795355020\",\"nonce\":\"" NONCE "\"},"               \
		"\"signature\":\"" SIG "\"}"
#define ID "exp_0123456789abcdef"

static void signed_payment(struct eip3009 *a, struct eth_signature *sig)
{
	memset(a, 0, sizeof(*a));
	assert_int_equal(eth_address_parse(PAYER, &a->from, NULL), ART_OK);
	assert_int_equal(eth_address_parse(PAYEE, &a->to, NULL), ART_OK);
	a->value = u256_from_u64(10000);
	a->valid_before = u256_from_u64(1795355020);
	assert_true(eth_word_parse(NONCE, &a->nonce));
	assert_true(hex_decode(SIG, sig->b, sizeof(sig->b)));
}

/* The payment for the first offer of @challenge. Caller frees. */
static char *paid(struct fixture *f, const char *challenge, const char *id)
{
	struct eip3009 a;
	struct eth_signature sig;
	struct art_buf out;

	signed_payment(&a, &sig);
	assert_int_equal(read_both(f, NULL, challenge), ART_OK);
	f->t = (struct x402_terms){ .index = 0 };
	art_buf_init(&out, X402_HEADER_MAX);
	memset(&f->err, 0, sizeof(f->err));
	if (x402_payment_write(&f->c, &f->t, &a, &sig, id, &out, &f->err) != ART_OK)
		fail_msg("%s", f->err.text);
	return art_buf_take(&out);
}

static void wrote(struct fixture *f, const char *challenge, const char *id, const char *want)
{
	char *header = paid(f, challenge, id), *b64 = base64(want);
	struct art_buf json;

	art_buf_init(&json, X402_HEADER_MAX);
	assert_true(base64_decode(header, strlen(header), &json));
	assert_string_equal(json.data, want);
	assert_string_equal(header, b64);
	art_buf_destroy(&json);
	free(header);
	free(b64);
}

static void x402_payment_write_must_write_version_1(void **state)
{
	wrote(*state, V1, NULL, "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\"," PAYLOAD "}");
	/* No place for an identifier there. */
	wrote(*state, V1, ID, "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\"," PAYLOAD "}");
}

static void x402_payment_write_must_write_version_2(void **state)
{
	wrote(*state, V2, NULL,
	      "{\"x402Version\":2," PAYLOAD ",\"resource\":{\"url\":\"http://127.0.0.1:14121/experiment\","
	      "\"description\":\"Run one training experiment\",\"mimeType\":\"application/json\"},"
	      "\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:84532\",\"amount\":\"10000\","
	      "\"asset\":\"" TOKEN "\",\"payTo\":\"" PAYEE "\",\"maxTimeoutSeconds\":300,"
	      "\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}}");
}

/* A seller compares texts: not a space may change. */
static void x402_payment_write_must_pass_on_byte_for_byte(void **state)
{
#define ODD_ACCEPT "{ \"payTo\" :\t\"" PAYEE "\",\"scheme\":\"ex\\u0061ct\", \"amount\":\"10000\",\n\"extra\":{ \"z\":" \
		   "[1.0,1e2 , -0],\"name\":\"US\\u0044C\",\"version\":\"2\",\"\\u00e9\":\"\xc3\xa9\\/\"}," \
		   "\"network\":\"eip155:84532\",\"asset\":\"" TOKEN "\",\"maxTimeoutSeconds\":3.0e2  }"
#define ODD_RESOURCE "{\"url\" : \"http:\\/\\/x\\u002fy\" , \"n\":[ ]}"
#define ODD_EXTENSIONS "{ \"b\":{\"info\":{ \"x\":1.50 }} ,\"a\" : [\"\\u003c\"] }"
	struct fixture *f = *state;

	wrote(f, " {\"extensions\": " ODD_EXTENSIONS " ,\"accepts\" : [ " ODD_ACCEPT " ] ,\r\n\"resource\":  "
	      ODD_RESOURCE " , \"x402Version\":2.0}\n", NULL,
	      "{\"x402Version\":2," PAYLOAD ",\"resource\":" ODD_RESOURCE ",\"accepted\":" ODD_ACCEPT
	      ",\"extensions\":" ODD_EXTENSIONS "}");
	assert_int_equal(choose(f), ART_OK);
	/* A resource that is a text goes back as a text, and one that is not there does not go. */
	wrote(f, "{\"x402Version\":2,\"resource\":\"http://x\",\"accepts\":[{}]}", NULL,
	      "{\"x402Version\":2," PAYLOAD ",\"resource\":\"http://x\",\"accepted\":{}}");
	wrote(f, "{\"x402Version\":2,\"accepts\":[{}],\"extensions\":[]}", NULL,
	      "{\"x402Version\":2," PAYLOAD ",\"accepted\":{}}");
}

static void x402_payment_write_must_add_the_identifier_where_it_is_offered(void **state)
{
#define ACCEPTS "{\"x402Version\":2,\"accepts\":[{}],\"extensions\":"
#define UP_TO_EXTENSIONS "{\"x402Version\":2," PAYLOAD ",\"accepted\":{},\"extensions\":"
	struct fixture *f = *state;

	wrote(f, ACCEPTS "{\"payment-identifier\":{}}}", ID,
	      UP_TO_EXTENSIONS "{\"payment-identifier\":{\"info\":{\"id\":\"" ID "\"}}}}");
	wrote(f, ACCEPTS "{\"payment-identifier\":{\"info\":{\"required\": true},\"schema\":{ \"a\":1.0}}}}", ID,
	      UP_TO_EXTENSIONS "{\"payment-identifier\":{\"schema\":{ \"a\":1.0},\"info\":{\"required\":true,"
			       "\"id\":\"" ID "\"}}}}");
	/* What the seller put in its place gives way; the others stay as they are. */
	wrote(f, ACCEPTS "{\"x\":{ \"y\" :1},\"payment-identifier\":{\"info\":{\"id\":\"theirs\"}},\"z\":null}}", ID,
	      UP_TO_EXTENSIONS "{\"x\":{ \"y\" :1},\"z\":null,\"payment-identifier\":{\"info\":{\"id\":\"" ID
			       "\"}}}}");
	/* Not offered, or not wanted. */
	wrote(f, ACCEPTS "{\"x\": 1}}", ID, UP_TO_EXTENSIONS "{\"x\": 1}}");
	wrote(f, ACCEPTS "{\"payment-identifier\": {}}}", NULL,
	      UP_TO_EXTENSIONS "{\"payment-identifier\": {}}}");
}

static void x402_payment_write_must_refuse_what_it_cannot_pass_on(void **state)
{
	struct fixture *f = *state;
	struct eip3009 a;
	struct eth_signature sig;
	struct art_buf out;
	char *text, *filler = art_alloc(60000, 1);

	signed_payment(&a, &sig);
	art_buf_init(&out, X402_HEADER_MAX);
	f->t = (struct x402_terms){ .index = 0 };
	assert_int_equal(read_both(f, NULL, ACCEPTS "{\"\\u0078\":1,\"payment-identifier\":{}}}"), ART_OK);
	says(f, x402_payment_write(&f->c, &f->t, &a, &sig, ID, &out, &f->err), ART_INVALID, "cannot be passed on");
	assert_int_equal(x402_payment_write(&f->c, &f->t, &a, &sig, ID, &out, NULL), ART_INVALID);
	memset(filler, 'x', 59999);
	text = art_printf("{\"x402Version\":2,\"accepts\":[{\"description\":\"%s\"}]}", filler);
	assert_int_equal(read_both(f, NULL, text), ART_OK);
	says(f, x402_payment_write(&f->c, &f->t, &a, &sig, NULL, &out, &f->err), ART_LIMIT,
	     "too long for a header");
	assert_int_equal(x402_payment_write(&f->c, &f->t, &a, &sig, NULL, &out, NULL), ART_LIMIT);
	free(text);
	free(filler);
	art_buf_destroy(&out);
}

static void x402_payment_read_must_read_what_was_written(void **state)
{
	struct fixture *f = *state;
	struct x402_payment p;
	struct eip3009 a;
	struct eth_signature sig;
	char *header;

	signed_payment(&a, &sig);
	header = paid(f, V1, NULL);
	assert_int_equal(x402_payment_read(header, &p, &f->err), ART_OK);
	assert_int_equal(p.version, 1);
	assert_string_equal(p.scheme, "exact");
	assert_string_equal(p.network, "base-sepolia");
	assert_memory_equal(&p.a, &a, sizeof(a));
	assert_memory_equal(&p.sig, &sig, sizeof(sig));
	assert_string_equal(p.payment_id, "");
	x402_payment_destroy(&p);
	free(header);

	header = paid(f, "{\"x402Version\":2,\"accepts\":[" OBOL_ACCEPT("eip155:84532") "],\"extensions\":"
			 "{\"payment-identifier\":{\"info\":{}}}}", ID);
	assert_int_equal(x402_payment_read(header, &p, &f->err), ART_OK);
	assert_int_equal(p.version, 2);
	assert_string_equal(p.network, "eip155:84532");
	assert_memory_equal(&p.a, &a, sizeof(a));
	assert_string_equal(p.payment_id, ID);
	assert_int_equal(p.accepted_len, strlen(OBOL_ACCEPT("eip155:84532")));
	assert_memory_equal(p.text.data + p.accepted_at, OBOL_ACCEPT("eip155:84532"), p.accepted_len);
	x402_payment_destroy(&p);
	free(header);
}

static void x402_payment_read_must_refuse_every_malformed_field(void **state)
{
	static const struct {
		const char *what, *instead;
	} rows[] = {
		{ "\"x402Version\":1", "\"x402Version\":3" },
		{ "\"x402Version\":1", "\"x402Version\":2" }, /* and no accepted */
		{ "\"x402Version\":1", "\"x402Version\":\"1\"" },
		{ "\"scheme\":\"exact\"", "\"scheme\":7" },
		{ "\"scheme\":\"exact\"", "\"scheme\":\"\"" },
		{ "\"scheme\":\"exact\"", "\"scheme\":\"0123456789012345678901234567890123456789\"" },
		{ "\"network\":\"base-sepolia\"", "\"n\":1" },
		{ "\"payload\"", "\"load\"" },
		{ "\"authorization\"", "\"author\"" },
		{ "\"from\":\"0x9", "\"from\":\"0x" },
		{ "\"from\":\"0x90F", "\"from\":\"0x90f" },
		{ "\"to\":\"0x", "\"to\":\"" },
		{ "\"10000\"", "10000" },
		{ "\"10000\"", "\"1e4\"" },
		{ "\"validAfter\":\"0\"", "\"validAfter\":\"-1\"" },
		{ "\"validAfter\":\"0\"", "\"validAfter\":0" },
		{ "\"1795355020\"", "\"\"" },
		{ "75ed\"", "75e\"" },
		{ "75ed\"", "75edaa\"" },
		{ "b91c\"", "b91\"" },
		{ "b91c\"", "b91c00\"" },
		{ "b91c\"", "b9zz\"" },
	};
	static const char good[] = "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\"," PAYLOAD "}";
	struct fixture *f = *state;
	struct x402_payment p;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		const char *at = strstr(good, rows[i].what);
		char *text, *header;

		assert_non_null(at);
		text = art_printf("%.*s%s%s", (int)(at - good), good, rows[i].instead,
				  at + strlen(rows[i].what));
		header = base64(text);
		if (x402_payment_read(header, &p, &f->err) != ART_INVALID)
			fail_msg("%s was taken", text);
		x402_payment_destroy(&p);
		free(text);
		free(header);
	}
	assert_int_equal(x402_payment_read("", &p, &f->err), ART_INVALID);
	x402_payment_destroy(&p);
	says(f, x402_payment_read("?", &p, &f->err), ART_INVALID, "not base64");
	x402_payment_destroy(&p);
}

/* ---- receipts ---------------------------------------------------------------------------------- */

static struct x402_receipt receipt(const char *json)
{
	char *header = base64(json);
	struct x402_receipt r;

	x402_receipt_read(header, &r);
	free(header);
	return r;
}

static void x402_receipt_read_must_take_the_captured_one(void **state)
{
	struct x402_receipt r = receipt("{\"success\":true,\"payer\":\"0x90f79bf6eb2c4f870365e785982e1f101e93b906\","
					"\"transaction\":\"" HASH "\",\"network\":\"eip155:84532\","
					"\"amount\":\"10000\",\"extensions\":{}}");

	(void)state;
	assert_true(r.present && r.readable && r.success);
	assert_string_equal(r.transaction, HASH);
	assert_string_equal(r.network, "eip155:84532");
	assert_string_equal(r.payer, PAYER);
	assert_string_equal(r.amount, "10000");
	assert_string_equal(r.reason, "");
	r = receipt("{\"success\":false,\"errorReason\":\"bad\\u001b[31m\\nthing\",\"transaction\":\"\","
		    "\"payer\":\"nobody\",\"amount\":\"1e4\",\"network\":7}");
	assert_true(r.present && r.readable && !r.success);
	assert_string_equal(r.transaction, "");
	assert_string_equal(r.payer, "");
	assert_string_equal(r.amount, "");
	assert_string_equal(r.network, "");
	assert_null(strpbrk(r.reason, "\x1b\n"));
	assert_non_null(strstr(r.reason, "thing"));
}

static void x402_receipt_read_must_survive_anything(void **state)
{
	static const char *const odd[] = {
		"", "{}", "[]", "null", "true", "not json", "{\"success\":\"true\"}", "{\"success\":1}",
		"{\"success\":null}", "{\"success\":true", "{\"success\":true,\"success\":false}",
		"{\"ok\":true}", "\xff",
		/* A no that names something like a transaction. */
		"{\"success\":false,\"transaction\":\"0x12\"}", "{\"success\":false,\"transaction\":7}",
	};
	struct x402_receipt r;
	char *huge = art_alloc(1 << 20, 1), *text;

	(void)state;
	x402_receipt_read(NULL, &r);
	assert_false(r.present || r.readable || r.success);
	for (size_t i = 0; i < ART_COUNT(odd); i++) {
		r = receipt(odd[i]);
		if (!r.present || r.readable)
			fail_msg("%s is taken for a receipt", odd[i]);
	}
	x402_receipt_read("not base64!", &r);
	assert_true(r.present && !r.readable);
	memset(huge, 'A', (1 << 20) - 1);
	x402_receipt_read(huge, &r);
	assert_true(r.present && !r.readable);
	memset(huge, 'r', 40000);
	huge[40000] = 0;
	text = art_printf("{\"success\":false,\"errorReason\":\"%s\"}", huge);
	r = receipt(text);
	assert_true(r.readable);
	assert_int_equal(strlen(r.reason), X402_REASON_MAX - 1);
	free(text);
	free(huge);
}

static void x402_meaning_must_believe_only_clear_words(void **state)
{
	static const struct {
		int status;
		bool challenge;
		const char *error, *receipt; /* its JSON, NULL: none */
		enum x402_meaning want;
		const char *says;
	} rows[] = {
		{ 0, false, NULL, NULL, X402_DOUBT, "no whole answer" },
		{ 0, false, NULL, "{\"success\":true}", X402_DOUBT, "no whole answer" },
		{ 200, false, NULL, "{\"success\":true}", X402_SETTLED, "settled" },
		{ 202, false, NULL, "{\"success\":true,\"transaction\":\"\"}", X402_SETTLED, "settled" },
		/* Paid up front, and then no work. */
		{ 503, false, NULL, "{\"success\":true}", X402_SETTLED, "settled" },
		{ 402, true, "again", "{\"success\":true}", X402_SETTLED, "settled" },
		{ 402, false, NULL, "{\"success\":false,\"errorReason\":\"invalid_exact_evm_signature\","
				    "\"transaction\":\"\"}", X402_REFUSED, "invalid_exact_evm_signature" },
		{ 402, false, NULL, "{\"success\":false,\"transaction\":null}", X402_REFUSED, "no reason given" },
		{ 402, false, NULL, "{\"success\":false,\"errorReason\":\"settlement_pending\"}", X402_DOUBT,
		  "settlement_pending" },
		{ 402, true, "x", "{\"success\":false,\"transaction\":\"" HASH "\"}", X402_DOUBT, "settlement failed" },
		{ 402, true, "x", "{\"success\":false,\"transaction\":\"0x1\"}", X402_DOUBT, "cannot be read" },
		{ 503, false, NULL, "{\"success\":false,\"errorReason\":\"settlement_failed\",\"transaction\":\"" HASH
				    "\"}", X402_DOUBT, "settlement_failed" },
		{ 200, false, NULL, "nonsense", X402_DOUBT, "cannot be read" },
		{ 402, true, "x", "{\"success\":\"true\"}", X402_DOUBT, "cannot be read" },
		{ 402, true, "invalid_exact_evm_insufficient_balance", NULL, X402_REFUSED,
		  "invalid_exact_evm_insufficient_balance" },
		{ 402, true, NULL, NULL, X402_REFUSED, "no reason given" },
		{ 402, true, "settlement_pending", NULL, X402_DOUBT, "settlement_pending" },
		{ 402, false, NULL, NULL, X402_DOUBT, "status 402" },
		{ 200, false, NULL, NULL, X402_DOUBT, "without a receipt" },
		{ 202, false, NULL, NULL, X402_DOUBT, "without a receipt" },
		{ 301, false, NULL, NULL, X402_DOUBT, "without a receipt" },
		{ 400, false, NULL, NULL, X402_DOUBT, "status 400" },
		{ 409, true, "x", NULL, X402_DOUBT, "status 409" },
		{ 500, false, NULL, NULL, X402_DOUBT, "status 500" },
		{ 502, false, NULL, NULL, X402_DOUBT, "status 502" },
		{ 503, false, NULL, NULL, X402_DOUBT, "status 503" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct x402_receipt r = { 0 };
		struct x402_answer a = { rows[i].status, rows[i].challenge, rows[i].error, &r };
		char reason[X402_REASON_MAX] = "";

		if (rows[i].receipt)
			r = receipt(rows[i].receipt);
		if (x402_meaning(&a, reason) != rows[i].want || !strstr(reason, rows[i].says))
			fail_msg("row %zu: \"%s\"", i, reason);
		assert_int_equal(x402_meaning(&a, NULL), rows[i].want);
	}
}

static void x402_meaning_must_cut_long_words_between_characters(void **state)
{
	(void)state;
	for (int shift = 0; shift < 3; shift++) {
		struct x402_receipt r = { 0 };
		struct x402_answer a = { .status = 402, .challenge = true, .receipt = &r };
		char word[X402_REASON_MAX] = "", reason[X402_REASON_MAX];

		for (size_t n = (size_t)shift; n + 4 < sizeof(word); n += 3)
			memcpy(word + n, "\xe2\x98\x83", 3);
		memset(word, 'x', (size_t)shift);
		a.challenge_error = word;
		assert_int_equal(x402_meaning(&a, reason), X402_REFUSED);
		assert_true(strlen(reason) > X402_REASON_MAX - 5);
		assert_true(art_utf8_valid(reason, strlen(reason), NULL));
	}
}

/* ---- base64 ------------------------------------------------------------------------------------ */

static void base64_must_be_that_of_the_standard(void **state)
{
	/* RFC 4648 section 10, and the two odd characters. */
	static const char *const rows[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "+//+" },
	};
	struct art_buf b;

	(void)state;
	art_buf_init(&b, 100);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		size_t n = strlen(rows[i][1]);

		art_buf_reset(&b);
		assert_true(base64_encode(rows[i][0], strlen(rows[i][0]), &b));
		assert_int_equal(b.len, n);
		assert_memory_equal(b.len ? b.data : "", rows[i][1], n);
		/* With and without padding. */
		for (int bare = 0; bare < 2; bare++) {
			while (bare && n && rows[i][1][n - 1] == '=')
				n--;
			art_buf_reset(&b);
			assert_true(base64_decode(rows[i][1], n, &b));
			assert_int_equal(b.len, strlen(rows[i][0]));
			assert_memory_equal(b.len ? b.data : "", rows[i][0], b.len);
		}
	}
	art_buf_destroy(&b);
}

static void base64_decode_must_undo_base64_encode(void **state)
{
	uint8_t bytes[300];
	struct art_buf text, back;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + i / 7);
	art_buf_init(&text, 1000);
	art_buf_init(&back, 1000);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		art_buf_reset(&text);
		art_buf_reset(&back);
		assert_true(base64_encode(bytes, n, &text));
		assert_int_equal(text.len, (n + 2) / 3 * 4);
		assert_true(base64_decode(text.len ? text.data : "", text.len, &back));
		assert_int_equal(back.len, n);
		assert_memory_equal(n ? (uint8_t *)back.data : bytes, bytes, n);
	}
	art_buf_destroy(&text);
	art_buf_destroy(&back);
}

static void base64_must_refuse_what_is_none_or_does_not_fit(void **state)
{
	static const char *const bad[] = {
		"Z", "Z===", "=", "==", "====", "Zg=", "Zg===", "Zm8==", "Zm9v=", "Zm9v====", "Z=g=", "Zg==Zg==",
		"Zm9 v", "Zm9v\n", " Zm9v", "Zm-_", "Zm9v!", "Zm\xc3\xa9v", "Zm9vZ",
	};
	struct art_buf b;

	(void)state;
	art_buf_init(&b, 8);
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		art_buf_reset(&b);
		if (base64_decode(bad[i], strlen(bad[i]), &b))
			fail_msg("%s was taken", bad[i]);
	}
	art_buf_reset(&b);
	assert_false(base64_decode("Zm\0v", 4, &b));
	art_buf_reset(&b);
	assert_true(base64_encode("foobar", 6, &b));
	art_buf_reset(&b);
	assert_false(base64_encode("foobarf", 7, &b));
	art_buf_reset(&b);
	assert_true(base64_decode("Zm9vYmFyZm8", 11, &b));
	art_buf_reset(&b);
	assert_false(base64_decode("Zm9vYmFyZm9v", 12, &b));
	art_buf_destroy(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(x402_challenge_read_must_take_the_captured_ones),
		T(x402_challenge_read_must_find_none_in_other_402s),
		T(x402_challenge_read_must_refuse_malformed_ones),
		T(x402_challenge_read_must_refuse_headers_that_are_not_base64),
		T(x402_challenge_read_must_bound_the_body_and_the_offers),
		T(x402_challenge_read_must_clean_the_words_for_people),
		T(x402_challenge_read_must_see_the_payment_identifier),
		T(x402_check_must_take_only_known_schemes_networks_and_tokens),
		T(x402_check_must_hold_the_domain_against_the_table),
		T(x402_check_must_take_only_plain_amounts),
		T(x402_check_must_take_only_proper_payees_and_windows),
		T(x402_check_must_refuse_texts_that_had_to_be_cleaned_or_cut),
		T(x402_choose_must_take_the_cheapest_that_is_good),
		T(x402_choose_must_say_why_none_can_be_taken),
		T(x402_same_terms_must_notice_every_change),
		T(x402_payment_write_must_write_version_1),
		T(x402_payment_write_must_write_version_2),
		T(x402_payment_write_must_pass_on_byte_for_byte),
		T(x402_payment_write_must_add_the_identifier_where_it_is_offered),
		T(x402_payment_write_must_refuse_what_it_cannot_pass_on),
		T(x402_payment_read_must_read_what_was_written),
		T(x402_payment_read_must_refuse_every_malformed_field),
		cmocka_unit_test(x402_receipt_read_must_take_the_captured_one),
		cmocka_unit_test(x402_receipt_read_must_survive_anything),
		cmocka_unit_test(x402_meaning_must_believe_only_clear_words),
		cmocka_unit_test(x402_meaning_must_cut_long_words_between_characters),
		cmocka_unit_test(base64_must_be_that_of_the_standard),
		cmocka_unit_test(base64_decode_must_undo_base64_encode),
		cmocka_unit_test(base64_must_refuse_what_is_none_or_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
