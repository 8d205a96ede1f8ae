/*
 * pay_send.c - sending a signed payment, and judging what came of it.
 *
 * Layer: core. The order of belief: the chain, then a receipt, then the seller's words. A receipt alone
 * settles a row only while the chain cannot be asked, and the row stays unchecked until it can.
 */
#include "core/pay/pay_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVIDENCE_MS 4000      /* one look at the chain while somebody waits */
#define EVIDENCE_TRIES 4      /* a node may lag behind the facilitator by a block or two */
#define EVIDENCE_WAIT_MS 700
#define RESEND_TRIES 2
#define RESEND_WAIT_MS 1000
#define SEND_MARGIN_S 10      /* the reference facilitator wants six seconds left at settlement */
#define V2_BOTH_MAX 6000      /* both header names while they fit a usual 16 KiB of headers */

/* ---- the lock ---------------------------------------------------------------------------------- */

enum art_status pay_lock(const struct pay *p, const char *request_sha256, int *fd,
			 struct art_err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char digits[16];

	snprintf(digits, sizeof(digits), "%.15s", request_sha256);
	lock.l_start = (off_t)strtoll(digits, NULL, 16);
	*fd = open(p->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return art_fail_errno(err, "%s", p->lock_path);
	if (fcntl(*fd, F_OFD_SETLK, &lock) == 0)
		return ART_OK;
	if (errno == EAGAIN || errno == EACCES)
		art_fail(err, ART_BUSY, "another artui is paying for this very request right now; "
			 "--id gives a request a name of its own");
	else
		art_fail_errno(err, "%s", p->lock_path);
	close(*fd);
	*fd = -1;
	return err ? err->code : ART_BUSY;
}

void pay_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- the ledger -------------------------------------------------------------------------------- */

enum art_status pay_move(const struct pay *p, struct payment_row *row, const struct payment_move *m,
			 struct art_err *err)
{
	enum art_status s = payment_move(p->store, row->id, m, err);

	return s == ART_OK ? payment_find(p->store, row->id, row, err) : s;
}

/* ---- the chain --------------------------------------------------------------------------------- */

enum art_status pay_evidence(const struct pay *p, const struct payment_row *row,
			     int64_t deadline_ms, struct token_evidence *out, struct art_err *err)
{
	const struct chain *chain = chains_by_id(p->chains, row->chain_id);
	struct rpc rpc = { p->http, chain, deadline_ms, p->cancel };
	struct eth_address token, from;
	struct eth_word nonce;
	enum art_status s;

	if (!chain || !chain->rpc[0])
		return art_fail(err, ART_NOT_FOUND, "no RPC endpoint for %s is set",
				row->network);
	if (eth_address_parse(row->asset, &token, err) || eth_address_parse(row->payer, &from, err) ||
	    !eth_word_parse(row->nonce, &nonce))
		return art_fail(err, ART_CORRUPT, "payment %lld: its addresses or nonce are damaged",
				(long long)row->id);
	s = rpc_check(&rpc, err);
	if (s == ART_OK)
		s = token_authorization_fate(&rpc, &token, &from, &nonce, row->created_at / 1000000,
					     out, err);
	return s;
}

static enum art_status settle_by_chain(const struct pay *p, struct payment_row *row,
				       const struct token_evidence *e, int status, char words[256],
				       struct art_err *err)
{
	struct payment_move m = { .from = row->state, .to = PAYMENT_SETTLED, .status = status };
	char tx[ETH_WORD_TEXT] = "";

	if (e->fate == TOKEN_SETTLED) {
		m.transaction = eth_word_text(&e->tx, tx);
		m.checked = true;
		snprintf(words, 256, "the chain shows it settled in %s", tx);
	} else {
		snprintf(words, 256, "the chain shows it used; its transaction was not found");
	}
	/* What the seller said before stays readable where it differs. */
	if (row->state == PAYMENT_REFUSED)
		m.reason = "the seller said no, and took it";
	return pay_move(p, row, &m, err);
}

enum art_status pay_apply_evidence(const struct pay *p, struct payment_row *row,
				   const struct token_evidence *e, int status, char words[256],
				   struct art_err *err)
{
	struct payment_move m = { .from = row->state, .to = PAYMENT_EXPIRED, .status = status,
				  .dead = true, .checked = true };

	switch (e->fate) {
	case TOKEN_SETTLED:
	case TOKEN_USED:
		return settle_by_chain(p, row, e, status, words, err);
	case TOKEN_CANCELLED:
		snprintf(words, 256, "it was cancelled on the chain");
		m.reason = words;
		return pay_move(p, row, &m, err);
	case TOKEN_UNUSED:
		break;
	}
	if (e->block_time < row->valid_before) {
		snprintf(words, 256, "not taken so far; it can be until it expires");
		return ART_OK;
	}
	snprintf(words, 256, "its window is over and the chain shows it unused");
	if (row->state == PAYMENT_REFUSED)
		m.to = PAYMENT_REFUSED; /* the seller's no has become certain */
	else
		m.reason = words;
	return pay_move(p, row, &m, err);
}

static void wait_ms(const struct pay *p, int64_t ms)
{
	for (int64_t left = ms; left > 0 && !(p->cancel && *p->cancel); left -= 50)
		nanosleep(&(struct timespec){ 0, 50 * 1000000 }, NULL);
}

/*
 * Look whether the money moved; with @patient again for a while, since the node may lag. False: the chain
 * could not be asked.
 */
static bool look_at_chain(const struct pay *p, const struct payment_row *row, bool patient,
			  struct token_evidence *e)
{
	for (int i = 0;; i++) {
		if (pay_evidence(p, row, EVIDENCE_MS, e, NULL) != ART_OK)
			return false;
		if (e->fate != TOKEN_UNUSED || !patient || i + 1 == EVIDENCE_TRIES ||
		    (p->cancel && *p->cancel))
			return true;
		wait_ms(p, EVIDENCE_WAIT_MS);
	}
}

/* ---- judging an answer ------------------------------------------------------------------------- */

struct verdict {
	enum x402_meaning meaning;
	struct x402_receipt receipt;
	char reason[X402_REASON_MAX];
};

static void read_answer(const struct http_response *r, const struct x402_challenge *of,
			const struct x402_terms *terms, struct verdict *v)
{
	const char *header = http_header(r, "payment-response");
	struct x402_challenge again = { 0 };
	struct x402_answer a = { .status = r->trouble == HTTP_ANSWERED ? r->status : 0 };
	bool other_terms = false;

	memset(v, 0, sizeof(*v));
	x402_receipt_read(header ? header : http_header(r, "x-payment-response"), &v->receipt);
	a.receipt = &v->receipt;
	if (a.status == 402) {
		a.challenge = x402_challenge_read(&again, http_header(r, "payment-required"),
						  r->body.data, r->body.len, NULL) == ART_OK;
		a.challenge_error = again.error[0] ? again.error : NULL;
		other_terms = a.challenge && of && !x402_same_terms(&again, of, terms);
	}
	v->meaning = x402_meaning(&a, v->reason);
	if (other_terms)
		snprintf(v->reason, sizeof(v->reason),
			 "the seller now asks for other terms than those it was paid under");
	x402_challenge_destroy(&again);
}

static enum art_status judge_settled(const struct pay *p, struct payment_row *row,
				     const struct verdict *v, int status, char words[256],
				     struct art_err *err)
{
	struct payment_move m = { .from = row->state, .status = status,
				  .transaction = v->receipt.transaction };
	struct token_evidence e;
	char said[200];

	if (!look_at_chain(p, row, true, &e)) {
		m.to = PAYMENT_SETTLED;
		m.reason = "by the seller's receipt; the chain was not asked";
		return pay_move(p, row, &m, err);
	}
	if (e.fate == TOKEN_SETTLED || e.fate == TOKEN_USED) {
		char tx[ETH_WORD_TEXT];

		m.to = PAYMENT_SETTLED;
		m.checked = true;
		if (e.fate == TOKEN_SETTLED)
			m.transaction = eth_word_text(&e.tx, tx);
		return pay_move(p, row, &m, err);
	}
	snprintf(said, sizeof(said), "a receipt came, but the chain does not show the payment%s%s",
		 v->receipt.transaction[0] ? " of " : "", v->receipt.transaction);
	m.to = PAYMENT_UNKNOWN;
	m.transaction = NULL;
	m.reason = said;
	snprintf(words, 256, "%s", said);
	return pay_move(p, row, &m, err);
}

static enum art_status judge(const struct pay *p, const struct x402_challenge *of,
			     struct pay_result *out, struct art_err *err)
{
	struct payment_row *row = &out->payment;
	struct verdict v;
	struct payment_move m = { .from = row->state };
	struct token_evidence e;
	enum art_status s;

	read_answer(&out->answer, of, &out->terms, &v);
	if (v.meaning == X402_SETTLED)
		return judge_settled(p, row, &v, out->answer.status, out->words, err);
	/* Whatever the seller says now, the chain knows better; a no is looked at once, a doubt longer. */
	if (look_at_chain(p, row, v.meaning == X402_DOUBT, &e) && e.fate != TOKEN_UNUSED) {
		s = pay_apply_evidence(p, row, &e, out->answer.status, out->words, err);
		if (s == ART_OK && (out->answer.status < 200 || out->answer.status >= 300))
			snprintf(out->words, sizeof(out->words), "paid, and no good answer: %.200s",
				 v.reason);
		return s;
	}
	m.to = v.meaning == X402_REFUSED ? PAYMENT_REFUSED : PAYMENT_UNKNOWN;
	/* A later doubt undoes neither a settlement nor a no, and the latter stays open anyway. */
	if (row->state == PAYMENT_SETTLED || row->state == PAYMENT_REFUSED)
		m.to = row->state;
	m.status = out->answer.status;
	m.reason = v.reason;
	snprintf(out->words, sizeof(out->words), "%.200s", v.reason);
	return pay_move(p, row, &m, err);
}

/* ---- sending ----------------------------------------------------------------------------------- */

enum art_status pay_ask(const struct pay *p, const struct pay_call *call, const char *const *extra,
			int n_extra, int64_t deadline_ms, struct http_response *out,
			struct art_err *err)
{
	const char *headers[PAY_HEADERS_MAX];
	struct http_request q = {
		.method = call->method, .url = call->url, .headers = headers,
		.body = call->body, .body_len = call->body_len, .deadline_ms = deadline_ms,
		.max_body = call->max_body ? call->max_body : 16u << 20, .attempts = 1,
		/* What is paid for is the answer of the host that was named. */
		.max_redirects = 0,
		.plain_only_loopback = n_extra && !p->policy->allow_http,
	};

	if (call->n_headers + n_extra > PAY_HEADERS_MAX)
		return art_fail(err, ART_LIMIT, "more than %d headers", PAY_HEADERS_MAX - n_extra);
	for (int i = 0; i < call->n_headers; i++)
		headers[q.n_headers++] = call->headers[i];
	for (int i = 0; i < n_extra; i++)
		headers[q.n_headers++] = extra[i];
	http_response_destroy(out);
	http_response_init(out);
	return http_call(p->http, &q, out, p->cancel, err);
}

/* The signed payment under the names sellers read. Owns: the texts. */
static int payment_headers(int version, const char *value, char *out[2])
{
	int n = 0;

	if (version == 2)
		out[n++] = art_printf("PAYMENT-SIGNATURE: %s", value);
	if (version == 1 || strlen(value) <= V2_BOTH_MAX)
		out[n++] = art_printf("X-PAYMENT: %s", value);
	return n;
}

static int64_t send_deadline(const struct pay_call *call, const struct payment_row *row)
{
	int64_t left = (row->valid_before - art_now_us() / 1000000) * 1000 + 30000;

	if (call->deadline_ms)
		return call->deadline_ms;
	return left < 60000 ? 60000 : left;
}

enum art_status pay_send(const struct pay *p, const struct pay_call *call,
			 const struct x402_challenge *of, bool fresh, struct pay_result *out,
			 struct art_err *err)
{
	struct payment_row *row = &out->payment;
	bool never_left = fresh;
	char *value = NULL, *headers[2] = { NULL, NULL };
	struct art_err net = { 0 };
	enum art_status s = payment_header(p->store, row->id, &value, err), sent = ART_OK;
	int n;

	if (s != ART_OK)
		return s;
	n = payment_headers(row->x402_version, value, headers);
	for (int i = 0; i <= RESEND_TRIES; i++) {
		int64_t now = art_now_us() / 1000000;

		if (i && (now + SEND_MARGIN_S >= row->valid_before || (p->cancel && *p->cancel)))
			break;
		if (i)
			wait_ms(p, i * RESEND_WAIT_MS);
		sent = pay_ask(p, call, (const char *const *)headers, n, send_deadline(call, row),
			       &out->answer, &net);
		never_left = never_left && sent != ART_OK && out->answer.trouble == HTTP_NOT_SENT;
		/* The same bytes again are safe: a token's nonce is used once. A time-out or an answer
		 * over a ceiling would only repeat itself. */
		if (sent == ART_OK || out->answer.trouble == HTTP_BAD_ANSWER ||
		    out->answer.trouble == HTTP_STOPPED || sent == ART_LIMIT || sent == ART_INVALID ||
		    out->answer.total_us / 1000 >= send_deadline(call, row) - 1000)
			break;
	}
	if (never_left) {
		char why[200];
		struct payment_move m = { .from = row->state, .to = PAYMENT_REFUSED, .dead = true,
					  .reason = why };

		snprintf(why, sizeof(why), "it never left: %.180s", net.text);
		s = pay_move(p, row, &m, err);
		snprintf(out->words, sizeof(out->words), "%.250s", net.text);
	} else {
		s = judge(p, of, out, err);
		if (s == ART_OK && sent != ART_OK && row->state != PAYMENT_SETTLED)
			snprintf(out->words, sizeof(out->words), "%.250s", net.text);
	}
	for (int i = 0; i < n; i++)
		free(headers[i]);
	free(value);
	return s;
}
