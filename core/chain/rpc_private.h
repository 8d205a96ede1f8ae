/*
 * rpc_private.h - what the files of rpc and token share: reading a node's answers, and calls at a block.
 * Private to core/chain, tests and fuzzers.
 *
 * The readers are pure functions over bytes that a hostile node chose. Their errors say what is wrong
 * with the answer; the caller adds whose answer it was.
 */
#ifndef CORE_CHAIN_RPC_PRIVATE_H
#define CORE_CHAIN_RPC_PRIVATE_H

#include "core/chain/rpc.h"

#define RPC_ANSWER_MAX ((size_t)1 << 20)      /* bytes of an answer */
#define RPC_LOGS_ANSWER_MAX ((size_t)8 << 20) /* of one with many logs */
#define RPC_LOG_DATA_MAX ((size_t)272 << 10)  /* bytes of one log's data: the largest URI, and its heads */
#define RPC_LOG_BYTES 2048                    /* room for one log in an answer */
#define RPC_NUMBER_MAX ((uint64_t)1 << 53)    /* block numbers and times of a real chain are below */
#define RPC_LATEST UINT64_MAX                 /* as a block number: the latest */

/*
 * Escaped NULs in strings become the escape of U+FFFD, in place and of the same length: nodes put the raw
 * bytes of a custom error into a message, and the JSON reader refuses NUL.
 */
void rpc_neutralise_nul(char *text, size_t len);

/*
 * The answer to the call @id. @body is changed. Owns: *result on OK. REFUSED: the node answers an error,
 * @re has it. INVALID, LIMIT: no JSON-RPC answer to this call.
 */
ART_MUST_USE enum art_status rpc_read_answer(char *body, size_t len, size_t max, int64_t id,
					     struct json **result, struct rpc_error *re,
					     struct art_err *err);

/* Bytes as "0x..": at most @max (LIMIT). */
ART_MUST_USE enum art_status rpc_read_bytes(const struct json *j, uint8_t *out, size_t max, size_t *n,
					    struct art_err *err);
ART_MUST_USE bool rpc_read_word(const struct json *j, struct eth_word *out);
ART_MUST_USE bool rpc_read_u256(const struct json *j, struct u256 *out); /* a quantity as text */
/* NOT_FOUND for null. */
ART_MUST_USE enum art_status rpc_read_block(const struct json *j, struct rpc_block *out,
					    struct art_err *err);
ART_MUST_USE enum art_status rpc_read_receipt(const struct json *j, const struct eth_word *tx,
					      struct rpc_receipt *out, struct art_err *err);
/* The last base fee of an eth_feeHistory answer: that of the block to come. */
ART_MUST_USE enum art_status rpc_read_base_fee(const struct json *j, struct u256 *out,
					       struct art_err *err);
/* Whether a node's error says that it has this very transaction already. */
bool rpc_says_known(const char *message);

struct rpc_log_filter {
	const struct eth_address *address; /* NULL: any */
	const struct eth_word *topics[4];  /* NULL: any */
	const struct eth_word *kinds;      /* with n_kinds: topics[0] is one of these */
	size_t n_kinds;
	uint64_t from, to;
	size_t max;
};
ART_MUST_USE enum art_status rpc_read_logs(const struct json *j, const struct rpc_log_filter *f,
					   struct rpc_logs *out, struct art_err *err);
/* rpc_get_logs by a filter; @re may be NULL. */
ART_MUST_USE enum art_status rpc_get_logs_by(const struct rpc *r, const struct rpc_log_filter *f,
					     struct rpc_logs *out, struct rpc_error *re,
					     struct art_err *err);

/*
 * How many blocks to ask logs of at once. Nodes differ by a factor of 2000, say so in words of their own, and
 * the range that some suggest is the one they just refused: so their hints are not read, a refusal halves,
 * and success doubles, ever more patiently where doubling was refused. Pure.
 */
struct rpc_range {
	uint64_t size, max;
	unsigned calm, patience; /* successes since the last change of size; how many before the next */
	bool grown;              /* the size has not worked yet */
};
void rpc_range_init(struct rpc_range *g, uint64_t size, uint64_t max); /* 1 <= size <= max */
uint64_t rpc_range_end(const struct rpc_range *g, uint64_t at, uint64_t last);
void rpc_range_taken(struct rpc_range *g, uint64_t blocks); /* @blocks were asked and answered */
/* False when @blocks is 1: there is nothing to halve. */
ART_MUST_USE bool rpc_range_refused(struct rpc_range *g, uint64_t blocks);

/* rpc_eth_call and rpc_block at a number. A node that has no such block: REFUSED or NOT_FOUND. */
ART_MUST_USE enum art_status rpc_eth_call_at(const struct rpc *r, const struct eth_address *to,
					     const struct art_buf *calldata, uint64_t block,
					     uint8_t *out, size_t max, size_t *n, struct rpc_error *re,
					     struct art_err *err);
ART_MUST_USE enum art_status rpc_block_at(const struct rpc *r, uint64_t number, struct rpc_block *out,
					  struct art_err *err);
/* Sleep, in slices that look at r->cancel. CANCELLED. */
ART_MUST_USE enum art_status rpc_pause(const struct rpc *r, int64_t ms, struct art_err *err);

#endif
