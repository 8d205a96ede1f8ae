/*
 * erc8004.c - the identity registry of ERC-8004: its logs, its reads, the calldata of its writes.
 *
 * Layer: core. Anybody may register anything: a log that cannot be read is counted and passed over, and no
 * single log, however large, nor a block full of them, stops the reading of the others.
 */
#include "core/chain/erc8004.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/chain/keccak.h"
#include "core/chain/rpc_private.h"

#define SPAN_FIRST 2000        /* what the public endpoint of Base takes */
#define SPAN_MAX 100000        /* no public node takes more */
#define LOGS_MAX 4096          /* of one call: what RPC_LOGS_ANSWER_MAX holds of usual logs */
#define READ_MAX (ERC8004_URI_MAX + 96) /* a string as a result: offset, length, padding */
#define KINDS 3
#define RESERVED_KEY "agentWallet"

static const struct eth_word topic_of[KINDS] = {
	[ERC8004_REGISTERED] = { { 0xca, 0x52, 0xe6, 0x2c, 0x36, 0x7d, 0x81, 0xbb,
	    0x2e, 0x32, 0x8e, 0xb7, 0x95, 0xf7, 0xc7, 0xba,
	    0x24, 0xaf, 0xb4, 0x78, 0x40, 0x8a, 0x26, 0xc0,
	    0xe2, 0x01, 0xd1, 0x55, 0xc4, 0x49, 0xbc, 0x4a } },
	[ERC8004_URI_UPDATED] = { { 0x3a, 0x2c, 0x7f, 0xff, 0xc2, 0xcb, 0xa7, 0x58,
	    0x2c, 0x69, 0x0e, 0x3b, 0x82, 0xc4, 0x53, 0xea,
	    0x02, 0xa3, 0x08, 0x32, 0x6a, 0x98, 0xa3, 0xad,
	    0x75, 0x76, 0xc6, 0x06, 0x33, 0x64, 0x09, 0xfb } },
	[ERC8004_METADATA_SET] = { { 0x2c, 0x14, 0x9e, 0xd5, 0x48, 0xc6, 0xd2, 0x99,
	    0x3c, 0xd7, 0x3e, 0xfe, 0x18, 0x7d, 0xf6, 0xec,
	    0xca, 0xbe, 0x45, 0x38, 0x09, 0x1b, 0x33, 0xad,
	    0xbd, 0x25, 0xfa, 0xfd, 0xb8, 0xa1, 0x46, 0x8b } },
};

/* ---- one event ----------------------------------------------------------------------------------- */

/* A string among the log's data: valid UTF-8 of at most @max bytes, without NUL. NULL when it is not that. */
static char *take_text(const struct art_buf *data, int at, size_t max)
{
	const uint8_t *p;
	char *text;
	size_t n;

	if (!abi_get_bytes((const uint8_t *)data->data, data->len, at, &p, &n) || n > max)
		return NULL;
	if (memchr(p, 0, n) || !art_utf8_valid((const char *)p, n, NULL))
		return NULL;
	text = art_alloc(n + 1, 1);
	memcpy(text, p, n);
	return text;
}

/* agentId, uri, who. */
static bool read_uri(const struct rpc_log *log, struct erc8004_event *out)
{
	if (!abi_get_address(log->topics[2].b, 32, 0, &out->who))
		return false;
	out->uri = take_text(&log->data, 0, ERC8004_URI_MAX);
	return out->uri;
}

/* agentId, keccak256(key), key, value. */
static bool read_metadata(const struct rpc_log *log, struct erc8004_event *out)
{
	char *key = take_text(&log->data, 0, sizeof(out->key) - 1);
	struct eth_word hash;
	const uint8_t *value;
	size_t n;

	if (!key)
		return false;
	art_copy(out->key, sizeof(out->key), key);
	free(key);
	hash = keccak256(out->key, strlen(out->key));
	if (memcmp(hash.b, log->topics[2].b, sizeof(hash.b)) != 0 ||
	    !abi_get_bytes((const uint8_t *)log->data.data, log->data.len, 1, &value, &n))
		return false;
	out->value_len = n < sizeof(out->value) ? n : sizeof(out->value);
	memcpy(out->value, value, out->value_len);
	return true;
}

