/*
 * test_remote_signer.c - a key behind HTTP: what is asked of it, and that nothing it answers is believed.
 *
 * The other side is a fake made from the description of obol's remote signer API: it reads the typed data or
 * the transaction out of the body, as the real one would, and signs what it found there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pay/remote_signer.h"
#include "store/json.h"
#include "tests/unit/loopback_server.h"

#define KEY "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"
#define TOKEN "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
#define PAYER "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
#define PAYEE "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define NONCE "0x738d23f81b03e0fa2a462218a3de9571464079959d1cc0b91e00a2e4b10f75ed"

struct fixture {
	struct loop_server server;
	struct http *http;
	struct keys *keys;
	struct eth_key key;
	struct remote_signer r;
	struct art_err err;
	/* How the fake behaves. */
	int status;        /* 0: honest */
	const char *body;  /* with @status */
	bool bare_parity;
	bool cancels, cancelled; /* the server sets the second and is silent */
	char last[8192];
};

/* ---- the fake ---------------------------------------------------------------------------------- */

static bool text_of(const struct json *obj, const char *key, struct u256 *out)
{
	const char *s = json_str(json_get(obj, key));

	return s && u256_parse(s, out);
}

static bool address_of(const struct json *obj, const char *key, struct eth_address *out)
{
	const char *s = json_str(json_get(obj, key));

	return s && eth_address_parse(s, out, NULL) == ART_OK;
}

static bool read_typed(const struct json *j, struct eip712_domain *d, struct eip3009 *a)
{
	const struct json *domain = json_get(j, "domain"), *m = json_get(j, "message");
	const char *nonce = json_str(json_get(m, "nonce")), *type = json_str(json_get(j, "primaryType"));
	struct opt_i64 chain = json_int(json_get(domain, "chainId")); /* a number, unlike the message's */

	memset(d, 0, sizeof(*d));
	memset(a, 0, sizeof(*a));
	if (!type || strcmp(type, "TransferWithAuthorization") != 0 || !chain.known || !nonce ||
	    json_count(json_get(json_get(j, "types"), "EIP712Domain")) != 4 ||
	    json_count(json_get(json_get(j, "types"), "TransferWithAuthorization")) != 6 ||
	    !json_str(json_get(domain, "name")) || !json_str(json_get(domain, "version")))
		return false;
	art_copy(d->name, sizeof(d->name), json_str(json_get(domain, "name")));
	art_copy(d->version, sizeof(d->version), json_str(json_get(domain, "version")));
	d->chain_id = (uint64_t)chain.v;
	d->has_contract = true;
	return address_of(domain, "verifyingContract", &d->contract) && address_of(m, "from", &a->from) &&
	       address_of(m, "to", &a->to) && text_of(m, "value", &a->value) &&
	       text_of(m, "validAfter", &a->valid_after) && text_of(m, "validBefore", &a->valid_before) &&
	       eth_word_parse(nonce, &a->nonce);
}

static bool read_tx(const struct json *j, struct tx *t, uint8_t *data, size_t max)
{
	const char *hex = json_str(json_get(j, "data"));
	struct u256 chain, nonce, gas;

	memset(t, 0, sizeof(*t));
	t->data = data;
	return text_of(j, "chain_id", &chain) && u256_to_u64(&chain, &t->chain_id) &&
	       text_of(j, "nonce", &nonce) && u256_to_u64(&nonce, &t->nonce) && text_of(j, "gas_limit", &gas) &&
	       u256_to_u64(&gas, &t->gas) && text_of(j, "max_fee_per_gas", &t->max_fee) &&
	       text_of(j, "max_priority_fee_per_gas", &t->max_priority_fee) && text_of(j, "value", &t->value) &&
	       address_of(j, "to", &t->to) && hex && hex_decode_some(hex, data, max, &t->data_len);
}

