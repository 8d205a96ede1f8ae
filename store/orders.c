/*
 * orders.c - what buyers asked to be run, from the door to the outcome.
 */
#include "store/sales.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"
#include "store/store_sql.h"

static const char *const state_words[] = {
#define WORD(name, text) [ORDER_##name] = text,
	ORDER_STATE_LIST(WORD)
#undef WORD
};

const char *order_state_text(enum order_state s)
{
	ART_BUG_ON((unsigned)s >= ORDER_COUNT);
	return state_words[s];
}

bool order_state_is_final(enum order_state s)
{
	switch (s) {
	case ORDER_HELD:
	case ORDER_QUEUED:
	case ORDER_RUNNING:
	case ORDER_COUNT:
		return false;
	case ORDER_COMPLETED:
	case ORDER_FAILED:
	case ORDER_TIMEOUT:
	case ORDER_CANCELLED:
		return true;
	}
	return false;
}

/* ---- rows -------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
	"id, experiment_id, request_sha256, train_sha256, state, sale_id, payer, device, is_async," \
	" our_fault, return_code, val_bpb, note, artifact_sha256, artifact_name, artifact_bytes,"  \
	" log_bytes, budget_s, created_at, started_at, finished_at, attempt"

static void row_read(struct sql *q, struct order_row *r)
{
	int i = 0;

	memset(r, 0, sizeof(*r));
	r->id = sql_int(q, i++);
	sql_text(q, i++, r->experiment_id, sizeof(r->experiment_id));
	sql_text(q, i++, r->request_sha256, sizeof(r->request_sha256));
	sql_text(q, i++, r->train_sha256, sizeof(r->train_sha256));
	r->state = (enum order_state)sql_word(q, i++, state_words, ORDER_COUNT, "state of an order");
	r->sale_id = sql_int(q, i++);
	sql_text(q, i++, r->payer, sizeof(r->payer));
	sql_text(q, i++, r->device, sizeof(r->device));
	r->is_async = sql_int(q, i++) != 0;
	r->our_fault = sql_int(q, i++) != 0;
	r->return_code = sql_is_null(q, i) ? -1 : (int)sql_int(q, i);
	i++;
	r->val_bpb = sql_opt_f64(q, i++);
	sql_text(q, i++, r->note, sizeof(r->note));
	sql_text(q, i++, r->artifact_sha256, sizeof(r->artifact_sha256));
	sql_text(q, i++, r->artifact_name, sizeof(r->artifact_name));
	r->artifact_bytes = sql_int(q, i++);
	r->log_bytes = sql_int(q, i++);
	r->budget_s = sql_f64(q, i++);
	r->created_at = sql_int(q, i++);
	r->started_at = sql_int(q, i++);
	r->finished_at = sql_int(q, i++);
	r->attempt = (int)sql_int(q, i++);
}

enum art_status order_find(struct store *st, int64_t id, struct order_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " COLUMNS " FROM orders WHERE id = ?1");
	sql_bind_int(&q, 1, id);
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "read order %" PRId64, id);
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "there is no order %" PRId64, id);
	return s;
}

enum art_status order_find_experiment(struct store *st, const char *experiment_id,
				      struct order_row *out, struct art_err *err)
{
	char clean[80];
	struct sql q;

	sql_open(&q, st, "SELECT " COLUMNS " FROM orders WHERE experiment_id = ?1");
	/* Whole: a longer one is another. */
	sql_bind_text(&q, 1, experiment_id, strlen(experiment_id) + 1);
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "look for an order");
	if (s != ART_OK || found)
		return s;
	art_text_clean(clean, sizeof(clean), experiment_id, strlen(experiment_id), false);
	return art_fail(err, ART_NOT_FOUND, "there is no experiment %s", clean);
}

enum art_status order_best(struct store *st, struct order_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " COLUMNS " FROM orders WHERE state = 'completed'"
			 " ORDER BY val_bpb, id LIMIT 1");
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "look for the best order");
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "no order was completed yet");
	return s;
}

static enum art_status count_live(struct store *st, int64_t *waiting, int64_t *running,
				  struct art_err *err)
{
	struct sql q;

	*waiting = *running = 0;
	sql_open(&q, st, "SELECT count(*) FILTER (WHERE state <> 'running'),"
			 " count(*) FILTER (WHERE state = 'running') FROM orders"
			 " WHERE finished_at IS NULL");
	if (sql_row(&q)) {
		*waiting = sql_int(&q, 0);
		*running = sql_int(&q, 1);
	}
	return sql_close(&q, err, "count the orders");
}

