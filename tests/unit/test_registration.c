/*
 * test_registration.c - ERC-8004 registration documents: every shape that was met, every way to find one, hostile
 * ones, and ours written and read back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/market/registration.h"
#include "core/net/http.h"
#include "core/pay/x402.h"
#include "store/json.h"

#define GATEWAY "https://gw.example/ipfs/"
#define CID0 "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
#define CID1 "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
#define REGISTRY "0x8004A818BFB912233c491871b3d84c89A494BD9e"

struct fixture {
	struct registration r;
	struct art_buf doc;
	char url[HTTP_URL_MAX];
	enum registration_place place;
	struct art_err err;
};

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));

	art_buf_init(&f->doc, 4 << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	art_buf_destroy(&f->doc);
	free(f);
	return 0;
}

static void says(struct fixture *f, enum art_status got, enum art_status want, const char *part)
{
	if (got != want || (want != ART_OK && !strstr(f->err.text, part)))
		fail_msg("%s: \"%s\" instead of %s with \"%s\"", art_status_text(got), f->err.text,
			 art_status_text(want), part);
}

static enum art_status locate_n(struct fixture *f, const char *uri, size_t len)
{
	memset(&f->err, 0, sizeof(f->err));
	return registration_locate(uri, len, GATEWAY, &f->place, f->url, sizeof(f->url), &f->doc, &f->err);
}

static enum art_status locate(struct fixture *f, const char *uri)
{
	return locate_n(f, uri, strlen(uri));
}

static void read_ok(struct fixture *f, const char *text)
{
	memset(&f->err, 0, sizeof(f->err));
	if (registration_read(&f->r, text, strlen(text), &f->err) != ART_OK)
		fail_msg("%s: %s", text, f->err.text);
}

/* ---- where it lies ------------------------------------------------------------------------------ */

static void registration_locate_must_find_urls(void **state)
{
	static const struct {
		const char *uri, *url;
	} rows[] = {
		{ "https://a.example/r.json", "https://a.example/r.json" },
		{ "http://a.example:8080/r.json?v=1", "http://a.example:8080/r.json?v=1" },
		{ "HTTPS://A.example/r", "HTTPS://A.example/r" },
		{ " https://a.example/r\n", "https://a.example/r" },
		{ "ipfs://" CID0, GATEWAY CID0 },
		{ "ipfs://" CID1, GATEWAY CID1 },
		{ "IPFS://" CID1, GATEWAY CID1 },
		{ "ipfs://ipfs/" CID1, GATEWAY CID1 },
		{ "ipfs://" CID1 "/agents/a%20b/r-1.json", GATEWAY CID1 "/agents/a%20b/r-1.json" },
		{ "ipfs://" CID0 "/", GATEWAY CID0 "/" },
		{ "ipfs://" CID0 "/..a/.b/c..", GATEWAY CID0 "/..a/.b/c.." },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, locate(f, rows[i].uri), ART_OK, "");
		assert_int_equal(f->place, REGISTRATION_AT_URL);
		assert_string_equal(f->url, rows[i].url);
		assert_int_equal(f->doc.len, 0);
	}
	assert_int_equal(registration_locate("ipfs://" CID1, strlen(CID1) + 7, "https://gw.example/ipfs", &f->place,
					     f->url, sizeof(f->url), &f->doc, &f->err), ART_OK);
	assert_string_equal(f->url, GATEWAY CID1);
}

static void registration_locate_must_know_an_absent_one(void **state)
{
	static const char *const rows[] = { "", " ", "\n\t " };
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, locate(f, rows[i]), ART_OK, "");
		assert_int_equal(f->place, REGISTRATION_NOWHERE);
	}
}

static void registration_locate_must_decode_what_lies_in_the_uri(void **state)
{
	static const struct {
		const char *uri, *doc;
	} rows[] = {
		{ "data:application/json;base64,eyJuYW1lIjoiYSJ9", "{\"name\":\"a\"}" },
		{ "data:application/json;charset=utf-8;base64,eyJuYW1lIjoiYSJ9", "{\"name\":\"a\"}" },
		{ "DATA:application/json;BASE64,eyJuYW1lIjoiYSJ9", "{\"name\":\"a\"}" },
		{ "data:;base64,eyJuYW1lIjoiYWIifQ", "{\"name\":\"ab\"}" },
		{ "data:;base64,eyJuYW1lIjoiYWIifQ==", "{\"name\":\"ab\"}" },
		{ "data:;base64,eyJuYW1lIjoiYWIifQ%3D%3D", "{\"name\":\"ab\"}" },
		{ "data:text/plain; base64 ,eyJu\nYW1l\r\n IjoiYSJ9", "{\"name\":\"a\"}" },
		{ "data:application/json,{\"name\":\"a,b\"}", "{\"name\":\"a,b\"}" },
		{ "data:application/json;utf8,%7B%22name%22%3A%22a%22%7d", "{\"name\":\"a\"}" },
		{ "data:application/json,{\"name\":\"100% up #1\"}", "{\"name\":\"100% up #1\"}" },
		{ "data:application/json;base64x,eyJ9", "eyJ9" },
		{ "data:application/json,%C3%A9%", "\xc3\xa9%" },
		{ "data:,", "" },
		{ "data:;base64,", "" },
		{ "  {\"name\":\"a\"} ", "{\"name\":\"a\"}" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, locate(f, rows[i].uri), ART_OK, "");
		assert_int_equal(f->place, REGISTRATION_INLINE);
		assert_string_equal(f->doc.data ? f->doc.data : "", rows[i].doc);
		assert_string_equal(f->url, "");
	}
}

