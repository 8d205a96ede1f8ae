/*
 * tx.c - EIP-1559 transactions.
 *
 * Layer: core.
 */
#include "core/chain/tx.h"

#include <string.h>

#include "core/chain/keccak.h"
#include "core/chain/rlp.h"

#define TX_TYPE 0x02
/* Every field at its largest, the data, and an access list of the size allowed. */
#define TX_MAX (TX_DATA_MAX + 1024 + TX_ACCESS_MAX * (64 + TX_ACCESS_KEYS_MAX * 33))

static enum art_status put_access(struct art_buf *fields, const struct tx *t)
{
	struct art_buf list, entry, keys;
	enum art_status s = ART_OK;

	art_buf_init(&list, TX_MAX);
	art_buf_init(&entry, TX_MAX);
	art_buf_init(&keys, TX_MAX);
	for (int i = 0; i < t->n_access && s == ART_OK; i++) {
		art_buf_reset(&entry);
		art_buf_reset(&keys);
		for (int k = 0; k < t->access[i].n_keys && s == ART_OK; k++)
			s = rlp_put_bytes(&keys, t->access[i].keys[k].b, 32);
		if (s == ART_OK)
			s = rlp_put_bytes(&entry, t->access[i].address.b, 20);
		if (s == ART_OK)
			s = rlp_put_list(&entry, keys.data, keys.len);
		if (s == ART_OK)
			s = rlp_put_list(&list, entry.data, entry.len);
	}
	if (s == ART_OK)
		s = rlp_put_list(fields, list.data, list.len);
	art_buf_destroy(&list);
	art_buf_destroy(&entry);
	art_buf_destroy(&keys);
	return s;
}

static enum art_status put_signature(struct art_buf *fields, const struct eth_signature *sig)
{
	struct u256 r, s;
	enum art_status st = rlp_put_u64(fields, sig->b[64] == 28);

	memcpy(r.be, sig->b, 32);
	memcpy(s.be, sig->b + 32, 32);
	if (st == ART_OK)
		st = rlp_put_u256(fields, &r);
	if (st == ART_OK)
		st = rlp_put_u256(fields, &s);
	return st;
}

/* 0x02 and the list of fields; with @sig the signed form. */
static enum art_status encode(const struct tx *t, const struct eth_signature *sig,
			      struct art_buf *out, struct art_err *err)
{
	const uint8_t type = TX_TYPE;
	struct art_buf f;
	enum art_status s = ART_OK;

	if (t->data_len > TX_DATA_MAX || t->n_access > TX_ACCESS_MAX)
		return art_fail(err, ART_LIMIT, "a transaction's data has %zu bytes; %u are the limit",
				t->data_len, TX_DATA_MAX);
	art_buf_init(&f, TX_MAX);
	/* The buffer holds the largest transaction there can be, so no put below can fail alone. */
	s = rlp_put_u64(&f, t->chain_id);
	s = s ? s : rlp_put_u64(&f, t->nonce);
	s = s ? s : rlp_put_u256(&f, &t->max_priority_fee);
	s = s ? s : rlp_put_u256(&f, &t->max_fee);
	s = s ? s : rlp_put_u64(&f, t->gas);
	s = s ? s : rlp_put_bytes(&f, t->to.b, t->creates ? 0 : 20);
	s = s ? s : rlp_put_u256(&f, &t->value);
	s = s ? s : rlp_put_bytes(&f, t->data, t->data_len);
	s = s ? s : put_access(&f, t);
	if (sig)
		s = s ? s : put_signature(&f, sig);
	s = s ? s : art_buf_add(out, &type, 1);
	s = s ? s : rlp_put_list(out, f.data, f.len);
	art_buf_destroy(&f);
	return s == ART_OK ? s : art_fail(err, s, "a transaction does not fit its buffer");
}

enum art_status tx_digest(const struct tx *t, struct eth_word *out, struct art_err *err)
{
	struct art_buf b;
	enum art_status s;

	art_buf_init(&b, TX_MAX);
	s = encode(t, NULL, &b, err);
	if (s == ART_OK)
		*out = keccak256(b.data, b.len);
	art_buf_destroy(&b);
	return s;
}

