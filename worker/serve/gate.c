/*
 * gate.c - the steps of a sale: read, match, check, lock, verify; later settle or release.
 *
 * Layer: worker/serve. Whatever a facilitator says about a refusal, the chain is asked before it is believed, where
 * there is a node to ask: a lost answer to an earlier settlement looks like "nonce already used".
 */
#include "worker/serve/gate_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SETTLE_TRIES 2
#define SETTLE_WAIT_MS 1500
#define HOPELESS_S 600 /* after its window with nobody to ask */

/* ---- opening -------------------------------------------------------------------------------------- */

static enum art_status take_facilitator(struct gate *g, const char *url, struct art_err *err)
{
	struct http_url u;
	struct art_err why = { 0 };
	size_t n;

	if (http_url_parse(url, &u, &why) != ART_OK)
		return art_fail(err, ART_INVALID, "the facilitator %.100s: %.90s", url, why.text);
	if (strcmp(u.scheme, "https") != 0 && !http_host_is_loopback(u.host))
		return art_fail(err, ART_INVALID, "the facilitator %.150s must be asked over https", url);
	if (!art_copy(g->facilitator, sizeof(g->facilitator), url))
		return art_fail(err, ART_INVALID, "the facilitator's URL is too long");
	for (n = strlen(g->facilitator); n && g->facilitator[n - 1] == '/'; n--)
		g->facilitator[n - 1] = 0;
	return ART_OK;
}

enum art_status gate_open(struct gate **out, const struct gate_options *opt, struct art_err *err)
{
	struct gate *g = art_alloc(1, sizeof(*g));
	enum art_status s = ART_OK;

	g->opt = *opt;
	g->rpc = (struct rpc){ .http = opt->http, .chain = opt->chain };
	pthread_mutex_init(&g->lock, NULL);
	pthread_mutex_init(&g->settle_lock, NULL);
	pthread_cond_init(&g->settle_done, NULL);
	if (eth_address_is_zero(&opt->chain->usdc))
		s = art_fail(err, ART_INVALID, "%s has no USDC to be paid in", opt->chain->name);
	else if (opt->facilitator)
		s = take_facilitator(g, opt->facilitator, err);
	else if (!opt->signer)
		s = art_fail(err, ART_INVALID, "settling by yourself needs a wallet to sign with");
	else if (!opt->chain->rpc[0])
		s = art_fail(err, ART_INVALID, "settling by yourself needs chain.%s.rpc", opt->chain->name);
	if (s != ART_OK) {
		gate_close(g);
		return s;
	}
	*out = g;
	return ART_OK;
}

void gate_close(struct gate *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	pthread_mutex_destroy(&g->settle_lock);
	pthread_cond_destroy(&g->settle_done);
	free(g);
}

static bool supports(const struct gate *g, const struct json *j)
{
	for (const struct json *k = json_at(json_get(j, "kinds"), 0); k; k = json_next(k)) {
		const char *network = json_str(json_get(k, "network")), *scheme = json_str(json_get(k, "scheme"));

		if (network && scheme && !strcmp(scheme, "exact") &&
		    chains_by_network(g->opt.chains, network) == g->opt.chain)
			return true;
	}
	return false;
}

enum art_status gate_check(struct gate *g, struct art_err *err)
{
	char url[HTTP_URL_MAX];
	struct http_request q = { .url = url, .deadline_ms = GATE_VERIFY_MS, .max_body = GATE_ANSWER_MAX,
				  .plain_only_loopback = true };
	struct http_response r;
	struct json *j = NULL;
	enum art_status s;

	if (!g->facilitator[0])
		return rpc_check(&g->rpc, err);
	snprintf(url, sizeof(url), "%s/supported", g->facilitator);
	http_response_init(&r);
	s = http_call(g->opt.http, &q, &r, NULL, err);
	if (s == ART_OK && json_parse(&j, r.body.data ? r.body.data : "", r.body.len, GATE_ANSWER_MAX, NULL) != ART_OK)
		s = art_fail(err, ART_NET, "the facilitator's /supported answered %d without JSON", r.status);
	else if (s == ART_OK && !supports(g, j))
		s = art_fail(err, ART_REFUSED, "the facilitator %.120s does not settle on %s", g->facilitator,
			     g->opt.chain->name);
	json_free(j);
	http_response_destroy(&r);
	return s == ART_OK || s == ART_REFUSED ? s : ART_NET;
}

