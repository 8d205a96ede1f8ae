/*
 * sales.c - what buyers paid.
 */
#include "store/sales.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"
#include "store/store_sql.h"

#define DAY_US (86400 * (int64_t)1000000)

static const char *const state_words[] = {
#define WORD(name, text) [SALE_##name] = text,
	SALE_STATE_LIST(WORD)
#undef WORD
};

const char *sale_state_text(enum sale_state s)
{
	ART_BUG_ON((unsigned)s >= SALE_STATE_COUNT);
	return state_words[s];
}

#define TO(name) (1u << SALE_##name)
static const unsigned legal[SALE_STATE_COUNT] = {
	[SALE_LOCKED] = TO(VERIFIED) | TO(RELEASED),
	[SALE_VERIFIED] = TO(SETTLING) | TO(RELEASED) | TO(UNPAID),
	[SALE_SETTLING] = TO(SETTLED) | TO(UNPAID) | TO(VERIFIED),
};
#undef TO

bool sale_may_move(enum sale_state from, enum sale_state to)
{
	return legal[from] >> to & 1;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
	"s.id, s.state, s.item, s.amount, s.chain_id, s.asset, s.pay_to, s.payer, s.nonce,"        \
	" s.valid_before, s.x402_version, s.payment_id, s.request_sha256, s.resource, s.tx,"       \
	" s.reason, s.created_at, s.settled_at, s.ended_at, o.id"
#define ORDERS " LEFT JOIN orders o ON o.sale_id = s.id"
#define TABLES " FROM sale s" ORDERS

static void row_read(struct sql *q, struct sale_row *r)
{
	int i = 0;

	memset(r, 0, sizeof(*r));
	r->id = sql_int(q, i++);
	r->state = (enum sale_state)sql_word(q, i++, state_words, SALE_STATE_COUNT, "state of a sale");
	sql_text(q, i++, r->item, sizeof(r->item));
	if (!usdc_from_micro(sql_int(q, i++), &r->amount))
		sql_damaged(q, "amount of a sale");
	r->chain_id = (uint64_t)sql_int(q, i++);
	sql_text(q, i++, r->asset, sizeof(r->asset));
	sql_text(q, i++, r->pay_to, sizeof(r->pay_to));
	sql_text(q, i++, r->payer, sizeof(r->payer));
	sql_text(q, i++, r->nonce, sizeof(r->nonce));
	r->valid_before = sql_int(q, i++);
	r->x402_version = (int)sql_int(q, i++);
	sql_text(q, i++, r->payment_id, sizeof(r->payment_id));
	sql_text(q, i++, r->request_sha256, sizeof(r->request_sha256));
	sql_text(q, i++, r->resource, sizeof(r->resource));
	sql_text(q, i++, r->transaction, sizeof(r->transaction));
	sql_text(q, i++, r->reason, sizeof(r->reason));
	r->created_at = sql_int(q, i++);
	r->settled_at = sql_int(q, i++);
	r->ended_at = sql_int(q, i++);
	r->order_id = sql_int(q, i++);
}

enum art_status sale_find(struct store *st, int64_t id, struct sale_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " COLUMNS TABLES " WHERE s.id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "read sale %" PRId64, id);
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "there is no sale %" PRId64, id);
	return s;
}

enum art_status sale_find_identifier(struct store *st, const char *payment_id,
				     struct sale_row *out, struct art_err *err)
{
	struct sql q;

	/* Written out as in the index sale_identifier, which then serves it. */
	sql_open(&q, st, "SELECT " COLUMNS TABLES " WHERE s.payment_id = ?1 AND s.payment_id <> ''"
			 " AND s.state <> 'released' ORDER BY s.id DESC LIMIT 1");
	sql_bind_text(&q, 1, payment_id, sizeof(out->payment_id));
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "look for a payment identifier");
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "no sale has this payment identifier");
	return s;
}

enum art_status sale_texts(struct store *st, int64_t id, char **payment, char **requirement,
			   struct art_err *err)
{
	struct sql q;

