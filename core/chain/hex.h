/*
 * hex.h - hex text, addresses and 32-byte words of the Ethereum family.
 *
 * Layer: core (store/base.h alone). Threads: any; values. Sources: EIP-55 (checksummed addresses),
 * the JSON-RPC specification (quantities have no leading zeros).
 */
#ifndef CORE_CHAIN_HEX_H
#define CORE_CHAIN_HEX_H

#include "store/base.h"

#define ETH_ADDRESS_TEXT 43 /* 0x, 40 digits, NUL */
#define ETH_WORD_TEXT 67    /* 0x, 64 digits, NUL */
#define ETH_SIGNATURE_TEXT 133

struct eth_address {
	uint8_t b[20];
};
struct eth_word { /* a hash, a nonce, a storage word */
	uint8_t b[32];
};

/* "0x.." or bare hex of exactly @n bytes into @out. False for anything else. */
ART_MUST_USE bool hex_decode(const char *s, uint8_t *out, size_t n);
/* As hex_decode for a length not known before: at most @max bytes, even digits. */
ART_MUST_USE bool hex_decode_some(const char *s, uint8_t *out, size_t max, size_t *n);
/* "0x" and lower-case digits; @buf of at least 2 * n + 3 bytes. Returns @buf. */
const char *hex_encode(const uint8_t *p, size_t n, char *buf);
/* The same appended to a buffer. */
ART_MUST_USE enum art_status hex_append(struct art_buf *b, const uint8_t *p, size_t n);

/* 0x and 40 digits, of one case or with the right EIP-55 checksum. INVALID says which is wrong. */
ART_MUST_USE enum art_status eth_address_parse(const char *s, struct eth_address *out,
					       struct art_err *err);
/* Checksummed. Returns @buf. */
const char *eth_address_text(const struct eth_address *a, char buf[ETH_ADDRESS_TEXT]);
bool eth_address_equal(const struct eth_address *a, const struct eth_address *b);
bool eth_address_is_zero(const struct eth_address *a);

ART_MUST_USE bool eth_word_parse(const char *s, struct eth_word *out); /* exactly 32 bytes */
const char *eth_word_text(const struct eth_word *w, char buf[ETH_WORD_TEXT]);

#endif
