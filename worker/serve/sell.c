/*
 * sell.c - the front of the seller: what is asked, what it costs, whether it was paid. See sell.h.
 *
 * Requests come on the server's thread and must not wait there; everything that asks a facilitator or the chain runs in the pool.
 */
#include "worker/serve/sell_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "store/hash.h"
#include "store/json.h"
#include "worker/serve/gate_http.h"

#define WAITING_MAX 1024
#define BODY_MAX (10u << 20)
#define READ_S 30                /* for a whole request, and its bytes at: */
#define READ_BYTES_S (256u << 10)
#define TIMEOUT_S 600
#define IDLE_S 120
#define KEPT_S 600
#define URL_MAX 2500

/* ---- what the files share ------------------------------------------------------------------------------------------ */

void sell_say(struct sell *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!s->opt.say)
		return;
	pthread_mutex_lock(&s->say_lock);
	s->opt.say(s->opt.arg, text);
	pthread_mutex_unlock(&s->say_lock);
}

static bool enter(struct sell *s)
{
	bool may;

	pthread_mutex_lock(&s->lock);
	may = !s->ending;
	s->asking += may;
	pthread_mutex_unlock(&s->lock);
	return may;
}

void sell_leave(struct sell *s)
{
	pthread_mutex_lock(&s->lock);
	s->asking--;
	pthread_cond_broadcast(&s->less);
	pthread_mutex_unlock(&s->lock);
}

enum art_status sell_settle(struct sell *s, struct store *st, struct sale_row *sale, struct art_err *err)
{
	char money[MONEY_TEXT];
	enum art_status rc = gate_settle(s->opt.gate, st, sale->id, sale, err);

	if (rc != ART_OK)
		sell_say(s, "%s", err->text);
	else if (sale->state == SALE_SETTLED)
		sell_say(s, "%s USDC from %s for %s %s", usdc_text(sale->amount, money), sale->payer, sale->resource, sale->transaction);
	else
		sell_say(s, "%s USDC from %s could not be had: %s", usdc_text(sale->amount, money), sale->payer, sale->reason);
	return rc;
}

char *sell_url(const struct sell *s, const struct httpd_request *r)
{
	size_t n = strlen(s->opt.upstream);

	while (n && s->opt.upstream[n - 1] == '/')
		n--;
	return art_printf("%.*s%s", (int)n, s->opt.upstream, httpd_raw_path(r));
}

/* ---- kept answers ------------------------------------------------------------------------------------------------------ */

void sell_kept_free(struct sell_kept *k)
{
	for (int i = 0; i < k->n_headers; i++)
		free(k->headers[i]);
	free(k->body);
	*k = (struct sell_kept){ 0 };
}

static void copy_kept(struct sell_kept *out, const struct sell_kept *k)
{
	*out = *k;
	for (int i = 0; i < k->n_headers; i++)
		out->headers[i] = art_strdup(k->headers[i]);
	out->body = art_alloc(k->len + 1, 1);
	if (k->len)
		memcpy(out->body, k->body, k->len);
}

void sell_keep(struct sell *s, const struct sell_kept *k)
{
	struct sell_kept copy, *at = NULL;

	copy_kept(&copy, k);
	copy.at = art_mono_us();
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < SELL_KEPT; i++)
		if (s->kept[i].sale_id == k->sale_id)
			at = &s->kept[i];
	if (!at) {
		at = &s->kept[s->next_kept];
		s->next_kept = (s->next_kept + 1) % SELL_KEPT;
	}
	sell_kept_free(at);
	*at = copy;
	pthread_mutex_unlock(&s->lock);
}