	*payment = *requirement = NULL;
	sql_open(&q, st, "SELECT payment, requirement FROM sale WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	if (sql_row(&q)) {
		*payment = sql_dup(&q, 0);
		*requirement = sql_dup(&q, 1);
	}
	enum art_status s = sql_close(&q, err, "read the payment of sale %" PRId64, id);
	if (s == ART_OK && *payment == NULL)
		s = art_fail(err, ART_NOT_FOUND, "there is no sale %" PRId64, id);
	if (s != ART_OK) {
		free(*payment);
		free(*requirement);
		*payment = *requirement = NULL;
	}
	return s;
}

enum art_status sale_query(struct store *st, const struct sale_query *want, struct sale_list *out,
			   struct art_err *err)
{
	const unsigned ended = 1u << SALE_SETTLED | 1u << SALE_RELEASED | 1u << SALE_UNPAID;
	struct art_buf text;
	struct sql q;
	size_t cap = 0;

	sale_list_destroy(out);
	art_buf_init(&text, 2048);
	/* Open ones are few among many, which the planner does not know. */
	bool open = want->states && !(want->states & ended);
	art_buf_putf(&text, "SELECT " COLUMNS " FROM sale s%s" ORDERS " WHERE %s",
		     open ? " INDEXED BY sale_open" : "", open ? "s.ended_at IS NULL" : "1");
	for (int i = 0; want->states && i < SALE_STATE_COUNT; i++)
		if (!(want->states >> i & 1))
			art_buf_putf(&text, " AND s.state <> '%s'", state_words[i]);
	if (want->match[0] != '\0')
		art_buf_put(&text, " AND art_has(?2, s.item, s.payer, s.tx)");
	art_buf_put(&text, " ORDER BY s.id DESC LIMIT ?1");
	sql_open(&q, st, text.data);
	sql_bind_int(&q, 1, want->limit > 0 ? want->limit : -1);
	if (want->match[0] != '\0')
		sql_bind_text(&q, 2, want->match, sizeof(want->match));
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		row_read(&q, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "list the sales");
	art_buf_destroy(&text);
	if (s != ART_OK)
		sale_list_destroy(out);
	return s;
}

void sale_list_destroy(struct sale_list *l)
{
	free(l->rows);
	*l = (struct sale_list){ 0 };
}

/* ---- locking ------------------------------------------------------------------------------------ */

static enum art_status check_holder(struct store *st, const struct sale_row *row,
				    struct sale_row *other, struct art_err *err)
{
	struct sale_row held;
	struct sql q;

	/* Written out as in the index sale_nonce; its columns know no case. */
	sql_open(&q, st, "SELECT " COLUMNS TABLES " WHERE s.chain_id = ?1 AND s.asset = ?2"
			 " AND s.payer = ?3 AND s.nonce = ?4 AND s.state <> 'released'");
	sql_bind_int(&q, 1, (int64_t)row->chain_id);
	sql_bind_text(&q, 2, row->asset, sizeof(row->asset));
	sql_bind_text(&q, 3, row->payer, sizeof(row->payer));
	sql_bind_text(&q, 4, row->nonce, sizeof(row->nonce));
	bool found = sql_row(&q);
	if (found)
		row_read(&q, &held);
	enum art_status s = sql_close(&q, err, "look for another sale of the same payment");
	if (s != ART_OK || !found)
		return s;
	if (other != NULL)
		*other = held;
	return art_fail(err, ART_CONFLICT, "the payment is taken by sale %" PRId64 ", which is %s",
			held.id, sale_state_text(held.state));
}

