/*
 * market.c - a discovery: the sources one after another, then documents, identities, probes.
 *
 * Layer: core. What a source tells is written by the source itself, in small transactions; how it went is written
 * here. A source's failure is its own: the next is asked all the same.
 */
#include "core/market/market.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/market/probe.h"
#include "core/market/source.h"
#include "store/events.h"

#define WHICH_MAX 1024

static const struct market_source *const sources[] = {
	&market_source_static, &market_source_scan, &market_source_scan_backend,
	&market_source_chain,  &market_source_bazaar,
};

void market_report_destroy(struct market_report *r)
{
	source_list_destroy(&r->sources);
	memset(r, 0, sizeof(*r));
}

/* ---- one source ---------------------------------------------------------------------------------- */

/* Told when it begins to fail and when it works again, not each time. */
static enum art_status tell_change(struct market *m, const struct source_row *before,
				   const struct source_row *now, struct art_err *err)
{
	if (now->failures && !before->failures)
		return event_add(m->store, EVENT_WARN, "source.failed", 0, 0, err, "%s: %s%s", now->name,
				 now->error, now->ok_at ? "; what it told before stays" : "");
	if (!now->failures && before->failures)
		return event_add(m->store, EVENT_INFO, "source.ok", 0, 0, err,
				 "%s answers again: %" PRId64 " rows", now->name, now->rows);
	return ART_OK;
}

static enum art_status store_outcome(struct market *m, const struct source_row *before,
				     const struct source_row *now, struct art_err *err)
{
	enum art_status s = store_begin(m->store, err);

	if (s != ART_OK)
		return s;
	s = source_set(m->store, now, err);
	if (s == ART_OK)
		s = tell_change(m, before, now, err);
	if (s == ART_OK)
		s = store_commit(m->store, err);
	if (s != ART_OK)
		store_rollback(m->store);
	return s;
}

static void keep_row(struct market_report *r, const struct source_row *row)
{
	r->sources.rows = art_grow(r->sources.rows, r->sources.n + 1, sizeof(*row));
	r->sources.rows[r->sources.n++] = *row;
}

static void say_outcome(struct market *m, const struct source_row *row)
{
	if (row->failures)
		market_say(m, "%s: %s", row->name, row->error);
	else
		market_say(m, "%s: %" PRId64 " rows%s%s", row->name, row->rows, row->error[0] ? "; " : "",
			   row->error);
}

/* CANCELLED, or a failure of our own store. */
static enum art_status ask_source(struct market *m, const struct market_source *src, const char *which,
				  const struct market_ask *ask, struct market_report *report,
				  struct art_err *err)
{
	struct source_row before, row;
	struct art_err why = { 0 };
	enum art_status s = source_get(m->store, which, &before, err);

	if (s != ART_OK)
		return s;
	row = before;
	row.asked_at = art_now_us();
	s = source_set(m->store, &row, err);
	if (s != ART_OK)
		return s;
	market_say(m, "asking %s", which);
	row.error[0] = 0;
	row.rows = row.bad = 0;
	s = src->ask(m, ask, &row, which, &why);
	if (s == ART_CANCELLED || s == ART_CORRUPT)
		return art_fail(err, s, "%s", why.text);
	if (s == ART_OK) {
		row.ok_at = art_now_us();
		row.failures = 0;
		/* The list by hand always answers: an empty one is no source that could be asked. */
		report->any_ok |= src != &market_source_static || row.rows;
	} else {
		row.rows = before.rows;
		row.bad = before.bad;
		row.failures++;
		art_text_clean(row.error, sizeof(row.error), why.text, strlen(why.text), false);
		if (!row.error[0])
			art_copy(row.error, sizeof(row.error), art_status_text(s));
	}
	s = store_outcome(m, &before, &row, err);
	if (s != ART_OK)
		return s;
	say_outcome(m, &row);
	keep_row(report, &row);
	return ART_OK;
}

static enum art_status ask_sources(struct market *m, const struct market_ask *ask,
				   struct market_report *report, struct art_err *err)
{
	const char *wanted = config_text(m->config, CONFIG_MARKET_SOURCES_KEY);
	enum art_status s = ART_OK;

