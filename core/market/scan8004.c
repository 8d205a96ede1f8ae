/*
 * scan8004.c - 8004scan's two APIs and their clones: what is asked, and when it may be asked again.
 *
 * Layer: core. Pure functions.
 */
#include "core/market/scan8004.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/chain/u256.h"
#include "core/market/scan8004_private.h"

#define LIMIT_MAX 100                      /* rows of a page that the services give */
#define RESET_MAX_US (25 * 3600 * INT64_C(1000000)) /* windows are a day at most; later is nonsense */

/* ---- URLs ------------------------------------------------------------------------------------ */

static void put_escaped(struct art_buf *b, const char *s, bool *fits)
{
	char c[4];

	for (; *s && *fits; s++) {
		if (isalnum((unsigned char)*s) || strchr("-_.~", *s))
			*fits = art_buf_add(b, s, 1) == ART_OK;
		else
			*fits = snprintf(c, sizeof(c), "%%%02X", (unsigned char)*s) == 3 &&
				art_buf_add(b, c, 3) == ART_OK;
	}
}

/* "?key=value", or "&" when something is there already. */
static void put_param(struct art_buf *b, bool *fits, const char *key, const char *value)
{
	char mark = b->data && strchr(b->data, '?') ? '&' : '?';

	*fits = *fits && art_buf_printf(b, "%c%s=", mark, key) == ART_OK;
	put_escaped(b, value, fits);
}

static void put_number(struct art_buf *b, bool *fits, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	put_param(b, fits, key, text);
}

static enum art_status put_base(struct art_buf *b, const char *base, bool *fits, struct art_err *err)
{
	size_t n = strlen(base);
	struct http_url parts;

	if (http_url_parse(base, &parts, err) != ART_OK)
		return ART_INVALID;
	if (strpbrk(base, "?#"))
		return art_fail(err, ART_INVALID, "the index's address has a query in it");
	while (n && base[n - 1] == '/')
		n--;
	*fits = art_buf_add(b, base, n) == ART_OK;
	return ART_OK;
}

static enum art_status finish_url(struct art_buf *b, bool fits, char out[HTTP_URL_MAX], struct art_err *err)
{
	fits = fits && b->data && art_copy(out, HTTP_URL_MAX, b->data);
	art_buf_destroy(b);
	if (!fits)
		out[0] = '\0';
	return fits ? ART_OK
		    : art_fail(err, ART_LIMIT, "the index's URL is longer than %d bytes", HTTP_URL_MAX - 1);
}

int scan_limit(const struct scan_ask *ask)
{
	return ask->limit < 1 ? 1 : ask->limit > LIMIT_MAX ? LIMIT_MAX : ask->limit;
}

int64_t scan_page_number(const struct scan_ask *ask)
{
	int64_t last = INT64_MAX / LIMIT_MAX - 1;

	return ask->page < 0 ? 0 : ask->page > last ? last : ask->page;
}

static void put_public(struct art_buf *b, bool *fits, const struct scan_ask *ask)
{
	put_number(b, fits, "page", scan_page_number(ask) + 1);
	put_number(b, fits, "limit", scan_limit(ask));
	if (ask->chain_id)
		put_number(b, fits, "chainId", (int64_t)ask->chain_id);
	if (ask->testnet)
		put_param(b, fits, "isTestnet", "true");
	if (ask->oasf_only)
		put_param(b, fits, "protocol", "OASF");
	if (ask->skill)
		put_param(b, fits, "search", ask->skill);
}

static void put_backend(struct art_buf *b, bool *fits, const struct scan_ask *ask)
{
	put_number(b, fits, "limit", scan_limit(ask));
	put_number(b, fits, "offset", scan_page_number(ask) * scan_limit(ask));
	if (ask->chain_id)
		put_number(b, fits, "chain_id", (int64_t)ask->chain_id);
	if (ask->testnet)
		put_param(b, fits, "is_testnet", "true");
	if (ask->oasf_only)
		put_param(b, fits, "has_oasf", "true");
	if (ask->skill)
		put_param(b, fits, "oasf_skill", ask->skill);
}

