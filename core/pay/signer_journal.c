/*
 * signer_journal.c - the append-only record of signatures.
 *
 * Layer: core. A line is
 *   1 AT_US KIND CHAIN CONTRACT TO VALUE NONCE DIGEST VALID_BEFORE SEAL
 * and its seal the HMAC-SHA256 of the seal before it and the line up to here. An edit breaks the chain;
 * a file put back to an earlier state is not noticed (nothing outside of it remembers).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/pay/signer_private.h"

#define SEAL_HEX (2 * JOURNAL_SEAL)
#define HOUR_US (3600 * (int64_t)1000000)
#define DAY_US (24 * HOUR_US)

void journal_path(const char *state_dir, const struct eth_address *wallet, char out[SIGNER_PATH_MAX])
{
	char hex[ETH_ADDRESS_TEXT];

	snprintf(out, SIGNER_PATH_MAX, "%.900s/signer-%s.log", state_dir,
		 hex_encode(wallet->b, sizeof(wallet->b), hex));
}

static void hmac(const uint8_t *key, size_t key_len, const void *a, size_t a_len, const void *b,
		 size_t b_len, uint8_t out[JOURNAL_SEAL])
{
	uint8_t text[JOURNAL_SEAL + JOURNAL_LINE_MAX];
	unsigned n = 0;

	ART_BUG_ON(a_len + b_len > sizeof(text));
	memcpy(text, a, a_len);
	memcpy(text + a_len, b, b_len);
	if (!HMAC(EVP_sha256(), key, (int)key_len, text, a_len + b_len, out, &n) || n != JOURNAL_SEAL)
		art_die("cannot seal a record: OpenSSL refuses HMAC-SHA256");
}

/* ---- lines ------------------------------------------------------------------------------------- */

static int write_line(const struct signer_record *r, char out[JOURNAL_LINE_MAX])
{
	char contract[ETH_ADDRESS_TEXT], to[ETH_ADDRESS_TEXT], value[U256_TEXT];
	char nonce[ETH_WORD_TEXT], digest[ETH_WORD_TEXT];
	int n = snprintf(out, JOURNAL_LINE_MAX, "1 %" PRId64 " %s %" PRIu64 " %s %s %s %s %s %" PRId64 " ",
			 r->at_us, r->kind, r->chain_id, eth_address_text(&r->contract, contract),
			 eth_address_text(&r->to, to), u256_text(&r->value, value),
			 eth_word_text(&r->nonce, nonce), eth_word_text(&r->digest, digest),
			 r->valid_before);

	ART_BUG_ON(n < 0 || n + SEAL_HEX + 2 > JOURNAL_LINE_MAX);
	return n;
}

/* The next word of *@at, NUL-terminated in place of a copy. */
static bool take_word(const char **at, char *out, size_t size)
{
	size_t n = strcspn(*at, " ");

	if (!n || n >= size)
		return false;
	memcpy(out, *at, n);
	out[n] = 0;
	*at += n + ((*at)[n] == ' ');
	return true;
}

static bool take_int(const char **at, int64_t *out)
{
	char word[32];

	return take_word(at, word, sizeof(word)) && art_parse_i64(word, out);
}

static bool take_address(const char **at, struct eth_address *out)
{
	char word[ETH_ADDRESS_TEXT];

	return take_word(at, word, sizeof(word)) && eth_address_parse(word, out, NULL) == ART_OK;
}

static bool take_hash(const char **at, struct eth_word *out)
{
	char word[ETH_WORD_TEXT];

	return take_word(at, word, sizeof(word)) && eth_word_parse(word, out);
}

