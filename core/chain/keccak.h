/*
 * keccak.h - Keccak-256 as Ethereum uses it (the original padding 0x01, not SHA3-256's 0x06).
 * Source: the Keccak reference, version 3. Layer: core. Threads: any; values.
 */
#ifndef CORE_CHAIN_KECCAK_H
#define CORE_CHAIN_KECCAK_H

#include "core/chain/hex.h"

struct keccak {
	uint64_t state[25];
	size_t at; /* bytes absorbed of the present block of 136 */
};
void keccak_begin(struct keccak *k);
void keccak_add(struct keccak *k, const void *p, size_t n);
struct eth_word keccak_end(struct keccak *k); /* wipes @k */
struct eth_word keccak256(const void *p, size_t n);

#endif
