/* test_sell.c - a service behind a payment: a fake service and a fake facilitator on loopback, bought by the buyer's own code. */
#include "tests/unit/fixture_store.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "core/pay/x402.h"
#include "store/json.h"
#include "tests/unit/loopback_server.h"
#include "worker/serve/sell.h"

#define TX "0x1111111111111111111111111111111111111111111111111111111111111111"
#define BIG (16u << 20)
#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct sell_fixture {
	struct fixture *f;
	struct http *http, *up, *client; /* the gate's, to the service, the buyers' */
	struct keys *keys;
	struct config *config;
	struct chains chains;
	struct gate *gate;
	struct sell_options opt;
	struct sell *sell;
	struct eth_key key;
	struct eth_address payer;
	struct loop_server facilitator, service;
	char base[64];
	/* under the facilitator's lock */
	const char *verify, *settle;
	int n_verify, n_settle, settle_ms;
	/* under the service's */
	int go, gone, down;
	size_t sent;
	int said;
};

static void pause_ms(long ms)
{
	poll(NULL, 0, (int)ms);
}

static int get(struct loop_server *s, const int *v)
{
	int n;

	pthread_mutex_lock(&s->lock);
	n = *v;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void set(struct loop_server *s, int *v, int to)
{
	pthread_mutex_lock(&s->lock);
	*v = to;
	pthread_mutex_unlock(&s->lock);
}

static void await(struct loop_server *s, const int *v, int at_least)
{
	for (int i = 0; i < 1000 && get(s, v) < at_least; i++)
		pause_ms(10);
	assert_true(get(s, v) >= at_least);
}

/* ---- the facilitator and the service --------------------------------------------------------------------------- */

static void facilitator(void *arg, struct loop_call *c)
{
	struct sell_fixture *x = arg;
	const char *say = NULL;

	pthread_mutex_lock(&x->facilitator.lock);
	if (!strcmp(c->path, "/verify")) {
		x->n_verify++;
		say = x->verify;
	} else if (!strcmp(c->path, "/settle")) {
		x->n_settle++;
		say = x->settle;
	}
	pthread_mutex_unlock(&x->facilitator.lock);
	if (!strcmp(c->path, "/settle"))
		pause_ms(get(&x->facilitator, &x->settle_ms));
	if (say)
		loop_answer(c, 200, "", say);
}

static void pour(struct sell_fixture *x, const struct loop_call *c, size_t bytes)
{
	static const char block[16384] = { 'x' };
	ssize_t n;

	for (size_t left = bytes; left; left -= (size_t)n) {
		n = send(c->fd, block, left < sizeof(block) ? left : sizeof(block), MSG_NOSIGNAL);
		if (n <= 0) {
			set(&x->service, &x->gone, 1);
			return;
		}
		pthread_mutex_lock(&x->service.lock);
		x->sent += (size_t)n;
		pthread_mutex_unlock(&x->service.lock);
	}
}

static void events(struct sell_fixture *x, const struct loop_call *c)
{
	char byte;

	loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n");
	for (int i = 1; i <= 1000; i++) {
		for (int k = 0; k < 1000 && get(&x->service, &x->go) < i; k++) {
			pause_ms(10);
			if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
				set(&x->service, &x->gone, 1);
				return;
			}
		}
		if (get(&x->service, &x->go) >= 1000)
			return;
		loop_printf(c, "data: %d\n\n", i);
	}
}

static void service(void *arg, struct loop_call *c)
{
	struct sell_fixture *x = arg;
	const char *p = c->path;

	if (get(&x->service, &x->down))
		return;
	if (!strncmp(p, "/status/", 8)) {
		loop_answer(c, atoi(p + 8), "", "a secret");
	} else if (!strcmp(p, "/empty")) {
		loop_printf(c, "HTTP/1.1 204 No Content\r\nX-Thing: 1\r\nConnection: close\r\n\r\n");
	} else if (!strcmp(p, "/same")) {
		loop_printf(c, "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\nConnection: close\r\n\r\n");
	} else if (!strcmp(p, "/head")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/x-odd\r\nContent-Length: 1234567\r\nConnection: close\r\n\r\n");
	} else if (!strcmp(p, "/events")) {
		events(x, c);
	} else if (!strcmp(p, "/big")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\nConnection: close\r\n\r\n", BIG);
		pour(x, c, BIG);
	} else if (!strcmp(p, "/wait-big")) {
		for (int i = 0; i < 500 && !get(&x->service, &x->go); i++)
			pause_ms(10);
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\nConnection: close\r\n\r\n", BIG);
		pour(x, c, BIG);
	} else if (!strcmp(p, "/endless")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		pour(x, c, (size_t)1 << 40);
	} else if (!strcmp(p, "/big-half")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BIG);
		pour(x, c, BIG / 2);
	} else if (!strcmp(p, "/no-length")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\n\r\nto the end");
	} else if (!strcmp(p, "/half")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf a secret");
	} else if (!strcmp(p, "/half-headers")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\nX-Ha");
	} else if (!strcmp(p, "/headers-big")) {
		char *v = art_alloc(100001, 1);

		memset(v, 'v', 100000);
		loop_printf(c, "HTTP/1.1 200 OK\r\nX-Big: %s\r\nContent-Length: 0\r\n\r\n", v);
		free(v);
	} else if (!strcmp(p, "/headers-many")) {
		loop_printf(c, "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < 80; i++)
			loop_printf(c, "X-%d: 1\r\n", i);
		loop_printf(c, "Content-Length: 0\r\n\r\n");
	} else if (!strcmp(p, "/drop")) {
		return;
	} else if (!strcmp(p, "/silent")) {
		for (int i = 0; i < 500 && !get(&x->service, &x->go); i++)
			pause_ms(10);
		loop_answer(c, 200, "", "late");
	} else if (!strcmp(p, "/loud")) {
		loop_answer(c, 200, "PAYMENT-RESPONSE: fake\r\nX-Payment-Response: fake\r\nPAYMENT-REQUIRED: fake\r\nX-Kept: yes\r\n"
				    "Keep-Alive: 1\r\nConnection: X-Private\r\nX-Private: 1\r\nCache-Control: public, max-age=60\r\n"
				    "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Encoding: odd\r\n", "loud");
	} else {
		loop_answer(c, 200, "Content-Type: text/plain\r\n", c->request);
	}
}

