/*
 * rpc.c - JSON-RPC calls: the request, the transfer, what the HTTP status means.
 *
 * Layer: core. What an answer may look like is rpc_answer.c's business. Errors carry the chain's name
 * and the method, never the endpoint: its path is often an access key.
 */
#include "core/chain/rpc_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/chain/abi.h"
#include "core/chain/keccak.h"

#define DEADLINE_MS 15000
#define READ_ATTEMPTS 3
#define REQUEST_MAX ((size_t)1 << 20) /* the largest we make: a raw transaction as hex */
#define PAUSE_SLICE_MS 100

/* ---- one call ------------------------------------------------------------------------------------ */

static enum art_status prefixed(const struct rpc *r, const char *method, enum art_status st,
				const struct art_err *why, struct art_err *err)
{
	return art_fail(err, st, "%s: %s: %.190s", r->chain->name, method, why->text);
}

enum art_status rpc_pause(const struct rpc *r, int64_t ms, struct art_err *err)
{
	while (ms > 0) {
		int64_t slice = ms < PAUSE_SLICE_MS ? ms : PAUSE_SLICE_MS;
		struct timespec t = { .tv_nsec = slice * 1000000 };

		if (r->cancel && *r->cancel)
			return art_fail(err, ART_CANCELLED, "%s: cancelled", r->chain->name);
		nanosleep(&t, NULL);
		ms -= slice;
	}
	return ART_OK;
}

/* What a whole HTTP answer means: its JSON-RPC error counts under any status but those that say "later". */
static enum art_status judge(struct http_response *resp, size_t max, int64_t id, struct json **result,
			     struct rpc_error *re, struct art_err *err)
{
	enum art_status st = rpc_read_answer(resp->body.data ? resp->body.data : (char[1]){ 0 },
					     resp->body.len, max, id, result, re, err);
	bool later = resp->status == 429 || resp->status == 502 || resp->status == 503 ||
		     resp->status == 504;

	if (resp->status >= 200 && resp->status < 300)
		return st;
	if (st == ART_REFUSED && !later)
		return st;
	json_free(*result);
	*result = NULL;
	if (later || resp->status >= 500)
		return art_fail(err, ART_NET, "the node answers HTTP %d", resp->status);
	if (resp->status >= 300 && resp->status < 400)
		return art_fail(err, ART_REFUSED, "the node answers HTTP %d, a redirect; set its final "
				"address", resp->status);
	return art_fail(err, ART_REFUSED, "the node answers HTTP %d", resp->status);
}

struct ask {
	const char *method, *params;
	size_t max;   /* bytes of the answer; 0: RPC_ANSWER_MAX */
	int attempts;
};

static enum art_status ask(const struct rpc *r, const struct ask *a, struct json **result,
			   struct rpc_error *re, struct art_err *err)
{
	static const char *const headers[] = { "Content-Type: application/json",
					       "Accept: application/json" };
	/* Ids need not be secret, only different from those of calls that share a proxy with this one. */
	int64_t id = (art_mono_us() & 0xffffffffff) + 1;
	struct rpc_error below;
	struct art_err why = { 0 };
	struct http_response resp;
	struct art_buf body;
	enum art_status st;

	ART_BUG_ON(!r->chain->rpc[0]);
	*result = NULL;
	re = re ? re : &below;
	memset(re, 0, sizeof(*re));
	art_buf_init(&body, REQUEST_MAX);
	http_response_init(&resp);
	st = art_buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%s\",\"params\":%s}",
			    (long long)id, a->method, a->params);
	if (st == ART_OK) {
		struct http_request q = {
			.method = "POST",
			.url = r->chain->rpc,
			.headers = headers,
			.n_headers = ART_COUNT(headers),
			.body = body.data,
			.body_len = body.len,
			.deadline_ms = r->deadline_ms ? r->deadline_ms : DEADLINE_MS,
			.max_body = a->max ? a->max : RPC_ANSWER_MAX,
			.attempts = a->attempts,
			.idempotent = a->attempts > 1,
		};
		st = http_call(r->http, &q, &resp, r->cancel, &why);
	} else {
		art_fail(&why, st, "the call is larger than %zu bytes", body.max);
	}
	if (st == ART_OK)
		st = judge(&resp, a->max ? a->max : RPC_ANSWER_MAX, id, result, re, &why);
	http_response_destroy(&resp);
	art_buf_destroy(&body);
	return st == ART_OK ? ART_OK : prefixed(r, a->method, st, &why, err);
}

static enum art_status read_with(const struct rpc *r, const char *method, const char *params,
				 struct json **result, struct rpc_error *re, struct art_err *err)
{
	struct ask a = { .method = method, .params = params, .attempts = READ_ATTEMPTS };

