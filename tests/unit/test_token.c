/*
 * test_token.c - what became of an authorization, read from nodes that limit the range of logs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/rpc_private.h"
#include "core/chain/token.h"
#include "tests/unit/fake_node.h"

#define LATEST 100000
#define T0 1700000000 /* of block 0; two seconds a block */
#define Z62 "00000000000000000000000000000000000000000000000000000000000000"
#define FROM "00000000000000000000000090f79bf6eb2c4f870365e785982e1f101e93b906"
#define TO "0000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc"
#define NONCE "738d23f81b03e0fa2a462218a3de9571464079959d1cc0b91e00a2e4b10f75ed"
#define USED "98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"
#define CANCELLED "1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81"
#define TRANSFER "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define TX "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct fixture {
	struct fake_node node;
	struct chain chain;
	struct rpc r;
	struct art_err err;
	struct eth_address token, from;
	struct eth_word nonce;

	bool used;
	const char *topic;   /* of the log that ends it */
	uint64_t block;      /* where it stands */
	uint64_t limit;      /* of blocks in a call for logs */
	int log_calls;
};

static void put_log(struct fixture *f, struct art_buf *b, const char *topics, int index, const char *data)
{
	char at[ETH_ADDRESS_TEXT];

	art_buf_putf(b, "{\"address\":\"%s\",\"blockNumber\":\"0x%llx\",\"logIndex\":\"0x%x\",\"transactionHash\":"
		     "\"0x" TX "\",\"topics\":[%s],\"data\":\"0x%s\"}",
		     hex_encode(f->token.b, sizeof(f->token.b), at), (unsigned long long)f->block, index, topics, data);
}

static void answer_logs(struct fixture *f, struct node_call *c)
{
	const struct json *filter = json_at(c->params, 0);
	const char *first = json_str(json_at(json_get(filter, "topics"), 0));
	uint64_t from = 0, to = 0;
	struct art_buf b;
	char topics[300];

	if (!rpc_quantity(json_get(filter, "fromBlock"), &from) || !rpc_quantity(json_get(filter, "toBlock"), &to))
		return;
	f->log_calls++;
	if (to - from + 1 > f->limit) {
		node_answer(c, "\"error\":{\"code\":-32602,\"message\":\"retry with the range %llu-%llu\"}}",
			    (unsigned long long)from, (unsigned long long)to);
		return;
	}
	art_buf_init(&b, 4096);
	art_buf_put(&b, "[");
	if (f->block >= from && f->block <= to && first) {
		put_log(f, &b, "\"0x" TRANSFER "\",\"0x" FROM "\",\"0x" TO "\"", 8, Z62 "64");
	} else if (f->block >= from && f->block <= to) {
		snprintf(topics, sizeof(topics), "\"0x%s\",\"0x" FROM "\",\"0x" NONCE "\"", f->topic);
		put_log(f, &b, topics, 7, "");
	}
	art_buf_put(&b, "]");
	node_answer(c, "\"result\":%s}", b.data);
	art_buf_destroy(&b);
}

static void token_node(void *arg, struct node_call *c)
{
	struct fixture *f = arg;
	uint64_t at = LATEST;

	if (!strcmp(c->method, "eth_getLogs")) {
		answer_logs(f, c);
	} else if (!strcmp(c->method, "eth_call")) {
		node_answer(c, "\"result\":\"0x" Z62 "0%d\"}", f->used);
	} else if (!strcmp(c->method, "eth_getBlockByNumber")) {
		if (!rpc_quantity(json_at(c->params, 0), &at))
			at = LATEST;
		node_answer(c, "\"result\":{\"number\":\"0x%llx\",\"timestamp\":\"0x%llx\"}}", (unsigned long long)at,
			    (unsigned long long)(T0 + 2 * at));
	}
}

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	struct http *http;

	assert_int_equal(http_open(&http, &(struct http_options){ 0 }, NULL), ART_OK);
	node_start(&f->node, token_node, f);
	art_copy(f->chain.name, sizeof(f->chain.name), "base-sepolia");
	art_copy(f->chain.rpc, sizeof(f->chain.rpc), f->node.url);
	f->r = (struct rpc){ .http = http, .chain = &f->chain, .deadline_ms = 5000 };
	assert_int_equal(eth_address_parse("0x036CbD53842c5426634e7929541eC2318f3dCF7e", &f->token, NULL), ART_OK);
	assert_int_equal(eth_address_parse("0x90F79bf6EB2c4f870365E785982E1f101E93b906", &f->from, NULL), ART_OK);
	assert_true(eth_word_parse("0x" NONCE, &f->nonce));
	f->used = true;
	f->topic = USED;
	f->block = 90000;
	f->limit = LATEST;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_close(f->r.http);
	node_stop(&f->node);
	free(f);
	return 0;
}

/* An authorization signed when block @since was made. */
static struct token_evidence fate(struct fixture *f, uint64_t since)
{
	struct token_evidence e;

	f->log_calls = 0;
	if (token_authorization_fate(&f->r, &f->token, &f->from, &f->nonce, T0 + 2 * (int64_t)since, &e, &f->err))
		fail_msg("%s", f->err.text);
	assert_int_equal(e.block_time, T0 + 2 * LATEST);
	return e;
}

static void token_fate_must_find_the_settlement_in_refused_ranges(void **state)
{
	static const uint64_t limits[] = { LATEST, 50000, 10000, 2000, 500, 300 };
	struct fixture *f = *state;
	uint64_t v;

	for (size_t i = 0; i < ART_COUNT(limits); i++) {
		struct token_evidence e;
		char text[ETH_WORD_TEXT];

		f->limit = limits[i];
		e = fate(f, 89000);
		assert_int_equal(e.fate, TOKEN_SETTLED);
		assert_string_equal(eth_word_text(&e.tx, text), "0x" TX);
		assert_true(u256_to_u64(&e.value, &v) && v == 100);
		assert_true(f->log_calls <= 49);
	}
}

static void token_fate_must_tell_a_cancellation(void **state)
{
	struct fixture *f = *state;

	f->topic = CANCELLED;
	f->limit = 2000;
	assert_int_equal(fate(f, 89000).fate, TOKEN_CANCELLED);
	f->used = false;
	assert_int_equal(fate(f, 89000).fate, TOKEN_UNUSED);
	assert_int_equal(f->log_calls, 0);
}

/* Used it is in any case, by the state; a node that refuses all logs must not keep us asking. */
static void token_fate_must_end_at_a_node_that_refuses_all(void **state)
{
	struct fixture *f = *state;

	f->limit = 0;
	assert_int_equal(fate(f, 89000).fate, TOKEN_USED);
	assert_true(f->log_calls <= 20);
	f->limit = 20;
	assert_int_equal(fate(f, 0).fate, TOKEN_USED);
	assert_true(f->log_calls <= 48);
}

int main(void)
{
#define LOOPBACK(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		LOOPBACK(token_fate_must_find_the_settlement_in_refused_ranges),
		LOOPBACK(token_fate_must_tell_a_cancellation),
		LOOPBACK(token_fate_must_end_at_a_node_that_refuses_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
