/*
 * sell.h - any local HTTP service behind the gate: a proxy that takes the money.
 *
 * Layer: worker/serve. Threads: as serve.h. Methods, paths, queries, bodies and headers go through as they are, less the hop-by-hop ones and
 * everything about payments; the service learns who paid (X-Payment-Payer). Answers go through as they come (server-sent events too).
 *
 * When is it settled? The service's answer decides: a status of 400 and above is passed on and nothing is charged; so is a service that breaks
 * before its answer is whole or SELL_HELD bytes of it are here. Events (text/event-stream, application/x-ndjson) are charged with their
 * headers, everything else once it is whole or too large to be held. A client that left before that is charged for a whole answer alone. With
 * upfront the money comes first, whatever the answer.
 *
 * The same payment for the same request again gets the same answer, for a while: 64 whole ones are kept, ten minutes each. Where a payment was
 * taken and no answer could be had, it buys one more try.
 */
#ifndef WORKER_SERVE_SELL_H
#define WORKER_SERVE_SELL_H

#include "worker/serve/gate.h"

#define SELL_HELD (256u << 10)
#define SELL_FREE_MAX 48

struct sell_options {
	const char *name;            /* all borrowed until sell_close */
	const char *listen, *upstream; /* an http(s) base without a query */
	const char *public_url;      /* NULL: as clients name it */
	const char *description;     /* NULL: the name */
	struct usdc price;
	struct gate *gate;
	const char *network, *pay_to; /* for people */
	enum gate_settle settle;
	const char *const *free_paths; /* exact, or a prefix that ends with '*'; NULL-terminated; NULL: /health */
	size_t max_body;             /* of a request; 0: 10 MiB */
	int64_t timeout_s;           /* for the service's whole answer; 0: 600 */
	int64_t idle_s;              /* without a byte from it; 0: 120 */
	int64_t grace_ms;            /* at the end, for what is under way */
	struct http *http;           /* for the service alone: with the gate's, slow answers would keep it from settling */
	const char *db;
	struct bell *bell;
	void (*say)(void *arg, const char *line); /* from any thread, one at a time */
	void *arg;
};
struct sell;
/* Owns: *out. BUSY: another seller of this name has the store. */
ART_MUST_USE enum art_status sell_open(struct sell **out, const struct sell_options *opt,
				       struct art_err *err);
int sell_port(const struct sell *s);
/* Takes nothing new; what is under way has grace_ms, then is broken off, and what was not settled is not charged. NULL is fine. */
void sell_close(struct sell *s);

#endif
