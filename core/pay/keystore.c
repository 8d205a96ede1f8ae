/*
 * keystore.c - Web3 secret storage, version 3.
 *
 * Layer: core; OpenSSL's key derivation and AES stay in here.
 */
#include "core/pay/keystore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "core/chain/keccak.h"
#include "store/json.h"

#define DERIVED 32
#define SALT_MAX 64
#define IV 16
#define DEFAULT_WORK 262144
#define SCRYPT_R 8
#define SCRYPT_P 1
#define MEMORY_MAX ((uint64_t)1 << 30)
#define BLOCKS_MAX ((uint64_t)32 << 20)
#define MIXES_MAX ((uint64_t)1 << 26)
#define COUNT_MAX 10000000

/* What a file holds, decoded. */
struct sealed {
	enum keystore_kdf kdf;
	int64_t n, r, p, c, dklen;
	uint8_t salt[SALT_MAX], iv[IV], cipher[32], mac[32];
	size_t salt_len;
};

/* ---- primitives -------------------------------------------------------------------------------- */

static enum art_status derive(const struct sealed *k, const char *password, size_t len,
			      uint8_t out[DERIVED], struct art_err *err)
{
	int ok;

	if (k->kdf == KEYSTORE_PBKDF2)
		ok = PKCS5_PBKDF2_HMAC(password, (int)len, k->salt, (int)k->salt_len, (int)k->c,
				       EVP_sha256(), DERIVED, out);
	else
		ok = EVP_PBE_scrypt(password, len, k->salt, k->salt_len, (uint64_t)k->n, (uint64_t)k->r,
				    (uint64_t)k->p, MEMORY_MAX + 2 * BLOCKS_MAX, out, DERIVED);
	return ok == 1 ? ART_OK
		       : art_fail(err, ART_INVALID, "a keystore's %s parameters are outside that "
				  "function's own limits", k->kdf == KEYSTORE_PBKDF2 ? "pbkdf2" : "scrypt");
}

/* AES-128-CTR is its own inverse. */
static void crypt_key(const uint8_t derived[DERIVED], const uint8_t iv[IV], const uint8_t in[32],
		      uint8_t out[32])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;

	if (!c || EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, derived, iv) != 1 ||
	    EVP_EncryptUpdate(c, out, &n, in, 32) != 1 || n != 32)
		art_die("cannot encrypt: OpenSSL refuses AES-128-CTR");
	EVP_CIPHER_CTX_free(c);
}

static void seal_mac(const uint8_t derived[DERIVED], const uint8_t cipher[32], uint8_t out[32])
{
	struct keccak k;
	struct eth_word h;

	keccak_begin(&k);
	keccak_add(&k, derived + 16, 16);
	keccak_add(&k, cipher, 32);
	h = keccak_end(&k);
	memcpy(out, h.b, 32);
}

/* ---- writing ----------------------------------------------------------------------------------- */

static void put_hex(struct json_out *o, const char *key, const uint8_t *p, size_t n)
{
	char text[2 * SALT_MAX + 3];

	json_put_str(o, key, hex_encode(p, n, text) + 2);
}

static void put_kdf(struct json_out *o, const struct sealed *k)
{
	json_put_str(o, "kdf", k->kdf == KEYSTORE_PBKDF2 ? "pbkdf2" : "scrypt");
	json_open_object(o, "kdfparams");
	json_put_int(o, "dklen", DERIVED);
	if (k->kdf == KEYSTORE_PBKDF2) {
		json_put_int(o, "c", k->c);
		json_put_str(o, "prf", "hmac-sha256");
	} else {
		json_put_int(o, "n", k->n);
		json_put_int(o, "p", k->p);
		json_put_int(o, "r", k->r);
	}
	put_hex(o, "salt", k->salt, k->salt_len);
	json_close_object(o);
}

static void put_file(struct art_buf *out, const struct sealed *k, const struct eth_address *who,
		     uint8_t id[16])
{
	struct json_out o;
	char uuid[40], hex[40];

	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	hex_encode(id, 16, hex);
	snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex + 2, hex + 10, hex + 14, hex + 18,
		 hex + 22);
	json_out_init(&o, out, false);
	json_open_object(&o, NULL);
	put_hex(&o, "address", who->b, sizeof(who->b));
	json_open_object(&o, "crypto");
	json_put_str(&o, "cipher", "aes-128-ctr");
	put_hex(&o, "ciphertext", k->cipher, sizeof(k->cipher));
	json_open_object(&o, "cipherparams");
	put_hex(&o, "iv", k->iv, sizeof(k->iv));
	json_close_object(&o);
	put_kdf(&o, k);
	put_hex(&o, "mac", k->mac, sizeof(k->mac));
	json_close_object(&o);
	json_put_str(&o, "id", uuid);
	json_put_int(&o, "version", 3);
	json_close_object(&o);
}