static void sign_typed(struct fixture *f, struct loop_call *c, const struct json *j)
{
	struct eip712_domain d;
	struct eip3009 a;
	struct eth_word separator, hash, digest;
	struct eth_signature sig;
	char text[ETH_SIGNATURE_TEXT], answer[256];

	if (!read_typed(j, &d, &a)) {
		loop_answer(c, 422, "", "{\"error\":\"no typed data\",\"code\":\"MISSING_FIELD\"}");
		return;
	}
	separator = eip712_domain_separator(&d);
	hash = eip3009_hash(EIP3009_TRANSFER, &a);
	digest = eip712_digest(&separator, &hash);
	if (keys_sign(f->keys, &f->key, &digest, &sig, NULL) != ART_OK)
		abort();
	if (f->bare_parity)
		sig.b[64] = (uint8_t)(sig.b[64] - 27);
	snprintf(answer, sizeof(answer), "{\"signature\":\"%s\"}", hex_encode(sig.b, sizeof(sig.b), text));
	loop_answer(c, 200, "Content-Type: application/json\r\n", answer);
}

static void sign_tx(struct fixture *f, struct loop_call *c, const struct json *j)
{
	static const char before[] = "{\"signed_transaction\":\"";
	struct eth_word digest, hash;
	struct eth_signature sig;
	struct art_buf raw, answer;
	uint8_t data[4096];
	struct tx t;

	art_buf_init(&raw, 1 << 16);
	art_buf_init(&answer, 1 << 17);
	art_buf_put(&answer, before);
	if (!read_tx(j, &t, data, sizeof(data)) || tx_digest(&t, &digest, NULL) != ART_OK ||
	    keys_sign(f->keys, &f->key, &digest, &sig, NULL) != ART_OK ||
	    tx_raw(&t, &sig, &raw, &hash, NULL) != ART_OK ||
	    hex_append(&answer, (const uint8_t *)raw.data, raw.len) != ART_OK) {
		loop_answer(c, 422, "", "{\"error\":\"no transaction\",\"code\":\"MISSING_FIELD\"}");
	} else {
		if (strncmp(answer.data + strlen(before), "0x", 2) != 0)
			abort();
		art_buf_put(&answer, "\"}");
		loop_answer(c, 200, "", answer.data);
	}
	art_buf_destroy(&raw);
	art_buf_destroy(&answer);
}

static void serve(void *arg, struct loop_call *c)
{
	struct fixture *f = arg;
	const char *body = strstr(c->request, "\r\n\r\n") + 4;
	struct json *j = NULL;

	if (f->cancels) {
		__atomic_store_n(&f->cancelled, true, __ATOMIC_SEQ_CST);
		loop_silence(c, 5000);
		return;
	}
	if (f->status) {
		loop_answer(c, f->status, f->status == 307 ? "Location: /elsewhere\r\n" : "", f->body);
		return;
	}
	if (!strcmp(c->method, "GET") && !strcmp(c->path, "/api/v1/keys")) {
		loop_answer(c, 200, "", "{\"keys\":[\"0x90f79bf6eb2c4f870365e785982e1f101e93b906\"]}");
		return;
	}
	if (strcmp(c->method, "POST") != 0 || json_parse(&j, body, strlen(body), 1 << 20, NULL) != ART_OK)
		loop_answer(c, 400, "", "{\"error\":\"bad request\",\"code\":\"BAD_REQUEST\"}");
	else if (!strcmp(c->path, "/api/v1/sign/" PAYER "/typed-data"))
		sign_typed(f, c, j);
	else if (!strcmp(c->path, "/api/v1/sign/" PAYER "/transaction"))
		sign_tx(f, c, j);
	else
		loop_answer(c, 404, "", "{\"error\":\"no such signer\",\"code\":\"SIGNER_NOT_FOUND\"}");
	json_free(j);
}

/* ---- the fixture ------------------------------------------------------------------------------- */

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	assert_int_equal(keys_open(&f->keys, NULL), ART_OK);
	assert_true(hex_decode(KEY, f->key.b, sizeof(f->key.b)));
	assert_int_equal(http_open(&f->http, &(struct http_options){ 0 }, &f->err), ART_OK);
	loop_start(&f->server, serve, f);
	f->r = (struct remote_signer){ .http = f->http, .url = f->server.url, .token = "s3cret", .keys = f->keys };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_close(f->http);
	loop_stop(&f->server);
	keys_close(f->keys);
	free(f);
	return 0;
}

