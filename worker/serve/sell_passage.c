/*
 * sell_passage.c - one request on its way to the service, and the answer on its way back.
 *
 * The service's bytes arrive on the HTTP engine's thread, the client's leave on the server's, and what may wait (settling) runs in the pool;
 * they meet in the passage's buffer, under its lock. Two own a passage: the service's transfer, until its end, and the client's side: first
 * whoever is to answer, then the stream. Who is last frees it.
 */
#include "worker/serve/sell_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/serve/gate_http.h"

enum stage { ASKING, DECIDING, FLOWING, OVER };

struct passage {
	struct sell *s;
	struct passage *next, **link; /* under the seller's lock */
	pthread_mutex_t lock;         /* before the seller's */
	int owners;
	struct httpd_request *r;      /* NULL: answered */
	struct httpd_stream *stream;
	uint64_t id;                  /* of the transfer; 0 none */
	enum stage stage;
	bool decided;                 /* or about to be: once */
	bool no_body;                 /* HEAD: its length is another's */
	int status;                   /* 0: nothing came */
	char *headers[SELL_HEADERS];
	int n_headers;
	int64_t length;               /* as the service said; -1 unknown */
	struct art_buf held;          /* bytes not passed on yet */
	size_t taken;                 /* of them, by the client */
	bool paused, whole, broken, is_events;
	struct sale_row sale;         /* id 0: free; the client's side's alone */
};

static void disown(struct passage *p)
{
	struct sell *s = p->s;
	int left;

	pthread_mutex_lock(&p->lock);
	left = --p->owners;
	pthread_mutex_unlock(&p->lock);
	if (left)
		return;
	pthread_mutex_lock(&s->lock);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	pthread_cond_broadcast(&s->less);
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < p->n_headers; i++)
		free(p->headers[i]);
	art_buf_destroy(&p->held);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* ---- headers ------------------------------------------------------------------------------------------------------ */

static bool is_one_of(const char *name, size_t len, const char *const *list)
{
	for (; *list; list++) {
		size_t n = strlen(*list);

		if ((*list)[n - 1] == '*' ? len >= n - 1 && !strncasecmp(name, *list, n - 1)
					  : len == n && !strncasecmp(name, *list, n))
			return true;
	}
	return false;
}

/* Whether a Connection header names it as its own line's. */
static bool is_named(const char *connection, const char *name, size_t len)
{
	while (connection && *connection) {
		connection += strspn(connection, " \t,");
		if (strcspn(connection, " \t,") == len && !strncasecmp(connection, name, len))
			return true;
		connection += strcspn(connection, " \t,");
	}
	return false;
}

/* Of one connection, about payments, or words that only a gate may say. */
static const char *const not_in[] = { "Connection", "Keep-Alive", "Proxy-*", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host",
				      "Content-Length", "Expect", "PAYMENT-*", "X-PAYMENT*", "X-Verified-Wallet", "X-Obol-*", NULL };
static const char *const not_out[] = { "connection", "keep-alive", "proxy-*", "te", "trailer", "transfer-encoding", "upgrade",
				       "content-length", "payment-*", "x-payment*", NULL };

struct incoming {
	const char *connection;
	char *headers[SELL_HEADERS];
	int n;
};

static void take_header(void *arg, const char *name, const char *value)
{
	struct incoming *in = arg;
	size_t len = strlen(name);

	if (is_one_of(name, len, not_in) || is_named(in->connection, name, len))
		return;
	/* One more is ours; how many there are was looked at. */
	ART_BUG_ON(in->n == SELL_HEADERS - 1);
	in->headers[in->n++] = art_printf("%s: %s", name, value);
}

static void take_head(struct passage *p, const struct http_response *head)
{
	const char *type = http_header(head, "content-type"), *length = http_header(head, "content-length");
	const char *connection = http_header(head, "connection");

	p->status = head->status;
	p->is_events = type && (!strncasecmp(type, "text/event-stream", 17) || !strncasecmp(type, "application/x-ndjson", 20));
	if (length && (!art_parse_i64(length, &p->length) || p->length < 0))
		p->length = -1;
	for (int i = 0; i < head->n_headers; i++) {
		size_t n = strcspn(head->headers[i], ":");

		/* More than ours may be are no answer. */
		if (is_one_of(head->headers[i], n, not_out) || is_named(connection, head->headers[i], n))
			continue;
		if (p->n_headers == SELL_HEADERS - 2) {
			p->status = 0;
			return;
		}
		p->headers[p->n_headers++] = art_strdup(head->headers[i]);
	}
}

