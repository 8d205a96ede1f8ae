/*
 * payments.c - the ledger.
 */
#include "store/payments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"
#include "store/store_sql.h"

#define HOUR_US (3600 * (int64_t)1000000)
#define HEADER_MAX (128u << 10)

static const char *const state_words[] = {
#define WORD(name, text) [PAYMENT_##name] = text,
	PAYMENT_STATE_LIST(WORD)
#undef WORD
};

const char *payment_state_text(enum payment_state s)
{
	ART_BUG_ON((unsigned)s >= PAYMENT_STATE_COUNT);
	return state_words[s];
}

bool payment_state_parse(const char *text, enum payment_state *out)
{
	for (int i = 0; i < PAYMENT_STATE_COUNT; i++)
		if (!strcmp(text, state_words[i])) {
			*out = (enum payment_state)i;
			return true;
		}
	return false;
}

#define TO(name) (1u << PAYMENT_##name)
static const unsigned legal[PAYMENT_STATE_COUNT] = {
	[PAYMENT_RESERVED] = TO(SIGNED) | TO(REFUSED),
	[PAYMENT_SIGNED] = TO(SENT) | TO(REFUSED),
	[PAYMENT_SENT] = TO(SETTLED) | TO(REFUSED) | TO(UNKNOWN) | TO(EXPIRED),
	[PAYMENT_UNKNOWN] = TO(SETTLED) | TO(REFUSED) | TO(EXPIRED),
	[PAYMENT_REFUSED] = TO(SETTLED) | TO(UNKNOWN) | TO(EXPIRED),
	[PAYMENT_SETTLED] = TO(UNKNOWN) | TO(EXPIRED),
};
#undef TO

bool payment_may_move(enum payment_state from, enum payment_state to)
{
	return legal[from] >> to & 1;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                   \
	"id, state, amount, chain_id, network, asset, pay_to, payer, nonce, valid_after,"         \
	" valid_before, x402_version, method, url, request_sha256, run_id, payment_id, status, tx,"\
	" reason, dead, checked, created_at, sent_at, ended_at"

static void row_read(struct sql *q, struct payment_row *r)
{
	char word[16];
	int i = 0;

	memset(r, 0, sizeof(*r));
	r->id = sql_int(q, i++);
	sql_text(q, i++, word, sizeof(word));
	if (!payment_state_parse(word, &r->state))
		sql_damaged(q, "state of a payment");
	if (!usdc_from_micro(sql_int(q, i++), &r->amount))
		sql_damaged(q, "amount of a payment");
	r->chain_id = (uint64_t)sql_int(q, i++);
	sql_text(q, i++, r->network, sizeof(r->network));
	sql_text(q, i++, r->asset, sizeof(r->asset));
	sql_text(q, i++, r->pay_to, sizeof(r->pay_to));
	sql_text(q, i++, r->payer, sizeof(r->payer));
	sql_text(q, i++, r->nonce, sizeof(r->nonce));
	r->valid_after = sql_int(q, i++);
	r->valid_before = sql_int(q, i++);
	r->x402_version = (int)sql_int(q, i++);
	sql_text(q, i++, r->method, sizeof(r->method));
	sql_text(q, i++, r->url, sizeof(r->url));
	sql_text(q, i++, r->request_sha256, sizeof(r->request_sha256));
	r->run_id = sql_int(q, i++);
	sql_text(q, i++, r->payment_id, sizeof(r->payment_id));
	r->status = (int)sql_int(q, i++);
	sql_text(q, i++, r->transaction, sizeof(r->transaction));
	sql_text(q, i++, r->reason, sizeof(r->reason));
	r->dead = sql_int(q, i++) != 0;
	r->checked = sql_int(q, i++) != 0;
	r->created_at = sql_int(q, i++);
	r->sent_at = sql_int(q, i++);
	r->ended_at = sql_int(q, i++);
}

enum art_status payment_find(struct store *st, int64_t id, struct payment_row *out,
			     struct art_err *err)
{
	struct sql q;
	bool found;
	enum art_status s;

	sql_open(&q, st, "SELECT " COLUMNS " FROM payment WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	found = sql_row(&q);
	if (found)
		row_read(&q, out);
	s = sql_close(&q, err, "read payment %" PRId64, id);
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "there is no payment %" PRId64, id);
	return s;
}

/* @text selects rows of a request. */
static enum art_status find_one(struct store *st, const char *text, const char *request_sha256,
				struct payment_row *out, struct art_err *err)
{
	struct sql q;
	bool found;
	enum art_status s;

	sql_open(&q, st, text);
	sql_bind_text(&q, 1, request_sha256, 65);
	found = sql_row(&q);
	if (found)
		row_read(&q, out);
	s = sql_close(&q, err, "look for a payment of the request");
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "there is no such payment of this request");
	return s;
}

