/*
 * pay_private.h - steps of paying that pay.c and pay_reconcile.c share. Private to core/pay.
 */
#ifndef CORE_PAY_PAY_PRIVATE_H
#define CORE_PAY_PAY_PRIVATE_H

#include "core/chain/token.h"
#include "core/pay/pay.h"

/* Hold the request's byte of the lock file. BUSY when another process works on it. */
ART_MUST_USE enum art_status pay_lock(const struct pay *p, const char *request_sha256, int *fd,
				      struct art_err *err);
void pay_unlock(int fd);

/*
 * What the chain says about @row now. A call of at most @deadline_ms. NOT_FOUND: this chain cannot be
 * asked (no endpoint, unknown chain); NET and the like: it was asked in vain.
 */
ART_MUST_USE enum art_status pay_evidence(const struct pay *p, const struct payment_row *row,
					  int64_t deadline_ms, struct token_evidence *out,
					  struct art_err *err);

/*
 * Send the signed payment of @row (state SENT, UNKNOWN or REFUSED, its header stored) with @call's
 * request, judge the answer, write the ledger. @out->answer and @out->payment are filled; @of (may be
 * NULL) is the challenge the payment answers, to tell a changed price. @fresh: it cannot have left before
 * this call; when it then never leaves, the row ends as refused and dead.
 */
ART_MUST_USE enum art_status pay_send(const struct pay *p, const struct pay_call *call,
				      const struct x402_challenge *of, bool fresh,
				      struct pay_result *out, struct art_err *err);

/* Move @row in the ledger and read it back. */
ART_MUST_USE enum art_status pay_move(const struct pay *p, struct payment_row *row,
				      const struct payment_move *m, struct art_err *err);
/* Write what @e proves about @row, and @status of the last answer (0 none). OK and no change when it
 * proves nothing yet. @words says it. */
ART_MUST_USE enum art_status pay_apply_evidence(const struct pay *p, struct payment_row *row,
						const struct token_evidence *e, int status,
						char words[256], struct art_err *err);

ART_MUST_USE enum art_status pay_ask(const struct pay *p, const struct pay_call *call,
				     const char *const *extra, int n_extra, int64_t deadline_ms,
				     struct http_response *out, struct art_err *err);
#define PAY_HEADERS_MAX 64

#endif