static bool is_header(const char *line, const char *name)
{
	return !strncasecmp(line, name, strlen(name)) && line[strlen(name)] == ':';
}

/* A paid answer says so, and is nothing for shared caches, whatever the service thinks of them. */
static void put_payment(struct passage *p)
{
	char *line = gate_http_response(p->s->opt.gate, &p->sale, NULL);
	int n = 0;

	for (int i = 0; i < p->n_headers; i++) {
		if (is_header(p->headers[i], "cache-control") && !strcasestr(p->headers[i], "no-store") &&
		    !strcasestr(p->headers[i], "private"))
			free(p->headers[i]);
		else
			p->headers[n++] = p->headers[i];
	}
	p->n_headers = n;
	if (line)
		p->headers[p->n_headers++] = line;
	p->headers[p->n_headers++] = art_strdup("Cache-Control: private");
}

/* ---- to the client -------------------------------------------------------------------------------------------------- */

/* On the server's thread. */
static long on_pull(void *arg, char *out, size_t n)
{
	struct passage *p = arg;
	bool resume = false;
	long did;

	pthread_mutex_lock(&p->lock);
	did = (long)(p->held.len - p->taken < n ? p->held.len - p->taken : n);
	if (did) {
		memcpy(out, p->held.data + p->taken, (size_t)did);
		p->taken += (size_t)did;
		if (p->taken == p->held.len) {
			art_buf_reset(&p->held);
			p->taken = 0;
			resume = p->paused;
			p->paused = false;
		}
	} else if (p->broken) {
		did = -2;
	} else if (p->whole) {
		did = -1;
	}
	pthread_mutex_unlock(&p->lock);
	if (resume)
		http_resume(p->s->opt.http, p->id);
	return did;
}

static void on_client_done(void *arg)
{
	struct passage *p = arg;
	bool cancel;

	pthread_mutex_lock(&p->lock);
	p->stream = NULL;
	p->stage = OVER;
	cancel = !p->whole && !p->broken;
	pthread_mutex_unlock(&p->lock);
	if (cancel)
		http_cancel(p->s->opt.http, p->id);
	disown(p);
}

/* Under the lock, so that the stream cannot end meanwhile. */
static void wake_client(struct passage *p)
{
	if (p->stream)
		httpd_stream_wake(p->stream);
}

/* The answer, or that one is owed, for who paid and asks again. */
static void keep(struct passage *p, bool is_owed)
{
	struct sell_kept k = { .sale_id = p->sale.id };

	if (!p->sale.id)
		return;
	if (!is_owed) {
		k.status = p->status;
		k.n_headers = p->n_headers;
		memcpy(k.headers, p->headers, sizeof(k.headers));
		k.body = p->held.data;
		k.len = p->held.len;
	}
	sell_keep(p->s, &k);
}

static int64_t length_of(const struct passage *p)
{
	if (p->no_body || p->status == 304)
		return p->length;
	return p->whole ? (int64_t)p->held.len : p->length;
}

/* The answer begins: what is held, and then as it comes. */
static void let_flow(struct passage *p)
{
	struct sell *s = p->s;
	struct httpd_request *r;
	struct httpd_stream *stream;
	int64_t length;

	if (p->sale.id && p->sale.state == SALE_SETTLED)
		put_payment(p);
	pthread_mutex_lock(&p->lock);
	r = p->r;
	p->r = NULL;
	p->stage = FLOWING;
	p->owners++; /* the client may be done before httpd_stream returns */
	length = length_of(p);
	pthread_mutex_unlock(&p->lock);
	stream = httpd_stream(r, p->status, "", (const char *const *)p->headers, p->n_headers, length, on_pull, on_client_done, p);
	pthread_mutex_lock(&p->lock);
	if (p->stage != OVER) {
		p->stream = stream;
		wake_client(p);
	}
	pthread_mutex_unlock(&p->lock);
	disown(p);
	sell_leave(s);
}

