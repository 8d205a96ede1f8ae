/*
 * test_rpc.c - reading a node's answers, honest and hostile; and calls over loopback to a node of our own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/keccak.h"
#include "core/chain/rpc_private.h"
#include "tests/unit/fake_node.h"

/* ---- pure reading -------------------------------------------------------------------------------- */

static enum art_status read_text(const char *text, struct json **j, struct rpc_error *re,
				 struct art_err *err)
{
	char *copy = art_strdup(text);
	enum art_status st = rpc_read_answer(copy, strlen(copy), RPC_ANSWER_MAX, 7, j, re, err);

	free(copy);
	return st;
}

static struct json *json_of(const char *text)
{
	struct json *j = NULL;

	assert_int_equal(json_parse(&j, text, strlen(text), RPC_ANSWER_MAX, NULL), ART_OK);
	return j;
}

static void rpc_neutralise_nul_must_mind_backslashes(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "a\\u0000b", "a\\ufffdb" },
		{ "\\\\u0000", "\\\\u0000" },
		{ "\\\\\\u0000", "\\\\\\ufffd" },
		{ "\\u0000\\u0000", "\\ufffd\\ufffd" },
		{ "\\u000", "\\u000" },
		{ "\\u00001", "\\ufffd1" },
		{ "\\u0001", "\\u0001" },
		{ "\\", "\\" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		char *copy = art_strdup(rows[i].in);

		rpc_neutralise_nul(copy, strlen(copy));
		assert_string_equal(copy, rows[i].want);
		free(copy);
	}
}

static void rpc_read_answer_must_take_results(void **state)
{
	static const char *const good[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\"}",
		" {\"result\":\"0x1\",\"id\":7,\"jsonrpc\":\"2.0\",\"extra\":[]}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\",\"error\":null}",
	};
	struct rpc_error re;
	struct art_err err;
	struct json *j;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(good); i++) {
		assert_int_equal(read_text(good[i], &j, &re, &err), ART_OK);
		assert_string_equal(json_str(j), "0x1");
		json_free(j);
	}
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":null}", &j, &re, &err), ART_OK);
	assert_true(json_is_null(j));
	json_free(j);
}

static void rpc_read_answer_must_refuse_what_is_no_answer(void **state)
{
	static const char *const bad[] = {
		"",
		"<html><body>429 Too Many Requests</body></html>",
		"[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\"}]",
		"\"0x1\"",
		"null",
		"{}",
		"{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"2.0\",\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":7.5,\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":\"0x1\"}",
		"{\"jsonrpc\":2.0,\"id\":7,\"result\":\"0x1\"}",
		"{\"id\":7,\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":7}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":null}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\",\"error\":{\"code\":3,\"message\":\"x\"}}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\",\"result\":\"0x2\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"id\":8,\"result\":\"0x1\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":\"no\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":[]}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"message\":\"no code\"}}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":\"3\",\"message\":\"x\"}}",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"0x1\"} trailing",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xff\"}",
	};
	struct rpc_error re;
	struct json *j;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		struct art_err err = { 0 };

		if (read_text(bad[i], &j, &re, &err) != ART_INVALID || j || !err.text[0])
			fail_msg("not refused as INVALID: %s", bad[i]);
	}
}

static void rpc_read_answer_must_read_a_revert(void **state)
{
	/* As anvil answers Error("nope"). */
	static const char text[] =
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":3,\"message\":\"execution reverted: nope\","
		"\"data\":\"0x08c379a0"
		"0000000000000000000000000000000000000000000000000000000000000020"
		"0000000000000000000000000000000000000000000000000000000000000004"
		"6e6f706500000000000000000000000000000000000000000000000000000000\"}}";
	struct rpc_error re;
	struct art_err err;
	struct json *j;

	(void)state;
	assert_int_equal(read_text(text, &j, &re, &err), ART_REFUSED);

	assert_null(j);
	assert_int_equal(re.code, 3);
	assert_string_equal(re.message, "execution reverted: nope");
	assert_string_equal(re.reason, "nope");
	assert_int_equal(re.data_len, 100);
	assert_int_equal(re.data[0], 0x08);
	assert_non_null(strstr(err.text, "execution reverted: nope"));
}