/* ---- the fixture ------------------------------------------------------------------------------------------------------ */

static void say(void *arg, const char *line)
{
	struct sell_fixture *x = arg;

	(void)line;
	x->said++; /* one at a time */
}

static int sell_setup(void **state)
{
	struct sell_fixture *x = art_alloc(1, sizeof(*x));
	void *inner;

	if (setup(&inner) != 0)
		return -1;
	x->f = inner;
	*state = x;
	x->verify = "{\"isValid\":true,\"payer\":\"0x\"}";
	x->settle = "{\"success\":true,\"transaction\":\"" TX "\",\"network\":\"eip155:84532\"}";
	ok(http_open(&x->http, NULL, &err));
	ok(http_open(&x->up, &(struct http_options){ .max_connections = 256 }, &err));
	ok(http_open(&x->client, NULL, &err));
	ok(keys_open(&x->keys, &err));
	ok(config_load(&x->config, NULL, NULL, 0, &err));
	ok(chains_load(&x->chains, x->config, &err));
	for (int i = 0; i < x->chains.n; i++)
		x->chains.list[i].rpc[0] = 0;
	loop_start(&x->facilitator, facilitator, x);
	loop_start(&x->service, service, x);
	memset(x->key.b, 7, sizeof(x->key.b));
	ok(keys_address(x->keys, &x->key, &x->payer, &err));
	x->opt = (struct sell_options){ .name = "thing", .listen = "127.0.0.1:0", .upstream = x->service.url,
					.description = "A <thing> & \"more\"", .network = "base-sepolia", .pay_to = "0x3c3c", .timeout_s = 20,
					.http = x->up, .db = x->f->path, .say = say, .arg = x };
	assert_true(usdc_from_micro(10000, &x->opt.price));
	return 0;
}

static void open_gate(struct sell_fixture *x)
{
	struct gate_options o = { .http = x->http, .chains = &x->chains, .keys = x->keys,
				  .chain = chains_by_id(&x->chains, 84532), .facilitator = x->facilitator.url };

	memset(o.pay_to.b, 0x3c, sizeof(o.pay_to.b));
	ok(gate_open(&x->gate, &o, &err));
	x->opt.gate = x->gate;
}

static void open_shop(struct sell_fixture *x)
{
	open_gate(x);
	ok(sell_open(&x->sell, &x->opt, &err));
	snprintf(x->base, sizeof(x->base), "http://127.0.0.1:%d", sell_port(x->sell));
}

static int sell_teardown(void **state)
{
	struct sell_fixture *x = *state;
	void *inner = x->f;
	char path[160];

	set(&x->service, &x->go, 1000);
	sell_close(x->sell);
	gate_close(x->gate);
	http_close(x->http);
	http_close(x->up);
	http_close(x->client);
	keys_close(x->keys);
	config_free(x->config);
	loop_stop(&x->facilitator);
	loop_stop(&x->service);
	snprintf(path, sizeof(path), "%s.sell-thing.lock", x->f->path);
	unlink(path);
	free(x);
	return teardown(&inner);
}

/* ---- a buyer, by the buyer's own code ------------------------------------------------------------------------------------ */

struct ask {
	const char *method, *path, *body;
	size_t len;              /* 0: of the text */
	const char *payment;     /* a header line */
	const char *headers[80];
	int n_headers;
};

static enum art_status try_ask(struct sell_fixture *x, const struct ask *a, struct http_response *r)
{
	char url[HTTP_URL_MAX];
	const char *headers[82];
	struct http_request q = { .method = a->method, .url = url, .headers = headers, .body = a->body,
				  .body_len = a->len ? a->len : a->body ? strlen(a->body) : 0, .deadline_ms = 30000, .max_body = 64u << 20 };

	snprintf(url, sizeof(url), "%s%s", x->base, a->path);
	for (int i = 0; i < a->n_headers; i++)
		headers[q.n_headers++] = a->headers[i];
	if (a->payment)
		headers[q.n_headers++] = a->payment;
	return http_call(x->client, &q, r, NULL, NULL);
}

static int ask(struct sell_fixture *x, struct ask a, struct http_response *r)
{
	assert_int_equal(try_ask(x, &a, r), ART_OK);
	return r->status;
}

/* Asks for the terms and signs them: a header line. */
static char *sign(struct sell_fixture *x, struct ask a, int version, int nonce)
{
	struct http_response r;
	struct x402_challenge c;
	struct x402_terms t;
	struct eip712_domain d;
	struct eth_word sep, hash, digest;
	struct eth_signature sig;
	struct eip3009 auth;
	struct art_buf out;
	char *line;

	assert_int_equal(ask(x, a, &r), 402);
	ok(x402_challenge_read(&c, version == 2 ? http_header(&r, "payment-required") : NULL, r.body.data, r.body.len, &err));
	assert_int_equal(c.version, version);
	ok(x402_choose(&c, &x->chains, 7200, &t, &err));
	auth = (struct eip3009){ .from = x->payer, .to = t.pay_to, .value = u256_from_u64((uint64_t)usdc_to_micro(t.amount)),
				 .valid_after = u256_from_u64(0),
				 .valid_before = u256_from_u64((uint64_t)(art_now_us() / 1000000 + t.max_timeout_s)) };
	memset(auth.nonce.b, nonce, 32);
	d = chain_usdc_domain(t.chain);
	sep = eip712_domain_separator(&d);
	hash = eip3009_hash(EIP3009_TRANSFER, &auth);
	digest = eip712_digest(&sep, &hash);
	ok(keys_sign(x->keys, &x->key, &digest, &sig, &err));
	art_buf_init(&out, 1 << 17);
	ok(x402_payment_write(&c, &t, &auth, &sig, NULL, &out, &err));
	line = art_printf("%s: %s", version == 2 ? "PAYMENT-SIGNATURE" : "X-PAYMENT", out.data);
	art_buf_destroy(&out);
	x402_challenge_destroy(&c);
	http_response_destroy(&r);
	return line;
}

