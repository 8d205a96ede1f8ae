/*
 * trust.c - counters of our own dealings into an order and a permission.
 *
 * Layer: core. Pure functions. The share that held is the store's to work out (worker_trust_share): lists are
 * ordered by it.
 */
#include "core/market/trust.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)
#define FIRST_QUARANTINE (5 * MINUTE)
#define FREE_FAILURES 2

static bool is_quarantined(const struct worker_trust *t, int64_t now_us)
{
	return t->quarantine_until > now_us && !t->pinned;
}

double trust_score(const struct worker_trust *t, int64_t now_us)
{
	if (t->banned)
		return 0;
	if (t->pinned)
		return 1;
	if (is_quarantined(t, now_us))
		return 0;
	return worker_trust_share(t);
}

struct opt_f64 trust_price_per_result(const struct worker_trust *t)
{
	if (t->succeeded <= 0)
		return (struct opt_f64){ 0 };
	return OPT_F64((double)usdc_to_micro(t->spent) / 1e6 / (double)t->succeeded);
}

/* "45 s", "12 min", "2 h": rounded up, so that nothing is said to be over that is not. */
static void span_text(int64_t us, char *out, size_t size)
{
	int64_t s = us / SECOND + (us % SECOND != 0);

	if (s < 60)
		snprintf(out, size, "%lld s", (long long)s);
	else if (s <= 90 * 60)
		snprintf(out, size, "%lld min", (long long)((s + 59) / 60));
	else
		snprintf(out, size, "%lld h", (long long)((s + 3599) / 3600));
}

bool trust_allows(const struct worker_trust *t, int64_t now_us, char why[96])
{
	char span[32];

	why[0] = '\0';
	if (t->banned) {
		snprintf(why, 96, "banned by hand%s%.70s", t->note[0] ? ": " : "", t->note);
		return false;
	}
	if (!is_quarantined(t, now_us))
		return true;
	span_text(t->quarantine_until - now_us, span, sizeof(span));
	if (t->failures > 0)
		snprintf(why, 96, "quarantined for %s after %lld failure%s in a row", span, (long long)t->failures,
			 t->failures == 1 ? "" : "s");
	else
		snprintf(why, 96, "quarantined for %s", span);
	return false;
}

int64_t trust_quarantine(int64_t failures, bool refuted, int64_t now_us)
{
	int64_t span = FIRST_QUARANTINE, until;

	if (!refuted && failures <= FREE_FAILURES)
		return 0;
	for (int64_t i = FREE_FAILURES + 1; i < failures && span < DAY; i++)
		span *= 2;
	if (refuted || span > DAY)
		span = DAY;
	return __builtin_add_overflow(now_us, span, &until) ? INT64_MAX : until;
}
