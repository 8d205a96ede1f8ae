/*
 * store.h - one SQLite connection, its transactions, the bell, and small durable values.
 *
 * Layer: store. Threads: one struct store per thread (opened there, used there, closed there);
 * the bell crosses threads. sqlite3.h stays inside store/.
 *
 * Database: WAL, foreign keys, busy timeout, append-only migrations in store_schema.c. Every write
 * is one short BEGIN IMMEDIATE transaction with no I/O inside, and every state change is written
 * in the same transaction as the event row that tells of it.
 *
 * All store functions: BUSY when another process holds the write lock too long, CORRUPT for a
 * damaged, newer or foreign database, IO for a failing disk, UNSUPPORTED for a write through a
 * read-only store, INVALID for a row that breaks the schema (an id that does not exist, a number
 * that is not finite). After any failure of a noun function nothing of it was written, inside a
 * transaction too. Lists are filled into a struct the caller zero-initialises and frees with
 * x_list_destroy; a list filled again is emptied first; after a failure it is empty. Rows are
 * plain values. Text that people or programs wrote passes art_text_clean on its way in.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/base.h"

struct store;

enum store_flags {
	STORE_READ_ONLY = 1, /* no migrations, no writes */
	STORE_CREATE = 2,    /* make the file when missing */
};

/*
 * Owns: *out, close with store_close. Every call waits up to @busy_ms for other writers.
 * Errors: NOT_FOUND for a missing file without STORE_CREATE; UNSUPPORTED for an older version
 * opened read-only, or a file system that cannot hold a WAL database.
 */
ART_MUST_USE enum art_status store_open(struct store **out, const char *path, unsigned flags,
					int busy_ms, struct art_err *err);
void store_close(struct store *st);
int store_schema_version(void); /* newest known */

/*
 * Group several writes of the noun files into one transaction. Nested calls are refused (bug).
 * store_commit rings the bell for the topics written. store_rollback is safe after a failure.
 * A noun function called outside begin/commit makes its own transaction.
 */
ART_MUST_USE enum art_status store_begin(struct store *st, struct art_err *err);
ART_MUST_USE enum art_status store_commit(struct store *st, struct art_err *err);
void store_rollback(struct store *st);

/* What a commit was about; what a panel shows. */
enum store_topic {
	TOPIC_EXPERIMENT = 1u << 0, /* experiments, runs, nights */
	TOPIC_CURVE = 1u << 1,
	TOPIC_EVENT = 1u << 2,
	TOPIC_WISH = 1u << 3,
	TOPIC_NOTE = 1u << 4,
	TOPIC_DEVICE = 1u << 5,
	TOPIC_REFERENCE = 1u << 6,
	TOPIC_ENGINE = 1u << 7,
	TOPIC_PAYMENT = 1u << 8,
	TOPIC_AGENT = 1u << 9,   /* agents, facts, sources */
	TOPIC_WORKER = 1u << 10, /* endpoints, probes, trust */
	TOPIC_ORDER = 1u << 11,  /* what the selling side was asked for */
	TOPIC_SALE = 1u << 12,   /* what the selling side was paid */
	TOPIC_ALL = 0xffffffffu,
};

/*
 * The bell of one process: after COMMIT every subscriber of a topic gets its mask OR-ed and its
 * eventfd written once. Reader: drain the fd, *then* take the mask, *then* query.
 * The bell outlives every store attached to it; subscribers unsubscribe before bell_free (bug).
 * A wake with an empty mask is possible and means nothing.
 */
struct bell;
struct bell_sub;
struct bell *bell_new(void);
void bell_free(struct bell *b);
void store_attach_bell(struct store *st, struct bell *b);
struct bell_sub *bell_subscribe(struct bell *b, unsigned topics);
void bell_unsubscribe(struct bell *b, struct bell_sub *s);
int bell_fd(const struct bell_sub *s);            /* poll for POLLIN */
unsigned bell_take(struct bell_sub *s);           /* drains, then answers the mask */
void bell_ring(struct bell *b, unsigned topics);  /* from any thread */

/* Changes when another connection committed (PRAGMA data_version): a hint to re-query. */
ART_MUST_USE enum art_status store_data_version(struct store *st, int64_t *out, struct art_err *err);

/* Named durable values of the workspace ("night.seed", "plateau.since", ...). */
ART_MUST_USE enum art_status store_get(struct store *st, const char *key, char *out, size_t n,
				       struct art_err *err); /* NOT_FOUND */
ART_MUST_USE enum art_status store_set(struct store *st, const char *key, const char *value,
				       struct art_err *err);

/* PRAGMA integrity_check plus our own invariants; writes one sentence a finding into @out. */
ART_MUST_USE enum art_status store_check(struct store *st, struct art_buf *out, int *findings,
					 struct art_err *err);

#endif
