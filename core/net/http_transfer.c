/*
 * http_transfer.c - one transfer: its handle, what comes back, and what its end means.
 *
 * Layer: core. The end is told in facts that paying relies on: a request is "not sent" only when libcurl
 * never came to the point of sending it.
 */
#include "core/net/http_private.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 30000
#define CONNECT_MS 10000
#define BODY_MAX (1u << 20)
#define CODE_TOO_LARGE 100 /* CURLE_TOO_LARGE of libcurl 8.6 and later */
#define TIME_MAX_MS (365 * 86400 * (int64_t)1000) /* far from the end of the numbers */

/* Sent to the origin that was named, to no other. */
static const char *const private_headers[] = { "Authorization", "Cookie", "PAYMENT-SIGNATURE",
					       "X-PAYMENT", "Proxy-Authorization", "X-API-Key" };

static bool header_is(const char *line, const char *name)
{
	size_t n = strlen(name);

	return !strncasecmp(line, name, n) && line[n] == ':';
}

/* ---- what was asked ---------------------------------------------------------------------------- */

/* Method and headers go into the request as they are: nothing in them may end a line or a word. */
static bool is_header(const char *line)
{
	size_t n = http_token_len(line, strlen(line));

	if (!n || line[n] != ':')
		return false;
	for (const char *p = line + n; *p; p++)
		if ((*p > 0 && *p < ' ' && *p != '\t') || *p == 0x7f)
			return false;
	return true;
}

static enum art_status check_words(const struct http_request *q, struct art_err *err)
{
	const char *m = q->method ? q->method : "GET";

	if (!*m || m[http_token_len(m, strlen(m))])
		return art_fail(err, ART_INVALID, "'%.80s' is no HTTP method", m);
	for (int i = 0; i < q->n_headers; i++) {
		const char *h = q->headers[i];

		/* Its name at most is told: the value may be a secret. */
		if (!is_header(h))
			return art_fail(err, ART_INVALID, "a header must be one line 'Name: value', not one "
					"that begins with '%.*s'", (int)http_token_len(h, strlen(h)), h);
	}
	return ART_OK;
}

static enum art_status check_url(const char *url, bool plain_only_loopback, struct art_err *err)
{
	struct http_url u;
	enum art_status s = http_url_parse(url, &u, err);

	if (s == ART_OK && plain_only_loopback && !strcmp(u.scheme, "http") &&
	    !http_host_is_loopback(u.host))
		s = art_fail(err, ART_REFUSED, "%.150s: only https goes beyond this machine here",
			     u.host);
	return s;
}

/* 0 is @otherwise; what is too long for arithmetic is a year. */
static int64_t time_ms(int64_t asked, int64_t otherwise)
{
	if (!asked)
		return otherwise;
	return asked < TIME_MAX_MS ? asked : TIME_MAX_MS;
}

static bool is_idempotent(const char *method)
{
	static const char *const safe[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < ART_COUNT(safe); i++)
		if (!strcmp(method, safe[i]))
			return true;
	return false;
}

enum art_status transfer_new(struct transfer **out, const struct http_request *q,
			     struct art_err *err)
{
	struct transfer *t;
	enum art_status s = check_words(q, err);

	/* What was taken already cannot be asked for again. */
	ART_BUG_ON(q->piece && (q->attempts > 1 || q->max_redirects));
	if (s == ART_OK)
		s = check_url(q->url, q->plain_only_loopback, err);
	if (s != ART_OK)
		return s;
	t = art_alloc(1, sizeof(*t));
	t->method = art_strdup(q->method ? q->method : "GET");
	t->url = art_strdup(q->url);
	t->headers = art_alloc((size_t)q->n_headers + 1, sizeof(*t->headers));
	for (int i = 0; i < q->n_headers; i++)
		t->headers[t->n_headers++] = art_strdup(q->headers[i]);
	if (q->body) {
		t->body = art_alloc(q->body_len + 1, 1);
		memcpy(t->body, q->body, q->body_len);
		t->body_len = q->body_len;
	}
	t->deadline_mono_us = art_mono_us() + time_ms(q->deadline_ms, DEADLINE_MS) * 1000;
	t->connect_ms = time_ms(q->connect_ms, CONNECT_MS);
	t->idle_ms = time_ms(q->idle_ms, 0);
	t->max_body = q->max_body ? q->max_body : BODY_MAX;
	t->max_redirects = q->max_redirects;
	t->attempts = q->attempts ? q->attempts : 1;
	t->refuse_private = q->refuse_private;
	t->plain_only_loopback = q->plain_only_loopback;
	t->redirects_public = q->redirects_public;
	t->idempotent = q->idempotent || is_idempotent(t->method);
	t->piece = q->piece;
	t->same_origin = true;
	http_response_init(&t->r);
	*out = t;
	return ART_OK;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->list);
	for (int i = 0; i < t->n_headers; i++) {
		explicit_bzero(t->headers[i], strlen(t->headers[i]));
		free(t->headers[i]);
	}
	free(t->headers);
	free(t->method);
	free(t->url);
	free(t->body);
	http_response_destroy(&t->r);
	free(t);
}

