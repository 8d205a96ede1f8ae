/*
 * registration_locate.c - where a registration document lies: in its URI, or at a URL.
 *
 * Layer: core. Pure functions. Sources: RFC 2397 (data:), the fetch standard's forgiving reading of it, the
 * CID specification (text forms of content identifiers).
 */
#include "core/market/registration.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/net/http.h"
#include "core/pay/x402.h" /* base64 */

/* ---- data: ------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at s[*i], a percent sign and two digits being one; *i moves behind it. A lone '%' is itself:
 * documents are put into URIs by hand. */
static char next_byte(const char *s, size_t len, size_t *i)
{
	char c = s[(*i)++];

	if (c != '%' || len - *i < 2 || hex_digit(s[*i]) < 0 || hex_digit(s[*i + 1]) < 0)
		return c;
	c = (char)(hex_digit(s[*i]) * 16 + hex_digit(s[*i + 1]));
	*i += 2;
	return c;
}

static enum art_status too_large(struct art_err *err)
{
	return art_fail(err, ART_LIMIT, "the document in the URI is larger than %u bytes", REGISTRATION_MAX);
}

/* Percent-decoded bytes of @s into @out, without white space when @digits. */
static enum art_status unescape(struct art_buf *out, const char *s, size_t len, bool digits, size_t max,
				struct art_err *err)
{
	char part[512];
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		char c = next_byte(s, len, &i);

		if (!digits || !strchr(" \t\r\n\f", c) || !c)
			part[n++] = c;
		if (n < sizeof(part) && i < len)
			continue;
		if (n > max - out->len || art_buf_add(out, part, n) != ART_OK)
			return too_large(err);
		n = 0;
	}
	return ART_OK;
}

static enum art_status decode_base64(struct art_buf *out, const char *s, size_t len, struct art_err *err)
{
	size_t digits_max = REGISTRATION_MAX / 3 * 4 + 4;
	struct art_buf digits;
	enum art_status st;

	art_buf_init(&digits, digits_max);
	st = unescape(&digits, s, len, true, digits_max, err);
	if (st == ART_OK && !base64_decode(digits.data ? digits.data : "", digits.len, out))
		st = out->len == out->max ? too_large(err)
					  : art_fail(err, ART_INVALID, "the data: URI says base64, but is not");
	if (st == ART_OK && out->len > REGISTRATION_MAX)
		st = too_large(err);
	art_buf_destroy(&digits);
	return st;
}

/* Whether the part of a data: URI before its comma ends in ";base64". */
static bool says_base64(const char *head, size_t n)
{
	static const char word[] = "base64";

	while (n && head[n - 1] == ' ')
		n--;
	if (n < strlen(word) || strncasecmp(head + n - strlen(word), word, strlen(word)) != 0)
		return false;
	n -= strlen(word);
	while (n && head[n - 1] == ' ')
		n--;
	return n && head[n - 1] == ';';
}

/* @rest: behind "data:". */
static enum art_status decode_data(struct art_buf *out, const char *rest, size_t len, struct art_err *err)
{
	const char *comma = memchr(rest, ',', len);
	enum art_status st;
	size_t head;

	if (!comma)
		return art_fail(err, ART_INVALID, "the data: URI has no comma before its content");
	head = (size_t)(comma - rest);
	st = says_base64(rest, head)
		     ? decode_base64(out, comma + 1, len - head - 1, err)
		     : unescape(out, comma + 1, len - head - 1, false, REGISTRATION_MAX, err);
	if (st == ART_OK && out->len >= 2 && !memcmp(out->data, "\x1f\x8b", 2))
		st = art_fail(err, ART_UNSUPPORTED, "the document in the data: URI is compressed (gzip)");
	return st;
}

/* ---- ipfs: ------------------------------------------------------------------------- */

static bool all_of(const char *s, size_t n, const char *alphabet)
{
	for (size_t i = 0; i < n; i++)
		if (!s[i] || !strchr(alphabet, s[i]))
			return false;
	return true;
}

/* A content identifier as text: version 0, or version 1 in the bases that are in use. A gateway decodes it. */
static bool is_cid(const char *s, size_t n)
{
	static const char base58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	static const struct {
		char prefix;
		const char *alphabet;
	} bases[] = {
		{ 'b', "abcdefghijklmnopqrstuvwxyz234567" },
		{ 'B', "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" },
		{ 'f', "0123456789abcdef" },
		{ 'F', "0123456789ABCDEF" },
		{ 'k', "0123456789abcdefghijklmnopqrstuvwxyz" },
		{ 'z', base58 },
	};

	if (n == 46 && !memcmp(s, "Qm", 2))
		return all_of(s, n, base58);
	if (n < 8 || n > 128)
		return false;
	for (size_t i = 0; i < ART_COUNT(bases); i++)
		if (s[0] == bases[i].prefix)
			return all_of(s + 1, n - 1, bases[i].alphabet);
	return false;
}

/* A path below a CID that stays below it at any gateway: no "." or "..", nothing that becomes one by
 * decoding. */
static bool is_safe_path(const char *s, size_t n)
{
	for (size_t i = 0, from = 0; i <= n; i++) {
		if (i < n && s[i] != '/') {
			if (s[i] == '%') {
				int hi = n - i > 2 ? hex_digit(s[i + 1]) : -1;
				int lo = hi < 0 ? -1 : hex_digit(s[i + 2]);
				int c = lo < 0 ? 0 : hi * 16 + lo;

				if (c < ' ' || c == 0x7f || c == '.' || c == '/' || c == '\\' || c == '%')
					return false;
			} else if (!isalnum((unsigned char)s[i]) && !strchr("-_.~!$&'()*+,;=:@", s[i])) {
				return false;
			}
			continue;
		}
		if ((i - from == 1 && s[from] == '.') || (i - from == 2 && !memcmp(s + from, "..", 2)))
			return false;
		from = i + 1;
	}
	return true;
}

