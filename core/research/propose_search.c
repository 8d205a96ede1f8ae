/*
 * propose_search.c - the built-in search: quasi-random warm-up, then a multivariate
 * tree-structured Parzen estimator (TPE).
 *
 * Warm-up. Point number i takes the incumbent and moves 1 to 4 of its knobs, chosen by the seed, to
 * the i-th point of a scrambled Halton sequence. Moving few at a time keeps candidates near a recipe
 * that is known to work and says which knob did it.
 *
 * TPE. Finished trials are split into the best few ("good") and the rest. Each set is a mixture of
 * kernels over all knobs jointly, one kernel a trial, plus a flat one. Candidates are drawn from the
 * good mixture, all but 1 to 4 of their knobs set back to the incumbent's, and the one with the
 * largest ratio of good to bad density is proposed: the ratio of the joint densities, which sees
 * knobs act together, times that of each knob alone, which is what few trials in many dimensions can
 * tell. Crashed and diverged trials are in the bad set, so the search
 * leaves their neighbourhood; so are trials still pending (the constant liar), so that it does not
 * propose them again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/research/knob_space.h"
#include "core/research/propose.h"

#define MOVED_MAX 4          /* knobs of a warm-up point */
#define TRIALS_MIN 4         /* finished ones that the model needs */
#define TRIALS_MAX 1000      /* newest ones that it looks at */
#define CANDIDATES 96
#define GOOD_SHARE 0.15
#define GOOD_MAX 25
#define WIDTH 0.15           /* kernel width of one trial in one dimension, as a share of the range */
#define WIDTH_MIN 0.05
#define CHOICE_KEEP 0.7      /* weight of a kernel on its own choice */
#define FLAT_WEIGHT 0.5      /* of the flat kernel, against 1 for each trial */
#define WIDEN_AFTER 8        /* refused duplicates after which points are drawn from everywhere */

struct point {
	double u[SPACE_DIMS_MAX];
	double val;
	bool failed;
};

/* ---- quasi-random -------------------------------------------------------------------------- */

/* Radical inverse of @i in @base with the digits permuted by the seed. */
static double halton(uint64_t i, int base, uint64_t seed)
{
	double f = 1, x = 0;
	int perm[64];

	/* Enough digits that leading zeros are permuted too. */
	for (int digit = 0; f > 1e-9; digit++) {
		struct art_rng r;
		art_rng_seed(&r, art_mix64(seed, (uint64_t)(base * 64 + digit)));
		for (int k = 0; k < base; k++)
			perm[k] = k;
		for (int k = base - 1; k > 0; k--) {
			int other = (int)(art_rng_f64(&r) * (k + 1)), t = perm[k];
			perm[k] = perm[other];
			perm[other] = t;
		}
		f /= base;
		x += f * perm[i % (uint64_t)base];
		i /= (uint64_t)base;
	}
	return x < 1 ? x : 1 - 1e-9;
}

static int nth_prime(int n)
{
	static const int primes[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61 };

	return primes[n % (int)ART_COUNT(primes)];
}

