/*
 * market_take.c - what a registration document says, as facts of an agent and as workers.
 *
 * Layer: core. The document is its author's word: it may tell of the agent what an agent can say of itself, never
 * what the chain, an index or we say (owner, wallet, scores, checks).
 */
#include <stdlib.h>
#include <string.h>

#include "core/market/probe.h"
#include "core/market/registration.h"
#include "core/market/source.h"
#include "store/hash.h"

#define ENDPOINTS_MAX 8
#define CATALOGUED_MAX 16
#define VALUES_MAX 60000 /* of a document: an honest one has a few hundred */

struct told {
	struct agent_fact *facts; /* AGENT_FACTS_MAX */
	size_t n;
};

static void fact(struct told *t, const char *key, const char *value)
{
	market_fact(t->facts, &t->n, key, value);
}

/* Whole words as far as they fit a fact. */
static void add_word(char list[AGENT_VALUE_MAX], const char *word)
{
	size_t at = strlen(list), n = strlen(word);

	if (!n || strpbrk(word, " \t\r\n") || at + n + 2 > AGENT_VALUE_MAX)
		return;
	if (at)
		list[at++] = ' ';
	memcpy(list + at, word, n + 1);
}

static void words(struct told *t, const char *key, const char (*list)[96], int n)
{
	char all[AGENT_VALUE_MAX] = "";

	for (int i = 0; i < n; i++)
		add_word(all, list[i]);
	fact(t, key, all);
}

/* Keys that others tell, or that we work out: no metadata may come under these names. */
static bool is_reserved(const char *key)
{
	static const char *const taken[] = {
		"name",	  "description", "image",     "owner",	     "wallet",		"uri",	 "active",
		"x402",	  "skills",	 "domains",   "endpoints",   "document_sha256", "score", "feedbacks",
		"rank",	  "document_uri", "domain_verified", "scan_detail_at", "chain_read_at", "best_val_bpb", "val_bpb",
	};

	for (size_t i = 0; i < ART_COUNT(taken); i++)
		if (!strcmp(key, taken[i]))
			return true;
	return !strncmp(key, "meta.", 5);
}

static void metadata(struct told *t, const struct registration *r)
{
	const char *best = registration_metadata(r, "best_val_bpb");

	fact(t, "best_val_bpb", best ? best : registration_metadata(r, "val_bpb"));
	for (int i = 0; i < r->n_metadata; i++)
		if (!is_reserved(r->metadata[i].key))
			fact(t, r->metadata[i].key, r->metadata[i].value);
}

/* ---- endpoints ------------------------------------------------------------------------------------ */

struct endpoints {
	char url[ENDPOINTS_MAX][WORKER_URL_MAX];
	int n;
};

/* The part after the host says what a place is for. */
static bool looks_like_work(const char *url)
{
	const char *path = strstr(url, "://");

	path = path ? strchr(path + 3, '/') : NULL;
	return path && (strstr(path, "/services/") || strstr(path, "/experiment"));
}

static void find_endpoints(const struct registration *r, bool matches, struct endpoints *e)
{
	char(*raw)[512] = art_alloc(ENDPOINTS_MAX, sizeof(*raw));
	int n = registration_endpoints(r, raw, ENDPOINTS_MAX);

	e->n = 0;
	for (int i = 0; i < n; i++) {
		/* Of agents without a skill of ours, only what plainly takes experiments: the rest is not our market. */
		if (!matches && !looks_like_work(raw[i]))
			continue;
		if (market_endpoint(raw[i], e->url[e->n], NULL) == ART_OK)
			e->n++;
	}
	free(raw);
}

/* Endpoints that are an agent's because a catalogue has them paid to its wallet: its document need not name them. */
static enum art_status catalogued(struct market *m, int64_t agent_id, int64_t *ids, size_t *n, struct art_err *err)
{
	struct worker_query q = { .all = true, .agent_id = agent_id, .limit = CATALOGUED_MAX };
	struct worker_list l = { 0 };
	enum art_status s = worker_query(m->store, &q, &l, err);

	for (size_t i = 0; i < l.n && *n < CATALOGUED_MAX; i++)
		if (strstr(l.rows[i].sources, "bazaar:"))
			ids[(*n)++] = l.rows[i].id;
	worker_list_destroy(&l);
	return s;
}

