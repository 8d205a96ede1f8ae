/*
 * signer_main.c - the process that holds the key.
 *
 * Layer: core. Single-threaded; ends when its parent's socket closes. Until it is confined it reads the
 * keystore and the password and nothing else.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/pay/secret.h"
#include "core/pay/signer_private.h"
#include "core/pay/wallet.h"

#define PASSWORD_TRIES 3

struct process {
	struct signer_setup setup;
	struct keys *keys;
	struct eth_key *key;        /* locked; zero with a remote signer */
	struct eth_address who;
	struct journal journal;
	int flag;                   /* the frozen flag */
	bool ready, confined;
};

/* ---- opening the key --------------------------------------------------------------------------- */

static enum art_status try_password(struct process *p, const struct art_buf *file, char *password,
				    struct art_err *err)
{
	struct wallet_password from = {
		.file = p->setup.password_file[0] ? p->setup.password_file : NULL,
		.fd = p->setup.password_fd > 0 ? SIGNER_PASSWORD : 0,
	};
	const char *base = strrchr(p->setup.keystore, '/');
	char prompt[160];
	size_t len = 0;
	enum art_status s;

	snprintf(prompt, sizeof(prompt), "Password of the wallet %.100s: ",
		 base ? base + 1 : p->setup.keystore);
	s = wallet_password_read(&from, prompt, false, password, &len, err);
	if (s == ART_OK)
		s = keystore_decrypt(p->keys, file->data, file->len, password, len, p->key, err);
	keys_wipe(password, KEYSTORE_PASSWORD_MAX);
	return s;
}

static enum art_status open_key(struct process *p, struct art_err *err)
{
	bool typed = !p->setup.password_file[0] && p->setup.password_fd <= 0;
	char *password = secret_alloc(KEYSTORE_PASSWORD_MAX);
	struct art_buf file;
	enum art_status s;

	art_buf_init(&file, KEYSTORE_FILE_MAX);
	s = art_read_file(&file, p->setup.keystore, KEYSTORE_FILE_MAX, err);
	if (s == ART_OK)
		s = try_password(p, &file, password, err);
	/* A typed password may be mistyped; "no terminal" is REFUSED too, and asking again does not help. */
	for (int i = 1; s == ART_REFUSED && typed && i < PASSWORD_TRIES && err->code == ART_REFUSED &&
			!strcmp(err->text, "wrong password"); i++)
		s = try_password(p, &file, password, err);
	if (s == ART_REFUSED && err->code == ART_REFUSED && !strcmp(err->text, "wrong password"))
		art_fail(err, s, "wrong password for %.150s", p->setup.keystore);
	art_buf_destroy(&file);
	secret_free(password, KEYSTORE_PASSWORD_MAX);
	return s ? s : keys_address(p->keys, p->key, &p->who, err);
}

static enum art_status unlock(struct process *p, struct art_err *err)
{
	enum art_status s = ART_OK;

	if (p->ready)
		return ART_OK;
	if (p->confined)
		return art_fail(err, ART_IO, "the signer could not be opened; start it again");
	if (p->setup.is_remote)
		p->who = p->setup.remote;
	else
		s = open_key(p, err);
	s = s ? s : signer_flag_open(p->setup.state_dir, &p->flag, err);
	s = s ? s : journal_open(&p->journal, p->setup.state_dir, &p->who,
				 p->setup.is_remote ? NULL : p->key, err);
	if (s == ART_OK) {
		s = signer_confine(err);
		p->confined = true;
	}
	p->ready = s == ART_OK;
	if (!p->ready)
		keys_wipe(p->key, sizeof(*p->key));
	return s;
}

/* ---- signing ----------------------------------------------------------------------------------- */

static enum art_status check_frozen(const struct process *p, struct art_err *err)
{
	if (signer_flag_is_set(p->flag))
		return art_fail(err, ART_REFUSED, "payments are frozen: artui thaw allows them again");
	return ART_OK;
}

