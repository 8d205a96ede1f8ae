/*
 * sales.h - the selling side: what buyers paid, what they asked to be run, and what became of both (topics
 * SALE and ORDER).
 *
 * Layer: store. Threads: any, through the caller's own struct store.
 *
 * A sale is one signed authorization of a buyer's, locked by its nonce before anything is done for it. An
 * order is one experiment, named by the buyer's own id: the same id and body is the same order, ever. A
 * sale is settled at most once and never without the outcome that it was for; an order that failed by our
 * fault releases its sale.
 */
#ifndef STORE_SALES_H
#define STORE_SALES_H

#include "store/base.h"
#include "store/money.h"
#include "store/store.h"

/* ---- sales ------------------------------------------------------------------------------------ */

#define SALE_STATE_LIST(_)                                                                 \
	_(LOCKED, "locked")     /* the nonce is taken here; nothing is verified yet */       \
	_(VERIFIED, "verified") /* good when looked at: work may begin */                    \
	_(SETTLING, "settling") /* settlement was asked for; it may have happened */         \
	_(SETTLED, "settled")   /* the money is ours */                                      \
	_(RELEASED, "released") /* not charged, and never to be: the buyer may use it again */ \
	_(UNPAID, "unpaid")     /* the work was done and the money could not be had */
enum sale_state {
#define SALE_STATE_ENUM(name, text) SALE_##name,
	SALE_STATE_LIST(SALE_STATE_ENUM)
#undef SALE_STATE_ENUM
	SALE_STATE_COUNT
};
const char *sale_state_text(enum sale_state s);
/* locked -> verified, released; verified -> settling, released, unpaid; settling -> settled, unpaid, verified
 * (certainly not taken: asked again later); the last three are final. */
bool sale_may_move(enum sale_state from, enum sale_state to);

struct sale_row {
	int64_t id;
	enum sale_state state;
	char item[64];              /* what was bought: "experiment", the name of a sold service */
	struct usdc amount;
	uint64_t chain_id;
	char asset[43], pay_to[43], payer[43], nonce[67];
	int64_t valid_before;       /* seconds since 1970 */
	int x402_version;
	char payment_id[130];       /* payment identifier; "" none */
	char request_sha256[65];    /* of what was asked for, for the identifier */
	char resource[512];         /* URL as the challenge named it */
	char transaction[67];       /* "" not known */
	char reason[256];
	int64_t order_id;           /* the order that names it; 0: none */
	int64_t created_at, settled_at, ended_at;
};
/*
 * Lock a payment: makes the row LOCKED. @payment: the decoded payment payload, @requirement: the accepts
 * entry it was matched with; both kept for settling after a crash. CONFLICT when (chain, asset, payer,
 * nonce) is held by a row that is not RELEASED; *other (may be NULL) gets that row. Hex digits are
 * compared in any case. Fills id, state, created_at.
 */
#define SALE_TEXT_MAX (128u << 10) /* of each of both; LIMIT */
ART_MUST_USE enum art_status sale_lock(struct store *st, struct sale_row *row, const char *payment,
				       const char *requirement, struct sale_row *other,
				       struct art_err *err);
/* Compare-and-set; CONFLICT. @transaction and @reason may be NULL: left. Settled, unpaid and odd ones (not
 * taken after all, released after it was verified) write an event. SETTLED with neither gets a reason that
 * says so. */
ART_MUST_USE enum art_status sale_move(struct store *st, int64_t id, enum sale_state from,
				       enum sale_state to, const char *transaction,
				       const char *reason, struct art_err *err);
ART_MUST_USE enum art_status sale_find(struct store *st, int64_t id, struct sale_row *out,
				       struct art_err *err);
/* Owns both texts. */
ART_MUST_USE enum art_status sale_texts(struct store *st, int64_t id, char **payment,
					char **requirement, struct art_err *err);
/* The newest, not released, with this payment identifier. NOT_FOUND. */
ART_MUST_USE enum art_status sale_find_identifier(struct store *st, const char *payment_id,
						  struct sale_row *out, struct art_err *err);
