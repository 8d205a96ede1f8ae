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
	http_done_fn done;
	void *arg;
	/* How it goes. */
	CURL *easy;                  /* NULL: waiting for start_at */
	struct curl_slist *list;
	int64_t start_at;            /* monotonic us */
	bool cancelled;
	struct http_response r;
	size_t header_bytes;
	bool body_too_large, headers_ended, headers_too_large, private_refused;
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
/* It ends now: cancelled, or its deadline passed while it waited. */
void transfer_stop(struct transfer *t, enum art_status s, const char *why);

/* Pure. */
bool http_address_is_private(const struct sockaddr *a);
bool http_same_origin(const char *a, const char *b);

#endif