static void registration_locate_must_refuse_what_it_cannot_fetch(void **state)
{
	static const struct {
		const char *uri;
		enum art_status s;
		const char *part;
	} rows[] = {
		{ "ar://abc", ART_UNSUPPORTED, "ar:" },
		{ "ftp://a.example/x", ART_UNSUPPORTED, "ftp:" },
		{ "javascript:alert(1)", ART_UNSUPPORTED, "javascript:" },
		{ "hello", ART_INVALID, "neither" },
		{ "[1]", ART_INVALID, "neither" },
		{ "https:/a.example", ART_INVALID, "no // behind https:" },
		{ "ipfs:" CID1, ART_INVALID, "no // behind ipfs:" },
		{ "https://", ART_INVALID, "address" },
		{ "https://user:pw@a.example/", ART_INVALID, "user name" },
		{ "https://a.example/a b", ART_INVALID, "space" },
		{ "https://a.example/\xc3\xa9", ART_INVALID, "ASCII" },
		{ "data:application/json", ART_INVALID, "comma" },
		{ "data:;base64,e?J", ART_INVALID, "base64" },
		{ "data:;base64,eyJ9=====", ART_INVALID, "base64" },
		{ "data:application/json;enc=gzip;base64,H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==", ART_UNSUPPORTED, "gzip" },
		{ "ipfs://", ART_INVALID, "content identifier" },
		{ "ipfs://../" CID1, ART_INVALID, "content identifier" },
		{ "ipfs://Qmshort", ART_INVALID, "content identifier" },
		{ "ipfs://QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPb0O", ART_INVALID, "content identifier" },
		{ "ipfs://evil.example", ART_INVALID, "content identifier" },
		{ "ipfs://" CID1 "/../x", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a/..", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/.", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/%2e%2e/x", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a%2fb", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a%5Cb", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a%252e", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a%0a", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a%4", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a?b", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a#b", ART_INVALID, "path" },
		{ "ipfs://" CID1 "/a\\b", ART_INVALID, "path" },
		{ "ipfs://" CID1 "?x=1", ART_INVALID, "content identifier" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		says(f, locate(f, rows[i].uri), rows[i].s, rows[i].part);
		assert_string_equal(f->url, "");
	}
	says(f, locate_n(f, "https://a\0b", 11), ART_INVALID, "NUL");
	assert_int_equal(registration_locate("ipfs://" CID1, strlen(CID1) + 7, "", &f->place, f->url,
					     sizeof(f->url), &f->doc, &f->err), ART_UNSUPPORTED);
	assert_int_equal(registration_locate("ipfs://" CID1, strlen(CID1) + 7, NULL, &f->place, f->url,
					     sizeof(f->url), &f->doc, &f->err), ART_UNSUPPORTED);
	assert_int_equal(registration_locate("ipfs://" CID1, strlen(CID1) + 7, "ftp://x/", &f->place, f->url,
					     sizeof(f->url), &f->doc, &f->err), ART_INVALID);
	assert_int_equal(registration_locate("ipfs://" CID1, strlen(CID1) + 7, GATEWAY, &f->place, f->url, 32,
					     &f->doc, &f->err), ART_LIMIT);
}

/* A data: URI of @n bytes, base64 or escaped. */
static char *large_uri(size_t n, bool base64, size_t *len)
{
	struct art_buf b;
	char *raw = art_alloc(n, 1);

	memset(raw, 'a', n);
	art_buf_init(&b, 4 << 20);
	art_buf_put(&b, base64 ? "data:application/json;base64," : "data:application/json,");
	assert_true(base64 ? base64_encode(raw, n, &b) : art_buf_add(&b, raw, n) == ART_OK);
	free(raw);
	*len = b.len;
	return art_buf_take(&b);
}

static void registration_locate_must_keep_to_its_ceiling(void **state)
{
	struct fixture *f = *state;
	struct art_buf small;
	size_t len;

	for (int base64 = 0; base64 < 2; base64++) {
		char *fits = large_uri(REGISTRATION_MAX, base64, &len);
		says(f, locate_n(f, fits, len), ART_OK, "");
		assert_int_equal(f->doc.len, REGISTRATION_MAX);
		/* The caller's own ceiling counts too. */
		art_buf_init(&small, 1000);
		says(f, registration_locate(fits, len, GATEWAY, &f->place, f->url, sizeof(f->url), &small, &f->err),
		     ART_LIMIT, "larger");
		art_buf_destroy(&small);
		free(fits);

		char *over = large_uri(REGISTRATION_MAX + 1, base64, &len);
		says(f, locate_n(f, over, len), ART_LIMIT, "larger");
		free(over);

		char *far = large_uri(2 * REGISTRATION_MAX, base64, &len);
		says(f, locate_n(f, far, len), ART_LIMIT, "larger");
		free(far);
	}
	char *bare = art_alloc(REGISTRATION_MAX + 2, 1);
	memset(bare, '{', REGISTRATION_MAX + 1);
	says(f, locate_n(f, bare, REGISTRATION_MAX + 1), ART_LIMIT, "larger");
	memcpy(bare, "https://a.example/", 18);
	memset(bare + 18, 'a', 5000);
	says(f, locate_n(f, bare, 5018), ART_LIMIT, "longer");
	memcpy(bare, "ipfs://" CID0 "/", 54);
	memset(bare + 54, 'a', 5000);
	says(f, locate_n(f, bare, 5054), ART_LIMIT, "longer");
	free(bare);
}

/* ---- what it says --------------------------------------------------------------------------------- */

/* obol's worker, and its aggregated document of several offers, one of which drains. */
static const char obol[] =
	"{\"type\":\"https://eips.ethereum.org/EIPS/eip-8004#registration-v1\",\"name\":\"GPU Worker\","
	"\"description\":\"Runs experiments\",\"image\":\"https://w.example/agent-icon.png\",\"x402Support\":true,"
	"\"active\":true,\"services\":[{\"name\":\"web\",\"endpoint\":\"https://w.example/services/chat\","
	"\"available\":false,\"drainEndsAt\":\"2026-03-12T10:30:00Z\"},{\"name\":\"web\",\"endpoint\":"
	"\"https://w.example/services/autoresearch-worker\",\"version\":\"1.0.0\"},{\"name\":\"web\",\"endpoint\":"
	"\"https://w.example/\"},{\"name\":\"OASF\",\"version\":\"0.8\",\"skills\":"
	"[\"machine_learning/model_optimization\"],\"domains\":[\"technology/artificial_intelligence/research\"]}],"
	"\"registrations\":[{\"agentId\":123,\"agentRegistry\":\"eip155:84532:" REGISTRY "\"}],\"supportedTrust\":[],"
	"\"metadata\":{\"gpu\":\"A100-80GB\",\"framework\":\"pytorch\",\"best_val_bpb\":\"0.9973\","
	"\"total_experiments\":\"42\",\"updated\":\"2026-03-12T10:30:00Z\"},\"provenance\":{\"framework\":\"x\"}}";

static void registration_read_must_read_obols_document(void **state)
{
	struct fixture *f = *state;
	struct eth_address registry;
	struct u256 agent = u256_from_u64(123), other = u256_from_u64(124);

	read_ok(f, obol);

	assert_string_equal(f->r.name, "GPU Worker");
	assert_string_equal(f->r.image, "https://w.example/agent-icon.png");
	assert_int_equal(f->r.n_services, 4);
	assert_string_equal(f->r.services[3].name, "oasf");
	assert_string_equal(f->r.services[3].version, "0.8");
	assert_string_equal(f->r.services[3].endpoint, "");
	assert_false(f->r.services[0].available);
	assert_true(f->r.services[1].available);
	assert_int_equal(f->r.n_skills, 1);
	assert_string_equal(f->r.skills[0], "machine_learning/model_optimization");
	assert_string_equal(f->r.domains[0], "technology/artificial_intelligence/research");
	assert_true(f->r.x402 && f->r.active && f->r.active_known);
	assert_string_equal(registration_metadata(&f->r, "best_val_bpb"), "0.9973");
	assert_null(registration_metadata(&f->r, "none"));
	assert_int_equal(eth_address_parse(REGISTRY, &registry, NULL), ART_OK);
	assert_true(registration_names(&f->r, 84532, &registry, &agent));
	assert_false(registration_names(&f->r, 8453, &registry, &agent));
	assert_false(registration_names(&f->r, 84532, &registry, &other));
	registry.b[0] ^= 1;
	assert_false(registration_names(&f->r, 84532, &registry, &agent));
}

static void registration_read_must_take_each_form_of_x402_and_active(void **state)
{
	static const struct {
		const char *json;
		bool x402, active, known;
	} rows[] = {
		{ "{\"name\":\"a\"}", false, false, false },
		{ "{\"x402Support\":true}", true, false, false },
		{ "{\"x402support\":true,\"active\":false}", true, false, true },
		{ "{\"x402_support\":true,\"name\":\"\"}", true, false, false },
		{ "{\"x402Support\":{\"enabled\":true},\"active\":true}", true, true, true },
		{ "{\"x402Support\":{\"supported\":true}}", true, false, false },
		{ "{\"x402Support\":{\"enabled\":false},\"active\":null}", false, false, false },
		{ "{\"x402Support\":\"true\",\"active\":\"true\",\"name\":\"a\"}", true, true, true },
		{ "{\"x402Support\":\"no\",\"active\":\"false\",\"name\":\"a\"}", false, false, true },
		{ "{\"x402Support\":1,\"active\":1,\"name\":\"a\"}", false, false, false },
		{ "{\"x402Support\":false,\"x402support\":true}", false, false, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		read_ok(f, rows[i].json);
		if (f->r.x402 != rows[i].x402 || f->r.active != rows[i].active ||
		    f->r.active_known != rows[i].known)
			fail_msg("%s", rows[i].json);
	}
}

static void registration_read_must_take_each_form_of_services(void **state)
{
	static const struct {
		const char *json;
		int n;
		const char *name, *endpoint, *version;
	} rows[] = {
		{ "{\"services\":[{\"name\":\"A2A\",\"endpoint\":\"https://a/1\",\"version\":\"0.3.0\"}]}", 1, "a2a",
		  "https://a/1", "0.3.0" },
		{ "{\"endpoints\":[{\"name\":\"MCP\",\"endpoint\":\"https://a/1\",\"version\":2}]}", 1, "mcp",
		  "https://a/1", "2" },
		{ "{\"services\":{\"web\":{\"endpoint\":\"https://a/1\"}}}", 1, "web", "https://a/1", "" },
		{ "{\"services\":{\"ENS\":\"x.eth\"}}", 1, "ens", "x.eth", "" },
		{ "{\"services\":{\"web\":{\"name\":\"Mine\",\"endpoint\":\"https://a/1\"}}}", 1, "mine", "https://a/1", "" },
		{ "{\"services\":[\"https://a/1\"]}", 1, "web", "https://a/1", "" },
		{ "{\"services\":[{\"endpoint\":\"https://a/1\"}]}", 1, "", "https://a/1", "" },
		{ "{\"services\":[{\"name\":\"web\",\"url\":\"https://a/1\"}]}", 1, "web", "https://a/1", "" },
		{ "{\"services\":[{\"name\":\"web\",\"endpoint\":\" https://a/1\\n\"}]}", 1, "web", "https://a/1", "" },
		/* Both lists tell the same: once. */
		{ "{\"services\":[{\"name\":\"web\",\"endpoint\":\"https://a/1\"}],\"endpoints\":[{\"name\":\"WEB\","
		  "\"endpoint\":\"https://a/1\"}]}", 1, "web", "https://a/1", "" },
		/* One entry is nonsense, the next is not. */
		{ "{\"services\":[null,7,[],{},\"\",{\"name\":7,\"endpoint\":8},{\"name\":\"web\",\"endpoint\":"
		  "\"https://a/1\"}]}", 1, "web", "https://a/1", "" },
		{ "{\"services\":[{\"name\":\"web\",\"endpoint\":null}]}", 1, "web", "", "" },
		{ "{\"services\":[],\"name\":\"a\"}", 0, NULL, NULL, NULL },
		{ "{\"services\":\"https://a\",\"name\":\"a\"}", 0, NULL, NULL, NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		read_ok(f, rows[i].json);
		if (f->r.n_services != rows[i].n)
			fail_msg("%s: %d services", rows[i].json, f->r.n_services);
		if (!rows[i].n)
			continue;
		assert_string_equal(f->r.services[0].name, rows[i].name);
		assert_string_equal(f->r.services[0].endpoint, rows[i].endpoint);
		assert_string_equal(f->r.services[0].version, rows[i].version);
	}
}

static void registration_read_must_take_each_form_of_skills(void **state)
{
	static const struct {
		const char *json, *skills, *domains;
	} rows[] = {
		{ "{\"services\":[{\"name\":\"oasf\",\"skills\":[\"a/b\",\"c/d\"],\"domains\":[\"x\"]}]}", "a/b c/d", "x" },
		{ "{\"services\":{\"oasf\":{\"version\":\"v0.8.0\",\"skills\":[{\"name\":\"a/b\"},{\"slug\":\"c\"}]}}}",
		  "a/b c", "" },
		{ "{\"services\":[{\"name\":\"OASF\",\"skills\":\"a/b\"}]}", "a/b", "" },
		{ "{\"oasf\":[\"a/b\",\"c/d\"]}", "a/b c/d", "" },
		{ "{\"skills\":[{\"name\":\"a/b\",\"domain\":\"x\"},{\"skills\":[\"c\"],\"domains\":[\"y\",\"z\"]}]}",
		  "a/b c", "x y z" },
		{ "{\"oasf\":{\"skills\":[\"a\"],\"domains\":[\"x\"]}}", "a", "x" },
		{ "{\"skills\":[\"a\"],\"domains\":[\"x\"]}", "a", "x" },
		/* The service's word counts; the old place is for those without one. */
		{ "{\"services\":[{\"name\":\"OASF\",\"skills\":[\"a\"]}],\"skills\":[\"b\"]}", "a", "" },
		/* Skills of other services are not of this taxonomy. */
		{ "{\"services\":[{\"name\":\"A2A\",\"skills\":[\"b\"]}],\"skills\":[\"a\"]}", "a", "" },
		{ "{\"skills\":[\"a\",\"a\",\"Model Training\",\"\",7,null,[\"c\"],{\"name\":1}]}", "a Model_Training", "" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		char skills[256] = "", domains[256] = "";

		read_ok(f, rows[i].json);
		for (int k = 0; k < f->r.n_skills; k++)
			snprintf(skills + strlen(skills), sizeof(skills) - strlen(skills), "%s%s", k ? " " : "",
				 f->r.skills[k]);
		for (int k = 0; k < f->r.n_domains; k++)
			snprintf(domains + strlen(domains), sizeof(domains) - strlen(domains), "%s%s", k ? " " : "",
				 f->r.domains[k]);
		assert_string_equal(skills, rows[i].skills);
		assert_string_equal(domains, rows[i].domains);
	}
}

static void registration_read_must_take_ids_as_numbers_and_texts(void **state)
{
	static const char text[] =
		"{\"registrations\":[{\"agentId\":0,\"agentRegistry\":\"eip155:1:" REGISTRY "\"},"
		"{\"agentId\":\"115792089237316195423570985008687907853269984665640564039457584007913129639935\","
		"\"agentRegistry\":\"EIP155:8453:0x8004a818bfb912233c491871b3d84c89a494bd9e\"},"
		"{\"agentId\":1.5,\"agentRegistry\":\"eip155:1:" REGISTRY "\"},"
		"{\"agentId\":-1,\"agentRegistry\":\"eip155:1:" REGISTRY "\"},"
		"{\"agentId\":\"0x1\",\"agentRegistry\":\"eip155:1:" REGISTRY "\"},"
		"{\"agentId\":9007199254740992,\"agentRegistry\":\"eip155:1:" REGISTRY "\"},"
		"{\"agentId\":1,\"agentRegistry\":\"solana:1:" REGISTRY "\"},"
		"{\"agentId\":1,\"agentRegistry\":\"eip155:0:" REGISTRY "\"},"
		"{\"agentId\":1,\"agentRegistry\":\"eip155:1\"},{\"agentId\":1,\"agentRegistry\":\"eip155:1:0xabc\"},"
		"{\"agentId\":1,\"agentRegistry\":7},{\"agentId\":1},7,null]}";
	struct fixture *f = *state;

	read_ok(f, text);

	assert_int_equal(f->r.n_ids, 2);
	assert_int_equal(f->r.bad_ids, 12);
	assert_int_equal(f->r.ids[0].chain_id, 1);
	assert_int_equal(f->r.ids[1].chain_id, 8453);
	assert_int_equal(f->r.ids[1].agent.be[0], 0xff);
}

static void registration_read_must_turn_metadata_into_text(void **state)
{
	struct fixture *f = *state;

	read_ok(f, "{\"metadata\":{\"a\":\"x\",\"b\":1.25,\"c\":true,\"d\":false,\"e\":null,\"f\":[1],\"g\":{},\"h\":1e3,"
		   "\"\":\"z\",\"a-key-that-is-forty-bytes-long-and-no-less\":1,\"bad\\u001b[31m\":\"\\u001b]0;x\\u0007y\"}}");

	assert_int_equal(f->r.n_metadata, 6);
	assert_string_equal(registration_metadata(&f->r, "b"), "1.25");
	assert_string_equal(registration_metadata(&f->r, "c"), "true");
	assert_string_equal(registration_metadata(&f->r, "d"), "false");
	assert_string_equal(registration_metadata(&f->r, "h"), "1000");
	assert_string_equal(registration_metadata(&f->r, "bad"), "y");
	read_ok(f, "{\"autoresearch\":{\"val_bpb\":0.97}}");
	assert_string_equal(registration_metadata(&f->r, "val_bpb"), "0.97");
}

static void registration_read_must_clean_and_bound_everything(void **state)
{
	struct fixture *f = *state;
	struct art_buf b;

	art_buf_init(&b, REGISTRATION_MAX);
	art_buf_put(&b, "{\"name\":\"\\u001b[31mred\\u202e\\u0007");
	for (int i = 0; i < 500; i++)
		art_buf_put(&b, "\xc3\xa9");
	art_buf_put(&b, "\",\"services\":[");
	for (int i = 0; i < 100; i++)
		art_buf_putf(&b, "%s{\"name\":\"s%d\",\"endpoint\":\"https://a/%d\"}", i ? "," : "", i, i);
	art_buf_put(&b, ",{\"name\":\"long\",\"endpoint\":\"https://a/");
	for (int i = 0; i < 600; i++)
		art_buf_put(&b, "x");
	art_buf_put(&b, "\"}],\"skills\":[");
	for (int i = 0; i < 100; i++)
		art_buf_putf(&b, "%s\"skill/%d\"", i ? "," : "", i);
	art_buf_put(&b, "],\"registrations\":[");
	for (int i = 0; i < 40; i++)
		art_buf_putf(&b, "%s{\"agentId\":%d,\"agentRegistry\":\"eip155:1:" REGISTRY "\"}", i ? "," : "", i);
	art_buf_put(&b, "],\"metadata\":{");
	for (int i = 0; i < 100; i++)
		art_buf_putf(&b, "%s\"k%d\":%d", i ? "," : "", i, i);
	art_buf_put(&b, "}}");

	assert_int_equal(registration_read(&f->r, b.data, b.len, &f->err), ART_OK);

	assert_memory_equal(f->r.name, "red\xc3\xa9", 5);
	assert_true(strlen(f->r.name) < sizeof(f->r.name) && art_utf8_valid(f->r.name, strlen(f->r.name), NULL));
	assert_int_equal(f->r.n_services, REGISTRATION_SERVICES_MAX);
	assert_int_equal(f->r.more_services, 101 - REGISTRATION_SERVICES_MAX);
	assert_int_equal(f->r.n_skills, REGISTRATION_SKILLS_MAX);
	assert_int_equal(f->r.n_ids, REGISTRATION_IDS_MAX);
	assert_int_equal(f->r.bad_ids, 40 - REGISTRATION_IDS_MAX);
	assert_int_equal(f->r.n_metadata, REGISTRATION_METADATA_MAX);
	art_buf_destroy(&b);
	/* Half a URL or half a skill is another one. */
	char *json = art_printf("{\"services\":[{\"name\":\"web\",\"endpoint\":\"https://a/%0600d\"}],\"skills\":[\"%0100d\","
				"\"a\"]}", 0, 0);
	read_ok(f, json);
	free(json);
	assert_string_equal(f->r.services[0].endpoint, "");
	assert_int_equal(f->r.n_skills, 1);
}

static void registration_read_must_refuse_what_is_none(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "", "empty" }, { "\xef\xbb\xbf", "empty" }, { "<html>", "JSON byte 0" }, { "[]", "no JSON object" },
		{ "\"a\"", "no JSON object" }, { "{}", "nothing of a registration" },
		{ "{\"error\":\"not found\"}", "nothing of a registration" },
		{ "{\"name\":7,\"services\":\"x\",\"active\":\"x\"}", "nothing of a registration" },
		{ "{\"name\":\"a\",\"name\":\"b\"}", "twice" }, { "{\"name\":\"a\"", "JSON byte 11" },
		{ "{\"name\":\"a\"}x", "JSON byte 12" },
	};
	struct fixture *f = *state;
	char *large = art_alloc(REGISTRATION_MAX + 2, 1);

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		memset(&f->err, 0, sizeof(f->err));
		says(f, registration_read(&f->r, rows[i].text, strlen(rows[i].text), &f->err), ART_INVALID,
		     rows[i].part);
	}
	read_ok(f, "\xef\xbb\xbf{\"name\":\"a\"}");
	read_ok(f, "{\"type\":\"https://eips.ethereum.org/EIPS/eip-8004#registration-v1\"}");
	memset(large, ' ', REGISTRATION_MAX + 1);
	says(f, registration_read(&f->r, large, REGISTRATION_MAX + 1, &f->err), ART_INVALID, "larger");
	free(large);
}

/* ---- endpoints -------------------------------------------------------------------------------------- */

static void registration_endpoints_must_order_them(void **state)
{
	static const struct {
		const char *json, *found; /* separated by spaces */
	} rows[] = {
		{ obol, "https://w.example/services/autoresearch-worker https://w.example https://w.example/services/chat" },
		{ "{\"services\":[{\"name\":\"web\",\"endpoint\":\"https://a/\"}]}", "" },
		{ "{\"x402Support\":true,\"services\":[{\"name\":\"web\",\"endpoint\":\"https://a/\"},{\"name\":\"A2A\","
		  "\"endpoint\":\"https://a/card\"},{\"name\":\"gpu\",\"endpoint\":\"https://a/gpu/experiment/\"}]}",
		  "https://a/gpu https://a" },
		{ "{\"services\":{\"web\":\"https://A:443/services/x//\",\"api\":{\"endpoint\":"
		  "\"https://a/services/x/experiment\"}}}", "https://a/services/x" },
		{ "{\"x402Support\":true,\"services\":[\"ftp://a/services/x\",\"https://u:p@a/services/x\",\"//a/services/x\","
		  "\"mailto:a@b\",\"javascript:/services/\",\"https://a/services/y?k=1#f\"]}", "https://a/services/y" },
	};
	struct fixture *f = *state;
	char list[8][512];

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		char found[2048] = "";

		read_ok(f, rows[i].json);
		int n = registration_endpoints(&f->r, list, 8);
		for (int k = 0; k < n; k++)
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", k ? " " : "", list[k]);
		assert_string_equal(found, rows[i].found);
	}
	read_ok(f, obol);
	assert_int_equal(registration_endpoints(&f->r, list, 1), 1);
	assert_string_equal(list[0], "https://w.example/services/autoresearch-worker");
	assert_int_equal(registration_endpoints(&f->r, list, 0), 0);
}

