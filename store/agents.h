/*
 * agents.h - who is registered (ERC-8004 identities), what is said of each by whom and when, and the
 * places we ask (topic AGENT).
 *
 * Layer: store. Threads: any, through the caller's own struct store.
 *
 * A fact keeps who said it and when: the same key may be told by several origins, and none overwrites
 * another. A source that fails removes nothing; what it told grows old. Every text was written by
 * strangers: it is cleaned and clipped on its way in.
 */
#ifndef STORE_AGENTS_H
#define STORE_AGENTS_H

#include "store/base.h"
#include "store/store.h"

#define AGENT_REGISTRY_MAX 43 /* 0x and 40 digits, lower case, NUL */
#define AGENT_TOKEN_MAX 80    /* a decimal uint256 */
#define AGENT_KEY_MAX 40
#define AGENT_VALUE_MAX 1024  /* of one fact */
#define AGENT_FACTS_MAX 64    /* of one agent by one origin: more is LIMIT */

/* Who says so, most trusted last where the same key is told by several. */
#define FACT_ORIGIN_LIST(_)                                                            \
	_(BAZAAR, "bazaar")       /* a facilitator's catalogue */                        \
	_(SCAN, "8004scan")       /* the index's own word, its copy of a document too */ \
	_(DOCUMENT, "document")   /* the registration document, fetched by us */         \
	_(CHAIN, "chain")         /* read from the registry */                           \
	_(PERSON, "person")       /* typed in here */
enum fact_origin {
#define FACT_ORIGIN_ENUM(name, text) ORIGIN_##name,
	FACT_ORIGIN_LIST(FACT_ORIGIN_ENUM)
#undef FACT_ORIGIN_ENUM
	ORIGIN_COUNT
};
const char *fact_origin_text(enum fact_origin o);

/* A skill of @told (separated by spaces) equals one of @wanted or lies below it: "a/b" matches "a/b" and
 * "a/b/c", not "a/bc". Pure. */
bool skills_match(const char *told, const char *wanted);

/* An ERC-8004 identity. */
struct agent_key {
	uint64_t chain_id;
	char registry[AGENT_REGISTRY_MAX];
	char token_id[AGENT_TOKEN_MAX];
};

/*
 * Keys in use: name description image owner wallet uri active x402 skills domains endpoints gpu framework
 * best_val_bpb total_experiments updated document_sha256 domain_verified score feedbacks rank. Others are
 * kept as they come ("meta.KEY" for on-chain metadata). Lists are separated by single spaces.
 */
struct agent_fact {
	char key[AGENT_KEY_MAX];
	enum fact_origin origin;
	char value[AGENT_VALUE_MAX];
	int64_t at;    /* when we heard it */
	int64_t as_of; /* the age the origin itself gives; 0 unknown */
};
struct agent_facts {
	struct agent_fact *rows; /* by key, most trusted origin first */
	size_t n;
};
void agent_facts_destroy(struct agent_facts *l);
/* The value of @key by the most trusted origin that tells it, or by @origin alone when it is not
 * ORIGIN_COUNT; NULL when nobody does. Borrowed. */
const struct agent_fact *agent_fact_of(const struct agent_facts *l, const char *key,
				       enum fact_origin origin);

/* Identity plus the merged view a list shows. */
struct agent_row {
	int64_t id;
	struct agent_key key;
	int64_t created_at, seen_at; /* first and last time any source told of it */
	char name[80], owner[43], wallet[43], uri[256], gpu[64];
	char skills[256];
	bool x402, active, active_known, matches; /* @matches: told one of the skills we look for */
	struct opt_f64 claimed_bpb;  /* best_val_bpb as told: a plain number, finite and > 0 */
	int64_t claimed_at;          /* by its own "updated", else when we heard it; 0 unknown */
	struct opt_f64 score, feedbacks; /* 8004scan's numbers, quoted */
	int64_t scored_at;
	char sources[64];            /* names of sources, separated by spaces */
	char broken[160];            /* why its document cannot be read; "" fine or not fetched */
	int64_t document_at;         /* last tried; 0 never */
};

/* Find or make the identity. Adds @source (NULL or "": none) to its sources, moves seen_at. Fills *id.
 * INVALID for a registry that is no address or a token id that is no decimal uint256; capital hex digits
 * are taken as small ones. */
ART_MUST_USE enum art_status agent_see(struct store *st, const struct agent_key *key,
				       const char *source, int64_t *id, struct art_err *err);
