/*
 * tx.h - EIP-1559 transactions (type 2): building, the digest to sign, the raw form, reading one.
 *
 * Layer: core. Threads: any. Sources: EIP-1559, EIP-2718, EIP-2930 (access lists).
 */
#ifndef CORE_CHAIN_TX_H
#define CORE_CHAIN_TX_H

#include "core/chain/hex.h"
#include "core/chain/keys.h"
#include "core/chain/u256.h"

#define TX_DATA_MAX (64u << 10)
#define TX_ACCESS_MAX 16
#define TX_ACCESS_KEYS_MAX 16

struct tx_access {
	struct eth_address address;
	struct eth_word keys[TX_ACCESS_KEYS_MAX];
	int n_keys;
};
struct tx {
	uint64_t chain_id, nonce, gas;
	struct u256 max_priority_fee, max_fee; /* wei per gas */
	struct u256 value;                     /* wei */
	struct eth_address to;
	bool creates;                          /* no @to: makes a contract */
	const uint8_t *data;                   /* borrowed */
	size_t data_len;
	const struct tx_access *access;        /* borrowed; NULL: none */
	int n_access;
};
/* keccak256(0x02, rlp[...]). LIMIT over TX_DATA_MAX. */
ART_MUST_USE enum art_status tx_digest(const struct tx *t, struct eth_word *out, struct art_err *err);
/* The signed raw transaction into @out, and its hash. */
ART_MUST_USE enum art_status tx_raw(const struct tx *t, const struct eth_signature *sig,
				    struct art_buf *out, struct eth_word *hash, struct art_err *err);
/* Strict reading of a raw signed type-2 transaction. @t borrows from @p; access lists are checked and
 * go into @access (room for TX_ACCESS_MAX). INVALID in words. */
ART_MUST_USE enum art_status tx_parse(const uint8_t *p, size_t n, struct tx *t,
				      struct tx_access *access, struct eth_signature *sig,
				      struct art_err *err);

#endif