static bool kind_of(const struct rpc_log *log, enum erc8004_kind *out)
{
	for (int i = 0; i < KINDS && log->n_topics == 3; i++) {
		if (memcmp(log->topics[0].b, topic_of[i].b, 32) != 0)
			continue;
		*out = (enum erc8004_kind)i;
		return true;
	}
	return false;
}

enum art_status erc8004_event_read(const struct rpc_log *log, struct erc8004_event *out, struct art_err *err)
{
	bool ok = false;

	memset(out, 0, sizeof(*out));
	if (!kind_of(log, &out->kind))
		return art_fail(err, ART_INVALID, "block %llu, log %llu: none of the registry's events",
				(unsigned long long)log->block, (unsigned long long)log->index);
	memcpy(out->agent.be, log->topics[1].b, sizeof(out->agent.be));
	out->block = log->block;
	out->index = log->index;
	if (!log->cut && log->data.len) {
		switch (out->kind) {
		case ERC8004_REGISTERED:
		case ERC8004_URI_UPDATED:
			ok = read_uri(log, out);
			break;
		case ERC8004_METADATA_SET:
			ok = read_metadata(log, out);
			break;
		}
	}
	if (ok)
		return ART_OK;
	erc8004_event_destroy(out);
	return art_fail(err, ART_INVALID, "block %llu, log %llu: an event of the registry that cannot be read",
			(unsigned long long)log->block, (unsigned long long)log->index);
}

void erc8004_event_destroy(struct erc8004_event *e)
{
	free(e->uri);
	memset(e, 0, sizeof(*e));
}

void erc8004_events_destroy(struct erc8004_events *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->rows[i].uri);
	free(l->rows);
	memset(l, 0, sizeof(*l));
}

/* ---- the walk ------------------------------------------------------------------------------------ */

