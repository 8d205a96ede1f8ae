/*
 * test_signer.c - the process that holds the key: what it signs, what it refuses, what it remembers, and
 * what is left of it for others to look at.
 *
 * signer_start executes this very program again as "__signer", as the real one does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/chain/abi.h"
#include "core/pay/keystore.h"
#include "core/pay/signer_private.h"

#define NOW 1795354720 /* the captured payment below runs out 300 s later */
#define KEY "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"
#define TOKEN "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
#define PAYER "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
#define PAYEE "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#define STRANGER "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
#define REGISTRY "0x8004A818BFB912233c491871b3d84c89A494BD9e"
#define PASSWORD "correct horse"

struct fixture {
	char dir[64];
	struct keys *keys;
	struct eth_key key;
	struct signer_setup setup;
	struct signer *signer;
	struct art_err err;
	struct eth_signature sig;
	struct signer_counts counts;
	char journal[SIGNER_PATH_MAX];
};

/* ---- the fixture ------------------------------------------------------------------------------- */

static struct eth_address address(const char *text)
{
	struct eth_address a;

	assert_int_equal(eth_address_parse(text, &a, NULL), ART_OK);
	return a;
}

static struct usdc micro(int64_t n)
{
	struct usdc v;

	assert_true(usdc_from_micro(n, &v));
	return v;
}

static struct eip712_domain domain(void)
{
	struct eip712_domain d = { .name = "USDC", .version = "2", .chain_id = 84532,
				   .contract = address(TOKEN), .has_contract = true };

	return d;
}

/* The captured payment, with @value and a nonce of its own for each @nonce but 0. */
static struct eip3009 payment(uint64_t value, uint8_t nonce)
{
	struct eip3009 a = { .from = address(PAYER), .to = address(PAYEE),
			     .value = u256_from_u64(value), .valid_before = u256_from_u64(NOW + 300) };

	assert_true(eth_word_parse("0x738d23f81b03e0fa2a462218a3de9571464079959d1cc0b91e00a2e4b10f75ed",
				   &a.nonce));
	a.nonce.b[0] = (uint8_t)(a.nonce.b[0] + nonce);
	return a;
}

static void put_file(const char *path, const char *text, int mode)
{
	assert_int_equal(art_write_file(path, text, strlen(text), mode, NULL), ART_OK);
	assert_int_equal(chmod(path, (mode_t)mode), 0);
}

static void at_time(int64_t seconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)seconds);
	setenv("ARTUI_NOW", text, 1);
}

static void make_keystore(struct fixture *f)
{
	struct keystore_options cheap = { .kdf = KEYSTORE_PBKDF2, .work = 1 };
	struct art_buf text;

	art_buf_init(&text, KEYSTORE_FILE_MAX);
	assert_int_equal(keystore_encrypt(f->keys, &f->key, PASSWORD, strlen(PASSWORD), &cheap, &text, NULL),
			 ART_OK);
	put_file(f->setup.keystore, text.data, 0600);
	art_buf_destroy(&text);
}

static int setup(void **state)
{
	struct fixture *f = art_alloc(1, sizeof(*f));
	struct signer_policy *p = &f->setup.policy;
	struct eth_address who = address(PAYER);

	art_copy(f->dir, sizeof(f->dir), "/tmp/artui-signer-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(keys_open(&f->keys, NULL), ART_OK);
	assert_true(hex_decode(KEY, f->key.b, sizeof(f->key.b)));
	snprintf(f->setup.keystore, SIGNER_PATH_MAX, "%s/key.json", f->dir);
	snprintf(f->setup.password_file, SIGNER_PATH_MAX, "%s/password", f->dir);
	snprintf(f->setup.state_dir, SIGNER_PATH_MAX, "%s/state", f->dir);
	journal_path(f->setup.state_dir, &who, f->journal);
	p->tokens[p->n_tokens++].domain = domain();
	p->cap_payment = micro(1000000);
	p->cap_hour = p->cap_day = p->cap_total = micro(1000000000);
	p->max_window_s = 600;
	p->max_fee_wei = 1000000000000000;
	at_time(NOW);
	make_keystore(f);
	put_file(f->setup.password_file, PASSWORD "\n", 0600);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[SIGNER_PATH_MAX + 16];

	signer_stop(f->signer);
	unlink(f->setup.keystore);
	unlink(f->setup.password_file);
	unlink(f->journal);
	snprintf(path, sizeof(path), "%s/frozen", f->setup.state_dir);
	unlink(path);
	rmdir(f->setup.state_dir);
	assert_int_equal(rmdir(f->dir), 0);
	keys_close(f->keys);
	unsetenv("ARTUI_NOW");
	free(f);
	return 0;
}

static enum art_status unlock(struct fixture *f)
{
	struct eth_address who = { 0 }, want = address(PAYER);
	enum art_status s;

	memset(&f->err, 0, sizeof(f->err));
	s = signer_unlock(f->signer, &who, &f->err);
	assert_int_equal(eth_address_equal(&who, &want), s == ART_OK);
	return s;
}

static void start(struct fixture *f)
{
	signer_stop(f->signer);
	f->signer = NULL;
	if (signer_start(&f->signer, &f->setup, &f->err) != ART_OK)
		fail_msg("%s", f->err.text);
	assert_true(signer_pid(f->signer) > 0);
}

static void open_signer(struct fixture *f)
{
	start(f);
	if (unlock(f) != ART_OK)
		fail_msg("%s", f->err.text);
}

static enum art_status authorize(struct fixture *f, const struct eip3009 *a)
{
	struct eip712_domain d = domain();

	memset(&f->err, 0, sizeof(f->err));
	memset(&f->sig, 0x5a, sizeof(f->sig));
	return signer_authorize(f->signer, &d, a, &f->sig, &f->err);
}

static enum art_status pay(struct fixture *f, uint64_t value, uint8_t nonce)
{
	struct eip3009 a = payment(value, nonce);

	return authorize(f, &a);
}

static void says(struct fixture *f, enum art_status got, enum art_status want, const char *part)
{
	if (got != want || !strstr(f->err.text, part))
		fail_msg("%s: \"%s\" instead of \"%s\"", art_status_text(got), f->err.text, part);
}

static int64_t signatures(struct fixture *f)
{
	assert_int_equal(signer_counts(f->signer, &f->counts, &f->err), ART_OK);
	return f->counts.signatures;
}

/* ---- signing ----------------------------------------------------------------------------------- */

static void signer_authorize_must_sign_as_the_reference_client_does(void **state)
{
	static const char captured[] =
		"0x67d32b5c16701bdf681fb39f690cbab9f237093c56ca83af76c345ac5e75759f"
		"05c580d8a8c515702b21d60e28dcb72ee857693181ca4b8387e814b45b27c6b91c";
	struct fixture *f = *state;
	char hex[ETH_SIGNATURE_TEXT];

	open_signer(f);
	assert_int_equal(pay(f, 10000, 0), ART_OK);
	assert_string_equal(hex_encode(f->sig.b, sizeof(f->sig.b), hex), captured);
}

static void signer_authorize_must_give_the_signature_of_the_key(void **state)
{
	struct fixture *f = *state;
	struct eip712_domain d = domain();
	struct eth_word separator = eip712_domain_separator(&d);

	open_signer(f);
	for (uint8_t i = 1; i < 20; i++) {
		struct eip3009 a = payment(1000u + i, i);
		struct eth_word hash = eip3009_hash(EIP3009_TRANSFER, &a);
		struct eth_word digest = eip712_digest(&separator, &hash);
		struct eth_signature want;

		assert_int_equal(authorize(f, &a), ART_OK);
		assert_int_equal(keys_sign(f->keys, &f->key, &digest, &want, NULL), ART_OK);
		assert_memory_equal(&f->sig, &want, sizeof(want));
	}
	assert_int_equal(signatures(f), 19);
}

static void signer_authorize_must_repeat_itself_without_a_new_record(void **state)
{
	struct fixture *f = *state;
	struct eth_signature first;

	f->setup.policy.cap_total = micro(10000);
	open_signer(f);
	assert_int_equal(pay(f, 10000, 1), ART_OK);
	first = f->sig;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pay(f, 10000, 1), ART_OK);
		assert_memory_equal(&f->sig, &first, sizeof(first));
		assert_int_equal(signatures(f), 1);
		open_signer(f);
	}
	says(f, pay(f, 1, 2), ART_LIMIT, "for all payments");
}