/* ---- reading and matching ------------------------------------------------------------------------- */

/* obol's coordinator sends the parts as they are: {"signature","authorization","chain","token"}. */
static bool wrap_bare(const char *text, struct art_buf *out)
{
	struct json *j = NULL;
	const char *chain;
	size_t at, n, sat, sn;
	struct json_out o;
	bool ok;

	if (json_parse(&j, text, strlen(text), X402_HEADER_MAX, NULL) != ART_OK)
		return false;
	chain = json_str(json_get(j, "chain"));
	ok = chain && json_is_object(json_get(j, "authorization")) && json_str(json_get(j, "signature")) &&
	     json_slice(text, strlen(text), "authorization", 0, &at, &n) &&
	     json_slice(text, strlen(text), "signature", 0, &sat, &sn);
	if (ok) {
		struct art_buf b;

		art_buf_init(&b, 2 * X402_HEADER_MAX);
		json_out_init(&o, &b, false);
		json_open_object(&o, NULL);
		json_put_int(&o, "x402Version", 1);
		json_put_str(&o, "scheme", "exact");
		json_put_str(&o, "network", chain);
		json_open_object(&o, "payload");
		json_put_raw(&o, "signature", text + sat, sn);
		json_put_raw(&o, "authorization", text + at, n);
		json_close_object(&o);
		json_close_object(&o);
		ok = base64_encode(b.data, b.len, out);
		art_buf_destroy(&b);
	}
	json_free(j);
	return ok;
}

static enum art_status read_payment(const char *header, struct x402_payment *p, struct art_err *err)
{
	struct art_buf wrapped;
	enum art_status s;

	header += strspn(header, " \t");
	if (*header != '{')
		return x402_payment_read(header, p, err);
	art_buf_init(&wrapped, 4 * X402_HEADER_MAX);
	if (wrap_bare(header, &wrapped))
		s = x402_payment_read(wrapped.data, p, err);
	else
		s = art_fail(err, ART_INVALID, "the payment is not base64");
	art_buf_destroy(&wrapped);
	return s;
}

static bool is_text(const struct json *obj, const char *key, const char *want, bool any_case)
{
	const char *s = json_str(json_get(obj, key));

	return s && (any_case ? !strcasecmp(s, want) : !strcmp(s, want));
}

/* Version 2 names the offer it takes: ours, in all that money depends on. */
static bool accepted_is_ours(const struct gate *g, const struct gate_item *item, const struct x402_payment *p)
{
	char amount[32], asset[ETH_ADDRESS_TEXT], pay_to[ETH_ADDRESS_TEXT];
	struct json *j = NULL;
	bool ok;

	if (json_parse(&j, p->text.data + p->accepted_at, p->accepted_len, X402_HEADER_MAX, NULL) != ART_OK)
		return false;
	snprintf(amount, sizeof(amount), "%lld", (long long)usdc_to_micro(item->price));
	ok = is_text(j, "scheme", "exact", false) && is_text(j, "network", g->opt.chain->caip2, false) &&
	     is_text(j, "amount", amount, false) &&
	     is_text(j, "asset", eth_address_text(&g->opt.chain->usdc, asset), true) &&
	     is_text(j, "payTo", eth_address_text(&g->opt.pay_to, pay_to), true);
	json_free(j);
	return ok;
}

static bool matches(const struct gate *g, const struct gate_item *item, const struct x402_payment *p)
{
	if (p->version == 2)
		return accepted_is_ours(g, item, p);
	return !strcmp(p->scheme, "exact") && chains_by_network(g->opt.chains, p->network) == g->opt.chain;
}

