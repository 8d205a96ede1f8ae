/*
 * x402.c - challenges: reading them, checking their offers, choosing one.
 *
 * Layer: core. Nothing an offer says is believed: chain, token and its signing domain must be those of
 * our own table, and whatever is not understood is refused rather than guessed at.
 */
#include "core/pay/x402.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/json.h"

#define DEFAULT_TIMEOUT_S 3600 /* what obol's own signer takes for none */

/* ---- reading ----------------------------------------------------------------------------------- */

/* A word of the protocol into @dst: as it is, or marked so that it equals nothing. "" when absent or null. */
static void take_word(const struct json *j, char *dst, size_t size)
{
	const char *s = json_str(j);
	size_t n;

	dst[0] = 0;
	if (!s) {
		if (j && !json_is_null(j))
			art_copy(dst, size, "?");
		return;
	}
	n = art_text_clean(dst, size, s, strlen(s), false);
	if (n == strlen(s) && !memcmp(dst, s, n))
		return;
	dst[0] = '?';
	art_text_clean(dst + 1, size - 1, s, strlen(s), false);
}

static void take_text(const struct json *j, char *dst, size_t size)
{
	const char *s = json_str(j);

	art_text_clean(dst, size, s ? s : "", s ? strlen(s) : 0, false);
}

static void take_amount(const struct json *entry, struct x402_accept *a)
{
	const struct json *v2 = json_get(entry, "amount"), *v1 = json_get(entry, "maxAmountRequired");

	take_word(v2 ? v2 : v1, a->amount, sizeof(a->amount));
	/* Two prices are none. */
	if (v1 && v2 && (!json_str(v1) || !json_str(v2) || strcmp(json_str(v1), json_str(v2)) != 0))
		art_copy(a->amount, sizeof(a->amount), "?two different amounts");
}

/* The signing domain's name or version, from extra itself or its eip712Domain; both must agree. */
static void take_domain(const struct json *extra, const char *key, char *dst, size_t size)
{
	const struct json *plain = json_get(extra, key);
	const struct json *typed = json_get(json_get(extra, "eip712Domain"), key);

	take_word(plain ? plain : typed, dst, size);
	if (plain && typed &&
	    (!json_str(plain) || !json_str(typed) || strcmp(json_str(plain), json_str(typed)) != 0))
		art_copy(dst, size, "?");
}

static int64_t take_timeout(const struct json *entry)
{
	const struct json *j = json_get(entry, "maxTimeoutSeconds");
	struct opt_i64 v = json_int(j);

	if (!j)
		return -1;
	return v.known && v.v >= 0 ? v.v : -2;
}

static void read_accept(const struct json *entry, struct x402_accept *a)
{
	const struct json *extra = json_get(entry, "extra");

	take_word(json_get(entry, "scheme"), a->scheme, sizeof(a->scheme));
	take_word(json_get(entry, "network"), a->network, sizeof(a->network));
	take_amount(entry, a);
	take_word(json_get(entry, "asset"), a->asset, sizeof(a->asset));
	take_word(json_get(entry, "payTo"), a->pay_to, sizeof(a->pay_to));
	take_domain(extra, "name", a->name, sizeof(a->name));
	take_domain(extra, "version", a->version, sizeof(a->version));
	take_word(json_get(extra, "paymentFlow"), a->flow, sizeof(a->flow));
	take_word(json_get(extra, "assetTransferMethod"), a->method, sizeof(a->method));
	a->max_timeout_s = take_timeout(entry);
}

static void read_accepts(const struct json *root, struct x402_challenge *c)
{
	const struct json *list = json_get(root, "accepts"), *entry = json_at(list, 0);
	size_t at, n;

	if (!json_slice(c->text.data, c->text.len, "accepts", 0, &at, &n))
		return;
	for (int i = 0; entry && c->n < X402_ACCEPTS_MAX; i++, entry = json_next(entry)) {
		struct x402_accept *a = &c->accepts[c->n];

		if (!json_is_object(entry) ||
		    !json_slice(c->text.data + at, n, NULL, i, &a->raw_at, &a->raw_len))
			continue;
		a->raw_at += at;
		read_accept(entry, a);
		c->n++;
	}
}