static enum art_status list(struct store *st, const struct order_query *want,
			    struct order_list *out, struct art_err *err)
{
	const unsigned live = 1u << ORDER_HELD | 1u << ORDER_QUEUED | 1u << ORDER_RUNNING;
	struct art_buf text;
	struct sql q;
	size_t cap = 0;

	art_buf_init(&text, 2048);
	art_buf_put(&text, "SELECT " COLUMNS " FROM orders");
	/* Live ones are few among many, which the planner does not know. */
	art_buf_put(&text, want->states && !(want->states & ~live)
				   ? " INDEXED BY orders_live WHERE finished_at IS NULL" : " WHERE 1");
	for (int i = 0; want->states && i < ORDER_COUNT; i++)
		if (!(want->states >> i & 1))
			art_buf_putf(&text, " AND state <> '%s'", state_words[i]);
	if (want->payer[0] != '\0')
		art_buf_put(&text, " AND payer = ?2 AND payer <> ''");
	art_buf_put(&text, " ORDER BY id DESC LIMIT ?1");
	sql_open(&q, st, text.data);
	sql_bind_int(&q, 1, want->limit > 0 ? want->limit : -1);
	if (want->payer[0] != '\0')
		sql_bind_text(&q, 2, want->payer, sizeof(want->payer));
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		row_read(&q, &out->rows[out->n++]);
	}
	enum art_status s = sql_close(&q, err, "list the orders");
	art_buf_destroy(&text);
	return s;
}

enum art_status order_query(struct store *st, const struct order_query *want,
			    struct order_list *out, struct art_err *err)
{
	order_list_destroy(out);
	enum art_status s = store_read_enter(st, err);
	if (s != ART_OK)
		return s;
	s = count_live(st, &out->waiting, &out->running, err);
	if (s == ART_OK)
		s = list(st, want, out, err);
	store_read_leave(st);
	if (s != ART_OK)
		order_list_destroy(out);
	return s;
}

void order_list_destroy(struct order_list *l)
{
	free(l->rows);
	*l = (struct order_list){ 0 };
}

/* What a person should see; @r as it is after the move. */
static enum art_status tell(struct store *st, const struct order_row *r, struct art_err *err)
{
	static const struct {
		const char *kind;
		enum event_level level;
	} events[ORDER_COUNT] = {
		[ORDER_HELD] = { "order.accepted", EVENT_INFO },
		[ORDER_QUEUED] = { "order.accepted", EVENT_INFO },
		[ORDER_RUNNING] = { "order.running", EVENT_INFO },
		[ORDER_COMPLETED] = { "order.completed", EVENT_GOOD },
		[ORDER_FAILED] = { "order.failed", EVENT_INFO },
		[ORDER_TIMEOUT] = { "order.timeout", EVENT_INFO },
		[ORDER_CANCELLED] = { "order.cancelled", EVENT_INFO },
	};
	char score[48] = "", number[32];
	bool device = r->state == ORDER_RUNNING;

	if (r->state == ORDER_COMPLETED)
		snprintf(score, sizeof(score), ", val_bpb %s",
			 art_f64_text(r->val_bpb.v, number, sizeof(number)));
	return event_add(st, r->our_fault ? EVENT_ERROR : events[r->state].level, events[r->state].kind,
			 0, 0, err, "order %" PRId64 " (%s): %s%s%s%s%s%s%s", r->id, r->experiment_id,
			 order_state_text(r->state), device ? " on " : "", device ? r->device : "",
			 score, r->our_fault ? " by our fault" : "", r->note[0] ? ": " : "", r->note);
}

/* ---- accepting ---------------------------------------------------------------------------------- */

static enum art_status check_id(const char *id, struct art_err *err)
{
	char clean[80];
	size_t n = strnlen(id, 72);

	if (n >= 1 && n <= 64 && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789_-") == n)
		return ART_OK;
	art_text_clean(clean, sizeof(clean), id, n, false);
	return art_fail(err, ART_INVALID, "\"%s\" is no experiment id: 1 to 64 letters, digits, _ and -",
			clean);
}

static enum art_status check_same(struct store *st, const struct order_row *row,
				  struct order_row *other, struct art_err *err)
{
	struct order_row there;
	struct sql q;

