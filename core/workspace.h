/*
 * workspace.h - the directory an artui works in: where its files are, and who holds it.
 *
 * Layer: core. A workspace is a directory with .artui/ inside:
 *   .artui/artui.db  .artui/config (read, never written)  .artui/lock  .artui/data/<name>/
 *   .artui/runs/<experiment>/<run>/{recipe.py,log,metrics.jsonl,model.safetensors}
 *   .artui/reports/  .artui/models/   and recipe.py beside .artui/ (the starting recipe)
 */
#ifndef CORE_WORKSPACE_H
#define CORE_WORKSPACE_H

#include "store/base.h"
#include "store/store.h"

#define WORKSPACE_PATH_MAX 1024

struct workspace {
	char root[WORKSPACE_PATH_MAX]; /* absolute */
	char dir[WORKSPACE_PATH_MAX];  /* root/.artui */
};

/* Search upward from @start (NULL: the current directory) like git. NOT_FOUND says how to make one. */
ART_MUST_USE enum art_status workspace_find(struct workspace *w, const char *start,
					    struct art_err *err);
/*
 * Make one in @root (made when missing): directories, database, the recipe (copied from @recipe, or
 * the native default when NULL). Running it on an existing workspace is CONFLICT and changes nothing.
 */
ART_MUST_USE enum art_status workspace_init(struct workspace *w, const char *root,
					    const char *recipe, struct art_err *err);
/* root/.artui/<fmt...>; bug when it does not fit. Returns @buf. */
const char *workspace_path(const struct workspace *w, char buf[WORKSPACE_PATH_MAX], const char *fmt,
			   ...) ART_PRINTF(3, 4);

/* The database; one per thread. */
ART_MUST_USE enum art_status workspace_store(const struct workspace *w, struct store **out,
					     unsigned flags, int busy_ms, struct art_err *err);

/* The engine lock (flock on .artui/lock, released by the kernel at any death). *fd is closed by
 * the caller to release. CONFLICT names the pid that holds it. */
ART_MUST_USE enum art_status workspace_lock(const struct workspace *w, int *fd, struct art_err *err);
/* pid of the engine that holds the lock, 0 when none. */
int64_t workspace_engine_pid(const struct workspace *w);

#endif