	return ask(r, &a, result, re, err);
}

enum art_status rpc_call(const struct rpc *r, const char *method, const char *params,
			 struct json **result, struct rpc_error *re, struct art_err *err)
{
	return read_with(r, method, params, result, re, err);
}

/* A read whose result is one quantity. */
static enum art_status read_u256(const struct rpc *r, const char *method, const char *params,
				 struct u256 *out, struct rpc_error *re, struct art_err *err)
{
	struct json *j;
	enum art_status st = read_with(r, method, params, &j, re, err);

	memset(out, 0, sizeof(*out));
	if (st != ART_OK)
		return st;
	if (!rpc_read_u256(j, out))
		st = art_fail(err, ART_INVALID, "%s: %s: the result is no quantity", r->chain->name, method);
	json_free(j);
	return st;
}

static enum art_status read_u64(const struct rpc *r, const char *method, const char *params,
				uint64_t *out, struct rpc_error *re, struct art_err *err)
{
	struct u256 v;
	enum art_status st = read_u256(r, method, params, &v, re, err);

	*out = 0;
	if (st == ART_OK && !u256_to_u64(&v, out))
		return art_fail(err, ART_INVALID, "%s: %s: the result is out of range", r->chain->name,
				method);
	return st;
}

/* ---- the chain and its blocks -------------------------------------------------------------------- */

enum art_status rpc_check(const struct rpc *r, struct art_err *err)
{
	uint64_t id;
	enum art_status st = read_u64(r, "eth_chainId", "[]", &id, NULL, err);

	if (st == ART_OK && id != r->chain->id)
		return art_fail(err, ART_CONFLICT,
				"the RPC endpoint of %s (chain %llu) serves chain %llu; set "
				"chain.%s.rpc", r->chain->name, (unsigned long long)r->chain->id,
				(unsigned long long)id, r->chain->name);
	return st;
}

static enum art_status block_by(const struct rpc *r, const char *tag, struct rpc_block *out,
				struct art_err *err)
{
	static const char method[] = "eth_getBlockByNumber";
	struct art_err why = { 0 };
	struct json *j;
	char params[64];
	enum art_status st;

	memset(out, 0, sizeof(*out));
	ART_BUG_ON(snprintf(params, sizeof(params), "[\"%s\",false]", tag) >= (int)sizeof(params));
	st = read_with(r, method, params, &j, NULL, err);
	if (st != ART_OK)
		return st;
	st = rpc_read_block(j, out, &why);
	json_free(j);
	return st == ART_OK ? ART_OK : prefixed(r, method, st, &why, err);
}

enum art_status rpc_block(const struct rpc *r, const char *tag, struct rpc_block *out,
			  struct art_err *err)
{
	return block_by(r, tag, out, err);
}

enum art_status rpc_block_at(const struct rpc *r, uint64_t number, struct rpc_block *out,
			     struct art_err *err)
{
	char tag[32];
	enum art_status st;

	snprintf(tag, sizeof(tag), "0x%llx", (unsigned long long)number);
	st = block_by(r, tag, out, err);
	if (st == ART_OK && out->number != number)
		return art_fail(err, ART_INVALID, "%s: asked for block %llu, the node answers block %llu",
				r->chain->name, (unsigned long long)number,
				(unsigned long long)out->number);
	return st;
}

/* ---- state --------------------------------------------------------------------------------------- */

/* {"from":..,"to":..,"data":..} */
static enum art_status put_call(struct art_buf *b, const struct eth_address *from,
				const struct eth_address *to, const struct art_buf *calldata)
{
	enum art_status st = art_buf_printf(b, "[{");
	char text[ETH_ADDRESS_TEXT];

	if (st == ART_OK && from)
		st = art_buf_printf(b, "\"from\":\"%s\",", hex_encode(from->b, sizeof(from->b), text));
	if (st == ART_OK)
		st = art_buf_printf(b, "\"to\":\"%s\",\"data\":\"", hex_encode(to->b, sizeof(to->b), text));
	if (st == ART_OK)
		st = hex_append(b, (const uint8_t *)calldata->data, calldata->len);
	return st == ART_OK ? art_buf_printf(b, "\"}") : st;
}

