/*
 * report_gather.h - what a report tells, gathered once; each format only writes it down.
 *
 * Layer: core, inside report*.c. Threads: any; a struct report belongs to one caller.
 */
#ifndef CORE_RESEARCH_REPORT_GATHER_H
#define CORE_RESEARCH_REPORT_GATHER_H

#include "core/research/report.h"
#include "store/events.h"
#include "store/knobs.h"

#define REPORT_NEAR_MAX 5

/* The best an experiment of this night did with a knob away from the baseline's value. */
struct report_knob {
	char name[64];
	char base[64];      /* the baseline's value */
	char best[64];      /* the value of the best candidate that changed it */
	int64_t tried;      /* candidates with another value than the baseline's */
	struct opt_f64 val_bpb; /* best of them */
	int64_t best_id;
};

struct report {
	int64_t made_at;
	struct night_row night;
	bool has_class;
	struct class_row class;
	struct board board;              /* of the class */
	struct experiment_list all;      /* of the night, by id */
	struct run_list *runs;           /* all.n of them */
	struct opt_f64 gain, gain_lo, gain_hi; /* baseline's mean - champion's, 95 % interval */
	size_t *near;                    /* places in all: confirmed in vain, best first */
	size_t n_near;
	int64_t verdicts[VERDICT_COUNT];
	int64_t faults[RUN_FAULT_COUNT]; /* runs */
	int64_t n_runs, n_throttled, n_retried;
	double train_seconds, elapsed_seconds;
	struct opt_f64 busy_share;
	double tokens;
	struct reference_list references;
	struct report_knob knobs[KNOB_COUNT];
	int n_knobs;
};

ART_MUST_USE enum art_status report_gather(struct report *r, struct store *st, int64_t night_id,
					   struct art_err *err);
void report_destroy(struct report *r);

bool report_candidate(const struct experiment_row *e); /* proposed, not baseline or import */
/* When it was decided, else when it was made: its place on the chart. */
int64_t report_when(const struct report *r, size_t i);
/* The incumbent's value at the time: kept ones and the baseline, by decided order. */
struct report_step {
	int64_t at;
	int64_t id;
	double val_bpb;
};
size_t report_steps(const struct report *r, struct report_step *out, size_t max);

/* The range of val_bpb a chart shows: data, and those references that are not far off. */
struct report_range {
	double lo, hi;
	bool known;
};
struct report_range report_range(const struct report *r);
bool report_in_range(struct report_range range, double v);

void report_put_text(const struct report *r, struct art_buf *b);
void report_put_md(const struct report *r, struct art_buf *b);
void report_put_json(const struct report *r, struct art_buf *b);
void report_put_svg(const struct report *r, struct art_buf *b);

#endif