static void rpc_read_answer_must_survive_odd_errors(void **state)
{
	static const struct {
		const char *error, *message;
		int64_t code;
		size_t data_len;
	} rows[] = {
		{ "{\"code\":-32603,\"message\":\"custom error 0xfb8f41b2: \\u0000\\u0000x\"}",
		  "custom error 0xfb8f41b2: \xef\xbf\xbd\xef\xbf\xbdx", -32603, 0 },
		{ "{\"code\":-32000,\"message\":\"\\\\u0000\"}", "\\u0000", -32000, 0 },
		{ "{\"code\":-32000}", "", -32000, 0 },
		{ "{\"code\":-32000,\"message\":{}}", "", -32000, 0 },
		{ "{\"code\":0,\"message\":\"zero\"}", "zero", 0, 0 },
		{ "{\"code\":3,\"message\":\"\\u001b[2Jx\\n\"}", "x ", 3, 0 },
		{ "{\"code\":3,\"message\":\"m\",\"data\":\"0xabc\"}", "m", 3, 0 },
		{ "{\"code\":3,\"message\":\"m\",\"data\":\"Reverted 0x00\"}", "m", 3, 0 },
		{ "{\"code\":3,\"message\":\"m\",\"data\":\"0xzz\"}", "m", 3, 0 },
		{ "{\"code\":3,\"message\":\"m\",\"data\":{\"a\":1}}", "m", 3, 0 },
		{ "{\"code\":3,\"message\":\"m\",\"data\":\"0x\"}", "m", 3, 0 },
		{ "{\"code\":3,\"message\":\"m\",\"data\":\"0xabcd\"}", "m", 3, 2 },
		/* Error(string) that points outside of itself. */
		{ "{\"code\":3,\"message\":\"m\",\"data\":\"0x08c379a0"
		  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"}", "m", 3, 36 },
	};
	struct rpc_error re;
	struct art_err err;
	struct json *j;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		char *text = art_printf("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":%s}", rows[i].error);

		assert_int_equal(read_text(text, &j, &re, &err), ART_REFUSED);
		assert_int_equal(re.code, rows[i].code);
		assert_string_equal(re.message, rows[i].message);
		assert_int_equal(re.data_len, rows[i].data_len);
		assert_string_equal(re.reason, "");
		free(text);
	}
}

static void rpc_read_answer_must_clip_long_revert_data(void **state)
{
	struct rpc_error re;
	struct art_err err;
	struct art_buf b;
	struct json *j;

	(void)state;
	art_buf_init(&b, 1 << 20);
	art_buf_put(&b, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":3,\"message\":\"m\",\"data\":\"0x");
	for (int i = 0; i < 10000; i++)
		art_buf_put(&b, "5a");
	art_buf_put(&b, "\"}}");

	assert_int_equal(read_text(b.data, &j, &re, &err), ART_REFUSED);

	assert_int_equal(re.data_len, sizeof(re.data));
	assert_int_equal(re.data[sizeof(re.data) - 1], 0x5a);
	art_buf_destroy(&b);
}

