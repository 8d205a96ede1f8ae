/*
 * serve_result.c - orders after they were accepted: closing the sale, results, logs, artifacts, cancelling.
 *
 * Layer: worker/serve.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/serve/gate_http.h"
#include "worker/serve/serve_private.h"

#define RESULT_MAX (256u << 10)
#define PATH_ROOM 1400
#define ARTIFACT_LOOK 10000 /* newest orders looked through for an artifact */

struct result_task {
	struct serve *s;
	struct httpd_request *r;
	int64_t order_id;
	enum serve_asker asker;
};

/* ---- the sale's end --------------------------------------------------------------------------------------- */

/* The work's outcome decides: nothing is charged for what did not run, or failed by our fault. */
static bool is_charged(const struct serve *s, const struct order_row *o)
{
	switch (o->state) {
	case ORDER_COMPLETED:
		return true;
	case ORDER_FAILED:
	case ORDER_TIMEOUT:
		return s->opt.charge_failed && !o->our_fault;
	case ORDER_CANCELLED:
		return s->opt.charge_failed && !o->our_fault && o->started_at;
	case ORDER_HELD:
	case ORDER_QUEUED:
	case ORDER_RUNNING:
	case ORDER_COUNT:
		break;
	}
	return false;
}

static void write_receipt(struct serve *s, struct store *st, const struct order_row *o, const struct sale_row *sale)
{
	char url[SERVE_URL_MAX], *there = NULL;
	struct art_err err = { 0 };
	struct art_buf b;
	enum art_status rc;

	if (!s->opt.gate || order_text(st, o->id, ORDER_TEXT_RECEIPT, &there, NULL) == ART_OK) {
		free(there);
		return;
	}
	serve_url(s, NULL, "/experiment", url);
	art_buf_init(&b, 16384);
	rc = gate_receipt(s->opt.gate, o, sale->id ? sale : NULL, sale->id ? sale->resource : url, &b, &err);
	if (rc == ART_OK)
		rc = order_set_receipt(st, o->id, b.data, &err);
	if (rc != ART_OK && rc != ART_UNSUPPORTED)
		serve_say(s, "%s: no receipt: %s", o->experiment_id, err.text);
	art_buf_destroy(&b);
}

enum art_status serve_close_order(struct serve *s, struct store *st, const struct order_row *o,
				  struct sale_row *sale, struct art_err *err)
{
	enum art_status rc = ART_OK;

	memset(sale, 0, sizeof(*sale));
	if (o->sale_id) {
		rc = sale_find(st, o->sale_id, sale, err);
		if (rc == ART_OK && sale->state == SALE_VERIFIED && !is_charged(s, o))
			rc = gate_release(s->opt.gate, st, sale->id, o->note[0] ? o->note : "the work failed", err);
		else if (rc == ART_OK && (sale->state == SALE_VERIFIED || sale->state == SALE_SETTLING))
			rc = gate_settle(s->opt.gate, st, sale->id, sale, err);
		if (rc == ART_OK)
			rc = sale_find(st, o->sale_id, sale, err);
	}
	if (rc == ART_OK)
		write_receipt(s, st, o, sale);
	return rc;
}

/* ---- results ------------------------------------------------------------------------------------------------ */

static void put_text(struct json_out *w, const char *key, const char *text)
{
	json_put_str(w, key, text && *text ? text : NULL);
}

