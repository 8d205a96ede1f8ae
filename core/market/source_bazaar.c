/*
 * source_bazaar.c - catalogues of x402 facilitators: what was sold through them.
 *
 * Layer: core. Source: the x402 specification v2, section 8 (GET /discovery/resources), and what the two large facilitators do to it.
 * A catalogue holds thousands of resources that are none of ours. One is kept when its path is that of an experiment or it names one
 * of our skills; it matches (and so may be probed and, by policy, paid) only when it names a skill, or is paid to the on-chain wallet
 * of an agent that told one. The rest is seen with "all" and needs a person's word.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/market/probe.h"
#include "core/market/source.h"
#include "store/json.h"

#define BODY_MAX (8u << 20)
#define VALUES_MAX 200000
#define ROWS 100
#define ITEMS_MAX 1000 /* of a page: a service may give more than asked, not without end */
#define PAGES 10 /* of one catalogue in one discovery; the next goes on behind them */
#define REDIRECTS 3
#define ATTEMPTS 2
#define TIMEOUT_MS 30000

struct payee {
	char wallet[43];
	int64_t agent_id;
};
struct catalogue {
	struct market *m;
	const struct market_ask *ask;
	struct source_row *row;
	struct payee *payees; /* wallets of matching agents */
	size_t n_payees, cap_payees;
};

/* ---- which ---------------------------------------------------------------------------------------- */

/*
 * The next facilitator of the list and the name of its row, "bazaar:HOST"; with the port where a host has several.
 * @names: those before it, and then itself. False at the end.
 */
static bool next_facilitator(const char **at, char *names, size_t n, char base[MARKET_WORD_MAX], char name[48])
{
	struct http_url *u = art_alloc(1, sizeof(*u));
	bool found = false;

	while (!found && market_word(at, base)) {
		size_t len = strlen(names);

		if (http_url_parse(base, u, NULL) != ART_OK)
			continue;
		snprintf(name, 48, "bazaar:%.40s", u->host);
		if (market_has_word(names, name))
			snprintf(name, 48, "bazaar:%.34s:%d", u->host, u->port);
		found = !market_has_word(names, name) && len + strlen(name) + 2 < n;
		if (found)
			snprintf(names + len, n - len, "%s%s", len ? " " : "", name);
	}
	free(u);
	return found;
}

static void which(const struct market *m, const struct market_ask *ask, char *out, size_t n)
{
	const char *at = config_text(m->config, CONFIG_MARKET_BAZAAR_KEY);
	char base[MARKET_WORD_MAX], name[48];

	(void)ask;
	out[0] = 0;
	while (next_facilitator(&at, out, n, base, name))
		;
}

static bool base_of(const struct market *m, const char *which_, char out[MARKET_WORD_MAX])
{
	const char *at = config_text(m->config, CONFIG_MARKET_BAZAAR_KEY);
	char names[1024] = "", name[48];

	while (next_facilitator(&at, names, sizeof(names), out, name))
		if (!strcmp(name, which_))
			return true;
	return false;
}

/* ---- whose wallet it is ------------------------------------------------------------------------------ */

static enum art_status note_wallet(void *arg, const struct agent_row *row, struct art_err *err)
{
	struct catalogue *c = arg;

	(void)err;
	if (!row->wallet[0] || !market_wants(c->m, c->ask, row->key.chain_id))
		return ART_OK;
	if (c->n_payees == c->cap_payees) {
		c->cap_payees = c->cap_payees ? c->cap_payees * 2 : 64;
		c->payees = art_grow(c->payees, c->cap_payees, sizeof(*c->payees));
	}
	art_copy(c->payees[c->n_payees].wallet, sizeof(c->payees->wallet), row->wallet);
	c->payees[c->n_payees++].agent_id = row->id;
	return ART_OK;
}

/* 0: nobody's that we know. */
static int64_t agent_paid_by(const struct catalogue *c, const struct json *accepts)
{
	for (const struct json *a = json_at(accepts, 0); a; a = json_next(a)) {
		const char *to = json_str(json_get(a, "payTo"));

		for (size_t i = 0; to && i < c->n_payees; i++)
			if (!strcasecmp(to, c->payees[i].wallet))
				return c->payees[i].agent_id;
	}
	return 0;
}

/* ---- one resource -------------------------------------------------------------------------------------- */

static void note_skills(const char *text, const char *wanted, char *out, size_t n)
{
	char slug[MARKET_WORD_MAX];
	size_t len;

	while (text && market_word(&wanted, slug)) {
		len = strlen(out);
		if (strstr(text, slug) && !market_has_word(out, slug) && len + strlen(slug) + 2 < n)
			snprintf(out + len, n - len, "%s%s", len ? " " : "", slug);
	}
}

/* Every text in it, as deep as the reader of JSON allows. */
static void search(const struct json *j, const char *wanted, char *out, size_t n)
{
	note_skills(json_str(j), wanted, out, n);
	if (json_is_array(j) || json_is_object(j))
		for (const struct json *m = json_at(j, 0); m; m = json_next(m))
			search(m, wanted, out, n);
}

static bool has_path_of_work(const char *url)
{
	const char *path = strstr(url, "://");

	path = path ? strchr(path + 3, '/') : NULL;
	return path && (strstr(path, "/experiment") || strstr(path, "/services/"));
}

static const char *first_text(const struct json *item, const char *a, const char *b)
{
	const char *s = json_str(json_get(item, a));

	return s ? s : json_str(json_get(item, b));
}

