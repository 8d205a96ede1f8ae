/*
 * experiments.h - nights, experiments and their runs: the research half of the store.
 *
 * Layer: store. Threads: any, through the caller's own struct store. Topics: EXPERIMENT, CURVE.
 *
 * night 1-n experiment 1-n run. An experiment is one recipe in one class; a run is one execution
 * of it with one seed. Numbers compare only within a class.
 */
#ifndef STORE_EXPERIMENTS_H
#define STORE_EXPERIMENTS_H

#include "store/base.h"
#include "store/hash.h"
#include "store/store.h"

#define TITLE_MAX 160
#define REASON_MAX 256
#define KNOBS_MAX 1024
#define LOG_TAIL_MAX 4096
#define EXECUTOR_MAX 48

/* ---- class: what makes two numbers comparable ------------------------------------------- */

struct class_row {
	int64_t id;
	char metric[24];         /* "val_bpb" */
	char data[32];           /* data set's name, for people */
	char data_sha256[HASH_HEX];
	char evaluator_sha256[HASH_HEX];
	char budget[32];         /* "300s", "2000000tok", "1e15flop" */
	char hardware[96];       /* "cpu:AMD EPYC x2 avx512bf16" */
};
/* Find or make the row with these six texts; fills @row->id. */
ART_MUST_USE enum art_status class_get(struct store *st, struct class_row *row, struct art_err *err);
ART_MUST_USE enum art_status class_find(struct store *st, int64_t id, struct class_row *out,
					struct art_err *err);
/* "kjv 300s cpu:AMD EPYC x2 avx512bf16": one line for people. Returns @buf. */
const char *class_text(const struct class_row *c, char *buf, size_t n);

/* ---- night ----------------------------------------------------------------------------- */

struct night_row {
	int64_t id;
	int64_t started_at, ended_at; /* us; ended_at 0: still open, to be resumed */
	int64_t class_id;
	uint64_t seed;                /* stored as its int64 bits */
	int64_t rounds;               /* candidates to judge; 0: no limit */
	double hours;                 /* 0: no limit */
	double budget_s;              /* training seconds per run */
	int confirm;                  /* k */
	int64_t judged, kept;         /* filled by queries: candidates kept, discarded, failed or
	                               * stopped (a cancelled one used no round); kept among them */
	char end_reason[REASON_MAX];
};
/* Opens it: fills id, and started_at when 0. */
ART_MUST_USE enum art_status night_add(struct store *st, struct night_row *row, struct art_err *err);
ART_MUST_USE enum art_status night_end(struct store *st, int64_t id, const char *reason,
				       struct art_err *err); /* CONFLICT when ended already */
ART_MUST_USE enum art_status night_find(struct store *st, int64_t id, struct night_row *out,
					struct art_err *err); /* id 0: the newest; NOT_FOUND */

/* ---- experiment ------------------------------------------------------------------------ */

/* Verdicts: (name, text, is it final) */
#define VERDICT_LIST(_)                 \
	_(PENDING, "pending", 0)        \
	_(BASELINE, "baseline", 1)      \
	_(KEPT, "kept", 1)              \
	_(DISCARDED, "discarded", 1)    \
	_(FAILED, "failed", 1)          \
	_(STOPPED, "stopped", 1)        \
	_(CANCELLED, "cancelled", 1)    \
	_(IMPORTED, "imported", 1)
enum verdict {
#define VERDICT_ENUM(name, text, final) VERDICT_##name,
	VERDICT_LIST(VERDICT_ENUM)
#undef VERDICT_ENUM
	VERDICT_COUNT
};
const char *verdict_text(enum verdict v);
ART_MUST_USE bool verdict_parse(const char *s, enum verdict *out);

