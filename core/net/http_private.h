/*
 * http_private.h - one transfer, and the rules it is held to. Private to core/net.
 */
#ifndef CORE_NET_HTTP_PRIVATE_H
#define CORE_NET_HTTP_PRIVATE_H

#include <curl/curl.h>
#include <netinet/in.h>

#include "core/net/http.h"

struct transfer {
	struct transfer *next;
	uint64_t id;
	/* What was asked, owned. */
	char *method, *url;          /* url changes with redirects */
	char **headers;
	int n_headers;
	char *body;
	size_t body_len;
	int64_t connect_ms, idle_ms, deadline_mono_us;
	size_t max_body;
	int max_redirects, attempts;
	bool refuse_private, plain_only_loopback, idempotent, same_origin;
	bool redirects_public;
	http_done_fn done;
	http_piece_fn piece;
	void *arg;
	/* How it goes. */
	CURL *easy;                  /* NULL: waiting for start_at */
	struct curl_slist *list;
	int64_t start_at;            /* monotonic us */
	bool cancelled;
	struct http_response r;
	size_t header_bytes;
	bool body_too_large, headers_ended, headers_too_large, private_refused;
	size_t passed;               /* bytes of the body that piece took */
	bool paused, piece_stopped;
	bool sending;                /* this handle came to the point of sending */
	bool may_have_left;          /* this or an earlier one did */
	int64_t moved, moved_at;     /* bytes so far, and when (monotonic us) that last changed */
	enum art_status status;
	struct art_err err;
};

/* INVALID or REFUSED before anything is done. Owns: *out. */
ART_MUST_USE enum art_status transfer_new(struct transfer **out, const struct http_request *q,
					  struct art_err *err);
void transfer_free(struct transfer *t);
/* A new easy handle for the present url. */
ART_MUST_USE enum art_status transfer_begin(struct transfer *t, const char *user_agent);
/*
 * The handle ended with @code. True: it is over and t->r, t->status, t->err say how. False: it goes on
 * at t->start_at (a redirect or a retry). The easy handle is gone either way.
 */
bool transfer_end(struct transfer *t, CURLcode code);
/* It ends now: cancelled, or it took too long. @why completes the sentence "host: ...". */
void transfer_stop(struct transfer *t, enum art_status s, const char *why);
/* Monotonic us at which it is to be ended as late; while bytes flow it moves on. */
int64_t transfer_late_at(struct transfer *t);

/* Pure. */
bool http_address_is_private(const struct sockaddr *a);
bool http_same_origin(const char *a, const char *b);
/* Whether a redirect may lead from @from to @to: http or https, and never from https to http. */
bool http_may_follow(const char *from, const char *to);
/* How many of the @n bytes begin a token of RFC 9110: what a method or a header's name is made of. */
size_t http_token_len(const char *s, size_t n);

#endif
