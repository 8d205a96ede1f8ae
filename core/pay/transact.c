/*
 * transact.c - see transact.h.
 *
 * Layer: core. The signed bytes are sent again as they are while nobody has seen them mined: a nonce is used once,
 * so that costs nothing, and a node that forgot them gets them back.
 */
#include "core/pay/transact.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/chain/tx.h"

#define WAIT_MS 90000
#define LOOK_MS 500
#define RESEND_MS 15000
#define GAS_MARGIN 5 /* a fifth more than estimated: state may move before the block */

/* 2 * base + tip, in wei; false when it does not fit 64 bits: no honest chain asks that. */
static bool fee_of(const struct u256 *base, const struct u256 *tip, uint64_t *out)
{
	uint64_t b, t;

	if (!u256_to_u64(base, &b) || !u256_to_u64(tip, &t) || b > UINT64_MAX / 4 || t > UINT64_MAX / 4)
		return false;
	*out = 2 * b + t;
	return true;
}

static enum art_status price(const struct transact *t, const struct eth_address *to,
			     const struct art_buf *calldata, struct tx *tx, struct art_err *err)
{
	struct rpc_error re = { 0 };
	struct u256 base, tip;
	uint64_t gas, fee;
	enum art_status s = rpc_estimate_gas(t->rpc, &t->from, to, calldata, &gas, &re, err);

	if (s == ART_REFUSED && re.reason[0])
		return art_fail(err, s, "%s would refuse the transaction: %s", t->rpc->chain->name, re.reason);
	s = s ? s : rpc_fees(t->rpc, &base, &tip, err);
	s = s ? s : rpc_account_nonce(t->rpc, &t->from, true, &tx->nonce, err);
	if (s != ART_OK)
		return s;
	if (!fee_of(&base, &tip, &fee) || gas > UINT64_MAX / 2)
		return art_fail(err, ART_REFUSED, "%s: the node names a fee beyond all bounds",
				t->rpc->chain->name);
	tx->chain_id = t->rpc->chain->id;
	tx->gas = gas + gas / GAS_MARGIN;
	tx->max_fee = u256_from_u64(fee);
	tx->max_priority_fee = tip;
	tx->to = *to;
	tx->data = (const uint8_t *)calldata->data;
	tx->data_len = calldata->len;
	return ART_OK;
}

static enum art_status sign(const struct transact *t, const struct tx *tx, struct art_buf *raw,
			    struct eth_word *hash, struct art_err *err)
{
	struct eth_signature sig;
	enum art_status s = signer_transact(t->signer, tx, &sig, err);

	if (s != ART_OK)
		return s;
	/* Approved and counted by our own signer; the key is elsewhere. */
	if (t->remote)
		return remote_signer_transact(t->remote, &t->from, tx, raw, err);
	return tx_raw(tx, &sig, raw, hash, err);
}

static bool cancelled(const struct transact *t)
{
	return t->rpc->cancel && *t->rpc->cancel;
}

static enum art_status wait_mined(const struct transact *t, const struct art_buf *raw,
				  struct transact_result *out, struct art_err *err)
{
	int64_t end = art_mono_us() + (t->wait_ms ? t->wait_ms : WAIT_MS) * 1000;
	int64_t resend = art_mono_us() + RESEND_MS * 1000;
	char text[ETH_WORD_TEXT];

	for (;;) {
		struct rpc_receipt r;
		struct eth_word hash;
		enum art_status s = rpc_receipt(t->rpc, &out->hash, &r, NULL);

		if (s == ART_OK) {
			out->mined = true;
			out->ok = r.ok;
			out->block = r.block;
			out->gas_used = r.gas_used;
			return ART_OK;
		}
		if (cancelled(t))
			return art_fail(err, ART_CANCELLED, "cancelled while waiting for transaction %s",
					eth_word_text(&out->hash, text));
		if (art_mono_us() >= end)
			return art_fail(err, ART_NET, "transaction %s was sent and is not mined yet",
					eth_word_text(&out->hash, text));
		if (art_mono_us() >= resend) {
			(void)!rpc_send_raw(t->rpc, raw, &hash, NULL, NULL);
			resend = art_mono_us() + RESEND_MS * 1000;
		}
		nanosleep(&(struct timespec){ 0, LOOK_MS * 1000000L }, NULL);
	}
}

enum art_status transact_call(const struct transact *t, const struct eth_address *to,
			      const struct art_buf *calldata, struct transact_result *out,
			      struct art_err *err)
{
	struct rpc_error re = { 0 };
	struct tx tx = { 0 };
	struct art_buf raw;
	enum art_status s;

	memset(out, 0, sizeof(*out));
	art_buf_init(&raw, 2 * TX_DATA_MAX);
	s = rpc_check(t->rpc, err);
	s = s ? s : price(t, to, calldata, &tx, err);
	s = s ? s : sign(t, &tx, &raw, &out->hash, err);
	if (s != ART_OK)
		goto out;
	s = rpc_send_raw(t->rpc, &raw, &out->hash, &re, err);
	/* A node that is silent may have it. */
	out->sent = s == ART_OK || s == ART_NET;
	if (s == ART_REFUSED)
		s = art_fail(err, s, "%s refused the transaction: %.150s", t->rpc->chain->name, re.message);
	if (out->sent)
		s = wait_mined(t, &raw, out, err);
out:
	art_buf_destroy(&raw);
	return s;
}