bool sell_kept_find(struct sell *s, int64_t sale_id, struct sell_kept *out)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < SELL_KEPT && !found; i++) {
		struct sell_kept *k = &s->kept[i];

		found = k->sale_id == sale_id && art_mono_us() - k->at < KEPT_S * (int64_t)1000000;
		if (found)
			copy_kept(out, k);
		if (found && !k->status)
			sell_kept_free(k);
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* ---- answers ------------------------------------------------------------------------------------------------------------- */

void sell_error(struct sell *s, struct httpd_request *r, const struct sale_row *sale, int status, const char *extra,
		const char *text)
{
	bool tells = sale && sale->id && (sale->state == SALE_SETTLED || sale->state == SALE_UNPAID);
	char *line = tells ? gate_http_response(s->opt.gate, sale, NULL) : NULL;
	const char *headers[] = { "Cache-Control: no-store", line };
	struct httpd_answer a = { .status = status, .headers = headers, .n_headers = line ? 2 : 1 };
	struct json_out o;
	struct art_buf b;

	art_buf_init(&b, 8192);
	json_out_init(&o, &b, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "error", text);
	if (extra)
		art_buf_putf(&b, ",%s", extra);
	json_close_object(&o);
	a.body = b.data;
	a.len = b.len;
	httpd_answer(r, &a);
	art_buf_destroy(&b);
	free(line);
}

static void resource_url(struct sell *s, struct httpd_request *r, char out[URL_MAX])
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
	const char *host = httpd_header(r, "Host"), *path = httpd_raw_path(r), *base = s->opt.public_url;
	size_t n = base ? strlen(base) : 0;

	while (n && base[n - 1] == '/')
		n--;
	if (base)
		snprintf(out, URL_MAX, "%.*s%.*s", (int)n, base, (int)strcspn(path, "?"), path);
	else
		snprintf(out, URL_MAX, "http://%.256s%.*s", host && *host && !host[strspn(host, ok)] ? host : "localhost",
			 (int)strcspn(path, "?"), path);
}

static struct gate_item item_of(const struct sell *s, const struct httpd_request *r)
{
	struct gate_item item = s->item;

	item.method = httpd_method(r);
	return item;
}

static void challenge(struct sell *s, struct httpd_request *r, const char *error)
{
	const char *headers[3] = { "Cache-Control: no-store", "Vary: Accept" }, *accept = httpd_header(r, "Accept");
	struct httpd_answer a = { .status = 402, .headers = headers, .n_headers = 3 };
	struct gate_item item = item_of(s, r);
	char url[URL_MAX], *line = NULL;
	struct art_buf body;
	struct art_err err = { 0 };

	resource_url(s, r, url);
	art_buf_init(&body, X402_HEADER_MAX);
	if (gate_http_challenge(s->opt.gate, &item, url, error, &line, &body, &err) != ART_OK) {
		sell_error(s, r, NULL, 500, NULL, err.text);
	} else {
		headers[2] = line;
		if (accept && strcasestr(accept, "text/html")) {
			a.content_type = "text/html; charset=utf-8";
			art_buf_reset(&body);
			sell_page(&body, &item, url, s->opt.network, s->opt.pay_to, error);
		}
		a.body = body.data;
		a.len = body.len;
		httpd_answer(r, &a);
	}
	free(line);
	art_buf_destroy(&body);
}

/* As the reference server answers: version 2 with a header alone, version 1 with the challenge. */
void sell_unpaid(struct sell *s, struct httpd_request *r, const struct sale_row *sale)
{
	char *line = gate_http_response(s->opt.gate, sale, NULL);
	const char *headers[] = { "Cache-Control: no-store", line };
	struct httpd_answer a = { .status = 402, .headers = headers, .n_headers = line ? 2 : 1, .body = "{}", .len = 2 };
	struct gate_item item = item_of(s, r);
	char url[URL_MAX];
	struct art_buf body;

	resource_url(s, r, url);
	art_buf_init(&body, X402_HEADER_MAX);
	if (sale->x402_version == 1 && gate_http_challenge(s->opt.gate, &item, url, sale->reason[0] ? sale->reason : "settlement_failed",
							   NULL, &body, NULL) == ART_OK) {
		a.body = body.data;
		a.len = body.len;
	}
	httpd_answer(r, &a);
	art_buf_destroy(&body);
	free(line);
}