enum art_status payment_find_open(struct store *st, const char *request_sha256,
				  struct payment_row *out, struct art_err *err)
{
	return find_one(st, "SELECT " COLUMNS " FROM payment WHERE request_sha256 = ?1 AND dead = 0"
			" AND state <> 'settled'", request_sha256, out, err);
}

enum art_status payment_find_settled(struct store *st, const char *request_sha256,
				     struct payment_row *out, struct art_err *err)
{
	return find_one(st, "SELECT " COLUMNS " FROM payment WHERE request_sha256 = ?1"
			" AND state = 'settled' ORDER BY id DESC LIMIT 1", request_sha256, out, err);
}

enum art_status payment_payee_known(struct store *st, uint64_t chain_id, const char *pay_to,
				    bool *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT 1 FROM payment WHERE chain_id = ?1 AND pay_to = ?2"
			 " AND state = 'settled' LIMIT 1");
	sql_bind_int(&q, 1, (int64_t)chain_id);
	sql_bind_text(&q, 2, pay_to, 43);
	*out = sql_row(&q);
	return sql_close(&q, err, "look for payments to %s", pay_to);
}

enum art_status payment_query(struct store *st, const struct payment_query *want,
			      struct payment_list *out, struct art_err *err)
{
	struct art_buf text;
	struct sql q;
	size_t cap = 0;
	enum art_status s;

	payment_list_destroy(out);
	art_buf_init(&text, 1024);
	art_buf_put(&text, "SELECT " COLUMNS " FROM payment WHERE");
	/* Written out as in the index payment_unresolved, which then serves it. */
	art_buf_put(&text, want->unresolved ? " dead = 0 AND NOT (state = 'settled' AND checked = 1)"
					    : " 1");
	for (int i = 0; want->states && i < PAYMENT_STATE_COUNT; i++)
		if (!(want->states >> i & 1))
			art_buf_putf(&text, " AND state <> '%s'", state_words[i]);
	if (want->match[0])
		art_buf_put(&text, " AND art_has(?2, url, pay_to, tx)");
	art_buf_put(&text, " ORDER BY id DESC LIMIT ?1");
	sql_open(&q, st, text.data);
	sql_bind_int(&q, 1, want->limit > 0 ? want->limit : -1);
	if (want->match[0])
		sql_bind_text(&q, 2, want->match, sizeof(want->match));
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		row_read(&q, &out->rows[out->n++]);
	}
	s = sql_close(&q, err, "list the payments");
	art_buf_destroy(&text);
	if (s != ART_OK)
		payment_list_destroy(out);
	return s;
}

void payment_list_destroy(struct payment_list *l)
{
	free(l->rows);
	*l = (struct payment_list){ 0 };
}

/* ---- caps -------------------------------------------------------------------------------------- */

static void read_sum(struct sql *q, int i, struct usdc *out)
{
	if (!usdc_from_micro(sql_int(q, i), out))
		sql_damaged(q, "sum of the payments");
}

enum art_status payment_spent(struct store *st, const char *pay_to, const struct payment_caps *caps,
			      const struct payment_window *w, struct payment_spent *out,
			      struct art_err *err)
{
	struct sql q;

