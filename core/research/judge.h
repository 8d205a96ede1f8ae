/*
 * judge.h - keep, confirm or discard: pure functions over the numbers of runs.
 *
 * Layer: core. Threads: any.
 *
 * The rule. A candidate is screened by one run, which must be below a bar taken from the
 * incumbent's values. Then k runs with fresh seeds confirm it one after the other; each must be
 * below all of the incumbent's values, and the first that is not ends the matter. All below: it is
 * kept, and its k confirming values, not the selected screen, are the new incumbent's. Stopping at
 * the first failure changes no decision (a single value not below is enough to discard); it saves
 * more than half of the confirming runs.
 */
#ifndef CORE_RESEARCH_JUDGE_H
#define CORE_RESEARCH_JUDGE_H

#include "store/base.h"
#include "store/experiments.h"

#define JUDGE_VALUES_MAX 64

#define JUDGE_SCREEN_LIST(_) _(MIN, "min") _(MEAN, "mean") _(SIGMA, "sigma")
enum judge_screen {
#define JUDGE_SCREEN_ENUM(name, text) JUDGE_SCREEN_##name,
	JUDGE_SCREEN_LIST(JUDGE_SCREEN_ENUM)
#undef JUDGE_SCREEN_ENUM
	JUDGE_SCREEN_COUNT
};
ART_MUST_USE bool judge_screen_parse(const char *s, enum judge_screen *out);

struct judge_rule {
	int confirm; /* k; 0: the screen alone decides */
	enum judge_screen screen;
};

struct judge_input {
	const double *incumbent; /* its values, at least one */
	int n_incumbent;
	struct opt_f64 sigma;    /* seed noise of the class; SIGMA falls back to MIN without it */
	struct opt_f64 screen;   /* unknown: not yet run */
	const double *confirm;   /* in the order run */
	int n_confirm;
};

enum judge_action { JUDGE_RUN_SCREEN, JUDGE_RUN_CONFIRM, JUDGE_KEEP, JUDGE_DISCARD };
struct judge_result {
	enum judge_action action;
	int confirm;             /* of RUN_CONFIRM: which one is next, from 0 */
	double bar;              /* what the screen must be below */
	double floor;            /* what each confirming run must be below */
	char reason[REASON_MAX]; /* one sentence with the numbers, for KEEP and DISCARD */
};
void judge_next(const struct judge_rule *rule, const struct judge_input *in,
		struct judge_result *out);
/* What a first run must be below. */
double judge_bar(const struct judge_rule *rule, const double *incumbent, int n,
		 struct opt_f64 sigma);

/*
 * Chance that a candidate no different from the incumbent would be kept: with the incumbent's true
 * mean mu and noise sigma, one run below bar and k below floor:
 *     Phi((bar - mu) / sigma) * Phi((floor - mu) / sigma)^k
 * mu is not known. @mean is the plug-in: the baseline's average, or for a kept candidate the
 * average freed of its selection (judge_true_mean); without that the sum over a night is almost
 * twice too high. Over a night of 100 candidates without effect the sum agrees with the simulated
 * number of false keeps within a quarter for the default rule (see tests/unit/test_judge.c).
 */
double judge_false_keep(const struct judge_rule *rule, const double *incumbent, int n, double mean,
			double sigma);
/* True mean of a kept candidate with @values, all below @floor of a predecessor whose own true
 * mean was judged to be @limit. */
double judge_true_mean(const double *values, int n, double floor, double sigma, double limit);

/* 95 % interval of the mean of @n runs with pooled noise @sigma of @df degrees of freedom. False
 * and untouched without repeats. */
ART_MUST_USE bool judge_interval(double mean, int n, struct opt_f64 sigma, long df, double *lo,
				 double *hi);

#endif