/* ---- what comes back --------------------------------------------------------------------------- */

static void drop_headers(struct http_response *r)
{
	for (int i = 0; i < r->n_headers; i++)
		free(r->headers[i]);
	r->n_headers = 0;
}

/* A line without a name is a continuation or nonsense: it is counted and left out. */
static bool is_name(const char *p, size_t len)
{
	size_t n = http_token_len(p, len);

	return n && n < len && p[n] == ':';
}

static enum art_status keep_header(struct http_response *r, const char *p, size_t len)
{
	char *line;

	if (r->n_headers == HTTP_HEADERS_MAX)
		return ART_LIMIT;
	line = art_alloc(len + 1, 1);
	memcpy(line, p, len);
	for (char *c = line; *c && *c != ':'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	r->headers[r->n_headers++] = line;
	return ART_OK;
}

/* Who takes the body as it comes hears of the answer before its first byte. */
static bool take_head(struct transfer *t)
{
	t->piece_stopped = t->piece(t->arg, &t->r, NULL, 0) == HTTP_FLOW_STOP;
	return !t->piece_stopped;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	long status = 0;

	t->header_bytes += len;
	if (t->header_bytes > HTTP_HEADER_BYTES) {
		t->headers_too_large = true;
		return 0;
	}
	/* A trailer comes after the body, when what it names has been acted on. */
	if (t->headers_ended)
		return size * n;
	while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
		len--;
	if (!len) { /* 100 and 103 are not the answer yet */
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		t->headers_ended = status >= 200;
		t->r.status = t->headers_ended ? (int)status : 0;
	}
	while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len >= 5 && !memcmp(p, "HTTP/", 5))
		drop_headers(&t->r);
	else if (len && is_name(p, len) && keep_header(&t->r, p, len) != ART_OK)
		t->headers_too_large = true;
	if (t->headers_too_large || (t->headers_ended && t->piece && !take_head(t)))
		return 0;
	return size * n;
}

/* A body that is taken as it comes: nothing of it is kept here. */
static size_t pass_on(struct transfer *t, const char *p, size_t len)
{
	if (len > t->max_body - t->passed) {
		t->body_too_large = true;
		return 0;
	}
	switch (t->piece(t->arg, &t->r, p, len)) {
	case HTTP_FLOW_TAKE:
		t->passed += len;
		t->paused = false;
		return len;
	case HTTP_FLOW_PAUSE:
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_FLOW_STOP:
		break;
	}
	t->piece_stopped = true;
	return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct art_buf *b = &t->r.body;
	size_t len = size * n, room = b->max - b->len;

	if (t->piece)
		return pass_on(t, p, len);

	/* What fits is kept: the beginning of an over-long answer says whose fault it is. */
	t->body_too_large = len > room;
	if (art_buf_add(b, p, t->body_too_large ? room : len) != ART_OK)
		t->body_too_large = true;
	return t->body_too_large ? 0 : len;
}

/* ---- where it goes ----------------------------------------------------------------------------- */

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct transfer *t = arg;

	(void)purpose;
	if (t->refuse_private && http_address_is_private(&a->addr)) {
		t->private_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool is_private_text(const char *ip)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct sockaddr_in6 b = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, ip, &a.sin_addr) == 1)
		return http_address_is_private((struct sockaddr *)&a);
	return inet_pton(AF_INET6, ip, &b.sin6_addr) != 1 ||
	       http_address_is_private((struct sockaddr *)&b);
}

/* There is a connection, new or kept from another transfer, and nothing was written to it. */
static int on_connected(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct transfer *t = arg;

	(void)local_ip, (void)port, (void)local_port;
	t->private_refused = t->refuse_private && is_private_text(ip);
	if (t->private_refused)
		return CURL_PREREQFUNC_ABORT;
	t->sending = true;
	t->may_have_left = true;
	t->moved_at = art_mono_us();
	return CURL_PREREQFUNC_OK;
}

int64_t transfer_late_at(struct transfer *t)
{
	curl_off_t sent = 0;
	int64_t moved, at;

	/* Paused, it is we who keep it waiting. */
	if (!t->idle_ms || !t->sending || t->paused)
		return t->deadline_mono_us;
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	moved = sent + (int64_t)t->header_bytes + (int64_t)(t->r.body.len + t->passed);
	if (moved != t->moved) {
		t->moved = moved;
		t->moved_at = art_mono_us();
	}
	at = t->moved_at + t->idle_ms * 1000;
	return at < t->deadline_mono_us ? at : t->deadline_mono_us;
}

