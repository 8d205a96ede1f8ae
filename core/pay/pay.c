/*
 * pay.c - asking for a resource and paying for it, at most once.
 *
 * Layer: core. Every step that matters is in the ledger before the next one begins; so whatever instant
 * the program dies at, the next run knows whether the signed payment can have left.
 */
#include "core/pay/pay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pay/pay_private.h"
#include "core/pay/remote_signer.h"
#include "store/hash.h"

#define ASK_MS 120000
#define RESUME_MARGIN_S 15
#define DAY_US (86400 * (int64_t)1000000)

void pay_result_init(struct pay_result *r)
{
	memset(r, 0, sizeof(*r));
	http_response_init(&r->answer);
}

void pay_result_destroy(struct pay_result *r)
{
	http_response_destroy(&r->answer);
	memset(r, 0, sizeof(*r));
}

static void say(const struct pay_call *call, const char *fmt, ...) ART_PRINTF(2, 3);
static void say(const struct pay_call *call, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!call->say)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	call->say(call->arg, line);
}

/* What was asked for, as one name: the caller's own key, or everything the seller would work on. */
static void request_key(const struct pay_call *call, char out[65])
{
	struct hash_state *h = hash_begin();
	struct hash_hex hex;
	const char *method = call->method ? call->method : "GET";

	if (call->run_id) {
		char run[32];

		snprintf(run, sizeof(run), "run %lld", (long long)call->run_id);
		hash_add(h, run, strlen(run) + 1);
	} else if (call->key) {
		hash_add(h, "key", 4);
		hash_add(h, call->key, strlen(call->key));
	} else {
		hash_add(h, method, strlen(method) + 1);
		hash_add(h, call->url, strlen(call->url) + 1);
		hash_add(h, call->body ? call->body : "", call->body_len);
	}
	hex = hash_end(h);
	art_copy(out, 65, hex.s);
}

static struct payment_window window_of(const struct pay_call *call)
{
	int64_t now = art_now_us();

	return (struct payment_window){
		now, call->night_since_us ? call->night_since_us : now - DAY_US,
	};
}

static enum art_status refuse(struct pay_result *out, const char *why)
{
	out->refused_by_policy = true;
	snprintf(out->words, sizeof(out->words), "%s", why);
	return ART_OK;
}

/* ---- the quote --------------------------------------------------------------------------------- */

static bool other_host(const char *resource, const char *url)
{
	struct http_url a, b;

	if (!resource[0] || http_url_parse(resource, &a, NULL) || http_url_parse(url, &b, NULL))
		return false;
	return strcmp(a.host, b.host) != 0 &&
	       !(http_host_is_loopback(a.host) && http_host_is_loopback(b.host));
}

static bool plain_http(const char *url)
{
	struct http_url u;

	return http_url_parse(url, &u, NULL) == ART_OK && !strcmp(u.scheme, "http") &&
	       !http_host_is_loopback(u.host);
}

static enum policy_answer judge_terms(const struct pay *p, const struct pay_call *call,
				      const struct x402_challenge *c, struct pay_result *out,
				      bool *known, char why[256], struct art_err *err)
{
	struct policy_facts f = {
		.terms = &out->terms, .plain_http = plain_http(call->url),
		.other_host = other_host(c->resource, call->url),
		.have_max = call->have_max, .max = call->max,
	};
	char payee[ETH_ADDRESS_TEXT];

	eth_address_text(&out->terms.pay_to, payee);
	if (signer_is_frozen(p->state_dir, &f.frozen, err) ||
	    payment_payee_known(p->store, out->terms.chain->id, payee, known, err)) {
		snprintf(why, 256, "%.250s", err ? err->text : "the ledger cannot be read");
		return POLICY_REFUSE;
	}
	f.payee_paid_before = *known;
	return policy_judge(p->policy, &f, why);
}

/* Choose among the offers, and fill what out says of the quote. */
static enum art_status quote(const struct pay *p, const struct x402_challenge *c,
			     struct pay_result *out, struct art_err *err)
{
	enum art_status s = x402_choose(c, p->chains, p->policy->max_window_s, &out->terms, err);

	out->x402_version = c->version;
	out->quoted = s == ART_OK;
	if (c->n) {
		out->offered = true;
		out->offer = c->accepts[out->quoted ? out->terms.index : 0];
	}
	return s;
}

static void show_preview(const struct pay *p, const struct pay_call *call,
			 const struct pay_result *out, bool known)
{
	struct payment_window w = window_of(call);
	struct payment_spent spent;
	struct art_buf b;
	char payee[ETH_ADDRESS_TEXT];

	if (!call->preview)
		return;
	eth_address_text(&out->terms.pay_to, payee);
	art_buf_init(&b, 16384);
	if (payment_spent(p->store, payee, &p->policy->caps, &w, &spent, NULL) == ART_OK) {
		policy_preview(&b, &out->terms, call->method ? call->method : "GET",
			       call->url, w.now_us / 1000000 + out->terms.max_timeout_s, &spent,
			       known);
		call->preview(call->arg, b.data ? b.data : "");
	}
	art_buf_destroy(&b);
}

