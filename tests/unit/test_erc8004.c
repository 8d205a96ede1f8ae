/*
 * test_erc8004.c - the identity registry: events honest and hostile, walks over nodes that refuse in every
 * way known, reads, and calldata as viem makes it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/erc8004.h"
#include "core/chain/keccak.h"
#include "core/chain/rpc_private.h"
#include "tests/unit/fake_node.h"

#define REGISTERED "Registered(uint256,string,address)"
#define URI_UPDATED "URIUpdated(uint256,string,address)"
#define METADATA_SET "MetadataSet(uint256,string,string,bytes)"
#define Z62 "00000000000000000000000000000000000000000000000000000000000000"
#define W(two) two two two two two two two two two two two two two two two two two two two two two two two \
	two two two two two two two two two

/* ---- one event ----------------------------------------------------------------------------------- */

static const struct eth_address alice = { { [0] = 0xa1, [19] = 0x1c } };

static struct eth_word topic_of(const char *signature)
{
	return keccak256(signature, strlen(signature));
}

/* A log of agent 7 with one or two counted arguments. */
static struct rpc_log log_of(const char *signature, const void *p, size_t n, const void *q, size_t m)
{
	struct rpc_log log = { .block = 9, .index = 3, .n_topics = 3 };
	struct abi_call c;

	log.topics[0] = topic_of(signature);
	log.topics[1].b[31] = 7;
	memcpy(log.topics[2].b + 12, alice.b, sizeof(alice.b));
	if (q)
		log.topics[2] = keccak256(p, n);
	abi_call_begin(&c, NULL);
	abi_put_bytes(&c, p, n);
	if (q)
		abi_put_bytes(&c, q, m);
	art_buf_init(&log.data, 1 << 20);
	assert_int_equal(abi_call_end(&c, &log.data, NULL), ART_OK);
	return log;
}

static void refused(struct rpc_log *log, const char *what)
{
	struct erc8004_event e;
	struct art_err err = { 0 };

	if (erc8004_event_read(log, &e, &err) != ART_INVALID || e.uri)
		fail_msg("taken: %s", what);
	assert_non_null(strstr(err.text, "block 9, log 3"));
	art_buf_destroy(&log->data);
}

static void erc8004_event_read_must_take_the_three_events(void **state)
{
	struct rpc_log log = log_of(REGISTERED, "ipfs://x", 8, NULL, 0);
	struct erc8004_event e;

	(void)state;
	assert_int_equal(erc8004_event_read(&log, &e, NULL), ART_OK);
	assert_int_equal(e.kind, ERC8004_REGISTERED);
	assert_int_equal(e.agent.be[31], 7);
	assert_true(eth_address_equal(&e.who, &alice));
	assert_string_equal(e.uri, "ipfs://x");
	assert_true(e.block == 9 && e.index == 3);
	erc8004_event_destroy(&e);
	erc8004_event_destroy(&e);
	art_buf_destroy(&log.data);

	log = log_of(URI_UPDATED, "", 0, NULL, 0);
	assert_int_equal(erc8004_event_read(&log, &e, NULL), ART_OK);
	assert_int_equal(e.kind, ERC8004_URI_UPDATED);
	assert_string_equal(e.uri, "");
	erc8004_event_destroy(&e);
	art_buf_destroy(&log.data);

	log = log_of(METADATA_SET, "x402.supported", 14, "\1\0\2", 3);
	assert_int_equal(erc8004_event_read(&log, &e, NULL), ART_OK);
	assert_int_equal(e.kind, ERC8004_METADATA_SET);
	assert_string_equal(e.key, "x402.supported");
	assert_int_equal(e.value_len, 3);
	assert_memory_equal(e.value, "\1\0\2", 3);
	assert_null(e.uri);
	erc8004_event_destroy(&e);
	art_buf_destroy(&log.data);
}

static void erc8004_event_read_must_refuse_other_events(void **state)
{
	static const char *const others[] = {
		"URIUpdated(uint256,string)", /* of third parties' notes: the registry never logs it */
		"Registered(uint256,string)",
		"Transfer(address,address,uint256)",
		"MetadataSet(uint256,string,bytes)",
	};
	struct rpc_log log;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(others); i++) {
		log = log_of(others[i], "ipfs://x", 8, NULL, 0);
		refused(&log, others[i]);
	}
	for (int n = 0; n <= 4; n++) {
		if (n == 3)
			continue;
		log = log_of(REGISTERED, "ipfs://x", 8, NULL, 0);
		log.n_topics = n;
		refused(&log, "another number of topics");
	}
}