/* @rest: behind "ipfs://". */
static enum art_status locate_ipfs(const char *rest, size_t len, const char *gateway, char *url,
				   size_t url_size, struct art_err *err)
{
	size_t n;
	int wrote;

	if (len >= 5 && !memcmp(rest, "ipfs/", 5)) {
		rest += 5;
		len -= 5;
	}
	for (n = 0; n < len && rest[n] != '/'; n++)
		;
	if (!is_cid(rest, n))
		return art_fail(err, ART_INVALID, "the ipfs:// URI names no content identifier");
	if (!is_safe_path(rest + n, len - n))
		return art_fail(err, ART_INVALID, "the ipfs:// URI has a path that cannot be asked for safely");
	if (!gateway || !*gateway)
		return art_fail(err, ART_UNSUPPORTED, "an ipfs:// document needs a gateway (market.ipfs_gateway)");
	if (len >= HTTP_URL_MAX)
		return art_fail(err, ART_LIMIT, "the ipfs:// URI is longer than %d bytes", HTTP_URL_MAX - 1);
	wrote = snprintf(url, url_size, "%s%s%.*s", gateway, gateway[strlen(gateway) - 1] == '/' ? "" : "/",
			 (int)len, rest);
	if (wrote < 0 || (size_t)wrote >= url_size)
		return art_fail(err, ART_LIMIT, "the ipfs:// URI and its gateway are too long");
	return ART_OK;
}

/* ---- where it lies -------------------------------------------------------------------------------- */

/* Length of "scheme" before its colon; 0 none. */
static size_t scheme_length(const char *s, size_t len)
{
	size_t n = 0;

	if (!len || !isalpha((unsigned char)s[0]))
		return 0;
	while (n < len && (isalnum((unsigned char)s[n]) || (s[n] && strchr("+-.", s[n]))))
		n++;
	return n < len && s[n] == ':' && n <= 20 ? n : 0;
}

static bool begins(const char *s, size_t len, const char *word)
{
	return len >= strlen(word) && !strncasecmp(s, word, strlen(word));
}

static enum art_status locate_http(const char *uri, size_t len, char *url, size_t url_size, struct art_err *err)
{
	if (len >= url_size || len >= HTTP_URL_MAX)
		return art_fail(err, ART_LIMIT, "the document's URL is longer than %d bytes", HTTP_URL_MAX - 1);
	memcpy(url, uri, len);
	url[len] = '\0';
	return ART_OK;
}

/* A URL that is about to be asked for is one. */
static enum art_status check_url(char *url, struct art_err *err)
{
	struct art_err why = { 0 };
	struct http_url parts;

	if (http_url_parse(url, &parts, &why) == ART_OK)
		return ART_OK;
	url[0] = '\0';
	return art_fail(err, ART_INVALID, "the document's address: %.200s", why.text);
}

static enum art_status locate_elsewhere(const char *uri, size_t len, struct art_err *err)
{
	size_t n = scheme_length(uri, len);

	if (!n)
		return art_fail(err, ART_INVALID, "what the registry names is neither a URI nor a document");
	if (begins(uri, len, "http:") || begins(uri, len, "https:") || begins(uri, len, "ipfs:"))
		return art_fail(err, ART_INVALID, "the document's URI has no // behind %.*s:", (int)n, uri);
	return art_fail(err, ART_UNSUPPORTED, "documents at %.*s: are not fetched", (int)n, uri);
}

enum art_status registration_locate(const char *uri, size_t len, const char *gateway,
				    enum registration_place *place, char *url, size_t url_size,
				    struct art_buf *inline_doc, struct art_err *err)
{
	enum art_status st;

	ART_BUG_ON(!url_size);
	url[0] = '\0';
	art_buf_reset(inline_doc);
	*place = REGISTRATION_NOWHERE;
	while (len && uri[0] && strchr(" \t\r\n", uri[0])) {
		uri++;
		len--;
	}
	while (len && uri[len - 1] && strchr(" \t\r\n", uri[len - 1]))
		len--;
	if (!len)
		return ART_OK;
	if (memchr(uri, '\0', len))
		return art_fail(err, ART_INVALID, "the document's URI holds a NUL");
	if (uri[0] == '{') {
		*place = REGISTRATION_INLINE;
		if (len > REGISTRATION_MAX || art_buf_add(inline_doc, uri, len) != ART_OK)
			return too_large(err);
		return ART_OK;
	}
	if (begins(uri, len, "data:")) {
		*place = REGISTRATION_INLINE;
		return decode_data(inline_doc, uri + 5, len - 5, err);
	}
	if (begins(uri, len, "ipfs://"))
		st = locate_ipfs(uri + 7, len - 7, gateway, url, url_size, err);
	else if (begins(uri, len, "https://") || begins(uri, len, "http://"))
		st = locate_http(uri, len, url, url_size, err);
	else
		return locate_elsewhere(uri, len, err);
	if (st == ART_OK)
		st = check_url(url, err);
	if (st == ART_OK)
		*place = REGISTRATION_AT_URL;
	else
		url[0] = '\0';
	return st;
}