/* Whether to go on; when not, out says why and the answer is the quote. */
static bool agreed(const struct pay *p, const struct pay_call *call, const struct x402_challenge *c,
		   struct pay_result *out, struct art_err *err)
{
	char why[256] = "";
	bool known = false;
	enum policy_answer answer = judge_terms(p, call, c, out, &known, why, err);

	out->asked = answer == POLICY_ASK;
	if (answer == POLICY_REFUSE) {
		refuse(out, why);
		return false;
	}
	if (call->dry_run) {
		snprintf(out->words, sizeof(out->words), "%s", why);
		return false;
	}
	if (!p->signer) {
		out->no_wallet = true;
		refuse(out, "there is no wallet to pay with: artui wallet create makes one");
		return false;
	}
	show_preview(p, call, out, known);
	if (answer == POLICY_ASK && !(call->ask && call->ask(call->arg, why))) {
		char text[256];

		snprintf(text, sizeof(text), "not now: %.220s", why);
		refuse(out, text);
		return false;
	}
	return true;
}

/* ---- reserving and signing --------------------------------------------------------------------- */

static enum art_status fill_row(const struct pay_call *call, const struct pay_result *out,
				const struct eth_address *payer, const char *request,
				struct payment_row *row, struct eip3009 *a, struct art_err *err)
{
	const struct x402_terms *t = &out->terms;
	int64_t now = art_now_us() / 1000000;
	uint8_t id[12];
	char hex[32];
	enum art_status s = keys_random(a->nonce.b, sizeof(a->nonce.b), err);

	if (s == ART_OK)
		s = keys_random(id, sizeof(id), err);
	if (s != ART_OK)
		return s;
	a->from = *payer;
	a->to = t->pay_to;
	a->value = u256_from_u64((uint64_t)usdc_to_micro(t->amount));
	/* Not "now": a chain's clock lags ours, and the token compares with its last block. */
	a->valid_after = u256_from_u64(0);
	a->valid_before = u256_from_u64((uint64_t)(now + t->max_timeout_s));
	row->amount = t->amount;
	row->chain_id = t->chain->id;
	art_copy(row->network, sizeof(row->network), t->chain->caip2);
	eth_address_text(&t->asset, row->asset);
	eth_address_text(&t->pay_to, row->pay_to);
	eth_address_text(payer, row->payer);
	eth_word_text(&a->nonce, row->nonce);
	row->valid_before = now + t->max_timeout_s;
	row->x402_version = out->x402_version;
	art_copy(row->method, sizeof(row->method), call->method ? call->method : "GET");
	if (!art_copy(row->url, sizeof(row->url), call->url))
		return art_fail(err, ART_LIMIT, "a URL of more than %zu bytes cannot be paid for",
				sizeof(row->url) - 1);
	art_copy(row->request_sha256, sizeof(row->request_sha256), request);
	row->run_id = call->run_id;
	snprintf(row->payment_id, sizeof(row->payment_id), "artui-%s",
		 hex_encode(id, sizeof(id), hex) + 2);
	return ART_OK;
}

/*
 * Whether the price fits under the caps, before anybody types a password for it. What a cap holds back may
 * be a payment that died long ago: ask the chain once, then look again.
 */
static enum art_status check_room(const struct pay *p, const struct pay_call *call,
				  const struct x402_terms *t, struct art_err *err)
{
	struct payment_window w = window_of(call);
	char payee[ETH_ADDRESS_TEXT];
	int open;
	enum art_status s;

	eth_address_text(&t->pay_to, payee);
	s = payment_fits(p->store, payee, t->amount, &p->policy->caps, &w, err);
	if (s != ART_LIMIT || pay_reconcile(p, NULL, NULL, &open, NULL) != ART_OK)
		return s;
	return payment_fits(p->store, payee, t->amount, &p->policy->caps, &w, err);
}

static enum art_status sign(const struct pay *p, const struct x402_terms *t, const struct eip3009 *a,
			    struct eth_signature *sig, struct art_err *err)
{
	struct eip712_domain d = chain_usdc_domain(t->chain);
	struct eth_word separator = eip712_domain_separator(&d);
	struct eth_word hash = eip3009_hash(EIP3009_TRANSFER, a);
	struct eth_word digest = eip712_digest(&separator, &hash);
	struct eth_address who;
	enum art_status s = signer_authorize(p->signer, &d, a, sig, err);

