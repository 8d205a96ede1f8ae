/*
 * source.h - what a place to ask is: one table entry. Private to core/market.
 *
 * Layer: core.
 */
#ifndef CORE_MARKET_SOURCE_H
#define CORE_MARKET_SOURCE_H

#include "core/market/market.h"

struct market_source {
	const char *kind; /* as market.sources names it: "static" "8004scan" "8004scan-backend" "chain" "bazaar" */
	/*
	 * Ask, and write what came. @row: this source's row, already marked as asked; the function fills rows, bad, cursor. The caller
	 * stores it, with the failure when there is one. Wait for a rate limit only when it is shorter than a few seconds, else LIMIT.
	 */
	enum art_status (*ask)(struct market *m, const struct market_ask *ask, struct source_row *row,
			       const char *which, struct art_err *err);
	/* Writes the names of the rows it stands for ("chain:base", ...), separated by spaces: each is asked by itself. */
	void (*which)(const struct market *m, const struct market_ask *ask, char *out, size_t n);
};
extern const struct market_source market_source_static, market_source_scan, market_source_scan_backend,
	market_source_chain, market_source_bazaar;

/*
 * A document's text becomes facts of origin @origin, and its endpoints workers of the agent. Inside the caller's
 * transaction. @uri (may be NULL): where it was found, kept as the fact "document_uri". What an index holds as the document
 * changes no endpoints once we have read the document ourselves. INVALID: it is no registration.
 */
ART_MUST_USE enum art_status market_take_document(struct market *m, int64_t agent_id,
						  enum fact_origin origin, const char *source,
						  const char *uri, const char *text, size_t len,
						  const char *skills, struct art_err *err);

/* ---- the three steps of a discovery -------------------------------------------------------------- */

/* Read documents that are missing or old, of agents that could matter; check domains. */
ART_MUST_USE enum art_status market_documents(struct market *m, const struct market_ask *ask,
					      struct market_report *report, struct art_err *err);
/*
 * What the registries say of single agents. @uris: the URI of agents of whom nobody told one; else owner and wallet of
 * those that match. A registry that does not answer is left; CANCELLED or a failure of our store.
 */
ART_MUST_USE enum art_status market_identities(struct market *m, const struct market_ask *ask, bool uris,
					       struct art_err *err);
/* Probe endpoints that match. */
ART_MUST_USE enum art_status market_probes(struct market *m, const struct market_ask *ask,
					   struct market_report *report, struct art_err *err);

/* ---- what they share ------------------------------------------------------------------------------ */

#define MARKET_WORD_MAX 512 /* of a list in the configuration */
/* The next word of a list separated by spaces, clipped when it is longer than one can be; false at its end. */
bool market_word(const char **at, char out[MARKET_WORD_MAX]);
bool market_has_word(const char *list, const char *word);
bool market_cancelled(const struct market *m);
/* CANCELLED when it was, else OK. */
ART_MUST_USE enum art_status market_sleep(const struct market *m, int64_t us, struct art_err *err);
void market_say(const struct market *m, const char *fmt, ...) ART_PRINTF(2, 3);
/* Whether agents of this chain are asked for. */
bool market_wants(const struct market *m, const struct market_ask *ask, uint64_t chain_id);
bool market_allows_private(const struct market *m);
int64_t market_deadline_ms(const struct market *m);

/*
 * Many small writes in one commit, which costs a disk's flush: begun before a write when it is not open, ended when it has been
 * open for long enough or nothing more is there to be written. Nothing waits while it is open.
 */
struct market_group {
	struct store *store;
	bool open;
	int64_t since;
};
ART_MUST_USE enum art_status market_group_begin(struct market_group *g, struct art_err *err);
/* @now: else only when it is time. */
ART_MUST_USE enum art_status market_group_end(struct market_group *g, bool now, struct art_err *err);
void market_group_drop(struct market_group *g); /* what was not ended is not written */

/* Facts for agent_tell: what is empty or no longer fits the list is left out, values are clipped. */
void market_fact(struct agent_fact *list, size_t *n, const char *key, const char *value);
/* The key is not told any more: for market_tell. */
void market_fact_gone(struct agent_fact *list, size_t *n, const char *key);
/* When the origin said it itself, else when we heard it. */
int64_t market_fact_time(const struct agent_fact *f);
/* A document that lies in @uri itself is read now, in the caller's transaction: the fact of it may be clipped. */
ART_MUST_USE enum art_status market_take_inline(struct market *m, int64_t agent_id, const char *uri,
						const char *skills, struct art_err *err);
/* Tell these besides what the origin told before: a told key replaces, the others stay with their old date. In a
 * transaction or alone. */
ART_MUST_USE enum art_status market_tell(struct market *m, int64_t agent_id, enum fact_origin origin,
					 const struct agent_fact *facts, size_t n, const char *skills,
					 struct art_err *err);
/* More values than any honest answer of its kind has: their tree would not fit the memory we allow ourselves. */
bool market_too_dense(const char *text, size_t len, size_t max_values);
/* "why" as the last failure of a document, cleaned. */
void market_why(char *out, size_t n, const struct art_err *err, const struct http_response *r);

/* Every agent of a query, page by page, newest seen first; a row may be changed meanwhile, none is added by it. @each
 * answering CONFLICT ends it early and well. */
typedef enum art_status (*market_agent_fn)(void *arg, const struct agent_row *row, struct art_err *err);
ART_MUST_USE enum art_status market_each_agent(struct market *m, const struct agent_query *q,
					       market_agent_fn each, void *arg, struct art_err *err);

#endif