void serve_result_json(struct serve *s, struct store *st, const struct order_row *o, struct art_buf *b)
{
	char hash[80], log[128], artifact[96], note[sizeof(o->note)], *config = NULL, *receipt = NULL;
	struct json_out w;

	snprintf(hash, sizeof(hash), "sha256:%s", o->train_sha256);
	snprintf(log, sizeof(log), "/experiments/%s/log", o->experiment_id);
	snprintf(artifact, sizeof(artifact), "/artifacts/%s", o->artifact_sha256);
	(void)!order_text(st, o->id, ORDER_TEXT_CONFIG, &config, NULL);
	(void)!order_text(st, o->id, ORDER_TEXT_RECEIPT, &receipt, NULL);
	json_out_init(&w, b, false);
	json_open_object(&w, NULL);
	json_put_str(&w, "experiment_id", o->experiment_id);
	json_put_str(&w, "status", order_state_text(o->state));
	json_put_int(&w, "return_code", o->return_code);
	json_put_opt_f64(&w, "val_bpb", o->state == ORDER_COMPLETED ? o->val_bpb : (struct opt_f64){ 0 });
	json_put_str(&w, "train_hash", hash);
	put_text(&w, "artifact_path", o->artifact_sha256[0] ? artifact : NULL);
	put_text(&w, "artifact_name", o->artifact_name);
	put_text(&w, "artifact_sha256", o->artifact_sha256);
	json_put_int(&w, "artifact_bytes", o->artifact_bytes);
	json_put_str(&w, "log_path", log);
	json_put_time(&w, "startedAt", o->started_at);
	json_put_time(&w, "finishedAt", o->finished_at);
	json_put_f64(&w, "durationSeconds", o->started_at ? (double)(o->finished_at - o->started_at) / 1e6 : 0);
	json_put_raw(&w, "config", config && *config ? config : "{}", config && *config ? strlen(config) : 2);
	json_put_f64(&w, "timeBudgetSeconds", o->budget_s);
	json_put_str(&w, "class", s->facts.class_text);
	put_text(&w, "dataSha256", s->facts.data_sha256);
	put_text(&w, "evaluatorSha256", s->facts.evaluator_sha256);
	serve_note(o->note, note, sizeof(note));
	if (note[0])
		json_put_str(&w, "note", note);
	if (receipt)
		json_put_raw(&w, "receipt", receipt, strlen(receipt));
	json_close_object(&w);
	free(config);
	free(receipt);
}

static void answer(struct serve *s, struct store *st, struct httpd_request *r, const struct order_row *o,
		   enum serve_asker asker, const struct sale_row *sale, int status)
{
	char token[SERVE_TOKEN], *own[2] = { NULL, NULL }, *receipt = NULL;
	const char *headers[4];
	struct httpd_answer a = { .status = status, .headers = headers };
	struct art_buf b;

	art_buf_init(&b, RESULT_MAX);
	serve_result_json(s, st, o, &b);
	headers[a.n_headers++] = "Cache-Control: private";
	if (asker == ASKER_SUBMIT) {
		serve_token(s, o->experiment_id, token);
		own[0] = art_printf("X-Job-Token: %s", token);
		headers[a.n_headers++] = own[0];
	}
	(void)!order_text(st, o->id, ORDER_TEXT_RECEIPT, &receipt, NULL);
	/* A header of some 12 KB is as much as clients take: the body has the receipt too. */
	if (sale->id && sale->state == SALE_SETTLED)
		own[1] = gate_http_response(s->opt.gate, sale, receipt && strlen(receipt) < 6000 ? receipt : NULL);
	if (own[1])
		headers[a.n_headers++] = own[1];
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	free(own[0]);
	free(own[1]);
	free(receipt);
	art_buf_destroy(&b);
}

/* The work is done and the money could not be had: the third kind of 402, with the result kept back. */
static void withhold(struct serve *s, struct httpd_request *r, const struct sale_row *sale)
{
	char *line = gate_http_response(s->opt.gate, sale, NULL);
	const char *headers[] = { line };
	struct httpd_answer a = { .status = 402, .headers = headers, .n_headers = line ? 1 : 0, .body = "{}", .len = 2 };

	httpd_answer(r, &a);
	free(line);
}

static void answer_now(struct serve *s, struct store *st, struct httpd_request *r, const struct order_row *o,
		       enum serve_asker asker)
{
	struct sale_row sale;
	struct art_err err = { 0 };
	enum art_status rc = serve_close_order(s, st, o, &sale, &err);