	*out = (struct payment_spent){ .caps = *caps };
	/* No upper bound on the times: rows from before a clock that was set back count all the more. */
	sql_open(&q, st, "SELECT"
			 " coalesce(sum(amount) FILTER (WHERE created_at >= ?1 AND pay_to = ?3), 0),"
			 " coalesce(sum(amount) FILTER (WHERE created_at > ?2), 0),"
			 " coalesce(sum(amount) FILTER (WHERE created_at >= ?1), 0),"
			 " coalesce(sum(amount), 0) FROM payment WHERE dead = 0");
	sql_bind_int(&q, 1, w->night_since_us);
	sql_bind_int(&q, 2, w->now_us - HOUR_US);
	sql_bind_text(&q, 3, pay_to, 43);
	if (sql_row(&q)) {
		read_sum(&q, 0, &out->payee);
		read_sum(&q, 1, &out->hour);
		read_sum(&q, 2, &out->night);
		read_sum(&q, 3, &out->total);
	}
	return sql_close(&q, err, "add up the payments");
}

static enum art_status over_cap(struct usdc cap, struct usdc spent, struct usdc price,
				const char *what, const char *key, struct art_err *err)
{
	char p[MONEY_TEXT], l[MONEY_TEXT], c[MONEY_TEXT];
	struct usdc left, after;

	if (usdc_add(spent, price, &after) && usdc_cmp(after, cap) <= 0)
		return ART_OK;
	if (!usdc_sub(cap, spent, &left))
		left = usdc_zero();
	return art_fail(err, ART_LIMIT, "over the cap %s: the price is %s USDC, %s of %s is left (%s)",
			what, usdc_text(price, p), usdc_text(left, l), usdc_text(cap, c), key);
}

enum art_status payment_fits(struct store *st, const char *pay_to, struct usdc amount,
			     const struct payment_caps *caps, const struct payment_window *w,
			     struct art_err *err)
{
	struct payment_spent spent;
	enum art_status s = payment_spent(st, pay_to, caps, w, &spent, err);

	s = s ? s : over_cap(caps->payment, usdc_zero(), amount, "for one payment",
			     "pay.cap_payment_usd", err);
	s = s ? s : over_cap(caps->payee, spent.payee, amount, "for this payee", "pay.cap_payee_usd", err);
	s = s ? s : over_cap(caps->hour, spent.hour, amount, "for an hour", "pay.cap_hour_usd", err);
	s = s ? s : over_cap(caps->night, spent.night, amount, "for a night", "pay.cap_night_usd", err);
	return s ? s : over_cap(caps->total, spent.total, amount, "for all payments",
				"pay.cap_total_usd", err);
}

/* ---- writing ----------------------------------------------------------------------------------- */

static enum art_status check_others(struct store *st, const struct payment_row *row, int64_t *other,
				    struct art_err *err)
{
	struct sql q;
	bool found;
	int64_t id = 0;
	enum art_status s;

	sql_open(&q, st, "SELECT id FROM payment WHERE dead = 0 AND"
			 " ((request_sha256 = ?1 AND state <> 'settled') OR run_id = ?2) LIMIT 1");
	sql_bind_text(&q, 1, row->request_sha256, sizeof(row->request_sha256));
	sql_bind_id(&q, 2, row->run_id);
	found = sql_row(&q);
	if (found)
		id = sql_int(&q, 0);
	s = sql_close(&q, err, "look for another payment of the same request");
	if (other)
		*other = id;
	if (s == ART_OK && found)
		s = art_fail(err, ART_CONFLICT, "payment %" PRId64 " is for the same %s", id,
			     row->run_id ? "run" : "request");
	return s;
}

static enum art_status insert(struct store *st, struct payment_row *row, struct art_err *err)
{
	struct sql q;
	int i = 1;
	enum art_status s;

