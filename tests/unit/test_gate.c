/* test_gate.c - the seller's side of x402, paid by the buyer's own code, with a facilitator and a chain on loopback. */
#include "tests/unit/fixture_store.h"

#include <pthread.h>
#include <unistd.h>

#include "core/chain/abi.h"
#include "store/json.h"
#include "tests/unit/loopback_server.h"
#include "worker/serve/gate.h"

#define URL "https://worker.example/experiment"
#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TX "0x1111111111111111111111111111111111111111111111111111111111111111"

struct gate_fixture {
	struct fixture *f;
	struct http *http;
	struct keys *keys;
	struct config *config;
	struct chains chains;
	struct gate *gate;
	struct gate_item item;
	struct eth_key key;
	struct eth_address payer;
	struct loop_server facilitator, node;
	bool has_facilitator, has_node;
	/* what the facilitator says; under its lock where several threads ask */
	const char *verify, *settle;
	int settle_status, n_verify, n_settle;
	bool drop_settle;
	/* what the chain says */
	bool used, rich, node_down;
};

static void facilitator(void *arg, struct loop_call *c)
{
	struct gate_fixture *x = arg;

	pthread_mutex_lock(&x->facilitator.lock);
	if (!strcmp(c->path, "/supported")) {
		loop_answer(c, 200, "", "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\",\"network\":\"eip155:84532\"},"
					"{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\"}]}");
	} else if (!strcmp(c->path, "/verify")) {
		x->n_verify++;
		loop_answer(c, 200, "", x->verify);
	} else if (!strcmp(c->path, "/settle")) {
		x->n_settle++;
		if (!x->drop_settle)
			loop_answer(c, x->settle_status, "", x->settle);
	} else {
		loop_answer(c, 404, "", "{}");
	}
	pthread_mutex_unlock(&x->facilitator.lock);
}

/* A node that answers by hand: enough for authorizationState, balanceOf, logs and blocks. */
static void node(void *arg, struct loop_call *c)
{
	struct gate_fixture *x = arg;
	const char *body = strstr(c->request, "\r\n\r\n");
	struct json *j = NULL;
	const char *method, *data;
	char answer[2000] = "\"result\":null";
	long long id;

	if (x->node_down || json_parse(&j, body + 4, strlen(body + 4), 1 << 20, NULL) != ART_OK)
		return;
	id = json_int(json_get(j, "id")).v;
	method = json_str(json_get(j, "method"));
	data = json_str(json_get(json_at(json_get(j, "params"), 0), "data"));
	if (!data)
		data = json_str(json_get(json_at(json_get(j, "params"), 0), "input"));
	if (!strcmp(method, "eth_chainId"))
		snprintf(answer, sizeof(answer), "\"result\":\"0x14a34\"");
	else if (!strcmp(method, "eth_call") && data && !strncmp(data, "0xe94a0102", 10))
		snprintf(answer, sizeof(answer), "\"result\":\"0x%064d\"", x->used);
	else if (!strcmp(method, "eth_call") && data && !strncmp(data, "0x70a08231", 10))
		snprintf(answer, sizeof(answer), "\"result\":\"0x%064d\"", x->rich ? 99999999 : 0);
	else if (!strcmp(method, "eth_getBlockByNumber"))
		snprintf(answer, sizeof(answer), "\"result\":{\"number\":\"0x10\",\"timestamp\":\"0x%llx\"}",
			 (unsigned long long)(art_now_us() / 1000000));
	else if (!strcmp(method, "eth_getLogs"))
		snprintf(answer, sizeof(answer), "\"result\":[]");
	json_free(j);
	{
		char *whole = art_printf("{\"jsonrpc\":\"2.0\",\"id\":%lld,%s}", id, answer);

		loop_answer(c, 200, "Content-Type: application/json\r\n", whole);
		free(whole);
	}
}