/* NULL, or the word the reference packages have for what is wrong. */
static const char *check(const struct gate *g, const struct gate_item *item, const struct x402_payment *p,
			 int64_t now)
{
	struct eip712_domain d = chain_usdc_domain(g->opt.chain);
	struct eth_word separator = eip712_domain_separator(&d), hash = eip3009_hash(EIP3009_TRANSFER, &p->a);
	struct eth_word digest = eip712_digest(&separator, &hash);
	struct u256 price = u256_from_u64((uint64_t)usdc_to_micro(item->price));
	int64_t needed = now + GATE_SAFETY_S + (item->settle == GATE_SETTLE_AFTER ? item->work_s : 0);
	struct eth_address who;
	uint64_t after, before;

	if (keys_recover(g->opt.keys, &digest, &p->sig, &who, NULL) != ART_OK ||
	    !eth_address_equal(&who, &p->a.from))
		return "invalid_exact_evm_signature";
	if (!eth_address_equal(&p->a.to, &g->opt.pay_to))
		return "invalid_exact_evm_recipient_mismatch";
	if (u256_cmp(&p->a.value, &price) != 0)
		return p->version == 2 ? "invalid_exact_evm_payload_authorization_value_mismatch"
				       : "invalid_exact_evm_authorization_value";
	if (u256_to_u64(&p->a.valid_before, &before) && (before > INT64_MAX || (int64_t)before < needed))
		return "invalid_exact_evm_payload_authorization_valid_before";
	if (!u256_to_u64(&p->a.valid_after, &after) || after > INT64_MAX || (int64_t)after > now)
		return "invalid_exact_evm_payload_authorization_valid_after";
	return NULL;
}

