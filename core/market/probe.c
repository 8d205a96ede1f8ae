/*
 * probe.c - what answers to an unpaid question say about an endpoint.
 *
 * Layer: core. Pure functions, but for the clock that stamps a probe. An answer is somebody else's text:
 * numbers have bounds, words are cleaned, and money is shown only where the token is one of our table.
 */
#include "core/market/probe.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/pay/x402.h"
#include "store/json.h"

#define FREE_REDIRECTS 2
#define BUDGET_MAX_S 1e7
#define QUEUE_MAX 1e6
#define MEMORY_MAX_MB 1e8

/* ---- the endpoint's one form ------------------------------------------------------------------------ */

static bool is_host(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-._:", *s))
			return false;
	return true;
}

/* "https://host:port" of @u; the port only where it is not the scheme's own. */
static bool write_origin(const struct http_url *u, char *out, size_t size)
{
	bool v6 = strchr(u->host, ':') != NULL;
	char host[sizeof(u->host)], port[16] = "";
	int n;

	for (n = 0; u->host[n]; n++)
		host[n] = (char)(u->host[n] >= 'A' && u->host[n] <= 'Z' ? u->host[n] | 0x20 : u->host[n]);
	host[n] = '\0';
	if (u->port != (!strcmp(u->scheme, "https") ? 443 : 80))
		snprintf(port, sizeof(port), ":%d", u->port);
	n = snprintf(out, size, "%s://%s%s%s%s", u->scheme, v6 ? "[" : "", host, v6 ? "]" : "", port);
	return n > 0 && (size_t)n < size;
}

/* Slashes at the end, and "/experiment"s: the route is put behind what is left. */
static size_t path_length(const char *path)
{
	static const char route[] = "/experiment";
	size_t n = strcspn(path, "?"), r = sizeof(route) - 1;

	for (;;) {
		while (n && path[n - 1] == '/')
			n--;
		if (n < r || memcmp(path + n - r, route, r) != 0)
			return n;
		n -= r;
	}
}

enum art_status market_endpoint(const char *url, char out[WORKER_URL_MAX], struct art_err *err)
{
	struct http_url u;
	char text[HTTP_URL_MAX + 300];
	enum art_status s = http_url_parse(url, &u, err);
	size_t at, n;

	if (s != ART_OK)
		return s;
	if (!is_host(u.host) || !write_origin(&u, text, sizeof(text)))
		return art_fail(err, ART_INVALID, "the URL's host is no host name");
	at = strlen(text);
	n = path_length(u.path);
	memcpy(text + at, u.path, n);
	text[at + n] = '\0';
	if (!art_copy(out, WORKER_URL_MAX, text)) {
		out[0] = '\0';
		return art_fail(err, ART_INVALID, "the endpoint is longer than %d bytes", WORKER_URL_MAX - 1);
	}
	return ART_OK;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static enum art_status write_url(char *url, enum probe_question which, const char *endpoint,
				 struct art_err *err)
{
	static const char *const path[PROBE_QUESTIONS] = {
		[PROBE_EXPERIMENT] = "/experiment", [PROBE_HEALTH] = "/health",
		[PROBE_CATALOGUE] = "/api/services.json",
	};
	char base[WORKER_URL_MAX];
	struct http_url u;
	enum art_status s = market_endpoint(endpoint, base, err);

	if (s == ART_OK && which == PROBE_CATALOGUE) {
		s = http_url_parse(base, &u, err);
		if (s == ART_OK)
			ART_BUG_ON(!write_origin(&u, base, sizeof(base)));
	}
	if (s == ART_OK)
		snprintf(url, HTTP_URL_MAX, "%s%s", base, path[which]);
	return s;
}

enum art_status probe_request(enum probe_question which, const char *endpoint, char *url,
			      struct http_request *q, struct art_err *err)
{
	static const char body[] = "{\"probe\":true}";
	/* obol's gate shows people a page unless it is told otherwise. */
	static const char *const headers[] = { "Accept: application/json", "Content-Type: application/json" };
	bool asks_price = which == PROBE_EXPERIMENT;