static int gate_setup(void **state)
{
	struct gate_fixture *x = art_alloc(1, sizeof(*x));
	void *inner;

	if (setup(&inner) != 0)
		return -1;
	x->f = inner;
	*state = x;
	x->verify = "{\"isValid\":true,\"payer\":\"0x\"}";
	x->settle = "{\"success\":true,\"transaction\":\"" TX "\",\"network\":\"eip155:84532\"}";
	x->settle_status = 200;
	x->rich = true;
	ok(http_open(&x->http, NULL, &err));
	ok(keys_open(&x->keys, &err));
	ok(config_load(&x->config, NULL, NULL, 0, &err));
	ok(chains_load(&x->chains, x->config, &err));
	loop_start(&x->facilitator, facilitator, x);
	loop_start(&x->node, node, x);
	for (int i = 0; i < x->chains.n; i++)
		x->chains.list[i].rpc[0] = 0;
	memset(x->key.b, 7, sizeof(x->key.b));
	ok(keys_address(x->keys, &x->key, &x->payer, &err));
	x->item = (struct gate_item){ .name = "experiment", .description = "Run one", .mime_type = "application/json",
				      .method = "POST", .work_s = 300 };
	assert_true(usdc_from_micro(10000, &x->item.price));
	return 0;
}

static int gate_teardown(void **state)
{
	struct gate_fixture *x = *state;
	void *inner = x->f;

	gate_close(x->gate);
	http_close(x->http);
	keys_close(x->keys);
	config_free(x->config);
	loop_stop(&x->facilitator);
	loop_stop(&x->node);
	free(x);
	return teardown(&inner);
}

static struct chain *sold_on(struct gate_fixture *x)
{
	return (struct chain *)(uintptr_t)chains_by_id(&x->chains, 84532);
}

static void open_gate(struct gate_fixture *x, bool with_node)
{
	struct gate_options o = { .http = x->http, .chains = &x->chains, .keys = x->keys, .chain = sold_on(x),
				  .facilitator = x->facilitator.url };

	if (with_node)
		art_copy(sold_on(x)->rpc, sizeof(sold_on(x)->rpc), x->node.url);
	memset(o.pay_to.b, 0x3c, sizeof(o.pay_to.b));
	ok(gate_open(&x->gate, &o, &err));
}

/* ---- a buyer, by the buyer's own code ----------------------------------------------------------------------- */

struct payment {
	struct eip3009 a;
	char *header;
};

enum spoil { NOTHING, SIGNATURE, VALUE, PAYEE, EXPIRED, EARLY, SHORT };

static void pay_for(struct gate_fixture *x, int version, enum spoil spoil, const char *id, int nonce, struct payment *p)
{
	struct x402_challenge c;
	struct x402_terms t;
	struct eip712_domain d;
	struct eth_word sep, hash, digest;
	struct eth_signature sig;
	struct art_buf head, body, out;
	uint64_t now = (uint64_t)(art_now_us() / 1000000);

	art_buf_init(&head, 1 << 16);
	art_buf_init(&body, 1 << 16);
	art_buf_init(&out, 1 << 17);
	ok(gate_challenge(x->gate, &x->item, URL, "Payment required", &head, &body, &err));
	ok(x402_challenge_read(&c, version == 2 ? head.data : NULL, body.data, body.len, &err));
	assert_int_equal(c.version, version);
	ok(x402_choose(&c, &x->chains, 7200, &t, &err));
	p->a = (struct eip3009){ .from = x->payer, .to = t.pay_to,
				 .value = u256_from_u64((uint64_t)usdc_to_micro(t.amount)),
				 .valid_after = u256_from_u64(0), .valid_before = u256_from_u64(now + (uint64_t)t.max_timeout_s) };
	memset(p->a.nonce.b, nonce, 32);
	if (spoil == VALUE)
		p->a.value = u256_from_u64(9999);
	if (spoil == PAYEE)
		p->a.to.b[0]++;
	if (spoil == EXPIRED)
		p->a.valid_before = u256_from_u64(now - 1);
	if (spoil == EARLY)
		p->a.valid_after = u256_from_u64(now + 1000);
	if (spoil == SHORT) /* longer than now, shorter than the work */
		p->a.valid_before = u256_from_u64(now + 100);
	d = chain_usdc_domain(t.chain);
	sep = eip712_domain_separator(&d);
	hash = eip3009_hash(EIP3009_TRANSFER, &p->a);
	digest = eip712_digest(&sep, &hash);
	ok(keys_sign(x->keys, &x->key, &digest, &sig, &err));
	if (spoil == SIGNATURE)
		sig.b[10] ^= 1;
	ok(x402_payment_write(&c, &t, &p->a, &sig, id, &out, &err));
	p->header = art_buf_take(&out);
	x402_challenge_destroy(&c);
	art_buf_destroy(&head);
	art_buf_destroy(&body);
}

