/* worker_trust.c - our trust in a worker, in words. See workers.h. */
#include "store/workers.h"

#include <stdio.h>

#define GOOD 0.9 /* share of its experiments that held */
#define FAIR 0.6

/* "45 s", "12 min", "2 h": rounded up, so that nothing is said to be over that is not. */
static void span_text(int64_t us, char *out, size_t size)
{
	int64_t s = us / 1000000 + (us % 1000000 != 0);

	if (s < 60)
		snprintf(out, size, "%lld s", (long long)s);
	else if (s <= 90 * 60)
		snprintf(out, size, "%lld min", (long long)((s + 59) / 60));
	else
		snprintf(out, size, "%lld h", (long long)((s + 3599) / 3600));
}

static int shown(int64_t n) { return n > 99999 ? 99999 : (int)n; }

void worker_trust_text(const struct worker_trust *t, int64_t now_us, char out[32])
{
	int64_t held = t->succeeded - t->refuted;
	double share;
	char span[20];

	if (t->banned) {
		snprintf(out, 32, "banned");
		return;
	}
	if (t->pinned) {
		snprintf(out, 32, "pinned");
		return;
	}
	if (t->quarantine_until > now_us) {
		span_text(t->quarantine_until - now_us, span, sizeof(span));
		snprintf(out, 32, "quarantined %s", span);
		return;
	}
	if (t->runs <= 0) {
		snprintf(out, 32, t->refuted > 0 ? "poor, refuted" : "new");
		return;
	}
	held = held < 0 ? 0 : held > t->runs ? t->runs : held;
	share = (double)held / (double)t->runs;
	/* one whose word was refuted, or that took money for nothing, is not called good */
	snprintf(out, 32, "%s %d/%d",
		 share >= GOOD && !t->refuted && !t->paid_failed ? "good" : share >= FAIR ? "fair" : "poor",
		 shown(held), shown(t->runs));
}