static void erc8004_event_read_must_refuse_bad_text(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
		{ "ipfs://\0x", 9 }, { "\0", 1 }, { "x\0", 2 }, { "\xff\xfe", 2 }, { "\xc0\x80", 2 },
		{ "\xed\xa0\x80", 3 }, { "caf\xe9", 4 },
	};
	struct rpc_log log;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		log = log_of(REGISTERED, rows[i].text, rows[i].n, NULL, 0);
		refused(&log, "a bad URI");
		log = log_of(URI_UPDATED, rows[i].text, rows[i].n, NULL, 0);
		refused(&log, "a bad new URI");
		log = log_of(METADATA_SET, rows[i].text, rows[i].n, "v", 1);
		refused(&log, "a bad key");
	}
}

static void erc8004_event_read_must_refuse_bad_layout(void **state)
{
	static const struct {
		const char *what;
		size_t at; /* byte changed */
		uint8_t to;
	} rows[] = {
		{ "an offset behind the data", 31, 0xff },
		{ "an offset at the data's end", 31, 96 },
		{ "an offset of 2^248", 0, 1 },
		{ "an offset of 2^64", 23, 1 },
		{ "an offset of 2^56", 24, 1 },
		{ "a length over the data", 63, 33 },
		{ "a length of 2^248", 32, 1 },
		{ "a length of 2^63", 56, 0x80 },
	};
	struct rpc_log log;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		log = log_of(REGISTERED, "ipfs://x", 8, NULL, 0);
		log.data.data[rows[i].at] = (char)rows[i].to;
		refused(&log, rows[i].what);
	}
	for (size_t n = 0; n < 72; n++) { /* 72: two words and the eight bytes; padding is not missed */
		log = log_of(REGISTERED, "ipfs://x", 8, NULL, 0);
		log.data.len = n;
		refused(&log, "data cut off");
	}
	log = log_of(REGISTERED, "ipfs://x", 8, NULL, 0);
	log.topics[2].b[0] = 1;
	refused(&log, "an owner of more than 20 bytes");
	log = log_of(METADATA_SET, "key", 3, "v", 1);
	log.topics[2].b[0] ^= 1;
	refused(&log, "another key's hash");
	log = log_of(METADATA_SET, "key", 3, "v", 1);
	log.data.data[63] = (char)0xff;
	refused(&log, "a value behind the data");
	log = log_of(REGISTERED, "ipfs://x", 8, NULL, 0);
	art_buf_reset(&log.data);
	log.cut = true;
	refused(&log, "a log without its data");
}

static void erc8004_event_read_must_bound_its_texts(void **state)
{
	char *uri = art_alloc(ERC8004_URI_MAX + 1, 1), key[ERC8004_KEY_MAX];
	uint8_t value[ERC8004_VALUE_MAX + 1];
	struct erc8004_event e;
	struct rpc_log log;

	(void)state;
	memset(uri, 'u', ERC8004_URI_MAX + 1);
	memset(key, 'k', sizeof(key));
	memset(value, 5, sizeof(value));
	log = log_of(REGISTERED, uri, ERC8004_URI_MAX, NULL, 0);
	assert_int_equal(erc8004_event_read(&log, &e, NULL), ART_OK);
	assert_int_equal(strlen(e.uri), ERC8004_URI_MAX);
	erc8004_event_destroy(&e);
	art_buf_destroy(&log.data);
	log = log_of(REGISTERED, uri, ERC8004_URI_MAX + 1, NULL, 0);
	refused(&log, "a URI of 256 KiB and 1");
	log = log_of(METADATA_SET, key, sizeof(key), "v", 1);
	refused(&log, "a key of 64 bytes");
	log = log_of(METADATA_SET, key, sizeof(key) - 1, value, sizeof(value));
	assert_int_equal(erc8004_event_read(&log, &e, NULL), ART_OK);
	assert_int_equal(strlen(e.key), sizeof(key) - 1);
	assert_int_equal(e.value_len, ERC8004_VALUE_MAX);
	erc8004_event_destroy(&e);
	art_buf_destroy(&log.data);
	free(uri);
}

/* ---- a node with a registry ---------------------------------------------------------------------- */

struct planted {
	uint64_t block;
	const char *signature;
	size_t times; /* so many logs alike; 0: 1 */
	size_t uri;   /* bytes of the URI; 0: "u" */
	bool torn;    /* data that cannot be read */
};

struct fixture {
	struct fake_node node;
	struct chain chain;
	struct rpc r;
	bool cancel;
	struct art_err err;

	struct planted logs[8];
	size_t n;
	uint64_t limit; /* blocks; 0: none */
	int64_t code;   /* of a refusal; its words and status */
	const char *words;
	int status;
	uint64_t never_block;    /* with @never: refused in every range that has it */
	bool never, never_alone; /* @never_alone: also when asked for registrations alone */
	size_t max_logs;         /* 0: none: refuses answers of more */
	const char *reply;       /* to any call, behind the id */
	int slow_ms;
	char calldata[256];