/* ---- ours ---------------------------------------------------------------------------------------------- */

static struct registration_own our_own(void)
{
	static const char *const skills[] = { "devops_mlops/model_versioning", "machine_learning/model_optimization" };
	static const char *const domains[] = { "research_and_development/scientific_research" };
	static const struct registration_pair metadata[] = { { "gpu", "H100 \"80\"" }, { "best_val_bpb", "0.97" } };
	static struct registration_id ids[2];

	assert_int_equal(eth_address_parse(REGISTRY, &ids[0].registry, NULL), ART_OK);
	ids[0].chain_id = 84532;
	ids[0].agent = u256_from_u64(((uint64_t)1 << 53) - 1);
	ids[1] = ids[0];
	ids[1].agent = u256_from_u64((uint64_t)1 << 53);
	return (struct registration_own){
		.name = "Caf\xc3\xa9 GPU", .description = "Runs \\ experiments", .endpoint = "https://w.example/x",
		.skills = skills, .n_skills = 2, .domains = domains, .n_domains = 1, .x402 = true, .active = true,
		.ids = ids, .n_ids = 2, .metadata = metadata, .n_metadata = 2,
	};
}

static void registration_write_must_be_read_back(void **state)
{
	struct fixture *f = *state;
	struct registration_own own = our_own();

	says(f, registration_write(&own, &f->doc, &f->err), ART_OK, "");
	read_ok(f, f->doc.data);

	assert_string_equal(f->r.name, own.name);
	assert_string_equal(f->r.description, own.description);
	assert_string_equal(f->r.image, "");
	assert_int_equal(f->r.n_services, 2);
	assert_string_equal(f->r.services[0].endpoint, own.endpoint);
	assert_int_equal(f->r.n_skills, 2);
	assert_string_equal(f->r.skills[1], own.skills[1]);
	assert_string_equal(f->r.domains[0], own.domains[0]);
	assert_true(f->r.x402 && f->r.active && f->r.active_known);
	assert_int_equal(f->r.n_ids, 2);
	assert_memory_equal(&f->r.ids[0].agent, &own.ids[0].agent, 32);
	assert_memory_equal(&f->r.ids[1].agent, &own.ids[1].agent, 32);
	assert_string_equal(registration_metadata(&f->r, "gpu"), "H100 \"80\"");
}

