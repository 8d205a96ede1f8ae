/*
 * rpc.h - Ethereum JSON-RPC over the HTTP engine: the reads and the one write that we need.
 *
 * Layer: core. Threads: any; a struct rpc is only read after rpc_init, each call is its own.
 * A node is believed only for the chain it was asked for: rpc_check compares eth_chainId once.
 * Source: the Ethereum execution API specification. Reverts: code 3, data = ABI-encoded reason.
 */
#ifndef CORE_CHAIN_RPC_H
#define CORE_CHAIN_RPC_H

#include "core/chain/chains.h"
#include "core/net/http.h"
#include "store/json.h"

struct rpc {
	struct http *http;         /* borrowed */
	const struct chain *chain; /* borrowed; chain->rpc must not be "" */
	int64_t deadline_ms;       /* of one call; 0: 15 s */
	const bool *cancel;        /* may be NULL */
};

/* What the node answered instead of a result. */
struct rpc_error {
	int64_t code;          /* 0: the trouble was below JSON-RPC */
	char message[256];     /* cleaned */
	uint8_t data[512];     /* revert data, clipped */
	size_t data_len;
	char reason[200];      /* Error(string) of the revert data, or "" */
};

/*
 * One call; @params is a JSON array text. Owns: *result (json_free); @re may be NULL. Errors: NET,
 * REFUSED when the node answers an error (@re filled, err has its message), INVALID for an answer that
 * is no JSON-RPC, LIMIT, CANCELLED. A NUL in an error's message is survived.
 * Reads are tried up to three times; rpc_send_raw once.
 */
ART_MUST_USE enum art_status rpc_call(const struct rpc *r, const char *method, const char *params,
				      struct json **result, struct rpc_error *re, struct art_err *err);
/* CONFLICT when the node serves another chain. */
ART_MUST_USE enum art_status rpc_check(const struct rpc *r, struct art_err *err);

/* eth_call on the latest block. @out: at most @max bytes. An address without code gives n = 0. */
ART_MUST_USE enum art_status rpc_eth_call(const struct rpc *r, const struct eth_address *to,
					  const struct art_buf *calldata, uint8_t *out, size_t max,
					  size_t *n, struct rpc_error *re, struct art_err *err);
struct rpc_block {
	uint64_t number;
	int64_t timestamp; /* seconds */
};
/* @tag: "latest", "safe", "finalized". NOT_FOUND when the node has no such block. */
ART_MUST_USE enum art_status rpc_block(const struct rpc *r, const char *tag, struct rpc_block *out,
				       struct art_err *err);
ART_MUST_USE enum art_status rpc_eth_balance(const struct rpc *r, const struct eth_address *who,
					     struct u256 *out, struct art_err *err);

/* Logs. At most @max rows are kept; more is LIMIT. */
struct rpc_log {
	uint64_t block, index; /* @index: place among the block's logs */
	struct eth_word tx, topics[4];
	int n_topics;
	struct eth_address address;
	struct art_buf data;
	bool cut; /* its data are over 272 KiB and left out */
};
struct rpc_logs {
	struct rpc_log *rows;
	size_t n, cap;
};
/* Blocks @from to @to, both included. @address NULL: any; @topics: NULL entries match anything. What
 * comes back has been compared with what was asked (INVALID). REFUSED: range too wide, the caller
 * halves it. Owns: rows, free with rpc_logs_destroy; none on failure. */
ART_MUST_USE enum art_status rpc_get_logs(const struct rpc *r, const struct eth_address *address,
					  const struct eth_word *const topics[4], uint64_t from,
					  uint64_t to, size_t max, struct rpc_logs *out,
					  struct art_err *err);
void rpc_logs_destroy(struct rpc_logs *l);

/* Transactions of our own. */
ART_MUST_USE enum art_status rpc_account_nonce(const struct rpc *r, const struct eth_address *who,
					       bool pending, uint64_t *out, struct art_err *err);
ART_MUST_USE enum art_status rpc_estimate_gas(const struct rpc *r, const struct eth_address *from,
					      const struct eth_address *to,
					      const struct art_buf *calldata, uint64_t *out,
					      struct rpc_error *re, struct art_err *err);
/* Suggested tip and base fee of the next block, wei. */
ART_MUST_USE enum art_status rpc_fees(const struct rpc *r, struct u256 *base_fee, struct u256 *tip,
				      struct art_err *err);
/* @hash is that of @raw, computed here and filled in every case: after NET the transaction may have
 * been taken, and rpc_receipt tells. A node that has it already is OK. */
ART_MUST_USE enum art_status rpc_send_raw(const struct rpc *r, const struct art_buf *raw,
					  struct eth_word *hash, struct rpc_error *re,
					  struct art_err *err);
struct rpc_receipt {
	bool ok;         /* status 1 */
	uint64_t block, gas_used;
};
/* NOT_FOUND while it is not mined. */
ART_MUST_USE enum art_status rpc_receipt(const struct rpc *r, const struct eth_word *tx,
					 struct rpc_receipt *out, struct art_err *err);

/* Read a JSON string or number as a quantity. */
ART_MUST_USE bool rpc_quantity(const struct json *j, uint64_t *out);

#endif
