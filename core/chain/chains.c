/*
 * chains.c - the table of chains, and what the configuration changes in it.
 *
 * Layer: core. A built-in chain keeps its id: its name is what x402 v1 calls the network, so another id
 * under that name would sign for a chain the seller did not mean.
 */
#include "core/chain/chains.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/net/http.h"

#define CHAIN_ID_MAX ((int64_t)1 << 53) /* ids travel as JSON numbers: exact below this */

static const struct {
	const char *name;
	uint64_t id;
	const char *rpc, *usdc, *usdc_name;
	bool is_testnet;
	uint64_t identity_block;
} built_in[] = {
	{ "base", 8453, "https://mainnet.base.org", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
	  "USD Coin", false, 41663799 },
	{ "base-sepolia", 84532, "https://sepolia.base.org",
	  "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC", true, 37174254 },
	{ "ethereum", 1, "https://ethereum-rpc.publicnode.com",
	  "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin", false, 24339924 },
	{ "sepolia", 11155111, "https://ethereum-sepolia-rpc.publicnode.com",
	  "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238", "USDC", true, 9980000 },
};
/* The identity registries of ERC-8004: one address on all main networks, one on all test networks. */
static const char identity_main[] = "0x8004A169FB4a3325136EB29fA0ceB6D2e539a432";
static const char identity_test[] = "0x8004A818BFB912233c491871b3d84c89A494BD9e";
#define USDC_VERSION "2" /* Circle's FiatTokenV2 and later, on every chain */

static void set_id(struct chain *ch, uint64_t id)
{
	ch->id = id;
	snprintf(ch->caip2, sizeof(ch->caip2), "eip155:%llu", (unsigned long long)id);
}

static void load_built_in(struct chains *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ART_COUNT(built_in); i++) {
		struct chain *ch = &out->list[out->n++];

		ART_BUG_ON(!art_copy(ch->name, sizeof(ch->name), built_in[i].name));
		ART_BUG_ON(!art_copy(ch->rpc, sizeof(ch->rpc), built_in[i].rpc));
		ART_BUG_ON(!art_copy(ch->usdc_name, sizeof(ch->usdc_name), built_in[i].usdc_name));
		ART_BUG_ON(!art_copy(ch->usdc_version, sizeof(ch->usdc_version), USDC_VERSION));
		ART_BUG_ON(eth_address_parse(built_in[i].usdc, &ch->usdc, NULL) != ART_OK);
		set_id(ch, built_in[i].id);
		ch->is_testnet = built_in[i].is_testnet;
		ART_BUG_ON(eth_address_parse(ch->is_testnet ? identity_test : identity_main, &ch->identity,
					     NULL) != ART_OK);
		ch->identity_block = built_in[i].identity_block;
	}
}

static struct chain *find_name(struct chains *c, const char *name, size_t n)
{
	for (int i = 0; i < c->n; i++)
		if (strlen(c->list[i].name) == n && !strncasecmp(c->list[i].name, name, n))
			return &c->list[i];
	return NULL;
}

/* ---- sections of the configuration --------------------------------------------------------------- */

/* One value being read: where it stands, for words. */
struct setting {
	const struct config *c;
	int section;
	const char *origin, *text;
	enum config_chain_field field;
	struct art_err *err;
};

static bool is_set(struct setting *s, enum config_chain_field f)
{
	s->field = f;
	s->origin = "";
	s->text = config_chain(s->c, s->section, f, &s->origin);
	return s->text != NULL;
}

static enum art_status bad(const struct setting *s, const char *what)
{
	return art_fail(s->err, ART_INVALID, "%.80s: chain.%s.%s %s", s->origin,
			config_chain_name(s->c, s->section), config_chain_field_name(s->field), what);
}

static enum art_status read_id(struct setting *s, int64_t *id)
{
	if (s->text[0] < '1' || s->text[0] > '9' || !art_parse_i64(s->text, id) ||
	    *id >= CHAIN_ID_MAX)
		return bad(s, "must be a chain id, a number like 8453");
	return ART_OK;
}

