/*
 * market.h - discovering workers and agents: asks the sources, reads documents, probes endpoints, and writes what it learnt
 * into the store. Never pays, never signs.
 *
 * Layer: core. Threads: a struct market belongs to one thread; transfers run on the HTTP engine's. A discovery is many small
 * transactions: a death in the middle loses nothing that was told and the cursors go on from where they were.
 *
 * Order: sources (static list, 8004scan public, 8004scan backend, registries over JSON-RPC, x402 bazaar), then documents that are
 * missing or old, then probes of the matching endpoints. A failing source is told once and ages; it never blanks what we know. One
 * bad row is one bad row. Every fetch beyond the sources' own bases refuses private addresses unless
 * net.allow_private, or a person added that very endpoint. One discovery ends: at most ten documents for each agent of its limit are
 * read, fifty agents of a chain asked about, 64 endpoints of one host probed; the rest has its turn the next time.
 */
#ifndef CORE_MARKET_MARKET_H
#define CORE_MARKET_MARKET_H

#include "core/chain/chains.h"
#include "core/config.h"
#include "core/net/http.h"
#include "core/workspace.h"
#include "store/agents.h"
#include "store/store.h"
#include "store/workers.h"

struct market {
	struct http *http;            /* all borrowed */
	struct store *store;
	const struct config *config;
	const struct chains *chains;
	const bool *cancel;           /* may be NULL */
	void (*say)(void *arg, const char *line); /* progress, one plain line; may be NULL */
	void *arg;
};

struct market_ask {
	uint64_t chain_id;            /* 0: all of market.chains */
	const char *skills;           /* indexes are asked for these; NULL: market.skills */
	const char *match;            /* filled by market_discover: what counts as ours is market.skills, whatever is asked */
	int64_t limit;                /* agents asked of each index; 0: market.limit */
	bool no_probe;
	bool stale_only;              /* documents and probes younger than market.max_age_s are kept as they are */
	bool probe_anew;              /* but probe whatever was probed when */
};
/* How each source went; also in the store. */
struct market_report {
	struct source_list sources;   /* those asked this time */
	int64_t documents, bad_documents, probes, alive;
	int64_t took_us;
	bool any_ok;                  /* at least one source could be asked */
};
void market_report_destroy(struct market_report *r);
/* OK also when sources failed (see the report); NET when none could be asked; CANCELLED. */
ART_MUST_USE enum art_status market_discover(struct market *m, const struct market_ask *ask,
					     struct market_report *out, struct art_err *err);
/* Probe these workers (ids) now, whatever their quarantine; banned ones too. */
ART_MUST_USE enum art_status market_probe(struct market *m, const int64_t *ids, size_t n,
					  struct art_err *err);
/* Add by hand: normalises, stores, does not probe. */
ART_MUST_USE enum art_status market_add(struct market *m, const char *url, int64_t *id,
					struct art_err *err);

/*
 * The engine's thread for it: own store, own HTTP engine (opened when first needed), takes the wishes DISCOVER and PROBE and
 * answers each when it is done. The text of DISCOVER is "" or a JSON object of what struct market_ask has: chain_id, skills,
 * limit, no_probe, stale_only. Faces see its presence as a source row "discovery": asked_at later than ok_at without an error
 * means it is at work, and its cursor then says at what. market_thread_stop cancels what runs (that wish is answered
 * "cancelled") and joins.
 */
struct market_thread;
struct market_thread_options {
	const struct workspace *workspace; /* borrowed, as the rest */
	const struct config *config;
	struct bell *bell;
	bool offline;                      /* nothing on the network: every wish is answered so */
};
ART_MUST_USE enum art_status market_thread_start(struct market_thread **out,
						 const struct market_thread_options *opt,
						 struct art_err *err);
void market_thread_stop(struct market_thread *t); /* NULL is fine */

#endif
