/*
 * test_probe.c - what endpoints answer to an unpaid question: offers of every kind, free routes, catalogues, and
 * answers meant to mislead.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/market/probe.h"
#include "core/pay/x402.h"

#define TOKEN "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
#define BASE_TOKEN "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
#define PERMIT_TOKEN "0x0a09371a8b011d5110656ceBCc70603e53FD2c78"
#define PAYEE "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define HASH "578758932db5027262518c553dc152198543b169ab731bd580b5e4b0d595c47e"
#define ENDPOINT "https://w.example/services/x"
#define NOW (INT64_C(1790000000) * 1000000)

struct fixture {
	struct chains chains;
	struct worker_probe p;
	struct http_response r;
	struct art_err err;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	struct config *c = NULL;

	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	assert_int_equal(config_load(&c, NULL, (const char *const[]){ "pay.chains=base-sepolia" }, 1, &f->err),
			 ART_OK);
	assert_int_equal(chains_load(&f->chains, c, &f->err), ART_OK);
	config_free(c);
	http_response_init(&f->r);
	art_clock_set_for_test(NOW);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	art_clock_set_for_test(0);
	http_response_destroy(&f->r);
	free(f);
	return 0;
}

static void answer(struct fixture *f, int status, const char *header, const char *body)
{
	http_response_destroy(&f->r);
	http_response_init(&f->r);
	f->r.body.max = PROBE_BODY_MAX;
	f->r.status = status;
	f->r.first_byte_us = 1234;
	if (header)
		f->r.headers[f->r.n_headers++] = art_strdup(header);
	assert_int_equal(art_buf_add(&f->r.body, body, strlen(body)), ART_OK);
}

static void take(struct fixture *f, enum probe_question which, enum art_status s)
{
	probe_take(&f->p, which, s, &f->r, &f->err, ENDPOINT, &f->chains, 7200);
}

/* A fresh probe of the experiment route. */
static const struct worker_probe *probe(struct fixture *f, int status, const char *header, const char *body)
{
	memset(&f->p, 0, sizeof(f->p));
	answer(f, status, header, body);
	take(f, PROBE_EXPERIMENT, ART_OK);
	return &f->p;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* ---- asking -------------------------------------------------------------------------------------- */

static void market_endpoint_must_have_one_form(void **state)
{
	static const struct {
		const char *url, *form;
	} rows[] = {
		{ "https://w.example", "https://w.example" },
		{ "https://w.example/", "https://w.example" },
		{ "HTTPS://W.Example:443/Services/X/", "https://w.example/Services/X" },
		{ "http://w.example:80", "http://w.example" },
		{ "http://w.example:443/a", "http://w.example:443/a" },
		{ "https://w.example/a/experiment", "https://w.example/a" },
		{ "https://w.example/a/experiment/", "https://w.example/a" },
		{ "https://w.example/experiment/experiment", "https://w.example" },
		{ "https://w.example/a/experiments", "https://w.example/a/experiments" },
		{ "https://w.example/a?b=c#d", "https://w.example/a" },
		{ "https://w.example/a#d", "https://w.example/a" },
		{ "https://w.example?b", "https://w.example" },
		{ "https://w.example/a//", "https://w.example/a" },
		{ "http://127.0.0.1:8402/x", "http://127.0.0.1:8402/x" },
		{ "http://[::1]:8402/x", "http://[::1]:8402/x" },
		{ "https://w.example/a/../b/./c", "https://w.example/b/c" },
	};
	char out[WORKER_URL_MAX], again[WORKER_URL_MAX];
	struct art_err err;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		assert_int_equal(market_endpoint(rows[i].url, out, &err), ART_OK);
		assert_string_equal(out, rows[i].form);
		assert_int_equal(market_endpoint(out, again, &err), ART_OK);
		assert_string_equal(again, out);
	}
}

static void market_endpoint_must_refuse_what_is_none(void **state)
{
	static const char *const rows[] = { "", "w.example", "ftp://w.example", "https://u:p@w.example", "https://",
					    "https://w.example/a b", "https://w.example:0", "https://w.example:99999",
					    "//w.example", "https:///a", "javascript:alert(1)", "https://a\x01" };
	char out[WORKER_URL_MAX], *far = art_printf("https://w.example/%0600d", 0);
	struct art_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++)
		if (market_endpoint(rows[i], out, &err) != ART_INVALID)
			fail_msg("%s became %s", rows[i], out);
	assert_int_equal(market_endpoint(far, out, &err), ART_INVALID);
	has(err.text, "longer");
	free(far);
}