static void signer_authorize_must_refuse_what_its_policy_does_not_allow(void **state)
{
	static const char *const zero = "0x0000000000000000000000000000000000000000";
	struct fixture *f = *state;
	struct eip3009 a, good = payment(10000, 1);

	f->setup.policy.payees[f->setup.policy.n_payees++] = address(STRANGER);
	f->setup.policy.payees[f->setup.policy.n_payees++] = address(PAYEE);
	open_signer(f);
	assert_int_equal(authorize(f, &good), ART_OK);

	a = good, a.to = address(REGISTRY);
	says(f, authorize(f, &a), ART_REFUSED, "not one of pay.payees");
	a = good, a.to = address(zero);
	says(f, authorize(f, &a), ART_REFUSED, "does not pay 0x0000");
	a = good, a.to = address(TOKEN);
	says(f, authorize(f, &a), ART_REFUSED, "does not pay " TOKEN);
	a = good, a.from = address(STRANGER);
	says(f, authorize(f, &a), ART_REFUSED, "not of this signer's wallet");
	a = good, a.value = u256_from_u64(0);
	says(f, authorize(f, &a), ART_INVALID, "zero or beyond all bounds");
	a = good, a.value = u256_from_u64((uint64_t)INT64_MAX + 1);
	says(f, authorize(f, &a), ART_INVALID, "zero or beyond all bounds");
	a = good, a.value.be[0] = 1;
	says(f, authorize(f, &a), ART_INVALID, "zero or beyond all bounds");
	assert_int_equal(signatures(f), 1);
}

static void signer_authorize_must_refuse_bad_windows(void **state)
{
	static const struct {
		uint64_t after, before;
		bool ok;
		const char *says;
	} rows[] = {
		{ 0, NOW + 600, true, "" },
		{ 0, NOW + 1, true, "" },
		{ NOW - 5, NOW + 10, true, "" },
		{ 0, NOW + 601, false, "signs at most 600 (pay" },
		{ 0, NOW, false, "expired already" },
		{ 0, 0, false, "malformed" },
		{ 0, 1, false, "expired already" },
		{ NOW + 300, NOW + 300, false, "malformed" },
		{ NOW + 301, NOW + 300, false, "malformed" },
		{ 0, (uint64_t)INT64_MAX, false, "signs at most 600 (pay" },
		{ 0, (uint64_t)INT64_MAX + 1, false, "malformed" },
		{ 0, UINT64_MAX, false, "malformed" },
	};
	struct fixture *f = *state;
	struct eip3009 a = payment(1, 1);

	open_signer(f);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		a.valid_after = u256_from_u64(rows[i].after);
		a.valid_before = u256_from_u64(rows[i].before);
		says(f, authorize(f, &a), rows[i].ok ? ART_OK : ART_INVALID, rows[i].says);
	}
	a.valid_after = u256_from_u64(0);
	a.valid_before.be[3] = 1; /* far beyond 64 bits */
	says(f, authorize(f, &a), ART_INVALID, "malformed");
	assert_int_equal(signatures(f), 3);
}

static void signer_authorize_must_refuse_every_other_domain(void **state)
{
	struct fixture *f = *state;
	struct eip3009 a = payment(10000, 1);
	struct eip712_domain wrong[7];

	for (size_t i = 0; i < ART_COUNT(wrong); i++)
		wrong[i] = domain();
	art_copy(wrong[0].name, sizeof(wrong[0].name), "USD Coin");
	art_copy(wrong[1].name, sizeof(wrong[1].name), "");
	art_copy(wrong[2].version, sizeof(wrong[2].version), "1");
	wrong[3].chain_id = 8453;
	wrong[4].contract = address("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
	wrong[5].has_contract = false;
	memset(wrong[6].name, 'U', sizeof(wrong[6].name));
	open_signer(f);
	for (size_t i = 0; i < ART_COUNT(wrong); i++) {
		enum art_status s;

		memset(&f->err, 0, sizeof(f->err));
		s = signer_authorize(f->signer, &wrong[i], &a, &f->sig, &f->err);
		says(f, s, i == 6 ? ART_INVALID : ART_REFUSED,
		     i == 6 ? "signing domain is malformed" : "does not sign for the token");
	}
	assert_int_equal(signatures(f), 0);
}

/* ---- caps -------------------------------------------------------------------------------------- */

static void signer_authorize_must_keep_each_cap_to_its_edge(void **state)
{
	struct fixture *f = *state;

	f->setup.policy.cap_payment = micro(10000);
	f->setup.policy.cap_hour = micro(15000);
	f->setup.policy.cap_day = micro(25000);
	f->setup.policy.cap_total = micro(30000);
	open_signer(f);
	says(f, pay(f, 10001, 1), ART_LIMIT, "for one payment");
	assert_int_equal(pay(f, 10000, 1), ART_OK);
	says(f, pay(f, 5001, 2), ART_LIMIT, "for an hour: 0.01 of 0.015 USDC are signed already, 0.005001");
	assert_int_equal(pay(f, 5000, 2), ART_OK);
	says(f, pay(f, 1, 3), ART_LIMIT, "for an hour");
	assert_int_equal(signatures(f), 2);
	assert_int_equal(usdc_to_micro(f->counts.hour), 15000);
	assert_int_equal(usdc_to_micro(f->counts.day), 15000);
	assert_int_equal(usdc_to_micro(f->counts.total), 15000);
}

static struct eip3009 payment_at(uint64_t value, uint8_t nonce, int64_t now)
{
	struct eip3009 a = payment(value, nonce);

	a.valid_before = u256_from_u64((uint64_t)now + 60);
	return a;
}

static void signer_authorize_must_let_an_hour_and_a_day_pass(void **state)
{
	static const struct {
		int64_t later;
		uint64_t value;
		enum art_status want;
		const char *says;
		int64_t hour, day;
	} rows[] = {
		{ 0, 10000, ART_OK, "", 10000, 10000 },
		{ 3599, 5001, ART_LIMIT, "for an hour", 10000, 10000 },
		{ 3600, 10000, ART_OK, "", 10000, 20000 },
		{ 7200, 5001, ART_LIMIT, "for 24 hours", 0, 20000 },
		{ 86399, 5001, ART_LIMIT, "for 24 hours", 0, 20000 },
		{ 86400, 10000, ART_OK, "", 10000, 20000 },
		/* Total: 30000 of 36000. */
		{ 999999999, 6001, ART_LIMIT, "for all payments", 0, 0 },
		{ 999999999, 6000, ART_OK, "", 6000, 6000 },
		/* A clock set back does not make room: what was signed "later" counts. */
		{ 999999998, 15000, ART_LIMIT, "for an hour", 6000, 6000 },
		{ 0, 15000, ART_LIMIT, "for an hour", 36000, 36000 },
	};
	struct fixture *f = *state;

	f->setup.policy.cap_hour = micro(15000);
	f->setup.policy.cap_day = micro(25000);
	f->setup.policy.cap_total = micro(36000);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct eip3009 a = payment_at(rows[i].value, (uint8_t)(i + 1), NOW + rows[i].later);

		at_time(NOW + rows[i].later);
		open_signer(f);
		says(f, authorize(f, &a), rows[i].want, rows[i].says);
		signatures(f);
		assert_int_equal(usdc_to_micro(f->counts.hour), rows[i].hour);
		assert_int_equal(usdc_to_micro(f->counts.day), rows[i].day);
	}
}

struct race {
	struct fixture *f;
	struct signer *signer;
	uint8_t first;
	int ok, limit, other;
};

