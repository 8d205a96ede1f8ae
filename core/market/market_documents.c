/*
 * market_documents.c - reads registration documents at their source, and checks that an endpoint's domain names its agent.
 *
 * Layer: core. An index parses a document once and rarely again, so what it holds of it is old: we read it ourselves. Only
 * documents that could matter are read, newest agents first: those of agents that told one of our skills; then those of agents
 * of whom no skill is known (a chain's log carries none) that were never tried under their present URI; then those tried, or
 * read without a skill, a week ago. At most DOCUMENTS_EACH times the limit of the discovery, so that a flood of registrations does
 * not keep one from ending. Thousands of copies of one URL are one fetch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/market/registration.h"
#include "core/market/source.h"
#include "core/net/http_batch.h"

#define DOCUMENTS_EACH 10
#define REDIRECTS 3
#define WEEK_US (7 * 86400 * (int64_t)1000000)

/* A document to read, or the well-known file of an endpoint's host to check. */
struct document {
	int64_t agent_id;
	struct agent_key key;
	char *uri, *url; /* owned; @url NULL: the document is in the URI */
};
struct documents {
	struct document *rows;
	size_t n, cap;
};

struct reading {
	struct market *m;
	const struct market_ask *ask;
	struct market_report *report;
	int64_t fresh_since; /* what was tried later is fresh */
	int64_t week_ago;
	size_t max;
	enum { PASS_MATCHING, PASS_NEW, PASS_OLD } pass;
	struct documents documents, checks;
	struct market_group group;
};

static void add(struct documents *l, int64_t agent_id, const struct agent_key *key, const char *uri,
		const char *url)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->rows = art_grow(l->rows, l->cap, sizeof(*l->rows));
	}
	l->rows[l->n++] = (struct document){ agent_id, *key, art_strdup(uri), url ? art_strdup(url) : NULL };
}

static void destroy(struct documents *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->rows[i].uri);
		free(l->rows[i].url);
	}
	free(l->rows);
	memset(l, 0, sizeof(*l));
}

static bool is_ours_to_tell(enum art_status s)
{
	return s == ART_BUSY || s == ART_IO || s == ART_CORRUPT || s == ART_CANCELLED;
}

/* ---- writing ------------------------------------------------------------------------------------ */

/* The document was tried and is no good. */
static enum art_status write_broken(struct reading *r, int64_t agent_id, const char *why,
				    struct art_err *err)
{
	r->report->bad_documents++;
	return agent_document(r->m->store, agent_id, why, err);
}

/* NOT_FOUND: it is no good, and that is written. */
static enum art_status write_document(struct reading *r, const struct document *d, const char *text,
				      size_t len, struct art_err *err)
{
	struct art_err why = { 0 };
	char broken[160];
	enum art_status s = market_take_document(r->m, d->agent_id, ORIGIN_DOCUMENT, "document", d->uri, text,
						 len, r->ask->match, &why);

	if (s == ART_OK)
		return agent_document(r->m->store, d->agent_id, "", err);
	if (is_ours_to_tell(s))
		return art_fail(err, s, "%s", why.text);
	market_why(broken, sizeof(broken), &why, NULL);
	s = write_broken(r, d->agent_id, broken, err);
	return s == ART_OK ? ART_NOT_FOUND : s;
}

static enum art_status write_check(struct reading *r, int64_t agent_id, const char *verdict,
				   struct art_err *err)
{
	struct agent_fact *fact = art_alloc(AGENT_FACTS_MAX, sizeof(*fact));
	size_t n = 0;
	enum art_status s;

	market_fact(fact, &n, "domain_verified", verdict);
	s = market_tell(r->m, agent_id, ORIGIN_DOCUMENT, fact, n, r->ask->match, err);
	free(fact);
	return s;
}

/* ---- whose domain it is --------------------------------------------------------------------------- */

static bool names(const char *text, size_t len, const struct agent_key *key)
{
	struct registration *doc = art_alloc(1, sizeof(*doc));
	struct eth_address registry;
	struct u256 agent;
	bool so = eth_address_parse(key->registry, &registry, NULL) == ART_OK &&
		  u256_parse(key->token_id, &agent) && !market_too_dense(text, len, 60000) &&
		  registration_read(doc, text, len, NULL) == ART_OK &&
		  registration_names(doc, key->chain_id, &registry, &agent);

	free(doc);
	return so;
}