struct experiment_row {
	int64_t id;
	int64_t night_id;            /* 0: imported */
	int64_t class_id;
	int64_t parent_id;           /* 0: none */
	char title[TITLE_MAX];       /* "MATRIX_LR 0.04 -> 0.06" */
	char idea[REASON_MAX];       /* hypothesis, may be empty */
	char proposer[24];           /* "baseline" "search" "queue" "import" ... */
	char recipe_sha256[HASH_HEX];
	char knobs[KNOBS_MAX];       /* canonical "NAME=value;" list without SEED, in knob order */
	enum verdict verdict;
	char reason[REASON_MAX];     /* why this verdict */
	struct opt_f64 val_bpb;      /* mean over the n runs that count */
	int64_t n;
	struct opt_f64 lo, hi;       /* 95 % interval of the mean */
	struct opt_f64 p_false_keep; /* chance that a candidate without effect had been kept here */
	int64_t created_at, decided_at;
	/* filled by queries, not stored */
	int64_t runs, runs_live;
	double seconds;              /* sum over runs */
};

/*
 * Add an experiment in PENDING with its recipe text; fills id, recipe_sha256, created_at.
 * Errors: CONFLICT when the class has an experiment with this recipe hash or, where knobs is not
 * empty, this knob list (err names its id); rows of proposer "import" neither conflict nor count as
 * a twin. LIMIT over RECIPE_MAX_BYTES.
 */
ART_MUST_USE enum art_status experiment_add(struct store *st, struct experiment_row *row,
					    const char *recipe, size_t recipe_len,
					    struct art_err *err);
ART_MUST_USE enum art_status experiment_find(struct store *st, int64_t id,
					     struct experiment_row *out, struct art_err *err);
/* Owns: *out, free(). */
ART_MUST_USE enum art_status experiment_recipe(struct store *st, int64_t id, char **out, size_t *len,
					       struct art_err *err);
/* PENDING -> final, once. Sets verdict, reason, val_bpb, n, lo, hi, p_false_keep, and decided_at
 * (now when 0). CONFLICT when already judged: nothing is ever judged twice. */
ART_MUST_USE enum art_status experiment_judge(struct store *st, const struct experiment_row *row,
					      struct art_err *err);
/* Update val_bpb, n, lo, hi while PENDING (screen passed, confirming), or refine a champion's
 * (or baseline's) numbers after more repeats; CONFLICT for any other verdict. */
ART_MUST_USE enum art_status experiment_numbers(struct store *st, const struct experiment_row *row,
						struct art_err *err);

/* The incumbent of a class: the last KEPT by decided order, else the BASELINE. NOT_FOUND. */
ART_MUST_USE enum art_status experiment_champion(struct store *st, int64_t class_id,
						 struct experiment_row *out, struct art_err *err);

enum experiment_sort {
	EXPERIMENT_BY_ID,      /* oldest first */
	EXPERIMENT_BY_SCORE,   /* best val_bpb first; unknown last, descending too */
	EXPERIMENT_BY_VERDICT, /* in the order of the enum */
	EXPERIMENT_BY_PROPOSER,
	EXPERIMENT_BY_TIME,    /* seconds spent, least first */
};
struct experiment_query {
	int64_t class_id;      /* 0: all */
	int64_t night_id;      /* 0: all */
	unsigned verdicts;     /* bit mask 1u << enum verdict; 0: all */
	char match[64];        /* case-insensitive substring of title, idea, proposer, knobs; "" all */
	enum experiment_sort sort;
	bool descending;
	int64_t offset, limit; /* limit 0: no limit */
};
struct experiment_list {
	struct experiment_row *rows;
	size_t n;
	int64_t total; /* matching rows without offset and limit */
};
ART_MUST_USE enum art_status experiment_query(struct store *st, const struct experiment_query *q,
					      struct experiment_list *out, struct art_err *err);
void experiment_list_destroy(struct experiment_list *l);

/* ---- run ------------------------------------------------------------------------------- */

/*
 * States of a run: (name, text, is it final). Legal moves are one table in experiments_runs.c:
 *   queued -> running | cancelled
 *   running -> evaluating | done | failed | stopped | cancelled | queued (engine died; attempt + 1)
 *   evaluating -> done | failed | cancelled | queued (engine died)
 */
