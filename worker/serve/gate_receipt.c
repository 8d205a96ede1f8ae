/*
 * gate_receipt.c - what the seller signs after the work: that it was paid, and how it ended.
 *
 * Layer: worker/serve. Sources: the x402 offer-and-receipt extension (format eip712); the order's statement is our own
 * (core/pay/signer_statement.h). A buyer keeps both: the first is evidence of the payment, the second of the result, and a
 * failed order has its second too.
 */
#include <stdio.h>
#include <string.h>

#include "core/pay/signer.h"
#include "worker/serve/gate_private.h"

static enum art_status attest(struct gate *g, const struct signer_statement *st, char hex[ETH_SIGNATURE_TEXT],
			      struct art_err *err)
{
	struct eth_signature sig;
	enum art_status s;

	/* One signer, many threads. */
	pthread_mutex_lock(&g->lock);
	s = signer_attest(g->opt.signer, st, &sig, err);
	pthread_mutex_unlock(&g->lock);
	if (s == ART_OK)
		hex_encode(sig.b, sizeof(sig.b), hex);
	return s;
}

static enum art_status put_receipt(struct gate *g, const struct sale_row *sale, const char *resource,
				   struct json_out *o, struct art_err *err)
{
	struct signer_statement st = { .kind = STATEMENT_RECEIPT };
	char hex[ETH_SIGNATURE_TEXT];
	enum art_status s;

	art_copy(st.receipt.network, sizeof(st.receipt.network), g->opt.chain->caip2);
	art_copy(st.receipt.resource_url, sizeof(st.receipt.resource_url), resource);
	art_copy(st.receipt.payer, sizeof(st.receipt.payer), sale->payer);
	art_copy(st.receipt.transaction, sizeof(st.receipt.transaction), sale->transaction);
	st.receipt.issued_at = sale->settled_at / 1000000;
	s = attest(g, &st, hex, err);
	if (s != ART_OK)
		return s;
	json_open_object(o, "receipt");
	json_put_str(o, "format", "eip712");
	json_open_object(o, "payload");
	json_put_int(o, "version", 1);
	json_put_str(o, "network", st.receipt.network);
	json_put_str(o, "resourceUrl", st.receipt.resource_url);
	json_put_str(o, "payer", st.receipt.payer);
	json_put_int(o, "issuedAt", st.receipt.issued_at);
	json_put_str(o, "transaction", st.receipt.transaction);
	json_close_object(o);
	json_put_str(o, "signature", hex);
	json_close_object(o);
	return ART_OK;
}

static enum art_status put_order(struct gate *g, const struct order_row *order, struct json_out *o,
				 struct art_err *err)
{
	struct signer_statement st = { .kind = STATEMENT_ORDER };
	char hex[ETH_SIGNATURE_TEXT], word[ETH_WORD_TEXT], number[32];
	enum art_status s;

	art_copy(st.order.experiment_id, sizeof(st.order.experiment_id), order->experiment_id);
	if (!eth_word_parse(order->train_sha256, &st.order.train_hash) ||
	    (order->artifact_sha256[0] && !eth_word_parse(order->artifact_sha256, &st.order.artifact_hash)))
		return art_fail(err, ART_CORRUPT, "order %lld: a hash is damaged", (long long)order->id);
	art_copy(st.order.state, sizeof(st.order.state), order_state_text(order->state));
	if (order->state == ORDER_COMPLETED && order->val_bpb.known)
		art_copy(st.order.val_bpb, sizeof(st.order.val_bpb),
			 art_f64_text(order->val_bpb.v, number, sizeof(number)));
	art_copy(st.order.payer, sizeof(st.order.payer), order->payer);
	st.order.finished_at = order->finished_at / 1000000;
	s = attest(g, &st, hex, err);
	if (s != ART_OK)
		return s;
	json_open_object(o, "order");
	json_put_str(o, "format", "eip712");
	json_open_object(o, "payload");
	json_put_int(o, "version", 1);
	json_put_str(o, "experimentId", st.order.experiment_id);
	json_put_str(o, "trainHash", eth_word_text(&st.order.train_hash, word));
	json_put_str(o, "state", st.order.state);
	json_put_str(o, "valBpb", st.order.val_bpb);
	json_put_str(o, "artifactHash", eth_word_text(&st.order.artifact_hash, word));
	json_put_str(o, "payer", st.order.payer);
	json_put_int(o, "finishedAt", st.order.finished_at);
	json_close_object(o);
	json_put_str(o, "signature", hex);
	json_close_object(o);
	return ART_OK;
}

enum art_status gate_receipt(struct gate *g, const struct order_row *order, const struct sale_row *sale,
			     const char *resource, struct art_buf *out, struct art_err *err)
{
	char address[ETH_ADDRESS_TEXT];
	struct json_out o;
	enum art_status s = ART_OK;

	if (!g->opt.signer)
		return art_fail(err, ART_UNSUPPORTED, "receipts need a wallet to sign with");
	json_out_init(&o, out, false);
	json_open_object(&o, NULL);
	json_put_str(&o, "signer", eth_address_text(&g->opt.signer_address, address));
	if (sale && sale->state == SALE_SETTLED)
		s = put_receipt(g, sale, resource, &o, err);
	s = s ? s : put_order(g, order, &o, err);
	json_close_object(&o);
	return s;
}