enum art_status tx_raw(const struct tx *t, const struct eth_signature *sig, struct art_buf *out,
		       struct eth_word *hash, struct art_err *err)
{
	size_t was = out->len;
	enum art_status s = encode(t, sig, out, err);

	if (s == ART_OK)
		*hash = keccak256(out->data + was, out->len - was);
	return s;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static bool get_word(struct rlp *r, struct eth_word *out)
{
	const uint8_t *p;
	size_t n;

	if (!rlp_get_bytes(r, &p, &n) || n != 32)
		return false;
	memcpy(out->b, p, 32);
	return true;
}

static bool get_address(struct rlp *r, struct eth_address *out, bool *absent)
{
	const uint8_t *p;
	size_t n;

	if (!rlp_get_bytes(r, &p, &n) || (n != 20 && !(absent && n == 0)))
		return false;
	if (absent)
		*absent = n == 0;
	memset(out, 0, sizeof(*out));
	memcpy(out->b, p, n);
	return true;
}

static bool get_access(struct rlp *r, struct tx_access *access, int *n)
{
	struct rlp list, entry, keys;

	*n = 0;
	if (!rlp_get_list(r, &list))
		return false;
	for (; !rlp_done(&list); (*n)++) {
		struct tx_access *a = &access[*n];

		if (*n == TX_ACCESS_MAX || !rlp_get_list(&list, &entry) ||
		    !get_address(&entry, &a->address, NULL) || !rlp_get_list(&entry, &keys) ||
		    !rlp_done(&entry))
			return false;
		for (a->n_keys = 0; !rlp_done(&keys); a->n_keys++)
			if (a->n_keys == TX_ACCESS_KEYS_MAX || !get_word(&keys, &a->keys[a->n_keys]))
				return false;
	}
	return true;
}

static bool get_signature(struct rlp *r, struct eth_signature *sig)
{
	struct u256 rr, ss;
	uint64_t parity;

	if (!rlp_get_u64(r, &parity) || parity > 1 || !rlp_get_u256(r, &rr) || !rlp_get_u256(r, &ss))
		return false;
	memcpy(sig->b, rr.be, 32);
	memcpy(sig->b + 32, ss.be, 32);
	sig->b[64] = (uint8_t)(27 + parity);
	return true;
}

enum art_status tx_parse(const uint8_t *p, size_t n, struct tx *t, struct tx_access *access,
			 struct eth_signature *sig, struct art_err *err)
{
	struct rlp all, f;

	memset(t, 0, sizeof(*t));
	if (n > TX_MAX)
		return art_fail(err, ART_INVALID, "a transaction of %zu bytes is too long", n);
	if (!n || p[0] != TX_TYPE)
		return art_fail(err, ART_INVALID, "not an EIP-1559 transaction (type 2)");
	all = (struct rlp){ p + 1, n - 1 };
	if (!rlp_get_list(&all, &f) || !rlp_done(&all))
		return art_fail(err, ART_INVALID, "a transaction must be one RLP list and nothing else");
	if (!rlp_get_u64(&f, &t->chain_id) || !rlp_get_u64(&f, &t->nonce) ||
	    !rlp_get_u256(&f, &t->max_priority_fee) || !rlp_get_u256(&f, &t->max_fee) ||
	    !rlp_get_u64(&f, &t->gas) || !get_address(&f, &t->to, &t->creates) ||
	    !rlp_get_u256(&f, &t->value) || !rlp_get_bytes(&f, &t->data, &t->data_len))
		return art_fail(err, ART_INVALID, "a transaction's fields are damaged");
	if (t->data_len > TX_DATA_MAX)
		return art_fail(err, ART_INVALID, "a transaction's data is over %u bytes", TX_DATA_MAX);
	if (!get_access(&f, access, &t->n_access))
		return art_fail(err, ART_INVALID, "a transaction's access list is damaged or too long");
	t->access = access;
	if (!get_signature(&f, sig) || !rlp_done(&f))
		return art_fail(err, ART_INVALID, "a transaction's signature is damaged");
	return ART_OK;
}
