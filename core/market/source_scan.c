/*
 * source_scan.c - the two APIs of 8004scan, or a clone's.
 *
 * Layer: core. Asked is one list for each skill, filtered by the service and again by us, and never one without the filter: what
 * the service finds nothing for is nothing. List rows carry no document, so those nobody has read are asked for one by one while the
 * budget lasts, those read longest ago first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/market/source_scan.h"

#define ROWS 100
#define VALUES_MAX 200000 /* of a page: a hundred full details have about 40,000 */

/* ---- what came -------------------------------------------------------------------------------------- */

static bool is_new(struct scan *c, int64_t id)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->ids[i] == id)
			return false;
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->ids = art_grow(c->ids, c->cap, sizeof(*c->ids));
	}
	c->ids[c->n++] = id;
	return true;
}

/* One agent as the index tells it. @detail: it is all the index knows. */
static enum art_status store_agent(struct scan *c, const struct scan_agent *a, bool detail, int64_t *id,
				   struct art_err *err)
{
	struct agent_fact *facts = art_alloc(AGENT_FACTS_MAX, sizeof(*facts));
	size_t n = (size_t)a->n_facts < AGENT_FACTS_MAX ? (size_t)a->n_facts : AGENT_FACTS_MAX;
	char now[32];
	enum art_status s = agent_see(c->m->store, &a->key, c->row->name, id, err);

	memcpy(facts, a->facts, n * sizeof(*facts));
	market_fact(facts, &n, "uri", a->uri);
	if (detail || a->document) {
		snprintf(now, sizeof(now), "%lld", (long long)(art_now_us() / 1000000));
		market_fact(facts, &n, "scan_detail_at", now);
	}
	if (s == ART_OK)
		s = market_tell(c->m, *id, ORIGIN_SCAN, facts, n, c->ask->match, err);
	/* A copy that cannot be read is the index's trouble, and no reason not to know the agent. */
	if (s == ART_OK && a->document &&
	    market_take_document(c->m, *id, ORIGIN_SCAN, c->row->name, NULL, a->document, a->document_len,
				 c->ask->match, NULL) != ART_OK)
		c->row->bad++;
	free(facts);
	return s;
}

/* A row that the store refuses is one bad row. */
static bool is_bad_row(enum art_status s)
{
	return s == ART_INVALID || s == ART_LIMIT;
}

static enum art_status store_page(struct scan *c, const struct scan_page *p, struct art_err *err)
{
	enum art_status s = store_begin(c->m->store, err);
	int64_t id;

	if (s != ART_OK)
		return s;
	c->row->bad += (int64_t)p->bad;
	for (size_t i = 0; i < p->n && s == ART_OK && (int64_t)c->n < c->ask->limit; i++) {
		if (!market_wants(c->m, c->ask, p->rows[i].key.chain_id))
			continue;
		s = store_agent(c, &p->rows[i], false, &id, err);
		if (s == ART_OK && is_new(c, id))
			c->row->rows++;
		if (is_bad_row(s)) {
			c->row->bad++;
			s = ART_OK;
		}
	}
	if (s == ART_OK)
		s = store_commit(c->m->store, err);
	if (s != ART_OK)
		store_rollback(c->m->store);
	return s;
}

/* The words of a refusal, with its number. */
static enum art_status refused(const struct http_response *r, const struct art_err *why, struct art_err *err)
{
	if (r->status >= 200 && r->status < 300)
		return art_fail(err, scan_not_limit(why->code), "%.230s", why->text);
	return art_fail(err, ART_REFUSED, "HTTP %d%s%.200s", r->status, why->code == ART_REFUSED ? ": " : "",
			why->code == ART_REFUSED ? why->text : "");
}

static enum art_status read_page(const struct scan_ask *ask, const struct http_response *r,
				 struct scan_page *page, struct art_err *err)
{
	const char *text = r->body.data ? r->body.data : "";
	struct art_err why = { 0 };

	if (market_too_dense(text, r->body.len, VALUES_MAX))
		return art_fail(err, ART_INVALID, "a page holds more than %d values", VALUES_MAX);
	if (scan_page_read(page, text, r->body.len, ask, &why) != ART_OK)
		return refused(r, &why, err);
	if (r->status >= 200 && r->status < 300)
		return ART_OK;
	scan_page_destroy(page);
	return refused(r, &why, err);
}

/* ---- lists -------------------------------------------------------------------------------------------- */

static enum art_status get_page(struct scan *c, const struct scan_ask *ask, struct scan_page *page,
				struct art_err *err)
{
	struct http_response r = { 0 };
	char url[HTTP_URL_MAX];
	enum art_status s = scan_list_url(c->api, c->base, ask, url, err);

	if (s != ART_OK)
		return s;
	s = scan_get(c, url, &r, true, err);
	if (s == ART_OK)
		s = read_page(ask, &r, page, err);
	http_response_destroy(&r);
	return s;
}