static void rpc_quantity_must_read_hex_and_numbers_only(void **state)
{
	static const struct {
		const char *json;
		bool ok;
		uint64_t v;
	} rows[] = {
		{ "\"0x0\"", true, 0 },
		{ "\"0x1a\"", true, 26 },
		{ "\"0xffffffffffffffff\"", true, UINT64_MAX },
		{ "\"0x0001\"", true, 1 },
		{ "26", true, 26 },
		{ "\"0x\"", false, 0 },
		{ "\"26\"", false, 0 },
		{ "\"\"", false, 0 },
		{ "\"0x1g\"", false, 0 },
		{ "\"-0x1\"", false, 0 },
		{ "\"0x10000000000000000\"", false, 0 },
		{ "-1", false, 0 },
		{ "1.5", false, 0 },
		{ "1e300", false, 0 },
		{ "null", false, 0 },
		{ "true", false, 0 },
		{ "[\"0x1\"]", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct json *j = json_of(rows[i].json);
		uint64_t v = 99;

		if (rpc_quantity(j, &v) != rows[i].ok || (rows[i].ok && v != rows[i].v))
			fail_msg("%s gives %llu", rows[i].json, (unsigned long long)v);
		json_free(j);
	}
	assert_false(rpc_quantity(NULL, &(uint64_t){ 0 }));
}

static void rpc_read_bytes_must_bound_and_check(void **state)
{
	static const struct {
		const char *json;
		enum art_status st;
		size_t n;
	} rows[] = {
		{ "\"0x\"", ART_OK, 0 },	  { "\"0xabcd\"", ART_OK, 2 },
		{ "\"0xABcd0123\"", ART_OK, 4 },  { "\"0xabcd012345\"", ART_LIMIT, 0 },
		{ "\"0xabc\"", ART_INVALID, 0 },  { "\"abcd\"", ART_INVALID, 0 },
		{ "\"0xabzz\"", ART_INVALID, 0 }, { "\"\"", ART_INVALID, 0 },
		{ "null", ART_INVALID, 0 },	  { "12", ART_INVALID, 0 },
		{ "{}", ART_INVALID, 0 },	  { "\"0X12\"", ART_INVALID, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct json *j = json_of(rows[i].json);
		uint8_t out[4];
		size_t n = 77;

		if (rpc_read_bytes(j, out, sizeof(out), &n, NULL) != rows[i].st || n != rows[i].n)
			fail_msg("%s gives %zu bytes", rows[i].json, n);
		json_free(j);
	}
}

static void rpc_read_block_must_want_number_and_time(void **state)
{
	static const struct {
		const char *json;
		enum art_status st;
	} rows[] = {
		{ "{\"number\":\"0x10\",\"timestamp\":\"0x6b000000\",\"transactions\":[]}", ART_OK },
		{ "null", ART_NOT_FOUND },
		{ "{\"number\":null,\"timestamp\":\"0x1\"}", ART_INVALID }, /* pending */
		{ "{\"number\":\"0x1\"}", ART_INVALID },
		{ "{\"number\":\"0x1\",\"timestamp\":\"0xffffffffffffffff\"}", ART_INVALID },
		{ "{\"number\":\"0xffffffffffffffff\",\"timestamp\":\"0x1\"}", ART_INVALID },
		{ "[]", ART_INVALID },
		{ "\"0x1\"", ART_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct json *j = json_of(rows[i].json);
		struct rpc_block b;

		assert_int_equal(rpc_read_block(j, &b, NULL), rows[i].st);
		if (rows[i].st == ART_OK) {
			assert_int_equal(b.number, 16);
			assert_int_equal(b.timestamp, 0x6b000000);
		}
		json_free(j);
	}
}

#define W(d) "0x" d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d d
#define A(d) "0x" d d d d d d d d d d d d d d d d d d d d
#define LOG(block, topics, data)                                                                              \
	"{\"address\":\"" A("aa") "\",\"topics\":[" topics "],\"data\":\"" data "\",\"blockNumber\":\"" block \
	"\",\"transactionHash\":\"" W("cc") "\",\"logIndex\":\"0x3\"}"
#define T1 "\"" W("11") "\""
#define T2 "\"" W("22") "\""

static void rpc_read_logs_must_compare_with_the_question(void **state)
{
	static const struct {
		const char *json;
		enum art_status st;
		size_t n;
	} rows[] = {
		{ "[]", ART_OK, 0 },
		{ "[" LOG("0x5", T1 "," T2, "0x0102") "]", ART_OK, 1 },
		{ "[" LOG("0x5", T1 "," T2, "0x") "," LOG("0x9", T2 "," T2, "0x") "]", ART_OK, 2 },
		{ "[" LOG("0x5", T1 "," T2, "0x") "," LOG("0x5", T1 "," T2, "0x") ","
		  LOG("0x5", T1 "," T2, "0x") "]", ART_LIMIT, 0 },
		{ "[" LOG("0x4", T1 "," T2, "0x") "]", ART_INVALID, 0 },  /* before the range */
		{ "[" LOG("0xa", T1 "," T2, "0x") "]", ART_INVALID, 0 },  /* behind it */
		{ "[" LOG("0x5", T2 "," T1, "0x") "]", ART_INVALID, 0 },  /* another topic */
		{ "[" LOG("0x5", T2, "0x") "]", ART_INVALID, 0 },	  /* too few */
		{ "[" LOG("0x5", T1 "," T2, "0x012") "]", ART_INVALID, 0 },
		{ "[" LOG("0x5", T1 ",\"0x22\"", "0x") "]", ART_INVALID, 0 },
		{ "[" LOG("0x5", T1 "," T2 "," T2 "," T2 "," T2, "0x") "]", ART_INVALID, 0 },
		{ "[null]", ART_INVALID, 0 },
		{ "[{}]", ART_INVALID, 0 },
		{ "{}", ART_INVALID, 0 },
		{ "null", ART_INVALID, 0 },
		{ "[{\"removed\":true}]", ART_OK, 0 },
	};
	struct eth_address address;
	struct eth_word two;
	struct rpc_log_filter f = { .address = &address, .topics = { NULL, &two }, .from = 5, .to = 9,
				    .max = 2 };

	(void)state;
	memset(address.b, 0xaa, 20);
	memset(two.b, 0x22, 32);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct json *j = json_of(rows[i].json);
		struct rpc_logs logs;

		if (rpc_read_logs(j, &f, &logs, NULL) != rows[i].st || logs.n != rows[i].n)
			fail_msg("row %zu gives %zu logs", i, logs.n);
		rpc_logs_destroy(&logs);
		json_free(j);
	}
}

static void rpc_read_receipt_must_be_of_the_transaction(void **state)
{
	static const char tail[] = "\"blockNumber\":\"0x9\",\"gasUsed\":\"0x5208\"}";
	static const struct {
		const char *head;
		enum art_status st;
		bool ok;
	} rows[] = {
		{ "{\"transactionHash\":\"" W("cc") "\",\"status\":\"0x1\",", ART_OK, true },
		{ "{\"transactionHash\":\"" W("cc") "\",\"status\":\"0x0\",", ART_OK, false },
		{ "{\"transactionHash\":\"" W("cc") "\",\"status\":\"0x2\",", ART_INVALID, false },
		{ "{\"transactionHash\":\"" W("cc") "\",\"root\":\"0x1\",", ART_INVALID, false },
		{ "{\"transactionHash\":\"" W("cd") "\",\"status\":\"0x1\",", ART_INVALID, false },
		{ "{\"status\":\"0x1\",", ART_INVALID, false },
	};
	struct eth_word tx;
	struct rpc_receipt r;
	struct json *j;

	(void)state;
	memset(tx.b, 0xcc, 32);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		char *text = art_printf("%s%s", rows[i].head, tail);

		j = json_of(text);
		assert_int_equal(rpc_read_receipt(j, &tx, &r, NULL), rows[i].st);
		assert_int_equal(r.ok, rows[i].ok);
		json_free(j);
		free(text);
	}
	j = json_of("null");
	assert_int_equal(rpc_read_receipt(j, &tx, &r, NULL), ART_NOT_FOUND);
	json_free(j);
}

static void rpc_range_must_learn_what_a_node_takes(void **state)
{
	struct rpc_range g;
	int refused = 0, calls = 0;

	(void)state;
	/* A fixed limit of 700: it settles below, and few calls are spent on trying more. */
	rpc_range_init(&g, 2000, 100000);
	for (uint64_t at = 0; at < 1000000; calls++) {
		uint64_t end = rpc_range_end(&g, at, 999999);

		assert_true(end >= at && end < 1000000);
		if (end - at + 1 > 700) {
			assert_true(rpc_range_refused(&g, end - at + 1));
			refused++;
		} else {
			rpc_range_taken(&g, end - at + 1);
			at = end + 1;
		}
	}
	assert_in_range(refused, 3, 60);
	assert_in_range(calls, 1400, 2200);
	/* No limit: up to the most there is. */
	for (int i = 0; i < 100; i++)
		rpc_range_taken(&g, g.size);
	for (int i = 0; i < 1000; i++)
		rpc_range_taken(&g, g.size);
	assert_int_equal(g.size, 100000);
	/* Down to one block and no further. */
	for (calls = 0; rpc_range_refused(&g, g.size); calls++)
		;
	assert_int_equal(g.size, 1);
	assert_int_equal(calls, 16);
	assert_int_equal(rpc_range_end(&g, UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

static void rpc_says_known_must_know_the_nodes_words(void **state)
{
	(void)state;
	assert_true(rpc_says_known("already known"));
	assert_true(rpc_says_known("AlreadyKnown"));
	assert_true(rpc_says_known("transaction already imported"));
	assert_true(rpc_says_known("Known transaction"));
	assert_false(rpc_says_known("unknown transaction type"));
	assert_false(rpc_says_known("nonce too low"));
	assert_false(rpc_says_known("replacement transaction underpriced"));
	assert_false(rpc_says_known(""));
}

/* ---- over loopback ------------------------------------------------------------------------------- */

struct reply {
	int status;       /* 0: 200 */
	const char *text; /* behind the id, or the whole body with @raw */
	bool raw, drop;
	bool cancels;     /* the caller, whose call is then not answered */
	int64_t id_off;
};

struct fixture {
	struct fake_node node;
	struct chain chain;
	struct rpc r;
	struct reply script[8]; /* the last one repeats */
	int at;
	char method[64], params[4096];
	bool cancel;
	struct art_err err;
	struct rpc_error re;
};

static void from_script(void *arg, struct node_call *c)
{
	struct fixture *f = arg;
	const struct reply *r = &f->script[f->at];

	art_copy(f->method, sizeof(f->method), c->method);
	f->params[0] = 0;
	if (json_is_object(json_at(c->params, 0)) && json_str(json_get(json_at(c->params, 0), "data")))
		art_copy(f->params, sizeof(f->params), json_str(json_get(json_at(c->params, 0), "data")));
	else if (json_str(json_at(c->params, 0)))
		art_copy(f->params, sizeof(f->params), json_str(json_at(c->params, 0)));
	if (f->at + 1 < (int)ART_COUNT(f->script) && (f->script[f->at + 1].text || f->script[f->at + 1].drop))
		f->at++;
	c->status = r->status ? r->status : 200;
	c->drop = r->drop;
	c->silent = r->cancels;
	if (r->cancels)
		__atomic_store_n(&f->cancel, true, __ATOMIC_SEQ_CST);
	c->id += r->id_off;
	if (r->raw)
		art_buf_put(&c->body, r->text);
	else if (r->text)
		node_answer(c, "%s", r->text);
}

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	struct http *http;

	assert_int_equal(http_open(&http, &(struct http_options){ 0 }, NULL), ART_OK);
	node_start(&f->node, from_script, f);
	art_copy(f->chain.name, sizeof(f->chain.name), "base-sepolia");
	art_copy(f->chain.rpc, sizeof(f->chain.rpc), f->node.url);
	f->chain.id = 84532;
	f->r = (struct rpc){ .http = http, .chain = &f->chain, .deadline_ms = 5000, .cancel = &f->cancel };
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

static void rpc_check_must_compare_the_chain(void **state)
{
	struct fixture *f = *state;

	f->script[0] = (struct reply){ .text = "\"result\":\"0x14a34\"}" };
	assert_int_equal(rpc_check(&f->r, &f->err), ART_OK);
	assert_string_equal(f->method, "eth_chainId");
	f->script[0] = (struct reply){ .text = "\"result\":\"0x2105\"}" };
	assert_int_equal(rpc_check(&f->r, &f->err), ART_CONFLICT);
	assert_non_null(strstr(f->err.text, "chain 8453"));
	f->script[0] = (struct reply){ .text = "\"result\":\"84532\"}" };
	assert_int_equal(rpc_check(&f->r, &f->err), ART_INVALID);
}

static void rpc_call_must_refuse_hostile_answers(void **state)
{
	static const struct {
		struct reply reply;
		enum art_status st;
		const char *words;
	} rows[] = {
		{ { .text = "\"result\":\"0x1\"}", .id_off = 1 }, ART_INVALID, "another call" },
		{ { .text = "<html>hello</html>", .raw = true }, ART_INVALID, "no JSON" },
		{ { .text = "", .raw = true }, ART_INVALID, "no JSON" },
		{ { .text = "<html>no</html>", .raw = true, .status = 403 }, ART_REFUSED, "HTTP 403" },
		{ { .text = "", .raw = true, .status = 301 }, ART_REFUSED, "redirect" },
		{ { .text = "[]", .raw = true }, ART_INVALID, "not a JSON object" },
		{ { .text = "\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}" }, ART_REFUSED,
		  "Method not found" },
		{ { .text = "\"error\":{\"code\":-32602,\"message\":\"bad\"}}", .status = 400 }, ART_REFUSED,
		  "error -32602: bad" },
		{ { .text = "\"error\":{\"code\":3,\"message\":\"execution reverted: \\u0000\"}}",
		    .status = 500 }, ART_REFUSED, "error 3" },
		{ { .text = "\"error\":{\"code\":-32000}}" }, ART_REFUSED, "without a message" },
		{ { .text = "\"result\":\"0x1\",\"result\":\"0x2\"}" }, ART_INVALID, "twice" },
		{ { .text = "\"result\":\"0x1\"}", .status = 404 }, ART_REFUSED, "HTTP 404" },
	};
	struct fixture *f = *state;
	struct json *j;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		f->at = 0;
		f->script[0] = rows[i].reply;
		if (rpc_call(&f->r, "eth_x", "[]", &j, &f->re, &f->err) != rows[i].st || j)
			fail_msg("row %zu: %s", i, f->err.text);
		if (!strstr(f->err.text, rows[i].words) || !strstr(f->err.text, "base-sepolia: eth_x"))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, f->err.text, rows[i].words);
	}
}

static void rpc_call_must_bound_the_answer(void **state)
{
	struct fixture *f = *state;
	size_t n = RPC_ANSWER_MAX + 100;
	char *big = art_alloc(n + 16, 1);
	struct json *j;

	memset(big, 'a', n);
	memcpy(big, "\"result\":\"0x", 12);
	memcpy(big + n, "\"}", 3);
	f->script[0] = (struct reply){ .text = big };

	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, NULL, &f->err), ART_LIMIT);

	assert_null(j);
	free(big);
}