/* Count it, then sign it: a record without a signature harms nobody. */
static enum art_status record_and_sign(struct process *p, const struct signer_record *r,
				       const struct signer_counts *counted, struct usdc value,
				       struct eth_signature *sig, struct art_err *err)
{
	enum art_status s = ART_OK;

	if (!journal_has(&p->journal, &r->digest)) {
		s = signer_judge_caps(&p->setup.policy, counted, value, err);
		s = s ? s : journal_add(&p->journal, r, err);
	}
	memset(sig, 0, sizeof(*sig));
	if (s == ART_OK && !p->setup.is_remote)
		s = keys_sign(p->keys, p->key, &r->digest, sig, err);
	return s;
}

static enum art_status locked_sign(struct process *p, const struct signer_record *r, struct usdc value,
				   struct eth_signature *sig, struct art_err *err)
{
	struct signer_counts counted = { 0 };
	enum art_status s = check_frozen(p, err);

	s = s ? s : journal_lock(&p->journal, err);
	if (s != ART_OK)
		return s;
	journal_sums(&p->journal, r->at_us, &counted);
	s = record_and_sign(p, r, &counted, value, sig, err);
	journal_unlock(&p->journal);
	return s;
}

static bool terminated(const char *s, size_t size)
{
	return memchr(s, 0, size) != NULL;
}

static enum art_status authorize(struct process *p, const struct signer_request *q,
				 struct signer_reply *out, struct art_err *err)
{
	const struct eip712_domain *d = &q->authorize.domain;
	const struct eip3009 *a = &q->authorize.a;
	struct signer_record r = { .at_us = art_now_us(), .kind = "authorization" };
	struct eth_word separator, hash;
	struct usdc value;
	uint64_t before = 0;
	enum art_status s;

	if (!terminated(d->name, sizeof(d->name)) || !terminated(d->version, sizeof(d->version)))
		return art_fail(err, ART_INVALID, "the signing domain is malformed");
	s = signer_judge_authorization(&p->setup.policy, &p->who, d, a, r.at_us / 1000000, &value, err);
	if (s != ART_OK)
		return s;
	separator = eip712_domain_separator(d);
	hash = eip3009_hash(EIP3009_TRANSFER, a);
	r.digest = eip712_digest(&separator, &hash);
	r.chain_id = d->chain_id;
	r.contract = d->contract;
	r.to = a->to;
	r.value = a->value;
	r.nonce = a->nonce;
	if (u256_to_u64(&a->valid_before, &before))
		r.valid_before = (int64_t)before;
	return locked_sign(p, &r, value, &out->sig, err);
}

static enum art_status transact(struct process *p, struct signer_request *q, struct signer_reply *out,
				struct art_err *err)
{
	struct signer_record r = { .at_us = art_now_us(), .kind = "transaction" };
	struct tx *t = &q->transact.tx;
	struct u256 nonce;
	enum art_status s;

	if (t->data_len > TX_DATA_MAX || t->n_access < 0 || t->n_access > TX_ACCESS_MAX)
		return art_fail(err, ART_INVALID, "the transaction is malformed");
	for (int i = 0; i < t->n_access; i++)
		if (q->transact.access[i].n_keys < 0 || q->transact.access[i].n_keys > TX_ACCESS_KEYS_MAX)
			return art_fail(err, ART_INVALID, "the transaction's access list is malformed");
	t->data = q->transact.data;
	t->access = q->transact.access;
	s = signer_judge_transaction(&p->setup.policy, t, err);
	s = s ? s : tx_digest(t, &r.digest, err);
	if (s != ART_OK)
		return s;
	r.chain_id = t->chain_id;
	r.contract = t->to;
	nonce = u256_from_u64(t->nonce);
	memcpy(r.nonce.b, nonce.be, sizeof(r.nonce.b));
	return locked_sign(p, &r, usdc_zero(), &out->sig, err);
}

static enum art_status attest(struct process *p, const struct signer_statement *a, struct signer_reply *out,
			      struct art_err *err)
{
	struct eth_word digest;
	enum art_status s = check_frozen(p, err);

