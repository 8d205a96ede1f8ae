/*
 * gate.h - the seller's side of x402, versions 2 and 1: challenge, verify, settle, release; signed receipts.
 *
 * Layer: worker/serve. Threads: a struct gate is shared; every call takes the caller's own store. Calls may wait for the network (verify up to
 * 10 s, settle up to 90 s) and so belong on worker threads. Sources: x402 specification v2 and v1, the reference packages' behaviour, the
 * offer-and-receipt and payment-identifier extensions.
 *
 * Order of a sale: match the payment with an offer byte for byte, check it here (signature, payee, amount, window, own table), lock its nonce in
 * the store, ask whether it is good (facilitator's /verify, or balance and authorizationState over JSON-RPC), and only then work. What the
 * client sends as internal headers is neither read nor passed on.
 */
#ifndef WORKER_SERVE_GATE_H
#define WORKER_SERVE_GATE_H

#include "core/chain/chains.h"
#include "core/chain/keys.h"
#include "core/net/http.h"
#include "core/pay/signer.h"
#include "core/pay/x402.h"
#include "store/sales.h"

enum gate_settle { GATE_SETTLE_AFTER, GATE_SETTLE_UPFRONT };

struct gate_options {
	struct http *http;               /* all borrowed */
	const struct chains *chains;
	const struct keys *keys;
	const struct chain *chain;       /* sold on */
	struct eth_address pay_to;
	const char *facilitator;         /* base URL; NULL: self. https, or loopback */
	struct signer *signer;           /* self: settles with this key; receipts are signed with it. NULL: no receipts */
	struct eth_address signer_address;
	int64_t margin_s;                /* beyond a work's own time that an authorization must last; 0: 60 */
};
struct gate;
/* INVALID: a facilitator over plain http beyond this machine, self without a key or without the chain's JSON-RPC. Asks nobody. */
ART_MUST_USE enum art_status gate_open(struct gate **out, const struct gate_options *opt,
				       struct art_err *err);
void gate_close(struct gate *g); /* NULL is fine */
/* Whether it can do its work now: REFUSED when the facilitator does not support the chain (/supported) or the node serves another one; NET
 * when nobody answers (a seller may go on: requests are answered 503 meanwhile). */
ART_MUST_USE enum art_status gate_check(struct gate *g, struct art_err *err);

/* One thing for sale. */
struct gate_item {
	const char *name;                /* "experiment" */
	struct usdc price;               /* zero: free, and no gate */
	const char *description, *mime_type, *method;
	int64_t work_s;                  /* longest time from payment to its end, queue included: becomes maxTimeoutSeconds with the margin */
	enum gate_settle settle;
};
/*
 * The 402 answer: header PAYMENT-REQUIRED (base64 of the v2 challenge) and a body that v1 clients read (accepts with maxAmountRequired,
 * x402Version 1, error). @error: "Payment required", or why the payment sent was refused. @url: the resource as the client named it.
 */
ART_MUST_USE enum art_status gate_challenge(const struct gate *g, const struct gate_item *item,
					    const char *url, const char *error,
					    struct art_buf *header, struct art_buf *body,
					    struct art_err *err);

/* Members of an open JSON object that name chain, token and payee, as obol's catalogue does: payTo, network, caip2Network, chainId, asset{}. */
struct json_out;
void gate_put_offer(const struct gate *g, struct json_out *o);

/* What came of a payment header. */
enum gate_outcome {
	GATE_TAKEN,       /* locked and verified: @sale; work, then gate_settle or gate_release */
	GATE_REPEATED,    /* the same payment for the same request is known: @sale tells its state and order */
	GATE_NO_PAYMENT,  /* none, or not readable: answer the challenge */
	GATE_REFUSED,     /* answer the challenge with @error */
	GATE_BAD,         /* not base64 or JSON: 400 */
	GATE_CONFLICT,    /* the nonce or the payment identifier is in use for another request: 409 */
	GATE_UNAVAILABLE, /* nobody to verify with now: 503, nothing is locked */
};
struct gate_taken {
	enum gate_outcome outcome;
	struct sale_row sale;
	char error[X402_REASON_MAX];
};
/* @header: value of PAYMENT-SIGNATURE or of X-PAYMENT, NULL when neither came. Envelopes of both versions are taken from both, as obol's gate
 * does, and so is the bare JSON that obol's coordinator sends ({"signature","authorization","chain"}).
 * @request_sha256: what is asked for, so that the same payment sent again for the same thing is REPEATED. */
ART_MUST_USE enum art_status gate_take(struct gate *g, struct store *st,
				       const struct gate_item *item, const char *url,
				       const char *header, const char *request_sha256,
				       struct gate_taken *out, struct art_err *err);
/* Is the buyer still good for it: window and funds, before a long run. REFUSED says what is gone. NET: cannot be asked. */
ART_MUST_USE enum art_status gate_recheck(struct gate *g, struct store *st, int64_t sale_id,
					  int64_t needed_s, struct art_err *err);
/*
 * Take the money: SETTLING is stored before it is asked. Ends SETTLED or UNPAID, or stays SETTLING when nobody could say (NET): gate_recover and
 * later calls go on with it. Called for one that is settled already it is OK. One settlement at a time per key when self.
 */
ART_MUST_USE enum art_status gate_settle(struct gate *g, struct store *st, int64_t sale_id,
					 struct sale_row *out, struct art_err *err);
/* Whether a thread is at it now: gate_settle would wait for that one. */
bool gate_is_settling(struct gate *g, int64_t sale_id);
/* Charge nothing, for good. CONFLICT when it is settled or being settled. */
ART_MUST_USE enum art_status gate_release(struct gate *g, struct store *st, int64_t sale_id,
					  const char *why, struct art_err *err);
/* PAYMENT-RESPONSE / X-PAYMENT-RESPONSE (base64) for a sale, success or failure; the receipt of @receipt_json (gate_receipt's; may be NULL)
 * joins it as the extension has it. */
ART_MUST_USE enum art_status gate_response_header(const struct gate *g, const struct sale_row *sale,
						  const char *receipt_json, struct art_buf *out,
						  struct art_err *err);
/*
 * After a start, of one item's sales (others may have a living seller): SETTLING ones are looked up on the chain or asked again; LOCKED ones are released; VERIFIED ones without an order are
 * released, those with an order wait for it (the caller's).
 */
ART_MUST_USE enum art_status gate_recover(struct gate *g, struct store *st, const char *item,
					   struct art_err *err);

/*
 * What the seller signs of one ended order, JSON {"signer","receipt","order"}: the offer-and-receipt extension's Receipt for a settled sale
 * (@sale may be NULL), and our own statement of the outcome (core/pay/signer_statement.h), for a failed one too. UNSUPPORTED without a signer.
 */
ART_MUST_USE enum art_status gate_receipt(struct gate *g, const struct order_row *order,
					  const struct sale_row *sale, const char *resource,
					  struct art_buf *out, struct art_err *err);

#endif
