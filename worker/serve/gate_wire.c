/*
 * gate_wire.c - what the gate says: challenges of both versions in one answer, and payment responses.
 *
 * Layer: worker/serve. Pure functions over the gate's options. A client of version 2 reads the header, one of
 * version 1 the body; both were seen to pay an endpoint that sends the two together.
 */
#include <stdio.h>
#include <string.h>

#include "worker/serve/gate_private.h"

#define MARGIN_S 60

int64_t gate_window_s(const struct gate *g, const struct gate_item *item)
{
	return item->work_s + (g->opt.margin_s > 0 ? g->opt.margin_s : MARGIN_S);
}

static void put_extra(const struct gate *g, const struct gate_item *item, int version, struct json_out *o)
{
	json_open_object(o, "extra");
	json_put_str(o, "name", g->opt.chain->usdc_name);
	json_put_str(o, "version", g->opt.chain->usdc_version);
	if (version == 2 && item->settle == GATE_SETTLE_UPFRONT)
		json_put_str(o, "paymentFlow", "upfront");
	json_close_object(o);
}

void gate_put_requirement(const struct gate *g, const struct gate_item *item, const char *url, int version,
			  struct json_out *o, const char *key)
{
	char address[ETH_ADDRESS_TEXT], amount[32];

	snprintf(amount, sizeof(amount), "%lld", (long long)usdc_to_micro(item->price));
	json_open_object(o, key);
	json_put_str(o, "scheme", "exact");
	json_put_str(o, "network", version == 2 ? g->opt.chain->caip2 : g->opt.chain->name);
	json_put_str(o, version == 2 ? "amount" : "maxAmountRequired", amount);
	json_put_str(o, "asset", eth_address_text(&g->opt.chain->usdc, address));
	json_put_str(o, "payTo", eth_address_text(&g->opt.pay_to, address));
	json_put_int(o, "maxTimeoutSeconds", gate_window_s(g, item));
	if (version == 1) {
		json_put_str(o, "resource", url);
		json_put_str(o, "description", item->description);
		json_put_str(o, "mimeType", item->mime_type);
		json_open_object(o, "outputSchema");
		json_open_object(o, "input");
		json_put_str(o, "type", "http");
		json_put_str(o, "method", item->method);
		json_put_bool(o, "discoverable", true);
		json_close_object(o);
		json_close_object(o);
	}
	put_extra(g, item, version, o);
	json_close_object(o);
}

/* The payment-identifier extension, as its schema wants it: 16 to 128 of letters, digits, - and _. */
static void put_identifier(struct json_out *o)
{
	static const char schema[] =
		"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"properties\":"
		"{\"required\":{\"type\":\"boolean\"},\"id\":{\"type\":\"string\",\"minLength\":16,\"maxLength\":128,"
		"\"pattern\":\"^[a-zA-Z0-9_-]+$\"}},\"required\":[\"required\"]}";

	json_open_object(o, "extensions");
	json_open_object(o, "payment-identifier");
	json_open_object(o, "info");
	json_put_bool(o, "required", false);
	json_close_object(o);
	json_put_raw(o, "schema", schema, sizeof(schema) - 1);
	json_close_object(o);
	json_close_object(o);
}

static void put_v2(const struct gate *g, const struct gate_item *item, const char *url, const char *error,
		   struct art_buf *b)
{
	struct json_out o;

	json_out_init(&o, b, false);
	json_open_object(&o, NULL);
	json_put_int(&o, "x402Version", 2);
	json_put_str(&o, "error", error);
	json_open_object(&o, "resource");
	json_put_str(&o, "url", url);
	json_put_str(&o, "description", item->description);
	json_put_str(&o, "mimeType", item->mime_type);
	json_close_object(&o);
	json_open_array(&o, "accepts");
	gate_put_requirement(g, item, url, 2, &o, NULL);
	json_close_array(&o);
	put_identifier(&o);
	json_close_object(&o);
}

static void put_v1(const struct gate *g, const struct gate_item *item, const char *url, const char *error,
		   struct art_buf *b)
{
	struct json_out o;

	json_out_init(&o, b, false);
	json_open_object(&o, NULL);
	json_put_int(&o, "x402Version", 1);
	json_put_str(&o, "error", error);
	json_open_array(&o, "accepts");
	gate_put_requirement(g, item, url, 1, &o, NULL);
	json_close_array(&o);
	json_close_object(&o);
}

enum art_status gate_challenge(const struct gate *g, const struct gate_item *item, const char *url,
			       const char *error, struct art_buf *header, struct art_buf *body,
			       struct art_err *err)
{
	struct art_buf json;
	enum art_status s = ART_OK;

	art_buf_init(&json, X402_HEADER_MAX);
	put_v2(g, item, url, error, &json);
	put_v1(g, item, url, !strcmp(error, "Payment required") ? "X-PAYMENT header is required" : error, body);
	if (!base64_encode(json.data, json.len, header))
		s = art_fail(err, ART_LIMIT, "the challenge for %.100s does not fit a header", item->name);
	art_buf_destroy(&json);
	return s;
}

enum art_status gate_response_header(const struct gate *g, const struct sale_row *sale,
				     const char *receipt_json, struct art_buf *out, struct art_err *err)
{
	struct json_out o;
	struct art_buf json;
	enum art_status s = ART_OK;
	bool settled = sale->state == SALE_SETTLED;
	size_t at, n;

	art_buf_init(&json, X402_HEADER_MAX);
	json_out_init(&o, &json, false);
	json_open_object(&o, NULL);
	json_put_bool(&o, "success", settled);
	if (!settled)
		json_put_str(&o, "errorReason", sale->state == SALE_SETTLING ? "settlement_pending"
					        : sale->reason[0] ? sale->reason : "settlement_failed");
	json_put_str(&o, "payer", sale->payer);
	json_put_str(&o, "transaction", sale->transaction);
	json_put_str(&o, "network", sale->x402_version == 1 ? g->opt.chain->name : g->opt.chain->caip2);
	if (receipt_json && json_slice(receipt_json, strlen(receipt_json), "receipt", 0, &at, &n)) {
		json_open_object(&o, "extensions");
		json_open_object(&o, "offer-receipt");
		json_open_object(&o, "info");
		json_put_raw(&o, "receipt", receipt_json + at, n);
		json_close_object(&o);
		json_close_object(&o);
		json_close_object(&o);
	}
	json_close_object(&o);
	if (!base64_encode(json.data, json.len, out))
		s = art_fail(err, ART_LIMIT, "the payment response does not fit a header");
	art_buf_destroy(&json);
	return s;
}

void gate_put_offer(const struct gate *g, struct json_out *o)
{
	const struct chain *c = g->opt.chain;
	char address[ETH_ADDRESS_TEXT];

	json_put_str(o, "payTo", eth_address_text(&g->opt.pay_to, address));
	json_put_str(o, "network", c->name);
	json_put_str(o, "caip2Network", c->caip2);
	json_put_int(o, "chainId", (int64_t)c->id);
	json_open_object(o, "asset");
	json_put_str(o, "address", eth_address_text(&c->usdc, address));
	json_put_str(o, "symbol", "USDC");
	json_put_int(o, "decimals", 6);
	json_put_str(o, "transferMethod", "eip3009");
	json_open_object(o, "eip712Domain");
	json_put_str(o, "name", c->usdc_name);
	json_put_str(o, "version", c->usdc_version);
	json_close_object(o);
	json_close_object(o);
}