static struct gate_taken take(struct gate_fixture *x, const char *header, const char *hash)
{
	struct gate_taken t;

	ok(gate_take(x->gate, x->f->st, &x->item, URL, header, hash, &t, &err));
	return t;
}

static void expect(struct gate_fixture *x, const struct payment *p, enum gate_outcome outcome, const char *words)
{
	struct gate_taken t = take(x, p->header, HASH);

	if (t.outcome != outcome || !strstr(t.error, words))
		fail_msg("outcome %d, not %d: \"%s\" without \"%s\"", t.outcome, outcome, t.error, words);
}

/* ---- challenges ------------------------------------------------------------------------------------------------ */

static void one_answer_must_serve_both_versions(void **state)
{
	struct gate_fixture *x = *state;
	struct payment p;

	open_gate(x, false);
	ok(gate_check(x->gate, &err));
	pay_for(x, 2, NOTHING, NULL, 1, &p);
	assert_int_equal(take(x, p.header, HASH).outcome, GATE_TAKEN);
	free(p.header);
	pay_for(x, 1, NOTHING, NULL, 2, &p);
	assert_int_equal(take(x, p.header, HASH).outcome, GATE_TAKEN);
	free(p.header);
	assert_int_equal(take(x, NULL, HASH).outcome, GATE_NO_PAYMENT);
	assert_int_equal(take(x, "", HASH).outcome, GATE_NO_PAYMENT);
	assert_int_equal(x->n_verify, 2);
}

static void the_window_must_cover_the_work(void **state)
{
	struct gate_fixture *x = *state;
	struct x402_challenge c;
	struct art_buf head, body;

	open_gate(x, false);
	art_buf_init(&head, 1 << 16);
	art_buf_init(&body, 1 << 16);
	x->item.settle = GATE_SETTLE_UPFRONT;
	ok(gate_challenge(x->gate, &x->item, URL, "why", &head, &body, &err));
	ok(x402_challenge_read(&c, head.data, NULL, 0, &err));
	assert_int_equal(c.accepts[0].max_timeout_s, 360);
	assert_string_equal(c.accepts[0].flow, "upfront");
	assert_string_equal(c.error, "why");
	assert_true(c.identifier);
	x402_challenge_destroy(&c);
	art_buf_destroy(&head);
	art_buf_destroy(&body);
}

static void bare_json_of_obols_coordinator_must_be_taken(void **state)
{
	struct gate_fixture *x = *state;
	struct x402_payment read;
	struct payment p;
	char *bare, *auth;
	struct json *j;
	const char *sig;
	size_t at, n;

	open_gate(x, false);
	pay_for(x, 1, NOTHING, NULL, 1, &p);
	ok(x402_payment_read(p.header, &read, &err));
	ok(json_parse(&j, read.text.data, read.text.len, 1 << 16, &err));
	sig = json_str(json_get(json_get(j, "payload"), "signature"));
	assert_true(json_slice(read.text.data, read.text.len, "payload", 0, &at, &n));
	auth = strstr(read.text.data, "\"authorization\":{");
	bare = art_printf("{\"signature\":\"%s\",%.*s,\"chain\":\"base-sepolia\",\"token\":\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\"}",
			  sig, (int)(strchr(auth, '}') + 1 - auth), auth);
	assert_int_equal(take(x, bare, HASH).outcome, GATE_TAKEN);
	assert_int_equal(take(x, "{\"signature\":1}", HASH).outcome, GATE_BAD);
	free(bare);
	json_free(j);
	x402_payment_destroy(&read);
	free(p.header);
}

