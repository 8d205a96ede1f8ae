/*
 * rpc_answer.c - reading what a node answers: the JSON-RPC envelope, and the shapes inside it.
 *
 * Layer: core. Pure: no network, no clock. The JSON reader has already bounded depth and refused
 * repeated keys; everything a member may not be is refused here by name.
 */
#include "core/chain/rpc_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/chain/abi.h"

#define REVERT_MAX 4096 /* bytes of revert data looked at for the reason */

void rpc_neutralise_nul(char *text, size_t len)
{
	/* Every backslash takes the next byte with it, so "\\u0000" (a backslash and five letters) stays. */
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] != '\\')
			continue;
		if (len - i >= 6 && !memcmp(text + i, "\\u0000", 6))
			memcpy(text + i, "\\ufffd", 6);
		i++;
	}
}

/* ---- values -------------------------------------------------------------------------------------- */

static const char *hex_text(const struct json *j)
{
	const char *s = json_str(j);

	return s && s[0] == '0' && s[1] == 'x' ? s : NULL;
}

bool rpc_quantity(const struct json *j, uint64_t *out)
{
	struct opt_i64 number = json_int(j);
	struct u256 v;

	if (number.known && number.v >= 0) {
		*out = (uint64_t)number.v;
		return true;
	}
	return rpc_read_u256(j, &v) && u256_to_u64(&v, out);
}

bool rpc_read_u256(const struct json *j, struct u256 *out)
{
	const char *s = hex_text(j);

	return s && u256_parse_hex(s, out);
}

bool rpc_read_word(const struct json *j, struct eth_word *out)
{
	const char *s = hex_text(j);

	return s && eth_word_parse(s, out);
}

static bool read_address(const struct json *j, struct eth_address *out)
{
	const char *s = hex_text(j);

	return s && hex_decode(s, out->b, sizeof(out->b));
}

enum art_status rpc_read_bytes(const struct json *j, uint8_t *out, size_t max, size_t *n,
			       struct art_err *err)
{
	const char *s = hex_text(j);
	size_t digits = s ? strlen(s) - 2 : 0;

	*n = 0;
	if (!s)
		return art_fail(err, ART_INVALID, "the result is no hex text");
	if (digits % 2)
		return art_fail(err, ART_INVALID, "the result has an odd number of hex digits");
	if (digits / 2 > max)
		return art_fail(err, ART_LIMIT, "the result is %zu bytes, more than %zu", digits / 2, max);
	if (digits && !hex_decode_some(s, out, max, n))
		return art_fail(err, ART_INVALID, "the result is not hex");
	return ART_OK;
}

/* ---- the envelope -------------------------------------------------------------------------------- */

/* The revert data of an error, and the reason in it when it is Error(string). */
static void read_revert(const struct json *data, struct rpc_error *re)
{
	static const uint8_t error_string[4] = { 0x08, 0xc3, 0x79, 0xa0 };
	const uint8_t *text;
	uint8_t all[REVERT_MAX];
	char head[2 * REVERT_MAX + 3];
	const char *s = hex_text(data);
	size_t n, len;

	/* Longer data is read as far as it matters here. */
	if (!s || strlen(s) % 2)
		return;
	art_copy(head, sizeof(head), s);
	if (!hex_decode_some(head, all, sizeof(all), &n))
		return;
	re->data_len = n < sizeof(re->data) ? n : sizeof(re->data);
	memcpy(re->data, all, re->data_len);
	if (n > 4 && !memcmp(all, error_string, 4) && abi_get_bytes(all + 4, n - 4, 0, &text, &len))
		art_text_clean(re->reason, sizeof(re->reason), (const char *)text, len, false);
}

static enum art_status read_error(const struct json *error, struct rpc_error *re, struct art_err *err)
{
	struct opt_i64 code = json_int(json_get(error, "code"));
	const char *message = json_str(json_get(error, "message"));

	if (!json_is_object(error) || !code.known)
		return art_fail(err, ART_INVALID, "the answer's error has no code");
	re->code = code.v;
	if (message)
		art_text_clean(re->message, sizeof(re->message), message, strlen(message), false);
	read_revert(json_get(error, "data"), re);
	if (!re->message[0])
		return art_fail(err, ART_REFUSED, "the node answers error %lld without a message",
				(long long)code.v);
	return art_fail(err, ART_REFUSED, "the node answers error %lld: %.160s", (long long)code.v,
			re->message);
}

static bool is_there(const struct json *member)
{
	return member && !json_is_null(member);
}