static void probe_request_must_ask_each_question(void **state)
{
	char url[HTTP_URL_MAX];
	struct http_request q;
	struct art_err err;

	(void)state;
	assert_int_equal(probe_request(PROBE_EXPERIMENT, ENDPOINT "/experiment", url, &q, &err), ART_OK);
	assert_string_equal(q.url, ENDPOINT "/experiment");
	assert_string_equal(q.method, "POST");
	assert_int_equal(q.body_len, 14);
	assert_memory_equal(q.body, "{\"probe\":true}", 14);
	assert_int_equal(q.n_headers, 2);
	assert_int_equal(q.max_redirects, 0);
	assert_int_equal(q.max_body, PROBE_BODY_MAX);
	assert_int_equal(probe_request(PROBE_HEALTH, ENDPOINT, url, &q, &err), ART_OK);
	assert_string_equal(q.url, ENDPOINT "/health");
	assert_string_equal(q.method, "GET");
	assert_true(!q.body && q.n_headers == 1 && q.max_redirects == 2);
	assert_int_equal(probe_request(PROBE_CATALOGUE, "http://[::1]:8402/a", url, &q, &err), ART_OK);
	assert_string_equal(q.url, "http://[::1]:8402/api/services.json");
	assert_int_equal(probe_request(PROBE_HEALTH, "nowhere", url, &q, &err), ART_INVALID);
}

/* ---- offers ---------------------------------------------------------------------------------------- */

#define OFFER(network, amount, asset, extra)                                                                 \
	"{\"scheme\":\"exact\",\"network\":\"" network "\",\"amount\":\"" amount "\",\"asset\":\"" asset      \
	"\",\"payTo\":\"" PAYEE "\",\"maxTimeoutSeconds\":600,\"extra\":{" extra "}}"
#define USDC "\"name\":\"USDC\",\"version\":\"2\""
#define V2(offers) "{\"x402Version\":2,\"error\":\"payment required\",\"accepts\":[" offers "]}"
#define V1 "{\"x402Version\":1,\"error\":\"X-PAYMENT header is required\",\"accepts\":[{\"scheme\":\"exact\","   \
	   "\"network\":\"base-sepolia\",\"maxAmountRequired\":\"10000\",\"resource\":\"https://w.example/x\","   \
	   "\"description\":\"d\",\"mimeType\":\"application/json\",\"payTo\":\"" PAYEE                          \
	   "\",\"maxTimeoutSeconds\":60,\"asset\":\"" TOKEN "\",\"extra\":{" USDC "}}]}"
/* Obol's gate: each offer under both names of its network. */
#define DUAL V2(OFFER("eip155:84532", "41666", TOKEN, USDC ",\"assetTransferMethod\":\"eip3009\"") ","          \
		OFFER("base-sepolia", "41666", TOKEN, USDC ",\"assetTransferMethod\":\"eip3009\""))

