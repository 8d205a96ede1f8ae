/*
 * scan8004_row.c - one row of an index: whose it is, what it tells, and the document it may carry.
 *
 * Layer: core. Pure functions. The same names are spelled in snake_case by one API and in camelCase by the
 * other and by old samples; ids and counts come as numbers or texts.
 */
#include "core/market/scan8004_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/chain/hex.h"
#include "core/chain/u256.h"

#define PLACES_MAX 24 /* endpoints of a row */

/* ---- what a row says ------------------------------------------------------------------------- */

const struct json *json_either(const struct json *obj, const char *a, const char *b)
{
	const struct json *j = json_get(obj, a);

	return j && !json_is_null(j) ? j : json_get(obj, b);
}

/* A whole number as digits: 17, "17". */
static bool take_digits(const struct json *j, char *out, size_t size)
{
	struct opt_i64 v = json_int(j);
	struct u256 wide;
	char text[U256_TEXT];

	out[0] = '\0';
	if (v.known && v.v >= 0)
		snprintf(text, sizeof(text), "%lld", (long long)v.v);
	else if (!json_str(j) || !u256_parse(json_str(j), &wide))
		return false;
	else
		u256_text(&wide, text);
	return art_copy(out, size, text);
}

bool json_count_of(const struct json *j, uint64_t *out)
{
	char text[U256_TEXT];
	struct u256 wide;

	return take_digits(j, text, sizeof(text)) && u256_parse(text, &wide) && u256_to_u64(&wide, out);
}

static bool take_registry(const char *s, char out[AGENT_REGISTRY_MAX])
{
	struct eth_address a;
	char text[ETH_ADDRESS_TEXT];

	out[0] = '\0';
	if (!s || eth_address_parse(s, &a, NULL) != ART_OK)
		return false;
	return art_copy(out, AGENT_REGISTRY_MAX, hex_encode(a.b, sizeof(a.b), text));
}

/* "84532:0x...:17", "eip155:84532:0x...:17"; what is missing or unreadable in it stays empty. */
static void split_id(const char *s, struct agent_key *out)
{
	char chain[24], registry[64];
	const char *colon, *last;
	struct u256 wide;

	memset(out, 0, sizeof(*out));
	if (!s)
		return;
	if (!strncasecmp(s, "eip155:", 7))
		s += 7;
	colon = strchr(s, ':');
	last = strrchr(s, ':');
	if (!colon || (size_t)(colon - s) >= sizeof(chain))
		return;
	snprintf(chain, sizeof(chain), "%.*s", (int)(colon - s), s);
	if (!u256_parse(chain, &wide) || !u256_to_u64(&wide, &out->chain_id))
		return;
	if (last != colon && (size_t)(last - colon - 1) < sizeof(registry)) {
		snprintf(registry, sizeof(registry), "%.*s", (int)(last - colon - 1), colon + 1);
		take_registry(registry, out->registry);
	}
	if (u256_parse(last + 1, &wide))
		u256_text(&wide, out->token_id);
}

/* An agent's identity, from the parts of a row and from its composed id, which may not contradict each
 * other. */
