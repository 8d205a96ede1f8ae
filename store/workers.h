/*
 * workers.h - endpoints that offer to run experiments: what our own probes measured, and how far we
 * trust each (topic WORKER).
 *
 * Layer: store. Threads: any, through the caller's own struct store.
 *
 * A worker is an endpoint URL; an agent may name several, and one may belong to none (static list, bazaar).
 * Everything under "probe" was measured by us; nothing here is anybody's claim but name, skills and gpu.
 */
#ifndef STORE_WORKERS_H
#define STORE_WORKERS_H

#include "store/base.h"
#include "store/money.h"
#include "store/store.h"

#define WORKER_URL_MAX 512
#define WORKER_SOURCE_PERSON "person" /* the source of what a person added */
#define WORKER_PROBES_MAX 32          /* kept of each worker */

enum worker_alive { WORKER_UNTRIED, WORKER_ALIVE, WORKER_DEAD };

/* One probe, as measured; also the newest one of a worker. */
struct worker_probe {
	int64_t at;                  /* 0: never */
	enum worker_alive alive;
	bool busy_known, busy;
	bool free_of_charge;         /* it would run an experiment without payment */
	int status;                  /* HTTP; 0 none */
	int64_t latency_us;          /* of the priced route, to its first byte */
	char error[200];             /* why it is dead, or what is odd; "" nothing */
	bool priced;                 /* the 402 below was read: */
	int x402_version;
	struct usdc price;           /* of the offer we would take, else of the first in our tokens */
	bool payable;                /* x402_choose would take one of its offers */
	char network[64];            /* CAIP-2, so that the chain can be asked for: "eip155:84532" */
	char asset[43], pay_to[43];
	int64_t max_timeout_s;       /* window of that offer; 0 unknown */
	bool upfront;
	/* Facts the worker tells for free about itself; "" and unknown when it tells none. */
	char gpu[64], class_text[96], version[32], data_sha256[65], evaluator_sha256[65];
	struct opt_f64 gpu_mem_mb, budget_s, queue_length, queue_max;
	bool async;                  /* understands Prefer: respond-async */
};

/* What our own dealings with it were. */
struct worker_trust {
	int64_t runs;                /* experiments handed to it that ended, in any way */
	int64_t succeeded;           /* with a usable result */
	int64_t reproduced, refuted; /* its numbers, checked by us or by another worker */
	int64_t paid_failed;         /* money taken, no usable result */
	struct usdc spent;
	struct opt_f64 median_latency_s; /* of whole experiments that succeeded, the last 31 */
	int64_t failures;            /* probes and runs that failed in a row */
	int64_t quarantine_until;    /* us; 0 none */
	bool banned, pinned;         /* by hand */
	char note[160];              /* why, in words */
};
/*
 * The part of trust that needs no clock, in [0, 1], by which lists are ordered: the lower bound (Wilson,
 * 80 %, one-sided) of the share of its experiments that held: succeeded less refuted, paid-but-failed
 * counted twice; a third when there was none (0 when one was refuted all the same). Pins, bans and
 * quarantines are not looked at. Pure.
 */
double worker_trust_share(const struct worker_trust *t);

struct worker_row {
	int64_t id;
	char url[WORKER_URL_MAX];    /* the endpoint; /experiment is below it */
	int64_t agent_id;            /* 0: of none */
	uint64_t chain_id;           /* of the agent; 0 */
	char token_id[80];           /* of the agent; "" */
	char name[80], skills[256], gpu[64], sources[64];
	char wallet[43];             /* the agent's on-chain wallet; "" unknown */
	bool matches;                /* one of our skills, or added by a person */
	bool x402;                   /* claimed, or seen */
	struct opt_f64 claimed_bpb, verified_bpb; /* told; best that we saw reproduced */
	int64_t claimed_at, verified_at;
	char verified_class[96];
	int64_t added_at, seen_at;
	struct worker_probe probe;
	char pay_to_before[43];      /* the payee of the probe before the last change; "" never changed */
	int64_t pay_to_changed_at;
	bool wallet_differs;         /* payTo is not the agent's on-chain wallet */
	struct worker_trust trust;
};

/*
 * Find or make the worker of @url (already normalised: market_endpoint). @agent_id 0 leaves it as it is.
 * Adds @source. @name, @skills, @gpu may be NULL: left.
 *
 * Whoever names an endpoint first is its agent until worker_keep lets it go: of what another agent says of
 * it only the source is kept, so that nobody takes over a worker by naming it. What is told without an
 * agent fills gaps of one that has an agent.
 */
struct worker_told {
	int64_t agent_id;
	const char *source, *name, *skills, *gpu; /* WORKER_SOURCE_PERSON: matches */
	bool matches, x402;          /* only ever turned on here; matches is turned off by worker_keep */
};
ART_MUST_USE enum art_status worker_see(struct store *st, const char *url,
					const struct worker_told *told, int64_t *id,
					struct art_err *err);
