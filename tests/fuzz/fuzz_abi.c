/*
 * fuzz_abi.c - results of contract calls: nothing read lies outside of them, whatever they say.
 */
#include "core/chain/abi.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int heads = (int)(size / 32);

	for (int at = -1; at <= heads && at < 40; at++) {
		const uint8_t *p;
		struct eth_address a;
		struct eth_word w;
		struct u256 v;
		uint64_t u;
		size_t n;
		bool b, there = at >= 0 && at < heads;

		FUZZ_MUST(abi_get_u256(data, size, at, &v) == there);
		FUZZ_MUST(abi_get_word(data, size, at, &w) == there);
		FUZZ_MUST(!abi_get_bool(data, size, at, &b) || abi_get_u64(data, size, at, &u));
		FUZZ_MUST(!abi_get_address(data, size, at, &a) || there);
		if (abi_get_bytes(data, size, at, &p, &n))
			FUZZ_MUST(there && p >= data + 32 && n <= size && p + n <= data + size);
	}
	return 0;
}
