/*
 * early.h - is a run's curve hopeless? Pure functions over curves of finished runs.
 *
 * Layer: core. Threads: one struct early per caller.
 *
 * Schedules are tied to the end of the budget: a recipe with a late warm-down looks bad in the
 * middle and catches up. So being worse than the median is not enough. A run is stopped only past
 * half of its budget (and not near its end, where nothing is left to save), with at least EARLY_PEERS
 * finished curves, when it is worse than their median at the same progress, and when even a fall from here half as large again as the largest that any
 * finished run made from here would leave it above the worst end of the incumbent's own runs. The
 * incumbent's curves are among the finished, so none of them could have been stopped.
 */
#ifndef CORE_RESEARCH_EARLY_H
#define CORE_RESEARCH_EARLY_H

#include "store/base.h"
#include "store/experiments.h"

#define EARLY_PEERS 5
#define EARLY_CURVES_MAX 48
#define EARLY_FROM 0.5       /* share of the budget before which nothing is stopped */
#define EARLY_TO 0.85        /* and after which nothing is */
#define EARLY_FALL 1.5       /* how much more than the largest fall is granted */
#define EARLY_SMOOTH 0.02    /* share of the budget over which a curve is averaged */
#define EARLY_BLOWUP 1.5     /* diverged: smoothed loss above this times its best ... */
#define EARLY_BLOWUP_MIN 0.5 /* ... and above its best by this many nats ... */
#define EARLY_BLOWUP_FROM 0.2 /* ... past this share of the budget */

struct early_curve {
	struct curve_point *p;
	size_t n;
	bool incumbent;
};
struct early {
	struct early_curve c[EARLY_CURVES_MAX];
	int n;
};
void early_destroy(struct early *e);
/* Copies. Curves of fewer than two points are left out; beyond the maximum too. */
void early_add(struct early *e, const struct curve_point *p, size_t n, bool incumbent);
/* @why gets the sentence with the numbers. */
ART_MUST_USE bool early_hopeless(const struct early *e, double progress, double loss,
				 char why[REASON_MAX]);

/* A curve as it comes in: smoothed by progress, with its best so far. */
struct early_live {
	double progress, loss, best;
	bool begun;
};
/* The next raw loss; points that do not advance are ignored (false). */
bool early_live_add(struct early_live *l, double progress, double loss);
bool early_diverged(const struct early_live *l);

#endif