/* A random order of the dimensions. */
static void shuffle(struct art_rng *r, int *order, int n)
{
	for (int i = 0; i < n; i++)
		order[i] = i;
	for (int i = n - 1; i > 0; i--) {
		int j = (int)(art_rng_f64(r) * (i + 1)), t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
}

static bool moved(const struct knob_space *s, const double *u)
{
	return memcmp(u, s->base, (size_t)s->n * sizeof(*u)) != 0;
}

static void warmup_point(const struct knob_space *s, const struct propose_ctx *ctx, double *u)
{
	/* The sequence goes on over nights and skips what was refused. */
	uint64_t i = (uint64_t)(ctx->searched + 1 + 1009 * (int64_t)ctx->attempt);
	int order[SPACE_DIMS_MAX];
	struct art_rng r;
	int n;

	art_rng_seed(&r, art_mix64(art_mix64(ctx->seed, 0x77617273), i));
	memcpy(u, s->base, sizeof(s->base));
	shuffle(&r, order, s->n);
	n = 1 + (int)(art_rng_f64(&r) * MOVED_MAX);
	if (ctx->attempt >= WIDEN_AFTER)
		n = s->n;
	for (int k = 0; k < n && k < s->n; k++)
		u[order[k]] = halton(i, nth_prime(order[k]), art_mix64(ctx->seed, 0x68616c74));
	knob_space_settle(s, u);
	/* Bins may have caught every move: take the next knobs until one really moves. */
	for (int k = n; k < s->n && !moved(s, u); k++) {
		u[order[k]] = halton(i, nth_prime(order[k]), art_mix64(ctx->seed, 0x68616c74));
		knob_space_settle(s, u);
	}
}

/* ---- Parzen mixtures ----------------------------------------------------------------------- */

struct mixture {
	const struct point *p;
	size_t n;
	double width;
};

static double kernel_width(size_t n, int dims)
{
	double w = WIDTH * pow((double)(n > 0 ? n : 1), -1.0 / (dims + 4));

	return w > WIDTH_MIN ? w : WIDTH_MIN;
}

/* Log density of a truncated normal around @c at @x in [0, 1]. */
static double log_kernel(double x, double c, double w)
{
	double z = (x - c) / w;
	double mass = 0.5 * (erf((1 - c) / (w * M_SQRT2)) + erf(c / (w * M_SQRT2)));

	return -0.5 * z * z - log(w * sqrt(2 * M_PI) * mass);
}

static double log_choice(double x, double c, int bins)
{
	bool same = (int)(x * bins) == (int)(c * bins);
	double p = (same ? CHOICE_KEEP : 0) + (1 - CHOICE_KEEP) / bins;

	return log(p * bins);
}

/* Log kernel of trial @p in dimension @i at @x. */
static double log_part(const struct knob_space *s, int i, const struct mixture *m,
		       const struct point *p, double x)
{
	const struct space_dim *d = &s->d[i];

	return d->scale == SPACE_CHOICE ? log_choice(x, p->u[i], d->bins) :
					  log_kernel(x, p->u[i], m->width);
}

/* Sum over the knobs of the log density of each alone. */
static double log_marginals(const struct knob_space *s, const struct mixture *m, const double *u)
{
	double total = 0;

	for (int i = 0; i < s->n; i++) {
		double sum = FLAT_WEIGHT;
		for (size_t k = 0; k < m->n; k++)
			sum += exp(log_part(s, i, m, &m->p[k], u[i]));
		total += log(sum / ((double)m->n + FLAT_WEIGHT));
	}
	return total;
}

static double log_joint(const struct knob_space *s, const struct mixture *m, const double *u)
{
	/* Terms are summed as multiples of the largest so far; the flat kernel, of density 1, is first. */
	double top = log(FLAT_WEIGHT), sum = 1;

	for (size_t k = 0; k < m->n; k++) {
		double l = 0;
		for (int i = 0; i < s->n; i++)
			l += log_part(s, i, m, &m->p[k], u[i]);
		if (l > top) {
			sum = sum * exp(top - l) + 1;
			top = l;
		} else {
			sum += exp(l - top);
		}
	}
	return top + log(sum) - log((double)m->n + FLAT_WEIGHT);
}

static void draw(const struct knob_space *s, const struct mixture *m, struct art_rng *r, double *u)
{
	double pick = art_rng_f64(r) * ((double)m->n + FLAT_WEIGHT);
	const struct point *c = pick < (double)m->n ? &m->p[(size_t)pick] : NULL;

	for (int i = 0; i < s->n; i++) {
		const struct space_dim *d = &s->d[i];
		if (!c || (d->scale == SPACE_CHOICE && art_rng_f64(r) >= CHOICE_KEEP)) {
			u[i] = art_rng_f64(r);
			continue;
		}
		if (d->scale == SPACE_CHOICE) {
			u[i] = c->u[i];
			continue;
		}
		/* Reflected at the walls: close to the truncated kernel, and never rejected. */
		u[i] = c->u[i] + m->width * art_rng_normal(r);
		for (int k = 0; k < 8 && (u[i] < 0 || u[i] >= 1); k++)
			u[i] = u[i] < 0 ? -u[i] : 2 - 1e-9 - u[i];
		if (u[i] < 0 || u[i] >= 1)
			u[i] = art_rng_f64(r);
	}
}

/* Best first; failures behind all, in the order made. */
static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->failed != y->failed)
		return x->failed - y->failed;
	return x->failed ? 0 : (x->val > y->val) - (x->val < y->val);
}

static void insertion_sort(struct point *p, size_t n)
{
	/* Stable, which qsort is not everywhere: the order of equals must not depend on libc. */
	for (size_t i = 1; i < n; i++) {
		struct point t = p[i];
		size_t j = i;
		while (j > 0 && compare_points(&p[j - 1], &t) > 0) {
			p[j] = p[j - 1];
			j--;
		}
		p[j] = t;
	}
}

