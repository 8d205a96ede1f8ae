/*
 * early.c - smoothing a live curve, and comparing it with finished ones.
 */
#include "core/research/early.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/stats.h"

void early_destroy(struct early *e)
{
	for (int i = 0; i < e->n; i++)
		free(e->c[i].p);
	memset(e, 0, sizeof(*e));
}

void early_add(struct early *e, const struct curve_point *p, size_t n, bool incumbent)
{
	struct early_curve *c = &e->c[e->n];

	if (n < 2 || e->n == EARLY_CURVES_MAX)
		return;
	c->p = art_alloc(n, sizeof(*c->p));
	memcpy(c->p, p, n * sizeof(*p));
	c->n = n;
	c->incumbent = incumbent;
	e->n++;
}

/* Loss of @c at @progress, between its points in a straight line. */
static double loss_at(const struct early_curve *c, double progress)
{
	size_t lo = 0, hi = c->n - 1;
	double span;

	if (progress <= c->p[0].progress)
		return c->p[0].loss;
	if (progress >= c->p[hi].progress)
		return c->p[hi].loss;
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;
		if (c->p[mid].progress <= progress)
			lo = mid;
		else
			hi = mid;
	}
	span = c->p[hi].progress - c->p[lo].progress;
	return c->p[lo].loss +
	       (c->p[hi].loss - c->p[lo].loss) * (progress - c->p[lo].progress) / span;
}

bool early_hopeless(const struct early *e, double progress, double loss, char why[REASON_MAX])
{
	double at[EARLY_CURVES_MAX], fall = 0, worst = -INFINITY, median;

	if (progress < EARLY_FROM || progress > EARLY_TO || e->n < EARLY_PEERS)
		return false;
	for (int i = 0; i < e->n; i++) {
		double end = e->c[i].p[e->c[i].n - 1].loss;
		at[i] = loss_at(&e->c[i], progress);
		fall = fmax(fall, at[i] - end);
		if (e->c[i].incumbent)
			worst = fmax(worst, end);
	}
	median = stats_median(at, (size_t)e->n);
	if (!(loss > median) || worst == -INFINITY || !(loss - EARLY_FALL * fall > worst))
		return false;
	snprintf(why, REASON_MAX,
		 "stopped at %.0f %%: loss %.4f is above the median %.4f of %d finished runs, and "
		 "the largest fall from here (%.4f) would not bring it to the incumbent's %.4f",
		 100 * progress, loss, median, e->n, fall, worst);
	return true;
}

bool early_live_add(struct early_live *l, double progress, double loss)
{
	double share;

	if (!l->begun) {
		*l = (struct early_live){ progress, loss, loss, true };
		return true;
	}
	if (!(progress > l->progress))
		return false;
	share = 1 - exp(-(progress - l->progress) / EARLY_SMOOTH);
	l->loss += share * (loss - l->loss);
	l->progress = progress;
	if (l->loss < l->best)
		l->best = l->loss;
	return true;
}

bool early_diverged(const struct early_live *l)
{
	return l->begun && l->progress >= EARLY_BLOWUP_FROM && l->loss > EARLY_BLOWUP * l->best &&
	       l->loss > l->best + EARLY_BLOWUP_MIN;
}
