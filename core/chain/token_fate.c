/*
 * token_fate.c - what became of one authorization: its state at a block, and the logs that tell how.
 *
 * Layer: core. The state is read at the number of a block whose timestamp was read before, so "unused at
 * block time T" holds whichever node of a pool answers. Logs are searched oldest first, because an
 * authorization is used soon after it was signed or never. Every loop over the network has a ceiling.
 */
#include "core/chain/token_private.h"

#include <string.h>

#include "core/chain/abi.h"

#define STATE_TRIES 3          /* a pool's node may lag a block behind the one that named it */
#define STATE_PAUSE_MS 400
#define SKEW_S 600             /* our clock against the chain's */
#define NEAR_S 900             /* a first block this close before the time wanted is good enough */
#define PROBES_MAX 24
#define FIRST_BLOCK_S 2        /* guess of seconds a block, until two blocks tell */
#define LOG_CALLS_MAX 48
#define LOGS_MAX 16            /* of one nonce there is one; more is nonsense */
#define TRANSFERS_MAX 256      /* of one payer in one block */
#define DEADLINES 4            /* the log search as a whole, in deadlines of a call */
#define DEADLINE_MS 15000

static const struct eth_word topic_used = { { 0x98, 0xde, 0x50, 0x35, 0x28, 0xee, 0x59, 0xb5, 0x75, 0xef,
					      0x0c, 0x0a, 0x25, 0x76, 0xa8, 0x24, 0x97, 0xbf, 0xc0, 0x29,
					      0xa5, 0x68, 0x5b, 0x20, 0x9e, 0x9e, 0xc3, 0x33, 0x47, 0x9b,
					      0x10, 0xa5 } };
static const struct eth_word topic_cancelled = { { 0x1c, 0xdd, 0x46, 0xff, 0x24, 0x27, 0x16, 0xcd,
						   0xaa, 0x72, 0xd1, 0x59, 0xd3, 0x39, 0xa4, 0x85,
						   0xb3, 0x43, 0x83, 0x98, 0x34, 0x8d, 0x68, 0xf0,
						   0x9d, 0x7c, 0x8c, 0x0a, 0x59, 0x35, 0x3d, 0x81 } };
static const struct eth_word topic_transfer = { { 0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b,
						  0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
						  0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16,
						  0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef } };

struct search {
	const struct rpc *r;
	const struct eth_address *token;
	struct eth_word from, nonce; /* as topics */
	struct art_err *err;
};

