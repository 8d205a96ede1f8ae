/*
 * gate_http.h - the gate's words in HTTP: the headers that carry payments, and what is answered to one that buys nothing.
 *
 * Layer: worker/serve. Threads: any. Nothing is answered here. A line is a whole header, "Name: value"; the caller frees it. Sources: the HTTP
 * transports of x402 version 2 (PAYMENT-SIGNATURE, PAYMENT-REQUIRED, PAYMENT-RESPONSE) and 1 (X-PAYMENT, X-PAYMENT-RESPONSE).
 */
#ifndef WORKER_SERVE_GATE_HTTP_H
#define WORKER_SERVE_GATE_HTTP_H

#include "worker/serve/gate.h"
#include "worker/serve/httpd.h"

/* The payment that came with @r, in either version's header, readable or not. NULL: none; borrowed as httpd_header's. */
const char *gate_http_payment(const struct httpd_request *r);
/* gate_challenge, its header as a line. @line may be NULL; *line is untouched on failure. */
ART_MUST_USE enum art_status gate_http_challenge(const struct gate *g, const struct gate_item *item, const char *url, const char *error,
						 char **line, struct art_buf *body, struct art_err *err);
/* gate_response_header as a line, named as the sale's version has it. NULL: it does not fit, which takes a receipt of tens of KB. */
char *gate_http_response(const struct gate *g, const struct sale_row *sale, const char *receipt_json);

struct gate_refusal {
	int status;        /* 402: the challenge, @text its error; 0: no refusal, the payment is TAKEN or REPEATED */
	const char *extra; /* members beside "error", as httpd_error has them, or NULL */
	const char *text;  /* may be borrowed from what was refused */
};
struct gate_refusal gate_http_refusal(const struct gate_taken *t);

#endif