static enum art_status read_rpc(struct setting *s, struct chain *ch)
{
	struct art_err why = { 0 };
	struct http_url url;
	char text[160];

	if (s->text[0] && http_url_parse(s->text, &url, &why) != ART_OK) {
		snprintf(text, sizeof(text), "must be an http or https address: %.110s", why.text);
		return bad(s, text);
	}
	return art_copy(ch->rpc, sizeof(ch->rpc), s->text) ? ART_OK : bad(s, "is too long");
}

/* Empty: the chain has none. */
static enum art_status read_address(struct setting *s, struct eth_address *out)
{
	struct art_err why = { 0 };
	char text[200];

	if (!s->text[0]) {
		memset(out, 0, sizeof(*out));
		return ART_OK;
	}
	if (eth_address_parse(s->text, out, &why) == ART_OK)
		return ART_OK;
	snprintf(text, sizeof(text), "is no address: %.150s", why.text);
	return bad(s, text);
}

/* A text of the EIP-712 domain: shown to people before they pay, so only what a screen shows as it is. */
static enum art_status read_domain_text(struct setting *s, char *out, size_t size)
{
	char clean[256];
	size_t n = strlen(s->text);

	if (!n || n >= size)
		return bad(s, n ? "is too long" : "must not be empty");
	art_text_clean(clean, sizeof(clean), s->text, n, false);
	if (strcmp(clean, s->text) != 0)
		return bad(s, "has characters that do not print");
	return art_copy(out, size, s->text) ? ART_OK : bad(s, "is too long");
}

/* What a built-in chain's money is worth is a fact, not a setting. */
static enum art_status read_testnet(struct setting *s, struct chain *ch, bool is_built_in)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	for (size_t i = 0; i < ART_COUNT(yes); i++) {
		bool is_yes = !strcasecmp(s->text, yes[i]);

		if (!is_yes && strcasecmp(s->text, no[i]) != 0)
			continue;
		if (is_built_in && is_yes != ch->is_testnet)
			return bad(s, ch->is_testnet ? "is true and cannot be changed"
						     : "is false and cannot be changed");
		ch->is_testnet = is_yes;
		return ART_OK;
	}
	return bad(s, "must be true or false");
}

/* The chain of a section: a known one whose id is left alone, or a new one at the end of the table. */
static enum art_status open_section(struct chains *out, struct setting *s, struct chain **at)
{
	const char *name = config_chain_name(s->c, s->section);
	bool has_id = is_set(s, CONFIG_CHAIN_ID);
	const struct chain *other;
	enum art_status st;
	int64_t id = 0;
	char text[96];

	st = has_id ? read_id(s, &id) : ART_OK;
	if (st != ART_OK)
		return st;
	*at = find_name(out, name, strlen(name));
	if (*at && has_id && (uint64_t)id != (*at)->id) {
		snprintf(text, sizeof(text), "is %llu and cannot be changed; a new chain needs another name",
			 (unsigned long long)(*at)->id);
		return bad(s, text);
	}
	if (*at)
		return ART_OK;
	if (!has_id)
		return art_fail(s->err, ART_INVALID,
				"chain.%s.id must be set: %s is not one of the built-in chains", name, name);
	if (!name[strspn(name, "0123456789")])
		return bad(s, "belongs to a chain whose name is a number; a name needs a letter");
	other = chains_by_id(out, (uint64_t)id);
	if (other) {
		snprintf(text, sizeof(text), "is already the chain %s", other->name);
		return bad(s, text);
	}
	if (out->n == CHAINS_MAX)
		return art_fail(s->err, ART_INVALID, "chain.%s.id: more than %d chains", name, CHAINS_MAX);
	*at = &out->list[out->n++];
	if (!art_copy((*at)->name, sizeof((*at)->name), name))
		return bad(s, "belongs to a chain whose name is too long");
	ART_BUG_ON(!art_copy((*at)->usdc_version, sizeof((*at)->usdc_version), USDC_VERSION));
	set_id(*at, (uint64_t)id);
	return ART_OK;
}

static enum art_status read_block(struct setting *s, uint64_t *out)
{
	int64_t v;

