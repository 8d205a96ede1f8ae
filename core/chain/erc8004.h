/*
 * erc8004.h - the identity registry of ERC-8004: its logs, its reads, the calldata of its writes.
 *
 * Layer: core. Threads: any. Source: erc-8004-contracts (spec of 2026-08, contracts "2.0.0"): ids from 0; URIUpdated
 * has three arguments; getAgentWallet is the minter until set, zero after a transfer.
 */
#ifndef CORE_CHAIN_ERC8004_H
#define CORE_CHAIN_ERC8004_H

#include "core/chain/abi.h"
#include "core/chain/rpc.h"

#define ERC8004_URI_MAX (256u << 10) /* a data: URI may be large; more is refused */
#define ERC8004_KEY_MAX 64
#define ERC8004_VALUE_MAX 1024
#define ERC8004_META_MAX 16

enum erc8004_kind { ERC8004_REGISTERED, ERC8004_URI_UPDATED, ERC8004_METADATA_SET };
struct erc8004_event {
	enum erc8004_kind kind;
	struct u256 agent;
	struct eth_address who;  /* REGISTERED: the owner; URI_UPDATED: who did it */
	uint64_t block, index;   /* @index: place among the block's logs */
	/* REGISTERED, URI_UPDATED: owned; "" is allowed. UTF-8 without NUL, but as the stranger wrote it. */
	char *uri;
	char key[ERC8004_KEY_MAX]; /* METADATA_SET: UTF-8 without NUL, as the stranger wrote it */
	uint8_t value[ERC8004_VALUE_MAX]; /* longer ones are clipped */
	size_t value_len;
};
/* INVALID for a log that is none of the three, or malformed: nothing owned then. */
ART_MUST_USE enum art_status erc8004_event_read(const struct rpc_log *log, struct erc8004_event *out,
						struct art_err *err);
void erc8004_event_destroy(struct erc8004_event *e);

struct erc8004_events {
	struct erc8004_event *rows; /* in the chain's order */
	size_t n;
	size_t bad;                 /* logs of the registry that could not be read */
};
void erc8004_events_destroy(struct erc8004_events *l);
/*
 * All events of blocks *from to @to, as far as the node lets us: the range is halved whenever the node refuses it or
 * answers too many, grown again after success, never below one block. What a node suggests is not followed. A block
 * that is refused alone is read kind by kind; a kind of it that still cannot be had, while its registrations can,
 * counts as one of @bad: nobody stops the walk by filling a block.
 *
 * @to: a block that every node behind the endpoint has ("safe", or some blocks old): a node that is behind answers
 * no logs, not an error. *from is moved behind the last block that was read whole and taken by @each, so that the
 * caller may keep it as a cursor even after a failure. @each gets every part as it comes, empty ones too, with the
 * block after it; a failure it answers ends the walk. *span: the range to try first, 0: 2000; on return the one to
 * try first next time.
 *
 * Errors: REFUSED or LIMIT with a single block; BUSY when the node says that it was asked too often; those of rpc_call.
 */
typedef enum art_status (*erc8004_part_fn)(void *arg, const struct erc8004_events *part,
					   uint64_t next, struct art_err *err);
ART_MUST_USE enum art_status erc8004_walk(const struct rpc *r, const struct eth_address *registry,
					  uint64_t *from, uint64_t to, uint64_t *span,
					  erc8004_part_fn each, void *arg, struct art_err *err);

/* Reads. NOT_FOUND: no such agent (ERC721NonexistentToken), or no contract. Owns: *uri, "" when unset; its bytes are
 * as those of an event's. LIMIT: over ERC8004_URI_MAX. */
ART_MUST_USE enum art_status erc8004_uri(const struct rpc *r, const struct eth_address *registry,
					 const struct u256 *agent, char **uri, struct art_err *err);
ART_MUST_USE enum art_status erc8004_owner(const struct rpc *r, const struct eth_address *registry,
					   const struct u256 *agent, struct eth_address *out,
					   struct art_err *err);
/* Zero: unset, or (the contract does not tell) no such agent. */
ART_MUST_USE enum art_status erc8004_wallet(const struct rpc *r, const struct eth_address *registry,
					    const struct u256 *agent, struct eth_address *out,
					    struct art_err *err);

/* Writes: calldata for a transaction of the owner's, appended to @calldata. INVALID, LIMIT: say what is wrong with
 * which argument; @calldata may have been changed. */
struct erc8004_metadata {
	char key[ERC8004_KEY_MAX]; /* not "agentWallet": reserved */
	const void *value;
	size_t value_len;
};
/* @uri NULL and no metadata: register(). At most ERC8004_META_MAX entries. */
ART_MUST_USE enum art_status erc8004_register(const char *uri, const struct erc8004_metadata *meta,
					      size_t n, struct art_buf *calldata, struct art_err *err);
ART_MUST_USE enum art_status erc8004_set_uri(const struct u256 *agent, const char *uri,
					     struct art_buf *calldata, struct art_err *err);
ART_MUST_USE enum art_status erc8004_set_metadata(const struct u256 *agent,
						  const struct erc8004_metadata *m,
						  struct art_buf *calldata, struct art_err *err);
/* The agent's id from the Registered log of a mined register(); NOT_FOUND when it has none. */
ART_MUST_USE enum art_status erc8004_registered_id(const struct rpc *r,
						   const struct eth_address *registry,
						   const struct eth_word *tx, uint64_t block,
						   struct u256 *out, struct art_err *err);

#endif
