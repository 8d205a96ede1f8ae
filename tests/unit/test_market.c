/*
 * test_market.c - discoveries against a loopback world that is an index, a registry's node, a catalogue, hosts of documents and
 * workers, each as rude as a test wants.
 */
#include "core/market/market.h"

#include "core/market/source.h"
#include "store/json.h"
#include "tests/unit/fixture_store.h"
#include "tests/unit/loopback_server.h"

#define SKILL "ai_ml_engineering/model_training"
#define REGISTRY "0x8004a818bfb912233c491871b3d84c89a494bd9e"
#define OWNER "1111111111111111111111111111111111111111"
#define PAY_TO "0x2222222222222222222222222222222222222222"

enum fault {
	FAULT_NONE, FAULT_RETRY_AFTER, FAULT_RESET_ISO, FAULT_RESET_UNIX, FAULT_HALF_500, FAULT_ALL_500, FAULT_TRUNCATED,
	FAULT_OVERSIZED, FAULT_DENSE, FAULT_TYPES, FAULT_BAD_ROW, FAULT_TWICE, FAULT_SLOW, FAULT_TO_METADATA,
	FAULT_REDIRECT_KEY,
};

struct chain_log {
	uint64_t block;
	int kind; /* 0 Registered, 1 URIUpdated */
	int agent;
	char uri[512];
};

struct world {
	char dir[64], path[96];
	struct store *st;
	struct config *config;
	struct chains chains;
	struct http *http;
	struct loop_server server, other;
	struct market m;
	struct market_report report;
	bool cancel;
	/* What the world does. Set while nothing is asked. */
	enum fault fault;
	int rows;             /* agents of the index */
	bool inline_documents; /* of rows: the document comes along */
	int first_id;
	enum { DOC_GOOD, DOC_LARGE, DOC_SLOW, DOC_TO_METADATA, DOC_LOOP, DOC_404 } doc;
	bool workers_dead, documents_elsewhere, one_url, huge_uri, bazaar_broken;
	int well_known_id;    /* the agent that the host's well-known file names; 0: there is none */
	const char *other_doc_skill; /* told by /doc2/ documents */
	struct chain_log logs[8];
	int n_logs;
	uint64_t head;
	pthread_mutex_t lock; /* protects the counters: */
	int list_calls, detail_calls, doc_calls, probe_calls, well_known_calls, log_calls, lists_unfiltered;
	uint64_t from_block;
	int log_call_that_fails;
	char overrides[20][200];
	int n_overrides;
};