static enum art_status check_work(const struct sealed *k, struct art_err *err)
{
	uint64_t n = (uint64_t)k->n, r = (uint64_t)k->r, p = (uint64_t)k->p;

	if (k->kdf == KEYSTORE_PBKDF2) {
		if (k->c < 1)
			return art_fail(err, ART_INVALID, "a keystore's pbkdf2 count must be positive");
		if (k->c > COUNT_MAX)
			return art_fail(err, ART_LIMIT, "a keystore's pbkdf2 count %" PRId64 " is beyond "
					"%d", k->c, COUNT_MAX);
		return ART_OK;
	}
	if (k->n < 2 || (n & (n - 1)) || k->r < 1 || k->p < 1)
		return art_fail(err, ART_INVALID, "a keystore's scrypt parameters are no scrypt "
				"parameters (n a power of two, r and p positive)");
	/* Memory is 128 r n for the mixing and 128 r p for its blocks. */
	if (n > MIXES_MAX || r > MIXES_MAX || p > MIXES_MAX || n * r > MIXES_MAX / p ||
	    128 * n * r > MEMORY_MAX || 128 * r * p > BLOCKS_MAX)
		return art_fail(err, ART_LIMIT, "a keystore's scrypt parameters ask for more memory or "
				"work than is given (1 GiB, 2^26 mixes)");
	return ART_OK;
}

enum art_status keystore_encrypt(const struct keys *k, const struct eth_key *key, const char *password,
				 size_t password_len, const struct keystore_options *opt,
				 struct art_buf *out, struct art_err *err)
{
	int64_t work = opt->work ? opt->work : DEFAULT_WORK;
	struct sealed f = { .kdf = opt->kdf, .n = work, .r = SCRYPT_R, .p = SCRYPT_P, .c = work,
			    .salt_len = 32 };
	struct eth_address who;
	uint8_t derived[DERIVED], id[16];
	enum art_status s = check_work(&f, err);

	s = s ? s : keys_address(k, key, &who, err);
	s = s ? s : keys_random(f.salt, f.salt_len, err);
	s = s ? s : keys_random(f.iv, sizeof(f.iv), err);
	s = s ? s : keys_random(id, sizeof(id), err);
	s = s ? s : derive(&f, password, password_len, derived, err);
	if (s == ART_OK) {
		crypt_key(derived, f.iv, key->b, f.cipher);
		seal_mac(derived, f.cipher, f.mac);
		put_file(out, &f, &who, id);
	}
	keys_wipe(derived, sizeof(derived));
	return s;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static bool get_hex(const struct json *obj, const char *key, uint8_t *out, size_t n)
{
	const char *s = json_str(json_get(obj, key));

	return s && hex_decode(s, out, n);
}

static int64_t get_int(const struct json *obj, const char *key)
{
	struct opt_i64 v = json_int(json_get(obj, key));

	return v.known ? v.v : -1;
}

static enum art_status read_kdf(const struct json *crypto, struct sealed *f, struct art_err *err)
{
	const struct json *p = json_get(crypto, "kdfparams");
	const char *kdf = json_str(json_get(crypto, "kdf")), *salt = json_str(json_get(p, "salt"));
	const char *prf = json_str(json_get(p, "prf"));

	if (!kdf || (strcmp(kdf, "scrypt") != 0 && strcmp(kdf, "pbkdf2") != 0))
		return art_fail(err, ART_INVALID, "a keystore's kdf is neither scrypt nor pbkdf2");
	f->kdf = !strcmp(kdf, "pbkdf2") ? KEYSTORE_PBKDF2 : KEYSTORE_SCRYPT;
	if (f->kdf == KEYSTORE_PBKDF2 && (!prf || strcmp(prf, "hmac-sha256") != 0))
		return art_fail(err, ART_INVALID, "a keystore's pbkdf2 is not over hmac-sha256");
	f->n = get_int(p, "n");
	f->r = get_int(p, "r");
	f->p = get_int(p, "p");
	f->c = get_int(p, "c");
	if (get_int(p, "dklen") != DERIVED)
		return art_fail(err, ART_INVALID, "a keystore's dklen is not %d", DERIVED);
	if (!salt || !hex_decode_some(salt, f->salt, sizeof(f->salt), &f->salt_len))
		return art_fail(err, ART_INVALID, "a keystore's salt is missing or no hex");
	return check_work(f, err);
}

static enum art_status read_sealed(const struct json *root, struct sealed *f, struct art_err *err)
{
	const struct json *crypto = json_get(root, "crypto");
	const char *cipher;

