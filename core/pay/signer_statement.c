/*
 * signer_statement.c - statements of a seller: their form, and their digests.
 *
 * Layer: core.
 */
#include "core/pay/signer_statement.h"

#include <string.h>

#define SKEW_S 600 /* our clock against the one that set a statement's time */

/* ---- digests ----------------------------------------------------------------------------------- */

static struct eth_word receipt_hash(const struct signer_statement *s)
{
	struct eip712_struct h;

	eip712_begin(&h, "Receipt(uint256 version,string network,string resourceUrl,string payer,"
			 "uint256 issuedAt,string transaction)");
	eip712_put_u64(&h, 1);
	eip712_put_text(&h, s->receipt.network);
	eip712_put_text(&h, s->receipt.resource_url);
	eip712_put_text(&h, s->receipt.payer);
	eip712_put_u64(&h, (uint64_t)s->receipt.issued_at);
	eip712_put_text(&h, s->receipt.transaction);
	return eip712_end(&h);
}

static struct eth_word offer_hash(const struct signer_statement *s)
{
	struct eip712_struct h;

	eip712_begin(&h, "Offer(uint256 version,string resourceUrl,string scheme,string network,string asset,"
			 "string payTo,string amount,uint256 validUntil)");
	eip712_put_u64(&h, 1);
	eip712_put_text(&h, s->offer.resource_url);
	eip712_put_text(&h, s->offer.scheme);
	eip712_put_text(&h, s->offer.network);
	eip712_put_text(&h, s->offer.asset);
	eip712_put_text(&h, s->offer.pay_to);
	eip712_put_text(&h, s->offer.amount);
	eip712_put_u64(&h, (uint64_t)s->offer.valid_until);
	return eip712_end(&h);
}

static struct eth_word order_hash(const struct signer_statement *s)
{
	struct eip712_struct h;

	eip712_begin(&h, "Order(uint256 version,string experimentId,bytes32 trainHash,string state,string valBpb,"
			 "bytes32 artifactHash,string payer,uint256 finishedAt)");
	eip712_put_u64(&h, 1);
	eip712_put_text(&h, s->order.experiment_id);
	eip712_put_word(&h, &s->order.train_hash);
	eip712_put_text(&h, s->order.state);
	eip712_put_text(&h, s->order.val_bpb);
	eip712_put_word(&h, &s->order.artifact_hash);
	eip712_put_text(&h, s->order.payer);
	eip712_put_u64(&h, (uint64_t)s->order.finished_at);
	return eip712_end(&h);
}

struct eth_word signer_statement_digest(const struct signer_statement *s)
{
	struct eip712_domain domain = { .version = "1", .chain_id = 1 };
	struct eth_word separator, hash = { { 0 } };
	const char *name = "";

	switch (s->kind) {
	case STATEMENT_RECEIPT:
		name = "x402 receipt";
		hash = receipt_hash(s);
		break;
	case STATEMENT_OFFER:
		name = "x402 offer";
		hash = offer_hash(s);
		break;
	case STATEMENT_ORDER:
		name = "artui order";
		hash = order_hash(s);
		break;
	}
	ART_BUG_ON(!name[0]);
	art_copy(domain.name, sizeof(domain.name), name);
	separator = eip712_domain_separator(&domain);
	return eip712_digest(&separator, &hash);
}

/* ---- form -------------------------------------------------------------------------------------- */

static enum art_status wrong(const char *member, struct art_err *err)
{
	return art_fail(err, ART_INVALID, "the signer does not sign that statement: its %s is malformed", member);
}

static bool is_terminated(const char *s, size_t size)
{
	return memchr(s, 0, size);
}