enum art_status scan_list_url(enum scan_api api, const char *base, const struct scan_ask *ask,
			      char out[HTTP_URL_MAX], struct art_err *err)
{
	struct art_buf b;
	bool fits = false;
	enum art_status s;

	out[0] = '\0';
	art_buf_init(&b, HTTP_URL_MAX);
	s = put_base(&b, base, &fits, err);
	if (s != ART_OK) {
		art_buf_destroy(&b);
		return s;
	}
	fits = fits && art_buf_printf(&b, "/agents") == ART_OK;
	switch (api) {
	case SCAN_PUBLIC:
		put_public(&b, &fits, ask);
		break;
	case SCAN_BACKEND:
		put_backend(&b, &fits, ask);
		break;
	}
	return finish_url(&b, fits, out, err);
}

enum art_status scan_detail_url(enum scan_api api, const char *base, const struct agent_key *key,
				char out[HTTP_URL_MAX], struct art_err *err)
{
	struct art_buf b;
	struct u256 token;
	bool fits = false;
	enum art_status s;

	(void)api; /* both have it at the same place */
	out[0] = '\0';
	if (!key->chain_id || !u256_parse(key->token_id, &token))
		return art_fail(err, ART_INVALID, "an agent without a chain or a number cannot be asked for");
	art_buf_init(&b, HTTP_URL_MAX);
	s = put_base(&b, base, &fits, err);
	if (s != ART_OK) {
		art_buf_destroy(&b);
		return s;
	}
	fits = fits && art_buf_printf(&b, "/agents/%llu/%s", (unsigned long long)key->chain_id,
				      key->token_id) == ART_OK;
	return finish_url(&b, fits, out, err);
}

/* ---- when to ask again ----------------------------------------------------------------------- */

/* Seconds from now, unix seconds or unix milliseconds, told apart by their size; 0 none of it. */
static int64_t moment_of(double v, int64_t now_us)
{
	if (!(v > 0) || v > 9e12)
		return 0;
	if (v > 1e11)
		return (int64_t)(v * 1e3);
	if (v > 1e9)
		return (int64_t)(v * 1e6);
	return v > 1e6 ? 0 : now_us + (int64_t)(v * 1e6);
}

/* A moment in the text @s. */
static int64_t moment_in(const char *s, int64_t now_us)
{
	int64_t us;
	double v;

	if (art_parse_f64(s, &v))
		return moment_of(v, now_us);
	return art_parse_time(s, &us) ? us : 0;
}

/* One that is still to come and not absurdly far away; 0 otherwise. */
static int64_t to_come(int64_t at, int64_t now_us)
{
	return at > now_us && at - now_us <= RESET_MAX_US ? at : 0;
}

static int64_t moment_of_header(const struct http_response *r, const char *name, int64_t now_us)
{
	const char *value = http_header(r, name);
	int64_t at = value ? moment_in(value, now_us) : 0;

	return to_come(at, now_us);
}

static int64_t moment_of_json(const struct json *obj, int64_t now_us)
{
	static const char *const keys[] = { "retry_after", "retryAfter", "resetAt", "reset_at" };

	for (size_t i = 0; i < ART_COUNT(keys); i++) {
		const struct json *j = json_get(obj, keys[i]);
		int64_t at = json_str(j) ? moment_in(json_str(j), now_us) : moment_of(json_num(j).v, now_us);

		at = to_come(at, now_us);
		if (at)
			return at;
	}
	return 0;
}

static int64_t moment_of_body(const struct http_response *r, int64_t now_us)
{
	struct json *root = NULL;
	int64_t at = 0;

	if (!r->body.len || json_parse(&root, r->body.data, r->body.len, SCAN_ERROR_MAX, NULL) != ART_OK)
		return 0;
	const struct json *places[] = { json_get(json_get(root, "error"), "details"), json_get(root, "error"),
					json_get(root, "detail"), root };

	for (size_t i = 0; i < ART_COUNT(places) && !at; i++)
		at = moment_of_json(places[i], now_us);
	json_free(root);
	return at;
}

int64_t scan_reset_at(const struct http_response *r, int64_t now_us)
{
	static const char *const names[] = { "retry-after", "x-ratelimit-reset", "ratelimit-reset",
					     "x-rate-limit-reset" };
	int64_t at = 0, ms;

	for (size_t i = 0; i < ART_COUNT(names) && !at; i++) {
		const char *value = http_header(r, names[i]);
		bool is_date = value && !i && isalpha((unsigned char)*value);

		/* A date of HTTP's own kind is the HTTP engine's to read. */
		ms = is_date ? http_retry_after_ms(r, now_us) : -1;
		at = ms > 0 ? to_come(now_us + ms * 1000, now_us) : moment_of_header(r, names[i], now_us);
	}
	return at ? at : moment_of_body(r, now_us);
}
