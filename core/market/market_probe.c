/*
 * market_probe.c - asks endpoints what they would take, many at once, and writes what was measured.
 *
 * Layer: core. Each endpoint is asked its priced route first and, when it is alive, the free ones; a dead one costs one request. No
 * probe carries a payment.
 */
#include "core/market/probe.h"

#include <stdlib.h>
#include <string.h>

#include "core/market/source.h"
#include "core/market/trust.h"
#include "core/net/http_batch.h"

#define PAGE 200
#define HOST_MAX 64        /* endpoints of one host in one discovery */
#define FREE_ROUTE_MS 5000 /* what is nice to know is not waited for as long */

struct asked {
	int64_t id;
	char url[WORKER_URL_MAX];
	size_t host_len; /* of the URL up to its port */
	struct worker_trust trust;
	struct worker_probe probe;
	enum probe_question which;
	bool by_hand; /* a person typed its URL */
	bool silent; /* nobody answered: written at the end, when it is known whether our own network works */
};
struct probing {
	struct market *m;
	struct asked *rows;
	size_t n, cap;
	struct http_batch *batch;
	struct market_group group;
	bool heard; /* somebody out there answered */
	int64_t probes, alive;
};

/* Of "https://host:port/path" the part up to the port, or all. */
static size_t host_len(const char *url)
{
	const char *host = strstr(url, "://");

	if (!host)
		return strlen(url);
	host += 3;
	return (size_t)(host - url) + (*host == '[' ? strcspn(host, "]") : strcspn(host, ":/"));
}

static void add(struct probing *p, const struct worker_row *w)
{
	struct asked *a;

	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->rows = art_grow(p->rows, p->cap, sizeof(*p->rows));
	}
	a = &p->rows[p->n++];
	*a = (struct asked){ .id = w->id, .trust = w->trust,
			     .by_hand = market_has_word(w->sources, WORKER_SOURCE_PERSON) };
	art_copy(a->url, sizeof(a->url), w->url);
	a->host_len = host_len(a->url);
}

/* ---- asking ------------------------------------------------------------------------------------- */

/* INVALID when the endpoint's URL has no such route. */
static enum art_status ask(struct probing *p, struct asked *a, struct art_err *err)
{
	int64_t deadline = market_deadline_ms(p->m);
	struct http_request q = { 0 };
	char url[HTTP_URL_MAX];
	enum art_status s = probe_request(a->which, a->url, url, &q, err);

	if (s != ART_OK)
		return s;
	q.deadline_ms = a->which == PROBE_EXPERIMENT || deadline < FREE_ROUTE_MS ? deadline : FREE_ROUTE_MS;
	q.max_body = PROBE_BODY_MAX;
	/* Who types an address of their own network means it; where it redirects to is a stranger's word again. */
	q.refuse_private = !a->by_hand && !market_allows_private(p->m);
	q.redirects_public = !market_allows_private(p->m);
	http_batch_add(p->batch, &q, a);
	return ART_OK;
}

static void take(struct probing *p, struct asked *a, enum art_status s, const struct http_response *r,
		 const struct art_err *err)
{
	probe_take(&a->probe, a->which, s, r, err, a->url, p->m->chains,
		   config_int(p->m->config, CONFIG_PAY_MAX_WINDOW_S_KEY));
}

