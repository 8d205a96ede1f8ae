/*
 * abi.c - contract calls: arguments in, results out.
 *
 * Layer: core.
 */
#include "core/chain/abi.h"

#include <stdlib.h>
#include <string.h>

#include "core/chain/keccak.h"

void abi_selector(const char *signature, uint8_t out[4])
{
	struct eth_word h = keccak256(signature, strlen(signature));

	memcpy(out, h.b, 4);
}

void abi_call_begin(struct abi_call *c, const char *signature)
{
	memset(c, 0, sizeof(*c));
	c->bare = !signature;
	if (signature)
		abi_selector(signature, c->selector);
}

static uint8_t *next_head(struct abi_call *c)
{
	ART_BUG_ON(c->n >= ABI_ARGS_MAX);
	return c->args[c->n++].head;
}

void abi_put_u256(struct abi_call *c, const struct u256 *v)
{
	memcpy(next_head(c), v->be, 32);
}

void abi_put_u64(struct abi_call *c, uint64_t v)
{
	struct u256 wide = u256_from_u64(v);

	abi_put_u256(c, &wide);
}

void abi_put_i64(struct abi_call *c, int64_t v)
{
	struct u256 wide = u256_from_u64((uint64_t)v);

	if (v < 0)
		memset(wide.be, 0xff, 24);
	abi_put_u256(c, &wide);
}

void abi_put_address(struct abi_call *c, const struct eth_address *a)
{
	memcpy(next_head(c) + 12, a->b, 20);
}

void abi_put_word(struct abi_call *c, const struct eth_word *w)
{
	memcpy(next_head(c), w->b, 32);
}

void abi_put_bool(struct abi_call *c, bool v)
{
	next_head(c)[31] = v;
}

static size_t padded(size_t n)
{
	return (n + 31) / 32 * 32;
}

static void put_number(char *at, uint64_t v)
{
	struct u256 wide = u256_from_u64(v);

	memcpy(at, wide.be, 32);
}

/* Length and content; returns what is behind them. The memory is zero before. */
static char *put_counted(char *at, const void *p, size_t n)
{
	put_number(at, n);
	if (n)
		memcpy(at + 32, p, n);
	return at + 32 + padded(n);
}

static char *new_tail(struct abi_call *c, size_t len)
{
	int at = c->n;

	next_head(c);
	c->args[at].tail = art_alloc(len, 1);
	c->args[at].tail_len = len;
	return c->args[at].tail;
}

void abi_put_bytes(struct abi_call *c, const void *p, size_t n)
{
	put_counted(new_tail(c, 32 + padded(n)), p, n);
}

void abi_put_pairs(struct abi_call *c, const struct abi_pair *pairs, size_t n)
{
	size_t len = 32 + 32 * n;
	char *tail, *offsets, *at;

	for (size_t i = 0; i < n; i++)
		len += 64 + 32 + padded(strlen(pairs[i].text)) + 32 + padded(pairs[i].len);
	tail = new_tail(c, len);
	put_number(tail, n);
	offsets = tail + 32; /* offsets count from behind the array's length, those of a tuple from its start */
	at = offsets + 32 * n;
	for (size_t i = 0; i < n; i++) {
		char *tuple = at;

		put_number(offsets + 32 * i, (uint64_t)(tuple - offsets));
		put_number(tuple, 64);
		at = put_counted(tuple + 64, pairs[i].text, strlen(pairs[i].text));
		put_number(tuple + 32, (uint64_t)(at - tuple));
		at = put_counted(at, pairs[i].bytes, pairs[i].len);
	}
}

enum art_status abi_call_end(struct abi_call *c, struct art_buf *out, struct art_err *err)
{
	size_t offset = (size_t)c->n * 32;
	enum art_status s = c->bare ? ART_OK : art_buf_add(out, c->selector, 4);

	for (int i = 0; i < c->n && s == ART_OK; i++) {
		struct u256 at = u256_from_u64(offset);

		s = art_buf_add(out, c->args[i].tail ? at.be : c->args[i].head, 32);
		offset += c->args[i].tail_len;
	}
	for (int i = 0; i < c->n; i++) {
		if (c->args[i].tail && s == ART_OK)
			s = art_buf_add(out, c->args[i].tail, c->args[i].tail_len);
		free(c->args[i].tail);
	}
	memset(c, 0, sizeof(*c));
	return s == ART_OK ? s : art_fail(err, s, "the call's data is over its limit of %zu bytes",
					  out->max);
}

/* ---- results ----------------------------------------------------------------------------------- */

static const uint8_t *head_at(const uint8_t *p, size_t n, int at)
{
	if (at < 0 || (size_t)at >= n / 32)
		return NULL;
	return p + (size_t)at * 32;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

bool abi_get_u256(const uint8_t *p, size_t n, int at, struct u256 *out)
{
	const uint8_t *h = head_at(p, n, at);

	if (h)
		memcpy(out->be, h, 32);
	return h;
}

bool abi_get_u64(const uint8_t *p, size_t n, int at, uint64_t *out)
{
	struct u256 v;

	return abi_get_u256(p, n, at, &v) && u256_to_u64(&v, out);
}

bool abi_get_bool(const uint8_t *p, size_t n, int at, bool *out)
{
	uint64_t v;

	if (!abi_get_u64(p, n, at, &v) || v > 1)
		return false;
	*out = v;
	return true;
}

bool abi_get_address(const uint8_t *p, size_t n, int at, struct eth_address *out)
{
	const uint8_t *h = head_at(p, n, at);

	if (!h || !all_zero(h, 12))
		return false;
	memcpy(out->b, h + 12, 20);
	return true;
}

bool abi_get_word(const uint8_t *p, size_t n, int at, struct eth_word *out)
{
	const uint8_t *h = head_at(p, n, at);

	if (h)
		memcpy(out->b, h, 32);
	return h;
}

bool abi_get_bytes(const uint8_t *p, size_t n, int at, const uint8_t **out, size_t *len)
{
	struct u256 count;
	uint64_t offset, size;

	if (!abi_get_u64(p, n, at, &offset) || offset > n || n - offset < 32)
		return false;
	memcpy(count.be, p + offset, 32);
	if (!u256_to_u64(&count, &size) || size > n - offset - 32)
		return false;
	*out = p + offset + 32;
	*len = (size_t)size;
	return true;
}