	/* what was asked */
	uint64_t widest, asked;
	/* what came */
	size_t parts, rows, bad;
	uint64_t next, last_block, last_index;
	size_t of_kind[3];
	enum art_status answer; /* of the part function, from part @fail_at on */
	size_t fail_at;
};

static const struct eth_address registry = { { [0] = 0x80, [1] = 0x04, [19] = 0x9e } };

static void put_log(struct art_buf *b, const struct planted *p, uint64_t index)
{
	static char uri[300 << 10];
	size_t n = p->uri ? p->uri : 1;
	bool meta = !strcmp(p->signature, METADATA_SET);
	char text[ETH_WORD_TEXT], at[ETH_ADDRESS_TEXT];
	struct rpc_log log;

	memset(uri, 'u', n);
	log = log_of(p->signature, uri, n, meta ? "v" : NULL, 1);
	if (p->torn)
		log.data.data[0] = 1;
	art_buf_putf(b, "%s{\"address\":\"%s\",\"blockNumber\":\"0x%llx\",\"logIndex\":\"0x%llx\","
		     "\"removed\":false,\"transactionHash\":\"0x" W("cc") "\",\"topics\":[",
		     b->data[b->len - 1] == '[' ? "" : ",", hex_encode(registry.b, 20, at),
		     (unsigned long long)p->block, (unsigned long long)index);
	for (int i = 0; i < 3; i++)
		art_buf_putf(b, "%s\"%s\"", i ? "," : "", eth_word_text(&log.topics[i], text));
	art_buf_put(b, "],\"data\":\"");
	assert_int_equal(hex_append(b, (const uint8_t *)log.data.data, log.data.len), ART_OK);
	art_buf_put(b, "\"}");
	art_buf_destroy(&log.data);
}

/* Whether topics[0] of the filter, an array or one word, has @signature. */
static bool wants(const struct json *filter, const char *signature)
{
	const struct json *first = json_at(json_get(filter, "topics"), 0);
	struct eth_word w = topic_of(signature);
	char text[ETH_WORD_TEXT];

	eth_word_text(&w, text);
	for (const struct json *t = json_at(first, 0); t; t = json_next(t))
		if (!strcmp(json_str(t), text))
			return true;
	return json_str(first) && !strcmp(json_str(first), text);
}

static void refuse(struct fixture *f, struct node_call *c)
{
	c->status = f->status ? f->status : 200;
	node_answer(c, "\"error\":{\"code\":%lld,\"message\":\"%s\"}}", (long long)f->code, f->words);
}

static void answer_logs(struct fixture *f, struct node_call *c)
{
	const struct json *filter = json_at(c->params, 0);
	bool registrations = json_count(json_at(json_get(filter, "topics"), 0)) == 1 &&
			     wants(filter, REGISTERED);
	uint64_t from = 1, to = 0;
	size_t n = 0;
	struct art_buf b;

	if (!rpc_quantity(json_get(filter, "fromBlock"), &from) ||
	    !rpc_quantity(json_get(filter, "toBlock"), &to))
		return;
	f->asked++;
	f->widest = to - from + 1 > f->widest ? to - from + 1 : f->widest;
	if ((f->limit && to - from + 1 > f->limit) ||
	    (f->never && from <= f->never_block && f->never_block <= to && (f->never_alone || !registrations))) {
		refuse(f, c);
		return;
	}
	art_buf_init(&b, NODE_TEXT_MAX);
	art_buf_put(&b, "[");
	for (size_t i = f->n; i--;) { /* in no useful order */
		const struct planted *p = &f->logs[i];

		for (size_t k = 0; k < (p->times ? p->times : 1); k++) {
			if (p->block < from || p->block > to || !wants(filter, p->signature))
				continue;
			put_log(&b, p, 10 * i + k);
			n++;
		}
	}
	art_buf_put(&b, "]");
	if (f->max_logs && n > f->max_logs)
		refuse(f, c);
	else
		node_answer(c, "\"result\":%s}", b.data);
	art_buf_destroy(&b);
}

static void registry_node(void *arg, struct node_call *c)
{
	struct fixture *f = arg;
	const char *data = json_str(json_get(json_at(c->params, 0), "data"));

	if (data)
		art_copy(f->calldata, sizeof(f->calldata), data);
	if (f->slow_ms)
		usleep((useconds_t)f->slow_ms * 1000);
	if (f->reply)
		node_answer(c, "%s", f->reply);
	else if (!strcmp(c->method, "eth_getLogs"))
		answer_logs(f, c);
}