	sql_open(&q, st, "INSERT INTO payment (state, amount, chain_id, network, asset, pay_to, payer,"
			 " nonce, valid_after, valid_before, x402_version, method, url,"
			 " request_sha256, run_id, payment_id, created_at) VALUES ('reserved',"
			 " ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)");
	sql_bind_int(&q, i++, usdc_to_micro(row->amount));
	sql_bind_int(&q, i++, (int64_t)row->chain_id);
	sql_bind_text(&q, i++, row->network, sizeof(row->network));
	sql_bind_text(&q, i++, row->asset, sizeof(row->asset));
	sql_bind_text(&q, i++, row->pay_to, sizeof(row->pay_to));
	sql_bind_text(&q, i++, row->payer, sizeof(row->payer));
	sql_bind_text(&q, i++, row->nonce, sizeof(row->nonce));
	sql_bind_int(&q, i++, row->valid_after);
	sql_bind_int(&q, i++, row->valid_before);
	sql_bind_int(&q, i++, row->x402_version);
	sql_bind_clean(&q, i++, row->method, sizeof(row->method), false);
	sql_bind_clean(&q, i++, row->url, sizeof(row->url), false);
	sql_bind_text(&q, i++, row->request_sha256, sizeof(row->request_sha256));
	sql_bind_id(&q, i++, row->run_id);
	sql_bind_text(&q, i++, row->payment_id, sizeof(row->payment_id));
	sql_bind_int(&q, i++, row->created_at);
	s = sql_finish(&q, err, "reserve a payment");
	if (s == ART_OK)
		row->id = store_last_id(st);
	return s;
}

enum art_status payment_reserve(struct store *st, struct payment_row *row,
				const struct payment_caps *caps, const struct payment_window *w,
				int64_t *other, struct art_err *err)
{
	enum art_status s = store_enter(st, err);

	if (s != ART_OK)
		return s;
	row->state = PAYMENT_RESERVED;
	row->created_at = w->now_us;
	s = check_others(st, row, other, err);
	if (s == ART_OK)
		s = payment_fits(st, row->pay_to, row->amount, caps, w, err);
	if (s == ART_OK)
		s = insert(st, row, err);
	return store_leave(st, s, TOPIC_PAYMENT, err);
}

enum art_status payment_sign(struct store *st, int64_t id, const char *header, struct art_err *err)
{
	struct sql q;
	enum art_status s = store_enter(st, err);

	if (s != ART_OK)
		return s;
	sql_open(&q, st, "UPDATE payment SET state = 'signed', header = ?2"
			 " WHERE id = ?1 AND state = 'reserved'");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, header, HEADER_MAX);
	s = sql_finish(&q, err, "keep the signature of payment %" PRId64, id);
	if (s == ART_OK && store_changes(st) == 0)
		s = art_fail(err, ART_CONFLICT, "payment %" PRId64 " is not reserved any more", id);
	return store_leave(st, s, TOPIC_PAYMENT, err);
}

enum art_status payment_header(struct store *st, int64_t id, char **out, struct art_err *err)
{
	struct sql q;
	bool there;
	enum art_status s;

	*out = NULL;
	sql_open(&q, st, "SELECT header FROM payment WHERE id = ?1 AND header IS NOT NULL");
	sql_bind_int(&q, 1, id);
	there = sql_row(&q);
	if (there)
		*out = sql_dup(&q, 0);
	s = sql_close(&q, err, "read the signature of payment %" PRId64, id);
	if (s == ART_OK && !there)
		s = art_fail(err, ART_NOT_FOUND, "payment %" PRId64 " was never signed", id);
	if (s != ART_OK) {
		free(*out);
		*out = NULL;
	}
	return s;
}

/* ---- moving ------------------------------------------------------------------------------------ */

static enum art_status check_move(const struct payment_row *row, const struct payment_move *m,
				  struct art_err *err)
{
	if (row->state != m->from)
		return art_fail(err, ART_CONFLICT, "payment %" PRId64 " is %s, not %s", row->id,
				payment_state_text(row->state), payment_state_text(m->from));
	if (row->dead || (row->state == PAYMENT_SETTLED && row->checked && m->to != PAYMENT_SETTLED))
		return art_fail(err, ART_CONFLICT, "payment %" PRId64 " is %s for good", row->id,
				payment_state_text(row->state));
	if (m->from != m->to && !payment_may_move(m->from, m->to))
		return art_fail(err, ART_CONFLICT, "payment %" PRId64 " cannot go from %s to %s", row->id,
				payment_state_text(m->from), payment_state_text(m->to));
	return ART_OK;
}

