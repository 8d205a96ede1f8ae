/*
 * store_schema.c - what the database looks like, version by version.
 *
 * The array of migrations is append-only: a released entry is never edited, for databases made by
 * it are out there. A new version is a new entry plus a dump of the old one in tests/vectors.
 *
 * Conventions: times are microseconds since 1970 UTC; NULL is "not known" or "none", never 0 or -1;
 * words for states are stored as words, so that the sqlite3 shell shows what the program shows.
 */
#include "store/store_sql.h"

#include <inttypes.h>
#include <stdio.h>

static const char schema_v1[] =
	/* Named values of the workspace. */
	"CREATE TABLE setting (\n"
	"  key   TEXT PRIMARY KEY CHECK (key <> ''),\n"
	"  value TEXT NOT NULL\n"
	") STRICT, WITHOUT ROWID;\n"

	/* Recipes by their hash: equal texts are kept once. */
	"CREATE TABLE content (\n"
	"  sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),\n"
	"  bytes  BLOB NOT NULL\n"
	") STRICT;\n"

	/* What makes two numbers comparable; 'class' in the program. */
	"CREATE TABLE class (\n"
	"  id               INTEGER PRIMARY KEY,\n"
	"  metric           TEXT NOT NULL,\n"
	"  data             TEXT NOT NULL,\n"
	"  data_sha256      TEXT NOT NULL,\n"
	"  evaluator_sha256 TEXT NOT NULL,\n"
	"  budget           TEXT NOT NULL,\n"
	"  hardware         TEXT NOT NULL,\n"
	"  UNIQUE (metric, data, data_sha256, evaluator_sha256, budget, hardware)\n"
	") STRICT;\n"

	"CREATE TABLE night (\n"
	"  id         INTEGER PRIMARY KEY,\n"
	"  class_id   INTEGER NOT NULL REFERENCES class (id),\n"
	"  started_at INTEGER NOT NULL,\n"
	"  ended_at   INTEGER,                -- NULL: open, to be resumed\n"
	"  seed       INTEGER NOT NULL,       -- the bits of an unsigned 64-bit number\n"
	"  rounds     INTEGER NOT NULL CHECK (rounds >= 0),\n"
	"  hours      REAL    NOT NULL CHECK (hours >= 0),\n"
	"  budget_s   REAL    NOT NULL CHECK (budget_s >= 0),\n"
	"  confirm    INTEGER NOT NULL CHECK (confirm >= 0),\n"
	"  end_reason TEXT    NOT NULL DEFAULT '',\n"
	"  -- The runs that ended before counted_to, already added up for the busy share:\n"
	"  busy_us    INTEGER NOT NULL DEFAULT 0,  -- a run was active\n"
	"  down_us    INTEGER NOT NULL DEFAULT 0,  -- no engine was alive\n"
	"  counted_to INTEGER NOT NULL             -- no run was active at this moment\n"
	") STRICT;\n"
	"CREATE INDEX night_class ON night (class_id);\n"

	"CREATE TABLE experiment (\n"
	"  id            INTEGER PRIMARY KEY,\n"
	"  night_id      INTEGER REFERENCES night (id),  -- NULL: imported\n"
	"  class_id      INTEGER NOT NULL REFERENCES class (id),\n"
	"  parent_id     INTEGER REFERENCES experiment (id),\n"
	"  proposer      TEXT NOT NULL CHECK (proposer <> ''),\n"
	"  verdict       TEXT NOT NULL DEFAULT 'pending' CHECK (verdict IN\n"
	"                ('pending', 'baseline', 'kept', 'discarded', 'failed', 'stopped',\n"
	"                 'cancelled', 'imported')),\n"
	"  val_bpb       REAL,                           -- mean of the n runs that count\n"
	"  n             INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0),\n"
	"  lo            REAL,\n"
	"  hi            REAL,\n"
	"  p_false_keep  REAL CHECK (p_false_keep BETWEEN 0 AND 1),\n"
	"  created_at    INTEGER NOT NULL,\n"
	"  decided_at    INTEGER,\n"
	"  -- Added up from the runs whenever one changes:\n"
	"  runs          INTEGER NOT NULL DEFAULT 0,\n"
	"  runs_live     INTEGER NOT NULL DEFAULT 0,\n"
	"  seconds       REAL    NOT NULL DEFAULT 0,\n"
	"  noise_df      INTEGER NOT NULL DEFAULT 0,     -- repeats beyond the first\n"
	"  noise_ss      REAL    NOT NULL DEFAULT 0,     -- their squared deviations\n"
	"  recipe_sha256 TEXT NOT NULL REFERENCES content (sha256),\n"
	"  title         TEXT NOT NULL,\n"
	"  idea          TEXT NOT NULL,\n"
	"  reason        TEXT NOT NULL DEFAULT '',\n"
	"  knobs         TEXT NOT NULL,\n"
	"  CHECK ((decided_at IS NULL) = (verdict = 'pending'))\n"
	") STRICT;\n"
	/* No duplicates; results told by others may repeat what we ran ourselves. */
	"CREATE UNIQUE INDEX experiment_recipe ON experiment (class_id, recipe_sha256)\n"
	"  WHERE proposer <> 'import';\n"
	"CREATE UNIQUE INDEX experiment_knobs ON experiment (class_id, knobs)\n"
	"  WHERE knobs <> '' AND proposer <> 'import';\n"
	/* One index per order of the experiments panel. */
	"CREATE INDEX experiment_by_id ON experiment (class_id);\n"
	"CREATE INDEX experiment_by_score ON experiment (class_id, val_bpb, verdict);\n"
	"CREATE INDEX experiment_by_time ON experiment (class_id, seconds);\n"
	"CREATE INDEX experiment_by_proposer ON experiment\n"
	"  (class_id, proposer, verdict, p_false_keep);\n"
	"CREATE INDEX experiment_by_verdict ON experiment (class_id, (CASE verdict\n"
	"  WHEN 'pending' THEN 0 WHEN 'baseline' THEN 1 WHEN 'kept' THEN 2 WHEN 'discarded' THEN 3\n"
	"  WHEN 'failed' THEN 4 WHEN 'stopped' THEN 5 WHEN 'cancelled' THEN 6 ELSE 7 END));\n"
	"CREATE INDEX experiment_night ON experiment (night_id, proposer, verdict);\n"
	"CREATE INDEX experiment_champion ON experiment (class_id, decided_at)\n"
	"  WHERE verdict IN ('baseline', 'kept');\n"
	"CREATE INDEX experiment_noise ON experiment (class_id, noise_df, noise_ss)\n"
	"  WHERE noise_df > 0;\n"

	"CREATE TABLE run (\n"
	"  id                INTEGER PRIMARY KEY,\n"
	"  experiment_id     INTEGER NOT NULL REFERENCES experiment (id),\n"
	"  idx               INTEGER NOT NULL CHECK (idx >= 0),\n"
	"  purpose           TEXT NOT NULL CHECK (purpose IN ('baseline', 'screen', 'confirm')),\n"
	"  executor          TEXT NOT NULL,\n"
	"  seed              INTEGER NOT NULL,\n"
	"  state             TEXT NOT NULL DEFAULT 'queued' CHECK (state IN\n"
	"                    ('queued', 'running', 'evaluating', 'done', 'failed', 'stopped',\n"
	"                     'cancelled')),\n"
	"  attempt           INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),\n"
	"  val_bpb           REAL,   -- measured by the harness\n"
	"  claimed_bpb       REAL,   -- printed by the training program\n"
	"  started_at        INTEGER,\n"
	"  finished_at       INTEGER,\n"
	"  seconds           REAL,\n"
	"  tokens            INTEGER,\n"
	"  steps             INTEGER,\n"
	"  params            INTEGER,\n"
	"  mfu               REAL,\n"
	"  peak_mem_mb       REAL,\n"
	"  throttled         INTEGER NOT NULL DEFAULT 0 CHECK (throttled IN (0, 1)),\n"
	"  fault             TEXT NOT NULL DEFAULT '',\n"
	"  error             TEXT NOT NULL DEFAULT '',\n"
	"  pid               INTEGER,\n"
	"  pid_started       INTEGER,\n"
	"  checkpoint_sha256 TEXT NOT NULL DEFAULT '',\n"
	"  UNIQUE (experiment_id, idx),\n"
	"  UNIQUE (experiment_id, seed)\n"
	") STRICT;\n"
	"CREATE INDEX run_live ON run (state)\n"
	"  WHERE state IN ('queued', 'running', 'evaluating');\n"
	"CREATE INDEX run_started ON run (started_at) WHERE started_at IS NOT NULL;\n"

	"CREATE TABLE run_log (\n"
	"  run_id INTEGER PRIMARY KEY REFERENCES run (id),\n"
	"  tail   TEXT NOT NULL\n"
	") STRICT;\n"

	"CREATE TABLE curve (\n"
	"  run_id   INTEGER NOT NULL REFERENCES run (id),\n"
	"  progress REAL    NOT NULL,  -- share of the budget, 0..1\n"
	"  seconds  REAL    NOT NULL,\n"
	"  tokens   INTEGER NOT NULL,\n"
	"  loss     REAL    NOT NULL,  -- nats per token, smoothed\n"
	"  PRIMARY KEY (run_id, progress)\n"
	") STRICT, WITHOUT ROWID;\n"

	"CREATE TABLE event (\n"
	"  id            INTEGER PRIMARY KEY AUTOINCREMENT,\n"
	"  at            INTEGER NOT NULL,\n"
	"  level         TEXT NOT NULL CHECK (level IN ('info', 'good', 'warn', 'error')),\n"
	"  kind          TEXT NOT NULL CHECK (kind <> ''),\n"
	"  experiment_id INTEGER REFERENCES experiment (id),\n"
	"  run_id        INTEGER REFERENCES run (id),\n"
	"  text          TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX event_experiment ON event (experiment_id) WHERE experiment_id IS NOT NULL;\n"

	"CREATE TABLE wish (\n"
	"  id      INTEGER PRIMARY KEY,\n"
	"  kind    TEXT NOT NULL CHECK (kind <> ''),\n"
	"  target  INTEGER,\n"
	"  text    TEXT NOT NULL,\n"
	"  made_at INTEGER NOT NULL,\n"
	"  done_at INTEGER,\n"
	"  granted INTEGER NOT NULL DEFAULT 0 CHECK (granted IN (0, 1)),\n"
	"  answer  TEXT NOT NULL DEFAULT ''\n"
	") STRICT;\n"
	"CREATE INDEX wish_waiting ON wish (id) WHERE done_at IS NULL;\n"

	"CREATE TABLE note (\n"
	"  id            INTEGER PRIMARY KEY,\n"
	"  kind          TEXT NOT NULL CHECK (kind <> ''),\n"
	"  origin        TEXT NOT NULL,\n"
	"  text          TEXT NOT NULL,\n"
	"  recipe_sha256 TEXT REFERENCES content (sha256),\n"
	"  state         TEXT NOT NULL DEFAULT 'waiting'\n"
	"                CHECK (state IN ('waiting', 'taken', 'refused')),\n"
	"  experiment_id INTEGER REFERENCES experiment (id),\n"
	"  answer        TEXT NOT NULL DEFAULT '',\n"
	"  made_at       INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX note_waiting ON note (kind, id) WHERE state = 'waiting';\n"

	"CREATE TABLE device (\n"
	"  name         TEXT PRIMARY KEY CHECK (name <> ''),\n"
	"  detail       TEXT NOT NULL,\n"
	"  state        TEXT NOT NULL,\n"
	"  run_id       INTEGER REFERENCES run (id),\n"
	"  tokens_per_s REAL,\n"
	"  updated_at   INTEGER NOT NULL\n"
	") STRICT;\n"

	"CREATE TABLE reference (\n"
	"  data_sha256 TEXT NOT NULL,\n"
	"  name        TEXT NOT NULL CHECK (name <> ''),\n"
	"  val_bpb     REAL NOT NULL,\n"
	"  note        TEXT NOT NULL,\n"
	"  PRIMARY KEY (data_sha256, name)\n"
	") STRICT;\n"

	/* The engine's presence: one row or none. */
	"CREATE TABLE engine (\n"
	"  id         INTEGER PRIMARY KEY CHECK (id = 1),\n"
	"  pid        INTEGER NOT NULL,\n"
	"  started_at INTEGER NOT NULL,\n"
	"  state      TEXT NOT NULL,\n"
	"  doing      TEXT NOT NULL\n"
	") STRICT;\n"
	/* When engines came up: the time before, back to the last run, was not idle but off. */
	"CREATE TABLE engine_start (\n"
	"  at INTEGER PRIMARY KEY\n"
	") STRICT;\n";