/*
 * What @origin says now of an agent: replaces all it said before (keys not told any more go). @facts'
 * origin and at are filled here; of a key told twice the first counts, one that is empty when cleaned is
 * left out. Recomputes the merged row in the same transaction: each column from the most trusted origin
 * that tells it, but owner and wallet never by the document or a catalogue, and score and feedbacks by
 * 8004scan alone. @skills: slugs we look for, separated by spaces, NULL none; see skills_match. LIMIT
 * above AGENT_FACTS_MAX; NOT_FOUND.
 */
ART_MUST_USE enum art_status agent_tell(struct store *st, int64_t id, enum fact_origin origin,
					const struct agent_fact *facts, size_t n, const char *skills,
					struct art_err *err);
/* The document was tried now: @why is "" or what is wrong with it. */
ART_MUST_USE enum art_status agent_document(struct store *st, int64_t id, const char *why,
					    struct art_err *err);
ART_MUST_USE enum art_status agent_find(struct store *st, int64_t id, struct agent_row *out,
					struct art_err *err);
/* "84532:17", "84532:0x8004...:17" or our own id "#12". NOT_FOUND, INVALID; CONFLICT when ambiguous. */
ART_MUST_USE enum art_status agent_find_text(struct store *st, const char *text,
					     struct agent_row *out, struct art_err *err);
ART_MUST_USE enum art_status agent_facts(struct store *st, int64_t id, struct agent_facts *out,
					 struct art_err *err);

struct agent_query {
	uint64_t chain_id;     /* 0: all */
	bool matching;         /* only those that told one of our skills */
	bool with_claim;       /* only those that claim a best val_bpb */
	char skill[64];        /* told this slug or one below; "" any */
	char match[64];        /* substring of name, skills, owner, token id */
	enum { AGENTS_BY_CLAIM, AGENTS_BY_SEEN, AGENTS_BY_NAME, AGENTS_BY_SCORE } sort;
	int64_t offset, limit; /* limit 0: all */
};
struct agent_list {
	struct agent_row *rows;
	size_t n;
	int64_t total;
};
ART_MUST_USE enum art_status agent_query(struct store *st, const struct agent_query *q,
					 struct agent_list *out, struct art_err *err);
void agent_list_destroy(struct agent_list *l);

/* ---- sources: the places we ask ------------------------------------------------------------- */

struct source_row {
	char name[48];         /* "8004scan" "8004scan-backend" "chain:base-sepolia" "bazaar:HOST" "static" */
	int64_t asked_at, ok_at; /* last try, last success; 0 never */
	int64_t rows, bad;     /* of the last success */
	int64_t failures;      /* since the last success */
	char error[200];       /* of the last failure; "" the last try went well */
	char cursor[80];       /* where it goes on: a block number, an offset */
	int64_t held_until;    /* source_hold's: not asked before; 0 or past: it may be. Read, never written by source_set */
};
ART_MUST_USE enum art_status source_get(struct store *st, const char *name, struct source_row *out,
					struct art_err *err); /* zeroed but for the name when new */
ART_MUST_USE enum art_status source_set(struct store *st, const struct source_row *row,
					struct art_err *err);
struct source_list {
	struct source_row *rows; /* by name */
	size_t n;
};
ART_MUST_USE enum art_status source_list(struct store *st, struct source_list *out,
					 struct art_err *err);
void source_list_destroy(struct source_list *l);

/*
 * A token bucket that survives the program: two windows, a minute and a day, each with a ceiling (0: none,
 * at most SOURCE_RATE_MAX), full at first and filled evenly. source_take takes one token of both,
 * atomically. LIMIT when there is none: *wait_us (may be NULL) says how long until there is. source_hold
 * takes nothing out until @until_us (Retry-After, a Reset header), but no longer than SOURCE_HOLD_MAX_US
 * from now; the longer of two holds counts. A clock that is set back fills nothing and makes no wait
 * longer.
 */
#define SOURCE_RATE_MAX 100000000
#define SOURCE_HOLD_MAX_US (86400 * (int64_t)1000000)
ART_MUST_USE enum art_status source_take(struct store *st, const char *name, int64_t per_minute,
					 int64_t per_day, int64_t *wait_us, struct art_err *err);
ART_MUST_USE enum art_status source_hold(struct store *st, const char *name, int64_t until_us,
					 struct art_err *err);

#endif