static enum art_status insert(struct store *st, struct sale_row *row, const char *payment,
			      const char *requirement, int64_t now, struct art_err *err)
{
	struct sql q;
	int i = 1;

	sql_open(&q, st, "INSERT INTO sale (state, item, amount, chain_id, asset, pay_to, payer, nonce,"
			 " valid_before, x402_version, payment_id, request_sha256, resource, payment,"
			 " requirement, created_at) VALUES ('locked', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
			 " ?10, ?11, ?12, ?13, ?14, ?15)");
	sql_bind_clean(&q, i++, row->item, sizeof(row->item), false);
	sql_bind_int(&q, i++, usdc_to_micro(row->amount));
	sql_bind_int(&q, i++, (int64_t)row->chain_id);
	sql_bind_text(&q, i++, row->asset, sizeof(row->asset));
	sql_bind_text(&q, i++, row->pay_to, sizeof(row->pay_to));
	sql_bind_text(&q, i++, row->payer, sizeof(row->payer));
	sql_bind_text(&q, i++, row->nonce, sizeof(row->nonce));
	sql_bind_int(&q, i++, row->valid_before);
	sql_bind_int(&q, i++, row->x402_version);
	sql_bind_clean(&q, i++, row->payment_id, sizeof(row->payment_id), false);
	sql_bind_text(&q, i++, row->request_sha256, sizeof(row->request_sha256));
	sql_bind_clean(&q, i++, row->resource, sizeof(row->resource), false);
	sql_bind_text(&q, i++, payment, SALE_TEXT_MAX);
	sql_bind_text(&q, i++, requirement, SALE_TEXT_MAX);
	sql_bind_int(&q, i++, now);
	enum art_status s = sql_finish(&q, err, "lock a payment");
	if (s == ART_OK) {
		row->id = store_last_id(st);
		row->state = SALE_LOCKED;
		row->created_at = now;
	}
	return s;
}

enum art_status sale_lock(struct store *st, struct sale_row *row, const char *payment,
			  const char *requirement, struct sale_row *other, struct art_err *err)
{
	struct sale_row made = *row;

	if (strlen(payment) >= SALE_TEXT_MAX || strlen(requirement) >= SALE_TEXT_MAX)
		return art_fail(err, ART_LIMIT, "a payment of more than %u bytes is not taken",
				SALE_TEXT_MAX - 1);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = check_holder(st, row, other, err);
	if (s == ART_OK)
		s = insert(st, &made, payment, requirement, art_now_us(), err);
	s = store_leave(st, s, TOPIC_SALE, err);
	if (s == ART_OK)
		*row = made;
	return s;
}

/* ---- moving ------------------------------------------------------------------------------------ */

static enum art_status check_move(const struct sale_row *row, enum sale_state from,
				  enum sale_state to, struct art_err *err)
{
	if (row->state != from)
		return art_fail(err, ART_CONFLICT, "sale %" PRId64 " is %s, not %s", row->id,
				sale_state_text(row->state), sale_state_text(from));
	if (!sale_may_move(from, to))
		return art_fail(err, ART_CONFLICT, "sale %" PRId64 " cannot go from %s to %s", row->id,
				sale_state_text(from), sale_state_text(to));
	return ART_OK;
}