static void *race_run(void *arg)
{
	struct race *r = arg;
	struct eip712_domain d = domain();

	for (uint8_t i = 0; i < 20; i++) {
		struct eip3009 a = payment(1000, (uint8_t)(r->first + i));
		struct eth_signature sig;
		enum art_status s = signer_authorize(r->signer, &d, &a, &sig, NULL);

		r->ok += s == ART_OK;
		r->limit += s == ART_LIMIT;
		r->other += s != ART_OK && s != ART_LIMIT;
	}
	return NULL;
}

static void signer_authorize_must_share_the_caps_among_signers_of_one_wallet(void **state)
{
	struct fixture *f = *state;
	struct race r[3];
	pthread_t t[3];
	int ok = 0, limit = 0;

	f->setup.policy.cap_total = micro(25000);
	for (int i = 0; i < 3; i++) {
		open_signer(f);
		r[i] = (struct race){ .f = f, .signer = f->signer, .first = (uint8_t)(1 + 20 * i) };
		f->signer = NULL;
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, race_run, &r[i]), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
		signer_stop(r[i].signer);
		ok += r[i].ok;
		limit += r[i].limit;
		assert_int_equal(r[i].other, 0);
	}
	assert_int_equal(ok, 25);
	assert_int_equal(limit, 35);
	open_signer(f);
	assert_int_equal(signatures(f), 25);
	assert_int_equal(usdc_to_micro(f->counts.total), 25000);
}

/* ---- frozen ------------------------------------------------------------------------------------ */

static void signer_freeze_must_stop_a_running_signer_and_thaw_it(void **state)
{
	struct fixture *f = *state;
	bool frozen = true;

	assert_int_equal(signer_is_frozen(f->setup.state_dir, &frozen, &f->err), ART_OK);
	assert_false(frozen);
	open_signer(f);
	assert_int_equal(pay(f, 1, 1), ART_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(signer_freeze(f->setup.state_dir, true, &f->err), ART_OK);
		assert_int_equal(signer_is_frozen(f->setup.state_dir, &frozen, &f->err), ART_OK);
		assert_true(frozen);
		says(f, pay(f, 1, 2), ART_REFUSED, "frozen");
		says(f, pay(f, 1, 1), ART_REFUSED, "frozen"); /* not even again */
		assert_int_equal(signatures(f), 1);
		assert_true(f->counts.frozen);
		if (!i)
			open_signer(f); /* still, after a restart */
	}
	assert_int_equal(signer_freeze(f->setup.state_dir, false, &f->err), ART_OK);
	assert_int_equal(pay(f, 1, 2), ART_OK);
	assert_int_equal(signatures(f), 2);
	assert_false(f->counts.frozen);
}

