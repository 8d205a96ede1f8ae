/*
 * remote_signer.c - a key behind HTTP.
 *
 * Layer: core. Nothing it answers is believed: a signature must recover to the wallet over our own digest,
 * a transaction must be the one that was asked for.
 */
#include "core/pay/remote_signer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/json.h"

#define GET_MS 10000
#define POST_MS 30000
#define ANSWER_MAX (512u << 10)
#define RAW_MAX (TX_DATA_MAX + 16384)

/* ---- one call ---------------------------------------------------------------------------------- */

/* "<url without a slash at the end><path>" */
static enum art_status join(const struct remote_signer *r, const char *path, char out[HTTP_URL_MAX],
			    struct art_err *err)
{
	size_t n = strlen(r->url);

	while (n && r->url[n - 1] == '/')
		n--;
	if (snprintf(out, HTTP_URL_MAX, "%.*s%s", (int)n, r->url, path) >= HTTP_URL_MAX)
		return art_fail(err, ART_LIMIT, "wallet.remote_url is too long");
	return ART_OK;
}

static enum art_status judge(const struct http_response *a, struct json **out, struct art_err *err)
{
	enum art_status s = json_parse(out, a->body.data ? a->body.data : "", a->body.len, ANSWER_MAX,
				       NULL);
	const char *why = json_str(json_get(*out, "error"));
	char clean[160];

	if (a->status >= 200 && a->status < 300)
		return s == ART_OK ? s : art_fail(err, ART_INVALID, "the remote signer's answer is no JSON");
	art_text_clean(clean, sizeof(clean), why ? why : "", why ? strlen(why) : 0, false);
	art_fail(err, ART_REFUSED, "the remote signer answers %d%s%s", a->status, clean[0] ? ": " : "",
		 clean);
	json_free(*out);
	*out = NULL;
	return ART_REFUSED;
}

/* The header with the token, which is in no message; *out is NULL without one. The caller wipes it. */
static enum art_status bearer(const struct remote_signer *r, char **out, struct art_err *err)
{
	const char *token = r->token ? r->token : "";

	*out = NULL;
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p > '~')
			return art_fail(err, ART_INVALID, "the remote signer's token has a space, a control or "
					"a character outside of ASCII in it (wallet.remote_token_file)");
	if (*token)
		*out = art_printf("Authorization: Bearer %s", token);
	return ART_OK;
}

/* @body NULL: GET. Owns: *out. */
static enum art_status call(const struct remote_signer *r, const char *path, const struct art_buf *body,
			    struct json **out, struct art_err *err)
{
	char url[HTTP_URL_MAX], *auth;
	const char *headers[2] = { "Content-Type: application/json" };
	struct http_request q = {
		.method = body ? "POST" : "GET", .url = url, .headers = headers,
		.n_headers = 1, .deadline_ms = body ? POST_MS : GET_MS,
		.max_body = ANSWER_MAX, .attempts = body ? 1 : 2, .plain_only_loopback = true,
		.body = body ? body->data : NULL, .body_len = body ? body->len : 0,
	};
	struct http_response a;
	struct art_err why = { 0 };
	enum art_status s;

	*out = NULL;
	http_response_init(&a);
	s = join(r, path, url, err);
	s = s ? s : bearer(r, &auth, err);
	if (s != ART_OK)
		return s;
	if (auth)
		headers[q.n_headers++] = auth;
	s = http_call(r->http, &q, &a, r->cancel, &why);
	if (s != ART_OK)
		art_fail(err, s, "the remote signer: %.220s", why.text);
	else
		s = judge(&a, out, err);
	http_response_destroy(&a);
	if (auth) {
		keys_wipe(auth, strlen(auth));
		free(auth);
	}
	return s;
}

static void sign_path(const struct eth_address *who, const char *what, char out[128])
{
	char text[ETH_ADDRESS_TEXT];

	snprintf(out, 128, "/api/v1/sign/%s/%s", eth_address_text(who, text), what);
}

/* ---- keys -------------------------------------------------------------------------------------- */

