/*
 * agents_sql.h - how rows of agents.h lie in a SELECT. Private to agents*.c.
 */
#ifndef STORE_AGENTS_SQL_H
#define STORE_AGENTS_SQL_H

#include "store/agents.h"
#include "store/store_sql.h"

#define AGENT_COLUMNS                                                                              \
	"id, chain_id, registry, token_id, created_at, seen_at, name, owner, wallet, uri, gpu,"    \
	" skills, x402, active, matches, claimed_bpb, claimed_at, score, feedbacks, scored_at,"    \
	" sources, broken, document_at"
#define AGENT_SOURCES_MAX 512 /* in the database; a row shows what fits */

/* The row of a SELECT that begins with AGENT_COLUMNS. */
void agent_read(struct sql *q, struct agent_row *row);

/* Small digits; INVALID when it is none. */
ART_MUST_USE enum art_status agent_key_check(const struct agent_key *key, struct agent_key *out,
					     struct art_err *err);

/* "0x" and 40 hex digits, and nothing else. */
bool text_is_address(const char *s);

#endif