static struct eth_address address(const char *text)
{
	struct eth_address a;

	assert_int_equal(eth_address_parse(text, &a, NULL), ART_OK);
	return a;
}

static struct eip712_domain domain(void)
{
	struct eip712_domain d = { .name = "USDC", .version = "2", .chain_id = 84532,
				   .contract = address(TOKEN), .has_contract = true };

	return d;
}

static struct eip3009 payment(void)
{
	struct eip3009 a = { .from = address(PAYER), .to = address(PAYEE), .value = u256_from_u64(10000),
			     .valid_before = u256_from_u64(1795355020) };

	assert_true(eth_word_parse(NONCE, &a.nonce));
	return a;
}

static void says(struct fixture *f, enum art_status got, enum art_status want, const char *part)
{
	if (got != want || !strstr(f->err.text, part))
		fail_msg("%s: \"%s\" instead of \"%s\"", art_status_text(got), f->err.text, part);
	/* The token is in no message. */
	assert_null(strstr(f->err.text, "s3cret"));
	memset(&f->err, 0, sizeof(f->err));
}

static enum art_status authorize(struct fixture *f, struct eth_signature *sig)
{
	struct eip712_domain d = domain();
	struct eip3009 a = payment();

	return remote_signer_authorize(&f->r, &d, &a, sig, &f->err);
}

/* ---- keys -------------------------------------------------------------------------------------- */

static void remote_signer_keys_must_read_both_forms(void **state)
{
	struct fixture *f = *state;
	struct eth_address out[2], want = address(PAYER);
	int n = -1;

	assert_int_equal(remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_OK);
	assert_int_equal(n, 1);
	assert_true(eth_address_equal(&out[0], &want));
	loop_last(&f->server, f->last);
	assert_non_null(strstr(f->last, "GET /api/v1/keys HTTP/1.1\r\n"));
	assert_non_null(strstr(f->last, "\r\nAuthorization: Bearer s3cret\r\n"));
	f->status = 200;
	f->body = "[\"" PAYER "\",\"" PAYEE "\",\"" TOKEN "\"]";
	assert_int_equal(remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_OK);
	assert_int_equal(n, 2);
	f->body = "{\"keys\":[]}";
	assert_int_equal(remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_OK);
	assert_int_equal(n, 0);
}

static void remote_signer_keys_must_refuse_what_is_no_list_of_addresses(void **state)
{
	static const char *const bad[] = { "", "OK", "{}", "{\"keys\":{}}", "\"" PAYER "\"", "[7]", "[\"\"]",
					   "[\"0x90f79bf6eb2c4f870365e785982e1f101e93b9\"]",
					   "{\"keys\":[\"0x90f79bf6eb2c4f870365e785982e1f101E93b906\"]}" };
	struct fixture *f = *state;
	struct eth_address out[2];
	int n;

	f->status = 200;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		f->body = bad[i];
		says(f, remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_INVALID, "the remote signer");
		assert_int_equal(n, 0);
	}
}

