/*
 * experiments_sql.h - how rows of experiments.h lie in a SELECT. Private to experiments*.c.
 */
#ifndef STORE_EXPERIMENTS_SQL_H
#define STORE_EXPERIMENTS_SQL_H

#include "store/experiments.h"
#include "store/store_sql.h"

#define EXPERIMENT_COLUMNS                                                                         \
	"e.id, e.night_id, e.class_id, e.parent_id, e.title, e.idea, e.proposer,"                  \
	" e.recipe_sha256, e.knobs, e.verdict, e.reason, e.val_bpb, e.n, e.lo, e.hi,"              \
	" e.p_false_keep, e.created_at, e.decided_at, e.runs, e.runs_live, e.seconds"

/* The row of a SELECT that begins with EXPERIMENT_COLUMNS. */
void experiment_read(struct sql *q, struct experiment_row *row);

/* Runs that are not final; the same words as the index run_live. */
#define RUN_LIVE "state IN ('queued', 'running', 'evaluating')"
/* Runs that occupy a device. */
#define RUN_ACTIVE "state IN ('running', 'evaluating')"
/* What a person or a proposer tried, as against what it is compared with. */
#define CANDIDATE "proposer <> 'baseline' AND proposer <> 'import'"
/* Verdicts that used a round: not those that wait, and not those a person called off. */
#define JUDGED "verdict IN ('kept', 'discarded', 'failed', 'stopped')"

/* Add up the night's runs so far, when none is active: keeps the busy share cheap. */
ART_MUST_USE enum art_status night_fold(struct store *st, int64_t run_id, struct art_err *err);

/* INVALID unless @v is unknown or finite. */
ART_MUST_USE enum art_status check_finite(struct opt_f64 v, const char *what, int64_t id,
					  struct art_err *err);

#endif
