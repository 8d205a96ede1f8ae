/*
 * rlp.c - recursive length prefix.
 *
 * Layer: core.
 */
#include "core/chain/rlp.h"

#include <string.h>

#define STRING_BASE 0x80
#define LIST_BASE 0xc0
#define SHORT_MAX 55

static enum art_status put_head(struct art_buf *b, uint8_t base, size_t n)
{
	uint8_t head[9];
	int digits = 0;

	if (n <= SHORT_MAX) {
		head[0] = (uint8_t)(base + n);
		return art_buf_add(b, head, 1);
	}
	for (size_t left = n; left; left >>= 8)
		digits++;
	head[0] = (uint8_t)(base + SHORT_MAX + digits);
	for (int i = digits; i > 0; i--, n >>= 8)
		head[i] = (uint8_t)n;
	return art_buf_add(b, head, (size_t)digits + 1);
}

enum art_status rlp_put_bytes(struct art_buf *b, const void *p, size_t n)
{
	size_t was = b->len;
	enum art_status s;

	if (n == 1 && *(const uint8_t *)p < STRING_BASE)
		return art_buf_add(b, p, 1);
	s = put_head(b, STRING_BASE, n);
	if (s == ART_OK && n)
		s = art_buf_add(b, p, n);
	if (s != ART_OK && b->data) {
		b->len = was;
		b->data[was] = 0;
	}
	return s;
}

enum art_status rlp_put_u256(struct art_buf *b, const struct u256 *v)
{
	size_t skip = 0;

	while (skip < 32 && !v->be[skip])
		skip++;
	return rlp_put_bytes(b, v->be + skip, 32 - skip);
}

enum art_status rlp_put_u64(struct art_buf *b, uint64_t v)
{
	struct u256 wide = u256_from_u64(v);

	return rlp_put_u256(b, &wide);
}

enum art_status rlp_put_list(struct art_buf *b, const void *p, size_t n)
{
	size_t was = b->len;
	enum art_status s = put_head(b, LIST_BASE, n);

	if (s == ART_OK && n)
		s = art_buf_add(b, p, n);
	if (s != ART_OK && b->data) {
		b->len = was;
		b->data[was] = 0;
	}
	return s;
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* Content of the next item whose first byte is in [base, base + 63]: *skip bytes of head, *n of content.
 * Canonical lengths only, and all of it there. */
static bool read_head(const struct rlp *r, uint8_t base, size_t *skip, size_t *n)
{
	size_t form = (size_t)(r->p[0] - base), digits;

	if (form <= SHORT_MAX) {
		*skip = 1;
		*n = form;
		return *n <= r->left - 1;
	}
	digits = form - SHORT_MAX;
	if (digits > r->left - 1 || digits > sizeof(size_t) || !r->p[1])
		return false;
	*n = 0;
	for (size_t i = 0; i < digits; i++)
		*n = *n << 8 | r->p[1 + i];
	*skip = 1 + digits;
	return *n > SHORT_MAX && *n <= r->left - *skip;
}

static void advance(struct rlp *r, size_t by)
{
	r->p += by;
	r->left -= by;
}

bool rlp_get_list(struct rlp *r, struct rlp *items)
{
	size_t skip, n;

	if (!r->left || r->p[0] < LIST_BASE || !read_head(r, LIST_BASE, &skip, &n))
		return false;
	*items = (struct rlp){ r->p + skip, n };
	advance(r, skip + n);
	return true;
}

bool rlp_get_bytes(struct rlp *r, const uint8_t **p, size_t *n)
{
	size_t skip;

	if (!r->left || r->p[0] >= LIST_BASE)
		return false;
	if (r->p[0] < STRING_BASE) {
		*p = r->p;
		*n = 1;
		advance(r, 1);
		return true;
	}
	if (!read_head(r, STRING_BASE, &skip, n))
		return false;
	*p = r->p + skip;
	if (*n == 1 && **p < STRING_BASE)
		return false;
	advance(r, skip + *n);
	return true;
}

bool rlp_get_u256(struct rlp *r, struct u256 *out)
{
	const uint8_t *p;
	size_t n;

	if (!rlp_get_bytes(r, &p, &n) || n > 32 || (n && !p[0]))
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->be + 32 - n, p, n);
	return true;
}

bool rlp_get_u64(struct rlp *r, uint64_t *out)
{
	struct u256 v;

	return rlp_get_u256(r, &v) && u256_to_u64(&v, out);
}

bool rlp_done(const struct rlp *r)
{
	return r->left == 0;
}