	sql_open(&q, st, "SELECT " COLUMNS " FROM orders WHERE experiment_id = ?1 OR sale_id = ?2"
			 " ORDER BY experiment_id <> ?1 LIMIT 1");
	sql_bind_text(&q, 1, row->experiment_id, sizeof(row->experiment_id));
	sql_bind_id(&q, 2, row->sale_id);
	bool found = sql_row(&q);
	if (found)
		row_read(&q, &there);
	enum art_status s = sql_close(&q, err, "look for the same order");
	if (s != ART_OK || !found)
		return s;
	if (other != NULL)
		*other = there;
	return art_fail(err, ART_CONFLICT, "order %" PRId64 " (%s) has the same %s", there.id,
			there.experiment_id,
			strcmp(there.experiment_id, row->experiment_id) == 0 ? "id" : "sale");
}

static enum art_status check_room(struct store *st, int64_t queue_max, struct art_err *err)
{
	int64_t waiting, running;

	enum art_status s = count_live(st, &waiting, &running, err);
	if (s == ART_OK && waiting + running >= queue_max)
		s = art_fail(err, ART_LIMIT, "the queue is full: %" PRId64 " wait, %" PRId64 " run, "
			     "%" PRId64 " may", waiting, running, queue_max);
	return s;
}

static enum art_status insert(struct store *st, struct order_row *row, struct art_err *err)
{
	struct sql q;
	int i = 1;

	sql_open(&q, st, "INSERT INTO orders (experiment_id, request_sha256, train_sha256, state,"
			 " sale_id, payer, is_async, budget_s, note, created_at)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
	sql_bind_text(&q, i++, row->experiment_id, sizeof(row->experiment_id));
	sql_bind_text(&q, i++, row->request_sha256, sizeof(row->request_sha256));
	sql_bind_text(&q, i++, row->train_sha256, sizeof(row->train_sha256));
	sql_bind_text(&q, i++, order_state_text(row->state), 16);
	sql_bind_id(&q, i++, row->sale_id);
	sql_bind_clean(&q, i++, row->payer, sizeof(row->payer), false);
	sql_bind_int(&q, i++, row->is_async);
	sql_bind_f64(&q, i++, row->budget_s);
	sql_bind_clean(&q, i++, row->note, sizeof(row->note), false);
	sql_bind_int(&q, i++, art_now_us());
	enum art_status s = sql_finish(&q, err, "accept order %s", row->experiment_id);
	return s == ART_OK ? order_find(st, store_last_id(st), row, err) : s;
}

static enum art_status write_text(struct store *st, int64_t id, const char *kind, const char *text,
				  struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "INSERT INTO order_text (order_id, kind, text) VALUES (?1, ?2, ?3)"
			 " ON CONFLICT (order_id, kind) DO UPDATE SET text = excluded.text");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, kind, 16);
	sql_bind_text(&q, 3, text, strlen(text) + 1);
	return sql_finish(&q, err, "write the %s of order %" PRId64, kind, id);
}

enum art_status order_accept(struct store *st, struct order_row *row, const char *config,
			     int64_t queue_max, struct order_row *other, struct art_err *err)
{
	struct order_row made = *row;

	ART_BUG_ON(row->state != ORDER_HELD && row->state != ORDER_QUEUED);
	if (strlen(config) > ORDER_CONFIG_MAX)
		return art_fail(err, ART_LIMIT, "a config of more than %u bytes is not taken",
				ORDER_CONFIG_MAX);
	enum art_status s = check_id(row->experiment_id, err);
	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = check_same(st, row, other, err);
	if (s == ART_OK)
		s = check_room(st, queue_max, err);
	if (s == ART_OK)
		s = insert(st, &made, err);
	if (s == ART_OK && config[0] != '\0')
		s = write_text(st, made.id, "config", config, err);
	if (s == ART_OK)
		s = tell(st, &made, err);
	s = store_leave(st, s, TOPIC_ORDER, err);
	if (s == ART_OK)
		*row = made;
	return s;
}

/* ---- moving ------------------------------------------------------------------------------------ */

static enum art_status not_so(const struct order_row *r, const char *what, struct art_err *err)
{
	return art_fail(err, ART_CONFLICT, "order %" PRId64 " (%s) is %s%s", r->id, r->experiment_id,
			order_state_text(r->state), what);
}

static enum art_status write_state(struct store *st, const struct order_row *r, struct art_err *err)
{
	struct sql q;
	int i = 1;