static enum art_status read_envelope(struct json *doc, int64_t id, struct json **result,
				     struct rpc_error *re, struct art_err *err)
{
	const struct json *error = json_get(doc, "error"), *its_id = json_get(doc, "id");
	const char *version = json_str(json_get(doc, "jsonrpc"));
	struct opt_i64 answered = json_int(its_id);

	if (!json_is_object(doc))
		return art_fail(err, ART_INVALID, "the answer is not a JSON object");
	if (!version || strcmp(version, "2.0") != 0)
		return art_fail(err, ART_INVALID, "the answer is not JSON-RPC 2.0");
	/* A node that could not read the call answers an error with a null id, a gateway often with none. */
	if (!(answered.known && answered.v == id) && !(!is_there(its_id) && is_there(error)))
		return art_fail(err, ART_INVALID, "the answer is for another call (its id is not %lld)",
				(long long)id);
	if (is_there(error) && is_there(json_get(doc, "result")))
		return art_fail(err, ART_INVALID, "the answer has both a result and an error");
	if (is_there(error))
		return read_error(error, re, err);
	*result = json_detach(doc, "result");
	return *result ? ART_OK : art_fail(err, ART_INVALID, "the answer has neither result nor error");
}

enum art_status rpc_read_answer(char *body, size_t len, size_t max, int64_t id, struct json **result,
				struct rpc_error *re, struct art_err *err)
{
	struct art_err why = { 0 };
	struct json *doc = NULL;
	enum art_status st;

	*result = NULL;
	memset(re, 0, sizeof(*re));
	rpc_neutralise_nul(body, len);
	st = json_parse(&doc, body, len, max, &why);
	if (st != ART_OK)
		return art_fail(err, st, "the answer is no JSON: %.180s", why.text);
	st = read_envelope(doc, id, result, re, err);
	json_free(doc);
	return st;
}

bool rpc_says_known(const char *message)
{
	/* geth, reth, erigon; nethermind; anvil, parity; besu. */
	static const char *const forms[] = { "already known", "alreadyknown", "already imported",
					     "known transaction" };

	if (strcasestr(message, "unknown transaction"))
		return false;
	for (size_t i = 0; i < ART_COUNT(forms); i++)
		if (strcasestr(message, forms[i]))
			return true;
	return false;
}

/* ---- shapes -------------------------------------------------------------------------------------- */

static bool read_bounded(const struct json *j, uint64_t *out)
{
	return rpc_quantity(j, out) && *out < RPC_NUMBER_MAX;
}

enum art_status rpc_read_block(const struct json *j, struct rpc_block *out, struct art_err *err)
{
	uint64_t at;

	memset(out, 0, sizeof(*out));
	if (json_is_null(j))
		return art_fail(err, ART_NOT_FOUND, "the node has no such block");
	if (!read_bounded(json_get(j, "number"), &out->number))
		return art_fail(err, ART_INVALID, "the block has no number");
	if (!read_bounded(json_get(j, "timestamp"), &at))
		return art_fail(err, ART_INVALID, "block %llu has no timestamp",
				(unsigned long long)out->number);
	out->timestamp = (int64_t)at;
	return ART_OK;
}

enum art_status rpc_read_receipt(const struct json *j, const struct eth_word *tx,
				 struct rpc_receipt *out, struct art_err *err)
{
	struct eth_word hash;
	uint64_t status;

	memset(out, 0, sizeof(*out));
	if (json_is_null(j))
		return art_fail(err, ART_NOT_FOUND, "the transaction is not mined");
	if (!rpc_read_word(json_get(j, "transactionHash"), &hash) ||
	    memcmp(hash.b, tx->b, sizeof(hash.b)) != 0)
		return art_fail(err, ART_INVALID, "the receipt is of another transaction");
	if (!rpc_quantity(json_get(j, "status"), &status) || status > 1)
		return art_fail(err, ART_INVALID, "the receipt has no status");
	if (!read_bounded(json_get(j, "blockNumber"), &out->block) ||
	    !read_bounded(json_get(j, "gasUsed"), &out->gas_used))
		return art_fail(err, ART_INVALID, "the receipt has no block or no gas");
	out->ok = status == 1;
	return ART_OK;
}

enum art_status rpc_read_base_fee(const struct json *j, struct u256 *out, struct art_err *err)
{
	const struct json *fees = json_get(j, "baseFeePerGas");
	int n = json_count(fees);

	if (!json_is_array(fees) || n < 1 || !rpc_read_u256(json_at(fees, n - 1), out))
		return art_fail(err, ART_INVALID, "the fee history has no base fee");
	return ART_OK;
}

