/*
 * payments.h - the ledger: every payment from its reservation to its end (topic PAYMENT).
 *
 * Layer: store. Threads: any, through the caller's own struct store.
 *
 * A row is made before anything is signed, with the authorization's terms complete (nonce and window
 * included), under every cap in the same transaction. Then: sign, store the signed payment, commit, mark
 * sent, commit, and only then send. Money counts against the caps as long as it may have moved or may
 * still move ("dead" is false); a doubt stays counted until the chain has answered.
 */
#ifndef STORE_PAYMENTS_H
#define STORE_PAYMENTS_H

#include "store/base.h"
#include "store/money.h"
#include "store/store.h"

#define PAYMENT_STATE_LIST(_)                                                             \
	_(RESERVED, "reserved") /* counted under the caps; nothing signed is stored */     \
	_(SIGNED, "signed")     /* the signed payment is stored; it has not left */         \
	_(SENT, "sent")         /* it may have left; no answer judged yet */                \
	_(SETTLED, "settled")   /* the money moved: by receipt, or read from the chain */   \
	_(REFUSED, "refused")   /* nothing was taken, says the seller; or it never left */  \
	_(EXPIRED, "expired")   /* its window is over and the chain shows it unused */      \
	_(UNKNOWN, "unknown")   /* an answer or none, and it may have been taken */
enum payment_state {
#define PAYMENT_STATE_ENUM(name, text) PAYMENT_##name,
	PAYMENT_STATE_LIST(PAYMENT_STATE_ENUM)
#undef PAYMENT_STATE_ENUM
	PAYMENT_STATE_COUNT
};
const char *payment_state_text(enum payment_state s);
ART_MUST_USE bool payment_state_parse(const char *text, enum payment_state *out);
/*
 * Legal moves: reserved -> signed, refused; signed -> sent, refused; sent -> settled, refused, unknown,
 * expired; unknown -> settled, refused, expired; refused -> settled, unknown, expired (a seller that said
 * no and took it, or whose no became certain); settled -> unknown, expired (a receipt that the chain does
 * not bear out). Besides, payment_move holds that what is dead, and what the chain confirmed as settled,
 * is final.
 */
bool payment_may_move(enum payment_state from, enum payment_state to);

struct payment_row {
	int64_t id;
	enum payment_state state;
	struct usdc amount;
	uint64_t chain_id;
	char network[32];       /* "eip155:84532" */
	char asset[43], pay_to[43], payer[43]; /* checksummed */
	char nonce[67];         /* of the authorization */
	int64_t valid_after, valid_before;     /* seconds since 1970 */
	int x402_version;
	char method[16], url[1024];
	char request_sha256[65]; /* what was asked for: method, url, body, or the caller's own key */
	int64_t run_id;         /* 0: of no run */
	char payment_id[40];    /* payment identifier, for every row: "artui-" and 24 hex digits */
	int status;             /* HTTP status of the last answer; 0 none */
	char transaction[67];   /* "" not known */
	char reason[256];       /* why refused, unknown ...; the seller's words cleaned */
	bool dead;              /* can never be taken again: counted no more */
	bool checked;           /* the chain confirmed the state */
	int64_t created_at, sent_at, ended_at; /* us; 0 not yet */
};

/* Ceilings; each is inclusive. */
struct payment_caps {
	struct usdc payment, payee, hour, night, total;
};
/* What counts now. */
struct payment_spent {
	struct usdc payee, hour, night, total;
	struct payment_caps caps; /* those it was asked with */
};
struct payment_window {
	int64_t now_us;
	int64_t night_since_us; /* beginning of the night that payee and night count over */
};
/* Everything not dead: settled, or it may yet be. */
ART_MUST_USE enum art_status payment_spent(struct store *st, const char *pay_to,
					   const struct payment_caps *caps,
					   const struct payment_window *w,
					   struct payment_spent *out, struct art_err *err);
/* Whether one more payment would pass every cap now. LIMIT names the cap, what is left and the price. */
ART_MUST_USE enum art_status payment_fits(struct store *st, const char *pay_to, struct usdc amount,
					  const struct payment_caps *caps,
					  const struct payment_window *w, struct art_err *err);
/*
 * Make the row in state RESERVED (fills id, created_at). In one transaction with the check of every
 * cap (LIMIT). CONFLICT when a payment for the same run, or
 * an open one (not settled, not dead) for the same request is there; *other (may be NULL) gets its id.
 */
ART_MUST_USE enum art_status payment_reserve(struct store *st, struct payment_row *row,
					     const struct payment_caps *caps,
					     const struct payment_window *w, int64_t *other,
					     struct art_err *err);
/* RESERVED -> SIGNED, keeping the header value that will be sent (again, if need be), byte for byte. */
ART_MUST_USE enum art_status payment_sign(struct store *st, int64_t id, const char *header,
					  struct art_err *err);
/* Owns: *out. NOT_FOUND before SIGNED. */
ART_MUST_USE enum art_status payment_header(struct store *st, int64_t id, char **out,
					    struct art_err *err);
/* Any other move; compare-and-set on @from (CONFLICT, also for a row that is final). Writes the event. Fields of @m that are zero or
 * "" leave the row's. A move to the same state is allowed where it adds facts. */
struct payment_move {
	enum payment_state from, to;
	int status;
	const char *transaction, *reason;
	bool dead, checked;
};
ART_MUST_USE enum art_status payment_move(struct store *st, int64_t id, const struct payment_move *m,
					  struct art_err *err);

ART_MUST_USE enum art_status payment_find(struct store *st, int64_t id, struct payment_row *out,
					  struct art_err *err);
/* The open one of a request (not settled, not dead). NOT_FOUND. */
ART_MUST_USE enum art_status payment_find_open(struct store *st, const char *request_sha256,
					       struct payment_row *out, struct art_err *err);
/* The newest settled one of a request. NOT_FOUND. */
ART_MUST_USE enum art_status payment_find_settled(struct store *st, const char *request_sha256,
						  struct payment_row *out, struct art_err *err);
/* Whether a payment to @pay_to on @chain_id ever settled. */
ART_MUST_USE enum art_status payment_payee_known(struct store *st, uint64_t chain_id,
						 const char *pay_to, bool *out, struct art_err *err);

struct payment_query {
	unsigned states;      /* bits 1 << state; 0: all */
	bool unresolved;      /* only those whose end is not certain: not dead, and not settled by the
	                       * chain's own word. Some may have a living owner: see pay_reconcile */
	char match[64];       /* substring of url, payee, transaction */
	int64_t limit;        /* newest so many; 0: all */
};
struct payment_list {
	struct payment_row *rows; /* newest first */
	size_t n;
};
ART_MUST_USE enum art_status payment_query(struct store *st, const struct payment_query *q,
					   struct payment_list *out, struct art_err *err);
void payment_list_destroy(struct payment_list *l);

#endif
