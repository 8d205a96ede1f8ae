/*
 * chains.h - the chains and their USDC that this program knows: the only table money moves by.
 *
 * Layer: core. Built in: Base, Base Sepolia, Ethereum, Sepolia; a [chain.NAME] section of the
 * configuration changes or adds one. Threads: any after chains_load; only read.
 * The EIP-712 name of USDC differs by chain ("USDC" or "USD Coin"): a wrong one makes a signature
 * worthless, so a challenge must agree with this table. Source: Circle's contracts, x402's asset table.
 */
#ifndef CORE_CHAIN_CHAINS_H
#define CORE_CHAIN_CHAINS_H

#include "core/chain/eip712.h"
#include "core/chain/hex.h"
#include "core/config.h"

#define CHAIN_NAME_MAX 32
#define CHAINS_MAX 16

struct chain {
	char name[CHAIN_NAME_MAX];  /* "base-sepolia": also x402 v1's network */
	char caip2[32];             /* "eip155:84532" */
	uint64_t id;
	char rpc[512];              /* JSON-RPC endpoint; "" none */
	struct eth_address usdc;    /* zero: the chain has none here */
	char usdc_name[64];         /* EIP-712 domain */
	char usdc_version[16];
	struct eth_address identity; /* ERC-8004 registry; zero: none known */
	uint64_t identity_block;    /* its first block */
	bool is_testnet;
	bool may_pay;               /* named by pay.chains */
};
struct chains {
	struct chain list[CHAINS_MAX];
	int n;
};
/* INVALID names the key of the configuration that is wrong. */
ART_MUST_USE enum art_status chains_load(struct chains *out, const struct config *c,
					 struct art_err *err);
const struct chain *chains_by_id(const struct chains *c, uint64_t id);      /* or NULL */
/* "base", "eip155:8453" or "8453", in any case. Or NULL. */
const struct chain *chains_by_network(const struct chains *c, const char *network);
/* The domain its USDC is signed under. */
struct eip712_domain chain_usdc_domain(const struct chain *c);

#endif
