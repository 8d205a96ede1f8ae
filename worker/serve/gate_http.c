/*
 * gate_http.c - the gate's headers and refusals. See gate_http.h.
 */
#include "worker/serve/gate_http.h"

const char *gate_http_payment(const struct httpd_request *r)
{
	const char *v2 = httpd_header(r, "PAYMENT-SIGNATURE");

	return v2 ? v2 : httpd_header(r, "X-PAYMENT");
}

enum art_status gate_http_challenge(const struct gate *g, const struct gate_item *item, const char *url,
				    const char *error, char **line, struct art_buf *body, struct art_err *err)
{
	struct art_buf head;
	enum art_status s;

	art_buf_init(&head, X402_HEADER_MAX);
	s = gate_challenge(g, item, url, error, &head, body, err);
	if (s == ART_OK && line)
		*line = art_printf("PAYMENT-REQUIRED: %s", head.data);
	art_buf_destroy(&head);
	return s;
}

char *gate_http_response(const struct gate *g, const struct sale_row *sale, const char *receipt_json)
{
	struct art_buf head;
	char *line = NULL;

	art_buf_init(&head, X402_HEADER_MAX);
	if (gate_response_header(g, sale, receipt_json, &head, NULL) == ART_OK)
		line = art_printf("%s: %s", sale->x402_version == 1 ? "X-PAYMENT-RESPONSE" : "PAYMENT-RESPONSE", head.data);
	art_buf_destroy(&head);
	return line;
}

struct gate_refusal gate_http_refusal(const struct gate_taken *t)
{
	switch (t->outcome) {
	case GATE_TAKEN:
	case GATE_REPEATED:
		break;
	case GATE_NO_PAYMENT:
	case GATE_REFUSED:
		return (struct gate_refusal){ 402, NULL, t->error };
	case GATE_BAD:
		return (struct gate_refusal){ 400, "\"reason\":\"invalid_payment_header\"", t->error };
	case GATE_CONFLICT:
		return (struct gate_refusal){ 409, "\"status\":\"conflict\"", t->error };
	case GATE_UNAVAILABLE:
		return (struct gate_refusal){ 503, "\"reason\":\"facilitator_unreachable\",\"retriable\":true",
					      "the payment cannot be verified now, and was not taken" };
	}
	return (struct gate_refusal){ 0 };
}
