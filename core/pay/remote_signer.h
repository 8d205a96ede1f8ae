/*
 * remote_signer.h - a key behind HTTP: the remote signer API of obol-stack (web3signer style).
 *
 * Layer: core. Threads: any. It has no policy of its own: every signature is first approved and counted
 * by our own signer process (signer.h, is_remote), and what comes back must recover to the address
 * over the digest computed here. The token is read from a 0600 file, sent as Bearer, never logged.
 * Calls: GET /api/v1/keys, POST /api/v1/sign/{address}/typed-data, POST .../transaction.
 */
#ifndef CORE_PAY_REMOTE_SIGNER_H
#define CORE_PAY_REMOTE_SIGNER_H

#include "core/chain/eip712.h"
#include "core/chain/tx.h"
#include "core/net/http.h"

struct remote_signer {
	struct http *http;        /* borrowed */
	const char *url;          /* borrowed; http only on loopback */
	const char *token;        /* borrowed; "" none */
	const struct keys *keys;  /* borrowed; for checking */
	const bool *cancel;
};
/* Its first @max addresses. {"keys":[..]} or a bare array. */
ART_MUST_USE enum art_status remote_signer_keys(const struct remote_signer *r,
						struct eth_address *out, int max, int *n,
						struct art_err *err);
/* CORRUPT when the signature is not @a->from's. */
ART_MUST_USE enum art_status remote_signer_authorize(const struct remote_signer *r,
						     const struct eip712_domain *domain,
						     const struct eip3009 *a,
						     struct eth_signature *sig, struct art_err *err);
ART_MUST_USE enum art_status remote_signer_transact(const struct remote_signer *r,
						    const struct eth_address *from,
						    const struct tx *t, struct art_buf *raw,
						    struct art_err *err);

#endif