struct sale_query {
	unsigned states;            /* bits 1 << state; 0 all */
	char match[64];             /* substring of item, payer, transaction */
	int64_t limit;              /* newest so many; 0 all */
};
struct sale_list {
	struct sale_row *rows;      /* newest first */
	size_t n;
};
ART_MUST_USE enum art_status sale_query(struct store *st, const struct sale_query *q,
					struct sale_list *out, struct art_err *err);
void sale_list_destroy(struct sale_list *l);
/* What came in, by UTC day, newest first: the last @days days with anything in them, today included; 0
 * all. */
struct sale_day {
	int64_t day_us;             /* its beginning */
	struct usdc settled, unpaid;
	int64_t n_settled, n_unpaid, n_released;
	double busy_s;              /* device seconds of orders that ended that day */
};
struct sale_days {
	struct sale_day *rows;
	size_t n;
};
ART_MUST_USE enum art_status sale_days(struct store *st, int64_t days, struct sale_days *out,
				       struct art_err *err);
void sale_days_destroy(struct sale_days *l);

/* ---- orders --------------------------------------------------------------------------------------- */

#define ORDER_STATE_LIST(_)                                                          \
	_(HELD, "held")           /* accepted, but its payment is not settled yet (upfront) */ \
	_(QUEUED, "queued")                                                        \
	_(RUNNING, "running")                                                      \
	_(COMPLETED, "completed") /* exit 0 and a usable number */                  \
	_(FAILED, "failed")                                                        \
	_(TIMEOUT, "timeout")                                                      \
	_(CANCELLED, "cancelled")
enum order_state {
#define ORDER_ENUM(name, text) ORDER_##name,
	ORDER_STATE_LIST(ORDER_ENUM)
#undef ORDER_ENUM
	ORDER_COUNT
};
const char *order_state_text(enum order_state s);
bool order_state_is_final(enum order_state s);

struct order_row {
	int64_t id;
	char experiment_id[72];     /* [a-zA-Z0-9_-]{1,64}: the buyer's, else ours ("exp-YYYYMMDD-" and 8 hex digits) */
	char request_sha256[65];    /* of train_py and config: the same id with another one is CONFLICT */
	char train_sha256[65];      /* of the exact bytes of train_py */
	enum order_state state;
	int64_t sale_id;            /* 0: free */
	char payer[43];             /* "" free */
	char device[80];            /* it runs or ran on; "" not yet */
	bool is_async;              /* the buyer polls */
	bool our_fault;             /* FAILED by the worker, not by the buyer's code */
	int return_code;            /* -1: none */
	struct opt_f64 val_bpb;     /* exit status 0 and a full, finite float; measured by the harness with the native trainer */
	char note[256];
	char artifact_sha256[65], artifact_name[128]; /* "" none */
	int64_t artifact_bytes, log_bytes;
	double budget_s;
	int64_t created_at, started_at, finished_at; /* 0 not yet */
	int attempt;                /* starts so far */
};
/*
 * Accept an order in HELD or QUEUED: room for it is judged in the same transaction (LIMIT when @queue_max
 * orders wait or run). @config: JSON text, "" none. The train text is kept on disk by the caller.
 * CONFLICT: the id is there, or another order has the sale; *other (may be NULL) gets it, and the caller
 * compares request_sha256. That is looked at before the room. INVALID for an id of other characters.
 * Accepted, started and ended orders write an event.
 */
#define ORDER_CONFIG_MAX (1u << 20)  /* LIMIT */
#define ORDER_RECEIPT_MAX (64u << 10)
ART_MUST_USE enum art_status order_accept(struct store *st, struct order_row *row, const char *config,
					int64_t queue_max, struct order_row *other,
					struct art_err *err);
/* HELD -> QUEUED, or any not final -> CANCELLED; CONFLICT. */
ART_MUST_USE enum art_status order_release(struct store *st, int64_t id, struct art_err *err);
ART_MUST_USE enum art_status order_cancel(struct store *st, int64_t id, const char *why,
					struct art_err *err);
/* The oldest queued one becomes RUNNING on @device (started_at, attempt). NOT_FOUND. */
ART_MUST_USE enum art_status order_next(struct store *st, const char *device, struct order_row *out,
				      struct art_err *err);
