/*
 * bench_crypto.c - hashes and signatures beside their named peers, in the same run.
 *
 * Keccak-256 against OpenSSL's SHA3-256 (the same permutation, another padding); signing and recovering
 * against bare libsecp256k1; the signer's path (another process, its policy, its journal on disk) against
 * bare signing. Each figure is the best of five rounds. "artui __signer" is this program again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "core/chain/keccak.h"
#include "core/pay/keystore.h"
#include "core/pay/signer.h"

#define ROUNDS 5
#define ROUND_US 200000
#define MONEY_CAP 1000000000000 /* micro-dollars: no cap is in the way */

static struct art_err err;

static void need(enum art_status s, const char *what)
{
	if (s == ART_OK)
		return;
	printf("FAIL %s: %s\n", what, err.text);
	exit(1);
}

struct work {
	struct keys *keys;
	secp256k1_context *bare;
	struct eth_key key;
	struct eth_word digest;
	struct eth_signature sig;
	secp256k1_ecdsa_recoverable_signature bare_sig;
	struct signer *signer;
	struct eip712_domain domain;
	struct eip3009 a;
	uint64_t nonce;
	uint8_t *data;
	size_t len;
	EVP_MD *sha3;
};

/* Calls a second in one round. */
static double once(struct work *w, void (*fn)(struct work *w))
{
	int64_t from = art_mono_us(), now = from;
	long n = 0;

	for (; now - from < ROUND_US; now = art_mono_us())
		for (int i = 0; i < 4; i++, n++)
			fn(w);
	return (double)n * 1e6 / (double)(now - from);
}

static double rate(struct work *w, void (*fn)(struct work *w))
{
	double best = 0, r;

	for (int i = 0; i < ROUNDS; i++) {
		r = once(w, fn);
		best = r > best ? r : best;
	}
	return best;
}

/* Both in turn, so that what else the machine does meets both. */
static void rates(struct work *w, void (*ours)(struct work *), void (*peer)(struct work *), double *a, double *b)
{
	*a = *b = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double x = once(w, ours), y = once(w, peer);

		*a = x > *a ? x : *a;
		*b = y > *b ? y : *b;
	}
}

static void do_keccak(struct work *w)
{
	w->digest = keccak256(w->data, w->len);
}

static void do_sha3(struct work *w)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned n;

	if (EVP_Digest(w->data, w->len, out, &n, w->sha3, NULL) != 1)
		exit(1);
}

static void do_sign(struct work *w)
{
	w->digest.b[0]++;
	need(keys_sign(w->keys, &w->key, &w->digest, &w->sig, &err), "sign");
}

static void bare_sign(struct work *w)
{
	w->digest.b[0]++;
	if (!secp256k1_ecdsa_sign_recoverable(w->bare, &w->bare_sig, w->digest.b, w->key.b, NULL, NULL))
		exit(1);
}

static void do_recover(struct work *w)
{
	struct eth_address who;

	need(keys_recover(w->keys, &w->digest, &w->sig, &who, &err), "recover");
}

static void bare_recover(struct work *w)
{
	secp256k1_pubkey pub;

	if (!secp256k1_ecdsa_recover(w->bare, &pub, &w->bare_sig, w->digest.b))
		exit(1);
}

static void do_authorize(struct work *w)
{
	struct u256 n = u256_from_u64(++w->nonce);

	memcpy(w->a.nonce.b, n.be, 32);
	need(signer_authorize(w->signer, &w->domain, &w->a, &w->sig, &err), "authorize");
}

static void ask_again(struct work *w)
{
	need(signer_authorize(w->signer, &w->domain, &w->a, &w->sig, &err), "authorize again");
}