/* ---- paying: on a pool thread. Each of these ends in one answer and one sell_leave -------------------------------------------- */

static void end_with_error(struct sell *s, struct httpd_request *r, const struct sale_row *sale, int status, const char *extra,
			   const char *text)
{
	sell_error(s, r, sale, status, extra, text);
	sell_leave(s);
}

static void end_with_challenge(struct sell *s, struct httpd_request *r, const char *error)
{
	challenge(s, r, error);
	sell_leave(s);
}

static void end_unpaid(struct sell *s, struct httpd_request *r, const struct sale_row *sale)
{
	sell_unpaid(s, r, sale);
	sell_leave(s);
}

static void end_settling(struct sell *s, struct httpd_request *r)
{
	end_with_error(s, r, NULL, 503, "\"status\":\"settling\"",
		       "whether the payment settled is not known yet: ask again with the same payment");
}

/* The money first, the work after. */
static void upfront(struct sell *s, struct store *st, struct httpd_request *r, struct sale_row *sale)
{
	struct art_err err = { 0 };
	enum art_status rc = sell_settle(s, st, sale, &err);

	if (rc == ART_OK && sale->state == SALE_SETTLED) {
		passage_begin(s, r, sale, st);
	} else if (rc == ART_OK) {
		end_unpaid(s, r, sale);
	} else {
		sell_keep(s, &(struct sell_kept){ .sale_id = sale->id });
		end_settling(s, r);
	}
}

static void deliver_again(struct sell *s, struct store *st, struct httpd_request *r, const struct sale_row *sale)
{
	struct sell_kept k;

	if (!sell_kept_find(s, sale->id, &k)) {
		end_with_error(s, r, sale, 409, "\"status\":\"used\"",
			       "this payment was taken for an answer that is not kept any more");
		return;
	}
	if (k.status)
		passage_replay(s, r, sale, &k);
	else
		passage_begin(s, r, sale, st);
	sell_kept_free(&k);
}

/* The same payment for the same request again: what it bought, if that is still here. */
static void again(struct sell *s, struct store *st, struct httpd_request *r, struct sale_row *sale)
{
	struct art_err err = { 0 };

	if (sale->state == SALE_SETTLING && !gate_is_settling(s->opt.gate, sale->id) &&
	    sell_settle(s, st, sale, &err) != ART_OK) {
		end_settling(s, r);
		return;
	}
	switch (sale->state) {
	case SALE_LOCKED:
	case SALE_VERIFIED:
	case SALE_SETTLING:
		end_with_error(s, r, NULL, 409, "\"status\":\"working\"", "this payment is being worked on: ask again");
		return;
	case SALE_SETTLED:
		deliver_again(s, st, r, sale);
		return;
	case SALE_UNPAID:
		end_unpaid(s, r, sale);
		return;
	case SALE_RELEASED:
	case SALE_STATE_COUNT:
		break;
	}
	end_with_challenge(s, r, "Payment required");
}

static void request_hash(struct httpd_request *r, char out[HASH_HEX])
{
	struct hash_state *h = hash_begin();
	size_t n;
	const char *body = httpd_body(r, &n);

	hash_add(h, httpd_method(r), strlen(httpd_method(r)) + 1);
	hash_add(h, httpd_raw_path(r), strlen(httpd_raw_path(r)) + 1);
	hash_add(h, body, n);
	art_copy(out, HASH_HEX, hash_end(h).s);
}