/* The next question, if there is one for it. False: it is done. */
static bool go_on(struct probing *p, struct asked *a)
{
	if (a->probe.alive != WORKER_ALIVE)
		return false;
	while (++a->which < PROBE_QUESTIONS)
		if (ask(p, a, NULL) == ART_OK)
			return true;
	return false;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static enum art_status write_probe(struct probing *p, const struct asked *a, bool counts, struct art_err *err)
{
	int64_t failures = a->trust.failures, until = a->trust.quarantine_until, now = art_now_us();
	enum art_status s;

	p->probes++;
	p->alive += a->probe.alive == WORKER_ALIVE;
	if (a->probe.alive == WORKER_ALIVE) {
		failures = 0;
		until = 0;
	} else if (counts) {
		failures++;
		until = trust_quarantine(failures, false, now);
	}
	s = market_group_begin(&p->group, err);
	if (s == ART_OK)
		s = worker_probed(p->m->store, a->id, &a->probe, failures, until, err);
	return s == ART_OK ? market_group_end(&p->group, false, err) : s;
}

static enum art_status finish(struct probing *p, struct asked *a, struct art_err *err)
{
	if (!a->probe.at)
		a->probe.at = art_now_us();
	a->silent = a->probe.alive != WORKER_ALIVE && !a->probe.status;
	return a->silent ? ART_OK : write_probe(p, a, true, err);
}

/* When nobody at all answered it is more likely our network than all of theirs: then nobody's failures grow. */
static enum art_status write_silent(struct probing *p, struct art_err *err)
{
	enum art_status s = ART_OK;

	for (size_t i = 0; i < p->n && s == ART_OK; i++)
		if (p->rows[i].silent)
			s = write_probe(p, &p->rows[i], p->heard || p->n == 1, err);
	return s;
}

/* ---- all of them ------------------------------------------------------------------------------------- */

static enum art_status begin(struct probing *p, struct asked *a, struct art_err *err)
{
	struct http_response none;
	struct art_err why = { 0 };
	enum art_status s = ask(p, a, &why);

	if (s == ART_OK)
		return ART_OK;
	http_response_init(&none);
	take(p, a, s, &none, &why);
	http_response_destroy(&none);
	return finish(p, a, err);
}

static enum art_status run(struct probing *p, struct art_err *err)
{
	size_t parallel = (size_t)config_int(p->m->config, CONFIG_MARKET_PARALLEL_KEY), next = 0;
	struct http_answer a;
	enum art_status s = ART_OK;

	http_batch_open(&p->batch, p->m->http, (int)parallel);
	while (s == ART_OK) {
		struct asked *who;

		while (s == ART_OK && next < p->n && http_batch_left(p->batch) < 2 * parallel)
			s = begin(p, &p->rows[next++], err);
		/* With writes open, what is there already is taken; nothing is waited for. */
		if (s == ART_OK)
			s = http_batch_next(p->batch, &a, p->m->cancel, p->group.open ? 1 : 0, err);
		if (s == ART_NET) {
			s = market_group_end(&p->group, true, err);
			continue;
		}
		if (s == ART_NOT_FOUND && next < p->n) {
			s = ART_OK;
			continue;
		}
		if (s != ART_OK)
			break;
		who = a.tag;
		p->heard |= a.response.status > 0;
		take(p, who, a.status, &a.response, a.status == ART_OK ? NULL : &a.err);
		http_response_destroy(&a.response);
		if (!go_on(p, who))
			s = finish(p, who, err);
	}
	http_batch_close(p->batch);
	if (s == ART_NOT_FOUND)
		s = write_silent(p, err);
	if (s == ART_OK)
		s = market_group_end(&p->group, true, err);
	else if (s == ART_CANCELLED) /* what came is kept */
		(void)!market_group_end(&p->group, true, NULL);
	market_group_drop(&p->group);
	return s;
}

/* Registrations cost little, and their endpoints may all be somebody's whom we would be made to flood. */
static bool is_crowded(const struct probing *p, const char *url)
{
	size_t len = host_len(url);
	int n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->rows[i].host_len == len && !strncmp(p->rows[i].url, url, len);
	return n >= HOST_MAX;
}

/* Which of the matching ones may be asked now. */
static enum art_status collect(struct probing *p, const struct market_ask *ask_, struct art_err *err)
{
	int64_t now = art_now_us(),
		fresh_since = now - config_int(p->m->config, CONFIG_MARKET_MAX_AGE_S_KEY) * 1000000;
	struct worker_query q = { .limit = PAGE, .sort = WORKERS_BY_NAME };
	struct worker_list l = { 0 };
	enum art_status s;
	char why[96];
	size_t got;

	do {
		s = worker_query(p->m->store, &q, &l, err);
		got = l.n;
		for (size_t i = 0; i < l.n; i++) {
			const struct worker_row *w = &l.rows[i];

			if ((w->chain_id && !market_wants(p->m, ask_, w->chain_id)) ||
			    (ask_->stale_only && !ask_->probe_anew && w->probe.at > fresh_since) ||
			    !trust_allows(&w->trust, now, why) || is_crowded(p, w->url))
				continue;
			add(p, w);
		}
		worker_list_destroy(&l);
		q.offset += PAGE;
	} while (s == ART_OK && got == PAGE);
	return s;
}

/* Somebody beyond this machine's own list answered in this discovery. */
static bool was_heard(const struct market_report *r)
{
	for (size_t i = 0; i < r->sources.n; i++)
		if (!r->sources.rows[i].failures && strcmp(r->sources.rows[i].name, "static"))
			return true;
	return r->documents > r->bad_documents;
}

enum art_status market_probes(struct market *m, const struct market_ask *ask_, struct market_report *report,
			      struct art_err *err)
{
	struct probing p = { .m = m, .group.store = m->store, .heard = was_heard(report) };
	enum art_status s = collect(&p, ask_, err);

	if (s == ART_OK && p.n) {
		market_say(m, "probing %zu endpoints", p.n);
		s = run(&p, err);
	}
	report->probes += p.probes;
	report->alive += p.alive;
	free(p.rows);
	return s;
}

enum art_status market_probe(struct market *m, const int64_t *ids, size_t n, struct art_err *err)
{
	struct probing p = { .m = m, .group.store = m->store };
	struct worker_row *w = art_alloc(1, sizeof(*w));
	enum art_status s = ART_OK;

	for (size_t i = 0; i < n && s == ART_OK; i++) {
		s = worker_find(m->store, ids[i], w, err);
		if (s == ART_OK)
			add(&p, w);
	}
	if (s == ART_OK && p.n)
		s = run(&p, err);
	free(p.rows);
	free(w);
	return s;
}
