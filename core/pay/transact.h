/*
 * transact.h - a transaction of our own: priced, signed by the signer, sent once, and waited for.
 *
 * Layer: core. Threads: one at a time per wallet (the account's nonce is read, used and given back by nobody else
 * meanwhile): the caller holds a lock of its own. Used for settling as a seller and for the registry.
 */
#ifndef CORE_PAY_TRANSACT_H
#define CORE_PAY_TRANSACT_H

#include "core/chain/rpc.h"
#include "core/pay/remote_signer.h"
#include "core/pay/signer.h"

struct transact {
	const struct rpc *rpc;              /* borrowed */
	struct signer *signer;
	const struct remote_signer *remote; /* NULL: the signer has the key */
	struct eth_address from;
	int64_t wait_ms;                    /* for the receipt; 0: 90 s */
};
struct transact_result {
	bool sent;                          /* it may have reached the node: @hash tells what became of it */
	bool mined, ok;                     /* in a block; with status 1 */
	struct eth_word hash;
	uint64_t block, gas_used;
};
/*
 * Calls @to with @calldata, no value. Gas is estimated (a fifth is added), the fee is twice the base fee plus the tip.
 * Errors: REFUSED when the estimate reverts (with the reason), the node refuses, or the signer does; LIMIT: over the signer's fee
 * ceiling; NET: not sent, or sent and not seen mined within wait_ms (out->sent); CANCELLED. OK also for a mined one that reverted:
 * out->ok.
 */
ART_MUST_USE enum art_status transact_call(const struct transact *t, const struct eth_address *to,
					   const struct art_buf *calldata,
					   struct transact_result *out, struct art_err *err);

#endif