static const char schema_v2[] =
	/* The ledger. "dead": can never be taken again, and counts under no cap. */
	"CREATE TABLE payment (\n"
	"  id             INTEGER PRIMARY KEY,\n"
	"  state          TEXT NOT NULL CHECK (state IN ('reserved', 'signed', 'sent', 'settled',\n"
	"                 'refused', 'expired', 'unknown')),\n"
	"  amount         INTEGER NOT NULL CHECK (amount > 0),  -- millionths of a dollar\n"
	"  chain_id       INTEGER NOT NULL,\n"
	"  network        TEXT NOT NULL,\n"
	"  asset          TEXT NOT NULL,\n"
	"  pay_to         TEXT NOT NULL,\n"
	"  payer          TEXT NOT NULL,\n"
	"  nonce          TEXT NOT NULL CHECK (length(nonce) = 66),\n"
	"  valid_after    INTEGER NOT NULL,  -- seconds since 1970, as the authorization has them\n"
	"  valid_before   INTEGER NOT NULL,\n"
	"  x402_version   INTEGER NOT NULL,\n"
	"  method         TEXT NOT NULL,\n"
	"  url            TEXT NOT NULL,\n"
	"  request_sha256 TEXT NOT NULL CHECK (length(request_sha256) = 64),\n"
	"  run_id         INTEGER REFERENCES run (id),\n"
	"  payment_id     TEXT NOT NULL UNIQUE,\n"
	"  header         TEXT,              -- the signed payment as it is sent; NULL: none yet\n"
	"  status         INTEGER,           -- of the last HTTP answer\n"
	"  tx             TEXT NOT NULL DEFAULT '',\n"
	"  reason         TEXT NOT NULL DEFAULT '',\n"
	"  dead           INTEGER NOT NULL DEFAULT 0 CHECK (dead IN (0, 1)),\n"
	"  checked        INTEGER NOT NULL DEFAULT 0 CHECK (checked IN (0, 1)),\n"
	"  created_at     INTEGER NOT NULL,\n"
	"  sent_at        INTEGER,\n"
	"  ended_at       INTEGER,\n"
	"  UNIQUE (payer, nonce)\n"
	") STRICT;\n"
	/* Money moves at most once for one request, and for one run. */
	"CREATE UNIQUE INDEX payment_open ON payment (request_sha256)\n"
	"  WHERE dead = 0 AND state <> 'settled';\n"
	"CREATE UNIQUE INDEX payment_run ON payment (run_id) WHERE run_id IS NOT NULL AND dead = 0;\n"
	"CREATE INDEX payment_settled ON payment (request_sha256, id) WHERE state = 'settled';\n"
	/* What counts under the caps, and what is still to be found out. */
	"CREATE INDEX payment_counts ON payment (created_at, pay_to, amount) WHERE dead = 0;\n"
	"CREATE INDEX payment_unresolved ON payment (id)\n"
	"  WHERE dead = 0 AND NOT (state = 'settled' AND checked = 1);\n"
	"CREATE INDEX payment_payee ON payment (chain_id, pay_to) WHERE state = 'settled';\n";