enum art_status remote_signer_keys(const struct remote_signer *r, struct eth_address *out, int max,
				   int *n, struct art_err *err)
{
	struct json *root;
	const struct json *list;
	enum art_status s = call(r, "/api/v1/keys", NULL, &root, err);

	*n = 0;
	if (s != ART_OK)
		return s;
	list = json_is_array(root) ? root : json_get(root, "keys");
	if (!json_is_array(list))
		s = art_fail(err, ART_INVALID, "the remote signer's answer has no list of keys");
	for (const struct json *k = json_at(list, 0); k && *n < max && s == ART_OK; k = json_next(k)) {
		const char *text = json_str(k);

		if (!text || eth_address_parse(text, &out[*n], NULL) != ART_OK)
			s = art_fail(err, ART_INVALID, "the remote signer names a key that is no address");
		else
			++*n;
	}
	json_free(root);
	return s;
}

/* ---- authorizations ---------------------------------------------------------------------------- */

static void put_member(struct json_out *o, const char *name, const char *type)
{
	json_open_object(o, NULL);
	json_put_str(o, "name", name);
	json_put_str(o, "type", type);
	json_close_object(o);
}

static void put_types(struct json_out *o)
{
	json_open_object(o, "types");
	json_open_array(o, "EIP712Domain");
	put_member(o, "name", "string");
	put_member(o, "version", "string");
	put_member(o, "chainId", "uint256");
	put_member(o, "verifyingContract", "address");
	json_close_array(o);
	json_open_array(o, "TransferWithAuthorization");
	put_member(o, "from", "address");
	put_member(o, "to", "address");
	put_member(o, "value", "uint256");
	put_member(o, "validAfter", "uint256");
	put_member(o, "validBefore", "uint256");
	put_member(o, "nonce", "bytes32");
	json_close_array(o);
	json_close_object(o);
}

static void put_typed(struct art_buf *b, const struct eip712_domain *d, const struct eip3009 *a)
{
	char text[ETH_WORD_TEXT], number[U256_TEXT];
	struct json_out o;

	json_out_init(&o, b, false);
	json_open_object(&o, NULL);
	put_types(&o);
	json_put_str(&o, "primaryType", "TransferWithAuthorization");
	json_open_object(&o, "domain");
	json_put_str(&o, "name", d->name);
	json_put_str(&o, "version", d->version);
	json_put_int(&o, "chainId", (int64_t)d->chain_id);
	json_put_str(&o, "verifyingContract", eth_address_text(&d->contract, text));
	json_close_object(&o);
	json_open_object(&o, "message");
	json_put_str(&o, "from", eth_address_text(&a->from, text));
	json_put_str(&o, "to", eth_address_text(&a->to, text));
	json_put_str(&o, "value", u256_text(&a->value, number));
	json_put_str(&o, "validAfter", u256_text(&a->valid_after, number));
	json_put_str(&o, "validBefore", u256_text(&a->valid_before, number));
	json_put_str(&o, "nonce", eth_word_text(&a->nonce, text));
	json_close_object(&o);
	json_close_object(&o);
}

enum art_status remote_signer_authorize(const struct remote_signer *r, const struct eip712_domain *domain,
					const struct eip3009 *a, struct eth_signature *sig,
					struct art_err *err)
{
	struct eth_word separator = eip712_domain_separator(domain);
	struct eth_word hash = eip3009_hash(EIP3009_TRANSFER, a);
	struct eth_word digest = eip712_digest(&separator, &hash);
	struct eth_address who;
	struct json *root = NULL;
	struct art_buf body;
	const char *text;
	char path[128];
	enum art_status s;