	if (!art_parse_i64(s->text, &v) || v < 0)
		return bad(s, "must be a block number");
	*out = (uint64_t)v;
	return ART_OK;
}

static enum art_status load_section(struct chains *out, struct setting *s)
{
	struct chain *ch = NULL;
	enum art_status st = open_section(out, s, &ch);

	if (st == ART_OK && is_set(s, CONFIG_CHAIN_RPC))
		st = read_rpc(s, ch);
	if (st == ART_OK && is_set(s, CONFIG_CHAIN_USDC))
		st = read_address(s, &ch->usdc);
	if (st == ART_OK && is_set(s, CONFIG_CHAIN_USDC_NAME))
		st = read_domain_text(s, ch->usdc_name, sizeof(ch->usdc_name));
	if (st == ART_OK && is_set(s, CONFIG_CHAIN_USDC_VERSION))
		st = read_domain_text(s, ch->usdc_version, sizeof(ch->usdc_version));
	if (st == ART_OK && is_set(s, CONFIG_CHAIN_TESTNET))
		st = read_testnet(s, ch, ch < out->list + ART_COUNT(built_in));
	if (st == ART_OK && is_set(s, CONFIG_CHAIN_IDENTITY))
		st = read_address(s, &ch->identity);
	if (st == ART_OK && is_set(s, CONFIG_CHAIN_IDENTITY_BLOCK))
		st = read_block(s, &ch->identity_block);
	/* A guessed name would make every signature worthless without anybody being told. */
	if (st == ART_OK && !eth_address_is_zero(&ch->usdc) && !ch->usdc_name[0])
		return art_fail(s->err, ART_INVALID,
				"chain.%s.usdc_name must be set beside chain.%s.usdc: USDC or USD Coin",
				ch->name, ch->name);
	return st;
}

/* pay.chains: names separated by white space or commas. */
static enum art_status load_may_pay(struct chains *out, const struct config *c, struct art_err *err)
{
	const char *p = config_text(c, CONFIG_PAY_CHAINS_KEY);
	static const char gap[] = " \t,";

	for (p += strspn(p, gap); *p; p += strspn(p, gap)) {
		size_t n = strcspn(p, gap);
		struct chain *ch = find_name(out, p, n);
		char clean[CHAIN_NAME_MAX + 1];

		if (!ch) {
			art_text_clean(clean, sizeof(clean), p, n, false);
			return art_fail(err, ART_INVALID, "%.100s: pay.chains names an unknown chain \"%s\"",
					config_origin(c, CONFIG_PAY_CHAINS_KEY), clean);
		}
		ch->may_pay = true;
		p += n;
	}
	return ART_OK;
}

/* ---- the table ----------------------------------------------------------------------------------- */

enum art_status chains_load(struct chains *out, const struct config *c, struct art_err *err)
{
	load_built_in(out);
	for (int i = 0; i < config_chain_count(c); i++) {
		struct setting s = { .c = c, .section = i, .err = err };
		enum art_status st = load_section(out, &s);

		if (st != ART_OK)
			return st;
	}
	return load_may_pay(out, c, err);
}

const struct chain *chains_by_id(const struct chains *c, uint64_t id)
{
	for (int i = 0; i < c->n; i++)
		if (c->list[i].id == id)
			return &c->list[i];
	return NULL;
}

const struct chain *chains_by_network(const struct chains *c, const char *network)
{
	char id[32];

	if (!network)
		return NULL;
	for (int i = 0; i < c->n; i++) {
		snprintf(id, sizeof(id), "%llu", (unsigned long long)c->list[i].id);
		if (!strcasecmp(network, c->list[i].name) || !strcasecmp(network, c->list[i].caip2) ||
		    !strcmp(network, id))
			return &c->list[i];
	}
	return NULL;
}

struct eip712_domain chain_usdc_domain(const struct chain *c)
{
	struct eip712_domain d = { .chain_id = c->id, .contract = c->usdc, .has_contract = true };

	ART_BUG_ON(!art_copy(d.name, sizeof(d.name), c->usdc_name));
	ART_BUG_ON(!art_copy(d.version, sizeof(d.version), c->usdc_version));
	return d;
}