static void what_is_wrong_must_be_refused_before_anybody_is_asked(void **state)
{
	static const struct {
		enum spoil spoil;
		const char *words;
	} cases[] = {
		{ SIGNATURE, "invalid_exact_evm_signature" }, { VALUE, "value_mismatch" }, { PAYEE, "recipient_mismatch" },
		{ EXPIRED, "valid_before" }, { EARLY, "valid_after" }, { SHORT, "valid_before" },
	};
	struct gate_fixture *x = *state;
	struct payment p;
	struct sale_list l = { 0 };

	open_gate(x, false);
	for (size_t i = 0; i < ART_COUNT(cases); i++) {
		pay_for(x, 2, cases[i].spoil, NULL, (int)i + 1, &p);
		expect(x, &p, GATE_REFUSED, cases[i].words);
		free(p.header);
	}
	assert_int_equal(take(x, "!!!", HASH).outcome, GATE_BAD);
	assert_int_equal(take(x, "aGVsbG8=", HASH).outcome, GATE_BAD);
	assert_int_equal(x->n_verify, 0);
	ok(sale_query(x->f->st, &(struct sale_query){ .states = 1u << SALE_VERIFIED | 1u << SALE_LOCKED }, &l, &err));
	assert_int_equal(l.n, 0);
	sale_list_destroy(&l);
}

static void another_offer_must_not_match(void **state)
{
	struct gate_fixture *x = *state;
	struct payment p;

	open_gate(x, false);
	pay_for(x, 2, NOTHING, NULL, 1, &p);
	assert_true(usdc_from_micro(20000, &x->item.price));
	expect(x, &p, GATE_REFUSED, "No matching payment requirements");
	free(p.header);
}

/* ---- nonces and identifiers ------------------------------------------------------------------------------------ */

static void a_payment_must_be_taken_once(void **state)
{
	struct gate_fixture *x = *state;
	struct payment p;
	struct gate_taken t;

	open_gate(x, false);
	pay_for(x, 2, NOTHING, NULL, 1, &p);
	t = take(x, p.header, HASH);
	assert_int_equal(t.outcome, GATE_TAKEN);
	assert_int_equal(t.sale.state, SALE_VERIFIED);
	assert_int_equal(take(x, p.header, HASH).outcome, GATE_REPEATED);
	assert_int_equal(take(x, p.header, OTHER).outcome, GATE_CONFLICT);
	/* Released, it is the buyer's again. */
	ok(gate_release(x->gate, x->f->st, t.sale.id, "busy", &err));
	assert_int_equal(take(x, p.header, OTHER).outcome, GATE_TAKEN);
	free(p.header);
}

static void an_identifier_must_name_one_request(void **state)
{
	struct gate_fixture *x = *state;
	struct payment a, b;

	open_gate(x, false);
	pay_for(x, 2, NOTHING, "artui-0123456789abcdef", 1, &a);
	pay_for(x, 2, NOTHING, "artui-0123456789abcdef", 2, &b);
	assert_int_equal(take(x, a.header, HASH).outcome, GATE_TAKEN);
	/* A new payment for what was paid already: not taken. */
	assert_int_equal(take(x, b.header, HASH).outcome, GATE_REPEATED);
	assert_int_equal(take(x, b.header, OTHER).outcome, GATE_CONFLICT);
	free(a.header);
	free(b.header);
	pay_for(x, 2, NOTHING, "short", 3, &a);
	assert_int_equal(take(x, a.header, HASH).outcome, GATE_BAD);
	free(a.header);
}

struct racer {
	struct gate_fixture *x;
	const char *header;
	enum gate_outcome outcome;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct store *st = NULL;
	struct gate_taken t;

	if (store_open(&st, r->x->f->path, 0, 5000, NULL) == ART_OK &&
	    gate_take(r->x->gate, st, &r->x->item, URL, r->header, HASH, &t, NULL) == ART_OK)
		r->outcome = t.outcome;
	store_close(st);
	return NULL;
}