static void pay(struct sell *s, struct store *st, struct httpd_request *r)
{
	char url[URL_MAX], hash[HASH_HEX];
	struct gate_item item = item_of(s, r);
	struct gate_taken t;
	struct gate_refusal no;
	struct art_err err = { 0 };

	resource_url(s, r, url);
	request_hash(r, hash);
	if (gate_take(s->opt.gate, st, &item, url, gate_http_payment(r), hash, &t, &err) != ART_OK) {
		sell_say(s, "a payment could not be taken: %s", err.text);
		end_with_error(s, r, NULL, 503, "\"retriable\":true", "the payment cannot be taken now, and was not");
		return;
	}
	if (t.outcome == GATE_BAD)
		sell_say(s, "a payment that is none: %s", t.error);
	else if (t.outcome == GATE_UNAVAILABLE)
		sell_say(s, "a payment could not be verified: %s", t.error);
	no = gate_http_refusal(&t);
	if (no.status == 402)
		end_with_challenge(s, r, no.text);
	else if (no.status)
		end_with_error(s, r, NULL, no.status, no.extra, no.text);
	else if (t.outcome == GATE_REPEATED)
		again(s, st, r, &t.sale);
	else if (item.settle == GATE_SETTLE_UPFRONT)
		upfront(s, st, r, &t.sale);
	else
		passage_begin(s, r, &t.sale, st);
}

struct task {
	struct sell *s;
	struct httpd_request *r;
};

static void pay_task(void *arg, struct store *st)
{
	struct task *t = arg;

	if (st)
		pay(t->s, st, t->r);
	else
		end_with_error(t->s, t->r, NULL, 503, NULL, "the seller is ending");
	free(t);
}

/* ---- requests: on the server's thread ------------------------------------------------------------------------------------------- */

static bool is_free(const struct sell *s, const char *path)
{
	static const char *const otherwise[] = { "/health", NULL };
	const char *const *list = s->opt.free_paths ? s->opt.free_paths : otherwise;
	/* Servers read "..;" or "%2e" that is still there in ways of their own: nothing below a prefix then. */
	bool odd = strstr(path, "..") || strchr(path, '%');

	for (; *list; list++) {
		size_t n = strlen(*list);

		if (n && (*list)[n - 1] == '*' ? !odd && !strncmp(path, *list, n - 1) : !strcmp(path, *list))
			return true;
	}
	return false;
}

struct look {
	int n;
	bool bad;
};

static bool is_token(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~")];
}

static void look_at(void *arg, const char *name, const char *value)
{
	struct look *l = arg;

	l->n++;
	l->bad |= !is_token(name);
	for (; *value; value++)
		l->bad |= (*value > 0 && *value < ' ' && *value != '\t') || *value == 0x7f;
}

/* What could not be handed on is refused before it is paid for. */
static bool can_be_asked(struct sell *s, struct httpd_request *r)
{
	char *url = sell_url(s, r);
	struct look l = { 0 };
	struct http_url u;
	int status = 0;

	httpd_each_header(r, look_at, &l);
	if (strlen(url) >= HTTP_URL_MAX)
		status = 414;
	else if (l.n >= SELL_HEADERS)
		status = 431;
	else if (l.bad || !is_token(httpd_method(r)) || http_url_parse(url, &u, NULL) != ART_OK)
		status = 400;
	free(url);
	if (status)
		sell_error(s, r, NULL, status, NULL, status == 414   ? "the URL is too long"
						     : status == 431 ? "too many headers"
								     : "method, URL or headers are malformed");
	return !status;
}

static void handle(void *arg, struct httpd_request *r)
{
	struct sell *s = arg;
	struct task *t;

	if (!can_be_asked(s, r))
		return;
	if (!is_free(s, httpd_path(r)) && !gate_http_payment(r)) {
		challenge(s, r, "Payment required");
		return;
	}
	if (!enter(s)) {
		sell_error(s, r, NULL, 503, NULL, "the seller is ending");
		return;
	}
	if (is_free(s, httpd_path(r))) {
		passage_begin(s, r, NULL, NULL);
		return;
	}
	t = art_alloc(1, sizeof(*t));
	*t = (struct task){ s, r };
	if (pool_add(s->pool, pay_task, t, WAITING_MAX))
		return;
	free(t);
	end_with_error(s, r, NULL, 503, "\"retriable\":true", "the seller is overloaded: ask again");
}

/* ---- opening and closing --------------------------------------------------------------------------------------------------- */