	s = s ? s : signer_statement_check(a, art_now_us() / 1000000, err);
	if (s != ART_OK)
		return s;
	if (p->setup.is_remote)
		return art_fail(err, ART_UNSUPPORTED, "a remote signer signs no receipts");
	digest = signer_statement_digest(a);
	return keys_sign(p->keys, p->key, &digest, &out->sig, err);
}

static enum art_status counts(struct process *p, struct signer_reply *out, struct art_err *err)
{
	enum art_status s = journal_lock(&p->journal, err);

	if (s != ART_OK)
		return s;
	journal_sums(&p->journal, art_now_us(), &out->counts);
	journal_unlock(&p->journal);
	out->counts.frozen = signer_flag_is_set(p->flag);
	return ART_OK;
}

/* ---- the loop ---------------------------------------------------------------------------------- */

static enum art_status setup(struct process *p, const struct signer_setup *s, struct art_err *err)
{
	if (p->setup.state_dir[0])
		return art_fail(err, ART_CONFLICT, "the signer was set up already");
	if (!terminated(s->keystore, sizeof(s->keystore)) ||
	    !terminated(s->password_file, sizeof(s->password_file)) ||
	    !terminated(s->state_dir, sizeof(s->state_dir)) || !s->state_dir[0] ||
	    s->policy.n_tokens < 0 || s->policy.n_tokens > SIGNER_TOKENS_MAX ||
	    s->policy.n_payees < 0 || s->policy.n_payees > SIGNER_PAYEES_MAX)
		return art_fail(err, ART_INVALID, "the signer's setup is malformed");
	p->setup = *s;
	return ART_OK;
}

static void answer(struct process *p, struct signer_request *q, struct signer_reply *out)
{
	struct art_err *err = &out->err;
	enum art_status s;

	if (q->ask != SIGNER_ASK_SETUP && !p->setup.state_dir[0])
		s = art_fail(err, ART_INVALID, "the signer was not set up");
	else if (q->ask == SIGNER_ASK_SETUP)
		s = setup(p, &q->setup, err);
	else if (q->ask == SIGNER_ASK_UNLOCK)
		s = unlock(p, err);
	else if (!p->ready)
		s = art_fail(err, ART_REFUSED, "the wallet is locked");
	else if (q->ask == SIGNER_ASK_AUTHORIZE)
		s = authorize(p, q, out, err);
	else if (q->ask == SIGNER_ASK_TRANSACT)
		s = transact(p, q, out, err);
	else if (q->ask == SIGNER_ASK_ATTEST)
		s = attest(p, &q->attest, out, err);
	else if (q->ask == SIGNER_ASK_COUNTS)
		s = counts(p, out, err);
	else
		s = art_fail(err, ART_INVALID, "the signer does not know that request");
	if (s == ART_OK)
		out->err = (struct art_err){ 0 };
	else
		memset(&out->sig, 0, sizeof(out->sig));
	out->who = p->who;
}

static void serve(struct process *p)
{
	struct signer_request *q = art_alloc(1, sizeof(*q));

	for (;;) {
		struct signer_reply reply = { 0 };
		ssize_t got = recv(SIGNER_SOCKET, q, sizeof(*q), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if ((size_t)got < sizeof(q->ask) || (size_t)got != signer_request_size(q->ask))
			art_fail(&reply.err, ART_INVALID, "the signer got a message of the wrong size");
		else
			answer(p, q, &reply);
		if (send(SIGNER_SOCKET, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			break;
	}
	free(q);
}

int signer_main(int argc, char **argv)
{
	struct process *p = art_alloc(1, sizeof(*p));

	(void)argv;
	secret_undumpable();
	if (argc != 2 || close_range(SIGNER_PASSWORD + 1, ~0u, 0))
		return 2;
	/* The terminal's interrupt is for the parent; its end ends us. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	p->key = secret_alloc(sizeof(*p->key));
	if (keys_open(&p->keys, NULL) != ART_OK)
		return 1;
	serve(p);
	keys_wipe(p->key, sizeof(*p->key));
	_exit(0);
}
