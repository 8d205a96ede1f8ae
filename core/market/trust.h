/*
 * trust.h - how far a worker is trusted, by our own dealings alone. Pure functions over counters.
 *
 * Layer: core. Threads: any; values.
 */
#ifndef CORE_MARKET_TRUST_H
#define CORE_MARKET_TRUST_H

#include "store/workers.h"

/* A number in [0, 1] to order by: worker_trust_share, but banned 0, pinned 1, quarantined 0, in this order.
 * (In words: worker_trust_text.) */
double trust_score(const struct worker_trust *t, int64_t now_us);
/* Money for each finished experiment, the failed ones included. Unknown without a success. */
struct opt_f64 trust_price_per_result(const struct worker_trust *t);
/* May it be given work (or asked again, for probes of a discovery) now? @why gets the reason when not. A
 * pinned one is never in quarantine. */
bool trust_allows(const struct worker_trust *t, int64_t now_us, char why[96]);
/* The quarantine after the @failures-th failure in a row: none for the first two, then 5 min doubling up to
 * 24 h, a refuted result at once 24 h. Returns until when (us), 0 none. */
int64_t trust_quarantine(int64_t failures, bool refuted, int64_t now_us);

#endif