	if (rc != ART_OK) {
		serve_say(s, "%s: %s", o->experiment_id, err.text);
		httpd_error(r, 503, "\"status\":\"settling\"", "the payment is being settled: ask again");
	} else if (sale.id && sale.state == SALE_UNPAID) {
		withhold(s, r, &sale);
	} else {
		answer(s, st, r, o, asker, &sale, !o->our_fault ? 200 : asker == ASKER_JOB ? 502 : 503);
	}
}

static void result_task(void *arg, struct store *st)
{
	struct result_task *t = arg;
	struct order_row o;

	if (!st)
		httpd_error(t->r, 503, NULL, "the worker is ending");
	else if (order_find(st, t->order_id, &o, NULL) != ART_OK)
		httpd_error(t->r, 404, NULL, "the experiment is not there");
	else
		answer_now(t->s, st, t->r, &o, t->asker);
	free(t);
}

void serve_answer_result(struct serve *s, struct store *st, struct httpd_request *r, const struct order_row *o,
			 enum serve_asker asker)
{
	struct result_task *t;

	if (st != s->store) {
		answer_now(s, st, r, o, asker);
		return;
	}
	t = art_alloc(1, sizeof(*t));
	*t = (struct result_task){ s, r, o->id, asker };
	if (!pool_add(s->pool, result_task, t, SERVE_WAITING_MAX)) {
		free(t);
		httpd_error(r, 503, NULL, "the worker is overloaded: ask again");
	}
}

/* ---- the end of an order ------------------------------------------------------------------------------------ */

void serve_order_progress(struct serve *s, int64_t order_id)
{
	pthread_mutex_lock(&s->lock);
	for (struct follower *f = s->followers; f; f = f->next)
		if (f->stream && (!order_id || f->order_id == order_id))
			httpd_stream_wake(f->stream);
	pthread_mutex_unlock(&s->lock);
}

void serve_order_ended(struct serve *s, struct store *st, int64_t order_id)
{
	struct waiter *mine = NULL, *w;
	struct order_row o;
	struct sale_row sale;
	struct art_err err = { 0 };

	if (order_find(st, order_id, &o, &err) != ART_OK || !order_state_is_final(o.state))
		return;
	/* Also when nobody waits: who polls shall find it closed. */
	if (serve_close_order(s, st, &o, &sale, &err) != ART_OK)
		serve_say(s, "%s: %s", o.experiment_id, err.text);
	pthread_mutex_lock(&s->lock);
	for (struct waiter **at = &s->waiters; *at;) {
		w = *at;
		if (w->order_id != order_id) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->next = mine;
		mine = w;
	}
	pthread_mutex_unlock(&s->lock);
	serve_order_progress(s, order_id);
	while (mine) {
		w = mine;
		mine = w->next;
		serve_answer_result(s, st, w->r, &o, ASKER_SUBMIT);
		free(w);
	}
}

/* ---- logs, as they grow ---------------------------------------------------------------------------------------- */

struct log_tail {
	struct follower follow; /* first: what is in the list */
	struct serve *s;
	int fd;
	bool line_begun;
	int64_t beat_at;
};

static bool order_is_over(struct serve *s, int64_t id, char state[16])
{
	struct order_row o;

	/* The server's own thread: pull runs there. */
	if (order_find(s->store, id, &o, NULL) != ART_OK)
		return true;
	art_copy(state, 16, order_state_text(o.state));
	return order_state_is_final(o.state);
}

/* Server-sent events: each line of the log one event; a comment now and then tells a dead reader from a quiet log. */
static long log_pull(void *arg, char *out, size_t n)
{
	struct log_tail *t = arg;
	char part[2048], state[16] = "gone";
	size_t k = 0;
	bool over = order_is_over(t->s, t->follow.order_id, state);
	ssize_t got = read(t->fd, part, n / 8 < sizeof(part) ? n / 8 : sizeof(part));

	for (ssize_t i = 0; i < got; i++) {
		if (!t->line_begun) {
			memcpy(out + k, "data: ", 6);
			k += 6;
			t->line_begun = true;
		}
		if (part[i] == '\n' || part[i] == '\r') {
			memcpy(out + k, "\n\n", 2);
			k += 2;
			t->line_begun = false;
		} else {
			out[k++] = part[i];
		}
	}
	if (k) {
		t->beat_at = art_mono_us();
		return (long)k;
	}
	if (over && t->fd >= 0) {
		close(t->fd);
		t->fd = -1;
		return snprintf(out, n, "%sevent: end\ndata: %s\n\n", t->line_begun ? "\n\n" : "", state);
	}
	if (over)
		return -1;
	if (art_mono_us() - t->beat_at > 10000000 && !t->line_begun) {
		t->beat_at = art_mono_us();
		return snprintf(out, n, ": waiting\n\n");
	}
	return 0;
}

