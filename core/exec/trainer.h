/*
 * trainer.h - the training program and its evaluator as the engine uses them: the native
 * artui-train, or a command of the researcher's.
 *
 * Layer: core. Threads: one struct trainer per caller.
 */
#ifndef CORE_EXEC_TRAINER_H
#define CORE_EXEC_TRAINER_H

#include "core/config.h"
#include "core/exec/job.h"
#include "core/workspace.h"
#include "store/base.h"
#include "store/experiments.h"
#include "store/hash.h"

#define TRAINER_FILES_MAX 32
#define TRAINER_MARK "ARTUI_RUN" /* names the run in the environment of all its processes */

struct trainer_file {
	char path[WORKSPACE_PATH_MAX]; /* as configured; relative ones are below the workspace */
	struct hash_hex hash;          /* when the night began */
};

struct trainer {
	const struct workspace *w;
	bool native;
	char program[WORKSPACE_PATH_MAX];  /* artui-train, absolute */
	const char *launcher;              /* borrowed; NULL: this program */
	char command[2048];                /* not native */
	struct trainer_file files[TRAINER_FILES_MAX];
	int n_files;
	char kernel[24];
	int threads;
	double budget_s, grace_s;
	int64_t data_bytes;                /* memory limit of a run */
	int64_t log_bytes;
	char data_dir[WORKSPACE_PATH_MAX];
	char data_name[32];
	char data_sha256[HASH_HEX], evaluator_sha256[HASH_HEX];
	int64_t seq_len;                   /* 0: not known */
	char hardware[96], device[160];
};

struct trainer_env {
	const struct workspace *w;
	const struct config *config;
	struct store *store;  /* remembers the kernel chosen for this processor; NULL: not */
	const char *trainer;  /* NULL: beside this program, then PATH */
	const char *launcher; /* NULL: this program */
	bool offline;
	int cancel_fd;        /* -1: none; readable: stop preparing */
	void (*say)(void *arg, const char *line);
	void *arg;
};

/* The path of artui-train: @given when not NULL, else beside this program, else on the PATH.
 * Errors: NOT_FOUND says where it was looked for. */
ART_MUST_USE enum art_status trainer_find(char out[WORKSPACE_PATH_MAX], const char *given,
					  struct art_err *err);

/*
 * Find the training program and try it, install the data when missing, measure what the class needs.
 * May take minutes the first time. Errors: NOT_FOUND, UNSUPPORTED, IO with what is missing and what
 * to do; CANCELLED.
 */
ART_MUST_USE enum art_status trainer_open(struct trainer *t, const struct trainer_env *env,
					  double budget_s, struct art_err *err);
void trainer_class(const struct trainer *t, struct class_row *out);
/* Reference lines of the data set into the store. */
ART_MUST_USE enum art_status trainer_references(const struct trainer *t, struct store *st,
						struct art_err *err);
/* Still the evaluator and data that the night began with? CORRUPT names the file that is not. */
ART_MUST_USE enum art_status trainer_check_files(const struct trainer *t, struct art_err *err);

/* Make @dir with the recipe and what the command needs beside it, anew. */
ART_MUST_USE enum art_status trainer_inputs(const struct trainer *t, const char *dir,
					    const char *recipe, size_t len, int64_t seed,
					    struct art_err *err);
ART_MUST_USE enum art_status trainer_train(const struct trainer *t, struct job **out,
					   const char *dir, int64_t seed,
					   void (*line)(void *arg, bool side, const char *text),
					   void *arg, struct art_err *err);
/* @capture gets the evaluator's JSON. Native only. */
ART_MUST_USE enum art_status trainer_evaluate(const struct trainer *t, struct job **out,
					      const char *dir, struct art_buf *capture,
					      struct art_err *err);

/* ---- reading what it tells ------------------------------------------------------------------- */

/* The closing block of autoresearch's log; the last of each counts. */
struct trainer_summary {
	struct opt_f64 val_bpb, training_seconds, peak_mem_mb, mfu_percent, tokens_m, steps, params_m;
	bool fail; /* a line "FAIL": the program saw its own loss diverge */
};
void trainer_summary_line(struct trainer_summary *s, const char *line);

struct trainer_metric {
	double progress, seconds, loss, tokens_per_s; /* loss NaN: not finite */
	int64_t tokens;
};
/* One JSON line of the metrics descriptor, or one "step 00012 (3.4%) | loss: ..." line of
 * autoresearch's log. False: neither. */
ART_MUST_USE bool trainer_metric_json(struct trainer_metric *m, const char *line);
ART_MUST_USE bool trainer_metric_log(struct trainer_metric *m, const char *line);

/* The evaluator's answer: INVALID for an unreadable one or a value that is not finite and > 0,
 * CORRUPT for one about other data or by another evaluator than the class's. */
ART_MUST_USE enum art_status trainer_read_eval(const struct trainer *t, const char *json, size_t len,
					       double *val_bpb, char checkpoint_sha256[HASH_HEX],
					       struct art_err *err);

/* What a job that did not end well teaches; fault NONE when it did. */
struct trainer_outcome {
	enum run_fault fault;
	bool lost; /* killed by someone else: nobody's fault, run it again */
	char error[REASON_MAX];
};
void trainer_judge_end(struct trainer_outcome *out, const struct job_result *r, const char *tail,
		       const struct trainer_summary *s, bool oom_seen, double limit_s);

#endif