/* ---- the handle -------------------------------------------------------------------------------- */

static bool is_private_header(const char *line)
{
	for (size_t i = 0; i < ART_COUNT(private_headers); i++)
		if (header_is(line, private_headers[i]))
			return true;
	return false;
}

/* True when a payment or credential is among the headers. */
static bool fill_headers(struct transfer *t)
{
	bool secret = false, typed = !t->body;
	struct curl_slist *list = NULL;

	for (int i = 0; i < t->n_headers; i++) {
		const char *h = t->headers[i];
		size_t n = strcspn(h, ":");
		char *empty = NULL;

		secret |= is_private_header(h);
		typed |= header_is(h, "Content-Type");
		if (!t->same_origin && (is_private_header(h) || header_is(h, "Host")))
			continue;
		/* libcurl would answer a 417 by sending all of it again by itself. */
		if (header_is(h, "Expect"))
			continue;
		/* "Name:" would make libcurl drop a header of its own; "Name;" sends it empty. */
		if (h[n] && !h[n + 1 + strspn(h + n + 1, " \t")]) {
			empty = art_printf("%.*s;", (int)n, h);
			h = empty;
		}
		list = curl_slist_append(list, h);
		free(empty);
		if (!list)
			art_die("out of memory");
	}
	list = curl_slist_append(list, "Expect:");
	/* A body of a kind that nobody named is not a form, whatever libcurl takes it for. */
	if (list && !typed)
		list = curl_slist_append(list, "Content-Type:");
	if (!list)
		art_die("out of memory");
	curl_slist_free_all(t->list);
	t->list = list;
	return secret;
}

static void set_method(struct transfer *t)
{
	CURL *e = t->easy;

	if (!strcmp(t->method, "HEAD")) {
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (t->body || !strcmp(t->method, "POST") || !strcmp(t->method, "PUT") || !strcmp(t->method, "PATCH")) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body ? t->body : "");
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
	} else {
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
	}
}

static void set_limits(struct transfer *t, bool secret)
{
	CURL *e = t->easy;
	int64_t left = (t->deadline_mono_us - art_mono_us()) / 1000;
	int64_t connect = t->connect_ms < left ? t->connect_ms : left;

	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect > 0 ? connect : 1));
	/* Not to wait, at a deadline, for a name server that does not answer. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	/* On a kept connection that turns out dead libcurl would send the request a second time by
	 * itself: not with money in it, nor where twice is not the same as once. */
	if (secret || !t->idempotent)
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
}

enum art_status transfer_begin(struct transfer *t, const char *user_agent)
{
	CURL *e;

	t->status = check_url(t->url, t->plain_only_loopback, &t->err);
	if (t->status != ART_OK) { /* a redirect to where it may not go */
		t->r.trouble = HTTP_BAD_ANSWER;
		return t->status;
	}
	e = t->easy = curl_easy_init();
	if (!e)
		art_die("out of memory");
	drop_headers(&t->r);
	art_buf_destroy(&t->r.body);
	art_buf_init(&t->r.body, t->max_body);
	t->header_bytes = 0;
	t->headers_ended = t->headers_too_large = t->body_too_large = false;
	t->private_refused = t->sending = t->paused = false;
	t->r.attempts++;
	art_copy(t->r.url, sizeof(t->r.url), t->url);
	set_limits(t, fill_headers(t));
	set_method(t);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_URL, t->url);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->list);
	curl_easy_setopt(e, CURLOPT_USERAGENT, user_agent);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
	/* Credentials in ~/.netrc are nobody's business here, and a proxy that the environment names would
	 * be the address connected to. */
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	return ART_OK;
}

/* ---- its end ----------------------------------------------------------------------------------- */

static void note_facts(struct transfer *t)
{
	curl_off_t total = 0, first = 0;
	long status = 0;
	char *ip = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total);
	curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
	t->r.status = status < 200 ? 0 : (int)status; /* 1xx announces an answer and is none */
	t->r.total_us += total;
	t->r.first_byte_us = first;
	art_copy(t->r.address, sizeof(t->r.address), ip ? ip : "");
}

/* libcurl's word for a header line beyond its own 100 KB, or many of them. */
static bool is_header_bomb(struct transfer *t, CURLcode code)
{
	return t->sending && !t->headers_ended &&
	       (code == CURLE_OUT_OF_MEMORY || (int)code == CODE_TOO_LARGE);
}