static enum art_status count_part(void *arg, const struct erc8004_events *part, uint64_t next,
				  struct art_err *err)
{
	struct fixture *f = arg;

	if (f->answer && f->parts == f->fail_at)
		return art_fail(err, f->answer, "the part cannot be kept");
	f->parts++;
	f->rows += part->n;
	f->bad += part->bad;
	assert_true(next > f->next);
	f->next = next;
	for (size_t i = 0; i < part->n; i++) {
		const struct erc8004_event *e = &part->rows[i];

		assert_true(e->block < next);
		assert_true(e->block > f->last_block ||
			    (e->block == f->last_block && e->index >= f->last_index));
		f->last_block = e->block;
		f->last_index = e->index;
		f->of_kind[e->kind]++;
	}
	return ART_OK;
}

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	struct http *http;

	assert_int_equal(http_open(&http, &(struct http_options){ 0 }, NULL), ART_OK);
	node_start(&f->node, registry_node, f);
	art_copy(f->chain.name, sizeof(f->chain.name), "base-sepolia");
	art_copy(f->chain.rpc, sizeof(f->chain.rpc), f->node.url);
	f->chain.id = 84532;
	f->r = (struct rpc){ .http = http, .chain = &f->chain, .deadline_ms = 5000, .cancel = &f->cancel };
	f->code = -32000;
	f->words = "no";
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

static enum art_status walk(struct fixture *f, uint64_t *from, uint64_t to, uint64_t *span)
{
	f->err = (struct art_err){ 0 };
	f->asked = f->widest = 0;
	f->parts = f->rows = f->bad = 0;
	f->next = f->last_block = f->last_index = 0;
	memset(f->of_kind, 0, sizeof(f->of_kind));
	return erc8004_walk(&f->r, &registry, from, to, span, count_part, f, &f->err);
}

/* ---- the walk ------------------------------------------------------------------------------------ */

static const struct planted some[] = {
	{ .block = 100, .signature = REGISTERED },     { .block = 100, .signature = METADATA_SET },
	{ .block = 1234, .signature = URI_UPDATED },   { .block = 5000, .signature = REGISTERED, .torn = true },
	{ .block = 5000, .signature = METADATA_SET },  { .block = 9999, .signature = REGISTERED, .uri = 65600 },
	{ .block = 10000, .signature = REGISTERED },
};

static void plant(struct fixture *f)
{
	memcpy(f->logs, some, sizeof(some));
	f->n = ART_COUNT(some);
}

static void erc8004_walk_must_survive_every_refusal(void **state)
{
	static const struct {
		uint64_t limit;
		int64_t code;
		const char *words;
		int status;
	} rows[] = {
		{ 2000, -32614, "eth_getLogs is limited to a 2,000 range", 0 },
		{ 50000, -32701, "exceed maximum block range: 50000", 0 },
		{ 10000, 35, "ranges over 10000 blocks are not supported on freetier", 400 },
		{ 50, -32602, "eth_getLogs is limited to 0 - 50 blocks range", 0 },
		{ 10000, -32602, "query returned more than 10000 results. Try with this block range "
				 "[0x0, 0x2710].", 0 },
		{ 500, -32600, "You can make eth_getLogs requests with up to a 500 block range. Based on your "
			       "parameters, this block range should work: [0x0, 0x1f3]", 400 },
		{ 100, -32005, "query exceeds max block range 100", 0 },
		{ 7, -32000, "query timeout exceeded", 0 },
		{ 3, -32603, "Internal error", 500 },
		{ 999, -32005, "", 0 },
	};
	struct fixture *f = *state;

	plant(f);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		uint64_t from = 90, span = i % 2 ? 0 : 100000, to = rows[i].limit < 50 ? 1300 : 10000;

		f->limit = rows[i].limit;
		f->code = rows[i].code;
		f->words = rows[i].words;
		f->status = rows[i].status;
		if (walk(f, &from, to, &span) != ART_OK)
			fail_msg("row %zu: %s", i, f->err.text);
		assert_true(from == to + 1 && f->next == to + 1);
		assert_true(span >= 1 && span <= 100000);
		assert_int_equal(f->of_kind[ERC8004_REGISTERED], to == 10000 ? 3 : 1);
		assert_int_equal(f->of_kind[ERC8004_METADATA_SET], to == 10000 ? 2 : 1);
		assert_int_equal(f->of_kind[ERC8004_URI_UPDATED], 1);
		assert_int_equal(f->bad, to == 10000 ? 1 : 0);
		/* Not one call in two is spent on being refused. */
		assert_true(f->asked <= 2 * (to / rows[i].limit + 1) + 40);
	}
}

