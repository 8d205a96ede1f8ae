/*
 * httpd.h - the HTTP server: one epoll thread of libmicrohttpd, requests handed out whole, answers given from any thread.
 *
 * Layer: worker/serve; microhttpd.h stays in httpd.c. Threads: @handle runs on the server's thread and must not wait: it
 * answers at once, or keeps the request and answers later from any thread (the connection sleeps meanwhile). A
 * request is answered exactly once; after the answer it is gone.
 *
 * Limits: connections in all and per address, header bytes, body bytes (413; of all at hand together 503), time for a whole request to arrive (slow
 * senders are closed), idle keep-alive time. A client that goes away while its request is kept is noticed by httpd_gone.
 */
#ifndef WORKER_SERVE_HTTPD_H
#define WORKER_SERVE_HTTPD_H

#include "store/base.h"

struct httpd;
struct httpd_request;

struct httpd_options {
	const char *listen;       /* "127.0.0.1:8080", "[::]:8080", ":8080", port 0: any */
	int max_connections;      /* 0: 2000. The process's limit of descriptors is raised for them; as many as it then allows */
	int max_per_address;      /* 0: 256; loopback is exempt */
	size_t max_body;          /* 0: 1 MiB */
	size_t max_bodies;        /* of all requests at hand together; 0: 256 MiB, or max_body when that is more */
	int read_timeout_s;       /* for a whole request; 0: 20 */
	void (*handle)(void *arg, struct httpd_request *r);
	void *arg;
};
/* Owns: *out. INVALID for an address that is none, IO when it is taken, with the address in words. */
ART_MUST_USE enum art_status httpd_open(struct httpd **out, const struct httpd_options *opt,
					struct art_err *err);
int httpd_port(const struct httpd *h);
/* Takes no new connections from now on; what is kept can still be answered. */
void httpd_quiesce(struct httpd *h);
/* Ends it: kept requests are dropped, their later answers ignored. NULL is fine. */
void httpd_close(struct httpd *h);

/* What was asked; borrowed until the answer. */
const char *httpd_method(const struct httpd_request *r);
const char *httpd_path(const struct httpd_request *r);  /* decoded once, starts with '/', no "." or ".." segment, no NUL */
const char *httpd_raw_path(const struct httpd_request *r); /* with the query, as sent */
const char *httpd_query(const struct httpd_request *r, const char *name); /* first; NULL */
const char *httpd_header(const struct httpd_request *r, const char *name); /* first, any case; NULL */
void httpd_each_header(const struct httpd_request *r,
		       void (*each)(void *arg, const char *name, const char *value), void *arg);
const char *httpd_body(const struct httpd_request *r, size_t *n); /* NUL-terminated */
const char *httpd_peer(const struct httpd_request *r);  /* address text without port */
bool httpd_gone(const struct httpd_request *r);

struct httpd_answer {
	int status;
	const char *content_type;               /* NULL: application/json; "": none, it may be among the headers */
	const char *const *headers;             /* "Name: value" */
	int n_headers;
	const void *body;                       /* copied */
	size_t len;
};
void httpd_answer(struct httpd_request *r, const struct httpd_answer *a);
/* {"error": text} and more members of one object, @extra "\"status\":\"busy\"" or NULL. */
void httpd_error(struct httpd_request *r, int status, const char *extra, const char *fmt, ...)
	ART_PRINTF(4, 5);
/* A file with Content-Length, ETag, Accept-Ranges, and one byte range when asked (206, 416). HEAD too. NOT_FOUND: nothing was
 * answered. */
ART_MUST_USE enum art_status httpd_file(struct httpd_request *r, const char *path,
					const char *content_type, const char *etag,
					struct art_err *err);
/*
 * A body that comes bit by bit (server-sent events, a proxied answer). @pull is called on the server's thread: it fills at most @n bytes and
 * returns how many, 0 for "not now" (httpd_stream_wake later), -1 for the end, -2 to break off. @free runs once at the end of it, also when the
 * client left.
 */
struct httpd_stream;
typedef long (*httpd_pull_fn)(void *arg, char *out, size_t n);
struct httpd_stream *httpd_stream(struct httpd_request *r, int status, const char *content_type,
				  const char *const *headers, int n_headers, int64_t length /* -1 unknown */,
				  httpd_pull_fn pull, void (*free_arg)(void *arg), void *arg);
void httpd_stream_wake(struct httpd_stream *s); /* any thread; only before @free ran */

#endif
