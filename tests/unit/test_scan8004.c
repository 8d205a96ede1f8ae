/*
 * test_scan8004.c - the index's two APIs: URLs, every envelope and form of row that was met, errors, limits, and pages
 * that are broken in one place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/market/scan8004.h"

#define BASE "https://scan.example/api/v1/public"
#define REGISTRY "0x8004a818bfb912233c491871b3d84c89a494bd9e"
#define MIXED "0x8004A818BFB912233c491871b3d84c89A494BD9e"
#define OWNER "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define NOW (INT64_C(1790000000) * 1000000)

struct fixture {
	struct scan_page page;
	struct scan_agent agent;
	struct scan_ask ask;
	struct http_response r;
	struct art_err err;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	f->ask = (struct scan_ask){ .limit = 100 };
	http_response_init(&f->r);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	scan_page_destroy(&f->page);
	scan_agent_destroy(&f->agent);
	http_response_destroy(&f->r);
	free(f);
	return 0;
}

static void says(struct fixture *f, enum art_status got, enum art_status want, const char *part)
{
	if (got != want || (want != ART_OK && !strstr(f->err.text, part)))
		fail_msg("%s: \"%s\" instead of %s with \"%s\"", art_status_text(got), f->err.text,
			 art_status_text(want), part);
}

static enum art_status page_of(struct fixture *f, const char *text, size_t len)
{
	scan_page_destroy(&f->page);
	memset(&f->err, 0, sizeof(f->err));
	return scan_page_read(&f->page, text, len, &f->ask, &f->err);
}

static void page_ok(struct fixture *f, const char *text)
{
	says(f, page_of(f, text, strlen(text)), ART_OK, "");
}

static const char *fact(const struct scan_agent *a, const char *key)
{
	for (int i = 0; i < a->n_facts; i++)
		if (!strcmp(a->facts[i].key, key))
			return a->facts[i].value;
	return NULL;
}

static int64_t as_of(const struct scan_agent *a, const char *key)
{
	for (int i = 0; i < a->n_facts; i++)
		if (!strcmp(a->facts[i].key, key))
			return a->facts[i].as_of;
	return -1;
}

/* ---- URLs ----------------------------------------------------------------------------------------- */

static void scan_list_url_must_spell_as_each_api_does(void **state)
{
	static const struct {
		enum scan_api api;
		struct scan_ask ask;
		const char *base, *url;
	} rows[] = {
		{ SCAN_PUBLIC, { .limit = 20 }, BASE, BASE "/agents?page=1&limit=20" },
		{ SCAN_PUBLIC, { .chain_id = 84532, .skill = "a/b c&d", .oasf_only = true, .testnet = true, .limit = 100,
				 .page = 2 }, BASE "//", BASE "/agents?page=3&limit=100&chainId=84532&isTestnet=true"
		  "&protocol=OASF&search=a%2Fb%20c%26d" },
		{ SCAN_BACKEND, { .chain_id = 8453, .skill = "a/b", .oasf_only = true, .testnet = true, .limit = 50, .page = 3 },
		  "http://127.0.0.1:9/api", "http://127.0.0.1:9/api/agents?limit=50&offset=150&chain_id=8453"
		  "&is_testnet=true&has_oasf=true&oasf_skill=a%2Fb" },
		{ SCAN_BACKEND, { .limit = 1000, .page = -4 }, BASE, BASE "/agents?limit=100&offset=0" },
		{ SCAN_PUBLIC, { .limit = -1, .page = INT64_MAX }, BASE,
		  BASE "/agents?page=92233720368547758&limit=1" },
	};
	char url[HTTP_URL_MAX];
	struct art_err err;

	(void)state;
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		assert_int_equal(scan_list_url(rows[i].api, rows[i].base, &rows[i].ask, url, &err), ART_OK);
		assert_string_equal(url, rows[i].url);
	}
}

static void scan_urls_must_refuse_what_makes_none(void **state)
{
	struct scan_ask ask = { .limit = 1, .skill = art_printf("%02000d/", 0) };
	struct agent_key key = { 84532, REGISTRY, "17" };
	char url[HTTP_URL_MAX];
	struct art_err err;

	(void)state;
	assert_int_equal(scan_list_url(SCAN_PUBLIC, BASE, &ask, url, &err), ART_LIMIT);
	assert_string_equal(url, "");
	free((char *)ask.skill);
	ask.skill = NULL;
	assert_int_equal(scan_list_url(SCAN_PUBLIC, "scan.example", &ask, url, &err), ART_INVALID);
	assert_int_equal(scan_list_url(SCAN_PUBLIC, BASE "?a=b", &ask, url, &err), ART_INVALID);
	assert_int_equal(scan_detail_url(SCAN_PUBLIC, BASE "/", &key, url, &err), ART_OK);
	assert_string_equal(url, BASE "/agents/84532/17");
	assert_int_equal(scan_detail_url(SCAN_BACKEND, BASE, &key, url, &err), ART_OK);
	assert_string_equal(url, BASE "/agents/84532/17");
	art_copy(key.token_id, sizeof(key.token_id), "../x");
	assert_int_equal(scan_detail_url(SCAN_PUBLIC, BASE, &key, url, &err), ART_INVALID);
	assert_int_equal(scan_detail_url(SCAN_PUBLIC, "ftp://x", &(struct agent_key){ 1, REGISTRY, "1" }, url, &err),
			 ART_INVALID);
}

