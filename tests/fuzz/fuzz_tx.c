/*
 * fuzz_tx.c - a raw transaction that tx_parse takes is written again, byte for byte; any RLP is walked.
 */
#include <string.h>

#include "core/chain/rlp.h"
#include "core/chain/tx.h"
#include "tests/fuzz/fuzz.h"

#define DEPTH_MAX 64

/* Everything in @r; what is read lies within it. */
static void walk(struct rlp r, int depth)
{
	const uint8_t *end = r.p + r.left;

	while (!rlp_done(&r)) {
		const uint8_t *p;
		struct rlp items, same = r;
		struct u256 v;
		size_t n;

		FUZZ_MUST(r.p + r.left == end);
		if (rlp_get_bytes(&r, &p, &n)) {
			FUZZ_MUST(p >= same.p && p + n <= end && r.left < same.left);
			(void)!rlp_get_u256(&same, &v);
		} else if (rlp_get_list(&r, &items)) {
			FUZZ_MUST(items.p + items.left == r.p && r.left < same.left);
			if (depth < DEPTH_MAX)
				walk(items, depth + 1);
		} else {
			FUZZ_MUST(r.p == same.p && r.left == same.left);
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tx_access access[TX_ACCESS_MAX];
	struct eth_signature sig;
	struct art_err err = { 0 };
	struct eth_word hash;
	struct art_buf raw;
	struct tx t;

	walk((struct rlp){ data, size }, 0);
	if (tx_parse(data, size, &t, access, &sig, &err) != ART_OK) {
		FUZZ_MUST(err.code == ART_INVALID && err.text[0]);
		return 0;
	}
	art_buf_init(&raw, 1u << 20);
	FUZZ_MUST(tx_raw(&t, &sig, &raw, &hash, &err) == ART_OK);
	FUZZ_MUST(raw.len == size && !memcmp(raw.data, data, size));
	art_buf_destroy(&raw);
	return 0;
}
