/*
 * source_chain.c - the identity registries themselves: who registered, and under which URI.
 *
 * Layer: core. The logs are read once, from a cursor on: it moves in the same transaction as the facts it stands for. Facts of a
 * chain are never taken back by it, so what one log tells is added to what the earlier ones told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chain/erc8004.h"
#include "core/market/source.h"

/*
 * The newest blocks may still be replaced, and a node behind a balancer may not have them yet and answers no logs instead
 * of an error. So the newest CONFIRMATIONS are left for the next time, and the last OVERLAP blocks are read again: an event
 * told twice is the same fact. A chain of fewer than TINY_HEAD blocks is somebody's test chain that waits for nobody.
 */
#define CONFIRMATIONS 2
#define OVERLAP 64
#define TINY_HEAD 1000
#define EVENTS_EACH 200 /* in one transaction, unless one block has more */

struct walk {
	struct market *m;
	const struct market_ask *ask;
	struct source_row *row;
	const struct chain *chain;
};

static const struct chain *chain_of(const struct market *m, const char *which)
{
	return chains_by_network(m->chains, strncmp(which, "chain:", 6) ? "" : which + 6);
}

static bool can_ask(const struct chain *c)
{
	return c->rpc[0] && !eth_address_is_zero(&c->identity);
}

static void which(const struct market *m, const struct market_ask *ask, char *out, size_t n)
{
	size_t len = 0;

	out[0] = 0;
	for (int i = 0; i < m->chains->n; i++) {
		const struct chain *c = &m->chains->list[i];

		if (can_ask(c) && market_wants(m, ask, c->id) && len + strlen(c->name) + 8 < n)
			len += (size_t)snprintf(out + len, n - len, "%schain:%s", len ? " " : "", c->name);
	}
}

static struct agent_key key_of(const struct chain *c, const struct u256 *agent)
{
	struct agent_key k = { .chain_id = c->id };

	hex_encode(c->identity.b, sizeof(c->identity.b), k.registry);
	u256_text(agent, k.token_id);
	return k;
}

/* ---- what a chain says of an agent ----------------------------------------------------------------- */

static void address_fact(struct agent_fact *facts, size_t *n, const char *key, const struct eth_address *a)
{
	char text[ETH_ADDRESS_TEXT];

	if (eth_address_is_zero(a))
		market_fact_gone(facts, n, key);
	else
		market_fact(facts, n, key, eth_address_text(a, text));
}

static void uri_fact(struct agent_fact *facts, size_t *n, const char *uri)
{
	if (*uri)
		market_fact(facts, n, "uri", uri);
	else
		market_fact_gone(facts, n, "uri");
}

/* A value is bytes: text when it reads as such, else hex digits. */
static void metadata_fact(struct agent_fact *facts, size_t *n, const struct erc8004_event *e)
{
	char key[ERC8004_KEY_MAX + 8], value[2 * ERC8004_VALUE_MAX + 3];
	struct eth_address wallet = { { 0 } };

	if (!strcmp(e->key, "agentWallet")) {
		/* Reserved by the registry: 20 bytes, or none after a transfer. */
		if (e->value_len == sizeof(wallet.b))
			memcpy(wallet.b, e->value, sizeof(wallet.b));
		address_fact(facts, n, "wallet", &wallet);
		return;
	}
	snprintf(key, sizeof(key), "meta.%s", e->key);
	if (art_utf8_valid((const char *)e->value, e->value_len, NULL) && !memchr(e->value, 0, e->value_len))
		snprintf(value, sizeof(value), "%.*s", (int)e->value_len, (const char *)e->value);
	else
		hex_encode(e->value, e->value_len, value);
	market_fact(facts, n, key, value);
}

/* ---- events ------------------------------------------------------------------------------------------ */

static enum art_status take_event(struct walk *w, const struct erc8004_event *e, struct art_err *err)
{
	struct agent_fact *facts = art_alloc(AGENT_FACTS_MAX, sizeof(*facts));
	struct agent_key key = key_of(w->chain, &e->agent);
	enum art_status s;
	int64_t id;
	size_t n = 0;

	switch (e->kind) {
	case ERC8004_REGISTERED:
		address_fact(facts, &n, "owner", &e->who);
		uri_fact(facts, &n, e->uri);
		w->row->rows++;
		break;
	case ERC8004_URI_UPDATED:
		uri_fact(facts, &n, e->uri);
		break;
	case ERC8004_METADATA_SET:
		metadata_fact(facts, &n, e);
		break;
	}
	s = agent_see(w->m->store, &key, w->row->name, &id, err);
	if (s == ART_OK && n)
		s = market_tell(w->m, id, ORIGIN_CHAIN, facts, n, w->ask->match, err);
	if (s == ART_OK && e->uri)
		s = market_take_inline(w->m, id, e->uri, w->ask->match, err);
	free(facts);
	return s;
}

