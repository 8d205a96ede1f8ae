/*
 * u256.c - conversions of unsigned 256-bit numbers.
 *
 * Layer: core.
 */
#include "core/chain/u256.h"

#include <string.h>

struct u256 u256_from_u64(uint64_t v)
{
	struct u256 a = { { 0 } };

	for (int i = 0; i < 8; i++)
		a.be[31 - i] = (uint8_t)(v >> (8 * i));
	return a;
}

bool u256_to_u64(const struct u256 *a, uint64_t *out)
{
	uint64_t v = 0;

	for (int i = 0; i < 24; i++)
		if (a->be[i])
			return false;
	for (int i = 24; i < 32; i++)
		v = v << 8 | a->be[i];
	*out = v;
	return true;
}

bool u256_parse(const char *s, struct u256 *out)
{
	struct u256 a = { { 0 } };
	size_t n;

	if (!s)
		return false;
	n = strlen(s);
	if (!n || n > 78 || (n > 1 && s[0] == '0') || strspn(s, "0123456789") != n)
		return false;
	for (; *s; s++) {
		unsigned carry = (unsigned)(*s - '0');

		for (int i = 31; i >= 0; i--) {
			carry += a.be[i] * 10u;
			a.be[i] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			return false;
	}
	*out = a;
	return true;
}

bool u256_parse_hex(const char *s, struct u256 *out)
{
	struct u256 a = { { 0 } };
	size_t n;

	if (!s || s[0] != '0' || (s[1] != 'x' && s[1] != 'X'))
		return false;
	s += 2;
	n = strlen(s);
	if (!n || n > 64 || strspn(s, "0123456789abcdefABCDEF") != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[n - 1 - i];
		int d = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;

		a.be[31 - i / 2] |= (uint8_t)(i % 2 ? d << 4 : d);
	}
	*out = a;
	return true;
}

const char *u256_text(const struct u256 *a, char buf[U256_TEXT])
{
	struct u256 v = *a;
	char digits[U256_TEXT];
	int n = 0;
	bool more;

	do {
		unsigned rest = 0;

		more = false;
		for (int i = 0; i < 32; i++) {
			rest = rest << 8 | v.be[i];
			v.be[i] = (uint8_t)(rest / 10);
			rest %= 10;
			more |= v.be[i] != 0;
		}
		digits[n++] = (char)('0' + rest);
	} while (more);
	for (int i = 0; i < n; i++)
		buf[i] = digits[n - 1 - i];
	buf[n] = 0;
	return buf;
}

const char *u256_quantity(const struct u256 *a, char buf[U256_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	int n = 2;

	memcpy(buf, "0x", 2);
	for (int i = 0; i < 64; i++) {
		int d = i % 2 ? a->be[i / 2] & 15 : a->be[i / 2] >> 4;

		if (d || n > 2 || i == 63)
			buf[n++] = hex[d];
	}
	buf[n] = 0;
	return buf;
}

int u256_cmp(const struct u256 *a, const struct u256 *b)
{
	int c = memcmp(a->be, b->be, sizeof(a->be));

	return (c > 0) - (c < 0);
}