static void erc8004_walk_must_end_when_all_is_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 50, span = 0;

	/* A node that suggests the very range it refused, for ever. */
	f->never = f->never_alone = true;
	f->never_block = 50;
	f->code = -32602;
	f->words = "query exceeds max results 20000, retry with the range 50-50";

	assert_int_equal(walk(f, &from, 1000000, &span), ART_REFUSED);

	assert_int_equal(from, 50);
	assert_int_equal(span, 1);
	assert_int_equal(f->parts, 0);
	assert_true(f->asked <= 20);
	assert_non_null(strstr(f->err.text, "retry with the range"));
}

static void erc8004_walk_must_keep_what_came_before_a_failure(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 90, span = 100;

	plant(f);
	f->never = f->never_alone = true;
	f->never_block = 5000;
	assert_int_equal(walk(f, &from, 10000, &span), ART_REFUSED);
	assert_int_equal(from, 5000);
	assert_int_equal(f->next, 5000);
	assert_int_equal(f->rows, 3);

	/* From where it stood, once the node has thought better of it. */
	f->never = false;
	assert_int_equal(walk(f, &from, 10000, &span), ART_OK);
	assert_int_equal(from, 10001);
	assert_int_equal(f->rows, 3);
	assert_int_equal(f->bad, 1);
}

static void erc8004_walk_must_pass_a_block_filled_on_purpose(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 5000, span = 3000;

	/* More than is kept of one call, then more than the node answers. */
	plant(f);
	f->logs[4].times = 4097;
	assert_int_equal(walk(f, &from, 10000, &span), ART_OK);
	assert_int_equal(f->of_kind[ERC8004_REGISTERED], 2);
	assert_int_equal(f->of_kind[ERC8004_METADATA_SET], 0);
	assert_int_equal(f->bad, 2);

	from = 5000;
	f->logs[4].times = 30;
	f->max_logs = 20;
	f->words = "query exceeds max results 20, retry with the range 5000-5000";
	assert_int_equal(walk(f, &from, 10000, &span), ART_OK);
	assert_int_equal(f->of_kind[ERC8004_REGISTERED], 2);
	assert_int_equal(f->bad, 2);
}

static void erc8004_walk_must_halve_where_there_is_too_much(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 0, span = 100000;

	/* Eight blocks of 1000 logs: more than 4096 together, so nothing but halving gives them all. */
	for (size_t i = 0; i < 8; i++)
		f->logs[i] = (struct planted){ .block = 10 * i + 3, .signature = URI_UPDATED, .times = 1000 };
	f->n = 8;

	assert_int_equal(walk(f, &from, 100, &span), ART_OK);

	assert_int_equal(f->rows, 8000);
	assert_int_equal(f->bad, 0);
}

static void erc8004_walk_must_not_be_spoilt_by_one_large_log(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 0, span = 0;

	f->logs[0] = (struct planted){ .block = 10, .signature = REGISTERED };
	f->logs[1] = (struct planted){ .block = 10, .signature = REGISTERED, .uri = 290 << 10 };
	f->logs[2] = (struct planted){ .block = 10, .signature = REGISTERED, .uri = ERC8004_URI_MAX };
	f->n = 3;

	assert_int_equal(walk(f, &from, 20, &span), ART_OK);

	assert_int_equal(f->rows, 2);
	assert_int_equal(f->bad, 1);
	assert_int_equal(f->asked, 1);
}

static void erc8004_walk_must_stop_when_asked_too_often(void **state)
{
	static const char *const words[] = {
		"rate limit exceeded", "Too Many Requests", "daily request count exceeded, request rate limited",
		"Your app has exceeded its compute units per second capacity", "exceeded the quota usage",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(words); i++) {
		uint64_t from = 90, span = 0;

		f->limit = 1;
		f->code = -32005;
		f->words = words[i];
		assert_int_equal(walk(f, &from, 10000, &span), ART_BUSY);
		assert_int_equal(f->asked, 1);
		assert_int_equal(from, 90);
		assert_int_equal(span, 2000);
		assert_non_null(strcasestr(f->err.text, words[i]));
	}
}

static void erc8004_walk_must_grow_after_success(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 0, span = 16;

	assert_int_equal(walk(f, &from, 999999, &span), ART_OK);
	assert_int_equal(span, 100000);
	assert_int_equal(f->widest, 100000);
	assert_true(f->asked < 25);

	from = 0;
	span = 2000;
	f->limit = 2000;
	assert_int_equal(walk(f, &from, 999999, &span), ART_OK);
	assert_true(f->asked > 500 && f->asked < 520);
	assert_true(span >= 1000 && span <= 4000);
}