static void registration_write_must_hold_what_others_look_for(void **state)
{
	static const char *const parts[] = {
		"\"type\":\"https://eips.ethereum.org/EIPS/eip-8004#registration-v1\"",
		"{\"name\":\"web\",\"endpoint\":\"https://w.example/x\",\"version\":\"1.0.0\"}",
		"{\"name\":\"OASF\",\"version\":\"0.8\",\"skills\":[\"devops_mlops/model_versioning\","
		"\"machine_learning/model_optimization\"],\"domains\":[\"research_and_development/scientific_research\"]}",
		"\"x402Support\":true", "\"active\":true",
		"{\"agentId\":9007199254740991,\"agentRegistry\":\"eip155:84532:" REGISTRY "\"}",
		"{\"agentId\":\"9007199254740992\",", "\"best_val_bpb\":\"0.97\"",
	};
	struct fixture *f = *state;
	struct registration_own own = our_own();

	says(f, registration_write(&own, &f->doc, &f->err), ART_OK, "");
	for (size_t i = 0; i < ART_COUNT(parts); i++)
		if (!strstr(f->doc.data, parts[i]))
			fail_msg("%s is not in %s", parts[i], f->doc.data);
	/* Nobody to sell for: still an identity. */
	own = (struct registration_own){ .name = "a" };
	art_buf_reset(&f->doc);
	says(f, registration_write(&own, &f->doc, &f->err), ART_OK, "");
	assert_non_null(strstr(f->doc.data, "\"services\":[],\"x402Support\":false,\"active\":false,\"registrations\":[]"));
}