static void rpc_call_must_retry_reads(void **state)
{
	struct fixture *f = *state;
	struct json *j;

	f->script[0] = (struct reply){ .status = 429, .raw = true, .text = "slow down" };
	f->script[1] = (struct reply){ .status = 503, .raw = true, .text = "busy" };
	f->script[2] = (struct reply){ .text = "\"result\":\"0x1\"}" };

	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, NULL, &f->err), ART_OK);

	assert_string_equal(json_str(j), "0x1");
	json_free(j);
	assert_int_equal(f->node.calls, 3);
}

static void rpc_call_must_retry_a_dropped_read(void **state)
{
	struct fixture *f = *state;
	struct json *j;

	f->script[0] = (struct reply){ .drop = true };
	f->script[1] = (struct reply){ .text = "\"result\":\"0x1\"}" };

	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, NULL, &f->err), ART_OK);

	json_free(j);
	assert_int_equal(f->node.calls, 2);
}

static void rpc_call_must_give_up_after_three_tries(void **state)
{
	struct fixture *f = *state;
	struct json *j;

	f->script[0] = (struct reply){ .status = 503, .raw = true, .text = "busy" };

	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, &f->re, &f->err), ART_NET);

	assert_int_equal(f->node.calls, 3);
	assert_int_equal(f->re.code, 0);
	assert_non_null(strstr(f->err.text, "HTTP 503"));
}