	if (s == ART_OK && p->remote)
		s = remote_signer_authorize(p->remote, &d, a, sig, err);
	if (s == ART_OK)
		s = keys_recover(p->keys, &digest, sig, &who, err);
	if (s == ART_OK && !eth_address_equal(&who, &a->from))
		s = art_fail(err, ART_CORRUPT, "the signer's signature is not the wallet's");
	return s;
}

/* Nothing signed has left: the row is closed for good. */
static enum art_status close_unsent(const struct pay *p, struct payment_row *row, const char *why,
				    struct art_err *err)
{
	struct payment_move m = { .from = row->state, .to = PAYMENT_REFUSED, .dead = true,
				  .reason = why };

	return pay_move(p, row, &m, err);
}

static enum art_status sign_and_keep(const struct pay *p, const struct x402_challenge *c,
				     const struct eip3009 *a, struct pay_result *out,
				     struct art_err *err)
{
	struct payment_row *row = &out->payment;
	struct eth_signature sig;
	struct art_buf header;
	struct art_err why = { 0 };
	enum art_status s = sign(p, &out->terms, a, &sig, &why);

	if (s != ART_OK) {
		enum art_status closed = close_unsent(p, row, why.text, err);

		if (closed != ART_OK)
			return closed;
		if (s == ART_REFUSED || s == ART_LIMIT || s == ART_INVALID)
			return refuse(out, why.text);
		return art_fail(err, s, "%s", why.text);
	}
	art_buf_init(&header, X402_HEADER_MAX);
	s = x402_payment_write(c, &out->terms, a, &sig, row->payment_id, &header, &why);
	if (s != ART_OK) {
		enum art_status closed = close_unsent(p, row, why.text, err);

		s = closed != ART_OK ? closed : art_fail(err, s, "%s", why.text);
	} else {
		s = payment_sign(p->store, row->id, header.data, err);
		if (s == ART_OK)
			s = payment_find(p->store, row->id, row, err);
	}
	keys_wipe(header.data, header.len);
	art_buf_destroy(&header);
	return s;
}

static enum art_status buy(const struct pay *p, const struct pay_call *call,
			   const struct x402_challenge *c, const char *request,
			   struct pay_result *out, struct art_err *err)
{
	struct payment_move to_sent = { .from = PAYMENT_SIGNED, .to = PAYMENT_SENT };
	struct payment_row *row = &out->payment;
	struct eth_address payer;
	struct eip3009 a;
	struct payment_window w;
	struct art_err why = { 0 };
	enum art_status s = check_room(p, call, &out->terms, &why);

	if (s == ART_LIMIT)
		return refuse(out, why.text);
	if (s != ART_OK)
		return art_fail(err, s, "%s", why.text);
	s = signer_unlock(p->signer, &payer, err);
	if (s == ART_OK)
		s = fill_row(call, out, &payer, request, row, &a, err);
	if (s != ART_OK)
		return s;
	w = window_of(call);
	s = payment_reserve(p->store, row, &p->policy->caps, &w, NULL, &why);
	if (s == ART_LIMIT)
		return refuse(out, why.text);
	if (s != ART_OK)
		return art_fail(err, s, "%s", why.text);
	out->paying = true;
	s = sign_and_keep(p, c, &a, out, err);
	if (s != ART_OK || out->refused_by_policy)
		return s;
	s = pay_move(p, row, &to_sent, err);
	return s == ART_OK ? pay_send(p, call, c, true, out, err) : s;
}

/* ---- resuming ---------------------------------------------------------------------------------- */

enum resume { RESUME_NOTHING, RESUME_SEND, RESUME_STOP };

/* What to do about an open payment of the same request. */
static enum resume resume_plan(const struct pay *p, struct payment_row *row, struct pay_result *out,
			       struct art_err *err, enum art_status *s)
{
	int64_t now = art_now_us() / 1000000;
	struct token_evidence e;
	char words[256] = "";

	*s = ART_OK;
	if (row->state == PAYMENT_RESERVED || row->state == PAYMENT_SIGNED) {
		*s = close_unsent(p, row, "it was never sent: the program ended before", err);
		return *s == ART_OK ? RESUME_NOTHING : RESUME_STOP;
	}
	if (!(row->state == PAYMENT_SETTLED && row->checked) &&
	    pay_evidence(p, row, 15000, &e, err) == ART_OK) {
		*s = pay_apply_evidence(p, row, &e, 0, words, err);
		if (*s != ART_OK)
			return RESUME_STOP;
		if (row->dead)
			return RESUME_NOTHING;
	}
	/* Paid, its answer lost: a seller that keeps results gives it for the same payment. */
	if (row->state == PAYMENT_SETTLED)
		return RESUME_SEND;
	if (now + RESUME_MARGIN_S < row->valid_before)
		return RESUME_SEND;
	snprintf(out->words, sizeof(out->words),
		 "payment %lld for this request is still open: artui payments reconcile finds out",
		 (long long)row->id);
	return RESUME_STOP;
}