static void remote_signer_must_mind_slashes_tokens_and_plain_http(void **state)
{
	struct fixture *f = *state;
	char *slashes = art_printf("%s//", f->server.url), *longer = art_printf("http://127.0.0.1/%02100d", 7);
	static const char *const bad[] = { "s3cret\r\nX-Other: 1", "s3cret ", "Bearer s3cret", "s3cret\t", "s3cret\x7f",
					   "s3cret\xc3\xa9" };
	struct eth_address out[2];
	int n;

	f->r.url = slashes;
	f->r.token = "";
	assert_int_equal(remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_OK);
	loop_last(&f->server, f->last);
	assert_non_null(strstr(f->last, "GET /api/v1/keys HTTP"));
	assert_null(strcasestr(f->last, "Authorization"));
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		f->r.token = bad[i];
		says(f, remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_INVALID, "the remote signer's token has");
	}
	f->r.token = "s3cret";
	f->r.url = longer;
	says(f, remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_LIMIT, "wallet.remote_url is too long");
	/* A test address of RFC 5737: refused before anything is sent. */
	f->r.url = "http://192.0.2.1";
	says(f, remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_REFUSED, "the remote signer: ");
	f->r.url = f->server.url;
	f->r.cancel = &f->cancelled;
	f->cancels = true;
	says(f, remote_signer_keys(&f->r, out, 2, &n, &f->err), ART_CANCELLED, "the remote signer: ");
	free(slashes);
	free(longer);
}

/* ---- authorizations ---------------------------------------------------------------------------- */

static void remote_signer_authorize_must_send_the_whole_typed_data(void **state)
{
	static const char want[] =
		"\r\n\r\n{\"types\":{\"EIP712Domain\":[{\"name\":\"name\",\"type\":\"string\"},"
		"{\"name\":\"version\",\"type\":\"string\"},{\"name\":\"chainId\",\"type\":\"uint256\"},"
		"{\"name\":\"verifyingContract\",\"type\":\"address\"}],\"TransferWithAuthorization\":["
		"{\"name\":\"from\",\"type\":\"address\"},{\"name\":\"to\",\"type\":\"address\"},"
		"{\"name\":\"value\",\"type\":\"uint256\"},{\"name\":\"validAfter\",\"type\":\"uint256\"},"
		"{\"name\":\"validBefore\",\"type\":\"uint256\"},{\"name\":\"nonce\",\"type\":\"bytes32\"}]},"
		"\"primaryType\":\"TransferWithAuthorization\",\"domain\":{\"name\":\"USDC\",\"version\":\"2\","
		"\"chainId\":84532,\"verifyingContract\":\"" TOKEN "\"},\"message\":{\"from\":\"" PAYER
		"\",\"to\":\"" PAYEE "\",\"value\":\"10000\",\"validAfter\":\"0\",\"validBefore\":"
		"\"1795355020\",\"nonce\":\"" NONCE "\"}}";
	struct fixture *f = *state;
	struct eth_signature sig;
	char hex[ETH_SIGNATURE_TEXT];

	assert_int_equal(authorize(f, &sig), ART_OK);
	assert_string_equal(hex_encode(sig.b, sizeof(sig.b), hex),
			    "0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
			    "05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b91c");
	loop_last(&f->server, f->last);
	assert_non_null(strstr(f->last, "POST /api/v1/sign/" PAYER "/typed-data HTTP/1.1\r\n"));
	assert_non_null(strstr(f->last, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(f->last, "\r\nAuthorization: Bearer s3cret\r\n"));
	assert_string_equal(strstr(f->last, "\r\n\r\n"), want);
}

static void remote_signer_authorize_must_take_a_bare_parity(void **state)
{
	struct fixture *f = *state;
	struct eth_signature with_v, bare;

	assert_int_equal(authorize(f, &with_v), ART_OK);
	f->bare_parity = true;
	assert_int_equal(authorize(f, &bare), ART_OK);
	assert_memory_equal(&bare, &with_v, sizeof(bare));
}

static void remote_signer_authorize_must_refuse_signatures_of_others(void **state)
{
	static const char *const corrupt[] = {
		/* Of another message; v changed; v of neither kind; s in the upper half; nothing. */
		"0x72ee1b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
		"05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b91c",
		"0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
		"05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b91b",
		"0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
		"05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b925",
		"0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
		"fa3a7f27573aea8fd4de29f1d72348d0125773b52d7d54b837ea49d874a87a881b",
		"0x0000000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000000000001b",
	};
	static const char *const invalid[] = { "\"\"", "\"0x\"", "7", "null", "\"0x1234\"",
		"\"0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
		"05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b9\"" };
	struct fixture *f = *state;
	struct eth_signature sig;

	f->status = 200;
	for (size_t i = 0; i < ART_COUNT(corrupt); i++) {
		char *body = art_printf("{\"signature\":\"%s\"}", corrupt[i]);

		f->body = body;
		says(f, authorize(f, &sig), ART_CORRUPT, "signature is not the wallet's");
		free(body);
	}
	for (size_t i = 0; i < ART_COUNT(invalid); i++) {
		char *body = art_printf("{\"signature\":%s}", invalid[i]);

		f->body = body;
		says(f, authorize(f, &sig), ART_INVALID, "no signature of 65 bytes");
		free(body);
	}
	/* An honest one of another key. */
	f->status = 0;
	f->key.b[0] ^= 1;
	says(f, authorize(f, &sig), ART_CORRUPT, "signature is not the wallet's");
}

static void remote_signer_authorize_must_show_its_errors(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum art_status want;
		const char *says;
	} rows[] = {
		{ 404, "{\"error\":\"no signer for it\",\"code\":\"SIGNER_NOT_FOUND\"}", ART_REFUSED,
		  "answers 404: no signer for it" },
		{ 401, "", ART_REFUSED, "answers 401" },
		{ 500, "<html>", ART_REFUSED, "answers 500" },
		{ 422, "{\"error\":\"a\\u001b[31mb\"}", ART_REFUSED, "answers 422: a" },
		{ 503, "{\"error\":7}", ART_REFUSED, "answers 503" },
		{ 307, "", ART_REFUSED, "answers 307" }, /* and is not followed */
		{ 200, "", ART_INVALID, "is no JSON" },
		{ 200, "0x1234", ART_INVALID, "is no JSON" },
		{ 200, "[]", ART_INVALID, "no signature of 65 bytes" },
	};
	struct fixture *f = *state;
	struct eth_signature sig;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		int before = loop_requests(&f->server);

		f->status = rows[i].status;
		f->body = rows[i].body;
		assert_int_equal(authorize(f, &sig), rows[i].want);
		assert_null(strchr(f->err.text, 0x1b));
		says(f, rows[i].want, rows[i].want, rows[i].says);
		/* Asked once: what signs is not asked again. */
		assert_int_equal(loop_requests(&f->server), before + 1);
	}
}