static void the_same_payment_at_once_must_be_taken_once(void **state)
{
	struct gate_fixture *x = *state;
	struct payment p;
	struct racer r[8];
	pthread_t t[8];
	int taken = 0;

	open_gate(x, false);
	pay_for(x, 2, NOTHING, NULL, 1, &p);
	for (int i = 0; i < 8; i++) {
		r[i] = (struct racer){ x, p.header, GATE_BAD };
		assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		taken += r[i].outcome == GATE_TAKEN;
		assert_true(r[i].outcome == GATE_TAKEN || r[i].outcome == GATE_REPEATED);
	}
	assert_int_equal(taken, 1);
	assert_int_equal(x->n_verify, 1);
	free(p.header);
}

/* ---- the facilitator's words -------------------------------------------------------------------------------------- */

static void a_facilitator_that_says_no_or_nothing_must_lock_nothing(void **state)
{
	struct gate_fixture *x = *state;
	struct payment p;

	open_gate(x, false);
	pay_for(x, 2, NOTHING, NULL, 1, &p);
	x->verify = "{\"isValid\":false,\"invalidReason\":\"invalid_exact_evm_insufficient_balance\"}";
	expect(x, &p, GATE_REFUSED, "insufficient_balance");
	x->verify = "{\"isValid\":\"yes\"}";
	expect(x, &p, GATE_UNAVAILABLE, "");
	x->verify = "<html>";
	expect(x, &p, GATE_UNAVAILABLE, "");
	x->verify = "{\"isValid\":true}";
	expect(x, &p, GATE_TAKEN, "");
	free(p.header);
}

static struct gate_taken taken(struct gate_fixture *x, int nonce)
{
	struct payment p;
	struct gate_taken t;

	pay_for(x, 2, NOTHING, NULL, nonce, &p);
	t = take(x, p.header, HASH);
	assert_int_equal(t.outcome, GATE_TAKEN);
	free(p.header);
	return t;
}

static void settling_must_end_settled_with_its_transaction(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_taken t;
	struct sale_row row;
	struct art_buf b;

	open_gate(x, false);
	t = taken(x, 1);
	ok(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err));
	assert_int_equal(row.state, SALE_SETTLED);
	assert_string_equal(row.transaction, TX);
	/* Again is fine and asks nobody. */
	ok(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err));
	assert_int_equal(x->n_settle, 1);
	fails(gate_release(x->gate, x->f->st, t.sale.id, "too late", &err), ART_CONFLICT);
	art_buf_init(&b, 1 << 16);
	ok(gate_response_header(x->gate, &row, "{\"a\":1}", &b, &err));
	{
		struct x402_receipt r;

		x402_receipt_read(b.data, &r);
		assert_true(r.readable && r.success);
		assert_string_equal(r.transaction, TX);
	}
	art_buf_destroy(&b);
}

static void a_settlement_that_is_refused_must_end_unpaid(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_taken t;
	struct sale_row row;

	open_gate(x, true);
	t = taken(x, 1);
	x->settle = "{\"success\":false,\"errorReason\":\"invalid_exact_evm_insufficient_balance\",\"transaction\":\"\"}";
	ok(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err));
	assert_int_equal(row.state, SALE_UNPAID);
	assert_non_null(strstr(row.reason, "insufficient_balance"));
	fails(gate_release(x->gate, x->f->st, t.sale.id, "no", &err), ART_CONFLICT);
}

static void a_lost_answer_must_be_asked_again_and_never_guessed(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_taken t;
	struct sale_row row;

	open_gate(x, false);
	t = taken(x, 1);
	x->drop_settle = true;
	assert_int_equal(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err), ART_NET);
	ok(sale_find(x->f->st, t.sale.id, &row, &err));
	assert_int_equal(row.state, SALE_SETTLING);
	/* Released it cannot be: it may have been taken. */
	fails(gate_release(x->gate, x->f->st, t.sale.id, "no", &err), ART_CONFLICT);
	x->drop_settle = false;
	/* The facilitator took it the first time, and says so in its way: still a doubt without a chain to ask. */
	x->settle = "{\"success\":false,\"errorReason\":\"invalid_exact_evm_nonce_already_used\",\"transaction\":\"\"}";
	assert_int_equal(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err), ART_NET);
	x->settle = "{\"success\":true,\"transaction\":\"" TX "\"}";
	ok(gate_recover(x->gate, x->f->st, "experiment", &err));
	ok(sale_find(x->f->st, t.sale.id, &row, &err));
	assert_int_equal(row.state, SALE_SETTLED);
}