static bool identifier_ok(const char *id)
{
	size_t n = strlen(id);

	return n >= 16 && n <= 128 &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* ---- taking ------------------------------------------------------------------------------------------ */

static void end(struct gate_taken *out, enum gate_outcome outcome, const char *why)
{
	out->outcome = outcome;
	art_text_clean(out->error, sizeof(out->error), why, strlen(why), false);
}

static void fill_row(const struct gate *g, const struct gate_item *item, const char *url,
		     const struct x402_payment *p, const char *request_sha256, struct sale_row *row)
{
	uint64_t before;

	memset(row, 0, sizeof(*row));
	art_copy(row->item, sizeof(row->item), item->name);
	row->amount = item->price;
	row->chain_id = g->opt.chain->id;
	eth_address_text(&g->opt.chain->usdc, row->asset);
	eth_address_text(&g->opt.pay_to, row->pay_to);
	eth_address_text(&p->a.from, row->payer);
	eth_word_text(&p->a.nonce, row->nonce);
	row->valid_before = u256_to_u64(&p->a.valid_before, &before) && before <= INT64_MAX ? (int64_t)before
											   : INT64_MAX;
	row->x402_version = p->version;
	art_copy(row->payment_id, sizeof(row->payment_id), p->payment_id);
	art_copy(row->request_sha256, sizeof(row->request_sha256), request_sha256);
	art_copy(row->resource, sizeof(row->resource), url);
}

/* The same buyer's identifier again: what was asked for then, or another thing under its name. */
static bool known_identifier(struct store *st, const struct x402_payment *p, const char *request_sha256,
			     struct gate_taken *out)
{
	char payer[ETH_ADDRESS_TEXT];

	if (!p->payment_id[0] || sale_find_identifier(st, p->payment_id, &out->sale, NULL) != ART_OK)
		return false;
	if (strcmp(out->sale.payer, eth_address_text(&p->a.from, payer)) == 0 &&
	    !strcmp(out->sale.request_sha256, request_sha256))
		end(out, GATE_REPEATED, "");
	else
		end(out, GATE_CONFLICT, "this payment identifier is in use for another request");
	return true;
}

static enum art_status lock(struct gate *g, struct store *st, const struct gate_item *item, const char *url,
			    const struct x402_payment *p, const char *request_sha256, char **requirement,
			    struct gate_taken *out, struct art_err *err)
{
	struct sale_row other;
	struct json_out o;
	struct art_buf b;
	enum art_status s;

	art_buf_init(&b, X402_HEADER_MAX);
	json_out_init(&o, &b, false);
	gate_put_requirement(g, item, url, p->version, &o, NULL);
	*requirement = art_buf_take(&b);
	fill_row(g, item, url, p, request_sha256, &out->sale);
	s = sale_lock(st, &out->sale, p->text.data, *requirement, &other, err);
	if (s != ART_CONFLICT)
		return s;
	out->sale = other;
	if (!strcmp(other.request_sha256, request_sha256) && !strcmp(other.item, item->name))
		end(out, GATE_REPEATED, "");
	else
		end(out, GATE_CONFLICT, "this payment is in use for another request");
	return ART_CONFLICT;
}

static enum art_status verify(struct gate *g, struct store *st, const struct x402_payment *p,
			      const char *requirement, struct gate_taken *out, struct art_err *err)
{
	struct gate_verdict v;
	enum art_status s;

	if (g->facilitator[0])
		facilitator_verify(g, p->version, p->text.data, requirement, &v);
	else
		self_verify(g, &p->a, &v);
	s = sale_move(st, out->sale.id, SALE_LOCKED, v.word == GATE_YES ? SALE_VERIFIED : SALE_RELEASED, NULL,
		      v.word == GATE_YES ? NULL : v.reason, err);
	if (s != ART_OK)
		return s;
	out->sale.state = v.word == GATE_YES ? SALE_VERIFIED : SALE_RELEASED;
	end(out, v.word == GATE_YES ? GATE_TAKEN : v.word == GATE_NO ? GATE_REFUSED : GATE_UNAVAILABLE, v.reason);
	return ART_OK;
}

static enum art_status take(struct gate *g, struct store *st, const struct gate_item *item, const char *url,
			    const struct x402_payment *p, const char *request_sha256, struct gate_taken *out,
			    struct art_err *err)
{
	const char *wrong;
	char *requirement = NULL;
	enum art_status s;

	if (!matches(g, item, p)) {
		end(out, GATE_REFUSED, "No matching payment requirements");
		return ART_OK;
	}
	if (p->payment_id[0] && !identifier_ok(p->payment_id)) {
		end(out, GATE_BAD, "the payment identifier must be 16 to 128 letters, digits, - and _");
		return ART_OK;
	}
	wrong = check(g, item, p, art_now_us() / 1000000);
	if (wrong && strcmp(wrong, "invalid_exact_evm_payload_authorization_valid_before") != 0) {
		end(out, GATE_REFUSED, wrong);
		return ART_OK;
	}
	/* One who comes back for what he paid may come late. */
	if (known_identifier(st, p, request_sha256, out))
		return ART_OK;
	s = lock(g, st, item, url, p, request_sha256, &requirement, out, err);
	if (s == ART_OK && wrong) {
		s = sale_move(st, out->sale.id, SALE_LOCKED, SALE_RELEASED, NULL, wrong, err);
		end(out, GATE_REFUSED, wrong);
	} else if (s == ART_OK) {
		s = verify(g, st, p, requirement, out, err);
	}
	free(requirement);
	return s == ART_CONFLICT && (out->outcome == GATE_REPEATED || out->outcome == GATE_CONFLICT) ? ART_OK : s;
}

enum art_status gate_take(struct gate *g, struct store *st, const struct gate_item *item, const char *url,
			  const char *header, const char *request_sha256, struct gate_taken *out,
			  struct art_err *err)
{
	struct x402_payment p = { 0 };
	struct art_err why = { 0 };
	enum art_status s = ART_OK;

	memset(out, 0, sizeof(*out));
	if (!header || !*header) {
		end(out, GATE_NO_PAYMENT, "Payment required");
		return ART_OK;
	}
	if (read_payment(header, &p, &why) != ART_OK)
		end(out, GATE_BAD, why.text);
	else
		s = take(g, st, item, url, &p, request_sha256, out, err);
	x402_payment_destroy(&p);
	return s;
}

/* ---- later -------------------------------------------------------------------------------------------- */

/* A stored sale, read back. */
struct kept {
	struct sale_row row;
	char *payment, *requirement;
	struct eip3009 a;
	struct eth_signature sig;
};

static enum art_status load(struct store *st, int64_t id, struct kept *k, struct art_err *err)
{
	struct x402_payment p;
	struct art_buf b;
	enum art_status s;

	memset(k, 0, sizeof(*k));
	s = sale_find(st, id, &k->row, err);
	s = s ? s : sale_texts(st, id, &k->payment, &k->requirement, err);
	if (s != ART_OK)
		return s;
	art_buf_init(&b, 4 * X402_HEADER_MAX);
	if (!base64_encode(k->payment, strlen(k->payment), &b))
		s = art_fail(err, ART_CORRUPT, "sale %lld: its payment is damaged", (long long)id);
	if (s == ART_OK && x402_payment_read(b.data, &p, NULL) != ART_OK)
		s = art_fail(err, ART_CORRUPT, "sale %lld: its payment is damaged", (long long)id);
	if (s == ART_OK) {
		k->a = p.a;
		k->sig = p.sig;
		x402_payment_destroy(&p);
	}
	art_buf_destroy(&b);
	return s;
}

static void unload(struct kept *k)
{
	free(k->payment);
	free(k->requirement);
}

enum art_status gate_recheck(struct gate *g, struct store *st, int64_t sale_id, int64_t needed_s,
			     struct art_err *err)
{
	struct kept k;
	struct gate_verdict v = { .word = GATE_YES };
	enum art_status s = load(st, sale_id, &k, err);

	if (s == ART_OK && k.row.state != SALE_SETTLED) {
		if (k.row.valid_before < art_now_us() / 1000000 + needed_s + GATE_SAFETY_S)
			s = art_fail(err, ART_REFUSED, "the buyer's authorization would expire before the work ends");
		else if (g->facilitator[0])
			facilitator_verify(g, k.row.x402_version, k.payment, k.requirement, &v);
		else
			self_verify(g, &k.a, &v);
		if (s == ART_OK && v.word == GATE_NO)
			s = art_fail(err, ART_REFUSED, "the buyer is not good for it any more: %.150s", v.reason);
		else if (s == ART_OK && v.word == GATE_DOUBT)
			s = art_fail(err, ART_NET, "whether the buyer is still good for it cannot be asked: %.150s", v.reason);
	}
	unload(&k);
	return s;
}

static bool names_nonce(const char *reason)
{
	return strstr(reason, "nonce") || strstr(reason, "used");
}

/* One try, and what the chain has to say where that is no clear yes. */
static void try_settle(struct gate *g, const struct kept *k, struct gate_verdict *v)
{
	struct gate_verdict chain;
	bool clear;

	if (g->facilitator[0])
		facilitator_settle(g, k->row.x402_version, k->payment, k->requirement, v);
	else
		self_settle(g, &k->a, &k->sig, v);
	if (v->word == GATE_YES)
		return;
	clear = v->word == GATE_NO && !names_nonce(v->reason);
	chain_fate(g, &k->a, k->row.created_at / 1000000, &chain);
	if (chain.word != GATE_DOUBT) {
		*v = chain;
		return;
	}
	v->word = clear ? GATE_NO : GATE_DOUBT;
	if (!clear && k->row.valid_before < art_now_us() / 1000000 - HOPELESS_S) {
		v->word = GATE_NO;
		snprintf(v->reason, sizeof(v->reason), "expired, and nobody could say what became of it");
	}
}

static enum art_status finish(struct store *st, struct kept *k, const struct gate_verdict *v, struct art_err *err)
{
	enum sale_state to = v->word == GATE_YES ? SALE_SETTLED : SALE_UNPAID;
	enum art_status s;

	if (v->word == GATE_DOUBT)
		return art_fail(err, ART_NET, "sale %lld: whether it settled is not known yet: %.150s",
				(long long)k->row.id, v->reason);
	s = sale_move(st, k->row.id, SALE_SETTLING, to, v->transaction[0] ? v->transaction : NULL,
		      v->reason[0] ? v->reason : NULL, err);
	/* Another thread was first: its word counts. */
	if (s == ART_OK || s == ART_CONFLICT)
		s = sale_find(st, k->row.id, &k->row, err);
	return s;
}

static int settling_at(const struct gate *g, int64_t sale_id)
{
	for (int i = 0; i < g->n_settling; i++)
		if (g->settling[i] == sale_id)
			return i;
	return -1;
}

/* Who comes second waits, and finds the sale settled: two transactions for one authorization at once would make the one that
 * fails look like the truth. */
static void begin_settling(struct gate *g, int64_t sale_id)
{
	pthread_mutex_lock(&g->settle_lock);
	while (settling_at(g, sale_id) >= 0 || g->n_settling == GATE_SETTLING_MAX)
		pthread_cond_wait(&g->settle_done, &g->settle_lock);
	g->settling[g->n_settling++] = sale_id;
	pthread_mutex_unlock(&g->settle_lock);
}

static void end_settling(struct gate *g, int64_t sale_id)
{
	int at;

	pthread_mutex_lock(&g->settle_lock);
	at = settling_at(g, sale_id);
	g->n_settling--;
	g->settling[at] = g->settling[g->n_settling];
	pthread_cond_broadcast(&g->settle_done);
	pthread_mutex_unlock(&g->settle_lock);
}

bool gate_is_settling(struct gate *g, int64_t sale_id)
{
	bool is;

	pthread_mutex_lock(&g->settle_lock);
	is = settling_at(g, sale_id) >= 0;
	pthread_mutex_unlock(&g->settle_lock);
	return is;
}

enum art_status gate_settle(struct gate *g, struct store *st, int64_t sale_id, struct sale_row *out,
			    struct art_err *err)
{
	struct gate_verdict v = { .word = GATE_DOUBT };
	struct kept k;
	enum art_status s;

	begin_settling(g, sale_id);
	s = load(st, sale_id, &k, err);
	if (s == ART_OK && k.row.state == SALE_VERIFIED) {
		s = sale_move(st, sale_id, SALE_VERIFIED, SALE_SETTLING, NULL, NULL, err);
		k.row.state = SALE_SETTLING;
	}
	if (s == ART_OK && k.row.state == SALE_SETTLING) {
		for (int i = 0; i < SETTLE_TRIES && v.word == GATE_DOUBT; i++) {
			if (i)
				nanosleep(&(struct timespec){ SETTLE_WAIT_MS / 1000, SETTLE_WAIT_MS % 1000 * 1000000L }, NULL);
			try_settle(g, &k, &v);
		}
		s = finish(st, &k, &v, err);
	} else if (s == ART_OK && k.row.state != SALE_SETTLED && k.row.state != SALE_UNPAID) {
		s = art_fail(err, ART_CONFLICT, "sale %lld is %s and cannot be settled", (long long)sale_id,
			     sale_state_text(k.row.state));
	}
	end_settling(g, sale_id);
	*out = k.row;
	unload(&k);
	return s;
}

enum art_status gate_release(struct gate *g, struct store *st, int64_t sale_id, const char *why,
			     struct art_err *err)
{
	struct sale_row row;
	enum art_status s = sale_find(st, sale_id, &row, err);

	(void)g;
	if (s != ART_OK || row.state == SALE_RELEASED)
		return s;
	if (row.state != SALE_LOCKED && row.state != SALE_VERIFIED)
		return art_fail(err, ART_CONFLICT, "sale %lld is %s: it cannot be released", (long long)sale_id,
				sale_state_text(row.state));
	return sale_move(st, sale_id, row.state, SALE_RELEASED, NULL, why, err);
}

enum art_status gate_recover(struct gate *g, struct store *st, const char *item, struct art_err *err)
{
	struct sale_query q = { .states = 1u << SALE_LOCKED | 1u << SALE_VERIFIED | 1u << SALE_SETTLING };
	struct sale_list l = { 0 };
	struct sale_row row;
	enum art_status s = sale_query(st, &q, &l, err);

	for (size_t i = 0; s == ART_OK && i < l.n; i++) {
		const struct sale_row *x = &l.rows[i];

		if (strcmp(x->item, item) != 0)
			continue;
		if (x->state == SALE_SETTLING) {
			s = gate_settle(g, st, x->id, &row, err);
			/* Not known yet: asked again later. */
			s = s == ART_NET ? ART_OK : s;
		} else if (x->state == SALE_LOCKED || !x->order_id) {
			s = gate_release(g, st, x->id, "the server ended before the work began", err);
		}
	}
	sale_list_destroy(&l);
	return s;
}