static bool same_origin(const char *a, const char *b)
{
	struct http_url *x = art_alloc(2, sizeof(*x));
	bool same = http_url_parse(a, &x[0], NULL) == ART_OK && http_url_parse(b, &x[1], NULL) == ART_OK &&
		    !strcmp(x[0].scheme, x[1].scheme) && !strcasecmp(x[0].host, x[1].host) &&
		    x[0].port == x[1].port;

	free(x);
	return same;
}

/* The first endpoint of a matching agent's document, "" for the others. */
static enum art_status first_endpoint(struct reading *r, int64_t agent_id, char out[MARKET_WORD_MAX],
				      struct art_err *err)
{
	struct agent_row *row = art_alloc(1, sizeof(*row));
	struct agent_facts facts = { 0 };
	const struct agent_fact *f;
	const char *at;
	enum art_status s = agent_find(r->m->store, agent_id, row, err);

	out[0] = 0;
	if (s == ART_OK && row->matches)
		s = agent_facts(r->m->store, agent_id, &facts, err);
	f = agent_fact_of(&facts, "endpoints", ORIGIN_DOCUMENT);
	at = f ? f->value : "";
	if (s == ART_OK && !market_word(&at, out))
		out[0] = 0;
	agent_facts_destroy(&facts);
	free(row);
	return s;
}

/*
 * ERC-8004's domain check: the endpoint's host says which agent it serves. A document that lies on that host says it itself; it
 * must still name this identity, or anyone could register somebody else's document as their own.
 */
