/*
 * token_private.h - what token.c lends token_fate.c. Private to core/chain and tests.
 */
#ifndef CORE_CHAIN_TOKEN_PRIVATE_H
#define CORE_CHAIN_TOKEN_PRIVATE_H

#include "core/chain/rpc_private.h"
#include "core/chain/token.h"

/* authorizationState at @block, or RPC_LATEST. @used is true unless OK says otherwise. */
ART_MUST_USE enum art_status token_state_at(const struct rpc *r, const struct eth_address *token,
					    const struct eth_address *from, const struct eth_word *nonce,
					    uint64_t block, bool *used, struct rpc_error *re,
					    struct art_err *err);

/*
 * The next block to look at when searching the last block at or before @target: strictly between @low
 * and @high, which have the times around it. @turn alternates the two ways of guessing.
 */
uint64_t token_probe_between(const struct rpc_block *low, const struct rpc_block *high, int64_t target,
			     int turn);

#endif
