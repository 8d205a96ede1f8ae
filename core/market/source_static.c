/*
 * source_static.c - endpoints that a person added by hand. They lie in the store already: asking counts them.
 *
 * Layer: core.
 */
#include "core/market/source.h"

#define PAGE 200

static void which(const struct market *m, const struct market_ask *ask, char *out, size_t n)
{
	(void)m, (void)ask;
	art_copy(out, n, "static");
}

static enum art_status count(struct market *m, const struct market_ask *ask, struct source_row *row,
			     const char *name, struct art_err *err)
{
	struct worker_query q = { .all = true, .limit = PAGE };
	struct worker_list l = { 0 };
	enum art_status s;
	size_t got;

	(void)ask, (void)name;
	do {
		s = worker_query(m->store, &q, &l, err);
		got = l.n;
		for (size_t i = 0; i < l.n; i++)
			row->rows += market_has_word(l.rows[i].sources, WORKER_SOURCE_PERSON);
		worker_list_destroy(&l);
		q.offset += PAGE;
	} while (s == ART_OK && got == PAGE);
	return s;
}

const struct market_source market_source_static = { "static", count, which };