static int by_place(const void *pa, const void *pb)
{
	const struct erc8004_event *a = pa, *b = pb;

	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* Events of the kinds from @first on, @n_kinds of them, appended to @out. */
static enum art_status read_kinds(const struct rpc *r, const struct eth_address *registry, uint64_t from,
				  uint64_t to, int first, size_t n_kinds, struct erc8004_events *out,
				  struct rpc_error *re, struct art_err *err)
{
	struct rpc_log_filter f = { .address = registry, .kinds = topic_of + first, .n_kinds = n_kinds,
				    .from = from, .to = to, .max = LOGS_MAX };
	struct rpc_logs logs;
	enum art_status st = rpc_get_logs_by(r, &f, &logs, re, err);

	if (st != ART_OK)
		return st;
	if (logs.n)
		out->rows = art_grow(out->rows, out->n + logs.n, sizeof(*out->rows));
	for (size_t i = 0; i < logs.n; i++) {
		if (erc8004_event_read(&logs.rows[i], &out->rows[out->n], NULL) == ART_OK)
			out->n++;
		else
			out->bad++;
	}
	rpc_logs_destroy(&logs);
	return ART_OK;
}

static bool is_too_much(enum art_status st)
{
	return st == ART_REFUSED || st == ART_LIMIT;
}

/*
 * Codes tell nothing, the same ones stand for "too wide" and "too often"; these are words of the latter. A
 * smaller range would not help, and asking on would make it worse.
 */
static bool says_too_often(const char *message)
{
	static const char *const words[] = { "rate limit", "rate-limit", "ratelimit", "too many requests",
					     "request limit", "request count exceeded", "compute units",
					     "requests per", "throttl", "quota" };

	for (size_t i = 0; i < ART_COUNT(words); i++)
		if (strcasestr(message, words[i]))
			return true;
	return false;
}

/*
 * One block that is too much at once. Registering costs its author enough gas that no block of any chain is
 * too full of it, so a failure there is the node's; the other two are cheap to repeat without end.
 */
static enum art_status read_block(const struct rpc *r, const struct eth_address *registry, uint64_t block,
				  struct erc8004_events *out, struct rpc_error *re, struct art_err *err)
{
	enum art_status st = ART_OK;

	for (int kind = 0; kind < KINDS && st == ART_OK; kind++) {
		st = read_kinds(r, registry, block, block, kind, 1, out, re, err);
		if (kind != ERC8004_REGISTERED && is_too_much(st) && !says_too_often(re->message)) {
			out->bad++;
			st = ART_OK;
		}
	}
	return st;
}

/* Blocks @at to @end into @part. *again: nothing was read, the range is smaller now. */
static enum art_status read_part(const struct rpc *r, const struct eth_address *registry, uint64_t at,
				 uint64_t end, struct rpc_range *range, struct erc8004_events *part,
				 bool *again, struct art_err *err)
{
	struct rpc_error re = { 0 };
	enum art_status st = read_kinds(r, registry, at, end, 0, KINDS, part, &re, err);

	*again = false;
	if (is_too_much(st) && !says_too_often(re.message)) {
		*again = rpc_range_refused(range, end - at + 1);
		if (!*again)
			st = read_block(r, registry, at, part, &re, err);
	} else if (st == ART_OK) {
		rpc_range_taken(range, end - at + 1);
	} else if (st == ART_NET && range->size > 1) {
		range->size /= 2; /* perhaps the node took too long over it: next time with less */
	}
	if (st == ART_REFUSED && says_too_often(re.message))
		return art_fail(err, ART_BUSY, "%s: the node says that it is asked too often: %.150s",
				r->chain->name, re.message);
	return st;
}

enum art_status erc8004_walk(const struct rpc *r, const struct eth_address *registry, uint64_t *from,
			     uint64_t to, uint64_t *span, erc8004_part_fn each, void *arg,
			     struct art_err *err)
{
	enum art_status st = ART_OK;
	struct rpc_range range;

	if (to >= RPC_NUMBER_MAX)
		return art_fail(err, ART_INVALID, "%s: block %llu is no block of a chain", r->chain->name,
				(unsigned long long)to);
	rpc_range_init(&range, *span ? *span : SPAN_FIRST, SPAN_MAX);
	while (st == ART_OK && *from <= to) {
		struct erc8004_events part = { 0 };
		uint64_t end = rpc_range_end(&range, *from, to);
		struct art_err why = { 0 }; /* refusals on the way are no news to the caller */
		bool again;

		st = read_part(r, registry, *from, end, &range, &part, &again, &why);
		if (again) {
			st = ART_OK;
		} else if (st == ART_OK) {
			if (part.n)
				qsort(part.rows, part.n, sizeof(*part.rows), by_place);
			st = each(arg, &part, end + 1, err);
			*from = st == ART_OK ? end + 1 : *from;
		} else if (err) {
			*err = why;
		}
		erc8004_events_destroy(&part);
	}
	*span = range.size;
	return st;
}

/* ---- reads --------------------------------------------------------------------------------------- */

static bool says_no_such_agent(const struct rpc_error *re)
{
	static const uint8_t nonexistent[4] = { 0x7e, 0x27, 0x32, 0x89 }; /* ERC721NonexistentToken(uint256) */

	return (re->data_len >= 4 && !memcmp(re->data, nonexistent, 4)) ||
	       strcasestr(re->message, "0x7e273289") || strcasestr(re->message, "ERC721NonexistentToken");
}

/* A view of one agent. Owns: *out, *n bytes, on OK. */
static enum art_status view(const struct rpc *r, const struct eth_address *registry, const char *signature,
			    const struct u256 *agent, size_t max, uint8_t **out, size_t *n,
			    struct art_err *err)
{
	char at[ETH_ADDRESS_TEXT], id[U256_TEXT];
	struct rpc_error re = { 0 };
	struct art_buf calldata;
	struct abi_call c;
	enum art_status st;

	*n = 0;
	*out = art_alloc(max, 1);
	abi_call_begin(&c, signature);
	abi_put_u256(&c, agent);
	art_buf_init(&calldata, 64);
	st = abi_call_end(&c, &calldata, err);
	if (st == ART_OK)
		st = rpc_eth_call(r, registry, &calldata, *out, max, n, &re, err);
	art_buf_destroy(&calldata);
	if (st == ART_REFUSED && says_no_such_agent(&re))
		st = art_fail(err, ART_NOT_FOUND, "%s: there is no agent %s", r->chain->name,
			      u256_text(agent, id));
	else if (st == ART_OK && !*n)
		st = art_fail(err, ART_NOT_FOUND, "%s: there is no registry at %s", r->chain->name,
			      eth_address_text(registry, at));
	if (st != ART_OK) {
		free(*out);
		*out = NULL;
	}
	return st;
}

enum art_status erc8004_uri(const struct rpc *r, const struct eth_address *registry,
			    const struct u256 *agent, char **uri, struct art_err *err)
{
	char id[U256_TEXT];
	struct art_buf data = { 0 };
	uint8_t *bytes;
	enum art_status st;

	*uri = NULL;
	st = view(r, registry, "tokenURI(uint256)", agent, READ_MAX, &bytes, &data.len, err);
	if (st != ART_OK)
		return st;
	data.data = (char *)bytes;
	*uri = take_text(&data, 0, ERC8004_URI_MAX);
	free(bytes);
	if (!*uri)
		return art_fail(err, ART_INVALID, "%s: the URI of agent %s is no text", r->chain->name,
				u256_text(agent, id));
	return ART_OK;
}

static enum art_status read_address(const struct rpc *r, const struct eth_address *registry,
				    const char *signature, const char *what, const struct u256 *agent,
				    struct eth_address *out, struct art_err *err)
{
	char id[U256_TEXT];
	uint8_t *bytes;
	size_t n;
	enum art_status st = view(r, registry, signature, agent, 64, &bytes, &n, err);

	memset(out, 0, sizeof(*out));
	if (st != ART_OK)
		return st;
	if (n != 32 || !abi_get_address(bytes, n, 0, out))
		st = art_fail(err, ART_INVALID, "%s: the %s of agent %s is no address", r->chain->name, what,
			      u256_text(agent, id));
	free(bytes);
	return st;
}

enum art_status erc8004_owner(const struct rpc *r, const struct eth_address *registry,
			      const struct u256 *agent, struct eth_address *out, struct art_err *err)
{
	return read_address(r, registry, "ownerOf(uint256)", "owner", agent, out, err);
}

enum art_status erc8004_wallet(const struct rpc *r, const struct eth_address *registry,
			       const struct u256 *agent, struct eth_address *out, struct art_err *err)
{
	return read_address(r, registry, "getAgentWallet(uint256)", "wallet", agent, out, err);
}

enum art_status erc8004_registered_id(const struct rpc *r, const struct eth_address *registry,
				      const struct eth_word *tx, uint64_t block, struct u256 *out,
				      struct art_err *err)
{
	struct rpc_log_filter f = { .address = registry, .topics = { &topic_of[ERC8004_REGISTERED] },
				    .from = block, .to = block, .max = LOGS_MAX };
	const struct rpc_log *first = NULL;
	char text[ETH_WORD_TEXT];
	struct rpc_logs logs;
	enum art_status st = rpc_get_logs_by(r, &f, &logs, NULL, err);

	memset(out, 0, sizeof(*out));
	if (st != ART_OK)
		return st;
	for (size_t i = 0; i < logs.n; i++) {
		const struct rpc_log *log = &logs.rows[i];

		if (log->n_topics == 3 && !memcmp(log->tx.b, tx->b, sizeof(tx->b)) &&
		    (!first || log->index < first->index))
			first = log;
	}
	if (first)
		memcpy(out->be, first->topics[1].b, sizeof(out->be));
	else
		st = art_fail(err, ART_NOT_FOUND, "%s: transaction %s registered no agent in block %llu",
			      r->chain->name, eth_word_text(tx, text), (unsigned long long)block);
	rpc_logs_destroy(&logs);
	return st;
}

/* ---- writes -------------------------------------------------------------------------------------- */

static enum art_status check_uri(const char *uri, struct art_err *err)
{
	size_t n = strlen(uri);

	if (n > ERC8004_URI_MAX)
		return art_fail(err, ART_LIMIT, "the agent's URI is %zu bytes, more than %u", n,
				ERC8004_URI_MAX);
	if (!art_utf8_valid(uri, n, NULL))
		return art_fail(err, ART_INVALID, "the agent's URI is no UTF-8");
	return ART_OK;
}

static enum art_status check_metadata(const struct erc8004_metadata *m, struct art_err *err)
{
	size_t n = strnlen(m->key, sizeof(m->key));
	char shown[ERC8004_KEY_MAX];

	if (!n || n == sizeof(m->key))
		return art_fail(err, ART_INVALID, "a metadata key has 1 to %zu bytes", sizeof(m->key) - 1);
	art_text_clean(shown, sizeof(shown), m->key, n, false);
	if (!art_utf8_valid(m->key, n, NULL))
		return art_fail(err, ART_INVALID, "the metadata key %s is no UTF-8", shown);
	if (!strcmp(m->key, RESERVED_KEY))
		return art_fail(err, ART_INVALID, "the metadata key %s is reserved: the wallet is set with a "
				"proof of its own", shown);
	if (m->value_len > ERC8004_VALUE_MAX)
		return art_fail(err, ART_LIMIT, "the metadata %s has %zu bytes, more than %u", shown,
				m->value_len, ERC8004_VALUE_MAX);
	return ART_OK;
}

enum art_status erc8004_register(const char *uri, const struct erc8004_metadata *meta, size_t n,
				 struct art_buf *calldata, struct art_err *err)
{
	struct abi_pair pairs[ERC8004_META_MAX];
	struct abi_call c;
	enum art_status st = uri ? check_uri(uri, err) : ART_OK;

	if (st == ART_OK && n > ERC8004_META_MAX)
		return art_fail(err, ART_LIMIT, "%zu metadata entries at once, more than %u", n,
				ERC8004_META_MAX);
	for (size_t i = 0; i < n && st == ART_OK; i++) {
		st = check_metadata(&meta[i], err);
		pairs[i] = (struct abi_pair){ meta[i].key, meta[i].value, meta[i].value_len };
	}
	if (st != ART_OK)
		return st;
	if (!uri && !n) {
		abi_call_begin(&c, "register()");
	} else {
		abi_call_begin(&c, n ? "register(string,(string,bytes)[])" : "register(string)");
		abi_put_bytes(&c, uri ? uri : "", uri ? strlen(uri) : 0);
	}
	if (n)
		abi_put_pairs(&c, pairs, n);
	return abi_call_end(&c, calldata, err);
}

enum art_status erc8004_set_uri(const struct u256 *agent, const char *uri, struct art_buf *calldata,
				struct art_err *err)
{
	struct abi_call c;
	enum art_status st = check_uri(uri, err);

	if (st != ART_OK)
		return st;
	abi_call_begin(&c, "setAgentURI(uint256,string)");
	abi_put_u256(&c, agent);
	abi_put_bytes(&c, uri, strlen(uri));
	return abi_call_end(&c, calldata, err);
}

enum art_status erc8004_set_metadata(const struct u256 *agent, const struct erc8004_metadata *m,
				     struct art_buf *calldata, struct art_err *err)
{
	struct abi_call c;
	enum art_status st = check_metadata(m, err);

	if (st != ART_OK)
		return st;
	abi_call_begin(&c, "setMetadata(uint256,string,bytes)");
	abi_put_u256(&c, agent);
	abi_put_bytes(&c, m->key, strlen(m->key));
	abi_put_bytes(&c, m->value, m->value_len);
	return abi_call_end(&c, calldata, err);
}
