/*
 * signer_judge.c - what the signer's own policy allows: pure functions over what it was asked.
 *
 * Layer: core.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/chain/abi.h"
#include "core/pay/signer_private.h"

static bool same_domain(const struct eip712_domain *a, const struct eip712_domain *b)
{
	return a->chain_id == b->chain_id && a->has_contract && b->has_contract &&
	       eth_address_equal(&a->contract, &b->contract) && !strcmp(a->name, b->name) &&
	       !strcmp(a->version, b->version);
}

static enum art_status judge_domain(const struct signer_policy *p, const struct eip712_domain *d,
				    struct art_err *err)
{
	char text[ETH_ADDRESS_TEXT];

	for (int i = 0; i < p->n_tokens; i++)
		if (same_domain(&p->tokens[i].domain, d))
			return ART_OK;
	return art_fail(err, ART_REFUSED, "the signer does not sign for the token %s on chain %" PRIu64,
			eth_address_text(&d->contract, text), d->chain_id);
}

static enum art_status judge_payee(const struct signer_policy *p, const struct eip712_domain *d,
				   const struct eth_address *to, struct art_err *err)
{
	char text[ETH_ADDRESS_TEXT];

	if (eth_address_is_zero(to) || eth_address_equal(to, &d->contract))
		return art_fail(err, ART_REFUSED, "the signer does not pay %s", eth_address_text(to, text));
	for (int i = 0; i < p->n_payees; i++)
		if (eth_address_equal(&p->payees[i], to))
			return ART_OK;
	if (!p->n_payees)
		return ART_OK;
	return art_fail(err, ART_REFUSED, "the signer does not pay %s: it is not one of pay.payees",
			eth_address_text(to, text));
}

static enum art_status judge_window(const struct signer_policy *p, const struct eip3009 *a,
				    int64_t now_s, struct art_err *err)
{
	uint64_t after, before;

	if (!u256_to_u64(&a->valid_after, &after) || !u256_to_u64(&a->valid_before, &before) ||
	    before > INT64_MAX || after >= before)
		return art_fail(err, ART_INVALID, "the authorization's window is malformed");
	if ((int64_t)before <= now_s)
		return art_fail(err, ART_INVALID, "the authorization would be expired already");
	if ((int64_t)before - now_s > p->max_window_s)
		return art_fail(err, ART_INVALID, "the authorization would stay valid for %" PRId64
				" s; the signer signs at most %" PRId64 " (pay.max_window_s)",
				(int64_t)before - now_s, p->max_window_s);
	return ART_OK;
}

enum art_status signer_judge_authorization(const struct signer_policy *p,
					   const struct eth_address *who,
					   const struct eip712_domain *domain, const struct eip3009 *a,
					   int64_t now_s, struct usdc *value, struct art_err *err)
{
	uint64_t micro;
	enum art_status s = judge_domain(p, domain, err);

	s = s ? s : judge_payee(p, domain, &a->to, err);
	s = s ? s : judge_window(p, a, now_s, err);
	if (s != ART_OK)
		return s;
	if (!eth_address_equal(&a->from, who))
		return art_fail(err, ART_REFUSED, "the authorization is not of this signer's wallet");
	if (!u256_to_u64(&a->value, &micro) || !micro || micro > INT64_MAX ||
	    !usdc_from_micro((int64_t)micro, value))
		return art_fail(err, ART_INVALID, "the authorization's value is zero or beyond all bounds");
	return ART_OK;
}

static enum art_status judge_cap(struct usdc cap, struct usdc signed_so_far, struct usdc value,
				 const char *what, struct art_err *err)
{
	char c[MONEY_TEXT], v[MONEY_TEXT], d[MONEY_TEXT];
	struct usdc after;

	if (usdc_add(signed_so_far, value, &after) && usdc_cmp(after, cap) <= 0)
		return ART_OK;
	return art_fail(err, ART_LIMIT, "over the signer's own cap %s: %s of %s USDC are signed already, %s "
			"more are asked for", what, usdc_text(signed_so_far, d), usdc_text(cap, c),
			usdc_text(value, v));
}

enum art_status signer_judge_caps(const struct signer_policy *p, const struct signer_counts *c,
				  struct usdc value, struct art_err *err)
{
	enum art_status s = judge_cap(p->cap_payment, usdc_zero(), value, "for one payment", err);

	s = s ? s : judge_cap(p->cap_hour, c->hour, value, "for an hour", err);
	s = s ? s : judge_cap(p->cap_day, c->day, value, "for 24 hours", err);
	return s ? s : judge_cap(p->cap_total, c->total, value, "for all payments", err);
}

/* ---- transactions ------------------------------------------------------------------------------ */