/* The registry of the one chain that is asked for, for rows that name none; NULL when it is not known. */
static const char *registry_of(const struct scan *c, char out[ETH_ADDRESS_TEXT])
{
	const struct chain *chain = chains_by_id(c->m->chains, c->ask->chain_id);

	if (!chain || eth_address_is_zero(&chain->identity))
		return NULL;
	return hex_encode(chain->identity.b, sizeof(chain->identity.b), out);
}

static enum art_status list_skill(struct scan *c, const char *skill, bool testnet, struct art_err *err)
{
	int64_t left = c->ask->limit - (int64_t)c->n;
	char registry[ETH_ADDRESS_TEXT] = "";
	struct scan_ask ask = { .chain_id = c->ask->chain_id, .skill = skill, .oasf_only = true, .testnet = testnet,
				.registry = registry_of(c, registry), .limit = left < ROWS ? (int)left : ROWS };
	int64_t pages = (c->ask->limit + ROWS - 1) / ROWS;
	bool more = true;
	enum art_status s = ART_OK;

	/* Bounded by pages too: a service may answer rows of other chains for ever. */
	for (ask.page = 0; more && ask.page < pages && (int64_t)c->n < c->ask->limit && s == ART_OK; ask.page++) {
		struct scan_page page = { 0 };

		s = get_page(c, &ask, &page, err);
		more = page.more && page.n;
		if (s == ART_OK)
			s = store_page(c, &page, err);
		if (s == ART_OK) {
			c->any = true;
			if (page.bad)
				market_say(c->m, "%s: %zu bad rows: %s", c->row->name, page.bad, page.why);
		}
		scan_page_destroy(&page);
	}
	return s;
}

/* Whether any chain of this kind is asked for. */
static bool wants_net(const struct scan *c, bool testnet)
{
	for (int i = 0; i < c->m->chains->n; i++) {
		const struct chain *chain = &c->m->chains->list[i];

		if (chain->is_testnet == testnet && market_wants(c->m, c->ask, chain->id))
			return true;
	}
	return !testnet && c->ask->chain_id && !chains_by_id(c->m->chains, c->ask->chain_id);
}

static bool is_ours_to_tell(enum art_status s)
{
	return s == ART_CANCELLED || s == ART_BUSY || s == ART_IO || s == ART_CORRUPT;
}

/* One failing list does not keep the others from being asked; without a budget, or an answer, none is. */
static enum art_status list_net(struct scan *c, bool testnet, struct art_err *err)
{
	const char *at = c->ask->skills;
	char skill[MARKET_WORD_MAX];
	enum art_status s = ART_OK;

	while (s != ART_LIMIT && s != ART_NET && market_word(&at, skill) && (int64_t)c->n < c->ask->limit) {
		struct art_err why = { 0 };

		s = list_skill(c, skill, testnet, &why);
		if (is_ours_to_tell(s))
			return art_fail(err, s, "%s", why.text);
		if (s != ART_OK && !c->first.code)
			c->first = why;
	}
	return s == ART_LIMIT || s == ART_NET ? s : ART_OK;
}

/* The service leaves test networks out unless it is asked for them alone. */
static enum art_status list_all(struct scan *c, struct art_err *err)
{
	enum art_status s = ART_OK;

	for (int testnet = 0; testnet < 2 && s == ART_OK; testnet++)
		if (wants_net(c, testnet))
			s = list_net(c, testnet, err);
	if (is_ours_to_tell(s))
		return s;
	if (c->any || !c->first.code)
		return ART_OK;
	return art_fail(err, c->first.code, "%s", c->first.text);
}

/* ---- details ------------------------------------------------------------------------------------------ */

struct want {
	int64_t id, read_at; /* when its detail was read last; 0 never */
};

static int by_age(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return (x->read_at > y->read_at) - (x->read_at < y->read_at);
}

/* Whom only the index can tell us more of: nobody's document was read, and no URI is known to read it by. */
static enum art_status who_wants(struct scan *c, struct want *list, size_t *n, struct art_err *err)
{
	enum art_status s = ART_OK;

	for (size_t i = 0; i < c->n && s == ART_OK; i++) {
		struct agent_facts f = { 0 };
		const struct agent_fact *at;

		s = agent_facts(c->m->store, c->ids[i], &f, err);
		at = agent_fact_of(&f, "scan_detail_at", ORIGIN_SCAN);
		if (s == ART_OK && !agent_fact_of(&f, "uri", ORIGIN_COUNT) &&
		    !agent_fact_of(&f, "document_sha256", ORIGIN_DOCUMENT)) {
			list[*n] = (struct want){ .id = c->ids[i] };
			if (at && art_parse_i64(at->value, &list[*n].read_at))
				list[*n].read_at *= 1000000;
			++*n;
		}
		agent_facts_destroy(&f);
	}
	if (s == ART_OK && *n)
		qsort(list, *n, sizeof(*list), by_age);
	return s;
}

static enum art_status store_detail(struct scan *c, const struct scan_agent *a, struct art_err *err)
{
	enum art_status s = store_begin(c->m->store, err);
	int64_t id;

	if (s != ART_OK)
		return s;
	s = store_agent(c, a, true, &id, err);
	if (s == ART_OK)
		s = store_commit(c->m->store, err);
	if (s != ART_OK)
		store_rollback(c->m->store);
	return s;
}