static void signer_must_count_a_flag_that_was_removed_or_emptied_as_frozen(void **state)
{
	struct fixture *f = *state;
	char path[SIGNER_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/frozen", f->setup.state_dir);
	open_signer(f);
	assert_int_equal(truncate(path, 0), 0);
	says(f, pay(f, 1, 1), ART_REFUSED, "frozen");
	assert_int_equal(signer_freeze(f->setup.state_dir, false, &f->err), ART_OK);
	assert_int_equal(pay(f, 1, 1), ART_OK);
	assert_int_equal(unlink(path), 0);
	says(f, pay(f, 1, 2), ART_REFUSED, "frozen");
	/* Another file is not the one it holds open. */
	assert_int_equal(signer_freeze(f->setup.state_dir, false, &f->err), ART_OK);
	says(f, pay(f, 1, 2), ART_REFUSED, "frozen");
	open_signer(f);
	assert_int_equal(pay(f, 1, 2), ART_OK);
}

static void signer_must_make_its_files_for_its_owner_alone(void **state)
{
	struct fixture *f = *state;
	char path[SIGNER_PATH_MAX + 16];
	struct stat st;

	open_signer(f);
	assert_int_equal(pay(f, 1, 1), ART_OK);
	assert_int_equal(stat(f->setup.state_dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(f->journal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/frozen", f->setup.state_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- the journal ------------------------------------------------------------------------------- */

static char *journal_text(struct fixture *f)
{
	struct art_buf b;

	art_buf_init(&b, 1 << 20);
	assert_int_equal(art_read_file(&b, f->journal, 1 << 20, NULL), ART_OK);
	return art_buf_take(&b);
}

static void signer_journal_read_must_tell_what_was_signed(void **state)
{
	struct fixture *f = *state;
	struct eth_address who = address(PAYER), to = address(PAYEE), token = address(TOKEN);
	struct signer_record *rows;
	struct eip3009 a = payment(10000, 0);
	char hex[ETH_WORD_TEXT];
	size_t n;

	assert_int_equal(signer_journal_read(f->setup.state_dir, &who, &rows, &n, &f->err), ART_OK);
	assert_int_equal(n, 0);
	open_signer(f);
	assert_int_equal(pay(f, 10000, 0), ART_OK);
	assert_int_equal(pay(f, 20000, 1), ART_OK);
	assert_int_equal(signer_journal_read(f->setup.state_dir, &who, &rows, &n, &f->err), ART_OK);
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].kind, "authorization");
	assert_true(rows[0].at_us == NOW * (int64_t)1000000);
	assert_int_equal(rows[0].chain_id, 84532);
	assert_true(eth_address_equal(&rows[0].to, &to));
	assert_true(eth_address_equal(&rows[0].contract, &token));
	assert_memory_equal(&rows[0].nonce, &a.nonce, sizeof(a.nonce));
	assert_int_equal(rows[0].valid_before, NOW + 300);
	assert_string_equal(eth_word_text(&rows[0].digest, hex),
			    "0xed2590d7224840e3148e86b622af7cff72855c7da9227851db0e4e888d574727");
	assert_int_equal(usdc_to_micro(journal_value(&rows[1])), 20000);
	free(rows);
}

static void signer_must_cut_off_a_record_that_a_death_cut_short(void **state)
{
	static const char *const torn[] = { "1", "1 1795354720000000 authorization 84532 0x036CbD5384" };
	struct fixture *f = *state;
	struct eth_address who = address(PAYER);
	struct signer_record *rows;
	char *before, *after;
	size_t n;

	open_signer(f);
	assert_int_equal(pay(f, 10000, 1), ART_OK);
	for (size_t i = 0; i < ART_COUNT(torn); i++) {
		int fd = open(f->journal, O_WRONLY | O_APPEND);

		before = journal_text(f);
		assert_int_equal(write(fd, torn[i], strlen(torn[i])), strlen(torn[i]));
		close(fd);
		/* People read past it, */
		assert_int_equal(signer_journal_read(f->setup.state_dir, &who, &rows, &n, &f->err), ART_OK);
		assert_int_equal(n, 1);
		free(rows);
		/* and the next signer, or this one, removes it. */
		if (i)
			open_signer(f);
		assert_int_equal(signatures(f), 1);
		after = journal_text(f);
		assert_string_equal(after, before);
		free(before);
		free(after);
	}
	assert_int_equal(pay(f, 10000, 2), ART_OK);
	open_signer(f);
	assert_int_equal(signatures(f), 2);
}

/* A digit or letter of the text, changed. */
static void edit(struct fixture *f, size_t at)
{
	char *text = journal_text(f);

	assert_true(at < strlen(text));
	text[at] = text[at] == '1' ? '2' : '1';
	put_file(f->journal, text, 0600);
	free(text);
}

static void signer_must_sign_nothing_after_an_edit_of_its_journal(void **state)
{
	struct fixture *f = *state;
	char *whole, *second;
	size_t n;

	open_signer(f);
	assert_int_equal(pay(f, 10000, 1), ART_OK);
	assert_int_equal(pay(f, 20000, 2), ART_OK);
	whole = journal_text(f);
	n = strlen(whole);
	/* Bytes here and there, and not the newlines: every field is met. */
	for (size_t at = 0; at < n; at += 19) {
		if (whole[at] == '\n')
			continue;
		edit(f, at);
		start(f);
		if (unlock(f) != ART_CORRUPT || !strstr(f->err.text, "nothing is signed"))
			fail_msg("byte %zu was changed and nobody noticed: %s", at, f->err.text);
		says(f, pay(f, 1, 3), ART_REFUSED, "locked");
		put_file(f->journal, whole, 0600);
	}
	/* The first record removed: the second has no predecessor. */
	second = strchr(whole, '\n') + 1;
	put_file(f->journal, second, 0600);
	start(f);
	says(f, unlock(f), ART_CORRUPT, "changed at or before record 1");
	/* A copy of a record appended. */
	second = art_printf("%s%s", whole, second);
	put_file(f->journal, second, 0600);
	start(f);
	says(f, unlock(f), ART_CORRUPT, "changed at or before record 3");
	free(second);
	/* Put right again, it works again. */
	put_file(f->journal, whole, 0600);
	open_signer(f);
	assert_int_equal(signatures(f), 2);
	free(whole);
}

static void signer_must_notice_what_is_done_to_its_journal_while_it_runs(void **state)
{
	struct fixture *f = *state;
	char *whole;
	int fd;

	open_signer(f);
	assert_int_equal(pay(f, 10000, 1), ART_OK);
	assert_int_equal(pay(f, 10000, 2), ART_OK);
	whole = journal_text(f);
	assert_int_equal(truncate(f->journal, 5), 0);
	says(f, pay(f, 10000, 3), ART_CORRUPT, "became shorter");
	says(f, pay(f, 10000, 1), ART_CORRUPT, "became shorter");
	says(f, signer_counts(f->signer, &f->counts, &f->err), ART_CORRUPT, "became shorter");
	fd = open(f->journal, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, whole, strlen(whole)), strlen(whole));
	assert_int_equal(pay(f, 10000, 3), ART_OK);
	free(whole);
	whole = journal_text(f);
	assert_int_equal(lseek(fd, 0, SEEK_END), strlen(whole));
	assert_int_equal(write(fd, "nonsense\n", 9), 9);
	close(fd);
	says(f, pay(f, 10000, 4), ART_CORRUPT, "damaged at record 4");
	put_file(f->journal, whole, 0600);
	free(whole);
	/* Another file under its name: the one it counts in is gone. */
	says(f, pay(f, 10000, 4), ART_CORRUPT, "was removed");
	open_signer(f);
	assert_int_equal(signatures(f), 3);
}

/* ---- transactions ------------------------------------------------------------------------------ */

static struct tx call(const char *to, const char *signature, uint8_t data[36])
{
	struct tx t = { .chain_id = 84532, .nonce = 7, .gas = 300000, .to = address(to), .data = data,
			.data_len = 36 };

	memset(data, 0, 36);
	abi_selector(signature, data);
	t.max_fee = u256_from_u64(2000000000);
	t.max_priority_fee = u256_from_u64(1000000);
	return t;
}

static enum art_status transact(struct fixture *f, const struct tx *t)
{
	memset(&f->err, 0, sizeof(f->err));
	return signer_transact(f->signer, t, &f->sig, &f->err);
}

static void signer_transact_must_sign_the_calls_it_knows(void **state)
{
	static const struct {
		const char *to, *call;
	} rows[] = {
		{ TOKEN, "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,"
			 "bytes32,bytes32)" },
		{ TOKEN, "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)" },
		{ TOKEN, "cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)" },
		{ REGISTRY, "register()" },
		{ REGISTRY, "register(string)" },
		{ REGISTRY, "register(string,(string,bytes)[])" },
		{ REGISTRY, "setAgentURI(uint256,string)" },
		{ REGISTRY, "setMetadata(uint256,string,bytes)" },
		{ REGISTRY, "setAgentWallet(uint256,address,uint256,bytes)" },
		{ "0x8004B663056A597Dffe9eCcC1965A193B7388713",
		  "giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)" },
		{ "0x8004BAa17C55a88189AE136b182e5fdA19dE9b63", "revokeFeedback(uint256,uint64)" },
		{ "0x8004A169FB4a3325136EB29fA0ceB6D2e539a432", "register()" },
	};
	struct fixture *f = *state;
	uint8_t data[36];

	open_signer(f);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		struct tx t = call(rows[i].to, rows[i].call, data);
		struct eth_signature want;
		struct eth_word digest;

		t.nonce = i;
		if (transact(f, &t) != ART_OK)
			fail_msg("%s: %s", rows[i].call, f->err.text);
		assert_int_equal(tx_digest(&t, &digest, NULL), ART_OK);
		assert_int_equal(keys_sign(f->keys, &f->key, &digest, &want, NULL), ART_OK);
		assert_memory_equal(&f->sig, &want, sizeof(want));
	}
	assert_int_equal(signatures(f), ART_COUNT(rows));
	assert_int_equal(usdc_to_micro(f->counts.total), 0);
}

static void signer_transact_must_sign_access_lists_and_long_data_as_they_are(void **state)
{
	struct fixture *f = *state;
	struct tx_access access[TX_ACCESS_MAX] = { { .address = address(TOKEN), .n_keys = 2 } };
	uint8_t *data = art_alloc(TX_DATA_MAX, 1), head[36];
	struct tx t = call(REGISTRY, "register(string)", head);
	struct eth_signature want;
	struct eth_word digest;

	access[0].keys[1].b[31] = 9;
	for (int i = 1; i < TX_ACCESS_MAX; i++) {
		access[i] = access[0];
		access[i].n_keys = TX_ACCESS_KEYS_MAX;
	}
	memset(data, 0xab, TX_DATA_MAX);
	memcpy(data, head, 4);
	t.data = data;
	t.data_len = TX_DATA_MAX;
	t.access = access;
	t.n_access = TX_ACCESS_MAX;
	open_signer(f);
	assert_int_equal(transact(f, &t), ART_OK);
	assert_int_equal(tx_digest(&t, &digest, NULL), ART_OK);
	assert_int_equal(keys_sign(f->keys, &f->key, &digest, &want, NULL), ART_OK);
	assert_memory_equal(&f->sig, &want, sizeof(want));
	t.data_len = TX_DATA_MAX + 1;
	assert_int_equal(transact(f, &t), ART_LIMIT);
	t.data_len = TX_DATA_MAX;
	access[3].n_keys = TX_ACCESS_KEYS_MAX + 1;
	says(f, transact(f, &t), ART_INVALID, "access list is malformed");
	access[3].n_keys = -1;
	says(f, transact(f, &t), ART_INVALID, "access list is malformed");
	free(data);
}

static void signer_transact_must_refuse_what_it_does_not_know(void **state)
{
	static const char cancel[] = "cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)";
	struct fixture *f = *state;
	uint8_t data[36];
	struct tx t;

	open_signer(f);
	t = call(TOKEN, "transfer(address,uint256)", data);
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(TOKEN, "approve(address,uint256)", data);
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(TOKEN, "register()", data);
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(REGISTRY, cancel, data);
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(REGISTRY, "transferFrom(address,address,uint256)", data);
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(STRANGER, cancel, data);
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(TOKEN, cancel, data), t.data_len = 3;
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(TOKEN, cancel, data), t.data_len = 0, t.data = NULL;
	says(f, transact(f, &t), ART_REFUSED, "does not know what");
	t = call(TOKEN, cancel, data), t.chain_id = 8453;
	says(f, transact(f, &t), ART_REFUSED, "does not sign for chain 8453");
	t = call(TOKEN, cancel, data), t.value = u256_from_u64(1);
	says(f, transact(f, &t), ART_REFUSED, "moves the chain's own coin");
	t = call(TOKEN, cancel, data), t.creates = true;
	says(f, transact(f, &t), ART_REFUSED, "makes a contract");
	assert_int_equal(signatures(f), 0);
}

static void signer_transact_must_keep_the_fee_ceiling(void **state)
{
	static const char cancel[] = "cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)";
	struct fixture *f = *state;
	uint8_t data[36];
	struct tx t = call(TOKEN, cancel, data);

	open_signer(f);
	t.gas = 500000; /* times 2 gwei is the ceiling */
	assert_int_equal(transact(f, &t), ART_OK);
	t.gas = 500001;
	says(f, transact(f, &t), ART_LIMIT, "fee could be more than 1000000 gwei");
	t.gas = UINT64_MAX; /* the product is 2^95: no 64 bits hold it */
	says(f, transact(f, &t), ART_LIMIT, "fee could be more");
	t.gas = UINT64_MAX;
	t.max_fee = u256_from_u64(UINT64_MAX);
	says(f, transact(f, &t), ART_LIMIT, "fee could be more");
	t.gas = 1;
	t.max_fee.be[0] = 1;
	says(f, transact(f, &t), ART_INVALID, "fee per gas is malformed");
	t.max_fee = u256_from_u64(5);
	t.max_priority_fee = u256_from_u64(6);
	says(f, transact(f, &t), ART_INVALID, "fee per gas is malformed");
	assert_int_equal(signatures(f), 1);
	f->setup.policy.max_fee_wei = 0;
	open_signer(f);
	t = call(TOKEN, cancel, data);
	t.max_fee = t.max_priority_fee = u256_from_u64(0);
	says(f, transact(f, &t), ART_REFUSED, "signs no transactions");
	assert_int_equal(signer_freeze(f->setup.state_dir, true, &f->err), ART_OK);
	f->setup.policy.max_fee_wei = 1000000000000000;
	open_signer(f);
	t = call(TOKEN, cancel, data);
	says(f, transact(f, &t), ART_REFUSED, "frozen");
}

/* ---- statements -------------------------------------------------------------------------------- */

#define AT 1795355790 /* when the captured receipt was made */

static struct signer_statement receipt(void)
{
	struct signer_statement s = { .kind = STATEMENT_RECEIPT };

	art_copy(s.receipt.network, sizeof(s.receipt.network), "eip155:84532");
	art_copy(s.receipt.resource_url, sizeof(s.receipt.resource_url), "http://127.0.0.1:14021/experiment-ext");
	art_copy(s.receipt.payer, sizeof(s.receipt.payer), "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc");
	s.receipt.issued_at = 1795355780;
	return s;
}

static struct signer_statement offer(void)
{
	struct signer_statement s = { .kind = STATEMENT_OFFER };

	art_copy(s.offer.resource_url, sizeof(s.offer.resource_url), "http://127.0.0.1:14021/experiment-ext");
	art_copy(s.offer.scheme, sizeof(s.offer.scheme), "exact");
	art_copy(s.offer.network, sizeof(s.offer.network), "eip155:84532");
	art_copy(s.offer.asset, sizeof(s.offer.asset), TOKEN);
	art_copy(s.offer.pay_to, sizeof(s.offer.pay_to), PAYEE);
	art_copy(s.offer.amount, sizeof(s.offer.amount), "10000");
	s.offer.valid_until = 1795356080;
	return s;
}

static struct signer_statement order(void)
{
	struct signer_statement s = { .kind = STATEMENT_ORDER };

	art_copy(s.order.experiment_id, sizeof(s.order.experiment_id), "exp-20261123-a1b2c3");
	memset(s.order.train_hash.b, 0x11, 32);
	art_copy(s.order.state, sizeof(s.order.state), "completed");
	art_copy(s.order.val_bpb, sizeof(s.order.val_bpb), "1.0431");
	memset(s.order.artifact_hash.b, 0x22, 32);
	art_copy(s.order.payer, sizeof(s.order.payer), "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc");
	s.order.finished_at = 1795354700;
	return s;
}

static void attested(struct fixture *f, const struct signer_statement *s, const char *digest, const char *sig)
{
	struct eth_word want, got = signer_statement_digest(s);
	struct eth_signature signature;

	assert_true(eth_word_parse(digest, &want));
	assert_memory_equal(&got, &want, sizeof(want));
	assert_true(hex_decode(sig, signature.b, sizeof(signature.b)));
	assert_int_equal(signer_attest(f->signer, s, &f->sig, &f->err), ART_OK);
	assert_memory_equal(&f->sig, &signature, sizeof(signature));
}

/* What the reference packages signed, and what viem makes of our own type. */
static void signer_attest_must_sign_as_the_reference_does(void **state)
{
	static const char payee_key[] = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
	struct signer_statement r = receipt(), o = offer(), done = order(), failed = { .kind = STATEMENT_ORDER };
	struct fixture *f = *state;
	struct eth_address who;
	char path[SIGNER_PATH_MAX];

	at_time(AT);
	open_signer(f);
	attested(f, &done, "0xeb3bcc464a8e2e82e1075ef7689293c4ea663b9d68d9d1fb7683a09cff9253d9",
		 "0x9b40c7c2e582981f1828954b6d1cf9fd3b3edf64c8c60d899aab169c4cee3d2c"
		 "14b1d75d354611a58dd02290ded618009942aca5fa7a01a7c554432b21b9b3fc1c");
	art_copy(failed.order.experiment_id, sizeof(failed.order.experiment_id), "e");
	art_copy(failed.order.state, sizeof(failed.order.state), "failed");
	failed.order.train_hash.b[31] = 1;
	failed.order.finished_at = 1;
	attested(f, &failed, "0xbcf41e102612ec8416e6b4dc37ba10eca180435ec70990d4ae4ecbd081f2dff7",
		 "0x4537c06fc09924a0ac26fcb109acdeb67b7a264e7adc554c1ae7a926d05b058c"
		 "21c20d2d67a00a37390fb903b100627e587718e22e8c0c49642a138e71f923541b");

	assert_true(hex_decode(payee_key, f->key.b, sizeof(f->key.b)));
	make_keystore(f);
	start(f);
	assert_int_equal(signer_unlock(f->signer, &who, &f->err), ART_OK);
	journal_path(f->setup.state_dir, &who, path);
	assert_int_equal(unlink(path), 0);
	attested(f, &o, "0x91ec771cb5f4323eb0aa808d951ef7ab3c95d8c99b0a100f6d289e9c9e27b0d3",
		 "0x48c6f4e9b9526fa77e14316352b2ec9c6a913efc456ac92a8b401d65c796e598"
		 "60333148fcd4eba541ebb8813846f77b6acf385d4d8246849dfb99e190f90f5d1b");
	attested(f, &r, "0x3c3f9563bb32fe3a2c70b55b0fe578f662a8664408009714ecded8fb08043800",
		 "0xb196bb28a402883b870a671bad2c2a943d6b2f53d784f325ff58974b178cb8ee"
		 "6af53c2358ba99e761fd2298f50669179f748f3a69320a1d6f7e4c5df93a36681c");
}

static void signer_attest_must_recover_to_the_wallet(void **state)
{
	struct signer_statement all[] = { receipt(), offer(), order() };
	struct eth_address who = address(PAYER), got;
	struct fixture *f = *state;

	at_time(AT);
	open_signer(f);
	for (size_t i = 0; i < ART_COUNT(all); i++) {
		struct eth_word digest = signer_statement_digest(&all[i]);

		assert_int_equal(signer_attest(f->signer, &all[i], &f->sig, &f->err), ART_OK);
		assert_int_equal(keys_recover(f->keys, &digest, &f->sig, &got, &f->err), ART_OK);
		assert_true(eth_address_equal(&got, &who));
	}
}

/* It moves no money: no record, no cap; and payments go on as before. */
static void signer_attest_must_leave_the_journal_alone(void **state)
{
	struct signer_statement all[] = { receipt(), offer(), order() };
	struct fixture *f = *state;

	f->setup.policy.cap_total = micro(10000);
	open_signer(f);
	at_time(AT);
	open_signer(f);
	for (int i = 0; i < 300; i++)
		assert_int_equal(signer_attest(f->signer, &all[i % 3], &f->sig, &f->err), ART_OK);
	assert_int_equal(signatures(f), 0);
	at_time(NOW);
	open_signer(f);
	assert_int_equal(pay(f, 10000, 1), ART_OK);
	says(f, pay(f, 1, 2), ART_LIMIT, "for all payments");
	assert_int_equal(signatures(f), 1);
}

static void signer_attest_must_refuse_when_frozen_locked_or_remote(void **state)
{
	struct signer_statement s = order();
	static const struct eth_signature none;
	struct fixture *f = *state;

	at_time(AT);
	start(f);
	says(f, signer_attest(f->signer, &s, &f->sig, &f->err), ART_REFUSED, "locked");
	assert_int_equal(unlock(f), ART_OK);
	assert_int_equal(signer_freeze(f->setup.state_dir, true, &f->err), ART_OK);
	memset(&f->sig, 0, sizeof(f->sig));
	says(f, signer_attest(f->signer, &s, &f->sig, &f->err), ART_REFUSED, "frozen");
	assert_memory_equal(&f->sig, &none, sizeof(none));
	assert_int_equal(signer_freeze(f->setup.state_dir, false, &f->err), ART_OK);
	assert_int_equal(signer_attest(f->signer, &s, &f->sig, &f->err), ART_OK);

	f->setup.is_remote = true;
	f->setup.remote = address(PAYER);
	f->setup.keystore[0] = 0;
	start(f);
	assert_int_equal(unlock(f), ART_OK);
	says(f, signer_attest(f->signer, &s, &f->sig, &f->err), ART_UNSUPPORTED, "remote");
	f->setup.is_remote = false;
	snprintf(f->setup.keystore, SIGNER_PATH_MAX, "%s/key.json", f->dir);
}

static void refuses(struct fixture *f, const struct signer_statement *s, const char *member)
{
	char part[64];

	snprintf(part, sizeof(part), "its %s is malformed", member);
	says(f, signer_attest(f->signer, s, &f->sig, &f->err), ART_INVALID, part);
}

/* Each member of each kind, spoilt in turn: a text of the union's @kind at @member. */
static void signer_attest_must_refuse_malformed_statements(void **state)
{
#define TEXT(kind, m) offsetof(struct signer_statement, kind.m), sizeof(((struct signer_statement *)0)->kind.m)
	static const struct {
		enum signer_statement_kind kind;
		size_t at, size;
		const char *member;
		const char *bad[6];
	} rows[] = {
		{ STATEMENT_RECEIPT, TEXT(receipt, network), "network", { "", "Base Sepolia", "eip155:84532\n" } },
		{ STATEMENT_RECEIPT, TEXT(receipt, resource_url), "resourceUrl",
		  { "", "http://a b", "http://a/\x1b[2J", "http://a/\xff", "http://a/\xe2\x80\xae" } },
		{ STATEMENT_RECEIPT, TEXT(receipt, payer), "payer",
		  { "", "0x", "9965507D1a55bcC2695C58ba16FB37d819B0A4dc", "0x9965507d1a55bcC2695C58ba16FB37d819B0A4dc" } },
		{ STATEMENT_RECEIPT, TEXT(receipt, transaction), "transaction", { "0x", "0x12", "none" } },
		{ STATEMENT_OFFER, TEXT(offer, resource_url), "resourceUrl", { "", "\t" } },
		{ STATEMENT_OFFER, TEXT(offer, scheme), "scheme", { "", "Exact", "exact " } },
		{ STATEMENT_OFFER, TEXT(offer, network), "network", { "", "eip155 1" } },
		{ STATEMENT_OFFER, TEXT(offer, asset), "asset", { "", "USDC" } },
		{ STATEMENT_OFFER, TEXT(offer, pay_to), "payTo", { "", "0x3C44" } },
		{ STATEMENT_OFFER, TEXT(offer, amount), "amount", { "", "-1", "1.5", "010", "1e4", "0x10" } },
		{ STATEMENT_ORDER, TEXT(order, experiment_id), "experimentId", { "", "a/b", "../x", "e\xc3\xa4" } },
		{ STATEMENT_ORDER, TEXT(order, state), "state", { "", "COMPLETED", "not ok" } },
		{ STATEMENT_ORDER, TEXT(order, val_bpb), "valBpb", { "nan", "inf", "-1", "1.0 ", "one" } },
		{ STATEMENT_ORDER, TEXT(order, payer), "payer", { "alice", "0x" } },
	};
	struct fixture *f = *state;

	at_time(AT);
	open_signer(f);
	for (size_t i = 0; i < ART_COUNT(rows); i++) {
		const struct signer_statement whole = rows[i].kind == STATEMENT_RECEIPT ? receipt()
						      : rows[i].kind == STATEMENT_OFFER ? offer()
											: order();
		struct signer_statement s = whole;

		for (size_t k = 0; k < ART_COUNT(rows[i].bad) && rows[i].bad[k]; k++) {
			s = whole;
			assert_true(art_copy((char *)&s + rows[i].at, rows[i].size, rows[i].bad[k]));
			refuses(f, &s, rows[i].member);
		}
		s = whole;
		memset((char *)&s + rows[i].at, 'a', rows[i].size); /* no end */
		refuses(f, &s, rows[i].member);
		assert_int_equal(signer_attest(f->signer, &whole, &f->sig, &f->err), ART_OK);
	}
#undef TEXT
}

static void signer_attest_must_refuse_times_that_cannot_be(void **state)
{
	struct signer_statement r = receipt(), o = offer(), done = order(), odd = order();
	struct fixture *f = *state;
	static const int64_t not_past[] = { 0, -1, INT64_MIN, AT + 601, INT64_MAX };
	static const int64_t not_soon[] = { 0, AT, AT - 1, INT64_MIN, AT + 30 * 86400 + 1, INT64_MAX };

	at_time(AT);
	open_signer(f);
	for (size_t i = 0; i < ART_COUNT(not_past); i++) {
		r.receipt.issued_at = done.order.finished_at = not_past[i];
		refuses(f, &r, "issuedAt");
		refuses(f, &done, "finishedAt");
	}
	for (size_t i = 0; i < ART_COUNT(not_soon); i++) {
		o.offer.valid_until = not_soon[i];
		refuses(f, &o, "validUntil");
	}
	r.receipt.issued_at = AT + 600;
	o.offer.valid_until = AT + 30 * 86400;
	assert_int_equal(signer_attest(f->signer, &r, &f->sig, &f->err), ART_OK);
	assert_int_equal(signer_attest(f->signer, &o, &f->sig, &f->err), ART_OK);
	odd.kind = (enum signer_statement_kind)3;
	says(f, signer_attest(f->signer, &odd, &f->sig, &f->err), ART_INVALID, "that kind of statement");
	assert_int_equal(pay(f, 1, 1), ART_INVALID); /* its window is over: nothing else was loosened */
}

/* ---- passwords --------------------------------------------------------------------------------- */

static void signer_unlock_must_refuse_a_wrong_password_and_take_the_right_one_then(void **state)
{
	struct fixture *f = *state;

	start(f);
	says(f, pay(f, 1, 1), ART_REFUSED, "locked");
	says(f, signer_counts(f->signer, &f->counts, &f->err), ART_REFUSED, "locked");
	put_file(f->setup.password_file, "incorrect horse", 0600);
	says(f, unlock(f), ART_REFUSED, "wrong password for ");
	says(f, pay(f, 1, 1), ART_REFUSED, "locked");
	put_file(f->setup.password_file, PASSWORD, 0640);
	says(f, unlock(f), ART_INVALID, "can be read by others");
	put_file(f->setup.password_file, PASSWORD, 0600);
	assert_int_equal(unlock(f), ART_OK);
	assert_int_equal(unlock(f), ART_OK);
	assert_int_equal(pay(f, 1, 1), ART_OK);
}

static void signer_unlock_must_say_what_is_wrong_with_the_keystore(void **state)
{
	struct fixture *f = *state;

	put_file(f->setup.keystore, "{\"version\":3}", 0600);
	start(f);
	says(f, unlock(f), ART_INVALID, "not a keystore");
	assert_int_equal(unlink(f->setup.keystore), 0);
	says(f, unlock(f), ART_NOT_FOUND, f->setup.keystore);
	make_keystore(f);
	assert_int_equal(unlock(f), ART_OK);
}

static void signer_unlock_must_take_the_password_from_a_descriptor(void **state)
{
	struct fixture *f = *state;
	int p[2];

	assert_int_equal(unlink(f->setup.password_file), 0);
	f->setup.password_file[0] = 0;
	for (int low = 0; low < 2; low++) {
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		/* The descriptors the process is born with are 3 and 4: handed on from there too. */
		if (low) {
			assert_int_equal(dup2(p[0], SIGNER_SOCKET), SIGNER_SOCKET);
			if (p[0] != SIGNER_SOCKET)
				close(p[0]);
			p[0] = SIGNER_SOCKET;
		}
		assert_int_equal(write(p[1], PASSWORD "\n", strlen(PASSWORD) + 1), strlen(PASSWORD) + 1);
		close(p[1]);
		f->setup.password_fd = p[0];
		open_signer(f);
		close(p[0]);
		assert_int_equal(pay(f, 1, 1), ART_OK);
	}
}

static void signer_must_answer_from_another_wallet_of_a_remote_signer_without_a_key(void **state)
{
	static const struct eth_signature none;
	struct fixture *f = *state;
	uint8_t data[36];
	struct tx t = call(REGISTRY, "register()", data);

	f->setup.is_remote = true;
	f->setup.remote = address(PAYER);
	f->setup.keystore[0] = f->setup.password_file[0] = 0;
	f->setup.policy.cap_total = micro(10000);
	open_signer(f);
	assert_int_equal(pay(f, 9000, 1), ART_OK);
	assert_memory_equal(&f->sig, &none, sizeof(none));
	says(f, pay(f, 1001, 2), ART_LIMIT, "for all payments");
	assert_int_equal(pay(f, 9000, 1), ART_OK);
	assert_int_equal(transact(f, &t), ART_OK);
	assert_memory_equal(&f->sig, &none, sizeof(none));
	open_signer(f);
	assert_int_equal(signatures(f), 2);
	assert_int_equal(usdc_to_micro(f->counts.total), 9000);
	snprintf(f->setup.keystore, SIGNER_PATH_MAX, "%s/key.json", f->dir);
	snprintf(f->setup.password_file, SIGNER_PATH_MAX, "%s/password", f->dir);
}

/* ---- the process ------------------------------------------------------------------------------- */

static char *proc_text(int pid, const char *name)
{
	char path[64];
	struct art_buf b;
	char *text;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	art_buf_init(&b, 1 << 20);
	assert_int_equal(art_read_file(&b, path, 1 << 20, NULL), ART_OK);
	/* Its NULs as spaces. */
	for (size_t i = 0; i < b.len; i++)
		if (!b.data[i])
			b.data[i] = ' ';
	text = art_buf_take(&b);
	return text;
}

static void signer_must_be_confined_and_show_no_secret(void **state)
{
	struct fixture *f = *state;
	char *text;

	setenv("ARTUI_TEST_SECRET", "hunter2", 1);
	open_signer(f);
	unsetenv("ARTUI_TEST_SECRET");
	assert_int_equal(pay(f, 1, 1), ART_OK);
	text = proc_text(signer_pid(f->signer), "status");
	assert_non_null(strstr(text, "Seccomp:\t2"));
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	assert_non_null(strstr(text, "Threads:\t1"));
	free(text);
	text = proc_text(signer_pid(f->signer), "limits");
	assert_non_null(strstr(text, "Max core file size        0                    0"));
	free(text);
	text = proc_text(signer_pid(f->signer), "cmdline");
	assert_string_equal(text, "artui __signer ");
	free(text);
	text = proc_text(signer_pid(f->signer), "environ");
	assert_null(strstr(text, "hunter2"));
	assert_null(strstr(text, "PATH="));
	assert_null(strstr(text, PASSWORD));
	assert_null(strstr(text, f->dir));
	free(text);
}

/* What the confined process may not ask for: each kills it. */
enum wish {
	OPEN, SOCKET, CONNECT, EXEC, FORK, KILL, PTRACE, DUP, RUNNABLE_MAP, RUNNABLE_PROTECT, UNLINK, PRCTL,
	IOCTL, OPENAT2, IO_URING, PROCESS_READ, ALLOWED, WISHES
};

static long wish_for(enum wish w, int fd, void *page)
{
	char *none[] = { NULL };

	switch (w) {
	case OPEN: return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
	case SOCKET: return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	case CONNECT: return syscall(SYS_connect, fd, NULL, 0);
	case EXEC: return syscall(SYS_execve, "/bin/true", none, none);
	case FORK: return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	case KILL: return syscall(SYS_kill, 1, 0);
	case PTRACE: return syscall(SYS_ptrace, 0, 0, 0, 0);
	case DUP: return syscall(SYS_fcntl, fd, F_DUPFD, 0);
	case RUNNABLE_MAP: return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	case RUNNABLE_PROTECT: return syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
	case UNLINK: return syscall(SYS_unlinkat, AT_FDCWD, "/nowhere", 0);
	case PRCTL: return syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0);
	case IOCTL: return syscall(SYS_ioctl, fd, 0, 0);
	case OPENAT2: return syscall(SYS_openat2, AT_FDCWD, "/dev/null", NULL, 0);
	case IO_URING: return syscall(SYS_io_uring_setup, 1, NULL);
	case PROCESS_READ: return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
	case ALLOWED: return syscall(SYS_getpid);
	case WISHES: break;
	}
	return 0;
}

