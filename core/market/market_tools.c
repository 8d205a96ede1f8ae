/*
 * market_tools.c - what the steps of a discovery share: words, waiting, facts.
 *
 * Layer: core.
 */
#include "core/market/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_US 50000
#define PAGE 200
#define GROUP_US 20000 /* other writers wait no longer */

bool market_word(const char **at, char out[MARKET_WORD_MAX])
{
	size_t n;

	*at += strspn(*at, " \t");
	n = strcspn(*at, " \t");
	snprintf(out, MARKET_WORD_MAX, "%.*s", (int)(n < MARKET_WORD_MAX ? n : MARKET_WORD_MAX - 1), *at);
	*at += n;
	return n > 0;
}

bool market_has_word(const char *list, const char *word)
{
	char w[MARKET_WORD_MAX];

	while (market_word(&list, w))
		if (!strcmp(w, word))
			return true;
	return false;
}

bool market_cancelled(const struct market *m)
{
	return m->cancel && __atomic_load_n(m->cancel, __ATOMIC_RELAXED);
}

enum art_status market_sleep(const struct market *m, int64_t us, struct art_err *err)
{
	int64_t until = art_mono_us() + us, left;

	while (!market_cancelled(m)) {
		struct timespec t = { 0 };

		left = until - art_mono_us();
		if (left <= 0)
			return ART_OK;
		t.tv_nsec = (long)(left < LOOK_US ? left : LOOK_US) * 1000;
		nanosleep(&t, NULL);
	}
	return art_fail(err, ART_CANCELLED, "the discovery was cancelled");
}

void market_say(const struct market *m, const char *fmt, ...)
{
	char raw[400], line[400];
	va_list ap;

	if (!m->say)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	art_text_clean(line, sizeof(line), raw, strlen(raw), false);
	m->say(m->arg, line);
}

bool market_wants(const struct market *m, const struct market_ask *ask, uint64_t chain_id)
{
	const char *at = config_text(m->config, CONFIG_MARKET_CHAINS_KEY);
	char word[MARKET_WORD_MAX];

	if (ask->chain_id)
		return chain_id == ask->chain_id;
	while (market_word(&at, word)) {
		const struct chain *c = chains_by_network(m->chains, word);

		if (c && c->id == chain_id)
			return true;
	}
	return false;
}

bool market_allows_private(const struct market *m)
{
	return config_bool(m->config, CONFIG_NET_ALLOW_PRIVATE_KEY);
}

int64_t market_deadline_ms(const struct market *m)
{
	return config_int(m->config, CONFIG_MARKET_DEADLINE_S_KEY) * 1000;
}

/* ---- many writes, one commit --------------------------------------------------------------------- */

enum art_status market_group_begin(struct market_group *g, struct art_err *err)
{
	enum art_status s = g->open ? ART_OK : store_begin(g->store, err);

	if (s == ART_OK && !g->open)
		g->since = art_mono_us();
	g->open |= s == ART_OK;
	return s;
}

enum art_status market_group_end(struct market_group *g, bool now, struct art_err *err)
{
	enum art_status s;

	if (!g->open || (!now && art_mono_us() - g->since < GROUP_US))
		return ART_OK;
	s = store_commit(g->store, err);
	if (s != ART_OK)
		store_rollback(g->store);
	g->open = false;
	return s;
}

void market_group_drop(struct market_group *g)
{
	if (g->open)
		store_rollback(g->store);
	g->open = false;
}

/* ---- facts ------------------------------------------------------------------------------------- */

void market_fact(struct agent_fact *list, size_t *n, const char *key, const char *value)
{
	struct agent_fact *f = &list[*n];

	if (*n == AGENT_FACTS_MAX || !value || !*value)
		return;
	memset(f, 0, sizeof(*f));
	if (!art_copy(f->key, sizeof(f->key), key))
		return;
	art_text_clean(f->value, sizeof(f->value), value, strlen(value), false);
	if (f->value[0])
		++*n;
}

void market_fact_gone(struct agent_fact *list, size_t *n, const char *key)
{
	struct agent_fact *f = &list[*n];

	if (*n == AGENT_FACTS_MAX)
		return;
	memset(f, 0, sizeof(*f));
	if (art_copy(f->key, sizeof(f->key), key))
		++*n;
}

int64_t market_fact_time(const struct agent_fact *f)
{
	return f->as_of ? f->as_of : f->at;
}

static bool tells(const struct agent_fact *facts, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(facts[i].key, key))
			return true;
	return false;
}

enum art_status market_tell(struct market *m, int64_t agent_id, enum fact_origin origin,
			    const struct agent_fact *facts, size_t n, const char *skills,
			    struct art_err *err)
{
	struct agent_fact *all = art_alloc(AGENT_FACTS_MAX, sizeof(*all));
	struct agent_facts old = { 0 };
	enum art_status s = agent_facts(m->store, agent_id, &old, err);
	size_t total = n < AGENT_FACTS_MAX ? n : AGENT_FACTS_MAX;

	memcpy(all, facts, total * sizeof(*all));
	for (size_t i = 0; s == ART_OK && i < old.n && total < AGENT_FACTS_MAX; i++) {
		const struct agent_fact *f = &old.rows[i];

		if (f->origin != origin || tells(facts, n, f->key))
			continue;
		all[total] = *f;
		/* Telling it again dates it today: its age is kept as the origin's. */
		if (!f->as_of)
			all[total].as_of = f->at;
		total++;
	}
	if (s == ART_OK)
		s = agent_tell(m->store, agent_id, origin, all, total, skills, err);
	agent_facts_destroy(&old);
	free(all);
	return s;
}

/* ---- hostile sizes and words --------------------------------------------------------------------- */

bool market_too_dense(const char *text, size_t len, size_t max_values)
{
	size_t n = 0;

	/* Each value but the first of a list follows a comma: an upper bound, as strings hold commas too. */
	for (size_t i = 0; i < len; i++)
		n += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return n > max_values;
}

void market_why(char *out, size_t n, const struct art_err *err, const struct http_response *r)
{
	char text[300];

	if (r && (r->status < 200 || r->status > 299) && r->status)
		snprintf(text, sizeof(text), "HTTP %d", r->status);
	else
		snprintf(text, sizeof(text), "%s", err && err->text[0] ? err->text : "no answer");
	art_text_clean(out, n, text, strlen(text), false);
}

/* ---- agents page by page -------------------------------------------------------------------------- */

enum art_status market_each_agent(struct market *m, const struct agent_query *q, market_agent_fn each,
				  void *arg, struct art_err *err)
{
	struct agent_query page = *q;
	struct agent_list l = { 0 };
	enum art_status s = ART_OK;
	size_t got = PAGE;

	page.sort = AGENTS_BY_SEEN;
	page.limit = PAGE;
	for (page.offset = 0; s == ART_OK && got == PAGE; page.offset += PAGE) {
		s = agent_query(m->store, &page, &l, err);
		got = l.n;
		for (size_t i = 0; s == ART_OK && i < l.n; i++)
			s = each(arg, &l.rows[i], err);
		agent_list_destroy(&l);
	}
	return s == ART_CONFLICT ? ART_OK : s;
}
