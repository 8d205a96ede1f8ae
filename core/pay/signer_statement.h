/*
 * signer_statement.h - what a seller states over its signature: receipts and offers of x402, and the outcome of an order.
 *
 * Layer: core. Threads: any; values, pure functions. Statements are EIP-712 of domains that no token can have (chain 1,
 * no contract), so that a signature under one never moves money. The seller's side signs with signer_attest; the
 * buyer's compares signer_statement_digest with keys_recover. Source: the x402 offer-and-receipt extension, version 1;
 * orders are our own.
 */
#ifndef CORE_PAY_SIGNER_STATEMENT_H
#define CORE_PAY_SIGNER_STATEMENT_H

#include "core/chain/eip712.h"

#define STATEMENT_URL_MAX 2048
#define STATEMENT_OFFER_MAX_S (30 * 86400) /* an offer binds its seller for so long at most */

enum signer_statement_kind {
	/* domain "x402 receipt": Receipt(uint256 version,string network,string resourceUrl,string payer,uint256 issuedAt,
	 * string transaction) */
	STATEMENT_RECEIPT,
	/* domain "x402 offer": Offer(uint256 version,string resourceUrl,string scheme,string network,string asset,
	 * string payTo,string amount,uint256 validUntil) */
	STATEMENT_OFFER,
	/* domain "artui order": Order(uint256 version,string experimentId,bytes32 trainHash,string state,string valBpb,
	 * bytes32 artifactHash,string payer,uint256 finishedAt) */
	STATEMENT_ORDER,
};

/* Texts go into the hash byte for byte, as they stand in the JSON beside the signature: addresses too. Version 1. */
struct signer_statement {
	enum signer_statement_kind kind;
	union {
		struct {
			char network[64];                /* "eip155:84532" */
			char resource_url[STATEMENT_URL_MAX];
			char payer[64];                  /* an address */
			int64_t issued_at;               /* seconds, as all times here */
			char transaction[80];            /* a hash, or "" */
		} receipt;
		struct {
			char resource_url[STATEMENT_URL_MAX];
			char scheme[32];                 /* "exact" */
			char network[64], asset[64], pay_to[64];
			char amount[80];                 /* decimal, the token's smallest unit */
			int64_t valid_until;
		} offer;
		struct {
			char experiment_id[72];          /* [a-zA-Z0-9_-]{1,64} */
			struct eth_word train_hash;      /* sha256 of the exact bytes of train.py */
			char state[32];                  /* "completed", "failed": lower-case letters and _ */
			char val_bpb[40];                /* a number as it was told the buyer, or "" */
			struct eth_word artifact_hash;   /* sha256; zero: no artifact */
			char payer[64];                  /* an address, or "": free */
			int64_t finished_at;
		} order;
	};
};
/* What is signed. The texts must be terminated. */
struct eth_word signer_statement_digest(const struct signer_statement *s);
/* Whether a signer whose clock says @now_s signs it. INVALID names the member. Texts need not be terminated. */
ART_MUST_USE enum art_status signer_statement_check(const struct signer_statement *s, int64_t now_s,
						    struct art_err *err);

#endif