#define RUN_STATE_LIST(_)               \
	_(QUEUED, "queued", 0)          \
	_(RUNNING, "running", 0)        \
	_(EVALUATING, "evaluating", 0)  \
	_(DONE, "done", 1)              \
	_(FAILED, "failed", 1)          \
	_(STOPPED, "stopped", 1)        \
	_(CANCELLED, "cancelled", 1)
enum run_state {
#define RUN_STATE_ENUM(name, text, final) RUN_##name,
	RUN_STATE_LIST(RUN_STATE_ENUM)
#undef RUN_STATE_ENUM
	RUN_STATE_COUNT
};
const char *run_state_text(enum run_state s);
ART_MUST_USE bool run_state_parse(const char *s, enum run_state *out);
bool run_state_final(enum run_state s);
bool run_state_may(enum run_state from, enum run_state to);

#define RUN_PURPOSE_LIST(_) _(BASELINE, "baseline") _(SCREEN, "screen") _(CONFIRM, "confirm")
enum run_purpose {
#define RUN_PURPOSE_ENUM(name, text) RUN_FOR_##name,
	RUN_PURPOSE_LIST(RUN_PURPOSE_ENUM)
#undef RUN_PURPOSE_ENUM
	RUN_PURPOSE_COUNT
};
const char *run_purpose_text(enum run_purpose p);

/* Why a run did not end DONE, chosen by what the proposer learns from it. */
#define RUN_FAULT_LIST(_)            \
	_(NONE, "")                  \
	_(CRASH, "crash")            \
	_(OOM, "out of memory")      \
	_(DIVERGED, "diverged")      \
	_(TIMEOUT, "timed out")      \
	_(NO_RESULT, "no result")    \
	_(BAD_RESULT, "bad result")  \
	_(TAMPERED, "evaluator or data changed") \
	_(EARLY, "stopped early")    \
	_(SETUP, "could not start")
enum run_fault {
#define RUN_FAULT_ENUM(name, text) RUN_FAULT_##name,
	RUN_FAULT_LIST(RUN_FAULT_ENUM)
#undef RUN_FAULT_ENUM
	RUN_FAULT_COUNT
};
const char *run_fault_text(enum run_fault f);

struct run_row {
	int64_t id;
	int64_t experiment_id;
	int64_t idx;                    /* 0, 1, ... within the experiment */
	enum run_purpose purpose;
	char executor[EXECUTOR_MAX];    /* "local:cpu" */
	int64_t seed;
	enum run_state state;
	int64_t attempt;                /* 1 at first start */
	struct opt_f64 val_bpb;         /* the harness's own number */
	struct opt_f64 claimed_bpb;     /* what the training program printed */
	int64_t started_at, finished_at;
	struct opt_f64 seconds;         /* training seconds */
	struct opt_i64 tokens, steps, params;
	struct opt_f64 mfu, peak_mem_mb;
	bool throttled;                 /* far fewer tokens than its peers: flagged, not ranked */
	enum run_fault fault;
	char error[REASON_MAX];         /* one sentence, "" when none */
	int64_t pid, pid_started;       /* of the child, to end an orphan after kill -9; 0 unknown */
	char checkpoint_sha256[HASH_HEX];
};

/* Adds in QUEUED; fills id, idx (next of the experiment). CONFLICT for a seed used already there. */
ART_MUST_USE enum art_status run_add(struct store *st, struct run_row *row, struct art_err *err);
ART_MUST_USE enum art_status run_find(struct store *st, int64_t id, struct run_row *out,
				      struct art_err *err);
/*
 * Compare-and-set: move run @row->id from @from to @row->state and store every other field of
 * @row (but experiment_id and idx). CONFLICT when it is not in @from any more; INVALID for DONE
 * without val_bpb; bug when the table forbids the move.
 */
