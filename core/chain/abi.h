/*
 * abi.h - contract calls: arguments in, results out. Source: Solidity contract ABI specification.
 *
 * Layer: core. Threads: any; values. Reading treats every byte as hostile: offsets and lengths are
 * checked against what is there, padding of addresses and booleans must be zero.
 */
#ifndef CORE_CHAIN_ABI_H
#define CORE_CHAIN_ABI_H

#include "core/chain/hex.h"
#include "core/chain/u256.h"

#define ABI_ARGS_MAX 16

/*
 * Arguments of one call in order: heads of 32 bytes, tails behind them. abi_call_end returns the
 * whole calldata (selector, heads, tails) in @out and frees the rest.
 */
struct abi_call {
	uint8_t selector[4];
	bool bare; /* no selector: arguments alone */
	struct {
		uint8_t head[32];
		char *tail; /* NULL: static */
		size_t tail_len;
	} args[ABI_ARGS_MAX];
	int n;
};
void abi_call_begin(struct abi_call *c, const char *signature); /* "transfer(address,uint256)"; NULL: bare */
void abi_put_u256(struct abi_call *c, const struct u256 *v);
void abi_put_u64(struct abi_call *c, uint64_t v);
void abi_put_i64(struct abi_call *c, int64_t v); /* two's complement, for intN */
void abi_put_address(struct abi_call *c, const struct eth_address *a);
void abi_put_word(struct abi_call *c, const struct eth_word *w); /* bytes32 */
void abi_put_bool(struct abi_call *c, bool v);
void abi_put_bytes(struct abi_call *c, const void *p, size_t n); /* bytes and string */
struct abi_pair {
	const char *text;
	const void *bytes;
	size_t len;
};
void abi_put_pairs(struct abi_call *c, const struct abi_pair *pairs, size_t n); /* (string,bytes)[] */
ART_MUST_USE enum art_status abi_call_end(struct abi_call *c, struct art_buf *out,
					  struct art_err *err);
/* First four bytes of keccak256(signature). */
void abi_selector(const char *signature, uint8_t out[4]);

/* Results: @at counts heads from 0. False when the data cannot be that. */
ART_MUST_USE bool abi_get_u256(const uint8_t *p, size_t n, int at, struct u256 *out);
ART_MUST_USE bool abi_get_u64(const uint8_t *p, size_t n, int at, uint64_t *out);
ART_MUST_USE bool abi_get_bool(const uint8_t *p, size_t n, int at, bool *out);
ART_MUST_USE bool abi_get_address(const uint8_t *p, size_t n, int at, struct eth_address *out);
ART_MUST_USE bool abi_get_word(const uint8_t *p, size_t n, int at, struct eth_word *out);
/* bytes or string: borrowed from @p. */
ART_MUST_USE bool abi_get_bytes(const uint8_t *p, size_t n, int at, const uint8_t **out, size_t *len);

#endif
