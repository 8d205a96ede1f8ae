/*
 * x402_wire.c - payments and receipts as they travel, and what an answer means.
 *
 * Layer: core.
 */
#include "core/pay/x402.h"

#include <stdio.h>
#include <string.h>

#include "store/json.h"

/* ---- base64 ------------------------------------------------------------------------------------ */

static int sextet(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *s, size_t n, struct art_buf *out)
{
	uint32_t bits = 0;
	size_t digits;

	for (digits = n; digits && s[digits - 1] == '='; digits--)
		;
	if (n - digits > 2 || (n != digits && n % 4) || digits % 4 == 1)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int v = sextet((unsigned char)s[i]);
		char byte;

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 == 0)
			continue;
		byte = (char)(bits >> (6 - 2 * (i % 4)));
		if (art_buf_add(out, &byte, 1) != ART_OK)
			return false;
	}
	return true;
}

bool base64_encode(const void *p, size_t n, struct art_buf *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)b[i] << 16 | (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
				(have > 2 ? b[i + 2] : 0);
		char four[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63], '=', '=' };

		if (have > 1)
			four[2] = alphabet[bits >> 6 & 63];
		if (have > 2)
			four[3] = alphabet[bits & 63];
		if (art_buf_add(out, four, 4) != ART_OK)
			return false;
	}
	return true;
}

/* ---- writing a payment ------------------------------------------------------------------------- */

static void put_payload(struct json_out *o, const struct eip3009 *a, const struct eth_signature *sig)
{
	char text[ETH_SIGNATURE_TEXT], number[U256_TEXT];

	json_open_object(o, "payload");
	json_open_object(o, "authorization");
	json_put_str(o, "from", eth_address_text(&a->from, text));
	json_put_str(o, "to", eth_address_text(&a->to, text));
	json_put_str(o, "value", u256_text(&a->value, number));
	json_put_str(o, "validAfter", u256_text(&a->valid_after, number));
	json_put_str(o, "validBefore", u256_text(&a->valid_before, number));
	json_put_str(o, "nonce", eth_word_text(&a->nonce, text));
	json_close_object(o);
	json_put_str(o, "signature", hex_encode(sig->b, sizeof(sig->b), text));
	json_close_object(o);
}

/* Every member of the object @text (parsed: @obj) as it is, but for @but. */
static bool put_members(struct json_out *o, const char *text, size_t len, const struct json *obj,
			const char *but)
{
	for (const struct json *m = json_at(obj, 0); m; m = json_next(m)) {
		size_t at, n;

		if (but && !strcmp(json_key(m), but))
			continue;
		if (!json_slice(text, len, json_key(m), 0, &at, &n))
			return false;
		json_put_raw(o, json_key(m), text + at, n);
	}
	return true;
}

/* payment-identifier as offered, with our id in its info. */
static bool put_identifier(struct json_out *o, const char *ext, size_t ext_len, const struct json *id,
			   const char *payment_id)
{
	const struct json *info = json_get(id, "info");
	size_t id_at, id_len, at, n;

	if (!json_slice(ext, ext_len, "payment-identifier", 0, &id_at, &id_len))
		return false;
	json_open_object(o, "payment-identifier");
	if (!put_members(o, ext + id_at, id_len, id, "info"))
		return false;
	json_open_object(o, "info");
	if (json_is_object(info) &&
	    (!json_slice(ext + id_at, id_len, "info", 0, &at, &n) ||
	     !put_members(o, ext + id_at + at, n, info, "id")))
		return false;
	json_put_str(o, "id", payment_id);
	json_close_object(o);
	json_close_object(o);
	return true;
}

/* The extensions whole, ours filled in. False: they cannot be passed on byte for byte. */
static bool put_extensions(struct json_out *o, const struct x402_challenge *c, const char *payment_id)
{
	const char *text = c->text.data + c->extensions_at;
	size_t len = c->extensions_len;
	struct json *ext = NULL;
	bool ok;

	if (!c->identifier || !payment_id) {
		json_put_raw(o, "extensions", text, len);
		return true;
	}
	if (json_parse(&ext, text, len, X402_BODY_MAX, NULL) != ART_OK)
		return false;
	json_open_object(o, "extensions");
	ok = put_members(o, text, len, ext, "payment-identifier") &&
	     put_identifier(o, text, len, json_get(ext, "payment-identifier"), payment_id);
	json_close_object(o);
	json_free(ext);
	return ok;
}