/* The terms of a row, for those who read the result. */
static void terms_of_row(const struct pay *p, const struct payment_row *row, struct pay_result *out)
{
	out->x402_version = row->x402_version;
	out->terms = (struct x402_terms){ .chain = chains_by_id(p->chains, row->chain_id),
					  .amount = row->amount };
	out->quoted = out->terms.chain &&
		      eth_address_parse(row->asset, &out->terms.asset, NULL) == ART_OK &&
		      eth_address_parse(row->pay_to, &out->terms.pay_to, NULL) == ART_OK;
}

static enum art_status resume(const struct pay *p, const struct pay_call *call,
			      struct pay_result *out, bool *done, struct art_err *err)
{
	struct payment_row *row = &out->payment;
	enum art_status s;

	*done = true;
	/* What was signed for one seller is not shown to another. */
	if (strcmp(row->url, call->url) != 0 || strcmp(row->method, call->method ? call->method : "GET") != 0)
		return art_fail(err, ART_CONFLICT, "that id belongs to payment %lld for %s %.150s: another "
				"request needs another id", (long long)row->id, row->method, row->url);
	switch (resume_plan(p, row, out, err, &s)) {
	case RESUME_NOTHING:
		memset(row, 0, sizeof(*row));
		*done = false;
		return s;
	case RESUME_STOP:
		out->paying = true;
		terms_of_row(p, row, out);
		return s;
	case RESUME_SEND:
		break;
	}
	out->paying = true;
	terms_of_row(p, row, out);
	say(call, "sending payment %lld again: the same authorization, so it is taken once at most",
	    (long long)row->id);
	s = pay_send(p, call, NULL, false, out, err);
	if (s == ART_OK && row->state == PAYMENT_SETTLED &&
	    (out->answer.status < 200 || out->answer.status >= 300))
		snprintf(out->words, sizeof(out->words), "payment %lld paid for this already, and the seller "
			 "gives nothing more for it%s", (long long)row->id,
			 call->key ? "; another --id buys again" : "");
	return s;
}

/* The payment that stands in the way of a new one: one that is open; or, where the caller named the request,
 * also one that is settled: a name is paid for once. NOT_FOUND: none. */
static enum art_status find_standing(const struct pay *p, const struct pay_call *call,
				     const char *request, struct payment_row *out, struct art_err *err)
{
	enum art_status s = payment_find_open(p->store, request, out, err);

	if (s == ART_NOT_FOUND && (call->key || call->run_id))
		s = payment_find_settled(p->store, request, out, err);
	return s;
}

/* ---- the whole --------------------------------------------------------------------------------- */

static enum art_status fetch_new(const struct pay *p, const struct pay_call *call,
				 const char *request, struct pay_result *out, struct art_err *err)
{
	struct x402_challenge c = { 0 };
	struct art_err why = { 0 };
	enum art_status s = pay_ask(p, call, NULL, 0, call->deadline_ms ? call->deadline_ms : ASK_MS,
				    &out->answer, err);

	if (s != ART_OK || out->answer.status != 402)
		return s;
	s = x402_challenge_read(&c, http_header(&out->answer, "payment-required"),
				out->answer.body.data, out->answer.body.len, &why);
	if (s != ART_OK) {
		snprintf(out->words, sizeof(out->words), "%.250s", why.text);
		s = s == ART_NOT_FOUND ? ART_OK : refuse(out, why.text);
	} else if (quote(p, &c, out, &why) != ART_OK) {
		s = refuse(out, why.text);
	} else if (agreed(p, call, &c, out, err)) {
		s = buy(p, call, &c, request, out, err);
	}
	x402_challenge_destroy(&c);
	return s;
}

enum art_status pay_fetch(const struct pay *p, const struct pay_call *call, struct pay_result *out,
			  struct art_err *err)
{
	char request[65];
	bool done = false;
	int lock = -1;
	enum art_status s;

	request_key(call, request);
	if (call->dry_run)
		return fetch_new(p, call, request, out, err);
	s = pay_lock(p, request, &lock, err);
	if (s != ART_OK)
		return s;
	s = find_standing(p, call, request, &out->payment, err);
	if (s == ART_OK)
		s = resume(p, call, out, &done, err);
	else if (s == ART_NOT_FOUND)
		s = ART_OK;
	if (s == ART_OK && !done)
		s = fetch_new(p, call, request, out, err);
	pay_unlock(lock);
	return s;
}