static void erc8004_walk_must_end_with_its_receiver(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 90, span = 1000;

	plant(f);
	f->answer = ART_IO;
	f->fail_at = 1;
	f->limit = 1000;
	assert_int_equal(walk(f, &from, 10000, &span), ART_IO);
	assert_int_equal(from, 1090);
	assert_string_equal(f->err.text, "the part cannot be kept");
}

static void erc8004_walk_must_try_less_after_a_dead_call(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 90, span = 1000;

	f->limit = 1;
	f->status = 503;
	assert_int_equal(walk(f, &from, 10000, &span), ART_NET);
	assert_int_equal(span, 500);
	assert_int_equal(from, 90);
	f->slow_ms = 400;
	f->cancel = true;
	assert_int_equal(walk(f, &from, 10000, &span), ART_CANCELLED);
	f->cancel = false;
	f->slow_ms = f->status = 0;
	f->reply = "\"result\":{}}";
	assert_int_equal(walk(f, &from, 10000, &span), ART_INVALID);
	assert_int_equal(from, 90);
}

static void erc8004_walk_must_bound_its_blocks(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 11, span = 0;

	assert_int_equal(walk(f, &from, 10, &span), ART_OK);
	assert_int_equal(f->asked, 0);
	assert_int_equal(from, 11);
	assert_int_equal(walk(f, &from, UINT64_MAX, &span), ART_INVALID);
	assert_int_equal(walk(f, &from, 11, &span), ART_OK);
	assert_int_equal(from, 12);
}

/* ---- reads --------------------------------------------------------------------------------------- */

#define NONEXISTENT "\"error\":{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x7e273289" Z62 "07\"}}"

static void erc8004_uri_must_read_text(void **state)
{
	static const struct {
		const char *reply;
		enum art_status st;
		const char *words;
	} rows[] = {
		{ NONEXISTENT, ART_NOT_FOUND, "there is no agent 7" },
		{ "\"error\":{\"code\":-32000,\"message\":\"execution reverted: custom error 0x7e273289: \\u0000\"}}",
		  ART_NOT_FOUND, "there is no agent 7" },
		{ "\"error\":{\"code\":3,\"message\":\"reverted: ERC721NonexistentToken(7)\"}}", ART_NOT_FOUND,
		  "there is no agent 7" },
		{ "\"error\":{\"code\":3,\"message\":\"execution reverted: paused\"}}", ART_REFUSED, "paused" },
		{ "\"result\":\"0x\"}", ART_NOT_FOUND, "there is no registry at 0x8004" },
		{ "\"result\":\"0x" Z62 "20" Z62 "0161" Z62 "\"}", ART_OK, "a" },
		{ "\"result\":\"0x" Z62 "20" Z62 "00\"}", ART_OK, "" },
		{ "\"result\":\"0x" Z62 "20" Z62 "0100" Z62 "\"}", ART_INVALID, "is no text" },
		{ "\"result\":\"0x" Z62 "20" Z62 "01ff" Z62 "\"}", ART_INVALID, "is no text" },
		{ "\"result\":\"0x" Z62 "40" Z62 "01\"}", ART_INVALID, "is no text" },
		{ "\"result\":\"0x61\"}", ART_INVALID, "is no text" },
	};
	const struct u256 agent = u256_from_u64(7);
	struct fixture *f = *state;
	char *uri;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		f->reply = rows[i].reply;
		if (erc8004_uri(&f->r, &registry, &agent, &uri, &f->err) != rows[i].st)
			fail_msg("row %zu: %s", i, f->err.text);
		if (rows[i].st == ART_OK)
			assert_string_equal(uri, rows[i].words);
		else
			assert_non_null(strstr(f->err.text, rows[i].words));
		assert_true((rows[i].st == ART_OK) == !!uri);
		free(uri);
	}
	assert_string_equal(f->calldata, "0xc87b56dd" Z62 "07");
}

static void erc8004_uri_must_bound_the_answer(void **state)
{
	const struct u256 agent = u256_from_u64(7);
	struct fixture *f = *state;
	size_t digits = 2 * ERC8004_URI_MAX + 400;
	char *big = art_alloc(digits + 32, 1), *uri;

	memcpy(big, "\"result\":\"0x", 12);
	memset(big + 12, '6', digits);
	memcpy(big + 12 + digits, "\"}", 3);
	f->reply = big;
	assert_int_equal(erc8004_uri(&f->r, &registry, &agent, &uri, &f->err), ART_LIMIT);
	assert_null(uri);
	free(big);
}

