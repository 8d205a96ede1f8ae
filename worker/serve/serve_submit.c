/*
 * serve_submit.c - POST /experiment: what is asked, whether there is room, whether it is paid; in this order.
 *
 * Layer: worker/serve. A submit without a payment is answered on the server's thread (parsing and short reads); one with
 * a payment goes to the pool, where the gate may wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "store/hash.h"
#include "worker/serve/gate_http.h"
#include "worker/serve/serve_private.h"

#define INLINE_BODY (64u << 10)

/* A submit, read. */
struct submit {
	const char *train;           /* borrowed from json */
	char train_sha256[HASH_HEX];
	char request_sha256[HASH_HEX];
	char experiment_id[72];
	bool id_given, is_probe, is_async;
	char *config;                /* owned; NULL none */
	struct json *json;
};

struct task {
	struct serve *s;
	struct httpd_request *r;
};

static void submit_free(struct submit *q)
{
	free(q->config);
	json_free(q->json);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static const struct json *either(const struct json *j, const char *a, const char *b)
{
	const struct json *v = json_get(j, a);

	return v ? v : json_get(j, b);
}

static bool wants_async(const struct httpd_request *r)
{
	const char *p = httpd_header(r, "Prefer");

	return p && strcasestr(p, "respond-async");
}

/* Any order of members, any white space: equal requests are equal texts only when written so; that is the buyer's. */
static void hash_request(struct submit *q)
{
	struct hash_state *h = hash_begin();
	struct hash_hex train = hash_bytes(q->train, strlen(q->train));

	art_copy(q->train_sha256, sizeof(q->train_sha256), train.s);
	hash_add(h, train.s, strlen(train.s));
	hash_add(h, "\n", 1);
	if (q->config)
		hash_add(h, q->config, strlen(q->config));
	art_copy(q->request_sha256, sizeof(q->request_sha256), hash_end(h).s);
}

static void make_id(struct submit *q, struct art_err *err)
{
	char day[24];
	uint8_t b[4];
	time_t now = (time_t)(art_now_us() / 1000000);
	struct tm tm;

	if (keys_random(b, sizeof(b), err) != ART_OK)
		memcpy(b, &now, sizeof(b));
	gmtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y%m%d", &tm);
	snprintf(q->experiment_id, sizeof(q->experiment_id), "exp-%s-%02x%02x%02x%02x", day, b[0], b[1], b[2], b[3]);
}

/* Keeps the config's own text. */
static bool take_config(struct submit *q, const struct json *config, const char *text, size_t len)
{
	size_t at, n;

	if (!config || json_is_null(config))
		return true;
	if (!json_is_object(config) || !json_slice(text, len, "config", 0, &at, &n) || n > SERVE_CONFIG_MAX)
		return false;
	q->config = art_alloc(n + 1, 1);
	memcpy(q->config, text + at, n);
	return true;
}

/* NULL, or the sentence that obol's worker says (its clients may know it). */
static const char *read_submit(struct serve *s, const struct httpd_request *r, struct submit *q)
{
	const struct json *id;
	const char *text;
	size_t n;

	(void)s;
	text = httpd_body(r, &n);
	if (!n)
		return "train_py string is required";
	if (json_parse(&q->json, text, n, SERVE_BODY_MAX, NULL) != ART_OK)
		return "request body must be valid JSON";
	if (!json_is_object(q->json))
		return "request body must be a JSON object";
	q->is_probe = json_bool(json_get(q->json, "probe"), false);
	if (q->is_probe)
		return NULL;
	q->train = json_str(either(q->json, "train_py", "trainPy"));
	if (!q->train || !q->train[strspn(q->train, " \t\r\n")])
		return "train_py string is required";
	if (strlen(q->train) > SERVE_TRAIN_MAX)
		return "train_py is longer than 1 MiB";
	if (!take_config(q, json_get(q->json, "config"), text, n))
		return "config must be a JSON object of at most 64 KiB";
	id = either(q->json, "experiment_id", "experimentId");
	if (id && !json_is_null(id)) {
		if (!json_str(id) || !serve_experiment_id_ok(json_str(id)))
			return "experiment_id must be 1 to 64 letters, digits, - and _";
		art_copy(q->experiment_id, sizeof(q->experiment_id), json_str(id));
		q->id_given = true;
	}
	q->is_async = wants_async(r);
	hash_request(q);
	return NULL;
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static void no_room(struct httpd_request *r, const struct serve_load *load)
{
	if (load->draining)
		httpd_error(r, 503, "\"status\":\"draining\"", "the worker takes no more experiments");
	else
		httpd_error(r, 409, "\"status\":\"busy\"", "worker is already running an experiment");
}

static void challenge(struct serve *s, struct httpd_request *r, const char *error, const char *busy)
{
	char url[SERVE_URL_MAX], *line = NULL;
	const char *headers[] = { NULL, "Cache-Control: no-store" };
	struct httpd_answer a = { .status = 402, .headers = headers, .n_headers = 2 };
	struct art_buf body;
	struct art_err err = { 0 };

	serve_url(s, r, "/experiment", url);
	art_buf_init(&body, X402_HEADER_MAX);
	if (gate_http_challenge(s->opt.gate, &s->item, url, error, &line, &body, &err) != ART_OK) {
		httpd_error(r, 500, NULL, "%s", err.text);
	} else {
		headers[0] = line;
		/* Beside the terms: whether a paid submit would find room. */
		if (body.len > 1) {
			body.data[--body.len] = 0;
			art_buf_putf(&body, ",\"busy\":%s}", busy);
		}
		a.body = body.data;
		a.len = body.len;
		httpd_answer(r, &a);
	}
	free(line);
	art_buf_destroy(&body);
}

static void accepted(struct serve *s, struct httpd_request *r, const struct order_row *o,
		     const struct sale_row *sale)
{
	char job[SERVE_TOKEN], token[SERVE_TOKEN], status[80], result[96], expires[32], *location, *paid = NULL;
	const char *headers[3];
	struct httpd_answer a = { .status = 202, .headers = headers };
	struct art_buf b;
	struct json_out w;

	serve_job_id(s, o->id, job);
	serve_token(s, o->experiment_id, token);
	snprintf(status, sizeof(status), "/jobs/%s", job);
	snprintf(result, sizeof(result), "/jobs/%s/result", job);
	art_time_iso(o->created_at + SERVE_TTL_S * (int64_t)1000000, expires, sizeof(expires));
	art_buf_init(&b, 8192);
	json_out_init(&w, &b, false);
	json_open_object(&w, NULL);
	json_put_str(&w, "jobId", job);
	json_put_str(&w, "statusUrl", status);
	json_put_str(&w, "resultUrl", result);
	json_put_str(&w, "jobToken", token);
	json_put_str(&w, "expiresAt", expires);
	json_put_str(&w, "message", "accepted: ask statusUrl, then resultUrl with the token");
	json_put_str(&w, "experiment_id", o->experiment_id);
	json_put_str(&w, "status", order_state_text(o->state));
	json_close_object(&w);
	location = art_printf("Location: %s", status);
	headers[a.n_headers++] = location;
	headers[a.n_headers++] = "Preference-Applied: respond-async";
	if (sale && sale->state == SALE_SETTLED)
		paid = gate_http_response(s->opt.gate, sale, NULL);
	if (paid)
		headers[a.n_headers++] = paid;
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	free(location);
	free(paid);
	art_buf_destroy(&b);
}

void serve_wait(struct serve *s, struct store *st, struct httpd_request *r, int64_t order_id)
{
	struct waiter *w = art_alloc(1, sizeof(*w)), **at;
	struct order_row o;

	*w = (struct waiter){ .r = r, .order_id = order_id };
	pthread_mutex_lock(&s->lock);
	w->next = s->waiters;
	s->waiters = w;
	pthread_mutex_unlock(&s->lock);
	/* It may have ended before we stood in the list: then we take ourselves out again, if nobody did. */
	if (order_find(st, order_id, &o, NULL) != ART_OK || !order_state_is_final(o.state))
		return;
	pthread_mutex_lock(&s->lock);
	for (at = &s->waiters; *at && *at != w; at = &(*at)->next)
		;
	if (*at)
		*at = w->next;
	else
		w = NULL;
	pthread_mutex_unlock(&s->lock);
	if (w)
		serve_answer_result(s, st, r, &o, ASKER_SUBMIT);
	free(w);
}

/* Of an order that is there: its result, or the way to it. */
static void answer_known(struct serve *s, struct store *st, struct httpd_request *r, const struct order_row *o,
			 const struct sale_row *sale, bool is_async)
{
	if (order_state_is_final(o->state))
		serve_answer_result(s, st, r, o, ASKER_SUBMIT);
	else if (is_async)
		accepted(s, r, o, sale);
	else
		serve_wait(s, st, r, o->id);
}

/* ---- paid, or free --------------------------------------------------------------------------------------- */

static void unstarted(struct serve *s, struct store *st, const struct sale_row *sale, const char *why)
{
	struct art_err err = { 0 };

	if (sale && gate_release(s->opt.gate, st, sale->id, why, &err) != ART_OK)
		serve_say(s, "sale %lld: %s", (long long)sale->id, err.text);
}

/* Not to be run after all: the buyer hears why by the order's result. */
static void call_off(struct serve *s, struct store *st, struct httpd_request *r, struct order_row *o,
		     const char *why)
{
	(void)!order_cancel(st, o->id, why, NULL);
	if (order_find(st, o->id, o, NULL) == ART_OK && order_state_is_final(o->state))
		serve_answer_result(s, st, r, o, ASKER_SUBMIT);
	else
		httpd_error(r, 503, NULL, "%s", why);
}

/* The money first; the order is held until it is there. */
static bool settle_upfront(struct serve *s, struct store *st, struct httpd_request *r, struct order_row *o,
			   struct sale_row *sale)
{
	struct art_err err = { 0 };
	enum art_status rc = gate_settle(s->opt.gate, st, sale->id, sale, &err);

	if (rc == ART_OK && sale->state == SALE_SETTLED)
		return true;
	if (rc == ART_OK)
		call_off(s, st, r, o, "the payment could not be settled");
	else
		/* Not known: the order is held for it, the buyer asks again with the same payment. */
		httpd_error(r, 503, "\"status\":\"settling\"", "the payment is being settled: ask again");
	return false;
}

static void not_accepted(struct serve *s, struct store *st, struct httpd_request *r, const struct submit *q,
			 const struct sale_row *sale, const struct order_row *other, enum art_status rc)
{
	struct serve_load load = { .full = true };

	unstarted(s, st, sale, rc == ART_LIMIT ? "the worker was full" : "the order could not be taken");
	if (rc == ART_LIMIT)
		no_room(r, &load);
	else if (rc == ART_CONFLICT && !strcmp(other->request_sha256, q->request_sha256))
		answer_known(s, st, r, other, NULL, q->is_async);
	else if (rc == ART_CONFLICT)
		httpd_error(r, 409, "\"status\":\"conflict\"", "this experiment_id is in use for another request");
	else
		httpd_error(r, 503, NULL, "the order cannot be taken now: %s", art_status_text(rc));
}

/*
 * The row first, held: it makes the id ours. Then the files, then (upfront) the money, then the queue. A death on the
 * way leaves a held order, which the next start calls off or goes on with.
 */
static void accept_order(struct serve *s, struct store *st, struct httpd_request *r, struct submit *q,
			 struct sale_row *sale)
{
	struct order_row o = { .state = ORDER_HELD, .is_async = q->is_async, .return_code = -1,
			       .budget_s = s->opt.runner.budget_s };
	const char *config = q->config ? q->config : "";
	struct order_row other;
	struct art_err err = { 0 };
	enum art_status rc;

	if (!q->id_given)
		make_id(q, &err);
	art_copy(o.experiment_id, sizeof(o.experiment_id), q->experiment_id);
	art_copy(o.request_sha256, sizeof(o.request_sha256), q->request_sha256);
	art_copy(o.train_sha256, sizeof(o.train_sha256), q->train_sha256);
	if (sale) {
		o.sale_id = sale->id;
		art_copy(o.payer, sizeof(o.payer), sale->payer);
	}
	rc = order_accept(st, &o, config, s->opt.queue_max, &other, &err);
	if (rc != ART_OK) {
		not_accepted(s, st, r, q, sale, &other, rc);
		return;
	}
	rc = runner_keep(s->opt.runner.dir, o.experiment_id, q->train, strlen(q->train), config, &err);
	if (rc != ART_OK) {
		serve_say(s, "%s: %s", o.experiment_id, err.text);
		call_off(s, st, r, &o, "the worker could not store the experiment");
		return;
	}
	if (sale && s->item.settle == GATE_SETTLE_UPFRONT && !settle_upfront(s, st, r, &o, sale))
		return;
	rc = order_release(st, o.id, &err);
	o.state = rc == ART_OK ? ORDER_QUEUED : o.state;
	if (rc != ART_OK)
		serve_say(s, "%s: %s", o.experiment_id, err.text);
	runner_wake(s->runner);
	answer_known(s, st, r, &o, sale, q->is_async);
}

static void pay(struct serve *s, struct store *st, struct httpd_request *r, struct submit *q, const char *busy)
{
	char url[SERVE_URL_MAX];
	struct gate_taken t;
	struct gate_refusal no;
	struct order_row o;
	struct art_err err = { 0 };

	serve_url(s, r, "/experiment", url);
	if (gate_take(s->opt.gate, st, &s->item, url, gate_http_payment(r), q->request_sha256, &t, &err) != ART_OK) {
		httpd_error(r, 503, NULL, "the payment cannot be taken now: %s", art_status_text(err.code));
		return;
	}
	no = gate_http_refusal(&t);
	if (no.status == 402)
		challenge(s, r, no.text, busy);
	else if (no.status)
		httpd_error(r, no.status, no.extra, "%s%s", t.outcome == GATE_BAD ? "Invalid payment header: " : "", no.text);
	else if (t.outcome == GATE_TAKEN)
		accept_order(s, st, r, q, &t.sale);
	else if (t.sale.order_id && order_find(st, t.sale.order_id, &o, NULL) == ART_OK)
		answer_known(s, st, r, &o, &t.sale, q->is_async);
	else
		httpd_error(r, 409, "\"status\":\"pending\"", "this payment is being looked at: ask again");
}

/* An id that is known: the same thing again, at no charge, or another thing under its name. True: answered. */
static bool known(struct serve *s, struct store *st, struct httpd_request *r, const struct submit *q)
{
	struct order_row o;

	if (!q->id_given || order_find_experiment(st, q->experiment_id, &o, NULL) != ART_OK)
		return false;
	if (strcmp(o.request_sha256, q->request_sha256) != 0)
		httpd_error(r, 409, "\"status\":\"conflict\"", "this experiment_id is in use for another request");
	else
		answer_known(s, st, r, &o, NULL, q->is_async);
	return true;
}

static void submit(struct serve *s, struct store *st, struct httpd_request *r)
{
	struct submit q = { 0 };
	struct serve_load load;
	struct art_err err = { 0 };
	const char *wrong = read_submit(s, r, &q);

	if (wrong) {
		httpd_error(r, 400, NULL, "%s", wrong);
	} else if (serve_load(s, st, &load, &err) != ART_OK) {
		httpd_error(r, 503, NULL, "the worker's store cannot be read now: %s", art_status_text(err.code));
	} else if (q.is_probe && (gate_http_payment(r) || !s->opt.gate)) {
		/* Nothing is for sale in a probe: a payment that came with it stays untouched. */
		serve_answer_health(s, st, r, true);
	} else if (q.is_probe) {
		challenge(s, r, "Payment required", load.full || load.draining ? "true" : "false");
	} else if (known(s, st, r, &q)) {
		;
	} else if (load.full || load.draining) {
		/* Before any charge. */
		no_room(r, &load);
	} else if (s->opt.gate) {
		pay(s, st, r, &q, "false");
	} else {
		accept_order(s, st, r, &q, NULL);
	}
	submit_free(&q);
}

static void submit_task(void *arg, struct store *st)
{
	struct task *t = arg;

	if (st)
		submit(t->s, st, t->r);
	else
		httpd_error(t->r, 503, NULL, "the worker is ending");
	free(t);
}

void serve_submit(struct serve *s, struct httpd_request *r)
{
	struct task *t;
	size_t n;

	httpd_body(r, &n);
	if (s->opt.gate && !gate_http_payment(r) && n <= INLINE_BODY) {
		submit(s, s->store, r);
		return;
	}
	t = art_alloc(1, sizeof(*t));
	*t = (struct task){ s, r };
	if (!pool_add(s->pool, submit_task, t, SERVE_WAITING_MAX)) {
		free(t);
		httpd_error(r, 503, NULL, "the worker is overloaded: ask again");
	}
}