bool journal_parse(const char *line, struct signer_record *out)
{
	int64_t version, chain;
	char value[U256_TEXT], seal[SEAL_HEX + 1];

	memset(out, 0, sizeof(*out));
	if (!take_int(&line, &version) || version != 1 || !take_int(&line, &out->at_us) ||
	    !take_word(&line, out->kind, sizeof(out->kind)) || !take_int(&line, &chain) || chain < 0 ||
	    !take_address(&line, &out->contract) || !take_address(&line, &out->to) ||
	    !take_word(&line, value, sizeof(value)) || !u256_parse(value, &out->value) ||
	    !take_hash(&line, &out->nonce) || !take_hash(&line, &out->digest) ||
	    !take_int(&line, &out->valid_before) || !take_word(&line, seal, sizeof(seal)))
		return false;
	out->chain_id = (uint64_t)chain;
	return !*line && strlen(seal) == SEAL_HEX;
}

/* Only what passed signer_judge_authorization is written, so that the value fits. */
struct usdc journal_value(const struct signer_record *r)
{
	struct usdc v = usdc_zero();
	uint64_t micro;

	if (!strcmp(r->kind, "authorization") && u256_to_u64(&r->value, &micro) && micro <= INT64_MAX &&
	    usdc_from_micro((int64_t)micro, &v))
		return v;
	return usdc_zero();
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void remember(struct journal *j, const struct signer_record *r)
{
	j->entries = art_grow(j->entries, j->n + 1, sizeof(*j->entries));
	j->entries[j->n++] = (struct journal_entry){ r->at_us, journal_value(r), r->digest };
}

static enum art_status take_line(struct journal *j, char *line, size_t len, struct art_err *err)
{
	struct signer_record r;
	uint8_t seal[JOURNAL_SEAL], want[JOURNAL_SEAL];

	line[len] = 0;
	if (len < SEAL_HEX || len >= JOURNAL_LINE_MAX || !journal_parse(line, &r) ||
	    !hex_decode(line + len - SEAL_HEX, seal, sizeof(seal)))
		return art_fail(err, ART_CORRUPT, "the signer's journal is damaged at record %zu: nothing is "
				"signed until it is put right", j->n + 1);
	hmac(j->key, sizeof(j->key), j->last, sizeof(j->last), line, len - SEAL_HEX, want);
	if (CRYPTO_memcmp(seal, want, sizeof(want)) != 0)
		return art_fail(err, ART_CORRUPT, "the signer's journal was changed at or before record %zu: "
				"nothing is signed until it is put right", j->n + 1);
	memcpy(j->last, seal, sizeof(seal));
	remember(j, &r);
	return ART_OK;
}

/* The lines from read_to to the end. */
static enum art_status read_new(struct journal *j, struct art_err *err)
{
	char chunk[64 * 1024 + 1];
	enum art_status s = ART_OK;

	for (;;) {
		ssize_t got = pread(j->fd, chunk, sizeof(chunk) - 1, j->read_to);
		char *at = chunk, *end;

		if (got < 0)
			return art_fail_errno(err, "the signer's journal");
		while (s == ART_OK && (end = memchr(at, '\n', (size_t)(chunk + got - at)))) {
			s = take_line(j, at, (size_t)(end - at), err);
			j->read_to += end + 1 - at;
			at = end + 1;
		}
		if (s != ART_OK)
			return s;
		if (at > chunk)
			continue;
		if (got == sizeof(chunk) - 1)
			return art_fail(err, ART_CORRUPT, "the signer's journal has a line without end");
		/* Written short by a death: it was never acted upon. */
		if (got && (ftruncate(j->fd, j->read_to) || fdatasync(j->fd)))
			return art_fail_errno(err, "the signer's journal");
		return ART_OK;
	}
}

static bool set_lock(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLKW, &l))
		if (errno != EINTR)
			return false;
	return true;
}

enum art_status journal_lock(struct journal *j, struct art_err *err)
{
	enum art_status s;
	struct stat st;