static void rpc_call_must_not_name_the_endpoint(void **state)
{
	struct fixture *f = *state;
	struct json *j;

	node_stop(&f->node);
	snprintf(f->chain.rpc, sizeof(f->chain.rpc), "%sv2/SECRETKEY", f->node.url);
	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, NULL, &f->err), ART_NET);
	assert_null(strstr(f->err.text, "SECRETKEY"));
	node_start(&f->node, from_script, f);
}

static void rpc_call_must_stop_when_cancelled(void **state)
{
	struct fixture *f = *state;
	struct json *j;

	f->script[0] = (struct reply){ .cancels = true };
	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, NULL, &f->err), ART_CANCELLED);
	assert_int_equal(f->node.calls, 1);
	/* From now on nothing is asked. */
	f->script[0] = (struct reply){ .text = "\"result\":\"0x1\"}" };
	assert_int_equal(rpc_call(&f->r, "eth_x", "[]", &j, NULL, &f->err), ART_CANCELLED);
	assert_int_equal(f->node.calls, 1);
}

static void rpc_eth_call_must_give_bytes(void **state)
{
	struct eth_address to = { { 1 } };
	struct fixture *f = *state;
	struct art_buf data;
	uint8_t out[32];
	size_t n;

	art_buf_init(&data, 64);
	assert_int_equal(art_buf_add(&data, "\x70\xa0\x82\x31", 4), ART_OK);
	f->script[0] = (struct reply){ .text = "\"result\":\"0x0102\"}" };
	assert_int_equal(rpc_eth_call(&f->r, &to, &data, out, sizeof(out), &n, &f->re, &f->err), ART_OK);
	assert_int_equal(n, 2);
	assert_string_equal(f->params, "0x70a08231");
	f->script[0] = (struct reply){ .text = "\"result\":\"0x\"}" };
	assert_int_equal(rpc_eth_call(&f->r, &to, &data, out, sizeof(out), &n, &f->re, &f->err), ART_OK);
	assert_int_equal(n, 0);
	f->script[0] = (struct reply){ .text = "\"result\":\"0x012\"}" };
	assert_int_equal(rpc_eth_call(&f->r, &to, &data, out, sizeof(out), &n, &f->re, &f->err), ART_INVALID);
	f->script[0] = (struct reply){ .text = "\"result\":\"" W("11") "22\"}" };
	assert_int_equal(rpc_eth_call(&f->r, &to, &data, out, sizeof(out), &n, &f->re, &f->err), ART_LIMIT);
	f->script[0] = (struct reply){ .text = "\"result\":{\"a\":1}}" };
	assert_int_equal(rpc_eth_call(&f->r, &to, &data, out, sizeof(out), &n, &f->re, &f->err), ART_INVALID);
	art_buf_destroy(&data);
}