const char *scan_row_key(const struct json *row, const struct scan_ask *ask, struct agent_key *out)
{
	const struct json *id = json_either(row, "agent_id", "agentId");
	const struct json *registry = json_either(row, "contract_address", "contractAddress");
	struct agent_key composed, parts = { 0 };

	if (!json_str(registry))
		registry = json_either(row, "registry_address", "registryAddress");
	split_id(json_str(id), &composed);
	if (!json_count_of(json_either(row, "chain_id", "chainId"), &parts.chain_id))
		parts.chain_id = 0;
	if (!take_digits(json_either(row, "token_id", "tokenId"), parts.token_id, sizeof(parts.token_id)) &&
	    !composed.token_id[0])
		take_digits(id, parts.token_id, sizeof(parts.token_id));
	take_registry(json_str(registry), parts.registry);
	if ((parts.chain_id && composed.chain_id && parts.chain_id != composed.chain_id) ||
	    (parts.token_id[0] && composed.token_id[0] && strcmp(parts.token_id, composed.token_id) != 0) ||
	    (parts.registry[0] && composed.registry[0] && strcmp(parts.registry, composed.registry) != 0))
		return "its agent_id contradicts its other fields";
	*out = parts;
	if (!out->chain_id)
		out->chain_id = composed.chain_id;
	if (!out->token_id[0])
		art_copy(out->token_id, sizeof(out->token_id), composed.token_id);
	if (!out->registry[0])
		art_copy(out->registry, sizeof(out->registry), composed.registry);
	if (!out->registry[0] && ask && ask->registry && out->chain_id == ask->chain_id)
		take_registry(ask->registry, out->registry);
	if (!out->chain_id)
		return "it names no chain";
	if (!out->token_id[0])
		return "it has no token id";
	return out->registry[0] ? NULL : "it names no registry";
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void add_fact(struct scan_agent *a, const char *key, const char *value, int64_t as_of)
{
	struct agent_fact *f = &a->facts[a->n_facts];

	if (!value || a->n_facts == AGENT_FACTS_MAX)
		return;
	memset(f, 0, sizeof(*f));
	f->origin = ORIGIN_SCAN;
	f->as_of = as_of;
	if (art_copy(f->key, sizeof(f->key), key) &&
	    art_text_clean(f->value, sizeof(f->value), value, strlen(value), false))
		a->n_facts++;
}

static void add_bool(struct scan_agent *a, const char *key, const struct json *j, int64_t as_of)
{
	if (json_bool(j, true) == json_bool(j, false))
		add_fact(a, key, json_bool(j, false) ? "true" : "false", as_of);
}

static void add_number(struct scan_agent *a, const char *key, const struct json *j, int64_t as_of)
{
	struct opt_f64 v = json_num(j);
	char text[32];

	if (json_str(j) && art_parse_f64(json_str(j), &v.v))
		v.known = true;
	if (v.known)
		add_fact(a, key, art_f64_text(v.v, text, sizeof(text)), as_of);
}

static void add_address(struct scan_agent *a, const char *key, const struct json *j, int64_t as_of)
{
	struct eth_address address;
	char text[ETH_ADDRESS_TEXT];

	if (json_str(j) && eth_address_parse(json_str(j), &address, NULL) == ART_OK && !eth_address_is_zero(&address))
		add_fact(a, key, eth_address_text(&address, text), as_of);
}

/* Appends one word to a list separated by spaces; a word that would not fit whole, or is two, is left out. */
static void add_word(char list[AGENT_VALUE_MAX], const char *word)
{
	char clean[512];
	size_t at = strlen(list), n;

	if (!word || strlen(word) >= sizeof(clean))
		return;
	n = art_text_clean(clean, sizeof(clean), word, strlen(word), false);
	if (!n || strchr(clean, ' ') || at + n + 2 > AGENT_VALUE_MAX)
		return;
	snprintf(list + at, AGENT_VALUE_MAX - at, "%s%s", at ? " " : "", clean);
}

static void add_list(struct scan_agent *a, const char *key, const struct json *list, int64_t as_of)
{
	char words[AGENT_VALUE_MAX] = "";

	for (const struct json *m = json_is_array(list) ? json_at(list, 0) : NULL; m; m = json_next(m)) {
		const char *s = json_str(m);

		add_word(words, s ? s : json_str(json_either(m, "slug", "name")));
	}
	if (words[0])
		add_fact(a, key, words, as_of);
}

/* Of one entry of "services": its endpoint, and what an OASF one tells. */
static void read_service(struct scan_agent *a, const struct json *m, const char *key, char *places, int *n,
			 int64_t as_of)
{
	const char *name = json_str(json_get(m, "name"));
	const char *endpoint = json_str(m) ? json_str(m) : json_str(json_get(m, "endpoint"));
	struct http_url parts;

	name = name ? name : key;
	if (name && !strcasecmp(name, "oasf")) {
		add_list(a, "skills", json_get(m, "skills"), as_of);
		add_list(a, "domains", json_get(m, "domains"), as_of);
		return; /* its endpoint is a taxonomy's, not an agent's */
	}
	if (endpoint && *n < PLACES_MAX && http_url_parse(endpoint, &parts, NULL) == ART_OK) {
		add_word(places, endpoint);
		(*n)++;
	}
}

static bool has_fact(const struct scan_agent *a, const char *key)
{
	for (int i = 0; i < a->n_facts; i++)
		if (!strcmp(a->facts[i].key, key))
			return true;
	return false;
}

static void read_services(struct scan_agent *a, const struct json *row, int64_t as_of)
{
	const struct json *list = json_get(row, "services");
	char places[AGENT_VALUE_MAX] = "";
	int n = 0;

	list = list && !json_is_null(list) ? list : json_get(row, "endpoints");
	for (const struct json *m = json_at(list, 0); m; m = json_next(m))
		read_service(a, m, json_is_object(list) ? json_key(m) : NULL, places, &n, as_of);
	if (places[0])
		add_fact(a, "endpoints", places, as_of);
	if (!has_fact(a, "skills"))
		add_list(a, "skills", json_either(row, "oasf_skills", "oasfSkills"), as_of);
	if (!has_fact(a, "domains"))
		add_list(a, "domains", json_either(row, "oasf_domains", "oasfDomains"), as_of);
}

static int64_t time_of(const struct json *j)
{
	struct opt_f64 v = json_num(j);
	int64_t us;

	if (json_str(j))
		return art_parse_time(json_str(j), &us) ? us : 0;
	if (!v.known || v.v <= 0 || v.v > 9e12)
		return 0;
	return (int64_t)(v.v * (v.v > 1e11 ? 1e3 : 1e6)); /* milliseconds or seconds, told apart by their size */
}

/* Where the row says its document lies. A URI that is cut or changed would be another. */
static void read_uri(struct scan_agent *a, const struct json *row, int64_t as_of)
{
	static const char *const keys[] = { "uri",	 "tokenURI",  "token_uri", "tokenUri", "agent_uri",
					    "agentURI", "agent_url", "agentUrl" };
	const char *s = json_str(json_get(json_get(row, "raw_metadata"), "offchain_uri"));

	for (size_t i = 0; i < ART_COUNT(keys) && !s; i++)
		s = json_str(json_get(row, keys[i]));
	if (!s || strlen(s) >= sizeof(a->uri))
		return;
	art_text_clean(a->uri, sizeof(a->uri), s, strlen(s), false);
	if (strcmp(a->uri, s) != 0)
		a->uri[0] = '\0';
	if (a->uri[0] && strlen(a->uri) < AGENT_VALUE_MAX)
		add_fact(a, "uri", a->uri, as_of);
}

static void read_facts(struct scan_agent *a, const struct json *row)
{
	int64_t told = time_of(json_either(row, "updated_at", "updatedAt"));
	int64_t parsed = time_of(json_get(json_get(row, "parse_status"), "last_parsed_at"));
	int64_t scored = time_of(json_get(json_get(row, "scores"), "last_scored_at"));
	const struct json *active, *x402;

	parsed = parsed ? parsed : told;
	scored = scored ? scored : told;
	add_fact(a, "name", json_str(json_get(row, "name")), parsed);
	add_fact(a, "description", json_str(json_get(row, "description")), parsed);
	add_fact(a, "image", json_str(json_either(row, "image_url", "imageUrl")), parsed);
	add_address(a, "owner", json_either(row, "owner_address", "ownerAddress"), told);
	add_address(a, "wallet", json_either(row, "agent_wallet", "agentWallet"), told);
	active = json_either(row, "is_active", "isActive");
	x402 = json_either(row, "x402_supported", "x402Supported");
	add_bool(a, "active", active ? active : json_get(row, "active"), parsed);
	add_bool(a, "x402", x402 ? x402 : json_get(row, "x402Support"), parsed);
	add_number(a, "score", json_either(row, "total_score", "totalScore"), scored);
	add_number(a, "rank", json_get(row, "rank"), scored);
	add_number(a, "health", json_either(row, "health_score", "healthScore"),
		   time_of(json_get(row, "health_checked_at")));
	add_number(a, "feedbacks", json_either(row, "total_feedbacks", "totalFeedbacks"), told);
	add_list(a, "protocols", json_either(row, "supported_protocols", "supportedProtocols"), parsed);
	read_services(a, row, parsed);
	read_uri(a, row, told);
}

/* ---- the document a row may carry ------------------------------------------------------------ */

static void keep_document(struct scan_agent *a, const char *text, size_t n)
{
	if (!n || n > REGISTRATION_MAX || text[0] != '{')
		return;
	a->document = art_alloc(n + 1, 1);
	memcpy(a->document, text, n);
	a->document_len = n;
}

/* @text: the row as it came. An object is kept byte for byte, a text with JSON in it as that JSON. */
static void read_document(struct scan_agent *a, const struct json *row, const char *text, size_t len)
{
	const struct json *content = json_get(json_get(row, "raw_metadata"), "offchain_content");
	struct slice root = { 0, len }, raw = { 0, 0 }, at;
	const char *s;

	if (json_is_object(content)) {
		if (slice_member(text, root, "raw_metadata", &raw) &&
		    slice_member(text, raw, "offchain_content", &at))
			keep_document(a, text + at.at, at.n);
	} else if (json_is_object(json_get(row, "registration_json"))) {
		if (slice_member(text, root, "registration_json", &at))
			keep_document(a, text + at.at, at.n);
	} else {
		s = json_str(content) ? json_str(content) : json_str(json_get(row, "registration_json"));
		if (s)
			keep_document(a, s + strspn(s, " \t\r\n"), strlen(s + strspn(s, " \t\r\n")));
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

void scan_agent_destroy(struct scan_agent *a)
{
	free(a->facts);
	free(a->document);
	memset(a, 0, sizeof(*a));
}

void scan_row_agent(struct scan_agent *out, const struct json *row, const char *text, size_t len)
{
	struct agent_fact *all = art_alloc(AGENT_FACTS_MAX, sizeof(*all));

	out->facts = all;
	read_facts(out, row);
	read_document(out, row, text, len);
	/* Pages have many rows, and most rows tell little. */
	out->facts = art_alloc(out->n_facts ? (size_t)out->n_facts : 1, sizeof(*out->facts));
	memcpy(out->facts, all, (size_t)out->n_facts * sizeof(*all));
	free(all);
}