static void erc8004_addresses_must_be_addresses(void **state)
{
	const struct u256 agent = u256_from_u64(7);
	struct fixture *f = *state;
	struct eth_address a;

	f->reply = "\"result\":\"0x000000000000000000000000a10000000000000000000000000000000000000" "1c\"}";
	f->reply = "\"result\":\"0x000000000000000000000000a10000000000000000000000000000000000001c\"}";
	assert_int_equal(erc8004_owner(&f->r, &registry, &agent, &a, &f->err), ART_OK);
	assert_true(eth_address_equal(&a, &alice));
	assert_string_equal(f->calldata, "0x6352211e" Z62 "07");
	f->reply = "\"result\":\"0x" Z62 "00\"}";
	assert_int_equal(erc8004_wallet(&f->r, &registry, &agent, &a, &f->err), ART_OK);
	assert_true(eth_address_is_zero(&a));
	assert_string_equal(f->calldata, "0x00339509" Z62 "07");
	f->reply = NONEXISTENT;
	assert_int_equal(erc8004_owner(&f->r, &registry, &agent, &a, &f->err), ART_NOT_FOUND);
	f->reply = "\"result\":\"0x" W("11") "\"}";
	assert_int_equal(erc8004_owner(&f->r, &registry, &agent, &a, &f->err), ART_INVALID);
	f->reply = "\"result\":\"0x" Z62 "00" Z62 "00\"}";
	assert_int_equal(erc8004_wallet(&f->r, &registry, &agent, &a, &f->err), ART_INVALID);
	f->reply = "\"result\":\"0x\"}";
	assert_int_equal(erc8004_wallet(&f->r, &registry, &agent, &a, &f->err), ART_NOT_FOUND);
}

static void erc8004_registered_id_must_be_of_the_transaction(void **state)
{
	struct fixture *f = *state;
	struct eth_word tx;
	struct u256 id;
	uint64_t v;

	plant(f);
	memset(tx.b, 0xcc, 32);
	assert_int_equal(erc8004_registered_id(&f->r, &registry, &tx, 100, &id, &f->err), ART_OK);
	assert_true(u256_to_u64(&id, &v) && v == 7);
	assert_int_equal(erc8004_registered_id(&f->r, &registry, &tx, 1234, &id, &f->err), ART_NOT_FOUND);
	tx.b[0] = 1;
	assert_int_equal(erc8004_registered_id(&f->r, &registry, &tx, 100, &id, &f->err), ART_NOT_FOUND);
	assert_non_null(strstr(f->err.text, "registered no agent in block 100"));
}

/* ---- writes -------------------------------------------------------------------------------------- */

static void is_calldata(struct art_buf *b, const char *want)
{
	char *text = art_alloc(2 * b->len + 3, 1);

	assert_string_equal(hex_encode((const uint8_t *)b->data, b->len, text), want);
	free(text);
	art_buf_reset(b);
}

/* Published, and as viem encodes. */
static void erc8004_writes_must_be_as_viem_makes_them(void **state)
{
	static const uint8_t many[40] = { [0 ... 39] = 0xab };
	const struct erc8004_metadata meta[] = {
		{ .key = "x402.supported", .value = "\1", .value_len = 1 },
		{ .key = "k" },
		{ .key = "a key of more than thirty-two bytes", .value = many, .value_len = sizeof(many) },
	}, gpu = { .key = "gpu", .value = "A100", .value_len = 4 };
	struct u256 agent = u256_from_u64(7), high = { { 0x80 } };
	struct art_buf b;

	(void)state;
	art_buf_init(&b, 4096);
	assert_int_equal(erc8004_register(NULL, NULL, 0, &b, NULL), ART_OK);
	is_calldata(&b, "0x1aa3a008");
	assert_int_equal(erc8004_register("https://worker.example/agent.json", NULL, 0, &b, NULL), ART_OK);
	is_calldata(&b, "0xf2c298be" Z62 "20" Z62 "21"
		    "68747470733a2f2f776f726b65722e6578616d706c652f6167656e742e6a736f"
		    "6e" Z62);
	assert_int_equal(erc8004_register("ipfs://x", meta, ART_COUNT(meta), &b, NULL), ART_OK);
	is_calldata(&b, "0x8ea42286" Z62 "40" Z62 "80" Z62 "08"
		    "697066733a2f2f78000000000000000000000000000000000000000000000000"
		    Z62 "03" Z62 "60" "0000000000000000000000000000000000000000000000000000000000000120"
		    "00000000000000000000000000000000000000000000000000000000000001c0"
		    Z62 "40" Z62 "80" Z62 "0e"
		    "783430322e737570706f72746564000000000000000000000000000000000000"
		    Z62 "01" "01" Z62
		    Z62 "40" Z62 "80" Z62 "01" "6b" Z62 Z62 "00"
		    Z62 "40" Z62 "a0" Z62 "23"
		    "61206b6579206f66206d6f7265207468616e207468697274792d74776f206279"
		    "7465730000000000000000000000000000000000000000000000000000000000"
		    Z62 "28" W("ab") "abababababababab000000000000000000000000000000000000000000000000");
	assert_int_equal(erc8004_set_uri(&agent, "", &b, NULL), ART_OK);
	is_calldata(&b, "0x0af28bd3" Z62 "07" Z62 "40" Z62 "00");
	assert_int_equal(erc8004_set_metadata(&high, &gpu, &b, NULL), ART_OK);
	is_calldata(&b, "0x466648da" "80" Z62 Z62 "60" Z62 "a0" Z62 "03" "677075"
		    "0000000000000000000000000000000000000000000000000000000000"
		    Z62 "04" "41313030" "00000000000000000000000000000000000000000000000000000000");
	art_buf_destroy(&b);
}

