/*
 * night_private.h - the state behind night.h, shared by the night's files.
 *
 * night.c       wishes, start and end, the turn
 * night_judge.c what the pending experiment needs next; verdicts
 * night_next.c  the next experiment: baseline, ideas, search
 * night_run.c   one run from queued to its end
 */
#ifndef CORE_RESEARCH_NIGHT_PRIVATE_H
#define CORE_RESEARCH_NIGHT_PRIVATE_H

#include "core/exec/trainer.h"
#include "core/research/early.h"
#include "core/research/judge.h"
#include "core/research/night.h"

#define NIGHT_DEVICE "local:cpu"
#define NIGHT_BATCH 64 /* curve points written at once at most */

enum night_phase { PHASE_NONE, PHASE_TRAIN, PHASE_EVALUATE };

/* The run under way, as far as it is not in the store. */
struct live_run {
	enum night_phase phase;
	struct job *job;
	struct run_row row;
	int64_t number;            /* of the experiment in the night, for people */
	char dir[WORKSPACE_PATH_MAX];
	struct trainer_summary summary;
	struct trainer_metric last;
	bool has_metrics;          /* lines on the descriptor: those of the log are ignored */
	struct early_live curve;
	struct early peers;
	double kept_progress;      /* of the last curve point kept */
	struct curve_point batch[NIGHT_BATCH];
	size_t n_batch;
	int64_t flushed_us, log_bytes;
	int64_t oom_before;
	bool diverged, hopeless, cancelled;
	char why[REASON_MAX];
	struct art_buf answer;     /* of the evaluator */
};

struct night {
	struct night_env env;
	bool active, paused;
	struct night_row row;
	struct class_row class;
	struct trainer t;
	struct live_run live;
	int64_t lost_run; /* run killed from outside last, and how many times in a row */
	int lost_times;
	char ending[REASON_MAX]; /* set: end the night with this reason */
	bool ending_failed;
	char doing[160];
	bool wait;        /* nothing to do until something happens */
};

/* Ask for the night's end; done by the next turn. */
void night_finish(struct night *n, bool failed, const char *fmt, ...) ART_PRINTF(3, 4);

/* night_judge.c */
struct night_values {
	double v[JUDGE_VALUES_MAX];
	int n;
};
/* The runs of an experiment that its number is made of, in order. */
ART_MUST_USE enum art_status night_values(struct night *n, int64_t experiment_id,
					  struct night_values *out, struct art_err *err);
ART_MUST_USE enum art_status night_step(struct night *n, const struct experiment_row *e,
					struct art_err *err);
ART_MUST_USE enum art_status night_cancel(struct night *n, const struct experiment_row *e,
					  const char *why, struct art_err *err);
/* Number of @experiment_id in its night, from 1. */
ART_MUST_USE enum art_status night_number(struct night *n, int64_t experiment_id, int64_t *out,
					  struct art_err *err);
/* Did this finished run do far less than its peers? @text says it in numbers. */
ART_MUST_USE enum art_status night_throttled(struct night *n, const struct run_row *r, bool *out,
					     char text[REASON_MAX], struct art_err *err);

/* night_next.c */
/* Add the next experiment. *added false: nothing to propose. */
ART_MUST_USE enum art_status night_next(struct night *n, bool *added, struct art_err *err);

/* night_run.c */
ART_MUST_USE enum art_status night_run_start(struct night *n, const struct experiment_row *e,
					     const struct run_row *r, struct art_err *err);
/* Pump; *ended when the run is over and in the store. */
ART_MUST_USE enum art_status night_run_turn(struct night *n, bool *ended, struct art_err *err);
int64_t night_run_wake_us(const struct night *n);
/* Kill the child, put the run back into the queue. */
void night_run_abandon(struct night *n);
ART_MUST_USE enum art_status night_requeue(struct night *n, const struct run_row *r,
					   const char *why, struct art_err *err);
ART_MUST_USE enum art_status night_device(struct night *n, const char *state, int64_t run_id,
					  struct art_err *err);
/* Delete checkpoints that nobody needs: of @experiment_id unless it was kept, and of kept
 * experiments beyond night.keep_checkpoints. Failures are left for the next time. */
void night_prune(struct night *n, int64_t experiment_id);

#endif