static char *sign_get(struct sell_fixture *x, const char *path, int nonce)
{
	return sign(x, (struct ask){ .path = path }, 2, nonce);
}

static bool says_settled(const struct http_response *r, const char *header)
{
	struct x402_receipt got;

	x402_receipt_read(http_header(r, header), &got);
	return got.present && got.readable && got.success && !strcmp(got.transaction, TX);
}

static void expect_sales(struct sell_fixture *x, enum sale_state state, size_t n)
{
	struct sale_list l = { 0 };

	ok(sale_query(x->f->st, &(struct sale_query){ .states = 1u << state }, &l, &err));
	if (l.n != n)
		fail_msg("%zu sales are %s, not %zu", l.n, sale_state_text(state), n);
	sale_list_destroy(&l);
}

#define expect_money(settled, released, settlements)                                \
	do {                                                                          \
		expect_sales(x, SALE_SETTLED, settled);                               \
		expect_sales(x, SALE_RELEASED, released);                             \
		assert_int_equal(get(&x->facilitator, &x->n_settle), settlements);    \
	} while (0)

/* A client by hand, that may be slow or go away. */
static int dial(struct sell_fixture *x, const char *method, const char *path, const char *headers)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)sell_port(x->sell)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 65536;
	struct loop_call c = { .fd = fd };

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	loop_printf(&c, "%s %s HTTP/1.1\r\nHost: here\r\n%s%s\r\n", method, path, headers ? headers : "", headers ? "\r\n" : "");
	return fd;
}

/* Until @words have come, or all when NULL. Everything so far is in @b. */
static bool hear(int fd, struct art_buf *b, const char *words, int timeout_ms)
{
	char part[65536];
	int64_t until = art_mono_us() + timeout_ms * (int64_t)1000;

	while (!words || !b->data || !memmem(b->data, b->len, words, strlen(words))) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (until - art_mono_us()) / 1000;
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		n = read(fd, part, sizeof(part));
		if (n <= 0)
			return !words && n == 0;
		assert_int_equal(art_buf_add(b, part, (size_t)n), ART_OK);
	}
	return true;
}

/* ---- buying ------------------------------------------------------------------------------------------------------------------ */

static void a_paid_request_must_be_answered_and_settled_once(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;

	open_shop(x);
	for (int version = 1; version <= 2; version++) {
		struct ask a = { .method = "POST", .path = "/echo?q=1&r=%20", .body = "what I want" };
		const char *receipt = version == 2 ? "payment-response" : "x-payment-response";
		char *payment = sign(x, a, version, version);

		assert_int_equal(loop_requests(&x->service), version - 1);
		a.payment = payment;
		assert_int_equal(ask(x, a, &r), 200);
		assert_non_null(strstr(r.body.data, "POST /echo?q=1&r=%20 HTTP/1.1"));
		assert_non_null(strstr(r.body.data, "\r\n\r\nwhat I want"));
		assert_string_equal(http_header(&r, "content-type"), "text/plain");
		assert_string_equal(http_header(&r, "cache-control"), "private");
		assert_true(says_settled(&r, receipt));
		http_response_destroy(&r);
		/* Again, the very same. */
		assert_int_equal(ask(x, a, &r), 200);
		assert_non_null(strstr(r.body.data, "\r\n\r\nwhat I want"));
		assert_string_equal(http_header(&r, "content-type"), "text/plain");
		assert_true(says_settled(&r, receipt));
		http_response_destroy(&r);
		/* For another thing: not. */
		a.body = "what else I want";
		assert_int_equal(ask(x, a, &r), 409);
		http_response_destroy(&r);
		expect_money((size_t)version, 0, version);
		assert_int_equal(loop_requests(&x->service), version);
		free(payment);
	}
}

static void what_is_not_paid_must_be_challenged_and_go_nowhere(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	struct x402_challenge c;

	x->opt.public_url = "https://shop.example/base/";
	open_shop(x);
	assert_int_equal(ask(x, (struct ask){ .path = "/a/b?c=d" }, &r), 402);
	ok(x402_challenge_read(&c, http_header(&r, "payment-required"), NULL, 0, &err));
	assert_string_equal(c.resource, "https://shop.example/base/a/b");
	assert_string_equal(c.accepts[0].amount, "10000");
	x402_challenge_destroy(&c);
	assert_string_equal(http_header(&r, "content-type"), "application/json");
	http_response_destroy(&r);
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = "PAYMENT-SIGNATURE: !!!" }, &r), 400);
	http_response_destroy(&r);
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = "X-PAYMENT: aGVsbG8=" }, &r), 400);
	http_response_destroy(&r);
	assert_int_equal(loop_requests(&x->service), 0);
	assert_int_equal(loop_requests(&x->facilitator), 0);
}

/* As obol's gate takes it. */
static void version_2_must_be_taken_under_the_old_name_too(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment, *old;

	open_shop(x);
	payment = sign_get(x, "/echo", 1);
	old = art_printf("X-PAYMENT: %s", payment + strlen("PAYMENT-SIGNATURE: "));
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = old }, &r), 200);
	assert_non_null(http_header(&r, "payment-response"));
	http_response_destroy(&r);
	free(old);
	free(payment);
}

