/*
 * pool.h - a few threads for work that may wait (facilitators, chains, disks), each with its own store.
 *
 * Layer: worker/serve. Threads: pool_add from any. Tasks run in the order they came, several at once.
 */
#ifndef WORKER_SERVE_POOL_H
#define WORKER_SERVE_POOL_H

#include "store/store.h"

/* @st is the thread's own; NULL: the pool is ending, free what @arg holds and do nothing else. */
typedef void (*pool_fn)(void *arg, struct store *st);

struct pool;
ART_MUST_USE enum art_status pool_open(struct pool **out, const char *db, struct bell *bell, int threads,
				       struct art_err *err);
/* False: more than @max wait already (0: no ceiling); nothing was taken. */
ART_MUST_USE bool pool_add(struct pool *p, pool_fn fn, void *arg, size_t max);
/* Ends the tasks that run, then calls what waits with a NULL store. NULL is fine. */
void pool_close(struct pool *p);

#endif
