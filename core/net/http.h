/*
 * http.h - the one HTTP engine: a thread around one libcurl multi, many transfers at once.
 *
 * Layer: core; curl.h stays inside core/net. Threads: http_call and http_start from any thread;
 * callbacks run on the engine's thread, must be short and may not call http_call or http_close.
 * Everything that comes back is hostile: every transfer has a deadline, a ceiling for headers and one
 * for the body, and a redirect is followed only as often as the request says. Nothing of the environment
 * comes in: no proxy, no cookies, no .netrc.
 */
#ifndef CORE_NET_HTTP_H
#define CORE_NET_HTTP_H

#include "store/base.h"

#define HTTP_HEADERS_MAX 100         /* lines of an answer kept; more is LIMIT */
#define HTTP_HEADER_BYTES (64u << 10) /* all header lines of an answer */
#define HTTP_URL_MAX 2048

struct http;
struct http_options {
	const char *user_agent;  /* NULL: artui/VERSION */
	int max_connections;     /* at once; 0: 64 */
};
/* Call before other threads exist (it sets up libcurl). Owns: *out. */
ART_MUST_USE enum art_status http_open(struct http **out, const struct http_options *opt,
				       struct art_err *err);
/* Ends transfers (CANCELLED), joins the thread. NULL is fine. */
void http_close(struct http *h);

struct http_response;

/*
 * Takes a body as it comes, instead of having it kept: called on the engine's thread when status and headers are in @head (@n 0; PAUSE is TAKE
 * then), and with each piece; head's body stays empty. A piece that was not taken (PAUSE) comes again after http_resume, perhaps with more behind it;
 * a paused transfer costs nothing, and only its deadline ends it.
 */
enum http_flow { HTTP_FLOW_TAKE, HTTP_FLOW_PAUSE, HTTP_FLOW_STOP /* ends the transfer: CANCELLED */ };
typedef enum http_flow (*http_piece_fn)(void *arg, const struct http_response *head, const void *p,
					size_t n);

/* What to ask. Everything is copied by http_start; http_call borrows until it returns. */
struct http_request {
	const char *method;         /* NULL: GET; one word (else INVALID) */
	const char *url;            /* http or https */
	const char *const *headers; /* "Name: value" each; a control character is refused (INVALID) */
	int n_headers;
	const void *body;
	size_t body_len;
	int64_t deadline_ms;        /* for everything, retries and waits included; 0: 30 s */
	int64_t connect_ms;         /* one connection; 0: 10 s */
	int64_t idle_ms;            /* no byte in either direction for so long ends it; 0: the deadline */
	size_t max_body;            /* 0: 1 MiB */
	int max_redirects;          /* followed for GET and HEAD only; never from https to http;
	                             * Authorization and payment headers are not sent to another origin */
	int attempts;               /* 0: 1. More only for what http_retry_decide allows */
	bool idempotent;            /* asked twice is as good as once, though the method does not say so */
	bool refuse_private;        /* loopback, private, link-local, multicast addresses: judged on the
	                             * address connected to, after DNS and redirects (REFUSED) */
	bool plain_only_loopback;   /* http:// to anything but loopback is REFUSED */
	bool redirects_public;      /* as refuse_private, from the first redirect to another origin on */
	http_piece_fn piece;        /* with http_start's @arg; needs attempts 1 and no redirects; max_body is the whole's */
};

/* How a transfer ended, as facts for the retry decision and for payments. */
enum http_trouble {
	HTTP_ANSWERED,     /* a whole answer, whatever its status */
	HTTP_NOT_SENT,     /* no byte of the request can have left: DNS, connect, TLS, refused here */
	HTTP_MAYBE_SENT,   /* it broke or timed out after that: the other side may have acted */
	HTTP_BAD_ANSWER,   /* an answer over a ceiling or no HTTP: the other side has acted */
	HTTP_STOPPED,      /* cancelled here; may have been sent */
};

struct http_response {
	enum http_trouble trouble;
	int status;                     /* 0: none came */
	struct art_buf body;            /* what came of it, also when trouble */
	char *headers[HTTP_HEADERS_MAX]; /* "name: value", names lower-case, of the last answer, owned */
	int n_headers;
	char url[HTTP_URL_MAX];         /* of the last answer, after redirects */
	char address[64];               /* connected to; "" unknown */
	int redirects, attempts;
	int64_t total_us, first_byte_us;
};
void http_response_init(struct http_response *r);
void http_response_destroy(struct http_response *r);
/* The value of the first header @name (lower-case), borrowed; NULL when absent. */
const char *http_header(const struct http_response *r, const char *name);

/*
 * Ask and wait. OK when an answer came, whatever its status; @r is filled in every case and the
 * caller destroys it. Errors: NET (with the host), LIMIT, REFUSED, INVALID, CANCELLED when *cancel
 * (may be NULL; looked at ten times a second) became true; nothing is sent when it is so already.
 */
ART_MUST_USE enum art_status http_call(struct http *h, const struct http_request *q,
				       struct http_response *r, const bool *cancel,
				       struct art_err *err);

/* The same without waiting. @done gets the answer (it may take the body with art_buf_take); the
 * response is destroyed after it. Called exactly once unless http_start fails: INVALID, REFUSED, and
 * CANCELLED in a callback of http_close. Transfers begin in the order they came. */
typedef void (*http_done_fn)(void *arg, struct http_response *r, enum art_status s,
			     const struct art_err *err);
ART_MUST_USE enum art_status http_start(struct http *h, const struct http_request *q,
					http_done_fn done, void *arg, uint64_t *id,
					struct art_err *err);
void http_cancel(struct http *h, uint64_t id); /* unknown and finished ids are fine */
void http_resume(struct http *h, uint64_t id); /* after HTTP_FLOW_PAUSE; likewise */

/* Whether and when to ask again: a pure function over facts. */
struct http_facts {
	enum http_trouble trouble;
	int status;
	bool idempotent;         /* GET, HEAD, PUT, DELETE, OPTIONS, or the caller says so */
	int attempt, attempts;   /* so far, and allowed */
	int64_t retry_after_ms;  /* what the answer asked for; -1: nothing */
	int64_t left_ms;         /* of the deadline */
	double jitter;           /* [0, 1) */
};
struct http_retry {
	bool again;
	int64_t wait_ms;
};
struct http_retry http_retry_decide(const struct http_facts *f);
/* Retry-After (seconds or an HTTP date), RateLimit-Reset / X-RateLimit-Reset (seconds from now, unix
 * seconds or milliseconds). -1 when none is there or makes sense. @now_us: art_now_us. */
int64_t http_retry_after_ms(const struct http_response *r, int64_t now_us);

/* Of "https://host:port/path?query": scheme, host, port; pieces of the text. INVALID for user:password@,
 * other schemes, an empty host, control characters. */
struct http_url {
	char scheme[8], host[256], path[HTTP_URL_MAX];
	int port;
};
ART_MUST_USE enum art_status http_url_parse(const char *url, struct http_url *out,
					    struct art_err *err);
/* "localhost", 127.0.0.0/8, ::1 by name; no DNS. */
bool http_host_is_loopback(const char *host);

#endif