/* An agent's document names these endpoints now (ids): others lose the agent, and match no more unless a
 * person added them. */
ART_MUST_USE enum art_status worker_keep(struct store *st, int64_t agent_id, const int64_t *ids,
					 size_t n, struct art_err *err);
/* Removes one that a person added and nothing else names. NOT_FOUND; CONFLICT when others name it too
 * (then only the person's word goes). */
ART_MUST_USE enum art_status worker_remove(struct store *st, int64_t id, struct art_err *err);

/*
 * A probe's outcome (at 0: now). A payee other than last time's, or than the agent's wallet, becomes a
 * WARN event ("worker.payee", once for each payee); dying and coming back are INFO events of matching
 * workers ("worker.dead", "worker.alive"). Failures in a row and the quarantine are the caller's (trust.h)
 * and stored in the same transaction.
 */
ART_MUST_USE enum art_status worker_probed(struct store *st, int64_t id,
					   const struct worker_probe *p, int64_t failures,
					   int64_t quarantine_until, struct art_err *err);
struct worker_probes {
	struct worker_probe *rows;   /* newest first, at most WORKER_PROBES_MAX */
	size_t n;
};
ART_MUST_USE enum art_status worker_probes(struct store *st, int64_t id, struct worker_probes *out,
					   struct art_err *err);
void worker_probes_destroy(struct worker_probes *l);
/* How an experiment there ended. Of verified numbers the lowest is kept; of another class, the newest. */
struct worker_outcome {
	bool succeeded, paid;
	bool reproduced, refuted;    /* a check of an earlier number: neither run nor success is counted */
	struct usdc cost;
	double seconds;
	struct opt_f64 val_bpb;      /* with reproduced: the number that held */
	const char *class_text;
	int64_t failures, quarantine_until;
};
ART_MUST_USE enum art_status worker_ran(struct store *st, int64_t id, const struct worker_outcome *o,
					struct art_err *err);
/* By hand, with an INFO event ("worker.ban" ...). A ban takes the pin off and a pin the ban. @note may be
 * NULL: left. */
enum worker_mark { WORKER_BAN, WORKER_UNBAN, WORKER_PIN, WORKER_UNPIN, WORKER_RELEASE /* from quarantine */ };
ART_MUST_USE enum art_status worker_mark(struct store *st, int64_t id, enum worker_mark m,
					 const char *note, struct art_err *err);

ART_MUST_USE enum art_status worker_find(struct store *st, int64_t id, struct worker_row *out,
					 struct art_err *err);
/* "#7", "7", or a URL as worker_see has it. NOT_FOUND. */
ART_MUST_USE enum art_status worker_find_text(struct store *st, const char *text,
					      struct worker_row *out, struct art_err *err);

enum worker_sort {
	WORKERS_BY_TRUST, WORKERS_BY_PRICE, WORKERS_BY_NAME, WORKERS_BY_LATENCY, WORKERS_BY_CLAIM,
	WORKERS_BY_VERIFIED          /* verified_bpb, best first */
};
struct worker_query {
	bool all;                    /* also those that match no skill */
	bool alive;                  /* only alive ones */
	bool not_dead;               /* alive, or never tried */
	bool verified;               /* only those with a verified_bpb */
	int64_t agent_id;            /* of this agent; 0 any */
	uint64_t chain_id;           /* of agent or offer; 0 any */
	char skill[64];
	char match[64];              /* substring of name, url, gpu, skills */
	enum worker_sort sort;
	bool reverse;
	int64_t offset, limit;
};
struct worker_list {
	struct worker_row *rows;
	size_t n;
	int64_t total;               /* that fit the query */
	int64_t n_alive, n_dead, n_untried; /* among those that fit all of it but "alive" and "not_dead" */
};
/* Pinned ones first, banned last, then by the order asked (also when reversed); by trust, quarantined ones
 * come after the others; what has no price, latency or claim comes last. */
ART_MUST_USE enum art_status worker_query(struct store *st, const struct worker_query *q,
					  struct worker_list *out, struct art_err *err);
void worker_list_destroy(struct worker_list *l);

/* The market in one line: those that match one of our skills, banned ones left out. */
struct worker_counts {
	int64_t known, alive;
	bool priced;                 /* an alive one has an offer that we would take: */
	struct usdc cheapest;        /* the least of those */
};
ART_MUST_USE enum art_status worker_counts(struct store *st, struct worker_counts *out,
					   struct art_err *err);

/* Our trust in words, for a table: "new", "good 12/12", "fair 7/10", "poor 1/6", "poor, refuted",
 * "banned", "pinned", "quarantined 2 h". Pure. */
void worker_trust_text(const struct worker_trust *t, int64_t now_us, char out[32]);

#endif