static void read_resource(const struct json *root, struct x402_challenge *c)
{
	const struct json *resource = json_get(root, "resource");

	if (c->version == 1)
		resource = json_get(json_at(json_get(root, "accepts"), 0), "resource");
	take_text(json_str(resource) ? resource : json_get(resource, "url"), c->resource,
		  sizeof(c->resource));
	take_text(json_get(c->version == 1 ? json_at(json_get(root, "accepts"), 0) : resource,
			   "description"), c->description, sizeof(c->description));
	if (c->version == 2 && resource &&
	    !json_slice(c->text.data, c->text.len, "resource", 0, &c->resource_at, &c->resource_len))
		c->resource_len = 0;
}

static void read_extensions(const struct json *root, struct x402_challenge *c)
{
	const struct json *ext = json_get(root, "extensions");
	const struct json *id = json_get(ext, "payment-identifier");

	if (!json_is_object(ext) ||
	    !json_slice(c->text.data, c->text.len, "extensions", 0, &c->extensions_at,
			&c->extensions_len)) {
		c->extensions_len = 0;
		return;
	}
	c->identifier = json_is_object(id);
	c->identifier_required = json_bool(json_get(json_get(id, "info"), "required"), false);
}

/* @text is the JSON of a challenge, as far as anybody can tell by now. */
static enum art_status read_text(struct x402_challenge *c, const char *text, size_t len,
				 struct art_err *err)
{
	struct json *root = NULL;
	struct opt_i64 version;
	enum art_status s = json_parse(&root, text, len, X402_BODY_MAX, err);

	if (s != ART_OK)
		return s;
	version = json_int(json_get(root, "x402Version"));
	if (!json_is_object(root) || !json_get(root, "x402Version"))
		s = art_fail(err, ART_NOT_FOUND, "the answer asks for payment, but not by x402");
	else if (!version.known || (version.v != 1 && version.v != 2))
		s = art_fail(err, version.known ? ART_UNSUPPORTED : ART_INVALID,
			     "the challenge is of another x402 version than 1 and 2");
	else if (!json_is_array(json_get(root, "accepts")))
		s = art_fail(err, ART_INVALID, "the challenge has no list of offers (accepts)");
	if (s == ART_OK)
		s = art_buf_add(&c->text, text, len);
	if (s == ART_OK) {
		c->version = (int)version.v;
		take_text(json_get(root, "error"), c->error, sizeof(c->error));
		read_accepts(root, c);
		read_resource(root, c);
		read_extensions(root, c);
	}
	json_free(root);
	return s;
}

static enum art_status read_header(struct x402_challenge *c, const char *header, struct art_err *err)
{
	struct art_err why = { 0 };
	struct art_buf json;
	enum art_status s;

	art_buf_init(&json, X402_HEADER_MAX);
	if (strlen(header) > X402_HEADER_MAX || !base64_decode(header, strlen(header), &json))
		s = art_fail(err, ART_INVALID, "the header PAYMENT-REQUIRED is not base64");
	else
		s = read_text(c, json.data ? json.data : "", json.len, &why);
	art_buf_destroy(&json);
	if (why.text[0])
		s = art_fail(err, s == ART_NOT_FOUND || s == ART_LIMIT ? ART_INVALID : s,
			     "the header PAYMENT-REQUIRED: %.200s", why.text);
	return s;
}

/* A body that is no JSON, or JSON of something else, is no challenge; a broken one of ours is. */
static enum art_status read_body(struct x402_challenge *c, const char *body, size_t len,
				 struct art_err *err)
{
	struct art_err why = { 0 };
	bool names_itself = len && memmem(body, len < 4096 ? len : 4096, "x402Version", 11);
	enum art_status s = read_text(c, len ? body : "", len, &why);

	if (s == ART_OK)
		return s;
	if (!names_itself)
		return art_fail(err, ART_NOT_FOUND, "the answer asks for payment, but not by x402");
	return art_fail(err, s == ART_LIMIT ? ART_INVALID : s, "the challenge: %.200s", why.text);
}