static bool same_word(const struct eth_word *a, const struct eth_word *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

/* ---- the state ----------------------------------------------------------------------------------- */

/* Reads the latest block, then the state at it. */
static enum art_status read_state(const struct rpc *r, const struct eth_address *token,
				  const struct eth_address *from, const struct eth_word *nonce,
				  struct rpc_block *at, bool *used, struct art_err *err)
{
	enum art_status st = ART_OK;

	for (int i = 0; i < STATE_TRIES; i++) {
		struct rpc_error re;

		st = i ? rpc_pause(r, STATE_PAUSE_MS, err) : ART_OK;
		if (st == ART_OK)
			st = rpc_block(r, "latest", at, err);
		if (st != ART_OK)
			return st;
		st = token_state_at(r, token, from, nonce, at->number, used, &re, err);
		if (st != ART_REFUSED || re.code == 0 || re.code == 3)
			return st;
	}
	return st;
}

/* ---- the first block ----------------------------------------------------------------------------- */

uint64_t token_probe_between(const struct rpc_block *low, const struct rpc_block *high, int64_t target,
			     int turn)
{
	uint64_t gap = high->number - low->number, step = gap / 2;

	/* Blocks come evenly on most chains; halving is for those where they do not. */
	if (turn % 2 == 0 && high->timestamp > low->timestamp)
		step = (uint64_t)((double)gap * ((double)(target - low->timestamp) /
						 (double)(high->timestamp - low->timestamp)));
	if (step < 1)
		step = 1;
	if (step >= gap)
		step = gap - 1;
	return low->number + step;
}

/* Some block at or before @target. Down from @high in growing steps; *high follows. */
static enum art_status find_low(const struct rpc *r, int64_t target, struct rpc_block *low,
				struct rpc_block *high, int *probes, struct art_err *err)
{
	uint64_t step = (uint64_t)((high->timestamp - target) / FIRST_BLOCK_S) + 1;
	enum art_status st;

	for (; *probes < PROBES_MAX; ++*probes) {
		uint64_t at = high->number > step ? high->number - step : 0;

		st = rpc_block_at(r, at, low, err);
		if (st != ART_OK || low->timestamp <= target || at == 0)
			return st;
		*high = *low;
		step = step > RPC_NUMBER_MAX ? step : 2 * step;
	}
	return ART_OK;
}

/*
 * The block to search logs from: not after the last one at or before @since less SKEW_S, and near it when
 * the node tells. A node without old blocks leaves the rougher guess.
 */
static enum art_status first_block(const struct rpc *r, const struct rpc_block *latest, int64_t since,
				   uint64_t *out, struct art_err *err)
{
	int64_t target = (since < latest->timestamp ? since : latest->timestamp) - SKEW_S;
	struct rpc_block high = *latest, low, mid;
	int probes = 0, turn = 0;
	enum art_status st;

	target = target < 0 ? 0 : target;
	*out = 0;
	if (latest->number == 0)
		return ART_OK;
	st = find_low(r, target, &low, &high, &probes, err);
	if (st == ART_NOT_FOUND || st == ART_REFUSED) {
		*out = high.number;
		return ART_OK;
	}
	while (st == ART_OK && probes < PROBES_MAX && high.number - low.number > 1 &&
	       low.timestamp < target - NEAR_S) {
		st = rpc_block_at(r, token_probe_between(&low, &high, target, turn++), &mid, err);
		if (st == ART_NOT_FOUND || st == ART_REFUSED) {
			st = ART_OK;
			break;
		}
		probes++;
		if (st == ART_OK)
			*(mid.timestamp <= target ? &low : &high) = mid;
	}
	*out = low.number;
	return st;
}

/* ---- the logs ------------------------------------------------------------------------------------ */

/* The one log of this nonce among @logs into @out. */
static enum art_status pick_event(const struct search *s, const struct rpc_logs *logs,
				  struct rpc_log *out, bool *found)
{
	for (size_t i = 0; i < logs->n; i++) {
		const struct rpc_log *log = &logs->rows[i];

		if (!same_word(&log->topics[0], &topic_used) &&
		    !same_word(&log->topics[0], &topic_cancelled))
			continue;
		if (*found)
			return art_fail(s->err, ART_INVALID,
					"%s: the node shows two ends of one authorization",
					s->r->chain->name);
		*found = true;
		*out = *log;
		out->data = (struct art_buf){ 0 };
	}
	return ART_OK;
}

/*
 * Blocks @at to @last, oldest first, the range halved whenever the node refuses it. Not finding it, for
 * whatever refusal, is no error: the state was read already.
 */
static enum art_status find_event(const struct search *s, uint64_t at, uint64_t last,
				  struct rpc_log *out, bool *found)
{
	const struct eth_word *const topics[4] = { NULL, &s->from, &s->nonce, NULL };
	int64_t call_ms = s->r->deadline_ms ? s->r->deadline_ms : DEADLINE_MS;
	int64_t until = art_mono_us() + DEADLINES * call_ms * 1000;
	struct rpc_range range;

	rpc_range_init(&range, last - at + 1, last - at + 1);
	*found = false;
	for (int calls = 0; at <= last && calls < LOG_CALLS_MAX && art_mono_us() < until; calls++) {
		uint64_t end = rpc_range_end(&range, at, last);
		struct rpc_logs logs;
		enum art_status st = rpc_get_logs(s->r, s->token, topics, at, end, LOGS_MAX, &logs, s->err);

		if (st == ART_REFUSED || st == ART_LIMIT) {
			if (!rpc_range_refused(&range, end - at + 1))
				return ART_OK;
			continue;
		}
		if (st != ART_OK)
			return st;
		st = pick_event(s, &logs, out, found);
		rpc_logs_destroy(&logs);
		if (st != ART_OK || *found)
			return st;
		rpc_range_taken(&range, end - at + 1);
		at = end + 1;
	}
	return ART_OK;
}

/*
 * The Transfer that belongs to @event: of the payer, in the same transaction, the first behind it. (A
 * settler may bundle several payments of one payer.) Tokens that log it before are taken too.
 */
static const struct rpc_log *pick_transfer(const struct rpc_logs *logs, const struct rpc_log *event)
{
	const struct rpc_log *behind = NULL, *before = NULL;

	for (size_t i = 0; i < logs->n; i++) {
		const struct rpc_log *t = &logs->rows[i];

		if (t->n_topics != 3 || !same_word(&t->tx, &event->tx))
			continue;
		if (t->index > event->index && (!behind || t->index < behind->index))
			behind = t;
		if (t->index < event->index && (!before || t->index > before->index))
			before = t;
	}
	return behind ? behind : before;
}

static enum art_status read_transfer(const struct search *s, const struct rpc_log *event,
				     struct token_evidence *out)
{
	const struct eth_word *const topics[4] = { &topic_transfer, &s->from, NULL, NULL };
	const struct rpc_log *t;
	struct rpc_logs logs;
	struct eth_address to;
	struct u256 value;
	enum art_status st = rpc_get_logs(s->r, s->token, topics, event->block, event->block,
					  TRANSFERS_MAX, &logs, s->err);

	if (st == ART_REFUSED || st == ART_LIMIT)
		return ART_OK;
	if (st != ART_OK)
		return st;
	t = pick_transfer(&logs, event);
	if (t && t->data.len == 32 && abi_get_u256((const uint8_t *)t->data.data, 32, 0, &value) &&
	    abi_get_address(t->topics[2].b, 32, 0, &to)) {
		out->fate = TOKEN_SETTLED;
		out->value = value;
		out->to = to;
	}
	rpc_logs_destroy(&logs);
	return ART_OK;
}

static enum art_status read_fate(const struct search *s, const struct eth_address *from, int64_t since,
				 struct token_evidence *out)
{
	struct rpc_block at;
	struct rpc_log event;
	uint64_t first;
	bool used, found;
	enum art_status st = read_state(s->r, s->token, from, &s->nonce, &at, &used, s->err);

	if (st != ART_OK)
		return st;
	out->block_time = at.timestamp;
	if (!used) {
		out->fate = TOKEN_UNUSED;
		return ART_OK;
	}
	st = first_block(s->r, &at, since, &first, s->err);
	if (st == ART_OK)
		st = find_event(s, first, at.number, &event, &found);
	if (st != ART_OK || !found)
		return st;
	out->tx = event.tx;
	if (same_word(&event.topics[0], &topic_used))
		return read_transfer(s, &event, out);
	out->fate = TOKEN_CANCELLED;
	return ART_OK;
}

enum art_status token_authorization_fate(const struct rpc *r, const struct eth_address *token,
					 const struct eth_address *from, const struct eth_word *nonce,
					 int64_t since, struct token_evidence *out, struct art_err *err)
{
	struct art_err why = { 0 }; /* refusals on the way to an answer are no news to the caller */
	struct search s = { .r = r, .token = token, .nonce = *nonce, .err = &why };
	enum art_status st;

	memset(out, 0, sizeof(*out));
	out->fate = TOKEN_USED;
	memcpy(s.from.b + 12, from->b, sizeof(from->b));
	st = read_fate(&s, from, since, out);
	if (st != ART_OK && err)
		*err = why;
	return st;
}