	memset(q, 0, sizeof(*q));
	*q = (struct http_request){
		.method = asks_price ? "POST" : "GET",
		.url = url,
		.headers = headers,
		.n_headers = asks_price ? 2 : 1,
		.body = asks_price ? body : NULL,
		.body_len = asks_price ? sizeof(body) - 1 : 0,
		.max_body = PROBE_BODY_MAX,
		.max_redirects = asks_price ? 0 : FREE_REDIRECTS,
	};
	return write_url(url, which, endpoint, err);
}

/* ---- words and numbers of an answer ------------------------------------------------------------------ */

static struct json *body_of(const struct http_response *r)
{
	struct json *j = NULL;

	if (!r->body.len || json_parse(&j, r->body.data, r->body.len, PROBE_BODY_MAX, NULL) != ART_OK)
		return NULL;
	return j;
}

static bool take_text(const struct json *j, char *dst, size_t size)
{
	const char *s = json_str(j);

	if (!s)
		return false;
	art_text_clean(dst, size, s, strlen(s), false);
	return dst[0] != '\0';
}

/* What an answer's body says went wrong; "" nothing. */
static void words_of(const struct json *body, char *out, size_t size)
{
	static const char *const keys[] = { "error", "detail", "message", "reason" };

	out[0] = '\0';
	for (size_t i = 0; i < ART_COUNT(keys) && !out[0]; i++) {
		const struct json *j = json_get(body, keys[i]);

		if (!take_text(j, out, size))
			take_text(json_get(j, "message"), out, size);
	}
}

static struct opt_f64 take_number(const struct json *j, double max)
{
	struct opt_f64 v = json_num(j);

