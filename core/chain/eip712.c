/*
 * eip712.c - digests of typed data.
 *
 * Layer: core.
 */
#include "core/chain/eip712.h"

#include <stdio.h>
#include <string.h>

#include "core/chain/keccak.h"

static const char authorization_members[] =
	"(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)";

void eip712_begin(struct eip712_struct *s, const char *type)
{
	struct eth_word h = keccak256(type, strlen(type));

	s->n = 0;
	eip712_put_word(s, &h);
}

static uint8_t *next_word(struct eip712_struct *s)
{
	ART_BUG_ON(s->n >= (int)ART_COUNT(s->words));
	memset(s->words[s->n], 0, 32);
	return s->words[s->n++];
}

void eip712_put_u256(struct eip712_struct *s, const struct u256 *v)
{
	memcpy(next_word(s), v->be, 32);
}

void eip712_put_u64(struct eip712_struct *s, uint64_t v)
{
	struct u256 wide = u256_from_u64(v);

	eip712_put_u256(s, &wide);
}

void eip712_put_address(struct eip712_struct *s, const struct eth_address *a)
{
	memcpy(next_word(s) + 12, a->b, 20);
}

void eip712_put_word(struct eip712_struct *s, const struct eth_word *w)
{
	memcpy(next_word(s), w->b, 32);
}

void eip712_put_text(struct eip712_struct *s, const char *text)
{
	struct eth_word h = keccak256(text, strlen(text));

	eip712_put_word(s, &h);
}

struct eth_word eip712_end(const struct eip712_struct *s)
{
	return keccak256(s->words, (size_t)s->n * 32);
}

struct eth_word eip712_domain_separator(const struct eip712_domain *d)
{
	struct eip712_struct s;

	eip712_begin(&s, d->has_contract
				 ? "EIP712Domain(string name,string version,uint256 chainId,"
				   "address verifyingContract)"
				 : "EIP712Domain(string name,string version,uint256 chainId)");
	eip712_put_text(&s, d->name);
	eip712_put_text(&s, d->version);
	eip712_put_u64(&s, d->chain_id);
	if (d->has_contract)
		eip712_put_address(&s, &d->contract);
	return eip712_end(&s);
}

struct eth_word eip712_digest(const struct eth_word *separator, const struct eth_word *struct_hash)
{
	struct keccak k;

	keccak_begin(&k);
	keccak_add(&k, "\x19\x01", 2);
	keccak_add(&k, separator->b, 32);
	keccak_add(&k, struct_hash->b, 32);
	return keccak_end(&k);
}

struct eth_word eip3009_hash(enum eip3009_kind kind, const struct eip3009 *a)
{
	struct eip712_struct s;
	char type[160];

	snprintf(type, sizeof(type), "%s%s",
		 kind == EIP3009_TRANSFER ? "TransferWithAuthorization" : "ReceiveWithAuthorization",
		 authorization_members);
	eip712_begin(&s, type);
	eip712_put_address(&s, &a->from);
	eip712_put_address(&s, &a->to);
	eip712_put_u256(&s, &a->value);
	eip712_put_u256(&s, &a->valid_after);
	eip712_put_u256(&s, &a->valid_before);
	eip712_put_word(&s, &a->nonce);
	return eip712_end(&s);
}

struct eth_word eip3009_cancel_hash(const struct eth_address *authorizer, const struct eth_word *nonce)
{
	struct eip712_struct s;

	eip712_begin(&s, "CancelAuthorization(address authorizer,bytes32 nonce)");
	eip712_put_address(&s, authorizer);
	eip712_put_word(&s, nonce);
	return eip712_end(&s);
}

struct eth_word personal_digest(const void *message, size_t n)
{
	char head[64];
	struct keccak k;

	snprintf(head, sizeof(head), "\x19" "Ethereum Signed Message:\n%zu", n);
	keccak_begin(&k);
	keccak_add(&k, head, strlen(head));
	keccak_add(&k, message, n);
	return keccak_end(&k);
}