static void a_pending_settlement_must_stay_open(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_taken t;
	struct sale_row row;

	open_gate(x, true);
	t = taken(x, 1);
	x->settle = "{\"success\":false,\"errorReason\":\"settlement_pending\",\"transaction\":\"" TX "\"}";
	assert_int_equal(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err), ART_NET);
	ok(sale_find(x->f->st, t.sale.id, &row, &err));
	assert_int_equal(row.state, SALE_SETTLING);
}

static void what_never_began_must_be_released_after_a_death(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_taken t;
	struct sale_row row;

	open_gate(x, false);
	t = taken(x, 1);
	ok(gate_recover(x->gate, x->f->st, "experiment", &err));
	ok(sale_find(x->f->st, t.sale.id, &row, &err));
	assert_int_equal(row.state, SALE_RELEASED);
	assert_int_equal(gate_settle(x->gate, x->f->st, t.sale.id, &row, &err), ART_CONFLICT);
	assert_int_equal(x->n_settle, 0);
}

static void a_buyer_must_be_good_for_it_before_a_long_run(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_taken t;

	open_gate(x, false);
	t = taken(x, 1);
	ok(gate_recheck(x->gate, x->f->st, t.sale.id, 300, &err));
	fails(gate_recheck(x->gate, x->f->st, t.sale.id, 4000, &err), ART_REFUSED);
	x->verify = "{\"isValid\":false,\"invalidReason\":\"invalid_exact_evm_insufficient_balance\"}";
	fails(gate_recheck(x->gate, x->f->st, t.sale.id, 300, &err), ART_REFUSED);
	x->verify = "?";
	fails(gate_recheck(x->gate, x->f->st, t.sale.id, 300, &err), ART_NET);
}

static void a_gate_that_cannot_work_must_not_open(void **state)
{
	struct gate_fixture *x = *state;
	struct gate_options o = { .http = x->http, .chains = &x->chains, .keys = x->keys, .chain = sold_on(x),
				  .facilitator = "http://facilitator.example" };

	fails(gate_open(&x->gate, &o, &err), ART_INVALID);
	o.facilitator = "nonsense";
	fails(gate_open(&x->gate, &o, &err), ART_INVALID);
	o.facilitator = NULL;
	fails(gate_open(&x->gate, &o, &err), ART_INVALID);
	o.facilitator = x->facilitator.url;
	o.chain = chains_by_id(&x->chains, 1);
	ok(gate_open(&x->gate, &o, &err));
	fails(gate_check(x->gate, &err), ART_REFUSED);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, gate_setup, gate_teardown)
	const struct CMUnitTest tests[] = {
		T(one_answer_must_serve_both_versions),
		T(the_window_must_cover_the_work),
		T(bare_json_of_obols_coordinator_must_be_taken),
		T(what_is_wrong_must_be_refused_before_anybody_is_asked),
		T(another_offer_must_not_match),
		T(a_payment_must_be_taken_once),
		T(an_identifier_must_name_one_request),
		T(the_same_payment_at_once_must_be_taken_once),
		T(a_facilitator_that_says_no_or_nothing_must_lock_nothing),
		T(settling_must_end_settled_with_its_transaction),
		T(a_settlement_that_is_refused_must_end_unpaid),
		T(a_lost_answer_must_be_asked_again_and_never_guessed),
		T(a_pending_settlement_must_stay_open),
		T(what_never_began_must_be_released_after_a_death),
		T(a_buyer_must_be_good_for_it_before_a_long_run),
		T(a_gate_that_cannot_work_must_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