static void erc8004_writes_must_refuse_bad_arguments(void **state)
{
	static const uint8_t long_value[ERC8004_VALUE_MAX + 1];
	struct erc8004_metadata bad[] = {
		{ .key = "" }, { .key = "agentWallet", .value = "x", .value_len = 1 }, { .key = "\xff" },
		{ .key = "k", .value = long_value, .value_len = sizeof(long_value) }, { .key = "" },
	}, many[ERC8004_META_MAX + 1];
	char *uri = art_alloc(ERC8004_URI_MAX + 2, 1);
	struct u256 agent = u256_from_u64(7);
	struct art_err err = { 0 };
	struct art_buf b;

	(void)state;
	memset(bad[4].key, 'k', sizeof(bad[4].key));
	for (size_t i = 0; i < ART_COUNT(many); i++)
		many[i] = (struct erc8004_metadata){ .key = "k" };
	art_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		enum art_status want = i == 3 ? ART_LIMIT : ART_INVALID;

		assert_int_equal(erc8004_set_metadata(&agent, &bad[i], &b, &err), want);
		assert_int_equal(erc8004_register("u", &bad[i], 1, &b, &err), want);
		assert_true(err.text[0]);
	}
	assert_int_equal(erc8004_register("u", many, ART_COUNT(many), &b, &err), ART_LIMIT);
	assert_int_equal(erc8004_register("u", many, ART_COUNT(many) - 1, &b, &err), ART_OK);
	assert_int_equal(erc8004_set_uri(&agent, "\xff", &b, &err), ART_INVALID);
	memset(uri, 'u', ERC8004_URI_MAX + 1);
	assert_int_equal(erc8004_set_uri(&agent, uri, &b, &err), ART_LIMIT);
	assert_int_equal(erc8004_register(uri, NULL, 0, &b, &err), ART_LIMIT);
	art_buf_destroy(&b);
	art_buf_init(&b, 64);
	assert_int_equal(erc8004_set_uri(&agent, "ipfs://x", &b, &err), ART_LIMIT);
	art_buf_destroy(&b);
	free(uri);
}

int main(void)
{
#define LOOPBACK(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(erc8004_event_read_must_take_the_three_events),
		cmocka_unit_test(erc8004_event_read_must_refuse_other_events),
		cmocka_unit_test(erc8004_event_read_must_refuse_bad_text),
		cmocka_unit_test(erc8004_event_read_must_refuse_bad_layout),
		cmocka_unit_test(erc8004_event_read_must_bound_its_texts),
		LOOPBACK(erc8004_walk_must_survive_every_refusal),
		LOOPBACK(erc8004_walk_must_end_when_all_is_refused),
		LOOPBACK(erc8004_walk_must_keep_what_came_before_a_failure),
		LOOPBACK(erc8004_walk_must_pass_a_block_filled_on_purpose),
		LOOPBACK(erc8004_walk_must_halve_where_there_is_too_much),
		LOOPBACK(erc8004_walk_must_not_be_spoilt_by_one_large_log),
		LOOPBACK(erc8004_walk_must_stop_when_asked_too_often),
		LOOPBACK(erc8004_walk_must_grow_after_success),
		LOOPBACK(erc8004_walk_must_end_with_its_receiver),
		LOOPBACK(erc8004_walk_must_try_less_after_a_dead_call),
		LOOPBACK(erc8004_walk_must_bound_its_blocks),
		LOOPBACK(erc8004_uri_must_read_text),
		LOOPBACK(erc8004_uri_must_bound_the_answer),
		LOOPBACK(erc8004_addresses_must_be_addresses),
		LOOPBACK(erc8004_registered_id_must_be_of_the_transaction),
		cmocka_unit_test(erc8004_writes_must_be_as_viem_makes_them),
		cmocka_unit_test(erc8004_writes_must_refuse_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
