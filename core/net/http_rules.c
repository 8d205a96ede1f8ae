/*
 * http_rules.c - what is decided about a request without a network: addresses, URLs, retries.
 *
 * Layer: core. Pure functions. Sources: RFC 9110 (Retry-After, idempotent methods), RFC 6890 and its
 * registries (special-purpose addresses), the RateLimit header drafts.
 */
#include "core/net/http_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WAIT_FIRST_MS 250
#define WAIT_MAX_MS 30000
#define RETRY_AFTER_MAX_MS (86400 * (int64_t)1000)

/* ---- addresses --------------------------------------------------------------------------------- */

static bool ipv4_is_private(uint32_t a)
{
	static const struct {
		uint32_t net;
		int bits;
	} nets[] = {
		{ 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
		{ 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 },
		{ 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 },
		{ 0xe0000000, 4 },  { 0xf0000000, 4 },
	};

	for (size_t i = 0; i < ART_COUNT(nets); i++)
		if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool ipv6_is_private(const uint8_t b[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	static const uint8_t zero[12];
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	/* Addresses that carry an IPv4 one are judged by it; ::, ::1 and ::a.b.c.d are local. */
	if (!memcmp(b, mapped, 12) || !memcmp(b, nat64, 12))
		return ipv4_is_private(be32(b + 12));
	if (!memcmp(b, zero, 12))
		return true;
	if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
		return ipv4_is_private(be32(b + 2));
	/* Nothing outside of 2000::/3 is public: fc00::/7, fe80::/10, ff00::/8 and what is not given. */
	if ((b[0] & 0xe0) != 0x20)
		return true;
	/* Teredo, documentation. */
	return be32(b) == 0x20010000 || be32(b) == 0x20010db8;
}

bool http_address_is_private(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ipv4_is_private(ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr));
	if (a->sa_family == AF_INET6)
		return ipv6_is_private(((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr);
	return true;
}

bool http_host_is_loopback(const char *host)
{
	struct in_addr a;
	struct in6_addr b;

	if (!strcasecmp(host, "localhost") || !strcmp(host, "[::1]"))
		return true;
	if (inet_pton(AF_INET, host, &a) == 1)
		return ntohl(a.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &b) == 1 && IN6_IS_ADDR_LOOPBACK(&b);
}

/* ---- URLs -------------------------------------------------------------------------------------- */

static bool take_part(CURLU *u, CURLUPart part, unsigned flags, char *out, size_t n)
{
	char *text = NULL;
	bool fits;

	if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
		return false;
	fits = art_copy(out, n, text);
	curl_free(text);
	return fits;
}

static bool has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return there;
}

static enum art_status take_url(CURLU *u, struct http_url *out, struct art_err *err)
{
	char port[8], query[HTTP_URL_MAX];
	int64_t n;
	size_t len;

	if (!take_part(u, CURLUPART_SCHEME, 0, out->scheme, sizeof(out->scheme)) ||
	    (strcmp(out->scheme, "http") && strcmp(out->scheme, "https")))
		return art_fail(err, ART_INVALID, "a URL must begin with http:// or https://");
	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
		return art_fail(err, ART_INVALID, "a URL may not hold a user name or password");
	if (!take_part(u, CURLUPART_HOST, 0, out->host, sizeof(out->host)) || !out->host[0])
		return art_fail(err, ART_INVALID, "the URL names no host");
	if (!take_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof(port)) ||
	    !art_parse_i64(port, &n) || n < 1 || n > 65535)
		return art_fail(err, ART_INVALID, "the URL's port is no number from 1 to 65535");
	out->port = (int)n;
	len = strlen(out->host);
	if (out->host[0] == '[' && out->host[len - 1] == ']') {
		memmove(out->host, out->host + 1, len - 2);
		out->host[len - 2] = 0;
	}
	if (!take_part(u, CURLUPART_PATH, 0, out->path, sizeof(out->path)))
		art_copy(out->path, sizeof(out->path), "/");
	len = strlen(out->path);
	if (take_part(u, CURLUPART_QUERY, 0, query, sizeof(query)))
		snprintf(out->path + len, sizeof(out->path) - len, "?%s", query);
	return ART_OK;
}

enum art_status http_url_parse(const char *url, struct http_url *out, struct art_err *err)
{
	struct http_url u = { { 0 }, { 0 }, { 0 }, 0 };
	const char *colon;
	enum art_status s;
	CURLU *h;

	if (!url || !*url)
		return art_fail(err, ART_INVALID, "the URL is empty");
	if (strlen(url) >= HTTP_URL_MAX)
		return art_fail(err, ART_INVALID, "the URL is longer than %d bytes", HTTP_URL_MAX - 1);
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return art_fail(err, ART_INVALID, "the URL holds a space, a control or a "
					"character outside of ASCII at byte %zu", (size_t)(p - url));
	/* libcurl takes one to three slashes, and so a piece of a path for the host. */
	colon = strchr(url, ':');
	if (!colon || strncmp(colon, "://", 3) || colon[3] == '/')
		return art_fail(err, ART_INVALID, "'%.150s' is no URL of the form https://host/path", url);
	h = curl_url();
	if (!h)
		art_die("out of memory");
	if (curl_url_set(h, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		s = art_fail(err, ART_INVALID, "'%.150s' is no URL", url);
	else
		s = take_url(h, &u, err);
	curl_url_cleanup(h);
	if (s == ART_OK)
		*out = u;
	return s;
}

bool http_same_origin(const char *a, const char *b)
{
	struct http_url x, y;

	return http_url_parse(a, &x, NULL) == ART_OK && http_url_parse(b, &y, NULL) == ART_OK &&
	       !strcmp(x.scheme, y.scheme) && !strcasecmp(x.host, y.host) && x.port == y.port;
}

bool http_may_follow(const char *from, const char *to)
{
	struct http_url x, y;

	return http_url_parse(from, &x, NULL) == ART_OK && http_url_parse(to, &y, NULL) == ART_OK &&
	       (!strcmp(x.scheme, "http") || !strcmp(y.scheme, "https"));
}

size_t http_token_len(const char *s, size_t n)
{
	static const char signs[] = "!#$%&'*+-.^_`|~";
	size_t i = 0;

	while (i < n && ((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') ||
			 (s[i] >= 'A' && s[i] <= 'Z') || memchr(signs, s[i], sizeof(signs) - 1)))
		i++;
	return i;
}

/* ---- asking again ------------------------------------------------------------------------------ */

static bool worth_it(const struct http_facts *f)
{
	switch (f->trouble) {
	case HTTP_NOT_SENT:
		return true;
	case HTTP_MAYBE_SENT:
		return f->idempotent;
	case HTTP_ANSWERED:
		return f->idempotent && (f->status == 408 || f->status == 429 || f->status == 500 ||
					 f->status == 502 || f->status == 503 || f->status == 504);
	case HTTP_BAD_ANSWER:
	case HTTP_STOPPED:
		break;
	}
	return false;
}

struct http_retry http_retry_decide(const struct http_facts *f)
{
	struct http_retry no = { false, 0 };
	int64_t wait = WAIT_FIRST_MS;

	if (f->attempt >= f->attempts || !worth_it(f))
		return no;
	for (int i = 1; i < f->attempt && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	wait = wait > WAIT_MAX_MS ? WAIT_MAX_MS : wait;
	/* Full jitter: many clients of a service that came back do not come back at once. */
	wait = (int64_t)((double)wait * f->jitter);
	if (f->retry_after_ms > wait)
		wait = f->retry_after_ms;
	if (wait >= f->left_ms)
		return no;
	return (struct http_retry){ true, wait };
}

/* "120", "1.5", or an HTTP date. -1: neither. */
static int64_t delay_ms(const char *s, int64_t now_us)
{
	double seconds;
	time_t at;

	if (art_parse_f64(s, &seconds))
		return seconds < 0 || seconds > 1e15 ? -1 : (int64_t)(seconds * 1000);
	at = curl_getdate(s, NULL);
	if (at < 0)
		return -1;
	return at * 1000 - now_us / 1000 < 0 ? 0 : at * 1000 - now_us / 1000;
}

/* Seconds from now, unix seconds or unix milliseconds, told apart by their size. */
static int64_t reset_ms(const char *s, int64_t now_us)
{
	int64_t ms = delay_ms(s, now_us);

	if (ms < 0)
		return -1;
	if (ms > 100000000000000) /* unix milliseconds, as read in seconds */
		ms = ms / 1000 - now_us / 1000;
	else if (ms > 1000000000000) /* unix seconds */
		ms -= now_us / 1000;
	return ms < 0 ? 0 : ms;
}

int64_t http_retry_after_ms(const struct http_response *r, int64_t now_us)
{
	static const char *const resets[] = { "ratelimit-reset", "x-ratelimit-reset",
					      "x-rate-limit-reset" };
	const char *value = http_header(r, "retry-after");
	int64_t ms = value ? delay_ms(value, now_us) : -1;

	for (size_t i = 0; i < ART_COUNT(resets) && ms < 0; i++) {
		value = http_header(r, resets[i]);
		if (value)
			ms = reset_ms(value, now_us);
	}
	return ms > RETRY_AFTER_MAX_MS ? -1 : ms;
}