/* RUNNING -> one of the final states: state, our_fault, return_code, val_bpb, note, artifact, log_bytes of
 * @row; CONFLICT. INVALID: COMPLETED without exit status 0 and a val_bpb that is finite and > 0, or our
 * fault in another state than FAILED. */
ART_MUST_USE enum art_status order_finish(struct store *st, const struct order_row *row,
					struct art_err *err);
/* After a death: RUNNING ones that have been started @attempts times become FAILED by our fault, the
 * others QUEUED again. */
ART_MUST_USE enum art_status order_recover(struct store *st, int attempts, int64_t *again,
					 int64_t *failed, struct art_err *err);
/* One RUNNING order whose run came to nothing (@why, no NULL) by no doing of the buyer's: back into the
 * queue, or FAILED by our fault once it was started @attempts times. CONFLICT. */
ART_MUST_USE enum art_status order_again(struct store *st, int64_t id, int attempts, const char *why,
				       bool *failed, struct art_err *err);
/* The signed receipt (JSON) of an ended order; kept beside it, in place of an earlier one. CONFLICT before
 * the end. */
ART_MUST_USE enum art_status order_set_receipt(struct store *st, int64_t id, const char *json,
					     struct art_err *err);
/* Owns: *out (may be NULL). NOT_FOUND for the order or a text it does not have. */
enum order_text { ORDER_TEXT_CONFIG, ORDER_TEXT_RECEIPT };
ART_MUST_USE enum art_status order_text(struct store *st, int64_t id, enum order_text which, char **out,
				      struct art_err *err);
ART_MUST_USE enum art_status order_find(struct store *st, int64_t id, struct order_row *out,
				      struct art_err *err);
ART_MUST_USE enum art_status order_find_experiment(struct store *st, const char *experiment_id,
						 struct order_row *out, struct art_err *err);
/* Lowest val_bpb among COMPLETED ones. NOT_FOUND. */
ART_MUST_USE enum art_status order_best(struct store *st, struct order_row *out, struct art_err *err);
struct order_query {
	unsigned states;            /* bits 1 << state; 0 all */
	char payer[43];             /* "" any */
	int64_t limit;              /* newest so many; 0 all */
};
struct order_list {
	struct order_row *rows;       /* newest first */
	size_t n;
	int64_t waiting, running;   /* of all, whatever the query */
};
ART_MUST_USE enum art_status order_query(struct store *st, const struct order_query *q,
				       struct order_list *out, struct art_err *err);
void order_list_destroy(struct order_list *l);
/* Live curve of an order's present attempt: progress 0..1, rounded to ten-thousandths (what a run prints
 * has no end), loss; replaces a point of the same progress. INVALID for numbers that are not finite or out
 * of range. */
struct order_point {
	double progress, seconds, loss;
	int64_t tokens;
};
ART_MUST_USE enum art_status order_point_add(struct store *st, int64_t id, const struct order_point *p,
					   struct art_err *err);
struct order_points {
	struct order_point *rows;
	size_t n;
};
ART_MUST_USE enum art_status order_points(struct store *st, int64_t id, struct order_points *out,
					struct art_err *err);
void order_points_destroy(struct order_points *l);

/* ---- the worker's presence and its switches: one row (topic ORDER) ------------------------------ */

struct serve_row {
	int64_t pid;                /* 0: none serves; a dead pid means the same */
	int64_t started_at;
	char listen[64], price[32], network[32], sandbox[32];
	int64_t agent_id;           /* our ERC-8004 id; -1: not registered */
};
ART_MUST_USE enum art_status serve_set(struct store *st, const struct serve_row *row,
				       struct art_err *err);
ART_MUST_USE enum art_status serve_get(struct store *st, struct serve_row *out,
				       struct art_err *err); /* zeroed (agent_id -1) when none */
/* Switches that a person sets and the worker obeys, kept over restarts. @device "": the whole worker. */
enum serve_switch { SERVE_OPEN, SERVE_PAUSED /* starts no run */, SERVE_DRAINING /* accepts no order, finishes what waits */ };
ART_MUST_USE enum art_status serve_switch_set(struct store *st, const char *device,
					      enum serve_switch s, struct art_err *err);
ART_MUST_USE enum art_status serve_switch_get(struct store *st, const char *device,
					      enum serve_switch *out, struct art_err *err);

#endif
