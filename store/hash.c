/*
 * hash.c - SHA-256 over OpenSSL's EVP.
 *
 * Layer: store. OpenSSL fails here only for want of memory (or without SHA-256 at all), which
 * is fatal like any other exhaustion.
 */
#include "store/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { CHUNK = 64 * 1024 };

struct hash_state {
	EVP_MD_CTX *ctx;
};

struct hash_state *hash_begin(void)
{
	struct hash_state *h = art_alloc(1, sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		art_die("cannot start SHA-256: OpenSSL refuses");
	return h;
}

void hash_add(struct hash_state *h, const void *p, size_t n)
{
	if (n && EVP_DigestUpdate(h->ctx, p, n) != 1)
		art_die("cannot go on with SHA-256: OpenSSL refuses");
}

struct hash_hex hash_end(struct hash_state *h)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	struct hash_hex out;
	unsigned n = 0;

	if (EVP_DigestFinal_ex(h->ctx, md, &n) != 1)
		art_die("cannot finish SHA-256: OpenSSL refuses");
	ART_BUG_ON(n * 2 + 1 != HASH_HEX);
	EVP_MD_CTX_free(h->ctx);
	free(h);
	for (unsigned i = 0; i < n; i++) {
		out.s[2 * i] = digits[md[i] >> 4];
		out.s[2 * i + 1] = digits[md[i] & 15];
	}
	out.s[2 * n] = '\0';
	return out;
}

struct hash_hex hash_bytes(const void *p, size_t n)
{
	struct hash_state *h = hash_begin();

	hash_add(h, p, n);
	return hash_end(h);
}

enum art_status hash_file(const char *path, struct hash_hex *out, struct art_err *err)
{
	enum art_status s = ART_OK;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return art_fail_errno(err, "cannot open %s", path);

	struct hash_state *h = hash_begin();
	char *chunk = art_alloc(CHUNK, 1);

	for (;;) {
		ssize_t got = read(fd, chunk, CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			s = art_fail_errno(err, "cannot read %s", path);
		if (got <= 0)
			break;
		hash_add(h, chunk, (size_t)got);
	}
	free(chunk);
	close(fd);

	struct hash_hex sum = hash_end(h); /* also frees the state after a failure */

	if (!s)
		*out = sum;
	return s;
}