/* ---- envelopes ---------------------------------------------------------------------------------------- */

#define ROW(n) "{\"chain_id\":84532,\"contract_address\":\"" REGISTRY "\",\"token_id\":\"" n "\"}"

static void scan_page_read_must_take_each_envelope(void **state)
{
	static const char *const rows[] = {
		"[" ROW("1") "," ROW("2") "]",
		"{\"success\":true,\"data\":[" ROW("1") "," ROW("2") "],\"meta\":{\"version\":\"1.0.0\"}}",
		"{\"success\":true,\"data\":{\"items\":[" ROW("1") "," ROW("2") "],\"total\":2}}",
		"{\"data\":{\"agents\":[" ROW("1") "," ROW("2") "]}}",
		"{\"items\":[" ROW("1") " , " ROW("2") " ],\"total\":2,\"limit\":20,\"offset\":0}",
		"\n { \"agents\" : [ " ROW("1") ",\n" ROW("2") "\n] } \n",
		"{\"detail\":null,\"data\":null,\"items\":[" ROW("1") "," ROW("2") "]}",
		"{\"meta\":{\"data\":[7],\"items\":[8]},\"data\":[" ROW("1") "," ROW("2") "]}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		page_ok(f, rows[i]);
		if (f->page.n != 2 || f->page.bad)
			fail_msg("row %zu: %zu and %zu bad: %s", i, f->page.n, f->page.bad, f->page.why);
		assert_int_equal(f->page.rows[0].key.chain_id, 84532);
		assert_string_equal(f->page.rows[0].key.registry, REGISTRY);
		assert_string_equal(f->page.rows[0].key.token_id, "1");
		assert_string_equal(f->page.rows[1].key.token_id, "2");
	}
	page_ok(f, "{\"data\":[]}");
	assert_int_equal(f->page.n + f->page.bad, 0);
	page_ok(f, " [ ] ");
	assert_int_equal(f->page.n + f->page.bad, 0);
}

