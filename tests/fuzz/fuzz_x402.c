/*
 * fuzz_x402.c - bytes of a seller, as a body and as a header: an offer that is taken keeps every rule, and the
 * payment written for it reads back the same, with the offer in it byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pay/x402.h"
#include "store/json.h"
#include "tests/fuzz/fuzz.h"

#define WINDOW 7200

static struct chains known_chains(void)
{
	struct chains c = { .n = 2 };

	for (int i = 0; i < c.n; i++) {
		struct chain *ch = &c.list[i];

		art_copy(ch->name, sizeof(ch->name), i ? "base" : "base-sepolia");
		art_copy(ch->caip2, sizeof(ch->caip2), i ? "eip155:8453" : "eip155:84532");
		ch->id = i ? 8453 : 84532;
		FUZZ_MUST(eth_address_parse(i ? "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
					      : "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
					    &ch->usdc, NULL) == ART_OK);
		art_copy(ch->usdc_name, sizeof(ch->usdc_name), i ? "USD Coin" : "USDC");
		art_copy(ch->usdc_version, sizeof(ch->usdc_version), "2");
		ch->may_pay = !i;
	}
	return c;
}

static void shown(const char *text)
{
	FUZZ_MUST(art_utf8_valid(text, strlen(text), NULL));
	for (const char *p = text; *p; p++)
		FUZZ_MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void terms_must_hold(const struct x402_challenge *c, const struct x402_terms *t)
{
	const struct x402_accept *a = &c->accepts[t->index];
	char text[U256_TEXT];
	struct u256 amount = u256_from_u64((uint64_t)usdc_to_micro(t->amount));

	FUZZ_MUST(!strcmp(a->scheme, "exact") && !strcmp(a->amount, u256_text(&amount, text)));
	FUZZ_MUST(usdc_to_micro(t->amount) > 0 && t->chain);
	FUZZ_MUST(eth_address_equal(&t->asset, &t->chain->usdc) && !eth_address_is_zero(&t->pay_to));
	FUZZ_MUST(!eth_address_equal(&t->pay_to, &t->asset));
	FUZZ_MUST(t->max_timeout_s >= 1 && t->max_timeout_s <= WINDOW);
	FUZZ_MUST(t->upfront == !strcmp(a->flow, "upfront"));
	FUZZ_MUST(x402_same_terms(c, c, t));
}

static void pay_for(const struct x402_challenge *c, const struct x402_terms *t)
{
	struct eip3009 a = { .from = t->asset, .to = t->pay_to, .valid_before = u256_from_u64(77) };
	struct eth_signature sig = { { [3] = 1, [64] = 27 } };
	struct art_err err = { 0 };
	struct x402_payment p;
	struct art_buf out;

	a.value = u256_from_u64((uint64_t)usdc_to_micro(t->amount));
	art_buf_init(&out, X402_HEADER_MAX);
	if (x402_payment_write(c, t, &a, &sig, "0123456789abcdef", &out, &err) == ART_OK) {
		FUZZ_MUST(x402_payment_read(out.data, &p, &err) == ART_OK);
		FUZZ_MUST(p.version == c->version && !memcmp(&p.a, &a, sizeof(a)));
		FUZZ_MUST(!strcmp(p.network, c->accepts[t->index].network));
		if (c->version == 2) {
			const struct x402_accept *of = &c->accepts[t->index];

			FUZZ_MUST(p.accepted_len == of->raw_len);
			FUZZ_MUST(!memcmp(p.text.data + p.accepted_at, c->text.data + of->raw_at, of->raw_len));
			FUZZ_MUST(!strcmp(p.payment_id, c->identifier ? "0123456789abcdef" : p.payment_id));
		}
		x402_payment_destroy(&p);
	} else {
		FUZZ_MUST(err.code != ART_OK && err.text[0]);
	}
	art_buf_destroy(&out);
}

static void check_challenge(const struct x402_challenge *c)
{
	struct chains chains = known_chains();
	struct x402_terms t;
	struct art_err err = { 0 };
	bool any = false;

	FUZZ_MUST((c->version == 1 || c->version == 2) && c->n >= 0 && c->n <= X402_ACCEPTS_MAX);
	shown(c->error);
	shown(c->resource);
	shown(c->description);
	for (int i = 0; i < c->n; i++) {
		struct json *j = NULL;

		FUZZ_MUST(json_parse(&j, c->text.data + c->accepts[i].raw_at, c->accepts[i].raw_len,
				     X402_BODY_MAX, NULL) == ART_OK && json_is_object(j));
		json_free(j);
		if (x402_check(c, i, &chains, WINDOW, &t, &err) == ART_OK) {
			any |= t.chain->may_pay;
			terms_must_hold(c, &t);
			pay_for(c, &t);
		} else {
			FUZZ_MUST(err.code == ART_REFUSED);
			shown(err.text);
		}
	}
	FUZZ_MUST((x402_choose(c, &chains, WINDOW, &t, &err) == ART_OK) == any);
	if (any)
		terms_must_hold(c, &t);
}

static void read_challenge(const char *header, const char *body, size_t n)
{
	struct x402_challenge c;
	struct art_err err = { 0 };
	enum art_status s = x402_challenge_read(&c, header, body, n, &err);

	if (s == ART_OK)
		check_challenge(&c);
	else
		FUZZ_MUST((s == ART_NOT_FOUND || s == ART_INVALID || s == ART_UNSUPPORTED) && err.text[0]);
	x402_challenge_destroy(&c);
}

static void read_header(const char *header)
{
	struct x402_receipt r;
	struct x402_answer a = { .status = 402, .receipt = &r };
	struct x402_payment p;
	char reason[X402_REASON_MAX];

	x402_receipt_read(header, &r);
	shown(r.reason);
	shown(r.network);
	FUZZ_MUST(r.present && (r.readable || !r.success));
	if (x402_meaning(&a, reason) == X402_SETTLED)
		FUZZ_MUST(r.success);
	shown(reason);
	if (x402_payment_read(header, &p, NULL) == ART_OK)
		FUZZ_MUST((p.version == 1 || p.version == 2) && p.scheme[0] && p.network[0]);
	x402_payment_destroy(&p);
	read_challenge(header, "{}", 2);
}

static void base64_must_hold(const uint8_t *data, size_t size)
{
	struct art_buf a, b, c;

	art_buf_init(&a, 2 * size + 8);
	art_buf_init(&b, 2 * size + 8);
	art_buf_init(&c, 2 * size + 8);
	if (base64_decode((const char *)data, size, &a)) {
		FUZZ_MUST(base64_encode(a.data, a.len, &b));
		FUZZ_MUST(base64_decode(b.data ? b.data : "", b.len, &c));
		FUZZ_MUST(a.len == c.len && (!a.len || !memcmp(a.data, c.data, a.len)));
	}
	art_buf_destroy(&a);
	art_buf_destroy(&b);
	art_buf_destroy(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = art_alloc(size + 1, 1);
	struct art_buf header;

	memcpy(text, data, size);
	read_challenge(NULL, (const char *)data, size);
	base64_must_hold(data, size);
	read_header(text);
	art_buf_init(&header, 2 * size + 8);
	FUZZ_MUST(base64_encode(data, size, &header));
	read_header(header.data ? header.data : "");
	art_buf_destroy(&header);
	free(text);
	return 0;
}
