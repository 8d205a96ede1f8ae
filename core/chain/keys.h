/*
 * keys.h - secp256k1: the key, its address, signatures and whom they are from. libsecp256k1 stays
 * inside keys.c. Sources: SEC 2, RFC 6979 (deterministic nonces), EIP-2 (low s).
 *
 * Layer: core. Threads: any after keys_open; a struct keys is only read. A signature is 65 bytes
 * r, s, v with v 27 or 28 and s in the lower half.
 */
#ifndef CORE_CHAIN_KEYS_H
#define CORE_CHAIN_KEYS_H

#include "core/chain/hex.h"

struct eth_signature {
	uint8_t b[65];
};
struct eth_key { /* secret: lives in locked memory, wiped after use */
	uint8_t b[32];
};

struct keys; /* a randomised context */
/* Owns: *out, free with keys_close. */
ART_MUST_USE enum art_status keys_open(struct keys **out, struct art_err *err);
void keys_close(struct keys *k);

/* INVALID for zero or a number not below the group's order. */
ART_MUST_USE enum art_status keys_address(const struct keys *k, const struct eth_key *key,
					  struct eth_address *out, struct art_err *err);
ART_MUST_USE enum art_status keys_sign(const struct keys *k, const struct eth_key *key,
				       const struct eth_word *digest, struct eth_signature *out,
				       struct art_err *err);
/* Who signed @digest. INVALID for a high s, v other than 27, 28 (0 and 1 are refused), r or s out of
 * range, or no point. */
ART_MUST_USE enum art_status keys_recover(const struct keys *k, const struct eth_word *digest,
					  const struct eth_signature *sig, struct eth_address *out,
					  struct art_err *err);
/* From the system's generator. IO when it fails. */
ART_MUST_USE enum art_status keys_random(void *p, size_t n, struct art_err *err);
/* Overwrite a secret; the compiler may not drop it. */
void keys_wipe(void *p, size_t n);

#endif