	if (json_str(j) && art_parse_f64(json_str(j), &v.v))
		v.known = true;
	if (!v.known || v.v < 0 || v.v > max)
		return (struct opt_f64){ 0 };
	return v;
}

/* A SHA-256 as 64 digits, "sha256:" before it or not. */
static void take_hash(const struct json *j, char out[65])
{
	const char *s = json_str(j);

	if (!s)
		return;
	if (!strncmp(s, "sha256:", 7))
		s += 7;
	if (strlen(s) != 64 || strspn(s, "0123456789abcdef") != 64)
		return;
	art_copy(out, 65, s);
}

/* ---- the experiment route: offers --------------------------------------------------------------------- */

static void take_payee(struct worker_probe *p, const char *pay_to)
{
	struct eth_address payee;

	if (eth_address_parse(pay_to, &payee, NULL) == ART_OK)
		eth_address_text(&payee, p->pay_to);
}

/* The terms that would be paid. */
static void take_terms(struct worker_probe *p, const struct x402_terms *t)
{
	p->priced = true;
	p->price = t->amount;
	p->upfront = t->upfront;
	p->max_timeout_s = t->max_timeout_s;
	art_copy(p->network, sizeof(p->network), t->chain->caip2);
	eth_address_text(&t->asset, p->asset);
	eth_address_text(&t->pay_to, p->pay_to);
}

static bool read_amount(const char *text, struct usdc *out)
{
	struct u256 wide;
	uint64_t micro;

	return u256_parse(text, &wide) && u256_to_u64(&wide, &micro) && micro <= INT64_MAX &&
	       usdc_from_micro((int64_t)micro, out);
}

/* An offer that would not be paid, told all the same: only where its token is one whose unit we know. */
static bool take_offer(struct worker_probe *p, const struct x402_accept *a, const struct chains *chains)
{
	const struct chain *chain = chains_by_network(chains, a->network);
	struct eth_address asset;
	struct usdc price;

	if (!chain || eth_address_is_zero(&chain->usdc) || eth_address_parse(a->asset, &asset, NULL) != ART_OK ||
	    !eth_address_equal(&asset, &chain->usdc) || !read_amount(a->amount, &price))
		return false;
	p->priced = true;
	p->price = price;
	p->upfront = !strcmp(a->flow, "upfront");
	p->max_timeout_s = a->max_timeout_s > 0 ? a->max_timeout_s : 0;
	art_copy(p->network, sizeof(p->network), chain->caip2);
	eth_address_text(&asset, p->asset);
	take_payee(p, a->pay_to);
	return true;
}

static void take_challenge(struct worker_probe *p, const struct x402_challenge *c, const struct chains *chains,
			   int64_t max_window_s)
{
	struct art_err why = { 0 };
	struct x402_terms t;

	p->alive = WORKER_ALIVE;
	p->x402_version = c->version;
	if (x402_choose(c, chains, max_window_s, &t, &why) == ART_OK) {
		take_terms(p, &t);
		p->payable = !t.upfront;
		if (t.upfront)
			art_copy(p->error, sizeof(p->error),
				 "it takes the money before it works: not paid without being asked");
		return;
	}
	art_text_clean(p->error, sizeof(p->error), why.text, strlen(why.text), false);
	for (int i = 0; i < c->n; i++)
		if (take_offer(p, &c->accepts[i], chains))
			return;
	if (c->n)
		art_text_clean(p->network, sizeof(p->network), c->accepts[0].network,
			       strlen(c->accepts[0].network), false);
}

/* Obol's first generation: payTo and an amount at the top of the body, no x402 around them. */
static bool take_flat(struct worker_probe *p, const struct http_response *r)
{
	struct json *body = body_of(r);
	const struct json *amount = json_get(body, "maxAmountRequired");
	bool is_flat;

	amount = amount ? amount : json_get(body, "price");
	is_flat = json_str(json_get(body, "payTo")) && (json_str(amount) || json_num(amount).known);
	if (is_flat) {
		p->alive = WORKER_ALIVE;
		take_text(json_get(body, "network"), p->network, sizeof(p->network));
		take_payee(p, json_str(json_get(body, "payTo")));
		art_copy(p->error, sizeof(p->error),
			 "no x402 challenge: it asks for money in the way of obol's first workers");
	}
	json_free(body);
	return is_flat;
}

static void take_402(struct worker_probe *p, const struct http_response *r, const struct chains *chains,
		     int64_t max_window_s)
{
	struct x402_challenge c;
	struct art_err why = { 0 };
	enum art_status s = x402_challenge_read(&c, http_header(r, "payment-required"),
						r->body.data ? r->body.data : "", r->body.len, &why);

	if (s == ART_OK)
		take_challenge(p, &c, chains, max_window_s);
	else if (s != ART_NOT_FOUND || !take_flat(p, r))
		art_text_clean(p->error, sizeof(p->error), why.text, strlen(why.text), false);
	x402_challenge_destroy(&c);
}

/* ---- the experiment route ------------------------------------------------------------------------------ */

static void take_free(struct worker_probe *p, const struct json *body)
{
	if (!json_is_object(body)) {
		snprintf(p->error, sizeof(p->error), "HTTP %d, but no JSON object: not a worker", p->status);
		return;
	}
	p->alive = WORKER_ALIVE;
	p->free_of_charge = true;
	p->busy_known = json_bool(json_get(body, "busy"), true) == json_bool(json_get(body, "busy"), false);
	p->busy = json_bool(json_get(body, "busy"), false);
	p->budget_s = take_number(json_get(body, "timeoutSeconds"), BUDGET_MAX_S);
}

static void take_other(struct worker_probe *p, const struct http_response *r, const struct json *body)
{
	const char *location = http_header(r, "location");
	char words[120];

	words_of(body, words, sizeof(words));
	if (r->status == 409 || r->status == 429) {
		p->busy_known = p->busy = true;
		p->alive = WORKER_ALIVE;
	} else if (r->status == 503 && body) {
		p->alive = WORKER_ALIVE;
	} else if (r->status >= 300 && r->status < 400 && location) {
		art_text_clean(words, sizeof(words), location, strlen(location), false);
		snprintf(p->error, sizeof(p->error), "HTTP %d: it sends on to %s, and a payment follows nobody",
			 r->status, words);
		return;
	}
	if (!p->busy)
		snprintf(p->error, sizeof(p->error), "HTTP %d%s%s", r->status, words[0] ? ": " : "", words);
}

static void take_experiment(struct worker_probe *p, enum art_status s, const struct http_response *r,
			    const struct art_err *err, const struct chains *chains, int64_t max_window_s)
{
	struct json *body = NULL;

	p->at = p->at ? p->at : art_now_us();
	p->alive = WORKER_DEAD;
	p->status = r->status;
	p->latency_us = r->first_byte_us ? r->first_byte_us : r->total_us;
	/* A page for people may be over the ceiling; the offer in the header counts all the same. */
	if (s == ART_LIMIT && r->status == 402 && http_header(r, "payment-required"))
		s = ART_OK;
	if (s != ART_OK) {
		const char *text = err && err->text[0] ? err->text : art_status_text(s);

		art_text_clean(p->error, sizeof(p->error), text, strlen(text), false);
		return;
	}
	if (r->status == 402) {
		take_402(p, r, chains, max_window_s);
		return;
	}
	body = body_of(r);
	if (r->status >= 200 && r->status < 300)
		take_free(p, body);
	else
		take_other(p, r, body);
	json_free(body);
}

/* ---- health --------------------------------------------------------------------------------------------- */

static void take_busy(struct worker_probe *p, const struct json *body)
{
	const struct json *busy = json_get(body, "busy");
	const char *status = json_str(json_get(body, "status"));

	if (p->busy_known)
		return;
	if (json_bool(busy, true) == json_bool(busy, false)) {
		p->busy_known = true;
		p->busy = json_bool(busy, false);
	} else if (status && (!strcmp(status, "busy") || !strcmp(status, "idle"))) {
		p->busy_known = true;
		p->busy = !strcmp(status, "busy");
	}
}

/* "gpu": a name, or {"name","mem_mb"}; "gpus": a list of these, of which the first counts. */
static void take_gpu(struct worker_probe *p, const struct json *body)
{
	const struct json *gpu = json_get(body, "gpu");

	gpu = gpu && !json_is_null(gpu) ? gpu : json_at(json_get(body, "gpus"), 0);
	if (!take_text(gpu, p->gpu, sizeof(p->gpu)))
		take_text(json_get(gpu, "name"), p->gpu, sizeof(p->gpu));
	p->gpu_mem_mb = take_number(json_get(body, "gpu_mem_mb"), MEMORY_MAX_MB);
	if (!p->gpu_mem_mb.known)
		p->gpu_mem_mb = take_number(json_get(gpu, "mem_mb"), MEMORY_MAX_MB);
}

static void take_queue(struct worker_probe *p, const struct json *body)
{
	const struct json *queue = json_get(body, "queue");

	p->queue_length = take_number(json_get(body, "queue_length"), QUEUE_MAX);
	p->queue_max = take_number(json_get(body, "queue_max"), QUEUE_MAX);
	if (!p->queue_length.known)
		p->queue_length = take_number(json_get(queue, "length"), QUEUE_MAX);
	if (!p->queue_max.known)
		p->queue_max = take_number(json_get(queue, "max"), QUEUE_MAX);
}

static void take_health(struct worker_probe *p, const struct json *body)
{
	struct opt_f64 budget = take_number(json_get(body, "budget_s"), BUDGET_MAX_S);

	if (!json_is_object(body))
		return;
	take_busy(p, body);
	take_gpu(p, body);
	take_queue(p, body);
	take_text(json_get(body, "class"), p->class_text, sizeof(p->class_text));
	take_text(json_get(body, "version"), p->version, sizeof(p->version));
	take_hash(json_get(body, "data_sha256"), p->data_sha256);
	take_hash(json_get(body, "evaluator_sha256"), p->evaluator_sha256);
	p->async = json_bool(json_get(body, "async"), json_bool(json_get(json_get(body, "async"), "enabled"), false));
	if (!budget.known)
		budget = take_number(json_get(body, "timeoutSeconds"), BUDGET_MAX_S);
	if (budget.known)
		p->budget_s = budget;
}

/* ---- the catalogue ---------------------------------------------------------------------------------------- */

/* An entry's endpoint, which may be a path on the host that serves the catalogue. */
static bool is_entry_of(const struct json *entry, const char *endpoint)
{
	const char *told = json_str(json_get(entry, "endpoint"));
	char url[HTTP_URL_MAX + WORKER_URL_MAX], mine[WORKER_URL_MAX], its[WORKER_URL_MAX];
	struct http_url u;

	if (!told || strlen(told) >= HTTP_URL_MAX || market_endpoint(endpoint, mine, NULL) != ART_OK)
		return false;
	if (told[0] == '/') {
		if (http_url_parse(mine, &u, NULL) != ART_OK || !write_origin(&u, url, WORKER_URL_MAX))
			return false;
		art_copy(url + strlen(url), HTTP_URL_MAX, told);
	} else {
		art_copy(url, sizeof(url), told);
	}
	return market_endpoint(url, its, NULL) == ART_OK && !strcmp(its, mine);
}

static void take_entry(struct worker_probe *p, const struct json *entry, const struct chains *chains)
{
	const struct json *asset = json_get(entry, "asset");
	const char *address = json_str(asset) ? json_str(asset) : json_str(json_get(asset, "address"));
	const char *pay_to = json_str(json_get(entry, "payTo"));
	const struct json *network = json_get(entry, "caip2Network");
	const struct chain *chain;
	struct eth_address a;
	char drain[40];

	network = json_str(network) ? network : json_get(entry, "network");
	if (!p->network[0] && take_text(network, p->network, sizeof(p->network))) {
		chain = chains_by_network(chains, p->network);
		if (chain)
			art_copy(p->network, sizeof(p->network), chain->caip2);
	}
	if (!p->asset[0] && address && eth_address_parse(address, &a, NULL) == ART_OK)
		eth_address_text(&a, p->asset);
	if (!p->pay_to[0] && pay_to)
		take_payee(p, pay_to);
	if (!p->gpu[0])
		take_text(json_get(entry, "gpu"), p->gpu, sizeof(p->gpu));
	if (!p->error[0] && take_text(json_get(entry, "drainEndsAt"), drain, sizeof(drain)))
		snprintf(p->error, sizeof(p->error), "its seller stops selling it, at the latest at %s", drain);
}

static void take_catalogue(struct worker_probe *p, const struct json *body, const char *endpoint,
			   const struct chains *chains)
{
	const struct json *list = json_is_array(body) ? body : json_get(body, "services");

	if (!json_is_array(list))
		return;
	for (const struct json *m = json_at(list, 0); m; m = json_next(m))
		if (is_entry_of(m, endpoint)) {
			take_entry(p, m, chains);
			return;
		}
}

void probe_take(struct worker_probe *p, enum probe_question which, enum art_status s,
		const struct http_response *r, const struct art_err *err, const char *endpoint,
		const struct chains *chains, int64_t max_window_s)
{
	struct json *body;

	if (which == PROBE_EXPERIMENT) {
		take_experiment(p, s, r, err, chains, max_window_s);
		return;
	}
	if (s != ART_OK || r->status != 200)
		return;
	body = body_of(r);
	if (which == PROBE_HEALTH)
		take_health(p, body);
	else
		take_catalogue(p, body, endpoint, chains);
	json_free(body);
}