enum art_status rpc_eth_call_at(const struct rpc *r, const struct eth_address *to,
				const struct art_buf *calldata, uint64_t block, uint8_t *out, size_t max,
				size_t *n, struct rpc_error *re, struct art_err *err)
{
	struct art_err why = { 0 };
	struct json *j = NULL;
	struct art_buf params;
	enum art_status st;

	*n = 0;
	art_buf_init(&params, REQUEST_MAX);
	st = put_call(&params, NULL, to, calldata);
	if (st == ART_OK && block == RPC_LATEST)
		st = art_buf_printf(&params, ",\"latest\"]");
	else if (st == ART_OK)
		st = art_buf_printf(&params, ",\"0x%llx\"]", (unsigned long long)block);
	if (st != ART_OK)
		art_fail(err, st, "%s: eth_call: the call is too large", r->chain->name);
	else
		st = read_with(r, "eth_call", params.data, &j, re, err);
	art_buf_destroy(&params);
	if (st != ART_OK)
		return st;
	st = rpc_read_bytes(j, out, max, n, &why);
	json_free(j);
	return st == ART_OK ? ART_OK : prefixed(r, "eth_call", st, &why, err);
}

enum art_status rpc_eth_call(const struct rpc *r, const struct eth_address *to,
			     const struct art_buf *calldata, uint8_t *out, size_t max, size_t *n,
			     struct rpc_error *re, struct art_err *err)
{
	return rpc_eth_call_at(r, to, calldata, RPC_LATEST, out, max, n, re, err);
}

enum art_status rpc_eth_balance(const struct rpc *r, const struct eth_address *who, struct u256 *out,
				struct art_err *err)
{
	char text[ETH_ADDRESS_TEXT], params[96];

	snprintf(params, sizeof(params), "[\"%s\",\"latest\"]", hex_encode(who->b, sizeof(who->b), text));
	return read_u256(r, "eth_getBalance", params, out, NULL, err);
}

/* ---- logs ---------------------------------------------------------------------------------------- */

static void put_kinds(struct art_buf *b, const struct rpc_log_filter *f)
{
	char text[ETH_WORD_TEXT];

	for (size_t i = 0; i < f->n_kinds; i++)
		art_buf_putf(b, "%s\"%s\"", i ? "," : "[", eth_word_text(&f->kinds[i], text));
	art_buf_put(b, "]");
}

static void put_filter(struct art_buf *b, const struct rpc_log_filter *f)
{
	char text[ETH_WORD_TEXT];
	int n = 4;

	while (n && !f->topics[n - 1] && !(n == 1 && f->n_kinds))
		n--;
	art_buf_putf(b, "[{\"fromBlock\":\"0x%llx\",\"toBlock\":\"0x%llx\"", (unsigned long long)f->from,
		     (unsigned long long)f->to);
	if (f->address)
		art_buf_putf(b, ",\"address\":\"%s\"",
			     hex_encode(f->address->b, sizeof(f->address->b), text));
	art_buf_put(b, ",\"topics\":[");
	for (int i = 0; i < n; i++) {
		art_buf_put(b, i ? "," : "");
		if (i == 0 && f->n_kinds)
			put_kinds(b, f);
		else if (f->topics[i])
			art_buf_putf(b, "\"%s\"", eth_word_text(f->topics[i], text));
		else
			art_buf_put(b, "null");
	}
	art_buf_put(b, "]}]");
}

enum art_status rpc_get_logs_by(const struct rpc *r, const struct rpc_log_filter *f, struct rpc_logs *out,
				struct rpc_error *re, struct art_err *err)
{
	size_t room = RPC_LOGS_ANSWER_MAX / RPC_LOG_BYTES;
	struct ask a = { .method = "eth_getLogs", .attempts = READ_ATTEMPTS };
	struct art_err why = { 0 };
	struct art_buf params;
	struct json *j;
	enum art_status st;

	memset(out, 0, sizeof(*out));
	if (f->from > f->to)
		return art_fail(err, ART_INVALID, "%s: logs from block %llu to the earlier block %llu",
				r->chain->name, (unsigned long long)f->from, (unsigned long long)f->to);
	art_buf_init(&params, REQUEST_MAX);
	put_filter(&params, f);
	a.params = params.data;
	a.max = f->max < room ? f->max * RPC_LOG_BYTES : RPC_LOGS_ANSWER_MAX;
	a.max = a.max < RPC_ANSWER_MAX ? RPC_ANSWER_MAX : a.max;
	st = ask(r, &a, &j, re, err);
	art_buf_destroy(&params);
	if (st != ART_OK)
		return st;
	st = rpc_read_logs(j, f, out, &why);
	json_free(j);
	return st == ART_OK ? ART_OK : prefixed(r, a.method, st, &why, err);
}

