/*
 * gate_self.c - verifying on the chain, and settling with our own key.
 *
 * Layer: worker/serve.
 */
#include <stdio.h>
#include <string.h>

#include "core/chain/token.h"
#include "core/pay/transact.h"
#include "worker/serve/gate_private.h"

static void say(struct gate_verdict *out, enum gate_word word, const char *reason)
{
	out->word = word;
	art_text_clean(out->reason, sizeof(out->reason), reason, strlen(reason), false);
}

void self_verify(struct gate *g, const struct eip3009 *a, struct gate_verdict *out)
{
	struct art_err err = { 0 };
	struct rpc rpc = g->rpc;
	struct u256 balance;
	bool used;

	memset(out, 0, sizeof(*out));
	rpc.deadline_ms = GATE_VERIFY_MS / 2;
	if (token_authorization_state(&rpc, &g->opt.chain->usdc, &a->from, &a->nonce, &used, &err) != ART_OK ||
	    token_balance(&rpc, &g->opt.chain->usdc, &a->from, &balance, &err) != ART_OK)
		say(out, GATE_DOUBT, err.text);
	else if (used)
		say(out, GATE_NO, "invalid_exact_evm_nonce_already_used");
	else if (u256_cmp(&balance, &a->value) < 0)
		say(out, GATE_NO, "invalid_exact_evm_insufficient_balance");
}

void chain_fate(struct gate *g, const struct eip3009 *a, int64_t since_s, struct gate_verdict *out)
{
	struct token_evidence e;
	struct art_err err = { 0 };
	uint64_t before = 0;

	memset(out, 0, sizeof(*out));
	if (!g->rpc.chain->rpc[0]) {
		say(out, GATE_DOUBT, "no JSON-RPC endpoint is set for the chain");
		return;
	}
	if (token_authorization_fate(&g->rpc, &g->opt.chain->usdc, &a->from, &a->nonce, since_s, &e, &err) != ART_OK) {
		say(out, GATE_DOUBT, err.text);
		return;
	}
	switch (e.fate) {
	case TOKEN_SETTLED:
		eth_word_text(&e.tx, out->transaction);
		/* An authorization names payee and value: used is paid, unless the log says otherwise. */
		if (eth_address_equal(&e.to, &a->to) && u256_cmp(&e.value, &a->value) == 0)
			return;
		say(out, GATE_NO, "the chain shows another transfer under this nonce");
		return;
	case TOKEN_USED:
		say(out, GATE_DOUBT, "the chain shows it used; its transaction was not found");
		return;
	case TOKEN_CANCELLED:
		say(out, GATE_NO, "invalid_exact_evm_nonce_already_used");
		return;
	case TOKEN_UNUSED:
		break;
	}
	if (u256_to_u64(&a->valid_before, &before) && e.block_time >= (int64_t)before)
		say(out, GATE_NO, "invalid_exact_evm_payload_authorization_valid_before");
	else
		say(out, GATE_DOUBT, "not taken so far");
}

void self_settle(struct gate *g, const struct eip3009 *a, const struct eth_signature *sig,
		 struct gate_verdict *out)
{
	struct transact t = { .rpc = &g->rpc, .signer = g->opt.signer, .from = g->opt.signer_address };
	struct transact_result r = { 0 };
	struct art_err err = { 0 };
	struct art_buf data;
	enum art_status s;

	memset(out, 0, sizeof(*out));
	art_buf_init(&data, 4096);
	s = token_settle_calldata(a, sig, &data, &err);
	if (s == ART_OK) {
		/* The account's nonce is read, used and given back by nobody else meanwhile. */
		pthread_mutex_lock(&g->lock);
		s = transact_call(&t, &g->opt.chain->usdc, &data, &r, &err);
		pthread_mutex_unlock(&g->lock);
	}
	art_buf_destroy(&data);
	if (r.sent)
		eth_word_text(&r.hash, out->transaction);
	if (s == ART_OK && r.mined && r.ok)
		return;
	if (s == ART_OK)
		say(out, GATE_NO, "invalid_exact_evm_transaction_failed");
	else
		/* Also a refusal by estimate: the caller looks at the chain before it believes that. */
		say(out, s == ART_REFUSED && !r.sent ? GATE_NO : GATE_DOUBT, err.text);
}