static enum art_status plan_check(struct reading *r, const struct document *d,
				  const struct http_response *a, struct art_err *err)
{
	char endpoint[MARKET_WORD_MAX], url[HTTP_URL_MAX];
	const char *end;
	enum art_status s = first_endpoint(r, d->agent_id, endpoint, err);

	if (s != ART_OK || !endpoint[0])
		return s;
	if (strncmp(endpoint, "https:", 6) && !market_allows_private(r->m))
		return write_check(r, d->agent_id, "no: its endpoint is plain http", err);
	if (a && same_origin(d->url, endpoint) && same_origin(a->url, endpoint))
		return write_check(r, d->agent_id, names(a->body.data, a->body.len, &d->key)
				   ? "yes" : "no: the document on its host does not name this agent", err);
	end = strstr(endpoint, "://");
	end = end ? end + 3 + strcspn(end + 3, "/") : endpoint;
	if (snprintf(url, sizeof(url), "%.*s%s", (int)(end - endpoint), endpoint,
		     REGISTRATION_WELL_KNOWN) < (int)sizeof(url))
		add(&r->checks, d->agent_id, &d->key, "", url);
	return ART_OK;
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static bool is_good(const struct http_answer *a)
{
	return a->status == ART_OK && a->response.status >= 200 && a->response.status < 300;
}

static enum art_status take_document(struct reading *r, const struct document *d,
				     const struct http_answer *a, struct art_err *err)
{
	char why[160];
	enum art_status s;

	r->report->documents++;
	if (!is_good(a)) {
		market_why(why, sizeof(why), &a->err, &a->response);
		return write_broken(r, d->agent_id, why, err);
	}
	s = write_document(r, d, a->response.body.data ? a->response.body.data : "", a->response.body.len, err);
	if (s == ART_OK)
		s = plan_check(r, d, &a->response, err);
	return s == ART_NOT_FOUND ? ART_OK : s;
}

static enum art_status take_check(struct reading *r, const struct document *d, const struct http_answer *a,
				  struct art_err *err)
{
	char why[120], verdict[256];

	if (is_good(a) && a->response.body.data && names(a->response.body.data, a->response.body.len, &d->key))
		return write_check(r, d->agent_id, "yes", err);
	market_why(why, sizeof(why), &a->err, &a->response);
	snprintf(verdict, sizeof(verdict), "no: %s of its host %s%.100s", REGISTRATION_WELL_KNOWN,
		 is_good(a) ? "does not name this agent" : "cannot be read: ", is_good(a) ? "" : why);
	return write_check(r, d->agent_id, verdict, err);
}

/* ---- fetching ----------------------------------------------------------------------------------------- */

typedef enum art_status (*take_fn)(struct reading *r, const struct document *d, const struct http_answer *a,
				   struct art_err *err);

static int by_url(const void *a, const void *b)
{
	const struct document *x = a, *y = b;

	return strcmp(x->url ? x->url : "", y->url ? y->url : "");
}

static size_t end_of_group(const struct documents *l, size_t i)
{
	size_t j = i + 1;

	while (j < l->n && !strcmp(l->rows[i].url, l->rows[j].url))
		j++;
	return j;
}

static void ask_for(struct reading *r, struct http_batch *b, const struct document *d)
{
	static const char *const headers[] = { "Accept: application/json" };
	struct http_request q = {
		.url = d->url, .headers = headers, .n_headers = 1, .max_body = REGISTRATION_MAX,
		.max_redirects = REDIRECTS, .deadline_ms = market_deadline_ms(r->m),
		.refuse_private = !market_allows_private(r->m),
	};

	http_batch_add(b, &q, (void *)d);
}

/* The answer to the first of the rows with its URL is theirs. */
static enum art_status take_group(struct reading *r, struct documents *l, take_fn take, struct http_answer *a,
				  struct art_err *err)
{
	size_t i = (size_t)((struct document *)a->tag - l->rows), end = end_of_group(l, i);
	enum art_status s = market_group_begin(&r->group, err);

	for (; i < end && s == ART_OK; i++)
		s = take(r, &l->rows[i], a, err);
	http_response_destroy(&a->response);
	return s == ART_OK ? market_group_end(&r->group, false, err) : s;
}

/* Of rows with the same URL the first is asked. */
static enum art_status fetch(struct reading *r, struct documents *l, take_fn take, struct art_err *err)
{
	size_t parallel = (size_t)config_int(r->m->config, CONFIG_MARKET_PARALLEL_KEY), next = 0;
	struct http_answer a;
	struct http_batch *b;
	enum art_status s = ART_OK;

	if (l->n)
		qsort(l->rows, l->n, sizeof(*l->rows), by_url);
	while (next < l->n && !l->rows[next].url)
		next++;
	http_batch_open(&b, r->m->http, (int)parallel);
	while (s == ART_OK) {
		while (next < l->n && http_batch_left(b) < 2 * parallel) {
			ask_for(r, b, &l->rows[next]);
			next = end_of_group(l, next);
		}
		/* With writes open, what is there already is taken; nothing is waited for. */
		s = http_batch_next(b, &a, r->m->cancel, r->group.open ? 1 : 0, err);
		if (s == ART_NET)
			s = market_group_end(&r->group, true, err);
		else if (s == ART_OK)
			s = take_group(r, l, take, &a, err);
	}
	if (s == ART_NOT_FOUND)
		s = market_group_end(&r->group, true, err);
	else if (s == ART_CANCELLED) /* what came is kept */
		(void)!market_group_end(&r->group, true, NULL);
	market_group_drop(&r->group);
	http_batch_close(b);
	return s;
}

/* Those that need no network. */
static enum art_status read_inline(struct reading *r, struct art_err *err)
{
	enum art_status s = ART_OK;

	for (size_t i = 0; i < r->documents.n && s == ART_OK; i++) {
		const struct document *d = &r->documents.rows[i];
		enum registration_place place;
		char url[HTTP_URL_MAX];
		struct art_buf doc;

		if (d->url)
			continue;
		s = market_group_begin(&r->group, err);
		if (s != ART_OK)
			break;
		art_buf_init(&doc, REGISTRATION_MAX);
		s = registration_locate(d->uri, strlen(d->uri), "", &place, url, sizeof(url), &doc, err);
		r->report->documents++;
		if (s == ART_OK)
			s = write_document(r, d, doc.data ? doc.data : "", doc.len, err);
		if (s == ART_OK)
			s = plan_check(r, d, NULL, err);
		art_buf_destroy(&doc);
		s = is_ours_to_tell(s) ? s : market_group_end(&r->group, false, err);
	}
	if (s == ART_OK)
		s = market_group_end(&r->group, true, err);
	market_group_drop(&r->group);
	return s;
}

/* ---- which ---------------------------------------------------------------------------------------------- */

/* As it is to be read now, or not at all. */
static enum art_status plan(struct reading *r, const struct agent_row *row, const char *uri, struct art_err *err)
{
	const char *gateway = config_text(r->m->config, CONFIG_MARKET_IPFS_GATEWAY_KEY);
	enum registration_place place = REGISTRATION_NOWHERE;
	struct art_err why = { 0 };
	struct art_buf doc;
	char url[HTTP_URL_MAX], broken[160];
	enum art_status s;

	/* Not whole: whoever heard it whole has read it. */
	if (!strncmp(uri, "data:", 5) && strlen(uri) == AGENT_VALUE_MAX - 1)
		return ART_OK;
	art_buf_init(&doc, REGISTRATION_MAX);
	s = registration_locate(uri, strlen(uri), gateway, &place, url, sizeof(url), &doc, &why);
	art_buf_destroy(&doc);
	if (s != ART_OK) {
		market_why(broken, sizeof(broken), &why, NULL);
		return write_broken(r, row->id, broken, err);
	}
	if (place != REGISTRATION_NOWHERE)
		add(&r->documents, row->id, &row->key, uri, place == REGISTRATION_AT_URL ? url : NULL);
	return ART_OK;
}

/* What lies in its URI cannot change under it: only its endpoint's domain is looked at again. */
static enum art_status plan_inline(struct reading *r, const struct agent_row *row,
				   const struct agent_facts *facts, struct art_err *err)
{
	const struct agent_fact *checked = agent_fact_of(facts, "domain_verified", ORIGIN_DOCUMENT);
	struct document d = { .agent_id = row->id, .key = row->key };

	if (!row->matches || (checked && market_fact_time(checked) > r->fresh_since))
		return ART_OK;
	return plan_check(r, &d, NULL, err);
}

/* Whether its URI is newer than our last try, and another than the one we read. */
static bool has_new_uri(const struct agent_row *row, const struct agent_fact *uri, const struct agent_fact *read_from)
{
	return market_fact_time(uri) > row->document_at && (!read_from || strcmp(uri->value, read_from->value));
}

static bool is_due(const struct reading *r, const struct agent_row *row, bool is_new)
{
	switch (r->pass) {
	case PASS_MATCHING:
		return is_new || !r->ask->stale_only || row->document_at <= r->fresh_since;
	case PASS_NEW:
		return is_new;
	case PASS_OLD:
		return !is_new && row->document_at < r->week_ago;
	}
	return false;
}

static enum art_status consider(void *arg, const struct agent_row *row, struct art_err *err)
{
	struct reading *r = arg;
	struct agent_facts facts = { 0 };
	const struct agent_fact *uri, *read_from;
	enum art_status s;
	bool is_new;

	if (market_cancelled(r->m))
		return art_fail(err, ART_CANCELLED, "the discovery was cancelled");
	if (r->documents.n >= r->max)
		return ART_CONFLICT;
	if (!market_wants(r->m, r->ask, row->key.chain_id) ||
	    (r->pass != PASS_MATCHING && (row->matches || row->skills[0])))
		return ART_OK;
	s = agent_facts(r->m->store, row->id, &facts, err);
	uri = agent_fact_of(&facts, "uri", ORIGIN_COUNT);
	read_from = agent_fact_of(&facts, "document_uri", ORIGIN_DOCUMENT);
	is_new = uri && has_new_uri(row, uri, read_from);
	if (s == ART_OK && uri && is_due(r, row, is_new)) {
		if (read_from && !is_new && !strncmp(uri->value, "data:", 5))
			s = plan_inline(r, row, &facts, err);
		else
			s = plan(r, row, uri->value, err);
	}
	agent_facts_destroy(&facts);
	return s;
}

static enum art_status collect(struct reading *r, struct art_err *err)
{
	struct agent_query q = { .chain_id = r->ask->chain_id };
	enum art_status s = ART_OK;

	for (r->pass = PASS_MATCHING; r->pass <= PASS_OLD && s == ART_OK; r->pass++) {
		q.matching = r->pass == PASS_MATCHING;
		s = market_each_agent(r->m, &q, consider, r, err);
	}
	return s;
}

enum art_status market_documents(struct market *m, const struct market_ask *ask, struct market_report *report,
				 struct art_err *err)
{
	struct reading r = {
		.m = m, .ask = ask, .report = report, .group.store = m->store, .max = (size_t)ask->limit * DOCUMENTS_EACH,
		.fresh_since = art_now_us() - config_int(m->config, CONFIG_MARKET_MAX_AGE_S_KEY) * 1000000,
		.week_ago = art_now_us() - WEEK_US,
	};
	enum art_status s = collect(&r, err);

	if (s == ART_OK && r.documents.n) {
		market_say(m, "reading %zu documents", r.documents.n);
		s = read_inline(&r, err);
	}
	if (s == ART_OK)
		s = fetch(&r, &r.documents, take_document, err);
	if (s == ART_OK && r.checks.n)
		market_say(m, "checking the domains of %zu endpoints", r.checks.n);
	if (s == ART_OK)
		s = fetch(&r, &r.checks, take_check, err);
	destroy(&r.documents);
	destroy(&r.checks);
	return s;
}
