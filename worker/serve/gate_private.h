/*
 * gate_private.h - what the files of the gate share. See gate.h.
 */
#ifndef WORKER_SERVE_GATE_PRIVATE_H
#define WORKER_SERVE_GATE_PRIVATE_H

#include <pthread.h>

#include "core/chain/rpc.h"
#include "core/pay/x402.h"
#include "store/json.h"
#include "worker/serve/gate.h"

#define GATE_SAFETY_S 6         /* the reference facilitator wants so much left, at verifying and at settling */
#define GATE_VERIFY_MS 10000
#define GATE_SETTLE_MS 90000    /* what the reference client of a facilitator waits */
#define GATE_ANSWER_MAX (64u << 10)
#define GATE_SETTLING_MAX 64    /* more than there are threads that settle */

struct gate {
	struct gate_options opt;
	char facilitator[512];     /* without a slash at its end; "" self */
	struct rpc rpc;            /* of the chain; chain->rpc may be "" with a facilitator */
	pthread_mutex_t lock;      /* the signer, and our account's nonce: one transaction at a time */
	pthread_mutex_t settle_lock; /* the list below */
	pthread_cond_t settle_done;
	int64_t settling[GATE_SETTLING_MAX]; /* sales that a thread is settling: nobody asks for one twice at once */
	int n_settling;
};

/* One accepts entry in the form of @version, as an object of @o under @key (NULL inside an array). */
void gate_put_requirement(const struct gate *g, const struct gate_item *item, const char *url, int version,
			  struct json_out *o, const char *key);
/* Of an item in seconds: what the buyer's authorization must last. */
int64_t gate_window_s(const struct gate *g, const struct gate_item *item);

/* What asking said. */
enum gate_word { GATE_YES, GATE_NO, GATE_DOUBT };
struct gate_verdict {
	enum gate_word word;
	char transaction[ETH_WORD_TEXT]; /* "" none */
	char reason[X402_REASON_MAX];    /* of NO and DOUBT */
};
/* The two ways to verify and to settle. @payment, @requirement: JSON texts as kept. */
void facilitator_verify(struct gate *g, int version, const char *payment, const char *requirement,
			struct gate_verdict *out);
void facilitator_settle(struct gate *g, int version, const char *payment, const char *requirement,
			struct gate_verdict *out);
/* Can it be paid now: unused, and the payer has the money. DOUBT: the chain could not be asked. */
void self_verify(struct gate *g, const struct eip3009 *a, struct gate_verdict *out);
void self_settle(struct gate *g, const struct eip3009 *a, const struct eth_signature *sig,
		 struct gate_verdict *out);
/* What the chain shows of it: YES it is ours, NO it can never be, DOUBT open or not to be asked. */
void chain_fate(struct gate *g, const struct eip3009 *a, int64_t since_s, struct gate_verdict *out);

#endif