/* INVALID: a bad row. */
static enum art_status take_item(struct catalogue *c, const struct json *item, struct art_err *err)
{
	const char *url = json_str(json_get(item, "resource"));
	struct worker_told told = { .source = c->row->name, .x402 = true };
	char skills[256] = "", endpoint[WORKER_URL_MAX];
	enum art_status s;
	int64_t id;

	if (!url)
		return art_fail(err, ART_INVALID, "an item names no resource");
	search(json_get(item, "description"), c->ask->match, skills, sizeof(skills));
	search(json_get(item, "metadata"), c->ask->match, skills, sizeof(skills));
	search(json_get(item, "tags"), c->ask->match, skills, sizeof(skills));
	if (!skills[0] && !has_path_of_work(url))
		return ART_OK;
	s = market_endpoint(url, endpoint, err);
	if (s != ART_OK)
		return s;
	told.agent_id = agent_paid_by(c, json_get(item, "accepts"));
	told.matches = skills[0] || told.agent_id;
	told.skills = skills[0] ? skills : NULL;
	told.name = first_text(item, "serviceName", "name");
	s = worker_see(c->m->store, endpoint, &told, &id, err);
	c->row->rows += s == ART_OK;
	return s;
}

/* ---- pages --------------------------------------------------------------------------------------------- */

struct page {
	size_t n;        /* items of it */
	int64_t total;   /* -1: it does not say */
};

static enum art_status take_page(struct catalogue *c, const char *text, size_t len, int64_t offset,
				 struct page *p, struct art_err *err)
{
	struct store *st = c->m->store;
	struct json *doc = NULL;
	const struct json *items;
	enum art_status s;

	if (market_too_dense(text, len, VALUES_MAX))
		return art_fail(err, ART_LIMIT, "a page holds more than %d values", VALUES_MAX);
	s = json_parse(&doc, text, len, BODY_MAX, err);
	items = json_get(doc, "items");
	items = items ? items : json_get(doc, "resources");
	if (s == ART_OK && !json_is_array(items))
		s = art_fail(err, ART_INVALID, "the page has no list 'items'");
	if (s == ART_OK)
		s = store_begin(st, err);
	if (s != ART_OK) {
		json_free(doc);
		return s;
	}
	for (const struct json *i = json_at(items, 0); i && s == ART_OK && p->n < ITEMS_MAX; i = json_next(i)) {
		p->n++;
		s = take_item(c, i, err);
		if (s == ART_INVALID || s == ART_LIMIT) {
			c->row->bad++;
			s = ART_OK;
		}
	}
	struct opt_i64 total = json_int(json_get(json_get(doc, "pagination"), "total"));
	p->total = total.known ? total.v : -1;
	snprintf(c->row->cursor, sizeof(c->row->cursor), "%" PRId64, offset + (int64_t)p->n);
	if (s == ART_OK)
		s = store_commit(st, err);
	if (s != ART_OK)
		store_rollback(st);
	json_free(doc);
	return s;
}

static enum art_status get_page(struct catalogue *c, const char *base, int64_t offset, struct page *p,
				struct art_err *err)
{
	static const char *const headers[] = { "Accept: application/json" };
	struct http_request q = {
		.headers = headers, .n_headers = 1, .max_body = BODY_MAX, .deadline_ms = TIMEOUT_MS,
		.max_redirects = REDIRECTS, .redirects_public = !market_allows_private(c->m),
		.attempts = ATTEMPTS,
	};
	struct http_response r;
	char url[HTTP_URL_MAX];
	size_t n = strlen(base);
	enum art_status s;

	while (n && base[n - 1] == '/')
		n--;
	snprintf(url, sizeof(url), "%.*s/discovery/resources?type=http&limit=%d&offset=%" PRId64, (int)n, base,
		 ROWS, offset);
	q.url = url;
	s = http_call(c->m->http, &q, &r, c->m->cancel, err);
	if (s == ART_OK && (r.status < 200 || r.status > 299))
		s = art_fail(err, ART_REFUSED, "HTTP %d", r.status);
	if (s == ART_OK)
		s = take_page(c, r.body.data ? r.body.data : "", r.body.len, offset, p, err);
	http_response_destroy(&r);
	return s;
}

/* From where the last time ended, around the end once, until all was seen or enough was asked. */
static enum art_status read_pages(struct catalogue *c, const char *base, struct art_err *err)
{
	int64_t offset = 0;
	enum art_status s = ART_OK;

	if (!art_parse_i64(c->row->cursor, &offset) || offset < 0)
		offset = 0;
	/* Where the service snaps offsets to whole pages, so do we. */
	offset -= offset % ROWS;
	for (int i = 0; i < PAGES && s == ART_OK; i++) {
		struct page p = { .total = -1 };

		s = get_page(c, base, offset, &p, err);
		if (s != ART_OK)
			break;
		offset += (int64_t)p.n;
		if (p.n < ROWS || (p.total >= 0 && offset >= p.total)) {
			art_copy(c->row->cursor, sizeof(c->row->cursor), "0");
			break;
		}
	}
	return s;
}

static enum art_status ask(struct market *m, const struct market_ask *ask_, struct source_row *row,
			   const char *name, struct art_err *err)
{
	struct catalogue c = { .m = m, .ask = ask_, .row = row };
	struct agent_query q = { .chain_id = ask_->chain_id, .matching = true };
	char base[MARKET_WORD_MAX];
	enum art_status s;

	if (!base_of(m, name, base))
		return art_fail(err, ART_INVALID, "market.bazaar names no such facilitator");
	s = market_each_agent(m, &q, note_wallet, &c, err);
	if (s == ART_OK)
		s = read_pages(&c, base, err);
	free(c.payees);
	return s;
}

const struct market_source market_source_bazaar = { "bazaar", ask, which };
