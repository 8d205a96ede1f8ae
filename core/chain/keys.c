/*
 * keys.c - the one file that sees libsecp256k1.
 *
 * Layer: core.
 */
#include "core/chain/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "core/chain/keccak.h"

struct keys {
	secp256k1_context *context;
};

enum art_status keys_random(void *p, size_t n, struct art_err *err)
{
	uint8_t *b = p;

	while (n) {
		ssize_t got = getrandom(b, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return art_fail_errno(err, "the system's random generator");
		b += got;
		n -= (size_t)got;
	}
	return ART_OK;
}

void keys_wipe(void *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
}

enum art_status keys_open(struct keys **out, struct art_err *err)
{
	struct keys *k;
	uint8_t seed[32];
	enum art_status s = keys_random(seed, sizeof(seed), err);

	if (s != ART_OK)
		return s;
	k = art_alloc(1, sizeof(*k));
	k->context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
	/* Blinds signing against what power and time tell. */
	ART_BUG_ON(!secp256k1_context_randomize(k->context, seed));
	keys_wipe(seed, sizeof(seed));
	*out = k;
	return ART_OK;
}

void keys_close(struct keys *k)
{
	if (!k)
		return;
	secp256k1_context_destroy(k->context);
	free(k);
}

static void address_of(const struct keys *k, const secp256k1_pubkey *pub, struct eth_address *out)
{
	uint8_t point[65];
	size_t n = sizeof(point);
	struct eth_word h;

	secp256k1_ec_pubkey_serialize(k->context, point, &n, pub, SECP256K1_EC_UNCOMPRESSED);
	h = keccak256(point + 1, 64);
	memcpy(out->b, h.b + 12, sizeof(out->b));
}

enum art_status keys_address(const struct keys *k, const struct eth_key *key,
			     struct eth_address *out, struct art_err *err)
{
	secp256k1_pubkey pub;

	if (!secp256k1_ec_pubkey_create(k->context, &pub, key->b))
		return art_fail(err, ART_INVALID, "that is no private key: it must be above zero and "
				"below the order of secp256k1");
	address_of(k, &pub, out);
	return ART_OK;
}

enum art_status keys_sign(const struct keys *k, const struct eth_key *key,
			  const struct eth_word *digest, struct eth_signature *out,
			  struct art_err *err)
{
	secp256k1_ecdsa_recoverable_signature sig;
	int id = 0;

	/* RFC 6979: the same digest gives the same signature, which paying twice relies on not to. */
	if (!secp256k1_ecdsa_sign_recoverable(k->context, &sig, digest->b, key->b,
					      secp256k1_nonce_function_rfc6979, NULL))
		return art_fail(err, ART_INVALID, "the private key cannot sign");
	secp256k1_ecdsa_recoverable_signature_serialize_compact(k->context, out->b, &id, &sig);
	out->b[64] = (uint8_t)(27 + id);
	return ART_OK;
}

enum art_status keys_recover(const struct keys *k, const struct eth_word *digest,
			     const struct eth_signature *sig, struct eth_address *out,
			     struct art_err *err)
{
	secp256k1_ecdsa_recoverable_signature rec;
	secp256k1_ecdsa_signature plain;
	secp256k1_pubkey pub;
	int v = sig->b[64];

	if (v != 27 && v != 28)
		return art_fail(err, ART_INVALID, "a signature's v must be 27 or 28, not %d", v);
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(k->context, &rec, sig->b, v - 27))
		return art_fail(err, ART_INVALID, "a signature's r or s is out of range");
	secp256k1_ecdsa_recoverable_signature_convert(k->context, &plain, &rec);
	if (secp256k1_ecdsa_signature_normalize(k->context, NULL, &plain))
		return art_fail(err, ART_INVALID, "a signature's s is in the upper half (EIP-2)");
	if (!secp256k1_ecdsa_recover(k->context, &pub, &rec, digest->b))
		return art_fail(err, ART_INVALID, "the signature fits no key");
	address_of(k, &pub, out);
	return ART_OK;
}
