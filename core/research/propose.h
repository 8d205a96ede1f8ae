/*
 * propose.h - where the next experiment comes from: one small table of functions a proposer.
 *
 * Layer: core. A proposer is a pure function of what it is given: same context, same proposal. So a
 * night that was cut off anywhere goes on as if it had not been. Threads: any.
 */
#ifndef CORE_RESEARCH_PROPOSE_H
#define CORE_RESEARCH_PROPOSE_H

#include "store/base.h"
#include "store/experiments.h"

/* What is known of an earlier experiment of the class. */
enum trial_state { TRIAL_DONE, TRIAL_FAILED, TRIAL_PENDING };
struct propose_trial {
	const char *knobs;
	enum trial_state state;
	double val_bpb; /* of DONE */
};

struct propose_ctx {
	const char *recipe; /* the incumbent's text */
	size_t recipe_len;
	bool code;          /* the recipe is a program: its code counts in the knob list */
	int64_t seq_len;    /* 0: not known */
	uint64_t seed;      /* of the night */
	int64_t index;      /* number of the experiment in its night, from 1 */
	int attempt;        /* 0, 1, ... after proposals that were refused as duplicates */
	const struct propose_trial *trials; /* of the class, in the order made, baseline included */
	size_t n_trials;
	int64_t searched;   /* how many of them the search proposed */
	int64_t warmup;     /* search.warmup */
	const char *allow;  /* search.knobs */
	const char *idea;   /* text of a waiting idea, NULL: none */
	const char *idea_recipe; /* whole recipe handed in with it, NULL: none */
	size_t idea_recipe_len;
};

struct proposal {
	char *recipe; /* owned */
	size_t recipe_len;
	char title[TITLE_MAX];
	char idea[REASON_MAX];
	char knobs[KNOBS_MAX];
};
void proposal_destroy(struct proposal *p);

struct proposer_ops {
	const char *name;
	/* NOT_FOUND: nothing to propose now. INVALID: the idea cannot be tried; err says why, for
	 * the person who had it. */
	enum art_status (*propose)(const struct propose_ctx *ctx, struct proposal *out,
				   struct art_err *err);
};

/* Ideas of people, then the search: in the order they are asked. NULL-terminated. */
const struct proposer_ops *const *proposers(void);
extern const struct proposer_ops propose_queue;
extern const struct proposer_ops propose_search;

/* Fill title and knobs of @out, whose recipe is set: "MATRIX_LR 0.04 -> 0.061, DEPTH 4 -> 5".
 * INVALID when the recipe cannot be read or holds a knob's value that is not valid. */
ART_MUST_USE enum art_status proposal_describe(const struct propose_ctx *ctx, struct proposal *out,
					       struct art_err *err);

#endif