static void rpc_send_raw_must_go_once_and_know_the_hash(void **state)
{
	struct fixture *f = *state;
	struct eth_word hash, want = keccak256("\x02\xc0", 2);
	char text[ETH_WORD_TEXT], reply[128];
	struct art_buf raw;

	art_buf_init(&raw, 64);
	assert_int_equal(art_buf_add(&raw, "\x02\xc0", 2), ART_OK);
	snprintf(reply, sizeof(reply), "\"result\":\"%s\"}", eth_word_text(&want, text));
	f->script[0] = (struct reply){ .text = reply };
	assert_int_equal(rpc_send_raw(&f->r, &raw, &hash, NULL, &f->err), ART_OK);
	assert_memory_equal(hash.b, want.b, 32);
	assert_string_equal(f->params, "0x02c0");

	f->script[0] = (struct reply){ .text = "\"error\":{\"code\":-32000,\"message\":\"already known\"}}" };
	memset(&hash, 0, sizeof(hash));
	assert_int_equal(rpc_send_raw(&f->r, &raw, &hash, &f->re, &f->err), ART_OK);
	assert_memory_equal(hash.b, want.b, 32);

	f->script[0] = (struct reply){ .text = "\"error\":{\"code\":-32003,\"message\":\"nonce too low\"}}" };
	assert_int_equal(rpc_send_raw(&f->r, &raw, &hash, &f->re, &f->err), ART_REFUSED);
	assert_int_equal(f->re.code, -32003);

	f->script[0] = (struct reply){ .text = "\"result\":\"" W("11") "\"}" };
	assert_int_equal(rpc_send_raw(&f->r, &raw, &hash, &f->re, &f->err), ART_INVALID);

	f->node.calls = 0;
	f->script[0] = (struct reply){ .status = 503, .raw = true, .text = "busy" };
	assert_int_equal(rpc_send_raw(&f->r, &raw, &hash, &f->re, &f->err), ART_NET);
	f->script[0] = (struct reply){ .drop = true };
	assert_int_equal(rpc_send_raw(&f->r, &raw, &hash, &f->re, &f->err), ART_NET);
	assert_int_equal(f->node.calls, 2);
	art_buf_destroy(&raw);
}

