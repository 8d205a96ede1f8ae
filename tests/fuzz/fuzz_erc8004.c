/*
 * fuzz_erc8004.c - a log of the identity registry: [kind][topics 1 and 2][data]. What is read is within its
 * bounds, text is text, and what cannot be read owns nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "core/chain/erc8004.h"
#include "core/chain/keccak.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const signatures[] = { "Registered(uint256,string,address)",
						  "URIUpdated(uint256,string,address)",
						  "MetadataSet(uint256,string,string,bytes)",
						  "URIUpdated(uint256,string)" };
	struct rpc_log log = { .block = 1, .index = 2, .n_topics = 3 };
	struct erc8004_event e;
	struct art_err err = { 0 };
	size_t which;
	enum art_status s;
	const uint8_t *key;
	size_t n;

	if (size < 65)
		return 0;
	which = data[0] % 4;
	log.topics[0] = keccak256(signatures[which], strlen(signatures[which]));
	memcpy(log.topics[1].b, data + 1, 32);
	memcpy(log.topics[2].b, data + 33, 32);
	log.data = (struct art_buf){ .data = (char *)data + 65, .len = size - 65 };
	/* No fuzzer finds a hash: a high bit asks for the right one. */
	if ((data[0] & 0x80) && abi_get_bytes(data + 65, size - 65, 0, &key, &n))
		log.topics[2] = keccak256(key, n);
	s = erc8004_event_read(&log, &e, &err);
	FUZZ_MUST(s == ART_OK || (s == ART_INVALID && !e.uri && err.text[0]));
	if (s == ART_OK) {
		FUZZ_MUST(which < 3 && (size_t)e.kind == which && e.block == 1 && e.index == 2);
		FUZZ_MUST(!memcmp(e.agent.be, data + 1, 32));
		FUZZ_MUST((e.kind == ERC8004_METADATA_SET) == !e.uri);
		FUZZ_MUST(!e.uri || (strlen(e.uri) <= size && art_utf8_valid(e.uri, strlen(e.uri), NULL)));
		FUZZ_MUST(strnlen(e.key, sizeof(e.key)) < sizeof(e.key) && e.value_len <= sizeof(e.value));
		FUZZ_MUST(art_utf8_valid(e.key, strlen(e.key), NULL));
	}
	erc8004_event_destroy(&e);
	return 0;
}
