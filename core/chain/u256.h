/*
 * u256.h - unsigned 256-bit numbers as they travel: big-endian bytes. No arithmetic is needed beyond
 * comparing and converting. Layer: core. Threads: any; values.
 */
#ifndef CORE_CHAIN_U256_H
#define CORE_CHAIN_U256_H

#include "store/base.h"

#define U256_TEXT 80 /* 78 digits and NUL fit */

struct u256 {
	uint8_t be[32];
};

struct u256 u256_from_u64(uint64_t v);
/* False when it does not fit. */
ART_MUST_USE bool u256_to_u64(const struct u256 *a, uint64_t *out);
/* Decimal digits only: no sign, space, exponent; "007" is refused; below 2^256. */
ART_MUST_USE bool u256_parse(const char *s, struct u256 *out);
/* JSON-RPC quantity or data word: 0x and 1..64 digits, leading zeros allowed. */
ART_MUST_USE bool u256_parse_hex(const char *s, struct u256 *out);
const char *u256_text(const struct u256 *a, char buf[U256_TEXT]);     /* decimal; returns @buf */
const char *u256_quantity(const struct u256 *a, char buf[U256_TEXT]); /* "0x0", "0x1a"; returns @buf */
int u256_cmp(const struct u256 *a, const struct u256 *b);

#endif
