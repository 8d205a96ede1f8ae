/*
 * eip712.h - what is signed: typed structured data, and personal messages.
 *
 * Layer: core. Threads: any; values. Sources: EIP-712, EIP-3009 (authorizations), EIP-191 (personal
 * messages), the x402 offer-and-receipt extension, ERC-8004 (AgentWalletSet).
 */
#ifndef CORE_CHAIN_EIP712_H
#define CORE_CHAIN_EIP712_H

#include "core/chain/hex.h"
#include "core/chain/u256.h"

struct eip712_domain {
	char name[64];
	char version[16];
	uint64_t chain_id;
	struct eth_address contract;
	bool has_contract; /* the receipts of x402 have none */
};
struct eth_word eip712_domain_separator(const struct eip712_domain *d);
/* keccak256(0x1901, separator, struct hash): the digest that is signed. */
struct eth_word eip712_digest(const struct eth_word *separator, const struct eth_word *struct_hash);

/*
 * The hash of one struct: begin with its type's text ("Offer(uint256 version,...)"), then one put for
 * each member in order. A string or bytes member goes in as the hash of its content.
 */
struct eip712_struct {
	uint8_t words[20][32];
	int n;
};
void eip712_begin(struct eip712_struct *s, const char *type);
void eip712_put_u256(struct eip712_struct *s, const struct u256 *v);
void eip712_put_u64(struct eip712_struct *s, uint64_t v);
void eip712_put_address(struct eip712_struct *s, const struct eth_address *a);
void eip712_put_word(struct eip712_struct *s, const struct eth_word *w);
void eip712_put_text(struct eip712_struct *s, const char *text);
struct eth_word eip712_end(const struct eip712_struct *s);

/* One EIP-3009 authorization: @from lets @value of the token go to @to, once, within the window
 * valid_after < block time < valid_before (both strict; seconds since 1970). */
struct eip3009 {
	struct eth_address from, to;
	struct u256 value, valid_after, valid_before;
	struct eth_word nonce;
};
enum eip3009_kind { EIP3009_TRANSFER, EIP3009_RECEIVE };
struct eth_word eip3009_hash(enum eip3009_kind kind, const struct eip3009 *a); /* struct hash */
struct eth_word eip3009_cancel_hash(const struct eth_address *authorizer, const struct eth_word *nonce);

/* EIP-191 version 0x45. */
struct eth_word personal_digest(const void *message, size_t n);

#endif