	sql_open(&q, st, "UPDATE orders SET state = ?2, device = ?3, our_fault = ?4, return_code = ?5,"
			 " val_bpb = ?6, note = ?7, artifact_sha256 = ?8, artifact_name = ?9,"
			 " artifact_bytes = ?10, log_bytes = ?11, started_at = ?12, finished_at = ?13,"
			 " attempt = ?14 WHERE id = ?1");
	sql_bind_int(&q, i++, r->id);
	sql_bind_text(&q, i++, order_state_text(r->state), 16);
	sql_bind_clean(&q, i++, r->device, sizeof(r->device), false);
	sql_bind_int(&q, i++, r->our_fault);
	sql_bind_opt_int(&q, i++, (struct opt_i64){ r->return_code != -1, r->return_code });
	sql_bind_opt_f64(&q, i++, r->val_bpb);
	sql_bind_clean(&q, i++, r->note, sizeof(r->note), false);
	sql_bind_text(&q, i++, r->artifact_sha256, sizeof(r->artifact_sha256));
	sql_bind_clean(&q, i++, r->artifact_name, sizeof(r->artifact_name), false);
	sql_bind_int(&q, i++, r->artifact_bytes);
	sql_bind_int(&q, i++, r->log_bytes);
	sql_bind_id(&q, i++, r->started_at);
	sql_bind_id(&q, i++, r->finished_at);
	sql_bind_int(&q, i++, r->attempt);
	return sql_finish(&q, err, "move order %" PRId64, r->id);
}

enum art_status order_release(struct store *st, int64_t id, struct art_err *err)
{
	struct order_row r;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = order_find(st, id, &r, err);
	if (s == ART_OK && r.state != ORDER_HELD)
		s = not_so(&r, ", not held", err);
	if (s == ART_OK) {
		r.state = ORDER_QUEUED;
		s = write_state(st, &r, err);
	}
	return store_leave(st, s, TOPIC_ORDER, err);
}

enum art_status order_cancel(struct store *st, int64_t id, const char *why, struct art_err *err)
{
	struct order_row r;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = order_find(st, id, &r, err);
	if (s == ART_OK && order_state_is_final(r.state))
		s = not_so(&r, " already", err);
	if (s == ART_OK) {
		r.state = ORDER_CANCELLED;
		r.finished_at = art_now_us();
		art_copy(r.note, sizeof(r.note), why != NULL ? why : "");
		s = write_state(st, &r, err);
	}
	if (s == ART_OK)
		s = tell(st, &r, err);
	return store_leave(st, s, TOPIC_ORDER, err);
}

/* The curve of an attempt that is no more. */
static enum art_status drop_points(struct store *st, int64_t id, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "DELETE FROM order_point WHERE order_id = ?1");
	sql_bind_int(&q, 1, id);
	return sql_finish(&q, err, "clear the curve of order %" PRId64, id);
}

static enum art_status oldest_queued(struct store *st, struct order_row *out, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT " COLUMNS " FROM orders INDEXED BY orders_live"
			 " WHERE state = 'queued' AND finished_at IS NULL ORDER BY id LIMIT 1");
	bool found = sql_row(&q);
	if (found)
		row_read(&q, out);
	enum art_status s = sql_close(&q, err, "look for an order");
	if (s == ART_OK && !found)
		s = art_fail(err, ART_NOT_FOUND, "no order waits");
	return s;
}

enum art_status order_next(struct store *st, const char *device, struct order_row *out,
			   struct art_err *err)
{
	struct order_row r;

	if (device[0] == '\0')
		return art_fail(err, ART_INVALID, "an order cannot run on a device without a name");
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = oldest_queued(st, &r, err);
	if (s == ART_OK) {
		r.state = ORDER_RUNNING;
		r.started_at = art_now_us();
		r.attempt++;
		art_copy(r.device, sizeof(r.device), device);
		r.note[0] = '\0';
		s = write_state(st, &r, err);
	}
	if (s == ART_OK)
		s = drop_points(st, r.id, err);
	if (s == ART_OK)
		s = tell(st, &r, err);
	s = store_leave(st, s, TOPIC_ORDER, err);
	if (s == ART_OK)
		*out = r;
	return s;
}