static bool put_v2(struct json_out *o, const struct x402_challenge *c, const struct x402_terms *t,
		   const char *payment_id)
{
	const struct x402_accept *a = &c->accepts[t->index];

	if (c->resource_len)
		json_put_raw(o, "resource", c->text.data + c->resource_at, c->resource_len);
	json_put_raw(o, "accepted", c->text.data + a->raw_at, a->raw_len);
	return !c->extensions_len || put_extensions(o, c, payment_id);
}

enum art_status x402_payment_write(const struct x402_challenge *c, const struct x402_terms *t,
				   const struct eip3009 *a, const struct eth_signature *sig,
				   const char *payment_id, struct art_buf *out, struct art_err *err)
{
	struct art_buf json;
	struct json_out o;
	enum art_status s = ART_OK;

	/* The challenge came within X402_BODY_MAX and is passed on at most once: this has room. */
	art_buf_init(&json, 2 * X402_BODY_MAX + 8192);
	json_out_init(&o, &json, false);
	json_open_object(&o, NULL);
	json_put_int(&o, "x402Version", c->version);
	if (c->version == 1) {
		json_put_str(&o, "scheme", c->accepts[t->index].scheme);
		json_put_str(&o, "network", c->accepts[t->index].network);
	}
	put_payload(&o, a, sig);
	if (c->version == 2 && !put_v2(&o, c, t, payment_id))
		s = art_fail(err, ART_INVALID, "the challenge's extensions cannot be passed on as they are");
	json_close_object(&o);
	if (s == ART_OK && !base64_encode(json.data, json.len, out))
		s = art_fail(err, ART_LIMIT, "the payment is too long for a header: the challenge is %zu "
			     "bytes", c->text.len);
	art_buf_destroy(&json);
	return s;
}

/* ---- reading a payment ------------------------------------------------------------------------- */

static bool get_u256(const struct json *obj, const char *key, struct u256 *out)
{
	const char *s = json_str(json_get(obj, key));

	return s && u256_parse(s, out);
}

static bool get_address(const struct json *obj, const char *key, struct eth_address *out)
{
	const char *s = json_str(json_get(obj, key));

	return s && eth_address_parse(s, out, NULL) == ART_OK;
}

static bool get_payload(const struct json *payload, struct x402_payment *out)
{
	const struct json *a = json_get(payload, "authorization");
	const char *nonce = json_str(json_get(a, "nonce"));
	const char *sig = json_str(json_get(payload, "signature"));

	return get_address(a, "from", &out->a.from) && get_address(a, "to", &out->a.to) &&
	       get_u256(a, "value", &out->a.value) && get_u256(a, "validAfter", &out->a.valid_after) &&
	       get_u256(a, "validBefore", &out->a.valid_before) && nonce &&
	       eth_word_parse(nonce, &out->a.nonce) && sig &&
	       hex_decode(sig, out->sig.b, sizeof(out->sig.b));
}

static bool get_word(const struct json *j, char *dst, size_t size)
{
	const char *s = json_str(j);

	return s && s[0] && art_copy(dst, size, s);
}

static bool read_payment(const struct json *root, struct x402_payment *out)
{
	const struct json *terms = root;
	const char *id;
	struct opt_i64 version = json_int(json_get(root, "x402Version"));

	if (!version.known || (version.v != 1 && version.v != 2) ||
	    !get_payload(json_get(root, "payload"), out))
		return false;
	out->version = (int)version.v;
	if (out->version == 2) {
		terms = json_get(root, "accepted");
		if (!json_slice(out->text.data, out->text.len, "accepted", 0, &out->accepted_at,
				&out->accepted_len))
			return false;
	}
	id = json_str(json_get(json_get(json_get(json_get(root, "extensions"), "payment-identifier"),
					"info"), "id"));
	if (id && !art_copy(out->payment_id, sizeof(out->payment_id), id))
		return false;
	return get_word(json_get(terms, "scheme"), out->scheme, sizeof(out->scheme)) &&
	       get_word(json_get(terms, "network"), out->network, sizeof(out->network));
}

enum art_status x402_payment_read(const char *header, struct x402_payment *out, struct art_err *err)
{
	struct json *root = NULL;
	enum art_status s;

