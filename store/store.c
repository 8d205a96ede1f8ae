/*
 * store.c - opening a database, its transactions, and small durable values.
 */
#include "store/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store_sql.h"

#define SETTING_MAX 65536  /* bytes of one named value */
#define VALUE_MAX (8 << 20) /* bytes of any one value: a recipe has at most 1 MiB */
#define SQL_MAX (1 << 16)

/* ---- open and close ----------------------------------------------------------------------- */

static void harden(sqlite3 *db)
{
	static const struct {
		int op, on;
	} config[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		/* The schema has neither; a planted one shall not run. */
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
	};

	for (size_t i = 0; i < ART_COUNT(config); i++)
		ART_BUG_ON(sqlite3_db_config(db, config[i].op, config[i].on, NULL) != SQLITE_OK);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_extended_result_codes(db, 1);
}

static void pause_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/*
 * WAL, for good: it is a property of the file. Two processes that make the same database at the
 * same moment collide here, and SQLite answers "busy" at once instead of calling the busy handler,
 * since both hold a shared lock; so the wait is here.
 */
static enum art_status set_wal(struct store *st, const char *path, int busy_ms, struct art_err *err)
{
	int64_t deadline = art_mono_us() + (int64_t)busy_ms * 1000;

	for (;;) {
		struct sql q;
		char mode[16] = "";
		sql_open(&q, st, "PRAGMA journal_mode = WAL");
		if (sql_row(&q))
			sql_text(&q, 0, mode, sizeof(mode));
		bool busy = (q.rc & 0xff) == SQLITE_BUSY;
		enum art_status s = sql_close(&q, err, "open %s", path);
		if (s == ART_OK && sqlite3_stricmp(mode, "wal") == 0)
			return ART_OK;
		if (s == ART_OK)
			return art_fail(err, ART_UNSUPPORTED,
					"the file system of %s cannot share memory between "
					"processes, which the database needs", path);
		if (!busy || art_mono_us() >= deadline)
			return s;
		pause_ms(2);
	}
}

static enum art_status prepare(struct store *st, const char *path, int busy_ms, struct art_err *err)
{
	sqlite3_busy_timeout(st->db, busy_ms);
	harden(st->db);
	if (!store_add_functions(st->db))
		art_die("out of memory in the database");
	/* FULL: what a row says was sent, paid or started stays said after a power cut. Writes are
	 * few, so the fsync of each commit does not show. */
	enum art_status s = store_exec(st,
				       "PRAGMA synchronous = FULL;"
				       "PRAGMA temp_store = MEMORY;"
				       "PRAGMA cache_size = -16000;" /* KiB */
				       "PRAGMA journal_size_limit = 16777216;",
				       err, "set up the database");
	if (s == ART_OK && !st->read_only)
		s = set_wal(st, path, busy_ms, err);
	if (s == ART_OK)
		s = store_migrate(st, path, err);
	return s;
}

enum art_status store_open(struct store **out, const char *path, unsigned flags, int busy_ms,
			   struct art_err *err)
{
	struct stat sb;

	ART_BUG_ON((flags & STORE_READ_ONLY) && (flags & STORE_CREATE));
	if (!(flags & STORE_CREATE) && stat(path, &sb) != 0)
		return art_fail_errno(err, "cannot open %s", path);

	/* Signed payments are in it: made here, for SQLite would let everybody read it. */
	if (flags & STORE_CREATE) {
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
	}

	struct store *st = art_alloc(1, sizeof(*st));
	st->read_only = (flags & STORE_READ_ONLY) != 0;
	int mode = SQLITE_OPEN_NOMUTEX | (st->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	if (flags & STORE_CREATE)
		mode |= SQLITE_OPEN_CREATE;
	int rc = sqlite3_open_v2(path, &st->db, mode, NULL);
	enum art_status s = rc == SQLITE_OK ? prepare(st, path, busy_ms, err)
					    : store_fail(st, rc, err, "open %s", path);
	if (s != ART_OK) {
		store_close(st);
		return s;
	}
	*out = st;
	return ART_OK;
}

void store_close(struct store *st)
{
	if (st == NULL)
		return;
	store_rollback(st);
	for (size_t i = 0; i < STORE_STATEMENTS; i++)
		sqlite3_finalize(st->statements[i].s);
	/* Refused only while statements are left: those are all in the cache. */
	ART_BUG_ON(sqlite3_close(st->db) != SQLITE_OK);
	free(st);
}

void store_attach_bell(struct store *st, struct bell *b)
{
	st->bell = b;
}

/* ---- transactions ------------------------------------------------------------------------- */

static enum art_status control(struct store *st, const char *text, struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, text);
	return sql_finish(&q, err, "write to the database");
}

static enum art_status tx_open(struct store *st, enum store_tx tx, struct art_err *err)
{
	/* SQLite itself would refuse the first write only. */
	if (st->read_only && tx != STORE_TX_READ)
		return store_fail(st, SQLITE_READONLY, err, "write to the database");
	enum art_status s = control(st, tx == STORE_TX_READ ? "BEGIN" : "BEGIN IMMEDIATE", err);

