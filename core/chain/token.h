/*
 * token.h - reading an ERC-20 with EIP-3009 (USDC): balances, and the fate of an authorization.
 *
 * Layer: core. Threads: any. Sources: ERC-20, EIP-3009.
 */
#ifndef CORE_CHAIN_TOKEN_H
#define CORE_CHAIN_TOKEN_H

#include "core/chain/eip712.h"
#include "core/chain/keys.h"
#include "core/chain/rpc.h"

/* NOT_FOUND when there is no contract at @token. */
ART_MUST_USE enum art_status token_balance(const struct rpc *r, const struct eth_address *token,
					   const struct eth_address *who, struct u256 *out,
					   struct art_err *err);
ART_MUST_USE enum art_status token_domain_separator(const struct rpc *r,
						    const struct eth_address *token,
						    struct eth_word *out, struct art_err *err);
/* True: used or cancelled. */
ART_MUST_USE enum art_status token_authorization_state(const struct rpc *r,
						       const struct eth_address *token,
						       const struct eth_address *from,
						       const struct eth_word *nonce, bool *used,
						       struct art_err *err);

/* What the chain says about one authorization at one block. */
enum token_fate {
	TOKEN_UNUSED,    /* not used; may still be, while block time < valid_before */
	TOKEN_SETTLED,   /* moved: @tx and @value are known */
	TOKEN_CANCELLED, /* the payer cancelled it: @tx */
	TOKEN_USED,      /* used or cancelled, but the log was not found in the range asked */
};
struct token_evidence {
	enum token_fate fate;
	struct eth_word tx;      /* zero: not known */
	struct u256 value;       /* of the Transfer log in the same transaction */
	struct eth_address to;
	int64_t block_time;      /* timestamp of the block the state was read at */
};
/*
 * Reads authorizationState, and when it is used the AuthorizationUsed / AuthorizationCanceled log
 * since @since (seconds; about block times, the range is widened and halved as the node allows) and
 * the Transfer beside it.
 */
ART_MUST_USE enum art_status token_authorization_fate(const struct rpc *r,
						      const struct eth_address *token,
						      const struct eth_address *from,
						      const struct eth_word *nonce, int64_t since,
						      struct token_evidence *out,
						      struct art_err *err);
/* Calldata of transferWithAuthorization, v/r/s form for 65-byte signatures. */
ART_MUST_USE enum art_status token_settle_calldata(const struct eip3009 *a,
						   const struct eth_signature *sig,
						   struct art_buf *out, struct art_err *err);

#endif