static const char *const token_calls[] = {
	"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
	"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)",
	"cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)",
};
static const char *const registry_calls[] = {
	"register()",
	"register(string)",
	"register(string,(string,bytes)[])",
	"setAgentURI(uint256,string)",
	"setMetadata(uint256,string,bytes)",
	"setAgentWallet(uint256,address,uint256,bytes)",
	"giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)",
	"revokeFeedback(uint256,uint64)",
};
/* ERC-8004, identity and reputation, on main networks and on test networks. */
static const char *const registries[] = {
	"0x8004A169FB4a3325136EB29fA0ceB6D2e539a432",
	"0x8004BAa17C55a88189AE136b182e5fdA19dE9b63",
	"0x8004A818BFB912233c491871b3d84c89A494BD9e",
	"0x8004B663056A597Dffe9eCcC1965A193B7388713",
};

static bool calls_one_of(const struct tx *t, const char *const *names, size_t n)
{
	uint8_t selector[4];

	for (size_t i = 0; i < n; i++) {
		abi_selector(names[i], selector);
		if (t->data_len >= 4 && !memcmp(t->data, selector, 4))
			return true;
	}
	return false;
}

static bool is_registry(const struct eth_address *to)
{
	struct eth_address known;

	for (size_t i = 0; i < ART_COUNT(registries); i++)
		if (eth_address_parse(registries[i], &known, NULL) == ART_OK &&
		    eth_address_equal(&known, to))
			return true;
	return false;
}

static bool chain_known(const struct signer_policy *p, uint64_t id)
{
	for (int i = 0; i < p->n_tokens; i++)
		if (p->tokens[i].domain.chain_id == id)
			return true;
	return false;
}

static bool is_token(const struct signer_policy *p, const struct tx *t)
{
	for (int i = 0; i < p->n_tokens; i++)
		if (p->tokens[i].domain.chain_id == t->chain_id &&
		    eth_address_equal(&p->tokens[i].domain.contract, &t->to))
			return true;
	return false;
}

static enum art_status judge_fee(const struct signer_policy *p, const struct tx *t, struct art_err *err)
{
	uint64_t per_gas, tip;

	if (!u256_to_u64(&t->max_fee, &per_gas) || !u256_to_u64(&t->max_priority_fee, &tip) ||
	    tip > per_gas)
		return art_fail(err, ART_INVALID, "the transaction's fee per gas is malformed");
	if (!p->max_fee_wei)
		return art_fail(err, ART_REFUSED, "the signer signs no transactions (pay.max_fee_gwei is 0)");
	if ((unsigned __int128)per_gas * t->gas > p->max_fee_wei)
		return art_fail(err, ART_LIMIT, "the transaction's fee could be more than %" PRIu64
				" gwei (pay.max_fee_gwei)", p->max_fee_wei / 1000000000);
	return ART_OK;
}

enum art_status signer_judge_transaction(const struct signer_policy *p, const struct tx *t,
					 struct art_err *err)
{
	static const struct u256 zero;

	if (!chain_known(p, t->chain_id))
		return art_fail(err, ART_REFUSED, "the signer does not sign for chain %" PRIu64, t->chain_id);
	if (t->creates || u256_cmp(&t->value, &zero) != 0)
		return art_fail(err, ART_REFUSED, "the signer signs no transaction that %s",
				t->creates ? "makes a contract" : "moves the chain's own coin");
	if (!(is_token(p, t) && calls_one_of(t, token_calls, ART_COUNT(token_calls))) &&
	    !(is_registry(&t->to) && calls_one_of(t, registry_calls, ART_COUNT(registry_calls))))
		return art_fail(err, ART_REFUSED, "the signer does not know what this transaction would do");
	return judge_fee(p, t, err);
}
