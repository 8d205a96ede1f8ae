/*
 * http_batch.h - many requests from one thread: put them in, take the answers as they come.
 *
 * Layer: core. Threads: a batch belongs to the thread that opened it; the transfers run on the HTTP
 * engine's. At most max_in_flight run at once, the rest waits here; their deadline counts from their own
 * start. Memory is bounded by max_in_flight times the largest max_body, plus the requests themselves.
 */
#ifndef CORE_NET_HTTP_BATCH_H
#define CORE_NET_HTTP_BATCH_H

#include "core/net/http.h"

struct http_batch;
/* @h is borrowed. Owns: *out. */
void http_batch_open(struct http_batch **out, struct http *h, int max_in_flight);
/* Cancels what runs and waits for it. NULL is fine. */
void http_batch_close(struct http_batch *b);

/* Everything is copied; @tag comes back with the answer. A request that cannot be (INVALID, REFUSED) comes
 * back as an answer too, so that each has exactly one end. */
void http_batch_add(struct http_batch *b, const struct http_request *q, void *tag);
size_t http_batch_left(const struct http_batch *b); /* not taken yet */

struct http_answer {
	void *tag;
	enum art_status status; /* as http_call's */
	struct art_err err;
	struct http_response response; /* owned: http_response_destroy */
};
/*
 * Waits for the next answer. NOT_FOUND: none is left. CANCELLED: *cancel (may be NULL) became true, looked at ten
 * times a second; NET: @until_us (art_mono_us; 0: no end) came first. Both leave the rest running.
 */
ART_MUST_USE enum art_status http_batch_next(struct http_batch *b, struct http_answer *out,
					     const bool *cancel, int64_t until_us,
					     struct art_err *err);

#endif
