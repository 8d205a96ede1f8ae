/*
 * pay.h - asking for a resource and paying for it, at most once; and finding out what became of it.
 *
 * Layer: core. Threads: a struct pay is used by one thread at a time. Steps and their order are fixed:
 * ask, read the challenge, judge (policy), reserve, sign, store, mark sent, send, judge the answer by
 * receipt or by the chain. An open payment for the same request is never signed anew: its own bytes are
 * sent again, or its fate is read. One process works on a payment at a time (a lock on a byte of
 * payments.lock, released by the kernel at any death).
 */
#ifndef CORE_PAY_PAY_H
#define CORE_PAY_PAY_H

#include "core/chain/chains.h"
#include "core/chain/keys.h"
#include "core/net/http.h"
#include "core/pay/policy.h"
#include "core/pay/signer.h"
#include "store/payments.h"

struct pay {
	struct http *http;            /* all borrowed */
	struct store *store;
	const struct chains *chains;
	const struct policy *policy;
	struct signer *signer;        /* NULL: no wallet; quotes only */
	const struct remote_signer *remote; /* NULL: the key is the signer's own */
	const struct keys *keys;
	const char *lock_path;        /* payments.lock beside the database; byte N is request N's */
	const char *state_dir;        /* of the frozen flag */
	const bool *cancel;           /* may be NULL */
};

struct pay_call {
	const char *method, *url;
	const char *const *headers;
	int n_headers;
	const void *body;
	size_t body_len;
	size_t max_body;              /* of the answer; 0: 16 MiB */
	int64_t deadline_ms;          /* of one request; 0: 120 s, and after paying the seller's window */
	/* The caller's own name for the request: paid for once, ever. NULL: method, url and body, and then
	 * it may be bought again once it is settled. */
	const char *key;
	int64_t run_id;               /* 0: none */
	int64_t night_since_us;       /* 0: the last 24 hours */
	bool have_max;
	struct usdc max;
	bool dry_run;
	/* Sees policy_preview's text before anything is signed, asked or not; may be NULL. */
	void (*preview)(void *arg, const char *text);
	/* Answers an ASK, after the preview; NULL: nobody is there, so not now. */
	bool (*ask)(void *arg, const char *why);
	/* Progress in one line, or NULL: "resuming payment 7". */
	void (*say)(void *arg, const char *line);
	void *arg;
};

struct pay_result {
	struct http_response answer;  /* the last one, owned */
	bool quoted;                  /* terms below are valid */
	int x402_version;
	struct x402_terms terms;
	bool offered;                 /* a challenge was read; offer is its chosen or first entry: */
	struct x402_accept offer;     /*   the seller's own words, also when the terms were refused */
	bool paying;                  /* a ledger row exists: */
	struct payment_row payment;
	bool refused_by_policy;       /* by policy, caps, signer or "not now": nothing was sent */
	bool no_wallet;               /* ... because there is no signer; the rest would have passed */
	bool asked;                   /* policy would ask (dry run), or asked */
	char words[256];              /* what happened, when it was not a plain success */
};
void pay_result_init(struct pay_result *r);
void pay_result_destroy(struct pay_result *r);
/*
 * OK when an answer came (any status, see result) or policy said no (refused_by_policy). Failures: NET
 * and the like before anything was signed; after that the row tells, and the result is filled too.
 */
ART_MUST_USE enum art_status pay_fetch(const struct pay *p, const struct pay_call *call,
				       struct pay_result *out, struct art_err *err);

/*
 * Settle every doubt that can be settled: rows never sent are closed, rows sent are looked up on the
 * chain, expired and unused ones end as expired. @each (may be NULL) sees every row looked at, after.
 * Counts rows still open into *open. A chain that cannot be asked leaves its rows as they are.
 */
ART_MUST_USE enum art_status pay_reconcile(const struct pay *p,
					   void (*each)(void *arg, const struct payment_row *row,
							const char *words),
					   void *arg, int *open, struct art_err *err);

#endif