static int count(struct world *w, int *counter)
{
	int n;

	pthread_mutex_lock(&w->lock);
	n = ++*counter;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* ---- what it says ----------------------------------------------------------------------------------- */

static void put_document(const struct world *w, struct art_buf *b, int id, const char *skill)
{
	art_buf_putf(b, "{\"type\":\"https://eips.ethereum.org/EIPS/eip-8004#registration-v1\",\"name\":\"GPU %d\","
			"\"services\":[{\"name\":\"web\",\"endpoint\":\"%s/w%d/services/train\"},"
			"{\"name\":\"OASF\",\"version\":\"0.8\",\"skills\":[\"%s\"]}],\"x402Support\":true,\"active\":true,"
			"\"registrations\":[{\"agentId\":%d,\"agentRegistry\":\"eip155:84532:" REGISTRY "\"}],"
			"\"metadata\":{\"gpu\":\"H100\",\"best_val_bpb\":\"0.9%d\",\"owner\":\"0x66\"}}",
		     id, w->server.url, id, skill, id, id % 10);
}

static void put_row(const struct world *w, struct art_buf *b, int id)
{
	art_buf_putf(b, "{\"agent_id\":\"84532:" REGISTRY ":%d\",\"token_id\":\"%d\",\"chain_id\":84532,"
			"\"contract_address\":\"" REGISTRY "\",\"name\":\"index name %d\",\"x402_supported\":true,"
			"\"total_score\":12.5,\"total_feedbacks\":3", id, id, id);
	if (w->inline_documents) {
		art_buf_put(b, ",\"raw_metadata\":{\"offchain_content\":");
		put_document(w, b, id, SKILL);
		art_buf_put(b, "}");
	}
	art_buf_put(b, "}");
}

static void answer(struct loop_call *c, int status, const char *headers, const struct art_buf *b)
{
	c->keep = true;
	loop_answer(c, status, headers, b->data ? b->data : "");
}

/* "...page=N..." of a query, or @otherwise. */
static int64_t parameter(const char *path, const char *name, int64_t otherwise)
{
	const char *at = strstr(path, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : otherwise;
}

static void serve_rows(struct world *w, struct loop_call *c, struct art_buf *b)
{
	int64_t limit = parameter(c->path, "limit=", 20), page = parameter(c->path, "page=", 1), from = (page - 1) * limit;
	bool first = true;

	art_buf_put(b, "{\"success\":true,\"data\":[");
	for (int64_t i = from; i < from + limit && i < w->rows; i++) {
		art_buf_put(b, first ? "" : ",");
		first = false;
		if (w->fault == FAULT_BAD_ROW && i == 1)
			art_buf_put(b, "{\"token_id\":[],\"chain_id\":\"x\"},17,");
		put_row(w, b, w->first_id + (w->fault == FAULT_TWICE ? 0 : (int)i));
	}
	art_buf_putf(b, "],\"meta\":{\"pagination\":{\"page\":%lld,\"limit\":%lld,\"total\":%d,\"hasMore\":%s}}}", (long long)page,
		     (long long)limit, w->rows, from + limit < w->rows ? "true" : "false");
}

static void serve_list(struct world *w, struct loop_call *c, struct art_buf *b)
{
	int n = count(w, &w->list_calls);
	enum fault fault = w->fault; /* when the client has gone, the test is free to change it */
	char header[128] = "", iso[24];
	int64_t reset = art_now_us() + 3600 * (int64_t)1000000;

	if (!strstr(c->path, "search="))
		count(w, &w->lists_unfiltered);
	switch (fault) {
	case FAULT_RETRY_AFTER:
		snprintf(header, sizeof(header), "Retry-After: 3600\r\n");
		break;
	case FAULT_RESET_ISO:
		snprintf(header, sizeof(header), "X-RateLimit-Reset: %s\r\n", art_time_iso(reset, iso, sizeof(iso)));
		break;
	case FAULT_RESET_UNIX:
		snprintf(header, sizeof(header), "X-RateLimit-Reset: %lld\r\n", (long long)(reset / 1000000));
		break;
	case FAULT_HALF_500:
	case FAULT_ALL_500:
		if (n % 2 || fault == FAULT_ALL_500) {
			art_buf_put(b, "{\"success\":false,\"error\":{\"code\":\"DATABASE_ERROR\",\"message\":\"gone \\u001b[31m fishing\"}}");
			answer(c, 500, "", b);
			return;
		}
		break;
	case FAULT_TRUNCATED:
		art_buf_put(b, "{\"success\":true,\"data\":[{\"agent_id\":\"84532:" REGISTRY ":1\",");
		answer(c, 200, "", b);
		return;
	case FAULT_OVERSIZED:
	case FAULT_DENSE:
		loop_printf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[");
		for (int i = 0; i < (fault == FAULT_DENSE ? 7 : 9) * 1024; i++) {
			char kilo[1025];

			for (int k = 0; k < 1024; k++)
				kilo[k] = k % 2 ? ',' : '0';
			loop_send(c, kilo, 1024);
		}
		loop_send(c, "0]", 2);
		return;
	case FAULT_TYPES:
		art_buf_put(b, "{\"success\":true,\"data\":{\"items\":7},\"meta\":[]}");
		answer(c, 200, "", b);
		return;
	case FAULT_SLOW:
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"data");
		poll(&(struct pollfd){ .fd = w->server.stop, .events = POLLIN }, 1, 8000);
		return;
	case FAULT_TO_METADATA:
		loop_printf(c, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n");
		return;
	case FAULT_REDIRECT_KEY:
		loop_printf(c, "HTTP/1.1 307 X\r\nLocation: %s/elsewhere\r\nContent-Length: 0\r\n\r\n", w->other.url);
		return;
	case FAULT_NONE:
	case FAULT_BAD_ROW:
	case FAULT_TWICE:
		break;
	}
	if (header[0]) {
		answer(c, 429, header, b);
		return;
	}
	serve_rows(w, c, b);
	answer(c, 200, "", b);
}

static void put_uri(const struct world *w, struct art_buf *b, int id)
{
	if (w->huge_uri) {
		art_buf_put(b, "data:application/json,{\\\"name\\\":\\\"");
		for (int i = 0; i < 5120; i++)
			art_buf_putf(b, "%01024d", i);
		art_buf_put(b, "\\\"}");
	} else {
		art_buf_putf(b, "%s/doc/%d", w->documents_elsewhere ? w->other.url : w->server.url, w->one_url ? 1 : id);
	}
}

/* The backend's form: offsets, and nothing around the list. */
static void serve_backend(struct world *w, struct loop_call *c, struct art_buf *b)
{
	int64_t limit = parameter(c->path, "limit=", 20), offset = parameter(c->path, "offset=", 0);

	count(w, &w->list_calls);
	if (!strstr(c->path, "oasf_skill=ai_ml_engineering%2Fmodel_training") &&
	    !strstr(c->path, "oasf_skill=" SKILL))
		count(w, &w->lists_unfiltered);
	art_buf_put(b, "{\"items\":[");
	for (int64_t i = offset; i < offset + limit && i < w->rows; i++) {
		art_buf_put(b, i == offset ? "" : ",");
		put_row(w, b, w->first_id + (int)i);
	}
	art_buf_putf(b, "],\"total\":%d,\"limit\":%lld,\"offset\":%lld}", w->rows, (long long)limit, (long long)offset);
	answer(c, 200, "", b);
}

static void serve_detail(struct world *w, struct loop_call *c, struct art_buf *b)
{
	int id = (int)strtol(strrchr(c->path, '/') + 1, NULL, 10);

	count(w, &w->detail_calls);
	art_buf_putf(b, "{\"success\":true,\"data\":{\"agent_id\":\"84532:" REGISTRY ":%d\",\"token_id\":\"%d\",\"chain_id\":84532,"
			"\"contract_address\":\"" REGISTRY "\",\"name\":\"detail name\",\"raw_metadata\":{\"offchain_uri\":\"", id, id);
	put_uri(w, b, id);
	art_buf_put(b, "\",\"offchain_content\":");
	if (w->huge_uri)
		art_buf_put(b, "null");
	else
		put_document(w, b, id, SKILL);
	art_buf_put(b, "}}}");
	answer(c, 200, "", b);
}

static void serve_document(struct world *w, struct loop_call *c, struct art_buf *b)
{
	int id = (int)strtol(strrchr(c->path, '/') + 1, NULL, 10);

	count(w, &w->doc_calls);
	switch (w->doc) {
	case DOC_GOOD:
		put_document(w, b, id, strncmp(c->path, "/doc2/", 6) ? SKILL : w->other_doc_skill);
		answer(c, 200, "", b);
		break;
	case DOC_LARGE:
		loop_printf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"name\":\"");
		for (int i = 0; i < 1200; i++) {
			char kilo[1024];

			memset(kilo, 'a', sizeof(kilo));
			loop_send(c, kilo, sizeof(kilo));
		}
		break;
	case DOC_SLOW:
		loop_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
		poll(&(struct pollfd){ .fd = w->server.stop, .events = POLLIN }, 1, 8000);
		break;
	case DOC_TO_METADATA:
		loop_printf(c, "HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n");
		break;
	case DOC_LOOP:
		loop_printf(c, "HTTP/1.1 302 X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", c->path);
		break;
	case DOC_404:
		answer(c, 404, "", b);
		break;
	}
}

static void serve_worker(struct world *w, struct loop_call *c, struct art_buf *b)
{
	if (w->workers_dead) {
		answer(c, 404, "", b);
	} else if (!strcmp(c->method, "POST")) {
		count(w, &w->probe_calls);
		art_buf_put(b, "{\"x402Version\":2,\"error\":\"payment required\",\"accepts\":[{\"scheme\":\"exact\",\"network\":\"eip155:84532\","
			       "\"amount\":\"10000\",\"asset\":\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\",\"payTo\":\"" PAY_TO "\","
			       "\"maxTimeoutSeconds\":600,\"extra\":{\"name\":\"USDC\",\"version\":\"2\"}}]}");
		answer(c, 402, "", b);
	} else {
		art_buf_put(b, "{\"status\":\"ok\",\"busy\":false,\"timeoutSeconds\":300}");
		answer(c, 200, "", b);
	}
}

/* ---- the node ----------------------------------------------------------------------------------------- */

static void put_word(struct art_buf *b, uint64_t v)
{
	art_buf_putf(b, "%064llx", (unsigned long long)v);
}

static void put_log(struct art_buf *b, const struct chain_log *l)
{
	static const char *const topics[] = {
		"0xca52e62c367d81bb2e328eb795f7c7ba24afb478408a26c0e201d155c449bc4a",
		"0x3a2c7fffc2cba7582c690e3b82c453ea02a308326a98a3ad7576c606336409fb",
	};
	size_t n = strlen(l->uri);

	art_buf_putf(b, "{\"address\":\"" REGISTRY "\",\"blockNumber\":\"0x%llx\",\"logIndex\":\"0x0\",\"transactionIndex\":\"0x0\","
			"\"blockHash\":\"0x%064d\",\"transactionHash\":\"0x%064d\",\"removed\":false,\"topics\":[\"%s\",\"0x",
		     (unsigned long long)l->block, 7, 8, topics[l->kind]);
	put_word(b, (uint64_t)l->agent);
	art_buf_put(b, "\",\"0x000000000000000000000000" OWNER "\"],\"data\":\"0x");
	put_word(b, 32);
	put_word(b, n);
	for (size_t i = 0; i < n; i++)
		art_buf_putf(b, "%02x", (unsigned char)l->uri[i]);
	for (size_t i = n; i % 32; i++)
		art_buf_put(b, "00");
	art_buf_put(b, "\"}");
}

static void serve_logs(struct world *w, const struct json *filter, struct art_buf *b)
{
	uint64_t from = strtoull(json_str(json_get(filter, "fromBlock")), NULL, 16),
		 to = strtoull(json_str(json_get(filter, "toBlock")), NULL, 16);
	bool first = true;

	if (count(w, &w->log_calls) == w->log_call_that_fails) {
		art_buf_put(b, "7");
		return;
	}
	if (!w->from_block || from < w->from_block)
		w->from_block = from;
	art_buf_put(b, "[");
	for (int i = 0; i < w->n_logs; i++) {
		if (w->logs[i].block < from || w->logs[i].block > to)
			continue;
		art_buf_put(b, first ? "" : ",");
		first = false;
		put_log(b, &w->logs[i]);
	}
	art_buf_put(b, "]");
}

/* Reads: the owner and the wallet of everybody, and the URI of nobody. */
static void serve_read(const struct json *call, struct art_buf *b)
{
	const char *data = json_str(json_get(call, "data")) ? json_str(json_get(call, "data")) : json_str(json_get(call, "input"));

	if (!strncmp(data, "0x6352211e", 10) || !strncmp(data, "0x00339509", 10))
		art_buf_put(b, "\"0x000000000000000000000000" OWNER "\"");
	else
		art_buf_put(b, "\"0x\"");
}

static void serve_node(struct world *w, struct loop_call *c, struct art_buf *b)
{
	const char *body = strstr(c->request, "\r\n\r\n") + 4, *method;
	struct json *j = NULL;

	assert_int_equal(json_parse(&j, body, strlen(body), 1 << 20, NULL), ART_OK);
	method = json_str(json_get(j, "method"));
	art_buf_putf(b, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":", (long long)json_int(json_get(j, "id")).v);
	if (!strcmp(method, "eth_chainId"))
		art_buf_put(b, "\"0x14a34\"");
	else if (!strcmp(method, "eth_getBlockByNumber"))
		art_buf_putf(b, "{\"number\":\"0x%llx\",\"timestamp\":\"0x65\"}", (unsigned long long)w->head);
	else if (!strcmp(method, "eth_getLogs"))
		serve_logs(w, json_at(json_get(j, "params"), 0), b);
	else
		serve_read(json_at(json_get(j, "params"), 0), b);
	art_buf_put(b, "}");
	json_free(j);
	answer(c, 200, "", b);
}

static void serve_bazaar(struct world *w, struct loop_call *c, struct art_buf *b)
{
	if (w->bazaar_broken) {
		art_buf_put(b, "{\"items\":{\"resource\":\"x\"}}");
		answer(c, 200, "", b);
		return;
	}
	art_buf_putf(b, "{\"x402Version\":2,\"items\":["
			"{\"resource\":\"%s/b1/experiment\",\"type\":\"http\",\"accepts\":[{\"payTo\":\"0x3333333333333333333333333333333333333333\"}]},"
			"{\"resource\":\"%s/b2/experiment\",\"type\":\"http\",\"accepts\":[{\"payTo\":\"0x" OWNER "\"}]},"
			"{\"resource\":\"%s/b3/x\",\"description\":\"does " SKILL " for you\",\"accepts\":[]},"
			"{\"resource\":\"%s/weather\",\"description\":\"weather\",\"accepts\":[]},"
			"{\"resource\":7},[]],\"pagination\":{\"limit\":100,\"offset\":0,\"total\":6}}",
		     w->server.url, w->server.url, w->server.url, w->server.url);
	answer(c, 200, "", b);
}

static void serve(void *arg, struct loop_call *c)
{
	struct world *w = arg;
	struct art_buf b;

	art_buf_init(&b, 32u << 20);
	if (!strncmp(c->path, "/rpc", 4)) {
		serve_node(w, c, &b);
	} else if (!strncmp(c->path, "/back/agents?", 13)) {
		serve_backend(w, c, &b);
	} else if (!strncmp(c->path, "/api/agents/", 12)) {
		serve_detail(w, c, &b);
	} else if (!strncmp(c->path, "/api/agents", 11)) {
		serve_list(w, c, &b);
	} else if (!strncmp(c->path, "/doc", 4)) {
		serve_document(w, c, &b);
	} else if (!strncmp(c->path, "/.well-known/", 13)) {
		count(w, &w->well_known_calls);
		if (w->well_known_id)
			put_document(w, &b, w->well_known_id, SKILL);
		answer(c, w->well_known_id ? 200 : 404, "", &b);
	} else if (!strncmp(c->path, "/discovery/", 11)) {
		serve_bazaar(w, c, &b);
	} else if (!strncmp(c->path, "/w", 2) || !strncmp(c->path, "/b", 2)) {
		serve_worker(w, c, &b);
	} else {
		answer(c, 404, "", &b);
	}
	art_buf_destroy(&b);
}

/* ---- the world ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void set(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->overrides[w->n_overrides++], sizeof(w->overrides[0]), fmt, ap);
	va_end(ap);
}

/* The configuration as set so far. */
static void load(struct world *w)
{
	const char *list[20];

	for (int i = 0; i < w->n_overrides; i++)
		list[i] = w->overrides[i];
	config_free(w->config);
	ok(config_load(&w->config, NULL, list, w->n_overrides, &err));
	ok(chains_load(&w->chains, w->config, &err));
	w->m = (struct market){ .http = w->http, .store = w->st, .config = w->config, .chains = &w->chains,
				.cancel = &w->cancel };
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	pthread_mutex_init(&w->lock, NULL);
	snprintf(w->dir, sizeof(w->dir), "/tmp/artui-test.XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/artui.db", w->dir);
	ok(store_open(&w->st, w->path, STORE_CREATE, 2000, &err));
	loop_start(&w->server, serve, w);
	loop_start(&w->other, serve, w);
	ok(http_open(&w->http, NULL, &err));
	w->rows = 3;
	w->first_id = 1;
	set(w, "scan.url=%s/api", w->server.url);
	set(w, "scan.timeout_s=2");
	set(w, "scan.per_minute=1000");
	set(w, "scan.per_day=100000");
	set(w, "market.sources=8004scan");
	set(w, "market.chains=base-sepolia");
	set(w, "market.skills=" SKILL);
	set(w, "market.deadline_s=2");
	set(w, "market.bazaar=%s", w->server.url);
	set(w, "net.allow_private=true");
	load(w);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	char path[160];
	static const char *const names[] = { "artui.db", "artui.db-wal", "artui.db-shm", "key" };

	art_clock_set_for_test(0);
	market_report_destroy(&w->report);
	http_close(w->http);
	loop_stop(&w->server);
	loop_stop(&w->other);
	store_close(w->st);
	config_free(w->config);
	for (size_t i = 0; i < ART_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	rmdir(w->dir);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}

static enum art_status discover(struct world *w)
{
	struct market_ask ask = { 0 };

	market_report_destroy(&w->report);
	err = (struct art_err){ 0 };
	return market_discover(&w->m, &ask, &w->report, &err);
}

static int64_t agents(struct world *w)
{
	return number(w->path, "SELECT count(*) FROM agent");
}

static int events_of(struct world *w, const char *kind)
{
	struct event_query q = { 0 };
	struct event_list l = { 0 };
	int n = 0;

	ok(event_query(w->st, &q, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		n += !strcmp(l.rows[i].kind, kind);
	event_list_destroy(&l);
	return n;
}

static struct source_row source(struct world *w, const char *name)
{
	struct source_row r;

	ok(source_get(w->st, name, &r, &err));
	return r;
}

static struct agent_row agent(struct world *w, const char *text)
{
	struct agent_row r;

	ok(agent_find_text(w->st, text, &r, &err));
	return r;
}

static struct worker_list workers(struct world *w, bool all)
{
	struct worker_query q = { .all = all, .sort = WORKERS_BY_NAME };
	struct worker_list l = { 0 };

	ok(worker_query(w->st, &q, &l, &err));
	return l;
}

static void fact_is(struct world *w, int64_t id, const char *key, enum fact_origin o, const char *value)
{
	struct agent_facts f = { 0 };
	const struct agent_fact *fact;

	ok(agent_facts(w->st, id, &f, &err));
	fact = agent_fact_of(&f, key, o);
	if (!value)
		assert_null(fact);
	else if (!fact || strcmp(fact->value, value))
		fail_msg("%s is '%s' and not '%s'", key, fact ? fact->value : "(not told)", value);
	agent_facts_destroy(&f);
}

/* ---- tests ------------------------------------------------------------------------------------------------ */

static void a_discovery_must_end_in_probed_workers(void **state)
{
	struct world *w = *state;
	struct worker_list l;
	struct agent_row a;

	ok(discover(w));
	assert_int_equal(w->report.documents, 3);
	assert_int_equal(w->report.bad_documents, 0);
	assert_int_equal(w->report.probes, 3);
	assert_int_equal(w->report.alive, 3);
	assert_true(w->report.any_ok);
	assert_int_equal(w->lists_unfiltered, 0);
	a = agent(w, "84532:2");
	assert_true(a.matches);
	assert_string_equal(a.name, "GPU 2");
	fact_is(w, a.id, "name", ORIGIN_SCAN, "GPU 2");
	fact_is(w, a.id, "owner", ORIGIN_DOCUMENT, NULL);
	fact_is(w, a.id, "gpu", ORIGIN_DOCUMENT, "H100");
	l = workers(w, false);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.rows[0].probe.alive, WORKER_ALIVE);
	assert_true(l.rows[0].probe.priced);
	assert_int_equal(l.rows[0].probe.status, 402);
	assert_string_equal(l.rows[0].gpu, "H100");
	worker_list_destroy(&l);
	assert_int_equal(events_of(w, "market.discover"), 1);
	assert_int_equal(source(w, "8004scan").rows, 3);
}

static void what_is_fresh_must_not_be_asked_again_when_so_asked(void **state)
{
	struct world *w = *state;
	struct market_ask ask = { .stale_only = true };

	ok(discover(w));
	market_report_destroy(&w->report);
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(w->report.documents, 0);
	assert_int_equal(w->report.probes, 0);
	assert_int_equal(w->detail_calls, 3);
	market_report_destroy(&w->report);
	ask.probe_anew = true;
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(w->report.documents, 0);
	assert_int_equal(w->report.probes, 3);
}

static void a_refusal_must_hold_until_it_says(struct world *w, enum fault f)
{
	struct source_row r;

	art_clock_set_for_test(1800000000 * (int64_t)1000000);
	w->fault = f;
	fails(discover(w), ART_NET);
	assert_int_equal(w->list_calls, 1);
	r = source(w, "8004scan");
	assert_int_equal(r.failures, 1);
	assert_non_null(strstr(r.error, "429"));
	assert_int_equal(r.ok_at, 0);
	/* A second try is not even sent, and told no second time. */
	w->fault = FAULT_NONE;
	fails(discover(w), ART_NET);
	assert_int_equal(w->list_calls, 1);
	assert_int_equal(events_of(w, "source.failed"), 1);
	art_clock_set_for_test((1800000000 + 3601) * (int64_t)1000000);
	ok(discover(w));
	assert_int_equal(events_of(w, "source.ok"), 1);
	assert_int_equal(agents(w), 3);
}

static void retry_after_must_be_kept(void **state)
{
	a_refusal_must_hold_until_it_says(*state, FAULT_RETRY_AFTER);
}

static void an_iso_reset_must_be_kept(void **state)
{
	a_refusal_must_hold_until_it_says(*state, FAULT_RESET_ISO);
}

static void a_unix_reset_must_be_kept(void **state)
{
	a_refusal_must_hold_until_it_says(*state, FAULT_RESET_UNIX);
}

static void a_service_that_fails_half_the_time_must_serve(void **state)
{
	struct world *w = *state;

	w->fault = FAULT_HALF_500;
	ok(discover(w));
	assert_int_equal(agents(w), 3);
	assert_int_equal(w->list_calls, 2);
}

static void a_failure_must_be_told_once_and_blank_nothing(void **state)
{
	struct world *w = *state;
	struct source_row r;

	ok(discover(w));
	w->fault = FAULT_ALL_500;
	fails(discover(w), ART_NET);
	fails(discover(w), ART_NET);
	assert_int_equal(events_of(w, "source.failed"), 1);
	assert_int_equal(agents(w), 3);
	r = source(w, "8004scan");
	assert_int_equal(r.rows, 3);
	assert_int_equal(r.failures, 2);
	assert_non_null(strstr(r.error, "500"));
	assert_non_null(strstr(r.error, "fishing"));
	assert_null(strchr(r.error, '\033'));
}

/* An answer that is none: an error with words, and nothing stored. */
static void must_fail_cleanly(struct world *w, enum fault f)
{
	w->fault = f;
	fails(discover(w), ART_NET);
	assert_int_equal(agents(w), 0);
	assert_int_equal(source(w, "8004scan").failures, 1);
	assert_true(strlen(source(w, "8004scan").error) > 10);
	w->fault = FAULT_NONE;
	ok(discover(w));
	assert_int_equal(agents(w), 3);
}

static void truncated_json_must_fail_the_source_alone(void **state)
{
	must_fail_cleanly(*state, FAULT_TRUNCATED);
}

static void an_oversized_page_must_fail_the_source_alone(void **state)
{
	must_fail_cleanly(*state, FAULT_OVERSIZED);
}

static void a_page_of_millions_of_values_must_not_be_built(void **state)
{
	must_fail_cleanly(*state, FAULT_DENSE);
}

static void wrong_types_must_fail_the_source_alone(void **state)
{
	must_fail_cleanly(*state, FAULT_TYPES);
}

static void a_redirect_to_a_private_address_must_be_refused(void **state)
{
	struct world *w = *state;

	set(w, "net.allow_private=false");
	load(w);
	w->fault = FAULT_TO_METADATA;
	fails(discover(w), ART_NET);
	assert_non_null(strstr(source(w, "8004scan").error, "private"));
}

static void a_slow_service_must_be_cut_by_its_deadline(void **state)
{
	struct world *w = *state;
	int64_t t0 = art_mono_us();

	set(w, "scan.timeout_s=1");
	set(w, "market.skills=" SKILL " machine_learning/model_optimization");
	load(w);
	w->fault = FAULT_SLOW;
	fails(discover(w), ART_NET);
	/* What ran into the timeout is not tried again, and no other list is. */
	assert_int_equal(w->list_calls, 1);
	assert_true(art_mono_us() - t0 < 2500000);
}

static void one_bad_row_must_be_one_bad_row(void **state)
{
	struct world *w = *state;

	w->fault = FAULT_BAD_ROW;
	ok(discover(w));
	assert_int_equal(agents(w), 3);
	assert_int_equal(source(w, "8004scan").bad, 2);
}

static void the_same_agent_twice_must_be_one(void **state)
{
	struct world *w = *state;

	w->fault = FAULT_TWICE;
	ok(discover(w));
	assert_int_equal(agents(w), 1);
	assert_int_equal(source(w, "8004scan").rows, 1);
}

static void ten_thousand_rows_must_stop_at_the_limit(void **state)
{
	struct world *w = *state;

	w->rows = 10000;
	w->inline_documents = true;
	set(w, "market.limit=250");
	load(w);
	struct market_ask ask = { .no_probe = true };
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(agents(w), 250);
	assert_int_equal(w->list_calls, 3);
	assert_int_equal(source(w, "8004scan").rows, 250);
}

static void the_backend_must_be_asked_in_its_own_words(void **state)
{
	struct world *w = *state;

	set(w, "market.sources=8004scan-backend");
	set(w, "scan.backend_url=%s/back", w->server.url);
	set(w, "market.limit=150");
	load(w);
	w->rows = 240;
	w->inline_documents = true;
	struct market_ask ask = { .no_probe = true };
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(w->list_calls, 2);
	assert_int_equal(w->lists_unfiltered, 0);
	assert_int_equal(agents(w), 150);
	assert_true(agent(w, "84532:150").matches);
}

static void the_budget_must_be_kept(void **state)
{
	struct world *w = *state;

	art_clock_set_for_test(1800000000 * (int64_t)1000000);
	set(w, "scan.per_minute=3");
	load(w);
	w->rows = 20;
	ok(discover(w));
	/* One list, then details while tokens last, without waiting; a list with none left fails. */
	assert_int_equal(w->list_calls, 1);
	assert_int_equal(w->detail_calls, 2);
	fails(discover(w), ART_NET);
	assert_int_equal(w->list_calls, 1);
	assert_int_equal(agents(w), 20);
	/* A minute later the ones never read come first. */
	art_clock_set_for_test((1800000000 + 61) * (int64_t)1000000);
	ok(discover(w));
	assert_int_equal(w->detail_calls, 4);
	assert_int_equal(number(w->path, "SELECT count(DISTINCT agent_id) FROM agent_fact WHERE key = 'scan_detail_at'"), 4);
}

static void write_key(struct world *w, int mode)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/key", w->dir);
	ok(art_write_file(path, "sk-secret-9\n", 12, mode, &err));
	set(w, "scan.key_file=%s", path);
	load(w);
}

static void the_key_must_be_sent_in_both_headers_and_only_to_its_service(void **state)
{
	struct world *w = *state;
	char last[8192];

	write_key(w, 0600);
	w->fault = FAULT_REDIRECT_KEY;
	fails(discover(w), ART_NET);
	loop_last(&w->server, last);
	assert_non_null(strstr(last, "X-API-Key: sk-secret-9\r\n"));
	assert_non_null(strstr(last, "Authorization: Bearer sk-secret-9\r\n"));
	loop_last(&w->other, last);
	assert_non_null(strstr(last, "GET /elsewhere"));
	assert_null(strstr(last, "sk-secret-9"));
	assert_null(strstr(source(w, "8004scan").error, "sk-secret"));
}

static void the_key_must_not_travel_in_the_clear(void **state)
{
	struct world *w = *state;

	set(w, "scan.url=http://192.0.2.1/api");
	write_key(w, 0600);
	fails(discover(w), ART_NET);
	assert_non_null(strstr(source(w, "8004scan").error, "only https"));
}

static void a_key_that_others_can_read_must_be_refused(void **state)
{
	struct world *w = *state;

	write_key(w, 0640);
	fails(discover(w), ART_NET);
	assert_non_null(strstr(source(w, "8004scan").error, "can be read by others"));
	assert_int_equal(w->list_calls, 0);
}

static void bad_documents_must_be_bad_documents(void **state, int doc, const char *why)
{
	struct world *w = *state;
	struct agent_row a;

	w->doc = doc;
	ok(discover(w));
	assert_int_equal(w->report.documents, 3);
	assert_int_equal(w->report.bad_documents, 3);
	a = agent(w, "84532:1");
	if (!strstr(a.broken, why))
		fail_msg("'%s' does not say '%s'", a.broken, why);
	assert_true(a.document_at > 0);
	/* What the index holds of it stays. */
	assert_string_equal(a.name, "GPU 1");
	/* And it heals. */
	w->doc = DOC_GOOD;
	ok(discover(w));
	assert_string_equal(agent(w, "84532:1").broken, "");
}

static void a_large_document_must_be_cut(void **state)
{
	bad_documents_must_be_bad_documents(state, DOC_LARGE, "larger than");
}

static void a_slow_document_must_be_cut_by_the_deadline(void **state)
{
	int64_t t0 = art_mono_us();

	bad_documents_must_be_bad_documents(state, DOC_SLOW, "in time");
	assert_true(art_mono_us() - t0 < 6000000);
}

static void redirects_without_end_must_end(void **state)
{
	bad_documents_must_be_bad_documents(state, DOC_LOOP, "HTTP 302");
}

static void a_missing_document_must_say_so(void **state)
{
	bad_documents_must_be_bad_documents(state, DOC_404, "HTTP 404");
}

static void private_addresses_must_be_refused_by_default(void **state)
{
	struct world *w = *state;
	struct worker_list l;

	/* The index lies on the same address, and its connection is still open: not for strangers' documents. */
	set(w, "net.allow_private=false");
	load(w);
	ok(discover(w));
	assert_int_equal(w->doc_calls, 0);
	assert_int_equal(w->probe_calls, 0);
	assert_non_null(strstr(agent(w, "84532:1").broken, "private"));
	l = workers(w, false);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.rows[0].probe.alive, WORKER_DEAD);
	assert_non_null(strstr(l.rows[0].probe.error, "private"));
	worker_list_destroy(&l);
}

static void a_skill_that_nobody_asked_for_must_match_nothing(void **state)
{
	struct world *w = *state;
	struct worker_list l;

	set(w, "market.skills=astronomy/telescope_pointing");
	load(w);
	ok(discover(w));
	assert_int_equal(agents(w), 3);
	assert_int_equal(w->lists_unfiltered, 0);
	assert_int_equal(w->probe_calls, 0);
	l = workers(w, false);
	assert_int_equal(l.n, 0);
	worker_list_destroy(&l);
	l = workers(w, true);
	assert_int_equal(l.n, 3);
	worker_list_destroy(&l);
}

static void a_skill_that_is_asked_for_once_must_make_nobody_ours(void **state)
{
	struct world *w = *state;
	struct market_ask ask = { .skills = SKILL };
	struct worker_list l;

	set(w, "market.skills=astronomy/telescope_pointing");
	load(w);
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(agents(w), 3);
	assert_int_equal(w->probe_calls, 0);
	l = workers(w, false);
	assert_int_equal(l.n, 0);
	worker_list_destroy(&l);
	/* Nor does asking for another one take those away that are. */
	set(w, "market.skills=" SKILL);
	load(w);
	market_report_destroy(&w->report);
	ask.skills = "astronomy/telescope_pointing";
	ok(market_discover(&w->m, &ask, &w->report, &err));
	l = workers(w, false);
	assert_int_equal(l.n, 3);
	worker_list_destroy(&l);
}

static void dead_workers_must_be_quarantined_and_left_alone(void **state)
{
	struct world *w = *state;
	struct worker_list l;

	w->workers_dead = true;
	for (int i = 0; i < 3; i++)
		ok(discover(w));
	l = workers(w, false);
	assert_int_equal(l.rows[0].trust.failures, 3);
	assert_true(l.rows[0].trust.quarantine_until > art_now_us());
	ok(discover(w));
	assert_int_equal(w->report.probes, 0);
	/* By hand it is asked all the same, and an answer ends it. */
	w->workers_dead = false;
	ok(market_probe(&w->m, &l.rows[0].id, 1, &err));
	worker_list_destroy(&l);
	l = workers(w, false);
	assert_int_equal(l.rows[0].trust.failures, 0);
	assert_int_equal(l.rows[0].trust.quarantine_until, 0);
	worker_list_destroy(&l);
}

static void an_endpoint_added_by_hand_must_be_probed(void **state)
{
	struct world *w = *state;
	char url[128];
	int64_t id;

	/* At a private address too: it was typed. */
	set(w, "market.sources=static");
	set(w, "net.allow_private=false");
	load(w);
	fails(discover(w), ART_NET);
	snprintf(url, sizeof(url), "%s/w9/experiment", w->server.url);
	ok(market_add(&w->m, url, &id, &err));
	fails(market_add(&w->m, "ftp://x", &id, &err), ART_INVALID);
	ok(discover(w));
	assert_int_equal(w->report.alive, 1);
	assert_int_equal(source(w, "static").rows, 1);
}

/* ---- the chain ---------------------------------------------------------------------------------------------- */

static void add_log(struct world *w, uint64_t block, int kind, int id, const char *uri)
{
	struct chain_log *l = &w->logs[w->n_logs++];

	*l = (struct chain_log){ .block = block, .kind = kind, .agent = id };
	art_copy(l->uri, sizeof(l->uri), uri);
}

static void on_chain(struct world *w)
{
	char uri[128];

	set(w, "market.sources=chain");
	set(w, "chain.base-sepolia.rpc=%s/rpc", w->server.url);
	load(w);
	for (int i = 0; i < w->chains.n; i++)
		w->chains.list[i].identity_block = 100;
	w->head = 100000;
	snprintf(uri, sizeof(uri), "%s/doc/5", w->server.url);
	add_log(w, 60000, 0, 5, uri);
}

static void a_registry_must_be_read_from_its_logs(void **state)
{
	struct world *w = *state;
	struct agent_row a;

	on_chain(w);
	ok(discover(w));
	a = agent(w, "84532:5");
	assert_true(a.matches);
	assert_string_equal(a.sources, "chain:base-sepolia");
	fact_is(w, a.id, "owner", ORIGIN_CHAIN, "0x" OWNER);
	fact_is(w, a.id, "wallet", ORIGIN_CHAIN, "0x" OWNER);
	assert_int_equal(w->report.alive, 1);
	/* The history that was asked for, and not the newest two. */
	assert_int_equal(w->from_block, 99998 - 50000 + 1);
	assert_string_equal(source(w, "chain:base-sepolia").cursor, "99999");
	assert_int_equal(source(w, "chain:base-sepolia").rows, 1);
}

static void the_cursor_must_survive_a_restart(void **state)
{
	struct world *w = *state;
	int calls;

	on_chain(w);
	ok(discover(w));
	calls = w->log_calls;
	assert_true(calls >= 3);
	store_close(w->st);
	ok(store_open(&w->st, w->path, 0, 2000, &err));
	w->m.store = w->st;
	w->from_block = 0;
	w->head += 10;
	add_log(w, 100005, 0, 6, "");
	ok(discover(w));
	assert_int_equal(w->log_calls, calls + 1);
	assert_in_range(w->from_block, 99999 - 64, 99999);
	assert_int_equal(agents(w), 2);
	assert_string_equal(source(w, "chain:base-sepolia").cursor, "100009");
}

static void a_walk_that_breaks_must_go_on_where_it_broke(void **state)
{
	struct world *w = *state;
	int64_t cursor;

	on_chain(w);
	w->log_call_that_fails = 3;
	fails(discover(w), ART_NET);
	assert_true(art_parse_i64(source(w, "chain:base-sepolia").cursor, &cursor));
	assert_true(cursor > 49999 && cursor < 99999);
	w->from_block = 0;
	ok(discover(w));
	assert_int_equal(w->from_block, cursor - 64);
	assert_string_equal(source(w, "chain:base-sepolia").cursor, "99999");
	assert_int_equal(agents(w), 1);
}

static void a_changed_uri_must_make_the_document_old(void **state)
{
	struct world *w = *state;
	struct market_ask ask = { .stale_only = true };
	char uri[128];
	struct worker_list l;

	on_chain(w);
	ok(discover(w));
	assert_int_equal(w->doc_calls, 1);
	w->head += 100;
	w->other_doc_skill = "cooking/soup";
	snprintf(uri, sizeof(uri), "%s/doc2/5", w->server.url);
	add_log(w, 100050, 1, 5, uri);
	market_report_destroy(&w->report);
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(w->doc_calls, 2);
	assert_false(agent(w, "84532:5").matches);
	/* Its endpoint is nobody to pay any more. */
	l = workers(w, false);
	assert_int_equal(l.n, 0);
	worker_list_destroy(&l);
	market_report_destroy(&w->report);
	ok(market_discover(&w->m, &ask, &w->report, &err));
	assert_int_equal(w->doc_calls, 2);
}

static void a_chain_that_began_anew_must_be_read_anew(void **state)
{
	struct world *w = *state;

	on_chain(w);
	ok(discover(w));
	w->head = 300;
	w->n_logs = 0;
	add_log(w, 300, 0, 1, "");
	ok(discover(w));
	assert_int_equal(agents(w), 2);
	assert_string_equal(source(w, "chain:base-sepolia").cursor, "301");
}

static void a_document_in_the_uri_must_be_read_from_the_log(void **state)
{
	struct world *w = *state;

	on_chain(w);
	add_log(w, 60001, 0, 7, "data:application/json,{\"type\":\"https://eips.ethereum.org/EIPS/eip-8004%23registration-v1\","
				"\"name\":\"inline\",\"services\":[{\"name\":\"OASF\",\"skills\":[\"" SKILL "\"]}]}");
	ok(discover(w));
	assert_string_equal(agent(w, "84532:7").name, "inline");
	assert_true(agent(w, "84532:7").matches);
	assert_string_equal(agent(w, "84532:7").broken, "");
}

/* ---- the catalogue ------------------------------------------------------------------------------------------- */

static void a_catalogue_must_match_by_skill_or_by_wallet(void **state)
{
	struct world *w = *state;
	struct worker_list l;
	int matching = 0;

	on_chain(w);
	ok(discover(w));
	art_copy(w->overrides[w->n_overrides++], sizeof(w->overrides[0]), "market.sources=bazaar");
	load(w);
	ok(discover(w));
	l = workers(w, true);
	for (size_t i = 0; i < l.n; i++) {
		matching += strstr(l.rows[i].sources, "bazaar:127.0.0.1") && l.rows[i].matches;
		if (strstr(l.rows[i].url, "/b1"))
			assert_false(l.rows[i].matches);
		if (strstr(l.rows[i].url, "/b2"))
			assert_int_equal(l.rows[i].agent_id, agent(w, "84532:5").id);
		assert_null(strstr(l.rows[i].url, "weather"));
	}
	assert_int_equal(l.n, 4); /* one of the chain's */
	assert_int_equal(matching, 2);
	worker_list_destroy(&l);
	assert_int_equal(source(w, "bazaar:127.0.0.1").bad, 2);
	assert_int_equal(source(w, "bazaar:127.0.0.1").rows, 3);
}

static void two_catalogues_of_one_host_must_be_two(void **state)
{
	struct world *w = *state;
	char name[48];

	set(w, "market.sources=bazaar");
	set(w, "market.bazaar=%s %s/more %s", w->server.url, w->server.url, w->other.url);
	load(w);
	ok(discover(w));
	assert_int_equal(w->report.sources.n, 3);
	snprintf(name, sizeof(name), "bazaar:127.0.0.1:%d", w->other.port);
	assert_int_equal(source(w, name).rows, 3);
}

static void a_catalogue_of_wrong_types_must_fail_alone(void **state)
{
	struct world *w = *state;

	set(w, "market.sources=8004scan bazaar");
	load(w);
	w->bazaar_broken = true;
	ok(discover(w));
	assert_int_equal(w->report.sources.n, 2);
	assert_int_equal(source(w, "bazaar:127.0.0.1").failures, 1);
	assert_int_equal(source(w, "8004scan").failures, 0);
	assert_int_equal(w->report.alive, 3);
}

/* ---- whose domain it is --------------------------------------------------------------------------------------- */

static void a_document_on_the_endpoints_host_must_need_no_other_proof(void **state)
{
	struct world *w = *state;

	ok(discover(w));
	assert_int_equal(w->well_known_calls, 0);
	fact_is(w, agent(w, "84532:1").id, "domain_verified", ORIGIN_DOCUMENT, "yes");
}

static void a_copied_document_must_not_verify_its_copier(void **state)
{
	struct world *w = *state;
	struct agent_row a;

	w->one_url = true;
	ok(discover(w));
	/* One fetch for all of them, and only the one it names is verified. */
	assert_int_equal(w->doc_calls, 1);
	assert_int_equal(w->report.documents, 3);
	fact_is(w, agent(w, "84532:1").id, "domain_verified", ORIGIN_DOCUMENT, "yes");
	a = agent(w, "84532:2");
	fact_is(w, a.id, "domain_verified", ORIGIN_DOCUMENT, "no: the document on its host does not name this agent");
}

static void the_endpoints_host_must_be_asked_when_the_document_lies_elsewhere(void **state)
{
	struct world *w = *state;
	struct agent_facts f = { 0 };

	w->documents_elsewhere = true;
	w->well_known_id = 2;
	ok(discover(w));
	assert_int_equal(w->well_known_calls, 1); /* it is one host */
	fact_is(w, agent(w, "84532:2").id, "domain_verified", ORIGIN_DOCUMENT, "yes");
	fact_is(w, agent(w, "84532:1").id, "domain_verified", ORIGIN_DOCUMENT,
		"no: /.well-known/agent-registration.json of its host does not name this agent");
	w->well_known_id = 0;
	ok(discover(w));
	ok(agent_facts(w->st, agent(w, "84532:2").id, &f, &err));
	assert_non_null(strstr(agent_fact_of(&f, "domain_verified", ORIGIN_DOCUMENT)->value, "no: "));
	agent_facts_destroy(&f);
}

static void a_data_uri_of_five_megabytes_must_be_nothing_to_read(void **state)
{
	struct world *w = *state;

	w->huge_uri = true;
	ok(discover(w));
	assert_int_equal(agents(w), 3);
	assert_int_equal(w->report.documents, 0);
	/* Each was asked for, and is a bad row; what the list told stays. */
	assert_int_equal(w->detail_calls, 3);
	assert_int_equal(source(w, "8004scan").bad, 3);
	fact_is(w, agent(w, "84532:1").id, "name", ORIGIN_SCAN, "index name 1");
	fact_is(w, agent(w, "84532:1").id, "uri", ORIGIN_SCAN, NULL);
}

static void agents_without_a_skill_must_not_be_read_again_and_again(void **state)
{
	struct world *w = *state;

	on_chain(w);
	add_log(w, 60002, 0, 8, "https://[::1]:1/doc");
	w->doc = DOC_404;
	ok(discover(w));
	assert_int_equal(w->report.documents, 2);
	ok(discover(w));
	assert_int_equal(w->report.documents, 0);
	art_clock_set_for_test(art_now_us() + 8 * 86400 * (int64_t)1000000);
	ok(discover(w));
	assert_int_equal(w->report.documents, 2);
}

/* ---- ending -------------------------------------------------------------------------------------------------- */

static void *cancel_soon(void *arg)
{
	poll(NULL, 0, 300);
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELAXED);
	return NULL;
}

static void cancelling_must_be_quick(void **state)
{
	struct world *w = *state;
	int64_t t0 = art_mono_us();
	pthread_t t;

	set(w, "market.deadline_s=60");
	load(w);
	w->doc = DOC_SLOW;
	assert_int_equal(pthread_create(&t, NULL, cancel_soon, &w->cancel), 0);
	fails(discover(w), ART_CANCELLED);
	assert_true(art_mono_us() - t0 < 2000000);
	pthread_join(t, NULL);
	assert_int_equal(agents(w), 3);
}

/* In a process of its own, which is killed while documents are awaited. */
static pid_t discover_elsewhere(struct world *w)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (store_open(&w->m.store, w->path, 0, 2000, &err) == ART_OK && http_open(&w->m.http, NULL, &err) == ART_OK)
		(void)!discover(w);
	_exit(0);
}