static enum http_trouble trouble_of(struct transfer *t, CURLcode code)
{
	if (code == CURLE_OK)
		return HTTP_ANSWERED;
	if (t->body_too_large || t->headers_too_large)
		return HTTP_BAD_ANSWER;
	if (!t->sending)
		return HTTP_NOT_SENT;
	switch ((int)code) {
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WRITE_ERROR:
		return t->piece_stopped ? HTTP_STOPPED : HTTP_BAD_ANSWER;
	}
	return HTTP_MAYBE_SENT;
}

static enum art_status explain(struct transfer *t, CURLcode code)
{
	struct http_url u = { { 0 }, { 0 }, { 0 }, 0 };

	(void)!http_url_parse(t->url, &u, NULL);
	if (t->private_refused)
		return art_fail(&t->err, ART_REFUSED,
				"%.150s: its address is private or of this machine", u.host);
	if (t->piece_stopped)
		return art_fail(&t->err, ART_CANCELLED, "%.150s: the answer was not taken", u.host);
	if (t->body_too_large)
		return art_fail(&t->err, ART_LIMIT, "%.150s: the answer is larger than %zu bytes",
				u.host, t->max_body);
	if (t->headers_too_large)
		return art_fail(&t->err, ART_LIMIT, "%.150s: the answer's headers are more than %d "
				"lines or %u bytes", u.host, HTTP_HEADERS_MAX, HTTP_HEADER_BYTES);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return art_fail(&t->err, ART_NET, "%.150s: no whole answer in time%s", u.host,
				t->r.trouble == HTTP_NOT_SENT ? " (not even a connection)" : "");
	return art_fail(&t->err, ART_NET, "%.120s port %d: %.100s", u.host, u.port,
			curl_easy_strerror(code));
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Whether the answer sends us on, and may. A redirect that is not followed is the answer. */
static bool redirect(struct transfer *t)
{
	char *to = NULL;
	bool safe = !strcmp(t->method, "GET") || !strcmp(t->method, "HEAD");

	if (!is_redirect(t->r.status) || !safe || t->r.redirects >= t->max_redirects)
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
	if (!to || !http_may_follow(t->url, to))
		return false;
	t->same_origin = t->same_origin && http_same_origin(t->url, to);
	t->refuse_private |= t->redirects_public && !t->same_origin;
	to = art_strdup(to);
	free(t->url);
	t->url = to;
	t->r.redirects++;
	t->r.attempts--; /* it counts again when it begins */
	t->start_at = 0;
	return true;
}

static bool retry(struct transfer *t)
{
	struct art_rng rng;
	struct http_facts f = {
		.trouble = t->r.trouble, .status = t->r.status, .idempotent = t->idempotent,
		.attempt = t->r.attempts, .attempts = t->attempts,
		.retry_after_ms = http_retry_after_ms(&t->r, art_now_us()),
		.left_ms = (t->deadline_mono_us - art_mono_us()) / 1000,
	};
	struct http_retry again;

	if (t->private_refused)
		return false;
	art_rng_seed(&rng, art_mix64(t->id, (uint64_t)art_mono_us()));
	f.jitter = art_rng_f64(&rng);
	again = http_retry_decide(&f);
	t->start_at = art_mono_us() + again.wait_ms * 1000;
	return again.again;
}

bool transfer_end(struct transfer *t, CURLcode code)
{
	bool on;

	/* libcurl takes a connection that closes amid the headers for the end of an answer. */
	if (code == CURLE_OK && !t->headers_ended)
		code = CURLE_PARTIAL_FILE;
	t->headers_too_large |= is_header_bomb(t, code);
	note_facts(t);
	t->r.trouble = trouble_of(t, code);
	t->status = code == CURLE_OK ? ART_OK : explain(t, code);
	/* An answer that names a private address is one that was not allowed to. */
	if (t->private_refused && t->r.redirects)
		t->r.trouble = HTTP_BAD_ANSWER;
	on = (code == CURLE_OK && redirect(t)) || retry(t);
	/* That this attempt left nothing says little when an earlier one did. */
	if (!on && t->r.trouble == HTTP_NOT_SENT && t->may_have_left)
		t->r.trouble = HTTP_MAYBE_SENT;
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	return !on;
}

void transfer_stop(struct transfer *t, enum art_status s, const char *why)
{
	struct http_url u = { { 0 }, { 0 }, { 0 }, 0 };

	(void)!http_url_parse(t->url, &u, NULL);
	if (t->easy) {
		note_facts(t);
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
	}
	if (!t->may_have_left)
		t->r.trouble = HTTP_NOT_SENT;
	else
		t->r.trouble = s == ART_CANCELLED ? HTTP_STOPPED : HTTP_MAYBE_SENT;
	t->status = art_fail(&t->err, s, "%.150s: %s", u.host, why);
}
