/*
 * keystore.h - Web3 secret storage, version 3: encrypted key files as geth and foundry write and read
 * them. Source: the Web3 Secret Storage Definition; RFC 7914 (scrypt), RFC 8018 (PBKDF2).
 *
 * Layer: core; OpenSSL's scrypt, PBKDF2 and AES stay inside keystore.c. Threads: any; values. A file is
 * hostile: memory and work its parameters ask for have ceilings (1 GiB, 2^26 block mixes; c <= 10^7).
 */
#ifndef CORE_PAY_KEYSTORE_H
#define CORE_PAY_KEYSTORE_H

#include "core/chain/keys.h"

#define KEYSTORE_FILE_MAX (64u << 10)
#define KEYSTORE_PASSWORD_MAX 1024

enum keystore_kdf { KEYSTORE_SCRYPT, KEYSTORE_PBKDF2 };
struct keystore_options {
	enum keystore_kdf kdf;
	int64_t work; /* scrypt n (a power of two, r = 8, p = 1) or PBKDF2 count; 0: 262144 */
};
/* The JSON text of a new file (id, salt and iv random; lower-case "crypto"; "address" without 0x). */
ART_MUST_USE enum art_status keystore_encrypt(const struct keys *k, const struct eth_key *key,
					      const char *password, size_t password_len,
					      const struct keystore_options *opt,
					      struct art_buf *out, struct art_err *err);
/* REFUSED: wrong password (the MAC differs). INVALID: no keystore; says what is wrong. LIMIT: its
 * parameters are beyond the ceilings. @out is wiped on failure. When the file names an address, the
 * key must have it (CORRUPT). */
ART_MUST_USE enum art_status keystore_decrypt(const struct keys *k, const char *text, size_t len,
					      const char *password, size_t password_len,
					      struct eth_key *out, struct art_err *err);
/* The address a file names, without its password. NOT_FOUND when it names none. */
ART_MUST_USE enum art_status keystore_address(const char *text, size_t len, struct eth_address *out,
					      struct art_err *err);

#endif