enum art_status x402_challenge_read(struct x402_challenge *out, const char *header, const char *body,
				    size_t body_len, struct art_err *err)
{
	struct art_err of_header = { 0 };
	enum art_status s = ART_NOT_FOUND, of_body;

	memset(out, 0, sizeof(*out));
	art_buf_init(&out->text, X402_BODY_MAX);
	if (header) {
		s = read_header(out, header, &of_header);
		if (s == ART_OK)
			return s;
	}
	of_body = read_body(out, body, body_len, err);
	if (of_body == ART_OK || !header)
		return of_body;
	return art_fail(err, s, "%s", of_header.text);
}

void x402_challenge_destroy(struct x402_challenge *c)
{
	art_buf_destroy(&c->text);
	memset(c, 0, sizeof(*c));
}

/* ---- checking ---------------------------------------------------------------------------------- */

static enum art_status check_token(const struct x402_challenge *c, const struct x402_accept *a,
				   const struct chain *chain, struct art_err *err)
{
	struct eth_address asset;
	struct art_err why = { 0 };
	bool may_lack = c->version == 1; /* version 1 leaves extra open */

	if (eth_address_parse(a->asset, &asset, &why) != ART_OK)
		return art_fail(err, ART_REFUSED, "its token: %.150s", why.text);
	if (eth_address_is_zero(&chain->usdc) || !eth_address_equal(&asset, &chain->usdc))
		return art_fail(err, ART_REFUSED, "its token %s is not USDC on %s", a->asset, chain->name);
	if (!(may_lack && !a->name[0]) && strcmp(a->name, chain->usdc_name) != 0)
		return art_fail(err, ART_REFUSED, "the signing domain's name is \"%s\", and must be "
				"\"%s\" on %s", a->name, chain->usdc_name, chain->name);
	if (!(may_lack && !a->version[0]) && strcmp(a->version, chain->usdc_version) != 0)
		return art_fail(err, ART_REFUSED, "the signing domain's version is \"%s\", and must be "
				"\"%s\" on %s", a->version, chain->usdc_version, chain->name);
	if (a->method[0] && strcmp(a->method, "eip3009") != 0)
		return art_fail(err, ART_REFUSED, "it moves the token by %s; only eip3009 is known",
				a->method);
	return ART_OK;
}

static enum art_status check_amount(const struct x402_accept *a, struct usdc *out, struct art_err *err)
{
	struct u256 wide;
	uint64_t micro;

	if (!a->amount[0])
		return art_fail(err, ART_REFUSED, "its amount is missing");
	if (!u256_parse(a->amount, &wide))
		return art_fail(err, ART_REFUSED, "its amount \"%s\" is no whole number of the token's "
				"smallest unit", a->amount);
	if (!u256_to_u64(&wide, &micro) || micro > INT64_MAX || !usdc_from_micro((int64_t)micro, out))
		return art_fail(err, ART_REFUSED, "its amount %s is beyond all bounds", a->amount);
	if (!micro)
		return art_fail(err, ART_REFUSED, "its amount is zero");
	return ART_OK;
}

static enum art_status check_payee(const struct x402_accept *a, const struct chain *chain,
				   struct eth_address *out, struct art_err *err)
{
	struct art_err why = { 0 };

	if (eth_address_parse(a->pay_to, out, &why) != ART_OK)
		return art_fail(err, ART_REFUSED, "its payee: %.150s", why.text);
	if (eth_address_is_zero(out) || eth_address_equal(out, &chain->usdc))
		return art_fail(err, ART_REFUSED, "its payee %s is %s", a->pay_to,
				eth_address_is_zero(out) ? "nobody" : "the token itself");
	return ART_OK;
}

