/*
 * market_identity.c - asks the registries about single agents: where a document lies, who owns it, who is to be paid.
 *
 * Layer: core. One read is one call to a node, and nodes count calls: so only what matters is asked, what was heard lately is not
 * asked again, and one discovery asks about at most EACH agents of a chain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/erc8004.h"
#include "core/market/source.h"

#define EACH 50

struct identity {
	struct market *m;
	const struct market_ask *ask;
	const struct chain *chain;
	struct rpc rpc;
	bool uris, checked;
	int64_t fresh_since;
	int left;
};

static bool parse_key(const struct identity *q, const struct agent_key *key, struct u256 *agent)
{
	struct eth_address registry;

	return key->chain_id == q->chain->id && eth_address_parse(key->registry, &registry, NULL) == ART_OK &&
	       eth_address_equal(&registry, &q->chain->identity) && u256_parse(key->token_id, agent);
}

/* Whether there is something to ask of it. */
static bool wants(const struct identity *q, const struct agent_row *row, const struct agent_facts *f)
{
	const struct agent_fact *read = agent_fact_of(f, "chain_read_at", ORIGIN_CHAIN);
	int64_t at;

	if (q->uris) /* an agent whose document somebody read has told what it had to say */
		return !agent_fact_of(f, "uri", ORIGIN_COUNT) && (row->matches || !row->skills[0]);
	return !read || !art_parse_i64(read->value, &at) || at * 1000000 < q->fresh_since;
}

static enum art_status read_uri(struct identity *q, const struct u256 *agent, struct agent_fact *facts,
				size_t *n, char **uri, struct art_err *err)
{
	enum art_status s = erc8004_uri(&q->rpc, &q->chain->identity, agent, uri, err);

	if (s == ART_OK)
		market_fact(facts, n, "uri", *uri);
	return s;
}

static enum art_status read_people(struct identity *q, const struct u256 *agent, struct agent_fact *facts,
				   size_t *n, struct art_err *err)
{
	struct eth_address owner, wallet;
	char text[ETH_ADDRESS_TEXT];
	enum art_status s = erc8004_owner(&q->rpc, &q->chain->identity, agent, &owner, err);

	if (s == ART_OK)
		s = erc8004_wallet(&q->rpc, &q->chain->identity, agent, &wallet, err);
	if (s != ART_OK)
		return s;
	market_fact(facts, n, "owner", eth_address_text(&owner, text));
	/* Zero is "unset" since a transfer: nobody is to be paid by it. */
	if (eth_address_is_zero(&wallet))
		market_fact_gone(facts, n, "wallet");
	else
		market_fact(facts, n, "wallet", eth_address_text(&wallet, text));
	/* A log tells an owner too, but not that it still is: what was asked for has a date of its own. */
	snprintf(text, sizeof(text), "%lld", (long long)(art_now_us() / 1000000));
	market_fact(facts, n, "chain_read_at", text);
	return s;
}

static enum art_status write_facts(struct identity *q, int64_t id, const struct agent_fact *facts, size_t n,
				   const char *uri, struct art_err *err)
{
	struct store *st = q->m->store;
	enum art_status s = store_begin(st, err);

	if (s != ART_OK)
		return s;
	s = market_tell(q->m, id, ORIGIN_CHAIN, facts, n, q->ask->match, err);
	if (s == ART_OK && uri)
		s = market_take_inline(q->m, id, uri, q->ask->match, err);
	if (s == ART_OK)
		s = store_commit(st, err);
	if (s != ART_OK)
		store_rollback(st);
	return s;
}

/* The node's trouble ends this chain's turn, an agent's own does not. */
static enum art_status after(struct identity *q, enum art_status s, const struct art_err *why, struct art_err *err)
{
	if (s == ART_NOT_FOUND || s == ART_LIMIT || s == ART_OK)
		return ART_OK;
	if (s == ART_CANCELLED)
		return art_fail(err, s, "the discovery was cancelled");
	market_say(q->m, "chain:%s: %s", q->chain->name, why->text);
	q->left = 0;
	return ART_CONFLICT;
}

static enum art_status ask_one(struct identity *q, int64_t id, const struct u256 *agent, struct art_err *err)
{
	struct agent_fact *facts = art_alloc(AGENT_FACTS_MAX, sizeof(*facts));
	struct art_err why = { 0 };
	char *uri = NULL;
	size_t n = 0;
	enum art_status s = q->checked ? ART_OK : rpc_check(&q->rpc, &why);

	q->checked = true;
	q->left--;
	if (s == ART_OK)
		s = q->uris ? read_uri(q, agent, facts, &n, &uri, &why) : read_people(q, agent, facts, &n, &why);
	if (s != ART_OK)
		s = after(q, s, &why, err);
	else if (n)
		s = write_facts(q, id, facts, n, uri, err);
	free(uri);
	free(facts);
	return s;
}

static enum art_status consider(void *arg, const struct agent_row *row, struct art_err *err)
{
	struct identity *q = arg;
	struct agent_facts f = { 0 };
	struct u256 agent;
	enum art_status s;
	bool ask;

	if (!q->left)
		return ART_CONFLICT;
	if (!parse_key(q, &row->key, &agent))
		return ART_OK;
	s = agent_facts(q->m->store, row->id, &f, err);
	ask = s == ART_OK && wants(q, row, &f);
	agent_facts_destroy(&f);
	return ask ? ask_one(q, row->id, &agent, err) : s;
}

enum art_status market_identities(struct market *m, const struct market_ask *ask, bool uris, struct art_err *err)
{
	enum art_status s = ART_OK;

	if (!market_has_word(config_text(m->config, CONFIG_MARKET_SOURCES_KEY), "chain"))
		return ART_OK;
	for (int i = 0; i < m->chains->n && s == ART_OK; i++) {
		const struct chain *c = &m->chains->list[i];
		struct agent_query q = { .chain_id = c->id, .matching = !uris };
		struct identity one = {
			.m = m, .ask = ask, .chain = c, .uris = uris, .left = EACH,
			.rpc = { .http = m->http, .chain = c, .cancel = m->cancel },
			.fresh_since = art_now_us() -
				       config_int(m->config, CONFIG_MARKET_MAX_AGE_S_KEY) * 1000000,
		};

		if (c->rpc[0] && !eth_address_is_zero(&c->identity) && market_wants(m, ask, c->id))
			s = market_each_agent(m, &q, consider, &one, err);
	}
	return s;
}
