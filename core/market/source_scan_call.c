/*
 * source_scan_call.c - requests to 8004scan within its budget and ours.
 *
 * Layer: core. Every request, a repeated one too, takes a token; a refusal's date is kept in the store, so that the next start
 * honours it as well.
 */
#include <stdio.h>
#include <string.h>

#include "core/market/source_scan.h"
#include "core/pay/wallet.h"

#define WAIT_MAX_US (7 * (int64_t)1000000) /* a token of ten a minute is six seconds away */
#define HOLD_US (60 * (int64_t)1000000)    /* after a refusal that says no date */
#define ATTEMPTS 3
#define REDIRECTS 3

/* ---- the key ------------------------------------------------------------------------------------- */

enum art_status scan_read_key(struct scan *c, struct art_err *err)
{
	struct wallet_password from = { .file = config_text(c->m->config, CONFIG_SCAN_KEY_FILE_KEY) };
	char text[KEYSTORE_PASSWORD_MAX];
	enum art_status s;
	size_t n;

	if (!*from.file)
		return ART_OK;
	s = wallet_password_read(&from, "", false, text, &n, err);
	if (s == ART_OK) {
		text[n] = 0;
		while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
			text[--n] = 0;
		if (!n || n > SCAN_KEY_MAX)
			s = art_fail(err, ART_INVALID, "%.150s: a key has 1 to %d characters", from.file, SCAN_KEY_MAX);
		for (size_t i = 0; i < n && s == ART_OK; i++)
			if (text[i] <= ' ' || text[i] >= 0x7f)
				s = art_fail(err, ART_INVALID, "%.150s: byte %zu is nothing a key is made of",
					     from.file, i);
	}
	if (s == ART_OK) {
		snprintf(c->api_key, sizeof(c->api_key), "X-API-Key: %.*s", SCAN_KEY_MAX, text);
		snprintf(c->bearer, sizeof(c->bearer), "Authorization: Bearer %.*s", SCAN_KEY_MAX, text);
	}
	explicit_bzero(text, sizeof(text));
	return s;
}

/* ---- one request, within the budget --------------------------------------------------------------- */

/* LIMIT when there is no token, and none soon. */
static enum art_status take_token(struct scan *c, bool may_wait, struct art_err *err)
{
	int64_t minute = config_int(c->m->config, CONFIG_SCAN_PER_MINUTE_KEY),
		day = config_int(c->m->config, CONFIG_SCAN_PER_DAY_KEY), wait = 0;
	enum art_status s = source_take(c->m->store, c->row->name, minute, day, &wait, err);

	if (s != ART_LIMIT || !may_wait || wait > WAIT_MAX_US)
		return s;
	market_say(c->m, "%s: waiting %.1f s for the budget", c->row->name, (double)wait / 1e6);
	s = market_sleep(c->m, wait + 1000, err);
	return s == ART_OK ? source_take(c->m->store, c->row->name, minute, day, &wait, err) : s;
}

static enum art_status call(struct scan *c, const char *url, struct http_response *out, struct art_err *err)
{
	const char *headers[3] = { "Accept: application/json" };
	struct http_request q = {
		.url = url, .headers = headers, .n_headers = 1, .max_body = SCAN_BODY_MAX,
		.max_redirects = REDIRECTS, .redirects_public = !market_allows_private(c->m),
		.deadline_ms = config_int(c->m->config, CONFIG_SCAN_TIMEOUT_S_KEY) * 1000,
	};

	if (c->api_key[0]) {
		q.plain_only_loopback = true; /* a key is not for everybody on the way */
		headers[q.n_headers++] = c->api_key;
		headers[q.n_headers++] = c->bearer;
	}
	return http_call(c->m->http, &q, out, c->m->cancel, err);
}

/* It asked us to be quiet: that is kept. OK when it is for a moment only, and the moment has passed. */
static enum art_status hold(struct scan *c, const struct http_response *r, bool may_wait, struct art_err *err)
{
	int64_t now = art_now_us(), until = scan_reset_at(r, now);
	char at[24];
	enum art_status s;

	until = until > now ? until : now + HOLD_US;
	until = until < now + SOURCE_HOLD_MAX_US ? until : now + SOURCE_HOLD_MAX_US;
	s = source_hold(c->m->store, c->row->name, until, err);
	if (s != ART_OK)
		return s;
	if (may_wait && until - now <= WAIT_MAX_US)
		return market_sleep(c->m, until - now + 1000, err);
	return art_fail(err, ART_LIMIT, "too many requests (HTTP 429): not asked again before %s",
			art_time_iso(until, at, sizeof(at)));
}

/* What fails at once is tried again; what ran into the timeout has had its time. */
static bool is_worth_repeating(enum art_status s, const struct http_response *r, int attempt, int64_t left_ms,
			       int64_t *wait_us)
{
	struct http_facts f = {
		.trouble = r->trouble, .status = r->status, .idempotent = true, .attempt = attempt,
		.attempts = ATTEMPTS, .retry_after_ms = -1, .left_ms = left_ms, .jitter = 0.5,
	};
	struct http_retry again = http_retry_decide(&f);

	*wait_us = again.wait_ms * 1000;
	return (s != ART_OK || r->status >= 500) && again.again;
}

enum art_status scan_not_limit(enum art_status s)
{
	return s == ART_LIMIT ? ART_INVALID : s;
}

enum art_status scan_get(struct scan *c, const char *url, struct http_response *out, bool may_wait,
			 struct art_err *err)
{
	int64_t until = art_mono_us() + config_int(c->m->config, CONFIG_SCAN_TIMEOUT_S_KEY) * 1000000;

	http_response_init(out);
	for (int attempt = 1;; attempt++) {
		struct art_err why = { 0 };
		int64_t wait;
		enum art_status s = take_token(c, may_wait, err);

		if (s != ART_OK)
			return s;
		http_response_destroy(out);
		s = call(c, url, out, &why);
		if (s == ART_OK && out->status == 429) {
			s = hold(c, out, may_wait && attempt < ATTEMPTS, err);
			if (s != ART_OK)
				return s;
			continue;
		}
		if (s == ART_CANCELLED ||
		    !is_worth_repeating(s, out, attempt, (until - art_mono_us()) / 1000, &wait))
			return s == ART_OK ? ART_OK : art_fail(err, scan_not_limit(s), "%s", why.text);
		s = market_sleep(c->m, wait, err);
		if (s != ART_OK)
			return s;
	}
}