static void signer_confine_must_end_a_process_that_asks_for_more(void **state)
{
	const struct rlimit none = { 0, 0 };

	(void)state;
	for (int w = 0; w < WISHES; w++) {
		void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), status;
		pid_t pid = fork();

		if (pid == 0) {
			setrlimit(RLIMIT_CORE, &none);
			if (signer_confine(NULL) != ART_OK)
				_exit(99);
			wish_for((enum wish)w, fd, page);
			syscall(SYS_exit_group, 7);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (w == ALLOWED)
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("wish %d was not its end: status %x", w, (unsigned)status);
		close(fd);
		munmap(page, 4096);
	}
}

/* Whether /proc/PID/mem opens for this user. */
static bool can_look(int pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The same program of the same user, only not the signer. */
static pid_t spawn_idle(void)
{
	char *const argv[] = { (char[]){ "artui" }, (char[]){ "__idle" }, NULL };
	char *const env[] = { NULL };
	int ready[2];
	char byte;
	pid_t pid = -1;
	posix_spawn_file_actions_t files;

	if (pipe(ready))
		return -1;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, ready[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&files, ready[0]);
	if (posix_spawn(&pid, "/proc/self/exe", &files, NULL, argv, env))
		pid = -1;
	posix_spawn_file_actions_destroy(&files);
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

enum look { LOOK_CLOSED, LOOK_OPEN, LOOK_NO_CONTROL, LOOK_FAILED };

/* In a child that is an ordinary user: root may look at everything. */
static enum look look_at_signer(struct signer_setup *s)
{
	struct eth_address who;
	struct signer *signer = NULL;
	enum look l;
	pid_t idle;

	if (!geteuid() && (setgid(65534) || setuid(65534)))
		return LOOK_NO_CONTROL;
	idle = spawn_idle();
	if (idle < 0)
		return LOOK_NO_CONTROL;
	l = can_look(idle) ? LOOK_OPEN : LOOK_NO_CONTROL;
	kill(idle, SIGKILL);
	waitpid(idle, NULL, 0);
	if (l == LOOK_NO_CONTROL)
		return l;
	if (signer_start(&signer, s, NULL) != ART_OK || signer_unlock(signer, &who, NULL) != ART_OK)
		return LOOK_FAILED;
	l = can_look(signer_pid(signer)) ? LOOK_OPEN : LOOK_CLOSED;
	signer_stop(signer);
	return l;
}

static void signer_must_not_let_its_own_user_look_into_its_memory(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	f->setup.is_remote = true;
	f->setup.remote = address(PAYER);
	assert_int_equal(mkdir(f->setup.state_dir, 0700), 0);
	assert_int_equal(chmod(f->dir, 0755), 0);
	if (!geteuid())
		assert_int_equal(chown(f->setup.state_dir, 65534, 65534), 0);
	pid = fork();
	if (pid == 0)
		_exit(look_at_signer(&f->setup));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == LOOK_NO_CONTROL)
		skip(); /* nobody may look at anything here */
	assert_int_equal(WEXITSTATUS(status), LOOK_CLOSED);
}

static void signer_calls_must_say_when_it_was_ended(void **state)
{
	struct fixture *f = *state;

	open_signer(f);
	assert_int_equal(kill(signer_pid(f->signer), SIGKILL), 0);
	says(f, pay(f, 1, 1), ART_IO, "ended by signal 9");
	says(f, pay(f, 1, 1), ART_IO, "the signer has ended");
	assert_int_equal(signer_pid(f->signer), 0);
	signer_stop(f->signer);
	f->signer = NULL;
	signer_stop(NULL);
}

static void signer_must_end_with_its_parent_socket_and_not_by_ctrl_c(void **state)
{
	struct fixture *f = *state;
	int pid;

	open_signer(f);
	pid = signer_pid(f->signer);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(kill(pid, SIGHUP), 0);
	assert_int_equal(pay(f, 1, 1), ART_OK);
	signer_stop(f->signer);
	f->signer = NULL;
	assert_int_equal(kill(pid, 0), -1);
}

/* ---- messages that are not its client's --------------------------------------------------------- */

static int raw_signer(pid_t *pid)
{
	char *const argv[] = { (char[]){ "artui" }, (char[]){ "__signer" }, NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t files;
	int pair[2], high;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	high = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
	close(pair[1]);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, high, SIGNER_SOCKET);
	assert_int_equal(posix_spawn(pid, "/proc/self/exe", &files, NULL, argv, env), 0);
	posix_spawn_file_actions_destroy(&files);
	close(high);
	return pair[0];
}

static void told(int fd, const struct signer_request *q, size_t n, enum art_status want, const char *part)
{
	struct signer_reply r;

	assert_int_equal(send(fd, q, n, MSG_NOSIGNAL), n);
	assert_int_equal(recv(fd, &r, sizeof(r), 0), sizeof(r));
	if (r.err.code != want || !strstr(r.err.text, part))
		fail_msg("%s: \"%s\" instead of \"%s\"", art_status_text(r.err.code), r.err.text, part);
}

static void signer_main_must_survive_messages_that_are_malformed(void **state)
{
	struct fixture *f = *state;
	struct signer_request *q = art_alloc(1, sizeof(*q));
	size_t of_setup = signer_request_size(SIGNER_ASK_SETUP);
	pid_t pid;
	int fd = raw_signer(&pid), status;

	told(fd, q, 1, ART_INVALID, "wrong size");
	told(fd, q, sizeof(*q), ART_INVALID, "wrong size");
	q->ask = (enum signer_ask)77;
	told(fd, q, sizeof(q->ask), ART_INVALID, "wrong size");
	q->ask = SIGNER_ASK_UNLOCK;
	told(fd, q, signer_request_size(q->ask), ART_INVALID, "not set up");
	q->ask = SIGNER_ASK_SETUP;
	told(fd, q, of_setup, ART_INVALID, "setup is malformed"); /* no state directory */
	q->setup = f->setup;
	memset(q->setup.keystore, 'k', sizeof(q->setup.keystore));
	told(fd, q, of_setup, ART_INVALID, "setup is malformed");
	q->setup = f->setup;
	memset(q->setup.state_dir, 's', sizeof(q->setup.state_dir));
	told(fd, q, of_setup, ART_INVALID, "setup is malformed");
	q->setup = f->setup;
	q->setup.policy.n_tokens = SIGNER_TOKENS_MAX + 1;
	told(fd, q, of_setup, ART_INVALID, "setup is malformed");
	q->setup.policy.n_tokens = -1;
	told(fd, q, of_setup, ART_INVALID, "setup is malformed");
	q->setup = f->setup;
	q->setup.policy.n_payees = SIGNER_PAYEES_MAX + 1;
	told(fd, q, of_setup, ART_INVALID, "setup is malformed");
	q->setup = f->setup;
	told(fd, q, of_setup, ART_OK, "");
	/* Its policy is fixed from here on. */
	q->setup.policy.cap_total = micro(INT64_MAX);
	told(fd, q, of_setup, ART_CONFLICT, "set up already");
	q->ask = SIGNER_ASK_AUTHORIZE;
	told(fd, q, signer_request_size(q->ask), ART_REFUSED, "locked");
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(q);
}

/* ---- the state directory ----------------------------------------------------------------------- */

static void signer_state_dir_must_follow_the_environment(void **state)
{
	char dir[SIGNER_PATH_MAX], *home = art_strdup(getenv("HOME") ? getenv("HOME") : "/"), *longer;
	struct art_err err = { 0 };

	(void)state;
	setenv("XDG_STATE_HOME", "/var/x", 1);
	assert_int_equal(signer_state_dir(dir, &err), ART_OK);
	assert_string_equal(dir, "/var/x/artui");
	setenv("HOME", "/home/somebody", 1);
	setenv("XDG_STATE_HOME", "relative", 1); /* to be ignored, says the specification */
	assert_int_equal(signer_state_dir(dir, &err), ART_OK);
	assert_string_equal(dir, "/home/somebody/.local/state/artui");
	unsetenv("XDG_STATE_HOME");
	longer = art_printf("/%01000d", 7);
	setenv("HOME", longer, 1);
	free(longer);
	assert_int_equal(signer_state_dir(dir, &err), ART_LIMIT);
	unsetenv("HOME");
	assert_int_equal(signer_state_dir(dir, &err), ART_NOT_FOUND);
	setenv("HOME", home, 1);
	free(home);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(signer_authorize_must_sign_as_the_reference_client_does),
		T(signer_authorize_must_give_the_signature_of_the_key),
		T(signer_authorize_must_repeat_itself_without_a_new_record),
		T(signer_authorize_must_refuse_what_its_policy_does_not_allow),
		T(signer_authorize_must_refuse_bad_windows),
		T(signer_authorize_must_refuse_every_other_domain),
		T(signer_authorize_must_keep_each_cap_to_its_edge),
		T(signer_authorize_must_let_an_hour_and_a_day_pass),
		T(signer_authorize_must_share_the_caps_among_signers_of_one_wallet),
		T(signer_freeze_must_stop_a_running_signer_and_thaw_it),
		T(signer_must_count_a_flag_that_was_removed_or_emptied_as_frozen),
		T(signer_must_make_its_files_for_its_owner_alone),
		T(signer_journal_read_must_tell_what_was_signed),
		T(signer_must_cut_off_a_record_that_a_death_cut_short),
		T(signer_must_sign_nothing_after_an_edit_of_its_journal),
		T(signer_must_notice_what_is_done_to_its_journal_while_it_runs),
		T(signer_transact_must_sign_the_calls_it_knows),
		T(signer_transact_must_sign_access_lists_and_long_data_as_they_are),
		T(signer_transact_must_refuse_what_it_does_not_know),
		T(signer_transact_must_keep_the_fee_ceiling),
		T(signer_attest_must_sign_as_the_reference_does),
		T(signer_attest_must_recover_to_the_wallet),
		T(signer_attest_must_leave_the_journal_alone),
		T(signer_attest_must_refuse_when_frozen_locked_or_remote),
		T(signer_attest_must_refuse_malformed_statements),
		T(signer_attest_must_refuse_times_that_cannot_be),
		T(signer_unlock_must_refuse_a_wrong_password_and_take_the_right_one_then),
		T(signer_unlock_must_say_what_is_wrong_with_the_keystore),
		T(signer_unlock_must_take_the_password_from_a_descriptor),
		T(signer_must_answer_from_another_wallet_of_a_remote_signer_without_a_key),
		T(signer_must_be_confined_and_show_no_secret),
		T(signer_must_not_let_its_own_user_look_into_its_memory),
		T(signer_calls_must_say_when_it_was_ended),
		T(signer_must_end_with_its_parent_socket_and_not_by_ctrl_c),
		T(signer_main_must_survive_messages_that_are_malformed),
		cmocka_unit_test(signer_confine_must_end_a_process_that_asks_for_more),
		cmocka_unit_test(signer_state_dir_must_follow_the_environment),
	};

	if (argc > 1 && !strcmp(argv[1], "__signer"))
		return signer_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "__idle")) {
		puts("");
		fflush(stdout);
		return (int)sleep(60);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
