/*
 * core.h - the engine: starts and stops its thread; the one door for faces.
 *
 * Layer: core. The engine thread turns wishes into facts: it proposes, runs, judges, reports. Faces
 * learn of it through the store and the bell alone. One engine per workspace (the lock file).
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "store/base.h"
#include "store/store.h"
#include "core/config.h"
#include "core/workspace.h"

struct core;

struct core_options {
	const struct workspace *workspace; /* borrowed until core_close */
	const struct config *config;       /* borrowed until core_close */
	struct bell *bell;                 /* borrowed until core_close */
	const char *trainer;               /* path of artui-train; NULL: beside /proc/self/exe, then PATH */
	bool offline;                      /* nothing on the network */
};

/*
 * Take the workspace's lock, recover what a dead engine left (runs back to queued, orphans ended),
 * start the engine thread idle. Errors: CONFLICT when another engine has the workspace: attach to
 * its store instead.
 */
ART_MUST_USE enum art_status core_open(struct core **out, const struct core_options *opt,
				       struct art_err *err);
/*
 * End cleanly: the present run is ended and goes back to queued (its night stays open, to be
 * resumed), threads joined, lock released. NULL is fine. Returns within about 3 seconds.
 */
void core_close(struct core *c);

/* What a night is asked to do. Zero fields take the configuration's value. */
struct night_options {
	int64_t rounds;
	double hours;
	double budget_s;
	int64_t confirm;
	uint64_t seed;
};
/* As the text of a START wish. */
void night_options_json(const struct night_options *o, struct art_buf *b);

/*
 * Check and prepare without an engine: data present (installs data.corpus by running
 * `artui-train corpus` when it is kjv or sotu and missing; tells its progress through @say),
 * trainer runs, recipe parses. For headless start and doctor.
 */
ART_MUST_USE enum art_status core_prepare(const struct core_options *opt,
					  void (*say)(void *arg, const char *line), void *arg,
					  struct art_err *err);

#endif