/* Another answer than the service's. */
static struct httpd_request *give_up(struct passage *p)
{
	struct httpd_request *r;

	pthread_mutex_lock(&p->lock);
	r = p->r;
	p->r = NULL;
	p->stage = OVER;
	pthread_mutex_unlock(&p->lock);
	if (p->id)
		http_cancel(p->s->opt.http, p->id);
	return r;
}

static void refuse(struct passage *p, int status, const char *extra, const char *text)
{
	struct sell *s = p->s;

	sell_error(s, give_up(p), &p->sale, status, extra, text);
	disown(p);
	sell_leave(s);
}

/* ---- deciding: on a pool thread ------------------------------------------------------------------------------------- */

static void release(struct passage *p, struct store *st, const char *why)
{
	struct art_err err = { 0 };

	if (p->sale.id && p->sale.state == SALE_VERIFIED &&
	    gate_release(p->s->opt.gate, st, p->sale.id, why, &err) != ART_OK)
		sell_say(p->s, "%s", err.text);
}

static void charge(struct passage *p, struct store *st, bool whole)
{
	struct sell *s = p->s;
	struct art_err err = { 0 };
	enum art_status rc;

	/* Before: who asks again finds it as soon as it is paid for. */
	if (whole)
		keep(p, false);
	rc = sell_settle(s, st, &p->sale, &err);
	if (rc == ART_OK && p->sale.state == SALE_SETTLED) {
		let_flow(p);
	} else if (rc == ART_OK) {
		sell_unpaid(s, give_up(p), &p->sale);
		disown(p);
		sell_leave(s);
	} else {
		if (!whole)
			keep(p, true);
		refuse(p, 503, "\"status\":\"settling\"", "whether the payment settled is not known yet: ask again with the same payment");
	}
}

static void decide_task(void *arg, struct store *st)
{
	struct passage *p = arg;
	bool broken, whole, is_paid = p->sale.id && p->sale.state == SALE_SETTLED;

	pthread_mutex_lock(&p->lock);
	broken = p->broken || !p->status;
	whole = p->whole;
	pthread_mutex_unlock(&p->lock);
	if (!st) {
		refuse(p, 503, NULL, "the seller is ending");
	} else if (broken) {
		release(p, st, "the service failed");
		if (is_paid)
			keep(p, true);
		refuse(p, 502, NULL, "the service behind this seller does not answer");
	} else if (!whole && httpd_gone(p->r)) {
		release(p, st, "the buyer went away before the answer");
		if (is_paid)
			keep(p, true);
		refuse(p, 503, NULL, "the client went away");
	} else if (p->status >= 400) {
		release(p, st, "the service answered with an error");
		if (whole && is_paid)
			keep(p, p->status >= 500);
		let_flow(p);
	} else if (p->sale.id && !is_paid) {
		charge(p, st, whole);
	} else {
		if (whole)
			keep(p, false);
		let_flow(p);
	}
}

/* When there is enough to go by. Under the lock. */
static void decide(struct passage *p)
{
	if (p->decided || p->stage != ASKING)
		return;
	p->decided = true;
	p->stage = DECIDING;
	/* It ends only when nobody asks any more. */
	ART_BUG_ON(!pool_add(p->s->pool, decide_task, p, 0));
}

/* ---- from the service: on the HTTP engine's thread ---------------------------------------------------------------------- */

static enum http_flow on_piece(void *arg, const struct http_response *head, const void *data, size_t n)
{
	struct passage *p = arg;
	enum http_flow flow = HTTP_FLOW_TAKE;

	pthread_mutex_lock(&p->lock);
	if (!n) {
		take_head(p, head);
		if (p->is_events && p->status && p->status < 400)
			decide(p);
	}
	if (p->stage == OVER || !p->status) {
		flow = HTTP_FLOW_STOP;
	} else if (n && art_buf_add(&p->held, data, n) != ART_OK) {
		p->paused = true;
		flow = HTTP_FLOW_PAUSE;
		decide(p);
	} else if (n) {
		wake_client(p);
	}
	pthread_mutex_unlock(&p->lock);
	return flow;
}