	memset(out, 0, sizeof(*out));
	art_buf_init(&out->text, X402_HEADER_MAX);
	if (strlen(header) > 2 * X402_HEADER_MAX || !base64_decode(header, strlen(header), &out->text))
		return art_fail(err, ART_INVALID, "the payment is not base64");
	s = json_parse(&root, out->text.data ? out->text.data : "", out->text.len, X402_HEADER_MAX, err);
	if (s == ART_OK && !read_payment(root, out))
		s = art_fail(err, ART_INVALID, "the payment lacks a field or has one that is malformed");
	json_free(root);
	return s;
}

void x402_payment_destroy(struct x402_payment *p)
{
	art_buf_destroy(&p->text);
	memset(p, 0, sizeof(*p));
}

/* ---- receipts ---------------------------------------------------------------------------------- */

static bool is_bool(const struct json *j)
{
	return json_bool(j, true) == json_bool(j, false);
}

static void fill_receipt(const struct json *root, struct x402_receipt *out)
{
	const struct json *its_tx = json_get(root, "transaction");
	const char *tx = json_str(its_tx);
	const char *payer = json_str(json_get(root, "payer"));
	const char *amount = json_str(json_get(root, "amount"));
	const char *network = json_str(json_get(root, "network"));
	const char *reason = json_str(json_get(root, "errorReason"));
	struct eth_address who;
	struct eth_word word;
	struct u256 value;

	out->success = json_bool(json_get(root, "success"), false);
	out->readable = true;
	if (tx && eth_word_parse(tx, &word))
		eth_word_text(&word, out->transaction);
	else if (its_tx && !json_is_null(its_tx) && !(tx && !*tx) && !out->success)
		out->readable = false; /* a no that names something like a transaction is no clear no */
	if (payer && eth_address_parse(payer, &who, NULL) == ART_OK)
		eth_address_text(&who, out->payer);
	if (amount && u256_parse(amount, &value))
		u256_text(&value, out->amount);
	art_text_clean(out->network, sizeof(out->network), network ? network : "",
		       network ? strlen(network) : 0, false);
	art_text_clean(out->reason, sizeof(out->reason), reason ? reason : "",
		       reason ? strlen(reason) : 0, false);
}

void x402_receipt_read(const char *header, struct x402_receipt *out)
{
	struct json *root = NULL;
	struct art_buf text;

	memset(out, 0, sizeof(*out));
	if (!header)
		return;
	out->present = true;
	art_buf_init(&text, X402_HEADER_MAX);
	if (base64_decode(header, strlen(header), &text) && text.len &&
	    json_parse(&root, text.data, text.len, X402_HEADER_MAX, NULL) == ART_OK &&
	    json_is_object(root) && is_bool(json_get(root, "success")))
		fill_receipt(root, out);
	json_free(root);
	art_buf_destroy(&text);
}

/* ---- meaning ----------------------------------------------------------------------------------- */

/* Sellers that tried to take it and do not know whether they did say so in this word. */
static bool pending(const char *reason)
{
	return strstr(reason, "pending") != NULL;
}

/* One sentence, cut between characters. */
static void ART_PRINTF(2, 3) say(char *reason, const char *fmt, ...)
{
	char text[2 * X402_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	art_copy(reason, X402_REASON_MAX, text);
}

static enum x402_meaning by_receipt(const struct x402_receipt *r, char *reason)
{
	if (r->success) {
		say(reason, "the seller's receipt says it is settled");
		return X402_SETTLED;
	}
	say(reason, "settlement failed: %s", r->reason[0] ? r->reason : "no reason given");
	/* A transaction that is on its way can still take the money. */
	return r->transaction[0] || pending(r->reason) ? X402_DOUBT : X402_REFUSED;
}

enum x402_meaning x402_meaning(const struct x402_answer *a, char reason[X402_REASON_MAX])
{
	char unused[X402_REASON_MAX];

	reason = reason ? reason : unused;
	if (!a->status) {
		say(reason, "no whole answer came");
		return X402_DOUBT;
	}
	if (a->receipt->readable)
		return by_receipt(a->receipt, reason);
	if (a->receipt->present) {
		say(reason, "the answer (status %d) has a receipt that cannot be read", a->status);
		return X402_DOUBT;
	}
	if (a->status == 402 && a->challenge) {
		say(reason, "the seller refused the payment: %s",
		    a->challenge_error ? a->challenge_error : "no reason given");
		return a->challenge_error && pending(a->challenge_error) ? X402_DOUBT : X402_REFUSED;
	}
	say(reason, "the answer (status %d) came without a receipt", a->status);
	return X402_DOUBT;
}