static void scan_page_read_must_know_whether_more_follows(void **state)
{
	static const struct {
		const char *json;
		int limit;
		int64_t page;
		bool more;
		int64_t total; /* -1 unknown */
	} rows[] = {
		{ "{\"data\":[" ROW("1") "],\"meta\":{\"pagination\":{\"hasMore\":true,\"total\":500}}}", 1, 0, true, 500 },
		{ "{\"data\":[" ROW("1") "],\"meta\":{\"pagination\":{\"hasMore\":false,\"total\":500}}}", 1, 0, false, 500 },
		{ "{\"data\":[" ROW("1") "],\"pagination\":{\"totalPages\":3}}", 1, 1, true, -1 },
		{ "{\"data\":[" ROW("1") "],\"pagination\":{\"totalPages\":\"3\"}}", 1, 2, false, -1 },
		{ "{\"items\":[" ROW("1") "],\"total\":3,\"limit\":1,\"offset\":0}", 1, 0, true, 3 },
		{ "{\"items\":[" ROW("1") "],\"total\":\"3\"}", 1, 2, false, 3 },
		{ "{\"data\":{\"items\":[" ROW("1") "],\"total\":3}}", 1, 0, true, 3 },
		{ "{\"items\":[" ROW("1") "],\"page\":1,\"page_size\":1,\"total_pages\":2}", 1, 0, true, -1 },
		/* Nobody says: a full page has another behind it, a short one has not. */
		{ "[" ROW("1") "," ROW("2") "]", 2, 0, true, -1 },
		{ "[" ROW("1") "," ROW("2") "]", 3, 0, false, -1 },
		/* Nothing follows nothing. */
		{ "{\"data\":[],\"meta\":{\"pagination\":{\"hasMore\":true,\"total\":500}}}", 1, 0, false, 500 },
		{ "{\"data\":[" ROW("1") "],\"meta\":{\"pagination\":{\"hasMore\":\"yes\",\"total\":-5}}}", 2, 0, false, -1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		f->ask.limit = rows[i].limit;
		f->ask.page = rows[i].page;
		page_ok(f, rows[i].json);
		if (f->page.more != rows[i].more)
			fail_msg("row %zu", i);
		assert_int_equal(f->page.total.known ? f->page.total.v : -1, rows[i].total);
	}
}

static void scan_page_read_must_pass_on_an_errors_words(void **state)
{
	static const struct {
		const char *json, *words;
	} rows[] = {
		{ "{\"success\":false,\"error\":{\"code\":\"BadRequest\",\"message\":\"no such chain\",\"details\":{\"param\":"
		  "\"chainId\"}}}", "BadRequest: no such chain" },
		{ "{\"success\":false,\"data\":[],\"error\":{\"code\":\"DATABASE_ERROR\"}}", "refuses: DATABASE_ERROR" },
		{ "{\"detail\":\"Agent not found on chain 1\"}", "Agent not found" },
		{ "{\"detail\":[{\"type\":\"less_than_equal\",\"loc\":[\"query\",\"limit\"],\"msg\":\"too large\"}]}", "too large" },
		{ "{\"error\":\"slow \\u001b[31mdown\"}", "refuses: slow down" },
		{ "{\"retry_after\":60,\"limit_type\":\"day\",\"limit_value\":1000}", "requests for a day" },
		{ "{\"message\":\"gone\"}", "gone" },
		{ "{\"success\":false}", "does not say why" },
		{ "{\"success\":false,\"data\":[" ROW("1") "]}", "does not say why" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, page_of(f, rows[i].json, strlen(rows[i].json)), ART_REFUSED, rows[i].words);
		assert_int_equal(f->page.n, 0);
	}
}

static void scan_page_read_must_refuse_what_is_no_page(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "", "empty" }, { "  \n", "empty" }, { "<html>cloud</html>", "JSON byte 0" },
		{ "{\"a\":1}", "neither agents nor an error" }, { "7", "neither" }, { "\"data\"", "neither" },
		{ "{\"data\":{\"items\":7}}", "neither" }, { "{\"data\":[" ROW("1"), "breaks off at byte" },
		{ "{\"data\":[" ROW("1") ",{\"name\":\"a", "breaks off at byte" }, { "[", "breaks off at byte 1" },
		{ "{\"data\":[" ROW("1") "]", "breaks off" }, { "{\"data\":[" ROW("1") "]}}", "JSON byte" },
		{ "[" ROW("1") "] x", "JSON byte" }, { "{\"data\":[],\"data\":[]}", "twice" },
		{ "{\"data\":[" ROW("1") "],}", "a key in double quotes" },
	};
	struct fixture *f = *state;
	char part[32];

	for (size_t i = 0; i < ART_COUNT(rows); i++)
		says(f, page_of(f, rows[i].text, strlen(rows[i].text)), ART_INVALID, rows[i].part);
	/* Wherever it is cut, the place is named. */
	static const char text[] = "{\"success\":true,\"data\":[" ROW("1") "," ROW("2") "],\"meta\":{\"a\":\"]}\"}}";
	for (size_t n = 1; n < sizeof(text) - 1; n++) {
		snprintf(part, sizeof(part), "byte %zu", n);
		says(f, page_of(f, text, n), ART_INVALID, part);
	}
	page_ok(f, text);
}

/* ---- rows --------------------------------------------------------------------------------------------- */