static void log_free(void *arg)
{
	struct log_tail *t = arg;

	pthread_mutex_lock(&t->s->lock);
	for (struct follower **at = &t->s->followers; *at; at = &(*at)->next)
		if (*at == &t->follow) {
			*at = t->follow.next;
			break;
		}
	pthread_mutex_unlock(&t->s->lock);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

static void follow_log(struct serve *s, struct httpd_request *r, const struct order_row *o, int fd)
{
	static const char *const headers[] = { "Cache-Control: no-store", "X-Accel-Buffering: no" };
	struct log_tail *t = art_alloc(1, sizeof(*t));
	struct httpd_stream *stream;

	*t = (struct log_tail){ .follow = { .order_id = o->id }, .s = s, .fd = fd, .beat_at = art_mono_us() };
	pthread_mutex_lock(&s->lock);
	t->follow.next = s->followers;
	s->followers = &t->follow;
	pthread_mutex_unlock(&s->lock);
	stream = httpd_stream(r, 200, "text/event-stream", headers, 2, -1, log_pull, log_free, t);
	pthread_mutex_lock(&s->lock);
	for (struct follower *f = s->followers; f; f = f->next)
		if (f == &t->follow)
			f->stream = stream;
	pthread_mutex_unlock(&s->lock);
}

static void send_log(struct serve *s, struct httpd_request *r, const struct order_row *o)
{
	const char *accept = httpd_header(r, "Accept");
	char path[PATH_ROOM];
	int fd;

	runner_path(path, sizeof(path), s->opt.runner.dir, o->experiment_id, "run.log");
	if (accept && strstr(accept, "text/event-stream")) {
		/* The run makes it: until then there is nothing in it. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_CREAT, 0600);
		if (fd < 0)
			httpd_error(r, 404, NULL, "there is no log");
		else
			follow_log(s, r, o, fd);
		return;
	}
	if (httpd_file(r, path, "text/plain; charset=utf-8", NULL, NULL) != ART_OK)
		httpd_error(r, 404, NULL, "there is no log yet");
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static void unauthorized(struct httpd_request *r)
{
	static const char *const headers[] = { "WWW-Authenticate: Bearer realm=\"job-result\"" };
	static const char body[] = "{\"error\":\"this needs the order's token: Authorization: Bearer TOKEN\"}";
	struct httpd_answer a = { .status = 401, .headers = headers, .n_headers = 1, .body = body,
				  .len = sizeof(body) - 1 };

	httpd_answer(r, &a);
}

static void answer_open(struct serve *s, struct httpd_request *r, const struct order_row *o)
{
	struct httpd_answer a = { .status = 200 };
	struct json_out w;
	struct art_buf b;

	(void)s;
	art_buf_init(&b, 4096);
	json_out_init(&w, &b, false);
	json_open_object(&w, NULL);
	json_put_str(&w, "experiment_id", o->experiment_id);
	json_put_str(&w, "status", order_state_text(o->state));
	json_put_time(&w, "queuedAt", o->created_at);
	json_put_time(&w, "startedAt", o->started_at);
	json_close_object(&w);
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	art_buf_destroy(&b);
}

static void cancel_task(void *arg, struct store *st)
{
	struct result_task *t = arg;
	struct art_err err = { 0 };
	struct order_row o;
	enum art_status rc;

	if (!st) {
		httpd_error(t->r, 503, NULL, "the worker is ending");
		free(t);
		return;
	}
	rc = order_cancel(st, t->order_id, "cancelled by the buyer", &err);
	runner_wake(t->s->runner);
	if (rc == ART_OK && order_find(st, t->order_id, &o, &err) == ART_OK)
		answer_now(t->s, st, t->r, &o, ASKER_ID);
	else if (rc == ART_CONFLICT)
		httpd_error(t->r, 409, "\"status\":\"final\"", "the experiment has ended already");
	else
		httpd_error(t->r, 503, NULL, "it cannot be cancelled now: %s", art_status_text(err.code));
	if (rc == ART_OK)
		serve_order_ended(t->s, st, t->order_id);
	free(t);
}

static void cancel_order(struct serve *s, struct httpd_request *r, const struct order_row *o)
{
	struct result_task *t = art_alloc(1, sizeof(*t));

	*t = (struct result_task){ s, r, o->id, ASKER_ID };
	if (!pool_add(s->pool, cancel_task, t, SERVE_WAITING_MAX)) {
		free(t);
		httpd_error(r, 503, NULL, "the worker is overloaded: ask again");
	}
}

static void order_part(struct serve *s, struct httpd_request *r, const struct order_row *o, const char *part)
{
	char path[PATH_ROOM];

	if (!serve_may(s, r, o->experiment_id)) {
		unauthorized(r);
	} else if (!strcmp(part, "log")) {
		send_log(s, r, o);
	} else if (!strcmp(part, "metrics.jsonl")) {
		runner_path(path, sizeof(path), s->opt.runner.dir, o->experiment_id, "metrics.jsonl");
		if (httpd_file(r, path, "application/jsonl", NULL, NULL) != ART_OK)
			httpd_error(r, 404, NULL, "there are no metrics");
	} else {
		httpd_error(r, 404, NULL, "unknown endpoint: %s", httpd_path(r));
	}
}

void serve_order_route(struct serve *s, struct httpd_request *r, const char *rest)
{
	bool get = !strcmp(httpd_method(r), "GET") || !strcmp(httpd_method(r), "HEAD");
	char id[72];
	size_t n = strcspn(rest, "/");
	struct order_row o;

	snprintf(id, sizeof(id), "%.*s", (int)(n < sizeof(id) ? n : sizeof(id) - 1), rest);
	if (n >= sizeof(id) || !serve_experiment_id_ok(id))
		httpd_error(r, 400, NULL, "invalid experiment id");
	else if (order_find_experiment(s->store, id, &o, NULL) != ART_OK)
		httpd_error(r, 404, NULL, "experiment %s not found", id);
	else if (rest[n] && get)
		order_part(s, r, &o, rest + n + 1);
	else if (!rest[n] && get && !order_state_is_final(o.state))
		answer_open(s, r, &o);
	else if (!rest[n] && get)
		serve_answer_result(s, s->store, r, &o, ASKER_ID);
	else if (!rest[n] && !strcmp(httpd_method(r), "DELETE") && !serve_may(s, r, id))
		unauthorized(r);
	else if (!rest[n] && !strcmp(httpd_method(r), "DELETE"))
		cancel_order(s, r, &o);
	else
		httpd_error(r, 405, NULL, "GET or DELETE");
}

/* obol's words for our states. */
static const char *job_state(const struct order_row *o)
{
	if (!order_state_is_final(o->state))
		return o->state == ORDER_RUNNING ? "running" : "pending";
	return o->our_fault || o->state == ORDER_CANCELLED ? "failed" : "complete";
}

static void job_status(struct serve *s, struct httpd_request *r, const struct order_row *o)
{
	const char *prefer = httpd_header(r, "Prefer"), *headers[1];
	struct httpd_answer a = { .status = 200, .headers = headers };
	char job[SERVE_TOKEN], text[96], note[sizeof(o->note)], *own = NULL;
	bool done = order_state_is_final(o->state), failed = !strcmp(job_state(o), "failed");
	struct json_out w;
	struct art_buf b;

	serve_job_id(s, o->id, job);
	snprintf(text, sizeof(text), "/jobs/%s/result", job);
	art_buf_init(&b, 4096);
	json_out_init(&w, &b, false);
	json_open_object(&w, NULL);
	json_put_str(&w, "jobId", job);
	json_put_str(&w, "state", job_state(o));
	json_put_time(&w, "createdAt", o->created_at);
	json_put_time(&w, "expiresAt", o->created_at + SERVE_TTL_S * (int64_t)1000000);
	if (done)
		json_put_time(&w, "completedAt", o->finished_at);
	serve_note(o->note, note, sizeof(note));
	if (done && failed)
		json_put_str(&w, "error", note);
	else if (done)
		json_put_str(&w, "resultUrl", text);
	json_close_object(&w);
	if (done && !failed && prefer && strcasestr(prefer, "redirect")) {
		a.status = 303;
		own = art_printf("Location: %s", text);
		headers[a.n_headers++] = own;
	}
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	free(own);
	art_buf_destroy(&b);
}

static void job_pending(struct httpd_request *r)
{
	static const char *const headers[] = { "Retry-After: 5" };
	static const char body[] = "{\"error\":\"not finished\",\"detail\":\"ask again in 5 s\"}";
	struct httpd_answer a = { .status = 409, .headers = headers, .n_headers = 1, .body = body,
				  .len = sizeof(body) - 1 };

	httpd_answer(r, &a);
}

void serve_job_route(struct serve *s, struct httpd_request *r, const char *rest)
{
	char id[SERVE_TOKEN];
	size_t n = strcspn(rest, "/");
	struct order_row o;
	int64_t order_id;

	if (strcmp(httpd_method(r), "GET") != 0) {
		httpd_error(r, 405, NULL, "GET");
		return;
	}
	snprintf(id, sizeof(id), "%.*s", (int)(n < SERVE_TOKEN ? n : 0), rest);
	if (!serve_job_read(s, id, &order_id) || order_find(s->store, order_id, &o, NULL) != ART_OK)
		httpd_error(r, 404, NULL, "unknown job");
	else if (!rest[n])
		job_status(s, r, &o);
	else if (strcmp(rest + n, "/result") != 0)
		httpd_error(r, 404, NULL, "unknown endpoint: %s", httpd_path(r));
	else if (!serve_may(s, r, o.experiment_id))
		unauthorized(r);
	else if (!order_state_is_final(o.state))
		job_pending(r);
	else
		serve_answer_result(s, s->store, r, &o, ASKER_JOB);
}

/* Paid for, or free: an artifact is not given for work that was not paid. */
static bool is_theirs(struct serve *s, const struct order_row *o)
{
	struct sale_row sale;

	return !o->sale_id || (sale_find(s->store, o->sale_id, &sale, NULL) == ART_OK && sale.state == SALE_SETTLED);
}

void serve_artifact_route(struct serve *s, struct httpd_request *r, const char *sha256)
{
	struct order_query q = { .limit = ARTIFACT_LOOK };
	struct order_list l = { 0 };
	char path[PATH_ROOM];
	bool there = false, theirs = false;

	if (strlen(sha256) != 64 || order_query(s->store, &q, &l, NULL) != ART_OK) {
		httpd_error(r, 404, NULL, "there is no such artifact");
		return;
	}
	for (size_t i = 0; i < l.n && !theirs; i++) {
		const struct order_row *o = &l.rows[i];

		if (strcmp(o->artifact_sha256, sha256) != 0)
			continue;
		there = true;
		theirs = serve_may(s, r, o->experiment_id) && is_theirs(s, o);
		if (theirs)
			runner_path(path, sizeof(path), s->opt.runner.dir, o->experiment_id, o->artifact_name);
	}
	order_list_destroy(&l);
	if (there && !theirs)
		unauthorized(r);
	else if (!there || httpd_file(r, path, "application/octet-stream", sha256, NULL) != ART_OK)
		httpd_error(r, 404, NULL, "there is no such artifact");
}