/* A journal that lives in memory: what the disk costs is the difference. */
static void start_signer(struct work *w, char *dir)
{
	static const struct keystore_options quick = { .work = 2 };
	struct signer_setup *s = art_alloc(1, sizeof(*s));
	struct usdc cap;
	struct art_buf file;
	int pipes[2];

	if (!usdc_from_micro(MONEY_CAP, &cap) || pipe(pipes) || write(pipes[1], "x", 1) != 1)
		exit(1);
	close(pipes[1]);
	art_buf_init(&file, KEYSTORE_FILE_MAX);
	need(keystore_encrypt(w->keys, &w->key, "x", 1, &quick, &file, &err), "keystore");
	snprintf(s->keystore, sizeof(s->keystore), "%s/key.json", dir);
	need(art_write_file(s->keystore, file.data, file.len, 0600, &err), "keystore");
	snprintf(s->state_dir, sizeof(s->state_dir), "%s", dir);
	s->password_fd = pipes[0];
	s->policy.tokens[s->policy.n_tokens++].domain = w->domain;
	s->policy.cap_payment = s->policy.cap_hour = s->policy.cap_day = s->policy.cap_total = cap;
	s->policy.max_window_s = 86400;
	need(signer_start(&w->signer, s, &err), "signer");
	need(signer_unlock(w->signer, &w->a.from, &err), "unlock");
	close(pipes[0]);
	art_buf_destroy(&file);
	free(s);
}

static void bench_signer(struct work *w, const char *under, double bare)
{
	char dir[256], path[300];
	double first, again;

	snprintf(dir, sizeof(dir), "%s/artui-bench.XXXXXX", under);
	if (!mkdtemp(dir)) {
		printf("signer, journal in %-22s not measured: no such folder\n", under);
		return;
	}
	w->nonce = 0;
	start_signer(w, dir);
	first = rate(w, do_authorize);
	again = rate(w, ask_again);
	printf("signer, journal in %-10s %9.0f /s   %5.3f of bare signing (%llu records)\n", under, first, first / bare,
	       (unsigned long long)w->nonce);
	printf("signer, the same again      %9.0f /s   %5.3f of bare signing\n", again, again / bare);
	signer_stop(w->signer);
	static const char *const names[] = { "key.json", "frozen" };
	for (size_t i = 0; i < ART_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/signer-%s.log", dir, hex_encode(w->a.from.b, 20, (char[ETH_ADDRESS_TEXT]){ 0 }));
	unlink(path);
	if (rmdir(dir))
		printf("%s is left behind\n", dir);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 32, 136, 4096, 1 << 20 };
	struct work w = { .domain = { .name = "USDC", .version = "2", .chain_id = 84532, .has_contract = true } };
	double ours, bare, peer;

	if (argc > 1 && !strcmp(argv[1], "__signer"))
		return signer_main(argc, argv);
	need(keys_open(&w.keys, &err), "keys");
	w.bare = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
	w.sha3 = EVP_MD_fetch(NULL, "SHA3-256", NULL);
	memset(w.key.b, 7, sizeof(w.key.b));
	w.domain.contract.b[0] = 1;
	w.a.to.b[0] = 2;
	w.a.value = u256_from_u64(1);
	w.a.valid_before = u256_from_u64((uint64_t)(art_now_us() / 1000000 + 3600));
	w.data = art_alloc(1 << 20, 1);
	for (size_t i = 0; i < ART_COUNT(sizes); i++) {
		w.len = sizes[i];
		rates(&w, do_keccak, do_sha3, &ours, &bare);
		printf("keccak-256 of %7zu bytes   %9.0f /s   %5.2f of OpenSSL's SHA3-256 (%.0f MB/s)\n", w.len, ours,
		       ours / bare, ours * (double)w.len / 1e6);
	}
	rates(&w, do_sign, bare_sign, &ours, &bare);
	printf("sign                        %9.0f /s   %5.2f of bare libsecp256k1\n", ours, ours / bare);
	/* One digest, signed by both. */
	bare_sign(&w);
	need(keys_sign(w.keys, &w.key, &w.digest, &w.sig, &err), "sign");
	rates(&w, do_recover, bare_recover, &ours, &peer);
	printf("recover (verify)            %9.0f /s   %5.2f of bare libsecp256k1\n", ours, ours / peer);
	bench_signer(&w, "/dev/shm", bare);
	bench_signer(&w, ".", bare);
	free(w.data);
	EVP_MD_free(w.sha3);
	secp256k1_context_destroy(w.bare);
	keys_close(w.keys);
	return 0;
}