	art_buf_init(&body, 16384);
	put_typed(&body, domain, a);
	sign_path(&a->from, "typed-data", path);
	s = call(r, path, &body, &root, err);
	art_buf_destroy(&body);
	text = json_str(json_get(root, "signature"));
	if (s == ART_OK && (!text || !hex_decode(text, sig->b, sizeof(sig->b))))
		s = art_fail(err, ART_INVALID, "the remote signer's answer has no signature of 65 bytes");
	json_free(root);
	if (s != ART_OK)
		return s;
	if (sig->b[64] < 2) /* some answer the bare parity */
		sig->b[64] = (uint8_t)(sig->b[64] + 27);
	if (keys_recover(r->keys, &digest, sig, &who, NULL) != ART_OK || !eth_address_equal(&who, &a->from))
		return art_fail(err, ART_CORRUPT, "the remote signer's signature is not the wallet's");
	return ART_OK;
}

/* ---- transactions ------------------------------------------------------------------------------ */

static void put_number(struct json_out *o, const char *key, const struct u256 *v)
{
	char text[U256_TEXT];

	json_put_str(o, key, u256_text(v, text));
}

static void put_count(struct json_out *o, const char *key, uint64_t v)
{
	struct u256 wide = u256_from_u64(v);

	put_number(o, key, &wide);
}

static void put_tx(struct art_buf *b, const struct tx *t)
{
	char *data = art_alloc(2 * t->data_len + 3, 1);
	char text[ETH_ADDRESS_TEXT];
	struct json_out o;

	json_out_init(&o, b, false);
	json_open_object(&o, NULL);
	put_count(&o, "chain_id", t->chain_id);
	json_put_str(&o, "to", eth_address_text(&t->to, text));
	put_count(&o, "nonce", t->nonce);
	put_count(&o, "gas_limit", t->gas);
	put_number(&o, "max_fee_per_gas", &t->max_fee);
	put_number(&o, "max_priority_fee_per_gas", &t->max_priority_fee);
	put_number(&o, "value", &t->value);
	json_put_str(&o, "data", hex_encode(t->data, t->data_len, data));
	json_close_object(&o);
	free(data);
}

/* The raw transaction must be ours, field by field, signed by @from. */
static enum art_status check_raw(const struct remote_signer *r, const struct eth_address *from,
				 const struct tx *t, const struct art_buf *raw, struct art_err *err)
{
	struct tx_access access[TX_ACCESS_MAX];
	struct tx got;
	struct eth_signature sig;
	struct eth_word want, digest;
	struct eth_address who;
	enum art_status s = tx_parse((const uint8_t *)raw->data, raw->len, &got, access, &sig, err);

	s = s ? s : tx_digest(t, &want, err);
	s = s ? s : tx_digest(&got, &digest, err);
	if (s != ART_OK)
		return s;
	if (memcmp(want.b, digest.b, sizeof(want.b)) != 0)
		return art_fail(err, ART_CORRUPT, "the remote signer signed another transaction");
	if (keys_recover(r->keys, &digest, &sig, &who, NULL) != ART_OK || !eth_address_equal(&who, from))
		return art_fail(err, ART_CORRUPT, "the remote signer's signature is not the wallet's");
	return ART_OK;
}

enum art_status remote_signer_transact(const struct remote_signer *r, const struct eth_address *from,
				       const struct tx *t, struct art_buf *raw, struct art_err *err)
{
	struct json *root = NULL;
	struct art_buf body;
	const char *text;
	char path[128];
	uint8_t *bytes = art_alloc(RAW_MAX, 1);
	size_t n = 0;
	enum art_status s;

	art_buf_init(&body, 2 * TX_DATA_MAX + 4096);
	put_tx(&body, t);
	sign_path(from, "transaction", path);
	s = call(r, path, &body, &root, err);
	text = json_str(json_get(root, "signed_transaction"));
	if (s == ART_OK && (!text || !hex_decode_some(text, bytes, RAW_MAX, &n)))
		s = art_fail(err, ART_INVALID, "the remote signer's answer has no signed transaction");
	s = s ? s : art_buf_add(raw, bytes, n);
	s = s ? s : check_raw(r, from, t, raw, err);
	if (s != ART_OK)
		art_buf_reset(raw); /* nobody may send what was not asked for */
	json_free(root);
	art_buf_destroy(&body);
	free(bytes);
	return s;
}
