/*
 * hex.c - hex text, addresses and 32-byte words.
 *
 * Layer: core.
 */
#include "core/chain/hex.h"

#include <string.h>

#include "core/chain/keccak.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static const char *skip_prefix(const char *s)
{
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? s + 2 : s;
}

bool hex_decode_some(const char *s, uint8_t *out, size_t max, size_t *n)
{
	size_t len;

	if (!s)
		return false;
	s = skip_prefix(s);
	len = strlen(s);
	if (len % 2 || len / 2 > max)
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		int hi = digit(s[2 * i]), lo = digit(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	*n = len / 2;
	return true;
}

bool hex_decode(const char *s, uint8_t *out, size_t n)
{
	size_t got;

	/* The length first: a text that is too short must not leave half an answer behind. */
	return s && strlen(skip_prefix(s)) == 2 * n && hex_decode_some(s, out, n, &got);
}

static void put_digits(const uint8_t *p, size_t n, char *to)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		to[2 * i] = digits[p[i] >> 4];
		to[2 * i + 1] = digits[p[i] & 15];
	}
}

const char *hex_encode(const uint8_t *p, size_t n, char *buf)
{
	memcpy(buf, "0x", 2);
	put_digits(p, n, buf + 2);
	buf[2 * n + 2] = 0;
	return buf;
}

enum art_status hex_append(struct art_buf *b, const uint8_t *p, size_t n)
{
	char part[256];
	size_t before = b->len;
	enum art_status s = art_buf_add(b, "0x", 2);

	while (n && s == ART_OK) {
		size_t k = n < sizeof(part) / 2 ? n : sizeof(part) / 2;

		put_digits(p, k, part);
		s = art_buf_add(b, part, 2 * k);
		p += k;
		n -= k;
	}
	if (s != ART_OK && b->data) {
		b->len = before;
		b->data[before] = 0;
	}
	return s;
}

/* EIP-55: a digit's case is the corresponding bit of the hash of the lower-case digits. */
const char *eth_address_text(const struct eth_address *a, char buf[ETH_ADDRESS_TEXT])
{
	struct eth_word h;

	hex_encode(a->b, sizeof(a->b), buf);
	h = keccak256(buf + 2, 40);
	for (int i = 0; i < 40; i++) {
		int nibble = i % 2 ? h.b[i / 2] & 15 : h.b[i / 2] >> 4;

		if (buf[2 + i] >= 'a' && nibble >= 8)
			buf[2 + i] = (char)(buf[2 + i] - 'a' + 'A');
	}
	return buf;
}

enum art_status eth_address_parse(const char *s, struct eth_address *out, struct art_err *err)
{
	struct eth_address a;
	char right[ETH_ADDRESS_TEXT];
	bool lower = false, upper = false;

	if (!s || strlen(s) != 42 || s[0] != '0' || (s[1] != 'x' && s[1] != 'X') ||
	    !hex_decode(s, a.b, sizeof(a.b)))
		return art_fail(err, ART_INVALID, "'%.60s' is no address: 0x and 40 hex digits",
				s ? s : "");
	for (const char *p = s + 2; *p; p++) {
		lower |= *p >= 'a' && *p <= 'f';
		upper |= *p >= 'A' && *p <= 'F';
	}
	if (lower && upper && strcmp(eth_address_text(&a, right) + 2, s + 2) != 0)
		return art_fail(err, ART_INVALID, "%s has a wrong checksum: a digit was mistyped", s);
	*out = a;
	return ART_OK;
}

bool eth_address_equal(const struct eth_address *a, const struct eth_address *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool eth_address_is_zero(const struct eth_address *a)
{
	static const struct eth_address zero;

	return eth_address_equal(a, &zero);
}

bool eth_word_parse(const char *s, struct eth_word *out)
{
	return hex_decode(s, out->b, sizeof(out->b));
}

const char *eth_word_text(const struct eth_word *w, char buf[ETH_WORD_TEXT])
{
	return hex_encode(w->b, sizeof(w->b), buf);
}
