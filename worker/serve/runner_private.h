/*
 * runner_private.h - between the files of the runner.
 *
 * Layer: worker/serve. All of it belongs to the runner's thread once that has started.
 */
#ifndef WORKER_SERVE_RUNNER_PRIVATE_H
#define WORKER_SERVE_RUNNER_PRIVATE_H

#include <pthread.h>
#include <sys/stat.h>

#include "core/exec/job.h"
#include "core/exec/trainer.h"
#include "store/hash.h"
#include "worker/serve/runner.h"

#define RUNNER_PATH_MAX 1400
#define RUNNER_ATTEMPTS 2       /* starts that may come to nothing by our fault */
#define RUNNER_PATHS_MAX 64     /* shown read-only */
#define RUNNER_POINTS 64        /* of a curve, till they are stored */
#define RUNNER_MARK "ARTUI_WORKER"

/* ---- evaluator and data ------------------------------------------------------------------------------ */

struct kept_file {
	char *path;
	struct hash_hex hash;
	dev_t device;
	ino_t inode;
	int64_t size, mtime_ns, ctime_ns;
};
struct kept_files {
	struct kept_file *f;
	size_t n, cap;
};
/* A file, or every regular file below a directory, in a fixed order. LIMIT for too many. */
ART_MUST_USE enum art_status kept_add(struct kept_files *k, const char *path, struct art_err *err);
/* CORRUPT names the first that is not as it was. */
ART_MUST_USE enum art_status kept_check(struct kept_files *k, struct art_err *err);
/* One hash over names and contents, of the first @n files. */
struct hash_hex kept_hash(const struct kept_files *k, size_t n);
void kept_destroy(struct kept_files *k);

/* ---- directories ------------------------------------------------------------------------------------- */

/*
 * scratch/ anew, with train.py, config.json and links to the evaluator. CORRUPT when train.py is not the
 * bytes of @sha256.
 */
ART_MUST_USE enum art_status dir_prepare(const struct runner_options *opt, const char *experiment_id,
					 const char *sha256, const struct kept_files *evaluator,
					 size_t n_evaluator, struct art_err *err);
/* The newest artifact in scratch/ becomes a plain file of ours beside it. NOT_FOUND, LIMIT. */
ART_MUST_USE enum art_status dir_take_artifact(const char *dir, const char *experiment_id,
					       int64_t max_bytes, char name[128], int64_t *bytes,
					       struct art_err *err);
/* What only a run needs: scratch/ and eval/. */
void dir_clear(const char *dir, const char *experiment_id);
/* Directories of ended orders older than @keep_days, and of none at all older than a day. How many. */
int dir_sweep(struct store *st, const char *dir, int keep_days);
/* Left on the disk; INT64_MAX when not told. */
int64_t dir_free(const char *dir);

/* ---- the runner -------------------------------------------------------------------------------------- */

enum run_phase {
	PHASE_FREE,
	PHASE_TRAIN,
	PHASE_HASH,     /* of the artifact, a piece a turn */
	PHASE_EVALUATE, /* native */
	PHASE_OUTCOME,  /* decided; the store has still to take it */
};
enum run_end { END_FINISH, END_AGAIN, END_STOPPED /* our own end */, END_CANCELLED };

struct device {
	struct runner *r;
	char name[80];
	int gpu;                    /* index; -1: the CPU */
	struct gpu_facts facts;
	bool lost, hot;
	char state[24], detail[160]; /* as told last */
	int64_t read_us;            /* GPU read last */
	int64_t hold_us;            /* starts nothing before, after failures of ours */
	int faults;                 /* in a row */

	enum run_phase phase;
	struct order_row order;     /* becomes the outcome */
	struct job *job;
	enum run_end end;
	char why[256];              /* END_AGAIN, END_STOPPED */
	bool cut;                   /* we ended the job; end, order say how */
	struct art_buf answer;      /* the evaluator's */
	int hash_fd;
	struct hash_state *hash;
	int64_t look_us, flushed_us, log_bytes;
	bool has_metrics, news;
	struct opt_f64 tokens_per_s;
	double kept_progress;
	struct order_point points[RUNNER_POINTS];
	int n_points;
};

struct runner {
	struct runner_options opt;
	char dir[RUNNER_PATH_MAX];  /* real path */
	struct runner_facts facts;
	struct trainer trainer;     /* native: program, kernel, threads, hashes */
	struct kept_files files;
	size_t n_evaluator;         /* of files, the first ones */
	const char *shown[RUNNER_PATHS_MAX + 1];
	char *owned[RUNNER_PATHS_MAX + 1];
	char mark[17];              /* names this worker in the environment of what it runs */
	int threads;                /* a device */
	int64_t mem_bytes, disk_bytes, log_bytes, procs, floor_bytes;
	struct gpus *gpus;
	struct device devices[GPUS_MAX];
	int n_devices;
	struct store *store;
	struct bell_sub *sub;
	int lock_fd, wake_fd;
	_Atomic bool stopping;
	pthread_t thread;
	bool has_thread;
	bool no_disk, changed;      /* told, and nothing starts */
	int64_t version, sweep_us, check_us;
	char told[128];             /* the last trouble with the store */
};

/* runner_run.c */
/* An order that order_next gave to @d. The end comes by run_turn. */
void run_start(struct device *d);
/* What there is to do for the present run; true when it has ended and the device is free. */
ART_MUST_USE bool run_turn(struct device *d);
void run_look(struct device *d);         /* was it cancelled? */
void run_stop(struct device *d, enum run_end end, const char *why);
void run_line(void *arg, bool side, const char *text); /* a line of a run, @arg its device */
int64_t run_wake_us(const struct device *d);
/* runner_native.c */
/* Finds and tries artui-train, its data, and the class; fills facts. */
ART_MUST_USE enum art_status native_open(struct runner *r, struct art_err *err);
ART_MUST_USE enum art_status native_evaluate(struct device *d, struct art_err *err);
ART_MUST_USE enum art_status native_train(struct device *d, struct art_err *err);
/* runner_child.c: a command in the sandbox. @scratch: host directory. */
struct child {
	const char *const *command;
	const char *scratch;
	const char *also;                /* one more path to see; NULL */
	const char *log, *side_path;
	enum job_side side;
	struct art_buf *capture;
	double time_s;
	void (*line)(void *arg, bool side, const char *text);
};
ART_MUST_USE enum art_status child_open(struct runner *r, const struct device *d, const struct child *c,
					struct job **out, struct art_err *err);
/* For a short answer in the sandbox; waits. UNSUPPORTED with the last line it said. */
ART_MUST_USE enum art_status child_ask(struct runner *r, const char *const *command, struct art_buf *answer,
				       struct art_err *err);

#endif