/* ---- transactions ------------------------------------------------------------------------------ */

static struct tx transaction(const uint8_t *data, size_t n)
{
	struct tx t = { .chain_id = 84532, .nonce = 3, .gas = 300000, .to = address(TOKEN), .data = data,
			.data_len = n };

	t.max_fee = u256_from_u64(2000000000);
	t.max_priority_fee = u256_from_u64(1000000);
	return t;
}

static void remote_signer_transact_must_get_the_raw_form_of_this_transaction(void **state)
{
	static const uint8_t data[] = { 0x5a, 0x04, 0x9a, 0x70, 0x00, 0xff };
	struct fixture *f = *state;
	struct eth_address from = address(PAYER);
	struct tx t = transaction(data, sizeof(data));
	struct eth_word digest, hash;
	struct eth_signature sig;
	struct art_buf raw, want;

	art_buf_init(&raw, 1 << 16);
	art_buf_init(&want, 1 << 16);
	assert_int_equal(remote_signer_transact(&f->r, &from, &t, &raw, &f->err), ART_OK);
	assert_int_equal(tx_digest(&t, &digest, NULL), ART_OK);
	assert_int_equal(keys_sign(f->keys, &f->key, &digest, &sig, NULL), ART_OK);
	assert_int_equal(tx_raw(&t, &sig, &want, &hash, NULL), ART_OK);
	assert_int_equal(raw.len, want.len);
	assert_memory_equal(raw.data, want.data, want.len);
	loop_last(&f->server, f->last);
	assert_non_null(strstr(f->last, "POST /api/v1/sign/" PAYER "/transaction HTTP/1.1\r\n"));
	assert_string_equal(strstr(f->last, "\r\n\r\n") + 4,
			    "{\"chain_id\":\"84532\",\"to\":\"" TOKEN "\",\"nonce\":\"3\",\"gas_limit\":\"300000\","
			    "\"max_fee_per_gas\":\"2000000000\",\"max_priority_fee_per_gas\":\"1000000\","
			    "\"value\":\"0\",\"data\":\"0x5a049a7000ff\"}");
	art_buf_destroy(&raw);
	art_buf_destroy(&want);
}

