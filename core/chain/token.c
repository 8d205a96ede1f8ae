/*
 * token.c - reading an ERC-20 with EIP-3009, and the calldata that settles an authorization.
 *
 * Layer: core. token_fate.c has the search for what became of an authorization.
 */
#include "core/chain/token_private.h"

#include <string.h>

#include "core/chain/abi.h"

#define CALLDATA_MAX 1024

/*
 * A view of the token with one word as its result. A token answers exactly one word: anything else is
 * another contract than we think.
 */
static enum art_status view(const struct rpc *r, const struct eth_address *token, struct abi_call *c,
			    uint64_t block, const char *what, uint8_t word[32], struct rpc_error *re,
			    struct art_err *err)
{
	char text[ETH_ADDRESS_TEXT];
	struct art_buf calldata;
	enum art_status st;
	uint8_t got[64];
	size_t n = 0;

	art_buf_init(&calldata, CALLDATA_MAX);
	st = abi_call_end(c, &calldata, err);
	if (st == ART_OK)
		st = rpc_eth_call_at(r, token, &calldata, block, got, sizeof(got), &n, re, err);
	art_buf_destroy(&calldata);
	if (st != ART_OK)
		return st;
	if (!n)
		return art_fail(err, ART_NOT_FOUND, "%s: there is no token at %s", r->chain->name,
				eth_address_text(token, text));
	if (n != 32)
		return art_fail(err, ART_INVALID, "%s: %s of %s answers %zu bytes, not 32", r->chain->name,
				what, eth_address_text(token, text), n);
	memcpy(word, got, 32);
	return ART_OK;
}

enum art_status token_balance(const struct rpc *r, const struct eth_address *token,
			      const struct eth_address *who, struct u256 *out, struct art_err *err)
{
	struct abi_call c;
	uint8_t word[32];
	enum art_status st;

	memset(out, 0, sizeof(*out));
	abi_call_begin(&c, "balanceOf(address)");
	abi_put_address(&c, who);
	st = view(r, token, &c, RPC_LATEST, "balanceOf", word, NULL, err);
	if (st == ART_OK && !abi_get_u256(word, sizeof(word), 0, out))
		return art_fail(err, ART_INVALID, "%s: balanceOf answers no number", r->chain->name);
	return st;
}

enum art_status token_domain_separator(const struct rpc *r, const struct eth_address *token,
				       struct eth_word *out, struct art_err *err)
{
	struct abi_call c;

	memset(out, 0, sizeof(*out));
	abi_call_begin(&c, "DOMAIN_SEPARATOR()");
	return view(r, token, &c, RPC_LATEST, "DOMAIN_SEPARATOR", out->b, NULL, err);
}

enum art_status token_state_at(const struct rpc *r, const struct eth_address *token,
			       const struct eth_address *from, const struct eth_word *nonce,
			       uint64_t block, bool *used, struct rpc_error *re, struct art_err *err)
{
	struct abi_call c;
	uint8_t word[32];
	enum art_status st;

	/* Until it is known otherwise, nothing may be signed in its place. */
	*used = true;
	abi_call_begin(&c, "authorizationState(address,bytes32)");
	abi_put_address(&c, from);
	abi_put_word(&c, nonce);
	st = view(r, token, &c, block, "authorizationState", word, re, err);
	if (st == ART_OK && !abi_get_bool(word, sizeof(word), 0, used)) {
		*used = true;
		return art_fail(err, ART_INVALID, "%s: authorizationState answers neither true nor false",
				r->chain->name);
	}
	return st;
}

enum art_status token_authorization_state(const struct rpc *r, const struct eth_address *token,
					  const struct eth_address *from, const struct eth_word *nonce,
					  bool *used, struct art_err *err)
{
	return token_state_at(r, token, from, nonce, RPC_LATEST, used, NULL, err);
}

enum art_status token_settle_calldata(const struct eip3009 *a, const struct eth_signature *sig,
				      struct art_buf *out, struct art_err *err)
{
	struct abi_call c;
	struct eth_word r, s;

	memcpy(r.b, sig->b, 32);
	memcpy(s.b, sig->b + 32, 32);
	abi_call_begin(&c, "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,"
			   "uint8,bytes32,bytes32)");
	abi_put_address(&c, &a->from);
	abi_put_address(&c, &a->to);
	abi_put_u256(&c, &a->value);
	abi_put_u256(&c, &a->valid_after);
	abi_put_u256(&c, &a->valid_before);
	abi_put_word(&c, &a->nonce);
	abi_put_u64(&c, sig->b[64]);
	abi_put_word(&c, &r);
	abi_put_word(&c, &s);
	return abi_call_end(&c, out, err);
}