static void rpc_fees_must_give_the_coming_block(void **state)
{
	struct fixture *f = *state;
	struct u256 base, tip;
	uint64_t v;

	f->script[0] = (struct reply){ .text = "\"result\":{\"oldestBlock\":\"0x1\",\"baseFeePerGas\":"
					       "[\"0x3b9aca00\",\"0x342770c0\"],\"gasUsedRatio\":[0]}}" };
	f->script[1] = (struct reply){ .text = "\"result\":\"0xf4240\"}" };
	assert_int_equal(rpc_fees(&f->r, &base, &tip, &f->err), ART_OK);
	assert_true(u256_to_u64(&base, &v) && v == 875000000);
	assert_true(u256_to_u64(&tip, &v) && v == 1000000);
	f->at = 0;
	f->script[0] = (struct reply){ .text = "\"result\":{\"baseFeePerGas\":[]}}" };
	assert_int_equal(rpc_fees(&f->r, &base, &tip, &f->err), ART_INVALID);
}

static void rpc_account_reads_must_read_quantities(void **state)
{
	struct eth_address who = { { 1 } };
	struct fixture *f = *state;
	struct art_buf data;
	struct u256 v;
	uint64_t n;

	art_buf_init(&data, 8);
	f->script[0] = (struct reply){ .text = "\"result\":\"0xde0b6b3a7640000\"}" };
	assert_int_equal(rpc_eth_balance(&f->r, &who, &v, &f->err), ART_OK);
	assert_true(u256_to_u64(&v, &n) && n == 1000000000000000000u);
	assert_int_equal(rpc_account_nonce(&f->r, &who, true, &n, &f->err), ART_OK);
	assert_string_equal(f->method, "eth_getTransactionCount");
	f->script[0] = (struct reply){ .text = "\"result\":\"0x5208\"}" };
	assert_int_equal(rpc_estimate_gas(&f->r, &who, &who, &data, &n, &f->re, &f->err), ART_OK);
	assert_int_equal(n, 21000);
	f->script[0] = (struct reply){ .text = "\"result\":\"" W("ff") "\"}" };
	assert_int_equal(rpc_account_nonce(&f->r, &who, true, &n, &f->err), ART_INVALID);
	f->script[0] = (struct reply){ .text = "\"result\":null}" };
	assert_int_equal(rpc_eth_balance(&f->r, &who, &v, &f->err), ART_INVALID);
	art_buf_destroy(&data);
}