enum art_status rpc_get_logs(const struct rpc *r, const struct eth_address *address,
			     const struct eth_word *const topics[4], uint64_t from, uint64_t to,
			     size_t max, struct rpc_logs *out, struct art_err *err)
{
	struct rpc_log_filter f = { .address = address, .from = from, .to = to, .max = max };

	for (int i = 0; i < 4; i++)
		f.topics[i] = topics[i];
	return rpc_get_logs_by(r, &f, out, NULL, err);
}

/* ---- transactions of our own --------------------------------------------------------------------- */

enum art_status rpc_account_nonce(const struct rpc *r, const struct eth_address *who, bool pending,
				  uint64_t *out, struct art_err *err)
{
	char text[ETH_ADDRESS_TEXT], params[96];

	snprintf(params, sizeof(params), "[\"%s\",\"%s\"]", hex_encode(who->b, sizeof(who->b), text),
		 pending ? "pending" : "latest");
	return read_u64(r, "eth_getTransactionCount", params, out, NULL, err);
}

enum art_status rpc_estimate_gas(const struct rpc *r, const struct eth_address *from,
				 const struct eth_address *to, const struct art_buf *calldata,
				 uint64_t *out, struct rpc_error *re, struct art_err *err)
{
	struct art_buf params;
	enum art_status st;

	*out = 0;
	art_buf_init(&params, REQUEST_MAX);
	st = put_call(&params, from, to, calldata);
	if (st == ART_OK)
		st = art_buf_printf(&params, "]");
	if (st != ART_OK)
		art_fail(err, st, "%s: eth_estimateGas: the call is too large", r->chain->name);
	else
		st = read_u64(r, "eth_estimateGas", params.data, out, re, err);
	art_buf_destroy(&params);
	return st;
}

enum art_status rpc_fees(const struct rpc *r, struct u256 *base_fee, struct u256 *tip,
			 struct art_err *err)
{
	static const char method[] = "eth_feeHistory";
	struct art_err why = { 0 };
	struct json *j;
	enum art_status st = read_with(r, method, "[\"0x1\",\"latest\",[]]", &j, NULL, err);

	memset(base_fee, 0, sizeof(*base_fee));
	memset(tip, 0, sizeof(*tip));
	if (st != ART_OK)
		return st;
	st = rpc_read_base_fee(j, base_fee, &why);
	json_free(j);
	if (st != ART_OK)
		return prefixed(r, method, st, &why, err);
	return read_u256(r, "eth_maxPriorityFeePerGas", "[]", tip, NULL, err);
}

enum art_status rpc_send_raw(const struct rpc *r, const struct art_buf *raw, struct eth_word *hash,
			     struct rpc_error *re, struct art_err *err)
{
	struct ask a = { .method = "eth_sendRawTransaction", .attempts = 1 };
	struct rpc_error mine;
	struct eth_word theirs;
	struct art_buf params;
	struct json *j = NULL;
	enum art_status st;

	*hash = keccak256(raw->data, raw->len);
	re = re ? re : &mine;
	memset(re, 0, sizeof(*re));
	art_buf_init(&params, REQUEST_MAX);
	st = art_buf_printf(&params, "[\"");
	if (st == ART_OK)
		st = hex_append(&params, (const uint8_t *)raw->data, raw->len);
	if (st == ART_OK)
		st = art_buf_printf(&params, "\"]");
	a.params = params.data;
	if (st != ART_OK)
		art_fail(err, st, "%s: %s: the transaction is too large", r->chain->name, a.method);
	else
		st = ask(r, &a, &j, re, err);
	art_buf_destroy(&params);
	if (st == ART_REFUSED && re->code && rpc_says_known(re->message))
		return ART_OK;
	if (st != ART_OK)
		return st;
	if (!rpc_read_word(j, &theirs) || memcmp(theirs.b, hash->b, sizeof(theirs.b)) != 0)
		st = art_fail(err, ART_INVALID, "%s: %s: the node answers another hash than the "
			      "transaction's", r->chain->name, a.method);
	json_free(j);
	return st;
}

enum art_status rpc_receipt(const struct rpc *r, const struct eth_word *tx, struct rpc_receipt *out,
			    struct art_err *err)
{
	static const char method[] = "eth_getTransactionReceipt";
	struct art_err why = { 0 };
	char text[ETH_WORD_TEXT], params[ETH_WORD_TEXT + 8];
	struct json *j;
	enum art_status st;

	memset(out, 0, sizeof(*out));
	snprintf(params, sizeof(params), "[\"%s\"]", eth_word_text(tx, text));
	st = read_with(r, method, params, &j, NULL, err);
	if (st != ART_OK)
		return st;
	st = rpc_read_receipt(j, tx, out, &why);
	json_free(j);
	return st == ART_OK ? ART_OK : prefixed(r, method, st, &why, err);
}
