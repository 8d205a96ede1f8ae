/*
 * hash.h - SHA-256 (OpenSSL stays inside hash.c).
 *
 * Layer: store. Threads: any. Out: 64 lower-case hex digits and a NUL.
 */
#ifndef STORE_HASH_H
#define STORE_HASH_H

#include "store/base.h"

#define HASH_HEX 65
struct hash_hex {
	char s[HASH_HEX];
};

struct hash_hex hash_bytes(const void *p, size_t n);
ART_MUST_USE enum art_status hash_file(const char *path, struct hash_hex *out, struct art_err *err);

/* Incremental. hash_end frees the state. */
struct hash_state;
struct hash_state *hash_begin(void);
void hash_add(struct hash_state *h, const void *p, size_t n);
struct hash_hex hash_end(struct hash_state *h);

#endif
