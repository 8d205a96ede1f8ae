/*
 * night.h - the overnight loop: propose, run, judge, keep or discard, until the night is over.
 *
 * Layer: core. Threads: one thread owns a struct night and the store it was given; it sleeps in its
 * own poll on night_pollfds and calls night_turn.
 *
 * All decisions are functions of the store's rows. What is in memory (the present child, its live
 * curve) can be lost at any instruction: night_recover puts the run that was under way back into the
 * queue, and it runs again with the same seed.
 */
#ifndef CORE_RESEARCH_NIGHT_H
#define CORE_RESEARCH_NIGHT_H

#include <poll.h>

#include "core/config.h"
#include "core/core.h"
#include "core/exec/job.h"
#include "core/workspace.h"
#include "store/events.h"
#include "store/experiments.h"
#include "store/store.h"

struct night_env {
	const struct workspace *w;
	const struct config *config;
	struct store *store;
	const char *trainer, *launcher; /* as in trainer_env */
	bool offline;
	int cancel_fd;                  /* readable: give up whatever takes long */
};

struct night;
struct night *night_new(const struct night_env *env);
/* Ends the present run and puts it back into the queue; the night stays open. NULL is fine. */
void night_free(struct night *n);

/* After a death: end orphans, requeue their runs, write a report that is missing. */
ART_MUST_USE enum art_status night_recover(struct night *n, struct art_err *err);

/* Take up one wish and answer it. */
ART_MUST_USE enum art_status night_wish(struct night *n, const struct wish_row *w,
					struct art_err *err);

/* Do all that can be done without waiting. After an error of the store it may be called again. */
ART_MUST_USE enum art_status night_turn(struct night *n, struct art_err *err);
int night_pollfds(const struct night *n, struct pollfd fds[JOB_POLLFDS]);
/* Latest time of the next turn, by art_mono_us; INT64_MAX: when something happens. */
int64_t night_wake_us(const struct night *n);

/* "idle", "running" or "paused", and what is being done, for the engine's row. */
const char *night_state(const struct night *n);
void night_doing(const struct night *n, char *out, size_t size);

/* The seed of run @idx of the night's experiment number @number (from 1): 1 .. 2^31 - 2. */
int64_t night_run_seed(uint64_t night_seed, int64_t number, int64_t idx);

#endif