static void registration_write_must_refuse_what_would_not_come_back(void **state)
{
	static const char *const spaced[] = { "a b" }, *const empty[] = { "" };
	static const struct registration_pair twice[] = { { "a", "1" }, { "a", "2" } };
	static const struct registration_pair dirty[] = { { "a", "x\033[31m" } };
	const char *many[REGISTRATION_SKILLS_MAX + 1];
	struct fixture *f = *state;
	char *long_name = art_printf("%0100d", 0), *long_text = art_printf("%0600d", 0);
	struct art_buf small;

	for (size_t i = 0; i < ART_COUNT(many); i++)
		many[i] = "a/b";

	const struct {
		struct registration_own own;
		enum art_status s;
		const char *part;
	} rows[] = {
		{ { .name = NULL }, ART_INVALID, "needs a name" },
		{ { .name = "" }, ART_INVALID, "needs a name" },
		{ { .name = "a\nb" }, ART_INVALID, "the name" },
		{ { .name = "a\xff" }, ART_INVALID, "the name" },
		{ { .name = "a " }, ART_INVALID, "space" },
		{ { .name = long_name }, ART_LIMIT, "the name" },
		{ { .name = "a", .description = long_text }, ART_LIMIT, "the description" },
		{ { .name = "a", .image = long_text }, ART_LIMIT, "image" },
		{ { .name = "a", .endpoint = "w.example" }, ART_INVALID, "the endpoint" },
		{ { .name = "a", .endpoint = "ftp://w.example" }, ART_INVALID, "the endpoint" },
		{ { .name = "a", .endpoint = "https://u:p@w.example" }, ART_INVALID, "the endpoint" },
		{ { .name = "a", .skills = spaced, .n_skills = 1 }, ART_INVALID, "skill" },
		{ { .name = "a", .domains = empty, .n_domains = 1 }, ART_INVALID, "domain" },
		{ { .name = "a", .skills = many, .n_skills = REGISTRATION_SKILLS_MAX + 1 }, ART_LIMIT, "skills" },
		{ { .name = "a", .metadata = twice, .n_metadata = 2 }, ART_INVALID, "twice" },
		{ { .name = "a", .metadata = dirty, .n_metadata = 1 }, ART_INVALID, "print" },
		{ { .name = "a", .n_ids = REGISTRATION_IDS_MAX + 1 }, ART_LIMIT, "registrations" },
	};

	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		memset(&f->err, 0, sizeof(f->err));
		says(f, registration_write(&rows[i].own, &f->doc, &f->err), rows[i].s, rows[i].part);
		assert_int_equal(f->doc.len, 0);
	}
	art_buf_init(&small, 100);
	struct registration_own own = our_own();
	says(f, registration_write(&own, &small, &f->err), ART_LIMIT, "does not fit");
	assert_int_equal(small.len, 0);
	free(long_name);
	free(long_text);
}