static void people_must_be_shown_a_page(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	struct ask a = { .path = "/<b>'&\"", .headers = { "Accept: text/html,application/xhtml+xml,*/*;q=0.8" }, .n_headers = 1 };

	open_shop(x);
	assert_int_equal(ask(x, a, &r), 402);
	assert_string_equal(http_header(&r, "content-type"), "text/html; charset=utf-8");
	assert_non_null(http_header(&r, "payment-required"));
	assert_non_null(strstr(r.body.data, "0.01 USDC"));
	assert_non_null(strstr(r.body.data, "A &lt;thing&gt; &amp; &quot;more&quot;"));
	assert_non_null(strstr(r.body.data, "/&lt;b&gt;%27&amp;&quot;&#39;"));
	assert_null(strstr(r.body.data, "<b>"));
	assert_null(strstr(r.body.data, "<script"));
	http_response_destroy(&r);
}

static void failures_must_cost_nothing(void **state)
{
	struct sell_fixture *x = *state;
	static const struct {
		const char *path;
		int status;
	} cases[] = {
		{ "/status/400", 400 }, { "/status/402", 402 }, { "/status/404", 404 }, { "/status/500", 500 }, { "/status/503", 503 },
		{ "/drop", 502 }, { "/half", 502 }, { "/half-headers", 502 }, { "/headers-big", 502 }, { "/headers-many", 502 },
		{ "/silent", 502 },
	};
	struct http_response r;

	x->opt.idle_s = 1;
	open_shop(x);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		char *payment = sign_get(x, cases[i].path, (int)i + 1);

		if (ask(x, (struct ask){ .path = cases[i].path, .payment = payment }, &r) != cases[i].status)
			fail_msg("%s: %d", cases[i].path, r.status);
		assert_null(http_header(&r, "payment-response"));
		assert_null(http_header(&r, "payment-required"));
		if (cases[i].status == 502)
			assert_null(strstr(r.body.data, "secret"));
		else
			assert_string_equal(r.body.data, "a secret");
		http_response_destroy(&r);
		expect_money(0, i + 1, 0);
		free(payment);
	}
	assert_int_equal(get(&x->facilitator, &x->n_verify), ART_COUNT(cases));
}

static void a_payment_that_failed_must_be_good_again(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	open_shop(x);
	payment = sign_get(x, "/echo", 1);
	set(&x->service, &x->down, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 502);
		http_response_destroy(&r);
	}
	set(&x->service, &x->down, 0);
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 200);
	assert_true(says_settled(&r, "payment-response"));
	http_response_destroy(&r);
	expect_sales(x, SALE_SETTLED, 1);
	/* And is not good for ever: nothing is owed any more. */
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 200);
	http_response_destroy(&r);
	assert_int_equal(loop_requests(&x->service), 4);
	assert_int_equal(get(&x->facilitator, &x->n_settle), 1);
	free(payment);
}

static void answers_without_a_body_must_pass(void **state)
{
	struct sell_fixture *x = *state;
	static const struct {
		const char *method, *path;
		int status;
		const char *words;
	} cases[] = {
		{ "GET", "/empty", 204, "X-Thing: 1\r\n" }, { "GET", "/same", 304, "ETag: \"e\"\r\n" },
		{ "HEAD", "/head", 200, "Content-Length: 1234567\r\n" }, { "HEAD", "/no-length", 200, NULL }, { "DELETE", "/empty", 204, NULL },
	};

	open_shop(x);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		struct ask a = { .method = cases[i].method, .path = cases[i].path };
		/* HEAD has no body to read terms from, but the header. */
		char *payment = sign(x, a, 2, (int)i + 1), *headers = art_printf("%s\r\nConnection: close", payment), status[32];
		int fd = dial(x, cases[i].method, cases[i].path, headers);
		struct art_buf b;

		art_buf_init(&b, 1 << 20);
		if (!hear(fd, &b, NULL, 10000))
			fail_msg("%s does not end", cases[i].path);
		snprintf(status, sizeof(status), "HTTP/1.1 %d ", cases[i].status);
		assert_memory_equal(b.data, status, strlen(status));
		if (cases[i].words && !strcasestr(b.data, cases[i].words))
			fail_msg("no %s in %s", cases[i].words, b.data);
		assert_non_null(strcasestr(b.data, "payment-response: "));
		/* Nothing after the headers, and no kind of nothing. */
		assert_string_equal(strstr(b.data, "\r\n\r\n"), "\r\n\r\n");
		if (cases[i].status != 200)
			assert_null(strcasestr(b.data, "content-type"));
		close(fd);
		art_buf_destroy(&b);
		expect_money(i + 1, 0, (int)i + 1);
		free(headers);
		free(payment);
	}
}

static void an_answer_that_ends_with_its_connection_must_pass(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	open_shop(x);
	payment = sign_get(x, "/no-length", 1);
	assert_int_equal(ask(x, (struct ask){ .path = "/no-length", .payment = payment }, &r), 200);
	assert_string_equal(r.body.data, "to the end");
	http_response_destroy(&r);
	expect_money(1, 0, 1);
	free(payment);
}

/* ---- as it comes ----------------------------------------------------------------------------------------------------------- */

static size_t sent(struct sell_fixture *x)
{
	size_t n;

	pthread_mutex_lock(&x->service.lock);
	n = x->sent;
	pthread_mutex_unlock(&x->service.lock);
	return n;
}