/* Between 1 and @most bytes, all of @set. */
static bool is_of(const char *s, size_t size, size_t most, const char *set)
{
	size_t n = is_terminated(s, size) ? strlen(s) : 0;

	return n && n <= most && strspn(s, set) == n;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool is_network(const char *s, size_t size)
{
	return is_of(s, size, size, LOWER DIGITS ":-");
}

static bool is_address(const char *s, size_t size)
{
	struct eth_address a;

	return is_terminated(s, size) && s[0] == '0' && s[1] == 'x' && eth_address_parse(s, &a, NULL) == ART_OK;
}

static bool is_hash(const char *s, size_t size)
{
	struct eth_word w;

	return is_terminated(s, size) && s[0] == '0' && s[1] == 'x' && eth_word_parse(s, &w);
}

/* A person may be shown it: nothing hidden, no space. */
static bool is_url(const char *s, size_t size)
{
	size_t n = is_terminated(s, size) ? strlen(s) : 0;
	uint32_t cp;
	int step;

	for (size_t i = 0; i < n; i += (size_t)step) {
		step = art_utf8_decode(s + i, n - i, &cp);
		if (!step || cp <= ' ' || art_text_is_hidden(cp))
			return false;
	}
	return n;
}

static bool is_past(int64_t at, int64_t now_s)
{
	return at > 0 && at <= now_s + SKEW_S;
}

static enum art_status check_receipt(const struct signer_statement *s, int64_t now_s, struct art_err *err)
{
	if (!is_network(s->receipt.network, sizeof(s->receipt.network)))
		return wrong("network", err);
	if (!is_url(s->receipt.resource_url, sizeof(s->receipt.resource_url)))
		return wrong("resourceUrl", err);
	if (!is_address(s->receipt.payer, sizeof(s->receipt.payer)))
		return wrong("payer", err);
	if (!is_past(s->receipt.issued_at, now_s))
		return wrong("issuedAt", err);
	if (s->receipt.transaction[0] && !is_hash(s->receipt.transaction, sizeof(s->receipt.transaction)))
		return wrong("transaction", err);
	return ART_OK;
}

static enum art_status check_offer(const struct signer_statement *s, int64_t now_s, struct art_err *err)
{
	struct u256 amount;

	if (!is_url(s->offer.resource_url, sizeof(s->offer.resource_url)))
		return wrong("resourceUrl", err);
	if (!is_of(s->offer.scheme, sizeof(s->offer.scheme), sizeof(s->offer.scheme), LOWER DIGITS "-"))
		return wrong("scheme", err);
	if (!is_network(s->offer.network, sizeof(s->offer.network)))
		return wrong("network", err);
	if (!is_address(s->offer.asset, sizeof(s->offer.asset)))
		return wrong("asset", err);
	if (!is_address(s->offer.pay_to, sizeof(s->offer.pay_to)))
		return wrong("payTo", err);
	if (!is_terminated(s->offer.amount, sizeof(s->offer.amount)) || !u256_parse(s->offer.amount, &amount))
		return wrong("amount", err);
	if (s->offer.valid_until <= now_s || s->offer.valid_until - now_s > STATEMENT_OFFER_MAX_S)
		return wrong("validUntil", err);
	return ART_OK;
}

static enum art_status check_order(const struct signer_statement *s, int64_t now_s, struct art_err *err)
{
	double bpb;

	if (!is_of(s->order.experiment_id, sizeof(s->order.experiment_id), 64,
		   LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "-_"))
		return wrong("experimentId", err);
	if (!is_of(s->order.state, sizeof(s->order.state), sizeof(s->order.state), LOWER "_"))
		return wrong("state", err);
	if (!is_terminated(s->order.val_bpb, sizeof(s->order.val_bpb)) ||
	    (s->order.val_bpb[0] && (!art_parse_f64(s->order.val_bpb, &bpb) || bpb < 0)))
		return wrong("valBpb", err);
	if (s->order.payer[0] && !is_address(s->order.payer, sizeof(s->order.payer)))
		return wrong("payer", err);
	if (!is_past(s->order.finished_at, now_s))
		return wrong("finishedAt", err);
	return ART_OK;
}

enum art_status signer_statement_check(const struct signer_statement *s, int64_t now_s, struct art_err *err)
{
	switch (s->kind) {
	case STATEMENT_RECEIPT:
		return check_receipt(s, now_s, err);
	case STATEMENT_OFFER:
		return check_offer(s, now_s, err);
	case STATEMENT_ORDER:
		return check_order(s, now_s, err);
	}
	return art_fail(err, ART_INVALID, "the signer does not know that kind of statement");
}