static enum art_status write_move(struct store *st, int64_t id, enum sale_state to,
				  const char *transaction, const char *reason, struct art_err *err)
{
	bool ends = to == SALE_SETTLED || to == SALE_RELEASED || to == SALE_UNPAID;
	struct sql q;

	sql_open(&q, st, "UPDATE sale SET state = ?2, tx = CASE WHEN ?3 <> '' THEN ?3 ELSE tx END,"
			 " reason = CASE WHEN ?4 <> '' THEN ?4 ELSE reason END,"
			 " settled_at = CASE WHEN ?2 = 'settled' THEN ?5 END,"
			 " ended_at = CASE WHEN ?6 THEN ?5 END WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, sale_state_text(to), 16);
	sql_bind_clean(&q, 3, transaction, sizeof(((struct sale_row *)0)->transaction), false);
	sql_bind_clean(&q, 4, reason, sizeof(((struct sale_row *)0)->reason), false);
	sql_bind_int(&q, 5, art_now_us());
	sql_bind_int(&q, 6, ends);
	return sql_finish(&q, err, "move sale %" PRId64, id);
}

/* What a person should see of a move; a payment that was refused at the door is routine. */
static enum art_status tell(struct store *st, const struct sale_row *row, enum sale_state to,
			    const char *transaction, const char *reason, struct art_err *err)
{
	char usd[MONEY_TEXT], kind[24];
	enum event_level level = EVENT_INFO;
	const char *what = sale_state_text(to);

	switch (to) {
	case SALE_LOCKED:
	case SALE_SETTLING:
	case SALE_STATE_COUNT:
		return ART_OK;
	case SALE_VERIFIED:
		if (row->state != SALE_SETTLING)
			return ART_OK;
		level = EVENT_WARN;
		what = "not taken, to be asked again";
		break;
	case SALE_SETTLED:
		level = EVENT_GOOD;
		break;
	case SALE_RELEASED:
		if (row->state == SALE_LOCKED)
			return ART_OK;
		break;
	case SALE_UNPAID:
		level = EVENT_WARN;
		break;
	}
	snprintf(kind, sizeof(kind), "sale.%s", sale_state_text(to));
	return event_add(st, level, kind, 0, 0, err, "sale %" PRId64 " of %s for %s USDC by %s: %s%s%s%s%s",
			 row->id, row->item, usdc_text(row->amount, usd), row->payer, what,
			 transaction[0] ? " " : "", transaction, reason[0] ? ": " : "", reason);
}

enum art_status sale_move(struct store *st, int64_t id, enum sale_state from, enum sale_state to,
			  const char *transaction, const char *reason, struct art_err *err)
{
	const char *tx = transaction != NULL ? transaction : "", *why = reason != NULL ? reason : "";
	struct sale_row row;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = sale_find(st, id, &row, err);
	if (s == ART_OK)
		s = check_move(&row, from, to, err);
	/* Money that is ours is booked, whatever else is not known. */
	if (to == SALE_SETTLED && tx[0] == '\0' && why[0] == '\0')
		why = "the transaction is not known";
	if (s == ART_OK)
		s = write_move(st, id, to, tx, why, err);
	if (s == ART_OK)
		s = tell(st, &row, to, tx, why, err);
	return store_leave(st, s, TOPIC_SALE, err);
}

/* ---- days -------------------------------------------------------------------------------------- */

static void sum_read(struct sql *q, int i, struct usdc *out)
{
	if (!usdc_from_micro(sql_int(q, i), out))
		sql_damaged(q, "sum of the sales");
}

enum art_status sale_days(struct store *st, int64_t days, struct sale_days *out,
			  struct art_err *err)
{
	int64_t since = days <= 0 ? 0 : (art_now_us() / DAY_US - days + 1) * DAY_US;
	struct sql q;
	size_t cap = 0;

	sale_days_destroy(out);
	sql_open(&q, st, "SELECT day, sum(settled), sum(unpaid), sum(n_settled), sum(n_unpaid),"
			 " sum(n_released), total(busy) FROM ("
			 "SELECT ended_at / ?2 AS day, iif(state = 'settled', amount, 0) AS settled,"
			 " iif(state = 'unpaid', amount, 0) AS unpaid, state = 'settled' AS n_settled,"
			 " state = 'unpaid' AS n_unpaid, state = 'released' AS n_released, 0 AS busy"
			 " FROM sale WHERE ended_at >= ?1"
			 " UNION ALL SELECT finished_at / ?2, 0, 0, 0, 0, 0,"
			 " max(finished_at - started_at, 0) FROM orders"
			 " WHERE finished_at >= ?1 AND started_at IS NOT NULL"
			 ") GROUP BY day ORDER BY day DESC");
	sql_bind_int(&q, 1, since);
	sql_bind_int(&q, 2, DAY_US);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		struct sale_day *d = &out->rows[out->n++];
		*d = (struct sale_day){ .day_us = sql_int(&q, 0) * DAY_US };
		sum_read(&q, 1, &d->settled);
		sum_read(&q, 2, &d->unpaid);
		d->n_settled = sql_int(&q, 3);
		d->n_unpaid = sql_int(&q, 4);
		d->n_released = sql_int(&q, 5);
		d->busy_s = sql_f64(&q, 6) / 1e6;
	}
	enum art_status s = sql_close(&q, err, "add up the sales");
	if (s != ART_OK)
		sale_days_destroy(out);
	return s;
}

void sale_days_destroy(struct sale_days *l)
{
	free(l->rows);
	*l = (struct sale_days){ 0 };
}