/* ---- logs ---------------------------------------------------------------------------------------- */

/* Data over the ceiling are left out, not refused: one contract may not spoil the logs of all others. */
static enum art_status read_log_data(const struct json *j, struct art_buf *out, bool *cut,
				     struct art_err *err)
{
	const char *s = hex_text(j);
	size_t n = s ? (strlen(s) - 2) / 2 : 0, got = 0;
	uint8_t *bytes;
	enum art_status st;

	art_buf_init(out, RPC_LOG_DATA_MAX);
	*cut = n > RPC_LOG_DATA_MAX;
	if (!s)
		return art_fail(err, ART_INVALID, "a log has no data");
	if (*cut)
		return ART_OK;
	bytes = art_alloc(n + 1, 1);
	st = rpc_read_bytes(j, bytes, n, &got, err);
	if (st == ART_OK)
		st = art_buf_add(out, bytes, got);
	free(bytes);
	return st;
}

static enum art_status read_topics(const struct json *topics, struct rpc_log *log, struct art_err *err)
{
	if (!json_is_array(topics))
		return art_fail(err, ART_INVALID, "a log has no topics");
	for (const struct json *t = json_at(topics, 0); t; t = json_next(t)) {
		if (log->n_topics == 4)
			return art_fail(err, ART_INVALID, "a log has more than 4 topics");
		if (!rpc_read_word(t, &log->topics[log->n_topics++]))
			return art_fail(err, ART_INVALID, "a log's topic is no 32 bytes");
	}
	return ART_OK;
}

static bool is_of_kind(const struct rpc_log *log, const struct rpc_log_filter *f)
{
	for (size_t i = 0; i < f->n_kinds && log->n_topics; i++)
		if (!memcmp(log->topics[0].b, f->kinds[i].b, 32))
			return true;
	return !f->n_kinds;
}

static bool fits(const struct rpc_log *log, const struct rpc_log_filter *f)
{
	if (log->block < f->from || log->block > f->to)
		return false;
	if (f->address && !eth_address_equal(&log->address, f->address))
		return false;
	for (int i = 0; i < 4; i++)
		if (f->topics[i] && (i >= log->n_topics ||
				     memcmp(log->topics[i].b, f->topics[i]->b, 32) != 0))
			return false;
	return is_of_kind(log, f);
}

/* Owns: log->data, also on failure. */
static enum art_status read_log(const struct json *j, const struct rpc_log_filter *f,
				struct rpc_log *log, struct art_err *err)
{
	enum art_status st = read_topics(json_get(j, "topics"), log, err);

	if (st == ART_OK)
		st = read_log_data(json_get(j, "data"), &log->data, &log->cut, err);
	if (st != ART_OK)
		return st;
	if (!read_address(json_get(j, "address"), &log->address) ||
	    !rpc_read_word(json_get(j, "transactionHash"), &log->tx) ||
	    !read_bounded(json_get(j, "blockNumber"), &log->block) ||
	    !read_bounded(json_get(j, "logIndex"), &log->index))
		return art_fail(err, ART_INVALID, "a log does not say where it stands");
	if (!fits(log, f))
		return art_fail(err, ART_INVALID, "the node answers a log that was not asked for");
	return ART_OK;
}

enum art_status rpc_read_logs(const struct json *j, const struct rpc_log_filter *f,
			      struct rpc_logs *out, struct art_err *err)
{
	enum art_status st = ART_OK;

	memset(out, 0, sizeof(*out));
	if (!json_is_array(j))
		return art_fail(err, ART_INVALID, "the result is no list of logs");
	for (const struct json *m = json_at(j, 0); m && st == ART_OK; m = json_next(m)) {
		if (json_bool(json_get(m, "removed"), false))
			continue; /* of a block that is no longer part of the chain */
		if (out->n == f->max) {
			st = art_fail(err, ART_LIMIT, "more than %zu logs", f->max);
			break;
		}
		if (out->n == out->cap) {
			out->cap = out->cap ? 2 * out->cap : 8;
			out->rows = art_grow(out->rows, out->cap, sizeof(*out->rows));
		}
		memset(&out->rows[out->n], 0, sizeof(*out->rows));
		st = read_log(m, f, &out->rows[out->n++], err);
	}
	if (st != ART_OK)
		rpc_logs_destroy(out);
	return st;
}

void rpc_logs_destroy(struct rpc_logs *l)
{
	for (size_t i = 0; i < l->n; i++)
		art_buf_destroy(&l->rows[i].data);
	free(l->rows);
	memset(l, 0, sizeof(*l));
}