/* Two sellers of one name would take each other's open sales for those of a dead one. */
static enum art_status lock_name(struct sell *s, struct art_err *err)
{
	char *path = art_printf("%s.sell-%s.lock", s->opt.db, s->opt.name);
	enum art_status rc = ART_OK;

	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		rc = art_fail_errno(err, "%.150s", path);
	else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK ? art_fail(err, ART_BUSY, "another artui sells %.60s already, with the same ledger", s->opt.name)
					  : art_fail_errno(err, "lock %.150s", path);
	free(path);
	return rc;
}

/* Nobody's request outlives the process: what was verified and not settled is the buyers' again. */
static enum art_status recover(struct sell *s, struct art_err *err)
{
	struct store *st = NULL;
	enum art_status rc = store_open(&st, s->opt.db, 0, 5000, err);

	if (rc == ART_OK && s->opt.bell)
		store_attach_bell(st, s->opt.bell);
	rc = rc ? rc : gate_recover(s->opt.gate, st, s->opt.name, err);
	store_close(st);
	return rc;
}

static enum art_status check_upstream(const char *url, struct art_err *err)
{
	struct http_url u;
	enum art_status rc = http_url_parse(url, &u, err);

	if (rc == ART_OK && url[strcspn(url, "?#")])
		rc = art_fail(err, ART_INVALID, "%.150s: the service is named without a query", url);
	return rc;
}

enum art_status sell_open(struct sell **out, const struct sell_options *opt, struct art_err *err)
{
	struct sell *s = art_alloc(1, sizeof(*s));
	struct httpd_options http = { .listen = opt->listen, .handle = handle, .arg = s };
	pthread_condattr_t attr;
	enum art_status rc;

	s->opt = *opt;
	s->opt.timeout_s = opt->timeout_s > 0 ? opt->timeout_s : TIMEOUT_S;
	s->opt.idle_s = opt->idle_s > 0 ? opt->idle_s : IDLE_S;
	http.max_body = opt->max_body ? opt->max_body : BODY_MAX;
	http.read_timeout_s = READ_S + (int)(http.max_body / READ_BYTES_S);
	s->item = (struct gate_item){ .name = opt->name, .price = opt->price, .mime_type = "",
				      .description = opt->description ? opt->description : opt->name,
				      .work_s = s->opt.timeout_s, .settle = opt->settle };
	s->lock_fd = -1;
	pthread_mutex_init(&s->say_lock, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->less, &attr);
	pthread_condattr_destroy(&attr);
	rc = check_upstream(opt->upstream, err);
	rc = rc ? rc : lock_name(s, err);
	rc = rc ? rc : recover(s, err);
	rc = rc ? rc : pool_open(&s->pool, opt->db, opt->bell, SELL_THREADS, err);
	rc = rc ? rc : httpd_open(&s->http, &http, err);
	if (rc != ART_OK) {
		sell_close(s);
		return rc;
	}
	*out = s;
	return ART_OK;
}

int sell_port(const struct sell *s)
{
	return httpd_port(s->http);
}

/* Those who have paid get some time for their answers; then every transfer ends, and with it every request. */
static void finish(struct sell *s)
{
	int64_t until = art_mono_us() + s->opt.grace_ms * 1000;
	struct timespec at = { until / 1000000, until % 1000000 * 1000 };
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	s->ending = true;
	while ((s->asking || s->passages) && !rc)
		rc = pthread_cond_timedwait(&s->less, &s->lock, &at);
	s->closing = true;
	passages_cancel(s);
	while (s->asking)
		pthread_cond_wait(&s->less, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void sell_close(struct sell *s)
{
	if (!s)
		return;
	if (s->http) {
		httpd_quiesce(s->http);
		finish(s);
		/* Streams whose clients do not read end here. */
		httpd_close(s->http);
	}
	ART_BUG_ON(s->passages);
	pool_close(s->pool);
	for (int i = 0; i < SELL_KEPT; i++)
		sell_kept_free(&s->kept[i]);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_cond_destroy(&s->less);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->say_lock);
	free(s);
}
