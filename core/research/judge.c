/*
 * judge.c - the decision rule and the figures that go with it.
 */
#include "core/research/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/research/stats.h"

static const char *const screen_text[JUDGE_SCREEN_COUNT] = {
#define SCREEN_TEXT(name, text) [JUDGE_SCREEN_##name] = text,
	JUDGE_SCREEN_LIST(SCREEN_TEXT)
#undef SCREEN_TEXT
};

bool judge_screen_parse(const char *s, enum judge_screen *out)
{
	for (int i = 0; i < JUDGE_SCREEN_COUNT; i++) {
		if (!strcmp(s, screen_text[i])) {
			*out = (enum judge_screen)i;
			return true;
		}
	}
	return false;
}

double judge_bar(const struct judge_rule *rule, const double *incumbent, int n,
		 struct opt_f64 sigma)
{
	switch (rule->screen) {
	case JUDGE_SCREEN_MEAN:
		return stats_mean(incumbent, (size_t)n);
	case JUDGE_SCREEN_SIGMA:
		if (sigma.known)
			return stats_mean(incumbent, (size_t)n) - sigma.v;
		break;
	case JUDGE_SCREEN_MIN:
	case JUDGE_SCREEN_COUNT:
		break;
	}
	return stats_min(incumbent, (size_t)n);
}

static void say_screen_failed(struct judge_result *r, const struct judge_rule *rule,
			      const struct judge_input *in)
{
	const char *what = "the incumbent's best";

	if (rule->screen == JUDGE_SCREEN_MEAN)
		what = "the incumbent's mean";
	else if (rule->screen == JUDGE_SCREEN_SIGMA && in->sigma.known)
		what = "one sigma below the incumbent's mean,";
	snprintf(r->reason, sizeof(r->reason), "screen %.4f is not below %s %.4f", in->screen.v,
		 what, r->bar);
}

void judge_next(const struct judge_rule *rule, const struct judge_input *in,
		struct judge_result *out)
{
	int k = rule->confirm;

	ART_BUG_ON(in->n_incumbent < 1 || k < 0 || in->n_confirm > k);
	memset(out, 0, sizeof(*out));
	out->bar = judge_bar(rule, in->incumbent, in->n_incumbent, in->sigma);
	out->floor = stats_min(in->incumbent, (size_t)in->n_incumbent);
	if (!in->screen.known) {
		out->action = JUDGE_RUN_SCREEN;
		return;
	}
	/* "Not below" in this form, so that a NaN is discarded too. */
	if (!(in->screen.v < out->bar)) {
		out->action = JUDGE_DISCARD;
		say_screen_failed(out, rule, in);
		return;
	}
	for (int i = 0; i < in->n_confirm; i++) {
		if (in->confirm[i] < out->floor)
			continue;
		out->action = JUDGE_DISCARD;
		snprintf(out->reason, sizeof(out->reason),
			 "confirming run %d of %d gave %.4f, not below the incumbent's best %.4f "
			 "(the screen had given %.4f)",
			 i + 1, k, in->confirm[i], out->floor, in->screen.v);
		return;
	}
	if (in->n_confirm < k) {
		out->action = JUDGE_RUN_CONFIRM;
		out->confirm = in->n_confirm;
		return;
	}
	out->action = JUDGE_KEEP;
	if (k == 0)
		snprintf(out->reason, sizeof(out->reason), "screen %.4f is below %.4f", in->screen.v,
			 out->bar);
	else
		snprintf(out->reason, sizeof(out->reason),
			 "all %d fresh seeds (mean %.4f) are below the incumbent's best %.4f", k,
			 stats_mean(in->confirm, (size_t)k), out->floor);
}

double judge_false_keep(const struct judge_rule *rule, const double *incumbent, int n, double mean,
			double sigma)
{
	double floor = stats_min(incumbent, (size_t)n);
	double bar = judge_bar(rule, incumbent, n, OPT_F64(sigma));

	/* No noise at all: an equal candidate is never strictly below. */
	if (!(sigma > 0))
		return 0;
	return stats_normal_cdf((bar - mean) / sigma) *
	       pow(stats_normal_cdf((floor - mean) / sigma), rule->confirm);
}

double judge_true_mean(const double *values, int n, double floor, double sigma, double limit)
{
	return stats_untruncated_mean(stats_mean(values, (size_t)n), floor, sigma, limit);
}

bool judge_interval(double mean, int n, struct opt_f64 sigma, long df, double *lo, double *hi)
{
	double half;

	if (n < 1 || !sigma.known || df < 1)
		return false;
	half = stats_t_quantile(0.975, (double)df) * sigma.v / sqrt(n);
	*lo = mean - half;
	*hi = mean + half;
	return true;
}