static void probe_take_must_read_the_offers_it_would_pay(void **state)
{
	static const struct {
		const char *body;
		int version;
		int64_t micro, timeout;
	} rows[] = {
		{ V2(OFFER("eip155:84532", "41666", TOKEN, USDC)), 2, 41666, 600 },
		{ V1, 1, 10000, 60 },
		{ DUAL, 2, 41666, 600 },
		/* The one that would be taken, not the first. */
		{ V2(OFFER("eip155:8453", "1", BASE_TOKEN, "\"name\":\"USD Coin\",\"version\":\"2\"") ","
		     OFFER("eip155:84532", "500", TOKEN, USDC) "," OFFER("eip155:84532", "400", TOKEN, USDC)), 2, 400, 600 },
		{ V2(OFFER("eip155:84532", "9", PERMIT_TOKEN, "\"assetTransferMethod\":\"permit2\"") ","
		     OFFER("eip155:84532", "400", TOKEN, USDC)), 2, 400, 600 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		const struct worker_probe *p = probe(f, 402, NULL, rows[i].body);

		assert_int_equal(p->alive, WORKER_ALIVE);
		assert_int_equal(p->at, NOW);
		assert_int_equal(p->status, 402);
		assert_int_equal(p->latency_us, 1234);
		assert_string_equal(p->error, "");
		assert_true(p->priced && p->payable && !p->upfront && !p->free_of_charge && !p->busy_known);
		assert_int_equal(p->x402_version, rows[i].version);
		assert_int_equal(usdc_to_micro(p->price), rows[i].micro);
		assert_int_equal(p->max_timeout_s, rows[i].timeout);
		assert_string_equal(p->network, "eip155:84532");
		assert_string_equal(p->asset, TOKEN);
		assert_string_equal(p->pay_to, PAYEE);
	}
}

static void probe_take_must_read_an_offer_in_the_header(void **state)
{
	static const char json[] = V2(OFFER("eip155:84532", "41666", TOKEN, USDC));
	struct fixture *f = *state;
	struct art_buf b;

	art_buf_init(&b, 1 << 16);
	art_buf_put(&b, "payment-required: ");
	assert_true(base64_encode(json, strlen(json), &b));
	assert_true(probe(f, 402, b.data, "<html>pay here</html>")->payable);
	/* The page around it was larger than what is read. */
	memset(&f->p, 0, sizeof(f->p));
	take(f, PROBE_EXPERIMENT, ART_LIMIT);
	assert_true(f->p.payable && f->p.alive == WORKER_ALIVE);
	art_buf_destroy(&b);
}

static void probe_take_must_say_why_it_would_not_pay(void **state)
{
	static const struct {
		const char *body, *why;
		int64_t micro; /* -1: not priced */
		const char *network;
		bool upfront;
	} rows[] = {
		{ V2(OFFER("eip155:84532", "500", TOKEN, USDC ",\"paymentFlow\":\"upfront\"")), "before it works", 500,
		  "eip155:84532", true },
		{ V2(OFFER("eip155:84532", "500", TOKEN, "\"name\":\"USD Coin\",\"version\":\"2\"")),
		  "signing domain's name is \"USD Coin\"", 500, "eip155:84532", false },
		{ V2(OFFER("base", "500", BASE_TOKEN, "\"name\":\"USD Coin\",\"version\":\"2\"")), "pay.chains", 500,
		  "eip155:8453", false },
		{ V2(OFFER("eip155:84532", "9", PERMIT_TOKEN, "\"assetTransferMethod\":\"permit2\"")), "is not USDC", -1,
		  "eip155:84532", false },
		{ V2(OFFER("eip155:84532", "9", PERMIT_TOKEN, USDC) ","
		     OFFER("base-sepolia", "500", TOKEN, "\"name\":\"x\"")), "is not USDC", 500, "eip155:84532", false },
		{ V2(OFFER("solana", "500", "EPjFW", USDC)), "network \"solana\"", -1, "solana", false },
		{ V2(""), "no way to pay", -1, "", false },
		{ V2(OFFER("eip155:84532", "99999999999999999999999999", TOKEN, USDC)), "beyond all bounds", -1,
		  "eip155:84532", false },
		{ V2(OFFER("eip155:84532", "-1", TOKEN, USDC)), "no whole number", -1, "eip155:84532", false },
		{ V2(OFFER("eip155:84532", "0", TOKEN, USDC)), "zero", 0, "eip155:84532", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		const struct worker_probe *p = probe(f, 402, NULL, rows[i].body);

		assert_int_equal(p->alive, WORKER_ALIVE);
		assert_false(p->payable);
		assert_int_equal(p->x402_version, 2);
		has(p->error, rows[i].why);
		assert_int_equal(p->priced, rows[i].micro >= 0);
		assert_int_equal(p->upfront, rows[i].upfront);
		if (rows[i].micro >= 0)
			assert_int_equal(usdc_to_micro(p->price), rows[i].micro);
		assert_string_equal(p->network, rows[i].network);
	}
}

static void probe_take_must_know_the_first_generation(void **state)
{
	struct fixture *f = *state;
	const struct worker_probe *p = probe(f, 402, NULL, "{\"payTo\":\"" PAYEE "\",\"network\":\"base-sepolia\","
					     "\"maxAmountRequired\":\"1234\",\"facilitatorURL\":\"https://f\"}");

	assert_int_equal(p->alive, WORKER_ALIVE);
	assert_true(!p->payable && !p->priced && !p->free_of_charge && !p->x402_version);
	assert_string_equal(p->pay_to, PAYEE);
	has(p->error, "no x402 challenge");
	assert_int_equal(probe(f, 402, NULL, "{\"payTo\":\"x\",\"price\":0.5}")->alive, WORKER_ALIVE);
	assert_string_equal(f->p.pay_to, "");
}

static void probe_take_must_find_dead_what_is_no_worker(void **state)
{
	static const struct {
		int status;
		const char *header, *body, *why;
	} rows[] = {
		{ 402, "www-authenticate: Payment realm=\"x\"", "{}", "not by x402" },
		{ 402, NULL, "<html>pay</html>", "not by x402" },
		{ 402, NULL, "", "not by x402" },
		{ 402, NULL, "{\"payTo\":7,\"maxAmountRequired\":\"1\"}", "not by x402" },
		{ 402, NULL, "{\"x402Version\":3,\"accepts\":[]}", "another x402 version" },
		{ 402, NULL, "{\"x402Version\":2}", "no list of offers" },
		{ 402, "payment-required: !!!", "{}", "not base64" },
		{ 200, NULL, "<html>welcome</html>", "HTTP 200, but no JSON object" },
		{ 200, NULL, "[]", "no JSON object" },
		{ 204, NULL, "", "no JSON object" },
		{ 404, NULL, "{\"error\":\"unknown endpoint: /experiment\"}", "HTTP 404: unknown endpoint" },
		{ 404, NULL, "<html>", "HTTP 404" },
		{ 422, NULL, "{\"detail\":{\"message\":\"no\"}}", "HTTP 422: no" },
		{ 500, NULL, "{\"message\":\"\\u001b[31mboom\"}", "HTTP 500: boom" },
		{ 503, NULL, "upstream", "HTTP 503" },
		{ 308, "location: https://elsewhere.example/\033[2J", "", "sends on to https://elsewhere.example/" },
		{ 304, NULL, "", "HTTP 304" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		const struct worker_probe *p = probe(f, rows[i].status, rows[i].header, rows[i].body);

		if (p->alive != WORKER_DEAD)
			fail_msg("row %zu is alive", i);
		assert_true(!p->payable && !p->priced && !p->free_of_charge);
		assert_int_equal(p->status, rows[i].status);
		has(p->error, rows[i].why);
		assert_null(strchr(p->error, '\033'));
	}
}

static void probe_take_must_tell_a_failed_transfer(void **state)
{
	struct fixture *f = *state;

	art_fail(&f->err, ART_NET, "w.example: connection \033[31mrefused");
	answer(f, 0, NULL, "");
	take(f, PROBE_EXPERIMENT, ART_NET);
	assert_int_equal(f->p.alive, WORKER_DEAD);
	assert_string_equal(f->p.error, "w.example: connection refused");
	memset(&f->p, 0, sizeof(f->p));
	probe_take(&f->p, PROBE_EXPERIMENT, ART_CANCELLED, &f->r, NULL, ENDPOINT, &f->chains, 7200);
	assert_string_equal(f->p.error, "cancelled");
}

static void probe_take_must_know_the_free_and_the_busy(void **state)
{
	static const struct {
		int status;
		const char *body;
		bool free, known, busy;
		const char *error;
	} rows[] = {
		{ 200, "{\"status\":\"ok\",\"probe\":true,\"busy\":false,\"timeoutSeconds\":300}", true, true, false, "" },
		{ 200, "{\"status\":\"ok\",\"probe\":true,\"busy\":true}", true, true, true, "" },
		{ 202, "{}", true, false, false, "" },
		{ 409, "{\"error\":\"worker is already running an experiment\",\"status\":\"busy\"}", false, true, true, "" },
		{ 429, "slow down", false, true, true, "" },
		{ 503, "{\"error\":\"the GPU is too hot\"}", false, false, false, "HTTP 503: the GPU is too hot" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		const struct worker_probe *p = probe(f, rows[i].status, NULL, rows[i].body);

		assert_int_equal(p->alive, WORKER_ALIVE);
		assert_int_equal(p->free_of_charge, rows[i].free);
		assert_int_equal(p->busy_known, rows[i].known);
		assert_int_equal(p->busy, rows[i].busy);
		assert_string_equal(p->error, rows[i].error);
	}
}

/* ---- health ------------------------------------------------------------------------------------------ */

static void probe_take_must_read_our_own_health(void **state)
{
	struct fixture *f = *state;

	probe(f, 402, NULL, DUAL);
	answer(f, 200, NULL, "{\"status\":\"ok\",\"busy\":true,\"gpu\":\"NVIDIA H100\",\"gpu_mem_mb\":81920,"
	       "\"class\":\"kjv 300s gpu\",\"version\":\"0.9\",\"data_sha256\":\"sha256:" HASH "\","
	       "\"evaluator_sha256\":\"" HASH "\",\"budget_s\":300,\"queue_length\":2,\"queue_max\":8,\"async\":true}");
	take(f, PROBE_HEALTH, ART_OK);

	assert_true(f->p.busy_known && f->p.busy && f->p.async && f->p.payable);
	assert_string_equal(f->p.gpu, "NVIDIA H100");
	assert_true(f->p.gpu_mem_mb.known && f->p.gpu_mem_mb.v == 81920);
	assert_string_equal(f->p.class_text, "kjv 300s gpu");
	assert_string_equal(f->p.version, "0.9");
	assert_string_equal(f->p.data_sha256, HASH);
	assert_string_equal(f->p.evaluator_sha256, HASH);
	assert_true(f->p.budget_s.v == 300 && f->p.queue_length.v == 2 && f->p.queue_max.v == 8);
}

static void probe_take_must_read_other_forms_of_health(void **state)
{
	struct fixture *f = *state;

	/* Obol's /health, and what its /status says. */
	probe(f, 402, NULL, DUAL);
	answer(f, 200, NULL, "{\"status\":\"ok\",\"busy\":false,\"repo\":\"/data\",\"timeoutSeconds\":300}");
	take(f, PROBE_HEALTH, ART_OK);
	assert_true(f->p.busy_known && !f->p.busy && f->p.budget_s.known && f->p.budget_s.v == 300);
	probe(f, 402, NULL, DUAL);
	answer(f, 200, NULL, "{\"status\":\"busy\",\"gpus\":[{\"name\":\"A100\",\"mem_mb\":\"40960\"}],\"queue\":"
	       "{\"length\":1,\"max\":4},\"async\":{\"enabled\":true}}");
	take(f, PROBE_HEALTH, ART_OK);
	assert_true(f->p.busy && f->p.async && f->p.queue_length.v == 1 && f->p.queue_max.v == 4);
	assert_string_equal(f->p.gpu, "A100");
	assert_true(f->p.gpu_mem_mb.v == 40960);
}

static void probe_take_must_not_believe_a_hostile_health(void **state)
{
	static const char *const bodies[] = {
		"[]", "<html>", "{\"busy\":\"yes\",\"gpu\":7,\"gpu_mem_mb\":-1,\"budget_s\":1e300,\"queue_length\":\"x\","
		"\"queue_max\":-5,\"data_sha256\":\"" HASH "0\",\"evaluator_sha256\":7,\"async\":1,\"class\":[],"
		"\"version\":null,\"gpus\":[]}",
	};
	struct fixture *f = *state;
	struct worker_probe before;

	for (size_t i = 0; i < ART_COUNT(bodies); i++) {
		before = *probe(f, 402, NULL, DUAL);
		answer(f, 200, NULL, bodies[i]);
		take(f, PROBE_HEALTH, ART_OK);
		assert_memory_equal(&before, &f->p, sizeof(before));
		answer(f, 404, NULL, "{\"busy\":true}");
		take(f, PROBE_HEALTH, ART_OK);
		take(f, PROBE_HEALTH, ART_NET);
		assert_memory_equal(&before, &f->p, sizeof(before));
	}
	/* Whether it is alive is the priced route's to say; what it said of being busy stays. */
	probe(f, 409, NULL, "{}");
	answer(f, 200, NULL, "{\"busy\":false,\"gpu\":\"a\\u001b[2Jb\\u202ec\"}");
	take(f, PROBE_HEALTH, ART_OK);
	assert_true(f->p.busy);
	assert_string_equal(f->p.gpu, "abc");
	probe(f, 500, NULL, "{}");
	answer(f, 200, NULL, "{\"status\":\"ok\"}");
	take(f, PROBE_HEALTH, ART_OK);
	assert_int_equal(f->p.alive, WORKER_DEAD);
}

/* ---- the catalogue -------------------------------------------------------------------------------------- */

#define ENTRY(endpoint, more)                                                                                 \
	"{\"name\":\"x\",\"endpoint\":\"" endpoint "\",\"price\":\"9\",\"priceAtomicUnits\":\"9000000\","       \
	"\"payTo\":\"" PAYEE "\",\"network\":\"base-sepolia\",\"asset\":{\"address\":\"" TOKEN                  \
	"\",\"symbol\":\"USDC\",\"decimals\":6}" more "}"

static void probe_take_must_fill_from_the_catalogue_what_is_missing(void **state)
{
	static const char *const bodies[] = {
		"[" ENTRY("https://w.example/services/y", "") "," ENTRY("https://W.example/services/x/", ",\"gpu\":\"A10\"") "]",
		"[" ENTRY("/services/x", ",\"gpu\":\"A10\"") "]",
		"{\"services\":[7," ENTRY("https://w.example/services/x/experiment", ",\"gpu\":\"A10\"") "]}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(bodies); i++) {
		probe(f, 200, NULL, "{}");
		answer(f, 200, NULL, bodies[i]);
		take(f, PROBE_CATALOGUE, ART_OK);
		assert_string_equal(f->p.network, "eip155:84532");
		assert_string_equal(f->p.asset, TOKEN);
		assert_string_equal(f->p.pay_to, PAYEE);
		assert_string_equal(f->p.gpu, "A10");
		assert_true(!f->p.priced && !f->p.payable);
	}
}

static void probe_take_must_keep_what_was_measured(void **state)
{
	struct fixture *f = *state;
	struct worker_probe before = *probe(f, 402, NULL, DUAL);

	answer(f, 200, NULL, "[{\"endpoint\":\"" ENDPOINT "\",\"payTo\":\"" TOKEN "\",\"network\":\"base\","
	       "\"priceAtomicUnits\":\"1\",\"drainEndsAt\":\"2026-03-12T10:30:00Z\"}]");
	take(f, PROBE_CATALOGUE, ART_OK);
	assert_string_equal(f->p.pay_to, PAYEE);
	assert_string_equal(f->p.network, "eip155:84532");
	assert_int_equal(usdc_to_micro(f->p.price), 41666);
	has(f->p.error, "2026-03-12T10:30:00Z");
	/* Other people's entries, and nonsense, change nothing. */
	f->p = before;
	answer(f, 200, NULL, "[{\"endpoint\":\"https://other.example/services/x\",\"gpu\":\"A10\"},{\"endpoint\":\"//x\"},"
	       "{\"endpoint\":7},null]");
	take(f, PROBE_CATALOGUE, ART_OK);
	answer(f, 200, NULL, "{\"services\":{}}");
	take(f, PROBE_CATALOGUE, ART_OK);
	answer(f, 404, NULL, "[]");
	take(f, PROBE_CATALOGUE, ART_OK);
	assert_memory_equal(&before, &f->p, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(market_endpoint_must_have_one_form),
		T(market_endpoint_must_refuse_what_is_none),
		T(probe_request_must_ask_each_question),
		T(probe_take_must_read_the_offers_it_would_pay),
		T(probe_take_must_read_an_offer_in_the_header),
		T(probe_take_must_say_why_it_would_not_pay),
		T(probe_take_must_know_the_first_generation),
		T(probe_take_must_find_dead_what_is_no_worker),
		T(probe_take_must_tell_a_failed_transfer),
		T(probe_take_must_know_the_free_and_the_busy),
		T(probe_take_must_read_our_own_health),
		T(probe_take_must_read_other_forms_of_health),
		T(probe_take_must_not_believe_a_hostile_health),
		T(probe_take_must_fill_from_the_catalogue_what_is_missing),
		T(probe_take_must_keep_what_was_measured),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