static enum art_status check_outcome(const struct order_row *r, struct art_err *err)
{
	if (!order_state_is_final(r->state))
		return art_fail(err, ART_INVALID, "order %" PRId64 " cannot end as %s", r->id,
				order_state_text(r->state));
	if (r->our_fault && r->state != ORDER_FAILED)
		return art_fail(err, ART_INVALID, "order %" PRId64 " is %s: that is nobody's fault", r->id,
				order_state_text(r->state));
	if (r->val_bpb.known && !(isfinite(r->val_bpb.v) && r->val_bpb.v > 0))
		return art_fail(err, ART_INVALID, "order %" PRId64 " has a val_bpb that is no score", r->id);
	if (r->state == ORDER_COMPLETED && (!r->val_bpb.known || r->return_code != 0))
		return art_fail(err, ART_INVALID, "order %" PRId64 " is not complete without exit status 0 "
				"and a val_bpb", r->id);
	return ART_OK;
}

enum art_status order_finish(struct store *st, const struct order_row *row, struct art_err *err)
{
	struct order_row r;

	enum art_status s = check_outcome(row, err);
	if (s == ART_OK)
		s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = order_find(st, row->id, &r, err);
	if (s == ART_OK && r.state != ORDER_RUNNING)
		s = not_so(&r, ", not running", err);
	if (s == ART_OK) {
		r.state = row->state;
		r.our_fault = row->our_fault;
		r.return_code = row->return_code;
		r.val_bpb = row->val_bpb;
		art_copy(r.note, sizeof(r.note), row->note);
		art_copy(r.artifact_sha256, sizeof(r.artifact_sha256), row->artifact_sha256);
		art_copy(r.artifact_name, sizeof(r.artifact_name), row->artifact_name);
		r.artifact_bytes = row->artifact_bytes;
		r.log_bytes = row->log_bytes;
		r.finished_at = art_now_us();
		s = write_state(st, &r, err);
	}
	if (s == ART_OK)
		s = tell(st, &r, err);
	return store_leave(st, s, TOPIC_ORDER, err);
}

/* A running one whose run is no more. @why NULL: the worker died. */
static enum art_status put_back(struct store *st, int64_t id, int attempts, const char *why,
				bool *failed, struct art_err *err)
{
	struct order_row r;

	enum art_status s = order_find(st, id, &r, err);
	if (s == ART_OK && r.state != ORDER_RUNNING)
		s = not_so(&r, ", not running", err);
	if (s != ART_OK)
		return s;
	*failed = r.attempt >= attempts;
	if (*failed) {
		r.state = ORDER_FAILED;
		r.our_fault = true;
		r.finished_at = art_now_us();
		if (why != NULL)
			art_copy(r.note, sizeof(r.note), why);
		else
			snprintf(r.note, sizeof(r.note), "the worker died while it ran, %d time%s",
				 r.attempt, r.attempt == 1 ? "" : "s");
		s = write_state(st, &r, err);
		return s != ART_OK ? s : tell(st, &r, err);
	}
	r.state = ORDER_QUEUED;
	r.started_at = 0;
	r.device[0] = '\0';
	s = write_state(st, &r, err);
	if (s == ART_OK && why != NULL)
		s = event_add(st, EVENT_WARN, "order.again", 0, 0, err,
			      "order %" PRId64 " (%s) is put back into the queue: %s", r.id,
			      r.experiment_id, why);
	return s != ART_OK ? s : drop_points(st, id, err);
}

enum art_status order_again(struct store *st, int64_t id, int attempts, const char *why, bool *failed,
			    struct art_err *err)
{
	enum art_status s = store_enter(st, err);

	if (s != ART_OK)
		return s;
	s = put_back(st, id, attempts, why, failed, err);
	return store_leave(st, s, TOPIC_ORDER, err);
}

enum art_status order_recover(struct store *st, int attempts, int64_t *again, int64_t *failed,
			      struct art_err *err)
{
	struct id_list running = { 0 };
	struct sql q;
	int64_t n_again = 0, n_failed = 0;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "SELECT id FROM orders INDEXED BY orders_live WHERE state = 'running'"
			 " AND finished_at IS NULL ORDER BY id");
	id_list_fill(&running, &q);
	s = sql_close(&q, err, "look for orders that ran");
	for (size_t i = 0; s == ART_OK && i < running.n; i++) {
		bool lost = false;
		s = put_back(st, running.ids[i], attempts, NULL, &lost, err);
		n_again += !lost;
		n_failed += lost;
	}
	free(running.ids);
	s = store_leave(st, s, TOPIC_ORDER, err);
	if (s == ART_OK && again != NULL)
		*again = n_again;
	if (s == ART_OK && failed != NULL)
		*failed = n_failed;
	return s;
}