static void on_service_done(void *arg, struct http_response *r, enum art_status rc, const struct art_err *err)
{
	struct passage *p = arg;
	struct sell *s = p->s;

	(void)r;
	if (rc != ART_OK && rc != ART_CANCELLED)
		sell_say(s, "the service: %s", err->text);
	pthread_mutex_lock(&p->lock);
	p->whole = rc == ART_OK;
	p->broken = rc != ART_OK;
	decide(p);
	wake_client(p);
	pthread_mutex_unlock(&p->lock);
	disown(p);
	sell_leave(s);
}

/* ---- from the client ------------------------------------------------------------------------------------------------------ */

/* Under the seller's lock, as cancelling is: what begins after that would never end. */
static enum art_status ask(struct passage *p, const struct incoming *in, struct art_err *err)
{
	struct sell *s = p->s;
	char *url = sell_url(s, p->r);
	struct http_request q = { .method = httpd_method(p->r), .url = url, .headers = (const char *const *)in->headers,
				  .n_headers = in->n, .deadline_ms = s->opt.timeout_s * 1000, .idle_ms = s->opt.idle_s * 1000,
				  .max_body = SIZE_MAX / 4, .piece = on_piece };
	enum art_status rc = ART_CANCELLED;
	const char *body = httpd_body(p->r, &q.body_len);

	q.body = q.body_len ? body : NULL;
	if (s->closing)
		art_fail(err, rc, "the seller is ending");
	else
		rc = http_start(s->opt.http, &q, on_service_done, p, &p->id, err);
	free(url);
	return rc;
}

static struct passage *passage_new(struct sell *s, struct httpd_request *r, const struct sale_row *sale)
{
	struct passage *p = art_alloc(1, sizeof(*p));

	p->s = s;
	p->r = r;
	p->owners = 1;
	p->length = -1;
	p->no_body = !strcmp(httpd_method(r), "HEAD");
	pthread_mutex_init(&p->lock, NULL);
	art_buf_init(&p->held, SELL_HELD);
	if (sale)
		p->sale = *sale;
	return p;
}

/* Under the seller's lock. */
static void enlist(struct passage *p)
{
	struct sell *s = p->s;

	p->next = s->passages;
	p->link = &s->passages;
	if (p->next)
		p->next->link = &p->next;
	s->passages = p;
}

void passage_begin(struct sell *s, struct httpd_request *r, const struct sale_row *sale, struct store *st)
{
	struct passage *p = passage_new(s, r, sale);
	struct incoming in = { .connection = httpd_header(r, "Connection") };
	struct art_err err = { 0 };
	enum art_status rc;

	httpd_each_header(r, take_header, &in);
	if (p->sale.id)
		in.headers[in.n++] = art_printf("X-Payment-Payer: %s", p->sale.payer);
	pthread_mutex_lock(&s->lock);
	enlist(p);
	p->owners++;
	rc = ask(p, &in, &err);
	if (rc == ART_OK)
		s->asking++;
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < in.n; i++)
		free(in.headers[i]);
	if (rc == ART_OK)
		return; /* the passage is others' now */
	release(p, st, "the service could not be asked");
	if (p->sale.state == SALE_SETTLED)
		keep(p, true);
	p->owners--;
	refuse(p, 503, NULL, err.text);
}

void passage_replay(struct sell *s, struct httpd_request *r, const struct sale_row *sale, struct sell_kept *k)
{
	struct passage *p = passage_new(s, r, sale);

	p->stage = DECIDING;
	p->whole = true;
	p->status = k->status;
	p->n_headers = k->n_headers;
	memcpy(p->headers, k->headers, sizeof(p->headers));
	k->n_headers = 0;
	if (k->len && art_buf_add(&p->held, k->body, k->len) != ART_OK)
		ART_BUG_ON(true);
	pthread_mutex_lock(&s->lock);
	enlist(p);
	pthread_mutex_unlock(&s->lock);
	let_flow(p);
}

void passages_cancel(struct sell *s)
{
	for (struct passage *p = s->passages; p; p = p->next)
		if (p->id)
			http_cancel(s->opt.http, p->id);
}