/* The honest signature of @t, as an answer. */
static char *answer_for(struct fixture *f, const struct tx *t)
{
	struct eth_word digest, hash;
	struct eth_signature sig;
	struct art_buf raw, text;

	art_buf_init(&raw, 1 << 16);
	art_buf_init(&text, 1 << 17);
	assert_int_equal(tx_digest(t, &digest, NULL), ART_OK);
	assert_int_equal(keys_sign(f->keys, &f->key, &digest, &sig, NULL), ART_OK);
	assert_int_equal(tx_raw(t, &sig, &raw, &hash, NULL), ART_OK);
	art_buf_put(&text, "{\"signed_transaction\":\"");
	assert_int_equal(hex_append(&text, (const uint8_t *)raw.data, raw.len), ART_OK);
	art_buf_put(&text, "\"}");
	art_buf_destroy(&raw);
	return art_buf_take(&text);
}

static void remote_signer_transact_must_refuse_any_other_transaction(void **state)
{
	static const uint8_t data[] = { 1, 2, 3, 4 }, other_data[] = { 1, 2, 3, 5 };
	static const char *const bad[] = { "{}", "{\"signed_transaction\":7}", "{\"signed_transaction\":\"0x\"}",
					   "{\"signed_transaction\":\"0x02\"}", "{\"signed_transaction\":\"xyz\"}" };
	struct fixture *f = *state;
	struct eth_address from = address(PAYER);
	struct tx t = transaction(data, sizeof(data)), other[8];
	struct art_buf raw;
	char *answer;

	for (size_t i = 0; i < ART_COUNT(other); i++)
		other[i] = t;
	other[0].to = address(PAYEE);
	other[1].value = u256_from_u64(1);
	other[2].data = other_data;
	other[3].nonce++;
	other[4].chain_id = 1;
	other[5].gas++;
	other[6].max_fee = u256_from_u64(2000000001);
	other[7].max_priority_fee = u256_from_u64(0);
	art_buf_init(&raw, 1 << 16);
	f->status = 200;
	for (size_t i = 0; i < ART_COUNT(other); i++) {
		f->body = answer = answer_for(f, &other[i]);
		says(f, remote_signer_transact(&f->r, &from, &t, &raw, &f->err), ART_CORRUPT,
		     "signed another transaction");
		assert_int_equal(raw.len, 0);
		free(answer);
	}
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		f->body = bad[i];
		says(f, remote_signer_transact(&f->r, &from, &t, &raw, &f->err), ART_INVALID, "");
		assert_int_equal(raw.len, 0);
	}
	/* This very one, by another key. */
	f->key.b[0] ^= 1;
	f->body = answer = answer_for(f, &t);
	says(f, remote_signer_transact(&f->r, &from, &t, &raw, &f->err), ART_CORRUPT,
	     "signature is not the wallet's");
	assert_int_equal(raw.len, 0);
	free(answer);
	art_buf_destroy(&raw);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(remote_signer_keys_must_read_both_forms),
		T(remote_signer_keys_must_refuse_what_is_no_list_of_addresses),
		T(remote_signer_must_mind_slashes_tokens_and_plain_http),
		T(remote_signer_authorize_must_send_the_whole_typed_data),
		T(remote_signer_authorize_must_take_a_bare_parity),
		T(remote_signer_authorize_must_refuse_signatures_of_others),
		T(remote_signer_authorize_must_show_its_errors),
		T(remote_signer_transact_must_get_the_raw_form_of_this_transaction),
		T(remote_signer_transact_must_refuse_any_other_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