static void a_death_in_the_middle_must_lose_nothing_that_was_told(void **state)
{
	struct world *w = *state;
	pid_t pid;

#ifdef __SANITIZE_THREAD__
	printf("SKIP: the thread sanitizer allows no threads after a fork\n");
	skip();
#endif
	set(w, "market.deadline_s=60");
	load(w);
	w->doc = DOC_SLOW;
	pid = discover_elsewhere(w);
	for (int i = 0; i < 1000 && !__atomic_load_n(&w->doc_calls, __ATOMIC_RELAXED); i++)
		poll(NULL, 0, 10);
	assert_true(__atomic_load_n(&w->doc_calls, __ATOMIC_RELAXED) > 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(agents(w), 3);
	assert_int_equal(agent(w, "84532:1").document_at, 0);
	w->doc = DOC_GOOD;
	ok(discover(w));
	assert_int_equal(w->report.documents, 3);
	assert_int_equal(w->report.alive, 3);
	assert_int_equal(w->detail_calls, 3);
}

static void a_source_that_is_none_must_be_named(void **state)
{
	struct world *w = *state;

	set(w, "market.sources=8004scan altavista");
	load(w);
	fails(discover(w), ART_INVALID);
	assert_non_null(strstr(err.text, "altavista"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_discovery_must_end_in_probed_workers),
		T(what_is_fresh_must_not_be_asked_again_when_so_asked),
		T(retry_after_must_be_kept),
		T(an_iso_reset_must_be_kept),
		T(a_unix_reset_must_be_kept),
		T(a_service_that_fails_half_the_time_must_serve),
		T(a_failure_must_be_told_once_and_blank_nothing),
		T(truncated_json_must_fail_the_source_alone),
		T(an_oversized_page_must_fail_the_source_alone),
		T(a_page_of_millions_of_values_must_not_be_built),
		T(wrong_types_must_fail_the_source_alone),
		T(a_redirect_to_a_private_address_must_be_refused),
		T(a_slow_service_must_be_cut_by_its_deadline),
		T(one_bad_row_must_be_one_bad_row),
		T(the_same_agent_twice_must_be_one),
		T(ten_thousand_rows_must_stop_at_the_limit),
		T(the_backend_must_be_asked_in_its_own_words),
		T(the_budget_must_be_kept),
		T(the_key_must_be_sent_in_both_headers_and_only_to_its_service),
		T(the_key_must_not_travel_in_the_clear),
		T(a_key_that_others_can_read_must_be_refused),
		T(a_large_document_must_be_cut),
		T(a_slow_document_must_be_cut_by_the_deadline),
		T(redirects_without_end_must_end),
		T(a_missing_document_must_say_so),
		T(private_addresses_must_be_refused_by_default),
		T(a_skill_that_nobody_asked_for_must_match_nothing),
		T(a_skill_that_is_asked_for_once_must_make_nobody_ours),
		T(dead_workers_must_be_quarantined_and_left_alone),
		T(an_endpoint_added_by_hand_must_be_probed),
		T(a_registry_must_be_read_from_its_logs),
		T(the_cursor_must_survive_a_restart),
		T(a_walk_that_breaks_must_go_on_where_it_broke),
		T(a_changed_uri_must_make_the_document_old),
		T(a_chain_that_began_anew_must_be_read_anew),
		T(a_document_in_the_uri_must_be_read_from_the_log),
		T(a_catalogue_must_match_by_skill_or_by_wallet),
		T(two_catalogues_of_one_host_must_be_two),
		T(a_catalogue_of_wrong_types_must_fail_alone),
		T(a_document_on_the_endpoints_host_must_need_no_other_proof),
		T(a_copied_document_must_not_verify_its_copier),
		T(the_endpoints_host_must_be_asked_when_the_document_lies_elsewhere),
		T(a_data_uri_of_five_megabytes_must_be_nothing_to_read),
		T(agents_without_a_skill_must_not_be_read_again_and_again),
		T(cancelling_must_be_quick),
		T(a_death_in_the_middle_must_lose_nothing_that_was_told),
		T(a_source_that_is_none_must_be_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