static void a_slow_client_must_slow_the_service(void **state)
{
	struct sell_fixture *x = *state;
	struct art_buf b;
	char *payment;
	size_t before;
	int fd;

	open_shop(x);
	art_buf_init(&b, BIG + 65536);
	payment = sign_get(x, "/big", 1);
	fd = dial(x, "GET", "/big", payment);
	assert_true(hear(fd, &b, "\r\n\r\n", 10000));
	assert_non_null(strstr(b.data, "Content-Length: 16777216\r\n"));
	assert_non_null(strcasestr(b.data, "\r\npayment-response: "));
	/* It waits: what is under way is in the sockets and in SELL_HELD. */
	pause_ms(300);
	before = sent(x);
	assert_true(before < BIG * 3 / 4);
	pause_ms(300);
	assert_int_equal(sent(x), before);
	for (int i = 0; i < 20; i++) {
		char part[30000];

		pause_ms(10);
		assert_int_equal(art_buf_add(&b, part, (size_t)read(fd, part, sizeof(part))), ART_OK);
	}
	for (size_t want = (size_t)(strstr(b.data, "\r\n\r\n") + 4 - b.data) + BIG; b.len < want;) {
		char part[65536];
		ssize_t n = read(fd, part, sizeof(part));

		assert_true(n > 0);
		assert_int_equal(art_buf_add(&b, part, (size_t)n), ART_OK);
	}
	assert_int_equal(sent(x), BIG);
	expect_money(1, 0, 1);
	close(fd);
	art_buf_destroy(&b);
	free(payment);
}

static void a_large_answer_must_be_settled_before_it_flows(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	x->settle = "{\"success\":false,\"errorReason\":\"insufficient_funds\",\"transaction\":\"\"}";
	open_shop(x);
	payment = sign_get(x, "/big", 1);
	assert_int_equal(ask(x, (struct ask){ .path = "/big", .payment = payment }, &r), 402);
	assert_string_equal(r.body.data, "{}");
	http_response_destroy(&r);
	/* Its rest is not waited for. */
	await(&x->service, &x->gone, 1);
	expect_sales(x, SALE_UNPAID, 1);
	free(payment);
}

static void a_service_that_breaks_late_must_break_the_answer(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	open_shop(x);
	payment = sign_get(x, "/big-half", 1);
	assert_int_equal(try_ask(x, &(struct ask){ .path = "/big-half", .payment = payment }, &r), ART_NET);
	assert_int_equal(r.body.len, BIG / 2);
	http_response_destroy(&r);
	expect_money(1, 0, 1);
	free(payment);
}

static void events_must_pass_as_they_come(void **state)
{
	struct sell_fixture *x = *state;
	struct art_buf b;
	char *payment;
	int fd;

	open_shop(x);
	art_buf_init(&b, 1 << 20);
	payment = sign_get(x, "/events", 1);
	fd = dial(x, "GET", "/events", payment);
	/* The answer begins before the first event, and is paid for with that. */
	assert_true(hear(fd, &b, "\r\n\r\n", 10000));
	assert_non_null(strstr(b.data, "HTTP/1.1 200 "));
	assert_non_null(strcasestr(b.data, "\r\ncontent-type: text/event-stream; charset=utf-8\r\n"));
	assert_non_null(strcasestr(b.data, "\r\npayment-response: "));
	expect_money(1, 0, 1);
	assert_false(hear(fd, &b, "data:", 100));
	set(&x->service, &x->go, 1);
	assert_true(hear(fd, &b, "data: 1\n\n", 5000));
	assert_false(hear(fd, &b, "data: 2", 100));
	set(&x->service, &x->go, 3);
	assert_true(hear(fd, &b, "data: 3\n\n", 5000));
	set(&x->service, &x->go, 1000);
	assert_true(hear(fd, &b, "\r\n0\r\n\r\n", 5000));
	close(fd);
	art_buf_destroy(&b);
	free(payment);
}

static void a_client_that_leaves_must_end_the_service(void **state)
{
	struct sell_fixture *x = *state;
	static const char *const paths[] = { "/events", "/endless" };

	open_shop(x);
	for (size_t i = 0; i < ART_COUNT(paths); i++) {
		char *payment = sign_get(x, paths[i], (int)i + 1);
		int fd = dial(x, "GET", paths[i], payment);
		struct art_buf b;

		art_buf_init(&b, 8 << 20);
		set(&x->service, &x->go, 0);
		set(&x->service, &x->gone, 0);
		assert_true(hear(fd, &b, "\r\n\r\n", 10000));
		set(&x->service, &x->go, 1);
		close(fd);
		set(&x->service, &x->go, 2);
		pause_ms(50);
		set(&x->service, &x->go, 3);
		await(&x->service, &x->gone, 1);
		art_buf_destroy(&b);
		free(payment);
	}
}

static void who_left_before_must_pay_for_a_whole_answer_alone(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;
	int fd;

	open_shop(x);
	/* Whole: charged, and there for who asks again. */
	payment = sign_get(x, "/silent", 1);
	fd = dial(x, "GET", "/silent", payment);
	await(&x->service, &x->service.requests, 1);
	close(fd);
	set(&x->service, &x->go, 1);
	await(&x->facilitator, &x->n_settle, 1);
	do {
		assert_int_equal(try_ask(x, &(struct ask){ .path = "/silent", .payment = payment }, &r), ART_OK);
		assert_true(r.status == 200 || r.status == 409);
		fd = r.status;
		if (fd == 200)
			assert_string_equal(r.body.data, "late");
		http_response_destroy(&r);
	} while (fd != 200);
	expect_money(1, 0, 1);
	assert_int_equal(loop_requests(&x->service), 1);
	free(payment);
	/* Too large to be held: neither charged nor read any further. */
	set(&x->service, &x->go, 0);
	payment = sign_get(x, "/wait-big", 2);
	fd = dial(x, "GET", "/wait-big", payment);
	await(&x->service, &x->service.requests, 2);
	close(fd);
	set(&x->service, &x->go, 1);
	await(&x->service, &x->gone, 1);
	expect_money(1, 1, 1);
	free(payment);
}