	for (size_t i = 0; i < ART_COUNT(sources) && s == ART_OK; i++) {
		char list[WHICH_MAX] = "", which[MARKET_WORD_MAX];
		const char *at = list;

		if (!market_has_word(wanted, sources[i]->kind))
			continue;
		sources[i]->which(m, ask, list, sizeof(list));
		while (s == ART_OK && market_word(&at, which))
			s = market_cancelled(m) ? art_fail(err, ART_CANCELLED, "the discovery was cancelled")
						: ask_source(m, sources[i], which, ask, report, err);
	}
	return s;
}

/* A word that names no source would be left out in silence. */
static enum art_status check_sources(const struct market *m, struct art_err *err)
{
	const char *at = config_text(m->config, CONFIG_MARKET_SOURCES_KEY);
	char word[MARKET_WORD_MAX];

	while (market_word(&at, word)) {
		bool known = false;

		for (size_t i = 0; i < ART_COUNT(sources); i++)
			known |= !strcmp(word, sources[i]->kind);
		if (!known)
			return art_fail(err, ART_INVALID, "market.sources: there is no source '%.60s': static, "
					"8004scan, 8004scan-backend, chain, bazaar", word);
	}
	return ART_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static enum art_status conclude(struct market *m, const struct market_report *r, struct art_err *err)
{
	int64_t rows = 0, failed = 0;

	for (size_t i = 0; i < r->sources.n; i++) {
		rows += r->sources.rows[i].failures ? 0 : r->sources.rows[i].rows;
		failed += r->sources.rows[i].failures > 0;
	}
	return event_add(m->store, EVENT_INFO, "market.discover", 0, 0, err,
			 "discovery: %" PRId64 " rows from %zu of %zu sources, %" PRId64 " documents (%" PRId64
			 " bad), %" PRId64 " of %" PRId64 " probed endpoints alive, %.1f s", rows,
			 r->sources.n - (size_t)failed, r->sources.n, r->documents, r->bad_documents, r->alive,
			 r->probes, (double)r->took_us / 1e6);
}

static enum art_status first_failure(const struct market_report *r, struct art_err *err)
{
	if (!r->sources.n)
		return art_fail(err, ART_NET, "no source could be asked: market.sources and market.chains leave none");
	return art_fail(err, ART_NET, "no source could be asked: %s: %.180s", r->sources.rows[0].name,
			r->sources.rows[0].error[0] ? r->sources.rows[0].error : "it has nothing to tell");
}

enum art_status market_discover(struct market *m, const struct market_ask *ask, struct market_report *out,
				struct art_err *err)
{
	struct market_ask full = *ask;
	int64_t start = art_mono_us();
	enum art_status s;

	memset(out, 0, sizeof(*out));
	/* A skill that is asked for once makes nobody eligible for work. */
	full.match = config_text(m->config, CONFIG_MARKET_SKILLS_KEY);
	full.skills = ask->skills && *ask->skills ? ask->skills
						  : full.match;
	full.limit = ask->limit > 0 ? ask->limit : config_int(m->config, CONFIG_MARKET_LIMIT_KEY);
	s = check_sources(m, err);
	if (s == ART_OK)
		s = ask_sources(m, &full, out, err);
	if (s == ART_OK)
		s = market_identities(m, &full, true, err);
	if (s == ART_OK)
		s = market_documents(m, &full, out, err);
	if (s == ART_OK)
		s = market_identities(m, &full, false, err);
	if (s == ART_OK && !full.no_probe)
		s = market_probes(m, &full, out, err);
	out->took_us = art_mono_us() - start;
	if (s == ART_CANCELLED)
		return art_fail(err, s, "the discovery was cancelled");
	if (s == ART_OK)
		s = conclude(m, out, err);
	if (s == ART_OK && !out->any_ok)
		s = first_failure(out, err);
	return s;
}

enum art_status market_add(struct market *m, const char *url, int64_t *id, struct art_err *err)
{
	struct worker_told told = { .source = WORKER_SOURCE_PERSON, .matches = true };
	char endpoint[WORKER_URL_MAX];
	enum art_status s = market_endpoint(url, endpoint, err);

	if (s == ART_OK)
		s = worker_see(m->store, endpoint, &told, id, err);
	return s;
}