int main(void)
{
#define LOOPBACK(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rpc_neutralise_nul_must_mind_backslashes),
		cmocka_unit_test(rpc_read_answer_must_take_results),
		cmocka_unit_test(rpc_read_answer_must_refuse_what_is_no_answer),
		cmocka_unit_test(rpc_read_answer_must_read_a_revert),
		cmocka_unit_test(rpc_read_answer_must_survive_odd_errors),
		cmocka_unit_test(rpc_read_answer_must_clip_long_revert_data),
		cmocka_unit_test(rpc_quantity_must_read_hex_and_numbers_only),
		cmocka_unit_test(rpc_read_bytes_must_bound_and_check),
		cmocka_unit_test(rpc_read_block_must_want_number_and_time),
		cmocka_unit_test(rpc_read_logs_must_compare_with_the_question),
		cmocka_unit_test(rpc_read_receipt_must_be_of_the_transaction),
		cmocka_unit_test(rpc_range_must_learn_what_a_node_takes),
		cmocka_unit_test(rpc_says_known_must_know_the_nodes_words),
		LOOPBACK(rpc_check_must_compare_the_chain),
		LOOPBACK(rpc_call_must_refuse_hostile_answers),
		LOOPBACK(rpc_call_must_bound_the_answer),
		LOOPBACK(rpc_call_must_retry_reads),
		LOOPBACK(rpc_call_must_retry_a_dropped_read),
		LOOPBACK(rpc_call_must_give_up_after_three_tries),
		LOOPBACK(rpc_call_must_not_name_the_endpoint),
		LOOPBACK(rpc_call_must_stop_when_cancelled),
		LOOPBACK(rpc_eth_call_must_give_bytes),
		LOOPBACK(rpc_send_raw_must_go_once_and_know_the_hash),
		LOOPBACK(rpc_fees_must_give_the_coming_block),
		LOOPBACK(rpc_account_reads_must_read_quantities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