static enum art_status see_endpoints(struct market *m, int64_t agent_id, const char *source,
				     const struct registration *r, const struct endpoints *e,
				     const char *skills, bool matches, struct art_err *err)
{
	struct worker_told told = {
		.agent_id = agent_id, .source = source, .name = r->name[0] ? r->name : NULL,
		.skills = skills[0] ? skills : NULL, .gpu = registration_metadata(r, "gpu"),
		.matches = matches, .x402 = r->x402,
	};
	int64_t ids[ENDPOINTS_MAX + CATALOGUED_MAX];
	size_t n = 0;
	enum art_status s = ART_OK;

	/* An agent that tells no skill of ours any more takes the mark off what it named before. */
	s = matches ? catalogued(m, agent_id, ids, &n, err) : worker_keep(m->store, agent_id, NULL, 0, err);
	for (int i = 0; i < e->n && s == ART_OK; i++)
		s = worker_see(m->store, e->url[i], &told, &ids[n++], err);
	if (s == ART_OK)
		s = worker_keep(m->store, agent_id, ids, n, err);
	return s;
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static bool document_was_read(struct market *m, int64_t agent_id)
{
	struct agent_facts f = { 0 };
	bool read = agent_facts(m->store, agent_id, &f, NULL) == ART_OK &&
		    agent_fact_of(&f, "document_sha256", ORIGIN_DOCUMENT);

	agent_facts_destroy(&f);
	return read;
}

static void gather(struct told *t, const struct registration *r, const struct endpoints *e, const char *uri,
		   const char *text, size_t len)
{
	char list[AGENT_VALUE_MAX] = "";

	fact(t, "document_sha256", hash_bytes(text, len).s);
	fact(t, "document_uri", uri);
	fact(t, "name", r->name);
	fact(t, "description", r->description);
	fact(t, "image", r->image);
	fact(t, "x402", r->x402 ? "true" : "false");
	if (r->active_known)
		fact(t, "active", r->active ? "true" : "false");
	words(t, "skills", r->skills, r->n_skills);
	words(t, "domains", r->domains, r->n_domains);
	for (int i = 0; i < e->n; i++)
		add_word(list, e->url[i]);
	fact(t, "endpoints", list);
	metadata(t, r);
}

static const char *skills_of(const struct told *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->facts[i].key, "skills"))
			return t->facts[i].value;
	return "";
}

/* Which of its words we look for; an agent that says it is not active is none of ours now. */
static bool is_ours(const struct registration *r, const char *wanted)
{
	char told[AGENT_VALUE_MAX] = "";

	for (int i = 0; i < r->n_skills; i++)
		add_word(told, r->skills[i]);
	return skills_match(told, wanted) && (!r->active_known || r->active);
}

enum art_status market_take_document(struct market *m, int64_t agent_id, enum fact_origin origin,
				     const char *source, const char *uri, const char *text, size_t len,
				     const char *skills, struct art_err *err)
{
	struct registration *r = art_alloc(1, sizeof(*r));
	struct endpoints *e = art_alloc(1, sizeof(*e));
	struct told t = { art_alloc(AGENT_FACTS_MAX, sizeof(struct agent_fact)), 0 };
	enum art_status s;
	bool matches;

	if (market_too_dense(text, len, VALUES_MAX))
		s = art_fail(err, ART_LIMIT, "the document holds more than %d values", VALUES_MAX);
	else
		s = registration_read(r, text, len, err);
	if (s != ART_OK)
		goto out;
	matches = is_ours(r, skills);
	find_endpoints(r, matches, e);
	gather(&t, r, e, uri, text, len);
	/* What we read ourselves replaces what we read before; an index tells more than its copy of the document. */
	s = origin == ORIGIN_DOCUMENT ? agent_tell(m->store, agent_id, origin, t.facts, t.n, skills, err)
				      : market_tell(m, agent_id, origin, t.facts, t.n, skills, err);
	if (s == ART_OK && (origin == ORIGIN_DOCUMENT || !document_was_read(m, agent_id)))
		s = see_endpoints(m, agent_id, source, r, e, skills_of(&t), matches, err);
out:
	free(t.facts);
	free(e);
	free(r);
	return s;
}

enum art_status market_take_inline(struct market *m, int64_t id, const char *uri, const char *skills,
				   struct art_err *err)
{
	enum registration_place place = REGISTRATION_NOWHERE;
	struct art_err why = { 0 };
	char url[HTTP_URL_MAX], broken[160];
	struct art_buf doc;
	enum art_status s;

	if (strncmp(uri, "data:", 5) && *uri != '{')
		return ART_OK;
	art_buf_init(&doc, REGISTRATION_MAX);
	s = registration_locate(uri, strlen(uri), "", &place, url, sizeof(url), &doc, &why);
	if (s == ART_OK && place == REGISTRATION_INLINE)
		s = market_take_document(m, id, ORIGIN_DOCUMENT, "document", uri, doc.data ? doc.data : "",
					 doc.len, skills, &why);
	art_buf_destroy(&doc);
	market_why(broken, sizeof(broken), &why, NULL);
	return agent_document(m->store, id, s == ART_OK ? "" : broken, err);
}