static int64_t experiment_of(struct store *st, int64_t run_id)
{
	struct sql q;
	int64_t id = 0;

	if (!run_id)
		return 0;
	sql_open(&q, st, "SELECT experiment_id FROM run WHERE id = ?1");
	sql_bind_int(&q, 1, run_id);
	if (sql_row(&q))
		id = sql_int(&q, 0);
	return sql_close(&q, NULL, "read run %" PRId64, run_id) == ART_OK ? id : 0;
}

/* What a person should see of a move; most moves are routine. */
static enum art_status tell(struct store *st, const struct payment_row *row,
			    const struct payment_move *m, struct art_err *err)
{
	const char *why = m->reason && m->reason[0] ? m->reason : row->reason;
	char usd[MONEY_TEXT], kind[24];
	enum event_level level = EVENT_INFO;

	if (m->from == m->to)
		return ART_OK;
	switch (m->to) {
	case PAYMENT_RESERVED:
	case PAYMENT_SIGNED:
	case PAYMENT_SENT:
	case PAYMENT_STATE_COUNT:
		return ART_OK;
	case PAYMENT_SETTLED:
		/* Money taken after a no is what a person must hear of. */
		level = m->from == PAYMENT_REFUSED ? EVENT_ERROR : EVENT_INFO;
		break;
	case PAYMENT_REFUSED:
	case PAYMENT_UNKNOWN:
		level = EVENT_WARN;
		break;
	case PAYMENT_EXPIRED:
		break;
	}
	snprintf(kind, sizeof(kind), "payment.%s", payment_state_text(m->to));
	return event_add(st, level, kind, experiment_of(st, row->run_id), row->run_id, err,
			 "payment %" PRId64 " of %s USDC to %s: %s%s%s", row->id,
			 usdc_text(row->amount, usd), row->pay_to, payment_state_text(m->to),
			 why[0] ? ": " : "", why);
}

static enum art_status write_move(struct store *st, int64_t id, const struct payment_move *m,
				  struct art_err *err)
{
	bool ends = m->to == PAYMENT_SETTLED || m->to == PAYMENT_REFUSED || m->to == PAYMENT_EXPIRED;
	struct sql q;

	sql_open(&q, st, "UPDATE payment SET state = ?2, status = coalesce(?3, status),"
			 " tx = CASE WHEN ?4 <> '' THEN ?4 ELSE tx END,"
			 " reason = CASE WHEN ?5 <> '' THEN ?5 ELSE reason END,"
			 " dead = max(dead, ?6), checked = max(checked, ?7),"
			 " sent_at = CASE WHEN ?2 = 'sent' THEN ?8 ELSE sent_at END,"
			 " ended_at = CASE WHEN ?9 THEN coalesce(ended_at, ?8) END WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, payment_state_text(m->to), 16);
	sql_bind_id(&q, 3, m->status);
	sql_bind_text(&q, 4, m->transaction ? m->transaction : "", 67);
	sql_bind_clean(&q, 5, m->reason ? m->reason : "", 256, false);
	sql_bind_int(&q, 6, m->dead);
	sql_bind_int(&q, 7, m->checked);
	sql_bind_int(&q, 8, art_now_us());
	sql_bind_int(&q, 9, ends);
	return sql_finish(&q, err, "move payment %" PRId64, id);
}

enum art_status payment_move(struct store *st, int64_t id, const struct payment_move *m,
			     struct art_err *err)
{
	struct payment_row row;
	enum art_status s = store_enter(st, err);

	if (s != ART_OK)
		return s;
	s = payment_find(st, id, &row, err);
	if (s == ART_OK)
		s = check_move(&row, m, err);
	if (s == ART_OK)
		s = write_move(st, id, m, err);
	if (s == ART_OK)
		s = tell(st, &row, m, err);
	return store_leave(st, s, TOPIC_PAYMENT, err);
}
