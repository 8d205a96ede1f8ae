/*
 * policy.h - whether to pay: auto, ask or refuse. A pure function over facts, and its words.
 *
 * Layer: core. Threads: any; values.
 */
#ifndef CORE_PAY_POLICY_H
#define CORE_PAY_POLICY_H

#include "core/config.h"
#include "core/pay/x402.h"
#include "store/payments.h"

enum policy_answer { POLICY_AUTO, POLICY_ASK, POLICY_REFUSE };

/* From the configuration (section pay). */
struct policy {
	struct usdc auto_below;          /* up to this much is paid without asking */
	struct payment_caps caps;
	bool ask_new_payee;              /* a payee never paid before is asked about */
	bool allow_http;                 /* plain http beyond loopback */
	int64_t max_window_s;
	struct eth_address payees[64];   /* allow-list; empty: any */
	int n_payees;
	bool known_payees_only;          /* pay.payees is not empty */
};
ART_MUST_USE enum art_status policy_load(struct policy *out, const struct config *c,
					 struct art_err *err);

struct policy_facts {
	const struct x402_terms *terms;
	bool payee_paid_before;
	bool plain_http;                 /* not TLS, and not loopback */
	bool other_host;                 /* the challenge names a resource on another host */
	bool frozen;
	bool have_max;                   /* the caller named a price: */
	struct usdc max;                 /*   above it refuse, up to it do not ask */
};
/* @why: one sentence for ASK and REFUSE. Caps are not judged here: payment_reserve does, atomically. */
enum policy_answer policy_judge(const struct policy *p, const struct policy_facts *f,
				char why[256]);

/* What is about to be signed, in plain words, several lines: amount, payee, chain, expiry, what for, what
 * is left under each cap. */
void policy_preview(struct art_buf *out, const struct x402_terms *t, const char *method,
		    const char *url, int64_t valid_before,
		    const struct payment_spent *spent, bool payee_paid_before);

#endif