/* ---- texts ------------------------------------------------------------------------------------- */

static const char *const text_words[] = {
	[ORDER_TEXT_CONFIG] = "config",
	[ORDER_TEXT_RECEIPT] = "receipt",
};

enum art_status order_set_receipt(struct store *st, int64_t id, const char *json,
				  struct art_err *err)
{
	struct order_row r;

	if (json[0] == '\0' || strlen(json) > ORDER_RECEIPT_MAX)
		return art_fail(err, json[0] == '\0' ? ART_INVALID : ART_LIMIT,
				"a receipt has 1 to %u bytes, this one %zu", ORDER_RECEIPT_MAX, strlen(json));
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	s = order_find(st, id, &r, err);
	if (s == ART_OK && !order_state_is_final(r.state))
		s = not_so(&r, ": a receipt is for the end", err);
	if (s == ART_OK)
		s = write_text(st, id, text_words[ORDER_TEXT_RECEIPT], json, err);
	return store_leave(st, s, TOPIC_ORDER, err);
}

enum art_status order_text(struct store *st, int64_t id, enum order_text which, char **out,
			   struct art_err *err)
{
	struct sql q;

	ART_BUG_ON((unsigned)which >= ART_COUNT(text_words));
	if (out != NULL)
		*out = NULL;
	sql_open(&q, st, "SELECT text FROM order_text WHERE order_id = ?1 AND kind = ?2");
	sql_bind_int(&q, 1, id);
	sql_bind_text(&q, 2, text_words[which], 16);
	bool found = sql_row(&q);
	if (found && out != NULL)
		*out = sql_dup(&q, 0);
	enum art_status s = sql_close(&q, err, "read the %s of order %" PRId64, text_words[which], id);
	if (s == ART_OK && !found)
		return art_fail(err, ART_NOT_FOUND, "order %" PRId64 " has no %s", id, text_words[which]);
	if (s != ART_OK && out != NULL) {
		free(*out);
		*out = NULL;
	}
	return s;
}

/* ---- curves ------------------------------------------------------------------------------------ */

#define STEPS 10000

enum art_status order_point_add(struct store *st, int64_t id, const struct order_point *p,
				struct art_err *err)
{
	struct sql q;

	if (!(p->progress >= 0 && p->progress <= 1) || !isfinite(p->seconds) || !isfinite(p->loss) ||
	    p->tokens < 0)
		return art_fail(err, ART_INVALID, "order %" PRId64 ": a point of its curve is out of range",
				id);
	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO order_point (order_id, step, seconds, tokens, loss)"
			 " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (order_id, step) DO UPDATE SET"
			 " seconds = excluded.seconds, tokens = excluded.tokens, loss = excluded.loss");
	sql_bind_int(&q, 1, id);
	sql_bind_int(&q, 2, llround(p->progress * STEPS));
	sql_bind_f64(&q, 3, p->seconds);
	sql_bind_int(&q, 4, p->tokens);
	sql_bind_f64(&q, 5, p->loss);
	s = sql_finish(&q, err, "write the curve of order %" PRId64, id);
	return store_leave(st, s, TOPIC_ORDER, err);
}

enum art_status order_points(struct store *st, int64_t id, struct order_points *out,
			     struct art_err *err)
{
	struct sql q;
	size_t cap = 0;

	order_points_destroy(out);
	sql_open(&q, st, "SELECT step, seconds, tokens, loss FROM order_point WHERE order_id = ?1"
			 " ORDER BY step");
	sql_bind_int(&q, 1, id);
	while (sql_row(&q)) {
		out->rows = store_list_room(out->rows, out->n, &cap, sizeof(*out->rows));
		out->rows[out->n++] = (struct order_point){
			.progress = (double)sql_int(&q, 0) / STEPS,
			.seconds = sql_f64(&q, 1),
			.tokens = sql_int(&q, 2),
			.loss = sql_f64(&q, 3),
		};
	}
	enum art_status s = sql_close(&q, err, "read the curve of order %" PRId64, id);
	if (s != ART_OK)
		order_points_destroy(out);
	return s;
}

void order_points_destroy(struct order_points *l)
{
	free(l->rows);
	*l = (struct order_points){ 0 };
}