/* ---- the money ---------------------------------------------------------------------------------------------------------------- */

static void a_refused_settlement_must_withhold_the_answer(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;

	x->settle = "{\"success\":false,\"errorReason\":\"insufficient_funds\",\"transaction\":\"\"}";
	open_shop(x);
	for (int version = 1; version <= 2; version++) {
		char *payment = sign(x, (struct ask){ .path = "/status/200" }, version, version);

		for (int i = 0; i < 2; i++) {
			struct x402_receipt got;

			assert_int_equal(ask(x, (struct ask){ .path = "/status/200", .payment = payment }, &r), 402);
			assert_null(strstr(r.body.data, "secret"));
			x402_receipt_read(http_header(&r, version == 2 ? "payment-response" : "x-payment-response"), &got);
			assert_true(got.readable && !got.success);
			assert_string_equal(got.reason, "insufficient_funds");
			if (version == 1)
				assert_non_null(strstr(r.body.data, "\"error\":\"insufficient_funds\""));
			http_response_destroy(&r);
		}
		expect_sales(x, SALE_UNPAID, (size_t)version);
		assert_int_equal(get(&x->facilitator, &x->n_settle), version);
		free(payment);
	}
}

static void a_lost_settlement_must_be_asked_about_not_worked_for_again(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	x->settle = "?";
	open_shop(x);
	payment = sign_get(x, "/status/200", 1);
	assert_int_equal(ask(x, (struct ask){ .path = "/status/200", .payment = payment }, &r), 503);
	assert_null(strstr(r.body.data, "secret"));
	assert_non_null(strstr(r.body.data, "\"status\":\"settling\""));
	http_response_destroy(&r);
	expect_sales(x, SALE_SETTLING, 1);
	pthread_mutex_lock(&x->facilitator.lock);
	x->settle = "{\"success\":true,\"transaction\":\"" TX "\"}";
	pthread_mutex_unlock(&x->facilitator.lock);
	assert_int_equal(ask(x, (struct ask){ .path = "/status/200", .payment = payment }, &r), 200);
	assert_string_equal(r.body.data, "a secret");
	assert_true(says_settled(&r, "payment-response"));
	http_response_destroy(&r);
	expect_sales(x, SALE_SETTLED, 1);
	assert_int_equal(loop_requests(&x->service), 1);
	free(payment);
}

static void upfront_must_settle_first_and_owe_what_failed(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	x->opt.settle = GATE_SETTLE_UPFRONT;
	open_shop(x);
	payment = sign_get(x, "/echo", 1);
	set(&x->service, &x->down, 1);
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 502);
	assert_true(says_settled(&r, "payment-response"));
	http_response_destroy(&r);
	expect_money(1, 0, 1);
	set(&x->service, &x->down, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 200);
		assert_true(says_settled(&r, "payment-response"));
		http_response_destroy(&r);
	}
	assert_int_equal(loop_requests(&x->service), 2);
	expect_money(1, 0, 1);
	free(payment);
	/* Not settled: not asked. */
	pthread_mutex_lock(&x->facilitator.lock);
	x->settle = "{\"success\":false,\"errorReason\":\"insufficient_funds\",\"transaction\":\"\"}";
	pthread_mutex_unlock(&x->facilitator.lock);
	payment = sign_get(x, "/echo", 2);
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 402);
	http_response_destroy(&r);
	assert_int_equal(loop_requests(&x->service), 2);
	free(payment);
}

static void a_facilitator_that_is_away_must_take_nothing(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment;

	x->verify = NULL;
	open_shop(x);
	payment = sign_get(x, "/echo", 1);
	assert_int_equal(ask(x, (struct ask){ .path = "/echo", .payment = payment }, &r), 503);
	assert_non_null(strstr(r.body.data, "facilitator_unreachable"));
	http_response_destroy(&r);
	assert_int_equal(loop_requests(&x->service), 0);
	expect_money(0, 1, 0);
	free(payment);
}

/* ---- what passes and what does not -------------------------------------------------------------------------------------------------- */

static void words_about_payments_must_not_pass(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	char *payment, seen[8192];
	struct ask a = { .path = "/loud", .n_headers = 11,
			 .headers = { "X-Payment-Payer: 0xme", "x-payment: abc", "X-Obol-Wallet: 0xme", "X-Verified-Wallet: 0xme",
				      "PAYMENT-RESPONSE: x", "Proxy-Authorization: x", "Connection: X-Mine, close", "X-Mine: 1",
				      "Upgrade: websocket", "X-Other: stays", "Accept-Encoding: odd" } };

	open_shop(x);
	payment = sign_get(x, "/loud", 1);
	a.payment = payment;
	assert_int_equal(ask(x, a, &r), 200);
	loop_last(&x->service, seen);
	for (int i = 0; i < 9; i++)
		if (i != 6 && strcasestr(seen, a.headers[i]))
			fail_msg("\"%s\" reached the service", a.headers[i]);
	assert_null(strcasestr(seen, "payment-signature"));
	assert_non_null(strstr(seen, "\r\nX-Other: stays\r\n"));
	assert_non_null(strstr(seen, "\r\nAccept-Encoding: odd\r\n"));
	{
		char text[ETH_ADDRESS_TEXT], want[100];

		snprintf(want, sizeof(want), "\r\nX-Payment-Payer: %s\r\n", eth_address_text(&x->payer, text));
		assert_non_null(strcasestr(seen, want));
	}
	for (int i = 0; i < r.n_headers; i++)
		assert_null(strstr(r.headers[i], "fake"));
	assert_true(says_settled(&r, "payment-response"));
	assert_null(http_header(&r, "payment-required"));
	assert_null(http_header(&r, "x-private"));
	assert_null(http_header(&r, "keep-alive"));
	assert_null(http_header(&r, "content-type"));
	assert_string_equal(http_header(&r, "x-kept"), "yes");
	assert_string_equal(http_header(&r, "content-encoding"), "odd");
	assert_string_equal(http_header(&r, "cache-control"), "private");
	{
		int cookies = 0;

		for (int i = 0; i < r.n_headers; i++)
			cookies += !strncmp(r.headers[i], "set-cookie:", 11);
		assert_int_equal(cookies, 2);
	}
	http_response_destroy(&r);
	free(payment);
}

