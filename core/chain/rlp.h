/*
 * rlp.h - recursive length prefix: writing and strict reading. Source: Ethereum yellow paper, app. B.
 *
 * Layer: core. Threads: any. Reading refuses what is not canonical: long forms of short lengths, a
 * single byte below 0x80 with a prefix, integers with leading zeros, trailing bytes.
 */
#ifndef CORE_CHAIN_RLP_H
#define CORE_CHAIN_RLP_H

#include "core/chain/u256.h"

/* Append one item. LIMIT when the buffer is full. */
ART_MUST_USE enum art_status rlp_put_bytes(struct art_buf *b, const void *p, size_t n);
ART_MUST_USE enum art_status rlp_put_u256(struct art_buf *b, const struct u256 *v); /* minimal bytes */
ART_MUST_USE enum art_status rlp_put_u64(struct art_buf *b, uint64_t v);
/* Append a list whose items, already encoded, are @p. */
ART_MUST_USE enum art_status rlp_put_list(struct art_buf *b, const void *p, size_t n);

/* A cursor over encoded items. */
struct rlp {
	const uint8_t *p;
	size_t left;
};
ART_MUST_USE bool rlp_get_list(struct rlp *r, struct rlp *items); /* enters the next item, a list */
ART_MUST_USE bool rlp_get_bytes(struct rlp *r, const uint8_t **p, size_t *n); /* borrowed */
ART_MUST_USE bool rlp_get_u256(struct rlp *r, struct u256 *out);
ART_MUST_USE bool rlp_get_u64(struct rlp *r, uint64_t *out);
bool rlp_done(const struct rlp *r);

#endif