	if (!crypto)
		crypto = json_get(root, "Crypto");
	if (!json_is_object(crypto))
		return art_fail(err, ART_INVALID, "not a keystore: there is no \"crypto\" in it");
	if (get_int(root, "version") != 3)
		return art_fail(err, ART_INVALID, "a keystore of another version than 3");
	cipher = json_str(json_get(crypto, "cipher"));
	if (!cipher || strcmp(cipher, "aes-128-ctr") != 0)
		return art_fail(err, ART_INVALID, "a keystore's cipher is not aes-128-ctr");
	if (!get_hex(json_get(crypto, "cipherparams"), "iv", f->iv, sizeof(f->iv)) ||
	    !get_hex(crypto, "ciphertext", f->cipher, sizeof(f->cipher)) ||
	    !get_hex(crypto, "mac", f->mac, sizeof(f->mac)))
		return art_fail(err, ART_INVALID, "a keystore's iv (16 bytes), ciphertext (32) or mac (32) "
				"is missing or malformed");
	return read_kdf(crypto, f, err);
}

/* NOT_FOUND: it names none. */
static enum art_status named_address(const struct json *root, struct eth_address *out,
				     struct art_err *err)
{
	const struct json *j = json_get(root, "address");
	const char *s = json_str(j);

	if (!j || json_is_null(j) || (s && !*s))
		return art_fail(err, ART_NOT_FOUND, "the keystore does not name its address");
	if (!s || !hex_decode(s, out->b, sizeof(out->b)))
		return art_fail(err, ART_INVALID, "a keystore's address is malformed");
	return ART_OK;
}

static enum art_status open_sealed(const struct keys *k, const struct sealed *f,
				   const struct json *root, const char *password, size_t len,
				   struct eth_key *out, struct art_err *err)
{
	struct eth_address named, own;
	uint8_t derived[DERIVED], mac[32];
	struct art_err why = { 0 };
	enum art_status of_name = named_address(root, &named, &why), s;

	if (of_name == ART_INVALID)
		return art_fail(err, of_name, "%s", why.text);
	s = derive(f, password, len, derived, err);
	if (s == ART_OK) {
		seal_mac(derived, f->cipher, mac);
		if (CRYPTO_memcmp(mac, f->mac, sizeof(mac)) != 0)
			s = art_fail(err, ART_REFUSED, "wrong password");
		else
			crypt_key(derived, f->iv, f->cipher, out->b);
	}
	keys_wipe(derived, sizeof(derived));
	s = s ? s : keys_address(k, out, &own, err);
	if (s == ART_OK && of_name == ART_OK && !eth_address_equal(&named, &own))
		s = art_fail(err, ART_CORRUPT, "a keystore's key is not the one of the address it names");
	return s;
}

enum art_status keystore_decrypt(const struct keys *k, const char *text, size_t len,
				 const char *password, size_t password_len, struct eth_key *out,
				 struct art_err *err)
{
	struct json *root = NULL;
	struct sealed f = { 0 };
	struct art_err why = { 0 };
	enum art_status s = json_parse(&root, text, len, KEYSTORE_FILE_MAX, &why);

	if (s != ART_OK)
		art_fail(err, s, "not a keystore: %.200s", why.text);
	s = s ? s : read_sealed(root, &f, err);
	s = s ? s : open_sealed(k, &f, root, password, password_len, out, err);
	if (s != ART_OK)
		keys_wipe(out, sizeof(*out));
	json_free(root);
	return s;
}

enum art_status keystore_address(const char *text, size_t len, struct eth_address *out,
				 struct art_err *err)
{
	struct json *root = NULL;
	struct sealed f = { 0 };
	enum art_status s = json_parse(&root, text, len, KEYSTORE_FILE_MAX, err);

	s = s ? s : read_sealed(root, &f, err);
	s = s ? s : named_address(root, out, err);
	json_free(root);
	return s;
}