static void free_paths_must_be_exact_or_below_a_prefix(void **state)
{
	struct sell_fixture *x = *state;
	static const char *const paths[] = { "/health", "/free/*", "/docs", NULL };
	static const struct {
		const char *path;
		bool is_free;
	} cases[] = {
		{ "/health", true }, { "/health?x=/paid", true }, { "/free/", true }, { "/free/a/b", true }, { "/docs", true },
		{ "/%68ealth", true }, { "/healthy", false }, { "/health/", false }, { "/free", false }, { "/docs/a", false },
		{ "/Health", false }, { "/", false }, { "/free/..;/paid", false }, { "/free/%252e%252e/paid", false }, { "//free/a", false },
		{ "/paid?/free/", false },
	};
	struct http_response r;
	char seen[8192];

	x->opt.free_paths = paths;
	open_shop(x);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		struct ask a = { .path = cases[i].path, .headers = { "X-Payment-Payer: 0xme" }, .n_headers = 1 };

		if (ask(x, a, &r) != (cases[i].is_free ? 200 : 402))
			fail_msg("%s: %d", cases[i].path, r.status);
		assert_null(http_header(&r, "payment-response"));
		if (cases[i].is_free) {
			loop_last(&x->service, seen);
			assert_non_null(strstr(seen, cases[i].path));
			assert_null(strstr(seen, "0xme"));
		}
		http_response_destroy(&r);
	}
	/* By hand: a client's library would tidy these up. */
	for (int i = 0; i < 3; i++) {
		static const char *const odd[] = { "/free/../paid", "/free/%2e%2e/paid", "/free/..%2fpaid" };
		int fd = dial(x, "GET", odd[i], "Connection: close");
		struct art_buf b;

		art_buf_init(&b, 1 << 20);
		assert_true(hear(fd, &b, NULL, 5000));
		assert_non_null(strstr(b.data, "HTTP/1.1 400 "));
		art_buf_destroy(&b);
		close(fd);
	}
}

static void limits_must_hold_before_anything_is_paid(void **state)
{
	struct sell_fixture *x = *state;
	struct http_response r;
	struct ask a = { .method = "POST", .path = "/echo" };
	char *payment, *body = art_alloc(300000, 1), path[2100] = "/";
	struct art_buf b;
	int fd;

	x->opt.max_body = 300000;
	open_shop(x);
	memset(body, 'b', 300000);
	a.body = body;
	a.len = 300000;
	payment = sign(x, a, 2, 1);
	a.payment = payment;
	assert_int_equal(ask(x, a, &r), 200);
	assert_true(r.body.len > 300000);
	http_response_destroy(&r);
	art_buf_init(&b, 1 << 20);
	/* Told by the length; who sends on regardless may see the connection break instead. */
	fd = dial(x, "POST", "/echo", "Content-Length: 300001");
	assert_true(hear(fd, &b, "HTTP/1.1 413 ", 5000));
	close(fd);
	memset(path + 1, 'p', 2080);
	fd = dial(x, "GET", path, payment);
	assert_true(hear(fd, &b, "HTTP/1.1 414 ", 5000));
	art_buf_destroy(&b);
	close(fd);
	a = (struct ask){ .path = "/echo", .payment = payment };
	for (a.n_headers = 0; a.n_headers < 70; a.n_headers++)
		a.headers[a.n_headers] = "X-Many: 1";
	assert_int_equal(ask(x, a, &r), 431);
	http_response_destroy(&r);
	assert_int_equal(loop_requests(&x->service), 1);
	expect_money(1, 0, 1);
	free(payment);
	free(body);
}

/* ---- many, and the end ------------------------------------------------------------------------------------------------------------------ */

struct buyer {
	struct sell_fixture *x;
	const char *path, *payment;
	int status, tries;
};

static void *buy(void *arg)
{
	struct buyer *b = arg;

	do {
		struct http_response r;

		if (try_ask(b->x, &(struct ask){ .path = b->path, .payment = b->payment }, &r) == ART_OK)
			b->status = r.status;
		http_response_destroy(&r);
		if (b->status == 409)
			pause_ms(20);
	} while (b->status == 409 && ++b->tries < 500);
	return NULL;
}

static void many_at_once_must_each_be_settled_once(void **state)
{
	struct sell_fixture *x = *state;
	static const char *const paths[] = { "/echo", "/big", "/no-length", "/status/201" };
	struct buyer b[24];
	pthread_t t[24];
	char *payments[8];

	x->settle_ms = 20;
	open_shop(x);
	for (int i = 0; i < 8; i++)
		payments[i] = sign_get(x, paths[i % 4], i + 1);
	/* Each payment three times at once; the large answers are not kept. */
	for (int i = 0; i < 24; i++) {
		b[i] = (struct buyer){ .x = x, .path = paths[i % 4], .payment = payments[i % 8] };
		if (i >= 8 && i % 4 == 1)
			b[i].path = "/health";
		assert_int_equal(pthread_create(&t[i], NULL, buy, &b[i]), 0);
	}
	for (int i = 0; i < 24; i++) {
		pthread_join(t[i], NULL);
		if (b[i].status / 100 != 2)
			fail_msg("%s: %d", b[i].path, b[i].status);
	}
	expect_money(8, 0, 8);
	for (int i = 0; i < 8; i++)
		free(payments[i]);
}

