/*
 * gate_facilitator.c - verifying and settling through a facilitator over HTTP.
 *
 * Layer: worker/serve. Source: x402 specification, facilitator interface: POST /verify and /settle with
 * {x402Version, paymentPayload, paymentRequirements}; refusals come with status 200 too.
 */
#include <stdio.h>
#include <string.h>

#include "worker/serve/gate_private.h"

static void doubt(struct gate_verdict *out, const char *what)
{
	out->word = GATE_DOUBT;
	art_text_clean(out->reason, sizeof(out->reason), what, strlen(what), false);
}

/* The answer's JSON, or NULL with the doubt said. */
static struct json *post(struct gate *g, const char *path, int64_t deadline_ms, int version,
			 const char *payment, const char *requirement, struct gate_verdict *out)
{
	static const char *const headers[] = { "Content-Type: application/json", "Accept: application/json" };
	char url[HTTP_URL_MAX], text[X402_REASON_MAX];
	struct http_response r;
	struct art_err err = { 0 };
	struct json *j = NULL;
	struct art_buf body;
	struct http_request q = { .method = "POST", .url = url, .headers = headers, .n_headers = 2,
				  .deadline_ms = deadline_ms, .max_body = GATE_ANSWER_MAX, .plain_only_loopback = true };

	art_buf_init(&body, 3 * X402_HEADER_MAX);
	http_response_init(&r);
	snprintf(url, sizeof(url), "%s%s", g->facilitator, path);
	if (art_buf_printf(&body, "{\"x402Version\":%d,\"paymentPayload\":%s,\"paymentRequirements\":%s}", version,
			   payment, requirement) != ART_OK) {
		doubt(out, "the payment is too long for a facilitator");
		goto out;
	}
	q.body = body.data;
	q.body_len = body.len;
	if (http_call(g->opt.http, &q, &r, NULL, &err) != ART_OK) {
		doubt(out, err.text);
		goto out;
	}
	if (json_parse(&j, r.body.data ? r.body.data : "", r.body.len, GATE_ANSWER_MAX, NULL) != ART_OK ||
	    !json_is_object(j)) {
		json_free(j);
		j = NULL;
		snprintf(text, sizeof(text), "the facilitator answered %d without JSON", r.status);
		doubt(out, text);
	}
out:
	art_buf_destroy(&body);
	http_response_destroy(&r);
	return j;
}

static void take_reason(const struct json *j, const char *key, const char *otherwise, struct gate_verdict *out)
{
	const char *s = json_str(json_get(j, key));

	if (!s || !*s)
		s = otherwise;
	art_text_clean(out->reason, sizeof(out->reason), s, strlen(s), false);
}

/* true, false, or neither. */
static bool is_bool(const struct json *j)
{
	return json_bool(j, true) == json_bool(j, false);
}

void facilitator_verify(struct gate *g, int version, const char *payment, const char *requirement,
			struct gate_verdict *out)
{
	struct json *j;
	const struct json *valid;

	memset(out, 0, sizeof(*out));
	j = post(g, "/verify", GATE_VERIFY_MS, version, payment, requirement, out);
	if (!j)
		return;
	valid = json_get(j, "isValid");
	if (!is_bool(valid)) {
		doubt(out, "the facilitator's answer does not say whether the payment is valid");
	} else if (json_bool(valid, false)) {
		out->word = GATE_YES;
	} else {
		out->word = GATE_NO;
		take_reason(j, "invalidReason", "the facilitator calls the payment invalid", out);
	}
	json_free(j);
}

void facilitator_settle(struct gate *g, int version, const char *payment, const char *requirement,
			struct gate_verdict *out)
{
	const char *tx;
	struct eth_word word;
	struct json *j;
	const struct json *success;

	memset(out, 0, sizeof(*out));
	j = post(g, "/settle", GATE_SETTLE_MS, version, payment, requirement, out);
	if (!j)
		return;
	success = json_get(j, "success");
	tx = json_str(json_get(j, "transaction"));
	if (tx && eth_word_parse(tx, &word))
		eth_word_text(&word, out->transaction);
	if (!is_bool(success)) {
		doubt(out, "the facilitator's answer does not say whether it settled");
	} else if (json_bool(success, false)) {
		out->word = GATE_YES;
	} else {
		take_reason(j, "errorReason", "the facilitator could not settle", out);
		/* A transaction that is on its way can still bring the money. */
		out->word = out->transaction[0] || strstr(out->reason, "pending") ? GATE_DOUBT : GATE_NO;
	}
	json_free(j);
}