static const char *const migrations[] = {
	schema_v1,
	schema_v2,
};

int store_schema_version(void)
{
	return (int)ART_COUNT(migrations);
}

static enum art_status pragma_int(struct store *st, const char *text, int64_t *out,
				  struct art_err *err)
{
	struct sql q;

	*out = 0;
	sql_open(&q, st, text);
	if (sql_row(&q))
		*out = sql_int(&q, 0);
	return sql_close(&q, err, "read the database's version");
}

enum art_status store_user_version(struct store *st, int64_t *out, struct art_err *err)
{
	return pragma_int(st, "PRAGMA user_version", out, err);
}

/* Ours, or empty; never somebody else's tables. */
static enum art_status check_owner(struct store *st, const char *path, int64_t *version,
				   struct art_err *err)
{
	int64_t id, objects;

	enum art_status s = store_user_version(st, version, err);
	if (s == ART_OK)
		s = pragma_int(st, "PRAGMA application_id", &id, err);
	if (s == ART_OK)
		s = pragma_int(st, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (s != ART_OK)
		return s;
	bool empty = id == 0 && *version == 0 && objects == 0;
	if (!empty && (id != STORE_APPLICATION_ID || *version < 1))
		return art_fail(err, ART_CORRUPT, "%s is not a database of artui", path);
	if (*version > store_schema_version())
		return art_fail(err, ART_CORRUPT,
				"%s was written by a newer artui (version %" PRId64
				" of the database, this program knows %d): use that one",
				path, *version, store_schema_version());
	return ART_OK;
}

static enum art_status apply(struct store *st, int64_t from, struct art_err *err)
{
	char text[96];

	for (int64_t v = from; v < store_schema_version(); v++) {
		enum art_status s = store_exec(st, migrations[v], err, "bring the database up to date");
		if (s != ART_OK)
			return s;
	}
	snprintf(text, sizeof(text), "PRAGMA user_version = %d; PRAGMA application_id = %d",
		 store_schema_version(), STORE_APPLICATION_ID);
	return store_exec(st, text, err, "bring the database up to date");
}

enum art_status store_migrate(struct store *st, const char *path, struct art_err *err)
{
	int64_t version;

	enum art_status s = check_owner(st, path, &version, err);
	if (s != ART_OK || version == store_schema_version())
		return s;
	if (st->read_only)
		return art_fail(err, ART_UNSUPPORTED,
				"%s has version %" PRId64 " and needs %d: open it for writing once",
				path, version, store_schema_version());

	/* Another process may be doing the same: look again inside the transaction. */
	s = store_begin(st, err);
	if (s != ART_OK)
		return s;
	s = check_owner(st, path, &version, err);
	if (s == ART_OK)
		s = apply(st, version, err);
	if (s == ART_OK)
		return store_commit(st, err);
	store_rollback(st);
	return s;
}
