/*
 * fuzz_rpc.c - a node's answer to call 7: what is read from it is what was asked for, within its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "core/chain/rpc_private.h"
#include "tests/fuzz/fuzz.h"

#define ROOM 300
#define FROM 16
#define TO 4096
#define LOGS_MAX 5

static void shown(const char *text)
{
	FUZZ_MUST(art_utf8_valid(text, strlen(text), NULL));
	for (const char *p = text; *p; p++)
		FUZZ_MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void failed(enum art_status s, const struct art_err *err)
{
	FUZZ_MUST(s != ART_OK && err->code == s);
	shown(err->text);
}

static void read_logs(const struct json *j)
{
	struct eth_address address = { { [0] = 0x03, [19] = 0x7e } };
	struct eth_word topic = { { [0] = 0xdd, [31] = 0xef } };
	struct rpc_log_filter f[] = {
		{ .from = FROM, .to = TO, .max = LOGS_MAX },
		{ .address = &address, .topics = { &topic }, .from = FROM, .to = TO, .max = LOGS_MAX },
	};

	for (size_t i = 0; i < ART_COUNT(f); i++) {
		struct rpc_logs logs = { 0 };
		struct art_err err = { 0 };
		enum art_status s = rpc_read_logs(j, &f[i], &logs, &err);

		if (s != ART_OK)
			failed(s, &err);
		FUZZ_MUST(logs.n <= LOGS_MAX && (s == ART_OK || !logs.n));
		for (size_t k = 0; k < logs.n; k++) {
			const struct rpc_log *l = &logs.rows[k];

			FUZZ_MUST(l->block >= FROM && l->block <= TO && l->n_topics >= 0 && l->n_topics <= 4);
			if (i) {
				FUZZ_MUST(eth_address_equal(&l->address, &address));
				FUZZ_MUST(l->n_topics > 0 && !memcmp(&l->topics[0], &topic, sizeof(topic)));
			}
		}
		rpc_logs_destroy(&logs);
	}
}

static void read_result(const struct json *j)
{
	uint8_t bytes[ROOM];
	struct art_err err = { 0 };
	struct eth_word word, tx = { { 7 } };
	struct rpc_receipt receipt;
	struct rpc_block block;
	struct u256 n;
	size_t len;
	enum art_status s = rpc_read_bytes(j, bytes, sizeof(bytes), &len, &err);

	FUZZ_MUST(len <= sizeof(bytes) && (s == ART_OK || !len));
	if (s != ART_OK)
		failed(s, &err);
	(void)!rpc_read_word(j, &word);
	(void)!rpc_read_u256(j, &n);
	s = rpc_read_block(j, &block, &err);
	if (s == ART_OK)
		FUZZ_MUST(block.number < RPC_NUMBER_MAX && block.timestamp >= 0 &&
			  (uint64_t)block.timestamp < RPC_NUMBER_MAX);
	else
		failed(s, &err);
	s = rpc_read_receipt(j, &tx, &receipt, &err);
	if (s != ART_OK)
		failed(s, &err);
	s = rpc_read_base_fee(j, &n, &err);
	if (s != ART_OK)
		failed(s, &err);
	read_logs(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = art_alloc(size + 1, 1);
	struct json *result = NULL;
	struct rpc_error re;
	struct art_err err = { 0 };
	enum art_status s;

	memcpy(body, data, size);
	s = rpc_read_answer(body, size, RPC_ANSWER_MAX, 7, &result, &re, &err);
	FUZZ_MUST((s == ART_OK) == (result != NULL));
	FUZZ_MUST(re.data_len <= sizeof(re.data));
	shown(re.message);
	shown(re.reason);
	if (s == ART_OK) {
		read_result(result);
	} else {
		FUZZ_MUST(s == ART_REFUSED || s == ART_INVALID || s == ART_LIMIT);
		failed(s, &err);
		(void)rpc_says_known(re.message);
	}
	json_free(result);
	free(body);
	return 0;
}
