/*
 * runner.h - runs accepted orders, one a device, each in a sandbox; keeps log, curve, artifact and outcome.
 *
 * Layer: worker/serve. Threads: one of its own for everything (children, devices, telemetry); runner_* from any.
 *
 * An order's directory is DATA/orders/<experiment id>/: train.py and config.json as the buyer sent them, run.log, metrics.jsonl, the artifact, and
 * scratch/ while it runs. Evaluator and data are looked at before and after each run (size, times and inode of every file; what differs in
 * one of them is hashed again); a run that they changed under fails by our fault, and no other starts until they are as they were.
 *
 * Whose fault: an exit status, a signal, a limit of time, memory, disk or log is the buyer's. A sandbox that cannot be built or is killed from
 * outside, a lost GPU, a full disk, our own end put the order back into the queue; after the second start that came to nothing it is
 * FAILED by our fault (our own end alone never does that). With the native trainer the score is the evaluator's, of the checkpoint that
 * was kept; what the log says counts for nothing.
 *
 * The command runs in the scratch directory with HOME there, PATH, LC_ALL, TZ, PYTHONUNBUFFERED=1, TMPDIR=/tmp, ARTUI_EXPERIMENT_ID and
 * AUTORESEARCH_EXPERIMENT_ID, AUTORESEARCH_EXPERIMENT_DIR, AUTORESEARCH_EXPERIMENT_CONFIG (path of config.json), ARTUI_BUDGET_S,
 * ARTUI_THREADS, ARTUI_METRICS_FD, ARTUI_DATA_DIR when there is one, CUDA_VISIBLE_DEVICES on a GPU, and nothing else. Evaluator files are
 * linked beside train.py under their own names.
 *
 * Devices have rows in the store, "sale:cpu" or "sale:cuda:0", with the state idle, busy, paused, draining, hot, changed (evaluator or
 * data), no disk, failing (after failures of ours in a row the pause doubles, from a second to some minutes) or absent; the same names serve the switches (a device's own PAUSED and DRAINING
 * mean the same: it ends what it runs and starts nothing). One runner a directory: a lock on DATA/runner.lock.
 */
#ifndef WORKER_SERVE_RUNNER_H
#define WORKER_SERVE_RUNNER_H

#include "core/exec/gpu.h"
#include "core/exec/sandbox.h"
#include "store/sales.h"

struct runner_options {
	const char *db;                   /* path of the store; the runner opens its own */
	struct bell *bell;
	const char *dir;                  /* DATA */
	const char *train_command;        /* shell command line, run in scratch with train.py there; NULL: the native trainer */
	const char *trainer;              /* artui-train; NULL: beside this program */
	const char *data_dir;             /* read-only in the sandbox; native: prepared data; NULL none */
	const char *const *read_only;     /* more to be seen read-only (an environment of Python's), not hashed; NULL none */
	const char *const *evaluator;     /* files hashed and visible read-only; NULL-terminated; NULL none */
	double budget_s;                  /* training seconds promised */
	double grace_s;                   /* beyond it before the run is ended */
	enum sandbox_kind sandbox;
	bool gpu;                         /* one device per GPU, else one device: the CPU */
	const char *launcher;             /* understands __job and __sandbox; NULL: this program */
	const char *gpu_library;          /* NVML; NULL: the driver's */
	int64_t mem_bytes, disk_bytes, log_bytes, procs; /* limits of a run; 0: 3/4 of free memory shared by the devices, 16 GiB, 16 MiB,
							    512 */
	int64_t disk_floor_bytes;         /* with less left on the disk nothing starts; 0: 1 GiB */
	double max_temperature_c;         /* a device above it starts nothing; 0: none */
	int keep_days;                    /* directories of ended orders are removed after; 0: 7 */
	/* On the runner's thread, after the outcome is stored (a cancelled run's too). */
	void (*ended)(void *arg, int64_t order_id);
	/* Asked just before a run starts; false ends the order as FAILED with @why (the buyer cannot pay any more). */
	bool (*may_start)(void *arg, const struct order_row *order, char why[256]);
	/* More of an order's log or curve is there. */
	void (*progress)(void *arg, int64_t order_id);
	void *arg;
};
struct runner;
/*
 * Recovers what a dead one left (orphans, scratch directories, order_recover) first, and tries the sandbox with all that runs will be shown.
 * May hash much data. Errors: INVALID for options that cannot work, CONFLICT when another has the directory, UNSUPPORTED for a sandbox
 * or trainer that does not work here, with its words.
 */
ART_MUST_USE enum art_status runner_start(struct runner **out, const struct runner_options *opt,
					  struct art_err *err);
/* Ends the present runs (they go back to QUEUED), joins. NULL is fine. */
void runner_stop(struct runner *r);
void runner_wake(struct runner *r);       /* an order was queued, cancelled, or a switch was set */

/* Facts for free: the class of hardware ("cpu:... x2 avx512bf16" or the GPU's name), hashes. Fixed after start. */
struct runner_facts {
	char device[96], class_text[96], data_sha256[65], evaluator_sha256[65], sandbox[16];
	char gpu[64];                     /* "" none */
	struct opt_f64 gpu_mem_mb;
	int devices;
	bool native;
};
void runner_facts(const struct runner *r, struct runner_facts *out);

/* Writes train.py and config.json ("{}" for "") durably, for an order that cannot run yet. */
ART_MUST_USE enum art_status runner_keep(const char *dir, const char *experiment_id,
					 const char *train_py, size_t len, const char *config,
					 struct art_err *err);
/* DATA/orders/<id>/<name>. */
const char *runner_path(char *buf, size_t n, const char *dir, const char *experiment_id,
			const char *name);

/*
 * The score in a log: the last number after "val_bpb:" (or "val_bpb =", a JSON member), which must be a whole float, finite and > 0: a
 * last one that is nan, inf or below makes the log one without a score. Words there are no number and are passed over. Results files of the
 * program's are not believed. NOT_FOUND.
 */
ART_MUST_USE enum art_status runner_score(const char *log, size_t len, double *out,
					  struct art_err *err);

#endif