static void scan_page_read_must_lose_no_row_by_another(void **state)
{
	static const struct {
		const char *row, *why;
	} bad[] = {
		{ "null", "no object" }, { "7", "no object" }, { "\"}]\"", "no object" }, { "[[]]", "no object" },
		{ "{}", "no chain" }, { "{\"a\":}", "JSON byte" }, { "", "JSON byte 0" }, { "nul", "JSON byte" },
		{ "{\"name\":\"a\",\"name\":\"b\"}", "twice" }, { "{\"name\":\"\\ud800\"}", "surrogate" },
		{ "{\"name\":\"\xff\"}", "UTF-8" }, { "{\"name\":\"a\001\"}", "control" }, { "{\"a\":1e999}", "too large" },
		{ "{'a':1}", "JSON byte" }, { "{\"a\":01}", "JSON byte" },
		{ "{\"chain_id\":1,\"contract_address\":\"" REGISTRY "\"}", "no token id" },
		{ "{\"chain_id\":1,\"contract_address\":\"" REGISTRY "\",\"token_id\":\"0x1\"}", "no token id" },
		{ "{\"chain_id\":1,\"contract_address\":\"" REGISTRY "\",\"token_id\":-1}", "no token id" },
		{ "{\"chain_id\":1,\"token_id\":\"1\"}", "no registry" },
		{ "{\"chain_id\":1,\"token_id\":\"1\",\"contract_address\":\"0xabc\"}", "no registry" },
		{ "{\"chain_id\":1.5,\"token_id\":\"1\",\"contract_address\":\"" REGISTRY "\"}", "no chain" },
		{ "{\"agent_id\":\"1:" REGISTRY ":1\",\"token_id\":\"2\"}", "contradicts" },
		{ "{\"agent_id\":\"1:" REGISTRY ":1\",\"chain_id\":2}", "contradicts" },
		{ "{\"agent_id\":\"1:" REGISTRY ":1\",\"contract_address\":\"" OWNER "\"}", "contradicts" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(bad); i++) {
		char *text = art_printf("{\"data\":[%s,%s,%s]}", ROW("1"), bad[i].row, ROW("2"));

		page_ok(f, text);
		if (f->page.n != 2 || f->page.bad != 1 || !strstr(f->page.why, bad[i].why) ||
		    !strstr(f->page.why, "row 1 at byte "))
			fail_msg("%s: %zu and %zu bad: %s", bad[i].row, f->page.n, f->page.bad, f->page.why);
		free(text);
	}
	page_ok(f, "[,]");
	assert_int_equal(f->page.bad, 2);
	assert_non_null(strstr(f->page.why, "row 0 at byte 1"));
}

static void scan_page_read_must_take_each_form_of_identity(void **state)
{
	static const char *const rows[] = {
		"{\"chain_id\":84532,\"contract_address\":\"" MIXED "\",\"token_id\":\"17\"}",
		"{\"chain_id\":\"84532\",\"contract_address\":\"" REGISTRY "\",\"token_id\":17}",
		"{\"chainId\":84532,\"contractAddress\":\"" REGISTRY "\",\"tokenId\":\"17\"}",
		"{\"agent_id\":\"84532:" REGISTRY ":17\"}", "{\"agentId\":\"eip155:84532:" MIXED ":17\"}",
		"{\"agent_id\":\"84532:" REGISTRY ":17\",\"token_id\":\"17\",\"chain_id\":84532,\"id\":\"5a1c-uuid\"}",
		"{\"agent_id\":17,\"chain_id\":84532,\"registry_address\":\"" REGISTRY "\"}",
		"{\"agentId\":\"17\",\"chainId\":84532,\"registryAddress\":\"" REGISTRY "\",\"tokenId\":null}",
	};
	/* Without a registry of its own, as clones and their tests write: the asked chain's. */
	static const char *const bare[] = {
		"{\"agent_id\":\"84532:0xabc:17\",\"token_id\":\"17\",\"chain_id\":84532}", "{\"agent_id\":\"84532:17\"}",
		"{\"chain_id\":84532,\"token_id\":17}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows) + ART_COUNT(bare); i++) {
		char *text = art_printf("[%s]", i < ART_COUNT(rows) ? rows[i] : bare[i - ART_COUNT(rows)]);

		f->ask.chain_id = i < ART_COUNT(rows) ? 0 : 84532;
		f->ask.registry = i < ART_COUNT(rows) ? NULL : MIXED;
		page_ok(f, text);
		if (f->page.n != 1)
			fail_msg("%s: %s", text, f->page.why);
		assert_int_equal(f->page.rows[0].key.chain_id, 84532);
		assert_string_equal(f->page.rows[0].key.registry, REGISTRY);
		assert_string_equal(f->page.rows[0].key.token_id, "17");
		free(text);
	}
	f->ask.chain_id = 1;
	page_ok(f, "[{\"chain_id\":84532,\"token_id\":17}]");
	assert_int_equal(f->page.bad, 1);
}

static void scan_page_read_must_ask_itself_what_it_asked(void **state)
{
	struct fixture *f = *state;

	f->ask.chain_id = 84532;
	page_ok(f, "[" ROW("1") "," ROW("1") ",{\"agent_id\":\"84532:" MIXED ":1\"},{\"agent_id\":\"8453:" REGISTRY ":1\"},"
		   "{\"chain_type\":\"solana\",\"token_id\":\"So1111\",\"chain_id\":null},{\"agent_id\":\"84532:" OWNER ":1\"}]");
	assert_int_equal(f->page.n, 2);
	assert_int_equal(f->page.bad, 0);
	/* The filter by protocol is known to be ignored. */
	f->ask.oasf_only = true;
	page_ok(f, "[{\"agent_id\":\"84532:" REGISTRY ":1\",\"supported_protocols\":[\"A2A\",\"MCP\"]},"
		   "{\"agent_id\":\"84532:" REGISTRY ":2\",\"supported_protocols\":[\"Web\",\"oasf\"]},"
		   "{\"agent_id\":\"84532:" REGISTRY ":3\",\"supported_protocols\":[]},"
		   "{\"agent_id\":\"84532:" REGISTRY ":4\",\"supported_protocols\":null}]");
	assert_int_equal(f->page.n, 3);
	assert_int_equal(f->page.bad, 0);
	assert_string_equal(f->page.rows[0].key.token_id, "2");
}

static const char summary[] =
	"{\"id\":\"5a1c\",\"agent_id\":\"84532:" REGISTRY ":334802\",\"token_id\":\"334802\",\"chain_id\":84532,"
	"\"chain_type\":\"evm\",\"contract_address\":\"" REGISTRY "\",\"is_testnet\":true,\"owner_address\":"
	"\"0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc\",\"agent_wallet\":\"0x0000000000000000000000000000000000000000\","
	"\"name\":\"a\\u001b[31mb\",\"description\":null,\"image_url\":\"https://i.example/x.png\",\"star_count\":0,"
	"\"supported_protocols\":[\"A2A\",\"OASF\"],\"x402_supported\":false,\"total_score\":0.0,\"rank\":null,"
	"\"health_score\":\"97.5\",\"total_feedbacks\":3,\"created_at\":\"2026-09-04T20:50:45Z\","
	"\"updated_at\":\"2026-09-04T21:25:53.795651Z\"}";

static void scan_page_read_must_tell_facts_with_their_age(void **state)
{
	struct fixture *f = *state;
	char *text = art_printf("{\"data\":[%s]}", summary);
	const struct scan_agent *a;

	page_ok(f, text);
	free(text);
	assert_int_equal(f->page.n, 1);
	a = &f->page.rows[0];

	assert_string_equal(fact(a, "name"), "ab");
	assert_null(fact(a, "description"));
	assert_string_equal(fact(a, "image"), "https://i.example/x.png");
	assert_string_equal(fact(a, "owner"), OWNER);
	assert_null(fact(a, "wallet"));
	assert_string_equal(fact(a, "x402"), "false");
	assert_null(fact(a, "active"));
	assert_string_equal(fact(a, "score"), "0");
	assert_null(fact(a, "rank"));
	assert_string_equal(fact(a, "health"), "97.5");
	assert_string_equal(fact(a, "feedbacks"), "3");
	assert_string_equal(fact(a, "protocols"), "A2A OASF");
	assert_int_equal(as_of(a, "feedbacks"), INT64_C(1788557153795651));
	assert_int_equal(a->facts[0].origin, ORIGIN_SCAN);
	assert_string_equal(a->uri, "");
	assert_null(a->document);
}

/* ---- details -------------------------------------------------------------------------------------------- */

static const struct agent_key key17 = { 84532, REGISTRY, "17" };

static enum art_status detail(struct fixture *f, const char *text)
{
	scan_agent_destroy(&f->agent);
	memset(&f->err, 0, sizeof(f->err));
	return scan_detail_read(&f->agent, text, strlen(text), &key17, &f->err);
}

#define HEAD "\"agent_id\":\"84532:" REGISTRY ":17\",\"updated_at\":\"2026-09-04T21:25:53Z\","

static void scan_detail_read_must_take_all_of_it(void **state)
{
	struct fixture *f = *state;
	const struct scan_agent *a = &f->agent;

	says(f, detail(f, "{\"success\":true,\"data\":{" HEAD "\"agent_wallet\":\"" OWNER "\",\"is_active\":true,"
		       "\"x402_supported\":true,\"services\":{\"web\":{\"endpoint\":\"https://w.example/services/x\"},"
		       "\"ens\":\"x.eth\",\"oasf\":{\"endpoint\":\"https://github.example/oasf\",\"skills\":[\"a/b\",\"c d\",\"e\"],"
		       "\"domains\":[\"x\"]},\"bad\":7},\"scores\":{\"last_scored_at\":\"2026-09-03T00:00:00.5Z\"},"
		       "\"total_score\":\"12.5\",\"rank\":7,\"health_score\":50,\"health_checked_at\":\"2026-09-02\","
		       "\"parse_status\":{\"status\":\"ok\",\"last_parsed_at\":\"2026-07-01T00:00:00Z\"},"
		       "\"name\":\"Worker\",\"raw_metadata\":{\"onchain\":[],\"offchain_uri\":\"ipfs://Qm\",\"offchain_content\":"
		       "{\"name\" : \"Worker\",\"a\":\"\\u00e9\"} }}}"), ART_OK, "");

	assert_string_equal(fact(a, "wallet"), OWNER);
	assert_string_equal(fact(a, "active"), "true");
	assert_string_equal(fact(a, "endpoints"), "https://w.example/services/x");
	assert_string_equal(fact(a, "skills"), "a/b e");
	assert_string_equal(fact(a, "domains"), "x");
	assert_string_equal(fact(a, "score"), "12.5");
	assert_int_equal(as_of(a, "score"), INT64_C(1788393600500000));
	assert_int_equal(as_of(a, "name"), INT64_C(1782864000000000));
	assert_int_equal(as_of(a, "health"), INT64_C(1788307200000000));
	assert_string_equal(a->uri, "ipfs://Qm");
	assert_string_equal(fact(a, "uri"), "ipfs://Qm");
	/* Byte for byte. */
	assert_string_equal(a->document, "{\"name\" : \"Worker\",\"a\":\"\\u00e9\"}");
	assert_int_equal(a->document_len, strlen(a->document));
}

static void scan_detail_read_must_take_the_clones_forms(void **state)
{
	struct fixture *f = *state;
	const struct scan_agent *a = &f->agent;

	says(f, detail(f, "{" HEAD "\"uri\":\"https://w.example/r.json\",\"active\":false,\"oasf_skills\":[\"a/b\"],"
		       "\"oasf_domains\":[\"x\"],\"services\":[{\"name\":\"web\",\"endpoint\":\"https://w.example/a\"},"
		       "{\"name\":\"OASF\"},null,\"https://w.example/b\"],\"registration_json\":\" {\\\"name\\\":\\\"q\\\"}\"}"),
	     ART_OK, "");
	assert_string_equal(fact(a, "active"), "false");
	assert_string_equal(fact(a, "skills"), "a/b");
	assert_string_equal(fact(a, "domains"), "x");
	assert_string_equal(fact(a, "endpoints"), "https://w.example/a https://w.example/b");
	assert_string_equal(a->uri, "https://w.example/r.json");
	assert_string_equal(a->document, "{\"name\":\"q\"}");
	says(f, detail(f, "{" HEAD "\"tokenURI\":\"ipfs://Qm\",\"registration_json\":{\"name\":\"q\"},\"isActive\":true,"
		       "\"x402Supported\":true,\"totalScore\":3,\"ownerAddress\":\"" OWNER "\"}"), ART_OK, "");
	assert_string_equal(a->document, "{\"name\":\"q\"}");
	assert_string_equal(a->uri, "ipfs://Qm");
	assert_string_equal(fact(a, "active"), "true");
	assert_string_equal(fact(a, "x402"), "true");
	assert_string_equal(fact(a, "score"), "3");
	assert_string_equal(fact(a, "owner"), OWNER);
	says(f, detail(f, "{" HEAD "\"raw_metadata\":{\"offchain_content\":\"{}\"}}"), ART_OK, "");
	assert_string_equal(a->document, "{}");
}

static void scan_detail_read_must_bound_what_it_keeps(void **state)
{
	struct fixture *f = *state;
	char *text = art_printf("{" HEAD "\"name\":\"%02000d\",\"uri\":\"https://w.example/%01100d\"}", 0, 0);

	says(f, detail(f, text), ART_OK, "");
	free(text);
	assert_int_equal(strlen(fact(&f->agent, "name")), AGENT_VALUE_MAX - 1);
	assert_int_equal(strlen(f->agent.uri), 1118);
	assert_null(fact(&f->agent, "uri"));
	text = art_printf("{" HEAD "\"uri\":\"https://w.example/%02100d\"}", 0);
	says(f, detail(f, text), ART_OK, "");
	free(text);
	assert_string_equal(f->agent.uri, "");
	says(f, detail(f, "{" HEAD "\"uri\":\"https://w.example/\\u0007x\"}"), ART_OK, "");
	assert_string_equal(f->agent.uri, "");
	/* A document above the ceiling is left out, the rest is kept. */
	text = art_printf("{" HEAD "\"name\":\"a\",\"registration_json\":{\"x\":\"%0*d\"}}", 1 << 20, 0);
	says(f, detail(f, text), ART_OK, "");
	free(text);
	assert_null(f->agent.document);
	assert_string_equal(fact(&f->agent, "name"), "a");
}

static void scan_detail_read_must_refuse_what_is_not_asked(void **state)
{
	static const struct {
		const char *text;
		enum art_status s;
		const char *part;
	} rows[] = {
		{ "{\"agent_id\":\"84532:" REGISTRY ":18\"}", ART_CONFLICT, "another agent, 18" },
		{ "{\"data\":{\"agent_id\":\"8453:" REGISTRY ":17\"}}", ART_CONFLICT, "chain 8453" },
		{ "{\"agent_id\":\"84532:" OWNER ":17\"}", ART_CONFLICT, "another" },
		{ "{\"detail\":\"Agent not found on chain 84532\"}", ART_REFUSED, "Agent not found" },
		{ "{\"success\":false,\"error\":{\"code\":\"NotFound\",\"message\":\"no\"}}", ART_REFUSED, "NotFound: no" },
		{ "{\"success\":true,\"data\":null}", ART_INVALID, "no agent" }, { "[]", ART_INVALID, "no object" },
		{ "{\"name\":\"a\"}", ART_INVALID, "names no chain" }, { "", ART_INVALID, "empty" },
		{ "{" HEAD, ART_INVALID, "breaks off at byte" }, { "{" HEAD "\"a\":1,\"a\":2}", ART_INVALID, "twice" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, detail(f, rows[i].text), rows[i].s, rows[i].part);
		assert_null(f->agent.facts);
	}
}

/* ---- ceilings --------------------------------------------------------------------------------------------- */

static void scan_page_read_must_count_rows_above_its_ceiling(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;

	art_buf_init(&b, SCAN_BODY_MAX);
	art_buf_put(&b, "{\"data\":[");
	for (int i = 0; i < 10000; i++)
		art_buf_putf(&b, "%s{\"agent_id\":\"1:" REGISTRY ":%d\"}", i ? "," : "", i);
	art_buf_put(&b, "],\"total\":10000}");

	says(f, page_of(f, b.data, b.len), ART_OK, "");

	assert_int_equal(f->page.n, SCAN_ROWS_MAX);
	assert_int_equal(f->page.bad, 10000 - SCAN_ROWS_MAX);
	assert_non_null(strstr(f->page.why, "row 1000 at byte"));
	assert_string_equal(f->page.rows[999].key.token_id, "999");
	art_buf_destroy(&b);
}

/* A page of nearly 8 MiB with a document in each row, one row of which is broken. */
static void scan_page_read_must_take_a_full_page_with_one_bad_row(void **state)
{
	enum { ROWS = 100, SIZE = 80000 };
	struct fixture *f = *state;
	char *text = art_alloc(SIZE + 1, 1);
	struct art_buf b;

	memset(text, 'a', SIZE);
	art_buf_init(&b, SCAN_BODY_MAX);
	art_buf_put(&b, "{\"items\":[");
	for (int i = 0; i < ROWS; i++)
		art_buf_putf(&b, "%s{\"agent_id\":\"1:" REGISTRY ":%d\",\"raw_metadata\":{\"offchain_content\":{\"name\":\"%s\"%s}}}",
			     i ? "," : "", i, text, i == 50 ? ",\"name\":1" : "");
	art_buf_put(&b, "]}");

	says(f, page_of(f, b.data, b.len), ART_OK, "");

	assert_int_equal(f->page.n, ROWS - 1);
	assert_int_equal(f->page.bad, 1);
	assert_non_null(strstr(f->page.why, "row 50 at byte"));
	assert_int_equal(f->page.rows[98].document_len, SIZE + 11);
	art_buf_destroy(&b);
	free(text);
}

static void scan_page_read_must_refuse_what_is_too_large(void **state)
{
	struct fixture *f = *state;
	char *text = art_alloc(SCAN_BODY_MAX + 2, 1);

	memset(text, ' ', SCAN_BODY_MAX + 1);
	says(f, page_of(f, text, SCAN_BODY_MAX + 1), ART_LIMIT, "larger");
	/* Values beside the rows are not what a page is for: they are not all taken into memory. */
	memset(text, '0', 4 << 20);
	for (size_t i = 1; i < 4 << 20; i += 2)
		text[i] = ',';
	memcpy(text, "{\"data\":[],\"x\":[", 16);
	memcpy(text + (4 << 20) - 2, "]}", 2);
	says(f, page_of(f, text, 4 << 20), ART_INVALID, "beside the rows");
	memcpy(text, "{\"data\":0 ,\"x\":[", 16);
	says(f, page_of(f, text, 4 << 20), ART_INVALID, "larger than");
	/* One enormous row is one bad row. */
	memcpy(text, "[{\"a\":[0,0,0,0,0", 16);
	memcpy(text + (4 << 20) - 4, "]},7", 4);
	text[4 << 20] = ']';
	says(f, page_of(f, text, (4 << 20) + 1), ART_OK, "");
	assert_int_equal(f->page.bad, 2);
	assert_non_null(strstr(f->page.why, "larger than"));
	/* Brackets without end cost no stack. */
	memset(text, '[', 4 << 20);
	says(f, page_of(f, text, 4 << 20), ART_INVALID, "breaks off");
	memset(text + (2 << 20), ']', 2 << 20);
	says(f, page_of(f, text, 4 << 20), ART_OK, "");
	assert_int_equal(f->page.bad, 1);
	free(text);
}

/* ---- when to ask again -------------------------------------------------------------------------------------- */

static void scan_reset_at_must_read_each_form(void **state)
{
	static const struct {
		const char *header, *body;
		int64_t seconds; /* from now; 0: it does not say */
	} rows[] = {
		{ "retry-after: 30", "", 30 },
		{ "retry-after: 1.5", "", 1 }, /* and a half */
		{ "retry-after: Mon, 21 Sep 2026 14:14:20 GMT", "", 60 },
		{ "x-ratelimit-reset: 2026-09-21T14:14:20Z", "", 60 },
		{ "x-ratelimit-reset: 2026-09-21T14:14:20.000+00:00", "", 60 },
		{ "x-ratelimit-reset: 1790000060", "", 60 },
		{ "x-ratelimit-reset: 1790000060000", "", 60 },
		{ "x-ratelimit-reset: 60", "", 60 },
		{ "ratelimit-reset: 60", "", 60 },
		{ NULL, "{\"success\":false,\"error\":{\"code\":\"RateLimitExceeded\",\"details\":{\"limit\":10,\"remaining\":0,"
			"\"resetAt\":\"2026-09-21T14:14:20Z\"}}}", 60 },
		{ NULL, "{\"error\":{\"details\":{\"resetAt\":1790000060}}}", 60 },
		{ NULL, "{\"retry_after\":60,\"limit_type\":\"day\"}", 60 },
		{ NULL, "{\"detail\":{\"retry_after\":\"60\"}}", 60 },
		{ "retry-after: soon", "{\"retry_after\":60}", 60 },
		/* What is over, or absurd, or not there. */
		{ "x-ratelimit-reset: 2026-09-21T14:13:19Z", "", 0 },
		{ "x-ratelimit-reset: 1789999999", "", 0 },
		{ "retry-after: 0", "", 0 },
		{ "retry-after: -5", "", 0 },
		{ "retry-after: Mon, 21 Sep 2020 14:14:20 GMT", "", 0 },
		{ "x-ratelimit-reset: 2099-01-01T00:00:00Z", "", 0 },
		{ "x-ratelimit-reset: 1e300", "", 0 },
		{ "retry-after: 90001", "", 0 },
		{ "x-ratelimit-reset: tomorrow", "<html>", 0 },
		{ NULL, "{\"retry_after\":null}", 0 },
		{ NULL, "", 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		int64_t got;

		http_response_destroy(&f->r);
		http_response_init(&f->r);
		f->r.body.max = 4096;
		if (rows[i].header)
			f->r.headers[f->r.n_headers++] = art_strdup(rows[i].header);
		assert_int_equal(art_buf_add(&f->r.body, rows[i].body, strlen(rows[i].body)), ART_OK);
		got = scan_reset_at(&f->r, NOW);
		if ((got ? (got - NOW) / 1000000 : 0) != rows[i].seconds)
			fail_msg("row %zu: %lld", i, (long long)got);
	}
}

static void scan_reset_at_must_prefer_what_asks_to_wait(void **state)
{
	struct fixture *f = *state;

	f->r.headers[f->r.n_headers++] = art_strdup("x-ratelimit-reset: 1790000060");
	f->r.headers[f->r.n_headers++] = art_strdup("retry-after: 10");
	assert_int_equal(scan_reset_at(&f->r, NOW), NOW + 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(scan_list_url_must_spell_as_each_api_does),
		T(scan_urls_must_refuse_what_makes_none),
		T(scan_page_read_must_take_each_envelope),
		T(scan_page_read_must_know_whether_more_follows),
		T(scan_page_read_must_pass_on_an_errors_words),
		T(scan_page_read_must_refuse_what_is_no_page),
		T(scan_page_read_must_lose_no_row_by_another),
		T(scan_page_read_must_take_each_form_of_identity),
		T(scan_page_read_must_ask_itself_what_it_asked),
		T(scan_page_read_must_tell_facts_with_their_age),
		T(scan_detail_read_must_take_all_of_it),
		T(scan_detail_read_must_take_the_clones_forms),
		T(scan_detail_read_must_bound_what_it_keeps),
		T(scan_detail_read_must_refuse_what_is_not_asked),
		T(scan_page_read_must_count_rows_above_its_ceiling),
		T(scan_page_read_must_take_a_full_page_with_one_bad_row),
		T(scan_page_read_must_refuse_what_is_too_large),
		T(scan_reset_at_must_read_each_form),
		T(scan_reset_at_must_prefer_what_asks_to_wait),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
