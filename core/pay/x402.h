/*
 * x402.h - the wire of x402, versions 2 and 1, scheme "exact" on EVM over EIP-3009: reading challenges
 * and receipts, writing payments. Pure functions over bytes: no network, clock or store.
 *
 * Layer: core. Threads: any; values. Sources: x402 specification v2 and v1, and what the reference
 * packages (@x402/core 2.27, x402 1.2) and obol's gate were seen to send.
 */
#ifndef CORE_PAY_X402_H
#define CORE_PAY_X402_H

#include "core/chain/chains.h"
#include "core/chain/eip712.h"
#include "core/chain/keys.h"
#include "store/money.h"

#define X402_ACCEPTS_MAX 32
#define X402_HEADER_MAX (64u << 10)  /* a header value, base64 */
#define X402_BODY_MAX (256u << 10)   /* a 402's body that is looked at */
#define X402_REASON_MAX 200

/*
 * One way to pay, as the seller offers it; the JSON is kept verbatim beside it. A text that had to be
 * cleaned or cut begins with '?', so that it equals nothing it is compared with.
 */
struct x402_accept {
	char scheme[32], network[64], amount[U256_TEXT + 1]; /* maxAmountRequired (v1) is amount too */
	char asset[64], pay_to[64];
	char name[64], version[16];        /* extra.name, extra.version; "" absent. extra.eip712Domain is read too */
	char flow[32];                     /* extra.paymentFlow; "" absent */
	char method[32];                   /* extra.assetTransferMethod; "" absent: eip3009 */
	int64_t max_timeout_s;             /* -1 absent; -2 no whole number, or below zero */
	size_t raw_at, raw_len;            /* of this entry's JSON in challenge.text */
};
struct x402_challenge {
	int version;                       /* 2 or 1 */
	char error[X402_REASON_MAX];       /* the seller's words, cleaned; "" none */
	char resource[2048];               /* url it names; "" none */
	char description[256];
	struct x402_accept accepts[X402_ACCEPTS_MAX];
	int n;                             /* entries that were objects; the rest is skipped */
	bool identifier;                   /* offers the payment-identifier extension */
	bool identifier_required;
	struct art_buf text;               /* the JSON read, owned */
	size_t resource_at, resource_len;  /* slice of text; len 0: absent */
	size_t extensions_at, extensions_len;
};
/*
 * Read a 402's challenge: header PAYMENT-REQUIRED (v2, base64) first, else a body with x402Version 1 or
 * 2 and accepts[]. @header may be NULL. Owns: out->text; x402_challenge_destroy always.
 * NOT_FOUND: no x402 challenge there (for example only WWW-Authenticate of another scheme).
 * INVALID: one, but malformed; says what. UNSUPPORTED: another version.
 */
ART_MUST_USE enum art_status x402_challenge_read(struct x402_challenge *out, const char *header,
						 const char *body, size_t body_len,
						 struct art_err *err);
void x402_challenge_destroy(struct x402_challenge *c);

/* An entry that was understood and agrees with our table of chains. */
struct x402_terms {
	int index;                /* in accepts */
	const struct chain *chain;
	struct usdc amount;
	struct eth_address asset, pay_to;
	int64_t max_timeout_s;    /* 3600 when absent or 0 */
	bool upfront;             /* pays before the work is done */
};
/*
 * Check one entry, strictly: scheme exact; network of @chains (CAIP-2 or v1 name); asset its USDC, name
 * and version those of the table (absent in v1: the table's); EIP-3009; amount a positive decimal
 * integer that fits; payee a proper address, not zero and not the token; a window of 1 s to
 * @max_window_s; paymentFlow absent, "authorization" or "upfront". REFUSED with the first thing wrong.
 */
ART_MUST_USE enum art_status x402_check(const struct x402_challenge *c, int index,
					const struct chains *chains, int64_t max_window_s,
					struct x402_terms *out, struct art_err *err);
/*
 * Choose: among entries that pass x402_check and whose chain may_pay, those without upfront before
 * those with, then the cheapest, then the first. REFUSED names why each was refused (clipped).
 */
ART_MUST_USE enum art_status x402_choose(const struct x402_challenge *c, const struct chains *chains,
					 int64_t max_window_s, struct x402_terms *out,
					 struct art_err *err);
/* Whether @c still offers exactly the terms of @t (same payee, amount, asset, network, window). */
bool x402_same_terms(const struct x402_challenge *c, const struct x402_challenge *of,
		     const struct x402_terms *t);

/*
 * The payment header's value: base64 of compact JSON. v2: x402Version, payload, resource as received,
 * accepted verbatim, extensions echoed whole with the payment identifier added when offered. v1:
 * x402Version, scheme, network as received, payload. @payment_id: 16-128 of [A-Za-z0-9_-] or NULL.
 */
ART_MUST_USE enum art_status x402_payment_write(const struct x402_challenge *c,
						const struct x402_terms *t, const struct eip3009 *a,
						const struct eth_signature *sig,
						const char *payment_id, struct art_buf *out,
						struct art_err *err);
/* What a payment header says, strictly read: for the seller's side and for tests. */
struct x402_payment {
	int version;
	char scheme[32], network[64];
	struct eip3009 a;
	struct eth_signature sig;
	char payment_id[129];
	struct art_buf text;               /* decoded JSON, owned */
	size_t accepted_at, accepted_len;  /* v2 */
};
ART_MUST_USE enum art_status x402_payment_read(const char *header, struct x402_payment *out,
					       struct art_err *err);
void x402_payment_destroy(struct x402_payment *p);

/* PAYMENT-RESPONSE or X-PAYMENT-RESPONSE. A malformed one never loses the answer it came with. */
struct x402_receipt {
	bool present, readable, success;
	char transaction[ETH_WORD_TEXT]; /* "" absent or no hash */
	char network[64], payer[ETH_ADDRESS_TEXT];
	char amount[U256_TEXT];          /* "" absent */
	char reason[X402_REASON_MAX];    /* errorReason, cleaned */
};
void x402_receipt_read(const char *header, struct x402_receipt *out);

/* What an answer to a paid request means. The chain has the last word where it can be asked. */
enum x402_meaning {
	X402_SETTLED,  /* a receipt says so */
	X402_REFUSED,  /* the seller says it took nothing, before working: a fresh challenge with a reason */
	X402_DOUBT,    /* anything else: it may have been taken, or be taken until it expires */
};
struct x402_answer {
	int status;                        /* 0: no answer came */
	bool challenge;                    /* a readable challenge came with it */
	const char *challenge_error;       /* its error, NULL none */
	const struct x402_receipt *receipt;
};
/* @reason (may be NULL) gets one sentence. */
enum x402_meaning x402_meaning(const struct x402_answer *a, char reason[X402_REASON_MAX]);

/* Standard base64, padding optional when reading; false for any other character. */
ART_MUST_USE bool base64_decode(const char *s, size_t n, struct art_buf *out);
ART_MUST_USE bool base64_encode(const void *p, size_t n, struct art_buf *out);

#endif
