/*
 * cli_market.h - what the commands about the market share. Private to tui/cli.
 *
 * A number has one of three origins and always says which: measured by us (probes, trust, what was
 * reproduced), told by the worker or its owner ("claimed"), or quoted from an index with its date.
 */
#ifndef TUI_CLI_CLI_MARKET_H
#define TUI_CLI_CLI_MARKET_H

#include "core/chain/chains.h"
#include "core/market/market.h"
#include "store/agents.h"
#include "store/json.h"
#include "store/workers.h"
#include "tui/cli/cli.h"

/* ---- opening and filters (market_open.c) ------------------------------------------------------- */

/* The chains of the configuration, and what --chain and --skill ask. */
struct market_scope {
	struct chains chains;
	const struct chain *chain; /* NULL: every one */
	const char *skill;         /* "" any */
};
/* Opens the configuration and reads its chains; nothing is made yet. Never INVALID. */
ART_MUST_USE enum art_status market_chains_open(struct cli *c, struct market_scope *out, struct art_err *err);
/* The same, and the options --chain and --skill, which the command must have. INVALID: one is wrong (CLI_USAGE). */
ART_MUST_USE enum art_status market_scope_open(struct cli *c, const struct cli_args *a,
					       struct market_scope *out, struct art_err *err);

/* A market to ask with: HTTP engine, the store of @c, progress on stderr when that is a terminal. */
ART_MUST_USE enum art_status market_open(struct cli *c, const struct market_scope *scope,
					 struct market *out, struct art_err *err);
void market_close(struct market *m); /* fine on a zeroed one */

/* ---- on paper (market_paper.c) ------------------------------------------------------------------- */

#define AGE_TEXT 24
/* "just now" "34 s ago" "5 min ago" "3 h ago" "12 d ago", "never" for 0. Returns @buf. */
const char *age_text(int64_t at_us, char buf[AGE_TEXT]);
/* "0.9973", and who says so and since when: "0.9712 verified 3 h ago", "0.9973 claimed 2 d ago", "-". */
#define BEST_TEXT 64
const char *best_text(const struct worker_row *w, char buf[BEST_TEXT]);
/* Strings of a list separated by spaces, as an array. */
void words_json(struct json_out *o, const char *key, const char *words);
/* "84532:17", or null. */
void agent_id_json(struct json_out *o, const char *key, uint64_t chain_id, const char *token_id);
/* One worker as an object: the contract of `artui discover --json` and `artui workers --json`. */
void worker_json(struct json_out *o, const char *key, const struct worker_row *w);
/* One agent's members, into an object the caller has opened. */
void agent_json_members(struct json_out *o, const struct agent_row *r);
/* What is dubious about a worker's payee, or "". Returns @buf. */
#define WARNING_TEXT 200
const char *payee_warning(const struct worker_row *w, char buf[WARNING_TEXT]);

void print_workers_json(struct cli *c, const struct worker_list *l);
/* The table, and below it a line for each warning. */
void print_workers(struct cli *c, const struct chains *chains, const struct worker_list *l);
/* "base-sepolia" for "eip155:84532"; what no chain of ours is called stays as it is. Borrowed. */
const char *network_text(const struct chains *chains, const char *network);
/* "8004scan: 12 rows, just now"; what failed: "8004scan: WHY; 12 rows from 3 h ago". Returns @buf. */
#define SOURCE_TEXT 400
const char *source_text(const struct source_row *s, char buf[SOURCE_TEXT]);

#endif