static enum art_status ask_detail(struct scan *c, int64_t id, struct art_err *err)
{
	struct agent_row *row = art_alloc(1, sizeof(*row));
	struct scan_agent *a = art_alloc(1, sizeof(*a));
	struct http_response r = { 0 };
	char url[HTTP_URL_MAX];
	enum art_status s = agent_find(c->m->store, id, row, err);

	if (s == ART_OK)
		s = scan_detail_url(c->api, c->base, &row->key, url, err);
	if (s == ART_OK)
		s = scan_get(c, url, &r, false, err);
	if (s == ART_OK && (r.status < 200 || r.status > 299))
		s = art_fail(err, ART_REFUSED, "HTTP %d", r.status);
	if (s == ART_OK && market_too_dense(r.body.data ? r.body.data : "", r.body.len, VALUES_MAX))
		s = art_fail(err, ART_INVALID, "a detail holds more than %d values", VALUES_MAX);
	if (s == ART_OK)
		s = scan_not_limit(scan_detail_read(a, r.body.data ? r.body.data : "", r.body.len, &row->key, err));
	if (s == ART_OK)
		s = scan_not_limit(store_detail(c, a, err));
	http_response_destroy(&r);
	scan_agent_destroy(a);
	free(a);
	free(row);
	return s;
}

/* Its detail cannot be read: for a while it is not asked for again. */
static enum art_status note_tried(struct scan *c, int64_t id, struct art_err *err)
{
	struct agent_fact *fact = art_alloc(AGENT_FACTS_MAX, sizeof(*fact));
	char now[32];
	size_t n = 0;
	enum art_status s;

	snprintf(now, sizeof(now), "%lld", (long long)(art_now_us() / 1000000));
	market_fact(fact, &n, "scan_detail_at", now);
	s = market_tell(c->m, id, ORIGIN_SCAN, fact, n, c->ask->match, err);
	free(fact);
	return s;
}

/* While the budget lasts and the service answers. A detail that is no good is a bad row; it is asked again another day. */
static enum art_status ask_details(struct scan *c, struct art_err *err)
{
	int64_t fresh_since = art_now_us() - config_int(c->m->config, CONFIG_MARKET_MAX_AGE_S_KEY) * 1000000;
	struct want *list = art_alloc(c->n + 1, sizeof(*list));
	size_t n = 0;
	enum art_status s = who_wants(c, list, &n, err);

	for (size_t i = 0; i < n && s == ART_OK; i++) {
		if (list[i].read_at > fresh_since)
			break;
		s = ask_detail(c, list[i].id, err);
		if (s == ART_LIMIT || s == ART_NET) {
			s = ART_OK;
			break;
		}
		if (s != ART_OK && !is_ours_to_tell(s)) {
			c->row->bad++;
			s = note_tried(c, list[i].id, err);
		}
	}
	free(list);
	return s;
}

/* ---- the source ------------------------------------------------------------------------------------------ */

static enum art_status ask_api(struct market *m, const struct market_ask *ask, struct source_row *row,
			       enum scan_api api, const char *base, struct art_err *err)
{
	struct scan c = { .m = m, .ask = ask, .row = row, .api = api, .base = base };
	enum art_status s = scan_read_key(&c, err);

	if (s == ART_OK)
		s = list_all(&c, err);
	if (s == ART_OK)
		s = ask_details(&c, err);
	/* A list that came makes the asking good; what did not come is said beside it. */
	if (s == ART_OK && c.first.code)
		art_text_clean(row->error, sizeof(row->error), c.first.text, strlen(c.first.text), false);
	explicit_bzero(c.api_key, sizeof(c.api_key));
	explicit_bzero(c.bearer, sizeof(c.bearer));
	free(c.ids);
	return s;
}

static enum art_status ask_public(struct market *m, const struct market_ask *ask, struct source_row *row,
				  const char *which, struct art_err *err)
{
	(void)which;
	return ask_api(m, ask, row, SCAN_PUBLIC, config_text(m->config, CONFIG_SCAN_URL_KEY), err);
}

static enum art_status ask_backend(struct market *m, const struct market_ask *ask, struct source_row *row,
				   const char *which, struct art_err *err)
{
	(void)which;
	return ask_api(m, ask, row, SCAN_BACKEND, config_text(m->config, CONFIG_SCAN_BACKEND_URL_KEY), err);
}

static void which_public(const struct market *m, const struct market_ask *ask, char *out, size_t n)
{
	(void)ask;
	art_copy(out, n, *config_text(m->config, CONFIG_SCAN_URL_KEY) ? "8004scan" : "");
}

static void which_backend(const struct market *m, const struct market_ask *ask, char *out, size_t n)
{
	(void)ask;
	art_copy(out, n, *config_text(m->config, CONFIG_SCAN_BACKEND_URL_KEY) ? "8004scan-backend" : "");
}

const struct market_source market_source_scan = { "8004scan", ask_public, which_public },
			   market_source_scan_backend = { "8004scan-backend", ask_backend, which_backend };