static void the_end_must_be_prompt_and_charge_nothing_unfinished(void **state)
{
	struct sell_fixture *x = *state;
	char *payments[4];
	struct art_buf b[4];
	int fd[4];
	int64_t from;
	static const char *const paths[] = { "/silent", "/events", "/endless", "/silent" };

	open_shop(x);
	for (int i = 0; i < 4; i++) {
		payments[i] = sign_get(x, paths[i], i + 1);
		art_buf_init(&b[i], 16 << 20);
		fd[i] = dial(x, "GET", paths[i], payments[i]);
	}
	close(fd[3]);
	assert_true(hear(fd[1], &b[1], "\r\n\r\n", 10000));
	assert_true(hear(fd[2], &b[2], "\r\n\r\n", 10000)); /* and is not read any further */
	await(&x->service, &x->service.requests, 4);
	from = art_mono_us();
	sell_close(x->sell);
	x->sell = NULL;
	assert_true(art_mono_us() - from < 3000000);
	assert_true(hear(fd[0], &b[0], "HTTP/1.1 502 ", 1000));
	for (int i = 0; i < 4; i++) {
		if (i < 3)
			close(fd[i]);
		art_buf_destroy(&b[i]);
		free(payments[i]);
	}
	expect_money(2, 2, 2);
}

static void *close_shop(void *arg)
{
	struct sell_fixture *x = arg;

	sell_close(x->sell);
	return NULL;
}

static void the_end_must_wait_for_answers_a_while(void **state)
{
	struct sell_fixture *x = *state;
	struct art_buf b;
	pthread_t t;
	char *payment;
	int fd, late;

	x->opt.grace_ms = 20000;
	open_shop(x);
	art_buf_init(&b, 1 << 20);
	payment = sign_get(x, "/silent", 1);
	fd = dial(x, "GET", "/silent", payment);
	late = dial(x, "GET", "/health", NULL); /* its connection is there before the end */
	assert_true(hear(late, &b, "\r\n\r\n", 5000));
	art_buf_reset(&b);
	await(&x->service, &x->service.requests, 2);
	assert_int_equal(pthread_create(&t, NULL, close_shop, x), 0);
	pause_ms(200);
	loop_printf(&(struct loop_call){ .fd = late }, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(hear(late, &b, "HTTP/1.1 503 ", 5000));
	art_buf_reset(&b);
	set(&x->service, &x->go, 1);
	assert_true(hear(fd, &b, "late", 5000));
	close(fd);
	close(late);
	pthread_join(t, NULL);
	x->sell = NULL;
	expect_money(1, 0, 1);
	art_buf_destroy(&b);
	free(payment);
}

static void a_shop_that_cannot_work_must_not_open(void **state)
{
	struct sell_fixture *x = *state;
	struct sell *second;
	static const char *const bad[] = { "", "nonsense", "ftp://a.example", "http://a.example/?q=1", "http://u:p@a.example" };

	open_shop(x);
	fails(sell_open(&second, &x->opt, &err), ART_BUSY);
	x->opt.name = "thing-two";
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		x->opt.upstream = bad[i];
		fails(sell_open(&second, &x->opt, &err), ART_INVALID);
	}
}

static void what_a_death_left_must_be_put_right(void **state)
{
	struct sell_fixture *x = *state;
	struct gate_item item = { .name = "thing", .price = x->opt.price, .mime_type = "", .description = "", .method = "GET", .work_s = 20 };
	struct gate_taken t;
	char *payment;

	open_shop(x);
	payment = sign_get(x, "/echo", 1);
	sell_close(x->sell);
	x->sell = NULL;
	/* As if it had died while the service worked. */
	ok(gate_take(x->gate, x->f->st, &item, "http://h/echo", payment + strlen("PAYMENT-SIGNATURE: "), HASH, &t, &err));
	assert_int_equal(t.outcome, GATE_TAKEN);
	gate_close(x->gate);
	open_shop(x);
	expect_money(0, 1, 0);
	free(payment);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, sell_setup, sell_teardown)
	const struct CMUnitTest tests[] = {
		T(a_paid_request_must_be_answered_and_settled_once),
		T(what_is_not_paid_must_be_challenged_and_go_nowhere),
		T(version_2_must_be_taken_under_the_old_name_too),
		T(people_must_be_shown_a_page),
		T(failures_must_cost_nothing),
		T(a_payment_that_failed_must_be_good_again),
		T(answers_without_a_body_must_pass),
		T(an_answer_that_ends_with_its_connection_must_pass),
		T(a_slow_client_must_slow_the_service),
		T(a_large_answer_must_be_settled_before_it_flows),
		T(a_service_that_breaks_late_must_break_the_answer),
		T(events_must_pass_as_they_come),
		T(a_client_that_leaves_must_end_the_service),
		T(who_left_before_must_pay_for_a_whole_answer_alone),
		T(a_refused_settlement_must_withhold_the_answer),
		T(a_lost_settlement_must_be_asked_about_not_worked_for_again),
		T(upfront_must_settle_first_and_owe_what_failed),
		T(a_facilitator_that_is_away_must_take_nothing),
		T(words_about_payments_must_not_pass),
		T(free_paths_must_be_exact_or_below_a_prefix),
		T(limits_must_hold_before_anything_is_paid),
		T(many_at_once_must_each_be_settled_once),
		T(the_end_must_be_prompt_and_charge_nothing_unfinished),
		T(the_end_must_wait_for_answers_a_while),
		T(a_shop_that_cannot_work_must_not_open),
		T(what_a_death_left_must_be_put_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
