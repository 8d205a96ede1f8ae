/*
 * fuzz_scan.c - bytes of an index as a page, as a detail, as a refusal; and of a worker as an answer to a probe: rows
 * are identities and clean, the page is what its rows are, waits are bounded, and a price is one that was told.
 */
#include <stdlib.h>
#include <string.h>

#include "core/market/probe.h"
#include "core/market/registration.h"
#include "core/market/scan8004.h"
#include "tests/fuzz/fuzz.h"

#define REGISTRY "0x8004a818bfb912233c491871b3d84c89a494bd9e"
#define NOW (INT64_C(1790000000) * 1000000)

static void shown(const char *text, size_t size)
{
	uint32_t c;

	FUZZ_MUST(memchr(text, 0, size));
	for (const char *p = text; *p;) {
		int n = art_utf8_decode(p, strlen(p), &c);

		FUZZ_MUST(n > 0 && !art_text_is_hidden(c));
		p += n;
	}
}

static void agent_must_hold(const struct scan_agent *a)
{
	struct u256 token;
	struct eth_address registry;

	FUZZ_MUST(a->key.chain_id && u256_parse(a->key.token_id, &token));
	FUZZ_MUST(eth_address_parse(a->key.registry, &registry, NULL) == ART_OK && strlen(a->key.registry) == 42);
	FUZZ_MUST(a->facts && a->n_facts >= 0 && a->n_facts <= AGENT_FACTS_MAX);
	for (int i = 0; i < a->n_facts; i++) {
		FUZZ_MUST(a->facts[i].origin == ORIGIN_SCAN && a->facts[i].key[0] && a->facts[i].value[0]);
		FUZZ_MUST(!a->facts[i].at && a->facts[i].as_of >= 0);
		shown(a->facts[i].value, sizeof(a->facts[i].value));
		for (int k = 0; k < i; k++)
			FUZZ_MUST(strcmp(a->facts[i].key, a->facts[k].key) != 0);
	}
	shown(a->uri, sizeof(a->uri));
	if (a->document)
		FUZZ_MUST(a->document[0] == '{' && strlen(a->document) == a->document_len &&
			  a->document_len <= REGISTRATION_MAX);
}

static void read_page(const char *text, size_t len, const struct scan_ask *ask)
{
	struct scan_page p;
	struct art_err err = { 0 };
	enum art_status s = scan_page_read(&p, text, len, ask, &err);

	if (s == ART_OK) {
		FUZZ_MUST(p.n <= SCAN_ROWS_MAX && (p.bad > 0) == (p.why[0] != '\0'));
		shown(p.why, sizeof(p.why));
		for (size_t i = 0; i < p.n; i++) {
			agent_must_hold(&p.rows[i]);
			FUZZ_MUST(!ask->chain_id || p.rows[i].key.chain_id == ask->chain_id);
			for (size_t k = 0; k < i; k++)
				FUZZ_MUST(memcmp(&p.rows[i].key, &p.rows[k].key, sizeof(p.rows[i].key)) != 0);
		}
	} else {
		FUZZ_MUST((s == ART_REFUSED || s == ART_INVALID || s == ART_LIMIT) && !p.n && err.text[0]);
		shown(err.text, sizeof(err.text));
	}
	scan_page_destroy(&p);
}

static void read_detail(const char *text, size_t len)
{
	const struct agent_key key = { 84532, REGISTRY, "17" };
	struct scan_agent a;
	struct art_err err = { 0 };

	if (scan_detail_read(&a, text, len, &key, &err) == ART_OK) {
		agent_must_hold(&a);
		FUZZ_MUST(a.key.chain_id == 84532 && !strcmp(a.key.registry, REGISTRY) && !strcmp(a.key.token_id, "17"));
	} else {
		FUZZ_MUST(err.text[0] && !a.facts && !a.document);
		shown(err.text, sizeof(err.text));
	}
	scan_agent_destroy(&a);
}

static struct chains known_chains(void)
{
	struct chains c = { .n = 1 };
	struct chain *ch = &c.list[0];