static enum art_status check_window(const struct x402_accept *a, int64_t max, int64_t *out,
				    struct art_err *err)
{
	if (a->max_timeout_s == -2)
		return art_fail(err, ART_REFUSED, "its time limit (maxTimeoutSeconds) is no whole number");
	*out = a->max_timeout_s > 0 ? a->max_timeout_s : DEFAULT_TIMEOUT_S;
	if (*out > max)
		return art_fail(err, ART_REFUSED, "it wants %" PRId64 " s to take the money; at most %"
				PRId64 " are signed (pay.max_window_s)", *out, max);
	return ART_OK;
}

enum art_status x402_check(const struct x402_challenge *c, int index, const struct chains *chains,
			   int64_t max_window_s, struct x402_terms *out, struct art_err *err)
{
	const struct x402_accept *a = c->accepts + index;
	enum art_status s;

	ART_BUG_ON(index < 0 || index >= c->n);
	memset(out, 0, sizeof(*out));
	if (strcmp(a->scheme, "exact") != 0)
		return art_fail(err, ART_REFUSED, "its scheme is \"%s\"; only exact is known", a->scheme);
	out->index = index;
	out->chain = chains_by_network(chains, a->network);
	if (!out->chain)
		return art_fail(err, ART_REFUSED, "its network \"%s\" is not one that is known", a->network);
	s = check_token(c, a, out->chain, err);
	s = s ? s : check_amount(a, &out->amount, err);
	s = s ? s : check_payee(a, out->chain, &out->pay_to, err);
	s = s ? s : check_window(a, max_window_s, &out->max_timeout_s, err);
	if (s != ART_OK)
		return s;
	out->asset = out->chain->usdc;
	out->upfront = !strcmp(a->flow, "upfront");
	if (a->flow[0] && !out->upfront && strcmp(a->flow, "authorization") != 0)
		return art_fail(err, ART_REFUSED, "its payment flow \"%s\" is not known", a->flow);
	return ART_OK;
}

/* ---- choosing ---------------------------------------------------------------------------------- */

static bool better(const struct x402_terms *a, const struct x402_terms *b)
{
	if (a->upfront != b->upfront)
		return !a->upfront;
	return usdc_cmp(a->amount, b->amount) < 0;
}

/* Each reason once; what does not fit is left out whole. */
static void add_reason(struct art_buf *b, const char *text)
{
	if (b->data && strstr(b->data, text))
		return;
	if (art_buf_printf(b, "%s%s", b->len ? "; " : "", text) != ART_OK)
		return;
}

enum art_status x402_choose(const struct x402_challenge *c, const struct chains *chains,
			    int64_t max_window_s, struct x402_terms *out, struct art_err *err)
{
	struct art_buf reasons;
	enum art_status s;
	bool found = false;

	art_buf_init(&reasons, 228);
	for (int i = 0; i < c->n; i++) {
		struct art_err why = { 0 };
		struct x402_terms t;

		s = x402_check(c, i, chains, max_window_s, &t, &why);
		if (s == ART_OK && !t.chain->may_pay)
			art_fail(&why, s = ART_REFUSED, "%s is not a chain to pay on (pay.chains)",
				 t.chain->name);
		if (s == ART_OK) {
			if (!found || better(&t, out))
				*out = t;
			found = true;
		} else {
			add_reason(&reasons, why.text);
		}
	}
	s = found ? ART_OK
		  : art_fail(err, ART_REFUSED, c->n ? "no offer can be taken: %s" : "the seller offers no "
			     "way to pay%s", reasons.data ? reasons.data : "");
	art_buf_destroy(&reasons);
	return s;
}

bool x402_same_terms(const struct x402_challenge *c, const struct x402_challenge *of,
		     const struct x402_terms *t)
{
	const struct x402_accept *was = &of->accepts[t->index];

	for (int i = 0; i < c->n; i++) {
		const struct x402_accept *a = &c->accepts[i];

		if (!strcmp(a->scheme, was->scheme) && !strcmp(a->network, was->network) &&
		    !strcmp(a->amount, was->amount) && !strcmp(a->asset, was->asset) &&
		    !strcmp(a->pay_to, was->pay_to) && a->max_timeout_s == was->max_timeout_s)
			return true;
	}
	return false;
}