/* The cursor alone: how the asking went is the caller's to write. */
static enum art_status move_cursor(struct walk *w, uint64_t next, struct art_err *err)
{
	struct source_row now;
	enum art_status s = source_get(w->m->store, w->row->name, &now, err);

	snprintf(w->row->cursor, sizeof(w->row->cursor), "%" PRIu64, next);
	art_copy(now.cursor, sizeof(now.cursor), w->row->cursor);
	return s == ART_OK ? source_set(w->m->store, &now, err) : s;
}

/* Events @i to @end and the block after them, or nothing. */
static enum art_status store_events(struct walk *w, const struct erc8004_events *part, size_t i, size_t end,
				    uint64_t next, struct art_err *err)
{
	struct store *st = w->m->store;
	enum art_status s = store_begin(st, err);

	if (s != ART_OK)
		return s;
	for (; i < end && s == ART_OK; i++) {
		s = take_event(w, &part->rows[i], err);
		if (s == ART_INVALID || s == ART_LIMIT) { /* nothing of it was written, or what could be */
			w->row->bad++;
			s = ART_OK;
		}
	}
	if (s == ART_OK)
		s = move_cursor(w, next, err);
	if (s == ART_OK)
		s = store_commit(st, err);
	if (s != ART_OK)
		store_rollback(st);
	return s;
}

/* Cut where a block ends, so that each cursor is the truth. */
static enum art_status take_part(void *arg, const struct erc8004_events *part, uint64_t next, struct art_err *err)
{
	struct walk *w = arg;
	enum art_status s = ART_OK;
	size_t i = 0;

	w->row->bad += (int64_t)part->bad;
	do {
		size_t end = part->n - i > EVENTS_EACH ? i + EVENTS_EACH : part->n;

		while (end > i && end < part->n && part->rows[end].block == part->rows[end - 1].block)
			end++;
		s = store_events(w, part, i, end, end < part->n ? part->rows[end].block : next, err);
		i = end;
	} while (s == ART_OK && i < part->n && !market_cancelled(w->m));
	if (s == ART_OK && i < part->n)
		s = art_fail(err, ART_CANCELLED, "the discovery was cancelled");
	return s;
}

/* ---- from where to where -------------------------------------------------------------------------------- */

static bool read_cursor(const struct source_row *row, uint64_t *out)
{
	int64_t v;

	if (!art_parse_i64(row->cursor, &v) || v < 0)
		return false;
	*out = (uint64_t)v;
	return true;
}

/* False: there is nothing new. */
static bool plan(struct walk *w, uint64_t head, uint64_t *from, uint64_t *to)
{
	uint64_t blocks = (uint64_t)config_int(w->m->config, CONFIG_MARKET_BLOCKS_KEY),
		 first = w->chain->identity_block, cursor;

	*to = head >= TINY_HEAD ? head - CONFIRMATIONS : head;
	*from = *to >= blocks && *to - blocks + 1 > first ? *to - blocks + 1 : first;
	/* A cursor far beyond the head is of a chain that began anew: somebody's test chain. */
	if (read_cursor(w->row, &cursor) && cursor <= *to + 1 + (head >= TINY_HEAD ? TINY_HEAD : 0)) {
		*from = cursor > OVERLAP + first ? cursor - OVERLAP : first;
		/* After a long absence the rest is read the next times. */
		if (*to >= *from && *to - *from >= blocks + OVERLAP)
			*to = *from + blocks + OVERLAP - 1;
	}
	return *from <= *to;
}

static enum art_status ask(struct market *m, const struct market_ask *ask_, struct source_row *row,
			   const char *name, struct art_err *err)
{
	struct walk w = { .m = m, .ask = ask_, .row = row, .chain = chain_of(m, name) };
	struct rpc rpc = { .http = m->http, .chain = w.chain, .cancel = m->cancel };
	uint64_t from, to, span = 0;
	struct rpc_block head;
	enum art_status s = rpc_check(&rpc, err);

	if (s == ART_OK)
		s = rpc_block(&rpc, "latest", &head, err);
	if (s != ART_OK || !plan(&w, head.number, &from, &to))
		return s;
	market_say(m, "%s: blocks %" PRIu64 " to %" PRIu64 "%s", name, from, to,
		   to + CONFIRMATIONS < head.number ? ", the rest next time" : "");
	return erc8004_walk(&rpc, &w.chain->identity, &from, to, &span, take_part, &w, err);
}

const struct market_source market_source_chain = { "chain", ask, which };