static void tpe_point(const struct knob_space *s, const struct propose_ctx *ctx, struct point *p,
		      size_t n, size_t n_done, double *best)
{
	size_t n_good = (size_t)ceil(GOOD_SHARE * (double)n);
	struct mixture good, bad;
	struct art_rng r;
	double top = -INFINITY;

	insertion_sort(p, n);
	n_good = n_good < 2 ? 2 : n_good > GOOD_MAX ? GOOD_MAX : n_good;
	n_good = n_good > n_done ? n_done : n_good;
	good = (struct mixture){ p, n_good, kernel_width(n_good, s->n) };
	bad = (struct mixture){ p + n_good, n - n_good, kernel_width(n - n_good, s->n) };
	art_rng_seed(&r, art_mix64(art_mix64(ctx->seed, 0x747065),
				   art_mix64((uint64_t)ctx->index, (uint64_t)ctx->attempt)));
	memcpy(best, s->base, sizeof(s->base));
	for (int k = 0; k < CANDIDATES; k++) {
		double u[SPACE_DIMS_MAX], score;
		int order[SPACE_DIMS_MAX], n_moved = 1 + (int)(art_rng_f64(&r) * MOVED_MAX);
		draw(s, &good, &r, u);
		shuffle(&r, order, s->n);
		for (int i = n_moved; i < s->n; i++)
			u[order[i]] = s->base[order[i]];
		knob_space_settle(s, u);
		if (!moved(s, u))
			continue;
		score = log_joint(s, &good, u) - log_joint(s, &bad, u) +
			log_marginals(s, &good, u) - log_marginals(s, &bad, u);
		if (score > top) {
			top = score;
			memcpy(best, u, sizeof(u));
		}
	}
}

/* ---- the proposer -------------------------------------------------------------------------- */

/* Trials as points; *done counts those with a value. Owns: *out. */
static size_t read_trials(const struct knob_space *s, const struct propose_ctx *ctx,
			  struct point **out, size_t *done)
{
	size_t from = ctx->n_trials > TRIALS_MAX ? ctx->n_trials - TRIALS_MAX : 0, n = 0;

	*out = art_alloc(ctx->n_trials - from + 1, sizeof(**out));
	*done = 0;
	for (size_t i = from; i < ctx->n_trials; i++) {
		const struct propose_trial *t = &ctx->trials[i];
		struct point *p = &(*out)[n++];
		knob_space_read(s, t->knobs, p->u);
		p->failed = t->state != TRIAL_DONE;
		p->val = t->val_bpb;
		*done += !p->failed;
	}
	return n;
}

static enum art_status search_propose(const struct propose_ctx *ctx, struct proposal *out,
				      struct art_err *err)
{
	struct recipe *r = art_alloc(1, sizeof(*r));
	struct knob_space *s = art_alloc(1, sizeof(*s));
	struct point *p = NULL;
	double u[SPACE_DIMS_MAX];
	size_t n, done;
	enum art_status st;

	memset(out, 0, sizeof(*out));
	st = recipe_parse(r, ctx->recipe, ctx->recipe_len, err);
	if (st)
		goto out;
	knob_space_build(s, r, ctx->allow, ctx->seq_len);
	if (!s->n) {
		st = art_fail(err, ART_NOT_FOUND, "the recipe has no constant that the search may change");
		goto out;
	}
	n = read_trials(s, ctx, &p, &done);
	if (ctx->searched < ctx->warmup || done < TRIALS_MIN || ctx->attempt >= WIDEN_AFTER) {
		warmup_point(s, ctx, u);
		art_copy(out->idea, sizeof(out->idea), "exploring");
	} else {
		tpe_point(s, ctx, p, n, done, u);
		art_copy(out->idea, sizeof(out->idea), "near the best so far, away from the rest");
	}
	if (!moved(s, u)) {
		st = art_fail(err, ART_CONFLICT, "the search found nothing to change");
		goto out;
	}
	st = knob_space_apply(s, u, ctx->recipe, ctx->recipe_len, &out->recipe, err);
	if (st)
		goto out;
	out->recipe_len = strlen(out->recipe);
	st = proposal_describe(ctx, out, err);
out:
	if (st)
		proposal_destroy(out);
	free(p);
	free(s);
	free(r);
	return st;
}

const struct proposer_ops propose_search = { "search", search_propose };