ART_MUST_USE enum art_status run_move(struct store *st, const struct run_row *row,
				      enum run_state from, struct art_err *err);
/* pid of the child once it runs. CONFLICT when the run is final. */
ART_MUST_USE enum art_status run_set_pid(struct store *st, int64_t id, int64_t pid,
					 int64_t pid_started, struct art_err *err);
/* Tail of the log, cleaned, at most LOG_TAIL_MAX - 1 bytes kept. Topic CURVE. */
ART_MUST_USE enum art_status run_set_log_tail(struct store *st, int64_t id, const char *text,
					      struct art_err *err);
ART_MUST_USE enum art_status run_log_tail(struct store *st, int64_t id, char out[LOG_TAIL_MAX],
					  struct art_err *err);

struct run_list {
	struct run_row *rows;
	size_t n;
};
/* Of one experiment by idx; or experiment_id 0: all runs that are not final, by id. */
ART_MUST_USE enum art_status run_list(struct store *st, int64_t experiment_id, struct run_list *out,
				      struct art_err *err);
/* All DONE runs of a class with a known val_bpb, by id: what sigma and throttling are judged on. */
ART_MUST_USE enum art_status run_list_class(struct store *st, int64_t class_id,
					    struct run_list *out, struct art_err *err);
void run_list_destroy(struct run_list *l);

/* ---- live curve ------------------------------------------------------------------------ */

struct curve_point {
	double progress; /* share of the budget, 0..1 */
	double seconds;
	int64_t tokens;
	double loss;     /* nats per token, smoothed by the writer */
};
#define CURVE_MAX 512 /* points kept per run; the writer thins */
/* A point at the same progress replaces. LIMIT, and nothing added, over CURVE_MAX in all; INVALID
 * for a point that is not finite. */
ART_MUST_USE enum art_status curve_add(struct store *st, int64_t run_id, const struct curve_point *p,
				       size_t n, struct art_err *err);
/* Removes a run's points (before a new attempt). */
ART_MUST_USE enum art_status curve_clear(struct store *st, int64_t run_id, struct art_err *err);
/* At most CURVE_MAX points by progress. */
ART_MUST_USE enum art_status curve_list(struct store *st, int64_t run_id,
					struct curve_point out[CURVE_MAX], size_t *n,
					struct art_err *err);

/* ---- the board in one query ------------------------------------------------------------- */

/* What the header and `artui status` show; for the newest night's class, or @class_id. */
struct board {
	bool has_class;
	struct class_row class;
	bool has_night;
	struct night_row night;
	bool has_champion, has_baseline;
	struct experiment_row champion, baseline;
	/* Seed noise of the class, pooled over its experiments: sqrt(sum (x - own mean)^2 / df) over
	 * DONE runs that are not throttled, df one less per experiment than it has such runs. Screen
	 * runs are left out: they were looked at because they were low. */
	struct opt_f64 sigma;
	int64_t sigma_df;
	int64_t experiments, judged, kept, failed; /* candidates of the class; judged as in a night */
	double expected_false_keeps;    /* sum of p_false_keep over the class's judged candidates */
	/* Of the night above: time with a run active / time elapsed, 0..1. The clock stops where no
	 * engine was alive, as far as one can tell: from the last activity before an engine's start to
	 * that start, and after the last activity of an open night while the engine is not at work.
	 * The newest attempt of a run counts, since an earlier one was lost. Unknown at the start. */
	struct opt_f64 busy_share;
	int64_t runs_live;              /* of the class */
};
ART_MUST_USE enum art_status board_get(struct store *st, int64_t class_id, struct board *out,
				       struct art_err *err);
/* val_bpb of baseline and champions over decided order, oldest first: the trend chart. The newest
 * @max of them. */
struct trend_point {
	int64_t at;
	int64_t experiment_id;
	double val_bpb;
};
ART_MUST_USE enum art_status board_trend(struct store *st, int64_t class_id,
					 struct trend_point *out, size_t max, size_t *n,
					 struct art_err *err);

#endif