	if (s == ART_OK) {
		st->tx = tx;
		st->nest = 0;
		st->topics = 0;
	}
	return s;
}

/* Some failures (a full disk, an I/O error) make SQLite undo the whole transaction by itself. */
static bool tx_undone(const struct store *st)
{
	return sqlite3_get_autocommit(st->db) != 0;
}

static void tx_undo(struct store *st)
{
	struct art_err ignored;

	/* A failing rollback leaves nothing to do: the journal undoes it at the next open. */
	if (!tx_undone(st) && control(st, "ROLLBACK", &ignored) != ART_OK)
		sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	st->tx = STORE_TX_NONE;
	st->nest = 0;
	st->topics = 0;
}

static enum art_status tx_commit(struct store *st, struct art_err *err)
{
	enum art_status s = tx_undone(st) ? art_fail(err, ART_IO, "the writes before were undone by a "
							 "failure of the disk")
					  : control(st, "COMMIT", err);
	if (s != ART_OK) {
		tx_undo(st);
		return s;
	}
	unsigned topics = st->topics;
	st->tx = STORE_TX_NONE;
	st->topics = 0;
	if (st->bell != NULL && topics != 0)
		bell_ring(st->bell, topics);
	return ART_OK;
}

enum art_status store_begin(struct store *st, struct art_err *err)
{
	ART_BUG_ON(st->tx != STORE_TX_NONE);
	return tx_open(st, STORE_TX_CALLER, err);
}

enum art_status store_commit(struct store *st, struct art_err *err)
{
	ART_BUG_ON(st->tx != STORE_TX_CALLER || st->nest != 0);
	return tx_commit(st, err);
}

void store_rollback(struct store *st)
{
	if (st->tx != STORE_TX_NONE)
		tx_undo(st);
}

enum art_status store_enter(struct store *st, struct art_err *err)
{
	ART_BUG_ON(st->tx == STORE_TX_READ);
	if (st->tx == STORE_TX_NONE)
		return tx_open(st, STORE_TX_OWN, err);
	if (tx_undone(st))
		return art_fail(err, ART_IO, "the writes before were undone by a failure of the disk");
	enum art_status s = control(st, "SAVEPOINT noun", err);
	if (s == ART_OK)
		st->nest++;
	return s;
}

enum art_status store_leave(struct store *st, enum art_status s, unsigned topics,
			    struct art_err *err)
{
	if (st->nest == 0) {
		if (s != ART_OK) {
			tx_undo(st);
			return s;
		}
		st->topics |= topics;
		return tx_commit(st, err);
	}
	st->nest--;
	if (s == ART_OK) {
		st->topics |= topics;
		return control(st, "RELEASE noun", err);
	}
	if (!tx_undone(st)) {
		struct art_err ignored;
		if (control(st, "ROLLBACK TO noun", &ignored) != ART_OK ||
		    control(st, "RELEASE noun", &ignored) != ART_OK)
			sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return s;
}

enum art_status store_read_enter(struct store *st, struct art_err *err)
{
	if (st->tx == STORE_TX_NONE)
		return tx_open(st, STORE_TX_READ, err);
	st->nest++;
	return ART_OK;
}

void store_read_leave(struct store *st)
{
	if (st->nest > 0)
		st->nest--;
	else
		tx_undo(st);
}

/* ---- values ------------------------------------------------------------------------------- */

enum art_status store_data_version(struct store *st, int64_t *out, struct art_err *err)
{
	struct sql q;

	*out = 0;
	sql_open(&q, st, "PRAGMA data_version");
	if (sql_row(&q))
		*out = sql_int(&q, 0);
	return sql_close(&q, err, "look for changes of the database");
}

enum art_status store_get(struct store *st, const char *key, char *out, size_t n,
			  struct art_err *err)
{
	struct sql q;

	sql_open(&q, st, "SELECT value FROM setting WHERE key = ?1");
	sql_bind_text(&q, 1, key, SETTING_MAX);
	bool found = sql_row(&q);
	if (found)
		sql_text(&q, 0, out, n);
	enum art_status s = sql_close(&q, err, "read \"%s\"", key);
	if (s == ART_OK && !found)
		return art_fail(err, ART_NOT_FOUND, "the workspace has no value \"%s\"", key);
	return s;
}

enum art_status store_set(struct store *st, const char *key, const char *value, struct art_err *err)
{
	struct sql q;

	enum art_status s = store_enter(st, err);
	if (s != ART_OK)
		return s;
	sql_open(&q, st, "INSERT INTO setting (key, value) VALUES (?1, ?2)"
			 " ON CONFLICT (key) DO UPDATE SET value = excluded.value");
	sql_bind_text(&q, 1, key, SETTING_MAX);
	sql_bind_text(&q, 2, value, SETTING_MAX);
	s = sql_finish(&q, err, "write \"%s\"", key);
	return store_leave(st, s, 0, err);
}