static void registration_data_uri_must_be_located_again(void **state)
{
	struct fixture *f = *state;
	struct art_buf uri, small;

	art_buf_init(&uri, 4 << 20);
	says(f, registration_data_uri(obol, strlen(obol), &uri, &f->err), ART_OK, "");
	says(f, locate_n(f, uri.data, uri.len), ART_OK, "");
	assert_string_equal(f->doc.data, obol);
	art_buf_destroy(&uri);
	art_buf_init(&small, 64);
	says(f, registration_data_uri(obol, strlen(obol), &small, &f->err), ART_LIMIT, "does not fit");
	art_buf_destroy(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(registration_locate_must_find_urls),
		T(registration_locate_must_know_an_absent_one),
		T(registration_locate_must_decode_what_lies_in_the_uri),
		T(registration_locate_must_refuse_what_it_cannot_fetch),
		T(registration_locate_must_keep_to_its_ceiling),
		T(registration_read_must_read_obols_document),
		T(registration_read_must_take_each_form_of_x402_and_active),
		T(registration_read_must_take_each_form_of_services),
		T(registration_read_must_take_each_form_of_skills),
		T(registration_read_must_take_ids_as_numbers_and_texts),
		T(registration_read_must_turn_metadata_into_text),
		T(registration_read_must_clean_and_bound_everything),
		T(registration_read_must_refuse_what_is_none),
		T(registration_endpoints_must_order_them),
		T(registration_write_must_be_read_back),
		T(registration_write_must_hold_what_others_look_for),
		T(registration_write_must_refuse_what_would_not_come_back),
		T(registration_data_uri_must_be_located_again),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