	/* The plain system call: libc's fstat may take a form that the confinement forbids. */
	if (!set_lock(j->fd, F_WRLCK) || syscall(SYS_fstat, j->fd, &st))
		return art_fail_errno(err, "the signer's journal");
	/* A signer started since would count from nothing, and each of us on our own. */
	if (!st.st_nlink)
		s = art_fail(err, ART_CORRUPT, "the signer's journal was removed: nothing is signed until the "
			     "signer is started again");
	else if (st.st_size < j->read_to)
		s = art_fail(err, ART_CORRUPT, "the signer's journal became shorter: nothing is signed until "
			     "it is put right");
	else
		s = st.st_size == j->read_to ? ART_OK : read_new(j, err);
	if (s != ART_OK)
		journal_unlock(j);
	return s;
}

void journal_unlock(struct journal *j)
{
	set_lock(j->fd, F_UNLCK);
}

enum art_status journal_open(struct journal *j, const char *state_dir,
			     const struct eth_address *wallet, const struct eth_key *key,
			     struct art_err *err)
{
	static const char purpose[] = "artui signer journal 1";
	char path[SIGNER_PATH_MAX];
	enum art_status s = art_mkdirs(state_dir, 0700, err);

	if (s != ART_OK)
		return s;
	memset(j, 0, sizeof(*j));
	hmac(key ? key->b : wallet->b, key ? sizeof(key->b) : sizeof(wallet->b), purpose, sizeof(purpose),
	     wallet->b, sizeof(wallet->b), j->key);
	journal_path(state_dir, wallet, path);
	j->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return art_fail_errno(err, "%s", path);
	s = journal_lock(j, err);
	if (s == ART_OK)
		journal_unlock(j);
	else
		journal_close(j);
	return s;
}

void journal_close(struct journal *j)
{
	if (j->fd > 0)
		close(j->fd);
	free(j->entries);
	keys_wipe(j, sizeof(*j));
}

/* ---- asking and adding ------------------------------------------------------------------------- */

bool journal_has(const struct journal *j, const struct eth_word *digest)
{
	/* The one asked for again is a recent one. */
	for (size_t i = j->n; i > 0; i--)
		if (!memcmp(j->entries[i - 1].digest.b, digest->b, sizeof(digest->b)))
			return true;
	return false;
}

static void add_to(struct usdc *sum, struct usdc v)
{
	struct usdc all;

	if (usdc_add(*sum, v, &all) || usdc_from_micro(INT64_MAX, &all))
		*sum = all;
}

void journal_sums(const struct journal *j, int64_t now_us, struct signer_counts *out)
{
	out->hour = out->day = out->total = usdc_zero();
	out->signatures = (int64_t)j->n;
	for (size_t i = 0; i < j->n; i++) {
		const struct journal_entry *e = &j->entries[i];

		/* Times after now are of a clock that was set back since: they count. */
		if (e->at_us > now_us - HOUR_US)
			add_to(&out->hour, e->value);
		if (e->at_us > now_us - DAY_US)
			add_to(&out->day, e->value);
		add_to(&out->total, e->value);
	}
}

enum art_status journal_add(struct journal *j, const struct signer_record *r, struct art_err *err)
{
	char line[JOURNAL_LINE_MAX], hex[SEAL_HEX + 3];
	uint8_t seal[JOURNAL_SEAL];
	int n = write_line(r, line);

	hmac(j->key, sizeof(j->key), j->last, sizeof(j->last), line, (size_t)n, seal);
	snprintf(line + n, sizeof(line) - (size_t)n, "%s\n", hex_encode(seal, sizeof(seal), hex) + 2);
	n += SEAL_HEX + 1;
	if (write(j->fd, line, (size_t)n) != n || fdatasync(j->fd)) {
		enum art_status s = art_fail_errno(err, "the signer's journal");

		/* What was written may be cut short; the signature is not given, so neither may it count. */
		if (ftruncate(j->fd, j->read_to))
			return art_fail(err, ART_CORRUPT, "the signer's journal cannot be written");
		return s;
	}
	j->read_to += n;
	memcpy(j->last, seal, sizeof(seal));
	remember(j, r);
	return ART_OK;
}
