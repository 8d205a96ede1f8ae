/*
 * config.h - settings: one table of keys, filled from defaults, files and -c options, in that order.
 *
 * Layer: core. Files: $XDG_CONFIG_HOME/artui/config, then WORKSPACE/.artui/config, INI format (inih),
 * read and never written. An unknown key, a wrong type or a value out of range is INVALID with file
 * and line. After loading, a struct config is only read, so any thread may.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "store/base.h"
#include "core/workspace.h"

enum config_type { CONFIG_TEXT, CONFIG_INT, CONFIG_REAL, CONFIG_BOOL };

/* (SECTION_KEY, "section.key", type, default, low, high, help). artui-config(5) is checked against it. */
#define CONFIG_LIST(_)                                                                                        \
	_(DATA_CORPUS, "data.corpus", CONFIG_TEXT, "kjv", 0, 0, "text to train on when the workspace has none: kjv, sotu, or a directory made by artui-train prepare") \
	_(TRAIN_COMMAND, "train.command", CONFIG_TEXT, "", 0, 0, "training command run by /bin/sh -c in the run's directory with the recipe as train.py; empty: the native trainer") \
	_(TRAIN_EVALUATOR, "train.evaluator", CONFIG_TEXT, "", 0, 0, "files of a training command's evaluator and data, separated by spaces, hashed before and after each run") \
	_(TRAIN_BUDGET_S, "train.budget_s", CONFIG_REAL, "300", 1, 604800, "training seconds of one run") \
	_(TRAIN_GRACE_S, "train.grace_s", CONFIG_REAL, "120", 1, 86400, "seconds beyond the budget before a run is ended") \
	_(TRAIN_THREADS, "train.threads", CONFIG_INT, "0", 0, 1024, "threads of the native trainer; 0: all processors this program may use") \
	_(TRAIN_KERNEL, "train.kernel", CONFIG_TEXT, "auto", 0, 0, "kernels of the native trainer: auto, plain, avx2, avx512, avx512bf16, amx") \
	_(TRAIN_MEM_MB, "train.mem_mb", CONFIG_INT, "0", 0, 16777216, "memory limit of one run in MiB; 0: three quarters of what is free at start; 16777216: no limit") \
	_(TRAIN_LOG_MB, "train.log_mb", CONFIG_INT, "64", 1, 65536, "size at which a run's log ends the run") \
	_(SEARCH_CONFIRM, "search.confirm", CONFIG_INT, "3", 1, 20, "fresh seeds that confirm a candidate, and runs of the baseline") \
	_(SEARCH_SCREEN, "search.screen", CONFIG_TEXT, "min", 0, 0, "what a first run must be below: min (the incumbent's best), mean, or sigma (one sigma below the mean)") \
	_(SEARCH_WARMUP, "search.warmup", CONFIG_INT, "10", 0, 1000, "quasi-random candidates before the model-based ones") \
	_(SEARCH_KNOBS, "search.knobs", CONFIG_TEXT, "", 0, 0, "constants the search may change, separated by spaces; empty: all it knows in the recipe") \
	_(SEARCH_PLATEAU, "search.plateau", CONFIG_INT, "40", 0, 100000, "candidates without a keep that end the night; 0: never") \
	_(SEARCH_FAILURES, "search.failures", CONFIG_INT, "12", 1, 1000, "failed candidates in a row that end the night") \
	_(SEARCH_EARLY_STOP, "search.early_stop", CONFIG_BOOL, "true", 0, 0, "end runs that diverge or stay worse than the median of finished ones") \
	_(NIGHT_SEED, "night.seed", CONFIG_INT, "0", 0, 9007199254740991.0, "seed of the night's choices; 0: drawn at the start") \
	_(NIGHT_KEEP_CHECKPOINTS, "night.keep_checkpoints", CONFIG_INT, "3", 1, 1000, "checkpoints of kept experiments left on disk, newest first") \
	_(TUI_THEME, "tui.theme", CONFIG_TEXT, "default", 0, 0, "colours: default, light, mono, contrast, or a file") \
	_(TUI_MOUSE, "tui.mouse", CONFIG_BOOL, "true", 0, 0, "use the mouse; M toggles it")

enum config_key {
#define CONFIG_ENUM(name, ...) CONFIG_##name##_KEY,
	CONFIG_LIST(CONFIG_ENUM)
#undef CONFIG_ENUM
	CONFIG_KEY_COUNT
};

struct config_entry {
	const char *name;
	enum config_type type;
	const char *def;
	double lo, hi;
	const char *help;
};
const struct config_entry *config_entry(enum config_key k);

struct config;
/* @w may be NULL (no workspace yet). @overrides: "section.key=value" texts of -c, in order. */
ART_MUST_USE enum art_status config_load(struct config **out, const struct workspace *w,
					 const char *const *overrides, int n_overrides,
					 struct art_err *err);
void config_free(struct config *c);
const char *config_text(const struct config *c, enum config_key k);
int64_t config_int(const struct config *c, enum config_key k);
double config_real(const struct config *c, enum config_key k);
bool config_bool(const struct config *c, enum config_key k);
/* Where the value came from: "default", "-c", or "FILE:LINE". Borrowed. */
const char *config_origin(const struct config *c, enum config_key k);

#endif