	art_copy(ch->name, sizeof(ch->name), "base-sepolia");
	art_copy(ch->caip2, sizeof(ch->caip2), "eip155:84532");
	ch->id = 84532;
	FUZZ_MUST(eth_address_parse("0x036CbD53842c5426634e7929541eC2318f3dCF7e", &ch->usdc, NULL) == ART_OK);
	art_copy(ch->usdc_name, sizeof(ch->usdc_name), "USDC");
	art_copy(ch->usdc_version, sizeof(ch->usdc_version), "2");
	ch->may_pay = true;
	return c;
}

static void probe_must_hold(const struct worker_probe *p)
{
	FUZZ_MUST(p->alive != WORKER_UNTRIED && (p->alive == WORKER_ALIVE || (p->error[0] && !p->priced && !p->payable)));
	FUZZ_MUST(!p->payable || (p->priced && usdc_to_micro(p->price) > 0 && p->pay_to[0] && !p->upfront &&
				  !strcmp(p->network, "eip155:84532")));
	FUZZ_MUST(!p->priced || usdc_to_micro(p->price) >= 0);
	shown(p->error, sizeof(p->error));
	shown(p->network, sizeof(p->network));
	shown(p->asset, sizeof(p->asset));
	shown(p->pay_to, sizeof(p->pay_to));
	shown(p->gpu, sizeof(p->gpu));
	shown(p->class_text, sizeof(p->class_text));
	shown(p->version, sizeof(p->version));
	FUZZ_MUST(!p->gpu_mem_mb.known || p->gpu_mem_mb.v >= 0);
	FUZZ_MUST(!p->budget_s.known || (p->budget_s.v >= 0 && p->budget_s.v < 1e8));
	FUZZ_MUST(strlen(p->data_sha256) == 64 || !p->data_sha256[0]);
}

/* @r as the answer to each question, with each status that is told apart. */
static void probe(struct http_response *r)
{
	static const int statuses[] = { 402, 200, 409, 503, 404, 302 };
	struct chains chains = known_chains();

	for (size_t i = 0; i < ART_COUNT(statuses); i++) {
		struct worker_probe p = { 0 };

		r->status = statuses[i];
		probe_take(&p, PROBE_EXPERIMENT, ART_OK, r, NULL, "https://w.example/x", &chains, 7200);
		probe_must_hold(&p);
		r->status = 200;
		probe_take(&p, PROBE_HEALTH, ART_OK, r, NULL, "https://w.example/x", &chains, 7200);
		probe_take(&p, PROBE_CATALOGUE, ART_OK, r, NULL, "https://w.example/x", &chains, 7200);
		probe_must_hold(&p);
	}
}

/* The bytes as a body, and their first line as a header's value. */
static void answer(const char *text, size_t len)
{
	static const char *const names[] = { "retry-after", "x-ratelimit-reset", "location", "payment-required" };
	size_t line = 0;
	struct http_response r;

	while (line < len && line < 200 && text[line] && !strchr("\r\n", text[line]))
		line++;
	for (size_t i = 0; i < ART_COUNT(names); i++) {
		int64_t at;

		http_response_init(&r);
		art_buf_init(&r.body, 1 << 20);
		FUZZ_MUST(art_buf_add(&r.body, text, len) == ART_OK);
		r.headers[r.n_headers++] = art_printf("%s: %.*s", names[i], (int)line, text);
		at = scan_reset_at(&r, NOW);
		FUZZ_MUST(!at || (at > NOW && at <= NOW + INT64_C(25) * 3600 * 1000000));
		if (i >= 2)
			probe(&r);
		http_response_destroy(&r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "";
	struct scan_ask any = { .limit = 100 };
	struct scan_ask one = { .limit = 1, .chain_id = 84532, .oasf_only = true, .registry = REGISTRY, .page = 3 };

	read_page(text, size, &any);
	read_page(text, size, &one);
	read_detail(text, size);
	answer(text, size);
	return 0;
}
